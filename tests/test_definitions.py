"""The plain definitions that the kernels are held to are torch's."""
import definitions as plain
import numpy as np
import pytest
from kernel_ways import close
from test_kernels_everywhere import CASES, draw

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", CASES)
def test_is_torchs(name):
    """In float64, whose last digits torch's own kernels do not all keep (batch norm: 50 epsilon)."""
    case, operands = CASES[name], draw(CASES[name], np.float64)
    tensors = [torch.from_numpy(v.copy()).requires_grad_(v.dtype.kind == "f") for v in operands]
    for theirs, (value, size) in zip(case.theirs(torch, *tensors), case.exact(*operands), strict=True):
        theirs = theirs.detach().numpy()
        assert theirs.size == np.size(value) and np.shape(value) == np.shape(size)
        close(np.asarray(value).reshape(theirs.shape), theirs, np.reshape(size, theirs.shape), 100)


def by_tiles():
    random = np.random.default_rng(0)
    return [random.standard_normal(shape) for shape in ((3, 4, 7, 9), (5, 4, 3, 3), (3, 5, 7, 9))]


def test_by_tiles_is_the_convolution():
    x, w, g = by_tiles()
    how = (1, 1), (1, 1), (1, 1), 1
    sizes = plain.tiled_sizes(g, x, w, (1, 1))
    close(plain.tiled_conv2d(x, w, (1, 1)), plain.conv2d(x, w, None, *how), sizes[0])
    close(plain.tiled_weight_grad(g, x, (1, 1)), plain.conv2d_weight_grad(g, x, w.shape, *how), sizes[2])
    # Adding inputs first costs digits, though not many: or the kernels' bound would allow anything.
    grown = sizes[0] / plain.conv2d(abs(x), abs(w), None, *how)
    assert 1 < grown.min() and grown.max() < 20
