"""Schedulers that multiply: each rate by one factor, from step to step or, in closed form, from the start."""
from bisect import bisect_right
from collections import Counter

from ..optimizer import check
from .base import LRScheduler, rates_of


class _Lambdas(LRScheduler):
    """A function of the epoch for each group."""
    _apart = "lr_lambdas"

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        check(len(self.lr_lambdas) == groups, f"Expected {groups} lr_lambdas, but got {len(self.lr_lambdas)}",
              "Pass one per group.")
        super().__init__(optimizer, last_epoch)

    def _scaled(self, rates):
        return [rate * f(self.last_epoch) for f, rate in zip(self.lr_lambdas, rates, strict=True)]


class LambdaLR(_Lambdas):
    """The initial rate times lr_lambda(epoch), one function for all groups or a list (torch's LambdaLR).

    Raises ValueError where the list has not one function per group.
    """

    def get_lr(self):
        """The next rate of each group."""
        self._warn_outside_step()
        return self._scaled(self.base_lrs)


class MultiplicativeLR(_Lambdas):
    """The last rate times lr_lambda(epoch), one function for all groups or a list (torch's MultiplicativeLR).

    Raises ValueError where the list has not one function per group, TypeError for what is no function.
    """

    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        for function in lr_lambda if isinstance(lr_lambda, (list, tuple)) else [lr_lambda]:
            if not callable(function):
                raise TypeError(f"lr_lambda should be a function, but got {type(function).__name__}\n"
                                "It is called with the epoch and returns a factor.")
        super().__init__(optimizer, lr_lambda, last_epoch)

    def get_lr(self):
        """The next rate of each group."""
        self._warn_outside_step()
        rates = rates_of(self.optimizer)
        return rates if self._is_initial else self._scaled(rates)


class _Factor(LRScheduler):
    """A subclass has `_factor()`, what the last rates are multiplied by, None where they stay, and
    `_factor_from_start()`, what the initial rates are multiplied by."""

    def get_lr(self):
        """The next rate of each group, from its present one."""
        self._warn_outside_step()
        rates, factor = rates_of(self.optimizer), self._factor()
        return rates if factor is None else [rate * factor for rate in rates]

    def _get_closed_form_lr(self):
        factor = self._factor_from_start()
        return [base * factor for base in self.base_lrs]


class StepLR(_Factor):
    """The rate times `gamma` every `step_size` epochs (torch's StepLR)."""

    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        return self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else None

    def _factor_from_start(self):
        return self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(_Factor):
    """The rate times `gamma` at each epoch in `milestones` (torch's MultiStepLR)."""

    def __init__(self, optimizer, milestones, gamma=0.1, last_epoch=-1):
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        times = self.milestones.get(self.last_epoch)
        return None if times is None else self.gamma ** times

    def _factor_from_start(self):
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), self.last_epoch)


class ConstantLR(_Factor):
    """The rate times `factor` until epoch `total_iters` (torch's ConstantLR).

    Raises ValueError for a factor outside [0, 1].
    """

    def __init__(self, optimizer, factor=1.0 / 3, total_iters=5, last_epoch=-1):
        check(not (factor > 1 or factor < 0),
              "Constant multiplicative factor expected to be between 0 and 1.", "To grow, use LambdaLR.")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else None

    def _factor_from_start(self):
        return self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)


class LinearLR(_Factor):
    """The rate times a factor that goes linearly from `start_factor` to `end_factor` in `total_iters` epochs
    (torch's LinearLR). Raises ValueError for factors outside (0, 1] and [0, 1]."""

    def __init__(self, optimizer, start_factor=1.0 / 3, end_factor=1.0, total_iters=5, last_epoch=-1):
        check(not (start_factor > 1 or start_factor <= 0), "Starting multiplicative factor expected to be "
              "greater than 0 and less or equal to 1.", "Rates are multiplied, so that 0 would stay 0.")
        check(not (end_factor > 1 or end_factor < 0),
              "Ending multiplicative factor expected to be between 0 and 1.", "To grow, use LambdaLR.")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)

    def _factor_from_start(self):
        done = min(self.total_iters, self.last_epoch)
        return self.start_factor + (self.end_factor - self.start_factor) * done / self.total_iters


class ExponentialLR(_Factor):
    """The rate times `gamma` every epoch (torch's ExponentialLR)."""

    def __init__(self, optimizer, gamma, last_epoch=-1):
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        return None if self._is_initial else self.gamma

    def _factor_from_start(self):
        return self.gamma ** self.last_epoch


class PolynomialLR(_Factor):
    """The rate times (1 − epoch / total_iters)^power, down to 0 (torch's PolynomialLR)."""

    def __init__(self, optimizer, total_iters=5, power=1.0, last_epoch=-1):
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def _factor(self):
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        left, before = (1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1))
        return (left / before) ** self.power

    def _factor_from_start(self):
        return (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
