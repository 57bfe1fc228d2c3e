"""Switches that programs set before they compute. On NumPy all algorithms are deterministic and all products
exact to their dtype, so most of them are only remembered."""
import warnings

from .device import available, default

_set = {"deterministic": False, "warn only": False, "precision": "highest"}


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Ask for the same numbers from the same program, which is what there is anyway
    (torch.use_deterministic_algorithms). Raises TypeError for a `mode` that is no bool."""
    if not isinstance(mode, bool):
        raise TypeError("_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, not "
                        f"{type(mode).__name__}\nPass True or False.")
    _set.update({"deterministic": mode, "warn only": warn_only})


def are_deterministic_algorithms_enabled():
    """Has a program asked for them? (torch.are_deterministic_algorithms_enabled)"""
    return _set["deterministic"]


def is_deterministic_algorithms_warn_only_enabled():
    """And only to be warned? (torch.is_deterministic_algorithms_warn_only_enabled)"""
    return _set["warn only"]


def set_float32_matmul_precision(precision):
    """"highest", "high" or "medium": how exact float32 products need to be. They are always exact to their
    dtype (torch.set_float32_matmul_precision). Other texts are warned of and change nothing."""
    if precision not in ("highest", "high", "medium"):
        warnings.warn(f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
                      "setFloat32MatmulPrecision call has no effect.", stacklevel=2)
        return
    _set["precision"] = precision


def get_float32_matmul_precision():
    """What `set_float32_matmul_precision` was told (torch.get_float32_matmul_precision)."""
    return _set["precision"]


def set_default_device(device):
    """Where tensors are made unless said otherwise (torch.set_default_device). Raises RuntimeError for a
    device that is not there."""
    default[0] = available(device)


def get_default_device():
    """Where tensors are made unless said otherwise (torch.get_default_device)."""
    return default[0]


def compile(model=None, *, fullgraph=False, dynamic=None, backend=None, mode=None, options=None,
            name=None, disable=False, recompile_limit=None, isolate_recompiles=False, shapes_spec=None):
    """The model itself where torch would not compile either: with `disable`, or with the backend "eager"
    (torch.compile). Raises NotImplementedError otherwise."""
    if not disable and backend != "eager":
        raise NotImplementedError(
            f"torch.compile with backend={backend or 'inductor'!r} is not supported.\nLeave it out: the "
            "model gives the same numbers. Or pass backend=\"eager\".")
    return model if model is not None else lambda function: function
