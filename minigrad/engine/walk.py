"""The walk: from the results back to the leaves, each node once, cotangents summed where paths meet.

Iterative. Nodes are visited by descending creation number, a topological order, and torch's own order of accumulation,
so that a value used twice adds its gradients in the same order and to the same bits.
"""
import numpy as np

from ..backends.numpy.layout import ChannelsLast, canonical
from . import errors
from .core import Node, Saved, TensorBase, mode, new, tick, wrap
from .op import Pick

strict = False                                  # tests: a cotangent of another dtype or shape than its edge's is a bug
_shaping = {}                                   # "sum", "view", "alias": the ops that the walk itself uses


def register_shaping(**ops):
    """Called once by the ops: un-broadcasting is written in ops, so that it differentiates like any rule."""
    _shaping.update(ops)


def reachable(roots):
    """Every node on a path from `roots`, by creation number."""
    seen, stack = {}, list(roots)
    while stack:
        node = stack.pop()
        if node.number in seen:
            continue
        seen[node.number] = node
        for edge in node.edges:
            if isinstance(edge, Node) and edge.number not in seen:
                stack.append(edge)
    return seen


def leading_to(nodes, wanted):
    """The numbers of the nodes with a path to an input in `wanted` (ids of leaves, numbers of nodes)."""
    leading = set()
    for number in sorted(nodes):
        for edge in nodes[number].edges:
            if isinstance(edge, Node):
                if edge.number in leading or ("node", edge.number) in wanted:
                    leading.add(number)
            elif edge is not None and ("leaf", id(edge)) in wanted:
                leading.add(number)
    return leading


def unbroadcast(g, shape):
    """Sum a cotangent over the dimensions along which its operand was broadcast."""
    lead = len(g.shape) - len(shape)
    dims = tuple(range(lead)) + tuple(
        lead + i for i, size in enumerate(shape) if size == 1 and g.shape[lead + i] != 1)
    return _shaping["view"](_shaping["sum"](g, dim=dims, keepdim=False) if dims else g, shape=shape)


def accumulate(old, g, owned, recorded):
    """The sum of two cotangents, in place where the walk allocated `old` itself."""
    if owned and not recorded:
        old += g
        return old
    return old + g


def unpack(node, index, recorded):
    """What a rule reads at `node.saved[index]`: a bare value, or (recorded) a Tensor with its place in the graph."""
    saved = node.saved[index]
    if type(saved) is Saved:
        return _trusted(node, saved, recorded, node.op.names[index] == "z")
    if type(saved) is tuple and saved and type(saved[0]) is Saved:
        return tuple([_trusted(node, part, recorded, False) for part in saved])
    if recorded and isinstance(saved, np.ndarray):
        return wrap(saved)                      # what forward handed out beside the result: a constant of the rule
    return saved


def _trusted(node, saved, recorded, own):
    if saved.cell[0] != saved.count:
        errors.modified(node, saved)
    if not recorded:
        return saved.array
    edge = node if own else saved.edge
    if not isinstance(edge, TensorBase):
        return wrap(saved.array, edge is not None, edge, saved.cell)
    if edge.array is saved.array:
        return edge
    # A leaf whose `.data` was swapped since: the value as it was, differentiated through to the same leaf.
    made = wrap(saved.array, True, new(_shaping["alias"].node_class), saved.cell)
    alias = made.node
    alias.op, alias.edges, alias.saved, alias.attrs, alias.hooks = _shaping["alias"], (edge,), (), None, None
    alias.number, alias.shape, alias.dtype = tick(), saved.array.shape, saved.array.dtype
    return made


def rules(node, g, recorded):
    """The cotangents of the operands of `node`: one per edge, None where none flows."""
    made = node.op
    if recorded and made.twin is not None:
        return _through_twin(node, g)
    if made.joint:
        needs = tuple([edge is not None for edge in node.edges])
        return made.grads[0](g, needs, *[unpack(node, k, recorded) for k in made.reads[0]])
    results = []
    for edge, rule, reads in zip(node.edges, made.grads, made.reads):
        if edge is None or rule is None:
            results.append(None)
        elif not reads:
            results.append(rule(g))
        elif len(reads) == 1:
            results.append(rule(g, unpack(node, reads[0], recorded)))
        else:
            results.append(rule(g, *[unpack(node, k, recorded) for k in reads]))
    return results


def _through_twin(node, g):
    """Second derivatives of a fused op: differentiate the composition that defines it. Operands are wrapped in `alias`
    first, or a path through operands that depend on each other would count twice."""
    made = node.op
    values = {name: unpack(node, k, True) for k, name in enumerate(made.names)}
    operands, aliases = [], []
    for name, edge in zip(made.operands, node.edges):
        value = values.get(name)
        if edge is not None:
            value = _shaping["alias"](value)
            aliases.append(value)
        operands.append(value)
    attrs = {name: values[name] for name in made.names if name in made.defaults or name in made.extras}
    out = made.twin(*operands, **attrs)
    found = iter(walk([out], [g], inputs=aliases, recorded=True, keep=True))
    return [next(found) if edge is not None else None for edge in node.edges]


class _Arrivals:
    """Cotangents on their way: summed per node or leaf, with the numbers of those whose buffer this walk allocated."""

    def __init__(self, recorded):
        self.recorded = recorded
        self.at_node, self.owned = {}, set()
        self.at_leaf = {}                       # id(leaf) -> [leaf, cotangent, may it be kept without a copy?]

    def deliver(self, edge, g, source=None, saved=()):
        """Add cotangent `g` at `edge` (a node or a leaf)."""
        is_node = isinstance(edge, Node)
        shape, dtype = (edge.shape, edge.dtype) if is_node else (edge.array.shape, edge.array.dtype)
        if g.shape != shape:
            g = unbroadcast(g, shape)
        if strict:
            _check(edge, g, shape, dtype)
        if is_node:
            number, old = edge.number, self.at_node.get(edge.number)
            if old is None:
                self.at_node[number] = g
            else:
                total = self.at_node[number] = accumulate(old, g, number in self.owned, self.recorded)
                if type(total) is np.ndarray:
                    self.owned.add(number)
            return
        entry = self.at_leaf.get(id(edge))
        if entry is None:
            fresh = not self.recorded and g is not source and type(g) is np.ndarray and g.base is None and \
                g.flags.writeable and not any(type(s) is Saved and s.array is g for s in saved)
            self.at_leaf[id(edge)] = [edge, g, fresh]
        else:
            entry[1] = accumulate(entry[1], g, entry[2], self.recorded)
            entry[2] = type(entry[1]) is np.ndarray

    def hand_up(self, pick, g):
        """One output of several has its whole cotangent: put it in its place in the parent's tuple."""
        parent = pick.edges[0]
        slots = self.at_node.setdefault(parent.number, [None] * len(parent.shape))
        slots[pick.attrs] = g


def _check(edge, g, shape, dtype):
    found = g.array.dtype if isinstance(g, TensorBase) else g.dtype
    if found != dtype or tuple(g.shape) != tuple(shape):
        raise TypeError(f"{edge!r}: a rule gave a cotangent of {found} {tuple(g.shape)} for {dtype} {tuple(shape)}")


def walk(roots, cotangents, *, recorded=False, keep=False, inputs=None):
    """Send `cotangents` (one per root) back from the Tensors `roots`.

    recorded: the walk is itself recorded and cotangents are Tensors; else they are bare arrays. keep: do not free what
    nodes saved. inputs: return the cotangents that reach these Tensors, None where none does, walking only paths that
    lead there; without inputs, add to `.grad` of every leaf met and return None.
    """
    nodes = reachable([root.node for root in roots if root.node is not None])
    arrivals = _Arrivals(recorded)
    wanted, found, running = {}, {}, nodes
    if inputs is not None:
        wanted = {("leaf", id(t)) if t.node is None else ("node", t.node.number) for t in inputs}
        running = leading_to(nodes, wanted)
    before, mode.on = mode.on, recorded
    try:
        for root, g in zip(roots, cotangents):
            arrivals.deliver(root.node or root, g, g)
        for number in sorted(nodes, reverse=True):
            node = nodes[number]
            g = arrivals.at_node.pop(number, None)
            arrivals.owned.discard(number)
            if g is None:
                continue
            if node.hooks:
                g = run_hooks(node.hooks, g, recorded)
            if inputs is not None:
                if ("node", number) in wanted:
                    found[number] = g
                if number not in running:
                    continue
            if type(node) is Pick:
                arrivals.hand_up(node, g)
                continue
            if node.saved is None:
                raise RuntimeError(errors.FREED)
            for edge, result in zip(node.edges, rules(node, g, recorded)):
                if edge is not None and result is not None:
                    arrivals.deliver(edge, result, g, node.saved)
            if not keep and any(s is not None for s in node.saved):
                node.saved = None
        if inputs is None:
            for leaf, g, fresh in arrivals.at_leaf.values():
                add_to_leaf(leaf, _leaf_hooks(leaf, g, recorded), fresh, recorded)
            return None
        return [found.get(t.node.number) if t.node is not None else
                _leaf_hooks(t, arrivals.at_leaf[id(t)][1], recorded) if id(t) in arrivals.at_leaf else None
                for t in inputs]
    finally:
        mode.on = before


def run_hooks(hooks, g, recorded):
    """Each hook sees the cotangent as a Tensor and may give another in its place."""
    g = g if recorded else wrap(g)
    for hook in list(hooks.values()):
        changed = hook(g)
        if changed is not None:
            g = changed
    return g if recorded else g.array


def _leaf_hooks(leaf, g, recorded):
    hooks = getattr(leaf, "_hooks", None)
    return run_hooks(hooks, g, recorded) if hooks else g


def add_to_leaf(leaf, g, fresh, recorded):
    """Write a leaf's `.grad`: the first is kept (copied where someone else may hold its memory), later ones are added."""
    if leaf.gradient is not None:
        if recorded:
            leaf.gradient = leaf.gradient + g
        else:
            total = leaf.gradient.array
            np.add(total, g, out=total)
            leaf.gradient.version[0] += 1
    elif recorded:
        leaf.gradient = g
    else:
        leaf.gradient = wrap(owned_array(g, fresh, leaf.array))


def owned_array(g, fresh, like):
    """`g` as an array of its own, laid out as `like` is where that is dense."""
    if type(g) is ChannelsLast:
        return canonical(g)
    if fresh and (g.flags.c_contiguous or g.strides == like.strides):
        return g
    out = np.empty_like(like, dtype=g.dtype)
    out[...] = g
    return out
