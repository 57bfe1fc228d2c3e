"""Linear algebra (torch.linalg): inverses, determinants, systems of equations, decompositions, norms.

Matrices are the last two dimensions; those before are a batch.
"""
import numpy as np

from .backends.arrays import beside
from .engine.autocast import widened
from .engine.core import TensorBase, plain, wrap
from .engine.errors import check_broadcast
from .ops import arrange_public as ap
from .ops import factor as fa
from .ops import pointwise as p
from .ops import product_public as pp
from .ops import public as f
from .ops import reduce_public as rp
from .ops import shape_public as s
from .ops.arguments import as_dims, dtype_of, need_kernel
from .ops.kinds import Bool, Dims, Float, Int, Tensor, Tensors
from .ops.signature import family, need, returned, torch_function

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


def _matrices(name, x, square=False, floating=True):
    """Raises torch's errors for what is no (square) matrix or batch of them."""
    shape = x.array.shape
    need(len(shape) > 1, "{}: The input tensor A must have at least 2 dimensions.\nIt holds matrices.", name)
    need(not square or shape[-1] == shape[-2], "{}: A must be batches of square matrices, but they are {} by "
         "{} matrices\nUse lstsq or pinv for others.", name, shape[-2], shape[-1])
    if floating:
        _floating(name, x)


def _floating(name, x):
    need(dtype_of(x).is_floating_point, "{}: Expected a floating point or complex tensor as input. Got {}\n"
         "Convert it first, for example with .float().", name, x)


def _turned(x):
    """The last two dimensions swapped."""
    return s.transpose(x, -2, -1)


def _identity(x):
    return wrap(beside(np.eye(x.array.shape[-1], dtype=x.array.dtype), x.array))


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
    _matrices("linalg.inv", A, True)
    _need_precision("linalg.inv", A)
    return _regular("linalg.inv: The diagonal element 1 is zero, the inversion could not be completed",
                    fa.inv, A)


@_linalg
def det(A: Tensor, *, out=None):
    """The determinant of each square matrix (torch.linalg.det)."""
    _matrices("linalg.det", A, True)
    need_kernel("lu_cpu", A, "fd")
    return fa.det(A)


@_linalg
def slogdet(A: Tensor, *, out=None):
    """(sign, logarithm of the absolute value) of each determinant (torch.linalg.slogdet)."""
    _matrices("linalg.slogdet", A, True)
    _need_precision("linalg.slogdet", A)
    return _Slogdet(*fa.slogdet(A))


@_linalg
def solve(A: Tensor, B: Tensor, *, left: Bool = True, out=None):
    """X with A X = B, or X A = B for left=False; B may be a vector (torch.linalg.solve). Raises LinAlgError
    for singular matrices."""
    _matrices("linalg.solve", A, True)
    need_kernel("lu_cpu", A, "fd")
    _need_same("linalg.solve", "A", A, "B", B)
    if not left:
        return _turned(solve(_turned(A), _turned(B)))
    vector = _is_vector(A, B)
    z = solve_matrices("linalg.solve", A, s.unsqueeze(B, -1) if vector else B)
    return s.squeeze(z, -1) if vector else z


def _need_same(name, first, x, second, y):
    need(x.array.dtype == y.array.dtype, "{}: Expected {} and {} to have the same dtype, but found {} of "
         "type {} and {} of type {} instead\nConvert one of them.", name, first, second, first, x, second, y)


def _is_vector(A, B):
    """Does B hold vectors, one for each matrix in A?"""
    return B.array.ndim == 1 or B.array.ndim == A.array.ndim - 1 and B.array.shape == A.array.shape[:-1]


def solve_matrices(name, A, B):
    """X with A X = B for matrices, their batches broadcast."""
    own, given = A.array.shape, B.array.shape
    need(own[-1] == given[-2], "{}: Incompatible shapes of A and B for the equation AX = B ({}x{} and "
         "{}x{})\nB has as many rows as A.", name, *own[-2:], *given[-2:])
    check_broadcast(given[:-2], own[:-2])
    lead = np.broadcast_shapes(own[:-2], given[:-2])
    A, B = (s.expand(x, (*lead, *x.array.shape[-2:])) for x in (A, B))
    return _regular("torch.linalg.solve: The solver failed", fa.solve, A, B)


@_linalg
def cholesky(input: Tensor, *, upper: Bool = False, out=None):
    """The lower triangle L with L Lᵀ = A, or its transpose, of symmetric positive-definite matrices
    (torch.linalg.cholesky). Raises LinAlgError for others."""
    _matrices("linalg.cholesky", input, True)
    need_kernel("cholesky_cpu", input, "fd")
    try:
        z = fa.cholesky(input)
        failed = np.isnan(plain(z)).any()
    except np.linalg.LinAlgError:
        failed = True
    need(not failed, "linalg.cholesky: The factorization could not be completed because the input is not "
         "positive-definite (the leading minor of order 1 is not positive-definite).\n"
         "All eigenvalues must be positive; look for nan.", error=LinAlgError)
    return _turned(z) if upper else z


def _need_precision(name, x):
    need(x.array.itemsize > 2, "{}: Low precision dtypes not supported. Got {}\nConvert it with .float().",
         name, x)


@_linalg
def eigh(input: Tensor, UPLO="L", *, out=None):
    """(eigenvalues, rising, and eigenvectors in columns) of each symmetric matrix, read from its lower or
    upper triangle (torch.linalg.eigh). The gradient of the vectors needs eigenvalues that differ."""
    _matrices("linalg.eigh", input, True, False)
    need(UPLO in ("L", "U", "l", "u"), "Expected UPLO argument to be 'L' or 'U', but got {}\n"
         "Name the triangle to read.", UPLO)
    need_kernel("linalg_eigh_cpu", input, "fd")
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
    need_kernel("linalg_svd_cpu", A, "fd")
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
    need_kernel("geqrf_cpu", A, "fd")
    rows, columns = A.array.shape[-2:]
    if mode == "r" or mode == "complete" and rows > columns:
        need(not A.requires_grad, "The derivative of linalg.qr depends on Q, which is not computed when "
             "mode='r'. Please use linalg.qr(A, mode='reduced') if you are going to differentiate through "
             "linalg.qr.\nOr detach A." if mode == "r" else "The QR decomposition is not differentiable when "
             "mode='complete' and nrows > ncols.\nUse mode='reduced', or detach A.")
        array = plain(A)
        found = np.linalg.qr(array, mode)
        parts: tuple = (array.reshape(-1)[:0], found) if mode == "r" else found
        return _Qr(*[wrap(np.array(part, order="C", like=array)) for part in parts])
    if rows >= columns:
        return _Qr(*fa.qr(A))
    Q, R = fa.qr(A[..., :rows])                 # the rest of R is what Q makes of A's other columns
    return _Qr(Q, s.cat([R, s.matmul(_turned(Q), A[..., rows:])], -1))


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
         input, input.array.shape)
    need_kernel("linalg_svd_cpu", input, "fd")
    if hermitian:
        _matrices("linalg.eigh", input, True)
        input = s.tril(input) + _turned(s.tril(input, -1))
    values = np.linalg.svd(plain(input), compute_uv=False)
    return fa.pinv(input, limits=_limits(values, input.array.shape, atol, rtol if rcond is None else rcond))


def _singular_values(x):
    need(x.array.dtype in (np.float32, np.float64), "This function doesn't handle types other than float and "
         "double\nConvert it first.")
    return np.linalg.svd(plain(x), compute_uv=False)


@_linalg
def matrix_rank(input: Tensor, tol=None, hermitian: Bool = False, *, atol=None, rtol=None, out=None):
    """How many singular values of each matrix are above `tol`, or above atol and rtol times the largest
    (torch.linalg.matrix_rank). int64, without gradient."""
    need(input.array.ndim > 1, "torch.linalg.matrix_rank: The input tensor input must have at least 2 "
         "dimensions.\nIt holds matrices.")
    values = _singular_values(input)
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
         "dtype, but got input's dtype {} and other's dtype {}\nConvert one.", input, b)
    need(driver in (None, "gels", "gelsy", "gelsd", "gelss"), "torch.linalg.lstsq: parameter `driver` should "
         "be one of (gels, gelsy, gelsd, gelss)\nLeave it out.")
    vector = _is_vector(input, b)
    right = s.unsqueeze(b, -1) if vector else b
    rows, columns = input.array.shape[-2:]
    need(right.array.shape[-2] == rows, "torch.linalg.lstsq: input.size(-2) should match other.size(-{})\n"
         "Each row of the matrix has one of b.", 1 if vector else 2)
    values = _singular_values(input)
    limits = _limits(values, input.array.shape, None, rcond)
    nothing = wrap(np.zeros(0, input.array.dtype, like=values))
    rank = (values > limits[..., None]).sum(-1)
    if (rank < values.shape[-1]).any():
        X = s.matmul(fa.pinv(input, limits=limits), right)
    elif rows < columns:
        Q, R = qr(_turned(input))
        X = s.matmul(Q, solve_matrices("linalg.lstsq", _turned(R), right))
    else:                                       # more accurate than the pseudoinverse
        Q, R = qr(input)
        X = solve_matrices("linalg.lstsq", R, s.matmul(_turned(Q), right))
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
    name = "linalg.solve_triangular"
    _matrices(name, input, True, False)
    need(B.array.ndim > 1, "linalg.solve_triangular: The input tensor B must have at least 2 dimensions.\n"
         "Unsqueeze it.")
    need_kernel("triangular_solve_cpu", input, "fd")
    triangle = (s.triu if upper else s.tril)(input, (1 if upper else -1) if unitriangular else 0)
    if unitriangular:
        triangle = triangle + _identity(input)
    if not left:
        return _turned(solve_matrices(name, _turned(triangle), _turned(B)))
    return solve_matrices(name, triangle, B)


@_linalg
def matrix_exp(input: Tensor):
    """eᴬ = 1 + A + A² / 2 + … of each square matrix (torch.linalg.matrix_exp)."""
    _matrices("linalg.matrix_exp", input, True)
    return fa.matrix_exp(input) if input.array.size else p.clone(input)


@_linalg
def cond(input: Tensor, p=None, *, out=None):
    """How much each matrix may magnify errors: ‖A‖ · ‖A⁻¹‖, by default the largest over the smallest singular
    value (torch.linalg.cond). p: an order of matrix_norm."""
    need(input.array.ndim > 1, "linalg.cond: The input tensor must have at least 2 dimensions.\n"
         "It holds matrices.")
    need(p is None or p in _ORDERS, "linalg.cond got an invalid norm type: {}\nUse one of matrix_norm's.", p)
    if p in (None, 2, -2):
        values = svdvals(input)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    _matrices(f"linalg.cond(ord={p})", input, True, False)
    singular = wrap(np.asarray(np.linalg.det(plain(input).astype(np.float64)) == 0, like=input.array))
    inverse = inv(f.where(singular[..., None, None], _identity(input), input))
    return f.masked_fill(matrix_norm(input, p) * matrix_norm(inverse, p), singular, np.inf)


@_linalg
def matrix_power(input: Tensor, n: Int, *, out=None):
    """The n-th power of each square matrix, of its inverse for n < 0 (torch.linalg.matrix_power)."""
    _matrices("linalg.matrix_power", input, True, n < 0)
    base, power = (inv(input), -n) if n < 0 else (input, n)
    z = base if n else s.expand(_identity(input), input.array.shape)
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
def vector_norm(input: Tensor, ord=2, dim: Dims = None, keepdim=False, *, dtype=None, out=None):
    """The p-norm over `dim`, of all elements by default (torch.linalg.vector_norm)."""
    return rp.norm(input, ord, dim, keepdim, dtype=dtype)


@_linalg
def vecdot(x: Tensor, y: Tensor, *, dim: Int = -1, out=None):
    """The sums of products along `dim` (torch.linalg.vecdot)."""
    _floating("linalg.vecdot", x)
    _need_same("linalg.vecdot", "x", x, "y", y)
    return rp.sum(x * y, dim)


@_linalg
def diagonal(A: Tensor, *, offset: Int = 0, dim1: Int = -2, dim2: Int = -1):
    """The diagonal of each matrix, a view (torch.linalg.diagonal)."""
    return ap.diagonal(A, offset, dim1, dim2)


_ORDERS = ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)


@_linalg
def matrix_norm(input: Tensor, ord="fro", dim: Dims = (-2, -1), keepdim=False, *, dtype=None, out=None):
    """The norm of matrices: "fro", "nuc" (the sum of singular values), 2 and −2 (the largest, the smallest),
    1 and inf (largest sum of a column, a row), −1 and −inf (torch.linalg.matrix_norm)."""
    _matrices("linalg.matrix_norm", input)
    need(isinstance(dim, tuple) and len(dim) == 2, "linalg.matrix_norm: dim must be a 2-tuple. Got {}\n"
         "A matrix has two dimensions.", dim if isinstance(dim, int) else " ".join(map(str, dim)))
    if ord == "fro":
        return rp.norm(input, 2, dim, keepdim, dtype=dtype)
    need(ord in _ORDERS, "linalg.matrix_norm: Order {} not supported.\nUse 'fro', 'nuc', 1, 2 or inf.", ord)
    input = input if dtype is None else input.to(dtype)
    dim = as_dims(dim, input.array.ndim)
    if ord in ("nuc", 2, -2):
        _need_precision("linalg.matrix_norm", input)
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
def norm(input: Tensor, ord=None, dim: Dims = None, keepdim=False, *, out=None, dtype=None):
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
    return _OldSvd(U, S, _turned(Vh))


def _old_qr(input: Tensor, some: Bool = True, *, out=None):
    """(Q, R) with input = Q R; some=False gives all columns of Q (torch.qr)."""
    return _OldQr(*qr(input, "reduced" if some else "complete"))


def _logdet(input: Tensor):
    """The logarithm of each determinant, nan for negative ones (torch.logdet)."""
    _matrices("logdet", input, True)
    _need_precision("logdet", input)
    sign, size = slogdet(input)
    return f.where(sign < 0, np.nan, size)


def _pinverse(input: Tensor, rcond: Float = 1e-15):
    """The pseudoinverse (torch.pinverse)."""
    return pinv(input, rcond)


def _old_cholesky(input: Tensor, upper: Bool = False, *, out=None):
    """linalg.cholesky (torch.cholesky)."""
    return cholesky(input, upper=upper)


def _matrix_power(input: Tensor, n: Int, *, out=None):
    """linalg.matrix_power (torch.matrix_power)."""
    return matrix_power(input, n)


def _older(name):
    made = {"inverse": inv, "slogdet": slogdet, "det": det, "matrix_exp": matrix_exp}[name]

    def function(input: Tensor):
        return made(input)

    def into(input: Tensor, *, out=None):
        return made(input)
    return into if name in ("inverse", "slogdet") else function


# name at the top: function. They are methods of Tensor, too.
TOP = {"svd": _old_svd, "qr": _old_qr, "logdet": _logdet, "pinverse": _pinverse, "cholesky": _old_cholesky,
       "matrix_power": _matrix_power}
for _name, _function in TOP.items():
    _function.__name__ = _function.__qualname__ = _name
TOP = {name: torch_function(function) for name, function in TOP.items()}
for _function in family(_older, "linalg.{}", inverse="inv", slogdet="slogdet", det="det",
                        matrix_exp="matrix_exp"):
    TOP[_function.__name__] = _function
