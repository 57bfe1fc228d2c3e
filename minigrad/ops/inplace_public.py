"""In-place methods: each writes what its out-of-place twin computes into the tensor's own memory, and returns
it."""
import numpy as np

from .. import random
from ..engine.core import TensorBase, plain, wrap
from ..engine.inplace import check_cast, check_leaf, inplace
from ..engine.op import REGISTRY
from . import index as i
from . import pointwise as p
from . import public as f
from .arguments import (
    dtype_of,
    fitting,
    is_number,
    need_tensor,
    other_operand,
    refuse,
    refuse_bool,
)
from .index_public import check_scatter

METHODS = {}


def _method(function):
    METHODS[function.__name__] = function
    return function


def _arithmetic(name, tensor, other, ufunc, alpha=1):
    other = other_operand(f"{name}_", other)
    given = other.array.dtype if isinstance(other, TensorBase) else np.dtype(type(other))
    if name == "sub" and np.bool_ in (tensor.array.dtype, given):
        f.sub(tensor, other)                    # raises torch's error
    other = f.scaled(name, tensor, other, alpha)
    write = None
    if tensor.array.dtype.kind == "f" and tensor.array.itemsize > 2:
        def write(array, value):
            ufunc(array, value, out=array)
    return inplace(REGISTRY[name], tensor, other, write=write)


@_method
def add_(self, other, *, alpha=1):
    """`add` written into the tensor (Tensor.add_)."""
    return _arithmetic("add", self, other, np.add, alpha)


@_method
def sub_(self, other, *, alpha=1):
    """`sub` written into the tensor (Tensor.sub_)."""
    return _arithmetic("sub", self, other, np.subtract, alpha)


@_method
def mul_(self, other):
    """`mul` written into the tensor (Tensor.mul_)."""
    return _arithmetic("mul", self, other, np.multiply)


@_method
def div_(self, other, *, rounding_mode=None):
    """`div` written into the tensor (Tensor.div_)."""
    if rounding_mode is not None:
        return inplace(f.rounded_division("div", rounding_mode, self, other), self, other)
    return _arithmetic("div", self, other, np.true_divide)


@_method
def floor_divide_(self, other):
    """`floor_divide` written into the tensor (Tensor.floor_divide_)."""
    return inplace(f.rounded_division("floor_divide", "floor", self, other), self, other)


@_method
def remainder_(self, other):
    """`remainder` written into the tensor (Tensor.remainder_)."""
    return inplace(f.rounded_division("remainder", "remainder", self, other), self, other)


def _pointwise(name):
    made = REGISTRY[name]

    def method(self):
        refuse_bool(name, self)
        return inplace(made, self)
    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"`{name}` written into the tensor (Tensor.{name}_)."
    return _method(method)


for _name in "exp log sqrt rsqrt sin cos tanh erf sigmoid reciprocal abs neg sign relu floor ceil".split():
    _pointwise(_name)


@_method
def round_(self, *, decimals=0):
    """`round` written into the tensor (Tensor.round_)."""
    if decimals:
        return copy_(self, f.round(self, decimals=decimals))
    refuse_bool("round", self)
    return inplace(p.round, self)


@_method
def pow_(self, exponent):
    """`pow` written into the tensor (Tensor.pow_)."""
    if isinstance(exponent, TensorBase):
        return inplace(p.pow, self, exponent)
    if self.array.dtype.kind in "bui":
        if isinstance(exponent, float):
            raise RuntimeError("result type Float can't be cast to the desired output type "
                               f"{dtype_of(self).legacy_name}\n"
                               "Use the out-of-place op, or convert the tensor first.")
        return inplace(p.pow, self, exponent)
    return inplace(p.pow_number, self, exponent=exponent)


@_method
def clamp_(self, min=None, max=None):
    """`clamp` written into the tensor (Tensor.clamp_)."""
    common, made, operands, attrs = f.clamping(self, min, max)
    check_cast(common, self, False)
    return inplace(made, self, *operands, **attrs)


@_method
def masked_fill_(self, mask, value):
    """`masked_fill` written into the tensor (Tensor.masked_fill_)."""
    if isinstance(value, TensorBase):
        value = p.to(value, dtype=self.array.dtype) if value.array.dtype != self.array.dtype else value
    if not (isinstance(mask, TensorBase) and mask.array.dtype == np.bool_):
        f.masked_fill(self, mask, value)        # raises torch's error
    if not isinstance(value, TensorBase):
        value = fitting(value, dtype_of(self))
    return inplace(p.masked_fill, self, mask, value)


@_method
def fill_(self, value):
    """Every element set to `value` (Tensor.fill_)."""
    if isinstance(value, TensorBase):
        if value.array.ndim:
            raise RuntimeError("fill_ only supports 0-dimension value tensor but got tensor with "
                               f"{value.array.ndim} dimensions.\nUse copy_ for larger tensors.")
        if value.array.dtype != self.array.dtype:
            value = p.to(value, dtype=self.array.dtype)
    elif is_number(value):
        value = fitting(value, dtype_of(self))
    else:
        refuse("fill_", value)
    return inplace(p.fill, self, value, write=lambda array, given: array.fill(given))


@_method
def zero_(self):
    """Every element set to 0 (Tensor.zero_)."""
    return fill_(self, 0)


@_method
def copy_(self, other, non_blocking=False):
    """The elements of `other`, broadcast and converted (Tensor.copy_)."""
    need_tensor("copy_", other, "other", 1)
    return inplace(p.copy, self, other, write=lambda array, given: np.copyto(array, given, casting="unsafe"))


@_method
def scatter_add_(self, dim, index, src):
    """`scatter_add` written into the tensor (Tensor.scatter_add_)."""
    dim, src = check_scatter(self, dim, index, src)
    return inplace(i.scatter_add, self, index, src, dim=dim)


# Drawn in place ---------------------------------------------------------------------------------------------

def _draw(name, tensor, sample):
    """Overwrite the tensor with a sample; its history ends there."""
    check_leaf(tensor)
    array = plain(tensor)
    if array.dtype.kind != "f" and name != "random_":
        raise NotImplementedError(f"\"{name}\" not implemented for '{dtype_of(tensor).legacy_name}'\n"
                                  "Draw into a floating point tensor.")
    return copy_(tensor, wrap(sample(array)))


@_method
def uniform_(self, from_=0.0, to=1.0, *, generator=None):
    """Drawn from [from_, to), torch's stream (Tensor.uniform_)."""
    if from_ > to:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={from_:g} > "
                           f"to={to:g}\nSwap them.")
    return _draw("check_uniform_bounds", self,
                 lambda x: random.uniform(generator or random.default_generator, x.shape, x.dtype, from_, to))


@_method
def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Drawn from the normal distribution, torch's stream (Tensor.normal_)."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}\n"
                           "Use a standard deviation of 0 or more.")
    return _draw("normal_kernel_cpu", self,
                 lambda x: random.normal(generator or random.default_generator, x.shape, x.dtype, mean, std))


@_method
def bernoulli_(self, p=0.5, *, generator=None):
    """1 with probability p, else 0, torch's stream (Tensor.bernoulli_)."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}\nUse a probability.")
    return copy_(self,
                 wrap(random.bernoulli(generator or random.default_generator, self.array.shape,
                                       self.array.dtype, p)))


