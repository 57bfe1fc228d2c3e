"""Batch and layer normalisation: fast joint rules on bare arrays, and the compositions that define them."""
from ..engine.op import op
from . import pointwise as p
from . import reduce as r


def _per_channel(value, ndim):
    """(C,) made to broadcast with (N, C, ...)."""
    return value[(slice(None),) + (None,) * (ndim - 2)]


def _affine(x, weight, bias):
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def _normalised(x, dims, eps):
    centred = x - r.mean(x, dim=dims, keepdim=True)
    return centred * p.rsqrt(r.mean(centred * centred, dim=dims, keepdim=True) + eps)


def batch_norm_twin(x, weight, bias, *, eps, mean=None, invstd=None):
    """What batch norm is (Ioffe & Szegedy 2015): each channel with mean 0 and variance 1, then affine."""
    normal = _normalised(x, (0, *range(2, x.ndim)), eps)
    return _affine(normal, *[v if v is None else _per_channel(v, x.ndim) for v in (weight, bias)])


def layer_norm_twin(x, weight, bias, *, dims, eps, mean=None, rstd=None):
    """What layer norm is (Ba et al. 2016): each sample's last `dims` dimensions with mean 0 and variance 1,
    then affine."""
    return _affine(_normalised(x, tuple(range(x.ndim - dims, x.ndim)), eps), weight, bias)


batch_norm_backward = op("batch_norm_backward", lambda xp, y, x, weight, mean, invstd, *, needs:
                         xp.batch_norm_backward(y, x, weight, mean, invstd, needs),
                         formula=("gradients of x, weight, bias",), outputs=True, layout=True)
batch_norm = op("batch_norm", lambda xp, x, weight, bias, *, eps: xp.batch_norm(x, weight, bias, eps),
                joint=lambda g, needs, x, weight, mean, invstd, eps:
                batch_norm_backward(g, x, weight, mean, invstd, needs=needs),
                extras=("mean", "var", "invstd"), twin=batch_norm_twin, torch_node="NativeBatchNormBackward0",
                formula=("(x − mean) / √(var + ε) · w + b",
                         "(ḡ − mean ḡ − x̂ · mean(ḡ x̂)) · w / √(var + ε)", "Σ ḡ · x̂", "Σ ḡ"), layout=True)


def _batch_norm_eval(xp, x, weight, bias, mean, var, *, eps):
    invstd = 1 / xp.sqrt(var + eps)
    return xp.batch_norm_apply(x, weight, bias, mean, invstd), invstd


def _over_pixels(g):
    return r.sum(g, dim=(0, *range(2, g.ndim)))


# In evaluation mean and variance are the running ones, and constant.
batch_norm_eval = op("batch_norm_eval", _batch_norm_eval,
                     grads=(lambda g, weight, invstd:
                            g * _per_channel(invstd if weight is None else weight * invstd, g.ndim),
                            lambda g, x, mean, invstd:
                            _over_pixels(g * (x - _per_channel(mean, x.ndim))) * invstd,
                            lambda g: _over_pixels(g), None, None),
                     extras=("invstd",), torch_node="NativeBatchNormBackward0",
                     formula=("(x − mean) / √(var + ε) · w + b",
                              "ḡ · w / √(var + ε)", "Σ ḡ · x̂", "Σ ḡ", "–", "–"), layout=True)
layer_norm_backward = op("layer_norm_backward", lambda xp, y, x, weight, mean, rstd, *, dims, needs:
                         xp.layer_norm_backward(y, x, dims, weight, mean, rstd, needs),
                         formula=("gradients of x, weight, bias",), outputs=True)
layer_norm = op("layer_norm", lambda xp, x, weight, bias, *, dims, eps:
                xp.layer_norm(x, dims, weight, bias, eps),
                joint=lambda g, needs, x, weight, mean, rstd, dims, eps:
                layer_norm_backward(g, x, weight, mean, rstd, dims=dims, needs=needs),
                extras=("mean", "rstd"), twin=layer_norm_twin, torch_node="NativeLayerNormBackward0",
                formula=("(x − mean) / √(var + ε) · w + b",
                         "(ḡw − mean ḡw − x̂ · mean(ḡw x̂)) / √(var + ε)", "Σ ḡ · x̂", "Σ ḡ"))
