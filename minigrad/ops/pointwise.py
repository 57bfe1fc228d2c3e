"""Operators that work element by element: forward, gradient rules and formula of each in one row.

Conventions at kinks are torch's: relu'(0) = 0, abs'(0) = 0, equal operands of maximum share the gradient by
halves.
"""
import math

from ..backends.arrays import moved, place_of
from ..engine.core import TensorBase
from ..engine.op import op

PI = math.pi


def _to(x, *, dtype, place=None):
    return (x if place is None else moved(x, place)).astype(dtype), x.dtype, place and place_of(x)


to = op("to", _to, grads=(lambda g, x_dtype, x_place: to(g, dtype=x_dtype, place=x_place),),
        formula=("x", "ḡ"), torch_node="ToCopyBackward0", extras=("x_dtype", "x_place"), layout=True)
alias = op("alias", lambda x: x[...], grads=(lambda g: g,), formula=("x", "ḡ"), torch_node="AliasBackward0",
           layout=True, view=True)
zeros_like = op("zeros_like", lambda xp, x: xp.zeros_like(x), formula=("0",))
contiguous = op("contiguous", lambda xp, x: xp.ascontiguousarray(x), grads=(lambda g: g,),
                formula=("x, row-major", "ḡ"), torch_node="CloneBackward0")
clone = op("clone", lambda x: x.copy(order="K"), grads=(lambda g: g,), formula=("x", "ḡ"), layout=True)

# Arithmetic
add = op("add", lambda x, y: x + y, grads=(lambda g: g, lambda g: g),
         formula=("x + y", "ḡ", "ḡ"), promote="same", layout=True)
sub = op("sub", lambda x, y: x - y, grads=(lambda g: g, lambda g: -g),
         formula=("x − y", "ḡ", "−ḡ"), promote="same", layout=True)
mul = op("mul", lambda x, y: x * y, grads=(lambda g, y: g * y, lambda g, x: g * x),
         formula=("x · y", "ḡ · y", "ḡ · x"), promote="same", layout=True)
div = op("div", lambda x, y: x / y, grads=(lambda g, y: g / y, lambda g, x, y: -g * ((x / y) / y)),
         formula=("x / y", "ḡ / y", "−ḡ · x / y²"), promote="float", layout=True)
floor_divide = op("floor_divide", lambda xp, x, y: xp.floor_divide(x, y),
                  grads=(lambda g: g * 0, lambda g: g * 0), formula=("⌊x / y⌋", "0", "0"),
                  torch_node="DivBackward2", promote="same", layout=True)
def _trunc_divide(xp, x, y):
    kind = (x if hasattr(x, "dtype") else y).dtype.kind
    return xp.trunc(x / y) if kind == "f" else (x - xp.fmod(x, y)) // y


trunc_divide = op("trunc_divide", _trunc_divide,
                  grads=(lambda g: g * 0, lambda g: g * 0), formula=("x / y, cut off", "0", "0"),
                  torch_node="DivBackward2", promote="same", layout=True)

def _refused(g):
    raise RuntimeError("derivative for aten::floor_divide is not implemented\n"
                       "Use div(..., rounding_mode=\"floor\"), whose gradient is 0.")


# torch's `//`: it gives what div gives, and refuses to be differentiated.
floor_quotient = op("floor_quotient", lambda xp, x, y: xp.floor_divide(x, y), grads=(_refused, _refused),
                    formula=("⌊x / y⌋", "refused", "refused"), torch_node="NotImplemented", promote="same",
                    layout=True)
remainder = op("remainder", lambda xp, x, y: xp.remainder(x, y),
               grads=(lambda g: g, lambda g, x, y: -g * floor_divide(x, y)),
               formula=("x − ⌊x / y⌋ · y", "ḡ", "−ḡ · ⌊x / y⌋"), promote="same", layout=True)
# What `alpha` does in add and sub: the number is no operand, so nothing is saved that a walk frees.
scale = op("scale", lambda x, *, factor: x * factor, grads=(lambda g, factor: scale(g, factor=factor),),
           formula=("k · x", "k · ḡ"), torch_node="MulBackward0", promote="same", layout=True)
neg = op("neg", lambda x: -x, grads=(lambda g: -g,), formula=("−x", "−ḡ"), layout=True)
reciprocal = op("reciprocal", lambda xp, x: xp.reciprocal(x), grads=(lambda g, z: -g * (z * z),),
                formula=("1 / x", "−ḡ · z²"), promote="float", layout=True)


def _pow(xp, x, y):
    if x.dtype.kind not in "iu" or not xp.any(xp.asarray(y) < 0):
        return x ** y
    # Among integers 1 and −1 alone have inverses; the rest, 0 included, give 0.
    odd = 1 - 2 * (y % 2)
    return xp.where(y >= 0, x ** xp.maximum(y, 0), (x == 1) + (x == -1) * odd).astype(x.dtype)


# 0 where the exponent is 0: there the power is constant, although n · x^(n−1) may be 0 · inf.
pow = op("pow", _pow,
         grads=(lambda g, x, y: where(y == 0, 0.0, g * (y * x ** (y - 1))),
                lambda g, x, y, z: g * where((x == 0) * (y >= 0), 0.0, z * log(x))),
         formula=("xʸ", "ḡ · y · xʸ⁻¹", "ḡ · z · ln x"), torch_node="PowBackward1", promote="same",
         layout=True)
# The power by a number has a row of its own: its rule need not look at the exponent element by element.
pow_number = op("pow_number",
                lambda xp, x, *, exponent: 1 / xp.sqrt(x) if exponent == -0.5 else x ** exponent,
                grads=(lambda g, x, exponent:
                       g * 0 if exponent == 0 else g * (exponent * power(x, exponent - 1)),),
                formula=("xⁿ", "ḡ · n · xⁿ⁻¹"), torch_node="PowBackward0", promote="same", layout=True)


def power(x, exponent):
    """x to the power of a Python number. A Tensor stays in the graph down to its zeroth power, as torch's do;
    the first power of a bare array is the array."""
    return x if exponent == 1 and not isinstance(x, TensorBase) else pow_number(x, exponent=exponent)


# Exponentials, roots and friends
exp = op("exp", lambda xp, x: xp.exp(x), grads=(lambda g, z: g * z,),
         formula=("eˣ", "ḡ · z"), promote="float", layout=True)
log = op("log", lambda xp, x: xp.log(x), grads=(lambda g, x: g / x,),
         formula=("ln x", "ḡ / x"), promote="float", layout=True)
sqrt = op("sqrt", lambda xp, x: xp.sqrt(x), grads=(lambda g, z: g / (2 * z),),
          formula=("√x", "ḡ / 2z"), promote="float", layout=True)
rsqrt = op("rsqrt", lambda xp, x: 1 / xp.sqrt(x), grads=(lambda g, z: -0.5 * g * (z * z * z),),
           formula=("1 / √x", "−½ ḡ · z³"), promote="float", layout=True)
sin = op("sin", lambda xp, x: xp.sin(x), grads=(lambda g, x: g * cos(x),),
         formula=("sin x", "ḡ · cos x"), promote="float", layout=True)
cos = op("cos", lambda xp, x: xp.cos(x), grads=(lambda g, x: g * -sin(x),),
         formula=("cos x", "−ḡ · sin x"), promote="float", layout=True)
tanh = op("tanh", lambda xp, x: xp.tanh(x), grads=(lambda g, z: g * (1 - z * z),),
          formula=("tanh x", "ḡ · (1 − z²)"), promote="float", layout=True)
erf = op("erf", lambda xp, x: xp.erf(x), grads=(lambda g, x: g * (2 / math.sqrt(PI) * exp(-(x * x))),),
         formula=("erf x", "ḡ · 2/√π · e^(−x²)"), promote="float", layout=True)
sigmoid = op("sigmoid", lambda xp, x: 1 / (1 + xp.exp(-x)), grads=(lambda g, z: g * ((1 - z) * z),),
             formula=("1 / (1 + e⁻ˣ)", "ḡ · (1 − z) · z"), promote="float", layout=True)

# Pieces: constant or linear between their kinks
abs = op("abs", lambda xp, x: xp.abs(x), grads=(lambda g, x: g * sign(x),),
         formula=("|x|", "ḡ · sign x"), layout=True)
# nan has the sign 0 in torch.
sign = op("sign", lambda x: (x > 0).astype(x.dtype) - (x < 0) if x.dtype != bool else x.copy(order="K"),
          grads=(lambda g: g * 0,), formula=("sign x", "0"), layout=True)
floor = op("floor", lambda xp, x: xp.floor(x) if x.dtype.kind not in "bui" else x.copy(order="K"),
           grads=(lambda g: g * 0,), formula=("⌊x⌋", "0"), layout=True)
ceil = op("ceil", lambda xp, x: xp.ceil(x) if x.dtype.kind not in "bui" else x.copy(order="K"),
          grads=(lambda g: g * 0,), formula=("⌈x⌉", "0"), layout=True)
round = op("round", lambda xp, x: xp.rint(x) if x.dtype.kind not in "bui" else x.copy(order="K"),
           grads=(lambda g: g * 0,),
           formula=("x to the nearest integer, halves to even", "0"), layout=True)
relu = op("relu", lambda xp, x: xp.relu(x), grads=(lambda g, z: relu_backward(g, z),),
          formula=("max(x, 0)", "ḡ where z > 0"), layout=True)
relu_backward = op("relu_backward", lambda xp, y, x: xp.relu_backward(y, x),
                   grads=(lambda g, x: relu_backward(g, x), lambda g: zeros_like(g)),
                   formula=("y where x > 0", "ḡ where x > 0", "0"),
                   torch_node="ThresholdBackwardBackward0", layout=True)
clamp = op("clamp", lambda xp, x, *, low, high: xp.clip(x, low, high),
           grads=(lambda g, x, low, high: g * within(x, low=low, high=high),),
           formula=("x kept between low and high", "ḡ where low ≤ x ≤ high"), torch_node="ClampBackward1",
           layout=True)


def _within(x, *, low=None, high=None):
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)


within = op("within", _within, formula=("low ≤ x ≤ high",), layout=True)
# With tensors for bounds an element at its bound keeps its gradient, and the bound gets none.
clamp_low = op("clamp_low", lambda xp, x, low: xp.maximum(x, low),
               grads=(lambda g, x, low: where(x >= low, g, 0.0), lambda g, x, low: where(x < low, g, 0.0)),
               formula=("max(x, low)", "ḡ where x ≥ low", "ḡ where x < low"), torch_node="ClampMinBackward1",
               promote="same", layout=True)
clamp_high = op("clamp_high", lambda xp, x, high: xp.minimum(x, high),
                grads=(lambda g, x, high: where(x <= high, g, 0.0),
                       lambda g, x, high: where(x > high, g, 0.0)),
                formula=("min(x, high)", "ḡ where x ≤ high", "ḡ where x > high"),
                torch_node="ClampMaxBackward1", promote="same", layout=True)
clamp_between = op(
    "clamp_between", lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),
    grads=(lambda g, x, low, high: where((x >= low) & (x <= high), g, 0.0),
           lambda g, x, low, high: where((x < low) & (low < high), g, 0.0),
           lambda g, x, low, high: where((x > high) | (low > high), g, 0.0)),
    formula=("min(max(x, low), high)",
             "ḡ where low ≤ x ≤ high", "ḡ where x < low < high", "ḡ where high < x or low"),
    torch_node="ClampBackward0", promote="same", layout=True)
maximum = op("maximum", lambda xp, x, y: xp.maximum(x, y),
             grads=(lambda g, x, y: where(x == y, g / 2, where(x < y, 0.0, g)),
                    lambda g, x, y: where(x == y, g / 2, where(y < x, 0.0, g))),
             formula=("max(x, y)", "ḡ where x > y, ½ ḡ at ties", "ḡ where y > x, ½ ḡ at ties"),
             promote="same", layout=True)
minimum = op("minimum", lambda xp, x, y: xp.minimum(x, y),
             grads=(lambda g, x, y: where(x == y, g / 2, where(x > y, 0.0, g)),
                    lambda g, x, y: where(x == y, g / 2, where(y > x, 0.0, g))),
             formula=("min(x, y)", "ḡ where x < y, ½ ḡ at ties", "ḡ where y < x, ½ ḡ at ties"),
             promote="same", layout=True)


def _where(xp, condition, x, y):
    return xp.where(condition, x, y)


where = op("where", _where, grads=(None, lambda g, condition: where(condition, g, 0.0),
                                   lambda g, condition: where(condition, 0.0, g)),
           formula=("x where c, else y", "–", "ḡ where c", "ḡ where not c"), pointwise=True)
masked_fill = op("masked_fill", lambda xp, x, mask, value: xp.where(mask, value, x),
                 grads=(lambda g, mask: where(mask, 0.0, g), None, lambda g, mask: where(mask, g, 0.0)),
                 formula=("v where m, else x", "ḡ where not m", "–", "ḡ where m"), pointwise=True)

# What in-place writes record: the old value's gradient ends there.
fill = op("fill", lambda xp, x, value: xp.full(x.shape, value, x.dtype),
          grads=(lambda g: zeros_like(g), lambda g: g), formula=("v", "0", "Σ ḡ"),
          torch_node="FillBackward2")
def _copy(xp, x, source):
    return xp.broadcast_to(source, x.shape).astype(x.dtype), source.dtype


# The cotangent is in the source's dtype before it is summed to the source's shape.
copy = op("copy", _copy, grads=(lambda g: zeros_like(g), lambda g, source_dtype: to(g, dtype=source_dtype)),
          formula=("s", "0", "ḡ"), torch_node="CopyBackwards", extras=("source_dtype",))

# What is constant although it came from x, a slope between kinks or a sample, stays in its graph: so do
# torch's, which can be walked.
touching = op("touching", lambda y, x: y, grads=(lambda g: g, lambda g: zeros_like(g)), layout=True,
            formula=("y, in the graph of x too", "ḡ", "0"), torch_node="ThresholdBackwardBackward0")

# Comparisons and logic: no gradient
eq = op("eq", lambda x, y: x == y, formula=("x = y",), promote="same", layout=True)
ne = op("ne", lambda x, y: x != y, formula=("x ≠ y",), promote="same", layout=True)
lt = op("lt", lambda x, y: x < y, formula=("x < y",), promote="same", layout=True)
le = op("le", lambda x, y: x <= y, formula=("x ≤ y",), promote="same", layout=True)
gt = op("gt", lambda x, y: x > y, formula=("x > y",), promote="same", layout=True)
ge = op("ge", lambda x, y: x >= y, formula=("x ≥ y",), promote="same", layout=True)
logical_and = op("logical_and", lambda xp, x, y: xp.logical_and(x, y), formula=("x and y",), promote="same",
                 pointwise=True)
logical_or = op("logical_or", lambda xp, x, y: xp.logical_or(x, y), formula=("x or y",), promote="same",
                pointwise=True)
logical_xor = op("logical_xor", lambda xp, x, y: xp.logical_xor(x, y), formula=("x xor y",), promote="same",
                 pointwise=True)
logical_not = op("logical_not", lambda xp, x: xp.logical_not(x), formula=("not x",), pointwise=True)
bitwise_and = op("bitwise_and", lambda x, y: x & y, formula=("x & y",), promote="same", pointwise=True)
bitwise_or = op("bitwise_or", lambda x, y: x | y, formula=("x | y",), promote="same", pointwise=True)
bitwise_xor = op("bitwise_xor", lambda x, y: x ^ y, formula=("x ^ y",), promote="same", pointwise=True)


def _shifted(x, y, shift, beyond):
    """C shifts by less than the bits there are; torch fills with what `beyond` shifts would leave."""
    bits = 8 * x.itemsize
    fits = (y >= 0) & (y < bits)
    return shift(x, fits * y) * fits + beyond(x, bits) * (fits ^ True)


bitwise_left_shift = op("bitwise_left_shift", lambda x, y: _shifted(
    x, y, lambda x, y: x << y, lambda x, bits: x * 0), formula=("x << y",), promote="same", pointwise=True)
bitwise_right_shift = op("bitwise_right_shift", lambda x, y: _shifted(
    x, y, lambda x, y: x >> y, lambda x, bits: x >> (bits - 1) if x.dtype.kind == "i" else x * 0),
    formula=("x >> y",), promote="same", pointwise=True)
bitwise_not = op("bitwise_not", lambda x: ~x, formula=("~x",), pointwise=True)
isnan = op("isnan", lambda xp, x: xp.isnan(x), formula=("x is nan",), pointwise=True)
isinf = op("isinf", lambda xp, x: xp.isinf(x), formula=("x is ±inf",), pointwise=True)
isfinite = op("isfinite", lambda xp, x: xp.isfinite(x), formula=("x is finite",), pointwise=True)
