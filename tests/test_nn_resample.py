"""1-d and transposed convolutions, interpolation, pixel shuffling and attention against torch.
Values, first and second gradients."""

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")

# name: (F, t) -> result, where t(*shape) makes another leaf.
CASES = {
    "circular padding that also cuts": lambda F, t: F.pad(t(2, 3, 4, 5), (2, -1, -1, 1), mode="circular"),
    **{
        f"conv1d {how}": lambda F, t, how=how: F.conv1d(
            t(2, 4, 9), t(6, 4 // how.get("groups", 1), 3), t(6), **how
        )
        for how in (
            {},
            {"stride": 2, "padding": 1},
            {"padding": "same"},
            {"dilation": 2, "padding": 2},
            {"groups": 2},
        )
    },
    "conv1d of an even kernel, same": lambda F, t: F.conv1d(t(2, 4, 9), t(6, 4, 4), padding="same"),
    "conv1d without a batch": lambda F, t: F.conv1d(t(4, 9), t(6, 4, 3)),
    **{
        f"conv_transpose2d {how}": lambda F, t, how=how: F.conv_transpose2d(
            t(2, 4, 5, 6), t(4, 3, 3, 3), t(3 * how.get("groups", 1)), **how
        )
        for how in (
            {},
            {"stride": 2, "padding": 1},
            {"stride": 2, "output_padding": 1},
            {"dilation": 2, "output_padding": 1},
            {"stride": 2, "padding": 2, "dilation": 3, "output_padding": (2, 1), "groups": 2},
            {"groups": 2},
            {"stride": 3, "padding": (1, 0), "dilation": 2},
        )
    },
    **{
        f"conv_transpose1d {how}": lambda F, t, how=how: F.conv_transpose1d(t(2, 4, 5), t(4, 3, 3), **how)
        for how in (
            {},
            {"stride": 2, "padding": 1, "output_padding": 1},
            {"dilation": 3, "output_padding": 2},
        )
    },
    **{
        f"interpolate {how}": lambda F, t, how=how: F.interpolate(t(2, 3, 5, 6), **how)
        for how in (
            {"scale_factor": 2},
            {"size": (7, 3)},
            {"scale_factor": (1.5, 2.3)},
            {"size": 7, "mode": "bilinear"},
            {"scale_factor": 2, "mode": "bilinear", "align_corners": True},
            {"size": (3, 2), "mode": "area"},
            {"scale_factor": 0.6, "mode": "bilinear"},
            {"size": (7, 9), "mode": "nearest-exact"},
            {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True},
            {"scale_factor": (1.1, 2.1), "mode": "nearest"},
            {"scale_factor": (1.1, 2.1), "mode": "nearest-exact"},
            {"scale_factor": (1.1, 2.3), "mode": "bilinear"},
        )
    },
    **{
        f"interpolate a signal by a little, {mode}": lambda F, t, mode=mode: F.interpolate(
            t(2, 3, 9), scale_factor=1.09, mode=mode
        )
        for mode in ("nearest-exact", "linear", "area")
    },
    "interpolate by an index that float32 rounds": lambda F, t: F.interpolate(
        t(1, 1, 33), scale_factor=5 / 3
    ),
    "interpolate a signal": lambda F, t: F.interpolate(t(2, 3, 5), size=8, mode="linear"),
    "pixel_shuffle": lambda F, t: F.pixel_shuffle(t(2, 8, 3, 4), 2),
    "pixel_unshuffle": lambda F, t: F.pixel_unshuffle(t(2, 2, 4, 6), 2),
    "attention": lambda F, t: F.scaled_dot_product_attention(t(2, 3, 5, 4), t(2, 3, 6, 4), t(2, 3, 6, 7)),
    "causal attention": lambda F, t: F.scaled_dot_product_attention(
        t(2, 3, 5, 4), t(2, 3, 5, 4), t(2, 3, 5, 7), is_causal=True
    ),
    "attention with shared heads": lambda F, t: F.scaled_dot_product_attention(
        t(2, 4, 5, 4), t(2, 2, 5, 4), t(2, 2, 5, 7), scale=0.3, enable_gqa=True
    ),
    "attention with a mask": lambda F, t: F.scaled_dot_product_attention(
        t(2, 3, 5, 4), t(2, 3, 5, 4), t(2, 3, 5, 7), attn_mask=t(5, 5)
    ),
}


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", CASES)
def test_equals_torch(name):
    found = []
    for B in (minigrad, torch):
        random, leaves = np.random.default_rng(1), []

        def leaf(*shape, B=B, random=random, leaves=leaves):
            leaves.append(B.from_numpy(random.standard_normal(shape)).requires_grad_())
            return leaves[-1]

        z = CASES[name](B.nn.functional, leaf)
        cotangent = B.from_numpy(np.linspace(0.5, 1.5, z.numel()).reshape(tuple(z.shape)))
        first = B.autograd.grad(z * z, leaves, cotangent, create_graph=True)
        second = B.autograd.grad(sum((g * g).sum() for g in first), leaves)
        found.append([v.detach().numpy() for v in (z, *first, *second)])
    for ours, theirs in zip(*found):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    "call",
    [
        lambda F, B: F.conv1d(B.ones(3), B.ones(1, 1, 2)),
        lambda F, B: F.conv1d(1.0, B.ones(1, 1, 2)),
        lambda F, B: F.conv1d(B.ones(1, 2, 5), B.ones(3, 4, 3)),
        lambda F, B: F.conv_transpose2d(B.ones(1, 2, 3, 3), B.ones(3, 2, 2, 2)),
        lambda F, B: F.conv_transpose2d(B.ones(1, 2, 3, 3), B.ones(2, 2, 2, 2), output_padding=1),
        lambda F, B: F.conv_transpose2d(B.ones(1, 2, 3, 3), B.ones(2, 2, 2, 2), output_padding=-1),
        lambda F, B: F.conv_transpose2d(B.ones(1, 2, 3, 3), B.ones(2, 2, 2, 2), padding=-1),
        lambda F, B: F.conv_transpose2d(B.ones(1, 2, 3, 3), B.ones(2, 2, 2, 2), padding=2),
        lambda F, B: F.conv_transpose2d(B.ones(1, 2, 3, 3), B.ones(2, 2, 2, 2), stride=0),
        lambda F, B: F.conv_transpose2d(B.ones(1, 2, 3, 3), B.ones(2, 2, 2, 2), dilation=0),
        lambda F, B: F.interpolate(B.ones(1, 2, 3, 3)),
        lambda F, B: F.interpolate(B.ones(1, 2, 3), size=4, mode="bilinear"),
        lambda F, B: F.interpolate(B.ones(1, 2, 3, 3), size=4, scale_factor=2),
        lambda F, B: F.interpolate(B.ones(1, 2, 3, 3), size=4, align_corners=True),
        lambda F, B: F.interpolate(B.ones(1, 2, 3, 3), size=(4, 4, 4)),
        lambda F, B: F.interpolate(B.ones(3), size=4),
        lambda F, B: F.interpolate(B.ones(3, 3), scale_factor=2),
        lambda F, B: F.interpolate(B.ones(1, 2, 3, 3), size=0),
        lambda F, B: F.interpolate(B.ones(1, 2, 3), scale_factor=0.1),
        lambda F, B: F.interpolate(B.ones(1, 2, 0), size=2),
        lambda F, B: F.interpolate(B.ones(1, 0, 3), size=2),
        lambda F, B: F.interpolate(B.ones(1, 2, 3, 3), scale_factor=(2, 2, 2)),
        lambda F, B: F.interpolate(B.ones(1, 2, 3, 3, dtype=B.int64), size=4, mode="bilinear"),
        lambda F, B: F.interpolate(B.ones(1, 2, 3, dtype=B.uint8), size=4, mode="linear"),
        lambda F, B: F.pixel_shuffle(B.ones(1, 3, 2, 2), 2),
        lambda F, B: F.pixel_shuffle(B.ones(4, 4), 2),
        lambda F, B: F.pixel_shuffle(B.ones(4, 4, 4), 0),
        lambda F, B: F.pixel_unshuffle(B.ones(4, 4), 2),
        lambda F, B: F.pixel_unshuffle(B.ones(4, 4, 4), 0),
        lambda F, B: F.scaled_dot_product_attention(*[B.ones(2, 3)] * 3, B.ones(2, 2, dtype=B.int32)),
        lambda F, B: F.pixel_unshuffle(B.ones(1, 3, 3, 2), 2),
    ],
)
def test_refusals(call):
    errors = []
    for B in (minigrad, torch):
        with pytest.raises(Exception) as caught:
            call(B.nn.functional, B)
        errors.append((caught.type, str(caught.value).split("\n")[0]))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("numbers", [False, True])
def test_attention_of_a_place_that_sees_nothing(numbers):
    mask = np.array([[True, False, True], [False] * 3, [True] * 3])
    mask = np.where(mask, 0.5, -np.inf) if numbers else mask
    found = []
    for B in (minigrad, torch):
        random = np.random.default_rng(0)
        leaves = [B.from_numpy(random.standard_normal((2, 3, 4))).requires_grad_() for _ in range(3)]
        z = B.nn.functional.scaled_dot_product_attention(*leaves, B.from_numpy(mask))
        found.append([v.detach().numpy() for v in (z, *B.autograd.grad((z * z).sum(), leaves))])
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint8"])
def test_short_numbers_are_rounded_as_torch_rounds(dtype):
    values = np.random.default_rng(0).integers(0, 256, (1, 3, 9, 7))
    found = []
    for B in (minigrad, torch):
        x = B.from_numpy(values).to(getattr(B, dtype))
        found.append(B.nn.functional.interpolate(x, size=(18, 14), mode="bilinear").double().numpy())
    np.testing.assert_array_equal(*found)


def test_a_signal_of_the_same_length_still_follows_its_factor():
    found = [
        B.nn.functional.interpolate(B.arange(9.0).reshape(1, 1, 9), scale_factor=1.09).numpy()
        for B in (minigrad, torch)
    ]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("size", [2, (1, 3), (3, 2)])
def test_nan_and_infinities_stay_in_their_bins(size):
    image = [[[1.0, float("nan"), 3.0, 0.0], [float("inf"), 5.0, 6.0, 1.0], [7.0, 8.0, -9.0, 2.0]]]
    ours, theirs = (B.nn.functional.adaptive_avg_pool2d(B.tensor(image), size) for B in (minigrad, torch))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


def test_means_of_whole_numbers_are_cut_off():
    image = [[[-3, 1, 2], [2, -1, -2]]]
    ours, theirs = (B.nn.functional.avg_pool2d(B.tensor(image), 2, 1) for B in (minigrad, torch))
    assert ours.tolist() == theirs.tolist() and str(ours.dtype) == str(theirs.dtype)
