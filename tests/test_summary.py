"""minigrad.summary: by hand, and against PyTorch's flop counter on the same networks."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import minigrad
import torch_backend
from minigrad.insight.summary import FORMULAS

BOTH = pytest.mark.parametrize("B", [minigrad, torch_backend], ids=["numpy", "torch"])


def cnn(B):
    nn = B.nn
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Sequential(nn.Linear(8 * 16, 32), nn.ReLU(), nn.Dropout()), nn.Linear(32, 10, bias=False),
    )  # fmt: skip


class Reusing:
    """By hand: products in forward, a layer called twice, a tied weight, a tuple in and a dict out."""

    def __new__(cls, B):
        class Reusing(B.nn.Module):
            def __init__(self):
                super().__init__()
                self.linear, self.unused = B.nn.Linear(4, 4), B.nn.Linear(4, 9)
                self.tied = B.nn.Linear(4, 4)
                self.tied.weight = self.linear.weight
                self.scale = B.nn.Parameter(B.ones(4, 5))
                self.tied.bias.requires_grad_(False)

            def forward(self, x, y):
                x = self.tied(self.linear(self.linear(x)))
                out = B.nn.functional.linear(x @ self.scale, y)
                return {"out": out, "batched": B.bmm(x[None], x.T[None])}

        return Reusing()


NETWORKS = {
    "cnn": (cnn, [(2, 3, 8, 8)]),
    "strides": (lambda B: B.nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2), groups=2),
                [(2, 4, 9, 8)]),
    "conv1d": (lambda B: B.nn.Conv1d(2, 5, 4, stride=3), [(3, 2, 20)]),
    "transposed": (lambda B: B.nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), [(2, 4, 5, 5)]),
    "linear": (lambda B: B.nn.Linear(5, 7), [(2, 3, 5)]),
    "reusing": (Reusing, [(3, 4), (2, 5)]),
    "attention": (lambda B: B.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), [(2, 5, 8)]),
}  # fmt: skip


def inputs(B, shapes):
    return tuple(B.from_numpy(np.ones(shape, np.float32)) for shape in shapes)


@pytest.mark.parametrize("name", NETWORKS)
def test_both_libraries_print_the_same_table(name):
    build, shapes = NETWORKS[name]
    tables = [B.summary(build(B), inputs(B, shapes)) for B in (minigrad, torch_backend)]
    if name == "attention":                     # there torch has a layer of a private kind
        tables[1].rows = [row for row in tables[1].rows if "NonDynamically" not in row.kind]
        assert tables[0].total_flops == tables[1].total_flops > 0
        assert tables[0].total_params == tables[1].total_params
    else:
        assert str(tables[0]) == str(tables[1])
    assert tables[0].total_flops == sum(row.flops for row in tables[0].rows)


@pytest.mark.parametrize("name", NETWORKS)
def test_torchs_flop_counter_counts_as_much(name):
    build, shapes = NETWORKS[name]
    model = build(torch)
    with FlopCounterMode(display=False) as counter:
        model(*inputs(torch, shapes))
    ours = minigrad.summary(build(minigrad), inputs(minigrad, shapes))
    assert ours.total_flops == counter.get_total_flops()


@BOTH
def test_by_hand(B):
    model = cnn(B)
    found = B.summary(model, inputs(B, [(2, 3, 8, 8)]))
    conv, first, second = 2 * (2 * 8 * 8 * 8) * (3 * 3 * 3), 2 * 2 * 32 * 128, 2 * 2 * 10 * 32
    rows = {row.name: row for row in found.rows}
    assert [rows[name].flops for name in ("0", "5.0", "6")] == [conv, first, second]
    assert found.total_flops == conv + first + second
    assert [rows[name].params for name in ("0", "1", "2", "5", "5.0", "6")] == [
        8 * 27 + 8, 16, 0, 0, 32 * 128 + 32, 320]
    assert found.total_params == found.trainable_params == 224 + 16 + 4128 + 320
    assert [rows[name].shape for name in ("", "0", "3", "4", "5")] == [
        [2, 10], [2, 8, 8, 8], [2, 8, 4, 4], [2, 128], [2, 32]]
    leaves = [2 * 8 * 64] * 3 + [2 * 8 * 16] * 2 + [2 * 32] * 3 + [2 * 10]
    assert (found.input_bytes, found.output_bytes) == (4 * 2 * 3 * 64, 4 * sum(leaves))
    assert found.param_bytes == 4 * found.total_params
    text = str(found)
    assert "├── Conv2d: 1-1" in text and "│   ├── Linear: 2-1" in text and f"{conv:,}" in text
    assert text == repr(found) and max(map(len, text.splitlines())) < 80


@BOTH
def test_what_is_used_twice_counts_once_or_twice(B):
    found = B.summary(Reusing(B), inputs(B, [(3, 4), (2, 5)]))
    assert [(row.name, row.again) for row in found.rows] == [
        ("", False), ("linear", False), ("linear", True), ("tied", False)]
    assert found.total_params == 16 + 4 + 4 + 20 + 45 and found.trainable_params == found.total_params - 4
    assert [row.flops for row in found.rows[1:]] == 3 * [2 * 3 * 4 * 4]
    assert found.rows[0].flops == 2 * 3 * 5 * 4 + 2 * 3 * 2 * 5 + 2 * 3 * 3 * 4


@BOTH
def test_the_model_is_left_as_it_was(B):
    model = cnn(B)
    model[5].eval()
    state, modes = [v.clone() for v in model.state_dict().values()], [m.training for m in model.modules()]
    draws = B.get_rng_state()
    B.summary(model, B.ones(2, 3, 8, 8))
    assert all(bool((v == w).all()) for v, w in zip(state, model.state_dict().values(), strict=True))
    assert modes == [module.training for module in model.modules()] and True in modes and False in modes
    assert bool((B.get_rng_state() == draws).all())
    model.forward = lambda x: 1 / 0
    with pytest.raises(ZeroDivisionError):
        B.summary(model, B.ones(2, 3, 8, 8))
    assert modes == [module.training for module in model.modules()]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules()
                   if B is torch_backend)
    assert not any("apply" in vars(op) for op in FORMULAS)


@BOTH
def test_wrong_calls(B):
    for model, value in ((lambda x: x, B.ones(2)), (B.nn.ReLU(), 3), (B.nn.ReLU(), (2, 3))):
        with pytest.raises(TypeError, match=r"summary\(model, input\): got .*\nPass a module and its input"):
            B.summary(model, value)
