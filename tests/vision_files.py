"""Small image files in the formats that MNIST and CIFAR-10 are published in."""

import gzip
import pickle
import struct

import numpy as np


def idx(array):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def mnist_files(seed=0):
    """Names and contents of small files in MNIST's format, and the arrays in them."""
    random = np.random.default_rng(seed)
    contents, arrays = {}, {}
    for part, count in (("train", 7), ("t10k", 3)):
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = random.integers(0, 10, count, np.uint8)
        contents[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(images), mtime=0)
        contents[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(idx(labels), mtime=0)
        arrays[part] = images, labels
    return contents, arrays


def write_mnist(root, name="MNIST", unpacked=False):
    contents, arrays = mnist_files()
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    for file, content in contents.items():
        if unpacked:
            (folder / file.removesuffix(".gz")).write_bytes(gzip.decompress(content))
        else:
            (folder / file).write_bytes(content)
    return arrays


def cifar_rows(count, seed):
    random = np.random.default_rng(seed)
    return random.integers(0, 10, count, np.uint8), random.integers(0, 256, (count, 3072), np.uint8)


CIFAR_NAMES = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]


def write_cifar(root, python=False):
    """Small files of either version; returns what is in them by name."""
    folder = root / ("cifar-10-batches-py" if python else "cifar-10-batches-bin")
    folder.mkdir(parents=True)
    rows = {name: cifar_rows(4, seed) for seed, name in enumerate(CIFAR_NAMES)}
    for name, (labels, images) in rows.items():
        if python:
            content = {
                "batch_label": name,
                "labels": labels.tolist(),
                "data": images,
                "filenames": ["a.png"] * 4,
            }
            (folder / name).write_bytes(pickle.dumps(content, protocol=3))
        else:
            (folder / f"{name}.bin").write_bytes(np.column_stack([labels, images]).tobytes())
    return rows
