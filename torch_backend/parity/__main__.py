"""`python -m torch_backend.parity [--ops NAME ...] [--examples N]`: compare with torch, print the counts."""
from __future__ import annotations

import argparse
import importlib
import re
import sys
import warnings
from collections import Counter

from . import CATEGORIES, SAMPLES, Mismatch, Sample, check_bad, compare, defects
from .run import cases, top_up


def report(sample: Sample, B: object, examples: int) -> tuple[Counter[str], list[str]]:
    """All dtypes and bad calls of a sample: the counts, and what differs, one line and case for each kind."""
    counts: Counter[str] = Counter()
    kinds: dict[str, tuple[str, set[str]]] = {}

    def note(difference: object, dtype: str) -> None:
        kind = re.sub(r"[-\d.+e]+", "#", str(difference).split("\n", 1)[0].split(" off by ")[0])[:100]
        shortest = min(kinds.get(kind, (str(difference),))[0], str(difference), key=len)
        kinds[kind] = shortest, kinds.get(kind, ("", set()))[1] | {dtype}

    for dtype in sample.dtypes:
        before, seen = len(kinds), Counter()
        for case in cases(sample, dtype, examples):
            try:
                seen += compare(sample, case, B)
            except Mismatch as difference:
                note(difference, dtype)
        if len(kinds) == before:
            try:
                for defect in defects(sample, dtype, top_up(sample, dtype, B, seen)):
                    note(f"{sample.name}: {defect}", dtype)
            except Mismatch as difference:
                note(difference, dtype)
        counts += seen
    for number, call in enumerate(sample.bad):
        try:
            check_bad(call, B)
        except Mismatch as difference:
            note(f"{sample.name}: bad call {number}: {difference}", "bad call")
    return counts, [f"[{' '.join(sorted(dtypes))}] {text}" for text, dtypes in kinds.values()]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare every op with torch; count the cases.")
    parser.add_argument("--ops", nargs="*", help="samples whose names start so (default: all)")
    parser.add_argument("--examples", type=int, default=25, help="cases per op and dtype")
    parser.add_argument("--width", type=int, default=600, help="cut reports to so many characters")
    parser.add_argument("--against", default="minigrad", help="the module to compare with torch")
    options = parser.parse_args()
    B = importlib.import_module(options.against)
    chosen = [s for s in SAMPLES.values() if not options.ops or s.name.startswith(tuple(options.ops))]
    columns = [*CATEGORIES, "refused"]
    print(f"{'op':34}{'examples':>9}", *(f"{c:>13}" for c in columns), f"{'bad calls':>11}{'differ':>8}")
    total, differing = 0, []
    for sample in chosen:
        counts, failures = report(sample, B, options.examples)
        cells = [str(counts[c]) if c in sample.categories or c == "refused" else "–" for c in columns]
        print(f"{sample.name:34}{counts['example']:>9}", *(f"{c:>13}" for c in cells),
              f"{len(sample.bad):>11}{len(failures) or '':>8}", flush=True)
        total += counts["example"]
        differing += failures
    print(f"{len(chosen)} samples, {total} examples, {sum(len(s.bad) for s in chosen)} bad calls, "
          f"{len(differing)} differ")
    print("\n".join(text[:options.width] for text in differing))
    return 1 if differing else 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
