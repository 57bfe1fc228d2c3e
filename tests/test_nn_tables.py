"""Functions and modules of nn against torch's, by tables: values, first and second gradients, precisions,
kinks, text, state, in-place forms, errors."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, array, close, same_bits, same_error, same_layer

import minigrad

torch = pytest.importorskip("torch")
# NumPy warns where torch computes on silently; minigrad silences its own rooms, which pytest undoes.
pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning")]

def SIGNS(random: Any) -> np.ndarray:
    return random.choice([-1, 1], 6)


def SHARES(random: Any) -> np.ndarray:
    return random.uniform(0.05, 0.95, (3, 4))


# A module of either library and the shapes of its inputs.
MODULES: dict[str, tuple[Any, list[Any]]] = {
    name: (call, [(3, 4)]) for name, call in {
        "LeakyReLU": lambda nn: nn.LeakyReLU(), "LeakyReLU 0.2": lambda nn: nn.LeakyReLU(0.2, True),
        "ELU": lambda nn: nn.ELU(), "ELU 0.7": lambda nn: nn.ELU(0.7), "SELU": lambda nn: nn.SELU(),
        "CELU": lambda nn: nn.CELU(), "CELU 0.5": lambda nn: nn.CELU(alpha=0.5), "SiLU": lambda nn: nn.SiLU(),
        "Mish": lambda nn: nn.Mish(), "ReLU6": lambda nn: nn.ReLU6(), "Hardtanh": lambda nn: nn.Hardtanh(),
        "Hardtanh -2 1": lambda nn: nn.Hardtanh(-2, 1.0), "Hardswish": lambda nn: nn.Hardswish(),
        "Hardsigmoid": lambda nn: nn.Hardsigmoid(), "Softplus": lambda nn: nn.Softplus(),
        "Softplus 2 1": lambda nn: nn.Softplus(2, 1.0), "Softsign": lambda nn: nn.Softsign(),
        "LogSigmoid": lambda nn: nn.LogSigmoid(), "PReLU": lambda nn: nn.PReLU(),
        "PReLU 4": lambda nn: nn.PReLU(4, init=0.1), "GLU": lambda nn: nn.GLU(),
        "Threshold": lambda nn: nn.Threshold(0.1, 20), "Softmin": lambda nn: nn.Softmin(dim=1),
        "Tanhshrink": lambda nn: nn.Tanhshrink(), "Softshrink": lambda nn: nn.Softshrink(),
        "Softshrink 0.2": lambda nn: nn.Softshrink(0.2), "Hardshrink": lambda nn: nn.Hardshrink(),
        "Hardshrink 0.2": lambda nn: nn.Hardshrink(0.2)}.items()
} | {
    "PReLU of channels": (lambda nn: nn.PReLU(3), [(2, 3, 2, 2)]), "GLU 0": (lambda nn: nn.GLU(0), [(4, 3)]),
    "Bilinear": (lambda nn: nn.Bilinear(3, 4, 2), [(5, 3), (5, 4)]),
    "Bilinear 3d": (lambda nn: nn.Bilinear(3, 4, 2, bias=False), [(2, 5, 3), (2, 5, 4)]),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), [(2, 4, 3, 2)]),
    "GroupNorm plain": (lambda nn: nn.GroupNorm(3, 6, eps=0.1, affine=False), [(2, 6, 3)]),
    "GroupNorm no bias": (lambda nn: nn.GroupNorm(1, 6, bias=False), [(3, 6)]),
    "InstanceNorm1d": (lambda nn: nn.InstanceNorm1d(3), [(2, 3, 4)]),
    "InstanceNorm1d affine": (lambda nn: nn.InstanceNorm1d(3, affine=True), [(2, 3, 4)]),
    "InstanceNorm1d one": (lambda nn: nn.InstanceNorm1d(3, affine=True), [(3, 4)]),
    "InstanceNorm2d": (lambda nn: nn.InstanceNorm2d(3, affine=True, track_running_stats=True),
                       [(2, 3, 2, 2)]),
    "InstanceNorm2d eval": (lambda nn: nn.InstanceNorm2d(3, track_running_stats=True).eval(),
                            [(2, 3, 2, 2)]),
    "RMSNorm": (lambda nn: nn.RMSNorm(4), [(3, 4)]),
    "RMSNorm plain": (lambda nn: nn.RMSNorm((3, 4), 0.1, elementwise_affine=False), [(2, 3, 4)]),
    "Dropout1d": (lambda nn: nn.Dropout1d(0.4), [(3, 4, 2)]), "Dropout1d one": (lambda nn: nn.Dropout1d(0.4),
                                                                          [(6, 2)]),
    "Dropout2d": (lambda nn: nn.Dropout2d(0.4), [(3, 4, 2, 2)]),
    "AlphaDropout": (lambda nn: nn.AlphaDropout(0.4), [(5, 4)]),
    "AlphaDropout eval": (lambda nn: nn.AlphaDropout(0.4).eval(), [(5, 4)]),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, -1)), [(3, 4)]),
    "ZeroPad2d": (lambda nn: nn.ZeroPad2d(1), [(1, 2, 2, 3)]),
    "ZeroPad2d 4": (lambda nn: nn.ZeroPad2d((1, -1, 0, 2)), [(1, 2, 2, 3)]),
    "ReflectionPad2d": (lambda nn: nn.ReflectionPad2d((1, 2, 0, 1)), [(1, 2, 2, 3)]),
    "ZeroPad1d": (lambda nn: nn.ZeroPad1d((1, -1)), [(2, 2, 3)]),
    "ConstantPad1d": (lambda nn: nn.ConstantPad1d(2, 0.5), [(2, 3)]),
    "ConstantPad2d": (lambda nn: nn.ConstantPad2d((1, 0, 2, 1), -1.5), [(1, 2, 2, 3)]),
    "ReflectionPad1d": (lambda nn: nn.ReflectionPad1d(2), [(2, 2, 3)]),
    "ReplicationPad1d": (lambda nn: nn.ReplicationPad1d((0, 3)), [(2, 3)]),
    "ReplicationPad2d": (lambda nn: nn.ReplicationPad2d((1, 2, 3, 0)), [(2, 2, 3)]),
    "CircularPad1d": (lambda nn: nn.CircularPad1d((2, 1)), [(2, 2, 3)]),
    "CircularPad2d": (lambda nn: nn.CircularPad2d(1), [(1, 2, 2, 3)]),
    "LocalResponseNorm of images": (lambda nn: nn.LocalResponseNorm(3, 0.5, 0.6, 2.0), [(2, 5, 2, 3)]),
    "LocalResponseNorm of signals": (lambda nn: nn.LocalResponseNorm(2), [(2, 4, 3)]),
    "Softmax2d": (lambda nn: nn.Softmax2d(), [(2, 3, 2, 2)]),
    "Softmax2d one": (lambda nn: nn.Softmax2d(), [(3, 2, 2)]),
    "ChannelShuffle": (lambda nn: nn.ChannelShuffle(2), [(2, 4, 2, 2)]),
    "ChannelShuffle 1": (lambda nn: nn.ChannelShuffle(1), [(2, 3, 2)]),
    "CosineSimilarity": (lambda nn: nn.CosineSimilarity(), [(3, 4), (3, 4)]),
    "CosineSimilarity 0": (lambda nn: nn.CosineSimilarity(0), [(3, 4), (3, 1)]),
    "CosineSimilarity of a row": (lambda nn: nn.CosineSimilarity(), [(3, 4), (4,)]),
    "CosineSimilarity over the repeated": (lambda nn: nn.CosineSimilarity(0), [(3, 4), (4,)]),
    "PairwiseDistance": (lambda nn: nn.PairwiseDistance(), [(3, 4), (3, 4)]),
    "PairwiseDistance 3": (lambda nn: nn.PairwiseDistance(3, keepdim=True), [(3, 4), (4,)]),
    "TripletMarginLoss": (lambda nn: nn.TripletMarginLoss(), [(3, 4)] * 3),
    "TripletMarginLoss swap": (lambda nn: nn.TripletMarginLoss(2.0, 3, swap=True, reduction="none"),
                               [(3, 4)] * 3),
    "CosineEmbeddingLoss": (lambda nn: nn.CosineEmbeddingLoss(0.1, reduction="none"),
                            [(6, 4), (6, 4), SIGNS]),
    "CosineEmbeddingLoss one": (lambda nn: nn.CosineEmbeddingLoss(), [(4,), (4,), lambda r: np.array(1)]),
    "MarginRankingLoss": (lambda nn: nn.MarginRankingLoss(0.3), [(6,), (6,), SIGNS]),
    "HingeEmbeddingLoss": (lambda nn: nn.HingeEmbeddingLoss(2.0, reduction="sum"), [(6,), SIGNS]),
    "BCELoss": (lambda nn: nn.BCELoss(), [SHARES, SHARES]),
    "BCELoss none": (lambda nn: nn.BCELoss(reduction="none"), [SHARES, SHARES]),
    "SmoothL1Loss": (lambda nn: nn.SmoothL1Loss(), [(3, 4), (3, 4)]),
    "SmoothL1Loss 0.5": (lambda nn: nn.SmoothL1Loss(beta=0.5, reduction="sum"), [(3, 4), (3, 4)]),
    "SmoothL1Loss 0": (lambda nn: nn.SmoothL1Loss(beta=0.0), [(3, 4), (3, 4)]),
    "HuberLoss": (lambda nn: nn.HuberLoss(), [(3, 4), (4,)]),
    "HuberLoss none": (lambda nn: nn.HuberLoss("none", 0.5), [(3, 4), (3, 4)]),
    "KLDivLoss": (lambda nn: nn.KLDivLoss(), [(3, 4), SHARES]),
    "KLDivLoss batch": (lambda nn: nn.KLDivLoss(reduction="batchmean"), [(3, 4), SHARES]),
    "KLDivLoss log": (lambda nn: nn.KLDivLoss(reduction="none", log_target=True), [(3, 4), (3, 4)]),
}
# torch has no second derivative of these; the line below compares what there is.
ONCE = ("Hardsigmoid",)
# Further text of modules.
TEXTS = [lambda nn: nn.ELU(inplace=True), lambda nn: nn.SELU(True), lambda nn: nn.SiLU(True),
         lambda nn: nn.ReLU6(True), lambda nn: nn.Hardtanh(inplace=True), lambda nn: nn.Hardswish(True),
         lambda nn: nn.Threshold(1, 2, True), lambda nn: nn.Softmin()]
# Functions over a line of values, kinks among them.
ACTIVATIONS: dict[str, tuple[Any, tuple[float, ...]]] = {
    "leaky_relu": ((), (0,)), "elu": ((), (0,)), "selu": ((), (0,)),
    "celu": ((0.5,), (0,)), "silu": ((), (0,)), "mish": ((), (0,)), "relu6": ((), (0, 6)),
    "hardtanh": ((), (-1, 1)), "hardswish": ((), (-3, 3)),
    "hardsigmoid": ((), (-3, 3)), "softplus": ((), ()), "softsign": ((), (0,)), "logsigmoid": ((), (0,)),
    "threshold": ((0.5, 3), (0.5,)), "tanhshrink": ((), (0,)), "softshrink": ((), (-0.5, 0.5)),
    "hardshrink": ((), (-0.5, 0.5)), "softmin": ((0,), ()), "glu": ((), ()),
}
IN_PLACE = ("leaky_relu", "elu", "selu", "celu", "silu", "mish", "relu6", "hardtanh", "hardswish",
            "hardsigmoid", "threshold")


def inputs(shapes: list[Any], seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.standard_normal(shape) if isinstance(shape, tuple) else shape(random) for shape in shapes]


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    build, shapes = MODULES[name]
    assert repr(build(minigrad.nn)) == repr(build(torch.nn))
    states = []
    for B in BACKENDS:
        B.manual_seed(3)
        states.append((build(B.nn).state_dict(), B.rand(2)))
    assert list(states[0][0]) == list(states[1][0]) and states[0][0]._metadata == states[1][0]._metadata
    for key in states[0][0]:
        same_bits(key, states[0][0][key], states[1][0][key])
    same_bits("the draw after", states[0][1], states[1][1])

    def not_written(B: Any) -> Any:             # an in-place module may not write to a leaf
        layer = build(B.nn)
        if getattr(layer, "inplace", False):
            layer.inplace = False
        return layer

    for seed in range(2 * (name not in ONCE)):
        same_layer(not_written, inputs(shapes, seed), seed=seed)


@pytest.mark.parametrize("build", TEXTS)
def test_text(build: Any) -> None:
    assert repr(build(minigrad.nn)) == repr(build(torch.nn))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_over_a_line(name: str, dtype: str) -> None:
    """Large and small values, the kinks themselves, and what is beside them; values and both derivatives."""
    options, kinks = ACTIVATIONS[name]
    values = np.concatenate([np.linspace(-8, 8, 33), [-60.0, 60.0, 1e-3, -1e-3], kinks,
                             np.random.default_rng(1).normal(size=30)])
    x = values[:len(values) // 2 * 2].astype(dtype)
    results = []
    for B in BACKENDS:
        leaf = B.from_numpy(x.copy()).requires_grad_()
        out = getattr(B.nn.functional, name)(leaf, *options)
        cotangent = B.from_numpy(np.linspace(0.5, 1.5, len(array(out))).astype(dtype)).requires_grad_()
        first = B.autograd.grad(out, leaf, cotangent, create_graph=True)[0]
        second: Any = ()
        if name != "hardsigmoid" and dtype == "float64":    # torch has none of hardsigmoid
            second = B.autograd.grad((first * first).sum(), (leaf, cotangent), allow_unused=True)
        results.append((out, first, *[B.zeros_like(leaf).detach() if s is None else s for s in second]))
    tolerance = {"float64": 1e-14, "float32": 4e-7, "float16": 2e-3}[dtype]
    for what, ours, theirs in zip(("value", "first", "second", "second of g"), *results, strict=False):
        close(f"{name}: {what}", ours.detach(), theirs.detach(), tolerance)


@pytest.mark.parametrize("call", [
    lambda B, x: B.cosine_similarity(x, x.flip(0)),
    lambda B, x: B.pairwise_distance(x, x.flip(0)),
    lambda B, x: B.nn.functional.cosine_similarity(x, x[0].double()),
    lambda B, x: B.nn.functional.cosine_similarity(x.long(), x),
    lambda B, x: B.nn.functional.huber_loss(x[0], x, weight=x[0]),
    lambda B, x: B.nn.functional.dropout(x, B.tensor(0.5)),
    lambda B, x: B.nn.functional.alpha_dropout(x, B.tensor(0.3), True),
    lambda B, x: B.nn.functional.dropout1d(x, B.tensor(0.3)),
    lambda B, x: B.sign(1 / B.stack([
        getattr(B.nn.functional, name)(B.tensor([-0.0, 0.0, -1e-30])) for name in ("elu", "selu", "celu")])),
])
def test_single_calls(call: Any) -> None:
    """Operands that broadcast, of two dtypes, probabilities in tensors, signs of zero."""
    results = []
    for B in BACKENDS:
        B.manual_seed(5)
        results.append(call(B, B.arange(12.0).reshape(3, 4) + 1))
    close("value", *results, 4e-7)


def test_hardswish_hands_nan_on() -> None:
    # torch does so in whole vectors of the processor; what is left over gets the outer gradient.
    x = minigrad.tensor([float("nan"), 1.0, 4.0], requires_grad=True)
    minigrad.nn.functional.hardswish(x).sum().backward()
    np.testing.assert_array_equal(np.isnan(array(x.grad)), [True, False, False])


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name: str) -> None:
    options, _ = ACTIVATIONS[name]
    results = []
    for B in BACKENDS:
        leaf = B.from_numpy(np.linspace(-4.0, 7.0, 20)).requires_grad_()
        middle = leaf * 1.5
        assert getattr(B.nn.functional, name)(middle, *options, inplace=True) is middle
        (middle * middle).sum().backward()
        results.append((middle, leaf.grad))
    for ours, theirs in zip(*results, strict=True):
        close(name, ours, theirs, 1e-14)
    for make in (lambda B: B.ones(2, requires_grad=True), lambda B: [1.0]):
        same_error(lambda B, m=make: getattr(B.nn.functional, name)(m(B), *options, inplace=True))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_refuse(name: str) -> None:
    options, _ = ACTIVATIONS[name]
    for value in (lambda B: [1.0], lambda B: B.ones(2, 2).long(), lambda B: B.ones(2, 2).bool()):
        def call(B: Any, value: Any = value) -> Any:
            return getattr(B.nn.functional, name)(value(B), *options)

        try:
            expected = call(torch)
        except (TypeError, AttributeError, RuntimeError):
            same_error(call)
        else:
            close(name, call(minigrad), expected, 1e-6)


BAD = {text: eval(f"lambda B, F, o, nn: {text}") for text in """
F.celu(o(2), 0.0)
F.softshrink(o(2), -1.0)
F.glu(o(3))
F.glu(o(()))
F.glu(o(2), 3)
F.hardtanh(o(2), 2.0, 1.0)
F.hardtanh(o(2, dtype=B.uint8))
F.prelu(o(2, 3), o(2))
F.prelu(o(2), o(3))
F.prelu(o(()), o(3))
F.prelu(o(2), 1.0)
F.prelu([1.0], o(1))
F.prelu(o(2).double(), o(1))
F.elu(o(2), "a")
F.celu(o(2), "a")
F.softshrink(o(2), "a")
F.softplus(o(2), None)
F.threshold(o(2), "a", 1)
F.threshold(o(2), 1, "a")
F.normalize([1.0])
F.normalize(o(2, 2).long())
F.normalize(o(2), dim=3)
F.alpha_dropout(o(3).long(), 0.5, True)
F.dropout1d(o(3, 3).long())
F.leaky_relu(o(2), None)
nn.Hardtanh(2.0, 1.0)
F.bilinear(o(2, 3), o(3, 4), o(5, 3, 4))
F.bilinear(o(2, 3), o(2, 5), o(5, 3, 4))
F.bilinear(o(2, 2), o(2, 5), o(5, 3, 4))
F.bilinear(o(2, 3), o(4), o(5, 3, 4))
F.bilinear(o(2, 3), o(2, 4), o(5, 3, 4), o(4))
F.bilinear(o(2, 3), [1.0], o(5, 3, 4))
nn.Bilinear(0, 1, 1)
F.group_norm(o(2, 4), 3)
F.group_norm(o(2), 1)
F.group_norm(o(2, 4, 5), 2, o(3))
F.group_norm(o(2, 4, 5), 2, o(4), o(3))
F.group_norm(o(2, 4, 5).long(), 2)
F.group_norm(o(1, 2), 2)
F.group_norm(o(2, 4, 5).double(), 2, o(4))
F.group_norm(o(2, 4, 5), 0)
F.group_norm([1.0], 1)
nn.GroupNorm(3, 4)
F.instance_norm(o(2, 3, 1))
F.instance_norm(o(2, 3, 4), use_input_stats=False)
F.instance_norm(o(2, 3, 4), o(2), o(3))
F.instance_norm(o(2, 3, 4), o(3))
F.instance_norm(o(2, 3, 4), weight=o(2))
F.instance_norm(o(2, 3, 4).long())
nn.InstanceNorm1d(3)(o(2, 3, 4, 5))
nn.InstanceNorm2d(3, affine=True)(o(2, 4, 4, 5))
F.rms_norm(o(2, 3), (2,))
F.rms_norm(o(2, 3), ())
F.rms_norm(o(2, 3), (3,), o(2))
F.rms_norm(o(2, 3), 3)
F.rms_norm([1.0], (3,))
F.rms_norm(o(2, 3).long(), (3,))
F.binary_cross_entropy(o(2), o(3))
F.binary_cross_entropy(o(2) * 2, o(2))
F.binary_cross_entropy(o(2), o(2) * 2)
F.binary_cross_entropy(o(2), o(2).double())
F.binary_cross_entropy(o(2).long(), o(2).long())
F.binary_cross_entropy(o(2), [1.0])
F.binary_cross_entropy([1.0], o(2))
F.binary_cross_entropy(o(2), o(2), reduction="avg")
F.smooth_l1_loss(o(2), o(3))
F.smooth_l1_loss(o(2), o(2), beta=-1.0)
F.smooth_l1_loss(o(2), o(2), reduction="avg")
F.smooth_l1_loss(o(2), 1.0)
F.smooth_l1_loss(o(2).long(), o(2).long())
F.huber_loss(o(2), o(3))
F.huber_loss(o(2), o(2), delta=0.0)
F.huber_loss(o(2), o(2), reduction="avg")
F.huber_loss(o(2).long(), o(2).long())
F.huber_loss(o(2), o(2), weight=o(3))
F.huber_loss(o(2), o(2), weight=o(2), reduction="avg")
F.kl_div(o(2), o(3))
F.kl_div(o(2), o(2), reduction="avg")
F.kl_div(o(2), 1.0)
F.kl_div([1.0], o(2))
F.kl_div(o(2).long(), o(2).long(), reduction="sum")
F.hinge_embedding_loss(o(2), o(3))
F.hinge_embedding_loss(o(2), 1.0)
F.hinge_embedding_loss(o(2), o(2), reduction="avg")
F.margin_ranking_loss(o(2), o(2), o(3))
F.margin_ranking_loss(o(2), o(2), o(2, 1))
F.margin_ranking_loss(o(2), o(2), 1.0)
F.cosine_embedding_loss(o(2, 3), o(2, 3), o(3))
F.cosine_embedding_loss(o(2, 3), o(2, 3), o(2, 2))
F.cosine_embedding_loss(o(2, 3), o(2, 3), 1.0)
F.cosine_embedding_loss(o(3), o(3), o(2))
F.cosine_embedding_loss(o(2, 3), o(2, 4), o(2))
F.triplet_margin_loss(o(2, 3), o(2, 3), o(2, 3), margin=0)
F.triplet_margin_loss(o(2, 3), o(2, 3), o(3))
F.triplet_margin_loss(o(2, 3), o(2, 3), 1.0)
F.triplet_margin_loss(o(2, 3), o(2, 3), o(2, 4))
nn.TripletMarginLoss(0)
F.cosine_similarity(o(2, 3), o(2, 4))
F.cosine_similarity(o(2, 3), 1.0)
F.cosine_similarity(o(2, 3).bool(), o(3).long())
F.dropout(o(2), o(()) * 2)
F.dropout(o(2), o(1))
F.cosine_similarity(o(2, 3).long(), o(2, 3).long())
F.cosine_similarity(o(2, 3), o(2, 3), 5)
F.pairwise_distance(o(2, 3), o(2, 4))
F.pairwise_distance(o(2, 3), 1.0)
F.dropout1d(o(2))
F.dropout1d(o(2, 3), 1.5)
F.alpha_dropout(o(2), -1.0)
F.dropout2d(o(2))
F.dropout2d([1.0])
nn.Dropout2d(2)
nn.Unflatten(1, 2)
nn.Unflatten(1, (1.0,))
nn.Unflatten(1, (2, 2))(o(2, 3))
nn.ParameterList([o(2)])[1]
nn.ParameterList(3)
nn.ParameterList([o(2)])(1)
nn.ParameterDict({"a": o(2)})[1]
nn.ParameterDict(3)
nn.utils.vector_to_parameters([1.0], [])
nn.Softshrink(-1.0)(o(2))
""".strip().split("\n")}


@pytest.mark.parametrize("text", BAD)
def test_errors(text: str) -> None:
    same_error(lambda B: BAD[text](B, B.nn.functional, B.ones, B.nn))


def test_old_names_warn() -> None:
    for B in BACKENDS:
        with pytest.warns(FutureWarning, match="`min_value` is deprecated and renamed to `min_val`"):
            assert B.nn.Hardtanh(min_value=-2.0).min_val == -2.0
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            B.nn.Hardtanh()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", [name for name in MODULES if "PReLU" not in name and
                                  name != "LocalResponseNorm of images"])  # none in half
def test_precisions(name: str, dtype: str) -> None:
    """Values and first gradients in single and half precision."""
    build, shapes = MODULES[name]
    results = []
    for B in BACKENDS:
        B.manual_seed(5)
        layer = build(B.nn).to(getattr(B, dtype))
        given = [B.from_numpy(a.astype(dtype) if a.dtype.kind == "f" else a) for a in inputs(shapes, 2)]
        leaf = given[0].requires_grad_()
        out = layer(leaf * 1, *given[1:])
        cotangent = np.asarray(np.random.default_rng(3).uniform(0.5, 2.0, tuple(out.shape)))
        out.backward(B.from_numpy(cotangent.astype(dtype)))
        results.append((out, leaf.grad))
    for what, ours, theirs in zip(("value", "gradient"), *results, strict=False):
        close(f"{name}: {what}", ours, theirs, {"float16": 4e-3, "float32": 2e-6}[dtype])


def test_lists_and_dicts_of_parameters() -> None:
    results = []
    for B in BACKENDS:
        nn, net = B.nn, B.nn.Module()
        net.list = nn.ParameterList([B.ones(2), nn.Parameter(B.zeros(2, 3)), "text"])
        net.list += [B.full((1,), 3.0)]
        net.list[-1] = B.full((1,), 4.0)
        net.dict = nn.ParameterDict({"b": B.ones(2), "a": B.zeros(1)})
        net.dict["c"] = 3
        net.dict.update([("d", B.ones(()))])
        assert net.dict.setdefault("e", B.ones(1)) is net.dict["e"] and net.dict.get("f") is None
        net.dict |= nn.ParameterDict(net.dict.fromkeys(["x"], B.ones(1)))
        found = [list(net.state_dict()), repr(net), len(net.list), len(net.list[1:]), net.dict.pop("c"),
                 list(net.dict), list(reversed(net.dict)), "a" in net.dict, net.dict.popitem()[0],
                 list((net.dict | nn.ParameterDict({"z": B.ones(1)})).keys()),
                 [type(p).__name__ for p in net.list], [n for n, _ in net.named_parameters()]]
        net.dict.clear()
        results.append((found, len(net.dict), len(list(net.dict.copy().values()))))
    assert results[0] == results[1]


def test_parameters_as_a_vector() -> None:
    results = []
    for B in BACKENDS:
        B.manual_seed(1)
        layer = B.nn.Linear(3, 2)
        vector = B.nn.utils.parameters_to_vector(layer.parameters())
        B.nn.utils.vector_to_parameters(vector.detach() * 2, layer.parameters())
        results.append((vector, layer.weight, layer.bias))
    for ours, theirs in zip(*results, strict=True):
        same_bits("vector", ours, theirs)


def test_weights_of_losses() -> None:
    random = np.random.default_rng(0)
    x, y, weight = random.uniform(0.1, 0.9, (3, 3, 4))
    same_layer(lambda B: B.nn.BCELoss(B.from_numpy(weight[0])), [x, y])
    for reduction in ("mean", "sum", "none"):
        close("huber", *(B.nn.functional.huber_loss(*map(B.from_numpy, (x, y)), reduction, 0.2,
                                                    B.from_numpy(weight)) for B in BACKENDS))


def test_in_place_dropouts() -> None:
    for name, shape in (("dropout1d", (3, 4, 2)), ("dropout2d", (3, 4, 2, 2)), ("alpha_dropout", (6, 5))):
        results = []
        for B in BACKENDS:
            B.manual_seed(2)
            leaf = B.from_numpy(inputs([shape], 1)[0]).requires_grad_()
            middle = leaf * 1.5
            assert getattr(B.nn.functional, name)(middle, 0.4, True, True) is middle
            (middle * middle).sum().backward()
            results.append((middle, leaf.grad))
        for ours, theirs in zip(*results, strict=True):
            close(name, ours, theirs, 1e-14)


@pytest.mark.parametrize("call", [
    lambda B, F: F.huber_loss(B.ones(2), B.ones(2).double()),
    lambda B, F: F.huber_loss(B.ones(2).double(), B.ones(2)),
    lambda B, F: F.binary_cross_entropy_with_logits(B.ones(2).double(), B.ones(2)),
    lambda B, F: F.binary_cross_entropy_with_logits(B.ones(2), B.ones(2).double()),
])
def test_in_which_dtype_a_loss_of_two_is(call):
    ours, theirs = (call(B, B.nn.functional) for B in (minigrad, torch))
    assert str(ours.dtype) == str(theirs.dtype) and abs(ours.item() - theirs.item()) < 1e-6


@pytest.mark.parametrize("name", ["leaky_relu", "hardtanh", "relu6", "softshrink", "hardshrink"])
def test_slopes_between_kinks_can_be_walked_again(name):
    found = []
    for B in (minigrad, torch):
        x = B.linspace(-4, 4, 7, dtype=B.float64).requires_grad_()
        (slope,) = B.autograd.grad(getattr(B.nn.functional, name)(x).sum(), x, create_graph=True)
        found.append((slope.requires_grad, slope.tolist(), B.autograd.grad(slope.sum(), x)[0].tolist()))
    assert found[0] == found[1]
