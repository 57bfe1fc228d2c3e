"""torch's reductions, and what normalises over a dimension: `dim` and its errors as torch has them."""
import warnings

import numpy as np

from .. import dtypes
from ..engine.autocast import widened
from ..engine.core import TensorBase, wrap
from ..engine.errors import wrap_dim
from ..engine.op import REGISTRY
from . import pointwise as p
from . import reduce as r
from .arguments import FLOATS, as_dims, cast, dtype_of, need_kernel
from .kinds import Bool, Dims, Float, Int, Tensor, type_name
from .node_names import renamed
from .public import maximum, minimum
from .signature import family, need, returned, torch_function

_HINT = "Convert it first, for example with .float()."


def _counted(input, dtype):
    """Sums and products of integers are int64."""
    if dtype is None and input.array.dtype.kind not in "biu":
        return input
    wanted = dtype or dtypes.int64
    return input if dtype_of(input) is wanted else p.to(input, dtype=wanted.numpy)


def _in_dtype(input, dtype):
    return input if dtype is None else _counted(input, dtype)


@torch_function
def sum(input: Tensor, dim: Dims = None, keepdim=False, *, dtype=None, out=None):
    """The sum over `dim` (an int, a tuple, or None for all); integers give int64 (torch.sum)."""
    z = r.sum(_counted(input, dtype), dim=as_dims(dim, input.array.ndim), keepdim=keepdim)
    z = z if dtype is None else cast(z, dtype.numpy)
    return z if dim is None else renamed(z, "SumBackward1")


@torch_function
def mean(input: Tensor, dim: Dims = None, keepdim=False, *, dtype=None, out=None):
    """The mean over `dim`; nan where nothing is averaged (torch.mean). Raises RuntimeError for integers."""
    input = _in_dtype(input, dtype)
    if input.array.dtype.kind in "biu":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex "
            f"dtype. Got: {dtype_of(input).legacy_name}\n{_HINT}")
    z = r.mean(input, dim=as_dims(dim, input.array.ndim), keepdim=keepdim)
    return z if dim is None else renamed(z, "MeanBackward1")


def _spread(name):
    def function(input: Tensor, dim: Bool | Dims = None, unbiased: Bool = True, keepdim=False, *,
                 correction: Float = None, out=None):
        if isinstance(dim, bool):               # torch's form std(input, unbiased)
            dim, unbiased = None, dim
        need(dtype_of(input).is_floating_point, "std and var only support floating point and complex dtypes\n"
             "Convert it first, for example with .float().")
        dims = as_dims(dim, input.array.ndim)
        if correction is None:
            correction = 1 if unbiased else 0
        if r.count(input.array.shape, dims) - correction <= 0:
            warnings.warn(f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than "
                          "the reduction factor (input numel divided by output numel).", UserWarning,
                          stacklevel=3)
        return REGISTRY[name](input, dim=dims, keepdim=keepdim, correction=correction)
    return function


var, std = family(_spread, "The {} over `dim`, divided by n − correction", var="variance",
                  std="standard deviation")


@torch_function
@widened
def prod(input: Tensor, dim: Int = None, keepdim=False, *, dtype=None, out=None):
    """The product of all elements, or over one `dim`; integers give int64 (torch.prod)."""
    dim = None if dim is None or not input.array.ndim else wrap_dim(dim, input.array.ndim)
    z = r.prod(_counted(input, dtype), dim=dim, keepdim=keepdim)
    return z if dim is None else renamed(z, "ProdBackward1")


def _need_elements(name, input, dim=None, error=IndexError):
    """Raises torch's errors where there is nothing to choose from: along `dim`, or at all."""
    if dim is None and not input.array.size:
        whole = " Specify the reduction dim with the 'dim' argument." * (error is RuntimeError)
        raise error(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.{whole}\n"
                    "The tensor has no elements.")
    if dim is not None and input.array.ndim and not input.array.shape[dim]:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.\n"
                         "The tensor has no elements there.")


def _extreme(name):
    pair = returned(name, "values", "indices")
    either = {"max": maximum, "min": minimum}[name]

    def function(input: Tensor, dim: Tensor | Int = None, keepdim=False, *, other=None, out=None):
        dim = dim if other is None else other
        if isinstance(dim, TensorBase):
            return either(input, dim)
        if dim is None:
            _need_elements(name, input, error=RuntimeError)
            return renamed(REGISTRY[f"a{name}"](input, dim=None, keepdim=False), f"{name.title()}Backward1")
        dim = wrap_dim(dim, input.array.ndim)
        _need_elements(name, input, dim)
        if not input.array.ndim:
            return pair(p.clone(input), wrap(np.zeros((), np.int64, like=input.array)))
        values, (indices,) = REGISTRY[f"{name}_dim"].full(input, dim=dim, keepdim=keepdim)
        return pair(values, wrap(indices))
    return function


max, min = family(
    _extreme, "The {} element; with `dim`, (values, indices) over it; with a Tensor, the {} of two. Without "
    "dim ties share the gradient; with dim the element at the index takes it all", max="largest",
    min="smallest")


def _whole(name):
    def function(input: Tensor, dim: Dims = (), keepdim=False, *, out=None):
        dims = as_dims(dim, input.array.ndim)
        if dims is None:
            _need_elements(name, input, error=RuntimeError)
        for d in dim if isinstance(dim, tuple) else (dim,):
            _need_elements(name, input, d)
        return REGISTRY[name](input, dim=dims, keepdim=keepdim)
    return function


amax, amin = family(_whole, "The {} element over `dim`; ties share the gradient", amax="largest",
                    amin="smallest")


def _place(name):
    def function(input: Tensor, dim: Int = None, keepdim=False, *, out=None):
        if input.array.dtype == np.bool_:
            raise RuntimeError(f"{name}(): does not support bool input\nConvert it to a number type first.")
        dim = None if dim is None else wrap_dim(dim, input.array.ndim)
        _need_elements(name, input, dim)
        return REGISTRY[name](input, dim=dim if input.array.ndim else None, keepdim=keepdim)
    return function


argmax, argmin = family(_place, "The index of the {} element, of the flattened tensor or over `dim`; int64",
                        argmax="largest", argmin="smallest")


def _truth(name):
    def function(input: Tensor, dim: Dims = None, keepdim=False, *, out=None):
        if dim == ():                           # here alone no dimension is none
            found = input != 0
        else:
            found = REGISTRY[name](input, dim=as_dims(dim, input.array.ndim), keepdim=keepdim)
        return p.to(found, dtype=np.dtype(np.uint8)) if input.array.dtype == np.uint8 else found
    return function


any, all = family(_truth, "{}, over `dim` or all; uint8 gives uint8", any="Is any element true",
                  all="Are all elements true")


@torch_function
def norm(input: Tensor, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The vector p-norm over `dim`, of all elements by default (torch.norm); its gradient at the origin is
    0."""
    parts = dim if isinstance(dim, (tuple, list)) else () if dim is None else (dim,)
    need(not [d for d in parts if not isinstance(d, (int, np.integer))], "linalg_vector_norm(): argument "
         "'dim' (position 3) must be tuple of ints, not {}\nName dimensions by number.", type_name(dim),
         error=TypeError)
    kind = "matrix" if p == "fro" and len(parts) > 2 else "vector"
    need(dtype_of(input).is_floating_point, "linalg.{}_norm: Expected a floating point or complex tensor as "
         "input. Got {}\nConvert it first, for example with .float().", kind, input)
    input = _in_dtype(input, dtype)
    need(kind == "vector", "linalg.matrix_norm: dim must be a 2-tuple. Got {}\n"
         "Pass p=2 for a norm over several dimensions.", " ".join(map(str, parts)))
    if p == "nuc":
        from .. import linalg
        return linalg.matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim)
    need(not isinstance(p, str) or p == "fro", "norm: p={!r} is not supported.\nUse 'fro' or a number.", p,
         error=NotImplementedError)
    dims = as_dims(tuple(dim) if isinstance(dim, list) else dim, input.array.ndim)
    if p in (np.inf, -np.inf) and not input.array.size:
        empty = [f"the dimension {d}because this dimension is empty" for d in parts
                 if not input.array.shape[d]] or ["an empty tensor because"] * (dims is None)
        if empty:
            text = empty[0] + " and" * (empty[0] != "an empty tensor because")
            raise RuntimeError(f"linalg.vector_norm cannot compute the {p} norm on {text} the operation does "
                               "not have an identity\nThere is nothing to choose from.")
    if p in ("fro", 2, None):
        return r.norm(input, dim=dims, keepdim=keepdim)
    return r.norm_p(input, float(p), dims, keepdim)


@torch_function
def logsumexp(input: Tensor, dim: Dims, keepdim=False, *, out=None):
    """ln Σ exp over `dim`, without overflow (torch.logsumexp)."""
    if input.array.dtype.kind in "biu":
        input = p.to(input, dtype=dtypes.get_default_dtype().numpy)
    dims = as_dims(dim, input.array.ndim) or tuple(range(input.array.ndim))
    return r.logsumexp(input, dim=dims, keepdim=keepdim) if input.array.ndim else p.alias(input) * 1


def _soft(name):
    made = REGISTRY[name]

    def function(input: Tensor, dim: Int, dtype=None, *, out=None):
        input = _in_dtype(input, dtype)
        if input.array.dtype.kind in "biu" and input.array.size:
            where = "_lastdim" if wrap_dim(dim, input.array.ndim) >= input.array.ndim - 1 else ""
            need_kernel(f"{name}{where}_kernel_impl", input, FLOATS)
        dim = wrap_dim(dim, input.array.ndim)
        return made(input, dim=dim) if input.array.ndim else made(input.view(1), dim=0).view(())
    return function


softmax, log_softmax = family(_soft, "{} over `dim`", softmax="exp(x) / Σ exp(x)",
                              log_softmax="x − ln Σ exp(x)")

__all__ = [
    "sum", "mean", "var", "std", "prod", "max", "min", "amax", "amin", "argmax", "argmin", "any", "all",
    "norm", "logsumexp", "softmax", "log_softmax",
]
