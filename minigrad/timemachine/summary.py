"""What is kept of a tensor: shape, statistics, a histogram, and a sample of its elements, unrounded."""
import base64
import hashlib

import numpy as np

from ..insight.notes import bare

SAMPLE = 4096                                   # elements kept of one tensor while recording
BINS = 24


class Table:
    """Every tensor that was seen, each content once; `add` gives its place in `entries`."""

    def __init__(self):
        self.entries, self._places = [], {}

    def add(self, array):
        array = np.asarray(bare(array))
        # a number, not the bytes of a large tensor, is what tells contents apart
        digest = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).digest()
        key = (array.shape, array.dtype.name, digest)
        if key not in self._places:
            self._places[key] = len(self.entries)
            self.entries.append(Summary(array))
        return self._places[key]

    def as_data(self, budget):
        """All entries for the page, their samples thinned evenly until they take at most `budget` bytes."""
        limit = SAMPLE
        while limit > 16 and sum(entry.bytes_at(limit) for entry in self.entries) > budget:
            limit //= 2
        return [entry.as_data(limit) for entry in self.entries]


class Summary:
    """One tensor. `sample`: some elements; `steps`: per dimension, every how many-th was taken."""

    def __init__(self, array):
        self.shape, self.dtype, self.size = array.shape, array.dtype.name, array.size
        self.sample, self.steps = thinned(array, [1] * array.ndim, SAMPLE)
        self.sample = np.array(self.sample)
        wide = array.astype(np.float64).ravel()
        finite = wide[np.isfinite(wide)]
        self.nonfinite, self.zeros = int(wide.size - finite.size), int(np.count_nonzero(wide == 0))
        self.range = self.mean = self.norm = None
        self.histogram = None
        if finite.size:
            self.range = float(finite.min()), float(finite.max())
            with np.errstate(over="ignore"):
                self.mean, self.norm = float(finite.mean()), float(np.sqrt(np.sum(finite * finite)))
                if finite.size > 1 and np.isfinite(self.range[1] - self.range[0]):
                    self.histogram = _counts(finite, *self.range)

    def bytes_at(self, limit):
        if not self.shape:
            return 45
        return min(self.sample.size, limit) * self.sample.itemsize * 4 // 3 + 200

    def as_data(self, limit):
        if self.size == 1 and not self.shape:
            return {"dtype": self.dtype, "number": json_number(float(self.sample))}
        sample, steps = thinned(self.sample, self.steps, limit)
        kind = "f8"
        if sample.dtype.kind in "biu" and sample.size and np.abs(sample.astype(np.float64)).max() < 2**31:
            kind = "i4"
        elif sample.dtype.itemsize <= 4 and sample.dtype.kind not in "biu":
            kind = "f4"
        data = {"shape": list(self.shape), "dtype": self.dtype, "zeros": self.zeros, "kind": kind,
                "steps": steps, "counts": list(sample.shape),
                "sample": base64.b64encode(sample.astype("<" + kind).tobytes()).decode("ascii")}
        if self.nonfinite:
            data["nonfinite"] = self.nonfinite
        if self.range:
            data.update(range=[json_number(x) for x in self.range], mean=json_number(self.mean),
                        norm=json_number(self.norm))
        if self.histogram:
            data["histogram"] = self.histogram
        return data


def thinned(array, steps, limit):
    """(at most `limit` elements of `array`, the steps between them given those of `array`).

    Of dimensions before the last two the first elements are kept, so that an image stays whole; the last two
    are thinned evenly."""
    steps = list(steps)
    for axis in range(array.ndim):
        room = max(1, limit * array.shape[axis] // max(array.size, 1))
        if array.size > limit and axis < array.ndim - 2:
            array = array[(slice(None),) * axis + (slice(0, room),)]
    while array.size > limit:
        axis = max(range(array.ndim), key=lambda k: array.shape[k])
        array = array[(slice(None),) * axis + (slice(None, None, 2),)]
        steps[axis] *= 2
    return array, steps


def _counts(values, low, high):
    if low == high:
        return [values.size]
    # By hand: np.histogram refuses ranges so narrow that its edges would coincide.
    place = ((values - low) / (high - low) * BINS).astype(np.int64)
    return np.bincount(np.minimum(place, BINS - 1), minlength=BINS).tolist()


def json_number(x):
    """A number as JSON has it: what is not finite as a text."""
    return x if np.isfinite(x) else str(x)
