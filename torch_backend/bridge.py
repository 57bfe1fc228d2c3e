"""Bridges between minigrad and PyTorch: values are copied through NumPy; dtype and requires_grad are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch

from minigrad import serialization
from torch_backend.serialization import TORCH


def from_minigrad(tensor: Any) -> torch.Tensor:
    """A PyTorch tensor on the CPU with a copy of a minigrad tensor's values; always a leaf.

    Raises TypeError if ``tensor`` is no minigrad tensor.
    """
    return _carry(tensor, serialization.minigrad_library(), TORCH)


def to_minigrad(tensor: torch.Tensor) -> Any:
    """A minigrad tensor on the CPU with a copy of a PyTorch tensor's values; always a leaf.

    Raises TypeError if ``tensor`` is no PyTorch tensor, NotImplementedError for a dtype that minigrad lacks.
    """
    return _carry(tensor, TORCH, serialization.minigrad_library())


def state_dict_from_minigrad(state_dict: Any) -> Any:
    """A module's or optimizer's state_dict() with PyTorch's tensors in place of minigrad's."""
    return _replace_tensors(state_dict, serialization.minigrad_library().module.Tensor, from_minigrad)


def state_dict_to_minigrad(state_dict: Any) -> Any:
    """A module's or optimizer's state_dict() with minigrad's tensors in place of PyTorch's."""
    return _replace_tensors(state_dict, torch.Tensor, to_minigrad)


def copy_module_weights(source: Any, target: Any) -> None:
    """Copies parameters and buffers of one module into another of the same architecture, of either library.

    Raises RuntimeError, as load_state_dict does, if the names or shapes of the two differ.
    """
    state_dict = source.state_dict()
    if isinstance(source, torch.nn.Module) and not isinstance(target, torch.nn.Module):
        state_dict = state_dict_to_minigrad(state_dict)
    elif isinstance(target, torch.nn.Module) and not isinstance(source, torch.nn.Module):
        state_dict = state_dict_from_minigrad(state_dict)
    target.load_state_dict(state_dict)


def _carry(tensor: Any, source: serialization.Library, target: serialization.Library) -> Any:
    if not isinstance(tensor, source.module.Tensor):
        name = f"{type(tensor).__module__}.{type(tensor).__name__}"
        raise TypeError(f"expected a tensor of {source.module.__name__}, got {name}")
    copy = target.tensor(source.to_array(tensor).copy())
    return copy.requires_grad_() if tensor.requires_grad else copy


def _replace_tensors(value: Any, tensor_type: type, convert: Callable[[Any], Any]) -> Any:
    if isinstance(value, tensor_type):
        return convert(value)
    if isinstance(value, dict):
        copy: Any = OrderedDict() if isinstance(value, OrderedDict) else {}
        copy.update((key, _replace_tensors(item, tensor_type, convert)) for key, item in value.items())
        if hasattr(value, "_metadata"):  # the modules' versions, which load_state_dict reads
            copy._metadata = value._metadata
        return copy
    if isinstance(value, (list, tuple)):
        return type(value)(_replace_tensors(item, tensor_type, convert) for item in value)
    return value
