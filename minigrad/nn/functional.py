"""The functions behind the layers (torch.nn.functional): torch's arguments and errors, then one op, or a
few."""
import math
import warnings

import numpy as np

from ..backends.arrays import outside
from ..engine.autocast import entered, lowered
from ..engine.core import TensorBase, plain, wrap
from ..ops import activation as a
from ..ops import index as i
from ..ops import linalg as la
from ..ops import norm as n
from ..ops import public as f
from ..ops import reduce_public as rp
from ..ops import shape_public as s
from ..ops.arguments import dtype_of, need_tensor
from ..ops.inplace_public import METHODS
from ..ops.kinds import Int, Sizes, need_kind
from ..ops.node_names import renamed, shown_as
from . import activations, convolutions, distances, dropouts, losses, resample, sampling, spatial, windows
from .activations import *
from .arguments import need, need_attribute, need_float
from .convolutions import *
from .distances import *
from .dropouts import *
from .losses import *
from .resample import *
from .sampling import *
from .spatial import *
from .windows import *

__all__ = ["batch_norm", "embedding", "gelu", "group_norm", "instance_norm", "layer_norm", "linear",
           "log_softmax", "logsigmoid", "normalize", "one_hot", "relu", "rms_norm", "sigmoid", "softmax",
           "softmin", "tanh"]
for _room in (activations, convolutions, distances, dropouts, losses, resample, sampling, spatial, windows):
    __all__ += _room.__all__


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
    need(approximate in ("none", "tanh"),
         "approximate argument must be either none or tanh.\nPass one of the two.")
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
    return getattr(rp, name.replace("min", "max"))(input, dim, dtype)


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """exp(x) / Σ exp(x) over `dim` (torch.nn.functional.softmax)."""
    return _soft("softmax", input, dim, _stacklevel, dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """Softmax of −x (torch.nn.functional.softmin)."""
    if dim is None:
        need_attribute(input, "dim")
    need(isinstance(input, TensorBase), "bad operand type for unary -: '{}'\nPass a Tensor.",
         type(input).__name__, error=TypeError)
    return _soft("softmin", f.neg(input), dim, _stacklevel, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """x − ln Σ exp(x) over `dim` (torch.nn.functional.log_softmax)."""
    return _soft("log_softmax", input, dim, _stacklevel, dtype)


# Linear and embedding ---------------------------------------------------------------------------------------

def linear(input, weight, bias=None):
    """x · Wᵀ + b over the last dimension (torch.nn.functional.linear).

    input (..., in), weight (out, in) or (in,), bias (out,) or None; one dtype for all.
    """
    need_tensor("linear", input)
    need_tensor("linear", weight, "weight", 2)
    if entered[0]:
        input, weight, bias = lowered(input, weight, bias)
    x, w = input.array, weight.array
    if x.ndim == 2 and w.ndim == 2 and x.dtype == w.dtype and x.shape[1] == w.shape[1] and (
            bias is None or (bias.array.dtype == x.dtype and bias.array.shape == w.shape[:1])):
        z = la.linear(input, weight, bias)
        return z if bias is not None else renamed(z, "MmBackward0")
    need(x.ndim and w.ndim, "both arguments to linear need to be at least 1D, but they are {}D and {}D\n"
         "Give the input a last dimension of features.", x.ndim, w.ndim)
    if w.ndim == 1:
        need(bias is None, "mat2 must be a matrix, got 1-D tensor\nUnsqueeze the weight: one row per output.")
        return s.matmul(input, weight)
    need(w.ndim == 2, "t() expects a tensor with <= 2 dimensions, but self is {}D\nThe weight is (out, in).",
         w.ndim)
    rows, out = math.prod(x.shape[:-1]), w.shape[0]
    flat = s.reshape(input, (rows, x.shape[-1]))
    if bias is None or x.shape[-1] != w.shape[1]:
        return renamed(s.reshape(s.mm(flat, s.t(weight)), (*x.shape[:-1], out)), "UnsafeViewBackward0")
    own = dtype_of(bias)
    first, found = ("self", own) if own.numpy != w.dtype else ("mat1", dtype_of(input))
    need(x.dtype == w.dtype == own.numpy, "{} and mat2 must have the same dtype, but got {} and {}\n"
         "Convert them to one dtype with .to(dtype).", first, found.legacy_name, dtype_of(weight).legacy_name)
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
    need(padding_idx is None or -weight.shape[0] <= padding_idx < max(weight.shape[0], 1), "Padding_idx must "
         "be within num_embeddings\nIt names a row of the weight.", error=AssertionError)
    need_tensor("embedding", input, "indices", 2)
    need_tensor("embedding", weight, "weight", 1)
    need(weight.array.ndim == 2, "'weight' must be 2-D\nIt has a row per index.")
    index, rows = input.array, weight.array.shape[0]
    need(index.dtype in (np.int64, np.int32), "Expected tensor for argument #1 'indices' to have one of the "
         "following scalar types: Long, Int; but got {} instead (while checking arguments for embedding)\n"
         "Convert it with .long().", "CPUBoolType" if index.dtype == bool else input.type())
    need(not len(outside(index, 0, rows, "An index of embedding is out of range.")),
         "index out of range in self\n"
         "Indices run from 0 to {}.", rows - 1, error=IndexError)
    return i.embedding(weight, input, padding=None if padding_idx is None else padding_idx % rows)


def one_hot(input, num_classes=-1):
    """int64, a 1 at each class in a new last dimension (torch.nn.functional.one_hot). input: int64 Tensor."""
    need_tensor("one_hot", input)
    index = plain(input)
    need(index.dtype == np.int64, "one_hot is only applicable to index tensor of type LongTensor.\n"
         "Convert it with .long().")
    need(index.size or num_classes > 0, "Can not infer total number of classes from empty tensor.\n"
         "Pass num_classes.")
    need(not index.size or index.min() >= 0, "Class values must be non-negative.\nClasses count from 0.")
    need(not index.size or num_classes == -1 or index.max() < num_classes,
         "Class values must be smaller than num_classes.\nClasses count from 0.")
    classes = index.max() + 1 if num_classes == -1 else num_classes
    return wrap((index[..., None] == np.arange(classes, like=index)).astype(np.int64))


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(‖x‖ₚ, eps) over `dim` (torch.nn.functional.normalize)."""
    need(out is None, "normalize: out is not supported.\nUse the returned tensor.", error=NotImplementedError)
    need_attribute(input, "norm")
    return input / f.clamp(rp.norm(input, p, dim, keepdim=True), min=eps)


# Normalisation ----------------------------------------------------------------------------------------------

def _wider(input, *parameters):
    """Has half precision parameters in float32, to compute in? Raises torch's RuntimeError for those of any
    other dtype."""
    dtype = input.array.dtype
    others = [parameter.array.dtype for parameter in parameters if parameter is not None]
    for other in others:
        fits = other == dtype or (dtype.itemsize == 2 and other == np.float32)
        need(fits, "mixed dtype (CPU): {}\nConvert the layer or its input with .to(dtype).",
             "all inputs must share same datatype." if dtype.itemsize == 8 else
             "expect parameter to have scalar type of Float")
    return any([other != dtype for other in others])


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1,
               eps=1e-5):
    """Every channel (dimension 1) shifted and scaled to mean 0 and variance 1, then by weight and bias (C,);
    Ioffe & Szegedy 2015 (torch.nn.functional.batch_norm).

    training: by the batch's own statistics (the biased variance), which update the running ones in place (the
    unbiased variance); else by the running ones. Raises ValueError for one value per channel in training.
    """
    need_tensor("batch_norm", input)
    x = input.array
    need(not training or x.shape[0] * math.prod(x.shape[2:]) != 1, "Expected more than 1 value per channel "
         "when training, got input size torch.Size({})\nUse a larger batch, or eval().", x.shape,
         error=ValueError)
    need(not (eps < 0 or (training and not eps)), "batch_norm eps must be {}, but got {}\n"
         "The usual value is 1e-5.", "positive during training" if training else "non-negative", eps,
         error=ValueError)
    need(x.ndim > 1, "Dimension out of range (expected to be in range of [-1, 0], but got 1)\n"
         "The input is (N, C) or (N, C, ...).", error=IndexError)
    need(not training or (running_mean is None) == (running_var is None), "running_mean and running_var must "
         "either both be None or neither be None\nPass both.", error=ValueError)
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, tensor in given.items():
        need(training or tensor is not None or not name.startswith("running"),
             "{} must be defined in evaluation mode\nPass it, or training=True.", name)
        if tensor is not None:
            need(tensor.array.size == x.shape[1], "{} should contain {} elements not {}\n"
                 "It has a number per channel.", name, x.shape[1], tensor.array.size)
    need_float("batch_norm", input)
    if _wider(input, running_mean, running_var, weight, bias):
        return batch_norm(input.float(), running_mean, running_var, weight, bias, training, momentum,
                          eps).to(input.dtype)
    if not training:
        return n.batch_norm_eval(input, weight, bias, running_mean, running_var, eps=eps)
    result, (mean, var, _) = n.batch_norm.full(input, weight, bias, eps=eps)
    if running_mean is not None and x.size:
        count = x.size // x.shape[1]
        for running, new in ((running_mean.array, mean), (running_var.array, var * (count / (count - 1)))):
            running *= 1 - momentum
            running += momentum * new
    return result


def _normalized(name, input, normalized_shape, **parameters):
    """The sizes of the last dimensions as a list. Raises torch's errors where the input and the parameters do
    not have them."""
    need_tensor(name, input)
    wanted = [*need_kind(Sizes, name, normalized_shape, "normalized_shape", 2)]
    need(wanted, "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
         "element, but got normalized_shape = []\nName the sizes of the last dimensions.")
    for kind, tensor in parameters.items():
        need(tensor is None or list(tensor.array.shape) == wanted, "Expected {0} to be of same shape as "
             "normalized_shape, but got {0} of shape {1} and normalized_shape = {2}\nThey must agree.",
             kind, tensor, wanted)
    shape, comma = input.array.shape, ", " if name == "layer_norm" else ""
    need(list(shape[-len(wanted):]) == wanted, "Given normalized_shape={}, expected input with shape "
         "[*{}{}], but got input of size{}\nThe last dimensions are normalised.", wanted, comma,
         str(wanted)[1:-1], shape)
    return wanted


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """The last dimensions, of `normalized_shape`, shifted and scaled to mean 0 and variance 1 for each
    sample, then by weight and bias of that shape; Ba et al. 2016 (torch.nn.functional.layer_norm)."""
    wanted = _normalized("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    need_float("LayerNormKernelImpl", input)
    if _wider(input, weight, bias):
        return n.layer_norm(input.float(), weight, bias, dims=len(wanted), eps=eps).to(input.dtype)
    return n.layer_norm(input, weight, bias, dims=len(wanted), eps=eps)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """The last dimensions, of `normalized_shape`, divided by the root of their mean square, then times the
    weight of that shape; Zhang & Sennrich 2019 (torch.nn.functional.rms_norm). eps: by default the smallest
    step from 1 of the dtype."""
    wanted = _normalized("rms_norm", input, normalized_shape, weight=weight)
    need_float("rms_norm", input)
    wide = input.float() if input.array.itemsize == 2 else input      # half precision is rounded at the end
    eps = np.finfo(wide.array.dtype).eps.item() if eps is None else eps
    root = f.rsqrt(rp.mean(wide * wide, tuple(range(-len(wanted), 0)), keepdim=True) + eps)
    out = wide * root
    return (out if weight is None else out * weight).to(input.dtype)


@shown_as("NativeGroupNormBackward0")
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """The channels of each sample, in `num_groups` groups, shifted and scaled to mean 0 and variance 1, then
    by weight and bias (C,); Wu & He 2018 (torch.nn.functional.group_norm). input: (N, C, ...)."""
    need_attribute(input, "dim")
    x = input.array.shape
    need(len(x) > 1, "Expected at least 2 dimensions for input tensor but received {}\n"
         "The input is (N, C, ...).", len(x))
    num_groups = need_kind(Int, "group_norm", num_groups, "num_groups", 2)
    need(num_groups, "integer division or modulo by zero\nPass 1 for all channels together.",
         error=ZeroDivisionError)
    size = x[0] * x[1] // num_groups, num_groups, *x[2:]
    need(size[0] * math.prod(x[2:]) != 1, "Expected more than 1 value per channel when training, got input "
         "size {}\nNormalise over more values.", size, error=ValueError)
    need(num_groups > 0, "Expected num groups to be greater than 0, got {}\nPass 1 or more.", num_groups)
    need(x[1] % num_groups == 0, "Expected number of channels in input to be divisible by num_groups, but "
         "got input of shape {} and num_groups={}\nEvery group has as many channels.", x, num_groups)
    for kind, tensor in (("weight", weight), ("bias", bias)):
        need(tensor is None or tensor.array.shape == x[1:2], "Expected {0} to be a vector of size equal to "
             "the number of channels in input, but got {0} of shape {1} and input of shape {2}\n"
             "It has a number per channel.", kind, weight if weight is not None else bias, x)
        need(tensor is None or tensor.array.dtype == input.array.dtype or
             (input.array.itemsize == 2 and tensor.array.dtype == np.float32), "mixed dtype (CPU): all "
             "inputs must share same datatype.\nConvert the layer or its input with .to(dtype).")
    need_float("GroupNormKernelImpl", input)
    wide = input.float() if input.array.itemsize == 2 else input
    groups = s.reshape(wide, (x[0], num_groups, math.prod(x[1:]) // num_groups))
    out = s.reshape(n.layer_norm(groups, None, None, dims=1, eps=eps), x)
    shape = -1, *[1] * (len(x) - 2)
    out = out if weight is None else out * s.view(weight, shape)
    return (out if bias is None else out + s.view(bias, shape)).to(input.dtype)


def instance_norm(input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
                  momentum=0.1, eps=1e-5):
    """Every channel of every sample shifted and scaled to mean 0 and variance 1, then by weight and bias
    (C,); Ulyanov et al. 2016 (torch.nn.functional.instance_norm). input: (N, C, ...).

    Running statistics are updated by the mean over the batch, or used where use_input_stats is False.
    """
    need_attribute(input, "size")
    x = input.array.shape
    need(not use_input_stats or math.prod(x[2:]) != 1, "Expected more than 1 spatial element when training, "
         "got input size torch.Size({})\nNormalise over more values.", x, error=ValueError)
    need(use_input_stats or (running_mean is not None and running_var is not None), "Expected running_mean "
         "and running_var to be defined when use_input_stats is false\nPass both.")

    def repeated(tensor):
        return tensor if tensor is None else s.reshape(s.expand(tensor, (x[0], *tensor.array.shape)), (-1,))

    mean, var = repeated(running_mean), repeated(running_var)
    out = batch_norm(s.reshape(input, (1, x[0] * x[1], *x[2:])), mean, var, repeated(weight), repeated(bias),
                     use_input_stats, momentum, eps)
    if use_input_stats:
        for running, new in ((running_mean, mean), (running_var, var)):
            if running is not None:
                running.array[...] = plain(new).reshape(x[0], -1).mean(axis=0)
    return s.reshape(out, x)
