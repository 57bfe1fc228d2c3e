"""Samples of reductions and of what normalises over a dimension."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..draw import EDGE, FLOATS, LAYOUTS, NUMBERS, PLAIN, STRIDED, TIE, ZERO_D, ZERO_SIZE, Operand, Sample
from .elementwise import at, refuses_others

ROWS: list[Sample] = []
WITH_TIES = (PLAIN, ZERO_D, ZERO_SIZE, STRIDED, TIE, EDGE)


def repeats(x: np.ndarray, *_: Any, **__: Any) -> bool:
    return np.unique(x).size < x.size


def over(*kinds: str, low: float = -2.0, high: float = 2.0, layouts: Any = LAYOUTS,
         **options: tuple[Any, ...]) -> Any:
    """A drawer: an operand with `dim` of one of `kinds` (none, one, several, empty), and options."""
    def draw(d: Any) -> Any:
        shape = d.shape()
        k: dict[str, Any] = {}
        kind = d.pick(*kinds)
        if kind == "one":
            k["dim"] = d.dim(shape)
        elif kind == "several":
            k["dim"] = d.dims(shape)
        elif kind == "empty":
            k["dim"] = ()
        if "dim" in k and d.flag():
            k["keepdim"] = True
        for option, values in options.items():
            if d.flag():
                k[option] = d.pick(*values)
        k["method"] = d.flag()
        return [d.tensor(shape, low, high, layouts=layouts)], k
    return draw


def reduction(name: str, draw: Any, *, bad: tuple[Any, ...] = (), **more: Any) -> None:
    def call(B: Any, x: Any, method: bool, **k: Any) -> Any:
        k = {key: getattr(B, value) if key == "dtype" else value for key, value in k.items()}
        return getattr(x, name)(**k) if method else getattr(B, name)(x, **k)

    common = (lambda B: getattr(B, name)(B.ones(2, 3), dim=2), lambda B: getattr(B, name)(B.ones(2), dim=-2),
              lambda B: getattr(B, name)(B.ones(2, 3), dim="a"))
    variant = more.pop("variant", "")
    ROWS.append(Sample(name, call, draw, name=name + variant, **({"bad": common + bad} | more)))


def twice(name: str) -> Callable[[Any], Any]:
    return lambda B: getattr(B, name)(B.ones(2, 3), dim=(0, -2))


def of_ints(name: str) -> Callable[[Any], Any]:
    return lambda B: getattr(B, name)(B.ones(2, dtype=B.int64))


def of_none(name: str) -> tuple[Callable[[Any], Any], ...]:
    return lambda B: getattr(B, name)(B.ones(0)), lambda B: getattr(B, name)(B.ones(2, 0), 1)


DTYPES = {"dtype": ("float64",)}      # upwards: rounding on the way would hide a difference
reduction("sum", over("none", "one", "several", "empty", **DTYPES), bad=(twice("sum"),))
reduction("mean", over("none", "one", "several", **DTYPES),
          dtypes=(*FLOATS, "float16", "int64"), bad=(twice("mean"), of_ints("mean")))
reduction("prod", over("none", "one", low=-1.5, high=1.5, **DTYPES),
          categories=WITH_TIES[:5], tie=at(0), twin=True, bad=(lambda B: B.prod(B.ones(2, 3), dim=(0, 1)),))
VARIED = LAYOUTS[:2]        # how far equal numbers deviate is all rounding: see `.constants`
for _name in ("var", "std"):
    reduction(_name, over("none", "one", "several", layouts=VARIED, unbiased=(True, False)),
              dtypes=(*FLOATS, "float16", "int64"), bad=(twice(_name), of_ints(_name)))
    reduction(_name, over("none", "one", layouts=VARIED, correction=(0, 1, 2, 0.5)), dtypes=FLOATS,
              variant=".correction")
    reduction(_name, lambda d: ([Operand(np.full((2, 4), 3.0, d.dtype), grad=True)], {"method": d.flag()}),
              dtypes=FLOATS,
              variant=".constants", categories=(PLAIN,), flat=True)
for _name in ("amax", "amin"):
    reduction(_name, over("none", "one", "several"), categories=WITH_TIES, tie=repeats, exact=True,
              bad=(twice(_name), *of_none(_name)))
for _name in ("max", "min"):
    reduction(_name, over("none", "one"), categories=WITH_TIES, tie=repeats, exact=True,
              bad=of_none(_name))
for _name in ("argmax", "argmin"):
    reduction(_name, over("none", "one"), categories=WITH_TIES, tie=repeats, exact=True, flat=True,
              dtypes=NUMBERS, bad=(*of_none(_name), lambda B, n=_name: getattr(B, n)(B.ones(2) > 0)))
for _name in ("any", "all"):
    reduction(_name, over("none", "one", "several"), exact=True, flat=True, categories=(*WITH_TIES[:4], EDGE))
reduction("norm", over("none", "one", "several", p=(2, 1, 2.0, 3, "fro", float("inf"), 0.5)),
          dtypes=(*FLOATS, "float16", "int64"), categories=WITH_TIES[:5], tie=at(0),
          bad=(of_ints("norm"), twice("norm")))


def along(low: float = -3.0, high: float = 3.0) -> Any:
    def draw(d: Any) -> Any:
        shape = d.shape()
        return [d.tensor(shape, low, high)], {"dim": d.dim(shape),
                                              "form": d.pick("function", "method", "functional")}
    return draw


def normaliser(name: str) -> None:
    def call(B: Any, x: Any, dim: int, form: str) -> Any:
        owner = {"function": B, "functional": B.nn.functional}.get(form)
        return getattr(owner, name)(x, dim=dim) if owner else getattr(x, name)(dim)

    ROWS.append(Sample(name, call, along(), name=name, dtypes=(*FLOATS, "float16", "int64"),
                       categories=WITH_TIES, tie=repeats, twin=True,
                       bad=(*refuses_others(name, 0), lambda B: getattr(B, name)(B.ones(2), 1),
                            lambda B: getattr(B, name)(B.ones(2, 3), -3),
                            lambda B: getattr(B, name)(B.ones(2, dtype=B.int64), 0))))


normaliser("softmax")
normaliser("log_softmax")
ROWS.append(Sample(
    "logsumexp", lambda B, x, method, **k: x.logsumexp(**k) if method else B.logsumexp(x, **k),
    over("one", "several"), name="logsumexp", dtypes=(*FLOATS, "float16", "int64"), categories=WITH_TIES,
    tie=repeats,
    twin=True, bad=(*refuses_others("logsumexp", 0), lambda B: B.logsumexp(B.ones(2), 1),
                    lambda B: B.logsumexp(B.ones(2, 3), (0, 0)))))
