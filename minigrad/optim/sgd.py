"""Stochastic gradient descent, with momentum."""
from functools import partial

from .optimizer import Optimizer, check, check_settings, update, zeros_for


def descend(x, g, buffer=None, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """One step on bare arrays: b ← momentum · b + (1 − dampening) · g, then x ← x − lr · b.

    `dampening` None: the first step, which starts `buffer` at the gradient.
    """
    if maximize:
        g = -g
    if weight_decay:
        g = g + weight_decay * x
    if buffer is not None:
        if dampening is None:
            buffer[...] = g
        else:
            buffer *= momentum
            buffer += (1 - dampening) * g if dampening else g
        g = g + momentum * buffer if nesterov else buffer
    x -= lr * g


class SGD(Optimizer):
    """Stochastic gradient descent (torch.optim.SGD; momentum after Sutskever et al. 2013, in torch's form).

    momentum, dampening: step along b ← momentum · b + (1 − dampening) · g, where the first b is g; nesterov:
    along g + momentum · b. weight_decay: this times the parameter is added to g. maximize: climb. foreach and
    fused choose between torch's implementations and change nothing here. Raises ValueError for settings out
    of range, NotImplementedError for differentiable=True.
    """

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *,
                 maximize=False, foreach=None, differentiable=False, fused=None):
        check_settings(lr, weight_decay, foreach, fused, differentiable)
        check(momentum >= 0, f"Invalid momentum value: {momentum}", "Pass zero or more.")
        check(not nesterov or (momentum > 0 and dampening == 0),
              "Nesterov momentum requires a momentum and zero dampening", "Set momentum alone.")
        super().__init__(params, {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay,
            "nesterov": nesterov, "maximize": maximize, "foreach": foreach, "differentiable": differentiable,
            "fused": fused})

    def _update(self, group):
        settings = {name: float(group[name]) for name in ("lr", "momentum", "dampening", "weight_decay")}
        rule = partial(descend, **settings, nesterov=group["nesterov"], maximize=group["maximize"])
        for param in group["params"]:
            if param.gradient is None:
                continue
            if not settings["momentum"]:
                update(rule, param)
                continue
            state = self.state[param]
            if state.get("momentum_buffer") is not None:
                update(rule, param, state["momentum_buffer"])
            else:
                state["momentum_buffer"] = zeros_for(param)
                update(partial(rule, dampening=None), param, state["momentum_buffer"])
