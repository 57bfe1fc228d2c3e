"""Linear algebra (torch.linalg): inverses, determinants, systems of equations, decompositions, norms.

Matrices are the last two dimensions; those before are a batch.
"""
from typing import Any

import numpy as np

from .backends.arrays import beside
from .engine.autocast import widened
from .engine.core import TensorBase, plain, wrap
from .ops import arrange_public as ap
from .ops import factor as fa
from .ops import pointwise as p
from .ops import product_public as pp
from .ops import public as f
from .ops import reduce_public as rp
from .ops import shape_public as s
from .ops.arguments import as_dims, dtype_of
from .ops.signature import Bool, Dims, Dtype, Float, Int, Tensor, Tensors, need, returned, torch_function

__all__ = ["LinAlgError", "cholesky", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv",
           "lstsq", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm",
           "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals", "vecdot", "vector_norm"]
_Slogdet = returned("linalg_slogdet", "sign", "logabsdet")
_Eigh = returned("linalg_eigh", "eigenvalues", "eigenvectors")
_Svd, _Qr = returned("linalg_svd", "U", "S", "Vh"), returned("linalg_qr", "Q", "R")
_Lstsq = returned("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
matmul = s.matmul
_WIDE = set("inv solve cholesky eigh eigvalsh svd svdvals qr lstsq pinv matrix_rank cond".split())


def _linalg(function):
    """A public function, which errors name as torch does."""
    if function.__name__ in _WIDE:
        function = widened(function)
    function.__name__ = f"linalg_{function.__name__}"
    return torch_function(function)


class _LinAlgError(RuntimeError):               # its name in torch, too
    """A matrix that has no inverse or no such decomposition (torch.linalg.LinAlgError)."""


LinAlgError = _LinAlgError


def _square(name, A, floating=True):
    shape = A.array.shape
    need(len(shape) > 1, "{}: The input tensor A must have at least 2 dimensions.\nIt holds matrices.", name)
    need(shape[-1] == shape[-2], "{}: A must be batches of square matrices, but they are {} by {} matrices\n"
         "Use lstsq or pinv for others.", name, shape[-2], shape[-1])
    need(dtype_of(A).is_floating_point or not floating, "{}: Expected a floating point or complex tensor as "
         "input. Got {}\nConvert it first, for example with .float().", name, dtype_of(A).legacy_name)


def _regular(what, made, *operands):
    """The op's result; LinAlgError where NumPy finds none."""
    try:
        return made(*operands)
    except np.linalg.LinAlgError:
        raise LinAlgError(f"{what} because the input matrix is singular.\n"
                          "Its rows depend on each other.") from None


@_linalg
def inv(A: Tensor, *, out=None):
    """The inverse of each square matrix (torch.linalg.inv). Raises LinAlgError for singular ones."""
    _square("linalg.inv", A)
    need(A.array.itemsize > 2, "linalg.inv: Low precision dtypes not supported. Got {}\n"
         "Convert it with .float().", dtype_of(A).legacy_name)
    return _regular("linalg.inv: The diagonal element 1 is zero, the inversion could not be completed",
                    fa.inv, A)


@_linalg
def det(A: Tensor, *, out=None):
    """The determinant of each square matrix (torch.linalg.det)."""
    _square("linalg.det", A)
    _need_kernel("lu_cpu", A)
    return fa.det(A)


@_linalg
def slogdet(A: Tensor, *, out=None):
    """(sign, logarithm of the absolute value) of each determinant (torch.linalg.slogdet)."""
    _square("linalg.slogdet", A)
    _need_kernel("lu_cpu", A)
    sign = np.linalg.slogdet(plain(A))[0].astype(A.array.dtype)
    return _Slogdet(wrap(sign), fa.logabsdet(A))


@_linalg
def solve(A: Tensor, B: Tensor, *, left: Bool = True, out=None):
    """X with A X = B, or X A = B for left=False; B may be a vector (torch.linalg.solve). Raises LinAlgError
    for singular matrices."""
    _square("linalg.solve", A)
    _need_kernel("lu_cpu", A)
    _need_same("linalg.solve", "A", A, "B", B)
    if not left:
        return s.transpose(solve(s.transpose(A, -2, -1), s.transpose(B, -2, -1)), -2, -1)
    vector = _is_vector(A, B)
    z = solve_matrices(A, s.unsqueeze(B, -1) if vector else B)
    return s.squeeze(z, -1) if vector else z


def _need_same(name, first, x, second, y):
    need(x.array.dtype == y.array.dtype, "{}: Expected {} and {} to have the same dtype, but found {} of "
         "type {} and {} of type {} instead\nConvert one of them.", name, first, second, first,
         dtype_of(x).legacy_name, second, dtype_of(y).legacy_name)


def _is_vector(A, B):
    """Does B hold vectors, one for each matrix in A?"""
    return B.array.ndim == 1 or B.array.ndim == A.array.ndim - 1 and B.array.shape == A.array.shape[:-1]


def solve_matrices(A, B):
    """X with A X = B for matrices, their batches broadcast."""
    lead = np.broadcast_shapes(A.array.shape[:-2], B.array.shape[:-2])
    A, B = (s.expand(x, (*lead, *x.array.shape[-2:])) for x in (A, B))
    return _regular("torch.linalg.solve: The solver failed", fa.solve, A, B)


@_linalg
def cholesky(input: Tensor, *, upper: Bool = False, out=None):
    """The lower triangle L with L Lᵀ = A, or its transpose, of symmetric positive-definite matrices
    (torch.linalg.cholesky). Raises LinAlgError for others."""
    _square("linalg.cholesky", input)
    _need_kernel("cholesky_cpu", input)
    try:
        z = fa.cholesky(input)
    except np.linalg.LinAlgError:
        raise LinAlgError("linalg.cholesky: The factorization could not be completed because the input is "
                          "not positive-definite (the leading minor of order 1 is not positive-definite).\n"
                          "All eigenvalues must be positive.") from None
    need(not np.isnan(plain(z)).any(), "linalg.cholesky: The factorization could not be completed because "
         "the input is not positive-definite (the leading minor of order 1 is not positive-definite).\n"
         "Look for nan.", error=LinAlgError)
    return s.transpose(z, -2, -1) if upper else z


def _matrices(name, x):
    need(x.array.ndim > 1, "{}: The input tensor A must have at least 2 dimensions.\nIt holds matrices.",
         name)
    need(dtype_of(x).is_floating_point, "{}: Expected a floating point or complex tensor as input. Got {}\n"
         "Convert it first, for example with .float().", name, dtype_of(x).legacy_name)


def _need_kernel(kernel, x):
    need(x.array.dtype in (np.float32, np.float64), "\"{}\" not implemented for '{}'\n"
         "Convert it first, for example with .float().", kernel, dtype_of(x).legacy_name,
         error=NotImplementedError)


@_linalg
def eigh(input: Tensor, UPLO="L", *, out=None):
    """(eigenvalues, rising, and eigenvectors in columns) of each symmetric matrix, read from its lower or
    upper triangle (torch.linalg.eigh). The gradient of the vectors needs eigenvalues that differ."""
    _square("linalg.eigh", input, False)
    need(UPLO in ("L", "U", "l", "u"), "Expected UPLO argument to be 'L' or 'U', but got {}\n"
         "Name the triangle to read.", UPLO)
    _need_kernel("linalg_eigh_cpu", input)
    return _Eigh(*fa.eigh(input, side=UPLO.upper()))


@_linalg
def eigvalsh(input: Tensor, UPLO="L", *, out=None):
    """The eigenvalues of each symmetric matrix, rising (torch.linalg.eigvalsh)."""
    return eigh(input, UPLO).eigenvalues


@_linalg
def svd(A: Tensor, full_matrices: Bool = True, *, driver=None, out=None):
    """(U, S, Vh) with A = U diag(S) Vh, S falling (torch.linalg.svd). full_matrices: all columns of U and
    rows of Vh. The gradient of the vectors needs singular values that differ."""
    _matrices("linalg.svd", A)
    _need_kernel("linalg_svd_cpu", A)
    need(driver is None, "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
         "cuSOLVER backend.\nLeave it out.")
    need(np.isfinite(plain(A)).all(), "linalg.svd: The algorithm failed to converge because the input matrix "
         "contained non-finite values.\nLook for nan and inf.", error=LinAlgError)
    return _Svd(*fa.svd(A, full=full_matrices))


@_linalg
def svdvals(A: Tensor, *, driver=None, out=None):
    """The singular values of each matrix, falling (torch.linalg.svdvals)."""
    return svd(A, False, driver=driver).S


@_linalg
def qr(A: Tensor, mode="reduced", *, out=None):
    """(Q, R) with A = Q R, Q's columns orthonormal and R upper triangular (torch.linalg.qr). mode: "reduced",
    "complete" (Q is square; without gradient where rows are more than columns), or "r" (R alone, without
    gradient)."""
    _matrices("linalg.qr", A)
    need(mode in ("reduced", "complete", "r"), "qr received unrecognized mode '{}' but expected one of "
         "'reduced' (default), 'r', or 'complete'\nName one of them.", mode)
    _need_kernel("geqrf_cpu", A)
    rows, columns = A.array.shape[-2:]
    if mode == "r" or mode == "complete" and rows > columns:
        need(not A.requires_grad, "The derivative of linalg.qr depends on Q, which is not computed when "
             "mode='r'. Please use linalg.qr(A, mode='reduced') if you are going to differentiate through "
             "linalg.qr.\nOr detach A." if mode == "r" else "The QR decomposition is not differentiable when "
             "mode='complete' and nrows > ncols.\nUse mode='reduced', or detach A.")
        array = plain(A)
        found = np.linalg.qr(array, mode)
        parts: Any = (array.reshape(-1)[:0], found) if mode == "r" else found
        return _Qr(*[wrap(np.array(part, order="C", like=array)) for part in parts])
    if rows >= columns:
        return _Qr(*fa.qr(A))
    Q, R = fa.qr(A[..., :rows])                 # the rest of R is what Q makes of A's other columns
    return _Qr(Q, s.cat([R, s.matmul(s.transpose(Q, -2, -1), A[..., rows:])], -1))


def _limits(values, shape, atol, rtol):
    """Up to what size singular values count as 0, for each matrix (a bare array)."""
    if rtol is None:
        rtol = 0 if atol is not None else np.finfo(values.dtype).eps * max(shape[-2:])
    atol, rtol = (plain(v) if isinstance(v, TensorBase) else v for v in (atol or 0, rtol))
    return np.maximum(atol, rtol * values[..., :1].sum(-1))     # they fall: the first is the largest


@_linalg
def pinv(input: Tensor, rcond=None, hermitian: Bool = False, *, atol=None, rtol=None, out=None):
    """The pseudoinverse of each matrix (torch.linalg.pinv). Singular values at or below atol, or rtol times
    the largest (by default the precision times the longer side), count as 0."""
    need(input.array.ndim > 1 and input.array.dtype.kind == "f", "linalg.pinv({}{{{}}}): expected a tensor "
         "with 2 or more dimensions of float, double, cfloat or cdouble types\nConvert or reshape it.",
         dtype_of(input).legacy_name, input.array.shape)
    _need_kernel("linalg_svd_cpu", input)
    if hermitian:
        _square("linalg.eigh", input)
        lower = s.tril(input)
        input = lower + s.transpose(s.tril(input, -1), -2, -1)
    values = np.linalg.svd(plain(input), compute_uv=False)
    return fa.pinv(input, limits=_limits(values, input.array.shape, atol, rtol if rcond is None else rcond))


@_linalg
def matrix_rank(input: Tensor, tol=None, hermitian: Bool = False, *, atol=None, rtol=None, out=None):
    """How many singular values of each matrix are above `tol`, or above atol and rtol times the largest
    (torch.linalg.matrix_rank). int64, without gradient."""
    need(input.array.ndim > 1, "torch.linalg.matrix_rank: The input tensor input must have at least 2 "
         "dimensions.\nIt holds matrices.")
    need(input.array.dtype in (np.float32, np.float64), "This function doesn't handle types other than float "
         "and double\nConvert it first.")
    values = np.linalg.svd(plain(input), compute_uv=False)
    if tol is not None:
        atol, rtol = tol, 0
    return wrap((values > _limits(values, input.array.shape, atol, rtol)[..., None]).sum(-1))


@_linalg
def lstsq(input: Tensor, b: Tensor, rcond=None, *, driver=None):
    """(solution, residuals, rank, singular_values) of the X that makes ‖A X − b‖ least, the shortest one
    (torch.linalg.lstsq). Gradients flow through the solution. driver: as torch's, all computed alike; what a
    driver does not tell is empty."""
    need(input.array.ndim > 1, "torch.linalg.lstsq: input must have at least 2 dimensions.\n"
         "It holds matrices.")
    need(b.array.ndim, "torch.linalg.lstsq: other must have at least 1 dimension.\nUnsqueeze it.")
    need(input.array.dtype == b.array.dtype, "torch.linalg.lstsq: Expected input and other to have the same "
         "dtype, but got input's dtype {} and other's dtype {}\nConvert one.",
         *[dtype_of(x).legacy_name for x in (input, b)])
    need(driver in (None, "gels", "gelsy", "gelsd", "gelss"), "torch.linalg.lstsq: parameter `driver` should "
         "be one of (gels, gelsy, gelsd, gelss)\nLeave it out.")
    vector = _is_vector(input, b)
    right = s.unsqueeze(b, -1) if vector else b
    rows, columns = input.array.shape[-2:]
    need(right.array.shape[-2] == rows, "torch.linalg.lstsq: input.size(-2) should match other.size(-{})\n"
         "Each row of the matrix has one of b.", 1 if vector else 2)
    _need_kernel("linalg_lstsq_cpu", input)
    values = np.linalg.svd(plain(input), compute_uv=False)
    limits = _limits(values, input.array.shape, None, rcond)
    nothing = wrap(np.zeros(0, input.array.dtype, like=values))
    rank = (values > limits[..., None]).sum(-1)
    if (rank < values.shape[-1]).any():
        X = s.matmul(fa.pinv(input, limits=limits), right)
    elif rows < columns:
        Q, R = qr(s.transpose(input, -2, -1))
        X = s.matmul(Q, solve_matrices(s.transpose(R, -2, -1), right))
    else:                                       # more accurate than the pseudoinverse
        Q, R = qr(input)
        X = solve_matrices(R, s.matmul(s.transpose(Q, -2, -1), right))
    residuals = nothing
    if rows > columns and driver != "gelsy" and driver is not None and (rank == columns).all():
        residuals = rp.sum(p.power(s.matmul(input, X) - right, 2), -2)
    return _Lstsq(s.squeeze(X, -1) if vector else X, residuals,
                  wrap(np.zeros(0, np.int64, like=values)) if driver == "gels" else wrap(rank),
                  wrap(values) if driver in ("gelsd", "gelss") else nothing)


@_linalg
def solve_triangular(input: Tensor, B: Tensor, *, upper: Bool, left: Bool = True, unitriangular: Bool = False,
                     out=None):
    """X with A X = B, or X A = B, reading one triangle of A only (torch.linalg.solve_triangular).
    unitriangular: its diagonal counts as ones. A 0 on the diagonal raises LinAlgError; torch gives inf."""
    _square("linalg.solve_triangular", input)
    need(B.array.ndim > 1, "linalg.solve_triangular: The input tensor B must have at least 2 dimensions.\n"
         "Unsqueeze it.")
    triangle = (s.triu if upper else s.tril)(input, (1 if upper else -1) if unitriangular else 0)
    if unitriangular:
        one = np.eye(input.array.shape[-1], dtype=input.array.dtype)
        triangle = triangle + wrap(beside(one, input.array))
    if not left:
        return s.transpose(solve_matrices(s.transpose(triangle, -2, -1), s.transpose(B, -2, -1)), -2, -1)
    return solve_matrices(triangle, B)


@_linalg
def matrix_exp(input: Tensor):
    """eᴬ = 1 + A + A² / 2 + … of each square matrix (torch.linalg.matrix_exp)."""
    _square("linalg.matrix_exp", input)
    return fa.matrix_exp(input) if input.array.size else p.clone(input)


@_linalg
def cond(input: Tensor, p=None, *, out=None):
    """How much each matrix may magnify errors: ‖A‖ · ‖A⁻¹‖, by default the largest over the smallest singular
    value (torch.linalg.cond). p: an order of matrix_norm."""
    need(input.array.ndim > 1, "linalg.cond: The input tensor must have at least 2 dimensions.\n"
         "It holds matrices.")
    if p in (None, 2, -2):
        values = svdvals(input)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    if np.linalg.det(plain(input)).all():
        return matrix_norm(input, p) * matrix_norm(inv(input), p)
    return wrap(beside(np.full(input.array.shape[:-2], np.inf, input.array.dtype), input.array))


@_linalg
def matrix_power(input: Tensor, n: Int, *, out=None):
    """The n-th power of each square matrix, of its inverse for n < 0 (torch.linalg.matrix_power)."""
    _square("linalg.matrix_power", input, n < 0)
    base, power = (inv(input), -n) if n < 0 else (input, n)
    one = wrap(beside(np.eye(input.array.shape[-1], dtype=input.array.dtype), input.array))
    z = base if n else s.expand(one, input.array.shape)
    for _ in range(power - 1):
        z = s.matmul(z, base)
    return p.clone(z) if power < 2 else z


@_linalg
def multi_dot(tensors: Tensors, *, out=None):
    """The product of two or more matrices; the first and last may be vectors (torch.linalg.multi_dot)."""
    need(len(tensors) > 1, "multi_dot(): expected at least 2 tensors but got {}\nPass two or more.",
         len(tensors))
    for place, x in enumerate(tensors):
        ends = place in (0, len(tensors) - 1)
        name = "the first tensor" if not place else "the last tensor" if ends else f"tensor {place}"
        need(x.array.ndim == 2 or ends and x.array.ndim == 1, "multi_dot(): {} must be {}2D but got {}D\n"
             "Use matmul for batches.", name, "1D or " * ends, x.array.ndim)
    z = tensors[0]
    for x in tensors[1:]:
        z = s.matmul(z, x)
    return z


@_linalg
def cross(input: Tensor, other: Tensor, *, dim: Int = -1, out=None):
    """The vector product along `dim` (torch.linalg.cross)."""
    return pp.cross(input, other, dim)


@_linalg
def vector_norm(input: Tensor, ord=2, dim: Dims = None, keepdim: Bool = False, *, dtype: Dtype = None,
                out=None):
    """The p-norm over `dim`, of all elements by default (torch.linalg.vector_norm)."""
    return rp.norm(input, ord, dim, keepdim, dtype=dtype)


@_linalg
def vecdot(x: Tensor, y: Tensor, *, dim: Int = -1, out=None):
    """The sums of products along `dim` (torch.linalg.vecdot)."""
    need(dtype_of(x).is_floating_point, "linalg.vecdot: Expected a floating point or complex tensor as "
         "input. Got {}\nConvert it first.", dtype_of(x).legacy_name)
    _need_same("linalg.vecdot", "x", x, "y", y)
    return rp.sum(x * y, dim)


@_linalg
def diagonal(A: Tensor, *, offset: Int = 0, dim1: Int = -2, dim2: Int = -1):
    """The diagonal of each matrix, a view (torch.linalg.diagonal)."""
    return ap.diagonal(A, offset, dim1, dim2)


@_linalg
def matrix_norm(input: Tensor, ord="fro", dim: Dims = (-2, -1), keepdim: Bool = False, *, dtype: Dtype = None,
                out=None):
    """The norm of matrices: "fro", "nuc" (the sum of singular values), 2 and −2 (the largest, the smallest),
    1 and inf (largest sum of a column, a row), −1 and −inf (torch.linalg.matrix_norm)."""
    need(input.array.ndim > 1, "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.\n"
         "It holds matrices.")
    need(dtype_of(input).is_floating_point, "linalg.matrix_norm: Expected a floating point or complex tensor "
         "as input. Got {}\nConvert it first.", dtype_of(input).legacy_name)
    need(isinstance(dim, tuple) and len(dim) == 2, "linalg.matrix_norm: dim must be a 2-tuple. Got {}\n"
         "A matrix has two dimensions.", dim if isinstance(dim, int) else " ".join(map(str, dim)))
    if ord == "fro":
        return rp.norm(input, 2, dim, keepdim, dtype=dtype)
    need(ord in ("nuc", 1, -1, 2, -2, np.inf, -np.inf), "linalg.matrix_norm: Order {} not supported.\n"
         "Use 'fro', 'nuc', 1, 2 or inf.", ord)
    input = input if dtype is None else input.to(dtype)
    dim = as_dims(dim, input.array.ndim)
    if ord in ("nuc", 2, -2):
        values = svdvals(ap.movedim(input, dim, (-2, -1)))
        z = rp.sum(values, -1) if ord == "nuc" else (rp.amax if ord > 0 else rp.amin)(values, -1)
        for d in sorted(dim) if keepdim else ():
            z = s.unsqueeze(z, d)
        return z
    summed, kept = dim if abs(ord) == 1 else dim[::-1]
    sums = rp.sum(p.abs(input), summed, True)
    z = (rp.amax if ord > 0 else rp.amin)(sums, kept, True)
    return z if keepdim else s.squeeze(z, dim)


@_linalg
def norm(input: Tensor, ord=None, dim: Dims = None, keepdim: Bool = False, *, out=None, dtype: Dtype = None):
    """A vector's or a matrix's norm, by the number of dimensions (torch.linalg.norm)."""
    pair = isinstance(dim, tuple) and len(dim) == 2 or dim is None and input.array.ndim == 2
    if ord in ("fro", "nuc") or ord is not None and pair:
        return matrix_norm(input, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(input, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


# Older names, which torch has at its top --------------------------------------------------------------------

_OldSvd, _OldQr = returned("svd", "U", "S", "V"), returned("qr", "Q", "R")


def _old_svd(input: Tensor, some: Bool = True, compute_uv: Bool = True, *, out=None):
    """(U, S, V) with input = U diag(S) Vᵀ; zeros for U and V without compute_uv (torch.svd)."""
    need(input.array.ndim > 1, "linalg.svd: input should have at least 2 dimensions, but has {} dimensions "
         "instead\nIt holds matrices.", input.array.ndim)
    U, S, Vh = svd(input, not some or not compute_uv)
    if not compute_uv:
        U, Vh = (wrap(np.zeros_like(x.array)) for x in (U, Vh))
    return _OldSvd(U, S, s.transpose(Vh, -2, -1))


def _old_qr(input: Tensor, some: Bool = True, *, out=None):
    """(Q, R) with input = Q R; some=False gives all columns of Q (torch.qr)."""
    return _OldQr(*qr(input, "reduced" if some else "complete"))


def _logdet(input: Tensor):
    """The logarithm of each determinant, nan for negative ones (torch.logdet)."""
    _square("logdet", input)
    sign, size = slogdet(input)
    return f.where(sign < 0, np.nan, size)


def _pinverse(input: Tensor, rcond: Float = 1e-15):
    """The pseudoinverse (torch.pinverse)."""
    return pinv(input, rcond)


def _old_cholesky(input: Tensor, upper: Bool = False, *, out=None):
    """linalg.cholesky (torch.cholesky)."""
    return cholesky(input, upper=upper)


def _old_det(input: Tensor):
    """linalg.det (torch.det)."""
    return det(input)


def _old_slogdet(input: Tensor, *, out=None):
    """linalg.slogdet (torch.slogdet)."""
    return slogdet(input)


def _inverse(input: Tensor, *, out=None):
    """linalg.inv (torch.inverse)."""
    return inv(input)


def _matrix_power(input: Tensor, n: Int, *, out=None):
    """linalg.matrix_power (torch.matrix_power)."""
    return matrix_power(input, n)


def _matrix_exp(input: Tensor):
    """linalg.matrix_exp (torch.matrix_exp)."""
    return matrix_exp(input)


# name at the top: function. They are methods of Tensor, too.
TOP = {"svd": _old_svd, "qr": _old_qr, "logdet": _logdet, "pinverse": _pinverse, "cholesky": _old_cholesky,
       "matrix_power": _matrix_power, "matrix_exp": _matrix_exp, "det": _old_det, "slogdet": _old_slogdet,
       "inverse": _inverse}
for _name, _function in TOP.items():
    _function.__name__ = _function.__qualname__ = _name
TOP = {name: torch_function(function) for name, function in TOP.items()}
