"""Losses multiplied so that gradients of half precision do not vanish (torch.amp.GradScaler)."""
import warnings
from collections.abc import Iterable

import numpy as np

from .. import cuda
from ..engine.core import touch
from ..nn.arguments import need
from ..ops import create
from ..tensor import Tensor

_FIX = "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."
_SAVED = ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")


class GradScaler:
    """Scales losses, unscales gradients, skips steps whose gradients overflow, and finds the largest scale
    that does not (torch.amp.GradScaler; Micikevicius et al. 2017).

        scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()

    device: "cpu" or "cuda", which warns and disables where there is no GPU. init_scale: the first scale;
    growth_factor: what it is multiplied by after growth_interval steps without overflow; backoff_factor:
    after an overflow. enabled: False leaves losses, gradients and steps as they are. Errors are torch's.
    """

    def __init__(self, device="cuda", init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5,
                 growth_interval=2000, enabled=True):
        if enabled and device == "cuda" and not cuda.is_available():
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                          stacklevel=2)
            enabled = False
        self._device, self._enabled = device, enabled
        if enabled:
            need(growth_factor > 1.0, "The growth factor must be > 1.0.\nPass more.", error=AssertionError)
            need(backoff_factor < 1.0, "The backoff factor must be < 1.0.\nPass less.", error=AssertionError)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker = growth_interval, 0
        self._scale, self._begun = create.tensor(float(init_scale)).float(), False
        self._stages = {}                       # id(optimizer) -> [what was done, was there an overflow?]

    def _need_begun(self, name):
        need(self._begun, "Attempted {} but _scale is None.  " + _FIX + "\nScale the loss first.", name,
             error=AssertionError)

    def scale(self, outputs):
        """A tensor, or all in nested iterables, times the scale (GradScaler.scale)."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            self._begun = True
            return outputs * self._scale
        need(isinstance(outputs, Iterable), "outputs must be a Tensor or an iterable of Tensors\n"
             "Pass the loss.", error=ValueError)
        scaled = map(self.scale, outputs)
        return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled

    def unscale_(self, optimizer):
        """The gradients of an optimizer's parameters divided by the scale, in place (GradScaler.unscale_):
        before they are clipped. Raises RuntimeError for a second time before `update`."""
        if not self._enabled:
            return
        self._need_begun("unscale_")
        stage = self._stages.get(id(optimizer), [None])[0]
        need(stage != "unscaled", "unscale_() has already been called on this optimizer since the last "
             "update().\nCall it once.")
        need(stage != "stepped", "unscale_() is being called after step().\nCall it before.")
        inverse, overflow = np.float32(1 / float(self._scale)), False
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                gradient = parameter.gradient
                if gradient is None:
                    continue
                need(str(gradient.dtype) != "torch.float16", "Attempting to unscale FP16 gradients.\n"
                     "Keep the parameters in float32; autocast casts them.", error=ValueError)
                overflow |= not np.isfinite(gradient.array).all()
                if inverse != 1:
                    gradient.array *= inverse
                    touch(gradient)
        self._stages[id(optimizer)] = ["unscaled", overflow]

    def step(self, optimizer, *args, **kwargs):
        """Unscale if that is not done, then `optimizer.step` unless a gradient is inf or nan
        (GradScaler.step)."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        need("closure" not in kwargs, "Closure use is not currently supported if GradScaler is enabled.\n"
             "Use it with enabled=False.")
        self._need_begun("step")
        stage = self._stages.get(id(optimizer), [None])[0]
        need(stage != "stepped", "step() has already been called since the last update().\nCall update().")
        if stage is None:
            self.unscale_(optimizer)
        result = None if self._stages[id(optimizer)][1] else optimizer.step(*args, **kwargs)
        self._stages[id(optimizer)][0] = "stepped"
        return result

    def update(self, new_scale=None):
        """The scale for the next step: smaller after an overflow, larger after many steps without, or
        `new_scale`, a float or a Tensor (GradScaler.update)."""
        if not self._enabled:
            return
        self._need_begun("update")
        if new_scale is not None:
            fits = isinstance(new_scale, float) or (
                isinstance(new_scale, Tensor) and new_scale.numel() == 1 and not new_scale.requires_grad)
            need(fits, "new_scale should be a float or a 1-element torch.cuda.FloatTensor or "
                 "torch.FloatTensor with requires_grad=False.\nPass a number.", error=AssertionError)
            self._scale.fill_(float(new_scale))
        else:
            need(self._stages, "No inf checks were recorded prior to update.\nCall step(optimizer).",
                 error=AssertionError)
            overflow = any(found for _, found in self._stages.values())
            self._growth_tracker = 0 if overflow else self._growth_tracker + 1
            if overflow:
                self._scale.mul_(self._backoff_factor)
            elif self._growth_tracker == self._growth_interval:
                if np.isfinite(grown := np.float32(float(self._scale) * self._growth_factor)):
                    self._scale.fill_(float(grown))
                self._growth_tracker = 0
        self._stages = {}

    def get_scale(self):
        """The scale, a float; 1.0 where disabled (GradScaler.get_scale)."""
        return float(self._scale) if self._enabled else 1.0

    def is_enabled(self):
        """Does it scale? (GradScaler.is_enabled)"""
        return self._enabled

    def _get_growth_tracker(self):
        return self._growth_tracker if self._enabled else 0

    def state_dict(self):
        """What `load_state_dict` takes: five numbers, or nothing where disabled (GradScaler.state_dict)."""
        values = (self.get_scale(), self._growth_factor, self._backoff_factor, self._growth_interval,
                  self._growth_tracker)
        return dict(zip(_SAVED, values)) if self._enabled else {}

    def load_state_dict(self, state_dict):
        """Go on as the scaler that gave it (GradScaler.load_state_dict). Raises RuntimeError for an empty
        one."""
        if not self._enabled:
            return
        need(len(state_dict), "The source state dict is empty, possibly because it was saved from a disabled "
             "instance of GradScaler.\nLeave it out.")
        scale, *rest = [state_dict[name] for name in _SAVED]
        self._scale.fill_(scale)
        self._growth_factor, self._backoff_factor, self._growth_interval, self._growth_tracker = rest

    def __getstate__(self):
        need(not self._stages, "A GradScaler instance may only be pickled at the beginning of an iteration, "
             "or at the end after scaler.update().\nCall update() first.", error=AssertionError)
        return self.__dict__


def _pair(name):
    def get(self):
        return getattr(self, f"_{name}")

    def put(self, new):
        setattr(self, f"_{name}", new)
    get.__name__, put.__name__ = f"get_{name}", f"set_{name}"
    for method in (get, put):
        method.__doc__ = f"The {name.replace('_', ' ')} (GradScaler.{method.__name__})."
    return get, put


for _name in _SAVED[1:4]:
    for _method in _pair(_name):
        setattr(GradScaler, _method.__name__, _method)
