"""torch's further elementary functions, over their rows (elementary.py) or written in other functions."""
import math

import numpy as np

from .. import dtypes
from ..engine.errors import check_broadcast
from ..engine.op import REGISTRY
from ..engine.promote import as_number, result_type
from ..limits import finfo
from . import elementary as e
from . import pointwise as p
from . import public as f
from .arguments import FLOATS, INTS, as_tensor_like, cast, dtype_of, need_kernel
from .kinds import Bool, Float, Number, Operand, Tensor, is_number
from .public import _formulas, _of_tensors, _unary
from .signature import family, need, refuse, torch_function

_TEXT = "{}, element by element: a Tensor of the shape of `input`. Raises TypeError for other things"
exp2, expm1, log1p, log2, log10, erfc, tan, asin, acos, atan = family(
    _unary, _TEXT, direct=True,
    **_formulas("exp2 expm1 log1p log2 log10 erfc tan asin acos atan"))
sinh, cosh, asinh, acosh, atanh = family(
    _unary, _TEXT, direct=True, **_formulas("sinh cosh asinh acosh atanh"))
arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh


@torch_function
def trunc(input: Tensor, *, out=None):
    """input without its fraction: rounded towards 0 (torch.trunc)."""
    need_kernel("trunc_vml_cpu", input, INTS + FLOATS)
    return e.trunc(input)


@torch_function
def frac(input: Tensor, *, out=None):
    """What trunc takes away (torch.frac)."""
    need_kernel("frac_cpu", input, FLOATS)
    return e.frac(input)


fix = trunc


def _of_floats(name):
    def function(input: Tensor, other: Tensor, *, out=None):
        need_kernel(f"{name}_cpu", result_type(input, other), FLOATS)
        return REGISTRY[name](input, other)
    return function


_TEXT = ("{}, element by element with broadcasting; dtypes meet as torch's do. Raises RuntimeError where "
         "shapes do not broadcast, TypeError for other types")
(atan2,) = family(_of_tensors, _TEXT, **_formulas("atan2"))
hypot, logaddexp = family(_of_floats, _TEXT, **_formulas("hypot logaddexp"))
arctan2 = atan2


@torch_function
def xlogy(input: Operand, other: Operand, *, out=None):
    """input · ln other, 0 where input is 0 unless other is nan, element by element with broadcasting
    (torch.xlogy)."""
    if is_number(input) and is_number(other):
        refuse("xlogy", input, other)
    common = result_type(input, other)
    common = common if common.is_floating_point else dtypes.get_default_dtype()
    return e.xlogy(*[as_tensor_like(x, common) if is_number(x) else x for x in (input, other)])


@torch_function
def fmod(input: Tensor, other: Operand, *, out=None):
    """What trunc(input / other) leaves, with the sign of `input` (torch.fmod)."""
    common = result_type(input, other)
    need_kernel("fmod_cpu", common, INTS + FLOATS)
    need(common.is_floating_point or np.all(getattr(other, "array", other)),
         "ZeroDivisionError\nAn integer is divided by 0.")
    return e.fmod(input, other)


@torch_function
def square(input: Tensor, *, out=None):
    """input · input (torch.square)."""
    return f.pow(input, 2)


@torch_function
def positive(input: Tensor):
    """The tensor itself (torch.positive). Raises RuntimeError for bools."""
    need(dtype_of(input) is not dtypes.bool, "The `+` operator, on a bool tensor is not supported.\n"
         "Convert it to a number type first.")
    return input


@torch_function
def deg2rad(input: Tensor, *, out=None):
    """Degrees to radians (torch.deg2rad)."""
    return input * (math.pi / 180)


@torch_function
def rad2deg(input: Tensor, *, out=None):
    """Radians to degrees (torch.rad2deg)."""
    return input * (180 / math.pi)


@torch_function
def float_power(input: Operand, exponent: Operand, *, out=None):
    """input ** exponent in float64 (torch.float_power)."""
    wide = [v if is_number(v) else cast(v, np.dtype(np.float64)) for v in (input, exponent)]
    return f.pow(*[float(v) if is_number(v) else v for v in wide])


@torch_function
def lerp(input: Tensor, end: Tensor, weight: Operand, *, out=None):
    """input + weight · (end − input), counted from the nearer end (torch.lerp)."""
    for other in (end, weight):
        need(is_number(other) or dtype_of(other) is dtype_of(input), "expected dtype {} for `{}` but got "
             "dtype {}\nConvert it first.", dtype_of(input).legacy_name.lower(),
             "end" if other is end else "weight",
             "" if is_number(other) else dtype_of(other).legacy_name.lower())
    need_kernel(f"lerp_kernel_{'scalar' if is_number(weight) else 'tensor'}", input, FLOATS)
    return e.lerp(input, end, weight)


@torch_function
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1, out=None):
    """input + value · tensor1 · tensor2 (torch.addcmul)."""
    common = result_type(input, tensor1, tensor2)
    need_kernel("addcmul_cpu_out", common, INTS + FLOATS)
    input, tensor1, tensor2 = (cast(x, common.numpy) for x in (input, tensor1, tensor2))
    return input + as_number(value, common) * tensor1 * tensor2


@torch_function
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1, out=None):
    """input + value · tensor1 / tensor2 (torch.addcdiv). Raises RuntimeError for two integer tensors."""
    need(result_type(tensor1, tensor2).is_floating_point, "Integer division with addcdiv is no longer "
         "supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2. "
         "The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / "
         "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float "
         "inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / "
         "tensor2), for all dtypes.\nConvert one to a floating point dtype.")
    common = result_type(input, tensor1, tensor2).numpy
    input, tensor1, tensor2 = (cast(x, common) for x in (input, tensor1, tensor2))
    return input + value * (tensor1 / tensor2)


@torch_function
def logit(input: Tensor, eps: Float = None, *, out=None):
    """ln(x / (1 − x)), of x kept within [eps, 1 − eps] if given (torch.logit)."""
    return e.logit(input, eps=eps)


@torch_function
def nan_to_num(input: Tensor, nan: Float = None, posinf: Float = None, neginf: Float = None, *, out=None):
    """input with nan replaced by 0 and infinities by the largest numbers, or by those given
    (torch.nan_to_num)."""
    if not dtype_of(input).is_floating_point:
        return p.clone(input)
    limits = finfo(dtype_of(input))
    for where, value in ((p.isnan(input), 0.0 if nan is None else nan),
                         (input == math.inf, limits.max if posinf is None else posinf),
                         (input == -math.inf, limits.min if neginf is None else neginf)):
        input = p.masked_fill(input, where, value)
    return input


@torch_function
def isposinf(input: Tensor, *, out=None):
    """Where input is +∞ (torch.isposinf)."""
    return input == math.inf


@torch_function
def isneginf(input: Tensor, *, out=None):
    """Where input is −∞ (torch.isneginf)."""
    return input == -math.inf


@torch_function
def isclose(input: Tensor, other: Tensor, rtol: Float = 1e-05, atol: Float = 1e-08, equal_nan: Bool = False):
    """|input − other| ≤ atol + rtol · |other|, element by element (torch.isclose)."""
    need(dtype_of(input) is dtype_of(other), "{} did not match {}\nConvert one to the other's dtype.",
         input, other)
    need(rtol >= 0, "rtol must be greater than or equal to zero, but got {:g}\nPass 0 or more.", rtol)
    need(atol >= 0, "atol must be greater than or equal to zero, but got {:g}\nPass 0 or more.", atol)
    check_broadcast(input.array.shape, other.array.shape)
    close = p.eq(input, other)
    if equal_nan:
        close = p.logical_or(close, p.logical_and(p.isnan(input), p.isnan(other)))
    if not (rtol or atol):          # exact: no integer is rounded on the way
        return close
    x, y = (cast(v, np.dtype(np.float64)) if dtype_of(v).category < 2 else v for v in (input, other))
    within = p.logical_and(p.isfinite(y), p.le(p.abs(x - y), atol + rtol * p.abs(y)))
    return p.logical_or(close, within)


@torch_function
def allclose(input: Tensor, other: Tensor, rtol: Float = 1e-05, atol: Float = 1e-08, equal_nan: Bool = False):
    """Are all elements close (torch.allclose)? See isclose."""
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


@torch_function
def equal(input: Tensor, other: Tensor):
    """Have two tensors the same shape and elements (torch.equal)?"""
    return input.array.shape == other.array.shape and bool((input.array == other.array).all())


@torch_function
def clamp_min(input: Tensor, min: Operand, *, out=None):
    """input, but at least `min` (torch.clamp_min)."""
    return f.clamp(input, min=min)


@torch_function
def clamp_max(input: Tensor, max: Operand, *, out=None):
    """input, but at most `max` (torch.clamp_max)."""
    return f.clamp(input, max=max)


__all__ = [
    "exp2", "expm1", "log1p", "log2", "log10", "erfc", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh",
    "acosh", "atanh", "trunc", "frac", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "fix",
    "atan2", "arctan2", "hypot", "logaddexp", "xlogy", "fmod", "square", "positive", "deg2rad", "rad2deg",
    "float_power", "lerp", "addcmul", "addcdiv", "logit", "nan_to_num", "isposinf", "isneginf", "isclose",
    "allclose", "equal", "clamp_min", "clamp_max",
]
