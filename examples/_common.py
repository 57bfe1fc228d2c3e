"""What all programs of this folder share: the flags, and where they write.

    torch, options = start(__doc__, epochs=3)       # minigrad, or PyTorch itself: as --backend says
    nn = torch.nn

Every program prints results to stdout, shows its progress on stderr (tqdm's bars), and writes only into
options.out, telling each file by `wrote`. From the same seed the lines on stdout are equal on every backend:
with --dtype float64 exactly.
"""
import argparse
import importlib
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent))    # for a checkout that was not installed

EXTRA = ["PIL", "colorama", "matplotlib", "pandas", "tensorboard", "tensorboardX", "tqdm"]


def refuse(message):
    """Ends the program as for any wrong argument: with one line, and exit code 2."""
    sys.stderr.write(f"{Path(sys.argv[0]).name}: {message}\n")
    sys.exit(2)


def start(description, **settings):
    """Reads the command line; returns the library that it asks for and its options. Numbers are above 0.

    Args:
        description: the program's docstring; its first line is what --help says.
        settings: flags of the program's own by their defaults: `learning_rate=0.1` makes --learning-rate, and
            False a flag without a value.

    Returns:
        `(library, options)`: minigrad or its twin on PyTorch, seeded; and a Namespace with `backend`,
        `device`, `dtype` (the library's), `seed`, `out` (a Path, made), and the settings.
    """
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        refuse(f"{', '.join(missing)} missing: pip install 'minigrad[examples]'")
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(prog=f"{name}.py", description=description.splitlines()[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.error = refuse       # argparse would print the usage before it
    add = parser.add_argument
    add("--backend", choices=["numpy", "torch", "cupy"], default="numpy", help="what computes")
    add("--dtype", choices=["float32", "float64"], default="float32", help="of weights and inputs")
    add("--seed", type=int, default=0, help="of weights, orders, masks")
    add("--out", type=Path, default=Path("runs", name), help="folder for what the program writes")
    for setting, default in settings.items():
        kind = {"action": "store_true"} if default is False else {"type": type(default)}
        add("--" + setting.replace("_", "-"), default=default, help="of this program", **kind)
    options = parser.parse_args()
    for setting in settings:
        value, flag = getattr(options, setting), "--" + setting.replace("_", "-")
        if isinstance(value, (int, float)) and value is not False and not value > 0:
            refuse(f"argument {flag}: {value} is not above 0")
        if setting == "csv" and value and not Path(value).is_file():
            refuse(f"argument {flag}: {value}: no such file")
    if not 0 <= options.seed < 2**32:
        refuse(f"argument --seed: {options.seed} is not from 0 to below 2**32")

    if options.backend == "torch" and find_spec("torch") is None:
        refuse("the torch backend needs PyTorch: pip install 'minigrad[torch]'")
    library = importlib.import_module("torch_backend" if options.backend == "torch" else "minigrad")
    if options.backend == "cupy" and not library.cuda.is_available():
        refuse("the cupy backend needs an NVIDIA GPU and CuPy: pip install 'minigrad[cuda]'")
    options.device = library.device("cuda" if options.backend == "cupy" else "cpu")
    options.dtype = getattr(library, options.dtype)
    library.set_default_dtype(options.dtype)
    library.manual_seed(options.seed)
    make_folder(options.out)
    return library, options


def make_folder(path):
    """Makes a folder, if there is none; what the system has against it is told in one line."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse(f"{path}: {error.strerror}")


def wrote(path):
    """Tells what was written: a file, or a folder of files."""
    print(f"wrote {path}")


def summary_writer(library):
    """The library's SummaryWriter (`from torch.utils.tensorboard import SummaryWriter`)."""
    return importlib.import_module(f"{library.__name__}.utils.tensorboard").SummaryWriter


def digits_28x28():
    """The 1,797 digits that ship with minigrad in the shape of MNIST: each of their 8 × 8 pixels becomes a
    square of 3 × 3, within a margin of 2.

    Returns:
        `(images, labels)`: uint8 `[1797, 28, 28]` from 0 to 255, int64 `[1797]`.
    """
    from minigrad.vision.digits import load_digits
    images, labels = load_digits()
    large = (images * 255.0 / 16).round().astype(np.uint8).repeat(3, axis=1).repeat(3, axis=2)
    return np.pad(large, [(0, 0), (2, 2), (2, 2)]), labels


def mnist_folder(root):
    """A folder for `datasets.MNIST(root)`; returns `root`.

    Real MNIST stays where its files are there already; else the digits of `digits_28x28` are written in
    MNIST's format, the first 1,500 to train and 297 to test.
    """
    raw = Path(root, "MNIST", "raw")
    if not raw.exists():
        make_folder(raw)
        images, labels = digits_28x28()
        for part, rows in {"train": slice(0, 1500), "t10k": slice(1500, None)}.items():
            for kind, array in {"images-idx3": images[rows], "labels-idx1": labels[rows]}.items():
                header = np.array([0x0800 + array.ndim, *array.shape], ">u4").tobytes()
                (raw / f"{part}-{kind}-ubyte").write_bytes(header + array.astype(np.uint8).tobytes())
        wrote(root)
    return root
