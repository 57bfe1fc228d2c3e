"""The functions behind the layers (torch.nn.functional): torch's arguments and errors, then one op, or a
few."""
import math
import warnings

import numpy as np

from .. import random
from ..engine.core import plain, wrap
from ..engine.inplace import inplace as write_inplace
from ..ops import activation as a
from ..ops import index as i
from ..ops import linalg as la
from ..ops import norm as n
from ..ops import public as f
from ..ops import reduce_public as rp
from ..ops import shape_public as s
from ..ops.arguments import dtype_of, need_tensor
from ..ops.inplace_public import METHODS
from ..tensor import Size
from .arguments import need_attribute, need_float
from .losses import binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss, nll_loss
from .spatial import adaptive_avg_pool2d, avg_pool2d, conv2d, max_pool2d, pad

__all__ = ["adaptive_avg_pool2d", "avg_pool2d", "batch_norm", "binary_cross_entropy_with_logits", "conv2d",
           "cross_entropy", "dropout", "embedding", "gelu", "l1_loss", "layer_norm", "linear", "log_softmax",
           "logsigmoid", "max_pool2d", "mse_loss", "nll_loss", "normalize", "one_hot", "pad", "relu",
           "sigmoid", "softmax", "tanh"]


# Activations ------------------------------------------------------------------------------------------------

def relu(input, inplace=False):
    """max(x, 0) (torch.nn.functional.relu). inplace: written into `input`."""
    return METHODS["relu_"](input) if inplace else f.relu(input)


def sigmoid(input):
    """1 / (1 + e⁻ˣ) (torch.nn.functional.sigmoid)."""
    need_attribute(input, "sigmoid")
    return f.sigmoid(input)


def tanh(input):
    """tanh x (torch.nn.functional.tanh)."""
    need_attribute(input, "tanh")
    return f.tanh(input)


def gelu(input, *, approximate="none"):
    """x · Φ(x), Φ the normal distribution's, or with "tanh" its approximation; Hendrycks & Gimpel 2016
    (torch.nn.functional.gelu)."""
    need_tensor("gelu", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.\nPass one of the two.")
    need_float("GeluKernelImpl", input)
    return (a.gelu if approximate == "none" else a.gelu_tanh)(input)


def logsigmoid(input):
    """ln σ(x), without overflow (torch.nn.functional.logsigmoid)."""
    need_tensor("log_sigmoid", input)
    need_float("log_sigmoid_cpu", input)
    return a.log_sigmoid(input)


def _soft(name, input, dim, stacklevel, dtype):
    need_attribute(input, "dim" if dim is None else name)
    if dim is None:
        warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
                      "dim=X as an argument.", stacklevel=stacklevel)
        dim = 0 if input.ndim in (0, 1, 3) else 1
    return getattr(rp, name)(input, dim, dtype)


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / Σ exp(x) over `dim` (torch.nn.functional.softmax)."""
    return _soft("softmax", input, dim, _stacklevel, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """x − ln Σ exp(x) over `dim` (torch.nn.functional.log_softmax)."""
    return _soft("log_softmax", input, dim, _stacklevel, dtype)


def check_probability(p):
    """Raises torch's ValueError for a dropout probability outside [0, 1]."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}\nPass a probability.")


def dropout(input, p=0.5, training=True, inplace=False):
    """Elements zeroed with probability p, the others divided by 1 − p (torch.nn.functional.dropout).

    The mask is torch's from the same seed. Outside training, or with p = 0, it gives `input` itself and draws
    nothing. Raises ValueError for p outside [0, 1].
    """
    check_probability(p)
    need_tensor("dropout", input)
    if not training or p == 0 or not input.array.size:
        return input
    array = plain(input)
    if p < 1 and array.dtype.kind in "biu":
        raise RuntimeError("result type Float can't be cast to the desired output type "
                           f"{dtype_of(input).legacy_name}\nConvert it first, for example with .float().")
    if p == 1:
        noise = np.zeros((), array.dtype)
    else:
        keep = random.dropout_mask(random.default_generator, array.shape, p, array.strides)
        noise = np.multiply(keep, array.dtype.type(1 / (1 - p)), dtype=array.dtype)
    return write_inplace(a.dropout, input, wrap(noise)) if inplace else a.dropout(input, wrap(noise))


# Linear and embedding ---------------------------------------------------------------------------------------

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
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are {x.ndim}D and "
                           f"{w.ndim}D\nGive the input a last dimension of features.")
    if w.ndim == 1:
        if bias is not None:
            raise RuntimeError("mat2 must be a matrix, got 1-D tensor\n"
                               "Unsqueeze the weight: one row per output.")
        return s.matmul(input, weight)
    if w.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {w.ndim}D\n"
                           "The weight is (out, in).")
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


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
              sparse=False):
    """The rows of `weight` (rows, dim) at `input`, an int64 or int32 Tensor of any shape
    (torch.nn.functional.embedding).

    padding_idx: a row that gets no gradient. Raises IndexError for indices out of range.
    """
    if max_norm is not None or scale_grad_by_freq or sparse:
        name = "max_norm" if max_norm is not None else "sparse" if sparse else "scale_grad_by_freq"
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
        raise RuntimeError("Expected tensor for argument #1 'indices' to have one of the following scalar "
                           f"types: Long, Int; but got {got} instead (while checking arguments for "
                           "embedding)\nConvert it with .long().")
    if index.size and (index.min() < 0 or index.max() >= weight.array.shape[0]):
        raise IndexError(f"index out of range in self\nIndices run from 0 to {weight.array.shape[0] - 1}.")
    rows = weight.array.shape[0]
    return i.embedding(weight, input, padding=None if padding_idx is None else padding_idx % rows)


def one_hot(input, num_classes=-1):
    """int64, a 1 at each class in a new last dimension (torch.nn.functional.one_hot). input: int64 Tensor."""
    need_tensor("one_hot", input)
    index = plain(input)
    if index.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.\n"
                           "Convert it with .long().")
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
    return input / f.clamp(rp.norm(input, p, dim, keepdim=True), min=eps)


# Normalisation ----------------------------------------------------------------------------------------------

def _same_dtype(input, *parameters):
    """Raises torch's RuntimeError for parameters of another dtype; half precision takes float32 ones too."""
    dtype = input.array.dtype
    for parameter in parameters:
        if parameter is not None and parameter.array.dtype != dtype and not (
                dtype.itemsize == 2 and parameter.array.dtype == np.float32):
            raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of "
                               f"{dtype_of(input).legacy_name}\n"
                               "Convert the layer or its input with .to(dtype).")


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1,
               eps=1e-5):
    """Every channel (dimension 1) shifted and scaled to mean 0 and variance 1, then by weight and bias (C,);
    Ioffe & Szegedy 2015 (torch.nn.functional.batch_norm).

    training: by the batch's own statistics (the biased variance), which update the running ones in place (the
    unbiased variance); else by the running ones. Raises ValueError for one value per channel in training.
    """
    need_tensor("batch_norm", input)
    x = input.array
    if training and x.shape[0] * math.prod(x.shape[2:]) == 1:
        raise ValueError("Expected more than 1 value per channel when training, got input size "
                         f"{Size(x.shape)}\nUse a larger batch, or eval().")
    if eps < 0 or (training and not eps):
        wanted = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm eps must be {wanted}, but got {eps}\nThe usual value is 1e-5.")
    if x.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)\n"
                         "The input is (N, C) or (N, C, ...).")
    if training and (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None\n"
                         "Pass both.")
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, tensor in given.items():
        if tensor is None and not training and name.startswith("running"):
            raise RuntimeError(f"{name} must be defined in evaluation mode\nPass it, or training=True.")
        if tensor is not None and tensor.array.size != x.shape[1]:
            raise RuntimeError(f"{name} should contain {x.shape[1]} elements not {tensor.array.size}\n"
                               "It has a number per channel.")
    need_float("batch_norm", input)
    _same_dtype(input, running_mean, running_var, weight, bias)
    if not training:
        return n.batch_norm_eval(input, weight, bias, running_mean, running_var, eps=eps)
    result, (mean, var, _) = n.batch_norm.full(input, weight, bias, eps=eps)
    if running_mean is not None and x.size:
        count = x.size // x.shape[1]
        for running, new in ((running_mean.array, mean), (running_var.array, var * (count / (count - 1)))):
            running *= 1 - momentum
            running += momentum * new
    return result


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """The last dimensions, of `normalized_shape`, shifted and scaled to mean 0 and variance 1 for each
    sample, then by weight and bias of that shape; Ba et al. 2016 (torch.nn.functional.layer_norm)."""
    need_tensor("layer_norm", input)
    if not isinstance(normalized_shape, (tuple, list)):
        raise TypeError("layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
                        f"{type(normalized_shape).__name__}\nPass (size,).")
    wanted, shape = list(normalized_shape), input.array.shape
    if not wanted:
        raise RuntimeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at "
                           "least one element, but got normalized_shape = []\n"
                           "Name the sizes of the last dimensions.")
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and list(tensor.array.shape) != wanted:
            raise RuntimeError(f"Expected {name} to be of same shape as normalized_shape, but got {name} of "
                               f"shape {list(tensor.array.shape)} and normalized_shape = {wanted}\n"
                               "They must agree.")
    if list(shape[-len(wanted):]) != wanted or len(shape) < len(wanted):
        sizes = ", ".join(map(str, wanted))
        raise RuntimeError(f"Given normalized_shape={wanted}, expected input with shape [*, {sizes}], but "
                           f"got input of size{list(shape)}\nThe last dimensions are normalised.")
    need_float("LayerNormKernelImpl", input)
    _same_dtype(input, weight, bias)
    return n.layer_norm(input, weight, bias, dims=len(wanted), eps=eps)
