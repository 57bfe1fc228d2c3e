"""Steps scaled, element by element, by the squares of past gradients: Adagrad, Adadelta, RMSprop."""
import numpy as np

from ..backends.numpy import average, average_square
from .rule import RuleOptimizer, filled, scalar


def scale_by_sum(x, g, total, *, lr, lr_decay, eps, count, **unused):
    """One step on bare arrays: x ← x − lrₜ · g / (√s + eps), where s sums g²."""
    scratch = g * g
    total += scratch
    np.sqrt(total, out=scratch)
    scratch += eps
    step = g * (lr / (1 + (count - 1) * lr_decay))
    step /= scratch
    x -= step


class Adagrad(RuleOptimizer):
    """Steps divided by the root of the sum of squared gradients (torch.optim.Adagrad; Duchi et al. 2011).

    lr_decay: the rate at step t is lr / (1 + (t − 1) · lr_decay). initial_accumulator_value: where the sums
    start. eps, weight_decay, maximize, foreach, fused, errors: as Adam's.
    """
    settings = "lr lr_decay eps weight_decay initial_accumulator_value foreach maximize differentiable fused"
    checked = "lr lr_decay weight_decay initial_accumulator_value eps"
    arrays = ("sum",)
    rule = staticmethod(scale_by_sum)

    def __init__(self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10,
                 foreach=None, *, maximize=False, differentiable=False, fused=None):
        super().__init__(params, locals())
        for group in self.param_groups:         # torch's state dict has sums before the first step
            for param in group["params"]:
                self.state[param].update(self.start(param, self.defaults))

    def start(self, param, group):
        return {"step": scalar(0), "sum": filled(param, self.defaults["initial_accumulator_value"])}


def scale_by_ratio(x, g, square, moved, *, lr, rho, eps, **unused):
    """One step on bare arrays: x ← x − lr · d, d = √(u + eps) / √(v + eps) · g, with v and u the running
    means of g² and d²."""
    scratch = np.empty_like(x)
    average_square(square, g, rho, scratch)
    np.add(square, eps, out=scratch)
    np.sqrt(scratch, out=scratch)
    delta = moved + eps
    np.sqrt(delta, out=delta)
    delta /= scratch
    delta *= g
    average_square(moved, delta, rho, scratch)
    delta *= lr
    x -= delta


class Adadelta(RuleOptimizer):
    """Steps in proportion to those made before (torch.optim.Adadelta; Zeiler 2012).

    rho: how slowly the means of squared gradients and steps move. eps, weight_decay, maximize, foreach,
    capturable, errors: as Adam's.
    """
    settings = "lr rho eps weight_decay maximize capturable foreach differentiable"
    checked = "lr rho eps weight_decay"
    arrays = ("square_avg", "acc_delta")
    rule = staticmethod(scale_by_ratio)

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *, capturable=False,
                 maximize=False, differentiable=False):
        super().__init__(params, locals())


def scale_by_mean(x, g, square, *rest, lr, alpha, eps, momentum, centered, **unused):
    """One step on bare arrays: x ← x − lr · b, b ← momentum · b + g / (√v + eps), with v the running mean of
    g², less the square of g's, where `centered`."""
    scratch = np.empty_like(x)
    average_square(square, g, alpha, scratch)
    if centered:
        mean = rest[-1]
        average(mean, g, 1 - alpha)
        np.multiply(mean, mean, out=scratch)
        np.subtract(square, scratch, out=scratch)
        np.sqrt(scratch, out=scratch)
    else:
        np.sqrt(square, out=scratch)
    scratch += eps
    np.divide(g, scratch, out=scratch)
    if momentum > 0:
        buffer = rest[0]
        buffer *= momentum
        buffer += scratch
        np.multiply(buffer, lr, out=scratch)
    else:
        scratch *= lr
    x -= scratch


class RMSprop(RuleOptimizer):
    """Steps divided by the root of the mean squared gradient (torch.optim.RMSprop; Hinton 2012, centered:
    Graves 2013).

    alpha: how slowly the mean moves. centered: divide by the estimated deviation. momentum: of the scaled
    gradients. eps, weight_decay, maximize, foreach, capturable, errors: as Adam's.
    """
    settings = "lr momentum alpha eps centered weight_decay capturable foreach maximize differentiable"
    checked = "lr eps momentum weight_decay alpha"
    rule = staticmethod(scale_by_mean)

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False,
                 capturable=False, foreach=None, maximize=False, differentiable=False):
        super().__init__(params, locals())

    def names(self, group):
        return ("square_avg", *["momentum_buffer"] * (group["momentum"] > 0),
                *["grad_avg"] * bool(group["centered"]))
