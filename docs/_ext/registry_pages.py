"""Pages that the package itself fills: `ops-table`, every operator with its formulas, and `api`, the
docstrings of all public names of a room."""
import importlib
import inspect
import re
from collections import defaultdict

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

import minigrad
from minigrad.engine import REGISTRY


def _literal(text: str) -> str:
    return f"``{text}``" if text.strip() else ""


class Filled(SphinxDirective):
    """A directive whose text is written by `lines`."""

    def run(self):
        node = nodes.section(document=self.state.document)
        lines = "\n".join(self.lines()).split("\n")
        self.state.nested_parse(StringList(lines, "generated"), 0, node, match_titles=1)
        return node.children


class OpsTable(Filled):
    """The operators of the registry, by the file that defines them."""

    def lines(self):
        importlib.import_module("minigrad.nn")          # which defines the last of them
        rooms = defaultdict(list)
        for row in REGISTRY.values():
            rooms[row.forward.__module__].append(row)
        for room, rows in sorted(rooms.items()):
            yield from (room, "^" * len(room), "")
            summary = inspect.getdoc(importlib.import_module(room)) or ""
            yield from (_text(summary.partition("\n\n")[0]), "")
            yield from (".. list-table::", "   :header-rows: 1", "", "   * - op", "     - result",
                        "     - gradients, operand by operand", "     - node, as in torch")
            for row in rows:
                yield f"   * - {_literal(row.name)}"
                yield f"     - {_literal(row.formula[0] if row.formula else '')}"
                names = row.operands if len(row.formula) > 2 else row.operands[:1]
                gradients = [f"{name}: {_literal(formula)}"
                             for name, formula in zip(names, row.formula[1:]) if formula != "–"]
                yield "     - | " + "\n       | ".join(gradients) if gradients else "     - none"
                yield f"     - {_literal(row.node_class.__name__)}"
            yield ""


class Api(Filled):
    """The public names of a module, each with its signature and docstring."""

    required_arguments = 1
    option_spec = {"only": directives.unchanged}

    def lines(self):
        room = self.arguments[0]
        module = importlib.import_module(room)
        only = self.options.get("only", "").split()
        public = getattr(module, "__all__", None)
        names = only or public or [name for name in dir(module) if not name.startswith("_")]
        for name in sorted(names, key=str.lower):
            held = getattr(module, name)
            home = getattr(held, "__module__", "") or ""
            if inspect.ismodule(held) or not home.startswith("minigrad") or not callable(held):
                continue
            kind = "autoclass" if inspect.isclass(held) else "autofunction"
            yield from (f".. {kind}:: {room}.{name}", "   :no-index:", "")


def _text(paragraph: str) -> str:
    """Words of a docstring as reStructuredText reads them: only `code` is markup."""
    parts = re.split(r"(``.+?``|`[^`]+`)", paragraph.replace("\n", " "))
    return "".join(_literal(bare) if part.startswith("`") and (bare := part.strip("`")) == bare.strip()
                   else re.sub(r"([*_|\\`])", r"\\\1", part) for part in parts)


def plain_docstrings(app, what, name, obj, options, lines):
    """Docstrings here are prose with `code` in it and indented examples; what is indented is shown as it
    is."""
    blocks = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    written = []
    for block in blocks:
        if block.startswith((" ", "\t")) or "\n    " in block:
            written += ["::", "", *[f"    {line}" for line in block.split("\n")], ""]
        elif block.strip():
            written += [_text(block), ""]
    lines[:] = written


def setup(app):
    app.add_directive("ops-table", OpsTable)
    app.add_directive("api", Api)
    app.connect("autodoc-process-docstring", plain_docstrings)
    assert minigrad.__version__
    return {"parallel_read_safe": False}
