"""3×3 convolutions of stride 1 with 2.25 times fewer multiplications (Winograd 1980; Lavin and Gray 2015).

A tile of 2×2 output pixels comes from 4×4 input pixels d and the kernel g as

    Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A      16 products where the patches take 36.

The products of all tiles are 16 matrix products, (tiles, C) by (C, O). Bᵀ and Aᵀ hold only 0 and ±1: sums of
whole lines of channels, which NumPy adds at cache speed as long as a line is long; so channels must be many.
Tiles go through in chunks whose transforms stay in the cache.

Float32 only: sums of inputs are rounded before they are multiplied, so the error is absolute, about 3e-6 of
the largest products in a tile (3e-6 where values are about 1): a small result beside large ones has fewer
right digits than the patches give. An infinity, a nan, or numbers whose sums could overflow go by patches.
Forward and both gradients, ms, by patches, by tiles, by tiles compiled (`fast`), and PyTorch's, on one
thread and on two:

    16×64×32×32→64   44  34  24  33     23  20  13  16
    16×256×8×8→256   46  25  23  30     25  14  13  15
    32×128×8×8→512   75  49  44  59     40  27  25  29

`conv.py` is the plain definition, and the tests' oracle.
"""
import numpy as np
from numpy.lib.stride_tricks import as_strided

from .memory import empty
from .threads import get_num_threads, parallel

# Of both sides; with fewer, the transforms cost more than they spare: in NumPy on one thread, in NumPy on
# more (whose short calls wait for the interpreter lock), compiled.
CHANNELS, CHANNELS_THREADS, CHANNELS_COMPILED = 32, 64, 16
TILES = 48                      # in all: with fewer, transforming the kernel costs more than it spares
ROOM = 1 << 17                  # numbers in a chunk's transformed input or output
LEAST = 128                     # tiles in a chunk, or BLAS is slow
LIMIT = 1e36                    # of inputs and of sums of products: the transforms enlarge them 81 times
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], np.float32)
SQUARE = (G[:, None, :, None] * G[:, None]).reshape(16, 9)     # takes a kernel's 9 taps to its 16 numbers
TURNED = SQUARE[:, ::-1].copy() # those of the kernel turned by 180°


def largest(x):
    """The largest |number| of x; a nan, if there is one, is no number below another."""
    flat, tops = np.asarray(x).ravel("K"), []
    parallel(lambda start, stop: tops.extend((flat[start:stop].max(initial=0),
                                              -flat[start:stop].min(initial=0))), flat.size, flat.size)
    return float(np.max(tops))


def fits(x, other, w_shape, geometry, size, tiles=TILES):
    """Is it quicker for this convolution of x with `other`, and without overflow? `size`: the output's
    (height, width)."""
    stride, pads, dilation, groups = geometry
    if w_shape[2:] != (3, 3) or groups > 1 or x.dtype != np.float32:
        return False
    least = CHANNELS_COMPILED if compiled else CHANNELS if get_num_threads() == 1 else CHANNELS_THREADS
    if not (min(w_shape[:2]) >= least and (*stride, *dilation) == (1, 1, 1, 1)
            and min(map(min, pads)) >= 0 and len(x) * size[0] * size[1] >= 4 * tiles):
        return False
    a, b = largest(x), largest(other)
    return a < LIMIT and b < LIMIT and a * b * x.size < LIMIT           # a nan is below nothing


def spread_kernel(w, turned=False):
    """G g Gᵀ of w (O, C, 3, 3), as (4, 4, O, C); of the kernel turned by 180° if so."""
    taps, square, z = w.reshape(-1, 9), TURNED if turned else SQUARE, empty((16, w.size // 9), w.dtype)
    parallel(lambda start, stop: np.matmul(square, taps[start:stop].T, out=z[:, start:stop]), len(taps),
             z.size)
    return np.asarray(z).reshape(4, 4, *w.shape[:2])


def gather_kernel(parts):
    """Gᵀ S G of the sum of the parts S, (16, O, C) or (4, 4, O, C) each, in the order of their keys, as
    (O, C, 3, 3)."""
    total, *others = [part.reshape(16, -1) for _, part in sorted(parts.items())]
    z = np.empty((total.shape[1], 9), total.dtype)

    def run(start, stop):
        for other in others:
            total[:, start:stop] += other[:, start:stop]
        np.matmul(total[:, start:stop].T, SQUARE, out=z[start:stop])

    parallel(run, len(z), len(parts) * total.size)
    return z.reshape(*next(iter(parts.values())).shape[-2:], 3, 3)


def _differ(d, out):
    """Bᵀ along the first axis: four slices of the image to four of the transform."""
    np.subtract(d[0], d[2], out=out[0])
    np.add(d[1], d[2], out=out[1])
    np.subtract(d[2], d[1], out=out[2])
    np.subtract(d[1], d[3], out=out[3])


def _gather(m, out):
    """Aᵀ along the first axis: four slices to two."""
    np.add(m[1], m[2], out=out[0])
    out[0] += m[0]
    np.subtract(m[1], m[2], out=out[1])
    out[1] -= m[3]


def _scatter(y, out):
    """A along the first axis: two slices to four."""
    out[0] = y[0]
    np.add(y[0], y[1], out=out[1])
    np.subtract(y[0], y[1], out=out[2])
    np.negative(y[1], out=out[3])


def transform_input(image, half, out):
    """Bᵀ d B of the tiles of an image (N, 2 lines + 2, 2 wide + 2, C) into (4, 4, N, lines, wide, C). half:
    scratch for four lines of each tile's row, (4, N, lines, 2 wide + 2, C)."""
    _differ(_lines(image, 1, 4, out.shape[3]), half)
    _differ(_lines(half, 3, 4, out.shape[4]), out.swapaxes(0, 1))


def transform_output(product, half, z, bias):
    """Aᵀ Y A of products (4, 4, tiles, O) into the tiles of z, NHWC, plus bias (O,) or None. half: scratch,
    (2, 4, tiles, O)."""
    _gather(product, half)
    pixels = _by_tile(z)
    _gather(half.reshape(2, 4, *pixels.shape[2:]).swapaxes(0, 1), pixels.swapaxes(0, 1))
    if bias is not None:
        offset = np.tile(bias, z.shape[2])
        part = z.reshape(-1, offset.size)
        part += offset


def transform_cotangent(g, half, out):
    """A g Aᵀ of the tiles of g, NHWC, into (4, 4, tiles, O). half: scratch, (4, 2, tiles, O)."""
    pixels = _by_tile(g)
    _scatter(pixels, half.reshape(4, 2, *pixels.shape[2:]))
    _scatter(half.swapaxes(0, 1), out.swapaxes(0, 1))


compiled = False                # are the transforms?


def _lines(pixels, axis, count, length):
    """`count` slices of every second line along `axis`, each `length` long, beginning one after another."""
    index = [slice(None)] * pixels.ndim
    found = []
    for first in range(count):
        index[axis] = slice(first, first + 2 * length - 1, 2)
        found.append(pixels[tuple(index)])
    return found


class _Tiles:
    """The tiles of an NHWC batch, a chunk at a time, each thread with buffers of its own."""

    def __init__(self, x, pads, size):
        self.x, (self.top, self.left) = x, (pad[0] for pad in pads)
        self.tall, self.wide = (n + 1 >> 1 for n in size)

    def parallel(self, function):
        """Run `function(images, rows)` on parts of the batch, or of the rows of tiles of a few images."""
        n, tall = len(self.x), self.tall
        work = n * tall * self.wide * self.x.shape[3] * 16
        if n >= get_num_threads():
            parallel(lambda start, stop: function(slice(start, stop), slice(0, tall)), n, work)
        else:
            parallel(lambda start, stop: function(slice(0, n), slice(start, stop)), tall, work)

    def chunks(self, images, rows, tiles):
        """Yields (images, rows of tiles, Bᵀ d B as (4, 4, tiles, C)) for about so many tiles at a time; the
        next overwrites it."""
        (_, height, width, channels), wide = self.x.shape, self.wide
        tall = rows.stop - rows.start
        many = images.stop - images.start if tall == self.tall else 1       # or a chunk's lines are no block
        many = max(1, min(many, tiles // max(1, tall * wide)))
        tall = tall if many > 1 else max(1, min(tall, tiles // wide))
        room = np.zeros((many, 2 * self.tall + 2, 2 * wide + 2, channels), self.x.dtype)
        by_row = np.empty(4 * many * tall * (2 * wide + 2) * channels, self.x.dtype)
        by_tile = np.empty(16 * many * tall * wide * channels, self.x.dtype)
        for first in range(images.start, images.stop, many):
            chunk = slice(first, min(first + many, images.stop))
            n = chunk.stop - first
            inside = room[:n, self.top:self.top + height, self.left:self.left + width]
            inside[...] = self.x[chunk, :inside.shape[1], :inside.shape[2]]
            for top in range(rows.start, rows.stop, tall):
                band = slice(top, min(top + tall, rows.stop))
                lines = band.stop - top
                half = by_row[:4 * n * lines * (2 * wide + 2) * channels].reshape(4, n, lines, -1, channels)
                whole = by_tile[:16 * n * lines * wide * channels].reshape(4, 4, n, lines, wide, channels)
                transform_input(room[:n, 2 * top:2 * band.stop + 2], half, whole)
                yield chunk, band, whole.reshape(4, 4, n * lines * wide, channels)


def _by_tile(part):
    """The tiles of an NHWC array with even sides, as (2, 2, images, rows, columns, channels), no copy."""
    n, height, width, channels = part.shape
    image, line, pixel, channel = part.strides
    return as_strided(part, (2, 2, n, height // 2, width // 2, channels),
                      (line, pixel, image, 2 * line, 2 * pixel, channel))


def convolve(x, w, bias, pads, size, turned=False):
    """x (N, H, W, C) with w (O, C, 3, 3), or with w (C, O, 3, 3) turned: the input gradient's convolution.
    Gives (N, *size, O)."""
    kernel = spread_kernel(w, turned)
    kernel = kernel if turned else kernel.swapaxes(2, 3)                # (4, 4, x's channels, z's)
    out = kernel.shape[3]
    tiles = _Tiles(x, pads, size)
    z = empty((len(x), 2 * tiles.tall, 2 * tiles.wide, out), x.dtype)

    def run(images, rows):
        count = max(LEAST, ROOM // (16 * max(x.shape[3], out)))
        product = half = None
        for chunk, band, transformed in tiles.chunks(images, rows, count):
            n = transformed.shape[2]
            if product is None or product.shape[2] != n:
                product, half = np.empty((4, 4, n, out), x.dtype), np.empty((2, 4, n, out), x.dtype)
            np.matmul(transformed, kernel, out=product)
            transform_output(product, half, z[chunk, 2 * band.start:2 * band.stop], bias)

    tiles.parallel(run)
    return z if z.shape[1:3] == size else np.ascontiguousarray(z[:, :size[0], :size[1]])


def even(g):
    """g (N, H, W, C) with sides made even by zeros; itself where they are."""
    n, height, width, channels = g.shape
    if height % 2 or width % 2:
        room = np.zeros((n, height + height % 2, width + width % 2, channels), g.dtype)
        room[:, :height, :width] = g
        return room
    return g


def weight_grad(g, x, pads):
    """Σ over tiles of cotangent × input, between transforms: g (N, H', W', O), x (N, H, W, C) -> w's shape.

    dW = Gᵀ [Σ (A g Aᵀ)ᵀ (Bᵀ d B)] G: the adjoint of the forward formula.
    """
    tiles, parts, g, out = _Tiles(x, pads, g.shape[1:3]), {}, even(g), g.shape[3]

    def run(images, rows):
        total = product = half = spread = None
        # Each chunk adds up a whole kernel, so a chunk has about as many tiles as a kernel has channels.
        for chunk, band, transformed in tiles.chunks(images, rows, max(2 * LEAST, out)):
            n = transformed.shape[2]
            if half is None or half.shape[2] != n:
                half, spread = np.empty((4, 2, n, out), g.dtype), np.empty((4, 4, n, out), g.dtype)
            transform_cotangent(g[chunk, 2 * band.start:2 * band.stop], half, spread)
            product = np.matmul(spread.swapaxes(2, 3), transformed, out=product)
            if total is None:
                total, product = product, None
            else:
                total += product
        if total is not None:
            parts[images.start, rows.start] = total

    tiles.parallel(run)
    return gather_kernel(parts)
