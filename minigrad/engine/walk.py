"""The walk: from the results back to the leaves, each node once, cotangents summed where paths meet.

Iterative. Nodes are visited by descending creation number, a topological order, and torch's own order of
accumulation, so that a value used twice adds its gradients in the same order and to the same bits.
"""
from heapq import heappop, heappush

import numpy as np

from ..backends.arrays import TYPES, is_array, writeable
from ..backends.numpy.layout import ChannelsLast, canonical
from ..dtypes import BY_NAME
from . import errors
from .core import (
    Node,
    TensorBase,
    hooked,
    last_write,
    new,
    owner,
    reveal,
    set_recording,
    tick,
    touch,
    wrap,
    written,
)
from .hooks import (
    boxed,
    check_nan,
    evaluating,
    explain,
    hooks_of,
    run_after_leaf,
    run_hooks,
    run_tuple_hooks,
    schedule,
    unboxed,
    watching,
)
from .op import REGISTRY, Op, Pick, _pick
from .views import fresh_node, is_unrecorded

# tests: a cotangent of another dtype or shape than its edge's is a bug
strict = False
_shaping = {}                                   # "sum", "view", "alias": the ops that the walk itself uses


def register_shaping(**ops):
    """Called once by the ops: un-broadcasting is written in ops, so that it differentiates like any rule."""
    _shaping.update(ops)


def reachable(roots):
    """Every node on a path from `roots`, by creation number."""
    seen, stack = {}, list(roots)
    while stack:
        node = stack.pop()
        if node.number not in seen:
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


def unbroadcast(g, shape, node=None, edge=None):
    """Sum a cotangent over the dimensions along which its operand was broadcast. Raises torch's RuntimeError
    where that does not give `shape`: of `node`'s operand at `edge`, whose shape was changed in place."""
    given, lead = g.shape, len(g.shape) - len(shape)
    dims = lead >= 0 and tuple(range(lead)) + tuple(
        lead + i for i, size in enumerate(shape) if size == 1 and g.shape[lead + i] != 1)
    if dims:
        g = _shaping["sum"](g, dim=dims, keepdim=False)
    if g.shape == shape:
        return g
    if lead < 0 or [n for n in g.shape if n != 1] != [n for n in shape if n != 1]:
        place = [k for k, operand in enumerate(node.edges) if operand is edge] if node else []
        raise RuntimeError(
            f"Function {node.name() if node else 'unbroadcast'} returned an invalid gradient at index "
            f"{place[0] if place else 0} - got {list(given)} but expected shape compatible with "
            f"{list(shape)}\nWhat it was made from got another shape in place, outside the graph.")
    return _shaping["view"](g, shape=shape)


def accumulate(old, g, owned, recorded):
    """The sum of two cotangents, in place where the walk allocated `old` itself."""
    if owned and not recorded:
        old += g
        return old
    return old + g


def check_saved(node):
    """Raises torch's errors where a node's saved values are freed, or were written in place after it was
    made."""
    if node.saved is None:
        raise RuntimeError(errors.FREED)
    for index, kept in enumerate(node.saved[:node.op.tensors]):
        for array in kept if isinstance(kept, tuple) else (kept,):      # an op's several results
            if is_array(array):
                entry = written.get(id(array if array.base is None else owner(array)))
                # an in-place op's own result bears the node's number, and is as saved
                own = index == node.op.tensors - 1
                if entry is not None and entry[1] >= node.number + own:
                    errors.modified(node, array, node if own else node.edges[index], entry)


def unpack(node, index):
    """`node.saved[index]` for a recorded walk: a Tensor with its place in the graph where it was one."""
    saved = node.saved[index]
    if isinstance(saved, tuple) and node.op.outputs and index == node.op.tensors - 1:
        return tuple([wrap(part, True, _pick(node, k, part)) for k, part in enumerate(saved)])
    if not is_array(saved):
        return saved
    # what forward handed out beside the result: a constant of the rule
    if index >= node.op.tensors:
        return wrap(saved)
    edge = node if index == node.op.tensors - 1 else node.edges[index]
    if not isinstance(edge, TensorBase):
        return wrap(saved, edge is not None, edge)
    # A leaf whose `.data` was swapped since gives its value as it was, differentiated through to the leaf.
    return edge if edge.array is saved else _seen_at(edge, saved)


def _seen_at(edge, saved):
    """A Tensor of these elements whose gradient goes to `edge`."""
    if isinstance(edge, Node):
        return wrap(saved, True, edge)
    alias = new(_shaping["alias"].node_class)
    alias.edges, alias.saved, alias.hooks, alias.number = (edge,), (None, None), None, tick()
    alias.shape, alias.dtype = saved.shape, saved.dtype
    return wrap(saved, True, alias)


def _saved_value(node, name):
    """What a node's rules read by that name, or None: `node._saved_self`, `_saved_other`, `_saved_result`."""
    if node.saved is None:
        raise RuntimeError(errors.FREED)
    return unpack(node, node.op.names.index(name))


reveal[0] = _saved_value


def _through_twin(node, values, g, edges):
    """Second derivatives of a fused op: differentiate the composition that defines it. Operands are wrapped
    in `alias` first, or a path through operands that depend on each other would count twice."""
    made = node.op
    values = dict(zip(made.names, values))
    operands, aliases = [], []
    for name, edge in zip(made.operands, edges):
        value = values[name]
        if edge is not None:
            if value is None:
                # No rule reads it: what forward handed out for it will do, or no derivative depends on it.
                like, shifted = edge if isinstance(edge, Node) else edge.array, values.get(f"{name}_shifted")
                value = wrap(np.zeros(like.shape, like.dtype, like=g.array), True) if shifted is None else \
                    _seen_at(edge, shifted.array)
            value = _shaping["alias"](value)
            aliases.append(value)
        operands.append(value)
    attrs = {name: values[name] for name in made.names if name in made.defaults or name in made.extras}
    out = made.twin(*operands, **attrs)
    found = iter(walk([out], [g], inputs=aliases, recorded=True, keep=True))
    return [next(found) if edge is not None else None for edge in edges]


def _rounded_once(node, values, g, edges):
    """The rules of a result in bfloat16, computed in float32 and rounded at the end, as torch's are. (NumPy
    would make a float64 of a bfloat16 and a number.)"""
    def wide(value):
        low = getattr(getattr(value, "dtype", None), "kind", "") == "V"
        return value.astype(np.float32) if low else value

    g = [wide(part) for part in g] if isinstance(g, list) else wide(g)
    results = _rules(node.op, [wide(value) for value in values], g, edges)
    return [result if result is None or edge is None
            else result.astype(edge.dtype if isinstance(edge, Node) else edge.array.dtype)
            for result, edge in zip(results, edges)]


def run_rules(node, values, g, recorded, edges=None):
    """The cotangents of all operands at once, None where none flows. edges: the node's, None in the place of
    those that nobody asks for."""
    made, edges = node.op, edges or node.edges
    if recorded and made.twin is not None:
        return _through_twin(node, values, g, edges)
    if not recorded and node.dtype.kind == "V" and type(made) is Op:        # no rule of the user's
        return _rounded_once(node, values, g, edges)
    return _rules(made, values, g, edges)


def _rules(made, values, g, edges):
    if made.joint:
        rule, reads, _ = made.steps[0]
        return rule(g, tuple([edge is not None for edge in edges]), *[values[k] for k in reads])
    return [None if edge is None or rule is None else rule(g, *[values[k] for k in reads])
            for edge, (rule, reads, _) in zip(edges, made.steps)]


def run_watched(node, values, g, recorded, edges=None):
    """`run_rules` with the node's own hooks around it, and in anomaly mode with a look at the results."""
    hooks, several, edges = node.hooks, isinstance(g, list), edges or node.edges
    if hooks is not None and hooks.before:
        g = unboxed(run_tuple_hooks(hooks.before, boxed(g)), several, recorded)
        if g is None:
            return [None] * len(edges)
    outer, evaluating.node = evaluating.node, node
    try:
        results = [result if result is None or edge is None or result.shape == edge_shape(edge)
                   else unbroadcast(result, edge_shape(edge), node, edge)
                   for result, edge in zip(run_rules(node, values, g, recorded, edges), edges)]
    finally:
        evaluating.node = outer
    if watching[0]:
        check_nan(node, results)
    if hooks is not None and hooks.after:
        results = unboxed(run_tuple_hooks(hooks.after, boxed(results), boxed(g)), True, recorded)
    return results


def edge_shape(edge):
    return edge.shape if isinstance(edge, Node) else edge.array.shape


def walk(roots, cotangents, *, recorded=False, keep=False, inputs=None):
    """Send `cotangents` (one per root) back from the Tensors `roots`.

    recorded: the walk is itself recorded and cotangents are Tensors; else they are bare arrays. keep: do not
    free what nodes saved. inputs: return the cotangents that reach these Tensors, None where none does,
    walking only paths that lead there; without inputs, add to `.grad` of every leaf met and return None.
    """
    for tensor in (*roots, *(inputs or ())):
        fresh_node(tensor)
    wanted = graph = running = None
    if inputs is not None or hooked[0]:         # only these need to know the graph before walking it
        graph = running = reachable([root.node for root in roots if root.node is not None])
    if inputs is not None:
        wanted = {("leaf", id(t)) if t.node is None else ("node", t.node.number) for t in inputs}
        running = leading_to(graph, wanted)
    # Cotangents on their way, by their node's number; those nodes, and a heap of the negated numbers: its
    # first is the youngest node met, to which nothing older can still send. And those whose buffer this walk
    # allocated.
    at_node, nodes, heap, owned = {}, {}, [], set()
    # id(leaf) -> [leaf, cotangent, may it be kept without a copy?]
    at_leaf = {}
    found = {}

    def meet(node, g):
        """The first cotangent for a node."""
        number = node.number
        at_node[number], nodes[number] = g, node
        heappush(heap, -number)

    def deliver(edge, g, source, saved):
        """Add cotangent `g` at `edge`, a node or a leaf."""
        is_node = isinstance(edge, Node)
        shape = edge.shape if is_node else edge.array.shape
        if g.shape != shape:
            g = unbroadcast(g, shape, node, edge)
        if strict:
            _check(edge, g, shape, edge.dtype if is_node else edge.array.dtype)
        if is_node:
            number = edge.number
            if number not in at_node:
                meet(edge, g)
            else:
                at_node[number] = accumulate(at_node[number], g, number in owned, recorded)
                if type(at_node[number]) in TYPES:
                    owned.add(number)
        elif (entry := at_leaf.get(id(edge))) is None:
            if inputs is None and edge.node is not None:
                raise RuntimeError("leaf variable has been moved into the graph interior\nIt was written in "
                                   "place after requires_grad_(False): write to a clone.")
            # Its own memory, or a block of backends/numpy/memory.py.
            fresh = (not recorded and g is not source and type(g) in TYPES
                     and (g.base is None or type(g.base) is bytearray))
            for kept in saved if fresh else ():
                fresh = fresh and kept is not g
            at_leaf[id(edge)] = [edge, g, fresh and writeable(g)]
        else:
            entry[1] = accumulate(entry[1], g, entry[2], recorded)
            entry[2] = type(entry[1]) in TYPES

    def asked(edge):
        """With `inputs`: does the way to one of them go through here?"""
        if isinstance(edge, Node):
            return edge.number in running or ("node", edge.number) in wanted
        return ("leaf", id(edge)) in wanted

    def finish(leaf):
        """A leaf's cotangent is complete: let its hooks see it, and keep it."""
        entry = at_leaf.get(id(leaf))
        if entry is None or (wanted is not None and ("leaf", id(leaf)) not in wanted):
            return
        if (hooks := hooks_of(leaf)) is not None:
            entry[1], entry[2] = run_hooks(hooks, entry[1], recorded), False    # a hook may hold its memory
        if inputs is None:
            add_to_leaf(*at_leaf.pop(id(leaf)), recorded)

    before, node, watched, written_by = set_recording(recorded), None, watching[0] is not None, []
    low = "bfloat16" in BY_NAME                 # it is made when it is first asked for
    try:
        for root, g in zip(roots, cotangents):
            deliver(root.node or root, g, g, ())
        pending = schedule(running, graph, roots) if hooked[0] else ()
        while heap:
            number = -heappop(heap)
            while pending and pending[-1][0] > number:
                finish(pending.pop()[2])
            g, node = at_node.pop(number), nodes.pop(number)
            hooks, edges = node.hooks, node.edges
            if hooks is not None:
                seen, g = g, run_hooks(hooks, g, recorded) if hooks.tensor or hooks.keep else g
            if wanted is not None:
                runs = number in running
                if ("node", number) in wanted:  # torch hands out what came in where the node runs too
                    found[number] = seen if runs and hooks is not None else g
                if not runs:
                    continue
                edges = [edge if edge is not None and asked(edge) else None for edge in edges]
            if type(node) is Pick:              # one output of several: its place in the parent's tuple
                parent = node.edges[0]
                if parent.number not in at_node:
                    meet(parent, [None] * len(parent.shape))
                slots, place = at_node[parent.number], node.attrs
                slots[place] = g if slots[place] is None else slots[place] + g
                continue
            saved, made, frees = node.saved, node.op, False
            if saved is None or last_write[0] >= number:
                check_saved(node)
            values = saved
            if recorded:
                values = [None if v is None else unpack(node, k) for k, v in enumerate(saved)]
            if (made.joint or watched or hooks is not None or (recorded and made.twin is not None)
                    or low and node.dtype.kind == "V"):
                frees = made.steps[0][2] if made.joint else any(
                    holds for edge, (_, _, holds) in zip(edges, made.steps) if edge is not None)
                run = run_watched if watched or hooks is not None else run_rules
                results = run(node, values, g, recorded, edges)
                for edge, result in zip(edges, results):
                    if edge is not None and result is not None:     # a hook may hold its memory
                        deliver(edge, result, g if hooks is None else result, saved)
            else:
                for edge, (rule, reads, holds) in zip(edges, made.steps):
                    if edge is None or rule is None:
                        continue
                    frees = frees or holds
                    if not reads:
                        result = rule(g)
                    elif len(reads) == 1:
                        result = rule(g, values[reads[0]])
                    else:
                        result = rule(g, *[values[k] for k in reads])
                    # The two common arrivals without a call; `deliver` does the same and all the rest.
                    if recorded or strict:
                        deliver(edge, result, g, saved)
                    elif isinstance(edge, Node):
                        target = edge.number
                        if target not in at_node and result.shape == edge.shape:
                            at_node[target] = result
                            nodes[target] = edge
                            heappush(heap, -target)
                        else:
                            deliver(edge, result, g, saved)
                    elif (entry := at_leaf.get(id(edge))) and entry[2] and result.shape == entry[1].shape:
                        entry[1] += result      # a buffer of the walk's own
                    else:
                        deliver(edge, result, g, saved)
            if frees and not keep:
                node.saved = None
                if made.name == "copy_slices":  # in torch one node with what was written, and freed with it
                    written_by.append((node, saved))
        for _, _, leaf in reversed(pending):
            finish(leaf)
        if inputs is None:
            for leaf, g, fresh in at_leaf.values():
                add_to_leaf(leaf, g, fresh, recorded)
            return None
        return [found.get(t.node.number) if t.node is not None else
                at_leaf[id(t)][1] if id(t) in at_leaf else None for t in inputs]
    except Exception:
        for writer, saved in written_by:
            if writer.edges[1] is node:
                writer.saved = saved
        if watched and node is not None:
            explain(node)
        raise
    finally:
        set_recording(before)


def _check(edge, g, shape, dtype):
    found = g.array.dtype if isinstance(g, TensorBase) else g.dtype
    if found != dtype or tuple(g.shape) != tuple(shape):
        raise TypeError(f"{edge!r}: a rule gave a cotangent of {found} {tuple(g.shape)} for {dtype} "
                        f"{tuple(shape)}")


def add_to_leaf(leaf, g, fresh, recorded):
    """Write a leaf's `.grad`: the first is kept (copied where someone else may hold its memory), later ones
    are added."""
    if not leaf.needs or is_unrecorded(leaf):   # requires_grad_(False) since it was recorded
        return
    if (hooks := hooks_of(leaf)) is not None:
        g = unboxed(run_tuple_hooks(hooks.before, boxed(g)), False, recorded)
    if leaf.gradient is not None:
        if recorded:
            leaf.gradient = leaf.gradient + g
        else:
            total = leaf.gradient.array
            np.add(total, g, out=total)
            touch(leaf.gradient)
    elif recorded:
        leaf.gradient = REGISTRY["copy"](wrap(leaf.array), g)     # others may hold the memory of `g`
    else:
        leaf.gradient = wrap(owned_array(g, fresh, leaf.array))
    if hooks is not None:
        run_after_leaf(leaf, hooks, g)


def owned_array(g, fresh, like):
    """`g` as an array of its own, laid out as `like` is where that is dense."""
    if type(g) is ChannelsLast:
        return canonical(g)
    if fresh and (g.flags.c_contiguous or g.strides == like.strides):
        return g
    out = np.empty_like(like, dtype=g.dtype)
    out[...] = g
    return out
