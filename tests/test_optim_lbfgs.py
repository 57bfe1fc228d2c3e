"""minigrad.optim.LBFGS against torch's on logistic regression and on Rosenbrock's valley."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad

torch = pytest.importorskip("torch")

SETTINGS = st.fixed_dictionaries({
    "lr": st.floats(0.05, 1), "max_iter": st.integers(1, 8), "max_eval": st.sampled_from([None, 5, 30]),
    "history_size": st.integers(1, 10), "line_search_fn": st.sampled_from([None, "strong_wolfe"]),
    "tolerance_grad": st.sampled_from([1e-3, 1e-7, 1e-12]),
    "tolerance_change": st.sampled_from([1e-4, 1e-9, 1e-14])})


def regression(library, settings, seed=0):
    """Parameters, optimizer and closure; the penalty keeps the minimum well conditioned."""
    random = np.random.default_rng(seed)
    inputs = library.tensor(random.standard_normal((40, 5)))
    labels = library.tensor((random.standard_normal(40) > 0).astype(np.float64))
    params = [library.zeros(5, dtype=library.float64, requires_grad=True),
              library.zeros((), dtype=library.float64, requires_grad=True)]
    opt = library.optim.LBFGS(params, **settings)

    def closure():
        assert library.is_grad_enabled()
        opt.zero_grad()
        scores = inputs @ params[0] + params[1]
        loss = (library.nn.functional.binary_cross_entropy_with_logits(scores, labels)
                + 0.05 * (params[0] ** 2).sum())
        loss.backward()
        return loss
    return params, opt, closure


def crossed(value, library):
    """A state dict as the other library's `load` would give it."""
    if isinstance(value, (torch.Tensor, minigrad.Tensor)):
        return library.tensor(value.detach().numpy())
    if isinstance(value, dict):
        return {key: crossed(part, library) for key, part in value.items()}
    return [crossed(part, library) for part in value] if isinstance(value, list) else value


def close(found, wanted, tolerance):
    """Holds states against each other, part for part."""
    if isinstance(wanted, dict):
        assert set(found) == set(wanted)
        for key in wanted:
            close(found[key], wanted[key], tolerance)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            close(a, b, tolerance)
    elif isinstance(wanted, torch.Tensor):
        assert str(found.dtype) == str(wanted.dtype) and found.shape == tuple(wanted.shape)
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=tolerance, atol=tolerance)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=tolerance)
    else:
        assert found == wanted and type(found) is type(wanted)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_logistic_regression(search):
    """Twenty steps of one iteration: the same path."""
    settings = {"max_iter": 1, "max_eval": 20, "line_search_fn": search}
    (ours, opt, closure), (theirs, ref, reference) = (regression(lib, settings) for lib in (minigrad, torch))
    for _ in range(20):
        assert opt.step(closure).item() == pytest.approx(ref.step(reference).item(), rel=1e-12)
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=0, atol=1e-9)
    assert max(p.grad.abs().max().item() for p in ours) < 1e-4
    assert opt.state_dict()["state"][0]["n_iter"] == ref.state_dict()["state"][0]["n_iter"]


@given(settings=SETTINGS, seed=st.integers(0, 99))
def test_fifty_steps(settings, seed):
    """To 1e-12 after every step. A line search compares losses, which tell two points apart only while the
    slope is well above rounding (a step's error is about ε · loss / slope): with one, only until then."""
    (ours, opt, closure), (theirs, ref, reference) = (
        regression(lib, settings, seed) for lib in (minigrad, torch))
    for _ in range(50):
        assert opt.step(closure).item() == pytest.approx(ref.step(reference).item(), rel=1e-12)
        slope = max(q.grad.abs().max().item() for q in theirs)
        if settings["line_search_fn"] and slope < 1e-4:
            assert max(p.grad.abs().max().item() for p in ours) < 1e-4
            break
        scale = max(q.abs().max().item() for q in theirs)
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=0, atol=1e-12 * scale)
        counts = [{name: o.state_dict()["state"][0][name] for name in ("n_iter", "func_evals")}
                  for o in (opt, ref)]
        assert counts[0] == counts[1]
    assert opt.state_dict()["param_groups"] == ref.state_dict()["param_groups"]


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_valley(search):
    """Where brackets and history are needed: each iteration of the way, then the minimum."""
    paths = []
    for library in (minigrad, torch):
        p = library.tensor([-1.2, 1.0], dtype=library.float64, requires_grad=True)
        opt = library.optim.LBFGS([p], lr=0.5, max_iter=4, max_eval=30, history_size=3, line_search_fn=search)
        path = []

        def closure(p=p, opt=opt, path=path):
            opt.zero_grad()
            loss = 100 * (p[1] - p[0] ** 2) ** 2 + (1 - p[0]) ** 2
            loss.backward()
            path.append(loss.item())
            return loss

        for _ in range(20):
            opt.step(closure)
        paths.append(path)
    assert len(paths[0]) == len(paths[1])
    np.testing.assert_allclose(paths[0][:25], paths[1][:25], rtol=1e-9)
    if search:                                  # a loss that changes by less than 1e-9 ends the search
        assert max(paths[0][-1], paths[1][-1]) < 1e-9


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_load_state_dict_in_both_directions(search):
    settings = {"max_iter": 3, "line_search_fn": search}
    (ours, opt, closure), (theirs, ref, reference) = (regression(lib, settings) for lib in (minigrad, torch))
    for _ in range(2):
        opt.step(closure)
        ref.step(reference)
    close(opt.state_dict()["state"], ref.state_dict()["state"], 1e-8)
    (mine, opt2, again), (yours, ref2, anew) = (regression(lib, settings) for lib in (minigrad, torch))
    opt2.load_state_dict(crossed(ref.state_dict(), minigrad))
    ref2.load_state_dict(crossed(opt.state_dict(), torch))
    for p, q, r, s in zip(mine, yours, ours, theirs, strict=True):
        p.data, q.data = minigrad.tensor(s.detach().numpy()), torch.tensor(r.detach().numpy())
    assert opt2.step(again).item() == pytest.approx(ref.step(reference).item(), rel=1e-12)
    assert ref2.step(anew).item() == pytest.approx(opt.step(closure).item(), rel=1e-12)
    for p, q, r, s in zip(mine, yours, ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), s.detach().numpy(), rtol=0, atol=1e-8)
        np.testing.assert_allclose(q.detach().numpy(), r.detach().numpy(), rtol=0, atol=1e-8)


def test_single_precision_and_parameters_without_gradient():
    found = []
    for library in (minigrad, torch):
        p, unused = library.tensor([3.0, -2.0], requires_grad=True), library.ones(2, 2, requires_grad=True)
        opt = library.optim.LBFGS([unused, p], line_search_fn="strong_wolfe")

        def closure(library=library, p=p, opt=opt):
            opt.zero_grad()
            loss = (p - library.tensor([1.0, 2.0])).pow(4).sum() + p.pow(2).sum()
            loss.backward()
            return loss

        with library.no_grad():
            assert opt.step(closure).item() == 285
        assert str(p.dtype) == "torch.float32" and unused.tolist() == [[1, 1], [1, 1]]
        assert p.requires_grad and p.is_leaf
        found.append(p.tolist())
    assert found[0] == pytest.approx(found[1], abs=1e-4)


BAD = {
    "lr": lambda lib, p: lib.optim.LBFGS([p], lr=-1),
    "lr of two": lambda lib, p: lib.optim.LBFGS([p], lr=lib.ones(2)),
    "groups": lambda lib, p: lib.optim.LBFGS([{"params": [p]}, {"params": [lib.ones(1)]}]),
    "no closure": lambda lib, p: lib.optim.LBFGS([p]).step(),
    "search": lambda lib, p: lib.optim.LBFGS([p], line_search_fn="armijo").step(lambda: slope(p)),
}


def slope(p):
    loss = p.sum()
    loss.backward()
    return loss


@pytest.mark.parametrize("case", BAD)
def test_errors(case):
    found = []
    for library in (minigrad, torch):
        with pytest.raises((ValueError, TypeError, RuntimeError)) as error:
            BAD[case](library, library.ones(2, requires_grad=True))
        found.append((type(error.value), str(error.value).split("\n")[0]))
    assert found[0] == found[1]
