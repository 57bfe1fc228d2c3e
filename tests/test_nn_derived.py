"""Weights that come from others (weight_norm, spectral_norm, parametrizations), and modules that learn their
sizes from the first input."""
from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, array, close, same_error

import minigrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
LAYERS: dict[str, Any] = {
    "linear": (lambda B: B.nn.Linear(4, 3), (2, 4)),
    "conv": (lambda B: B.nn.Conv2d(2, 3, 2), (2, 2, 3, 3)),
    "transposed": (lambda B: B.nn.ConvTranspose2d(2, 3, 2), (2, 2, 3, 3)),
}
NORMS: dict[str, Any] = {
    "weight_norm": lambda B, layer: B.nn.utils.weight_norm(layer),
    "weight_norm, last": lambda B, layer: B.nn.utils.weight_norm(layer, dim=1),
    "weight_norm, whole": lambda B, layer: B.nn.utils.weight_norm(layer, "weight", None),
    "weight_norm, bias": lambda B, layer: B.nn.utils.weight_norm(layer, "bias"),
    "spectral_norm": lambda B, layer: B.nn.utils.spectral_norm(layer),
    "spectral_norm, 3": lambda B, layer: B.nn.utils.spectral_norm(layer, "weight", 3, 0.1, 1),
    "new weight_norm": lambda B, layer: B.nn.utils.parametrizations.weight_norm(layer),
    "new weight_norm, whole": lambda B, layer: B.nn.utils.parametrizations.weight_norm(layer, dim=None),
    "new spectral_norm": lambda B, layer: B.nn.utils.parametrizations.spectral_norm(layer),
    "new spectral_norm, bias": lambda B, layer: B.nn.utils.parametrizations.spectral_norm(layer, "bias"),
}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("layer", LAYERS)
def test_training(layer: str, norm: str) -> None:
    """The same vectors are drawn, the same weights come out, and the same gradients go on, step after
    step."""
    build, shape = LAYERS[layer]
    if (layer, norm) == ("transposed", "new spectral_norm, bias"):      # a bias has no dimension 1
        same_error(lambda B: NORMS[norm](B, build(B)))
        return
    found = []
    for B in BACKENDS:
        B.manual_seed(3)
        B.set_default_dtype(B.float64)
        try:
            module = NORMS[norm](B, build(B))
            x = B.randn(*shape)
        finally:
            B.set_default_dtype(B.float32)
        optimizer = B.optim.SGD(module.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (module(x) - module(x.flip(0)) * 2).pow(2).mean().backward()    # two forwards before the walk
            optimizer.step()
        grads = [parameter.grad for parameter in module.parameters()]
        module.eval()
        found.append((list(module.state_dict().items()), grads, module(x), repr(module)))
    (ours, grads, out, text), (theirs, their_grads, their_out, their_text) = found
    assert [name for name, _ in ours] == [name for name, _ in theirs] and text == their_text
    for (name, a), (_, b) in zip(ours, theirs, strict=True):
        close(name, a, b, 1e-11)
    for a, b in zip(grads, their_grads, strict=True):
        # The direction of a weight of one dimension is a sign: its gradient is 0, but for rounding.
        np.testing.assert_allclose(array(a), array(b), rtol=1e-10, atol=1e-15)
    close("result", out, their_out, 1e-11)


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_removal_and_state_dicts(kind: str) -> None:
    for new in (False, True):
        for B in BACKENDS:
            B.manual_seed(0)
            utils = B.nn.utils
            make = getattr(utils.parametrizations if new else utils, kind)
            layer, other = make(B.nn.Linear(3, 2)).eval(), make(B.nn.Linear(3, 2)).eval()
            x = B.randn(4, 3)
            other.load_state_dict(layer.state_dict())
            before = layer(x)
            assert B.equal(other(x), before)
            if new:
                utils.parametrize.remove_parametrizations(layer, "weight")
            else:
                getattr(utils, f"remove_{kind}")(layer)
            assert sorted(layer.state_dict()) == ["bias", "weight"] and type(layer) is B.nn.Linear
            assert layer.weight.is_leaf and layer.weight.requires_grad
            np.testing.assert_allclose(array(layer(x)), array(before), rtol=1e-6)


def test_old_state_dicts_are_read_by_the_new_weight_norm() -> None:
    for B in BACKENDS:
        old = B.nn.utils.weight_norm(B.nn.Linear(3, 2))
        new = B.nn.utils.parametrizations.weight_norm(B.nn.Linear(3, 2))
        new.load_state_dict(old.state_dict())
        assert B.allclose(new.weight, old.weight)


def test_the_old_weight_norm_warns() -> None:
    found = []
    for B in BACKENDS:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            B.nn.utils.weight_norm(B.nn.Linear(2, 2))
        found.append([(w.category, str(w.message)) for w in caught])
    assert found[0] == found[1]


@pytest.mark.parametrize("call", [
    lambda B: B.nn.utils.weight_norm(B.nn.utils.weight_norm(B.nn.Linear(2, 2))),
    lambda B: B.nn.utils.spectral_norm(B.nn.utils.spectral_norm(B.nn.Linear(2, 2))),
    lambda B: B.nn.utils.spectral_norm(B.nn.Linear(2, 2, bias=False), "bias"),
    lambda B: B.nn.utils.spectral_norm(B.nn.Linear(2, 2), n_power_iterations=0),
    lambda B: B.nn.utils.remove_weight_norm(B.nn.Linear(2, 2)),
    lambda B: B.nn.utils.remove_spectral_norm(B.nn.Linear(2, 2)),
    lambda B: B.nn.utils.parametrizations.spectral_norm(B.nn.Linear(2, 2), "wait"),
    lambda B: B.nn.utils.parametrizations.spectral_norm(B.nn.Linear(2, 2), n_power_iterations=-1),
    lambda B: B.nn.utils.parametrizations.spectral_norm(B.nn.Linear(2, 2), dim=2),
    lambda B: B.nn.utils.parametrize.register_parametrization(B.nn.Linear(2, 2), "wait", B.nn.ReLU()),
    lambda B: B.nn.utils.parametrize.register_parametrization(B.nn.Linear(2, 2), "weight", B.nn.Flatten(0)),
    lambda B: B.nn.utils.parametrize.remove_parametrizations(B.nn.Linear(2, 2), "weight"),
    lambda B: B.nn.utils.parametrize.remove_parametrizations(
        B.nn.utils.parametrizations.weight_norm(B.nn.Linear(2, 2)), "weight", leave_parametrized=False),
    lambda B: setattr(symmetric(B, B.nn.ReLU()), "weight", B.ones(3, 3)),
    lambda B: pickle.dumps(symmetric(B)),
])
def test_errors(call: Any) -> None:
    same_error(call)


def symmetric(B: Any, *more: Any) -> Any:
    class Symmetric(B.nn.Module):
        def forward(self, X: Any) -> Any:
            return X.triu() + X.triu(1).T

        def right_inverse(self, A: Any) -> Any:
            return A.triu()

    layer = B.nn.Linear(3, 3)
    B.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    for module in more:
        B.nn.utils.parametrize.register_parametrization(layer, "weight", module)
    return layer


def test_a_parametrization_of_ones_own() -> None:
    found = []
    for B in BACKENDS:
        B.manual_seed(0)
        P, layer = B.nn.utils.parametrize, symmetric(B)
        optimizer = B.optim.SGD(layer.parameters(), lr=0.5)
        assert P.is_parametrized(layer) and P.is_parametrized(layer, "weight")
        assert not P.is_parametrized(layer, "bias")
        with P.cached():
            assert layer.weight is layer.weight
        assert layer.weight is not layer.weight and B.equal(layer.weight, layer.weight.T)
        layer.weight = B.arange(9.0).view(3, 3)
        layer(B.ones(2, 3)).pow(2).sum().backward()
        twin = copy.deepcopy(layer)
        optimizer.step()
        seen = [layer.weight, layer.parametrizations.weight.original, twin.weight, layer.bias]
        P.register_parametrization(layer, "weight", B.nn.Tanh())
        seen.append(layer.weight)
        original = layer.parametrizations.weight.original
        P.remove_parametrizations(layer, "weight", leave_parametrized=False)
        assert layer.weight is original
        found.append((seen, repr(twin)))
    assert found[0][1] == found[1][1]
    for ours, theirs in zip(found[0][0], found[1][0], strict=True):
        close("symmetric", ours, theirs, 1e-6)


# Lazy modules -----------------------------------------------------------------------------------------------

CHAINS: dict[str, Any] = {
    "images": (lambda nn: [nn.LazyConv2d(4, 3, padding=1), nn.LazyBatchNorm2d(), nn.LazyConvTranspose2d(2, 2),
                           nn.Flatten(), nn.LazyLinear(3), nn.Linear(3, 2)], (2, 3, 5, 5)),
    "signals": (lambda nn: [nn.LazyConv1d(4, 3, bias=False), nn.LazyBatchNorm1d(affine=False),
                            nn.LazyConvTranspose1d(2, 2), nn.Flatten(), nn.LazyLinear(3, bias=False)],
                (2, 3, 6)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CHAINS)
def test_lazy_chains(name: str, dtype: str) -> None:
    build, shape = CHAINS[name]
    found = []
    for B in BACKENDS:
        B.manual_seed(5)
        net, other = (B.nn.Sequential(*build(B.nn)).to(getattr(B, dtype)) for _ in range(2))
        before, held = repr(net), list(net.parameters())
        unknown = {key: repr(value) for key, value in net.state_dict().items() if "Uninit" in repr(value)}
        assert net[0].has_uninitialized_params()
        assert str(net.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
        x = B.randn(*shape, dtype=getattr(B, dtype))
        first = net(x)
        assert all(a is b for a, b in zip(held, net.parameters(), strict=True))
        other.load_state_dict(net.state_dict())     # which brings the sizes
        again, next_draw = other(x), B.rand(2)
        net(x)
        assert not net._modules["0"]._forward_pre_hooks if B is torch else not net[0]._hooks
        found.append((before, unknown, repr(net), [first, again, next_draw, *net.state_dict().values()]))
    assert found[0][:3] == found[1][:3]
    for ours, theirs in zip(found[0][3], found[1][3], strict=True):
        close("lazy", ours, theirs, 1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("call", [
    lambda B: B.nn.LazyConv2d(4, 3)(B.ones(3, 3)),
    lambda B: B.nn.LazyConv1d(4, 3)(B.ones(3, 3, 3, 3)),
    lambda B: B.nn.LazyLinear(2).weight.shape,
    lambda B: B.nn.Linear(2, 2).load_state_dict(B.nn.LazyLinear(2).state_dict()),
])
def test_lazy_errors(call: Any) -> None:
    same_error(call)


def test_lazy_parameters_have_no_size_yet() -> None:
    for B in BACKENDS:
        layer = B.nn.LazyLinear(2)
        for ask in (lambda layer=layer: layer.weight.numel(), lambda layer=layer: len(layer.weight)):
            with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
                ask()
        twin = copy.deepcopy(layer)
        layer(B.ones(1, 3))
        assert type(twin) is B.nn.LazyLinear and type(layer) is B.nn.Linear
        weight = B.nn.parameter.UninitializedParameter()
        weight.materialize((2, 3), dtype=B.float64)
        assert type(weight) is B.nn.Parameter and weight.shape == (2, 3) and weight.dtype is B.float64


def test_torchs_rooms_of_modules() -> None:
    import minigrad.nn.modules.batchnorm as room
    from minigrad.nn.modules.rnn import LSTM

    assert LSTM is minigrad.nn.LSTM and room._BatchNorm in minigrad.nn.BatchNorm2d.__mro__
    for B in BACKENDS:
        modules = B.nn.modules
        assert isinstance(B.nn.Conv1d(1, 1, 1), modules.conv._ConvNd)
        assert isinstance(B.nn.BatchNorm1d(2), modules.batchnorm._BatchNorm)
        assert modules.linear.Linear is B.nn.Linear and modules.dropout.Dropout is B.nn.Dropout
        assert modules.sparse.Embedding is B.nn.Embedding


def test_data_parallel_computes_where_it_is() -> None:
    for B in BACKENDS:
        model = B.nn.DataParallel(B.nn.Linear(2, 2))
        assert list(model.state_dict()) == ["module.weight", "module.bias"]
        assert B.equal(model(B.ones(1, 2)), model.module(B.ones(1, 2)))
    with pytest.raises(NotImplementedError, match="DistributedDataParallel is not supported"):
        minigrad.nn.parallel.DistributedDataParallel(minigrad.nn.Linear(1, 1))
