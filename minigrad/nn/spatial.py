"""Functions over images: convolution, pooling, padding. Their public place is `nn.functional`."""
import numpy as np

from ..backends.numpy.pool import pooled_size
from ..engine.core import wrap
from ..ops import conv, pool
from ..ops import index as i
from ..ops import reduce as r
from ..ops import shape_public as s
from ..ops.arguments import dtype_of, need_tensor
from ..tensor import Tensor


def _batched(function, input):
    """`function` of (N, C, H, W), for a (C, H, W) too."""
    return function(input) if input.array.ndim == 4 else s.squeeze(function(s.unsqueeze(input, 0)), 0)


# Convolution ------------------------------------------------------------------------------------------------

def _conv_pair(name, value):
    if type(value) is int:
        return value, value
    if isinstance(value, (tuple, list)) and len(value) in (1, 2) and all(isinstance(v, int) for v in value):
        return tuple(value) * (2 // len(value))
    if isinstance(value, (tuple, list)) and all(isinstance(v, int) for v in value):
        raise RuntimeError(f"expected {name} to be a single integer value or a list of 2 values to match the "
                           f"convolution dimensions, but got {name}={list(value)}\n"
                           "One for the height, one for the width.")
    raise TypeError(f"conv2d() received an invalid combination of arguments - got (Tensor, Tensor, {name}="
                    f"{type(value).__name__}), but expected one of:\n{name} is an integer or a pair of them.")


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
    if not isinstance(input, Tensor) or not isinstance(weight, Tensor):
        raise TypeError("conv2d() received an invalid combination of arguments - got "
                        f"({type(input).__name__}, {type(weight).__name__}), but expected one of:\n"
                        "Input and weight are Tensors.")
    x, w = input.array.shape, weight.array.shape
    if len(x) not in (3, 4):
        raise RuntimeError("Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: "
                           f"{list(x)}\nImages are (N, C, H, W).")
    stride, dilation = _conv_pair("stride", stride), _conv_pair("dilation", dilation)
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise RuntimeError(f"Invalid padding string: '{padding}'\nUse 'same', 'valid' or numbers.")
        if padding == "same" and stride != (1, 1):
            raise RuntimeError("padding='same' is not supported for strided convolutions\n"
                               "Give the padding in numbers.")
        padding = same(w[2:], dilation) if padding == "same" else (0, 0)
    else:
        padding = _conv_pair("padding", padding)
        if min(padding) < 0:
            raise RuntimeError("negative padding is not supported\nCut the input instead.")
    _check_conv(input, weight, bias, stride, padding, dilation, groups)
    geometry = stride, padding, dilation, groups
    return _batched(lambda images: conv.conv2d(images, weight, bias, geometry=geometry), input)


def _check_conv(input, weight, bias, stride, padding, dilation, groups):
    x, w = (1, *input.array.shape)[-4:], weight.array.shape
    padded = [n + (sum(p) if isinstance(p, tuple) else 2 * p) for n, p in zip(x[2:], padding)]
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w[2:])]
    if min(stride) <= 0 or groups <= 0:
        text = f"non-positive {'groups' if min(stride) > 0 else 'stride'} is not supported\nUse 1 or more."
    elif min(dilation) <= 0:
        text = f"dilation should be greater than zero, but got {list(dilation)}\nIt counts from 1."
    elif len(w) != 4:
        text = (f"expected stride to be a single integer value or a list of {len(w) - 2} values to match the "
                f"convolution dimensions, but got stride={list(stride)}\n"
                "The weight is (O, C / groups, h, w).")
    elif w[0] % groups or w[0] < groups:
        text = (f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got "
                f"weight of size [{list(w)}] instead\nEvery group has as many kernels.")
    elif x[1] != w[1] * groups:
        text = (f"Given groups={groups}, weight of size {list(w)}, expected input{list(x)} to have "
                f"{w[1] * groups} channels, but got {x[1]} channels instead\n"
                "The input's channels are the layer's in_channels.")
    elif bias is not None and bias.array.shape != w[:1]:
        text = (f"Given weight of size {list(w)}, expected bias to be 1-dimensional with {w[0]} elements, "
                f"but got bias of size {list(bias.array.shape)} instead\nIt has a number per kernel.")
    elif padded[0] < reach[0] or padded[1] < reach[1]:
        text = (f"Calculated padded input size per channel: ({padded[0]} x {padded[1]}). Kernel size: "
                f"({reach[0]} x {reach[1]}). Kernel size can't be greater than actual input size\n"
                "Pad the input, or use a smaller kernel.")
    elif bias is not None and bias.array.dtype != input.array.dtype:
        text = (f"Input type ({s.c_low(input)}) and bias type ({s.c_low(bias)}) should be the same\n"
                "Convert the layer or its input with .to(dtype).")
    elif weight.array.dtype != input.array.dtype:
        text = (f"expected scalar type {dtype_of(input).legacy_name} but found "
                f"{dtype_of(weight).legacy_name}\nConvert the layer or its input with .to(dtype).")
    else:
        return
    raise RuntimeError(text)


# Pooling ----------------------------------------------------------------------------------------------------

def _pool_pair(function, name, value, told):
    if type(value) is int:
        return value, value
    if not isinstance(value, (tuple, list)):
        position = ("input", "kernel_size", "stride", "padding", "dilation").index(name) + 1
        raise TypeError(f"{function}(): argument '{name}' (position {position}) must be tuple of ints, not "
                        f"{type(value).__name__}\nPass a number or a pair.")
    if len(value) not in (1, 2):
        raise RuntimeError(f"{function}: {name} must {told} a single int, or a tuple of two ints\n"
                           "One for the height, one for the width.")
    return tuple(value) * (2 // len(value))


def _pool_window(function, input, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """(kernel, stride, padding) as pairs. Raises torch's errors."""
    need_tensor(function, input)
    kernel = _pool_pair(function, "kernel_size", kernel_size, "either be")
    stride = _pool_pair(function, "stride", stride, "either be omitted,") if stride or stride == 0 else kernel
    padding = _pool_pair(function, "padding", padding, "either be")
    x = input.array.shape
    text = None
    if len(x) not in (3, 4):
        if function == "avg_pool2d" and len(x) < 3:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-len(x)}, {len(x) - 1}], "
                             "but got -3)\nImages are (N, C, H, W) or (C, H, W).")
        text = "non-empty 3D or 4D (batch mode) tensor expected for input\nImages are (N, C, H, W)."
    elif 0 in x[-3:]:
        text = ("Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:"
                f"{list(x)}\nThere are no pixels.")
    elif 0 in stride:
        text = "stride should not be zero\nIt counts from 1."
    elif min(kernel) <= 0 or min(dilation) <= 0:
        what, name, sides = ("dilation", "dilation", dilation) if min(kernel) > 0 else \
            ("kernel size", "k", kernel)
        text = (f"{what} should be greater than zero, but got {name}H: {sides[0]} {name}W: {sides[1]}\n"
                "Use 1 or more.")
    elif min(padding) < 0:
        text = f"pad must be non-negative, but got pad: {min(padding)}\nCut the input instead."
    else:
        for k, p, d in zip(kernel, padding, dilation):
            if p > (d * (k - 1) + 1) // 2:
                text = (f"pad should be at most half of effective kernel size, but got pad={p}, "
                        f"kernel_size={k} and dilation={d}\nA window must touch the image.")
                break
    if text is None:
        sides = zip(x[-2:], kernel, stride, padding, dilation)
        size = [pooled_size(*side, ceil_mode) for side in sides]
        if min(size) < 1:
            text = (f"Given input size: ({x[-3]}x{x[-2]}x{x[-1]}). Calculated output size: "
                    f"({x[-3]}x{max(size[0], 0)}x{max(size[1], 0)}). Output size is too small\n"
                    "Pad the input, or use a smaller kernel.")
    if text is not None:
        raise RuntimeError(text)
    return kernel, stride, padding


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest of each window of images (N, C, H, W) or (C, H, W); the first of equal ones takes the
    gradient (torch.nn.functional.max_pool2d).

    kernel_size, stride (default: the kernel), padding, dilation: a number or one for each direction.
    ceil_mode: windows may begin inside and end outside. return_indices: give (result, int64 positions in each
    channel's flattened image).
    """
    dilation = _pool_pair("max_pool2d", "dilation", dilation, "be either")
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
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero\nPass None for the window's size.")
    window = *window, ceil_mode, count_include_pad, divisor_override
    return _batched(lambda images: pool.avg_pool2d(images, window=window), input)


def adaptive_avg_pool2d(input, output_size):
    """Images (N, C, H, W) or (C, H, W) averaged to `output_size`, a number or a pair, None for the input's
    own (torch.nn.functional.adaptive_avg_pool2d)."""
    if not isinstance(input, Tensor):
        raise AttributeError(f"'{type(input).__name__}' object has no attribute 'size'\nPass a Tensor.")
    x = input.array.shape
    size = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if len(size) != 2:
        raise RuntimeError("adaptive_avg_pool2d: output_size must be 2\n"
                           "One for the height, one for the width.")
    if len(x) not in (3, 4):
        raise RuntimeError(f"adaptive_avg_pool2d(): Expected 3D or 4D tensor, but got {list(x)}\n"
                           "Images are (N, C, H, W).")
    size = tuple([n if wanted is None else wanted for n, wanted in zip(x[-2:], size)])
    if min(size) < 0:
        raise RuntimeError("adaptive_avg_pool2d: elements of output_size must be greater than or equal to 0 "
                           f"but received {{{size[0]}, {size[1]}}}\nSizes are not negative.")
    if size == (1, 1):
        return r.mean(input, dim=(len(x) - 2, len(x) - 1), keepdim=True)
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
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2\nGive (before, after) pairs.")
    if len(pairs) > len(shape):
        raise RuntimeError("Padding length should be less than or equal to two times the input dimension but "
                           f"got padding length {len(pad)} and input of dimension {len(shape)}\n"
                           "Give a pair per dimension.")
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}\n"
                                  "Use constant, reflect, replicate or circular.")
    if mode == "constant":
        return _pad_constant(input, pairs, value)
    if value is not None:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument\nLeave it out.')
    if len(shape) - len(pairs) not in (1, 2):
        raise NotImplementedError(f"Padding size {len(pad)} is not supported for {len(shape)}D input "
                                  "tensor.\nPad all dimensions but the batch and the channels.")
    for k, (before, after) in enumerate(pairs):
        dim = len(shape) - 1 - k
        size = shape[dim]
        if mode == "reflect" and max(before, after) >= size:
            raise RuntimeError(f"Argument #{4 + 2 * k}: Padding size should be less than the corresponding "
                               f"input dimension, but got: padding ({before}, {after}) at dimension {dim} of "
                               f"input {list(shape)}\nThe edge itself is not repeated.")
        if mode == "circular" and max(before, after) > size:
            raise RuntimeError("Padding value causes wrapping around more than once.\n"
                               "Pad by at most the size.")
        place = np.arange(-before, size + after)
        if mode == "reflect":
            place = size - 1 - abs(size - 1 - abs(place))
        place = place % max(size, 1) if mode == "circular" else np.clip(place, 0, size - 1)
        input = i.index_select(input, wrap(place), dim=dim)
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
    return out + wrap(frame)

