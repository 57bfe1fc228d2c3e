"""`minigrad explain`: a program's last walk, or arithmetic, as a derivation."""

from __future__ import annotations

import io
import re
import sys
from argparse import Namespace
from pathlib import Path

from minigrad.atomic import replace_file
from minigrad.cli import UserError
from minigrad.insight import script
from minigrad.insight.explain import Explanation, explain_expression

_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<name>\w+))?")


def run_command(options: Namespace) -> int:
    """Runs `minigrad explain`; the exit code is 0. Raises UserError for what cannot be explained."""
    found = explanation(options.what, options.values)
    if options.markdown is not None:
        with replace_file(options.markdown) as stream:
            stream.write(found.markdown().encode())
        return 0
    if sys.stdout.isatty():
        from rich.console import Console

        Console(highlight=False).print(found)
    else:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")    # formulas have signs that not every encoding has
        print(found.text(), end="")
    return 0


def explanation(what: str, values: list[str]) -> Explanation:
    """Of FILE.py, of FILE.py:NAME, or of arithmetic with values as NAME=NUMBER."""
    file = _FILE.fullmatch(what)
    try:
        if file is None and not Path(what).is_file():
            return explain_expression(what, _numbers(values))
        if values:
            raise UserError(f"{values[0]!r}: values belong to arithmetic, not to a program")
        return script.explain_file(file["file"], file["name"] or "") if file else script.explain_file(what)
    except (script.ScriptError, ValueError) as error:
        raise UserError(str(error)) from error


def _numbers(values: list[str]) -> dict[str, float | list[float]]:
    """What NAME=NUMBER and NAME=NUMBER,NUMBER,... say."""
    found: dict[str, float | list[float]] = {}
    for value in values:
        name, equals, text = value.partition("=")
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            numbers = []
        if not equals or not numbers:
            raise UserError(f"{value!r} is not NAME=NUMBER, nor NAME=NUMBER,NUMBER,...")
        if name in found:
            raise UserError(f"{name} is given twice")
        found[name] = numbers if "," in text else numbers[0]
    return found


