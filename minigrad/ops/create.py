"""Making tensors: from data, filled, counted, and drawn (torch's creation functions)."""
import itertools
import math
import warnings

import numpy as np

from .. import dtypes, random
from ..backends.arrays import cupy_room, moved, place_of
from ..box_muller import fma
from ..device import default
from ..engine.core import TensorBase, plain, wrap
from ..engine.errors import check_broadcast
from ..once import warn_once
from .arguments import FLOATS, INTS, cast, dtype_of, fitting, need_kernel
from .kinds import Int, Number, Operand, Sizes, Tensor, is_number, type_name
from .node_names import renamed
from .pointwise import to, touching
from .signature import need, refuse, torch_function, torch_method


def _finish(array, requires_grad, device=None):
    made = wrap(moved(array, (device or default[0]).type))
    need(not requires_grad or made.dtype.is_floating_point, "Only Tensors of floating point and complex "
         "dtype can require gradients\nGive a floating point dtype.")
    made.needs = requires_grad
    return made


def _place_of(data):
    """The device of a tensor, to copy; None for other data."""
    return data.device if isinstance(data, TensorBase) else None


def _kind(dtype, default=None):
    """The NumPy dtype that a new tensor gets."""
    return (dtype or default or dtypes.get_default_dtype()).numpy


# From data --------------------------------------------------------------------------------------------------

_PLAIN = {float: None, int: dtypes.int64, bool: dtypes.bool}    # floats: whatever the default dtype is


def _is_sequence(data):
    """Something to open: a list, a tuple, a range, an array, ...; tensors in a list count as numbers."""
    kind = type(data)
    return kind is list or kind is tuple or (hasattr(kind, "__len__") and hasattr(kind, "__getitem__") and
                                             not issubclass(kind, (dict, str, bytes, np.generic, TensorBase)))


def _shape_of(data):
    """The shape that the first elements of nested sequences promise."""
    shape, part = [], data
    while _is_sequence(part):
        shape.append(len(part))
        part = part[0] if len(part) else None
    if isinstance(part, str) and shape:
        raise ValueError("too many dimensions 'str'\nPass numbers.")
    return shape


def _flat(data, shape, dim=0):
    """The elements of nested sequences, in order. Raises torch's ValueError where lengths differ."""
    if not _is_sequence(data):
        raise TypeError("not a sequence\nNested sequences must all be of one depth.")
    if len(data) != shape[dim]:
        raise ValueError(f"expected sequence of length {shape[dim]} at dim {dim} (got {len(data)})\n"
                         "Nested sequences must have one length per dimension.")
    if dim == len(shape) - 1:
        return data
    return list(itertools.chain.from_iterable([_flat(part, shape, dim + 1) for part in data]))


def _dtype_of_kind(kind, element):
    """The dtype that an element of a sequence asks for. Raises torch's errors for what is no number."""
    if issubclass(kind, (np.number, np.bool_)):
        return dtypes.from_numpy(np.dtype(kind))
    if issubclass(kind, (int, float)):
        return _PLAIN.get(kind) or (dtypes.int64 if issubclass(kind, int) else dtypes.get_default_dtype())
    if issubclass(kind, complex):
        raise NotImplementedError("complex numbers are not supported.\nUse real numbers.")
    if issubclass(kind, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type_name(element)}'\nPass numbers.")
    raise RuntimeError(f"Could not infer dtype of {kind.__name__}\n"
                       "Pass numbers, sequences, arrays or tensors.")


def _convert(array, dtype):
    """Python's numbers in `dtype`. Raises torch's RuntimeError where integers do not hold them; negative ones
    that fit in magnitude wrap into unsigned types, as in C."""
    if dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        least = limits.min if dtype.kind == "i" or array.dtype.kind == "f" else -limits.max
        # 2^63 itself is no int64, but is what the largest one becomes as a float
        if not (array.min() >= least and array.max() <= limits.max) or \
                array.dtype.kind == "f" and array.max() >= 2.0**63:
            raise RuntimeError(f"value cannot be converted to type {dtype} without overflow\n"
                               "Use a wider dtype.")
    return array.astype(dtype, copy=False)


def to_array(data, dtype=None):
    """Data of any kind as an ndarray of its own, with torch's choice of dtype. Raises torch's errors."""
    if isinstance(data, (TensorBase, np.ndarray)):
        array = plain(data) if isinstance(data, TensorBase) else _checked(data)
        return array.astype(dtype or array.dtype, order="C" if 0 in array.strides else "K")
    shape = _shape_of(data)
    if shape and shape[0] and isinstance(data[0], np.ndarray):
        warn_once("Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider "
                  "converting the list to a single numpy.ndarray with numpy.array() before converting to a "
                  "tensor.", stacklevel=4)
    if len(shape) > 1 and isinstance(data[0], np.ndarray) and len({np.shape(part) for part in data}) == 1:
        return to_array(np.array(data), dtype)
    elements = _flat(data, shape) if shape else [data]
    common = None
    for kind, element in {type(e): e for e in elements}.items():
        if issubclass(kind, TensorBase):        # tensors of one element count as numbers of their dtypes
            found = [e for e in elements if isinstance(e, kind)]
            for tensor in found:
                common = tensor.dtype if common is None else dtypes.promote(common, tensor.dtype)
            convert = float if common.is_floating_point else lambda e: e.__index__()
            elements = [convert(e) if isinstance(e, kind) else e for e in elements]
        elif _is_sequence(element):
            whole = common is None or not common.is_floating_point
            want = "cannot be interpreted as an integer" if whole else ""
            raise TypeError((f"'{kind.__name__}' object {want}" if want else
                             f"must be real number, not {kind.__name__}") + "\n"
                                                                            "Nest all elements equally deep.")
        else:
            found = _dtype_of_kind(kind, element)
            common = found if common is None else dtypes.promote(common, found)
    common = common or dtypes.get_default_dtype()
    try:
        array = np.array(elements, np.float64 if common.is_floating_point else np.int64)
    except OverflowError:
        if dtype is None or dtype.kind != "f":
            raise ValueError("Overflow when unpacking long long\nUse integers that fit in 64 bits.") from None
        array = np.array(elements, np.float64)
    return _convert(array.reshape(shape), dtype or common.numpy)


_COPIES = ("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
           "sourceTensor.detach().clone().requires_grad_(True), rather than {}(sourceTensor).")


@torch_function
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of its own from numbers, nested sequences, an ndarray or tensors (torch.tensor).

    Python floats become the default dtype, integers int64; arrays keep theirs. Raises ValueError for ragged
    nesting, TypeError for text.
    """
    if isinstance(data, TensorBase):
        warnings.warn(_COPIES.format("torch.tensor"), UserWarning, stacklevel=3)
    return _finish(to_array(data, dtype and dtype.numpy), requires_grad, device or _place_of(data))


@torch_method
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of its own from data, in this dtype (Tensor.new_tensor)."""
    if isinstance(data, TensorBase):
        warnings.warn(_COPIES.format("tensor.new_tensor"), UserWarning, stacklevel=3)
    return _finish(to_array(data, _kind(dtype, self.dtype)), requires_grad, device or self.device)


@torch_function
def as_tensor(data, dtype=None, device=None):
    """A tensor that shares memory with an ndarray or is the tensor given, where the dtype allows
    (torch.as_tensor)."""
    shared = from_numpy(data) if isinstance(data, np.ndarray) else data
    if not isinstance(shared, TensorBase):
        return tensor(data, dtype=dtype, device=device)
    kind, array = _kind(dtype, dtype_of(shared)), getattr(shared, "array", None)
    if device is not None and device.type != place_of(array):
        return to(shared, dtype=kind, place=device.type)
    return cast(shared, kind)


def _checked(ndarray):
    """An ndarray whose elements a tensor can hold as they are. Raises torch's errors."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type_name(ndarray)})\n"
                        "Use minigrad.tensor(...) for other data.")
    if not ndarray.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion "
                         "between byte orders is currently not supported.\n"
                         "Convert it with .astype(a.dtype.newbyteorder('=')).")
    dtypes.from_numpy(ndarray.dtype)
    if any(stride < 0 for stride in ndarray.strides):
        raise ValueError("At least one stride in the given numpy array is negative, and tensors with "
                         "negative strides are not currently supported. (You can probably work around this "
                         "by making a copy of your array  with array.copy().) \n"
                         "Or use np.ascontiguousarray(a).")
    return ndarray


def from_numpy(ndarray):
    """A tensor on the same memory as `ndarray` (torch.from_numpy). Raises TypeError for other objects and
    dtypes, ValueError for negative strides."""
    if not _checked(ndarray).flags.writeable:
        warn_once("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. "
                  "This means writing to this tensor will result in undefined behavior. You may want to copy "
                  "the array to protect its data or make it writable before converting it to a tensor. This "
                  "type of warning will be suppressed for the rest of this program.", stacklevel=2)
    return wrap(np.asarray(ndarray))


# Filled, drawn, counted -------------------------------------------------------------------------------------

def _like(array, make):
    """What `make(shape)` gives in C order, laid out as torch's `empty_like` is: dense, in the order of
    memory."""
    strides = None if array.flags.c_contiguous else array.strides
    return random.in_memory_order(make(array.shape), array.shape, strides)


def _made_like(input, dtype, device, requires_grad, make):
    """A tensor of what `make(shape, NumPy's dtype, device)` gives, these `input`'s unless said otherwise."""
    kind, place = _kind(dtype, input.dtype), device or input.device
    return _finish(_like(plain(input), lambda shape: make(shape, kind, place)), requires_grad, place)


def _shape(name, size):
    """The sizes of a new tensor. Raises torch's RuntimeErrors for negative ones."""
    for n in size:
        need(n >= 0, "zeros: Dimension size must be non-negative.\nSizes are non-negative." if name == "zeros"
             else "Trying to create tensor with negative dimension {}: {}\nSizes are non-negative.", n, size)
    return size


def _named(decorate, function, name, text):
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"A tensor {text} (torch.{name})."
    return decorate(function)


def _legacy(size: Sizes):
    return _shape("new", size)


legacy_shape = _named(torch_function, _legacy, "new", "shape, as the old constructors take it")


def _family(name, text):
    """torch's three ways: `name(sizes)`, `name_like(tensor)` and `tensor.new_name(sizes)`."""
    def make(shape, kind, place):
        return getattr(np if place.type == "cpu" else cupy_room(), name)(shape, kind)

    def function(size: Sizes, *, out=None, dtype=None, layout=None, device=None, pin_memory=False,
                 requires_grad=False):
        return _finish(make(_shape(name, size), _kind(dtype), device or default[0]), requires_grad, device)

    def like(input: Tensor, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None,
             pin_memory=False):
        return _made_like(input, dtype, device, requires_grad, make)

    def new(self, size: Sizes, *, dtype=None, layout=None, device=None, pin_memory=False,
            requires_grad=False):
        place = device or self.device
        array = make(_shape(f"new_{name}", size), _kind(dtype, self.dtype), place)
        return _finish(array, requires_grad, place)
    return (_named(torch_function, function, name, f"{text}, of the sizes given"),
            _named(torch_function, like, f"{name}_like", f"{text}, like `input`"),
            _named(torch_method, new, f"new_{name}", f"{text}, of the sizes given and this dtype"))


zeros, zeros_like, new_zeros = _family("zeros", "of zeros")
ones, ones_like, new_ones = _family("ones", "of ones")
empty, empty_like, new_empty = _family("empty", "of whatever is in memory")


def _filled(name, shape, value, dtype, default=None):
    kind = _kind(dtype, default or {bool: dtypes.bool, int: dtypes.int64}.get(type(value)))
    return np.full(_shape(name, shape), fitting(value, dtypes.from_numpy(kind)), kind)


@torch_function
def full(size: Sizes, fill_value: Number, *, out=None, names=None, dtype=None, layout=None, device=None,
         requires_grad=False, pin_memory=False):
    """A tensor of `size` filled with a number, whose type gives the dtype (torch.full)."""
    return _finish(_filled("full", size, fill_value, dtype), requires_grad, device)


@torch_function
def full_like(input: Tensor, fill_value: Number, *, dtype=None, layout=None, device=None, requires_grad=False,
              memory_format=None, pin_memory=False):
    """A tensor like `input` filled with a number (torch.full_like)."""
    array = _like(plain(input), lambda shape: _filled("full_like", shape, fill_value, dtype, input.dtype))
    return _finish(array, requires_grad, device or input.device)


@torch_method
def new_full(self, size: Sizes, fill_value: Number, *, dtype=None, layout=None, device=None, pin_memory=False,
             requires_grad=False):
    """A tensor of `size` and this dtype filled with a number (Tensor.new_full)."""
    return _finish(_filled("new_full", size, fill_value, dtype, self.dtype), requires_grad,
                   device or self.device)


NEW = {f.__name__: f for f in (new_zeros, new_ones, new_empty, new_full, new_tensor)}


def _stream(generator, device):
    return random.stream(generator, (device or default[0]).type)


def _drawn(name, draw, text):
    text = f"{text}; the stream is torch's, to the bit"

    def function(size: Sizes, *, generator=None, out=None, dtype=None, layout=None, device=None,
                 requires_grad=False, pin_memory=False):
        array = draw(_stream(generator, device), _shape(name, size), _kind(dtype), True)
        return _finish(array, requires_grad, device)

    def like(input: Tensor, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False,
             memory_format=None, pin_memory=False):
        dense = _like(plain(input), lambda shape: np.empty(shape, bool)).flags.c_contiguous
        return _made_like(input, dtype, device, requires_grad, lambda shape, kind, place:
                          draw(_stream(generator, place), shape, kind, dense))
    return (_named(torch_function, function, name, text),
            _named(torch_function, like, f"{name}_like", f"like `input`, {text}"))


rand, rand_like = _drawn("rand", lambda g, shape, kind, dense: random.uniform(g, shape, kind),
                         "drawn from [0, 1)")
randn, randn_like = _drawn("randn", lambda g, shape, kind, dense:
                           random.normal(g, shape, kind, contiguous=dense),
                           "drawn from the standard normal distribution")


@torch_function
def normal(mean: Operand, std: Operand = 1.0, size: Sizes = None, *, generator=None, out=None, dtype=None,
           layout=None, device=None, pin_memory=False, requires_grad=False):
    """Drawn from normal distributions: of two numbers in `size`, or one per element where `mean` or `std` is
    a tensor; torch's stream, to the bit (torch.normal)."""
    tensors = [v for v in (mean, std) if not is_number(v)]
    if not tensors:
        if size is None:
            refuse("normal", mean, std)
        return _finish(random.normal(_stream(generator, device), _shape("normal", size), _kind(dtype), mean,
                                     std), requires_grad, device)
    mean, std = [plain(v) if isinstance(v, TensorBase) else v for v in (mean, std)]
    need(not np.any(std < 0),
         "normal expects all elements of std >= 0.0\nUse standard deviations of 0 or more.")
    check_broadcast(np.shape(mean), np.shape(std))
    kind = tensors[0].dtype.numpy
    place = tensors[0].device
    array = random.normal(_stream(generator, place), np.broadcast_shapes(np.shape(mean), np.shape(std)), kind)
    drawn = _finish((array * std + mean).astype(kind, copy=False), False, place)
    form = 3 if len(tensors) == 2 else 2 if is_number(mean) else 1
    return drawn_from(drawn, *tensors, node=f"NormalBackward{form}")


def drawn_from(sample, *tensors, node):
    """A sample in the graph of the tensors that it depends on, where its gradient is 0."""
    for x in tensors:
        sample = touching(sample, cast(x, sample.array.dtype))
    return renamed(sample, node)


@torch_function
def randint(low: Int = 0, high: Int | Sizes = None, size: Sizes = None, *, generator=None, out=None,
            dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Integers from [low, high): `randint(high, size)` or `randint(low, high, size)` (torch.randint)."""
    if high is None:
        refuse("randint", low)
    if size is None:
        low, high, size = 0, low, high
    need(type(size) is tuple, "randint(): argument 'size' (position 2) must be tuple of ints, not {}\n"
         "Pass a tuple.", type_name(size), error=TypeError)
    shape, kind = _shape("randint", size), _kind(dtype, dtypes.int64)
    return _finish(random.integers(_stream(generator, device), low, high, shape, kind), requires_grad, device)


@torch_function
def randint_like(input: Tensor, low: Int = 0, high: Int = None, *, generator=None, dtype=None, layout=None,
                 device=None, requires_grad=False, memory_format=None, pin_memory=False):
    """Integers from [low, high) in a tensor like `input` (torch.randint_like)."""
    if high is None:
        low, high = 0, low
    return _made_like(input, dtype, device, requires_grad, lambda shape, kind, place:
                      random.integers(_stream(generator, place), low, high, shape, kind))


@torch_function
def randperm(n: Int, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """The integers 0 to n − 1 in random order (torch.randperm)."""
    array = random.permutation(_stream(generator, device), n, _kind(dtype, dtypes.int64))
    return _finish(array, requires_grad, device)


@torch_function
def arange(start: Number = None, end: Number = None, step: Number = 1, *, out=None, dtype=None, layout=None,
           device=None, requires_grad=False, pin_memory=False):
    """start (0), start + step, ... below end; int64 where all are integers (torch.arange).

    Raises RuntimeError for a zero step and for bounds on the wrong side.
    """
    if end is None and start is None:
        refuse("arange")
    if end is None or start is None:
        start, end = 0, start if end is None else end
    whole = all(isinstance(n, int) for n in (start, end, step))
    kind = _kind(dtype, dtypes.int64 if whole else None)
    need_kernel("arange_cpu", dtypes.from_numpy(kind), INTS + FLOATS)
    need(step != 0, "step must be nonzero\nUse linspace for a fixed number of points.")
    need(math.isfinite(start) and math.isfinite(end), "unsupported range: {} -> {}\nGive finite bounds.",
         start, end)
    need((end - start) * step >= 0, "upper bound and lower bound inconsistent with step sign\n"
         "Give a step towards the end.")
    if kind == np.int64:
        start, end, step = int(start), int(end), int(step)
        count = -(-(end - start) // step)
    else:
        count = math.ceil((end - start) / step)
    if kind.kind != "f":
        start, step = int(start), int(step)
        return _finish((start + step * np.arange(count)).astype(kind), requires_grad, device)
    return _finish(_steps(float(start), float(step), count, kind), requires_grad, device)


def _steps(start, step, count, kind):
    """start + i · step, rounded as torch's kernel does: it counts blocks of the length of its vectors from
    their rounded first numbers, pairs of blocks, then the rest one by one, and fuses multiplication and
    addition."""
    place, lanes = np.arange(count, dtype=np.float64), 32 // kind.itemsize
    first = fma(place // lanes * lanes, step, start).astype(kind).astype(np.float64)
    values = fma(place % lanes, step, first)
    rest = slice(count - count % (2 * lanes), None)
    values[rest] = fma(place[rest], step, start)
    return values.astype(kind)


def _points(name, start, end, steps, kind, compute):
    """`steps` numbers from start to end, both included, as torch computes them."""
    for argument, bound in (("start", start), ("end", end)):
        if not is_number(bound):
            need(not bound.ndim, "{} only supports 0-dimensional start and end tensors, but got {} with {} "
                 "dimension(s).\nPass numbers.", name, argument, bound.ndim)
    start, end = [n if is_number(n) else n.item() for n in (start, end)]
    need(steps >= 0, "number of steps must be non-negative\nAsk for at least one point.")
    need_kernel(f"{name}_cpu", dtypes.from_numpy(kind), INTS + FLOATS)
    start, end = [compute(kind.type(n) if kind.kind == "f" else n) for n in (start, end)]
    gap, place = (end - start) / compute(max(steps - 1, 1)), np.arange(steps).astype(compute)
    back = (steps - 1 - np.arange(steps)).astype(compute)
    # From both ends towards the middle, as torch counts (fused but in half precision): the ends are exact.
    rising, falling = (start + gap * place, end - gap * back) if kind.itemsize == 2 else \
        (fma(place, gap, start), fma(back, -gap, end))
    return np.where((place < steps // 2) | (steps == 1), rising, falling)


@torch_function
def linspace(start: Operand, end: Operand, steps: Int, *, out=None, dtype=None, layout=None, device=None,
             requires_grad=False, pin_memory=False):
    """`steps` points from start to end, both included (torch.linspace)."""
    kind = _kind(dtype)
    compute = kind.type if kind.kind == "f" else np.float64     # integers are cut off at the end
    points = _points("linspace", start, end, steps, kind, compute)
    return _finish(points.astype(kind), requires_grad, device)


@torch_function
def logspace(start: Operand, end: Operand, steps: Int, base: Number = 10.0, *, out=None, dtype=None,
             layout=None, device=None, requires_grad=False, pin_memory=False):
    """`base` to the power of `steps` points from start to end, both included (torch.logspace)."""
    kind = _kind(dtype)
    powers = np.float64(base) ** _points("logspace", start, end, steps, kind, np.float64)
    return _finish(powers.astype(kind), requires_grad, device)


@torch_function
def eye(n: Int, m: Int = None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
        pin_memory=False):
    """The n × m matrix with ones on its diagonal (torch.eye)."""
    for name, size in (("n", n), ("m", n if m is None else m)):
        need(size >= 0, "{} must be greater or equal to 0, got {}\nSizes are non-negative.", name, size)
    return _finish(np.eye(n, m, dtype=_kind(dtype)), requires_grad, device)
