"""The handwritten digits that ship with the package; where they come from: `minigrad/_data/README.md`."""
import importlib.resources

import numpy as np

from .files import parse_idx


def load_digits():
    """The 1,797 handwritten digits of the UCI test set, as `sklearn.datasets.load_digits` has them.

    Returns:
        `(images, labels)`: NumPy arrays, uint8 `[1797, 8, 8]` with values from 0 (paper) to 16 (ink), and
        int64 `[1797]` with values from 0 to 9. They are new ones at every call, for the caller to change.

    Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, https://doi.org/10.24432/C50P49, CC BY 4.0.
    """
    return _read("digits-images-idx3-ubyte.gz"), _read("digits-labels-idx1-ubyte.gz").astype(np.int64)


def _read(name):
    file = importlib.resources.files("minigrad") / "_data" / name
    return parse_idx(file.read_bytes(), file)
