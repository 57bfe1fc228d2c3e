"""In a worker: whole programs, an epoch at a time: `minigrad train`, and a course's classifier.

An epoch is what a person waits for: shuffling, collating, every step, and the validation after it. Both run
as they are written; torch gets none of the settings that the steps try for it.
"""

from __future__ import annotations

import runpy
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .backends import BACKENDS
from .processes import ROOT
from .worker import Context, Task
from .workloads import CHECKED_STEPS

MODELS = ("logreg", "mlp", "cnn")
EXAMPLE, IMAGES = "examples/001_classifier.py", 176


def _task(epoch: Callable[[], Any], losses: list[float], samples: int) -> Task:
    def check() -> list[float]:
        epoch()
        return losses[:CHECKED_STEPS]

    return Task(epoch, check=check, facts={"samples": samples})


def train(context: Context, model: str, dtype: str) -> Task:
    """An epoch of `minigrad train --model MODEL --dtype DTYPE` on the digits."""
    from minigrad.cli import data
    from minigrad.cli.run import Run
    from minigrad.cli.train import train as loop

    options = Namespace(model=model, dtype=dtype, data=["digits"], epochs=sys.maxsize, batch_size=64, lr=0.05,
                        momentum=0.9, seed=0, out="")  # fmt: skip
    run = Run(context.name, context.B, context.device, data.read(["digits"]), options)
    epochs = loop(context.B, run, lambda run: None)
    return _task(lambda: next(epochs), run.losses, len(run.loader.dataset))


def classifier(context: Context) -> Task:
    """An epoch of the example's loops, on the model, data and optimizer that the program itself has made and
    trained for one."""
    backend = "cupy" if context.device == "cuda" else "numpy"
    backend = "torch" if BACKENDS[context.name].is_torch else backend
    before, path = sys.argv, sys.path[:]
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = [EXAMPLE, "--epochs", "1", "--images", str(IMAGES), "--backend", backend, "--out", folder]
        sys.path.insert(0, str(ROOT / Path(EXAMPLE).parent))
        try:
            made = runpy.run_path(str(ROOT / EXAMPLE))
        except SystemExit as refused:
            missing = isinstance(refused.code, str)  # packages of the examples; else it is an error of ours
            error = NotImplementedError if missing else RuntimeError
            raise error(f"{EXAMPLE} refuses to run: {refused}") from None
        finally:
            sys.argv, sys.path[:] = before, path
    model, optimizer, losses = made["model"], made["optimizer"], []

    def epoch() -> None:
        model.train()
        for data, target in made["train_loader"]:
            data, target = data.to(context.device), target.to(context.device)
            optimizer.zero_grad()
            loss = made["loss_function"](model(data), target)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with context.B.no_grad():
            for data, target in made["eval_loader"]:
                scores = model(data.to(context.device))
                (scores.argmax(dim=1) == target.to(context.device)).sum().item()

    return _task(epoch, losses, IMAGES)
