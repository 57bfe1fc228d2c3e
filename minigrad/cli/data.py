"""The data sets of `minigrad train`: arrays from files, and from them each backend's loaders."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.cli import UserError, one_line

VALIDATION_SHARE = 0.2


class Data(NamedTuple):
    """Images as floats in [0, 1], shape (count, 1, height, width), and their labels, int64 (count,).

    The validation images are a part of ``validation``'s own, or None where they are split off the others.
    """

    images: np.ndarray
    labels: np.ndarray
    validation: tuple[np.ndarray, np.ndarray] | None = None


def read(source: list[str]) -> Data:
    """What `--data` names. Raises UserError if that is no data set, or its files cannot be read."""
    kind, *places = source
    if (kind, len(places)) not in {("digits", 0), ("mnist", 1), ("csv", 1)}:
        raise UserError(f"unknown data {' '.join(source)!r}: choose digits, mnist DIR or csv FILE")
    from minigrad.vision import digits, files

    try:
        if kind == "mnist":
            mnist = files.read_mnist(places[0])
            validation = _scaled(mnist.test_images, 255), mnist.test_labels
            data = Data(_scaled(mnist.train_images, 255), mnist.train_labels, validation)
        else:
            images, labels = files.read_digit_csv(places[0]) if kind == "csv" else digits.load_digits()
            data = Data(_scaled(images, 255 if kind == "csv" else 16), labels)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the data: {one_line(error)}") from error
    if len(data.images) < 2:
        raise UserError(f"{places[0]}: {len(data.images)} images are too few to train on")
    return data


def _scaled(images: np.ndarray, largest: int) -> np.ndarray:
    return images[:, None] / largest


def loaders(B: Any, data: Data, options: Any) -> tuple[Any, Any]:
    """The backend's training loader, which shuffles with a generator of its own, and its validation loader.

    The split, like the order of every epoch, comes from the seed and is the same on every backend.
    """
    tools = B.utils.data

    def dataset(images: np.ndarray, labels: np.ndarray) -> Any:
        return tools.TensorDataset(B.from_numpy(images).to(getattr(B, options.dtype)), B.from_numpy(labels))

    train = dataset(data.images, data.labels)
    if data.validation is not None:
        validation = dataset(*data.validation)
    else:
        kept = max(1, round(len(train) * VALIDATION_SHARE))
        generator = B.Generator().manual_seed(options.seed)
        train, validation = tools.random_split(train, [len(train) - kept, kept], generator=generator)
    generator = B.Generator().manual_seed(options.seed)
    return (
        tools.DataLoader(train, options.batch_size, shuffle=True, generator=generator),
        tools.DataLoader(validation, 256),
    )
