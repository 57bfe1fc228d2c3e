"""Dropout: of elements, of channels, and what SELU needs. Their public place is `nn.functional`."""
import math
import warnings

import numpy as np

from .. import random
from ..backends.arrays import place_of
from ..engine.core import TensorBase, plain, wrap
from ..engine.inplace import inplace as write_inplace
from ..ops import activation as a
from ..ops import shape_public as s
from ..ops.arguments import dtype_of, need_tensor
from ..ops.inplace_public import METHODS
from .arguments import need, need_attribute

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d"]


def check_probability(p):
    """The probability of dropout as a number, given as one or as a 0-d tensor.

    Raises torch's ValueError outside [0, 1], TypeError for a tensor of a dimension or with a gradient."""
    inside = not (p < 0.0 or p > 1.0)
    number = p.item() if isinstance(p, TensorBase) else p
    need(inside, "dropout probability has to be between 0 and 1, but got {}\nPass a probability.", number,
         error=ValueError)
    need(number is p or not (p.array.ndim or p.needs), "dropout(): argument 'p' (position 2) must be float, "
         "not Tensor\nPass its .item().", error=TypeError)
    return number


def dropout(input, p=0.5, training=True, inplace=False):
    """Elements zeroed with probability p, the others divided by 1 − p (torch.nn.functional.dropout).

    The mask is torch's from the same seed. Outside training, or with p = 0, it gives `input` itself and draws
    nothing. Raises ValueError for p outside [0, 1].
    """
    p = check_probability(p)
    need_tensor("dropout", input)
    if not training or p == 0 or not input.array.size:
        return input
    return _noised(input, p, plain(input).strides, inplace)


def _noised(input, p, strides, inplace, shape=None):
    """The input times noise of `shape` (default: its own), 0 or 1 / (1 − p)."""
    array = plain(input)
    if p == 1:
        noise = np.zeros((), array.dtype, like=array)
    else:
        _need_noise(input)
        keep = random.dropout_mask(random.stream(None, place_of(array)), shape or array.shape, p, strides)
        compute = np.float64 if array.dtype == np.float64 else np.float32    # torch divides in it
        noise = np.multiply(keep, array.dtype.type(compute(1) / compute(1 - p)), dtype=array.dtype)
    return write_inplace(a.dropout, input, wrap(noise)) if inplace else a.dropout(input, wrap(noise))


def _need_noise(input):
    need(input.array.dtype.kind not in "biu", "result type Float can't be cast to the desired output "
         "type {}\nConvert it first, for example with .float().", dtype_of(input).legacy_name)


def _channel_dropout(input, p, training, inplace):
    shape = input.array.shape
    need(len(shape) > 1, "Feature dropout requires at least 2 dimensions in the input\n"
         "They are the batch and the channels.")
    if not training or p == 0 or not input.array.size:
        return input
    return _noised(input, p, None, inplace, (*shape[:2], *[1] * (len(shape) - 2)))


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Whole channels of (N, C, L) or (C, L) zeroed with probability p (torch.nn.functional.dropout1d)."""
    p = check_probability(p)
    need_attribute(input, "dim")
    dims = input.array.ndim
    need(dims in (2, 3), "dropout1d: Expected 2D or 3D input, but received a {}D input. Note that dropout1d "
         "exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, "
         "and an optional batch dimension (i.e. 2D or 3D inputs).\nUse dropout.", dims)
    if dims == 3:
        return _channel_dropout(input, p, training, inplace)
    result = s.squeeze(_channel_dropout(s.unsqueeze(input, 0), p, training, inplace), 0)
    return input if inplace else result


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Whole channels of (N, C, H, W) zeroed with probability p (torch.nn.functional.dropout2d)."""
    p = check_probability(p)
    need_attribute(input, "dim")
    dims = input.array.ndim
    if dims not in (3, 4):
        warnings.warn(f"dropout2d: Received a {dims}-D input to dropout2d, which is deprecated and will "
                      "result in an error in a future release. To retain the behavior and silence this "
                      "warning, please use dropout instead. Note that dropout2d exists to provide "
                      "channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and an "
                      "optional batch dimension (i.e. 3D or 4D inputs).", stacklevel=2)
    if dims == 3:
        warnings.warn("dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
                      "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
                      "dim. This behavior will change in a future release to interpret the input as one "
                      "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
                      "dropout behavior, please switch to using dropout1d instead.", stacklevel=2)
    return _channel_dropout(input, p, training, inplace)


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Elements set to SELU's lowest value with probability p, then all moved and scaled so that mean and
    variance stay; Klambauer et al. 2017 (torch.nn.functional.alpha_dropout)."""
    p = check_probability(p)
    need_tensor("alpha_dropout", input)
    if not training or p == 0 or not input.array.size:
        return input
    if p == 1:
        return _noised(input, 1, None, inplace)
    array, lowest = plain(input), 1.7580993408473766
    _need_noise(input)
    stream = random.stream(None, place_of(array))
    keep = random.dropout_mask(stream, array.shape, p, array.strides).astype(array.dtype)
    scale = 1 / math.sqrt((lowest * lowest * p + 1) * (1 - p))
    shift = (keep - 1) * (lowest * scale) + lowest * scale * p
    result = write_inplace(a.dropout, input, wrap(keep * scale)) if inplace else \
        a.dropout(input, wrap((keep * scale).astype(array.dtype)))
    return METHODS["add_"](result, wrap(shift)) if inplace else result + wrap(shift)
