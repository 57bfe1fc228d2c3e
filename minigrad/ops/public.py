"""torch's pointwise functions over the ops: what a person calls as `minigrad.add(x, y)` or `x.add(y)`.

Each takes torch's arguments (signature.py checks them), raises torch's errors, and calls an op.
"""
import numpy as np

from .. import dtypes
from ..engine.core import TensorBase
from ..engine.errors import check_broadcast
from ..engine.op import REGISTRY, binary, unary
from ..engine.promote import as_number, number_dtype, result_type
from . import pointwise as p
from .arguments import (
    FLOATS,
    INTS,
    as_tensor_like,
    cast,
    dtype_of,
    fitting,
    need_kernel,
    need_tensor,
    refuse_bool,
)
from .index_public import nonzero
from .kinds import Int, Number, Operand, Tensor, is_number
from .signature import family, need, refuse, torch_function

_BOOL = np.dtype(bool)


def _common(name, input, other):
    """The dtype in which two operands meet; one of them must be a Tensor."""
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        need_tensor(name, input)
    return result_type(input, other)


# Of one operand ---------------------------------------------------------------------------------------------

def _unary(name):
    call = unary(REGISTRY[name])

    def checked(input: Tensor, *, out=None):
        refuse_bool(name, input)
        return call(input)
    checked.__name__ = name
    checked = torch_function(checked)

    def function(input, *, out=None):
        if out is None and isinstance(input, TensorBase) and input.array.dtype is not _BOOL:
            return call(input)                  # the hottest of all go straight through
        return checked(input, out=out)
    return function


def _without_out(name):
    call = _unary(name)
    return lambda input: call(input)


def _formulas(names):
    return {name: REGISTRY[name].formula[0] for name in names.split()}


_TEXT = "{}, element by element: a Tensor of the shape of `input`. Raises TypeError for other things"
exp, log, sqrt, rsqrt, sin, cos, tanh, erf = family(
    _unary, _TEXT, direct=True, **_formulas("exp log sqrt rsqrt sin cos tanh erf"))
sigmoid, reciprocal, abs, neg, sign, logical_not, floor, ceil = family(
    _unary, _TEXT, direct=True, **_formulas("sigmoid reciprocal abs neg sign logical_not floor ceil"))
relu, isnan, isinf, isfinite = family(_without_out, _TEXT, direct=True,
                                      **_formulas("relu isnan isinf isfinite"))
absolute, negative = abs, neg


@torch_function
def round(input: Tensor, *, decimals: Int = 0, out=None):
    """To the nearest integer, halves to the even one, or to `decimals` places (torch.round)."""
    refuse_bool("round", input)
    scale = 10.0 ** decimals
    return p.round(input * scale) / scale if decimals else p.round(input)


@torch_function
def bitwise_not(input: Tensor, *, out=None):
    """~x on integers, not x on booleans (torch.bitwise_not)."""
    need_kernel("bitwise_not_cpu", input, "?" + INTS)
    return p.bitwise_not(input)


@torch_function
def clone(input: Tensor, *, memory_format=None):
    """A copy, recorded (torch.clone)."""
    return p.clone(input)


@torch_function
def numel(input: Tensor):
    """The number of elements (torch.numel)."""
    return input.array.size


@torch_function
def is_floating_point(input: Tensor):
    """Is its dtype a floating point one? (torch.is_floating_point)"""
    return input.dtype.is_floating_point


# Of two operands --------------------------------------------------------------------------------------------

def _binary(name, kind=Operand):
    made = REGISTRY[name]
    fast = binary(made) if made.layout else made

    def function(input, other, *, out=None):
        if isinstance(input, TensorBase):
            return fast(input, other)
        if not isinstance(other, TensorBase):
            need_tensor(name, input)
        return made(input, other)
    function.__annotations__ = {"input": kind, "other": kind}
    return function


def _of_tensors(name):
    return _binary(name, Tensor)


_add, _sub, _div = _binary("add"), _binary("sub"), _binary("div")


def _bitwise(name):
    def function(input: Operand, other: Operand, *, out=None):
        common = _common(name, input, other)
        if common.is_floating_point:
            check_broadcast(*[() if is_number(o) else o.array.shape for o in (input, other)])
            need_kernel(f"{name}_cpu", common, "")
        return REGISTRY[name](input, other)
    return function


_TEXT = ("{}, element by element with broadcasting; `input` and `other` are Tensors that broadcast, or a "
         "number for one; dtypes meet as torch's do. Raises RuntimeError where shapes do not broadcast, "
         "TypeError for other types")
mul, eq, ne, lt, le, gt, ge = family(_binary, _TEXT, **_formulas("mul eq ne lt le gt ge"))
multiply, not_equal, less, less_equal, greater, greater_equal = mul, ne, lt, le, gt, ge
bitwise_and, bitwise_or, bitwise_xor = family(_bitwise, _TEXT,
                                              **_formulas("bitwise_and bitwise_or bitwise_xor"))


def _shift(name):
    def function(input: Operand, other: Operand, *, out=None):
        common = _common(name, input, other)
        check_broadcast(*[() if is_number(x) else x.array.shape for x in (input, other)])
        need_kernel(f"{name[8]}shift_cpu", common, INTS)
        return REGISTRY[name](*[as_tensor_like(x, common) if is_number(x) else x for x in (input, other)])
    return function


bitwise_left_shift, bitwise_right_shift = family(
    _shift, _TEXT, **_formulas("bitwise_left_shift bitwise_right_shift"))
_TEXT = _TEXT.replace(", or a number for one", "").replace("other types", "numbers")
logical_and, logical_or, logical_xor = family(_of_tensors, _TEXT,
                                              **_formulas("logical_and logical_or logical_xor"))
maximum, minimum = family(_of_tensors, "The {} of two tensors, element by element; nan wins; equal operands "
                          "share the gradient", maximum="larger", minimum="smaller")


def scaled(input, other, alpha):
    """`alpha · other`, checked as torch does."""
    if type(alpha) is int and alpha == 1:
        return other
    common = result_type(input, other)
    need(not isinstance(alpha, float) or common.is_floating_point,
         "For integral input tensors, argument alpha must not be a floating point number.\n"
         "Convert the tensors to a floating point dtype, or use an integer alpha.")
    factor = as_number(alpha, common)
    if isinstance(other, TensorBase):
        return p.scale(cast(other, common.numpy), factor=factor)
    return as_number(other * factor, common)


@torch_function
def add(input: Operand, other: Operand, *, alpha: Number = 1, out=None):
    """input + alpha · other (torch.add)."""
    return _add(input, scaled(input, other, alpha))


def check_subtraction(input, other):
    """Raises torch's RuntimeError for bool operands."""
    bools = [o for o in (input, other) if (number_dtype(o) if is_number(o) else dtype_of(o)) is dtypes.bool]
    need(len(bools) < 2, "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` "
         "or `logical_xor()` operator instead.\nOr convert them to numbers first.")
    need(not bools, "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying "
         "to invert a mask, use the `~` or `logical_not()` operator instead.\n"
         "Or convert it to a number first.")


@torch_function
def sub(input: Operand, other: Operand, *, alpha: Number = 1, out=None):
    """input − alpha · other (torch.sub). Raises RuntimeError for bool tensors."""
    check_subtraction(input, other)
    return _sub(input, scaled(input, other, alpha))


subtract = sub
_ROUNDED = {"//": (p.floor_quotient, "div_floor_cpu"), "floor": (p.floor_divide, "div_floor_cpu"),
            "trunc": (p.trunc_divide, "div_trunc_cpu"), "remainder": (p.remainder, "remainder_cpu")}


def rounded_division(name, mode, input, other):
    """The op that divides so, its operands checked as torch does."""
    need(mode in _ROUNDED, "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
         "'{}'\nChoose one of these.", mode)
    made, kernel = _ROUNDED[mode]
    common = _common(name, input, other)
    need_kernel(kernel, common, INTS + FLOATS)
    need(common.is_floating_point or np.all(other.array if isinstance(other, TensorBase) else other),
         "ZeroDivisionError\nAn integer is divided by 0.")
    return made


@torch_function
def div(input: Operand, other: Operand, *, rounding_mode=None, out=None):
    """input / other; integers become floats (torch.div)."""
    if rounding_mode is not None:
        return rounded_division("div", rounding_mode, input, other)(input, other)
    return _div(input, other)


divide = div


@torch_function
def true_divide(input: Operand, other: Operand, *, out=None):
    """input / other (torch.true_divide)."""
    return _div(input, other)


@torch_function
def floor_divide(input: Operand, other: Operand, *, out=None):
    """⌊input / other⌋ (torch.floor_divide). Raises RuntimeError for integers divided by 0, and where its
    derivative is asked for."""
    return rounded_division("floor_divide", "//", input, other)(input, other)


@torch_function
def remainder(input: Operand, other: Operand, *, out=None):
    """What ⌊input / other⌋ leaves, with the sign of `other` (torch.remainder)."""
    return rounded_division("remainder", "remainder", input, other)(input, other)


@torch_function
def pow(input: Operand, exponent: Operand, *, out=None):
    """input ** exponent, either a tensor, or one a number (torch.pow).

    Raises RuntimeError for integers to negative integer powers.
    """
    if isinstance(exponent, TensorBase):
        common = result_type(input, exponent)
        need_kernel("pow", common, INTS + FLOATS)
        return p.pow(as_tensor_like(input, common) if is_number(input) else input, exponent)
    if not isinstance(input, TensorBase):
        refuse("pow", input, exponent)
    if input.array.dtype.kind in "bui" and not isinstance(exponent, float):
        need(exponent >= 0, "Integers to negative integer powers are not allowed.\nConvert to a float first.")
        return p.pow(input, exponent)
    if input.array.dtype.kind in "bui":
        input = cast(input, dtypes.get_default_dtype().numpy)
    return p.pow_number(input, exponent=exponent)


# Of three ---------------------------------------------------------------------------------------------------

def clamping(input, min, max):
    """The common dtype of a tensor and bounds, and the op, operands and attributes that clamp; checked as
    torch does."""
    bounds = [bound for bound in (min, max) if bound is not None]
    if len({is_number(bound) for bound in bounds}) > 1:             # then a 0-d tensor counts as a number
        if not all([is_number(bound) or not bound.array.ndim for bound in bounds]):
            refuse("clamp", input, min, max)
        min, max = bounds = [bound if is_number(bound) else bound.item() for bound in bounds]
    need(bounds, "torch.clamp: At least one of 'min' or 'max' must not be None\nPass a bound.")
    common, scalar = result_type(input, *bounds), is_number(bounds[0])
    if common is dtypes.bool and (scalar or len(bounds) == 2):      # torch knows max and min of bools only
        which = "" if len(bounds) == 2 else "_max" if min is None else "_min"
        need_kernel(f"clamp{which}{'_scalar' * scalar}_cpu", common, "")
    if any(isinstance(bound, TensorBase) for bound in bounds):
        made = p.clamp_between if len(bounds) == 2 else p.clamp_low if max is None else p.clamp_high
        return common, made, bounds, {}
    low, high = [None if bound is None else fitting(bound, common) for bound in (min, max)]
    return common, p.clamp, (), {"low": low, "high": high}


@torch_function
def clamp(input: Tensor, min: Operand = None, max: Operand = None, *, out=None):
    """input kept between min and max, numbers or tensors, one of them optional (torch.clamp).

    The gradient is 1 at a bound itself. Raises RuntimeError without any bound.
    """
    common, made, operands, attrs = clamping(input, min, max)
    return made(cast(input, common.numpy), *operands, **attrs)


clip = clamp


@torch_function
def where(condition: Tensor, input: Operand = None, other: Operand = None, *, out=None):
    """input where condition holds, else other, with broadcasting (torch.where).

    condition: bool Tensor; input, other: Tensors or numbers. With the condition alone: the indices of its
    true elements, a tuple as `nonzero(as_tuple=True)`.
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        refuse("where", condition, *[v for v in (input, other) if v is not None])
    need(condition.array.dtype in (np.bool_, np.uint8), "where expected condition to be a boolean tensor, "
         "but got a tensor with dtype {}\nCompare it with something first.", condition)
    common = result_type(input, other)
    values = [v if isinstance(v, TensorBase) else as_tensor_like(v, common) for v in (input, other)]
    return p.where(condition, *[cast(v, common.numpy) for v in values])


def filling(input, mask, value):
    """`value` as masked_fill needs it, and the mask checked as torch does."""
    check_broadcast(mask.array.shape, input.array.shape)
    need(mask.array.dtype == np.bool_, "masked_fill_ only supports boolean masks, but got mask with dtype "
         "{}\nCompare it with something first.", dtype_of(mask).legacy_name.lower())
    if not isinstance(value, TensorBase):
        return fitting(value, dtype_of(input))
    need(not value.array.ndim, "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
         "{} dimension(s).\nUse where(mask, value, input).", value.array.ndim)
    return cast(value, input.array.dtype)


@torch_function
def masked_fill(input: Tensor, mask: Tensor, value: Operand):
    """input with `value` (a number or 0-d Tensor) where the bool Tensor `mask` is true
    (torch.masked_fill)."""
    return p.masked_fill(input, mask, filling(input, mask, value))


__all__ = [
    "exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "erf", "sigmoid", "reciprocal", "abs", "neg",
    "sign", "relu", "isnan", "isinf", "isfinite", "logical_not", "floor", "ceil", "absolute", "negative",
    "round", "bitwise_left_shift", "bitwise_right_shift",
    "bitwise_not", "mul", "eq", "ne", "lt", "le", "gt", "ge", "multiply", "not_equal", "less",
    "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "bitwise_and",
    "bitwise_or", "bitwise_xor", "maximum", "minimum", "add", "sub", "subtract", "div", "divide",
    "true_divide", "pow", "clamp", "clip", "where", "masked_fill", "floor_divide", "remainder", "clone",
    "numel", "is_floating_point",
]
