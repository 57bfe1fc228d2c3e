"""DataLoader with worker processes against torch's: batches, random streams, errors, and how workers end."""
import gc
import multiprocessing
import os
import random
import re
import signal
import time

import numpy as np
import pytest
from test_data import LIBRARIES, both, next_draws, values

import minigrad
from minigrad.utils import data as ours

torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.filterwarnings("ignore:This DataLoader will create"),
              pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork"),
              # torch's iterator where it refuses prefetch_factor=0: its __del__ fails
              pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


def drawing(library, data, n):
    """A dataset whose samples tell who made them, and draw from all of the worker's random streams."""
    class Drawing(data.Dataset):
        def __len__(self):
            return n

        def __getitem__(self, index):
            info = data.get_worker_info()
            assert info.dataset is self
            return {"index": index, "worker": (info.id, info.num_workers), "seed": info.seed,
                    "draws": [library.rand(2), random.random(), np.random.rand()]}
    return Drawing()


@pytest.mark.parametrize("settings", [
    {"batch_size": 3, "num_workers": 3, "shuffle": True},
    {"batch_size": 2, "num_workers": 1, "shuffle": True, "prefetch_factor": 1, "drop_last": True},
    {"batch_size": None, "num_workers": 2, "shuffle": True},
    {"batch_size": 4, "num_workers": 2, "shuffle": True, "persistent_workers": True},
    {"batch_size": 20, "num_workers": 2, "prefetch_factor": 4, "timeout": 60,
     "multiprocessing_context": "fork"},
])
@pytest.mark.parametrize("seeded", [False, True])
def test_batches_and_random_streams(settings, seeded):
    """What workers draw, and what the parent draws after: nothing, a part of a pass, or whole ones."""
    def go(library, data):
        generator = library.Generator().manual_seed(3) if seeded else None
        loader = data.DataLoader(drawing(library, data, 11), generator=generator, **settings)
        seen = [len(loader), loader.prefetch_factor]
        for stop in (100, 2, 100):
            batches = iter(loader)
            seen.append(next_draws(library, generator))
            seen.append([values(batch) for _, batch in zip(range(stop), batches, strict=False)])
            seen.append(next_draws(library, generator))
        assert data.get_worker_info() is None
        return seen
    both(go)


def test_what_a_worker_knows_of_itself():
    def go(library, data):
        def told(index):
            info = data.get_worker_info()
            return [repr(info)[:20], info.id, info.num_workers, info.seed, info.rng, info.worker_method]

        loader = data.DataLoader(range(4), None, num_workers=2, collate_fn=told)
        return list(loader)
    both(go)


def test_worker_init_fn():
    def go(library, data):
        def begin(worker):
            data.get_worker_info().dataset.append(100 + worker)
            library.manual_seed(worker)

        loader = data.DataLoader([1, 2, 3], sampler=[0, 1, 2, 3], batch_size=1, num_workers=2,
                                 worker_init_fn=begin,
                                 collate_fn=lambda batch: (batch, library.rand(2).tolist()))
        return list(loader)
    both(go)


def sharded(data, count):
    class Sharded(data.IterableDataset):
        def __iter__(self):
            info = data.get_worker_info()
            return iter(range(info.id * 100, info.id * 100 + count - info.id))
    return Sharded()


@pytest.mark.parametrize("settings", [
    {"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}, {"batch_size": 50},
    {"batch_size": 2, "persistent_workers": True}, {"batch_size": 2, "prefetch_factor": 5},
])
@pytest.mark.parametrize("count", [0, 8])
def test_streams(settings, count):
    def go(library, data):
        loader = data.DataLoader(sharded(data, count + 2), num_workers=3, **settings)
        return [[values(batch) for batch in loader] for _ in range(2)], next_draws(library)
    both(go)


def test_a_sampler_that_draws_when_iterated():
    """torch begins the sampler twice where there are workers, and so do we."""
    def go(library, data):
        class Eager(data.Sampler):
            def __iter__(self):
                return iter(library.randperm(4).tolist())

            def __len__(self):
                return 4
        loader = data.DataLoader(range(4), batch_size=None, sampler=Eager(), num_workers=2)
        return [values(batch) for batch in loader], next_draws(library)
    both(go)


def test_samples_of_every_form_cross():
    def go(library, data):
        samples = [{"a": library.ones(2).half(), "b": (1, "text", [library.tensor(True)]), "c": np.ones(2)},
                   {"a": library.zeros(2).half(), "b": (2, "more", [library.tensor(False)]), "c": np.ones(2)}]
        return [values(batch) for batch in data.DataLoader(samples, 2, num_workers=1)]
    both(go)


def test_what_arrives_is_the_parents_own():
    """Views, strides, empty and large tensors: equal, writable, and apart from the dataset."""
    rows = [minigrad.randn(4, 3, 2).transpose(1, 2), minigrad.zeros(4, 0), minigrad.randn(4, 1).expand(4, 50),
            minigrad.randn(4, 300, 300)]
    for size in (None, 2):
        for batch in ours.DataLoader(list(zip(*rows, strict=True)), size, num_workers=1):
            for tensor in batch:
                tensor.add_(1)
        alone = list(ours.DataLoader(list(zip(*rows, strict=True)), size))
        along = list(ours.DataLoader(list(zip(*rows, strict=True)), size, num_workers=1))
        assert values(alone) == values(along)


def test_large_batches_and_many_of_them():
    loader = ours.DataLoader(range(2_000_000), 200_000, num_workers=2, prefetch_factor=3)
    assert [batch[0].item() for batch in loader] == list(range(0, 2_000_000, 200_000))


def test_out_of_order():
    for _, data in LIBRARIES:
        going = multiprocessing.Event()

        def hold_the_first(batch, going=going):
            assert batch[0] != 0 or going.wait(60)
            return batch
        batches = iter(data.DataLoader(range(8), 1, num_workers=2, in_order=False, collate_fn=hold_the_first))
        first, = next(batches)
        going.set()
        assert first != 0 and sorted([first, *[number for number, in batches]]) == list(range(8))


# Errors -----------------------------------------------------------------------------------------------------

class TwoArguments(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


def told(error):
    """Type and text of an error, without the places of lines, which differ."""
    text = re.sub(r'  File ".*\n(    .*\n)+', "", str(error))
    return type(error).__name__, text.replace("minigrad.", "torch.")


@pytest.mark.parametrize("make", [
    lambda: ValueError("no four"), lambda: KeyError("four"), lambda: TwoArguments("a", "b"),
    lambda: StopIteration("four"), lambda: OSError(2, "none"), lambda: AssertionError(),
])
def test_errors_of_samples(make):
    """Raised again in the parent, after which the pass goes on."""
    def go(library, data):
        class Bad(data.Dataset):
            def __getitem__(self, index):
                if index == 4:
                    raise make()
                return index

        batches, seen = iter(data.DataLoader(Bad(), sampler=range(8), batch_size=2, num_workers=2)), []
        for _ in range(5):
            try:
                seen.append(values(next(batches)))
            except Exception as error:  # noqa: BLE001 - whichever it is, it is compared
                seen.append(told(error))
        return seen
    both(go)


def test_errors_of_worker_init_fn():
    def go(library, data):
        def begin(worker):
            raise ValueError(f"worker {worker}")
        with pytest.raises(ValueError) as error:
            list(data.DataLoader(range(8), num_workers=2, worker_init_fn=begin))
        return told(error.value)
    both(go)


def test_errors_that_cannot_be_sent():
    """Of a class that only the worker knows, and batches that cannot be pickled; torch would wait forever."""
    def local(batch):
        class Local(Exception):
            pass
        raise Local("here")

    with pytest.raises(RuntimeError, match=r"Caught Local in DataLoader worker process 0\.\nOriginal Trace"):
        list(ours.DataLoader(range(2), num_workers=1, collate_fn=local))
    with pytest.raises(Exception, match=r"Caught \w+ in DataLoader worker process 0\.\nOriginal Traceback"):
        list(ours.DataLoader(range(2), num_workers=1, collate_fn=lambda batch: lambda: batch))


@pytest.mark.parametrize("end", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: os._exit(3)])
def test_a_worker_that_dies(end):
    """At once, and after the batches it has sent; torch tells of it by a signal, whatever it is doing."""
    for library, data in LIBRARIES:
        def die(batch):
            if batch[0] == 4:
                end()
            return batch

        seen = []
        batches = iter(data.DataLoader(range(8), num_workers=1, collate_fn=die, prefetch_factor=1))
        with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid.* \d+\) (exited un|is killed)"):
            for batch in batches:
                seen.append(batch)
        if library is minigrad:
            assert seen == [[0], [1], [2], [3]] and list(batches) == []


def test_persistent_workers_that_died_are_replaced():
    def die(batch):
        if batch == [1] and flag.value:
            os._exit(1)
        return batch

    flag = multiprocessing.Value("b", True)
    loader = ours.DataLoader(range(3), num_workers=1, persistent_workers=True, collate_fn=die)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(loader)
    flag.value = False
    assert list(loader) == [[0], [1], [2]]


def test_a_batch_that_takes_too_long():
    def go(library, data):
        loader = data.DataLoader(range(2), num_workers=1, timeout=1, collate_fn=lambda batch: time.sleep(30))
        batches = iter(loader)
        with pytest.raises(RuntimeError) as error:
            next(batches)
        for child in multiprocessing.active_children():
            child.terminate()
        return str(error.value).split("\n")[0]
    both(go)


BAD = {
    "prefetch": lambda d: d.DataLoader(range(5), num_workers=1, prefetch_factor=-1),
    "prefetch of 0": lambda d: iter(d.DataLoader(range(5), num_workers=1, prefetch_factor=0)),
    "context": lambda d: d.DataLoader(range(5), num_workers=1, multiprocessing_context="thread"),
    "context of another type": lambda d: d.DataLoader(range(5), num_workers=1, multiprocessing_context=5),
    "timeout without workers": lambda d: iter(d.DataLoader(range(5), timeout=1)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options(case):
    found = []
    for _, data in LIBRARIES:
        with pytest.raises((ValueError, TypeError, AssertionError)) as error:
            BAD[case](data)
        found.append((type(error.value), str(error.value).split("\n")[0]))
    assert found[0] == found[1]


def test_more_workers_than_processors_are_warned_of():
    found = []
    for _, data in LIBRARIES:
        with pytest.warns(UserWarning, match="will create 999 worker") as caught:
            data.DataLoader(range(5), num_workers=999)
        found.append(([str(w.message) for w in caught], caught[0].filename))
    assert found[0][0] == found[1][0] and found[0][1] == __file__


# Processes --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("persistent", [False, True])
def test_no_process_is_left(persistent):
    before = set(multiprocessing.active_children())
    loader = ours.DataLoader(range(40), num_workers=2, persistent_workers=persistent)
    assert len(list(loader)) == 40
    assert len(set(multiprocessing.active_children()) - before) == 2 * persistent
    batches = iter(loader)
    next(batches)
    assert len(set(multiprocessing.active_children()) - before) == 2
    gc.disable()
    try:
        del batches, loader
        assert set(multiprocessing.active_children()) == before
    finally:
        gc.enable()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_ways_to_start(method):
    minigrad.manual_seed(5)
    dataset = ours.TensorDataset(minigrad.arange(12).view(6, 2), minigrad.arange(6.0))
    wanted = [values(batch) for batch in ours.DataLoader(dataset, 4)]
    loader = ours.DataLoader(dataset, 4, num_workers=1, multiprocessing_context=method)
    assert [values(batch) for batch in loader] == wanted
    with pytest.raises((AttributeError, TypeError), match="pickle"):
        list(ours.DataLoader(dataset, 4, num_workers=1, multiprocessing_context=method,
                             collate_fn=lambda batch: batch))
