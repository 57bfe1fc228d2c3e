"""Datasets: things with a length and samples by number, or streams of samples."""
import math
import warnings
from bisect import bisect_right
from itertools import accumulate
from types import GenericAlias

from ... import random
from .sampler import INT64


class Dataset:
    """Base of datasets: define `__getitem__`, and `__len__` for most samplers (torch.utils.data.Dataset)."""
    __class_getitem__ = classmethod(GenericAlias)

    def __getitem__(self, index):
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.\n"
                                  f"{type(self).__name__} does not.")

    def __add__(self, other):
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Base of datasets that are streams: define `__iter__` (torch.utils.data.IterableDataset)."""

    def __iter__(self):
        raise NotImplementedError(f"{type(self).__name__}.__iter__\nSubclasses of IterableDataset define it.")


class TensorDataset(Dataset):
    """Tensors of one length; sample i is the tuple of their rows i (torch.utils.data.TensorDataset).

    Raises AssertionError where lengths differ.
    """

    def __init__(self, *tensors):
        if any(tensors[0].size(0) != tensor.size(0) for tensor in tensors):
            raise AssertionError("Size mismatch between tensors\nTheir first dimensions must be equal.")
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple([tensor[index] for tensor in self.tensors])

    def __len__(self):
        return self.tensors[0].size(0)


class Subset(Dataset):
    """The samples of `dataset` that `indices` lists (torch.utils.data.Subset)."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, idx):
        if isinstance(idx, list):
            return self.dataset[[self.indices[i] for i in idx]]
        return self.dataset[self.indices[idx]]

    def __getitems__(self, indices):
        return samples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self):
        return len(self.indices)


def samples(dataset, indices):
    """The samples that `indices` lists: all at once where the dataset has `__getitems__`."""
    several = getattr(dataset, "__getitems__", None)
    return several(indices) if several else [dataset[index] for index in indices]


class ConcatDataset(Dataset):
    """One dataset after the other (torch.utils.data.ConcatDataset).

    Raises AssertionError for none at all, or streams; ValueError for a negative index out of range.
    """

    def __init__(self, datasets):
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable\nPass at least one dataset.")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset\nStreams have no numbers.")
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self):
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx):
        if idx < -len(self):
            raise ValueError("absolute value of index should not exceed dataset length\n"
                             f"The length is {len(self)}, the index {idx}.")
        idx = idx + len(self) if idx < 0 else idx
        number = bisect_right(self.cumulative_sizes, idx)
        return self.datasets[number][idx - self.cumulative_sizes[number - 1] if number else idx]


def random_split(dataset, lengths, generator=random.default_generator):
    """Subsets of these lengths, or fractions that sum to 1, in random order (torch.utils.data.random_split).

    What rounding fractions down leaves over goes to the first subsets, one each. Raises ValueError where the
    lengths do not sum to the dataset's, or a fraction is not between 0 and 1.
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1\nIt is {fraction}.")
        lengths = [math.floor(len(dataset) * fraction) for fraction in lengths]
        for i in range(len(dataset) - sum(lengths)):
            lengths[i % len(lengths)] += 1
        for i, length in enumerate(lengths):
            if length == 0:
                warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.",
                              stacklevel=2)
    if sum(lengths) != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!\n"
                         f"They sum to {sum(lengths)}, the dataset has {len(dataset)}.")
    order = random.permutation(generator or random.default_generator, sum(lengths), INT64).tolist()
    return [Subset(dataset, order[end - length:end])
            for end, length in zip(accumulate(lengths), lengths, strict=True)]
