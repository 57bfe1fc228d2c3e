"""docs/sizes.md says how large minigrad is; it must not be out of date by more than a fifth."""
from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

HINT = "{}: python docs/sizes.py --write"
PAGE = Path(__file__).parents[1] / "docs" / "sizes.md"


def load() -> Any:
    spec = importlib.util.spec_from_file_location("sizes", PAGE.with_suffix(".py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(text: str) -> dict[str, list[str]]:
    """First column -> the others, of all tables of a page."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
             if line.startswith("|") and "---" not in line]
    return {first: rest for first, *rest in cells if first}


def count(cell: str) -> int:
    return int(cell.replace(",", ""))


def test_the_page_is_up_to_date() -> None:
    pages = [rows(text) for text in (PAGE.read_text(), load().page())]
    limits, parts = ([{name: row for name, row in page.items() if len(row) == length and name != "part"}
                      for page in pages] for length in (3, 5))
    assert len(limits[0]) == 3 and len(parts[0]) > 10
    written, counted = ({name: count(row[2]) for name, row in page.items()} for page in parts)
    for name in written | counted:              # a part that the page does not know may be small
        now = counted.get(name, 0)
        assert written.get(name, 0) == pytest.approx(now, rel=0.2, abs=100), HINT.format(name)
    for name, (number, limit, verdict) in limits[1].items():
        then, same_limit, said = limits[0][name]
        assert limit == same_limit and verdict.split()[0] == said.split()[0], HINT.format(name)
        assert count(then) == pytest.approx(count(number), rel=0.2, abs=100), HINT.format(name)


def test_what_counts_as_code(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text('"""Two\nlines."""\n# a comment\n\ndef f(x):\n    """A docstring."""\n    return (\n'
                    '        x)      # code\n\n\nclass C:\n    """Only this."""\n'
                    '    text = """no\ndocstring"""\n')
    assert load().code_lines(file) == 6
