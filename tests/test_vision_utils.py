"""Grids of images, and images in files, on both backends."""

import io

import numpy as np
import pytest

import minigrad

pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

import torch_backend  # noqa: E402

B = pytest.fixture(params=[minigrad, torch_backend], ids=["numpy", "torch"])(lambda request: request.param)


def array(image):
    return np.asarray(image)


def refused(error, first_line, function, *arguments, **named):
    with pytest.raises(error) as caught:
        function(*arguments, **named)
    lines = str(caught.value).split("\n")
    assert lines[0].startswith(first_line) and len(lines) > 1 and lines[1]


def test_make_grid(B):
    values = np.random.default_rng(2).random((5, 3, 4, 6))
    grid = B.vision.utils.make_grid(B.from_numpy(values), nrow=3, padding=1, pad_value=0.5).numpy()
    assert grid.shape == (3, 2 * 5 + 1, 3 * 7 + 1)
    expected = np.full(grid.shape, 0.5)
    for index, image in enumerate(values):
        row, column = index // 3, index % 3
        expected[:, 1 + 5 * row : 5 + 5 * row, 1 + 7 * column : 7 + 7 * column] = image
    np.testing.assert_array_equal(grid, expected, strict=True)


def test_make_grid_of_other_forms(B):
    make_grid = B.vision.utils.make_grid
    grey = B.rand(4, 5)
    for form in (grey, grey[None], grey[None, None], [grey[None]]):
        np.testing.assert_array_equal(make_grid(form).numpy(), np.stack([grey.numpy()] * 3))
    assert make_grid([B.rand(3, 4, 5)] * 2).shape == (3, 8, 16)
    assert make_grid(B.rand(20, 1, 4, 4)).shape == (3, 3 * 6 + 2, 8 * 6 + 2)
    assert not make_grid(B.rand(2, 1, 4, 4, requires_grad=True)).requires_grad
    refused(TypeError, "tensor or list of tensors expected, got <class 'int'>", make_grid, 3)
    refused(TypeError, "tensor or list of tensors expected, got <class 'list'>", make_grid, [])
    refused(
        TypeError,
        "value_range has to be a tuple (min, max) if specified. min and max are numbers",
        make_grid,
        grey,
        normalize=True,
        value_range=[0, 1],
    )


@pytest.mark.parametrize("options", [{}, {"scale_each": True}, {"value_range": (-0.5, 1.5)}], ids=str)
def test_make_grid_normalizes(B, options):
    values = np.random.default_rng(3).normal(size=(3, 3, 4, 4))
    tensor = B.from_numpy(values.copy())
    grid = B.vision.utils.make_grid(tensor, padding=0, normalize=True, **options).numpy()
    low, high = options.get("value_range", (values.min(), values.max()))
    if "scale_each" in options:
        low, high = (f(values, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
    expected = (np.clip(values, low, high) - low) / (high - low)
    np.testing.assert_array_equal(grid, np.concatenate(list(expected), axis=2), strict=True)
    np.testing.assert_array_equal(tensor.numpy(), values)


def test_save_image(B, tmp_path):
    values = B.tensor([[0.0, 0.5, 1.0], [-1.0, 2.0, 0.25]])
    expected = np.stack([np.array([[0, 128, 255], [0, 255, 64]], np.uint8)] * 3, axis=2)
    B.vision.utils.save_image(values, tmp_path / "image.png")
    np.testing.assert_array_equal(array(Image.open(tmp_path / "image.png")), expected)
    file = io.BytesIO()
    B.vision.utils.save_image([values[None]] * 4, file, format="bmp", nrow=2, padding=1)
    assert Image.open(file).size == (2 * 4 + 1, 2 * 3 + 1)
