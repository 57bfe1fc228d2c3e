"""Views that take part in a graph: one memory, several tensors, and in-place writes through any of them.

A view remembers its base, the view ops that lead from it (`steps`), and the base's node at that time
(`view_of`). No base lists its views. An in-place write through a view gives the *base* a `copy_slices` node:
outside the written part the cotangent goes on to the old base, inside it goes to the written value. Every
other view then finds, when next used, that its base has another node than it remembers, and makes its own
anew by replaying its steps on the base.
"""
from ..backends.arrays import address
from .core import last_write, mode, own_hooks, owner, set_recording, written

# In the place of the base's node: the view's own is to be made anew when next used.
STALE = object()
MODES = {False: ("no_grad mode", "with grad mode enabled", "no_grad"),
         True: ("inference mode", "in normal mode", "inference_mode")}
SEVERAL = ("{} and {} modified inplace{}. This view is the output of a function that returns "
           "multiple views. Such functions do not allow the output views to be modified inplace. You should "
           "replace the inplace operation by an out-of-place one.\nOr index the tensor.")
OTHERS = "its base or another view of its base has been"


class Unrecorded:
    """In the place of the base's node, for a view made where nothing is recorded, or from such a view: no
    graph has it, and none may use it once its memory was written."""
    __slots__ = ("made", "inference", "recording", "last_write")

    def __init__(self, before, made):
        self.made, self.recording, self.last_write = made, mode.on, last_write[0]
        self.inference = mode.inference or type(before) is Unrecorded and before.inference

    def text(self, which):
        """Of the error. which: "is being", or who else wrote."""
        name = f"Output 0 of {self.made.node_class.__name__.removesuffix('Backward0')} is a view"
        if self.recording and self.made.outputs and not self.inference:
            return SEVERAL.format(name, which, "")
        where, then, block = MODES[self.inference]
        return (
            f"{f'{name} of a view which was' if self.recording else 'A view was'} created in {where} and "
            f"{which} modified inplace {then}. Given that this use case is ambiguous and error-prone, it is "
            "forbidden. You can clarify your code by moving both the view and the inplace either both inside "
            f"the {block} block (if you don't want the inplace to be tracked) or both outside (if you want "
            "the inplace to be tracked).\nOr write to a clone.")


def is_unrecorded(tensor):
    """Is it a view that a graph has no place for, whatever its `requires_grad` says?"""
    return tensor.node is None and tensor.view_of is not None and type(tensor.view_of[2]) is Unrecorded


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
    likewise). Raises torch's RuntimeError for a view that cannot follow: one of several, once its memory was
    written."""
    base, steps, seen = tensor.view_of
    if base is None:
        return
    if base.node is seen:
        if tensor.node is not None and last_write[0] > tensor.node.number:
            entry = written.get(id(owner(tensor.array)))
            if entry is not None and entry[1] > tensor.node.number:
                check_alone(tensor, OTHERS)
        return
    if type(seen) is Unrecorded:
        entry = written.get(id(owner(tensor.array))) if base.needs and mode.on else None
        if entry is not None and entry[1] > seen.last_write:
            raise RuntimeError(seen.text(OTHERS))
        return
    while base.node is not seen and base.extras and "was" in base.extras:   # its shape changed in place
        base = base.extras["was"]
        tensor.view_of = base, steps, seen
    if base.node is seen:
        return refresh(tensor)
    check_alone(tensor, OTHERS)
    before = set_recording(True)                # or a look at it under no_grad would lose its history
    try:
        again = replay(base, steps)
    finally:
        set_recording(before)
    found, own = again.array, tensor.array
    if owner(found) is owner(own) and (found.shape, found.strides, address(found)) != (
            own.shape, own.strides, address(own)):
        raise RuntimeError("a view's base was given another shape in place, and then written in place\n"
                           "Make the view anew.")
    tensor.node, tensor.needs = again.node, again.needs
    tensor.view_of = (base, steps, base.node)


def fresh_node(tensor):
    """The tensor's node, whatever was written through other views."""
    if tensor.view_of is not None:
        refresh(tensor)
    return tensor.node


def check_writable(tensor):
    """Raises torch's errors for views that must not be written in a graph."""
    base, _, seen = tensor.view_of
    if type(seen) is Unrecorded:
        raise RuntimeError(seen.text("is being"))
    check_alone(tensor, "is being")
    if base.needs and base.node is None:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place "
                           "operation.\nWrap the update in no_grad(), or write to a clone of the leaf.")


def check_alone(tensor, which):
    """Raises torch's RuntimeErrors for a view whose backward does not know of writes: a Function's, or one of
    several that came at once. which: what the text says of the memory, "... modified inplace"."""
    steps = tensor.view_of[1]
    for made, _, index in unrolled(steps):
        if hasattr(made, "is_view"):
            raise RuntimeError(made.is_view.format(which))
        if index is not None:
            _, made, _, index = steps
            name = made.node_class.__name__.removesuffix("Backward0")
            maker, then = f"Output {index or 0} of {name} is a view", ""
            if tensor.node is None:
                maker, then = "A view was created in no_grad mode", " with grad mode enabled"
            raise RuntimeError(SEVERAL.format(maker, which, then))


def write_back(tensor, value, copy_slices):
    """After an in-place op on a view: `value` (a Tensor, the op's recorded result) becomes part of the
    base's history."""
    base, steps, _ = tensor.view_of
    written, before = copy_slices(base, value, steps=steps), base.node
    base.node, base.needs = written.node, written.needs
    if before is not None and before.hooks is not None and base.node is not None:
        # retain_grad goes with the base
        own_hooks(base.node).keep, before.hooks.keep = before.hooks.keep, None
    refresh(tensor)
