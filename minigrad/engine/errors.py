"""Texts of the errors that users meet, in torch's words where torch has them, each with a line on what to
do."""
import numpy as np

from ..backends.arrays import is_array


def explain_shapes(name, arrays, error):
    """NumPy could not run `name` on these arrays: raise torch's error for shapes that do not broadcast, else
    pass the kernel's own."""
    shapes = [a.shape for a in arrays if is_array(a)]
    if len(shapes) >= 2:
        check_broadcast(*shapes[:2])
        for shape in shapes[2:]:
            check_broadcast(np.broadcast_shapes(*shapes[:2]), shape)
    raise error


def check_broadcast(a, b):
    """Raises torch's RuntimeError where shapes `a` and `b` do not broadcast."""
    ndim = max(len(a), len(b))
    for dim in range(ndim - 1, -1, -1):
        size_a = a[dim - ndim + len(a)] if dim - ndim + len(a) >= 0 else 1
        size_b = b[dim - ndim + len(b)] if dim - ndim + len(b) >= 0 else 1
        if size_a != size_b and 1 not in (size_a, size_b):
            raise RuntimeError(
                f"The size of tensor a ({size_a}) must match the size of tensor b ({size_b}) at "
                "non-singleton "
                f"dimension {dim}\nShapes {list(a)} and {list(b)} do not broadcast: reshape or unsqueeze "
                "one of them.")


def wrap_dim(dim, ndim):
    """A dimension counted from the front. Raises torch's IndexError out of range; a 0-d tensor counts as
    one-dimensional."""
    size = max(ndim, 1)
    if not -size <= dim < size:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], but "
                         f"got {dim})\n"
                         f"The tensor has {ndim} dimension(s).")
    return dim + size if dim < 0 else dim


FREED = ("Trying to backward through the graph a second time (or directly access saved tensors after they "
         "have already been freed). Saved intermediate values of the graph are freed when you call "
         ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
         "graph a second time or if you need to access saved tensors after calling backward.\nPass "
         "retain_graph=True to the first call, or run forward again.")


def short_name(name):
    """A node's name as torch's error texts say it: "Mul" for MulBackward0."""
    return name.removesuffix("Backward0")


def check_inference(node, unsaved):
    """Raises torch's RuntimeError where a node saved one of the arrays `unsaved`, made in inference mode."""
    kept = () if node is None else (node if node.op else node.edges[0]).saved
    if any([part is array for part in kept for array in unsaved]):
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference "
            "mode in computation tracked by autograd. To work around this, you can make a clone to get a "
            "normal tensor and use it in autograd, or use `torch.no_grad()` instead of "
            "`torch.inference_mode()`.\nClone it outside of the mode.")


_TYPES = {"float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long", "int32": "Int",
          "bool": "Bool"}


def modified(node, array, edge, entry, expected=None):
    """torch's error for a saved tensor that was written in place since: `entry` tells of the writes (see
    `core.written`), `expected` how many of them came before it was saved. In anomaly mode with both lines."""
    count, write, _, writer = entry
    hint, lines = ("enable anomaly detection to find the operation that failed to compute its gradient, with "
                   "torch.autograd.set_detect_anomaly(True, check_nan=False)."), ""
    if hasattr(node.number, "place"):
        hint = ("the backtrace further above shows the operation that failed to compute its gradient. The "
                "variable in question was changed in there or anywhere later. Good luck!")
        lines = f"\nIt was saved by {node.number.place()}"
        if hasattr(write, "place"):
            lines += f"\nand written in place by {write.place()}"
    kind = _TYPES.get(array.dtype.name, "")
    maker = edge.name() if edge is node or not writer and hasattr(edge, "next_functions") else writer
    if maker is writer is not None and getattr(array.base, "size", 0) > array.size:
        maker = "AsStrided"                     # what torch names a view of memory that was written
    made_by = f", which is output 0 of {short_name(maker)}," if maker else ""
    raise RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[torch.{kind}Tensor {list(array.shape)}]{made_by} is at version {count}; expected version "
        f"{count - 1 if expected is None else expected} instead. Hint: {hint}\n{node.name()} saved it for "
        f"its gradient: use an out-of-place op, or change a clone.{lines}")
