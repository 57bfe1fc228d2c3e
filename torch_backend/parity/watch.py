"""One training step on either library, and every op that it records: its value, and what it sends back."""
from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

import minigrad
from minigrad.engine import core
from minigrad.engine.op import Pick

from .compare import _one_ulp_off, array_of, leaves

PICK: Any = Pick            # one output of several, whose node is the parent of this one


@dataclass
class Op:
    """One recorded op: where it ran, its node, and its result."""

    path: str
    node: Any
    output: int             # which of the node's outputs this is
    value: Any              # an array, or None: made inside one of torch's functions, so not seen

    @property
    def key(self) -> tuple[int, int]:
        return id(self.node), self.output

    @property
    def made_by(self) -> Any:
        """The node, or for one output of several minigrad's node for all of them."""
        return self.node.edges[0] if isinstance(self.node, PICK) else self.node

    @property
    def like(self) -> tuple[Any, ...]:
        """What the same op has on the other library."""
        return self.path, kind_of(self.made_by), None if self.value is None else self.value.shape


@dataclass
class Step:
    """One step on one library."""

    ops: list[Op] = field(default_factory=list)
    # node -> what it sent to each of its operands; (node, output) -> the shape of what came in
    sent: dict[int, list[np.ndarray | None]] = field(default_factory=dict)
    shapes: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    grads: dict[str, np.ndarray | None] = field(default_factory=dict)
    stepped: dict[str, np.ndarray] = field(default_factory=dict)
    leaves: dict[int, str] = field(default_factory=dict)


class Runner:
    """Runs the same step on either library."""

    def __init__(self, arrays: list[np.ndarray], loss: Any, optimizer: Any, seed: int) -> None:
        self.arrays, self.loss, self.optimizer, self.seed = arrays, loss, optimizer, seed

    def minigrad(self, model: Any) -> Step:
        before = core.hooked[0]
        try:
            return self._step(minigrad, model, _watched_minigrad, minigrad_edges, 0)
        finally:
            core.hooked[0] = before             # the hooks were ours, and are gone

    def torch(self, model: Any, round_: int = 0) -> Step:
        model = copy.deepcopy(model)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.from_numpy(_one_ulp_off(parameter.numpy(), round_)))
        return self._step(torch, model, _watched_torch, torch_edges, round_)

    def _step(self, B: Any, model: Any, watched: Any, edges: Any, round_: int) -> Step:
        step = Step()
        B.manual_seed(self.seed)
        parameters = dict(model.named_parameters())
        *inputs, target = [B.from_numpy(_one_ulp_off(array.copy(), round_)) for array in self.arrays]
        if not inputs:
            inputs, target = [target], None
        # Inputs need a gradient too, or ops before the first weight would leave no trace.
        leaves_ = {f"input {k}": x.requires_grad_() for k, x in enumerate(inputs) if x.is_floating_point()}
        paths: list[str] = []
        with watched(step, paths), _module_paths(model, paths):
            output = model(*[x.clone() if x.requires_grad else x for x in inputs])
            result = output if target is None else self._loss(B, output, target)
        outputs = [leaf for leaf in leaves(result) if getattr(leaf, "requires_grad", False)]
        step.leaves = {id(leaf): name for name, leaf in {**parameters, **leaves_}.items()}
        _watch_backward(step, outputs, edges)
        random = np.random.default_rng(self.seed)
        B.autograd.backward(outputs, [
            B.from_numpy(np.array(random.uniform(.5, 1.5, tuple(x.shape)))).to(x.dtype) if x.numel() > 1
            else B.ones_like(x) for x in outputs])
        for name, leaf in {**parameters, **leaves_}.items():
            step.grads[name] = None if leaf.grad is None else array_of(leaf.grad)
        if self.optimizer is not None:
            self.optimizer(B, list(parameters.values())).step()
            step.stepped = {name: array_of(parameter) for name, parameter in parameters.items()}
        return step

    def _loss(self, B: Any, output: Any, target: Any) -> Any:
        if self.loss is not None:
            return self.loss(B, output, target)
        functional = B.nn.functional
        by_default = functional.mse_loss if target.is_floating_point() else functional.cross_entropy
        return by_default(output, target)


@contextmanager
def _module_paths(model: Any, paths: list[str]) -> Iterator[None]:
    """While entered, `paths` is the stack of the modules that are running."""
    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(lambda *_, name=name: paths.append(name)))
        handles.append(module.register_forward_hook(lambda *_: [paths.pop()] and None, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _watched_minigrad(step: Step, paths: list[str]) -> Iterator[None]:
    """Every tensor that an op makes is given its node: in Tensor's place stands a class that notes it."""
    slot: Any = core.TensorBase.__dict__["node"]
    pending: list[Any] = []
    seen: set[int] = set()

    def finish() -> None:
        # As late as the next op: an in-place op writes its result after the node is made.
        for tensor, node, path in pending:
            step.ops.append(Op(path, node, _output(node), np.array(core.plain(tensor))))
        pending.clear()

    def note(tensor: Any, node: Any) -> None:
        slot.__set__(tensor, node)
        if isinstance(node, core.Node) and id(node) not in seen:
            finish()
            seen.add(id(node))
            pending.append((tensor, node, paths[-1] if paths else "(loss)"))

    members = {"__slots__": (), "node": property(slot.__get__, note), "__module__": "minigrad"}
    made: Any = core.tensor_class
    before, made[0] = made[0], type("Tensor", (minigrad.Tensor,), members)
    try:
        yield
    finally:
        made[0] = before
        finish()


@contextmanager
def _watched_torch(step: Step, paths: list[str]) -> Iterator[None]:
    seen: set[tuple[int, int]] = set()

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            for leaf in leaves(result):
                if isinstance(leaf, torch.Tensor) and (node := leaf.grad_fn) is not None:
                    if (id(node), leaf.output_nr) not in seen:
                        seen.add((id(node), leaf.output_nr))
                        path = paths[-1] if paths else "(loss)"
                        step.ops.append(Op(path, node, leaf.output_nr, array_of(leaf)))
            return result

    with Watch():
        yield


def _output(node: Any) -> int:
    """Which output of its parent one of minigrad's nodes stands for."""
    return node.attrs if isinstance(node, PICK) else 0


# -- the graph ---------------------------------------------------------------------------------------


def minigrad_edges(node: Any) -> list[Any]:
    """Per operand (key, node to go on from), a leaf's key being its id; None where no gradient flows."""
    return [None if edge is None else (id(edge), None) if isinstance(edge, core.TensorBase) else
            ((id(edge), _output(edge)), edge) for edge in node.edges]


def torch_edges(node: Any) -> list[Any]:
    return [None if edge is None else (id(edge.variable), None) if hasattr(edge, "variable") else
            ((id(edge), output), edge) for edge, output in node.next_functions]


def _watch_backward(step: Step, outputs: list[Any], edges: Any) -> None:
    """Note what every node sends to each of its operands."""
    nodes, unseen = {}, [output.grad_fn for output in outputs]
    while unseen:
        node = unseen.pop()
        if node is not None and id(node) not in nodes:
            nodes[id(node)] = node
            unseen += [edge[1] for edge in edges(node) if edge is not None]
    for node in nodes.values():
        if not isinstance(node, PICK):
            def note(inputs: Any, outputs: Any, node: Any = node) -> None:
                step.sent[id(node)] = [None if g is None else array_of(g) for g in inputs]
                step.shapes.update({(id(node), k): tuple(g.shape)
                                    for k, g in enumerate(outputs) if g is not None})
            node.register_hook(note)


def kind_of(node: Any) -> str:
    """A node's name without torch's numbers for variants of an op."""
    return node.name().removeprefix("Unsafe").rstrip("0123456789")


def ways(step: Step, node: Any, like: Op, paired: set[Any],
          way: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """The ways, as places of edges, from one of torch's nodes to unpaired ones of an op's kind and shape."""
    for place, edge in enumerate(torch_edges(node)):
        if edge is not None and edge[1] is not None and edge[0] not in paired:
            if kind_of(edge[1]) == kind_of(like.made_by) and step.shapes.get(edge[0]) == like.value.shape:
                yield (*way, place)
            yield from ways(step, edge[1], like, paired, (*way, place))


def flows(step: Step, op: Op, labels: dict[Any, Any], edges: Any) -> dict[Any, Any]:
    """What an op sends, by receiver: a paired op or a leaf. Nodes between, such as torch's transposition of
    a weight, are looked through."""
    found: dict[Any, Any] = {}
    unseen = [op.node]
    while unseen:
        node = unseen.pop()
        sent = step.sent.get(id(node), [None] * len(edges(node)))
        for place, (edge, g) in enumerate(zip(edges(node), sent)):
            if edge is None:
                continue
            key, below = edge
            label = labels.get(key)
            if label is not None and g is not None:
                found[label] = (found[label][0] + g if label in found else g), (node, place)
            elif label is None and below is not None:
                unseen.append(below)
    return found
