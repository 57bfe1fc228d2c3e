"""`minigrad parity`: how near every op is to torch's, as a table and as a page."""

from __future__ import annotations

import importlib
from argparse import Namespace
from collections.abc import Iterator
from contextlib import nullcontext
from difflib import get_close_matches
from typing import Any

from minigrad.atomic import replace_file
from minigrad.cli import UserError
from minigrad.cli.run import load_backend


def run_command(options: Namespace) -> int:
    """Runs `minigrad parity`; the exit code is 0, or 1 where an op differs."""
    load_backend("torch")
    page = importlib.import_module("torch_backend.parity.page")
    try:
        samples = page.chosen(options.ops)
    except KeyError as error:
        [name] = error.args
        near = get_close_matches(name, page.SAMPLES, 3)
        raise UserError(f"unknown op {name!r}{': perhaps ' + ', '.join(near) if near else ''}") from error
    rows: list[Any] = []

    def measured() -> Iterator[Any]:
        for sample in samples:
            rows.append(page.measure(sample, examples=options.examples))
            yield rows[-1]

    # The file is opened first: one that cannot be written is told before the work.
    with nullcontext() if options.html is None else replace_file(options.html) as stream:
        for line in page.lines(measured()):
            print(line, flush=True)
        if stream is not None:
            stream.write(page.page(rows).encode())
    return 1 if any(row.differences for row in rows) else 0
