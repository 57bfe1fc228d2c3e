"""`minigrad.summary` for PyTorch's modules, with PyTorch's own flop counter."""

from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import torch_backend
from minigrad.insight.summary import Summary, summary_with


def summary(model: Any, input: Any) -> Summary:
    """`minigrad.summary` of a PyTorch module."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # fused operators, whose work the counter does not know
    try:
        with sdpa_kernel(SDPBackend.MATH):
            return summary_with(torch_backend, FlopCounterMode(display=False), model, input)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
