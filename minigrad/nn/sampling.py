"""Images read at any place between their pixels: spatial transformers (Jaderberg et al. 2015). Their public
place is `nn.functional`."""
import warnings

import numpy as np

from ..engine.autocast import widened
from ..engine.core import wrap
from ..ops import create
from ..ops import index_public as ip
from ..ops import public as f
from ..ops import shape_public as s
from ..ops.arguments import need_tensor
from .arguments import need, need_dtype

__all__ = ["affine_grid", "grid_sample"]


def _aligned(align_corners):
    """The flag, or False with torch's warning for None."""
    if align_corners is None:
        warnings.warn("Default grid_sample and affine_grid behavior has changed to align_corners=False since "
                      "1.3.0. Please specify align_corners=True if the old behavior is desired. See the "
                      "documentation of grid_sample for details.", stacklevel=3)
    return bool(align_corners)


def _pixels(count, like, align):
    """The places of a row's pixels, where `like` is."""
    if count == 1:
        return create.zeros(1, dtype=like.dtype, device=like.device)
    places = create.linspace(-1, 1, count, dtype=like.dtype, device=like.device)
    return places if align else places * (count - 1) / count


def affine_grid(theta, size, align_corners=None):
    """Where each pixel of images of `size` (N, C, H, W) lies in the image that it is read from, by matrices
    (N, 2, 3) of place: (N, H, W, 2), x and y from -1 to 1 (torch.nn.functional.affine_grid).

    align_corners: are -1 and 1 the centres of the outermost pixels, or their outer edges? Raises ValueError
    for sizes and matrices that do not fit.
    """
    align = _aligned(align_corners)
    need(theta.dtype.is_floating_point, "Expected theta to have floating point type, but got {}\n"
         "Convert it with .float().", str(theta.dtype), error=ValueError)
    need(len(size) == 4, "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
         "respectively. Got size {}.\nHere 4D sizes alone are supported.", str(size),
         error=NotImplementedError)
    need(theta.array.shape[-2:] == (2, 3) and theta.array.ndim == 3, "Expected a batch of 2D affine matrices "
         "of shape Nx2x3 for size {}. Got {}.\nThe batch may be 1.", str(size), str(theta.shape),
         error=ValueError)
    need(min(size) > 0, "Expected non-zero, positive output size. Got {}\nAsk for some pixels.", str(size),
         error=ValueError)
    count, _, height, width = size
    x, y = (_pixels(n, theta, align) for n in (width, height))
    x, y = s.expand(x, height, width), s.expand(s.unsqueeze(y, 1), height, width)
    places = s.reshape(s.stack([x, y, create.ones_like(x)], -1), (1, height * width, 3))
    grid = s.bmm(s.expand(places, count, -1, -1), s.transpose(theta, 1, 2))
    return s.reshape(grid, (count, height, width, 2))


def _mirrored(x, low, high):
    """Places folded back between two edges, as often as it takes."""
    span = high - low
    if not span:
        return x * 0
    away = f.abs(x - low)
    times = np.floor(away.array / span)
    rest = away - wrap((times * span).astype(away.array.dtype))
    return f.where(wrap(times % 2 == 0), rest + low, high - rest)


def _place(x, size, padding, align):
    """From -1 … 1 to pixels, brought inside as `padding` wants."""
    x = (x + 1) / 2 * (size - 1) if align else ((x + 1) * size - 1) / 2
    if padding == "reflection":
        x = _mirrored(x, 0, size - 1) if align else _mirrored(x, -0.5, size - 0.5)
    if padding != "zeros":                      # outside, and on the edge, no gradient flows into the place
        inside = (x.array > 0) & (x.array < size - 1)
        x = f.where(wrap(inside), x, wrap(np.clip(x.array, 0, size - 1)))
    return x


@widened
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Images (N, C, H, W) read at the places of `grid` (N, H′, W′, 2), x and y from -1 to 1: (N, C, H′, W′)
    (torch.nn.functional.grid_sample).

    mode: "bilinear" or "nearest". padding_mode: what lies outside: "zeros", the "border"'s pixels, or the
    image's "reflection". align_corners: as for `affine_grid`. Raises ValueError for other modes, RuntimeError
    for shapes that do not fit, NotImplementedError for "bicubic" and for volumes.
    """
    need(mode in ("bilinear", "nearest", "bicubic"), "nn.functional.grid_sample(): expected mode to be "
         "'bilinear', 'nearest' or 'bicubic', but got: '{}'\nUse one of the first two.", mode,
         error=ValueError)
    need(padding_mode in ("zeros", "border", "reflection"), "nn.functional.grid_sample(): expected "
         "padding_mode to be 'zeros', 'border', or 'reflection', but got: '{}'\nUse one of them.",
         padding_mode, error=ValueError)
    align = _aligned(align_corners)
    for name, x in (("input", input), ("grid", grid)):
        need_tensor("grid_sampler", x, name, 1 if x is input else 2)
    shape, places = input.array.shape, grid.array.shape
    said = "but got input with sizes {} and grid with sizes {}\n"
    need(shape[0] == places[0], "grid_sampler(): expected grid and input to have same batch size, " + said +
         "Repeat one of them.", shape, places)
    need(mode != "bicubic" and len(shape) == len(places) == 4, "grid_sample: mode {} of {}D input is not "
         "supported.\nUse 'bilinear' or 'nearest' on images.", mode, len(shape), error=NotImplementedError)
    need(places[-1] == 2, "grid_sampler(): expected grid to have size 2 in last dimension, but got grid with "
         "sizes {}\nIt holds x and y.", places)
    for dim in (2, 3):
        need(shape[dim], "grid_sampler(): expected input to have non-empty spatial dimensions, but input has "
             "sizes {} with dimension {} being empty\nThere is nothing to read.", shape, dim)
    need_dtype(input, grid)
    height, width = shape[2:]
    x, y = (_place(part, n, padding_mode, align) for part, n in zip(s.unbind(grid, -1), (width, height)))
    flat = s.flatten(input, 2)

    def pixels(column, row):
        """The image's values there, 0 outside."""
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        index = np.where(inside, row * width + column, 0).astype(np.int64).reshape(shape[0], 1, -1)
        read = ip.gather(flat, 2, wrap(np.broadcast_to(index, (*shape[:2], index.shape[-1]))))
        read = s.reshape(read, (*shape[:2], *places[1:3]))
        return f.masked_fill(read, wrap(~inside[:, None]), 0)

    if mode == "nearest":
        return pixels(np.rint(x.array), np.rint(y.array))
    left, top = np.floor(x.array), np.floor(y.array)
    right, below = x - wrap(left), y - wrap(top)
    total = None
    for column, across in ((left, 1 - right), (left + 1, right)):
        for row, down in ((top, 1 - below), (top + 1, below)):
            part = pixels(column, row) * s.unsqueeze(across * down, 1)
            total = part if total is None else total + part
    return total
