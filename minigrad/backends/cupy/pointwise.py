"""Activations, choices and the error function, element by element."""
import math

import cupy
from cupyx.scipy import special

from ..numpy.layout import rounded_once

DENSITY = math.sqrt(0.5 / math.pi)              # of the normal distribution at 0


def _as_operand(z, x):
    """z as bfloat16 where x is: CuPy chooses and keeps triangles of those as float32."""
    return z.astype(x.dtype) if getattr(getattr(x, "dtype", None), "kind", "") == "V" else z


def where(condition, x, y):
    """x where the condition holds, else y. (torch.where)"""
    return _as_operand(_as_operand(cupy.where(condition, x, y), x), y)


def tril(x, k=0):
    """x with zeros above its k-th diagonal. (torch.tril)"""
    return _as_operand(cupy.tril(x, k), x)


def triu(x, k=0):
    """x with zeros below its k-th diagonal. (torch.triu)"""
    return _as_operand(cupy.triu(x, k), x)


def clip(x, low, high):
    """x between two bounds, either None for none. (torch.clamp)"""
    if x.dtype.kind != "V":
        return cupy.clip(x, low, high)
    z = x if low is None else cupy.maximum(x, low)       # which CuPy does not clip
    return _as_operand(z if high is None else cupy.minimum(z, high), x)


def relu(x):
    """max(x, 0). (torch.relu)"""
    return cupy.maximum(x, 0)


def relu_backward(g, z):
    """g where z, the result of relu, is positive (or nan), else 0."""
    return where(z <= 0, 0, g)


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
