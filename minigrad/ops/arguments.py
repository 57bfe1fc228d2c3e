"""Arguments as torch's functions take them, checked once for all: torch's errors, then the ops' own form."""
import math

import numpy as np

from .. import dtypes
from ..engine.core import wrap
from ..engine.errors import wrap_dim
from ..engine.op import REGISTRY
from ..engine.promote import as_number
from ..random import C_NAMES, LARGEST
from .kinds import Tensor, Unfit, need_kind
from .signature import need

# The kernels that torch does not have for bool tensors.
_NO_BOOL: dict[str, tuple[type[Exception], str]] = {
    name: (NotImplementedError, f"\"{kernel}\" not implemented for 'Bool'") for name, kernel in (
    ("floor", "floor_vml_cpu"), ("ceil", "ceil_vml_cpu"), ("round", "round_vml_cpu"), ("abs", "abs_cpu"),
    ("trunc", "trunc_vml_cpu"))}
_NO_BOOL["relu"] = RuntimeError, "Boolean inputs not supported for relu"
_NO_BOOL["neg"] = RuntimeError, ("Negation, the `-` operator, on a bool tensor is not supported. If you are "
                                 "trying to invert a mask, use the `~` or `logical_not()` operator instead.")


def refuse_bool(name, x):
    """Raises torch's error where `x` is a bool tensor and the function is not for those."""
    if x.array.dtype == np.bool_ and name in _NO_BOOL:
        error, text = _NO_BOOL[name]
        raise error(f"{text}\nConvert the tensor to a number type first.")


def need_tensor(name, value, argument="input", position=1):
    """The value. Raises torch's TypeError where it is no Tensor."""
    return need_kind(Tensor, name, value, argument, position)


def dtype_of(x):
    return dtypes.from_numpy(x.array.dtype)


INTS, FLOATS = "bBhilq", "efdE"                 # dtypes by NumPy's letters


def need_kernel(kernel, of, letters):
    """Raises torch's NotImplementedError where its kernel is not for the dtype `of`, or that of a tensor."""
    kind = of.numpy if isinstance(of, dtypes.dtype) else of.array.dtype
    if kind.char not in letters:
        name = dtypes.from_numpy(kind).legacy_name
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'\n"
                                  "Convert it first, for example with .float().")


def dim_of(dim, x):
    """A dimension of a tensor counted from the front. Raises torch's IndexErrors where it has none such, or
    none at all."""
    need(x.array.ndim, "Dimension specified as {} but tensor has no dimensions\nUnsqueeze it first.", dim,
         error=IndexError)
    return wrap_dim(dim, x.array.ndim)


def as_dims(dim, ndim):
    """`dim` as users give it (None, int, tuple) -> None or a tuple counted from the front."""
    if dim is None or dim == ():
        return None
    try:
        found = tuple([wrap_dim(d.__index__(), ndim) for d in (dim if type(dim) is tuple else (dim,))])
    except (AttributeError, TypeError):
        raise Unfit from None                   # the decorator says which argument it is
    if len(set(found)) != len(found):
        twice = next(d for d in found if found.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims\n"
                           "Name each dimension once.")
    return found if ndim else None


def as_tensor_like(number, d):
    return wrap(np.asarray(as_number(number, d), d.numpy))


def cast(tensor, dtype):
    """The tensor in a NumPy dtype, itself where it is of that already."""
    return tensor if tensor.array.dtype == dtype else REGISTRY["to"](tensor, dtype=dtype)


def fitting(number, d):
    """A Python number as an element of dtype `d`. Raises torch's RuntimeError where it does not fit; -1 fits
    unsigned integers, as in C."""
    if d.name == "bool":
        return bool(number)
    if d.is_floating_point:
        least, most, name = -LARGEST[d.name], LARGEST[d.name], C_NAMES[d.name]
        if abs(number) == math.inf or number != number:
            return float(number)
    else:
        limits, name = np.iinfo(d.numpy), "int" if d.name == "int32" else f"{d.name}_t"
        least, most = limits.min if d.is_signed or isinstance(number, float) else -limits.max, limits.max
    need(least <= number <= most, "value cannot be converted to type {} without overflow\n"
         "Use a number that the dtype holds.", name)
    return float(number) if d.is_floating_point else as_number(int(number), d)
