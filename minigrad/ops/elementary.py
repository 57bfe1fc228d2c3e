"""More elementary functions: exponentials and logarithms, trigonometric and hyperbolic functions and their
inverses, rounding, and functions of two operands that are best computed as one."""
import math

from ..engine.op import op
from .pointwise import exp, log, rsqrt, where

LN2, LN10 = math.log(2), math.log(10)


# Exponentials and logarithms
exp2 = op("exp2", lambda xp, x: xp.exp2(x), grads=(lambda g, z: g * z * LN2,),
          formula=("2ˣ", "ḡ · z · ln 2"), promote="float", layout=True)
expm1 = op("expm1", lambda xp, x: xp.expm1(x), grads=(lambda g, z: g * (z + 1),),
           formula=("eˣ − 1", "ḡ · (z + 1)"), promote="float", layout=True)
log1p = op("log1p", lambda xp, x: xp.log1p(x), grads=(lambda g, x: g / (x + 1),),
           formula=("ln(1 + x)", "ḡ / (1 + x)"), promote="float", layout=True)
log2 = op("log2", lambda xp, x: xp.log2(x), grads=(lambda g, x: g / (x * LN2),),
          formula=("log₂ x", "ḡ / (x ln 2)"), promote="float", layout=True)
log10 = op("log10", lambda xp, x: xp.log10(x), grads=(lambda g, x: g / (x * LN10),),
           formula=("log₁₀ x", "ḡ / (x ln 10)"), promote="float", layout=True)
erfc = op("erfc", lambda xp, x: xp.erfc(x), grads=(lambda g, x: -2 / math.sqrt(math.pi) * exp(-(x * x)) * g,),
          formula=("1 − erf x", "−ḡ · 2/√π · e^(−x²)"), promote="float", layout=True)

# Trigonometric functions and their inverses
tan = op("tan", lambda xp, x: xp.tan(x), grads=(lambda g, z: g * (1 + z * z),),
         formula=("tan x", "ḡ · (1 + z²)"), promote="float", layout=True)
asin = op("asin", lambda xp, x: xp.arcsin(x), grads=(lambda g, x: g * rsqrt(1 - x * x),),
          formula=("arcsin x", "ḡ / √(1 − x²)"), promote="float", layout=True)
acos = op("acos", lambda xp, x: xp.arccos(x), grads=(lambda g, x: g * -rsqrt(1 - x * x),),
          formula=("arccos x", "−ḡ / √(1 − x²)"), promote="float", layout=True)
atan = op("atan", lambda xp, x: xp.arctan(x), grads=(lambda g, x: g / (x * x + 1),),
          formula=("arctan x", "ḡ / (x² + 1)"), promote="float", layout=True)

# Hyperbolic functions and their inverses
sinh = op("sinh", lambda xp, x: xp.sinh(x), grads=(lambda g, x: g * cosh(x),),
          formula=("sinh x", "ḡ · cosh x"), promote="float", layout=True)
cosh = op("cosh", lambda xp, x: xp.cosh(x), grads=(lambda g, x: g * sinh(x),),
          formula=("cosh x", "ḡ · sinh x"), promote="float", layout=True)
asinh = op("asinh", lambda xp, x: xp.arcsinh(x), grads=(lambda g, x: g * rsqrt(x * x + 1),),
           formula=("arsinh x", "ḡ / √(x² + 1)"), promote="float", layout=True)
acosh = op("acosh", lambda xp, x: xp.arccosh(x), grads=(lambda g, x: g * rsqrt(x * x - 1),),
           formula=("arcosh x", "ḡ / √(x² − 1)"), promote="float", layout=True)
atanh = op("atanh", lambda xp, x: xp.arctanh(x), grads=(lambda g, x: g / (1 - x * x),),
           formula=("artanh x", "ḡ / (1 − x²)"), promote="float", layout=True)

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
           grads=(lambda g, x, y: where((x == 0) * (y == 0), 0.0, g * y * (1 / (x * x + y * y))),
                  lambda g, x, y: where((x == 0) * (y == 0), 0.0, g * -x * (1 / (x * x + y * y)))),
           formula=("the angle of (y, x)", "ḡ · y / (x² + y²)", "−ḡ · x / (x² + y²)"))
hypot = op("hypot", lambda xp, x, y: xp.hypot(x, y), promote="same", layout=True,
           grads=(lambda g, x, z: g * (x / z), lambda g, y, z: g * (y / z)),
           formula=("√(x² + y²)", "ḡ · x / z", "ḡ · y / z"))
logaddexp = op("logaddexp", lambda xp, x, y: xp.logaddexp(x, y), promote="same", layout=True,
               grads=(lambda g, x, y: g / (1 + exp(y - x)), lambda g, x, y: g / (1 + exp(x - y))),
               formula=("ln(eˣ + eʸ)", "ḡ / (1 + e^(y − x))", "ḡ / (1 + e^(x − y))"))


def _xlogy(xp, x, y):
    """0 · ln y is 0 for all y but nan."""
    return xp.where((x == 0) & (y == y), 0, x * xp.log(y))


def _lerp(xp, x, y, weight):
    """Counted from the nearer end."""
    step = y - x
    if not hasattr(weight, "dtype"):
        return x + weight * step if abs(weight) < 0.5 else y - step * (1 - weight)
    return xp.where(xp.abs(weight) < 0.5, x + weight * step, y - step * (1 - weight))


lerp = op("lerp", _lerp, promote="same", layout=True,
          grads=(lambda g, weight: g * (1 - weight), lambda g, weight: g * weight,
                 lambda g, x, y: g * (y - x)),
          formula=("x + w (y − x)", "ḡ (1 − w)", "ḡ · w", "ḡ (y − x)"))


def _logit(xp, x, *, eps):
    if eps is not None and eps >= 0:            # the lower bound counts first where they cross
        x = xp.where(x < eps, eps, xp.where(x > 1 - eps, 1 - eps, x)).astype(x.dtype)
    return xp.log(x / (1 - x))


def _logit_slope(g, x, eps):
    low = 0 if eps is None or eps < 0 else eps
    return where((x < low) | (x > 1 - low), math.nan if eps is None or eps < 0 else 0.0, g / (x * (1 - x)))


logit = op("logit", _logit, grads=(_logit_slope,), promote="float", layout=True,
           formula=("ln(x / (1 − x))", "ḡ / (x (1 − x)) within bounds"))


xlogy = op("xlogy", _xlogy, promote="float", layout=True,
           grads=(lambda g, x, y: where((x == 0) * (y <= 0), 0.0, g * log(y)), lambda g, x, y: g * x / y),
           formula=("x ln y", "ḡ · ln y", "ḡ · x / y"))
