"""What optimizers refuse: exceptions of torch's types, with torch's first lines."""
import warnings

import numpy as np
import pytest

import minigrad
from minigrad.engine.core import wrap

torch = pytest.importorskip("torch")


def leaf(library):
    return library.ones(2, requires_grad=True)


BAD = {
    "nothing": lambda o, t: o.SGD([], lr=0.1),
    "a tensor": lambda o, t: o.SGD(leaf(t)),
    "a set": lambda o, t: o.SGD([{"params": {leaf(t)}}]),
    "a number": lambda o, t: o.SGD([3]),
    "an array": lambda o, t: o.Adam([np.ones(3)]),
    "no dict": lambda o, t: o.SGD([leaf(t)]).add_param_group([leaf(t)]),
    "no leaf": lambda o, t: o.SGD([leaf(t) * 2]),
    "in two groups": lambda o, t: o.SGD([{"params": [p := leaf(t)]}, {"params": [p]}]),
    "lr": lambda o, t: o.SGD([leaf(t)], lr=-1),
    "lr of two": lambda o, t: o.SGD([leaf(t)], lr=t.ones(2)),
    "lr of Adam": lambda o, t: o.AdamW([leaf(t)], lr=-0.5),
    "momentum": lambda o, t: o.SGD([leaf(t)], momentum=-1),
    "weight decay": lambda o, t: o.SGD([leaf(t)], weight_decay=-1),
    "weight decay of Adam": lambda o, t: o.Adam([leaf(t)], weight_decay=-1),
    "nesterov": lambda o, t: o.SGD([leaf(t)], nesterov=True),
    "nesterov, dampened": lambda o, t: o.SGD([leaf(t)], nesterov=True, momentum=0.9, dampening=0.1),
    "eps": lambda o, t: o.Adam([leaf(t)], eps=-1),
    "beta 0": lambda o, t: o.Adam([leaf(t)], betas=(1.0, 0.9)),
    "beta 1": lambda o, t: o.Adam([leaf(t)], betas=(0.9, -0.1)),
    "betas": lambda o, t: o.Adam([leaf(t)], betas=(0, 0.9)),
    "lr of ASGD": lambda o, t: o.ASGD([leaf(t)], lr=-1),
    "decay of ASGD": lambda o, t: o.ASGD([leaf(t)], weight_decay=-1),
    "etas": lambda o, t: o.Rprop([leaf(t)], etas=(1.5, 1.2)),
    "momentum decay": lambda o, t: o.NAdam([leaf(t)], momentum_decay=-1),
    "eps before betas": lambda o, t: o.NAdam([leaf(t)], eps=-1, betas=(2, 2)),
    "beta of RAdam": lambda o, t: o.RAdam([leaf(t)], betas=(0.9, 1)),
    "beta of Adamax": lambda o, t: o.Adamax([leaf(t)], betas=(-1, 0.9)),
    "lr decay": lambda o, t: o.Adagrad([leaf(t)], lr_decay=-1),
    "sums": lambda o, t: o.Adagrad([leaf(t)], initial_accumulator_value=-1),
    "eps of Adagrad": lambda o, t: o.Adagrad([leaf(t)], eps=-1),
    "rho": lambda o, t: o.Adadelta([leaf(t)], rho=1.5),
    "alpha": lambda o, t: o.RMSprop([leaf(t)], alpha=-1),
    "momentum of RMSprop": lambda o, t: o.RMSprop([leaf(t)], momentum=-1, alpha=-1),
    "fused and foreach": lambda o, t: o.SGD([leaf(t)], fused=True, foreach=True),
    "more groups": lambda o, t: o.SGD([leaf(t)]).load_state_dict({"state": {}, "param_groups": []}),
    "longer group": lambda o, t: o.SGD([leaf(t)]).load_state_dict(o.SGD([leaf(t), leaf(t)]).state_dict()),
    "no step": lambda o, t: o.Optimizer([leaf(t)], {}).step(),
}


@pytest.mark.parametrize("case", BAD)
def test_errors(case):
    found = []
    for library in (minigrad, torch):
        with pytest.raises((ValueError, TypeError, RuntimeError)) as error:
            BAD[case](library.optim, library)
        found.append((type(error.value), str(error.value).split("\n")[0]))
    assert found[0][0] is found[1][0]
    if found[1][1]:                             # torch's NotImplementedError says nothing
        assert found[0] == found[1]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "ASGD", "Rprop", "Adamax", "NAdam", "RAdam",
                                  "Adagrad", "Adadelta", "RMSprop"])
def test_differentiable_is_refused_by_name(name):
    with pytest.raises(NotImplementedError, match="differentiable=True"):
        getattr(minigrad.optim, name)([leaf(minigrad)], differentiable=True)


def test_integer_parameters_have_no_gradient_and_stay():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = wrap(np.arange(3))
        minigrad.optim.SGD([p], lr=1.0).step()
    assert p.tolist() == [0, 1, 2]
