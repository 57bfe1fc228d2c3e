"""What every scheduler shares: the epoch, the rates it set, its state and its warnings."""
import warnings
from types import FunctionType

from ...engine.core import TensorBase
from ..optimizer import Optimizer

_TOO_EARLY = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
    "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do "
    "this will result in PyTorch skipping the first value of the learning rate schedule. See more details at "
    "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate")
EPOCH_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Please use `scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from "
    "None, the closed form is used instead of the new chainable form, where available. Please open an issue "
    "if you are unable to replicate your use case: https://github.com/pytorch/pytorch/issues/new/choose.")


def check_optimizer(optimizer):
    """Raises TypeError for what is no optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer\nPass one of minigrad.optim.")


def copied(value):
    """A rate that later steps do not change."""
    return value.clone() if isinstance(value, TensorBase) else value


def rates_of(optimizer, key="lr"):
    """That setting of each group."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_rate(group, value):
    """Sets the rate; a Tensor that a group has is filled, so that whoever holds it sees the new rate."""
    if isinstance(group["lr"], TensorBase):
        group["lr"].fill_(float(value))
    else:
        group["lr"] = value


def _saved(part):
    """What a state dict holds of a scheduler, a function or a callable object, or a list of them."""
    if isinstance(part, (list, tuple)):
        return [_saved(one) for one in part]
    if isinstance(part, LRScheduler):
        return part.state_dict()
    return None if part is None or isinstance(part, FunctionType) else vars(part).copy()


def _restore(part, state):
    """Put back what `_saved` gave."""
    if isinstance(part, (list, tuple)):
        for one, its in zip(part, state, strict=True):
            _restore(one, its)
    elif isinstance(part, LRScheduler):
        part.load_state_dict(state)
    elif state is not None:
        vars(part).update(state)


class LRScheduler:
    """Sets `lr` in the optimizer's groups: once when made, then at each `step` (torch's LRScheduler).

    last_epoch: −1 starts anew; to go on, the groups need "initial_lr", as a loaded optimizer's have, else
    KeyError. A subclass has `get_lr`, which gives the next rate of each group and is called by `step`, and
    may have `_get_closed_form_lr`, which gives it from the epoch alone.
    """
    _get_lr_called_within_step = _is_initial = False
    _apart: str | None = None                   # the attribute with schedulers or functions

    def __init__(self, optimizer, last_epoch=-1):
        check_optimizer(optimizer)
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(f"param 'initial_lr' is not specified in param_groups[{number}] when resuming "
                               "scheduler with last_epoch >= 0.\nLoad the optimizer's state first.")
        self.optimizer = optimizer
        self.base_lrs = rates_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        if not hasattr(optimizer, "_scheduled"):
            optimizer._scheduled, optimizer._opt_called = True, False
        self._initial_step()

    def _initial_step(self):
        self._step_count, self._is_initial = 0, True
        self.step()
        self._is_initial = False

    def _warn_outside_step(self):
        if not self._get_lr_called_within_step:
            warnings.warn("To get the last learning rate computed by the scheduler, please use "
                          "`get_last_lr()`.", UserWarning, stacklevel=3)

    def state_dict(self):
        """Everything but the optimizer; of schedulers within their states, of callable objects their
        attributes, and nothing of functions."""
        state = {key: value for key, value in vars(self).items() if key not in ("optimizer", self._apart)}
        if self._apart:
            state[self._apart] = _saved(vars(self)[self._apart])
        return state

    def load_state_dict(self, state_dict):
        """Take up what `state_dict` gave; schedulers and functions stay those given when this was made."""
        own = {self._apart: vars(self)[self._apart]} if self._apart else {}
        vars(self).update({**state_dict, **own})
        for key, value in own.items():
            _restore(value, state_dict[key])

    def get_last_lr(self):
        """The rate of each group as this scheduler last set it."""
        return self._last_lr

    def get_lr(self):
        """The next rate of each group."""
        raise NotImplementedError(f"{type(self).__name__}.get_lr\nA subclass of LRScheduler defines it.")

    def step(self, epoch=None):
        """Set the rates of the next epoch, or, deprecated, of `epoch`; call it after the optimizer's step."""
        if self._step_count == 1 and not self.optimizer._opt_called:
            warnings.warn(_TOO_EARLY, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATED, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch=None):
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._set(self.get_lr if epoch is None else getattr(self, "_get_closed_form_lr", self.get_lr))

    def _set(self, rates):
        self._get_lr_called_within_step = True
        try:
            values = rates()
        finally:
            self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, values, strict=True):
            set_rate(group, rate)
        self._last_lr = rates_of(self.optimizer)
