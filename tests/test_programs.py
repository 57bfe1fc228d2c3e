"""Whole programs as people write them for torch: with only the import changed they give torch's losses.

Each file of tests/programs is a program for torch. It runs twice in float64, as it is and with `minigrad` in
the place of `torch` in its import lines, and must then have the same losses, one per step, and have printed
the same.
"""
from __future__ import annotations

import contextlib
import io
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))
STEPS = 20


def translated(source: str) -> str:
    """The program with its imports changed, and nothing else."""
    source = re.sub(r"^import torch$", "import minigrad as torch", source, flags=re.M)
    return re.sub(r"^(import|from) torch\b", r"\1 minigrad", source, flags=re.M)


def run(program: Path, library: Any) -> tuple[list[float], str]:
    """The program's `losses`, and what it has printed."""
    source, printed, room = program.read_text(), io.StringIO(), {"__name__": "__main__"}
    if library is minigrad:
        source = translated(source)
    deterministic = torch.are_deterministic_algorithms_enabled()
    library.set_default_dtype(library.float64)
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(source, str(program), "exec"), room)
    finally:
        library.set_default_dtype(library.float32)
        torch.use_deterministic_algorithms(deterministic)
    return room["losses"], printed.getvalue()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_only_the_import_changed(program: Path) -> None:
    (theirs, expected), (ours, printed) = run(program, torch), run(program, minigrad)
    assert len(theirs) >= STEPS and np.ptp(theirs) > 1e-3 * abs(theirs[0])
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=0)
    assert printed == expected


def test_the_programs_are_all_there() -> None:
    assert [program.stem for program in PROGRAMS] == [
        "char_gpt", "dcgan", "logistic_lbfgs", "lstm_language_model", "packed_gru", "resnet18",
        "seq2seq_transformer", "vae", "vit"]
