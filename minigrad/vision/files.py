"""Readers for the files that images are published in: IDX (MNIST and its relatives), CIFAR-10, Kaggle's CSV.

All of them give NumPy arrays, and a ValueError that names the file and what is wrong with it.
"""
import gzip
import io
import math
import pathlib
import pickle
import re
import zlib
from typing import NamedTuple

import numpy as np

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


# ---- IDX ------------------------------------------------------------------------------------------

def read_idx(path):
    """The array in an IDX file, plain or gzipped (told by its content, not by its name).

    Args:
        path: the file. Its format: two zero bytes, a byte for the element type, one for the number of
            dimensions, their sizes of four bytes each, and the elements in row-major order; all big-endian
            (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits").

    Returns:
        A writable array in this machine's byte order: uint8, int8, int16, int32, float32 or float64.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an IDX file, or damaged: bad magic number, truncated, trailing bytes.
    """
    return parse_idx(pathlib.Path(path).read_bytes(), path)


def parse_idx(data, name):
    """The array in `data`, the bytes of an IDX file; `name` is what errors call the file. See `read_idx`."""
    data = _unzipped(data, name)
    if len(data) < 4:
        raise ValueError(f"{name}: truncated: an IDX file has at least 4 bytes, this one {len(data)}")
    if data[:2] != b"\0\0" or data[2] not in _IDX_TYPES:
        known = ", ".join(f"{code:02x}" for code in _IDX_TYPES)
        raise ValueError(f"{name}: not an IDX file: bad magic number 0x{data[:4].hex()}; expected two zero "
                         f"bytes and then an element type, one of {known}")
    dimensions = data[3]
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise ValueError(f"{name}: truncated: {dimensions} dimensions need a header of {start} bytes, "
                         f"the file has {len(data)}")
    shape = tuple(np.frombuffer(data, ">u4", dimensions, 4).tolist())
    dtype = np.dtype(_IDX_TYPES[data[2]])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        problem = "truncated" if len(data) < expected else "trailing bytes"
        raise ValueError(f"{name}: {problem}: the header says {dtype.name} of shape {shape}, that is "
                         f"{expected} bytes, the file has {len(data)}")
    try:
        array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    except ValueError as error:
        raise ValueError(f"{name}: no array can have the header's shape {shape}") from error
    return array.astype(dtype.newbyteorder("="))


def _unzipped(data, name):
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name}: damaged gzip file: {error}") from error


# ---- MNIST ----------------------------------------------------------------------------------------

class Mnist(NamedTuple):
    """What `read_mnist` gives."""
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def read_mnist(directory):
    """MNIST, or a dataset published like it (Fashion-MNIST, KMNIST), from its four IDX files.

    Args:
        directory: the folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte
            and t10k-labels-idx1-ubyte, each with or without .gz, and with a dash or a dot before "idx".

    Returns:
        An `Mnist`: images uint8 `[N, height, width]` (28 × 28), 0 (paper) to 255 (ink); labels int64 `[N]`.

    Raises:
        FileNotFoundError: a file is missing; names the folder and every spelling that was looked for.
        ValueError: a file is damaged, holds something else, or has not as many labels as there are images.
    """
    return Mnist(*read_images_and_labels(directory, "train"), *read_images_and_labels(directory, "t10k"))


def read_images_and_labels(directory, split):
    """Images and labels of one part of what `read_mnist` reads: "train" or "t10k"."""
    images_path = _find(directory, f"{split}-images", "idx3-ubyte")
    labels_path = _find(directory, f"{split}-labels", "idx1-ubyte")
    images, labels = read_idx(images_path), read_idx(labels_path)
    for path, array, dimensions in ((images_path, images, 3), (labels_path, labels, 1)):
        if array.dtype != np.uint8 or array.ndim != dimensions:
            raise ValueError(f"{path}: expected a {dimensions}-d uint8 array, "
                             f"the file has a {array.ndim}-d {array.dtype} one")
    if len(images) != len(labels):
        raise ValueError(f"{labels_path}: {len(labels)} labels, "
                         f"but {images_path.name} has {len(images)} images")
    return images, labels.astype(np.int64)


def _find(directory, stem, ending):
    names = [f"{stem}{joint}{ending}{suffix}" for joint in "-." for suffix in ("", ".gz")]
    for name in names:
        path = pathlib.Path(directory, name)
        if path.is_file():
            return path
    raise FileNotFoundError(f"{directory}: none of {', '.join(names)} is there")


# ---- CIFAR-10 --------------------------------------------------------------------------------------

def read_cifar_binary(path):
    """Images and labels of a file of CIFAR-10's binary version, such as data_batch_1.bin.

    Args:
        path: the file. Its format: for each image a byte for the label, then 1,024 bytes of red, of green and
            of blue, row by row (A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html).

    Returns:
        `(images, labels)`: uint8 `[N, 3, 32, 32]`, int64 `[N]`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a whole number of images, or a label above 9.
    """
    rows = np.fromfile(path, np.uint8)
    if not len(rows) or len(rows) % 3073:
        raise ValueError(f"{path}: truncated, or another file: {len(rows)} bytes; "
                         "an image and its label have 3073")
    rows = rows.reshape(-1, 3073)
    return _checked_cifar(rows[:, 1:], rows[:, 0].astype(np.int64), path)


def read_cifar_python(path):
    """The same from a file of CIFAR-10's Python version, such as data_batch_1: a pickle with a dict of `data`
    and `labels`. Only arrays and plain values are ever made of it: a pickle that asks for more is refused."""
    try:
        with open(path, "rb") as file:
            content = _ArraysOnly(file, encoding="latin1").load()
        content = {str(key): value for key, value in content.items()}
        rows, labels = np.asarray(content["data"]), np.asarray(content["labels"], np.int64)
        if rows.dtype != np.uint8 or rows.shape != (len(labels), 3072):
            raise ValueError(f"{len(labels)} labels and data of {rows.dtype} {rows.shape}")
    except (pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: not a file of CIFAR-10's Python version, or damaged: {error}") from error
    return _checked_cifar(rows, labels, path)


def _checked_cifar(rows, labels, path):
    if len(labels) and not 0 <= labels.min() <= labels.max() <= 9:
        raise ValueError(f"{path}: labels from {labels.min()} to {labels.max()}; expected 0 to 9")
    return rows.reshape(-1, 3, 32, 32), labels


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module, name):
        # NumPy 1 called its inner package numpy.core.
        if (module.replace("numpy._core", "numpy.core"), name) not in {
                ("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return {"ndarray": np.ndarray, "dtype": np.dtype}.get(name) or np._core.multiarray._reconstruct


# ---- CSV ------------------------------------------------------------------------------------------

def read_digit_csv(path):
    """Labelled images from a CSV file like train.csv of Kaggle's Digit Recognizer, plain or gzipped.

    Args:
        path: the file. Its first line is `label,pixel0,pixel1,...` (the pixels may be called otherwise), each
            further line one square image: the digit and the pixels from 0 to 255, row by row.

    Returns:
        `(images, labels)`: uint8 `[N, side, side]` (28 × 28 in Kaggle's files) and int64 `[N]`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no `label` column (Kaggle's test.csv), not as many pixels as a square has, no rows, or a
            bad row; names line and column.
    """
    text = _unzipped(pathlib.Path(path).read_bytes(), path).replace(b"\r\n", b"\n")
    header, _, body = text.partition(b"\n")
    names = [name.strip(' "') for name in header.decode("utf-8-sig", errors="replace").split(",")]
    side = math.isqrt(len(names) - 1)
    if names[0] != "label":
        raise ValueError(f"{path}: line 1: the first column must be label, found {names[0][:40]!r}; "
                         "a test set without labels cannot be learnt from: give train.csv")
    if side == 0 or side * side != len(names) - 1:
        raise ValueError(f"{path}: line 1: {len(names) - 1} pixel columns do not make a square image")
    if not body.strip():
        raise ValueError(f"{path}: has a header and no rows")
    rows = _rows_at_once(body, len(names))
    if rows is None:
        rows = _rows_one_by_one(body, names, path)
    return rows[:, 1:].astype(np.uint8).reshape(-1, side, side), rows[:, 0].astype(np.int64)


def _rows_at_once(body, columns):
    """The table, or None if anything in it is wrong; finding out what is left to `_rows_one_by_one`."""
    # A number that overflows must not reach loadtxt: some NumPy versions give a wrong one and only warn.
    if body.translate(None, b"0123456789,\n") or re.search(rb"[0-9]{4}", body):
        return None
    try:
        rows = np.loadtxt(io.BytesIO(body), np.int16, delimiter=",", comments=None, ndmin=2)
    except ValueError:
        return None
    return rows if rows.shape[1] == columns and rows[:, 0].max() <= 9 and rows.max() <= 255 else None


def _rows_one_by_one(body, names, path):
    """The same table, slowly; raises ValueError with the place of the first fault."""
    rows = []
    for line, row in enumerate(body.split(b"\n"), start=2):
        if not row:
            continue
        cells = row.split(b",")
        if len(cells) != len(names):
            raise ValueError(f"{path}: line {line}: {len(cells)} columns, the header has {len(names)}")
        for column, (name, cell) in enumerate(zip(names, cells, strict=True), start=1):
            limit = 9 if column == 1 else 255
            if not cell.isdigit() or len(cell) > 3 or int(cell) > limit:
                found = cell[:40].decode(errors="replace")
                raise ValueError(f"{path}: line {line}, column {column} ({name}): "
                                 f"{found!r} is not a whole number from 0 to {limit}")
        rows.append([int(cell) for cell in cells])
    return np.array(rows)
