"""The parts of a run: which tasks each has, and how they are measured. Each gives records for the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import backends, imports, intervals
from .measure import Plan, Task, add_ratios, run_task
from .processes import Worker, WorkerError
from .workloads import TOLERANCE, WORKLOADS

Record = dict[str, Any]
TAPE_GOAL, MEMORY_GOAL = 0.6, 1.0
LENGTHS = (100, 1_000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Settings:
    """What a run was asked for."""

    workloads: Sequence[str]
    backends: Sequence[str]
    threads: Sequence[int]
    plan: Plan
    batch: int | None = None
    dtype: str = "float32"
    full: bool = False
    tell: Callable[[str], None] = lambda text: None

    def batch_of(self, workload: str) -> int:
        return self.batch or WORKLOADS[workload].batch


def steps(settings: Settings) -> Iterator[Record]:
    """The training steps."""
    for threads in settings.threads:
        for name in settings.workloads:
            workload, batch = WORKLOADS[name], settings.batch_of(name)
            settings.tell(f"{name}, batch {batch}, threads: {threads}")
            task = Task(
                name,
                "benchmarks.steps:training_step",
                {"workload": name, "batch": batch, "dtype": settings.dtype},
                TOLERANCE[settings.dtype],
                workload.images,
                True,
            )
            record = run_task(task, settings.backends, threads, settings.plan, workload.goal)
            yield {"part": "steps", "batch": batch, "dtype": settings.dtype, **record}


def memory(settings: Settings, measured: Sequence[Record]) -> Iterator[Record]:
    """Peak memory of the steps, with the options at which each library was quickest."""
    for threads in settings.threads:
        for name in settings.workloads:
            batch = settings.batch_of(name)
            settings.tell(f"memory of {name}, batch {batch}, threads: {threads}")
            step: Record = next(
                (r for r in measured if (r["part"], r["task"], r["threads"]) == ("steps", name, threads)), {}
            )
            record: Record = {
                "part": "memory",
                "task": name,
                "batch": batch,
                "dtype": settings.dtype,
                "threads": threads,
                "unit": "bytes",
                "candidates": {},
                "skipped": {},
                "failed": {},
                "disagreement": step.get("disagreement"),
                "claimed": WORKLOADS[name].memory_claimed,
            }
            for backend in settings.backends if not record["disagreement"] else ():
                options = step.get("candidates", {}).get(backend, {}).get("options", {})
                try:
                    growth = [
                        _growth(
                            backend,
                            threads,
                            workload=name,
                            batch=batch,
                            dtype=settings.dtype,
                            options=options,
                        )
                        for _ in range(settings.plan.launches)
                    ]
                except WorkerError as error:
                    record["skipped" if error.missing else "failed"][backend] = str(error)
                    continue
                facts = intervals.summary([[float(value)] for value in growth])
                record["candidates"][backend] = {
                    "options": options,
                    "variant": backends.describe(options),
                    **facts,
                }
            add_ratios(record, MEMORY_GOAL if record["claimed"] else None)
            yield record


def _growth(backend: str, threads: int, **arguments: Any) -> int:
    with Worker(backend, threads) as worker:
        return worker.ask("benchmarks.steps:memory", **arguments)["growth"]


def tape(settings: Settings) -> Iterator[Record]:
    """What recording costs, on one thread: nothing here is large enough for two."""
    for name, function, arguments, goal in (
        ("a call, not recorded", "unrecorded", {}, None),
        ("a recorded call", "record", {}, TAPE_GOAL),
        ("100 operations and backward", "chain", {"length": 100}, TAPE_GOAL),
    ):
        settings.tell(f"tape: {name}")
        task = Task(name, f"benchmarks.tape:{function}", arguments, tolerance=1e-6)
        yield {"part": "tape", **run_task(task, settings.backends, 1, settings.plan, goal)}


def graph(settings: Settings) -> Iterator[Record]:
    """Cost per node against the length of the graph."""
    plan = replace(settings.plan, rounds=min(settings.plan.rounds, 6), launches=1)
    for length in LENGTHS if settings.full else LENGTHS[:-1]:
        settings.tell(f"graph of {length:,} nodes")
        task = Task(f"{length:,} nodes", "benchmarks.tape:chain", {"length": length}, tolerance=1e-6)
        yield {"part": "graph", "length": length, **run_task(task, settings.backends, 1, plan)}


def import_times(settings: Settings) -> Iterator[Record]:
    settings.tell("imports")
    record: Record = {"part": "imports", "task": "import minigrad", "threads": 1, "skipped": {}, "failed": {}}
    try:
        record |= imports.measure_imports(settings.plan.rounds)
    except WorkerError as error:
        record |= {"failed": {"minigrad": str(error)}, "candidates": {}, "ratios": {}}
    yield record


PARTS: dict[str, str] = {
    "steps": "the training steps",
    "memory": "their peak memory",
    "tape": "what recording an operation costs",
    "graph": "cost per node against the graph's length",
    "imports": "import minigrad beside import numpy",
}


def run(part: str, settings: Settings, measured: Sequence[Record]) -> Iterator[Record]:
    """The records of one part, as they come; `measured`: those of the parts before it."""
    if part == "memory":
        return memory(settings, measured)
    return {"steps": steps, "tape": tape, "graph": graph, "imports": import_times}[part](settings)
