"""torch's indexing: `x[index]` read and written, gather, scatter_add, index_select, nonzero."""
import warnings

import numpy as np

from ..engine.core import TensorBase, mode, owner, plain, repeats, wrap
from ..engine.errors import wrap_dim
from ..engine.inplace import inplace
from . import index as i
from . import pointwise as p
from .arguments import dtype_of, fitting, into, is_number, need_tensor, takes_axis, type_name
from .shape_public import expanded, reshape, view

WHOLE = slice(None)


def _step(part):
    """One part of an index as NumPy takes it, and how many dimensions it stands for (an ellipsis: none)."""
    if isinstance(part, TensorBase):
        part = plain(part)
        if part.ndim == 0 and part.dtype.kind in "iu":
            part = int(part)
    elif isinstance(part, (list, range, np.ndarray)):
        part = np.asarray(part)
        part = part.astype(np.int64) if part.dtype.kind == "f" and not part.size else part
    if isinstance(part, np.ndarray):
        if part.dtype == np.uint8:
            warnings.warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
                          "instead.", UserWarning, stacklevel=4)
            part = part.astype(bool)
        if part.dtype not in (np.bool_, np.int64, np.int32):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors\n"
                             "Convert the index with .long().")
        return part, part.ndim if part.dtype == bool else 1
    if isinstance(part, slice):
        part.indices(1)                         # raises Python's errors, which are torch's
        if part.step is not None and part.step.__index__() < 0:
            raise ValueError("step must be greater than zero\nFlip the dimension instead.")
        return slice(*[None if n is None else n.__index__() for n in (part.start, part.stop, part.step)]), 1
    if part is None or part is Ellipsis:
        return part, 0
    if isinstance(part, (bool, np.bool_)):
        return np.asarray(bool(part)), 0
    if isinstance(part, str):
        raise TypeError("new(): invalid data type 'str'\nIndex with numbers.")
    try:
        return part.__index__(), 1
    except (AttributeError, TypeError):
        raise IndexError("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
                         f"valid indices (got {type(part).__name__})\nIndex with one of these.") from None


def parse(index, shape):
    """An index as a person writes it, as a tuple for NumPy. Raises torch's IndexErrors."""
    steps = [_step(part) for part in (index if isinstance(index, tuple) else (index,))]
    parts, used = [part for part, _ in steps], sum([dims for _, dims in steps])
    if used > len(shape) == 0 and type(parts[0]) is int:
        raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                         "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number\n"
                         "It has no dimension to index.")
    if used > len(shape) == 0 and type(parts[0]) is slice:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.\nIt has no dimension to index.")
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}\n"
                         f"The tensor's shape is {list(shape)}.")
    if sum([part is Ellipsis for part in parts]) > 1:
        raise IndexError("an index has one ellipsis at most\nWrite slices for the other dimensions.")
    dim = 0
    for part, dims in steps:
        if part is Ellipsis:
            dim += len(shape) - used
        elif isinstance(part, np.ndarray) and part.dtype == bool:
            for k, size in enumerate(part.shape):
                if size != shape[dim + k]:
                    raise IndexError(f"The shape of the mask {list(part.shape)} at index {k} does not match "
                                     f"the shape of the indexed tensor {list(shape)} at index {dim + k}\n"
                                     "A mask has the shape of the dimensions it stands for.")
        elif isinstance(part, np.ndarray):
            _check_bounds(part[(part < -shape[dim]) | (part >= shape[dim])], dim, shape[dim])
        elif type(part) is int and not -shape[dim] <= part < shape[dim]:
            _check_bounds([part], dim, shape[dim])
        dim += dims
    given = [(np.count_nonzero(part),) if part.dtype == bool else part.shape
             for part in parts if isinstance(part, np.ndarray)]
    try:
        np.broadcast_shapes(*given)
    except ValueError:
        raise IndexError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                         f"{', '.join(str(list(s)) for s in given)}\n"
                         "Give indices of the same shape.") from None
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
        if isinstance(part, np.ndarray):
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
    return np.ndarray in kinds, int in kinds


def getitem(input, index):
    """`x[index]`: views for integers, slices, `...` and None; copies for integer and bool tensors."""
    array = plain(input)
    if type(index) is int and array.ndim and -len(array) <= index < len(array):
        return i.select(input, slices=(index, ...))     # by far the most common; `parse` takes the rest
    if index is Ellipsis:
        return p.alias(input)
    parts = parse(index, array.shape)
    arrays, integers = _kinds(parts)
    if arrays:
        if integers:
            first, parts = _apart(parts)
            input = getitem(input, first)
        return i.pick(input, index=parts)
    if Ellipsis not in parts:                   # so that NumPy gives a view, never a scalar
        parts = (*parts, Ellipsis)
    return (i.select if integers else i.take)(input, slices=parts)


def setitem(self, index, value):
    """`x[index] = value`, a tensor that broadcasts to the place, or a number."""
    parts = parse(index, self.array.shape)
    arrays, integers = _kinds(parts)
    if arrays and integers:
        first, then = _apart(parts)
        return setitem(getitem(self, first), then, value)
    if is_number(value):
        value = wrap(np.asarray(fitting(value, dtype_of(self)), self.array.dtype))
    elif not isinstance(value, TensorBase):
        raise TypeError(f"can't assign a {type_name(value)} to a torch.{dtype_of(self).legacy_name}Tensor\n"
                        "Assign a tensor or a number.")
    elif value.array.dtype != self.array.dtype:
        value = p.to(value, dtype=self.array.dtype)
    target, source = self.array[parts].shape, value.array.shape
    lead = next((d for d, side in enumerate(source) if side != 1), len(source))
    if lead > 0:                                # leading ones are dropped, as torch does
        value = view(value, source[lead:])
        source = source[lead:]
    if arrays:
        if len(source) > len(target) or [n for n, m in zip(source[::-1], target[::-1]) if n not in (1, m)]:
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {list(source)} cannot be broadcast to indexing "
                f"result of shape {list(target)}\nThe value must broadcast to the place.")
    else:
        expanded(value, target)                 # raises torch's errors
        if index is Ellipsis:
            inplace(p.copy, self, value, write=np.copyto)
            return
        if self.needs and self.node is None and mode.on:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place "
                               "operation.\nWrap the update in no_grad(), or write to a clone of the leaf.")
        if self.view_of is not None or repeats(self.array) or owner(value.array) is owner(self.array):
            # Errors, and what may be written, are those of the part.
            inplace(p.copy, getitem(self, index), value, write=np.copyto)
            return
    inplace(i.setitem, self, value, index=parts, basic=not arrays,
            write=lambda array, given: array.__setitem__(parts, given))


def _check_index(name, input, dim, index):
    """Raises torch's errors for a wrong `index` tensor; gives `dim` counted from the front."""
    need_tensor(name, input)
    need_tensor(name, index, "index", 3)
    dim = wrap_dim(dim, input.array.ndim)
    shape, own = index.array.shape, input.array.shape
    if index.array.dtype not in (np.int64, np.int32):
        label = "scatter" if name == "scatter_add" else name
        raise RuntimeError(f"{label}(): Expected dtype int32/int64 for index\nConvert it with .long().")
    if len(shape) != len(own) and max(len(shape), len(own)) > 1:
        raise RuntimeError("Index tensor must have the same number of dimensions as "
                           f"{'input' if name == 'gather' else 'self'} tensor\n"
                           "Unsqueeze or reshape the index.")
    for d, size in enumerate(shape):
        if d != dim and len(own) == len(shape) and size > own[d]:
            raise RuntimeError(f"Size does not match at dimension {d} expected index {list(shape)} to be no "
                               f"larger than self {list(own)} apart from dimension {dim}\nCut the index.")
    limit = own[dim] if own else 1
    bad = index.array[(index.array < 0) | (index.array >= limit)]
    if bad.size:
        raise RuntimeError(f"index {int(bad[0])} is out of bounds for dimension {dim} with size {limit}\n"
                           "Indices run from 0 to size - 1.")
    return dim


@takes_axis
def gather(input, dim, index, *, sparse_grad=False, out=None):
    """Elements picked along `dim` by an int64 Tensor of indices of the result's shape (torch.gather)."""
    dim = _check_index("gather", input, dim, index)
    if not input.array.ndim:
        return into(out, reshape(gather(reshape(input, (1,)), 0, reshape(index, (-1,))), index.array.shape))
    return into(out, i.gather(input, index, dim=dim))


def check_scatter(input, dim, index, src):
    """Raises torch's errors for arguments of scatter_add; gives `dim` counted from the front, and of `src`
    what the index asks for."""
    need_tensor("scatter_add", src, "src", 4)
    if input.array.dtype != src.array.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype\n"
                           "Convert one of them with .to(dtype).")
    dim = _check_index("scatter_add", input, dim, index)
    shape = index.array.shape
    if len(shape) == src.array.ndim and [n for n, m in zip(shape, src.array.shape) if n > m]:
        raise RuntimeError(
            f"Expected index {list(shape)} to be no larger than self {list(input.array.shape)} apart from "
            f"dimension {dim} and to be no larger size than src {list(src.array.shape)}\n"
            "Give a source for every index.")
    return dim, src if src.array.shape == shape else getitem(src, tuple([slice(0, n) for n in shape]))


@takes_axis
def scatter_add(input, dim, index, src, *, out=None):
    """input with src added at `index` along `dim`; indices may repeat (torch.scatter_add)."""
    need_tensor("scatter_add", input)
    dim, src = check_scatter(input, dim, index, src)
    if not input.array.ndim:
        flat = [reshape(x, (-1,)) for x in (index, src)]
        return into(out, reshape(scatter_add(reshape(input, (1,)), 0, *flat), ()))
    return into(out, i.scatter_add(input, index, src, dim=dim))


@takes_axis
def index_select(input, dim, index, *, out=None):
    """Slices along `dim` picked by a 1-D int Tensor (torch.index_select)."""
    need_tensor("index_select", input)
    need_tensor("index_select", index, "index", 3)
    dim = wrap_dim(dim, input.array.ndim)
    if index.array.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector\nFlatten it first.")
    if index.array.dtype not in (np.int64, np.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index\n"
                           "Convert it with .long().")
    if not input.array.ndim:
        return into(out, p.clone(input))
    size = input.array.shape[dim]
    if ((index.array < 0) | (index.array >= size)).any():
        raise IndexError("index out of range in self\nIndices run from 0 to size - 1.")
    return into(out, i.index_select(input, index if index.array.ndim else reshape(index, (1,)), dim=dim))


def nonzero(input, *, as_tuple=False, out=None):
    """The indices of the elements that are not zero: [n, ndim] int64, or a tuple per dimension
    (torch.nonzero)."""
    need_tensor("nonzero", input)
    into(out, None)
    found = np.nonzero(np.atleast_1d(plain(input)))
    if as_tuple:
        return tuple([wrap(where) for where in found])
    return wrap(np.stack(found).T if input.array.ndim else np.zeros((len(found[0]), 0), np.int64))


__all__ = ["gather", "scatter_add", "index_select", "nonzero"]
