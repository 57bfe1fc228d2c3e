"""Differentiation by call: `backward` and `grad` (torch.autograd)."""
from ..engine.backward import backward, grad
from ..engine.core import enable_grad, no_grad, set_grad_enabled
from ..tensor import Tensor
from . import function
from .function import Function


def Variable(data, requires_grad=False):
    """torch's old wrapper: today a Tensor is its own variable."""
    if not isinstance(data, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}\n"
                        "Make one with tensor(...).")
    return data.detach().requires_grad_(requires_grad)


__all__ = ["Function", "Variable", "backward", "enable_grad", "function", "grad", "no_grad",
           "set_grad_enabled"]
