"""minigrad.optim.lr_scheduler against torch's: rates equal to the bit, equal states, warnings and errors."""
import copy
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("error")

RATES = st.lists(st.floats(1e-4, 10), min_size=1, max_size=3)


class Decay:
    """A schedule with state, which state dicts carry."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, epoch):
        return self.factor ** epoch


@st.composite
def schedules(draw, groups):
    """A function that makes one scheduler for either library."""
    kind = draw(st.sampled_from(["LambdaLR", "StepLR", "CosineAnnealingLR"]))
    if kind == "LambdaLR":
        factors = draw(st.lists(st.floats(0.5, 1.1), min_size=groups, max_size=groups))
        if draw(st.booleans()):
            return lambda lib, opt: lib.LambdaLR(opt, [Decay(factor) for factor in factors])
        return lambda lib, opt: lib.LambdaLR(opt, lambda epoch: 1 / (1 + epoch * factors[0]))
    if kind == "StepLR":
        settings = {"step_size": draw(st.integers(1, 7)), "gamma": draw(st.floats(0.1, 1.1))}
    else:
        settings = {"T_max": draw(st.integers(1, 20)), "eta_min": draw(st.floats(0, 1e-2))}
    return lambda lib, opt: getattr(lib, kind)(opt, **settings)


def optimizer(library, rates=(0.1,)):
    groups = [{"params": [library.ones(1, requires_grad=True)], "lr": rate} for rate in rates]
    return library.optim.SGD(groups)


def plain(state):
    """A scheduler's state without what cannot be compared."""
    return {key: value for key, value in state.items() if key != "lr_lambdas"}


def run(library, rates, makers, epochs, resume_at):
    """The rates of every epoch, and the last states; after `resume_at`, new objects go on."""
    opt, seen = optimizer(library, rates), []
    schedulers = [make(library.optim.lr_scheduler, opt) for make in makers]
    for epoch in range(epochs):
        seen.append([group["lr"] for group in opt.param_groups])
        opt.step()
        for scheduler in schedulers:
            scheduler.step()
            seen.append(scheduler.get_last_lr())
        if epoch == resume_at:
            states = copy.deepcopy([scheduler.state_dict() for scheduler in schedulers])
            saved, opt = opt.state_dict(), optimizer(library, rates)
            schedulers = [make(library.optim.lr_scheduler, opt) for make in makers]
            opt.load_state_dict(saved)
            opt.step()
            for scheduler, state in zip(schedulers, states, strict=True):
                scheduler.load_state_dict(state)
    return seen, [plain(scheduler.state_dict()) for scheduler in schedulers], opt.state_dict()


@given(data=st.data())
def test_rates_of_chained_schedulers(data):
    rates = data.draw(RATES)
    makers = data.draw(st.lists(schedules(len(rates)), min_size=1, max_size=2))
    resume_at = data.draw(st.integers(-1, 30))
    ours, theirs = (run(library, rates, makers, 60, resume_at) for library in (minigrad, torch))
    assert ours == theirs


@pytest.mark.parametrize("period", [1, 2, 7])
def test_cosine_over_many_periods(period):
    maker = [lambda lib, opt: lib.CosineAnnealingLR(opt, period, eta_min=0.001)]
    ours, theirs = (run(library, [0.3], maker, 100, -1) for library in (minigrad, torch))
    assert ours == theirs
    assert min(rate for rate, in ours[0]) < 0.0011 and ours[0][0] == [0.3]


def test_states_cross():
    """torch's state goes on in minigrad, rate for rate."""
    theirs = optimizer(torch, [0.1, 0.2])
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 10)
    for _ in range(4):
        theirs.step()
        reference.step()
    ours = optimizer(minigrad, [0.1, 0.2])
    scheduler = minigrad.optim.lr_scheduler.CosineAnnealingLR(ours, 10)
    ours.load_state_dict(theirs.state_dict())
    scheduler.load_state_dict(reference.state_dict())
    assert scheduler.state_dict() == reference.state_dict()
    for _ in range(20):
        ours.step()
        theirs.step()
        scheduler.step()
        reference.step()
        assert scheduler.get_last_lr() == reference.get_last_lr()


def test_lambda_state_holds_attributes_of_objects_only():
    for library in (minigrad, torch):
        opt = optimizer(library, [0.1, 0.1])
        scheduler = library.optim.lr_scheduler.LambdaLR(opt, [Decay(0.5), lambda epoch: 1.0])
        state = scheduler.state_dict()
        assert state["lr_lambdas"] == [{"factor": 0.5}, None]
        other = library.optim.lr_scheduler.LambdaLR(opt, [Decay(0.9), lambda epoch: 1.0])
        other.load_state_dict(state)
        assert other.lr_lambdas[0].factor == 0.5 and state["lr_lambdas"] == [{"factor": 0.5}, None]


def test_going_on_by_last_epoch():
    results = []
    for library in (minigrad, torch):
        opt = optimizer(library)
        library.optim.lr_scheduler.StepLR(opt, 3)
        opt.param_groups[0]["lr"] = 0.01
        scheduler, seen = library.optim.lr_scheduler.StepLR(opt, 3, last_epoch=4), []
        for _ in range(5):
            opt.step()
            scheduler.step()
            seen.append((scheduler.last_epoch, scheduler.get_last_lr()))
        results.append(seen)
    assert results[0] == results[1]


def test_stepping_the_scheduler_first_warns():
    messages = []
    for library in (minigrad, torch):
        opt = optimizer(library)
        opt.step()                              # before the scheduler was made: does not count
        scheduler = library.optim.lr_scheduler.StepLR(opt, 1)
        with pytest.warns(UserWarning) as caught:
            scheduler.step()
        scheduler.step()                        # warned once
        assert caught[0].filename == __file__
        messages.append(str(caught[0].message))
        opt.step()
        library.optim.lr_scheduler.StepLR(opt, 1).step()
    assert messages[0] == messages[1]


@pytest.mark.parametrize("name", ["StepLR", "CosineAnnealingLR"])
def test_get_lr_outside_step_warns(name):
    messages = []
    for library in (minigrad, torch):
        scheduler = getattr(library.optim.lr_scheduler, name)(optimizer(library), 2)
        with pytest.warns(UserWarning) as caught:
            scheduler.get_lr()
        messages.append(str(caught[0].message))
    assert messages[0] == messages[1]


def test_a_scheduler_of_ones_own():
    for library in (minigrad, torch):
        class Halving(library.optim.lr_scheduler.LRScheduler):
            def get_lr(self):
                return [base / 2 ** self.last_epoch for base in self.base_lrs]

        opt = optimizer(library, [1.0, 4.0])
        scheduler = Halving(opt)
        for _ in range(2):
            opt.step()
            scheduler.step()
        assert scheduler.get_last_lr() == [0.25, 1.0]


BAD = {
    "no optimizer": lambda lib, opt: lib.StepLR("optimizer", 1),
    "resumed without rates": lambda lib, opt: lib.StepLR(opt, 1, last_epoch=3),
    "functions": lambda lib, opt: lib.LambdaLR(opt, [lambda epoch: 1.0] * 3),
    "no get_lr": lambda lib, opt: lib.LRScheduler(opt),
}


@pytest.mark.parametrize("case", BAD)
def test_errors(case):
    found = []
    for library in (minigrad, torch):
        with pytest.raises((TypeError, KeyError, ValueError, NotImplementedError)) as error:
            BAD[case](library.optim.lr_scheduler, optimizer(library))
        found.append((type(error.value), str(error.value.args[0] if error.value.args else "").split("\n")[0]))
    assert found[0][0] is found[1][0]
    if found[1][1]:                             # torch's NotImplementedError says nothing
        assert found[0] == found[1]


def test_epoch_is_refused_by_name():
    with warnings.catch_warnings(), pytest.raises(NotImplementedError, match=r"StepLR\.step\(epoch\)"):
        minigrad.optim.lr_scheduler.StepLR(optimizer(minigrad), 1).step(3)
