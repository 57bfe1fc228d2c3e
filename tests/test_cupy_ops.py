"""Every op's samples with their tensors on "cuda", against torch on the CPU: values, gradients by both walks,
second gradients, errors.

Where a GPU adds in another order than torch's CPU, or computes a function to other last digits, the samples'
own condition is the measure, as for the NumPy backend.
"""
import dataclasses
import random

import numpy as np
import pytest
from gpu import places

import minigrad
from minigrad.engine import walk
from torch_backend.parity import SAMPLES, check
from torch_backend.parity.compare import evaluate
from torch_backend.parity.draw import draw_case

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("ignore::RuntimeWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning")]
# They ask for the CPU themselves, or draw: test_cupy_devices.py moves tensors, test_cupy_face.py draws.
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


class InHalf:
    """minigrad whose tensors of float32 arrays are bfloat16, on a device."""

    def __init__(self, device):
        self.device = device

    def __getattr__(self, name):
        return getattr(minigrad, name)

    def from_numpy(self, array):
        tensor = minigrad.from_numpy(array.copy())
        return tensor.to(self.device, minigrad.bfloat16 if array.dtype == np.float32 else tensor.dtype)


@pytest.mark.parametrize("name", """
    where where.number masked_fill.tensor relu tril triu max_pool2d avg_pool2d gather.sort
    gather.topk mm bmm matmul softmax log_softmax logsumexp sum amax layer_norm batch_norm conv2d gelu
    embedding index_select scatter_add""".split())
def test_bfloat16_is_the_cpus(name, cuda, monkeypatch):
    pytest.importorskip("ml_dtypes")
    monkeypatch.setattr(walk, "strict", False)
    for seed in range(3):
        case, found = draw_case(SAMPLES[name], "float32", "", random.Random(seed).choice), []
        for device in ("cpu", "cuda"):
            minigrad.set_default_device(device)
            found.append(evaluate(InHalf(device), SAMPLES[name], case))
        assert found[0].described == found[1].described and found[0].error == found[1].error
        for want, got in zip(found[0].values, found[1].values, strict=True):
            got, want = (np.asarray(array, float) for array in (got, want))
            np.testing.assert_allclose(got, want, rtol=2**-7, atol=2**-7)
        for want, got in zip(found[0].first, found[1].first, strict=True):
            assert want is None or want.dtype.kind == "f" or got.dtype == want.dtype


@pytest.mark.parametrize("compute", [
    lambda room, x: room.clip(x, -1.0, 1.0), lambda room, x: room.clip(x, None, 1.0),
    lambda room, x: room.clip(x, -1.0, None), lambda room, x: room.where(x > 0, x, 0.0),
    lambda room, x: room.where(x > 0, 0.5, x), lambda room, x: room.tril(x), lambda room, x: room.triu(x, 1),
    lambda room, x: room.relu_backward(x, x), lambda room, x: room.relu(x), lambda room, x: room.matmul(x, x),
    lambda room, x: room.matmul(x[None], x[None]), lambda room, x: room.softmax(x, 0),
    lambda room, x: room.sum(x, 0), lambda room, x: room.gelu(x),
    lambda room, x: room.max_pool2d(x[None, None], (2, 2), (2, 2))[0],
    lambda room, x: room.max_pool2d_gather(x[None, None], room.zeros((1, 1, 2, 2), int), (2, 2), (2, 2)),
])
def test_kernels_keep_bfloat16(compute, cuda):
    """CuPy lacks loops for it here and there, and computes in float32."""
    low = pytest.importorskip("ml_dtypes").bfloat16
    room = minigrad.backends.arrays.cupy_room()
    x = room.asarray(np.linspace(-2, 2, 16).reshape(4, 4).astype(low))
    assert compute(room, x).dtype == low
