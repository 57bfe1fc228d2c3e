"""The comparison: one case on two libraries; values, metadata, both walks, second gradients, side effects."""
from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from .draw import Case, Operand, Sample, flatten

# How often the inputs are moved by one ulp to learn the condition of a result, and how many times what that
# does a result may be off. A few rounds may miss what a sum of many terms does: then the rounds are more.
FEW, MANY = (3, 16), (24, 8)
STRICTEST_CAP = {"float64": 1e-9, "float32": 1e-3, "float16": 1e-2}  # an ill-conditioned case is a bad sample


class Mismatch(AssertionError):
    """The two libraries differ."""


@dataclass
class Record:
    """What one library did with a case: results, metadata, gradients, or its error."""

    values: list[Any] = field(default_factory=list)
    described: list[Any] = field(default_factory=list)
    strides: list[Any] = field(default_factory=list)
    first: list[np.ndarray | None] | None = field(default_factory=list)     # None: torch itself fails there
    recorded: list[np.ndarray | None] = field(default_factory=list)
    second: list[np.ndarray | None] | None = field(default_factory=list)
    error: tuple[type, str] | None = None


def first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]


def is_tensor(thing: Any) -> bool:
    return hasattr(thing, "requires_grad_") and hasattr(thing, "detach")


def array_of(tensor: Any) -> np.ndarray:
    # torch holds some zero gradients without memory; `force` makes them real.
    return np.array(tensor.detach().numpy(force=True) if isinstance(tensor, torch.Tensor)
                    else tensor.detach().cpu().numpy())


def leaves(result: Any) -> list[Any]:
    """The tensors and plain values in a result, in order: tuples, lists and named tuples are opened."""
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves(part)]
    return [result]


def _one_ulp_off(values: np.ndarray, round_: int) -> np.ndarray:
    """Move values by up to one ulp. Integers stay (ties and kinks sit there); equal values move alike."""
    if not round_ or values.dtype.kind != "f" or values.dtype == np.float16:
        return values
    salt = np.frombuffer(np.array(values, np.float64).tobytes(), np.uint64) * np.uint64(2 * round_ + 1)
    direction = ((salt >> np.uint64(20)) % np.uint64(3)).astype(np.int64).reshape(values.shape) - 1
    with np.errstate(all="ignore"):
        moved = values * (1 + direction * np.finfo(values.dtype).eps)
        return np.where(values == np.round(values), values, moved).astype(values.dtype)


def _cotangents(order: str, case: Case, like: list[Any], round_: int) -> list[np.ndarray]:
    """Random, never ones; of both signs, none near 0."""
    random = np.random.default_rng([case.seed, zlib.crc32(order.encode())])
    drawn = []
    for tensor in like:
        array = array_of(tensor)
        values = random.uniform(0.5, 1.5, array.shape) * random.choice([-1.0, 1.0], array.shape)
        drawn.append(_one_ulp_off(np.asarray(values, array.dtype), round_))
    return drawn


def evaluate(B: Any, sample: Sample, case: Case, round_: int = 0) -> Record:
    """Run a case on one library. Raises `Mismatch` for touched inputs and for walks that differ."""
    record, built = Record(), {}

    def tensors_of(operands: Any) -> Any:
        if isinstance(operands, (list, tuple)):
            return type(operands)(tensors_of(part) for part in operands)
        if not isinstance(operands, Operand):
            return operands
        if id(operands) not in built:
            tensor = B.from_numpy(operands.build(_one_ulp_off(operands.values, round_)))
            built[id(operands)] = tensor.requires_grad_() if operands.grad else tensor
        return built[id(operands)]

    arguments = tensors_of(case.operands)
    operands = list(built.values())
    before = [array_of(tensor) for tensor in operands]
    try:
        result = sample.call(B, *arguments, **case.attributes)
    except Exception as error:  # noqa: BLE001 - the error is the result: its type and text are compared
        record.error = type(error), first_line(error)
        return record
    for leaf in leaves(result):
        if is_tensor(leaf):
            record.values.append(array_of(leaf))
            record.described.append((str(leaf.dtype), tuple(leaf.shape), leaf.requires_grad, leaf.is_leaf))
            record.strides.append(_strides(leaf))
        else:
            record.values.append(leaf if isinstance(leaf, (bool, int, float, str)) else str(leaf))
    try:
        _gradients(B, record, case, [t for t in leaves(result) if is_tensor(t) and t.requires_grad],
                   [t for t in operands if t.requires_grad], sample, round_)
    except RuntimeError:
        if B is not torch:
            raise
        # A few of torch's own derivatives fail, on empty tensors or with bool operands.
        record.first, record.second = record.first or None, None
    for tensor, old in zip(operands, before, strict=True):
        if array_of(tensor).tobytes() != old.tobytes():
            raise Mismatch("an input was changed")
    return record


def _strides(tensor: Any) -> Any:
    if tensor.numel() < 2:
        return None
    return tuple(s for s, side in zip(tensor.stride(), tensor.shape, strict=True)
                 if side > 1), tensor.is_contiguous()


def _gradients(B: Any, record: Record, case: Case, outputs: list[Any], inputs: list[Any], sample: Sample,
               round_: int) -> None:
    """First gradients through both walks, then second gradients with respect to operands and cotangents."""
    if not outputs or not inputs:
        return
    arrays = _cotangents("first", case, outputs, round_)
    kept = [array.copy() for array in arrays]
    plain = B.autograd.grad(outputs, inputs, [B.from_numpy(a) for a in arrays], retain_graph=True,
                            allow_unused=True)
    record.first = [None if g is None else array_of(g) for g in plain]
    if not round_ and len(outputs) == 1:
        _accumulates(B, record, outputs[0], inputs, arrays[0])
    if B is not torch and any(a.tobytes() != b.tobytes() for a, b in zip(arrays, kept, strict=True)):
        raise Mismatch("a cotangent was changed")
    cotangents = [B.from_numpy(array).requires_grad_() for array in arrays]
    recorded = B.autograd.grad(outputs, inputs, cotangents, create_graph=True, allow_unused=True)
    for index, (quick, slow) in enumerate(zip(record.first, recorded, strict=True)):
        if (quick is None) != (slow is None):
            raise Mismatch(f"gradient {index}: one walk reaches the operand, the other does not")
        if quick is not None and B is not torch and not sample.twin:
            _same_bits(f"gradient {index}: recorded walk against plain walk", array_of(slow), quick)
    record.recorded = [None if g is None else array_of(g) for g in recorded]
    reached = [g for g in recorded if g is not None]
    drawn = zip(reached, _cotangents("second", case, reached, round_), strict=True)
    roots, seconds = [], []
    for g, values in drawn:             # a gradient that is constant may have no graph
        if g.requires_grad:
            roots.append(g)
            seconds.append(B.from_numpy(values))
    if roots:
        found = B.autograd.grad(roots, inputs + cotangents, seconds, allow_unused=True)
        record.second = [None if g is None else array_of(g) for g in found]


def _accumulates(B: Any, record: Record, output: Any, inputs: list[Any], cotangent: np.ndarray) -> None:
    """`backward` twice leaves twice the gradient in `.grad`, in memory of its own."""
    sent = B.from_numpy(cotangent.copy())       # torch keeps it as `.grad`, and adds into it
    first = record.first or []
    for times in (1, 2):
        output.backward(sent, retain_graph=True)
        for index, tensor in enumerate(inputs):
            want = first[index]
            if (tensor.grad is None) != (want is None):
                raise Mismatch(f"backward and grad differ in reaching operand {index}")
            if want is not None:
                _same_bits(f".grad {index} after {times} backward", array_of(tensor.grad),
                           want * want.dtype.type(times))
                if B is not torch and np.shares_memory(tensor.grad.cpu().numpy(), sent.cpu().numpy()):
                    raise Mismatch(f".grad {index} shares memory with the cotangent")
    for tensor in inputs:
        tensor.grad = None


def _same_bits(what: str, got: np.ndarray, want: np.ndarray) -> None:
    same = got.dtype == want.dtype and got.shape == want.shape
    if not same or not np.array_equal(got, want, equal_nan=want.dtype.kind == "f"):
        raise Mismatch(f"{what}: {_shown(got)} against {_shown(want)}")


def _shown(array: np.ndarray) -> str:
    return f"{array.dtype}{array.shape} " + np.array2string(array, precision=17, threshold=40).replace("\n",
                                                                                                       "")


def close(what: str, got: np.ndarray, want: np.ndarray, noises: list[np.ndarray], ulps: int = 4,
          per_value: bool = False, unit: np.dtype | None = None, condition: int = FEW[1]) -> None:
    """Equal to `ulps` of each value (`per_value`), or to what one ulp in the inputs does to the result.

    unit: the dtype that sets the ulp, where it is not the result's own.
    """
    if want.dtype.kind != "f" or got.dtype != want.dtype or got.shape != want.shape:
        return _same_bits(what, got, want)
    limits = np.finfo(unit or want.dtype)
    finite = np.isfinite(want)
    with np.errstate(all="ignore"):
        size = np.where(finite, np.abs(want.astype(np.float64)), 0.0)
        largest = size.max(initial=0.0)
        allowed = ulps * float(limits.eps) * size + float(limits.smallest_subnormal)
        if not per_value:
            moved = [np.abs(n.astype(np.float64) - want.astype(np.float64)) for n in noises
                     if n.shape == want.shape]
            reach = max((np.where(np.isfinite(m), m, 0.0).max(initial=0.0) for m in moved), default=0.0)
            scale = max(largest, 1.0)       # operands and cotangents are of that order, and may cancel
            allowed = allowed + condition * reach + ulps * float(limits.eps) * scale
            allowed = np.minimum(allowed, STRICTEST_CAP[str(limits.dtype)] * scale)
        off = np.abs(got.astype(np.float64) - want.astype(np.float64))
        wrong = np.where(finite, ~(off <= allowed), ~((got == want) | (np.isnan(got) & np.isnan(want))))
    if wrong.any():
        times = np.where(wrong & finite, off / np.maximum(allowed, 1e-300), 0).max(initial=0.0)
        raise Mismatch(f"{what}: off by {times:.3g} x "
                       f"what is allowed: {_shown(got)} against {_shown(want)}")


def compare(sample: Sample, case: Case, B: Any) -> Counter[str]:
    """Compare one case with torch; returns what was seen: categories, errors, gradients that were not 0.

    Raises `Mismatch` with both sides, the case and its seed.
    """
    want = evaluate(torch, sample, case)
    try:
        got = evaluate(B, sample, case)
        _same_results(sample, case, got, want)
    except Mismatch as difference:
        raise Mismatch(f"{sample.name}: {difference}\n  {case}") from None
    except Exception as error:      # the call went well: what fails is a gradient or a property
        raise Mismatch(f"{sample.name}: after the call, {type(error).__name__}: {error}\n  {case}") from error
    if want.error:
        return Counter({"refused": 1})
    counts = Counter(dict.fromkeys(case.seen, 1))
    counts["example"] = 1
    for order, gradients in (("first", want.first), ("second", want.second)):
        counts[order] = any(g is not None and np.abs(g).max(initial=0.0) > 1e-6 for g in gradients or ())
    counts["asked"] = bool(want.first)
    return counts


def _same_results(sample: Sample, case: Case, got: Record, want: Record) -> None:
    if got.error != want.error:
        raise Mismatch(f"error {got.error} against torch's {want.error}")
    if want.error:
        return
    for what in ("described", "strides") if sample.strides and _one_layout(case) else ("described",):
        if getattr(got, what) != getattr(want, what):
            raise Mismatch(f"{what}: {getattr(got, what)} against torch's {getattr(want, what)}")
    moved: list[Record] = []
    for rounds, condition in (FEW, MANY):
        moved += [evaluate(torch, sample, case, round_) for round_ in range(len(moved) + 1, rounds + 1)]
        try:
            return _close_results(sample, got, want, moved, condition)
        except Mismatch:
            if rounds == MANY[0]:
                raise


def _close_results(sample: Sample, got: Record, want: Record, moved: list[Record], condition: int) -> None:
    for index, (ours, theirs) in enumerate(zip(got.values, want.values, strict=True)):
        if not isinstance(theirs, np.ndarray):
            if ours != theirs:
                raise Mismatch(f"result {index}: {ours!r} against torch's {theirs!r}")
        elif sample.exact:
            _same_bits(f"result {index}", ours, theirs)
        else:
            close(f"result {index}", ours, theirs, [m.values[index] for m in moved], sample.ulps,
                  sample.elementwise, condition=condition)
    if want.first is not None:
        noises = [m.first or [] for m in moved]
        unit = _narrowest(want)
        _same_gradients("gradient", got.first or [], want.first, noises, unit, condition, strict=True)
        _same_gradients("gradient by the recorded walk", got.recorded, want.first, noises, unit, condition,
                        strict=True)
    if want.second is not None:
        noises = [m.second or [] for m in moved]
        _same_gradients("second gradient", got.second or [], want.second, noises, _narrowest(want), condition,
                        strict=False)


def _narrowest(record: Record) -> np.dtype | None:
    """The narrowest floating dtype of the results: what torch does to cotangents is rounded to it."""
    kinds = [value.dtype for value in record.values if isinstance(value, np.ndarray)]
    return min([kind for kind in kinds if kind.kind == "f"], key=lambda kind: kind.itemsize, default=None)


def _one_layout(case: Case) -> bool:
    """Where operands lie in memory in different ways torch's choice for the result is an accident."""
    placed = {(o.layout, o.values.shape) for o in flatten(case.operands) if o.values.size > 1}
    return len(placed) < 2 or all(layout == "contiguous" for layout, _ in placed)


def _same_gradients(what: str, got: list[Any], want: list[Any], noises: list[list[Any]],
                    unit: np.dtype | None, condition: int, strict: bool) -> None:
    """`strict`: None where torch has None. Second gradients may be None for 0, as irregularly as in torch."""
    for index in range(max(len(got), len(want))):
        ours, theirs = (side[index] if index < len(side) else None for side in (got, want))
        if strict and (ours is None) != (theirs is None):
            raise Mismatch(f"{what} {index}: {ours} against torch's {theirs}")
        if ours is None and theirs is None:
            continue
        ours = np.zeros_like(theirs) if ours is None else ours
        theirs = np.zeros_like(ours) if theirs is None else theirs
        if not strict:                  # where torch's second derivative is nan there is none
            ours = np.where(np.isnan(theirs), theirs, ours)
        reached = [n[index] for n in noises if index < len(n) and n[index] is not None]
        narrower = unit is not None and unit.itemsize < theirs.dtype.itemsize
        close(f"{what} {index}", ours, theirs, reached, unit=unit if narrower else None, condition=condition)


def check_bad(call: Any, B: Any) -> None:
    """A call that torch refuses is refused with the same type and the same first line."""
    raised = []
    for library in (torch, B):
        try:
            call(library)
        except Exception as error:  # noqa: BLE001 - the error is the result
            raised.append(f"{type(error).__name__}: {first_line(error)}")
        else:
            raised.append("no error")
    if raised[0] == "no error":
        raise Mismatch("torch accepts this call: it is no bad call")
    if raised[0] != raised[1]:
        raise Mismatch(f"{raised[1]}\n  torch: {raised[0]}")
