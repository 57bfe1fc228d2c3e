"""Results as tables: in the terminal, and for every other form of report."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np

Record = dict[str, Any]
TITLES = {
    "steps": "Training steps",
    "memory": "Peak memory of five steps, above model and data",
    "tape": "What recording costs",
    "graph": "Cost per node of a graph, forward and backward",
    "imports": "Importing",
}
_LEGEND = {
    "steps": "medians per step (± half the middle half's width); ratio to the reference [95 % interval], "
    "under 1 is faster",
    "memory": "median growth of the resident peak; ratio to the reference [range that bootstrap gives]",
}


@dataclass
class Table:
    title: str
    headers: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def quantity(value: float, unit: str = "seconds") -> str:
    """A number with three digits and the unit that suits it."""
    scales = (
        [(1, "B"), (1024, "KiB"), (2**20, "MiB"), (2**30, "GiB")]
        if unit == "bytes"
        else [(1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1, "s")]
    )
    scale, name = next(((s, n) for s, n in reversed(scales) if abs(value) >= s), scales[0])
    scaled = value / scale
    return f"{scaled:.{max(0, 2 - len(str(int(abs(scaled)))) + 1)}f} {name}"


def _cell(own: Record, unit: str, divide: int) -> str:
    text = quantity(own["median"] / divide, unit)
    return text if unit == "bytes" else f"{text} ±{own['spread'] / 2:.0%}"


def ratio_text(ratio: Record) -> str:
    return f"{ratio['ratio']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}] × {ratio['to']}"


def remarks(record: Record) -> list[str]:
    """What a reader must know before believing a record: skipped, failed, disagreeing, noisy."""
    name = record["task"]
    found = [f"{name}: {who} skipped: {why}" for who, why in record["skipped"].items()]
    found += [f"{name}: {who} FAILED: {why}" for who, why in record["failed"].items()]
    if record.get("disagreement"):
        found.append(f"{name}: LOSSES DIFFER, so there is no ratio: {record['disagreement']}")
    control = record.get("control") or {}
    if control.get("noisy"):
        found.append(
            f"{name}: NOISY MACHINE: the control, whose work never changes, says "
            + "; ".join(control["reasons"])
        )
    return found


def failed(record: Record) -> bool:
    return bool(record["failed"] or record.get("disagreement"))


def _goal(ratio: Record) -> str:
    return f"≤ {ratio['goal']:g}: {ratio['goal verdict']}" if "goal" in ratio else ""


def table_of(part: str, records: Sequence[Record], heading: str) -> Table:
    """One table for records of one part that share dtype and threads."""
    names = list(dict.fromkeys(name for r in records for name in r.get("candidates", {})))
    variants = any(own.get("variant") for r in records for own in r.get("candidates", {}).values())
    batches = any("batch" in record for record in records)
    headers = [part if part != "steps" else "workload", *["batch"] * batches, *names]
    headers += [*["torch at its best"] * variants, "ratio", "verdict", "goal"]
    table = Table(heading, headers)
    for record in records:
        table.notes += remarks(record)
        candidates, unit = record.get("candidates", {}), record.get("unit", "seconds")
        divide = record.get("length", 1)
        cells = [
            _cell(candidates[n], unit, divide) if "median" in candidates.get(n, {}) else "–" for n in names
        ]
        best = "; ".join(own["variant"] for own in candidates.values() if own.get("variant"))
        ratios = [(name, r) for name, r in record.get("ratios", {}).items()]
        many = len(ratios) > 1
        texts = [(f"{name} " if many else "") + ratio_text(r) for name, r in ratios]
        start = [record["task"], *[str(record.get("batch", ""))] * batches, *cells, *[best] * variants]
        verdicts = "; ".join(r["verdict"] for _, r in ratios)
        goals = (
            "not claimed"
            if record.get("claimed") is False
            else "; ".join(filter(None, map(_goal, dict(ratios).values())))
        )
        table.rows.append([*start, "; ".join(texts) or "–", verdicts, goals])
    if part == "graph":
        table.notes += _growth_notes(records, names)
    return table


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """The power of size with which time grows: the slope through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def _growth_notes(records: Sequence[Record], names: Iterable[str]) -> list[str]:
    notes = []
    for name in names:
        points = [
            (r["length"], r["candidates"][name]["median"] / r["length"])
            for r in records
            if "median" in r.get("candidates", {}).get(name, {})
        ]
        if len(points) > 1:
            notes.append(
                f"{name}: cost per node grows with length to the power {exponent(*zip(*points)):+.3f}"
            )
    return notes


def tables(results: Record) -> list[Table]:
    """All tables of a result file."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in results["results"]:
        groups.setdefault((record["part"], record.get("dtype"), record["threads"]), []).append(record)
    made = []
    for (part, dtype, threads), records in groups.items():
        about = ", ".join(filter(None, (dtype, f"{threads} thread{'s' * (threads != 1)}")))
        made.append(table_of(part, records, f"{TITLES[part]} ({about})"))
        if part in _LEGEND:
            made[-1].notes.insert(0, _LEGEND[part])
    return made


def write(table: Table, file: TextIO | None = None) -> None:
    """Print a table: with rich on a terminal where it is installed, else in plain columns."""
    file = file or sys.stdout
    if file.isatty() and _write_rich(table, file):
        return
    widths = [max(map(len, column)) for column in zip(table.headers, *table.rows)]
    print(f"\n{table.title}", file=file)
    for row in (table.headers, ["-" * width for width in widths], *table.rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), file=file)
    for note in table.notes:
        print(f"  {note}", file=file)


def _write_rich(table: Table, file: TextIO) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table as RichTable
    except ImportError:
        return False
    shown = RichTable(title=table.title, title_justify="left")
    for header in table.headers:
        shown.add_column(header)
    for row in table.rows:
        shown.add_row(*row)
    console = Console(file=file, markup=False, highlight=False)
    console.print(shown)
    for note in table.notes:
        console.print(f"  {note}")
    return True


def write_environment(results: Record, file: TextIO | None = None) -> None:
    shown = {k: v for k, v in results["environment"].items() if v not in ("", [])}
    print("; ".join(f"{key} {value}" for key, value in shown.items()), file=file or sys.stdout)
