"""The page: its parts, which lie beside this file, put together with the data into one file."""
from __future__ import annotations

import functools
import html
import json
import re
from pathlib import Path
from typing import Any

from .summary import Table

_PARTS = Path(__file__).parent / "page"
# In this order: each uses what stands in those before it.
_SCRIPTS = ("words.js", "numbers.js", "tree.js", "pictures.js", "layout.js", "graph.js", "view.js",
            "panels.js", "player.js", "controls.js")
_STYLES = ("page.css", "panels.css", "picture.css", "narrow.css")


def page(data: dict[str, Any], table: Table, limit: int) -> str:
    """The whole page as text, in which `data` and the tensors stand as JSON."""
    parts = {"title": html.escape(data["title"]), "style": "\n".join([_read(name) for name in _STYLES]),
             "licence": _licence(), "dagre": _read("vendor/dagre.min.js"),
             "script": "\n".join([_read(name) for name in _SCRIPTS])}
    template, rest = _read("page.html"), as_script(data)
    room = limit - len(template.encode()) - sum(len(part.encode()) for part in parts.values())
    tensors = table.as_data(room - len(rest.encode()))
    parts["data"] = as_script({**data, "tensors": tensors})
    # In one pass: what looks like a place for a part may stand in another part.
    return re.sub(r"@(\w+)@", lambda match: parts[match[1]], template)


def as_script(data: Any) -> str:
    """JSON that can stand in a page: no text in it can end its element or begin a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"),
                         ("\u2029", "\\u2029")):
        text = text.replace(sign, escape)
    return text


@functools.cache
def _read(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _licence() -> str:
    licence = _read("vendor/LICENSE").split("/*")[0].strip()
    return f"dagre, in this page, is used under this licence:\n\n{licence}"
