"""`minigrad.lightning` for PyTorch's modules: the same Trainer and callbacks."""

from functools import partial

import torch

import torch_backend
from minigrad.lightning import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    ModuleHooks,
    TQDMProgressBar,
    Trainer,
)
from minigrad.run import seed_everything as _seed_everything
from torch_backend.lightning import callbacks

__all__ = ["Callback", "EarlyStopping", "LightningModule", "ModelCheckpoint", "TQDMProgressBar", "Trainer",
           "callbacks", "seed_everything"]  # fmt: skip


class LightningModule(ModuleHooks, torch.nn.Module):
    __doc__, library = ModuleHooks.__doc__, torch_backend


seed_everything = partial(_seed_everything, torch_backend)
