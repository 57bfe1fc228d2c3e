"""Reading and writing by index. Each reading op and the op that spreads its cotangent back are a closed pair:
each is the other's gradient rule, so any order of derivative is there.

`take`/`put`: slices (views). `pick`/`drop`: integer and boolean arrays. `gather`/`scatter_zeros`: along one
dimension. `index_select`/`select_add`: whole slices by number, which serves embeddings too.
"""
from ..engine.op import op
from ..engine.views import replay
from . import pointwise as p

take = op("take", lambda x, *, slices: x[slices],
          grads=(lambda g, x_shape, slices: put(g, shape=x_shape, slices=slices),),
          formula=("x[i]", "ḡ at i, else 0"), torch_node="SliceBackward0", view=True)
select = op("select", lambda x, *, slices: x[slices],
            grads=(lambda g, x_shape, slices: put(g, shape=x_shape, slices=slices),),
            formula=("x[i]", "ḡ at i, else 0"), view=True)


def _put(xp, x, *, shape, slices):
    out = xp.zeros(shape, x.dtype)
    out[slices] = x
    return out


put = op("put", _put, grads=(lambda g, slices: take(g, slices=slices),), formula=("x at i, else 0", "ḡ[i]"))


def _drop(xp, x, *, shape, index):
    out = xp.zeros(shape, x.dtype)
    xp.add_at(out, index, x)
    return out


# Row-major on both walks: NumPy leaves what arrays picked in an order of its own.
pick = op("pick", lambda xp, x, *, index: xp.asarray(x[index], order="C"),
          grads=(lambda g, x_shape, index: drop(g, shape=x_shape, index=index),),
          formula=("x[i]", "ḡ added at i"), torch_node="IndexBackward0")
drop = op("drop", _drop, grads=(lambda g, index: pick(g, index=index),), formula=("x added at i", "ḡ[i]"),
          torch_node="IndexPutBackward0")


def _erase(xp, x, *, steps):
    """`x` with zeros where the view that `steps` make would lie."""
    places = replay(xp.arange(x.size).reshape(x.shape), steps)
    out = xp.array(x, order="C")
    out.reshape(-1)[places] = 0
    return out


# What an in-place write through a view does to its base (engine/views.py): the memory is written already.
erase = op("erase", _erase, grads=(lambda g, steps: erase(g, steps=steps),),
           formula=("x, 0 in the view", "ḡ, 0 in the view"))
copy_slices = op("copy_slices", lambda x, value, *, steps: x,
                 grads=(lambda g, steps: erase(g, steps=steps), lambda g, steps: replay(g, steps)),
                 formula=("x with v in the view", "ḡ, 0 in the view", "ḡ's view"), torch_node="CopySlices")


def _set(xp, x, value, *, index):
    out = xp.array(x, order="C")
    out[index] = value
    return out


# `index` of `setitem` is basic, and takes a view; that of `index_put` holds arrays.
setitem = op("setitem", _set,
             grads=(lambda g, index: setitem(g, 0.0, index=index), lambda g, index: take(g, slices=index)),
             formula=("x with v at i", "ḡ, 0 at i", "ḡ[i]"), torch_node="CopySlices")
index_put = op("index_put", _set,
               grads=(lambda g, index: index_put(g, 0.0, index=index), lambda g, index: pick(g, index=index)),
               formula=("x with v at i", "ḡ, 0 at i", "ḡ[i]"))


def _within(x, index, dim):
    """torch's index may be smaller than x along the other dimensions."""
    return x[tuple([slice(None) if d == dim else slice(0, n) for d, n in enumerate(index.shape)])]


gather = op("gather", lambda xp, x, index, *, dim: xp.take_along_axis(_within(x, index, dim), index, dim),
            grads=(lambda g, index, dim, x_shape: scatter_zeros(g, index, shape=x_shape, dim=dim), None),
            formula=("x[i] along dim", "ḡ added at i", "–"))
scatter_zeros = op("scatter_zeros", lambda xp, x, index, *, shape, dim: xp.scatter_add(shape, dim, index, x),
                   grads=(lambda g, index, dim: gather(g, index, dim=dim), None),
                   formula=("x added at i along dim", "ḡ[i]", "–"), torch_node="ScatterAddBackward0")
scatter_add = op("scatter_add",
                 lambda xp, x, index, src, *, dim: x + xp.scatter_add(x.shape, dim, index, src),
                 grads=(lambda g: g, None, lambda g, index, dim: gather(g, index, dim=dim)),
                 formula=("x, s added at i along dim", "ḡ", "–", "ḡ[i]"))


# Products and extremes of what meets at an index.
def _ones_where(condition, like):
    return p.where(condition, 1.0, p.zeros_like(like))


def _others(x, zeros, product, nothing):
    """The product of all but x, where `zeros` of them all are 0, `product` is that of the rest, and `nothing`
    the sum of those zeros, which is what the product's own derivative comes through."""
    rest, zero = product / p.where(x == 0, 1.0, x), x == 0
    with_one = p.where(zeros == 1 + zero, (nothing - p.where(zero, x, 0.0)) * rest, 0.0)
    return p.where(zeros == zero, rest, with_one)


def _product_slopes(g, needs, x, index, src, dim):
    zeros = scatter_add(_ones_where(x == 0, x), index, _ones_where(src == 0, src), dim=dim)
    nothing = scatter_add(p.where(x == 0, x, 0.0), index, p.where(src == 0, src, 0.0), dim=dim)
    product = scatter_prod(p.where(x == 0, 1.0, x), index, p.where(src == 0, 1.0, src), dim=dim)
    at_index = [gather(part, index, dim=dim) for part in (g, zeros, product, nothing)]
    return (g * _others(x, zeros, product, nothing) if needs[0] else None, None,
            at_index[0] * _others(src, *at_index[1:]) if needs[2] else None)


def _extreme_slopes(g, needs, x, index, src, z, dim):
    """Shared evenly among all that are as large as the result."""
    own, theirs = x == z, src == gather(z, index, dim=dim)
    share = g / scatter_add(_ones_where(own, x), index, _ones_where(theirs, src), dim=dim)
    return (p.where(own, share, 0.0) if needs[0] else None, None,
            p.where(theirs, gather(share, index, dim=dim), 0.0) if needs[2] else None)


scatter_prod = op("scatter_prod",
                  lambda xp, x, index, src, *, dim: xp.scatter_at(xp.multiply, x, dim, index, src),
                  joint=_product_slopes, torch_node="ScatterReduceBackward0",
                  formula=("x · Π s at i along dim", "ḡ · Π of the others", "–", "ḡ[i] · Π of the others"))
scatter_amax = op("scatter_amax",
                  lambda xp, x, index, src, *, dim: xp.scatter_at(xp.maximum, x, dim, index, src),
                  joint=_extreme_slopes, torch_node="ScatterReduceBackward0",
                  formula=("max(x, s at i)", "ḡ / ties where x = z", "–", "ḡ[i] / ties where s = z"))
scatter_amin = op("scatter_amin",
                  lambda xp, x, index, src, *, dim: xp.scatter_at(xp.minimum, x, dim, index, src),
                  joint=lambda g, needs, x, index, src, z, dim:
                  _extreme_slopes(g, needs, x, index, src, z, dim), torch_node="ScatterReduceBackward0",
                  formula=("min(x, s at i)", "ḡ / ties where x = z", "–", "ḡ[i] / ties where s = z"))
index_select = op("index_select", lambda x, index, *, dim: x.take(index, axis=dim),
                  grads=(lambda g, index, x_shape, dim: select_add(g, index, shape=x_shape, dim=dim), None),
                  formula=("x[i] along dim", "ḡ added at i", "–"))
select_add = op("select_add", lambda xp, x, index, *, shape, dim: xp.select_add(shape, dim, index, x),
                grads=(lambda g, index, dim: index_select(g, index, dim=dim), None),
                formula=("x added at i along dim", "ḡ[i]", "–"), torch_node="IndexAddBackward0")


def _embedding_slope(g, index, weight_shape, padding):
    grown = select_add(g, index, shape=weight_shape, dim=0)
    return grown if padding is None else setitem(grown, 0.0, index=(padding,))


embedding = op("embedding", lambda weight, index, *, padding=None: weight.take(index, axis=0),
               grads=(_embedding_slope, None), formula=("rows i of W", "ḡ added to rows i", "–"))
