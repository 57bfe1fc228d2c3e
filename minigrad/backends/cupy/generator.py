"""Random numbers on the GPU: a counter and a mixing function, so that all of a draw is computed at once."""
import math

import cupy
import numpy as np

from ...generator import Generator, default_generator, on_gpu

STEP, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def _mixed(z, number):
    """SplitMix64's output function (Steele, Lea and Flood 2014); `number` makes its constants."""
    z = (z ^ z >> number(30)) * number(MIX_1)
    z = (z ^ z >> number(27)) * number(MIX_2)
    return z ^ z >> number(31)


class CudaGenerator(Generator):
    """torch.Generator on a GPU: a seed, and how many numbers were drawn since. Not torch's stream, which
    depends on the launch of its kernels; a seed gives the same numbers on every GPU."""
    __slots__ = ("_offset",)

    def __init__(self, device="cuda"):
        super().__init__()
        self.device = "cuda"

    def manual_seed(self, seed):
        super().manual_seed(seed)
        self._offset = 0
        return self

    manual_seed.__doc__ = Generator.manual_seed.__doc__

    def words64(self, n):
        """The next `n` 64-bit outputs, as uint64 on the GPU."""
        with self._lock:
            start = self._seed + (self._offset + 1) * STEP
            self._offset += n
        places = cupy.arange(n, dtype=np.uint64) * np.uint64(STEP)
        return _mixed(places + np.uint64(start % 2**64), np.uint64)

    def words(self, n):
        """The next `n` 32-bit outputs, as uint64 on the GPU."""
        return self.words64(n) >> np.uint64(32)

    def normal_pairs(self, n):
        """`n` standard normal float64 values, made two at a time."""
        u = self.u53(n + n % 2).reshape(2, -1)
        radius, angle = cupy.sqrt(-2 * cupy.log1p(-u[1])), 2 * math.pi * u[0]
        return cupy.concatenate([radius * cupy.cos(angle), radius * cupy.sin(angle)])[:n]

    def _get_state_array(self):
        with self._lock:
            return np.array([self._seed, self._offset], np.uint64).view(np.uint8)

    def _set_state_array(self, array):
        if array.dtype != np.uint8 or array.size != 16:
            raise RuntimeError("RNG state is wrong size\nPass what get_state() on a GPU returned.")
        with self._lock:
            self._seed, self._offset = map(int, np.ascontiguousarray(array).view(np.uint64))


# The GPU's default generator, seeded as the CPU's was.
on_gpu[:] = [CudaGenerator().manual_seed(default_generator.initial_seed())]


def gpu_generator():
    """The GPU's default generator."""
    return on_gpu[0]
