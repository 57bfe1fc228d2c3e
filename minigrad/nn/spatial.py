"""Functions over images: pooling and padding. Their public place is `nn.functional`."""
import numpy as np

from ..backends.arrays import beside
from ..backends.numpy.pool import pooled_size
from ..engine.autocast import widened
from ..engine.core import wrap
from ..ops import index as i
from ..ops import pool
from ..ops import reduce as r
from ..ops import shape_public as s
from ..ops.arguments import dtype_of, need_kernel, need_tensor
from ..ops.kinds import Float, Sizes, need_kind
from ..ops.node_names import renamed
from .arguments import need, need_attribute, need_float

__all__ = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "local_response_norm",
           "max_pool1d", "max_pool2d", "pad"]
BOTH = "One for the height, one for the width."
# What a size may be, in the words of torch's pools.
FORMS = {"kernel_size": "either be", "stride": "either be omitted,", "padding": "either be",
         "dilation": "be either"}


def _batched(function, input):
    """`function` of (N, C, H, W), for a (C, H, W) too."""
    return function(input) if input.array.ndim == 4 else s.squeeze(function(s.unsqueeze(input, 0)), 0)


def _pair(function, name, value):
    """A number, or one for each direction, as a pair. Raises the errors of torch's pools."""
    if type(value) is int:
        return value, value
    several, kind = isinstance(value, (tuple, list)), type(value).__name__
    need(several, "{}(): argument '{}' (position {}) must be tuple of ints, not {}\nPass a number or a pair.",
         function, name, 2 + list(FORMS).index(name) if name in FORMS else 0, kind, error=TypeError)
    need(len(value) in (1, 2), "{}: {} must {} a single int, or a tuple of two ints\n" + BOTH,
         function, name, FORMS.get(name))
    return tuple(value) * (2 // len(value))


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


# Pooling of signals -----------------------------------------------------------------------------------------

def lined(function, input):
    """Signals as images of one line. Raises torch's RuntimeError for other dimensions."""
    need_tensor(function, input)
    said = "Expected 2 to 3 dimensions, but got {0}-dimensional tensor for argument #1 'self' (while " \
        "checking arguments for {1})\nSignals are (N, C, L)."
    if function == "max_pool1d":
        said = "{1}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but " \
            "got:{2}\nSignals are (N, C, L)."
    need(input.array.ndim in (2, 3), said, input.array.ndim, function, input)
    return s.unsqueeze(input, -2)


def lone(function, **sizes):
    """The numbers for signals, each one given or in a tuple. Raises torch's errors."""
    made = []
    for position, (name, value) in enumerate(sizes.items(), 2):
        value = need_kind(Sizes, function, (value,) if hasattr(value, "__index__") else value, name, position)
        said = "{}() argument '{}' should contain one int (got {})\nSignals have one direction."
        if function == "max_pool1d":
            said = "{}() {} must be " + "None, " * (name == "stride") + "an int, list of ints" + \
                "," * (name in ("stride", "padding")) + " or tuple of ints of size 1 but got size {}\n" \
                "Signals have one direction."
        need(len(value) == 1, said, function, name, len(value))
        made += value
    return made


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest of each window of signals (N, C, L) or (C, L) (torch.nn.functional.max_pool1d); arguments
    as `max_pool2d`'s."""
    need_tensor("max_pool1d", input)
    need_float("max_pool1d_impl", input)
    kernel, stride, padding, dilation = lone("max_pool1d", kernel_size=kernel_size,
                                             stride=kernel_size if stride is None else stride,
                                             padding=padding, dilation=dilation)
    found = max_pool2d(lined("max_pool1d", input), (1, kernel), (1, stride), (0, padding), (1, dilation),
                       ceil_mode, return_indices)
    return tuple([s.squeeze(part, -2) for part in found]) if return_indices else s.squeeze(found, -2)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of signals (N, C, L) or (C, L) (torch.nn.functional.avg_pool1d)."""
    lines = lined("avg_pool1d", input)
    kernel, stride, padding = lone("avg_pool1d", kernel_size=kernel_size,
                                   stride=kernel_size if stride is None else stride, padding=padding)
    return s.squeeze(avg_pool2d(lines, (1, kernel), (1, stride), (0, padding), ceil_mode,
                                count_include_pad), -2)


def adaptive_avg_pool1d(input, output_size):
    """Signals (N, C, L) or (C, L) averaged to `output_size` places
    (torch.nn.functional.adaptive_avg_pool1d)."""
    lines = lined("adaptive_avg_pool1d", input)
    size = lone("adaptive_avg_pool1d", output_size=output_size)
    return s.squeeze(adaptive_avg_pool2d(lines, (1, *size)), -2)


# Padding ----------------------------------------------------------------------------------------------------

def pad(input, pad, mode="constant", value=None):
    """The last dimensions lengthened by pairs (before, after), the last dimension's pair first
    (torch.nn.functional.pad).

    mode "constant": by `value` (0); negative numbers cut. "reflect", "replicate" and "circular" continue the
    image, for the dimensions beyond the first two (or one).
    """
    need_tensor("pad", input)
    pad = need_kind(Sizes, "pad", pad, "pad", 2)
    need(isinstance(mode, str), "pad(): argument 'mode' (position 3) must be str, not {}\nPass a name.",
         type(mode).__name__, error=TypeError)
    value = None if value is None else need_kind(Float, "pad", value, "value", 4)
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
    shape, count = input.array.shape, len(pairs) + 1
    need(mode == "circular" or 0 not in shape[-count:], "Expected {}D or {}D (batch mode) tensor with "
         "possibly 0 batch size and other non-zero dimensions for input, but got: {}\n"
         "There is nothing to continue.", count, count + 1, shape)
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
    need(all([part.start <= part.stop for part in cut]), "narrow(): length must be non-negative.\n"
         "Cut less than there is.")
    kept = i.take(input, slices=cut)
    shape = tuple([n + max(0, a) + max(0, b) for n, (a, b) in zip(kept.array.shape, pairs)])
    inside = tuple([slice(max(0, a), max(0, a) + n) for n, (a, b) in zip(kept.array.shape, pairs)])
    out = i.put(kept, shape=shape, slices=inside)
    if not value:
        return out
    frame = np.full(shape, value, input.array.dtype)
    frame[inside] = 0
    return out + wrap(beside(frame, input.array))


def local_response_norm(input, size, alpha=0.0001, beta=0.75, k=1.0):
    """input / (k + α · mean of the squares of `size` neighbouring channels)ᵝ; Krizhevsky et al. 2012
    (torch.nn.functional.local_response_norm). input: (N, C, ...)."""
    need_attribute(input, "dim")
    shape = input.array.shape
    need(len(shape) > 2, "Expected 3D or higher dimensionality                          input (got {} "
         "dimensions)\nThe input is (N, C, ...).", len(shape), error=ValueError)
    if not input.array.size:
        return input
    if len(shape) > 3:
        need_kernel("avg_pool3d_out_frame", input, "fd")
    squares = s.reshape(input * input, (shape[0], 1, shape[1], -1))
    mean = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), 1)
    return input / (s.reshape(mean, shape) * alpha + k) ** beta
