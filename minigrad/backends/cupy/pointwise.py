"""Activations and the error function, element by element."""
import math

import cupy
from cupyx.scipy import special

from ..numpy.layout import rounded_once

DENSITY = math.sqrt(0.5 / math.pi)              # of the normal distribution at 0


def relu(x):
    """max(x, 0). (torch.relu)"""
    return cupy.maximum(x, 0)


def relu_backward(g, z):
    """g where z, the result of relu, is positive (or nan), else 0."""
    return cupy.where(z <= 0, 0, g)


@rounded_once
def erf(x):
    """2/√π ∫₀ˣ e^(−t²) dt. (torch.erf)"""
    return special.erf(x)


@rounded_once
def erfc(x):
    """1 − erf(x). (torch.erfc)"""
    return special.erfc(x)


def _normal(x):
    """Φ(x), the normal distribution's share below x."""
    return special.erfc(x * -math.sqrt(0.5)) * 0.5


@rounded_once
def gelu(x):
    """x Φ(x). (torch.nn.functional.gelu)"""
    return x * _normal(x)


@rounded_once
def gelu_backward(g, x):
    """The cotangent of gelu's operand: g (Φ(x) + x φ(x)), φ being the normal density."""
    return g * (_normal(x) + x * cupy.exp(x * x * -0.5) * DENSITY)
