"""Drawing the cases that an op is compared on: operands with their memory layout, attributes, categories.

A draw is deliberate: it is made *for* one category (a broadcast pair, a 0-d tensor, ties), so that a short
run meets every category that the op admits. Everything is chosen through one function, `choose(options)`;
Hypothesis supplies it in the tests (and shrinks), a seeded `random.Random` elsewhere.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PLAIN, BROADCAST, ZERO_D, ZERO_SIZE = "plain", "broadcast", "0-d", "0-size"
STRIDED, REPEATED, TIE, EDGE = "non-contiguous", "repeated", "tie", "edge"
CATEGORIES = (PLAIN, BROADCAST, ZERO_D, ZERO_SIZE, STRIDED, REPEATED, TIE, EDGE)

FLOATS = ("float64", "float32")
INTEGERS = ("int64", "int32", "uint8")
NUMBERS = (*FLOATS, "float16", *INTEGERS)
ALL = (*NUMBERS, "bool")
LAYOUTS = ("stepped", "transposed", "expanded")
MIXED = "mixed"                     # every operand draws a dtype of its own: this is where promotion shows
_MIXED_POOL = ("float32", "float64", "int64", "float16", "int32", "uint8", "int8", "int16", "bool")

# Uneven sides first: Hypothesis shrinks towards the first option, and a square would hide a transposition.
SHAPES = ((2, 3), (4,), (3, 2, 4), (1, 3), (3, 1), (5, 2), (2, 1, 3), (1,), (2, 3, 1, 2), (17,), ())
EMPTY_SHAPES = ((0,), (2, 0), (0, 3), (2, 0, 3))
PAIRS = (((2, 3), (3,)), ((2, 1), (1, 3)), ((3,), (2, 3)), ((2, 3), ()), ((), (4,)), ((4, 1, 3), (2, 1)),
         ((1,), (5, 2)),
         ((2, 3), (1, 1)), ((1, 2, 1), (3, 1, 4)))
EMPTY_PAIRS = (((0,), (1,)), ((2, 0), ()), ((1, 3), (0, 3)), ((0, 3), (0, 3)))
EDGES = (0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e-30, -1e-30, 1e30, -1e30, 1.0, -1.0, 88.8,
         -103.0)


@dataclass(eq=False)
class Operand:
    """One tensor argument. `build` makes fresh memory each time, with the same strides for every library."""

    values: np.ndarray
    layout: str = "contiguous"
    grad: bool = False

    def build(self, values: np.ndarray | None = None) -> np.ndarray:
        values = self.values if values is None else values
        if self.layout == "transposed":
            return np.array(values.T, order="C").T
        if self.layout == "stepped":
            memory = np.zeros((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)
            memory[..., ::2] = values
            return memory[..., ::2]
        if self.layout == "expanded":
            memory = np.array(values[:1], order="C")
            return np.lib.stride_tricks.as_strided(memory, values.shape, (0, *memory.strides[1:]))
        return np.array(values, order="C")

    def __repr__(self) -> str:
        grad = ", requires_grad" if self.grad else ""
        shown = repr(self.values.tolist()) if self.values.size <= 12 else f"shape {self.values.shape}"
        return f"<{self.values.dtype} {self.layout}{grad} {shown}>"


@dataclass(frozen=True)
class Sample:
    """How an op is compared: a call for any backend, a drawer of arguments, and calls that must fail.

    `call(B, *operands, **attributes)` is the same for both libraries. `exact` results are equal to the bit,
    `elementwise` ones to `ulps`; all others to the op's own condition. `flat`: the derivative is 0 by
    construction. `tie(*arrays, **attributes)` says whether a case sits on a tie or a kink. `twin`: the
    recorded walk goes through a composition, so its bits may differ. `strides`: torch's are well defined.
    """

    op: str
    call: Callable[..., Any]
    draw: Callable[[Drawer], tuple[list[Any], dict[str, Any]]]
    bad: tuple[Callable[[Any], Any], ...] = ()
    dtypes: tuple[str, ...] = ALL
    categories: tuple[str, ...] = (PLAIN, ZERO_D, ZERO_SIZE, STRIDED)
    tie: Callable[..., Any] | None = None
    exact: bool = False
    elementwise: bool = False
    ulps: int = 4
    flat: bool = False
    twin: bool = False
    strides: bool = True
    name: str = ""


@dataclass
class Case:
    """What one comparison runs on. The same `Operand` twice is one tensor passed twice."""

    operands: list[Any]
    attributes: dict[str, Any]
    seed: int
    category: str = PLAIN
    seen: set[str] = field(default_factory=set)


class Drawer:
    """Draws operands for one case; samples call `shape`, `pair`, `tensor`, `index`, `pick`."""

    def __init__(self, choose: Callable[[Sequence[Any]], Any], dtype: str, category: str):
        self.choose, self.dtype, self.category = choose, dtype, category
        self.seed = choose(range(2**20))
        self.random = np.random.default_rng(self.seed)
        self.seen: set[str] = set()

    def pick(self, *options: Any) -> Any:
        return self.choose(options)

    def flag(self) -> bool:
        return self.choose((False, True))

    def shape(self, low: int = 0, high: int = 4, empty: bool = True) -> tuple[int, ...]:
        """A shape of `low` to `high` dimensions; () or one with a side of 0 if the category asks for it."""
        if self.category == ZERO_D and low == 0:
            return ()
        pool: Sequence[tuple[int, ...]] = EMPTY_SHAPES if self.category == ZERO_SIZE and empty else SHAPES
        least = max(low, 1) if self.category == STRIDED else low
        return self.choose([s for s in pool if least <= len(s) <= high and (least == low or s != (1,))])

    def side(self, low: int = 1, high: int = 4) -> int:
        """One side of a shape that the sample composes itself; sometimes 0 where the category asks for it."""
        if self.category == ZERO_SIZE and (low == 0 or "0-side" not in self.seen):
            self.seen.add("0-side")
            return 0
        return self.choose(range(max(low, 1), high + 1))

    def dim(self, shape: tuple[int, ...]) -> int:
        count = max(len(shape), 1)
        return self.choose(range(-count, count))

    def dims(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A tuple of distinct dims, some of them negative."""
        order = [int(d) for d in self.random.permutation(len(shape))]
        kept = order[:self.choose(range(1, len(order) + 1))] if order else []
        return tuple(d - len(shape) if self.random.random() < 0.5 else d for d in kept)

    def pair(self, low: float = -2.0, high: float = 2.0, **how: Any) -> list[Operand]:
        """Two operands that broadcast; one operand twice where the category asks for it."""
        if self.category == REPEATED:
            return [self.tensor(self.shape(), low, high, **how)] * 2
        if self.category == BROADCAST or self.category == PLAIN and self.flag():
            first, second = self.choose(PAIRS)
        elif self.category == ZERO_SIZE:
            first, second = self.choose(EMPTY_PAIRS)
        else:
            first = second = self.shape()
        return [self.tensor(first, low, high, **how), self.tensor(second, low, high, **how)]

    def tensor(self, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0,
               dtype: str | None = None, grad: bool = True, layouts: Sequence[str] = LAYOUTS) -> Operand:
        """An operand with values in [low, high]; integers for ties; memory in one of `layouts`."""
        drawn = dtype or (self.choose(_MIXED_POOL) if self.dtype == MIXED else self.dtype)
        values = np.asarray(self._values(shape, np.dtype(drawn), low, high), drawn)
        possible = {"stepped": len(shape) > 0, "transposed": len(shape) > 1, "expanded": shape[:1] > (1,)}
        fitting = [layout for layout in layouts if possible[layout] and values.size > 1]
        layout = self.choose(fitting if fitting and self.category == STRIDED else ["contiguous", *fitting])
        if layout == "expanded":
            values = np.array(np.broadcast_to(values[:1], shape))
        differentiable = grad and drawn in FLOATS and self.category != EDGE
        return Operand(values, layout, differentiable)

    def _values(self, shape: tuple[int, ...], dtype: np.dtype, low: float, high: float) -> Any:
        if dtype == np.bool_:
            return self.random.integers(0, 2, shape).astype(bool)
        if self.category == EDGE:
            if dtype.kind == "f":
                with np.errstate(over="ignore"):
                    return self.random.choice(np.array(EDGES), shape).astype(dtype)
            limits = np.iinfo(dtype)
            return self.random.choice(np.array([limits.min, limits.max, 0, 1, limits.max // 2], dtype), shape)
        if self.category == TIE or dtype.kind != "f":
            least = max(0, low) if dtype.kind == "u" else low
            return self.random.integers(int(np.ceil(least)), int(np.floor(high)) + 1, shape).astype(dtype)
        return self.random.uniform(low, high, shape).astype(dtype)

    def index(self, shape: tuple[int, ...], size: int, negative: bool = False,
              dtype: str = "int64") -> Operand:
        """Integers that index a dimension of `size`; repeats are likely, so accumulation shows."""
        values = self.random.integers(-size if negative else 0, size, shape) if size else np.zeros(shape)
        return Operand(values.astype(dtype), self.choose(("contiguous", "stepped")) if values.ndim
                       and values.size
                       else "contiguous")


def draw_case(sample: Any, dtype: str, category: str, choose: Callable[[Sequence[Any]], Any]) -> Case:
    """Draw one case of `sample`, and note every category that it turned out to belong to."""
    drawer = Drawer(choose, dtype, category)
    operands, attributes = sample.draw(drawer)
    differentiable = list({id(o): o for o in flatten(operands) if o.grad}.values())
    if len(differentiable) > 1:
        dropped = choose((None, None, *range(len(differentiable))))
        if dropped is not None:
            differentiable[dropped].grad = False
    case = Case(operands, attributes, drawer.seed, category)
    case.seen = categories_of(case, sample)
    return case


def flatten(operands: Any) -> list[Operand]:
    found = []
    for operand in operands:
        if isinstance(operand, Operand):
            found.append(operand)
        elif isinstance(operand, (list, tuple)):
            found += flatten(operand)
    return found


def categories_of(case: Case, sample: Any) -> set[str]:
    """The categories that a case really belongs to, read off its data and not off the intention."""
    tensors = flatten(case.operands)
    data = [operand.values for operand in tensors]
    found = {PLAIN}
    if len({values.shape for values in data}) > 1:
        found.add(BROADCAST)
    if any(values.ndim == 0 for values in data):
        found.add(ZERO_D)
    if any(values.size == 0 for values in data):
        found.add(ZERO_SIZE)
    if any(operand.layout != "contiguous" for operand in tensors):
        found.add(STRIDED)
    if len({id(operand) for operand in tensors}) < len(tensors):
        found.add(REPEATED)
    if sample.tie is not None and any(values.size for values in data) and sample.tie(*data,
                                                                                     **case.attributes):
        found.add(TIE)
    if case.category == EDGE:
        found.add(EDGE)
    return found
