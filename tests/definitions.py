"""What the kernels compute, written as plainly as it can be: loops over a window's taps, no layouts, no
chunks, no threads, in the precision of the arrays given. What the kernels' tests hold them to.

Where a definition gives pairs, the second of each is the size of what an element is computed from: its
rounding errors are counted in epsilons of that. A sum's is the sum of its absolute terms (so a convolution's
is the convolution of absolute values).
"""
import math

import numpy as np


# Convolution: three functions, each a sum over taps
def _taps(shape, kernel, stride, padding, dilation, size):
    """(i, j, where the tap lies in the padded image) for every place of the kernel."""
    for i, j in np.ndindex(*kernel):
        yield i, j, (..., slice(i * dilation[0], i * dilation[0] + stride[0] * (size[0] - 1) + 1, stride[0]),
                     slice(j * dilation[1], j * dilation[1] + stride[1] * (size[1] - 1) + 1, stride[1]))


def conv_size(shape, kernel, stride, padding, dilation):
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1
                 for n, k, s, p, d in zip(shape[2:], kernel, stride, padding, dilation))


def _padded(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))


def _mix(pixels, matrix):
    """(n, c, h, w) through (groups, c / groups, o / groups) to (n, o, h, w)."""
    n, _, h, w = pixels.shape
    groups, channels, out = matrix.shape
    rows = pixels.reshape(n, groups, channels, h * w).transpose(1, 0, 3, 2)
    rows = rows.reshape(groups, n * h * w, channels)
    return (rows @ matrix).reshape(groups, n, h * w, out).transpose(1, 0, 3, 2).reshape(n, groups * out, h, w)


def conv2d(x, w, b, stride, padding, dilation, groups):
    size = conv_size(x.shape, w.shape[2:], stride, padding, dilation)
    padded, z = _padded(x, padding), np.zeros((len(x), len(w), *size), x.dtype)
    by_group = w.reshape(groups, len(w) // groups, *w.shape[1:]).swapaxes(1, 2)
    for i, j, tap in _taps(x.shape, w.shape[2:], stride, padding, dilation, size):
        z += _mix(padded[tap], by_group[..., i, j])
    return z if b is None else z + b[:, None, None]


def conv2d_input_grad(g, w, x_shape, stride, padding, dilation, groups):
    n, c, height, width = x_shape
    padded = np.zeros((n, c, height + 2 * padding[0], width + 2 * padding[1]), g.dtype)
    by_group = w.reshape(groups, len(w) // groups, *w.shape[1:])
    for i, j, tap in _taps(x_shape, w.shape[2:], stride, padding, dilation, g.shape[2:]):
        padded[tap] += _mix(g, by_group[..., i, j])
    return padded[:, :, padding[0]:padding[0] + height, padding[1]:padding[1] + width]


def conv2d_weight_grad(g, x, w_shape, stride, padding, dilation, groups):
    padded, w = _padded(x, padding), np.zeros(w_shape, x.dtype)
    n, pixels, out = len(x), math.prod(g.shape[2:]), w_shape[0] // groups
    rows = g.reshape(n, groups, out, pixels).transpose(1, 2, 0, 3).reshape(groups, out, n * pixels)
    for i, j, tap in _taps(x.shape, w_shape[2:], stride, padding, dilation, g.shape[2:]):
        columns = padded[tap].reshape(n, groups, w_shape[1], pixels)
        columns = columns.transpose(1, 0, 3, 2).reshape(groups, n * pixels, w_shape[1])
        w[..., i, j] = (rows @ columns).reshape(w_shape[:2])
    return w


# Pooling
def _windows(x, value, kernel, stride, padding, dilation=(1, 1)):
    """The taps of all windows, (taps, N, C, H', W'); padding holds `value`."""
    size = conv_size(x.shape, kernel, stride, padding, dilation)
    padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2), constant_values=value)
    taps = [padded[tap] for *_, tap in _taps(x.shape, kernel, stride, padding, dilation, size)]
    return np.array(taps).reshape(math.prod(kernel), *x.shape[:2], *size)


def _unwindows(taps, x_shape, kernel, stride, padding, dilation=(1, 1)):
    """`_windows` the other way: each tap added at its place."""
    n, c, height, width = x_shape
    padded = np.zeros((n, c, height + 2 * padding[0], width + 2 * padding[1]), taps.dtype)
    places = _taps(x_shape, kernel, stride, padding, dilation, taps.shape[3:])
    for part, (*_, tap) in zip(taps, places):
        padded[tap] += part
    return padded[:, :, padding[0]:padding[0] + height, padding[1]:padding[1] + width]


def max_pool2d(x, g, *how):
    """(maxima, the gradient of x where g is theirs)."""
    taps = _windows(x, -np.inf, *how)
    chosen = np.arange(len(taps)).reshape(-1, 1, 1, 1, 1) == taps.argmax(0)
    return taps.max(0), _unwindows(np.where(chosen, g, 0), x.shape, *how)


def avg_pool2d(x, g, kernel, stride, padding):
    """(means, the gradient of x where g is theirs)."""
    taps, share = _windows(x, 0, kernel, stride, padding), math.prod(kernel)
    spread = np.repeat(g[None] / share, share, 0)
    return taps.sum(0) / share, _unwindows(spread, x.shape, kernel, stride, padding)


# Normalisation: x̂ = (x − mean) / √(var + ε), then w x̂ + b
def normalised(x, g, weight, bias, axes, parameter_axes, eps=1e-5):
    """[(value, size of its terms)] of z, mean, 1 / √(var + ε) and the gradients of x, weight and bias, for a
    cotangent g. axes: of the statistics; parameter_axes: over which weight and bias are repeated."""
    count = math.prod(x.shape[i] for i in axes)
    mean = x.sum(axes, keepdims=True) / count
    var = np.square(x - mean).sum(axes, keepdims=True) / count
    invstd = 1 / np.sqrt(var + x.dtype.type(eps))

    def average(value):
        return value.sum(axes, keepdims=True) / count

    unit, lengths = (x - mean) * invstd, invstd * (abs(x) + abs(mean) + average(abs(x)))
    steep = g * weight
    level, slope = average(steep), average(steep * unit)
    x_grad = invstd * (steep - level - unit * slope)
    size = abs(steep) + average(abs(steep)) + lengths * average(abs(steep) * lengths)
    return [(unit * weight + bias, lengths * abs(weight) + abs(bias)), (mean, average(abs(x))),
            (invstd, invstd), (x_grad, invstd * size),
            ((g * unit).sum(parameter_axes), (abs(g) * lengths).sum(parameter_axes)),
            (g.sum(parameter_axes), abs(g).sum(parameter_axes))]


# Softmax and what is made of it
def softmax(x, axis=-1):
    """[(softmax, size), (its logarithm, size), (log Σ eˣ, size)]: e^(x − max) carries the rounding of its
    exponent."""
    top = x.max(axis, keepdims=True, initial=-np.inf)
    reach = np.where(x > -np.inf, abs(x - top), 0)
    total = np.exp(x - top).sum(axis, keepdims=True)
    z, log = np.exp(x - top) / total, np.log(total)
    lost = (z * reach).sum(axis, keepdims=True) + 3
    return [(z, z * (reach + lost)), (x - top - log, reach + log + lost),
            ((log + top).squeeze(axis), (abs(top) + log + lost).squeeze(axis))]


def cross_entropy(x, target, g=1):
    """[(mean loss, size), (the gradient of x where g is the loss's, size)]."""
    (z, z_size), (log, log_size), _ = softmax(x, 1)
    places = np.arange(len(x)), target
    slope, count = z.copy(), len(x)
    slope[places] -= 1
    z_size[places] += 1
    return [(-log[places].sum() / count, log_size[places].sum() / count),
            (slope * (g / count), z_size * (abs(g) / count))]


def attention(q, k, v, g, causal):
    """[(softmax(q kᵀ / √E) v, size)] and those of the gradients of q, k and v where g is the result's."""
    scale = 1 / np.sqrt(q.dtype.type(q.shape[-1]))
    hidden = np.triu(np.ones((q.shape[-2], k.shape[-2]), bool), 1) if causal else np.zeros((), bool)

    def turned(array):
        return array.swapaxes(-1, -2)

    scores, score_size = q @ turned(k) * scale, abs(q) @ turned(abs(k)) * scale
    z, z_size = softmax(np.where(hidden, -np.inf, scores))[0]
    z_size = z_size + z * (score_size + (z * score_size).sum(-1, keepdims=True))
    slope, slope_size = g @ turned(v), abs(g) @ turned(abs(v))
    s = z * (slope - (z * slope).sum(-1, keepdims=True)) * scale
    size = (z + z_size) * (slope_size + (z * slope_size).sum(-1, keepdims=True)
                           + (z_size * slope_size).sum(-1, keepdims=True)) * scale
    return [(z @ v, z_size @ abs(v)), (s @ k, size @ abs(k)), (turned(s) @ q, turned(size) @ abs(q)),
            (turned(z) @ g, turned(z_size + z) @ abs(g))]


def gelu(x, g):
    """[(x Φ(x), size), (the gradient of x where g is the result's, size)]. Φ from the C library's erfc, in
    float64 at best."""
    share = np.array([math.erfc(-float(value) / math.sqrt(2)) / 2 for value in x.flat]).reshape(x.shape)
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    # Φ is made from 1 + erf: its error is one of 1, and below 0 not one of Φ.
    return [(x * share, abs(x)), (g * (share + x * density), abs(g) * (1 + abs(x) * density * (1 + x * x)))]


# Winograd's algorithm F(2×2, 3×3): Bᵀ, G and Aᵀ as Lavin and Gray (2015) print them
BT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
AT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


def _tiles(image, size):
    """(N, C, H, W), with zeros up to an even height and width, as (N, C, rows, columns, size, size)."""
    height, width = image.shape[2:]
    image = np.pad(image, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)))
    return np.lib.stride_tricks.sliding_window_view(image, (size, size), (2, 3))[:, :, ::2, ::2]


def tiled_conv2d(x, w, padding, bt=BT, g=G, at=AT):
    """conv2d with padding by tiles of 2×2 results, Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A. Of absolute values, matrices
    too, it is the size of its terms: inputs are added, and rounded, before they are multiplied."""
    height, width = conv_size(x.shape, (3, 3), (1, 1), padding, (1, 1))
    spread = np.einsum("ia,nchwab,jb->ijnhwc", bt, _tiles(_padded(x, padding), 4), bt, optimize=True)
    kernel = np.einsum("ia,ocab,jb->ijco", g, w, g, optimize=True)
    products = np.einsum("ijnhwc,ijco->ijnhwo", spread, kernel, optimize=True)
    z = np.einsum("ki,ijnhwo,lj->nohkwl", at, products, at, optimize=True)
    return z.reshape(*z.shape[:2], 2 * z.shape[2], 2 * z.shape[4])[:, :, :height, :width]


def tiled_weight_grad(g, x, padding, bt=BT, spread=G, at=AT):
    """conv2d_weight_grad likewise: Gᵀ [Σ (A ḡ Aᵀ)ᵀ (Bᵀ d B)] G."""
    pixels = np.einsum("ia,nchwab,jb->ijcnhw", bt, _tiles(_padded(x, padding), 4), bt, optimize=True)
    slopes = np.einsum("ki,nohwkl,lj->ijonhw", at, _tiles(g, 2), at, optimize=True)
    products = np.einsum("ijonhw,ijcnhw->ijoc", slopes, pixels, optimize=True)
    return np.einsum("ia,ijoc,jb->ocab", spread, products, spread, optimize=True)


def tiled_sizes(g, x, w, padding):
    """The sizes of the terms of the forward pass, the input gradient and the weight gradient by tiles."""
    g, x, w, *matrices = (abs(array) for array in (g, x, w, BT, G, AT))
    back = 2 - padding[0], 2 - padding[1]
    return (tiled_conv2d(x, w, padding, *matrices),
            tiled_conv2d(g, w[..., ::-1, ::-1].swapaxes(0, 1), back, *matrices),
            tiled_weight_grad(g, x, padding, *matrices))
