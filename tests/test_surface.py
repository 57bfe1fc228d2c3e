"""The names that programs use: each exists, is called, and gives torch's numbers, gradients and second
gradients.

tests/surface/counted.md counts what 237 public programs touch; every name that two or more of them do is
tried here, and every name of tests/surface/required.txt. tests/surface/calls.txt says how.
"""
from __future__ import annotations

import importlib
import io
import itertools
import math
import re
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
ROOM = Path(__file__).parent / "surface"

# Names that are refused on purpose, and why. None of them is counted in two programs.
REFUSED: dict[str, str] = {
    "torch.compile": "NumPy runs a model as it is; with backend=\"eager\" it is given back",
    "torch.distributed.init_process_group": "a model trains in one process; is_available() says so",
    "torch.nn.parallel.DistributedDataParallel": "as torch.distributed",
    "torch.complex64": "tensors are real; complex128 and the others too",
}


def counted() -> dict[str, int]:
    """name -> number of programs."""
    found = re.findall(r"^\| (\d+) \| `(.+?)` \|.*\|.*\|.*\|", (ROOM / "counted.md").read_text(), re.M)
    return {name: int(programs) for programs, name in found}


def listed() -> list[str]:
    lines = [line for line in (ROOM / "required.txt").read_text().splitlines() if not line.startswith("#")]
    return [f"Tensor{name}" if name.startswith(".") else f"torch.{name}" for name in " ".join(lines).split()]


CALLS = dict(line.split(" | ", 1) for line in (ROOM / "calls.txt").read_text().splitlines()
             if line and not line.startswith("#"))


def test_every_name_is_tried() -> None:
    wanted = {name for name, programs in counted().items() if programs >= 2} | {*listed()}
    assert len(counted()) == 408 and len(listed()) > 240
    assert wanted - CALLS.keys() == set()
    for name, call in CALLS.items():            # and by a call that says its name
        if name.startswith("torch.") and name != "torch.autograd.Function":
            last = name.rpartition(".")[2]
            assert re.search(rf"(torch|F|nn)[\w.]*\.{last}\b", call), name


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_so(name: str) -> None:
    assert counted().get(name, 0) < 2 and name not in listed()
    target: Any = torch
    for part in name.split(".")[1:]:
        target = getattr(target, part)          # torch has it
    with pytest.raises(NotImplementedError, match=r"is not supported\.\n\w"):
        target = minigrad
        for part in name.split(".")[1:]:
            target = getattr(target, part)
        target(minigrad.nn.Linear(1, 1))


# Running one call on one library ----------------------------------------------------------------------------

def values(B: Any) -> dict[str, Any]:
    """What the calls' letters stand for, the same numbers in both libraries."""
    random = np.random.default_rng(0)

    def leaf(*shape: int, low: float = 0.2, high: float = 0.9) -> Any:
        return B.from_numpy(random.uniform(low, high, shape)).requires_grad_()

    def net() -> Any:
        B.manual_seed(1)
        return B.nn.Sequential(B.nn.Linear(4, 3), B.nn.Tanh(), B.nn.Linear(3, 2))

    found = {
        "x": leaf(3, 4), "y": leaf(3, 4), "u": leaf(3, 4, low=-2, high=2), "v": leaf(4), "w": leaf(4),
        "m": leaf(3, 3), "q": leaf(3, 3), "bm": leaf(2, 3, 4), "bn": leaf(2, 4, 5),
        "img": leaf(2, 4, 6, 6, low=-1), "sig": leaf(2, 4, 8, low=-1),
        "i": B.from_numpy(random.integers(0, 3, (3, 4))), "n": B.from_numpy(random.integers(1, 9, (3, 4))),
        "b": B.from_numpy(random.uniform(size=(3, 4)) < 0.5), "l": B.tensor([3, 0, 2]),
        "k": B.tensor([0, 2, 1]),
        "torch": B, "nn": B.nn, "F": B.nn.functional, "numpy": np, "io": io, "importlib": importlib,
        "nan": math.nan, "inf": math.inf, "net": net,
    }
    x = found["x"]

    def graded() -> Any:
        made = net()
        made(x.detach()).pow(2).sum().backward()
        return made

    def learned(make: Any) -> Any:
        """The losses of five steps, and the parameters then."""
        made = net()
        optimizer, losses = make(list(made.parameters())), []

        def closure() -> Any:
            optimizer.zero_grad()
            loss = made(x.detach()).pow(2).sum()
            loss.backward()
            return loss

        for _ in range(5):
            losses.append(float(optimizer.step(closure)))
        return losses, made.state_dict()

    def rates(make: Any, *given: Any) -> list[float]:
        """Ten epochs' rates."""
        optimizer = B.optim.SGD([B.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)
        scheduler, seen = make(optimizer), []
        for _ in range(10):
            optimizer.step()
            scheduler.step(*given)
            seen.append(optimizer.param_groups[0]["lr"])
        return seen

    class Square(B.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * ctx.saved_tensors[0] * g

    def spd() -> Any:
        return found["m"] @ found["m"].T + 3 * B.eye(3)

    return found | {"graded": graded, "learned": learned, "rates": rates, "square": Square.apply, "spd": spd}


def run(B: Any, call: str) -> SimpleNamespace:
    """The result of a call, flat, with its first and second gradients for random cotangents."""
    B.set_default_dtype(B.float64)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            room = values(B)
            B.manual_seed(3)
            *statements, last = call.split(" ; ")
            for statement in statements:
                exec(statement, room)
            result = flat(B, eval(last, room))
            leaves = [value for value in room.values() if isinstance(value, B.Tensor) and value.is_leaf and
                      value.requires_grad]
            first, second = gradients(B, [part for part in result if isinstance(part, B.Tensor)], leaves)
    finally:
        B.set_default_dtype(B.float32)
    return SimpleNamespace(result=result, first=first, second=second)


def flat(B: Any, value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [part for key, inner in value.items() for part in [key, *flat(B, inner)]]
    if isinstance(value, (tuple, list)):
        return [part for inner in value for part in flat(B, inner)]
    return [value]


def gradients(B: Any, parts: list[Any], leaves: list[Any]) -> tuple[list[Any], list[Any] | None]:
    """For random cotangents; None where torch has no second derivative."""
    def weighted(tensors: list[Any]) -> Any:
        total = B.zeros(())
        for place, tensor in enumerate(tensors):
            if tensor is not None and tensor.requires_grad and tensor.dtype is B.float64:
                cotangent = np.random.default_rng(place).uniform(0.5, 1.5, tuple(tensor.shape))
                total = total + (tensor * B.from_numpy(np.asarray(cotangent))).sum()
        return total

    total = weighted(parts)
    if not total.requires_grad:
        return [], []
    first = list(B.autograd.grad(total, leaves, create_graph=True, allow_unused=True))
    again = weighted(first)
    try:
        return first, list(B.autograd.grad(again, leaves, allow_unused=True)) if again.requires_grad else []
    except RuntimeError as error:
        if B is minigrad or "not implemented" not in str(error):
            raise
        return first, None


def same(what: str, ours: list[Any], theirs: list[Any], tolerance: float) -> None:
    assert len(ours) == len(theirs), what
    for a, b in zip(ours, theirs, strict=True):
        if not isinstance(b, torch.Tensor):
            assert str(a) == str(b) or a == pytest.approx(b, rel=tolerance), what
            continue
        assert isinstance(a, minigrad.Tensor), what
        kinds = [(str(t.dtype), tuple(t.shape), t.requires_grad) for t in (a, b)]
        assert kinds[0] == kinds[1], what
        a, b = a.detach().numpy(), b.detach().numpy(force=True)
        if b.dtype.kind == "f":
            scale = np.abs(b[np.isfinite(b)]).max(initial=1e-3)
            close = max(tolerance, 8 * np.finfo(b.dtype).eps) * scale
            np.testing.assert_allclose(a, b, rtol=0, atol=close, err_msg=what)
        else:
            np.testing.assert_array_equal(a, b, err_msg=what)


def same_gradients(what: str, ours: list[Any], theirs: list[Any], tolerance: float) -> None:
    """None stands for zeros, which one library computes in some places and the other does not."""
    for pair in itertools.zip_longest(ours, theirs):
        a, b = (np.zeros(1) if g is None else g.detach().numpy(force=True) for g in pair)
        scale = np.abs(b[np.isfinite(b)]).max(initial=1e-3)
        np.testing.assert_allclose(*np.broadcast_arrays(a, b), rtol=0, atol=tolerance * scale, err_msg=what)


@pytest.mark.parametrize("name", CALLS)
def test_name(name: str) -> None:
    theirs, ours = run(torch, CALLS[name]), run(minigrad, CALLS[name])
    same(name, ours.result, theirs.result, 1e-12)
    same_gradients(f"{name}, gradient", ours.first, theirs.first, 1e-10)
    if theirs.second is not None:
        same_gradients(f"{name}, second gradient", ours.second, theirs.second, 1e-8)
