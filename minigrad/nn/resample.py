"""Functions that change the resolution of images and signals, and attention. Their public place is
`nn.functional`."""
import math

import numpy as np

from ..backends.arrays import beside, on_gpu
from ..engine.autocast import product
from ..engine.core import TensorBase, wrap
from ..engine.errors import wrap_dim
from ..ops import index_public as ip
from ..ops import public as f
from ..ops import reduce_public as rp
from ..ops import shape_public as s
from ..ops.arguments import cast, need_tensor
from ..ops.attention import attention
from ..ops.kinds import type_name
from .arguments import need, need_float
from .spatial import adaptive_avg_pool1d, adaptive_avg_pool2d

__all__ = ["channel_shuffle", "interpolate", "pixel_shuffle", "pixel_unshuffle",
           "scaled_dot_product_attention"]


# Resolution -------------------------------------------------------------------------------------------------

_DIMENSIONS = {"linear": 3, "bilinear": 4, "trilinear": 5, "bicubic": 4}


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None,
                recompute_scale_factor=None, antialias=False):
    """Images (N, C, H, W), signals (N, C, L) or volumes in another resolution
    (torch.nn.functional.interpolate).

    size: the new one, or scale_factor: how many times the old. mode: "nearest", "nearest-exact", "linear",
    "bilinear", "trilinear" or "area". align_corners: the outer pixels' centres stay where they are, for the
    linear modes. "bicubic" and antialias=True raise NotImplementedError.
    """
    need_tensor("interpolate", input)
    old = input.array.shape[2:]
    if mode == "bicubic" or antialias:
        raise NotImplementedError("interpolate: bicubic and antialias are not supported.\nUse bilinear.")
    linear = mode in _DIMENSIONS
    need(linear or align_corners is None, "align_corners option can only be set with the interpolating "
         "modes: linear | bilinear | bicubic | trilinear\nLeave it out.", error=ValueError)
    need(size is None or scale_factor is None, "only one of size or scale_factor should be defined\n"
         "Leave one out.", error=ValueError)
    need(size is not None or scale_factor is not None, "either size or scale_factor should be defined\n"
         "Pass one.", error=ValueError)
    need(scale_factor is not None or not recompute_scale_factor, "recompute_scale_factor is not meaningful "
         "with an explicit size.\nLeave it out.", error=ValueError)
    count, total = len(old), input.array.ndim
    given = size if scale_factor is None else scale_factor
    each = tuple(given) if isinstance(given, (tuple, list)) else (given,) * count
    need(len(each) == count, "Input and {0} must have the same number of spatial dimensions, but got input "
         "with spatial dimensions of {1} and {2} {3}. Please provide input tensor in (N, C, d1, d2, "
         "...,dK) format and {4} in ({5}1, {5}2, ...,{5}K) format.\nOne for each direction.",
         *(("output", old, "output size of", str(each), "output size", "o") if scale_factor is None else
           ("scale_factor", old, "scale_factor of shape", str(each), "scale_factor", "s")), error=ValueError)
    if scale_factor is None:
        new, steps = each, [m / n if n else 0 for m, n in zip(old, each)]
    else:
        new = tuple([math.floor(m * factor) for m, factor in zip(old, each)])
        steps = [(m / n if recompute_scale_factor else 1 / factor) if n else 0
                 for m, n, factor in zip(old, new, each)]
    wanted = _DIMENSIONS.get(mode, total)
    need(3 <= total <= 5 and mode in ("nearest", "area", "nearest-exact", *_DIMENSIONS), "Input Error: Only "
         "3D, 4D and 5D input Tensors supported (got {}D) for the modes: nearest | linear | bilinear | "
         "bicubic | trilinear | lanczos | area | nearest-exact (got {})\nUse one of these; bicubic and "
         "lanczos are not supported.", total, mode, error=NotImplementedError)
    need(total == wanted, "Got {}D input, but {} mode needs {}D input\nAdd or remove dimensions.",
         total, mode, wanted, error=NotImplementedError)
    if mode == "area":
        need(count < 3, "interpolate: area is supported for signals and images only\nUse 3D or 4D input.",
             error=NotImplementedError)
        return adaptive_avg_pool1d(input, new) if count == 1 else adaptive_avg_pool2d(input, new)
    need(min(*old, *new) > 0, "Input and output sizes should be greater than 0, but got input ({}){} output "
         "({})\nAsk for one pixel or more.", _sides(old), " and" if count == 1 else "", _sides(new))
    need(input.array.shape[1], "Non-empty {}D data tensor expected but got a tensor with sizes {}\n"
         "It has no channels.", total, input.array.shape)
    kernel = f"upsample_{mode.partition('-')[0]}2d_channels_last" if count == 2 else \
        f"compute_indices_weights_{'linear' if linear else 'nearest'}"
    if input.array.dtype != np.uint8 or linear and count != 2:
        need_float(kernel, input)
    resized, dtype = _between_pixels if linear else _nearest, input.array.dtype
    z = cast(input, np.float32) if linear and dtype.itemsize == 2 else input
    for place in reversed(range(count)):                # the width first, as torch rounds
        z = resized(z, 2 + place, new[place], steps[place], mode, align_corners)
    return cast(z, dtype)


def _sides(sizes):
    return ", ".join([f"{name}: {n}" for name, n in zip("DHW"[-len(sizes):], sizes)])


def _at(x, dim, index):
    return ip.index_select(x, dim, wrap(beside(index, x.array)))


def _nearest(x, dim, n, step, mode, _):
    """`n` pixels along that dimension, each one of the old."""
    m = x.array.shape[dim]
    if mode == "nearest" and x.array.ndim == 4 and n in (m, 2 * m):
        return _at(x, dim, np.arange(n) * m // n)       # torch, for images only, does not look at the factor
    at = np.arange(n, dtype=np.promote_types(np.float32, x.array.dtype) if x.array.dtype.kind == "f"
                   else np.float32)
    at = (at + at.dtype.type(0.5 if mode == "nearest-exact" else 0)) * at.dtype.type(step)
    return _at(x, dim, np.minimum(at.astype(np.int64), m - 1))


def _between_pixels(x, dim, n, step, _, align_corners):
    """`n` pixels along that dimension, each between two of the old; bytes rounded, as torch does, after each
    direction."""
    m, dtype = x.array.shape[dim], x.array.dtype
    if m == n:
        return _at(x, dim, np.arange(n))
    wide = np.dtype(np.float64) if dtype == np.uint8 else dtype
    at = np.arange(n, dtype=wide)
    if align_corners:
        where = at * ((m - 1) / (n - 1) if n > 1 else 0)
    else:
        where = np.maximum((at + 0.5) * step - 0.5, 0)
    first = np.minimum(where.astype(np.int64), m - 1)
    share = (where - first).astype(wide).reshape((-1,) + (1,) * (x.array.ndim - dim - 1))
    share = wrap(beside(share, x.array))
    x = cast(x, wide)
    z = _at(x, dim, first) * (1 - share) + _at(x, dim, np.minimum(first + 1, m - 1)) * share
    return cast(f.floor(z + 0.5) if dtype == np.uint8 else z, dtype)


def _image_sides(function, input, name, factor):
    need_tensor(function, input)
    shape = input.array.shape
    need(len(shape) > 2, "{} expects input to have at least 3 dimensions, but got input with {} "
         "dimension(s)\nImages are (..., C, H, W).", function, len(shape))
    need(factor > 0, "{} expects a positive {}, but got {}\nIt counts from 1.", function, name, factor)
    return shape


def pixel_shuffle(input, upscale_factor):
    """Channels to pixels: (..., C·r², H, W) to (..., C, H·r, W·r) (torch.pixel_shuffle; Shi et al. 2016)."""
    *lead, channels, height, width = _image_sides("pixel_shuffle", input, "upscale_factor", upscale_factor)
    r = upscale_factor
    need(channels % (r * r) == 0, "pixel_shuffle expects its input's 'channel' dimension to be divisible by "
         "the square of upscale_factor, but input.size(-3)={} is not divisible by {}\nUse more channels.",
         channels, r * r)
    count = len(lead)
    apart = s.reshape(input, (*lead, channels // (r * r), r, r, height, width))
    order = (*range(count), count, count + 3, count + 1, count + 4, count + 2)
    return _owned(s.reshape(s.permute(apart, order), (*lead, channels // (r * r), height * r, width * r)))


def channel_shuffle(input, groups):
    """Channels (N, C, ...) dealt out anew: the first of every group, then the second of every one
    (torch.nn.functional.channel_shuffle; Zhang et al. 2018)."""
    need_tensor("channel_shuffle", input)
    shape = input.array.shape
    need(len(shape) > 2, "channel_shuffle expects input with > 2 dims, but got input with sizes {}\n"
         "Images are (N, C, H, W).", shape)
    need(groups > 0, "Number of groups to divide channels in must be positive. Value of groups:{}\n"
         "It counts from 1.", groups)
    need(shape[1] % groups == 0, "Number of channels must be divisible by groups. Got {} channels and {} "
         "groups.\nEvery group has as many channels.", shape[1], groups)
    apart = s.reshape(input, (shape[0], groups, shape[1] // groups, *shape[2:]))
    return _owned(s.reshape(s.transpose(apart, 1, 2), shape))


def _owned(result):
    """A result whose memory is its own, even where rearranging moved no element."""
    return result if result.view_of is None else f.clone(result)


def pixel_unshuffle(input, downscale_factor):
    """Pixels to channels: (..., C, H·r, W·r) to (..., C·r², H, W) (torch.pixel_unshuffle)."""
    *lead, channels, height, width = _image_sides("pixel_unshuffle", input, "downscale_factor",
                                                  downscale_factor)
    r = downscale_factor
    for name, n in (("height", height), ("width", width)):
        need(n % r == 0, "pixel_unshuffle expects {0} to be divisible by downscale_factor, but "
             "input.size({1})={2} is not divisible by {3}\nCut or pad the image.",
             name, -2 if name == "height" else -1, n, r)
    count = len(lead)
    apart = s.reshape(input, (*lead, channels, height // r, r, width // r, r))
    order = (*range(count), count, count + 2, count + 4, count + 1, count + 3)
    return _owned(s.reshape(s.permute(apart, order), (*lead, channels * r * r, height // r, width // r)))


# Attention --------------------------------------------------------------------------------------------------

def _one_kernel_does(q, k, v):
    """Do the conditions of torch's flash kernel on a CPU hold?"""
    return (q.ndim == 4 and q.size and k.size and k.shape == v.shape and q.shape[:2] == k.shape[:2]
            and q.shape[3] == k.shape[3] and q.dtype == k.dtype == v.dtype and q.dtype.kind == "f"
            and q.itemsize >= 4 and type(q) is type(k) is type(v))


@product
def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False,
                                 scale=None, enable_gqa=False):
    """softmax(Q Kᵀ · scale + mask) V over the last two dimensions (Vaswani et al. 2017;
    torch.nn.functional.scaled_dot_product_attention).

    query (..., L, E), key (..., S, E), value (..., S, V) -> (..., L, V). attn_mask: bool (True takes part) or
    numbers to add, broadcast to (..., L, S); a place whose row is masked altogether gives 0. is_causal: each
    place sees itself and those before. scale: 1/√E by default. enable_gqa: several heads of the query share
    one of key and value.
    """
    given = {"query": query, "key": key, "value": value}
    for position, (name, x) in enumerate(given.items(), 1):
        need_tensor("scaled_dot_product_attention", x, name, position)
    need(attn_mask is None or isinstance(attn_mask, TensorBase), "scaled_dot_product_attention(): argument "
         "'attn_mask' must be Tensor, not {}\nPass a Tensor.", type_name(attn_mask), error=TypeError)
    dims = query.array.ndim, key.array.ndim, value.array.ndim
    need(min(dims) > 1, "Expected query, key, and value to all be  at least 2 dimensional, but got "
         "query.dim: {} key.dim: {} and value.dim: {} instead.\nThey are (..., L, E).", *dims)
    if not query.array.dtype == key.array.dtype == value.array.dtype:
        need(False, "Expected query, key, and value to have the same dtype, but got query.dtype: {} "
             "key.dtype: {} and value.dtype: {} instead.\nConvert them with .to(dtype).",
             *map(s.c_low, given.values()))
    need(not (is_causal and attn_mask is not None), "_scaled_dot_product_attention: Explicit attn_mask "
         "should not be set when is_causal=True\nPass one of the two.")
    if enable_gqa:
        heads, own = (x.array.shape[wrap_dim(-3, x.array.ndim)] for x in (query, key))
        need(heads % own == 0, "Number of heads in key and value must divide the number of heads in \n"
             "the query; there are {} and {}.", own, heads)
        spread = wrap(beside(np.repeat(np.arange(own), heads // own), key.array))
        key, value = ip.index_select(key, -3, spread), ip.index_select(value, -3, spread)
    scale = 1 / math.sqrt(query.array.shape[-1] or 1) if scale is None else scale
    if attn_mask is None and not dropout_p and _one_kernel_does(query.array, key.array, value.array):
        return attention(query, key, value, causal=is_causal, scale=scale)
    scores = s.matmul(query, s.transpose(key, -2, -1)) * scale
    if is_causal:
        attn_mask = wrap(beside(np.tri(*scores.array.shape[-2:], dtype=bool), scores.array))
    if not isinstance(attn_mask, TensorBase):
        shares = rp.softmax(scores, -1)
    else:
        mask = attn_mask.array
        need(mask.dtype in (bool, np.float32, query.array.dtype), "Expected attn_mask dtype to be bool or "
             "float or to match query dtype, but got attn_mask.dtype: {} and  query.dtype: {} instead.\n"
             "Convert it, for example with .bool().", s.c_low(attn_mask), s.c_low(query))
        if mask.dtype == bool:
            scores = f.masked_fill(scores, f.logical_not(attn_mask), -math.inf)
        else:
            scores = scores + cast(attn_mask, scores.array.dtype)
        # A row that sees nothing gives 0, not the nan of softmax, and passes no gradient.
        blind = (~mask if mask.dtype == bool else mask == -math.inf).all(-1, keepdims=True)
        if not is_causal and (on_gpu(blind) or blind.any()):    # on a GPU it is not worth waiting to know
            shares = f.masked_fill(rp.softmax(f.masked_fill(scores, wrap(blind), 0), -1), wrap(blind), 0)
        else:
            shares = rp.softmax(scores, -1)
    if dropout_p:
        from .dropouts import dropout
        shares = dropout(shares, dropout_p)
    return s.matmul(shares, value)
