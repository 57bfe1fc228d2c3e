"""Checkpoints: memory for time. What a function's graph saved is dropped, and made again when the walk gets
there.

The graph itself stays, so every way of differentiating works as without a checkpoint. Only the nodes made
inside the function change: what they saved becomes a property, whose first reading runs the function again,
with the random numbers of the first time, and takes over what the new nodes saved, node by node in the order
of making. """
import contextlib
import warnings
import weakref

from ..autograd.function import Function, FunctionNode
from ..autograd.graph import saved_slot
from ..backends.arrays import is_array
from ..engine.backward import backward
from ..engine.core import Node, enable_grad, is_grad_enabled, owner, tick, written
from ..engine.op import Pick
from ..engine.views import fresh_node
from ..generator import generator_states, restore_states
from ..tensor import Tensor

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential"]


class CheckpointError(RuntimeError):
    """The function did something else when it ran again."""


@contextlib.contextmanager
def _drawing_from(state):
    """Random numbers as from a generator's `state`, and afterwards as if none had been drawn; None changes
    nothing."""
    before = None if state is None else generator_states()
    try:
        if state is not None:
            restore_states(state)
        yield
    finally:
        if state is not None:
            restore_states(before)


def _tensors(tree):
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, (tuple, list, dict)):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _tensors(value)


def _made_since(start, output):
    """The nodes behind `output` that were made after number `start`, in that order."""
    found, stack = {}, [node for node in map(fresh_node, _tensors(output)) if node is not None]
    while stack:
        node = stack.pop()
        if node.number > start and node.number not in found:
            found[node.number] = node
            stack += [edge for edge in node.edges if isinstance(edge, Node)]
    return [found[number] for number in sorted(found) if type(found[number]) is not Pick]


def _slot(node_class):
    """Where nodes of a class keep what they saved."""
    return FunctionNode.context if issubclass(node_class, FunctionNode) else saved_slot


def _last_write(value):
    entry = written.get(id(owner(value))) if is_array(value) else None
    return -1 if entry is None else entry[1]


_dropping = {}                                  # class of nodes -> its subclass that drops what it saved


def _dropping_class(base):
    if base not in _dropping:
        slot = _slot(base)

        def read(node):
            segment, place = slot.__get__(node)
            node.__class__ = base               # from now on a node like any other
            slot.__set__(node, segment.again(place, node))
            return getattr(node, slot.__name__)

        def write(node, value):
            node.__class__ = base
            slot.__set__(node, value)
        _dropping[base] = type(base.__name__, (base,), {
            "__slots__": (), "drops": True, slot.__name__: property(read, write)})
    return _dropping[base]


class _Segment:
    """One call of a checkpointed function: how to run it again, and then what its nodes saved. Holds no node
    of the graph, whose nodes hold it."""

    def __init__(self, function, state, nodes, check):
        self.function, self.state, self.values, self.check = function, state, None, check
        self.kinds = [type(node) for node in nodes]
        self.contents = [self._content(node) for node in nodes]
        for place, node in enumerate(nodes):
            if self.contents[place] or isinstance(node, FunctionNode) or hasattr(node, "drops"):
                node.__class__ = _dropping_class(type(node))
                _slot(type(node)).__set__(node, (self, place))

    @staticmethod
    def _content(node):
        """Shapes and dtypes of what a node saved: they must be the same the second time."""
        if isinstance(node, FunctionNode) or hasattr(node, "drops"):
            return []
        return [(v.shape, v.dtype.name) for v in node.saved or () if is_array(v)]

    def again(self, place, node):
        """What the node at `place` had saved."""
        if self.values is None:
            self._run()
        (value, number), self.values[place] = self.values[place], None
        if hasattr(self.kinds[place], "drops"):
            return value                        # a checkpoint inside this one, as it was before it was read
        if isinstance(node, FunctionNode):
            value._node = weakref.ref(node)
            return value
        # What the second run wrote in place before it was saved is younger than the node, and yet right.
        return tuple([v.copy() if node.number <= _last_write(v) <= number else v for v in value])

    def _run(self):
        start = tick()
        with enable_grad(), _drawing_from(self.state):
            nodes = _made_since(start, self.function())
        if len(nodes) != len(self.kinds):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward "
                f"and recomputation.\nThere were {len(self.kinds)} operations, now {len(nodes)}: the "
                "function must do the same whenever it runs.")
        for node, kind, before in zip(nodes, self.kinds, self.contents):
            if self.check and (node.op is not kind.op or self._content(node) != before):
                raise CheckpointError(
                    "torch.utils.checkpoint: Recomputed values for the following tensors have different "
                    f"metadata than during the forward pass.\n{kind.__name__} {before} became {node.name()} "
                    f"{self._content(node)}: the function must do the same whenever it runs.")
        self.values = [(_slot(type(node)).__get__(node), node.number) for node in nodes]
        self.function = None


class CheckpointFunction(Function):
    """The reentrant way: `forward` unrecorded, `backward` by a walk of its own over a graph made anew."""

    @staticmethod
    def forward(ctx, function, preserve_rng_state, *args):
        if not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=4)
        ctx.function, ctx.args = function, [None if isinstance(a, Tensor) else a for a in args]
        ctx.state = generator_states() if preserve_rng_state else None
        ctx.save_for_backward(*[a if isinstance(a, Tensor) else None for a in args])
        return function(*args)

    @staticmethod
    def backward(ctx, *gs):
        args = [a if x is None else x.detach().requires_grad_(x.requires_grad)
                for a, x in zip(ctx.args, ctx.saved_tensors)]
        with enable_grad(), _drawing_from(ctx.state):
            outputs = ctx.function(*args)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [(out, g) for out, g in zip(outputs, gs) if isinstance(out, Tensor) and out.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary\n"
                               "Call the function without it.")
        backward(*zip(*pairs))
        return None, None, *[x.grad if isinstance(x, Tensor) else None for x in args]


def checkpoint(function, *args, use_reentrant=None, context_fn=None, determinism_check="default", debug=False,
               early_stop=True, preserve_rng_state=True, **kwargs):
    """`function(*args, **kwargs)`, keeping the arguments instead of what its graph saves; the walk runs it
    again, with the same random numbers unless preserve_rng_state=False (torch.utils.checkpoint.checkpoint).

    use_reentrant: False is the better way; True is torch's older one, which needs an argument that requires
    grad and walks a second graph inside `backward`. context_fn: gives two context managers, for the first run
    and the second. determinism_check="none" leaves out the check that both runs saved the same shapes.
    `early_stop` changes nothing. Raises CheckpointError where the second run differs, ValueError for
    arguments that the older way does not take. """
    if use_reentrant is None:
        _warn_reentrant("")
        use_reentrant = True
    if debug:
        raise NotImplementedError("checkpoint: debug=True is not supported.\nLeave it out.")
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs) +
                             "\nUse use_reentrant=False.")
        if context_fn is not None:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.\n"
                             "Use use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve_rng_state, *args)
    first, second = context_fn() if context_fn else (contextlib.nullcontext(), contextlib.nullcontext())

    def again():
        with second:
            return function(*args, **kwargs)

    state = generator_states() if preserve_rng_state else None
    for tensor in _tensors((args, kwargs)):
        fresh_node(tensor)                      # or a stale view's node would count as made inside
    start = tick()
    with first:
        output = function(*args, **kwargs)
    if is_grad_enabled():
        _Segment(again, state, _made_since(start, output), determinism_check != "none")
    return output


def _warn_reentrant(name):
    warnings.warn(f"torch.utils.checkpoint{name}: the use_reentrant parameter should be passed explicitly. "
                  "use_reentrant=False is recommended, but if you need to preserve the current default "
                  "behavior, you can pass use_reentrant=True. Refer to docs for more details on the "
                  "differences between the two variants.", stacklevel=3)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, preserve_rng_state=True):
    """A Sequential or a list of functions applied to `input`, in `segments` parts; each but the last is a
    checkpoint (torch.utils.checkpoint.checkpoint_sequential). About √n parts of n functions need the least
    memory."""
    if use_reentrant is None:
        _warn_reentrant(".checkpoint_sequential")
        use_reentrant = True
    functions = list(functions)

    def part(start, stop):
        def forward(x):
            for function in functions[start:stop]:
                x = function(x)
            return x
        return forward

    size, stop = len(functions) // segments, 0
    for stop in range(size, size * segments, size):
        input = checkpoint(part(stop - size, stop), input, use_reentrant=use_reentrant,
                           preserve_rng_state=preserve_rng_state)
    return part(stop, None)(input)
