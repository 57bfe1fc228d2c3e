"""`save` and `load` for PyTorch's tensors, in minigrad's file format: each reads the other's files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from minigrad.serialization import BFLOAT16, FILE, Library, load_with, save_with


def _to_array(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(BFLOAT16)
    return tensor.numpy()


def _from_array(array: np.ndarray) -> torch.Tensor:
    if array.dtype == BFLOAT16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


TORCH = Library(torch, _to_array, _from_array)


def save(obj: Any, f: FILE) -> None:
    """`minigrad.save` for PyTorch's tensors: safetensors instead of pickle, written atomically."""
    save_with(TORCH, obj, f)


def load(f: FILE, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """`minigrad.load` for PyTorch's tensors: runs no code, whatever the file holds."""
    return load_with(TORCH, f, map_location)
