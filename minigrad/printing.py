"""The text of a tensor: what `repr(tensor)` and `f"{tensor:.2f}"` show, character for character as torch's.

Everything works on bare NumPy arrays. The text is made in three steps: take the elements that will be shown
(only the edges, if there are many), write each to one common width, and lay the texts out in brackets.
After them come the suffixes (`dtype=`, `grad_fn=`, ...) that the values alone do not tell.
"""
import contextlib
import math
from types import SimpleNamespace

import numpy as np

_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

# How tensors are printed; changed with `set_printoptions`.
options = SimpleNamespace(precision=4, threshold=1000, edgeitems=3, linewidth=80, sci_mode=None)


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None,
                     sci_mode=None):
    """Change how tensors are printed, for the whole process; mirrors `torch.set_printoptions`.

    Args:
        precision: digits after the decimal point of floating point elements (4 at the start).
        threshold: a tensor with more elements than this is summarised (1000).
        edgeitems: elements shown at either end of each dimension of a summarised tensor (3).
        linewidth: characters in a line before it is broken (80).
        profile: "default", "short" or "full": sets the four above, which may be given beside it. As in torch,
            any other name is ignored.
        sci_mode: True or False switches scientific notation on or off. None chooses it from the values; as in
            torch, **every** call sets it, so a call that does not name it returns to None.
    """
    chosen = dict(_PROFILES.get(profile, {}))
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen.update((name, value) for name, value in given.items() if value is not None)
    for name, value in chosen.items():
        setattr(options, name, value)
    options.sci_mode = sci_mode


def get_printoptions():
    """The options in force, as a dict for `set_printoptions(**...)`."""
    return dict(vars(options))


@contextlib.contextmanager
def printoptions(**changes):
    """Change the options inside a `with` block; takes what `set_printoptions` takes."""
    before = get_printoptions()
    set_printoptions(**changes)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_text(array, *, dtype_name, default_dtype_name="float32", device="cpu", requires_grad=False,
                grad_fn_name=None, prefix="tensor("):
    """The text of `repr(tensor)`; mirrors `torch.Tensor.__repr__`.

    Args:
        array: the elements, an array of any shape and strides; of a large one only the edges are read.
        dtype_name: the element type, as "float32"; shown where the values do not tell it.
        default_dtype_name: the type of floating point numbers unless said otherwise: it is never shown.
        device: where the tensor lives; shown unless "cpu".
        requires_grad: shown for a leaf, that is where `grad_fn_name` is None.
        grad_fn_name: the name of the node that made the tensor, as "MulBackward0".
        prefix: what opens the text; a subclass of Tensor gives its own name and "(".
    """
    suffixes = []
    if device != "cpu":
        suffixes.append(f"device='{device}'")
    # With no element in sight, the shape (unless it is plainly (0,)) and the type have to be said.
    if (array.size == 0 and array.ndim != 1) or (array.size and not options.edgeitems):
        suffixes.append(f"size={tuple(array.shape)}")
    evident = {default_dtype_name} if array.size == 0 else {default_dtype_name, "int64", "bool"}
    if dtype_name not in evident:
        suffixes.append(f"dtype=torch.{dtype_name}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    return _with_suffixes(prefix + _elements_text(array, len(prefix)), suffixes, len(prefix))


def format_value(array, spec, text, type_name="Tensor"):
    """The text of `format(tensor, spec)`, as in `f"{loss:.4f}"`; mirrors `torch.Tensor.__format__`.

    Args:
        array: the elements. A tensor without dimensions is formatted as the Python number that it holds.
        spec: Python's format specification.
        text: a function of no arguments that gives `str(tensor)`, called only where that is the answer.
        type_name: the tensor's class. As in torch, subclasses (a Parameter) are never taken for numbers.

    Raises:
        TypeError: a non-empty `spec` for anything but a plain tensor without dimensions.
        ValueError: Python's own, where the number does not know `spec`.
    """
    if array.ndim == 0 and type_name == "Tensor":
        return format(_python_numbers(array), spec)
    if spec:
        raise TypeError(f"unsupported format string passed to {type_name}.__format__\n"
                        "Only a plain 0-d Tensor takes a format: format .item(), or leave the format out.")
    return text()


# ---- which elements are shown --------------------------------------------------------------------

def _elements_text(array, indent):
    """The nested brackets. `indent` is the number of characters before them on their first line."""
    if array.size == 0:
        return "[]"
    summarised = array.size > options.threshold
    if summarised and array.ndim and not options.edgeitems:
        return "[...]"
    cut = [summarised and size > 2 * options.edgeitems for size in array.shape]
    texts, width = _equally_wide(_edges(array, cut))
    return _nested(texts, cut, indent, width)


def _edges(array, cut):
    """The shown elements: of every axis marked in `cut`, the first and last `edgeitems`; reads no others."""
    if not any(cut):
        return array
    edge = options.edgeitems
    return array[np.ix_(*(np.r_[:edge, size - edge:size] if is_cut else np.arange(size)
                          for size, is_cut in zip(array.shape, cut, strict=True)))]


# ---- one element ---------------------------------------------------------------------------------

def _python_numbers(array):
    """Python's bool, int or float for each element, nested as by `tolist`; a double holds every float."""
    return array.tolist() if array.dtype.kind in "biu" else array.astype(np.float64).tolist()


def _equally_wide(shown):
    """The text of every element, all to one width: `(object array of str shaped as shown, that width)`.

    As in torch, zeros and what is not finite do not count for the width, so they may stand out of line.
    """
    if shown.dtype.kind in "biu":
        texts = [str(number) for number in shown.ravel().tolist()]
        width = max(map(len, texts))
    else:
        numbers = shown.astype(np.float64).ravel()
        counted = np.isfinite(numbers) & (numbers != 0)
        texts = _float_texts(numbers, numbers[counted])
        width = max((len(texts[place]) for place in np.flatnonzero(counted)), default=1)
    aligned = np.empty(len(texts), dtype=object)
    aligned[:] = [text.rjust(width) for text in texts]
    return aligned.reshape(shown.shape), width


def _float_texts(numbers, counted):
    """The text of every float64 in `numbers`; `counted`, the finite ones but zeros, choose the notation."""
    if counted.size and _is_scientific(np.abs(counted)):
        return [f"{number:.{options.precision}e}" for number in numbers.tolist()]
    if (counted == np.ceil(counted)).all():
        return [f"{number:.0f}." if math.isfinite(number) else str(number) for number in numbers.tolist()]
    return [f"{number:.{options.precision}f}" for number in numbers.tolist()]


def _is_scientific(magnitudes):
    if options.sci_mode is not None:
        return options.sci_mode
    largest, smallest = float(magnitudes.max()), float(magnitudes.min())
    return largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4


# ---- layout --------------------------------------------------------------------------------------

def _nested(texts, cut, indent, width):
    """Brackets around `texts`, with dots in the middle of each axis that is marked in `cut`."""
    if texts.ndim == 0:
        return texts.item()
    if texts.ndim == 1:
        return _row(texts.tolist(), cut[0], indent, width)
    parts = [_nested(part, cut[1:], indent + 1, width) for part in texts]
    if cut[0]:
        parts.insert(options.edgeitems, "...")
    return "[" + ("," + "\n" * (texts.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _row(texts, cut, indent, width):
    """The innermost axis, broken into lines of as many elements as fit."""
    if cut:
        texts.insert(options.edgeitems, " ...")
    per_line = max(1, math.floor((options.linewidth - indent) / (width + len(", "))))
    lines = [", ".join(texts[start:start + per_line]) for start in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _with_suffixes(text, suffixes, indent):
    """`text`, then its suffixes, each on the current line if it fits and else on a new one, then `)`."""
    column = len(text.rpartition("\n")[2]) + 2
    for suffix in suffixes:
        if column + len(suffix) + 2 > options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"
