"""Two result files side by side: what became slower or larger, with its interval."""

from __future__ import annotations

from typing import Any

from . import intervals
from .report import Table, quantity
from .results import ResultError

Record = dict[str, Any]


def _key(record: Record) -> tuple[Any, ...]:
    return tuple(record.get(name) for name in ("part", "task", "threads", "batch", "dtype"))


def _series(record: Record, name: str | None) -> intervals.Series | None:
    return record["candidates"].get(name, {}).get("series") if name else None


def compare(old: Record, new: Record) -> tuple[Table, bool]:
    """The table of changes, and whether anything became worse.

    A candidate that was measured beside a reference in both files is compared through its ratio to it: how
    fast the machine was on the day cancels. Others are compared as they are.
    """
    before = {_key(record): record for record in old["results"]}
    table = Table(
        "Changes from the first file to the second",
        ["task", "backend", "before", "after", "change", "verdict"],
    )
    worse = False
    for record in new["results"]:
        earlier = before.get(_key(record))
        if earlier is None:
            continue
        unit = record.get("unit", "seconds")
        for name, own in record["candidates"].items():
            then = earlier["candidates"].get(name, {})
            if not own.get("median") or not then.get("median"):
                continue
            beside = {r["ratios"].get(name, {}).get("to") for r in (earlier, record)}
            reference = beside.pop() if len(beside) == 1 else None
            change = intervals.ratio_of_ratios(
                (own["series"], _series(record, reference)), (then["series"], _series(earlier, reference))
            )
            verdict = change.verdict
            if unit == "bytes":
                verdict = {"slower": "larger", "faster": "smaller"}.get(verdict, verdict)
            if change.verdict == "slower" and reference:
                worse, verdict = True, verdict.upper()
            elif change.verdict != "no difference shown" and not reference:
                # A change of what nothing was measured beside may be the machine's: told, no more.
                verdict += " (nothing beside it: its own doing or the machine's)"
            threads = f"{record['threads']} thread{'s' * (record['threads'] != 1)}"
            label = f"{record['part']}, {record['task']}, {threads}"
            medians = [quantity(value, unit) for value in (then["median"], own["median"])]
            shown = f"{change} × {reference}" if reference else str(change)
            table.rows.append([label, name, *medians, shown, verdict])
    if not table.rows:
        raise ResultError("the two files have no measurement in common")
    for key in sorted(old["environment"].keys() | new["environment"].keys()):
        first, second = old["environment"].get(key), new["environment"].get(key)
        if first != second and not key.startswith("load"):
            table.notes.append(f"the files differ in {key}: {first} and {second}")
    noisy = [r["task"] for f in (old, new) for r in f["results"] if (r.get("control") or {}).get("noisy")]
    if noisy:
        table.notes.append(f"the machine was noisy during: {', '.join(dict.fromkeys(noisy))}")
    return table, worse
