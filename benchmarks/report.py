"""Results as tables: in the terminal, and for every other form of report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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
    "ops": "Operations",
    "conv": "Convolution over the layers of two networks",
    "jobs": "Programs, in samples per second",
    "scaling": "Scaling of a step",
}
FIRST_COLUMN = {
    "steps": "workload", "memory": "workload", "ops": "operation", "conv": "layer", "jobs": "program",
}  # fmt: skip
_LEGEND = {
    "steps": "medians per step (± half the middle half's width); ratio to the reference [95 % interval], "
    "under 1 is faster",
    "memory": "median growth of the resident peak; ratio to the reference [range that bootstrap gives]",
    "jobs": "training samples by the time of whole epochs, their validation included; ratios are of times, "
    "under 1 is faster",
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
    if unit == "samples":
        text = f"{own['samples'] / own['median']:,.0f}/s"
    else:
        text = quantity(own["median"] / divide, unit)
    return text if unit == "bytes" else f"{text} ±{own['spread'] / 2:.0%}"


def ratio_text(ratio: Record) -> str:
    return f"{ratio['ratio']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}] × {ratio['to']}"


def remarks(records: Sequence[Record]) -> list[str]:
    """What a reader must know before believing a table: skipped, failed, disagreeing, noisy."""
    found = []
    for record in records:
        name = record["task"]
        found += [f"{name}: {who} skipped: {why}" for who, why in record["skipped"].items()]
        found += [f"{name}: {who} FAILED: {why}" for who, why in record["failed"].items()]
        if record.get("disagreement"):
            found.append(f"{name}: RESULTS DIFFER, so there is no ratio: {record['disagreement']}")
        for who, own in record["candidates"].items():
            if own.get("threads", record["threads"]) != record["threads"]:
                found.append(f"{name}: {who} uses {own['threads']} threads, not {record['threads']}")
    noisy = [record for record in records if (record.get("control") or {}).get("noisy")]
    if noisy:
        share = f"{len(noisy)} of {len(records)}"
        found.append(f"NOISY MACHINE: the control, whose work never changes, varied during {share}")
        found += [f"  {record['task']}: {'; '.join(record['control']['reasons'])}" for record in noisy[:5]]
    return found


def failed(record: Record) -> bool:
    return bool(record["failed"] or record.get("disagreement"))


def _goal(ratio: Record) -> str:
    return f"≤ {ratio['goal']:g}: {ratio['goal verdict']}" if "goal" in ratio else ""


def table_of(part: str, records: Sequence[Record], heading: str) -> Table:
    """One table for records of one part that share dtype and threads."""
    names = list(dict.fromkeys(name for r in records for name in r["candidates"]))
    headers = [FIRST_COLUMN.get(part, part), "batch", *names, "torch at its best", "ratio", "verdict", "goal"]
    rows = [row for record in records for row in _rows(record, names)]
    # Columns in which nothing is said are left out.
    kept = [i for i in range(len(headers)) if any(row[i] for row in rows)]
    table = Table(heading, [headers[i] for i in kept], [[row[i] for i in kept] for row in rows])
    legend = [_LEGEND[part]] if part in _LEGEND else []
    table.notes = [*legend, *remarks(records), *_trends(part, records, names)]
    return table


def _rows(record: Record, names: Sequence[str]) -> list[list[str]]:
    """A row for each ratio of a record; the later ones repeat nothing."""
    candidates, unit = record["candidates"], record.get("unit", "seconds")
    cells = [
        _cell(candidates[name], unit, record.get("length", 1))
        if candidates.get(name, {}).get("median")
        else "–"
        for name in names
    ]
    best = "; ".join(own["variant"] for own in candidates.values() if own.get("variant"))
    ratios: dict[str, Record] = record.get("ratios", {})
    words = {"faster": "smaller", "slower": "larger"} if unit == "bytes" else {}
    rows = []
    for name, ratio in ratios.items():
        text = (f"{name} " if len(ratios) > 1 else "") + ratio_text(ratio)
        goal = "not claimed" if record.get("claimed") is False else _goal(ratio)
        rows.append([text, words.get(ratio["verdict"], ratio["verdict"]), goal])
    told = [record["task"], str(record.get("batch", "")), *cells, best]
    first, *rest = rows or [["–", "", ""]]
    return [told + first, *[[""] * len(told) + row for row in rest]]


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """The power of size with which time grows: the slope through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def series_over(
    records: Sequence[Record], name: str, size: str, divide: bool = False
) -> list[tuple[float, float]]:
    """(size, seconds) of one candidate, where it was timed."""
    return [
        (record[size], record["candidates"][name]["median"] / (record[size] if divide else 1))
        for record in records
        if record["candidates"].get(name, {}).get("median")
    ]


def _trends(part: str, records: Sequence[Record], names: Sequence[str]) -> list[str]:
    """What several rows say together."""
    notes = []
    if part == "graph":
        for name in names:
            points = series_over(records, name, "length", divide=True)
            if len(points) > 1:
                power = exponent(*zip(*points))
                notes.append(f"{name}: cost per node grows with length to the power {power:+.3f}")
    if part == "scaling":
        for over in dict.fromkeys(record["over"] for record in records):
            group = [record for record in records if record["over"] == over]
            timed = {name: series_over(group, name, "size") for name in names}
            powers = [f"{name} {exponent(*zip(*p)):.2f}" for name, p in timed.items() if len(p) > 1]
            notes.append(f"time grows with {over} to the power: {', '.join(powers)}")
            if timed.get("numpy") and timed.get("cupy"):
                times = dict(timed["numpy"])
                won = [size for size, seconds in timed["cupy"] if seconds < times.get(size, 0)]
                where = f"from {won[0]:g}" if won else "nowhere"
                notes.append(f"cupy overtakes numpy over {over}: {where}")
    if part in ("ops", "conv"):
        for name in names:
            found = [r["ratios"][name]["ratio"] for r in records if name in r.get("ratios", {})]
            if found:
                mean = float(np.exp(np.mean(np.log(found))))
                notes.append(f"{name}: geometric mean of {len(found)} ratios {mean:.2f}")
    return notes


def tables(results: Record) -> list[Table]:
    """All tables of a result file."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in results["results"]:
        if record["part"] in _ALONE:
            continue
        groups.setdefault((record["part"], record.get("dtype"), record["threads"]), []).append(record)
    made = []
    for (part, dtype, threads), records in groups.items():
        about = ", ".join(filter(None, (dtype, f"{threads} thread{'s' * (threads != 1)}")))
        made.append(table_of(part, records, f"{TITLES[part]} ({about})"))
    return made + [_ALONE[r["part"]](r) for r in results["results"] if r["part"] in _ALONE]


def _about(record: Record) -> str:
    threads = f"{record['threads']} thread{'s' * (record['threads'] != 1)}"
    return f"{record['backend']}, {record['dtype']}, {threads}"


def ceilings(peaks: dict[str, float]) -> str:
    """This machine's peaks, in words."""
    compute, cached, memory = (peaks[name] / 1e9 for name in ("flops/s", "cached bytes/s", "bytes/s"))
    copies = f"a copy {cached:.0f} GB/s in the cache and {memory:.0f} beyond"
    return f"a product reaches {compute:.0f} GFLOP/s, {copies}"


def roofline_of(record: Record) -> Table:
    """Single kernels and what of this machine's peaks they reach."""
    headers = ["kernel", "time", "GFLOP/s", "of peak", "GB/s", "of a copy beyond the cache"]
    table = Table(f"Kernels against the roof ({_about(record)})", headers, notes=remarks([record]))
    for row in record.get("kernels", ()):
        rates = [row[what] / row["seconds"] for what in ("flops", "bytes")]
        shares = [rate / record["peaks"][name] for rate, name in zip(rates, ("flops/s", "bytes/s"))]
        told = [text for rate, share in zip(rates, shares) for text in (f"{rate / 1e9:.3g}", f"{share:.0%}")]
        table.rows.append([row["kernel"], quantity(row["seconds"]), *told])
    if "peaks" in record:
        table.notes.append(ceilings(record["peaks"]))
    return table


def ledger_of(record: Record) -> Table:
    """The cost ledger of a step."""
    headers = [
        "operation",
        "calls",
        "time",
        "of the step",
        "MFLOP",
        "at peak",
        "moved",
        "as a copy",
        "new arrays",
        "of peak",
        "bound by",
    ]
    table = Table(f"Cost ledger: {record['task']}, batch {record['batch']} ({_about(record)})", headers)
    table.notes = remarks([record])
    if "rows" not in record:
        return table
    whole = sum(row["seconds"] for row in record["rows"])
    for row in record["rows"]:
        new = f"{row['allocations']:g}, {quantity(row['allocated'], 'bytes')}" if row["allocations"] else ""
        share = f"{row['share of peak']:.0%}" if row["flops"] or row["bytes"] else ""
        work = f"{row['flops'] / 1e6:.3g}", quantity(arithmetic(row, record))
        work = work if row["flops"] else ("", "")
        moved = quantity(row["bytes"], "bytes"), quantity(traffic(row, record))
        moved = moved if row["bytes"] else ("", "")
        told = f"{row['calls']:g}", quantity(row["seconds"]), f"{row['seconds'] / whole:.0%}"
        table.rows.append([row["operation"], *told, *work, *moved, new, share, row["bound"]])
    table.notes += [
        f"a step takes {quantity(record['seconds'])}, watched {quantity(record['watched'])}",
        ceilings(record["peaks"]),
        f"one step as a trace for Perfetto: {record['trace']}",
    ]
    return table


_ALONE = {"profile": ledger_of, "roofline": roofline_of}  # parts with a table for each record


def arithmetic(row: Record, record: Record) -> float:
    """Seconds that a ledger's row would take at the peak of products."""
    return row["flops"] / record["peaks"]["flops/s"]


def traffic(row: Record, record: Record) -> float:
    """Seconds that copying as many bytes as a ledger's row moves would take, beyond the cache."""
    return row["bytes"] / record["peaks"]["bytes/s"]


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
