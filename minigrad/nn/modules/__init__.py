"""The modules, from which nn takes its names (torch.nn.modules)."""
from . import activation, distance, learned, plain, recurrent
from .activation import *
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .distance import *
from .learned import *
from .module import Module
from .plain import *
from .recurrent import *

__all__ = ["Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
__all__ += activation.__all__ + distance.__all__ + learned.__all__ + plain.__all__ + recurrent.__all__
