"""`minigrad train`: the loop, and the command around it, which runs it on each backend in turn."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import suppress
from glob import escape, glob
from importlib.util import find_spec
from pickle import UnpicklingError
from typing import Any

from minigrad.cli import UserError, data, one_line, report
from minigrad.cli.run import REMEMBERED, Run, load_backend

# What a run keeps when it is continued.
_LASTING = [name for name in REMEMBERED if name not in ("epochs", "out")]


def train(B: Any, run: Run, after_step: Callable[[Run], None]) -> Iterator[dict[str, float]]:
    """Trains ``run`` on the library ``B`` from wherever it stands, and yields the row of every epoch.

    ``after_step`` may raise: training then continues later, or elsewhere, as if it had never stopped.
    """
    cross_entropy = B.nn.functional.cross_entropy
    while run.epoch < run.options.epochs:
        samples, started = 0, time.perf_counter()
        run.model.train()
        for images, labels in run.remaining_batches():
            run.optimizer.zero_grad()
            loss = cross_entropy(run.model(images), labels)
            loss.backward()
            run.optimizer.step()
            samples += len(labels)
            run.losses.append(loss.item())
            after_step(run)
        speed = samples / (time.perf_counter() - started)

        run.model.eval()
        total, correct, count = 0.0, 0, 0
        with B.no_grad():
            for images, labels in run.validation_batches():
                scores = run.model(images)
                total += cross_entropy(scores, labels, reduction="sum").item()
                correct += (scores.argmax(1) == labels).sum().item()
                count += len(labels)
        yield run.finish_epoch(total / count, 100 * correct / count, speed)


class Interrupted(Exception):
    """Ctrl-C was pressed, and the step it fell into is finished."""


class CtrlC:
    """While entered, a first Ctrl-C only sets ``pressed``, so the step in hand ends; a second interrupts."""

    pressed = False

    def __enter__(self) -> CtrlC:
        # Signals reach the main thread only; elsewhere there is nothing to catch, nor a way to.
        self.active = threading.current_thread() is threading.main_thread()
        if self.active:
            self.previous = signal.signal(signal.SIGINT, self.press)
        return self

    def press(self, *args: Any) -> None:
        self.pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *args: Any) -> None:
        if self.active:
            signal.signal(signal.SIGINT, self.previous)


def options_of(paths: list[str]) -> dict[str, Any]:
    """The options to continue the checkpoints ``paths`` with. Raises UserError if one is no checkpoint, or
    they are of different runs: what those compare would be their options, not the backends.
    """
    states = [_read(path) for path in paths]
    for path, state in zip(paths[1:], states[1:]):
        for name in _LASTING:
            first, other = states[0]["options"][name], state["options"][name]
            if first != other:
                raise UserError(f"{paths[0]} and {path} are of different runs: --{name.replace('_', '-')} is "
                                f"{first} and {other}; resume one of them")  # fmt: skip
    return {**states[0]["options"], "backend": [state["backend"] for state in states]}


def _read(path: str) -> dict[str, Any]:
    """What a checkpoint is about: its backend and its options."""
    import minigrad

    try:
        state = minigrad.load(path)
    except OSError as error:
        raise UserError(f"cannot read the checkpoint: {one_line(error)}") from error
    except (RuntimeError, EOFError, UnpicklingError) as error:
        raise UserError(f"{path} is not a checkpoint: {one_line(error)}") from error
    about = state.get("about") if isinstance(state, dict) else None
    if not isinstance(about, dict) or set(REMEMBERED) - set(about.get("options", ())):
        raise UserError(f"{path} is not a checkpoint of minigrad train")
    return about


def check_kept(options: Namespace, kept: dict[str, Any]) -> None:
    """UserError where a resumed run is asked to become another one."""
    for name in _LASTING:
        if getattr(options, name) != kept[name]:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option} cannot change in a resumed run: it is {kept[name]} there; "
                            "leave it out")  # fmt: skip


def _make_runs(options: Namespace) -> list[Run]:
    names = options.backend or ["numpy", *(["torch"] if find_spec("torch") else [])]
    backends = [(name, *load_backend(name)) for name in dict.fromkeys(names)]
    images = data.read(options.data)
    if options.model == "cnn" and min(images.images.shape[2:]) < 4:
        raise UserError("the cnn needs images of at least 4×4 pixels; choose --model mlp or logreg")
    runs = [Run(*backend, images, options) for backend in backends]
    paths = {_read(path)["backend"]: path for path in options.resume}
    for run in runs if paths else []:
        if run.name not in paths and len(paths) > 1:
            raise UserError(f"none of the checkpoints is of the {run.name} backend")
        run.restore(paths.get(run.name) or options.resume[0])
    return runs


def _folder(options: Namespace) -> str:
    """Where the run is kept: a new folder, or --out. Raises UserError where that holds another run."""
    if options.out is None:
        for number in itertools.count(1):
            folder = f"runs/{options.data[0]}-{options.model}" + f"-{number}" * (number > 1)
            with suppress(FileExistsError):
                os.makedirs(folder)
                return folder
    kept = glob(os.path.join(escape(options.out), "*", "last.safetensors"))
    continued = {os.path.realpath(path) for path in options.resume}
    if kept and continued.isdisjoint(map(os.path.realpath, kept)):
        raise UserError(f"{options.out} holds another run: pass another --out, or continue that one with "
                        f"--resume {' '.join(sorted(kept))}")  # fmt: skip
    return options.out


def run_command(options: Namespace) -> int:
    """Runs `minigrad train`; the exit code is 0, or 130 after Ctrl-C."""
    runs = _make_runs(options)
    options.backend = [run.name for run in runs]
    if options.resume and all(run.epoch >= options.epochs for run in runs):
        raise UserError(f"the run is at epoch {runs[0].epoch} already: pass --epochs above that to go on")
    options.out = _folder(options)
    for run in runs:
        run.save("last")  # before any work: a folder that cannot be written is told at once
    with CtrlC() as ctrl_c, report.Screen(runs) as screen:

        def after_step(run: Run) -> None:
            screen.advance(run)
            if ctrl_c.pressed:
                raise Interrupted

        loops = {run.name: train(run.library, run, after_step) for run in runs}
        try:
            while any(run.epoch < options.epochs for run in runs):
                # The backend that is behind goes first: they take turns, and resumed ones catch up.
                run = min(runs, key=lambda run: run.epoch)
                run.library.set_rng_state(run.random_state)
                try:
                    row = next(loops[run.name])
                finally:
                    run.random_state = run.library.get_rng_state()
                screen.show(run, row)
                run.save("last")
                if row["accuracy"] > max((past["accuracy"] for past in run.history[:-1]), default=-1.0):
                    run.save("best")
                if ctrl_c.pressed:
                    raise Interrupted
        except Interrupted:
            run.save("last")  # the others stand where they were saved
            files = " ".join(run.path("last") for run in runs)
            screen.print(f"interrupted and saved; to continue: minigrad train --resume {files}")
            return 130
    report.finish(runs, options)
    return 0
