"""Tensor: what a person holds. Its methods are one line each and call the ops."""
import numpy as np

from . import dtypes, linalg, printing
from .backends.arrays import address, host, place_of
from .device import available, device, device_of, strided
from .differentiable import Differentiable
from .engine.core import RemovableHandle as RemovableHandle
from .engine.core import TensorBase, new, plain, register_tensor, wrap
from .engine.op import REGISTRY, binary
from .once import warn_once
from .ops import arrange_public as ap
from .ops import elementary_public as ep
from .ops import index_public as ip
from .ops import pick_public as pk
from .ops import pieces_public as pc
from .ops import pointwise as p
from .ops import product_public as pp
from .ops import public as f
from .ops import reduce_public as rp
from .ops import shape_public as s
from .ops import sort_public as so
from .ops import statistics_public as st
from .ops.arguments import dim_of, need_tensor
from .ops.create import NEW, legacy_shape, to_array
from .ops.inplace_public import METHODS
from .ops.kinds import Dtype, Int, is_number, need_kind, type_name
from .ops.node_names import renamed
from .ops.signature import as_method, need, refuse
from .random import C_NAMES
from .size import Size


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
class Tensor(Differentiable):
    """An n-dimensional array that can remember how it was made (torch.Tensor).

    Made by `minigrad.tensor`, `zeros`, `randn`, ...; `Tensor(2, 3)` and `Tensor([1, 2])` are torch's old
    constructor and give float32. With `requires_grad=True` the operations on it are recorded, and
    `backward()` fills `.grad`.
    """
    __slots__ = ()
    _prefix = "tensor("                         # of its text; that of a subclass's has the class's name

    def __new__(cls, *data):
        return _legacy(cls, data, dtypes.get_default_dtype().numpy)

    # What it is ---------------------------------------------------------------------------------------------

    shape = property(lambda self: tuple.__new__(Size, self.array.shape), doc="The sizes, as a Size.")
    device = property(lambda self: device_of(self.array), doc="Where the elements are.")
    ndim = property(lambda self: self.array.ndim, doc="The number of dimensions.")
    is_cuda = property(lambda self: place_of(self.array) == "cuda", doc="Are the elements on a GPU?")
    itemsize = property(lambda self: self.array.itemsize, doc="Bytes per element.")
    nbytes = property(lambda self: self.array.nbytes, doc="Bytes of all elements.")
    layout = property(lambda self: strided, doc="How the elements lie in memory.")
    mT = property(lambda self: _swapped(self, "mT"), doc="The last two dimensions swapped.")
    mH = property(lambda self: _swapped(self, "mH"), doc="As mT, of real numbers.")
    H = property(lambda self: _swapped(self, "H"), doc="The transpose of a matrix of real numbers.")

    @property
    def T(self):
        """All dimensions reversed (Tensor.T); torch warns unless there are two."""
        if self.ndim != 2:
            warn_once("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
                      if not self.ndim else
                      "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
                      "deprecated and it will throw an error in a future release. Consider `x.mT` to "
                      "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
                      "reverse the dimensions of a tensor.", stacklevel=2)
        return s.permute(self, tuple(range(self.ndim))[::-1])

    def size(self, dim=None):
        """All sizes, or that of one dimension (Tensor.size)."""
        return self.shape if dim is None else self.array.shape[self._place("size", dim)]

    def _place(self, name, dim):
        return dim_of(need_kind(Int, name, dim, "dim", 1), self)

    def dim(self):
        """The number of dimensions (Tensor.dim)."""
        return self.array.ndim

    ndimension = dim

    def element_size(self):
        """Bytes per element (Tensor.element_size)."""
        return self.array.itemsize

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
        return address(plain(self))

    # Out of tensors -----------------------------------------------------------------------------------------

    def item(self):
        """The only element as a Python number (Tensor.item). Raises RuntimeError for any other count."""
        need(self.array.size == 1, "a Tensor with {} elements cannot be converted to Scalar\n"
             "Index one element, or use tolist().", self.array.size)
        return host(self.array).item()

    def tolist(self):
        """The elements as nested lists of Python numbers (Tensor.tolist)."""
        return host(self.array).tolist()

    def numpy(self, *, force=False):
        """The elements as an ndarray on the same memory (Tensor.numpy). Raises RuntimeError where a gradient
        is needed, unless `force`."""
        need(force or place_of(self.array) == "cpu", "can't convert {} device type tensor to numpy. Use "
             "Tensor.cpu() to copy the tensor to host memory first.\nOr pass force=True.", self.device,
             error=TypeError)
        need(force or not self.needs, "Can't call numpy() on Tensor that requires grad. Use "
             "tensor.detach().numpy() instead.\nThe array would change without the graph's knowledge.")
        return host(plain(self))

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
        need(not self.needs, "Can't export tensors that require gradient, use tensor.detach()\n"
             "The memory would change without the graph's knowledge.", error=BufferError)
        return plain(self).__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self):
        """(device type, device number) as DLPack counts them (Tensor.__dlpack_device__)."""
        return plain(self).__dlpack_device__()

    def _single(self, convert):
        need(self.array.size == 1, "only one element tensors can be converted to Python scalars\n"
             "Index one element.", error=ValueError)
        return convert(host(self.array).item())

    def __bool__(self):
        need(self.array.size, "Boolean value of Tensor with no values is ambiguous\nTest numel() instead.")
        need(self.array.size == 1, "Boolean value of Tensor with more than one value is ambiguous\n"
             "Use .any() or .all().")
        return bool(host(self.array).item())

    def __float__(self):
        if self.requires_grad:
            warn_once("Converting a tensor with requires_grad=True to a scalar may lead to unexpected "
                      "behavior.\nConsider using tensor.detach() first.", stacklevel=2)
        return self._single(float)

    __int__ = lambda self: self._single(int)        # noqa: E731
    __hash__ = object.__hash__

    def __index__(self):
        need(self.array.size == 1 and self.array.dtype.kind != "f", "only integer tensors of a single "
             "element can be converted to an index\nConvert it with .long(), or index one element.",
             error=TypeError)
        return int(host(self.array).item())

    def __len__(self):
        need(self.array.ndim, "len() of a 0-d tensor\nUse numel() for the number of elements.",
             error=TypeError)
        return self.array.shape[0]

    def __iter__(self):
        need(self.array.ndim, "iteration over a 0-d tensor\nUse item() for its value.", error=TypeError)
        return iter(s.unbind(self, 0))

    def __contains__(self, element):
        need(isinstance(element, Tensor) or is_number(element), "Tensor.__contains__ only supports Tensor or "
             "scalar, but you passed in a {}.\nPass a number.", type(element))
        return bool((self == element).any())

    def __repr__(self, *, tensor_contents=None):
        kind = type(self)
        try:
            node = None if self.grad_fn is None else type(self.grad_fn).__name__
        except RuntimeError:                    # a view that cannot follow a write of its memory
            node = "Invalid"
        return printing.tensor_text(
            host(plain(self)), dtype_name=self.dtype.name, default_dtype_name=dtypes.get_default_dtype().name,
            device=str(self.device), requires_grad=self.requires_grad,
            grad_fn_name=node, prefix=vars(kind).get("_prefix", f"{kind.__name__}("))

    def _repr_html_(self):
        from .notebook import tensor_html
        return tensor_html(self)

    def __format__(self, spec):
        return printing.format_value(host(plain(self)), spec, self.__repr__, type(self).__name__)

    def __deepcopy__(self, memo):
        need(self.node is None, "Only Tensors created explicitly by the user (graph leaves) support the "
             "deepcopy protocol at the moment.  If you were attempting to deepcopy a module, this may be "
             "because of a torch.nn.utils.weight_norm usage, see "
             "https://github.com/pytorch/pytorch/pull/103001\nDetach it first.")
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
    __rsub__ = _reflected(lambda number, self: renamed(f.sub(number, self), "RsubBackward1"))
    __rtruediv__ = _reflected(lambda number, self: f.reciprocal(self) * number)     # torch's, to the bit
    __pow__ = _arithmetic(f.pow)
    __rpow__ = _reflected(lambda number, self: renamed(f.pow(number, self), "PowBackward2"))
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
    __lshift__, __rlshift__ = _arithmetic(f.bitwise_left_shift), _reflected(f.bitwise_left_shift)
    __rshift__, __rrshift__ = _arithmetic(f.bitwise_right_shift), _reflected(f.bitwise_right_shift)
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
        need(self.array.dtype.kind in "biu", "~ (operator.invert) is only implemented on integer and "
             "Boolean-type tensors\nCompare it with something first.", error=TypeError)
        return f.bitwise_not(self)

    # Shape --------------------------------------------------------------------------------------------------

    def contiguous(self, memory_format=None):
        """The tensor itself if row-major, else a copy that is (Tensor.contiguous)."""
        return self if self.is_contiguous() else p.contiguous(self)

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
            if isinstance(argument, Tensor):
                dtype, device = argument.dtype, argument.device
            elif _names_dtype(argument):
                dtype = argument
            elif isinstance(argument, (str, int, _device)) and not isinstance(argument, bool):
                device = argument
            elif not isinstance(argument, bool) and argument is not None:
                refuse("to", argument)
        place = place_of(self.array) if device is None else available(device).type
        wanted = self.array.dtype if dtype is None else Dtype.convert(dtype).numpy
        if place != place_of(self.array):
            return p.to(self, dtype=wanted, place=place)
        if wanted == self.array.dtype:
            return p.clone(self) if copy else self
        return p.to(self, dtype=wanted)

    def cpu(self, memory_format=None):
        """On the CPU: the tensor itself if it is there (Tensor.cpu)."""
        return self.to("cpu")

    def bfloat16(self, memory_format=None):
        """As bfloat16 (Tensor.bfloat16). Raises NotImplementedError without the package ml_dtypes."""
        return self.to(dtypes.bfloat16)

    def cuda(self, device=None, non_blocking=False, memory_format=None):
        """On a GPU (Tensor.cuda). Raises RuntimeError where there is none."""
        return self.to("cuda" if device is None else device)

    def type(self, dtype=None, non_blocking=False):
        """torch's type name ('torch.FloatTensor'), or the tensor converted to a dtype or such a type
        (Tensor.type)."""
        if dtype is None:
            return f"torch.{'cuda.' * self.is_cuda}{self.dtype.legacy_name}Tensor"
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
        return self.to(need_tensor("type_as", other, "other").dtype)

    def __dir__(self):
        return sorted(set(super().__dir__()))


_device = device


def _names_dtype(value):
    """A dtype, or the Python type that stands for one."""
    return isinstance(value, dtypes.dtype) or value is float or value is int or value is bool


def _swapped(tensor, name):
    ndim = tensor.array.ndim
    if not ndim:                                # torch warns that this is deprecated
        said = "This function is the identity in these cases." if name == "mT" else "Consider using x.conj()."
        warn_once(f"Tensor.{name} is deprecated on 0-D tensors. {said}", stacklevel=3)
        return tensor
    need(name != "H" or ndim == 2, "tensor.H is only supported on matrices (2-D tensors). Got {}-D "
         "tensor.{}\nUse mT.", ndim, " For batches of matrices, consider using tensor.mH" * (ndim > 2))
    need(ndim > 1, "tensor.{} is only supported on matrices or batches of matrices. Got {}-D tensor.\n"
         "Unsqueeze it first.", name, ndim)
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
            need(value.array.dtype == kind or cls is not None, f"expected {_OPTIONS} (got {_OPTIONS})\n"
                 "Convert it with .to(dtype).", C_NAMES[kind.name], C_NAMES[value.array.dtype.name],
                 error=TypeError)
            return _become(new(cls or Tensor), p.alias(value))      # the same memory, in the same graph
        array = to_array(value, kind)
    else:
        array = np.empty(legacy_shape(*data) if data else (0,), kind)
    return _become(new(cls or Tensor), wrap(array))


_OPTIONS = ("TensorOptions(dtype={}, device=cpu, layout=Strided, requires_grad=false (default), "
            "pinned_memory=false (default), memory_format=(nullopt))")


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

# All public functions are methods, too, but for these, which torch has as functions only, or which have a
# method of their own above.
_FUNCTIONS = set("""where norm split cat concat concatenate stack hstack vstack dstack row_stack column_stack
    block_diag atleast_1d atleast_2d atleast_3d cartesian_prod combinations meshgrid broadcast_tensors
    broadcast_shapes tril_indices triu_indices searchsorted bucketize isin var_mean std_mean trapezoid trapz
    cumulative_trapezoid einsum tensordot cdist spmm""".split())
for _module in (f, rp, s, ip, ep, so, ap, pc, pk, st, pp):
    for _name in _module.__all__:
        if _name not in _FUNCTIONS:
            setattr(Tensor, _name, as_method(getattr(_module, _name)))
for _function in (s.view, s.expand, ap.repeat, ap.unfold, *linalg.TOP.values()):
    setattr(Tensor, _function.__name__, as_method(_function))


def _shaped_as(change):
    name = f"{change.__name__}_as"

    def method(self, other):
        return change(self, need_tensor(name, other, "other").array.shape)
    method.__doc__ = f"{change.__name__} to the shape of `other` (Tensor.{change.__name__}_as)."
    return method


for _change in (s.view, s.reshape, s.expand):
    setattr(Tensor, f"{_change.__name__}_as", _shaped_as(_change))


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
for _name, _method in {**METHODS, **NEW, "nelement": as_method(f.numel)}.items():
    setattr(Tensor, _name, _method)
