"""Batch and layer normalisation.

Batch norm sees its input, pixels × channels, as a matrix with many pixels in a row (a channels-last array
costs nothing): NumPy's loops run over thousands of numbers where the channel axis alone gives them sixteen
(401,408 numbers times a row, in place: 0.16 ms at 16 wide, 0.06 at 448, 0.04 from 6,000 on). Sums go through
BLAS (`reduce.column_sums`). The variance comes from squares about the mean of a few rows, so a large mean
costs no digits, and the differences, in the result's memory already, are then scaled in place.
"""
import functools
import math

import numpy as np

from .layout import channels_last, nhwc, rounded_once
from .memory import empty
from .reduce import column_sums, row_sums
from .threads import parallel

WIDE = 1 << 14                  # numbers in a row, at most
BLOCK = 1 << 20                 # numbers: fewer calls weigh more than the cache, until it is far too small


@functools.cache
def _pixels_in_row(pixels, channels):
    return max(n for n in range(1, max(1, WIDE // max(1, channels)) + 1) if pixels % n == 0)


class _Rows:
    """An (N, C), (N, C, L) or (N, C, H, W) array as a matrix of rows, and the way back. wide: many pixels in
    a row, which NumPy's loops want; else one."""

    def __init__(self, shape, wide=True):
        self.shape, self.channels = shape, shape[1]
        self.pixels = math.prod(shape) // max(1, shape[1])
        self.width = _pixels_in_row(self.pixels, shape[1]) if wide else 1

    def __call__(self, x):
        x = nhwc(x) if x.ndim == 4 else np.ascontiguousarray(np.moveaxis(x, 1, -1))
        return x.reshape(self.pixels // self.width, self.width * self.channels)

    def back(self, rows):
        n, c, *size = self.shape
        z = rows.reshape(n, *size, c)
        return channels_last(z) if len(size) == 2 else np.ascontiguousarray(np.moveaxis(z, -1, 1))

    def tile(self, values, dtype):
        """One number per channel, repeated along a row."""
        return np.tile(values.astype(dtype, copy=False), self.width)

    def sums(self, *wide):
        """Per-channel sums of rows."""
        return [column_sums(row.reshape(self.width, self.channels)) for row in wide]

    def each(self, function, x):
        """Run `function(block)` on blocks of x's rows, on all threads, and add up, in float64 and in the
        rows' order, the pairs of per-channel sums that it may return."""
        step, pairs = max(1, BLOCK // max(1, x.shape[1])), {}

        def run(start, stop):
            for first in range(start, stop, step):
                pairs[first] = function(slice(first, min(first + step, stop)))

        parallel(run, len(x), x.size)
        found = [pairs[first] for first in sorted(pairs) if pairs[first] is not None]
        return np.sum(found or np.zeros((1, 2, self.channels)), 0, np.float64)


@rounded_once
def batch_norm(x, weight, bias, eps):
    """(z, mean, biased variance, 1 / √(variance + eps)) over all axes but the second of x, (N, C) to (N, C,
    H, W).

    weight and bias (C,) or None. The statistics have x's dtype, shape (C,). (torch.batch_norm in training)
    """
    rows = _Rows(x.shape)
    dtype, x = x.dtype, rows(x)
    z = empty(x.shape, dtype)
    sample = np.ascontiguousarray(x[::max(1, len(x) // 4)])
    near_mean = rows.sums(column_sums(sample))[0] / max(1, len(sample) * rows.width)
    centre = rows.tile(near_mean, dtype)

    def centred(block):
        part = np.subtract(x[block], centre, out=z[block])
        return rows.sums(column_sums(part), column_sums(part, part))

    offset, square = rows.each(centred, x) / max(1, rows.pixels)
    mean, var = near_mean + offset, square - offset * offset
    invstd = 1 / np.sqrt(var + eps)
    scale = invstd if weight is None else invstd * weight
    _scale(rows, z, z, scale, -offset * scale if bias is None else bias - offset * scale)
    return rows.back(z), *(v.astype(dtype) for v in (mean, var, invstd))


def _scale(rows, x, z, scale, shift):
    """z = x · scale + shift, by rows."""
    scale, shift = rows.tile(scale, x.dtype), rows.tile(shift, x.dtype)

    def run(block):
        part = np.multiply(x[block], scale, out=z[block])
        part += shift

    rows.each(run, x)


@rounded_once
def batch_norm_apply(x, weight, bias, mean, invstd):
    """Normalise by given statistics (evaluation)."""
    rows = _Rows(x.shape)
    scale = invstd if weight is None else invstd * weight
    x = rows(x)
    z = empty(x.shape, x.dtype)
    _scale(rows, x, z, scale, -mean * scale if bias is None else bias - mean * scale)
    return rows.back(z)


@rounded_once
def batch_norm_backward(g, x, weight, mean, invstd, needs=(True, True, True), training=True):
    """(input gradient, weight gradient, bias gradient) of `batch_norm`, or of `batch_norm_apply` where not
    `training`; None for what is not needed."""
    rows = _Rows(x.shape)
    dtype, x, g = x.dtype, rows(x), rows(g)
    z = empty(x.shape, dtype)
    centre = rows.tile(mean, dtype)
    scale = rows.tile(invstd if weight is None else invstd * weight, dtype)

    def centred(block):
        part = np.subtract(x[block], centre, out=z[block])
        return rows.sums(column_sums(g[block]), column_sums(g[block], part))

    bias_grad, weight_grad = rows.each(centred, x)
    weight_grad *= invstd
    slope, level = (rows.tile(v / max(1, rows.pixels), dtype) for v in (weight_grad * invstd, bias_grad))

    def spread(block):
        part = z[block]
        if training:                    # (g − mean g − x̂ · mean(g x̂)) · scale
            part *= slope
            np.subtract(g[block], part, out=part)
            part -= level
            part *= scale
        else:
            np.multiply(g[block], scale, out=part)

    if needs[0]:
        rows.each(spread, x)
    gradients = z, weight_grad.astype(dtype), bias_grad.astype(dtype)
    return tuple((rows.back(v) if v is z else v) if need else None
                 for v, need in zip(gradients, needs, strict=True))


def _lines(x, n_normalized_dims):
    """x as a matrix with one row for each normalised part."""
    lead, part = x.shape[:x.ndim - n_normalized_dims], x.shape[x.ndim - n_normalized_dims:]
    return np.ascontiguousarray(x).reshape(math.prod(lead), math.prod(part))


@rounded_once
def layer_norm(x, n_normalized_dims, weight, bias, eps):
    """(z, mean, 1 / √(variance + eps)) over the last dimensions of x; the statistics keep these with size 1.

    weight and bias have the shape of the normalised dimensions, or are None. (torch.nn.functional.layer_norm)
    """
    lines = _lines(x, n_normalized_dims)
    columns = max(1, lines.shape[1])
    z = empty(lines.shape, x.dtype)
    mean, rstd = np.empty((2, len(lines), 1), x.dtype)

    def run(start, stop):
        part, centre, inverse = z[start:stop], mean[start:stop], rstd[start:stop]
        np.divide(row_sums(lines[start:stop])[:, None], columns, out=centre)
        np.subtract(lines[start:stop], centre, out=part)
        inverse[...] = 1 / np.sqrt(np.vecdot(part, part)[:, None] / columns + eps)
        part *= inverse
        if weight is not None:
            part *= weight.ravel()
        if bias is not None:
            part += bias.ravel()

    parallel(run, len(lines), 4 * lines.size)
    stat_shape = (*x.shape[:x.ndim - n_normalized_dims], *[1] * n_normalized_dims)
    return z.reshape(x.shape), mean.reshape(stat_shape), rstd.reshape(stat_shape)


@rounded_once
def layer_norm_backward(g, x, n_normalized_dims, weight, mean, rstd, needs=(True, True, True)):
    """(input gradient, weight gradient, bias gradient) of `layer_norm`; None for what is not needed."""
    shape, part_shape = x.shape, x.shape[x.ndim - n_normalized_dims:]
    x, g, mean, rstd = (_lines(v, n_normalized_dims) for v in (x, g, mean, rstd))
    columns = max(1, x.shape[1])
    z, sums = empty(x.shape, x.dtype), {-1: np.zeros((2, x.shape[1]), x.dtype)}

    def run(start, stop):
        part, cotangent = z[start:stop], g[start:stop]
        unit = x[start:stop] - mean[start:stop]
        unit *= rstd[start:stop]
        sums[start] = column_sums(cotangent, unit), column_sums(cotangent)
        np.multiply(cotangent, 1 if weight is None else weight.ravel(), out=part)
        unit *= np.vecdot(part, unit)[:, None] / columns
        part -= row_sums(part)[:, None] / columns
        part -= unit
        part *= rstd[start:stop]

    parallel(run, len(x), 4 * x.size)
    gradients = z, *np.add.reduce([sums[start] for start in sorted(sums)])
    return tuple(v.reshape(like) if need else None
                 for v, like, need in zip(gradients, (shape, part_shape, part_shape), needs, strict=True))
