"""Images read between their pixels, held against torch's."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, close, same_error

import minigrad

torch = pytest.importorskip("torch")
RANDOM = np.random.default_rng(0)
IMAGES, PLACES = RANDOM.standard_normal((2, 3, 5, 4)), RANDOM.uniform(-1.7, 1.7, (2, 3, 6, 2))
MATRICES = RANDOM.uniform(-1, 1, (2, 2, 3))
COTANGENT = RANDOM.uniform(0.5, 1.5, (2, 3, 3, 6))
each = pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
aligned = pytest.mark.parametrize("align", [True, False])


@each
@aligned
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_reading(mode: str, padding: str, align: bool, dtype: str) -> None:
    found = []
    for B in BACKENDS:
        images, places = (B.from_numpy(a).to(getattr(B, dtype)).requires_grad_() for a in (IMAGES, PLACES))
        out = B.nn.functional.grid_sample(images, places, mode, padding, align)
        cotangent = B.from_numpy(COTANGENT).to(out.dtype)
        gradients = B.autograd.grad(out, [images, places], cotangent, allow_unused=True)
        found.append([out, gradients[0], B.zeros_like(places) if gradients[1] is None else gradients[1]])
    for name, ours, theirs in zip(("result", "image gradient", "place gradient"), *found, strict=True):
        close(name, ours.detach(), theirs.detach(), 1e-12 if dtype == "float64" else 1e-5)


@each
def test_second_gradients(padding: str) -> None:
    """torch has none here: by differences."""
    images, places = (minigrad.tensor(a, requires_grad=True) for a in (IMAGES[:1, :1], PLACES[:1, :1]))
    assert minigrad.autograd.gradgradcheck(
        lambda a, b: minigrad.nn.functional.grid_sample(a, b, "bilinear", padding, False), (images, places))


@aligned
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 1, 1, 3)])
@pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid")
def test_affine_places(size: tuple[int, ...], align: bool) -> None:
    found = []
    for B in BACKENDS:
        theta = B.tensor(MATRICES, requires_grad=True)
        out = B.nn.functional.affine_grid(theta, size, align_corners=align)
        out.pow(2).sum().backward()
        found.append([out, theta.grad])
    for ours, theirs in zip(*found, strict=True):
        close("affine_grid", ours.detach(), theirs.detach())


def test_a_spatial_transformer() -> None:
    """As in torch's tutorial: a network says how to turn the image, and learns it."""
    found = []
    for B in BACKENDS:
        nn = B.nn

        class Net(nn.Module):
            def __init__(self, nn: Any = nn) -> None:
                super().__init__()
                self.localization = nn.Sequential(
                    nn.Conv2d(1, 4, kernel_size=3), nn.MaxPool2d(2), nn.ReLU(True))
                self.fc_loc = nn.Sequential(nn.Linear(4 * 3 * 3, 8), nn.ReLU(True), nn.Linear(8, 6))
                self.fc_loc[2].weight.data.zero_()
                self.fc_loc[2].bias.data.fill_(0)[::4] = 1

            def forward(self, x: Any, F: Any = nn.functional) -> Any:
                theta = self.fc_loc(self.localization(x).view(-1, 36)).view(-1, 2, 3)
                return F.grid_sample(x, F.affine_grid(theta, x.size()))

        B.manual_seed(0)
        net, losses = Net().double(), []
        optimizer = B.optim.SGD(net.parameters(), lr=0.05)
        x = B.rand(4, 1, 8, 8, dtype=B.float64)
        for _ in range(20):
            optimizer.zero_grad()
            with pytest.warns(UserWarning, match="Default grid_sample and affine_grid behavior"):
                loss = (net(x) - x.flip(-1)).pow(2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        found.append(losses)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)
    assert found[0][-1] < found[0][0]


ERRORS: dict[str, Any] = {
    "mode": lambda B, F: F.grid_sample(B.ones(1, 2, 3, 3), B.ones(1, 3, 3, 2), mode="x"),
    "padding": lambda B, F: F.grid_sample(B.ones(1, 2, 3, 3), B.ones(1, 3, 3, 2), padding_mode="x"),
    "batch": lambda B, F: F.grid_sample(B.ones(1, 2, 3, 3), B.ones(2, 3, 3, 2)),
    "two numbers": lambda B, F: F.grid_sample(B.ones(1, 2, 3, 3), B.ones(1, 3, 3, 3)),
    "dtypes": lambda B, F: F.grid_sample(B.ones(1, 2, 3, 3), B.ones(1, 3, 3, 2).double()),
    "nothing": lambda B, F: F.grid_sample(B.ones(1, 2, 0, 3), B.ones(1, 3, 3, 2)),
    "no tensor": lambda B, F: F.grid_sample(3, B.ones(1, 3, 3, 2)),
    "integers": lambda B, F: F.affine_grid(B.ones(1, 2, 3).long(), (1, 1, 2, 2)),
    "one matrix": lambda B, F: F.affine_grid(B.ones(2, 3), (1, 1, 2, 2)),
    "matrices": lambda B, F: F.affine_grid(B.ones(1, 2, 3), (2, 1, 2, 2)),
    "no pixels": lambda B, F: F.affine_grid(B.ones(1, 2, 3), (1, 1, 0, 2)),
}


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.filterwarnings("ignore:Default grid_sample")
def test_errors(case: str) -> None:
    same_error(lambda B: ERRORS[case](B, B.nn.functional))


@pytest.mark.filterwarnings("ignore:Default grid_sample")
def test_what_is_not_supported() -> None:
    F = minigrad.nn.functional
    with pytest.raises(NotImplementedError, match="bicubic"):
        F.grid_sample(minigrad.ones(1, 2, 3, 3), minigrad.ones(1, 3, 3, 2), "bicubic")
    with pytest.raises(NotImplementedError, match="Here 4D sizes alone"):
        F.affine_grid(minigrad.ones(1, 3, 4), (1, 1, 2, 2, 2))
