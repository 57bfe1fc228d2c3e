"""The modules, from which nn takes its names (torch.nn.modules)."""
import sys

from . import activation, attention, convolution, distance, lazy, learned, padding, plain, pooling, recurrent
from .activation import *
from .attention import *
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .convolution import *
from .convolution import _Conv as _ConvNd
from .distance import *
from .lazy import *
from .learned import *
from .learned import _BatchNorm, _InstanceNorm
from .module import Module
from .padding import *
from .plain import *
from .pooling import *
from .recurrent import *

__all__ = ["Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
for _room in (activation, attention, convolution, distance, lazy, learned, padding, plain, pooling,
              recurrent):
    __all__ += _room.__all__

# torch's rooms, which programs name: `torch.nn.modules.rnn.LSTM`. All their names are here.
for _name in ("batchnorm", "conv", "dropout", "flatten", "instancenorm", "linear", "loss", "normalization",
              "pixelshuffle", "rnn", "sparse", "transformer", "upsampling"):
    globals()[_name] = sys.modules.setdefault(f"{__name__}.{_name}", sys.modules[__name__])
