"""Adding at given places by atomic operations: the order, and so the last bits, may differ between runs."""
from math import prod

import cupy
import numpy as np
from cupyx import scatter_add as _add

from ..numpy import scatter as on_cpu
from .memory import read

# What a GPU adds atomically in place of each dtype: the same bits, or more of them.
_ATOMIC = {"int64": "u8", "bool": "i4", "int8": "i4", "int16": "i4", "uint8": "i4", "bfloat16": "f4"}


def add_at(z, index, x):
    """z[index] += x where indices may repeat, in place."""
    atomic = _ATOMIC.get(z.dtype.name)
    x = cupy.asarray(x, z.dtype)
    if z.dtype.name == "int64":
        _add(z.view(atomic), index, x.view(atomic))
    elif atomic is None:
        _add(z, index, x)
    else:
        wide = z.astype(atomic)
        _add(wide, index, x.astype(atomic))
        z[...] = wide.astype(z.dtype)


def indices(shape, sparse=False):
    """numpy.indices(shape, sparse=True): for each dimension its places, made to broadcast."""
    return tuple([cupy.arange(n).reshape(-1, *[1] * (len(shape) - k - 1)) for k, n in enumerate(shape)])


def scatter_at(ufunc, x, dim, index, src):
    """A copy of x in which `ufunc`, multiply, maximum or minimum, has put each src[i, j, ..] to what stands
    at index[i, j, ..]; computed on the CPU."""
    name = "multiply" if ufunc is cupy.multiply else "maximum" if ufunc is cupy.maximum else "minimum"
    parts = [read(array) for array in (x, index, src)]
    return cupy.asarray(on_cpu.scatter_at(getattr(np, name), parts[0], dim, *parts[1:]))


def scatter_add(shape, dim, index, src):
    """Zeros of `shape` with each src[i, j, ..] added where index[i, j, ..] stands for its `dim`-th
    coordinate. (torch.scatter_add into zeros)"""
    z, places = cupy.zeros(shape, src.dtype), list(indices(index.shape))
    places[dim % max(1, len(shape))] = index
    add_at(z, tuple(places), src[tuple([slice(n) for n in index.shape])])
    return z


def select_add(shape, dim, index, src):
    """Zeros of `shape` with the slices of src added at `index` along `dim`; index stands in src in that
    dimension's place. (torch.index_add)"""
    before, after = shape[:dim], shape[dim + 1:]
    z = cupy.zeros((prod(before), shape[dim], prod(after)), src.dtype)
    add_at(z, (slice(None), index.reshape(-1)), src.reshape(prod(before), index.size, prod(after)))
    return z.reshape(shape)
