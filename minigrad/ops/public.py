"""torch's functions over the ops: what a person calls as `minigrad.sum(x, dim=1)` or `x.sum(1)`.

Each takes torch's arguments, checks them with torch's errors, brings dimensions to the ops' form, and calls
an op.
"""

import numpy as np

from .. import dtypes
from ..engine.core import TensorBase
from ..engine.errors import check_broadcast
from ..engine.op import REGISTRY, binary, unary
from ..engine.promote import as_number, number_dtype, result_type
from . import pointwise as p
from .arguments import (
    as_tensor_like,
    dtype_of,
    fitting,
    into,
    is_number,
    need_tensor,
    other_operand,
    refuse,
    refuse_bool,
)
from .index_public import nonzero

# Pointwise --------------------------------------------------------------------------------------------------

_BOOL = np.dtype(bool)


def _unary(name):
    call = unary(REGISTRY[name])

    def function(input, *, out=None):
        if not isinstance(input, TensorBase):
            need_tensor(name, input)
        if input.array.dtype is _BOOL:
            refuse_bool(name, input)
        return call(input) if out is None else into(out, call(input))
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (f"{REGISTRY[name].formula[0]}, element by element (torch.{name}).\n\n"
                        "input: Tensor of any shape; the result has the same shape. Raises TypeError for "
                        "others.")
    return function


def _without_out(function):
    """For those whose torch twins take no `out=`."""
    def only(input):
        return function(input)
    only.__name__, only.__qualname__, only.__doc__ = function.__name__, function.__name__, function.__doc__
    return only


exp, log, sqrt, rsqrt, sin, cos, tanh, erf, sigmoid = [
    _unary(name) for name in "exp log sqrt rsqrt sin cos tanh erf sigmoid".split()]
reciprocal, abs, neg, sign, logical_not, floor, ceil = [
    _unary(name) for name in "reciprocal abs neg sign logical_not floor ceil".split()]
relu, isnan, isinf, isfinite = [_without_out(_unary(name)) for name in "relu isnan isinf isfinite".split()]
absolute, negative = abs, neg


def round(input, *, decimals=0, out=None):
    """To the nearest integer, halves to the even one, or to `decimals` places (torch.round)."""
    need_tensor("round", input)
    refuse_bool("round", input)
    if decimals:
        scale = 10.0 ** decimals
        return into(out, p.round(input * scale) / scale)
    return into(out, p.round(input))


def bitwise_not(input, *, out=None):
    """~x on integers, not x on booleans (torch.bitwise_not)."""
    need_tensor("bitwise_not", input)
    if input.array.dtype.kind == "f":
        raise NotImplementedError(f"\"bitwise_not_cpu\" not implemented for '{dtype_of(input).legacy_name}'\n"
                           "Convert to an integer or bool tensor first.")
    return into(out, p.bitwise_not(input))


_fast = {name: binary(REGISTRY[name]) for name in "add sub mul div eq ne lt le gt ge maximum minimum".split()}


def _binary(name):
    call = _fast.get(name) or (lambda x, y, made=REGISTRY[name]: made(x, y))

    def function(input, other, *, out=None):
        if not isinstance(input, TensorBase):
            if not (is_number(input) and isinstance(other, TensorBase)):
                need_tensor(name, input)
            return into(out, REGISTRY[name](input, other))
        return into(out, call(input, other_operand(name, other, input=input)))
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (f"{REGISTRY[name].formula[0]}, element by element with broadcasting (torch.{name}).\n"
                        "\ninput, other: Tensors that broadcast, or a number for one; dtypes meet as torch's "
                        "do. Raises RuntimeError where shapes do not broadcast, TypeError for other types.")
    return function


mul, eq, ne, lt, le, gt, ge = [_binary(name) for name in "mul eq ne lt le gt ge".split()]
multiply, not_equal, less, less_equal, greater, greater_equal = mul, ne, lt, le, gt, ge


def _logical(name):
    call = _binary(name)

    def function(input, other, *, out=None):
        need_tensor(name, other, "other", 2)
        return call(input, other, out=out)
    function.__name__, function.__doc__ = name, call.__doc__
    return function


logical_and, logical_or, logical_xor = [
    _logical(name) for name in ("logical_and", "logical_or", "logical_xor")]


def _bitwise(name):
    call = _binary(name)

    def function(input, other, *, out=None):
        operands = [o for o in (input, other) if is_number(o) or isinstance(o, TensorBase)]
        common = result_type(*operands)
        if len(operands) == 2 and common.is_floating_point:
            check_broadcast(*[np.shape(o.array) if isinstance(o, TensorBase) else () for o in operands])
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{common.legacy_name}'\n"
                                      "Convert to integer or bool tensors first.")
        return call(input, other, out=out)
    function.__name__, function.__doc__ = name, call.__doc__
    return function


bitwise_and, bitwise_or, bitwise_xor = [
    _bitwise(name) for name in ("bitwise_and", "bitwise_or", "bitwise_xor")]


def maximum(input, other, *, out=None):
    """The larger of two tensors, element by element; nan wins; equal operands share the gradient
    (torch.maximum)."""
    need_tensor("maximum", input)
    need_tensor("maximum", other, "other", 2)
    return into(out, _fast["maximum"](input, other))


def minimum(input, other, *, out=None):
    """The smaller of two tensors, element by element; nan wins; equal operands share the gradient
    (torch.minimum)."""
    need_tensor("minimum", input)
    need_tensor("minimum", other, "other", 2)
    return into(out, _fast["minimum"](input, other))


def scaled(name, input, other, alpha):
    """`alpha · other`, checked as torch does."""
    other = other_operand(name, other)
    if alpha is None or (type(alpha) is int and alpha == 1):
        return other
    common = result_type(input, other)
    if isinstance(alpha, float) and not common.is_floating_point:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.\n"
                           "Convert the tensors to a floating point dtype, or use an integer alpha.")
    if isinstance(other, TensorBase) and dtype_of(other) is not common:
        other = p.to(other, dtype=common.numpy)
    product = other * as_number(alpha, common)
    return bool(product) if common is dtypes.bool and is_number(other) else product


def add(input, other, *, alpha=1, out=None):
    """input + alpha · other (torch.add)."""
    if not isinstance(input, TensorBase) and not (is_number(input) and isinstance(other, TensorBase)):
        need_tensor("add", input)
    other = scaled("add", input, other, alpha)
    return into(out, _fast["add"](input, other) if isinstance(input, TensorBase) else p.add(input, other))


def sub(input, other, *, alpha=1, out=None):
    """input − alpha · other (torch.sub). Raises RuntimeError for bool tensors."""
    if not isinstance(input, TensorBase) and not (is_number(input) and isinstance(other, TensorBase)):
        need_tensor("sub", input)
    other = other_operand("sub", other)
    kinds = [number_dtype(o) if is_number(o) else dtype_of(o) for o in (input, other)]
    if dtypes.bool in kinds:
        if kinds[0] is kinds[1]:
            raise RuntimeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                "`logical_xor()` operator instead.\nOr convert them to numbers first.")
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert "
            "a mask, use the `~` or `logical_not()` operator instead.\nOr convert it to a number first.")
    other = scaled("sub", input, other, alpha)
    return into(out, _fast["sub"](input, other) if isinstance(input, TensorBase) else p.sub(input, other))


subtract = sub


def div(input, other, *, rounding_mode=None, out=None):
    """input / other; integers become floats (torch.div)."""
    if rounding_mode is not None:
        return into(out, rounded_division("div", rounding_mode, input, other)(input, other))
    if not isinstance(input, TensorBase) and not (is_number(input) and isinstance(other, TensorBase)):
        need_tensor("div", input)
    other = other_operand("div", other)
    return into(out, _fast["div"](input, other) if isinstance(input, TensorBase) else p.div(input, other))


divide = div
_ROUNDED = {"floor": (p.floor_divide, "div_floor_cpu"), "trunc": (p.trunc_divide, "div_trunc_cpu"),
            "remainder": (p.remainder, "remainder_cpu")}


def rounded_division(name, mode, input, other):
    """The op that divides so, its operands checked as torch does."""
    if mode not in _ROUNDED:
        raise RuntimeError("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
                           f"'{mode}'\nChoose one of these.")
    if not isinstance(input, TensorBase) and not (is_number(input) and isinstance(other, TensorBase)):
        need_tensor(name, input)
    other = other_operand(name, other, input=input)
    made, kernel = _ROUNDED[mode]
    common = result_type(input, other)
    if common is dtypes.bool:
        raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'\nConvert to a number type first.")
    if not common.is_floating_point and not np.all(other.array if isinstance(other, TensorBase) else other):
        raise RuntimeError("ZeroDivisionError\nAn integer is divided by 0.")
    return made


def floor_divide(input, other, *, out=None):
    """⌊input / other⌋ (torch.floor_divide). Raises RuntimeError for integers divided by 0."""
    return into(out, rounded_division("floor_divide", "floor", input, other)(input, other))


def remainder(input, other, *, out=None):
    """What ⌊input / other⌋ leaves, with the sign of `other` (torch.remainder)."""
    return into(out, rounded_division("remainder", "remainder", input, other)(input, other))


def true_divide(input, other, *, out=None):
    """input / other (torch.true_divide)."""
    return div(input, other, out=out)



def pow(input, exponent, *, out=None):
    """input ** exponent, either a tensor, or one a number (torch.pow).

    Raises RuntimeError for integers to negative integer powers.
    """
    if isinstance(input, TensorBase) and not isinstance(exponent, TensorBase):
        exponent = other_operand("pow", exponent, input=input)
        if input.array.dtype.kind in "bui" and not isinstance(exponent, float):
            if exponent < 0:
                raise RuntimeError("Integers to negative integer powers are not allowed.\n"
                                   "Convert to a float first.")
            return into(out, p.pow(input, exponent))
        if input.array.dtype.kind in "bui":
            input = p.to(input, dtype=dtypes.get_default_dtype().numpy)
        return into(out, p.pow_number(input, exponent=exponent))
    if not isinstance(exponent, TensorBase):
        refuse("pow", input, exponent)
    if result_type(input, exponent) is dtypes.bool:
        raise NotImplementedError("\"pow\" not implemented for 'Bool'\nConvert to a number type first.")
    if is_number(input):
        common = result_type(input, exponent)
        return into(out, p.pow(as_tensor_like(input, common), exponent))
    return into(out, p.pow(input, exponent))


def clamping(input, min, max):
    """The common dtype of a tensor and bounds, and the op, operands and attributes that clamp; checked as
    torch does."""
    bounds = [bound for bound in (min, max) if bound is not None]
    fit = [is_number(bound) or isinstance(bound, TensorBase) for bound in bounds]
    if not isinstance(input, TensorBase) or False in fit:
        refuse("clamp", input, *bounds)
    if not bounds:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None\nPass a bound.")
    common, scalar = result_type(input, *bounds), is_number(bounds[0])
    if common is dtypes.bool and (scalar or len(bounds) == 2):      # torch knows max and min of bools only
        which = "" if len(bounds) == 2 else "_max" if min is None else "_min"
        raise NotImplementedError(f"\"clamp{which}{'_scalar' * scalar}_cpu\" not implemented for 'Bool'\n"
                                  "Convert to a number type first.")
    if any(isinstance(bound, TensorBase) for bound in bounds):
        made = p.clamp_between if len(bounds) == 2 else p.clamp_low if max is None else p.clamp_high
        return common, made, bounds, {}
    low, high = [None if bound is None else fitting(bound, common) for bound in (min, max)]
    return common, p.clamp, (), {"low": low, "high": high}


def clamp(input, min=None, max=None, *, out=None):
    """input kept between min and max, numbers or tensors, one of them optional (torch.clamp).

    The gradient is 1 at a bound itself. Raises RuntimeError without any bound.
    """
    common, made, operands, attrs = clamping(input, min, max)
    if dtype_of(input) is not common:
        input = p.to(input, dtype=common.numpy)
    return into(out, made(input, *operands, **attrs))


clip = clamp


def where(condition, input=None, other=None, *, out=None):
    """input where condition holds, else other, with broadcasting (torch.where).

    condition: bool Tensor; input, other: Tensors or numbers. With the condition alone: the indices of its
    true elements, a tuple as `nonzero(as_tuple=True)`.
    """
    if not isinstance(condition, TensorBase):
        refuse("where", *[v for v in (condition, input, other) if v is not None])
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if condition.array.dtype not in (np.bool_, np.uint8):
        raise RuntimeError("where expected condition to be a boolean tensor, but got a tensor with dtype "
                           f"{dtype_of(condition).legacy_name}\nCompare it with something first.")
    common = result_type(input, other)
    values = [v if isinstance(v, TensorBase) else as_tensor_like(v, common) for v in (input, other)]
    values = [v if dtype_of(v) is common else p.to(v, dtype=common.numpy) for v in values]
    return into(out, p.where(condition, *values))


def masked_fill(input, mask, value):
    """input with `value` (a number or 0-d Tensor) where the bool Tensor `mask` is true
    (torch.masked_fill)."""
    need_tensor("masked_fill", input)
    if not (isinstance(mask, TensorBase) and (is_number(value) or isinstance(value, TensorBase))):
        refuse("masked_fill", mask, value)
    check_broadcast(mask.array.shape, input.array.shape)
    if mask.array.dtype != np.bool_:
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype "
                           f"{str(dtype_of(mask).legacy_name).lower()}\nCompare it with something first.")
    if isinstance(value, TensorBase):
        if value.array.ndim:
            raise RuntimeError("masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                               f"{value.array.ndim} dimension(s).\nUse where(mask, value, input).")
        value = value if dtype_of(value) is dtype_of(input) else p.to(value, dtype=input.array.dtype)
    else:
        value = fitting(value, dtype_of(input))
    return p.masked_fill(input, mask, value)


__all__ = [
    "exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "erf", "sigmoid", "reciprocal", "abs", "neg",
    "sign", "relu", "isnan", "isinf", "isfinite", "logical_not", "floor", "ceil", "absolute", "negative",
    "round", "bitwise_not", "mul", "eq", "ne", "lt", "le", "gt", "ge", "multiply", "not_equal", "less",
    "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "bitwise_and",
    "bitwise_or", "bitwise_xor", "maximum", "minimum", "add", "sub", "subtract", "div", "divide",
    "true_divide", "pow", "clamp", "clip", "where", "masked_fill", "floor_divide", "remainder",
]
