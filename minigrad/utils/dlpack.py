"""Tensors over other libraries' memory, by the DLPack protocol (torch.utils.dlpack)."""
import numpy as np

from ..backends.arrays import cupy_room
from ..device import available
from ..engine.core import wrap
from ..ops.create import from_numpy

__all__ = ["from_dlpack"]
CUDA = 2                                        # DLPack's number for memory of an NVIDIA GPU


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor on the memory of an array of another library, of any with `__dlpack__` (torch.from_dlpack).

    copy: None and False share the memory, True copies it. Raises RuntimeError for other objects, and the
    other library's errors for what it does not export. """
    device = None if device is None else available(device)
    if not hasattr(ext_tensor, "__dlpack__"):
        raise RuntimeError("from_dlpack received an invalid capsule. Note that DLTensor capsules can be "
                           "consumed only once, so you might have already constructed a tensor from it "
                           "once.\nPass the array itself.")
    on_gpu = hasattr(ext_tensor, "__dlpack_device__") and ext_tensor.__dlpack_device__()[0] == CUDA
    array = cupy_room().from_dlpack(ext_tensor) if on_gpu else np.from_dlpack(ext_tensor)
    array = array.copy() if copy else array
    shared = wrap(array) if on_gpu else from_numpy(array)
    return shared if device is None else shared.to(device)
