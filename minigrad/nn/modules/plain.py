"""Modules without weights: activations, dropout, losses. `layer.py` says how to write one."""
import math

from ...engine.errors import wrap_dim
from ...ops import shape_public as s
from .. import functional as F
from ..arguments import need
from ..dropouts import check_probability
from .layer import Layer, Loss
from .module import Module

__all__ = ["AlphaDropout", "BCEWithLogitsLoss", "CrossEntropyLoss", "Dropout", "Dropout1d", "Dropout2d",
           "Flatten", "GELU", "Identity", "L1Loss", "LogSoftmax", "MSELoss", "NLLLoss", "ReLU", "Sigmoid",
           "Softmax", "Softmax2d", "Tanh", "Unflatten"]


class Identity(Module):
    """Gives its input; takes and ignores any arguments (torch.nn.Identity)."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Flatten(Layer, calls=s.flatten, shows="start_dim=, end_dim="):
    """Dimensions start_dim to end_dim made one; the batch stays by default (torch.nn.Flatten)."""

    def __init__(self, start_dim=1, end_dim=-1):
        self._keep(locals())


class Dropout(Layer, calls=F.dropout, shows="p=, inplace="):
    """In training, elements zeroed with probability p and the others divided by 1 − p (torch.nn.Dropout;
    Srivastava et al. 2014)."""

    def __init__(self, p=0.5, inplace=False):
        check_probability(p)
        self._keep(locals())


class Dropout1d(Dropout, calls=F.dropout1d):
    """In training, whole channels of (N, C, L) zeroed (torch.nn.Dropout1d)."""


class Dropout2d(Dropout, calls=F.dropout2d):
    """In training, whole channels of (N, C, H, W) zeroed (torch.nn.Dropout2d)."""


class AlphaDropout(Dropout, calls=F.alpha_dropout):
    """In training, dropout that keeps mean and variance, for SELU (torch.nn.AlphaDropout)."""


class Unflatten(Layer, shows="dim=, unflattened_size="):
    """Dimension `dim` made several, of unflattened_size, one of which may be −1 (torch.nn.Unflatten)."""

    def __init__(self, dim, unflattened_size):
        name = "unflattened_size must be"
        need(isinstance(unflattened_size, (tuple, list)), "{} a tuple of ints, but found type {}\n"
             "Pass a tuple.", name, type(unflattened_size).__name__, error=TypeError)
        for place, size in enumerate(unflattened_size):
            need(isinstance(size, int), "{} tuple of ints, but found element of type {} at pos {}\n"
                 "Sizes are ints.", name, type(size).__name__, place, error=TypeError)
        self._keep({"dim": dim, "unflattened_size": unflattened_size})

    def forward(self, input):
        shape, dim = input.array.shape, wrap_dim(self.dim, input.array.ndim)
        sizes = list(self.unflattened_size)
        if -1 in sizes:
            sizes[sizes.index(-1)] = shape[dim] // max(-math.prod(sizes), 1)
        need(math.prod(sizes) == shape[dim], "unflatten: Provided sizes {} don't multiply up to the size of "
             "dim {} ({}) in the input tensor\nOne of them may be -1.", [*self.unflattened_size], dim,
             shape[dim])
        return s.view(input, (*shape[:dim], *sizes, *shape[dim + 1:]))


# Activations ------------------------------------------------------------------------------------------------

class ReLU(Layer, shows="inplace?"):
    """max(x, 0) (torch.nn.ReLU)."""

    def __init__(self, inplace=False):
        self._keep(locals())

    def forward(self, input):                   # the most common of all, so without detours
        return F.relu(input, self.inplace)


class Sigmoid(Layer, calls=F.sigmoid):
    """1 / (1 + e⁻ˣ) (torch.nn.Sigmoid)."""


class Tanh(Layer, calls=F.tanh):
    """tanh x (torch.nn.Tanh)."""


class GELU(Layer, calls=F.gelu, shows="approximate=!"):
    """x · Φ(x), or its approximation by "tanh" (torch.nn.GELU; Hendrycks & Gimpel 2016)."""

    def __init__(self, approximate="none"):
        self._keep(locals())


class Softmax(Layer, calls=F.softmax, shows="dim="):
    """exp(x) / Σ exp(x) over `dim` (torch.nn.Softmax)."""
    _stacklevel = 5                             # a warning names the line that calls the module

    def __init__(self, dim=None):
        self._keep(locals())


class Softmax2d(Module):
    """Softmax over the channels of images (N, C, H, W) or (C, H, W) (torch.nn.Softmax2d)."""

    def forward(self, input):
        need(input.array.ndim in (3, 4), "Softmax2d: expected input to be 3D or 4D, got {}D instead\n"
             "Images are (N, C, H, W).", input.array.ndim, error=ValueError)
        return F.softmax(input, -3)


class LogSoftmax(Softmax, calls=F.log_softmax):
    """x − ln Σ exp(x) over `dim` (torch.nn.LogSoftmax)."""


# Losses -----------------------------------------------------------------------------------------------------

class L1Loss(Loss, calls=F.l1_loss):
    """|x − y|, reduced (torch.nn.L1Loss)."""

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        self._keep(locals())


class MSELoss(L1Loss, calls=F.mse_loss):
    """(x − y)², reduced (torch.nn.MSELoss)."""


class NLLLoss(Loss, calls=F.nll_loss):
    """Minus the log-probability of each target (torch.nn.NLLLoss); arguments as nn.functional.nll_loss's."""

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        self._keep(locals())


class CrossEntropyLoss(Loss, calls=F.cross_entropy):
    """Minus the log-softmax of the scores at each target (torch.nn.CrossEntropyLoss); arguments as
    nn.functional.cross_entropy's."""

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                 label_smoothing=0.0):
        self._keep(locals())


class BCEWithLogitsLoss(Loss, calls=F.binary_cross_entropy_with_logits):
    """Cross-entropy of two classes from scores (torch.nn.BCEWithLogitsLoss); arguments as
    nn.functional.binary_cross_entropy_with_logits's."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
        self._keep(locals())
