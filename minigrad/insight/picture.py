"""`minigrad.draw`: the graph behind a result as a picture. Tensors are boxes, operations are ellipses,
modules are frames; what is kept in memory for the walk is marked. Graphviz does the layout (by `pygraphviz`,
which brings it)."""
from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import replace_file
from ..nn import Parameter
from .explain import traced
from .notes import user_frame
from .trace import Step, Trace, Value
from .wording import array_text, name_of, number, rms, shape_text

FORMATS = ("svg", "png", "dot")
# What boxes look like: of the parameters and inputs whose gradient is asked for, of results, of constants.
_BOXES = {"leaf": 'style="filled,rounded", fillcolor="#cfe3ff", color="#2f5fa8"',
          "result": 'style="filled,rounded", fillcolor="#ffffff", color="#666666"',
          "constant": 'style="filled,rounded,dashed", fillcolor="#f2f2f2", color="#999999"'}
_KEPT = 'color="#c05c00", penwidth=2.5'
_OPERATION = 'shape=ellipse, style=filled, fillcolor="#e4f4df", color="#3c7a2c"'
_GRADIENT = "#b00020"


def draw(loss: Any, gradient: Any = None, *, gradients: bool = False,
         names: Mapping[str, Any] | None = None) -> Picture:
    """The graph that `loss.backward()` would walk, as a picture; nothing is changed by it.

        minigrad.draw(loss)                         # in a notebook: shown as SVG
        minigrad.draw(lambda: model(x).sum()).save("graph.png")

    loss, gradient, names: as of `explain`; given a function, or made inside `minigrad.tracing()`, modules
    become frames. gradients: write on every edge what flows back along it, and in the boxes of leaves their
    `.grad`. Returns a Picture. Raises what `explain` raises. minigrad's own: torch has no such function.
    """
    return Picture(traced(loss, gradient, names, user_frame(sys._getframe(1)))[0], gradients)


class Picture:
    """A drawn graph: `dot`, `svg` and `png()`; `save(path)` writes by the path's ending. Notebooks show it.

    Everything but `dot` needs `pygraphviz`, and raises ImportError, with what to install, where it is not.
    """

    def __init__(self, trace: Trace, gradients: bool = False) -> None:
        self.trace = trace
        self.dot: str = _Dot(trace, gradients).text

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        return self._laid_out("svg").decode()

    def png(self) -> bytes:
        """The picture as PNG, at 144 dots per inch."""
        return self._laid_out("png", "-Gdpi=144")

    def save(self, path: str | Path) -> None:
        """Write the picture; the path ends in .svg, .png or .dot, else ValueError."""
        kind = Path(path).suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            raise ValueError(f"a picture ends in .svg, .png or .dot, not in {Path(path).suffix!r}\n"
                             "Name the file so.")
        content = self.png() if kind == "png" else (self.svg if kind == "svg" else self.dot).encode()
        with replace_file(str(path)) as stream:
            stream.write(content)

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Picture of {self.trace.roots[0].name}: {len(self.trace.steps)} operations>"

    def _laid_out(self, kind: str, *arguments: str) -> bytes:
        try:
            import pygraphviz
        except ImportError as error:
            raise ImportError("the picture needs pygraphviz, which brings Graphviz\n"
                              'pip install "minigrad[draw]"') from error
        graph = pygraphviz.AGraph(string=self.dot)
        try:
            return graph.draw(format=kind, prog="dot", args=" ".join(arguments))
        finally:
            graph.close()


class _Dot:
    """The graph in Graphviz's language."""

    def __init__(self, trace: Trace, gradients: bool) -> None:
        self.trace, self.gradients = trace, gradients
        self.kept = self._kept()
        self.seen: set[Any] = set()
        self.inside: dict[tuple[tuple[str, str], ...], list[str]] = {}      # modules -> lines
        self.edges: list[str] = []
        self.leaves = {leaf.value.key: leaf for leaf in trace.leaves}
        for step in trace.forward:
            self._step(step)
        lines = ["digraph minigrad {", '  graph [rankdir=TB, fontname="sans-serif", fontsize=11, '
                 'nodesep=0.3, ranksep=0.35, bgcolor="white"];',
                 '  node [fontname="sans-serif", fontsize=11, shape=box, margin="0.12,0.06"];',
                 '  edge [fontname="sans-serif", fontsize=9, color="#666666", arrowsize=0.7];',
                 *self._frames(), *self.edges, "}"]
        self.text = "\n".join(lines) + "\n"

    def _kept(self) -> dict[Any, set[str]]:
        """Values that nodes keep, and the ops that do."""
        found: dict[Any, set[str]] = {}
        for step in self.trace.steps:
            for saved in step.saved:
                if saved.name in step.named:
                    found.setdefault(_same(step.named[saved.name]), set()).add(step.op)
        return found

    def _step(self, step: Step) -> None:
        lines = self.inside.setdefault(step.modules, [])
        name = f"op{step.number}"
        extras = [saved for saved in step.saved
                  if saved.name not in step.operand_names and saved.name != "z"]
        label = step.op + (f"\n{step.formula}" if step.formula != step.op and len(step.formula) < 40 else "")
        if extras:
            label += "\n" + "\n".join(f"keeps {saved.name}, {shape_text(saved.shape)}" for saved in extras)
        tip = f"{step.node}" + (f", {step.place}" if step.place else "")
        lines.append(f"{name} [{_OPERATION}, label={_quoted(label)}, tooltip={_quoted(tip)}"
                     + (f", {_KEPT}" if extras else "") + "];")
        sent = {send.operand: send for send in step.sends}
        for position, value in enumerate(step.operands):
            if value.dtype == "None":
                continue
            self._box(value, lines)
            flow = sent.get(position)
            label = ""
            if self.gradients and flow is not None:
                label = (f' [label={_quoted(" " + _size(flow.cotangent))}, fontcolor="{_GRADIENT}", '
                         f'color="{_GRADIENT}", dir=back]')
            self.edges.append(f"  {_id(value)} -> {name}{label};")
        for value in step.results:
            self._box(value, lines)
            self.edges.append(f"  {name} -> {_id(value)};")

    def _box(self, value: Value, lines: list[str]) -> None:
        key = _same(value)
        if key in self.seen:
            return
        self.seen.add(key)
        single = value.array is not None and np.size(value.array) == 1
        parts = [value.name or (name_of(value) if single else "constant")]
        if single and value.name:
            parts[0] += f" = {array_text(value.array)}"
        elif value.shape:
            parts.append(shape_text(value.shape) + ("" if value.dtype == "float32" else f", {value.dtype}"))
        kept = self.kept.get(key)
        if kept:
            parts.append(f"kept for {', '.join(sorted(kept))}")
        leaf = self.leaves.get(value.key)
        if self.gradients and leaf is not None:
            parts.append(f".grad = {'None' if leaf.after is None else _size(leaf.after)}")
        style = _BOXES[value.kind] + (f", {_KEPT}" if kept else "")
        tip = array_text(value.array)
        if value.kind != "result" and value.shape and not isinstance(value.tensor, Parameter):
            lines = self.inside.setdefault((), [])      # inputs come from outside of the modules
        lines.append(f"{_id(value)} [{style}, label={_quoted(chr(10).join(parts))}, tooltip={_quoted(tip)}];")

    def _frames(self) -> list[str]:
        """The modules as frames in frames, with what was made in each."""
        paths = sorted({modules[:depth] for modules in self.inside for depth in range(1, len(modules) + 1)},
                       key=lambda path: [name for name, _ in path])
        lines: list[str] = [f"  {line}" for line in self.inside.get((), [])]

        def frame(path: tuple[tuple[str, str], ...], indent: str) -> None:
            (name, kind), parent = path[-1], path[-2][0] if len(path) > 1 else ""
            short = name.removeprefix(parent + ".") if parent else name
            title = short if short == kind else f"{short} ({kind})"
            lines.append(f"{indent}subgraph {_quoted(f'cluster_{name}')} {{")
            lines.append(f'{indent}  label={_quoted(title)}; style=rounded; color="#9a9a9a"; '
                         'fontcolor="#444444"; labeljust=l;')
            lines.extend(f"{indent}  {line}" for line in self.inside.get(path, []))
            for child in paths:
                if len(child) == len(path) + 1 and child[:-1] == path:
                    frame(child, indent + "  ")
            lines.append(f"{indent}}}")

        for path in paths:
            if len(path) == 1:
                frame(path, "  ")
        return lines


def _same(value: Value) -> Any:
    """One key for all uses of a constant tensor; a number is drawn once for each use."""
    if value.kind == "constant" and isinstance(value.array, np.ndarray) and value.array.ndim:
        return "constant", id(value.array)
    return value.key


def _id(value: Value) -> str:
    return "v_" + "_".join(str(part) for part in _same(value))


def _size(array: np.ndarray) -> str:
    """A gradient as a number, or how large it is."""
    return array_text(array) if array.size == 1 else f"rms {number(rms(array))}"


def _quoted(text: str) -> str:
    """A string of the language, which reads entities such as &amp; in it."""
    for sign, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("&", "&amp;")):
        text = text.replace(sign, written)
    return f'"{text}"'
