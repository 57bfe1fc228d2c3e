"""Samples of the layers behind nn: convolution, pooling, normalisation, embedding, dropout."""
from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..draw import EDGE, FLOATS, PLAIN, STRIDED, TIE, ZERO_D, ZERO_SIZE, Operand, Sample
from .reductions import VARIED, repeats

ROWS: list[Sample] = []
CATEGORIES = (PLAIN, ZERO_SIZE, STRIDED)


def layer(name: str, draw: Any, *bad: Any, call: Any = None, **more: Any) -> None:
    """A row for `B.nn.functional.name(*operands, **attributes)`; bad calls get that namespace and B."""
    plain = name.split(".")[0]
    call = call or (lambda B, *operands, **k: getattr(B.nn.functional, plain)(*operands, **k))
    refused = tuple(lambda B, b=b: b(B.nn.functional, B) for b in bad)
    ROWS.append(Sample(plain, call, draw, refused, name=name,
                       **({"dtypes": FLOATS, "categories": CATEGORIES} | more)))


def _named(name: str) -> Any:
    return lambda B, *operands, **k: getattr(B.nn.functional, name)(*operands, **k)


def _images(d: Any, channels: int, low: int = 3, **how: Any) -> Any:
    batch = () if d.category == PLAIN and d.flag() else (d.side(1, 2),)
    return d.tensor((*batch, channels, d.pick(low + 2, low, low + 3), d.pick(low + 1, low + 3, low)), **how)


def _conv2d(d: Any) -> Any:
    groups = d.pick(1, 1, 2)
    channels, out = groups * d.pick(1, 2), groups * d.pick(2, 1)
    kernel = (d.pick(2, 3, 1), d.pick(3, 1, 2))
    k = {"groups": groups, "padding": d.pick(0, 1, (2, 0), "same", "valid", (0, 1)),
         "dilation": d.pick(1, (1, 2))}
    k["stride"] = 1 if k["padding"] == "same" else d.pick(1, 2, (2, 1), 3)
    weight = d.tensor((out, channels // groups, *kernel))
    return [_images(d, channels, 5), weight, *([d.tensor((out,))] if d.flag() else [])], k


layer("conv2d", _conv2d, lambda F, B: F.conv2d(B.ones(1, 2, 4, 4), B.ones(2, 3, 3, 3)),
      lambda F, B: F.conv2d(B.ones(4, 4), B.ones(1, 1, 3, 3)), lambda F,
      B: F.conv2d(B.ones(1, 1, 2, 2), B.ones(1, 1, 3, 3)),
      lambda F, B: F.conv2d(B.ones(1, 1, 4, 4), B.ones(1, 1, 3, 3), stride=0),
      lambda F, B: F.conv2d(B.ones(1, 1, 4, 4), B.ones(1, 1, 3, 3), padding=-1),
      lambda F, B: F.conv2d(B.ones(1, 1, 4, 4), B.ones(2, 1, 3, 3), B.ones(3)),
      lambda F, B: F.conv2d(B.ones(1, 3, 4, 4), B.ones(2, 1, 3, 3), groups=2),
      lambda F, B: F.conv2d(B.ones(1, 1, 4, 4), B.ones(1, 1, 3, 3), padding="full"),
      lambda F, B: F.conv2d(B.ones(1, 1, 4, 4), B.ones(1, 1, 3, 3), padding="same", stride=2),
      lambda F, B: F.conv2d(B.ones(1, 1, 4, 4), B.ones(1, 1, 3, 3, dtype=B.float64)), strides=False)


def _pool(d: Any, average: bool) -> Any:
    kernel = d.pick(2, (2, 1), 3, (1, 3))
    k: dict[str, Any] = {"kernel_size": kernel}
    if d.flag():
        k["stride"] = d.pick(1, 2, (2, 1), 3)
    if d.flag() and kernel in (2, 3):
        k["padding"] = 1
    if d.flag():
        k["ceil_mode"] = True
    if average:
        k |= {"count_include_pad": False} if d.flag() else {"divisor_override": 5} if d.flag() else {}
    elif d.flag():
        k["dilation"] = d.pick(1, (1, 2))
    return [_images(d, 2, 4)], k


def _pool_refusals(name: str) -> tuple[Any, ...]:
    return (lambda F, B: getattr(F, name)(B.ones(4, 4), 2), lambda F,
            B: getattr(F, name)(B.ones(1, 1, 2, 2), 3),
            lambda F, B: getattr(F, name)(B.ones(1, 1, 4, 4), 2, padding=2),
            lambda F, B: getattr(F, name)(B.ones(1, 1, 4, 4), 0), lambda F,
            B: getattr(F, name)(B.ones(1, 1, 4, 4), 2, 0))


layer("max_pool2d", lambda d: _pool(d, False), *_pool_refusals("max_pool2d"), tie=repeats, exact=True,
      strides=False,
      categories=(*CATEGORIES, TIE, EDGE))
layer("max_pool2d.indices", lambda d: _pool(d, False), tie=repeats, exact=True, strides=False, flat=True,
      call=lambda B, x, **k: B.nn.functional.max_pool2d(x, return_indices=True, **k)[1],
      categories=(*CATEGORIES, TIE))
def _pool_backward(B: Any, x: Any, scale: Any, **k: Any) -> Any:
    """A gradient as the result, so that its own second gradient is a third one."""
    x = x.detach().requires_grad_()
    y = B.nn.functional.max_pool2d(x, **k)
    return B.autograd.grad(y, x, y.detach() * scale, create_graph=True)[0]


def _pool_with_scale(d: Any) -> Any:
    (x,), k = _pool(d, False)
    x.grad = False                              # the scale alone: what it gives is a gradient of its own
    return [x, d.tensor(())], k


layer("max_pool2d.backward", _pool_with_scale, call=_pool_backward, strides=False,
      categories=(PLAIN, STRIDED))
layer("avg_pool2d", lambda d: _pool(d, True), *_pool_refusals("avg_pool2d"),
      lambda F, B: F.avg_pool2d(B.ones(1, 1, 4, 4), 2, divisor_override=0), strides=False)
layer("adaptive_avg_pool2d", lambda d: ([_images(d, 2, 4)], {"output_size": d.pick((2, 3), 1, (None, 2), 3,
                                                                                   (5, 7))}),
      lambda F, B: F.adaptive_avg_pool2d(B.ones(4, 4), 2), lambda F,
      B: F.adaptive_avg_pool2d(B.ones(1, 1, 4, 4), (1, 2, 3)),
      lambda F, B: F.adaptive_avg_pool2d(B.ones(1, 1, 4, 4), -1), lambda F,
      B: F.adaptive_avg_pool2d([1.0], 1),
      strides=False)


def _unfolding(d: Any) -> dict[str, Any]:
    return {"kernel_size": d.pick(2, (3, 2), 1), "dilation": d.pick(1, 2, (1, 2)),
            "padding": d.pick(0, 1, (2, 1)), "stride": d.pick(1, 2, (1, 3))}


def _columns(d: Any) -> Any:
    """Columns as unfold makes them of images of 6 × 5."""
    how = _unfolding(d)
    pairs = [v if isinstance(v, tuple) else (v, v) for v in how.values()]
    high, wide = [(n + 2 * p - r * (k - 1) - 1) // s + 1
                  for n, k, r, p, s in zip((6, 5), *pairs, strict=True)]
    shape = 2 * pairs[0][0] * pairs[0][1], high * wide
    return [d.tensor(d.pick((2, *shape), shape))], {"output_size": (6, 5)} | how


layer("windows.unfold", lambda d: ([d.tensor(d.pick((2, 3, 6, 5), (3, 6, 5)))], _unfolding(d)),
      lambda F, B: F.unfold(B.ones(4, 4), 2), lambda F, B: F.unfold(B.ones(1, 1, 2, 2), 3),
      lambda F, B: F.unfold(B.ones(1, 1, 4, 4), (2, 3, 4)), lambda F, B: F.unfold(B.ones(1, 1, 4, 4), 0),
      lambda F, B: F.unfold(B.ones(1, 1, 4, 4), 2, stride=0), lambda F, B: F.unfold(1.0, 2),
      lambda F, B: F.unfold(B.ones(1, 1, 4, 4), 2, padding=-1), lambda F, B: F.unfold(B.ones(1, 0, 4, 4), 2),
      lambda F, B: F.unfold(B.ones(1, 1, 4, 4).long(), 2), lambda F, B: F.unfold(B.ones(1, 1, 4, 4), 2.0),
      lambda F, B: F.unfold(B.ones(1, 1, 4, 4), 2, dilation=0),
      call=_named("unfold"), strides=False, categories=(PLAIN, STRIDED))
layer("windows_sum.fold", _columns,
      lambda F, B: F.fold(B.ones(9), 4, 2), lambda F, B: F.fold(B.ones(1, 7, 9), 4, 2),
      lambda F, B: F.fold(B.ones(1, 8, 8), 4, 2), lambda F, B: F.fold(B.ones(1, 8, 9), (4,), 2),
      lambda F, B: F.fold(B.ones(1, 8, 9), 4, 0), lambda F, B: F.fold(B.ones(1, 8, 9), 4, 2, padding=-1),
      lambda F, B: F.fold(B.ones(1, 8, 9), 1, 2),
      call=_named("fold"), strides=False, categories=(PLAIN, STRIDED))
layer("gather.adaptive_max_pool2d", lambda d: ([_images(d, 2, 4)], {
    "output_size": d.pick((2, 3), 1, (None, 2), 3, (5, 7)), "return_indices": d.flag()}),
      lambda F, B: F.adaptive_max_pool2d(B.ones(4, 4), 2), lambda F, B: F.adaptive_max_pool2d([1.0], 1),
      lambda F, B: F.adaptive_max_pool2d(B.ones(1, 1, 4, 4), (1, 2, 3)),
      lambda F, B: F.adaptive_max_pool2d(B.ones(1, 1, 4, 4), -1),
      lambda F, B: F.adaptive_max_pool2d(B.ones(1, 1, 0, 4), 2),
      lambda F, B: F.adaptive_max_pool2d(B.ones(1, 1, 4, 4).long(), 2),
      call=_named("adaptive_max_pool2d"), strides=False)
layer("gather.adaptive_max_pool1d", lambda d: ([d.tensor(d.pick((2, 3, 6), (3, 5)))], {
    "output_size": d.pick(2, 1, (3,), 7), "return_indices": d.flag()}),
      lambda F, B: F.adaptive_max_pool1d(B.ones(4), 2), lambda F, B: F.adaptive_max_pool1d([1.0], 1),
      lambda F, B: F.adaptive_max_pool1d(B.ones(1, 4, 4), (1, 2)),
      lambda F, B: F.adaptive_max_pool1d(B.ones(1, 4, 4), None),
      lambda F, B: F.adaptive_max_pool1d(B.ones(1, 4, 0), 2),
      call=_named("adaptive_max_pool1d"), strides=False, categories=(PLAIN, STRIDED))


def _apart(x: Operand, dim: int) -> Operand:
    """Along `dim` no two values nearly equal: what normalises divides by how far they are apart."""
    x.values = np.sort(x.values, axis=dim)
    along = np.moveaxis(x.values, dim, -1)
    along += np.arange(along.shape[-1], dtype=along.dtype) / 2
    return x


def _batch_norm(d: Any) -> Any:
    channels = d.pick(3, 2, 1)
    x = _apart(d.tensor((d.pick(4, 2, 3), channels, *d.pick((), (5,), (2, 3))), layouts=VARIED), 0)
    k: dict[str, Any] = {"training": d.flag(), "eps": d.pick(1e-5, 0.1), "momentum": d.pick(0.1, 0.5)}
    # Dense: torch's gradient reads a weight's memory as if it were.
    affine = [d.tensor((channels,), layouts=()), d.tensor((channels,), layouts=())] if d.flag() else [None,
                                                                                                      None]
    tracked = [d.tensor((channels,), grad=False, layouts=()),
               d.tensor((channels,), 0.5, 2.0, grad=False, layouts=())]
    return [x, *(tracked if not k["training"] or d.flag() else [None, None]), *affine], k


def _call_batch_norm(B: Any, x: Any, mean: Any, var: Any, weight: Any, bias: Any, **k: Any) -> Any:
    """Gives the running statistics too: they are written in place."""
    mean, var = (None if s is None else s.clone() for s in (mean, var))
    result = B.nn.functional.batch_norm(x, mean, var, weight, bias, **k)
    return result, *(s for s in (mean, var) if s is not None)


layer("batch_norm", _batch_norm, lambda F, B: F.batch_norm(B.ones(1, 2), None, None, training=True),
      lambda F, B: F.batch_norm(B.ones(2, 2), None, None), lambda F,
      B: F.batch_norm(B.ones(2, 2), B.ones(3), B.ones(3)),
      lambda F, B: F.batch_norm(B.ones(2, 2), None, None, B.ones(3), training=True),
      call=_call_batch_norm, categories=(PLAIN, STRIDED), twin=True, strides=False)


def _layer_norm(d: Any) -> Any:
    shape = d.shape(1, 3)
    normalised = shape[d.pick(*range(len(shape))):]
    affine = d.pick(0, 1, 2)
    weights = [d.tensor(normalised) for _ in range(affine)]
    several = [dim for dim in range(len(shape) - len(normalised), len(shape)) if shape[dim] > 1]
    return [_apart(d.tensor(shape, layouts=VARIED), several[-1] if several else -1), *weights], {
        "normalized_shape": normalised, "eps": d.pick(1e-5, 0.1) if prod(normalised) > 1 else 1.0}


layer("layer_norm", _layer_norm, lambda F, B: F.layer_norm(B.ones(2, 3), (2,)), lambda F,
      B: F.layer_norm(B.ones(2), ()),
      lambda F, B: F.layer_norm(B.ones(2, 3), (3,), B.ones(2)), lambda F, B: F.layer_norm(B.ones(3), (2, 3)),
      call=lambda B, x, *weights, normalized_shape, eps: B.nn.functional.layer_norm(x, normalized_shape,
                                                                                    *weights, eps=eps),
      twin=True)


def _attention(d: Any) -> Any:
    batch = 0 if d.category == ZERO_SIZE else d.pick(1, 2)
    heads, length, keys, width = d.pick(1, 3), d.pick(1, 3, 4), d.pick(3, 2), d.pick(2, 1, 4)
    operands = [d.tensor((batch, heads, n, width)) for n in (length, keys, keys)]
    return operands, {"is_causal": d.flag(), "scale": d.pick(None, 0.5)}


def _attend(B: Any, *operands: Any, **k: Any) -> Any:
    """torch's flash kernel has no second derivative; its composed definition has."""
    attend = B.nn.functional.scaled_dot_product_attention
    if not hasattr(B.nn, "attention"):
        return attend(*operands, **k)
    with B.nn.attention.sdpa_kernel(B.nn.attention.SDPBackend.MATH):
        return attend(*operands, **k)


layer("attention", _attention,
      lambda F, B: F.scaled_dot_product_attention(B.ones(1, 1, 2, 3), B.ones(1, 1, 2, 4), B.ones(1, 1, 2, 4)),
      lambda F, B: F.scaled_dot_product_attention(B.ones(2, 1, 2, 3), *[B.ones(3, 1, 2, 3)] * 2),
      lambda F, B: F.scaled_dot_product_attention(*[B.ones(1, 1, 2, 3)] * 2, 1.0),
      call=_attend, twin=True, strides=False)


def _embedding(d: Any) -> Any:
    rows = d.pick(4, 5)
    index = d.index(d.pick((3,), (2, 5), (), (2, 1, 3)) if d.category != ZERO_SIZE else (0, 2), rows)
    return [index, d.tensor((rows, d.pick(3, 2)))], {"padding_idx": d.pick(None, 1, -1)}


layer("embedding", _embedding, lambda F, B: F.embedding(B.tensor([4]), B.ones(4, 2)),
      lambda F, B: F.embedding(B.tensor([0.5]), B.ones(4, 2)), lambda F,
      B: F.embedding(B.tensor([-1]), B.ones(4, 2)),
      lambda F, B: F.embedding(B.tensor([0]), B.ones(4)), lambda F,
      B: F.embedding(B.tensor([0]), B.ones(4, 2), padding_idx=4),
      exact=True)


def _call_dropout(B: Any, x: Any, seed: int, **k: Any) -> Any:
    """The mask comes from the seeded stream; the draw after it shows that both streams moved as far."""
    B.manual_seed(seed)
    return B.nn.functional.dropout(x, **k), B.rand(3, dtype=B.float64)


layer("dropout", lambda d: ([d.tensor(d.shape())], {"seed": d.seed, "p": d.pick(0.5, 0.1, 0.0, 1.0),
                                                    "training": d.pick(True, True, False)}),
      lambda F, B: F.dropout(B.ones(2), 1.5), lambda F, B: F.dropout(B.ones(2), -0.1), lambda F,
      B: F.dropout([1.0]),
      call=_call_dropout, categories=(*CATEGORIES, ZERO_D))


# Activations with kinks and parameters ----------------------------------------------------------------------

for _name, _options in {
        "leaky_relu": {"negative_slope": (0.01, 0.5)}, "elu": {"alpha": (1.0, 0.5)}, "silu": {}, "mish": {},
        "softplus": {"beta": (1.0, 2.0), "threshold": (20.0, 1.0)}, "hardtanh": {"max_val": (1.0, 2.0)},
        "hardsigmoid": {}, "hardswish": {}, "threshold": {"threshold": (0.5, -1.0), "value": (3.0,)},
        "hardshrink": {"lambd": (0.5, 1.0)}, "softshrink": {"lambd": (0.5, 1.0)}}.items():
    layer(_name, lambda d, options=_options:
          ([d.tensor(d.shape())], {k: d.pick(*v) for k, v in options.items()}),
          lambda F, B, n=_name: getattr(F, n)([1.0], *(1.0, 2.0)[:2 * (n == "threshold")]),
          lambda F, B, n=_name: getattr(F, n)(B.ones(2).bool(), *(1.0, 2.0)[:2 * (n == "threshold")]),
          lambda F, B, n=_name: getattr(F, n)(None, *(1.0, 2.0)[:2 * (n == "threshold")]),
          categories=(*CATEGORIES, ZERO_D), flat=_name == "hardsigmoid")    # torch has no second derivative
layer("prelu", lambda d: ([d.tensor((3, 2, *d.pick((), (3,)))), d.tensor((d.pick(1, 2),))], {}),
      lambda F, B: F.prelu(B.ones(2, 3), B.ones(2)), lambda F, B: F.prelu(B.ones(2), 1.0),
      lambda F, B: F.prelu(B.ones(2).double(), B.ones(1)), categories=(PLAIN, STRIDED))
