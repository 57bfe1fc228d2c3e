"""torch's functions that pick, write and draw by index."""

import numpy as np

from .. import random
from ..engine.core import TensorBase, plain, wrap
from ..engine.errors import wrap_dim
from . import arrange as a
from . import arrange_public as ap
from . import index as i
from . import shape_public as sp
from .arguments import cast, dtype_of
from .index_public import check_scatter, gather, nonzero
from .signature import Bool, Float, Int, Number, Operand, Tensor, is_number, need, torch_function

# Picking and writing ----------------------------------------------------------------------------------------

@torch_function
def masked_select(input: Tensor, mask: Tensor, *, out=None):
    """The elements where `mask` is true, as a vector (torch.masked_select)."""
    need(mask.array.dtype == np.bool_, "masked_select: expected BoolTensor for mask\n"
         "Compare it with something first.")
    input, mask = ap.broadcast_tensors(input, mask)
    return input[mask]


@torch_function
def take(input: Tensor, index: Tensor, *, out=None):
    """Elements of the flattened tensor by number (torch.take)."""
    return sp.reshape(input, (-1,))[index]


@torch_function
def take_along_dim(input: Tensor, indices: Tensor, dim: Int = None, *, out=None):
    """Elements by index along `dim`, the other dimensions broadcast (torch.take_along_dim)."""
    if dim is None:
        return gather(sp.reshape(input, (-1,)), 0, sp.reshape(indices, (-1,)))
    dim = wrap_dim(dim, input.array.ndim)
    one = [*input.array.shape]
    one[dim] = 1
    two = [*indices.array.shape]
    two[dim] = 1
    shape = ap.broadcast_shapes(one, two)
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
        like = sp.expand(wrap(np.zeros((), input.array.dtype)), index.array.shape)
        return check_scatter(input, dim, index, like)[0], input.array.dtype.type(src)
    return check_scatter(input, dim, index, src)


@torch_function
def scatter(input: Tensor, dim: Int, index: Tensor, src: Operand, *, reduce=None, out=None):
    """input with `src`, a Tensor or a number, at `index` along `dim` (torch.scatter). reduce: not
    supported."""
    need(reduce is None, "scatter: reduce is not supported.\nUse scatter_add.", error=NotImplementedError)
    dim, src = scattering(input, dim, index, src)
    return a.scatter(input, index, src, dim=dim)


def _along(input, dim, index):
    """A vector of indices along `dim`, over all of the other dimensions."""
    dim = wrap_dim(dim, input.array.ndim)
    shape = list(input.array.shape)
    shape[dim] = index.array.size
    lined = sp.reshape(index, (1,) * dim + (-1,) + (1,) * (len(shape) - dim - 1))
    return dim, sp.expand(lined, tuple(shape))


@torch_function
def index_add(input: Tensor, dim: Int, index: Tensor, source: Tensor, *, alpha: Number = 1, out=None):
    """input with the slices of `source` added at `index` along `dim` (torch.index_add)."""
    dim, index = _along(input, dim, index)
    source = source if alpha == 1 else source * alpha
    return i.scatter_add(input, cast(index, np.dtype(np.int64)), source, dim=dim)


@torch_function
def index_fill(input: Tensor, dim: Int, index: Tensor, value: Operand):
    """input with `value` in the slices at `index` along `dim` (torch.index_fill)."""
    dim, index = _along(input, dim, index)
    if isinstance(value, TensorBase):
        return a.scatter(input, index, sp.expand(cast(value, input.array.dtype), index.array.shape), dim=dim)
    return a.scatter(input, index, input.array.dtype.type(value), dim=dim)


@torch_function
def index_copy(input: Tensor, dim: Int, index: Tensor, source: Tensor, *, out=None):
    """input with the slices of `source` at `index` along `dim` (torch.index_copy)."""
    dim, index = _along(input, dim, index)
    return a.scatter(input, index, source, dim=dim)


# Drawn ------------------------------------------------------------------------------------------------------

@torch_function
def multinomial(input: Tensor, num_samples: Int, replacement: Bool = False, *, generator=None, out=None):
    """Indices drawn with these weights, a row of them for each row; torch's stream (torch.multinomial)."""
    weights = plain(input)
    need(weights.dtype.kind == "f", "multinomial only supports floating-point dtypes for input, got: {}\n"
         "Convert the weights with .float().", dtype_of(input).legacy_name)
    need(weights.ndim in (1, 2), "prob_dist must be 1 or 2 dim\nReshape the weights.")
    need(num_samples > 0, "cannot sample n_sample <= 0 samples\nDraw one or more.")
    return wrap(random.multinomial(generator or random.default_generator, weights, num_samples, replacement))


@torch_function
def bernoulli(input: Tensor, p: Float = None, *, generator=None, out=None):
    """1 with the probability that `input` holds, or `p` everywhere, else 0; torch's stream
    (torch.bernoulli)."""
    generator = generator or random.default_generator
    if p is not None:
        return wrap(random.bernoulli(generator, input.array.shape, input.array.dtype, p))
    need(input.array.dtype.kind == "f", "\"bernoulli_tensor_cpu_self_\" not implemented for "
         "'{}'\nConvert the probabilities with .float().", dtype_of(input).legacy_name,
         error=NotImplementedError)
    return wrap(random.bernoulli_tensor(generator, plain(input), input.array.dtype))


__all__ = [
    "masked_select", "take", "take_along_dim", "argwhere", "scatter", "index_add", "index_fill",
    "index_copy", "multinomial", "bernoulli",
]
