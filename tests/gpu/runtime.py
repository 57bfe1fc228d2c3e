"""What the stand-in has for streams, events and memory: they are there, and nothing waits or is counted."""
import types


class Stream:
    """cupy.cuda.Stream: nothing waits here."""

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr = 0 if null else id(self)

    def __enter__(self):
        entered.append(self)
        return self

    def __exit__(self, *exc):
        entered.pop()

    def synchronize(self):
        pass

    def use(self):
        entered[-1] = self
        return self

    def record(self, event=None):
        return event or Event()

    def wait_event(self, event):
        pass

    done = True


Stream.null = Stream(null=True)
entered = [Stream.null]


class Event:
    """cupy.cuda.Event: a moment that has passed."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        pass

    def record(self, stream=None):
        pass

    def synchronize(self):
        pass

    done = True


class Device:
    """cupy.cuda.Device."""

    def __init__(self, device=None):
        self.id = device or 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def synchronize(self):
        pass

    def use(self):
        pass


class MemoryHook:
    """cupy.cuda.MemoryHook: nothing is allocated here."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass


class Pool:
    """cupy.cuda.MemoryPool."""

    def used_bytes(self):
        return 0

    def total_bytes(self):
        return 0

    def free_all_blocks(self):
        pass


POOL = Pool()
runtime = types.SimpleNamespace(
    getDeviceCount=lambda: 1, CUDARuntimeError=type("CUDARuntimeError", (RuntimeError,), {}),
    getDeviceProperties=lambda device: {"name": b"a stand-in", "major": 9, "minor": 0,
                                        "totalGlobalMem": 1 << 30, "multiProcessorCount": 1})
OFFERED = {"Stream": Stream, "Event": Event, "Device": Device, "MemoryHook": MemoryHook, "runtime": runtime,
           "is_available": lambda: True, "get_current_stream": lambda device_id=-1: entered[-1],
           "get_elapsed_time": lambda start, end: 0.0}
