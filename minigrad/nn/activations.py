"""The activations with kinks and parameters, as functions. Their public place is `nn.functional`."""
import numpy as np

from .. import random
from ..backends.arrays import place_of
from ..engine.autocast import product
from ..engine.core import wrap
from ..engine.errors import wrap_dim
from ..engine.inplace import inplace as write_inplace
from ..ops import activation as a
from ..ops import pick_public as pk
from ..ops import public as f
from ..ops import reduce_public as rp
from ..ops import shape_public as s
from ..ops.arguments import dtype_of, fitting, need_tensor
from ..ops.node_names import shown_as
from .arguments import need, need_attribute, need_float, need_number

__all__ = ["celu", "celu_", "elu", "elu_", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish",
           "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "mish", "prelu", "relu6", "selu", "selu_",
           "silu", "softplus", "softshrink", "softsign", "tanhshrink", "threshold", "threshold_"]


def _activation(made, input, inplace=False, *, kernel=None, name=None, numbers=(), **attrs):
    """One op, its arguments checked as torch does: `kernel` is refused for integers, numbers are (name,
    value) pairs."""
    name = (name or made.name) + "_" * inplace
    need_tensor(name, input)
    for place, (argument, value) in enumerate(numbers):
        need_number(name, value, argument, place + 2)
    need_float(kernel or f"{made.name}_cpu", input)
    return write_inplace(made, input, **attrs) if inplace else made(input, **attrs)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x where positive, else negative_slope · x (torch.nn.functional.leaky_relu)."""
    return _activation(a.leaky_relu, input, inplace, numbers=[("negative_slope", negative_slope)],
                       negative_slope=negative_slope)


def elu(input, alpha=1.0, inplace=False):
    """x where positive, else α (eˣ − 1); Clevert et al. 2015 (torch.nn.functional.elu)."""
    return _activation(a.elu, input, inplace, numbers=[("alpha", alpha)], alpha=alpha)


def selu(input, inplace=False):
    """ELU with the α and scale that keep mean 0 and variance 1; Klambauer et al. 2017
    (torch.nn.functional.selu)."""
    return _activation(a.elu, input, inplace, kernel="elu_cpu", name="selu", alpha=1.6732632423543772,
                       scale=1.0507009873554805)


@shown_as("CeluBackward0")
def celu(input, alpha=1.0, inplace=False):
    """x where positive, else α (eˣᐟᵅ − 1); Barron 2017 (torch.nn.functional.celu)."""
    need_number("celu" + "_" * inplace, alpha, "alpha", 2)
    need(alpha, "ZeroDivisionError: alpha cannot be 0 for CELU\nPass another number.")
    return _activation(a.elu, input, inplace, name="celu", alpha=alpha, inner=1 / alpha)


def silu(input, inplace=False):
    """x · σ(x), also called swish; Elfwing et al. 2017 (torch.nn.functional.silu)."""
    return _activation(a.silu, input, inplace)


def mish(input, inplace=False):
    """x · tanh ln(1 + eˣ); Misra 2019 (torch.nn.functional.mish)."""
    return _activation(a.mish, input, inplace)


def hardswish(input, inplace=False):
    """x · hardsigmoid x; Howard et al. 2019 (torch.nn.functional.hardswish)."""
    return _activation(a.hardswish, input, inplace)


def hardsigmoid(input, inplace=False):
    """(x + 3) / 6 kept between 0 and 1 (torch.nn.functional.hardsigmoid)."""
    return _activation(a.hardsigmoid, input, inplace)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x kept between min_val and max_val, without gradient at the bounds (torch.nn.functional.hardtanh)."""
    need(min_val <= max_val, "min_val cannot be greater than max_val\nSwap them.", error=ValueError)
    return _bounded("hardtanh", input, min_val, max_val, inplace)


def relu6(input, inplace=False):
    """x kept between 0 and 6 (torch.nn.functional.relu6)."""
    return _bounded("relu6", input, 0.0, 6.0, inplace)


def _bounded(name, input, low, high, inplace):
    need_tensor(name + "_" * inplace, input)
    dtype = dtype_of(input)
    need(dtype.name != "bool", "Bool inputs not supported for hardtanh\nConvert to a number type first.")
    need(dtype.name != "uint8" or low >= 0, "cannot do hardtanh on an unsigned type with negative limits\n"
         "Convert it first, for example with .float().")
    bounds = {"low": fitting(low, dtype), "high": fitting(high, dtype)}
    return write_inplace(a.hardtanh, input, **bounds) if inplace else a.hardtanh(input, **bounds)


def threshold(input, threshold, value, inplace=False):
    """x where above `threshold`, else `value` (torch.nn.functional.threshold)."""
    name = "threshold" + "_" * inplace
    need_tensor(name, input)
    need_number(name, threshold, "threshold", 2)
    need_number(name, value, "value", 3)
    if input.array.dtype == np.bool_:
        need_float("threshold_cpu", input)
    given = {"bound": fitting(threshold, dtype_of(input)), "value": fitting(value, dtype_of(input))}
    return write_inplace(a.threshold, input, **given) if inplace else a.threshold(input, **given)


def softplus(input, beta=1.0, threshold=20.0):
    """ln(1 + eᵝˣ) / β, or x itself where β x > threshold (torch.nn.functional.softplus)."""
    return _activation(a.softplus, input, numbers=[("beta", beta), ("threshold", threshold)], beta=beta,
                       threshold=threshold)


def hardshrink(input, lambd=0.5):
    """x where |x| > lambd, else 0 (torch.nn.functional.hardshrink)."""
    return _activation(a.hardshrink, input, numbers=[("lambd", lambd)], lambd=lambd)


def softshrink(input, lambd=0.5):
    """x moved by lambd towards 0 (torch.nn.functional.softshrink). Raises RuntimeError for lambd < 0."""
    need_tensor("softshrink", input)
    need_number("softshrink", lambd, "lambd", 2)
    if lambd < 0:
        need_float("softshrink_check", input)
        most = {"float16": "65504", "float64": "1.79769e+308"}.get(dtype_of(input).name, "3.40282e+38")
        need(False, "lambda must be in range [0, {}] for input dtype {}, but found {:g}\n"
             "Pass 0 or more.", most, dtype_of(input).legacy_name, lambd)
    return _activation(a.softshrink, input, kernel="softshrink_check", lambd=lambd)


def softsign(input):
    """x / (1 + |x|) (torch.nn.functional.softsign)."""
    need_attribute(input, "abs")
    return input / (f.abs(input) + 1)


def tanhshrink(input):
    """x − tanh x (torch.nn.functional.tanhshrink)."""
    need_attribute(input, "tanh")
    return input - f.tanh(input)


@product
def prelu(input, weight):
    """x where positive, else weight · x (torch.nn.functional.prelu; He et al. 2015). weight: one number, or
    one for each channel (dimension 1)."""
    need_tensor("prelu", input)
    need_tensor("prelu", weight, "weight", 2)
    need(input.array.dtype == weight.array.dtype, "prelu: Type promoting not supported. Got {} and {}\n"
         "Convert one of them with .to(dtype).", dtype_of(input).legacy_name, dtype_of(weight).legacy_name)
    x, many = input.array.shape, weight.array.size
    if many != 1:
        need(x, "Not allow zero-dim input tensor.\nIts dimension 1 are the channels.")
        channels = x[1] if len(x) > 1 else 1
        need(many == channels, "Mismatch of parameter numbers and input channel size. Found parameter "
             "numbers = {} and channel size = {}.\nThere is one weight per channel.", many, channels)
    need_float("prelu_cpu", input)
    shape = [1] * len(x) if many == 1 else [many if dim == 1 else 1 for dim in range(len(x))]
    return a.prelu(input, s.reshape(weight, shape))


@shown_as("GluBackward0")
def glu(input, dim=-1):
    """The first half along `dim`, times σ of the second; Dauphin et al. 2016 (torch.nn.functional.glu)."""
    need_attribute(input, "dim")
    need(input.array.ndim, "glu does not support scalars because halving size must be even\n"
         "Give it a dimension.")
    dim = wrap_dim(dim, input.array.ndim)
    size = input.array.shape[dim]
    need(size % 2 == 0, "Halving dimension must be even, but dimension {} is size {}\n"
         "One half is the gate of the other.", dim, size)
    need_float("glu_cpu", input)
    value, gate = s.split(input, [size // 2] * 2, dim)
    return value * f.sigmoid(gate)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A sample of softmax(logits / tau) with Gumbel noise, torch's stream; hard: one-hot, with the soft one's
    gradient (torch.nn.functional.gumbel_softmax; Jang et al. 2016). eps is not used."""
    need_tensor("gumbel_softmax", logits)
    noise = random.exponential(random.stream(None, place_of(logits.array)), logits.array.shape,
                               logits.array.dtype)
    soft = rp.softmax((logits - f.log(wrap(noise))) / tau, dim)
    if not hard:
        return soft
    largest = wrap(np.argmax(soft.array, dim, keepdims=True))
    chosen = pk.scatter(wrap(np.zeros_like(soft.array)), dim, largest, 1.0)
    return chosen - soft.detach() + soft


# Written into the input -------------------------------------------------------------------------------------

def leaky_relu_(input, negative_slope=0.01):
    """`leaky_relu` written into the input (torch.nn.functional.leaky_relu_)."""
    return leaky_relu(input, negative_slope, True)


def elu_(input, alpha=1.0):
    """`elu` written into the input (torch.nn.functional.elu_)."""
    return elu(input, alpha, True)


def selu_(input):
    """`selu` written into the input (torch.nn.functional.selu_)."""
    return selu(input, True)


def celu_(input, alpha=1.0):
    """`celu` written into the input (torch.nn.functional.celu_)."""
    return celu(input, alpha, True)


def hardtanh_(input, min_val=-1.0, max_val=1.0):
    """`hardtanh` written into the input (torch.nn.functional.hardtanh_)."""
    return hardtanh(input, min_val, max_val, True)


def threshold_(input, threshold, value):
    """`threshold` written into the input (torch.nn.functional.threshold_)."""
    return _threshold(input, threshold, value, True)


_threshold = threshold
