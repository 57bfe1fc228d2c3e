"""Taking turns: candidates in processes of their own, A B A B ..., with the control before each turn.

Everything that is timed goes through `measure`: training steps, the tape, single ops, convolutions. A session
may be anything with the methods of `Session`; the tests bring their own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from . import backends, intervals
from .processes import Worker, WorkerError

BLOCKS = 5  # a turn is so many blocks of steps, and its time their median


class Session(Protocol):
    """One candidate, running: `check` gives the numbers to agree on, `turn` seconds per step."""

    def check(self) -> list[float]: ...
    def prepare(self) -> None: ...
    def turn(self) -> float: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Task:
    """Something to time: `function` ("module:name") makes it in a worker."""

    name: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    tolerance: float | None = None  # relative, for the numbers of `check`; None: there are none
    images: bool = False  # channels_last is worth trying
    optimizer: bool = False  # foreach and fused are worth trying


@dataclass
class Candidate:
    """A backend with its best options, or anything else that `open` starts."""

    name: str
    open: Callable[[], Session]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How much is measured. Each launch is a fresh process; rounds are spread over the launches.

    `seconds`: about how long a turn is. `pause`: threads of BLAS and OpenMP spin a while after their work;
    the next turn waits until they sleep. `selection`: turns of each variant when a best is sought.
    """

    rounds: int = 25
    launches: int = 5
    selection: int = 3
    seconds: float = 0.15
    pause: float = 0.05

    @property
    def turns(self) -> int:
        return -(-self.rounds // self.launches)


class WorkerSession:
    """A task set up in a worker: one of its own, or one that is lent and outlives the session."""

    def __init__(
        self,
        task: Task,
        backend: str | None,
        threads: int,
        seconds: float,
        options: dict[str, bool] | None = None,
        lent: Worker | None = None,
    ):
        self.worker, self.lent, self.seconds = lent or Worker(backend, threads), lent is not None, seconds
        try:
            self.facts = self.worker.facts | self.add(task, "task", options)
        except BaseException:
            self.close()
            raise

    def add(self, task: Task, label: str, options: dict[str, bool] | None) -> dict[str, Any]:
        more = {"options": options} if options else {}
        return self.worker.ask(
            "benchmarks.worker:set_up", label=label, function=task.function, **task.arguments, **more
        )

    def check(self) -> list[float]:
        return self.worker.ask("benchmarks.worker:check", label="task")

    def prepare(self, label: str = "task") -> None:
        """Warm up, and find how many steps make a block that the clock reads well."""
        steps = 1
        for attempt in range(4):
            seconds = self.worker.ask("benchmarks.worker:turn", label=label, steps=steps, blocks=1)[0]
            steps = max(1, round(self.seconds / BLOCKS / seconds))
            if attempt and steps == 1:
                break  # a long step: four of them have warmed it up
        self.steps, self.blocks = steps, int(np.clip(self.seconds / (steps * seconds), 1, BLOCKS))

    def turn(self, label: str = "task") -> float:
        times = self.worker.ask("benchmarks.worker:turn", label=label, steps=self.steps, blocks=self.blocks)
        return float(np.median(times))

    def close(self) -> None:
        if self.lent:
            self.worker.ask("benchmarks.worker:forget")
        else:
            self.worker.close()


class Pool:
    """Workers that many small tasks share, so that each need not start processes. A context manager.

    A library that does not load has no worker here; a task that asks for it is told why.
    """

    def __init__(self, names: Sequence[str], threads: int):
        self.workers: dict[str | None, Worker] = {}
        for name in (*names, None):
            with contextlib.suppress(WorkerError):
                self.workers[name] = Worker(name, threads)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers.values():
            worker.close()


def disagreement(names: Sequence[str], numbers: Sequence[list[float]], tolerance: float) -> str | None:
    """Where candidates' losses part, in words; None while they agree. Infinity and NaN agree with nothing."""
    first = numbers[0]
    for name, others in zip(names[1:], numbers[1:]):
        if len(first) != len(others):
            return f"{names[0]} gives {len(first)} values and {name} {len(others)}"
        for step, (a, b) in enumerate(zip(first, others), 1):
            if not (np.isfinite([a, b]).all() and abs(a - b) <= tolerance * max(abs(a), abs(b), 1e-6)):
                return f"value {step} is {a:.8g} from {names[0]} and {b:.8g} from {name}"
    return None


def measure(
    candidates: Sequence[Candidate],
    plan: Plan,
    control: Callable[[], Session] | None = None,
    tolerance: float | None = None,
) -> dict[str, Any]:
    """Check that all candidates compute the same, then time them in turns.

    Gives {"candidates": {name: {"median", "spread", "series", "losses", ...}}, "disagreement", "control"}, in
    seconds; where losses disagree nothing is timed, so that there is no ratio to print.
    """
    series: dict[str, intervals.Series] = {candidate.name: [] for candidate in candidates}
    before: dict[str, intervals.Series] = {candidate.name: [] for candidate in candidates}
    record: dict[str, Any] = {"candidates": {c.name: dict(c.facts) for c in candidates}, "disagreement": None}
    if not candidates:
        return record
    for launch in range(plan.launches):
        sessions: list[Session] = []
        try:
            for candidate in candidates:
                sessions.append(candidate.open())
            if launch == 0 and tolerance is not None:
                losses = [session.check() for session in sessions]
                for candidate, own in zip(candidates, losses):
                    record["candidates"][candidate.name]["losses"] = own
                record["disagreement"] = disagreement([c.name for c in candidates], losses, tolerance)
                if record["disagreement"]:
                    return record
            watch = control() if control else None
            if watch:
                sessions.append(watch)
            for session in sessions:
                session.prepare()
            for candidate in candidates:
                series[candidate.name].append([])
                before[candidate.name].append([])
            for _ in range(plan.turns):
                for candidate, session in zip(candidates, sessions):
                    if watch:
                        time.sleep(plan.pause)
                        before[candidate.name][-1].append(watch.turn())
                    time.sleep(plan.pause)
                    series[candidate.name][-1].append(session.turn())
        finally:
            for session in sessions:
                session.close()
    for name, measured in series.items():
        record["candidates"][name] |= intervals.summary(measured)
    if control:
        everything = [launch for own in before.values() for launch in own]
        record["control"] = intervals.noise(everything, tuple(before.values()))
    return record


def add_ratios(record: dict[str, Any], goal: float | None = None) -> None:
    """Put each candidate's ratio to its reference into the record; none where nothing was timed."""
    record["ratios"] = {}
    timed = {name: own for name, own in record["candidates"].items() if own.get("median")}
    for name, own in timed.items():
        other = backends.reference_of(name, tuple(timed))
        if other:
            ratio = intervals.paired_ratio(own["series"], timed[other]["series"])
            record["ratios"][name] = {"to": other, **ratio.record()}
            if goal is not None:
                record["ratios"][name] |= {"goal": goal, "goal verdict": ratio.against(goal)}


def choose_best(
    task: Task, name: str, threads: int, plan: Plan, lent: Worker | None = None
) -> dict[str, Any]:
    """Set the task up and run it; where a library has variants, try them in turns; gives the best.

    The best is then timed afresh: the times found here choose, and are never quoted.
    """
    options = backends.variants(backends.BACKENDS[name], task.images, task.optimizer)
    session = WorkerSession(task, name, threads, plan.seconds, options[0], lent)
    try:
        session.prepare()
        if len(options) == 1:
            return session.facts | {"options": options[0]}
        labels, prepared = [str(number) for number in range(len(options))], {}
        for label, chosen in zip(labels, options):
            session.add(task, label, chosen)
            session.prepare(label)
            prepared[label] = session.steps, session.blocks
        times: dict[str, list[float]] = {label: [] for label in labels}
        for _ in range(plan.selection):
            for label in labels:
                session.steps, session.blocks = prepared[label]
                times[label].append(session.turn(label))
    finally:
        session.close()
    middle = [float(np.median(times[label])) for label in labels]
    best = options[int(np.argmin(middle))]
    tried = {backends.describe(chosen): seconds for chosen, seconds in zip(options, middle)}
    return session.facts | {"options": best, "variant": backends.describe(best), "tried": tried}


def run_task(
    task: Task,
    names: Sequence[str],
    threads: int,
    plan: Plan,
    goal: float | None = None,
    pool: Pool | None = None,
) -> dict[str, Any]:
    """Measure one task on the backends `names`. One that lacks what it needs is skipped, and says so."""
    record: dict[str, Any] = {"task": task.name, "threads": threads, "candidates": {}}
    record |= {"skipped": {}, "failed": {}}
    candidates = []
    lent = pool.workers if pool else {}
    for name in names:
        try:
            facts = choose_best(task, name, threads, plan, lent.get(name))
        except WorkerError as error:
            record["skipped" if error.missing else "failed"][name] = str(error)
            continue

        def start(name: str = name, options: dict[str, bool] = facts["options"]) -> Session:
            return WorkerSession(task, name, threads, plan.seconds, options, lent.get(name))

        candidates.append(Candidate(name, start, facts))

    def control() -> Session:
        work = Task("control", "benchmarks.control:control", {"threads": threads})
        return WorkerSession(work, None, threads, plan.seconds, lent=lent.get(None))

    try:
        record |= measure(candidates, plan, control, task.tolerance)
    except WorkerError as error:
        record["failed"]["measurement"] = str(error)
    else:
        add_ratios(record, goal)
    return record
