"""A training run that is killed again and again: `python tests/kills.py BACKEND PROGRAM FOLDER KILLS SEED`.

Trains in a child process, which it kills with SIGKILL after a random number of steps and a random time, amid
a step or a save; the next child goes on with what the last one left. After KILLS kills the run is let end.
"""
import functools
import importlib
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

EPOCHS, BATCHES, COUNT = 9, 16, 62          # 62 samples in batches of 4: the last one is short
STEPS = EPOCHS * BATCHES


def library(backend):
    return importlib.import_module({"numpy": "minigrad", "torch": "torch_backend"}[backend])


class Noisy:
    """Samples whose transform draws from everything that programs draw from."""

    def __init__(self, B):
        generator = B.Generator().manual_seed(3)
        self.B, self.inputs = B, B.rand(COUNT, 6, generator=generator)
        self.targets = (self.inputs.sum(1) > 3).long()

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        noise = 0.1 * self.B.rand(6) + 0.1 * random.random() + 0.1 * np.random.rand()
        return self.inputs[index] + noise, self.targets[index]


def loaders(B, own_generator=True):
    """To train, shuffling with a generator of its own or the library's, and to validate."""
    noisy, tools = Noisy(B), B.utils.data
    generator = B.Generator().manual_seed(5) if own_generator else None
    return tools.DataLoader(noisy, 4, shuffle=True, generator=generator), tools.DataLoader(noisy, 16)


def network(B):
    nn = B.nn
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))


def seed(B):
    B.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


def loop(B, folder, after_step=lambda: None, own_generator=True):
    """The loop as people write it, with validation, around `Run`."""
    seed(B)
    loader, validation = loaders(B, own_generator)
    model, history = network(B), []
    optimizer = B.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = B.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
    criterion = B.nn.CrossEntropyLoss()
    run = B.Run(folder / "last.ckpt", loader=loader, every=1, model=model, optimizer=optimizer,
                scheduler=scheduler, history=history)
    run.resume()
    for _ in run.epochs(EPOCHS):
        model.train()
        for x, y in run.batches():
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
            after_step()
        scheduler.step()
        model.eval()
        with B.no_grad():
            history.append(sum(criterion(model(x), y).item() for x, y in validation))


def trainer(B, folder, after_step=lambda: None):
    """The same by a Trainer: saved after every step and every epoch, with the best kept and an early stop."""
    pl = B.lightning

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = network(B)

        def training_step(self, batch, batch_idx):
            loss = B.nn.functional.cross_entropy(self.network(batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch, batch_idx):
            self.log("val_loss", B.nn.functional.cross_entropy(self.network(batch[0]), batch[1]))

        def configure_optimizers(self):
            optimizer = B.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)
            return [optimizer], [B.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)]

        def on_train_batch_end(self, outputs, batch, batch_idx):
            after_step()

    pl.seed_everything(0)
    last, options = folder / "last.ckpt", {"dirpath": folder, "save_top_k": 0, "save_last": True}
    callbacks = [pl.ModelCheckpoint(**options, every_n_train_steps=1), pl.ModelCheckpoint(**options),
                 pl.ModelCheckpoint(folder, "best", "val_loss"), pl.EarlyStopping("val_loss", patience=5)]
    made = pl.Trainer(max_epochs=EPOCHS, callbacks=callbacks)
    made.fit(Module(), *loaders(B), ckpt_path=last if last.exists() else None)


PROGRAMS = {"loop": loop, "trainer": trainer}


def bytes_of(value):
    """What a checkpoint holds, its tensors and arrays as bytes."""
    if isinstance(value, dict):
        return {key: bytes_of(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [bytes_of(item) for item in value]
    return np.asarray(value).tobytes() if hasattr(value, "shape") else value


def main(backend, program, folder, kills, seed):
    """Prints how many children were killed, and how many of them while they wrote a file."""
    B, chance, folder = library(backend), random.Random(int(seed)), Path(folder)
    kills, done, parts = int(kills), 0, 0
    for left in range(kills, -1, -1):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            PROGRAMS[program](B, folder, functools.partial(os.write, writer, b"."))
            os._exit(0)
        os.close(writer)
        if left:
            for _ in range(chance.randint(0, (STEPS - done) // left)):
                done += len(os.read(reader, 1))
            time.sleep(chance.uniform(0, 0.004))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        done += len(os.read(reader, 4096))
        os.close(reader)
        assert os.WIFSIGNALED(status) if left else status == 0, status
        found = list(folder.glob("**/.minigrad-*.tmp"))
        parts += len(found)
        for path in found:
            path.unlink()
    print(kills, parts)


if __name__ == "__main__":
    main(*sys.argv[1:])
