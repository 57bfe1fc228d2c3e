"""Losses. Cross-entropy is fused: softmax, logarithm and choice in one op, whose gradient is softmax − 1."""
from ..backends.arrays import is_array
from ..engine.op import op
from .activation import log_sigmoid
from .index import gather, scatter_zeros
from .pointwise import clamp, log, sigmoid, where
from .reduce import log_softmax, sum
from .shape import squeeze, unsqueeze


def _nll_loss(xp, x, target, factor, *, total):
    picked = xp.take_along_axis(x, xp.expand_dims(target, 1), 1).squeeze(1) * factor
    return picked if total is None else xp.asarray(xp.sum(picked) / total)


def _nll_slope(g, target, factor, x_shape, total):
    slope = (g if total is None else g / total) * factor
    if is_array(total) or total == 0:           # nothing counts: the mean is nan, its slope 0
        slope = where(factor == 0, 0.0, slope)
    return scatter_zeros(unsqueeze(slope, dim=1), unsqueeze(target, dim=1), shape=x_shape, dim=1)


# `factor`: −weight of each target, 0 where it is ignored. `total`: what the sum is divided by; None: no sum.
nll_loss = op("nll_loss", _nll_loss, grads=(_nll_slope, None, None),
              formula=("−Σ w x[target] / n", "−ḡ w / n at the target, else 0", "–", "–"))


def cross_entropy_twin(x, target, *, total, x_shifted=None):
    """What cross-entropy is: minus the log-softmax at the target."""
    z = -squeeze(gather(log_softmax(x, dim=1), unsqueeze(target, dim=1), dim=1), dim=(1,))
    return z if total is None else sum(z) / total


def _cross_entropy(xp, x, target, *, total):
    x_shifted = xp.log_softmax(x, 1)
    z = -x_shifted[xp.arange(len(x)), target]
    return z if total is None else xp.asarray(xp.sum(z) / total), x_shifted


def _cross_entropy_backward(xp, y, target, x_shifted, *, total):
    z = xp.exp(x_shifted)
    z[xp.arange(len(z)), target] -= 1
    z *= y[:, None] if total is None else y / total
    return z


cross_entropy_backward = op("cross_entropy_backward", _cross_entropy_backward,
                            formula=("(softmax x − onehot) · y / n",))
# For (N, C) scores and class numbers that all weigh the same; every other case is nll_loss of log_softmax.
# Kept are the log-probabilities, `x_shifted`: moving all scores of a row changes no derivative, so the second
# derivatives are taken there too.
cross_entropy = op("cross_entropy", _cross_entropy,
                   grads=(lambda g, target, x_shifted, total:
                          cross_entropy_backward(g, target, x_shifted, total=total), None),
                   extras=("x_shifted",), twin=cross_entropy_twin, torch_node="NllLossBackward0",
                   formula=("−Σ ln softmax(x)[target] / n", "(softmax x − onehot) · ḡ / n", "–"))


def _mse_loss(xp, x, y, *, reduction):
    z = (x - y) ** 2
    count = z.size if reduction == "mean" else 1
    return z if reduction == "none" else xp.asarray(xp.sum(z) / count), count


mse_loss = op("mse_loss", _mse_loss,
              grads=(lambda g, x, y, count: g * (2 / max(count, 1) * (x - y)),
                     lambda g, x, y, count: g * (2 / max(count, 1) * (y - x))),
              formula=("Σ (x − y)² / n", "ḡ · 2 (x − y) / n", "ḡ · 2 (y − x) / n"), extras=("count",),
              promote="same", layout=True)


def _bce_slope(g, x, y, positive):
    if positive is None:
        return g * (sigmoid(x) - y)
    return g * ((positive * y + 1 - y) * sigmoid(x) - positive * y)


def _bce_with_logits(xp, x, y, positive):
    log_sigmoid = xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))
    return (1 - y) * x - (log_sigmoid if positive is None else (1 + (positive - 1) * y) * log_sigmoid)


binary_cross_entropy_with_logits = op(
    "binary_cross_entropy_with_logits", _bce_with_logits,
    grads=(_bce_slope, lambda g, x, positive: g * -x if positive is None else
           g * (log_sigmoid(-x) - positive * log_sigmoid(x)), None),
    formula=("−p y ln σ(x) − (1 − y) ln σ(−x)", "ḡ · ((1 − y) σ(x) − p y σ(−x))",
             "ḡ · (ln σ(−x) − p ln σ(x))", "–"),
    promote="same", layout=True)


def _binary_cross_entropy(xp, x, y):
    return (y - 1) * xp.maximum(xp.log1p(-x), -100) - y * xp.maximum(xp.log(x), -100)


def _logarithm(x):
    return clamp(log(x), low=-100, high=None)


def _bounded(x):
    """x (1 − x) as torch keeps it from 0 in second derivatives; in first ones it takes the larger instead."""
    return (x + 1e-12) * (1 - x + 1e-12)


binary_cross_entropy_backward = op(
    "binary_cross_entropy_backward",
    lambda xp, y, x, target: y * ((x - target) / xp.maximum((1 - x) * x, 1e-12)),
    grads=(lambda g, x, target: g * ((x - target) / _bounded(x)),
           lambda g, y, x, target: g * y * ((x * x - 2 * x * target + target) / (_bounded(x) * _bounded(x))),
           lambda g, y, x: -g * y / clamp((1 - x) * x, low=1e-12, high=None)),
    formula=("y · (x − t) / (x (1 − x))", "ḡ · (x − t) / (x (1 − x))",
             "ḡ · y · (x² − 2 x t + t) / (x (1 − x))²", "−ḡ · y / (x (1 − x))"), layout=True)
binary_cross_entropy = op(
    "binary_cross_entropy", _binary_cross_entropy,
    grads=(lambda g, x, y: binary_cross_entropy_backward(g, x, y),
           lambda g, x: g * (_logarithm(1 - x) - _logarithm(x))),
    formula=("−y ln x − (1 − y) ln(1 − x)", "ḡ · (x − y) / (x (1 − x))", "ḡ · (ln(1 − x) − ln x)"),
    promote="same", layout=True)


def _huber_loss(xp, x, y, *, delta):
    z = xp.abs(x - y)
    return xp.where(z <= delta, 0.5 * z * z, delta * (z - 0.5 * delta))


huber_loss = op("huber_loss", _huber_loss,
                grads=(lambda g, x, y, delta: g * clamp(x - y, low=-delta, high=delta),
                       lambda g, x, y, delta: g * clamp(y - x, low=-delta, high=delta)), promote="same",
                formula=("½ (x − y)² where |x − y| ≤ δ, else δ (|x − y| − ½ δ)",
                         "ḡ · (x − y) kept between ± δ", "ḡ · (y − x) kept between ± δ"), layout=True)
