"""Run a user's program and look at the walk behind one of its results."""
from __future__ import annotations

import linecache
import runpy
import sys
import traceback
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine import backward
from .explain import Explanation, variables_of
from .notes import TENSOR, tracing, user_frame
from .trace import Trace, collect


class ScriptError(Exception):
    """Why a program gives nothing to explain; one line."""


def explain_file(file: str, name: str = "") -> Explanation:
    """Run a Python file as a program, as `python FILE` would, and explain its variable `name`.

    name: by default `loss`, and where the program has no such variable the last result whose `backward()` it
    called. Where backward() was called on the result, what is explained is that walk; else one from it now.
    Raises ScriptError where the program fails, or has no such result, OSError for a file that is not there.
    """
    path = Path(file)
    path.read_bytes()                           # an OSError names the file
    with tracing(), _watching_backward() as walks:
        variables = _run(path)
    wanted = name or "loss"
    if wanted in variables:
        return Explanation(_walk_of(variables[wanted], wanted, walks, variables), variables, file)
    if name:
        near = sorted(key for key, held in variables.items() if isinstance(held, TENSOR) and held.needs)
        there = f"; there are {', '.join(near)}" if near else ""
        raise ScriptError(f"{file} has no variable {name!r}{there}")
    if not walks:
        raise ScriptError(f"{file} has no variable 'loss' and calls no backward(): name the result, as in "
                          f"{file}:NAME")
    return Explanation(walks[-1].trace, {**variables, **walks[-1].seen}, file)


@dataclass
class _Walked:
    """A walk that was written down: its roots, while they live, and what the caller's names stood for."""

    roots: list[Any]
    trace: Trace
    seen: dict[str, Any]


def _walk_of(result: Any, name: str, walks: list[_Walked], variables: dict[str, Any]) -> Trace:
    if not isinstance(result, TENSOR):
        kind = f"{type(result).__module__}.{type(result).__qualname__}".removeprefix("builtins.")
        hint = ": let the program import minigrad as torch" if kind.startswith("torch.") else ""
        raise ScriptError(f"{name} is no tensor of minigrad but of type {kind}{hint}")
    for walked in walks[::-1]:
        if len(walked.roots) == 1 and walked.roots[0]() is result:
            return walked.trace
    if not result.requires_grad:
        raise ScriptError(f"{name} does not require grad: there is no walk behind it")
    try:
        return collect(result, None, _tensors(variables))
    except RuntimeError as error:
        raise ScriptError(f"{name}: {str(error).splitlines()[0]}") from error


def _tensors(variables: dict[str, Any]) -> dict[str, Any]:
    return {name: held for name, held in variables.items() if not name.startswith("_")}


@contextmanager
def _watching_backward() -> Iterator[list[_Walked]]:
    """While entered, before every walk that fills `.grad` the same walk is written down. Kept are the last
    one and those from results that the program still holds."""
    kept: list[_Walked] = []
    engine = backward.walk

    def walk(roots: Any, cotangents: Any, **how: Any) -> Any:
        if how.get("inputs") is None and not how.get("recorded"):
            seen = variables_of(user_frame(sys._getframe(1)))
            for walked in kept:
                walked.seen = {}                # which hold the results
            kept[:] = [walked for walked in kept if all(root() is not None for root in walked.roots)]
            trace = collect(tuple(roots), tuple(_wrapped(cotangents)), seen)
            kept.append(_Walked([weakref.ref(root) for root in roots], trace, seen))
        return engine(roots, cotangents, **how)

    backward.walk = walk
    try:
        yield kept
    finally:
        backward.walk = engine


def _wrapped(cotangents: Any) -> Iterator[Any]:
    for g in cotangents:
        yield g if isinstance(g, TENSOR) else backward.wrap(g)


def _run(path: Path) -> dict[str, Any]:
    """The program's variables at its end. Raises ScriptError where it raises."""
    arguments, folders = sys.argv[:], sys.path[:]
    sys.argv, sys.path[:] = [str(path)], [str(path.resolve().parent), *sys.path]
    linecache.checkcache(str(path))
    try:
        return _tensors_and_modules(runpy.run_path(str(path), run_name="__main__"))
    except SystemExit as end:
        raise ScriptError(f"{path} ended itself by sys.exit({end.code!r}) before it was done") from end
    except Exception as error:               # whatever the program raises is told in one line
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = frames[-1].lineno if frames else getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else str(path)
        text = (str(error).splitlines() or [""])[0]
        raise ScriptError(f"{where}: {type(error).__name__}: {text}") from error
    finally:
        sys.argv, sys.path[:] = arguments, folders


def _tensors_and_modules(variables: dict[str, Any]) -> dict[str, Any]:
    return {name: held for name, held in variables.items() if not name.startswith("__")}
