"""How the kernels' tests meet kernels: by both providers, in every layout of memory, and how errors count."""
import numpy as np
import pytest

from minigrad.backends import fast
from minigrad.backends.numpy import threads
from minigrad.backends.numpy.layout import channels_last

DTYPES = [np.float64, np.float32]
LAYOUTS = ["plain", "channels_last", "stepped", "turned", "fortran", "inside"]


@pytest.fixture(autouse=True, params=["numpy", "compiled"])
def provider(request, monkeypatch):
    """Every test meets NumPy's kernels and the compiled ones, which take over what they can."""
    if request.param == "compiled":
        pytest.importorskip("numba")
        from minigrad.backends.fast import kernels
        monkeypatch.setattr(kernels, "SMALL", 0)
    before = fast.is_enabled()
    fast.enable(request.param == "compiled")
    yield request.param
    fast.enable(before)


@pytest.fixture(autouse=True)
def small_work_goes_to_the_pool_too(monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 1)


@pytest.fixture(autouse=True)
def two_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(before)


def lay_out(array, layout):
    """The same values in another memory layout; "channels_last" is the kernels' private one."""
    if layout == "channels_last":
        return channels_last(np.ascontiguousarray(array.transpose(0, 2, 3, 1)))
    if layout == "stepped":
        return np.repeat(array, 2, -1)[..., ::2]
    if layout == "turned":                      # strides below 0
        return np.ascontiguousarray(np.flip(array))[(slice(None, None, -1),) * array.ndim]
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "inside":                      # a piece of something larger, not at a cache line's begin
        return np.pad(array, 1, constant_values=7)[(slice(1, -1),) * array.ndim]
    return array


def close(ours, wanted, scale=None, ulps=4):
    """Equal in shape and dtype, and within `ulps` epsilon of `scale` (the size of the terms behind each
    element; by default the element's own). `wanted` may be torch's tensor."""
    wanted = wanted.detach().numpy() if hasattr(wanted, "detach") else wanted
    assert ours.shape == wanted.shape and ours.dtype == wanted.dtype
    if not wanted.size:
        return
    scale = np.abs(wanted) if scale is None else np.asarray(scale)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(wanted))
    same = (ours == wanted) | np.isnan(ours)
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0, np.abs(ours - wanted)) / np.where(same, 1, scale * np.finfo(ours.dtype).eps)
    assert error.max() <= ulps, f"{error.max():.1f} ulp at {np.unravel_index(error.argmax(), error.shape)}"
