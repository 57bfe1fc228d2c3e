"""The programs of examples/: each on NumPy and on PyTorch, same seed, no weights carried over.

In float64 both print the same lines, and the NumPy run is the command that its readers type, in a process of
its own. In float32 the losses of the first three steps are near, and so are the accuracies at the end.
"""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from gpu import stand_in

import minigrad

torch = pytest.importorskip("torch")
for _name in ("PIL", "colorama", "matplotlib", "pandas", "tensorboard", "tensorboardX", "tqdm"):
    pytest.importorskip(_name)

FOLDER = Path(__file__).parent.parent / "examples"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))

# Fewer steps than the program's own default, where that takes more than a few seconds: in float64, where all
# is equal at once; in float32, where a network must have learnt before its accuracy stands still; on CuPy's
# stand-in, which is slow.
QUICK = {
    "000_digits_csv": ("--n-iters 500", "--n-iters 1500", "--n-iters 100"),
    "000_vision_transformer": (
        "--epochs 4 --warmup-epochs 2", "--epochs 12 --warmup-epochs 3", "--epochs 2 --warmup-epochs 1",
    ),
    "001_classifier": ("--epochs 1 --images 88", "--epochs 5", "--epochs 1 --images 22"),
    "003_sequential_mlp": ("--limit 180 --epochs 2", "--limit 600 --epochs 2", "--limit 60 --epochs 1"),
    "003_residual_mlp": ("--epochs 2", "--epochs 3", "--limit 120 --epochs 1"),
    "003_overfitting": ("--epochs 20 --images 120", "--epochs 20", "--epochs 2 --images 60"),
    "003_batch_size": ("--epochs 2 --images 200", "--epochs 2", "--epochs 1 --images 60"),
    "003_lightning": ("--epochs 2", "--epochs 4", "--epochs 1"),
    "004_trainer": ("--epochs 12", "--epochs 4", "--epochs 1"),
    "004_transforms": ("--epochs 1", "--epochs 2", "--epochs 1"),
    "004_text": ("--epochs 2", "--epochs 8", "--epochs 1"),
    "004_seeds": ("", "", "--epochs 2"),
    "004_inference": ("--epochs 2", "--epochs 6", "--epochs 1"),
}  # fmt: skip
RUNS = PROGRAMS + ["002_trainer --debug-run"]  # programs, and more ways to run one

LIBRARIES = {"numpy": minigrad, "torch": torch, "cupy": minigrad}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a program in this process: `run(name, backend, dtype)` gives (stdout's lines, losses, stderr)."""
    states = [(it, it.get_default_dtype(), it.get_rng_state()) for it in (minigrad, torch)]
    folder = tmp_path / "somewhere"
    folder.mkdir()

    def call(name, backend, dtype):
        out, losses = tmp_path / backend, []
        library = LIBRARIES[backend]
        backward = library.Tensor.backward

        def recorded(self, *arguments, **named):
            losses.append(self.sum().item())
            return backward(self, *arguments, **named)

        with monkeypatch.context() as patch:
            patch.setattr(library.Tensor, "backward", recorded)
            patch.setattr(sys, "argv", command(name, backend, dtype, out))
            patch.syspath_prepend(str(FOLDER))
            patch.chdir(folder)
            capsys.readouterr()
            runpy.run_path(sys.argv[0], run_name="__main__")
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        captured = capsys.readouterr()
        check_what_it_wrote(captured.out, out, folder)
        return lines(captured.out, out), losses, captured.err

    yield call
    for library, dtype, state in states:
        library.set_default_dtype(dtype)
        library.set_rng_state(state)


def command(name, backend, dtype, out):
    program, *flags = name.split()
    quick = QUICK.get(name, ("", "", ""))
    flags += quick[2 if backend == "cupy" else dtype == "float32"].split()
    return [str(FOLDER / f"{program}.py"), "--backend", backend, "--dtype", dtype, "--out", str(out), *flags]


def lines(text, out):
    return text.replace(str(out), "OUT").splitlines()


def check_what_it_wrote(text, out, folder):
    """Every file is told, or lies in a folder that is; nothing lies elsewhere."""
    told = [Path(line.removeprefix("wrote ")) for line in text.splitlines() if line.startswith("wrote ")]
    assert all(path.exists() for path in told)
    silent = [path for path in out.rglob("*") if path.is_file() and not {path, *path.parents} & set(told)]
    assert not silent and not list(folder.iterdir())


def accuracies(printed):
    """In points: of "accuracy: 87.5%", "accuracy 0.875"."""
    found = [re.findall(r"acc(?:uracy)?\W+([\d.]*\d)(%?)", line, re.IGNORECASE) for line in printed]
    return [float(number) * (1 if percent else 100) for line in found for number, percent in line]


@pytest.mark.parametrize("name", RUNS)
def test_float64_prints_the_same_lines(name, run, tmp_path):
    out, elsewhere = tmp_path / "alone", tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = [sys.executable, *command(name, "numpy", "float64", out)]
    alone = subprocess.run(words, cwd=elsewhere, capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    check_what_it_wrote(alone.stdout, out, elsewhere)
    theirs, losses, progress = run(name, "torch", "float64")
    assert lines(alone.stdout, out) == theirs and theirs
    for shown in (alone.stderr, progress):
        assert len(losses) < 20 or re.search(r"\d+%\||\d+it", shown), "long programs show their progress"


@pytest.mark.parametrize("name", RUNS)
def test_float32_is_near(name, run):
    ours, our_losses, _ = run(name, "numpy", "float32")
    theirs, their_losses, _ = run(name, "torch", "float32")
    assert len(our_losses) == len(their_losses) and len(ours) == len(theirs)
    for mine, other in zip(our_losses[:3], their_losses[:3], strict=True):
        assert abs(mine - other) <= 1e-5 * max(1, abs(other))
    mine, other = accuracies(ours), accuracies(theirs)
    assert len(mine) == len(other) and all(abs(x - y) <= 0.5 for x, y in zip(mine[-1:], other[-1:]))


@pytest.mark.parametrize("name", RUNS)
def test_cupy_refuses_nothing(name, run):
    """Every tensor is where its partner is. (What a GPU computes, a GPU must show.)"""
    with stand_in.installed():
        printed, _, _ = run(name, "cupy", "float64")
    assert printed


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_tables_name_every_program_once(readme):
    text = (FOLDER / readme).read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\w+)\.py\]\((\w+)\.py\) \|[^|]+\| `[^`]+` \|$", text, re.MULTILINE)
    assert [name for name, _ in rows] == [link for _, link in rows] == PROGRAMS


def test_what_counts_as_an_accuracy():
    assert accuracies(["Validation Accuracy: 91.25%", "validation accuracy:0.91", "lr 0.5"]) == [91.25, 91.0]


@pytest.mark.parametrize("arguments, message", [
    ("001_attributes --backend cupy", "the cupy backend needs an NVIDIA GPU and CuPy: pip install"),
    ("001_attributes --backend jax", "argument --backend: invalid choice: 'jax'"),
    ("001_attributes --seed -1", "argument --seed: -1 is not from 0 to below 2**32"),
    ("001_attributes --nothing", "unrecognized arguments: --nothing"),
    ("003_residual_mlp --data file", "file/MNIST/raw: Not a directory"),
    ("004_trainer --epochs 0", "argument --epochs: 0 is not above 0"),
    ("004_trainer --epochs many", "argument --epochs: invalid int value: 'many'"),
    ("004_trainer --learning-rate nan", "argument --learning-rate: nan is not above 0"),
    ("004_seeds --out file", "file: File exists"),
    ("000_titanic --csv missing.csv", "argument --csv: missing.csv: no such file"),
])  # fmt: skip
def test_wrong_arguments_are_told_in_one_line(arguments, message, tmp_path):
    name, *arguments = arguments.split()
    if "cupy" in arguments and minigrad.cuda.is_available():
        pytest.skip("it is there")
    (tmp_path / "file").write_text("")
    words = [sys.executable, str(FOLDER / f"{name}.py"), *arguments]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 2 and result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"{name}.py: {message}")
