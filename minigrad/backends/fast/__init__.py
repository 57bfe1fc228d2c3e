"""Compiled kernels in the place of NumPy's, behind the same names (`pip install minigrad[fast]`, which brings
Numba; float32 only). NumPy's stay the default and the definition.

    minigrad.backends.fast.enable()             # or MINIGRAD_FAST=1 in the environment

How many times faster than NumPy's they are, on one thread (2²⁰ numbers, AVX-512): GELU 3.6 and its gradient
3.4, softmax 3.2, layer norm 2.6 and its gradient 6, batch norm 1.5, ReLU's gradient 2.7, max pooling 1.7 and
its gradient 3.5, Winograd's transforms 1.4 to 3.9.
They do not hold the interpreter lock while they run.
"""
from .. import numpy as plain
from ..numpy import winograd

_originals: dict = {}           # (module, name) -> NumPy's kernel, while a compiled one stands in its place


def is_enabled():
    """Do compiled kernels stand in NumPy's place?"""
    return bool(_originals)


def enable(on=True):
    """Put the compiled kernels in NumPy's place, or with `on=False` NumPy's back.

    The first call of each takes a second, as it is compiled; later programs find it on disk. Raises
    ModuleNotFoundError where Numba is not installed.
    """
    if on and not _originals:
        try:
            from . import kernels
        except ModuleNotFoundError as error:
            if error.name != "numba":
                raise
            raise ModuleNotFoundError("No module named 'numba'\nInstall it: pip install minigrad[fast]",
                                      name="numba") from None
        for module, found in (plain, kernels.KERNELS), (winograd, kernels.WINOGRAD):
            for name, kernel in found.items():
                _originals[module, name] = getattr(module, name)
                setattr(module, name, kernel)
    elif not on:
        for (module, name), kernel in _originals.items():
            setattr(module, name, kernel)
        _originals.clear()
    winograd.compiled = (winograd, "convolve") in _originals
