"""Every op's samples with their tensors on "cuda", against torch on the CPU: values, gradients by both walks,
second gradients, errors; and what guards the CuPy backend where there is no GPU.

Where a GPU adds in another order than torch's CPU, or computes a function to other last digits, the samples'
own condition is the measure, as for the NumPy backend.
"""
import dataclasses
import importlib
from pathlib import Path

import numpy as np
import pytest
from gpu import names, places, stand_in

import minigrad
from minigrad.engine import walk
from torch_backend.parity import SAMPLES, check
from torch_backend.parity.compare import Mismatch

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


# The guards themselves --------------------------------------------------------------------------------------

def test_both_backends_offer_the_same_names():
    with stand_in.installed():
        rooms = [importlib.import_module(f"minigrad.backends.{room}") for room in ("cupy", "numpy")]
        ours, theirs = ({name for name, value in vars(room).items()
                         if not name.startswith("_") and type(value).__name__ != "module"} for room in rooms)
        assert theirs - ours <= {"ChannelsLast", "UFUNCS", "canonical"}


def test_the_names_are_those_of_the_installed_cupy():
    pytest.importorskip("cupy")
    assert names.tables() == stand_in.NAMES, "run python tests/gpu/names.py > tests/gpu/cupy_names.json"


@pytest.mark.parametrize(("wrong", "error"), [
    (lambda xp, x: xp.exp(x, where=True), "unexpected keyword argument 'where'"),       # of NumPy's only
    (lambda xp, x: xp.geomspace(1, 2), "has no attribute 'geomspace'"),                 # as is this name
    (lambda xp, x: xp.exp(np.asarray(x)), "Implicit conversion to a NumPy array"),
    (lambda xp, x: xp.exp(x) * np.ones(x.shape), "Unsupported type <class 'numpy.ndarray'>"),
    (lambda xp, x: np.maximum.reduce(x), "no implementation found|not supported|returned NotImplemented"),
])
def test_the_stand_in_refuses_what_cupy_refuses(wrong, error):
    with stand_in.installed():
        x = minigrad.ones(3, device="cuda")
        with pytest.raises((TypeError, AttributeError, NotImplementedError), match=error):
            wrong(minigrad.backends.namespace(type(x.array)), x.array)


@pytest.mark.parametrize("wrong", [
    lambda xp, x: xp.exp(x, where=True),
    lambda xp, x: xp.exp(xp.asarray(np.asarray(x))),
    lambda xp, x: xp.exp(x) + 1e-9,
])
def test_a_fault_on_the_cupy_path_fails_the_samples(wrong, request):
    if places.asked_for_gpu(request.config):
        pytest.skip("a fault for the stand-in")
    exp = minigrad.engine.REGISTRY["exp"]
    with stand_in.installed():
        minigrad.set_default_device("cuda")
        try:
            room = minigrad.backends.namespace(stand_in.ndarray)
            exp.impl[stand_in.ndarray] = lambda x: wrong(room, x)
            with pytest.raises(Mismatch):
                check(dataclasses.replace(SAMPLES["exp"], strides=False), "float64", OnCuda(), 3)
        finally:
            del exp.impl[stand_in.ndarray]
            minigrad.set_default_device("cpu")


@pytest.mark.parametrize("look", [
    lambda x: x.item(), lambda x: x.tolist(), float, bool, repr, lambda x: x.cpu(),
    lambda x: x.array.get(), lambda x: bool(x.array), lambda x: x.array.reshape(1).nonzero(),
    lambda x: x.array.reshape(1)[x.array.reshape(1) > 0],
])
def test_every_way_to_read_is_counted(look):
    with stand_in.installed():
        x = minigrad.ones((), device="cuda")
        before = stand_in.reads[0]
        look(x)
        assert stand_in.reads[0] > before


def test_there_is_no_cuda_source():
    """Kernels in CUDA's language need a GPU to be tried on, and a compile check for each dtype in here."""
    kernels = ("RawKernel", "RawModule", "ElementwiseKernel", "ReductionKernel", "__global__", "cupyx.jit")
    found = [path.name for path in Path(minigrad.__file__).parent.rglob("*.py")
             if any(word in path.read_text(encoding="utf-8") for word in kernels)]
    assert found == []
