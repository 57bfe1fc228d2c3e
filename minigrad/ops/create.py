"""Making tensors: from data, filled, counted, and drawn (torch's creation functions)."""
import math
import warnings

import numpy as np

from .. import dtypes, random
from ..device import available
from ..engine.core import TensorBase, plain, wrap
from .arguments import into
from .shape_public import sizes_of


def _dtype(name, dtype, default=None):
    """The NumPy dtype asked for. Raises torch's TypeError for what is no dtype."""
    if dtype is None:
        return (default or dtypes.get_default_dtype()).numpy
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}\n"
                        "Pass one such as minigrad.float32.")
    return dtype.numpy


def _finish(array, requires_grad, device=None, out=None):
    available(device)
    into(out, None)
    out = wrap(array)
    if requires_grad and not out.dtype.is_floating_point:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients\n"
                           "Give a floating point dtype.")
    return out.requires_grad_() if requires_grad else out


# From data --------------------------------------------------------------------------------------------------

def _bare(data):
    """Nested data with every tensor in it replaced by its array."""
    if isinstance(data, TensorBase):
        return plain(data)
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], (list, tuple, TensorBase)):
        return [_bare(part) for part in data]
    return data


def _ragged(data, dim=0):
    """Raises torch's ValueError that names where nested sequences differ in length."""
    if isinstance(data, (list, tuple)) and data:
        sizes = [len(part) if isinstance(part, (list, tuple)) else None for part in data]
        for size in sizes:
            if size != sizes[0]:
                raise ValueError(f"expected sequence of length {sizes[0]} at dim {dim + 1} (got {size})\n"
                                 "Nested lists must have one length per dimension.")
        for part in data:
            _ragged(part, dim + 1)


def _leaf(data):
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def to_array(data, dtype=None):
    """Data of any kind as an ndarray of its own, with torch's choice of dtype. Raises torch's errors."""
    leaf = _leaf(data)
    if isinstance(leaf, str):
        raise TypeError("new(): invalid data type 'str'\nPass numbers." if leaf is data else
                        "too many dimensions 'str'\nPass numbers.")
    if leaf is None or not (isinstance(leaf,
                                       (bool, int, float, complex, list, tuple, np.generic, np.ndarray,
                                        TensorBase))
                            or hasattr(leaf, "__array__") or hasattr(leaf, "__len__")):
        raise RuntimeError(f"Could not infer dtype of {type(leaf).__name__}\n"
                           "Pass numbers, sequences, arrays or tensors.")
    try:
        array = np.array(_bare(data))
    except ValueError:
        _ragged(data)
        raise RuntimeError(f"Could not infer dtype of {type(leaf).__name__}\n"
                           "Pass numbers of one kind.") from None
    if array.dtype == object:
        if any(isinstance(part, int) for part in array.flat):
            raise RuntimeError("Overflow when unpacking long long\nUse integers that fit in 64 bits.")
        raise RuntimeError(f"Could not infer dtype of {type(leaf).__name__}\n"
                           "Pass numbers, sequences, arrays or tensors.")
    if dtype is None and array.dtype.kind == "f" and isinstance(leaf, (int, float, list, tuple)) \
            and not isinstance(leaf, np.generic):
        dtype = dtypes.get_default_dtype().numpy
    if dtype is None:
        dtypes.from_numpy(array.dtype)          # refuses what tensors cannot hold
        dtype = array.dtype.newbyteorder("=")
    return array.astype(dtype, copy=False)


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of its own from numbers, nested sequences, an ndarray or tensors (torch.tensor).

    Python floats become the default dtype, integers int64; arrays keep theirs. Raises ValueError for ragged
    nesting, TypeError for text.
    """
    if isinstance(data, TensorBase):
        warnings.warn("To copy construct from a tensor, it is recommended to use "
                      "sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True), "
                      "rather than torch.tensor(sourceTensor).",
                      UserWarning, stacklevel=2)
    return _finish(to_array(data, None if dtype is None else _dtype("tensor", dtype)), requires_grad, device)


def as_tensor(data, dtype=None, device=None):
    """A tensor that shares memory with an ndarray or is the tensor given, where the dtype allows
    (torch.as_tensor)."""
    if isinstance(data, TensorBase):
        return data.to(dtype) if dtype is not None else data
    if isinstance(data, np.ndarray) and (dtype is None or dtype.numpy == data.dtype):
        return from_numpy(data)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(ndarray):
    """A tensor on the same memory as `ndarray` (torch.from_numpy). Raises TypeError for other objects and
    dtypes, ValueError for negative strides."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})\n"
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
    if not ndarray.flags.writeable:
        warnings.warn("The given NumPy array is not writable, and PyTorch does not support non-writable "
                      "tensors. Writing to this tensor is undefined: copy the array "
                      "first.", UserWarning, stacklevel=2)
    return wrap(np.asarray(ndarray))


# Filled and counted -----------------------------------------------------------------------------------------

def _filled(name, make, text):
    def function(*size, out=None, dtype=None, layout=None, device=None, pin_memory=False,
                 requires_grad=False):
        shape = _sizes(name, size)
        return _finish(make(shape, _dtype(name, dtype)), requires_grad, device, out)

    def like(input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None,
             pin_memory=False):
        if not isinstance(input, TensorBase):
            raise TypeError(f"{name}_like(): argument 'input' (position 1) must be Tensor, not "
                            f"{type(input).__name__}\nUse {name}(size) for sizes.")
        return _finish(make(input.array.shape, _dtype(name, dtype, input.dtype)), requires_grad, device)
    for made, label in ((function, name), (like, f"{name}_like")):
        made.__name__ = made.__qualname__ = label
        made.__doc__ = f"A tensor {text}, of the sizes or like the tensor given (torch.{label})."
    return function, like


def _sizes(name, given):
    try:
        shape = sizes_of(given)
    except (AttributeError, TypeError):
        bad = given[0] if given and not isinstance(given[0], (tuple, list)) else next(
            (n for n in given[0] if not hasattr(n, "__index__")), given[0]) if given else None
        raise TypeError(f"{name}(): argument 'size' (position 1) must be tuple of ints, not "
                        f"{type(bad).__name__}\nSizes are integers.") from None
    for size in shape:
        if size < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {size}: {list(shape)}\n"
                               "Sizes are non-negative.")
    return shape


zeros, zeros_like = _filled("zeros", np.zeros, "of zeros")
ones, ones_like = _filled("ones", np.ones, "of ones")
empty, empty_like = _filled("empty", np.empty, "of whatever is in memory")


def full(size, fill_value, *, out=None, names=None, dtype=None, layout=None, device=None, requires_grad=False,
         pin_memory=False):
    """A tensor of `size` filled with a number, whose type gives the dtype (torch.full)."""
    value = fill_value.item() if isinstance(fill_value, TensorBase) else fill_value
    default = dtypes.bool if isinstance(value, bool) else dtypes.int64 if isinstance(value, int) else None
    array = np.full(_sizes("full", (size,)), value, _dtype("full", dtype, default))
    return _finish(array, requires_grad, device, out)


def full_like(input, fill_value, *, dtype=None, layout=None, device=None, requires_grad=False,
              memory_format=None, pin_memory=False):
    """A tensor shaped like `input` filled with a number (torch.full_like)."""
    return full(input.array.shape, fill_value, dtype=dtype or input.dtype, device=device,
                requires_grad=requires_grad)


def arange(start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """start, start + step, ... below end; int64 where all are integers (torch.arange).

    Raises RuntimeError for a zero step and for bounds on the wrong side.
    """
    if end is None:
        start, end = 0, start
    bounds = (start, end, step)
    start, end, step = [n.item() if isinstance(n, (TensorBase, np.generic)) else n for n in bounds]
    if step == 0:
        raise RuntimeError("step must be nonzero\nUse linspace for a fixed number of points.")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign\n"
                           "Give a step towards the end.")
    whole = all(isinstance(n, int) for n in (start, end, step))
    kind = _dtype("arange", dtype, dtypes.int64 if whole else None)
    count = -(-(end - start) // step) if whole else math.ceil((end - start) / step)
    if whole:
        return _finish(np.arange(start, start + count * step, step).astype(kind), requires_grad, device, out)
    return _finish((start + np.arange(count, dtype=np.float64) * step).astype(kind), requires_grad, device,
                   out)


def linspace(start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """`steps` points from start to end, both included (torch.linspace)."""
    start, end = [n.item() if isinstance(n, TensorBase) else n for n in (start, end)]
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative\nAsk for at least one point.")
    kind = _dtype("linspace", dtype)
    if kind.kind != "f":
        points = [int(start + (end - start) / max(steps - 1, 1) * k) for k in range(steps)]
        return _finish(np.array(points, kind), requires_grad, device, out)
    # From both ends towards the middle, in the dtype itself, as torch counts: the ends come out exact.
    step = (kind.type(end) - kind.type(start)) / kind.type(max(steps - 1, 1))
    position = np.arange(steps, dtype=kind)
    values = np.where(position < steps // 2, kind.type(start) + step * position,
                      kind.type(end) - step * (kind.type(steps - 1) - position))
    if steps == 1:
        values = np.array([start])
    return _finish(values.astype(kind), requires_grad, device, out)


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False,
        pin_memory=False):
    """The n × m matrix with ones on its diagonal (torch.eye)."""
    if n < 0 or (m or 0) < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}\nSizes are non-negative.")
    return _finish(np.eye(n, m, dtype=_dtype("eye", dtype)), requires_grad, device, out)


# Drawn ------------------------------------------------------------------------------------------------------

def _drawn(name, draw, text):
    def function(*size, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
                 pin_memory=False):
        shape, kind = _sizes(name, size), _dtype(name, dtype)
        _need_floating(name, kind)
        return _finish(draw(generator or random.default_generator, shape, kind), requires_grad, device, out)

    def like(input, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False,
             memory_format=None, pin_memory=False):
        return function(input.array.shape, generator=generator, dtype=dtype or input.dtype, device=device,
                        requires_grad=requires_grad)
    for made, label in ((function, name), (like, f"{name}_like")):
        made.__name__ = made.__qualname__ = label
        made.__doc__ = f"A tensor {text}; the stream is torch's, to the bit (torch.{label})."
    return function, like


def _need_floating(name, kind):
    if kind.kind in "biu":
        what = dtypes.from_numpy(kind).legacy_name
        raise NotImplementedError(f"\"{'normal_kernel_cpu' if name == 'randn' else 'check_uniform_bounds'}\" "
                                  f"not implemented for '{what}'\n"
                                  "Draw in a floating point dtype and convert.")


rand, rand_like = _drawn("rand", lambda g, shape, kind: random.uniform(g, shape, kind), "drawn from [0, 1)")
randn, randn_like = _drawn("randn", lambda g, shape, kind: random.normal(g, shape, kind),
                           "drawn from the standard normal distribution")


def randint(low=0, high=None, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None,
            requires_grad=False):
    """Integers from [low, high): `randint(high, size)` or `randint(low, high, size)` (torch.randint)."""
    if size is None:
        low, high, size = 0, low, high
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}\n"
                           "Widen the range.")
    kind = _dtype("randint", dtype, dtypes.int64)
    return _finish(random.integers(generator or random.default_generator, low, high,
                                   _sizes("randint", (size,)), kind),
                   requires_grad, device, out)


def randint_like(input, low=0, high=None, *, dtype=None, layout=None, device=None, requires_grad=False,
                 memory_format=None):
    """Integers from [low, high) in the shape of `input` (torch.randint_like)."""
    if high is None:
        low, high = 0, low
    return randint(low, high, input.array.shape, dtype=dtype or input.dtype, device=device,
                   requires_grad=requires_grad)


def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
             pin_memory=False):
    """The integers 0 to n − 1 in random order (torch.randperm)."""
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got{n}\nAsk for zero or more.")
    kind = _dtype("randperm", dtype, dtypes.int64)
    return _finish(random.permutation(generator or random.default_generator, n, kind), requires_grad, device,
                   out)
