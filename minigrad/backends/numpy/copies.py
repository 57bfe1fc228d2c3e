"""Large copies: into memory that served before, on all threads (3 MB of transposed heads: 1.7 ms, 0.4 so)."""
import numpy as np

from .memory import empty
from .threads import SMALL, get_num_threads, parallel


def _copy(target, source):
    """Copy along the first axis that is long enough for all threads."""
    axis = next((k for k, n in enumerate(source.shape) if n >= get_num_threads()), 0)
    target, source = target.swapaxes(0, axis), source.swapaxes(0, axis)
    parallel(lambda start, stop: np.copyto(target[start:stop], source[start:stop]), len(source), source.size)


def reshape(x, shape):
    """numpy.reshape: a view where that can be."""
    if x.size < SMALL or x.flags.c_contiguous or type(x) is not np.ndarray:
        return x.reshape(shape)
    try:
        return x.reshape(shape, copy=False)
    except ValueError:                  # only a copy has that shape
        z = empty(x.shape, x.dtype)
        _copy(z, x)
        return z.reshape(shape)


def concatenate(arrays, axis=0):
    """numpy.concatenate; the result is row-major."""
    first = arrays[0]
    sides = [(type(a), a.dtype, a.ndim, a.shape[:axis], a.shape[axis + 1:]) for a in arrays]
    if axis < 0 or sides.count(sides[0]) < len(arrays) or len(arrays) * first.size < SMALL:
        return np.concatenate(arrays, axis)
    length = sum([a.shape[axis] for a in arrays])
    z = empty((*first.shape[:axis], length, *first.shape[axis + 1:]), first.dtype)
    start = 0
    for a in arrays:
        stop = start + a.shape[axis]
        _copy(z[(slice(None),) * axis + (slice(start, stop),)], a)
        start = stop
    return z
