"""torch's functions of samples: quantiles, histograms, covariances, areas; all are written in others."""
import math

import numpy as np

from ..backends.arrays import beside, host
from ..engine.autocast import widened
from ..engine.core import TensorBase, plain, wrap
from ..engine.errors import wrap_dim
from . import arrange_public as ap
from . import elementary as e
from . import public as f
from . import reduce_public as rp
from . import shape_public as sp
from . import sort_public as so
from .arguments import FLOATS, dim_of, dtype_of, need_kernel
from .index_public import gather
from .kinds import Bool, Float, Int, Number, Tensor, is_number
from .signature import need, returned, torch_function

_Histogram = returned("histogram", "hist", "bin_edges")


# Quantiles --------------------------------------------------------------------------------------------------

_WAYS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(name, input, q, dim, keepdim, interpolation):
    need(input.array.dtype in (np.float32, np.float64), "{}() input tensor must be either float or double "
         "dtype\nConvert it with .float().", name)
    need(input.array.size, "{}() input tensor must be non-empty\nThere is nothing to choose from.", name)
    scalar = is_number(q) or not q.array.ndim
    need(scalar or q.array.ndim == 1, "{}() q must be a scalar or 1D tensor\nFlatten it.", name)
    if is_number(q):
        need(0 <= q <= 1, "{}() q must be in the range [0, 1] but got {:g}\nIt is a part of all.", name, q)
    else:
        need(dtype_of(q) is dtype_of(input), "{}() q tensor must be same dtype as the input tensor\n"
             "Convert it with .to(dtype).", name)
    need(interpolation in _WAYS, "{}() interpolation must be one of linear, lower, higher, midpoint or "
         "nearest, but got {}\nName one of them.", name, interpolation)
    parts = np.asarray(host(getattr(q, "array", q)), input.array.dtype).reshape(-1)
    need(not ((parts < 0) | (parts > 1)).any(), "{}() q values must be in the range [0, 1]\n"
         "They are parts of all.", name)
    ndim = input.array.ndim
    at = None if dim is None else wrap_dim(dim, ndim)
    whole = at is None or not ndim
    line = sp.reshape(input, (-1,)) if whole else ap.movedim(input, at, -1)
    z = _at_ranks(line, parts, name == "nanquantile", interpolation)
    if keepdim:
        z = sp.reshape(z, (len(parts),) + (1,) * ndim) if whole else sp.unsqueeze(z, at + 1)
    return sp.squeeze(z, 0) if scalar else z


def _at_ranks(line, parts, skips_nan, interpolation):
    """(q, ...): the values at these parts of the way along the last dimension of `line`, put in order."""
    values = so.sort(line, -1).values
    lost = np.isnan(host(plain(values)))
    count = (~lost).sum(-1, keepdims=True)
    most = np.maximum(count - 1, 0) if skips_nan else np.full(count.shape, line.array.shape[-1] - 1)
    rank = parts * most.astype(parts.dtype)
    if not skips_nan:                           # the last, which is nan
        rank = np.where(lost.any(-1, keepdims=True), most, rank).astype(parts.dtype)
    if interpolation in ("lower", "higher", "nearest"):
        rank = {"lower": np.floor, "higher": np.ceil, "nearest": np.rint}[interpolation](rank)
    below = np.floor(rank)
    places = [wrap(beside(place.astype(np.int64), line.array)) for place in (below, np.ceil(rank))]
    weight = np.full_like(rank, 0.5) if interpolation == "midpoint" else rank - below
    weight = wrap(beside(weight.astype(line.array.dtype), line.array))
    found = e.lerp(*[gather(values, -1, place) for place in places], weight)
    return sp.permute(found, (found.array.ndim - 1, *range(found.array.ndim - 1)))


@torch_function
@widened
def quantile(input: Tensor, q: Tensor | Float, dim: Int = None, keepdim=False, *, interpolation="linear",
             out=None):
    """The values below which the parts `q` of all lie, a number or a vector (torch.quantile). interpolation
    between neighbours: "linear", "lower", "higher", "midpoint" or "nearest". nan where there is one."""
    return _quantile("quantile", input, q, dim, keepdim, interpolation)


@torch_function
@widened
def nanquantile(input: Tensor, q: Tensor | Float, dim: Int = None, keepdim=False, *, interpolation="linear",
                out=None):
    """As quantile, of what is not nan (torch.nanquantile)."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation)


# Counted ----------------------------------------------------------------------------------------------------

def _counts(values, edges, weight=None):
    return np.histogram(values, edges, weights=weight)[0].astype(values.dtype)


def _edges(name, values, bins, low, high):
    need(bins > 0, "torch.histogram(): bins must be > 0, but got {} for dimension 0\nUse 1 or more.", bins)
    if low == high:
        low, high = (values.min(), values.max()) if values.size else (0, 0)
        low, high = (low - 1, high + 1) if low == high else (low, high)
    need(math.isfinite(low) and math.isfinite(high), "{}: range of [{}, {}] is not finite\nGive a range.",
         name, low, high)
    return np.linspace(low, high, bins + 1).astype(values.dtype)


@torch_function
def histc(input: Tensor, bins: Int = 100, min: Number = 0, max: Number = 0, *, out=None):
    """How many elements lie in each of `bins` equal parts of [min, max], by default of the elements' own
    range (torch.histc)."""
    need_kernel("histogram_cpu", input, FLOATS)
    need(max >= min, "torch.histc: max must be larger than min\nSwap them.")
    values = host(plain(input))
    return wrap(beside(_counts(values, _edges("torch.histc", values, bins, min, max)), input.array))


@torch_function
def histogram(input: Tensor, bins: Tensor | Int, *, range=None, weight: Tensor = None, density: Bool = False,
              out=None):
    """(hist, bin_edges): how many elements lie between neighbouring edges, or their weights' sum; bins: so
    many of equal size in `range`, or the edges (torch.histogram). density: the area under them is 1."""
    need_kernel("histogramdd", input, FLOATS)
    values = host(plain(input))
    edges = host(plain(bins)) if isinstance(bins, TensorBase) else \
        _edges("torch.histogram", values, bins, *(range or (0, 0)))
    counts = _counts(values, edges, None if weight is None else host(plain(weight)))
    if density:
        counts = (counts / counts.sum() / np.diff(edges)).astype(values.dtype)
    return _Histogram(*[wrap(beside(part, input.array)) for part in (counts, edges)])


# Together ---------------------------------------------------------------------------------------------------

def _rows(name, input):
    need(input.array.ndim < 3, "{}(): expected input to have two or fewer dimensions but got an input with "
         "{} dimensions\nA row for each variable.", name, input.array.ndim)
    need(input.array.dtype != np.bool_, "{}(): bool dtype is not supported for input\nConvert it.", name)
    x = input if dtype_of(input).is_floating_point else input.float()
    return x if x.array.ndim == 2 else sp.reshape(x, (1, -1))


@torch_function
def cov(input: Tensor, *, correction: Int = 1, fweights: Tensor = None, aweights: Tensor = None):
    """The covariances of rows of samples, a variable each; of one vector its variance (torch.cov). Weights of
    samples are not supported."""
    need(fweights is None and aweights is None, "cov: fweights and aweights are not supported.\n"
         "Repeat the samples.", error=NotImplementedError)
    x = _rows("cov", input)
    x = x - rp.mean(x, 1, keepdim=True)
    free = x.array.shape[1] - correction
    z = sp.matmul(x, sp.t(x)) / (free if free > 0 else 0.0)
    return z if input.array.ndim == 2 else sp.reshape(z, ())


@torch_function
def corrcoef(input: Tensor):
    """The correlations of rows of samples, a variable each (torch.corrcoef)."""
    z = cov(_rows("corrcoef", input))
    spread = f.sqrt(ap.diagonal(z))
    z = f.clamp(z / sp.unsqueeze(spread, 1) / spread, -1, 1)
    return z if input.array.ndim == 2 else sp.reshape(z, ())


def _steps(y, x, dx, dim):
    """The areas between neighbours along `dim`, and it counted from the front."""
    dim = dim_of(dim, y)
    size = y.array.shape[dim]
    later, sooner = ap.narrow(y, dim, 1, max(size - 1, 0)) if size else y, \
        ap.narrow(y, dim, 0, max(size - 1, 0))
    if x is None:
        return (later + sooner) * (dx / 2), dim
    if x.array.ndim == 1:
        need(x.array.size == size, "trapezoid: There must be one `x` value for each sample point\n"
             "Give as many.")
        apart = sp.reshape(so.diff(x), (-1,) + (1,) * (y.array.ndim - 1 - dim))
    else:
        apart = so.diff(x, 1, dim - y.array.ndim)
    return (later + sooner) * apart / 2, dim


@torch_function
def trapezoid(y: Tensor, x: Tensor = None, *, dx: Number = 1, dim: Int = -1):
    """The area under the points (x, y) along `dim`, x by default `dx` apart (torch.trapezoid)."""
    steps, dim = _steps(y, x, dx, dim)
    return rp.sum(steps, dim)


trapz = trapezoid


@torch_function
def cumulative_trapezoid(y: Tensor, x: Tensor = None, *, dx: Number = 1, dim: Int = -1):
    """The areas under the points (x, y) so far (torch.cumulative_trapezoid)."""
    steps, dim = _steps(y, x, dx, dim)
    return so.cumsum(steps, dim)


# Of two -----------------------------------------------------------------------------------------------------

@torch_function
def fmax(input: Tensor, other: Tensor, *, out=None):
    """The larger of two, a number rather than nan; the first of equals takes the gradient (torch.fmax)."""
    return f.where((input >= other) | f.isnan(other), input, other)


@torch_function
def fmin(input: Tensor, other: Tensor, *, out=None):
    """The smaller of two, a number rather than nan; the first of equals takes the gradient (torch.fmin)."""
    return f.where((input <= other) | f.isnan(other), input, other)


__all__ = ["quantile", "nanquantile", "histc", "histogram", "cov", "corrcoef", "trapezoid", "trapz",
           "cumulative_trapezoid", "fmax", "fmin"]
