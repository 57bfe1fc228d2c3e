"""DataLoader: goes through a dataset in batches."""
import warnings
from itertools import islice, repeat
from types import GenericAlias

from .collate import default_collate, default_convert
from .dataset import IterableDataset, Subset, TensorDataset, samples
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed


def get_worker_info():
    """None: samples are loaded in the process that asks for them (torch.utils.data.get_worker_info)."""


class DataLoader:
    """Batches of a dataset's samples, in the order that torch has (torch.utils.data.DataLoader).

    dataset: has `__getitem__` and `__len__`, or is an IterableDataset. batch_size: None for single samples.
    shuffle, sampler or batch_sampler choose the order. drop_last: leave out a last batch that is not full.
    collate_fn: makes the batch of a list of samples. generator: draws the order, else the default one does.
    pin_memory, in_order and worker_init_fn change nothing here. Raises ValueError for options that exclude
    each other, NotImplementedError for num_workers > 0.
    """
    __class_getitem__ = classmethod(GenericAlias)
    _frozen = ()

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0,
                 collate_fn=None, pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None,
                 multiprocessing_context=None, generator=None, *, prefetch_factor=None,
                 persistent_workers=False, pin_memory_device="", in_order=True):
        self._stream = isinstance(dataset, IterableDataset)
        _check(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
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
        self.num_workers, self.prefetch_factor, self.persistent_workers = 0, None, False
        self.worker_init_fn, self.multiprocessing_context, self.in_order = worker_init_fn, None, in_order
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
        whole, rest = divmod(len(self.dataset), self.batch_size or 1)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self):
        if self.pin_memory:
            warnings.warn("'pin_memory' argument is set as true but no accelerator is found, then device "
                          "pinned memory won't be used.", stacklevel=2)
        numbers = iter(self._numbers)
        draw_seed(self.generator)               # torch seeds its workers with it, even where there are none
        return self._from_stream(numbers, iter(self.dataset)) if self._stream else self._by_number(numbers)

    def _by_number(self, numbers):
        for number in numbers:
            if self.batch_sampler is None:
                yield self.collate_fn(self.dataset[number])
                continue
            rows = _rows(self.dataset, number) if self.collate_fn is default_collate else None
            yield self.collate_fn(samples(self.dataset, number)) if rows is None else rows

    def _from_stream(self, numbers, stream):
        if self.batch_sampler is None:
            yield from map(self.collate_fn, stream)
            return
        for number in numbers:
            batch = list(islice(stream, len(number)))
            if not batch or (self.drop_last and len(batch) < len(number)):
                return
            yield self.collate_fn(batch)


def _rows(dataset, numbers):
    """The collated batch of a TensorDataset or a Subset of one, each tensor indexed once; None for others."""
    while type(dataset) is Subset:
        numbers, dataset = [dataset.indices[i] for i in numbers], dataset.dataset
    if type(dataset) is not TensorDataset or any(tensor.needs for tensor in dataset.tensors) \
            or not all(type(number) is int for number in numbers):
        return None
    return [tensor[list(numbers)] for tensor in dataset.tensors]


def _refuse(*cases):
    for wrong, message in cases:
        if wrong:
            raise ValueError(f"{message}\nLeave the option out.")


def _check(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context):
    _refuse(
        (num_workers < 0,
         "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."),
        (timeout < 0, "timeout option should be non-negative"))
    if num_workers or timeout:
        raise NotImplementedError(f"DataLoader(num_workers={num_workers}, timeout={timeout})\n"
                                  "Leave both out: samples are loaded in this process.")
    _refuse(
        (prefetch_factor is not None,
         "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
         "multiprocessing, otherwise set prefetch_factor to None."),
        (persistent_workers, "persistent_workers option needs num_workers > 0"),
        (multiprocessing_context is not None, "multiprocessing_context can only be used with multi-process "
         "loading (num_workers > 0), but got num_workers=0"))


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
