"""Samples of the ops that rearrange, join and split."""
from __future__ import annotations

from typing import Any

from ..draw import FLOATS, PLAIN, REPEATED, STRIDED, ZERO_D, ZERO_SIZE, Sample
from .elementwise import refuses_others

ROWS: list[Sample] = []
DTYPES = (*FLOATS, "int64", "bool")
JOINED = (PLAIN, ZERO_SIZE, STRIDED, REPEATED)


def shape_op(name: str, call: Any, draw: Any, *bad: Any, **more: Any) -> None:
    ROWS.append(Sample(name.split(".")[0], call, draw, bad, name=name,
                       **({"dtypes": DTYPES, "exact": True} | more)))


def _factored(d: Any) -> Any:
    """A shape and another of as many elements, once with -1 in it."""
    old, *new = d.pick(((2, 3), (6,), (3, 2), (-1, 1), (2, -1)),
                       ((3, 2, 4), (6, 4), (2, -1, 3), (24,), (3, 8)),
                       ((4,), (2, 2), (1, -1), (4, 1, 1)), ((1,), (), (1, 1, 1)), ((), (1,), (-1,), ()),
                       ((2, 0), (0,), (0, 3), (5, 0, 2)))
    if d.category == ZERO_D:
        old, new = (), [(1,), (-1,), ()]
    if d.category == ZERO_SIZE:
        old, new = (2, 0), [(0,), (0, 3), (5, 0, 2), (2, -1)]
    return [d.tensor(old)], {"shape": d.pick(*new), "form": d.pick("method", "splat", "function")}


def _call_reshape(B: Any, x: Any, shape: Any, form: str) -> Any:
    if form == "splat" and shape:
        return x.reshape(*shape)
    return x.reshape(shape) if form == "method" else B.reshape(x, shape)


shape_op("reshape", _call_reshape, _factored, lambda B: B.ones(2, 3).reshape(4),
         lambda B: B.ones(2, 3).reshape(-1, -1),
         lambda B: B.ones(2, 3).reshape(-1, 4), lambda B: B.ones(2, 0).reshape(-1, 0),
         lambda B: B.ones(2).reshape(-2), lambda B: B.ones(2).reshape("a"))
shape_op("view", lambda B, x, shape, form: x.view(shape) if form != "splat" else x.view(*(shape or [1])),
         _factored, lambda B: B.ones(2, 3).t().view(6), lambda B: B.ones(2, 3).view(5),
         lambda B: B.ones(2, 3).view(-1, -1), lambda B: B.ones(2).view("a"))


def _permute(d: Any) -> Any:
    shape = d.shape()
    order = [int(i) - (len(shape) if d.flag() else 0) for i in d.random.permutation(len(shape))]
    return [d.tensor(shape)], {"order": tuple(order), "method": d.flag()}


def _two_dims(d: Any) -> Any:
    shape = d.shape()
    return [d.tensor(shape)], {"a": d.dim(shape), "b": d.dim(shape)}



shape_op("permute", lambda B, x, order, method: x.permute(*order) if method and order
         else B.permute(x, order), _permute,
         lambda B: B.ones(2, 3).permute(0), lambda B: B.ones(2, 3).permute(0, 0),
         lambda B: B.ones(2, 3).permute(0, 2))
shape_op("transpose", lambda B, x, a, b: x.transpose(a, b), _two_dims, lambda B: B.ones(2, 3).transpose(0, 2),
         lambda B: B.ones(2).transpose(-2, 0), lambda B: B.transpose([1.0], 0, 0))
shape_op("transpose.properties", lambda B, x, form: x.t() if form == "t" else getattr(x, form),
         lambda d: ([d.tensor(d.shape(2, 2))], {"form": d.pick("t", "T", "mT")}),
         lambda B: B.ones(2, 3, 4).t(),
         lambda B: B.ones(2).mT, lambda B: B.t(3.0), categories=(PLAIN, ZERO_SIZE, STRIDED))
shape_op("squeeze", lambda B, x, dim: x.squeeze() if dim is None else x.squeeze(dim),
         lambda d: (lambda shape: (
    [d.tensor(shape)], {"dim": d.pick(None, d.dim(shape), d.dims(shape))}))(d.shape()),
    lambda B: B.ones(2).squeeze(1), lambda B: B.ones(2, 1).squeeze((1, 1)), lambda B: B.squeeze([1.0]))
shape_op("unsqueeze", lambda B, x, dim: x.unsqueeze(dim), lambda d: (lambda shape: (
    [d.tensor(shape)], {"dim": d.dim((*shape, 1))}))(d.shape()), lambda B: B.ones(2).unsqueeze(2),
    lambda B: B.ones(2).unsqueeze(-3), lambda B: B.unsqueeze([1.0], 0))


def _expand(d: Any) -> Any:
    old, *new = d.pick(((2, 1), (2, 3), (4, 2, 3), (-1, 3), (5, -1, 1)), ((3,), (2, 3), (4, -1), (1, 1, 3)),
                       ((1, 3, 1), (2, 3, 4), (-1, -1, 2), (1, 3, 0)))
    if d.category in (ZERO_D, ZERO_SIZE):
        old, new = ((), [(), (2,), (2, 3)]) if d.category == ZERO_D else ((0, 1),
                                                                          [(0, 3), (2, 0, 1), (-1, 2)])
    return [d.tensor(old)], {"shape": d.pick(*new), "form": d.pick("expand", "broadcast_to")}


shape_op("expand", lambda B, x, shape, form: x.expand(*shape) if form == "expand" and shape
         else x.expand(shape), _expand,
         lambda B: B.ones(2).expand(3), lambda B: B.ones(2, 3).expand(3), lambda B: B.ones(2).expand(-1, 2),
         lambda B: B.ones(2).expand("a"))


def _flatten(d: Any) -> Any:
    shape = d.shape()
    low, high = sorted(d.pick(*range(max(len(shape), 1))) for _ in range(2))
    return [d.tensor(shape)], {"start_dim": low, "end_dim": high}


shape_op("flatten", lambda B, x, **k: B.flatten(x, **k), _flatten, lambda B: B.ones(2).flatten(1),
         lambda B: B.ones(2, 3).flatten(1, 0), lambda B: B.ones(2).flatten(0, 3), lambda B: B.flatten([1.0]))


# Joining and splitting
def _joined(d: Any, same: bool) -> Any:
    shape = d.shape(1, 3)
    dim = d.dim((*shape, 1) if same else shape)
    if d.category == REPEATED:
        x = d.tensor(shape)
        return [[x, d.tensor(shape), x]], {"dim": dim}
    shapes = [list(shape) for _ in range(d.pick(2, 3, 1))]
    if not same:
        for other in shapes[1:]:
            other[dim] = d.pick(1, 2, 0)
    return [[d.tensor(tuple(s)) for s in shapes]], {"dim": dim}


shape_op("cat", lambda B, xs, dim: B.cat(xs, dim), lambda d: _joined(d, False), lambda B: B.cat([]),
         lambda B: B.cat([B.ones(2, 3), B.ones(2, 2)]), lambda B: B.cat([B.ones(2), B.ones(2, 2)]),
         lambda B: B.cat([B.ones(2)], 1), lambda B: B.cat([B.tensor(1.0)]), lambda B: B.cat(B.ones(2)),
         lambda B: B.cat([B.ones(2), 1.0]), categories=JOINED, dtypes=(*DTYPES, "mixed"))
shape_op("stack", lambda B, xs, dim: B.stack(xs, dim), lambda d: _joined(d, True), lambda B: B.stack([]),
         lambda B: B.stack([B.ones(2), B.ones(3)]), lambda B: B.stack([B.ones(2)], 2),
         lambda B: B.stack([B.ones(2), 1.0]), categories=JOINED)


def _split(d: Any) -> Any:
    shape = d.shape(1)
    dim = d.dim(shape)
    parts = d.pick(1, 2, 3, 7)
    if d.flag():
        first = d.pick(*range(shape[dim] + 1))
        parts = [first, shape[dim] - first]
    return [d.tensor(shape)], {"parts": parts, "dim": dim}


def _parts(d: Any) -> Any:
    shape = d.shape(1)
    return [d.tensor(shape)], {"chunks": d.pick(1, 2, 3, 7), "dim": d.dim(shape)}


SPLIT = (PLAIN, ZERO_SIZE, STRIDED)
shape_op("split", lambda B, x, parts, dim: B.split(x, parts, dim), _split, lambda B: B.ones(4).split(-1),
         lambda B: B.ones(4).split([1, 2]), lambda B: B.ones(4).split(0), lambda B: B.ones(4).split(2, 1),
         categories=SPLIT)
shape_op("chunk", lambda B, x, chunks, dim: x.chunk(chunks, dim), _parts, lambda B: B.ones(4).chunk(0),
         lambda B: B.ones(4).chunk(2, 1), lambda B: B.chunk([1.0], 1), lambda B: B.tensor(1.0).chunk(1),
         categories=SPLIT)
# `unbind` of an empty dimension is an empty tuple, so the last part alone is also sent on: an unused output.
shape_op("unbind", lambda B, x, dim, last: (x.unbind(dim)[-1:] if last else x.unbind(dim)),
         lambda d: (lambda s: ([d.tensor(s)], {"dim": d.dim(s), "last": d.flag()}))(d.shape(1)),
         lambda B: B.tensor(1.0).unbind(), lambda B: B.ones(2).unbind(1), lambda B: B.unbind([1.0]),
         categories=SPLIT)
for _name in ("tril", "triu"):
    shape_op(_name, lambda B, x, diagonal, n=_name: getattr(B, n)(x, diagonal), lambda d: (
        [d.tensor(d.shape(2))], {"diagonal": d.pick(0, 1, -1, 5, -5)}), lambda B,
             n=_name: getattr(B, n)(B.ones(2)),
        lambda B, n=_name: getattr(B, n)(B.tensor(1.0)), *refuses_others(_name)[:2], categories=SPLIT)
