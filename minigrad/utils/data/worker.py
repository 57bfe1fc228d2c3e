"""Workers: processes that make batches ahead of the loop that asks for them.

The parent keeps a pipe to each worker, sends it numbers of samples and gets batches back, in order. A pipe
has two ends only, so a worker that dies is known at once by the end of its pipe; a worker whose parent died
notices within five seconds.
"""
import os
import pickle
import queue
import random as python_random
import threading
import traceback
import weakref
from collections import deque
from contextlib import suppress
from itertools import cycle
from multiprocessing import get_context
from multiprocessing.connection import wait

import numpy as np

from ... import random
from ...backends.numpy.threads import set_num_threads
from . import fetch
from .fetch import Fetcher, Pass
from .sampler import draw_seed

PATIENCE = 5                                    # seconds between looks at the parent, and for a worker to end
RESUME = "begin another pass"                   # sent in the place of numbers, and back when it has begun


class _Failure:
    """An exception on its way to the parent: the traceback goes as text."""

    def __init__(self, error, worker):
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.kind = type(error)
        self.message = f"Caught {self.kind.__name__} in DataLoader worker process {worker}.\nOriginal {text}"
        try:
            pickle.dumps(self.kind)
        except (pickle.PicklingError, AttributeError):
            self.kind = RuntimeError            # of a class that the parent cannot find

    def reraise(self):
        """Raise it here, of the same type where that takes one text."""
        message = _Shown(self.message) if self.kind is KeyError else self.message
        try:
            error = self.kind(message)
        except Exception:                       # noqa: BLE001 - a constructor of the user's own
            error = RuntimeError(message)
        raise error from None


class _Ended:
    """In the place of a batch: the worker's stream has ended."""


class _Shown(str):
    """A text whose repr is itself: KeyError shows the repr of what it is given."""
    __repr__ = str.__str__


# In the worker ----------------------------------------------------------------------------------------------

def _work(pipe, fetching, base_seed, init_fn, worker, count):
    """What a worker does: make the batches whose numbers come by `pipe` until None does."""
    with suppress(KeyboardInterrupt):           # the parent has it too
        set_num_threads(1)
        python_random.seed(base_seed + worker)
        random.manual_seed(base_seed + worker)
        words = [worker, base_seed % 2**32, base_seed >> 32, 0]
        np.random.seed(np.random.SeedSequence(words).generate_state(4))
        fetch.info = fetch.WorkerInfo(worker, count, base_seed + worker, fetching[0])
        failure = fetcher = None
        try:
            if init_fn is not None:
                init_fn(worker)
            fetcher = Fetcher(*fetching)
        except Exception as error:              # noqa: BLE001 - raised in the parent
            failure = _Failure(error, worker)
        outbox = queue.SimpleQueue()
        threading.Thread(target=_send, args=(pipe, outbox), daemon=True).start()
        ended = False
        for task in _tasks(pipe):
            if task == RESUME:
                fetcher, ended = Fetcher(*fetching), False
                outbox.put(_packed((RESUME, worker)))
            elif not ended:
                place, numbers = task
                data, failure = failure or _fetched(fetcher, numbers, worker), None
                ended = isinstance(data, _Ended)
                try:
                    message = _packed((place, data))
                except Exception as error:      # noqa: BLE001 - a batch that cannot be sent
                    message = _packed((place, _Failure(error, worker)))
                outbox.put(message)


def _fetched(fetcher, numbers, worker):
    try:
        return fetcher(numbers)
    except StopIteration as error:
        return _Failure(error, worker) if fetcher.stream is None else _Ended()
    except Exception as error:                  # noqa: BLE001 - raised in the parent
        return _Failure(error, worker)


def _tasks(pipe):
    """What the parent sends, until it sends None or is gone. All that waits is read before the next task is
    begun, so that None ends the worker at once."""
    waiting, parent = deque(), os.getppid()
    with suppress(EOFError, ConnectionError):
        while os.getppid() == parent:
            while pipe.poll(0 if waiting else PATIENCE):
                waiting.append(pipe.recv())
                if waiting[-1] is None:
                    return
            if waiting:
                yield waiting.popleft()


def _packed(message):
    """A message as pieces of memory: its pickle, and the arrays in it, which are not copied (pickle's
    protocol 5; half the time for large batches)."""
    arrays = []
    pickled = pickle.dumps(message, 5, buffer_callback=arrays.append)
    return [pickled, *[array.raw() for array in arrays]]


def _send(pipe, outbox):
    """A thread's work, so that the next batch is made while the last one waits to be read."""
    with suppress(ConnectionError):
        while True:
            pieces = outbox.get()
            pipe.send(len(pieces))
            for piece in pieces:
                pipe.send_bytes(piece)


# In the parent ----------------------------------------------------------------------------------------------

class WorkerIterator(Pass):
    """One pass over a DataLoader with workers, or with persistent ones one pass after the other."""

    def __init__(self, loader):
        if not loader.prefetch_factor > 0:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter\n"
                                 "Each worker needs a batch to make.")
        context = loader.multiprocessing_context or get_context()
        iter(loader._numbers)                   # as in torch: a sampler that draws when iterated draws twice
        base_seed = draw_seed(loader.generator)
        self.count, self.workers, self.pipes = loader.num_workers, [], []
        self.stop = weakref.finalize(self, _stop, os.getpid(), self.workers, self.pipes)
        for worker in range(self.count):
            ours, theirs = context.Pipe()
            arguments = theirs, loader._fetching, base_seed, loader.worker_init_fn, worker, self.count
            process = context.Process(target=_work, args=arguments, daemon=True)
            self.pipes.append(ours)
            process.start()
            self.workers.append(process)
            theirs.close()                      # or the next worker would hold it open, too
        self.begin(loader)

    def begin(self, loader):
        """Begin a pass: number the tasks from 0 and send the first ones."""
        self._begin(loader)
        self.sent = self.next = 0               # how many tasks were sent; which is to be given next
        self.tasks = {}                         # the place of each -> (worker,), or (worker, batch)
        self.active, self.turns = [True] * self.count, cycle(range(self.count))
        for _ in range(self.loader.prefetch_factor * self.count):
            self._send_task()

    def resume(self, loader):
        """Begin another pass with the same workers, once they have left the last one."""
        self.active = [True] * self.count
        for worker in range(self.count):
            self._send(worker, RESUME)
        left = self.count
        while left:
            place, _ = self._receive()
            left -= place == RESUME
        self.begin(loader)

    def _next(self):
        while True:
            while self.next < self.sent and not self._expected(self.tasks.get(self.next)):
                self.tasks.pop(self.next, None)
                self.next += 1
            if self.next == self.sent:
                if not self.loader.persistent_workers:
                    self.stop()
                raise StopIteration
            if len(self.tasks[self.next]) == 2:
                return self._give(self.next)
            place, data = self._receive()
            worker, = self.tasks[place]
            if isinstance(data, _Ended):
                self.active[worker] = False
                if not self.loader.persistent_workers:
                    self._send(worker, None)
                self._send_task()
                continue
            self.tasks[place] = worker, data
            if not self.loader.in_order:
                return self._give(place)

    def _expected(self, task):
        """Has it come, or will it?"""
        return task is not None and (len(task) == 2 or self.active[task[0]])

    def _give(self, place):
        _, data = self.tasks.pop(place)
        self._send_task()
        if isinstance(data, _Failure):
            data.reraise()
        return data

    def _send_task(self):
        """Send the next numbers to the worker whose turn it is, if any is left."""
        numbers = next(self.numbers, self)
        if numbers is self:
            return
        for _ in range(self.count):
            worker = next(self.turns)
            if self.active[worker] and (self.loader.in_order or self._has_room(worker)):
                self.tasks[self.sent] = worker,
                self._send(worker, (self.sent, numbers))
                self.sent += 1
                return

    def _has_room(self, worker):
        most = self.loader.prefetch_factor * self.count // sum(self.active)
        return sum(task[0] == worker for task in self.tasks.values()) < most

    def _send(self, worker, message):
        with suppress(ConnectionError):         # `_receive` will find that it is gone
            self.pipes[worker].send(message)

    def _receive(self):
        """What some worker has sent. Raises RuntimeError where one has died, or none sends in time."""
        timeout = self.loader.timeout
        ready = wait([pipe for pipe, active in zip(self.pipes, self.active) if active], timeout or None)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {timeout} seconds\n"
                               "Raise timeout, or look at what the dataset waits for.")
        try:
            pickled, *arrays = [ready[0].recv_bytes() for _ in range(ready[0].recv())]
        except (EOFError, OSError) as error:
            lost = self.workers[self.pipes.index(ready[0])]
            lost.join(PATIENCE)
            dead = [worker.pid for worker, active in zip(self.workers, self.active)
                    if active and (worker is lost or not worker.is_alive())]
            self.active = [False] * self.count
            self.stop()
            raise RuntimeError(f"DataLoader worker (pid(s) {', '.join(map(str, dead))}) exited unexpectedly\n"
                               "It was killed, often for want of memory.") from error
        return pickle.loads(pickled, buffers=map(bytearray, arrays))


def _stop(owner, workers, pipes):
    """End the workers; those that do not listen are terminated. Children of the parent leave them alone."""
    if os.getpid() != owner:
        return
    for pipe in pipes:
        with suppress(OSError):
            pipe.send(None)
    for worker in workers:
        worker.join(PATIENCE)
        if worker.is_alive():
            worker.terminate()
            worker.join(PATIENCE)
    for pipe in pipes:
        pipe.close()
