"""The CPU thread pool: a kernel's batch is cut into one slice per thread.

NumPy lets go of the interpreter lock in copies, ufuncs and BLAS, so plain threads use every core. Slice i
always runs on thread i: what one kernel wrote lies in the cache of the core that reads it in the next.
OpenBLAS's own threads take turns with single-threaded copies and leave half of every buffer in the wrong
cache, and beside another busy process they spin while they wait: an input gradient of 64→64 channels,
16×64×32×32, took 13.7 ms on one thread, 18.7 with BLAS's two and 7.3 with this pool's two. So BLAS is held at
one thread while the pool works; what it was set to comes back after.

Linux wakes a thread on the core of the one that woke it, if it expects that one to sleep soon, and moves no
thread for some milliseconds: half of all kernels then ran on one core, their threads taking turns (a Winograd
convolution 6.9 ms for 3.4). So each worker is barred from the core that its caller runs on.
"""
import contextlib
import ctypes
import os
import queue
import threading

import numpy as np

SMALL = 1 << 18                 # elements: less than this is half done before another thread wakes (15–60 µs)


def _openblas():
    """OpenBLAS's thread switches (set, get) in the library that NumPy is linked to, or None."""
    try:
        library = ctypes.PyDLL(np._core._multiarray_umath.__file__)
    except (AttributeError, OSError):
        return None
    for name in ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads",
                 "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
        if hasattr(library, name.format("set")) and hasattr(library, name.format("get")):
            return getattr(library, name.format("set")), getattr(library, name.format("get"))
    return None


def _core_reader():
    """sched_getcpu(): the core that the calling thread runs on; gives None where threads can't be placed."""
    known = hasattr(os, "sched_setaffinity") and hasattr(ctypes.PyDLL(None), "sched_getcpu")
    return ctypes.PyDLL(None).sched_getcpu if known else lambda: None


class _Worker:
    def __init__(self):
        self.jobs, self.barred = queue.SimpleQueue(), None
        self.thread = threading.Thread(target=self._run, name="minigrad", daemon=True)
        self.thread.start()

    def keep_off(self, core):
        """Run on other cores than this one, of those that the caller may use."""
        if core is not None and core != self.barred:
            cores = os.sched_getaffinity(0)
            if len(cores) > 1:                  # else look again: the caller may get more
                with contextlib.suppress(OSError):      # a sandbox may forbid it
                    os.sched_setaffinity(self.thread.native_id, cores - {core})
                self.barred = core

    def _run(self):
        while True:
            function, start, stop, results = self.jobs.get()
            error = None
            try:
                function(start, stop)
            except BaseException as caught:  # noqa: BLE001 - raised again by who asked for the work
                error = caught
            results.put(error)
            del function, results, error        # a waiting worker must keep no array alive


_blas = _size = None            # looked up on first use, so that importing changes nothing
_workers = []
_lock = threading.Lock()
_current_core = _core_reader()


def _after_fork():
    """Threads do not survive a fork: not the workers, nor another one that held the lock."""
    global _lock
    _workers.clear()
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def get_num_threads():
    """How many threads a kernel uses: at first as many as BLAS was started with (OMP_NUM_THREADS, or the
    cores the process may run on); one where BLAS is not OpenBLAS, and threads on its own.
    (torch.get_num_threads)"""
    global _blas, _size
    if _size is None:
        _blas = _openblas()
        _size = max(1, _blas[1]()) if _blas else 1
    return _size


def set_num_threads(num):
    """Use `num` threads, in BLAS too. Raises RuntimeError for what is no positive int.
    (torch.set_num_threads)"""
    global _size
    if not isinstance(num, int) or isinstance(num, bool):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(num).__name__}\nPass an int.")
    if num < 1:
        raise RuntimeError("set_num_threads expects a positive integer\nUse at least one thread.")
    get_num_threads()
    _size = num
    if _blas:
        _blas[0](num)


def alone(function, *operands):
    """`function(*operands)` on this thread, BLAS's own threads held back."""
    if _size == 1 or not _lock.acquire(blocking=False):
        return function(*operands)
    before = 1
    try:
        if get_num_threads() > 1 and _blas and (before := _blas[1]()) > 1:
            _blas[0](1)
        return function(*operands)
    finally:
        if before > 1:
            _blas[0](before)
        _lock.release()


def parallel(function, length, work):
    """Run `function(start, stop)` over slices of range(length), one per thread, BLAS at one thread meanwhile.

    One call does it all where `work` (elements touched) is small, or where the pool is taken: by this
    kernel's caller, or by another of the program's threads.
    """
    if not _lock.acquire(blocking=False):
        function(0, length)
        return
    threads, before, errors = get_num_threads(), 1, ()
    count = min(threads, length) if work >= SMALL else 1
    try:
        if threads > 1 and _blas and (before := _blas[1]()) > 1:
            _blas[0](1)
        if count < 2:
            function(0, length)
            return
        while len(_workers) < count - 1:
            _workers.append(_Worker())
        results = queue.SimpleQueue()
        cuts = [length * i // count for i in range(count + 1)]
        core = _current_core()
        for worker, start, stop in zip(_workers, cuts[1:], cuts[2:], strict=False):
            worker.keep_off(core)
            worker.jobs.put((function, start, stop, results))
        function(0, cuts[1])
        errors = [results.get() for _ in cuts[2:]]
    finally:
        if before > 1:
            _blas[0](before)
        _lock.release()
    for error in errors:
        if error is not None:
            raise error
