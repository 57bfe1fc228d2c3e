"""Whole programs on both libraries: networks as people write them train to the same numbers; first values,
clipping."""
from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, array, close, same_bits, same_error

import minigrad

torch = pytest.importorskip("torch")


def classifier(B: Any) -> Any:
    """A CNN as in a course's notes (with an image a fourth of the size)."""
    nn = B.nn

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super(Classifier, self).__init__()  # noqa: UP008 - as people write it
            self.cnn = nn.Sequential(
                nn.Conv2d(3, 64, 3, 1, 1),
                nn.BatchNorm2d(64),
                nn.ReLU(),
                nn.MaxPool2d(2, 2, 0),

                nn.Conv2d(64, 128, 3, 1, 1),
                nn.BatchNorm2d(128),
                nn.ReLU(),
                nn.MaxPool2d(2, 2, 0),

                nn.Conv2d(128, 512, 3, 1, 1),
                nn.BatchNorm2d(512),
                nn.ReLU(),
                nn.MaxPool2d(2, 2, 0),
            )
            self.fc = nn.Sequential(
                nn.Linear(512, 1024),
                nn.ReLU(),
                nn.Linear(1024, 32),
                nn.ReLU(),
                nn.Linear(32, 11)
            )

        def forward(self, x: Any) -> Any:
            out = self.cnn(x)
            out = out.view(out.size()[0], -1)
            return self.fc(out)
    return Classifier()


def perceptron(B: Any) -> Any:
    return B.nn.Sequential(B.nn.Linear(28 * 28, 64), B.nn.ReLU(), B.nn.Linear(64, 64), B.nn.ReLU(),
                           B.nn.Linear(64, 10))


def residual(B: Any) -> Any:
    nn = B.nn

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.l1 = nn.Linear(28 * 28, 64)
            self.l2 = nn.Linear(64, 64)
            self.l3 = nn.Linear(64, 10)
            self.do = nn.Dropout(0.1)

        def forward(self, x: Any) -> Any:
            h1 = nn.functional.relu(self.l1(x))
            h2 = nn.functional.relu(self.l2(h1))
            do = self.do(h1 + h2)
            return self.l3(do)
    return ResNet()


def train(B: Any, build: Any, batches: list[Any], lr: float = 0.05) -> tuple[list[float], Any]:
    B.manual_seed(1)
    model, loss = build(B).double(), B.nn.CrossEntropyLoss()
    losses = []
    for x, y in batches:
        J = loss(model(B.from_numpy(x)), B.from_numpy(y))
        model.zero_grad()
        J.backward()
        with B.no_grad():
            for parameter in model.parameters():
                parameter -= lr * parameter.grad
        losses.append(J.item())
    model.eval()
    with B.no_grad():
        losses.append(loss(model(B.from_numpy(x)), B.from_numpy(y)).item())
    return losses, model


@pytest.mark.parametrize(("build", "shape", "classes"), [
    (classifier, (3, 3, 8, 8), 11), (perceptron, (32, 784), 10), (residual, (32, 784), 10)])
def test_training(build: Any, shape: tuple[int, ...], classes: int) -> None:
    random = np.random.default_rng(0)
    batches = [(random.standard_normal(shape), random.integers(0, classes, shape[0])) for _ in range(3)]
    (ours, model), (theirs, reference) = (train(B, build, batches) for B in BACKENDS)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    assert ours[-1] != ours[0]
    assert repr(model) == repr(reference)
    for name, value in reference.state_dict().items():
        close(name, model.state_dict()[name], value, 1e-9)


# First values -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), [
    ("uniform_", {"a": -2.0, "b": 3.0}), ("normal_", {"mean": 1.0, "std": 0.02}), ("constant_", {"val": 0.3}),
    ("ones_", {}),
    ("zeros_", {}), ("eye_", {}), ("xavier_uniform_", {}), ("xavier_uniform_", {"gain": 2.5}),
    ("xavier_normal_", {}),
    ("kaiming_uniform_", {}), ("kaiming_uniform_", {"a": 0.2, "mode": "fan_out"}),
    ("kaiming_normal_", {"nonlinearity": "relu"}),
    ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "tanh"}),
    ("trunc_normal_", {}), ("trunc_normal_", {"std": 0.02}),
    ("trunc_normal_", {"mean": 3.0, "a": -0.5, "b": 0.5}),
])
@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
def test_first_values(name: str, options: dict[str, Any], dtype: str) -> None:
    for shape in ((6, 5), (4, 3, 3, 2), (3, 40)):
        if name == "eye_" and len(shape) > 2:
            continue
        found = []
        for B in BACKENDS:
            B.manual_seed(3)
            tensor = B.zeros(shape, dtype=getattr(B, dtype)).requires_grad_()
            assert getattr(B.nn.init, name)(tensor, **options) is tensor
            assert tensor.is_leaf
            assert tensor.requires_grad
            found.append((tensor, B.rand(2)))
        draws_normal = dtype == "float64" and "normal" in name      # their cosines may differ in the last bit
        for ours, theirs in zip(*found, strict=True):
            close(name, ours, theirs, 1e-15) if draws_normal else same_bits(name, ours, theirs)


def test_generators_draw_alone() -> None:
    found = []
    for B in BACKENDS:
        generator = B.Generator().manual_seed(9)
        found.append(B.nn.init.kaiming_uniform_(B.empty(3, 4), generator=generator))
    same_bits("generator", *found)


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (2, 3, 2, 2)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    found = []
    for B in BACKENDS:
        B.manual_seed(0)
        found.append(B.nn.init.orthogonal_(B.empty(shape, dtype=B.float64), gain=2.0))
    close("orthogonal_", *found)
    matrix = array(found[0]).reshape(shape[0], -1)
    gram = matrix @ matrix.T if shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_gains() -> None:
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert minigrad.nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert minigrad.nn.init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu",
                                                                                              0.3)


@pytest.mark.parametrize("call", [
    lambda init, B: init.eye_(B.ones(3)), lambda init, B: init.xavier_uniform_(B.ones(3)),
    lambda init, B: init.calculate_gain("maxout"),
    lambda init, B: init.kaiming_normal_(B.ones(2, 2), mode="fan_both"),
    lambda init, B: init.calculate_gain("leaky_relu", True),
    lambda init, B: init.orthogonal_(B.ones(3)),
])
def test_first_value_errors(call: Any) -> None:
    same_error(lambda B: call(B.nn.init, B))


def test_nothing_to_fill() -> None:
    for name in ("kaiming_uniform_", "kaiming_normal_"):
        with pytest.warns(UserWarning, match="zero-element"):
            getattr(minigrad.nn.init, name)(minigrad.empty(0, 3))
    for B in BACKENDS:
        with pytest.warns(UserWarning, match="zero-element"):
            assert B.nn.Linear(0, 3).bias.tolist() == [0.0] * 3


# Clipping ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("order", [2.0, 1.0, math.inf, 3])
@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_clipping_by_norm(order: float, limit: float) -> None:
    found = []
    for B in BACKENDS:
        B.manual_seed(0)
        net = B.nn.Sequential(B.nn.Linear(4, 3), B.nn.Linear(3, 2)).double()
        net[1].bias.requires_grad_(False)
        net(B.ones(5, 4, dtype=B.float64)).pow(2).sum().backward()
        norm = B.nn.utils.clip_grad_norm_(net.parameters(), limit, norm_type=order)
        found.append([norm, *(p.grad for p in net.parameters())])
    for ours, theirs in zip(*found, strict=True):
        close("clip_grad_norm_", ours, theirs)


def test_clipping_by_value_and_its_errors() -> None:
    for B in BACKENDS:
        tensor = B.ones(3, requires_grad=True)
        (tensor * B.tensor([5.0, -5.0, 0.1])).sum().backward()
        B.nn.utils.clip_grad_value_(tensor, 1.0)
        assert tensor.grad.tolist() == pytest.approx([1.0, -1.0, 0.1])
        assert B.nn.utils.clip_grad_norm_([], 1.0).item() == 0.0
        with pytest.warns(UserWarning, match="empty generator"):
            B.nn.utils.clip_grad_norm_((p for p in ()), 1.0)

    def overflow(B: Any) -> None:
        tensor = B.ones(1, requires_grad=True)
        (tensor * math.inf).sum().backward()
        B.nn.utils.clip_grad_norm_(tensor, 1.0, error_if_nonfinite=True)
    same_error(overflow)
