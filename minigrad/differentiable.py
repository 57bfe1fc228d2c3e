"""What a tensor knows of the graph: how it was made, its gradient, and the hooks on it."""
import warnings
import weakref

from . import dtypes
from .engine import backward as autograd
from .engine.core import INFERENCE, UNTRACKED, TensorBase, add_hook, mode, own_hooks, plain, version, wrap
from .engine.views import fresh_node
from .engine.walk import owned_array
from .ops.signature import need
from .random import C_NAMES


class Differentiable(TensorBase):
    """The part of Tensor that is about gradients."""
    __slots__ = ()

    dtype = property(lambda self: dtypes.from_numpy(self.array.dtype), doc="The element type.")
    is_leaf = property(lambda self: fresh_node(self) is None,
                       doc="Was it made by a user rather than by a recorded op?")
    grad_fn = property(lambda self: _grad_fn(self), doc="The node that made it, None for a leaf.")
    _version = property(version, doc="How often it was written in place.")
    retains_grad = property(lambda self: bool(self.extras and self.extras.get("retains")),
                            doc="Does a non-leaf keep its .grad?")

    @property
    def requires_grad(self):
        """Are operations on it recorded? Settable on leaves of floating point dtype."""
        base = self.view_of and self.view_of[0]
        return self.needs or base is not None and base.needs

    @requires_grad.setter
    def requires_grad(self, value):
        need(isinstance(value, bool), "requires_grad must be a bool\nAssign True or False.")
        need(value or fresh_node(self) is None, "you can only change requires_grad flags of leaf variables. "
             "If you want to use a computed variable in a subgraph that doesn't require differentiation use "
             "var_no_grad = var.detach().\nThis tensor was made by an operation.")
        need(not value or self.dtype.is_floating_point, "only Tensors of floating point and complex dtype "
             "can require gradients\nConvert it first, for example with .float().")
        need(not value or self.view_of is not INFERENCE or mode.inference, "Setting requires_grad=True on "
             "inference tensor outside InferenceMode is not allowed.\nClone it first.")
        self.needs = value

    def requires_grad_(self, requires_grad=True):
        """Set requires_grad and return the tensor (Tensor.requires_grad_)."""
        need(not requires_grad or self.dtype.is_floating_point, "only Tensors of floating point dtype can "
             "require gradients\nConvert it first, for example with .float().")
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self):
        """What `backward` has summed for this leaf, None before it."""
        if self.node is not None and not self.retains_grad:
            warnings.warn("The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                          ".grad attribute won't be populated during autograd.backward(). If you indeed want "
                          "the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the "
                          "non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you "
                          "access the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for "
                          "more information.",
                          UserWarning, stacklevel=2)
        return self.gradient

    @grad.setter
    def grad(self, value):
        if value is not None:
            need(isinstance(value, TensorBase), "assigned grad expected to be a Tensor or None but got grad "
                 "of type {}\nAssign a tensor of the same shape and dtype.", type(value).__name__,
                 error=TypeError)
            need(value is not self, "can't assign Variable as its own grad\nAssign a clone.")
            need(value.array.dtype == self.array.dtype, "attempting to assign a gradient with dtype '{}' to "
                 "a tensor with grad_dtype '{}'. The gradient must match the tensor's grad_dtype (defaults "
                 "to the tensor's dtype). You can set the tensor's grad_dtype attribute with a specific "
                 "dtype, or None to allow any dtype. Set grad_dtype with caution. Diverging the dtypes of a "
                 "tensor and its gradient may break downstream systems that assume they match.\n"
                 "There is no grad_dtype here: convert the gradient.",
                 C_NAMES[value.array.dtype.name], self.dtype.legacy_name)
            need(value.array.shape == self.array.shape, "attempting to assign a gradient of size '{}' to a "
                 "tensor of size '{}'. Please ensure that the gradient and the tensor are the same size\n"
                 "Reshape it.", value.array.shape, self.array.shape)
        self.gradient = value

    @grad.deleter
    def grad(self):
        self.gradient = None

    @property
    def data(self):
        """The same memory without the graph; assigning swaps the memory under the tensor's identity."""
        out = wrap(plain(self))
        out.view_of = INFERENCE if self.view_of is INFERENCE else UNTRACKED
        return out

    @data.setter
    def data(self, value):
        need(isinstance(value, TensorBase), "Variable data has to be a tensor, but got {}\nAssign a tensor.",
             type(value).__name__, error=TypeError)
        need(not self.needs or value.dtype.is_floating_point, "data set to a tensor that requires gradients "
             "must be floating point or complex dtype\nConvert it first.")
        self.array = plain(value)

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Add d(self)/d(leaf) to `.grad` of every leaf it was made from (Tensor.backward)."""
        autograd.backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self):
        """The same memory and version, outside the graph (Tensor.detach)."""
        out = wrap(plain(self))
        out.view_of = INFERENCE if self.view_of is INFERENCE else None
        return out

    def is_inference(self):
        """Was it made in inference mode? (Tensor.is_inference)"""
        return self.view_of is INFERENCE

    def detach_(self):
        """Leave the graph and become a leaf (Tensor.detach_). Raises RuntimeError for views."""
        need(self.view_of is None or self.view_of[0] is None, "Can't detach views in-place. Use detach() "
             "instead. If you are using DistributedDataParallel (DDP) for training, and "
             "gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
             "detach_() cannot be called on these gradients. To fix this error, please refer to the "
             "Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution.\nUse detach().")
        self.node, self.needs = None, False
        return self

    def retain_grad(self):
        """Keep `.grad` although this is no leaf (Tensor.retain_grad)."""
        fresh_node(self)
        need(self.requires_grad, "can't retain_grad on Tensor that has requires_grad=False\n"
             "Call requires_grad_() first.")
        if self.node is None or self.retains_grad:
            return
        self.extras = {**(self.extras or {}), "retains": True}
        keeper = weakref.ref(self)

        def keep(g):
            tensor = keeper()
            if tensor is not None:
                array = g.clone() if g.needs else wrap(owned_array(plain(g), False, g.array))
                tensor.gradient = array if tensor.gradient is None else tensor.gradient + array
        own_hooks(self.node).keep = keep

    def register_hook(self, hook):
        """Call `hook(grad)` with the gradient that arrives here; what it returns replaces it
        (Tensor.register_hook).

        Returns a handle whose `remove()` takes the hook out again.
        """
        self._check_hookable()
        return add_hook(self.node or self, "tensor", hook)

    def register_post_accumulate_grad_hook(self, hook):
        """Call `hook(self)` each time the gradient of this leaf was added to its `.grad`
        (Tensor.register_post_accumulate_grad_hook). Returns a handle."""
        self._check_hookable()
        need(self.node is None, "post accumulate grad hooks cannot be registered on non-leaf tensors\n"
             "Use register_hook.")
        return add_hook(self, "accumulated", hook)

    def _check_hookable(self):
        fresh_node(self)
        need(self.requires_grad, "cannot register a hook on a tensor that doesn't require gradient\n"
             "Call requires_grad_() first.")


def _grad_fn(tensor):
    node = fresh_node(tensor)
    return node.edges[0] if node is not None and node.op is None else node
