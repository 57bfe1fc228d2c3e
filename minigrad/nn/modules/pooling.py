"""Pooling of images and of signals. `layer.py` says how to write a module."""
from .. import functional as F
from .layer import Layer

__all__ = ["AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AvgPool1d",
           "AvgPool2d", "MaxPool1d", "MaxPool2d"]


class MaxPool2d(Layer, calls=F.max_pool2d, shows="kernel_size=, stride=, padding=, dilation=, ceil_mode="):
    """The largest of each window (torch.nn.MaxPool2d); arguments as nn.functional.max_pool2d's."""

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False,
                 ceil_mode=False):
        stride = kernel_size if stride is None else stride
        self._keep(locals())


class MaxPool1d(MaxPool2d, calls=F.max_pool1d):
    """The largest of each window of signals (torch.nn.MaxPool1d)."""


class AvgPool2d(Layer, calls=F.avg_pool2d, shows="kernel_size=, stride=, padding="):
    """The mean of each window (torch.nn.AvgPool2d); arguments as nn.functional.avg_pool2d's."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                 divisor_override=None):
        stride = kernel_size if stride is None else stride
        self._keep(locals())


class AvgPool1d(Layer, calls=F.avg_pool1d, shows="kernel_size=, stride=, padding="):
    """The mean of each window of signals (torch.nn.AvgPool1d)."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        stride = kernel_size if stride is None else stride
        kernel_size, stride, padding = (tuple(v) if isinstance(v, (tuple, list)) else (v,)
                                        for v in (kernel_size, stride, padding))
        self._keep(locals())


class AdaptiveAvgPool2d(Layer, calls=F.adaptive_avg_pool2d, shows="output_size="):
    """Averages to `output_size`, a number or a pair, None for the input's own
    (torch.nn.AdaptiveAvgPool2d)."""

    def __init__(self, output_size):
        self._keep(locals())


class AdaptiveAvgPool1d(AdaptiveAvgPool2d, calls=F.adaptive_avg_pool1d):
    """Signals averaged to `output_size` places (torch.nn.AdaptiveAvgPool1d)."""


class AdaptiveMaxPool2d(Layer, calls=F.adaptive_max_pool2d, shows="output_size="):
    """The largest of each of `output_size` bins (torch.nn.AdaptiveMaxPool2d)."""

    def __init__(self, output_size, return_indices=False):
        self._keep(locals())


class AdaptiveMaxPool1d(AdaptiveMaxPool2d, calls=F.adaptive_max_pool1d):
    """The largest of each of `output_size` bins of signals (torch.nn.AdaptiveMaxPool1d)."""
