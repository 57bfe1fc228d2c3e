"""Attention and Transformers against torch: text, first values, results with dropout, gradients."""
import numpy as np
import pytest

import minigrad
from minigrad.backends import fast

torch = pytest.importorskip("torch")
RANDOM = np.random.default_rng(0)
ARRAYS = {shape: RANDOM.standard_normal(shape)
          for shape in ((5, 2, 8), (6, 2, 8), (2, 5, 8), (5, 8), (6, 2, 4), (6, 2, 3))}


def x(B, *shape):
    return B.from_numpy(ARRAYS[shape].copy()).requires_grad_()


def causal(B, size):
    return B.nn.Transformer.generate_square_subsequent_mask(size, dtype=B.float64)


def three(B):
    return x(B, 5, 2, 8), x(B, 6, 2, 8), x(B, 6, 2, 8)


def self_attention(B, m, *shape, **options):
    q = x(B, *shape)
    return m(q, q, q, **options)


# name: (B -> module, (B, module) -> result)
CASES = {
    "attention": (lambda B: B.nn.MultiheadAttention(8, 2), lambda B, m: m(*three(B))),
    "self-attention": (lambda B: B.nn.MultiheadAttention(8, 2, batch_first=True),
                       lambda B, m: self_attention(B, m, 2, 5, 8, average_attn_weights=False)),
    "other sizes": (lambda B: B.nn.MultiheadAttention(8, 2, kdim=4, vdim=3, bias=False),
                    lambda B, m: m(x(B, 5, 2, 8), x(B, 6, 2, 4), x(B, 6, 2, 3), need_weights=False)),
    "masks": (lambda B: B.nn.MultiheadAttention(8, 2),
              lambda B, m: m(*three(B), key_padding_mask=B.tensor([[False] * 5 + [True], [False] * 6]),
                             attn_mask=B.triu(B.ones(5, 6), 2) > 0)),
    "a mask for each head": (lambda B: B.nn.MultiheadAttention(8, 2), lambda B, m: m(
        *three(B), attn_mask=B.from_numpy(np.linspace(-1, 1, 120).reshape(4, 5, 6)), need_weights=False)),
    "no batch": (lambda B: B.nn.MultiheadAttention(8, 2), lambda B, m: self_attention(B, m, 5, 8)),
    "dropout": (lambda B: B.nn.MultiheadAttention(8, 2, dropout=0.4), lambda B, m: m(*three(B))),
    "dropout without weights": (lambda B: B.nn.MultiheadAttention(8, 2, dropout=0.4),
                                lambda B, m: m(*three(B), need_weights=False)),
    "encoder layer": (lambda B: B.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.3),
                      lambda B, m: m(x(B, 2, 5, 8))),
    "encoder": (lambda B: B.nn.TransformerEncoder(B.nn.TransformerEncoderLayer(
        8, 2, 16), 2, enable_nested_tensor=False), lambda B, m: m(x(B, 5, 2, 8))),
    "encoder, norms first": (lambda B: B.nn.TransformerEncoder(B.nn.TransformerEncoderLayer(
        8, 2, 16, activation="gelu", norm_first=True, bias=False), 2, B.nn.LayerNorm(8)),
        lambda B, m: m(x(B, 5, 2, 8), mask=causal(B, 5))),
    "decoder": (lambda B: B.nn.TransformerDecoder(B.nn.TransformerDecoderLayer(8, 2, 16), 2),
                lambda B, m: m(x(B, 5, 2, 8), x(B, 6, 2, 8), tgt_mask=causal(B, 5))),
    "transformer": (lambda B: B.nn.Transformer(8, 2, 1, 2, 16), lambda B, m: m(x(B, 6, 2, 8), x(B, 5, 2, 8))),
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("name", CASES)
def test_equals_torch(name):
    found = []
    for B in (minigrad, torch):
        make, call = CASES[name]
        B.manual_seed(0)
        module = make(B)
        state = {key: value.numpy().copy() for key, value in module.state_dict().items()}
        module = module.double()
        B.manual_seed(1)
        results = call(B, module)
        results = [z for z in (results if isinstance(results, tuple) else (results,)) if z is not None]
        sum((z * z).sum() for z in results).backward()
        gradients = [p.grad.numpy() for p in module.parameters()]
        found.append((repr(module), state, [z.detach().numpy() for z in results], gradients))
    (text, state, results, gradients), (wanted, expected, theirs, slopes) = found
    assert text == wanted
    assert list(state) == list(expected)
    for key in state:
        np.testing.assert_array_equal(state[key], expected[key])
    assert len(results) == len(theirs)
    for one, other in zip([*results, *gradients], [*theirs, *slopes]):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("call", [
    lambda B: B.nn.MultiheadAttention(8, 3), lambda B: B.nn.MultiheadAttention(0, 1),
    lambda B: B.nn.MultiheadAttention(8, 2)(*[B.ones(2, 2, 2, 8)] * 3),
    lambda B: B.nn.MultiheadAttention(8, 2)(*[B.ones(2, 2, 6)] * 3),
    lambda B: B.nn.MultiheadAttention(8, 2)(*[B.ones(2, 2, 8)] * 3, is_causal=True),
    lambda B: B.nn.TransformerEncoderLayer(8, 2, activation="elu"),
    lambda B: B.nn.Transformer(8, 2, 1, 1, 16)(B.ones(3, 2, 6), B.ones(3, 2, 8)),
    lambda B: B.nn.Transformer(8, 2, 1, 1, 16)(B.ones(3, 2, 8), B.ones(3, 4, 8)),
])
def test_refusals(call):
    errors = []
    for B in (minigrad, torch):
        with pytest.raises(Exception) as caught:
            call(B)
        errors.append((caught.type, str(caught.value).split("\n")[0]))
    assert errors[0] == errors[1]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("length, keys", [(33, 1), (1, 5), (1, 1)])
def test_one_row_that_was_expanded(compiled, length, keys):
    """Its stride is 0, which means nothing to NumPy and too little to BLAS."""
    if compiled:
        pytest.importorskip("numba")
    before, found = fast.is_enabled(), []
    rng = np.random.default_rng(3)
    drawn = [rng.standard_normal((2, 4, n, 16)).astype(np.float32) for n in (length, length, 1, 1)]
    fast.enable(compiled)
    try:
        for B in torch, minigrad:
            g, *leaves = (B.tensor(part) for part in drawn)
            q, k, v = (leaf.requires_grad_() for leaf in leaves)
            k, v = (part.expand(2, 4, keys, 16) for part in (k, v))
            z = B.nn.functional.scaled_dot_product_attention(q, k, v)
            z.backward(g)
            found.append([z.detach().numpy(), *[leaf.grad.numpy() for leaf in leaves]])
    finally:
        fast.enable(before)
    for theirs, ours in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-5)


def test_vectors_of_no_numbers():
    for B in torch, minigrad:
        q, v = B.zeros(1, 2, 3, 0), B.ones(1, 2, 3, 4)
        assert B.nn.functional.scaled_dot_product_attention(q, q, v).tolist() == v.tolist()
