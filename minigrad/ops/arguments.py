"""Arguments as torch's functions take them, checked once for all: torch's errors, then the ops' own form."""
import functools
import math

import numpy as np

from .. import dtypes
from ..engine.core import TensorBase, wrap
from ..engine.errors import wrap_dim
from ..engine.op import REGISTRY
from ..engine.promote import as_number
from ..random import C_NAMES, LARGEST
from .signature import FORMS, Unfit, is_number, refuse, type_name

# The kernels that torch does not have for bool tensors.
_NO_BOOL: dict[str, tuple[type[Exception], str]] = {
    name: (NotImplementedError, f"\"{kernel}\" not implemented for 'Bool'") for name, kernel in (
    ("floor", "floor_vml_cpu"), ("ceil", "ceil_vml_cpu"), ("round", "round_vml_cpu"), ("abs", "abs_cpu"))}
_NO_BOOL["relu"] = RuntimeError, "Boolean inputs not supported for relu"
_NO_BOOL["neg"] = RuntimeError, ("Negation, the `-` operator, on a bool tensor is not supported. If you are "
                                 "trying to invert a mask, use the `~` or `logical_not()` operator instead.")


def refuse_bool(name, x):
    """Raises torch's error where `x` is a bool tensor and the function is not for those."""
    if x.array.dtype == np.bool_ and name in _NO_BOOL:
        error, text = _NO_BOOL[name]
        raise error(f"{text}\nConvert the tensor to a number type first.")


def check_dim(name, input, dim, wanted=None):
    """Raises torch's TypeError where `dim` is neither an int nor a sequence of ints (`wanted`: torch's words
    for it)."""
    if dim is None or hasattr(dim, "__index__"):
        return
    if isinstance(dim, (tuple, list)) and wanted != "int" and name != "prod":
        if all([hasattr(d, "__index__") for d in dim]):
            return
    if wanted is None:
        refuse(name, input, dim=dim)
    raise TypeError(f"{name}(): argument 'dim' must be {wanted}, not {type_name(dim)}\n"
                    "Name dimensions by number.")


def need_tensor(name, value, argument="input", position=1):
    """Raises torch's TypeError where `value` is no Tensor."""
    if not isinstance(value, TensorBase):
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, not "
                        f"{type_name(value)}\nMake one with minigrad.tensor(...).")


def need_int(name, value, argument, position):
    """Raises torch's TypeError where `value` is no int; gives it as one."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be int, not "
                        f"{type_name(value)}\nPass an int.")
    return value.__index__()


def need_number(name, value, argument, position):
    """Raises torch's TypeError where `value` is no number nor a 0-d tensor; gives it as Python's number."""
    if isinstance(value, complex):
        raise NotImplementedError("complex numbers are not supported.\nUse real numbers.")
    if not (is_number(value) or isinstance(value, TensorBase) and not value.array.ndim):
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Number, not "
                        f"{type_name(value)}\nPass a number.")
    return value if type(value) in (int, float, bool) else value.item()


def sizes_of(name, argument, given, position=1):
    """Sizes as torch takes them: `f(2, 3)`, `f((2, 3))`, `f(Size)`; elements may be 0-d tensors."""
    sizes = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    for place, size in enumerate(sizes):
        if type(size) is int or hasattr(size, "__index__") and not isinstance(size, bool):
            continue
        if place:
            raise TypeError(f"{name}(): argument '{argument}' failed to unpack the object at pos {place + 1} "
                            f"with error \"type must be tuple of ints,but got {type_name(size)}\"\n"
                            "Sizes are ints.")
        if name in FORMS:
            refuse(name, *given)
        if len(given) > 1:
            raise TypeError(f"{name}() takes 1 positional argument but {len(given)} were given\n"
                            "Sizes are ints.")
        what = f", not {type_name(size)}" if sizes is given else \
            f", but found element of type {type_name(size)} at pos 0"
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be tuple of ints{what}\n"
                        "Sizes are ints.")
    if not given:
        if name in FORMS:
            refuse(name)
        raise TypeError(f"{name}() missing 1 required positional arguments: \"{argument}\"\nPass the sizes.")
    return tuple([size if type(size) is int else size.__index__() for size in sizes])


def one_sizes_of(name, argument, sizes, position=1):
    """Sizes that come as one sequence."""
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, not "
                        f"{type_name(sizes)}\nPass a tuple.")
    return sizes_of(name, argument, (sizes,), position)


def takes_axis(function):
    """Let a function take NumPy's names `axis` and `keepdims` for `dim` and `keepdim`, as torch's do."""
    @functools.wraps(function)
    def call(*args, **named):
        if named:
            for theirs, ours in (("axis", "dim"), ("keepdims", "keepdim")):
                if theirs in named and ours not in named:
                    named[ours] = named.pop(theirs)
        return function(*args, **named)
    return call


def dtype_of(x):
    return dtypes.from_numpy(x.array.dtype)


def into(out, result):
    """What the `out=` argument asks for: the result written into `out`, which is returned."""
    if out is None:
        return result
    raise NotImplementedError("the out= argument is not supported.\n"
                              "Use the returned tensor, or out.copy_(...).")


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


def other_operand(name, other, position=2, input=None):
    """The second operand: a Tensor or a Python number; NumPy scalars count as Python numbers."""
    if isinstance(other, TensorBase) or type(other) in (int, float, bool):
        return other
    if isinstance(other, (np.number, np.bool_)):
        return other.item()
    if isinstance(other, complex):
        raise NotImplementedError("complex numbers are not supported.\nUse real numbers.")
    if name in FORMS:
        refuse(name, *([] if input is None else [input]), other)
    raise TypeError(f"{name}(): argument 'other' (position {position}) must be Tensor, not "
                    f"{type_name(other)}\nPass a tensor or a number.")


def as_dtype(name, dtype, default=None):
    """The NumPy dtype for a dtype or one of Python's number types. Raises torch's TypeError for other
    things."""
    if dtype is None:
        return (default or dtypes.get_default_dtype()).numpy
    if isinstance(dtype, type):
        dtype = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool}.get(dtype, dtype)
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type_name(dtype)}\n"
                        "Pass one such as minigrad.float32.")
    return dtype.numpy


def as_tensor_like(number, d):
    return wrap(np.asarray(number, d.numpy))


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
    if not least <= number <= most:
        raise RuntimeError(f"value cannot be converted to type {name} without overflow\n"
                           "Use a number that the dtype holds.")
    return float(number) if d.is_floating_point else as_number(int(number), d)
