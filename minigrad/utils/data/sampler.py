"""Samplers: the orders in which samples are visited. Random ones draw torch's numbers, when torch does."""
from itertools import islice
from types import GenericAlias

import numpy as np

from ... import random
from ...dtypes import float64
from ...ops.create import as_tensor

INT64 = np.dtype(np.int64)


def draw_seed(generator=None):
    """A number from 0 to 2⁶³ − 1, as `torch.empty((), dtype=torch.int64).random_()` draws it."""
    return int(random.random_full(generator or random.default_generator, (), INT64))


def check_positive(name, value):
    """Raises torch's ValueError unless `value` is an int above 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}\nPass more.")


def check_bool(name, value, error=ValueError):
    """Raises torch's error unless `value` is a bool."""
    if not isinstance(value, bool):
        raise error(f"{name} should be a boolean value, but got {name}={value}\nPass True or False.")


class Sampler:
    """Base of samplers: define `__iter__`, over numbers of samples (torch.utils.data.Sampler)."""
    __class_getitem__ = classmethod(GenericAlias)

    def __iter__(self):
        raise NotImplementedError(f"{type(self).__name__}.__iter__\nSubclasses of Sampler define it.")


class SequentialSampler(Sampler):
    """0, 1, ..., len(data_source) − 1 (torch.utils.data.SequentialSampler)."""

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler):
    """Every sample once in random order, again and again up to `num_samples`; with `replacement` that many
    independent draws (torch.utils.data.RandomSampler).

    Without `generator` each pass seeds one of its own from the default one. Raises TypeError for a
    `replacement` that is no bool, ValueError for a number of samples that is not positive.
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        self.data_source, self.replacement = data_source, replacement
        self._num_samples, self.generator = num_samples, generator
        check_bool("replacement", replacement, TypeError)
        check_positive("num_samples", self.num_samples)

    @property
    def num_samples(self):
        """How many samples one pass visits: the length of the data source unless set."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        n, generator = len(self.data_source), self.generator
        if generator is None:
            generator = random.Generator()
            generator.manual_seed(draw_seed())
        if self.replacement:
            # By 32, as torch: a reader who stops early leaves the generator where torch's would be.
            for start in range(0, self.num_samples, 32):
                count = min(32, self.num_samples - start)
                yield from random.integers(generator, 0, n, (count,), INT64).tolist()
            return
        for _ in range(self.num_samples // n):
            yield from random.permutation(generator, n, INT64).tolist()
        yield from random.permutation(generator, n, INT64).tolist()[:self.num_samples % n]

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The numbers in `indices`, each once, in random order (torch.utils.data.SubsetRandomSampler)."""

    def __init__(self, indices, generator=None):
        self.indices, self.generator = indices, generator

    def __iter__(self):
        generator = self.generator or random.default_generator
        for i in random.permutation(generator, len(self.indices), INT64).tolist():
            yield self.indices[i]

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """`num_samples` numbers drawn with probabilities proportional to `weights`, with or without replacement
    (torch.utils.data.WeightedRandomSampler).

    weights: a sequence. Raises ValueError for a `num_samples` that is not positive, a `replacement` that is
    no bool, weights not in one dimension.
    """

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        check_positive("num_samples", num_samples)
        check_bool("replacement", replacement)
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.dim() != 1:
            raise ValueError("weights should be a 1d sequence but given weights have shape "
                             f"{tuple(self.weights.shape)}\nPass one weight per sample.")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self):
        generator = self.generator or random.default_generator
        weights = self.weights.array
        yield from random.multinomial(generator, weights, self.num_samples, self.replacement).tolist()

    def __len__(self):
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` numbers from `sampler`, the last one shorter, or left out with `drop_last`
    (torch.utils.data.BatchSampler). Raises ValueError for a `batch_size` that is not positive."""

    def __init__(self, sampler, batch_size, drop_last):
        check_positive("batch_size", batch_size)
        check_bool("drop_last", drop_last)
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self):
        numbers = iter(self.sampler)
        while batch := list(islice(numbers, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self):
        whole, rest = divmod(len(self.sampler), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)
