"""Filling tensors with their first values (torch.nn.init). Each works in place, unrecorded, and returns its
tensor.

The streams are torch's: the same seed gives the same weights, to the bit.
"""
import math
import warnings

import numpy as np

from ..engine.core import no_grad, wrap
from ..ops import create
from .arguments import need

__all__ = ["calculate_gain", "constant_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
           "orthogonal_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_"]
_LINEAR = ("linear", "sigmoid", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
           "conv_transpose3d")


def calculate_gain(nonlinearity, param=None):
    """The factor by which a nonlinearity shrinks standard deviations, inverted
    (torch.nn.init.calculate_gain).

    param: the negative slope of "leaky_relu". Raises ValueError for unknown names.
    """
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        need(isinstance(slope, (int, float)) and not isinstance(slope, bool),
             "negative_slope {} not a valid number\nPass a number.", slope, error=ValueError)
        return math.sqrt(2.0 / (1 + slope ** 2))
    found = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}.get(nonlinearity)
    need(found, "Unsupported nonlinearity {}\nUse 'linear' for a gain of 1.", nonlinearity, error=ValueError)
    return found


def _calculate_fan_in_and_fan_out(tensor):
    shape = tensor.array.shape
    need(len(shape) > 1, "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions\n"
         "Use uniform_ or normal_ for vectors.", error=ValueError)
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


@no_grad
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Drawn evenly from [a, b) (torch.nn.init.uniform_)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad
def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Drawn from the normal distribution (torch.nn.init.normal_)."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad
def constant_(tensor, val):
    """All `val` (torch.nn.init.constant_)."""
    return tensor.fill_(val)


def ones_(tensor):
    """All 1 (torch.nn.init.ones_)."""
    return constant_(tensor, 1.0)


def zeros_(tensor):
    """All 0 (torch.nn.init.zeros_)."""
    return constant_(tensor, 0.0)


@no_grad
def eye_(tensor):
    """The identity matrix (torch.nn.init.eye_). Raises ValueError for other than two dimensions."""
    need(tensor.ndim == 2, "Only tensors with 2 dimensions are supported\nPass a matrix.", error=ValueError)
    return tensor.copy_(create.eye(*tensor.shape))


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Uniform with variance gain² · 2 / (fan_in + fan_out); Glorot & Bengio 2010
    (torch.nn.init.xavier_uniform_)."""
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor)))))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Normal with variance gain² · 2 / (fan_in + fan_out); Glorot & Bengio 2010
    (torch.nn.init.xavier_normal_)."""
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    return normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    """gain / √fan; None where there is nothing to fill."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    need(mode.lower() in ("fan_in", "fan_out"), "Mode {} not supported, please use one of ['fan_in', "
         "'fan_out']\nfan_in keeps the forward variance, fan_out the backward one.", mode.lower(),
         error=ValueError)
    fan = _calculate_fan_in_and_fan_out(tensor)[mode.lower() == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform with variance gain² / fan; He et al. 2015 (torch.nn.init.kaiming_uniform_)."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else uniform_(tensor, -math.sqrt(3.0) * std, math.sqrt(3.0) * std, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Normal with variance gain² / fan; He et al. 2015 (torch.nn.init.kaiming_normal_)."""
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0.0, std, generator)


@no_grad
def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Normal, drawn again where outside [a, b] (torch.nn.init.trunc_normal_)."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn("mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of "
                      "values may be incorrect.", stacklevel=3)
    below = [(1.0 + math.erf((bound - mean) / std / math.sqrt(2.0))) / 2.0 for bound in (a, b)]
    if below[1] - below[0] > 0.3:
        low, high = (tensor.array.dtype.type(bound) for bound in (a, b))
        values = tensor.normal_(mean, std, generator=generator).array.copy()
        while (outside := (values < low) | (values > high)).any():
            drawn = create.empty_like(tensor).normal_(mean, std, generator=generator)
            values = np.where(outside, drawn.array, values)
        return tensor.copy_(wrap(values))
    # Few would fall inside: draw evenly, and accept in proportion to the density.
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    result = pending = None
    while pending is None or pending.any():
        drawn = create.empty_like(tensor).uniform_(a, b, generator=generator)
        density = drawn.clone().sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
        refused = create.empty_like(tensor).uniform_(generator=generator).log_() > density
        result = drawn if result is None else drawn.where(pending, result)
        pending = refused if pending is None else pending & refused
    return tensor.copy_(result)


@no_grad
def orthogonal_(tensor, gain=1, generator=None):
    """Rows (or columns, whichever are fewer) orthonormal, times gain; Saxe et al. 2013
    (torch.nn.init.orthogonal_).

    Raises ValueError for fewer than two dimensions. The last digits are LAPACK's own and may differ from
    torch's.
    """
    need(tensor.ndim > 1, "Only tensors with 2 or more dimensions are supported\nReshape it to a matrix.",
         error=ValueError)
    if not tensor.numel():
        return tensor
    drawn = create.empty_like(tensor).normal_(0, 1, generator=generator).array.reshape(len(tensor), -1)
    rows = len(drawn)
    q, r = np.linalg.qr(drawn.T if rows < drawn.shape[1] else drawn)
    q = q * np.sign(np.diagonal(r))             # makes the distribution uniform (Mezzadri 2007)
    return tensor.copy_(wrap((q.T if rows < drawn.shape[1] else q).reshape(tensor.shape) * gain))


def _older(name):
    """torch's name without the underscore, as old programs have it: warns, and does the same."""
    current = globals()[f"{name}_"]

    def function(*args, **kwargs):
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning,
                      stacklevel=2)
        return current(*args, **kwargs)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}_`, under its old name (torch.nn.init.{name})."
    return function


for _name in ("constant", "eye", "kaiming_normal", "kaiming_uniform", "normal", "orthogonal", "uniform",
              "xavier_normal", "xavier_uniform"):
    globals()[_name] = _older(_name)
    __all__.append(_name)
