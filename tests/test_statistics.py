"""Quantiles, histograms, covariances and areas against torch: values, both gradients, refusals."""
import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
RANDOM = np.random.default_rng(3)
X, V = RANDOM.standard_normal((3, 5)), RANDOM.standard_normal(7)
LOST = np.where(np.abs(X) < 0.4, np.nan, X)

# name: (B, leaf) -> result; the leaf's values.
CASES = {
    **{f"quantile {how} {q}": (
        lambda B, x, q=q, how=how: B.quantile(x, number(B, q), 1, interpolation=how), X)
       for how in ("linear", "lower", "higher", "midpoint", "nearest") for q in (0.3, (0.1, 0.5, 0.9))},
    "quantile of all": (lambda B, x: B.quantile(x, 0.35, keepdim=True), X),
    "quantiles of all": (lambda B, x: x.quantile(number(B, (0.2, 1.0))), X),
    "quantile of columns": (lambda B, x: B.quantile(x, number(B, (0.2, 0.7)), 0, True), X),
    "cov": (lambda B, x: B.cov(x), X), "cov of a vector": (lambda B, x: B.cov(x, correction=0), V),
    "corrcoef": (lambda B, x: x.corrcoef(), X),
    "trapezoid": (lambda B, x: B.trapezoid(x, dx=0.5), X),
    "trapezoid, dim": (lambda B, x: B.trapezoid(x, dim=0), X),
    "trapezoid over x": (lambda B, x: B.trapezoid(x * x, x[0]), X),
    "trapz over x": (lambda B, x: B.trapz(x * x, x), X),
    "cumulative_trapezoid": (lambda B, x: B.cumulative_trapezoid(x, x[:, 0], dim=0), X),
    "fmax": (lambda B, x: B.fmax(x, x.flip(1)), LOST), "fmin": (lambda B, x: B.fmin(x, x.flip(1)), LOST),
}


def number(B, q):
    return q if isinstance(q, float) else B.tensor(q, dtype=B.float64)


@pytest.mark.parametrize("name", CASES)
def test_equals_torch(name):
    function, values = CASES[name]
    found = []
    for B in (minigrad, torch):
        leaf = B.from_numpy(values.copy()).requires_grad_()
        z = function(B, leaf)
        cotangent = B.from_numpy(np.linspace(0.5, 1.5, z.numel()).reshape(tuple(z.shape)))
        (first,) = B.autograd.grad(z * z, leaf, cotangent, create_graph=True)
        (second,) = B.autograd.grad((first * first).sum(), leaf)
        found.append([v.detach().numpy() for v in (z, first, second)])
    for ours, theirs in zip(*found):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)


VALUES = [
    lambda B: B.quantile(B.from_numpy(LOST), 0.5, 1), lambda B: B.nanquantile(B.from_numpy(LOST), 0.5, 1),
    lambda B: B.nanquantile(B.from_numpy(LOST), number(B, (0.3, 0.8)), 0),
    lambda B: B.quantile(B.tensor(2.0), 0.5),
    lambda B: B.nanquantile(B.tensor([float("nan")] * 2), 0.5), lambda B: B.histc(B.from_numpy(X), 4),
    lambda B: B.histc(B.from_numpy(X), 4, 0, 1), lambda B: B.histc(B.ones(3), 3),
    lambda B: B.histogram(B.from_numpy(V), 3), lambda B: B.histogram(B.from_numpy(V), 3, range=(0.0, 1.0)),
    lambda B: B.histogram(B.from_numpy(V), B.tensor([-1.0, 0.0, 2.0], dtype=B.float64)),
    lambda B: B.histogram(B.from_numpy(V), 3, density=True),
    lambda B: B.histogram(B.from_numpy(V), 3, weight=B.from_numpy(V * V)),
    lambda B: B.cov(B.tensor([[1, 2, 4], [3, 1, 2]])), lambda B: B.corrcoef(B.from_numpy(V)),
    lambda B: B.trapezoid(B.tensor([1, 2, 4])), lambda B: B.trapezoid(B.ones(0)),
    lambda B: B.tensor([1, -8]) << 2, lambda B: B.tensor([1, -8]) >> 1, lambda B: 3 << B.tensor([1, 2]),
    lambda B: B.tensor([1, -8]) << 70, lambda B: B.tensor([1, -8]) >> 70, lambda B: B.tensor([1, -8]) >> -1,
    lambda B: B.tensor([200], dtype=B.uint8) << 1, lambda B: B.tensor([1]).bitwise_left_shift_(3),
]


@pytest.mark.parametrize("call", VALUES)
def test_values(call):
    for ours, theirs in zip(*[found if isinstance(found, tuple) else (found,)
                              for found in map(call, (minigrad, torch))]):
        assert (str(ours.dtype), tuple(ours.shape)) == (str(theirs.dtype), tuple(theirs.shape))
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("call", [
    lambda B: B.quantile(B.tensor([1, 2]), 0.5), lambda B: B.quantile(B.ones(3), 1.5),
    lambda B: B.quantile(B.ones(0), 0.5), lambda B: B.quantile(B.ones(3), B.ones(1, 1)),
    lambda B: B.quantile(B.ones(3), B.ones(1).double()), lambda B: B.quantile(B.ones(3), B.ones(1) * 2),
    lambda B: B.quantile(B.ones(3), 0.5, interpolation="foo"), lambda B: B.quantile(B.ones(2), 0.5, 3),
    lambda B: B.histc(B.tensor([1])), lambda B: B.histc(B.ones(3), 0), lambda B: B.histc(B.ones(3), 3, 2, 1),
    lambda B: B.histogram(B.tensor([1]), 2), lambda B: B.cov(B.ones(2, 2, 2)),
    lambda B: B.cov(B.tensor([True])),
    lambda B: B.corrcoef(B.ones(2, 2, 2)), lambda B: B.trapezoid(B.tensor(1.0)),
    lambda B: B.trapezoid(B.ones(2, 3), B.ones(2)), lambda B: B.fmax(B.ones(2), 1),
    lambda B: B.ones(2) << 1, lambda B: B.tensor([1]) >> B.ones(1),
])
def test_refusals(call):
    errors = []
    for B in (minigrad, torch):
        with pytest.raises(Exception) as caught:
            call(B)
        errors.append((caught.type, str(caught.value).split("\n")[0]))
    assert errors[0] == errors[1]
