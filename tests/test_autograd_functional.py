"""Jacobians, Hessians and products, and the transforms of `func`: the same functions on both libraries."""
import numpy as np
import pytest
import torch

import minigrad

BOTH = pytest.mark.parametrize("B", [torch, minigrad], ids=["torch", "minigrad"])
DATA = np.random.default_rng(7).normal(size=(4, 6))


def given(B, *shape, at=0, requires_grad=False):
    values = DATA.ravel()[at:at + int(np.prod(shape, dtype=int))].reshape(shape)
    return B.tensor(values.tolist(), dtype=B.float64, requires_grad=requires_grad).reshape(shape)


def described(value):
    """Values with their structure, shapes, and whether they need a gradient."""
    if isinstance(value, (tuple, list)):
        return type(value).__name__, [described(v) for v in value]
    if isinstance(value, dict):
        return {key: described(v) for key, v in value.items()}
    return tuple(value.shape), value.requires_grad, value.detach().numpy()


def assert_same(ours, theirs):
    if isinstance(theirs, np.ndarray):
        scale = np.abs(theirs).max(initial=1e-300)
        np.testing.assert_allclose(ours, theirs, rtol=4e-15, atol=4e-15 * scale)
        return
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if not isinstance(theirs, (tuple, list)):
        assert ours == theirs
        return
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert_same(a, b)


def both(run):
    ours, theirs = described(run(minigrad)), described(run(torch))
    assert_same(ours, theirs)
    arrays = []

    def collect(value):
        if isinstance(value, np.ndarray):
            arrays.append(value)
        elif isinstance(value, (tuple, list, dict)):
            for part in value.values() if isinstance(value, dict) else value:
                collect(part)
    collect(theirs)
    assert any(np.abs(array).max(initial=0) > 1e-3 for array in arrays), "nothing but zeros was compared"


def F(B):
    return B.autograd.functional


def wave(x, y):
    return (x * y.sin()).sum(0), x.exp() * 2


def bowl(x, y):
    return (x.exp() * y * y).sum() + (x * x * x).sum()


def square(x):
    return x * x.sin()


def apart(x, y):
    return x * 2, y.exp()


JACOBIANS = {
    "one": lambda B: F(B).jacobian(square, given(B, 2, 3)),
    "scalar in and out": lambda B: F(B).jacobian(square, given(B)),
    "several": lambda B: F(B).jacobian(wave, (given(B, 2, 3), given(B, 3, at=6))),
    "independent": lambda B: F(B).jacobian(apart, (given(B, 2), given(B, 3, at=2))),
    "create_graph": lambda B: F(B).jacobian(wave, (given(B, 2, 3, requires_grad=True), given(B, 3, at=6)),
                                            create_graph=True),
    "differentiated again": lambda B: B.autograd.grad(F(B).jacobian(
        square, x := given(B, 3, requires_grad=True), create_graph=True).sum(), x),
    "hessian": lambda B: F(B).hessian(lambda x: (x * x * x).sum() * x[0], given(B, 3)),
    "hessian, several": lambda B: F(B).hessian(bowl, (given(B, 3), given(B, 3, at=3))),
    "hessian, one element": lambda B: F(B).hessian(lambda x: (x * x * x).sum().reshape(1), given(B, 3)),
    "vjp": lambda B: F(B).vjp(square, given(B, 2, 3), given(B, 2, 3, at=6)),
    "vjp of a scalar": lambda B: F(B).vjp(bowl, (given(B, 3), given(B, 3, at=3))),
    "vjp, several": lambda B: F(B).vjp(wave, (given(B, 2, 3), given(B, 3, at=6)),
                                       (given(B, 3), given(B, 2, 3, at=9))),
    "vjp, create_graph": lambda B: F(B).vjp(square, given(B, 3, requires_grad=True), given(B, 3, at=3),
                                            create_graph=True),
    "jvp": lambda B: F(B).jvp(square, given(B, 2, 3), given(B, 2, 3, at=6)),
    "jvp, several": lambda B: F(B).jvp(wave, (given(B, 2, 3), given(B, 3, at=6)),
                                       (given(B, 2, 3, at=9), given(B, 3, at=1))),
    "jvp of a linear function": lambda B: F(B).jvp(lambda x: x * 3, given(B, 2), given(B, 2, at=3)),
    "vhp": lambda B:
        F(B).vhp(bowl, (given(B, 3), given(B, 3, at=3)), (given(B, 3, at=7), given(B, 3, at=11))),
    "hvp": lambda B:
        F(B).hvp(bowl, (given(B, 3), given(B, 3, at=3)), (given(B, 3, at=7), given(B, 3, at=11))),
    "hvp of one": lambda B: F(B).hvp(lambda x: (x * x * x).sum(), given(B, 3), given(B, 3, at=7)),
    "hvp, create_graph": lambda B: F(B).hvp(lambda x: (x * x * x).sum(), given(B, 3, requires_grad=True),
                                            given(B, 3, at=7), create_graph=True),
}


def nested(B, x):
    return B.func.grad(lambda a: B.func.grad(lambda b: (b * b * b * x).sum())(a).sum())(x)


def captured(B):
    weight = given(B, 3, at=5, requires_grad=True)
    g = B.func.grad(lambda x: (x * weight * x).sum())(given(B, 3))
    return g, B.autograd.grad(g.sum(), weight)


def quiet(B):
    x = given(B, 3, requires_grad=True)
    with B.no_grad():
        return B.func.grad(lambda x: (x * x.sin()).sum())(x)


def vjp_both(B):
    out, back = B.func.vjp(lambda x, y: {"a": x * y, "b": y.exp()}, given(B, 3), given(B, 3, at=3))
    first = back({"a": given(B, 3, at=6), "b": given(B, 3, at=9)})
    return out, first, back({"a": given(B, 3), "b": given(B, 3)})


TRANSFORMS = {
    "grad": lambda B: B.func.grad(lambda x: (x * x.sin()).sum())(given(B, 2, 3)),
    "grad, second argument": lambda B: B.func.grad(bowl, argnums=1)(given(B, 3), given(B, 3, at=3)),
    "grad, both": lambda B: B.func.grad(bowl, argnums=(1, -2))(given(B, 3), given(B, 3, at=3)),
    "grad of a dict": lambda B: B.func.grad(lambda p, x: ((p["w"] * x).sin() + p["b"]).sum())(
        {"w": given(B, 3), "b": given(B, 3, at=4)}, given(B, 3, at=8)),
    "aux": lambda B: B.func.grad(lambda x: ((x * x).sum(), x.exp()), has_aux=True)(given(B, 3)),
    "value": lambda B: B.func.grad_and_value(lambda x: (x * x).sum())(given(B, 3)),
    "value and aux": lambda B:
        B.func.grad_and_value(lambda x: ((x * x).sum(), x.exp()), has_aux=True)(given(B, 3)),
    "keyword": lambda B: B.func.grad(lambda x, *, k: (x * x * k).sum())(given(B, 3), k=given(B, 3, at=3)),
    "unused": lambda B:
        B.func.grad(lambda x, y: (y * y).sum(), argnums=(0, 1))(given(B, 3), given(B, 3, at=3)),
    "of a grad": lambda B: nested(B, given(B, 3)),
    "third": lambda B: B.func.grad(B.func.grad(B.func.grad(lambda x: x.sin() * x)))(given(B)),
    "needs a gradient outside": lambda B: B.autograd.grad(
        B.func.grad(lambda x: (x * x * x).sum())(x := given(B, 3, requires_grad=True)).sum(), x),
    "result kept in the graph": lambda B:
        B.func.grad(lambda x: (x * x * x).sum())(given(B, 3, requires_grad=True)),
    "captured": captured,
    "under no_grad": quiet,
    "vjp": lambda B: B.func.vjp(lambda x: x * x.sin(), given(B, 3))[0],
    "vjp of a dict": vjp_both,
    "jacrev": lambda B: B.func.jacrev(square)(given(B, 2, 2)),
    "jacrev, several": lambda B: B.func.jacrev(wave, argnums=(0, 1))(given(B, 2, 3), given(B, 3, at=6)),
    "jacrev, second": lambda B: B.func.jacrev(wave, argnums=1)(given(B, 2, 3), given(B, 3, at=6)),
    "jacrev with aux": lambda B: B.func.jacrev(lambda x: (x * x, x), has_aux=True)(given(B, 3)),
    "hessian": lambda B: B.func.hessian(lambda x: (x * x * x).sum() * x[0])(given(B, 3)),
    "jacobian of a vjp": lambda B: B.func.jacrev(
        lambda x: B.func.vjp(lambda y: y * y * y, x)[1](given(B, 3, at=3))[0])(given(B, 3)),
}


@pytest.mark.parametrize("name", JACOBIANS)
def test_functional(name):
    both(JACOBIANS[name])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    both(TRANSFORMS[name])


REFUSED = {
    "no tensor": lambda B: F(B).jacobian(square, 3.0),
    "no tensor in the tuple": lambda B: F(B).vjp(bowl, (given(B, 3), 2)),
    "no tensor out": lambda B: F(B).jacobian(lambda x: 5, given(B, 3)),
    "v missing": lambda B: F(B).vjp(square, given(B, 3)),
    "v missing for jvp": lambda B: F(B).jvp(square, given(B, 3)),
    "v of another shape": lambda B: F(B).vjp(square, given(B, 3), given(B, 2)),
    "v of another length": lambda B: F(B).vjp(wave, (given(B, 2, 3), given(B, 3)), given(B, 3)),
    "entry of another shape": lambda B:
        F(B).jvp(wave, (given(B, 2, 3), given(B, 3)), (given(B, 2, 3), given(B, 2))),
    "hessian of a vector": lambda B: F(B).hessian(square, given(B, 3)),
    "hvp of a tuple": lambda B: F(B).hvp(wave, (given(B, 2, 3), given(B, 3)), (given(B, 2, 3), given(B, 3))),
    "nothing to stack": lambda B: F(B).jacobian(lambda x: x[:0], given(B, 3)),
    "strict, independent": lambda B: F(B).jacobian(lambda x: given(B, 3), given(B, 3), strict=True),
    "strict, one independent": lambda B:
        F(B).vjp(lambda x, y: (x * x).sum(), (given(B, 3), given(B, 3)), strict=True),
    "grad of a vector": lambda B: B.func.grad(square)(given(B, 3)),
    "grad of no tensor": lambda B: B.func.grad(lambda x: 3.0)(given(B, 3)),
    "aux missing": lambda B: B.func.grad(lambda x: x.sum(), has_aux=True)(given(B, 3)),
    "argnum out of range": lambda B: B.func.grad(lambda x: x.sum(), argnums=2)(given(B, 3)),
    "argnums empty": lambda B: B.func.grad(lambda x: x.sum(), argnums=())(given(B, 3)),
    "argnums twice": lambda B: B.func.grad(lambda x: x.sum(), argnums=(0, 0))(given(B, 3)),
    "argument no tensor": lambda B: B.func.grad(lambda x: x)(3.0),
    "vjp of integers": lambda B: B.func.vjp(lambda x: x.long(), given(B, 3)),
    "vjp of no tensor": lambda B: B.func.vjp(lambda x: 3.0, given(B, 3)),
}


def told(call, B):
    with pytest.raises(Exception) as caught:
        call(B)
    return caught.type, str(caught.value).split("\n", 1)[0]


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_have_torchs_words(name):
    assert told(REFUSED[name], minigrad) == told(REFUSED[name], torch)


def test_what_is_missing_is_named():
    with pytest.raises(NotImplementedError, match=r"torch\.func\.vmap is not supported"):
        minigrad.func.vmap
    with pytest.raises(NotImplementedError, match="forward-mode"):
        minigrad.autograd.functional.jacobian(square, given(minigrad, 2), strategy="forward-mode")


def test_a_level_that_nobody_needs_is_not_recorded():
    """The plain walk serves `func.grad` unless something outside needs its result's gradient."""
    x = given(minigrad, 3)
    g = minigrad.func.grad(lambda x: (x * x * x).sum())(x)
    assert not g.requires_grad and g.grad_fn is None and x.grad is None
    value = minigrad.func.grad_and_value(lambda x: (x * x).sum())(x)[1]
    assert value.grad_fn is None
