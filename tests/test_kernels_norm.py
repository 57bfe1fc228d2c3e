"""Normalisation, sums, softmax and ReLU against torch and extended precision."""
import math

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
from minigrad.backends.numpy.layout import ChannelsLast

torch = pytest.importorskip("torch")
F = torch.nn.functional
LAYOUTS = ["plain", "channels_last", "stepped"]


def wants(array):
    return torch.tensor(np.ascontiguousarray(array), requires_grad=True)


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

    z, mean, var, invstd = xp.batch_norm(lay_out(x, layout), w, b, 1e-5)
    close(z, rounded(unit * scale + shift), size)
    close(mean, rounded(exact_mean), np.abs(wx).mean(axes))
    close(var, rounded(exact_var), ulps=8)
    close(invstd, rounded(exact_invstd))
    gx, gw, gb = xp.batch_norm_backward(lay_out(g, layout), lay_out(x, layout), w, mean, invstd)
    close(gx, rounded(slope * scale * spread(exact_invstd)),
          np.abs(scale) * spread(exact_invstd) * (np.abs(wg) + np.abs(unit) + 1), 8)
    close(gw, rounded((wg * unit).sum(axes)), (np.abs(wg) * (size + 1)).sum(axes))
    close(gb, rounded(wg.sum(axes)), np.abs(wg).sum(axes))
    assert xp.batch_norm_backward(g, x, w, mean, invstd, (False, True, False))[::2] == (None, None)

    tx, tw, tb = (None if v is None else wants(v) for v in (x, w, b))
    reference = F.batch_norm(tx, None, None, tw, tb, True, 0.1, 1e-5)
    reference.backward(torch.tensor(g))
    rough = 2 * math.sqrt(terms) + 60
    close(z, reference, size, rough)
    close(gx, tx.grad, np.abs(scale) * spread(exact_invstd) * (np.abs(wg) + np.abs(unit) + 1), rough)

    # Evaluation: the statistics are constants.
    close(xp.batch_norm_apply(lay_out(x, layout), w, b, mean, invstd), rounded(unit * scale + shift), size)
    gx, gw, gb = xp.batch_norm_backward(g, x, w, mean, invstd, training=False)
    close(gx, rounded(wg * scale * spread(invstd)))
    close(gw, rounded((wg * unit).sum(axes)), (np.abs(wg) * (size + 1)).sum(axes))
    close(gb, rounded(wg.sum(axes)), np.abs(wg).sum(axes))


def test_batch_norm_variance_keeps_its_digits_beside_a_large_mean():
    x = (np.random.default_rng(5).standard_normal((64, 3, 20, 20)) + 1000).astype(np.float32)
    _, mean, var, _ = xp.batch_norm(x, None, None, 1e-5)
    close(mean, x.mean((0, 2, 3), dtype=np.float64).astype(np.float32), ulps=2)
    # Blocks' means are rounded at 1000 · 2⁻²⁴ and shift the squares by that squared.
    close(var, x.var((0, 2, 3), dtype=np.float64).astype(np.float32), ulps=8)


def test_batch_norm_of_nothing():
    z, mean, *_ = xp.batch_norm(np.zeros((0, 3, 4, 4), np.float32), None, None, 1e-5)
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
    z, mean, rstd = xp.layer_norm(x, dims, w, b, 1e-5)
    assert mean.shape == rstd.shape == shape[:-dims] + (1,) * dims
    close(z, reference.detach().numpy().astype(dtype), 8)
    gx, gw, gb = xp.layer_norm_backward(g, x, dims, w, mean, rstd)
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
    z = xp.sum(x, axis, keepdims)
    assert isinstance(z, np.ndarray)
    close(z, exact, np.abs(x.astype(np.float64)).sum(axis, keepdims=keepdims) + 1e-300)


def test_sum_of_channels_last_and_other_dtypes():
    x = np.random.default_rng(8).standard_normal((16, 8, 10, 12)).astype(np.float32)
    z = xp.sum(lay_out(x, "channels_last"), (0, 2, 3))
    close(z, x.sum((0, 2, 3), dtype=np.float64).astype(np.float32), 1500)
    assert xp.sum(np.full(300, 200, np.uint8)) == 60000
    half = xp.sum(np.full((5000, 2), 0.1, np.float16), 0)
    assert half.dtype == np.float16 and (half == np.float16(5000 * float(np.float16(0.1)))).all()


def test_a_million_float32_tenths_down_a_column():
    z = xp.sum(np.full((1_000_000, 2), 0.1, np.float32), 0)
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
    close(xp.softmax(x, axis), torch.softmax(t, axis), np.where(np.isfinite(x), np.abs(x), 0) + 4, ulps=2)
    close(xp.log_softmax(x, axis), torch.log_softmax(t, axis), 200, ulps=1)
    close(xp.logsumexp(x, axis), torch.logsumexp(t, axis), 200, ulps=1)
    close(xp.logsumexp(x, axis, True), torch.logsumexp(t, axis, True), 200, ulps=1)
    np.testing.assert_array_equal(before, x)


def test_logsumexp_over_several_axes():
    x = np.random.default_rng(10).standard_normal((3, 4, 5))
    close(xp.logsumexp(x, (0, 2)), torch.logsumexp(torch.tensor(x), (0, 2)))


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
    ours = xp.relu(lay_out(x, layout))
    close(ours, z)
    assert (type(ours) is ChannelsLast) == (layout == "channels_last")
    close(xp.relu_backward(lay_out(g, layout), ours), tx.grad)
    close(xp.relu_backward(g, ours), tx.grad)                # layouts that differ
