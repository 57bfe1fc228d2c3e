"""Hooks: functions of the user's that see the gradients that pass by, and may replace them. In torch's order:

    a tensor's hooks (`Tensor.register_hook`), in the order they were registered; then `retain_grad`
    its node's prehooks (`grad_fn.register_prehook`); then the node's rules; then its hooks (`register_hook`)
    a leaf's hooks, as soon as its gradient is complete; then `.grad` is written; then
    `register_post_accumulate_grad_hook`

Here too: what the walk does in anomaly mode. Nodes without hooks pay for none of this.
"""
import threading
import warnings

import numpy as np

from .core import TensorBase, plain, wrap

watching = [None]                               # anomaly mode: None when off, else whether to look for nan


class _Evaluating(threading.local):
    node = None                                 # the node whose rules run, where they are watched


evaluating = _Evaluating()


def hooks_of(leaf):
    """A leaf's Hooks, None without."""
    return leaf.extras.get("hooks") if leaf.extras else None


def run_hooks(hooks, g, recorded):
    """Each hook sees the cotangent as a Tensor and may give another in its place."""
    g = g if isinstance(g, TensorBase) else wrap(g)
    for hook in list(hooks.tensor.values()):
        g = _checked(hook, hook(g), g)
    if hooks.keep is not None:
        hooks.keep(g)
    return g if recorded else plain(g)


def run_tuple_hooks(hooks, values, *others):
    """Hooks of a node: each sees a tuple of cotangents, None where there is none, and may give another."""
    for hook in list(hooks.values()):
        found = hook(values, *others)
        if found is None:
            continue
        if not isinstance(found, tuple):
            raise TypeError(f"expected tuple, but hook returned '{type(found).__name__}'\n"
                            "Return one gradient for each that the hook is given, or None for no change.")
        if len(found) != len(values):
            raise RuntimeError(f"hook '{_name(hook)}' has returned an incorrect number of values (got "
                               f"{len(found)}, but expected {len(values)})\nReturn one for each it is given.")
        values = tuple([None if new is None else _checked(hook, new, old) for new, old in zip(found, values)])
    return values


def boxed(g):
    """A node's cotangent, or the list of those of its outputs, as a tuple of Tensors."""
    return tuple([part if part is None or isinstance(part, TensorBase) else wrap(part)
                  for part in (g if isinstance(g, list) else [g])])


def unboxed(values, several, recorded):
    """The reverse of `boxed`."""
    values = [part if part is None or recorded else plain(part) for part in values]
    return values if several else values[0]


def run_after_leaf(leaf, hooks, g):
    """What follows once a leaf's `.grad` is written."""
    for hook in list(hooks.accumulated.values()):
        _checked(hook, hook(leaf), leaf)
    run_tuple_hooks(hooks.after, (), boxed(g))


def _name(hook):
    return getattr(hook, "__name__", "<unknown>")


def _checked(hook, new, old):
    """What a hook gave instead of `old`, checked as torch does."""
    if new is None:
        return old
    if not isinstance(new, TensorBase):
        raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'\n"
                        "Return a tensor, or None for no change.")
    if old is None:
        raise RuntimeError("can't replace a None gradient with a non-None value\nReturn None there.")
    if new.array.dtype != old.array.dtype:
        raise RuntimeError(f"hook '{_name(hook)}' has changed the type of value (was {old.type()} got "
                           f"{new.type()})\nA gradient keeps its dtype.")
    if new.array.shape != old.array.shape:
        raise RuntimeError(f"hook '{_name(hook)}' has changed the size of value\nA gradient keeps its shape.")
    return new


def schedule(running, nodes, roots):
    """When each leaf's gradient is complete: (number of the last node to add to it, -place, leaf), last
    first."""
    last = {}
    for number in sorted(running):
        edges = nodes[number].edges
        for place in reversed(range(len(edges))):
            leaf = edges[place]
            if isinstance(leaf, TensorBase) and id(leaf) not in last:
                last[id(leaf)] = (number, -place, leaf)
    for root in roots:
        if root.node is None and id(root) not in last:
            last[id(root)] = (float("inf"), 0, root)
    return sorted(last.values(), key=lambda entry: entry[:2])


def check_nan(node, results):
    """Anomaly mode: raises torch's RuntimeError at the first nan, and says where it is."""
    for position, result in enumerate(results):
        if result is not None:
            bad = np.isnan(result.array if isinstance(result, TensorBase) else result)
            if bad.any():
                index = tuple(int(k) for k in np.argwhere(bad)[0])
                raise RuntimeError(f"Function '{node.name()}' returned nan values in its {position}th "
                                   "output.\n"
                                   f"The first nan is at index {index} of {bad.shape}.")


def explain(node):
    """Anomaly mode: warn with the source lines of the forward call that made the node whose rule failed."""
    if not hasattr(node.number, "forward_lines"):
        warnings.warn(f"Error detected in {node.name()}. No forward pass information available. Enable "
                      "detect anomaly during forward pass for more information.", UserWarning, stacklevel=4)
        return
    warnings.warn(f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n"
                  f"{node.number.forward_lines()}", UserWarning, stacklevel=4)
    induced = node.number.parent
    while induced is not None and hasattr(induced[1], "forward_lines"):
        warnings.warn(f"\n\nPrevious calculation was induced by {induced[0]}. Traceback of forward call that "
                      f"induced the previous calculation:\n{induced[1].forward_lines()}",
                      UserWarning, stacklevel=4)
        induced = induced[1].parent
