"""Odd corners of autograd, a few lines each, that must print the same on either library, errors included.

A corner is a function of the library `B` and of `say`, which notes what it is given. `@corner` enters it with
the page of torch's documentation that it is about. `python -m torch_backend.parity.corners` runs them on both
and shows what differs. """

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

MECHANICS = "notes/autograd.html"
VIEWS = "tensor_view.html"
CORNERS: dict[str, Callable[[Any, Callable[..., None]], Any]] = {}
PAGES: dict[str, str] = {}


def corner(page: str) -> Callable[[Any], Any]:
    """Enter a function into CORNERS, with the page of https://docs.pytorch.org/docs/stable/ that it is
    about."""

    def enter(case: Any) -> Any:
        assert case.__name__ not in CORNERS, case.__name__
        CORNERS[case.__name__], PAGES[case.__name__] = case, page
        return case

    return enter


def told(name: str, B: Any) -> list[str]:
    """What a corner says on a library, then the type and first line of the error that it raises, if it
    does."""
    lines: list[str] = []

    def say(*values: Any) -> None:
        lines.append(" ".join(map(str, values)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            CORNERS[name](B, say)
        except Exception as error:  # noqa: BLE001  (an error is what many corners are about)
            lines.append(f"{type(error).__name__}: {first_line(error)}")
    return lines


def first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]


def refused(say: Any, call: Callable[[], Any]) -> None:
    """Note the error of a call, and go on."""
    try:
        call()
    except Exception as error:  # noqa: BLE001
        say(type(error).__name__, first_line(error))
    else:
        say("no error")


def leaf(B: Any, *values: float) -> Any:
    return B.tensor(list(values or (1.0, 2.0, 3.0)), requires_grad=True)


def square(B: Any) -> Any:
    return B.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)


from . import functions, hooks, memory, mixed, recorded, saved, walking  # noqa: E402, F401
