"""What guards the CuPy backend where there is no GPU: the stand-in refuses what CuPy refuses, counts reads,
and a fault planted on the CuPy path fails the samples."""
import dataclasses
import importlib
import inspect
import math
import pickle
import sys

import numpy as np
import pytest
import torch
from gpu import names, stand_in
from test_cupy_ops import OnCuda

import minigrad
from minigrad import cli
from torch_backend import signatures
from torch_backend.parity import SAMPLES, check
from torch_backend.parity.compare import Mismatch

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_both_backends_offer_the_same_names():
    with stand_in.installed():
        rooms = [importlib.import_module(f"minigrad.backends.{room}") for room in ("cupy", "numpy")]
        ours, theirs = ({name for name, value in vars(room).items()
                         if not name.startswith("_") and type(value).__name__ != "module"} for room in rooms)
        assert theirs - ours <= {"ChannelsLast", "UFUNCS", "canonical"}


# Without CuPy, without a driver -----------------------------------------------------------------------------

ASKING = [lambda B: B.ones(1).to("cuda"), lambda B: B.ones(1).cuda(), lambda B: B.zeros(1, device="cuda"),
          lambda B: B.nn.Linear(1, 1).to("cuda"), lambda B: B.set_default_device("cuda"),
          lambda B: B.Generator("cuda"), lambda B: B.cuda.current_device(), lambda B: B.cuda.synchronize(),
          lambda B: B.cuda.get_device_name(), lambda B: B.cuda.Stream(), lambda B: B.cuda.Event()]


@pytest.fixture(params=["CuPy", "driver"])
def lacking(request):
    """What is missing, and what is said of it."""
    with stand_in.installed(), pytest.MonkeyPatch.context() as monkeypatch:
        if request.param == "driver":
            monkeypatch.setattr(stand_in.cuda, "is_available", lambda: False)
            yield ("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and "
                   "installed a driver from http://www.nvidia.com/Download/index.aspx\nOr use device='cpu'.")
        else:
            monkeypatch.setitem(sys.modules, "cupy", None)
            yield ("the device 'cuda' needs CuPy and an NVIDIA GPU: pip install \"minigrad[cuda]\", or use "
                   "device='cpu'")


@pytest.mark.parametrize("ask", ASKING)
def test_without_a_gpu_it_is_said_what_is_missing(ask, lacking):
    with pytest.raises(RuntimeError) as caught:
        ask(minigrad)
    assert str(caught.value) == lacking


def test_without_a_gpu_questions_have_answers(lacking, tmp_path):
    cuda = minigrad.cuda
    assert not cuda.is_available() and not cuda.is_initialized() and not cuda.is_bf16_supported()
    assert cuda.device_count() == cuda.memory_allocated() == cuda.max_memory_allocated() == 0
    cuda.manual_seed(1), cuda.manual_seed_all(1), cuda.empty_cache(), cuda.reset_peak_memory_stats()
    minigrad.Run(tmp_path / "run", model=minigrad.nn.Linear(1, 1)).save()
    assert cli.main(["train", "--backend", "cupy", "--out", str(tmp_path)]) == 2


# ------------------------------------------------------------------------------------------------------------

METHODS = [f"{kind}.{name}" for kind, own in (
    ("Stream", "query synchronize record_event wait_event wait_stream"),
    ("Event", "record wait query synchronize elapsed_time")) for name in own.split()]


@pytest.mark.parametrize("name", [*minigrad.cuda.__all__, *METHODS])
def test_signatures_are_torchs(name):
    ours, theirs = (inspect.signature(signatures.at(B.cuda, name)) for B in (minigrad, torch))
    assert signatures.compare(ours, [theirs]) == ["lacks kwargs"] * (name == "Stream")


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


def low():
    return np.dtype(pytest.importorskip("ml_dtypes").bfloat16)


def test_the_stand_in_computes_in_cupys_dtypes():
    with stand_in.installed() as cupy:
        x = cupy.ones(3, low())
        assert cupy.exp(x).dtype == (2 * x).dtype == (x @ x).dtype == low() != (x * 2.0).dtype == np.float32
        assert cupy.where(x > 0, x, 0).dtype == cupy.tril(x[None]).dtype == np.float32
        assert cupy.clip(x, 0, 1).dtype == cupy.divmod(x, x)[1].dtype == np.float32 and (x % 2).dtype == low()
        assert (cupy.ones(3, bool) + 1).dtype == np.int64
        assert (cupy.ones(3, np.uint8) * 0.5).dtype == np.float64
        assert (cupy.ones(3, np.float16) * 2.0).dtype == np.float16
        assert (cupy.ones(3, np.float32) * np.float64(2)).dtype == np.float64
        assert stand_in.special.erf(cupy.ones(3, np.float16)).dtype == np.float64
        assert isinstance(cupy.count_nonzero(x), cupy.ndarray) and cupy.ndim(x) == 1


@pytest.mark.parametrize("wrong", [
    lambda cupy, x: cupy.clip(x, None, 1), lambda cupy, x: x.clip(max=1), lambda cupy, x: cupy.argsort(x),
    lambda cupy, x: x.sort(), lambda cupy, x: x[None, None] @ x[:, None], lambda cupy, x: x & x,
    lambda cupy, x: cupy.matmul(x[None, None], x[:, None]), lambda cupy, x: cupy.ones(2, like=x),
    lambda cupy, x: np.ones(2, like=x), lambda cupy, x: np.maximum.accumulate(x),
    lambda cupy, x: x + [1.0] * 3, lambda cupy, x: cupy.scatter_add,
 lambda cupy, x: np.array([x, x]), lambda cupy, x: memoryview(x),
    lambda cupy, x: x.__array_interface__, lambda cupy, x: x.flags.writeable,
    lambda cupy, x: np.concatenate([x, np.ones(3)]), lambda cupy, x: cupy.sum(x, where=x > 0),
    lambda cupy, x: x.__setitem__(0, np.ones(())), lambda cupy, x: np.ones(3) * x,
    lambda cupy, x: np.add(x, 1, out=np.ones(3)),
])
def test_the_stand_in_lacks_what_cupy_lacks(wrong):
    with stand_in.installed() as cupy:
        x = cupy.ones(3, low())
        with pytest.raises((TypeError, AttributeError, NotImplementedError)):
            wrong(cupy, x)


@pytest.mark.parametrize("wrong", [
    lambda xp, x: xp.exp(x, where=True),
    lambda xp, x: xp.exp(xp.asarray(np.asarray(x))),
    lambda xp, x: xp.exp(x) + 1e-9,
])
def test_a_fault_on_the_cupy_path_fails_the_samples(wrong):
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
    lambda x: x.array.reshape(1)[x.array.reshape(1) > 0], lambda x: x.array.tobytes(), lambda x: int(x.array),
    lambda x: [0, 1, 2][x.long().array], lambda x: 1.0 in x.array.reshape(1), lambda x: max(x.array, x.array),
    lambda x: f"{x.array}", lambda x: np.unique(x.array), lambda x: np.sort(x.array.reshape(1)).get(),
    lambda x: x == 1 and None, lambda x: minigrad.linalg.inv(x.reshape(1, 1)),
    lambda x: pickle.dumps(x.array), lambda x: range(x.long().array), lambda x: round(float(x.array)),
    lambda x: math.sqrt(x.array), lambda x: np.bincount(x.long().array.reshape(1)),
])
def test_every_way_to_read_is_counted(look):
    with stand_in.installed():
        x = minigrad.ones((), device="cuda")
        before = stand_in.reads[0]
        look(x)
        assert stand_in.reads[0] > before
