"""The NumPy backend: the names that operators' forwards use as `xp`. A second backend offers the same names.

NumPy's own functions stand under their own names; kernels of ours under theirs.
"""
from numpy import (
    abs,
    all,
    any,
    arange,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    argmax,
    argmin,
    array,
    asarray,
    ascontiguousarray,
    broadcast_to,
    ceil,
    clip,
    cos,
    cosh,
    divide,
    empty,
    equal,
    exp,
    exp2,
    expand_dims,
    expm1,
    eye,
    flip,
    floor,
    floor_divide,
    fmod,
    full,
    greater,
    greater_equal,
    hypot,
    indices,
    inf,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    linalg,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    max,
    maximum,
    min,
    minimum,
    moveaxis,
    multiply,
    negative,
    nonzero,
    not_equal,
    ones,
    ones_like,
    reciprocal,
    remainder,
    repeat,
    rint,
    roll,
    sign,
    sin,
    sinh,
    sqrt,
    stack,
    subtract,
    swapaxes,
    take_along_axis,
    tan,
    tanh,
    tril,
    triu,
    trunc,
    zeros,
    zeros_like,
)
from numpy import add as _add

from .attention import attention, attention_backward
from .conv import conv2d, conv2d_input_grad, conv2d_weight_grad
from .copies import concatenate, reshape
from .layout import ChannelsLast, canonical
from .matmul import matmul
from .matrices import matrix_exp, pinv
from .norm import batch_norm, batch_norm_apply, batch_norm_backward, layer_norm, layer_norm_backward
from .pointwise import relu, relu_backward, where
from .pool import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    max_pool2d_gather,
    max_pool2d_positions,
)
from .reduce import (
    cumprod,
    cumsum,
    log_softmax,
    logcumsumexp,
    logsumexp,
    prod,
    running_extreme,
    softmax,
    sum,
)
from .scatter import scatter_add, scatter_at, select_add
from .special import erf, erfc, gelu, gelu_backward
from .steps import adapt, average, average_square
from .windows import windows, windows_sum

add_at = _add.at
# Operators whose forward is one NumPy loop: its own entry spares Python's operator and a call (45 of 300 ns).
UFUNCS = {"add": _add, "sub": subtract, "mul": multiply, "div": divide, "neg": negative, "eq": equal,
          "ne": not_equal, "lt": less, "le": less_equal, "gt": greater, "ge": greater_equal,
          "maximum": maximum, "minimum": minimum, "exp": exp, "log": log, "sqrt": sqrt, "sin": sin,
          "cos": cos, "tanh": tanh, "reciprocal": reciprocal}
