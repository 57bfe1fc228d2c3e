"""Adam, and AdamW, which keeps weight decay out of the moments."""
import math
from functools import partial

import numpy as np

from .. import dtypes
from ..engine.core import TensorBase, wrap
from .optimizer import Optimizer, check, check_settings, update, zeros_for


def adapt(x, g, mean, square, peak=None, *, lr, betas, eps, weight_decay, decoupled, maximize, count):
    """One step on bare arrays: x ← x − lr · m̂ / (√v̂ + eps), with m and v the running means of g and g²,
    m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ) and t = `count`; given `peak`, the largest v so far is used."""
    beta1, beta2 = betas
    if maximize:
        g = -g
    if weight_decay and decoupled:
        x *= 1 - lr * weight_decay
    elif weight_decay:
        g = g + weight_decay * x
    scratch = g - mean
    scratch *= 1 - beta1
    mean += scratch
    square *= beta2
    np.multiply(g, 1 - beta2, out=scratch)
    scratch *= g
    square += scratch
    if peak is not None:
        square = np.maximum(peak, square, out=peak)
    # √v̂ + eps = (√v + eps · s) / s with s = √(1 − β₂ᵗ): one pass less over the array.
    scale = math.sqrt(1 - beta2**count)
    np.sqrt(square, out=scratch)
    scratch += eps * scale
    np.divide(mean, scratch, out=scratch)
    scratch *= lr * scale / (1 - beta1**count)
    x -= scratch


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square (torch.optim.Adam; Kingma and Ba 2014).

    betas: how slowly the two means move. eps: added to the root. weight_decay: this times the parameter is
    added to the gradient; with decoupled_weight_decay, lr times that is taken from the parameter instead.
    amsgrad: divide by the largest mean square so far (Reddi et al. 2018). maximize: climb. foreach, fused and
    capturable choose between torch's implementations and change nothing here. Raises ValueError for settings
    out of range, NotImplementedError for differentiable=True.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *,
                 foreach=None, maximize=False, capturable=False, differentiable=False, fused=None,
                 decoupled_weight_decay=False):
        check_settings(lr, weight_decay, foreach, fused, differentiable)
        check(eps >= 0, f"Invalid epsilon value: {eps}", "Pass zero or more.")
        for index, beta in enumerate(betas):
            check(0 <= beta < 1, f"Invalid beta parameter at index {index}: {beta}", "0 ≤ beta < 1.")
        check(any(all(isinstance(beta, kind) for beta in betas) for kind in (float, TensorBase)),
              "betas must be either both floats or both Tensors", "Write 0.0 for 0.")
        super().__init__(params, {
            "lr": lr, "betas": tuple(map(float, betas)), "eps": eps, "weight_decay": weight_decay,
            "amsgrad": amsgrad, "maximize": maximize, "foreach": foreach, "capturable": capturable,
            "differentiable": differentiable, "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay})

    def _update(self, group):
        settings = {name: float(group[name]) for name in ("lr", "eps", "weight_decay")}
        rule = partial(adapt, **settings, betas=group["betas"], maximize=group["maximize"],
                       decoupled=group["decoupled_weight_decay"])
        names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[:3 if group["amsgrad"] else 2]
        for param in group["params"]:
            if param.gradient is None:
                continue
            state = self.state[param]
            if not state:
                wide = dtypes.get_default_dtype() is dtypes.float64
                state["step"] = wrap(np.zeros((), np.float64 if wide else np.float32))
                state.update({name: zeros_for(param) for name in names})
            steps = state["step"].array
            steps += 1
            update(partial(rule, count=steps.item()), param, *[state[name] for name in names])


class AdamW(Adam):
    """Adam with decoupled weight decay (torch.optim.AdamW; Loshchilov and Hutter 2017)."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, *,
                 maximize=False, foreach=None, capturable=False, differentiable=False, fused=None):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
                         capturable=capturable, differentiable=differentiable, fused=fused,
                         decoupled_weight_decay=True)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:         # also those that Adam wrote
            group["decoupled_weight_decay"] = True
