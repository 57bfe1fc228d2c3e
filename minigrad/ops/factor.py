"""Inverses, determinants and decompositions of matrices or batches of them, with their gradient rules (Giles
2008)."""
from ..engine.op import op
from .linalg import bmm, mm
from .shape import t, transpose, unsqueeze


def product(x, y):
    """Matrix by matrix, of matrices or of batches of them."""
    return mm(x, y) if len(x.shape) == 2 else bmm(x, y)


def turned(x):
    """The last two dimensions swapped."""
    return t(x) if len(x.shape) == 2 else transpose(x, dim0=-2, dim1=-1)


def column(x):
    """The last dimension as columns of one element."""
    return unsqueeze(x, dim=len(x.shape))


def row(x):
    """The last dimension as rows."""
    return unsqueeze(x, dim=len(x.shape) - 1)


lower = op("lower", lambda xp, x: xp.tril(x), grads=(lambda g: lower(g),),
           formula=("x on and below the diagonal", "ḡ there"))
on_axis = op("on_axis", lambda xp, x: x * xp.eye(x.shape[-1], dtype=x.dtype), grads=(lambda g: on_axis(g),),
             formula=("x on the diagonal", "ḡ there"))

inv = op("inv", lambda xp, x: xp.linalg.inv(x),
         grads=(lambda g, z: -product(turned(z), product(g, turned(z))),),
         formula=("x⁻¹", "−z⁻ᵀ ḡ z⁻ᵀ"), torch_node="LinalgInvExBackward0")
det = op("det", lambda xp, x: xp.asarray(xp.linalg.det(x)),
         grads=(lambda g, x, z: column(column(g * z)) * turned(inv(x)),),
         formula=("det x", "ḡ · z · x⁻ᵀ"), torch_node="LinalgDetBackward0")
logabsdet = op("logabsdet", lambda xp, x: xp.asarray(xp.linalg.slogdet(x)[1]),
               grads=(lambda g, x: column(column(g)) * turned(inv(x)),),
               formula=("ln |det x|", "ḡ · x⁻ᵀ"), torch_node="LinalgSlogdetBackward0")
solve = op("solve", lambda xp, x, y: xp.linalg.solve(x, y),
           grads=(lambda g, x, z: -product(solve(turned(x), g), turned(z)),
                  lambda g, x: solve(turned(x), g)),
           formula=("x⁻¹ y", "−(x⁻ᵀ ḡ) zᵀ", "x⁻ᵀ ḡ"), torch_node="LinalgSolveExBackward0")


def _cholesky_slope(g, z):
    inner, small = inv(z), product(turned(z), lower(g))
    half = product(turned(inner), product(lower(small) - 0.5 * on_axis(small), inner))
    return 0.5 * (half + turned(half))


cholesky = op("cholesky", lambda xp, x: xp.linalg.cholesky(x), grads=(_cholesky_slope,),
              formula=("L with L Lᵀ = x", "½ (S + Sᵀ), S = L⁻ᵀ Φ(Lᵀ ḡ) L⁻¹"),
              torch_node="LinalgCholeskyExBackward0")
