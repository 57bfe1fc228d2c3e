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
F.leaky_relu(o(2), None)
nn.Hardtanh(2.0, 1.0)
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
