"""Inverses and decompositions. They wait for the GPU, to learn whether they went well; what CuPy does not
have is computed on the CPU."""
import functools

import cupy
import cupyx
import numpy as np

from ..numpy import matrices
from .memory import read


def _checked(name):
    """CuPy's function, raising NumPy's LinAlgError where it fails, and giving row-major results."""
    compute = getattr(cupy.linalg, name)

    @functools.wraps(compute)
    def call(*args, **named):
        with cupyx.errstate(linalg="raise"):
            return compute(*args, **named)
    return call


def _on_cpu(compute):
    """A NumPy function, on copies on the CPU."""
    @functools.wraps(compute)
    def call(*args):
        z = compute(*[read(a) if isinstance(a, cupy.ndarray) else a for a in args])
        return cupy.asarray(z)
    return call


inv, solve, cholesky, det, slogdet, eigh, svd, qr = map(
    _checked, ("inv", "solve", "cholesky", "det", "slogdet", "eigh", "svd", "qr"))
pinv, matrix_exp = map(_on_cpu, (matrices.pinv, matrices.matrix_exp))
LinAlgError = np.linalg.LinAlgError
