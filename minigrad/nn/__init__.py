"""Networks: modules, layers, losses, their functions and first values (torch.nn)."""
from . import functional, init, modules, parameter, utils
from .modules import *
from .parameter import Parameter

__all__ = ["Parameter", "functional", "init", "modules", "parameter", "utils"] + modules.__all__
