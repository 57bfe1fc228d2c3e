"""Memory shared with NumPy and torch, copies and pickles, and programs that call minigrad by torch's name."""
import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

import minigrad

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
SHAPES = [(), (0,), (3,), (2, 3), (2, 0, 4)]


def filled(B, dtype, shape):
    count = int(np.prod(shape, dtype=int))
    return (B.arange(count) % 2).to(getattr(B, dtype)).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_shares_memory_both_ways(dtype, shape):
    ours = filled(minigrad, dtype, shape)
    theirs = filled(torch, dtype, shape)
    pairs = [(ours, torch.from_dlpack(ours)), (theirs, minigrad.from_dlpack(theirs)),
             (ours, minigrad.from_dlpack(ours)), (ours, minigrad.from_dlpack(np.from_dlpack(ours)))]
    for source, target in pairs:
        assert str(target.dtype) == f"torch.{dtype}" and tuple(target.shape) == shape
        assert target.tolist() == source.tolist()
        if source.numel():
            assert target.data_ptr() == source.data_ptr()
            before = source.tolist()
            source.fill_(1 - int(np.ravel(before)[0]))
            assert target.tolist() == source.tolist() != before or len(set(np.ravel(before))) == 1
            target.zero_()
            assert not np.any(source.tolist())


def test_dlpack_keeps_strides():
    ours = minigrad.arange(12.0).view(3, 4)
    for view in (ours.t(), ours[1:, ::2], ours[:, 1], ours.unsqueeze(0)):
        other = torch.from_dlpack(view)
        assert tuple(other.stride()) == tuple(view.stride()) and other.tolist() == view.tolist()
        assert minigrad.from_dlpack(other).stride() == view.stride()
    assert ours.__dlpack_device__() == torch.zeros(1).__dlpack_device__() == (1, 0)


def test_dlpack_copies_when_asked():
    theirs = torch.zeros(3)
    ours = minigrad.from_dlpack(theirs, copy=True)
    ours.fill_(5)
    assert theirs.tolist() == [0, 0, 0]
    assert torch.from_dlpack(ours, copy=True).data_ptr() != ours.data_ptr()


def test_dlpack_refuses_what_needs_a_gradient_and_what_is_no_array():
    with pytest.raises(BufferError, match=r"use tensor\.detach"):
        torch.from_dlpack(minigrad.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match=r"use tensor\.detach"):
        minigrad.from_dlpack(torch.ones(2, requires_grad=True))
    for B in (minigrad, torch):
        with pytest.raises(RuntimeError, match="from_dlpack received an invalid capsule"):
            B.from_dlpack([1, 2])


def test_memory_outlives_its_maker():
    view = torch.from_dlpack(minigrad.arange(1000.0))
    other = minigrad.from_dlpack(torch.arange(1000.0))
    assert view.sum().item() == other.sum().item() == 499500.0


def test_as_an_array():
    x = minigrad.arange(3.0)
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert not np.shares_memory(np.array(x), x.numpy())
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.stack([x, x]).shape == (2, 3) and np.mean(x) == 1.0 and float(np.dot(x, x)) == 5.0
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(minigrad.ones(2, requires_grad=True))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(protocol):
    for dtype in DTYPES:
        matrix = filled(minigrad, dtype, (2, 3))
        for x in (matrix, matrix.t(), filled(minigrad, dtype, ())):
            again = pickle.loads(pickle.dumps(x, protocol))
            assert type(again) is minigrad.Tensor and again.dtype == x.dtype and again.tolist() == x.tolist()
            again.fill_(0)                      # its memory is its own, and can be written
    x = minigrad.ones(2, requires_grad=True)
    again = pickle.loads(pickle.dumps([x, x], protocol))
    assert again[0] is again[1] and again[0].requires_grad and again[0].is_leaf


def test_parameters_and_modules_are_copied_and_pickled():
    model = minigrad.nn.Sequential(minigrad.nn.Linear(3, 2), minigrad.nn.BatchNorm1d(2))
    model(minigrad.randn(4, 3)).sum().backward()
    tied = minigrad.nn.ModuleList([model, model[0]])
    for duplicate in (copy.deepcopy(tied), pickle.loads(pickle.dumps(tied))):
        assert duplicate[0][0] is duplicate[1]
        for (name, p), (again, q) in zip(tied.named_parameters(), duplicate.named_parameters(), strict=True):
            assert name == again and type(q) is type(p) and q is not p and q.requires_grad
            assert q.tolist() == p.tolist() and q.data_ptr() != p.data_ptr()
        assert duplicate[0][1].running_mean.tolist() == model[1].running_mean.tolist()
    assert copy.deepcopy(model)[0].weight.grad is None      # as in torch: a Parameter's copy starts anew


PROGRAM = """
import sys
from minigrad.utils.alias import alias
alias("torch")
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch import Tensor
from torch.autograd import Function
from torch.autograd.functional import jacobian
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset
import minigrad
assert torch is minigrad and Tensor is minigrad.Tensor
assert DataLoader is minigrad.utils.data.DataLoader and nn is minigrad.nn and F is minigrad.nn.functional
assert nn.Linear is minigrad.nn.Linear and nn.__spec__.name == "minigrad.nn" and nn.__name__ == "minigrad.nn"
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = optim.SGD(model.parameters(), lr=0.1)
data = TensorDataset(torch.randn(16, 4), torch.randn(16, 1))
for x, y in DataLoader(data, batch_size=8, shuffle=True):
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
try:
    import torch.no_such_room
except ImportError:
    pass
else:
    raise AssertionError
assert not [name for name in sys.modules if name.startswith("torch.") and
            sys.modules[name] is not sys.modules["minigrad" + name[5:]]]
print(loss.item() > 0)
"""


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_programs_that_say_torch():
    done = run(PROGRAM)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n"


VISION = """
from minigrad.utils.alias import alias
alias("torch"); alias("torchvision", "minigrad.vision")
import torch
import torchvision.transforms as T
from torchvision import datasets, transforms
from torchvision.utils import make_grid
import minigrad
assert T is transforms is minigrad.vision.transforms and datasets is minigrad.vision.datasets
image, label = datasets.Digits(transform=T.ToTensor())[3]
print(type(image) is torch.Tensor, make_grid(image).shape, label)
"""


def test_programs_that_say_torchvision():
    pytest.importorskip("PIL")
    done = run(VISION)
    assert done.stdout == "True torch.Size([3, 8, 8]) 3\n", done.stderr


def test_import_as_torch():
    done = run("import minigrad as torch\nfrom minigrad.utils.data import DataLoader\nimport sys\n"
               "print(torch.nn.Linear(2, 1).weight.shape, torch.utils.data.DataLoader is DataLoader, "
               "'torch' in sys.modules)")
    assert done.stdout == "torch.Size([1, 2]) True False\n", done.stderr


def test_alias_does_not_take_a_name_that_is_in_use():
    from minigrad.utils.alias import alias
    with pytest.raises(ImportError, match="torch is imported already"):
        alias("torch")
    assert sys.modules["torch"] is torch
