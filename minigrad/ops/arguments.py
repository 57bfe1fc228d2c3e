"""Arguments as torch's functions take them, checked once for all: torch's errors, then the ops' own form."""
import numpy as np

from .. import dtypes
from ..engine.core import TensorBase, wrap
from ..engine.errors import wrap_dim
from ..engine.promote import as_number

# Functions that torch's parser knows in several forms: it lists them all where arguments fit none.
OVERLOADED = {"eq", "ne", "lt", "le", "gt", "ge", "pow", "clamp", "where", "masked_fill", "sum", "mean",
              "prod", "var", "std", "any", "all", "max", "min", "fill_", "bitwise_and", "bitwise_or",
              "bitwise_xor"}
# The kernels that torch does not have for bool tensors.
_NO_BOOL: dict[str, tuple[type[Exception], str]] = {
    name: (NotImplementedError, f"\"{kernel}\" not implemented for 'Bool'") for name, kernel in (
    ("floor", "floor_vml_cpu"), ("ceil", "ceil_vml_cpu"), ("round", "round_vml_cpu"), ("abs", "abs_cpu"))}
_NO_BOOL["relu"] = RuntimeError, "Boolean inputs not supported for relu"
_NO_BOOL["neg"] = RuntimeError, ("Negation, the `-` operator, on a bool tensor is not supported. If you are "
                                 "trying to invert a mask, use the `~` or `logical_not()` operator instead.")


def type_name(value):
    """A type as torch's texts name it: NumPy's with their module."""
    kind = type(value)
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def refuse(name, *given, **named):
    """Raise torch's TypeError for arguments that fit no form of a function."""
    said = [type_name(v) if not isinstance(v, TensorBase) else "Tensor" for v in given]
    said += [f"{key}={type_name(v)}" for key, v in named.items()]
    raise TypeError(f"{name}() received an invalid combination of arguments - got ({', '.join(said)}), but "
                    f"expected one of:\nthe forms in minigrad.{name}'s help.")


def refuse_bool(name, x):
    """Raises torch's error where `x` is a bool tensor and the function is not for those."""
    if x.array.dtype == np.bool_ and name in _NO_BOOL:
        error, text = _NO_BOOL[name]
        raise error(f"{text}\nConvert the tensor to a number type first.")


def check_dim(name, input, dim, wanted=None):
    """Raises torch's TypeError where `dim` is neither an int nor a sequence of ints (`wanted`: torch's words
    for it)."""
    if dim is None or isinstance(dim, (int, np.integer)):
        return
    if isinstance(dim, (tuple, list)) and wanted != "int" and name != "prod":
        if not [d for d in dim if not isinstance(d, (int, np.integer))]:
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


def is_number(value):
    return isinstance(value, (int, float, np.number, np.bool_))


def dtype_of(x):
    return dtypes.from_numpy(x.array.dtype)


def into(out, result):
    """What the `out=` argument asks for: the result written into `out`, which is returned."""
    if out is None:
        return result
    raise NotImplementedError("the out= argument is not supported.\n"
                              "Use the returned tensor, or out.copy_(...).")


def as_dims(dim, ndim):
    """`dim` as users give it (None, int, sequence) -> None or a tuple counted from the front."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return None
    given = dim if isinstance(dim, (tuple, list)) else (dim,)
    found = tuple([wrap_dim(d, ndim) for d in given])
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
    if name in OVERLOADED:
        refuse(name, *([] if input is None else [input]), other)
    raise TypeError(f"{name}(): argument 'other' (position {position}) must be Tensor, not "
                    f"{type_name(other)}\nPass a tensor or a number.")


def as_tensor_like(number, d):
    return wrap(np.asarray(number, d.numpy))


def fitting(number, d, half=False):
    """A Python number as an element of dtype `d`. Raises torch's RuntimeError where it does not fit; -1 fits
    unsigned integers, as in C. half: whether float16 is looked at, too."""
    if d.name == "bool":
        return bool(number)
    if d.is_floating_point:
        if half and d.name == "float16" and 65504 < abs(number) < float("inf"):
            raise RuntimeError("value cannot be converted to type c10::Half without overflow\n"
                               "Convert the tensor first.")
        return float(number)
    limits = np.iinfo(d.numpy)
    least = limits.min if d.is_signed or isinstance(number, float) else -limits.max
    if not least <= number <= limits.max:
        name = "int" if d.name == "int32" else f"{d.name}_t"
        raise RuntimeError(f"value cannot be converted to type {name} without overflow\n"
                           "Convert the tensor first.")
    return as_number(int(number), d)
