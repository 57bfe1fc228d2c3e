"""The bare tensor, the node, and the modes: the nouns of autograd, slots only.

`TensorBase` is what the engine sees of a tensor; `tensor.py` subclasses it with everything a person uses and registers
itself in `wrap`, so that the engine can make tensors without importing the floors above.
"""
import functools
import inspect
import itertools
import threading

import numpy as np

from ..backends.numpy.layout import ChannelsLast, canonical

new = object.__new__
tick = itertools.count().__next__               # creation numbers: the order of the walk


class TensorBase:
    """A value with its place in the graph.

    `array`: the elements. `needs`: requires_grad. `node`: what made it (None for a leaf). `gradient`: `.grad`.
    `version`: one shared cell `[count]`, bumped by every in-place write; views and `detach()` share it.
    `view`: None, or (base tensor, the ops that lead from it to this view).
    """
    __slots__ = ("array", "needs", "node", "gradient", "version", "view", "__weakref__")
    __array_ufunc__ = None                      # ndarray + tensor is a TypeError, as in torch
    __array_priority__ = 1000


class Node:
    """One recorded operation.

    `edges`: per operand the node that made it, the leaf tensor itself, or None where no gradient is needed.
    `saved`: what the rules read, in the order of `op.names`; None once freed. An array is saved with its version cell.
    `shape`, `dtype`: the output's, which the cotangent that comes in must have. Never holds its own output tensor.
    """
    __slots__ = ("op", "edges", "saved", "attrs", "number", "shape", "dtype", "hooks", "__weakref__")

    def name(self):
        return type(self).__name__

    def __repr__(self):
        return f"<{type(self).__name__} object at {id(self):#x}>"

    @property
    def next_functions(self):
        """((node or None, output number), ...) per operand, as torch's `grad_fn.next_functions`."""
        return tuple((edge if isinstance(edge, Node) or edge is None else AccumulateGrad(edge), 0)
                     for edge in self.edges)


class AccumulateGrad:
    """The end of the graph as `next_functions` shows it: where `variable.grad` is written."""

    def __init__(self, variable):
        self.variable = variable
        self.next_functions = ()

    def name(self):
        return "torch::autograd::AccumulateGrad"

    def __repr__(self):
        return f"<AccumulateGrad object at {id(self):#x}>"


class Saved:
    """An array that a rule will read, with what it takes to trust it (`cell`, `count`) and to differentiate through it
    again (`edge`)."""
    __slots__ = ("array", "cell", "count", "edge")

    def __init__(self, array, cell, edge):
        self.array = array
        self.cell = cell
        self.count = cell[0]
        self.edge = edge


class _Mode(threading.local):
    on = True                                   # is recording on in this thread?


mode = _mode = _Mode()
_tensor_class = [None]


def register_tensor(cls):
    """Called once by tensor.py: the class that `wrap` makes."""
    _tensor_class[0] = cls
    return cls


def wrap(array, needs=False, node=None, version=None):
    """A tensor over `array` (an ndarray, a NumPy scalar, or a kernel's channels-last result)."""
    out = new(_tensor_class[0])
    kind = type(array)
    if kind is not np.ndarray:
        if kind is ChannelsLast:
            if array.ndim != 4 or array.flags.c_contiguous:
                array = array.view(np.ndarray)
        elif isinstance(array, np.generic):     # NumPy gives scalars where an array of no dimensions is meant
            array = np.asarray(array)
    out.array = array
    out.needs = needs
    out.node = node
    out.gradient = None
    out.version = [0] if version is None else version
    out.view = None
    return out


def plain(tensor):
    """The tensor's canonical array: kernels may leave a private channels-last one, which is replaced here, once."""
    array = tensor.array
    if type(array) is ChannelsLast:
        array = tensor.array = canonical(array)
    return array


def edge_of(tensor):
    """Where this tensor's gradient goes: its node, itself when it is a leaf, None when it needs none."""
    return (tensor.node or tensor) if tensor.needs else None


class no_grad:
    """Switch recording off: a context manager and a decorator (torch.no_grad). Per thread; nests."""
    _state = False

    def __new__(cls, function=None):
        made = new(cls)
        made._before = []                       # a stack: one object may be entered twice
        return made if function is None else made(function)     # `@no_grad` without parentheses

    def __enter__(self):
        self._before.append(mode.on)
        mode.on = self._state

    def __exit__(self, *exc):
        mode.on = self._before.pop()

    def __call__(self, function):
        state = self._state
        if inspect.isgeneratorfunction(function):
            @functools.wraps(function)
            def stepped(*args, **kwargs):
                # The mode holds while the generator's own lines run, not while its caller's do.
                generator, sent = function(*args, **kwargs), None
                while True:
                    before, mode.on = mode.on, state
                    try:
                        value = generator.send(sent)
                    except StopIteration as stop:
                        return stop.value
                    finally:
                        mode.on = before
                    sent = yield value
            return stepped

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            before, mode.on = mode.on, state
            try:
                return function(*args, **kwargs)
            finally:
                mode.on = before
        return wrapped


class enable_grad(no_grad):
    """Switch recording on (torch.enable_grad)."""
    _state = True


class set_grad_enabled(no_grad):
    """Switch recording by a flag, at once and until the context ends (torch.set_grad_enabled)."""

    def __new__(cls, mode):
        made = new(cls)
        made._state = bool(mode)
        made._before = [_mode.on]
        _mode.on = made._state
        return made

    def __enter__(self):
        _mode.on = self._state                  # `__new__` has kept what was before

    def __call__(self, function):
        _mode.on = self._before[-1]             # as a decorator it acts only inside the function
        return super().__call__(function)


def is_grad_enabled():
    """Is recording on in this thread? (torch.is_grad_enabled)"""
    return mode.on
