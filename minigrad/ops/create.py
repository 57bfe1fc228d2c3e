"""Making tensors: from data, filled, counted, and drawn (torch's creation functions)."""
import itertools
import math
import warnings

import numpy as np

from .. import dtypes, random
from ..box_muller import fma
from ..device import available
from ..engine.core import TensorBase, plain, wrap
from ..engine.errors import check_broadcast
from .arguments import (
    as_dtype,
    fitting,
    into,
    need_int,
    need_number,
    need_tensor,
    one_sizes_of,
    refuse,
    sizes_of,
    type_name,
)


def _finish(name, array, requires_grad, device=None, out=None):
    available(device)
    into(out, None)
    if requires_grad is not True and requires_grad is not False:
        raise TypeError(f"{name}(): argument 'requires_grad' must be bool, not {type_name(requires_grad)}\n"
                        "Pass True or False.")
    made = wrap(array)
    if requires_grad and not made.dtype.is_floating_point:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients\n"
                           "Give a floating point dtype.")
    made.needs = requires_grad
    return made


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
        warnings.warn("Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider "
                      "converting the list to a single numpy.ndarray with numpy.array() before converting to "
                      "a tensor.", UserWarning, stacklevel=3)
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


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of its own from numbers, nested sequences, an ndarray or tensors (torch.tensor).

    Python floats become the default dtype, integers int64; arrays keep theirs. Raises ValueError for ragged
    nesting, TypeError for text.
    """
    if isinstance(data, TensorBase):
        warnings.warn("To copy construct from a tensor, it is recommended to use "
                      "sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True), "
                      "rather than torch.tensor(sourceTensor).", UserWarning, stacklevel=2)
    wanted = None if dtype is None else as_dtype("tensor", dtype)
    return _finish("tensor", to_array(data, wanted), requires_grad, device)


def as_tensor(data, dtype=None, device=None):
    """A tensor that shares memory with an ndarray or is the tensor given, where the dtype allows
    (torch.as_tensor)."""
    if isinstance(data, np.ndarray):
        data = from_numpy(data)
    if not isinstance(data, TensorBase):
        return tensor(data, dtype=dtype, device=device)
    available(device)
    return data if dtype is None else data.to(dtypes.from_numpy(as_dtype("as_tensor", dtype)))


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
        warnings.warn("The given NumPy array is not writable, and PyTorch does not support non-writable "
                      "tensors. This means writing to this tensor will result in undefined behavior. You may "
                      "want to copy the array to protect its data or make it writable before converting it "
                      "to a tensor. This type of warning will be suppressed for the rest of this program.",
                      UserWarning, stacklevel=2)
    return wrap(np.asarray(ndarray))


# Filled, drawn, counted -------------------------------------------------------------------------------------

def _like(array, make):
    """What `make(shape)` gives in C order, laid out as torch's `empty_like` is: dense, in the order of
    memory."""
    strides = None if array.flags.c_contiguous else array.strides
    return random.in_memory_order(make(array.shape), array.shape, strides)


def _family(name, make, text):
    """torch's three ways: `name(sizes)`, `name_like(tensor)` and `tensor.new_name(sizes)`."""
    def function(*sizes, size=None, out=None, dtype=None, layout=None, device=None, pin_memory=False,
                 requires_grad=False):
        shape = shape_of(name, sizes, size)
        return _finish(name, make(shape, as_dtype(name, dtype)), requires_grad, device, out)

    def like(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None,
             pin_memory=False):
        need_tensor(f"{name}_like", input)
        wanted = as_dtype(f"{name}_like", dtype, input.dtype)
        array = _like(plain(input), lambda shape: make(shape, wanted))
        return _finish(f"{name}_like", array, requires_grad, device)

    def new(self, *sizes, size=None, dtype=None, layout=None, device=None, pin_memory=False,
            requires_grad=False):
        label = f"new_{name}"
        shape = shape_of(label, sizes, size)
        return _finish(label, make(shape, as_dtype(label, dtype, self.dtype)), requires_grad, device)
    return _named((function, name, f"{text}, of the sizes given"), (like, f"{name}_like", f"{text}, like "
                                                                                          "`input`"),
                  (new, f"new_{name}", f"{text}, of the sizes given and this dtype"))


def _named(*made):
    for function, name, text in made:
        function.__name__ = function.__qualname__ = name
        function.__doc__ = f"A tensor {text} (torch.{name})."
    return [function for function, _, _ in made]


def shape_of(name, sizes, size=None):
    """The sizes of a new tensor, given as numbers, as a sequence, or by name. Raises torch's errors."""
    if size is not None:
        if sizes:
            raise TypeError(f"{name}() got multiple values for argument 'size'\nPass the sizes once.")
        if not isinstance(size, (tuple, list)):
            raise TypeError(f"{name}(): argument 'size' must be tuple of ints, not {type_name(size)}\n"
                            "Pass a tuple.")
        sizes = (size,)
    shape = sizes_of(name, "size", sizes)
    for n in shape:
        if n < 0:
            raise RuntimeError(("zeros: Dimension size must be non-negative." if name == "zeros" else
                                f"Trying to create tensor with negative dimension {n}: {list(shape)}") +
                               "\nSizes are non-negative.")
    return shape


def _one_shape(name, size, position=1):
    """As `shape_of`, where the sizes come as one sequence."""
    return shape_of(name, (one_sizes_of(name, "size", size, position),))


zeros, zeros_like, new_zeros = _family("zeros", np.zeros, "of zeros")
ones, ones_like, new_ones = _family("ones", np.ones, "of ones")
empty, empty_like, new_empty = _family("empty", np.empty, "of whatever is in memory")


def _filled(name, shape, fill_value, dtype, default=None):
    value = need_number(name, fill_value, "fill_value", 2)
    default = default or {bool: dtypes.bool, int: dtypes.int64}.get(type(value))
    kind = as_dtype(name, dtype, default)
    return np.full(shape, fitting(value, dtypes.from_numpy(kind)), kind)


def full(size, fill_value, *, out=None, names=None, dtype=None, layout=None, device=None, requires_grad=False,
         pin_memory=False):
    """A tensor of `size` filled with a number, whose type gives the dtype (torch.full)."""
    return _finish("full", _filled("full", _one_shape("full", size), fill_value, dtype), requires_grad,
                   device, out)


def full_like(input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False,
              memory_format=None, pin_memory=False):
    """A tensor like `input` filled with a number (torch.full_like)."""
    need_tensor("full_like", input)
    array = _like(plain(input), lambda shape: _filled("full_like", shape, fill_value, dtype, input.dtype))
    return _finish("full_like", array, requires_grad, device)


def new_full(self, size, fill_value, *, dtype=None, layout=None, device=None, pin_memory=False,
             requires_grad=False):
    """A tensor of `size` and this dtype filled with a number (Tensor.new_full)."""
    shape = _one_shape("new_full", size)
    return _finish("new_full", _filled("new_full", shape, fill_value, dtype, self.dtype), requires_grad,
                   device)


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of its own from data, in this dtype (Tensor.new_tensor)."""
    if isinstance(data, TensorBase):
        warnings.warn("To copy construct from a tensor, it is recommended to use "
                      "sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True), "
                      "rather than tensor.new_tensor(sourceTensor).", UserWarning, stacklevel=2)
    return _finish("new_tensor", to_array(data, as_dtype("new_tensor", dtype, self.dtype)), requires_grad,
                   device)


NEW = {f.__name__: f for f in (new_zeros, new_ones, new_empty, new_full, new_tensor)}


def _drawn(name, draw, text):
    def function(*sizes, size=None, generator=None, out=None, dtype=None, layout=None, device=None,
                 requires_grad=False, pin_memory=False):
        shape, kind = shape_of(name, sizes, size), as_dtype(name, dtype)
        array = draw(generator or random.default_generator, shape, kind, True)
        return _finish(name, array, requires_grad, device, out)

    def like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False,
             memory_format=None, pin_memory=False):
        need_tensor(f"{name}_like", input)
        kind, dense = as_dtype(f"{name}_like", dtype, input.dtype), input.is_contiguous()
        array = _like(plain(input),
                      lambda shape: draw(generator or random.default_generator, shape, kind, dense))
        return _finish(f"{name}_like", array, requires_grad, device)
    return _named((function, name, f"{text}; the stream is torch's, to the bit"),
                  (like, f"{name}_like", f"like `input`, {text}; the stream is torch's, to the bit"))


rand, rand_like = _drawn("rand", lambda g, shape, kind, dense: random.uniform(g, shape, kind), "drawn from "
                                                                                               "[0, 1)")
randn, randn_like = _drawn("randn",
                           lambda g, shape, kind, dense: random.normal(g, shape, kind, contiguous=dense),
                           "drawn from the standard normal distribution")


def normal(mean, std=1.0, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None,
           pin_memory=False, requires_grad=False):
    """Drawn from normal distributions: of two numbers in `size`, or one per element where `mean` or `std` is
    a tensor; torch's stream, to the bit (torch.normal)."""
    generator, tensors = generator or random.default_generator, [
        v for v in (mean, std) if isinstance(v, TensorBase)]
    if not tensors:
        if size is None:
            refuse("normal", mean, std)
        array = random.normal(generator, _one_shape("normal", size, 3), as_dtype("normal", dtype), mean, std)
        return _finish("normal", array, requires_grad, device, out)
    mean, std = [plain(v) if isinstance(v, TensorBase) else v for v in (mean, std)]
    if np.any(np.asarray(std) < 0):
        raise RuntimeError("normal expects all elements of std >= 0.0\nUse standard deviations of 0 or more.")
    check_broadcast(np.shape(mean), np.shape(std))
    array = random.normal(generator, np.broadcast_shapes(np.shape(mean), np.shape(std)),
                          tensors[0].array.dtype)
    return _finish("normal", (array * std + mean).astype(array.dtype, copy=False), False, device, out)


def randint(low=0, high=None, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None,
            requires_grad=False, pin_memory=False):
    """Integers from [low, high): `randint(high, size)` or `randint(low, high, size)` (torch.randint)."""
    if high is None:
        refuse("randint", low)
    if size is None:
        low, high, size, position = 0, low, high, 2
    else:
        position = 3
    low, high = need_int("randint", low, "low", 1), need_int("randint", high, "high", position - 1)
    shape, kind = _one_shape("randint", size, position), as_dtype("randint", dtype, dtypes.int64)
    array = random.integers(generator or random.default_generator, low, high, shape, kind)
    return _finish("randint", array, requires_grad, device, out)


def randint_like(input, low=0, high=None, *, generator=None, dtype=None, layout=None, device=None,
                 requires_grad=False, memory_format=None, pin_memory=False):
    """Integers from [low, high) in a tensor like `input` (torch.randint_like)."""
    need_tensor("randint_like", input)
    if high is None:
        low, high = 0, low
    kind = as_dtype("randint_like", dtype, input.dtype)
    array = _like(plain(input),
                  lambda shape: random.integers(generator or random.default_generator, low, high, shape,
                                                kind))
    return _finish("randint_like", array, requires_grad, device)


def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """The integers 0 to n − 1 in random order (torch.randperm)."""
    n, kind = need_int("randperm", n, "n", 1), as_dtype("randperm", dtype, dtypes.int64)
    array = random.permutation(generator or random.default_generator, n, kind)
    return _finish("randperm", array, requires_grad, device, out)


def _not_bool(name, kind):
    if kind == np.bool_:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'\nUse a number type.")


def arange(start=None, end=None, step=1, *, out=None, dtype=None, layout=None, device=None,
           requires_grad=False,
           pin_memory=False):
    """start (0), start + step, ... below end; int64 where all are integers (torch.arange).

    Raises RuntimeError for a zero step and for bounds on the wrong side.
    """
    if end is None and start is None:
        refuse("arange")
    if end is None or start is None:
        start, end = 0, need_number("arange", start if end is None else end, "end", 1)
    try:
        start, end, step = [need_number("arange", n, "end", 1) for n in (start, end, step)]
    except TypeError:
        refuse("arange", start, end, *([] if step == 1 else [step]))
    whole = all(isinstance(n, int) for n in (start, end, step))
    kind = as_dtype("arange", dtype, dtypes.int64 if whole else None)
    _not_bool("arange", kind)
    if step == 0:
        raise RuntimeError("step must be nonzero\nUse linspace for a fixed number of points.")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}\nGive finite bounds.")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign\n"
                           "Give a step towards the end.")
    if kind == np.int64:
        start, end, step = int(start), int(end), int(step)
        count = -(-(end - start) // step)
    else:
        count = math.ceil((end - start) / step)
    if kind.kind != "f":
        start, step = int(start), int(step)
        return _finish("arange", (start + step * np.arange(count)).astype(kind), requires_grad, device, out)
    return _finish("arange", _steps(float(start), float(step), count, kind), requires_grad, device, out)


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


def linspace(start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """`steps` points from start to end, both included (torch.linspace)."""
    for name, bound in (("start", start), ("end", end)):
        if isinstance(bound, TensorBase) and bound.array.ndim:
            raise RuntimeError(f"linspace only supports 0-dimensional start and end tensors, but got {name} "
                               f"with {bound.array.ndim} dimension(s).\nPass numbers.")
    try:
        start, end = need_number("linspace", start, "start", 1), need_number("linspace", end, "end", 2)
        steps = need_int("linspace", steps, "steps", 3)
    except TypeError:
        refuse("linspace", start, end, steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative\nAsk for at least one point.")
    kind = as_dtype("linspace", dtype)
    _not_bool("linspace", kind)
    compute = kind.type if kind.kind == "f" else np.float64     # integers: cut off at the end
    start, end = compute(start), compute(end)
    gap, place = (end - start) / compute(max(steps - 1, 1)), np.arange(steps).astype(compute)
    back = (steps - 1 - np.arange(steps)).astype(compute)
    # From both ends towards the middle, as torch counts (fused but in half precision): the ends are exact.
    rising, falling = (start + gap * place, end - gap * back) if kind.itemsize == 2 else \
        (fma(place, gap, start), fma(back, -gap, end))
    values = np.where((place < steps // 2) | (steps == 1), rising, falling)
    return _finish("linspace", values.astype(kind), requires_grad, device, out)


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The n × m matrix with ones on its diagonal (torch.eye)."""
    if m is not None and not hasattr(m, "__index__"):
        refuse("eye", n, m)
    n = need_int("eye", n, "n", 1)
    for name, size in (("n", n), ("m", n if m is None else m)):
        if size < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {size}\nSizes are non-negative.")
    return _finish("eye", np.eye(n, m, dtype=as_dtype("eye", dtype)), requires_grad, device, out)
