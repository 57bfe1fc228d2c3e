"""The error function, and GELU, which weighs by it.

For |x| up to 1 erf(x) = x + x S(x²), where S is a rational function fitted for this file (interpolation at
Chebyshev nodes, error 1e-18): S is small, and so is what its rounding costs. Beyond 1, erfc by W. J. Cody's
rational approximations (Mathematics of Computation 23, 1969, 631–637), which change over at 4. All elements
of a block that fits the cache go through the first two ranges (picking elements out costs more than computing
them), through the third only where there are any.
"""
import math

import numpy as np

from .layout import rounded_once
from .memory import empty_like
from .threads import parallel

BLOCK = 1 << 15
NEAR_TO = 1.0
NEAR = ((-2.0780228076561899322e-5, -4.9664035253739075781e-4, -8.8223363248167772233e-3,
         -4.8371274599796295146e-2, -3.1698916933954892645e-1, 1.2837916709551257497e-1),
        (2.0866484101019163079e-5, 6.9373623323491591024e-4, 1.0705251871973175468e-2,
         9.387460876512409528e-2, 4.6064498648983654938e-1, 1.0))
MIDDLE = ((2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
           2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
           1.23033935479799725e3),
          (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
           3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3))
FAR = ((1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
        1.60837851487422766e-2, 6.58749161529837803e-4),
       (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
        2.33520497626869185e-3))
# Φ(x) = ½ (1 + tanh(x P(x²))): GELU's approximation by tanh with more terms. Fitted for this file by weighted
# least squares on |x| < 5.5, to 3e-8 of erf; float32's rounding makes it 2.6 ulp. One tanh and a short
# polynomial take a fifth of the time of the rational functions above.
NORMAL = (7.9788458569217e-1, 3.6335146917208e-2, -3.5735741294684e-5, -5.3358406828727e-5,
          3.3804201109434e-6, -4.1130152539736e-8, -5.6903729814577e-9, 2.9781531148180e-10,
          -4.5313452231697e-12)
NORMAL_TO = 30.8                # x² from which tanh is ±1 anyway, and the polynomial may leave the curve
DENSITY = math.sqrt(0.5 / math.pi)              # of the normal distribution at 0
INVERSE_ROOT_PI = 5.6418958354775628695e-1


def _ratio(coefficients, x):
    """P(x) / Q(x), by Horner's rule."""
    values = []
    for series in coefficients:
        value = np.full_like(x, series[0])
        for c in series[1:]:
            value *= x
            value += c
        values.append(value)
    return np.divide(*values, out=values[0])


def _split(x, exact):
    """(|x| <= NEAR_TO, erf(|x|) as if it were, erfc(|x|) as if not, `exact` to its own last digits)."""
    y = np.minimum(np.abs(x), 28)                       # e^(−28²) is 0
    near = np.minimum(y, NEAR_TO)
    erf_near = near + near * _ratio(NEAR, near * near)
    y = np.maximum(y, NEAR_TO)
    tail = _ratio(MIDDLE, np.minimum(y, 4))
    if exact:
        far = y > 4
        if far.any():
            square = 1 / (y[far] * y[far])
            tail[far] = (INVERSE_ROOT_PI - square * _ratio(FAR, square)) / y[far]
        coarse = np.floor(y * 16) / 16                  # its square is exact; y² rounded would cost digits
        tail *= np.exp(-coarse * coarse)
        tail *= np.exp((coarse - y) * (coarse + y))
    else:
        tail *= np.exp(-y * y)
    return np.abs(x) <= NEAR_TO, erf_near, tail


def _erf(x, out):
    near, inner, tail = _split(x, exact=x.dtype == np.float64)
    # Products with a mask and its opposite are exact, and np.where stumbles over every change of branch.
    np.multiply(1 - tail, ~near, out=out)
    out += inner * near
    np.copysign(out, x, out=out)


def _erfc(x, out):
    near, inner, tail = _split(x.astype(np.float64), exact=True)
    out[...] = (2 * (x < 0) + np.copysign(tail, x)) * ~near + (1 - np.copysign(inner, x)) * near


def _normal(x):
    """Φ(x), the normal distribution's share below x."""
    if x.dtype == np.float64:
        z = np.empty_like(x)
        _erf(x * math.sqrt(0.5), z)
    else:
        square = np.minimum(x * x, NORMAL_TO)
        z = square * NORMAL[-1]
        for c in NORMAL[-2:0:-1]:
            z += c
            z *= square
        z += NORMAL[0]
        z *= x
        np.tanh(z, out=z)
    z += 1
    z *= 0.5
    return z


def _gelu(x, out):
    np.multiply(x, _normal(x), out=out)


def _gelu_backward(g, x, out):
    slope = np.exp(x * x * -0.5)
    slope *= x
    slope *= DENSITY
    slope += _normal(x)
    np.multiply(g, slope, out=out)


def _blockwise(kernel, x, *others):
    """`kernel(block, ..., out)` over x's memory, whatever its layout, which the result keeps, and over that
    of others of its shape."""
    if 0 in x.strides or any(other.strides != x.strides for other in others):
        x, *others = map(np.ascontiguousarray, (x, *others))    # what is expanded gives a row-major result
    z = empty_like(x)
    if z.strides != x.strides:
        z = np.empty_like(x)
    arrays = [array.ravel("K") for array in (x, *others, z)]

    def run(start, stop):
        for first in range(start, stop, BLOCK):
            kernel(*[array[first:min(first + BLOCK, stop)] for array in arrays])

    parallel(run, x.size, 8 * x.size)
    return z


@rounded_once
def gelu(x):
    """x Φ(x). (torch.nn.functional.gelu)"""
    return _blockwise(_gelu, x)


@rounded_once
def gelu_backward(g, x):
    """The cotangent of gelu's operand: g (Φ(x) + x φ(x)), φ being the normal density."""
    return _blockwise(_gelu_backward, g, x)


@rounded_once
def erf(x):
    """2/√π ∫₀ˣ e^(−t²) dt, to 2 ulp. (torch.erf)"""
    return _blockwise(_erf, x)


@rounded_once
def erfc(x):
    """1 − erf(x), to a few ulp of itself also where erf(x) is near 1. (torch.erfc)"""
    return _blockwise(_erfc, x)
