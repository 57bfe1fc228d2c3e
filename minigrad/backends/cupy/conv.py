"""Convolution, its input gradient and its weight gradient, each one matrix product for a part of the batch.

NCHW, row-major. The patch under an output pixel is a column of K = channels × kernel height × kernel width
numbers: weights (O, K) times patches (K, pixels). `padding` is (vertical, horizontal), each a number or a
(before, after) pair; negative padding crops.
"""
import math

import cupy
from cupy.lib.stride_tricks import as_strided

from ..numpy.layout import rounded_once

ROOM = 1 << 28                  # numbers in a patch matrix: 1 GB in float32


def _pairs(padding):
    return [tuple(p) if isinstance(p, (tuple, list)) else (p, p) for p in padding]


def _padded(x, pads):
    """x with zeros around each image, cropped where a number is negative."""
    inside = [slice(max(0, -a), n - max(0, -b)) for (a, b), n in zip(pads, x.shape[2:])]
    cropped = x[:, :, inside[0], inside[1]]
    grown = [(max(0, a), max(0, b)) for a, b in pads]
    if not any([n for pair in grown for n in pair]):
        return cropped
    room = cupy.zeros((*x.shape[:2], *[n + a + b for n, (a, b) in zip(cropped.shape[2:], grown)]), x.dtype)
    inside = [slice(a, a + n) for (a, _), n in zip(grown, cropped.shape[2:])]
    room[:, :, inside[0], inside[1]] = cropped
    return room


def _size(padded, kernel, stride, dilation):
    return tuple([(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(padded, kernel, stride, dilation)])


def _parts(n, numbers):
    """Slices of a batch of n whose patches, so many numbers an image, fit the room."""
    step = max(1, ROOM // max(1, numbers))
    return [slice(first, min(first + step, n)) for first in range(0, n, step)]


def _patches(x, kernel, stride, dilation, size, groups):
    """The patches of padded images as (groups, K, images × pixels)."""
    n, c = x.shape[:2]
    sn, sc, sh, sw = x.strides
    view = as_strided(x, (c, *kernel, n, *size),
                      (sc, sh * dilation[0], sw * dilation[1], sn, sh * stride[0], sw * stride[1]))
    return view.reshape(groups, c // groups * math.prod(kernel), -1)


def _product(x, y):
    """Matrix products per group: one group as two dimensions, which is the faster call."""
    return cupy.matmul(x[0], y[0])[None] if len(x) == 1 else cupy.matmul(x, y)


def _by_channel(g, groups):
    """(N, C, H, W) as (groups, C / groups, N × H × W)."""
    return g.swapaxes(0, 1).reshape(groups, g.shape[1] // groups, -1)


@rounded_once
def conv2d(x, w, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """x (N, C, H, W), w (O, C / groups, h, w), bias (O,) or None -> (N, O, H', W'). (torch.conv2d)"""
    padded, kernel, out = _padded(x, _pairs(padding)), w.shape[2:], len(w)
    size = _size(padded.shape[2:], kernel, stride, dilation)
    weight = w.reshape(groups, out // groups, -1)
    z = cupy.empty((len(x), out, *size), x.dtype)
    for part in _parts(len(x), x.shape[1] * math.prod(kernel) * math.prod(size)):
        patches = _patches(padded[part], kernel, stride, dilation, size, groups)
        z[part] = _product(weight, patches).reshape(out, -1, *size).swapaxes(0, 1)
    if bias is not None:
        z += bias[:, None, None]
    return z


@rounded_once
def conv2d_weight_grad(g, x, w_shape, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """Σ over pixels of cotangent × patch: g (N, O, H', W'), x (N, C, H, W) -> w_shape."""
    padded, kernel, size = _padded(x, _pairs(padding)), w_shape[2:], g.shape[2:]
    total = cupy.zeros((groups, w_shape[0] // groups, math.prod(w_shape[1:])), x.dtype)
    for part in _parts(len(x), x.shape[1] * math.prod(kernel) * math.prod(size)):
        patches = _patches(padded[part], kernel, stride, dilation, size, groups)
        total += _product(_by_channel(g[part], groups), patches.swapaxes(1, 2))
    return total.reshape(w_shape)


@rounded_once
def conv2d_input_grad(g, w, x_shape, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """g (N, O, H', W'), w (O, C / groups, h, w) -> x_shape: each tap of the kernel added at its place."""
    (n, c, *image), (out, _, *kernel), size = x_shape, w.shape, g.shape[2:]
    pads = _pairs(padding)
    weight = w.reshape(groups, out // groups, -1).swapaxes(1, 2)
    sides = [max(i + max(0, a) + max(0, b), (m - 1) * s + d * (k - 1) + 1 + max(0, -a))
             for i, (a, b), m, s, d, k in zip(image, pads, size, stride, dilation, kernel)]
    z = cupy.zeros((n, c, *sides), g.dtype)     # room for cropped parts, too, which are left out at the end
    top, left = [max(0, -a) for a, _ in pads]
    for part in _parts(n, c * math.prod(kernel) * math.prod(size)):
        taps = _product(weight, _by_channel(g[part], groups)).reshape(c, *kernel, -1, *size)
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                place = z[part, :, top + i * dilation[0]::stride[0], left + j * dilation[1]::stride[1]]
                place[:, :, :size[0], :size[1]] += taps[:, i, j].swapaxes(0, 1)
    first = [max(0, a) for a, _ in pads]
    return cupy.ascontiguousarray(z[:, :, first[0]:first[0] + image[0], first[1]:first[1] + image[1]])
