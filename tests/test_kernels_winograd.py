"""Convolutions by tiles (Winograd), each result against float64, on 1, 2 and 4 threads.

The bound: 4 epsilon of the size of the terms, which here are the algorithm's own,
|Aᵀ| [(|G| |g| |Gᵀ|) ⊙ (|Bᵀ| |d| |B|)] |A|, as inputs are added and rounded before they are multiplied. So a
small result beside large inputs may lose digits that the convolution by patches keeps, and no other may.
"""
import definitions as plain
import numpy as np
import pytest
from kernel_ways import (  # noqa: F401 - fixtures that every test here uses
    LAYOUTS,
    close,
    lay_out,
    provider,
    small_work_goes_to_the_pool_too,
    two_threads,
)

import minigrad
from minigrad.backends import numpy as xp
from minigrad.backends.numpy import winograd
from minigrad.backends.numpy.layout import ChannelsLast

CASES = {                               # batch, channels, out, height, width, padding
    "even": (2, 5, 4, 8, 6, (1, 1)),
    "odd": (3, 4, 5, 7, 9, (1, 1)),
    "no padding": (2, 6, 3, 8, 7, (0, 0)),
    "padding 2 and 0": (2, 3, 4, 5, 6, (2, 0)),
    "batch 1": (1, 8, 8, 9, 10, (1, 1)),
    "one channel": (3, 1, 1, 6, 5, (1, 1)),
    "one pixel": (4, 3, 2, 1, 1, (1, 1)),
    "one result": (2, 3, 4, 3, 3, (0, 0)),
    "a line": (2, 4, 3, 1, 12, (1, 1)),
    "several chunks": (5, 40, 48, 20, 19, (1, 1)),
    "bands of one image": (1, 36, 33, 60, 41, (1, 1)),
    "bands of three images": (3, 34, 40, 33, 30, (1, 1)),
}


@pytest.fixture
def by_tiles(monkeypatch):
    """Convolutions go by tiles whatever their size; the list has what ran."""
    ran = []

    def noted(name, function):
        def run(*args, **named):
            ran.append(name)
            return function(*args, **named)
        return run

    monkeypatch.setattr(winograd, "fits", lambda *question: True)
    for name in ("convolve", "weight_grad"):
        monkeypatch.setattr(winograd, name, noted(name, getattr(winograd, name)))
    return ran


def operands(batch, channels, out, height, width, padding):
    random = np.random.default_rng(batch + 10 * channels + 100 * out)
    size = plain.conv_size((batch, channels, height, width), (3, 3), (1, 1), padding, (1, 1))
    shapes = (batch, channels, height, width), (out, channels, 3, 3), (out,), (batch, out, *size)
    return [random.standard_normal(shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("case", CASES)
def test_forward_and_both_gradients(case, by_tiles):
    *_, padding = CASES[case]
    x, w, b, g = operands(*CASES[case])
    how = (1, 1), padding, (1, 1), 1
    wide = [array.astype(np.float64) for array in (x, w, b, g)]
    exact = (plain.conv2d(*wide[:3], *how), plain.conv2d_input_grad(wide[3], wide[1], x.shape, *how),
             plain.conv2d_weight_grad(wide[3], wide[0], w.shape, *how))
    sizes = plain.tiled_sizes(wide[3], wide[0], wide[1], padding)
    sizes = (sizes[0] + abs(wide[2])[:, None, None], *sizes[1:])
    for count in (1, 2, 4):
        minigrad.set_num_threads(count)
        for layout in LAYOUTS if count == 2 else LAYOUTS[:2]:
            runs = []
            for _ in range(2):
                ours, cotangent = lay_out(x, layout), lay_out(g, layout)
                runs.append((xp.conv2d(ours, w, b, *how), xp.conv2d_input_grad(cotangent, w, x.shape, *how),
                             xp.conv2d_weight_grad(cotangent, ours, w.shape, *how)))
                np.testing.assert_array_equal(ours, x)
                np.testing.assert_array_equal(cotangent, g)
            assert type(runs[0][0]) is type(runs[0][1]) is ChannelsLast
            for first, again, value, size in zip(*runs, exact, sizes, strict=True):
                assert np.array(first).tobytes() == np.array(again).tobytes(), "not repeatable"
                close(first, value.astype(np.float32), size)
    assert {name: by_tiles.count(name) for name in set(by_tiles)} == {"convolve": 40, "weight_grad": 20}


def test_what_goes_by_tiles_and_what_must_not(monkeypatch):
    """Values that the transforms could make infinite, other dtypes, strides and kernels: by patches."""
    ran = []
    monkeypatch.setattr(winograd, "convolve", lambda *args, **named: ran.append(args) or args[0])
    x, w, *_ = operands(8, 64, 64, 16, 16, (1, 1))
    xp.conv2d(x, w, None, (1, 1), (1, 1))
    assert len(ran) == (1 if winograd.fits(x, w, w.shape, ((1, 1), [(1, 1)] * 2, (1, 1), 1), (16, 16)) else 0)
    ran.clear()
    huge, odd = x.copy(), x.copy()
    huge[0, 0, 0, 0], odd[1, 2, 3, 4] = 3e38, np.nan
    for image, kernel, how in [(huge, w, {}), (odd, w, {}), (x.astype(np.float64), w.astype(np.float64), {}),
                               (x, w, {"stride": (2, 1)}), (x, w, {"dilation": (1, 2)}),
                               (x, w[:, :, :, :2], {}), (x, w[:, :32], {"groups": 2})]:
        xp.conv2d(image, kernel, None, **{"padding": (1, 1), **how})
    assert not ran
