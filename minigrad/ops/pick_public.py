"""torch's functions that pick, write and draw by index."""

import numpy as np

from .. import random
from ..backends.arrays import outside, place_of
from ..engine.autocast import entered, setting
from ..engine.core import TensorBase, plain, wrap
from ..engine.errors import check_broadcast, wrap_dim
from ..engine.op import REGISTRY
from ..engine.promote import as_number, result_type
from . import arrange as a
from . import arrange_public as ap
from . import index as i
from . import shape_public as sp
from .arguments import FLOATS, cast, dim_of, dtype_of, fitting, need_kernel
from .create import drawn_from
from .index_public import check_placed, check_scatter, gather, nonzero, parse, written
from .kinds import Bool, Float, Int, Number, Operand, Tensor, Tensors, is_number
from .public import div, scaled
from .signature import need, torch_function

# Picking and writing ----------------------------------------------------------------------------------------

@torch_function
def masked_select(input: Tensor, mask: Tensor, *, out=None):
    """The elements where `mask` is true, as a vector (torch.masked_select)."""
    need(mask.array.dtype == np.bool_, "masked_select: expected BoolTensor for mask\n"
         "Compare it with something first.")
    mask, input = ap.broadcast_tensors(mask, input)
    return input[mask]


def _check_numbers(input, index):
    """Raises torch's IndexError where an index of the flattened tensor is out of range."""
    size = input.array.size
    bad = outside(plain(index), -size, size, "An index is out of range.")
    need(not len(bad), "out of range: tried to access index {} on a tensor of {} elements.\n"
         "Indices run from -size to size - 1.", *bad[:1], size, error=IndexError)


@torch_function
def take(input: Tensor, index: Tensor, *, out=None):
    """Elements of the flattened tensor by number (torch.take)."""
    need(index.array.dtype == np.int64, "take(): Expected a long tensor for index, but got {}\n"
         "Convert it with .long().", index)
    need(input.array.size or not index.array.size, "take(): tried to take from an empty tensor\n"
         "It has no elements.", error=IndexError)
    _check_numbers(input, index)
    return i.pick(sp.reshape(input, (-1,)), index=(plain(index),))


@torch_function
def take_along_dim(input: Tensor, indices: Tensor, dim: Int = None, *, out=None):
    """Elements by index along `dim`, the other dimensions broadcast (torch.take_along_dim)."""
    need(indices.array.dtype == np.int64, "torch.take_along_dim(): dtype of indices should be Long but got {}"
         "\nConvert them with .long().", indices)
    if dim is None:
        return gather(sp.reshape(input, (-1,)), 0, sp.reshape(indices, (-1,)))
    need(input.array.ndim == indices.array.ndim, "torch.take_along_dim(): input and indices should have the "
         "same number of dimensions, but got {} dimensions for input, and {} dimensions for indices\n"
         "Unsqueeze one of them.", input.array.ndim, indices.array.ndim)
    dim = dim_of(dim, input)
    one = [*input.array.shape]
    one[dim] = 1
    two = [*indices.array.shape]
    two[dim] = 1
    check_broadcast(one, two)
    shape = np.broadcast_shapes(one, two)
    wide = (*shape[:dim], input.array.shape[dim], *shape[dim + 1:])
    long = (*shape[:dim], indices.array.shape[dim], *shape[dim + 1:])
    return gather(sp.expand(input, wide), dim, sp.expand(indices, long))


@torch_function
def argwhere(input: Tensor):
    """The indices of elements that are not 0, a row each (torch.argwhere)."""
    return nonzero(input)


def scattering(input, dim, index, src):
    """`dim` and `src` as the op needs them, checked as torch does."""
    if is_number(src):
        like = sp.expand(wrap(np.zeros((), input.array.dtype, like=input.array)), index.array.shape)
        value = input.array.dtype.type(fitting(src, dtype_of(input)))
        return check_scatter(input, dim, index, like)[0], value
    return check_scatter(input, dim, index, src)


@torch_function
def scatter(input: Tensor, dim: Int, index: Tensor, src: Operand, *, reduce=None, out=None):
    """input with `src`, a Tensor or a number, at `index` along `dim` (torch.scatter). reduce: not
    supported."""
    need(reduce is None, "scatter: reduce is not supported.\nUse scatter_add.", error=NotImplementedError)
    dim, src = scattering(input, dim, index, src)
    return written(a.scatter, input, index, src, dim)


def _indices(input, dim, index, text, error, signed=False):
    """A vector of indices along `dim`, counted from the front. Raises torch's error where one is outside."""
    places, size = plain(index), (input.array.shape or (1,))[dim]
    bad = outside(places, -size * signed, size, "An index is out of bounds.")
    need(not len(bad), f"{text}\nIndices must lie within the dimension.", *bad[:1], dim, size, error=error)
    return wrap(np.where(places < 0, places + size, places).astype(np.int64).reshape(-1))


def _along(write, input, dim, index, source, **attrs):
    """`write(input, indices, source)` with a vector of indices spread over all of the other dimensions."""
    if not input.array.ndim:
        return written(write, input, index, source, 0, **attrs)
    shape = list(input.array.shape)
    shape[dim] = index.array.size
    lined = sp.reshape(index, (1,) * dim + (-1,) + (1,) * (len(shape) - dim - 1))
    if isinstance(source, TensorBase):
        source = sp.expand(source, tuple(shape))
    return write(input, sp.expand(lined, tuple(shape)), source, dim=dim, **attrs)


def _check_slices(name, input, dim, index, source):
    """Raises torch's errors where `source` does not have a slice of the input's shape and dtype for each
    index."""
    own, given = input.array.shape, source.array.shape
    need(input.array.dtype == source.array.dtype, "{}(): self ({}) and source ({}) must have the same scalar "
         "type\nConvert one of them with .to(dtype).", name, input, source)
    count = given[dim] if dim < len(given) else 1
    need(index.array.size == count, "{}(): Number of indices ({}) should be equal to source.size(dim): ({}), "
         "for dim: {}\nGive a slice for each index.", name, index.array.size, count, dim)
    need(len(own) == len(given) and own[:dim] + own[dim + 1:] == given[:dim] + given[dim + 1:], "source "
         "tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {} "
         "source.shape = {}\nReshape or expand the source.", own, given)


@torch_function
def index_add(input: Tensor, dim: Int, index: Tensor, source: Tensor, *, alpha: Number = 1, out=None):
    """input with the slices of `source` added at `index`, a vector of whole numbers, along `dim`
    (torch.index_add). Raises RuntimeError where shapes or dtypes do not match, or an index is out of
    range."""
    dim = wrap_dim(dim, input.array.ndim)
    need(index.array.ndim < 2, "index_add_(): Index is supposed to be a vector, but got dim: {}\n"
         "Flatten it first.", index.array.ndim, error=IndexError)
    need(index.array.dtype in (np.int64, np.int32), "index_add_(): Expected dtype int32/int64 for index but "
         "got: {}\nConvert it with .long().", index)
    _check_slices("index_add_", input, dim, index, source)
    said = ("index out of range in self", IndexError) if input.array.ndim < 2 else (_OUTSIDE, RuntimeError)
    index = _indices(input, dim, index, *said)
    source = source if alpha == 1 else scaled(input, source, as_number(alpha, dtype_of(input)))
    return _along(i.scatter_add, input, dim, index, source)


_OUTSIDE = "index {} is out of bounds for dimension {} with size {}"


@torch_function
def index_fill(input: Tensor, dim: Int, index: Tensor, value: Operand):
    """input with `value`, a number or 0-d Tensor, in the slices at `index` along `dim` (torch.index_fill).
    Raises IndexError where an index is out of range."""
    dim = wrap_dim(dim, input.array.ndim)
    need(index.array.dtype == np.int64, "index_fill_(): Expected dtype int64 for index.\n"
         "Convert it with .long().", error=IndexError)
    need(index.array.ndim < 2, "Index has to be a vector/scalar\nFlatten it first.")
    index = _indices(input, dim, index, _OUTSIDE, IndexError, signed=True)
    if not isinstance(value, TensorBase):
        value = input.array.dtype.type(fitting(value, dtype_of(input)))
    else:
        need(not plain(value).ndim, "index_fill_ only supports a 0-dimensional value tensor, but got tensor "
             "with {} dimension(s).\nUse index_copy.", plain(value).ndim)
        value = cast(value, input.array.dtype)
    return _along(a.scatter, input, dim, index, value)


@torch_function
def index_copy(input: Tensor, dim: Int, index: Tensor, source: Tensor, *, out=None):
    """input with the slices of `source` at `index` along `dim` (torch.index_copy). Raises IndexError where
    shapes do not match or an index is out of range, RuntimeError where dtypes do not match."""
    own, given = input.array.shape, source.array.shape
    dim = wrap_dim(dim, len(own))
    need(index.array.ndim < 2, "index_copy_(): Index should have dimension 1 or 0 (got {})\n"
         "Flatten it first.", index.array.ndim, error=IndexError)
    need(given or index.array.size == 1, "index_copy_(): When source is scalar, index should have one "
         "element (got {})\nGive a slice for each index.", index.array.size, error=IndexError)
    need(len(own) == len(given) or not own or not given, "index_copy_(): When source and destination are not "
         "scalars, their dimensionality must match. Source dimensionality ({}), destination dimensionality "
         "({})\nReshape the source.", len(given), len(own), error=IndexError)
    need(index.array.dtype == np.int64, "index_copy_(): Expected a long tensor for index, but got {}\n"
         "Convert it with .long().", index)
    if entered[0] and setting.dtype is not None:        # where autocast is on they meet in the wider dtype
        common = result_type(input, source).numpy
        input, source = cast(input, common), cast(source, common)
    need(input.array.dtype == source.array.dtype, "index_copy_(): self and source expected to have the same "
         "dtype, but got (self) {} and (source) {}\nConvert one of them with .to(dtype).", input, source)
    slices = own[:dim] + own[dim + 1:], given[:dim] + given[dim + 1:]
    need(slices[0] == slices[1], "index_copy_(): Source/destination tensor must have same slice shapes. "
         "Destination slice shape: {} at dimension {} and source slice shape: {} at dimension 0.\n"
         "Reshape or expand the source.", " ".join(map(str, slices[0])), dim, " ".join(map(str, slices[1])))
    need(not given or index.array.size == given[dim], "index_copy_(): Number of indices ({}) should be equal "
         "to source.size(dim) ({})\nGive a slice for each index.", index.array.size, *given[dim:dim + 1],
         error=IndexError)
    index = _indices(input, dim, index, f"index_copy_(): {_OUTSIDE}", IndexError)
    return _along(a.scatter, input, dim, index, source)


@torch_function
def scatter_reduce(input: Tensor, dim: Int, index: Tensor, src: Tensor, reduce, *, include_self: Bool = True,
                   out=None):
    """input with what `src` holds for each place `index` along `dim` reduced there: "sum", "prod", "mean",
    "amax" or "amin" (torch.scatter_reduce). include_self: together with what was there. Equal extremes share
    the gradient."""
    need(reduce in _FIRST, "reduce argument must be either sum, prod, mean, amax or amin, got {}\n"
         "Name one of them.", reduce)
    dim, src = check_scatter(input, dim, index, src)
    return written(_reduced, input, index, src, dim, reduce=reduce, include_self=include_self)


# What the first of several is reduced with: infinite for the extremes.
_FIRST = {"sum": 0, "mean": 0, "prod": 1, "amax": -np.inf, "amin": np.inf}


def _reduced(input, index, src, *, dim, reduce, include_self):
    d, base = dtype_of(input), input
    if not include_self:
        first = _FIRST[reduce]
        if not d.is_floating_point and abs(first) > 1:
            limits = None if d.name == "bool" else np.iinfo(d.numpy)
            least, most = (False, True) if limits is None else (limits.min, limits.max)
            first = least if first < 0 else most
        base = a.scatter(input, index, d.numpy.type(first), dim=dim)
    if reduce not in ("sum", "mean"):
        return REGISTRY[f"scatter_{reduce}"](base, index, src, dim=dim)
    total = i.scatter_add(base, index, src, dim=dim)
    if reduce == "sum":
        return total
    ones = wrap(np.ones_like(plain(src), d.numpy))
    count = np.ones_like(plain(input), d.numpy) if include_self else \
        plain(a.scatter(wrap(np.ones_like(plain(input), d.numpy)), index, d.numpy.type(0), dim=dim))
    count = i.scatter_add(wrap(count), index, ones, dim=dim)
    return div(total, count, rounding_mode=None if d.is_floating_point else "floor")


@torch_function
def index_reduce(input: Tensor, dim: Int, index: Tensor, source: Tensor, reduce, *, include_self: Bool = True,
                 out=None):
    """input with the slices of `source` reduced at `index` along `dim`: "prod", "mean", "amax" or "amin"
    (torch.index_reduce)."""
    need(reduce in ("prod", "mean", "amax", "amin"), "index_reduce(): Expected reduce to be one of prod, "
         "mean, amax or amin but got {}.\nUse index_add for sums.", reduce)
    dim = wrap_dim(dim, input.array.ndim)
    need(index.array.ndim < 2, "index_reduce_(): Index is supposed to be a vector, but got dim: {} with "
         "type: {} and size: {}\nFlatten it.", index.array.ndim, index, index.array.shape, error=IndexError)
    need(index.array.dtype in (np.int64, np.int32), "index_reduce_(): Expected dtype int32/int64 for index "
         "but got: {}\nConvert it with .long().", index)
    _check_slices("index_reduce_", input, dim, index, source)
    index = _indices(input, dim, index, "index out of range in self", IndexError)
    return _along(_reduced, input, dim, index, source, reduce=reduce, include_self=include_self)


def placing(input, indices, values):
    """(the index as NumPy takes it, values of the input's dtype that broadcast there), checked as torch
    does."""
    need(input.array.dtype == values.array.dtype, "Index put requires the source and destination dtypes "
         "match, got {} for the destination and {} for the source.\nConvert the values with .to(dtype).",
         input, values)
    parts = parse(tuple(indices), input.array)
    target, source = input.array[parts].shape, values.array.shape
    check_placed(source, target)
    return parts, values, target


@torch_function
def index_put(input: Tensor, indices: Tensors, values: Tensor, accumulate: Bool = False):
    """input with `values` at the places that a tuple of index tensors means, as `x[indices] = values` writes
    (torch.index_put). accumulate: added there, places that occur several times several times."""
    parts, values, target = placing(input, indices, values)
    if accumulate:
        return input + i.drop(sp.expand(values, target), shape=input.array.shape, index=parts)
    return i.index_put(input, values, index=parts)


@torch_function
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: Bool = False):
    """input with the elements of `source` at `index`, numbers of the flattened tensor (torch.put)."""
    need(index.array.dtype == np.int64, "put_(): Expected a long tensor for index, but got {}\n"
         "Convert it with .long().", index)
    need(input.array.dtype == source.array.dtype, "put_(): self and source expected to have the same dtype, "
         "but got self.dtype = {} and source.dtype = {}\nConvert one of them.", input, source)
    places = plain(index).reshape(-1)
    need(places.size == source.array.size, "put_(): Expected source and index to have the same number of "
         "elements, but got source.numel() = {}, index.numel() = {}\nPair them.", source.array.size,
         places.size, error=IndexError)
    need(input.array.size or not places.size, "put_(): Tried to put elements into an empty tensor\n"
         "It has no elements.", error=IndexError)
    _check_numbers(input, index)
    written = index_put(sp.reshape(input, (-1,)), (wrap(places),), sp.reshape(source, (-1,)), accumulate)
    return sp.reshape(written, input.array.shape)


@torch_function
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor):
    """input with the elements of `source`, one after the other, where `mask` is true (torch.masked_scatter).
    Raises RuntimeError where the source has too few."""
    need(input.array.dtype == source.array.dtype, "masked_scatter: expected self and source to have same "
         "dtypes but got{} and {}\nConvert one of them.", input, source)
    input, mask = ap.broadcast_tensors(input, mask)
    need(mask.array.dtype == np.bool_, "masked_scatter_ only supports boolean masks, but got mask with dtype "
         "{}\nCompare it with something first.", mask)
    count = np.count_nonzero(mask.array)
    need(source.array.size >= count, "Number of elements of source < number of ones in mask\n"
         "Give an element for each place.")
    return i.index_put(input, sp.reshape(source, (-1,))[:count], index=(plain(mask),))


# Drawn ------------------------------------------------------------------------------------------------------

@torch_function
def multinomial(input: Tensor, num_samples: Int, replacement: Bool = False, *, generator=None, out=None):
    """Indices drawn with these weights, a row of them for each row; torch's stream (torch.multinomial)."""
    weights = plain(input)
    need(weights.dtype.kind == "f", "multinomial only supports floating-point dtypes for input, got: {}\n"
         "Convert the weights with .float().", input)
    need(weights.ndim in (1, 2), "prob_dist must be 1 or 2 dim\nReshape the weights.")
    need(num_samples > 0, "cannot sample n_sample <= 0 samples\nDraw one or more.")
    stream = random.stream(generator, place_of(weights))
    return wrap(random.multinomial(stream, weights, num_samples, replacement))


@torch_function
def bernoulli(input: Tensor, p: Float = None, *, generator=None, out=None):
    """1 with the probability that `input` holds, or `p` everywhere, else 0; torch's stream
    (torch.bernoulli)."""
    generator = random.stream(generator, place_of(input.array))
    if p is not None:
        drawn = wrap(random.bernoulli(generator, input.array.shape, input.array.dtype, p))
        return drawn_from(drawn, input, node="NotImplemented")
    need_kernel("bernoulli_tensor_cpu_self_", input, FLOATS)
    drawn = wrap(random.bernoulli_tensor(generator, plain(input), input.array.dtype))
    return drawn_from(drawn, input, node="BernoulliBackward0")


__all__ = [
    "masked_select", "take", "take_along_dim", "argwhere", "scatter", "index_add", "index_fill",
    "index_copy", "scatter_reduce", "index_reduce", "index_put", "put", "masked_scatter", "multinomial",
    "bernoulli",
]
