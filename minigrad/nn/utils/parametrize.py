"""Weights computed from others whenever they are read (torch.nn.utils.parametrize).

    register_parametrization(linear, "weight", Symmetric())

`linear.weight` then is what the module Symmetric makes of `linear.parametrizations.weight.original`, which
is what an optimizer learns.
"""
from collections.abc import Sequence
from contextlib import contextmanager

from ...engine.core import no_grad
from ...tensor import Tensor
from ..arguments import need
from ..modules.container import ModuleDict, ModuleList
from ..parameter import Parameter

__all__ = ["ParametrizationList", "cached", "is_parametrized", "register_parametrization",
           "remove_parametrizations"]
_HINT = "\nPass unsafe=True if that is meant."
_kept: list = [0, {}]                           # how many `cached` are open; {(id of module, name): tensor}


@contextmanager
def cached():
    """Compute every parametrized tensor once while the context is open (parametrize.cached)."""
    _kept[0] += 1
    try:
        yield
    finally:
        _kept[0] -= 1
        if not _kept[0]:
            _kept[1] = {}


def _register(module, name, tensor):
    register = module.register_parameter if isinstance(tensor, Parameter) else module.register_buffer
    register(name, tensor)


def _same_kind(what, tensor, like, unsafe):
    """Raises torch's ValueErrors where a parametrization gives no tensor, or one of another dtype or
    shape."""
    need(isinstance(tensor, Tensor), "A parametrization must return a tensor. Got {}.\nReturn one.",
         type(tensor).__name__, error=ValueError)
    for kind in () if unsafe else ("dtype", "shape"):
        need(getattr(tensor, kind) == getattr(like, kind), "Registering a parametrization may not change the "
             "{} of the tensor, unless {}`unsafe` flag is enabled." + _HINT, kind, what, error=ValueError)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after another to `original`, or to `original0`,
    `original1`, ... where the first one takes several (parametrize.ParametrizationList)."""

    def __init__(self, modules, original, unsafe=False):
        super().__init__(modules)
        self.unsafe, value = unsafe, original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        value = module.right_inverse(value)
                    except NotImplementedError:
                        continue
        self.is_tensor = isinstance(value, Tensor)
        need(self.is_tensor or isinstance(value, Sequence), "'right_inverse' must return a Tensor or a "
             "Sequence of tensors (list, tuple...). Got {}\nReturn what forward takes.",
             type(value).__name__, error=ValueError)
        self.ntensors = 1 if self.is_tensor else len(value)
        if self.is_tensor:
            need(original.dtype is value.dtype, "When `right_inverse` outputs one tensor, it may not change "
                 "the dtype.\nIt was {} and became {}.", original.dtype, value.dtype, error=ValueError)
            if value is not original:
                original.data = value.data
            _register(self, "original", original)
        for number, part in enumerate(() if self.is_tensor else value):
            if isinstance(original, Parameter):
                part = Parameter(part, original.requires_grad)
            _register(self, f"original{number}", part)
        if not unsafe:
            _same_kind("", self(), original, unsafe)

    def _originals(self):
        names = ["original"] if self.is_tensor else [f"original{number}" for number in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def right_inverse(self, value):
        """Set the originals so that they give `value`. Raises RuntimeError where a parametrization has no
        `right_inverse`."""
        with no_grad():
            for module in reversed(list(self)):
                need(hasattr(module, "right_inverse"), "parametrization {} does not implement right_inverse."
                     "\nDefine it to assign to the tensor.", type(module).__name__)
                value = module.right_inverse(value)
            for original, part in zip(self._originals(), [value] if self.is_tensor else value):
                original.data = part.data

    def __iter__(self):                         # not over the tensors beside them
        return (module for name, module in self._modules.items() if name.isdigit())

    def forward(self):
        """The tensor that the module shows."""
        first, *rest = self
        value = first(*self._originals())
        for module in rest:
            value = module(value)
        return value


def _shown(name):
    """The property in a tensor's place."""
    def get(self):
        if not _kept[0]:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _kept[1]:
            _kept[1][key] = self.parametrizations[name]()
        return _kept[1][key]

    return property(get, lambda self, value: self.parametrizations[name].right_inverse(value))


def is_parametrized(module, tensor_name=None):
    """Has a module parametrizations, of this tensor or of any? (parametrize.is_parametrized)"""
    found = getattr(module, "parametrizations", None)
    return isinstance(found, ModuleDict) and (len(found) > 0 if tensor_name is None else tensor_name in found)


def _no_pickling(self, protocol):
    raise RuntimeError("Serialization of parametrized modules is only supported through state_dict(). See:\n"
                       "save(module.state_dict(), path).")


def _deepcopy(self, memo):
    import copy
    memo[id(self)] = made = object.__new__(type(self))
    made.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return made


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Let `module.tensor_name` be what `parametrization`, a Module, makes of it; gives the module
    (parametrize.register_parametrization).

    A second one is applied to what the first one gives. `right_inverse`, where it has one, gives the first
    value, and what an assignment sets; it may return several tensors, which forward then takes. unsafe:
    dtype and shape may change. Raises ValueError where they do otherwise, and for a name that is no tensor.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        found = module.parametrizations[tensor_name]
        if not unsafe:
            shown = getattr(module, tensor_name)
            _same_kind("the ", parametrization(shown), shown, unsafe)
        found.append(parametrization)
        found.unsafe |= unsafe
        return module
    need(tensor_name in module._buffers or tensor_name in module._parameters, "Module '{}' does not have a "
         "parameter, a buffer, or a parametrized element with name '{}'\nSee named_parameters().", module,
         tensor_name, error=ValueError)
    made = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        kind = type(module)
        module.__class__ = type(f"Parametrized{kind.__name__}", (kind,), {
            "__reduce_ex__": _no_pickling, "__deepcopy__": _deepcopy})
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _shown(tensor_name))
    module.parametrizations[tensor_name] = made
    return module


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """The tensor as a plain one again: as it is shown, or its original (parametrize.remove_parametrizations);
    gives the module. Raises ValueError where there is none, or there are several originals."""
    need(is_parametrized(module, tensor_name), "Module {} does not have a parametrization on {}\n"
         "See module.parametrizations.", module, tensor_name, error=ValueError)
    found = module.parametrizations[tensor_name]
    need(found.is_tensor or leave_parametrized, "Cannot leave unparametrized (`leave_parametrized=False`) a "
         "tensor that is parametrized in terms of a sequence of tensors.\nLeave it parametrized.",
         error=ValueError)
    shown = getattr(module, tensor_name) if leave_parametrized else None
    if found.is_tensor:
        original = found.original
        if leave_parametrized:
            original.data = shown.data
    else:
        original = Parameter(shown.detach()) if shown.requires_grad else shown
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module
