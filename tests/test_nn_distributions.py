"""Distributions: the same draws, the same logarithms with their gradients, the same texts as torch's."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, array, close, error_of

import minigrad

torch = pytest.importorskip("torch")


def parameter(B: Any, *shape: int, low: float = 0.1, high: float = 0.9, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).uniform(low, high, shape)
    return B.from_numpy(values).requires_grad_()


MAKERS: dict[str, Any] = {
    "normal": lambda B, seed=0: B.distributions.Normal(parameter(B, 2, 3, seed=seed), parameter(
        B, 3, low=0.5, high=2, seed=seed + 1)),
    "normal of numbers": lambda B, seed=0: B.distributions.Normal(0.5 + seed, 2),
    "uniform": lambda B, seed=0: B.distributions.Uniform(
        parameter(B, 3, low=-2, high=-1, seed=seed), parameter(B, 2, 1, low=1, high=2, seed=seed)),
    "bernoulli": lambda B, seed=0: B.distributions.Bernoulli(parameter(B, 4, seed=seed)),
    "bernoulli by logits": lambda B, seed=0: B.distributions.Bernoulli(logits=parameter(
        B, 2, 2, low=-3, high=3, seed=seed)),
    "bernoulli of a number": lambda B, seed=0: B.distributions.Bernoulli(0.25 + seed / 9),
    "categorical": lambda B, seed=0: B.distributions.Categorical(parameter(B, 5, seed=seed)),
    "categorical by logits": lambda B, seed=0: B.distributions.Categorical(logits=parameter(
        B, 2, 4, low=-3, high=3, seed=seed)),
}


def gradients(B: Any, made: list[Any], *results: Any) -> list[Any]:
    """Those of the tensors that distributions were given, or have made of them first."""
    names = ("loc", "scale", "low", "high", "probs", "logits")
    parts = [one.__dict__[name] for one in made for name in names if name in one.__dict__]
    leaves = [part for part in parts if part.requires_grad and part.is_leaf]
    total = sum((result * (k + 1)).sum() for k, result in enumerate(results))
    return [g for g in B.autograd.grad(total, leaves, allow_unused=True) if g is not None] if leaves else []


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("shape", [(), (3,), (2, 1)])
def test_draws_and_logarithms(name: str, shape: tuple[int, ...]) -> None:
    found = []
    for B in BACKENDS:
        made = MAKERS[name](B)
        B.manual_seed(7)
        drawn = made.sample(shape)
        assert not drawn.requires_grad
        results = [made.log_prob(drawn), made.entropy(), made.perplexity()]
        seen = [drawn, *results]
        if "categorical" not in name:
            seen += [made.mean, made.variance, made.stddev]
        if made.has_rsample:
            seen.append(made.rsample(shape))
            results.append(seen[-1])
        if "normal" in name:
            seen.append(made.cdf(drawn))
        seen += gradients(B, [made], *results)
        found.append(([repr(made), tuple(made.batch_shape), tuple(made.event_shape)], seen))
    (texts, ours), (their_texts, theirs) = found
    assert texts == their_texts and len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        close(name, a, b, 1e-6 if a.dtype is minigrad.float32 else 1e-11)


@pytest.mark.parametrize("name", MAKERS)
def test_divergences(name: str) -> None:
    found = []
    for B in BACKENDS:
        p, q = MAKERS[name](B), MAKERS[name](B, 2)
        divergence = B.distributions.kl_divergence(p, q)
        finite = divergence.masked_fill(divergence.isinf(), 0)
        found.append([divergence, *gradients(B, [p, q], finite)])
    for a, b in zip(*found, strict=True):
        close(name, a, b, 1e-11)


def test_divergences_at_the_edges() -> None:
    found = []
    for B in BACKENDS:
        D, edges = B.distributions, B.tensor([0.0, 0.5, 1.0], dtype=B.float64)
        p, q = edges.repeat(3), edges.repeat_interleave(3)
        classes = D.Categorical(B.tensor([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], dtype=B.float64))
        other = D.Categorical(classes.probs.flip(0))
        found.append([D.kl_divergence(D.Bernoulli(p), D.Bernoulli(q)), D.kl_divergence(classes, other),
                      D.kl_divergence(D.Uniform(0.0, 1.0), D.Uniform(edges - 0.5, 1.25))])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-12)


def test_a_policy_gradient() -> None:
    """REINFORCE, as programs use it: sample an action, weigh its log-probability."""
    found = []
    for B in BACKENDS:
        B.manual_seed(11)
        net = B.nn.Sequential(B.nn.Linear(4, 8), B.nn.Tanh(), B.nn.Linear(8, 3), B.nn.Softmax(dim=-1))
        net.double()
        optimizer, seen = B.optim.Adam(net.parameters(), lr=1e-2), []
        for _ in range(20):
            m = B.distributions.Categorical(net(B.rand(4, dtype=B.float64)))
            action = m.sample()
            loss = -m.log_prob(action) * (action.item() - 1.0) - 0.01 * m.entropy()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append((action.item(), loss.item()))
        found.append(seen)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def at(B: Any, *values: float) -> Any:
    return B.tensor(list(values))


ERRORS: dict[str, Any] = {
    "scale": lambda B, D: D.Normal(at(B, 0.0, 1.0), at(B, -1.0, 1.0)),
    "shapes": lambda B, D: D.Normal(B.zeros(2), B.ones(3)),
    "value's shape": lambda B, D: D.Normal(B.zeros(2), B.ones(2)).log_prob(B.ones(3)),
    "class's shape": lambda B, D: D.Categorical(B.ones(2, 3)).log_prob(B.zeros(3)),
    "odds' shape": lambda B, D: D.Bernoulli(B.ones(2)).log_prob(B.ones(4, 3)),
    "loc": lambda B, D: D.Normal(at(B, float("nan"), 1.0), 1.0),
    "value": lambda B, D: D.Normal(0.0, 1.0).log_prob(B.tensor(float("nan"))),
    "number": lambda B, D: D.Normal(0.0, 1.0).log_prob(1.0),
    "text": lambda B, D: D.Normal("0", 1.0),
    "odds": lambda B, D: D.Bernoulli(at(B, 1.5)),
    "logits": lambda B, D: D.Bernoulli(logits=at(B, float("nan"))),
    "both": lambda B, D: D.Bernoulli(0.3, logits=at(B, 1.0)),
    "half": lambda B, D: D.Bernoulli(at(B, 0.3)).log_prob(at(B, 0.5)),
    "neither": lambda B, D: D.Categorical(),
    "no dimension": lambda B, D: D.Categorical(B.tensor(1.0)),
    "negative": lambda B, D: D.Categorical(at(B, -1.0, 2.0)),
    "nothing": lambda B, D: D.Categorical(at(B, 0.0, 0.0)),
    "nan": lambda B, D: D.Categorical(logits=at(B, float("nan"), 1.0)),
    "class": lambda B, D: D.Categorical(at(B, 0.5, 0.5)).log_prob(B.tensor(2)),
    "no class": lambda B, D: D.Categorical(at(B, 0.5, 0.5)).log_prob(B.tensor(0.5)),
    "empty": lambda B, D: D.Uniform(at(B, 1.0), at(B, 0.0)),
    "outside": lambda B, D: D.Uniform(0.0, 1.0).log_prob(B.tensor(2.0)),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case: str) -> None:
    found = [error_of(lambda B: ERRORS[case](B, B.distributions), B) for B in BACKENDS]
    assert found[0] == found[1]


def test_what_is_not_supported() -> None:
    D = minigrad.distributions
    with pytest.raises(NotImplementedError, match=r"Categorical\.rsample is not supported"):
        D.Categorical(minigrad.ones(2)).rsample()
    with pytest.raises(NotImplementedError, match="No KL"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Uniform(0.0, 1.0))
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
