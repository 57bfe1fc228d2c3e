"""In-place methods: each writes what its out-of-place twin computes into the tensor's own memory, and returns
it."""
import functools

import numpy as np

from .. import random
from ..backends.arrays import place_of
from ..engine.core import TensorBase, mode, plain, wrap
from ..engine.inplace import become_view, check_cast, check_leaf, inplace
from ..engine.op import REGISTRY
from . import arrange_public as ap
from . import elementary_public as ep
from . import index as i
from . import pick_public as pk
from . import pointwise as p
from . import product_public as pp
from . import public as f
from . import shape_public as s
from . import sort_public as so
from .arguments import FLOATS, cast, dtype_of, fitting, need_kernel, need_tensor, refuse_bool
from .index_public import check_scatter, setitem
from .kinds import Bool, Float, Int, Number, Operand, Tensor, Tensors, is_number
from .signature import as_method, need, torch_method

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
def add_(input, other: Operand, *, alpha: Number = 1):
    """`add` written into the tensor (Tensor.add_)."""
    return _arithmetic("add", input, other, np.add, alpha)


@_method
def sub_(input, other: Operand, *, alpha: Number = 1):
    """`sub` written into the tensor (Tensor.sub_)."""
    check_leaf(input)
    f.check_subtraction(input, other)
    return _arithmetic("sub", input, other, np.subtract, alpha)


@_method
def mul_(input, other: Operand):
    """`mul` written into the tensor (Tensor.mul_)."""
    return _arithmetic("mul", input, other, np.multiply)


@_method
def div_(input, other: Operand, *, rounding_mode=None):
    """`div` written into the tensor (Tensor.div_)."""
    if rounding_mode is not None:
        check_leaf(input)
        return inplace(f.rounded_division("div", rounding_mode, input, other), input, other)
    return _arithmetic("div", input, other, np.true_divide)


@_method
def true_divide_(input, other: Operand):
    """`div` written into the tensor (Tensor.true_divide_)."""
    return _arithmetic("div", input, other, np.true_divide)


@_method
def floor_divide_(input, other: Operand):
    """`floor_divide` written into the tensor (Tensor.floor_divide_)."""
    check_leaf(input)
    return inplace(f.rounded_division("floor_divide", "//", input, other), input, other)


@_method
def remainder_(input, other: Operand):
    """`remainder` written into the tensor (Tensor.remainder_)."""
    check_leaf(input)
    return inplace(f.rounded_division("remainder", "remainder", input, other), input, other)


def _pointwise(name):
    def method(input):
        refuse_bool(name, input)
        if name == "frac":
            need_kernel("frac_cpu", input, FLOATS)
        return inplace(REGISTRY[name], input)
    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"`{name}` written into the tensor (Tensor.{name}_)."
    METHODS[method.__name__] = method


for _name in """exp log sqrt rsqrt sin cos tanh erf sigmoid reciprocal abs neg sign relu floor ceil exp2 expm1
        log1p log2 log10 erfc tan asin acos atan sinh cosh asinh acosh atanh trunc frac""".split():
    _pointwise(_name)


@_method
def round_(input, *, decimals: Int = 0):
    """`round` written into the tensor (Tensor.round_)."""
    refuse_bool("round", input)
    return copy_(input, f.round(input, decimals=decimals)) if decimals else inplace(p.round, input)


@_method
def pow_(input, exponent: Operand):
    """`pow` written into the tensor (Tensor.pow_)."""
    if isinstance(exponent, TensorBase) or input.array.dtype.kind in "bui":
        need(not isinstance(exponent, float), "result type Float can't be cast to the desired output type "
             "{}\nUse the out-of-place op, or convert the tensor first.", input)
        return inplace(p.pow, input, exponent)
    return inplace(p.pow_number, input, exponent=exponent)


@_method
def float_power_(input, exponent: Operand):
    """`float_power` written into the tensor, of float64 (Tensor.float_power_)."""
    need(input.array.dtype == np.float64, "the base given to float_power_ has dtype {} but the operation's "
         "result requires dtype Double\nConvert it with .double().", input)
    return pow_(input, exponent)


@_method
def clamp_(input, min: Operand = None, max: Operand = None):
    """`clamp` written into the tensor (Tensor.clamp_)."""
    check_leaf(input)
    common, made, operands, attrs = f.clamping(input, min, max)
    check_cast(common, input, False)
    return inplace(made, input, *operands, **attrs)


@_method
def masked_fill_(input, mask: Tensor, value: Operand):
    """`masked_fill` written into the tensor (Tensor.masked_fill_)."""
    check_leaf(input)
    return inplace(p.masked_fill, input, mask, f.filling(input, mask, value))


@_method
def fill_(input, value: Operand):
    """Every element set to `value` (Tensor.fill_)."""
    check_leaf(input)
    if is_number(value):
        value = fitting(value, dtype_of(input))
    else:
        need(not value.array.ndim, "fill_ only supports 0-dimension value tensor but got tensor with {} "
             "dimensions.\nUse copy_ for larger tensors.", value.array.ndim)
        value = cast(value, input.array.dtype)
    return inplace(p.fill, input, value, write=lambda array, given: array.fill(given))


@_method
def zero_(input):
    """Every element set to 0 (Tensor.zero_)."""
    return fill_(input, 0)


@_method
def copy_(input, other: Operand, non_blocking: Bool = False):
    """The elements of `other`, broadcast and converted (Tensor.copy_)."""
    other = wrap(np.asarray(other)) if is_number(other) else other
    if place_of(other.array) != place_of(input.array):
        other = p.to(other, dtype=other.array.dtype, place=place_of(input.array))
    return inplace(p.copy, input, other, write=lambda array, given: np.copyto(array, given, casting="unsafe"))


@_method
def scatter_add_(input, dim: Int, index: Tensor, src: Tensor):
    """`scatter_add` written into the tensor (Tensor.scatter_add_)."""
    check_leaf(input)
    dim, src = check_scatter(input, dim, index, src)
    if not index.array.ndim:
        index, src = (s.reshape(x, (1,)) for x in (index, src))
    return inplace(i.scatter_add, input, index, src, dim=dim)


@_method
def index_put_(input, indices: Tensors, values: Tensor, accumulate: Bool = False):
    """`index_put` written into the tensor (Tensor.index_put_)."""
    check_leaf(input)
    if accumulate:
        return copy_(input, pk.index_put(input, indices, values, True))
    pk.placing(input, indices, values)
    setitem(input, tuple(indices), values)
    return input


@_method
def masked_scatter_(input, mask: Tensor, source: Tensor):
    """`masked_scatter` written into the tensor (Tensor.masked_scatter_)."""
    check_leaf(input)
    return copy_(input, pk.masked_scatter(input, s.expand(mask, input.array.shape), source))


def _by_copy(function):
    """What is made of several operations is computed, then written."""
    compute, name = as_method(function), f"{function.__name__}_"

    @functools.wraps(function)
    def method(input, *args, **named):
        check_leaf(input)
        others = [*args, *named.values()]
        needs = mode.on and any([isinstance(v, TensorBase) and v.requires_grad for v in (input, *others)])
        # What rules keep must not be what is written over.
        result = compute(p.clone(input) if needs else input, *args, **named)
        check_cast(result.dtype, input, False)
        return copy_(input, result)
    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{function.__name__}` written into the tensor (Tensor.{name})."
    METHODS[name] = method


for _function in (ep.square, ep.lerp, ep.addcmul, ep.addcdiv, ep.logit, ep.nan_to_num, ep.clamp_min,
                  ep.clamp_max, ep.atan2, ep.hypot, ep.xlogy, ep.fmod, ep.deg2rad, ep.rad2deg, so.cumsum,
                  so.cumprod, pk.scatter, pk.index_add, pk.index_fill, pk.index_copy, s.tril, s.triu, f.eq,
                  f.ne, f.lt, f.le, f.gt, f.ge, f.logical_and, f.logical_or, f.logical_not, f.logical_xor,
                  pp.addmm, pp.addmv, pp.baddbmm, pp.addbmm, pp.addr, pk.scatter_reduce, pk.index_reduce,
                  pk.put, f.bitwise_and, f.bitwise_or, f.bitwise_xor, f.bitwise_not,
                  f.bitwise_left_shift, f.bitwise_right_shift):
    _by_copy(_function)
_SAME = """absolute:abs negative:neg clip:clamp divide:div multiply:mul subtract:sub fix:trunc
    not_equal:ne less:lt less_equal:le greater:gt greater_equal:ge arcsin:asin arccos:acos arctan:atan
    arcsinh:asinh arccosh:acosh arctanh:atanh arctan2:atan2"""
for _pair in _SAME.split():
    _name, _, _same = _pair.partition(":")
    METHODS[f"{_name}_"] = METHODS[f"{_same}_"]


# Shapes changed in place ------------------------------------------------------------------------------------

def _reshaped(function):
    """The tensor itself becomes the view that `function` gives; its memory stays."""
    compute, name = as_method(function), f"{function.__name__}_"

    @functools.wraps(function)
    def method(input, *args, **named):
        return become_view(input, lambda source: compute(source, *args, **named))
    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor itself made what `{function.__name__}` gives (Tensor.{name})."
    METHODS[name] = method


for _function in (s.unsqueeze, s.squeeze, s.t, s.transpose, ap.swapaxes, ap.swapdims):
    _reshaped(_function)


# Drawn in place ---------------------------------------------------------------------------------------------

def _draw(tensor, sample, *settings, generator):
    """Overwrite the tensor with a sample, laid out in its memory's order as torch draws it; its history ends
    there."""
    check_leaf(tensor)
    array = plain(tensor)
    draws = sample(random.stream(generator, place_of(array)), array.shape, array.dtype, *settings)
    return copy_(tensor, wrap(random.in_memory_order(draws, array.shape, array.strides)))


@_method
def uniform_(input, from_: Float = 0.0, to: Float = 1.0, *, generator=None):
    """Drawn from [from_, to), torch's stream (Tensor.uniform_)."""
    return _draw(input, random.uniform, from_, to, generator=generator)


@_method
def normal_(input, mean: Float = 0.0, std: Float = 1.0, *, generator=None):
    """Drawn from the normal distribution, torch's stream (Tensor.normal_)."""
    dense = plain(input).flags.c_contiguous
    return _draw(input, random.normal, mean, std, dense, generator=generator)


@_method
def exponential_(input, lambd: Float = 1.0, *, generator=None):
    """Waiting times at rate `lambd`, torch's stream (Tensor.exponential_)."""
    return _draw(input, random.exponential, lambd, generator=generator)


@_method
def bernoulli_(input, p: Operand = 0.5, *, generator=None):
    """1 with probability p, a number or a tensor that broadcasts, else 0, torch's stream (Tensor.bernoulli_).
    """
    if is_number(p):
        return _draw(input, random.bernoulli, p, generator=generator)
    check_leaf(input)
    array, odds = plain(input), plain(s.expand(p, input.array.shape))
    generator = random.stream(generator, place_of(array))
    return copy_(input, wrap(random.bernoulli_tensor(generator, odds, array.dtype, array.strides)))


# At the top -------------------------------------------------------------------------------------------------

def _at_top(name):
    method = METHODS[name]

    @functools.wraps(method)
    def function(input, *args, **named):
        return method(need_tensor(name, input), *args, **named)
    return function


TOP = {name: _at_top(name) for name in """
    abs_ acos_ acosh_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asin_ asinh_ atan_ atanh_ ceil_
    clamp_ clamp_max_ clamp_min_ clip_ cos_ cosh_ deg2rad_ erf_ erfc_ exp2_ exp_ expm1_ fill_ fix_ floor_
    frac_ index_put_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ relu_
    round_ rsqrt_ sigmoid_ sin_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ xlogy_ zero_""".split()}
