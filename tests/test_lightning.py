"""minigrad.lightning on both libraries: the order of hooks, metrics, checkpoints, errors."""

import math
import re

import pytest

import minigrad
import torch_backend
from minigrad.lightning.callbacks import EVENTS

LIBRARIES = {"numpy": minigrad, "torch": torch_backend}
BOTH = pytest.mark.parametrize("B", LIBRARIES.values(), ids=LIBRARIES)

VALIDATION = ["on_validation_start", "on_validation_epoch_start", *2 * [
    "transfer_batch_to_device", "on_validation_batch_start", "validation_step", "on_validation_batch_end"],
    "on_validation_epoch_end", "on_validation_end"]  # fmt: skip
BATCH = ["transfer_batch_to_device", "on_train_batch_start", "optimizer_step", "training_step",
         "on_before_zero_grad", "optimizer_zero_grad", "on_before_backward", "backward", "on_after_backward",
         "on_before_optimizer_step"]  # fmt: skip
EPOCH = ["on_train_epoch_start", *BATCH, "on_train_batch_end", *BATCH, "lr_scheduler_step",
         "on_train_batch_end", "on_validation_model_zero_grad", *VALIDATION, "on_train_epoch_end",
         "on_save_checkpoint"]  # fmt: skip
# As lightning 2.5 calls them, told of a module's methods; a callback hears of those in EVENTS just before it.
FIT = ["prepare_data", "setup", "configure_model", "configure_optimizers", "on_fit_start",
       "on_sanity_check_start", "val_dataloader", *VALIDATION, "on_sanity_check_end", "train_dataloader",
       "on_train_start", *2 * EPOCH, "on_train_end", "on_fit_end", "teardown"]  # fmt: skip
METHODS = sorted({*FIT, *EVENTS})


def loader(B, count, **options):
    inputs = B.randn(count, 3, generator=B.Generator().manual_seed(1))
    tools, targets = B.utils.data, (inputs.sum(1) > 0).long()
    return tools.DataLoader(tools.TensorDataset(inputs, targets), 4, **options)


def module(B, **methods):
    """A module that learns something; `methods` replace its own."""
    class Module(B.lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = B.nn.Linear(3, 2)

        def training_step(self, batch, batch_idx):
            loss = B.nn.functional.cross_entropy(self.network(batch[0]), batch[1])
            self.log("loss", loss, on_step=True, on_epoch=True, prog_bar=True)
            return loss

        def validation_step(self, batch, batch_idx):
            self.log("val_loss", B.nn.functional.cross_entropy(self.network(batch[0]), batch[1]))

        def configure_optimizers(self):
            optimizer = B.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
            return {"optimizer": optimizer, "lr_scheduler": B.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)}

        def train_dataloader(self):
            return loader(B, 7)

        def val_dataloader(self):
            return loader(B, 6)

    B.manual_seed(0)
    return type("Module", (Module,), methods)()


def noting(cls, names, notes, mark=""):
    """A subclass of `cls` that notes the calls of its methods."""
    def method(name):
        def noted(self, *arguments, **named):
            notes.append(mark + name)
            return getattr(super(made, self), name)(*arguments, **named)
        return noted

    made = type(cls.__name__, (cls,), {name: method(name) for name in names})
    return made


class Values:
    """A logger, which keeps what it is told."""

    def __init__(self):
        self.rows = []

    def add_scalar(self, name, value, step):
        self.rows.append((name, value, step))


# -- the loop ----------------------------------------------------------------------------------------------


@BOTH
def test_the_order_of_hooks(B, tmp_path):
    notes, pl = [], B.lightning
    model = module(B)
    model.__class__ = noting(type(model), METHODS, notes)
    heard = noting(pl.Callback, EVENTS, notes, "callback ")()
    pl.Trainer(max_epochs=2, callbacks=[pl.ModelCheckpoint(tmp_path), heard]).fit(model)
    expected = []
    for name in FIT:
        expected += ["callback " + name] * (name in EVENTS) + [name]
    notes = [name for name in notes if "after_" not in name or "backward" in name]      # not lightning's
    assert notes == expected
    assert {"on_exception", "on_load_checkpoint", "after_batch", "after_epoch"} == set(EVENTS) - set(notes)


def test_both_libraries_learn_the_same():
    found = {}
    for name, B in LIBRARIES.items():
        trainer, model = B.lightning.Trainer(max_epochs=3, logger=Values()), module(B).double()
        model.transfer_batch_to_device = lambda batch, *_: [batch[0].double(), batch[1]]
        trainer.fit(model)
        found[name] = [*trainer.logger.rows, *model.network.weight.flatten().tolist()]
        assert trainer.current_epoch == 3 and trainer.global_step == 6
        assert {row[0] for row in trainer.logger.rows} == {"loss_step", "loss_epoch", "val_loss"}
        assert set(trainer.callback_metrics) == {"loss", "loss_step", "loss_epoch", "val_loss"}
        assert set(trainer.progress_bar_metrics) == {"loss_step", "loss_epoch"}
    ours, theirs = ([number for row in rows for number in (row[1:] if isinstance(row, tuple) else [row])]
                    for rows in found.values())
    assert ours == pytest.approx(theirs, rel=1e-12) and len(ours) == 2 * (6 + 3 + 3) + 6


@BOTH
def test_means_weigh_by_samples_and_defaults_follow_the_hook(B):
    def training_step(self, batch, batch_idx):
        self.log_dict({"size": float(len(batch[0])), "mean": len(batch[0])}, on_epoch=True)
        self.log("now", batch_idx)
        return self.network(batch[0]).sum()

    def on_train_epoch_end(self):
        self.log("late", 5)

    trainer = B.lightning.Trainer(max_epochs=1, logger=Values())
    trainer.fit(module(B, training_step=training_step, on_train_epoch_end=on_train_epoch_end))
    known = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert known["mean"] == pytest.approx((4 * 4 + 3 * 3) / 7) and known["mean_step"] == 3
    assert known["now"] == 1 and known["late"] == 5
    assert ("now", 0.0, 0) in trainer.logger.rows and ("now", 1.0, 1) in trainer.logger.rows


@BOTH
def test_validation_leaves_modes_gradients_and_random_numbers(B):
    states = []

    def validation_step(self, batch, batch_idx):
        assert not self.network.training and not B.is_grad_enabled()

    def on_train_start(self):
        states.append(B.rand(1).item())

    for methods in ({"validation_step": validation_step}, {"validation_step": None}):
        model = module(B, **methods, on_train_start=on_train_start)
        model.frozen = B.nn.Dropout().eval()
        B.lightning.Trainer(max_epochs=1).fit(model, loader(B, 8), loader(B, 8, shuffle=True))
        assert model.network.training and not model.frozen.training
    assert states[0] == states[1]


@BOTH
def test_fast_dev_run(B, tmp_path):
    seen = []

    def training_step(self, batch, batch_idx):
        seen.append(batch_idx)
        self.log("val", math.nan)
        return self.network(batch[0]).sum()

    pl, writer = B.lightning, Values()
    stop, save = pl.EarlyStopping("val"), pl.ModelCheckpoint(tmp_path)
    pl.Trainer(fast_dev_run=True, max_epochs=9, logger=writer, callbacks=[stop, save]).fit(
        module(B, training_step=training_step))
    assert seen == [0] and not writer.rows and not list(tmp_path.iterdir())


@BOTH
def test_seed_everything(B):
    import random

    import numpy as np

    def draw():
        return random.random(), np.random.rand(), B.rand(1).item()

    states = B.Run().random_states()
    try:
        assert B.lightning.seed_everything(7) == 7
        first = draw()
        assert B.lightning.seed_everything(7, workers=True) == 7 and draw() == first
        assert B.lightning.seed_everything() != B.lightning.seed_everything()
    finally:
        B.Run().set_random_states(states)


# -- callbacks ---------------------------------------------------------------------------------------------


def scores(values):
    """A hook that logs one value an epoch."""
    return {"on_validation_epoch_end": lambda self: self.log("score", values[self.current_epoch])}


@BOTH
@pytest.mark.parametrize("options, values, epochs", [
    ({}, [5, 4, 4, 4, 4, 1], 5),
    ({"patience": 1}, [5, 4, 3, 4, 1, 1], 4),
    ({"min_delta": 1.5}, [5, 4, 3, 3, 2, 1], 6),
    ({"mode": "max", "patience": 2}, [1, 2, 1, 2, 3, 3], 4),
    ({}, [5, math.nan, 1, 1, 1, 1], 2),
])  # fmt: skip
def test_early_stopping(B, options, values, epochs):
    stop = B.lightning.EarlyStopping("score", **options)
    trainer = B.lightning.Trainer(max_epochs=6, callbacks=[stop])
    trainer.fit(module(B, **scores(values)))
    assert trainer.current_epoch == epochs
    assert stop.stopped == (epochs < 6) and stop.stopped_epoch == (epochs - 1 if epochs < 6 else 0)


@BOTH
@pytest.mark.parametrize("options, files, best", [
    ({}, ["epoch=3-step=8"], "epoch=3-step=8"),
    ({"monitor": "score"}, ["epoch=1-step=4"], "epoch=1-step=4"),
    ({"monitor": "score", "mode": "max"}, ["epoch=2-step=6"], "epoch=2-step=6"),
    ({"monitor": "score", "save_top_k": 2, "filename": "at-{epoch:02d}-{score:.1f}"},
     ["at-epoch=01-score=1.0", "at-epoch=03-score=1.5"], "at-epoch=01-score=1.0"),
    ({"save_top_k": -1}, [f"epoch={n}-step={2 * n + 2}" for n in range(4)], "epoch=3-step=8"),
    ({"every_n_train_steps": 3, "save_last": True}, ["epoch=2-step=6", "last"], "epoch=2-step=6"),
    ({"save_top_k": 0, "save_last": True}, ["last"], None),
])  # fmt: skip
def test_model_checkpoint(B, options, files, best, tmp_path):
    save = B.lightning.ModelCheckpoint(tmp_path, **options)
    values = [2.0, 1.0, 3.0, 1.5]
    model = module(B, **scores(values))
    B.lightning.Trainer(max_epochs=4, callbacks=[save]).fit(model)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.ckpt" for name in files]
    assert save.best_model_path == (str(tmp_path / f"{best}.ckpt") if best else "")
    if files[-1] == "last":
        return
    again = type(model).load_from_checkpoint(save.best_model_path)
    equal = (again.network.weight == model.network.weight).all()
    assert bool(equal) == ("step=8" in save.best_model_path)


@BOTH
def test_fit_goes_on_from_a_checkpoint(B, tmp_path):
    """From the end of an epoch and from amid one; a callback's own state and what hooks add come back."""
    pl = B.lightning

    class Counting(pl.Callback):
        kept = ("seen",)
        seen = 0

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            assert set(outputs) == {"loss"} and not outputs["loss"].requires_grad
            self.seen += 1

        def on_save_checkpoint(self, trainer, pl_module, checkpoint):
            checkpoint["mine"] = self.seen

        def on_load_checkpoint(self, trainer, pl_module, checkpoint):
            assert checkpoint["mine"] == checkpoint["counts"]["global_step"]

    def fit(epochs, folder, path=None):
        shuffled = loader(B, 7, shuffle=True, generator=B.Generator().manual_seed(2))
        counting, model = Counting(), module(B)
        saves = [pl.ModelCheckpoint(folder, every_n_train_steps=1, save_top_k=-1)]
        trainer = pl.Trainer(max_epochs=epochs, callbacks=[*saves, counting])
        trainer.fit(model, shuffled, loader(B, 5), ckpt_path=path)
        return model.network.weight.tolist(), counting.seen, trainer.global_step

    whole = fit(3, tmp_path / "a")
    assert whole[1:] == (6, 6)
    assert [fit(3, tmp_path / "b", tmp_path / f"a/{name}.ckpt") for name in (
        "epoch=0-step=1", "epoch=0-step=2", "epoch=2-step=5", "epoch=2-step=6")] == 4 * [whole]


@BOTH
def test_the_progress_bar(B, capsys):
    pytest.importorskip("tqdm")

    class Bar(B.lightning.TQDMProgressBar):
        def init_validation_tqdm(self):
            bar = super().init_validation_tqdm()
            bar.disable = True
            return bar

    B.lightning.Trainer(max_epochs=2, callbacks=[Bar()]).fit(module(B))
    shown = capsys.readouterr()
    assert not shown.out and "Sanity Checking" in shown.err
    assert re.search(r"Epoch 1: 100%\|.*2/2 .*loss_epoch=", shown.err)
    assert not re.search(r"Validation: *[1-9]", shown.err)


# -- errors ------------------------------------------------------------------------------------------------


@BOTH
def test_what_is_not_there_is_named(B, tmp_path):
    pl = B.lightning
    with pytest.raises(NotImplementedError, match=r"Trainer: devices is not supported\nIt takes max_epochs"):
        pl.Trainer(max_epochs=1, devices=2)
    for name in ("configure_gradient_clipping", "validation_epoch_end", "automatic_optimization"):
        with pytest.raises(NotImplementedError, match=f"Module: {name} is not supported\nLeave it out"):
            pl.Trainer(max_epochs=1).fit(module(B, **{name: None}))
    for made in (None, [1, 2]):
        with pytest.raises(NotImplementedError, match="configure_optimizers: "):
            pl.Trainer(max_epochs=1).fit(module(B, configure_optimizers=lambda self, made=made: made))
    with pytest.raises(RuntimeError, match=r"EarlyStopping conditioned on metric `nothing`.*\nMetrics: loss"):
        pl.Trainer(max_epochs=1, callbacks=[pl.EarlyStopping("nothing")]).fit(module(B))
    with pytest.raises(RuntimeError, match="Module is not attached to a `Trainer`"):
        module(B).log("loss", 1)
    with pytest.raises(AttributeError, match="test"):
        pl.Trainer().test(module(B))
    with pytest.raises(FileNotFoundError, match=r"missing\.ckpt"):
        pl.Trainer(max_epochs=1).fit(module(B), ckpt_path=tmp_path / "missing.ckpt")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        pl.Trainer(max_epochs=1, callbacks=[pl.ModelCheckpoint(tmp_path / "file/x")]).fit(module(B))


@BOTH
def test_exceptions_are_told(B):
    told = []

    class Told(B.lightning.Callback):
        def on_exception(self, trainer, pl_module, exception):
            told.append(exception)

    def training_step(self, batch, batch_idx):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        B.lightning.Trainer(max_epochs=1, callbacks=[Told()]).fit(module(B, training_step=training_step))
    assert isinstance(told[0], ZeroDivisionError)
