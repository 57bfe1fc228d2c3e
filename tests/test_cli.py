"""The command `minigrad`: equal rows, runs that continue to the bit, one line for every user's error."""

import ast
import gzip
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import minigrad
import torch_backend
from minigrad.cli import main, report
from minigrad.cli import train as train_module

ROOT = Path(__file__).parent.parent
LIBRARIES = {"numpy": minigrad, "torch": torch_backend}
ROW = re.compile(r"^ *(\d+)  (numpy|torch)  +([\d.]+)  +([\d.]+)  +([\d.]+) %  +(?:[\d,]+|–)$", re.M)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def made_images(count, side, largest):
    """Ten blurred prototypes: easy, but not so easy that every prediction is right."""
    generator = np.random.default_rng(5)
    prototypes = generator.integers(0, largest + 1, (10, side, side))
    labels = generator.integers(0, 10, count)
    images = prototypes[labels] + generator.normal(0, largest / 2, (count, side, side))
    return images.clip(0, largest).astype(np.uint8), labels.astype(np.uint8)


@pytest.fixture
def csv(tmp_path):
    """A Kaggle-like file of 130 images of 8×8, so that the last batch of 32 is a short one."""
    images, labels = made_images(130, 8, 255)
    lines = ["label," + ",".join(f"pixel{number}" for number in range(64))]
    for image, label in zip(images, labels, strict=True):
        lines.append(",".join(map(str, [label, *image.ravel()])))
    Path("train.csv").write_text("\n".join(lines))
    return "train.csv"


@pytest.fixture
def mnist(tmp_path):
    os.mkdir("mnist")
    for split, count in (("train", 64), ("t10k", 32)):
        images, labels = made_images(count, 12, 255)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
            with gzip.open(f"mnist/{split}-{kind}-ubyte.gz", "wb") as file:
                file.write(header + array.tobytes())
    return "mnist"


def rows(text):
    """The rows as printed: {backend: [(epoch, train loss, validation loss, accuracy), ...]}."""
    found = {}
    for epoch, backend, *numbers in ROW.findall(text):
        found.setdefault(backend, []).append((epoch, *numbers))
    return found


def state(path):
    """A checkpoint without what time has a part in, its tensors as bytes."""

    def plain(value):
        if isinstance(value, (minigrad.Tensor, np.ndarray)):
            return np.asarray(value).tobytes()
        if isinstance(value, dict):
            ignored = "samples_per_second", "out"
            return {key: plain(item) for key, item in value.items() if key not in ignored}
        return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value

    return plain(minigrad.load(path))


def test_the_default_command(capsys):
    """Two backends, digits, float64: equal rows, over 96 %, and everything it promises to leave behind."""
    assert main(["train"]) == 0
    out = capsys.readouterr().out
    printed = rows(out)
    assert list(printed) == ["numpy", "torch"] and len(printed["numpy"]) == 10
    assert printed["numpy"] == printed["torch"]
    assert all(len(loss.partition(".")[2]) == 8 for row in printed["numpy"] for loss in row[1:3])
    folder = Path("runs/digits-cnn")
    history = json.loads((folder / "history.json").read_text())
    [comparison] = history["comparisons"]
    assert comparison["largest_difference_in_loss"] < 1e-11
    assert comparison["largest_difference_in_weights"] < 1e-11
    assert min(comparison["accuracies"]) > 96
    assert re.search(r"speed +[\d,]+ and [\d,]+ samples/s, ratio [\d.]+", out)
    for name in LIBRARIES:
        epochs, losses = (history["backends"][name][key] for key in ("epochs", "step_losses"))
        assert len(epochs) == 10 and len(losses) == 10 * 23
        assert epochs[-1]["train_loss"] == pytest.approx(np.mean(losses[-23:]), rel=1e-12)
        best = minigrad.load(folder / name / "best.safetensors")
        last = minigrad.load(folder / name / "last.safetensors")
        accuracies = [row["accuracy"] for row in epochs]
        assert last["epoch"] == 10 and best["epoch"] == 1 + accuracies.index(max(accuracies))
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not list(folder.glob("**/*.tmp"))


@pytest.mark.parametrize("model", ["mlp", "logreg", "cnn"])
def test_every_model_on_a_csv_file(model, csv, capsys):
    arguments = ["--data", "csv", csv, "--epochs", "3", "--batch-size", "32", "--out", "here"]
    assert main(["train", "--model", model, *arguments]) == 0
    printed = rows(capsys.readouterr().out)
    assert len(printed["numpy"]) == 3 and printed["numpy"] == printed["torch"]
    assert sorted(os.listdir("here")) == ["curves.png", "history.json", "numpy", "torch"]


def test_mnist_files_bring_their_own_validation_images(mnist, capsys):
    assert main(["train", "--data", "mnist", mnist, "--epochs", "2"]) == 0
    out = capsys.readouterr().out
    assert "64 training and 32 validation images" in out
    assert len(rows(out)["numpy"]) == 2 and rows(out)["numpy"] == rows(out)["torch"]


def test_float32_prints_the_difference_of_every_epoch(csv, capsys):
    command = ["train", "--data", "csv", csv, "--model", "mlp", "--epochs", "3"]
    assert main([*command, "--dtype", "float32"]) == 0
    differences = re.findall(r"largest relative difference of torch in loss: (\S+)", capsys.readouterr().out)
    assert len(differences) == 3 and all(float(difference) < 1e-4 for difference in differences)
    assert main(command) == 0
    assert "relative" not in capsys.readouterr().out


def test_one_backend_has_no_comparison(csv, capsys):
    assert main(["train", "--backend", "torch", "--data", "csv", csv, "--epochs", "1"]) == 0
    out = capsys.readouterr().out
    assert list(rows(out)) == ["torch"] and "validation accuracy" in out and "against" not in out


def test_options_reach_the_training(csv, capsys):
    """Each option changes the numbers: none is read and then forgotten."""
    command = ["train", "--backend", "torch", "--data", "csv", csv, "--epochs", "2"]
    seen = set()
    for option in ([], ["--lr", "0.01"], ["--momentum", "0.5"], ["--seed", "1"], ["--batch-size", "16"],
                   ["--model", "mlp"], ["--dtype", "float32"]):  # fmt: skip
        assert main(command + option) == 0
        seen.add(str(rows(capsys.readouterr().out)))
    assert len(seen) == 7


# -- interrupting and continuing ---------------------------------------------------------------------


def interrupt_at(monkeypatch, backend, step):
    """Ctrl-C arrives while the run's ``step``-th step is being reported."""
    advance = report.Screen.advance

    def advance_and_press(self, run):
        advance(self, run)
        if run.name == backend and len(run.losses) == step:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(report.Screen, "advance", advance_and_press)


# 104 images in batches of 32 are four steps: amid an epoch, before validation, after a whole epoch.
@pytest.mark.parametrize("step", [2, 4, 5])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_resumed_run_equals_an_uninterrupted_one(backend, step, csv, monkeypatch, capsys):
    command = ["train", "--data", "csv", csv, "--epochs", "3", "--batch-size", "32"]
    assert main([*command, "--out", "whole"]) == 0
    whole = rows(capsys.readouterr().out)
    with monkeypatch.context() as patched:
        interrupt_at(patched, backend, step)
        assert main([*command, "--out", "parts"]) == 130
    said = capsys.readouterr().out
    command = re.search(r"to continue: minigrad (.*)", said)[1].split()
    assert command == ["train", "--resume", "parts/numpy/last.safetensors", "parts/torch/last.safetensors"]
    assert len(minigrad.load(f"parts/{backend}/last.safetensors")["losses"]) == step
    assert main(command) == 0
    assert rows(capsys.readouterr().out) == whole
    for name in LIBRARIES:
        for kind in ("last", "best"):
            assert state(f"parts/{name}/{kind}.safetensors") == state(f"whole/{name}/{kind}.safetensors")


def test_a_run_continues_on_the_other_backend(csv, monkeypatch, capsys):
    command = ["train", "--data", "csv", csv, "--epochs", "3", "--batch-size", "32"]
    for name, other in (("numpy", "torch"), ("torch", "numpy")):
        whole, parts = f"whole-{name}", f"parts-{name}"
        assert main([*command, "--backend", name, "--out", whole]) == 0
        with monkeypatch.context() as patched:
            interrupt_at(patched, name, 6)
            assert main([*command, "--backend", name, "--out", parts]) == 130
        capsys.readouterr()
        assert main(["train", "--backend", other, "--resume", f"{parts}/{name}/last.safetensors"]) == 0
        # The first epoch's speed was the other backend's.
        speeds = re.findall(r"%  +(\S+)$", capsys.readouterr().out, re.M)
        assert speeds[0] == "–" and "–" not in speeds[1:] and len(speeds) == 3
        history = json.loads(Path(parts, "history.json").read_text())["backends"][other]["epochs"]
        assert ["samples_per_second" in row for row in history] == [False, True, True]
        whole = minigrad.load(f"{whole}/{name}/last.safetensors")
        crossed = minigrad.load(f"{parts}/{other}/last.safetensors")
        np.testing.assert_allclose(crossed["losses"], whole["losses"], rtol=1e-11)
        for key, value in whole["model"].items():
            np.testing.assert_allclose(crossed["model"][key].numpy(), value.numpy(), rtol=1e-9, atol=1e-12)


def test_a_finished_run_can_be_made_longer(csv, capsys):
    command = ["train", "--backend", "torch", "--data", "csv", csv]
    assert main([*command, "--epochs", "3", "--out", "long"]) == 0
    assert main([*command, "--epochs", "1", "--out", "short"]) == 0
    assert main(["train", "--resume", "short/torch/last.safetensors", "--epochs", "3"]) == 0
    long, short = (state(f"{name}/torch/last.safetensors") for name in ("long", "short"))
    assert long == short


def test_a_run_never_overwrites_another(csv, capsys):
    command = ["train", "--backend", "torch", "--model", "logreg", "--data", "csv", csv, "--epochs", "1"]
    for folder in ("runs/csv-logreg", "runs/csv-logreg-2", "runs/csv-logreg-3"):
        assert main(command) == 0
        assert capsys.readouterr().out.endswith(f"are in {folder}\n")
    assert main(["train", "--resume", "runs/csv-logreg-2/torch/last.safetensors", "--epochs", "2"]) == 0
    kept = [minigrad.load(f"runs/csv-logreg{end}/torch/last.safetensors") for end in ("", "-2", "-3")]
    assert [state["epoch"] for state in kept] == [1, 2, 1]
    os.rename("runs/csv-logreg-3", "moved")
    assert main([*command[:-1], "2", "--resume", "moved/torch/last.safetensors", "--out", "moved"]) == 0
    assert minigrad.load("moved/torch/last.safetensors")["epoch"] == 2


def test_ctrl_c_from_outside(csv):
    """A process of its own, a real signal; twice, an impatient user."""
    command = [sys.executable, "-m", "minigrad", "train", "--backend", "torch", "--data", "csv", csv]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command += ["--epochs", "100000"]
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        while not ROW.search(line := child.stdout.readline()):
            assert line
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 130
    assert "to continue: minigrad train --resume runs/csv-cnn/torch/last.safetensors" in out
    assert minigrad.load("runs/csv-cnn/torch/last.safetensors")["epoch"] >= 1


def test_a_second_ctrl_c_does_not_wait(csv, monkeypatch, capsys):
    def press_twice(self, run):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    monkeypatch.setattr(report.Screen, "advance", press_twice)
    before = signal.getsignal(signal.SIGINT)
    assert main(["train", "--backend", "torch", "--data", "csv", csv]) == 130
    assert capsys.readouterr().err == "minigrad train: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is before


# -- errors ------------------------------------------------------------------------------------------


@pytest.fixture
def files(csv):
    Path("bad.csv").write_text("label,pixel0\n1,300\n")
    Path("empty.csv").write_text("label,pixel0\n")
    Path("pickle").write_bytes(b"\x80\x02}q\x00.")
    minigrad.save({"epoch": 3}, "other")
    mlp = ["train", "--backend", "torch", "--model", "mlp", "--data", "csv", csv, "--epochs", "1"]
    for seed, name in (("0", "mlp"), ("1", "seeded")):
        assert main([*mlp, "--seed", seed, "--out", f"runs/{name}"]) == 0
        os.rename(f"runs/{name}/torch/last.safetensors", name)
    os.makedirs("taken/torch")
    shutil.copy("mlp", "taken/torch/last.safetensors")


@pytest.mark.parametrize("arguments, text", [
    ("--model transformer", "argument --model: invalid choice: 'transformer'"),
    ("--backend jax", "argument --backend: invalid choice: 'jax'"),
    ("--backend cupy", "the cupy backend needs an NVIDIA GPU and CuPy"),
    ("--data cifar", "unknown data 'cifar': choose digits, mnist DIR or csv FILE"),
    ("--data csv", "unknown data 'csv'"),
    ("--data csv missing.csv", "missing.csv: No such file or directory"),
    ("--data csv bad.csv", "bad.csv: "),
    ("--data csv empty.csv", "empty.csv: "),
    ("--data csv .", "Is a directory"),
    ("--data mnist .", "train-images"),
    ("--epochs 0", "argument --epochs: '0' is not a whole number of at least 1"),
    ("--batch-size many", "argument --batch-size: 'many' is not a whole number"),
    ("--lr nan", "argument --lr: 'nan' is not a number above 0"),
    ("--momentum 1", "argument --momentum: '1' is not a number from 0 to below 1"),
    ("--seed -1", "argument --seed"),
    ("--dtype int8", "argument --dtype: invalid choice: 'int8'"),
    ("--learning-rate 1", "unrecognized arguments: --learning-rate 1"),
    ("--resume missing", "cannot read the checkpoint: missing: No such file or directory"),
    ("--resume train.csv", "train.csv is not a checkpoint: load: the file is damaged"),
    ("--resume pickle", "pickle is not a checkpoint: Weights only load failed."),
    ("--resume other", "other is not a checkpoint of minigrad train"),
    ("--resume mlp --model cnn", "--model cannot change in a resumed run: it is mlp there; leave it out"),
    ("--resume mlp --seed 5", "--seed cannot change in a resumed run: it is 0 there; leave it out"),
    ("--resume mlp seeded", "mlp and seeded are of different runs: --seed is 0 and 1; resume one of them"),
    ("--resume mlp", "the run is at epoch 1 already: pass --epochs above that to go on"),
    ("--out taken", "taken holds another run: pass another --out, or continue that one with --resume "
     "taken/torch/last.safetensors\n"),
    ("--resume seeded --epochs 3 --out taken", "taken holds another run"),
    ("--backend torch --out train.csv/here", "train.csv/here: Not a directory"),
    ("--backend torch --out /proc/here", "/proc/here: No such file or directory"),
])  # fmt: skip
def test_every_error_is_one_line_and_exit_code_2(arguments, text, files, capsys):
    capsys.readouterr()
    try:
        code = main(["train", *arguments.split()])
    except SystemExit as exit:
        code = exit.code
    said = capsys.readouterr()
    assert code == 2 and said.out == ""
    assert said.err.startswith("minigrad") and said.err.count("\n") == 1
    assert text in said.err


def test_without_torch(csv, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch_backend"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train", "--backend", "torch"]) == 2
    assert capsys.readouterr().err == (
        'minigrad train: the torch backend needs PyTorch: pip install "minigrad[torch]"\n'
    )
    assert main(["parity", "exp"]) == 2
    assert capsys.readouterr().err == (
        'minigrad parity: the torch backend needs PyTorch: pip install "minigrad[torch]"\n'
    )
    assert main(["train", "--data", "csv", csv, "--epochs", "1"]) == 0
    assert list(rows(capsys.readouterr().out)) == ["numpy"]


def test_a_disk_that_fills_up(csv, monkeypatch, capsys):
    save = torch_backend.save

    def fail_later(value, path):
        if value["epoch"] == 2:
            raise OSError(28, "No space left on device; nothing was saved", path)
        save(value, path)

    monkeypatch.setattr(torch_backend, "save", fail_later)
    assert main(["train", "--backend", "torch", "--data", "csv", csv]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "last.safetensors: No space left on device" in said
    assert minigrad.load("runs/csv-cnn/torch/last.safetensors")["epoch"] == 1


# -- minigrad parity ---------------------------------------------------------------------------------


def test_parity_prints_a_row_per_op(capsys):
    assert main(["parity", "exp", "max_pool2d", "--examples", "4"]) == 0
    head, *found, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["op", "cases", "value", "gradient", "second", "dtypes", "errors"]
    names = ["exp", "max_pool2d", "max_pool2d.indices", "max_pool2d.backward"]
    assert [row.split()[0] for row in found] == names
    for row in found:
        for share in re.findall(r"(\d+)/(\d+)", row):
            assert share[0] == share[1]
    assert 0 < float(found[0].split()[2]) < 4
    assert re.search(r"\d+ cases of 4 ops against torch .*; beyond what rounding explains: none;", last)


def test_parity_writes_a_page(capsys):
    assert main(["parity", "mul", "nonzero", "--html", "page.html", "--examples", "2"]) == 0
    text = Path("page.html").read_text()
    assert text.startswith("<!doctype html>") and "nonzero" in text and "float16" in text
    assert not re.search(r"(src|href)=|https?:|@import|url\(", text), "the page needs nothing outside itself"


def test_parity_shows_what_differs(monkeypatch, capsys):
    exp = minigrad.exp
    monkeypatch.setattr(minigrad, "exp", lambda x: exp(x) * (1 + 1e-12))
    assert main(["parity", "exp", "--html", "page.html"]) == 1
    out = capsys.readouterr().out
    assert "DIFFERS" in out and "exp: Mismatch" in out and "against torch" in out
    assert float(out.splitlines()[1].split()[2]) > 1000
    assert '<span class="bad">exp</span>' in Path("page.html").read_text()


def test_ulps_are_counted_as_stated():
    from torch_backend.parity.page import ulps

    one, tiny = np.array([1.0, 2.0**-60]), np.finfo(np.float64).eps
    assert ulps(one + [tiny, 0], one) == 1 and ulps(one * [1, 1 + 4 * tiny], one, elementwise=True) == 4
    assert ulps(one * [1, 2], one) == 2.0**-8
    assert ulps(np.float32([4]), np.float32([4 + 4 * 2**-23])) == pytest.approx(1, rel=1e-6)
    assert ulps(np.array([np.nan]), np.array([1.0])) == np.inf == ulps(np.array([1.0]), np.array([np.inf]))
    assert ulps(np.array([np.nan, -np.inf]), np.array([np.nan, -np.inf])) == 0
    assert ulps(np.array([1]), np.array([1])) is None and ulps(np.ones(2), np.ones(3)) is None


@pytest.mark.parametrize("arguments, text", [
    ("no_such_op", "minigrad parity: unknown op 'no_such_op'"),
    ("sigmiod", "unknown op 'sigmiod': perhaps sigmoid"),
    ("exp --examples 0", "argument --examples: '0' is not"),
    ("--html /proc/page.html", "/proc/page.html: No such file or directory"),
])  # fmt: skip
def test_parity_errors_are_one_line_and_exit_code_2(arguments, text, capsys):
    try:
        code = main(["parity", *arguments.split()])
    except SystemExit as exit:
        code = exit.code
    said = capsys.readouterr().err
    assert code == 2 and said.count("\n") == 1 and text in said


# -- the rest ----------------------------------------------------------------------------------------


def test_help_and_version(capsys):
    answers = {"--help": "train", "train --help": "--resume FILE", "--version": "minigrad 0."}
    for arguments, text in answers.items():
        with pytest.raises(SystemExit) as exit:
            main(arguments.split())
        assert exit.value.code == 0 and text in capsys.readouterr().out
    assert main([]) == 2
    assert "usage: minigrad" in capsys.readouterr().out


def test_a_terminal_shows_progress(csv):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "minigrad", "train", "--backend", "torch", "--data", "csv", csv]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
    child = subprocess.Popen([*command, "--epochs", "2"], env=environment, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # how Linux tells that the other end is closed
        pass
    finally:
        os.close(leader)
        child.kill()
        child.wait()
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown.decode()).replace("\r", "\n")
    assert "100%" in text or "━" in text
    assert len(rows(text)["torch"]) == 2
    assert "Traceback" not in text


def test_the_loop_is_short_and_takes_the_backend():
    source = Path(train_module.__file__).read_text()
    tree = ast.parse(source)
    [loop] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "train"]
    assert loop.args.args[0].arg == "B" and loop.end_lineno - loop.lineno + 1 < 40
    assert not any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.walk(loop))
    names = {node.id for node in ast.walk(loop) if isinstance(node, ast.Name)}
    assert not names & {"minigrad", "torch", "torch_backend"}
