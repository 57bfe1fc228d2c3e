"""The command `minigrad`: reads the command line; tells every user's error in one line, exit code 2."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import minigrad


class UserError(Exception):
    """What a user can put right; the message is one line."""


def one_line(error: Exception) -> str:
    """What a user needs to hear of an error."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error).splitlines()[0]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # Without the usage that argparse puts before it: the one line that matters is then the only one.
        self.exit(2, f"{self.prog}: {message}\n")


def _number(kind: type, condition: Callable[[Any], bool], description: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not condition(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {description}")
        return value

    return parse


_count = _number(int, lambda value: value >= 1, "a whole number of at least 1")
_rate = _number(float, lambda value: math.isfinite(value) and value > 0, "a number above 0")
_share = _number(float, lambda value: 0 <= value < 1, "a number from 0 to below 1")
_seed = _number(int, lambda value: 0 <= value < 2**63, "a whole number from 0 to below 2**63")


def make_parser() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The parser of `minigrad` and that of `minigrad train`."""
    parser = _Parser(prog="minigrad", description="A small deep-learning library with PyTorch's numbers.")
    parser.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    train = commands.add_parser(
        "train",
        help="train a small network on handwritten digits, on one backend or several side by side",
        description="Train the same network from the same seed on each backend in turn, and compare.",
    )
    add = train.add_argument
    add("--backend", nargs="+", choices=["numpy", "torch", "cupy"], metavar="NAME",
        help="what computes: numpy, torch, cupy; by default numpy, and torch where it is installed")
    add("--model", choices=["cnn", "mlp", "logreg"], default="cnn", help="cnn (default), mlp or logreg")
    add("--data", nargs="+", default=["digits"], metavar="DATA",
        help="digits (default; 8×8, in the package), mnist DIR (IDX files) or csv FILE (label, then pixels)")
    add("--epochs", type=_count, default=10, metavar="N", help="passes over the images (%(default)s)")
    add("--batch-size", type=_count, default=64, metavar="N", help="images per step (%(default)s)")
    add("--lr", type=_rate, default=0.05, metavar="RATE", help="learning rate of SGD (%(default)s)")
    add("--momentum", type=_share, default=0.9, metavar="SHARE", help="momentum of SGD (%(default)s)")
    add("--seed", type=_seed, default=0, metavar="N", help="of weights, split, order, dropout (%(default)s)")
    add("--dtype", choices=["float64", "float32"], default="float64",
        help="in float64 (default) the backends' rows are equal; in float32 their difference is printed")
    add("--out", metavar="DIR",
        help="for curves, history, checkpoints; by default runs/DATA-MODEL, numbered where that exists; a "
             "folder that holds another run is refused")
    add("--resume", nargs="+", default=[], metavar="FILE",
        help="checkpoints to continue: one for each backend, or one for all; other options come from it")
    parity = commands.add_parser(
        "parity",
        help="compare every op with PyTorch's: values, gradients, second gradients, dtypes, errors",
        description="Compare ops with PyTorch's on random cases; print the largest errors, in ulp.",
    )
    add = parity.add_argument
    add("ops", nargs="*", metavar="OP", help="ops by name; by default all")
    add("--html", metavar="FILE", help="write the table as a page, too")
    add("--examples", type=_count, default=10, metavar="N", help="cases per op and dtype (%(default)s)")
    explain = commands.add_parser(
        "explain",
        help="a walk, step by step with every number: of a program's loss, or of arithmetic",
        description="Explain the gradients of a program's loss, or of arithmetic. The program is run, as "
                    "Python would run it; arithmetic is only read, never run as a program.",
    )
    add = explain.add_argument
    add("what", metavar="WHAT",
        help='FILE.py (its variable loss), FILE.py:NAME, or arithmetic such as "z = (x + y) * (y - 2)"')
    add("values", nargs="*", default=[], metavar="NAME=NUMBER",
        help="a number for each name of the arithmetic, or several as 1,2,3")
    add("--markdown", metavar="FILE", help="write it to a file as Markdown instead")
    return parser, train  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Runs the command line ``argv`` (by default that of the process) and returns the exit code.

    0: done; 1: an op differs from torch's; 2: a user's error, told in one line on stderr; 130: interrupted by
    Ctrl-C, after saving.
    """
    parser, train_parser = make_parser()
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return 2
    try:
        from minigrad.cli import parity, train

        if options.command == "parity":
            return parity.run_command(options)
        if options.command == "explain":
            from minigrad.cli import explain

            return explain.run_command(options)
        if options.resume:
            # What the command line says beats what the checkpoint says, which beats the defaults.
            kept = train.options_of(options.resume)
            train_parser.set_defaults(**kept)
            options = parser.parse_args(argv)
            train.check_kept(options, kept)
        return train.run_command(options)
    except (UserError, OSError) as error:
        print(f"minigrad {options.command}: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"minigrad {options.command}: interrupted", file=sys.stderr)
        return 130
