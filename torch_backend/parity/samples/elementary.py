"""Samples of further elementary functions, of sorting, running, turning, picking, and of products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..draw import (
    FLOATS,
    PLAIN,
    STRIDED,
    TIE,
    ZERO_D,
    ZERO_SIZE,
    Sample,
)
from .elementwise import ALONE, TOGETHER, refused_dtype, unary

ROWS: list[Sample] = []
ORDERED = (*FLOATS, "int64")


def row(name: str, call: Callable[..., Any], draw: Callable[..., Any], *bad: Any, **more: Any) -> None:
    settings: dict[str, Any] = {"dtypes": FLOATS, "categories": (PLAIN, STRIDED, ZERO_SIZE)} | more
    ROWS.append(Sample(name.split(".")[0], call, draw, bad, name=name, **settings))


# Of one operand. Edge values are left out: far from 1 torch's vectorised loops differ from the C library in
# the last bits.
SMOOTH = {"categories": ALONE[:4]}
for _name, _low, _high in (
    ("exp2", -2, 2),
    ("expm1", -2, 2),
    ("log1p", -0.5, 2),
    ("log2", 0.1, 3),
    ("log10", 0.1, 3),
    ("erfc", -2, 2),
    ("tan", -1.2, 1.2),
    ("asin", -0.9, 0.9),
    ("acos", -0.9, 0.9),
    ("atan", -3, 3),
    ("sinh", -2, 2),
    ("cosh", -2, 2),
    ("asinh", -3, 3),
    ("acosh", 1.1, 4),
    ("atanh", -0.9, 0.9),
):
    unary(_name, _low, _high, **SMOOTH)
unary("trunc", -3, 3, flat=True, exact=True, bad=(refused_dtype("trunc", "bool"),), **SMOOTH)
unary("frac", -3, 3, exact=True, dtypes=FLOATS, bad=(refused_dtype("frac", "int64"),), **SMOOTH)


row(
    "lerp",
    lambda B, x, y, weight: B.lerp(x, y, weight),
    lambda d: ([*d.pair(), d.pick(0.3, 0.7, -1.5)], {}),
    lambda B: B.lerp(B.ones(2), B.ones(3), 0.5),
    lambda B: B.lerp(B.ones(2), B.ones(2).double(), 0.5),
    lambda B: B.lerp(B.ones(2).long(), B.ones(2).long(), 1),
)
row(
    "lerp.tensors",
    lambda B, x, y, weight: B.lerp(x, y, weight),
    lambda d: (lambda pair: ([*pair, d.tensor(pair[d.flag()].values.shape)], {}))(d.pair()),
)
row(
    "median",
    lambda B, x: B.median(x),
    lambda d: ([d.tensor(d.shape(empty=False))], {}),
    lambda B: B.median(B.tensor([True])),
    lambda B: B.median(1.0),
    lambda B: B.median(B.ones(2), 1),
    categories=(PLAIN, STRIDED, TIE, ZERO_D),
    tie=lambda x: np.unique(x).size < x.size,
    exact=True,
)
row(
    "logit",
    lambda B, x, eps: B.logit(x, eps),
    lambda d: ([d.tensor(d.shape(), -0.2 if d.flag() else 0.1, 0.9)], {"eps": d.pick(None, 0.2, 0.05)}),
    lambda B: B.logit("a"),
    lambda B: B.logit(B.ones(2), "a"),
    lambda B: B.logit(),
    **SMOOTH,
)


# Of two
def _two(name: str, low: float, high: float, *bad: Any, **more: Any) -> None:
    settings = {"categories": TOGETHER[:-1], "elementwise": True, "dtypes": FLOATS} | more
    refused = (
        lambda B: getattr(B, name)(B.ones(2), B.ones(3)),
        lambda B: getattr(B, name)(B.ones(2), "a"),
        lambda B: getattr(B, name)(B.ones(2), None),
    )
    row(
        name,
        lambda B, x, y: getattr(B, name)(x, y),
        lambda d: (d.pair(low, high), {}),
        *refused,
        *bad,
        **settings,
    )


_two("atan2", 0.3, 2.0)
_two("hypot", 0.3, 2.0, lambda B: B.hypot(B.ones(2, dtype=B.int64), B.ones(2, dtype=B.int64)))
_two("logaddexp", -2.0, 2.0, ulps=8)
_two("xlogy", 0.2, 2.0)
_two("fmod", 0.5, 5.0, lambda B: B.fmod(B.ones(2, dtype=B.int64), 0))


# Running, turning, diagonals
def _along(low: int = 1) -> Callable[[Any], Any]:
    def draw(d: Any) -> Any:
        shape = d.shape(low)
        return [d.tensor(shape)], {"dim": d.dim(shape)}

    return draw


row(
    "cumsum",
    lambda B, x, dim: B.cumsum(x, dim),
    _along(0),
    lambda B: B.cumsum(B.ones(2), 1),
    lambda B: B.cumsum(B.ones(2), "a"),
    lambda B: B.cumsum(B.ones(2)),
    categories=(PLAIN, ZERO_D, STRIDED, ZERO_SIZE),
)
row(
    "cumprod",
    lambda B, x, dim: B.cumprod(x, dim),
    _along(),
    lambda B: B.cumprod(B.ones(2), 1),
    lambda B: B.cumprod(B.ones(2), "a"),
    lambda B: B.cumprod(B.ones(2)),
    categories=(PLAIN, STRIDED),
    twin=True,
)
for _name in ("cummax", "cummin", "logcumsumexp"):
    row(
        _name,
        lambda B, x, dim, name=_name: getattr(B, name)(x, dim),
        _along(0),
        lambda B, name=_name: getattr(B, name)(B.ones(2), 1),
        lambda B, name=_name: getattr(B, name)(B.ones(2), "a"),
        lambda B, name=_name: getattr(B, name)(B.ones(2)),
        categories=(PLAIN, ZERO_D, STRIDED, ZERO_SIZE, TIE)[: 5 - (_name == "logcumsumexp")],
        exact=_name != "logcumsumexp",
        tie=None if _name == "logcumsumexp" else lambda x, dim: np.unique(x).size < x.size,
    )
row(
    "windows",
    lambda B, x, dim, size, step: x.unfold(dim, size, step),
    lambda d: (
        lambda shape: (
            [d.tensor(shape)],
            {"dim": d.dim(shape), "size": d.pick(1, min(shape), 0), "step": d.pick(1, 2, 3)},
        )
    )(d.shape(1, empty=False)),
    lambda B: B.ones(5).unfold(0, 6, 1),
    lambda B: B.ones(5).unfold(1, 2, 1),
    lambda B: B.ones(5).unfold(0, 2, 0),
    lambda B: B.ones(5).unfold(0, -1, 1),
    lambda B: B.ones(5).unfold(0, 2),
    categories=(PLAIN, STRIDED),
    exact=True,
)
row(
    "flip",
    lambda B, x, dims: B.flip(x, dims),
    lambda d: (lambda shape: ([d.tensor(shape)], {"dims": d.dims(shape)}))(d.shape(1)),
    lambda B: B.flip(B.ones(2), (1,)),
    lambda B: B.flip(B.ones(2), (0, 0)),
    lambda B: B.flip(B.ones(2), "a"),
    exact=True,
)
row(
    "roll",
    lambda B, x, shifts, dim: B.roll(x, shifts, dim),
    lambda d: (
        lambda shape: ([d.tensor(shape)], {"shifts": d.pick(1, -1, 3), "dim": d.pick(None, d.dim(shape))})
    )(d.shape(1)),
    lambda B: B.roll(B.ones(2), 1, 1),
    lambda B: B.roll(B.ones(2), (1, 2), 0),
    lambda B: B.roll(B.ones(2), "a"),
    exact=True,
)
row(
    "diagonal",
    lambda B, x, **k: B.diagonal(x, **k),
    lambda d: ([d.tensor(d.shape(2, empty=False))], {"offset": d.pick(0, 1, -1)}),
    lambda B: B.diagonal(B.ones(2)),
    lambda B: B.diagonal(B.ones(2, 2), 0, 0, 0),
    lambda B: B.diagonal(B.ones(2, 2), "a"),
    exact=True,
    categories=(PLAIN, STRIDED),
)
row(
    "on_diagonal",
    lambda B, x, **k: B.diag_embed(x, **k),
    lambda d: ([d.tensor(d.shape(1, 2, empty=False))], {"offset": d.pick(0, 1, -1)}),
    lambda B: B.diag_embed(B.ones(2), 0, 0, 0),
    lambda B: B.diag_embed(B.ones(2), "a"),
    lambda B: B.diag(B.ones(2, 2, 2)),
    exact=True,
    categories=(PLAIN, STRIDED),
)


# Sorting: values come back by gather, so the gradient finds its way through the order.
def _ordered(name: str, draw: Callable[..., Any], *bad: Any) -> None:
    row(
        f"gather.{name}",
        lambda B, x, **k: tuple(getattr(B, name)(x, **k)),
        draw,
        *bad,
        dtypes=ORDERED,
        exact=True,
        categories=(PLAIN,),
        strides=False,
    )


def _distinct(d: Any, shape: tuple[int, ...]) -> Any:
    """All elements different: torch says nothing about the order of equal ones."""
    x = d.tensor(shape)
    x.values = (d.random.permutation(x.values.size).reshape(shape) - x.values.size // 2).astype(
        x.values.dtype
    )
    x.layout = "contiguous"
    return x


def _sorting(**options: Any) -> Callable[[Any], Any]:
    def draw(d: Any) -> Any:
        shape = d.pick((4,), (3, 4), (2, 3, 2))
        chosen = {key: d.pick(*values) for key, values in options.items()}
        return [_distinct(d, shape)], {"dim": d.dim(shape), **chosen}

    return draw


_ordered(
    "sort",
    _sorting(descending=(False, True)),
    lambda B: B.sort(B.ones(2), 1),
    lambda B: B.sort(2.0),
    lambda B: B.sort(B.ones(2), "a"),
)
_ordered(
    "topk",
    _sorting(k=(1, 2), largest=(False, True)),
    lambda B: B.topk(B.ones(2), 3),
    lambda B: B.topk(B.ones(2), -1),
    lambda B: B.topk(B.ones(2), "a"),
)
_ordered(
    "kthvalue",
    _sorting(k=(1, 2), keepdim=(False, True)),
    lambda B: B.kthvalue(B.ones(2), 3),
    lambda B: B.kthvalue(B.ones(2), 0),
    lambda B: B.kthvalue(B.ones(2), "a"),
)
_ordered(
    "median",
    _sorting(keepdim=(False, True)),
    lambda B: B.median(B.ones(2), 1),
    lambda B: B.median(2.0),
    lambda B: B.median(B.ones(2), "a"),
)


# Writing along a dimension
def _scatter(d: Any) -> Any:
    """Each place is written once: torch says nothing about who wins otherwise."""
    rows, columns = d.pick((3, 2), (2, 4))
    index = d.index((rows, columns), rows)
    index.values = np.argsort(d.random.random((rows, columns)), 0)[: d.pick(1, rows)]
    index.layout = "contiguous"
    return [d.tensor((rows, columns)), index, d.tensor((rows, columns))], {"number": d.flag()}


row(
    "scatter",
    lambda B, x, index, src, number: x.scatter(0, index, 2.5 if number else src),
    _scatter,
    lambda B: B.ones(2).scatter(1, B.tensor([0]), B.ones(1)),
    lambda B: B.ones(2).scatter(0, B.tensor([2]), B.ones(1)),
    lambda B: B.ones(2).scatter(0, B.tensor([0.5]), B.ones(1)),
    exact=True,
    categories=(PLAIN, STRIDED),
)


# Products
def _equation(d: Any) -> Any:
    text, shapes = d.pick(
        ("ij,jk->ik", ((2, 3), (3, 4))),
        ("bij,bjk->bik", ((2, 3, 4), (2, 4, 2))),
        ("ii->i", ((3, 3),)),
        ("ij,ij->", ((2, 3), (2, 3))),
        ("i,j->ij", ((3,), (2,))),
        ("ij->j", ((2, 3),)),
        ("bn,anm,bm->ba", ((2, 3), (4, 3, 2), (2, 2))),
        ("...i,i->...", ((2, 3), (3,))),
    )
    return [[d.tensor(shape) for shape in shapes]], {"text": text}


row(
    "bmm.einsum",
    lambda B, xs, text: B.einsum(text, *xs),
    _equation,
    lambda B: B.einsum("ij", B.ones(2)),
    lambda B: B.einsum("i,j", B.ones(2)),
    lambda B: B.einsum("i->j", B.ones(2)),
    lambda B: B.einsum("i,i", B.ones(2), B.ones(3)),
    categories=(PLAIN, STRIDED),
    strides=False,
)


# Matrices: diagonally dominant, so that inverses are far from rounding.
def _regular(d: Any, shape: tuple[int, ...]) -> Any:
    x = d.tensor(shape, -1.0, 1.0)
    x.values = (x.values + 3 * np.eye(shape[-1])).astype(x.values.dtype)
    x.layout = "contiguous"
    return x


def _matrix(d: Any) -> Any:
    return [_regular(d, d.pick((2, 2), (3, 3), (2, 3, 3)))], {}


def _system(d: Any) -> Any:
    size, *batch = d.pick((2,), (3,), (3, 2))
    return [_regular(d, (*batch, size, size)), d.tensor((*batch, size, 2))], {}


def _not_square(name: str) -> tuple[Callable[[Any], Any], ...]:
    return (
        lambda B: getattr(B.linalg, name)(B.ones(2, 3)),
        lambda B: getattr(B.linalg, name)(B.ones(2)),
        lambda B: getattr(B.linalg, name)(B.ones(2, 2, dtype=B.int64)),
    )


for _name in ("inv", "det"):
    row(
        _name,
        lambda B, x, name=_name: getattr(B.linalg, name)(x),
        _matrix,
        *_not_square(_name),
        categories=(PLAIN,),
        strides=False,
    )
row(
    "slogdet",
    lambda B, x: B.linalg.slogdet(x)[1],
    _matrix,
    *_not_square("slogdet"),
    categories=(PLAIN,),
    strides=False,
)
row(
    "cholesky",
    lambda B, x: B.linalg.cholesky(x @ x.mT),
    _matrix,
    *_not_square("cholesky"),
    categories=(PLAIN,),
    strides=False,
)
row(
    "solve",
    lambda B, x, y: B.linalg.solve(x, y),
    _system,
    lambda B: B.linalg.solve(B.ones(2, 3), B.ones(2)),
    lambda B: B.linalg.solve(B.zeros(2, 2), B.ones(2)),
    lambda B: B.linalg.solve(B.ones(2), B.ones(2)),
    categories=(PLAIN,),
    strides=False,
)
