"""Networks: modules, layers, losses, their functions and first values (torch.nn)."""
from . import functional, init, modules, parallel, parameter, utils
from .modules import *
from .parallel import DataParallel
from .parameter import Buffer, Parameter

__all__ = ["Buffer", "DataParallel", "Parameter", "functional", "init", "modules", "parallel", "parameter",
           "utils"] + modules.__all__
