"""What only whole operations and steps show of the kernels: expanded cotangents, dropout's mask, refusals,
training steps that repeat to the bit; on 1, 2 and 4 threads, by both providers."""
import numpy as np
import pytest
from kernel_ways import (  # noqa: F401 - fixtures that every test here uses
    DTYPES,
    close,
    lay_out,
    provider,
    small_work_goes_to_the_pool_too,
    two_threads,
)

import minigrad
from benchmarks.workloads import TOLERANCE, WORKLOADS, Step
from minigrad.engine.core import wrap

torch = pytest.importorskip("torch")
F = minigrad.nn.functional
COUNTS = (1, 2, 4)

OPERATIONS = {                          # shape of x, and a call of x and a weight of its channels
    "convolution": ((3, 4, 7, 9), lambda x, w: F.conv2d(x, x.new_ones(5, 4, 3, 3), padding=1)),
    "1×1, strides": ((3, 4, 7, 9), lambda x, w: F.conv2d(x, w[None, :, None, None], stride=2)),
    "max pooling": ((3, 4, 8, 6), lambda x, w: F.max_pool2d(x, 2)),
    "overlapping pooling": ((3, 4, 8, 7), lambda x, w: F.max_pool2d(x, 3, 1, 1)),
    "average pooling": ((3, 4, 8, 7), lambda x, w: F.avg_pool2d(x, 3, 2, 1)),
    "batch norm": ((3, 4, 8, 7), lambda x, w: F.batch_norm(x, None, None, w, w, True) * x),
    "layer norm": ((9, 5, 4), lambda x, w: F.layer_norm(x, (4,), w, w) * x),
    "gelu": ((9, 5, 4), lambda x, w: F.gelu(x)),
    "relu": ((9, 5, 4), lambda x, w: F.relu(x)),
    "softmax": ((9, 5, 4), lambda x, w: F.softmax(x, -1) * x),
    "attention": ((2, 3, 5, 4), lambda x, w: F.scaled_dot_product_attention(x, x * w, x)),
    "linear": ((9, 4), lambda x, w: F.linear(x, w[None].expand(3, 4))),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_expanded_cotangent(name, dtype):
    """sum().backward() hands one number of stride 0 to every place, which nothing may be written to."""
    shape, call = OPERATIONS[name]
    random = np.random.default_rng(1)
    arrays = random.standard_normal(shape).astype(dtype), random.standard_normal(4).astype(dtype)
    found = []
    for expanded in (True, False):
        x, w = (minigrad.from_numpy(array.copy()).requires_grad_() for array in arrays)
        z = call(x, w)
        if expanded:
            z.sum().backward()
        else:
            z.backward(minigrad.ones_like(z).detach())
        found.append([g.numpy() for g in (x.grad, w.grad) if g is not None])
    for ours, wanted in zip(*found, strict=True):
        size = np.abs(wanted).max() + 10        # terms are of size 1, and up to 100 of them
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=8 * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("layout", ["plain", "channels_last", "stepped"])
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_is_torchs_to_the_bit(p, layout):
    x = np.random.default_rng(2).standard_normal((3, 5, 17, 19)).astype(np.float32)
    theirs = torch.tensor(x, requires_grad=True)
    torch.manual_seed(3)
    z = torch.nn.functional.dropout(theirs, p)
    z.backward(torch.ones_like(z))
    for count in COUNTS:
        minigrad.set_num_threads(count)
        minigrad.manual_seed(3)
        ours = wrap(lay_out(x, layout)).requires_grad_()
        mine = F.dropout(ours, p) if layout != "stepped" else F.dropout(ours.contiguous(), p)
        mine.backward(minigrad.ones_like(mine))
        np.testing.assert_array_equal(mine.detach().numpy(), z.detach().numpy())
        np.testing.assert_array_equal(ours.grad.numpy(), theirs.grad.numpy())


@pytest.mark.parametrize("call", [
    lambda B: B.nn.functional.conv2d(B.ones(1, 2, 3, 4), B.ones(3, 2, 5, 3)),
    lambda B: B.nn.functional.conv2d(B.ones(1, 2, 5, 5), B.ones(3, 2, 3, 3), padding=1, dilation=4),
    lambda B: B.nn.functional.max_pool2d(B.ones(1, 2, 3, 4), 5),
    lambda B: B.nn.functional.avg_pool2d(B.ones(1, 2, 3, 4), (4, 1)),
    lambda B: B.nn.functional.max_pool2d(B.ones(1, 2, 3, 4), 2, padding=2),
])
def test_a_kernel_too_large_is_refused_as_torch_does(call):
    texts = []
    for B in (minigrad, torch):
        with pytest.raises(RuntimeError) as caught:
            call(B)
        texts.append(str(caught.value).split("\n")[0])
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name, batch", [("cnn-mnist", 5), ("cnn-mnist", 2), ("cnn-seed", 2), ("resnet18", 1),
                                         ("vit-tiny", 3), ("gpt-tiny", 2)])
def test_a_step_repeats_to_the_bit_and_depends_on_threads_by_rounding_only(name, batch):
    def run(B):
        step = Step(B, WORKLOADS[name], batch, "float32")
        losses = [step().item() for _ in range(2)]
        return losses, [parameter.detach().numpy().tobytes() for parameter in step.model.parameters()]

    wanted, _ = run(torch)
    for count in COUNTS:
        minigrad.set_num_threads(count)
        first, again = run(minigrad), run(minigrad)
        assert first == again, f"{count} threads"
        np.testing.assert_allclose(first[0], wanted, rtol=TOLERANCE["float32"] / 10)


OPTIMIZERS = {
    "SGD": ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    "SGD, Nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "AdamW": ("AdamW", {"lr": 0.01}),
    "Adam, amsgrad": ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1, "eps": 1e-3}),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizers_steps(name, dtype):
    """Of odd, empty and large parameters, against torch in float64. A step rounds the weight, and what it
    adds to it a few times: so many epsilon of both."""
    kind, options = OPTIMIZERS[name]
    random = np.random.default_rng(4)
    shapes, steps = [(7,), (0, 3), (41, 65), (300, 400), (3, 5, 1, 2), ()], 5
    start, *slopes = [[np.asarray(random.standard_normal(shape)).astype(dtype) for shape in shapes]
                      for _ in range(1 + steps)]  # fmt: skip

    def run(B, wide):
        made = [B.nn.Parameter(B.tensor(array.astype(wide))) for array in start]
        optimizer = getattr(B.optim, kind)(made, **options)
        for gradients in slopes:
            for parameter, g in zip(made, gradients):
                parameter.grad = B.tensor(g.astype(wide))
            optimizer.step()
        return [parameter.detach().numpy() for parameter in made]

    wanted = run(torch, np.float64)
    for count in COUNTS:
        minigrad.set_num_threads(count)
        first, again = run(minigrad, dtype), run(minigrad, dtype)
        assert [a.tobytes() for a in first] == [a.tobytes() for a in again], f"{count} threads"
        for ours, theirs in zip(first, wanted):
            assert ours.dtype == dtype
            close(ours, theirs.astype(dtype), abs(theirs) + 10 * options["lr"] * steps, steps)


def test_compiled_without_a_folder_for_machine_code(monkeypatch):
    """Installed where nothing may be written, Numba refuses to keep what it compiles."""
    numba = pytest.importorskip("numba")
    from minigrad.backends.fast import loops
    compiled = numba.njit

    def njit(*given, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return compiled(*given, **options)

    monkeypatch.setattr(numba, "njit", njit)
    assert loops.loop()(lambda x: x + 1)(1) == 2
