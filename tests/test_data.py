"""minigrad.utils.data against torch's: the same orders, batches, generator states afterwards, and errors."""
import warnings
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.utils import data as ours

torch = pytest.importorskip("torch")
theirs = torch.utils.data

Point = namedtuple("Point", "x y")
LIBRARIES = ((minigrad, ours), (torch, theirs))


def values(batch):
    """A batch with every tensor replaced by what it holds, for comparison."""
    if isinstance(batch, (minigrad.Tensor, torch.Tensor)):
        return str(batch.dtype), tuple(batch.shape), batch.tolist()
    if isinstance(batch, dict):
        return type(batch), {key: values(part) for key, part in batch.items()}
    return (type(batch), [values(part) for part in batch]) if isinstance(batch, (list, tuple)) else batch


def next_draws(library, *generators):
    """What generators, the default one first, give next: equal only if their states are."""
    return [library.randint(0, 2**40, (3,), generator=g).tolist() for g in (None, *generators)]


def both(function, errors=()):
    """`function(library, its utils.data)` in both, equally seeded: it must give, or raise, the same."""
    found = []
    for library, data in LIBRARIES:
        library.manual_seed(5)
        try:
            found.append(function(library, data))
        except errors as error:
            found.append((type(error), str(error).split("\n")[0]))
        found[-1] = (found[-1], next_draws(library))
    assert found[0] == found[1]
    return found[0][0]


# Orders ----------------------------------------------------------------------------------------------------

@given(n=st.integers(1, 70), batch_size=st.one_of(st.none(), st.integers(1, 40)), shuffle=st.booleans(),
       drop_last=st.booleans(), seeded=st.booleans(), stop=st.integers(0, 20), subset=st.booleans())
def test_loader(n, batch_size, shuffle, drop_last, seeded, stop, subset):
    drop_last = drop_last and batch_size is not None

    def go(library, data):
        generator = library.Generator().manual_seed(3) if seeded else None
        dataset = data.TensorDataset(library.arange(2 * n).view(n, 2).double(), library.arange(n))
        if subset:
            dataset = data.Subset(data.Subset(dataset, list(range(n))[::-1]), [*range(n), -1])
        loader = data.DataLoader(dataset, batch_size, shuffle, drop_last=drop_last, generator=generator)
        seen = [len(loader)]
        for _ in range(2):
            seen.append([values(batch) for batch in loader])
            seen.append(next_draws(library, generator))
        pass_on = iter(loader)
        seen.append([values(batch) for batch, _ in zip(pass_on, range(stop), strict=False)])
        return seen, next_draws(library, generator)
    both(go)


@given(n=st.integers(1, 50), count=st.one_of(st.none(), st.integers(1, 120)), replacement=st.booleans(),
       seeded=st.booleans(), stop=st.integers(0, 130))
def test_random_sampler(n, count, replacement, seeded, stop):
    def go(library, data):
        generator = library.Generator().manual_seed(3) if seeded else None
        sampler = data.RandomSampler(range(n), replacement, count, generator)
        some = [number for number, _ in zip(sampler, range(stop), strict=False)]
        middle = next_draws(library, generator)
        return len(sampler), some, middle, list(sampler), next_draws(library, generator)
    both(go)


@given(weights=st.lists(st.floats(0, 10), min_size=1, max_size=12), count=st.integers(1, 14),
       replacement=st.booleans(), seeded=st.booleans())
def test_weighted_random_sampler(weights, count, replacement, seeded):
    def go(library, data):
        generator = library.Generator().manual_seed(3) if seeded else None
        sampler = data.WeightedRandomSampler(weights, count, replacement, generator)
        # Without replacement numbers that weigh nothing come where the others do not suffice: ties, in an
        # order that nobody promises, but each at most once.
        drawn = list(sampler)
        assert replacement or len(set(drawn)) == len(drawn)
        drawn = [number if weights[number] or replacement else "weighs nothing" for number in drawn]
        return len(sampler), drawn, next_draws(library, generator)
    both(go, errors=RuntimeError)


@given(n=st.integers(0, 40), size=st.integers(1, 12), drop_last=st.booleans())
def test_batch_sampler(n, size, drop_last):
    def go(library, data):
        batches = data.BatchSampler(data.SequentialSampler(range(n)), size, drop_last)
        return len(batches), list(batches), list(data.BatchSampler(iter(range(n)), size, drop_last))
    both(go)


@pytest.mark.parametrize("seeded", [False, True])
def test_subset_random_sampler(seeded):
    def go(library, data):
        generator = library.Generator().manual_seed(3) if seeded else None
        sampler = data.SubsetRandomSampler([5, 3, 9, 9, 1], generator)
        return len(sampler), list(sampler), list(data.DataLoader("abcdefghij", 2, sampler=sampler))
    both(go)


@given(n=st.integers(1, 60), data=st.data(), seeded=st.booleans())
def test_random_split(n, data, seeded):
    if data.draw(st.booleans()):
        lengths = data.draw(st.sampled_from([[0.5, 0.5], [0.7, 0.2, 0.1], [1 / 3] * 3, [1.0], [0.9, 0.1, 0]]))
    else:
        first = data.draw(st.integers(0, n))
        lengths = [first, n - first]

    def go(library, data):
        settings = {"generator": library.Generator().manual_seed(3)} if seeded else {}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            parts = data.random_split(range(100, 100 + n), lengths, **settings)
        return ([list(part) for part in parts], [len(part) for part in parts],
                [(w.category, str(w.message), w.filename) for w in caught])
    both(go)


# Datasets --------------------------------------------------------------------------------------------------

def test_samples_are_fetched_all_at_once_where_the_dataset_can():
    def go(library, data):
        class Squares(data.Dataset):
            calls = []

            def __len__(self):
                return 5

            def __getitem__(self, index):
                self.calls.append(index)
                return index ** 2

            def __getitems__(self, indices):
                self.calls.append(indices)
                return [index ** 2 for index in indices]

        dataset = Squares()
        seen = [values(batch) for batch in data.DataLoader(data.Subset(dataset, [4, 2, 0]), 2)]
        return seen, dataset.calls, data.Subset(dataset, [4, 2])[1]
    both(go)
    both(lambda library, data: values(data.Subset(data.TensorDataset(library.arange(9)), [7, 5, 3])[[0, 2]]))


def test_tensor_dataset_as_samples_and_as_rows():
    """The loader's short way, one indexing per tensor, gives what collating samples gives."""
    rows = [minigrad.randn(7, 3), minigrad.arange(7), minigrad.randn(7, 2, 2).double().transpose(1, 2),
            minigrad.zeros(7, 0), minigrad.tensor([True, False] * 3 + [True]), minigrad.randn(7).half()]
    dataset = ours.TensorDataset(*rows)
    for order in ([0, 3, 3, 6], [-1, 2], [5]):
        short, = ours.DataLoader(dataset, batch_sampler=[order])
        long = ours.default_collate([dataset[i] for i in order])
        assert type(short) is type(long) is list
        for a, b in zip(short, long, strict=True):
            assert values(a) == values(b) and a.is_contiguous() and b.is_contiguous()
            assert not any(np.shares_memory(a.array, row.array) for row in rows)


def test_tensors_that_need_gradients_are_recorded():
    results = []
    for library, data in LIBRARIES:
        x = library.arange(6.0).requires_grad_()
        total = 0
        for batch, in data.DataLoader(data.TensorDataset(x), 4):
            assert "StackBackward0" in str(batch.grad_fn)
            total = total + (batch * batch).sum()
        total.backward()
        results.append(x.grad.tolist())
    assert results[0] == results[1] == [0, 2, 4, 6, 8, 10]


def test_concat_dataset():
    def go(library, data):
        whole = data.TensorDataset(library.arange(3)) + data.TensorDataset(library.arange(10, 12)) + [(1,)]
        return ([values(whole[i]) for i in (0, 2, 3, 4, 5, -1, -6)], len(whole), whole.cumulative_sizes,
                type(whole).__name__)
    both(go)


def stream(data, count, with_length=False):
    class Stream(data.IterableDataset):
        def __iter__(self):
            assert data.get_worker_info() is None
            return iter(range(count))

    if with_length:
        Stream.__len__ = lambda self: count
    return Stream()


@given(count=st.integers(0, 20), batch_size=st.one_of(st.none(), st.integers(1, 7)), drop_last=st.booleans())
def test_streams(count, batch_size, drop_last):
    def go(library, data):
        settings = {"drop_last": drop_last} if batch_size else {}
        loader = data.DataLoader(stream(data, count, with_length=True), batch_size, **settings)
        return [[values(batch) for batch in loader], next_draws(library), len(loader), list(loader) is None]
    both(go)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_stream_longer_than_it_says(workers):
    def go(library, data):
        class Stream(data.IterableDataset):
            def __iter__(self):
                return iter(range(5))

            def __len__(self):
                return 3

            def __repr__(self):
                return "stream"

        loader = data.DataLoader(Stream(), None, num_workers=workers)
        told = []
        for asked in (False, True):
            assert not asked or len(loader) == 3
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                told.append(list(loader))
            told.append([(str(w.message).split(" Please see")[0], w.filename == __file__) for w in caught
                         if "Length" in str(w.message)])
        return told
    assert len(both(go)[3]) == 2


def test_a_stream_without_length():
    found = both(lambda _, data: len(data.DataLoader(stream(data, 3))), errors=TypeError)
    assert found == (TypeError, "object of type 'Stream' has no len()")


def test_subscripts_for_type_checkers():
    for _, data in LIBRARIES:
        class Words(data.Dataset[str]):
            def __getitem__(self, index):
                return "word"

        assert Words()[0] == "word" and data.DataLoader[int] and data.Sampler[int]


# Batches ---------------------------------------------------------------------------------------------------

SAMPLES = {
    "floats": lambda t: [1.5, 2.0], "float and int": lambda t: [1.5, 2], "ints": lambda t: [1, 2],
    "int and float": lambda t: [1, 2.5],
    "bools": lambda t: [True, False], "texts": lambda t: ["a", "b"], "bytes": lambda t: [b"a", b"b"],
    "tensors": lambda t: [t.ones(2), t.zeros(2)], "0-d tensors": lambda t: [t.tensor(1), t.tensor(2)],
    "arrays": lambda t: [np.ones((2, 3), np.float32)] * 3, "0-d arrays": lambda t: [np.array(1.0)] * 2,
    "float64": lambda t: [np.float64(1)] * 2, "float32": lambda t: [np.float32(1)] * 2,
    "int16": lambda t: [np.int16(1)] * 2, "bool_": lambda t: [np.bool_(True)] * 2,
    "tuples": lambda t: [(1, "a"), (2, "b")], "lists": lambda t: [[1, 2.0], [3, 4.0]],
    "named tuples": lambda t: [Point(1, t.ones(1)), Point(2, t.zeros(1))],
    "dicts": lambda t: [{"x": 1, "y": [1, 2]}, {"x": 2, "y": [3, 4]}],
    "ordered": lambda t: [OrderedDict(b=1, a=2.0), OrderedDict(b=3, a=4.0)],
    "default dicts": lambda t: [defaultdict(int, a=1), defaultdict(int, a=2)],
    "ranges": lambda t: [range(2), range(2, 4)], "empty tuples": lambda t: [(), ()],
    "nested": lambda t: [{"a": (1, [t.ones(2), {"b": np.zeros(1)}])}] * 2,
    "None": lambda t: [None, None], "sets": lambda t: [{1}, {2}],
    "text arrays": lambda t: [np.array(["a"])] * 2, "object arrays": lambda t: [np.array([None])] * 2,
    "uneven lists": lambda t: [[1], [1, 2]],
    "uneven tensors": lambda t: [t.ones(2), t.ones(3)],
}


@pytest.mark.parametrize("case", SAMPLES)
def test_default_collate(case):
    both(lambda library, data: values(data.default_collate(SAMPLES[case](library))),
         errors=(TypeError, RuntimeError))


@pytest.mark.parametrize("case", SAMPLES)
def test_default_convert(case):
    if "object" in case or "text" in case:      # arrays, which do not compare
        return
    both(lambda library, data: values(list(data.DataLoader(SAMPLES[case](library), batch_size=None))))


def test_default_collate_leaves_samples_alone():
    first = {"a": [1, 2]}
    ours.default_collate([first, {"a": [3, 4]}])
    assert first == {"a": [1, 2]}


def test_collate_fn():
    both(lambda _, data: list(data.DataLoader(range(5), 2, collate_fn=lambda batch: tuple(batch))))
    both(lambda _, data: list(data.DataLoader(range(3), None, collate_fn=lambda sample: -sample)))
    both(lambda _, data: list(data.DataLoader(stream(data, 5), 2, collate_fn=sum)))


def test_batch_sampler_of_ones_own():
    both(lambda _, data: [values(b) for b in data.DataLoader(range(9), batch_sampler=[[1, 2], [8], [3, 3]])])
    both(lambda _, data: [values(b) for b in data.DataLoader(range(9), sampler=[4, 2, 0], batch_size=2)])


@pytest.mark.parametrize("numbers", [[True, True], [np.int64(1), np.int64(-1)], (0, 1), range(2)])
def test_numbers_that_are_no_list_of_ints(numbers):
    def go(library, data):
        dataset = data.TensorDataset(library.arange(6).view(2, 3))
        return [values(batch) for batch in data.DataLoader(dataset, batch_sampler=[numbers])]
    both(go)


def test_numbers_that_are_tensors():
    def go(library, data):
        dataset = data.TensorDataset(library.arange(6).view(2, 3))
        order = [library.tensor(1), library.tensor(0)]
        return [values(batch) for batch in data.DataLoader(dataset, 2, sampler=order)]
    both(go)


def test_a_sampler_that_draws_when_iterated():
    """The sampler's draws come before the base seed, as torch's do."""
    def go(library, data):
        class Eager(data.Sampler):
            def __iter__(self):
                return iter(library.randperm(4).tolist())

            def __len__(self):
                return 4

        return [values(batch) for batch in data.DataLoader(range(4), batch_size=None, sampler=Eager())]
    both(go)


# Errors ----------------------------------------------------------------------------------------------------

FIVE = range(5)
BAD = {
    "workers": lambda t, d: d.DataLoader(FIVE, num_workers=-1),
    "timeout": lambda t, d: d.DataLoader(FIVE, timeout=-1),
    "prefetch": lambda t, d: d.DataLoader(FIVE, prefetch_factor=2),
    "persistent": lambda t, d: d.DataLoader(FIVE, persistent_workers=True),
    "context": lambda t, d: d.DataLoader(FIVE, multiprocessing_context="fork"),
    "sampler and shuffle": lambda t, d: d.DataLoader(FIVE, sampler=[1], shuffle=True),
    "batch sampler and batch size": lambda t, d: d.DataLoader(FIVE, 2, batch_sampler=[[1]]),
    "batch sampler and shuffle": lambda t, d: d.DataLoader(FIVE, shuffle=True, batch_sampler=[[1]]),
    "batch sampler and drop_last": lambda t, d: d.DataLoader(FIVE, drop_last=True, batch_sampler=[[1]]),
    "drop_last of samples": lambda t, d: d.DataLoader(FIVE, None, drop_last=True),
    "shuffled stream": lambda t, d: d.DataLoader(stream(d, 3), shuffle=True),
    "sampled stream": lambda t, d: d.DataLoader(stream(d, 3), sampler=[1]),
    "batched stream": lambda t, d: d.DataLoader(stream(d, 3), batch_sampler=[[1]]),
    "empty, shuffled": lambda t, d: d.DataLoader([], shuffle=True),
    "batch of 0": lambda t, d: d.DataLoader(FIVE, 0),
    "batch of 1.5": lambda t, d: d.DataLoader(FIVE, 1.5),
    "drop_last": lambda t, d: d.BatchSampler(FIVE, 2, "yes"),
    "replacement": lambda t, d: d.RandomSampler(FIVE, "yes"),
    "num_samples": lambda t, d: d.RandomSampler(FIVE, num_samples=-1),
    "weighted num_samples": lambda t, d: d.WeightedRandomSampler([1.0], 0),
    "weighted replacement": lambda t, d: d.WeightedRandomSampler([1.0], 1, "yes"),
    "weights of two dimensions": lambda t, d: d.WeightedRandomSampler([[1.0]], 1),
    "too few weights": lambda t, d: list(d.WeightedRandomSampler([1.0], 2, False)),
    "no weight": lambda t, d: list(d.WeightedRandomSampler([0.0, 0.0], 2)),
    "negative weight": lambda t, d: list(d.WeightedRandomSampler([1.0, -1.0], 2)),
    "negative weight, one draw": lambda t, d: list(d.WeightedRandomSampler([1.0, -1.0], 1)),
    "infinite weight": lambda t, d: list(d.WeightedRandomSampler([1.0, float("inf")], 2)),
    "infinite weight, one draw": lambda t, d: list(d.WeightedRandomSampler([1.0, float("inf")], 1)),
    "set later": lambda t, d: setattr(d.DataLoader(FIVE), "batch_size", 2),
    "lengths of tensors": lambda t, d: d.TensorDataset(t.ones(2), t.ones(3)),
    "nothing to concatenate": lambda t, d: d.ConcatDataset([]),
    "concatenated streams": lambda t, d: d.ConcatDataset([stream(d, 3)]),
    "index below": lambda t, d: d.ConcatDataset([[1, 2]])[-3],
    "index above": lambda t, d: d.TensorDataset(t.ones(2))[2],
    "row above": lambda t, d: list(d.DataLoader(d.TensorDataset(t.ones(2)), batch_sampler=[[0, 2]])),
    "lengths": lambda t, d: d.random_split(FIVE, [2, 2]),
    "fractions": lambda t, d: d.random_split(FIVE, [-0.5, 1.5]),
    "fractions of just over 1": lambda t, d: d.random_split(FIVE, [0.2, 0.4, 0.3, 0.1]),
    "many fractions": lambda t, d: d.random_split(FIVE, [0.5, 0.6]),
    "no items": lambda t, d: list(d.DataLoader(d.Dataset(), batch_sampler=[[1]])),
    "no length": lambda t, d: len(d.Dataset()),
}


@pytest.mark.parametrize("case", BAD)
def test_errors(case):
    found = []
    for library, data in LIBRARIES:
        with pytest.raises((ValueError, TypeError, RuntimeError, AssertionError, IndexError)) as error:
            BAD[case](library, data)
        found.append((type(error.value), str(error.value).split("\n")[0]))
    assert found[0][0] is found[1][0]
    if found[1][1]:                             # torch's NotImplementedError says nothing
        assert found[0] == found[1]


def test_pin_memory_without_accelerator_warns():
    messages = []
    for _, data in LIBRARIES:
        with pytest.warns(UserWarning) as caught:
            assert len(list(data.DataLoader(FIVE, pin_memory=True))) == 5
        messages.append(str(caught[0].message))
    if not torch.accelerator.is_available():
        assert messages[0] == messages[1]
