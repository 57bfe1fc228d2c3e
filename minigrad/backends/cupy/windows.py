"""Windows over one dimension: strided views, and their adjoint."""
import cupy
from cupy.lib.stride_tricks import as_strided


def windows(x, dim, size, step, dilation=1):
    """A view of x with `size` neighbours, `dilation` apart, in a new last dimension, at each `step` of `dim`.
    (Tensor.unfold)"""
    count = (x.shape[dim] - dilation * (size - 1) - 1) // step + 1
    stride = x.strides[dim]
    return as_strided(x, (*x.shape[:dim], count, *x.shape[dim + 1:], size),
                      (*x.strides[:dim], stride * step, *x.strides[dim + 1:], stride * dilation))


def windows_sum(x, shape, dim, size, step, dilation=1):
    """Zeros of `shape` with the windows x, as `windows` gives them, added where they lie."""
    z = cupy.zeros(shape, x.dtype)
    for k in range(size):
        start = k * dilation
        place = slice(start, start + step * (x.shape[dim] - 1) + 1, step)
        z[(slice(None),) * dim + (place,)] += x[..., k]
    return z
