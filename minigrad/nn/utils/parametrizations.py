"""Ready-made parametrizations (torch.nn.utils.parametrizations)."""
from ...engine.core import no_grad
from ...engine.errors import wrap_dim
from ...ops import reduce_public as rp
from ...ops import shape_public as s
from ...tensor import Tensor
from .. import functional as F
from ..arguments import need
from ..modules.convolution import ConvTranspose2d
from ..modules.module import Module
from .parametrize import register_parametrization

__all__ = ["spectral_norm", "weight_norm"]


def norm_except_dim(weight, dim):
    """The norms of the slices along `dim`, which keep their dimensions; -1: of the whole tensor."""
    if dim == -1:
        return rp.norm(weight)
    rows = s.transpose(weight, 0, dim)
    shape = [-1 if d == wrap_dim(dim, weight.ndim) else 1 for d in range(weight.ndim)]
    return s.reshape(rp.norm(s.reshape(rows, (len(rows), -1)), 2, 1), shape)


def scaled_to(weight, length, dim):
    """The weight's slices along `dim` with these lengths."""
    return weight * (length / norm_except_dim(weight, dim))


class _WeightNorm(Module):
    """g · v / ‖v‖."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return scaled_to(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        """(g, v) of a weight."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Learn a weight's lengths, one for each slice along `dim`, apart from their directions; gives the module
    (torch.nn.utils.parametrizations.weight_norm; Salimans & Kingma 2016). dim=None: one length for all.

    They are `parametrizations.weight.original0` (lengths) and `original1`; a state dict with `weight_g` and
    `weight_v` is read too.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(module, state_dict, prefix, *rest):
        for old, new in (("_g", "original0"), ("_v", "original1")):
            if prefix + name + old in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.{new}"] = state_dict.pop(prefix + name + old)

    module.register_load_state_dict_pre_hook(rename)
    return module


def as_matrix(weight, dim):
    """A weight as a matrix, a row for each slice along `dim`."""
    if dim:
        weight = s.permute(weight, (dim, *[d for d in range(weight.ndim) if d != dim]))
    return s.flatten(weight, 1)


def unit(count, like, eps):
    """A random vector of length 1."""
    return F.normalize(like.new_empty(count).normal_(0, 1), dim=0, eps=eps)


@no_grad
def step(towards, matrix, vector, eps):
    """A step of the power method: the direction of matrix · vector, written into `towards`."""
    towards.copy_(F.normalize(s.mv(matrix, vector), dim=0, eps=eps))


def rows_of(module, dim):
    """Which dimension of a module's weight are its outputs, unless told."""
    return dim if dim is not None else 1 if isinstance(module, ConvTranspose2d) else 0


def need_iterations(count):
    """Raises torch's ValueError for a number of iterations below 1."""
    need(count > 0, "Expected n_power_iterations to be positive, but got n_power_iterations={}\nPass 1.",
         count, error=ValueError)


class _SpectralNorm(Module):
    """W / σ, with σ the largest singular value, as the power method knows it so far."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        ndim = weight.ndim
        need(-ndim <= dim < ndim, "Dimension out of range (expected to be in range of [-{}, {}] but got {})\n"
             "It names the dimension of the outputs.", ndim, ndim - 1, dim, error=IndexError)
        dim = wrap_dim(dim, ndim)
        need_iterations(n_power_iterations)
        self.dim, self.eps, self.n_power_iterations = dim, eps, n_power_iterations
        if ndim > 1:
            matrix = as_matrix(weight, dim)
            u, v = [unit(count, matrix, eps) for count in matrix.shape]
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._iterate(matrix, 15)

    def _iterate(self, matrix, count):
        for _ in range(count):
            step(self._u, matrix, self._v, self.eps)
            step(self._v, s.t(matrix), self._u, self.eps)

    def forward(self, weight):
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()     # the next step writes into them
        return weight / s.dot(u, s.mv(matrix, v))

    def right_inverse(self, value):
        """The value itself."""
        return value


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide a weight, as a matrix, by its largest singular value; gives the module
    (torch.nn.utils.parametrizations.spectral_norm; Miyato et al. 2018).

    dim: which dimension are the outputs. n_power_iterations: steps of the power method whenever the weight is
    read in training. Raises ValueError where there is no such weight, or for less than one step.
    """
    weight = getattr(module, name, None)
    need(isinstance(weight, Tensor), "Module '{}' has no parameter or buffer with name '{}'\n"
         "See named_parameters().", module, name, error=ValueError)
    made = _SpectralNorm(weight, n_power_iterations, rows_of(module, dim), eps)
    return register_parametrization(module, name, made)


