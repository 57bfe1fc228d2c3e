"""`collect`: a walk of its own over the nodes behind a result, which writes down everything it does.

It visits the nodes in the order of the engine's walk and runs the same rules, un-broadcasts and sums on the
same bare arrays, so every number is the engine's own; but it fills no `.grad` and frees nothing: `backward()`
can follow. The user's gradient hooks do run, as they may change what flows.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ..autograd.function import FREED
from ..backends.arrays import is_array
from ..engine import errors
from ..engine.backward import _cotangents, _gradients
from ..engine.core import owner, plain, set_recording
from ..engine.hooks import boxed, hooks_of, run_hooks, run_tuple_hooks, unboxed
from ..engine.views import fresh_node
from ..engine.walk import accumulate, check_saved, edge_shape, reachable, run_rules, unbroadcast
from .names import name_values
from .notes import PICK, TENSOR, Note, Place, bare, note_of

# Which tensor: ("leaf", id), ("node", creation number of its node, which of the node's outputs) or, of what
# needs no gradient, ("constant", ...).
Key = tuple[Any, ...]


@dataclass
class Value:
    """A tensor or number of the graph.

    `array`: an ndarray that nobody writes, a Python number, or None where nothing kept it (the dtype "None":
    no tensor was given there); of a leaf, as the last step that used it found it. `kind`: "leaf" (its
    gradient is asked for), "result" (of a step) or "constant" (no gradient flows there). `name`: what the
    user calls it, or one given by `names.py`; that of a leaf or result is unique in its trace, that of a
    constant may be ''.
    """

    key: Key
    kind: str
    array: Any = None
    shape: tuple[int, ...] = ()
    dtype: str = ""
    name: str = ""
    step: int | None = None                     # number of the step that made it
    tensor: Any = field(default=None, repr=False)       # a leaf itself


@dataclass
class Send:
    """What a step's rule sends to one operand. `raw`: the rule's result; `summed`: the dimensions of it over
    which it is summed because the operand was broadcast (None: no un-broadcast); `cotangent`: what
    arrives."""

    operand: int
    to: Value
    formula: str
    raw: np.ndarray
    summed: tuple[int, ...] | None
    cotangent: np.ndarray


@dataclass
class Arrival:
    """A cotangent that comes to a value, and the sum of all that have come. `source`: number of the step that
    sent it and which operand the value was there; None: it is where the walk began."""

    source: tuple[int, int] | None
    cotangent: np.ndarray
    total: np.ndarray


@dataclass
class Saved:
    """What a node keeps until the walk comes by: `name` as the rules read it, `readers`: names of the
    operands whose rules do. `nbytes`: of what the rules read; `held`: of the memory that is kept for it,
    which is more where it is a part of something. `memory`: the same number where memory is shared."""

    name: str
    readers: list[str]
    nbytes: int
    shape: tuple[int, ...]
    memory: int
    held: int


@dataclass
class Step:
    """One node of the graph.

    `number`: its creation number, by which the walk goes downwards. `op`: the registry's name; `node`:
    torch's. `formula`, `gradient_formulas`: the registry's. `operands`, `operand_names`: the values, and
    what the formulas call them. `results`: one value, or several. `arrivals`: per result what came, in
    order; `cotangents`: per result what the rules are given, None where nothing came. `sends`: in the order
    of the operands that need a gradient. `reached`: did a cotangent come at all?
    """

    number: int
    op: str
    node: str
    formula: str
    gradient_formulas: tuple[str, ...]
    operand_names: list[str]
    operands: list[Value]
    results: list[Value]
    attributes: dict[str, Any]
    saved: list[Saved]
    place: Place | None
    modules: tuple[tuple[str, str], ...]
    graph_node: Any = field(repr=False)
    arrivals: list[list[Arrival]] = field(default_factory=list)
    cotangents: list[np.ndarray | None] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    reached: bool = False
    hooked: bool = False                        # do the user's hooks see or change what passes?

    @property
    def named(self) -> dict[str, Value]:
        """The values by what the formulas call them; a single result is z."""
        return {**dict(zip(self.operand_names, self.operands)),
                **({"z": self.results[0]} if len(self.results) == 1 else {})}

    @property
    def module(self) -> str:
        """Path of the innermost module that ran, '' outside of modules."""
        return self.modules[-1][0] if self.modules else ""


@dataclass
class Leaf:
    """Where gradients end. `before`: its `.grad` when the walk began, or None; `after`: what `backward()`
    would make of it (None: nothing comes)."""

    value: Value
    arrivals: list[Arrival] = field(default_factory=list)
    before: np.ndarray | None = None
    after: np.ndarray | None = None


@dataclass
class Trace:
    """A whole walk. `steps`: in the order of the walk, from the result backwards; `forward`: as they were
    made. `noted`: are source lines and all operands known, as inside `tracing`?"""

    roots: list[Value]
    steps: list[Step]
    leaves: list[Leaf]
    values: dict[Key, Value]

    @cached_property
    def forward(self) -> list[Step]:
        return self.steps[::-1]

    @property
    def noted(self) -> bool:
        return all(note_of(step.graph_node) is not None for step in self.steps)

    @cached_property
    def _places(self) -> tuple[dict[int, Step], dict[Key, Leaf]]:
        return {step.number: step for step in self.steps}, {leaf.value.key: leaf for leaf in self.leaves}

    def step(self, number: int) -> Step:
        """The step with that creation number. Raises KeyError where there is none."""
        return self._places[0][number]

    def arrivals(self, value: Value) -> list[Arrival]:
        """What came to a value, in order."""
        if value.kind == "result":
            return self.step(value.key[1]).arrivals[value.key[2]]
        leaf = self._places[1].get(value.key)
        return leaf.arrivals if leaf is not None else []


def collect(outputs: Any, gradients: Any = None, variables: Mapping[str, Any] | None = None) -> Trace:
    """The walk back from `outputs`, a Tensor or several, written down; nothing is changed.

    gradients: a cotangent for each, optional for scalars, as of `minigrad.autograd.backward`. variables:
    tensors and modules by what to call them, such as `locals()`. Raises backward's errors: for what needs no
    gradient, and where saved values are freed or were overwritten.
    """
    outputs = tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)
    if not outputs:
        raise ValueError("there is no Tensor to begin at\nPass the loss.")
    for tensor in outputs:
        if not isinstance(tensor, TENSOR):
            raise TypeError(f"expected a Tensor, got {type(tensor).__name__}\nPass the loss.")
        fresh_node(tensor)
    cotangents = _cotangents(outputs, _gradients(outputs, gradients), False)
    before = set_recording(False)
    try:
        trace = _Walk(outputs, cotangents).trace
    except RuntimeError as error:
        if str(error) != errors.FREED:
            raise
        raise RuntimeError(f"{errors.FREED.splitlines()[0]}\nLook at a walk before backward(), or call "
                           "backward(retain_graph=True).") from None
    finally:
        set_recording(before)
    name_values(trace, variables or {})
    return trace


class _Walk:
    def __init__(self, outputs: Sequence[Any], cotangents: Sequence[np.ndarray]) -> None:
        self.values: dict[Key, Value] = {}
        self.leaves: dict[int, Leaf] = {}
        self.steps: dict[int, Step] = {}
        self.heap: list[int] = []
        self.flowing: dict[Any, list[Any]] = {}         # the sums of what has come, by step or leaf
        nodes, self.picks = _nodes_behind([t.node for t in outputs if t.node is not None])
        for number in sorted(nodes):
            self.steps[number] = self._step(nodes[number])
        roots = [self._value(tensor.node or tensor, tensor) for tensor in outputs]
        for root, tensor in zip(roots, outputs):
            if root.array is None:
                root.array = _kept(plain(tensor))
        self._fill_in()
        self._run(list(zip(roots, cotangents)))
        order = sorted(self.steps.values(), key=lambda step: -step.number)
        self.trace = Trace(roots, order, list(self.leaves.values()), self.values)

    # What the graph says ------------------------------------------------------------------------------------

    def _value(self, edge: Any, tensor: Any = None) -> Value:
        """The value an edge stands for: a leaf, or a node's result."""
        if isinstance(edge, TENSOR):
            key: Key = ("leaf", id(edge))
            if key not in self.values:
                array = _kept(plain(edge))
                self.values[key] = Value(key, "leaf", array, array.shape, str(array.dtype), tensor=edge)
                self.leaves[id(edge)] = Leaf(self.values[key])
                if edge.gradient is not None:
                    self.leaves[id(edge)].before = _kept(plain(edge.gradient))
            return self.values[key]
        return self._result(*((edge.edges[0], edge.attrs) if isinstance(edge, PICK) else (edge, 0)))

    def _result(self, node: Any, output: int) -> Value:
        key: Key = "node", int(node.number), output
        if key not in self.values:
            shape = node.shape[output] if _several(node) else node.shape
            self.values[key] = Value(key, "result", None, tuple(shape), str(np.dtype(node.dtype)),
                                     step=int(node.number))
        return self.values[key]

    def _step(self, node: Any) -> Step:
        note, made = note_of(node), node.op
        check_saved(node)
        operands = [self._operand(node, position, edge, note) for position, edge in enumerate(node.edges)]
        results = [self._result(node, output) for output in range(len(node.shape) if _several(node) else 1)]
        for value, array in zip(results, note.results if note is not None else ()):
            value.array = array
        formula = made.formula or (f"{made.name}(…)",)
        step = Step(int(node.number), made.name, node.name(), formula[0], tuple(formula[1:]),
                    _operand_names(made, len(operands)), operands, results, _attributes(node, note),
                    _saved(node), note.place if note else None, note.modules if note else (), node)
        step.arrivals = [[] for _ in results]
        step.cotangents = [None] * len(results)
        return step

    def _operand(self, node: Any, position: int, edge: Any, note: Note | None) -> Value:
        array: Any = None
        name = ""
        if note is not None and position < len(note.operands):
            array, name = note.operands[position], note.operand_names[position]
        elif node.op.tensors and position < len(node.op.operands) and not node.op.variadic and node.saved:
            array = _kept(node.saved[position])         # where a rule reads it
        if edge is None:
            key: Key = "constant", int(node.number), position
            dtype = "None" if array is None and note is not None else str(getattr(array, "dtype", ""))
            value = Value(key, "constant", array, np.shape(array), dtype, name)
            self.values[key] = value
            return value
        value = self._value(edge)
        if value.kind == "result" and value.array is None:
            value.array = array
        elif value.kind == "leaf" and note is not None and array is not None:
            value.array = array                 # as it was then, whatever was written to it since
        value.name = value.name or name
        return value

    def _fill_in(self) -> None:
        """Results that nobody noted: from their own node, or by the op once more where all operands are
        known."""
        for step in self.steps.values():
            node, own = step.graph_node, None
            if node.op.tensors and len(node.saved) == len(node.op.names):
                own = node.saved[node.op.tensors - 1]
            for value, array in zip(step.results, own if isinstance(own, tuple) else (own,)):
                if value.array is None:
                    value.array = _kept(array)
            if any(value.array is None for value in step.results) and hasattr(node.op, "impl"):
                arrays = [operand.array for operand in step.operands]
                # Halves are rounded by the recorded way in alone; copy_slices finds its memory written.
                odd = step.results[0].dtype.endswith("float16") or step.op == "copy_slices"
                if not odd and not any(array is None for array in arrays):
                    again = node.op(*arrays, **step.attributes)
                    for value, array in zip(step.results, again if _several(node) else (again,)):
                        value.array = _kept(array)

    # The walk -----------------------------------------------------------------------------------------------

    def _run(self, roots: list[tuple[Value, np.ndarray]]) -> None:
        for value, g in roots:
            self._arrive(value, None, g, _kept(g))
        while self.heap:
            step = self.steps[-heappop(self.heap)]
            node = step.graph_node
            gs = self.flowing.pop(step.number)
            for output, g in enumerate(gs):
                arrivals, hooks = step.arrivals[output], self._hooks_of(node, output)
                changed = g if g is None else _through_hooks(hooks, g)
                step.hooked = step.hooked or (hooks is not None and bool(hooks.tensor))
                step.cotangents[output] = arrivals[-1].total if arrivals and changed is g else _kept(changed)
                gs[output] = changed
            if node.hooks is not None and node.hooks.before:
                gs = list(unboxed(run_tuple_hooks(node.hooks.before, boxed(gs)), True, False))
                step.cotangents, step.hooked = [_kept(g) for g in gs], True
            step.reached = True
            if any(g is not None for g in gs):
                self._send(step, gs)
        for leaf in self.leaves.values():
            self._finish(leaf)

    def _hooks_of(self, node: Any, output: int) -> Any:
        if not _several(node):
            return node.hooks
        return next((pick.hooks for pick in self.picks
                     if pick.edges[0] is node and pick.attrs == output), None)

    def _send(self, step: Step, gs: list[Any]) -> None:
        node = step.graph_node
        raw = run_rules(node, node.saved, gs if _several(node) else gs[0], False)
        sent = [g if g is None or edge is None or g.shape == edge_shape(edge)
                else unbroadcast(g, edge_shape(edge), node, edge) for g, edge in zip(raw, node.edges)]
        if node.hooks is not None and node.hooks.after:
            sent = list(unboxed(run_tuple_hooks(node.hooks.after, boxed(sent), boxed(gs)), True, False))
            step.hooked = True
        self._sent(step, raw, sent)

    def _sent(self, step: Step, raw: Sequence[Any], sent: Sequence[Any]) -> None:
        """Write down what a node's rules gave, and what of it goes to the operands."""
        node, formulas = step.graph_node, step.gradient_formulas
        for position, (edge, before, after) in enumerate(zip(node.edges, raw, sent)):
            if edge is None or before is None or after is None:
                continue
            to = step.operands[position]
            formula = formulas[min(position, len(formulas) - 1)] if formulas else ""
            same, kept = before is after, _kept(before)
            summed = None if before.shape == after.shape else _summed(before.shape, after.shape)
            step.sends.append(Send(position, to, formula, kept, summed, kept if same else _kept(after)))
            self._arrive(to, (step.number, position), after, step.sends[-1].cotangent)

    def _arrive(self, value: Value, source: tuple[int, int] | None, g: Any, kept: np.ndarray) -> None:
        """A cotangent comes: `g` as it flows, `kept` as it is written down."""
        if value.kind == "leaf":
            arrivals, flowing, output = self.leaves[value.key[1]].arrivals, self.flowing.setdefault(
                value.key, [None]), 0
        else:
            _, number, output = value.key
            step = self.steps[number]
            if number not in self.flowing:
                self.flowing[number] = [None] * len(step.results)
                heappush(self.heap, -number)
            arrivals, flowing = step.arrivals[output], self.flowing[number]
        if flowing[output] is None:
            flowing[output] = g
            arrivals.append(Arrival(source, kept, kept))
        else:                                   # in place from the second sum on, as the engine does
            flowing[output] = accumulate(flowing[output], g, len(arrivals) > 1, False)
            arrivals.append(Arrival(source, kept, _kept(flowing[output])))

    def _finish(self, leaf: Leaf) -> None:
        tensor = leaf.value.tensor
        if not leaf.arrivals or not tensor.needs:
            leaf.after = leaf.before
            return
        [g], hooks = self.flowing[leaf.value.key], hooks_of(tensor)
        if hooks is not None:
            g = _through_hooks(hooks, g)
            g = unboxed(run_tuple_hooks(hooks.before, boxed(g)), False, False)
        leaf.after = _kept(g) if leaf.before is None else _kept(leaf.before + _kept(g))


def _through_hooks(hooks: Any, g: Any) -> Any:
    """A cotangent as the tensor's hooks leave it; what fills a retained `.grad` is no such hook."""
    if hooks is None or not hooks.tensor:
        return g
    keep, hooks.keep = hooks.keep, None
    try:
        return run_hooks(hooks, g, False)
    finally:
        hooks.keep = keep


def _several(node: Any) -> bool:
    """Does the node have several outputs, its cotangent thus being a list?"""
    return bool(node.shape) and isinstance(node.shape[0], tuple)


def _nodes_behind(roots: list[Any]) -> tuple[dict[int, Any], list[Any]]:
    """(the nodes by number, those that stand for one output of several)."""
    found = reachable(roots)
    picks = [node for node in found.values() if isinstance(node, PICK)]
    return {int(n): node for n, node in found.items() if not isinstance(node, PICK)}, picks


def _kept(array: Any) -> Any:
    """A copy that nobody writes, on the CPU; numbers and None as they are."""
    array = bare(array)
    if not is_array(array):
        return array
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


def _summed(wide: tuple[int, ...], narrow: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions over which un-broadcasting sums: see `unbroadcast` of the engine."""
    lead = len(wide) - len(narrow)
    return tuple(range(lead)) + tuple(
        lead + k for k, size in enumerate(narrow) if size == 1 and wide[lead + k] != 1)


def _operand_names(made: Any, count: int) -> list[str]:
    """What the formulas call the operands."""
    names = list(getattr(made, "operands", ()))
    if getattr(made, "variadic", not names):
        last = names.pop() if names else "x"
        return names + [f"{last}[{k}]" for k in range(count - len(names))]
    return names[:count]


def _attributes(node: Any, note: Note | None) -> dict[str, Any]:
    """The attributes that the call gave, or of those the ones that the node keeps."""
    if note is not None:
        return dict(note.attributes)
    attributes = getattr(node, "attrs", None)   # the fast entries leave the slot empty
    return dict(attributes) if isinstance(attributes, dict) else {}


def _saved(node: Any) -> list[Saved]:
    """What a node keeps, and for whom."""
    made, found = node.op, []
    names = made.operands if hasattr(made, "operands") else ()
    for position, name in enumerate(made.names):
        held: Any = node.saved[position] if node.saved and position < len(node.saved) else None
        if not is_array(held):
            continue
        readers = [names[k] for k, (_, reads, _) in enumerate(made.steps)
                   if not made.joint and position in reads and node.edges[k] is not None]
        memory = owner(held)
        found.append(Saved(name, readers or ["all"], held.nbytes, held.shape, id(memory), memory.nbytes))
    if hasattr(node, "context"):                # a Function: what `save_for_backward` was given
        for position, kept in enumerate(node.context._saved if node.context._saved is not FREED else ()):
            if kept is not None and is_array(kept[0]):
                memory = owner(kept[0])
                found.append(Saved(f"saved_tensors[{position}]", ["all"], kept[0].nbytes, kept[0].shape,
                                   id(memory), memory.nbytes))
    return found
