"""`Function`: operations whose gradient the user writes (torch.autograd.Function).

To the walk a Function looks like any op with a joint rule: its node's `op` has the few attributes that the
walk reads, and what the node saved is its context. The plain walk hands the rule bare arrays, which are
wrapped for the user's `backward` and unwrapped again; the recorded walk hands it Tensors, and records.
"""
import functools
import inspect
import warnings
import weakref

import numpy as np

from ..backends.arrays import moved, place_of
from ..engine import errors, views
from ..engine.core import (
    Node,
    TensorBase,
    edge_of,
    mode,
    new,
    no_grad,
    owner,
    plain,
    tick,
    touch,
    version,
    wrap,
    written,
)
from ..engine.op import REGISTRY, _pick
from ..engine.walk import unbroadcast
from .graph import Packed, packed

FREED = object()


class FunctionCtx:
    """What `forward` leaves for `backward` (torch.autograd.function.FunctionCtx); has room for more."""

    def __init__(self, needs):
        self.needs_input_grad = needs
        self._to_save = self._saved = self._dirty = self._constant = ()
        self._materialize = True

    def save_for_backward(self, *tensors):
        """Keep tensors for `backward`, which finds them in `saved_tensors`. Raises TypeError for the rest."""
        for position, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise TypeError(f"save_for_backward can only save variables, but argument {position} is of "
                                f"type {type(tensor).__name__}\nKeep other values as attributes of ctx.")
        self._to_save = tensors

    def mark_dirty(self, *tensors):
        """Say which inputs `forward` wrote in place; it must return them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """Say which outputs need no gradient; `backward` gets zeros for them."""
        self._constant = tensors

    def set_materialize_grads(self, value):
        """False: `backward` gets None instead of zeros for outputs whose gradient never came."""
        self._materialize = bool(value)

    @property
    def saved_tensors(self):
        """What `save_for_backward` kept, with each tensor's place in the graph. Raises torch's RuntimeErrors
        where it was freed by an earlier walk, or written in place since."""
        if self._saved is FREED:
            raise RuntimeError(errors.FREED)
        return tuple([kept and self._unpack(*kept) for kept in self._saved])

    def _keep(self, made):
        """Turn what is to be saved into (array, edge, does it need a gradient?, version). `made`: output's id
        -> its place, which stands for its edge, or the node would hold itself."""
        def kept(t):
            return packed(t, id(t) in made), made.get(id(t), edge_of(t)), t.needs, version(t)

        self._saved = tuple([t if t is None else kept(t) for t in self._to_save])
        self._to_save = ()

    def _unpack(self, saved, edge, needs, seen):
        node, array = self._node(), saved.array() if isinstance(saved, Packed) else saved
        if isinstance(edge, int):
            edge = node if len(self._outputs) == 1 else _pick(node, edge, array)
        entry = written.get(id(owner(array)))
        if entry is not None and entry[0] > seen:
            errors.modified(node, array, edge, entry, seen)
        if isinstance(edge, TensorBase):
            if edge.array is array:
                return edge
            out = REGISTRY["alias"](edge)       # `.data` was swapped since, or a hook unpacked something else
            out.array, out.needs = array, True
            return out
        return wrap(array, needs, edge)


class FunctionNode(Node):
    """The node of a Function. `context` is its ctx, whose attributes it shows: in torch the two are one."""
    __slots__ = ("context", "__weakref__")
    saved = property(lambda self: (self.context,), lambda self, _: setattr(self.context, "_saved", FREED))

    def __repr__(self):
        return f"<torch.autograd.function.{self.name()} object at {id(self):#x}>"

    def __getattr__(self, name):
        return getattr(self.context, name)


class _Rule:
    """A Function as the walk sees an op: one joint rule, which reads the context."""
    joint, twin, tensors, names, formula, extras = True, None, 0, ("ctx",), (), ()

    def __init__(self, function):
        self.function, self.name = function, function.__name__
        self.node_class = type(f"{self.name}Backward", (FunctionNode,), {"__slots__": (), "op": self})
        self.steps = ((self.rule, (0,), True),)
        self.is_view = (f"Output 0 of {self.name} is a view and {{}} modified inplace. This view was created "
                        "inside a custom Function (or because an input was returned as-is) and the autograd "
                        "logic to handle view+inplace would override the custom backward associated with the "
                        "custom Function, leading to incorrect gradients. This behavior is forbidden. You "
                        "can fix this by cloning the output of the custom Function.\nClone it in forward.")

    def __call__(self, base):
        """Views are replayed when their base was written: this one cannot be."""
        raise RuntimeError(self.is_view.format("its base or another view of its base has been"))

    def rule(self, g, needs, ctx):
        """The cotangents of the inputs, as the user's `backward` gives them; bare arrays unless recorded."""
        node, recorded, gs = ctx._node(), mode.on, []
        parts = g if len(ctx._outputs) > 1 else (g,)
        place = next((place_of(getattr(part, "array", part)) for part in parts if part is not None), "cpu")
        for part, (shape, dtype) in zip(parts, ctx._outputs):
            if part is None and dtype is not None and ctx._materialize:
                part = moved(np.zeros(shape, dtype), place)
            gs.append(part if part is None or isinstance(part, TensorBase) else wrap(part))
        results = self.function._chosen_backward()(ctx, *gs)
        results = results if isinstance(results, tuple) else (results,)
        count = len(node.edges)
        if not [r for r in results[count:] if r is not None]:   # Nones too many are fine
            results = results[:count]
        if len(results) != count:
            raise RuntimeError(f"function {node.name()} returned an incorrect number of gradients (expected "
                               f"{count}, got {len(results)})\nReturn one per argument of forward, None for "
                               "those without.")
        return [None if result is None else self._checked(node, position, result, recorded)
                for position, result in enumerate(results)]

    def _checked(self, node, position, result, recorded):
        """A gradient that the user gave, made what torch takes it for."""
        tensors = node.context._tensors
        if position not in tensors:
            raise RuntimeError(f"function {node.name()} returned a gradient different than None at position "
                               f"{position + 1}, but the corresponding forward input was not a Variable\n"
                               "Return None there.")
        if not isinstance(result, TensorBase):
            raise RuntimeError(f"expected Variable or None (got {type(result).__name__})\nReturn a tensor.")
        edge = node.edges[position]
        if edge is None:
            return None
        shape, dtype = (edge if isinstance(edge, Node) else edge.array).shape, edge.dtype
        if result.array.shape != shape:
            if not _expands(shape, result.array.shape):
                raise RuntimeError(f"Function {node.name()} returned an invalid gradient at index "
                                   f"{tensors.index(position)} - got {list(result.array.shape)} but expected "
                                   f"shape compatible with {list(shape)}\nA gradient has its input's shape.")
            result = unbroadcast(result, shape)
        result = result.to(dtype if isinstance(edge, TensorBase) else wrap(np.empty(0, dtype)).dtype)
        # A view: so the walk sees that others may hold the memory, and copies it into a leaf's `.grad`.
        return result if recorded else plain(result)[...]


def _expands(shape, larger):
    return len(shape) <= len(larger) and all(
        n in (1, m) for n, m in zip(shape, larger[len(larger) - len(shape):]))


class Function:
    """Base of operations with a gradient of their own (torch.autograd.Function). Write the static methods
    `forward(ctx, *args)`, or `forward(*args)` and `setup_context(ctx, inputs, output)`, and
    `backward(ctx, *grad_outputs)`; call `apply`.

    `forward` runs unrecorded. `backward` gives one gradient per argument of forward, None for those without;
    where it is written in differentiable operations it can itself be differentiated. Raises torch's
    RuntimeErrors for gradients that do not fit, and for tensors that were saved and then written in place.
    """

    def __init__(self, *args, **kwargs):
        warnings.warn(f"{type(self)} should not be instantiated. Methods on autograd functions are all "
                      "static, so you should invoke them on the class itself. Instantiating an autograd "
                      "function will raise an error in a future version of PyTorch.",
                      DeprecationWarning, stacklevel=2)

    def __call__(self, *args, **kwargs):
        raise RuntimeError("Legacy autograd function with non-static forward method is deprecated. Please "
                           "use new-style autograd function with static forward method. (Example: "
                           "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)\n"
                           "Call apply.")

    @staticmethod
    def forward(*args, **kwargs):
        """The operation itself; to be written by the user."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.\n"
                                  "Write it as a static method of the class.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """To be written where `forward` takes no ctx: save here what `backward` needs."""

    @staticmethod
    def backward(ctx, *grad_outputs):
        """The gradients of the inputs, given those of the outputs; to be written by the user."""
        raise NotImplementedError("You must implement either the backward or vjp method for your custom "
                                  "autograd.Function to use it with backward mode AD.\n"
                                  "Write it as a static method of the class.")

    vjp = backward

    @classmethod
    def _chosen_backward(cls):
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError("Implementing both 'backward' and 'vjp' for a custom Function is not allowed. "
                               "You should only implement one of them.\nThey are two names of one method.")
        return cls.vjp

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run `forward`, recorded where an argument needs a gradient. Arguments and results may be of any
        type; results that are tensors, alone or in a tuple, take part in the graph."""
        split = cls.setup_context is not Function.setup_context
        if kwargs and split:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        for argument in args:
            if isinstance(argument, TensorBase):
                views.fresh_node(argument)
        needs = tuple([isinstance(a, TensorBase) and a.needs for a in args])
        edges = tuple([edge_of(a) if need else None for a, need in zip(args, needs)])
        ctx = FunctionCtx(needs)
        with no_grad():
            output = cls.forward(*args, **kwargs) if split else cls.forward(ctx, *args, **kwargs)
            if split:
                cls.setup_context(ctx, args, output)
        outputs = output if isinstance(output, tuple) else (output,)
        _check_dirty(ctx, outputs)
        given = {id(a) for a in args if isinstance(a, TensorBase)}
        if mode.on and True in needs:
            ctx._tensors = [k for k, a in enumerate(args) if id(a) in given]
            outputs = _record(cls, ctx, edges, outputs, given)
        else:
            own = given - {id(out) for out in ctx._dirty}       # those come back as tensors of their own
            outputs = tuple([out.detach() if id(out) in own else out for out in outputs])
        ctx._dirty = ctx._constant = ()         # results, whose node holds ctx
        return outputs if isinstance(output, tuple) else outputs[0]


def _check_dirty(ctx, outputs):
    """Note the writes to inputs that `forward` marked; raises torch's errors where it must not have."""
    returned = {id(out) for out in outputs}
    for tensor in ctx._dirty:
        if id(tensor) not in returned:
            raise RuntimeError("Some elements marked as dirty during the forward method were not returned as "
                               "output. The inputs that are modified inplace must all be outputs of the "
                               "Function.\nReturn them from forward.")
        if mode.on and tensor.needs and tensor.node is None:
            raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.\n"
                               "Write into a clone.")
        touch(tensor)


def _record(function, ctx, edges, outputs, given):
    """Give the outputs their node. Inputs that came back untouched become views of themselves."""
    op = function.__dict__.get("_op")
    if op is None:                              # one class of nodes per Function, made when first needed
        op = function._op = _Rule(function)
    node = new(op.node_class)
    node.number, node.hooks, node.attrs, node.edges, node.context = tick(), None, None, edges, ctx
    dirty, constant = {id(t) for t in ctx._dirty}, {id(t) for t in ctx._constant}
    results = []
    for out in outputs:
        if id(out) in given and id(out) not in dirty | constant:
            out, source = wrap(plain(out)), out
            out.view_of = source.view_of or (source, None, source.node)
        results.append(out)
    ctx._node = weakref.ref(node)
    ctx._outputs = [(out.array.shape, out.array.dtype) if isinstance(out, TensorBase) else ((), None)
                    for out in results]
    node.shape, node.dtype = tuple([shape for shape, _ in ctx._outputs]), ctx._outputs[0][1]
    if len(results) == 1:
        node.shape = node.shape[0]
    made = {}
    for index, out in enumerate(results):
        if not isinstance(out, TensorBase):
            continue
        if id(out) in constant or not out.is_floating_point():
            out.needs, out.node = False, None
            continue
        made[id(out)] = index
        own = node if len(results) == 1 else _pick(node, index, out.array)
        base, _, _ = out.view_of or (None, None, None)
        if base is not None and id(out) in dirty:
            views.check_writable(out)
            views.write_back(out, wrap(out.array, True, own), REGISTRY["copy_slices"])
        else:
            out.needs, out.node = True, own
            if base is not None:
                out.view_of = (base, (None, op, {}, 0), base.node)
    ctx._keep(made)
    return tuple(results)


def once_differentiable(backward):
    """Decorator of a `backward` not written in differentiable operations: differentiating it again raises."""
    @functools.wraps(backward)
    def wrapper(ctx, *gs):
        with no_grad():
            results = backward(ctx, *gs)
        if not mode.on or not any(isinstance(g, TensorBase) and g.needs for g in gs):
            return results
        parts = results if isinstance(results, tuple) else (results,)
        # Made to need a gradient, so that a second walk comes by here.
        parts = tuple([p if p is None else _Twice.apply(p.detach().requires_grad_()) for p in parts])
        return parts if isinstance(results, tuple) else parts[0]
    return wrapper


class _Twice(Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        raise RuntimeError("trying to differentiate twice a function that was marked with "
                           "@once_differentiable\nWrite its backward in differentiable operations.")
