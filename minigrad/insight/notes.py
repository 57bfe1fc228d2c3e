"""`tracing`: what a graph does not keep, noted while it is made: source lines, modules, operands' values.

Outside the context nothing is different. Inside, as in anomaly mode, what is exchanged is the function that
numbers nodes: the number also bears a `Note`. What runs and what it gives is the same, bit for bit.
"""
from __future__ import annotations

import sys
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..autograd import anomaly_mode, function
from ..backends.arrays import host, is_array
from ..backends.numpy.layout import ChannelsLast, canonical
from ..engine import core, op, walk
from ..nn.modules import hooks

_PACKAGE = str(Path(__file__).parents[1])
TENSOR: Any = core.TensorBase                   # slots have no types
PICK: Any = op.Pick


@dataclass(frozen=True)
class Place:
    """Where in the user's program: a file and a line, and in Python 3.11 or later the part of the line (its
    first line and column, its last line and column; columns in characters, as bytes count in the source)."""

    file: str
    line: int
    function: str
    span: tuple[int, int, int, int] | None = None

    @property
    def text(self) -> str:
        """The source line, '' where the source cannot be read."""
        import linecache
        return linecache.getline(self.file, self.line).strip()

    @property
    def expression(self) -> str:
        """The part of the line that was running, '' where Python does not tell."""
        import linecache
        if self.span is None:
            return ""
        first, start, last, stop = self.span
        lines = [linecache.getline(self.file, line).rstrip("\n").encode() for line in range(first, last + 1)]
        if not lines or not lines[0]:
            return ""
        lines[-1] = lines[-1][:stop]            # before the start, for both may be of one line
        lines[0] = lines[0][start:]
        return " ".join(line.decode(errors="replace").strip() for line in lines)

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


@dataclass
class Note:
    """What is noted of one node when it is made: the arrays are copies, numbers are Python's.

    `modules`: ((path, class), ...) of the modules that run, outermost first. `operand_names`: what the user's
    line calls the operands, '' where it gives no name.
    """

    operands: list[Any]
    results: list[Any]
    operand_names: list[str]
    attributes: dict[str, Any]
    place: Place | None
    modules: tuple[tuple[str, str], ...]
    session: tracing


class _Noted(int):
    """A creation number with a note on it."""

    note: Note


def bare(value: Any) -> Any:
    """An array of the engine as NumPy's, on the CPU; what is no array as it is."""
    if type(value) is ChannelsLast:
        value = canonical(value)
    if isinstance(value, np.generic):           # what forward gave, before it became an array
        value = np.asarray(value)
    return host(value) if is_array(value) else value


def note_of(node: Any) -> Note | None:
    """What was noted of a node, None where it was made outside `tracing`."""
    return getattr(node.number, "note", None)


class tracing:
    """While entered, every recorded operation is noted: the line that made it, the modules that ran, its
    operands and results.

        with minigrad.tracing():
            loss = model(x).sum()
        minigrad.explain(loss)

    Values are copied, so this takes memory and time; results do not change. May be nested and entered again.
    Not for several threads at once.
    """

    def __init__(self) -> None:
        self.place: Place | None = None         # set: what is noted instead of the line that runs
        self.tops: list[tuple[Any, str]] = []   # the outermost modules that ran, and the names given to them
        self._running: list[tuple[str, str]] = []
        self._paths: dict[int, str] = {}
        self._copies: dict[int, tuple[Any, np.ndarray]] = {}
        self._undo: list[Any] = []

    def __enter__(self) -> tracing:
        handles = [hooks.register_module_forward_pre_hook(self._enter_module),
                   hooks.register_module_forward_hook(self._leave_module, always_call=True)]
        self._undo.append((anomaly_mode.noting[0], handles))
        anomaly_mode.count_by(self._tick)
        return self

    def __exit__(self, *error: object) -> None:
        before, handles = self._undo.pop()
        anomaly_mode.count_by(before)
        for handle in handles:
            handle.remove()
        if not self._undo:
            self._copies.clear()
            self._running.clear()

    # Modules ------------------------------------------------------------------------------------------------

    def _enter_module(self, module: Any, inputs: Any) -> None:
        kind = type(module).__name__
        if not self._running:
            self._top(module, kind)
        path = self._paths.get(id(module))
        if path is None:                        # no child of the outermost: named by its class
            path = f"{self._running[-1][0]}.{kind}" if self._running else kind
        self._running.append((path, kind))

    def _leave_module(self, module: Any, inputs: Any, output: Any) -> None:
        if self._running:
            self._running.pop()

    def _top(self, module: Any, kind: str) -> None:
        """Name an outermost module and all that is in it."""
        if not any(module is known for known, _ in self.tops):
            taken = [name for _, name in self.tops]
            name, number = kind, 2
            while name in taken:
                name, number = f"{kind}_{number}", number + 1
            self.tops.append((module, name))
        name = next(name for known, name in self.tops if known is module)
        self._paths = {id(part): f"{name}.{path}" if path else name for path, part in module.named_modules()}

    # Nodes --------------------------------------------------------------------------------------------------

    def _tick(self) -> int:
        """The next creation number, with a note where it is a node's."""
        before = self._undo[-1][0] if self._undo else None
        number = (before or anomaly_mode.current_tick())()
        frame = sys._getframe(1)
        found = _values(frame)
        if found is None:
            return number
        operands, results, attributes = found
        user = user_frame(frame)
        place = self.place or (place_of(user) if user is not None else None)
        names = [""] * len(operands)
        if user is not None and self.place is None:
            names = _names_in(user, operands)
        note = Note([self._copy(value) for value in operands], [self._copy(value) for value in results],
                    names, attributes, place, tuple(self._running), self)
        noted: Any = number if hasattr(number, "__dict__") else _Noted(number)
        noted.note = note
        return noted

    def _copy(self, value: Any) -> Any:
        """A copy that later writes do not reach; made once while the memory stays as it is."""
        value = bare(core.plain(value) if isinstance(value, TENSOR) else value)
        if not is_array(value):
            return value
        known = self._copies.get(id(value))
        # Not asked of the engine's record of writes: writes through `.data` are not in it.
        if known is not None and known[0]() is value and known[1].tobytes() == value.tobytes():
            return known[1]
        copy = np.array(value)
        self._copies[id(value)] = (weakref.ref(value), copy)
        return copy


def _code(function_: Any, inner: str = "") -> CodeType:
    """The code of a function, or of the one named `inner` that it makes."""
    code = function_.__code__
    if not inner:
        return code
    return next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == inner)


_ROW, _BINARY, _UNARY = _code(op.Op._record), _code(op.binary, "call"), _code(op.unary, "call")
_FUNCTION, _ALIAS = _code(function._record), _code(walk._seen_at)


def _values(frame: FrameType) -> tuple[list[Any], list[Any], dict[str, Any]] | None:
    """(operands, results, attributes) of the operation that a frame of the engine is recording; None where
    the number is not a node's, or one output's of several."""
    code, seen = frame.f_code, frame.f_locals
    if code is _ROW:
        several = seen["self"].outputs
        return list(seen["arrays"]), list(seen["z"]) if several else [seen["z"]], seen["attrs"]
    if code is _BINARY:
        return [seen["x_array"], seen["y_array"]], [seen["z"]], {}
    if code is _UNARY:
        return [seen["x_array"]], [seen["z"]], {}
    if code is _ALIAS:
        return [seen["saved"]], [seen["saved"]], {}
    if code is _FUNCTION and frame.f_back is not None:
        return list(frame.f_back.f_locals["args"]), list(seen["outputs"]), {}
    return None


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is none of this package's."""
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def place_of(frame: FrameType) -> Place:
    """Where a frame is."""
    code, span = frame.f_code, None
    if hasattr(code, "co_positions"):
        positions = list(code.co_positions())
        if frame.f_lasti // 2 < len(positions):
            first, last, start, stop = positions[frame.f_lasti // 2]
            if first is not None and last is not None and start is not None and stop is not None:
                span = first, start, last, stop
    return Place(code.co_filename, frame.f_lineno, code.co_name, span)


def _names_in(frame: FrameType, arrays: list[Any]) -> list[str]:
    """The user's variables that hold these arrays."""
    held = {id(value.array): name
            for names in (frame.f_globals, frame.f_locals) for name, value in reversed(list(names.items()))
            if isinstance(value, TENSOR) and not name.startswith("_")}
    return [held.get(id(value.array if isinstance(value, TENSOR) else value), "")
            for value in arrays]
