"""The workloads: one training step each, the same lines for every library.

A step is zero_grad, forward, cross-entropy, backward, optimizer step. Weights come from the library's own
initialisers after `manual_seed(0)`, data from NumPy with a fixed seed; so two libraries that compute the same
report the same losses, and only then are their times compared.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import models

CHECKED_STEPS = 5  # so many losses are compared
# Rounding, amplified by five steps of training: far above what equal arithmetic shows, far below any mistake.
TOLERANCE = {"float32": 1e-3, "float64": 1e-9}


@dataclass(frozen=True)
class Workload:
    """One training step. `goal`: the ratio of time to torch's that is to be reached (memory's is 1)."""

    name: str
    text: str
    model: Callable[[Any], Any]
    batch: int
    goal: float
    shape: tuple[int, ...] = (784,)  # of one input; a sequence of tokens where `vocabulary` is set
    classes: int = 10
    vocabulary: int = 0
    optimizer: str = "sgd"
    memory_claimed: bool = True  # small models: a page more or less would decide

    @property
    def images(self) -> bool:
        return len(self.shape) == 3

    def data(self, batch: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels, fixed."""
        random = np.random.default_rng(20)
        if self.vocabulary:
            text = random.integers(0, self.vocabulary, (batch, self.shape[0] + 1))
            return np.ascontiguousarray(text[:, :-1]), text[:, 1:].reshape(-1)
        inputs = random.standard_normal((batch, *self.shape)).astype(dtype)
        return inputs, random.integers(0, self.classes, batch)


# fmt: off
_ROWS = (
    Workload("logreg", "784→10", models.logistic_regression, 100, 0.5, memory_claimed=False),
    Workload("mlp-small", "784-64-64-10, ReLU", functools.partial(models.mlp, hidden=64), 32, 0.5,
             memory_claimed=False),
    Workload("mlp-big", "784-512-512-10, ReLU", functools.partial(models.mlp, hidden=512), 128, 1.0),
    Workload("cnn-mnist", "[conv3×3-BN-ReLU-maxpool]×2 (16, 32 channels), linear, 1×28×28",
             models.mnist_cnn, 64, 1.0, (1, 28, 28)),
    Workload("cnn-seed", "the same ×3 (64, 128, 512 channels), linear 1024, 32, 11, 3×32×32",
             models.classifier, 32, 1.0, (3, 32, 32), 11),
    Workload("resnet18", "ResNet-18 for 3×32×32", models.resnet18, 16, 1.0, (3, 32, 32)),
    Workload("vit-tiny", "ViT, patch 4, width 128, depth 4, 4 heads, 3×32×32",
             models.vision_transformer, 32, 1.0, (3, 32, 32)),
    Workload("gpt-tiny", "GPT, 4 layers, 4 heads, width 128, context 64, AdamW", models.gpt, 16, 1.0,
             (64,), vocabulary=65, optimizer="adamw"),
)
# fmt: on
WORKLOADS = {workload.name: workload for workload in _ROWS}


class Step:
    """One training step on one library, ready to be called.

    `options` are the settings at which a library may be at its best: `channels_last`, and `foreach` or
    `fused` for the optimizer (torch's names; minigrad has one way and takes none).
    """

    def __init__(
        self,
        B: Any,
        workload: Workload,
        batch: int,
        dtype: str,
        device: str = "cpu",
        options: dict[str, bool] | None = None,
    ):
        options = dict(options or {})
        B.set_default_dtype(getattr(B, dtype))
        B.manual_seed(0)
        self.model = workload.model(B).to(device)
        inputs, labels = workload.data(batch, dtype)
        self.inputs, self.labels = B.from_numpy(inputs).to(device), B.from_numpy(labels).to(device)
        if options.pop("channels_last", False):
            self.model = self.model.to(memory_format=B.channels_last)
            self.inputs = self.inputs.to(memory_format=B.channels_last)
        parameters = list(self.model.parameters())
        self.parameters = sum(parameter.numel() for parameter in parameters)
        if workload.optimizer == "adamw":
            self.optimizer = B.optim.AdamW(parameters, lr=3e-4, **options)
        else:
            # At 0.01 resnet18's five losses differ by 2e-3 between torch's own two layouts, at 0.001 by 1e-4:
            # a rate at which rounding stays small lets the comparison of losses be strict.
            self.optimizer = B.optim.SGD(parameters, lr=0.001, momentum=0.9, **options)
        self.criterion = B.nn.CrossEntropyLoss()

    def __call__(self) -> Any:
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(self.inputs), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss
