"""Linear algebra (torch.linalg): inverses, determinants, systems of equations, decompositions, norms.

Matrices are the last two dimensions; those before are a batch.
"""
from collections import namedtuple

import numpy as np

from .engine.core import plain, wrap
from .ops import factor as fa
from .ops import pointwise as p
from .ops import product_public as pp
from .ops import reduce_public as rp
from .ops import shape_public as s
from .ops.arguments import dtype_of
from .ops.signature import Bool, Dims, Dtype, Int, Tensor, Tensors, need, torch_function

__all__ = ["LinAlgError", "cholesky", "cross", "det", "eigvalsh", "inv", "matmul", "matrix_norm",
           "matrix_power", "multi_dot", "norm", "slogdet", "solve", "svdvals", "vector_norm"]
_Slogdet = namedtuple("_Slogdet", "sign logabsdet")
_Slogdet.__name__ = "slogdet"
matmul = s.matmul


class _LinAlgError(RuntimeError):               # its name in torch, too
    """A matrix that has no inverse or no such decomposition (torch.linalg.LinAlgError)."""


LinAlgError = _LinAlgError


def _square(name, A):
    shape = A.array.shape
    need(len(shape) > 1, "{}: The input tensor A must have at least 2 dimensions.\nIt holds matrices.", name)
    need(shape[-1] == shape[-2], "{}: A must be batches of square matrices, but they are {} by {} matrices\n"
         "Use lstsq or pinv for others.", name, shape[-2], shape[-1])
    need(dtype_of(A).is_floating_point, "{}: Expected a floating point or complex tensor as input. Got {}\n"
         "Convert it first, for example with .float().", name, dtype_of(A).legacy_name)


def _regular(what, made, *operands):
    """The op's result; LinAlgError where NumPy finds none."""
    try:
        return made(*operands)
    except np.linalg.LinAlgError:
        raise LinAlgError(f"{what} because the input matrix is singular.\n"
                          "Its rows depend on each other.") from None


@torch_function
def inv(A: Tensor, *, out=None):
    """The inverse of each square matrix (torch.linalg.inv). Raises LinAlgError for singular ones."""
    _square("linalg.inv", A)
    return _regular("linalg.inv: The diagonal element 1 is zero, the inversion could not be completed",
                    fa.inv, A)


@torch_function
def det(A: Tensor, *, out=None):
    """The determinant of each square matrix (torch.linalg.det)."""
    _square("linalg.det", A)
    return fa.det(A)


@torch_function
def slogdet(A: Tensor, *, out=None):
    """(sign, logarithm of the absolute value) of each determinant (torch.linalg.slogdet)."""
    _square("linalg.slogdet", A)
    sign = np.asarray(np.linalg.slogdet(plain(A))[0]).astype(A.array.dtype)
    return _Slogdet(wrap(sign), fa.logabsdet(A))


@torch_function
def solve(A: Tensor, B: Tensor, *, left: Bool = True, out=None):
    """X with A X = B, or X A = B for left=False; B may be a vector (torch.linalg.solve). Raises LinAlgError
    for singular matrices."""
    _square("linalg.solve", A)
    if not left:
        return s.transpose(solve(s.transpose(A, -2, -1), s.transpose(B, -2, -1)), -2, -1)
    vector = B.array.ndim == 1 or B.array.ndim == A.array.ndim - 1 and B.array.shape == A.array.shape[:-1]
    right = s.unsqueeze(B, -1) if vector else B
    lead = np.broadcast_shapes(A.array.shape[:-2], right.array.shape[:-2])
    A, right = (s.expand(x, (*lead, *x.array.shape[-2:])) for x in (A, right))
    z = _regular("torch.linalg.solve: The solver failed", fa.solve, A, right)
    return s.squeeze(z, -1) if vector else z


@torch_function
def cholesky(A: Tensor, *, upper: Bool = False, out=None):
    """The lower triangle L with L Lᵀ = A, or its transpose, of symmetric positive-definite matrices
    (torch.linalg.cholesky). Raises LinAlgError for others."""
    _square("linalg.cholesky", A)
    try:
        z = fa.cholesky(A)
    except np.linalg.LinAlgError:
        raise LinAlgError("linalg.cholesky: The factorization could not be completed because the input is "
                          "not positive-definite (the leading minor of order 1 is not positive-definite).\n"
                          "All eigenvalues must be positive.") from None
    return s.transpose(z, -2, -1) if upper else z


def _without_gradient(name, x):
    need(not x.requires_grad, "{} has no gradient rule here.\nDetach the matrix.", name,
         error=NotImplementedError)


@torch_function
def eigvalsh(A: Tensor, UPLO="L", *, out=None):
    """The eigenvalues of each symmetric matrix, rising (torch.linalg.eigvalsh); without gradient."""
    _square("linalg.eigvalsh", A)
    _without_gradient("linalg.eigvalsh", A)
    return wrap(np.linalg.eigvalsh(plain(A), UPLO))


@torch_function
def svdvals(A: Tensor, *, driver=None, out=None):
    """The singular values of each matrix, falling (torch.linalg.svdvals); without gradient."""
    _without_gradient("linalg.svdvals", A)
    return wrap(np.linalg.svd(plain(A), compute_uv=False))


@torch_function
def matrix_power(A: Tensor, n: Int, *, out=None):
    """The n-th power of each square matrix, of its inverse for n < 0 (torch.linalg.matrix_power)."""
    _square("linalg.matrix_power", A)
    base, power = (inv(A), -n) if n < 0 else (A, n)
    z = s.expand(wrap(np.eye(A.array.shape[-1], dtype=A.array.dtype)), A.array.shape) if not n else base
    for _ in range(power - 1):
        z = s.matmul(z, base)
    return p.clone(z) if power < 2 else z


@torch_function
def multi_dot(tensors: Tensors, *, out=None):
    """The product of two or more matrices; the first and last may be vectors (torch.linalg.multi_dot)."""
    need(len(tensors) > 1, "multi_dot(): expected at least 2 tensors but got {}\nPass two or more.",
         len(tensors))
    z = tensors[0]
    for x in tensors[1:]:
        z = s.matmul(z, x)
    return z


@torch_function
def cross(input: Tensor, other: Tensor, *, dim: Int = -1, out=None):
    """The vector product along `dim` (torch.linalg.cross)."""
    return pp.cross(input, other, dim)


@torch_function
def vector_norm(x: Tensor, ord=2, dim: Dims = None, keepdim: Bool = False, *, dtype: Dtype = None, out=None):
    """The p-norm over `dim`, of all elements by default (torch.linalg.vector_norm)."""
    return rp.norm(x, ord, dim, keepdim, dtype=dtype)


@torch_function
def matrix_norm(A: Tensor, ord="fro", dim: Dims = (-2, -1), keepdim: Bool = False, *, dtype: Dtype = None,
                out=None):
    """The norm of matrices: "fro", 1 and inf (largest sum of a column, a row), −1 and −inf
    (torch.linalg.matrix_norm)."""
    if ord == "fro":
        return rp.norm(A, 2, dim, keepdim, dtype=dtype)
    need(ord in (1, -1, np.inf, -np.inf), "linalg.matrix_norm: order {!r} is not supported.\n"
         "Use 'fro', 1 or inf.", ord, error=NotImplementedError)
    summed, kept = dim if abs(ord) == 1 else dim[::-1]
    sums = rp.sum(p.abs(A), summed, True)
    z = (rp.amax if ord > 0 else rp.amin)(sums, kept, True)
    return z if keepdim else s.squeeze(z, dim)


@torch_function
def norm(A: Tensor, ord=None, dim: Dims = None, keepdim: Bool = False, *, out=None, dtype: Dtype = None):
    """A vector's or a matrix's norm, by the number of dimensions (torch.linalg.norm)."""
    if ord is not None and (isinstance(dim, tuple) and len(dim) == 2 or dim is None and A.array.ndim == 2):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
