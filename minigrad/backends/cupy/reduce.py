"""Sums, products, softmax and matrix products."""
import cupy

from ..numpy.layout import rounded_once


def sum(x, axis=None, keepdims=False):
    """Σ x over `axis`: None, a number or a tuple. Integers and bools add up in int64, halves in float32."""
    if x.dtype.kind in "biu":
        return x.sum(axis, dtype=cupy.int64, keepdims=keepdims)
    if x.dtype.itemsize == 2:
        return x.astype(cupy.float32).sum(axis, keepdims=keepdims).astype(x.dtype)
    return x.sum(axis, keepdims=keepdims)


def cumsum(x, axis):
    """Σ of all elements so far along `axis`, in float64 and each rounded once."""
    wide = cupy.float64 if x.dtype.kind == "f" else x.dtype
    return cupy.cumsum(x, axis, dtype=wide).astype(x.dtype, copy=False)


def cumprod(x, axis):
    """The products of all elements so far along `axis`, in float64 and each rounded once."""
    wide = cupy.float64 if x.dtype.kind == "f" else x.dtype
    return cupy.cumprod(x, axis, dtype=wide).astype(x.dtype, copy=False)


def _scan(combine, x, axis):
    """combine(x₁, x₂), …, all so far along `axis`: in steps of 1, 2, 4, …, each over all elements."""
    z, step = cupy.moveaxis(x, axis, 0).copy(), 1
    while step < len(z):
        z[step:] = combine(z[step:], z[:-step])
        step *= 2
    return cupy.ascontiguousarray(cupy.moveaxis(z, 0, axis))


def logcumsumexp(x, axis):
    """ln Σ e^x of all elements so far along `axis`, in float64."""
    return _scan(cupy.logaddexp, x.astype(cupy.float64), axis).astype(x.dtype)


def running_extreme(x, axis, beats):
    """(values, indices) of the largest or smallest so far; an equal one takes the place, a nan keeps it.

    beats: greater_equal or less_equal.
    """
    extremes = _scan(cupy.maximum if beats is cupy.greater_equal else cupy.minimum, x, axis)
    count = cupy.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - 1 - axis % x.ndim))
    indices = _scan(cupy.maximum, cupy.where((x == extremes) | (x != x), count, 0), axis)
    return cupy.take_along_axis(x, indices, axis), indices


def prod(x, axis=None, keepdims=False):
    """The product over `axis`; of integers and bools in int64."""
    return cupy.prod(x, axis, dtype=cupy.int64 if x.dtype.kind in "biu" else x.dtype, keepdims=keepdims)


@rounded_once
def softmax(x, axis):
    """e^x / Σ e^x along `axis`. (torch.softmax)"""
    if not x.size:
        return x.copy()
    z = cupy.exp(x - x.max(axis, keepdims=True))
    return z / z.sum(axis, keepdims=True)


@rounded_once
def log_softmax(x, axis):
    """x − ln Σ e^x along `axis`. (torch.log_softmax)"""
    if not x.size:
        return x.copy()
    z = x - x.max(axis, keepdims=True)
    return z - cupy.log(cupy.exp(z).sum(axis, keepdims=True))


@rounded_once
def logsumexp(x, axis, keepdims=False):
    """ln Σ e^x over `axis`, a number or a tuple; −inf where all are −inf, or nothing is there.
    (torch.logsumexp)"""
    top = x.max(axis, keepdims=True) if x.size else cupy.zeros_like(x.sum(axis, keepdims=True))
    top = cupy.where(cupy.isinf(top), 0, top).astype(x.dtype)
    z = cupy.log(cupy.exp(x - top).sum(axis, keepdims=True)) + top
    return z if keepdims else z.squeeze(axis)


def matmul(x, y, bias=None):
    """cupy.matmul, plus bias: x of more dimensions by a matrix as one product; batches of halves in float32,
    which CuPy does not multiply otherwise."""
    if x.ndim > 2 and y.ndim == 2:
        return matmul(x.reshape(-1, x.shape[-1]), y, bias).reshape(*x.shape[:-1], y.shape[-1])
    z = cupy.matmul(x, y) if x.ndim < 3 and y.ndim < 3 else _batches(x, y)
    if bias is not None:
        z += bias
    return z


@rounded_once
def _batches(x, y):
    return cupy.matmul(x, y)
