"""Max and average pooling of NCHW arrays, a tap of the window at a time.

A tap is a strided view of the padded image, of the result's shape. What is kept of a maximum is the number of
its tap, as in `backends.numpy.pool`, whose geometry this is.
"""
import cupy
import numpy as np

from ..numpy.layout import rounded_once
from ..numpy.pool import _divisors, _Windows
from .pointwise import where


class _Taps(_Windows):
    """The taps of all windows, of channels-first images."""

    def taps(self, padded):
        """(number, strided view) of each tap, in row-major order of the window."""
        (_, kh, sh, _, dh), (_, kw, sw, _, dw) = self.sides
        for number, (i, j) in enumerate(np.ndindex(kh, kw)):
            yield number, padded[:, :, i * dh::sh, j * dw::sw][:, :, :self.size[0], :self.size[1]]

    def pad(self, image, value):
        if self.padded == self.shape[2:]:
            return image
        padded = cupy.full((*self.shape[:2], *self.padded), value, image.dtype)
        padded[:, :, self.inside[1], self.inside[2]] = image
        return padded

    def spread(self, dtype, write):
        """An image of the windows' input: `write(number, tap)` adds to the taps of one of zeros."""
        padded = cupy.zeros((*self.shape[:2], *self.padded), dtype)
        for number, tap in self.taps(padded):
            write(number, tap)
        return cupy.ascontiguousarray(padded[:, :, self.inside[1], self.inside[2]])


@rounded_once
def max_pool2d(x, kernel, stride, padding=(0, 0), dilation=(1, 1), ceil_mode=False):
    """(z, indices) for x (N, C, H, W): each window's first largest, or its last nan, and the number of that
    tap."""
    windows = _Taps(x.shape, kernel, stride, padding, dilation, ceil_mode)
    best = cupy.full((*x.shape[:2], *windows.size), -np.inf, x.dtype)
    # The index where nothing beats the padding: the first tap inside the image.
    row, column = (np.maximum(-((np.arange(m) * s - p) // d), 0)
                   for m, (_, _, s, p, d) in zip(windows.size, windows.sides))
    index = cupy.zeros(best.shape, cupy.int32) + cupy.asarray(
        (row[:, None] * kernel[1] + column).astype(np.int32))
    for number, tap in windows.taps(windows.pad(x, -np.inf)):
        beats = (tap > best) | (tap != tap)
        best, index = cupy.where(beats, tap, best), cupy.where(beats, number, index)
    return best, index


@rounded_once
def max_pool2d_backward(g, indices, x_shape, *how):
    """Each cotangent at its maximum's place, added where windows share it -> x_shape."""
    def write(number, tap):
        tap += cupy.where(indices == number, g, 0)

    return _Taps(x_shape, *how).spread(g.dtype, write)


def max_pool2d_gather(x, indices, *how):
    """x, an array of the pooled one's shape, read at the maxima: the derivative of `max_pool2d_backward`."""
    windows = _Taps(x.shape, *how)
    z = cupy.zeros((*x.shape[:2], *windows.size), x.dtype)
    for number, tap in windows.taps(windows.pad(x, 0)):
        z = where(indices == number, tap, z)
    return z


def max_pool2d_positions(indices, x_shape, *how):
    """torch's indices: int64 positions in each channel's flattened image."""
    windows = _Taps(x_shape, *how)
    (_, _, sh, ph, dh), (width, kw, sw, pw, dw) = windows.sides
    indices = indices.astype(cupy.int64)
    row = indices // kw * dh - ph + (cupy.arange(windows.size[0]) * sh)[:, None]
    return row * width + indices % kw * dw - pw + cupy.arange(windows.size[1]) * sw


@rounded_once
def avg_pool2d(x, kernel, stride, padding=(0, 0), ceil_mode=False, count_include_pad=True,
               divisor_override=None):
    """The mean of each window of x (N, C, H, W). (torch.nn.functional.avg_pool2d)"""
    windows = _Taps(x.shape, kernel, stride, padding, (1, 1), ceil_mode)
    z = cupy.zeros((*x.shape[:2], *windows.size), x.dtype)
    for _, tap in windows.taps(windows.pad(x, 0)):
        z += tap
    return z / _of_each(windows, x.dtype, count_include_pad, divisor_override)


@rounded_once
def avg_pool2d_backward(g, x_shape, kernel, stride, padding=(0, 0), ceil_mode=False, count_include_pad=True,
                        divisor_override=None):
    """Each cotangent, divided as its window was, added to all of the window -> x_shape."""
    windows = _Taps(x_shape, kernel, stride, padding, (1, 1), ceil_mode)
    g = g / _of_each(windows, g.dtype, count_include_pad, divisor_override)

    def write(number, tap):
        tap += g

    return windows.spread(g.dtype, write)


def _of_each(windows, dtype, count_include_pad, divisor_override):
    """By what each window's sum is divided, (H', W') or ()."""
    divisors = _divisors(windows, dtype, count_include_pad, divisor_override)
    return cupy.asarray(divisors if divisors.ndim == 0 else divisors[:, :, 0])
