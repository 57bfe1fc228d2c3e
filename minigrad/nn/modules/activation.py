"""The activations with kinks and parameters, as modules. `layer.py` says how to write one."""
import warnings

from ...ops import create
from .. import functional as F
from .. import init
from ..arguments import need
from ..parameter import Parameter
from .layer import Layer
from .plain import Softmax

__all__ = ["CELU", "ELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU",
           "LogSigmoid", "Mish", "PReLU", "ReLU6", "SELU", "SiLU", "Softmin", "Softplus", "Softshrink",
           "Softsign", "Tanhshrink", "Threshold"]


class LeakyReLU(Layer, calls=F.leaky_relu, shows="negative_slope=, inplace?"):
    """x where positive, else negative_slope · x (torch.nn.LeakyReLU)."""

    def __init__(self, negative_slope=0.01, inplace=False):
        self._keep(locals())


class ELU(Layer, calls=F.elu, shows="alpha=, inplace?"):
    """x where positive, else α (eˣ − 1) (torch.nn.ELU)."""

    def __init__(self, alpha=1.0, inplace=False):
        self._keep(locals())


class CELU(ELU, calls=F.celu):
    """x where positive, else α (eˣᐟᵅ − 1) (torch.nn.CELU)."""


class SELU(Layer, calls=F.selu, shows="inplace?"):
    """ELU that keeps mean 0 and variance 1 (torch.nn.SELU; Klambauer et al. 2017)."""

    def __init__(self, inplace=False):
        self._keep(locals())


class SiLU(SELU, calls=F.silu):
    """x · σ(x), also called swish (torch.nn.SiLU)."""


class Mish(SELU, calls=F.mish):
    """x · tanh ln(1 + eˣ) (torch.nn.Mish)."""


class Hardswish(Layer, calls=F.hardswish):
    """x · hardsigmoid x (torch.nn.Hardswish)."""

    def __init__(self, inplace=False):
        self._keep(locals())


class Hardsigmoid(Hardswish, calls=F.hardsigmoid):
    """(x + 3) / 6 kept between 0 and 1 (torch.nn.Hardsigmoid)."""


def _newer(name, older, value):
    """The value of an argument, which may be given, with a warning, under its older name."""
    if older is None:
        return value
    warnings.warn(f"keyword argument `{name}ue` is deprecated and renamed to `{name}`", FutureWarning,
                  stacklevel=3)
    return older


class Hardtanh(Layer, calls=F.hardtanh, shows="min_val=, max_val=, inplace?"):
    """x kept between min_val and max_val (torch.nn.Hardtanh)."""

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False, min_value=None, max_value=None):
        min_val = _newer("min_val", min_value, min_val)
        max_val = _newer("max_val", max_value, max_val)
        need(max_val > min_val, "max_val ({}) must be greater than min_val ({})\nSwap them.", max_val,
             min_val, error=AssertionError)
        self._keep({"min_val": min_val, "max_val": max_val, "inplace": inplace})


class ReLU6(Hardtanh, shows="inplace?"):
    """x kept between 0 and 6 (torch.nn.ReLU6)."""

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)


class Threshold(Layer, calls=F.threshold, shows="threshold=, value=, inplace?"):
    """x where above `threshold`, else `value` (torch.nn.Threshold)."""

    def __init__(self, threshold, value, inplace=False):
        self._keep(locals())


class Softplus(Layer, calls=F.softplus, shows="beta=, threshold="):
    """ln(1 + eᵝˣ) / β, or x itself where β x > threshold (torch.nn.Softplus)."""

    def __init__(self, beta=1.0, threshold=20.0):
        self._keep(locals())


class Hardshrink(Layer, calls=F.hardshrink, shows="lambd"):
    """x where |x| > lambd, else 0 (torch.nn.Hardshrink)."""

    def __init__(self, lambd=0.5):
        self._keep(locals())


class Softshrink(Hardshrink, calls=F.softshrink):
    """x moved by lambd towards 0 (torch.nn.Softshrink)."""


class Softsign(Layer, calls=F.softsign):
    """x / (1 + |x|) (torch.nn.Softsign)."""


class Tanhshrink(Layer, calls=F.tanhshrink):
    """x − tanh x (torch.nn.Tanhshrink)."""


class LogSigmoid(Layer, calls=F.logsigmoid):
    """ln σ(x), without overflow (torch.nn.LogSigmoid)."""


class Softmin(Softmax, calls=F.softmin):
    """Softmax of −x over `dim` (torch.nn.Softmin)."""


class GLU(Layer, calls=F.glu, shows="dim="):
    """The first half along `dim`, times σ of the second (torch.nn.GLU; Dauphin et al. 2016)."""

    def __init__(self, dim=-1):
        self._keep(locals())


class PReLU(Layer, shows="num_parameters="):
    """x where positive, else weight · x, with a learned weight, or one for each channel (torch.nn.PReLU; He
    et al. 2015)."""

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        self._keep({"num_parameters": num_parameters, "init": init})
        self.weight = Parameter(create.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """All weights as they began."""
        init.constant_(self.weight, self.init)

    def forward(self, input):
        return F.prelu(input, self.weight)
