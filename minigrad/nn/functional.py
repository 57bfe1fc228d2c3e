"""The functions behind the layers (torch.nn.functional): torch's arguments and errors, then one op, or a few."""
import math
import warnings

import numpy as np

from .. import random
from ..engine.core import plain, wrap
from ..engine.inplace import inplace as write_inplace
from ..ops import activation as a
from ..ops import index as i
from ..ops import linalg as la
from ..ops import loss as ls
from ..ops import norm as n
from ..ops import pointwise as p
from ..ops import public as f
from ..ops import shape_public as s
from ..ops.arguments import dtype_of, need_tensor
from ..ops.inplace_public import METHODS
from ..tensor import Size, Tensor
from .spatial import adaptive_avg_pool2d, avg_pool2d, conv2d, max_pool2d, pad  # noqa: F401  (their public place is here)


def _need_float(kernel, input):
    if input.array.dtype.kind in "biu":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtype_of(input).legacy_name}'\n"
                                  "Convert it first, for example with .float().")


def _need_attribute(value, name):
    """What Python says in torch's functions that call a method of their argument."""
    if not isinstance(value, Tensor):
        raise AttributeError(f"'{type(value).__name__}' object has no attribute '{name}'\nPass a Tensor.")


# Activations ---------------------------------------------------------------------------------------------------------

def relu(input, inplace=False):
    """max(x, 0) (torch.nn.functional.relu). inplace: written into `input`."""
    return METHODS["relu_"](input) if inplace else f.relu(input)


def sigmoid(input):
    """1 / (1 + e⁻ˣ) (torch.nn.functional.sigmoid)."""
    _need_attribute(input, "sigmoid")
    return f.sigmoid(input)


def tanh(input):
    """tanh x (torch.nn.functional.tanh)."""
    _need_attribute(input, "tanh")
    return f.tanh(input)


def gelu(input, *, approximate="none"):
    """x · Φ(x), Φ the normal distribution's, or with "tanh" its approximation; Hendrycks & Gimpel 2016
    (torch.nn.functional.gelu)."""
    need_tensor("gelu", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.\nPass one of the two.")
    _need_float("GeluKernelImpl", input)
    return (a.gelu if approximate == "none" else a.gelu_tanh)(input)


def logsigmoid(input):
    """ln σ(x), without overflow (torch.nn.functional.logsigmoid)."""
    need_tensor("log_sigmoid", input)
    _need_float("log_sigmoid_cpu", input)
    return a.log_sigmoid(input)


def _soft(name, input, dim, stacklevel, dtype):
    _need_attribute(input, "dim" if dim is None else name)
    if dim is None:
        warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                      "argument.", stacklevel=stacklevel)
        dim = 0 if input.ndim in (0, 1, 3) else 1
    return getattr(f, name)(input, dim, dtype)


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / Σ exp(x) over `dim` (torch.nn.functional.softmax)."""
    return _soft("softmax", input, dim, _stacklevel, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """x − ln Σ exp(x) over `dim` (torch.nn.functional.log_softmax)."""
    return _soft("log_softmax", input, dim, _stacklevel, dtype)


def dropout(input, p=0.5, training=True, inplace=False):
    """Elements zeroed with probability p, the others divided by 1 − p (torch.nn.functional.dropout).

    The mask is torch's from the same seed. Outside training, or with p = 0, it gives `input` itself and draws nothing.
    Raises ValueError for p outside [0, 1].
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}\nPass a probability.")
    need_tensor("dropout", input)
    if not training or p == 0 or not input.array.size:
        return input
    array = plain(input)
    if p < 1 and array.dtype.kind in "biu":
        raise RuntimeError(f"result type Float can't be cast to the desired output type {dtype_of(input).legacy_name}\n"
                           "Convert it first, for example with .float().")
    keep = random.dropout_mask(random.default_generator, array.shape, p, array.strides)
    noise = np.multiply(keep, array.dtype.type(1 / (1 - p) if p < 1 else 1), dtype=array.dtype)
    return write_inplace(a.dropout, input, wrap(noise)) if inplace else a.dropout(input, wrap(noise))


# Linear and embedding ------------------------------------------------------------------------------------------------

def linear(input, weight, bias=None):
    """x · Wᵀ + b over the last dimension (torch.nn.functional.linear).

    input (..., in), weight (out, in) or (in,), bias (out,) or None; one dtype for all.
    """
    need_tensor("linear", input)
    need_tensor("linear", weight, "weight", 2)
    x, w = input.array, weight.array
    if x.ndim == 2 and w.ndim == 2 and x.dtype == w.dtype and x.shape[1] == w.shape[1] and (
            bias is None or (bias.array.dtype == x.dtype and bias.array.shape == w.shape[:1])):
        return la.linear(input, weight, bias)
    if not x.ndim or not w.ndim:
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are {x.ndim}D and {w.ndim}D\n"
                           "Give the input a last dimension of features.")
    if w.ndim == 1:
        if bias is not None:
            raise RuntimeError("mat2 must be a matrix, got 1-D tensor\nUnsqueeze the weight: one row per output.")
        return s.matmul(input, weight)
    if w.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {w.ndim}D\nThe weight is (out, in).")
    rows, out = math.prod(x.shape[:-1]), w.shape[0]
    flat = s.reshape(input, (rows, x.shape[-1]))
    if bias is None or x.shape[-1] != w.shape[1]:
        return s.reshape(s.mm(flat, s.t(weight)), (*x.shape[:-1], out))
    own = dtype_of(bias)
    if not x.dtype == w.dtype == own.numpy:
        first, found = ("self", own) if own.numpy != w.dtype else ("mat1", dtype_of(input))
        raise RuntimeError(f"{first} and mat2 must have the same dtype, but got {found.legacy_name} and "
                           f"{dtype_of(weight).legacy_name}\nConvert them to one dtype with .to(dtype).")
    if bias.array.shape != (out,):
        bias = s.expand(bias, rows, out)        # one number for all, or torch's error
    return s.reshape(la.linear(flat, weight, bias), (*x.shape[:-1], out))


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """The rows of `weight` (rows, dim) at `input`, an int64 or int32 Tensor of any shape (torch.nn.functional.embedding).

    padding_idx: a row that gets no gradient. Raises IndexError for indices out of range.
    """
    for name, asked in (("max_norm", max_norm), ("scale_grad_by_freq", scale_grad_by_freq), ("sparse", sparse)):
        if asked:
            raise NotImplementedError(f"embedding: {name} is not supported.\nLeave it out.")
    if padding_idx is not None and not -weight.shape[0] <= padding_idx < max(weight.shape[0], 1):
        raise AssertionError("Padding_idx must be within num_embeddings\nIt names a row of the weight.")
    need_tensor("embedding", input, "indices", 2)
    need_tensor("embedding", weight, "weight", 1)
    if weight.array.ndim != 2:
        raise RuntimeError("'weight' must be 2-D\nIt has a row per index.")
    index = input.array
    if index.dtype not in (np.int64, np.int32):
        got = "CPUBoolType" if index.dtype == bool else input.type()
        raise RuntimeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
                           f"but got {got} instead (while checking arguments for embedding)\nConvert it with .long().")
    if index.size and (index.min() < 0 or index.max() >= weight.array.shape[0]):
        raise IndexError(f"index out of range in self\nIndices run from 0 to {weight.array.shape[0] - 1}.")
    return i.embedding(weight, input, padding=None if padding_idx is None else padding_idx % weight.array.shape[0])


def one_hot(input, num_classes=-1):
    """int64, a 1 at each class in a new last dimension (torch.nn.functional.one_hot). input: int64 Tensor."""
    need_tensor("one_hot", input)
    index = plain(input)
    if index.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.\nConvert it with .long().")
    if not index.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.\nPass num_classes.")
    if index.size and index.min() < 0:
        raise RuntimeError("Class values must be non-negative.\nClasses count from 0.")
    if index.size and num_classes != -1 and index.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.\nClasses count from 0.")
    classes = index.max() + 1 if num_classes == -1 else num_classes
    return wrap((index[..., None] == np.arange(classes)).astype(np.int64))


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(‖x‖ₚ, eps) over `dim` (torch.nn.functional.normalize)."""
    if out is not None:
        raise NotImplementedError("normalize: out is not supported.\nUse the returned tensor.")
    return input / f.clamp(f.norm(input, p, dim, keepdim=True), min=eps)


# Normalisation -------------------------------------------------------------------------------------------------------

def _check_parameters(input, *parameters):
    for parameter in parameters:
        if parameter is not None and parameter.array.dtype not in (input.array.dtype, np.float32 if
                                                                   input.array.dtype.itemsize == 2 else None):
            raise RuntimeError(f"mixed dtype (CPU): expect parameter to have scalar type of {dtype_of(input).legacy_name}\n"
                               "Convert the layer or its input with .to(dtype).")


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Every channel (dimension 1) shifted and scaled to mean 0 and variance 1, then by weight and bias (C,); Ioffe &
    Szegedy 2015 (torch.nn.functional.batch_norm).

    training: by the batch's own statistics (the biased variance), which update the running ones in place (the unbiased
    variance); else by the running ones. Raises ValueError for one value per channel in training.
    """
    need_tensor("batch_norm", input)
    x = input.array
    if training and x.shape[0] * math.prod(x.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {Size(x.shape)}\n"
                         "Use a larger batch, or eval().")
    if eps < 0 or (training and not eps):
        raise ValueError(f"batch_norm eps must be {'positive during training' if training else 'non-negative'}, but got {eps}"
                         "\nThe usual value is 1e-5.")
    if x.ndim < 2:
        raise IndexError(f"Dimension out of range (expected to be in range of [-1, 0], but got 1)\n"
                         "The input is (N, C) or (N, C, ...).")
    if training and (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None\nPass both.")
    for name, tensor in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if tensor is None and not training and name.startswith("running"):
            raise RuntimeError(f"{name} must be defined in evaluation mode\nPass it, or training=True.")
        if tensor is not None and tensor.array.size != x.shape[1]:
            raise RuntimeError(f"{name} should contain {x.shape[1]} elements not {tensor.array.size}\n"
                               "It has a number per channel.")
    _need_float("batch_norm", input)
    _check_parameters(input, running_mean, running_var, weight, bias)
    if not training:
        return n.batch_norm_eval(input, weight, bias, running_mean, running_var, eps=eps)
    result, (mean, var, _) = n.batch_norm.full(input, weight, bias, eps=eps)
    if running_mean is not None and x.size:
        count = x.size // x.shape[1]
        for running, new in ((running_mean.array, mean), (running_var.array, var * (count / (count - 1)))):
            running[...] = momentum * new + (1 - momentum) * running
    return result


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """The last dimensions, of `normalized_shape`, shifted and scaled to mean 0 and variance 1 for each sample, then by
    weight and bias of that shape; Ba et al. 2016 (torch.nn.functional.layer_norm)."""
    need_tensor("layer_norm", input)
    if not isinstance(normalized_shape, (tuple, list)):
        raise TypeError("layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
                        f"{type(normalized_shape).__name__}\nPass (size,).")
    wanted, shape = list(normalized_shape), input.array.shape
    if not wanted:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but "
                           "got normalized_shape = []\nName the sizes of the last dimensions.")
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and list(tensor.array.shape) != wanted:
            raise RuntimeError(f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                               f"{list(tensor.array.shape)} and normalized_shape = {wanted}\nThey must agree.")
    if list(shape[-len(wanted):]) != wanted or len(shape) < len(wanted):
        sizes = ", ".join(map(str, wanted))
        raise RuntimeError(f"Given normalized_shape={wanted}, expected input with shape [*, {sizes}], but got input of "
                           f"size{list(shape)}\nThe last dimensions are normalised.")
    _need_float("LayerNormKernelImpl", input)
    _check_parameters(input, weight, bias)
    return n.layer_norm(input, weight, bias, dims=len(wanted), eps=eps)


# Losses --------------------------------------------------------------------------------------------------------------

def _reduction(size_average, reduce, reduction):
    """The reduction asked for, by torch's old flags too. Raises ValueError for unknown names."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn("size_average and reduce args will be deprecated, please use reduction="
                      f"'{reduction}' instead.", stacklevel=3)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction\nUse 'mean', 'sum' or 'none'.")
    return reduction


def _reduced(loss, reduction):
    return loss if reduction == "none" else f.mean(loss) if reduction == "mean" else f.sum(loss)


def _flat_nan(input):
    """The mean of nothing: nan, with a gradient of 0."""
    return p.masked_fill(f.sum(input), wrap(np.True_), math.nan)


def _constant(name, argument, tensor):
    if tensor is not None and tensor.needs:
        raise RuntimeError(f"The function '{name}' is not differentiable with respect to argument '{argument}'. This input "
                           "cannot have requires_grad True.\nDetach it.")


def _check_classes(input, target, weight):
    """Raises torch's errors for scores and class numbers that do not fit together."""
    x, t = input.array.shape, target.array.shape
    if not x:
        raise ValueError("Expected 1 or more dimensions (got 0)\nScores are (N, C), (N, C, ...) or (C,).")
    if len(x) == 1 and t and t[0] != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {t[0]}\nPass one class.")
    if len(x) > 1 and (not t or x[0] != t[0]):
        raise ValueError(f"Expected input batch_size ({x[0]}) to match target batch_size ({t[0] if t else 1}).\n"
                         "There is one class per sample.")
    if len(x) == 2 and len(t) > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported\nThere is one class per sample.")
    if len(x) > 2 and len(t) != len(x) - 1:
        raise RuntimeError(f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(t)}\n"
                           "The target has the input's shape without its classes.")
    if len(x) > 2 and t[1:] != x[2:]:
        raise RuntimeError(f"Expected target size {[x[0], *x[2:]]}, got {list(t)}\n"
                           "The target has the input's shape without its classes.")
    classes = x[len(x) > 1]
    if weight is not None and weight.array.shape != (classes,):
        told = f"for all {classes} classes or no classes but got weight tensor of shape: {list(weight.array.shape)}" \
            if len(x) < 3 else "for all or no classes"
        raise RuntimeError(f"weight tensor should be defined either {told}\nIt has a number per class.")
    if target.array.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {dtype_of(target).legacy_name}\n"
                           "Convert it with .long().")


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Minus the log-probability of each target (torch.nn.functional.nll_loss).

    input: log-probabilities (N, C), (N, C, ...) or (C,); target: int64 class numbers, the same without C. weight (C,)
    scales each class; targets equal to ignore_index do not count. "mean" divides by the weights of the targets. Raises
    IndexError for classes out of range.
    """
    reduction = _reduction(size_average, reduce, reduction)
    need_tensor("nll_loss_nd", input)
    need_tensor("nll_loss_nd", target, "target", 2)
    _check_classes(input, target, weight)
    _need_float("nll_loss_out_frame" if input.array.ndim < 3 else "nll_loss2d_forward_out_frame", input)
    _constant("nll_loss_forward", "weight", weight)
    if weight is not None and weight.array.dtype != input.array.dtype:
        raise RuntimeError(f"expected scalar type {dtype_of(input).legacy_name} but found {dtype_of(weight).legacy_name}\n"
                           "Convert the weight with .to(dtype).")
    single = input.array.ndim == 1
    if single:
        input = s.unsqueeze(input, 0)
    index = plain(target).astype(np.int64).reshape(1) if single else plain(target).astype(np.int64)
    kept, classes = index != ignore_index, input.array.shape[1]
    bad = index[kept & ((index < 0) | (index >= classes))]
    if bad.size:
        raise IndexError(f"Target {bad[0]} is out of bounds.\nClasses run from 0 to {classes - 1}.")
    index = np.where(kept, index, 0)
    factor = kept.astype(input.array.dtype) if weight is None else kept * plain(weight)[index]
    total = {"mean": float(factor.sum()), "sum": 1, "none": None}[reduction]
    if total == 0 and index.size:               # nothing counts
        return _flat_nan(input)
    loss = ls.nll_loss(input, wrap(index), wrap(-factor), total=total)
    return s.squeeze(loss, 0) if single and total is None and not target.array.ndim else loss


def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                  label_smoothing=0.0):
    """Minus the log-softmax of the scores at each target, or weighted by target probabilities
    (torch.nn.functional.cross_entropy).

    input: scores (N, C), (N, C, ...) or (C,); target: int64 class numbers, the same without C, or probabilities, the same.
    weight, ignore_index, reduction: as `nll_loss`. label_smoothing: how much of every target is spread evenly over the
    classes (Szegedy et al. 2016).
    """
    reduction = _reduction(size_average, reduce, reduction)
    need_tensor("cross_entropy_loss", input)
    need_tensor("cross_entropy_loss", target, "target", 2)
    x, t = input.array, target.array
    if weight is None and not label_smoothing and x.ndim == 2 and t.shape == x.shape[:1] and t.size and \
            t.dtype == np.int64 and x.dtype.kind == "f" and x.dtype.itemsize > 2 and not 0 <= ignore_index < x.shape[1] \
            and t.view(np.uint64).max() < x.shape[1]:           # negative numbers are huge unsigned ones
        return ls.cross_entropy(input, target, total={"mean": len(t), "sum": 1, "none": None}[reduction])
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}\nPass a share.")
    dim = 0 if x.ndim < 2 else 1
    if x.shape == t.shape and x.ndim:
        return _cross_entropy_of_probabilities(input, target, weight, reduction, ignore_index, label_smoothing, dim)
    _check_classes(input, target, weight)
    logs = log_softmax(input, dim)
    loss = nll_loss(logs, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return loss
    scaled = logs if weight is None else logs * s.view(weight, -1, *[1] * (x.ndim - 2) if dim else ())
    ignored = target == ignore_index
    if dim == 0:
        ignored = s.view(ignored, ())
    smooth = f.masked_fill(-f.sum(scaled, dim), ignored, 0.0)
    if reduction == "mean":
        kept = ~plain(ignored)
        smooth = f.sum(smooth) / float(kept.sum() if weight is None else plain(weight)[t.reshape(kept.shape)[kept]].sum())
    elif reduction == "sum":
        smooth = f.sum(smooth)
    return (1 - label_smoothing) * loss + smooth * (label_smoothing / x.shape[dim])


def _cross_entropy_of_probabilities(input, target, weight, reduction, ignore_index, label_smoothing, dim):
    classes = input.array.shape[dim]
    if target.array.dtype.kind != "f":
        raise RuntimeError("Expected floating point type for target with class probabilities, got "
                           f"{dtype_of(target).legacy_name}\nFor class numbers leave out the dimension of classes.")
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target\nGive such samples a weight of 0.")
    if weight is not None and weight.array.shape != (classes,):
        raise RuntimeError(f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but "
                           f"got weight tensor of shape: {list(weight.array.shape)}\nIt has a number per class.")
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    scaled = log_softmax(input, dim) * target
    if weight is not None:
        scaled = scaled * s.view(weight, -1, *[1] * (input.array.ndim - 2) if dim else ())
    if reduction == "none":
        return -f.sum(scaled, dim)
    if reduction == "mean" and not input.array.size:
        return _flat_nan(scaled)
    return -f.sum(scaled) / (input.array.size / classes) if reduction == "mean" else -f.sum(scaled)


def _distance(input, target, size_average, reduce, reduction, weight):
    """What mse_loss and l1_loss check; gives the reduction."""
    _need_attribute(target, "size")
    _need_attribute(input, "size")
    if target.array.shape != input.array.shape:
        warnings.warn(f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
                      "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
                      stacklevel=3)
    if weight is not None and weight.array.shape != input.array.shape:
        raise ValueError("Weights and input must have the same size.\nThere is one weight per element.")
    return _reduction(size_average, reduce, reduction)


def _weighted(errors, weight, reduction):
    loss = errors * weight
    return f.sum(loss) / f.sum(weight) if reduction == "mean" else _reduced(loss, reduction)


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The mean of (x − y)², or its sum, or all of them (torch.nn.functional.mse_loss). Warns where shapes differ."""
    reduction = _distance(input, target, size_average, reduce, reduction, weight)
    if weight is not None:
        return _weighted((input - target) ** 2, weight, reduction)
    if input.array.dtype.kind in "biu" and target.array.dtype.kind in "biu":
        _need_float("mse_cpu", input)
    if reduction == "none":
        return ls.mse_loss(input, target, count=None)
    size = input.array.size if input.array.shape == target.array.shape else \
        math.prod(np.broadcast_shapes(*_broadcastable(input, target)))
    return ls.mse_loss(input, target, count=size if reduction == "mean" else 1)


def _broadcastable(x, y):
    s.check_broadcast(x.array.shape, y.array.shape)
    return x.array.shape, y.array.shape


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """The mean of |x − y|, or its sum, or all of them (torch.nn.functional.l1_loss). Warns where shapes differ."""
    reduction = _distance(input, target, size_average, reduce, reduction, weight)
    errors = f.abs(input - target)
    return _reduced(errors, reduction) if weight is None else _weighted(errors, weight, reduction)


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean",
                                     pos_weight=None):
    """−w (p y ln σ(x) + (1 − y) ln σ(−x)), without overflow (torch.nn.functional.binary_cross_entropy_with_logits).

    target y: probabilities, input's shape; weight w and pos_weight p: Tensors that broadcast. Raises ValueError where
    input and target differ in size.
    """
    reduction = _reduction(size_average, reduce, reduction)
    _need_attribute(target, "size")
    _need_attribute(input, "size")
    if target.array.shape != input.array.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})\n"
                         "Reshape one of them.")
    _need_float("log_sigmoid_cpu", input)
    for name, tensor in (("weight", weight), ("pos_weight", pos_weight)):
        _constant("binary_cross_entropy_with_logits", name, tensor)
    if pos_weight is not None:
        s.check_broadcast(pos_weight.array.shape, target.array.shape)
    loss = ls.binary_cross_entropy_with_logits(input, target, pos_weight)
    return _reduced(loss if weight is None else loss * weight, reduction)
