"""Transforms of images: what torchvision's documentation says, by other means, on both backends; and the same
draws from the same seed."""

import pickle
import random

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

import torch_backend  # noqa: E402


@pytest.fixture(params=[minigrad, torch_backend], ids=["numpy", "torch"])
def B(request):
    states = minigrad.get_rng_state(), torch.get_rng_state()
    yield request.param
    minigrad.set_rng_state(states[0])
    torch.set_rng_state(states[1])


def pixels(height=12, width=17, channels=3, seed=0):
    shape = (height, width) + (channels,) * (channels > 1)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def array(image):
    return np.asarray(image)


def refused(error, first_line, function, *arguments, **named):
    with pytest.raises(error) as caught:
        function(*arguments, **named)
    lines = str(caught.value).split("\n")
    assert lines[0].startswith(first_line) and len(lines) > 1 and lines[1]


# ---- The same classes on both ----------------------------------------------------------------------------

ROOMS = ["transforms", "datasets", "utils"]


@pytest.mark.parametrize("room", ROOMS)
def test_both_backends_run_the_same_file(room):
    ours, theirs = getattr(minigrad.vision, room), getattr(torch_backend.vision, room)
    assert ours.__file__ == theirs.__file__ and ours is not theirs and ours.__all__ == theirs.__all__
    assert ours.torch is minigrad and theirs.torch is torch_backend
    assert room in dir(minigrad.vision)
    with pytest.raises(AttributeError, match="no attribute 'models'"):
        minigrad.vision.models


def test_transforms_are_modules_and_cross_to_other_processes(B):
    T = B.vision.transforms
    crop = pickle.loads(pickle.dumps(T.Compose([T.RandomCrop(4), T.ToTensor()])))
    assert isinstance(crop.transforms[0], B.nn.Module) and type(crop.transforms[1]) is T.ToTensor
    assert crop(Image.fromarray(pixels())).shape == (3, 4, 4)


# ---- ToTensor, Normalize, Lambda, Compose ----------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_to_tensor_of_bytes(B, channels):
    values = pixels(channels=channels)
    expected = values.reshape(*values.shape[:2], -1).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    for source in (values, Image.fromarray(values)):
        tensor = B.vision.transforms.ToTensor()(source)
        assert isinstance(tensor, B.Tensor) and tensor.dtype == B.float32 and tensor.is_contiguous()
        np.testing.assert_array_equal(tensor.numpy(), expected, strict=True)


def test_to_tensor_takes_the_default_dtype(B):
    previous = B.get_default_dtype()
    try:
        B.set_default_dtype(B.float64)
        tensor = B.vision.transforms.ToTensor()(pixels())
    finally:
        B.set_default_dtype(previous)
    np.testing.assert_array_equal(tensor.numpy(), pixels().transpose(2, 0, 1) / 255.0, strict=True)


def test_to_tensor_of_other_modes(B):
    to_tensor = B.vision.transforms.ToTensor()
    grey = pixels(channels=1)
    for mode, dtype in {"I": np.int32, "F": np.float32, "I;16": np.int16}.items():
        image = Image.fromarray(grey.astype(np.uint16 if mode == "I;16" else dtype))
        assert image.mode == mode
        np.testing.assert_array_equal(to_tensor(image).numpy(), grey.astype(dtype)[None], strict=True)
    bits = Image.fromarray(grey).convert("1")
    np.testing.assert_array_equal(to_tensor(bits).numpy(), array(bits)[None].astype(np.float32), strict=True)
    np.testing.assert_array_equal(
        to_tensor(grey.astype(np.float64)).numpy(), grey[None].astype(float), strict=True
    )


def test_to_tensor_does_not_share_memory(B):
    values = pixels().astype(np.float32)
    B.vision.transforms.ToTensor()(values)[:] = 0
    assert values.any()


def test_to_tensor_refuses(B):
    to_tensor = B.vision.transforms.ToTensor()
    refused(TypeError, "pic should be PIL Image or ndarray. Got <class 'list'>", to_tensor, [1])
    refused(TypeError, "pic should be PIL Image or ndarray. Got <class '", to_tensor, B.zeros(2))
    refused(ValueError, "pic should be 2/3 dimensional. Got 4 dimensions.", to_tensor, np.zeros((1, 1, 1, 1)))


def test_normalize(B):
    values = np.random.default_rng(1).random((3, 4, 5))
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.25, 2.0]
    expected = (values - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    tensor = B.from_numpy(values.copy())
    np.testing.assert_array_equal(
        B.vision.transforms.Normalize(mean, std)(tensor).numpy(), expected, strict=True
    )
    np.testing.assert_array_equal(tensor.numpy(), values)
    batch = B.stack([tensor, tensor])
    np.testing.assert_array_equal(B.vision.transforms.Normalize(mean, std)(batch).numpy()[1], expected)
    assert B.vision.transforms.Normalize(mean, std, inplace=True)(tensor) is tensor
    np.testing.assert_array_equal(tensor.numpy(), expected)


def test_normalize_refuses(B):
    normalize = B.vision.transforms.Normalize((0.5,), (0.5,))
    refused(
        TypeError,
        "img should be Tensor Image. Got <class 'PIL.Image.Image'>",
        normalize,
        Image.new("L", (2, 2)),
    )
    refused(
        TypeError,
        "Input tensor should be a float tensor. Got torch.uint8.",
        normalize,
        B.zeros(1, 2, 2, dtype=B.uint8),
    )
    refused(
        ValueError,
        "Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = torch.Size([2, 2])",
        normalize,
        B.zeros(2, 2),
    )
    refused(
        ValueError,
        "std evaluated to zero after conversion to torch.float32, leading to division by zero.",
        B.vision.transforms.Normalize((0.5,), (0.0,)),
        B.zeros(1, 2, 2),
    )


def test_lambda_and_compose(B):
    T = B.vision.transforms
    add = T.Lambda(lambda x: x + 1)
    assert T.Compose([add, add, lambda x: 10 * x])(1) == 30
    refused(TypeError, "Argument lambd should be callable, got 'int'", T.Lambda, 3)


# ---- Resize, crops ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size, expected", [
    ((5, 7), (5, 7)), ([5, 7], (5, 7)), (6, (6, 8)), ([6], (6, 8)), (24, (24, 34)),
])  # fmt: skip
def test_resize(B, size, expected):
    image = Image.fromarray(pixels())  # 12 × 17: the shorter side is the height
    height, width = expected
    for transposed in (False, True):
        if transposed:
            image = image.transpose(Image.Transpose.TRANSPOSE)
            height, width = expected if np.size(size) == 2 else expected[::-1]
        result = B.vision.transforms.Resize(size)(image)
        assert (result.height, result.width) == (height, width)
        np.testing.assert_array_equal(array(result), array(image.resize((width, height), Image.BILINEAR)))


def test_resize_with_a_limit(B):
    T = B.vision.transforms
    assert T.Resize(10, max_size=13)(Image.fromarray(pixels())).size == (13, 9)  # 14 were too many
    assert T.Resize(10, max_size=14)(Image.fromarray(pixels())).size == (14, 10)
    image = Image.fromarray(pixels())
    assert T.Resize((12, 17))(image) is image


@pytest.mark.parametrize("mode", "nearest nearest-exact bilinear bicubic box hamming lanczos".split())
def test_resize_interpolations(B, mode):
    T = B.vision.transforms
    image, kind = Image.fromarray(pixels()), mode.removesuffix("-exact").upper()
    expected = array(image.resize((9, 8), Image.Resampling[kind]))
    np.testing.assert_array_equal(array(T.Resize((8, 9), T.InterpolationMode(mode))(image)), expected)
    if "-" not in mode:
        by_number = T.Resize((8, 9), Image.Resampling[kind])
        assert by_number.interpolation is T.InterpolationMode(mode)


def test_resize_refuses(B):
    Resize = B.vision.transforms.Resize
    refused(TypeError, "Size should be int or sequence. Got <class 'float'>", Resize, 1.5)
    refused(ValueError, "If size is a sequence, it should have 1 or 2 values", Resize, (1, 2, 3))
    refused(
        ValueError,
        "max_size should only be passed if size specifies the length of the smaller edge, i.e. size "
        "should be an int or a sequence of length 1 in torchscript mode.",
        Resize,
        (1, 2),
        max_size=9,
    )
    refused(
        ValueError,
        "max_size = 4 must be strictly greater than the requested size for the smaller edge size = 4",
        Resize,
        4,
        max_size=4,
    )
    refused(TypeError, "Argument interpolation should be a InterpolationMode", Resize, 4, "bilinear")
    refused(NotImplementedError, "Resize of tensors", Resize(4), B.zeros(1, 8, 8))
    refused(TypeError, "img should be PIL Image. Got <class 'numpy.ndarray'>", Resize(4), pixels())


@pytest.mark.parametrize("size, rows, columns", [
    ((4, 5), slice(4, 8), slice(6, 11)), (3, slice(4, 7), slice(7, 10)), ([6], slice(3, 9), slice(6, 12)),
])  # fmt: skip
def test_center_crop(B, size, rows, columns):
    """Halves are rounded to even, as Python rounds them: (12 - 3) / 2 = 4.5 is 4, (17 - 6) / 2 = 5.5 is 6."""
    crop, values = B.vision.transforms.CenterCrop(size), pixels()
    np.testing.assert_array_equal(array(crop(Image.fromarray(values))), values[rows, columns])
    tensor = B.from_numpy(values.transpose(2, 0, 1).copy())
    np.testing.assert_array_equal(crop(tensor).numpy(), values[rows, columns].transpose(2, 0, 1))


@pytest.mark.parametrize("height, width", [(13, 17), (15, 10), (12, 20), (30, 31)])
def test_center_crop_of_less(B, height, width):
    values = pixels()
    more = [
        (0, 0) if new <= old else ((new - old) // 2, (new - old + 1) // 2)
        for old, new in zip(values.shape, (height, width), strict=False)
    ]
    padded = np.pad(values, [*more, (0, 0)])
    top, left = round((padded.shape[0] - height) / 2), round((padded.shape[1] - width) / 2)
    expected = padded[top : top + height, left : left + width]
    crop = B.vision.transforms.CenterCrop((height, width))
    np.testing.assert_array_equal(array(crop(Image.fromarray(values))), expected)
    tensor = B.from_numpy(values.transpose(2, 0, 1).copy())
    np.testing.assert_array_equal(crop(tensor).numpy().transpose(1, 2, 0), expected)


def draws(low, high, seed):
    torch.manual_seed(seed)
    return [torch.randint(0, stop, size=(1,)).item() for stop in (low, high)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["image", "tensor"])
def test_random_crop_draws_what_torchvision_draws(B, seed, kind):
    values = pixels()
    source = Image.fromarray(values) if kind == "image" else B.from_numpy(values.transpose(2, 0, 1).copy())
    top, left = draws(12 - 5 + 1, 17 - 6 + 1, seed)
    B.manual_seed(seed)
    result = B.vision.transforms.RandomCrop((5, 6))(source)
    result = array(result) if kind == "image" else result.numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(result, values[top : top + 5, left : left + 6])


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("padding, widths", [
    (2, ((2, 2), (2, 2))), ([3], ((3, 3), (3, 3))), ((1, 4), ((4, 4), (1, 1))),
    ((1, 2, 3, 4), ((2, 4), (1, 3))),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["image", "tensor"])
def test_random_crop_with_borders(B, padding, widths, mode, kind):
    """padding is all sides, (left and right, top and bottom), or (left, top, right, bottom)."""
    values = pixels()
    padded = np.pad(values, [*widths, (0, 0)], mode)
    top, left = draws(padded.shape[0] - 7, padded.shape[1] - 8, 3)
    source = Image.fromarray(values) if kind == "image" else B.from_numpy(values.transpose(2, 0, 1).copy())
    B.manual_seed(3)
    result = B.vision.transforms.RandomCrop((8, 9), padding, padding_mode=mode)(source)
    result = array(result) if kind == "image" else result.numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(result, padded[top : top + 8, left : left + 9])


def test_random_crop_fills(B):
    corner = lambda fill, mode: B.vision.transforms.RandomCrop(  # noqa: E731
        (16, 21), 2, fill=fill
    )(Image.new(mode, (17, 12))).getpixel((0, 0))
    assert corner(7, "L") == 7 and corner(7, "RGB") == (7, 7, 7) and corner((1, 2, 3), "RGB") == (1, 2, 3)
    assert corner(0.5, "F") == 0.5
    refused(
        ValueError,
        "The number of elements in 'fill' does not match the number of channels of the image (2 != 3)",
        corner,
        (1, 2),
        "RGB",
    )


def test_random_crop_if_needed(B):
    T = B.vision.transforms
    refused(
        ValueError,
        "Required crop size (13, 4) is larger than input image size (12, 17)",
        T.RandomCrop((13, 4)),
        Image.fromarray(pixels()),
    )
    B.manual_seed(0)
    state = B.get_rng_state()
    result = T.RandomCrop((12, 17))(Image.fromarray(pixels()))
    np.testing.assert_array_equal(array(result), pixels())
    assert (B.get_rng_state() == state).all(), "the whole image needs no draw"
    padded = np.pad(pixels(), [(2, 2), (3, 3), (0, 0)])
    top, left = draws(16 - 14 + 1, 23 - 20 + 1, 4)
    B.manual_seed(4)
    result = T.RandomCrop((14, 20), pad_if_needed=True)(Image.fromarray(pixels()))
    np.testing.assert_array_equal(array(result), padded[top : top + 14, left : left + 20])


def test_crops_refuse(B):
    T = B.vision.transforms
    for crop in (T.CenterCrop, T.RandomCrop):
        refused(ValueError, "Please provide only two dimensions (h, w) for size.", crop, (1, 2, 3))
        refused(TypeError, "Unexpected type <class 'numpy.ndarray'>", crop(3), pixels())
    image = Image.fromarray(pixels())
    refused(TypeError, "Got inappropriate padding arg", T.RandomCrop(3, "2"), image)
    refused(
        ValueError,
        "Padding must be an int or a 1, 2, or 4 element tuple, not a 3 element tuple",
        T.RandomCrop(3, (1, 2, 3)),
        image,
    )
    refused(
        ValueError,
        "Padding mode should be either constant, edge, reflect or symmetric",
        T.RandomCrop(3, 1, padding_mode="zeros"),
        image,
    )


def test_palettes_survive_borders(B):
    image = Image.fromarray(pixels()).convert("P")
    result = B.vision.transforms.RandomCrop((14, 19), 1, padding_mode="edge")(image)
    assert result.mode == "P"
    np.testing.assert_array_equal(array(result.convert("RGB"))[1:-1, 1:-1], array(image.convert("RGB")))


# ---- Flips, rotations ------------------------------------------------------------------------------------


def test_random_flip_draws_what_torchvision_draws(B):
    flip, values = B.vision.transforms.RandomHorizontalFlip(0.3), pixels()
    torch.manual_seed(7)
    expected = [bool(torch.rand(1) < 0.3) for _ in range(40)]
    B.manual_seed(7)
    image, tensor = Image.fromarray(values), B.from_numpy(values.transpose(2, 0, 1).copy())
    for turn, flipped in enumerate(expected):
        result = array(flip(image)) if turn % 2 else flip(tensor).numpy().transpose(1, 2, 0)
        np.testing.assert_array_equal(result, values[:, ::-1] if flipped else values)
    assert 0 < sum(expected) < 40
    refused(TypeError, "Unexpected type", flip, values)


@pytest.mark.parametrize("options", [
    {}, {"interpolation": "bilinear"}, {"expand": True}, {"center": (0, 0)}, {"fill": (9, 8, 7)},
    {"fill": None},
], ids=str)  # fmt: skip
def test_random_rotation_draws_what_torchvision_draws(B, options):
    T, image = B.vision.transforms, Image.fromarray(pixels())
    torch.manual_seed(2)
    angles = [torch.empty(1).uniform_(-30.0, 30.0).item() for _ in range(3)]
    given = {**options, "interpolation": T.InterpolationMode(options.get("interpolation", "nearest"))}
    rotate = T.RandomRotation(30, **given)
    B.manual_seed(2)
    for angle in angles:
        kind = Image.Resampling[given["interpolation"].name]
        expected = image.rotate(
            angle,
            kind,
            options.get("expand", False),
            options.get("center"),
            fillcolor=options.get("fill") or (0, 0, 0),
        )
        result = rotate(image)
        assert result.size == expected.size
        np.testing.assert_array_equal(array(result), array(expected))


def test_random_rotation_refuses(B):
    Rotation = B.vision.transforms.RandomRotation
    refused(ValueError, "If degrees is a single number, it must be positive.", Rotation, -0.7)
    refused(ValueError, "degrees should be sequence of length 2.", Rotation, [1, 2, 3])
    refused(TypeError, "degrees should be a sequence of length 2.", Rotation, {1, 2})
    refused(ValueError, "center should be sequence of length 2.", Rotation, 5, center=(1,))
    refused(TypeError, "Fill should be either a sequence or a number.", Rotation, 5, fill={})
    refused(NotImplementedError, "RandomRotation of tensors", Rotation(5), B.zeros(1, 2, 2))
    assert Rotation(0, fill=None).fill == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_backends_draw_the_same(dtype):
    """Whichever the default dtype is: the flip's uniform number then has 24 or 53 bits, in torch too."""
    results = []
    for B in (minigrad, torch_backend):
        T, previous = B.vision.transforms, B.get_default_dtype()
        chain = T.Compose(
            [
                T.Resize(20),
                T.RandomCrop(18, padding=3),
                T.RandomHorizontalFlip(),
                T.RandomRotation(20),
                T.ToTensor(),
                T.Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.4)),
            ]
        )
        try:
            B.set_default_dtype(getattr(B, dtype))
            B.manual_seed(11)
            results.append([chain(Image.fromarray(pixels(seed=seed))).numpy() for seed in range(6)])
        finally:
            B.set_default_dtype(previous)
    np.testing.assert_array_equal(*results, strict=True)


def test_pythons_and_numpys_generators_are_left_alone(B):
    random.seed(1)
    np.random.seed(1)
    states = random.getstate(), np.random.get_state()[1].tobytes()
    T = B.vision.transforms
    T.Compose([T.RandomCrop(8), T.RandomHorizontalFlip(), T.RandomRotation(9)])(Image.fromarray(pixels()))
    assert states == (random.getstate(), np.random.get_state()[1].tobytes())


# ---- Printed text ----------------------------------------------------------------------------------------


def test_printed_as_torchvision_prints(B):
    T = B.vision.transforms
    nearest = T.InterpolationMode.NEAREST
    expected = {
        T.ToTensor(): "ToTensor()",
        T.Lambda(abs): "Lambda()",
        T.Normalize((0.5,), (0.5,)): "Normalize(mean=(0.5,), std=(0.5,))",
        T.Resize(32): "Resize(size=32, interpolation=bilinear, max_size=None, antialias=True)",
        T.Resize(
            [3, 4], nearest
        ): "Resize(size=[3, 4], interpolation=nearest, max_size=None, antialias=True)",
        T.CenterCrop(10): "CenterCrop(size=(10, 10))",
        T.RandomCrop(32, padding=4): "RandomCrop(size=(32, 32), padding=4)",
        T.RandomHorizontalFlip(): "RandomHorizontalFlip(p=0.5)",
        T.RandomRotation(
            10
        ): "RandomRotation(degrees=[-10.0, 10.0], interpolation=nearest, expand=False, fill=0)",
        T.RandomRotation(
            (0, 5), center=(1, 2)
        ): "RandomRotation(degrees=[0.0, 5.0], interpolation=nearest, expand=False, center=(1, 2), fill=0)",
        T.Compose(
            [T.CenterCrop(10), T.ToTensor()]
        ): "Compose(\n    CenterCrop(size=(10, 10))\n    ToTensor()\n)",
    }
    assert [repr(transform) for transform in expected] == list(expected.values())
