"""From a list of samples to a batch: tensors are stacked, containers keep their form."""
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy

import numpy as np

from ... import dtypes
from ...engine.core import TensorBase
from ...ops.create import as_tensor, tensor
from ...ops.shape_public import stack


def default_collate(batch):
    """Samples of one form as a batch of that form (torch.utils.data.default_collate).

    Tensors, arrays and numbers become tensors with a first dimension for the batch (floats float64, integers
    int64); dicts, lists and named tuples are collated part by part, tuples become lists; texts stay texts.
    Raises TypeError for anything else, RuntimeError for sequences or tensors of different sizes.
    """
    first = batch[0]
    if isinstance(first, TensorBase):
        return stack(batch, 0)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUO":
            raise _unknown(first.dtype)
        return stack([as_tensor(array) for array in batch], 0)
    if isinstance(first, (np.bool_, np.number)):
        return as_tensor(batch)
    if isinstance(first, float):
        return tensor(batch, dtype=dtypes.float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _rebuilt(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size\nPad or cut them.")
        return _rebuilt(first, [default_collate(part) for part in zip(*batch, strict=True)])
    raise _unknown(type(first))


def default_convert(data):
    """A single sample with its arrays and NumPy numbers as tensors (torch.utils.data.default_convert)."""
    if isinstance(data, (np.ndarray, np.bool_, np.number)):
        text = isinstance(data, np.ndarray) and data.dtype.kind in "SUO"
        return data if text else as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuilt(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt(data, [default_convert(part) for part in data])
    return data


def _rebuilt(like, parts):
    """`parts`, a dict or a list, in the type of `like`, or as they are where that cannot be made of them."""
    kind = type(like)
    try:
        if isinstance(like, tuple):
            return kind(*parts) if hasattr(like, "_fields") else parts
        if isinstance(like, MutableMapping):
            made = copy(like)                   # keeps what else it holds, such as a default factory
            made.update(parts)
            return made
        if isinstance(like, MutableSequence):
            made = copy(like)
            for index, part in enumerate(parts):
                made[index] = part
            return made
        return kind(parts)
    except TypeError:
        return parts


def _unknown(found):
    return TypeError("default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
                     f"found {found}\nPass a collate_fn of your own.")
