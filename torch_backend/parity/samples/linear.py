"""Samples of products: matmul and its special cases, and the affine map of nn.Linear."""
from __future__ import annotations

from typing import Any

from ..draw import BROADCAST, FLOATS, INTEGERS, PLAIN, REPEATED, STRIDED, ZERO_SIZE, Sample

ROWS: list[Sample] = []
PRODUCTS = (*FLOATS, "float16", *INTEGERS)
CATEGORIES = (PLAIN, ZERO_SIZE, STRIDED, REPEATED)


def _square(d: Any, *batch: int) -> list[Any]:
    n = d.pick(3, 2, 1)
    return [d.tensor((*batch, n, n))] * 2


def _matmul(d: Any) -> Any:
    if d.category == REPEATED:
        return d.pick(_square(d), _square(d, 2), [d.tensor((3,))] * 2), {"form": d.pick("function",
                                                                                        "operator", "method")}
    n, k, m = d.side(), d.side(), d.side()
    ranks = [((n, k), (k, m)), ((k,), (k, m)), ((n, k), (k,)), ((k,), (k,)), ((2, n, k), (2, k, m))]
    spread = [((2, n, k), (k, m)), ((n, k), (3, k, m)), ((2, 1, n, k), (3, k, m)), ((1, n, k), (4, k, m)),
              ((k,), (2, k, m)),
              ((3, n, k), (k,)), ((2, 3, n, k), (1, 1, k, m))]
    first, second = d.pick(*(spread if d.category == BROADCAST else ranks + spread))
    return [d.tensor(first), d.tensor(second)], {"form": d.pick("function", "operator", "method")}


def _call_matmul(B: Any, x: Any, y: Any, form: str) -> Any:
    return {"function": lambda: B.matmul(x, y), "operator": lambda: x @ y,
            "method": lambda: x.matmul(y)}[form]()


def _vectors(d: Any) -> Any:
    """Where an operand is a vector: matrix · vector, vector · vector."""
    if d.category == REPEATED:
        return [d.tensor((3,))] * 2, {"form": "operator"}
    k = d.side()
    return [d.tensor(d.pick((d.side(), k), (k,))), d.tensor((k,))], {"form": "operator"}


def _mm(d: Any) -> Any:
    n, k, m = d.side(), d.side(), d.side()
    return (_square(d) if d.category == REPEATED else [d.tensor((n, k)), d.tensor((k, m))]), {}


def _bmm(d: Any) -> Any:
    b, n, k, m = d.side(), d.side(), d.side(), d.side()
    return (_square(d, 2) if d.category == REPEATED else [d.tensor((b, n, k)), d.tensor((b, k, m))]), {}


def _linear(d: Any) -> Any:
    k, m = d.side(), d.side()
    lead = d.pick((3,), (), (2, 3), (1,), (5,), (2, 1, 3))
    if d.category == REPEATED:
        return _square(d), {}
    return [d.tensor((*lead, k)), d.tensor((m, k)), *([d.tensor((m,))] if d.flag() else [])], {}


ROWS += [
    Sample("matmul", _call_matmul, _matmul, name="matmul", dtypes=PRODUCTS,
           categories=(*CATEGORIES, BROADCAST),
           bad=(lambda B: B.ones(2, 3) @ B.ones(2, 3), lambda B: B.ones(3) @ B.ones(2),
                lambda B: B.ones(2, 3) @ B.ones(2),
                lambda B: B.ones(2) @ B.ones(3, 2), lambda B: B.ones(2, 2, 3) @ B.ones(3, 3, 2),
                lambda B: B.matmul(B.tensor(1.0), B.ones(2)),
                lambda B: B.ones(2, 2) @ B.ones(2, 2, dtype=B.float64),
                lambda B: B.matmul(B.ones(2), 2.0), lambda B: B.ones(2, 2) @ 2.0)),
    Sample("matmul", _call_matmul, _vectors, name="matmul.vectors", dtypes=FLOATS, categories=CATEGORIES),
    Sample("mm", lambda B, x, y: B.mm(x, y), _mm, name="mm", dtypes=PRODUCTS, categories=CATEGORIES,
           bad=(lambda B: B.mm(B.ones(2, 3), B.ones(2, 3)), lambda B: B.mm(B.ones(2), B.ones(2)),
                lambda B: B.mm(B.ones(2, 2), B.ones(2, 2, dtype=B.int64)),
                lambda B: B.mm(B.ones(2, 2), 1.0))),
    Sample("bmm", lambda B, x, y: B.bmm(x, y), _bmm, name="bmm", dtypes=PRODUCTS, categories=CATEGORIES,
           bad=(lambda B: B.bmm(B.ones(2, 2, 3), B.ones(2, 2, 3)),
                lambda B: B.bmm(B.ones(2, 2), B.ones(2, 2)),
                lambda B: B.bmm(B.ones(2, 2, 3), B.ones(3, 3, 2)), lambda B: B.bmm(B.ones(1, 2, 2), 1.0))),
    Sample("linear", lambda B, *operands: B.nn.functional.linear(*operands), _linear, name="linear",
           dtypes=PRODUCTS, categories=CATEGORIES,
           bad=(lambda B: B.nn.functional.linear(B.ones(2, 3), B.ones(4, 2)),
                lambda B: B.nn.functional.linear(B.ones(2, 3), B.ones(4, 3), B.ones(5)),
                lambda B: B.nn.functional.linear(B.ones(2, 3), B.ones(4, 3, dtype=B.float64)),
                lambda B: B.nn.functional.linear([1.0], B.ones(1, 1)))),
]
