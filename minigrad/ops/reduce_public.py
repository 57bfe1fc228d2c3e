"""torch's reductions, and what normalises over a dimension: `dim` and its errors as torch has them."""
import warnings
from collections import namedtuple

import numpy as np

from .. import dtypes
from ..engine.core import TensorBase, wrap
from ..engine.errors import wrap_dim
from . import pointwise as p
from . import reduce as r
from .arguments import as_dims, check_dim, dtype_of, into, need_tensor, takes_axis, type_name
from .public import maximum, minimum


def _counted(input, dtype):
    """Sums and products of integers are int64."""
    if dtype is None and input.array.dtype.kind not in "biu":
        return input
    wanted = dtypes.int64 if dtype is None else dtype
    return input if dtype_of(input) is wanted else p.to(input, dtype=wanted.numpy)


@takes_axis
def sum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum over `dim` (an int, a tuple, or None for all); integers give int64 (torch.sum)."""
    need_tensor("sum", input)
    check_dim("sum", input, dim)
    return into(out, r.sum(_counted(input, dtype), dim=as_dims(dim, input.array.ndim), keepdim=keepdim))


def _need_float(name, input):
    if input.array.dtype.kind in "biu":
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point or complex "
            f"dtype. Got: {dtype_of(input).legacy_name}\nConvert it first, for example with .float().")


@takes_axis
def mean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean over `dim`; nan where nothing is averaged (torch.mean). Raises RuntimeError for integers."""
    need_tensor("mean", input)
    check_dim("mean", input, dim)
    if dtype is not None:
        input = _counted(input, dtype)
    _need_float("mean", input)
    return into(out, r.mean(input, dim=as_dims(dim, input.array.ndim), keepdim=keepdim))


def _spread_of(name, made, input, dim, unbiased, correction, keepdim):
    need_tensor(name, input)
    check_dim(name, input, dim)
    if input.array.dtype.kind in "biu":
        raise RuntimeError("std and var only support floating point and complex dtypes\n"
                           "Convert it first, for example with .float().")
    if isinstance(dim, bool):                   # torch's overload std(input, unbiased)
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased else 0
    dims = as_dims(dim, input.array.ndim)
    if r.count(input.array.shape, dims) - correction <= 0:
        warnings.warn(f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
                      "reduction factor (input numel divided by output numel).", UserWarning, stacklevel=3)
    return made(input, dim=dims, keepdim=keepdim, correction=correction)


@takes_axis
def var(input, dim=None, unbiased=True, keepdim=False, *, correction=None, out=None):
    """The variance over `dim`, divided by n − correction (torch.var)."""
    return into(out, _spread_of("var", r.var, input, dim, unbiased, correction, keepdim))


@takes_axis
def std(input, dim=None, unbiased=True, keepdim=False, *, correction=None, out=None):
    """The standard deviation over `dim`, divided by n − correction (torch.std)."""
    return into(out, _spread_of("std", r.std, input, dim, unbiased, correction, keepdim))


@takes_axis
def prod(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The product of all elements, or over one `dim`; integers give int64 (torch.prod)."""
    need_tensor("prod", input)
    check_dim("prod", input, dim)
    dim = None if dim is None or not input.array.ndim else wrap_dim(dim, input.array.ndim)
    return into(out, r.prod(_counted(input, dtype), dim=dim, keepdim=keepdim))


def _pair(name):
    pair = namedtuple(name, ["values", "indices"])
    pair.__repr__ = lambda self: \
        f"torch.return_types.{name}(\nvalues={self.values!r},\nindices={self.indices!r})"
    return pair


_MaxPair, _MinPair = _pair("max"), _pair("min")


def _extreme(name, made, whole, either, pair, input, dim, keepdim):
    need_tensor(name, input)
    if isinstance(dim, TensorBase):
        return either(input, dim)
    check_dim(name, input, dim)
    if dim is None:
        if not input.array.size:
            raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                               "Specify the reduction dim with the 'dim' argument.\n"
                               "The tensor has no elements.")
        return whole(input, dim=None, keepdim=False)
    dim = wrap_dim(dim, input.array.ndim)
    _need_elements(f"{name}()", input, dim)
    if not input.array.ndim:
        return pair(p.alias(input), wrap(np.zeros((), np.int64)))
    values, (indices,) = made.full(input, dim=dim, keepdim=keepdim)
    return pair(values, wrap(indices))


def _need_elements(name, input, dim):
    if input.array.ndim and not input.array.shape[dim]:
        raise IndexError(f"{name}: Expected reduction dim {dim} to have non-zero size.\n"
                         "The tensor has no elements there.")


@takes_axis
def max(input, dim=None, keepdim=False, *, other=None, out=None):
    """The largest element; with `dim`, (values, indices) over it; with a Tensor, `maximum` (torch.max).

    Without dim ties share the gradient; with dim the element at the index takes it all.
    """
    return into(out,
                _extreme("max", r.max_dim, r.amax, maximum, _MaxPair, input, dim if other is None else other,
                          keepdim))


@takes_axis
def min(input, dim=None, keepdim=False, *, other=None, out=None):
    """The smallest element; with `dim`, (values, indices) over it; with a Tensor, `minimum` (torch.min)."""
    return into(out,
                _extreme("min", r.min_dim, r.amin, minimum, _MinPair, input, dim if other is None else other,
                          keepdim))


def _whole(name, made, input, dim, keepdim):
    need_tensor(name, input)
    check_dim(name, input, dim, "tuple of ints")
    dims = as_dims(dim, input.array.ndim)
    if dims is None and not input.array.size:
        raise RuntimeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                           "Specify the reduction dim with the 'dim' argument.\nThe tensor has no elements.")
    for d in dim if isinstance(dim, (tuple, list)) else () if dim is None else (dim,):
        _need_elements(f"{name}()", input, d)
    return made(input, dim=dims, keepdim=keepdim)


@takes_axis
def amax(input, dim=(), keepdim=False, *, out=None):
    """The largest element over `dim`; ties share the gradient (torch.amax)."""
    return into(out, _whole("amax", r.amax, input, dim, keepdim))


@takes_axis
def amin(input, dim=(), keepdim=False, *, out=None):
    """The smallest element over `dim`; ties share the gradient (torch.amin)."""
    return into(out, _whole("amin", r.amin, input, dim, keepdim))


def _argument(name, made, input, dim, keepdim):
    need_tensor(name, input)
    check_dim(name, input, dim, "int")
    if input.array.dtype == np.bool_:
        raise RuntimeError(f"{name}(): does not support bool input\nConvert it to a number type first.")
    if dim is None:
        if not input.array.size:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.\n"
                             "The tensor has no elements.")
        return made(input, dim=None, keepdim=keepdim)
    dim = wrap_dim(dim, input.array.ndim)
    _need_elements(f"{name}()", input, dim)
    return made(input, dim=dim if input.array.ndim else None, keepdim=keepdim)


@takes_axis
def argmax(input, dim=None, keepdim=False, *, out=None):
    """The index of the largest element, of the flattened tensor or over `dim`; int64 (torch.argmax)."""
    return into(out, _argument("argmax", r.argmax, input, dim, keepdim))


@takes_axis
def argmin(input, dim=None, keepdim=False, *, out=None):
    """The index of the smallest element, of the flattened tensor or over `dim`; int64 (torch.argmin)."""
    return into(out, _argument("argmin", r.argmin, input, dim, keepdim))


def _truth(name, made, input, dim, keepdim):
    need_tensor(name, input)
    check_dim(name, input, dim)
    found = made(input, dim=as_dims(dim, input.array.ndim), keepdim=keepdim)
    return p.to(found,
                dtype=np.dtype(np.uint8)) if input.array.dtype == np.uint8 else found     # as torch does


@takes_axis
def any(input, dim=None, keepdim=False, *, out=None):
    """Is any element true, over `dim` or all (torch.any)."""
    return into(out, _truth("any", r.any, input, dim, keepdim))


@takes_axis
def all(input, dim=None, keepdim=False, *, out=None):
    """Are all elements true, over `dim` or all (torch.all)."""
    return into(out, _truth("all", r.all, input, dim, keepdim))


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The vector p-norm over `dim`, of all elements by default (torch.norm); its gradient at the origin is
    0."""
    need_tensor("norm", input)
    if dtype is not None:
        input = _counted(input, dtype)
    parts = dim if isinstance(dim, (tuple, list)) else () if dim is None else (dim,)
    if [d for d in parts if not isinstance(d, (int, np.integer))]:
        raise TypeError("linalg_vector_norm(): argument 'dim' (position 3) must be tuple of ints, not "
                        f"{type_name(dim)}\nName dimensions by number.")
    kind = "matrix" if p == "fro" and len(parts) > 2 else "vector"
    if input.array.dtype.kind != "f":
        raise RuntimeError(f"linalg.{kind}_norm: Expected a floating point or complex tensor as input. Got "
                           f"{dtype_of(input).legacy_name}\nConvert it first, for example with .float().")
    if kind == "matrix":
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, parts))}\n"
                           "Pass p=2 for a norm over several dimensions.")
    if p == "nuc" or isinstance(p, str) and p != "fro":
        raise NotImplementedError(f"norm: p={p!r} is not supported.\nUse 'fro' or a number.")
    dims = as_dims(dim, input.array.ndim)
    if p in (np.inf, -np.inf) and not input.array.size:
        for d in parts:
            if not input.array.shape[d]:
                raise RuntimeError(f"linalg.vector_norm cannot compute the {p} norm on the dimension "
                                   f"{d}because this dimension is empty and the operation does not have an "
                                   "identity\nThere is nothing to choose from.")
        if dims is None:
            raise RuntimeError(f"linalg.vector_norm cannot compute the {p} norm on an empty tensor because "
                               "the operation does not have an identity\nThere is nothing to choose from.")
    if p in ("fro", 2, None):
        return into(out, r.norm(input, dim=dims, keepdim=keepdim))
    return into(out, r.norm_p(input, float(p), dims, keepdim))


@takes_axis
def logsumexp(input, dim, keepdim=False, *, out=None):
    """ln Σ exp over `dim`, without overflow (torch.logsumexp)."""
    need_tensor("logsumexp", input)
    if input.array.dtype.kind in "biu":
        input = p.to(input, dtype=dtypes.get_default_dtype().numpy)
    return into(out, r.logsumexp(input, dim=as_dims(dim, input.array.ndim) or (), keepdim=keepdim)
                if input.array.ndim else p.alias(input) * 1)


def _soft(name, made, input, dim, dtype):
    need_tensor(name, input)
    if dtype is not None:
        input = _counted(input, dtype)
    if input.array.dtype.kind != "f" and input.array.size:
        where = "_lastdim" if wrap_dim(dim, input.array.ndim) >= input.array.ndim - 1 else ""
        raise NotImplementedError(f"\"{name}{where}_kernel_impl\" not implemented for "
                           f"'{dtype_of(input).legacy_name}'\nConvert it first, for example with .float().")
    dim = wrap_dim(dim, input.array.ndim)
    if not input.array.ndim:
        return made(input.view(1), dim=0).view(())
    return made(input, dim=dim)


@takes_axis
def softmax(input, dim, dtype=None, *, out=None):
    """exp(x) / Σ exp(x) over `dim` (torch.softmax)."""
    return into(out, _soft("softmax", r.softmax, input, dim, dtype))


@takes_axis
def log_softmax(input, dim, dtype=None, *, out=None):
    """x − ln Σ exp(x) over `dim` (torch.log_softmax)."""
    return into(out, _soft("log_softmax", r.log_softmax, input, dim, dtype))


__all__ = [
    "sum", "mean", "var", "std", "prod", "max", "min", "amax", "amin", "argmax", "argmin", "any", "all",
    "norm", "logsumexp", "softmax", "log_softmax",
]
