"""What guards the CuPy backend where there is no GPU: the stand-in refuses what CuPy refuses, counts reads,
and a fault planted on the CuPy path fails the samples."""
import dataclasses
import importlib

import numpy as np
import pytest
from gpu import names, stand_in
from test_cupy_ops import OnCuda

import minigrad
from torch_backend.parity import SAMPLES, check
from torch_backend.parity.compare import Mismatch

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


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
    lambda x: x.array.reshape(1)[x.array.reshape(1) > 0],
])
def test_every_way_to_read_is_counted(look):
    with stand_in.installed():
        x = minigrad.ones((), device="cuda")
        before = stand_in.reads[0]
        look(x)
        assert stand_in.reads[0] > before
