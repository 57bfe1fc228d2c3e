"""Schedulers that go down and up again: cosines, triangles, one cycle."""
import math

from ..optimizer import check
from .base import LRScheduler, check_optimizer, copied, rates_of, set_rate


def per_group(name, optimizer, value):
    """One value for each group, from one for all or a list."""
    groups = len(optimizer.param_groups)
    values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
    check(len(values) == groups, f"{name} must have the same length as optimizer.param_groups. {name} has "
          f"{len(values)} values, param_groups has {groups}.", "Pass one per group, or one number.")
    return [copied(value) for value in values]


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
        self._warn_outside_step()
        rates, low, epoch = rates_of(self.optimizer), self.eta_min, self.last_epoch
        if self._is_initial:
            return rates
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:    # at the minimum, where the ratio is 0 / 0
            return [rate + (base - low) * (1 - math.cos(math.pi / self.T_max)) / 2
                    for rate, base in zip(rates, self.base_lrs, strict=True)]
        return [self._cosine(epoch) / self._cosine(epoch - 1) * (rate - low) + low for rate in rates]

    def _get_closed_form_lr(self):
        low = self.eta_min
        return [low + (base - low) * self._cosine(self.last_epoch) / 2 for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down to `eta_min` in `T_0` epochs, then anew, each time in T_mult times as many (torch's
    CosineAnnealingWarmRestarts; Loshchilov and Hutter 2016).

    `step` may be given a fraction of an epoch. Raises ValueError for settings out of range.
    """

    def __init__(self, optimizer, T_0, T_mult=1, eta_min=0.0, last_epoch=-1):
        check(T_0 > 0 and isinstance(T_0, int), f"Expected positive integer T_0, but got {T_0}",
              "It is the number of epochs to the first restart.")
        check(T_mult >= 1 and isinstance(T_mult, int), f"Expected integer T_mult >= 1, but got {T_mult}",
              "Each cycle is as many times longer than the last.")
        check(isinstance(eta_min, (float, int)),
              f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}", "Pass a number.")
        self.T_0, self.T_i, self.T_mult, self.eta_min, self.T_cur = T_0, T_0, T_mult, eta_min, last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        """The rate of each group at T_cur of T_i epochs."""
        self._warn_outside_step()
        low, cosine = self.eta_min, 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [low + (base - low) * cosine / 2 for base in self.base_lrs]

    def step(self, epoch=None):
        """Set the rates of the next epoch, or of `epoch`, which may lie between two."""
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = 0 if epoch is None else epoch
            check(epoch >= 0, f"Expected non-negative epoch, but got {epoch}", "Epochs count from 0.")
            self.T_i, self.T_cur = self._cycle_at(epoch)
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr)

    def _cycle_at(self, epoch):
        """The length of the cycle that `epoch` is in, and how far in it is."""
        if epoch < self.T_0:
            return self.T_0, epoch
        if self.T_mult == 1:
            return self.T_i, epoch % self.T_0
        cycle = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        start = self.T_0 * (self.T_mult**cycle - 1) / (self.T_mult - 1)
        return self.T_0 * self.T_mult**cycle, epoch - start


class _Momentum(LRScheduler):
    """Cycles the momentum, or the first of `betas`, against the rate."""

    def _start_momentum(self, highest, lowest, last_epoch):
        """Takes up the bounds, one per group or one for all; at the start the momentum is the highest."""
        optimizer = self.optimizer
        check("momentum" in optimizer.defaults or "betas" in optimizer.defaults,
              "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
              "Pass cycle_momentum=False.")
        self.use_beta1 = "betas" in optimizer.defaults
        bounds = per_group("base_momentum", optimizer, lowest), per_group("max_momentum", optimizer, highest)
        if last_epoch == -1:
            for group, low, high in zip(optimizer.param_groups, *bounds, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low
        return bounds

    def _set_momentum(self, group, value):
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_Momentum):
    """Straight up from base_lr to max_lr in step_size_up steps and down in step_size_down, over and over
    (torch's CyclicLR; Smith 2015); to be called after each batch.

    mode: "triangular"; "triangular2" halves the height every cycle; "exp_range" scales it by gamma^step.
    scale_fn: a function in its place, of the cycle's number, or of the step for scale_mode="iterations".
    cycle_momentum: momentum goes from max_momentum to base_momentum and back. Bounds are numbers or lists,
    one for each group. Raises ValueError for a wrong mode or length and for no momentum to cycle.
    """
    _apart = "_scale_fn_custom"

    def __init__(self, optimizer, base_lr, max_lr, step_size_up=2000, step_size_down=None, mode="triangular",
                 gamma=1.0, scale_fn=None, scale_mode="cycle", cycle_momentum=True, base_momentum=0.8,
                 max_momentum=0.9, last_epoch=-1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, base_lrs, strict=True):
                set_rate(group, rate)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        scale_modes = {"triangular": "cycle", "triangular2": "cycle", "exp_range": "iterations"}
        check(mode in scale_modes or scale_fn is not None, "mode is invalid and scale_fn is None",
              f"Modes are {', '.join(scale_modes)}.")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else scale_modes[mode]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._start_momentum(
                max_momentum, base_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x):
        """The height of cycle (or, scale_mode "iterations", step) `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self):
        """The next rate of each group; sets the momentum too."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in bounds:
                self._set_momentum(group, high - (high - low) * height * scale)
        return [low + (high - low) * height * scale
                for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]


class OneCycleLR(_Momentum):
    """Up from max_lr / div_factor to max_lr in the first pct_start of the steps, then down to a
    final_div_factor-th of where it began (torch's OneCycleLR; Smith and Topin 2017); to be called after each
    batch.

    Steps are total_steps, or epochs · steps_per_epoch. anneal_strategy: "cos" or "linear". three_phase: down
    to the start in as many steps as up, then on to the end. cycle_momentum: momentum goes from max_momentum
    to base_momentum and back. Raises ValueError for settings out of range and for a step too many.
    """

    def __init__(self, optimizer, max_lr, total_steps=None, epochs=None, steps_per_epoch=None, pct_start=0.3,
                 anneal_strategy="cos", cycle_momentum=True, base_momentum=0.85, max_momentum=0.95,
                 div_factor=25.0, final_div_factor=1e4, three_phase=False, last_epoch=-1):
        check_optimizer(optimizer)
        self.optimizer = optimizer
        check(total_steps is not None or (epochs is not None and steps_per_epoch is not None),
              "You must define either total_steps OR (epochs AND steps_per_epoch)", "Pass total_steps.")
        counts = ({"epochs": epochs, "steps_per_epoch": steps_per_epoch} if total_steps is None
                  else {"total_steps": total_steps})
        for name, count in counts.items():
            check(isinstance(count, int) and count > 0,
                  f"Expected positive integer {name}, but got {count}", "Convert it with int().")
        self.total_steps = math.prod(counts.values())
        check(0 <= pct_start <= 1 and isinstance(pct_start, float),
              f"Expected float between 0 and 1 pct_start, but got {pct_start}", "Write 0.0 for 0.")
        check(anneal_strategy in ("cos", "linear"),
              f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}",
              "Pass one of them.")
        top = float(pct_start * self.total_steps) - 1
        phases = [(top, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if three_phase:
            phases.append((float(2 * pct_start * self.total_steps) - 2,
                           "max_lr", "initial_lr", "base_momentum", "max_momentum"))
            phases.append((self.total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
        else:
            phases.append((self.total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"))
        keys = "end_step", "start_lr", "end_lr", "start_momentum", "end_momentum"
        self._schedule_phases = [dict(zip(keys, phase, strict=True)) for phase in phases]
        self._anneal_func_type = anneal_strategy
        highest = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, highest, strict=True):
                group["initial_lr"], group["max_lr"] = rate / div_factor, rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(max_momentum, base_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _between(self, start, end, part):
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self):
        """The next rate of each group; sets the momentum too."""
        self._warn_outside_step()
        step, start = self.last_epoch, 0.0
        check(step <= self.total_steps, f"Tried to step {step} times. The specified number of total steps is "
              f"{self.total_steps}", "Make the schedule as long as the training.")
        for phase in self._schedule_phases[:-1]:
            if step <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        part = (step - start) / (phase["end_step"] - start)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                self._set_momentum(group, self._between(
                    group[phase["start_momentum"]], group[phase["end_momentum"]], part))
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], part) for group in groups]
