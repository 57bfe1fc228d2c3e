"""torch_backend: torch's own objects under minigrad's names, the bridges, and the table of differences."""

import importlib
import inspect
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

import minigrad
import torch_backend
from torch_backend import signatures
from torch_backend.differences import NAMES, SIGNATURES

ROOT = Path(__file__).parent.parent
SUBMODULES = ["nn", "nn.functional", "nn.init", "optim", "optim.lr_scheduler", "utils.data", "autograd"]
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "bfloat16"]


@pytest.mark.parametrize("path", SUBMODULES)
def test_submodules_are_torchs_own(path):
    original = importlib.import_module(f"torch.{path}")
    spec = original.__spec__
    assert importlib.import_module(f"torch_backend.{path}") is original
    assert original.__spec__ is spec and original.__name__ == f"torch.{path}"


def test_every_way_to_import():
    import torch_backend.nn.utils.rnn as rnn
    import torch_backend.utils.data
    from torch_backend import nn
    from torch_backend.nn import functional as F
    from torch_backend.utils.data import DataLoader

    assert nn is torch.nn and F is torch.nn.functional and rnn is torch.nn.utils.rnn
    assert DataLoader is torch.utils.data.DataLoader is torch_backend.utils.data.DataLoader


def test_names_that_torch_lacks():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense', nor has torch"):
        torch_backend.nonsense
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("torch_backend.nonsense")
    assert {"nn", "save", "from_minigrad"} <= set(dir(torch_backend))


def public_names(module):
    """Without the rooms inside (`minigrad.ops`), which torch has not and users do not import."""
    names = [name for name in dir(module) if not name.startswith("_")]
    return [n for n in names if hasattr(torch, n) or not isinstance(getattr(module, n), types.ModuleType)]


def test_every_public_name_is_torchs_own_unless_the_table_says_why():
    """Holds the table to the truth in both directions: no silent difference, no stale row."""
    differing = {"backend_name"}
    for name in public_names(minigrad):
        if not hasattr(torch, name) or getattr(torch_backend, name) is not getattr(torch, name):
            differing.add(name)
    assert differing == set(NAMES)
    assert all(why and "\n" not in why for why in NAMES.values())
    print(f"{len(public_names(minigrad))} public names, {len(NAMES)} explained differences")


def test_every_signature_is_torchs_unless_the_table_says_why():
    unexplained, used, names = [], set(), set()
    for name, difference in signatures.differences(minigrad):
        shared = f"{name.rpartition('.')[0]}.*: {difference}"
        row = name if name in SIGNATURES else shared
        used.add(row)
        names.add(name)
        if row not in SIGNATURES:
            unexplained.append(f"{name}: {difference}")
    assert not unexplained, "\n".join(unexplained)
    assert used == set(SIGNATURES)
    total = sum(len(signatures.public_names(signatures.at(minigrad, room))) for room in signatures.ROOMS)
    print(f"{total} public names, {len(names)} with a signature of their own, {len(SIGNATURES)} explanations")


@pytest.mark.parametrize("ours, theirs, found", [
    ("(x, dim=0)", ["(x, dim=0)"], []),
    ("(x, dim=0)", ["(x, dim=1)"], ["dim = 0, in torch = 1"]),
    ("(x, dim)", ["(x, dim=1)"], ["dim required, in torch = 1"]),
    ("(x, dim=None)", ["(x)", "(x, dim)"], []),
    ("(x)", ["(x, dim=1)"], ["lacks dim"]),
    ("(x, axis=1)", ["(x, dim=1)"], ["lacks dim", "adds axis", "order (x, axis), in torch (x, dim)"]),
    ("(y, x)", ["(x, y)"], ["order (y, x), in torch (x, y)"]),
    ("(x, *sizes)", ["(x, sizes)"], []),
    ("(x, *, out=None)", ["(x, out=None)"], []),
])  # fmt: skip
def test_the_comparison_of_signatures(ours, theirs, found):
    def signature(text):
        return inspect.signature(eval(f"lambda {text[1:-1]}: 0"))

    assert signatures.compare(signature(ours), [signature(text) for text in theirs]) == found


def test_stubs_are_read():
    assert len(signatures.torch_signatures("", "sum", torch.sum)) >= 2
    [add] = signatures.torch_signatures("Tensor", "add_", torch.Tensor.add_)
    assert str(add) == "(other, *, alpha=1)"


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_tensors_cross_both_ways(name, shape):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0)).mul(3).to(getattr(torch, name))
    there = torch_backend.to_minigrad(values)
    assert isinstance(there, minigrad.Tensor)
    assert there.dtype is getattr(minigrad, name) and there.shape == shape
    back = torch_backend.from_minigrad(there)
    assert back.dtype == values.dtype and torch.equal(back, values)


def test_crossing_copies_and_keeps_requires_grad():
    for requires_grad in (False, True):
        original = torch.ones(2, 3, requires_grad=requires_grad).t()
        there = torch_backend.to_minigrad(original)
        assert there.requires_grad is requires_grad and there.is_leaf
        back = torch_backend.from_minigrad(there)
        assert back.requires_grad is requires_grad and back.is_leaf
        with torch.no_grad():
            back.zero_()
        assert (there.detach().numpy() == 1).all() and (original == 1).all()


def test_what_is_no_tensor():
    with pytest.raises(TypeError, match=r"expected a tensor of minigrad, got torch\.Tensor"):
        torch_backend.from_minigrad(torch.ones(1))
    with pytest.raises(TypeError, match=r"expected a tensor of torch, got numpy\.ndarray"):
        torch_backend.to_minigrad(np.ones(1))


def network(B):
    nn = B.nn
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).to(B.float64)


@pytest.mark.parametrize("source", [minigrad, torch_backend])
@pytest.mark.parametrize("target", [minigrad, torch_backend])
def test_weights_are_copied_between_any_two(source, target):
    source.manual_seed(1)
    first, second = network(source), network(target)
    first(source.randn(5, 3, dtype=source.float64))  # moves the running statistics
    torch_backend.copy_module_weights(first, second)
    for ours, theirs in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), strict=True)
    with pytest.raises(RuntimeError, match="Error"):
        torch_backend.copy_module_weights(first, target.nn.Linear(3, 4))


@pytest.mark.parametrize("source, target, convert", [
    (minigrad, torch_backend, torch_backend.state_dict_from_minigrad),
    (torch_backend, minigrad, torch_backend.state_dict_to_minigrad),
])  # fmt: skip
def test_optimizers_cross(source, target, convert):
    """A step taken here and a step taken there, after the state has crossed, are the same step."""
    source.manual_seed(2)
    model = network(source)
    optimizer = source.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    copy = network(target)
    copy_optimizer = target.optim.SGD(copy.parameters(), lr=1.0)

    def step(B, model, optimizer):
        x = B.from_numpy(np.linspace(-1, 1, 15).reshape(5, 3))
        optimizer.zero_grad()
        (model(x) ** 2).sum().backward()
        optimizer.step()

    step(source, model, optimizer)
    copy.load_state_dict(convert(model.state_dict()))
    copy_optimizer.load_state_dict(convert(optimizer.state_dict()))
    step(source, model, optimizer)
    step(target, copy, copy_optimizer)
    for ours, theirs in zip(model.state_dict().values(), copy.state_dict().values(), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-13, atol=1e-15)


def test_state_dicts_keep_their_containers():
    state_dict = network(torch).state_dict()
    there = torch_backend.state_dict_to_minigrad(state_dict)
    assert type(there) is type(state_dict) and there._metadata == state_dict._metadata
    nested = {"list": [torch.ones(1), (torch.zeros(2), "text")], 3: None}
    back = torch_backend.state_dict_from_minigrad(torch_backend.state_dict_to_minigrad(nested))
    assert repr(back) == repr(nested)


def test_without_torch_the_error_says_what_to_install():
    program = "import sys; sys.modules['torch'] = None; import torch_backend"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert 'ImportError: torch_backend needs PyTorch\npip install "minigrad[torch]"' in run.stderr
