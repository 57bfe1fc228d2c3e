"""Runs that stop at any moment and go on, to the bit; kills, full disks, wrong calls."""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import kills
import numpy as np
import pytest

import minigrad
import torch_backend

LIBRARIES = {"numpy": minigrad, "torch": torch_backend}
BOTH = pytest.mark.parametrize("B", LIBRARIES.values(), ids=LIBRARIES)


def ends(B, path):
    return kills.bytes_of(B.load(path))


@pytest.fixture(autouse=True)
def states():
    """The random states that programs change are what they were, afterwards."""
    runs = [B.Run() for B in LIBRARIES.values()]
    before = [run.random_states() for run in runs]
    yield
    for run, state in zip(runs, before, strict=True):
        run.set_random_states(state)


class Stop(Exception):
    pass


def stop_after(count):
    steps = iter(range(1, 10**6))

    def after_step():
        if next(steps) == count:
            raise Stop
    return after_step


# -- to the bit --------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("own_generator", [True, False])
def test_a_run_goes_on_from_any_step(B, own_generator, tmp_path):
    """Amid an epoch, at its last batch, just after it: weights, orders and noise are one whole run's."""
    kills.loop(B, tmp_path / "whole", own_generator=own_generator)
    whole = ends(B, tmp_path / "whole/last.ckpt")
    assert len(whole["history"]) == kills.STEPS + kills.EPOCHS and len(set(whole["history"])) > kills.STEPS
    parts = tmp_path / "parts"
    for count in (1, 1, 14, 1, 3, 30):
        with pytest.raises(Stop):
            kills.loop(B, parts, stop_after(count), own_generator)
    kills.loop(B, parts, own_generator=own_generator)
    assert ends(B, parts / "last.ckpt") == whole


def test_a_run_goes_on_on_the_other_backend(tmp_path):
    histories = {}
    for name, B in LIBRARIES.items():
        other = torch_backend if B is minigrad else minigrad
        kills.loop(B, tmp_path / name)
        with pytest.raises(Stop):
            kills.loop(B, tmp_path / "parts", stop_after(20))
        kills.loop(other, tmp_path / "parts")
        histories[name] = minigrad.load(tmp_path / "parts/last.ckpt")["history"]
        np.testing.assert_allclose(
            histories[name], minigrad.load(tmp_path / name / "last.ckpt")["history"], rtol=1e-4)
        os.unlink(tmp_path / "parts/last.ckpt")


@BOTH
def test_workers_are_seeded_as_they_were(B, tmp_path):
    """Their noise comes from the base seed, which belongs to the epoch's beginning."""
    def train(limit=None):
        kills.seed(B)
        loader = B.utils.data.DataLoader(kills.Noisy(B), 8, shuffle=True, num_workers=2)
        seen = []
        run = B.Run(tmp_path / "last.ckpt", loader=loader, seen=seen, every=1)
        run.resume()
        for _ in run.epochs(2):
            for x, _ in run.batches():
                seen.append(x.double().sum().item())
                if len(seen) == limit:
                    return seen
        return seen

    whole = train()
    os.unlink(tmp_path / "last.ckpt")
    train(limit=5)
    assert train() == whole and len(whole) == 16


# -- kills -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [5, pytest.param(50, marks=pytest.mark.full)])
@pytest.mark.parametrize("program", kills.PROGRAMS)
@pytest.mark.parametrize("backend", LIBRARIES)
def test_killed_runs_end_as_if_nothing_had_been(backend, program, count, tmp_path):
    """SIGKILL at random moments: the last good file is always there, and the end is that of one whole run."""
    ended = []
    for folder, number in (("whole", 0), ("killed", count)):
        command = [sys.executable, kills.__file__, backend, program, ".", str(number), "7"]
        (tmp_path / folder).mkdir()
        found = subprocess.run(command, cwd=tmp_path / folder, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        assert found.stdout.split()[0] == str(number)
        ended.append(ends(minigrad, tmp_path / folder / "last.ckpt"))
    assert ended[0] == ended[1]


# -- what can go wrong -------------------------------------------------------------------------------------


@BOTH
def test_a_full_disk_leaves_the_last_good_file(B, tmp_path):
    """The system refuses to let files grow: an OSError that names the file, and the old one is whole."""
    weights = {"large": B.zeros(1000)}
    run = B.Run(tmp_path / "last.ckpt", weights=weights)
    run.save()
    before = Path(run.path).read_bytes()
    weights["large"] = B.zeros(100_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large; nothing was saved, what the file held before is "
                                          r"untouched: '.*last\.ckpt'"):
            run.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert Path(run.path).read_bytes() == before and os.listdir(tmp_path) == ["last.ckpt"]
    assert run.resume() and len(weights["large"]) == 1000


@BOTH
@pytest.mark.parametrize("folder, error", [("file/in/a/file", NotADirectoryError), ("/proc/here", OSError)])
def test_a_folder_that_cannot_be_written_is_told_at_once(B, folder, error, tmp_path):
    (tmp_path / "file").write_text("")
    run = B.Run(tmp_path / folder / "last.ckpt", loader=[1, 2])
    with pytest.raises(error, match=str(Path(folder).name) if folder.startswith("/") else "file"):
        for _ in run.epochs(1):
            pytest.fail("work was begun")


def test_a_read_only_folder():
    folder = Path(tempfile.mkdtemp())
    user = os.geteuid()
    try:
        run = minigrad.Run(folder / "last.ckpt", seen=[1])
        run.save()
        os.chmod(folder, 0o555)
        if user == 0:
            os.seteuid(65534)               # root may write anywhere
        with pytest.raises(PermissionError, match="Permission denied; nothing was saved, what the file held"):
            run.save()
    finally:
        os.seteuid(user)
        os.chmod(folder, 0o700)
    assert run.resume() and run.parts["seen"] == [1]
    shutil.rmtree(folder)


@BOTH
def test_wrong_calls(B, tmp_path):
    with pytest.raises(ValueError, match="Run: the name epoch is the run's own"):
        B.Run(epoch=[])
    with pytest.raises(TypeError, match=r"Run: lr is a float\nPass what has state_dict"):
        B.Run(lr=0.1)
    loader = B.utils.data.DataLoader([1, 2], num_workers=1, persistent_workers=True)
    with pytest.raises(NotImplementedError, match="persistent_workers"):
        B.Run(loader=loader)
    with pytest.raises(ValueError, match="Run: where is the file"):
        B.Run().save()
    path = tmp_path / "last.ckpt"
    assert not B.Run(path).resume()
    B.Run(path, seen=[]).save()
    with pytest.raises(ValueError, match="Run: the state lacks model, more\nIt is of another run"):
        B.Run(path, model={}, more=[]).resume()
    shuffled = B.utils.data.DataLoader([1, 2], shuffle=True, generator=B.Generator())
    with pytest.raises(ValueError, match="other generators"):
        B.Run(path, loader=shuffled).resume()
    path.write_bytes(path.read_bytes()[:-20])
    for other in (3, B.ones(2), {"epoch": 1}):
        B.save(other, tmp_path / "other")
        with pytest.raises(ValueError, match=r"Run: the state lacks .*\nIt is of another run"):
            B.Run(tmp_path / "other", history=[]).resume()
    with pytest.raises(RuntimeError, match="damaged"):
        B.Run(path).resume()


@BOTH
def test_a_shorter_loader_is_told(B, tmp_path):
    run = B.Run(loader=list(range(5)))
    for number, _ in enumerate(run.batches()):
        if number == 3:
            break
    state = run.state_dict()
    other = B.Run(loader=[1, 2])
    other.load_state_dict(state)
    with pytest.raises(ValueError, match="the loader has 2 batches, the run has had 4"):
        list(other.batches())


def test_without_a_path_nothing_is_saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = minigrad.Run(loader=[1, 2], every=1)
    assert [list(run.batches()) for _ in run.epochs(2)] == [[1, 2], [1, 2]]
    assert not list(tmp_path.iterdir())


def test_parts_are_filled_in_place_and_random_streams_go_on():
    numbers, table = [1, 2], {"a": 1}
    run = minigrad.Run(numbers=numbers, table=table)
    state = minigrad.Run(numbers=[3], table={"b": [4]}).state_dict()
    drawn = random.random(), np.random.rand(), minigrad.rand(1).item()
    run.load_state_dict(state)
    assert numbers == [3] and table == {"b": [4]}
    assert drawn == (random.random(), np.random.rand(), minigrad.rand(1).item())
