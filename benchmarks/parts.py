"""The parts of a run: which tasks each has, and how they are measured. Each gives records for the file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from . import backends, imports, intervals, jobs, layers, ops
from .measure import Plan, Pool, Task, add_ratios, run_task
from .processes import Worker, WorkerError
from .workloads import TOLERANCE, WORKLOADS

Record = dict[str, Any]
TAPE_GOAL, MEMORY_GOAL = 0.6, 1.0
MEMORY_LAUNCHES = 3
OWN = ("numpy", "numba")  # minigrad's backends on the CPU
OPERATION_TOLERANCE = 1e-3  # of means over a result: rounding averages out, a wrong operation does not
SMALL = Plan(rounds=5, launches=1, selection=1, seconds=0.02, pause=0.01)
SCALED = (
    ("mlp-big", "batch", (16, 32, 64, 128, 256, 512)), ("mlp-big", "width", (64, 128, 256, 512, 1024)),
    ("cnn-mnist", "batch", (4, 8, 16, 32, 64, 128)),
)  # fmt: skip
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
    operations: Sequence[str] = ()  # samples of the parity harness; none: all
    tell: Callable[[str], None] = lambda text: None

    def batch_of(self, workload: str) -> int:
        return self.batch or WORKLOADS[workload].batch

    @property
    def tapes(self) -> Sequence[str]:
        """The backends whose recording differs: compiled kernels record as NumPy's."""
        return [name for name in self.backends if name != "numba" or "numpy" not in self.backends]


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
                        for _ in range(min(settings.plan.launches, MEMORY_LAUNCHES))
                    ]
                except WorkerError as error:
                    record["skipped" if error.missing else "failed"][backend] = str(error)
                    continue
                facts = intervals.summary([[float(value)] for value in growth])
                variant = {"variant": backends.describe(options)} if options else {}
                record["candidates"][backend] = {"options": options, **variant, **facts}
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
        ("the same, its result kept", "record_kept", {}, None),
        ("100 operations and backward", "chain", {"length": 100}, TAPE_GOAL),
    ):
        settings.tell(f"tape: {name}")
        task = Task(name, f"benchmarks.tape:{function}", arguments, tolerance=1e-6)
        yield {"part": "tape", **run_task(task, settings.tapes, 1, settings.plan, goal)}


def graph(settings: Settings) -> Iterator[Record]:
    """Cost per node against the length of the graph."""
    plan = replace(settings.plan, rounds=min(settings.plan.rounds, 6), launches=1)
    for length in LENGTHS if settings.full else LENGTHS[:-1]:
        settings.tell(f"graph of {length:,} nodes")
        task = Task(f"{length:,} nodes", "benchmarks.tape:chain", {"length": length}, tolerance=1e-6)
        yield {"part": "graph", "length": length, **run_task(task, settings.tapes, 1, plan)}


def import_times(settings: Settings) -> Iterator[Record]:
    settings.tell("imports")
    record: Record = {"part": "imports", "task": "import minigrad", "threads": 1, "skipped": {}, "failed": {}}
    try:
        record |= imports.measure_imports(settings.plan.rounds)
    except WorkerError as error:
        record |= {"failed": {"minigrad": str(error)}, "candidates": {}, "ratios": {}}
    yield record


def operations(settings: Settings) -> Iterator[Record]:
    """Every operation at three sizes: forward, and forward with backward."""
    plan = replace(SMALL, rounds=min(settings.plan.rounds, SMALL.rounds))
    for threads in settings.threads:
        with Pool(settings.backends, threads) as pool:
            worker = next(iter(pool.workers.values()))
            try:
                samples = worker.ask("benchmarks.ops:samples", only=settings.operations)
            except WorkerError as error:
                record: Record = {"part": "ops", "task": "operations", "threads": threads, "candidates": {}}
                reasons = {settings.backends[0]: str(error)}
                yield record | {
                    "skipped": reasons if error.missing else {},
                    "failed": {} if error.missing else reasons,
                }
                continue
            for sample, backward in itertools.product(samples, (False, True)):
                seen: set[int] = set()
                for elements in ops.SIZES:
                    name = f"{sample} {'forward+backward' if backward else 'forward'}"
                    settings.tell(f"{name}, {elements:,} elements, threads: {threads}")
                    arguments = {"sample": sample, "elements": elements, "backward": backward}
                    task = Task(name, "benchmarks.ops:operation", arguments, OPERATION_TOLERANCE)
                    record = run_task(task, settings.backends, threads, plan, pool=pool)
                    drawn = next((own["elements"] for own in record["candidates"].values()), elements)
                    reasons = record["skipped"]
                    if drawn in seen or reasons and all(ops.NO_GRADIENT in why for why in reasons.values()):
                        break  # the sample's shapes do not grow, or it has no gradient
                    seen.add(drawn)
                    yield record | {"part": "ops", "task": f"{name}, {drawn:,} elements", "elements": drawn}


def convolutions(settings: Settings) -> Iterator[Record]:
    """Convolution over the layers of ResNet-18 and VGG-16."""
    batch = settings.batch or layers.BATCH
    plan = replace(settings.plan, rounds=min(settings.plan.rounds, 5), launches=1)
    for threads in settings.threads:
        with Pool(settings.backends, threads) as pool:
            for network, shapes in layers.LAYERS.items():
                for layer, backward in itertools.product(shapes, (False, True)):
                    name = f"{network} {layer.name} {'forward+backward' if backward else 'forward'}"
                    settings.tell(f"{name}, batch {batch}, threads: {threads}")
                    arguments = {"layer": asdict(layer), "batch": batch, "dtype": settings.dtype,
                                 "backward": backward}  # fmt: skip
                    task = Task(
                        name, "benchmarks.layers:convolution", arguments, OPERATION_TOLERANCE, images=True
                    )
                    record = run_task(task, settings.backends, threads, plan, pool=pool)
                    yield {"part": "conv", "batch": batch, "dtype": settings.dtype, **record}


def scaling(settings: Settings) -> Iterator[Record]:
    """How a step's time grows with the batch and with the width of its layers."""
    plan = replace(settings.plan, rounds=min(settings.plan.rounds, 9), launches=1)
    for threads in settings.threads:
        for workload, over, sizes in SCALED:
            for size in sizes:
                name = f"{workload}, {over} {size}"
                settings.tell(f"{name}, threads: {threads}")
                arguments = {
                    "workload": workload,
                    "batch": WORKLOADS[workload].batch,
                    "dtype": settings.dtype,
                }
                task = Task(name, "benchmarks.steps:training_step", arguments | {over: size},
                            TOLERANCE[settings.dtype], WORKLOADS[workload].images, True)  # fmt: skip
                record = run_task(task, settings.backends, threads, plan)
                about = {"part": "scaling", "dtype": settings.dtype, "over": f"{over} of {workload}"}
                yield record | about | {"size": size}


def programs(settings: Settings) -> Iterator[Record]:
    """Epochs of whole programs, in samples per second: `minigrad train`, in its default precision and in
    float32, and the classifier of the examples."""
    plan = replace(settings.plan, rounds=min(settings.plan.rounds, 10))
    rows = [(f"train --model {model} --dtype {dtype}", dtype, Task(
                "", "benchmarks.jobs:train", {"model": model, "dtype": dtype}, TOLERANCE[dtype]))
            for dtype in ("float64", "float32") for model in jobs.MODELS]  # fmt: skip
    rows.append((jobs.EXAMPLE, "float32", Task("", "benchmarks.jobs:classifier", {}, TOLERANCE["float32"])))
    for threads in settings.threads:
        for name, dtype, task in rows:
            settings.tell(f"{name}, threads: {threads}")
            record = run_task(replace(task, name=name), settings.backends, threads, plan)
            yield {"part": "jobs", "dtype": dtype, "unit": "samples", **record}


def _in_workers(
    part: str, task: str, settings: Settings, threads: int, function: str, **arguments: Any
) -> Iterator[Record]:
    """A record for each of minigrad's backends on the CPU, with what `function` finds in a worker."""
    for backend in [name for name in settings.backends if name in OWN] or OWN[:1]:
        record: Record = {"part": part, "task": task, "backend": backend, "threads": threads}
        record |= {"dtype": settings.dtype, "candidates": {}, "skipped": {}, "failed": {}}
        try:
            with Worker(backend, threads) as worker:
                record |= worker.ask(function, dtype=settings.dtype, threads=threads, **arguments)
        except WorkerError as error:
            record["skipped" if error.missing else "failed"][backend] = str(error)
        yield record


def profile(settings: Settings) -> Iterator[Record]:
    """The cost ledger of each step; the trace of one step is under "events"."""
    for threads in settings.threads:
        for name in settings.workloads:
            batch = settings.batch_of(name)
            settings.tell(f"the ledger of {name}, threads: {threads}")
            found = _in_workers("profile", name, settings, threads, "benchmarks.ledger:ledger", workload=name,
                                batch=batch)  # fmt: skip
            yield from (record | {"batch": batch} for record in found)


def roofline(settings: Settings) -> Iterator[Record]:
    """Single kernels under this machine's ceilings."""
    for threads in settings.threads:
        settings.tell(f"the roofline, threads: {threads}")
        yield from _in_workers("roofline", "kernels", settings, threads, "benchmarks.kernels:measured")


PARTS: dict[str, str] = {
    "steps": "the training steps",
    "memory": "their peak memory",
    "tape": "what recording an operation costs",
    "graph": "cost per node against the graph's length",
    "imports": "import minigrad beside import numpy",
    "ops": "every operation at three sizes (some minutes)",
    "conv": "convolution over the layers of ResNet-18 and VGG-16 (some minutes)",
    "jobs": "samples per second of minigrad train and of the examples' classifier",
    "profile": "where the steps' time goes on minigrad, and a trace for Perfetto",
    "roofline": "single kernels against what this machine can do",
    "scaling": "steps over batch and width, with fitted exponents (some minutes)",
}


def run(part: str, settings: Settings, measured: Sequence[Record]) -> Iterator[Record]:
    """The records of one part, as they come; `measured`: those of the parts before it."""
    if part == "memory":
        return memory(settings, measured)
    runners = {"steps": steps, "tape": tape, "graph": graph, "imports": import_times,
               "ops": operations, "conv": convolutions, "jobs": programs, "profile": profile,
               "roofline": roofline, "scaling": scaling}  # fmt: skip
    return runners[part](settings)
