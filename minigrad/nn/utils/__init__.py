"""Gradient clipping, and parameters as one vector (torch.nn.utils)."""
import math
import warnings
from types import GeneratorType

from ...engine.core import no_grad
from ...ops import shape_public as s
from ...ops.create import tensor
from ...tensor import Tensor
from ..modules.module import typename
from . import parametrizations as parametrizations
from . import parametrize as parametrize
from . import rnn as rnn
from .hooked import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm",
           "parameters_to_vector", "parametrizations", "parametrize", "remove_spectral_norm",
           "remove_weight_norm", "rnn", "spectral_norm", "vector_to_parameters", "weight_norm"]


def _listed(tensors):
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


@no_grad
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of tensors as one vector, a 0-d Tensor (torch.nn.utils.get_total_norm). Raises RuntimeError
    for one that is not finite, on request."""
    norm_type, norms = float(norm_type), [each.norm(float(norm_type)) for each in _listed(tensors)]
    total = s.stack(norms).norm(norm_type) if norms else tensor(0.0)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, "
            "set `error_if_nonfinite=False`\nLook for the first loss that is not finite.")
    return total


@no_grad
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale all gradients by `max_norm / total_norm`, if that is below 1
    (torch.nn.utils.clip_grads_with_norm_)."""
    scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for parameter in _listed(parameters):
        if parameter.gradient is not None:
            parameter.gradient.mul_(scale)


@no_grad
def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale all gradients so that their norm, as one vector, is at most `max_norm`
    (torch.nn.utils.clip_grad_norm_).

    parameters: Tensor or iterable of them; norm_type: a number or inf. Returns the norm before, a 0-d Tensor.
    Raises RuntimeError for a norm that is not finite, on request.
    """
    found = _listed(parameters)
    if isinstance(parameters, GeneratorType) and not found:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=4)
    gradients = [parameter.gradient for parameter in found if parameter.gradient is not None]
    total = get_total_norm(gradients, norm_type, error_if_nonfinite)
    clip_grads_with_norm_(found, max_norm, total)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """`clip_grad_norm_`, under its old name (torch.nn.utils.clip_grad_norm). Warns."""
    warnings.warn("`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
                  "`torch.nn.utils.clip_grad_norm_`.", FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad
def clip_grad_value_(parameters, clip_value, foreach=None):
    """Keep every element of all gradients within ± `clip_value` (torch.nn.utils.clip_grad_value_)."""
    for parameter in _listed(parameters):
        if parameter.gradient is not None:
            parameter.gradient.clamp_(-float(clip_value), float(clip_value))


def parameters_to_vector(parameters):
    """All parameters, one after another, as one vector (torch.nn.utils.parameters_to_vector)."""
    return s.cat([s.view(parameter, -1) for parameter in parameters])


def vector_to_parameters(vec, parameters):
    """The parameters become views of the parts of a vector (torch.nn.utils.vector_to_parameters)."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}\nPass a vector.")
    start = 0
    for parameter in parameters:
        parameter.data = s.view(vec[start:start + parameter.numel()], parameter.shape).data
        start += parameter.numel()
