"""`explain`: derivations that can be followed, the learner's questions, arithmetic that is never run."""

import ast
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.cli import main
from minigrad.engine import REGISTRY
from minigrad.insight import expression, script, wording
from minigrad.insight.explain import Explanation
from minigrad.insight.trace import collect

ROOT = Path(__file__).parent.parent
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


# Arithmetic as text -----------------------------------------------------------------------------------------

ALLOWED = (ast.Module, ast.Expr, ast.Assign, ast.BinOp, ast.UnaryOp, ast.Constant, ast.Name, ast.Call,
           ast.Load, ast.Store, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd)


@pytest.mark.parametrize("text, said", [
    ("__import__('os').system('true')", "is no arithmetic"), ("x.__class__", "is no arithmetic"),
    ("().__class__.__base__", "is no arithmetic"), ("[x for x in (1, 2)]", "is no arithmetic"),
    ("lambda: x", "is no arithmetic"), ("x if x else x", "is no arithmetic"), ("x == x", "is no arithmetic"),
    ("x @ x", "is no arithmetic"), ("x // 2", "is no arithmetic"), ("'a' * x", "is no arithmetic"),
    ("x[0]", "is no arithmetic"), ("f'{x}'", "is no arithmetic"), ("(y := x)", "is no arithmetic"),
    ("import os", "only expressions"), ("x = 1", "x has a value already"), ("del x", "only expressions"),
    ("y += x", "only expressions"), ("exec(x)", "there is no function exec"),
    ("eval('x')", "there is no function eval"),
    ("exp(*x)", "is no arithmetic"), ("exp(x, x)", "exp takes one argument"), ("exp(input=x)", "exp takes"),
    ("maximum(x)", "takes two arguments"), ("9**9**9 + x", "too large"), ("x + 1/0", "divided by 0"),
    ("x + (-8)**0.5", "not real and finite"), ("x + 1e999", "not real and finite"), ("y", "y has no value"),
    ("", "is empty"), ("# x", "is empty"), ("x +", "this is no arithmetic"), ("x\0", "this is no arithmetic"),
    ("(" * 300 + "x" + ")" * 300, "this is no arithmetic"), ("-" * 900 + "x", "deeply nested"),
    ("x" * 3000, "3000 characters"), ("1 + 2; 3", "x does not occur"), ("exp = x", "exp has a value already"),
    ("x + True", "is no arithmetic"), ("x + 1j", "is no arithmetic"), ("x + None", "is no arithmetic"),
    ("a, b = x", "only expressions"), ("x = y = 2", "only expressions"), ("print(x)", "no function print"),
])  # fmt: skip
def test_what_is_no_arithmetic_is_refused_in_one_line(text, said, capsys):
    with pytest.raises(ValueError) as error:
        expression.evaluate(text, {"x": 2.0})
    assert said in str(error.value) and "\n" not in str(error.value)
    assert main(["explain", "--", text or " ", "x=2"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("text, numbers, value, gradients", [
    ("x*y", {"x": 2, "y": 3}, 6, {"x": 3, "y": 2}), ("-x", {"x": 2}, -2, {"x": -1}),
    ("x**3", {"x": 2}, 8, {"x": 12}), ("2**x", {"x": 3}, 8, {"x": 8 * math.log(2)}),
    ("a = exp(x); b = a * a; b / a", {"x": 0.5}, math.exp(0.5), {"x": math.exp(0.5)}),
    ("1/x", {"x": 4}, 0.25, {"x": -1 / 16}), ("sum(x*x)", {"x": [1, 2]}, 5, {"x": [2, 4]}),
    ("maximum(x, 3)", {"x": 5}, 5, {"x": 1}), ("+x - pi", {"x": 0}, -math.pi, {"x": 1}),
    ("dot(x, y)", {"x": [1, 2], "y": [3, 4]}, 11, {"x": [3, 4], "y": [1, 2]}),
    ("(x\n * 2)", {"x": 1}, 2, {"x": 2}),
])  # fmt: skip
def test_arithmetic(text, numbers, value, gradients):
    found = minigrad.explain(text, **numbers)
    assert float(found.trace.roots[0].array) == pytest.approx(value, rel=1e-15)
    got = {leaf.value.name: leaf.after.tolist() for leaf in found.trace.leaves}
    assert got == {name: pytest.approx(g, rel=1e-15) for name, g in gradients.items()}


@pytest.mark.parametrize("name", sorted(expression.FUNCTIONS))
def test_every_function_of_arithmetic(name):
    count = expression.FUNCTIONS[name]
    value = {"acosh": 1.5, "atanh": 0.3}.get(name, 0.75)
    names = "xy"[:count]
    given = {letter: value + place / 8 for place, letter in enumerate(names)}
    if name == "dot":
        given = {letter: [one, 2.0] for letter, one in given.items()}
    found = minigrad.explain(f"{name}({', '.join(names)})", **given)
    assert len(found.trace.leaves) == count and math.isfinite(found.trace.roots[0].array)


pieces = st.sampled_from([
    *"x y 2 0.5 1e3 ( ) + - * / ** exp sum maximum , = ; z [ ] . __class__ lambda : ' 0 if".split(),
    *"import os @ { } pi # é ∂ ~ not _".split(), "9" * 30, "\n", " ", "\\"])


@given(st.one_of(st.lists(pieces, max_size=14).map("".join), st.text(max_size=40)))
def test_whatever_is_written_gives_a_value_or_one_line(text):
    try:
        result, names = expression.evaluate(text, {"x": 1.5, "y": -0.5})
    except ValueError as error:
        assert str(error) and "\n" not in str(error)
        return
    assert all(isinstance(node, ALLOWED) for node in ast.walk(ast.parse(text.strip())))
    Explanation(collect(result, None, names), names)


def test_arithmetic_is_never_handed_to_python():
    """No call in the reader's file that could run text."""
    source = ast.parse(Path(expression.__file__).read_text())
    called = {ast.unparse(node.func) for node in ast.walk(source) if isinstance(node, ast.Call)}
    assert not called & {"eval", "exec", "compile", "__import__", "globals", "vars", "setattr"}


# The command ------------------------------------------------------------------------------------------------

PROGRAM = """\
import sys
import minigrad as torch

x = torch.tensor([2.], requires_grad=True)
y = torch.tensor([3.], requires_grad=True)
optimizer = torch.optim.SGD([x, y], lr=0.5)
for step in range(2):
    optimizer.zero_grad()
    loss = (x + y) * (y - 2)
    loss.backward()
    optimizer.step()
other = x * y
print("ran", sys.argv, __name__)
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(text=PROGRAM):
        Path("program.py").write_text(text)
        return "program.py"
    return write


def test_the_command_explains_arithmetic(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", SEED, "x=2", "y=3"]) == 0
    assert "y.grad = 5 + 1 = 6" in capsys.readouterr().out
    assert main(["explain", "sum(x*y)", "x=1,2", "y=3,-4", "--markdown", "found.md"]) == 0
    assert "**x.grad** = **[3, −4]**" in Path("found.md").read_text() and not capsys.readouterr().out


def test_the_command_explains_the_last_walk_of_a_program(capsys, program):
    arguments = sys.argv[:]
    assert main(["explain", program()]) == 0
    out = capsys.readouterr().out
    assert out.startswith("ran ['program.py'] __main__\n") and sys.argv == arguments
    # The second step: x is 2 - 0.5 · 1, y is 3 - 0.5 · 6, and that is what the walk read.
    assert "x = 1.5 " in out and "y = 0 " in out and "loss = t1 · t2 = 1.5 · (−2) = −3" in out
    assert "x.grad = −2\n" in out and "y.grad = 1.5 + (−2) = −0.5\n" in out
    assert "mul, program.py:9  (x + y) * (y - 2)" in out or sys.version_info < (3, 11)
    assert main(["explain", "program.py:other"]) == 0
    assert "other = x · y" in capsys.readouterr().out


def test_every_result_that_the_program_holds_can_be_named(capsys, program):
    """The example as a learner types it: two walks, gradients that add up."""
    file = program("import minigrad as torch\n"
                   "x = torch.tensor([2.], requires_grad=True)\ny = torch.tensor([3.], requires_grad=True)\n"
                   "z = (x + y) * (y - 2)\nz.backward()\nz1 = x * y\nz1.backward()\n"
                   "for k in range(3):\n    passing = x * k\n    passing.backward()\n")
    assert main(["explain", f"{file}:z"]) == 0
    assert "y.grad = 5 + 1 = 6\n" in capsys.readouterr().out
    assert main(["explain", f"{file}:z1"]) == 0
    assert "y.grad = 2 added to the 6 that was there" in capsys.readouterr().out
    assert main(["explain", file]) == 0         # no `loss`: the last walk
    assert "x.grad = 2 added to the 5 that was there" in capsys.readouterr().out
    with script._watching_backward() as walks:
        x = minigrad.ones(1, requires_grad=True)
        for _ in range(5):
            result = x * 2
            result.backward()
        del result
        (x * 3).backward()
    assert len(walks) == 1                      # those of results that are gone are let go


def test_a_program_may_keep_its_loss_in_a_function(capsys, program):
    text = "import minigrad\ndef main():\n    w = minigrad.ones(2, requires_grad=True)\n" \
           "    value = (w * 3).sum()\n    value.backward()\nmain()\n"
    assert main(["explain", program(text)]) == 0
    assert "w.grad = [3, 3]" in capsys.readouterr().out


@pytest.mark.parametrize("text, name, said", [
    (PROGRAM, ":nothing", "program.py has no variable 'nothing'; there are loss, other, x, y"),
    ("a = 1\n", "", "program.py has no variable 'loss' and calls no backward()"),
    ("loss = 3\n", "", "loss is no tensor of minigrad but a int"),
    ("import torch\nloss = torch.ones(1, requires_grad=True) * 2\n", "", "a torch.Tensor: let the program"),
    ("import minigrad\nloss = minigrad.ones(1)\n", "", "loss does not require grad"),
    ("import minigrad\nloss = minigrad.ones(2, requires_grad=True) * 2\n", "", "only for scalar outputs"),
    ("def f():\n    return 1 / 0\nf()\n", "", "program.py, line 2: ZeroDivisionError: division by zero"),
    ("x = (\n", "", "program.py, line 1: SyntaxError"), ("raise SystemExit(3)\n", "", "sys.exit(3)"),
])  # fmt: skip
def test_programs_without_anything_to_explain(capsys, program, text, name, said):
    assert main(["explain", program(text) + name]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1 and error.startswith("minigrad explain: ")


@pytest.mark.parametrize("arguments, said", [
    (["nofile.py"], "nofile.py: No such file or directory"), (["x*y", "x=1"], "y has no value: add y=NUMBER"),
    (["x*y", "x=1", "y"], "'y' is not NAME=NUMBER"), (["x", "x=a"], "'x=a' is not NAME=NUMBER"),
    (["x", "x=1", "x=2"], "x is given twice"), (["x", "2=1"], "'2' cannot be the name"),
    (["x*y", "x=1", "y=1,2"], "put sum(...) or mean(...) around it"), (["1 + 2"], "nothing to differentiate"),
    (["x + y", "x=1,2", "y=1,2,3"], "must match the size"),
    (["x", "x=1", "--markdown", "no/way/a.md"], "no/way"),
])  # fmt: skip
def test_wrong_arguments_of_the_command(capsys, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


def test_values_with_a_program_are_refused(capsys, program):
    assert main(["explain", program(), "x=1"]) == 2
    assert "values belong to arithmetic" in capsys.readouterr().err


def test_the_command_from_outside(tmp_path):
    run = subprocess.run([sys.executable, "-m", "minigrad", "explain", SEED, "x=2", "y=3"], cwd=tmp_path,
                         capture_output=True, text=True, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"})
    assert run.returncode == 0 and not run.stderr and "y.grad = 5 + 1 = 6" in run.stdout
    bare = subprocess.run([sys.executable, "-m", "minigrad", "explain"], cwd=tmp_path, capture_output=True,
                          text=True, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"})
    assert bare.returncode == 2 and len(bare.stderr.splitlines()) == 1


def test_importing_minigrad_imports_none_of_this():
    program = "import sys, minigrad; print([m for m in sys.modules if 'insight' in m or m == 'rich'])"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stdout
