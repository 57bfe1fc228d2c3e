"""Batch and layer normalisation as array expressions: the variance from squares about the mean."""
import math

import cupy

from ..numpy.layout import rounded_once


def _over_pixels(x):
    """The axes of all but the channels."""
    return (0, *range(2, x.ndim))


def _per_channel(value, ndim):
    """(C,) made to broadcast with (N, C, ...)."""
    return value.reshape(-1, *[1] * (ndim - 2))


@rounded_once
def batch_norm(x, weight, bias, eps):
    """(z, mean, biased variance, 1 / √(variance + eps)) over all axes but the second of x.

    weight and bias (C,) or None. The statistics have x's dtype, shape (C,). (torch.batch_norm in training)
    """
    axes, count = _over_pixels(x), max(1, x.size // max(1, x.shape[1]))
    mean = x.sum(axes) / count
    centred = x - _per_channel(mean, x.ndim)
    var = (centred * centred).sum(axes) / count
    invstd = 1 / cupy.sqrt(var + eps)
    z = centred * _per_channel(invstd if weight is None else invstd * weight, x.ndim)
    return z if bias is None else z + _per_channel(bias, x.ndim), mean, var, invstd


@rounded_once
def batch_norm_apply(x, weight, bias, mean, invstd):
    """Normalise by given statistics (evaluation)."""
    scale = invstd if weight is None else invstd * weight
    z = (x - _per_channel(mean, x.ndim)) * _per_channel(scale, x.ndim)
    return z if bias is None else z + _per_channel(bias, x.ndim)


@rounded_once
def batch_norm_backward(g, x, weight, mean, invstd, needs=(True, True, True), training=True):
    """(input gradient, weight gradient, bias gradient) of `batch_norm`, or of `batch_norm_apply` where not
    `training`; None for what is not needed."""
    axes, count = _over_pixels(x), max(1, x.size // max(1, x.shape[1]))
    unit = (x - _per_channel(mean, x.ndim)) * _per_channel(invstd, x.ndim)
    bias_grad, weight_grad = g.sum(axes), (g * unit).sum(axes)
    z = None
    if needs[0]:
        z = g
        if training:
            z = g - _per_channel(bias_grad / count, x.ndim) - unit * _per_channel(weight_grad / count, x.ndim)
        z = z * _per_channel(invstd if weight is None else invstd * weight, x.ndim)
    return z, weight_grad if needs[1] else None, bias_grad if needs[2] else None


def _last(x, n_normalized_dims):
    """The normalised axes, and how many numbers they hold."""
    shape = x.shape[x.ndim - n_normalized_dims:]
    return tuple(range(x.ndim - len(shape), x.ndim)), max(1, math.prod(shape))


@rounded_once
def layer_norm(x, n_normalized_dims, weight, bias, eps):
    """(z, mean, 1 / √(variance + eps)) over the last dimensions of x; the statistics keep these with size 1.

    weight and bias have the shape of the normalised dimensions, or are None. (torch.nn.functional.layer_norm)
    """
    axes, count = _last(x, n_normalized_dims)
    mean = x.sum(axes, keepdims=True) / count
    centred = x - mean
    rstd = 1 / cupy.sqrt((centred * centred).sum(axes, keepdims=True) / count + eps)
    z = centred * rstd
    z = z if weight is None else z * weight
    return z if bias is None else z + bias, mean, rstd


@rounded_once
def layer_norm_backward(g, x, n_normalized_dims, weight, mean, rstd, needs=(True, True, True)):
    """(input gradient, weight gradient, bias gradient) of `layer_norm`; None for what is not needed."""
    axes, count = _last(x, n_normalized_dims)
    lead = tuple(range(x.ndim - n_normalized_dims))
    unit = (x - mean) * rstd
    z = None
    if needs[0]:
        z = g if weight is None else g * weight
        along = (z * unit).sum(axes, keepdims=True) / count
        z = (z - z.sum(axes, keepdims=True) / count - unit * along) * rstd
    return z, (g * unit).sum(lead) if needs[1] else None, g.sum(lead) if needs[2] else None
