"""Learning rates that change from epoch to epoch, by torch's recursions, so that schedulers compose."""
import math
import warnings
from types import FunctionType

from .optimizer import Optimizer

_TOO_EARLY = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
    "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do "
    "this will result in PyTorch skipping the first value of the learning rate schedule. See more details at "
    "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate")


class LRScheduler:
    """Sets `lr` in the optimizer's groups: once when made, then at each `step` (torch's LRScheduler).

    last_epoch: −1 starts anew; to go on, the groups need "initial_lr", as a loaded optimizer's have, else
    KeyError. A subclass has `get_lr`, which gives the next rate of each group and is called by `step`.
    """
    _get_lr_called_within_step = _is_initial = False

    def __init__(self, optimizer, last_epoch=-1):
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer\nPass one of minigrad.optim.")
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(f"param 'initial_lr' is not specified in param_groups[{number}] when resuming "
                               "scheduler with last_epoch >= 0.\nLoad the optimizer's state first.")
        self.optimizer, self.last_epoch = optimizer, last_epoch
        self.base_lrs = self._rates("initial_lr")
        if not hasattr(optimizer, "_scheduled"):
            optimizer._scheduled, optimizer._opt_called = True, False
        self._step_count, self._is_initial = 0, True
        self.step()
        self._is_initial = False

    def _rates(self, key="lr"):
        if key == "lr" and not self._get_lr_called_within_step:
            warnings.warn("To get the last learning rate computed by the scheduler, please use "
                          "`get_last_lr()`.", UserWarning, stacklevel=3)
        return [group[key] for group in self.optimizer.param_groups]

    def state_dict(self):
        """Everything but the optimizer."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state_dict):
        """Take up what `state_dict` gave."""
        vars(self).update(state_dict)

    def get_last_lr(self):
        """The rate of each group as this scheduler last set it."""
        return self._last_lr

    def get_lr(self):
        """The next rate of each group."""
        raise NotImplementedError(f"{type(self).__name__}.get_lr\nA subclass of LRScheduler defines it.")

    def step(self, epoch=None):
        """Set the rates of the next epoch; call it after the optimizer's step.

        Raises NotImplementedError for `epoch`, which torch deprecates.
        """
        if epoch is not None:
            raise NotImplementedError(f"{type(self).__name__}.step(epoch)\nCall step() once per epoch.")
        if self._step_count == 1 and not self.optimizer._opt_called:
            warnings.warn(_TOO_EARLY, UserWarning, stacklevel=2)
        self._step_count += 1
        self.last_epoch += 1
        self._get_lr_called_within_step = True
        self._last_lr = list(self.get_lr())
        self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate


class LambdaLR(LRScheduler):
    """The initial rate times lr_lambda(epoch), one function for all groups or a list (torch's LambdaLR).

    Raises ValueError where the list has not one function per group.
    """

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(lr_lambda)}\nPass one per group.")
        super().__init__(optimizer, last_epoch)

    def state_dict(self):
        """Everything but the optimizer and functions; of callable objects their attributes."""
        attributes = [None if isinstance(f, FunctionType) else vars(f).copy() for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": attributes}

    def load_state_dict(self, state_dict):
        """Take up what `state_dict` gave; functions stay those given when this was made."""
        vars(self).update({**state_dict, "lr_lambdas": self.lr_lambdas})
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"], strict=True):
            vars(function).update(attributes or {})

    def get_lr(self):
        """The next rate of each group."""
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class StepLR(LRScheduler):
    """The rate times `gamma` every `step_size` epochs (torch's StepLR)."""

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """The next rate of each group."""
        due = self.last_epoch and self.last_epoch % self.step_size == 0
        return [rate * self.gamma if due else rate for rate in self._rates()]


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the initial rate to `eta_min` in `T_max` epochs, then back up (torch's
    CosineAnnealingLR; Loshchilov and Hutter 2016)."""

    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def _cosine(self, epoch):
        return 1 + math.cos(math.pi * epoch / self.T_max)

    def get_lr(self):
        """The next rate of each group, from its present one."""
        rates, low, epoch = self._rates(), self.eta_min, self.last_epoch
        if self._is_initial:
            return rates
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:    # at the minimum, where the ratio is 0 / 0
            return [rate + (base - low) * (1 - math.cos(math.pi / self.T_max)) / 2
                    for rate, base in zip(rates, self.base_lrs, strict=True)]
        return [self._cosine(epoch) / self._cosine(epoch - 1) * (rate - low) + low for rate in rates]
