"""The modules, from which nn takes its names (torch.nn.modules)."""
from . import activation, attention, convolution, distance, lazy, learned, plain, recurrent
from .activation import *
from .attention import *
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .convolution import *
from .distance import *
from .lazy import *
from .learned import *
from .module import Module
from .plain import *
from .recurrent import *

__all__ = ["Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
for _room in (activation, attention, convolution, distance, lazy, learned, plain, recurrent):
    __all__ += _room.__all__
