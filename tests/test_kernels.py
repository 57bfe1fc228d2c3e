"""The NumPy backend's other kernels against torch; half precision, layout, memory and threads."""
import gc
import math
import threading
import weakref

import numpy as np
import pytest
from kernel_ways import (  # noqa: F401 - fixtures that every test here uses
    DTYPES,
    close,
    lay_out,
    provider,
    small_work_goes_to_the_pool_too,
    two_threads,
)

from minigrad.backends import numpy as xp
from minigrad.backends.numpy import copies, memory, threads
from minigrad.backends.numpy.layout import ChannelsLast, canonical, channels_last, nhwc

torch = pytest.importorskip("torch")
F = torch.nn.functional
LAYOUTS = ["plain", "channels_last", "stepped"]


# Special functions
def test_erf_and_erfc():
    rng = np.random.default_rng(11)
    x = np.concatenate([rng.uniform(-a, a, 4000) for a in (0.1, 1, 3, 7, 30)]
                       + [[0.0, -0.0, 1, -1, 4, -4, 5e-324, 1e-320]])
    exact_erf, exact_erfc = (np.array([f(v) for v in x.tolist()]) for f in (math.erf, math.erfc))
    normal = exact_erfc > 1e-300
    close(xp.erf(x), exact_erf, ulps=2)
    close(xp.erfc(x)[normal], exact_erfc[normal], ulps=8)
    small = x.astype(np.float32)
    close(xp.erf(small), np.array([math.erf(v) for v in small.tolist()], np.float32), ulps=2)
    close(xp.erfc(small), np.array([math.erfc(v) for v in small.tolist()], np.float32), ulps=1)
    ends = np.array([np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(xp.erf(ends), [1, -1, np.nan])
    np.testing.assert_array_equal(xp.erfc(ends), [0, 2, np.nan])
    assert np.signbit(xp.erf(np.array(-0.0)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_erf_keeps_the_layout(layout):
    x = np.random.default_rng(12).standard_normal((2, 3, 4, 5))
    z = xp.erf(lay_out(x, layout))
    close(z, torch.erf(torch.tensor(x)), ulps=2)
    assert (type(z) is ChannelsLast) == (layout == "channels_last")


# Adding at places
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("shape,dim,index_shape", [
    ((5,), 0, (9,)), ((4, 6), 0, (7, 5)), ((4, 6), 1, (3, 8)), ((3, 4, 5), -2, (2, 9, 5)),
    ((3, 4), 0, (0, 4)), ((), 0, ())], ids=str)
def test_scatter_add(shape, dim, index_shape, dtype):
    rng = np.random.default_rng(13)
    index = rng.integers(0, shape[dim] if shape else 1, index_shape)
    src = (rng.standard_normal([n + 1 for n in index_shape]) * 9).astype(dtype)
    expected = torch.zeros(shape, dtype=torch.tensor(src).dtype)
    expected.scatter_add_(dim, torch.tensor(index), torch.tensor(src))
    np.testing.assert_array_equal(xp.scatter_add(shape, dim, index, src), expected.numpy())


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_select_add(dtype):
    rng = np.random.default_rng(14)
    index = rng.integers(0, 7, (4, 11))
    src = (rng.standard_normal((4, 11, 3)) * 9).astype(dtype)
    expected = torch.zeros(7, 3, dtype=torch.tensor(src).dtype)
    expected.index_add_(0, torch.tensor(index.ravel()), torch.tensor(src.reshape(-1, 3)))
    np.testing.assert_array_equal(xp.select_add((7, 3), 0, index, src), expected.numpy())
    wide = (rng.standard_normal((2, 11, 3)) * 9).astype(dtype)
    expected = torch.zeros(2, 7, 3, dtype=torch.tensor(src).dtype)
    expected.index_add_(1, torch.tensor(index[0]), torch.tensor(wide))
    np.testing.assert_array_equal(xp.select_add((2, 7, 3), 1, index[0], wide), expected.numpy())


# Matrix products
@pytest.mark.parametrize("dtype", [*DTYPES, np.int64])
@pytest.mark.parametrize("shapes", [
    ((3, 4), (4, 5)), ((90, 200), (200, 300)), ((300, 200), (200, 90)), ((5, 2, 3), (3, 4)),
    ((6, 50, 70), (70, 40)), ((12, 40, 60), (12, 60, 50)), ((1, 40, 60), (12, 60, 50)),
    ((40, 60), (12, 60, 50)),
    ((30000,), (30000,)), ((200, 300), (300,)), ((300,), (300, 200)), ((0, 4), (4, 5)), ((4, 0), (0, 5)),
    ((2, 3, 0), (0, 5)), ((4, 200, 3), (3,))], ids=str)
def test_matmul(shapes, dtype):
    rng = np.random.default_rng(15)
    x, y = ((rng.standard_normal(shape) * 9).astype(dtype) for shape in shapes)
    for a, b in ((x, y), (np.asfortranarray(x), y), (x, np.asfortranarray(y))):
        z = np.asarray(xp.matmul(a, b))
        expected = torch.matmul(torch.tensor(x), torch.tensor(y)).numpy()
        if dtype is np.int64:
            np.testing.assert_array_equal(z, expected)
        else:
            close(z, expected, np.matmul(abs(x), abs(y)) + 1e-300)


# Half precision, layout, memory, threads
def test_half_precision_computes_in_float32_and_rounds_once():
    rng = np.random.default_rng(16)
    x, w = (rng.standard_normal(shape).astype(np.float16) for shape in ((2, 4, 6, 6), (3, 4, 3, 3)))
    wide, wide_w = x.astype(np.float32), w.astype(np.float32)
    z = xp.conv2d(x, w, padding=(1, 1))
    np.testing.assert_array_equal(z, xp.conv2d(wide, wide_w, padding=(1, 1)).astype(np.float16))
    z, indices = xp.max_pool2d(x, (2, 2), (2, 2))
    assert z.dtype == np.float16
    assert xp.max_pool2d_backward(z, indices, x.shape, (2, 2), (2, 2)).dtype == np.float16
    assert xp.avg_pool2d(x, (2, 2), (2, 2)).dtype == np.float16
    for kernel in (lambda v: xp.batch_norm(v, None, None, 1e-5)[0], xp.erf,
                   lambda v: xp.layer_norm(v, 2, None, None, 1e-5)[0],
                   lambda v: xp.softmax(v, 1), lambda v: xp.log_softmax(v, 1)):
        np.testing.assert_array_equal(kernel(x), kernel(wide).astype(np.float16))
    assert xp.select_add((5, 3), 0, np.array([1, 1]), np.ones((2, 3), np.float16)).dtype == np.float16


def test_layout_round_trip():
    x = np.random.default_rng(17).standard_normal((2, 3, 4, 5))
    last = channels_last(nhwc(x))
    assert type(last) is ChannelsLast and type(last + 1) is ChannelsLast and nhwc(last).base is not None
    assert (last + 1).strides == last.strides
    back = canonical(last)
    assert type(back) is np.ndarray and back.flags.c_contiguous
    np.testing.assert_array_equal(back, x)


def test_memory_is_used_again_only_when_nothing_refers_to_it():
    first = memory.empty((300, 400), np.float64)
    view, place = first[1:], first.ctypes.data
    assert first.flags.c_contiguous and not isinstance(first.base, np.ndarray) and place % 64 == 0
    del first
    second = memory.empty((300, 400), np.float64)
    assert second.ctypes.data != place                              # a view keeps the block
    del view
    third = memory.empty((400, 300), np.float64)
    assert third.ctypes.data == place
    del second, third
    memory.release()
    assert not any(memory._blocks.values())
    last = memory.empty_like(channels_last(np.zeros((4, 60, 60, 20), np.float32)))
    assert type(last) is ChannelsLast and last.shape == (4, 20, 60, 60) and last.strides[1] == 4


def test_memory_that_nobody_wants_goes_back(monkeypatch):
    monkeypatch.setattr(memory, "PATIENCE", 3)
    monkeypatch.setattr(memory, "_blocks", {})
    memory.empty((100_000,), np.float64)
    kept = [memory.empty((length,), np.float64) for length in (200_000, 300_000, 400_000, 500_000)]
    assert [len(blocks) for blocks in memory._blocks.values()] == [0, *[1] * len(kept)]


@pytest.mark.parametrize("shape,axes", [
    ((37, 65, 9), (2, 0, 1)), ((64, 64, 5), (0, 2, 1)), ((1, 30, 900), (0, 2, 1)), ((0, 3, 4), (1, 0, 2)),
    ((70, 400), (1, 0))], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_large_copies_are_numpys(shape, axes, dtype, count, monkeypatch):
    """reshape and concatenate of arrays in any order of memory: the same bits, views where NumPy's are."""
    monkeypatch.setattr(copies, "SMALL", 1)
    threads.set_num_threads(count)
    x = np.random.default_rng(21).integers(0, 9, shape).astype(dtype)
    for source in (x.transpose(axes), x, x[::-1, ::2], np.broadcast_to(x[:1], shape)):
        wanted = source.copy()
        for target in ((-1,), (source.shape[0], source.size // max(1, source.shape[0])), (*source.shape, 1)):
            z = copies.reshape(source, target)
            np.testing.assert_array_equal(z, source.reshape(target))
            assert z.dtype == dtype and np.may_share_memory(z, source) == (
                source.size > 0 and np.may_share_memory(source.reshape(target), source))
        for axis in range(source.ndim):
            z = copies.concatenate([source, source, source], axis)
            np.testing.assert_array_equal(z, np.concatenate([source] * 3, axis))
            assert z.dtype == dtype and z.flags.c_contiguous and not np.may_share_memory(z, source)
        np.testing.assert_array_equal(source, wanted)


@pytest.fixture
def three_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(3)
    yield
    threads.set_num_threads(before)


def test_parallel_slices_errors_and_nesting(three_threads):
    seen = {}

    def note(start, stop):
        seen[start, stop] = threading.get_ident()
        threads.parallel(lambda a, b: seen.setdefault(("inner", start), (a, b)), 5, threads.SMALL)

    threads.parallel(note, 7, threads.SMALL)
    assert {k: v for k, v in seen.items() if k[0] == "inner"} == {("inner", i): (0, 5) for i in (0, 2, 4)}
    slices = {k: v for k, v in seen.items() if k[0] != "inner"}
    assert sorted(slices) == [(0, 2), (2, 4), (4, 7)] and len(set(slices.values())) == 3

    def fail(start, stop):
        if start:
            raise KeyError(start)

    with pytest.raises(KeyError):
        threads.parallel(fail, 3, threads.SMALL)
    seen.clear()
    threads.parallel(note, 7, threads.SMALL - 1)            # small: one call, here
    assert seen[0, 7] == threading.get_ident()


def test_waiting_threads_keep_nothing_alive(three_threads):
    x = np.ones((64, 1024))
    gone = weakref.ref(x)
    out = np.empty_like(x)
    gc.disable()
    try:
        threads.parallel(lambda start, stop, x=x: np.add(x[start:stop], 1, out=out[start:stop]), 64, x.size)
        del x
        threads.parallel(lambda start, stop: None, 64, threads.SMALL)     # every thread is back at its queue
        assert gone() is None and (out == 2).all()
    finally:
        gc.enable()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_results_do_not_depend_on_the_number_of_threads_beyond_rounding(count):
    rng = np.random.default_rng(18)
    x, w = rng.standard_normal((6, 16, 20, 20)), rng.standard_normal((16, 16, 3, 3))
    expected = F.conv2d(torch.tensor(x), torch.tensor(w), padding=1)
    before = threads.get_num_threads()
    threads.set_num_threads(count)
    try:
        close(xp.conv2d(x, w, padding=(1, 1)), expected, 100)
        first = xp.conv2d_weight_grad(x, x, w.shape, padding=(1, 1))
        np.testing.assert_array_equal(first, xp.conv2d_weight_grad(x, x, w.shape, padding=(1, 1)))
    finally:
        threads.set_num_threads(before)
