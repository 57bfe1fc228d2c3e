"""Callback, and those that people reach for."""
import math
import re
from functools import partial
from pathlib import Path

# What a Trainer tells its callbacks, then its module: lightning's hooks; after_batch and after_epoch once all
# have heard of the end, when the run is as a checkpoint should have it.
STAGES = "fit sanity_check train train_epoch train_batch validation validation_epoch validation_batch".split()
EVENTS = [f"on_{stage}_{edge}" for stage in STAGES for edge in ("start", "end")] + """setup teardown
    on_before_zero_grad on_before_backward on_after_backward on_before_optimizer_step on_save_checkpoint
    on_load_checkpoint on_exception after_batch after_epoch""".split()


def nothing(self, *args, **kwargs):
    """A hook: called by the Trainer; does nothing unless a subclass defines it."""


class Hooks:
    """Has all hooks, each doing nothing."""


for _name in EVENTS:
    setattr(Hooks, _name, nothing)


class Callback(Hooks):
    """Define any hook of EVENTS: each takes (self, trainer, pl_module, ...) (lightning's Callback).

    The attributes named in `kept` are a part of the run, under the callback's `state_key`.
    """
    kept: tuple[str, ...] = ()
    state_key = property(lambda self: " ".join([type(self).__qualname__, *(
        str(vars(self)[name]) for name in ("monitor", "mode", "every_n_train_steps") if name in vars(self))]))

    def state_dict(self):
        return {name: getattr(self, name) for name in self.kept}

    def load_state_dict(self, state_dict):
        vars(self).update(state_dict)


def _loss(callback, trainer):
    """The metric that a callback monitors, so that less is better."""
    name, known, sign = callback.monitor, trainer.callback_metrics, {"min": 1, "max": -1}
    if name not in known or callback.mode not in sign:
        raise RuntimeError(f"{type(callback).__name__} conditioned on metric `{name}` ({callback.mode}) that"
                           f" is not available\nMetrics: {', '.join(known)}. Modes: min, max.")
    value = sign[callback.mode] * float(known[name])
    return math.inf if math.isnan(value) else value


class EarlyStopping(Callback):
    """Stops where for `patience` epochs the metric was not better by min_delta, or is not finite."""
    kept = "wait_count", "stopped_epoch", "best_loss", "stopped"

    def __init__(self, monitor, min_delta=0.0, patience=3, mode="min"):
        self.monitor, self.min_delta, self.patience, self.mode = monitor, min_delta, patience, mode
        self.wait_count, self.stopped_epoch, self.best_loss, self.stopped = 0, 0, math.inf, False

    def on_train_start(self, trainer, pl_module):
        trainer.should_stop |= self.stopped     # a run that had stopped when it was saved

    def after_epoch(self, trainer, pl_module):
        loss = _loss(self, trainer)
        better = loss < self.best_loss - self.min_delta
        self.best_loss, self.wait_count = (loss, 0) if better else (self.best_loss, self.wait_count + 1)
        if self.wait_count >= self.patience or not math.isfinite(loss):
            trainer.should_stop, self.stopped, self.stopped_epoch = True, True, trainer.current_epoch


class ModelCheckpoint(Callback):
    """Saves the run after every epoch or `every_n_train_steps`: the `save_top_k` best by `monitor` (-1: all;
    without a monitor the latest), and last.ckpt with save_last. `best_model_path` names the best file."""
    kept = "best_k_models", "best_model_path", "last_model_path"

    def __init__(self, dirpath="checkpoints", filename="{epoch}-{step}", monitor=None, save_last=False,
                 save_top_k=1, mode="min", every_n_train_steps=None):
        self.dirpath, self.filename, self.monitor, self.mode = dirpath, filename, monitor, mode
        self.save_last, self.save_top_k, self.every_n_train_steps = save_last, save_top_k, every_n_train_steps
        self.best_k_models, self.best_model_path, self.last_model_path = {}, "", ""

    def after_batch(self, trainer, pl_module):
        if self.every_n_train_steps and trainer.global_step % self.every_n_train_steps == 0:
            self._save(trainer)

    def after_epoch(self, trainer, pl_module):
        if not self.every_n_train_steps:
            self._save(trainer)

    def _save(self, trainer):
        known = {**trainer.callback_metrics, "epoch": trainer.current_epoch, "step": trainer.global_step}
        name = re.sub(r"{(\w+):?([^}]*)}", lambda m: f"{m[1]}={format(known[m[1]], m[2])}", self.filename)
        path = str(Path(self.dirpath, f"{name}.ckpt"))
        loss = _loss(self, trainer) if self.monitor else -trainer.global_step
        ranked = sorted({**self.best_k_models, path: loss}.items(), key=lambda pair: pair[1])
        kept = len(ranked) if self.save_top_k < 0 else self.save_top_k
        self.best_k_models = dict(ranked[:kept])
        self.best_model_path = next(iter(self.best_k_models), "")
        if path in self.best_k_models:
            trainer.save_checkpoint(path)
            for old, _ in ranked[kept:]:
                Path(old).unlink(missing_ok=True)   # gone where a run goes on that was killed here
        if self.save_last:
            self.last_model_path = str(Path(self.dirpath, "last.ckpt"))
            trainer.save_checkpoint(self.last_model_path)


class TQDMProgressBar(Callback):
    """Bars of tqdm, on stderr; override `init_train_tqdm`, `init_validation_tqdm`, `init_sanity_tqdm`."""

    def __init__(self, refresh_rate=1):
        from tqdm import tqdm
        self.tqdm = partial(tqdm, miniters=refresh_rate, disable=not refresh_rate)

    def init_train_tqdm(self):
        return self.tqdm(desc="Training")

    def init_validation_tqdm(self):
        return self.tqdm(desc="Validation", position=1, leave=False)

    def init_sanity_tqdm(self):
        return self.tqdm(desc="Sanity Checking", leave=False)

    def on_train_start(self, trainer, pl_module):
        self.train_progress_bar = self.init_train_tqdm()

    def on_train_epoch_start(self, trainer, pl_module):
        self.train_progress_bar.reset(trainer.num_training_batches)
        self.train_progress_bar.set_description(f"Epoch {trainer.current_epoch}")

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.train_progress_bar.update(batch_idx + 1 - self.train_progress_bar.n)

    def on_train_epoch_end(self, trainer, pl_module):
        shown = {name: float(value) for name, value in trainer.progress_bar_metrics.items()}
        self.train_progress_bar.set_postfix(shown)

    def on_train_end(self, trainer, pl_module):
        self.train_progress_bar.close()

    def on_validation_start(self, trainer, pl_module):
        make = self.init_sanity_tqdm if trainer.sanity_checking else self.init_validation_tqdm
        self.val_progress_bar = make()
        self.val_progress_bar.reset(trainer.num_val_batches)

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.val_progress_bar.update()

    def on_validation_end(self, trainer, pl_module):
        self.val_progress_bar.close()
