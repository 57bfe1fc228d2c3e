"""The microscope names the first op at which a step on minigrad and one on torch part, and a likely cause."""

import numpy as np
import pytest

import minigrad
from minigrad.engine import REGISTRY
from torch_backend.parity.microscope import _Comparison, _models, compare_step
from torch_backend.parity.mutate import broken_rule
from torch_backend.parity.watch import Runner, Step

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(2, 1, 8, 8)), np.array([1, 3])
WORDS = RANDOM.integers(0, 11, (2, 5)), RANDOM.normal(size=(2, 5, 3))


def images(B):
    nn = B.nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

        def forward(self, x):
            return B.relu(x + self.norm(self.conv(x)))

    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), Residual(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(64, 5), nn.LayerNorm(5), nn.GELU(), nn.Softmax(1)).double()


def words(B):
    """Views, products, slices, an in-place op, a tied weight."""

    class Attention(B.nn.Module):
        def __init__(self):
            super().__init__()
            self.all = B.nn.Linear(6, 18)

        def forward(self, x):
            query, key, value = self.all(x).chunk(3, dim=-1)
            weights = B.softmax(query @ key.transpose(1, 2) / 6**0.5, dim=-1)
            return (weights @ value).tanh()

    class Model(B.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.attention = B.nn.Embedding(11, 6), Attention()
            self.head = B.nn.Linear(6, 3)

        def forward(self, indices):
            x = self.embedding(indices)
            x = x + self.attention(x) * 2
            x = x + self.attention(x).exp().log()
            x = B.cat([x[:, :1], x[:, 1:]], dim=1) - x.mean(dim=-1, keepdim=True)
            x.mul_(0.5)
            return self.head(x) @ self.head.weight @ self.head.weight.t()

    return Model().double()


MODELS = {"images": (images, IMAGES), "words": (words, WORDS)}


def ops_of(name):
    """{op: module paths} of a model's step, as minigrad records it."""
    make, batch = MODELS[name]
    step = Runner(list(batch), None, None, 0).minigrad(_models(make, 0)[0])
    found = {}
    for op in step.ops:
        found.setdefault(op.made_by.op.name, set()).add(op.path)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_what_agrees(name):
    make, batch = MODELS[name]
    found = compare_step(make, batch)
    assert not found and found.op is None, found
    assert str(found).startswith(f"all {found.compared} ops agree: values within")
    assert found.compared >= 15 and found.unpaired == []
    assert found.largest_value < 50 and found.largest_gradient < 50


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("mutant", ["×2", "sign", "dropped operand"])
def test_a_wrong_rule_is_named(name, mutant):
    """Every rule of every op of the model, broken in turn."""
    make, batch = MODELS[name]
    used, broken = ops_of(name), 0
    for op, paths in used.items():
        for position, rule in enumerate(REGISTRY[op].grads):
            if rule is None:
                continue
            with broken_rule(op, position, mutant):
                found = compare_step(make, batch)
            if not found:               # an operand that needs no gradient here
                continue
            assert found.op == op, f"{op} {position}: {found}"
            assert found.module.partition(" ")[0] in {path or "the" for path in paths}
            assert "gradient" in found.what and found.cause in ("a wrong rule", "a path that is not followed")
            broken += 1
    assert broken >= len(used), "a model whose rules are not asked for shows nothing"


def test_the_report_says_where_and_how_far():
    with broken_rule("gelu", 0, "×2"):
        text = str(compare_step(images, IMAGES))
    first, second, third, _ = text.splitlines()
    assert first == "first difference: gelu (GeluBackward0) in 8 (GELU)"
    assert "gradient of x, off by" in second and "against torch's" in second and "10 of 10 elements" in second
    assert third == "  likely cause: a wrong rule"


class Model:
    """A factory of `function(B, x, weight)` between two linear layers."""

    def __init__(self, function, dtype="float64"):
        self.function, self.dtype = function, dtype

    def __call__(self, B):
        outer = self

        class Inner(B.nn.Module):
            def forward(self, x):
                return outer.function(B, x)

        return B.nn.Sequential(B.nn.Linear(4, 6), Inner(), B.nn.Linear(6, 2)).to(getattr(B, self.dtype))


BATCH = RANDOM.normal(size=(5, 4)), RANDOM.normal(size=(5, 2))


def only_ours(change):
    return Model(lambda B, x: B.tanh(change(x) if B is minigrad else x))


def test_a_wrong_value_is_named():
    found = compare_step(Model(lambda B, x: (x * (2 + 1e-9 * (B is minigrad))).exp()), BATCH)
    assert (found.op, found.what, found.module) == ("mul", "value", "1 (Inner)")
    assert found.ulp > 1e5
    found = compare_step(Model(lambda B, x: B.sin(x) if B is minigrad else B.cos(x)), BATCH)
    assert found.unpaired == ["SinBackward in 1 (Inner)"]
    assert (found.op, found.what, found.cause) == ("linear", "value", "a wrong value")


def test_a_wrong_dtype_is_named():
    found = compare_step(Model(lambda B, x: B.tanh(x.float() if B is minigrad else x.half()).double()), BATCH)
    assert (found.op, found.what, found.module) == ("to", "dtype", "1 (Inner)")
    assert found.cause == "dtype promotion"
    assert found.detail == "float32 against torch's float16"


def test_precision_is_told_from_a_wrong_rule():
    found = compare_step(only_ours(lambda x: x.float().double()), BATCH)
    assert (found.op, found.cause) == ("tanh", "precision (as if computed in float32)")
    assert len(found.unpaired) == 2


def test_a_tie_is_told_from_a_wrong_rule(monkeypatch):
    """Right everywhere but in the corner at 0, where torch has chosen otherwise."""
    row = REGISTRY["abs"]
    monkeypatch.setattr(row, "steps", ((lambda g, x: g * ((x >= 0) * 2 - 1), *row.steps[0][1:]),))
    x = np.where(RANDOM.uniform(size=(5, 4)) < 0.5, 0, BATCH[0])

    def make(B):
        class Corner(B.nn.Module):
            def forward(self, x):
                return x.abs()

        return B.nn.Sequential(Corner(), B.nn.Linear(4, 2)).double()

    found = compare_step(make, (x, BATCH[1]))
    assert (found.op, found.module) == ("abs", "0 (Corner)") and found.cause.startswith("tie"), found


def test_accumulation_order_shows_only_to_the_last_bit():
    batch = RANDOM.normal(size=(64, 300)), RANDOM.integers(0, 10, 64)

    def make(B):
        return B.nn.Sequential(B.nn.Linear(300, 100), B.nn.LogSoftmax(1), B.nn.Linear(100, 10)).double()

    assert not compare_step(make, batch)
    found = compare_step(make, batch, ulp=0)
    assert found and found.ulp < 16 and found.cause.startswith("accumulation order"), found
    assert not compare_step(make, batch, ulp=50)


def test_a_gradient_that_stops_is_named():
    found = compare_step(Model(lambda B, x: x * (x.detach() if B is minigrad else x)), BATCH)
    assert found.op == "mul" and found.module == "1 (Inner)" and "gradient" in found.what


def test_the_optimizer_is_compared():
    def made(rate):
        return lambda B, parameters: B.optim.Adam(parameters, lr=rate if B is minigrad else 0.01)

    assert not compare_step(images, IMAGES, optimizer=made(0.01))
    found = compare_step(images, IMAGES, optimizer=made(0.02))
    assert (found.op, found.what) == ("optimizer", "updated weight")
    assert found.module == "0 (Conv2d)" and found.operand == "weight"


def test_models_of_minigrads_own_modules_need_no_function():
    nn = minigrad.nn
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2, bias=False), nn.BatchNorm2d(3, eps=1e-3), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(3, 4), nn.Dropout(0.25), nn.ModuleList([nn.LayerNorm(4)])[0]).double()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    x = minigrad.from_numpy(IMAGES[0])
    assert not compare_step(model, (x, minigrad.from_numpy(IMAGES[1])))
    assert not compare_step(model.eval(), x)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])
    assert all(parameter.grad is None for parameter in model.parameters()) and x.grad is None
    with broken_rule("avg_pool2d", 0, "sign"):
        assert compare_step(model, IMAGES).op == "avg_pool2d"


def test_no_trace_is_left_behind():
    compare_step(images, IMAGES)
    assert type(minigrad.ones(2) + 1) is minigrad.Tensor
    assert type(minigrad.ones(2, requires_grad=True).exp()) is minigrad.Tensor


@pytest.mark.parametrize(("model", "batch", "text"), [
    (3, IMAGES, "a model is a minigrad module, or a function"),
    (images(minigrad), IMAGES, "2 is a Residual, which is no class of minigrad.nn\nGive a function"),
    (images, [object()], "a batch is an array or tensor"),
])
def test_what_is_refused(model, batch, text):
    with pytest.raises(TypeError, match=text):
        compare_step(model, batch)


def test_a_step_without_ops_agrees_about_nothing():
    assert str(_Comparison(Step(), Step(), [], None, {}).finding).startswith("all 0 ops agree")
