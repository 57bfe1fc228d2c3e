"""Schedulers of schedulers, and one that watches a metric."""
import math
import warnings
from bisect import bisect_right

from ..optimizer import check
from .base import EPOCH_DEPRECATED, LRScheduler, check_optimizer, rates_of, set_rate


class _Several(LRScheduler):
    """Schedulers of one optimizer."""
    _apart = "_schedulers"

    def _check(self, schedulers, optimizer):
        """Raises TypeError for what is no scheduler, ValueError for those that cannot be combined."""
        name = type(self).__name__
        for index, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name} at index {index} should have `optimizer` as its attribute.\n"
                                "Pass schedulers.")
            check(not isinstance(scheduler, ReduceLROnPlateau),
                  f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs "
                  f"to be specified when calling `step`, but got one at index {index} in the given "
                  "schedulers sequence.", "Call its step beside.")
            owner = scheduler.optimizer
            check(owner is optimizer,
                  f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                  f"{type(scheduler).__name__} at index {index} has {owner}, which is different from "
                  f"{type(optimizer).__name__}.", "Make them for one optimizer.")


class SequentialLR(_Several):
    """One scheduler after the other: the next from each epoch in `milestones` on (torch's SequentialLR).

    Raises ValueError for no schedulers, those of several optimizers, and milestones that are not one fewer.
    """

    def __init__(self, optimizer, schedulers, milestones, last_epoch=-1):
        check(len(schedulers) >= 1,
              f"{type(self).__name__} expects at least one scheduler, but got no scheduler.", "Pass a list.")
        self._check(schedulers, optimizer)
        check(len(milestones) == len(schedulers) - 1,
              "Sequential Schedulers expects number of schedulers provided to be one more than the number "
              f"of milestone points, but got number of schedulers {len(schedulers)} and the number of "
              f"milestones to be equal to {len(milestones)}",
              "A milestone is where the next scheduler begins.")
        self._schedulers, self._milestones = schedulers, milestones
        self.last_epoch, self.optimizer = last_epoch + 1, optimizer
        # Each scheduler has made its first step when it was made: only the first one's is to count.
        for group in optimizer.param_groups:
            set_rate(group, group["initial_lr"])
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched=None):
        """Take one epoch back from every scheduler within."""
        sched = self if sched is None else sched
        if hasattr(sched, "_schedulers"):
            for part in sched._schedulers:
                self.recursive_undo(part)
        elif hasattr(sched, "last_epoch"):
            sched.last_epoch -= 1

    def step(self):
        """Step the scheduler whose turn it is, which at its milestone starts at its epoch 0."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Several):
    """Schedulers that all step at each step, so that their factors multiply (torch's ChainedScheduler).

    Raises ValueError for no schedulers and for those of several optimizers.
    """

    def __init__(self, schedulers, optimizer=None):
        check(len(schedulers) >= 1, f"{type(self).__name__} expects at least one scheduler to be chained, "
              "but got no scheduler.", "Pass a list.")
        optimizer = optimizer or schedulers[0].optimizer
        self._check(schedulers, optimizer)
        self._schedulers, self.optimizer = schedulers, optimizer
        self._last_lr = rates_of(optimizer)

    def step(self):
        """Step every scheduler, in order."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = rates_of(self.optimizer)


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when a metric has not improved for more than `patience` epochs (torch's
    ReduceLROnPlateau).

    mode: "min" or "max", what is better. threshold: how much better counts, relative to the best for
    threshold_mode "rel", else "abs". cooldown: epochs to wait after a reduction. min_lr: a lower bound, or
    one for each group. eps: smaller reductions are left out. Raises ValueError for settings out of range.
    """

    def __init__(self, optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel",
                 cooldown=0, min_lr=0, eps=1e-8):
        check(factor < 1, "Factor should be < 1.0.", "Rates are multiplied by it.")
        check_optimizer(optimizer)
        self.factor, self.optimizer = factor, optimizer
        groups = len(optimizer.param_groups)
        many = isinstance(min_lr, (list, tuple))
        self.default_min_lr = None if many else min_lr
        self.min_lrs = list(min_lr) if many else [min_lr] * groups
        check(len(self.min_lrs) == groups, f"expected {groups} min_lrs, got {len(self.min_lrs)}",
              "Pass one per group, or one number.")
        check(mode in ("min", "max"), f"mode {mode} is unknown!", "Pass 'min' or 'max'.")
        check(threshold_mode in ("rel", "abs"), f"threshold mode {threshold_mode} is unknown!",
              "Pass 'rel' or 'abs'.")
        self.patience, self.cooldown, self.eps = patience, cooldown, eps
        self.last_epoch, self._last_lr = 0, rates_of(optimizer)
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.best, self.cooldown_counter, self.num_bad_epochs = self.mode_worse, 0, 0

    @property
    def in_cooldown(self):
        """Whether a reduction was made less than `cooldown` epochs ago."""
        return self.cooldown_counter > 0

    def _is_better(self, value):
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            bound = self.best * (1.0 + sign * self.threshold)
        else:
            bound = self.best + sign * self.threshold
        return sign * value > sign * bound

    def step(self, metrics, epoch=None):
        """Take note of the epoch's metric, a number or a Tensor of one element."""
        value = float(metrics)
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATED, UserWarning, stacklevel=2)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = rates_of(self.optimizer)

    def _reduce(self):
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due to a new param "
                    "group being added to the optimizer. Please modify the `min_lrs` field to match the "
                    "length of the `optimizer` param groups.\nAppend the new group's bound to it.")
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, bound in zip(groups, self.min_lrs, strict=True):
            rate = float(group["lr"])
            reduced = max(rate * self.factor, bound)
            if rate - reduced > self.eps:
                set_rate(group, reduced)
