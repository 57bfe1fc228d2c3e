"""torch's functions that rearrange, cut, join and index, and the matrix products."""
import math

from .. import dtypes
from ..engine.autocast import entered, lowered
from ..engine.core import plain
from ..engine.errors import check_broadcast, wrap_dim
from ..engine.op import REGISTRY
from ..random import C_NAMES
from . import linalg as la
from . import pointwise as p
from . import shape as s
from .arguments import FLOATS, INTS, as_dims, dim_of, dtype_of, need_kernel
from .kinds import Dims, Dtype, Int, Sizes, Tensor, Tensors
from .node_names import renamed
from .signature import family, need, refuse, torch_function, torch_method


def infer(shape, size):
    """`shape` with its -1 worked out. Raises torch's RuntimeErrors where it does not fit `size` elements."""
    shape = tuple(shape)
    unknown = [k for k, n in enumerate(shape) if n == -1]
    known = math.prod([n for n in shape if n != -1])
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred\nLeave a single -1.")
    for k, n in enumerate(shape):
        if n < -1:
            raise RuntimeError(f"invalid shape dimension {n} at index {k} of shape {list(shape)}\n"
                               "Sizes are non-negative; -1 stands for what is left.")
    if unknown and known == 0 and size == 0:
        raise RuntimeError(f"cannot reshape tensor of 0 elements into shape {list(shape)} because the "
                           "unspecified dimension size -1 can be any value and is ambiguous\n"
                           "Give every size.")
    if (unknown and (known == 0 or size % known)) or (not unknown and known != size):
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}\n"
                           "The number of elements must stay the same.")
    return tuple([size // known if n == -1 else n for n in shape])


def _viewable(array, shape):
    try:
        array.reshape(shape, copy=False)
    except ValueError:
        return False
    return True


@torch_method
def view(input: Tensor, size: Sizes | Dtype = None, *, dtype=None):
    """The same memory in another shape; one size may be -1 (Tensor.view). Raises RuntimeError where the sizes
    do not fit or the memory cannot be seen so."""
    if dtype or isinstance(size, dtypes.dtype):
        raise NotImplementedError("view(dtype) is not supported.\nUse .to(dtype) to convert.")
    if size is None:
        refuse("view")
    shape = infer(size, input.array.size)
    if not _viewable(plain(input), shape):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans "
            "across two contiguous subspaces). Use .reshape(...) instead.\nOr call .contiguous() first.")
    return s.view(input, shape=shape)


@torch_function
def reshape(input: Tensor, shape: Sizes):
    """The elements in another shape, as a view where the memory allows, else copied (torch.reshape)."""
    shape = infer(shape, input.array.size)
    return s.view(input if _viewable(plain(input), shape) else p.contiguous(input), shape=shape)


reshape_to = reshape.__wrapped__                # for sizes known to be ints


@torch_function
def flatten(input: Tensor, start_dim: Int = 0, end_dim: Int = -1):
    """Dimensions start_dim to end_dim made one (torch.flatten)."""
    shape = input.array.shape
    start, end = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim\nSwap them.")
    if not shape:
        return reshape_to(input, (1,))
    if start == end:
        return input
    return reshape_to(input, (*shape[:start], math.prod(shape[start:end + 1]), *shape[end + 1:]))


@torch_function
def permute(input: Tensor, dims: Sizes):
    """Dimensions in another order (torch.permute)."""
    if len(dims) != input.array.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
            f"desired ordering of dimensions i.e. input.dim() = {input.array.ndim} is not equal to len(dims) "
            f"= {len(dims)}\nName every dimension once.")
    found = tuple([wrap_dim(d, input.array.ndim) for d in dims])
    if len(set(found)) != len(found):
        raise RuntimeError("permute(): duplicate dims are not allowed.\nName every dimension once.")
    return s.permute(input, dims=found)


@torch_function
def transpose(input: Tensor, dim0: Int, dim1: Int):
    """Two dimensions swapped (torch.transpose)."""
    ndim = input.array.ndim
    dims = {"dim0": wrap_dim(dim0, ndim), "dim1": wrap_dim(dim1, ndim)}
    return s.transpose.apply((input,), dims)[0] if ndim else p.alias(input)


@torch_function
def t(input: Tensor):
    """The transpose of a matrix; vectors stay (torch.t). Raises RuntimeError beyond two dimensions."""
    if input.array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.array.ndim}D\n"
                           "Use .transpose(dim0, dim1) or .mT.")
    return s.t.apply((input,), {})[0] if input.array.ndim == 2 else p.alias(input)


@torch_function
def squeeze(input: Tensor, dim: Dims = None):
    """Without the dimensions of size 1, all or those named (torch.squeeze)."""
    shape = input.array.shape
    dims = range(len(shape)) if dim is None else as_dims(dim, len(shape)) or ()
    z = s.squeeze(input, dim=tuple([d for d in dims if shape[d] == 1]))
    return z if dim is None else renamed(z, f"SqueezeBackward{2 if isinstance(dim, tuple) else 1}")


@torch_function
def unsqueeze(input: Tensor, dim: Int):
    """With a new dimension of size 1 at `dim` (torch.unsqueeze)."""
    return s.unsqueeze(input, dim=wrap_dim(dim, input.array.ndim + 1))


@torch_method
def expand(input: Tensor, size: Sizes):
    """Dimensions of size 1 repeated without copying; -1 keeps a size (Tensor.expand)."""
    return s.expand(input, shape=expanded(input, size))


def expanded(input, sizes):
    """The shape that expanding to `sizes` gives. Raises torch's RuntimeErrors where they do not fit."""
    shape = input.array.shape
    lead = len(sizes) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.{dtype_of(input).legacy_name}Tensor{{{list(shape)}}}, size={list(sizes)}): the "
            f"number of sizes provided ({len(sizes)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({len(shape)})\nGive a size for every dimension.")
    full = list(sizes)
    for k in reversed(range(len(sizes))):       # torch names the last dimension that does not fit
        size, own = sizes[k], shape[k - lead] if k >= lead else None
        if size < -1:
            raise RuntimeError("numel: integer multiplication overflow\nSizes are not negative.")
        if size == -1 and own is None:
            raise RuntimeError("The expanded size of the tensor (-1) isn't allowed in a leading, "
                               f"non-existing dimension {k}\nGive the size.")
        if size != -1 and own not in (None, 1, size):
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({own}) at "
                f"non-singleton dimension {k}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(shape)}\n"
                "Only dimensions of size 1 can be expanded.")
        full[k] = own if size == -1 else size
    return tuple(full)


@torch_function
def cat(tensors: Tensors, dim: Int = 0, *, out=None):
    """Tensors joined along an existing dimension; their dtypes meet (torch.cat). Empty 1-D tensors are passed
    over."""
    need(tensors, "torch.cat(): expected a non-empty list of Tensors\nPass at least one tensor.",
         error=ValueError)
    kept = [x for x in tensors if x.array.shape != (0,)] or tensors[:1]
    for k, x in enumerate(tensors):
        need(x.array.ndim, "zero-dimensional tensor (at position {}) cannot be concatenated\n"
             "Use stack instead.", k)
    first = kept[0].array.shape
    dim = wrap_dim(dim, len(first))
    for k, x in enumerate(tensors):
        shape = x.array.shape
        if shape == (0,):
            continue
        need(len(shape) == len(first), "Tensors must have same number of dimensions: got {} and {}\n"
             "Unsqueeze the smaller ones.", len(first), len(shape))
        for d in range(len(first)):
            if d != dim and shape[d] != first[d]:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {first[d]} but "
                    f"got size {shape[d]} for tensor number {k} in the list.\n"
                    f"The shapes are {list(first)} and {list(shape)}.")
    none = (*first[:dim], 0, *first[dim + 1:])  # what is passed over still counts for dtype and graph
    parts = [s.view(x, shape=none) if x.array.shape == (0,) and len(first) > 1 else x for x in tensors]
    return s.cat(*parts, dim=dim)


concat = concatenate = cat


@torch_function
def stack(tensors: Tensors, dim: Int = 0, *, out=None):
    """Tensors of one shape joined along a new dimension (torch.stack)."""
    need(tensors, "stack expects a non-empty TensorList\nPass at least one tensor.")
    first = tensors[0].array.shape
    for k, x in enumerate(tensors):
        need(x.array.shape == first, "stack expects each tensor to be equal size, but got {} at entry 0 and "
             "{} at entry {}\nPad or cut them to one shape.", first, x.array.shape, k)
    return s.stack(*tensors, dim=wrap_dim(dim, len(first) + 1))


@torch_function
def split(tensor: Tensor, split_size_or_sections, dim: Int = 0):
    """Views of parts along `dim`: of one size (the last may be smaller), or of the sizes listed
    (torch.split)."""
    dim = wrap_dim(dim, tensor.array.ndim)
    need(tensor.array.ndim, "split expects at least a 1-dimensional tensor\nUnsqueeze it first.")
    size = tensor.array.shape[dim]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        need(step >= 0, "split expects split_size be non-negative, but got split_size={}\n"
             "Use a size over 0.", step)
        need(step or not size, "split_size can only be 0 if dimension size is 0, but got dimension size of "
             "{}\nUse a size over 0.", size)
        sizes = [step] * (size // step) + ([size % step] if size % step else []) if size else [0]
    else:
        sizes = list(split_size_or_sections)
        need(sum(sizes) == size and min(sizes, default=0) >= 0, "split_with_sizes expects split_sizes to sum "
             "exactly to {} (input tensor's size at dimension {}), but got split_sizes={}\n"
             "List sizes that add up.", size, dim, sizes)
    return s.split(tensor, sizes=tuple(sizes), dim=dim)


@torch_function
def chunk(input: Tensor, chunks: Int, dim: Int = 0):
    """At most `chunks` views of equal size along `dim` (torch.chunk)."""
    need(input.array.ndim, "chunk expects at least a 1-dimensional tensor\nUnsqueeze it first.")
    need(chunks > 0, "chunk expects `chunks` to be greater than 0, got: {}\nAsk for at least one.", chunks)
    dim = wrap_dim(dim, input.array.ndim)
    size = input.array.shape[dim]
    if not size:
        return s.split(input, sizes=(0,) * chunks, dim=dim)
    return split(input, -(-size // chunks), dim)


@torch_function
def unbind(input: Tensor, dim: Int = 0):
    """A tuple of the slices along `dim`, without it (torch.unbind)."""
    dim = dim_of(dim, input)
    return s.unbind(input, dim=dim) if input.array.shape[dim] else ()


def _triangle(name):
    def function(input: Tensor, diagonal: Int = 0, *, out=None):
        need(input.array.ndim > 1, "{}: input tensor must have at least 2 dimensions\n"
             "Unsqueeze it first.", name)
        return REGISTRY[name](input, diagonal=diagonal)
    return function


tril, triu = family(_triangle, "input {} the diagonal, zeros elsewhere", tril="on and below",
                    triu="on and above")


# Matrix products --------------------------------------------------------------------------------------------

def _same_dtype(text, x, y, kernel="bmm"):
    """Raises torch's errors for factors of different dtypes, or of bools."""
    dtype = x.array.dtype
    if dtype != y.array.dtype:
        raise RuntimeError(text.format(dtype_of(x), dtype_of(y), lower=(c_low(x), c_low(y))) +
                           "\nConvert one of them with .to(dtype).")
    if dtype.kind == "b":
        need_kernel(kernel, x, INTS + FLOATS)


def c_low(x):
    """C++'s name of a tensor's dtype, as torch's texts have it."""
    return C_NAMES[x.array.dtype.name]


@torch_function
def mm(input: Tensor, mat2: Tensor, *, out=None):
    """The product of two matrices, [n, k] · [k, m] (torch.mm). Dtypes must agree."""
    if entered[0]:
        input, mat2 = lowered(input, mat2)
    x, y = input.array, mat2.array
    for name, array in (("self", x), ("mat2", y)):
        if array.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix\nUse matmul for other shapes.")
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and "
                           f"{y.shape[0]}x{y.shape[1]})\n"
                           "The inner sizes must agree: transpose or reshape one of them.")
    _same_dtype("expected m1 and m2 to have the same dtype, but got: {lower[0]} != {lower[1]}", input, mat2,
                "addmm_impl_cpu_")
    return la.mm.apply((input, mat2), {})[0]


_mm = mm.__wrapped__                            # of what is known to be tensors
spmm = mm                                       # torch's takes sparse matrices too


@torch_function
def bmm(input: Tensor, mat2: Tensor, *, out=None):
    """Products of matrices per batch, [b, n, k] · [b, k, m] (torch.bmm). Dtypes must agree."""
    if entered[0]:
        input, mat2 = lowered(input, mat2)
    x, y = input.array.shape, mat2.array.shape
    for name, shape in (("batch1", x), ("batch2", y)):
        if len(shape) != 3:
            raise RuntimeError(f"{name} must be a 3D tensor\nUse matmul for other shapes.")
    if x[0] != y[0] or x[2] != y[1]:
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: [{x[0]}, {x[2]}] "
                           f"but got: [{y[0]}, {y[1]}].\nThe batch sizes and the inner sizes must agree.")
    _same_dtype("expected scalar type {0.legacy_name} but found {1.legacy_name}", input, mat2)
    return la.bmm(input, mat2)


@torch_function
def dot(input: Tensor, tensor: Tensor, *, out=None):
    """The inner product of two vectors (torch.dot)."""
    x, y = input.array, tensor.array
    need(x.ndim == y.ndim == 1, "1D tensors expected, but got {}D and {}D tensors\n"
         "Flatten them, or use matmul.", x.ndim, y.ndim)
    _same_dtype("dot : expected both vectors to have same dtype, but found {0.legacy_name} and "
                "{1.legacy_name}", input, tensor, "dot")
    need(x.shape == y.shape, "inconsistent tensor size, expected tensor [{0}] and src [{1}] to have the same "
         "number of elements, but got {0} and {1} elements respectively\nCut the longer one.", x.size, y.size)
    return la.dot(input, tensor)


@torch_function
def mv(input: Tensor, vec: Tensor, *, out=None):
    """A matrix times a vector, [n, k] · [k] (torch.mv)."""
    x, y = input.array.shape, vec.array.shape
    if len(x) != 2 or len(y) != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {len(y)}, {len(x)}, {len(y)}\n"
                           "Use matmul.")
    if x[1] != y[0]:
        raise RuntimeError(f"size mismatch, got input ({x[0]}), mat ({x[0]}x{x[1]}), vec ({y[0]})\n"
                           "The vector is as long as the matrix is wide.")
    _same_dtype("expected m1 and m2 to have the same dtype, but got: {lower[0]} != {lower[1]}", input, vec,
                "addmv_impl_cpu")
    return la.mv(input, vec)


@torch_function
def matmul(input: Tensor, other: Tensor, *, out=None):
    """The matrix product, vectors and batches as NumPy's (torch.matmul). Dtypes must agree."""
    if entered[0]:
        input, other = lowered(input, other)
    x, y = input.array.shape, other.array.shape
    if not x or not y:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {len(x)}D and "
                           f"{len(y)}D\nUse * for numbers.")
    if len(x) == 1 and len(y) == 1:
        return dot(input, other)
    if len(x) == 2 and len(y) == 2:
        return _mm(input, other)
    if len(x) == 2 and len(y) == 1:
        return mv(input, other)
    if len(x) == 1 and len(y) == 2:
        return squeeze(_mm(unsqueeze(input, 0), other), 0)
    if len(y) <= 2:                             # fold the batches into one tall matrix: a single product
        if len(y) == 1:
            return squeeze(matmul(input, unsqueeze(other, 1)), -1)
        tall = reshape_to(input, (-1, x[-1]) if x[-1] else (math.prod(x[:-1]), 0))
        return reshape_to(_mm(tall, other), (*x[:-1], y[-1]))
    if len(x) == 1:
        return squeeze(matmul(unsqueeze(input, 0), other), -2)
    if x[-1] != y[-2]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{math.prod(x[:-2])}, {x[-1]}] "
            f"but got: [{math.prod(y[:-2])}, {y[-2]}].\nThe inner sizes must agree.")
    check_broadcast(x[:-2], y[:-2])
    _same_dtype("expected scalar type {0.legacy_name} but found {1.legacy_name}", input, other)
    return la.bmm(input, other)

__all__ = [
    "reshape", "flatten", "permute", "transpose", "t", "squeeze", "unsqueeze", "cat", "concat",
    "concatenate", "stack", "split", "chunk", "unbind", "tril", "triu", "mm", "spmm", "bmm", "dot", "mv",
    "matmul",
]
