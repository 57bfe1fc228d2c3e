"""Convolution and pooling against torch: every way to call them, ties, nan and infinities, uneven padding."""
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
from minigrad.backends.numpy import threads, winograd
from minigrad.backends.numpy.layout import ChannelsLast

torch = pytest.importorskip("torch")
F = torch.nn.functional
LAYOUTS = ["plain", "channels_last", "stepped"]


def wants(array):
    return torch.tensor(np.ascontiguousarray(array), requires_grad=True)


# Convolution
CONVS = {                                   # x shape, w shape, stride, padding, dilation, groups
    "odd": ((2, 3, 7, 9), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "wide run": ((3, 16, 12, 11), (8, 16, 3, 2), (1, 1), (1, 0), (1, 1), 1),
    "many out": ((3, 2, 8, 5), (9, 2, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "stride": ((1, 16, 12, 11), (8, 16, 3, 2), (2, 1), (1, 0), (1, 2), 1),
    "no padding": ((2, 4, 9, 8), (3, 4, 3, 3), (2, 3), (0, 0), (1, 1), 1),
    "one output pixel": ((2, 4, 5, 5), (6, 4, 5, 5), (1, 1), (0, 0), (1, 1), 1),
    "1x1": ((3, 8, 6, 5), (8, 8, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    "1x1 stride": ((3, 8, 6, 5), (24, 8, 1, 1), (2, 2), (1, 1), (1, 1), 1),
    "dilation": ((2, 4, 9, 9), (4, 4, 3, 3), (1, 1), (2, 2), (2, 2), 1),
    "groups": ((2, 8, 9, 8), (12, 2, 3, 3), (1, 1), (1, 1), (1, 1), 4),
    "depthwise": ((2, 8, 9, 8), (8, 1, 3, 3), (1, 1), (1, 1), (1, 1), 8),
    "depthwise doubled": ((2, 8, 9, 8), (16, 1, 3, 3), (2, 2), (1, 1), (1, 1), 8),
    "padding beyond the kernel": ((2, 2, 5, 5), (4, 2, 3, 3), (1, 1), (4, 5), (1, 1), 1),
    "batch 0": ((0, 3, 7, 9), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "batch 0 stride": ((0, 3, 7, 9), (4, 3, 3, 3), (2, 2), (1, 1), (1, 1), 1),
    "several chunks": ((9, 16, 24, 24), (40, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "one large image": ((1, 32, 48, 40), (32, 32, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "tiles": ((9, 40, 14, 12), (48, 40, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "tiles, odd sides": ((5, 33, 15, 13), (70, 33, 3, 3), (1, 1), (2, 0), (1, 1), 1),
    "one large image, few channels": ((1, 3, 90, 120), (8, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CONVS)
def test_convolution(case, dtype, layout):
    x_shape, w_shape, *how = CONVS[case]
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(w_shape).astype(dtype)
    b = rng.standard_normal(w_shape[0]).astype(dtype)
    tx, tw, tb = wants(x), wants(w), wants(b)
    z = F.conv2d(tx, tw, tb, *how)
    g = rng.standard_normal(z.shape).astype(dtype)
    z.backward(torch.tensor(g))
    ax, aw, ab = wants(abs(x)), wants(abs(w)), wants(abs(b))        # the sums of absolute terms
    az = F.conv2d(ax, aw, ab, *how)
    az.backward(torch.tensor(abs(g)))
    x, g = lay_out(x, layout), lay_out(g, layout)
    inputs = x.copy(), w.copy(), g.copy()

    ours = xp.conv2d(x, w, b, *how)
    assert type(ours) is ChannelsLast
    close(ours, z, az.detach())
    close(xp.conv2d(x, w, None, *how), z.detach() - tb.detach()[:, None, None], az.detach())
    close(xp.conv2d_input_grad(g, w, x_shape, *how), tx.grad, ax.grad)
    close(xp.conv2d_weight_grad(g, x, w_shape, *how), tw.grad, aw.grad)
    for before, after in zip(inputs, (x, w, g)):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("case", ["tiles", "tiles, odd sides", "one large image"])
def test_convolution_by_tiles_is_that_by_patches(case, monkeypatch):
    x_shape, w_shape, *how = CONVS[case]
    rng = np.random.default_rng(2)
    x, w, b = (rng.standard_normal(shape).astype(np.float32) for shape in (x_shape, w_shape, w_shape[:1]))
    monkeypatch.setattr(threads, "_size", 1)
    results, asked = [], []
    for fits in (winograd.fits, lambda *_: False):
        def ask(*question, fits=fits):
            asked.append(fits(*question))
            return asked[-1]
        monkeypatch.setattr(winograd, "fits", ask)
        z = xp.conv2d(x, w, b, *how)
        g = np.random.default_rng(3).standard_normal(z.shape).astype(np.float32)
        results.append((z, xp.conv2d_input_grad(g, w, x_shape, *how),
                        xp.conv2d_weight_grad(g, x, w_shape, *how)))
    assert asked[:3] == [True] * 3 and not any(asked[3:])
    for tiles, patches in zip(*results):
        assert type(tiles) is type(patches) and tiles.shape == patches.shape
        np.testing.assert_allclose(tiles, patches, rtol=0, atol=2e-6 * np.abs(patches).max())


def test_convolution_padded_unevenly():
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((2, 3, 6, 7)), rng.standard_normal((4, 3, 2, 4))
    z = xp.conv2d(x, w, padding=((0, 1), (1, 2)))
    tx, tw = wants(x), wants(w)
    reference = F.conv2d(tx, tw, padding="same")
    g = rng.standard_normal(reference.shape)
    reference.backward(torch.tensor(g))
    close(z, reference, 40)
    close(xp.conv2d_input_grad(g, w, x.shape, padding=((0, 1), (1, 2))), tx.grad, 40)
    close(xp.conv2d_weight_grad(g, x, w.shape, padding=((0, 1), (1, 2))), tw.grad, 200)


# Pooling
POOLS = {                                   # x shape, kernel, stride, padding, dilation, ceil_mode
    "tiles": ((3, 4, 8, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "odd size": ((2, 3, 7, 9), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "odd size, ceil": ((2, 3, 7, 9), (2, 2), (2, 2), (0, 0), (1, 1), True),
    "overlap": ((2, 3, 9, 8), (3, 3), (2, 1), (1, 1), (1, 1), False),
    "gaps": ((2, 3, 9, 8), (2, 1), (3, 3), (0, 0), (1, 1), False),
    "dilation": ((2, 3, 11, 10), (2, 3), (2, 2), (1, 1), (3, 2), True),
    "ceil with padding": ((2, 3, 6, 7), (3, 2), (2, 3), (1, 1), (1, 1), True),
    "last window begins beyond": ((1, 2, 5, 5), (2, 2), (4, 4), (1, 1), (1, 1), True),
    "whole image": ((2, 3, 5, 4), (5, 4), (5, 4), (0, 0), (1, 1), False),
    "large window": ((1, 2, 20, 20), (17, 17), (3, 3), (8, 8), (1, 1), False),
    "batch 0": ((0, 3, 8, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "threads": ((8, 16, 32, 32), (2, 2), (2, 2), (0, 0), (1, 1), False),
}


def pool_inputs(case, dtype, kind):
    x_shape, *how = POOLS[case]
    rng = np.random.default_rng(3)
    x = rng.standard_normal(x_shape)
    if kind == "ties":
        x = np.round(x)
    elif kind == "nan and inf":
        x = np.where(rng.random(x_shape) < 0.15, rng.choice([np.nan, -np.inf, np.inf], x_shape), x)
        x[..., :3, :3] = -np.inf
    return x.astype(dtype), how, rng


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["plain", "ties", "nan and inf"])
@pytest.mark.parametrize("case", POOLS)
def test_max_pool(case, kind, dtype, layout):
    x, how, rng = pool_inputs(case, dtype, kind)
    tx = wants(x)
    z, positions = F.max_pool2d(tx, *how, return_indices=True)
    g = rng.standard_normal(z.shape).astype(dtype)
    if g.size:
        g.flat[0] = np.inf                      # must not turn its window's zeros into nan
    z.backward(torch.tensor(g))
    ours, indices = xp.max_pool2d(lay_out(x, layout), *how)
    close(ours, z)
    scale, = torch.autograd.grad(F.max_pool2d(tx, *how), tx, torch.tensor(abs(g)))
    close(xp.max_pool2d_backward(lay_out(g, layout), indices, x.shape, *how), tx.grad, scale)
    np.testing.assert_array_equal(xp.max_pool2d_positions(indices, x.shape, *how), positions.numpy())
    v = rng.standard_normal(x.shape).astype(dtype)
    read = torch.tensor(v).flatten(2).gather(2, positions.flatten(2)).view_as(positions)
    close(xp.max_pool2d_gather(lay_out(v, layout), indices, *how), read)


@pytest.mark.parametrize("divisor", [(True, None), (False, None), (True, 3)])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [case for case in POOLS if case != "dilation"])
def test_avg_pool(case, dtype, layout, divisor):
    x, (kernel, stride, padding, _, ceil_mode), rng = pool_inputs(case, dtype, "plain")
    how = (kernel, stride, padding, ceil_mode, *divisor)
    tx = wants(x)
    z = F.avg_pool2d(tx, *how)
    g = rng.standard_normal(z.shape).astype(dtype)
    z.backward(torch.tensor(g))
    scale, = torch.autograd.grad(F.avg_pool2d(tx, *how), tx, torch.tensor(abs(g)))
    close(xp.avg_pool2d(lay_out(x, layout), *how), z, F.avg_pool2d(torch.tensor(abs(x)), *how))
    close(xp.avg_pool2d_backward(lay_out(g, layout), x.shape, *how), tx.grad, scale)
