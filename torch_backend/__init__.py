"""The twin: minigrad's public names on PyTorch, so that one program runs on both.

    def train(B): ...
    train(minigrad); train(torch_backend)

`torch_backend.X is torch.X`, submodules included (`import torch_backend.nn.functional as F`), for every name
but those in `torch_backend/differences.py`. Beside them stand the bridges, which carry tensors, state dicts
and weights from one library to the other.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType
from typing import Any

try:
    import torch
except ImportError as error:
    raise ImportError('torch_backend needs PyTorch\npip install "minigrad[torch]"') from error

from torch_backend.bridge import (
    copy_module_weights,
    from_minigrad,
    state_dict_from_minigrad,
    state_dict_to_minigrad,
    to_minigrad,
)
from torch_backend.flops import summary
from torch_backend.run import Run
from torch_backend.serialization import load, save

backend_name = "torch"

__all__ = [
    "Run",
    "backend_name",
    "copy_module_weights",
    "from_minigrad",
    "load",
    "save",
    "summary",
    "state_dict_from_minigrad",
    "state_dict_to_minigrad",
    "to_minigrad",
]


class _TwinFinder(MetaPathFinder, Loader):
    """Makes `import torch_backend.a.b` give the module torch.a.b itself.

    It stands first among the finders: the others would look into torch's folders (the __path__
    of torch_backend.a is that of torch.a) and run torch's files a second time under a second name.
    """

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        package, _, rest = fullname.partition(".")
        if package != __name__ or not rest:
            return None
        if PathFinder.find_spec(f"{package}.{rest.partition('.')[0]}", __path__):
            return None  # a module of our own, such as torch_backend.parity
        original = find_spec(f"torch.{rest}")
        return original and ModuleSpec(fullname, self, loader_state=original)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return importlib.import_module(spec.loader_state.name)

    def exec_module(self, module: ModuleType) -> None:
        # The import has put the twin's spec into torch's module; give it back its own.
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


sys.meta_path.insert(0, _TwinFinder())


# Rooms that torch has not, imported when first asked for, as minigrad's are.
_ROOMS = {"lightning", "vision"}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    try:
        return getattr(torch, name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}, nor has torch") from None


def __dir__() -> list[str]:
    return sorted({*dir(torch), *globals(), *_ROOMS})
