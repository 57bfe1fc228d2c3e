"""The generator behind `random.py`: a seed and its MT19937 stream, the default one, states as torch's."""
import contextlib
import math
import os
import threading

import numpy as np

from .backends.arrays import cupy_room
from .box_muller import D, F, libm
from .device import device as Device

DEFAULT_SEED = 67280421310721                   # of a new torch.Generator
STATE = np.dtype([("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("key", "<u8", 624),
                  ("unused", "<f8"), ("normal", "<f8"), ("unused_2", "<f8"), ("has_normal", "<i4"),
                  ("unused_3", "V12")])         # torch's 5056 bytes, so that states travel both ways


class Generator:
    """torch.Generator: a seed and its stream. Threads that share one never corrupt it.

    On "cuda" it is of a class of its own; raises RuntimeError where there is no such device. States are uint8
    arrays here; `tensor.py` sets the two hooks that make them Tensors for users.
    """
    __slots__ = ("device", "_seed", "_engine", "_normal", "_lock")
    state_to_tensor = staticmethod(np.asarray)
    state_to_array = staticmethod(np.asarray)

    def __new__(cls, device="cpu"):
        if cls is Generator and Device("cpu" if device is None else device).type == "cuda":
            cls = cupy_room().CudaGenerator
        return object.__new__(cls)

    def __init__(self, device="cpu"):
        self.device = "cpu"
        self._lock = threading.RLock()
        self.manual_seed(DEFAULT_SEED)

    def manual_seed(self, seed):
        """Start again at `seed`, an int from −2^63 (negative ones wrap) to 2^64 − 1; returns the generator.

        Raises torch's ValueError beyond that range, RuntimeError or TypeError for other types.
        """
        if isinstance(seed, np.integer):
            raise TypeError("an integer is required\nPass int(seed).")
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}\nPass an int.")
        if not -2**63 <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long\nPass a seed from -2**63 to 2**64 - 1.")
        with self._lock:
            self._seed, self._engine, self._normal = seed % 2**64, None, None
        return self

    def seed(self):
        """Start again at a seed from the operating system; returns it."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

    def initial_seed(self):
        """The seed that the stream started from."""
        return self._seed

    def _bits(self):
        # Made when first drawn from, so that importing minigrad does not import numpy.random.
        if self._engine is None:
            self._engine = np.random.MT19937(0)
            np.random.RandomState(self._engine).seed(self._seed % 2**32)
        return self._engine

    def words(self, n):
        """The next `n` 32-bit outputs, as uint64."""
        with self._lock:
            return self._bits().random_raw(n)

    def words64(self, n):
        """The next `n` pairs of outputs, the high half first, as uint64."""
        words = self.words(2 * n)
        return words[0::2] << np.uint64(32) | words[1::2]

    def u24(self, n):
        """`n` multiples of 2^-24 in [0, 1), float32."""
        return (self.words(n) & np.uint64(2**24 - 1)).astype(F) * F(2**-24)

    def u53(self, n):
        """`n` multiples of 2^-53 in [0, 1), float64."""
        return (self.words64(n) & np.uint64(2**53 - 1)).astype(D) * 2.0**-53

    def normal_pairs(self, n):
        """`n` standard normal float64 values, made two at a time; one left over waits for the next call."""
        with self._lock:
            kept = np.array([] if self._normal is None else [self._normal])
            u = self.u53(2 * ((n - len(kept) + 1) // 2))
            radius, angle = np.sqrt(-2.0 * libm(math.log1p, -u[1::2])), 2.0 * math.pi * u[0::2]
            pairs = np.stack([radius * libm(math.cos, angle), radius * libm(math.sin, angle)], 1)
            values = np.concatenate([kept, pairs.ravel()])
            self._normal = float(values[n]) if len(values) > n else None
            return values[:n]

    def get_state(self):
        """Where the stream stands: 5056 bytes, the same as torch's."""
        return self.state_to_tensor(self._get_state_array())

    def set_state(self, new_state):
        """Go where a state, minigrad's or torch's, says; returns the generator.

        Raises TypeError for another dtype, RuntimeError for another size or bytes that are no state.
        """
        self._set_state_array(self.state_to_array(new_state))
        return self

    def _get_state_array(self):
        with self._lock:
            at = self._bits().state["state"]
            position, state = at["pos"], np.zeros(1, STATE)
            # Before the first draw torch's position is 0 and NumPy's 624; only then is key[0] the seed.
            fresh = position == 624 and at["key"][0] == self._seed % 2**32
            state["seed"], state["seeded"], state["key"] = self._seed, 1, at["key"]
            state["next"], state["left"] = 0 if fresh else position, max(625 - position, 1)
            state["has_normal"], state["normal"] = self._normal is not None, self._normal or 0.0
            return state.view(np.uint8)

    def _set_state_array(self, array):
        if array.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor\nPass what get_state() returned.")
        if array.size != STATE.itemsize:
            raise RuntimeError(f"Expected a CPUGeneratorImplState of size {STATE.itemsize} but found the "
                               f"input RNG state size to be {array.size}\nPass what get_state() returned.")
        state = np.ascontiguousarray(array).reshape(-1).view(STATE)[0]
        left, position = int(state["left"]), int(state["next"])
        consistent = position == 625 - left or (position == 0 and left == 1)
        if not (state["seeded"] and 0 < left <= 624 and consistent):
            raise RuntimeError("Invalid mt19937 state\nPass what get_state() returned.")
        with self._lock:
            self._seed = int(state["seed"])
            self._normal = float(state["normal"]) if state["has_normal"] else None
            key = {"key": state["key"].astype(np.uint32), "pos": 625 - left}
            self._bits().state = {"bit_generator": "MT19937", "state": key}

    def __reduce__(self):
        return Generator, (self.device,), self._get_state_array()

    def __setstate__(self, array):
        self._set_state_array(array)


default_generator = Generator()
default_generator.seed()
on_gpu: list = []                               # the GPU's default generator, once the backend is loaded


def manual_seed(seed):
    """Start the default generator again at `int(seed)` and return it (torch.manual_seed)."""
    for generator in on_gpu:
        generator.manual_seed(int(seed))
    return default_generator.manual_seed(int(seed))


def seed():
    """Start the default generator again at a seed from the operating system; returns it (torch.seed)."""
    return manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()


def initial_seed():
    """The seed that the default generator started from (torch.initial_seed)."""
    return default_generator.initial_seed()


def get_rng_state():
    """Where the default generator stands (torch.get_rng_state)."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Put the default generator where `get_rng_state` found it (torch.set_rng_state)."""
    default_generator.set_state(new_state)


def generator_states():
    """Where all default generators stand, the CPU's and the GPU's: for `restore_states`."""
    return [(generator, generator._get_state_array()) for generator in (default_generator, *on_gpu)]


def restore_states(states):
    """Put the generators where `generator_states` found them."""
    for generator, state in states:
        generator._set_state_array(state)


@contextlib.contextmanager
def fork_rng(devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type=None):
    """After the block the default generator is where it was before (torch.random.fork_rng)."""
    states = generator_states()
    try:
        yield
    finally:
        if enabled:
            restore_states(states)
