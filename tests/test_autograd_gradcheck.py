"""gradcheck passes right rules, and names the place, the values and what decided for planted wrong ones."""
import re
import warnings

import numpy as np
import pytest
import torch

import minigrad
from minigrad.autograd import Function, GradcheckError, gradcheck, gradgradcheck

BOTH = pytest.mark.parametrize("B", [torch, minigrad], ids=["torch", "minigrad"])
DATA = np.random.default_rng(5).normal(size=24)


def given(B, *shape, at=0, dtype="float64"):
    values = DATA[at:at + int(np.prod(shape))].reshape(shape)
    return B.tensor(values.tolist(), dtype=getattr(B, dtype), requires_grad=True)


def planted(B, forward, backward):
    """An operation of two operands with the given rule: backward(g, x, y)."""
    class Planted(B.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return forward(x, y)

        @staticmethod
        def backward(ctx, g):
            return backward(g, *ctx.saved_tensors)
    return Planted.apply


def product(x, y):
    return (x * y).sin()


def right(g, x, y):
    slope = g * (x * y).cos()
    return slope * y, slope * x


def swapped(g, x, y):
    return right(g, x, y)[::-1]


def noisy(g, x, y):
    noisy.calls += 1
    a, b = right(g, x, y)
    return a * (1 + 1e-9 * noisy.calls), b


noisy.calls = 0

WRONG = {
    "twice too large": lambda g, x, y: tuple(2 * part for part in right(g, x, y)),
    "of the other sign": lambda g, x, y: (-right(g, x, y)[0], right(g, x, y)[1]),
    "swapped": swapped,
    "dropped": lambda g, x, y: (right(g, x, y)[0], None),
    "zero": lambda g, x, y: (right(g, x, y)[0], 0 * y),
    "transposed": lambda g, x, y: (right(g, x, y)[0].t().contiguous().view(x.shape), right(g, x, y)[1]),
    "shifted": lambda g, x, y: (right(g, x, y)[0], right(g, x, y)[1][[1, 0]]),
    "a term left out": lambda g, x, y: (g * y, g * x),
    "one per mille too large": lambda g, x, y: (right(g, x, y)[0] * 1.005, right(g, x, y)[1]),
    "one element": lambda g, x, y: (right(g, x, y)[0] + (x == x.max()) * 0.1 * g, right(g, x, y)[1]),
    "cotangent squared": lambda g, x, y: right(g * g, x, y),
    "cotangent ignored": lambda g, x, y: right(1 + 0 * g, x, y),
    "another each time": noisy,
}


@BOTH
def test_right_rules_pass(B):
    inputs = given(B, 2, 3), given(B, 2, 3, at=6)
    function = planted(B, product, right)
    check, second = B.autograd.gradcheck, B.autograd.gradgradcheck
    assert check(function, inputs) is True
    assert check(function, inputs, fast_mode=True) is True
    assert second(function, inputs) is True
    assert second(function, inputs, fast_mode=True) is True
    assert second(lambda x: x * 2, given(B, 2)) is True
    assert check(lambda x, k: (x.exp() * k, x.sin()), (given(B, 3), 2.0)) is True
    assert check(lambda x: x @ x.t(), given(B, 3, 4)) is True
    assert check(lambda x: x[0] * x[1:].sum(), given(B, 4).t()) is True


@pytest.mark.parametrize("fast", [False, True], ids=["entries", "directions"])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_rules_are_caught(name, fast):
    inputs = given(minigrad, 2, 3), given(minigrad, 2, 3, at=6)
    function = planted(minigrad, product, WRONG[name])
    with pytest.raises(GradcheckError):
        gradcheck(function, inputs, fast_mode=fast)
    assert gradcheck(function, inputs, fast_mode=fast, raise_exception=False) is False


@pytest.mark.parametrize("name", sorted(WRONG.keys() - {"cotangent squared", "another each time"}))
def test_torch_says_the_same_first(name):
    told = []
    for B in (minigrad, torch):
        with pytest.raises(RuntimeError) as caught:
            B.autograd.gradcheck(planted(B, product, WRONG[name]), (given(B, 2, 3), given(B, 2, 3, at=6)))
        told.append((caught.type.__name__, str(caught.value).split("\n", 1)[0]))
    assert told[0] == told[1]


def constant_slope(g, x, y):
    """Right in value, wrong when differentiated: the slope is taken for a constant."""
    slope = g * (x.detach() * y.detach()).cos()
    return slope * y, slope * x


def test_a_wrong_second_derivative_is_caught():
    inputs = given(minigrad, 2, 3), given(minigrad, 2, 3, at=6)
    function = planted(minigrad, product, constant_slope)
    assert gradcheck(function, inputs)
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradgradcheck(function, inputs)
    assert gradgradcheck(function, inputs, raise_exception=False) is False


def test_a_wrong_rule_of_an_op_is_named(monkeypatch):
    """The report has the index, both values, the error, the bound that decides, and the op."""
    op = minigrad.engine.REGISTRY["exp"]
    monkeypatch.setattr(op, "steps", ((lambda g, z: 3 * g * z, op.steps[0][1], True),))
    x = minigrad.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=minigrad.float64, requires_grad=True)
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x: x.exp().t(), x)
    text = str(caught.value)
    assert text.startswith("Jacobian mismatch for output 0 with respect to input 0,\nnumerical:tensor([[")
    assert "4 of 16 entries differ." in text
    found = re.search(r"output\[0, 1\] by input\[1, 0\]: analytic (\S+), numeric (\S+), error (\S+)\.", text)
    assert float(found[1]) == pytest.approx(3 * np.e) and float(found[2]) == pytest.approx(np.e)
    assert float(found[3]) == pytest.approx(2 * np.e, rel=1e-3)
    assert f"<= atol + rtol * |numeric| = {1e-5 + 1e-3 * np.e:.4g}." in text
    assert "TBackward0, ExpBackward0" in text


def test_a_kink_is_told_from_a_wrong_rule():
    x = minigrad.tensor([0.0, 1.0], dtype=minigrad.float64, requires_grad=True)
    with pytest.raises(GradcheckError, match=r"kink or a jump there \(slope 0 to the left, 1 to the right\)"):
        gradcheck(minigrad.relu, x)
    smooth = planted(minigrad, product, WRONG["twice too large"])
    with pytest.raises(GradcheckError) as caught:
        gradcheck(smooth, (given(minigrad, 3), given(minigrad, 3, at=3)))
    assert "kink" not in str(caught.value)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("function", [lambda x: x.round(), lambda x: x * 0, lambda x: x * 1e-7,
                                      lambda x: x[:0], lambda x: x > 0])
def test_a_vacuous_check_is_refused(function, fast):
    x = minigrad.tensor([0.25, 1.25], dtype=minigrad.float64, requires_grad=True)
    with pytest.raises(GradcheckError, match="vacuous"):
        gradcheck(function, x, fast_mode=fast)


def test_float32_gets_advice():
    x = given(minigrad, 3, dtype="float32")
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precision"), \
            pytest.raises(GradcheckError, match="Use float64"):
        gradcheck(lambda x: x.exp(), x)


def test_inputs_stay_as_they_were():
    x, y = given(minigrad, 2, 3), given(minigrad, 2, 3, at=6)
    before = x.tolist(), y.tolist()
    gradgradcheck(product, (x, y))
    assert before == (x.tolist(), y.tolist()) and x.grad is None and x._version == 0


REFUSED = {
    "nothing to check": lambda B: B.autograd.gradcheck(B.exp, B.ones(2)),
    "overlapping": lambda B:
        B.autograd.gradcheck(B.exp, B.ones(1, dtype=B.float64, requires_grad=True).expand(3)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_have_torchs_words(name):
    told = []
    for B in (minigrad, torch):
        with pytest.raises((ValueError, RuntimeError)) as caught, warnings.catch_warnings():
            REFUSED[name](B)
        told.append((caught.type, str(caught.value).split("\n", 1)[0]))
    assert told[0] == told[1]


def test_wrong_shapes_and_dtypes_are_errors_of_the_function():
    class Narrow(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return minigrad.ones(2, dtype=minigrad.float64)
    with pytest.raises(RuntimeError, match="returned an invalid gradient at index 0"):
        gradcheck(Narrow.apply, given(minigrad, 3))


def test_what_is_missing_is_named():
    with pytest.raises(NotImplementedError, match="check_forward_ad"):
        gradcheck(minigrad.exp, given(minigrad, 2), check_forward_ad=True)
