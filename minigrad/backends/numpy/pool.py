"""Max and average pooling over NCHW arrays; results are channels-last.

A window of k × k is k² *taps*: strided views of the padded image, each of the result's shape. Going tap by
tap keeps NumPy in long loops. What is kept of a maximum is the number of its tap, one byte (torch keeps
eight); the positions that torch returns are worked out when asked for. A cotangent goes back tap by tap as
bits, `g & mask`: `g * mask` would make nan of an infinite one, and picking elements out costs ten times as
much.
"""
import math

import numpy as np

from .layout import channels_last, nhwc, rounded_once
from .memory import empty
from .threads import parallel


def pooled_size(size, kernel, stride, padding, dilation=1, ceil_mode=False):
    """How many windows there are along one dimension: with `ceil_mode` the last may reach beyond the image,
    as long as it begins in the image or the padding before it."""
    reach = size + 2 * padding - dilation * (kernel - 1) - 1
    count = -(-reach // stride) + 1 if ceil_mode else reach // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + padding else count


class _Windows:
    """The taps of all windows of one pooling."""

    def __init__(self, shape, kernel, stride, padding=(0, 0), dilation=(1, 1), ceil_mode=False):
        self.shape, self.sides = shape, list(zip(shape[2:], kernel, stride, padding, dilation, strict=True))
        self.size = tuple(pooled_size(*side, ceil_mode) for side in self.sides)
        (top, left), (_, _, h, w) = padding, shape
        self.inside = (slice(None), slice(top, top + h), slice(left, left + w))
        # The padded image holds all windows, and all of the image, though windows may leave some of that out.
        self.padded = tuple(max(n + p, (m - 1) * s + d * (k - 1) + 1)
                            for m, (n, k, s, p, d) in zip(self.size, self.sides, strict=True))
        # Where windows tile the image each element is in one: nothing need be cleared first, or added.
        self.tiling = all(d == 1 and k == s and n == m * s and p == 0
                          for m, (n, k, s, p, d) in zip(self.size, self.sides, strict=True))

    def taps(self, padded):
        """(number, strided view) of each tap of a padded NHWC image, in row-major order of the window."""
        (_, kh, sh, _, dh), (_, kw, sw, _, dw) = self.sides
        for number, (i, j) in enumerate(np.ndindex(kh, kw)):
            yield number, padded[:, i * dh::sh, j * dw::sw][:, :self.size[0], :self.size[1]]

    def pad(self, image, value):
        if self.padded == self.shape[2:]:
            return image
        padded = np.full((len(image), *self.padded, image.shape[3]), value, image.dtype)
        padded[self.inside] = image
        return padded

    def empty(self, dtype):
        return empty((self.shape[0], *self.size, self.shape[1]), dtype)

    def parallel(self, function):
        """Run `function(start, stop)` over slices of the batch."""
        parallel(function, self.shape[0], math.prod(self.shape))

    def spread(self, g, write):
        """An image of the windows' input: `write(batch, tap's number, tap)` fills the taps, or adds to them
        where windows do not tile the image."""
        n, c, h, w = self.shape
        z = empty((n, h, w, c), g.dtype)

        def run(start, stop):
            batch = slice(start, stop)
            padded = z[batch] if self.tiling else np.zeros((stop - start, *self.padded, c), g.dtype)
            for number, tap in self.taps(padded):
                write(batch, number, tap)
            if not self.tiling:
                z[batch] = padded[self.inside]

        self.parallel(run)
        return channels_last(z)


@rounded_once
def max_pool2d(x, kernel, stride, padding=(0, 0), dilation=(1, 1), ceil_mode=False):
    """(z, indices) for x (N, C, H, W): each window's first largest, or its last nan, and the number of that
    tap.

    The indices mean something to the functions below only, which take the same options after the image's
    shape; `max_pool2d_positions` makes torch's of them.
    """
    windows = _Windows(x.shape, kernel, stride, padding, dilation, ceil_mode)
    x, count = nhwc(x), math.prod(kernel)
    z, indices = windows.empty(x.dtype), windows.empty(np.min_scalar_type(count - 1))
    # The index where nothing beats the padding: the first tap inside the image.
    row, column = (np.maximum(-((np.arange(m) * s - p) // d), 0)
                   for m, (_, _, s, p, d) in zip(windows.size, windows.sides, strict=True))
    first = (row[:, None] * kernel[1] + column)[:, :, None].astype(indices.dtype)

    def run(start, stop):
        best, index = z[start:stop], indices[start:stop]
        padded, beats = windows.pad(x[start:stop], -np.inf), np.empty(best.shape, bool)
        index[...] = first
        for number, tap in windows.taps(padded):
            if number == 0:
                best[...] = tap
                continue
            np.greater(tap, best, out=beats)
            np.maximum(tap, best, out=best)
            # Tap numbers grow, so the last to win is the largest: no branch per element.
            np.maximum(index, beats.view(np.uint8) * index.dtype.type(number), out=index)
        if np.isnan(best).any():
            for number, tap in windows.taps(padded):
                index[np.isnan(tap)] = number

    windows.parallel(run)
    return channels_last(z), channels_last(indices)


@rounded_once
def max_pool2d_backward(g, indices, x_shape, *how):
    """Each cotangent at its maximum's place, added where windows share it -> x_shape."""
    windows, bits = _Windows(x_shape, *how), np.dtype(f"i{g.itemsize}")
    g, indices = nhwc(g), nhwc(indices)

    def write(batch, number, tap):
        mask = (indices[batch] != number).astype(bits)
        mask -= 1                                       # all bits where the tap was chosen
        if windows.tiling:
            np.bitwise_and(g[batch].view(bits), mask, out=tap.view(bits))
        else:
            tap += np.bitwise_and(g[batch].view(bits), mask, out=mask).view(g.dtype)

    return windows.spread(g, write)


def max_pool2d_gather(x, indices, *how):
    """x, an array of the pooled one's shape, read at the maxima: the derivative of `max_pool2d_backward`."""
    windows = _Windows(x.shape, *how)
    z, indices = windows.empty(x.dtype), nhwc(indices)
    for number, tap in windows.taps(windows.pad(nhwc(x), 0)):
        np.copyto(z, tap, where=indices == number)
    return channels_last(z)


def max_pool2d_positions(indices, x_shape, *how):
    """torch's indices: int64 positions in each channel's flattened image."""
    windows = _Windows(x_shape, *how)
    (_, _, sh, ph, dh), (width, kw, sw, pw, dw) = windows.sides
    row, column = np.divmod(np.ascontiguousarray(indices).astype(np.int64), kw)
    row = row * dh - ph + (np.arange(windows.size[0]) * sh)[:, None]
    return row * width + column * dw - pw + np.arange(windows.size[1]) * sw


def _divisors(windows, dtype, count_include_pad, divisor_override):
    """By what each window's sum is divided, (H', W', 1): padding counts on request, what lies beyond it
    never."""
    if divisor_override:
        return np.array(divisor_override, dtype)
    counts = []
    for m, (n, k, s, p, _) in zip(windows.size, windows.sides, strict=True):
        begin = np.arange(m) * s - p
        end = np.minimum(begin + k, n + p)
        counts.append(end - begin if count_include_pad else np.minimum(end, n) - np.maximum(begin, 0))
    return np.multiply.outer(*counts)[:, :, None].astype(dtype)


@rounded_once
def avg_pool2d(x, kernel, stride, padding=(0, 0), ceil_mode=False, count_include_pad=True,
               divisor_override=None):
    """The mean of each window of x (N, C, H, W). (torch.nn.functional.avg_pool2d)"""
    windows = _Windows(x.shape, kernel, stride, padding, (1, 1), ceil_mode)
    divisors = _divisors(windows, x.dtype, count_include_pad, divisor_override)
    x, z = nhwc(x), windows.empty(x.dtype)

    def run(start, stop):
        total = z[start:stop]
        for number, tap in windows.taps(windows.pad(x[start:stop], 0)):
            if number == 0:
                total[...] = tap
            else:
                total += tap
        if total.dtype.kind == "f":
            total /= divisors
        else:                                   # whole numbers are cut off, as in C
            total[...] = np.trunc(total / divisors)

    windows.parallel(run)
    return channels_last(z)


@rounded_once
def avg_pool2d_backward(g, x_shape, kernel, stride, padding=(0, 0), ceil_mode=False, count_include_pad=True,
                        divisor_override=None):
    """Each cotangent, divided as its window was, added to all of the window -> x_shape."""
    windows = _Windows(x_shape, kernel, stride, padding, (1, 1), ceil_mode)
    g = nhwc(g) / _divisors(windows, g.dtype, count_include_pad, divisor_override)

    def write(batch, number, tap):
        np.add(0 if windows.tiling else tap, g[batch], out=tap)

    return windows.spread(g, write)
