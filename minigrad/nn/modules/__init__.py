"""The modules, from which nn takes its names (torch.nn.modules)."""
from . import activation, learned, plain
from .activation import *
from .container import ModuleDict, ModuleList, Sequential
from .learned import *
from .module import Module
from .plain import *

__all__ = ["Module", "ModuleDict", "ModuleList", "Sequential"]
__all__ += activation.__all__ + learned.__all__ + plain.__all__
