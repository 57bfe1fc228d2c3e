"""Attention as one operator, where there is no mask but the causal one; nn composes the others."""
import math

import numpy as np

from ..backends.arrays import beside
from ..engine.core import wrap
from ..engine.op import op
from .linalg import bmm
from .pointwise import masked_fill, mul
from .reduce import softmax
from .shape import transpose


def attention_twin(q, k, v, *, causal, scale, norms=None):
    """softmax(q kᵀ · scale) v (Vaswani et al., 2017); causal: no place sees a later one."""
    scores = mul(bmm(q, transpose(k, dim0=-2, dim1=-1)), scale)
    if causal:
        later = wrap(beside(~np.tri(*scores.shape[-2:], dtype=bool), q.array))
        scores = masked_fill(scores, later, -math.inf)
    return bmm(softmax(scores, dim=-1), v)


attention_backward = op("attention_backward", lambda xp, y, q, k, v, z, norms, *, causal, scale:
                        xp.attention_backward(y, q, k, v, z, norms, causal, scale),
                        formula=("gradients of q, k, v",), outputs=True)
# As of a pointwise op, the result stays in the memory order that the kernel gave it: torch's.
attention = op("attention", lambda xp, q, k, v, *, causal, scale: xp.attention(q, k, v, causal, scale),
               joint=lambda g, needs, q, k, v, z, norms, causal, scale:
               attention_backward(g, q, k, v, z, norms, causal=causal, scale=scale),
               extras=("norms",), twin=attention_twin, pointwise=True,
               formula=("P v, P = softmax(q kᵀ s)", "s · D k, D = P ⊙ (ḡ vᵀ − Σ ḡ z)", "s · Dᵀ q", "Pᵀ ḡ"),
               torch_node="ScaledDotProductFlashAttentionForCpuBackward0")
