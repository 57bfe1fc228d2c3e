"""The backends: which library each is, how a worker loads it, and the settings it may be best at."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Backend:
    """`needs`: packages it is made of. `reference`: whom its times are divided by, the first that runs."""

    name: str
    module: str
    needs: tuple[str, ...]
    device: str = "cpu"
    reference: tuple[str, ...] = ()

    def unavailable(self) -> str | None:
        """Why it cannot run here, or None."""
        for package in self.needs:
            if find_spec(package) is None:
                return f"{package} is not installed"
        if self.device == "cuda" and not Path("/dev/nvidiactl").exists():
            return "there is no NVIDIA GPU"
        return None

    @property
    def is_torch(self) -> bool:
        return self.module == "torch_backend"


BACKENDS = {
    backend.name: backend
    for backend in (
        Backend("numpy", "minigrad", ("numpy",), reference=("torch",)),
        Backend("numba", "minigrad", ("numba",), reference=("torch",)),  # NumPy with compiled kernels
        Backend("cupy", "minigrad", ("cupy",), "cuda", reference=("torch-cuda", "numpy")),
        Backend("torch", "torch_backend", ("torch",)),
        Backend("torch-cuda", "torch_backend", ("torch",), "cuda", reference=("torch",)),
    )
}


def reference_of(name: str, present: Sequence[str]) -> str | None:
    """Whom `name` is compared with among the backends of a run."""
    return next((other for other in BACKENDS[name].reference if other in present), None)


def variants(backend: Backend, images: bool, optimizer: bool) -> list[dict[str, bool]]:
    """The settings at which a library may be at its best; it is quoted at the best one."""
    if not backend.is_torch:
        return [{}]
    layouts: list[dict[str, bool]] = [{}, {"channels_last": True}] if images else [{}]
    optimizers = [{"foreach": False}, {"foreach": True}, {"fused": True}] if optimizer else [{}]
    return [layout | optimizer for layout, optimizer in itertools.product(layouts, optimizers)]


def describe(options: dict[str, bool]) -> str:
    """A variant in words: `channels_last, fused`."""
    layout = ["channels_last"] if options.get("channels_last") else []
    return ", ".join(layout + [name for name in ("foreach", "fused") if options.get(name)]) or "plain"


def load(context: Any, backend: str, threads: int) -> dict[str, Any]:
    """In a worker: import the library, set its threads, and say what was got."""
    chosen = BACKENDS[backend]
    context.B = B = importlib.import_module(chosen.module)
    context.name, context.device = backend, chosen.device
    if backend == "numba":
        from minigrad.backends import fast

        fast.enable()
    facts: dict[str, Any] = {"numpy": np.__version__}
    if chosen.is_torch:
        facts |= {"torch": str(B.__version__)}
    else:
        facts |= {"minigrad": B.__version__}
    if hasattr(B, "set_num_threads"):
        B.set_num_threads(threads)
        facts["threads"] = B.get_num_threads()
    else:
        facts["threads"] = threads  # by the environment, which NumPy's BLAS has read
    if chosen.device == "cuda":
        if not B.cuda.is_available():
            raise NotImplementedError("there is no CUDA device")
        context.synchronize = B.cuda.synchronize
        if chosen.is_torch:  # said here rather than left to defaults
            B.backends.cudnn.benchmark = True
            B.backends.cuda.matmul.allow_tf32 = B.backends.cudnn.allow_tf32 = False
            facts |= {"cudnn.benchmark": True, "tf32": False, "cuda": B.version.cuda}
    return facts
