"""minigrad.vision with PyTorch's tensors, transforms that draw from PyTorch's generator, PyTorch's Dataset.

Its modules are minigrad's files, run a second time: here `from . import library` gives PyTorch.
"""

import minigrad.vision
import torch_backend as library  # noqa: F401 - what the modules compute with

__path__ = [*__path__, *minigrad.vision.__path__]

from . import datasets, transforms, utils  # type: ignore[attr-defined]

__all__ = ["datasets", "transforms", "utils"]
