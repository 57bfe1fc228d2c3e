"""What the page is given of a walk: plain lists and dicts, in which tensors are places in the table."""
from __future__ import annotations

import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.arrays import host, is_array
from ..engine.core import plain
from ..insight.notes import Place
from ..insight.trace import Arrival, Send, Step, Trace, Value
from ..insight.wording import fill, name_of, number_of, one_element, symbols_of
from .observed import Observed
from .summary import json_number
from .wrong import WrongWalk

Add = Callable[[np.ndarray], int]
Files = dict[str, int]
AROUND = 6                                      # lines of source shown before and after those that ran


class Nodes:
    """The page's nodes of one walk: operations in the order they were made, each after the leaves and
    constants that it is the first to use."""

    def __init__(self, trace: Trace, add: Add, files: Files) -> None:
        self.add = add
        self.found: list[dict[str, Any]] = []
        self.places: dict[tuple[Any, ...], int] = {}
        for step in trace.forward:
            operands = [self._operand(name, value) for name, value in zip(step.operand_names, step.operands)]
            self.places["step", step.number] = len(self.found)
            self.found.append({
                "kind": "op", "op": step.op, "torch": step.node, "name": step.results[0].name,
                "formula": step.formula, "operands": operands,
                **_formulas(step, step.formula, symbols_of(step), step.results[0].array),
                "attributes": {name: _text(value) for name, value in step.attributes.items()},
                "results": [self._array(value.array) for value in step.results],
                "shapes": [list(value.shape) for value in step.results], "dtype": step.results[0].dtype,
                "path": [list(module) for module in step.modules], "place": _place(step.place, files),
                "saved": [[saved.name, saved.nbytes, saved.readers] for saved in step.saved]})
        for leaf in trace.leaves:               # one that is a root itself is no step's operand
            self._own(leaf.value)

    def _array(self, array: Any) -> int | None:
        return self.add(array) if is_array(array) else None

    def _operand(self, name: str, value: Value) -> dict[str, Any]:
        operand: dict[str, Any] = {"name": name, "called": value.name}
        if value.kind == "result":
            operand.update({"from": self.places["step", value.key[1]], "output": value.key[2],
                            "value": self._array(value.array)})
        elif value.kind == "leaf" or is_array(value.array):
            operand.update({"from": self._own(value), "output": 0, "value": self._array(value.array)})
        elif isinstance(value.array, (bool, int, float)):
            operand["number"] = json_number(value.array)
        return operand

    def _own(self, value: Value) -> int:
        """The node of a leaf, or of a constant tensor: one for all operands with that name and content."""
        ref = self._array(value.array)
        leaf = value.kind == "leaf"
        key: tuple[Any, ...] = ("leaf", value.key[1]) if leaf else ("constant", value.name, ref)
        if key not in self.places:
            self.places[key] = len(self.found)
            self.found.append({"kind": value.kind, "name": value.name, "results": [ref],
                               "shapes": [list(value.shape)], "dtype": value.dtype})
        return self.places[key]

    def target(self, value: Value) -> tuple[int, int]:
        """(node, which of its outputs) a cotangent for this value goes to."""
        if value.kind == "result":
            return self.places["step", value.key[1]], value.key[2]
        return self.places["leaf", value.key[1]], 0


def step_data(seen: Observed, wrong: WrongWalk | None, add: Add, files: Files) -> dict[str, Any]:
    """One walk: its nodes, its events, the gradients it wrote, and the same of the wrong order. files: each
    source file's number, to which those of this walk are added."""
    nodes = Nodes(seen.trace, add, files)
    data: dict[str, Any] = {
        "nodes": nodes.found, "roots": [nodes.target(value) for value in seen.trace.roots],
        "right": _walk_data(nodes, seen.trace, [s for s in seen.trace.steps if s.reached], set())}
    order = {id(leaf): place for place, leaf in enumerate(seen.written)}
    data["right"]["grads"].sort(key=lambda grad: order.get(id(grad.pop("of")), len(order)))
    if wrong is not None:
        data["wrong"] = _walk_data(nodes, wrong.trace, wrong.order, wrong.lost)
        for grad in data["wrong"]["grads"]:
            del grad["of"]
        if data["wrong"] == data["right"]:      # where no value is used twice
            data["wrong"] = True
    return data


def _walk_data(nodes: Nodes, trace: Trace, order: list[Step], lost: set[tuple[int, int]]) -> dict[str, Any]:
    arrivals: dict[Any, Arrival] = {}           # by (step, operand) that sent it; without the first ones
    seeds = []
    meetings = [(value, trace.arrivals(value)) for value in trace.roots]
    for leaf in trace.leaves:
        meetings.append((leaf.value, leaf.arrivals))
    for step in order:
        meetings += [(value, met) for value, met in zip(step.results, step.arrivals)]
    for value, met in meetings:
        for number, arrival in enumerate(met):
            if arrival.source is None and value in trace.roots:
                seed = {"to": nodes.target(value), "g": nodes.add(arrival.cotangent)}
                if seed not in seeds:
                    seeds.append(seed)
            elif arrival.source is not None and number:
                arrivals[arrival.source] = arrival

    def sent(step: Step, send: Send) -> dict[str, Any]:
        symbols = symbols_of(step)
        if len(step.cotangents) == 1:
            symbols["ḡ"] = step.cotangents[0]
        made: dict[str, Any] = {"operand": send.operand, "to": nodes.target(send.to), "rule": send.formula,
                                "g": nodes.add(send.cotangent),
                                **_formulas(step, send.formula, symbols, send.raw)}
        if send.summed is not None:
            made.update(raw=nodes.add(send.raw), summed=list(send.summed))
        source = step.number, send.operand
        if source in lost:
            made["lost"] = True
        elif source in arrivals:
            made["sum"] = nodes.add(arrivals[source].total)
        return made

    events = [{"node": nodes.places["step", step.number],
               "g": [None if g is None else nodes.add(g) for g in step.cotangents],
               "sends": [sent(step, send) for send in step.sends]} for step in order]
    grads = [{"of": leaf, "leaf": nodes.target(leaf.value)[0],
              "g": nodes.add(leaf.arrivals[-1].total) if leaf.arrivals else None,
              "before": None if leaf.before is None else nodes.add(leaf.before),
              "after": None if leaf.after is None else nodes.add(leaf.after)} for leaf in trace.leaves]
    return {"seeds": seeds, "events": events, "grads": grads}


class History:
    """The loss at every walk; the size of each parameter then and after the last, and its elements at those
    walks that are kept in detail. A parameter of one element is its own size, else it is the norm."""

    def __init__(self) -> None:
        self.losses: list[Any] = []
        self.leaves: dict[int, tuple[Any, str, list[Any], list[Any]]] = {}

    def walk(self, root: Any, leaves: list[Value], add: Add | None) -> None:
        """A walk begins at `root`. add: None where the elements are not kept."""
        for value in leaves:
            if id(value.tensor) not in self.leaves:
                earlier: list[Any] = [None] * len(self.losses)
                self.leaves[id(value.tensor)] = value.tensor, value.name, earlier, list(earlier)
        self.losses.append(json_number(root.array.item()) if root.array.size == 1 else None)
        self.note(add)

    def note(self, add: Add | None) -> None:
        """Note the parameters as they are now."""
        for tensor, _, sizes, values in self.leaves.values():
            array = host(plain(tensor))
            size = array.item() if array.size == 1 else np.linalg.norm(array.astype(np.float64))
            sizes.append(json_number(float(size)))
            values.append(None if add is None else add(array))

    def as_data(self) -> dict[str, Any]:
        return {"losses": self.losses, "parameters": [
            {"name": name, "sizes": sizes, "values": values} for _, name, sizes, values in
            self.leaves.values()]}


def sources(steps: list[dict[str, Any]], files: Files) -> list[dict[str, Any]]:
    """Of each file, by its number, the lines that ran and those around them: {"name", "lines": {number:
    text}}. Its folder is the user's own affair."""
    wanted: list[set[int]] = [set() for _ in files]
    for step in steps:
        for node in step["nodes"]:
            if node.get("place"):
                line = node["place"]["line"]
                wanted[node["place"]["file"]].update(range(line - AROUND, line + AROUND + 1))
    found = []
    for file, numbers in zip(files, wanted):
        lines = linecache.getlines(file)
        found.append({"name": Path(file).name, "lines": {
            n: lines[n - 1].rstrip("\n") for n in sorted(numbers) if 0 < n <= len(lines)}})
    return found


def _formulas(step: Step, formula: str, symbols: dict[str, Any], result: Any) -> dict[str, str]:
    """A formula with names in it, with numbers, and for the largest element of many."""
    found = {"named": fill(formula, {letter: "ḡ" if letter == "ḡ" else name_of(thing)
                                     for letter, thing in symbols.items()}),
             "numbers": fill(formula, {letter: number_of(thing) for letter, thing in symbols.items()})}
    if isinstance(result, np.ndarray) and result.size > 1:
        found["element"] = one_element(step, formula, symbols, result)
    return found


def _place(place: Place | None, files: Files) -> dict[str, Any] | None:
    if place is None:
        return None
    return {"file": files.setdefault(place.file, len(files)), "line": place.line, "function": place.function,
            "span": None if place.span is None else list(place.span)}


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
