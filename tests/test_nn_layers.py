"""Layers against torch's: first values to the bit, text, results, first and second gradients, errors."""
from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, array, close, error_of, run_layer, same_bits, same_error, same_layer

import minigrad

torch = pytest.importorskip("torch")

# name -> (a layer of either library, the shapes of its inputs; an integer is a bound: indices below it)
LAYERS: dict[str, tuple[Any, list[Any]]] = {
    "linear": (lambda nn: nn.Linear(5, 3), [(4, 5)]),
    "linear-1d": (lambda nn: nn.Linear(5, 3), [(5,)]),
    "linear-4d": (lambda nn: nn.Linear(5, 3), [(2, 3, 4, 5)]),
    "linear-plain": (lambda nn: nn.Linear(5, 3, bias=False), [(4, 5)]),
    "conv": (lambda nn: nn.Conv2d(3, 4, 3), [(2, 3, 6, 5)]),
    "conv-pixels": (lambda nn: nn.Conv2d(3, 4, 1, bias=False), [(2, 3, 4, 5)]),
    "conv-strided": (lambda nn: nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0)), [(2, 2, 7, 5)]),
    "conv-dilated": (lambda nn: nn.Conv2d(2, 3, 3, dilation=(2, 1), padding=2), [(2, 2, 7, 5)]),
    "conv-groups": (lambda nn: nn.Conv2d(4, 6, 3, groups=2, padding=1), [(2, 4, 5, 6)]),
    "conv-depthwise": (lambda nn: nn.Conv2d(4, 4, 3, groups=4, stride=2, bias=False), [(2, 4, 7, 6)]),
    "conv-same": (lambda nn: nn.Conv2d(2, 3, (2, 4), padding="same", dilation=(1, 2)), [(2, 2, 7, 8)]),
    "conv-valid": (lambda nn: nn.Conv2d(2, 3, 2, padding="valid"), [(2, 2, 4, 5)]),
    "conv-one-image": (lambda nn: nn.Conv2d(2, 3, 3, padding=1), [(2, 5, 4)]),
    "conv-reflect": (lambda nn: nn.Conv2d(2, 3, 3, padding=(2, 1), padding_mode="reflect"), [(2, 2, 5, 4)]),
    "conv-replicate": (lambda nn: nn.Conv2d(2, 3, 3, padding=(1, 2), padding_mode="replicate"),
                       [(2, 2, 5, 4)]),
    "conv-circular": (lambda nn: nn.Conv2d(2, 3, 3, padding="same", padding_mode="circular"), [(2, 2, 5, 4)]),
    "batchnorm1d": (lambda nn: nn.BatchNorm1d(3), [(5, 3)]),
    "batchnorm1d-3d": (lambda nn: nn.BatchNorm1d(3), [(4, 3, 5)]),
    "batchnorm1d-mean": (lambda nn: nn.BatchNorm1d(3, momentum=None), [(5, 3)]),
    "batchnorm2d": (lambda nn: nn.BatchNorm2d(3, eps=1e-3, momentum=0.3), [(4, 3, 2, 5)]),
    "batchnorm2d-plain": (lambda nn: nn.BatchNorm2d(3, affine=False), [(4, 3, 2, 5)]),
    "batchnorm2d-no-bias": (lambda nn: nn.BatchNorm2d(3, bias=False), [(4, 3, 2, 5)]),
    "batchnorm2d-untracked": (lambda nn: nn.BatchNorm2d(3, track_running_stats=False), [(4, 3, 2, 5)]),
    "batchnorm2d-eval": (lambda nn: nn.BatchNorm2d(3).eval(), [(4, 3, 2, 5)]),
    "batchnorm2d-eval-untracked": (lambda nn: nn.BatchNorm2d(3, track_running_stats=False).eval(),
                                   [(4, 3, 2, 5)]),
    "layernorm": (lambda nn: nn.LayerNorm(5), [(4, 5)]),
    "layernorm-2": (lambda nn: nn.LayerNorm((3, 5), eps=1e-2), [(4, 3, 5)]),
    "layernorm-plain": (lambda nn: nn.LayerNorm([5], elementwise_affine=False), [(2, 3, 5)]),
    "layernorm-no-bias": (lambda nn: nn.LayerNorm(5, bias=False), [(2, 3, 5)]),
    "embedding": (lambda nn: nn.Embedding(7, 3), [7]),
    "embedding-padding": (lambda nn: nn.Embedding(7, 3, padding_idx=-5), [7]),
    "relu": (lambda nn: nn.ReLU(), [(3, 4)]),
    "sigmoid": (lambda nn: nn.Sigmoid(), [(3, 4)]),
    "tanh": (lambda nn: nn.Tanh(), [(3, 4)]),
    "gelu": (lambda nn: nn.GELU(), [(3, 4)]),
    "gelu-tanh": (lambda nn: nn.GELU("tanh"), [(3, 4)]),
    "softmax": (lambda nn: nn.Softmax(dim=1), [(3, 4)]),
    "logsoftmax": (lambda nn: nn.LogSoftmax(dim=-1), [(3, 2, 4)]),
    "maxpool": (lambda nn: nn.MaxPool2d(2), [(2, 3, 6, 4)]),
    "maxpool-overlap": (lambda nn: nn.MaxPool2d(3, stride=(2, 1), padding=1, dilation=(1, 2)),
                        [(2, 3, 7, 8)]),
    "maxpool-gaps": (lambda nn: nn.MaxPool2d((2, 1), stride=2, ceil_mode=True), [(2, 3, 7, 6)]),
    "avgpool": (lambda nn: nn.AvgPool2d(2), [(2, 3, 6, 4)]),
    "avgpool-padded": (lambda nn: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
                       [(2, 3, 6, 4)]),
    "avgpool-divisor": (lambda nn: nn.AvgPool2d((2, 3), divisor_override=5), [(3, 6, 7)]),
    "adaptive": (lambda nn: nn.AdaptiveAvgPool2d((3, 2)), [(2, 3, 7, 5)]),
    "adaptive-tiles": (lambda nn: nn.AdaptiveAvgPool2d((None, 2)), [(2, 3, 5, 6)]),
    "adaptive-mean": (lambda nn: nn.AdaptiveAvgPool2d(1), [(2, 3, 7, 5)]),
    "flatten": (lambda nn: nn.Flatten(), [(2, 3, 4)]),
    "flatten-middle": (lambda nn: nn.Flatten(1, 2), [(2, 3, 4, 2)]),
    "identity": (lambda nn: nn.Identity(5, extra=1), [(2, 3)]),
    "dropout": (lambda nn: nn.Dropout(0.3), [(6, 5)]),
    "dropout-eval": (lambda nn: nn.Dropout(0.3).eval(), [(6, 5)]),
    "chain": (lambda nn: nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4),
                                       nn.ReLU(), nn.MaxPool2d(2),
                                       nn.Dropout(0.2), nn.Flatten(), nn.Linear(24, 5)), [(3, 1, 4, 6)]),
}
LOSSES: dict[str, tuple[Any, list[Any]]] = {
    "mse": (lambda nn: nn.MSELoss(), [(3, 4), (3, 4)]),
    "mse-none": (lambda nn: nn.MSELoss(reduction="none"), [(3, 4), (3, 4)]),
    "l1-sum": (lambda nn: nn.L1Loss(reduction="sum"), [(3, 4), (3, 4)]),
    "cross-entropy": (lambda nn: nn.CrossEntropyLoss(), [(4, 5), 5]),
    "cross-entropy-sum": (lambda nn: nn.CrossEntropyLoss(reduction="sum"), [(4, 5), 5]),
    "cross-entropy-none": (lambda nn: nn.CrossEntropyLoss(reduction="none"), [(4, 5), 5]),
    "cross-entropy-ignore": (lambda nn: nn.CrossEntropyLoss(ignore_index=2), [(4, 5), 5]),
    "cross-entropy-smooth": (lambda nn: nn.CrossEntropyLoss(label_smoothing=0.1), [(4, 5), 5]),
    "cross-entropy-soft": (lambda nn: nn.CrossEntropyLoss(label_smoothing=0.1), [(4, 5), (4, 5)]),
    "cross-entropy-pixels": (lambda nn: nn.CrossEntropyLoss(), [(4, 5, 2, 3), (5, 4, 2, 3)]),
    "nll": (lambda nn: nn.NLLLoss(), [(4, 5), 5]),
    "nll-none": (lambda nn: nn.NLLLoss(reduction="none", ignore_index=1), [(4, 5), 5]),
    "bce": (lambda nn: nn.BCEWithLogitsLoss(), [(3, 4), (3, 4)]),
    "bce-none": (lambda nn: nn.BCEWithLogitsLoss(reduction="none"), [(3, 4), (3, 4)]),
}


def inputs(shapes: list[Any], seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    if len(shapes) == 2 and len(np.shape(shapes[1])) and len(shapes[1]) == 4:      # (classes, target's shape)
        return [random.standard_normal(shapes[0]), random.integers(0, shapes[1][0], shapes[1][1:])]
    return [random.integers(0, s, 4) if isinstance(s, int) else random.standard_normal(s) for s in shapes]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("seed", [0, 2**40 + 7])
def test_first_values_are_torchs_to_the_bit(name: str, seed: int) -> None:
    states, following = [], []
    for B in BACKENDS:
        B.manual_seed(seed)
        states.append(LAYERS[name][0](B.nn).state_dict())
        following.append(B.rand(3))
    assert list(states[0]) == list(states[1])
    assert states[0]._metadata == states[1]._metadata
    for key in states[0]:
        same_bits(key, states[0][key], states[1][key])
    same_bits("the draw after", *following)


@pytest.mark.parametrize("name", LAYERS | LOSSES)
def test_text(name: str) -> None:
    ours, theirs = (repr((LAYERS | LOSSES)[name][0](B.nn)) for B in BACKENDS)
    assert ours == theirs


@pytest.mark.parametrize("name", LAYERS | LOSSES)
def test_results_and_gradients(name: str) -> None:
    build, shapes = (LAYERS | LOSSES)[name]
    for seed in range(2):
        same_layer(lambda B: build(B.nn), inputs(shapes, seed), seed=seed)


@pytest.mark.parametrize("name", ["mse", "l1-sum", "cross-entropy", "nll", "bce"])
def test_float32_results(name: str) -> None:
    build, shapes = LOSSES[name]
    results = []
    for B in BACKENDS:
        x, y = (B.from_numpy(a.astype(np.float32) if a.dtype.kind == "f" else a) for a in inputs(shapes))
        x.requires_grad_()
        loss = build(B.nn)(x, y)
        loss.backward()
        results.append((loss, x.grad))
    for ours, theirs in zip(*results, strict=True):
        close(name, ours, theirs, 1e-6)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics(momentum: float | None) -> None:
    random = np.random.default_rng(3)
    batches = [random.standard_normal((5, 3, 2, 2)) * 4 + 7 for _ in range(3)]
    layers = [B.nn.BatchNorm2d(3, momentum=momentum).double() for B in BACKENDS]
    for batch in batches:
        for B, layer in zip(BACKENDS, layers, strict=True):
            layer(B.from_numpy(batch))
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        close(name, getattr(layers[0], name), getattr(layers[1], name))
    for layer in layers:
        layer.eval()
    close("evaluation", *(layer(B.from_numpy(batches[0])) for B, layer in zip(BACKENDS, layers, strict=True)))
    for layer in layers:
        layer.reset_running_stats()
    assert array(layers[0].running_var).tolist() == [1.0] * 3


def test_statistics_of_old_checkpoints() -> None:
    """State dicts made before batches were counted load without that number."""
    for B in BACKENDS:
        state = B.nn.BatchNorm1d(2).state_dict()
        del state["num_batches_tracked"], state._metadata[""]
        layer = B.nn.BatchNorm1d(2)
        assert str(layer.load_state_dict(state)) == "<All keys matched successfully>"
        assert layer.num_batches_tracked.item() == 0


@pytest.mark.parametrize("p", [0.05, 0.1, 0.3, 0.5, 2 / 3, 0.9, 1.0])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dropout_to_the_bit(p: float, dtype: str) -> None:
    x = np.random.default_rng(1).standard_normal((7, 5)).astype(dtype)
    results = []
    for B in BACKENDS:
        B.manual_seed(11)
        tensor = B.from_numpy(x).t().requires_grad_()
        out = B.nn.functional.dropout(tensor, p)
        out.sum().backward()
        results.append((out, tensor.grad, B.rand(2)))
    for ours, theirs in zip(*results, strict=True):
        same_bits("dropout", ours, theirs)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dropout_scales_as_torch_divides(dtype: str) -> None:
    for p in np.random.default_rng(2).uniform(0, 1, 100):
        results = []
        for B in BACKENDS:
            B.manual_seed(11)
            results.append(B.nn.functional.dropout(B.from_numpy(np.ones(40, dtype)), float(p)))
        same_bits(f"dropout {p}", *results)


def test_in_place_activations() -> None:
    x = np.random.default_rng(1).standard_normal((4, 5))
    results = []
    for B in BACKENDS:
        B.manual_seed(5)
        leaf = B.from_numpy(x.copy()).requires_grad_()
        first, second = leaf * 2, leaf + 1
        assert B.nn.ReLU(inplace=True)(first) is first
        assert B.nn.Dropout(0.4, inplace=True)(second) is second
        (first * second).sum().backward()
        results.append((first, second, leaf.grad))
    for ours, theirs in zip(*results, strict=True):
        close("in place", ours, theirs)
    same_error(lambda B: B.nn.functional.relu(B.ones(2, requires_grad=True), inplace=True))
    same_error(lambda B: B.nn.functional.dropout(B.ones(2, requires_grad=True), inplace=True))


def test_inputs_by_name() -> None:
    x = np.random.default_rng(1).standard_normal((2, 2, 4, 4))
    for name, (build, shapes) in (LAYERS | LOSSES).items():
        layer = build(minigrad.nn)
        if name != "chain" and shapes == [(3, 4)] * len(shapes):
            given = [minigrad.from_numpy(a) for a in inputs(shapes)]
            named = dict(zip(("input", "target"), given, strict=False))
            close(name, layer(**named), layer(*given))
    tensor = minigrad.from_numpy(x)
    close("pool", minigrad.nn.MaxPool2d(2)(input=tensor), minigrad.nn.MaxPool2d(2)(tensor))


def test_a_layer_as_its_header_says() -> None:
    """A class line, a docstring and a constructor make a module; subclasses of it keep what it says."""
    from minigrad.nn.modules.layer import Layer, Loss

    def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0, training: bool = False) -> Any:
        return ("softplus", input, beta, threshold, training)

    class Softplus(Layer, calls=softplus, shows="beta, threshold=, name=!, size?"):
        def __init__(self, beta: float = 1.0, threshold: float = 20.0, name: str = "x",
                     size: Any = 3) -> None:
            self._keep(locals())

    class Fixed(Softplus):
        def __init__(self) -> None:
            super().__init__(4.0, size=(3, 3))

    assert Softplus(2.0)(7) == ("softplus", 7, 2.0, 20.0, True)
    assert Softplus(threshold=5).eval()(input=7) == ("softplus", 7, 1.0, 5, False)
    assert repr(Softplus()) == "Softplus(1.0, threshold=20.0, name='x')"
    assert repr(Softplus(size=(3, 4))) == "Softplus(1.0, threshold=20.0, name='x', size=(3, 4))"
    assert repr(Fixed()) == "Fixed(4.0, threshold=20.0, name='x')"
    assert Fixed()(7) == ("softplus", 7, 4.0, 20.0, True)

    class Hinge(Loss, calls=lambda input, target, weight, reduction: (input, target, weight, reduction)):
        def __init__(self, weight: Any = None, size_average: Any = None, reduce: Any = None,
                     reduction: str = "mean") -> None:
            self._keep(locals())

    weight = minigrad.ones(2)
    with pytest.warns(UserWarning, match="size_average"):
        made = Hinge(weight, size_average=False)
    assert made(1, 2) == (1, 2, weight, "sum") and list(made.state_dict()) == ["weight"]


def test_class_weights() -> None:
    random = np.random.default_rng(2)
    x, y, weight = random.standard_normal((6, 3)), random.integers(0, 3, 6), random.uniform(0.5, 2, 3)
    probabilities = random.uniform(0, 1, (6, 3))
    for options in ({}, {"label_smoothing": 0.2}, {"reduction": "sum"}, {"reduction": "none"},
                    {"ignore_index": 1},
                    {"label_smoothing": 0.2, "ignore_index": 1, "reduction": "sum"}):
        for target in (y, probabilities):
            if target is probabilities and "ignore_index" in options:
                continue
            same_layer(lambda B, o=options: B.nn.CrossEntropyLoss(B.from_numpy(weight), **o), [x, target])
    same_layer(lambda B: B.nn.NLLLoss(B.from_numpy(weight)), [x, y])
    same_layer(lambda B: B.nn.BCEWithLogitsLoss(B.from_numpy(weight), pos_weight=B.from_numpy(weight * 2)),
               [x, probabilities])


def test_large_scores() -> None:
    """No overflow, and the small gradients of sure answers keep their digits."""
    x = np.array([[1000.0, 0.0, -1000.0], [40.0, 0.0, -3.0]])
    same_layer(lambda B: B.nn.CrossEntropyLoss(), [x, np.array([1, 0])])
    same_layer(lambda B: B.nn.BCEWithLogitsLoss(),
               [np.array([-40.0, 40.0, 800.0]), np.array([0.0, 1.0, 0.0])])


def test_nothing_counted() -> None:
    for options in ({}, {"label_smoothing": 0.1}):
        for B in BACKENDS:
            x = B.ones(2, 3, requires_grad=True)
            loss = B.nn.functional.cross_entropy(x, B.tensor([-100, -100]), **options)
            loss.backward()
            assert np.isnan(loss.item())
            assert not array(x.grad).any()


def test_indices_of_the_maxima() -> None:
    x = np.random.default_rng(4).integers(0, 4, (2, 2, 7, 6)).astype(np.float64)       # with ties
    for options in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1},
                    {"kernel_size": 2, "dilation": 2},
                    {"kernel_size": (3, 2), "ceil_mode": True}):
        ours, theirs = (B.nn.MaxPool2d(**options, return_indices=True)(B.from_numpy(x)) for B in BACKENDS)
        for a, b in zip(ours, theirs, strict=True):
            same_bits(str(options), a, b)


def test_pretrained_embedding() -> None:
    table = np.random.default_rng(0).standard_normal((4, 3))
    ours, theirs = (B.nn.Embedding.from_pretrained(B.from_numpy(table), padding_idx=1) for B in BACKENDS)
    assert repr(ours) == repr(theirs)
    close("weight", ours.weight, theirs.weight)
    free = minigrad.nn.Embedding.from_pretrained(minigrad.from_numpy(table), freeze=False)
    assert free.weight.requires_grad


@pytest.mark.parametrize("call", [
    lambda nn, B: nn.Conv2d(3, 4, 3, groups=2), lambda nn, B: nn.Conv2d(4, 3, 3, groups=2),
    lambda nn, B: nn.Conv2d(4, 4, 3, groups=0), lambda nn, B: nn.Conv2d(1, 1, 3, stride=2, padding="same"),
    lambda nn, B: nn.Dropout(1.5), lambda nn, B: nn.Embedding(3, 2, padding_idx=3),
    lambda nn, B: nn.Embedding(3, 2, _weight=B.ones(2, 2)),
    lambda nn, B: nn.Embedding.from_pretrained(B.ones(3)),
    lambda nn, B: nn.BatchNorm1d(2)(B.ones(1, 2)), lambda nn, B: nn.BatchNorm2d(2)(B.ones(3, 2)),
    lambda nn, B: nn.BatchNorm1d(2)(B.ones(3, 2, 1, 1)), lambda nn, B: nn.BatchNorm1d(2)(B.ones(3, 4)),
    lambda nn, B: nn.Linear(3, 2)(B.ones(4)), lambda nn, B: nn.Linear(3, 2)(B.ones(2, 4)),
    lambda nn, B: nn.Linear(3, 2)(B.ones(2, 3, dtype=B.float64)), lambda nn, B: nn.Linear(3, 2)([1.0]),
    lambda nn, B: nn.Linear(3, 2)(B.tensor(1.0)),
    lambda nn, B: nn.Linear(3, 2, bias=False)(B.ones(2, 3).double()),
    lambda nn, B: nn.Conv2d(3, 2, 3)(B.ones(1, 2, 5, 5)),
    lambda nn, B: nn.Conv2d(3, 2, 3)(B.ones(1, 3, 2, 2)),
    lambda nn, B: nn.Conv2d(3, 2, 3)(B.ones(1, 3, 5, 5).double()),
    lambda nn, B: nn.LayerNorm(3)(B.ones(2, 4)),
    lambda nn, B: nn.Embedding(3, 2)(B.tensor([3])), lambda nn, B: nn.Embedding(3, 2)(B.tensor([-1])),
    lambda nn, B: nn.Embedding(3, 2)(B.tensor([0.5])), lambda nn, B: nn.GELU("fast")(B.ones(2)),
    lambda nn, B: nn.GELU()(B.tensor([1])), lambda nn, B: nn.MaxPool2d(3)(B.ones(1, 2, 2)),
    lambda nn, B: nn.CrossEntropyLoss()(B.ones(2, 3), B.tensor([0, 3])),
    lambda nn, B: nn.CrossEntropyLoss()(B.ones(2, 3), B.tensor([0, -1])),
    lambda nn, B: nn.CrossEntropyLoss(reduction="most")(B.ones(2, 3), B.tensor([0, 1])),
    lambda nn, B: nn.CrossEntropyLoss(ignore_index=1)(B.ones(2, 3), B.ones(2, 3)),
    lambda nn, B: nn.NLLLoss()(B.ones(2, 3), B.tensor([0])), lambda nn, B: nn.MSELoss()(B.ones(2), B.ones(3)),
    lambda nn, B: nn.BCEWithLogitsLoss()(B.ones(2), B.ones(3)),
    lambda nn, B: nn.functional.one_hot(B.tensor([3]), 3),
    lambda nn, B: nn.functional.one_hot(B.tensor([-1])),
    lambda nn, B: nn.functional.pad(B.ones(2, 2), [1]),
    lambda nn, B: nn.functional.pad(B.ones(2, 2), [2, 0], "reflect"),
    lambda nn, B: nn.functional.pad(B.ones(2, 2), [3, 0], "circular"),
    lambda nn, B: nn.functional.pad(B.ones(2, 2), [1, 1], "mirror"),
])
def test_errors(call: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same_error(lambda B: call(B.nn, B))


def test_unsupported_options_are_refused_by_name() -> None:
    F = minigrad.nn.functional
    index, weight = minigrad.tensor([0]), minigrad.ones(2, 2)
    for name, value in (("max_norm", 1.0), ("scale_grad_by_freq", True), ("sparse", True)):
        kind, text = error_of(lambda B, n=name, v=value: F.embedding(index, weight, **{n: v}), minigrad)
        assert (kind, name in text) == ("NotImplementedError", True)


def test_warnings() -> None:
    for call in (lambda B: B.nn.functional.mse_loss(B.ones(8, 1), B.ones(8)),
                 lambda B: B.nn.functional.l1_loss(B.ones(8, 1), B.ones(8)),
                 lambda B: B.nn.functional.softmax(B.ones(2, 2)), lambda B: B.nn.Softmax()(B.ones(2, 2)),
                 lambda B: B.nn.MSELoss(size_average=False)):
        told = []
        for B in BACKENDS:
            with pytest.warns(UserWarning) as caught:
                call(B)
            told.append([str(w.message) for w in caught])
            assert caught[0].filename == __file__ or B is torch or "size_average" in told[-1][0]
        assert told[0] == told[1]


def test_padding() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    for options in ({"pad": [1, 2]}, {"pad": [0, 1, 2, 0], "value": 1.5}, {"pad": [-1, 2, 0, -2]},
                    {"pad": [2, 1, 3, 0], "mode": "reflect"}, {"pad": [2, 1, 5, 0], "mode": "replicate"},
                    {"pad": [5, 0, 1, 4], "mode": "circular"}):
        same_layer(lambda B, o=options: Call(B, B.nn.functional.pad, **o), [x])
    ours, theirs = (B.nn.functional.normalize(B.from_numpy(x), dim=-1) for B in BACKENDS)
    close("normalize", ours, theirs)
    for index in (np.array([[0, 2], [1, 1]]), np.array(3)):
        same_bits("one_hot", *(B.nn.functional.one_hot(B.from_numpy(np.array(index))) for B in BACKENDS))


def Call(B: Any, function: Any, **options: Any) -> Any:
    """A function as a module of library B."""
    class Called(B.nn.Module):
        def forward(self, *args: Any) -> Any:
            return function(*args, **options)
    return Called()


def test_layout_stays_private() -> None:
    """A convolution's result may lie in memory in another order; nobody can tell."""
    minigrad.manual_seed(0)
    x = minigrad.randn(2, 3, 5, 4)
    z = minigrad.nn.Conv2d(3, 4, 3, padding=1)(x)
    assert z.is_contiguous()
    assert z.stride() == (80, 20, 4, 1)
    assert z.view(2, -1).shape == (2, 80)
    assert z.detach().numpy().flags.c_contiguous


def test_chain_with_names() -> None:
    nets = [B.nn.Sequential(OrderedDict(first=B.nn.Linear(3, 2), act=B.nn.ReLU())) for B in BACKENDS]
    assert repr(nets[0]) == repr(nets[1])
    assert run_layer(minigrad, nets[0].double(), [np.ones((1, 3))])["result"].shape == (1, 2)
