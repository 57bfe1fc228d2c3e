"""The control: work that is always the same, timed before every candidate's turn.

It keeps as many cores busy as the candidates may use, with NumPy loops (which let go of the interpreter
lock), then runs plain Python; it calls no BLAS. What its times vary by is the machine's doing.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from .worker import Task


def _loops() -> None:
    a = np.linspace(0.0, 1.0, 1 << 16)
    out = np.empty_like(a)
    for _ in range(8):  # few long calls: threads that meet at the interpreter lock would time each other
        np.exp(a, out=out)


def control(context: Any, threads: int) -> Task:
    """One step: the loops on each of `threads` threads until the slowest is done, then plain Python."""

    def step() -> None:
        others = [threading.Thread(target=_loops) for _ in range(threads - 1)]
        for thread in others:
            thread.start()
        _loops()
        for thread in others:
            thread.join()
        total = 0
        for i in range(20_000):
            total += i & 3

    return Task(step)
