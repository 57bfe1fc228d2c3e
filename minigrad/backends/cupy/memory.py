"""Reading from the GPU, in one place, and the checks whose answer is asked for only then."""
import cupy

_expected: dict = {}            # text -> were there any? a bool on the GPU


def is_available():
    """Is there a GPU, and a driver for it?"""
    return cupy.cuda.is_available()


def device_count():
    """How many GPUs there are."""
    return cupy.cuda.runtime.getDeviceCount()


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
