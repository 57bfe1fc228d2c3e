"""Differentiation by call, operations of the user's own, and what helps to debug them (torch.autograd)."""
from ..engine.backward import backward, grad
from ..tensor import Tensor
from . import anomaly_mode, function, functional, grad_mode, graph
from .anomaly_mode import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_anomaly_enabled,
    set_detect_anomaly,
)
from .function import Function
from .grad_mode import (
    enable_grad,
    inference_mode,
    is_inference,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .gradcheck import GradcheckError, gradcheck, gradgradcheck


def Variable(data, requires_grad=False):
    """torch's old wrapper: today a Tensor is its own variable."""
    if not isinstance(data, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}\n"
                        "Make one with tensor(...).")
    return data.detach().requires_grad_(requires_grad)


__all__ = ["Function", "GradcheckError", "Variable", "anomaly_mode", "backward", "detect_anomaly",
           "enable_grad", "function", "functional", "grad", "grad_mode", "gradcheck", "gradgradcheck",
           "graph", "inference_mode", "is_anomaly_check_nan_enabled", "is_anomaly_enabled",
           "is_inference_mode_enabled", "no_grad", "set_anomaly_enabled", "set_detect_anomaly",
           "set_grad_enabled"]
