"""Tensor: what a person holds. Its methods are one line each and call the ops."""
import weakref

import numpy as np

from . import dtypes, printing
from .device import CPU, available, device
from .engine import backward as autograd
from .engine.core import (
    UNTRACKED,
    TensorBase,
    add_hook,
    new,
    own_hooks,
    plain,
    register_tensor,
    version,
    wrap,
)
from .engine.core import (
    RemovableHandle as RemovableHandle,
)
from .engine.op import REGISTRY, binary
from .engine.views import fresh_node
from .engine.walk import owned_array
from .ops import index_public as ip
from .ops import pointwise as p
from .ops import public as f
from .ops import reduce_public as rp
from .ops import shape_public as s
from .ops.arguments import need_tensor
from .ops.create import NEW, legacy_shape, to_array
from .ops.inplace_public import METHODS
from .ops.signature import Dtype, Int, as_method, is_number, need_kind, refuse, type_name
from .random import C_NAMES


class Size(tuple):
    """A tensor's sizes, as `torch.Size`: a tuple with `numel()`."""

    def __new__(cls, iterable=()):
        made = tuple.__new__(cls, iterable)
        for place, size in enumerate(made):
            if not hasattr(size, "__index__"):
                raise TypeError(f"torch.Size() takes an iterable of 'int' (item {place} is "
                                f"'{type_name(size)}')\nSizes are ints.")
        return made

    def __repr__(self):
        return f"torch.Size({list(self)})"

    def numel(self):
        """The number of elements of a tensor of this size."""
        total = 1
        for size in self:
            total *= size
        return total

    def __getitem__(self, key):
        found = tuple.__getitem__(self, key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other):
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type_name(other)}) to torch.Size\n"
                            "Pass a tuple.")
        return Size(tuple.__add__(self, other))

    def __radd__(self, other):
        return Size(tuple.__add__(other, self))

    def __mul__(self, times):
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__


def _operator(name, otherwise=None, arrays=True):
    return binary(REGISTRY[name], otherwise, arrays)


_matmul = s.matmul.__wrapped__


def _compare(name):
    call = binary(REGISTRY[name])

    def method(self, other):
        return NotImplemented if other is None else call(self, other)
    return method


def _arithmetic(function):
    def method(self, other):
        known = is_number(other) or isinstance(other, TensorBase)
        return function(self, other) if known else NotImplemented
    return method


def _reflected(function):
    def method(self, other):
        return function(other, self) if is_number(other) else NotImplemented
    return method


@register_tensor
class Tensor(TensorBase):
    """An n-dimensional array that can remember how it was made (torch.Tensor).

    Made by `minigrad.tensor`, `zeros`, `randn`, ...; `Tensor(2, 3)` and `Tensor([1, 2])` are torch's old
    constructor and give float32. With `requires_grad=True` the operations on it are recorded, and
    `backward()` fills `.grad`.
    """
    __slots__ = ()

    def __new__(cls, *data):
        return _legacy(cls, data, np.dtype(np.float32))

    # What it is ---------------------------------------------------------------------------------------------

    shape = property(lambda self: tuple.__new__(Size, self.array.shape), doc="The sizes, as a Size.")
    dtype = property(lambda self: dtypes.from_numpy(self.array.dtype), doc="The element type.")
    device = property(lambda self: CPU, doc="Where the elements are.")
    ndim = property(lambda self: self.array.ndim, doc="The number of dimensions.")
    is_cuda = property(lambda self: False, doc="Are the elements on a GPU?")
    is_leaf = property(lambda self: fresh_node(self) is None, doc="Was it made by a user rather than by a "
                                                                  "recorded op?")
    grad_fn = property(lambda self: _grad_fn(self), doc="The node that made it, None for a leaf.")
    _version = property(version, doc="How often it was written in place.")
    itemsize = property(lambda self: self.array.itemsize, doc="Bytes per element.")
    nbytes = property(lambda self: self.array.nbytes, doc="Bytes of all elements.")
    mT = property(lambda self: _swapped(self), doc="The last two dimensions swapped.")
    retains_grad = property(lambda self: bool(self.extras and self.extras.get("retains")),
                            doc="Does a non-leaf keep its .grad?")

    @property
    def T(self):
        """All dimensions reversed (Tensor.T); torch warns unless there are two."""
        if self.ndim != 2:
            import warnings
            warnings.warn("Tensor.T is deprecated on 0-D tensors. This function is the identity in these "
                          "cases."
                          if not self.ndim else
                          "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
                          "deprecated and it will throw an error in a future release. Consider `x.mT` to "
                          "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` "
                          "to reverse the dimensions of a tensor.", UserWarning, stacklevel=2)
        return s.permute(self, tuple(range(self.ndim))[::-1])

    def size(self, dim=None):
        """All sizes, or that of one dimension (Tensor.size)."""
        return self.shape if dim is None else self.array.shape[self._place("size", dim)]

    def _place(self, name, dim):
        dim = need_kind(Int, name, dim, "dim", 1)
        if not self.array.ndim:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions\nIt has no sizes.")
        return s.wrap_dim(dim, self.array.ndim)

    def dim(self):
        """The number of dimensions (Tensor.dim)."""
        return self.array.ndim

    def numel(self):
        """The number of elements (Tensor.numel)."""
        return self.array.size

    ndimension, nelement = dim, numel

    def element_size(self):
        """Bytes per element (Tensor.element_size)."""
        return self.array.itemsize

    def is_floating_point(self):
        """Is the dtype a floating point one (Tensor.is_floating_point)."""
        return self.dtype.is_floating_point

    def is_contiguous(self, memory_format=None):
        """Is the memory row-major (Tensor.is_contiguous)."""
        return plain(self).flags.c_contiguous

    def stride(self, dim=None):
        """Elements to skip for one step along each dimension, or along one (Tensor.stride)."""
        array, size = plain(self), self.array.itemsize
        strides = [step // size for step in array.strides]
        for k in range(array.ndim - 1, -1, -1): # NumPy gives a dimension that None has made a stride of 0
            if array.shape[k] == 1 and not strides[k]:
                strides[k] = array.shape[k + 1] * strides[k + 1] if k + 1 < array.ndim else 1
        strides = tuple(strides)
        return strides if dim is None else strides[self._place("stride", dim)]

    def data_ptr(self):
        """The address of the first element (Tensor.data_ptr)."""
        return plain(self).ctypes.data

    # The graph ----------------------------------------------------------------------------------------------

    @property
    def requires_grad(self):
        """Are operations on it recorded? Settable on leaves of floating point dtype."""
        fresh_node(self)
        return self.needs

    @requires_grad.setter
    def requires_grad(self, value):
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool\nAssign True or False.")
        if self.node is not None and not value:
            raise RuntimeError("you can only change requires_grad flags of leaf variables. If you want to "
                               "use a computed variable in a subgraph that doesn't require differentiation "
                               "use var_no_grad = var.detach().\nThis tensor was made by an operation.")
        if value and not self.dtype.is_floating_point:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients\n"
                               "Convert it first, for example with .float().")
        self.needs = value

    def requires_grad_(self, requires_grad=True):
        """Set requires_grad and return the tensor (Tensor.requires_grad_)."""
        if requires_grad and not self.dtype.is_floating_point:
            raise RuntimeError("only Tensors of floating point dtype can require gradients\n"
                               "Convert it first, for example with .float().")
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self):
        """What `backward` has summed for this leaf, None before it."""
        if self.node is not None and not self.retains_grad:
            import warnings
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
            if not isinstance(value, Tensor):
                raise TypeError("assigned grad expected to be a Tensor or None but got grad of type "
                                f"{type(value).__name__}\nAssign a tensor of the same shape and dtype.")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad\nAssign a clone.")
            if value.array.dtype != self.array.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{C_NAMES[value.array.dtype.name]}' to a "
                    f"tensor with grad_dtype '{self.dtype.legacy_name}'. The gradient must match the "
                    "tensor's grad_dtype (defaults to the tensor's dtype). You can set the tensor's "
                    "grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype "
                    "with caution. Diverging the dtypes of a tensor and its gradient may break downstream "
                    "systems that assume they match.\nThere is no grad_dtype here: convert the gradient.")
            if value.array.shape != self.array.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                    f"'{list(self.shape)}'. Please ensure that the gradient and the tensor are the same "
                    "size\nReshape it.")
        self.gradient = value

    @grad.deleter
    def grad(self):
        self.gradient = None

    @property
    def data(self):
        """The same memory without the graph; assigning swaps the memory under the tensor's identity."""
        out = wrap(plain(self))
        out.view_of = UNTRACKED
        return out

    @data.setter
    def data(self, value):
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}\n"
                            "Assign a tensor.")
        if self.needs and not value.dtype.is_floating_point:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or "
                               "complex dtype\nConvert it first.")
        self.array = plain(value)

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """Add d(self)/d(leaf) to `.grad` of every leaf it was made from (Tensor.backward)."""
        autograd.backward((self,), (gradient,), retain_graph, create_graph, inputs)

    def detach(self):
        """The same memory and version, outside the graph (Tensor.detach)."""
        return wrap(plain(self))

    def detach_(self):
        """Leave the graph and become a leaf (Tensor.detach_). Raises RuntimeError for views."""
        if self.view_of is not None and self.view_of[0] is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel "
                "(DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP "
                "buckets, and hence detach_() cannot be called on these gradients. To fix this error, please "
                "refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution.\n"
                "Use detach().")
        self.node, self.needs = None, False
        return self

    def retain_grad(self):
        """Keep `.grad` although this is no leaf (Tensor.retain_grad)."""
        if not self.needs:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False\n"
                               "Call requires_grad_() first.")
        if self.node is None or self.retains_grad:
            return
        self.extras = {**(self.extras or {}), "retains": True}
        keeper = weakref.ref(self)

        def keep(g):
            tensor = keeper()
            if tensor is not None:
                array = wrap(owned_array(plain(g), False, g.array)) if not g.needs else g
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
        if self.node is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors\n"
                               "Use register_hook.")
        return add_hook(self, "accumulated", hook)

    def _check_hookable(self):
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient\n"
                               "Call requires_grad_() first.")

    # Out of tensors -----------------------------------------------------------------------------------------

    def item(self):
        """The only element as a Python number (Tensor.item). Raises RuntimeError for any other count."""
        if self.array.size != 1:
            raise RuntimeError(f"a Tensor with {self.array.size} elements cannot be converted to Scalar\n"
                               "Index one element, or use tolist().")
        return self.array.item()

    def tolist(self):
        """The elements as nested lists of Python numbers (Tensor.tolist)."""
        return self.array.tolist()

    def numpy(self, *, force=False):
        """The elements as an ndarray on the same memory (Tensor.numpy). Raises RuntimeError where a gradient
        is needed, unless `force`."""
        if self.needs and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                               "instead.\nThe array would change without the graph's knowledge.")
        return plain(self)

    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        if dtype is not None and np.dtype(dtype) != array.dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return wrap(array)                      # what NumPy's functions make of tensors are tensors again

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        """The memory for other libraries, `torch.from_dlpack(x)` or `np.from_dlpack(x)` (Tensor.__dlpack__).
        Raises BufferError where a gradient is needed."""
        if self.needs:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()\n"
                              "The memory would change without the graph's knowledge.")
        return plain(self).__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self):
        """(device type, device number) as DLPack counts them (Tensor.__dlpack_device__)."""
        return plain(self).__dlpack_device__()

    def _single(self, convert):
        if self.array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars\n"
                             "Index one element.")
        return convert(self.array.item())

    def __bool__(self):
        if self.array.size != 1:
            raise RuntimeError("Boolean value of Tensor with no values is ambiguous\nTest numel() instead."
                               if not self.array.size else
                               "Boolean value of Tensor with more than one value is ambiguous\n"
                               "Use .any() or .all().")
        return bool(self.array.item())

    def __float__(self):
        if self.requires_grad:
            import warnings
            warnings.warn("Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
                          "behavior.\nConsider using tensor.detach() first.", UserWarning, stacklevel=2)
        return self._single(float)

    __int__ = lambda self: self._single(int)        # noqa: E731
    __hash__ = object.__hash__

    def __index__(self):
        if self.array.size != 1 or self.array.dtype.kind == "f":
            raise TypeError("only integer tensors of a single element can be converted to an index\n"
                            "Convert it with .long(), or index one element.")
        return int(self.array.item())

    def __len__(self):
        if not self.array.ndim:
            raise TypeError("len() of a 0-d tensor\nUse numel() for the number of elements.")
        return self.array.shape[0]

    def __iter__(self):
        if not self.array.ndim:
            raise TypeError("iteration over a 0-d tensor\nUse item() for its value.")
        return iter(s.unbind(self, 0))

    def __contains__(self, element):
        if not isinstance(element, Tensor) and not is_number(element):
            raise RuntimeError("Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                               f"{type(element)}.\nPass a number.")
        return bool((self == element).any())

    def __repr__(self, *, tensor_contents=None):
        node = self.grad_fn
        return printing.tensor_text(plain(self), dtype_name=self.dtype.name,
                                    default_dtype_name=dtypes.get_default_dtype().name,
                                    requires_grad=self.needs,
                                    grad_fn_name=None if node is None else type(node).__name__)

    def __format__(self, spec):
        return printing.format_value(plain(self), spec, self.__repr__, type(self).__name__)

    def __deepcopy__(self, memo):
        if self.node is not None:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
                "the moment.  If you were attempting to deepcopy a module, this may be because of a "
                "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001\n"
                "Detach it first.")
        out = new(type(self))
        memo[id(self)] = out
        _become(out, wrap(plain(self).copy(order="K"), self.needs))
        out.gradient = None if self.gradient is None else self.gradient.__deepcopy__(memo)
        return out

    def __reduce__(self):
        return _rebuild, (type(self), plain(self), self.needs)

    # Operators ----------------------------------------------------------------------------------------------

    __add__, __radd__ = _operator("add"), _operator("add", arrays=False)
    __mul__, __rmul__ = _operator("mul"), _operator("mul", arrays=False)
    __sub__ = _operator("sub", f.sub)
    __truediv__ = _operator("div")
    __rsub__ = _reflected(f.sub)
    __rtruediv__ = _reflected(f.div)
    __pow__ = _arithmetic(f.pow)
    __rpow__ = _reflected(f.pow)
    __neg__ = lambda self: f.neg(self)                          # noqa: E731
    __pos__ = lambda self: self                                 # noqa: E731
    __abs__ = lambda self: f.abs(self)                          # noqa: E731
    __matmul__ = lambda self, other: (_matmul(self, other) if isinstance(other, TensorBase)     # noqa: E731
                                      else NotImplemented)
    __eq__, __ne__ = _compare("eq"), _compare("ne")
    __lt__, __le__, __gt__, __ge__ = _compare("lt"), _compare("le"), _compare("gt"), _compare("ge")
    __and__ = __rand__ = _arithmetic(f.bitwise_and)
    __or__ = __ror__ = _arithmetic(f.bitwise_or)
    __xor__ = __rxor__ = _arithmetic(f.bitwise_xor)
    __floordiv__, __rfloordiv__ = _arithmetic(f.floor_divide), _reflected(f.floor_divide)
    __mod__, __rmod__ = _arithmetic(f.remainder), _reflected(f.remainder)
    __iadd__ = lambda self, other: self.add_(other)             # noqa: E731
    __isub__ = lambda self, other: self.sub_(other)             # noqa: E731
    __imul__ = lambda self, other: self.mul_(other)             # noqa: E731
    __itruediv__ = lambda self, other: self.div_(other)         # noqa: E731
    __ipow__ = lambda self, other: self.pow_(other)             # noqa: E731
    __ifloordiv__ = lambda self, other: self.floor_divide_(other)           # noqa: E731
    __imod__ = lambda self, other: self.remainder_(other)       # noqa: E731
    __getitem__, __setitem__ = ip.getitem, ip.setitem

    def __delitem__(self, index):
        raise TypeError("Tensor does not support deleting items\nIndex what to keep.")

    def __invert__(self):
        if self.array.dtype.kind not in "biu":
            raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors\n"
                            "Compare it with something first.")
        return f.bitwise_not(self)

    # Shape --------------------------------------------------------------------------------------------------

    def view_as(self, other):
        """A view in the shape of `other` (Tensor.view_as)."""
        return s.view(self, other.array.shape)

    def reshape_as(self, other):
        """reshape to the shape of `other` (Tensor.reshape_as)."""
        return s.reshape(self, other.array.shape)

    def expand_as(self, other):
        """expand to the shape of `other` (Tensor.expand_as)."""
        return s.expand(self, other.array.shape)

    def contiguous(self, memory_format=None):
        """The tensor itself if row-major, else a copy that is (Tensor.contiguous)."""
        return self if self.is_contiguous() else p.contiguous(self)

    def clone(self, *, memory_format=None):
        """A copy, recorded (Tensor.clone)."""
        return p.clone(self)

    def where(self, condition, other):
        """self where condition holds, else other (Tensor.where)."""
        return f.where(condition, self, other)

    def split(self, split_size, dim=0):
        """See minigrad.split (Tensor.split)."""
        return s.split(self, split_size, dim)

    def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
        """See minigrad.norm (Tensor.norm)."""
        return rp.norm(self, p, dim, keepdim, dtype=dtype)

    # Conversion ---------------------------------------------------------------------------------------------

    def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
        """In another dtype or on another device; the tensor itself where nothing changes (Tensor.to).

        `to(dtype)`, `to(device)`, `to(device, dtype)` or `to(other tensor)`.
        """
        if dtype is not None and not _names_dtype(dtype):
            refuse("to", *args, dtype=dtype)
        for argument in args:
            if isinstance(argument, TensorBase):
                dtype = argument.dtype
            elif _names_dtype(argument):
                dtype = argument
            elif isinstance(argument, (str, int, _device)) and not isinstance(argument, bool):
                device = argument
            elif not isinstance(argument, bool) and argument is not None:
                refuse("to", argument)
        available(device)
        wanted = self.array.dtype if dtype is None else Dtype.convert(dtype).numpy
        if wanted == self.array.dtype:
            return p.clone(self) if copy else self
        return p.to(self, dtype=wanted)

    def cpu(self, memory_format=None):
        """On the CPU: the tensor itself if it is there (Tensor.cpu)."""
        return self

    def cuda(self, device=None, non_blocking=False, memory_format=None):
        """On a GPU (Tensor.cuda). Raises RuntimeError where there is none."""
        return self.to("cuda")

    def type(self, dtype=None, non_blocking=False):
        """torch's type name ('torch.FloatTensor'), or the tensor converted to a dtype or such a type
        (Tensor.type)."""
        if dtype is None:
            return f"torch.{self.dtype.legacy_name}Tensor"
        for d in dtypes.ALL:
            name = f"{d.legacy_name}Tensor"
            if dtype is d or dtype is LEGACY[name] or dtype == f"torch.{name}":
                return self.to(d)
        name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", dtype)
        raise ValueError(f"invalid type: '{name}'\nPass a dtype such as minigrad.float64.")

    def new(self, *data, device=None):
        """torch's old way to make a tensor of this dtype: sizes, or data to copy (Tensor.new)."""
        available(device)
        return _legacy(None, data, self.array.dtype)

    def type_as(self, other):
        """In the dtype of `other` (Tensor.type_as)."""
        need_tensor("type_as", other, "other")
        return self.to(other.dtype)

    def __dir__(self):
        return sorted(set(super().__dir__()))


_device = device


def _names_dtype(value):
    """A dtype, or the Python type that stands for one."""
    return isinstance(value, dtypes.dtype) or value is float or value is int or value is bool


def _grad_fn(tensor):
    node = fresh_node(tensor)
    return node.edges[0] if node is not None and node.op is None else node


def _swapped(tensor):
    if tensor.ndim < 2:
        raise RuntimeError("tensor.mT is only supported on matrices or batches of matrices. Got "
                           f"{tensor.ndim}-D tensor.\nUnsqueeze it first.")
    return s.transpose(tensor, -2, -1)


def _become(tensor, other):
    """Take over what `other` holds, in place of a constructor."""
    for slot in ("array", "needs", "node", "gradient", "view_of", "extras"):
        setattr(tensor, slot, getattr(other, slot))
    return tensor


def _rebuild(cls, array, needs):
    return _become(new(cls), wrap(array, needs))


def _legacy(cls, data, kind):
    """torch's old constructors: sizes, or data to copy."""
    value = data[0] if len(data) == 1 else None
    if len(data) == 1 and not isinstance(value, (Size, int, np.integer)) or type(value) is bool:
        if value is None or is_number(value):
            raise TypeError(f"new(): data must be a sequence (got {type_name(value)})\n"
                            "Use minigrad.tensor(number).")
        if isinstance(value, TensorBase):       # of another dtype only where the class is not asked for one
            if value.array.dtype != kind and cls is None:
                raise TypeError(f"expected a tensor of {dtypes.from_numpy(kind)} (got one of {value.dtype})\n"
                                "Convert it with .to(dtype).")
            kind = value.array.dtype
        array = to_array(value, kind)
    else:
        array = np.empty(legacy_shape(*data) if data else (0,), kind)
    return _become(new(cls or Tensor), wrap(array))


class _Legacy(type):
    """The metaclass of FloatTensor and its kin: `isinstance(x, LongTensor)` asks for the dtype."""

    def __instancecheck__(cls, value):
        return isinstance(value, Tensor) and value.dtype is cls.dtype

    def __call__(cls, *data):
        return _legacy(None, data, cls.dtype.numpy)


def _legacy_class(d):
    text = f"torch's old name for a {d.name} tensor: sizes or data; for `isinstance` and `.type()` too."
    return _Legacy(f"{d.legacy_name}Tensor", (), {"dtype": d, "__doc__": text})


LEGACY = {f"{d.legacy_name}Tensor": _legacy_class(d) for d in dtypes.ALL}

_METHODS = {
    f: """add sub subtract mul multiply div divide true_divide floor_divide remainder pow exp log
        sqrt rsqrt sin cos tanh erf sigmoid reciprocal abs absolute neg negative sign relu isnan
        isinf isfinite logical_not floor ceil round eq ne lt le gt ge not_equal less less_equal
        greater greater_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor
        bitwise_not maximum minimum clamp clip masked_fill""",
    rp: """sum mean var std prod max min amax amin argmax argmin any all logsumexp softmax log_softmax""",
    s: """view reshape permute flatten transpose t squeeze unsqueeze expand chunk unbind tril triu mm bmm dot
        mv matmul""",
    ip: "gather scatter_add index_select nonzero",
}
for _module, _names in _METHODS.items():
    for _name in _names.split():
        setattr(Tensor, _name, as_method(getattr(_module, _name)))


def _converter(d):
    def method(self, memory_format=None):
        return self.to(d)
    method.__doc__ = f"As {d.name} (Tensor.{d.name})."
    return method


_CONVERSIONS = {"float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16,
                "long": dtypes.int64, "int": dtypes.int32, "short": dtypes.int16,
                "char": dtypes.int8, "byte": dtypes.uint8,
                "bool": dtypes.bool}
for _name, _d in _CONVERSIONS.items():
    setattr(Tensor, _name, _converter(_d))
for _name, _method in {**METHODS, **NEW}.items():
    setattr(Tensor, _name, _method)
