"""Distances and the losses made of them. Their public place is `nn.functional`."""
import warnings

import numpy as np

from ..engine.autocast import widened
from ..engine.inplace import check_cast
from ..engine.promote import result_type
from ..ops import loss as ls
from ..ops import public as f
from ..ops import reduce_public as rp
from ..ops import shape_public as s
from ..ops.arguments import cast, dtype_of, need_tensor
from ..ops.node_names import shown_as
from .arguments import need, need_attribute, need_float
from .losses import _distance, _reduced, reduction_of

__all__ = ["bilinear", "binary_cross_entropy", "cosine_embedding_loss", "cosine_similarity",
           "hinge_embedding_loss", "huber_loss", "kl_div", "margin_ranking_loss", "pairwise_distance",
           "smooth_l1_loss", "triplet_margin_loss"]

# Distances --------------------------------------------------------------------------------------------------

def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """‖x1 − x2 + eps‖ₚ over the last dimension (torch.nn.functional.pairwise_distance)."""
    _need_tensors("pairwise_distance", x1=x1, x2=x2)
    return rp.norm(x1 - x2 + eps, p, -1, keepdim)


def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 · x2 / (‖x1‖ ‖x2‖) over `dim`, norms at least eps (torch.nn.functional.cosine_similarity).

    The two broadcast, and meet in a common dtype, which must be a floating point one (else RuntimeError)."""
    _need_tensors("cosine_similarity", x1=x1, x2=x2)
    common = result_type(x1, x2)
    need(common.is_floating_point, "expected common dtype to be floating point, yet common dtype is {}\n"
         "Convert it first, for example with .float().", common.legacy_name)
    x1, x2 = (x if x.array.dtype.kind not in "biu" else x.to(common) for x in _met(x1, x2))
    parts = [x / f.clamp(rp.norm(x, 2, dim, keepdim=True), min=eps) for x in (x1, x2)]
    return rp.sum(parts[0] * parts[1], dim)


def bilinear(input1, input2, weight, bias=None):
    """Σᵢⱼ x1ᵢ Wₖᵢⱼ x2ⱼ + bₖ over the last dimensions (torch.nn.functional.bilinear).

    input1 (..., in1), input2 (..., in2), weight (out, in1, in2), bias (out,) or None.
    """
    _need_tensors("bilinear", input1=input1, input2=input2, weight=weight)
    x1, x2, w = input1.array.shape, input2.array.shape, weight.array.shape
    need(len(x1) == len(x2), "bilinear(): input dimensions do not match: got {} and {}\n"
         "They differ in the last dimension alone.", len(x1), len(x2))
    for dim, (a, b) in enumerate(zip(x1[:-1], x2[:-1])):
        need(a == b, "bilinear(): input batch dimensions do not match at dim {}: got {} and {}\n"
             "They differ in the last dimension alone.", dim, a, b)
    for number, found, wanted in ((1, x1[-1], w[1]), (2, x2[-1], w[2])):
        need(found == wanted, "bilinear(): input{} size does not match weight size: got {} but expected {}\n"
             "The weight is (out, in1, in2).", number, found, wanted)
    if bias is not None:
        need(bias.array.shape[0] == w[0], "bilinear(): bias size does not match weight size: got {} but "
             "expected {}\nIt has a number per output.", bias.array.shape[0], w[0])
    rows = s.matmul(s.reshape(input1, (1, -1, x1[-1])), weight)         # (out, samples, in2)
    out = s.t(rp.sum(rows * s.reshape(input2, (1, -1, x2[-1])), 2))
    out = s.reshape(out, (*x1[:-1], w[0]))
    return out if bias is None else out + bias


def _need_tensors(name, **tensors):
    for position, (argument, tensor) in enumerate(tensors.items()):
        need_tensor(name, tensor, argument, position + 1)


# Losses -----------------------------------------------------------------------------------------------------

@widened
@shown_as("BinaryCrossEntropyBackward0")
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """−w (y ln x + (1 − y) ln(1 − x)), logarithms at least −100 (torch.nn.functional.binary_cross_entropy).

    input: probabilities; target y: the same. Raises RuntimeError for values outside [0, 1].
    """
    reduction = reduction_of(size_average, reduce, reduction)
    need_attribute(target, "size")
    need_attribute(input, "size")
    need(target.array.shape == input.array.shape, "Using a target size ({}) that is different to the input "
         "size ({}) is deprecated. Please ensure they have the same size.\nReshape one of them.",
         str(target.shape), str(input.shape), error=ValueError)
    if weight is not None:
        s.check_broadcast(weight.array.shape, target.array.shape)
    need(target.array.dtype == input.array.dtype, "Found dtype {} but expected {}\n"
         "Convert one of them with .to(dtype).", dtype_of(target).legacy_name, dtype_of(input).legacy_name)
    need_float("binary_cross_entropy", input)
    for name, tensor in (("input", input), ("target", target)):
        need(np.all((tensor.array >= 0) & (tensor.array <= 1)), "all elements of {} should be between 0 and "
             "1\nFrom scores use binary_cross_entropy_with_logits.", name)
    loss = ls.binary_cross_entropy(input, target)
    return _reduced(loss if weight is None else loss * weight, reduction)


@widened
@shown_as("HuberLossBackward0")
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """½ (x − y)² up to |x − y| = delta, then a line; Huber 1964 (torch.nn.functional.huber_loss). Warns where
    shapes differ."""
    _distance(input, target, None, None, "mean", None)
    shape = input.array.shape
    given = input, target
    s.check_broadcast(input.array.shape, target.array.shape)    # the op itself broadcasts
    need(weight is None or weight.array.shape == shape, "Weights and input must have the same "
         "size.\nThere is one weight per element.", error=ValueError)
    if weight is None:
        reduction_of(None, None, reduction)
    need(delta > 0, "huber_loss does not support non-positive values for delta.\nUse l1_loss for 0.")
    need_float("huber_cpu", max(given, key=lambda x: x.array.dtype.kind == "f"))
    check_cast(result_type(input, target), input, False)
    loss = cast(ls.huber_loss(input, target, delta=delta), input.array.dtype)
    if loss.array.shape != shape:               # laid out as torch's expanded input: row-major
        loss = loss.contiguous()
    need(reduction in ("mean", "sum", "none"), "Invalid reduction mode: {}. Expected one of 'none', 'mean', "
         "'sum'.\nUse one of these.", reduction, error=ValueError)
    return _reduced(loss if weight is None else loss * weight, reduction)


@widened
@shown_as("SmoothL1LossBackward0")
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """huber_loss with delta = beta, divided by beta; l1_loss for 0; Girshick 2015
    (torch.nn.functional.smooth_l1_loss). Warns where shapes differ."""
    _distance(input, target, size_average, reduce, "mean", None)
    given = input, target
    s.check_broadcast(input.array.shape, target.array.shape)    # the op itself broadcasts
    reduction = reduction_of(size_average, reduce, reduction)
    need(beta >= 0, "smooth_l1_loss does not support negative values for beta.\nPass 0 or more.")
    if beta == 0:
        return _reduced(f.abs(input - target), reduction)
    need_float("smooth_l1_cpu", max(given, key=lambda x: x.array.dtype.kind == "f"))
    loss = ls.huber_loss(input, target, delta=beta)
    return _reduced(loss if beta == 1 else loss / beta, reduction)


def _met(input, target):
    shapes = [x.array.shape for x in (input, target)]
    if shapes[0] == shapes[1]:
        return input, target
    s.check_broadcast(*shapes)
    return tuple([s.expand(x, np.broadcast_shapes(*shapes)) for x in (input, target)])


@widened
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """y (ln y − x), x log-probabilities, y probabilities or with log_target their logarithms; Kullback &
    Leibler 1951 (torch.nn.functional.kl_div). reduction "batchmean" divides the sum by the batch's size."""
    batch = reduction == "batchmean"
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size."
                      "'batchmean' divides only by the batch size, and aligns with the KL div math "
                      "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
                      "major release.",
                      stacklevel=3)
    reduction = reduction_of(size_average, reduce, "sum" if batch else reduction)
    _need_tensors("kl_div", input=input, target=target)
    for x in (input, target):
        need(x.array.dtype.kind not in "biu", "kl_div: Integral inputs not supported.\n"
             "Convert it first, for example with .float().")
    s.check_broadcast(target.array.shape, input.array.shape)
    if log_target:
        loss = f.exp(target) * (target - input)
    else:
        logs = f.log(f.masked_fill(target, target == 0, 1.0))           # 0 · ln 0 is 0
        loss = target * logs - target * input
    loss = _reduced(loss, reduction)
    return loss / input.array.shape[0] if batch and input.array.ndim else loss


@widened
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """x where the target is 1, max(0, margin − x) where it is −1
    (torch.nn.functional.hinge_embedding_loss)."""
    reduction = reduction_of(size_average, reduce, reduction)
    _need_tensors("hinge_embedding_loss", input=input, target=target)
    s.check_broadcast(target.array.shape, input.array.shape)
    near = f.where(target == -1, 0.0, input)
    return _reduced(f.where(target == 1, 0.0, f.clamp(margin - input, min=0)) + near, reduction)


@widened
def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """max(0, margin − y (x1 − x2)): the first ranks higher where y is 1, lower where −1
    (torch.nn.functional.margin_ranking_loss)."""
    reduction = reduction_of(size_average, reduce, reduction)
    given = {"input1": input1, "input2": input2, "target": target}
    for tensor in given.values():
        need_attribute(tensor, "dim")
    need(input1.array.ndim == input2.array.ndim == target.array.ndim, "margin_ranking_loss : All input "
         "tensors should have same dimension but got sizes: {} \nReshape them.",
         ", ".join([f"{name}: {tensor.size()}" for name, tensor in given.items()]))
    return _reduced(f.clamp(-target * (input1 - input2) + margin, min=0), reduction)


@widened
def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None,
                          reduction="mean"):
    """1 − cos(x1, x2) where the target is 1, max(0, cos − margin) where it is −1
    (torch.nn.functional.cosine_embedding_loss). Inputs (N, D) or (D,), target (N,) or ()."""
    reduction = reduction_of(size_average, reduce, reduction)
    _need_tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    dims = target.array.ndim
    need(dims < 2, "0D or 1D target tensor expected, multi-target not supported\nThere is one per sample.")
    need(input1.array.ndim == input2.array.ndim == dims + 1, "{}D target tensor expects {}D input tensors, "
         "but found inputs with sizes {} and {}.\nThere is one target per sample.", dims, dims + 1, input1,
         input2)
    mags = [rp.sum(x * x, -1) + 1e-12 for x in (input1, input2)]
    cosine = rp.sum(input1 * input2, -1) / f.sqrt(mags[0] * mags[1])
    far = f.where(target == -1, f.clamp(cosine - margin, min=0), 0.0)
    return _reduced(f.where(target == 1, 1 - cosine, 0.0) + far, reduction)


@widened
def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None,
                        reduce=None, reduction="mean"):
    """max(0, margin + d(a, p) − d(a, n)), d the pairwise distance; Balntas et al. 2016
    (torch.nn.functional.triplet_margin_loss). swap: the negative's distance to the positive, if smaller."""
    reduction = reduction_of(size_average, reduce, reduction)
    need(margin > 0, "margin must be greater than 0, got {}\nThe usual one is 1.", margin, error=ValueError)
    given = {"anchor": anchor, "positive": positive, "negative": negative}
    _need_tensors("triplet_margin_loss", **given)
    dims = [tensor.array.ndim for tensor in given.values()]
    need(dims[0] == dims[1] == dims[2], "The anchor, positive, and negative tensors are expected to have the "
         "same number of dimensions, but got: anchor {}D, positive {}D, and negative {}D inputs\n"
         "Reshape them.", *dims)
    near, far = (pairwise_distance(anchor, other, p, eps) for other in (positive, negative))
    if swap:
        far = f.minimum(far, pairwise_distance(positive, negative, p, eps))
    return _reduced(f.clamp(margin + near - far, min=0), reduction)
