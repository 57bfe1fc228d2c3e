"""Averages of a model's weights over its training (torch.optim.swa_utils; Izmailov et al. 2018)."""
import math
from copy import deepcopy

from ..engine.core import no_grad
from ..nn.arguments import need
from ..nn.modules import Module
from ..nn.modules.learned import _BatchNorm
from ..ops.create import tensor
from .lr_scheduler.base import LRScheduler
from .lr_scheduler.cycles import per_group
from .optimizer import check

__all__ = ["AveragedModel", "SWALR", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
           "get_swa_multi_avg_fn", "update_bn"]


def _check_decay(decay):
    check(0 <= decay <= 1, f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.",
          "The usual one is 0.999.")


def get_swa_avg_fn():
    """A function of (average, new value, number averaged so far): the plain mean."""
    @no_grad
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)
    return swa_update


def get_ema_avg_fn(decay=0.999):
    """A function of (average, new value, number): the mean in which values fade by `decay`. Raises ValueError
    outside [0, 1]."""
    _check_decay(decay)

    @no_grad
    def ema_update(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param
    return ema_update


def _in_place(average):
    """A function of lists, from one of tensors; it writes into the first list's."""
    @no_grad
    def update(averaged_param_list, current_param_list, num_averaged):
        for averaged, current in zip(averaged_param_list, current_param_list, strict=True):
            averaged.copy_(average(averaged, current, num_averaged))
    return update


def get_swa_multi_avg_fn():
    """As `get_swa_avg_fn`'s, of lists; writes into the averages. The number's inverse is rounded to float32,
    as torch rounds it."""
    return _in_place(lambda own, new, count: own.lerp(new, float(1 / (count + 1))))


def get_ema_multi_avg_fn(decay=0.999):
    """As `get_ema_avg_fn`'s, of lists; writes into the averages."""
    return _in_place(get_ema_avg_fn(decay))


class AveragedModel(Module):
    """A copy of a model, `module`, whose parameters are the averages of those it is shown.

    avg_fn: of (average, new value, number averaged so far), by default the plain mean; multi_avg_fn: the same
    of lists, in place. use_buffers: buffers are averaged too, otherwise copied. Raises AssertionError for two
    functions.
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        need(avg_fn is None or multi_avg_fn is None, "Only one of avg_fn and multi_avg_fn should be "
             "provided\nLeave one out.", error=AssertionError)
        self.module = deepcopy(model) if device is None else deepcopy(model).to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    @no_grad
    def update_parameters(self, model):
        """Take the parameters of `model` into the averages."""
        def tensors(module):
            return [*module.parameters(), *(module.buffers() if self.use_buffers else ())]

        pairs = [(own.detach(), new.detach().to(own.device)) for own, new in
                 zip(tensors(self.module), tensors(model))]
        if self.n_averaged == 0:
            for own, new in pairs:
                own.copy_(new)
        elif self.multi_avg_fn is not None:
            for dtype in dict.fromkeys([own.dtype for own, _ in pairs]):
                alike = [pair for pair in pairs if pair[0].dtype is dtype]
                self.multi_avg_fn(*map(list, zip(*alike)), self.n_averaged)
        else:
            _in_place(self.avg_fn or get_swa_avg_fn())(*zip(*pairs), self.n_averaged)
        if not self.use_buffers:
            for own, new in zip(self.module.buffers(), model.buffers(), strict=True):
                own.copy_(new)
        self.n_averaged += 1


@no_grad
def update_bn(loader, model, device=None):
    """Give a model's batch normalisations the statistics of all batches of a loader: tensors, or lists whose
    first element is the input."""
    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not momenta:
        return
    training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None                  # the plain mean over all batches
    for input in loader:
        input = input[0] if isinstance(input, (list, tuple)) else input
        model(input if device is None else input.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """From each group's rate to `swa_lr`, one for all groups or a list, in `anneal_epochs`, then constant.

    anneal_strategy: "cos" or "linear". Raises ValueError for others, and for settings out of range.
    """

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for rate, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        check(anneal_strategy in ("cos", "linear"),
              f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}",
              "Pass one of them.")
        check(isinstance(anneal_epochs, int) and anneal_epochs >= 0,
              f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}", "Pass an int.")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step):
        """How much of the way is behind after that many steps."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self):
        """The next rate of each group, from its present one."""
        self._warn_outside_step()
        step = self._step_count - 1 if self.anneal_epochs else max(1, self._step_count - 1)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            rate, end = group["lr"], group["swa_lr"]
            first = end if before == 1 else (rate - before * end) / (1 - before)
            rates.append(end * now + first * (1 - now))
        return rates
