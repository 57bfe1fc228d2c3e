"""Reading from the GPU, in one place, and the checks whose answer is asked for only then; its memory."""
import cupy

_expected: dict = {}            # text -> were there any? a bool on the GPU


def is_available():
    """Is there a GPU, and a driver for it?"""
    return cupy.cuda.is_available()


def device_count():
    """How many GPUs there are."""
    return cupy.cuda.runtime.getDeviceCount()


def properties(number):
    """What the driver says of a GPU."""
    return cupy.cuda.runtime.getDeviceProperties(number)


# Reading ----------------------------------------------------------------------------------------------------

def expect_none(wrong, text):
    """Note that no element of the bool array `wrong` may be true, without waiting to learn it."""
    found = wrong.any()
    _expected[text] = found | _expected[text] if text in _expected else found


def check_expected():
    """Raises torch's RuntimeError where something was wrong that was noted since the last call."""
    if not _expected:
        return
    texts, found = list(_expected), cupy.stack(list(_expected.values()))
    _expected.clear()
    for text, wrong in zip(texts, found.get().tolist()):
        if wrong:
            raise RuntimeError(f"CUDA error: device-side assert triggered\n{text}\nIt happened in one of the "
                               "operations since the last read from the GPU, not in this one.")


def read(array):
    """A copy of the elements on the host, once they are computed. Raises what earlier operations noted."""
    check_expected()
    return array.get()


def synchronize():
    """Wait until the GPU is done. Raises what operations noted."""
    cupy.cuda.Device().synchronize()
    check_expected()


# Memory -----------------------------------------------------------------------------------------------------

class _Peak(cupy.cuda.MemoryHook):
    """Follows what arrays take; CuPy's pool does not."""
    name = "minigrad"

    def __init__(self):
        self.most = used()

    def malloc_postprocess(self, **event):
        """After an array got memory."""
        self.most = max(self.most, used())


_peak: list = []


def used():
    """Bytes that arrays take."""
    return cupy.get_default_memory_pool().used_bytes()


def reserved():
    """Bytes taken from the driver."""
    return cupy.get_default_memory_pool().total_bytes()


def peak():
    """The most bytes that arrays took since `reset_peak`."""
    if not _peak:
        reset_peak()
    return _peak[0].most


def reset_peak():
    """Follow the peak from now on."""
    if not _peak:
        _peak.append(_Peak())
        _peak[0].__enter__()
    _peak[0].most = used()


def release():
    """Give memory that no array takes back to the driver."""
    cupy.get_default_memory_pool().free_all_blocks()
