"""Links to lines of the source, and the pages that they lead to.

`` {line}`minigrad/engine/walk.py number = -heappop(heap)` `` becomes a link "walk.py:249" to the line that
holds that text. A text that is not there, or in several places, is a warning: with -W the build fails, so no
link points to where the code once was.
"""
import re
from html import escape
from pathlib import Path

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.util import logging

ROOT = Path(__file__).parents[2]
_WIDE = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
WRAPPED = re.compile(rf"(?<={_WIDE})\n(?={_WIDE})")
logger = logging.getLogger(__name__)


def number_of(file: str, text: str) -> int:
    """The number of the only line that holds a text. Raises ValueError for none and for several."""
    lines = (ROOT / file).read_text().splitlines()
    found = [number for number, line in enumerate(lines, 1) if text in line]
    if len(found) != 1:
        raise ValueError(f"{file}: {len(found)} lines hold {text!r}, not one")
    return found[0]


def page_of(file: str) -> str:
    return "source/" + file.removesuffix(".py").replace("/", ".")


def line_role(name, rawtext, text, lineno, inliner, options=None, content=None):
    file, _, wanted = text.partition(" ")
    environment = inliner.document.settings.env
    try:
        number = number_of(file, wanted)
    except (ValueError, OSError) as error:
        logger.warning("line: %s", error, location=(environment.docname, lineno))
        return [nodes.literal(text, text)], []
    environment.domaindata.setdefault("source_lines", {"files": set()})["files"].add(file)
    depth = "../" * environment.docname.count("/")
    label = f"{Path(file).name}:{number}"
    link = nodes.reference("", "", nodes.literal(label, label), internal=False,
                           refuri=f"{depth}{page_of(file)}.html#line-{number}")
    return [link], []


def source_pages(app):
    """A page for every file of the package, each line with a name to link to."""
    for path in sorted((ROOT / "minigrad").rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        code = highlight(path.read_text(), PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
        rows = "".join(f'<tr id="line-{number}"><td><a href="#line-{number}">{number}</a></td>'
                       f"<td><pre>{line} </pre></td></tr>" for number, line in enumerate(code.split("\n"), 1))
        body = f'<h1>{escape(file)}</h1><div class="source-lines highlight"><table>{rows}</table></div>'
        yield page_of(file), {"title": file, "body": body}, "page.html"


def join_chinese(app, doctree):
    """The end of a line in the source is no space where it stands between Chinese characters."""
    for text in list(doctree.findall(nodes.Text)):
        joined = WRAPPED.sub("", text)
        if joined != text and not isinstance(text.parent, (nodes.literal, nodes.literal_block)):
            text.parent.replace(text, nodes.Text(joined))


def setup(app):
    app.add_role("line", line_role)
    app.connect("doctree-read", join_chinese)
    app.connect("html-collect-pages", source_pages)
    return {"parallel_read_safe": False}
