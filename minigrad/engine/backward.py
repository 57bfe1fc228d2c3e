"""`backward` and `grad`: the two ways to start the walk (torch.autograd.backward, torch.autograd.grad)."""
import numpy as np

from ..backends.arrays import is_array, place_of, writeable
from .core import TensorBase, plain, set_recording, wrap
from .views import fresh_node, is_unrecorded
from .walk import add_to_leaf, walk


def _as_tuple(value):
    return (value,) if isinstance(value, TensorBase) else tuple(value)


def _inputs(inputs, name):
    """The tensors to differentiate by. Raises torch's RuntimeErrors where there are none, or other things."""
    inputs = _as_tuple(inputs)
    if not inputs:
        raise RuntimeError(f"`inputs` argument to `{name}()` cannot be empty.\nPass the tensors to "
                           "differentiate by.")
    for tensor in inputs:
        if not isinstance(tensor, TensorBase):
            raise RuntimeError("all inputs have to be Tensors or GradientEdges, but got "
                               f"{type(tensor).__name__}\nPass tensors.")
    return inputs


def _cotangents(outputs, gradients, recorded):
    """One cotangent per output: the one given, checked as torch does, or 1 for a scalar."""
    made = []
    for output, g in zip(outputs, gradients):
        if g is None:
            if output.requires_grad:
                if output.array.size != 1:
                    raise RuntimeError("grad can be implicitly created only for scalar outputs\n"
                                       "Reduce the output to a scalar, or pass its gradient.")
                g = wrap(np.ones_like(plain(output)))
        elif not isinstance(g, TensorBase):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}\n"
                            "Pass a tensor of the output's shape.")
        elif g.array.shape != output.array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{len(made)}] has a shape of {_size(g)} and "
                f"output[{len(made)}] has a "
                f"shape of {_size(output)}.\nPass a gradient of the output's shape.")
        elif place_of(g.array) != place_of(output.array):
            raise RuntimeError(f"grad_output[{len(made)}] is on {g.device}, output[{len(made)}] on "
                               f"{output.device}\nMove the gradient with .to(device).")
        elif g.array.dtype != output.array.dtype:
            g = g.to(output.dtype)
        made.append(g)
    for k, output in enumerate(outputs):
        if not fresh_node(output) and (not output.needs or is_unrecorded(output)):
            raise RuntimeError(f"element {k} of tensors does not require grad and does not have a grad_fn\n"
                               "Make it from tensors with requires_grad=True, outside no_grad().")
    return made if recorded else [g.array for g in made]


def _size(tensor):
    return f"torch.Size({list(tensor.array.shape)})"


def _gradients(outputs, gradients):
    if gradients is None:
        return (None,) * len(outputs)
    gradients = _as_tuple(gradients)
    if len(gradients) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(gradients)} gradients\nPass one gradient "
                           "per tensor.")
    return gradients


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None):
    """Add d(tensors)/d(leaf) to `.grad` of every leaf (torch.autograd.backward).

    tensors: Tensor or sequence; grad_tensors: a cotangent for each, optional for scalars. retain_graph: keep
    what nodes saved (default: as create_graph). create_graph: record the walk, so that gradients can be
    differentiated again.
    inputs: accumulate only into these. Raises RuntimeError for non-scalars without gradient, shapes that
    differ, tensors that need no gradient, and a graph walked twice.
    """
    outputs = _as_tuple(tensors)
    cotangents = _cotangents(outputs, _gradients(outputs, grad_tensors), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        walk(outputs, cotangents, recorded=create_graph, keep=keep)
        return
    inputs = _inputs(inputs, "backward")
    for tensor in inputs:
        tensor.retain_grad()                    # as torch does: the walk fills those that are no leaves
    gradients = walk(outputs, cotangents, recorded=create_graph, keep=keep, inputs=inputs)
    before = set_recording(create_graph)
    try:
        for tensor, g in zip(inputs, gradients):
            if g is not None and tensor.node is None:
                add_to_leaf(tensor, g, False, create_graph)
    finally:
        set_recording(before)


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True,
         allow_unused=None, is_grads_batched=False, materialize_grads=False):
    """d(outputs)/d(inputs) as a tuple, nothing accumulated (torch.autograd.grad).

    Raises RuntimeError as `backward` does, and where an input is unused unless allow_unused (then its
    gradient is None, or zeros with materialize_grads).
    """
    if is_grads_batched:
        raise NotImplementedError("grad: is_grads_batched is not supported.\nCall grad once per cotangent.")
    outputs, inputs = _as_tuple(outputs), _inputs(inputs, "grad")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but "
                         "got: allow_unused=False.\nLeave allow_unused out.")
    cotangents = _cotangents(outputs, _gradients(outputs, grad_outputs), create_graph)
    for tensor in inputs:
        if not tensor.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad\n"
                               "Call requires_grad_() on it before the forward pass.")
    keep = create_graph if retain_graph is None else retain_graph
    results = []
    for k, (tensor, g) in enumerate(zip(inputs, walk(outputs, cotangents, recorded=create_graph, keep=keep,
                                                     inputs=inputs))):
        if g is None or is_unrecorded(tensor):
            if materialize_grads:
                g = wrap(np.zeros_like(plain(tensor)), create_graph)
            elif not allow_unused:
                raise RuntimeError(f"The differentiated Tensor at index {k} appears to not have been used "
                                   "in the graph. Set allow_unused=True if this is the desired "
                                   "behavior.\nIts gradient is then None.")
            else:
                g = None
        elif not create_graph:
            g = wrap(g if is_array(g) and writeable(g) else np.array(g))
        results.append(g)
    return tuple(results)
