"""What the tests of the random streams share: equally seeded pairs of generators, bitwise comparisons."""
import random as python_random

import numpy as np
import pytest

from minigrad import random as mr

torch = pytest.importorskip("torch")

SEEDS = (0, 1, 42, -1, 2**63, 2**64 - 1, -2**63, python_random.Random(7).getrandbits(64))
FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64")

# Without AVX2, torch's kernels have no fused multiply-add and another float32 logarithm, sine and cosine.
needs_avx2 = pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
                                reason="torch rounds otherwise on this processor")


def numpy_dtype(name):
    return np.dtype(pytest.importorskip("ml_dtypes").bfloat16) if name == "bfloat16" else np.dtype(name)


def pair(seed):
    """One generator of each library, equally seeded."""
    return mr.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def assert_equal(ours, theirs):
    """Same shape, dtype and bits (so −0 is not 0)."""
    assert isinstance(ours, np.ndarray)
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    assert ours.shape == tuple(theirs.shape)
    if ours.dtype.itemsize == 2 and ours.dtype.kind in "fV":
        ours, theirs = ours.view(np.int16), theirs.view(torch.int16)
    theirs = theirs.numpy()
    np.testing.assert_array_equal(ours, theirs)
    if ours.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))


def assert_same_state(generator, reference):
    np.testing.assert_array_equal(generator._get_state_array(), reference.get_state().numpy())


def check(draw, reference_draw, seeds=SEEDS):
    """`draw` and `reference_draw` give equal values twice in a row, and leave equal states."""
    for seed in seeds:
        generator, reference = pair(seed)
        for _ in range(2):
            assert_equal(draw(generator), reference_draw(reference))
            assert_same_state(generator, reference)


def outcome(call):
    """What `call` returns, or the type and first line of what it raises."""
    try:
        return call()
    except (RuntimeError, TypeError, ValueError) as error:
        return type(error), str(error).splitlines()[0]
