"""The walk as one who knows no topology writes it: each node runs as soon as its first cotangent arrives.

Breadth first from the result. Where a value is used twice, what arrives after its node has run is never sent
on, and the gradients behind it are wrong. The rules are the engine's own.
"""
from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from ..autograd.function import FunctionNode
from ..engine.hooks import hooks_of
from ..insight.trace import Step, Value, _kept, _Walk
from .observed import Observed


def can_run(walk: Observed) -> bool:
    """May every rule be called once more without anyone noticing? Not those of Functions, and not hooks: that
    is the user's code."""
    nodes = [step.graph_node for step in walk.steps.values()] + walk.picks
    return not any(isinstance(node, FunctionNode) or node.hooks is not None for node in nodes) and \
        all(hooks_of(leaf.value.tensor) is None for leaf in walk.leaves.values())


class WrongWalk(_Walk):
    """A whole walk in that order. `order`: the steps as they ran; `lost`: (number of the step that sent it,
    which operand) of each cotangent that came too late."""

    def _run(self, roots: list[tuple[Value, np.ndarray]]) -> None:
        self.waiting: deque[int] = deque()
        self.order: list[Step] = []
        self.lost: set[tuple[int, int]] = set()
        for value, g in roots:
            self._arrive(value, None, g, _kept(g))
        while self.waiting:
            step = self.steps[self.waiting.popleft()]
            gs = self.flowing.pop(step.number)
            step.reached, step.cotangents = True, [_kept(g) for g in gs]
            self.order.append(step)
            self._send(step, gs)
        for leaf in self.leaves.values():
            self._finish(leaf)

    def _arrive(self, value: Value, source: tuple[int, int] | None, g: Any, kept: np.ndarray) -> None:
        if value.kind == "result":
            number = value.key[1]
            if self.steps[number].reached:
                if source is not None:
                    self.lost.add(source)
                return
            if number not in self.flowing:
                self.waiting.append(number)
        super()._arrive(value, source, g, kept)

