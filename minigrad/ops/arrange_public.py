"""torch's functions that turn, repeat, reshape and join, and diagonals; most are written in others."""
import itertools
import math

import numpy as np

from .. import dtypes
from ..backends.arrays import beside, host
from ..engine.autocast import widened
from ..engine.core import TensorBase, owner, plain, wrap
from ..engine.errors import check_broadcast, wrap_dim
from . import arrange as a
from . import index as i
from . import pointwise as p
from . import reduce_public as rp
from . import shape as s
from . import shape_public as sp
from .arguments import INTS, as_dims, dim_of, need_kernel
from .index_public import index_select
from .kinds import Dims, DimsOrNone, Int, Operand, Sizes, Tensor, is_number
from .node_names import renamed
from .signature import need, refuse, torch_function, torch_method

# Turning, rolling, repeating --------------------------------------------------------------------------------

@torch_function
def flip(input: Tensor, dims: Sizes):
    """The elements in reverse order along each of `dims`, copied (torch.flip)."""
    return a.flip(input, dims=as_dims(dims, input.array.ndim) or ())


@torch_function
def fliplr(input: Tensor):
    """Columns in reverse order (torch.fliplr)."""
    need(input.array.ndim > 1, "Input must be >= 2-d.\nUnsqueeze it.")
    return a.flip(input, dims=(1,))


@torch_function
def flipud(input: Tensor):
    """Rows in reverse order (torch.flipud)."""
    need(input.array.ndim, "Input must be >= 1-d.\nUnsqueeze it.")
    return a.flip(input, dims=(0,))


@torch_function
def roll(input: Tensor, shifts: Dims, dims: DimsOrNone = ()):
    """Elements moved along `dims`, those pushed out coming in again; without dims, of the flattened tensor
    (torch.roll)."""
    shifts = shifts if isinstance(shifts, tuple) else (shifts,)
    if dims == ():
        need(len(shifts) == 1, "shifts and dimensions must align. shifts: {}, dims:0\nPass one dimension for "
             "each shift.", len(shifts))
        return sp.reshape(a.roll(sp.reshape(input, (-1,)), shifts=shifts, dims=(0,)), input.array.shape)
    need(input.array.ndim, "Dimension specified as 0 but tensor has no dimensions\nLeave dims out.",
         error=IndexError)
    dims = dims if isinstance(dims, tuple) else (dims,)
    need(len(shifts) == len(dims), "shifts and dimensions must align. shifts: {}, dims:{}\nPass one "
         "dimension for each shift.", len(shifts), len(dims))
    return a.roll(input, shifts=shifts, dims=tuple([wrap_dim(d, input.array.ndim) for d in dims]))


def repeat(input, *repeats):
    """The tensor side by side, so often along each dimension (Tensor.repeat)."""
    repeats = tuple(repeats[0]) if len(repeats) == 1 and not is_number(repeats[0]) else repeats
    shape = input.array.shape
    need(len(repeats) >= len(shape), "Number of dimensions of repeat dims can not be smaller than number of "
         "dimensions of tensor\nPass a number for each dimension.")
    shape = (1,) * (len(repeats) - len(shape)) + shape
    apart = sp.reshape(input, tuple(itertools.chain(*[(1, n) for n in shape])))
    spread = sp.expand(apart, tuple(itertools.chain(*zip(repeats, shape))))
    made = sp.reshape(spread, tuple([times * n for times, n in zip(repeats, shape)]))
    # One element spreads as a view of itself.
    return renamed(p.clone(made) if owner(made.array) is owner(input.array) else made, "RepeatBackward0")


@torch_function
def tile(input: Tensor, dims: Sizes):
    """`repeat`, missing dimensions counting as 1 (torch.tile)."""
    return repeat(input, *(1,) * (input.array.ndim - len(dims)), *dims)


@torch_function
def repeat_interleave(input: Tensor, repeats: Operand = None, dim: Int = None, *, output_size: Int = None):
    """Each element, or slice along `dim`, so often in a row; of a vector alone each index as often as it says
    (torch.repeat_interleave)."""
    if repeats is None:
        need(input.array.ndim == 1, "repeat_interleave only accept 1D vector as repeat\nFlatten it first.")
        found = repeat_interleave(wrap(np.arange(input.array.size, like=input.array)), input, 0)
        return p.to(found, dtype=input.array.dtype)
    if dim is None:
        input, dim = sp.reshape(input, (-1,)), 0
    dim = dim_of(dim, input)
    size, times = input.array.shape[dim], np.asarray(host(getattr(repeats, "array", repeats)))
    need_kernel("repeat_interleave_cpu", dtypes.from_numpy(times.dtype), INTS)
    need(times.ndim < 2, "repeats must be 0-dim or 1-dim tensor\nFlatten them.")
    need(not (times < 0).any(), "repeats can not be negative\nPass 0 or more.")
    need(times.size in (1, size), "repeats must have the same size as input along dim, but got "
         "repeats.size(0) = {} and input.size({}) = {}\nPass a number for each slice.", times.size, dim, size)
    places = np.repeat(np.arange(size), times.reshape(-1))
    return index_select(input, dim, wrap(beside(places, input.array)))


def meshgrid(*tensors, indexing=None):
    """Vectors spread over a common grid, views (torch.meshgrid). indexing: "ij" (the default) or "xy", which
    swaps the first two dimensions."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    tensors = list(given)
    need(tensors, "meshgrid expects a non-empty TensorList\nPass at least one tensor.")
    need(indexing in (None, "ij", "xy"), "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but "
         "received: {}\nName one of them.", indexing)
    need(all([x.array.ndim < 2 for x in tensors]), "torch.meshgrid: Expected 0D or 1D tensor in the tensor "
         "list\nFlatten them.")
    need(all([x.array.dtype == tensors[0].array.dtype for x in tensors]), "meshgrid expects all tensors to "
         "have the same dtype\nConvert them with .to(dtype).")
    swapped = indexing == "xy" and len(tensors) > 1
    if swapped:
        tensors[:2] = tensors[1::-1]
    shape = tuple([x.array.size for x in tensors])
    grids = [sp.expand(sp.reshape(x, (1,) * k + (-1,) + (1,) * (len(shape) - k - 1)), shape)
             for k, x in enumerate(tensors)]
    if swapped:
        grids[:2] = grids[1::-1]
    return tuple(grids)


# Shapes -----------------------------------------------------------------------------------------------------

@torch_function
def swapaxes(input: Tensor, axis0: Int, axis1: Int):
    """As transpose (torch.swapaxes)."""
    return sp.transpose(input, axis0, axis1)


@torch_function
def swapdims(input: Tensor, dim0: Int, dim1: Int):
    """As transpose (torch.swapdims)."""
    return sp.transpose(input, dim0, dim1)


@torch_function
def movedim(input: Tensor, source: Dims, destination: Dims):
    """Dimensions moved to other places, the others keeping their order (torch.movedim)."""
    ndim = input.array.ndim
    source, destination = (as_dims(d, ndim) or () for d in (source, destination))
    need(len(source) == len(destination), "movedim: Invalid source or destination dims: source ({} dims) "
         "should contain the same number of dims as destination ({} dims)\nPair them.",
         list(source), list(destination))
    rest = iter([d for d in range(ndim) if d not in source])
    places = dict(zip(destination, source))
    return sp.permute(input, tuple([places[d] if d in places else next(rest) for d in range(ndim)]))


moveaxis = movedim


@torch_function
def unflatten(input: Tensor, dim: Int, sizes: Sizes):
    """One dimension as several (torch.unflatten); one size may be -1."""
    dim, shape = wrap_dim(dim, input.array.ndim), input.array.shape
    known = math.prod([n for n in sizes if n != -1])
    need(sizes, "unflatten: sizes must be non-empty\nGive the sizes that the dimension is cut into.")
    clear = sizes.count(-1) < 2 and min(sizes) > -2 and (known or -1 not in sizes or 0 not in shape[dim:])
    need(shape and clear, "unflatten got an unexpected error:\nthe sizes {} do not say how to cut dimension "
         "{} of a tensor of shape {}: leave one -1 at most.", sizes, dim, shape)
    need(-1 in sizes and known and shape[dim] % known == 0 or known == shape[dim],
         "unflatten: Provided sizes {} don't multiply up to the size of dim {} ({}) in the input tensor\n"
         "The product must stay the same.", list(sizes), dim, shape[dim])
    return sp.view(input, (*shape[:dim], *sizes, *shape[dim + 1:]))


@torch_function
def narrow(input: Tensor, dim: Int, start: Operand, length: Int):
    """`length` slices along `dim` from `start` on, a view (torch.narrow)."""
    need(input.array.ndim, "narrow() cannot be applied to a 0-dim tensor.\nUnsqueeze it.")
    if isinstance(start, TensorBase):
        need(not plain(start).ndim and plain(start).dtype.kind in "iu", "start must be an 0-dim integral "
             "Tensor.\nPass an int.")
    elif not isinstance(start, (int, np.integer)):
        refuse("narrow", input, dim, start, length)
    dim = wrap_dim(dim, input.array.ndim)
    size, start = input.array.shape[dim], int(getattr(start, "array", start))
    need(length >= 0, "narrow(): length must be non-negative.\nPass 0 or more.")
    need(-size <= start <= size, "start out of range (expected to be in range of [{}, {}], but got {})\n"
         "Begin within the dimension.", -size, size, start, error=IndexError)
    start += size * (start < 0)
    need(start + length <= size, "start ({}) + length ({}) exceeds dimension size ({}).\n"
         "Take fewer slices.", start, length, size)
    return i.take(input, slices=s.cut(dim, start, start + length))


@torch_function
def select(input: Tensor, dim: Int, index: Int):
    """One slice along `dim`, without that dimension, a view (torch.select)."""
    need(input.array.ndim, "select() cannot be applied to a 0-dim tensor.\nUse item().", error=IndexError)
    dim = wrap_dim(dim, input.array.ndim)
    size = input.array.shape[dim]
    need(-size <= index < size, "select(): index {} out of range for tensor of size {} at dimension {}\n"
         "Indices run from -size to size - 1.", index, list(input.array.shape), dim, error=IndexError)
    # The dots: NumPy gives a view, never a scalar.
    return i.select(input, slices=(slice(None),) * dim + (index % size, ...))


@torch_function
def broadcast_to(input: Tensor, size: Sizes):
    """As expand (torch.broadcast_to)."""
    return sp.expand(input, size)


def broadcast_tensors(*tensors):
    """Tensors expanded to their common shape, views (torch.broadcast_tensors)."""
    tensors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    shape = ()
    for x in tensors:
        check_broadcast(shape, x.array.shape)
        shape = np.broadcast_shapes(shape, x.array.shape)
    return tuple([sp.expand(x, shape) for x in tensors])


def broadcast_shapes(*shapes):
    """The shape that these broadcast to (torch.broadcast_shapes)."""
    shapes = [(shape,) if is_number(shape) else tuple(shape) for shape in shapes]
    common = [1] * max(map(len, shapes), default=0)
    for place, shape in enumerate(shapes):
        for k in range(-1, -len(shape) - 1, -1):
            size, own = shape[k], common[k]
            need((size == own or 1 in (size, own)) and size >= 0, "Attempting to broadcast a dimension of "
                 "length {} at {}! Mismatching argument at index {} had {}; but expected shape should be "
                 "broadcastable to {}\nSizes agree or are 1.", size, k, place, str(shape), common)
            common[k] = size if own == 1 else own
    return tuple(common)


@torch_function
def tensor_split(input: Tensor, indices_or_sections=None, dim: Int = 0, *, indices=None, sections=None,
                 tensor_indices_or_sections=None):
    """Views of parts along `dim`: so many of nearly one size, or cut at these places (torch.tensor_split)."""
    given = [way for way in (indices_or_sections, indices, sections, tensor_indices_or_sections)
             if way is not None]
    if len(given) != 1 or isinstance(given[0], float):
        refuse("tensor_split", input, *given)
    if isinstance(given[0], str):
        refuse("tensor_split", input, *given)
    indices_or_sections = given[0]
    need(input.array.ndim, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 "
         "dims\nUnsqueeze it.")
    if isinstance(indices_or_sections, TensorBase):
        where = plain(indices_or_sections)
        need(where.dtype == np.int64, "tensor_split expected tensor_indices_or_sections to have dtype of "
             "long, but got {}\nConvert it with .long().", dtypes.from_numpy(where.dtype).legacy_name)
        need(where.ndim < 2, "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
             "one-dimensional tensor, but got a tensor with {} dims\nFlatten it.", where.ndim)
        indices_or_sections = where.tolist()
    dim = wrap_dim(dim, input.array.ndim)
    size = input.array.shape[dim]
    if is_number(indices_or_sections):
        sections = int(indices_or_sections)
        need(sections > 0, "number of sections must be larger than 0, got {}\nCut into one part or more.",
             sections)
        cuts = [size // sections * k + min(k, size % sections) for k in range(1, sections)]
    else:
        cuts = [min(max(int(k) + size * (int(k) < 0), 0), size) for k in indices_or_sections]
    bounds = list(zip([0, *cuts], [*cuts, size]))
    return tuple([i.take(input, slices=s.cut(dim, start, max(start, stop))) for start, stop in bounds])


@torch_method
def unfold(input: Tensor, dimension: Int, size: Int, step: Int):
    """Windows of `size` neighbours along `dimension`, `step` apart, in a new last dimension, a view
    (Tensor.unfold)."""
    dim = wrap_dim(dimension, input.array.ndim)
    most = (input.array.shape or (1,))[dim]
    need(size >= 0, "size is {} but must be >= 0\nPass 0 or more.", size)
    need(size <= most, "maximum size for tensor at dimension {} is {} but size is {}\n"
         "A window lies within the dimension.", dim, most, size)
    need(step > 0, "step is {} but must be > 0\nPass 1 or more.", step)
    if not input.array.ndim:
        return sp.reshape(input, (1,))[:size]
    return a.windows(input, dim=dim, size=size, step=step, dilation=1)


# Diagonals --------------------------------------------------------------------------------------------------

@torch_function
def diagonal(input: Tensor, offset: Int = 0, dim1: Int = 0, dim2: Int = 1):
    """The elements with equal indices in two dimensions, a view; they come last (torch.diagonal)."""
    dim1, dim2 = (wrap_dim(d, input.array.ndim) for d in (dim1, dim2))
    need(dim1 != dim2, "diagonal dimensions cannot be identical {}, {}\nName two.", dim1, dim2)
    return a.diagonal(input, offset=offset, dim1=dim1, dim2=dim2)


@torch_function
def diag_embed(input: Tensor, offset: Int = 0, dim1: Int = -2, dim2: Int = -1):
    """The last dimension as a diagonal among zeros (torch.diag_embed)."""
    found = [wrap_dim(d, input.array.ndim + 1) for d in (dim1, dim2)]
    need(found[0] != found[1], "diagonal dimensions cannot be identical {}, {}\nName two.", dim1, dim2)
    (dim1, dim2), shape = found, list(input.array.shape[:-1])
    size = input.array.shape[-1] + abs(offset)
    for dim in sorted((dim1, dim2)):
        shape.insert(dim, size)
    return a.on_diagonal(input, shape=tuple(shape), offset=offset, dim1=dim1, dim2=dim2)


@torch_function
def diag(input: Tensor, diagonal: Int = 0, *, out=None):
    """A matrix's diagonal, or a matrix with this diagonal (torch.diag)."""
    need(input.array.ndim in (1, 2), "diag(): Supports 1D or 2D tensors. Got {}D\n"
         "Use diagonal or diag_embed.", input.array.ndim)
    if input.array.ndim == 1:
        return diag_embed(input, diagonal)
    return p.clone(a.diagonal(input, offset=diagonal, dim1=0, dim2=1))


@torch_function
@widened
def trace(input: Tensor):
    """The sum of a matrix's diagonal (torch.trace)."""
    need(input.array.ndim == 2, "trace: expected a matrix, but got tensor with dim {}\nUse diagonal and sum.",
         input.array.ndim)
    return rp.sum(a.diagonal(input, offset=0, dim1=0, dim2=1))


def _triangle_indices(name):
    def function(row: Int, col: Int, offset: Int = 0, *, dtype=None, device=None):
        found = getattr(np, name)(row, offset, col)
        return wrap(np.stack(found).astype(np.int64 if dtype is None else dtype.numpy))
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"(row, column) of each element of a triangle, (2, n) (torch.{name})."
    return torch_function(function)


tril_indices, triu_indices = map(_triangle_indices, ("tril_indices", "triu_indices"))


__all__ = [
    "flip", "fliplr", "flipud", "roll", "tile", "repeat_interleave", "meshgrid", "swapaxes", "swapdims",
    "movedim", "unflatten", "narrow", "select", "broadcast_to", "broadcast_tensors", "broadcast_shapes",
    "tensor_split", "diagonal", "diag_embed", "diag", "trace", "moveaxis", "tril_indices", "triu_indices",
]
