"""The context in which products compute in half precision (torch.amp.autocast)."""
import functools
import warnings

from .. import cuda, dtypes
from ..device import device
from ..engine.autocast import entered, setting
from ..nn.arguments import need

# The devices that torch knows and this library might compute on, and the dtype that products have there.
USUAL = {"cpu": "bfloat16", "cuda": "float16"}


def is_autocast_available(device_type):
    """Can autocast be used on such a device? (torch.amp.is_autocast_available)"""
    return device_type in USUAL


class autocast:
    """Products (linear, matrix products, convolutions, attention) in `dtype`, losses in float32, the rest in
    what it is given (torch.autocast; Micikevicius et al. 2017). A context manager and a decorator; per
    thread, nests.

    device_type: "cpu", or "cuda", which warns and changes nothing where there is no GPU. dtype: bfloat16 (on
    the CPU unless said otherwise; it needs the package ml_dtypes, else NotImplementedError) or float16;
    others warn and change nothing. enabled: False for a stretch without. cache_enabled: cast each weight
    once.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        need(isinstance(device_type, str), "Expected `device_type` of type `str`, got: `{}`\nPass \"cpu\".",
             type(device_type), error=ValueError)
        device(device_type)                     # raises for what is none
        need(is_autocast_available(device_type), "User specified an unsupported autocast device_type '{}'\n"
             "Pass \"cpu\" or \"cuda\".", device_type)
        self.device, self._cache_enabled = device_type, cache_enabled is None or cache_enabled
        if enabled and device_type == "cuda" and not cuda.is_available():
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        if enabled and dtype is None:
            dtype = getattr(dtypes, USUAL[device_type])
        if enabled and dtype.name not in USUAL.values():
            kind = device_type.upper()
            warnings.warn(f"In {kind} autocast, but the target dtype is not supported. Disabling autocast.\n"
                          f"{kind} Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                          stacklevel=2)
            enabled = False
        self.fast_dtype, self._enabled, self._before = dtype, enabled, []

    def __enter__(self):
        self._before.append((setting.dtype, setting.cached))
        setting.dtype = self.fast_dtype.numpy if self._enabled else None
        if not self._cache_enabled:
            setting.cached = None
        elif setting.cached is None:
            setting.cached = {}
        entered[0] += 1
        return self

    def __exit__(self, *exc):
        entered[0] -= 1
        setting.dtype, setting.cached = self._before.pop()
        return False

    def __call__(self, func):
        need(callable(func), "autocast()(func) requires a callable, but got {}. Did you mean to use "
             "autocast as a context manager? For example:\n    with torch.autocast(device_type=...):\n"
             "        output = model(input)", type(func).__name__, error=TypeError)

        @functools.wraps(func)
        def decorated(*args, **kwargs):
            with self:
                return func(*args, **kwargs)
        return decorated
