"""The private channels-last layout, and the door for half precision: what every kernel of this package
shares."""
import functools

import numpy as np


class ChannelsLast(np.ndarray):
    """An NCHW-shaped array whose memory is NHWC, as a kernel left it; torch's tensor would be row-major.

    Ufuncs keep type and layout, so it travels through relu, add and scale until the row-major array is asked
    for.
    """

    __slots__ = ()


def channels_last(array):
    """A row-major NHWC array, seen as NCHW."""
    return array.transpose(0, 3, 1, 2).view(ChannelsLast)


def nhwc(array):
    """An NCHW array as a plain row-major NHWC one: the same memory where it is channels-last already."""
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def canonical(array):
    """The row-major array that torch's tensor would hold."""
    return np.ascontiguousarray(array)


def _half(value):
    """float16, or bfloat16 (which NumPy knows as a 2-byte type of kind "V")."""
    return getattr(value, "itemsize", 0) == 2 and value.dtype.kind in "fV"


def rounded_once(kernel):
    """`kernel`, computing in float32 where its first array is of half precision, its float32 results rounded
    once."""

    @functools.wraps(kernel)
    def wrapped(first, *rest, **named):
        if first.itemsize != 2 or not _half(first):
            return kernel(first, *rest, **named)
        wide = [value.astype(np.float32) if _half(value) else value for value in (first, *rest)]
        z = kernel(*wide, **{k: v.astype(np.float32) if _half(v) else v for k, v in named.items()})
        low = [part.astype(first.dtype) if getattr(part, "dtype", None) == np.float32 else part
               for part in (z if isinstance(z, tuple) else (z,))]
        return tuple(low) if isinstance(z, tuple) else low[0]

    return wrapped
