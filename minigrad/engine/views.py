"""Views that take part in a graph: one memory, several tensors, and in-place writes through any of them.

A view remembers its base, the view ops that lead from it (`steps`), and the base's node at that time
(`view_of`). No base lists its views. An in-place write through a view gives the *base* a `copy_slices` node:
outside the written part the cotangent goes on to the old base, inside it goes to the written value. Every
other view then finds, when next used, that its base has another node than it remembers, and makes its own
anew by replaying its steps on the base.
"""



def unrolled(steps):
    """(op, attributes, output number or None) per step, first to last. Views of views share their steps: each
    holds (the steps before, op, attributes, output), so that a long chain stays small."""
    found = []
    while steps is not None:
        steps, *step = steps
        found.append(step)
    return found[::-1]


def replay(x, steps):
    """The view that `steps` make of `x`, a Tensor (recorded) or a bare array."""
    for made, attrs, index in unrolled(steps):
        x = made(x, **attrs)
        if index is not None:
            x = x[index]
    return x


def refresh(tensor):
    """Give a view its node anew if its base was written in place since (torch regenerates grad_fn
    likewise)."""
    base, steps, seen = tensor.view_of
    if base is not None and base.node is not seen:
        again = replay(base, steps)
        tensor.node, tensor.needs = again.node, again.needs
        tensor.view_of = (base, steps, base.node)


def fresh_node(tensor):
    """The tensor's node, whatever was written through other views."""
    if tensor.view_of is not None:
        refresh(tensor)
    return tensor.node


def check_writable(tensor):
    """Raises torch's errors for views that must not be written in a graph."""
    base, steps, _ = tensor.view_of
    if base.needs and base.node is None:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place "
                           "operation.\nWrap the update in no_grad(), or write to a clone of the leaf.")
    for made, _, index in unrolled(steps):
        if hasattr(made, "is_view"):            # a Function, whose backward does not know of the write
            raise RuntimeError(made.is_view.format("is being"))
        if index is not None:
            _, made, _, index = steps
            raise RuntimeError(
                f"Output {index or 0} of {made.node_class.__name__.removesuffix('Backward0')} is a view and "
                "is being modified inplace. This view is the output of a function that returns multiple "
                "views. Such functions do not allow the output views to be modified inplace. You should "
                "replace the inplace operation by an out-of-place one.\nOr index the tensor.")


def write_back(tensor, value, copy_slices):
    """After an in-place op on a view: `value` (a Tensor, the op's recorded result) becomes part of the
    base's history."""
    base, steps, _ = tensor.view_of
    written = copy_slices(base, value, steps=steps)
    base.node, base.needs = written.node, written.needs
    refresh(tensor)


