"""Compiled loops around products of matrices, which they have BLAS do: Winograd's convolutions, attention."""
import numpy as np

from .blas import multiply
from .loops import ONE, SUMS, ZERO, exp, f32, inline, largest, loop


@inline
def add(x, y, z):
    for k in range(z.size):
        z[k] = x[k] + y[k]


@inline
def subtract(x, y, z):
    for k in range(z.size):
        z[k] = x[k] - y[k]


@loop()
def differ(x, top, left, first, out, room, half):
    """Winograd's Bᵀ d B of 4×4 tiles, one every 2 pixels, of images x (N, H, W, C) under a border of zeros,
    into out (4, 4, lines, wide, C): `lines` rows of tiles from the batch's row first[1] on, each image having
    first[0]. Scratch: room and half, (4, 2 wide + 2, C), room's columns beyond x zero."""
    # One statement a loop: with more arrays in it the compiler cannot tell whether they overlap.
    (tall, first), (_, height, width, _), (_, _, lines, wide, _) = first, x.shape, out.shape
    for line in range(lines):
        b, i = divmod(first + line, tall)
        for k in range(4):
            row = 2 * i + k - top
            if 0 <= row < height:
                room[k, left:left + width] = x[b, row]
            else:
                room[k] = ZERO
        r0, r1, r2, r3 = room[0].reshape(-1), room[1].reshape(-1), room[2].reshape(-1), room[3].reshape(-1)
        subtract(r0, r2, half[0].reshape(-1))
        add(r1, r2, half[1].reshape(-1))
        subtract(r2, r1, half[2].reshape(-1))
        subtract(r1, r3, half[3].reshape(-1))
        for k in range(4):
            for j in range(wide):
                part = half[k, 2 * j:2 * j + 4]
                subtract(part[0], part[2], out[k, 0, line, j])
                add(part[1], part[2], out[k, 1, line, j])
                subtract(part[2], part[1], out[k, 2, line, j])
                subtract(part[1], part[3], out[k, 3, line, j])


@loop()
def gather(product, bias, first, z, half):
    """Aᵀ Y A of the tiles' products (4, 4, lines, wide, C) into the images z (N, 2 tall, 2 wide, C) from the
    batch's row of tiles `first` on, plus bias; half: scratch, (2, 4, C)."""
    _, _, lines, wide, channels = product.shape
    for line in range(lines):
        b, i = divmod(first + line, z.shape[1] // 2)
        for j in range(wide):
            for m in range(4):
                p0, p1 = product[0, m, line, j], product[1, m, line, j]
                p2, p3 = product[2, m, line, j], product[3, m, line, j]
                up, down = half[0, m], half[1, m]
                for c in range(channels):
                    up[c] = p0[c] + p1[c] + p2[c]
                for c in range(channels):
                    down[c] = p1[c] - p2[c] - p3[c]
            for k in range(2):
                h0, h1, h2, h3 = half[k, 0], half[k, 1], half[k, 2], half[k, 3]
                left, right = z[b, 2 * i + k, 2 * j], z[b, 2 * i + k, 2 * j + 1]
                for c in range(channels):
                    left[c] = h0[c] + h1[c] + h2[c] + bias[c]
                for c in range(channels):
                    right[c] = h1[c] - h2[c] - h3[c] + bias[c]


@loop()
def scatter(y, first, out):
    """A y Aᵀ of the 2×2 tiles of images (N, 2 tall, 2 wide, C), from the batch's row of tiles `first` on,
    into (4, 4, lines, wide, C)."""
    _, _, lines, wide, channels = out.shape
    for line in range(lines):
        b, i = divmod(first + line, y.shape[1] // 2)
        for j in range(wide):
            y00, y01 = y[b, 2 * i, 2 * j], y[b, 2 * i, 2 * j + 1]
            y10, y11 = y[b, 2 * i + 1, 2 * j], y[b, 2 * i + 1, 2 * j + 1]
            for k in range(4):              # A's rows are (1, 0), (1, 1), (1, −1), (0, −1)
                o0, o1 = out[k, 0, line, j], out[k, 1, line, j]
                o2, o3 = out[k, 2, line, j], out[k, 3, line, j]
                p, q = ONE if k < 3 else ZERO, ZERO if k == 0 else ONE if k == 1 else -ONE
                for c in range(channels):
                    o0[c] = p * y00[c] + q * y10[c]
                for c in range(channels):
                    o3[c] = -(p * y01[c] + q * y11[c])
                for c in range(channels):
                    o1[c] = o0[c] - o3[c]
                for c in range(channels):
                    o2[c] = o0[c] + o3[c]


@inline
def _scratch(x, wide):
    return np.zeros((4, 2 * wide + 2, x.shape[3]), f32), np.empty((4, 2 * wide + 2, x.shape[3]), f32)


@loop()
def winograd(sgemm, x, top, left, kernel, turned, bias, z, start, stop, most):
    """Rows of tiles start:stop of the whole batch, `most` at a time: x (N, H, W, C), kernel (4, 4, O, C), or
    turned (4, 4, C, O), into z (N, 2 tall, 2 wide, O)."""
    (_, tall, wide, out), channels = z.shape, x.shape[3]
    tall, wide, kernel = tall // 2, wide // 2, kernel.reshape(16, kernel.shape[2], kernel.shape[3])
    room, half = _scratch(x, wide)
    sums = np.empty((2, 4, out), f32)
    tiles, products = np.empty(16 * most * wide * channels, f32), np.empty(16 * most * wide * out, f32)
    for first in range(start, stop, most):
        lines = min(most, stop - first)
        n = lines * wide
        tile, product = tiles[:16 * n * channels], products[:16 * n * out]
        differ(x, top, left, (tall, first), tile.reshape(4, 4, lines, wide, channels), room, half)
        for m in range(16):
            a, c = tile[m * n * channels:(m + 1) * n * channels], product[m * n * out:(m + 1) * n * out]
            multiply(sgemm, a.reshape(n, channels), kernel[m], c.reshape(n, out), False, not turned, ZERO)
        gather(product.reshape(4, 4, lines, wide, out), bias, first, z, sums)


@loop()
def winograd_weight(sgemm, g, x, top, left, total, start, stop, most):
    """Adds Σ (A g Aᵀ)ᵀ (Bᵀ d B) over rows of tiles start:stop of the batch to total (16, O, C): g (N, 2 tall,
    2 wide, O), x (N, H, W, C)."""
    (_, tall, wide, out), channels = g.shape, x.shape[3]
    tall, wide = tall // 2, wide // 2
    room, half = _scratch(x, wide)
    tiles, slopes = np.empty(16 * most * wide * channels, f32), np.empty(16 * most * wide * out, f32)
    for first in range(start, stop, most):
        lines = min(most, stop - first)
        n = lines * wide
        tile, slope = tiles[:16 * n * channels], slopes[:16 * n * out]
        differ(x, top, left, (tall, first), tile.reshape(4, 4, lines, wide, channels), room, half)
        scatter(g, first, slope.reshape(4, 4, lines, wide, out))
        for m in range(16):
            a, b = slope[m * n * out:(m + 1) * n * out], tile[m * n * channels:(m + 1) * n * channels]
            multiply(sgemm, a.reshape(n, out), b.reshape(n, channels), total[m], True, False, ONE)


QUERIES = 128                   # rows of scores at a time


@inline
def _shares(sgemm, q, k, causal, scale, top, scores):
    """Scaled scores of query rows from `top` on; how many keys each sees is for the caller."""
    multiply(sgemm, q[top:top + len(scores)], k, scores, False, True, ZERO)
    for i in range(len(scores)):
        for j in range(scores.shape[1]):
            scores[i, j] *= scale
        if causal:
            scores[i, top + i + 1:] = -f32(np.inf)


@loop(SUMS)
def _softmax_rows(scores, norms):
    """Makes shares of scores, and keeps each row's ln Σ e^score."""
    for i in range(len(scores)):
        row, total = scores[i], ZERO
        top = largest(row)
        for j in range(row.size):
            e = exp(row[j] - top)
            row[j] = e
            total += e
        norms[i] = top + np.log(total)
        for j in range(row.size):
            row[j] /= total


@loop()
def attention(sgemm, q, k, v, causal, scale, z, norms, start, stop):
    """Heads start:stop of all: q, z (N, H, L, E), k, v (N, H, S, E), norms (N, H, L)."""
    _, heads, length, _ = q.shape
    room = np.empty((min(length, QUERIES), k.shape[2]), f32)
    for head in range(start, stop):
        b, h = divmod(head, heads)
        for top in range(0, length, QUERIES):
            scores = room[:min(QUERIES, length - top)]
            _shares(sgemm, q[b, h], k[b, h], causal, scale, top, scores)
            _softmax_rows(scores, norms[b, h, top:])
            multiply(sgemm, scores, v[b, h], z[b, h, top:top + len(scores)], False, False, ZERO)


@loop(SUMS)
def _slopes(shares, norms, g, z, slope, scale):
    """P = e^(score − norm) in the place of scores; slope: ḡ vᵀ becomes P ⊙ (ḡ vᵀ − Σ ḡ z) · scale."""
    for i in range(len(shares)):
        level = ZERO
        for j in range(g.shape[1]):
            level += g[i, j] * z[i, j]
        norm = norms[i]
        for j in range(shares.shape[1]):
            share = exp(shares[i, j] - norm)
            shares[i, j] = share
            slope[i, j] = share * (slope[i, j] - level) * scale


@loop()
def attention_backward(sgemm, g, q, k, v, z, norms, causal, scale, q_grad, k_grad, v_grad, start, stop):
    _, heads, length, _ = q.shape
    room = np.empty((2, min(length, QUERIES), k.shape[2]), f32)
    for head in range(start, stop):
        b, h = divmod(head, heads)
        for top in range(0, length, QUERIES):
            rows = min(QUERIES, length - top)
            shares, slope, block = room[0, :rows], room[1, :rows], g[b, h, top:top + rows]
            kept = ZERO if top == 0 else ONE
            _shares(sgemm, q[b, h], k[b, h], causal, scale, top, shares)
            multiply(sgemm, block, v[b, h], slope, False, True, ZERO)
            _slopes(shares, norms[b, h, top:], block, z[b, h, top:top + rows], slope, scale)
            multiply(sgemm, slope, k[b, h], q_grad[b, h, top:top + rows], False, False, ZERO)
            multiply(sgemm, slope, q[b, h, top:top + rows], k_grad[b, h], True, False, kept)
            multiply(sgemm, shares, block, v_grad[b, h], True, False, kept)
