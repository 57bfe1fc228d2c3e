"""Every op's samples with their tensors on "cuda", against torch on the CPU: values, gradients by both walks,
second gradients, errors.

Where a GPU adds in another order than torch's CPU, or computes a function to other last digits, the samples'
own condition is the measure, as for the NumPy backend.
"""
import dataclasses

import numpy as np
import pytest
from gpu import places

import minigrad
from minigrad.engine import walk
from torch_backend.parity import SAMPLES, check

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore::RuntimeWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning")]
# They ask for the CPU themselves, or draw: test_cupy_devices.py moves tensors, and looks at random numbers.
APART = {"to", "to.method", "dropout"}


@pytest.fixture
def cuda(request, monkeypatch):
    monkeypatch.setattr(walk, "strict", True)
    with places.cuda(request):
        minigrad.set_default_device("cuda")
        yield OnCuda()


class OnCuda:
    """minigrad whose tensors of arrays are on the GPU, in the arrays' memory layout."""

    def __getattr__(self, name):
        return getattr(minigrad, name)

    def from_numpy(self, array):
        import cupy
        from cupy.lib.stride_tricks import as_strided
        memory = array
        while isinstance(memory.base, np.ndarray):
            memory = memory.base
        laid_out = as_strided(cupy.asarray(memory.reshape(-1, order="A")), array.shape, array.strides)
        return minigrad.engine.core.wrap(laid_out if array.size else cupy.asarray(array))


@pytest.mark.parametrize(("name", "dtype"), [(s.name, dtype) for s in SAMPLES.values() for dtype in s.dtypes
                                             if s.name not in APART])
def test_equals_torch(name, dtype, cuda):
    # A view op refuses, and strides are, what the memory says: on a GPU that is CuPy's choice.
    sample = dataclasses.replace(SAMPLES[name], strides=False)
    check(sample, dtype, cuda, 3)
