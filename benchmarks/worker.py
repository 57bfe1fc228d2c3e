"""A candidate's process: `python -m benchmarks.worker`. One JSON object a line in, one out.

A request names a function as "module:name"; it is called with this process's `Context` and the request's
arguments. Nothing runs between requests, so processes can take turns on one machine.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .timing import time_blocks


@dataclass
class Task:
    """What is timed: `step`; `finish` reads its result; `check` gives what candidates must agree on."""

    step: Callable[[], Any]
    finish: Callable[[Any], Any] = lambda result: None
    check: Callable[[], list[float]] = list
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Context:
    """A worker's library and device, and the tasks set up in it."""

    B: Any = None
    name: str = ""
    device: str = "cpu"
    synchronize: Callable[[], Any] = lambda: None
    tasks: dict[str, Task] = field(default_factory=dict)


def set_up(context: Context, label: str, function: str, **arguments: Any) -> dict[str, Any]:
    """Make a task with `function` and keep it under `label`; gives its facts."""
    context.tasks[label] = resolve(function)(context, **arguments)
    return context.tasks[label].facts


def check(context: Context, label: str) -> list[float]:
    return context.tasks[label].check()


def turn(context: Context, label: str, steps: int, blocks: int) -> list[float]:
    task = context.tasks[label]
    return time_blocks(task.step, steps, blocks, context.synchronize, task.finish)


def forget(context: Context) -> None:
    context.tasks.clear()


def resolve(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)


def _missing(error: Exception) -> bool:
    """Does the library not have it (yet)? A refusal, or a name that it does not offer."""
    if isinstance(error, AttributeError):
        return str(error).startswith(("module ", "'Tensor' object "))
    return isinstance(error, (ImportError, NotImplementedError))


def serve() -> None:
    """Answer requests until the input ends. What libraries print goes to stderr: stdout is for answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear; it closes this process
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    context = Context()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": resolve(request["function"])(context, **request["arguments"])}
        except Exception as error:  # noqa: BLE001 - handed to the process that asked
            text = str(error).strip().splitlines()
            answer = {
                "error": f"{type(error).__name__}: {text[0] if text else ''}",
                "missing": _missing(error),
            }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
