"""Running a sample on many cases without Hypothesis (commands, mutation run), and what runs count."""
from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from .compare import compare
from .draw import EDGE, FLOATS, PLAIN, Case, Sample, draw_case


def categories(sample: Sample, dtype: str) -> list[str]:
    """The categories that a sample admits in a dtype; a bool has no edge values."""
    return [c for c in sample.categories if not (c == EDGE and dtype == "bool")]


def shares(sample: Sample, dtype: str, examples: int) -> list[tuple[str, int]]:
    """How many of `examples` are drawn for each category: at least two, the plain ones first and most."""
    kinds = categories(sample, dtype)
    each = max(2, examples // (len(kinds) + 1))
    return [(kind, max(each, examples - each * (len(kinds) - 1)) if kind == PLAIN else each)
            for kind in kinds]


def cases(sample: Sample, dtype: str, examples: int, seed: int = 0) -> Iterator[Case]:
    """`examples` random cases, the same for the same seed."""
    source = random.Random(f"{sample.name} {dtype} {seed}")
    for category, share in shares(sample, dtype, examples):
        for _ in range(share):
            yield draw_case(sample, dtype, category, source.choice)


def check(sample: Sample, dtype: str, B: Any, examples: int = 25, seed: int = 0) -> Counter[str]:
    """Compare `examples` random cases; raises `Mismatch` at the first difference, returns the counts."""
    counts: Counter[str] = Counter()
    for case in cases(sample, dtype, examples, seed):
        counts += compare(sample, case, B)
    return top_up(sample, dtype, B, counts)


def top_up(sample: Sample, dtype: str, B: Any, counts: Counter[str]) -> Counter[str]:
    """Draw more where a category was met only in calls that torch refuses, or by luck not at all."""
    source = random.Random(f"{sample.name} {dtype} more")
    for category in categories(sample, dtype):
        for _ in range(40):
            if counts[category]:
                break
            counts += compare(sample, draw_case(sample, dtype, category, source.choice), B)
    return counts


def defects(sample: Sample, dtype: str, counts: Counter[str]) -> list[str]:
    """What makes a run worthless: a category never drawn, most calls refused, gradients that were all 0."""
    found = []
    if counts["example"] > counts["refused"]:
        found += [f"never drawn: {kind}" for kind in categories(sample, dtype) if not counts[kind]]
    elif dtype in FLOATS:
        found.append(f"torch refuses {counts['refused']} of {counts['example'] + counts['refused']} calls")
    if dtype in FLOATS and not sample.flat:
        for order in ("first", "second"):
            if counts[order] < max(1, counts["asked"] / 5):
                found.append(f"vacuous: {counts[order]} of {counts['asked']} {order} gradients are not 0")
    return found
