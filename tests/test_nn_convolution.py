"""Convolution and resolution modules against torch: text, first values from a seed, results."""
import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")

CASES = [
    ("Conv1d", (4, 6, 3), {}, (2, 4, 9)),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "bias": False}, (2, 4, 12)),
    ("Conv1d", (4, 6, 3), {"padding": "same"}, (4, 9)),
    ("Conv1d", (4, 6, 3), {"padding": 1, "padding_mode": "circular"}, (2, 4, 9)),
    ("Conv2d", (3, 4, 3), {"padding": 1, "padding_mode": "reflect"}, (2, 3, 6, 6)),
    ("Conv2d", (3, 4, (3, 2)), {}, (2, 3, 6, 6)),
    ("ConvTranspose1d", (4, 3, 3), {"stride": 2, "output_padding": 1}, (2, 4, 5)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, (2, 4, 5, 6)),
    ("ConvTranspose2d", (4, 6, (3, 2)), {"dilation": 2, "bias": False}, (2, 4, 5, 6)),
    ("MaxPool1d", (3,), {"stride": 2, "padding": 1}, (2, 4, 9)),
    ("MaxPool1d", (2,), {}, (4, 9)),
    ("AvgPool1d", (3,), {"padding": 1, "count_include_pad": False}, (2, 4, 9)),
    ("AdaptiveAvgPool1d", (4,), {}, (2, 4, 9)),
    ("AdaptiveMaxPool1d", (4,), {}, (2, 4, 9)),
    ("AdaptiveMaxPool2d", ((4, None),), {}, (2, 4, 9, 3)),
    ("Unfold", (3,), {"padding": 1, "stride": 2}, (2, 4, 9, 8)),
    ("Unfold", ((2, 3),), {"dilation": 2}, (4, 9, 8)),
    ("Fold", ((5, 6), 2), {}, (2, 8, 20)),
    ("Upsample", (), {"scale_factor": 2}, (1, 2, 3, 3)),
    ("Upsample", (7,), {"mode": "bilinear"}, (1, 2, 3, 3)),
    ("UpsamplingNearest2d", (), {"scale_factor": 2}, (1, 2, 3, 3)),
    ("UpsamplingBilinear2d", (), {"scale_factor": 2}, (1, 2, 3, 3)),
    ("PixelShuffle", (2,), {}, (1, 8, 2, 2)),
    ("PixelUnshuffle", (2,), {}, (1, 2, 4, 4)),
]


@pytest.mark.parametrize(("name", "arguments", "options", "shape"), CASES)
def test_equals_torch(name, arguments, options, shape):
    found = []
    for B in (minigrad, torch):
        B.manual_seed(0)
        module = getattr(B.nn, name)(*arguments, **options).double()
        x = B.from_numpy(np.random.default_rng(0).standard_normal(shape))
        state = {key: value.numpy() for key, value in module.state_dict().items()}
        found.append((repr(module), state, module(x).detach().numpy()))
    (text, state, values), (wanted, expected, results) = found
    assert text == wanted
    assert list(state) == list(expected)
    for key in state:
        np.testing.assert_array_equal(state[key], expected[key])
    np.testing.assert_allclose(values, results, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax_draws_as_torch_does(hard):
    found = []
    for B in (minigrad, torch):
        B.manual_seed(4)
        logits = B.linspace(-1, 1, 12, dtype=B.float64).reshape(3, 4).requires_grad_()
        z = B.nn.functional.gumbel_softmax(logits, tau=0.7, hard=hard)
        (z * B.arange(4)).sum().backward()
        found.append([z.detach().numpy(), logits.grad.numpy(), B.empty(5).exponential_(2.0).numpy()])
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_the_size_of_a_transposed_convolution_may_be_asked_for():
    for B in (minigrad, torch):
        layer = B.nn.ConvTranspose2d(4, 6, 3, stride=2)
        assert tuple(layer(B.ones(1, 4, 5, 5), output_size=(12, 12)).shape) == (1, 6, 12, 12)
        with pytest.raises(ValueError, match="requested an output size of"):
            layer(B.ones(1, 4, 5, 5), output_size=(14, 14))
        with pytest.raises(ValueError, match=r"output_size must have 2 or 4 elements \(got 3\)"):
            layer(B.ones(1, 4, 5, 5), output_size=(6, 12, 12))


@pytest.mark.parametrize("call", [
    lambda nn: nn.Conv1d(3, 4, 3, groups=2), lambda nn: nn.Conv1d(3, 4, 3, padding="some"),
    lambda nn: nn.Conv1d(3, 4, 3, padding="same", stride=2), lambda nn: nn.Conv2d(3, 4, 3, groups=0),
    lambda nn: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"),
])
def test_refusals(call):
    texts = []
    for B in (minigrad, torch):
        with pytest.raises(ValueError) as caught:
            call(B.nn)
        texts.append(str(caught.value).split("\n")[0].partition("{")[0])
    assert texts[0] == texts[1]


@pytest.mark.parametrize("value", [3e38, np.inf, np.nan])
def test_a_huge_pixel_stays_in_its_own_window(value):
    found = []
    for B in (minigrad, torch):
        x, weight = B.zeros(1, 32, 20, 20), B.full((32, 32, 3, 3), 0.5)
        x[0, 3, 7, 7] = float(value)
        found.append(B.nn.functional.conv2d(x, weight, padding=1).numpy())
    np.testing.assert_array_equal(*found)
