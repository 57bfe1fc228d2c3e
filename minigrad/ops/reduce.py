"""Reductions, and `spread`, the adjoint of a sum: what sums in one direction is repeated in the other.

`dim` is None (all dimensions) or a tuple of dimensions counted from the front; the public functions bring it
there.
"""
import math

from ..engine.op import op
from ..engine.walk import register_shaping
from . import pointwise as p
from . import shape as s
from .index import scatter_zeros


def _spread(xp, x, *, shape, dim=None, keepdim=False):
    """`x`, what reducing `dim` of an array of `shape` gave, repeated to that shape again."""
    if dim is not None and not keepdim:
        x = xp.expand_dims(x, dim)
    return xp.broadcast_to(x, shape)


spread = op("spread", _spread,
            grads=(lambda g, x_shape, dim, keepdim: s.view(sum(g, dim=dim, keepdim=keepdim), shape=x_shape),),
            formula=("x repeated over dim", "Σ ḡ over dim"), torch_node="ExpandBackward0", pointwise=True)
sum = op("sum", lambda xp, x, *, dim=None, keepdim=False: xp.sum(x, dim, keepdim),
         grads=(lambda g, x_shape, dim, keepdim: spread(g, shape=x_shape, dim=dim, keepdim=keepdim),),
         formula=("Σ x", "ḡ repeated"), layout=True, pointwise=False)


def count(shape, dim):
    """How many elements a reduction over `dim` puts together."""
    return math.prod(shape if dim is None else [shape[d] for d in dim])


def _mean(xp, x, *, dim=None, keepdim=False):
    return xp.sum(x, dim, keepdim) / (count(x.shape, dim) or math.nan)      # of nothing: nan


mean = op("mean", _mean,
          grads=(lambda g, x_shape, dim, keepdim:
                 spread(g, shape=x_shape, dim=dim, keepdim=keepdim) / (count(x_shape, dim) or math.nan),),
          formula=("Σ x / n", "ḡ / n repeated"), layout=True, pointwise=False, promote="same")


def _var(xp, x, *, dim=None, keepdim=False, correction=1):
    n = count(x.shape, dim)
    centered = x - xp.sum(x, dim, True) / (n or math.nan)
    # Nothing free: 0 / 0 is nan, as in torch.
    return xp.sum(centered * centered, dim, keepdim) * (1 / (n - correction) if n > correction else math.inf)


def _var_grad(g, x, x_shape, dim, keepdim, correction):
    free = count(x_shape, dim) - correction
    centered = x - mean(x, dim=dim, keepdim=True)
    if dim is None and free <= 0:               # torch: nan at the mean, infinite elsewhere, and constant
        slope = p.where(centered == 0, p.zeros_like(x) + math.nan, math.inf)
        return spread(g, shape=x_shape, dim=dim, keepdim=keepdim) * slope
    scale = 2 / free if free else math.inf
    return spread(g * scale, shape=x_shape, dim=dim, keepdim=keepdim) * centered


def _std_grad(g, x, z, x_shape, dim, keepdim, correction):
    return _var_grad(p.where(z == 0, 0.0, g / (z * 2)), x, x_shape, dim, keepdim, correction)


var = op("var", _var, grads=(_var_grad,), promote="same",
         formula=("Σ (x − mean)² / (n − c)", "ḡ · 2 (x − mean) / (n − c)"))
std = op("std", lambda xp, x, *, dim=None, keepdim=False, correction=1:
         xp.sqrt(_var(xp, x, dim=dim, keepdim=keepdim, correction=correction)),
         grads=(_std_grad,), promote="same", formula=("√var", "ḡ · (x − mean) / (z (n − c))"))

# Extremes: `amax` shares the gradient evenly among ties; `max_dim` gives it all to the element at the index.
indicator = op("indicator", lambda x, y: (x == y).astype(x.dtype), formula=("1 where x = y, else 0",))


def _share(g, x, z, x_shape, dim, keepdim):
    ties = indicator(x, spread(z, shape=x_shape, dim=dim, keepdim=keepdim))
    return spread(g / sum(ties, dim=dim, keepdim=keepdim), shape=x_shape, dim=dim, keepdim=keepdim) * ties


amax = op("amax", lambda xp, x, *, dim=None, keepdim=False: xp.max(x, axis=dim, keepdims=keepdim),
          grads=(_share,), formula=("max x", "ḡ / ties where x = z"))
amin = op("amin", lambda xp, x, *, dim=None, keepdim=False: xp.min(x, axis=dim, keepdims=keepdim),
          grads=(lambda g, x, z, x_shape, dim, keepdim: _share(g, x, z, x_shape, dim, keepdim),),
          formula=("min x", "ḡ / ties where x = z"))


def _median_slope(g, x, value):
    """Shared evenly among all that are equal to it; nan is equal to nan here."""
    ties = (x == value) | (p.isnan(x) & p.isnan(value))
    return p.where(ties, g / sum(p.where(ties, 1.0, p.zeros_like(x)), dim=None, keepdim=False), 0.0)


# Which value that is, is found by sorting (sort_public.py).
median = op("median", lambda x, value: value, grads=(_median_slope, None),
            formula=("the lower middle of x", "ḡ / ties where x = z", "–"))


def _at(xp, x, index, dim, keepdim):
    kept = xp.expand_dims(index, dim) if x.ndim else index
    values = xp.take_along_axis(x, kept, dim) if x.ndim else x.copy()
    return (values if keepdim or not x.ndim else values.squeeze(dim)), (kept if keepdim else index)


def _to_the_index(g, indices, x_shape, dim, keepdim):
    if not x_shape:
        return g
    if not keepdim:
        g, indices = s.unsqueeze(g, dim=dim), s.unsqueeze(indices, dim=dim)
    return scatter_zeros(g, indices, shape=x_shape, dim=dim)


max_dim = op("max_dim", lambda xp, x, *, dim, keepdim=False:
             _at(xp, x, xp.asarray(xp.argmax(x, axis=dim)), dim, keepdim),
             grads=(_to_the_index,), extras=("indices",), formula=("max x over dim", "ḡ at the index"),
             torch_node="MaxBackward0")
min_dim = op("min_dim", lambda xp, x, *, dim, keepdim=False:
             _at(xp, x, xp.asarray(xp.argmin(x, axis=dim)), dim, keepdim),
             grads=(lambda g, indices, x_shape, dim, keepdim:
                    _to_the_index(g, indices, x_shape, dim, keepdim),),
             extras=("indices",), formula=("min x over dim", "ḡ at the index"), torch_node="MinBackward0")
argmax = op("argmax",
            lambda xp, x, *, dim=None, keepdim=False: xp.asarray(xp.argmax(x, axis=dim, keepdims=keepdim)),
            formula=("where x is largest",))
argmin = op("argmin",
            lambda xp, x, *, dim=None, keepdim=False: xp.asarray(xp.argmin(x, axis=dim, keepdims=keepdim)),
            formula=("where x is smallest",))
any = op("any", lambda xp, x, *, dim=None, keepdim=False: xp.any(x, axis=dim, keepdims=keepdim),
         formula=("any x",))
all = op("all", lambda xp, x, *, dim=None, keepdim=False: xp.all(x, axis=dim, keepdims=keepdim),
         formula=("all x",))


def _prod_twin(x, *, dim=None, keepdim=False):
    """The product as rounds of pairwise multiplications: each order of derivative is right, at 0 too."""
    if dim is None:
        flat, rest = s.view(x, shape=(-1,)), ()
    else:
        flat = s.transpose(x, dim0=0, dim1=dim)
        rest = flat.shape[1:]
    while flat.shape[0] > 1:
        half = flat.shape[0] // 2
        paired = flat[:half] * flat[half:2 * half]
        flat = s.cat(paired, flat[2 * half:], dim=0) if flat.shape[0] % 2 else paired
    out = flat.sum(0) if flat.shape[0] else flat.sum(0) + 1
    if dim is not None:
        out = s.transpose(s.unsqueeze(s.view(out, shape=rest), dim=0), dim0=0, dim1=dim)
        return out if keepdim else s.squeeze(out, dim=(dim,))
    return s.view(out, shape=(1,) * x.ndim) if keepdim else out


def _prod_others(xp, x, *, dim=None):
    """For every element the product of all the others: those to its left times those to its right."""
    line = x.reshape(-1) if dim is None else xp.moveaxis(x, dim, 0)
    one = xp.ones_like(line[:1])
    left = xp.cumprod(xp.concatenate([one, line[:-1]]), axis=0)
    right = xp.cumprod(xp.concatenate([one, line[:0:-1]]), axis=0)[::-1]
    others = left * right
    return others.reshape(x.shape) if dim is None else xp.moveaxis(others, 0, dim)


prod_others = op("prod_others", _prod_others, formula=("Π of the others",))
prod = op("prod", lambda xp, x, *, dim=None, keepdim=False: xp.prod(x, axis=dim, keepdims=keepdim),
          grads=(lambda g, x, x_shape, dim, keepdim:
                 spread(g, shape=x_shape, dim=None if dim is None else (dim,), keepdim=keepdim)
                 * prod_others(x, dim=dim),),
          formula=("Π x", "ḡ · Π of the others"), twin=_prod_twin)


def _norm(xp, x, *, dim=None, keepdim=False):
    return xp.sqrt(xp.sum(x * x, dim, keepdim))


def _norm_grad(g, x, z, x_shape, dim, keepdim):
    g, length = p.where(z == 0, 0.0, g), p.where(z == 0, 1.0, z)
    return (spread(g, shape=x_shape, dim=dim, keepdim=keepdim)
            * (x / spread(length, shape=x_shape, dim=dim, keepdim=keepdim)))


norm = op("norm", _norm, grads=(_norm_grad,), formula=("√Σ x²", "ḡ · x / z, 0 at the origin"),
          torch_node="LinalgVectorNormBackward0")


def norm_p(x, order, dim, keepdim):
    """The p-norm for any p, composed of other ops; `norm` is the fast one for p = 2."""
    if order == math.inf:
        return amax(p.abs(x), dim=dim, keepdim=keepdim)
    if order == -math.inf:
        return amin(p.abs(x), dim=dim, keepdim=keepdim)
    if order == 1:
        return sum(p.abs(x), dim=dim, keepdim=keepdim)
    if order == 0:
        return sum(p.to(x != 0, dtype=x.array.dtype), dim=dim, keepdim=keepdim)
    total = sum(_safe_power(p.abs(x), order), dim=dim, keepdim=keepdim)
    return _safe_power(total, 1 / order)


def _safe_power(x, exponent):
    """x ** exponent of what is not negative, with the slope 0 at 0, as torch's norms have it."""
    zero = x == 0
    return p.where(zero, 0.0 if exponent > 0 else math.inf, p.power(p.where(zero, 1.0, x), exponent))


# Softmax and its kin
logsumexp = op("logsumexp", lambda xp, x, *, dim, keepdim=False: xp.logsumexp(x, dim, keepdim),
               grads=(lambda g, x, z, x_shape, dim, keepdim:
                      spread(g, shape=x_shape, dim=dim, keepdim=keepdim)
                      * p.exp(x - spread(z, shape=x_shape, dim=dim, keepdim=keepdim)),),
               formula=("ln Σ eˣ", "ḡ · e^(x − z)"), promote="float")
softmax = op("softmax", lambda xp, x, *, dim: xp.softmax(x, dim),
             grads=(lambda g, z, dim: (g - sum(g * z, dim=(dim,), keepdim=True)) * z,),
             formula=("eˣ / Σ eˣ", "(ḡ − Σ ḡ z) · z"))
log_softmax = op("log_softmax", lambda xp, x, *, dim: xp.log_softmax(x, dim),
                 grads=(lambda g, z, dim: g - p.exp(z) * sum(g, dim=(dim,), keepdim=True),),
                 formula=("x − ln Σ eˣ", "ḡ − eᶻ · Σ ḡ"))

register_shaping(sum=sum, view=s.view, alias=p.alias)
