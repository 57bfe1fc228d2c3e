"""Matrix products on the CPU thread pool."""
import numpy as np

from . import threads
from .layout import rounded_once
from .memory import empty

SINGLE = 9216                   # multiplications: below this OpenBLAS keeps to one thread in all its routines
PER_ELEMENT = 32                # a core multiplies this often while an element-wise loop touches one number


def _plus(z, bias):
    if bias is not None:
        z += bias
    return z


@rounded_once
def matmul(x, y, bias=None):
    """numpy.matmul, plus a bias for each column, if any; the result cut into bands, one per thread: along a
    common leading axis, the rows, or the columns where those are more.

    BLAS's own threads go on spinning for 25 ms after a product, and take the core from what follows.
    """
    if x.ndim > 2 and y.ndim == 2 and x.size and x.flags.c_contiguous:
        # One large product instead of one for each leading index.
        return matmul(x.reshape(-1, x.shape[-1]), y, bias).reshape(*x.shape[:-1], y.shape[-1])
    work = x.size * (y.shape[-1] if y.ndim > 1 else 1)
    if work < SINGLE:
        return _plus(np.matmul(x, y), bias)
    batched = x.ndim == y.ndim > 2 and x.shape[:-2] == y.shape[:-2]
    if not batched and not x.ndim == y.ndim == 2:
        return _plus(threads.alone(np.matmul, x, y), bias)          # vectors and broadcasting
    if work < PER_ELEMENT * threads.SMALL and len(x) * y.shape[-1] < threads.SMALL // 8:
        return _plus(threads.alone(np.matmul, x, y), bias)
    z = empty((*x.shape[:-1], y.shape[-1]), np.result_type(x, y))
    length = len(z) if batched else max(z.shape)

    def run(start, stop):
        band = slice(start, stop)
        if batched:
            _plus(np.matmul(x[band], y[band], out=z[band]), bias)
        elif len(z) == length:
            _plus(np.matmul(x[band], y, out=z[band]), bias)
        else:
            _plus(np.matmul(x, y[:, band], out=z[:, band]), None if bias is None else bias[band])

    threads.parallel(run, length, work // PER_ELEMENT)
    return z
