"""Activations beyond the pointwise functions, and dropout."""
import math

from ..engine.op import op
from . import pointwise as p
from .pointwise import touching

_HALF = math.sqrt(0.5)
_SIXTH = 0.1666666716337204                     # torch's, of single precision in every dtype
_TANH, _CUBIC = math.sqrt(2 / math.pi), 0.044715


def gelu_twin(x):
    """What GELU is (Hendrycks and Gimpel 2016): x times the normal distribution's Φ(x)."""
    return x * (0.5 * (1 + p.erf(x * _HALF)))


def _gelu_tanh_slope(g, x):
    t = p.tanh(_TANH * (x + _CUBIC * (x * x * x)))
    return g * (0.5 * (1 + t) + 0.5 * x * ((1 - t * t) * (_TANH * (1 + 3 * _CUBIC * (x * x)))))


gelu_backward = op("gelu_backward", lambda xp, y, x: xp.gelu_backward(y, x), layout=True,
                   formula=("y · (Φ(x) + x · φ(x))",))
gelu = op("gelu", lambda xp, x: xp.gelu(x), grads=(lambda g, x: gelu_backward(g, x),), twin=gelu_twin,
          formula=("x · Φ(x)", "ḡ · (Φ(x) + x · φ(x))"), promote="same", layout=True)
gelu_tanh = op("gelu_tanh", lambda xp, x: 0.5 * x * (1 + xp.tanh(_TANH * (x + _CUBIC * (x * x * x)))),
               grads=(_gelu_tanh_slope,), formula=("½ x (1 + tanh k(x)), k(x) = √(2/π) (x + 0.044715 x³)",
                                                   "ḡ · (½ (1 + tanh k) + ½ x (1 − tanh² k) k′(x))"),
               torch_node="GeluBackward0", promote="same", layout=True)
log_sigmoid = op("log_sigmoid", lambda xp, x: xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x))),
                 grads=(lambda g, x: g * p.sigmoid(-x),), formula=("ln σ(x)", "ḡ · σ(−x)"), promote="same",
                 layout=True)
# The noise is 0 or 1 / (1 − p), drawn beforehand (Srivastava et al. 2014).
dropout = op("dropout", lambda x, noise: x * noise, grads=(lambda g, noise: g * noise, None),
             formula=("x · noise", "ḡ · noise", "–"), torch_node="MulBackward0", promote="same",
             pointwise=True)


# Pieces: each rule gives what torch gives at the kinks ----------------------------------------------------

leaky_relu = op("leaky_relu", lambda xp, x, *, negative_slope: xp.where(x > 0, x, x * negative_slope),
                grads=(lambda g, x, negative_slope: touching(p.where(x > 0, g, g * negative_slope), x),),
                formula=("x where x > 0, else s x", "ḡ where x > 0, else s ḡ"), promote="same", layout=True)
prelu = op("prelu", lambda xp, x, weight: xp.where(x > 0, x, x * weight),
           grads=(lambda g, x, weight: p.where(x > 0, g, g * weight),
                  lambda g, x: p.where(x > 0, 0.0, g * x)), torch_node="PreluKernelBackward0",
           formula=("x where x > 0, else w x", "ḡ where x > 0, else w ḡ", "x ḡ where x ≤ 0"), promote="same",
           layout=True)


def _elu_slope(g, x, alpha, scale, inner):
    # The exponential is of min(x, 0): an overflow in the part not taken would make second derivatives nan.
    # At 0 torch's second derivative is 0, as relu's first.
    steep = p.exp(-inner * p.relu(-x))
    return p.where(x <= 0, g * (inner * alpha * scale) * steep, g * scale)


elu = op("elu", lambda xp, x, *, alpha, scale=1, inner=1:
         xp.where(x < 0, xp.expm1(xp.minimum(x, 0) * inner) * (alpha * scale), x * scale),
         grads=(_elu_slope,), promote="same", layout=True,
         formula=("s x where x > 0, else s α (eᵏˣ − 1)", "s ḡ where x > 0, else s α k eᵏˣ ḡ"))


def _silu_slope(g, x):
    s = p.sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


silu = op("silu", lambda xp, x: x / (1 + xp.exp(-x)), grads=(_silu_slope,),
          formula=("x · σ(x)", "ḡ · σ(x) (1 + x (1 − σ(x)))"), promote="same", layout=True)


def _mish_slope(g, x):
    t = p.tanh(-log_sigmoid(-x))
    return g * (t + x * p.sigmoid(x) * (1 - t * t))


mish = op("mish", lambda xp, x: x * xp.tanh(xp.log1p(xp.exp(x))), grads=(_mish_slope,),
          formula=("x · tanh ln(1 + eˣ)", "ḡ · (t + x σ(x) (1 − t²)), t = tanh ln(1 + eˣ)"), promote="same",
          layout=True)
softplus = op("softplus", lambda xp, x, *, beta, threshold:
              xp.where(x * beta > threshold, x, xp.log1p(xp.exp(x * beta)) / beta),
              grads=(lambda g, x, beta, threshold:
                     p.where(x * beta > threshold, g, g * p.sigmoid(x * beta)),),
              formula=("ln(1 + eᵝˣ) / β, x where β x > threshold", "ḡ · σ(β x)"), promote="same", layout=True)
hardtanh = op("hardtanh", lambda xp, x, *, low, high: xp.clip(x, low, high),
              grads=(lambda g, x, low, high: touching(p.where((x <= low) | (x >= high), 0.0, g), x),),
              formula=("x kept between low and high", "ḡ where low < x < high"), promote="same", layout=True)
hardsigmoid = op("hardsigmoid", lambda xp, x: xp.clip(x + 3, 0, 6) / 6,
                 grads=(lambda g, x: touching(p.where((x > -3) & (x < 3), g * _SIXTH, 0.0), x),),
                 formula=("(x + 3) / 6 kept between 0 and 1", "ḡ / 6 where −3 < x < 3"), promote="same",
                 layout=True)
hardswish = op("hardswish", lambda xp, x: x * xp.clip(x + 3, 0, 6) / 6,
               grads=(lambda g, x: p.where(x <= -3, 0.0, p.where(x >= 3, g, g * (x / 3 + 0.5))),),
               formula=("x · hardsigmoid x", "ḡ · (x / 3 + ½) where −3 < x < 3, ḡ above"), promote="same",
               layout=True)
threshold = op("threshold", lambda xp, x, *, bound, value: xp.where(x <= bound, value, x),
               grads=(lambda g, x, bound: touching(p.where(x <= bound, 0.0, g), x),),
               formula=("v where x ≤ bound, else x", "ḡ where x > bound"), promote="same", layout=True)
# nan belongs to no piece: it stays.
hardshrink = op("hardshrink", lambda xp, x, *, lambd: xp.where(xp.abs(x) <= lambd, 0, x),
                grads=(lambda g, x, lambd: touching(p.where((x >= -lambd) & (x <= lambd), 0.0, g), x),),
                formula=("x where |x| > λ, else 0", "ḡ where |x| > λ"), promote="same", layout=True)
softshrink = op("softshrink", lambda xp, x, *, lambd: x - xp.clip(x, -lambd, lambd),
                grads=(lambda g, x, lambd: touching(p.where((x >= -lambd) & (x <= lambd), 0.0, g), x),),
                promote="same",
                formula=("x − λ sign x where |x| > λ, else 0", "ḡ where |x| > λ"), layout=True)
