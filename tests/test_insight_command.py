"""`explain` of arithmetic as text, which is never run, and of programs, by the command."""

import ast
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.cli import main
from minigrad.insight import expression, script
from minigrad.insight.explain import Explanation
from minigrad.insight.trace import collect

ROOT = Path(__file__).parent.parent
SEED = "z = (x + y) * (y - 2)"


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
    ("loss = 3\n", "", "loss is no tensor of minigrad but of type int"),
    ("loss = 3\0\n", "", "source code string cannot contain null bytes"),
    ("import torch\nloss = torch.ones(1, requires_grad=True) * 2\n", "", "of type torch.Tensor: let"),
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
