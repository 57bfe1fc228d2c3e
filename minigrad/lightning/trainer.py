"""Trainer: the loop, and the metrics that are told within it."""
import sys
from contextlib import contextmanager
from itertools import islice

from ..run import evaluating
from .callbacks import ModelCheckpoint, nothing

# Hooks of lightning's, of today and of before, that nothing here calls.
ABSENT = """test_step predict_step test_dataloader predict_dataloader configure_gradient_clipping
    configure_callbacks on_before_batch_transfer on_after_batch_transfer training_step_end training_epoch_end
    validation_step_end validation_epoch_end on_epoch_start on_epoch_end automatic_optimization""".split()


def refuse(names, owner, advice):
    if names:
        raise NotImplementedError(f"{owner}: {', '.join(names)} is not supported\n{advice}")


class Trainer:
    """Runs `fit` (lightning's Trainer), on the device that the module is on.

    callbacks: a list; there are no others, so pass a ModelCheckpoint and a TQDMProgressBar to have them.
    logger: what has `add_scalar(name, value, step)`, such as a SummaryWriter; it gets every value.
    fast_dev_run: so many batches (True: one) of one epoch, without logger, EarlyStopping, ModelCheckpoint.
    """
    should_stop = sanity_checking = in_batch = False
    samples, current_epoch = 1, 0
    global_step = property(lambda self: self.counts["global_step"])

    def __init__(self, *, max_epochs=1000, callbacks=(), logger=None, fast_dev_run=False, **others):
        refuse(others, "Trainer", "It takes max_epochs, callbacks, logger and fast_dev_run.")
        self.fast_dev_run, self.limit = bool(fast_dev_run), int(fast_dev_run) or sys.maxsize
        self.max_epochs, self.logger = (1, None) if fast_dev_run else (max_epochs, logger or None)
        heard = [one for one in callbacks if not (fast_dev_run and hasattr(one, "monitor"))]
        # Last those that save: what all others know by then is in the file.
        self.callbacks = sorted(heard, key=lambda one: isinstance(one, ModelCheckpoint))
        self.callback_metrics, self.progress_bar_metrics = {}, {}
        self.sums, self.counts = {}, {"global_step": 0}

    def call(self, hook, *args, **kwargs):
        """Tells the callbacks, then the module."""
        for callback in self.callbacks:
            getattr(callback, hook)(self, self.model, *args, **kwargs)
        getattr(self.model, hook)(*args, **kwargs)

    @contextmanager
    def stage(self, name):
        """Tells of its start and its end."""
        self.call(f"on_{name}_start")
        yield
        self.call(f"on_{name}_end")

    # Metrics ----------------------------------------------------------------------------------------------

    def log_metric(self, name, value, prog_bar=False, logger=True, on_step=None, on_epoch=None):
        """A metric, a number or a tensor of one. on_step: as it is, by default in training batches; on_epoch:
        its mean over the samples, by default elsewhere; both: as name_step and name_epoch, too."""
        on_step = self.in_batch if on_step is None else on_step
        on_epoch = not self.in_batch if on_epoch is None else on_epoch
        value = value.detach() if hasattr(value, "detach") else self.model.library.tensor(float(value))
        if on_step:
            self._tell(name, value, "_step" * on_epoch, prog_bar, logger)
        if on_epoch:
            total, weight, *_ = self.sums.get(name, (0, 0))
            self.sums[name] = [total + value * self.samples, weight + self.samples,
                               "_epoch" * on_step, prog_bar, logger]

    def _tell(self, name, value, ending, prog_bar, logger):
        self.callback_metrics[name] = self.callback_metrics[name + ending] = value
        if prog_bar:
            self.progress_bar_metrics[name + ending] = value
        if logger and self.logger and not self.sanity_checking:
            self.logger.add_scalar(name + ending, float(value), self.global_step)

    def _tell_means(self):
        for name, (total, weight, *how) in self.sums.items():
            self._tell(name, total / weight, *how)
        self.sums.clear()

    # The loop ---------------------------------------------------------------------------------------------

    def fit(self, model, train_dataloaders=None, val_dataloaders=None, *, ckpt_path=None):
        """Trains until max_epochs are done, from the beginning or from the checkpoint ckpt_path. Raises
        NotImplementedError for a hook that is not called here, OSError where a file cannot be read or
        written."""
        refuse([name for name in ABSENT if hasattr(model, name)], type(model).__name__, "Leave it out.")
        self.model, model.trainer, self.val_loader = model, self, val_dataloaders
        model.prepare_data()
        self.call("setup", stage="fit")
        checkpoint = model.library.load(ckpt_path) if ckpt_path else None
        if checkpoint:
            self.call("on_load_checkpoint", checkpoint)
        model.configure_model()
        self.optimizer, self.scheduler = self._configured(model.configure_optimizers())
        try:
            with self.stage("fit"):
                self._train(train_dataloaders, checkpoint)
        except BaseException as error:
            self.call("on_exception", error)
            raise
        self.call("teardown", stage="fit")

    def _configured(self, made):
        if isinstance(made, dict):
            made = [made["optimizer"]], [made.get("lr_scheduler")]
        [optimizer], [scheduler] = made if isinstance(made, tuple) else ([made], [None])
        wrong = [repr(one) for one in (optimizer, scheduler or optimizer) if not hasattr(one, "step")]
        refuse(wrong, "configure_optimizers", "Return an optimizer, and a scheduler that steps after epochs.")
        return optimizer, scheduler

    def _train(self, loader, checkpoint):
        model = self.model
        model.zero_grad()
        validates = model.validation_step and (self.val_loader or type(model).val_dataloader is not nothing)
        if validates and not checkpoint and not self.fast_dev_run:
            self._check_sanity()
        parts = {"lr_schedulers": self.scheduler} if self.scheduler else {}
        run = self.run = model.library.Run(
            loader=loader or model.train_dataloader(), state_dict=model, optimizer_states=self.optimizer,
            counts=self.counts, sums=self.sums, metrics=self.callback_metrics, **parts,
            **{one.state_key: one for one in self.callbacks})
        if checkpoint:
            run.load_state_dict(checkpoint)
        self.current_epoch, self.num_training_batches = run.epoch, min(len(run.loader), self.limit)
        with self.stage("train"):
            while run.epoch < self.max_epochs and not self.should_stop:
                with self.stage("train_epoch"):
                    self._loop("train", run.batches(), self._optimize, self.limit)
                    if validates:
                        self._validate(self.limit)
                    self._tell_means()
                self._tell_means()
                run.finish_epoch()
                self.call("after_epoch")
                self.current_epoch = run.epoch

    def _loop(self, stage, batches, step, limit):
        for number, batch in enumerate(islice(batches, limit), self.run.step if stage == "train" else 0):
            batch = first = self.model.transfer_batch_to_device(batch, self.model.device, 0)
            while isinstance(first, (list, tuple)):
                first = first[0]
            self.in_batch, self.samples = stage == "train", len(first)
            self.call(f"on_{stage}_batch_start", batch, number)
            self.call(f"on_{stage}_batch_end", step(batch, number), batch, number)
            self.in_batch, self.samples = False, 1
            if stage == "train":
                self.call("after_batch")

    def _optimize(self, batch, number):
        model, optimizer, where, outputs = self.model, self.optimizer, (self.current_epoch, number), {}

        def closure():
            made = model.training_step(batch, number)
            outputs.update(made if isinstance(made, dict) else {"loss": made})
            self.call("on_before_zero_grad", optimizer)
            model.optimizer_zero_grad(*where, optimizer)
            self.call("on_before_backward", outputs["loss"])
            model.backward(outputs["loss"])
            self.call("on_after_backward")
            self.call("on_before_optimizer_step", optimizer)
            return outputs["loss"]
        model.optimizer_step(*where, optimizer, closure)
        self.counts["global_step"] += 1
        if self.scheduler and number + 1 == self.num_training_batches:
            model.lr_scheduler_step(self.scheduler, None)
        return {**outputs, "loss": outputs["loss"].detach()}

    def _check_sanity(self):
        """A few batches of validation, so that its mistakes show before training; it leaves no trace."""
        run, self.sanity_checking = self.model.library.Run(), True
        states = run.random_states()
        with self.stage("sanity_check"):
            self._validate(2)
        self.sanity_checking = run.set_random_states(states)
        self.callback_metrics.clear()

    def _validate(self, limit):
        model, sums, self.sums = self.model, self.sums, {}
        if not self.sanity_checking:
            model.on_validation_model_zero_grad()
        self.val_loader = self.val_loader or model.val_dataloader()
        self.num_val_batches = min(len(self.val_loader), limit)
        with model.library.no_grad(), evaluating(model), self.stage("validation"):
            with self.stage("validation_epoch"):
                self._loop("validation", self.val_loader, model.validation_step, limit)
            self._tell_means()
        self.sums = sums

    def save_checkpoint(self, filepath):
        """Writes the whole run to a file, at once and whole; makes its folder."""
        state = self.run.state_dict()
        self.call("on_save_checkpoint", state)
        self.run.save(filepath, state)
