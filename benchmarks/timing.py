"""The timer. It runs in the worker, around the steps of one candidate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Work still under way when the clock was stopped shows in how long its result then takes to arrive.
LATE_SHARE, LATE_SECONDS = 0.1, 1e-3
RECHECKS = 5  # a busy machine may delay that too, once in a while; only what is always late is an error


class UnsynchronisedTimer(Exception):
    """The clock was stopped before the device had finished; its times mean nothing."""


def time_blocks(
    step: Callable[[], Any],
    steps: int,
    blocks: int,
    synchronize: Callable[[], Any],
    finish: Callable[[Any], Any],
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Seconds per step of each of `blocks` blocks of `steps` steps; one step before them is not timed.

    `synchronize` waits for the device, before and after a block. `finish(result)` reads the last step's
    result: after a proper synchronize it is there at once; if it never is, UnsynchronisedTimer is raised.
    """
    step()
    times: list[float] = []
    late: list[float] = []

    def always_late() -> bool:
        return min(late) > LATE_SHARE * min(times) * steps + LATE_SECONDS

    while len(times) < blocks or (always_late() and len(times) < blocks + RECHECKS):
        synchronize()
        start = clock()
        for _ in range(steps):
            result = step()
        synchronize()
        stop = clock()
        finish(result)
        late.append(clock() - stop)
        times.append((stop - start) / steps)
    if always_late():
        raise UnsynchronisedTimer(
            f"reading the result took {min(late):.3g} s after a block of "
            f"{min(times) * steps:.3g} s: the device is not waited for"
        )
    return times
