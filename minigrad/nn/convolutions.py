"""Convolutions and their transposes, of images and of signals, which are images of one line. Their public
place is `nn.functional`."""
from ..engine.autocast import entered, lowered
from ..engine.core import TensorBase
from ..ops import conv
from ..ops import shape_public as s
from ..ops.arguments import need_tensor
from ..ops.node_names import shown_as
from .arguments import need, need_dtype

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]


# What torch says of sizes that are no integers.
REFUSED = {False: "{0}() received an invalid combination of arguments - got (Tensor, Tensor, {1}={2}), but "
                  "expected one of:", True: "{0}(): argument '{1}' must be tuple of ints, not {2}"}


def _each(function, count, name, value):
    """A number, or one for each of `count` directions, as a tuple. Raises torch's errors."""
    if type(value) is int:
        return (value,) * count
    several = isinstance(value, (tuple, list)) and all([isinstance(v, int) for v in value])
    need(several, REFUSED["transpose" in function] + "\nPass a number, or one for each direction.", function,
         name, type(value).__name__, error=TypeError)
    need(len(value) in (1, count), "expected {0} to be a single integer value or a list of {1} values to "
         "match the convolution dimensions, but got {0}={2}\nOne for each direction.", name, count, [*value])
    return tuple(value) * (count // len(value))


def _checked(function, count, input, weight, groups, stride, padding, dilation, extra=0):
    """The input's shape, with a batch, and the sizes as tuples. Raises torch's errors."""
    shape, w = input.array.shape, weight.array.shape
    stride, padding = _each(function, count, "stride", stride), _each(function, count, "padding", padding)
    dilation = _each(function, count, "dilation", dilation)
    extra = _each(function, count, "output_padding", extra)
    need(len(w) > 2, "weight should have at least three dimensions\nKernels are (O, C / groups, ...).")
    need(len(shape) in (count + 1, count + 2), "Expected {}D (unbatched) or {}D (batched) input to {}, but "
         "got input of size: {}\nImages are (N, C, H, W), signals (N, C, L).", count + 1, count + 2, function,
         shape)
    shape = (1, *shape)[-count - 2:]
    need(groups > 0, "non-positive groups is not supported\nUse 1 or more.")
    for name, given in (("padding", padding), ("output_padding", extra)):
        need(min(given) >= 0, "negative {} is not supported\nUse 0 or more.", name)
    need(min(stride) > 0, "non-positive stride is not supported\nUse 1 or more.")
    if len(w) != count + 2:
        need(count == 1, "expected stride to be a single integer value or a list of {} values to match the "
             "convolution dimensions, but got stride={}\nThe weight has 4 dimensions.", len(w) - 2, stride)
        need(False, "Expected {0}-dimensional input for {0}-dimensional weight {1}, but got {2}-dimensional "
             "input of size {3} instead\nThe weight has 3 dimensions.", len(w), w, len(shape), shape)
    need(w[0] >= groups, "Given groups={0}, expected weight to be at least {0} at dimension 0, but got "
         "weight of size {1} instead\nEvery group has a kernel.", groups, w)
    need(not w[0] % groups, "Given groups={0}, expected weight to be divisible by {0} at dimension 0, but "
         "got weight of size [{1}] instead\nEvery group has as many kernels.", groups, w)
    return shape, stride, padding, dilation, extra


def _need_fit(shape, weight, channels, bias, outputs, groups=None):
    """Raises torch's RuntimeErrors where channels or the bias do not fit a weight; no groups: transposed."""
    w, found = weight.array.shape, shape[1]
    if found != channels:
        need(False, "Given {}, weight of size {}, expected input{} to have {} channels, but got {} channels "
             "instead\nThe input's channels are the layer's in_channels.",
             f"groups={groups}" if groups else "transposed=1", w, shape, channels, found)
    need(bias is None or bias.array.shape == (outputs,), "Given {}weight of size {}, expected bias to be "
         "1-dimensional with {} elements, but got bias of size {} instead\nIt has a number for each output "
         "channel.", "" if groups else "transposed=1, ", w, outputs, bias)


def _of_images(function, input, weight):
    """`function(images, kernels)`, for signals and for an input without a batch too."""
    lines, single = weight.array.ndim == 3, input.array.ndim < weight.array.ndim
    if lines:
        input, weight = s.unsqueeze(input, -2), s.unsqueeze(weight, -2)
    z = function(s.unsqueeze(input, 0) if single else input, weight)
    z = s.squeeze(z, 0) if single else z
    return s.squeeze(z, -2) if lines else z


def _pairs(rest, *sizes):
    """Sizes of signals as sizes of images: `rest` for the height."""
    return sizes if len(sizes[0]) == 2 else [(first, *size) for first, size in zip(rest, sizes)]


# Convolution ------------------------------------------------------------------------------------------------

def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of images (N, C, H, W) or (C, H, W) with kernels (O, C / groups, h, w), plus bias
    (O,) (torch.nn.functional.conv2d).

    stride, padding, dilation: a number or one for each direction; padding also "valid" (none) or "same" (the
    size stays). Raises RuntimeError for sizes and dtypes that do not fit.
    """
    return _convolved("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@shown_as("ConvolutionBackward0")
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of signals (N, C, L) or (C, L) with kernels (O, C / groups, k), plus bias (O,)
    (torch.nn.functional.conv1d). Arguments as `conv2d`'s."""
    return _convolved("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def same(kernel, dilation):
    """Padding that keeps the size with stride 1; an odd one has its extra pixel after."""
    total = [d * (k - 1) for d, k in zip(dilation, kernel)]
    return tuple([(t // 2, t - t // 2) for t in total])


def _convolved(name, count, input, weight, bias, stride, padding, dilation, groups):
    need(isinstance(input, TensorBase) and isinstance(weight, TensorBase), "{}() received an invalid "
         "combination of arguments - got ({}, {}), but expected one of:\nInput and weight are Tensors.", name,
         type(input).__name__, type(weight).__name__, error=TypeError)
    if entered[0]:
        input, weight, bias = lowered(input, weight, bias)
    named, w = padding if isinstance(padding, str) else None, weight.array.shape
    shape, stride, padding, dilation, _ = _checked(name, count, input, weight, groups, stride,
                                                   0 if named else padding, dilation)
    if named:
        need(named in ("same", "valid"), "Invalid padding string: '{}'\nUse 'same', 'valid' or numbers.",
             named)
        need(named == "valid" or {*stride} == {1}, "padding='same' is not supported for strided "
             "convolutions\nGive the padding in numbers.")
        padding = same(w[2:], dilation) if named == "same" else padding
    _need_fit(shape, weight, w[1] * groups, bias, w[0], groups)
    padded = [n + (sum(p) if isinstance(p, tuple) else 2 * p) for n, p in zip(shape[2:], padding)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w[2:])]
    if any([n < least for n, least in zip(padded, reach)]):
        need(False, "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be "
             "greater than actual input size\nPad the input, or use a smaller kernel.",
             " x ".join(map(str, padded)), " x ".join(map(str, reach)))
    stride, padding, dilation = _pairs((1, 0, 1), stride, padding, dilation)
    need(min(dilation) > 0, "dilation should be greater than zero, but got {}\nIt counts from 1.", dilation)
    if bias is not None:
        need(bias.array.dtype == input.array.dtype, "Input type ({}) and bias type ({}) should be the same\n"
             "Convert the layer or its input with .to(dtype).", s.c_low(input), s.c_low(bias))
    need_dtype(input, weight)
    geometry = stride, padding, dilation, groups
    return _of_images(lambda x, kernels: conv.conv2d(x, kernels, bias, geometry=geometry), input, weight)


# Transposed -------------------------------------------------------------------------------------------------

@shown_as("ConvolutionBackward0")
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The input gradient of a convolution, as a layer: images (N, C, H, W) or (C, H, W), kernels
    (C, O / groups, h, w), bias (O,) (torch.nn.functional.conv_transpose2d).

    Each input pixel adds its kernel to the output, `stride` apart; `padding` is cut off, `output_padding`
    added below and on the right.
    """
    return _transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups,
                       dilation)


@shown_as("ConvolutionBackward0")
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """As `conv_transpose2d`, for signals (N, C, L) or (C, L) (torch.nn.functional.conv_transpose1d)."""
    return _transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups,
                       dilation)


def _transposed(name, count, input, weight, bias, stride, padding, output_padding, groups, dilation):
    need_tensor(name, input)
    need_tensor(name, weight, "weight", 2)
    if entered[0]:
        input, weight, bias = lowered(input, weight, bias)
    shape, *sizes = _checked(name, count, input, weight, groups, stride, padding, dilation, output_padding)
    inputs, outputs = weight.array.shape[:2]
    _need_fit(shape, weight, inputs, bias, outputs * groups)
    stride, padding, dilation, extra = _pairs((1, 0, 1, 0), *sizes)
    need(min(dilation) > 0, "dilation should be greater than zero, but got dilation_height: {}, "
         "dilation_width: {}\nIt counts from 1.", *dilation)
    for more, apart, spread in zip(extra, stride, dilation):
        need(more < max(apart, spread), "output padding must be smaller than either stride or dilation, but "
             "got output_padding_height: {} output_padding_width: {} stride_height: {} stride_width: {} "
             "dilation_height: {} dilation_width: {}\nMore would be zeros alone.", *extra, *stride, *dilation)
    size, kernel = _pairs((1, 1), shape[2:], weight.array.shape[2:])
    full = [(m - 1) * st - 2 * p + d * (k - 1) + e + 1
            for m, st, p, d, k, e in zip(size, stride, padding, dilation, kernel, extra)]
    need(min(full) > 0, "Given input size per channel: ({} x {}). Calculated output size per channel: ({} x "
         "{}). Output size is too small\nUse less padding.", *size, *full)
    need_dtype(input, weight)
    # As less padding behind it the output padding is undone by every gradient too.
    geometry = stride, tuple([(p, p - e) for p, e in zip(padding, extra)]), dilation, groups

    def images(x, kernels):
        z = conv.conv2d_input_grad(x, kernels, shape=(len(x), outputs * groups, *full), geometry=geometry)
        return z if bias is None else z + s.reshape(bias, (-1, 1, 1))

    return _of_images(images, input, weight)
