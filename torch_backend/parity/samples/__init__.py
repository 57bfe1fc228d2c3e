"""The samples: one row per op (some ops have several), gathered from the files of this folder."""
from __future__ import annotations

from ..draw import Sample
from . import elementary, elementwise, factors, indexing, layers, linear, losses, reductions, shapes

_FILES = (elementwise, elementary, factors, reductions, linear, shapes, indexing, layers, losses)
SAMPLES: dict[str, Sample] = {}
for _file in _FILES:
    for _sample in _file.ROWS:
        if _sample.name in SAMPLES:
            raise ValueError(f"two samples are named {_sample.name!r}")
        SAMPLES[_sample.name] = _sample
