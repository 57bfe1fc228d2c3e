"""Numbers as text, and the registry's formulas with names and numbers put in.

    fill("ḡ · y", {"ḡ": "∂z/∂z", "y": "t2"})     # ∂z/∂z · t2
    fill("ḡ · y", {"ḡ": "1", "y": "−2"})         # 1 · (−2)
"""
from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from .trace import Step, Value

SMALL = 8                                       # arrays of up to so many elements are shown in full
_RAISED = dict(zip("ˣʸᶻⁿᵏᵝ⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "xyznkβ−0123456789"))
_SIGNS = "".join(_RAISED)
_RAISE = {ord(low): high for high, low in _RAISED.items() if low.isdigit()}
# Words, ḡ, and what is raised; a letter with a mark or an index (x̂, xᵢ, k′) is another symbol.
_TOKEN = re.compile(rf"(?<![A-Za-zḡ])(ḡ|[A-Za-z]+)(?![A-Za-zḡ\u0300-\u036f′ᵢⱼₖₙ₀-₉])|[{_SIGNS}]+")


def number(value: Any) -> str:
    """A number in four digits, with a minus sign as formulas have it; a whole one in full."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    value = float(value)
    text = str(int(value)) if value.is_integer() and abs(value) < 1e6 else f"{value:.4g}"
    return text.replace("-", "−")


def rms(array: Any) -> float:
    """The root of the mean square, nan of nothing; computed in float64."""
    wide = np.asarray(array, np.float64)
    return float(np.sqrt(np.mean(wide * wide))) if wide.size else float("nan")


def dims_text(shape: tuple[int, ...]) -> str:
    return "[" + "×".join(map(str, shape)) + "]"


def shape_text(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"{shape[0]} value" + "s" * (shape[0] != 1)
    return "×".join(map(str, shape)) if shape else "a number"


def array_text(array: Any) -> str:
    """A tensor's values: a single one as a number, few as lists, many as shape, range and rms."""
    if array is None:
        return "?"
    if np.ndim(array) == 0 or np.size(array) == 1:
        return number(np.asarray(array).reshape(()).item() if np.ndim(array) else array)
    array = np.asarray(array)
    if 0 < array.size <= SMALL:
        return _nested(array.tolist())
    if array.dtype.kind not in "fV" or not array.size:
        return f"{shape_text(array.shape)} of {array.dtype}"
    wide = array.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    text = shape_text(array.shape)
    if finite.size:
        text += f" from {number(finite.min())} to {number(finite.max())}, rms {number(rms(finite))}"
    for kind, found in (("nan", np.isnan(wide)), ("inf", np.isinf(wide)), ("zero", wide == 0)):
        count = int(found.sum())
        if count and (kind != "zero" or count * 4 >= array.size):
            text += f", {count} {kind}"
    return text


def _nested(values: Any) -> str:
    return "[" + ", ".join(map(_nested, values)) + "]" if isinstance(values, list) else number(values)


# Formulas ---------------------------------------------------------------------------------------------------

def fill(formula: str, symbols: Mapping[str, str]) -> str:
    """The formula with its symbols replaced. Negative numbers are put in brackets, and numbers that then
    stand side by side get the dot of a product."""
    text, end = "", 0
    for match in _TOKEN.finditer(formula):
        word, before = match.group(), formula[end:match.start()]
        if match.group(1):
            if word not in symbols:
                continue
            found = symbols[word]
            raised = formula[match.end():match.end() + 1] in tuple(_SIGNS)
            turned = raised or formula[match.end():match.end() + 1] == "ᵀ"
            if found.startswith("−") and (match.start() > 0 or raised) or "∂" in found and turned:
                found = f"({found})"
            if re.search(r"\d$", before):       # 2z is one product: 2 · 3, in brackets where it is divided by
                before, found = before[:-1], f"{before[-1]} · {found}"
                found = f"({found})" if before.endswith("/ ") else found
            elif before.strip("− ") in ("", "½") and re.search(r"[\w)\]½]$", (text + before).rstrip()):
                before = f"{before.rstrip()} · "
            text += before + found
        elif any(_RAISED[sign] in symbols for sign in word):
            power = ""
            for sign in map(_RAISED.__getitem__, word):
                found = symbols.get(sign, sign)
                power += f"({found})" if power and found.startswith("−") and sign != "−" else found
            if power.isdecimal():
                text += before + power.translate(_RAISE)
            else:
                text += before + "^" + (power if re.fullmatch(r"[\w.]+", power) else f"({power})")
        else:
            continue
        end = match.end()
    return text + formula[end:]


def symbols_of(step: Step) -> dict[str, Value | Any]:
    """What the symbols of a step's formulas stand for: operands, the result, attributes that are numbers."""
    found: dict[str, Any] = step.named
    letters = {"W": "weight", "w": "weight", "b": "bias", "v": "value", "c": "condition", "m": "mask"}
    for letter, name in letters.items():
        if name in found:
            found.setdefault(letter, found[name])
    attributes = {"n": "exponent", "k": "factor", "low": "low", "high": "high"}
    for letter, name in attributes.items():
        if isinstance(step.attributes.get(name), (int, float)):
            found.setdefault(letter, step.attributes[name])
        elif name in ("low", "high") and name in step.attributes and name not in found:
            found[letter] = math.inf if name == "high" else -math.inf       # no bound was given
    if step.op == "mean" and step.operands[0].shape and step.results[0].shape is not None:
        size, kept = np.prod(step.operands[0].shape), np.prod(step.results[0].shape)
        found["n"] = int(size // max(kept, 1))
    if step.op == "mse_loss":
        found["n"] = int(np.prod(step.operands[0].shape))
    return found


def name_of(thing: Any) -> str:
    """What a formula calls a value: its name, or a constant's number or shape."""
    if not isinstance(thing, Value):
        return number(thing)
    if thing.name:
        return thing.name
    if thing.dtype == "None":
        return "nothing"
    if thing.array is None:
        return "?"
    return array_text(thing.array) if np.size(thing.array) == 1 else dims_text(thing.shape)


def names_of(symbols: Mapping[str, Any]) -> dict[str, str]:
    """What formulas call the values. A word of a formula, such as target, stays where its value has no
    name."""
    return {letter: name_of(thing) for letter, thing in symbols.items()
            if len(letter) == 1 or not isinstance(thing, Value) or thing.name}


def number_of(thing: Any) -> str:
    """What a formula with numbers shows of a value: the number if it is one, else the shape."""
    array = thing.array if isinstance(thing, Value) else thing
    if array is None:
        return "nothing" if isinstance(thing, Value) and thing.dtype == "None" else "?"
    if np.size(array) == 1:
        return array_text(array)
    return dims_text(np.shape(array))


# One element ------------------------------------------------------------------------------------------------

_POINTWISE = {"pointwise", "elementary", "activation"}      # the files of ops/ whose rows work so
_MOVES = {"to", "alias", "clone", "contiguous", "fill", "copy", "zeros_like"}       # these compute nothing


def is_pointwise(step: Step) -> bool:
    """Is every element of the result made of the elements at its place?"""
    module = getattr(getattr(step.graph_node.op, "forward", None), "__module__", "")
    return module.rpartition(".")[2] in _POINTWISE and step.op not in _MOVES


def one_element(step: Step, formula: str, symbols: Mapping[str, Any], result: np.ndarray) -> str:
    """The formula with numbers for the largest element of a result of many, '' where one element does not
    tell: "at [0, 3]: 0.5 · (−1.2) = −0.6"."""
    if result.size <= 1 or result.dtype.kind != "f" or not np.isfinite(result).any() or formula == "ḡ":
        return ""
    place = np.unravel_index(int(np.nanargmax(np.abs(result))), result.shape)
    at = "at [" + ", ".join(map(str, place)) + "]: "
    if is_pointwise(step):
        there = {}
        for letter, thing in symbols.items():
            array = thing.array if isinstance(thing, Value) else thing
            if array is None:
                return ""
            if np.ndim(array):
                try:
                    array = np.broadcast_to(array, result.shape)[place]
                except ValueError:
                    return ""
            there[letter] = number(array)
        return f"{at}{fill(formula, there)} = {number(result[place])}"
    product = re.fullmatch(r"(\w|ḡ)(ᵀ?) · (\w|ḡ)(ᵀ?)( \+ b)?", formula)
    if product and step.op in ("linear", "mm") and len(place) == 2:
        left, turn_left, right, turn_right, bias = product.groups()
        arrays = [getattr(symbols[letter], "array", symbols[letter]) for letter in (left, right)]
        if any(np.ndim(array) != 2 for array in arrays):
            return ""
        row = (arrays[0].T if turn_left else arrays[0])[place[0]]
        column = (arrays[1].T if turn_right else arrays[1])[:, place[1]]
        terms = [f"{_bracketed(a)} · {_bracketed(b)}" for a, b in zip(row[:4], column[:4])]
        terms += ["…"] * (len(row) > 4)
        if bias and getattr(symbols.get("b"), "array", None) is not None:
            terms.append(_bracketed(symbols["b"].array[place[1]]))
        return f"{at}{' + '.join(terms)} = {number(result[place])}"
    return ""


def _bracketed(value: Any) -> str:
    text = number(value)
    return f"({text})" if text.startswith("−") else text
