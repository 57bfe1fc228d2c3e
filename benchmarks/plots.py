"""Plots of a result file. matplotlib is imported only here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .backends import BACKENDS
from .report import exponent, series_over

Record = dict[str, Any]
# Okabe and Ito's colours, which everybody can tell apart.
_COLOURS = dict(zip(BACKENDS, ("#0072B2", "#009E73", "#56B4E9", "#D55E00", "#CC79A7")))
_VERDICTS = {"faster": "#009E73", "slower": "#D55E00", "no difference shown": "#777777"}


def _timed(records: Sequence[Record], part: str) -> list[Record]:
    return [record for record in records if record["part"] == part and record.get("ratios")]


def _ratio_rows(axes: Any, records: Sequence[Record], title: str) -> None:
    """One row per task and backend: the ratio with its interval, and the goal as a bar."""
    rows = [(record, name, ratio) for record in records for name, ratio in record["ratios"].items()]
    many_threads = len({record["threads"] for record in records}) > 1
    many_names = len({name for _, name, _ in rows}) > 1
    labels = []
    for y, (record, name, ratio) in enumerate(rows):
        colour = _VERDICTS[ratio["verdict"]]
        axes.plot([ratio["low"], ratio["high"]], [y, y], color=colour, linewidth=2.5, solid_capstyle="butt")
        axes.plot(ratio["ratio"], y, "o", color=colour, markersize=6)
        if "goal" in ratio:
            axes.plot([ratio["goal"]] * 2, [y - 0.32, y + 0.32], color="black", linewidth=1.2)
        threads = f", {record['threads']} thread{'s' * (record['threads'] > 1)}" if many_threads else ""
        labels.append(record["task"] + threads + (f" ({name})" if many_names else ""))
    axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    _plain_log(
        axes, "x", [end for *_, ratio in rows for end in (ratio["low"], ratio["high"], ratio.get("goal", 1))]
    )
    axes.set_xlabel("ratio to the reference (1: equal; left is better); bars: the goal")
    axes.set_title(title, loc="left")


def _plain_log(axes: Any, which: str, values: Sequence[float]) -> None:
    """A logarithmic axis whose ticks are ordinary numbers, not powers of ten."""
    low, high = min(values) / 1.3, max(values) * 1.3
    factors = (1, 2, 3, 5, 7) if high / low < 20 else (1, 2, 5) if high / low < 1000 else (1,)
    ticks = [factor * 10.0**power for power in range(-6, 7) for factor in factors]
    ticks = [tick for tick in ticks if low <= tick <= high]
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(low, high)
    getattr(axes, f"set_{which}ticks")(ticks, [f"{tick:g}" for tick in ticks])
    getattr(axes, f"set_{which}ticks")([], minor=True)


def _ratios(part: str, title: str) -> Callable[[Any, Sequence[Record]], Any]:
    def draw(pyplot: Any, records: Sequence[Record]) -> Any:
        chosen = _timed(records, part)
        if not chosen:
            return None
        rows = sum(len(record["ratios"]) for record in chosen)
        figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.32 * rows))
        _ratio_rows(axes, chosen, title)
        return figure

    return draw


def _graph(pyplot: Any, records: Sequence[Record]) -> Any:
    chosen = [record for record in records if record["part"] == "graph"]
    if not chosen:
        return None
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name in dict.fromkeys(name for record in chosen for name in record["candidates"]):
        points = series_over(chosen, name, "length", divide=True)
        if points:
            lengths, times = zip(*points)
            axes.plot(lengths, [1e6 * t for t in times], "o-", color=_COLOURS[name], label=name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("nodes in the graph")
    axes.set_ylabel("µs per node, forward and backward")
    axes.set_title("Cost per node against the length of the graph", loc="left")
    axes.legend(frameon=False)
    return figure


def _scaling(pyplot: Any, records: Sequence[Record]) -> Any:
    chosen = [record for record in records if record["part"] == "scaling"]
    kinds = list(dict.fromkeys((record["over"], record["threads"]) for record in chosen))
    if not kinds:
        return None
    figure, grid = pyplot.subplots(1, len(kinds), figsize=(4.6 * len(kinds), 4), squeeze=False)
    for axes, (over, threads) in zip(grid[0], kinds):
        group = [r for r in chosen if (r["over"], r["threads"]) == (over, threads)]
        for name in dict.fromkeys(name for record in group for name in record["candidates"]):
            points = series_over(group, name, "size")
            if len(points) < 2:
                continue
            sizes, times = zip(*points)
            label = f"{name}: size to the power {exponent(sizes, times):.2f}"
            axes.plot(sizes, [1e3 * t for t in times], "o-", color=_COLOURS[name], label=label)
        axes.set_xscale("log", base=2)
        own = [o["median"] * 1e3 for r in group for o in r["candidates"].values() if o.get("median")]
        _plain_log(axes, "y", own)
        axes.set_xticks([r["size"] for r in group], [str(r["size"]) for r in group])
        axes.set_xlabel(over)
        axes.set_ylabel("ms per step")
        axes.set_title(f"{over}, {threads} thread{'s' * (threads > 1)}", loc="left")
        axes.legend(frameon=False)
    return figure


def _operations(pyplot: Any, records: Sequence[Record]) -> Any:
    """Every operation as a point: how long the reference takes, and the ratio. The furthest are named."""
    chosen = _timed(records, "ops") + _timed(records, "conv")
    points = [(record["candidates"][ratio["to"]]["median"], ratio, record["task"])
              for record in chosen for ratio in record["ratios"].values()]  # fmt: skip
    if not points:
        return None
    figure, axes = pyplot.subplots(figsize=(9, 5.5))
    for verdict, colour in _VERDICTS.items():
        group = [
            (1e6 * seconds, ratio["ratio"]) for seconds, ratio, _ in points if ratio["verdict"] == verdict
        ]
        if group:
            axes.plot(*zip(*group), "o", color=colour, alpha=0.7, label=f"{verdict} ({len(group)})")
    by_ratio = sorted(points, key=lambda point: point[1]["ratio"])
    for seconds, ratio, name in by_ratio[:3] + by_ratio[-3:]:
        axes.annotate(
            name, (1e6 * seconds, ratio["ratio"]), xytext=(4, 4), textcoords="offset points", fontsize=7
        )
    axes.axhline(1, color="black", linewidth=0.8, linestyle=":")
    _plain_log(axes, "x", [1e6 * seconds for seconds, *_ in points])
    _plain_log(axes, "y", [ratio["ratio"] for _, ratio, _ in points])
    axes.set_xlabel("µs that the reference takes")
    axes.set_ylabel("ratio to the reference (below 1 is faster)")
    axes.set_title("Operations", loc="left")
    axes.legend(frameon=False)
    return figure


def _ledgers(pyplot: Any, records: Sequence[Record]) -> Any:
    """Operations of the ledgers under the machine's ceilings; areas are shares of the step's time."""
    chosen = [record for record in records if record["part"] == "profile" and "rows" in record]
    if not chosen:
        return None
    figure, grid = pyplot.subplots(1, len(chosen), figsize=(5.2 * len(chosen), 4.2), squeeze=False)
    for axes, record in zip(grid[0], chosen):
        compute, bandwidth = (record["peaks"][peak] / 1e9 for peak in ("flops/s", "bytes/s"))
        rows = [row for row in record["rows"] if row["flops"] and row["bytes"]]
        points = [(row["flops"] / row["bytes"], row["flops"] / row["seconds"] / 1e9) for row in rows]
        intensities = sorted([x for x, _ in points] + [compute / bandwidth])
        ends = [intensities[0] / 2, compute / bandwidth, intensities[-1] * 2]
        axes.plot(ends, [min(compute, bandwidth * x) for x in ends], color="black", linewidth=1)
        total = sum(row["seconds"] for row in record["rows"])
        largest = sorted(zip(points, rows), key=lambda point: -point[1]["seconds"])
        for number, ((x, y), row) in enumerate(largest, 1):
            share = row["seconds"] / total
            label = f"{number} {row['operation']}, {share:.0%}" if share > 0.02 else "_"
            axes.scatter(x, y, s=1500 * share + 8, color=_COLOURS["numpy"], alpha=0.5, linewidths=0)
            axes.plot(x, y, ".", markersize=1, color=_COLOURS["numpy"], label=label)
            if share > 0.02:
                axes.annotate(str(number), (x, y), fontsize=7, ha="center", va="center")
        axes.legend(frameon=False, fontsize=7, loc="lower right", handlelength=0, handletextpad=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("floating point operations per byte moved")
        axes.set_ylabel("GFLOP/s; line: this machine's ceilings")
        axes.set_title(
            f"{record['task']} ({record['backend']}, threads: {record['threads']})", loc="left"
        )
    return figure


GROUPS = {  # the kernels of the roofline: their names begin so
    "matmul": ("matmul",), "convolution by patches": ("conv",), "convolution by tiles": ("conv",),
    "norms": ("batch norm", "layer norm"), "pooling, relu": ("max pool", "relu"),
    "softmax, gelu": ("softmax", "gelu"), "SGD": ("SGD",),
}  # fmt: skip
_MARKS = dict(zip(GROUPS, (("s", "#000000"), ("o", "#0072B2"), ("D", "#009E73"), ("^", "#D55E00"),
                           ("v", "#CC79A7"), ("P", "#E69F00"), ("X", "#56B4E9"))))  # fmt: skip


def group_of(kernel: str) -> str:
    """The group of GROUPS that a kernel belongs to."""
    if kernel.startswith("conv"):
        return "convolution by tiles" if kernel.endswith("tiles") else "convolution by patches"
    return next(group for group, names in GROUPS.items() if kernel.startswith(names))


def _roofline(pyplot: Any, records: Sequence[Record]) -> Any:
    """Single kernels under the machine's ceilings, one picture for each backend, numbered in one list."""
    chosen = [record for record in records if record["part"] == "roofline" and "kernels" in record]
    if not chosen:
        return None
    size = 5.6 * len(chosen), 6.4
    figure, grid = pyplot.subplots(1, len(chosen), figsize=size, squeeze=False, sharey=True)
    names = list(dict.fromkeys(row["kernel"] for record in chosen for row in record["kernels"]))
    for axes, record in zip(grid[0], chosen):
        compute, cached, memory = (record["peaks"][p] / 1e9 for p in ("flops/s", "cached bytes/s", "bytes/s"))
        rows = record["kernels"]
        points = [(row["flops"] / row["bytes"], row["flops"] / row["seconds"] / 1e9) for row in rows]
        ends = min(x for x, _ in points) / 2, max(x for x, _ in points) * 2
        for bandwidth, style, where in ((memory, "-", "beyond the cache"), (cached, ":", "in the cache")):
            line = [ends[0], compute / bandwidth, ends[1]]
            axes.plot(line, [min(compute, bandwidth * x) for x in line], style, color="black", linewidth=1,
                      label=f"copy {where}: {bandwidth:.0f} GB/s")  # fmt: skip
        for row, (x, y) in zip(rows, points):
            marker, colour = _MARKS[group_of(row["kernel"])]
            axes.plot(x, y, marker, color=colour, markersize=5)
            number = str(names.index(row["kernel"]) + 1)
            axes.annotate(number, (x, y), xytext=(4, 2), textcoords="offset points", fontsize=7, color=colour)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("operations of the definition per byte of operands and results")
        threads = f"{record['threads']} thread{'s' * (record['threads'] > 1)}"
        axes.set_title(f"{record['backend']}, {threads}; products reach {compute:.0f} GFLOP/s", loc="left")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    grid[0][0].set_ylabel("GFLOP/s")
    listed = [f"{number} {name}" for number, name in enumerate(names, 1)]
    each = -(-len(listed) // 4)
    for column in range(4):
        text = "\n".join(listed[column * each : (column + 1) * each])
        figure.text(0.06 + 0.235 * column, 0.005, text, fontsize=8, va="bottom")
    return figure


FIGURES: dict[str, Callable[[Any, Sequence[Record]], Any]] = {
    "steps": _ratios("steps", "Time of a training step"),
    "memory": _ratios("memory", "Peak memory of five steps"),
    "tape": _ratios("tape", "What recording costs"),
    "graph": _graph,
    "scaling": _scaling,
    "operations": _operations,
    "jobs": _ratios("jobs", "Time of an epoch of a program"),
    "ledgers": _ledgers,
    "roofline": _roofline,
}


def draw_one(name: str, records: Sequence[Record], *paths: Path) -> bool:
    """Write the figure `name` to files, of the kind that their ending says; False where there is nothing in
    it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    style = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 9, "svg.fonttype": "path",
             "svg.hashsalt": "minigrad", "savefig.dpi": 150}  # fmt: skip
    with pyplot.rc_context(style):
        figure = FIGURES[name](pyplot, records)
        if figure is None:
            return False
        figure.tight_layout(rect=(0, 0.14 * (name == "roofline"), 1, 1))
        for path in paths:
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(figure)
    return True


def draw(results: Record, folder: Path) -> dict[str, Path]:
    """Write every figure that the results allow as PNG and SVG; gives the SVGs by name."""
    paths = {name: [folder / f"{name}.{ending}" for ending in ("svg", "png")] for name in FIGURES}
    return {name: own[0] for name, own in paths.items() if draw_one(name, results["results"], *own)}
