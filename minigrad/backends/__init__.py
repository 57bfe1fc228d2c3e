"""Backends: the rooms that do arithmetic on arrays. Which one an array belongs to is decided here, and only
here. `cudnn`, `cuda` and `mps` are torch's switches of that name, which programs set; `fast` has compiled
kernels."""
import os

from . import numpy as _numpy
from .arrays import cupy_room
from .numpy import UFUNCS as UFUNCS


def namespace(kind):
    """The backend module for arrays of type `kind`."""
    return cupy_room() if kind.__module__ == "cupy" else _numpy


def __getattr__(name):
    if name in ("cudnn", "cuda", "mps", "fast"):
        import importlib
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if os.environ.get("MINIGRAD_FAST") == "1":
    from . import fast
    fast.enable()
