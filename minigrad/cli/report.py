"""What `minigrad train` shows and leaves behind: rows, a progress bar, the comparison, curves and history."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections import Counter
from statistics import median
from typing import Any

import numpy as np

from minigrad.atomic import replace_file
from minigrad.cli.run import Run


class Screen:
    """Prints rows; on a terminal, with a progress bar for each backend below them."""

    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs
        self.rows_of_epoch: Counter[float] = Counter()
        self.progress: Any = None
        if sys.stdout.isatty():
            from rich.progress import Progress

            self.progress = Progress(transient=True)

    def __enter__(self) -> Screen:
        options, run = self.runs[0].options, self.runs[0]
        sizes = f"{len(run.loader.dataset):,} training and {len(run.validation.dataset):,} validation images"
        self.print(f"{options.model} ({options.dtype}, seed {options.seed}) on {options.data[0]}: {sizes}")
        self.print("epoch  backend    train loss  validation loss  accuracy  samples/s")
        if self.progress is not None:
            self.progress.start()
            steps = options.epochs * len(run.loader)
            self.tasks = {run.name: self.progress.add_task(run.name, total=steps) for run in self.runs}
        rows = [(row["epoch"], index, row) for index, run in enumerate(self.runs) for row in run.history]
        for _, index, row in sorted(rows, key=lambda entry: entry[:2]):  # what was done before a --resume
            self.show(self.runs[index], row)
        return self

    def __exit__(self, *args: Any) -> None:
        if self.progress is not None:
            self.progress.stop()

    def print(self, text: str) -> None:
        if self.progress is not None:
            self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, flush=True)

    def advance(self, run: Run) -> None:
        if self.progress is not None:
            self.progress.update(self.tasks[run.name], completed=len(run.losses))

    def show(self, run: Run, row: dict[str, float]) -> None:
        epoch, speed = int(row["epoch"]), row.get("samples_per_second")
        self.print(
            f"{epoch:5}  {run.name:7}  {row['train_loss']:12.8f}  {row['validation_loss']:15.8f}  "
            f"{row['accuracy']:6.2f} %  {'–' if speed is None else format(speed, ',.0f'):>9}"
        )
        self.rows_of_epoch[epoch] += 1
        if run.options.dtype == "float32" and 1 < len(self.runs) == self.rows_of_epoch[epoch]:
            first, *others = self.runs
            for other in others:
                difference = relative_difference(first, other, epoch)
                self.print(f"       largest relative difference of {other.name} in loss: {difference:.1e}")


def relative_difference(first: Run, other: Run, epoch: int) -> float:
    """The largest relative difference between the losses of an epoch's steps on two backends."""
    steps = len(first.loader)
    a, b = (np.array(run.losses[(epoch - 1) * steps : epoch * steps]) for run in (first, other))
    scale = np.maximum(abs(a), abs(b))
    return float(np.max(abs(a - b) / np.where(scale == 0, 1, scale)))


def loss_differences(first: Run, other: Run) -> np.ndarray:
    """The absolute difference between the losses of two runs after each step that both have taken."""
    return np.array([abs(a - b) for a, b in zip(first.losses, other.losses, strict=False)])


def compare(first: Run, other: Run) -> dict[str, Any]:
    """How far two finished runs are apart: the largest absolute differences, and the ratio of speeds."""
    weights = [
        {name: value.detach().cpu().numpy() for name, value in run.model.state_dict().items()}
        for run in (first, other)
    ]
    speeds = [median(row["samples_per_second"] for row in run.history if "samples_per_second" in row)
              for run in (first, other)]
    return {
        "backends": [first.name, other.name],
        "largest_difference_in_loss": float(loss_differences(first, other).max()),
        "largest_difference_in_weights": max(
            float(np.max(abs(np.subtract(weights[0][name], weights[1][name])))) for name in weights[0]
        ),
        "accuracies": [run.history[-1]["accuracy"] for run in (first, other)],
        "samples_per_second": speeds,
        "speed_ratio": speeds[0] / speeds[1],
    }


def finish(runs: list[Run], options: Namespace) -> None:
    """Prints the comparison, and writes history.json and curves.png to the folder of the run."""
    first, *others = runs
    comparisons = [compare(first, other) for other in others]
    for found in comparisons:
        name, other = found["backends"]
        speeds = "{:,.0f} and {:,.0f} samples/s".format(*found["samples_per_second"])
        print(f"\n{name} against {other}, {len(first.losses):,} steps each")
        print(f"  largest difference in loss     {found['largest_difference_in_loss']:.1e}")
        print(f"  largest difference in weights  {found['largest_difference_in_weights']:.1e}")
        print("  validation accuracy            {:.2f} % and {:.2f} %".format(*found["accuracies"]))
        print(f"  speed                          {speeds}, ratio {found['speed_ratio']:.2f}")
    if not others:
        print(f"\nvalidation accuracy {first.history[-1]['accuracy']:.2f} %")
    history = {
        "options": {key: value for key, value in vars(options).items() if key not in ("command", "resume")},
        "backends": {run.name: {"epochs": run.history, "step_losses": run.losses} for run in runs},
        "comparisons": comparisons,
    }
    with replace_file(os.path.join(options.out, "history.json")) as stream:
        stream.write(json.dumps(history, indent=1).encode())
    with replace_file(os.path.join(options.out, "curves.png")) as stream:
        draw_curves(runs).savefig(stream, format="png", dpi=120)
    folders = " ".join(f"{run.name}/" for run in runs)
    print(f"\ncurves.png, history.json and the best and last checkpoints ({folders}) are in {options.out}")


def draw_curves(runs: list[Run]) -> Any:
    """A figure of losses and accuracy; with several backends, of their difference after each step too."""
    from matplotlib.figure import Figure

    first, *others = runs
    figure = Figure(figsize=(13 if others else 9, 3.8), layout="constrained")
    loss, accuracy, *rest = figure.subplots(1, 3 if others else 2)
    # Equal curves hide one another: the first is broad and pale, the others dashed upon it.
    styles: list[dict[str, Any]] = [{"lw": 6, "alpha": 0.35}, {"lw": 1.6, "ls": "--"}, {"lw": 1.6, "ls": ":"}]
    for run, style in zip(runs, styles, strict=False):
        epochs = [row["epoch"] for row in run.history]
        for axes, key, color in ((loss, "train_loss", "C0"), (loss, "validation_loss", "C1"),
                                 (accuracy, "accuracy", "C2")):  # fmt: skip
            style |= {"color": color, "label": f"{key.partition('_')[0]}, {run.name}", "marker": "."}
            axes.plot(epochs, [row[key] for row in run.history], **style)
    loss.set(title="Loss", xlabel="epoch", yscale="log")
    accuracy.set(title="Validation accuracy (%)", xlabel="epoch")
    for other in others:
        gap = np.maximum(loss_differences(first, other), 1e-17)
        times = np.arange(1, len(gap) + 1) / len(first.loader)
        rest[0].plot(times, gap, lw=1, label=f"{first.name} − {other.name} (0 as 1e-17)")
        rest[0].set(title="Difference in the loss of each step", xlabel="epoch", yscale="log")
    for axes in figure.axes:
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure
