"""The CuPy backend: the names of `backends.numpy` on an NVIDIA GPU, in plain CuPy.

CuPy's own functions stand under their own names; kernels of ours, written as array expressions, under theirs.
None of them waits for the GPU. Needs CuPy 13.6 or later.
"""
from cupy import (
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
    concatenate,
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
    from_dlpack,
    full,
    greater,
    greater_equal,
    hypot,
    inf,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
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
    ndarray,
    negative,
    nonzero,
    not_equal,
    ones,
    ones_like,
    reciprocal,
    remainder,
    repeat,
    reshape,
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
    trunc,
    zeros,
    zeros_like,
)
from cupy.cuda import Event, Stream
from cupy.cuda import get_current_stream as current_stream
from cupy.cuda import get_elapsed_time as elapsed_time

from ..arrays import TYPES
from ..numpy.steps import adapt, average, average_square
from . import linalg, memory
from .attention import attention, attention_backward
from .conv import conv2d, conv2d_input_grad, conv2d_weight_grad
from .generator import CudaGenerator, gpu_generator
from .linalg import matrix_exp, pinv
from .memory import device_count, expect_none, is_available, properties, read, synchronize
from .norm import batch_norm, batch_norm_apply, batch_norm_backward, layer_norm, layer_norm_backward
from .pointwise import (
    clip,
    erf,
    erfc,
    gelu,
    gelu_backward,
    relu,
    relu_backward,
    tril,
    triu,
    where,
)
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
    matmul,
    prod,
    running_extreme,
    softmax,
    sum,
)
from .scatter import add_at, indices, scatter_add, scatter_at, select_add
from .windows import windows, windows_sum

TYPES.add(ndarray)
