"""torch's functions that sort, search and count, and that run along a dimension."""
import numpy as np

from ..backends.arrays import beside, host, is_array, zero_d
from ..engine.core import TensorBase, plain, wrap
from ..engine.errors import wrap_dim
from ..engine.promote import result_type
from . import arrange as a
from . import index as i
from . import pointwise as p
from . import public as f
from . import reduce as r
from . import reduce_public as rp
from . import shape as s
from . import shape_public as sp
from .arguments import FLOATS, INTS, dim_of, dtype_of, need_kernel
from .index_public import gather
from .kinds import Bool, Dims, Int, Number, Operand, Tensor
from .node_names import renamed
from .signature import family, need, refuse, returned, torch_function

_Sort, _Topk, _Kth, _Median = [returned(name, "values", "indices")
                               for name in ("sort", "topk", "kthvalue", "median")]
_Cummax, _Cummin, _Mode = [returned(name, "values", "indices") for name in ("cummax", "cummin", "mode")]
_AMinMax = returned("aminmax", "min", "max")


# Sorting ----------------------------------------------------------------------------------------------------

def _order(x, dim, descending):
    """Indices that sort along `dim`, equal elements in their order; nan counts as the largest."""
    if not x.ndim:
        return np.zeros((), np.int64, like=x)
    x = x.astype(np.float32) if x.dtype.kind == "V" else x      # bfloat16, which CuPy does not sort
    if not descending:
        return np.argsort(x, dim, kind="stable")
    return x.shape[dim] - 1 - np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)


def _picked(pair, input, dim, order):
    index = wrap(np.array(order, order="C", like=order))
    return pair(gather(input, dim, index) if input.array.ndim else p.clone(input), index)


@torch_function
def sort(input: Tensor, dim: Int = -1, descending: Bool = False, stable: Bool = False, *, out=None):
    """(values, indices) in rising order along `dim`, equal elements in their order (torch.sort)."""
    dim = wrap_dim(dim, input.array.ndim)
    return _picked(_Sort, input, dim, _order(plain(input), dim, descending))


@torch_function
def argsort(input: Tensor, dim: Int = -1, descending: Bool = False, stable: Bool = False, *, out=None):
    """The indices that sort along `dim` (torch.argsort)."""
    return wrap(np.array(_order(plain(input), wrap_dim(dim, input.array.ndim), descending), order="C",
                         like=input.array))


@torch_function
def topk(input: Tensor, k: Int, dim: Int = -1, largest: Bool = True, sorted: Bool = True, *, out=None):
    """(values, indices) of the k largest or smallest elements along `dim`, sorted (torch.topk)."""
    dim = wrap_dim(dim, input.array.ndim)
    need(0 <= k <= (input.array.shape or (1,))[dim], "selected index k out of range\n"
         "There are fewer elements along the dimension.")
    order = _order(plain(input), dim, largest)
    return _picked(_Topk, input, dim, order[s.cut(dim, 0, k)] if order.ndim else order)


@torch_function
def kthvalue(input: Tensor, k: Int, dim: Int = -1, keepdim=False, *, out=None):
    """(values, indices) of the k-th smallest element along `dim`, counted from 1 (torch.kthvalue)."""
    dim = wrap_dim(dim, input.array.ndim)
    rp._need_elements("kthvalue", input, dim)
    need_kernel("kthvalue_cpu", input, INTS + FLOATS)
    need(1 <= k <= (input.array.shape or (1,))[dim], "kthvalue(): selected number k out of range for "
         "dimension {}\nk runs from 1 to the dimension's size.", dim)
    return _one(_Kth, input, dim, _order(plain(input), dim, False), k - 1, keepdim)


def _one(pair, input, dim, order, place, keepdim):
    if not order.ndim:
        return pair(p.clone(input), wrap(order))
    found = _picked(pair, input, dim, order[s.cut(dim, place, place + 1)])
    return found if keepdim else pair(*[sp.squeeze(part, dim) for part in found])


@torch_function
def median(input: Tensor, dim: Int = None, keepdim=False, *, out=None):
    """The lower of the middle elements, of all or with its index along `dim`; nan where there is one
    (torch.median)."""
    need_kernel("median_cpu", input, INTS + FLOATS)
    if dim is None:
        if not input.array.size:
            kind = input.array.dtype
            return wrap(zero_d(np.nan if kind.kind == "f" else np.iinfo(kind).min, kind, input.array))
        middle = median(sp.reshape(wrap(plain(input)), (-1,)), 0).values
        return r.median(input, middle)
    dim = wrap_dim(dim, input.array.ndim)
    rp._need_elements("median", input, dim)
    order = _order(plain(input), dim, False)
    size = (input.array.shape or (1,))[dim]
    found = renamed(_one(_Median, input, dim, order, (size - 1) // 2, keepdim), "MedianBackward1")
    if dtype_of(input).is_floating_point and order.ndim and np.isnan(input.array).any():
        first = wrap(np.argmax(np.isnan(plain(input)), dim, keepdims=True))
        has = f.isnan(gather(input, dim, first))
        kept = found if keepdim else _Median(*[sp.unsqueeze(part, dim) for part in found])
        kept = _Median(f.where(has, gather(input, dim, first), kept.values),
                       f.where(has, first, kept.indices))
        found = kept if keepdim else _Median(*[sp.squeeze(part, dim) for part in kept])
    return found


@torch_function
def aminmax(input: Tensor, *, dim: Int = None, keepdim=False, out=None):
    """The smallest and the largest element (torch.aminmax)."""
    need(dim is not None or input.array.size, "aminmax(): cannot compute aminmax over an empty dimension as "
         "the operation has no identity.\nThe tensor has no elements.")
    need(dim is None or input.array.size or input.array.shape[wrap_dim(dim, input.array.ndim)], "aminmax: "
         "Expected reduction dim {} to have non-zero size.\nThe tensor has no elements there.", dim,
         error=IndexError)
    dims = () if dim is None else dim
    return _AMinMax(rp.amin(input, dims, keepdim), rp.amax(input, dims, keepdim))


@torch_function
def isin(elements: Operand, test_elements: Operand, *, assume_unique: Bool = False, invert: Bool = False,
         out=None):
    """Which elements occur among `test_elements` (torch.isin); nan is none of them. invert: which do not."""
    if not isinstance(elements, TensorBase) and not isinstance(test_elements, TensorBase):
        refuse("isin", elements, test_elements)
    common = result_type(elements, test_elements).numpy
    kinds = [getattr(getattr(x, "array", None), "dtype", None) for x in (elements, test_elements)]
    need(np.bool_ not in kinds, "Unsupported input type encountered for isin(): Bool\n"
         "Convert it with .long().")
    x, tests = (np.asarray(host(getattr(x, "array", x))).astype(common) for x in (elements, test_elements))
    like = next(filter(is_array, (getattr(x, "array", x) for x in (elements, test_elements))))
    return wrap(beside(np.isin(x, tests, invert=invert), like))


def _along(input, dim):
    """`dim` counted from the front, of a tensor whose slices along it can be told apart."""
    if dim is None:
        return None
    dim, shape = dim_of(dim, input), input.array.shape
    need(shape.count(0) < 2, "Number of zero sized dimensions is more than one, so unique cannot be applied "
         "\nThere is nothing to compare.")
    need(shape[dim] == 0 or 0 not in shape, "There are 0 sized dimensions, and they aren't selected, so "
         "unique cannot be applied\nName the dimension of size 0.")
    return dim


@torch_function
def unique(input: Tensor, sorted: Bool = True, return_inverse: Bool = False, return_counts: Bool = False,
           dim: Int = None):
    """The different elements, or slices along `dim`, sorted; also which each element is, and how many there
    are of each (torch.unique)."""
    axis, array = _along(input, dim), plain(input)
    values, inverse, counts = [beside(part, array) for part in np.unique(
        host(array), False, True, True, axis, equal_nan=False)]
    shape = array.shape if axis is None else (-1,)
    return _parts(values, inverse.reshape(shape), counts, return_inverse, return_counts)


def _parts(values, inverse, counts, return_inverse, return_counts):
    found = [values] + [inverse.astype(np.int64)] * return_inverse + [counts.astype(np.int64)] * return_counts
    return tuple(map(wrap, found)) if len(found) > 1 else wrap(values)


@torch_function
def unique_consecutive(input: Tensor, return_inverse: Bool = False, return_counts: Bool = False,
                       dim: Int = None):
    """The elements, or slices along `dim`, but those that are equal to the one before; also which each
    element is, and how many there are of each in a row (torch.unique_consecutive)."""
    axis, array = _along(input, dim), host(plain(input))
    lines = array.reshape(-1) if axis is None else np.moveaxis(array, axis, 0)
    first = np.ones(len(lines), bool)
    first[1:] = (lines[1:] != lines[:-1]).any(tuple(range(1, lines.ndim)))
    places = np.append(np.flatnonzero(first), len(lines))
    inverse = (np.cumsum(first) - 1).reshape(array.shape if axis is None else -1)
    values, inverse, counts = [beside(part, plain(input)) for part in (
        np.moveaxis(lines[first], 0, axis or 0), inverse, np.diff(places))]
    return _parts(values, inverse, counts, return_inverse, return_counts)


@torch_function
def mode(input: Tensor, dim: Int = -1, keepdim=False, *, out=None):
    """(values, indices) of the element that occurs most often along `dim`, the smallest of several, and the
    last place where it stands (torch.mode)."""
    dim = wrap_dim(dim, input.array.ndim)
    rp._need_elements("mode", input, dim)
    array = host(plain(input))
    if not array.ndim:
        return _Mode(p.clone(input), wrap(np.zeros((), np.int64, like=plain(input))))
    lost = np.isnan(array) if array.dtype.kind == "f" else np.zeros_like(array, bool)
    order = np.argsort(np.where(lost, -np.inf, array) if lost.any() else array, dim, kind="stable")
    ordered = np.moveaxis(np.take_along_axis(array, order, dim), dim, -1)
    place = np.broadcast_to(np.arange(ordered.shape[-1]), ordered.shape)
    starts = np.where(np.diff(ordered, axis=-1, prepend=ordered[..., :1]) != 0, place, 0)
    run = place - np.maximum.accumulate(starts, -1)
    index = np.take_along_axis(order, np.expand_dims(run.argmax(-1), dim), dim)
    index = wrap(beside(index, plain(input)))
    found = _Mode(gather(input, dim, index), index)
    return found if keepdim else _Mode(*[sp.squeeze(part, dim) for part in found])


@torch_function
def searchsorted(sorted_sequence: Tensor, input: Operand, *, out_int32: Bool = False, right: Bool = False,
                 side=None, sorter=None, out=None):
    """Where each value would stand in a sorted sequence, along its last dimension; nan counts as the largest.
    side: "left" (the default) or "right" of equal ones; sorter: the indices that sort the sequence
    (torch.searchsorted)."""
    values, rows = (np.asarray(host(getattr(x, "array", x))) for x in (input, sorted_sequence))
    need(side in (None, "left", "right"), "torch.searchsorted(): side can only be 'left' or 'right' but got "
         "{}\nName one of them.", side)
    need(not (right and side == "left"), "torch.searchsorted(): side and right can't be set to opposites, "
         "got side of left while right was True\nGive one of them.")
    need(values.ndim or rows.ndim == 1, "torch.searchsorted(): input value can be a scalar only when "
         "boundaries tensor dimension is 1, but we got boundaries tensor dim({}) and input value's dim({}) "
         "numel({})\nGive a value for each row.", rows.ndim, values.ndim, values.size)
    need(rows.ndim, "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 "
         "dimension\nUnsqueeze it.")
    side = side or ("right" if right else "left")
    if sorter is not None:
        order = host(plain(sorter))
        need(order.shape == rows.shape, "torch.searchsorted(): boundary and sorter must have the same size, "
             "but got boundary tensor {}and got sorter tensor {}\nSort along the last dimension.",
             rows.shape, order.shape)
        need(order.dtype == np.int64, "torch.searchsorted(): sorter must be a tensor of long dtype but got "
             "dtype {}\nUse argsort's result.", sorter)
        need(not ((order < 0) | (order >= rows.shape[-1])).any(), "torch.searchsorted(): sorter index out of "
             "range\nUse argsort's result.")
        rows = np.take_along_axis(rows, order, -1)
    if rows.ndim == 1:
        found = _places(rows, values, side)
    else:
        need(rows.shape[:-1] == values.shape[:-1], "torch.searchsorted(): boundaries tensor should be 1 "
             "dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, "
             "but we got boundaries tensor {} and input value tensor {}\nReshape one of them.",
             list(rows.shape), list(values.shape))
        found = np.empty(values.shape, np.int64)
        for place in np.ndindex(rows.shape[:-1]):
            found[place] = _places(rows[place], values[place], side)
    found = np.asarray(found).astype(np.int32 if out_int32 else np.int64)
    return wrap(beside(found, plain(sorted_sequence)))


def _places(row, values, side):
    """Where values stand in a sorted row. With nan in it torch's bisection, which goes right of any nan."""
    if row.dtype.kind != "f" or not np.isnan(row).any():
        return np.searchsorted(row, values, side)
    start, end = np.zeros(values.shape, np.int64), np.full(values.shape, len(row))
    while (start < end).any():
        middle = np.minimum((start + end) // 2, len(row) - 1)
        goes = ~(row[middle] >= values if side == "left" else row[middle] > values)
        searched = start < end
        start, end = (np.where(searched & goes, middle + 1, start), np.where(searched & ~goes, middle, end))
    return start


@torch_function
def bucketize(input: Operand, boundaries: Tensor, *, out_int32: Bool = False, right: Bool = False, out=None):
    """The number of the bucket between `boundaries` that each value falls into (torch.bucketize)."""
    need(boundaries.array.ndim == 1, "boundaries tensor must be 1 dimension, but got dim({})\nFlatten them.",
         boundaries.array.ndim)
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@torch_function
def bincount(input: Tensor, weights: Tensor = None, minlength: Int = 0):
    """How often each number from 0 on occurs, or the sum of its weights (torch.bincount)."""
    need_kernel("bincount_cpu", input, INTS)
    need(input.array.ndim == 1 and not (input.array < 0).any(),
         "bincount only supports 1-d non-negative integral inputs.\nFlatten and convert it.")
    need(minlength >= 0, "minlength should be >= 0\nPass 0 or more.")
    need(weights is None or weights.array.shape == input.array.shape,
         "weights should be 1-d and have the same length as input\nGive a weight for each element.")
    if weights is None or not input.array.size:
        return wrap(np.bincount(plain(input), None, minlength))
    found = np.bincount(plain(input), plain(weights), minlength)
    return wrap(found.astype(np.float32) if weights.array.dtype == np.float32 else found)


# Running along a dimension ----------------------------------------------------------------------------------

def _running(made, input, dim, dtype):
    dim = wrap_dim(dim, input.array.ndim)
    input = rp._counted(input, dtype)
    return made(input, dim=dim) if input.array.ndim else p.clone(input)


@torch_function
def cumsum(input: Tensor, dim: Int, *, dtype=None, out=None):
    """Sums of all elements so far along `dim`; integers give int64 (torch.cumsum)."""
    return _running(a.cumsum, input, dim, dtype)


@torch_function
def cumprod(input: Tensor, dim: Int, *, dtype=None, out=None):
    """Products of all elements so far along `dim`; integers give int64 (torch.cumprod)."""
    return _running(a.cumprod, input, dim, dtype)


def _running_extreme(made, pair, input, dim):
    dim = wrap_dim(dim, input.array.ndim)
    if not input.array.ndim:
        return pair(p.clone(input), wrap(np.zeros((), np.int64, like=input.array)))
    values, (indices,) = made.full(input, dim=dim)
    return pair(values, wrap(indices))


@torch_function
def cummax(input: Tensor, dim: Int, *, out=None):
    """(values, indices) of the largest element so far along `dim`, the last of equal ones (torch.cummax)."""
    return _running_extreme(a.cummax, _Cummax, input, dim)


@torch_function
def cummin(input: Tensor, dim: Int, *, out=None):
    """(values, indices) of the smallest element so far along `dim`, the last of equal ones (torch.cummin)."""
    return _running_extreme(a.cummin, _Cummin, input, dim)


@torch_function
def logcumsumexp(input: Tensor, dim: Int, *, out=None):
    """ln Σ exp of all elements so far along `dim`, without overflow (torch.logcumsumexp)."""
    dim = wrap_dim(dim, input.array.ndim)
    need_kernel("logcumsumexp_out_cpu", input, FLOATS)
    return a.logcumsumexp(input, dim=dim) if input.array.ndim else p.clone(input)


@torch_function
def diff(input: Tensor, n: Int = 1, dim: Int = -1, prepend: Tensor = None, append: Tensor = None, *,
         out=None):
    """Differences of neighbours along `dim`, n times (torch.diff)."""
    need(input.array.ndim, "diff expects input to be at least one-dimensional\nUnsqueeze it.")
    need(n >= 0, "order must be non-negative but got {}\nPass 0 or more.", n)
    shape, parts = input.array.shape, [part for part in (prepend, input, append) if part is not None]
    for part in parts:
        need(part.array.ndim == len(shape), "diff expects prepend or append to be the same dimension as "
             "input\nUnsqueeze it.")
        for d, (own, given) in enumerate(zip(shape, part.array.shape)):
            need(own == given or d == dim % len(shape), "diff expects the shape of tensor to prepend or "
                 "append to match that of input except along the differencing dimension; input.size({0}) = "
                 "{1}, but got tensor.size({0}) = {2}\nIt is as wide as the input.", d, own, given)
    if not n:
        return p.clone(input)
    dim = wrap_dim(dim, len(shape))
    x = sp.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(n):
        size = x.array.shape[dim]
        later = i.take(x, slices=s.cut(dim, 1, size))
        sooner = i.take(x, slices=s.cut(dim, 0, max(size - 1, 0)))
        x = f.logical_xor(later, sooner) if x.array.dtype == bool else later - sooner
    return x


@torch_function
def count_nonzero(input: Tensor, dim: Dims = None):
    """How many elements are not 0, over `dim` (torch.count_nonzero)."""
    return rp.sum(input != 0, dim)


@torch_function
def nansum(input: Tensor, dim: Dims = None, keepdim=False, *, dtype=None, out=None):
    """The sum, nan counting as 0 (torch.nansum)."""
    return rp.sum(f.masked_fill(input, f.isnan(input), 0), dim, keepdim, dtype=dtype)


@torch_function
def nanmean(input: Tensor, dim: Dims = None, keepdim=False, *, dtype=None, out=None):
    """The mean of what is not nan (torch.nanmean)."""
    need(dtype_of(input).is_floating_point, "nanmean(): expected input to have floating point or complex "
         "dtype but got {}\nConvert it first.", input)
    need(dtype is None or dtype.is_floating_point, "nanmean(): could not infer output dtype. Optional dtype "
         "must be either a floating point or complex dtype. Got: {}\nName a floating one.",
         getattr(dtype, "legacy_name", None))
    return nansum(input, dim, keepdim, dtype=dtype) / rp.sum(f.logical_not(f.isnan(input)), dim, keepdim)


def _and_mean(name):
    spread = {"var_mean": rp.var, "std_mean": rp.std}[name]

    def function(input: Tensor, dim: Bool | Dims = None, unbiased: Bool = True, keepdim=False, *,
                 correction: Number = None):
        if isinstance(dim, bool):               # torch's form var_mean(input, unbiased)
            dim, unbiased = None, dim
        return spread(input, dim, unbiased, keepdim, correction=correction), rp.mean(input, dim, keepdim)
    return function


var_mean, std_mean = family(_and_mean, "The {} and the mean over `dim`", var_mean="variance",
                            std_mean="standard deviation")


__all__ = [
    "sort", "argsort", "topk", "kthvalue", "median", "aminmax", "isin", "unique",
    "unique_consecutive", "mode", "searchsorted", "bucketize",
    "bincount", "cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "diff",
    "count_nonzero", "nansum", "nanmean", "var_mean", "std_mean",
]
