"""Running sums, products and extremes, turning, rolling, windows, diagonals, and writing along a dimension.
"""
from ..backends.arrays import as_writeable
from ..engine.op import op
from .index import gather, scatter_zeros
from .pointwise import abs, exp, log, where
from .shape import stack, unbind

flip = op("flip", lambda xp, x, *, dims: xp.flip(x, dims).copy(order="K"), pointwise=True,
          grads=(lambda g, dims: flip(g, dims=dims),),
          formula=("x, backwards along dims", "ḡ, backwards along dims"))
roll = op("roll", lambda xp, x, *, shifts, dims: xp.roll(x, shifts, dims),
          grads=(lambda g, shifts, dims: roll(g, shifts=tuple([-shift for shift in shifts]), dims=dims),),
          formula=("x, moved around along dims", "ḡ, moved back"))

# Running sums and products; promote: halves are added up in float32, and each result is rounded once
cumsum = op("cumsum", lambda xp, x, *, dim: xp.cumsum(x, dim), promote="same",
            grads=(lambda g, dim: flip(cumsum(flip(g, dims=(dim,)), dim=dim), dims=(dim,)),),
            formula=("x₁ + … + xₖ", "ḡₖ + … + ḡₙ"))


def cumprod_twin(x, *, dim):
    """What a running product is."""
    found = []
    for part in unbind(x, dim=dim):
        found.append(found[-1] * part if found else part)
    return stack(*found, dim=dim)


def _cumprod_backward(xp, y, x, *, dim):
    """Pⱼ Rⱼ with Pⱼ = x₁ … xⱼ₋₁ and Rⱼ = yⱼ + xⱼ₊₁ Rⱼ₊₁: zeros divide nothing."""
    y, x = xp.moveaxis(y, dim, 0), xp.moveaxis(x, dim, 0)
    out = xp.array(y, order="C")
    for j in range(len(x) - 2, -1, -1):
        out[j] += x[j + 1] * out[j + 1]
    out[1:] *= xp.cumprod(x[:-1], 0)
    return xp.ascontiguousarray(xp.moveaxis(out, 0, dim))


cumprod_backward = op("cumprod_backward", _cumprod_backward, promote="same",
                      formula=("Σₖ yₖ · Πᵢ≤ₖ, ᵢ≠ⱼ xᵢ",))
cumprod = op("cumprod", lambda xp, x, *, dim: xp.cumprod(x, dim), promote="same", twin=cumprod_twin,
             grads=(lambda g, x, dim: cumprod_backward(g, x, dim=dim),),
             formula=("x₁ · … · xₖ", "Σₖ ḡₖ · Πᵢ≤ₖ, ᵢ≠ⱼ xᵢ"))

# The largest and smallest so far, the last of equal ones: the gradient goes to the element at the index.
cummax = op("cummax", lambda xp, x, *, dim: xp.running_extreme(x, dim, xp.greater_equal), extras=("indices",),
            grads=(lambda g, indices, x_shape, dim: scatter_zeros(g, indices, shape=x_shape, dim=dim),),
            formula=("max(x₁ … xₖ)", "ḡ added at the indices"))
cummin = op("cummin", lambda xp, x, *, dim: xp.running_extreme(x, dim, xp.less_equal), extras=("indices",),
            grads=(lambda g, indices, x_shape, dim: scatter_zeros(g, indices, shape=x_shape, dim=dim),),
            formula=("min(x₁ … xₖ)", "ḡ added at the indices"))
_LEAST = -3e38                                  # the logarithm of as good as nothing, in float32 too


def _logcumsumexp_slope(g, x, z, dim):
    """Σₖ ḡₖ e^(xⱼ − zₖ) over k ≥ j in logarithms, those of positive and of negative ḡ apart."""
    def later(size):
        back = flip(size - z, dims=(dim,))
        return exp(flip(logcumsumexp(back, dim=dim), dims=(dim,)) + x)
    size = log(abs(g))
    return later(where(g > 0, size, _LEAST)) - later(where(g < 0, size, _LEAST))


logcumsumexp = op("logcumsumexp", lambda xp, x, *, dim: xp.logcumsumexp(x, dim), promote="same",
                  grads=(_logcumsumexp_slope,), formula=("ln Σ e^x so far", "Σₖ ḡₖ e^(x − zₖ)"))

# Windows: overlapping pieces of one dimension in a new last one, a view; and what puts their cotangents back.
windows = op("windows", lambda xp, x, *, dim, size, step, dilation: xp.windows(x, dim, size, step, dilation),
             grads=(lambda g, x_shape, dim, size, step, dilation: windows_sum(
                 g, shape=x_shape, dim=dim, size=size, step=step, dilation=dilation),), view=True,
             formula=("windows over dim", "ḡ added where windows lie"), torch_node="UnfoldBackward0")
windows_sum = op("windows_sum", lambda xp, x, *, shape, dim, size, step, dilation:
                 xp.windows_sum(x, shape, dim, size, step, dilation),
                 grads=(lambda g, dim, size, step, dilation: windows(
                     g, dim=dim, size=size, step=step, dilation=dilation),),
                 formula=("x added where windows lie", "windows of ḡ"), torch_node="UnfoldBackwardBackward0")

# Diagonals: a view, and what spreads its cotangent
def _diagonal(x, *, offset, dim1, dim2):
    return as_writeable(x.diagonal(offset, dim1, dim2), x)


def _on_diagonal(xp, x, *, shape, offset, dim1, dim2):
    out = xp.zeros(shape, x.dtype)
    _diagonal(out, offset=offset, dim1=dim1, dim2=dim2)[...] = x
    return out


diagonal = op("diagonal", _diagonal, view=True,
              grads=(lambda g, x_shape, offset, dim1, dim2:
                     on_diagonal(g, shape=x_shape, offset=offset, dim1=dim1, dim2=dim2),),
              formula=("xᵢᵢ", "ḡ on the diagonal, else 0"))
on_diagonal = op("on_diagonal", _on_diagonal,
                 grads=(lambda g, offset, dim1, dim2: diagonal(g, offset=offset, dim1=dim1, dim2=dim2),),
                 formula=("x on the diagonal, else 0", "ḡᵢᵢ"), torch_node="DiagonalBackward0")


# Writing along a dimension
def _scatter(xp, x, index, src, *, dim):
    out = xp.array(x, order="C")
    part = src[tuple([slice(0, n) for n in index.shape])] if getattr(src, "ndim", 0) else src
    places = list(xp.indices(index.shape, sparse=True))
    places[dim] = index
    out[tuple(places)] = part
    return out


scatter = op("scatter", _scatter,
             grads=(lambda g, index, dim: scatter(g, index, 0.0, dim=dim), None,
                    lambda g, index, dim: gather(g, index, dim=dim)),
             formula=("x with s at i along dim", "ḡ, 0 at i", "–", "ḡ[i]"))
