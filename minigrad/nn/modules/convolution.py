"""Convolutions and their transposes, and modules that change the resolution. `layer.py` says how to write
one."""
from .. import functional as F
from ..arguments import need
from ..convolutions import same
from .layer import Drawn, Layer

__all__ = ["ChannelShuffle", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "Fold", "PixelShuffle",
           "PixelUnshuffle", "Unfold", "Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]
_MODES = {"zeros", "reflect", "replicate", "circular"}


class _Conv(Drawn, shows="in_channels, out_channels, kernel_size=, stride=, padding?, dilation?, "
                         "output_padding?, groups?, bias?, padding_mode?"):
    """What all convolutions share. `_count`: how many directions there are."""
    _count, transposed, output_padding = 2, False, 0

    def _each(self, value):
        return tuple(value) if isinstance(value, (tuple, list)) else (value,) * self._count

    def _make(self, given, device, dtype):
        for name in ("kernel_size", "stride", "padding", "dilation", "output_padding"):
            if not isinstance(given.get(name, ""), str):
                given[name] = self._each(given[name])
        channels, out, groups = given["in_channels"], given["out_channels"], given["groups"]
        padding, mode = given["padding"], given["padding_mode"]
        need(groups > 0, "groups must be a positive integer\nPass 1 for all channels together.",
             error=ValueError)
        for name, size in (("in", channels), ("out", out)):
            need(size % groups == 0, "{}_channels must be divisible by groups\n"
                 "Every group has as many channels.", name, error=ValueError)
        need(not isinstance(padding, str) or padding in ("same", "valid"), "Invalid padding string {!r}, "
             "should be one of {}\nOr pass numbers.", padding, {"same", "valid"}, error=ValueError)
        need(padding != "same" or {*given["stride"]} == {1}, "padding='same' is not supported for strided "
             "convolutions\nGive the padding in numbers.", error=ValueError)
        need(mode in _MODES, "padding_mode must be one of {}, but got padding_mode='{}'\n"
             "The usual one is 'zeros'.", _MODES, mode, error=ValueError)
        self._keep(given)
        sides = (channels, out // groups) if self.transposed else (out, channels // groups)
        self._learn(device, dtype, weight=(*sides, *given["kernel_size"]),
                    bias=(out,) if given["bias"] else None)


class Conv2d(_Conv):
    """Cross-correlation with learned kernels (torch.nn.Conv2d).

    (N, in_channels, H, W) -> (N, out_channels, H', W'), the batch optional; weight (out_channels, in_channels
    / groups, h, w). kernel_size, stride, padding, dilation: a number or a pair; padding also "same" or
    "valid"; padding_mode "zeros", "reflect", "replicate" or "circular".
    """
    _calls_with = staticmethod(F.conv2d)

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
                 bias=True, padding_mode="zeros", device=None, dtype=None):
        self._make(locals(), device, dtype)

    def forward(self, input):
        padding = self.padding
        if self.padding_mode != "zeros":
            pairs = same(self.kernel_size, self.dilation) if padding == "same" else \
                [(n, n) for n in ((0,) * self._count if padding == "valid" else padding)]
            input = F.pad(input, [n for pair in pairs[::-1] for n in pair], mode=self.padding_mode)
            padding = 0
        return self._calls_with(input, self.weight, self.bias, self.stride, padding, self.dilation,
                                self.groups)


class Conv1d(Conv2d):
    """As Conv2d, for signals: (N, in_channels, L) -> (N, out_channels, L') (torch.nn.Conv1d)."""
    _count, _calls_with = 1, staticmethod(F.conv1d)


class ConvTranspose2d(_Conv):
    """The input gradient of Conv2d as a layer: each pixel adds its kernel to the output, `stride` apart
    (torch.nn.ConvTranspose2d).

    (N, in_channels, H, W) -> (N, out_channels, H', W'); weight (in_channels, out_channels / groups, h, w).
    padding is cut off, output_padding added below and on the right.
    """
    transposed, _calls_with = True, staticmethod(F.conv_transpose2d)

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0,
                 groups=1, bias=True, dilation=1, padding_mode="zeros", device=None, dtype=None):
        need(padding_mode == "zeros", 'Only "zeros" padding mode is supported for {}\nPad the input instead.',
             type(self).__name__, error=ValueError)
        self._make(locals(), device, dtype)

    def forward(self, input, output_size=None):
        extra = self.output_padding
        if output_size is not None:
            count, total = self._count, input.array.ndim
            need(len(output_size) in (count, total), "ConvTranspose{0}D: for {1}D input, output_size must "
                 "have {0} or {1} elements (got {2})\nOne for each direction.", count, total,
                 len(output_size), error=ValueError)
            extra = self._extra(input.array.shape[-self._count:], output_size[-self._count:])
        return self._calls_with(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
                                self.dilation)

    def _extra(self, sizes, wanted):
        """The output padding that gives the wanted size."""
        least = [(n - 1) * st - 2 * p + d * (k - 1) + 1 for n, st, p, d, k in
                 zip(sizes, self.stride, self.padding, self.dilation, self.kernel_size)]
        most = [n + st - 1 for n, st in zip(least, self.stride)]
        need(all([low <= n <= high for low, n, high in zip(least, wanted, most)]), "requested an output size "
             "of {}, but valid sizes range from {} to {} (for an input of torch.Size({}))\n"
             "Ask for one of these.", str(wanted), least, most, sizes, error=ValueError)
        return tuple([n - low for n, low in zip(wanted, least)])


class ConvTranspose1d(ConvTranspose2d):
    """As ConvTranspose2d, for signals (N, in_channels, L) (torch.nn.ConvTranspose1d)."""
    _count, _calls_with = 1, staticmethod(F.conv_transpose1d)


# Windows ----------------------------------------------------------------------------------------------------

class Unfold(Layer, calls=F.unfold, shows="kernel_size=, dilation=, padding=, stride="):
    """The windows of images as columns (torch.nn.Unfold); arguments as nn.functional.unfold's."""

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        self._keep(locals())


class Fold(Layer, calls=F.fold, shows="output_size=, kernel_size=, dilation=, padding=, stride="):
    """Columns added up where their windows lie (torch.nn.Fold); arguments as nn.functional.fold's."""

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        self._keep(locals())


# Resolution -------------------------------------------------------------------------------------------------

class Upsample(Layer, calls=F.interpolate):
    """Images or signals in another resolution, see `functional.interpolate` (torch.nn.Upsample)."""

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None,
                 recompute_scale_factor=None):
        if scale_factor is not None:
            scale_factor = tuple([float(factor) for factor in scale_factor]) \
                if isinstance(scale_factor, tuple) else float(scale_factor)
        self._keep(locals())

    def extra_repr(self):
        size = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample with mode "nearest" (torch.nn.UpsamplingNearest2d)."""

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample with mode "bilinear" and aligned corners (torch.nn.UpsamplingBilinear2d)."""

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, "bilinear", True)


class PixelShuffle(Layer, calls=F.pixel_shuffle, shows="upscale_factor="):
    """Channels to pixels: (..., C r², H, W) -> (..., C, H r, W r) (torch.nn.PixelShuffle)."""

    def __init__(self, upscale_factor):
        self._keep(locals())


class ChannelShuffle(Layer, calls=F.channel_shuffle, shows="groups="):
    """Channels dealt out anew among groups (torch.nn.ChannelShuffle; Zhang et al. 2018)."""

    def __init__(self, groups):
        self._keep(locals())


class PixelUnshuffle(Layer, calls=F.pixel_unshuffle, shows="downscale_factor="):
    """Pixels to channels: (..., C, H r, W r) -> (..., C r², H, W) (torch.nn.PixelUnshuffle)."""

    def __init__(self, downscale_factor):
        self._keep(locals())
