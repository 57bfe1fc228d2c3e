"""One training run on one backend: the networks, the state that checkpoints hold, the backends by name."""

from __future__ import annotations

import importlib
import os
from argparse import Namespace
from collections.abc import Iterator
from statistics import fmean
from typing import Any

from minigrad.cli import UserError
from minigrad.cli.data import Data, loaders

# Of the options, what a checkpoint remembers.
REMEMBERED = ["model", "data", "epochs", "batch_size", "lr", "momentum", "seed", "dtype", "out"]


def network(nn: Any, kind: str, height: int, width: int, classes: int) -> Any:
    """The cnn, mlp or logreg for images of shape (count, 1, height, width), from the names in ``nn``."""
    if kind == "logreg":
        return nn.Sequential(nn.Flatten(), nn.Linear(height * width, classes))
    if kind == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(height * width, 64), nn.ReLU(),
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, classes),
        )  # fmt: skip
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.25), nn.Linear(32 * (height // 4) * (width // 4), classes),
    )  # fmt: skip


def load_backend(name: str) -> tuple[Any, str]:
    """The library behind a backend's name, and the device it computes on. UserError if it is not here."""
    if name == "torch":
        try:
            return importlib.import_module("torch_backend"), "cpu"
        except ImportError as error:
            raise UserError('the torch backend needs PyTorch: pip install "minigrad[torch]"') from error
    library = importlib.import_module("minigrad")
    if name == "cupy" and not library.cuda.is_available():
        raise UserError('the cupy backend needs an NVIDIA GPU and CuPy: pip install "minigrad[cuda]"')
    return library, "cuda" if name == "cupy" else "cpu"


class Run:
    """Everything that one backend's training consists of; `train` moves it on.

    ``history`` has the rows of the finished epochs and ``losses`` the loss of every step; how far the run is,
    and what a checkpoint holds, is ``state``'s (`minigrad.Run`).
    """

    def __init__(self, name: str, library: Any, device: str, data: Data, options: Namespace) -> None:
        self.name, self.library, self.device, self.options = name, library, device, options
        library.manual_seed(options.seed)
        height, width = data.images.shape[2:]
        classes = max(10, int(data.labels.max()) + 1)
        model = network(library.nn, options.model, height, width, classes)
        self.model = model.to(device, getattr(library, options.dtype))
        self.optimizer = library.optim.SGD(model.parameters(), lr=options.lr, momentum=options.momentum)
        self.loader, self.validation = loaders(library, data, options)
        self.history: list[dict[str, float]] = []
        self.losses: list[float] = []
        self.state = library.Run(
            loader=self.loader, model=self.model, optimizer=self.optimizer, history=self.history,
            losses=self.losses, about={},
        )  # fmt: skip
        self.random_state = library.get_rng_state()

    @property
    def epoch(self) -> int:
        """How many epochs are finished."""
        return self.state.epoch

    def remaining_batches(self) -> Iterator[tuple[Any, Any]]:
        """The batches of this epoch that are left."""
        for images, labels in self.state.batches():
            yield images.to(self.device), labels.to(self.device)

    def validation_batches(self) -> Iterator[tuple[Any, Any]]:
        for images, labels in self.validation:
            yield images.to(self.device), labels.to(self.device)

    def finish_epoch(self, loss: float, accuracy: float, speed: float) -> dict[str, float]:
        """Adds the epoch's row (``loss`` on validation, in percent, samples per second) and returns it."""
        train_loss = fmean(self.losses[-self.state.step :])
        self.state.finish_epoch()
        row = {"epoch": self.epoch, "train_loss": train_loss, "validation_loss": loss,
               "accuracy": accuracy, "samples_per_second": speed}  # fmt: skip
        self.history.append(row)
        return row

    def path(self, kind: str) -> str:
        """Where the checkpoint ``kind`` (best or last) is kept."""
        return os.path.join(self.options.out, self.name, f"{kind}.safetensors")

    def save(self, kind: str) -> None:
        self.state.parts["about"].update(
            backend=self.name, options={key: getattr(self.options, key) for key in REMEMBERED}
        )
        self.library.set_rng_state(self.random_state)  # NumPy and CuPy share theirs
        self.state.save(self.path(kind))

    def restore(self, path: str) -> None:
        """Takes up the state that `save` wrote, on whichever backend. Raises UserError if it does not fit."""
        try:
            self.state.resume(path)
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(f"{path} is no checkpoint of a {self.options.model} for this data") from error
        if self.state.parts["about"]["backend"] != self.name:
            for row in self.history:  # a speed that is not this backend's
                row.pop("samples_per_second", None)
        self.random_state = self.library.get_rng_state()
