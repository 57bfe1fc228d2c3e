"""Sequences of different lengths against torch: padding, packing, and recurrent modules over packed steps."""

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
LENGTHS = [4, 1, 6, 3]
SEQUENCES = [np.random.default_rng(n).standard_normal((n, 5)) for n in LENGTHS]


def tools(B):
    import importlib

    return importlib.import_module(f"{B.__name__}.nn.utils.rnn")


def tensors(B, arrays):
    return [B.from_numpy(array.copy()) for array in arrays]


def same(ours, theirs):
    assert (ours is None) == (theirs is None)
    if ours is not None:
        assert tuple(ours.shape) == tuple(theirs.shape) and str(ours.dtype) == str(theirs.dtype)
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch_first", [False, True])
def test_padding_and_packing(batch_first):
    found = []
    for B in (minigrad, torch):
        rnn, given = tools(B), tensors(B, SEQUENCES)
        padded = rnn.pad_sequence(given, batch_first, -1.0)
        packed = rnn.pack_padded_sequence(padded, LENGTHS, batch_first, enforce_sorted=False)
        again, lengths = rnn.pad_packed_sequence(packed, batch_first, 7.0, total_length=8)
        falling = rnn.pack_sequence(sorted(given, key=len, reverse=True))
        found.append(
            [
                padded,
                rnn.pad_sequence(given, padding_side="left"),
                *packed,
                again,
                lengths,
                *falling,
                *rnn.unpack_sequence(packed),
                *rnn.unpad_sequence(padded.clone(), lengths, batch_first),
            ]
        )
    assert len(found[0]) == len(found[1])
    for ours, theirs in zip(*found):
        same(ours, theirs)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["plain", "deep, both ways"]
)
@pytest.mark.parametrize("given", [False, True], ids=["zeros", "first state"])
def test_recurrent_modules_over_packed_sequences(name, options, given):
    found = []
    for B in (minigrad, torch):
        B.manual_seed(0)
        module, rnn = getattr(B.nn, name)(5, 3, **options).double(), tools(B)
        packed = rnn.pack_sequence(tensors(B, SEQUENCES), enforce_sorted=False)
        rows = module.num_layers * (2 if module.bidirectional else 1)
        first = B.from_numpy(np.linspace(-1, 1, rows * 12).reshape(rows, 4, 3)) if given else None
        out, last = module(packed, (first, first * 2) if given and name == "LSTM" else first)
        last = last if isinstance(last, tuple) else (last,)
        padded, lengths = rnn.pad_packed_sequence(out)
        (sum((h * h).sum() for h in last) + (padded**3).sum()).backward()
        found.append(
            [out.data, out.batch_sizes, padded, lengths, *last, *[p.grad for p in module.parameters()]]
        )
    for ours, theirs in zip(*found):
        same(ours, theirs)


@pytest.mark.parametrize(
    "call",
    [
        lambda B, rnn: rnn.pack_padded_sequence(B.ones(3, 2), [1, 2]),
        lambda B, rnn: rnn.pack_padded_sequence(B.ones(3, 2), [1]),
        lambda B, rnn: rnn.pack_padded_sequence(B.ones(3, 2), [2, 0]),
        lambda B, rnn: rnn.pad_packed_sequence(rnn.pack_sequence([B.ones(3)]), total_length=2),
    ],
)
def test_refusals(call):
    errors = []
    for B in (minigrad, torch):
        with pytest.raises(Exception) as caught:
            call(B, tools(B))
        errors.append((caught.type, str(caught.value).split("\n")[0][:40]))
    assert errors[0] == errors[1]
