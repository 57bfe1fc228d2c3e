"""One self-contained HTML page of a result file: tables, plots, environment. It loads nothing."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from . import plots
from .report import Table, tables

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid #ddd }
th, td { white-space: nowrap }
.wide { overflow-x: auto }
.notes { color: #555; font-size: .9em; margin: .3rem 0 1.5rem; padding-left: 1.2rem }
.faster, .smaller { color: #007a59 } .slower, .larger { color: #b34700 }
.loud { color: #b30000; font-weight: 600 }
svg { max-width: 100%; height: auto }
dt { float: left; clear: left; min-width: 12rem; color: #555 } dd { margin: 0 0 0 12rem }
"""
_INTRODUCTION = """\
A ratio is a backend's time divided by its reference's, under 1 is faster; in brackets its 95 % interval.
Candidates took turns in processes of their own, with the same number of threads. No winner is named where the
interval touches 1, and there is no ratio where results differ. torch is quoted at the best of its layouts and
optimizer settings, which the table names."""


def _table(table: Table) -> str:
    def cell(text: str) -> str:
        kind = text if text in ("faster", "slower", "smaller", "larger") else ""
        return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"

    def note(text: str) -> str:
        loud = any(word in text for word in ("NOISY", "FAILED", "DIFFER"))
        return f'<li class="loud">{escape(text)}</li>' if loud else f"<li>{escape(text)}</li>"

    head = "".join(f"<th>{escape(header)}</th>" for header in table.headers)
    rows = "".join(f"<tr>{''.join(map(cell, row))}</tr>\n" for row in table.rows)
    notes = f'<ul class="notes">{"".join(map(note, table.notes))}</ul>' if table.notes else ""
    body = f'<div class="wide"><table><tr>{head}</tr>\n{rows}</table></div>'
    return f"<h2>{escape(table.title)}</h2>\n{body}\n{notes}"


def _picture(path: Path) -> str:
    """An SVG without its XML head, to stand inside the page. Its ids are made the page's own."""
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    for attribute in ('id="', 'xlink:href="#', "url(#"):
        text = text.replace(attribute, attribute + path.stem + "-")
    return text


def _facts(facts: dict[str, Any]) -> str:
    shown = "".join(f"<dt>{escape(str(k))}</dt><dd>{escape(str(v))}</dd>" for k, v in facts.items())
    return f"<dl>{shown}</dl>"


def write(results: dict[str, Any], folder: Path) -> Path:
    """Write the figures and `report.html` into `folder`; gives the page."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = "\n".join(map(_picture, plots.draw(results, folder).values()))
    body = "\n".join(map(_table, tables(results)))
    page = folder / "report.html"
    page.write_text(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>minigrad benchmarks</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>\n'
        f"<h1>minigrad benchmarks</h1>\n<p>{escape(_INTRODUCTION)}</p>\n{pictures}\n{body}\n"
        f"<h2>Environment</h2>{_facts(results['environment'])}\n"
        f"<h2>Settings</h2>{_facts(results['settings'])}\n</body></html>\n",
        encoding="utf-8",
    )
    return page
