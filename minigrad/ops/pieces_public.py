"""torch's functions that join tensors, cut them and pad their shapes; all are written in others."""
import itertools

import numpy as np

from ..backends.arrays import beside
from ..engine.core import TensorBase, wrap
from ..engine.errors import wrap_dim
from . import arrange_public as ap
from . import index as i
from . import shape_public as sp
from .index_public import index_select
from .kinds import Bool, Int, Sizes, Tensor, Tensors
from .signature import need, refuse, torch_function

# Shapes and stacks ------------------------------------------------------------------------------------------

def _at_least(ndim, x):
    shape = x.array.shape
    return sp.reshape(x, {(1, 0): (1,), (2, 0): (1, 1), (2, 1): (1, *shape), (3, 0): (1, 1, 1),
                          (3, 1): (1, *shape, 1), (3, 2): (*shape, 1)}.get((ndim, len(shape)), shape))


def _stacker(name):
    ndim, dim = {"hstack": (1, 1), "vstack": (2, 0), "dstack": (3, 2)}[name]

    def function(tensors: Tensors, *, out=None):
        need(tensors, "{} expects a non-empty TensorList\nPass at least one tensor.", name)
        parts = [_at_least(ndim, x) for x in tensors]
        return sp.cat(parts, 0 if name == "hstack" and parts[0].array.ndim == 1 else dim)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Tensors joined along dimension {dim}, lacking ones added (torch.{name})."
    return torch_function(function)


hstack, vstack, dstack = map(_stacker, ("hstack", "vstack", "dstack"))
row_stack = vstack


def _raiser(ndim):
    def function(*tensors):
        several = len(tensors) != 1 or isinstance(tensors[0], (tuple, list))
        given = tensors[0] if len(tensors) == 1 and several else tensors
        if not all([isinstance(x, TensorBase) for x in given]):
            refuse(function.__name__, *tensors)
        found = tuple([_at_least(ndim, x) for x in given])
        return found if several else found[0]
    function.__name__ = function.__qualname__ = f"atleast_{ndim}d"
    function.__doc__ = f"With {ndim} dimensions at least, missing ones of size 1 (torch.atleast_{ndim}d)."
    return function


atleast_1d, atleast_2d, atleast_3d = map(_raiser, (1, 2, 3))


@torch_function
def column_stack(tensors: Tensors, *, out=None):
    """Vectors as columns, and matrices, side by side (torch.column_stack)."""
    need(tensors, "column_stack expects a non-empty TensorList\nPass at least one tensor.")
    return hstack([sp.reshape(x, (x.array.size, 1)) if x.array.ndim < 2 else x for x in tensors])


# Cuts -------------------------------------------------------------------------------------------------------

def _cutter(name):
    least, dim = {"hsplit": (1, 1), "vsplit": (2, 0), "dsplit": (3, 2)}[name]

    def function(input: Tensor, sections=None, indices=None):
        ndim = input.array.ndim
        need(ndim >= least, "torch.{} requires a tensor with at least {} dimension{}, but got a tensor with "
             "{} dimensions!\nUnsqueeze it.", name, least, "s" * (least > 1), ndim)
        way = [v for v in (sections, indices) if v is not None]
        along = 0 if name == "hsplit" and ndim == 1 else dim
        if len(way) == 1 and isinstance(way[0], int):
            size = input.array.shape[along]
            need(way[0] and size % way[0] == 0, "torch.{} attempted to split along dimension {}, but the "
                 "size of the dimension {} is not divisible by the split_size {}!\nUse tensor_split.", name,
                 along, size, way[0])
        return ap.tensor_split(input, *way, dim=along)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Views of equal parts along dimension {dim}, or cut at these places (torch.{name})."
    return torch_function(function)


hsplit, vsplit, dsplit = map(_cutter, ("hsplit", "vsplit", "dsplit"))


@torch_function
def split_with_sizes(input: Tensor, split_sizes: Sizes, dim: Int = 0):
    """As split with a list of sizes (torch.split_with_sizes)."""
    return sp.split(input, split_sizes, dim)


@torch_function
def unsafe_split(input: Tensor, split_size: Int, dim: Int = 0):
    """As split (torch.unsafe_split)."""
    return sp.split(input, split_size, dim)


@torch_function
def unsafe_chunk(input: Tensor, chunks: Int, dim: Int = 0):
    """As chunk (torch.unsafe_chunk)."""
    return sp.chunk(input, chunks, dim)


# Turned and combined ----------------------------------------------------------------------------------------

@torch_function
def rot90(input: Tensor, k: Int = 1, dims: Sizes = (0, 1)):
    """Turned by 90 degrees k times in the plane of two dimensions (torch.rot90)."""
    ndim = input.array.ndim
    need(len(dims) == 2, "expected total rotation dims == 2, but got dims = {}\nName two.", len(dims))
    need(ndim > 1, "expected total dims >= 2, but got total dims = {}\nUnsqueeze it.", ndim)
    first, second = (wrap_dim(d, ndim) for d in dims)
    need(first != second, "expected rotation dims to be different, but got dim0 = {} and dim1 = {}\n"
         "Name two dimensions.", *dims)
    if k % 4 in (1, 3):
        turned = ap.flip(input, (second if k % 4 == 1 else first,))
        return sp.transpose(turned, first, second).clone()
    return ap.flip(input, (first, second)) if k % 4 else input.clone()


def block_diag(*tensors):
    """Matrices along the diagonal of a larger one, zeros elsewhere (torch.block_diag)."""
    blocks = [_at_least(2, x) for x in tensors] or [wrap(np.zeros((1, 0), np.float32))]
    need(all([x.array.ndim == 2 for x in blocks]), "torch.block_diag: Input tensors must have 2 or fewer "
         "dimensions.\nPass matrices.")
    rows, columns = (sum([x.array.shape[d] for x in blocks]) for d in (0, 1))
    whole, row, column = None, 0, 0
    for x in blocks:
        m, n = x.array.shape
        part = i.put(x, shape=(rows, columns), slices=(slice(row, row + m), slice(column, column + n)))
        whole, row, column = part if whole is None else whole + part, row + m, column + n
    return whole


def cartesian_prod(*tensors):
    """All tuples of elements of vectors, a row each; of one vector itself (torch.cartesian_prod)."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    for x in given:
        need(x.array.ndim == 1, "Expect a 1D vector, but got shape {}\nFlatten it.", x.array.shape)
    if len(given) == 1:
        return given[0]
    return sp.stack([sp.reshape(x, (-1,)) for x in ap.meshgrid(*given)], 1)


@torch_function
def combinations(input: Tensor, r: Int = 2, with_replacement: Bool = False):
    """All choices of r elements of a vector in their order, a row each (torch.combinations)."""
    need(input.array.ndim == 1, "Expect a 1D vector, but got shape {}\nFlatten it.", input.array.shape)
    need(r >= 0, "Expect a non-negative number, but got {}\nPass 0 or more.", r)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.array.size), r)), np.int64)
    rows = rows.reshape(-1, r) if r else rows
    if not r:
        return wrap(np.zeros(0, input.array.dtype, like=input.array))
    return sp.reshape(index_select(input, 0, wrap(beside(rows.reshape(-1), input.array))), rows.shape)


@torch_function
def ravel(input: Tensor):
    """The elements as a vector (torch.ravel)."""
    return sp.reshape(input, (-1,))


__all__ = [
    "hstack", "vstack", "dstack", "row_stack", "atleast_1d", "atleast_2d", "atleast_3d", "column_stack",
    "hsplit", "vsplit", "dsplit", "split_with_sizes", "unsafe_split", "unsafe_chunk", "rot90", "block_diag",
    "cartesian_prod", "combinations", "ravel",
]
