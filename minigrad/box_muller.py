"""The arithmetic behind `random.py`: fused multiply-add and Box-Muller transform, rounded as in torch.

torch's kernels are compiled with fused multiply-adds. Logarithm, sine and cosine are the C library's in
float64 and the Cephes polynomials (S. L. Moshier) in float32.
"""
import math

import numpy as np

F, D = np.float32, np.float64


def libm(function, x):
    """`function` of the module math, that is of the C library, for every value of a float64 array.

    NumPy's own log and log1p differ from the C library in the last bit.
    """
    if not isinstance(x, np.ndarray):           # on a GPU: its own
        return getattr(np, function.__name__)(x)
    return np.fromiter(map(function, x.ravel().tolist()), D, x.size).reshape(x.shape)


def fma(x, y, z):
    """x * y + z rounded once, for an array `x` of float32, or one of float64 with a scalar `y`.

    In float64 the values must keep away from the ends of the range (1e-200, 1e299); beyond, it rounds twice.
    """
    if x.dtype == F:
        return (x.astype(D) * y + z).astype(F)      # a float64 holds the product of two float32 exactly
    product = x * y
    if abs(y) == 1 or np.all(z == 0) or max(abs(y), np.max(np.abs(z))) > 1e299:
        return product + z                          # one of the two steps is exact, or the halves overflow
    x_high, y_high = (v * 134217729.0 - (v * 134217729.0 - v) for v in (x, y))      # Dekker 1971: the halves
    x_low, y_low = x - x_high, y - y_high
    error = x_low * y_low - (((product - x_high * y_high) - x_low * y_high) - x_high * y_low)
    # Boldo and Melquiond 2008: adding the small parts with rounding to odd lets the last sum round right.
    high, low = _two_sum(z, error)
    total, rest = _two_sum(product, high)
    tail, lost = _two_sum(rest, low)
    to_odd = (lost != 0) & (tail.view(np.int64) & 1 == 0)
    return total + np.where(to_odd, np.nextafter(tail, np.copysign(np.inf, lost)), tail)


def _two_sum(x, y):
    """x + y and its rounding error (Knuth)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def box_muller(u, mean, std):
    """Normal values from uniform ones, in blocks of 16: the first 8 give the radius, the last 8 the angle."""
    u = u.reshape(-1, 16)
    rest, angle = 1 - u[:, :8], u.dtype.type(2 * math.pi) * u[:, 8:]
    if u.dtype == D:
        radius, sin, cos = np.sqrt(-2 * libm(math.log, rest)), libm(math.sin, angle), libm(math.cos, angle)
    else:
        radius, (sin, cos) = _rounded(np.sqrt(-2 * _log(rest))), _sin_cos(angle)
    return fma(np.concatenate([radius * cos, radius * sin], 1).ravel().astype(u.dtype), std, mean)


# float32 arithmetic below is done in float64 and rounded: to the same bits, since float64 has more than twice
# the digits. After a product and a sum that makes a fused multiply-add.
def _rounded(x):
    return x.astype(F).astype(D)


def _constants(*values):
    return [np.array(F(value), D) for value in values]


LOG = _constants(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                 -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
SIN = _constants(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS = _constants(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
LOG_2 = _constants(-2.12194440e-4, 0.693359375)                                     # the sum of both
EIGHTH_TURN = _constants(-0.78515625, -2.4187564849853515625e-4, -3.77489497744294108e-8)     # −π/4


def _polynomial(coefficients, x):
    y = coefficients[0]
    for c in coefficients[1:]:
        y = _rounded(y * x + c)
    return y


def _log(x):
    """Natural logarithm of float32 values in (0, 1]."""
    bits = x.view(np.int32)
    exponent = (bits >> 23) - 126
    mantissa = ((bits & 0x007FFFFF) | 0x3F000000).view(F)                   # in [0.5, 1)
    low = mantissa < F(math.sqrt(0.5))
    exponent, x = (exponent - low).astype(D), mantissa.astype(D) * (1 + low) - 1
    square = _rounded(x * x)
    y = _rounded(_polynomial(LOG, x) * x)
    y = _rounded(y * square + _rounded(exponent * LOG_2[0]))
    y = _rounded(x + _rounded(square * -0.5 + y))
    return _rounded(exponent * LOG_2[1] + y)


def _sin_cos(x):
    """Sine and cosine of float32 values in [0, 2π]."""
    octant = ((x * F(4 / math.pi)).astype(np.int32) + 1) & ~1
    turns, x = octant.astype(D), x.astype(D)
    for part in EIGHTH_TURN:
        x = _rounded(turns * part + x)
    z = _rounded(x * x)
    cos = _rounded(_rounded(_polynomial(COS, z) * z) * z + z * -0.5)
    cos = _rounded(cos + 1)
    sin = _rounded(_rounded(_polynomial(SIN, z) * z) * x + x)
    plain = octant & 2 == 0
    sin, cos = np.where(plain, sin, cos), np.where(plain, cos, sin)
    return np.where(octant & 4, -sin, sin), np.where((octant - 2) & 4, cos, -cos)
