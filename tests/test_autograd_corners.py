"""Odd corners of autograd print the same on both libraries; see torch_backend/parity/corners."""
import subprocess
import sys

import pytest

import minigrad
import torch_backend
from torch_backend.parity.corners import CORNERS, PAGES, told


@pytest.mark.parametrize("name", CORNERS)
def test_corner(name):
    theirs = told(name, torch_backend)
    assert told(name, minigrad) == theirs
    assert theirs, "a corner that says nothing shows nothing"


def test_there_are_corners_enough_and_each_cites_a_page():
    assert len(CORNERS) >= 160
    assert all(page.split("#")[0].endswith(".html") for page in PAGES.values())


def test_a_difference_is_seen(monkeypatch):
    """The comparison would not pass on a wrong gradient, nor on another error."""
    op = minigrad.engine.REGISTRY["exp"]
    monkeypatch.setattr(op, "steps", ((lambda g, z: 2 * g * z, op.steps[0][1], True),))
    assert told("by_itself", minigrad) == told("by_itself", torch_backend)
    assert told("several_outputs", minigrad) != told("several_outputs", torch_backend)


def test_the_command():
    done = subprocess.run([sys.executable, "-m", "torch_backend.parity.corners", "leaves", "kinks"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(CORNERS)} corners, 0 differ\n"
