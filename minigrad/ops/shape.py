"""Operators that move elements and compute nothing: views first, then those that copy."""
import itertools

from ..backends.arrays import as_writeable
from ..engine.op import op
from .index import put, take

view = op("view", lambda xp, x, *, shape: xp.reshape(x, shape),
          grads=(lambda g, x_shape: view(g, shape=x_shape),),
          formula=("x in another shape", "ḡ in x's shape"), view=True)
permute = op("permute", lambda x, *, dims: x.transpose(dims),
             grads=(lambda g, dims: permute(g, dims=tuple(sorted(range(len(dims)), key=dims.__getitem__))),),
             formula=("x, dimensions reordered", "ḡ, dimensions back"), view=True)
transpose = op("transpose", lambda xp, x, *, dim0, dim1: xp.swapaxes(x, dim0, dim1),
               grads=(lambda g, dim0, dim1: transpose(g, dim0=dim0, dim1=dim1),),
               formula=("xᵀ", "ḡᵀ"), view=True)
t = op("t", lambda x: x.T, grads=(lambda g: t(g),), formula=("xᵀ", "ḡᵀ"), torch_node="TBackward0", view=True)
unsqueeze = op("unsqueeze", lambda xp, x, *, dim: xp.expand_dims(x, dim),
               grads=(lambda g, x_shape: view(g, shape=x_shape),),
               formula=("x with a dimension of 1", "ḡ without it"), view=True)
squeeze = op("squeeze", lambda x, *, dim: x.squeeze(dim), grads=(lambda g, x_shape: view(g, shape=x_shape),),
             formula=("x without dimensions of 1", "ḡ with them"), view=True)
def _expand(xp, x, *, shape):
    return as_writeable(xp.broadcast_to(x, shape), x)   # a part of it that repeats nothing may be written


expand = op("expand", _expand, grads=(lambda g: g,),
            formula=("x repeated", "ḡ (summed where x was repeated)"), view=True)


def cut(dim, start, stop):
    """The index that takes `start:stop` along `dim`."""
    return (slice(None),) * dim + (slice(start, stop),)


def _split(x, *, sizes, dim):
    return tuple([x[cut(dim, end - size, end)] for size, end in zip(sizes, itertools.accumulate(sizes))])


def _unsplit(gs, needs, x_shape, sizes, dim):
    """The cotangents put side by side again; parts that received none count as zeros."""
    if not [g for g in gs if g is None]:
        return (cat(*gs, dim=dim),)
    total, start = None, 0
    for g, size in zip(gs, sizes):
        if g is not None:
            part = put(g, shape=x_shape, slices=cut(dim, start, start + size))
            total = part if total is None else total + part
        start += size
    return (total,)


def _uncat(g, needs, xs_shapes, dim):
    found, start = [], 0
    for need, shape in zip(needs, xs_shapes):
        stop = start + shape[dim]
        found.append(take(g, slices=cut(dim, start, stop)) if need else None)
        start = stop
    return tuple(found)


split = op("split", _split, joint=_unsplit, outputs=True, view=True,
           formula=("parts of x", "ḡs side by side"))
unbind = op("unbind",
            lambda x, *, dim: tuple([x[cut(dim, k, k + 1)].squeeze(dim) for k in range(x.shape[dim])]),
            joint=lambda gs, needs, x_shape, dim: _unsplit(
                [None if g is None else unsqueeze(g, dim=dim) for g in gs], needs, x_shape,
                (1,) * x_shape[dim], dim),
            outputs=True, view=True, formula=("slices of x", "ḡs stacked"))
cat = op("cat", lambda xp, *xs, dim: xp.concatenate(xs, axis=dim), joint=_uncat, promote="same",
         formula=("xs side by side", "ḡ in parts"))
stack = op("stack", lambda xp, *xs, dim: xp.stack(xs, axis=dim), promote="same",
           joint=lambda g, needs, dim: tuple([take(g, slices=(slice(None),) * dim + (k,)) if need else None
                                              for k, need in enumerate(needs)]),
           formula=("xs in a new dimension", "ḡ's slices"))
tril = op("tril", lambda xp, x, *, diagonal: xp.tril(x, diagonal),
          grads=(lambda g, diagonal: tril(g, diagonal=diagonal),),
          formula=("x on and below the diagonal", "ḡ on and below it"))
triu = op("triu", lambda xp, x, *, diagonal: xp.triu(x, diagonal),
          grads=(lambda g, diagonal: triu(g, diagonal=diagonal),),
          formula=("x on and above the diagonal", "ḡ on and above it"))
