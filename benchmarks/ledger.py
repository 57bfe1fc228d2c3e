"""In a worker: the cost ledger of a training step on minigrad, operation by operation.

The interpreter reports calls and returns (`sys.setprofile`); those of the registry's forwards and gradient
rules are timed, and what they are called with says how many bytes and floating point operations they mean.
What an operation calls counts as its own, so that the rows add up; the optimizer's step is timed by itself;
what they all leave of an unwatched step is the tape and Python. Watching makes short calls look much longer,
so those are called again, with the same arguments and nobody watching.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from types import CodeType, FrameType
from typing import Any

import numpy as np

from .backends import BACKENDS
from .kernels import best, peaks
from .worker import Context
from .workloads import WORKLOADS, Step

STEPS, WARM_UP, SECONDS = 5, 3, 0.4  # at least so many steps, and as many as fit into the time
SHORT, AGAIN = 2e-4, 1e-3  # a call that takes less looks longer when watched; how long it is called again
# Far from every ceiling, and with work that would take no time at it: held by what a call costs.
FAR, NO_TIME = 0.2, 5e-6
OPTIMIZER, REST = "optimizer", "tape, Python"
# Of a weight in one step: operations, and numbers read or written.
OPTIMIZERS = {"sgd": (4, 5), "adamw": (12, 7)}


@dataclass
class Row:
    """What one operation costs in a step. `bytes`: read and written; `allocated`: of new results."""

    calls: int = 0
    seconds: float = 0
    flops: float = 0
    bytes: int = 0
    allocations: int = 0
    allocated: int = 0


def _arrays(values: Any) -> list[np.ndarray]:
    """The arrays in a call's arguments or result, each once."""
    found: dict[int, np.ndarray] = {}
    for value in values if isinstance(values, (list, tuple)) else [values]:
        if isinstance(value, np.ndarray):
            found[id(value)] = value
        elif isinstance(value, (list, tuple)):
            found |= {id(array): array for array in _arrays(value)}
    return list(found.values())


def _flops(operation: str, arguments: list[np.ndarray], results: list[np.ndarray]) -> float:
    """Multiplications and additions of products and convolutions; one for each element of anything else."""
    largest = max((array.size for array in (*arguments, *results)), default=0)
    if operation.startswith("conv2d") and len(arguments) > 1 or operation == "conv2d_weight_grad":
        shapes = [array.shape for array in (*arguments, *results) if array.ndim == 4]
        return _convolution_flops(operation, shapes)
    if operation in ("matmul", "mm", "bmm", "linear", "mv", "dot") and len(arguments) > 1:
        inner = arguments[0].shape[-1] if arguments[0].ndim else 1
        return 2.0 * inner * sum(array.size for array in results)
    if operation in ("attention", "attention_backward"):  # two products, and five in the gradient
        backward = operation != "attention"
        queries, keys = arguments[backward : backward + 2]
        return (10.0 if backward else 4.0) * queries.size * keys.shape[-2]
    return float(largest)


def _convolution_flops(operation: str, shapes: list[tuple[int, ...]]) -> float:
    """2 × output pixels × weights: the pixels are those of the result, or of the cotangent in a gradient."""
    if len(shapes) < 3:
        return 0.0
    if operation == "conv2d":
        (_, weights, *_), pixels = shapes, shapes[-1]
    elif operation == "conv2d_weight_grad":
        pixels, weights = shapes[0], shapes[-1]
    else:
        pixels, weights = shapes[0], shapes[1]
    return 2.0 * pixels[0] * prod(pixels[2:]) * prod(weights)


class Watch:
    """Notes every call of an operation between `start` and `stop`."""

    def __init__(self) -> None:
        from minigrad.engine import REGISTRY

        self.codes: dict[CodeType, tuple[str, str]] = {}  # -> operation ("" for a rule), row
        self.functions: dict[CodeType, Callable[..., Any]] = {}
        self.keep = False  # what is called with what? It keeps the memory from being used again
        for name, operation in REGISTRY.items():
            self._add(operation.forward, name, f"{name} forward")
            for rule in operation.grads:
                self._add(rule, "", f"{name} backward")
        self.clear()

    def _add(self, function: Any, name: str, row: str) -> None:
        function = getattr(function, "func", function)  # of a partial
        function = getattr(function, "__wrapped__", function)
        code = getattr(function, "__code__", None)
        if code is not None:
            self.functions.setdefault(code, function)
            self.codes.setdefault(
                code, (name, row)
            )  # operations may share a function: its first serves for all

    def clear(self) -> None:
        self.rows: dict[str, Row] = {}
        self.events: list[dict[str, Any]] = []
        self.stack: list[tuple[FrameType, float, list[np.ndarray], dict[str, Any]]] = []
        self.calls: dict[str, list[Callable[[], Any]]] = {}

    def __call__(self, frame: FrameType, event: str, result: Any) -> None:
        if event == "call":
            if frame.f_code in self.codes:
                given = dict(frame.f_locals)
                arguments = _arrays(list(given.values()))
                self.stack.append((frame, time.perf_counter(), arguments, given))
        elif event == "return" and self.stack and self.stack[-1][0] is frame:
            seconds = time.perf_counter() - self.stack[-1][1]
            _, start, arguments, given = self.stack.pop()
            self._note(frame.f_code, start, seconds, arguments, _arrays(result))
            if self.keep and not self.stack:
                function, (_, name) = self.functions[frame.f_code], self.codes[frame.f_code]
                self.calls.setdefault(name, []).append(partial(function, **given))

    def again(self, name: str) -> float:
        """Seconds of all calls of a row's operation, made again and unwatched."""
        return sum(best(call, STEPS, AGAIN) for call in self.calls[name])

    def _note(
        self, code: CodeType, start: float, seconds: float, arguments: list[Any], results: list[Any]
    ) -> None:
        operation, name = self.codes[code]
        row = self.rows.setdefault(self.codes[self.stack[0][0].f_code][1] if self.stack else name, Row())
        # Results that lie in an argument's memory are views: nothing was read, computed or written.
        moved = not all(any(np.may_share_memory(r, a) for a in arguments) for r in results)
        # Operations inside an operation give it their floating point operations; all else is its own.
        row.flops += _flops(operation, arguments, results) if operation and moved else 0
        if self.stack:
            return
        row.calls += 1
        row.seconds += seconds
        row.bytes += sum(array.nbytes for array in (*arguments, *results)) if moved else 0
        new = [array for array in results if array.base is None and all(array is not a for a in arguments)]
        row.allocations += len(new)
        row.allocated += sum(array.nbytes for array in new)
        shapes = ", ".join(str(array.shape) for array in arguments)
        self.events.append({"name": name, "start": start, "seconds": seconds, "shapes": shapes})


def verdict(row: Row, ceilings: dict[str, float]) -> tuple[float, str]:
    """How close to a ceiling the operation runs, and what holds it: compute, bandwidth or overhead."""
    compute, bandwidth = row.flops / ceilings["flops/s"], row.bytes / ceilings["bytes/s"]
    ideal = max(compute, bandwidth)
    share = ideal / row.seconds if row.seconds else 0.0
    if share < FAR and ideal < NO_TIME * max(row.calls, 1):
        return share, "overhead"
    return share, "compute" if compute > bandwidth else "bandwidth"


def ledger(context: Context, workload: str, batch: int, dtype: str, threads: int) -> dict[str, Any]:
    """The rows of one step (the best of several), the machine's peaks, and the events of the last step."""
    if BACKENDS[context.name].is_torch:
        raise NotImplementedError("the ledger is minigrad's; torch has torch.profiler")
    if context.device != "cpu":
        raise NotImplementedError("the ledger times operations on the CPU")
    step = Step(context.B, WORKLOADS[workload], batch, dtype, context.device)
    for _ in range(WARM_UP):
        step().item()
    plain = best(step, STEPS, SECONDS)
    watch, watched = Watch(), []
    times: dict[str, list[float]] = {}
    count = 1 + max(STEPS, min(200, round(SECONDS / plain)))
    for number in range(count + 1):
        watch.clear()
        watch.keep = number == count
        begin = time.perf_counter()
        sys.setprofile(watch)
        try:
            step()
        finally:
            sys.setprofile(None)
        if 0 < number < count:  # the first only warmed the watching up
            watched.append(time.perf_counter() - begin)
            for name, row in watch.rows.items():
                times.setdefault(name, []).append(row.seconds)
    ceilings, rows = peaks(context, dtype, threads), []
    operations, numbers = OPTIMIZERS[WORKLOADS[workload].optimizer]
    watch.rows[OPTIMIZER] = Row(1, 0.0, float(operations * step.parameters),
                                numbers * step.parameters * np.dtype(dtype).itemsize)  # fmt: skip
    times[OPTIMIZER] = [best(step.optimizer.step, STEPS, SECONDS)]
    for name, row in watch.rows.items():
        row.seconds = min(times[name])
        if name in watch.calls and row.seconds < SHORT * row.calls:
            row.seconds = min(row.seconds, watch.again(name))
        share, bound = verdict(row, ceilings)
        rows.append({"operation": name, **vars(row), "share of peak": share, "bound": bound})
    rows.sort(key=lambda row: -row["seconds"])
    rest = {"operation": REST, **dict.fromkeys(vars(Row()), 0.0), "share of peak": 0.0, "bound": "overhead"}
    rows.append(rest | {"seconds": max(0.0, plain - sum(row["seconds"] for row in rows))})
    events = [
        {"name": e["name"], "ph": "X", "pid": 1, "tid": 1, "ts": (e["start"] - begin) * 1e6,
         "dur": e["seconds"] * 1e6, "args": {"arrays": e["shapes"]}} for e in watch.events
    ]  # fmt: skip
    events.insert(0, {"name": f"step of {workload}", "ph": "X", "pid": 1, "tid": 1, "ts": 0.0,
                      "dur": watched[-1] * 1e6, "args": {}})  # fmt: skip
    return {
        "rows": rows,
        "peaks": ceilings,
        "seconds": plain,
        "watched": min(watched),
        "events": events,
    }
