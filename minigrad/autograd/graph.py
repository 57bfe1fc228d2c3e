"""The class of the graph's nodes, and hooks on what they save (torch.autograd.graph)."""
import threading

from ..backends.arrays import is_array
from ..engine.core import Node, TensorBase, no_grad, owner, plain, version, wrap, written

__all__ = ["Node", "save_on_cpu", "saved_tensors_hooks"]

UNSUPPORTED = {"GradientEdge", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks",
               "get_gradient_edge", "increment_version", "register_multi_grad_hook"}


def __getattr__(name):
    if name in UNSUPPORTED:
        raise NotImplementedError(f"torch.autograd.graph.{name} is not supported.\n"
                                  "See saved_tensors_hooks, Tensor.register_hook and utils.checkpoint.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Active(threading.local):
    hooks = ()                                  # this thread's, innermost last: (pack, unpack)


_active = _Active()
_entered = [0]                                  # in how many places at once, over all threads
_entering = threading.Lock()
saved_slot = Node.__dict__["saved"]              # where nodes keep what they saved


class saved_tensors_hooks:
    """While entered, what operations save for the walk goes through `pack_hook`; what that returns, of any
    type, is kept in its place, and `unpack_hook` makes a tensor of it again when the walk gets there
    (torch.autograd.graph.saved_tensors_hooks).

    Of several, the innermost is called. What is unpacked stays until the graph is freed. Raises RuntimeError
    where pack_hook writes into its argument, TypeError where unpack_hook gives no tensor.
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self):
        _active.hooks = (*_active.hooks, (self.pack_hook, self.unpack_hook))
        with _entering:
            _entered[0] += 1
            Node.saved = property(saved_slot.__get__, _save)     # outside, nodes save into a bare slot

    def __exit__(self, *exc):
        _active.hooks = _active.hooks[:-1]
        with _entering:
            _entered[0] -= 1
            if not _entered[0]:
                Node.saved = saved_slot


class save_on_cpu(saved_tensors_hooks):
    """While entered, what operations save lies in the CPU's memory until the walk needs it
    (torch.autograd.graph.save_on_cpu). pin_memory, device_type: accepted, without effect."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), lambda kept: kept[1].to(kept[0]))


class Packed:
    """What a pack hook made of a tensor, and how to get its array back; `own`: it is the node's result."""

    def __init__(self, tensor, own):
        pack_hook, self.unpack_hook = _active.hooks[-1]
        before = version(tensor)
        with no_grad():
            content = pack_hook(tensor)
        if version(tensor) != before:
            raise RuntimeError("A saved tensor pack hook is modifying its input in place. Tensors provided "
                               "as input to pack hook cannot be modified by in-place operations as this can "
                               "lead to unexpected side-effects. Please open an issue if you need to "
                               "perform in-place operations on the input to a pack hook.\nWrite into a "
                               "clone.")
        # The node's own result would hold the node that holds it.
        self.content = wrap(tensor.array) if own and content is tensor else content

    def array(self):
        """As unpacked: of its own, if the memory was ever written in place, for nobody asks when."""
        tensor = self.unpack_hook(self.content)
        if not isinstance(tensor, TensorBase):
            raise TypeError("Output of saved tensor unpack_hook expected to be a Tensor but got result of "
                            f"type {type(tensor).__name__}\nReturn a tensor.")
        array = plain(tensor)
        return array.copy() if id(owner(array)) in written else array


def packed(tensor, own):
    """What a node saves of a tensor: its array, or where hooks are entered what these make of it."""
    return Packed(tensor, own) if _active.hooks else plain(tensor)


_packing = {}                                   # class of nodes -> its subclass for nodes that packed


def _in_order(node):
    """The places of what a node saved, in the order in which its rules ask."""
    return dict.fromkeys([*[place for reads in node.op.reads for place in reads], *range(len(node.op.names))])


def _save(node, saved):
    if _active.hooks and saved and any(map(is_array, saved)):
        saved, result = list(saved), node.op.tensors - 1
        for place in _in_order(node):
            if is_array(saved[place]):
                edge = node if place == result else node.edges[place] if place < result else None
                tensor = edge if isinstance(edge, TensorBase) else wrap(saved[place], edge is not None, edge)
                saved[place] = Packed(tensor, edge is node)
        base = type(node)
        if base not in _packing.values():
            if base not in _packing:
                members = {"__slots__": (), "saved": property(_read, _save)}
                _packing[base] = type(base.__name__, (base,), members)
            node.__class__ = _packing[base]
    saved_slot.__set__(node, saved)


def _read(node):
    saved = saved_slot.__get__(node)
    if saved and any(isinstance(value, Packed) for value in saved):
        for place in _in_order(node):
            if isinstance(saved[place], Packed):
                saved[place] = saved[place].array()
        saved_slot.__set__(node, saved := tuple(saved))
    return saved
