"""The bare tensor, the node, and the modes: the nouns of autograd, slots only.

`TensorBase` is what the engine sees of a tensor; `tensor.py` subclasses it with everything a person uses and
registers itself in `wrap`, so that the engine can make tensors without importing the floors above.
"""
import functools
import inspect
import itertools
import threading
import weakref

import numpy as np

from ..backends.arrays import is_array
from ..backends.numpy.layout import ChannelsLast, canonical

new = object.__new__
tick = itertools.count().__next__               # creation numbers: the order of the walk


class TensorBase:
    """A value with its place in the graph.

    `array`: the elements. `needs`: requires_grad. `node`: what made it (None for a leaf). `gradient`:
    `.grad`.
    `view_of`: None, or (base tensor, the steps that lead from it to this view, its node then): see views.py.
    `extras`: None, or a dict for rare things.
    """
    __slots__ = ("array", "needs", "node", "gradient", "view_of", "extras", "__weakref__")
    __array_priority__ = 1000                   # ndarray + tensor is a TypeError, as in torch


reveal: list = [None]                           # what shows `node._saved_self`: the walk, which unpacks


class Node:
    """One recorded operation.

    `edges`: per operand the node that made it, the leaf tensor itself, or None where no gradient is needed.
    `saved`: what the rules read, in the order of `op.names`; None once freed. `attrs`: the op's attributes,
    if any.
    `number`: when it was made; an array written in place after that is no longer what was saved (see
    `written`).
    `shape`, `dtype`: the output's, which the cotangent that comes in must have. Never holds its own output
    tensor.
    """
    __slots__ = ("edges", "saved", "attrs", "number", "shape", "dtype", "hooks")
    op = None                                   # each op has a class of nodes of its own, which names it

    def name(self):
        name = type(self).__name__
        return "torch::autograd::CopySlices" if name == "CopySlices" else name

    def __repr__(self):
        return f"<{type(self).__name__} object at {id(self):#x}>"

    @property
    def next_functions(self):
        """((node or None, output number), ...) per operand, as torch's `grad_fn.next_functions`."""
        return tuple([(None, 0) if edge is None else (AccumulateGrad(edge), 0) if isinstance(edge, TensorBase)
                      else (edge, 0) if edge.op is not None else (edge.edges[0], edge.attrs)
                      for edge in self.edges])

    def register_prehook(self, hook):
        """Call `hook(grad_outputs)` before the node's rules run; a tuple it returns replaces them."""
        return add_hook(self, "before", hook)

    def register_hook(self, hook):
        """Call `hook(grad_inputs, grad_outputs)` after; a tuple it returns replaces the first."""
        return add_hook(self, "after", hook)


class AccumulateGrad:
    """The end of the graph as `next_functions` shows it: where `variable.grad` is written."""

    def __init__(self, variable):
        self.variable = variable
        self.next_functions = ()

    def name(self):
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other):
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self):
        return id(self.variable)

    def register_prehook(self, hook):
        """Call `hook(grad_outputs)` before `variable.grad` is written."""
        return add_hook(self.variable, "before", hook)

    def register_hook(self, hook):
        """Call `hook((), grad_outputs)` after `variable.grad` is written."""
        return add_hook(self.variable, "after", hook)

    def __repr__(self):
        return f"<AccumulateGrad object at {id(self):#x}>"


class Hooks:
    """The hooks of one node or leaf, as {number: function}; see hooks.py for when each kind is called.

    `tensor`: those of the tensor. `keep`: None, or what fills a non-leaf's `.grad` after them. `before`,
    `after`: those of the node. `accumulated`: a leaf's, once its `.grad` is written.
    """
    __slots__ = ("tensor", "keep", "before", "after", "accumulated", "__weakref__")

    def __init__(self):
        self.keep = None
        self.tensor, self.before, self.after, self.accumulated = {}, {}, {}, {}


class RemovableHandle:
    """Takes a hook out again (torch.utils.hooks.RemovableHandle); also a context manager."""
    _next = 0

    def __init__(self, hooks, hook):
        self.hooks, self.id = hooks, RemovableHandle._next
        RemovableHandle._next += 1
        hooks[self.id] = hook

    def remove(self):
        """Take the hook out; calling it twice is harmless."""
        self.hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


# Was a hook ever registered? Only then are leaves filled in torch's order, each as soon as it is complete.
hooked = [False]


def own_hooks(holder):
    """The Hooks of a node or of a leaf tensor, made when first asked for."""
    if isinstance(holder, Node):
        if holder.hooks is None:
            holder.hooks = Hooks()
        return holder.hooks
    holder.extras = holder.extras or {}
    return holder.extras.setdefault("hooks", Hooks())


def add_hook(holder, kind, hook):
    """Register `hook` as one of `kind` (a slot of Hooks); gives its handle."""
    hooked[0] = True
    return RemovableHandle(getattr(own_hooks(holder), kind), hook)


class _Mode(threading.local):
    on = True                                   # is recording on in this thread?
    inference = False                           # is inference mode? Recording is then off


mode = _Mode()
# in how many threads is it off? 0 spares the others asking their own
paused = [0]
_pausing = threading.Lock()


def set_recording(on):
    """Switch recording for this thread; gives what it was."""
    before, on = mode.on, on and not mode.inference
    if before is not on:
        with _pausing:
            paused[0] += -1 if on else 1
        mode.on = on
    return before


# The `view_of` of tensors without tracking: their writes go unnoticed, as torch's do. What `.data` gives, and
# what is made in inference mode, which no graph may save.
UNTRACKED = (None, None, None)
INFERENCE = (None, None, "inference")

tensor_class = [None]


def register_tensor(cls):
    """Called once by tensor.py: the class that `wrap` makes."""
    tensor_class[0] = cls
    return cls


def settle(array):
    """A result as an array: NumPy gives scalars where an array of no dimensions is meant; a private layout
    that the shape has lost is plain again."""
    if type(array) is ChannelsLast:
        return array.view(np.ndarray) if array.ndim != 4 or array.flags.c_contiguous else array
    return np.asarray(array) if isinstance(array, np.generic) else array


def wrap(array, needs=False, node=None):
    """A tensor over `array` (an ndarray, a NumPy scalar, or a kernel's channels-last result)."""
    out = new(tensor_class[0])
    out.array = array if type(array) is np.ndarray else settle(array)
    out.needs = needs
    out.node = node
    out.gradient = out.view_of = out.extras = None
    if paused[0] and mode.inference:
        out.view_of = INFERENCE
    return out


# When was memory last written in place? A node knows when it was made, and memory when it was written:
# together they tell whether a saved array is still what it was. Memory never written in place has no entry
# and costs nothing.
# id(array that owns the memory) -> [count, number of the last write, ref, name of the last node that wrote]
written = {}
last_write = [0]                                # the highest of those numbers: younger nodes need no check


def owner(array):
    """The array that owns the memory of `array`: all views of it share that one."""
    while array.base is not None and is_array(array.base):
        array = array.base
    return array


def touch(tensor, node=None):
    """Note that `tensor` was written in place (by that node, if one was recorded)."""
    if tensor.view_of is not None and tensor.view_of[0] is None:
        return
    memory = owner(tensor.array)
    key = id(memory)
    entry = written.get(key)
    if entry is None:
        entry = written[key] = [0, 0, weakref.ref(memory, lambda _, key=key: written.pop(key, None)), None]
    entry[0] += 1
    entry[1] = last_write[0] = tick() if node is None else node.number
    if node is not None:
        entry[3] = node.name() if tensor.view_of is None else "torch::autograd::CopySlices"


def version(tensor):
    """How often the tensor's memory was written in place (`Tensor._version`). Raises RuntimeError for a
    tensor made in inference mode."""
    if tensor.view_of is INFERENCE:
        raise RuntimeError("Inference tensors do not track version counter.\nClone it outside of the mode.")
    entry = written.get(id(owner(tensor.array)))
    return 0 if entry is None else entry[0]


def repeats(array):
    """Do elements share memory, as `expand` makes them? (`None` gives strides of 0, too, but sizes of 1.)"""
    return array.size > 1 and 0 in array.strides and \
        any([not step and n > 1 for step, n in zip(array.strides, array.shape)])


def plain(tensor):
    """The tensor's canonical array: kernels may leave a private channels-last one, which is replaced here,
    once."""
    array = tensor.array
    if type(array) is ChannelsLast:
        array = tensor.array = canonical(array)
    return array


def edge_of(tensor):
    """Where this tensor's gradient goes: its node, itself when it is a leaf, None when it needs none (views:
    fresh)."""
    return (tensor.node or tensor) if tensor.needs else None


class no_grad:
    """Switch recording off: a context manager and a decorator (torch.no_grad). Per thread; nests."""
    _state = False

    def __new__(cls, function=None):
        made = new(cls)
        made._before = []                       # a stack: one object may be entered twice
        return made if function is None else made(function)     # `@no_grad` without parentheses

    def __enter__(self):
        self._before.append(set_recording(self._state))

    def __exit__(self, *exc):
        set_recording(self._before.pop())

    def __call__(self, function):
        state = self._state
        if inspect.isgeneratorfunction(function):
            @functools.wraps(function)
            def stepped(*args, **kwargs):
                # The mode holds while the generator's own lines run, not while its caller's do.
                generator, sent = function(*args, **kwargs), None
                while True:
                    before = set_recording(state)
                    try:
                        value = generator.send(sent)
                    except StopIteration as stop:
                        return stop.value
                    finally:
                        set_recording(before)
                    sent = yield value
            return stepped

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            before = set_recording(state)
            try:
                return function(*args, **kwargs)
            finally:
                set_recording(before)
        return wrapped


class enable_grad(no_grad):
    """Switch recording on (torch.enable_grad)."""
    _state = True


class set_grad_enabled(no_grad):
    """Switch recording by a flag, at once and until the context ends (torch.set_grad_enabled)."""

    def __new__(cls, mode):
        made = new(cls)
        made._state = bool(mode)
        made._before = [set_recording(made._state)]
        return made

    def __enter__(self):
        set_recording(self._state)              # `__new__` has kept what was before

    def __call__(self, function):
        set_recording(self._before[-1])         # as a decorator it acts only inside the function
        return super().__call__(function)


def is_grad_enabled():
    """Is recording on in this thread? (torch.is_grad_enabled)"""
    return mode.on
