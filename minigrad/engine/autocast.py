"""Autocast: while a context of `minigrad.amp` is open in a thread, products compute in a dtype of half
precision and losses in float32. Functions that take part say so in one line; float64 is left alone, as torch
leaves it."""
import functools
import threading

import numpy as np

from .core import TensorBase
from .op import REGISTRY


class _Setting(threading.local):
    dtype = None                                # that of products, NumPy's; None where autocast is off
    cached = None                               # {id(weight): (weight, cast)}, None where nothing is kept


setting = _Setting()
entered = [0]                                   # contexts open in any thread: 0 spares the others asking


def lowered(*operands):
    """The operands of a product, floating tensors in the dtype that products have here. To be asked for where
    `entered[0]` is not 0."""
    return operands if setting.dtype is None else [_cast(one, setting.dtype) for one in operands]


def _casting(function, dtype):
    @functools.wraps(function)
    def call(*args, **named):
        if entered[0] and setting.dtype is not None:
            wanted, before = dtype or setting.dtype, setting.dtype
            args = [_cast(one, wanted) for one in args]
            named = {name: _cast(one, wanted) for name, one in named.items()}
            setting.dtype = None                # what the function is made of casts no more
            try:
                return function(*args, **named)
            finally:
                setting.dtype = before
        return function(*args, **named)
    return call


def product(function):
    """Let a function that multiplies take its tensors in the dtype that products have, where autocast is
    on."""
    return _casting(function, None)


def widened(function):
    """Let a function whose sums need float32 take its tensors in it, where autocast is on."""
    return _casting(function, np.dtype(np.float32))


def _cast(value, dtype):
    """A tensor of floats, but not of doubles, in `dtype`. What a weight was cast to is kept until the
    outermost context ends: a tied weight then has one cast, which takes the sum of its gradients, as
    torch's."""
    found = getattr(value, "array", None) if isinstance(value, TensorBase) else None
    if found is None or found.dtype == dtype or found.dtype.kind in "biu" or found.itemsize == 8:
        return value
    leaf = value.needs and value.node is None and value.view_of is None
    if setting.cached is None or dtype != setting.dtype or found.itemsize != 4 or not leaf:
        return REGISTRY["to"](value, dtype=dtype)
    if id(value) not in setting.cached:
        setting.cached[id(value)] = value, REGISTRY["to"](value, dtype=dtype)
    return setting.cached[id(value)][1]
