"""The compiled loops: float32, one pass over memory, no interpreter lock. `kernels.py` calls them on slices.

Numba compiles each when it is first called and keeps the machine code on disk. Sums over long runs go block
by block into float64, so that they are as accurate as NumPy's pairwise ones. Where a loop may reorder a sum
it says so (`SUMS`), as vector units need it.
"""
import numba
import numpy as np

from ..numpy.special import DENSITY, NORMAL

SUMS = {"reassoc", "contract", "nsz"}
BLOCK = 256                     # rows whose sum is kept in float32

f32, i32 = np.float32, np.int32
LOG2_E, LN2_HIGH, LN2_LOW = f32(1.4426950408889634), f32(0.693359375), f32(-2.12194440e-4)
HALF, ONE, ZERO = f32(0.5), f32(1), f32(0)
LEAST, MOST = f32(-104), f32(89)                # beyond, e^x is 0 or infinite
BIAS, MANTISSA = i32(127), i32(23)              # of float32's bits
PHI = f32(DENSITY)
N0, N1, N2, N3, N4, N5, N6, N7, N8 = (f32(-2 * c) for c in NORMAL)
PHI_FROM = f32(5.5)             # |x| beyond which Φ is 0 or 1 in float32, and its polynomial leaves the curve


def loop(fastmath=frozenset({"contract"})):
    def compiled(function):
        options = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:                    # no folder may be written: every program compiles anew
            return numba.njit(**options)(function)
    return compiled


inline = numba.njit(inline="always", error_model="numpy")


@inline
def exp(x):
    """e^x to 1 ulp (S. Moshier, Cephes: x = n ln 2 + r, a polynomial in r); 2ⁿ is made of bits, in two
    factors that neither overflow nor underflow early."""
    x = min(max(x, LEAST), MOST)
    n = np.floor(x * LOG2_E + HALF)
    r = x - n * LN2_HIGH
    r = r - n * LN2_LOW
    p = f32(1.9875691500e-4)
    p = p * r + f32(1.3981999507e-3)
    p = p * r + f32(8.3334519073e-3)
    p = p * r + f32(4.1665795894e-2)
    p = p * r + f32(1.6666665459e-1)
    p = p * r + f32(5.0000001201e-1)
    p = p * r * r + r + ONE
    k = i32(n)
    h = k >> i32(1)
    return p * i32((h + BIAS) << MANTISSA).view(f32) * i32((k - h + BIAS) << MANTISSA).view(f32)


@inline
def normal(x):
    """Φ(x), the normal distribution's share below x: 1 / (1 + e^(−2 x P(x²))), P as in special.py."""
    y = min(max(x, -PHI_FROM), PHI_FROM)
    s = y * y
    p = N8
    p = p * s + N7
    p = p * s + N6
    p = p * s + N5
    p = p * s + N4
    p = p * s + N3
    p = p * s + N2
    p = p * s + N1
    p = p * s + N0
    return ONE / (ONE + exp(y * p))


@loop()
def relu(x, z):
    for i in range(x.size):
        z[i] = ZERO if x[i] <= ZERO else x[i]


@loop()
def relu_backward(g, z, out):
    for i in range(g.size):
        out[i] = ZERO if z[i] <= ZERO else g[i]


@loop()
def gelu(x, z):
    for i in range(x.size):
        z[i] = x[i] * normal(x[i])


@loop()
def gelu_backward(g, x, out):
    for i in range(x.size):
        out[i] = g[i] * (normal(x[i]) + x[i] * PHI * exp(-HALF * x[i] * x[i]))


@inline
def largest(row):
    top = f32(-np.inf)
    for j in range(row.size):
        top = row[j] if row[j] > top else top
    return top


@loop(SUMS | {"nnan"})
def row_largest(x, top):
    """The largest of each row; a row's nans are overlooked: its exponentials show them."""
    for i in range(len(x)):
        top[i] = largest(x[i])


@loop(SUMS)
def softmax(x, top, z):
    for i in range(len(x)):
        total, shift = ZERO, top[i]
        for j in range(x.shape[1]):
            e = exp(x[i, j] - shift)
            z[i, j] = e
            total += e
        for j in range(x.shape[1]):
            z[i, j] /= total


@loop(SUMS)
def softmax_backward(g, z, out):
    for i in range(len(z)):
        total = ZERO
        for j in range(z.shape[1]):
            total += g[i, j] * z[i, j]
        for j in range(z.shape[1]):
            out[i, j] = z[i, j] * (g[i, j] - total)


@loop(SUMS)
def log_softmax(x, top, z):
    for i in range(len(x)):
        total, shift = ZERO, top[i]
        for j in range(x.shape[1]):
            total += exp(x[i, j] - shift)
        log = np.log(total)
        for j in range(x.shape[1]):
            z[i, j] = (x[i, j] - shift) - log


@loop(SUMS)
def layer_norm(x, weight, bias, eps, z, mean, rstd):
    """weight and bias may be empty: 1 and 0."""
    columns = x.shape[1]
    for i in range(len(x)):
        total = ZERO
        for j in range(columns):
            total += x[i, j]
        centre = total / f32(columns)
        square = ZERO
        for j in range(columns):
            d = x[i, j] - centre
            square += d * d
        inverse = ONE / np.sqrt(square / f32(columns) + eps)
        mean[i], rstd[i] = centre, inverse
        for j in range(columns):
            z[i, j] = (x[i, j] - centre) * inverse
        if weight.size:
            for j in range(columns):
                z[i, j] *= weight[j]
        if bias.size:
            for j in range(columns):
                z[i, j] += bias[j]


@loop(SUMS)
def layer_norm_backward(g, x, weight, mean, rstd, z, sums):
    """sums (2, columns), float64: Σ ḡ x̂ and Σ ḡ."""
    columns = x.shape[1]
    block = np.zeros((2, columns), f32)
    for first in range(0, len(x), BLOCK):
        block[:] = ZERO
        for i in range(first, min(first + BLOCK, len(x))):
            centre, inverse, level, slope = mean[i], rstd[i], ZERO, ZERO
            for j in range(columns):
                unit = (x[i, j] - centre) * inverse
                block[0, j] += g[i, j] * unit
                block[1, j] += g[i, j]
                part = g[i, j] * weight[j]
                level += part
                slope += part * unit
            level /= f32(columns)
            slope /= f32(columns)
            for j in range(columns):
                unit = (x[i, j] - centre) * inverse
                z[i, j] = (g[i, j] * weight[j] - level - unit * slope) * inverse
        for k in range(2):
            for j in range(columns):
                sums[k, j] += block[k, j]


@loop(SUMS)
def centred_sums(x, y, centre, sums):
    """sums (2, channels), float64: Σ y and Σ y (x − centre) over the rows; y may be empty: x − centre."""
    channels = x.shape[1]
    block = np.zeros((2, channels), f32)
    for first in range(0, len(x), BLOCK):
        block[:] = ZERO
        for i in range(first, min(first + BLOCK, len(x))):
            if y.size:
                for j in range(channels):
                    block[0, j] += y[i, j]
                    block[1, j] += y[i, j] * (x[i, j] - centre[j])
            else:
                for j in range(channels):
                    d = x[i, j] - centre[j]
                    block[0, j] += d
                    block[1, j] += d * d
        for k in range(2):
            for j in range(channels):
                sums[k, j] += block[k, j]


@loop()
def affine(x, centre, scale, shift, z):
    for i in range(len(x)):
        for j in range(x.shape[1]):
            z[i, j] = (x[i, j] - centre[j]) * scale[j] + shift[j]


@loop()
def batch_norm_spread(g, x, centre, slope, level, scale, z):
    for i in range(len(x)):
        for j in range(x.shape[1]):
            z[i, j] = (g[i, j] - (x[i, j] - centre[j]) * slope[j] - level[j]) * scale[j]


@loop()
def max_pool(x, kh, kw, sh, sw, top, left, dh, dw, z, index):
    """x (N, H, W, C): each window's first largest, or its last nan, and the number of that tap."""
    n, tall, wide, channels = z.shape
    for b in range(n):
        for i in range(tall):
            for j in range(wide):
                first = True
                best, at = z[b, i, j], index[b, i, j]
                for k in range(kh):
                    row = i * sh - top + k * dh
                    if row < 0 or row >= x.shape[1]:
                        continue
                    for m in range(kw):
                        column = j * sw - left + m * dw
                        if column < 0 or column >= x.shape[2]:
                            continue
                        tap, number = x[b, row, column], k * kw + m
                        if first:
                            first = False
                            for c in range(channels):
                                best[c] = tap[c]
                                at[c] = number
                        else:
                            for c in range(channels):
                                wins = not tap[c] <= best[c] and not (best[c] != best[c] and tap[c] == tap[c])
                                best[c] = tap[c] if wins else best[c]
                                at[c] = number if wins else at[c]


@loop()
def max_pool_backward(g, index, kh, kw, sh, sw, top, left, dh, dw, z):
    """z (N, H, W, C), zeros: each cotangent added at its maximum's place."""
    n, tall, wide, channels = g.shape
    for b in range(n):
        for i in range(tall):
            for j in range(wide):
                for k in range(kh):
                    row = i * sh - top + k * dh
                    if row < 0 or row >= z.shape[1]:
                        continue
                    for m in range(kw):
                        column = j * sw - left + m * dw
                        if column < 0 or column >= z.shape[2]:
                            continue
                        number, place = k * kw + m, z[b, row, column]
                        for c in range(channels):
                            place[c] += g[b, i, j, c] if index[b, i, j, c] == number else ZERO


@loop()
def max_pool_backward_tiling(g, index, kh, kw, z):
    """As `max_pool_backward` where windows tile the image: every element is written once."""
    n, tall, wide, channels = g.shape
    for b in range(n):
        for i in range(tall):
            for k in range(kh):
                for j in range(wide):
                    for m in range(kw):
                        number, place = k * kw + m, z[b, i * kh + k, j * kw + m]
                        for c in range(channels):
                            place[c] = g[b, i, j, c] if index[b, i, j, c] == number else ZERO


@loop()
def adapt(x, g, mean, square, near, far, rest, eps, rate):
    for i in range(x.size):
        mean[i] += (g[i] - mean[i]) * near
        square[i] = square[i] * far + g[i] * g[i] * rest
        x[i] -= mean[i] / (np.sqrt(square[i]) + eps) * rate
