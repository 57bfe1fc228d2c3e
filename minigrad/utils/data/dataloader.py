"""DataLoader: goes through a dataset in batches."""
import os
import warnings
from itertools import repeat
from types import GenericAlias

from ...cuda import is_available as cuda_is_available
from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .fetch import Fetcher, Pass
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed


class _Iterator(Pass):
    """One pass over a DataLoader in this process."""

    def __init__(self, loader):
        if loader.timeout:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0\n"
                                 "Only workers can be waited for.")
        self._begin(loader)
        draw_seed(loader.generator)             # torch seeds its workers with it, even where there are none
        self.fetch = Fetcher(*loader._fetching)

    def _next(self):
        return self.fetch(next(self.numbers))


class DataLoader:
    """Batches of a dataset's samples, in the order that torch has (torch.utils.data.DataLoader).

    dataset: has `__getitem__` and `__len__`, or is an IterableDataset. batch_size: None for single samples.
    shuffle, sampler or batch_sampler choose the order. drop_last: leave out a last batch that is not full.
    collate_fn: makes the batch of a list of samples. generator: draws the order, else the default one does.
    pin_memory changes nothing without an accelerator. Raises ValueError for options that exclude each other.

    num_workers: how many processes make the batches; 0: the calling one does. Each makes `prefetch_factor`
    (2) ahead. worker_init_fn: called with each worker's number, once its random streams are seeded with the
    base seed plus that number. in_order: give batches in the samplers' order, else as they come.
    persistent_workers: the same workers serve every pass. timeout: seconds to wait for a batch (0: any time).
    multiprocessing_context: "fork", "spawn", "forkserver" or a context. An exception in a worker is raised
    again, of its type, with its traceback as text; a worker that dies raises RuntimeError.
    """
    __class_getitem__ = classmethod(GenericAlias)
    _frozen = ()
    _iterator = None                            # that of persistent workers
    _told = None                                # the stream's length, once somebody asked

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0,
                 collate_fn=None, pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None,
                 multiprocessing_context=None, generator=None, *, prefetch_factor=None,
                 persistent_workers=False, pin_memory_device="", in_order=True):
        self._stream = isinstance(dataset, IterableDataset)
        _check(num_workers, timeout, prefetch_factor, persistent_workers)
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        _check_order(self._stream, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            sampler = repeat(None) if self._stream else (
                RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset))
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.pin_memory, self.pin_memory_device, self.timeout = pin_memory, pin_memory_device, timeout
        self.num_workers, self.worker_init_fn, self.in_order = num_workers, worker_init_fn, in_order
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        _warn_of_many(num_workers)
        self._frozen = ("dataset", "batch_size", "sampler", "batch_sampler", "drop_last",
                        "persistent_workers")

    def __setattr__(self, name, value):
        if name in self._frozen:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized"
                             "\nMake another loader.")
        super().__setattr__(name, value)

    @property
    def _numbers(self):
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __len__(self):
        if not self._stream:
            return len(self._numbers)
        self._told = len(self.dataset)
        whole, rest = divmod(self._told, self.batch_size or 1)
        return whole + (rest > 0 and not self.drop_last)

    @property
    def _fetching(self):
        return self.dataset, self.batch_sampler is not None, self.collate_fn, self.drop_last

    def __iter__(self):
        if self._iterator is not None and self._iterator.stop.alive:
            self._iterator.resume(self)
            return self._iterator
        if self.pin_memory and not cuda_is_available():
            warnings.warn("'pin_memory' argument is set as true but no accelerator is found, then device "
                          "pinned memory won't be used.", stacklevel=2)
        if not self.num_workers:
            return _Iterator(self)
        _warn_of_many(self.num_workers)
        from .worker import WorkerIterator  # with multiprocessing, which takes 20 ms to import
        made = WorkerIterator(self)
        if self.persistent_workers:
            self._iterator = made
        return made


def _warn_of_many(count):
    """torch's warning where there are more workers than processors."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if processors and count > processors:
        unsure = "" if hasattr(os, "sched_getaffinity") else " (`cpuset` is not taken into account)"
        warnings.warn(f"This DataLoader will create {count} worker processes in total. Our suggested max "
                      f"number of worker in current system is {processors}{unsure}, which is smaller than "
                      "what this DataLoader is going to create. Please be aware that excessive worker "
                      "creation might get DataLoader running slow or even freeze, lower the worker number to "
                      "avoid potential slowness/freeze if necessary.", stacklevel=3)


def _refuse(*cases):
    for wrong, message in cases:
        if wrong:
            raise ValueError(f"{message}\nLeave the option out.")


def _check(num_workers, timeout, prefetch_factor, persistent_workers):
    _refuse(
        (num_workers < 0,
         "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."),
        (timeout < 0, "timeout option should be non-negative"),
        (num_workers == 0 and prefetch_factor is not None,
         "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
         "multiprocessing, otherwise set prefetch_factor to None."),
        (prefetch_factor is not None and prefetch_factor < 0,
         "prefetch_factor option should be non-negative"),
        (persistent_workers and num_workers == 0, "persistent_workers option needs num_workers > 0"))


def _context(given, num_workers):
    """The multiprocessing context that is meant by its name, by itself, or by None. Raises torch's errors."""
    if given is None:
        return None
    _refuse((not num_workers, "multiprocessing_context can only be used with multi-process loading "
                              f"(num_workers > 0), but got num_workers={num_workers}"))
    import multiprocessing
    known = multiprocessing.get_all_start_methods()
    if isinstance(given, str):
        _refuse((given not in known, "multiprocessing_context option should specify a valid start method in "
                                     f"{known!r}, but got multiprocessing_context={given!r}"))
        return multiprocessing.get_context(given)
    if not isinstance(given, multiprocessing.context.BaseContext):
        raise TypeError("multiprocessing_context option should be a valid context object or a string "
                        f"specifying the start method, but got multiprocessing_context={given}\n"
                        f"Pass one of {known}.")
    return given


def _check_order(stream, batch_size, shuffle, sampler, batch_sampler, drop_last):
    unspecified = "DataLoader with IterableDataset: expected unspecified {0} option, but got {0}={1}"
    _refuse(
        (stream and shuffle, unspecified.format("shuffle", shuffle)),
        (stream and sampler is not None, unspecified.format("sampler", sampler)),
        (stream and batch_sampler is not None, unspecified.format("batch_sampler", batch_sampler)),
        (sampler is not None and shuffle, "sampler option is mutually exclusive with shuffle"),
        (batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last),
         "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"),
        (batch_sampler is None and batch_size is None and drop_last,
         "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"))
