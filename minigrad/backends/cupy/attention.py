"""Attention as array expressions, the whole matrix of scores at once."""
import cupy

from ..numpy.layout import rounded_once
from .reduce import matmul


def _scores(q, k, causal, scale):
    scores = matmul(q, k.swapaxes(2, 3)) * scale
    if causal:
        scores = cupy.where(cupy.tri(*scores.shape[2:], dtype=bool), scores, -cupy.inf).astype(q.dtype)
    return scores


@rounded_once
def attention(q, k, v, causal, scale):
    """`backends.numpy.attention.attention`."""
    scores = _scores(q, k, causal, scale)
    top = scores.max(3, keepdims=True)
    norms = top + cupy.log(cupy.exp(scores - top).sum(3, keepdims=True))
    z = matmul(cupy.exp(scores - norms), v)
    if q.strides[1] < q.strides[2]:
        z = cupy.ascontiguousarray(z.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
    return z, norms[..., 0]


@rounded_once
def attention_backward(g, q, k, v, z, norms, causal, scale):
    """`backends.numpy.attention.attention_backward`."""
    shares = cupy.exp(_scores(q, k, causal, scale) - norms[..., None])
    slope = shares * (matmul(g, v.swapaxes(2, 3)) - (g * z).sum(3, keepdims=True)) * scale
    return matmul(slope, k), matmul(slope.swapaxes(2, 3), q), matmul(shares.swapaxes(2, 3), g)
