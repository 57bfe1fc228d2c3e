"""More elementary functions: exponentials and logarithms, trigonometric and hyperbolic functions and their
inverses, rounding, and functions of two operands that are best computed as one."""
import math

from ..engine.op import op
from .pointwise import exp, log, rsqrt, where

LN2, LN10 = math.log(2), math.log(10)


def _smooth(name, forward, slope, formula, slope_formula):
    """A row for a differentiable function of one operand; integers become floats."""
    return op(name, forward, grads=(slope,), formula=(formula, slope_formula), promote="float", layout=True)


# Exponentials and logarithms
exp2 = _smooth("exp2", lambda xp, x: xp.exp2(x), lambda g, z: g * z * LN2, "2ˣ", "ḡ · z · ln 2")
expm1 = _smooth("expm1", lambda xp, x: xp.expm1(x), lambda g, z: g * (z + 1), "eˣ − 1", "ḡ · (z + 1)")
log1p = _smooth("log1p", lambda xp, x: xp.log1p(x), lambda g, x: g / (x + 1), "ln(1 + x)", "ḡ / (1 + x)")
log2 = _smooth("log2", lambda xp, x: xp.log2(x), lambda g, x: g / (x * LN2), "log₂ x", "ḡ / (x ln 2)")
log10 = _smooth("log10", lambda xp, x: xp.log10(x), lambda g, x: g / (x * LN10), "log₁₀ x", "ḡ / (x ln 10)")
erfc = _smooth("erfc", lambda xp, x: xp.erfc(x), lambda g, x: -2 / math.sqrt(math.pi) * exp(-(x * x)) * g,
               "1 − erf x", "−ḡ · 2/√π · e^(−x²)")

# Trigonometric functions and their inverses
tan = _smooth("tan", lambda xp, x: xp.tan(x), lambda g, z: g * (1 + z * z), "tan x", "ḡ · (1 + z²)")
asin = _smooth("asin", lambda xp, x: xp.arcsin(x), lambda g, x: g * rsqrt(1 - x * x), "arcsin x",
               "ḡ / √(1 − x²)")
acos = _smooth("acos", lambda xp, x: xp.arccos(x), lambda g, x: g * -rsqrt(1 - x * x), "arccos x",
               "−ḡ / √(1 − x²)")
atan = _smooth("atan", lambda xp, x: xp.arctan(x), lambda g, x: g / (x * x + 1), "arctan x", "ḡ / (x² + 1)")

# Hyperbolic functions and their inverses
sinh = _smooth("sinh", lambda xp, x: xp.sinh(x), lambda g, x: g * cosh(x), "sinh x", "ḡ · cosh x")
cosh = _smooth("cosh", lambda xp, x: xp.cosh(x), lambda g, x: g * sinh(x), "cosh x", "ḡ · sinh x")
asinh = _smooth("asinh", lambda xp, x: xp.arcsinh(x), lambda g, x: g * rsqrt(x * x + 1), "arsinh x",
                "ḡ / √(x² + 1)")
acosh = _smooth("acosh", lambda xp, x: xp.arccosh(x), lambda g, x: g * rsqrt(x * x - 1), "arcosh x",
                "ḡ / √(x² − 1)")
atanh = _smooth("atanh", lambda xp, x: xp.arctanh(x), lambda g, x: g / (1 - x * x), "artanh x",
                "ḡ / (1 − x²)")

# Rounding towards 0, and what it leaves
trunc = op("trunc", lambda xp, x: xp.trunc(x) if x.dtype.kind == "f" else x.copy(order="K"),
           grads=(lambda g: g * 0,), formula=("x without its fraction", "0"), layout=True)
frac = op("frac", lambda xp, x: x - xp.trunc(x), grads=(lambda g: g,), formula=("x − trunc x", "ḡ"),
          layout=True)
fmod = op("fmod", lambda xp, x, y: xp.fmod(x, y),
          grads=(lambda g: g, lambda g, x, y: -g * trunc(x / y)), promote="same", layout=True,
          formula=("x − trunc(x / y) · y", "ḡ", "−ḡ · trunc(x / y)"))

# Of two operands
atan2 = op("atan2", lambda xp, x, y: xp.arctan2(x, y), promote="float", layout=True,
           grads=(lambda g, x, y: g * (y / (x * x + y * y)), lambda g, x, y: g * (-x / (x * x + y * y))),
           formula=("the angle of (y, x)", "ḡ · y / (x² + y²)", "−ḡ · x / (x² + y²)"))
hypot = op("hypot", lambda xp, x, y: xp.hypot(x, y), promote="same", layout=True,
           grads=(lambda g, x, z: g * (x / z), lambda g, y, z: g * (y / z)),
           formula=("√(x² + y²)", "ḡ · x / z", "ḡ · y / z"))
logaddexp = op("logaddexp", lambda xp, x, y: xp.logaddexp(x, y), promote="same", layout=True,
               grads=(lambda g, x, y: g / (1 + exp(y - x)), lambda g, x, y: g / (1 + exp(x - y))),
               formula=("ln(eˣ + eʸ)", "ḡ / (1 + e^(y − x))", "ḡ / (1 + e^(x − y))"))
# 0 · ln y is 0 for all y but nan.
xlogy = op("xlogy", lambda xp, x, y: xp.where((x == 0) & (y == y), 0, x * xp.log(y)).astype(x.dtype),
           promote="float", layout=True,
           grads=(lambda g, x, y: where((x == 0) * (y <= 0), 0.0, g * log(y)), lambda g, x, y: g * x / y),
           formula=("x ln y", "ḡ · ln y", "ḡ · x / y"))
