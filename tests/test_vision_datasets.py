"""Sets of images from generated files: folders, damaged files, what is missing; on both backends."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from vision_files import CIFAR_NAMES, write_cifar, write_mnist

import minigrad

pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

import torch_backend  # noqa: E402
from minigrad.vision.digits import load_digits  # noqa: E402

ROOT = Path(__file__).parent.parent

B = pytest.fixture(params=[minigrad, torch_backend], ids=["numpy", "torch"])(lambda request: request.param)


# ---- MNIST -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_mnist(B, tmp_path, name, unpacked):
    arrays = write_mnist(tmp_path, name, unpacked)
    for train in (True, False):
        images, labels = arrays["train" if train else "t10k"]
        dataset = getattr(B.vision.datasets, name)(str(tmp_path), train)
        assert isinstance(dataset, B.utils.data.Dataset) and len(dataset) == len(images)
        assert isinstance(dataset.data, B.Tensor) and dataset.data.dtype == B.uint8
        assert isinstance(dataset.targets, B.Tensor) and dataset.targets.dtype == B.int64
        np.testing.assert_array_equal(dataset.data.numpy(), images)
        np.testing.assert_array_equal(dataset.targets.numpy(), labels)
        for index in (0, len(images) - 1, -1):
            image, label = dataset[index]
            assert image.mode == "L" and type(label) is int and label == labels[index]
            np.testing.assert_array_equal(np.asarray(image), images[index])
        with pytest.raises(IndexError):
            dataset[len(images)]


def test_mnist_classes(B, tmp_path):
    write_mnist(tmp_path)
    write_mnist(tmp_path, "FashionMNIST")
    digits = B.vision.datasets.MNIST(tmp_path)
    assert digits.classes[7] == "7 - seven" and digits.class_to_idx["9 - nine"] == 9
    assert B.vision.datasets.FashionMNIST(tmp_path).class_to_idx["Ankle boot"] == 9


def test_transforms_of_images_and_labels(B, tmp_path):
    images, labels = write_mnist(tmp_path)["train"]
    T = B.vision.transforms
    dataset = B.vision.datasets.MNIST(
        tmp_path, transform=T.ToTensor(), target_transform=lambda label: label + 100
    )
    [(batch, targets)] = B.utils.data.DataLoader(dataset, batch_size=7)
    np.testing.assert_array_equal(batch.numpy(), (images[:, None] / np.float32(255)).astype(np.float32))
    np.testing.assert_array_equal(targets.numpy(), labels.astype(np.int64) + 100, strict=True)


def test_printed_as_torchvision_prints(B, tmp_path):
    write_mnist(tmp_path)
    T, MNIST = B.vision.transforms, B.vision.datasets.MNIST
    assert repr(MNIST(tmp_path, train=False)) == (
        f"Dataset MNIST\n    Number of datapoints: 3\n    Root location: {tmp_path}\n    Split: Test"
    )
    both = MNIST(tmp_path, transform=T.Compose([T.ToTensor()]), target_transform=T.Lambda(abs))
    assert repr(both).split("Split: ")[1] == (
        "Train\n    StandardTransform\nTransform: Compose(\n               ToTensor()\n           )\n"
        "Target transform: Lambda()"
    )


def test_what_is_missing_is_named(B, tmp_path):
    with pytest.raises(RuntimeError) as caught:
        B.vision.datasets.MNIST(str(tmp_path))
    assert str(caught.value) == (
        "Dataset not found. You can use download=True to download it\n"
        "Or put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, "
        f"t10k-labels-idx1-ubyte.gz, unpacked or not, into {tmp_path}/MNIST/raw."
    )


def test_damaged_files_are_named(B, tmp_path):
    write_mnist(tmp_path)
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"^{file}: damaged gzip file"):
        B.vision.datasets.MNIST(tmp_path)
    assert len(B.vision.datasets.MNIST(tmp_path, train=False)) == 3


def test_home_folder(B, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_mnist(tmp_path / "data")
    assert B.vision.datasets.MNIST("~/data").root == str(tmp_path / "data")


# ---- Digits ----------------------------------------------------------------------------------------------


def test_digits_take_mnists_place(B):
    images, labels = load_digits()
    parts = [B.vision.datasets.Digits("anywhere", train=train, download=True) for train in (True, False)]
    assert [len(part) for part in parts] == [1500, 297]
    assert "".join(map(str, labels)) == "".join(str(label) for part in parts for label in part.targets)
    for index in range(1490, 1510):
        image, label = parts[index // 1500][index % 1500]
        assert image.size == (8, 8) and label == labels[index]
        np.testing.assert_allclose(np.asarray(image), images[index] * (255 / 16), atol=0.5)
    assert {0, 255} <= set(np.unique(parts[0].data))


# ---- CIFAR-10 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("python", [False, True], ids=["binary", "python"])
def test_cifar(B, tmp_path, python):
    rows = write_cifar(tmp_path, python)
    for train, names in ((True, CIFAR_NAMES[:5]), (False, CIFAR_NAMES[5:])):
        dataset = B.vision.datasets.CIFAR10(tmp_path, train, download=True)
        labels = np.concatenate([rows[name][0] for name in names])
        images = np.concatenate([rows[name][1] for name in names]).reshape(-1, 3, 32, 32)
        assert dataset.targets == labels.tolist() and dataset.data.shape == (len(labels), 32, 32, 3)
        for index in range(len(labels)):
            image, label = dataset[index]
            assert image.mode == "RGB" and label == labels[index]
            np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1), images[index])
    assert dataset.class_to_idx["truck"] == 9


def test_cifar_what_is_missing_is_named(B, tmp_path):
    with pytest.raises(RuntimeError) as caught:
        B.vision.datasets.CIFAR10(tmp_path)
    assert str(caught.value) == (
        "Dataset not found or corrupted. You can use download=True to download it\n"
        "Or put data_batch_1.bin and its like, of cifar-10-binary.tar.gz, into "
        f"{tmp_path}/cifar-10-batches-bin."
    )


@pytest.mark.parametrize("content, text", [
    (b"", "truncated, or another file: 0 bytes; an image and its label have 3073"),
    (bytes(3072), "truncated, or another file: 3072 bytes"),
    (b"\x0a" + bytes(3072), "labels from 10 to 10; expected 0 to 9"),
])  # fmt: skip
def test_damaged_cifar_binary(tmp_path, content, text):
    file = tmp_path / "data_batch_1.bin"
    file.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        minigrad.vision.files.read_cifar_binary(file)
    assert str(caught.value).startswith(f"{file}: {text}")


class Evil:
    def __reduce__(self):
        return print, ("code of a data file ran",)


GOOD = {"labels": [1], "data": np.zeros((1, 3072), np.uint8)}


@pytest.mark.parametrize("content", [
    Evil(), {**GOOD, "more": Evil()}, [1], {}, {"labels": [1]}, {**GOOD, "labels": [1, 2]},
    {**GOOD, "labels": [10]}, {**GOOD, "labels": ["x"]}, {**GOOD, "data": np.zeros((1, 3072))},
    {**GOOD, "data": np.zeros((1, 3), np.uint8)},
])  # fmt: skip
def test_damaged_cifar_python(tmp_path, content, capsys):
    file = tmp_path / "data_batch_1"
    file.write_bytes(pickle.dumps(content, protocol=3))
    with pytest.raises(
        ValueError, match=f"^{file}: (not a file of CIFAR-10's Python version|labels from 10)"
    ):
        minigrad.vision.files.read_cifar_python(file)
    assert "ran" not in capsys.readouterr().out


def test_truncated_cifar_python(tmp_path):
    whole = pickle.dumps(GOOD, protocol=3)
    file = tmp_path / "data_batch_1"
    for length in (0, 1, 20, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"^{file}: not a file of CIFAR-10's Python version"):
            minigrad.vision.files.read_cifar_python(file)


# ---- Folders ---------------------------------------------------------------------------------------------


@pytest.fixture
def zoo(tmp_path):
    root = tmp_path / "zoo"
    for place in ("dog/b.png", "dog/a.JPG", "dog/more/c.bmp", "cat/1.png", "dog/notes.txt"):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        if place.endswith("txt"):
            (root / place).write_text("no image")
        else:
            Image.new("L", (3, 2), len(place)).save(root / place)
    (root / "readme.md").write_text("no class")
    return root


def test_image_folder(B, zoo):
    dataset = B.vision.datasets.ImageFolder(zoo)
    assert dataset.classes == ["cat", "dog"] and dataset.class_to_idx == {"cat": 0, "dog": 1}
    paths = [str(zoo / place) for place in ("cat/1.png", "dog/a.JPG", "dog/b.png", "dog/more/c.bmp")]
    assert dataset.samples == list(zip(paths, [0, 1, 1, 1], strict=True)) and dataset.imgs is dataset.samples
    assert dataset.targets == [0, 1, 1, 1] and len(dataset) == 4
    image, label = dataset[2]
    assert image.mode == "RGB" and image.size == (3, 2) and image.getpixel((0, 0)) == (9, 9, 9) and label == 1
    assert repr(dataset) == f"Dataset ImageFolder\n    Number of datapoints: 4\n    Root location: {zoo}"
    batches = B.utils.data.DataLoader(
        B.vision.datasets.ImageFolder(str(zoo), B.vision.transforms.ToTensor()), batch_size=4
    )
    [(images, labels)] = batches
    assert images.shape == (4, 3, 2, 3) and labels.tolist() == [0, 1, 1, 1]


def test_image_folder_with_other_rules(B, zoo):
    texts = B.vision.datasets.ImageFolder(
        zoo / ".", loader=lambda path: open(path).read(), is_valid_file=lambda path: path.endswith(".txt"),
        allow_empty=True, transform=str.upper, target_transform=str,
    )  # fmt: skip
    assert list(texts) == [("NO IMAGE", "1")]


def test_image_folder_refuses(B, zoo, tmp_path):
    (zoo / "unicorn").mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        B.vision.datasets.ImageFolder(zoo)
    assert str(caught.value).splitlines()[0] == (
        "Found no valid file for the classes unicorn. Supported extensions are: .jpg, .jpeg, .png, .ppm, "
        ".bmp, .pgm, .tif, .tiff, .webp"
    )
    assert B.vision.datasets.ImageFolder(zoo, allow_empty=True).classes == ["cat", "dog", "unicorn"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"Couldn't find any class folder in .*empty"):
        B.vision.datasets.ImageFolder(tmp_path / "empty")


def test_sets_cross_to_other_processes(B, tmp_path, zoo):
    write_mnist(tmp_path)
    for dataset in (B.vision.datasets.MNIST(tmp_path), B.vision.datasets.ImageFolder(zoo),
                    B.vision.datasets.Digits()):  # fmt: skip
        copy = pickle.loads(pickle.dumps(dataset))
        assert repr(copy) == repr(dataset) and copy[1][1] == dataset[1][1]


def test_workers_draw_the_same_on_both():
    """Each worker has a generator of its own, seeded from the loader's; crops and angles come of it."""
    results = []
    for B in (minigrad, torch_backend):
        T = B.vision.transforms
        chain = T.Compose(
            [T.RandomCrop(8, padding=2), T.RandomHorizontalFlip(), T.RandomRotation(15), T.ToTensor()]
        )
        state = B.get_rng_state()
        B.manual_seed(5)
        loader = B.utils.data.DataLoader(
            B.vision.datasets.Digits(train=False, transform=chain), 32, shuffle=True, num_workers=2
        )
        results.append([images.numpy() for images, _ in loader])
        B.set_rng_state(state)
    ours, theirs = results
    assert len(ours) == len(theirs) == 10
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other, strict=True)


def test_without_pillow_the_error_says_what_to_install():
    program = (
        "import sys; sys.modules['PIL'] = None; import minigrad, minigrad.vision.digits; "
        "print(len(minigrad.vision.digits.load_digits()[0])); minigrad.vision.transforms"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout == "1797\n"
    assert "ImportError: minigrad.vision needs Pillow\npip install 'minigrad[vision]'" in run.stderr
