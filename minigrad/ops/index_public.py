"""torch's indexing: `x[index]` read and written, gather, scatter_add, index_select, nonzero."""
import warnings

import numpy as np

from ..backends.arrays import TYPES, host, is_array, moved, outside, place_of, zero_d
from ..engine.core import TensorBase, mode, owner, plain, repeats, wrap
from ..engine.errors import wrap_dim
from ..engine.inplace import check_leaf, inplace
from . import index as i
from . import pointwise as p
from .arguments import cast, dtype_of, fitting
from .kinds import Bool, Int, Tensor, is_number, type_name
from .node_names import renamed
from .shape_public import expanded, reshape_to, view
from .signature import need, torch_function

WHOLE = slice(None)
# A list that holds one of these stands for a tuple, as in old NumPy and in torch.
_SEVERAL = (list, tuple, slice, TensorBase, np.ndarray, type(None), type(Ellipsis))


def _step(part, place):
    """One part of an index as NumPy takes it, and how many dimensions it stands for (an ellipsis: none).
    place: where what is indexed is; arrays go along."""
    if isinstance(part, TensorBase):
        part = plain(part)
        if part.ndim == 0 and part.dtype.kind in "iu":
            part = int(host(part))
    elif isinstance(part, (list, range, np.ndarray)):
        part = np.asarray(part)
        part = part.astype(np.int64) if part.dtype.kind == "f" and not part.size else part
    if is_array(part):
        need(place_of(part) in ("cpu", place), "indices should be either on cpu or on the same device as the "
             "indexed tensor (cpu)\nMove the index with .cpu().")
        part = moved(part, place)
        if part.dtype == np.uint8:
            warnings.warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
                          "instead.", UserWarning, stacklevel=4)
            part = part.astype(bool)
        need(part.dtype in (np.bool_, np.int64, np.int32), "tensors used as indices must be long, int, byte "
             "or bool tensors\nConvert the index with .long().", error=IndexError)
        return part, part.ndim if part.dtype == bool else 1
    if isinstance(part, slice):
        part.indices(1)                         # raises Python's errors, which are torch's
        if part.step is not None and part.step.__index__() < 0:
            raise ValueError("step must be greater than zero\nFlip the dimension instead.")
        return slice(*[None if n is None else n.__index__() for n in (part.start, part.stop, part.step)]), 1
    if part is None or part is Ellipsis:
        return part, 0
    if isinstance(part, (bool, np.bool_)):
        return moved(np.asarray(bool(part)), place), 0
    if isinstance(part, str):
        raise TypeError("new(): invalid data type 'str'\nIndex with numbers.")
    try:
        return part.__index__(), 1
    except (AttributeError, TypeError):
        raise IndexError("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
                         f"valid indices (got {type(part).__name__})\nIndex with one of these.") from None


def parse(index, array, written=None):
    """An index of `array` as a person writes it, as a tuple for NumPy. Raises torch's IndexErrors; but before
    it looks into arrays its errors for `written`, a tensor that may not be written in place."""
    shape, place = array.shape, place_of(array)
    if type(index) is list and len(index) < 32 and any([isinstance(part, _SEVERAL) for part in index]):
        warnings.warn("Using a non-tuple sequence for multidimensional indexing is deprecated and will be "
                      "changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will "
                      "be interpreted as tensor index, x[torch.tensor(seq)], which will result either in an "
                      "error or a different result", UserWarning, stacklevel=4)
        index = tuple(index)
    steps = [_step(part, place) for part in (index if isinstance(index, tuple) else (index,))]
    parts, used = [part for part, _ in steps], sum([dims for _, dims in steps])
    if used > len(shape):
        kind = None if shape else type(parts[0])
        need(kind is not int, "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
             "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number\nIt has no dimension to index.",
             error=IndexError)
        need(kind is not slice, "slice() cannot be applied to a 0-dim tensor.\nIt has no dimension to index.",
             error=IndexError)
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}\n"
                         f"The tensor's shape is {list(shape)}.")
    need(sum([part is Ellipsis for part in parts]) < 2,
         "an index has one ellipsis at most\nWrite slices for the other dimensions.", error=IndexError)
    dim, arrays = 0, []
    for part, dims in steps:
        if part is Ellipsis:
            dim += len(shape) - used
        elif is_array(part):
            arrays.append((part, dim))
        elif type(part) is int and not -shape[dim] <= part < shape[dim]:
            _check_bounds([part], dim, shape[dim])
        dim += dims
    if arrays and written is not None and mode.on and written.needs:
        first = _apart(parts)[0]
        whole = array[first].shape == shape and {type(part) for part in first} <= {slice, type(Ellipsis)}
        check_leaf(written if whole else getitem(written, first))
    for part, dim in arrays:
        if part.dtype == bool:
            for k, size in enumerate(part.shape):
                need(size == shape[dim + k], "The shape of the mask {} at index {} does not match the shape "
                     "of the indexed tensor {} at index {}\nA mask has the shape of the dimensions it stands "
                     "for.", part.shape, k, shape, dim + k, error=IndexError)
        else:
            _check_bounds(outside(part, -shape[dim], shape[dim], "An index is out of bounds for dimension "
                                  f"{dim} with size {shape[dim]}."), dim, shape[dim])
    masks = [part for part, _ in arrays if part.dtype == bool]
    given = [part.shape for part, _ in arrays if part.dtype != bool]
    if masks and (given or len(masks) > 1):     # a mask alone meets no other index, and need not be counted
        given += [(int(np.count_nonzero(mask)),) for mask in masks]
    try:
        np.broadcast_shapes(*given)
    except ValueError:
        raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                         f"{', '.join(str(list(s)) for s in given)}\n"
                         "Give indices of the same shape.") from None
    if len(masks) > 1 and place == "cuda":      # CuPy takes one
        parts = [step for part in parts for step in (
            part.nonzero() if is_array(part) and part.dtype == bool and part.ndim else (part,))]
    return tuple(parts)


def _check_bounds(bad, dim, size):
    if len(bad):
        raise IndexError(f"index {int(bad[0])} is out of bounds for dimension {dim} with size {size}\n"
                         "Indices run from -size to size - 1.")


def _apart(parts):
    """An index in two: integers, slices and None, which make a view, then the arrays, which index that view.
    So does torch: in NumPy an integer beside arrays is an array, too, and moves dimensions."""
    first, then = [], []
    for part in parts:
        if is_array(part):
            first += [WHOLE] * (part.ndim if part.dtype == bool else 1)
            then.append(part)
        else:
            first.append(part)
            if type(part) is not int:
                then.append(part if part is Ellipsis else WHOLE)
    return tuple(first), tuple(then)


def _kinds(parts):
    """Does an index hold arrays, does it hold integers?"""
    kinds = {type(part) for part in parts}
    return not kinds.isdisjoint(TYPES), int in kinds


def getitem(input, index):
    """`x[index]`: views for integers, slices, `...` and None; copies for integer and bool tensors."""
    array = plain(input)
    if type(index) is int and array.ndim and -len(array) <= index < len(array):
        return i.select(input, slices=(index, ...))     # by far the most common; `parse` takes the rest
    if index is Ellipsis:
        return p.alias(input)
    parts = parse(index, array)
    arrays, integers = _kinds(parts)
    if arrays:
        if integers:
            first, parts = _apart(parts)
            input = getitem(input, first)
        return i.pick(input, index=parts)
    last = next((part for part in parts[::-1] if part is not Ellipsis and part != WHOLE), WHOLE)
    if Ellipsis not in parts:                   # so that NumPy gives a view, never a scalar
        parts = (*parts, Ellipsis)
    z = (i.select if integers else i.take)(input, slices=parts)
    return renamed(z, "UnsqueezeBackward0" if last is None else
                   "SelectBackward0" if type(last) is int else "SliceBackward0")


def check_placed(source, target):
    """Raises torch's RuntimeError where values of shape `source` do not broadcast to an index's place."""
    fits = len(source) <= len(target) and all([n in (1, m) for n, m in zip(source[::-1], target[::-1])])
    need(fits, "shape mismatch: value tensor of shape {} cannot be broadcast to indexing result of shape {}\n"
         "The value must broadcast to the place.", source, target)


def setitem(self, index, value):
    """`x[index] = value`, a tensor that broadcasts to the place, or a number."""
    need(is_number(value) or isinstance(value, TensorBase), "can't assign a {} to a torch.{}Tensor\n"
         "Assign a tensor or a number.", type_name(value), self, error=TypeError)
    parts = parse(index, self.array, self)
    arrays, integers = _kinds(parts)
    if arrays and integers:
        first, then = _apart(parts)
        return setitem(getitem(self, first), then, value)
    if is_number(value):
        value = wrap(zero_d(fitting(value, dtype_of(self)), self.array.dtype, self.array))
    else:
        value = cast(value, self.array.dtype)
        if place_of(value.array) != place_of(self.array) and not (arrays and value.array.ndim):
            value = p.to(value, dtype=value.array.dtype, place=place_of(self.array))
    source = value.array.shape
    target = self.array[parts].shape if source or not arrays else ()    # counting a mask would wait for a GPU
    lead = next((d for d, side in enumerate(source) if side != 1), len(source))
    if lead > 0:                                # leading ones are dropped, as torch does
        value = view(value, source[lead:])
        source = source[lead:]
    if arrays:
        check_placed(source, target)
    else:
        expanded(value, target)                 # raises torch's errors
        if target == self.array.shape and {type(part) for part in parts} <= {slice, type(Ellipsis)}:
            inplace(p.copy, self, value, write=np.copyto)
            return
        leaf = self.needs and self.node is None and mode.on
        if leaf or self.view_of is not None or repeats(self.array) or owner(value.array) is owner(self.array):
            # Errors, and what may be written, are those of the part.
            inplace(p.copy, getitem(self, index), value, write=np.copyto)
            return
    inplace(i.index_put if arrays else i.setitem, self, value, index=parts,
            write=lambda array, given: array.__setitem__(parts, given))


def _check_index(name, input, dim, index):
    """Raises torch's errors for a wrong `index` tensor; gives `dim` counted from the front."""
    dim = wrap_dim(dim, input.array.ndim)
    shape, own = index.array.shape, input.array.shape
    need(index.array.dtype in (np.int64, np.int32), "{}(): Expected dtype int32/int64 for index\n"
         "Convert it with .long().", name.removesuffix("_add"))
    need(len(shape) == len(own) or max(len(shape), len(own)) <= 1, "Index tensor must have the same number "
         "of dimensions as {} tensor\nUnsqueeze or reshape the index.",
         "input" if name == "gather" else "self")
    for d, (size, most) in enumerate(zip(shape, own)):
        need(d == dim or len(own) != len(shape) or size <= most, "Size does not match at dimension {} "
             "expected index {} to be no larger than self {} apart from dimension {}\nCut the index.",
             d, shape, own, dim)
    limit = own[dim] if own else 1
    bad = outside(index.array, 0, limit, f"An index of {name} is out of bounds.")
    need(not len(bad), "index {} is out of bounds for dimension {} with size {}\n"
         "Indices run from 0 to size - 1.", *bad[:1], dim, limit)
    return dim


@torch_function
def gather(input: Tensor, dim: Int, index: Tensor, *, sparse_grad: Bool = False, out=None):
    """Elements picked along `dim` by an int64 Tensor of indices of the result's shape (torch.gather)."""
    dim = _check_index("gather", input, dim, index)
    if not input.array.ndim or not index.array.ndim:
        return reshape_to(gather(reshape_to(input, (-1,)), 0, reshape_to(index, (-1,))), index.array.shape)
    return i.gather(input, index, dim=dim)


def check_scatter(input, dim, index, src):
    """Raises torch's errors for arguments of scatter_add; gives `dim` counted from the front, and of `src`
    what the index asks for."""
    need(input.array.dtype == src.array.dtype, "scatter(): Expected self.dtype to be equal to src.dtype\n"
         "Convert one of them with .to(dtype).")
    dim = _check_index("scatter_add", input, dim, index)
    shape = index.array.shape
    need(len(shape) == src.array.ndim or max(len(shape), src.array.ndim) < 2, "Index tensor must have the "
         "same number of dimensions as src tensor\nUnsqueeze or reshape one of them.")
    need(len(shape) != src.array.ndim or not [n for n, m in zip(shape, src.array.shape) if n > m],
         "Expected index {} to be no larger than self {} apart from dimension {} and to be no larger size "
         "than src {}\nGive a source for every index.", shape, input.array.shape, dim, src.array.shape)
    if len(shape) != src.array.ndim:            # one of them has no dimensions
        return dim, reshape_to(src, shape)
    return dim, src if src.array.shape == shape else getitem(src, tuple([slice(0, n) for n in shape]))


def written(write, input, index, src, dim, **attrs):
    """`write(input, index, src)` along `dim`; a tensor without dimensions counts as a vector of one."""
    if input.array.ndim and index.array.ndim:
        return write(input, index, src, dim=dim, **attrs)
    flat = [reshape_to(x, (-1,)) if isinstance(x, TensorBase) else x for x in (input, index, src)]
    return reshape_to(write(*flat, dim=0, **attrs), input.array.shape)


@torch_function
def scatter_add(input: Tensor, dim: Int, index: Tensor, src: Tensor, *, out=None):
    """input with src added at `index` along `dim`; indices may repeat (torch.scatter_add)."""
    dim, src = check_scatter(input, dim, index, src)
    return written(i.scatter_add, input, index, src, dim)


@torch_function
def index_select(input: Tensor, dim: Int, index: Tensor, *, out=None):
    """Slices along `dim` picked by a 1-D int Tensor (torch.index_select)."""
    dim = wrap_dim(dim, input.array.ndim)
    need(index.array.ndim < 2, "index_select(): Index is supposed to be a vector\nFlatten it first.",
         error=IndexError)
    need(index.array.dtype in (np.int64, np.int32), "index_select(): Expected dtype int32 or int64 for "
         "index\nConvert it with .long().")
    size, count = (input.array.shape or (1,))[dim], index.array.size
    need(input.array.ndim or count == 1, "index_select(): Index to scalar can have only 1 value, got {} "
         "value(s)\nA tensor without dimensions has one element.", count)
    need(size or not count or input.array.ndim < 2, "index_select(): self indexing axis dim should be "
         "positive\nThere is nothing to choose from.")
    need(not len(outside(index.array, 0, size, "An index of index_select is out of range.")),
         "index out of range in self\nIndices run from 0 to size - 1.", error=IndexError)
    if not input.array.ndim:
        return p.clone(input)
    return i.index_select(input, index if index.array.ndim else reshape_to(index, (1,)), dim=dim)


@torch_function
def nonzero(input: Tensor, *, as_tuple: Bool = False, out=None):
    """The indices of the elements that are not zero: [n, ndim] int64, or a tuple per dimension
    (torch.nonzero)."""
    array = plain(input)
    found = np.nonzero(array if array.ndim else array.reshape(1))
    if as_tuple:
        return tuple([wrap(where) for where in found])
    return wrap(np.stack(found).T if input.array.ndim else np.zeros((len(found[0]), 0), np.int64, like=array))


__all__ = ["gather", "scatter_add", "index_select", "nonzero"]
