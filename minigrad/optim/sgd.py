"""Stochastic gradient descent: with momentum, with an average of what it visits, by signs alone."""
import numpy as np

from .optimizer import check
from .rule import RuleOptimizer, filled, scalar


def descend(x, g, buffer=None, *, lr, momentum, dampening, nesterov, first=False):
    """One step on bare arrays: b ← momentum · b + (1 − dampening) · g, at first g, then x ← x − lr · b."""
    if buffer is not None:
        if first:
            buffer[...] = g
        else:
            buffer *= momentum
            buffer += (1 - dampening) * g if dampening else g
        g = g + momentum * buffer if nesterov else buffer
    x -= lr * g


class SGD(RuleOptimizer):
    """Stochastic gradient descent (torch.optim.SGD; momentum after Sutskever et al. 2013, in torch's form).

    momentum, dampening: step along b ← momentum · b + (1 − dampening) · g, where the first b is g; nesterov:
    along g + momentum · b. weight_decay: this times the parameter is added to g. maximize: climb. foreach and
    fused choose between torch's implementations and change nothing here. Raises ValueError for settings out
    of range, NotImplementedError for differentiable=True.
    """
    settings = "lr momentum dampening weight_decay nesterov maximize foreach differentiable fused"
    checked = "lr momentum weight_decay"
    rule = staticmethod(descend)

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *,
                 maximize=False, foreach=None, differentiable=False, fused=None):
        super().__init__(params, locals())
        check(not nesterov or (momentum > 0 and dampening == 0),
              "Nesterov momentum requires a momentum and zero dampening", "Set momentum alone.")

    def names(self, group):
        return ("momentum_buffer",) if group["momentum"] else ()

    def start(self, param, group):
        return {"momentum_buffer": filled(param)}

    def plan(self, state, settings, first):
        return {"first": True} if first else {}


def descend_averaged(x, g, mean, *, lambd, eta, weight, **unused):
    """One step on bare arrays: x ← (1 − lambd · eta) · x − eta · g, and `mean` moves to x by `weight`."""
    x *= 1 - lambd * eta
    x -= eta * g
    if weight == 1:
        mean[...] = x
    else:
        mean += (x - mean) * weight


class ASGD(RuleOptimizer):
    """Descent with an average of the parameters, state "ax" (torch.optim.ASGD; Polyak and Juditsky 1992).

    The rate at step t is lr / (1 + lambd · lr · t)^alpha, and lambd also pulls parameters to 0; from step t0
    on the average is taken. weight_decay, maximize, foreach, capturable, errors: as Adam's.
    """
    settings = "lr lambd alpha t0 weight_decay foreach maximize differentiable capturable"
    checked = "lr weight_decay"
    arrays = ("ax",)
    rule = staticmethod(descend_averaged)

    def __init__(self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0, foreach=None,
                 maximize=False, differentiable=False, capturable=False):
        super().__init__(params, locals())

    def start(self, param, group):
        return {"step": scalar(0), "eta": scalar(float(group["lr"])), "mu": scalar(1), "ax": filled(param)}

    def plan(self, state, settings, first):
        told = {"eta": state["eta"].item(), "weight": state["mu"].item()}
        lr, count = settings["lr"], super().plan(state, settings, first)["count"]
        # The next step's; rounded before they are stored, as a loaded state may have the parameters' dtype.
        eta = scalar(lr / (1 + settings["lambd"] * lr * count) ** settings["alpha"])
        state["eta"].array[...] = eta.item()
        state["mu"].array[...] = scalar(1 / max(1, count - settings["t0"])).item()
        return told


def step_by_sign(x, g, previous, size, *, etas, step_sizes, **unused):
    """One step on bare arrays: where g keeps its sign, the step grows by etas[1], where it turns, it shrinks
    by etas[0] and none is made; else x ← x − size · sign(g)."""
    turn = g * previous
    size *= np.where(turn > 0, etas[1], np.where(turn < 0, etas[0], 1)).astype(size.dtype)
    np.clip(size, *step_sizes, out=size)
    previous[...] = np.where(turn < 0, 0, g)
    x -= np.sign(previous) * size


class Rprop(RuleOptimizer):
    """Steps by the gradient's sign, each element's as long as its sign lasts (torch.optim.Rprop; Riedmiller
    and Braun 1993).

    lr: the first step. etas: how steps shrink and grow. step_sizes: the smallest and the largest step.
    maximize, foreach, capturable, errors: as Adam's.
    """
    settings = "lr etas step_sizes foreach maximize differentiable capturable"
    checked = "lr etas"
    arrays = ("prev", "step_size")
    rule = staticmethod(step_by_sign)

    def __init__(self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *, capturable=False,
                 foreach=None, maximize=False, differentiable=False):
        super().__init__(params, locals())

    def start(self, param, group):
        return {**super().start(param, group), "step_size": filled(param, float(group["lr"]))}
