"""How near minigrad is to torch, op by op, measured on drawn cases: as rows, and as a page of HTML.

An error is counted in ulp: the distance of neighbouring floating point numbers of the result's dtype, at the
element itself where an op works element by element, else at the largest element (or at 1, if that is more:
operands and cotangents are of that order, and may cancel).
"""
from __future__ import annotations

import html
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import minigrad

from .compare import Mismatch, Record, _same_results, check_bad, evaluate
from .draw import Case, Sample
from .run import cases
from .samples import SAMPLES

KINDS = ("value", "gradient", "second gradient")


@dataclass
class Row:
    """What the comparison of one sample found.

    `ulps`: dtype -> the largest error of each of KINDS, None where there is nothing to compare. `described`
    and `errors`: how many results agreed in dtype, shape and requires_grad, and how many refusals in type and
    text, each as [agreed, compared].
    """

    name: str
    cases: int = 0
    ulps: dict[str, list[float | None]] = field(default_factory=dict)
    described: list[int] = field(default_factory=lambda: [0, 0])
    errors: list[int] = field(default_factory=lambda: [0, 0])
    differences: list[str] = field(default_factory=list)

    def worst(self, kind: int) -> float | None:
        return largest([found[kind] for found in self.ulps.values()])


def chosen(names: list[str]) -> list[Sample]:
    """The samples of some ops, or all. Raises KeyError with a name that is neither an op's nor a sample's."""
    for name in names:
        if not any(name in (sample.op, sample.name) for sample in SAMPLES.values()):
            raise KeyError(name)
    return [sample for sample in SAMPLES.values() if not names or {sample.op, sample.name} & set(names)]


def largest(errors: Iterable[float | None]) -> float | None:
    return max((error for error in errors if error is not None), default=None)


def ulps(got: Any, want: Any, elementwise: bool = False) -> float | None:
    """The largest error in ulp; inf where values are no numbers on one side only; None for no floats."""
    if not isinstance(want, np.ndarray) or want.dtype.kind != "f" or got.shape != want.shape:
        return None
    with np.errstate(all="ignore"):
        ours, theirs = got.astype(np.float64), want.astype(np.float64)
        finite = np.isfinite(theirs)
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        size = np.where(finite, np.abs(theirs), 0)
        if not elementwise:
            size = np.maximum(size.max(initial=0), 1)
        unit = np.spacing(np.asarray(size, want.dtype)).astype(np.float64)
        off = np.where(finite & np.isfinite(ours), np.abs(ours - theirs) / unit, np.inf)
        return float(np.where(same, 0, off).max(initial=0))


def _errors(sample: Sample, got: Record, want: Record) -> list[float | None]:
    """The largest error of each of KINDS in one case."""
    def of(ours: list[Any] | None, theirs: list[Any] | None, elementwise: bool = False) -> float | None:
        pairs = [(a, b) for a, b in zip(ours or [], theirs or []) if a is not None and b is not None]
        return largest([ulps(a, b, elementwise) for a, b in pairs])
    return [of(got.values, want.values, sample.elementwise), of(got.first, want.first),
            of(got.second, want.second)]


def measure(sample: Sample, B: Any = minigrad, examples: int = 10) -> Row:
    """Compare a sample with torch on `examples` cases of each dtype, and on its bad calls."""
    row = Row(sample.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dtype in sample.dtypes:
            found = row.ulps.setdefault(dtype, [None] * len(KINDS))
            for case in cases(sample, dtype, examples):
                row.cases += 1
                found[:] = map(largest, zip(found, _one(row, sample, case, B)))
        for number, call in enumerate(sample.bad):
            row.errors[1] += 1
            try:
                check_bad(call, B)
                row.errors[0] += 1
            except Mismatch as difference:
                row.differences.append(f"bad call {number}: {difference}")
    return row


def _one(row: Row, sample: Sample, case: Case, B: Any) -> list[float | None]:
    """Enter one case into the row; its errors."""
    want, got = evaluate(torch, sample, case), Record()
    counter, attribute = (row.errors, "error") if want.error else (row.described, "described")
    counter[1] += 1
    try:
        got = evaluate(B, sample, case)
        counter[0] += getattr(got, attribute) == getattr(want, attribute)
        _same_results(sample, case, got, want)
    except Exception as difference:  # noqa: BLE001 - whatever fails is a difference, and is shown
        row.differences.append(f"{type(difference).__name__}: {difference}\n{case}")
    return _errors(sample, got, want)


def shown(error: float | None) -> str:
    return "–" if error is None else "0" if error == 0 else f"{error:.2g}" if error < 1e4 else f"{error:.0e}"


def lines(rows: Iterator[Row]) -> Iterator[str]:
    """The table as text, a line as soon as its row is there; then what differs."""
    yield f"{'op':34}{'cases':>7}{'value':>9}{'gradient':>10}{'second':>9}  {'dtypes':>11}  {'errors':>9}"
    seen = []
    for row in rows:
        seen.append(row)
        value, first, second = [shown(row.worst(kind)) for kind in range(len(KINDS))]
        yield (f"{row.name:34}{row.cases:>7}{value:>9}{first:>10}{second:>9}  {_share(row.described):>11}  "
               f"{_share(row.errors):>9}{'  DIFFERS' if row.differences else ''}")
    yield f"{summary(seen)}; errors are the largest, in ulp"
    yield from (f"{row.name}: {text}" for row in seen for text in row.differences)


def _share(counts: list[int]) -> str:
    return f"{counts[0]}/{counts[1]}" if counts[1] else "–"


def summary(rows: list[Row]) -> str:
    differing = [row.name for row in rows if row.differences]
    return (f"{sum(row.cases for row in rows):,} cases of {len(rows)} ops against torch {torch.__version__}; "
            f"beyond what rounding explains: {', '.join(differing) or 'none'}")


STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1c2330, #e6e9ef); --dim: light-dark(#667085, #98a2b3);
  --paper: light-dark(#fff, #14181f); --line: light-dark(#e4e7ec, #2a313c);
  --bar: light-dark(#9cc4f0, #2f5d8f); --bad: light-dark(#c0392b, #ff8a7a) }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 } p { color: var(--dim); max-width: 48rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { position: sticky; top: 0; background: var(--paper); text-align: right; font-weight: 600 }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top }
th:first-child, td:first-child { text-align: left } td:first-child { font-family: ui-monospace, monospace }
td.ulp { background: linear-gradient(to left, var(--bar) var(--share), transparent var(--share));
  background-size: 100% 3px; background-position: bottom; background-repeat: no-repeat; min-width: 4rem }
summary { cursor: pointer } details[open] { padding-bottom: .5rem }
details table { width: auto; margin: .3rem 0 .3rem 1rem; font-size: .85rem; color: var(--dim) }
pre { white-space: pre-wrap; color: var(--bad); font-size: .8rem; margin: .3rem 1rem }
.bad { color: var(--bad) }
@media (max-width: 600px) { body { font-size: 13px } th, td { padding: .2rem .3rem } }
"""


def page(rows: list[Row], B: Any = minigrad) -> str:
    """A page of HTML with nothing outside itself: the table, and behind each op its dtypes."""
    heads = "".join(f"<th>{head}" for head in ("op", "cases", *KINDS, "dtypes agree", "errors agree"))
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{B.__name__} and torch</title><style>{STYLE}</style>
<h1>{B.__name__} {B.__version__} and torch {torch.__version__}</h1>
<p>{summary(rows)}.</p>
<p>Errors are the largest found, in ulp: the distance of neighbouring numbers of the dtype, at the element
where an op works element by element, else at the largest element of the result. The bars are logarithmic,
from ½ to 1,000 ulp. A click on an op shows its dtypes.</p>
<table><thead><tr>{heads}</thead><tbody>
{"".join(map(_html_row, rows))}</tbody></table></html>
"""


def _html_row(row: Row) -> str:
    by_dtype = "".join(f"<tr><td>{dtype}{_html_ulps(found)}" for dtype, found in row.ulps.items())
    differences = "".join(f"<pre>{html.escape(text)}</pre>" for text in row.differences)
    heads = "".join(f"<th>{head}" for head in ("dtype", *KINDS))
    name = f'<span class="bad">{row.name}</span>' if row.differences else row.name
    worst = _html_ulps([row.worst(kind) for kind in range(len(KINDS))])
    counts = "".join(f'<td{" class=bad" if counts[0] < counts[1] else ""}>{_share(counts)}'
                     for counts in (row.described, row.errors))
    return (f"<tr><td><details><summary>{name}</summary><table><tr>{heads}{by_dtype}</table>{differences}"
            f"</details><td>{row.cases}{worst}{counts}\n")


def _html_ulps(errors: list[float | None]) -> str:
    shares = [0 if not error else min(1, max(.05, np.log(error * 2) / np.log(2000))) for error in errors]
    return "".join(f'<td class="ulp" style="--share:{share:.0%}">{shown(error)}'
                   for share, error in zip(shares, errors))
