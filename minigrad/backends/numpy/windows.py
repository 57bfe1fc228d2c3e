"""Windows over one dimension: strided views, and their adjoint."""
import numpy as np


def windows(x, dim, size, step, dilation=1):
    """A view of x with `size` neighbours, `dilation` apart, in a new last dimension, at each `step` of `dim`.
    (Tensor.unfold)"""
    count = (x.shape[dim] - dilation * (size - 1) - 1) // step + 1
    shape = (*x.shape[:dim], count, *x.shape[dim + 1:], size)
    stride = x.strides[dim]
    strides = (*x.strides[:dim], stride * step, *x.strides[dim + 1:], stride * dilation)
    memory = x
    while isinstance(memory.base, np.ndarray):  # `as_strided` would hide whose memory it is
        memory = memory.base
    if memory.flags.forc and memory.nbytes:
        line, start = memory.reshape(-1, order="A"), x.ctypes.data - memory.ctypes.data
        z = np.ndarray(shape, x.dtype, line, start, strides)
    else:
        z = np.lib.stride_tricks.as_strided(x, shape, strides)
    if not x.flags.writeable:
        z.flags.writeable = False
    return z


def windows_sum(x, shape, dim, size, step, dilation=1):
    """Zeros of `shape` with the windows x, as `windows` gives them, added where they lie."""
    z = np.zeros(shape, x.dtype)
    for k in range(size):
        start = k * dilation
        place = slice(start, start + step * (x.shape[dim] - 1) + 1, step)
        z[(slice(None),) * dim + (place,)] += x[..., k]
    return z
