"""Samples of matrix decompositions. Vectors are compared by what does not depend on their signs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..draw import PLAIN, STRIDED, Sample

ROWS: list[Sample] = []


def row(name: str, call: Callable[..., Any], draw: Callable[..., Any], *bad: Any, **more: Any) -> None:
    settings: dict[str, Any] = {"dtypes": ("float64",), "categories": (PLAIN, STRIDED), "strides": False}
    ROWS.append(Sample(name.split(".")[0], call, draw, bad, name=name, **settings | more))


def _regular(d: Any, *shapes: tuple[int, ...]) -> Any:
    """A matrix whose singular values and eigenvalues lie apart: results are far from rounding."""
    x = d.tensor(d.pick(*shapes), -0.5, 0.5, layouts=("stepped", "transposed"))
    m, n = x.values.shape[-2:]
    x.values = x.values + np.eye(m, n) * 2.0 ** np.arange(1, n + 1)
    return x


def _any(d: Any) -> Any:
    return [_regular(d, (3, 2), (2, 3), (2, 3, 2), (4, 3), (3, 3), (2, 2, 4))], {}


def _square(d: Any) -> Any:
    return [_regular(d, (2, 2), (3, 3), (2, 3, 3))], {}


def _refused(name: str) -> tuple[Callable[[Any], Any], ...]:
    return (
        lambda B: getattr(B.linalg, name)(B.ones(2)),
        lambda B: getattr(B.linalg, name)(B.ones(2, 2, dtype=B.int64)),
        lambda B: getattr(B.linalg, name)(1.0),
    )


def _eigh(B: Any, x: Any, part: str, UPLO: str) -> Any:
    values, vectors = B.linalg.eigh(x + x.mT, UPLO)
    return {"values": values, "vectors": vectors**2, "both": vectors**2 * values.unsqueeze(-2)}[part]


row(
    "eigh",
    _eigh,
    lambda d: (_square(d)[0], {"part": d.pick("values", "vectors", "both"), "UPLO": d.pick("L", "U")}),
    *_refused("eigh"),
    lambda B: B.linalg.eigh(B.ones(2, 3)),
    lambda B: B.linalg.eigh(B.ones(2, 2), "x"),
    lambda B: B.linalg.eigh(B.ones(2, 2, dtype=B.float16)),
    lambda B: B.linalg.eigvalsh(B.ones(2, 3)),
)


def _svd(B: Any, x: Any, part: str, full: bool) -> Any:
    U, S, Vh = B.linalg.svd(x, full)
    k = S.shape[-1]
    U, Vh = U[..., :k], Vh[..., :k, :]
    return {
        "values": lambda: S,
        "left": lambda: U**2,
        "right": lambda: Vh**2 * S.unsqueeze(-1),
        "both": lambda: (U**3 * S.unsqueeze(-2)) @ Vh**3,
    }[part]()


row(
    "svd",
    _svd,
    lambda d: (_any(d)[0], {"part": d.pick("values", "left", "right", "both"), "full": d.flag()}),
    *_refused("svd"),
    lambda B: B.linalg.svd(B.ones(2, 2), driver="gesvd"),
    lambda B: B.linalg.svd(B.full((2, 2), float("nan"))),
    lambda B: B.svd(B.ones(2)),
    lambda B: B.linalg.svdvals(B.ones(2)),
)
def _top(B: Any, x: Any, some: bool) -> Any:
    U, S, V = x.svd(some) if some else B.svd(x, some)
    k = S.shape[-1]
    return (U[..., :k] ** 3 * S.unsqueeze(-2)) @ V[..., :k].mT ** 3, U.shape, V.shape


row("svd.top", _top, lambda d: (_any(d)[0], {"some": d.flag()}))


def _qr(B: Any, x: Any, part: str) -> Any:
    if part == "complete":
        return B.linalg.qr(x.detach(), "complete") + B.linalg.qr(x.detach(), "r")
    Q, R = B.linalg.qr(x)
    return {"Q": Q, "R": R, "both": Q.sum(-2).unsqueeze(-1) * R}[part]


row(
    "qr",
    _qr,
    lambda d: (_any(d)[0], {"part": d.pick("Q", "R", "both")}),
    *_refused("qr"),
    lambda B: B.linalg.qr(B.ones(2, 2), "x"),
    lambda B: B.linalg.qr(B.ones(2, 2, dtype=B.float16)),
)
row("qr.complete", _qr, lambda d: (_any(d)[0], {"part": "complete"}), flat=True)
row(
    "pinv",
    lambda B, x: B.linalg.pinv(x),
    _any,
    *_refused("pinv"),
    lambda B: B.linalg.pinv(B.ones(2, 3), hermitian=True),
)
def _least(d: Any) -> Any:
    # Well conditioned: torch's gradient goes by a pseudo-inverse, and loses digits where this is not.
    x = d.tensor(d.pick((3, 2), (2, 3), (3, 3), (4, 2)), -0.25, 0.25, layouts=("stepped", "transposed"))
    x.values = x.values + 2 * np.eye(*x.values.shape)
    rows = len(x.values)
    return [x, d.tensor(d.pick((rows, 2), (rows,)))], {}


row(
    "pinv.lstsq",
    lambda B, x, y: B.linalg.lstsq(x, y)[0],
    _least,
    lambda B: B.linalg.lstsq(B.ones(2), B.ones(2)),
    lambda B: B.linalg.lstsq(B.ones(3, 2), B.ones(2, 1)),
    lambda B: B.linalg.lstsq(B.ones(3, 2), B.ones(3, 1).double()),
    lambda B: B.linalg.lstsq(B.ones(3, 2), B.ones(3, 1), driver="foo"),
)
# torch's own is exact to 1e-9 only where the norm is small.
row(
    "matrix_exp",
    lambda B, x, scale: B.matrix_exp(x * scale),
    lambda d: (_square(d)[0], {"scale": d.pick(0.5, 1)}),
    *_refused("matrix_exp"),
    lambda B: B.linalg.matrix_exp(B.ones(2, 3)),
)
