"""In-place methods: each writes what its out-of-place twin computes into the tensor's own memory, and returns
it."""
import functools

import numpy as np

from .. import random
from ..engine.core import TensorBase, plain, wrap
from ..engine.inplace import check_cast, check_leaf, inplace
from ..engine.op import REGISTRY
from . import elementary_public as ep
from . import index as i
from . import pick_public as pk
from . import pointwise as p
from . import product_public as pp
from . import public as f
from . import shape_public as s
from . import sort_public as so
from .arguments import cast, dtype_of, fitting, refuse_bool
from .index_public import check_scatter
from .signature import Bool, Float, Int, Number, Operand, Tensor, as_method, is_number, need, torch_method

METHODS = {}


def _method(function):
    made = METHODS[function.__name__] = torch_method(function)
    return made


def _arithmetic(name, tensor, other, ufunc, alpha=1):
    other = f.scaled(tensor, other, alpha)
    write = None
    if tensor.array.dtype.kind == "f" and tensor.array.itemsize > 2:
        def write(array, value):
            ufunc(array, value, out=array)
    return inplace(REGISTRY[name], tensor, other, write=write)


@_method
def add_(self, other: Operand, *, alpha: Number = 1):
    """`add` written into the tensor (Tensor.add_)."""
    return _arithmetic("add", self, other, np.add, alpha)


@_method
def sub_(self, other: Operand, *, alpha: Number = 1):
    """`sub` written into the tensor (Tensor.sub_)."""
    f.check_subtraction(self, other)
    return _arithmetic("sub", self, other, np.subtract, alpha)


@_method
def mul_(self, other: Operand):
    """`mul` written into the tensor (Tensor.mul_)."""
    return _arithmetic("mul", self, other, np.multiply)


@_method
def div_(self, other: Operand, *, rounding_mode=None):
    """`div` written into the tensor (Tensor.div_)."""
    if rounding_mode is not None:
        return inplace(f.rounded_division("div", rounding_mode, self, other), self, other)
    return _arithmetic("div", self, other, np.true_divide)


@_method
def floor_divide_(self, other: Operand):
    """`floor_divide` written into the tensor (Tensor.floor_divide_)."""
    return inplace(f.rounded_division("floor_divide", "floor", self, other), self, other)


@_method
def remainder_(self, other: Operand):
    """`remainder` written into the tensor (Tensor.remainder_)."""
    return inplace(f.rounded_division("remainder", "remainder", self, other), self, other)


def _pointwise(name):
    def method(self):
        refuse_bool(name, self)
        return inplace(REGISTRY[name], self)
    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"`{name}` written into the tensor (Tensor.{name}_)."
    METHODS[method.__name__] = method


for _name in """exp log sqrt rsqrt sin cos tanh erf sigmoid reciprocal abs neg sign relu floor ceil exp2 expm1
        log1p log2 log10 erfc tan asin acos atan sinh cosh asinh acosh atanh trunc frac""".split():
    _pointwise(_name)


@_method
def round_(self, *, decimals: Int = 0):
    """`round` written into the tensor (Tensor.round_)."""
    refuse_bool("round", self)
    return copy_(self, f.round(self, decimals=decimals)) if decimals else inplace(p.round, self)


@_method
def pow_(self, exponent: Operand):
    """`pow` written into the tensor (Tensor.pow_)."""
    if isinstance(exponent, TensorBase) or self.array.dtype.kind in "bui":
        need(not isinstance(exponent, float), "result type Float can't be cast to the desired output type "
             "{}\nUse the out-of-place op, or convert the tensor first.", dtype_of(self).legacy_name)
        return inplace(p.pow, self, exponent)
    return inplace(p.pow_number, self, exponent=exponent)


@_method
def clamp_(self, min: Operand = None, max: Operand = None):
    """`clamp` written into the tensor (Tensor.clamp_)."""
    common, made, operands, attrs = f.clamping(self, min, max)
    check_cast(common, self, False)
    return inplace(made, self, *operands, **attrs)


@_method
def masked_fill_(self, mask: Tensor, value: Operand):
    """`masked_fill` written into the tensor (Tensor.masked_fill_)."""
    return inplace(p.masked_fill, self, mask, f.filling(self, mask, value))


@_method
def fill_(self, value: Operand):
    """Every element set to `value` (Tensor.fill_)."""
    if is_number(value):
        value = fitting(value, dtype_of(self))
    else:
        need(not value.array.ndim, "fill_ only supports 0-dimension value tensor but got tensor with {} "
             "dimensions.\nUse copy_ for larger tensors.", value.array.ndim)
        value = cast(value, self.array.dtype)
    return inplace(p.fill, self, value, write=lambda array, given: array.fill(given))


@_method
def zero_(self):
    """Every element set to 0 (Tensor.zero_)."""
    return fill_(self, 0)


@_method
def copy_(self, other: Tensor, non_blocking: Bool = False):
    """The elements of `other`, broadcast and converted (Tensor.copy_)."""
    return inplace(p.copy, self, other, write=lambda array, given: np.copyto(array, given, casting="unsafe"))


@_method
def scatter_add_(self, dim: Int, index: Tensor, src: Tensor):
    """`scatter_add` written into the tensor (Tensor.scatter_add_)."""
    dim, src = check_scatter(self, dim, index, src)
    return inplace(i.scatter_add, self, index, src, dim=dim)


def _by_copy(function):
    """What is made of several operations is computed, then written."""
    compute, name = as_method(function), f"{function.__name__}_"

    @functools.wraps(function)
    def method(self, *args, **named):
        check_leaf(self)
        result = compute(self, *args, **named)
        check_cast(result.dtype, self, False)
        return copy_(self, result)
    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{function.__name__}` written into the tensor (Tensor.{name})."
    METHODS[name] = method


for _function in (ep.square, ep.lerp, ep.addcmul, ep.addcdiv, ep.logit, ep.nan_to_num, ep.clamp_min,
                  ep.clamp_max, ep.atan2, ep.hypot, ep.xlogy, ep.fmod, ep.deg2rad, ep.rad2deg, so.cumsum,
                  so.cumprod, pk.scatter, pk.index_add, pk.index_fill, pk.index_copy, s.tril, s.triu, f.eq,
                  f.ne, f.lt, f.le, f.gt, f.ge, f.logical_and, f.logical_or, f.logical_not, f.logical_xor,
                  pp.addmm, pp.addmv, pp.baddbmm):
    _by_copy(_function)


# Drawn in place ---------------------------------------------------------------------------------------------

def _draw(tensor, sample, *settings, generator):
    """Overwrite the tensor with a sample, laid out in its memory's order as torch draws it; its history ends
    there."""
    check_leaf(tensor)
    array = plain(tensor)
    draws = sample(generator or random.default_generator, array.shape, array.dtype, *settings)
    return copy_(tensor, wrap(random.in_memory_order(draws, array.shape, array.strides)))


@_method
def uniform_(self, from_: Float = 0.0, to: Float = 1.0, *, generator=None):
    """Drawn from [from_, to), torch's stream (Tensor.uniform_)."""
    return _draw(self, random.uniform, from_, to, generator=generator)


@_method
def normal_(self, mean: Float = 0.0, std: Float = 1.0, *, generator=None):
    """Drawn from the normal distribution, torch's stream (Tensor.normal_)."""
    dense = plain(self).flags.c_contiguous
    return _draw(self, random.normal, mean, std, dense, generator=generator)


@_method
def exponential_(self, lambd: Float = 1.0, *, generator=None):
    """Waiting times at rate `lambd`, torch's stream (Tensor.exponential_)."""
    return _draw(self, random.exponential, lambd, generator=generator)


@_method
def bernoulli_(self, p: Operand = 0.5, *, generator=None):
    """1 with probability p, a number or a tensor that broadcasts, else 0, torch's stream (Tensor.bernoulli_).
    """
    if is_number(p):
        return _draw(self, random.bernoulli, p, generator=generator)
    check_leaf(self)
    array, odds = plain(self), plain(s.expand(p, self.array.shape))
    generator = generator or random.default_generator
    return copy_(self, wrap(random.bernoulli_tensor(generator, odds, array.dtype, array.strides)))
