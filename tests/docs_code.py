"""Runs the code blocks of one page, in order and in one namespace: `python docs_code.py PAGE.md`.

A block of text right after a block of Python is what the latter prints, exactly. In a block of a session
(`>>>`) each line is followed by what it shows, or by its error; "..." at the end of a line stands for the
rest of it.
"""

import contextlib
import io
import linecache
import re
import sys
from pathlib import Path

BLOCK = re.compile(r"^```([\w{}-]*)\n(.*?)^```$", re.M | re.S)
# What a page takes for granted.
BEFORE = {"adding_an_op.md": "import minigrad\nfrom minigrad.engine.op import op\n"
                             "from minigrad.ops.kinds import Number, Tensor\n"
                             "from minigrad.ops.signature import torch_function\n",
          "benchmarks.md": "from types import SimpleNamespace\nfrom benchmarks.workloads import Workload\n"
                           "models = SimpleNamespace(autoencoder=lambda B: None)\n",
          "README.md": "import minigrad\nfrom gpu import stand_in\nif not minigrad.cuda.is_available():\n"
                       "    _cuda = stand_in.installed()\n    _cuda.__enter__()\n"}


def blocks(text: str) -> list[tuple[int, str, str | None]]:
    """(line, code, what it prints or None) of every block of Python or of a session."""
    found = list(BLOCK.finditer(text))
    python = []
    for position, match in enumerate(found):
        if match[1] != "python" and not match[2].startswith(">>>"):
            continue
        after = found[position + 1] if position + 1 < len(found) else None
        joined = after is not None and after[1] == "text" and not text[match.end():after.start()].strip()
        line = text[:match.start()].count("\n") + 2
        python.append((line, match[2], after[2] if joined and after else None))
    return python


def printed(code: str, file: str, names: dict, mode: str = "exec") -> str:
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, file, mode), names)
    return out.getvalue()


def run_session(code: str, file: str, names: dict) -> None:
    """Each line of a session, against what the page shows."""
    for part in code.split(">>> ")[1:]:
        line, _, wanted = part.partition("\n")
        try:
            shown = printed(line, file, names, "single")
        except Exception as error:  # noqa: BLE001 - the page may show any error
            shown = f"{type(error).__name__}: {str(error).splitlines()[0]}\n"
        pattern = re.escape(wanted).replace(re.escape("...\n"), r".*\n")
        if not re.fullmatch(pattern, shown):
            raise AssertionError(f"{file}: {line}\nshows\n{shown}not\n{wanted}")


def run(path: Path) -> int:
    """How many blocks were run. Raises AssertionError where one prints what the page does not say."""
    names = {"__name__": "__main__"}
    exec(BEFORE.get(path.name, ""), names)
    found = blocks(path.read_text())
    for line, code, wanted in found:
        file = f"{path}:{line}"
        if code.startswith(">>>"):
            run_session(code, file, names)
            continue
        out = printed(code, file, names)
        if wanted is not None and out != wanted:
            raise AssertionError(f"{file} prints\n{out}not\n{wanted}")
    return len(found)


if __name__ == "__main__":
    print(run(Path(sys.argv[1])))
