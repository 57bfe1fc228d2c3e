"""Sets of labelled images, by torchvision's names, signatures and folders (torchvision.datasets)."""
import os
import pathlib
import tarfile

import numpy as np

from minigrad.vision import digits, download, files

from . import library as torch
from .pillow import Image

__all__ = ["CIFAR10", "Digits", "FashionMNIST", "ImageFolder", "MNIST", "VisionDataset"]


class VisionDataset(torch.utils.data.Dataset):
    """Base of sets of images: `data[index]` in Pillow's form, `targets`, and what is done to both
    (torchvision.datasets.VisionDataset)."""
    classes: list[str]

    def __init__(self, root=None, transform=None, target_transform=None):
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        self.transform, self.target_transform = transform, target_transform

    def image(self, index):
        """The Pillow image."""
        return Image.fromarray(self.data[index])

    def __getitem__(self, index):
        image, target = self.image(index), int(self.targets[index])
        image = image if self.transform is None else self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self):
        return len(self.targets)

    @property
    def class_to_idx(self):
        """The number of each class by its name."""
        return {name: number for number, name in enumerate(self.classes)}

    def extra_repr(self):
        """A line about the part of the set."""
        return f"Split: {'Train' if self.train else 'Test'}"

    def __repr__(self):
        place = [] if self.root is None else [f"Root location: {self.root}"]
        lines = [f"Number of datapoints: {len(self)}", *place, *self.extra_repr().splitlines()]
        parts = []
        for head, transform in (("Transform: ", self.transform),
                                ("Target transform: ", self.target_transform)):
            if transform is not None:
                parts.append(head + repr(transform).replace("\n", "\n" + " " * len(head)))
        lines += ["\n".join(["StandardTransform", *parts])] * bool(parts)
        return "\n    ".join([f"Dataset {type(self).__name__}"] + lines[:-1]) + "\n    " + lines[-1]


# ---- MNIST -----------------------------------------------------------------------------------------------

class MNIST(VisionDataset):
    """Handwritten digits, 28 × 28, 60,000 to train and 10,000 to test (torchvision.datasets.MNIST).

    Args:
        root: the folder whose MNIST/raw has the four IDX files, plain or gzipped.
        train: which part.
        transform: what is done to each Pillow image; target_transform: to each label.
        download: get what is missing (see `minigrad.vision.download`).

    `data` is a uint8 tensor (N, 28, 28), `targets` an int64 tensor (N,). Raises RuntimeError where files are
    missing or cannot be got, naming them and the folder to put them into; ValueError where one is damaged.
    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
    """
    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    resources = [("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                 ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
                 ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
                 ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c")]
    classes = ["0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven",
               "8 - eight", "9 - nine"]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform, target_transform)
        self.train = train
        if download:
            self.download()
        try:
            images, labels = files.read_images_and_labels(self.raw_folder, "train" if train else "t10k")
        except FileNotFoundError as error:
            names = ", ".join(name for name, _ in self.resources)
            raise RuntimeError("Dataset not found. You can use download=True to download it\n"
                               f"Or put {names}, unpacked or not, into {self.raw_folder}.") from error
        self.data, self.targets = torch.from_numpy(images), torch.from_numpy(labels)

    @property
    def raw_folder(self):
        """Where the files are: ROOT/MNIST/raw."""
        return os.path.join(self.root, type(self).__name__, "raw")

    def download(self):
        """Gets the files that are missing, from the first of `mirrors` that has them."""
        there = set(os.listdir(self.raw_folder)) if os.path.isdir(self.raw_folder) else set()
        missing = [(name, md5) for name, md5 in self.resources if name.removesuffix(".gz") not in there]
        download.fetch(missing, self.mirrors, self.raw_folder)

    def image(self, index):
        return Image.fromarray(self.data[index].numpy())


class FashionMNIST(MNIST):
    """Articles of clothing in MNIST's form, in ROOT/FashionMNIST/raw (torchvision.datasets.FashionMNIST).

    Source: H. Xiao, K. Rasul, R. Vollgraf (2017), "Fashion-MNIST".
    """
    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                 ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
                 ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
                 ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310")]
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
               "Ankle boot"]


class Digits(VisionDataset):
    """The 1,797 digits that ship with minigrad, 8 × 8, 1,500 to train and 297 to test.

    The parameters are MNIST's, so that one word changes the set; root and download have no effect. `data` is
    a uint8 array (N, 8, 8) from 0 to 255, `targets` an int64 array (N,).
    Source: see `minigrad.vision.digits.load_digits`.
    """
    classes = MNIST.classes

    def __init__(self, root=None, train=True, transform=None, target_transform=None, download=False):
        super().__init__(None, transform, target_transform)
        self.train = train
        images, labels = digits.load_digits()
        part = slice(1500) if train else slice(1500, None)
        self.data, self.targets = (images[part] * (255 / 16)).round().astype(np.uint8), labels[part]


# ---- CIFAR-10 --------------------------------------------------------------------------------------------

class CIFAR10(VisionDataset):
    """Photographs of ten kinds of things, 32 × 32, 50,000 to train and 10,000 to test
    (torchvision.datasets.CIFAR10).

    Args:
        root: the folder with cifar-10-batches-bin (the binary version: what is downloaded) or
            cifar-10-batches-py (the Python version: what torchvision downloads), or with the archive of the
            former.
        train, transform, target_transform, download: as MNIST's.

    `data` is a uint8 array (N, 32, 32, 3), `targets` a list of numbers. Raises as MNIST does.
    Source: A. Krizhevsky (2009), "Learning multiple layers of features from tiny images".
    """
    mirrors = ["https://www.cs.toronto.edu/~kriz/"]
    resources = [("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")]
    base_folder, python_folder = "cifar-10-batches-bin", "cifar-10-batches-py"
    train_list = [f"data_batch_{number}" for number in range(1, 6)]
    test_list = ["test_batch"]
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform, target_transform)
        self.train = train
        if download:
            self.download()
        batches = [self._read(name) for name in (self.train_list if train else self.test_list)]
        channels_first = np.concatenate([images for images, _ in batches])
        self.data = channels_first.transpose(0, 2, 3, 1)
        self.targets = [label for _, labels in batches for label in labels.tolist()]

    def download(self):
        """Gets and unpacks the archive, unless either version is there."""
        names = self.train_list + self.test_list
        binary = pathlib.Path(self.root, self.base_folder)
        python = pathlib.Path(self.root, self.python_folder)
        if all((binary / f"{name}.bin").is_file() for name in names) or \
                all((python / name).is_file() for name in names):
            return
        download.fetch(self.resources, self.mirrors, self.root)
        binary.mkdir(exist_ok=True)
        with tarfile.open(pathlib.Path(self.root, self.resources[0][0])) as archive:
            for name in names:                  # these members alone, whatever else an archive may hold
                file = binary / f"{name}.bin"
                part = file.with_suffix(".part")
                part.write_bytes(archive.extractfile(f"{self.base_folder}/{name}.bin").read())
                os.replace(part, file)

    def _read(self, name):
        """(images (N, 3, 32, 32), labels (N,)) of one file."""
        path = pathlib.Path(self.root, self.base_folder, f"{name}.bin")
        if path.is_file():
            return files.read_cifar_binary(path)
        python = pathlib.Path(self.root, self.python_folder, name)
        if python.is_file():
            return files.read_cifar_python(python)
        raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it\n"
                           f"Or put {path.name} and its like, of {self.resources[0][0]}, into {path.parent}.")


# ---- Folders ---------------------------------------------------------------------------------------------

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def default_loader(path):
    """The image in a file, as RGB (torchvision.datasets.folder.default_loader)."""
    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


class ImageFolder(VisionDataset):
    """Images in one folder per class: ROOT/dog/1.png, ROOT/dog/more/2.jpg, ROOT/cat/3.png
    (torchvision.datasets.ImageFolder).

    Args:
        root: the folder; its folders' names in alphabetical order are the classes.
        transform, target_transform: as MNIST's.
        loader: gives the image of a path, by default a Pillow image in RGB.
        is_valid_file: says of a path whether it counts, by default by its ending.
        allow_empty: let classes be empty.

    `classes` has the names, `samples` (and `imgs`) pairs (path, class), `targets` the classes. Raises
    FileNotFoundError where there are no classes, or one is empty.
    """

    def __init__(self, root, transform=None, target_transform=None, loader=default_loader, is_valid_file=None,
                 allow_empty=False):
        super().__init__(root, transform, target_transform)
        self.loader = loader
        self.classes = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(f"Couldn't find any class folder in {self.root}.\n"
                                    "Each class has a folder of its own there.")
        valid = is_valid_file or (lambda path: path.lower().endswith(IMG_EXTENSIONS))
        self.samples = []
        for number, name in enumerate(self.classes):
            for folder, _, names in sorted(os.walk(os.path.join(self.root, name), followlinks=True)):
                paths = [os.path.join(folder, file) for file in sorted(names)]
                self.samples += [(path, number) for path in paths if valid(path)]
        self.imgs, self.targets = self.samples, [number for _, number in self.samples]
        empty = [name for number, name in enumerate(self.classes) if number not in set(self.targets)]
        if empty and not allow_empty:
            endings = "" if is_valid_file else f"Supported extensions are: {', '.join(IMG_EXTENSIONS)}"
            raise FileNotFoundError(f"Found no valid file for the classes {', '.join(empty)}. {endings}\n"
                                    "allow_empty=True lets classes be empty.")

    def image(self, index):
        return self.loader(self.samples[index][0])

    def extra_repr(self):
        return ""
