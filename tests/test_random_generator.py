"""The Generator against torch's: seeds, states, copies, errors; and the fused multiply-add below it."""
import copy
import pickle
import subprocess
import sys
import threading
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_pairs import SEEDS, assert_equal, assert_same_state, outcome, pair

import minigrad
from minigrad import random as mr
from minigrad.box_muller import fma

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("words", [0, 1, 5, 623, 624, 625, 1247, 1248, 1249])
def test_states_travel_both_ways(words):
    generator, reference = pair(2**40 + 3)
    mr.integers(generator, 0, 10, (words,), np.dtype("int64"))
    torch.randint(10, (words,), generator=reference)
    for _ in range(2):                                          # the second time with a sine in waiting
        assert_same_state(generator, reference)
        ours, theirs = mr.Generator(), torch.Generator()
        assert ours.set_state(reference.get_state().numpy()) is ours
        theirs.set_state(torch.from_numpy(generator.get_state().numpy()))
        assert ours.initial_seed() == theirs.initial_seed() == 2**40 + 3
        assert_equal(mr.normal(ours, (3,), np.dtype("float64")),
                     torch.randn(3, generator=theirs, dtype=torch.float64))
        mr.normal(generator, (3,), np.dtype("float64"))
        torch.randn(3, generator=reference, dtype=torch.float64)


@pytest.mark.parametrize("clone", [copy.deepcopy, copy.copy, lambda g: pickle.loads(pickle.dumps(g))])
def test_copies_go_on_alike_and_apart(clone):
    generator = mr.Generator().manual_seed(8)
    mr.normal(generator, (5,), np.dtype("float32"))
    other = clone(generator)
    assert other is not generator
    assert (other.initial_seed(), other.device) == (8, "cpu")
    first = mr.normal(generator, (5,), np.dtype("float32"))
    np.testing.assert_array_equal(first, mr.normal(other, (5,), np.dtype("float32")))
    np.testing.assert_array_equal(generator.words(3), other.words(3))


def test_the_waiting_sine():
    """Drawing nothing leaves it, seeding forgets it."""
    generator, reference = pair(31)
    for size in (5, 0, 3, 1, 0, 0, 2):
        assert_equal(mr.normal(generator, (size,), np.dtype("float64")),
                     torch.randn(size, generator=reference, dtype=torch.float64))
        assert_same_state(generator, reference)
    assert generator._normal is not None
    assert_same_state(generator.manual_seed(31), reference.manual_seed(31))


def test_seeds():
    assert mr.Generator().initial_seed() == torch.Generator().initial_seed()
    for seed in SEEDS:
        generator, reference = pair(seed)
        assert generator.initial_seed() == reference.initial_seed()
    generator = mr.Generator()
    assert generator.manual_seed(3) is generator
    chosen = generator.seed()
    assert generator.initial_seed() == chosen != mr.Generator().seed()


def test_devices_of_generators():
    for device in ("cpu", "cpu:0", None, minigrad.device("cpu")):
        assert mr.Generator(device).device == "cpu"
    assert outcome(lambda: mr.Generator("tpu")) == outcome(lambda: torch.Generator("tpu"))
    with pytest.raises(RuntimeError, match="Invalid device string: 'xpu'"):
        mr.Generator("xpu")


@pytest.mark.parametrize("seed", [2**64, -2**63 - 1, 1.5, "a", True, None, np.int64(5), torch.tensor(3)])
def test_bad_seeds(seed):
    ours = outcome(lambda: mr.Generator().manual_seed(seed))
    assert ours == outcome(lambda: torch.Generator().manual_seed(seed))
    assert isinstance(ours, tuple)


@pytest.mark.parametrize("seed", [3, 1.5, True, "7", np.int64(5), 2**64, "a", None])
def test_manual_seed_of_the_default_generator(seed):
    with mr.fork_rng(), torch.random.fork_rng():
        assert outcome(lambda: mr.manual_seed(seed).initial_seed()) \
            == outcome(lambda: torch.manual_seed(seed).initial_seed())


def test_default_generator():
    with mr.fork_rng():
        assert mr.manual_seed(5) is mr.default_generator
        assert mr.initial_seed() == 5
        state = mr.get_rng_state()
        before = mr.default_generator.words(5)
        mr.set_rng_state(state)
        np.testing.assert_array_equal(before, mr.default_generator.words(5))
        assert mr.seed() == mr.initial_seed()


def test_fork_rng():
    for enabled in (True, False):
        mr.manual_seed(6)
        with pytest.raises(KeyError), mr.fork_rng(enabled=enabled):
            mr.manual_seed(7)
            raise KeyError
        assert mr.initial_seed() == (6 if enabled else 7)


STATES = {
    "short": np.zeros(10, np.uint8),
    "zeros": np.zeros(5056, np.uint8),
    "floats": np.zeros(5056, np.float32),
}


@pytest.mark.parametrize("name", STATES)
def test_bad_states(name):
    state = STATES[name]
    ours = outcome(lambda: mr.Generator().set_state(state))
    assert ours == outcome(lambda: torch.Generator().set_state(torch.from_numpy(state)))
    assert isinstance(ours, tuple)


def test_a_generator_is_for_the_cpu_where_there_is_no_gpu():
    assert mr.Generator("cpu").device == mr.Generator(device="cpu").device == "cpu"
    if find_spec("cupy") is None:
        with pytest.raises(RuntimeError, match="cuda"):
            mr.Generator("cuda")


def test_threads_share_a_stream_without_tearing_it():
    generator = mr.Generator().manual_seed(4)
    taken = []

    def draw():
        for _ in range(200):
            taken.append(tuple(generator.words64(7).tolist()))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = mr.Generator().manual_seed(4).words64(7 * len(taken)).reshape(-1, 7).tolist()
    assert sorted(taken) == sorted(map(tuple, whole))


def test_importing_does_not_load_numpy_random():
    program = ("import sys, numpy; before = 'numpy.random' in sys.modules; import minigrad.random; "
               "assert ('numpy.random' in sys.modules) == before")
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[1])


# Far from the ends of the range, where the rounding error of a product would itself not be a float64.
MODERATE = (st.floats(1e-60, 1e60) | st.floats(-1e60, -1e-60) | st.floats(0.5, 2)
            | st.sampled_from([0.0, 1.0, -1.0]))


@given(x=st.lists(MODERATE, min_size=1, max_size=8), y=MODERATE, z=MODERATE)
def test_fused_multiply_add_rounds_once(x, y, z):
    exact = [float(Fraction(v) * Fraction(y) + Fraction(z)) for v in x]
    np.testing.assert_array_equal(fma(np.array(x), np.float64(y), np.float64(z)), exact)


def test_fused_multiply_add_where_it_differs_from_two_steps():
    """Nearly cancelling sums, and sums half way between two floats, show every step of it."""
    x = 1 + np.arange(1, 2000) * 2.0**-52
    for y, z in ((1 + 2.0**-52, -1.0), (1.5, 2.0**-54), (1 - 2.0**-53, 2.0**53), (3.0, -2.0**-60)):
        exact = [float(Fraction(v) * Fraction(y) + Fraction(z)) for v in x.tolist()]
        np.testing.assert_array_equal(fma(x, np.float64(y), np.float64(z)), exact)
    assert (fma(x, np.float64(1 + 2.0**-52), np.float64(-1.0)) != x * (1 + 2.0**-52) - 1.0).any()


def test_fused_multiply_add_of_huge_values_stays_finite():
    np.testing.assert_array_equal(fma(np.array([0.5]), np.float64(1.6e308), np.float64(-8e307)), [0.0])
