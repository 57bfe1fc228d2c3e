"""Samples of the losses, with every option."""
from __future__ import annotations

from typing import Any

from ..draw import BROADCAST, FLOATS, PLAIN, STRIDED, TIE, ZERO_SIZE, Sample
from .elementwise import equal

ROWS: list[Sample] = []
REDUCTIONS = ("mean", "sum", "none")
CATEGORIES = (PLAIN, STRIDED, ZERO_SIZE)


def loss(name: str, draw: Any, *bad: Any, **more: Any) -> None:
    def call(B: Any, *operands: Any, weight: Any = None, **k: Any) -> Any:
        if weight is not None:
            k["weight"] = B.tensor(weight, dtype=operands[0].dtype)
        if name == "nll_loss":      # torch's own gradient refuses other layouts
            operands = operands[0].contiguous(), *operands[1:]
        return getattr(B.nn.functional, name.split(".")[0])(*operands, **k)

    refused = tuple(lambda B, b=b: b(B.nn.functional, B) for b in bad)
    ROWS.append(Sample(name.split(".")[0], call, draw, refused, name=name,
                       **({"dtypes": FLOATS, "categories": CATEGORIES} | more)))


def _classes(d: Any) -> Any:
    """Scores, class indices (some of them ignored) and the options of cross-entropy."""
    classes = d.pick(3, 5, 2)
    lead, trail = d.pick(((4,), ()), ((2,), (3,)), ((), ()), ((1,), (2, 2)), ((6,), ()))
    if d.category == ZERO_SIZE:
        lead, trail = (0,), ()
    target = d.index((*lead, *trail), classes)
    k: dict[str, Any] = {"reduction": d.pick(*REDUCTIONS)}
    if d.flag():
        k["ignore_index"] = 1
    elif d.flag() and target.values.ndim:
        target.values[..., :1] = -100
    if d.flag():
        k["weight"] = [0.5, 2.0, 1.0, 0.25, 1.5][:classes]
    return [d.tensor((*lead, classes, *trail)), target], k


def _smoothed(d: Any) -> Any:
    operands, k = _classes(d)
    return operands, k | ({"label_smoothing": 0.1} if d.flag() else {})


def _probabilities(d: Any) -> Any:
    shape = d.pick((4, 3), (2, 5), (3,), (2, 3, 2))
    if d.category == ZERO_SIZE:
        shape = (0, 3)
    k: dict[str, Any] = {"reduction": d.pick(*REDUCTIONS), "label_smoothing": d.pick(0.0, 0.2)}
    if d.flag():
        k["weight"] = [0.5, 2.0, 1.0, 0.25, 1.5][:shape[0] if len(shape) == 1 else shape[1]]
    return [d.tensor(shape), d.tensor(shape, 0.1, 1.0)], k


loss("cross_entropy", _smoothed, lambda F, B: F.cross_entropy(B.ones(2, 3), B.tensor([0, 3])),
     lambda F, B: F.cross_entropy(B.ones(2, 3), B.tensor([0, -1])), lambda F,
     B: F.cross_entropy(B.ones(2, 3), B.tensor([0])),
     lambda F, B: F.cross_entropy(B.ones(2, 3), B.tensor([0, 1]), weight=B.ones(2)),
     lambda F, B: F.cross_entropy(B.ones(2, 3), B.tensor([0, 1]), label_smoothing=2.0),
     lambda F, B: F.cross_entropy(B.ones(2, 3), B.tensor([0, 1]), reduction="avg"),
     lambda F, B: F.cross_entropy(B.ones(2, 3), B.tensor([0.0, 1.0])), twin=True)
loss("cross_entropy.probabilities", _probabilities, twin=True)
loss("nll_loss", _classes, lambda F, B: F.nll_loss(B.ones(2, 3), B.tensor([0, 3])),
     lambda F, B: F.nll_loss(B.ones(2, 3), B.tensor([0])), lambda F,
     B: F.nll_loss(B.ones(2, 3), B.tensor([0.0, 1.0])),
     lambda F, B: F.nll_loss(B.ones(2, 3), B.tensor([0, 1]), reduction="avg"),
     lambda F, B: F.nll_loss(B.ones(2, 3), B.tensor([0, 1]), weight=B.ones(2)))


def _distance(d: Any) -> Any:
    return d.pair(), {"reduction": d.pick(*REDUCTIONS)}


for _name in ("mse_loss", "l1_loss"):
    loss(_name, _distance, lambda F, B, n=_name: getattr(F, n)(B.ones(2), B.ones(3)),
         lambda F, B, n=_name: getattr(F, n)(B.ones(2), B.ones(2), reduction="avg"),
         lambda F, B, n=_name: getattr(F, n)(B.ones(2), 1.0), lambda F, B,
         n=_name: getattr(F, n)(1.0, B.ones(2)), categories=(*CATEGORIES, BROADCAST, TIE), tie=equal)


def _binary(d: Any) -> Any:
    shape = d.shape()
    k: dict[str, Any] = {"reduction": d.pick(*REDUCTIONS)}
    if d.flag() and shape and shape[-1]:
        k["weight"] = [0.5 + i for i in range(shape[-1])]
    return [d.tensor(shape, -3.0, 3.0), d.tensor(shape, 0.0, 1.0), d.pick(None, "positive")], k


def _call_binary(B: Any, x: Any, target: Any, positive: Any, weight: Any = None, **k: Any) -> Any:
    if weight is not None:
        k["weight"] = B.tensor(weight, dtype=x.dtype)
    if positive is not None and x.dim():
        k["pos_weight"] = B.tensor([0.5 + i for i in range(x.shape[-1])], dtype=x.dtype)
    return B.nn.functional.binary_cross_entropy_with_logits(x, target, **k)


ROWS.append(Sample(
    "binary_cross_entropy_with_logits", _call_binary, _binary, name="binary_cross_entropy_with_logits",
    dtypes=FLOATS,
    categories=(*CATEGORIES, TIE), tie=lambda x, *_, **__: (x == 0).any(), twin=True,
    bad=tuple(lambda B, b=b: b(B.nn.functional.binary_cross_entropy_with_logits, B) for b in (
        lambda f, B: f(B.ones(2), B.ones(3)), lambda f, B: f(B.ones(2), B.ones(2), reduction="avg"),
        lambda f, B: f(B.ones(2, 3), B.ones(2, 3), pos_weight=B.ones(2)), lambda f, B: f([1.0], B.ones(1))))))


def _shares(d: Any) -> Any:
    shape = d.shape()
    return [d.tensor(shape, 0.05, 0.95), d.tensor(shape, 0.05, 0.95)], {"reduction": d.pick(*REDUCTIONS)}


loss("binary_cross_entropy", _shares, lambda F, B: F.binary_cross_entropy(B.ones(2), B.ones(3)),
     lambda F, B: F.binary_cross_entropy(B.ones(2) * 2, B.ones(2)),
     lambda F, B: F.binary_cross_entropy(B.ones(2), B.ones(2), reduction="avg"),
     lambda F, B: F.binary_cross_entropy(B.ones(2), [1.0]))
loss("huber_loss", lambda d: (d.pair(), {"reduction": d.pick(*REDUCTIONS), "delta": d.pick(1.0, 0.3)}),
     lambda F, B: F.huber_loss(B.ones(2), B.ones(3)),
     lambda F, B: F.huber_loss(B.ones(2), B.ones(2), delta=0.0),
     lambda F, B: F.huber_loss(B.ones(2), B.ones(2), reduction="avg"),
     lambda F, B: F.huber_loss(B.ones(2), 1.0))
