"""Attention a block at a time: the matrix of scores, which is larger than all else, never leaves the cache.

A block holds the scores of some query rows with all keys, of one head or, where heads are small, of several
images; backward makes them again from what forward kept of each row, ln Σ eˢ (Dao et al., 2022). Results lie
in memory as their operands do, so heads that were cut from one row come together without a copy.
"""
import numpy as np

from .layout import rounded_once
from .memory import empty
from .threads import parallel

ROOM = 1 << 16                  # scores in a block


def empty_as(x):
    """An empty (N, H, L, E) of x's shape and dtype; in memory it is (N, L, H, E) if x is more or less so."""
    n, heads, length, width = x.shape
    if x.strides[1] < x.strides[2]:
        return empty((n, length, heads, width), x.dtype).transpose(0, 2, 1, 3)
    return empty(x.shape, x.dtype)


def _blocks(images, heads, length, keys):
    """Slices of images and of query rows whose scores make a block, rows of one image after another."""
    many = max(1, ROOM // max(1, heads * length * keys))
    rows = length if many > 1 else max(1, min(length, ROOM // max(1, heads * keys)))
    for first in range(images.start, images.stop, many):
        for top in range(0, length, rows):
            yield slice(first, min(first + many, images.stop)), slice(top, min(top + rows, length))


def _scores(q, k, causal, scale, part, rows):
    """Scaled scores of a block, −∞ where a place would see a later one."""
    scores = np.matmul(q[part, :, rows], k[part].swapaxes(2, 3))
    scores *= q.dtype.type(scale)
    if causal:
        later = np.arange(scores.shape[3]) > np.arange(rows.start, rows.stop)[:, None]
        np.copyto(scores, -np.inf, where=later)
    return scores


@rounded_once
def attention(q, k, v, causal, scale):
    """softmax(q kᵀ · scale) v: q (N, H, L, E), k and v (N, H, S, E) -> (N, H, L, E), and each row's
    ln Σ e^score, (N, H, L). causal: a place sees itself and those before it.
    (torch's scaled_dot_product_attention)"""
    n, heads, length, _ = q.shape
    z, norms = empty_as(q), np.empty((n, heads, length), q.dtype)

    def run(start, stop):
        for part, rows in _blocks(slice(start, stop), heads, length, k.shape[2]):
            scores = _scores(q, k, causal, scale, part, rows)
            top = np.maximum.reduce(scores, 3, keepdims=True)
            scores -= top
            np.exp(scores, out=scores)
            total = np.matmul(scores, np.ones(scores.shape[3], q.dtype))[..., None]
            norms[part, :, rows] = (top + np.log(total))[..., 0]
            scores /= total
            np.matmul(scores, v[part], out=z[part, :, rows])

    parallel(run, n, 4 * norms.size * k.shape[2])
    return z, norms


@rounded_once
def attention_backward(g, q, k, v, z, norms, causal, scale):
    """Gradients of q, k and v: with P = softmax, Σ ḡ z the row sums of P's cotangent times P."""
    n, heads, length, _ = q.shape
    gradients = [empty_as(x) for x in (q, k, v)]
    q_grad, k_grad, v_grad = gradients

    def run(start, stop):
        for part, rows in _blocks(slice(start, stop), heads, length, k.shape[2]):
            shares = _scores(q, k, causal, scale, part, rows)
            shares -= norms[part, :, rows, None]
            np.exp(shares, out=shares)
            block = g[part, :, rows]
            slope = np.matmul(block, v[part].swapaxes(2, 3))
            slope -= np.einsum("nhle,nhle->nhl", block, z[part, :, rows])[..., None]
            slope *= shares
            slope *= q.dtype.type(scale)
            np.matmul(slope, k[part], out=q_grad[part, :, rows])
            for gradient, left, right in (k_grad, slope, q[part, :, rows]), (v_grad, shares, block):
                product = np.matmul(left.swapaxes(2, 3), right)
                if rows.start:
                    gradient[part] += product
                else:
                    gradient[part] = product

    parallel(run, n, 8 * norms.size * k.shape[2])
    return tuple(gradients)
