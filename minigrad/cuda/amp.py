"""The old names of mixed precision on a GPU (torch.cuda.amp); `minigrad.amp` has the new ones."""
import warnings

from .. import amp, dtypes

__all__ = ["GradScaler", "autocast"]


def _deprecated(name):
    warnings.warn(f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}('cuda', "
                  "args...)` instead.", FutureWarning, stacklevel=3)


class autocast(amp.autocast):
    """`minigrad.amp.autocast("cuda", ...)` (torch.cuda.amp.autocast)."""

    def __init__(self, enabled=True, dtype=dtypes.float16, cache_enabled=True):
        _deprecated("autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """`minigrad.amp.GradScaler("cuda", ...)` (torch.cuda.amp.GradScaler)."""

    def __init__(self, init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000,
                 enabled=True):
        _deprecated("GradScaler")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
