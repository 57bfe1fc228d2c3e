"""Tensors over other libraries' memory, by the DLPack protocol (torch.utils.dlpack)."""
import numpy as np

from ..device import available
from ..ops.create import from_numpy

__all__ = ["from_dlpack"]


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor on the memory of an array of another library, of any with `__dlpack__` (torch.from_dlpack).

    copy: None and False share the memory, True copies it. Raises RuntimeError for other objects, and the
    other library's errors for what it does not export. """
    available(device)
    if not hasattr(ext_tensor, "__dlpack__"):
        raise RuntimeError("from_dlpack received an invalid capsule. Note that DLTensor capsules can be "
                           "consumed only once, so you might have already constructed a tensor from it "
                           "once.\nPass the array itself.")
    array = np.from_dlpack(ext_tensor)
    return from_numpy(array.copy() if copy else array)
