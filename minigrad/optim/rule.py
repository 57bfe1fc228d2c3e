"""Optimizers that are a rule on bare arrays, element by element, and a table of settings."""
import math
from functools import partial

import numpy as np

from .. import dtypes
from ..backends.arrays import on_gpu
from ..backends.numpy.threads import parallel
from ..engine.core import TensorBase, plain, touch, wrap
from .optimizer import Optimizer, check

# Elements per call of an update rule, so that its temporaries stay small and are memory that was just in use.
PIECE = 1 << 18
# What chooses between torch's implementations, and no rule asks for.
SWITCHES = {"foreach", "capturable", "differentiable", "fused"}
NAMES = {"lr": "learning rate", "eps": "epsilon value"}


def check_settings(settings, names):
    """Raises what torch raises for the settings `names`, in that order, and refuses differentiable=True."""
    lr = settings["lr"]
    check(not isinstance(lr, TensorBase) or lr.numel() == 1, "Tensor lr must be 1-element", "Pass a number.")
    for name in names.split():
        value = settings[name]
        if name == "betas":
            for index, beta in enumerate(value):
                check(0 <= beta < 1, f"Invalid beta parameter at index {index}: {beta}", "0 ≤ beta < 1.")
        elif name == "etas":
            check(0 < value[0] < 1 < value[1], f"Invalid eta values: {value[0]}, {value[1]}",
                  "The first shrinks steps and is below 1, the second lets them grow.")
        else:
            check(0 <= value <= (1 if name == "rho" else math.inf),
                  f"Invalid {NAMES.get(name, name + ' value')}: {value}",
                  "0 ≤ rho ≤ 1." if name == "rho" else "Pass zero or more.")
    if settings.get("fused") and settings.get("foreach"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.\nLeave both out.")
    if settings.get("differentiable"):
        raise NotImplementedError("differentiable=True is not supported.\nWrite the step in operations.")


def update(rule, parameter, *state):
    """Run `rule(x, g, *state)`, which works element by element and in place, on the bare arrays: in pieces,
    on all threads, where they are large."""
    arrays = [plain(tensor) for tensor in (parameter, parameter.gradient, *state)]
    first = arrays[0]
    if on_gpu(first):
        rule(*arrays)
    elif not first.ndim or (first.size >= PIECE and all([a.flags.c_contiguous for a in arrays])):
        flat = [a.reshape(-1) for a in arrays]  # with a dimension, NumPy's results are arrays, not scalars

        def run(start, stop):
            for at in range(start, stop, PIECE):
                rule(*[a[at:min(at + PIECE, stop)] for a in flat])

        parallel(run, first.size, first.size)
    else:
        rule(*arrays)
    touch(parameter)


def filled(parameter, value=0):
    """State for `parameter`: that value in its shape, dtype and memory order."""
    return wrap(np.full_like(plain(parameter), value))


def scalar(value):
    """State that is one number: float64 where that is the default dtype, else float32, as torch's."""
    wide = dtypes.get_default_dtype() is dtypes.float64
    return wrap(np.array(value, np.float64 if wide else np.float32))


def directed(rule, x, g, *state, maximize, weight_decay, shrink, **settings):
    """`rule` for x times `shrink`, along the gradient, negative for `maximize`, plus weight_decay · x."""
    if maximize:
        g = -g
    if shrink != 1:
        x *= shrink
    if weight_decay:
        g = g + weight_decay * x
    rule(x, g, *state, **settings)


class RuleOptimizer(Optimizer):
    """An optimizer whose step is `rule(x, g, *arrays, **settings, count)` for each parameter, in place.

    settings: the names of the constructor's arguments that groups hold, in torch's order; checked: those that
    are checked, in torch's order; arrays: the state that the rule works on. A rule takes the settings that it
    uses by name and others as `**unused`.
    """
    settings, checked = "", "lr eps betas weight_decay"
    arrays: tuple = ()

    def __init__(self, params, given):
        defaults = {name: given[name] for name in self.settings.split()}
        check_settings(defaults, self.checked)
        super().__init__(params, defaults)

    def names(self, group):
        """The arrays that the settings of `group` ask for, in the rule's order."""
        return self.arrays

    def start(self, param, group):
        """The state of a parameter before its first step."""
        return {"step": scalar(0), **{name: filled(param) for name in self.names(group)}}

    def plan(self, state, settings, first):
        """What the rule is told at this step beside the settings; counts it."""
        count = state["step"].array
        count += 1
        return {"count": count.item()}

    def _update(self, group):
        settings = {}
        for name in self.settings.split():
            if name not in SWITCHES:    # as Python numbers: NumPy's would make float32 arithmetic wide
                value = group[name]
                many = isinstance(value, (tuple, list))
                settings[name] = tuple(map(float, value)) if many else float(value)
        names, rule = self.names(group), self.rule
        maximize, decay = settings.pop("maximize"), settings.pop("weight_decay", 0)
        decoupled = settings.pop("decoupled_weight_decay", False)
        if maximize or decay:                   # what all optimizers have in common; else not in the way
            rule = partial(directed, rule, maximize=maximize, weight_decay=0 if decoupled else decay,
                           shrink=1 - settings["lr"] * decay if decoupled else 1)
        rule = partial(rule, **settings)
        for param in group["params"]:
            if param.gradient is None:
                continue
            if not names:
                update(rule, param)
                continue
            state = self.state[param]
            first = [name for name in names if state.get(name) is None]
            if first:
                found = {name: value for name, value in state.items() if value is not None}
                state.update({**self.start(param, group), **found})
            told = self.plan(state, settings, first)
            update(partial(rule, **told) if told else rule, param, *[state[name] for name in names])
