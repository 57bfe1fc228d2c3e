"""Windows of images as columns and back, and maxima over bins. Their public place is `nn.functional`."""
import numpy as np

from ..engine.core import plain, wrap
from ..ops import arrange as a
from ..ops import index_public as ip
from ..ops import shape_public as s
from ..ops.arguments import dtype_of, need_tensor
from ..ops.kinds import Sizes, need_kind
from .arguments import need, need_attribute, need_float
from .spatial import BOTH, lined, lone, pad

__all__ = ["adaptive_max_pool1d", "adaptive_max_pool2d", "fold", "unfold"]


def _pair(function, name, value, position):
    pair = need_kind(Sizes, function, value if isinstance(value, (tuple, list)) else (value,) * 2, name,
                     position)
    need(len(pair) == 2, "It is expected {} equals to 2, but got size {}\n" + BOTH, name, len(pair))
    return pair


def _geometry(function, kernel_size, dilation, padding, stride, first):
    """(kernel, dilation, padding, stride) as pairs. Raises torch's errors."""
    given = (("kernel_size", kernel_size), ("dilation", dilation), ("padding", padding), ("stride", stride))
    pairs = [_pair(function, name, value, first + k) for k, (name, value) in enumerate(given)]
    for (name, _), pair, short in zip(given, pairs, ("kernel", "dilation", "pad", "stride")):
        least, said = (0, "non-negative") if name == "padding" else (1, "greater than zero")
        need(min(pair) >= least, "{} should be {}, but got {}_height: {} {}_width: {}\nUse {} or more.",
             name.replace("_", " "), said, short, pair[0], short, pair[1], least)
    return pairs


def _blocks(sizes, geometry):
    """How many windows there are in each direction."""
    return [(n + 2 * p - d * (k - 1) - 1) // st + 1 for n, k, d, p, st in zip(sizes, *geometry)]


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of images (N, C, H, W) or (C, H, W) as columns: (N, C · kh · kw, number of windows)
    (torch.nn.functional.unfold). Sizes: a number or one for each direction."""
    need_tensor("im2col", input)
    geometry = _geometry("im2col", kernel_size, dilation, padding, stride, 2)
    kernel, dilation, padding, stride = geometry
    x = input.array.shape
    need(len(x) > 2, "Dimension out of range (expected to be in range of [{}, {}], but got {})\n"
         "Images are (N, C, H, W).", -len(x), len(x) - 1, 2 if len(x) == 2 else 0, error=IndexError)
    need(len(x) in (3, 4) and 0 not in x[1 if len(x) == 4 else 0:], "Expected 3D or 4D (batch mode) tensor "
         "with possibly 0 batch size and other non-zero dimensions for input, but got: {}\n"
         "Images are (N, C, H, W).", x)
    count = _blocks(x[-2:], geometry)
    need(min(count) > 0, "Given input with spatial size ({}, {}), kernel_size=({}, {}), dilation=({}, {}), "
         "padding=({}, {}), calculated shape of the array of sliding blocks as ({}, {}), but its components "
         "must be at least one.\nPad the input, or use a smaller kernel.", *x[-2:], *kernel, *dilation,
         *padding, *count)
    need(dtype_of(input).is_floating_point or input.array.dtype == np.bool_, "\"im2col_out_cpu\" not "
         "implemented for '{}'\nConvert it first, for example with .float().", dtype_of(input).legacy_name,
         error=NotImplementedError)
    if len(x) == 3:
        return s.squeeze(unfold(s.unsqueeze(input, 0), kernel, dilation, padding, stride), 0)
    z = pad(input, [padding[1]] * 2 + [padding[0]] * 2) if any(padding) else input
    for dim, size, step, apart in zip((2, 3), kernel, stride, dilation):
        z = a.windows(z, dim=dim, size=size, step=step, dilation=apart)
    z = s.permute(z, (0, 1, 4, 5, 2, 3))
    z = s.reshape(z, (x[0], x[1] * kernel[0] * kernel[1], count[0] * count[1]))
    return z if z.view_of is None else z.clone()        # a window of one pixel moves nothing: still a copy


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns (N, C · kh · kw, number of windows) added up where their windows lie in images (N, C, H, W) of
    `output_size` (torch.nn.functional.fold). Sizes: a number or one for each direction."""
    need_tensor("col2im", input)
    size = _pair("col2im", "output_size", output_size, 2)
    geometry = _geometry("col2im", kernel_size, dilation, padding, stride, 3)
    kernel, dilation, padding, stride = geometry
    x = input.array.shape
    need(len(x) in (2, 3) and 0 not in x[1 if len(x) == 3 else 0:], "Expected 2D or 3D (batch mode) tensor "
         "for input with possibly 0 batch size and non-zero dimensions for input, but got: {}\n"
         "Columns are (N, C · kh · kw, L).", x)
    if len(x) == 2:
        return s.squeeze(fold(s.unsqueeze(input, 0), size, kernel, dilation, padding, stride), 0)
    area = kernel[0] * kernel[1]
    need(x[1] % area == 0, "Expected size of input's dimension 1 to be divisible by the product of "
         "kernel_size, but got input.size(1)={} and kernel_size=({}, {}).\n"
         "A column holds a window of every channel.", x[1], *kernel)
    count = _blocks(size, geometry)
    need(x[2] == count[0] * count[1] and min(count) > 0, "Given output_size=({}, {}), kernel_size=({}, {}), "
         "dilation=({}, {}), padding=({}, {}), stride=({}, {}), expected size of input's dimension 2 to "
         "match the calculated number of sliding blocks {} * {} = {}, but got input.size(2)={}.\n"
         "Each window has a column.", *size, *kernel, *dilation, *padding, *stride, *count,
         count[0] * count[1], x[2])
    need_float("col2im_out_cpu", input)
    z = s.permute(s.reshape(input, (x[0], x[1] // area, *kernel, *count)), (0, 1, 4, 5, 2, 3))
    high, wide = (n + 2 * p for n, p in zip(size, padding))
    for dim, sides in ((3, (count[0], wide, kernel[0])), (2, (high, wide))):
        z = a.windows_sum(z, shape=(x[0], x[1] // area, *sides), dim=dim, size=kernel[dim - 2],
                          step=stride[dim - 2], dilation=dilation[dim - 2])
    return pad(z, [-padding[1]] * 2 + [-padding[0]] * 2) if any(padding) else z


# Maxima over bins -------------------------------------------------------------------------------------------

def _first_largest(x, size):
    """For every bin of images (..., H, W) the place in the flattened image of its first largest, or its last
    nan: (..., h, w)."""
    places = np.empty((*x.shape[:-2], *size), np.int64, like=x)
    bins = [[(k * n // m, -((k + 1) * n // -m)) for k in range(m)] for n, m in zip(x.shape[-2:], size)]
    for i, (top, bottom) in enumerate(bins[0]):
        for j, (left, right) in enumerate(bins[1]):
            flat = x[..., top:bottom, left:right].reshape(*x.shape[:-2], (bottom - top) * (right - left))
            best, lost = flat.argmax(-1), np.isnan(flat)
            best = np.where(lost.any(-1), flat.shape[-1] - 1 - lost[..., ::-1].argmax(-1), best)
            row, column = best // (right - left), best % (right - left)
            places[..., i, j] = (top + row) * x.shape[-1] + left + column
    return places


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """The largest of each of `output_size` bins (a number or a pair, None for the input's own) of images
    (N, C, H, W) or (C, H, W) (torch.nn.functional.adaptive_max_pool2d).

    Bins share pixels where one size does not divide the other; the first of equal pixels takes the gradient.
    return_indices: give (result, int64 positions in each channel's flattened image).
    """
    need_attribute(input, "size")
    x, size = input.array.shape, output_size
    if not isinstance(size, (tuple, list)):
        size = (size, size)
    size = [n if wanted is None else wanted for n, wanted in zip(x[-2:], size)] + [*size[2:]]
    size = need_kind(Sizes, "adaptive_max_pool2d", size, "output_size", 2)
    need(len(size) == 2, "adaptive_max_pool2d(): internal error: output_size.size() must be 2\n" + BOTH)
    need(len(x) in (3, 4), "adaptive_max_pool2d(): Expected 3D or 4D tensor, but got: {}\n"
         "Images are (N, C, H, W).", x)
    return _adaptive("adaptive_max_pool2d", input, size, return_indices, x)


def _adaptive(name, input, size, return_indices, shown):
    x = input.array.shape
    for dim, n in [*enumerate(shown)][-len(shown) + (len(shown) > len(size) + 1):]:
        need(n, "{}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {} "
             "with dimension {} being empty\nThere is nothing to choose from.", name, shown, dim)
    need(min(size) >= 0, "Trying to create tensor with negative dimension {}: {}\nSizes are not negative.",
         min(size), [*x[:-2], *size])
    need_float("adaptive_max_pool2d", input)
    places = _first_largest(plain(input), size)
    flat = s.reshape(input, (*x[:-2], x[-2] * x[-1]))
    z = ip.gather(flat, -1, wrap(places.reshape(*x[:-2], size[0] * size[1])))
    z = s.reshape(z, places.shape)
    return (z, wrap(places)) if return_indices else z


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """As `adaptive_max_pool2d`, for signals (N, C, L) or (C, L) (torch.nn.functional.adaptive_max_pool1d)."""
    lines = lined("adaptive_max_pool1d", input)
    size = 1, *lone("adaptive_max_pool1d", output_size=output_size)
    found = _adaptive("adaptive_max_pool1d", lines, size, return_indices, input.array.shape)
    return tuple([s.squeeze(part, -2) for part in found]) if return_indices else s.squeeze(found, -2)
