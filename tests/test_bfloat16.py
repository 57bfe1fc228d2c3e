"""bfloat16 on the CPU: results and gradients stay in it, and are what PyTorch computes, to a step or two."""
import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
pytest.importorskip("ml_dtypes")
STEP = 2.0**-7                          # between neighbouring numbers of bfloat16, relative

ELEMENTARY = ("trunc frac floor round ceil sign abs neg exp log1p sin tanh sigmoid sqrt square reciprocal "
              "erf rsqrt")
ACTIVATIONS = "relu gelu silu softplus leaky_relu elu hardtanh hardswish mish logsigmoid relu6 softsign glu"
CALLS = {
    **{name: lambda B, x, name=name: getattr(B, name)(x.abs() + 0.1) for name in ELEMENTARY.split()},
    **{name: lambda B, x, name=name: getattr(B.nn.functional, name)(x) for name in ACTIVATIONS.split()},
    "where": lambda B, x: B.where(x > 0, x, 0.5),
    "where, number first": lambda B, x: B.where(x > 0, 1.0, x),
    "masked_fill": lambda B, x: x.masked_fill(x > 0, -1.5),
    "masked_fill with -inf": lambda B, x: x.masked_fill(x > 0, float("-inf")).exp(),
    "clamp": lambda B, x: x.clamp(-1, 1),
    "clamp from below": lambda B, x: x.clamp(min=0.5),
    "clamp by tensors": lambda B, x: x.clamp(*B.tensor([0.0, 1.0]).to(B.bfloat16)),
    "cross_entropy": lambda B, x: B.nn.functional.cross_entropy(x.reshape(3, 4), B.tensor([1, 2, 3])),
    "cross_entropy of probabilities": lambda B, x: B.nn.functional.cross_entropy(
        x.reshape(3, 4), B.eye(3, 4).to(B.bfloat16)),
    "mse_loss": lambda B, x: B.nn.functional.mse_loss(x, x * 2),
    "huber_loss": lambda B, x: B.nn.functional.huber_loss(x, x * 2),
    "bce": lambda B, x: B.nn.functional.binary_cross_entropy_with_logits(x, (x > 0).to(B.bfloat16)),
    "softmax": lambda B, x: x.softmax(0) * x.detach(), "logsumexp": lambda B, x: x.logsumexp(0),
    "cumsum": lambda B, x: x.cumsum(0), "max": lambda B, x: x.max(0)[0], "mean": lambda B, x: x.mean(),
    "var": lambda B, x: x.var(), "std": lambda B, x: x.std(0), "norm": lambda B, x: x.norm(),
    "prod": lambda B, x: x.prod(), "amax": lambda B, x: x.amax(0),
    "matmul": lambda B, x: x.reshape(3, 4) @ x.reshape(4, 3), "power": lambda B, x: (x.abs() + 0.1)**0.5,
    "numbers": lambda B, x: 2 - (x + 1.5) / 3, "maximum": lambda B, x: B.maximum(x, -x),
    "lerp": lambda B, x: x.lerp(x * 2, 0.3), "addcmul": lambda B, x: B.addcmul(x, x, x),
    "atan2": lambda B, x: B.atan2(x, x + 1), "fmod": lambda B, x: x.fmod(1.5),
    "nan_to_num": lambda B, x: x.nan_to_num(), "pad": lambda B, x: B.nn.functional.pad(x, (1, 2), value=0.5),
    "max_pool2d": lambda B, x: B.nn.functional.max_pool2d(x.reshape(1, 1, 3, 4), 2),
    "conv2d": lambda B, x: B.nn.functional.conv2d(x.reshape(1, 1, 3, 4), B.ones(1, 1, 2, 2).to(B.bfloat16)),
    "layer_norm": lambda B, x: B.nn.functional.layer_norm(x.reshape(3, 4), (4,)) * B.eye(3, 4).to(x.dtype),
    "batch_norm": lambda B, x: B.nn.functional.batch_norm(
        (x * x).reshape(6, 2), None, None, training=True) * B.eye(6, 2).to(x.dtype),
    "attention": lambda B, x: B.nn.functional.scaled_dot_product_attention(
        *[x.reshape(1, 1, 3, 4)] * 3, is_causal=True),
    "interpolate": lambda B, x: B.nn.functional.interpolate(
        x.reshape(1, 1, 12), scale_factor=2, mode="linear"),
    "normalize": lambda B, x: B.nn.functional.normalize(x, dim=0),
    "sort": lambda B, x: x.sort()[0], "topk": lambda B, x: x.topk(3)[0], "cat": lambda B, x: B.cat([x, x]),
    "index": lambda B, x: x[[1, 1, 2]], "tril": lambda B, x: x.reshape(3, 4).tril(),
    "view": lambda B, x: x.reshape(3, 4).t()[1:].flip(0),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_equals_torch(call):
    found = []
    for B in (minigrad, torch):
        x = B.tensor(np.linspace(-2.3, 2.7, 12, dtype=np.float32)).to(B.bfloat16).requires_grad_()
        z = call(B, x)
        z.sum().backward()
        found.append((z, x.grad))
    for ours, theirs in zip(*found, strict=True):
        assert str(ours.dtype) == str(theirs.dtype) == "torch.bfloat16" and ours.shape == theirs.shape
        ours, theirs = (value.detach().float().numpy() for value in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, rtol=STEP, atol=STEP * max(1e-2, np.abs(theirs).max() / 2))


def test_rules_of_the_users_get_bfloat16():
    class Double(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            assert g.dtype is minigrad.bfloat16
            return g * 2

    x = minigrad.ones(3).to(minigrad.bfloat16).requires_grad_()
    Double.apply(x).sum().backward()
    assert x.grad.dtype is minigrad.bfloat16 and x.grad.tolist() == [2.0] * 3


@pytest.mark.parametrize("causal", [False, True])
def test_a_transformer_under_autocast(causal):
    losses = []
    for B in (minigrad, torch):
        B.manual_seed(0)
        layer = B.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        x, found = B.randn(2, 5, 8), []
        mask = B.nn.Transformer.generate_square_subsequent_mask(5) if causal else None
        optimizer = B.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(3):
            with B.autocast("cpu", dtype=B.bfloat16):
                loss = layer(x, src_mask=mask).float().square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        losses.append(found)
    assert losses[0] == pytest.approx(losses[1], rel=4 * STEP)
