"""Convolution, its input gradient and its weight gradient: a closed family, each one's derivative is the
others.

Shapes are logical NCHW and OIHW; the memory inside is NHWC, and results are channels-last. A convolution is
one matrix product: the patch under an output pixel is a row of K = kernel height × kernel width × channels
numbers. In NHWC memory a patch's line of pixels is one run, so NumPy gathers patches at the speed of memcpy.
The patch matrix holds K / channels times the input, so it is built for a megabyte at a time, in a buffer that
stays in the cache, and again for the weight gradient. Where runs are short (1 or 3 channels) it is built
transposed, from the channels-first image: runs are image lines then. Measured against row by row: 1→16
channels 0.31 ms for 0.96, 3→64 channels 0.98 for 1.27 (two cores).
Large 3×3 convolutions of stride 1 take another way, with fewer multiplications: winograd.py.

`padding` is (vertical, horizontal), each a number or a (before, after) pair.
"""
import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import winograd
from .layout import channels_last, nhwc, rounded_once
from .memory import empty
from .threads import get_num_threads, parallel

CHUNK = 1 << 18                 # numbers in a thread's patch buffer
SHORT = 24                      # runs below this many numbers are better gathered along the image's lines


def _pairs(padding):
    return [tuple(p) if isinstance(p, (tuple, list)) else (p, p) for p in padding]


class _Patches:
    """The patch matrix of an NCHW batch, a chunk at a time, as (groups, rows, K), rows being output pixels.

    Negative padding crops: the input gradient of a convolution padded by more than its kernel asks for it.
    """

    def __init__(self, x, kernel, stride, padding, dilation, groups):
        pads = _pairs(padding)
        crop = [slice(max(0, -a), n - max(0, -b)) for (a, b), n in zip(pads, x.shape[2:], strict=True)]
        self.image = x.transpose(0, 2, 3, 1)[:, crop[0], crop[1]]
        self.pads = [(max(0, a), max(0, b)) for a, b in pads]
        self.kernel, self.stride, self.dilation, self.groups = kernel, stride, dilation, groups
        self.padded = tuple(n + a + b for n, (a, b) in zip(self.image.shape[1:3], self.pads, strict=True))
        self.size = tuple((n - d * (k - 1) - 1) // s + 1
                          for n, k, s, d in zip(self.padded, kernel, stride, dilation, strict=True))
        self.channels = x.shape[1] // groups
        self.depth = kernel[0] * kernel[1] * self.channels
        run = self.channels * (kernel[1] if dilation[1] == 1 and groups == 1 else 1)
        self.transposed = run < SHORT

    def parallel(self, function):
        """Run `function(images, lines)`, both slices, on parts of the batch, or of the lines of a few
        images."""
        n, (height, width) = len(self.image), self.size
        work = n * height * width * self.depth * self.groups
        if n >= get_num_threads() or n == 0:
            parallel(lambda start, stop: function(slice(start, stop), slice(0, height)), n, work)
        else:
            parallel(lambda start, stop: function(slice(0, n), slice(start, stop)), height, work)

    def chunks(self, images, lines, room=CHUNK):
        """Yields (images, lines, patch matrix), of `room` numbers where that can be; the next overwrites
        it."""
        line = self.size[1] * self.depth * self.groups
        tall = lines.stop - lines.start
        many = images.stop - images.start if tall == self.size[0] else 1    # or a chunk's lines are no block
        many = max(1, min(many, room // max(1, line * tall)))
        tall = tall if many > 1 else max(1, min(tall, room // max(1, line)))
        buffer = np.empty(many * tall * line, self.image.dtype)
        pad = self._padder(many)
        for first in range(images.start, images.stop, many):
            chunk = slice(first, min(first + many, images.stop))
            image = pad(self.image[chunk])
            for top in range(lines.start, lines.stop, tall):
                band = slice(top, min(top + tall, lines.stop))
                yield chunk, band, self._matrix(image, band, buffer)

    def _padder(self, images):
        """A function from images to padded images, in the memory order that gathering them reads best."""
        if self.padded == self.image.shape[1:3] and (self.transposed or self.image.flags.c_contiguous):
            return lambda image: image
        (top, _), (left, _) = self.pads
        _, h, w, c = self.image.shape
        if self.transposed:
            room = np.zeros((c, images, *self.padded), self.image.dtype).transpose(1, 2, 3, 0)
        else:
            room = np.zeros((images, *self.padded, c), self.image.dtype)

        def pad(image):
            room[:len(image), top:top + h, left:left + w] = image       # the border stays zero
            return room[:len(image)]
        return pad

    def _matrix(self, image, band, buffer):
        """The patches of those lines of output pixels."""
        n, lines, width = len(image), band.stop - band.start, self.size[1]
        (kh, kw), groups, channels, rows = self.kernel, self.groups, self.channels, n * lines * width
        image = image[:, band.start * self.stride[0]:]
        if self.depth == image.shape[3] and self.stride == (1, 1) and image.flags.c_contiguous:
            return image[:, :lines].reshape(1, rows, self.depth)        # 1×1: the image is its own patches
        sn, sh, sw, sc = image.strides
        view = as_strided(image, (groups, n, lines, width, kh, kw, channels),
                          (sc * channels, sn, sh * self.stride[0], sw * self.stride[1],
                           sh * self.dilation[0], sw * self.dilation[1], sc))
        buffer = buffer[:rows * self.depth * groups]
        if self.transposed:
            view = view.transpose(0, 4, 5, 6, 1, 2, 3)
            np.copyto(buffer.reshape(view.shape), view)
            return buffer.reshape(groups, self.depth, rows).transpose(0, 2, 1)
        np.copyto(buffer.reshape(view.shape), view)
        return buffer.reshape(groups, rows, self.depth)


def _by_group(pixels, groups):
    """(..., groups × channels) as (groups, rows, channels), without a copy."""
    return pixels.reshape(-1, groups, pixels.shape[-1] // groups).transpose(1, 0, 2)


@rounded_once
def conv2d(x, w, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """x (N, C, H, W), w (O, C / groups, h, w), bias (O,) or None -> (N, O, H', W'). (torch.conv2d)"""
    patches, pads = _Patches(x, w.shape[2:], stride, padding, dilation, groups), _pairs(padding)
    if winograd.fits(x, w, w.shape, (stride, pads, dilation, groups), patches.size):
        return channels_last(winograd.convolve(nhwc(x), w, bias, pads, patches.size))
    weight = w.transpose(0, 2, 3, 1).reshape(groups, len(w) // groups, patches.depth).transpose(0, 2, 1)
    z = empty((len(x), *patches.size, len(w)), x.dtype)
    offset = None if bias is None else np.tile(bias, patches.size[1])

    def run(images, lines):
        for chunk, band, matrix in patches.chunks(images, lines):
            part = z[chunk, band]
            np.matmul(matrix, weight, out=_by_group(part, groups))
            if offset is not None:
                part = part.reshape(-1, offset.size)        # whole lines: a loop over O alone is slow
                part += offset

    patches.parallel(run)
    return channels_last(z)


@rounded_once
def conv2d_weight_grad(g, x, w_shape, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """Σ over pixels of cotangent × patch: g (N, O, H', W'), x (N, C, H, W) -> w_shape, row-major."""
    out, channels, kh, kw = w_shape
    patches, pads = _Patches(x, (kh, kw), stride, padding, dilation, groups), _pairs(padding)
    g, parts = nhwc(g), {}
    if winograd.fits(x, g, w_shape, (stride, pads, dilation, groups), patches.size, 2 * winograd.TILES):
        return winograd.weight_grad(g, nhwc(x), pads)

    def run(images, lines):
        total = product = None
        # Each chunk adds up a whole weight, so a chunk has as many rows as a weight, or more.
        for chunk, band, matrix in patches.chunks(images, lines, max(CHUNK, out * patches.depth)):
            left, right = _by_group(g[chunk, band], groups), matrix
            if patches.transposed:              # (K, O), which costs half where K is in the matrix's rows
                left, right = right, left
            product = np.matmul(left.transpose(0, 2, 1), right, out=product)
            if total is None:
                total, product = product, None
            else:
                total += product
        if total is not None:
            parts[images.start, lines.start] = total

    patches.parallel(run)
    if not parts:
        return np.zeros(w_shape, x.dtype)
    first, *others = [(p.transpose(0, 2, 1) if patches.transposed else p).reshape(out, kh, kw, channels)
                      for _, p in sorted(parts.items())]
    z = np.empty(w_shape, x.dtype)

    def lay(start, stop):
        for other in others:
            first[start:stop] += other[start:stop]
        z[start:stop] = first[start:stop].transpose(0, 3, 1, 2)

    parallel(lay, out, z.size)
    return z


@rounded_once
def conv2d_input_grad(g, w, x_shape, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """g (N, O, H', W'), w (O, C / groups, h, w) -> x_shape.

    With stride 1 it is the convolution of g with the turned kernel. Where that would gather far more than the
    result holds (O > 2 C), and with strides, each tap of the kernel is one product, added at its place.
    """
    (n, c, height, width), (out, channels, kh, kw), pads = x_shape, w.shape, _pairs(padding)
    reach = dilation[0] * (kh - 1), dilation[1] * (kw - 1)
    back = [(r - a, r - b) for r, (a, b) in zip(reach, pads, strict=True)]
    if winograd.fits(g, w, w.shape, (stride, back, dilation, groups), (height, width)):
        return channels_last(winograd.convolve(nhwc(g), w, None, back, (height, width), turned=True))
    by_group = w.reshape(groups, out // groups, channels, kh, kw)
    if tuple(stride) == (1, 1) and out <= 2 * c:
        turned = by_group[..., ::-1, ::-1].swapaxes(1, 2).reshape(c, out // groups, kh, kw)
        return conv2d(g, turned, None, (1, 1), back, dilation, groups)
    g = nhwc(g)
    (top, bottom), (left, right) = pads
    taps = np.ascontiguousarray(by_group.transpose(3, 4, 0, 1, 2))
    z = empty((n, height, width, c), g.dtype)
    images = max(1, CHUNK // max(1, height * width * c))

    def run(start, stop):
        for first in range(start, stop, images):
            part = g[first:min(first + images, stop)]
            many, tall, wide, _ = part.shape
            room = np.zeros((many, height + top + max(0, bottom), width + left + max(0, right), c), g.dtype)
            product = np.empty((many, tall, wide, c), g.dtype)
            for i, j in np.ndindex(kh, kw):
                np.matmul(_by_group(part, groups), taps[i, j], out=_by_group(product, groups))
                place = room[:, i * dilation[0]::stride[0], j * dilation[1]::stride[1]][:, :tall, :wide]
                place += product
            z[first:first + many] = room[:, top:top + height, left:left + width]

    parallel(run, n, g.size * channels * kh * kw)
    return channels_last(z)
