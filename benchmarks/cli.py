"""The command line of `python -m benchmarks`. A user's error is told in one line, exit code 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from . import compare, fingerprint, report, results
from .backends import BACKENDS
from .measure import Plan
from .parts import PARTS, Settings, run
from .processes import Worker, WorkerError
from .workloads import WORKLOADS

PROGRAM = "python -m benchmarks"
QUICK = Plan(rounds=5, launches=1, selection=1)
DEFAULT_PARTS = ["steps", "memory", "tape", "graph", "imports"]


class UserError(Exception):
    """What a user can put right; the message is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # Without the usage that argparse puts before it: the one line that matters is then the only one.
        self.exit(2, f"{PROGRAM}: {message}\n")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


_DESCRIPTION = """\
Times minigrad and PyTorch on the same work, taking turns, each in its own process.
A ratio under 1 means that minigrad is faster; no winner is named where the interval touches 1,
and no ratio is printed where the losses differ."""
_EPILOG = f"""\
workloads:
{chr(10).join(f"  {w.name:<10} {w.text}, batch {w.batch}" for w in WORKLOADS.values())}

parts:
{chr(10).join(f"  {name:<10} {text}" for name, text in PARTS.items())}

other commands:
  {PROGRAM} compare OLD.json NEW.json    what became slower, with its interval
  {PROGRAM} report FILE.json             a page with tables and plots
  {PROGRAM} pages FILE.json ...          the measured tables of the documentation, written anew

exit codes: 0 done; 1 something failed, or losses differ; 2 wrong arguments; 130 interrupted"""


# fmt: off
def _run_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description=_DESCRIPTION, epilog=_EPILOG,
                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--workload", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), metavar="NAME",
        help="training steps to time (default: all eight, listed below)")
    add("--part", nargs="+", choices=[*PARTS, "all"], metavar="PART",
        help=f"what to measure (default: {' '.join(DEFAULT_PARTS)})")
    add("--backend", nargs="+", choices=BACKENDS, metavar="NAME",
        help=f"of {' '.join(BACKENDS)} (default: all that run here)")
    add("--op", nargs="+", default=[], metavar="NAME",
        help="operations to time, of the registry's names (default: all; implies --part ops)")
    add("--batch", type=_count, metavar="N", help="batch size of the steps (default: each workload's own)")
    add("--threads", nargs="+", type=_count, metavar="N",
        help="thread counts to measure with, the same for every library (default: this machine's cores)")
    add("--dtype", choices=["float32", "float64"], default="float32", metavar="DTYPE",
        help="float32 (default) or float64")
    add("--rounds", type=_count, metavar="N", help=f"turns of each candidate (default: {Plan.rounds})")
    add("--launches", type=_count, metavar="N",
        help=f"fresh processes over which the rounds are spread (default: {Plan.launches})")
    add("--quick", action="store_true",
        help=f"a first impression: {QUICK.rounds} rounds in one launch; intervals are wide")
    add("--profile", action="store_true",
        help="where the steps' time goes, operation by operation (implies --part profile)")
    add("--full", action="store_true", help="graphs of a million nodes too")
    add("--json", metavar="FILE", help="where results go (default: benchmarks/results/DATE-TIME.json)")
    return parser
# fmt: on


def _compare_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"{PROGRAM} compare",
        description="What changed between two result files.",
        epilog="exit codes: 0 nothing became worse, 1 something did, 2 wrong arguments",
    )
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    return parser


def _report_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"{PROGRAM} report",
        description="A page with tables and plots of a result file, and the plots as PNG and SVG.",
    )
    parser.add_argument("results", metavar="FILE.json")
    parser.add_argument(
        "--out", metavar="DIR", help="where to (default: a folder named as the file, beside it)"
    )
    return parser


def _pages_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"{PROGRAM} pages",
        description="Write the measured tables of docs/ anew, and docs/roofline.png, from result files "
        "of benchmarks/results. Of what several of them have measured the last counts.",
    )
    parser.add_argument("results", nargs="+", metavar="FILE.json")
    return parser


def _need_matplotlib() -> None:
    if find_spec("matplotlib") is None:
        raise UserError("plots need matplotlib: pip install matplotlib")


def _pages(options: argparse.Namespace) -> int:
    files = [(Path(name).name, results.load(name)) for name in options.results]
    _need_matplotlib()
    from . import pages

    for path in pages.write(files):
        print(path)
    return 0


def _backends(asked: list[str] | None) -> list[str]:
    if asked is None:
        return [name for name, backend in BACKENDS.items() if backend.unavailable() is None]
    for name in asked:
        reason = BACKENDS[name].unavailable()
        if reason:
            raise UserError(f"--backend {name}: {reason}")
    return list(dict.fromkeys(asked))


def _settings(options: argparse.Namespace) -> Settings:
    available = fingerprint.cores()
    threads = list(dict.fromkeys(options.threads or [available]))
    if max(threads) > available:
        raise UserError(f"--threads {max(threads)}: this process may use {available} cores")
    if options.op:
        with Worker(None, 1) as worker:
            try:
                worker.ask("benchmarks.ops:samples", only=options.op)
            except WorkerError as error:
                raise UserError(f"--op: {str(error).partition(': ')[2]}") from None
    base = QUICK if options.quick else Plan()
    rounds = options.rounds or base.rounds
    plan = Plan(rounds, min(options.launches or base.launches, rounds), base.selection)
    return Settings(
        workloads=list(dict.fromkeys(options.workload)),
        backends=_backends(options.backend),
        threads=threads,
        plan=plan,
        batch=options.batch,
        dtype=options.dtype,
        full=options.full,
        operations=options.op,
        tell=lambda text: print(f"measuring {text}", file=sys.stderr, flush=True),
    )


def _output(asked: str | None) -> Path:
    if asked is None:
        return results.default_path()
    path = Path(asked)
    if path.is_dir():
        raise UserError(f"--json {asked}: is a folder")
    if not path.parent.is_dir():
        raise UserError(f"--json {asked}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UserError(f"--json {asked}: may not be written")
    return path


def _run(options: argparse.Namespace) -> int:
    settings, path = _settings(options), _output(options.json)
    implied = ["ops"] * bool(options.op) + ["profile"] * options.profile
    asked = [*(options.part or (() if implied else DEFAULT_PARTS)), *implied]
    parts = [part for part in PARTS if part in asked or "all" in asked]
    found: dict[str, Any] = {
        "format": results.FORMAT,
        "environment": fingerprint.fingerprint(),
        "settings": {
            "backends": settings.backends,
            "threads": settings.threads,
            "rounds": settings.plan.rounds,
            "launches": settings.plan.launches,
            "dtype": settings.dtype,
            "quick": options.quick,
        },
        "results": [],
    }
    report.write_environment(found)
    interrupted = False
    try:
        for part in parts:
            for record in run(part, settings, found["results"]):
                if "events" in record:
                    name = "-".join([path.stem, record["task"], record["backend"], str(record["threads"])])
                    trace = path.with_name(f"{name}.trace.json")
                    results.save(trace, {"traceEvents": record.pop("events")})
                    record["trace"] = trace.name
                found["results"].append(record)
                results.save(path, found)  # a run is long: whatever ends it, what was measured is kept
    except KeyboardInterrupt:
        interrupted = True
        print(f"{PROGRAM}: interrupted; what was measured is kept", file=sys.stderr)
    found["environment"]["load average at end"] = fingerprint.load_average()
    results.save(path, found)
    for table in report.tables(found):
        report.write(table)
    print(f"\nresults: {path}")
    return 130 if interrupted else int(any(map(report.failed, found["results"])))


def _compare(options: argparse.Namespace) -> int:
    table, worse = compare.compare(results.load(options.old), results.load(options.new))
    report.write(table)
    return int(worse)


def _report(options: argparse.Namespace) -> int:
    found = results.load(options.results)
    _need_matplotlib()
    from . import page

    try:
        written = page.write(found, Path(options.out or Path(options.results).with_suffix("")))
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None
    print(written)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Runs the command line `argv` (by default that of the process) and returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    commands: dict[str, tuple[Callable[[], argparse.ArgumentParser], Callable[[argparse.Namespace], int]]] = {
        "compare": (_compare_parser, _compare),
        "report": (_report_parser, _report),
        "pages": (_pages_parser, _pages),
    }
    make, act = commands.get(argv[0] if argv else "", (_run_parser, _run))
    options = make().parse_args(argv[1:] if act is not _run else argv)
    try:
        return act(options)
    except (UserError, results.ResultError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
