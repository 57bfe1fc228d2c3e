"""Functions of matrices that NumPy does not have, or not as torch does."""
import math

import numpy as np


def pinv(x, limits):
    """The pseudoinverse: singular values at or below `limits` (one per matrix) count as 0."""
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    kept = s > limits[..., None]
    inverse = np.where(kept, 1 / np.where(kept, s, 1), 0).astype(x.dtype)
    return np.matmul(vh.swapaxes(-2, -1) * inverse[..., None, :], u.swapaxes(-2, -1))


def matrix_exp(x):
    """eˣ of each square matrix: its power series for x / 2ᵏ, of norm 1 at most, squared k times."""
    norm = np.abs(x).sum(-2).max(initial=0)
    times = math.ceil(math.log2(norm)) if 1 < norm < math.inf else 0
    small, one = x.astype(np.float64) / 2.0 ** times, np.eye(x.shape[-1])
    z = one
    for k in range(20, 0, -1):                  # 1 / 20! is far below the precision
        z = one + small @ z / k
    for _ in range(times):
        z = z @ z
    return z.astype(x.dtype)
