"""Samples of indexing, read and assigned, and of gather, scatter and their relatives."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..draw import FLOATS, PLAIN, STRIDED, TIE, ZERO_D, ZERO_SIZE, Operand, Sample
from .elementwise import refuses_others

ROWS: list[Sample] = []
DTYPES = (*FLOATS, "int64", "bool")
CATEGORIES = (PLAIN, ZERO_SIZE, STRIDED)


def row(name: str, call: Any, draw: Any, *bad: Any, **more: Any) -> None:
    settings = {"dtypes": DTYPES, "exact": True, "categories": CATEGORIES} | more
    ROWS.append(Sample(name.split(".")[0], call, draw, bad, name=name, **settings))


BASIC = (0, -1, slice(None), slice(1, None), slice(None, -1), slice(None, None, 2), slice(3, 1),
         slice(-2, None), slice(0, 9))


def _basic(d: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Integers, slices, None and at most one ellipsis."""
    key: list[Any] = [d.pick(*BASIC[2 if side == 0 else 0:])
                      for side in shape[:d.pick(len(shape), *range(len(shape)))]]
    if d.flag():
        key.insert(d.pick(*range(len(key) + 1)), None)
    if d.flag() and len(key) - key.count(None) <= len(shape):
        key.insert(len(key) if d.flag() else 0, Ellipsis)
        if key[0] is Ellipsis and len(key) > 1:        # what follows counts from the last dimension
            key = [Ellipsis, *[part if not isinstance(part, int) else slice(0, 1) for part in key[1:]]]
    return tuple(key)


def _read(d: Any) -> Any:
    shape = d.shape()
    return [d.tensor(shape)], {"key": _basic(d, shape)}


def _advanced(d: Any, shape: tuple[int, ...]) -> Any:
    """A pattern of index tensors (repeats and negatives included), booleans, slices and None."""
    rows, columns = shape[:2]
    pick = d.pick("row", "both", "broadcast", "list", "mask", "row mask", "slice first", "apart", "none",
                  "0-d", "uint8")
    index = {"row": [d.index((4,), rows, True)], "both": [d.index((3,), rows, True), d.index((3,), columns)],
             "broadcast": [d.index((2, 1), rows), d.index((3,), columns, True)],
             "mask": [d.tensor(shape[:2], dtype="bool")], "row mask": [d.tensor(shape[:1], dtype="bool")],
             "slice first": [d.index((2, 2), columns)], "apart": [d.index((2,), rows),
                                                                  d.index((2,), shape[-1])],
             "none": [d.index((2,), rows)], "list": [], "0-d": [d.index((), rows)],
             "uint8": [d.index((3,), rows, dtype="int32")]}[pick]
    return pick, index


def _key(pick: str, index: list[Any]) -> Any:
    if pick == "slice first":
        return slice(None), *index
    if pick == "apart":
        return index[0], ..., index[1]
    return {"none": (None, *index, slice(0, 2)), "list": [1, 0, 1]}.get(pick, tuple(index))


def _advanced_read(d: Any) -> Any:
    shape = d.pick((2, 3), (3, 2, 4), (2, 4, 1))
    if d.category == ZERO_SIZE:
        return [d.tensor((2, 0)), [d.index((0,), 2)]], {"pick": "row"}
    pick, index = _advanced(d, shape)
    return [d.tensor(shape), index], {"pick": pick}


BAD_KEYS = (lambda B: B.ones(2)[2], lambda B: B.ones(2)[0, 0], lambda B: B.tensor(1.0)[0],
            lambda B: B.ones(2)[::-1], lambda B: B.ones(2)[1.0], lambda B: B.ones(2, 3)[B.tensor([0, 2])],
            lambda B: B.ones(2, 3)[B.tensor([True, False, True])], lambda B: B.ones(2)[B.tensor([0.5])],
            lambda B: B.ones(3, 3)[B.tensor([0, 1]), B.tensor([0, 1, 2])])
row("getitem", lambda B, x, key: x[key], _read, *BAD_KEYS, categories=(*CATEGORIES, ZERO_D))
row("getitem.arrays", lambda B, x, index, pick: x[_key(pick, index)], _advanced_read, strides=False)


def _assigned(d: Any) -> Any:
    shape = d.shape()
    key = _basic(d, shape)
    view = np.zeros(shape)[key]
    value = d.pick("number", "tensor", "scalar tensor", "row")
    if value == "number":
        return [d.tensor(shape), d.pick(2, -1.5, True)], {"key": key}
    part = {"tensor": view.shape, "scalar tensor": (), "row": view.shape[-1:]}[value]
    return [d.tensor(shape), d.tensor(part)], {"key": key}


def _advanced_assigned(d: Any) -> Any:
    """One value for all, or a value each where no element is assigned twice (torch defines no winner)."""
    if d.category == PLAIN and d.flag():
        order = Operand(d.random.permutation(3)[:2])
        return [d.tensor((3, 2)), [order], d.tensor((2, 2))], {"pick": "row"}
    (x, index), k = _advanced_read(d)
    return [x, index, d.pick(d.tensor(()), 2)], k


def _assign(B: Any, x: Any, value: Any, key: Any) -> Any:
    y = x.clone()
    y[key] = value
    return y


row("setitem", _assign, _assigned, lambda B: B.ones(2).__setitem__(2, 0.0),
    lambda B: B.ones(2).__setitem__(0, B.ones(2)),
    lambda B: B.ones(2, requires_grad=True).__setitem__(0, 1.0),
    lambda B: B.ones(2, 3).__setitem__(0, B.ones(2)),
    lambda B: B.ones(2).__setitem__(0, "a"), categories=(*CATEGORIES, ZERO_D))
row("setitem.arrays", lambda B, x, index, value, pick: _assign(B, x, value, _key(pick, index)),
    _advanced_assigned)


# In-place operations on views of a tensor: what they write shows in the tensor, and so does its gradient.
VIEWS = {"row": lambda y: y[1], "columns": lambda y: y[:, 1:], "transposed": lambda y: y.t(),
         "flat": lambda y: y.view(-1)[2:], "deep": lambda y: y[:2].t()[1:, 0], "alias": lambda y: y[...]}
WRITES = {"mul": lambda v, value: v.mul_(value), "add": lambda v, value: v.add_(value, alpha=2),
          "copy": lambda v, value: v.copy_(value), "fill": lambda v, value: v.fill_(0.5),
          "relu": lambda v, value: v.relu_(), "set": lambda v, value: v.__setitem__(0, value)}


def _write(B: Any, x: Any, value: Any, view: str, write: str, again: bool) -> Any:
    y = x.clone()
    part, early = VIEWS[view](y), y[0] * 1
    WRITES[write](part, value)
    if again and write != "relu":       # it saved its result: torch too may read what came later
        WRITES["mul"](VIEWS["row"](y), value)
    return y, part * 2, early


row("setitem.views", _write, lambda d: ([d.tensor((3, 3)), d.tensor(())], {
    "view": d.pick(*VIEWS), "write": d.pick(*WRITES), "again": d.flag()}), dtypes=FLOATS,
    categories=(PLAIN, STRIDED))


# gather and its adjoint; an index may be smaller than the tensor on the other dimensions
def _gather(d: Any) -> Any:
    shape = d.shape(1)
    dim = d.dim(shape)
    wanted = [d.pick(side, max(side - 1, 0)) for side in shape]
    wanted[dim] = d.pick(2, 5, 1) if shape[dim] else 0
    return [d.tensor(shape), d.index(tuple(wanted), shape[dim])], {"dim": dim}


def _scatter_add(d: Any) -> Any:
    (x, index), k = _gather(d)
    return [x, index, d.tensor(index.values.shape)], k


def _index_select(d: Any) -> Any:
    shape = d.shape(1)
    dim = d.dim(shape)
    return [d.tensor(shape), d.index((d.pick(2, 5) if shape[dim] else 0,), shape[dim])], {"dim": dim}


row("gather", lambda B, x, index, dim: x.gather(dim, index), _gather,
    lambda B: B.gather(B.ones(2, 3), 0, B.tensor([[2, 0, 0]])),
    lambda B: B.gather(B.ones(2, 3), 2, B.tensor([[0]])),
    lambda B: B.gather(B.ones(2, 3), 0, B.tensor([0])), lambda B: B.gather(B.ones(2), 0, B.tensor([0.0])),
    lambda B: B.gather(B.ones(2, 3), 0, B.tensor([[0, 0, 0, 0]])))
row("scatter_add", lambda B, x, index, source, dim: x.scatter_add(dim, index, source), _scatter_add,
    lambda B: B.ones(2).scatter_add(0, B.tensor([2]), B.ones(1)),
    lambda B: B.ones(2).scatter_add(1, B.tensor([0]), B.ones(1)),
    lambda B: B.ones(2).scatter_add(0, B.tensor([0, 1]), B.ones(1)),
    lambda B: B.ones(2).scatter_add(0, B.tensor([0]), B.ones(1, dtype=B.float64)),
    lambda B: B.ones(2).scatter_add(0, B.tensor([0.0]), B.ones(1)), exact=False)


def _reduced(d: Any) -> Any:
    """At ties torch shares with what include_self=False has left out, too; that is not drawn."""
    operands, k = _scatter_add(d)
    return operands, k | {"include_self": d.category == TIE or d.flag()}


for _reduce in ("prod", "amax", "amin"):
    row(f"scatter_{_reduce}", lambda B, x, index, source, reduce=_reduce, **k: B.scatter_reduce(
        x, k["dim"], index, source, reduce, include_self=k["include_self"]), _reduced,
        lambda B, reduce=_reduce: B.ones(2).scatter_reduce(0, B.tensor([2]), B.ones(1), reduce),
        lambda B, reduce=_reduce: B.ones(2).scatter_reduce(1, B.tensor([0]), B.ones(1), reduce),
        lambda B, reduce=_reduce: B.ones(2).scatter_reduce(0, B.tensor([0, 1]), B.ones(1), reduce),
        lambda B, reduce=_reduce: B.ones(2).scatter_reduce(0, B.tensor([0]), B.ones(1).double(), reduce),
        lambda B, reduce=_reduce: B.ones(2).scatter_reduce(0, B.tensor([0]), 1.0, reduce),
        dtypes=(*FLOATS, "int64"), exact=_reduce != "prod", categories=(*CATEGORIES, TIE),
        tie=lambda x, index, source, **k: np.unique(source).size < source.size)
row("scatter_add.reduced", lambda B, x, index, source, reduce, dim, include_self: B.scatter_reduce(
    x, dim, index, source, reduce, include_self=include_self),
    lambda d: (lambda drawn: (drawn[0], drawn[1] | {"reduce": d.pick("sum", "mean")}))(_reduced(d)),
    lambda B: B.ones(2).scatter_reduce(0, B.tensor([0]), B.ones(1), "add"), exact=False,
    dtypes=(*FLOATS, "int64"))
row("index_select", lambda B, x, index, dim: B.index_select(x, dim, index), _index_select,
    lambda B: B.index_select(B.ones(2), 0, B.tensor([2])), lambda B: B.index_select(B.ones(2), 1,
                                                                                    B.tensor([0])),
    lambda B: B.index_select(B.ones(2), 0, B.tensor([[0]])), lambda B: B.index_select(B.ones(2), 0,
                                                                                      B.tensor([0.5])))
row("nonzero", lambda B, x, as_tuple: x.nonzero(as_tuple=as_tuple), lambda d: (
    [d.tensor(d.shape(), 0.0, 2.0)], {"as_tuple": d.flag()}), *refuses_others("nonzero")[:3], flat=True,
    categories=(*CATEGORIES, ZERO_D), strides=False)
row("one_hot", lambda B, x, **k: B.nn.functional.one_hot(x, **k), lambda d: (
    [d.index(d.shape(empty=False), 4)], {"num_classes": d.pick(-1, 4, 6)}),
    lambda B: B.nn.functional.one_hot(B.tensor([1.0])), lambda B: B.nn.functional.one_hot(B.tensor([3]), 2),
    lambda B: B.nn.functional.one_hot(B.tensor([-1])), lambda B: B.nn.functional.one_hot(B.tensor([0]), 0),
    lambda B: B.nn.functional.one_hot(B.zeros(0, dtype=B.int64)), dtypes=("int64",),
    categories=(PLAIN, ZERO_D, STRIDED),
    flat=True)
