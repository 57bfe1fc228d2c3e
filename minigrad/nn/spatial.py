"""Functions over images: convolution, pooling, padding. Their public place is `nn.functional`."""
import numpy as np

from ..backends.arrays import beside
from ..backends.numpy.pool import pooled_size
from ..engine.autocast import entered, lowered, widened
from ..engine.core import TensorBase, wrap
from ..ops import conv, pool
from ..ops import index as i
from ..ops import reduce as r
from ..ops import shape_public as s
from ..ops.arguments import dtype_of, need_tensor
from ..ops.node_names import renamed
from .arguments import need, need_attribute, need_dtype, need_float

__all__ = ["adaptive_avg_pool2d", "avg_pool2d", "conv2d", "max_pool2d", "pad"]
BOTH = "One for the height, one for the width."
# What a size may be, in the words of torch's pools.
FORMS = {"kernel_size": "either be", "stride": "either be omitted,", "padding": "either be",
         "dilation": "be either"}


def _batched(function, input):
    """`function` of (N, C, H, W), for a (C, H, W) too."""
    return function(input) if input.array.ndim == 4 else s.squeeze(function(s.unsqueeze(input, 0)), 0)


def _pair(function, name, value):
    """A number, or one for each direction, as a pair. Raises torch's errors: convolutions have their own."""
    if type(value) is int:
        return value, value
    several, kind = isinstance(value, (tuple, list)), type(value).__name__
    if function == "conv2d":
        need(several and all([isinstance(v, int) for v in value]), "conv2d() received an invalid combination "
             "of arguments - got (Tensor, Tensor, {0}={1}), but expected one of:\n"
             "{0} is an integer or a pair of them.", name, kind, error=TypeError)
        need(len(value) in (1, 2), "expected {0} to be a single integer value or a list of 2 values to match "
             "the convolution dimensions, but got {0}={1}\n" + BOTH, name, value)
    need(several, "{}(): argument '{}' (position {}) must be tuple of ints, not {}\nPass a number or a pair.",
         function, name, 2 + list(FORMS).index(name) if name in FORMS else 0, kind, error=TypeError)
    need(len(value) in (1, 2), "{}: {} must {} a single int, or a tuple of two ints\n" + BOTH,
         function, name, FORMS.get(name))
    return tuple(value) * (2 // len(value))


# Convolution ------------------------------------------------------------------------------------------------

def same(kernel, dilation):
    """Padding that keeps the size with stride 1; an odd one has its extra pixel after."""
    total = [d * (k - 1) for d, k in zip(dilation, kernel)]
    return tuple([(t // 2, t - t // 2) for t in total])


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of images (N, C, H, W) or (C, H, W) with kernels (O, C / groups, h, w), plus bias
    (O,) (torch.nn.functional.conv2d).

    stride, padding, dilation: a number or one for each direction; padding also "valid" (none) or "same" (the
    size stays). Raises RuntimeError for sizes and dtypes that do not fit.
    """
    need(isinstance(input, TensorBase) and isinstance(weight, TensorBase), "conv2d() received an invalid "
         "combination of arguments - got ({}, {}), but expected one of:\nInput and weight are Tensors.",
         type(input).__name__, type(weight).__name__, error=TypeError)
    if entered[0]:
        input, weight, bias = lowered(input, weight, bias)
    x, w = input.array.shape, weight.array.shape
    need(len(x) in (3, 4), "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: "
         "{}\nImages are (N, C, H, W).", [*x])
    stride, dilation = _pair("conv2d", "stride", stride), _pair("conv2d", "dilation", dilation)
    if isinstance(padding, str):
        need(padding in ("same", "valid"), "Invalid padding string: '{}'\nUse 'same', 'valid' or numbers.",
             padding)
        need(padding == "valid" or stride == (1, 1), "padding='same' is not supported for strided "
             "convolutions\nGive the padding in numbers.")
        padding = same(w[2:], dilation) if padding == "same" else (0, 0)
    else:
        padding = _pair("conv2d", "padding", padding)
        need(min(padding) >= 0, "negative padding is not supported\nCut the input instead.")
    _check_conv(input, weight, bias, stride, padding, dilation, groups)
    geometry = stride, padding, dilation, groups
    return _batched(lambda images: conv.conv2d(images, weight, bias, geometry=geometry), input)


def _check_conv(input, weight, bias, stride, padding, dilation, groups):
    x, w = (1, *input.array.shape)[-4:], weight.array.shape
    need(min(stride) > 0 and groups > 0, "non-positive {} is not supported\nUse 1 or more.",
         "groups" if min(stride) > 0 else "stride")
    need(min(dilation) > 0, "dilation should be greater than zero, but got {}\nIt counts from 1.", dilation)
    need(len(w) == 4, "expected stride to be a single integer value or a list of {} values to match the "
         "convolution dimensions, but got stride={}\nThe weight has 4 dimensions.", len(w) - 2, stride)
    need(w[0] >= groups and not w[0] % groups, "Given groups={0}, expected weight to be divisible by {0} at "
         "dimension 0, but got weight of size [{1}] instead\nEvery group has as many kernels.", groups, w)
    need(x[1] == w[1] * groups, "Given groups={}, weight of size {}, expected input{} to have {} channels, "
         "but got {} channels instead\nThe input's channels are the layer's in_channels.",
         groups, w, x, w[1] * groups, x[1])
    need(bias is None or bias.array.shape == w[:1], "Given weight of size {}, expected bias to be "
         "1-dimensional with {} elements, but got bias of size {} instead\nIt has a number per kernel.",
         w, w[0], bias)
    padded = [n + (sum(p) if isinstance(p, tuple) else 2 * p) for n, p in zip(x[2:], padding)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w[2:])]
    need(padded[0] >= reach[0] and padded[1] >= reach[1], "Calculated padded input size per channel: ({} x "
         "{}). Kernel size: ({} x {}). Kernel size can't be greater than actual input size\n"
         "Pad the input, or use a smaller kernel.", *padded, *reach)
    if bias is not None:
        need(bias.array.dtype == input.array.dtype, "Input type ({}) and bias type ({}) should be the same\n"
             "Convert the layer or its input with .to(dtype).", s.c_low(input), s.c_low(bias))
    need_dtype(input, weight)


# Pooling ----------------------------------------------------------------------------------------------------

def _pool_window(function, input, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """(kernel, stride, padding) as pairs. Raises torch's errors."""
    need_tensor(function, input)
    kernel = _pair(function, "kernel_size", kernel_size)
    stride = _pair(function, "stride", stride) if stride or stride == 0 else kernel
    padding = _pair(function, "padding", padding)
    x = input.array.shape
    need(len(x) > 2 or function != "avg_pool2d", "Dimension out of range (expected to be in range of [{}, "
         "{}], but got -3)\nImages are (N, C, H, W) or (C, H, W).", -len(x), len(x) - 1, error=IndexError)
    need(len(x) in (3, 4),
         "non-empty 3D or 4D (batch mode) tensor expected for input\nImages are (N, C, H, W).")
    need(0 not in x[-3:], "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, "
         "but got:{}\nThere are no pixels.", x)
    need(0 not in stride, "stride should not be zero\nIt counts from 1.")
    for what, letter, sides in ("kernel size", "k", kernel), ("dilation", "dilation", dilation):
        need(min(sides) > 0, "{0} should be greater than zero, but got {1}H: {2} {1}W: {3}\nUse 1 or more.",
             what, letter, *sides)
    need(min(padding) >= 0, "pad must be non-negative, but got pad: {}\nCut the input instead.", min(padding))
    for k, p, d in zip(kernel, padding, dilation):
        need(p <= (d * (k - 1) + 1) // 2, "pad should be at most half of effective kernel size, but got "
             "pad={}, kernel_size={} and dilation={}\nA window must touch the image.", p, k, d)
    size = [pooled_size(*side, ceil_mode) for side in zip(x[-2:], kernel, stride, padding, dilation)]
    need(min(size) > 0, "Given input size: ({0}x{1}x{2}). Calculated output size: ({0}x{3}x{4}). Output size "
         "is too small\nPad the input, or use a smaller kernel.", *x[-3:], max(size[0], 0), max(size[1], 0))
    return kernel, stride, padding


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest of each window of images (N, C, H, W) or (C, H, W); the first of equal ones takes the
    gradient (torch.nn.functional.max_pool2d).

    kernel_size, stride (default: the kernel), padding, dilation: a number or one for each direction.
    ceil_mode: windows may begin inside and end outside. return_indices: give (result, int64 positions in each
    channel's flattened image).
    """
    dilation = _pair("max_pool2d", "dilation", dilation)
    window = _pool_window("max_pool2d", input, kernel_size, stride, padding, dilation, ceil_mode)
    window = *window, dilation, ceil_mode
    batched = input if input.array.ndim == 4 else s.unsqueeze(input, 0)
    z, (indices,) = pool.max_pool2d.full(batched, window=window)
    if return_indices:
        positions = pool.max_pool2d_positions(indices, shape=batched.array.shape, window=window)
        return (z, wrap(positions)) if batched is input else (s.squeeze(z, 0), wrap(positions[0]))
    return z if batched is input else s.squeeze(z, 0)


def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
               divisor_override=None):
    """The mean of each window of images (N, C, H, W) or (C, H, W) (torch.nn.functional.avg_pool2d).

    Sizes as for `max_pool2d`. count_include_pad: the padding counts as zeros; divisor_override: what sums are
    divided by.
    """
    window = _pool_window("avg_pool2d", input, kernel_size, stride, padding, ceil_mode=ceil_mode)
    need(divisor_override != 0, "divisor must be not zero\nPass None for the window's size.")
    window = *window, ceil_mode, count_include_pad, divisor_override
    return _batched(lambda images: pool.avg_pool2d(images, window=window), input)


def adaptive_avg_pool2d(input, output_size):
    """Images (N, C, H, W) or (C, H, W) averaged to `output_size`, a number or a pair, None for the input's
    own (torch.nn.functional.adaptive_avg_pool2d)."""
    need_attribute(input, "size")
    x = input.array.shape
    size = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    need(len(size) == 2, "adaptive_avg_pool2d: output_size must be 2\n" + BOTH)
    need(len(x) in (3, 4), "adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got {}\n"
         "Images are (N, C, H, W).", x)
    size = tuple([n if wanted is None else wanted for n, wanted in zip(x[-2:], size)])
    need(dtype_of(input).is_floating_point or size != (1, 1), "mean(): could not infer output dtype. Input "
         "dtype must be either a floating point or complex dtype. Got: {}\nConvert it first.",
         dtype_of(input).legacy_name)
    need_float("adaptive_avg_pool2d", input)
    need(min(size) >= 0, "adaptive_avg_pool2d: elements of output_size must be greater than or equal to 0 "
         "but received {{{}, {}}}\nSizes are not negative.", *size)
    if size == (1, 1):
        return r.mean(input, dim=(len(x) - 2, len(x) - 1), keepdim=True)
    for dim, n in [*enumerate(x)][-3 + (len(x) == 3):]:
        need(n, "adaptive_avg_pool2d(): Expected input to have non-zero size for non-batch dimensions, but "
             "input has sizes {} with dimension {} being empty\nThere is nothing to average.", x, dim)
    if all(wanted and n % wanted == 0 for n, wanted in zip(x[-2:], size)):  # bins of one size are windows
        return avg_pool2d(input, tuple([n // wanted for n, wanted in zip(x[-2:], size)]))
    return pool.adaptive_avg_pool2d(input, size=size)


# Padding ----------------------------------------------------------------------------------------------------

def pad(input, pad, mode="constant", value=None):
    """The last dimensions lengthened by pairs (before, after), the last dimension's pair first
    (torch.nn.functional.pad).

    mode "constant": by `value` (0); negative numbers cut. "reflect", "replicate" and "circular" continue the
    image, for the dimensions beyond the first two (or one).
    """
    need_tensor("pad", input)
    shape, pairs = input.array.shape, list(zip(pad[::2], pad[1::2]))
    need(len(pad) % 2 == 0, "Padding length must be divisible by 2\nGive (before, after) pairs.")
    need(len(pairs) <= len(shape), "Padding length should be less than or equal to two times the input "
         "dimension but got padding length {} and input of dimension {}\nGive a pair per dimension.",
         len(pad), len(shape))
    need(mode in ("constant", "reflect", "replicate", "circular"), "Unrecognised padding mode {}\n"
         "Use constant, reflect, replicate or circular.", mode, error=NotImplementedError)
    if mode == "constant":
        return renamed(_pad_constant(input, pairs, value), "ConstantPadNdBackward0")
    need(value is None, 'Padding mode "{}" doesn\'t take in value argument\nLeave it out.', mode)
    need(len(shape) - len(pairs) in (1, 2), "Padding size {} is not supported for {}D input tensor.\n"
         "Pad all but the batch and the channels.", len(pad), len(shape), error=NotImplementedError)
    return (_continued if mode == "circular" else widened(_continued))(input, pairs, mode)


def _continued(input, pairs, mode):
    shape = input.array.shape
    for k, (before, after) in enumerate(pairs):
        dim = len(shape) - 1 - k
        size = shape[dim]
        need(mode != "reflect" or max(before, after) < size, "Argument #{}: Padding size should be less than "
             "the corresponding input dimension, but got: padding ({}, {}) at dimension {} of input {}\n"
             "The edge itself is not repeated.", 4 + 2 * k, before, after, dim, shape)
        need(mode != "circular" or max(before, after) <= size,
             "Padding value causes wrapping around more than once.\nPad by at most the size.")
        place = np.arange(-before, size + after)
        if mode == "reflect":
            place = size - 1 - abs(size - 1 - abs(place))
        elif mode == "circular":                # around what negative numbers leave
            start, stop = max(0, -before), size - max(0, -after)
            place = (place - start) % max(stop - start, 1) + start
        place = np.clip(place, 0, size - 1)
        input = i.index_select(input, wrap(beside(place, input.array)), dim=dim)
    return input


def _pad_constant(input, pairs, value):
    pairs = [(0, 0)] * (input.array.ndim - len(pairs)) + pairs[::-1]
    cut = tuple([slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(input.array.shape, pairs)])
    kept = i.take(input, slices=cut)
    shape = tuple([n + max(0, a) + max(0, b) for n, (a, b) in zip(kept.array.shape, pairs)])
    inside = tuple([slice(max(0, a), max(0, a) + n) for n, (a, b) in zip(kept.array.shape, pairs)])
    out = i.put(kept, shape=shape, slices=inside)
    if not value:
        return out
    frame = np.full(shape, value, input.array.dtype)
    frame[inside] = 0
    return out + wrap(beside(frame, input.array))

