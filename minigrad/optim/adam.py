"""Steps scaled by running means of the gradient and of its square: Adam and its family."""
import math

import numpy as np

from ..backends import numpy as kernels
from ..backends.numpy import average, average_square
from ..engine.core import TensorBase
from .optimizer import check
from .rule import RuleOptimizer, scalar


def adapt(x, g, mean, square, peak=None, *, lr, betas, eps, count, **unused):
    """One step on bare arrays: x ← x − lr · m̂ / (√v̂ + eps), with m and v the running means of g and g²,
    m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ) and t = `count`; given `peak`, the largest v so far is used."""
    # √v̂ + eps = (√v + eps · s) / s with s = √(1 − β₂ᵗ): one pass less over the array.
    scale = math.sqrt(1 - betas[1]**count)
    kernels.adapt(x, g, mean, square, peak, betas, eps * scale, lr * scale / (1 - betas[0]**count))


class Adam(RuleOptimizer):
    """Steps scaled by running means of the gradient and of its square (torch.optim.Adam; Kingma and Ba 2014).

    betas: how slowly the two means move. eps: added to the root. weight_decay: this times the parameter is
    added to the gradient; with decoupled_weight_decay, lr times that is taken from the parameter instead.
    amsgrad: divide by the largest mean square so far (Reddi et al. 2018). maximize: climb. foreach, fused and
    capturable choose between torch's implementations and change nothing here. Raises ValueError for settings
    out of range, NotImplementedError for differentiable=True.
    """
    settings = ("lr betas eps weight_decay amsgrad maximize foreach capturable differentiable fused "
                "decoupled_weight_decay")
    rule = staticmethod(adapt)

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *,
                 foreach=None, maximize=False, capturable=False, differentiable=False, fused=None,
                 decoupled_weight_decay=False):
        super().__init__(params, locals())
        check(any(all(isinstance(beta, kind) for beta in betas) for kind in (float, TensorBase)),
              "betas must be either both floats or both Tensors", "Write 0.0 for 0.")

    def names(self, group):
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")[:3 if group["amsgrad"] else 2]


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


def adapt_to_largest(x, g, mean, largest, *, lr, betas, eps, count, **unused):
    """One step on bare arrays: x ← x − lr · m̂ / u, where u ← max(β₂ · u, |g| + eps)."""
    scratch = average(mean, g, 1 - betas[0])
    np.abs(g, out=scratch)
    scratch += eps
    largest *= betas[1]
    np.maximum(largest, scratch, out=largest)
    np.multiply(mean, lr / (1 - betas[0]**count), out=scratch)
    scratch /= largest
    x -= scratch


class Adamax(RuleOptimizer):
    """Adam with a decaying maximum in place of the mean square (torch.optim.Adamax; Kingma and Ba 2014).

    Arguments and errors as Adam's.
    """
    settings = "lr betas eps weight_decay foreach maximize differentiable capturable"
    arrays = ("exp_avg", "exp_inf")
    rule = staticmethod(adapt_to_largest)

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, foreach=None, *,
                 maximize=False, differentiable=False, capturable=False):
        super().__init__(params, locals())


def adapt_ahead(x, g, mean, square, *, lr, betas, eps, count, now, ahead, **unused):
    """One step on bare arrays: x ← x − lr · (now · g + ahead · m) / (√v̂ + eps)."""
    scratch = average(mean, g, 1 - betas[0])
    average_square(square, g, betas[1], scratch)
    np.divide(square, 1 - betas[1]**count, out=scratch)
    np.sqrt(scratch, out=scratch)
    scratch += eps
    x -= lr * now * g / scratch
    x -= lr * ahead * mean / scratch


class NAdam(RuleOptimizer):
    """Adam that looks ahead along its momentum, as Nesterov's (torch.optim.NAdam; Dozat 2016).

    momentum_decay: how fast the momentum μₜ = β₁ · (1 − 0.96^(t · momentum_decay) / 2) grows. Other
    arguments and errors as Adam's.
    """
    settings = ("lr betas eps weight_decay momentum_decay decoupled_weight_decay maximize foreach capturable "
                "differentiable")
    checked = "lr eps betas weight_decay momentum_decay"
    arrays = ("exp_avg", "exp_avg_sq")
    rule = staticmethod(adapt_ahead)

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, momentum_decay=4e-3,
                 decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False,
                 differentiable=False):
        super().__init__(params, locals())

    def start(self, param, group):
        state = super().start(param, group)
        return {"step": state["step"], "mu_product": scalar(1), **state}

    def plan(self, state, settings, first):
        told = super().plan(state, settings, first)
        momentum, following = (settings["betas"][0] * (1 - 0.5 * 0.96 ** (t * settings["momentum_decay"]))
                               for t in (told["count"], told["count"] + 1))
        state["mu_product"].array *= momentum
        product = state["mu_product"].item()
        return {**told, "now": (1 - momentum) / (1 - product), "ahead": following / (1 - product * following)}


def adapt_rectified(x, g, mean, square, *, lr, betas, eps, count, **unused):
    """One step on bare arrays: Adam's times r, or x ← x − lr · m̂ while too few steps have been made for the
    variance of 1 / √v to be known."""
    scratch = average(mean, g, 1 - betas[0])
    average_square(square, g, betas[1], scratch)
    correction = 1 - betas[1]**count
    limit = 2 / (1 - betas[1]) - 1
    length = limit - 2 * count * betas[1]**count / correction
    direction = mean / (1 - betas[0]**count)
    direction *= lr
    if length > 5:
        np.sqrt(square, out=scratch)
        scratch += eps
        direction *= np.divide(math.sqrt(correction), scratch, out=scratch)
        direction *= math.sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length))
    x -= direction


class RAdam(RuleOptimizer):
    """Adam with rectified steps at the start (torch.optim.RAdam; Liu et al. 2019).

    Arguments and errors as Adam's.
    """
    settings = ("lr betas eps weight_decay maximize foreach capturable decoupled_weight_decay "
                "differentiable")
    arrays = ("exp_avg", "exp_avg_sq")
    rule = staticmethod(adapt_rectified)

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
                 decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False,
                 differentiable=False):
        super().__init__(params, locals())
