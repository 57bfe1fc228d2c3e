"""A training run that can stop at any moment and go on as if it never had: all its state, in one file."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import minigrad

OWN = "epoch", "step", "random", "start"        # what a run keeps beside its parts


class Run:
    """All that a training run consists of, counted, saved and taken up again, to the bit.

        run = Run("runs/last.safetensors", model=model, optimizer=optimizer, loader=loader, every=100)
        run.resume()                                 # goes on where the file, if there is one, stops
        for epoch in run.epochs(10):                 # saves after each
            for x, y in run.batches():               # those that are left; saves after every hundredth
                ...

    path: where `save` writes, by default, and `resume` reads; None: nothing is saved unless `save` gets a
    path. loader: the DataLoader whose place is kept. every: how many batches between two saves within an
    epoch; 0: none. parts: whatever else the run consists of, by name: what has `state_dict` and
    `load_state_dict` (modules, optimizers, schedulers, ...), and lists and dicts of what `minigrad.save`
    takes, which are filled in place.

    Kept beside them: `epoch`, how many are finished; `step`, how many batches of this one were handed out;
    the random states of the library, of Python, of NumPy and of the loader's generators, now and at the
    epoch's first batch. A resumed epoch starts its loader from there and lets go what was had before, so
    that shuffles, random transforms and workers' seeds come as they would have. A run is taken up on either
    backend.

    Raises ValueError for a part with a name of the run's own, TypeError for a part that is none of the above,
    NotImplementedError for a loader with persistent workers, whose random states nobody can read.
    """

    library: Any = minigrad

    def __init__(self, path: str | os.PathLike[str] | None = None, *, loader: Any = None, every: int = 0,
                 **parts: Any) -> None:
        for name, part in parts.items():
            if name in OWN:
                raise ValueError(f"Run: the name {name} is the run's own\nCall the part otherwise.")
            if not isinstance(part, (list, dict)) and not hasattr(part, "load_state_dict"):
                raise TypeError(f"Run: {name} is a {type(part).__name__}\n"
                                "Pass what has state_dict and load_state_dict, or a list or a dict.")
        if getattr(loader, "persistent_workers", False):
            raise NotImplementedError("Run: persistent_workers=True is not supported\nLeave it out.")
        self.path, self.loader, self.every, self.parts = path, loader, every, parts
        self.epoch, self.step = 0, 0
        self.start: dict[str, Any] | None = None

    # What random numbers come next ------------------------------------------------------------------------

    def _generators(self) -> list[Any]:
        """Those that the loader draws from, each once; without any it draws from the library's."""
        sampler, batches = (getattr(self.loader, name, None) for name in ("sampler", "batch_sampler"))
        owners = self.loader, sampler, batches, getattr(batches, "sampler", None)
        found = {id(one): one for owner in owners if (one := getattr(owner, "generator", None)) is not None}
        return list(found.values())

    def random_states(self) -> dict[str, Any]:
        """Where the library's, Python's, NumPy's and the loader's random numbers stand."""
        version, words, normal = random.getstate()
        return {
            "library": self.library.get_rng_state(),
            **({"cuda": self.library.cuda.get_rng_state()} if self.library.cuda.is_initialized() else {}),
            "python": (version, np.array(words, np.uint32), normal),
            "numpy": np.random.get_state(),
            "loader": [generator.get_state() for generator in self._generators()],
        }

    def set_random_states(self, states: dict[str, Any]) -> None:
        """Puts them where `random_states` found them."""
        version, words, normal = states["python"]
        self.library.set_rng_state(states["library"])
        if "cuda" in states and self.library.cuda.is_initialized():
            self.library.cuda.set_rng_state(states["cuda"])
        random.setstate((version, tuple(words.tolist()), normal))
        np.random.set_state(states["numpy"])
        for generator, state in zip(self._generators(), states["loader"], strict=True):
            generator.set_state(state)

    # The loops --------------------------------------------------------------------------------------------

    def epochs(self, count: int) -> Iterator[int]:
        """The numbers, from 0, of the epochs that are left of ``count``. Each ends when the next is asked
        for: then `epoch` grows and the run is saved. It is saved before the first, too: a folder that cannot
        be written is told before any work is lost."""
        if self.path is not None and self.epoch < count:
            self.save()
        while self.epoch < count:
            yield self.epoch
            self.finish_epoch()
            if self.path is not None:
                self.save()

    def finish_epoch(self) -> None:
        """Counts the epoch as done."""
        self.epoch, self.step = self.epoch + 1, 0

    def batches(self) -> Iterator[Any]:
        """The batches of this epoch that are left, once an epoch. A batch that is handed out counts in
        `step`; the loop's body runs to its end before the run is saved.

        Raises ValueError where the loader has fewer batches than the run has had.
        """
        now = self.random_states()
        if self.step == 0:
            self.start = now
        else:
            assert self.start is not None
            self.set_random_states(self.start)
        batches = iter(self.loader)
        for had in range(self.step):
            if next(batches, self) is self:
                raise ValueError(f"Run: the loader has {had} batches, the run has had {self.step}\n"
                                 "Resume with the data and the batch size that it began with.")
        if self.step:
            self.set_random_states(now)
        for batch in batches:
            self.step += 1
            yield batch
            if self.every and self.path is not None and self.step % self.every == 0:
                self.save()

    # The file ---------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything, as `load_state_dict` takes it up."""
        parts = {name: part.state_dict() if hasattr(part, "state_dict") else part
                 for name, part in self.parts.items()}
        return {**parts, "epoch": self.epoch, "step": self.step, "random": self.random_states(),
                "start": self.start}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes up what `state_dict` gave. Raises ValueError where a part is missing or the loader has other
        generators, and what the parts' own `load_state_dict` raise."""
        held = state_dict if isinstance(state_dict, dict) else {}
        missing = [name for name in (*self.parts, *OWN) if name not in held]
        if missing:
            raise ValueError(f"Run: the state lacks {', '.join(missing)}\nIt is of another run.")
        if len(state_dict["random"]["loader"]) != len(self._generators()):
            raise ValueError("Run: the loader draws from other generators than it did\nIt is of another run.")
        for name, part in self.parts.items():
            if hasattr(part, "load_state_dict"):
                part.load_state_dict(state_dict[name])
            elif isinstance(part, list):
                part[:] = state_dict[name]
            else:
                part.clear()
                part.update(state_dict[name])
        self.epoch, self.step, self.start = state_dict["epoch"], state_dict["step"], state_dict["start"]
        self.set_random_states(state_dict["random"])

    def save(self, path: str | os.PathLike[str] | None = None, state: dict[str, Any] | None = None) -> None:
        """Writes ``state``, by default `state_dict()`, to ``path``, by default the run's own, at once and
        whole: a kill, a full disk or a power cut leaves the old file or the new one. Makes the folder. Call
        it at the end of a loop's body.

        Raises OSError, of the type that the system's error has, where the file cannot be written.
        """
        path = self._place(path)
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        self.library.save(self.state_dict() if state is None else state, path)

    def resume(self, path: str | os.PathLike[str] | None = None) -> bool:
        """Takes up the run in the file ``path``, by default its own; False where there is no such file.

        Raises RuntimeError for a damaged file, ValueError for one of another run, OSError for one that cannot
        be read.
        """
        path = self._place(path)
        if not os.path.exists(path):
            return False
        self.load_state_dict(self.library.load(path))
        return True

    def _place(self, path: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
        if path is None and self.path is None:
            raise ValueError("Run: where is the file?\nPass a path, here or to Run(...).")
        return self.path if path is None else path  # type: ignore[return-value]


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Inside, the model is in evaluation mode; afterwards each of its modules is in that which it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def seed_everything(library: Any, seed: int | None = None, workers: bool = False) -> int:
    """Seeds the library, whence loaders' workers have their seeds, Python and NumPy; returns the seed, which
    is drawn where it is None (lightning's seed_everything)."""
    seed = random.randrange(2**32) if seed is None else int(seed)
    library.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    return seed
