"""The GPU: is there one, waiting for it, its memory, its random numbers (torch.cuda).

Tensors are on the first GPU that the process sees. What CuPy names otherwise is brought under torch's names.
"""
import contextlib
import importlib
from types import SimpleNamespace

from ..backends.arrays import cupy_room
from ..device import device as _device
from ..generator import on_gpu

__all__ = ["Event", "Stream", "current_device", "current_stream", "default_stream", "device_count",
           "empty_cache", "get_device_capability", "get_device_name", "get_device_properties",
           "get_rng_state", "initial_seed", "is_available", "is_bf16_supported", "is_initialized",
           "manual_seed", "manual_seed_all", "max_memory_allocated", "memory_allocated", "memory_reserved",
           "reset_peak_memory_stats", "set_device", "set_rng_state", "stream", "synchronize"]


def _number(device):
    """The number of a GPU: of a device, its name, a number, or None for the current one."""
    device = _device("cuda" if device is None else device)
    if device.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}\nName a GPU, as 'cuda:0'.")
    return device.index or 0


# What is there ----------------------------------------------------------------------------------------------

def is_available():
    """Is there a GPU to compute on, with CuPy installed? (torch.cuda.is_available)"""
    try:
        cupy_room()
    except RuntimeError:
        return False
    return True


def is_initialized():
    """Was the GPU used, or its backend loaded, in this process? (torch.cuda.is_initialized)"""
    return bool(on_gpu) and is_available()


def device_count():
    """How many GPUs the process sees (torch.cuda.device_count)."""
    return cupy_room().device_count() if is_available() else 0


def current_device():
    """The number of the GPU in use: 0 (torch.cuda.current_device). Raises RuntimeError where there is
    none."""
    cupy_room()
    return 0


def set_device(device):
    """Use a GPU: the first is the only one that may be (torch.cuda.set_device)."""
    if _number(device):
        raise NotImplementedError("tensors on any GPU but the first are not supported.\nLet the process see "
                                  "one GPU, by CUDA_VISIBLE_DEVICES.")


def get_device_name(device=None):
    """What a GPU is called (torch.cuda.get_device_name)."""
    return get_device_properties(device).name


def get_device_capability(device=None):
    """(major, minor): what instructions it has (torch.cuda.get_device_capability)."""
    found = get_device_properties(device)
    return found.major, found.minor


def get_device_properties(device=None):
    """What a GPU is: its `name`, `major` and `minor` (capability), `total_memory` in bytes and
    `multi_processor_count` (torch.cuda.get_device_properties). Raises AssertionError for a GPU that is not
    there."""
    room, number = cupy_room(), _number(device)
    if number >= room.device_count():
        raise AssertionError(f"Invalid device id\nThere are {room.device_count()} GPUs, counted from 0.")
    found = room.properties(number)
    return SimpleNamespace(name=found["name"].decode(), major=found["major"], minor=found["minor"],
                           total_memory=found["totalGlobalMem"],
                           multi_processor_count=found["multiProcessorCount"])


def is_bf16_supported(including_emulation=True):
    """Can tensors on the GPU be bfloat16? (torch.cuda.is_bf16_supported)"""
    return is_available() and (including_emulation or get_device_capability()[0] >= 8)


# Order in time ----------------------------------------------------------------------------------------------

def synchronize(device=None):
    """Wait until the GPU is done (torch.cuda.synchronize). Raises RuntimeError for what went wrong in it
    since the last read."""
    cupy_room().synchronize()


class Stream:
    """A queue of the GPU's work beside others (torch.cuda.Stream): work within `with stream:` goes to it."""

    def __init__(self, device=None, priority=0):
        self._stream = cupy_room().Stream(non_blocking=True, priority=priority)

    def __enter__(self):
        self._stream.__enter__()
        return self

    def __exit__(self, *how):
        return self._stream.__exit__(*how)

    def __eq__(self, other):
        return isinstance(other, Stream) and self.cuda_stream == other.cuda_stream

    def __hash__(self):
        return hash(self.cuda_stream)

    @property
    def cuda_stream(self):
        """Its address, for other libraries (Stream.cuda_stream)."""
        return self._stream.ptr

    def query(self):
        """Is all of its work done? (Stream.query)"""
        return self._stream.done

    def synchronize(self):
        """Wait for its work (Stream.synchronize)."""
        self._stream.synchronize()

    def record_event(self, event=None):
        """The event, or a new one, is now, when what it holds is done (Stream.record_event)."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        """Its work from now on waits for an event (Stream.wait_event)."""
        event.wait(self)

    def wait_stream(self, stream):
        """Its work from now on waits for what another stream holds (Stream.wait_stream)."""
        self.wait_event(stream.record_event())


def _seen(stream):
    """CuPy's stream as one of ours."""
    made = object.__new__(Stream)
    made._stream = stream
    return made


def current_stream(device=None):
    """The queue that work goes to (torch.cuda.current_stream)."""
    return _seen(cupy_room().current_stream())


def default_stream(device=None):
    """The queue that work goes to unless said otherwise (torch.cuda.default_stream)."""
    return _seen(cupy_room().Stream.null)


def stream(stream):
    """A context in which work goes to `stream`; None changes nothing (torch.cuda.stream)."""
    return contextlib.nullcontext() if stream is None else stream


class Event:
    """A moment in the GPU's work (torch.cuda.Event)."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        if interprocess or external:
            raise NotImplementedError("Event: interprocess and external are not supported.\nLeave them out.")
        self._event = cupy_room().Event(block=blocking, disable_timing=not enable_timing)

    def record(self, stream=None):
        """The moment is now, when what `stream` holds is done (Event.record)."""
        self._event.record((current_stream() if stream is None else stream)._stream)

    def wait(self, stream=None):
        """Work that comes to `stream` from now on waits for the moment (Event.wait)."""
        (current_stream() if stream is None else stream)._stream.wait_event(self._event)

    def query(self):
        """Has it passed? (Event.query)"""
        return self._event.done

    def synchronize(self):
        """Wait for it (Event.synchronize)."""
        self._event.synchronize()

    def elapsed_time(self, end_event):
        """Milliseconds from this moment to another, both recorded with enable_timing (Event.elapsed_time)."""
        return cupy_room().elapsed_time(self._event, end_event._event)


# Memory -----------------------------------------------------------------------------------------------------

def memory_allocated(device=None):
    """Bytes that arrays take (torch.cuda.memory_allocated); 0 where there is no GPU."""
    return cupy_room().memory.used() if is_available() else 0


def memory_reserved(device=None):
    """Bytes taken from the driver, in use or kept (torch.cuda.memory_reserved)."""
    return cupy_room().memory.reserved() if is_available() else 0


def max_memory_allocated(device=None):
    """The most bytes that arrays took since `reset_peak_memory_stats`, or since it was first asked for: CuPy
    keeps no count before (torch.cuda.max_memory_allocated)."""
    return cupy_room().memory.peak() if is_available() else 0


def reset_peak_memory_stats(device=None):
    """Count the peak anew from now on (torch.cuda.reset_peak_memory_stats)."""
    if is_available():
        cupy_room().memory.reset_peak()


def empty_cache():
    """Give memory that no array takes back to the driver (torch.cuda.empty_cache)."""
    if is_available():
        cupy_room().memory.release()


# Random numbers ---------------------------------------------------------------------------------------------

def manual_seed(seed):
    """Start the GPU's stream again (torch.cuda.manual_seed). Without a GPU there is nothing to do."""
    if is_available():
        cupy_room().gpu_generator().manual_seed(int(seed))


manual_seed_all = manual_seed


def initial_seed():
    """The seed that the GPU's stream started from (torch.cuda.initial_seed)."""
    return cupy_room().gpu_generator().initial_seed()


def get_rng_state(device="cuda"):
    """Where the GPU's stream stands, a uint8 Tensor on the CPU (torch.cuda.get_rng_state)."""
    return cupy_room().gpu_generator().get_state()


def set_rng_state(new_state, device="cuda"):
    """Put the GPU's stream where `get_rng_state` found it (torch.cuda.set_rng_state)."""
    cupy_room().gpu_generator().set_state(new_state)


def __getattr__(name):
    if name == "amp":                           # with nn; only when asked for
        return importlib.import_module(f"{__name__}.amp")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
