"""What learners ask of a walk: why is `.grad` None, which path sends the most, where does the gradient
vanish, explode or turn nan first, and which saved tensors hold how many bytes for whom."""
from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.core import is_grad_enabled, owner, plain
from .notes import TENSOR
from .trace import Step, Trace, Value
from .wording import rms

VANISHED, EXPLODED = 1e-6, 1e6                  # of the size with which the walk began


@dataclass
class Path:
    """The way by which the most gradient comes to a value: from the value to the root, and for each junction
    on it the share that its largest arrival has of all arrivals' sizes (rms)."""

    values: list[Value]
    shares: list[float]


def heaviest_path(trace: Trace, value: Value) -> Path | None:
    """From a value back to where the walk began, at every junction along the largest arrival; None where
    nothing comes. What came is measured by its rms."""
    path, shares = [value], []
    while arrivals := trace.arrivals(path[-1]):
        sizes = [rms(arrival.cotangent) for arrival in arrivals]
        largest = int(np.nanargmax(sizes)) if not all(np.isnan(sizes)) else 0
        shares.append(sizes[largest] / sum(sizes) if sum(sizes) else 1.0)
        source = arrivals[largest].source
        if source is None:
            return Path(path, shares)
        step = trace.step(source[0])
        reached = [k for k, came in enumerate(step.arrivals) if came]
        path.append(step.results[reached[0]])
    return None


@dataclass
class Flow:
    """How a gradient's size changes along the walk. `sizes`: (step, rms of what came in, rms of all that went
    out, share of zeros in what came in). The other fields: the first step at which it happens, or None; of
    `nan_forward` and `nan_backward` the result or what is sent is nan or infinite although nothing that was
    read was; of `vanished`, `exploded` and `dead` (all is 0) what is sent is, and what came in was not."""

    sizes: list[tuple[Step, float, float, float]]
    nan_forward: Step | None = None
    nan_backward: Step | None = None
    vanished: Step | None = None
    exploded: Step | None = None
    dead: Step | None = None


def flow(trace: Trace) -> Flow:
    """Where the gradient vanishes, explodes, dies or turns nan first."""
    found = Flow([])
    for step in trace.forward:
        clean = all(_finite(operand.array) for operand in step.operands)
        if found.nan_forward is None and clean and not all(_finite(v.array) for v in step.results):
            found.nan_forward = step
    start = max([rms(root.cotangent) for value in trace.roots for root in trace.arrivals(value)
                 if root.source is None], default=0.0)
    for step in trace.steps:
        came = [g for g in step.cotangents if g is not None]
        if not came:
            continue
        size = max(rms(g) for g in came)
        sent = max([rms(send.raw) for send in step.sends], default=0.0)
        zeros = sum(int((g == 0).sum()) for g in came) / max(1, sum(g.size for g in came))
        found.sizes.append((step, size, sent, zeros))
        if found.nan_backward is None and all(map(_finite, came)) and \
                not all(_finite(send.raw) for send in step.sends):
            found.nan_backward = step
        if sent == 0 < size and step.sends:
            found.dead = found.dead or step
        elif 0 < sent < VANISHED * start <= size:
            found.vanished = found.vanished or step
        elif sent > EXPLODED * start >= size:
            found.exploded = found.exploded or step
    return found


def _finite(array: Any) -> bool:
    return array is None or np.asarray(array).dtype.kind not in "fV" or bool(
        np.isfinite(np.asarray(array, np.float64)).all())


@dataclass
class Held:
    """Memory that nodes keep for the walk, whole although a part may be all that is read. `read`: bytes of
    the largest part that is; `value`: the name of what it is, or ''; `keepers`: (step, what the rules call
    it, for the gradient of which operands); `extra`: is it kept only for the walk, being no leaf's?"""

    nbytes: int
    shape: tuple[int, ...]
    value: str
    keepers: list[tuple[Step, str, list[str]]]
    extra: bool
    read: int = 0


def memory(trace: Trace) -> list[Held]:
    """Who keeps how many bytes, the most first. Memory that several keep is counted once."""
    found: dict[int, Held] = {}
    leaves = {id(owner(plain(leaf.value.tensor))) for leaf in trace.leaves}
    for step in trace.forward:
        for saved in step.saved:
            held = found.setdefault(saved.memory, Held(saved.held, saved.shape, "", [], True))
            held.extra, held.read = saved.memory not in leaves, max(held.read, saved.nbytes)
            named = step.named.get(saved.name)
            held.value = held.value or (named.name if named is not None else "")
            held.keepers.append((step, saved.name, saved.readers))
    return sorted(found.values(), key=lambda held: -held.nbytes)


# Why is .grad None? -----------------------------------------------------------------------------------------

def why(trace: Trace, tensor: Any, name: str = "", file: str = "") -> str:
    """Why a tensor's `.grad` is None, or what it is or will be, in a sentence or two.

    name, file: what the user calls the tensor, and in which source it is made: the line is looked up there.
    """
    name = name or _name(trace, tensor) or "it"
    if tensor.gradient is not None:
        return f"{name}.grad is there: an earlier backward() filled it."
    if tensor.node is not None:
        return (f"{name} is not a leaf: {tensor.grad_fn.name()} made it, and .grad is filled for leaves "
                f"only. Call {name}.retain_grad() before backward().")
    if not tensor.needs:
        return _unrecorded(trace, tensor, name, file)
    leaf = next((leaf for leaf in trace.leaves if leaf.value.tensor is tensor), None)
    if leaf is None:
        outside = _line(name, file, _detaches)
        return (f"{name} is unused: nothing that leads to {_roots(trace)} was computed from it"
                + (f" (line {outside}: its value was taken out of the graph)." if outside else "."))
    if not leaf.arrivals:
        users = sorted({step.op for step in trace.steps if any(o is leaf.value for o in step.operands)})
        return (f"{name} is used, but no gradient flows to it: the rules of {', '.join(users)} send none "
                "there.")
    return (f"backward() has not been called yet: it will fill {name}.grad. "
            "(Looking at a walk fills nothing.)")


def _unrecorded(trace: Trace, tensor: Any, name: str, file: str) -> str:
    if not tensor.dtype.is_floating_point:
        return f"{name} is of {tensor.dtype}: only floating point tensors have gradients."
    line = _line(name, file, _under_no_grad)
    if line:
        return f"{name} was computed under no_grad() (line {line}), so nothing was recorded."
    line = _line(name, file, _detaches)
    memory = owner(plain(tensor))
    source = next((leaf.value for leaf in trace.leaves
                   if leaf.value.tensor is not tensor and owner(plain(leaf.value.tensor)) is memory), None)
    kept = next(_keepers(trace, memory), None)
    if line or source is not None or kept is not None:
        of = source.name if source is not None else kept
        return (f"{name} was detached" + (f" (line {line})" if line else "")
                + (f": it has the memory of {of} but no part in the graph." if of
                   else ": it is outside the graph."))
    if not is_grad_enabled():
        return f"{name} does not require grad, and recording is off here: this runs under no_grad()."
    return (f"{name} does not require grad: it was made without requires_grad=True, from tensors that do not "
            "require grad, or under no_grad().")


def _keepers(trace: Trace, memory: np.ndarray) -> Iterator[str]:
    for step in trace.steps:
        for saved in step.saved:
            named = step.named.get(saved.name)
            if saved.memory == id(memory) and named is not None and named.kind != "constant":
                yield named.name


def _name(trace: Trace, tensor: Any) -> str:
    return next((leaf.value.name for leaf in trace.leaves if leaf.value.tensor is tensor), "")


def _roots(trace: Trace) -> str:
    return " and ".join(root.name for root in trace.roots)


def _line(name: str, file: str, condition: Any) -> int:
    """The last line of a file that assigns to a name in a way, 0 where none does."""
    try:
        tree = ast.parse("".join(linecache.getlines(file))) if file else ast.Module([], [])
    except (SyntaxError, ValueError):
        return 0
    return max((line for target, line in condition(tree) if target == name), default=0)


def _assigned(node: ast.AST) -> Iterator[tuple[str, Any, int]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign):
            for target in inner.targets:
                if isinstance(target, ast.Name):
                    yield target.id, inner.value, inner.lineno


def _under_no_grad(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any(
                mode in ast.unparse(item.context_expr)
                for item in node.items for mode in ("no_grad", "inference_mode")):
            for body in node.body:
                yield from ((name, line) for name, _, line in _assigned(body))


def _detaches(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for name, value, line in _assigned(tree):
        text = ast.unparse(value)
        if text.endswith((".detach()", ".data", ".detach().clone()")):
            yield name, line


def absent(trace: Trace, variables: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The user's tensors whose `.grad` stays None after backward(): (name, tensor)."""
    filled = {id(leaf.value.tensor) for leaf in trace.leaves if leaf.arrivals}
    return [(name, held) for name, held in variables.items()
            if isinstance(held, TENSOR) and not name.startswith("_") and held.gradient is None
            and id(held) not in filled]


