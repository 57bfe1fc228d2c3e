"""`python -m torch_backend.parity [--ops NAME ...] [--examples N]`: compare with torch, print the counts."""
from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections import Counter

from . import CATEGORIES, SAMPLES, Mismatch, Sample, check, check_bad, defects


def report(sample: Sample, B: object, examples: int) -> tuple[Counter[str], list[str]]:
    """All dtypes and bad calls of a sample: the counts, and what differs."""
    counts: Counter[str] = Counter()
    failures = []
    for dtype in sample.dtypes:
        try:
            seen = check(sample, dtype, B, examples)
            counts += seen
            failures += [f"{sample.name} [{dtype}]: {defect}" for defect in defects(sample, dtype, seen)]
        except Mismatch as difference:
            failures.append(f"[{dtype}] {difference}")
    for number, call in enumerate(sample.bad):
        try:
            check_bad(call, B)
        except Mismatch as difference:
            failures.append(f"{sample.name}: bad call {number}: {difference}")
    return counts, failures


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare every op with torch; count the cases.")
    parser.add_argument("--ops", nargs="*", help="samples whose names start so (default: all)")
    parser.add_argument("--examples", type=int, default=25, help="cases per op and dtype")
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
    print("\n".join(differing))
    return 1 if differing else 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
