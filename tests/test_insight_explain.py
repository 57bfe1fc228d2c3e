"""`explain`: derivations that can be followed, formulas with numbers, and the learner's questions."""

import math
import re

import numpy as np
import pytest

import minigrad
from minigrad.engine import REGISTRY
from minigrad.insight import wording
from minigrad.insight.trace import collect

nn = minigrad.nn
SEED = "z = (x + y) * (y - 2)"


def lines(text):
    return [" ".join(line.split()) for line in str(text).splitlines()]


# The derivation ---------------------------------------------------------------------------------------------

def test_the_first_example_can_be_followed_to_its_gradients():
    found = lines(minigrad.explain(SEED, x=2, y=3))
    wanted = ["x = 2 leaf", "y = 3 leaf", "1. t1 = x + y = 2 + 3 = 5", "2. t2 = y − 2 = 3 − 2 = 1",
              "3. z = t1 · t2 = 5 · 1 = 5", "∂z/∂z = 1", "to t1: ḡ · y = ∂z/∂z · t2 = 1 · 1 = 1",
              "to t2: ḡ · x = ∂z/∂z · t1 = 1 · 5 = 5", "∂z/∂t2 = 5", "to y: ḡ = ∂z/∂t2 = 5",
              "y is used 2 times; sum so far: 5", "to 2: nothing, it asks for no gradient", "∂z/∂t1 = 1",
              "to x: ḡ = ∂z/∂t1 = 1", "to y: ḡ = ∂z/∂t1 = 1", "y is used 2 times; sum so far: 5 + 1 = 6",
              "x.grad = 1", "y.grad = 5 + 1 = 6"]
    rest = iter(found)
    for line in wanted:                         # all of them, in this order
        assert line in rest, line


def test_tensors_give_what_text_gives():
    x = minigrad.tensor([2.0], requires_grad=True)
    y = minigrad.tensor([3.0], requires_grad=True)
    with minigrad.tracing():
        z = (x + y) * (y - 2)
    ours = [line for line in lines(minigrad.explain(z)) if line.startswith(("to ", "x.grad", "y.grad", "∂"))]
    text = [line for line in lines(minigrad.explain(SEED, x=2, y=3))
            if line.startswith(("to ", "x.grad", "y.grad", "∂"))]
    assert ours == text and x.grad is None
    z.backward()
    z1 = x * y                                  # as the example goes on: gradients add up
    after = lines(minigrad.explain(z1))
    assert "x.grad = 3 added to the 1 that was there (zero_grad() was not called): 4" in after
    z1.backward()
    assert x.grad.tolist() == [4.0] and y.grad.tolist() == [8.0]


def test_without_tracing_what_is_unknown_is_said():
    x = minigrad.tensor([2.0], requires_grad=True)
    y = (x - 3) * x
    text = str(minigrad.explain(y))
    assert "t1 = x − ? = −1" in text and "with minigrad.tracing():" in text
    assert "minigrad.tracing" not in str(minigrad.explain(lambda: (x - 3) * x))


def test_a_network_of_two_layers():
    minigrad.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    x = minigrad.tensor([[0.5, -1.0], [1.0, 2.0]], dtype=minigrad.float64)
    target = minigrad.tensor([[1.0], [0.0]], dtype=minigrad.float64)
    found = minigrad.explain(lambda: ((model(x) - target) ** 2).mean())
    text = str(found)
    assert "t1 = x · model[0].weightᵀ + model[0].bias = [2×2] · [3×2]ᵀ + [3]" in text
    assert "to t1:  ḡ · (1 − z²) = ∂loss/∂t2 · (1 − t2²)" in text
    assert "un-broadcast: model[0].bias has shape (3,), what was sent (2, 3); summed over dimension 0" in text
    assert "linear, in Sequential.0 (Linear), test_insight_explain.py:" in text
    ((model(x) - target) ** 2).mean().backward()
    for leaf in found.trace.leaves:
        assert leaf.after.tobytes() == leaf.value.tensor.grad.numpy().tobytes()
    for name, parameter in (("model[2].weight", model[2].weight), ("model[2].bias", model[2].bias)):
        assert f"{name}.grad = {wording.array_text(parameter.grad.numpy())}" in text


def test_a_convolutional_network_is_summarised():
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Flatten(), nn.Linear(64, 10))
    images, labels = minigrad.randn(5, 1, 8, 8), minigrad.arange(5)
    text = str(minigrad.explain(lambda: nn.functional.cross_entropy(model(images), labels)))
    assert "t1 = images ⋆ model[0].weight + model[0].bias = [5×1×8×8] ⋆ [4×1×3×3] + [4] = 5×4×8×8" in text
    assert "to t6:  (softmax x − onehot) · ḡ / n = (softmax t6 − onehot) · ∂loss/∂loss / n" in text
    assert "relu, in Sequential.2 (ReLU)" in text and max(map(len, text.splitlines())) < 400


def test_one_element_of_many_is_worked_out():
    x = minigrad.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, 1.0], [2.0, 2.0, 2.0]], requires_grad=True)
    w = minigrad.tensor([[0.5, 1.0, -1.0]], requires_grad=True)
    found = lines(minigrad.explain(lambda: ((x @ w.T) * x).sum()))
    assert "at [0, 0]: 1 · 0.5 + (−2) · 1 + 3 · (−1) = −4.5" in found
    assert "at [0, 2]: (−4.5) · 3 = −13.5" in " ".join(found).replace("−4.5 ·", "(−4.5) ·")


def test_several_results_and_a_given_gradient():
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with minigrad.tracing():
        a, b = x * 3, x * x
    text = str(minigrad.explain((a, b), (minigrad.tensor([1.0, 0.0]), minigrad.tensor([0.0, 1.0]))))
    assert "L is the sum of all results" in text and "∂L/∂a = [1, 0], the gradient given." in text
    assert "x.grad = [3, 4]" in text


def test_every_way_to_read_it():
    found = minigrad.explain(SEED, x=2, y=3)
    assert repr(found) == "<Explanation of z: 3 steps>"
    markdown = found.markdown()
    assert markdown.startswith("## Forward: how z was computed\n") and found._repr_markdown_() == markdown
    assert "- to **t1**:  `ḡ · y` = `∂z/∂z · t2` = `1 · 1` = **1**" in markdown
    from rich.console import Console
    console = Console(width=100, record=True, file=open("/dev/null", "w"))
    console.print(found)
    shown = console.export_text()
    assert lines(shown)[0] == "Forward: how z was computed" and "y.grad = 5 + 1 = 6" in lines(shown)


def test_wrong_arguments():
    x = minigrad.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'x'"):
        minigrad.explain(x.sum(), x=1)
    for look in (minigrad.explain, minigrad.draw):
        with pytest.raises(ValueError, match="there is no Tensor to begin at\nPass"):
            look([])
        with pytest.raises(TypeError, match="names must be a dict, not int\nGive"):
            look(minigrad.ones(1, requires_grad=True).sum(), names=3)
    with pytest.raises(TypeError, match="expected a Tensor, got int"):
        minigrad.explain(3)
    with pytest.raises(RuntimeError, match="scalar outputs"):
        minigrad.explain(x)


# Formulas ---------------------------------------------------------------------------------------------------

def computed(text):
    """The value of a formula with numbers, read as mathematics."""
    for sign, code in (("−", "-"), ("·", "*"), ("½", "0.5"), ("π", "math.pi"), ("²", "**2"), ("³", "**3"),
                       ("^", "**"), ("ln 2", "math.log(2)"), ("ln 10", "math.log(10)")):
        text = text.replace(sign, code)
    text = re.sub(r"\be\b", "math.e", text)
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
    text = re.sub(r"√(\d[\d.]*|\([^()]*(?:\([^()]*\)[^()]*)*\)|math\.pi)", r"math.sqrt(\1)", text)
    names = {"ln": "math.log", "sin": "math.sin", "cos": "math.cos", "sinh": "math.sinh", "cosh": "math.cosh",
             "sign": "math.copysign(1,", "tanh": "math.tanh", "tan": "math.tan", "erf": "math.erf",
             "arcsin": "math.asin", "arctan": "math.atan", "arsinh": "math.asinh"}
    number = r"(\(?-?\d[\d.e-]*\)?|\([^()]*\))"
    for name, code in names.items():
        close = "))" if code.endswith(",") else ")"
        text = re.sub(rf"\b{name} ?{number}", lambda m, c=code, e=close: f"{c}({m[1]}{e}", text)
    text = re.sub(r"(.+) where (.+)", r"((\1) if (\2) else 0)", text)
    return eval(text.replace("≤", "<="), {"math": math, "abs": abs, "max": max})


READABLE = ("add sub mul div neg reciprocal pow pow_number exp log sqrt rsqrt sin cos tanh erf sigmoid abs "
            "relu exp2 expm1 log1p tan asin atan sinh cosh asinh hypot scale logaddexp").split()


@pytest.mark.parametrize("name", READABLE)
def test_formulas_with_numbers_give_the_results(name):
    """What the registry says in mathematics is what its rules compute."""
    made = REGISTRY[name]
    attributes = {"pow_number": {"exponent": 3}, "scale": {"factor": 2.5},
                  "clamp": {"low": -1.0, "high": 0.6}}.get(name, {})
    given = [minigrad.tensor(value, dtype=minigrad.float64, requires_grad=True)
             for value in (0.5, 1.5)[:len(made.operands)]]
    with minigrad.tracing():
        out = made(*given, **attributes)
    trace = collect(out, minigrad.tensor(0.75, dtype=minigrad.float64))
    [step] = trace.steps
    exact = {letter: repr(float(getattr(thing, "array", thing))).replace("-", "−")
             for letter, thing in wording.symbols_of(step).items()}
    forward = computed(wording.fill(step.formula, exact))
    assert forward == pytest.approx(out.item(), rel=1e-12)
    assert len(step.sends) == len(given)
    for send in step.sends:
        backward = computed(wording.fill(send.formula, {**exact, "ḡ": "0.75"}))
        assert backward == pytest.approx(float(send.raw), rel=1e-12)


@pytest.mark.parametrize("formula, filled", [
    ("ḡ · y", "1 · (−3)"), ("−ḡ · x / y²", "−1 · 2 / (−3)²"), ("ḡ · n · xⁿ⁻¹", "1 · 4 · 2^(4−1)"),
    ("xⁿ", "2⁴"), ("eˣ", "e²"), ("e⁻ˣ", "e^(−2)"), ("yˣ", "(−3)²"), ("ḡ / 2z", "1 / (2 · 0.5)"),
    ("−½ ḡ · z³", "−½ · 1 · 0.5³"), ("ḡ where z > 0", "1 where 0.5 > 0"), ("ḡ · x̂", "1 · x̂"), ("−x", "−2"),
    ("Σ x y", "Σ 2 · (−3)"), ("x without", "2 without"), ("ḡw − ḡ", "ḡw − 1"), ("x − y", "2 − (−3)"),
])  # fmt: skip
def test_filling(formula, filled):
    assert wording.fill(formula, {"x": "2", "y": "−3", "z": "0.5", "ḡ": "1", "n": "4"}) == filled


@pytest.mark.parametrize("array, text", [
    (2.0, "2"), (-0.25, "−0.25"), (1 / 3, "0.3333"), (1e-7, "1e−07"), (True, "True"), (math.nan, "nan"),
    (np.array([[1.5, -2]]), "[[1.5, −2]]"), (np.array([7]), "7"), (np.zeros((0, 3)), "0×3 of float64"),
    (np.arange(10), "10 values of int64"), (None, "?"),
    (np.array([0.0] * 5 + [np.nan, np.inf, 3, 4]),
     "9 values from 0 to 4, rms 1.89, 1 nan, 1 inf, 5 zero"),
])  # fmt: skip
def test_numbers_as_text(array, text):
    assert wording.array_text(array) == text


# What learners ask ------------------------------------------------------------------------------------------



def test_why_grad_is_none():
    x = minigrad.tensor([2.0], requires_grad=True)
    used = minigrad.tensor([1.0], requires_grad=True)
    unused = minigrad.tensor([1.0], requires_grad=True)
    constant = minigrad.tensor([4.0])
    counts = minigrad.tensor([1, 2])
    with minigrad.no_grad():
        quiet = x * 2
    cut = x.detach()
    middle = x * constant
    flat = minigrad.tensor([3.0], requires_grad=True)
    out = (middle * cut + used + quiet + flat.sign() * 0).sum()
    found = minigrad.explain(out)
    assert found.why(x).startswith("backward() has not been called yet: it will fill x.grad")
    assert found.why(middle).startswith("middle is not a leaf: MulBackward0 made it")
    assert found.why(unused) == "unused is unused: nothing that leads to out was computed from it."
    assert found.why(constant).startswith("constant does not require grad")
    assert found.why(counts) == "counts is of torch.int64: only floating point tensors have gradients."
    assert re.match(r"quiet was computed under no_grad\(\) \(line \d+\)", found.why(quiet))
    assert re.match(r"cut was detached \(line \d+\): it has the memory of x but no part", found.why(cut))
    text = str(found)
    for name in ("middle", "unused", "constant", "quiet", "cut", "out"):
        assert f"    {name} " in text.partition("Whose .grad stays None")[2]
    out.backward()
    assert found.why(x) == "x.grad is there: an earlier backward() filled it."


def test_why_a_used_leaf_gets_nothing():
    x, index = minigrad.ones(3, requires_grad=True), minigrad.ones(3, requires_grad=True)
    out = minigrad.where(index > 0, x, 0.0).sum()
    found = minigrad.explain(out)
    assert found.why(index).startswith("index is unused")
    w = minigrad.ones(2, requires_grad=True)

    class Stops(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g, None

    out = Stops.apply(x, w).sum()
    found = minigrad.explain(out)
    assert found.why(w) == "w is used, but no gradient flows to it: the rules of Stops send none there."
    assert "w.grad = None   w is used" in str(found)


def test_which_path_sends_the_most():
    x = minigrad.tensor([1.0], requires_grad=True)
    with minigrad.tracing():
        small = x * 2
        big = x * 30
        out = small + big * 2
    found = minigrad.explain(out)
    path = found.path(x)
    assert [value.name for value in path.values][:2] == ["x", "big"] and path.values[-1].name == "out"
    assert path.shares[0] == pytest.approx(60 / 62)
    assert "x ← big ← t1 ← out   97%" in str(found)
    assert found.path(small) is None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_where_gradients_vanish_explode_die_and_turn_nan():
    def flow(function, value=1.0):
        x = minigrad.tensor([value], dtype=minigrad.float64, requires_grad=True)
        found = minigrad.explain(lambda: function(x))
        return found.flow(), str(found)

    vanishing, text = flow(lambda x: ((x * 1e-4) * 1e-4) * 1.0)
    assert vanishing.vanished.op == "mul" and vanishing.exploded is None
    assert "vanishes: this step sends less" in text
    assert vanishing.vanished.operands[1].array == 1e-4
    exploding, _ = flow(lambda x: ((x * 1e4) * 1e4) * 2.0)
    assert exploding.exploded is not None and exploding.vanished is None
    dead, text = flow(lambda x: ((x * 2).relu() * 3).relu(), -1.0)
    assert dead.dead.op == "relu" and dead.dead.number == max(step.number for step, *_ in dead.sizes)
    assert "ends: all that this step sends is 0" in text
    forward, _ = flow(lambda x: (x * 0).log() * 2)
    assert forward.nan_forward.op == "log"
    backward, text = flow(lambda x: (x - 1).sqrt() * 0 + x)
    assert backward.nan_backward.op == "sqrt" and backward.nan_forward is None
    assert "nan or inf first appears in backward: step" in text
    healthy, text = flow(lambda x: x * 2)
    assert (healthy.nan_forward, healthy.vanished, healthy.exploded, healthy.dead) == (None,) * 4
    assert "Nowhere: all sizes are in range." in text


def test_which_saved_tensors_hold_how_much_and_for_whom():
    w = minigrad.ones(100, requires_grad=True)
    a = w.exp()
    out = (a * a * w).sum()
    held = {one.value: one for one in minigrad.explain(out).memory()}
    assert held["a"].nbytes == 400 and held["a"].extra
    assert [step.op for step, _, _ in held["a"].keepers] == ["exp", "mul", "mul"]     # counted once
    assert held["w"].nbytes == 400 and not held["w"].extra
    assert sum(one.nbytes for one in held.values() if one.extra) == 800
    assert "800 bytes are kept for the walk alone." in str(minigrad.explain(out))
    part = minigrad.ones(1000, requires_grad=True).exp()[:10]
    [whole] = minigrad.explain((part[:5] * part[:5]).sum()).memory()        # one memory, kept as a whole
    assert whole.nbytes == 4000 and [step.op for step, _, _ in whole.keepers] == ["exp", "mul", "mul"]
    assert "Nothing: no rule reads a value." in str(minigrad.explain((w + 1).sum()))
