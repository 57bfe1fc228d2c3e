"""The table of docs/sizes.md: how many lines of code each part of minigrad has, against its limit.

    python docs/sizes.py            # print the page
    python docs/sizes.py --write    # and write it

A line of code is one that is not blank, no comment and not in a docstring.
"""
import ast
import io
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("sizes.md")
FILE_LIMIT = 500                                # lines of one file, blank ones and comments included

# part: its files, folders with all below; and what all of them together may have.
CORE = {
    "backends/numpy": ["backends/__init__.py", "backends/arrays.py", "backends/numpy"],
    "engine": ["engine"],
    "ops": ["ops", "linalg.py"],
    "tensor": ["tensor.py", "differentiable.py", "dtypes.py", "device.py", "limits.py", "printing.py",
               "size.py"],
    "random": ["random.py", "generator.py", "box_muller.py"],
    "nn": ["nn"],
    "optim": ["optim"],
}
NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
           tokenize.ENDMARKER)
LIMITS = {"core": 4000, "minigrad/": 9000}


def code_lines(path):
    """How many lines of a file are code."""
    source = path.read_text()
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, False):
            text = node.body[0]
            lines.difference_update(range(text.lineno, text.end_lineno + 1))
    return len(lines)


def files_of(names):
    """The Python files that a list of files and folders names."""
    found = []
    for name in names:
        path = ROOT / "minigrad" / name
        found += [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
    return [path for path in found if path.exists()]


def parts():
    """part -> (its files, is it core?); what no part of the core names is a part by its folder or file."""
    found = {name: (files_of(names), True) for name, names in CORE.items()}
    known = {path for paths, _ in found.values() for path in paths}
    for path in sorted((ROOT / "minigrad").rglob("*.py")):
        if path not in known:
            inside = path.relative_to(ROOT / "minigrad").parts
            name = "/".join(inside[:2]) if inside[0] == "backends" and len(inside) > 2 else inside[0]
            found.setdefault(name if len(inside) > 1 else "files on their own", ([], False))[0].append(path)
    return found


def page():
    """The page's text."""
    rows, total, core = [], 0, 0
    for name, (paths, is_core) in parts().items():
        count = sum(map(code_lines, paths))
        total, core = total + count, core + count * is_core
        longest = max(paths, key=lambda path: len(path.read_text().splitlines()))
        length = len(longest.read_text().splitlines())
        where = longest.relative_to(ROOT / "minigrad")
        kind = "core" if is_core else ""
        rows.append(f"| {name} | {kind} | {len(paths)} | {count:,} | {where} | {length:,} |")
    sums = {"core": core, "minigrad/": total}
    verdicts = [f"| {name} | {sums[name]:,} | {limit:,} | {_verdict(sums[name], limit)} |"
                for name, limit in LIMITS.items()]
    long = [path for paths, _ in parts().values() for path in paths
            if len(path.read_text().splitlines()) > FILE_LIMIT]
    return "\n".join([
        "# Sizes", "",
        "minigrad is meant to be small enough to be read. Its limits were set before it was written: 4,000",
        "lines of code for the core (engine, ops, tensors, nn, optim, NumPy backend), 9,000 for all of",
        "`minigrad/`, 500 lines for a file. Blank lines, comments and docstrings do not count, but for the",
        "files' limit.", "",
        "| | code lines | limit | |", "|---|---:|---:|---|", *verdicts,
        f"| files above {FILE_LIMIT} lines | {len(long)} | 0 | {_verdict(len(long), 0)} |", "",
        "What is beyond them is for the most part not arithmetic: the rooms of ops whose names end in",
        "`_public` and the functions of nn hold torch's names, arguments and error texts.", "",
        "| part | | files | code lines | longest file | its lines |",
        "|---|---|---:|---:|---|---:|", *rows, "",
        "`python docs/sizes.py --write` counts anew. A test fails where the page is more than a fifth off.",
        ""])


def _verdict(found, limit):
    return "holds" if found <= limit else f"**exceeded** by {found - limit:,}"


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--write"]):
        sys.stderr.write(f"sizes.py: unrecognized arguments: {' '.join(sys.argv[1:])}\n")
        sys.exit(2)
    if sys.argv[1:]:
        PAGE.write_text(page())
    sys.stdout.write(page())
