"""The kinds of arguments that torch's functions take: what torch calls them, and how a value becomes one."""
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import dtypes
from ..device import available, layout
from ..engine.core import TensorBase


def type_name(value):
    """A type as torch's texts name it: NumPy's with their module."""
    kind = type(value)
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else \
        "Tensor" if isinstance(value, TensorBase) else kind.__name__


class Unfit(TypeError):
    """A value is not of its kind; the text, if any, says what it is instead."""


class Kind(NamedTuple):
    """What torch calls a kind of argument, what makes a value one of it (else raises Unfit), and a hint.
    spreads: as the first argument torch takes `f(2, 3)` for `f((2, 3))`."""
    said: str
    convert: Callable
    hint: str
    spreads: bool = False

    def __repr__(self):
        return self.said

    def __or__(self, other):
        """Of one kind, else of the other."""
        def convert(value):
            try:
                return self.convert(value)
            except Unfit as first:
                if str(first):
                    raise
                return other.convert(value)
        return Kind(self.said, convert, self.hint, self.spreads)


def is_number(value):
    """Is it a number of Python's or NumPy's?"""
    return isinstance(value, (int, float, np.number, np.bool_))


def _tensor(value):
    if not isinstance(value, TensorBase):
        raise Unfit
    return value


def _int(value):
    if type(value) is int:
        return value
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise Unfit
    try:
        return value.__index__()
    except TypeError:
        raise Unfit from None


def _number(value):
    if isinstance(value, complex):
        raise NotImplementedError("complex numbers are not supported.\nUse real numbers.")
    if type(value) in (float, int, bool):
        return value
    if not (is_number(value) or isinstance(value, TensorBase) and not value.array.ndim):
        raise Unfit
    return value.item()


def _float(value):
    return float(_number(value))


def _bool(value):
    if not isinstance(value, (bool, np.bool_)):
        raise Unfit
    return bool(value)


def _sizes(value):
    if not isinstance(value, (tuple, list)):
        raise Unfit
    sizes = []
    for place, size in enumerate(value):
        try:
            sizes.append(size.__index__() if place else _int(size))     # bools are ints but at the start
        except (Unfit, AttributeError, TypeError):
            found = type_name(size)
            raise Unfit(f'failed to unpack the object at pos {place + 1} with error "type must be tuple of '
                        f'ints,but got {found}"' if place else
                        f"must be tuple of ints, but found element of type {found} at pos 0") from None
    return tuple(sizes)


def _dims(value):
    return _sizes(value) if isinstance(value, (tuple, list)) else _int(value)


def _nothing(value):
    if value is not None:
        raise Unfit
    return ()


def _dtype(value):
    value = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool}.get(value, value) \
        if isinstance(value, type) else value
    if not isinstance(value, dtypes.dtype):
        raise Unfit
    return value


def _layout(value):
    if not isinstance(value, layout):
        raise Unfit
    return value


def _tensors(value):
    if not isinstance(value, (tuple, list)):
        raise Unfit
    for k, tensor in enumerate(value):
        if not isinstance(tensor, TensorBase):
            raise TypeError(f"expected Tensor as element {k} in argument 0, but got {type_name(tensor)}\n"
                            "Pass a list or tuple of tensors.")
    return list(value)


if TYPE_CHECKING:
    from typing import Any as Bool
    from typing import Any as Dims
    from typing import Any as DimsOrNone
    from typing import Any as Dtype
    from typing import Any as Float
    from typing import Any as Int
    from typing import Any as Number
    from typing import Any as Operand
    from typing import Any as Sizes
    from typing import Any as Tensor
    from typing import Any as Tensors
else:
    Tensor = Kind("Tensor", _tensor, "Make one with minigrad.tensor(...).")
    Tensors = Kind("tuple of Tensors", _tensors, "Pass a list or tuple of tensors.")
    Int = Kind("int", _int, "Pass an int.")
    Number = Kind("Number", _number, "Pass a number.")
    Operand = Tensor | Number
    Float = Kind("float", _float, "Pass a number.")
    Bool = Kind("bool", _bool, "Pass True or False.")
    Dims = Kind("tuple of ints", _dims, "Name dimensions by number.")
    DimsOrNone = Dims | Kind("tuple of ints", _nothing, "Name dimensions by number.")
    Sizes = Kind("tuple of ints", _sizes, "Pass a tuple.", spreads=True)
    Dtype = Kind("torch.dtype", _dtype, "Pass one such as minigrad.float32.")


# Names that mean the same in every function, so that signatures need not say their kinds.
USUAL = {"dtype": Dtype, "device": Kind("torch.device", available, "Pass 'cpu'."),
         "layout": Kind("torch.layout", _layout, "Pass minigrad.strided."),
         **dict.fromkeys(("requires_grad", "pin_memory", "keepdim"), Bool)}


def need_kind(kind, name, value, argument, position):
    """`value` as one of a kind. Raises torch's TypeError where it is none."""
    try:
        return kind.convert(value)
    except Unfit as unfit:
        place = f" (position {position})" if position else ""
        text = str(unfit) or f"must be {kind.said}, not {type_name(value)}"
        raise TypeError(f"{name}(): argument '{argument}'{place} {text}\n{kind.hint}") from None
