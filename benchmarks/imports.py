"""How long `import minigrad` takes beside `import numpy`: fresh processes, alternating."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from . import intervals
from .processes import WorkerError, environment

_PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
GOAL = 1.5


def _once(module: str) -> float:
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(module)],
        capture_output=True,
        text=True,
        env=environment(1),
        check=False,
    )
    if run.returncode:
        raise WorkerError(f"import {module}: {run.stderr.strip().splitlines()[-1]}")
    return float(run.stdout)


def measure_imports(rounds: int) -> dict[str, Any]:
    """Seconds of both imports and their ratio. The first pair, which may compile bytecode, is not counted."""
    modules = ("minigrad", "numpy")
    for module in modules:
        _once(module)
    turns = [[_once(module) for module in modules] for _ in range(rounds)]
    series = [[[turn[i]] for turn in turns] for i in range(len(modules))]
    ratio = intervals.paired_ratio(series[0], series[1])
    return {
        "candidates": {module: intervals.summary(own) for module, own in zip(modules, series)},
        "ratios": {
            "minigrad": {"to": "numpy", **ratio.record(), "goal": GOAL, "goal verdict": ratio.against(GOAL)}
        },
    }
