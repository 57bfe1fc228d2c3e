"""Networks: modules, layers, losses, their functions and first values (torch.nn)."""
from . import functional, init, modules, parallel, parameter, utils
from .modules import *
from .parallel import DataParallel
from .parameter import Parameter

__all__ = ["DataParallel", "Parameter", "functional", "init", "modules", "parallel", "parameter",
           "utils"] + modules.__all__
