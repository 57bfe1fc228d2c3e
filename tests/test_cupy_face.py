"""Random numbers on "cuda", and what `minigrad.cuda` says and does."""
import numpy as np
import pytest
from gpu import places

import minigrad

pytestmark = pytest.mark.gpu
D, F = minigrad.distributions, minigrad.nn.functional


@pytest.fixture(autouse=True)
def _cuda(request):
    with places.cuda(request):
        yield


# Random numbers ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("draw", [
    lambda **how: minigrad.rand(5, **how), lambda **how: minigrad.randn(7, **how),
    lambda **how: minigrad.randint(0, 100, (9,), **how), lambda **how: minigrad.randperm(11, **how),
    lambda **how: minigrad.empty(6, **how).normal_(2, 3), lambda **how: minigrad.empty(6, **how).uniform_(),
    lambda **how: minigrad.empty(6, **how).exponential_(),
    lambda **how: minigrad.empty(20, **how).bernoulli_(0.3),
    lambda **how: F.dropout(minigrad.ones(50, **how), 0.4),
    lambda **how: minigrad.multinomial(minigrad.ones(9, **how), 4),
    lambda **how: minigrad.multinomial(minigrad.ones(2, 9, **how), 4, replacement=True),
    lambda **how: minigrad.rand_like(minigrad.ones(5, **how)),
    lambda **how: minigrad.normal(0, 1, (5,), **how),
    lambda **how: minigrad.randint_like(minigrad.ones(9, **how), 100),
    lambda **how: minigrad.normal(minigrad.zeros(5, **how), minigrad.ones(5, **how)),
    lambda **how: minigrad.bernoulli(minigrad.ones(50, **how) / 2),
    lambda **how: F.alpha_dropout(minigrad.ones(50, **how), 0.4, True),
    lambda **how: F.dropout2d(minigrad.ones(1, 50, 1, 1, **how)), lambda **how: F.dropout1d(
        minigrad.ones(50, 1, **how)), lambda **how: F.gumbel_softmax(minigrad.ones(5, **how)),
    *[lambda init=init, **how: getattr(minigrad.nn.init, init)(minigrad.empty(3, 4, **how)) for init in (
        "uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_",
        "kaiming_normal_", "orthogonal_")],
    lambda **how: D.Normal(minigrad.zeros(5, **how), 1.0).rsample(),
    lambda **how: D.Normal(1.0, minigrad.ones(5, **how)).sample(),
    lambda **how: D.Uniform(minigrad.zeros(5, **how), 1.0).rsample(),
    lambda **how: D.Bernoulli(minigrad.ones(50, **how) / 2).sample(),
    lambda **how: D.Bernoulli(logits=minigrad.zeros(50, **how)).sample(),
    lambda **how: D.Categorical(minigrad.ones(9, **how)).sample((50,)),
])
def test_a_seed_gives_the_same_numbers_again(draw):
    minigrad.manual_seed(5)
    host = minigrad.get_rng_state()
    first, second = draw(device="cuda"), draw(device="cuda")
    state = minigrad.cuda.get_rng_state()
    third = draw(device="cuda")
    assert first.is_cuda and first.tolist() != second.tolist()
    assert minigrad.get_rng_state().tolist() == host.tolist()   # the CPU's stream is another
    minigrad.cuda.set_rng_state(state)
    assert draw(device="cuda").tolist() == third.tolist()
    minigrad.cuda.manual_seed(5)
    assert draw(device="cuda").tolist() == first.tolist()
    generator = minigrad.Generator(device="cuda").manual_seed(5)
    assert generator.device == "cuda" and generator.initial_seed() == 5


@pytest.mark.parametrize("make", [
    lambda x: D.Normal(x, 2.0), lambda x: D.Normal(0.0, x + 1), lambda x: D.Uniform(x - 2, 3.0),
    lambda x: D.Bernoulli(x / 4), lambda x: D.Bernoulli(logits=x), lambda x: D.Categorical(x),
    lambda x: D.Categorical(logits=x),
])
def test_distributions_of_the_gpu(make):
    """What is not drawn is the CPU's."""
    x = minigrad.tensor([0.5, 1.0, 1.5])
    ours, theirs = make(x.cuda()), make(x)
    value = theirs.sample()
    found = [ours.log_prob(value.cuda()), ours.entropy(), D.kl_divergence(ours, ours)]
    for got, want in zip(found, [theirs.log_prob(value), theirs.entropy(), D.kl_divergence(theirs, theirs)]):
        assert got.is_cuda
        np.testing.assert_allclose(got.tolist(), want.tolist(), rtol=1e-5, atol=1e-7)
    assert ours.sample().is_cuda


def test_random_numbers_are_spread_as_they_should_be():
    minigrad.manual_seed(0)
    u = places.array_of(minigrad.rand(100_000, device="cuda", dtype=minigrad.float64))
    z = places.array_of(minigrad.randn(100_000, device="cuda"))
    assert abs(u.mean() - 0.5) < 0.005 and abs(u.var() - 1 / 12) < 0.002 and 0 <= u.min() and u.max() < 1
    assert abs(z.mean()) < 0.015 and abs(z.std() - 1) < 0.01 and abs((np.abs(z) < 1).mean() - 0.6827) < 0.006
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.015
    kept = places.array_of(F.dropout(minigrad.ones(100_000, device="cuda"), 0.3))
    assert abs((kept > 0).mean() - 0.7) < 0.006 and np.allclose(kept[kept > 0], 1 / 0.7)
    order = minigrad.randperm(1000, device="cuda").tolist()
    assert sorted(order) == list(range(1000)) != order


def test_what_is_forked_or_recomputed_draws_again():
    minigrad.manual_seed(2)
    x = minigrad.ones(200, device="cuda", requires_grad=True)
    with minigrad.random.fork_rng():
        want = minigrad.rand(3, device="cuda").tolist()
    assert minigrad.rand(3, device="cuda").tolist() == want
    z = minigrad.utils.checkpoint.checkpoint(lambda x: F.dropout(x * 2, 0.5), x, use_reentrant=False)
    z.sum().backward()
    np.testing.assert_array_equal(places.array_of(x.grad), places.array_of(z))


def test_a_generator_of_the_other_device_is_refused():
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"):
        minigrad.rand(2, device="cuda", generator=minigrad.Generator())
    with pytest.raises(RuntimeError, match="Expected a 'cpu' device type for generator but found 'cuda'"):
        minigrad.rand(2, generator=minigrad.Generator("cuda"))


# minigrad.cuda ----------------------------------------------------------------------------------------------

def test_the_face():
    cuda = minigrad.cuda
    assert cuda.is_available() and cuda.device_count() >= 1 and cuda.current_device() == 0
    assert isinstance(cuda.get_device_name(), str) and len(cuda.get_device_capability()) == 2
    cuda.reset_peak_memory_stats()
    x = minigrad.ones(1 << 18, device="cuda")
    assert cuda.max_memory_allocated() >= cuda.memory_allocated() >= 0 and cuda.memory_reserved() >= 0
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    with cuda.stream(cuda.Stream()):
        start.record()
        (x * 2).sum()
        end.record()
    end.synchronize()
    assert start.elapsed_time(end) >= 0 and end.query()
    cuda.empty_cache()
    cuda.set_device(0)
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        minigrad.zeros(1, device="cuda:99")
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        cuda.get_device_name("cpu")
    with pytest.raises(AssertionError, match="Invalid device id"):
        cuda.get_device_name(99)
    about = cuda.get_device_properties(0)
    assert (about.major, about.minor) == cuda.get_device_capability() and about.total_memory > 0
    assert cuda.is_bf16_supported() and about.multi_processor_count > 0


def test_streams_wait_for_one_another():
    cuda, x = minigrad.cuda, minigrad.ones(3, device="cuda")
    side = cuda.Stream()
    assert cuda.current_stream() == cuda.default_stream() != side and isinstance(side, cuda.Stream)
    side.wait_stream(cuda.current_stream())
    with cuda.stream(side) as entered, cuda.stream(None):
        assert cuda.current_stream() == side == entered and cuda.current_stream().cuda_stream
        y = x * 2
    cuda.current_stream().wait_stream(side)
    assert y.tolist() == [2.0] * 3
    event = side.record_event()
    side.wait_event(event)
    event.wait()
    side.synchronize()
    assert side.query() and event.query() and cuda.current_stream() == cuda.default_stream()
