"""Training steps on a GPU: minigrad against PyTorch at its best settings, per workload and precision.

    python -m benchmarks.gpu compile
    python -m benchmarks.gpu steps --library torch --precision tf32 --out torch-tf32.json
    python -m benchmarks.gpu table FOLDER

`compile` takes two steps of every workload with minigrad: CuPy compiles its kernels when they are first
called for, and keeps them on disk.

Precisions: fp32 (IEEE), tf32 (products rounded to 10 bits), bf16 (autocast). PyTorch is quoted at the fastest
of its layouts and optimizers, and that one also replayed as a CUDA graph; minigrad has no graphs yet. Losses
of the first steps must agree, or no ratio is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from .fingerprint import fingerprint
from .timing import time_blocks
from .workloads import WORKLOADS, Step

PRECISIONS = ("fp32", "tf32", "bf16")
AGREE = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 5e-2}  # relative, over the first losses
LOSSES, WARM_UP, BLOCKS, BLOCK_SECONDS, BATCH = 20, 20, 10, 0.03, 64


def load(library: str, precision: str, device: str) -> Any:
    """The library, its products in that precision."""
    if device == "cuda":
        os.environ["CUPY_TF32"] = str(int(precision == "tf32"))  # CuPy reads it before its first product
    B = importlib.import_module("torch_backend" if library == "torch" else "minigrad")
    if library == "torch" and device == "cuda":
        B.backends.cudnn.benchmark = True
        B.backends.cudnn.allow_tf32 = B.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    return B


def variants(library: str, workload: Any) -> list[dict[str, bool]]:
    """The settings at which the library may be at its best."""
    if library != "torch":
        return [{}]
    layouts: list[dict[str, bool]] = [{}, {"channels_last": True}] if workload.images else [{}]
    return [a | b for a, b in itertools.product(layouts, ({"foreach": True}, {"fused": True}))]


def step_of(B: Any, name: str, precision: str, device: str, options: dict[str, bool]) -> Callable[[], Any]:
    """One training step, in autocast where that is the precision."""
    workload = WORKLOADS[name]
    step = Step(B, workload, max(BATCH, workload.batch), "float32", device, options)

    def call() -> Any:
        with B.autocast(device, dtype=B.bfloat16) if precision == "bf16" else contextlib.nullcontext():
            return step()

    return call


def timed(step: Callable[[], Any], synchronize: Callable[[], Any]) -> dict[str, Any]:
    """Seconds per step, waited for, by blocks; and what the host alone takes to hand the work over."""
    for _ in range(WARM_UP):
        step()
    synchronize()
    start = time.perf_counter()
    for _ in range(5):
        step()
    enqueued = time.perf_counter() - start
    synchronize()
    steps = max(1, round(BLOCK_SECONDS * 5 / max(1e-9, time.perf_counter() - start)))
    blocks = time_blocks(step, steps, BLOCKS, synchronize, lambda loss: loss.item())
    return {"median": median(blocks), "blocks": blocks, "steps": steps, "host": enqueued / 5}


def replayed(B: Any, step: Callable[[], Any]) -> Callable[[], Any]:
    """PyTorch's step captured as a CUDA graph; its loss is the same tensor after each replay."""
    side = B.cuda.Stream()
    side.wait_stream(B.cuda.current_stream())
    with B.cuda.stream(side):
        for _ in range(3):
            step()
    B.cuda.current_stream().wait_stream(side)
    graph = B.cuda.CUDAGraph()
    with B.cuda.graph(graph):
        loss = step()

    def call() -> Any:
        graph.replay()
        return loss

    return call


def attempt(rows: list[dict[str, Any]], about: dict[str, Any], run: Callable[[], dict[str, Any]]) -> None:
    """Add what `run` gives, or why it failed: the others go on."""
    try:
        rows.append(about | run())
    except Exception as error:  # noqa: BLE001 - one library's or one setting's failure is a result
        rows.append(about | {"error": f"{type(error).__name__}: {str(error).splitlines()[:1]}"})
    print(json.dumps({k: v for k, v in rows[-1].items() if k != "blocks"}), flush=True)


def steps(library: str, precision: str, device: str, names: list[str], out: Path) -> None:
    """Every workload's losses and times, written after each so that a kill loses little."""
    B = load(library, precision, device)
    synchronize = B.cuda.synchronize if device == "cuda" else lambda: None
    rows: list[dict[str, Any]] = []
    for name in names:
        about: dict[str, Any] = {"workload": name, "library": library, "precision": precision}

        def losses(options: dict[str, bool], name: str = name) -> dict[str, Any]:
            step = step_of(B, name, precision, device, options)
            return {"losses": [step().item() for _ in range(LOSSES)]}

        def eager(options: dict[str, bool], name: str = name) -> dict[str, Any]:
            return timed(step_of(B, name, precision, device, options), synchronize)

        def graph(options: dict[str, bool], name: str = name) -> dict[str, Any]:
            return timed(replayed(B, step_of(B, name, precision, device, options)), synchronize)

        attempt(rows, about | {"what": "losses"}, lambda losses=losses: losses({}))
        for options in variants(library, WORKLOADS[name]):
            attempt(rows, about | {"what": "eager", "options": options},
                    lambda eager=eager, options=options: eager(options))
        fastest = min([row for row in rows if row["workload"] == name and "median" in row],
                      key=lambda row: row["median"], default=None)  # fmt: skip
        if library == "torch" and device == "cuda" and fastest:
            options = fastest["options"] | (
                {"capturable": True} if WORKLOADS[name].optimizer == "adamw" else {})  # fmt: skip
            attempt(rows, about | {"what": "graph", "options": options},
                    lambda graph=graph, options=options: graph(options))
        # Whole at any moment: a stage that takes too long is killed.
        part = out.with_suffix(".part")
        part.write_text(json.dumps({"machine": machine(B, device), "rows": rows}, indent=1))
        part.replace(out)


def compile_all(device: str) -> None:
    """Two steps of every workload in float32 and in bfloat16."""
    B = load("minigrad", "fp32", device)
    for precision, name in itertools.product(("fp32", "bf16"), WORKLOADS):
        start = time.perf_counter()

        def run(precision: str = precision, name: str = name) -> dict[str, Any]:
            step = step_of(B, name, precision, device, {})
            return {"loss": [step().item() for _ in range(2)][-1]}

        attempt([], {"workload": name, "precision": precision}, run)
        print(f"{time.perf_counter() - start:.1f} s", flush=True)


def machine(B: Any, device: str) -> dict[str, Any]:
    gpu = {"gpu": B.cuda.get_device_name()} if device == "cuda" else {}
    return fingerprint() | gpu


def best(rows: list[dict[str, Any]], library: str, what: str) -> float | None:
    times = [row["median"] for row in rows if (row["library"], row["what"]) == (library, what)
             and "median" in row]  # fmt: skip
    return min(times, default=None)


def disagreement(rows: list[dict[str, Any]]) -> float | None:
    """The largest relative difference between the two libraries' losses; None where one has none."""
    found = {row["library"]: row["losses"] for row in rows if "losses" in row}
    if len(found) < 2:
        return None
    return max(abs(a - b) / max(abs(a), abs(b), 1e-9) for a, b in zip(*found.values()))


def table(folder: Path) -> str:
    """The ratios of all files of a folder, as Markdown."""
    rows = [row for path in sorted(folder.glob("*.json")) for row in json.loads(path.read_text())["rows"]]
    lines = ["| precision | workload | minigrad ms | torch eager ms | ratio | torch graph ms | losses |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for precision, name in itertools.product(PRECISIONS, WORKLOADS):
        own = [row for row in rows if (row["precision"], row["workload"]) == (precision, name)]
        if not own:
            continue
        times = best(own, "minigrad", "eager"), best(own, "torch", "eager"), best(own, "torch", "graph")
        shown = ["–" if value is None else f"{value * 1e3:.3f}" for value in times]
        differ = disagreement(own)
        agreed = differ is not None and differ <= AGREE[precision]
        ratio = f"{times[0] / times[1]:.2f}" if agreed and times[0] and times[1] else "–"
        said = "missing" if differ is None else f"{differ:.1e}" + ("" if agreed else ": **differ**")
        lines.append(f"| {precision} | {name} | {shown[0]} | {shown[1]} | {ratio} | {shown[2]} | {said} |")
    errors = sorted({f"- {r['library']} {r['precision']} {r['workload']} {r['what']}: {r['error']}"
                     for r in rows if "error" in r})  # fmt: skip
    return "\n".join(lines + ["", *errors])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    measure = commands.add_parser("steps")
    measure.add_argument("--library", choices=("minigrad", "torch"), required=True)
    measure.add_argument("--precision", choices=PRECISIONS, required=True)
    measure.add_argument("--device", default="cuda")
    measure.add_argument("--workloads", nargs="+", default=list(WORKLOADS), choices=list(WORKLOADS))
    measure.add_argument("--out", type=Path, required=True)
    commands.add_parser("compile").add_argument("--device", default="cuda")
    commands.add_parser("table").add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "table":
        print(table(options.folder))
    elif options.command == "compile":
        compile_all(options.device)
    else:
        steps(options.library, options.precision, options.device, options.workloads, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
