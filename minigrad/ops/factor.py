"""Inverses, determinants and decompositions of matrices or batches of them, with their gradient rules (Giles
2008)."""
from ..engine.op import op
from .index import take
from .linalg import bmm, mm
from .pointwise import zeros_like
from .shape import cat, t, transpose, triu, unsqueeze


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
         grads=(lambda g, x: column(column(g)) * cofactors(x),),
         formula=("det x", "ḡ · cof x"), torch_node="LinalgDetBackward0")


def _cofactors(xp, x):
    """det x · x⁻ᵀ; where x is singular or nearly, each singular value's place takes the product of the
    others, whose error does not grow with the condition number (15 ε; the inverse's is about κ ε)."""
    u, s, vh = xp.linalg.svd(x)
    n = s.shape[-1]
    if not n:
        return x
    others = xp.stack([s[..., :k].prod(-1) * s[..., k + 1:].prod(-1) for k in range(n)], -1)
    sign = xp.asarray(xp.linalg.det(u) * xp.linalg.det(vh))[..., None]
    regular = (s[..., -1:] * 16 > s[..., :1])[..., None]
    safe = xp.where(regular, x, xp.eye(n, dtype=x.dtype))
    direct = xp.asarray(xp.linalg.det(safe))[..., None, None] * xp.linalg.inv(safe).swapaxes(-1, -2)
    return xp.where(regular, direct, xp.matmul(u * (sign * others)[..., None, :], vh)).astype(x.dtype)


def _cofactors_slope(g, x, z):
    inverse = turned(inv(x))
    total = product(turned(g), z)               # its trace is Σ ḡ z
    ones = zeros_like(x) + 1
    return inverse * product(ones, product(on_axis(total), ones)) - product(product(inverse, turned(g)), z)


cofactors = op("cofactors", _cofactors, grads=(_cofactors_slope,), torch_node="LinalgDetBackward0",
               formula=("det x · x⁻ᵀ", "(Σ ḡ z) x⁻ᵀ − x⁻ᵀ ḡᵀ z"))


def _slogdet_slope(gs, needs, x):
    """The sign is constant."""
    return (zeros_like(x) if gs[1] is None else column(column(gs[1])) * turned(inv(x)),)


slogdet = op("slogdet", lambda xp, x: tuple(map(xp.asarray, xp.linalg.slogdet(x))), joint=_slogdet_slope,
             outputs=True, formula=("sign det x, ln |det x|", "ḡ · x⁻ᵀ"),
             torch_node="LinalgSlogdetBackward0")
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


# Decompositions: where a cotangent never came there is None, and what it would have given is left out.
def _sum_of(*parts):
    found = [part for part in parts if part is not None]
    total = found[0]
    for part in found[1:]:
        total = total + part
    return total


def _gaps(values):
    """vⱼ − vᵢ, and 1 on the diagonal: by what the turning of vectors i and j into each other is divided."""
    gaps = row(values) - column(values)
    return gaps + on_axis(zeros_like(gaps) + 1)


def _diagonal(values):
    return on_axis(row(values) + column(zeros_like(values)))


def _turning(vectors, g):
    """What `g` says about turning the columns of `vectors` into each other, not about their lengths."""
    inner = product(turned(vectors), g)
    return inner - turned(inner)


def _eigh_slope(gs, needs, z):
    (gw, gv), (w, v) = gs, z
    inner = _sum_of(None if gw is None else _diagonal(gw),
                    None if gv is None else 0.5 * _turning(v, gv) / _gaps(w))
    return (product(v, product(inner, turned(v))),)


eigh = op("eigh", lambda xp, x, *, side: tuple(xp.linalg.eigh(x, side)), joint=_eigh_slope, outputs=True,
          formula=("w, V with x V = V diag w", "V (diag ḡw + turns of V) Vᵀ"),
          torch_node="LinalgEighBackward0")


def _svd_slope(gs, needs, z, full):
    (gu, gs, gvh), (u, s, vh) = gs, z
    m, n, k = u.shape[-2], vh.shape[-1], s.shape[-1]
    if full:                                    # vectors beyond the k-th may be any: none flows through them
        first = (..., slice(0, k))
        u, vh = take(u, slices=first), take(vh, slices=(..., slice(0, k), slice(None)))
        gu = None if gu is None else take(gu, slices=first)
        gvh = None if gvh is None else take(gvh, slices=(..., slice(0, k), slice(None)))
    gv, v, gaps = None if gvh is None else turned(gvh), turned(vh), _gaps(s * s)
    inner = _sum_of(None if gs is None else _diagonal(gs),
                    None if gu is None else _turning(u, gu) / gaps * row(s),
                    None if gv is None else column(s) * (_turning(v, gv) / gaps))
    found = product(u, product(inner, vh))
    if gu is not None and m > k:
        found = found + product((gu - product(u, product(turned(u), gu))) / row(s), vh)
    if gv is not None and n > k:
        found = found + product(u, turned((gv - product(v, product(vh, gv))) / row(s)))
    return (found,)


svd = op("svd", lambda xp, x, *, full: tuple(xp.linalg.svd(x, full)), joint=_svd_slope, outputs=True,
         formula=("U, s, Vᵀ with x = U diag s Vᵀ", "U (diag ḡs + turns of U and V) Vᵀ"),
         torch_node="LinalgSvdBackward0")


def _qr_slope(gs, needs, z):
    (gq, gr), (q, r) = gs, z
    inner = _sum_of(None if gr is None else product(gr, turned(r)),
                    None if gq is None else -product(turned(q), gq))
    upper = triu(inner, diagonal=0)
    found = product(q, upper + turned(upper) - on_axis(upper))
    return (turned(solve(r, turned(found if gq is None else found + gq))),)


# Of matrices with no more columns than rows; linalg.qr puts the others together.
qr = op("qr", lambda xp, x: tuple(xp.linalg.qr(x)), joint=_qr_slope, outputs=True,
        formula=("Q, R with x = Q R", "(ḡQ + Q sym(triu(ḡR Rᵀ − Qᵀ ḡQ))) R⁻ᵀ"),
        torch_node="LinalgQrBackward0")


def _pinv_slope(g, x, z):
    """Golub & Pereyra 1973."""
    back = turned(g)
    inner, across = product(back, z), turned(z)
    spread = product(inner, across)
    return (spread - turned(product(z, inner)) - product(product(x, z), spread)
            + product(product(across, z), back - product(inner, x)))


pinv = op("pinv", lambda xp, x, *, limits: xp.pinv(x, limits), grads=(_pinv_slope,),
          formula=("x⁺", "of the spaces of x and of x⁺"), torch_node="LinalgPinvBackward0")


def _matrix_exp_slope(g, x):
    """The upper right block of exp [[xᵀ, ḡ], [0, xᵀ]] (Mathias 1996)."""
    size, back = x.shape[-1], turned(x)
    upper, lower_ = cat(back, g, dim=len(x.shape) - 1), cat(zeros_like(g), back, dim=len(x.shape) - 1)
    whole = matrix_exp(cat(upper, lower_, dim=len(x.shape) - 2))
    return take(whole, slices=(..., slice(0, size), slice(size, None)))


matrix_exp = op("matrix_exp", lambda xp, x: xp.matrix_exp(x), grads=(_matrix_exp_slope,),
                formula=("eˣ of a matrix", "its derivative in the direction ḡ"),
                torch_node="LinalgMatrixExpBackward0")
