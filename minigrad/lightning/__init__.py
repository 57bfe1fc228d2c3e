"""The training loop that writes itself: a LightningModule says what a step is, a Trainer runs it.

After PyTorch Lightning 2: its names, its hooks in its order; what is not there raises an error that names it.
A checkpoint holds the whole run (`minigrad.Run`): `fit(ckpt_path=...)` goes on to the bit, amid an epoch too.
"""
from functools import partial

import minigrad

from ..run import seed_everything as _seed_everything
from . import callbacks
from .callbacks import Callback, EarlyStopping, ModelCheckpoint, TQDMProgressBar
from .module import ModuleHooks
from .trainer import Trainer


class LightningModule(ModuleHooks, minigrad.nn.Module):
    __doc__, library = ModuleHooks.__doc__, minigrad


seed_everything = partial(_seed_everything, minigrad)
