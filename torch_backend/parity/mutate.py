"""`python -m torch_backend.parity.mutate [--ops NAME ...] [--quick]`: break every gradient rule; who notices?

Tests of the tests. Each rule in minigrad's registry is broken in standard ways, and each shared place of the
engine; the checks of that op must then fail ("killed"). Survivors must stand in `EQUIVALENT` with a proof.
"""
from __future__ import annotations

import argparse
import multiprocessing
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import minigrad
from minigrad.engine import REGISTRY, core, errors, inplace, promote, walk
from minigrad.engine import op as op_module

from .compare import compare
from .coverage import samples_of
from .draw import BROADCAST, MIXED, REPEATED, Sample
from .run import cases
from .samples import SAMPLES

# (mutant, op or ""): why no test can tell it from the original. At most 2 % of all mutants may stand here.
EQUIVALENT: dict[tuple[str, str], str] = {
    ("transposed", "masked_fill.value"): "the value is 0-d: its cotangent is a sum over all elements",
}
ALLOWED = 0.02


# Breaking a rule: what it returns, or what it is told
def _each(change: Callable[[Any], Any], result: Any) -> Any:
    if isinstance(result, (tuple, list)):
        return type(result)(None if part is None else change(part) for part in result)
    return None if result is None else change(result)


def _transposed(result: Any) -> Any:
    """Every dimension reversed, then read into the old shape: what a forgotten inverse permutation gives."""
    order = tuple(range(len(result.shape)))[::-1]
    turned = result.permute(order) if hasattr(result, "permute") else result.transpose(order)
    if len(order) < 2:
        turned = result[list(range(result.shape[0]))[::-1]] if order else result * 2
    return turned.reshape(result.shape)


def _other_axis(dim: Any) -> Any:
    if dim is None:
        return 0
    return tuple(_other_axis(d) for d in dim) if isinstance(dim,
                                                            tuple) else (dim + 1 if dim <= 0 else dim - 1)


RESULTS: dict[str, Callable[[Any], Any]] = {
    "×2": lambda r: r * 2, "sign": lambda r: -r, "dropped operand": lambda r: r * 0,
    "transposed": _transposed}


def _broken(rule: Callable[..., Any], mutant: str, axis: int | None) -> Callable[..., Any]:
    """The rule, broken. A rule that is constantly 0 is made to pass the cotangent on instead."""
    if mutant == "not 0":
        return lambda g, *rest: g
    if mutant == "wrong axis":
        return lambda *told: rule(*(_other_axis(v) if k == axis else v for k, v in enumerate(told)))
    return lambda *told: _each(RESULTS[mutant], rule(*told))


@contextmanager
def broken_rule(name: str, position: int, mutant: str) -> Iterator[None]:
    """minigrad with one rule of one op broken."""
    row = REGISTRY[name]
    reads = [row.names[k] for k in row.reads[position]]
    axis = reads.index("dim") + 1 + bool(row.joint) if "dim" in reads else None
    rule = _broken(row.grads[position], mutant, axis)
    grads, steps = list(row.grads), list(row.steps)
    grads[position], steps[position] = rule, (rule, *row.steps[position][1:])
    with patch.object(row, "grads", tuple(grads)), patch.object(row, "steps", tuple(steps)):
        yield


# Breaking a shared place
def _first_slice(g: Any, shape: tuple[int, ...]) -> Any:
    """No un-broadcast: one slice instead of the sum over all."""
    while len(g.shape) > len(shape):
        g = g[0]
    key = tuple(slice(0, 1) if size == 1 else slice(None) for size in shape)
    return g[key] if key else g


def _oldest_first(heap: list[int]) -> int:
    """The heap holds negated creation numbers."""
    return heap.pop(heap.index(max(heap)))


def _constant(original: Callable[..., Any]) -> Callable[..., Any]:
    """What is saved loses its place in the graph: second derivatives miss the paths through it."""
    return lambda node, index: getattr(original(node, index), "detach", lambda: original(node, index))()


@contextmanager
def _fresh_plans() -> Iterator[None]:
    """What an op keeps is planned once: a mutant's plans must not outlive it, nor older ones serve it."""
    for row in REGISTRY.values():
        row.plans.clear()
    try:
        yield
    finally:
        for row in REGISTRY.values():
            row.plans.clear()


SHARED: dict[str, Callable[[], list[Any]]] = {
    "no un-broadcast": lambda: [patch.object(walk, "unbroadcast", _first_slice)],
    "dropped accumulation": lambda: [patch.object(walk, "accumulate", lambda old, g, owned, recorded: g)],
    "accumulation in place in what is not ours": lambda: [patch.object(
        walk, "accumulate", lambda old, g, owned, recorded, add=walk.accumulate: add(old, g, not recorded,
                                                                                     recorded))],
    "first .grad never copied": lambda: [patch.object(walk, "owned_array", lambda g, fresh, like: g)],
    "walk order": lambda: [patch.object(walk, "heappop", _oldest_first)],
    "version check": lambda: [patch.object(errors, "modified", lambda *_: None)],
    "version never bumped": lambda: [patch.object(m, "touch", lambda *_: None) for m in (inplace, core, walk)
                                     if hasattr(m, "touch")],
    "leaf check": lambda: [patch.object(inplace, "check_leaf", lambda tensor: None)],
    "promotion ignores ranks": lambda: [patch.object(
        promote, "_combine", lambda a, b: a or b if a is None or b is None
        else minigrad.dtypes.promote(a, b))],
    "saved values are constants": lambda: [patch.object(walk, "unpack", _constant(walk.unpack))],
    "everything is saved": lambda: [_fresh_plans(), patch.object(
        op_module.Op, "keeps", lambda self, mask: (True,) * len(self.names))],
    "nothing is freed": lambda: [patch.object(
        walk, "walk", lambda *a, walk=walk.walk, **k: walk(*a, **(k | {"keep": True}))),
        patch("minigrad.engine.backward.walk", lambda *a, walk=walk.walk,
              **k: walk(*a, **(k | {"keep": True})))],
}
PER_OP = {"no un-broadcast": BROADCAST, "dropped accumulation": REPEATED}      # shared, but asked of every op


def survives(samples: list[Sample], examples: int, category: str | None = None,
             dtype: str = "float64") -> bool:
    """Do all cases of these samples still agree with torch? Any failure at all is a kill."""
    for sample in samples:
        for case in cases(sample, dtype, examples):
            if category is not None and case.category != category:
                continue
            try:
                compare(sample, case, minigrad)
            except Exception:  # noqa: BLE001 - a mutant may fail in any way
                return False
    return True


def _is_zero(row: Any, position: int) -> bool:
    return row.formula[1 + position:2 + position] == ("0",)


def _is_refused(row: Any, position: int) -> bool:
    """A rule that only raises gives nothing to break; bad calls hold it."""
    return row.formula[1 + position:2 + position] == ("refused",)


def mutants_of(name: str) -> list[tuple[str, int | None]]:
    """(mutant, position of the rule) for one row; None for a shared place asked of this op."""
    row, samples = REGISTRY[name], samples_of(name)
    found: list[tuple[str, int | None]] = []
    for position, rule in enumerate(row.grads):
        if rule is None or _is_refused(row, position):
            continue
        if _is_zero(row, position):
            found.append(("not 0", position))
            continue
        found += [(mutant, position) for mutant in RESULTS]
        if "dim" in [row.names[k] for k in row.reads[position]]:
            found.append(("wrong axis", position))
    found += [(m, None) for m, category in PER_OP.items() if any(category in s.categories for s in samples)
              and name == samples[0].op
              and not all(rule is None or _is_zero(row, k) or _is_refused(row, k)
                          for k, rule in enumerate(row.grads))]
    return found


def try_op(task: tuple[str, int]) -> list[tuple[str, str, bool]]:
    """(op and operand, mutant, survived) for every mutant of one op."""
    name, examples = task
    warnings.simplefilter("ignore")
    walk.strict = True
    samples, results = samples_of(name), []
    if not survives(samples, examples):
        return [(name, "no mutant at all", True)]       # a suite that fails anyway kills nothing
    for mutant, position in mutants_of(name):
        with ExitStack() as stack:
            if position is None:
                for change in SHARED[mutant]():
                    stack.enter_context(change)
                results.append((name, mutant, survives(samples, 3 * examples, PER_OP[mutant])))
            else:
                stack.enter_context(broken_rule(name, position, mutant))
                label = name if REGISTRY[name].joint else f"{name}.{REGISTRY[name].operands[position]}"
                results.append((label, mutant, survives(samples, examples)))
    return results


def try_shared(task: tuple[str, int]) -> list[tuple[str, str, bool]]:
    """One shared place: first a few ops, then the engine's own tests."""
    import pytest
    mutant, examples = task
    warnings.simplefilter("ignore")
    tests = Path(__file__).parents[2] / "tests"
    with ExitStack() as stack:
        for change in SHARED[mutant]():
            stack.enter_context(change)
        alive = all(survives(samples_of(name), examples) for name in ("add", "mul", "where", "matmul", "sum"))
        alive = alive and survives([SAMPLES["add"]], 3 * examples, dtype=MIXED)
        if alive:
            files = [str(tests / f) for f in ("test_engine.py", "test_state_machine.py")]
            with redirect_stdout(StringIO()):
                alive = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files]) == 0
    return [("engine", mutant, alive)]


def _run(job: tuple[str, tuple[str, int]]) -> list[tuple[str, str, bool]]:
    kind, task = job
    return try_shared(task) if kind == "shared" else try_op(task)


def main() -> int:
    parser = argparse.ArgumentParser(description="Break every gradient rule: who notices?")
    parser.add_argument("--ops", nargs="*", help="only these rows (default: all rows and the shared places)")
    parser.add_argument("--quick", action="store_true", help="fewer cases per mutant")
    options = parser.parse_args()
    examples = 12 if options.quick else 30
    names = options.ops or [name for name, row in REGISTRY.items() if any(row.grads)]
    jobs = [("op", (name, examples)) for name in names]
    if not options.ops:
        jobs = [("shared", (mutant, examples)) for mutant in SHARED] + jobs
    killed, survived = 0, []
    with multiprocessing.get_context("spawn").Pool(min(multiprocessing.cpu_count(), len(jobs))) as pool:
        for results in pool.imap_unordered(_run, jobs):
            for where, mutant, alive in results:
                if alive:
                    survived.append((mutant, where))
                else:
                    killed += 1
    total = killed + len(survived)
    excused = [key for key in survived if key in EQUIVALENT]
    for mutant, where in sorted(set(survived) - set(excused)):
        print(f"SURVIVED  {where}: {mutant}")
    for mutant, where in sorted(excused):
        print(f"equivalent  {where}: {mutant}: {EQUIVALENT[mutant, where]}")
    print(f"{total} mutants of {len(names)} ops: {killed} killed, {len(excused)} equivalent, "
          f"{len(survived) - len(excused)} survived")
    return 1 if len(survived) > len(excused) or len(excused) > ALLOWED * total else 0


if __name__ == "__main__":
    sys.exit(main())
