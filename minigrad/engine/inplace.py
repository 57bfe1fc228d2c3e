"""In-place ops: compute, write into the tensor's own memory, bump the version, and take the new node."""
import numpy as np

from .. import dtypes
from ..backends.arrays import address, writeable
from .core import INFERENCE, Node, TensorBase, edge_of, mode, own_hooks, owner, plain, repeats, touch, wrap
from .devices import DIFFERENT, on_one_device
from .errors import check_broadcast
from .op import REGISTRY
from .promote import result_type
from .views import STALE, Unrecorded, check_writable, is_unrecorded, refresh, write_back


def check_leaf(tensor):
    """torch refuses to overwrite a leaf whose gradient is asked for, or a view of one: its value would no
    longer be its own."""
    check_inference(tensor)
    base = tensor.view_of and tensor.view_of[0]
    if base is not None and mode.on and base.needs:
        check_writable(tensor)
        return
    if mode.on and tensor.needs and tensor.node is None:
        if is_unrecorded(tensor):
            check_writable(tensor)
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.\n"
                           "Wrap the update in no_grad(), or write `x = x + ...` to make a new tensor.")


def check_inference(tensor):
    """Raises torch's RuntimeError outside inference mode for what was made in it."""
    if tensor.view_of is INFERENCE and not mode.inference:
        raise RuntimeError("Inplace update to inference tensor outside InferenceMode is not allowed.You can "
                           "make a clone to get a normal tensor before doing inplace update.See "
                           "https://github.com/pytorch/rfcs/pull/17 for more details.\nClone it first.")


def inplace(made, tensor, *operands, write=None, **attrs):
    """`tensor.op_(...)`: write op(tensor, ...) into `tensor` and return it.

    write: optionally a function of the bare arrays that does it without a temporary. Raises torch's
    RuntimeErrors: a leaf that requires grad, a result that does not fit the tensor's dtype or shape.
    """
    tracked = tensor.view_of is not None and tensor.view_of[0] is not None
    owned = tensor.view_of[0] if tracked else tensor        # its `needs` are up to date
    needs = mode.on and (owned.needs or any([isinstance(o, TensorBase) and o.needs for o in operands]))
    if tracked and needs:
        check_writable(tensor)
        refresh(tensor)
    else:
        check_leaf(tensor)
    check_repeats(tensor.array, made.name == "fill")
    for operand in operands:
        if isinstance(operand, TensorBase) and operand is not tensor:
            if type(operand.array) is not type(tensor.array):       # a private layout, or another device
                met = on_one_device(made, (tensor, *operands), REGISTRY["to"])
                if met is not None:
                    return inplace(made, check_same(tensor, met[0]), *met[1:], write=write, **attrs)
            check_overlap(tensor.array, operand.array)
    if made.promote is not None or made.name == "copy":
        for operand in operands:
            if isinstance(operand, TensorBase) and operand.array.shape != tensor.array.shape:
                check_broadcast(tensor.array.shape, operand.array.shape)
                check_shape(tensor, np.broadcast_shapes(tensor.array.shape, operand.array.shape))
    if made.promote is not None:
        check_cast(result_type(tensor, *operands), tensor, made.promote == "float")
    if not needs:
        if write is not None:
            write(tensor.array, *[o.array if isinstance(o, TensorBase) else o for o in operands])
        else:
            store(tensor, made(tensor, *operands, **attrs).array)
        touch(tensor)
        return tensor
    source = wrap(plain(tensor), tensor.needs, edge_of(tensor))
    if any(0 in reads for reads in made.reads): # its rules read the value that is about to be overwritten
        source.array = source.array.copy()
    out = made(source, *operands, **attrs)
    if out.array.dtype != tensor.array.dtype:   # a wider operand: rounding the result is a step of its own
        out = REGISTRY["to"](out, dtype=tensor.array.dtype)
    store(tensor, out.array)
    touch(tensor, out.node)
    tensor.node, tensor.needs = out.node, out.needs
    if tracked and out.needs:
        write_back(tensor, out, REGISTRY["copy_slices"])
    if isinstance(source.node, Node) and source.node.hooks is not None:     # retain_grad goes with the tensor
        own_hooks(tensor.node).keep, source.node.hooks.keep = source.node.hooks.keep, None
    if out.node is not None and out.node.saved[out.node.op.tensors - 1] is not None:
        saved = list(out.node.saved)            # from now on this tensor is the result that was saved
        saved[out.node.op.tensors - 1] = tensor.array
        out.node.saved = tuple(saved)
    return tensor


def become_view(tensor, view):
    """`tensor.unsqueeze_(0)` and its like: the tensor becomes `view(tensor)`, on the same memory.

    A tensor with a gradient to be is from now on a view of what it was: its older views follow that
    (views.py).
    """
    tracked = tensor.view_of is not None and tensor.view_of[0] is not None
    if tracked and mode.on and tensor.view_of[0].needs:
        if not (tensor.extras and "was" in tensor.extras):      # its steps are what it became: all allowed
            check_writable(tensor)
        refresh(tensor)
    else:
        check_leaf(tensor)
    source = tensor if tracked else wrap(plain(tensor), tensor.needs, tensor.node)
    out = view(source)
    tensor.array = out.array
    if not mode.on:                             # what made it stays; a view's is made anew when next used
        if tracked:
            base, steps, _ = out.view_of
            seen = tensor.view_of[2]
            tensor.view_of = base, steps, seen if type(seen) is Unrecorded else STALE
        return touch(tensor) or tensor
    tensor.node, tensor.needs = out.node, out.needs
    if tracked:
        tensor.view_of = out.view_of
    elif tensor.node is not None:
        tensor.view_of = out.view_of
        tensor.extras = (tensor.extras or {}) | {"was": source}
    touch(tensor, tensor.node)
    return tensor


def check_same(tensor, met):
    """The tensor. Raises torch's RuntimeError where it would have to join its operands on their device."""
    if met is not tensor:
        raise RuntimeError(DIFFERENT)
    return tensor


def check_cast(result, tensor, floating):
    """Raises torch's RuntimeError where a result of dtype `result` cannot be written into `tensor`."""
    own = dtypes.from_numpy(tensor.array.dtype)
    if floating and not result.is_floating_point:
        result = dtypes.get_default_dtype()
    if result.category > own.category:
        raise RuntimeError(f"result type {result.legacy_name} can't be cast to the desired output type "
                           f"{own.legacy_name}\nUse the out-of-place op, or convert the tensor first.")


def check_repeats(target, same=False):
    """Raises torch's RuntimeError where elements of an array that is to be written share memory. same: they
    may, as all get one value."""
    if not writeable(target) or repeats(target) and not same:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single "
            "memory location. Please clone() the tensor before performing the operation.\nIt was made by "
            "expand().")


def check_overlap(target, source):
    """Raises torch's RuntimeError where two dense arrays share memory but are not the same elements in the
    same order: what is written would change what is yet to be read."""
    if owner(target) is not owner(source) or not (_dense(target) and _dense(source)):
        return
    same = address(target) == address(source) and target.size == source.size
    if not (same and target.strides == source.strides) and np.may_share_memory(target, source):
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
            "single memory location. Please clone() the tensor before performing the operation.\n"
            "Clone one of them.")


def _dense(array):
    """Do the elements fill one piece of memory, in any order of the dimensions?"""
    expected = array.itemsize
    for step, size in sorted([pair for pair in zip(array.strides, array.shape) if pair[1] > 1]):
        if step != expected:
            return False
        expected *= size
    return array.size > 0


def check_shape(tensor, shape):
    """Raises torch's RuntimeError where a result of `shape` is not of the tensor's own."""
    if shape != tensor.array.shape:
        raise RuntimeError(f"output with shape {list(tensor.array.shape)} doesn't match the broadcast shape "
                           f"{list(shape)}\nAn in-place op keeps its tensor's shape.")


def store(tensor, array):
    """Write a result into the tensor's memory; its shape must be the tensor's own."""
    check_shape(tensor, array.shape)
    np.copyto(tensor.array, array, casting="unsafe")
