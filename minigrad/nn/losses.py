"""The losses as functions. Their public place is `nn.functional`."""
import math
import warnings

import numpy as np

from ..backends.arrays import number, outside, place_of
from ..engine.autocast import widened
from ..engine.core import plain, wrap
from ..ops import loss as ls
from ..ops import pointwise as p
from ..ops import public as f
from ..ops import reduce_public as rp
from ..ops import shape_public as s
from ..ops.arguments import cast, dtype_of, need_tensor
from ..ops.node_names import shown_as
from .arguments import need, need_attribute, need_dtype, need_float

__all__ = ["binary_cross_entropy_with_logits", "cross_entropy", "l1_loss", "mse_loss", "nll_loss"]


def reduction_of(size_average, reduce, reduction):
    """The reduction asked for, by torch's old flags too. Raises ValueError for unknown names."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn("size_average and reduce args will be deprecated, please use reduction="
                      f"'{reduction}' instead.", stacklevel=3)
    need(reduction in ("mean", "sum", "none"), "{} is not a valid value for reduction\n"
         "Use 'mean', 'sum' or 'none'.", reduction, error=ValueError)
    return reduction


def _reduced(loss, reduction):
    return loss if reduction == "none" else rp.mean(loss) if reduction == "mean" else rp.sum(loss)


def _flat_nan(input):
    """The mean of nothing: nan, with a gradient of 0."""
    return p.masked_fill(rp.sum(input), wrap(np.True_), math.nan)


def _constant(name, argument, tensor):
    need(tensor is None or not tensor.needs, "The function '{}' is not differentiable with respect to "
         "argument '{}'. This input cannot have requires_grad True.\nDetach it.", name, argument)


def _check_classes(input, target, weight):
    """Raises torch's errors for scores and class numbers that do not fit together."""
    x, t = input.array.shape, target.array.shape
    spatial = "The target has the input's shape without its classes."
    need(x, "Expected 1 or more dimensions (got 0)\nScores are (N, C), (N, C, ...) or (C,).",
         error=ValueError)
    need(len(x) > 1 or not t or t[0] == 1, "For 1D input, 1D target must have size 1, but got target size: "
         "{}\nPass one class.", t[0] if t else None, error=ValueError)
    need(len(x) == 1 or (t and x[0] == t[0]), "Expected input batch_size ({}) to match target batch_size "
         "({}).\nThere is one class per sample.", x[0], t[0] if t else 1, error=ValueError)
    need(len(x) != 2 or len(t) < 2, "0D or 1D target tensor expected, multi-target not supported\n"
         "There is one class per sample.")
    need(len(x) < 3 or len(t) == len(x) - 1, "only batches of spatial targets supported (3D tensors) but got "
         "targets of dimension: {}\n" + spatial, len(t))
    need(len(x) < 3 or t[1:] == x[2:], "Expected target size {}, got {}\n" + spatial, (x[0], *x[2:]), t)
    _check_weight(weight, x[len(x) > 1], "weight tensor should be defined either for all"
                  + (" {} classes or no classes but got weight tensor of shape: {}" if len(x) < 3 else
                     " or no classes"))
    need(target.array.dtype in (np.int64, np.uint8), "expected target dtype to be Long or Byte, but got {}\n"
         "Convert it with .long().", dtype_of(target).legacy_name)


def _check_weight(weight, classes, text):
    need(weight is None or weight.array.shape == (classes,), text + "\nIt has a number per class.",
         classes, weight)


@widened
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Minus the log-probability of each target (torch.nn.functional.nll_loss).

    input: log-probabilities (N, C), (N, C, ...) or (C,); target: int64 class numbers, the same without C.
    weight (C,) scales each class; targets equal to ignore_index do not count. "mean" divides by the weights
    of the targets. Raises IndexError for classes out of range.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    need_tensor("nll_loss_nd", input)
    need_tensor("nll_loss_nd", target, "target", 2)
    _check_classes(input, target, weight)
    need_float("nll_loss_out_frame" if input.array.ndim < 3 else "nll_loss2d_forward_out_frame", input)
    _constant("nll_loss_forward", "weight", weight)
    if weight is not None:
        need_dtype(input, weight)
    single, index = input.array.ndim == 1, plain(target).astype(np.int64)
    if single:
        input, index = s.unsqueeze(input, 0), index.reshape(1)
    kept, classes = index != ignore_index, input.array.shape[1]
    index = np.where(kept, index, 0)
    bad = outside(index, 0, classes, f"A target is out of bounds: classes run from 0 to {classes - 1}.")
    need(not len(bad), "Target {0[0]} is out of bounds.\nClasses run from 0 to {1}.", bad, classes - 1,
         error=IndexError)
    factor = kept.astype(input.array.dtype) if weight is None else kept * plain(weight)[index]
    total = {"mean": number(factor.sum()), "sum": 1, "none": None}[reduction]
    loss = ls.nll_loss(input, wrap(index), wrap(-factor), total=total)
    return s.squeeze(loss, 0) if single and total is None and not target.array.ndim else loss


@widened
def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None,
                  reduction="mean", label_smoothing=0.0):
    """Minus the log-softmax of the scores at each target, or weighted by target probabilities
    (torch.nn.functional.cross_entropy).

    input: scores (N, C), (N, C, ...) or (C,); target: int64 class numbers, the same without C, or
    probabilities, the same. weight, ignore_index, reduction: as `nll_loss`. label_smoothing: how much of
    every target is spread evenly over the classes (Szegedy et al. 2016).
    """
    reduction = reduction_of(size_average, reduce, reduction)
    need_tensor("cross_entropy_loss", input)
    need_tensor("cross_entropy_loss", target, "target", 2)
    x, t = input.array, target.array
    if weight is None and not label_smoothing and x.ndim == 2 and t.shape == x.shape[:1] and t.size and \
            t.dtype == np.int64 and x.dtype.kind == "f" and x.dtype.itemsize > 2 and \
            not 0 <= ignore_index < x.shape[1] and place_of(t) == place_of(x) == "cpu" and \
            t.view(np.uint64).max() < x.shape[1]:               # negative numbers are huge unsigned ones
        return ls.cross_entropy(input, target, total={"mean": len(t), "sum": 1, "none": None}[reduction])
    need(0 <= label_smoothing <= 1, "label_smoothing must be between 0.0 and 1.0. Got: {:g}\nPass a share.",
         label_smoothing)
    dim = 0 if x.ndim < 2 else 1
    of_probabilities = x.shape == t.shape and x.ndim
    (_check_probabilities if of_probabilities else _check_classes)(input, target, weight)
    logs = rp.log_softmax(input, dim)
    scaled = logs if weight is None else logs * s.view(weight, -1, *[1] * (x.ndim - 2) if dim else ())
    if of_probabilities:
        need(ignore_index < 0, "ignore_index is not supported for floating point target\n"
             "Give such samples a weight of 0.")
        if label_smoothing:
            target = target * (1 - label_smoothing) + label_smoothing / x.shape[dim]
        loss = -rp.sum(scaled * target, dim)
        if reduction == "mean":
            return rp.sum(loss) / (x.size / x.shape[dim]) if x.size else _flat_nan(loss)
        return _reduced(loss, reduction)
    loss = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return loss
    ignored = target == ignore_index if dim else s.view(target == ignore_index, ())
    smooth = f.masked_fill(-rp.sum(scaled, dim), ignored, 0.0)
    if reduction == "mean":
        kept = ~plain(ignored)
        count = kept.sum() if weight is None else plain(weight)[t.reshape(kept.shape)[kept]].sum()
        smooth = rp.sum(smooth) / float(count)
    elif reduction == "sum":
        smooth = rp.sum(smooth)
    return (1 - label_smoothing) * loss + smooth * (label_smoothing / x.shape[dim])


def _check_probabilities(input, target, weight):
    found = dtype_of(target)
    need(found.is_floating_point, "Expected floating point type for target with class probabilities, got {}\n"
         "For class numbers leave out the dimension of classes.", found.legacy_name)
    _check_weight(weight, input.array.shape[input.array.ndim > 1],
                  "cross_entropy: weight tensor should be defined either for all {} classes or no classes "
                  "but got weight tensor of shape: {}")


def _distance(input, target, size_average, reduce, reduction, weight):
    """What mse_loss and l1_loss check; gives the reduction."""
    need_attribute(target, "size")
    need_attribute(input, "size")
    if target.array.shape != input.array.shape:
        warnings.warn(f"Using a target size ({target.shape}) that is different to the input size "
                      f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
                      "Please ensure they have the same size.",
                      stacklevel=4)
    need(weight is None or weight.array.shape == input.array.shape, "Weights and input must have the same "
         "size.\nThere is one weight per element.", error=ValueError)
    return reduction_of(size_average, reduce, reduction)


def _weighted(errors, weight, reduction):
    loss = errors * weight
    return rp.sum(loss) / rp.sum(weight) if reduction == "mean" else _reduced(loss, reduction)


@widened
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The mean of (x − y)², or its sum, or all (torch.nn.functional.mse_loss). Warns where shapes differ."""
    reduction = _distance(input, target, size_average, reduce, reduction, weight)
    if weight is not None:
        return _weighted((input - target) ** 2, weight, reduction)
    if target.array.dtype.kind in "biu":
        need_float("mse_cpu", input)
    return ls.mse_loss(input, target, reduction=reduction)


@widened
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The mean of |x − y|, or its sum, or all (torch.nn.functional.l1_loss). Warns where shapes differ."""
    reduction = _distance(input, target, size_average, reduce, reduction, weight)
    errors = f.abs(input - target)
    return _reduced(errors, reduction) if weight is None else _weighted(errors, weight, reduction)


@widened
@shown_as("BinaryCrossEntropyWithLogitsBackward0")
def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None,
                                     reduction="mean", pos_weight=None):
    """−w (p y ln σ(x) + (1 − y) ln σ(−x)), without overflow
    (torch.nn.functional.binary_cross_entropy_with_logits).

    target y: probabilities, input's shape; weight w and pos_weight p: Tensors that broadcast. Raises
    ValueError where input and target differ in size.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    need_attribute(target, "size")
    need_attribute(input, "size")
    need(target.array.shape == input.array.shape, "Target size ({}) must be the same as input size ({})\n"
         "Reshape one of them.", str(target.shape), str(input.shape), error=ValueError)
    need_float("log_sigmoid_cpu", input)
    need(dtype_of(target).is_floating_point, "result type {} can't be cast to the desired output type {}\n"
         "Convert the target with .to(input.dtype).", dtype_of(input).legacy_name,
         dtype_of(target).legacy_name)
    for name, tensor in (("weight", weight), ("pos_weight", pos_weight)):
        _constant("binary_cross_entropy_with_logits", name, tensor)
    if pos_weight is not None:
        s.check_broadcast(pos_weight.array.shape, target.array.shape)
    loss = cast(ls.binary_cross_entropy_with_logits(input, target, pos_weight), target.array.dtype)
    return _reduced(loss if weight is None else loss * weight, reduction)
