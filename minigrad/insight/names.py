"""What to call the tensors of a trace: by the user's variables and parameters where they can be found, else
t1, t2, ... in the order they were made. Every name is of one value only."""
from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..nn import Module
from .notes import PICK, TENSOR, Place, note_of

if TYPE_CHECKING:
    from .trace import Trace, Value


def name_values(trace: Trace, variables: Mapping[str, Any]) -> None:
    """Name every value of a trace. variables: names and what they stand for; tensors and modules count."""
    taken: dict[str, Value] = {}
    latest: dict[str, int] = {}

    def give(value: Value, name: str) -> None:
        """The name, or where it is another's already, the name with a number."""
        first, number = name, latest.get(name, 1)       # not from 2 each time: a loop reuses its names
        while taken.setdefault(name, value) is not value:
            number += 1
            name = f"{first}_{number}"
        latest[first] = number
        value.name = name

    wished = {key: value.name for key, value in trace.values.items()}
    given = _by_variables(trace, variables)
    for key, name in _parameters(trace, variables).items():
        given.setdefault(key, name)
    last = {step.place: step for step in trace.forward if step.place is not None}       # a call makes many
    made = {step.results[0].key: assigned(place) for place, step in last.items() if len(step.results) == 1}
    # Leaves and results of the walk come first: it is them that a reader looks for.
    order = [*(leaf.value for leaf in trace.leaves), *trace.roots, *trace.values.values()]
    if len(trace.roots) == 1 and trace.roots[0].kind == "result":
        wished[trace.roots[0].key] = wished[trace.roots[0].key] or "loss"
    constants: dict[int, str] = {}              # by array: one tensor used twice is two values with one name
    for value in order:
        name = given.get(value.key) or made.get(value.key, "") or wished[value.key]
        if name and value.kind == "constant" and id(value.array) in constants:
            value.name = constants[id(value.array)]
        elif name:
            give(value, name)
            if value.kind == "constant":
                constants[id(value.array)] = value.name
    plain = {"leaf": "leaf", "result": "t"}
    counts = dict.fromkeys(plain.values(), 0)
    for value in trace.values.values():
        if not value.name and value.kind in plain:
            base = plain[value.kind]
            while not value.name or taken.get(value.name) is not value:
                counts[base] += 1
                value.name = f"{base}{counts[base]}"
                taken.setdefault(value.name, value)


def _by_variables(trace: Trace, variables: Mapping[str, Any]) -> dict[Any, str]:
    found: dict[Any, str] = {}
    for name, held in variables.items():
        if isinstance(held, TENSOR) and not name.startswith("_"):
            found.setdefault(_key(held), name)
    return {key: name for key, name in found.items() if key in trace.values}


def _key(tensor: Any) -> Any:
    node = tensor.node
    if node is None:
        return "leaf", id(tensor)
    if isinstance(node, PICK):
        return "node", int(node.edges[0].number), node.attrs
    return "node", int(node.number), 0


def _parameters(trace: Trace, variables: Mapping[str, Any]) -> dict[Any, str]:
    """Parameters, by their paths in the modules that ran or are at hand. With the module's name before the
    path where there are several."""
    modules: dict[int, tuple[str, Module]] = {}
    for step in trace.steps:
        note = note_of(step.graph_node)
        for module, name in note.session.tops if note else ():
            modules.setdefault(id(module), (name, module))
    if not modules:
        modules = {id(held): (name, held) for name, held in variables.items() if isinstance(held, Module)}
    leaves = {leaf.value.key for leaf in trace.leaves}
    found: dict[Any, str] = {}
    own = {id(held): name for name, held in variables.items() if isinstance(held, Module)}
    several = sum(next(iter(module.parameters()), None) is not None for _, module in modules.values()) > 1
    for top, module in modules.values():
        top = own.get(id(module), top)
        for path, parameter in module.named_parameters():
            key = "leaf", id(parameter)
            if key in leaves:
                alone = not several and not path[0].isdigit()
                found.setdefault(key, _access(path)[1:] if alone else f"{top}{_access(path)}")
    return found


def _access(path: str) -> str:
    """A path as Python would write it behind the module: "0.weight" is [0].weight."""
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split("."))


def assigned(place: Place | None) -> str:
    """The variable to which the source assigns just what this place computes, '' where there is none."""
    if place is None or place.span is None:
        return ""
    return _assignments(place.file).get(place.span, "")


@functools.lru_cache(maxsize=32)
def _assignments(file: str) -> dict[tuple[int, int, int, int], str]:
    """{span of an assigned expression: name} of a source file."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = node.value
            span = (value.lineno, value.col_offset, value.end_lineno or 0, value.end_col_offset or 0)
            found[span] = node.targets[0].id
    return found
