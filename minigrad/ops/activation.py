"""Activations beyond the pointwise functions, and dropout."""
import math

from ..engine.op import op
from . import pointwise as p

_HALF = math.sqrt(0.5)
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
             formula=("x · noise", "ḡ · "
                                   "noise", "–"), torch_node="MulBackward0", promote="same", pointwise=True)
