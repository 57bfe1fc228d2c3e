"""Small programs that run on torch and on minigrad, and all that can be seen of their results.

A program is one line: statements parted by `; `, the last an expression. `B` is the library, `np` NumPy.
"""
import warnings

import numpy as np
import pytest
import torch

import minigrad


class Floats:
    """Floating point values that are equal to 4 ulps."""

    def __init__(self, array):
        self.array = np.array(array)

    def __eq__(self, other):
        a, b = self.array, other.array
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        with np.errstate(all="ignore"):
            near = np.abs(a - b) <= 4 * np.finfo(a.dtype).eps * np.maximum(np.abs(a), np.abs(b))
        return bool(np.all(near | (a == b) | (np.isnan(a) & np.isnan(b))))

    def __repr__(self):
        return repr(self.array)


def seen(result):
    """What can be seen of a result, the same for both libraries."""
    if isinstance(result, (torch.Tensor, minigrad.Tensor)):
        array = result.detach().numpy()
        steps = zip(result.stride(), result.shape, strict=True)
        strides = [step for step, n in steps if n > 1] if array.size else None
        return ("tensor", str(result.dtype), tuple(result.shape), strides, result.is_contiguous(),
                result.requires_grad,
                result.is_leaf, Floats(array) if array.dtype.kind == "f" else array.tolist())
    if isinstance(result, (list, tuple)):
        return type(result).__name__, *[seen(part) for part in result]
    if isinstance(result, np.ndarray):
        return "array", str(result.dtype), result.shape, result.strides, repr(result.tolist())
    if isinstance(result, (bool, int, float, complex, str, np.generic)):
        return type(result).__name__, repr(result)
    return str(result)


def outcome(B, program):
    """What a program gives: its result or its error, and the warnings on the way."""
    *statements, last = program.split("; ")
    names = {"B": B, "np": np}
    B.set_warn_always(True)                     # else it warns once a process, and order would matter
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore",
                                category=RuntimeWarning)      # NumPy's; importing minigrad filters them
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # NumPy's, about torch
        try:
            exec("\n".join(statements), names)
            result = seen(eval(last, names))
        except Exception as error:  # noqa: BLE001 - the error is the result
            result = "error", type(error).__name__, str(error).split("\n", 1)[0]
    B.set_warn_always(False)
    texts = [str(w.message).split("\n", 1)[0].split(" (Triggered")[0] for w in caught]
    told = [(w.category.__name__, text) for w, text in zip(caught, texts, strict=True)]
    return result, list(dict.fromkeys(told))    # torch may say the same twice


def table(text):
    """A test's programs, one a line."""
    return pytest.mark.parametrize("program", [line.strip() for line in text.strip().splitlines()])


def check(program):
    """Both libraries give the same."""
    want, got = outcome(torch, program), outcome(minigrad, program)
    assert got == want
