"""Where the tests of the CuPy backend run: on the stand-in, or, with `-m gpu`, on a GPU."""
import contextlib

import numpy as np
import pytest

import minigrad

from . import stand_in


@contextlib.contextmanager
def cuda(request):
    """minigrad with "cuda" to use: on the stand-in, or on a GPU where `-m gpu` asks for it."""
    if asked_for_gpu(request.config):
        if not minigrad.cuda.is_available():
            pytest.skip("there is no GPU, or no CuPy")
        yield
        minigrad.cuda.synchronize()
    else:
        with stand_in.installed():
            yield
    minigrad.set_default_device("cpu")


def asked_for_gpu(config):
    return config.getoption("markexpr") == "gpu"


def array_of(tensor):
    """A tensor's elements, wherever it is."""
    return np.array(tensor.detach().cpu().numpy())
