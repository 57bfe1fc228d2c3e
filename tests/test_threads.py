"""The CPU thread pool: where its threads run, and that BLAS's own never start beside them."""
import os

import numpy as np
import pytest

import minigrad
from minigrad.backends.numpy import threads


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)        # small work goes to the pool, too
    before = minigrad.get_num_threads()
    minigrad.set_num_threads(2)
    yield
    minigrad.set_num_threads(before)


def step():
    """A training step of a network with all that multiplies matrices."""
    nn, F = minigrad.nn, minigrad.nn.functional
    features = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1),
                             nn.BatchNorm2d(64), nn.Conv2d(64, 32, 1, stride=2))
    head = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 10))
    x = features(minigrad.randn(4, 3, 20, 20)).flatten(2).transpose(1, 2)
    x = x.reshape(4, 100, 4, 8).transpose(1, 2)
    x = F.scaled_dot_product_attention(x, x, x, is_causal=True).transpose(1, 2).reshape(4, 100, 32)
    loss = F.cross_entropy(head(x).mean(1), minigrad.tensor([1, 2, 3, 4]))
    loss.backward()
    return loss


def test_blas_multiplies_nothing_large_outside_the_pool(monkeypatch):
    """Its idle thread goes on spinning for 25 ms and takes the core from the pool's."""
    seen, outside = [], []

    def watching(multiply):
        def watched(x, y, *args, **named):
            work = x.size * (y.shape[-1] if y.ndim > 1 else 1)
            seen.append(work)
            if work >= 1 << 15 and not threads._lock.locked():
                outside.append((x.shape, y.shape))
            return multiply(x, y, *args, **named)
        return watched

    for name in ("matmul", "dot"):
        monkeypatch.setattr(np, name, watching(getattr(np, name)))
    step()
    assert len(seen) > 20 and max(seen) > 1 << 15
    assert not outside


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
                    reason="threads can't be placed here")
def test_a_worker_is_kept_off_its_callers_core(monkeypatch):
    cores = os.sched_getaffinity(0)
    for core in sorted(cores):
        monkeypatch.setattr(threads, "_current_core", lambda core=core: core)
        found = {}

        def note(start, stop, found=found):
            found[start] = os.sched_getaffinity(0)

        threads.parallel(note, 2, 1 << 30)
        assert found == {0: cores, 1: cores - {core}}


def test_nothing_is_placed_where_the_core_is_unknown(monkeypatch):
    monkeypatch.setattr(threads, "_current_core", lambda: None)
    monkeypatch.setattr(threads, "_workers", [])
    assert step().item() > 0
    assert [worker.barred for worker in threads._workers] == [None]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_while_another_thread_computes():
    """The child has no thread that would ever let go of the lock."""
    with threads._lock:
        child = os.fork()
        if not child:
            os._exit(threads._lock.locked() or len(threads._workers))
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
                    reason="threads can't be placed here")
def test_a_caller_that_gets_more_cores(monkeypatch):
    """A worker begun on the caller's only core leaves it as soon as there is another."""
    cores, found = os.sched_getaffinity(0), {}
    core = min(cores)
    monkeypatch.setattr(threads, "_current_core", lambda: core)
    monkeypatch.setattr(threads, "_workers", [])

    def note(start, stop):
        found[start] = os.sched_getaffinity(0)

    os.sched_setaffinity(0, {core})
    try:
        threads.parallel(note, 2, 1 << 30)
        assert found == {0: {core}, 1: {core}}
    finally:
        os.sched_setaffinity(0, cores)
    threads.parallel(note, 2, 1 << 30)
    assert found == {0: cores, 1: cores - {core}}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads can't be placed here")
def test_where_placing_threads_is_forbidden(monkeypatch):
    def forbidden(*_):
        raise PermissionError("not here")

    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    monkeypatch.setattr(threads, "_workers", [])
    assert step().item() > 0
