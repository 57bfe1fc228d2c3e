"""Recording: what stands in the walk's places while a recording runs, and is gone after it.

Nothing waits in the engine for this. Operations are noted by `insight.notes`, as in anomaly mode; the walk's
own functions are replaced by ones that look on, so that no rule or hook runs twice and nothing is sent that
would not have been."""
from __future__ import annotations

import threading
from html import escape
from pathlib import Path
from sys import _getframe
from typing import Any

from ..atomic import replace_file
from ..engine import backward, hooks
from ..engine import walk as walking
from ..engine.views import fresh_node
from ..insight.names import name_values
from ..insight.notes import TENSOR, tracing, user_frame
from .data import Files, History, sources, step_data
from .observed import Observed, bare
from .page import page
from .summary import Table
from .wrong import WrongWalk, can_run

_running = threading.Lock()


class Recording:
    """What `minigrad.record()` gives; see there."""

    def __init__(self, title: str | None, detail: int, wrong_order: bool) -> None:
        self.title, self.detail, self.wrong_order = title and str(title), detail, wrong_order
        self.table, self.history = Table(), History()
        self.steps: list[dict[str, Any]] = []
        self.files: Files = {}
        self._tracing = tracing()
        self._walk_seen: Observed | None = None
        self._raw: Any = None
        self._depth, self._anomaly = 0, False

    def __enter__(self) -> Recording:
        if not _running.acquire(blocking=False):
            raise RuntimeError("a recording is running already\nLeave its `with` block first.")
        self._thread = threading.get_ident()
        frame = user_frame(_getframe(1))
        self.title = self.title or (Path(frame.f_code.co_filename).name if frame else "minigrad")
        self._tracing.__enter__()
        ours = {"walk": self._walk, "run_watched": self._run_watched, "run_rules": self._run_rules,
                "add_to_leaf": self._add_to_leaf, "explain": self._explain}
        self._engine: dict[str, Any] = {name: getattr(walking, name) for name in ours}
        for name, function in ours.items():
            setattr(walking, name, function)
        backward.walk, backward.add_to_leaf = self._walk, self._add_to_leaf
        return self

    def __exit__(self, *error: object) -> None:
        for name, function in self._engine.items():
            setattr(walking, name, function)
        backward.walk, backward.add_to_leaf = self._engine["walk"], self._engine["add_to_leaf"]
        self._tracing.__exit__(*error)
        self.history.note(self.table.add)
        _running.release()

    def save(self, path: Any, limit: int = 2_000_000) -> None:
        """Write the page, one file that needs nothing else, of at most about `limit` bytes: large tensors are
        shown by as many of their elements as fit, and only more than some thousand nodes take more.

        Links may name what is to be seen first: `trace.html#moment=7&walk=2&wrong&lang=zh&theme=dark`. Raises
        RuntimeError where no `backward` was recorded."""
        text = self.html(limit)
        with replace_file(path) as stream:
            stream.write(text.encode())

    def html(self, limit: int = 2_000_000) -> str:
        """The page as text; see `save`."""
        if not self.steps:
            raise RuntimeError("nothing was recorded\nCall backward() inside the `with` block.")
        rest = {"title": self.title, "steps": self.steps, "history": self.history.as_data(),
                "sources": sources(self.steps, self.files)}
        return page(rest, self.table, limit)

    def _repr_html_(self) -> str:
        """The page, as notebooks show it: in a frame of its own."""
        return (f'<iframe srcdoc="{escape(self.html())}" sandbox="allow-scripts" '
                'style="width: 100%; height: 720px; border: 1px solid #8884"></iframe>')

    # What stands in the engine's places ---------------------------------------------------------------------

    def _watching(self) -> bool:
        return self._depth == 1 and self._walk_seen is not None and threading.get_ident() == self._thread

    def _walk(self, roots: Any, cotangents: Any, *, recorded: bool = False, keep: bool = False,
              inputs: Any = None) -> Any:
        """Stands for `walk`; walks inside walks, and those of other threads, are left alone."""
        walk, options = self._engine["walk"], {"recorded": recorded, "keep": keep, "inputs": inputs}
        if threading.get_ident() != self._thread:
            return walk(roots, cotangents, **options)
        if self._depth:
            self._depth += 1
            try:
                return walk(roots, cotangents, **options)
            finally:
                self._depth -= 1
        seen = wrong = None
        if len(self.steps) < self.detail:
            seen, wrong = self._look(roots, [bare(g) for g in cotangents])
        leaves = [leaf.value for leaf in seen.leaves.values()] if seen else []
        self.history.walk(roots[0], leaves, None if seen is None else self.table.add)
        watching: list[Any] = hooks.watching
        before = watching[0]
        self._walk_seen, self._depth, self._anomaly = seen, 1, before is not None
        if seen is not None:
            watching[0] = bool(before)          # every node's rules then run in `run_watched`
        try:
            return walk(roots, cotangents, **options)
        finally:
            watching[0], self._walk_seen, self._depth = before, None, 0
            if seen is not None:
                data = step_data(seen, wrong, self.table.add, self.files)
                self.steps.append({**data, "walk": len(self.history.losses) - 1})

    def _look(self, roots: Any, cotangents: list[Any]) -> Any:
        """The graph before the walk, and what the wrong order makes of it; (None, None) where it cannot be
        read: where saved values are gone, the walk itself says so, and where hooks pack them, looking would
        call these."""
        for root in roots:
            fresh_node(root)
        graph = walking.reachable([root.node for root in roots if root.node is not None])
        if not graph or any("saved" in vars(type(node)) for node in graph.values()):
            return None, None
        try:
            seen = Observed(roots, cotangents)
        except RuntimeError:
            return None, None
        frame = user_frame(_getframe(2))
        name_values(seen.trace, frame.f_locals if frame else {})
        if not (self.wrong_order and can_run(seen)):
            return seen, None
        wrong = WrongWalk(roots, cotangents)
        for key, value in wrong.trace.values.items():
            value.name = seen.trace.values[key].name
        return seen, wrong

    def _run_watched(self, node: Any, values: Any, g: Any, recorded: bool, edges: Any = None) -> Any:
        results = self._engine["run_watched"](node, values, g, recorded, edges)
        if self._watching() and self._walk_seen is not None:
            self._walk_seen.ran(node, g, self._raw, results)
        return results

    def _run_rules(self, node: Any, values: Any, g: Any, recorded: bool, edges: Any = None) -> Any:
        raw = self._engine["run_rules"](node, values, g, recorded, edges)
        if self._watching():
            self._raw = raw                     # a rule may walk itself: what counts is the outermost's
        return raw

    def _add_to_leaf(self, leaf: Any, g: Any, fresh: bool, recorded: bool) -> None:
        watching = self._watching() and leaf.needs
        before = leaf.gradient.array.copy() if watching and isinstance(leaf.gradient, TENSOR) else None
        self._engine["add_to_leaf"](leaf, g, fresh, recorded)
        if watching and self._walk_seen is not None:
            self._walk_seen.wrote(leaf, before)

    def _explain(self, node: Any) -> None:
        """A walk that fails is explained in the user's anomaly mode, not because it was watched."""
        if self._anomaly or threading.get_ident() != self._thread:
            self._engine["explain"](node)
