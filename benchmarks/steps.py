"""In a worker: a workload's training step as a task, and the memory that it takes."""

from __future__ import annotations

import gc
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

from . import models
from .worker import Context, Task
from .workloads import CHECKED_STEPS, WORKLOADS, Step

MEMORY_STEPS = 5
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def training_step(
    context: Context,
    workload: str,
    batch: int,
    dtype: str,
    options: dict[str, bool] | None = None,
    width: int | None = None,
) -> Task:
    """The step of `workload`; candidates must agree on its first losses. `width`: of mlp-big's layers."""
    chosen = WORKLOADS[workload]
    if width is not None:
        chosen = replace(chosen, model=partial(models.mlp, hidden=width))
    step = Step(context.B, chosen, batch, dtype, context.device, options)
    return Task(
        step,
        lambda loss: loss.item(),
        lambda: [step().item() for _ in range(CHECKED_STEPS)],
        {"parameters": step.parameters},
    )


def _kilobytes(field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    if match is None:
        raise NotImplementedError(f"the system does not report {field}")
    return int(match[1])


def memory(
    context: Context, workload: str, batch: int, dtype: str, options: dict[str, bool] | None = None
) -> dict[str, int]:
    """Peak memory of the first five steps above what stood before them, in bytes. Run it in a fresh process.

    Model and data stand before; gradients, optimizer state, activations and temporaries come on top. A small
    network runs first, so that what libraries set up on first use (threads, kernels, buffers) does not count.
    """
    if context.device == "cuda":
        return _cuda_memory(context, workload, batch, dtype, options)
    if not _CLEAR.exists():
        raise NotImplementedError("peak memory is read from /proc, which this system does not have")
    B, chosen = context.B, WORKLOADS[workload]
    for small in (WORKLOADS["mlp-small"], WORKLOADS["cnn-mnist"])[: 1 + chosen.images]:
        layout = {"channels_last": bool(options and options.get("channels_last") and small.images)}
        first = Step(B, small, 2, dtype, context.device, layout)
        first().item()
        del first
    step = Step(B, chosen, batch, dtype, context.device, options)
    gc.collect()
    _CLEAR.write_text("5")  # the peak starts anew from what is resident now
    before = _kilobytes("VmHWM")
    for _ in range(MEMORY_STEPS):
        step().item()
    return {"before": before * 1024, "growth": (_kilobytes("VmHWM") - before) * 1024}


def _cuda_memory(
    context: Context, workload: str, batch: int, dtype: str, options: dict[str, bool] | None
) -> dict[str, int]:
    """The same on a GPU, by the device's own count of memory in use, read after each step."""
    cuda = context.B.cuda
    step = Step(context.B, WORKLOADS[workload], batch, dtype, context.device, options)
    cuda.reset_peak_memory_stats()
    before = cuda.memory_allocated()
    for _ in range(MEMORY_STEPS):
        step().item()
    return {"before": before, "growth": cuda.max_memory_allocated() - before}
