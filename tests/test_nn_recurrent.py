"""Recurrent modules against torch's: first values, text, outputs, states, first and second gradients,
errors."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, close, same_bits, same_error, same_layer

torch = pytest.importorskip("torch")

KINDS = ["RNN", "LSTM", "GRU"]
OPTIONS: list[dict[str, Any]] = [
    {}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True},
    {"num_layers": 3, "dropout": 0.4}, {"num_layers": 2, "dropout": 0.3, "bidirectional": True,
                                        "batch_first": True},
]
CASES = [(kind, options) for kind in KINDS for options in OPTIONS] + [("RNN", {"nonlinearity": "relu"})]


def flat(B: Any, result: Any) -> Any:
    """Output and last states as one vector."""
    output, state = result if isinstance(result, tuple) else (result, ())
    parts = [output, *(state if isinstance(state, tuple) else (state,))]
    return B.cat([part.reshape(-1) for part in parts])


def network(B: Any, kind: str, given_state: bool, **options: Any) -> Any:
    class Network(B.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = getattr(B.nn, kind)(3, 4, **options)

        def forward(self, x: Any, *state: Any) -> Any:
            hx = None if not given_state else state if kind.startswith("LSTM") else state[0]
            return flat(B, self.layer(x, hx))
    return Network()


@pytest.mark.parametrize(("kind", "options"), CASES)
@pytest.mark.parametrize("given_state", [False, True])
def test_layers(kind: str, options: dict[str, Any], given_state: bool) -> None:
    made = []
    for B in BACKENDS:
        B.manual_seed(4)
        made.append(getattr(B.nn, kind)(3, 4, **options))
    assert repr(made[0]) == repr(made[1])
    ours, theirs = (layer.state_dict() for layer in made)
    assert list(ours) == list(theirs)
    for name in ours:
        same_bits(name, ours[name], theirs[name])
    random = np.random.default_rng(1)
    states = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    batch = 5 if options.get("batch_first") else 2
    for shapes in (((5, 2, 3), (states, batch, 4)), ((5, 3), (states, 4))):
        arrays = [random.standard_normal(shapes[0])]
        if given_state:
            arrays += [random.standard_normal(shapes[1]) for _ in range(2 if kind == "LSTM" else 1)]
        same_layer(lambda B: network(B, kind, given_state, **options), arrays)


@pytest.mark.parametrize("options", [{}, {"bias": False}])
@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_cells(kind: str, options: dict[str, Any]) -> None:
    assert len({repr(getattr(B.nn, kind)(3, 4, **options)) for B in BACKENDS}) == 1
    random = np.random.default_rng(1)
    for lead in ((), (2,)):
        arrays = [random.standard_normal((*lead, size)) for size in (3, 4, 4)[:3 if "LSTM" in kind else 2]]
        same_layer(lambda B: network(B, kind, True, **options), arrays)
        same_layer(lambda B: network(B, kind, False, **options), arrays[:1])


def test_relu_cells_and_single_precision() -> None:
    assert len({repr(B.nn.RNNCell(3, 4, nonlinearity="relu")) for B in BACKENDS}) == 1
    x = np.random.default_rng(1).standard_normal((5, 2, 3))
    same_layer(lambda B: network(B, "RNNCell", False, nonlinearity="relu"), [x[0]])
    results = []
    for B in BACKENDS:
        B.manual_seed(2)
        layer = B.nn.LSTM(3, 4, 2)
        results.append(flat(B, layer(B.from_numpy(x.astype(np.float32)))))
    close("float32", *results, 1e-6)


@pytest.mark.parametrize("text", """
nn.RNN(3, 4, nonlinearity="sine")
nn.LSTM(0, 4)
nn.GRU(3, 0)
nn.GRU(3, 4, 0)
nn.GRU(3, 4, dropout=2)
nn.GRU("a", 4)
nn.LSTM(3, 4)(o(2))
nn.LSTM(3, 4)(o(2, 2, 5))
nn.GRU(3, 4)(o(2, 2, 3).double())
nn.GRU(3, 4)(o(2, 2, 3), o(1, 3, 4))
nn.LSTM(3, 4)(o(2, 2, 3), (o(1, 3, 4), o(1, 2, 4)))
nn.GRUCell(3, 4)(o(2, 2, 3))
nn.LSTMCell(3, 4)(o(2, 5))
nn.RNNCell(3, 4, nonlinearity="sine")(o(2, 3))
nn.GRUCell(3, 4)(o(2, 3), o(3, 4))
nn.GRUCell(3, 4)(o(2, 3), o(1, 4))
nn.RNNCell(3, 4)(o(2, 3), o(2, 5))
nn.RNNCell(3, 4)(o(3), o(5))
nn.RNNCell(3, 4)(o(3), o(2, 4))
nn.RNNCell(3, 4)(o(2, 3), o(4))
nn.LSTMCell(3, 4)(o(2, 3), (o(2, 4), o(3, 4)))
nn.LSTMCell(3, 4)(o(2, 3), (o(2, 5), o(2, 4)))
nn.RNN(3, 4)(o(0, 2, 3))
nn.LSTM(3, 4, batch_first=True)(o(2, 0, 3))
nn.GRU(3, 4)(o(0, 3))
""".strip().split("\n"))
def test_errors(text: str) -> None:
    call = eval(f"lambda nn, o: {text}")
    same_error(lambda B: call(B.nn, B.ones))


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_all_weights_are_the_parameters_themselves(kind: str, options: dict[str, Any]) -> None:
    found = []
    for B in BACKENDS:
        layer = getattr(B.nn, kind)(3, 4, **options)
        names = {id(parameter): name for name, parameter in layer.named_parameters()}
        found.append([[names[id(weight)] for weight in weights] for weights in layer.all_weights])
    assert found[0] == found[1]
