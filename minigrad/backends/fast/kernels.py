"""Kernels of the NumPy backend, compiled: the same names, arguments and results, up to rounding.

They take float32 arrays of some size; everything else goes to the NumPy kernel of that name, which is the
definition, and the tests' oracle.
"""
import functools
import math

import numpy as np

from .. import numpy as plain
from ..numpy import winograd
from ..numpy.attention import empty_as
from ..numpy.layout import channels_last, nhwc, rounded_once
from ..numpy.memory import empty, empty_like
from ..numpy.norm import _lines, _Rows
from ..numpy.pool import _Windows
from ..numpy.threads import parallel
from . import blas, loops, products

SMALL = 1 << 9                  # numbers: below this NumPy's calls cost no more than Numba's
KERNELS = {}                    # name -> the compiled kernel


def instead(kernel):
    """Enter `kernel` as what takes the place of NumPy's of that name for float32 arrays; it may give
    NotImplemented where that shall do it."""
    original = getattr(plain, kernel.__name__)

    @rounded_once
    @functools.wraps(original)
    def chosen(*args, **named):
        arrays = [a for a in args if isinstance(a, np.ndarray) and a.dtype.kind not in "biu"]
        if arrays and arrays[0].size > SMALL and all([a.dtype == np.float32 for a in arrays]):
            z = kernel(*args, **named)
            if z is not NotImplemented:
                return z
        return original(*args, **named)

    KERNELS[kernel.__name__] = chosen
    return kernel


def _dense(arrays):
    """(the memory of the arrays, a new result of their layout, its memory)."""
    first, out = arrays[0], empty_like(arrays[0])
    if any([a.strides != out.strides for a in arrays]):
        arrays = [np.ascontiguousarray(a) for a in arrays]
        out = empty(first.shape, first.dtype)
    return [np.asarray(a).ravel("K") for a in arrays], out, np.asarray(out).ravel("K")


def _pointwise(loop, arrays, work):
    sources, out, target = _dense(arrays)
    parallel(lambda start, stop: loop(*[a[start:stop] for a in sources], target[start:stop]), target.size,
             work * target.size)
    return out


@instead
def relu(x):
    return _pointwise(loops.relu, (x,), 1)


@instead
def relu_backward(g, z):
    return _pointwise(loops.relu_backward, (g, z), 1)


@instead
def gelu(x):
    return _pointwise(loops.gelu, (x,), 8)


@instead
def gelu_backward(g, x):
    return _pointwise(loops.gelu_backward, (g, x), 8)


def _by_rows(loop, x, axis):
    if not x.ndim or axis % x.ndim != x.ndim - 1:
        return NotImplemented
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    z, top = empty(rows.shape, x.dtype), np.empty(len(rows), x.dtype)

    def run(start, stop):
        loops.row_largest(rows[start:stop], top[start:stop])
        loop(rows[start:stop], top[start:stop], z[start:stop])

    parallel(run, len(rows), 8 * x.size)
    return z.reshape(x.shape)


@instead
def softmax(x, axis):
    return _by_rows(loops.softmax, x, axis)


@instead
def log_softmax(x, axis):
    return _by_rows(loops.log_softmax, x, axis)


def adapt(x, g, mean, square, peak, betas, eps, rate):
    arrays = x, g, mean, square
    ours = all([type(a) is np.ndarray and a.dtype == np.float32 and a.flags.c_contiguous for a in arrays])
    if peak is not None or betas[0] < 0.5 or not ours:
        plain_adapt(x, g, mean, square, peak, betas, eps, rate)
    else:
        loops.adapt(*[a.reshape(-1) for a in arrays], *map(np.float32, (1 - betas[0], betas[1], 1 - betas[1],
                                                                      eps, rate)))


plain_adapt, KERNELS["adapt"] = plain.adapt, adapt          # in place: nothing is rounded at the end


def _flat(value):
    """weight or bias as the loops take it: empty for None."""
    return np.empty(0, np.float32) if value is None else np.ascontiguousarray(value).ravel()


@instead
def layer_norm(x, n_normalized_dims, weight, bias, eps):
    lines = _lines(x, n_normalized_dims)
    z, (mean, rstd) = empty(lines.shape, x.dtype), np.empty((2, len(lines)), x.dtype)
    weight, bias = _flat(weight), _flat(bias)

    def run(start, stop):
        loops.layer_norm(lines[start:stop], weight, bias, np.float32(eps), z[start:stop], mean[start:stop],
                         rstd[start:stop])

    parallel(run, len(lines), 4 * lines.size)
    shape = (*x.shape[:x.ndim - n_normalized_dims], *[1] * n_normalized_dims)
    return z.reshape(x.shape), mean.reshape(shape), rstd.reshape(shape)


@instead
def layer_norm_backward(g, x, n_normalized_dims, weight, mean, rstd, needs=(True, True, True)):
    shape, part_shape = x.shape, x.shape[x.ndim - n_normalized_dims:]
    x, g, mean, rstd = (_lines(v, n_normalized_dims) for v in (x, g, mean, rstd))
    weight = np.ones(x.shape[1], x.dtype) if weight is None else _flat(weight)
    z, sums = empty(x.shape, x.dtype), {}

    def run(start, stop):
        sums[start] = np.zeros((2, x.shape[1]))
        loops.layer_norm_backward(g[start:stop], x[start:stop], weight, mean[start:stop, 0],
                                  rstd[start:stop, 0], z[start:stop], sums[start])

    parallel(run, len(x), 4 * x.size)
    gradients = z, *np.add.reduce([sums[start] for start in sorted(sums)]).astype(x.dtype)
    return tuple(v.reshape(like) if need else None
                 for v, like, need in zip(gradients, (shape, part_shape, part_shape), needs, strict=True))


def _sums(x, y, centre):
    """`loops.centred_sums` on all threads, added up in float64 and in order."""
    parts = {}

    def run(start, stop):
        parts[start] = np.zeros((2, x.shape[1]))
        loops.centred_sums(x[start:stop], y[start:stop], centre, parts[start])

    parallel(run, len(x), x.size)
    return np.add.reduce([parts[start] for start in sorted(parts)])


@instead
def batch_norm(x, weight, bias, eps):
    pixels, dtype = _Rows(x.shape, wide=False), x.dtype
    x = pixels(x)
    sample = x[::max(1, len(x) // 64)]
    centre = sample.mean(0, dtype=dtype)
    offset, square = _sums(x, x[:0], centre) / len(x)
    var = square - offset * offset
    invstd = 1 / np.sqrt(var + eps)
    scale = invstd if weight is None else invstd * weight
    shift = -offset * scale if bias is None else bias - offset * scale
    z = _affine(x, centre, scale, shift)
    return pixels.back(z), *(v.astype(dtype) for v in (centre + offset, var, invstd))


def _affine(x, centre, scale, shift):
    z, scale, shift = empty(x.shape, x.dtype), scale.astype(x.dtype), shift.astype(x.dtype)

    def run(start, stop):
        loops.affine(x[start:stop], centre, scale, shift, z[start:stop])

    parallel(run, len(x), x.size)
    return z


@instead
def batch_norm_apply(x, weight, bias, mean, invstd):
    pixels = _Rows(x.shape, wide=False)
    scale = invstd if weight is None else invstd * weight
    return pixels.back(_affine(pixels(x), mean, scale, np.zeros_like(mean) if bias is None else bias))


@instead
def batch_norm_backward(g, x, weight, mean, invstd, needs=(True, True, True), training=True):
    if not training:
        return NotImplemented
    pixels, dtype = _Rows(x.shape, wide=False), x.dtype
    x, g = pixels(x), pixels(g)
    bias_grad, weight_grad = _sums(x, g, mean)
    weight_grad *= invstd
    z = empty(x.shape, dtype) if needs[0] else None
    if needs[0]:
        slope, level = ((v / len(x)).astype(dtype) for v in (weight_grad * invstd, bias_grad))
        scale = invstd if weight is None else invstd * weight
        parallel(lambda start, stop: loops.batch_norm_spread(
            g[start:stop], x[start:stop], mean, slope, level, scale, z[start:stop]), len(x), x.size)
        z = pixels.back(z)
    gradients = z, weight_grad.astype(dtype), bias_grad.astype(dtype)
    return tuple(v if need else None for v, need in zip(gradients, needs, strict=True))


@instead
def max_pool2d(x, kernel, stride, padding=(0, 0), dilation=(1, 1), ceil_mode=False):
    windows = _Windows(x.shape, kernel, stride, padding, dilation, ceil_mode)
    x, z = nhwc(x), windows.empty(x.dtype)
    indices = windows.empty(np.min_scalar_type(math.prod(kernel) - 1))
    windows.parallel(lambda start, stop: loops.max_pool(
        x[start:stop], *kernel, *stride, *padding, *dilation, z[start:stop], indices[start:stop]))
    return channels_last(z), channels_last(indices)


@instead
def max_pool2d_backward(g, indices, x_shape, kernel, stride, padding=(0, 0), dilation=(1, 1),
                        ceil_mode=False):
    windows = _Windows(x_shape, kernel, stride, padding, dilation, ceil_mode)
    n, c, h, w = x_shape
    g, indices, z = nhwc(g), nhwc(indices), empty((n, h, w, c), g.dtype)

    def run(start, stop):
        part = slice(start, stop)
        if windows.tiling:
            loops.max_pool_backward_tiling(g[part], indices[part], *kernel, z[part])
        else:
            z[part] = 0
            loops.max_pool_backward(g[part], indices[part], *kernel, *stride, *padding, *dilation, z[part])

    windows.parallel(run)
    return channels_last(z)


SGEMM = blas.find()             # 0: NumPy's kernels of what follows stay
CHUNK = 1 << 17                 # numbers in a chunk's transformed input or output


def if_found(kernel):
    return instead(kernel) if SGEMM else kernel


def _rows(x):
    """x, or a copy, with rows as BLAS takes them: contiguous, one after another. (A contiguous array's only
    row may have any stride, 0 if it was expanded.)"""
    blas_takes = x.strides[-1] == x.itemsize and x.strides[-2] >= x.shape[-1] * x.itemsize
    return x if blas_takes else x.copy()


def _by_head(loop, q, k, *arguments):
    n, heads, length, _ = q.shape
    parallel(lambda start, stop: loop(SGEMM, *arguments, start, stop), n * heads,
             4 * n * heads * length * k.shape[2])


@if_found
def attention(q, k, v, causal, scale):
    z, norms = empty_as(q), np.empty(q.shape[:3], q.dtype)
    _by_head(products.attention, q, k, *map(_rows, (q, k, v)), causal, np.float32(scale), z, norms)
    return z, norms


@if_found
def attention_backward(g, q, k, v, z, norms, causal, scale):
    gradients = [empty_as(x) for x in (q, k, v)]
    _by_head(products.attention_backward, q, k, *map(_rows, (g, q, k, v, z)), norms, causal,
             np.float32(scale), *gradients)
    return tuple(gradients)


def _most(x, wide, out):
    """How many rows of tiles go through at a time."""
    return max(1, max(winograd.LEAST, CHUNK // (16 * max(x.shape[3], out))) // wide)


def convolve(x, w, bias, pads, size, turned=False):
    """`winograd.convolve`."""
    kernel, x = winograd.spread_kernel(w, turned), np.ascontiguousarray(x)
    out = w.shape[1] if turned else len(w)
    tall, wide = (n + 1 >> 1 for n in size)
    z = empty((len(x), 2 * tall, 2 * wide, out), x.dtype)
    bias = np.zeros(out, x.dtype) if bias is None else _flat(bias)
    most, ((top, _), (left, _)) = _most(x, wide, out), pads
    parallel(lambda start, stop: products.winograd(SGEMM, x, top, left, kernel, turned, bias, z, start, stop,
                                                   most), len(x) * tall, 36 * z.size)
    return z if z.shape[1:3] == size else np.ascontiguousarray(z[:, :size[0], :size[1]])


def weight_grad(g, x, pads):
    """`winograd.weight_grad`."""
    g, x, parts = np.ascontiguousarray(winograd.even(g)), np.ascontiguousarray(x), {}
    out, channels, tall, wide = g.shape[3], x.shape[3], g.shape[1] // 2, g.shape[2] // 2
    most = max(1, max(2 * winograd.LEAST, out) // wide)

    def run(start, stop):
        parts[start] = np.zeros((16, out, channels), x.dtype)
        products.winograd_weight(SGEMM, g, x, pads[0][0], pads[1][0], parts[start], start, stop, most)

    parallel(run, len(x) * tall, 36 * g.size)
    return winograd.gather_kernel(parts)


WINOGRAD = {"convolve": convolve, "weight_grad": weight_grad} if SGEMM else {}
