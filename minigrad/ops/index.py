"""Reading and writing by index. Each reading op and the op that spreads its cotangent back are a closed pair:
each is the other's gradient rule, so any order of derivative is there.

`take`/`put`: slices (views). `pick`/`drop`: integer and boolean arrays. `gather`/`scatter_zeros`: along one
dimension. `index_select`/`select_add`: whole slices by number, which serves embeddings too.
"""
import numpy as np

from ..engine.op import op
from ..engine.views import replay

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


pick = op("pick", lambda x, *, index: x[index],
          grads=(lambda g, x_shape, index: drop(g, shape=x_shape, index=index),),
          formula=("x[i]", "ḡ added at i"), torch_node="IndexBackward0")
drop = op("drop", _drop, grads=(lambda g, index: pick(g, index=index),), formula=("x added at i", "ḡ[i]"),
          torch_node="IndexPutBackward0")


def _setitem(x, value, *, index):
    out = x.copy()
    out[index] = value
    return out


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


def _read(g, index, basic):
    return take(g, slices=index) if basic else pick(g, index=index)


setitem = op("setitem", lambda x, value, *, index, basic: _setitem(x, value, index=index),
             grads=(lambda g, index, basic: setitem(g, 0.0, index=index, basic=basic), _read),
             formula=("x with v at i", "ḡ, 0 at i", "ḡ[i]"), torch_node="CopySlices")


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
index_select = op("index_select", lambda x, index, *, dim: x.take(index, axis=dim),
                  grads=(lambda g, index, x_shape, dim: select_add(g, index, shape=x_shape, dim=dim), None),
                  formula=("x[i] along dim", "ḡ added at i", "–"))
select_add = op("select_add", lambda xp, x, index, *, shape, dim: xp.select_add(shape, dim, index, x),
                grads=(lambda g, index, dim: index_select(g, index, dim=dim), None),
                formula=("x added at i along dim", "ḡ[i]", "–"), torch_node="IndexAddBackward0")


def _embedding_slope(g, index, weight_shape, padding):
    grown = select_add(g, index, shape=weight_shape, dim=0)
    return grown if padding is None else setitem(grown, 0.0, index=(padding,), basic=True)


embedding = op("embedding", lambda weight, index, *, padding=None: weight.take(index, axis=0),
               grads=(_embedding_slope, None), formula=("rows i of W", "ḡ added to rows i", "–"))


def parse(index, shape):
    """An index as a person writes it -> (tuple for NumPy, is it basic?, name of the dimensionless last step).

    Tensors become their arrays, lists become arrays. Raises torch's IndexErrors.
    """
    from ..engine.core import TensorBase, plain
    parts = list(index) if isinstance(index, tuple) else [index]
    basic, used, ready = True, 0, []
    for part in parts:
        if isinstance(part, TensorBase):
            part = plain(part)
            if part.ndim == 0 and part.dtype.kind in "iu":
                part = int(part)
            elif part.dtype.kind not in "iub":
                raise IndexError("tensors used as indices must be long, int, byte or bool tensors\n"
                                 "Convert the index with .long().")
        elif isinstance(part, (list, range, np.ndarray)):
            part = np.asarray(part)
            if part.dtype.kind == "f" and part.size == 0:
                part = part.astype(np.int64)
        if isinstance(part, np.ndarray):
            basic = False
            if part.dtype == np.uint8:
                part = part.astype(bool)
            used += part.ndim if part.dtype == bool else 1
        elif isinstance(part, slice):
            if part.step is not None and _as_int(part.step) <= 0:
                raise ValueError("step must be greater than zero\nFlip the dimension instead.")
            part = slice(*[None if s is None else _as_int(s) for s in (part.start, part.stop, part.step)])
            used += 1
        elif part is True or part is False or isinstance(part, np.bool_):
            part, basic = np.asarray(bool(part)), False
        elif part is not None and part is not Ellipsis:
            part = _as_int(part)
            used += 1
        ready.append(part)
    if used > len(shape) == 0 and type(ready[0]) is int:
        raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                         "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number\n"
                         "It has no dimension to index.")
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}\n"
                         f"The tensor's shape is {list(shape)}.")
    _check_bounds(ready, shape)
    given = [(np.count_nonzero(part),) if part.dtype == bool else part.shape
             for part in ready if isinstance(part, np.ndarray)]
    try:
        np.broadcast_shapes(*given)
    except ValueError:
        raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                         f"{', '.join(str(list(s)) for s in given)}\n"
                         "Give indices of the same shape.") from None
    return tuple(ready), basic, any(type(part) is int for part in ready)


def _as_int(value):
    try:
        return value.__index__()
    except (AttributeError, TypeError):
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
            f"indices (got {type(value).__name__})\nIndex with one of these.") from None


def _check_bounds(parts, shape):
    spans = [(p.ndim if p.dtype == bool else 1) if isinstance(p, np.ndarray) else
             0 if p is None or p is Ellipsis else 1 for p in parts]
    used, dim = sum(spans), 0
    for part in parts:
        if part is Ellipsis:
            dim += len(shape) - used
        elif isinstance(part, np.ndarray) and part.dtype == bool:
            for k, size in enumerate(part.shape):
                if size != shape[dim + k]:
                    raise IndexError(
                        f"The shape of the mask {list(part.shape)} at index {k} does not match the shape of "
                        f"the indexed tensor {list(shape)} at index {dim + k}\n"
                        "A mask has the shape of the dimensions it stands for.")
            dim += part.ndim
        elif isinstance(part, np.ndarray):
            size = shape[dim]
            bad = part[(part < -size) | (part >= size)] if part.size else part
            if bad.size:
                raise IndexError(f"index {int(bad.flat[0])} is out of bounds for dimension {dim} with size "
                                 f"{size}\nIndices run from -size to size - 1.")
            dim += 1
        elif part is not None:
            if type(part) is int and not -shape[dim] <= part < shape[dim]:
                raise IndexError(f"index {part} is out of bounds for dimension {dim} with size {shape[dim]}\n"
                                 "Indices run from -size to size - 1.")
            dim += 1
