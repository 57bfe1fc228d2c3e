"""Memory for large results, used again.

The allocator hands large freed arrays back to the system, and getting them again costs a page fault every
4 KB: more than the arithmetic (cnn-mnist at batch 64: 23 ms a step with fresh memory, 14 without the faults).
So kernels take large results from here. A block is free when nothing but this module refers to it: views,
`numpy()` and DLPack all keep a reference.
"""
import sys
from math import prod

import numpy as np

LARGE = 1 << 17                 # bytes: smaller arrays come from the allocator's own free lists
PATIENCE = 2000                 # a free block that so many requests passed over goes back to the system
FREE = 2                        # references to a free block's storage: its entry's, and the call that counts

LINE = 64                       # bytes: results begin with a cache line, worth a tenth in wide loops

_blocks = {}                    # rounded size -> [[storage, request it served last, first byte]]
_requests = 0


def empty(shape, dtype):
    """numpy.empty, in memory that served an earlier result."""
    global _requests
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    _requests += 1
    step = 1 << (size.bit_length() - 4)                 # at most an eighth is wasted
    size = -(-size // step) * step
    blocks = _blocks.setdefault(size, [])
    for _ in range(len(blocks)):
        entry = blocks.pop(0)                           # out of the list, so that no other thread takes it
        if sys.getrefcount(entry[0]) == FREE:
            break
        blocks.append(entry)
    else:
        release(_requests - PATIENCE)
        storage = bytearray(size + LINE)
        entry = [storage, 0, -np.frombuffer(storage, np.uint8).ctypes.data % LINE]
    # The storage is no NumPy array, so the result has no base among arrays: an earlier tenant's writes are
    # not its own.
    array = np.ndarray(shape, dtype, entry[0], entry[2])
    entry[1] = _requests
    blocks.append(entry)
    return array


def empty_like(array):
    """`empty` with the array's shape, dtype and, if it is channels-last, layout."""
    if array.ndim == 4 and array.strides[1] == array.itemsize and not array.flags.c_contiguous:
        pixels = empty(array.transpose(0, 2, 3, 1).shape, array.dtype)
        return pixels.transpose(0, 3, 1, 2).view(type(array))
    return empty(array.shape, array.dtype)


def release(before=None):
    """Give free blocks back to the system: all, or those last used before that request."""
    for blocks in list(_blocks.values()):
        blocks[:] = [entry for entry in blocks
                     if sys.getrefcount(entry[0]) > FREE or before is not None and entry[1] >= before]
