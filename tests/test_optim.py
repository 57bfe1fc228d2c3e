"""minigrad.optim against torch's optimizers on the CPU: parameters, states and texts.

Gradients are given, not computed, so what differs is the optimizers' alone. Numbers agree to 1e-12 of the
largest magnitude that a parameter has had: torch fuses multiplications with additions, NumPy does not.
"""
import copy
import inspect
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.optim import rule as room

torch = pytest.importorskip("torch")

SHAPES = ((3, 4), (), (5,), (0, 2), (1,))
unit = st.floats(0, 1, allow_subnormal=False)
below_one = st.floats(0, 0.999, allow_subnormal=False)
decay = st.one_of(st.just(0), unit)
betas = st.tuples(below_one, below_one)
SETTINGS = {
    "SGD": st.one_of(
        st.fixed_dictionaries({"lr": unit, "momentum": st.one_of(st.just(0), below_one), "dampening": unit,
                               "weight_decay": decay, "maximize": st.booleans()}),
        st.fixed_dictionaries({"lr": unit, "momentum": st.floats(0.01, 0.999), "nesterov": st.just(True),
                               "weight_decay": decay, "maximize": st.booleans()})),
    "AdamW": st.fixed_dictionaries({
        "lr": unit, "betas": betas, "eps": st.floats(1e-10, 1e-2), "weight_decay": decay,
        "amsgrad": st.booleans(), "maximize": st.booleans()}),
    "ASGD": st.fixed_dictionaries({
        "lr": unit, "lambd": st.floats(0, 0.1), "alpha": unit, "t0": st.floats(0, 60),
        "weight_decay": decay, "maximize": st.booleans()}),
    "Rprop": st.fixed_dictionaries({
        "lr": unit, "etas": st.tuples(st.floats(0.1, 0.9), st.floats(1.1, 3)),
        "step_sizes": st.tuples(st.floats(1e-6, 1e-3), st.floats(1e-2, 50)), "maximize": st.booleans()}),
}


def tame(settings):
    """Where its gradient is near 0, such an optimizer's step has the slope lr / eps. With a decay in it that
    this carries over 2, training is chaos: torch differs from itself in the first digit once its weights move
    by one ulp. So without a decay, or with a small one and a large eps."""
    drawn = st.fixed_dictionaries({"lr": unit, "eps": st.floats(1e-10, 1e-2), "maximize": st.booleans(),
                                   **settings})
    decayed = st.tuples(drawn, st.floats(0, 0.01)).map(lambda pair: {
        **pair[0], "eps": 0.01 + pair[0]["eps"] * 50, "weight_decay": pair[1]})
    return st.one_of(drawn, decayed)


SETTINGS.update({
    "Adam": tame({"betas": betas, "amsgrad": st.booleans(), "decoupled_weight_decay": st.booleans()}),
    "Adamax": tame({"betas": betas}),
    "NAdam": tame({"betas": betas, "momentum_decay": unit, "decoupled_weight_decay": st.booleans()}),
    "RAdam": tame({"betas": betas, "decoupled_weight_decay": st.booleans()}),
    "Adagrad": tame({"lr_decay": unit, "initial_accumulator_value": unit}),
    "Adadelta": tame({"rho": unit}),
    "RMSprop": tame({"alpha": st.floats(0.2, 0.999), "momentum": st.one_of(st.just(0), below_one),
                     "centered": st.booleans()}),
})

# What chooses between torch's implementations is drawn with the rest, and changes nothing here. (torch's
# fused SGD raises TypeError where a parameter without gradient has no momentum yet.)
FUSED = ("Adam", "AdamW", "Adagrad")
for _name, _settings in SETTINGS.items():
    _chosen = [{}, {"foreach": False}] + [{"fused": True}] * (_name in FUSED)
    if _name != "ASGD":                         # torch's own two differ there by 1e-7: one counts in float32
        _chosen.append({"foreach": True})
    SETTINGS[_name] = st.tuples(_settings, st.sampled_from(_chosen)).map(lambda pair: pair[0] | pair[1])
EVERY = [("SGD", {"lr": 0.1, "momentum": 0.9}), ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
         ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}), ("Adam", {"lr": 0.1, "amsgrad": True}),
         ("AdamW", {"lr": 0.1}), ("ASGD", {"lr": 0.1, "t0": 1}), ("Rprop", {"lr": 0.1}),
         ("Adamax", {"lr": 0.1}), ("NAdam", {"lr": 0.1}), ("RAdam", {"lr": 0.1}), ("Adagrad", {"lr": 0.1}),
         ("Adadelta", {"lr": 1.0}), ("RMSprop", {"lr": 0.1, "centered": True, "momentum": 0.9})]
every = pytest.mark.parametrize("name, settings", EVERY)


def leaf(library):
    return library.ones(2, requires_grad=True)


class Pair:
    """The same parameters in both libraries, under the same optimizer, fed the same random gradients."""

    def __init__(self, name, settings, shapes=SHAPES, seed=0, dtype="float64"):
        self.random = np.random.default_rng(seed)
        self.name, self.settings, self.dtype = name, settings, dtype
        self.ours, self.theirs = self.parameters(shapes)
        self.opt = getattr(minigrad.optim, name)(self.ours, **settings)
        self.ref = getattr(torch.optim, name)(self.theirs, **settings)
        self.scale = 0.0

    def parameters(self, shapes):
        values = [self.random.standard_normal(shape).astype(self.dtype) for shape in shapes]
        return ([minigrad.tensor(v, requires_grad=True) for v in values],
                [torch.tensor(v, requires_grad=True) for v in values])

    def step(self, count=1, skip=()):
        for _ in range(count):
            for position, (p, q) in enumerate(zip(self.ours, self.theirs, strict=True)):
                g = self.random.standard_normal(p.shape).astype(self.dtype)
                p.grad = None if position in skip else minigrad.tensor(g)
                q.grad = None if position in skip else torch.tensor(g)
            self.opt.step()
            self.ref.step()
            self.scale = max([self.scale, *[q.abs().max().item() for q in self.theirs if q.numel()]])
        return self

    def check(self, tolerance=1e-12):
        moved = 0.0
        for p, q in zip(self.ours, self.theirs, strict=True):
            assert p.shape == tuple(q.shape) and str(p.dtype) == str(q.dtype)
            difference = np.abs(p.detach().numpy() - q.detach().numpy()).max(initial=0)
            assert difference <= tolerance * self.scale, (p, q)
            moved = max(moved, np.abs(q.detach().numpy()).max(initial=0))
        assert moved > 0
        a, b = self.opt.state_dict(), self.ref.state_dict()
        assert list(a) == list(b) and list(a["state"]) == list(b["state"])
        assert a["param_groups"] == b["param_groups"]
        assert [list(g) for g in a["param_groups"]] == [list(g) for g in b["param_groups"]]
        for number, state in b["state"].items():
            assert list(a["state"][number]) == list(state)
            for key, value in state.items():
                found = a["state"][number][key]
                assert str(found.dtype) == str(value.dtype) and found.shape == tuple(value.shape), key
                size = max(np.abs(value.numpy()).max(initial=0), 1.0)
                assert np.abs(found.numpy() - value.numpy()).max(initial=0) <= tolerance * size, key
        assert repr(self.opt) == repr(self.ref)


def to_minigrad(value):
    """A torch state dict as minigrad's `load` would give it."""
    if isinstance(value, torch.Tensor):
        return minigrad.tensor(value.numpy())
    if isinstance(value, dict):
        return {key: to_minigrad(part) for key, part in value.items()}
    return [to_minigrad(part) for part in value] if isinstance(value, list) else value


def to_torch(value):
    """A minigrad state dict as torch's `load` would give it."""
    if isinstance(value, minigrad.Tensor):
        return torch.tensor(value.numpy())
    if isinstance(value, dict):
        return {key: to_torch(part) for key, part in value.items()}
    return [to_torch(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", SETTINGS)
@given(data=st.data())
def test_fifty_steps(name, data):
    pair = Pair(name, data.draw(SETTINGS[name]), seed=data.draw(st.integers(0, 99)))
    for _ in range(10):
        pair.step(5, skip=data.draw(st.sets(st.integers(0, len(SHAPES) - 1))))
    pair.check()


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_drawn(name):
    """All but those for GPUs (capturable) and for differentiating steps, which is refused."""
    drawn = set()

    @given(settings=SETTINGS[name])
    def look(settings):
        drawn.update(settings)

    look()
    known = set(inspect.signature(getattr(torch.optim, name)).parameters)
    assert known - drawn == {"params", "capturable", "differentiable"} & known | {"fused"} & known - drawn
    assert ("fused" in drawn) == (name in FUSED)


@every
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_other_dtypes(name, settings, dtype):
    # Once per operation torch rounds where NumPy rounds twice.
    Pair(name, settings, dtype=dtype).step(5).check(tolerance=20 * float(np.finfo(dtype).eps))


@every
def test_pieces_change_no_bit(name, settings, monkeypatch):
    whole = Pair(name, settings).step(5)
    monkeypatch.setattr(room, "PIECE", 5)
    cut = Pair(name, settings).step(5)
    for p, q in zip(whole.ours, cut.ours, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


@every
def test_memory_orders(name, settings, monkeypatch):
    pair = Pair(name, settings, shapes=((4, 3),))
    pair.ours[0].data = minigrad.tensor(np.arange(12.0).reshape(3, 4)).t()
    pair.theirs[0].data = torch.tensor(np.arange(12.0).reshape(3, 4)).t()
    memory = pair.ours[0].array
    pair.step(3).check()
    monkeypatch.setattr(room, "PIECE", 2)       # larger than a piece, but no row-major run of memory
    pair.step(3).check()
    assert pair.ours[0].array is memory and memory.flags.f_contiguous


def test_settings_change_while_training():
    pair = Pair("SGD", {"lr": 0.1, "momentum": 0.9}).step(3)
    for opt in (pair.opt, pair.ref):
        opt.param_groups[0].update(lr=0.01, momentum=0.5, weight_decay=0.1)
    pair.step(3)
    for opt in (pair.opt, pair.ref):
        opt.param_groups[0].update(momentum=0)
    pair.step(3).check()


def test_tensor_learning_rate():
    a, b = minigrad.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    for library, p in ((minigrad, a), (torch, b)):
        p.grad = library.ones(2)
        for name in ("SGD", "Adam"):
            opt = getattr(library.optim, name)([p], lr=library.tensor(0.25))
            opt.step()
    assert a.tolist() == pytest.approx(b.tolist(), rel=1e-6)


# What a step must survive ---------------------------------------------------------------------------------

@every
def test_gradient_set_to_none(name, settings):
    pair = Pair(name, settings).step(3)
    before = [p.tolist() for p in pair.ours]
    pair.opt.zero_grad()
    pair.opt.step()
    assert before == [p.tolist() for p in pair.ours] and all(p.grad is None for p in pair.ours)
    pair.step(2, skip={0, 2}).step(3).check()


@every
def test_data_assigned(name, settings):
    pair = Pair(name, settings).step(3)
    old = pair.ours[0].detach()
    kept = old.tolist()
    pair.ours[0].data, pair.theirs[0].data = minigrad.zeros(3, 4).double(), torch.zeros(3, 4).double()
    pair.step(3).check()
    assert old.tolist() == kept


@every
def test_load_state_dict_in_both_directions(name, settings):
    pair, other = Pair(name, settings).step(4), Pair(name, {"lr": 0.7})
    for p, q, r, s in zip(other.ours, other.theirs, pair.ours, pair.theirs, strict=True):
        p.data, q.data = r.detach().clone(), s.detach().clone()
    saved, reference = pair.opt.state_dict(), pair.ref.state_dict()
    other.opt.load_state_dict(to_minigrad(reference))
    other.ref.load_state_dict(to_torch(saved))
    other.scale = pair.scale
    other.step(4).check()
    assert saved["param_groups"][0]["params"] == [0, 1, 2, 3, 4]    # what was loaded is as before


@every
def test_loaded_state_takes_the_parameters_dtype(name, settings):
    saved = Pair(name, settings).step(2).opt.state_dict()
    narrow = Pair(name, settings, dtype="float32")
    narrow.opt.load_state_dict(saved)
    narrow.ref.load_state_dict(to_torch(saved))
    narrow.step(2).check(tolerance=1e-5)


@every
def test_deepcopy_and_pickle(name, settings):
    pair = Pair(name, settings).step(2)
    for clone in (copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
        before = [p.tolist() for p in pair.ours]
        twin = copy.copy(pair)
        twin.ours, twin.opt = clone((pair.ours, pair.opt))
        twin.theirs, twin.ref = copy.deepcopy((pair.theirs, pair.ref))
        assert twin.opt.param_groups[0]["params"][0] is twin.ours[0]
        twin.step(3).check()
        assert before == [p.tolist() for p in pair.ours]
    pair.step(3).check()


@pytest.mark.parametrize("settings", [{"momentum": 0.9, "nesterov": True}, {"weight_decay": 0.1}])
def test_model_converted(settings):
    """Module.to swaps the memory of the parameters that the optimizer holds; its buffers keep their dtype."""
    results = []
    for library in (minigrad, torch):
        library.manual_seed(0)
        model = library.nn.Linear(4, 3)
        opt, inputs = library.optim.SGD(model.parameters(), lr=0.1, **settings), library.randn(5, 4)
        for dtype in (library.float32, library.float64):
            model.to(dtype)
            for _ in range(3):
                opt.zero_grad()
                (model(inputs.to(dtype)) ** 2).sum().backward()
                opt.step()
        results.append([p.detach().numpy() for p in model.parameters()])
    for a, b in zip(*results, strict=True):
        assert a.dtype == b.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@every
def test_group_added_late(name, settings):
    pair = Pair(name, settings).step(2)
    ours, theirs = pair.parameters(((2, 2), (3,)))
    pair.opt.add_param_group({"params": ours, "lr": 0.5})
    pair.ref.add_param_group({"params": theirs, "lr": 0.5})
    pair.ours += ours
    pair.theirs += theirs
    pair.step(3).check()
    assert pair.opt.state_dict()["param_groups"][1]["params"] == [5, 6]


@every
def test_tied_parameters(name, settings):
    """One tensor used twice in the graph is one parameter; views of one memory are two, both written."""
    results = []
    for library in (minigrad, torch):
        shared = library.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=library.float64, requires_grad=True)
        opt = getattr(library.optim, name)([shared], **settings)
        for _ in range(3):
            opt.zero_grad()
            ((shared @ shared).sum() * 0.1).backward()
            opt.step()
        results.append(shared.detach().numpy())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12, atol=0)

    results = []
    for library in (minigrad, torch):
        first = library.ones(3, requires_grad=True)
        second = first.detach().requires_grad_()
        opt = getattr(library.optim, name)([first, second], **settings)
        first.grad, second.grad = library.ones(3), library.full((3,), 2.0)
        opt.step()
        assert first.tolist() == second.tolist()
        results.append(first.tolist())
    assert results[0] == pytest.approx(results[1], rel=1e-6)


def test_same_parameter_twice():
    results = []
    for library in (minigrad, torch):
        p = library.ones(3, dtype=library.float64, requires_grad=True)
        with pytest.warns(UserWarning, match="optimizer contains a parameter group with duplicate"):
            opt = library.optim.SGD([p, p], lr=0.1)
        p.grad = library.ones(3, dtype=library.float64)
        opt.step()
        results.append((p.tolist(), opt.state_dict()))
    assert results[0] == results[1]


# The graph ------------------------------------------------------------------------------------------------

@every
def test_a_step_makes_saved_values_stale(name, settings):
    for library in (minigrad, torch):
        p = library.ones(3, requires_grad=True)
        opt = getattr(library.optim, name)([p], **settings)
        loss = (p * p).sum()
        loss.backward(retain_graph=True)
        opt.step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()
        (p * p).sum().backward()
        assert p.requires_grad and p.is_leaf


def test_zero_grad():
    for library in (minigrad, torch):
        p, q = library.ones(3, requires_grad=True), library.ones(3, requires_grad=True)
        opt = library.optim.SGD([p, q])
        (p * p).sum().backward(create_graph=True)
        opt.zero_grad(set_to_none=False)
        assert p.grad.tolist() == [0, 0, 0] and not p.grad.requires_grad and q.grad is None
        opt.zero_grad()
        assert p.grad is None


def test_closure_runs_with_gradients_and_its_loss_is_returned():
    for library in (minigrad, torch):
        p = library.ones(3, requires_grad=True)
        opt = library.optim.SGD([p], lr=0.5)

        def closure(library=library, p=p, opt=opt):
            assert library.is_grad_enabled()
            opt.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        with library.no_grad():
            loss = opt.step(closure)
        assert loss.item() == 3 and p.tolist() == [0, 0, 0] and opt.step() is None


def test_step_hooks():
    for library in (minigrad, torch):
        p = library.ones(1, requires_grad=True)
        opt, seen = library.optim.SGD([p], lr=1.0), []


        def note(when, seen=seen):
            return lambda o, args, kwargs: seen.append((when, len(args), kwargs))

        before = opt.register_step_pre_hook(note("pre"))
        opt.register_step_post_hook(note("post"))
        opt.step()
        assert seen == [("pre", 1, {}), ("post", 1, {})]
        before.remove()
        changed = opt.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7), {}))
        assert opt.step() == 7 and seen[2:] == [("post", 2, {})]
        changed.remove()
        assert opt.step() is None


def test_state_dict_hooks():
    found = []
    for library in (minigrad, torch):
        opt, seen = library.optim.SGD([leaf(library)], lr=0.5), []

        def note(text, result=None, seen=seen):
            return lambda *args: seen.append((text, len(args))) or result

        opt.register_state_dict_pre_hook(note("second"))
        opt.register_state_dict_pre_hook(note("first"), prepend=True)
        last = opt.register_state_dict_post_hook(note("after", {"changed": 1}))
        opt.register_state_dict_post_hook(note("before it"), prepend=True)
        assert opt.state_dict() == {"changed": 1}
        last.remove()
        saved = opt.state_dict()
        saved["param_groups"][0]["lr"] = 0.25
        opt.register_load_state_dict_pre_hook(note("load"))
        opt.register_load_state_dict_pre_hook(note("instead", saved), prepend=True)
        opt.register_load_state_dict_post_hook(note("loaded"))
        opt.load_state_dict({"what": "is replaced"})
        assert opt.param_groups[0]["lr"] == 0.25
        found.append(seen)
    assert found[0] == found[1] and len(found[0]) == 10


def test_an_optimizer_of_ones_own():
    """Written as for torch: a step of its own, state, hooks, scheduler."""
    for library in (minigrad, torch):
        class Signs(library.optim.Optimizer):
            def __init__(self, params, lr=0.1, library=library):
                super().__init__(params, {"lr": lr})
                self.library = library

            def step(self, closure=None):
                with self.library.no_grad():
                    for group in self.param_groups:
                        for p in group["params"]:
                            self.state[p]["count"] = self.state[p].get("count", 0) + 1
                            p -= group["lr"] * p.grad.sign()

        p, calls = library.ones(2, requires_grad=True), []
        opt = Signs([p], lr=0.5)
        opt.register_step_post_hook(lambda *args, calls=calls: calls.append(1))
        scheduler = library.optim.lr_scheduler.StepLR(opt, 1, 0.5)
        for _ in range(2):
            p.grad = library.tensor([3.0, -2.0])
            opt.step()
            scheduler.step()
        assert p.tolist() == [0.25, 1.75] and calls == [1, 1]
        assert opt.state_dict()["state"] == {0: {"count": 2}}
        assert opt.state_dict()["param_groups"][0]["lr"] == 0.125


# Groups, texts, errors ------------------------------------------------------------------------------------

def test_groups_take_the_defaults_they_do_not_set():
    found = []
    for library in (minigrad, torch):
        p, q = library.ones(1, requires_grad=True), library.ones(2, requires_grad=True)
        groups = [{"params": p}, {"params": [q], "lr": 0.5, "extra": "kept"}]
        opt = library.optim.SGD(groups, lr=0.1, momentum=0.9)
        found.append((opt.state_dict(), repr(opt), opt.defaults))
    assert found[0] == found[1]


def test_state_dict_shares_the_state():
    pair = Pair("SGD", {"lr": 0.1, "momentum": 0.9}).step()
    for opt in (pair.opt, pair.ref):
        state = opt.state_dict()["state"][0]["momentum_buffer"]
        before = state.tolist()
        pair.step()
        assert state.tolist() != before


def test_settings_that_a_state_lacks_are_defaults():
    pair = Pair("SGD", {"lr": 0.1, "momentum": 0.9}).step()
    for opt in (pair.opt, pair.ref):
        state = opt.state_dict()
        del state["param_groups"][0]["maximize"]
        opt.load_state_dict(state)
    pair.step().check()


def test_adamw_stays_decoupled_when_it_loads_adam():
    for library in (minigrad, torch):
        p = library.ones(1, requires_grad=True)
        opt = library.optim.AdamW([p])
        opt.load_state_dict(library.optim.Adam([p]).state_dict())
        assert opt.param_groups[0]["decoupled_weight_decay"] is True


def test_a_result_that_retains_its_gradient_can_be_optimized():
    for library in (minigrad, torch):
        result = leaf(library) * 2
        result.retain_grad()
        opt = library.optim.SGD([result], lr=0.5)
        (result * result).sum().backward()
        with library.no_grad():
            opt.step()
        assert result.tolist() == [0, 0]
