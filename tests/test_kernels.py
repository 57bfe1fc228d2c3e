"""The NumPy backend's kernels against torch: bare arrays in and out, whatever the memory layout.

Errors are counted in units of the dtype's epsilon times the sum of absolute terms that a result is added up
from.
"""
import gc
import math
import threading
import weakref

import numpy as np
import pytest

from minigrad.backends.numpy import (
    conv,
    memory,
    norm,
    pointwise,
    pool,
    reduce,
    scatter,
    special,
    threads,
    winograd,
)
from minigrad.backends.numpy.layout import ChannelsLast, canonical, channels_last, nhwc
from minigrad.backends.numpy.matmul import matmul

torch = pytest.importorskip("torch")
F = torch.nn.functional

DTYPES = [np.float64, np.float32]
LAYOUTS = ["plain", "channels_last", "stepped"]


@pytest.fixture(autouse=True, params=["numpy", "compiled"])
def provider(request, monkeypatch):
    """Every test meets NumPy's kernels and the compiled ones, which take over what they can."""
    if request.param == "compiled":
        pytest.importorskip("numba")
        from minigrad.backends.fast import kernels
        monkeypatch.setattr(kernels, "SMALL", 0)
        for name, kernel in kernels.KERNELS.items():
            home = next(room for room in (norm, pointwise, pool, reduce, special) if hasattr(room, name))
            monkeypatch.setattr(home, name, kernel)
        for name, kernel in kernels.TRANSFORMS.items():
            monkeypatch.setattr(winograd, name, kernel)
        monkeypatch.setattr(winograd, "compiled", True)
    return request.param


@pytest.fixture(autouse=True)
def small_work_goes_to_the_pool_too(monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1 << 12)


def lay_out(array, layout):
    """The same values in another memory layout."""
    if layout == "channels_last":
        return channels_last(np.ascontiguousarray(array.transpose(0, 2, 3, 1)))
    if layout == "stepped":
        return np.repeat(array, 2, -1)[..., ::2]
    return array


def close(ours, theirs, scale=None, ulps=4):
    """Equal in shape and dtype, and within `ulps` epsilon of `scale` (the size of the terms behind each
    element)."""
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    if not theirs.size:
        return
    scale = np.abs(theirs) if scale is None else np.asarray(scale)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    same = (ours == theirs) | np.isnan(ours)
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0, np.abs(ours - theirs)) / np.where(same, 1, scale * np.finfo(ours.dtype).eps)
    assert error.max() <= ulps, f"{error.max():.1f} ulp at {np.unravel_index(error.argmax(), error.shape)}"


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

    ours = conv.conv2d(x, w, b, *how)
    assert type(ours) is ChannelsLast
    close(ours, z, az.detach())
    close(conv.conv2d(x, w, None, *how), z.detach() - tb.detach()[:, None, None], az.detach())
    close(conv.conv2d_input_grad(g, w, x_shape, *how), tx.grad, ax.grad)
    close(conv.conv2d_weight_grad(g, x, w_shape, *how), tw.grad, aw.grad)
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
        z = conv.conv2d(x, w, b, *how)
        g = np.random.default_rng(3).standard_normal(z.shape).astype(np.float32)
        results.append((z, conv.conv2d_input_grad(g, w, x_shape, *how),
                        conv.conv2d_weight_grad(g, x, w_shape, *how)))
    assert asked[:3] == [True] * 3 and not any(asked[3:])
    for tiles, patches in zip(*results):
        assert type(tiles) is type(patches) and tiles.shape == patches.shape
        np.testing.assert_allclose(tiles, patches, rtol=0, atol=2e-6 * np.abs(patches).max())


def test_convolution_padded_unevenly():
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((2, 3, 6, 7)), rng.standard_normal((4, 3, 2, 4))
    z = conv.conv2d(x, w, padding=((0, 1), (1, 2)))
    tx, tw = wants(x), wants(w)
    reference = F.conv2d(tx, tw, padding="same")
    g = rng.standard_normal(reference.shape)
    reference.backward(torch.tensor(g))
    close(z, reference, 40)
    close(conv.conv2d_input_grad(g, w, x.shape, padding=((0, 1), (1, 2))), tx.grad, 40)
    close(conv.conv2d_weight_grad(g, x, w.shape, padding=((0, 1), (1, 2))), tw.grad, 200)


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
    ours, indices = pool.max_pool2d(lay_out(x, layout), *how)
    close(ours, z)
    scale, = torch.autograd.grad(F.max_pool2d(tx, *how), tx, torch.tensor(abs(g)))
    close(pool.max_pool2d_backward(lay_out(g, layout), indices, x.shape, *how), tx.grad, scale)
    np.testing.assert_array_equal(pool.max_pool2d_positions(indices, x.shape, *how), positions.numpy())
    v = rng.standard_normal(x.shape).astype(dtype)
    read = torch.tensor(v).flatten(2).gather(2, positions.flatten(2)).view_as(positions)
    close(pool.max_pool2d_gather(lay_out(v, layout), indices, *how), read)


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
    close(pool.avg_pool2d(lay_out(x, layout), *how), z, F.avg_pool2d(torch.tensor(abs(x)), *how))
    close(pool.avg_pool2d_backward(lay_out(g, layout), x.shape, *how), tx.grad, scale)


# Normalisation
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(7, 5), (300, 4), (3, 5, 11), (4, 3, 5, 6), (1, 3, 4, 4), (8, 20, 30, 30)],
                         ids=str)
def test_batch_norm(shape, layout, dtype, affine):
    if layout == "channels_last" and len(shape) != 4:
        pytest.skip("channels-last arrays have four dimensions")
    rng = np.random.default_rng(4)
    x = (rng.standard_normal(shape) * 3 + 2).astype(dtype)
    w, b = (rng.standard_normal(shape[1]).astype(dtype) for _ in range(2)) if affine else (None, None)
    g = rng.standard_normal(shape).astype(dtype)
    axes = (0, *range(2, len(shape)))
    terms = math.prod(shape) // shape[1]

    def spread(values):
        return np.asarray(values, np.longdouble).reshape(1, -1, *[1] * (len(shape) - 2))

    def rounded(values):
        return values.astype(dtype)

    # torch's own float64 result is 50 ulp off, so the last digits are compared with the definition in
    # extended precision.
    wx, wg = x.astype(np.longdouble), g.astype(np.longdouble)
    scale, shift = (1, 0) if w is None else (spread(w), spread(b))
    exact_mean, exact_var = wx.mean(axes), wx.var(axes)
    exact_invstd = 1 / np.sqrt(exact_var + np.longdouble(1e-5))
    unit = (wx - spread(exact_mean)) * spread(exact_invstd)
    slope = wg - wg.mean(axes, keepdims=True) - unit * (wg * unit).mean(axes, keepdims=True)
    size = np.abs(scale) * spread(exact_invstd) * (np.abs(wx) + spread(np.abs(exact_mean))) + np.abs(shift)

    z, mean, var, invstd = norm.batch_norm(lay_out(x, layout), w, b, 1e-5)
    close(z, rounded(unit * scale + shift), size)
    close(mean, rounded(exact_mean), np.abs(wx).mean(axes))
    close(var, rounded(exact_var), ulps=8)
    close(invstd, rounded(exact_invstd))
    gx, gw, gb = norm.batch_norm_backward(lay_out(g, layout), lay_out(x, layout), w, mean, invstd)
    close(gx, rounded(slope * scale * spread(exact_invstd)),
          np.abs(scale) * spread(exact_invstd) * (np.abs(wg) + np.abs(unit) + 1), 8)
    close(gw, rounded((wg * unit).sum(axes)), (np.abs(wg) * (size + 1)).sum(axes))
    close(gb, rounded(wg.sum(axes)), np.abs(wg).sum(axes))
    assert norm.batch_norm_backward(g, x, w, mean, invstd, (False, True, False))[::2] == (None, None)

    tx, tw, tb = (None if v is None else wants(v) for v in (x, w, b))
    reference = F.batch_norm(tx, None, None, tw, tb, True, 0.1, 1e-5)
    reference.backward(torch.tensor(g))
    rough = 2 * math.sqrt(terms) + 60
    close(z, reference, size, rough)
    close(gx, tx.grad, np.abs(scale) * spread(exact_invstd) * (np.abs(wg) + np.abs(unit) + 1), rough)

    # Evaluation: the statistics are constants.
    close(norm.batch_norm_apply(lay_out(x, layout), w, b, mean, invstd), rounded(unit * scale + shift), size)
    gx, gw, gb = norm.batch_norm_backward(g, x, w, mean, invstd, training=False)
    close(gx, rounded(wg * scale * spread(invstd)))
    close(gw, rounded((wg * unit).sum(axes)), (np.abs(wg) * (size + 1)).sum(axes))
    close(gb, rounded(wg.sum(axes)), np.abs(wg).sum(axes))


def test_batch_norm_variance_keeps_its_digits_beside_a_large_mean():
    x = (np.random.default_rng(5).standard_normal((64, 3, 20, 20)) + 1000).astype(np.float32)
    _, mean, var, _ = norm.batch_norm(x, None, None, 1e-5)
    close(mean, x.mean((0, 2, 3), dtype=np.float64).astype(np.float32), ulps=2)
    # Blocks' means are rounded at 1000 · 2⁻²⁴ and shift the squares by that squared.
    close(var, x.var((0, 2, 3), dtype=np.float64).astype(np.float32), ulps=8)


def test_batch_norm_of_nothing():
    z, mean, *_ = norm.batch_norm(np.zeros((0, 3, 4, 4), np.float32), None, None, 1e-5)
    assert z.shape == (0, 3, 4, 4) and not mean.any()


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape,dims", [((4, 7), 1), ((2, 3, 5), 2), ((3, 4, 33), 1), ((50, 40, 64), 1),
                                        ((5, 600), 1), ((0, 4), 1), ((3, 2, 4, 5), 3)], ids=str)
def test_layer_norm(shape, dims, dtype, affine):
    rng = np.random.default_rng(6)
    x, g = ((rng.standard_normal(shape) * s + m).astype(dtype) for s, m in ((3, 2), (1, 0)))
    w, b = (rng.standard_normal(shape[-dims:]).astype(dtype) for _ in range(2)) if affine else (None, None)
    tx, tw, tb = (None if v is None else wants(v.astype(np.float64)) for v in (x, w, b))
    reference = F.layer_norm(tx, shape[-dims:], tw, tb, 1e-5)
    reference.backward(torch.tensor(g.astype(np.float64)))
    z, mean, rstd = norm.layer_norm(x, dims, w, b, 1e-5)
    assert mean.shape == rstd.shape == shape[:-dims] + (1,) * dims
    close(z, reference.detach().numpy().astype(dtype), 8)
    gx, gw, gb = norm.layer_norm_backward(g, x, dims, w, mean, rstd)
    close(gx, tx.grad.numpy().astype(dtype), 12)
    if affine:
        terms = max(1, math.prod(shape[:-dims]))
        close(gw, tw.grad.numpy().astype(dtype), terms)
        close(gb, tb.grad.numpy().astype(dtype), terms)


# Sums and softmax
SUMS = [((9000,), None), ((100, 90), 0), ((100, 90), 1), ((100, 90), (0, 1)), ((20, 30, 17), 1),
        ((20, 30, 17), (0, 2)), ((4, 5, 9, 60), (0, 2, 3)), ((4, 5, 9, 60), (1, 3)), ((4, 5, 9, 60), (2,)),
        ((0, 3), 0), ((3, 0), 1), ((), None), ((100, 90), ()), ((9000, 30, 2), 1), ((3, 4), -2),
        ((100000, 3), 0), ((3, 700, 40), -1), ((2, 3000, 2), 1), ((1, 5000, 1), (0, 1))]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["plain", "reversed", "stepped", "expanded"])
@pytest.mark.parametrize("shape,axis", SUMS, ids=str)
def test_sum(shape, axis, layout, dtype, keepdims):
    x = np.random.default_rng(7).standard_normal(shape).astype(dtype)
    if layout == "reversed":
        x = np.ascontiguousarray(x.T).T
    elif layout == "stepped" and shape:
        x = np.repeat(x, 2, -1)[..., ::2]
    elif layout == "expanded" and shape:
        x = np.broadcast_to(x[:1], shape)
    exact = np.asarray(x.astype(np.longdouble).sum(axis, keepdims=keepdims)).astype(dtype)
    z = reduce.sum(x, axis, keepdims)
    assert isinstance(z, np.ndarray)
    close(z, exact, np.abs(x.astype(np.float64)).sum(axis, keepdims=keepdims) + 1e-300)


def test_sum_of_channels_last_and_other_dtypes():
    x = np.random.default_rng(8).standard_normal((16, 8, 10, 12)).astype(np.float32)
    z = reduce.sum(lay_out(x, "channels_last"), (0, 2, 3))
    close(z, x.sum((0, 2, 3), dtype=np.float64).astype(np.float32), 1500)
    assert reduce.sum(np.full(300, 200, np.uint8)) == 60000
    half = reduce.sum(np.full((5000, 2), 0.1, np.float16), 0)
    assert half.dtype == np.float16 and (half == np.float16(5000 * float(np.float16(0.1)))).all()


def test_a_million_float32_tenths_down_a_column():
    z = reduce.sum(np.full((1_000_000, 2), 0.1, np.float32), 0)
    close(z, np.full(2, 100_000, np.float32), ulps=16)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape,axis", [
    ((5,), 0), ((4, 9), 1), ((4, 9), 0), ((3, 4, 5), -2), ((), 0), ((0, 3), 1), ((3, 0), 1),
    ((64, 40, 30), -1), ((64, 40, 30), 1)], ids=str)
def test_softmax_family(shape, axis, dtype):
    x = (np.random.default_rng(9).standard_normal(shape) * 20).astype(dtype)
    if len(shape) == 2 and x.size:
        x[0, 0], x[1, 1], x[2, :], x[3, 2] = -np.inf, np.inf, -np.inf, np.nan
    t = torch.tensor(x)
    before = x.copy()
    # e^(x − max) carries the rounding of its exponent.
    close(reduce.softmax(x, axis), torch.softmax(t, axis), np.where(np.isfinite(x), np.abs(x), 0) + 4, ulps=2)
    close(reduce.log_softmax(x, axis), torch.log_softmax(t, axis), 200, ulps=1)
    close(reduce.logsumexp(x, axis), torch.logsumexp(t, axis), 200, ulps=1)
    close(reduce.logsumexp(x, axis, True), torch.logsumexp(t, axis, True), 200, ulps=1)
    np.testing.assert_array_equal(before, x)


def test_logsumexp_over_several_axes():
    x = np.random.default_rng(10).standard_normal((3, 4, 5))
    close(reduce.logsumexp(x, (0, 2)), torch.logsumexp(torch.tensor(x), (0, 2)))


# Special functions
def test_erf_and_erfc():
    rng = np.random.default_rng(11)
    x = np.concatenate([rng.uniform(-a, a, 4000) for a in (0.1, 1, 3, 7, 30)]
                       + [[0.0, -0.0, 1, -1, 4, -4, 5e-324, 1e-320]])
    exact_erf, exact_erfc = (np.array([f(v) for v in x.tolist()]) for f in (math.erf, math.erfc))
    normal = exact_erfc > 1e-300
    close(special.erf(x), exact_erf, ulps=2)
    close(special.erfc(x)[normal], exact_erfc[normal], ulps=8)
    small = x.astype(np.float32)
    close(special.erf(small), np.array([math.erf(v) for v in small.tolist()], np.float32), ulps=2)
    close(special.erfc(small), np.array([math.erfc(v) for v in small.tolist()], np.float32), ulps=1)
    ends = np.array([np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(special.erf(ends), [1, -1, np.nan])
    np.testing.assert_array_equal(special.erfc(ends), [0, 2, np.nan])
    assert np.signbit(special.erf(np.array(-0.0)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_erf_keeps_the_layout(layout):
    x = np.random.default_rng(12).standard_normal((2, 3, 4, 5))
    z = special.erf(lay_out(x, layout))
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
    np.testing.assert_array_equal(scatter.scatter_add(shape, dim, index, src), expected.numpy())


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_select_add(dtype):
    rng = np.random.default_rng(14)
    index = rng.integers(0, 7, (4, 11))
    src = (rng.standard_normal((4, 11, 3)) * 9).astype(dtype)
    expected = torch.zeros(7, 3, dtype=torch.tensor(src).dtype)
    expected.index_add_(0, torch.tensor(index.ravel()), torch.tensor(src.reshape(-1, 3)))
    np.testing.assert_array_equal(scatter.select_add((7, 3), 0, index, src), expected.numpy())
    wide = (rng.standard_normal((2, 11, 3)) * 9).astype(dtype)
    expected = torch.zeros(2, 7, 3, dtype=torch.tensor(src).dtype)
    expected.index_add_(1, torch.tensor(index[0]), torch.tensor(wide))
    np.testing.assert_array_equal(scatter.select_add((2, 7, 3), 1, index[0], wide), expected.numpy())


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
        z = np.asarray(matmul(a, b))
        expected = torch.matmul(torch.tensor(x), torch.tensor(y)).numpy()
        if dtype is np.int64:
            np.testing.assert_array_equal(z, expected)
        else:
            close(z, expected, np.matmul(abs(x), abs(y)) + 1e-300)


# ReLU
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (4, 16, 40, 40)], ids=str)
def test_relu(shape, dtype, layout):
    rng = np.random.default_rng(20)
    x, g = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    x[0, 0, 0], g[0, 0, :2] = [*(0.0, -0.0, np.nan, np.inf, -np.inf)][:4] + [-1.0] * (shape[3] - 4), np.inf
    tx = wants(x)
    z = torch.relu(tx)
    z.backward(torch.tensor(g))
    ours = pointwise.relu(lay_out(x, layout))
    close(ours, z)
    assert (type(ours) is ChannelsLast) == (layout == "channels_last")
    close(pointwise.relu_backward(lay_out(g, layout), ours), tx.grad)
    close(pointwise.relu_backward(g, ours), tx.grad)                # layouts that differ


# Half precision, layout, memory, threads
def test_half_precision_computes_in_float32_and_rounds_once():
    rng = np.random.default_rng(16)
    x, w = (rng.standard_normal(shape).astype(np.float16) for shape in ((2, 4, 6, 6), (3, 4, 3, 3)))
    wide, wide_w = x.astype(np.float32), w.astype(np.float32)
    z = conv.conv2d(x, w, padding=(1, 1))
    np.testing.assert_array_equal(z, conv.conv2d(wide, wide_w, padding=(1, 1)).astype(np.float16))
    z, indices = pool.max_pool2d(x, (2, 2), (2, 2))
    assert z.dtype == np.float16
    assert pool.max_pool2d_backward(z, indices, x.shape, (2, 2), (2, 2)).dtype == np.float16
    assert pool.avg_pool2d(x, (2, 2), (2, 2)).dtype == np.float16
    for kernel in (lambda v: norm.batch_norm(v, None, None, 1e-5)[0], special.erf,
                   lambda v: norm.layer_norm(v, 2, None, None, 1e-5)[0],
                   lambda v: reduce.softmax(v, 1), lambda v: reduce.log_softmax(v, 1)):
        np.testing.assert_array_equal(kernel(x), kernel(wide).astype(np.float16))
    assert scatter.select_add((5, 3), 0, np.array([1, 1]), np.ones((2, 3), np.float16)).dtype == np.float16


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
        close(conv.conv2d(x, w, padding=(1, 1)), expected, 100)
        first = conv.conv2d_weight_grad(x, x, w.shape, padding=(1, 1))
        np.testing.assert_array_equal(first, conv.conv2d_weight_grad(x, x, w.shape, padding=(1, 1)))
    finally:
        threads.set_num_threads(before)
