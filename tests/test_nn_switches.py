"""What programs set before they compute, ask before they use it, or call by an old name: as torch's."""
from __future__ import annotations

import importlib
import warnings
from typing import Any

import pytest
from nn_pairs import BACKENDS, same_bits, same_error

import minigrad

torch = pytest.importorskip("torch")


def warned(call: Any, B: Any) -> list[Any]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(B)
    return [(w.category, str(w.message), w.filename) for w in caught]


@pytest.fixture(autouse=True)
def restored() -> Any:
    """Both libraries' switches as they were."""
    before = [(B.are_deterministic_algorithms_enabled(), B.get_float32_matmul_precision()) for B in BACKENDS]
    yield
    for B, (deterministic, precision) in zip(BACKENDS, before, strict=True):
        B.use_deterministic_algorithms(deterministic)
        B.set_float32_matmul_precision(precision)


def test_determinism_and_precision() -> None:
    for B in BACKENDS:
        assert not B.are_deterministic_algorithms_enabled()
        B.use_deterministic_algorithms(True, warn_only=True)
        assert B.are_deterministic_algorithms_enabled()
        assert B.is_deterministic_algorithms_warn_only_enabled()
        assert B.get_float32_matmul_precision() == "highest"
        B.set_float32_matmul_precision("medium")
        assert B.get_float32_matmul_precision() == "medium"
    same_error(lambda B: B.use_deterministic_algorithms("yes"))
    with pytest.warns(UserWarning, match="low is not one of 'highest', 'high', or 'medium'"):
        minigrad.set_float32_matmul_precision("low")
    assert minigrad.get_float32_matmul_precision() == "medium"


def test_backends() -> None:
    for B in BACKENDS:
        cudnn = importlib.import_module(f"{B.__name__}.backends.cudnn")
        before = cudnn.benchmark, cudnn.deterministic, cudnn.enabled
        assert before == (False, False, True)
        B.backends.cudnn.benchmark = cudnn.deterministic = True
        assert cudnn.benchmark and B.backends.cudnn.deterministic
        cudnn.benchmark, cudnn.deterministic, cudnn.enabled = before
        B.backends.cuda.matmul.allow_tf32 = True
        assert B.backends.cuda.matmul.allow_tf32
        B.backends.cuda.matmul.allow_tf32 = False
        assert B.backends.mps.is_available() is B.backends.mps.is_built() is False
        if not torch.cuda.is_available():
            assert not cudnn.is_available() and cudnn.version() is None and not B.backends.cuda.is_built()
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        minigrad.backends.nonsense


def test_the_default_device() -> None:
    for B in BACKENDS:
        B.set_default_device("cpu")
        assert str(B.get_default_device()) == "cpu"


def test_compiling() -> None:
    """Only where torch gives back what it got, too."""
    for B in BACKENDS:
        model = B.nn.Linear(2, 2)
        assert B.compile(model, disable=True) is model
    model = minigrad.nn.Linear(2, 2)
    assert minigrad.compile(model, backend="eager") is model
    assert minigrad.compile(backend="eager")(model) is model
    with pytest.raises(NotImplementedError, match=r"backend='inductor' is not supported\."):
        minigrad.compile(model)


def test_training_in_several_processes() -> None:
    from minigrad import distributed
    assert not minigrad.distributed.is_available()
    with pytest.raises(NotImplementedError, match=r"torch\.distributed\.all_reduce is not supported\.\nAsk"):
        distributed.all_reduce


def test_old_names() -> None:
    filled = []
    for B in BACKENDS:
        B.manual_seed(0)
        tensor = B.empty(3, 4)
        for name in ("uniform", "normal", "eye", "xavier_normal", "kaiming_uniform", "kaiming_normal",
                     "xavier_uniform"):
            with pytest.warns(FutureWarning):
                assert getattr(B.nn.init, name)(tensor) is tensor
        filled.append(tensor)
        with pytest.warns(FutureWarning):
            assert B.nn.init.constant(tensor.clone(), 3.0).sum() == 36

        class Halving(B.optim.lr_scheduler._LRScheduler):
            def get_lr(self) -> list[float]:
                return [base / 2 ** self.last_epoch for base in self.base_lrs]

        optimizer = B.optim.SGD([B.ones(1, requires_grad=True)], lr=1.0)
        scheduler = Halving(optimizer)
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == [0.5]
    same_bits("old names", *filled)
    for call in (lambda B: B.nn.init.xavier_uniform(B.ones(2, 2)),
                 lambda B: B.nn.utils.clip_grad_norm([B.ones(1, requires_grad=True)], 1.0)):
        assert warned(call, minigrad) == warned(call, torch)
