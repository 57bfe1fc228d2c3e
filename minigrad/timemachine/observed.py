"""A walk of the engine's own, written down while it happens: the numbers are those that it sent, summed and
wrote into `.grad`."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.core import plain
from ..insight.trace import TENSOR, Leaf, Value, _kept, _Walk


def bare(g: Any) -> Any:
    """A cotangent as an array: in a recorded walk it is a Tensor."""
    return plain(g) if isinstance(g, TENSOR) else g


class Observed(_Walk):
    """The graph that the engine is about to walk, and what it is then seen to do. `written`: the leaves in
    the order in which their `.grad` was written."""

    def _run(self, roots: list[tuple[Value, np.ndarray]]) -> None:
        self.written: list[Leaf] = []
        for value, g in roots:
            self._arrive(value, None, g, _kept(g))

    def ran(self, node: Any, g: Any, raw: Sequence[Any], sent: Sequence[Any]) -> None:
        """The rules of `node` were given `g` and gave `raw`; un-broadcast, and changed by hooks: `sent`."""
        step = self.steps[int(node.number)]
        step.cotangents = [_kept(bare(part)) for part in (g if isinstance(g, list) else [g])]
        step.reached = True
        sent = [bare(part) for part in sent]
        self._sent(step, [part if before is None else bare(before) for before, part in zip(raw, sent)], sent)

    def wrote(self, leaf: Any, before: Any) -> None:
        """A leaf's `.grad`, which was the array `before` or None, is written."""
        found = self.leaves.get(id(leaf))
        if found is not None:
            if found.before is None:
                found.before = before
            found.after = _kept(plain(leaf.gradient))
            self.written.append(found)
