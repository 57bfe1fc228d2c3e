"""The older weight_norm and spectral_norm, which compute a weight before every forward
(torch.nn.utils.weight_norm, torch.nn.utils.spectral_norm)."""
import warnings

from ...engine.core import no_grad
from ...ops import shape_public as s
from ..arguments import need
from ..parameter import Parameter
from .parametrizations import as_matrix, need_iterations, norm_except_dim, rows_of, scaled_to, step, unit


class _Hook:
    """A weight computed from a module's other tensors before every forward."""

    def attach(self, module):
        """Register it; one weight has one such hook."""
        for _, hook in module._hooks.values():
            other = getattr(hook, "function", None)
            need(type(other) is not type(self) or other.name != self.name, "Cannot register two {} hooks on "
                 "the same parameter {}\nOne is enough.", self.kind, self.name)
        weight = module._parameters.pop(self.name)
        need(weight is not None, "`SpectralNorm` cannot be applied as parameter `{}` is None\n"
             "The module has no such weight.", self.name, error=ValueError)
        self.split(module, weight)
        module.register_forward_pre_hook(self)
        return module

    def __call__(self, module, inputs):
        setattr(module, self.name, self.weight(module, module.training))

    def detach(self, module):
        """Give the weight back as a parameter, and take the hook out."""
        with no_grad():
            weight = self.weight(module, False)
        for name in (self.name, *[self.name + suffix for suffix in self.suffixes]):
            delattr(module, name)
        module.register_parameter(self.name, Parameter(weight.detach()))


class _WeightNorm(_Hook):
    kind, suffixes = "weight_norm", ("_g", "_v")

    def __init__(self, name, dim):
        self.name, self.dim = name, -1 if dim is None else dim

    def split(self, module, weight):
        """Lengths and directions, from which the weight comes."""
        length = norm_except_dim(weight.detach(), self.dim)
        module.register_parameter(f"{self.name}_g", Parameter(length))
        module.register_parameter(f"{self.name}_v", Parameter(weight.data))
        setattr(module, self.name, self.weight(module, False))

    def weight(self, module, training):
        """The weight as it is now."""
        return scaled_to(getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g"), self.dim)


class _SpectralNorm(_Hook):
    kind, suffixes = "spectral_norm", ("_u", "_v", "_orig")

    def __init__(self, name, iterations, dim, eps):
        need_iterations(iterations)
        self.name, self.iterations, self.dim, self.eps = name, iterations, dim, eps

    def split(self, module, weight):
        """The weight, and two vectors on their way to its largest singular value's."""
        with no_grad():
            rows, columns = as_matrix(weight, self.dim).shape
            u, v = unit(rows, weight, self.eps), unit(columns, weight, self.eps)
        module.register_parameter(f"{self.name}_orig", weight)
        setattr(module, self.name, weight.data)
        module.register_buffer(f"{self.name}_u", u)
        module.register_buffer(f"{self.name}_v", v)

    def weight(self, module, training):
        """The weight as it is now, after some steps of the power method in training."""
        weight, u, v = (getattr(module, self.name + suffix) for suffix in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if training:
            for _ in range(self.iterations):
                step(v, s.t(matrix), u, self.eps)
                step(u, matrix, v, self.eps)
            u, v = u.clone(), v.clone()         # the next step writes into them
        return weight / s.dot(u, s.mv(matrix, v))


def weight_norm(module, name="weight", dim=0):
    """As `parametrizations.weight_norm`, with parameters `weight_g` and `weight_v`; gives the module
    (torch.nn.utils.weight_norm, deprecated). Raises RuntimeError for a second time."""
    warnings.warn("`torch.nn.utils.weight_norm` is deprecated in favor of "
                  "`torch.nn.utils.parametrizations.weight_norm`.", FutureWarning, stacklevel=2)
    return _WeightNorm(name, dim).attach(module)


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """As `parametrizations.spectral_norm`, with a parameter `weight_orig` and buffers `weight_u` and
    `weight_v`; gives the module (torch.nn.utils.spectral_norm). Raises RuntimeError for a second time,
    ValueError for less than one iteration or no weight."""
    return _SpectralNorm(name, n_power_iterations, rows_of(module, dim), eps).attach(module)


def _remove(kind, module, name):
    for number, (_, hook) in list(module._hooks.items()):
        hook = getattr(hook, "function", None)
        if type(hook) is kind and hook.name == name:
            hook.detach(module)
            del module._hooks[number]
            return module
    raise ValueError(f"{kind.kind} of '{name}' not found in {module}\nSee named_parameters().")


def remove_weight_norm(module, name="weight"):
    """The weight as a parameter again (torch.nn.utils.remove_weight_norm). Raises ValueError where it has no
    weight_norm."""
    return _remove(_WeightNorm, module, name)


def remove_spectral_norm(module, name="weight"):
    """The weight as a parameter again (torch.nn.utils.remove_spectral_norm). Raises ValueError where it has
    no spectral_norm."""
    return _remove(_SpectralNorm, module, name)
