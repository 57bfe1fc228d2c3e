"""Sums that are accurate in float32, and softmax.

NumPy adds pairwise along the last axis of memory but one by one along others: a million times 0.1 down a
column gives 100958. Here such sums are `ones @ x` in BLAS, over about √rows rows at a time: errors stay at a
few ulp, and the rows are as long as BLAS likes them (50,176 × 16: 0.03 ms; `x.sum(0)` takes 1.0).
"""
import itertools
import math

import numpy as np

from .layout import rounded_once
from .memory import empty
from .threads import parallel

SIMPLE = 4096                   # elements: below this the plain loop is as accurate, and sooner done
LIGHT = 16                      # reading for a sum is so much quicker than making an element


def column_sums(x, y=None):
    """Σ over the rows of a row-major matrix, or of the products of two."""
    rows, columns = x.shape
    height = math.isqrt(rows) if rows > 64 else max(1, rows)
    width = rows // height
    folded = [v[:height * width].reshape(height if rows else 0, width * columns or columns)
              for v in (x, y) if v is not None]
    total = np.ones(len(folded[0]), x.dtype) @ folded[0] if y is None else np.einsum("ij,ij->j", *folded)
    if width > 1:
        total = column_sums(total.reshape(width, columns))
    if rows > height * width:
        total += column_sums(x[height * width:], y if y is None else y[height * width:])
    return total


def row_sums(x):
    """Σ along the rows of a row-major matrix: pairwise, or in BLAS where rows are short for NumPy's loops."""
    z = np.empty(len(x), x.dtype)
    ones = np.ones(x.shape[1], x.dtype)

    def run(start, stop):
        if len(ones) < 512:
            np.matmul(x[start:stop], ones, out=z[start:stop])
        else:
            np.add.reduce(x[start:stop], 1, out=z[start:stop])

    parallel(run, len(x), x.size // LIGHT)
    return z


def _middle_sums(x):
    """Σ over the middle axis of a row-major (before, summed, after)."""
    parts = {}

    def run(start, stop):
        if len(x) == 1:
            parts[start] = column_sums(x[0, start:stop])
        elif x.shape[1] < 64:
            parts[start] = np.add.reduce(x[start:stop], 1)
        else:
            parts[start] = np.matmul(np.ones(x.shape[1], x.dtype), x[start:stop])

    parallel(run, x.shape[1] if len(x) == 1 else len(x), x.size // LIGHT)
    parts = [parts[start] for start in sorted(parts)]
    return np.add.reduce(parts, 0) if len(x) == 1 else np.concatenate(parts)


def sum(x, axis=None, keepdims=False):
    """Σ x over `axis`: None, a number or a tuple. Integers and bools add up in int64, halves in float32."""
    if x.dtype.kind in "biu":
        return np.asarray(np.add.reduce(x, axis=axis, keepdims=keepdims, dtype=np.int64))
    if x.dtype.itemsize == 2:
        return sum(x.astype(np.float32), axis, keepdims).astype(x.dtype)
    if x.size <= SIMPLE or x.ndim == 1 or axis == ():
        return np.asarray(np.add.reduce(x, axis=axis, keepdims=keepdims))
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = {i % x.ndim for i in axes}
    if any(stride == 0 and n > 1 for stride, n in zip(x.strides, x.shape, strict=True)):
        return _expanded_sum(x, axes, keepdims)
    # Neighbours in memory that are both summed, or both kept, become one axis.
    order = sorted(range(x.ndim), key=lambda i: -x.strides[i])
    y = np.asarray(x).transpose(order)
    if not y.flags.c_contiguous:
        order, y = range(x.ndim), np.ascontiguousarray(x)
    groups = [(summed, math.prod(x.shape[i] for i in run))
              for summed, run in itertools.groupby(order, key=axes.__contains__)]
    while any(summed for summed, _ in groups):
        at = max(i for i, (summed, _) in enumerate(groups) if summed)
        size, after = groups.pop(at)[1], math.prod(n for _, n in groups[at:])
        y = row_sums(y.reshape(-1, size)) if after == 1 else _middle_sums(y.reshape(-1, size, after))
    kept = [i for i in order if i not in axes]
    y = np.asarray(y.reshape([x.shape[i] for i in kept]).transpose(np.argsort(kept).tolist()), order="C")
    return np.expand_dims(y, tuple(axes)) if keepdims else y


def _running(ufunc, x, axis):
    """All results so far, in float64 and each rounded once, as torch does: a million times 0.1 is 100,000."""
    wide = np.float64 if x.dtype.kind == "f" else x.dtype
    return ufunc.accumulate(x, axis, dtype=wide).astype(x.dtype, copy=False)


def cumsum(x, axis):
    """Σ of all elements so far along `axis`."""
    return _running(np.add, x, axis)


def cumprod(x, axis):
    """The products of all elements so far along `axis`."""
    return _running(np.multiply, x, axis)


def logcumsumexp(x, axis):
    """ln Σ e^x of all elements so far along `axis`, in float64."""
    return _running(np.logaddexp, x, axis)


def running_extreme(x, axis, beats):
    """(values, indices) of the largest or smallest so far; an equal one takes the place, a nan keeps it.

    beats: numpy.greater_equal or less_equal.
    """
    extremes = (np.maximum if beats is np.greater_equal else np.minimum).accumulate(x, axis)
    count = np.arange(x.shape[axis]).reshape(-1, *[1] * (x.ndim - 1 - axis % x.ndim))
    indices = np.maximum.accumulate(np.where((x == extremes) | (x != x), count, 0), axis)
    return np.take_along_axis(x, indices, axis), np.array(indices, order="C")


def prod(x, axis=None, keepdims=False):
    """numpy.prod, called so that NumPy's warnings of overflow are met here, where they are silenced."""
    return np.multiply.reduce(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _expanded_sum(x, axes, keepdims):
    """`sum` where dimensions of stride 0 repeat their first element: a product for each that is summed."""
    first = x[tuple(slice(1) if stride == 0 else slice(None) for stride in x.strides)]
    times = math.prod(n for i, (n, stride) in enumerate(zip(x.shape, x.strides, strict=True))
                      if stride == 0 and i in axes)
    z = sum(first, tuple(axes), True) * x.dtype.type(times)
    z = np.broadcast_to(z, [1 if i in axes else n for i, n in enumerate(x.shape)]).copy()
    return z if keepdims else z.squeeze(tuple(axes))


def _whole_slices(kernel, x, axis):
    """Run `kernel(x, out, axis)`, in which other axes do not meet, on slices of the first axis."""
    z = empty(x.shape, x.dtype)
    if x.size == 0 or x.ndim == 0 or axis % x.ndim == 0:
        if x.size:
            kernel(np.atleast_1d(x), np.atleast_1d(z), axis)
    else:
        parallel(lambda start, stop: kernel(x[start:stop], z[start:stop], axis), len(x), 8 * x.size)
    return z


def _largest(x, axis):
    """The maximum along `axis`, which stays. NumPy's loop along short rows takes 50 ns for each (100 × 10:
    5.3 µs, and 2 where the rows are laid side by side first)."""
    if x.ndim == 2 and axis % 2 == 1 and x.shape[1] <= 16:
        return np.maximum.reduce(np.ascontiguousarray(x.T), 0)[:, None]
    return np.max(x, axis, keepdims=True)


def _total(x, axis):
    """The sum along `axis`, which stays, of a row-major array; in BLAS along short rows (4096 × 64: 17 µs for
    109)."""
    if axis % x.ndim != x.ndim - 1 or x.shape[-1] >= 512:
        return np.add.reduce(x, axis, keepdims=True)
    rows = x.reshape(-1, x.shape[-1])
    return np.dot(rows, np.ones(rows.shape[1], x.dtype)).reshape(*x.shape[:-1], 1)


def _softmax(x, out, axis):
    np.subtract(x, _largest(x, axis), out=out)  # a row of −inf gives nan, as in torch
    np.exp(out, out=out)
    out /= _total(out, axis)


def _log_softmax(x, out, axis):
    np.subtract(x, _largest(x, axis), out=out)
    out -= np.log(_total(np.exp(out), axis))


@rounded_once
def softmax(x, axis):
    """e^x / Σ e^x along `axis`. (torch.softmax)"""
    return _whole_slices(_softmax, x, axis)


@rounded_once
def log_softmax(x, axis):
    """x − ln Σ e^x along `axis`. (torch.log_softmax)"""
    if x.ndim == 2 and axis == 1 and 0 < x.size <= SIMPLE:      # a classifier's: calls are what it costs
        z = x - np.maximum.reduce(x.T.copy(), 0)[:, None]
        z -= np.log(np.dot(np.exp(z), np.ones(x.shape[1], x.dtype)))[:, None]
        return z
    return _whole_slices(_log_softmax, x, axis)


@rounded_once
def logsumexp(x, axis, keepdims=False):
    """ln Σ e^x over `axis`, a number or a tuple; −inf where all are −inf, or nothing is there.
    (torch.logsumexp)"""
    top = np.asarray(np.max(x, axis, keepdims=True, initial=-np.inf))
    top[np.isinf(top)] = 0
    z = np.log(sum(np.exp(x - top), axis, True)) + top
    return z if keepdims else z.squeeze(axis)
