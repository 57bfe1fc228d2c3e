"""Fetching: from numbers that a sampler gives, or a stream, to a batch; what passes and workers share."""
import warnings
from copy import copy
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .collate import default_collate
from .dataset import IterableDataset, Subset, TensorDataset, samples


@dataclass(frozen=True)
class WorkerInfo:
    """What `get_worker_info` gives in worker `id` of `num_workers`: its seed, and its copy of the dataset."""
    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str = "multiprocessing"


info = None                                     # this process's own, which `worker.py` sets


def get_worker_info():
    """In a worker its WorkerInfo, elsewhere None (torch.utils.data.get_worker_info)."""
    return info


class Pass:
    """Base of the iterators over a DataLoader; they define `_next`."""

    def _begin(self, loader):
        self.loader, self.numbers, self.given = copy(loader), iter(loader._numbers), 0
        self.loader._iterator = None            # or loader and persistent workers would keep each other alive
        self.told = loader._told                # the length of a stream, where `len(loader)` has told it

    def __iter__(self):
        return self

    def __len__(self):
        return len(self.loader._numbers)

    def __next__(self):
        data = self._next()
        self.given += 1
        if self.told is not None and self.given > self.told:
            text = (f"Length of IterableDataset {self.loader.dataset} was reported to be {self.told}(when "
                    f"accessing len(dataloader)), but {self.given} samples have been fetched. ")
            if self.loader.num_workers:
                text += ("For multiprocessing data-loading, this could be caused by not properly configuring "
                         "the IterableDataset replica at each worker.")
            warnings.warn(text, stacklevel=2)
        return data


class Fetcher:
    """Called with the next numbers it gives the next batch; raises StopIteration where a stream has ended.

    batched: numbers come as lists, and a batch is made of as many samples; else each is a single one.
    """

    def __init__(self, dataset, batched, collate_fn, drop_last):
        self.dataset, self.batched, self.collate_fn, self.drop_last = dataset, batched, collate_fn, drop_last
        self.stream = iter(dataset) if isinstance(dataset, IterableDataset) else None

    def __call__(self, numbers):
        if not self.batched:
            return self.collate_fn(self.dataset[numbers] if self.stream is None else next(self.stream))
        if self.stream is not None:
            batch = list(islice(self.stream, len(numbers)))
            if not batch or (self.drop_last and len(batch) < len(numbers)):
                raise StopIteration
            return self.collate_fn(batch)
        rows = _rows(self.dataset, numbers) if self.collate_fn is default_collate else None
        return self.collate_fn(samples(self.dataset, numbers)) if rows is None else rows


def _rows(dataset, numbers):
    """The collated batch of a TensorDataset or a Subset of one, each tensor indexed once; None for others."""
    while type(dataset) is Subset:
        numbers, dataset = [dataset.indices[i] for i in numbers], dataset.dataset
    if type(dataset) is not TensorDataset or any(tensor.needs for tensor in dataset.tensors) \
            or not all(type(number) is int for number in numbers):
        return None
    return [tensor[list(numbers)] for tensor in dataset.tensors]
