"""Where an array is, and the few questions that NumPy's arrays and CuPy's answer differently.

NumPy's functions hand CuPy arrays on to CuPy's of the same name (`__array_ufunc__`, `__array_function__`, and
`like=` where no operand is an array), so code that only passes arrays on need not ask what they are.
"""
import importlib

import numpy as np

from .numpy.layout import ChannelsLast, canonical

TYPES = {np.ndarray}            # of arrays without a private layout; CuPy's joins when its room is opened


def cupy_room():
    """The CuPy backend, imported when first asked for. Raises RuntimeError where CuPy or a GPU is missing, as
    torch built for CUDA does; torch built for the CPU alone raises AssertionError."""
    try:
        room = importlib.import_module(".cupy", __package__)
    except ImportError:
        raise RuntimeError("the device 'cuda' needs CuPy and an NVIDIA GPU: pip install \"minigrad[cuda]\", "
                           "or use device='cpu'") from None
    if not room.is_available():
        raise RuntimeError("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU "
                           "and installed a driver from http://www.nvidia.com/Download/index.aspx\n"
                           "Or use device='cpu'.")
    return room


def is_array(value):
    """Is it an array of any backend?"""
    return isinstance(value, np.ndarray) or type(value) in TYPES


def on_gpu(value):
    """Is it an array on a GPU?"""
    return type(value) in TYPES and not isinstance(value, np.ndarray)


def place_of(array):
    """"cpu" or "cuda"."""
    return "cuda" if on_gpu(array) else "cpu"


def host(array):
    """The elements as an ndarray: a copy of what is on a GPU, which waits for them; all else itself."""
    return cupy_room().read(array) if on_gpu(array) else array


def moved(array, place):
    """The array at `place`, "cpu" or "cuda"; itself where it is there."""
    if place == "cpu":
        return host(array)
    if not isinstance(array, np.ndarray):
        return array
    return cupy_room().asarray(canonical(array) if type(array) is ChannelsLast else array)


def beside(array, like):
    """An ndarray of the host's where `like` is."""
    return array if isinstance(like, np.ndarray) else cupy_room().asarray(array)


def zero_d(number, dtype, like):
    """A number as an array without dimensions, where `like` is."""
    return beside(np.asarray(number, dtype), like)


def number(array):
    """The only element as a Python float; on a GPU it stays there, an array without dimensions."""
    return array if on_gpu(array) else float(array)


def as_writeable(view, source):
    """The view, to be written only where what it is of may be; CuPy has no arrays that may not."""
    if isinstance(view, np.ndarray):
        view.flags.writeable = source.flags.writeable
    return view


def writeable(array):
    """May it be written? CuPy has no arrays that may not."""
    return array.flags.writeable if isinstance(array, np.ndarray) else True


def address(array):
    """Where its first element is in memory."""
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def outside(index, low, high, text):
    """The elements of an integer array that are below `low` or not below `high`.

    Those on a GPU are not waited for: none are given, and the first read from the GPU raises RuntimeError
    with `text` if there were any, as torch's kernels do.
    """
    wrong = (index < low) | (index >= high)
    if isinstance(wrong, (np.ndarray, np.generic)):
        return index[wrong]
    cupy_room().expect_none(wrong, text)
    return ()
