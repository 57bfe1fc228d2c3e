"""The measured parts of the documentation, made from result files: what stands between

    <!-- measured: NAME -->  and  <!-- end -->

is written anew, and the roofline drawn. Of a measurement that several files hold, the last counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from . import plots
from .processes import ROOT
from .report import Record, arithmetic, ceilings, quantity, traffic
from .results import ResultError

PICTURE = "roofline.png"
PAGES = ("benchmarks.md", "where_the_time_goes.md")
BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.S)
HEAVY = 0.04  # rows of a ledger below this share of the step are left out
PRODUCTS = ("linear", "mm", "bmm", "mv", "conv2d", "attention")  # operations that are sums of products


def _markdown(headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 1) -> str:
    """A table; columns from `numbers` on are set to the right."""
    rules = ["---" if place < numbers else "---:" for place in range(len(headers))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headers, rules, *rows))


def _own(record: Record, names: Sequence[str]) -> list[str]:
    """The times of a record's candidates."""
    timed = [record["candidates"].get(name, {}).get("median") for name in names]
    return [quantity(median) if median else "–" for median in timed]


def _ratio(record: Record, name: str) -> str:
    ratio = record.get("ratios", {}).get(name)
    return f"{ratio['ratio']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]" if ratio else "–"


def _of(records: Sequence[Record], part: str) -> list[Record]:
    return [record for record in records if record["part"] == part]


def _ours(records: Sequence[Record]) -> list[str]:
    names = [name for record in records for name in record["ratios"]]
    return list(dict.fromkeys(names))


def _noise(records: Sequence[Record]) -> str:
    noisy = [record["task"] for record in records if (record.get("control") or {}).get("noisy")]
    return f"\n\nThe control varied during: {', '.join(noisy)}." if noisy else ""


def steps(records: Sequence[Record]) -> str:
    """Times of a step, and their ratios to torch's."""
    found = _of(records, "steps")
    ours = _ours(found)
    goals = [next((f"≤ {ratio['goal']:g}" for ratio in r["ratios"].values()), "–") for r in found]
    rows = [[r["task"], *_own(r, [*ours, "torch"]), *[_ratio(r, name) for name in ours], goal]
            for r, goal in zip(found, goals)]  # fmt: skip
    headers = ["workload", *ours, "torch at its best", *[f"{name} / torch" for name in ours], "goal"]
    return _markdown(headers, rows) + _noise(found)


def memory(records: Sequence[Record]) -> str:
    """Peak memory of five steps, as ratios."""
    found = [record for record in _of(records, "memory") if record["claimed"]]
    ours = _ours(found)
    return _markdown(["peak memory", *[f"{name} / torch" for name in ours]],
                     [[r["task"], *[_ratio(r, name) for name in ours]] for r in found])  # fmt: skip


def tape(records: Sequence[Record]) -> str:
    """What recording and importing cost, as ratios."""
    rows = [[r["task"], _ratio(r, "numpy")] for r in (*_of(records, "tape"), *_of(records, "graph"))]
    imports = [[f"{r['task']}, to `import numpy`", _ratio(r, "minigrad")] for r in _of(records, "imports")]
    return _markdown(["", "numpy / torch"], [*rows, *imports])


def jobs(records: Sequence[Record]) -> str:
    """Samples per second of whole programs, and of the steps of the classifier."""
    found = [*_of(records, "jobs"), *[r for r in _of(records, "steps") if r["task"] == "cnn-seed"]]
    ours, rows = _ours(found), []
    for record in found:
        name = f"`{record['task']}`" if record["part"] == "jobs" else f"{record['task']}, steps alone"
        timed = [record["candidates"].get(candidate, {}) for candidate in (*ours, "torch")]
        rates = [own.get("samples", record.get("batch")) / own["median"] if own.get("median") else None
                 for own in timed]  # fmt: skip
        speeds = [f"{rate:,.0f}" if rate else "–" for rate in rates]
        rows.append([name, *speeds, *[_ratio(record, candidate) for candidate in ours]])
    headers = ["samples per second", *ours, "torch", *[f"{name} / torch, time" for name in ours]]
    return _markdown(headers, rows) + _noise(found)


def _by_backend(records: Sequence[Record]) -> Iterator[tuple[str, dict[str, Record]]]:
    """(workload, its ledger on each backend)."""
    found = [record for record in _of(records, "profile") if "rows" in record]
    for task in dict.fromkeys(record["task"] for record in found):
        yield task, {record["backend"]: record for record in found if record["task"] == task}


def shares(records: Sequence[Record]) -> str:
    """Of each step: what its arithmetic and its traffic would take at the machine's peaks, and its parts."""
    rows = []
    for task, ledgers in _by_backend(records):
        for backend, record in ledgers.items():
            parts = dict.fromkeys(("products", "other", "optimizer", "tape, Python"), 0.0)
            for row in record["rows"]:
                name = row["operation"].split()[0]
                kind = "products" if name in PRODUCTS or name.startswith("conv2d") else "other"
                parts[row["operation"] if row["operation"] in parts else kind] += row["seconds"]
            whole = sum(parts.values())
            ideal = [sum(rate(row, record) for row in record["rows"]) for rate in (arithmetic, traffic)]
            rows.append([f"{task}, {backend}", quantity(record["seconds"]), *map(quantity, ideal),
                         *[f"{seconds / whole:.0%}" for seconds in parts.values()]])  # fmt: skip
    return _markdown(["workload", "a step", "its arithmetic at peak", "its traffic as copies", "products",
                      "other kernels", "optimizer", "tape, Python"], rows)  # fmt: skip


def ledgers(records: Sequence[Record]) -> str:
    """The heavy rows of each step's ledger, the backends side by side."""
    told = []
    for task, found in _by_backend(records):
        first = next(iter(found.values()))
        seconds = {b: {row["operation"]: row["seconds"] for row in r["rows"]} for b, r in found.items()}
        rows = []
        for row in sorted(first["rows"], key=lambda row: -row["seconds"]):
            times = [own.get(row["operation"], 0.0) for own in seconds.values()]
            if any(t > HEAVY * sum(own.values()) for t, own in zip(times, seconds.values())):
                ideal = [quantity(rate(row, first)) if row["bytes"] else "" for rate in (arithmetic, traffic)]
                calls = f"{row['calls']:g}" if row["calls"] else ""
                rows.append([row["operation"], calls, *map(quantity, times), *ideal])
        name = f"{task}, batch {first['batch']}"
        told.append(_markdown([name, "calls", *found, "arithmetic at peak", "traffic as a copy"], rows))
    return "\n\n".join(told)


def kernels(records: Sequence[Record]) -> str:
    """Each kernel's time, what it reaches, and of which ceiling that is how much."""
    found = [record for record in _of(records, "roofline") if "kernels" in record]
    rows: dict[str, list[str]] = {}
    for record in found:
        for row in record["kernels"]:
            compute, moving = arithmetic(row, record), traffic(row, record)
            share = f"{max(compute, moving) / row['seconds']:.0%}"
            own = rows.setdefault(row["kernel"], [row["kernel"], "product" if compute > moving else "copy"])
            own += [quantity(row["seconds"]), share]
    told = [text for record in found for text in (record["backend"], "of that")]
    peaks = "; ".join(f"{record['backend']}'s run: {ceilings(record['peaks'])}" for record in found)
    table = _markdown(["kernel", "nearest roof", *told], list(rows.values()), 2)
    return f"![Kernels under the two roofs]({PICTURE})\n\n{table}\n\nCeilings: {peaks}."


TABLES: dict[str, Callable[[Sequence[Record]], str]] = {
    "steps": steps, "memory": memory, "tape": tape, "jobs": jobs, "shares": shares, "ledgers": ledgers,
    "kernels": kernels,
}  # fmt: skip


def merged(files: Sequence[tuple[str, Record]]) -> tuple[list[Record], dict[str, list[str]]]:
    """(the records of all files, of each measurement the last; part -> the files that it is from)."""
    found: dict[tuple[Any, ...], tuple[Record, str]] = {}
    for name, results in files:
        for record in results["results"]:
            key = tuple(record.get(what) for what in ("part", "task", "backend", "threads", "dtype"))
            found[key] = record, name
    sources: dict[str, list[str]] = {}
    for record, name in found.values():
        sources.setdefault(record["part"], []).append(name)
    return [record for record, _ in found.values()], sources


def page(text: str, files: Sequence[tuple[str, Record]]) -> str:
    """The page with its measured blocks written anew."""
    records, sources = merged(files)
    parts = {"shares": ["profile"], "ledgers": ["profile"], "kernels": ["roofline"],
             "jobs": ["jobs", "steps"], "tape": ["tape", "graph", "imports"]}  # fmt: skip

    def block(found: re.Match[str]) -> str:
        name = found[2]
        if name not in TABLES:
            raise ResultError(f"a page asks for {name!r}, which is none of {', '.join(TABLES)}")
        needed = parts.get(name, [name])
        if needed[0] not in sources:
            command = f"python -m benchmarks --part {' '.join(needed)}"
            return f"{found[1]}\nNot measured yet: `{command}`.\n{found[3]}"
        table = TABLES[name](records)
        used = {file for part in needed for file in sources.get(part, ())}
        told = ", ".join(f"`results/{file}`" for file, _ in files if file in used)
        return f"{found[1]}\n{table}\n\nFrom {told}.\n{found[3]}"

    return BLOCK.sub(block, text)


def write(files: Sequence[tuple[str, Record]], folder: Path = ROOT / "docs") -> list[Path]:
    """Write all pages and the roofline's picture anew; gives what was written."""
    texts = {folder / name: page((folder / name).read_text(encoding="utf-8"), files) for name in PAGES}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    drawn = plots.draw_one("roofline", merged(files)[0], folder / PICTURE)
    return [*texts, *[folder / PICTURE] * drawn]
