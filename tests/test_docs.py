"""The pages: every block of code runs and prints what they say, they build without a warning, links hold."""

import ast
import importlib
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import docs_code
import pytest

import minigrad
from minigrad.engine import REGISTRY

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(path for path in DOCS.rglob("*.md") if docs_code.blocks(path.read_text())),
         ROOT / "README.md"]
CHAPTERS = sorted((DOCS / "learn").glob("*.md"), key=lambda path: int(path.name.partition("_")[0]))
IN_CHINESE = sorted((DOCS / "zh").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_on_the_page_runs_and_prints_what_is_said(page, tmp_path):
    """In a process of its own: a page may register an op."""
    run = subprocess.run([sys.executable, str(ROOT / "tests" / "docs_code.py"), str(page)], cwd=tmp_path,
                         capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == len(docs_code.blocks(page.read_text())) > 0


def test_the_runner_sees_what_is_wrong(tmp_path):
    page = tmp_path / "page.md"
    for text in ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "```\n>>> 1 + 1\n3\n```\n",
                 "```\n>>> 1 / 0\nValueError: no\n```\n"):
        page.write_text(text)
        with pytest.raises(AssertionError):
            docs_code.run(page)
    page.write_text("```python\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError):
        docs_code.run(page)
    page.write_text("```python\nx = 2\n```\n\nwords\n\n```python\nprint(x)\n```\n\n```text\n2\n```\n"
                    "```\n>>> x\n2\n>>> x.y\nAttributeError: 'int' object ...\n```\n")
    assert docs_code.run(page) == 3


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_every_block_of_code_is_of_a_kind_that_is_run_or_shown(page):
    for match in docs_code.BLOCK.finditer(page.read_text()):
        known = {"python", "text", "bash", "{toctree}"} | ({""} if match[2].startswith(">>>") else set())
        assert match[1] in known, f"{page.name}: a block of {match[1]!r}"


def code(page):
    """The programs of a page without comments and docstrings."""
    found = []
    for _, block, wanted in docs_code.blocks(page.read_text()):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
                node.body[0].value.value = ""
        found.append((ast.dump(tree), wanted))
    return found


def test_the_chapters_and_their_translations():
    assert [int(path.name.partition("_")[0]) for path in CHAPTERS] == list(range(1, 12))
    assert [path.name for path in IN_CHINESE] == [path.name for path in CHAPTERS[:5]]
    for chinese, chapter in zip(IN_CHINESE, CHAPTERS):
        assert code(chinese) == code(chapter), chinese.name
        headings = [re.findall(r"^#+ ", path.read_text(), re.M) for path in (chinese, chapter)]
        links = [re.findall(r"\{line\}`(.*?)`", path.read_text()) for path in (chinese, chapter)]
        assert headings[0] == headings[1] and links[0] == links[1], chinese.name
        words = re.sub(r"```.*?```", "", chinese.read_text(), flags=re.S)
        assert len(re.findall(r"[\u4e00-\u9fff]", words)) > 300


def test_lines_that_pages_link_to_are_there():
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        pytest.importorskip("sphinx", reason="the pages are made by Sphinx: pip install minigrad[docs]")
        number_of = importlib.import_module("source_lines").number_of
    finally:
        sys.path.pop(0)
    links = [(page.name, *link.split(" ", 1)) for page in sorted(DOCS.rglob("*.md"))
             for link in re.findall(r"\{line\}`(.*?)`", page.read_text())]
    assert len(links) > 20
    for page, file, text in links:
        assert number_of(file, text) > 0, page
    for text in ("nowhere to be found", "import"):
        with pytest.raises(ValueError, match="lines hold"):
            number_of("minigrad/engine/walk.py", text)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx", reason="the pages are made by Sphinx: pip install minigrad[docs]")
    pytest.importorskip("furo")
    pytest.importorskip("myst_parser")
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run([sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(DOCS), str(folder)],
                         cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return folder


def test_the_pages_build_without_a_warning(site):
    assert (site / "index.html").is_file() and len(list((site / "learn").glob("*.html"))) == 11


def test_links_lead_to_pages_and_lines_that_exist(site):
    anchors, count = {}, 0
    for page in [site / "index.html", *site.glob("learn/*.html"), *site.glob("zh/*.html")]:
        for target in re.findall(r'href="([^"]+)"', page.read_text()):
            if target.startswith(("http", "mailto:", "data:")):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path.partition("?")[0]).resolve() if path else page
            assert file.exists(), (page.name, target)
            if anchor.startswith("line-"):
                anchors.setdefault(file, file.read_text())
                assert f'id="{anchor}"' in anchors[file], target
                count += 1
    assert count > 20


def test_pages_ask_nobody_for_anything(site):
    """No script, font or picture from elsewhere: the pages can be read from a disk."""
    for page in site.rglob("*.html"):
        found = re.findall(r'(?:src|<link[^>]*href)="(https?:[^"]+)"', page.read_text())
        assert not found, (page.name, found)


def test_the_tables_hold_every_operator_and_every_public_name(site):
    importlib.import_module("minigrad.nn")
    ops = (site / "reference" / "ops.html").read_text()
    missing = [name for name, row in REGISTRY.items()
               if row.forward.__module__.startswith("minigrad.") and f">{name}</span>" not in ops]
    assert not missing
    names = (site / "reference" / "api.html").read_text()
    for name in ("minigrad.explain", "minigrad.draw", "minigrad.tracing", "minigrad.softmax",
                 "minigrad.nn.Linear", "minigrad.nn.functional.conv2d", "minigrad.optim.Adam",
                 "minigrad.utils.data.DataLoader", "minigrad.autograd.grad"):
        room, _, last = name.rpartition(".")
        for part in (f"{room}.", last):
            assert f'<span class="pre">{part}</span>' in names, name
    documented = set(re.findall(r'sig-name descname"><span class="pre">(\w+)</span>', names))
    functions = {name: getattr(minigrad, name) for name in dir(minigrad) if not name.startswith("_")}
    ours = {name for name, held in functions.items()
            if isinstance(held, types.FunctionType) and held.__module__.startswith("minigrad")}
    assert len(ours) > 200 and not ours - documented


def test_the_row_that_chapter_two_shows_is_the_row():
    source = (ROOT / "minigrad" / "ops" / "pointwise.py").read_text()
    for page in (CHAPTERS[1], IN_CHINESE[1]):
        shown = [match[2] for match in docs_code.BLOCK.finditer(page.read_text())]
        [row] = [block for block in shown if block.startswith("mul = op(")]
        assert row in source
