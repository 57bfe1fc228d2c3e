"""minigrad.optim.lr_scheduler against torch's: rates equal to the bit, equal states, warnings and errors."""
import copy
import inspect
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


count = st.integers(1, 20)
share = st.floats(0.1, 1)
SETTINGS = {
    "StepLR": {"step_size": st.integers(1, 7), "gamma": st.floats(0.1, 1.1)},
    "MultiStepLR": {"milestones": st.lists(st.integers(0, 40), max_size=5), "gamma": share},
    "ConstantLR": {"factor": share, "total_iters": count},
    "LinearLR": {"start_factor": share, "end_factor": share, "total_iters": count},
    "ExponentialLR": {"gamma": share},
    "PolynomialLR": {"total_iters": count, "power": st.floats(0.1, 3)},
    "CosineAnnealingLR": {"T_max": count, "eta_min": st.floats(0, 1e-2)},
    "CosineAnnealingWarmRestarts": {"T_0": count, "T_mult": st.integers(1, 3), "eta_min": st.floats(0, 1e-2)},
    "CyclicLR": {"base_lr": share, "max_lr": st.floats(1, 3), "step_size_up": count, "gamma": share,
                 "step_size_down": st.one_of(st.none(), count),
                 "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
                 "cycle_momentum": st.booleans(), "base_momentum": share, "max_momentum": share,
                 "scale_fn": st.sampled_from([None, None, lambda x: 1 / (1 + x)]),
                 "scale_mode": st.sampled_from(["cycle", "iterations"])},
    "OneCycleLR": {"max_lr": share, "pct_start": st.floats(0.1, 0.4),
                   "anneal_strategy": st.sampled_from(["cos", "linear"]), "cycle_momentum": st.booleans(),
                   "base_momentum": share, "max_momentum": share, "div_factor": st.floats(2, 50),
                   "final_div_factor": st.floats(10, 1e5), "three_phase": st.booleans()},
}
LENGTHS = st.one_of(                            # of one cycle
    st.fixed_dictionaries({"total_steps": st.integers(61, 90)}),
    st.fixed_dictionaries({"epochs": st.integers(7, 9), "steps_per_epoch": st.integers(10, 12)}))
CHAINABLE = list(SETTINGS)[:7]


@st.composite
def schedules(draw, groups, names=(*SETTINGS, "LambdaLR", "MultiplicativeLR", "SequentialLR",
                                   "ChainedScheduler")):
    """A function that makes one scheduler for either library."""
    kind = draw(st.sampled_from(names))
    if kind in ("LambdaLR", "MultiplicativeLR"):
        factors = draw(st.lists(st.floats(0.5, 1.1), min_size=groups, max_size=groups))
        if draw(st.booleans()):
            return lambda lib, opt: getattr(lib, kind)(opt, [Decay(factor) for factor in factors])
        return lambda lib, opt: getattr(lib, kind)(opt, lambda epoch: 1 / (1 + epoch * factors[0]))
    if kind in SETTINGS:
        settings = draw(st.fixed_dictionaries(SETTINGS[kind]))
        if kind == "OneCycleLR":
            settings |= draw(LENGTHS)
        return lambda lib, opt, **more: getattr(lib, kind)(opt, **settings, **more)
    makers = draw(st.lists(schedules(groups, CHAINABLE), min_size=1, max_size=3))
    if kind == "ChainedScheduler":
        return lambda lib, opt: lib.ChainedScheduler([make(lib, opt) for make in makers], optimizer=opt)
    milestones = draw(st.lists(st.integers(1, 40), min_size=len(makers) - 1, max_size=len(makers) - 1,
                               unique=True).map(sorted))
    return lambda lib, opt: lib.SequentialLR(opt, [make(lib, opt) for make in makers], milestones)


def optimizer(library, rates=(0.1,)):
    groups = [{"params": [library.ones(1, requires_grad=True)], "lr": rate} for rate in rates]
    return library.optim.SGD(groups, momentum=0.5)


def plain(state):
    """A scheduler's state without what cannot be compared."""
    return {key: [plain(part) for part in value] if key == "_schedulers" else value
            for key, value in state.items() if key != "lr_lambdas"}


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


def test_the_state_of_a_simple_scheduler_prints_as_torch_s():
    assert len({str(library.optim.lr_scheduler.StepLR(optimizer(library, [0.1, 0.2]), 3).state_dict())
                for library in (minigrad, torch)}) == 1


def test_lambda_state_holds_attributes_of_objects_only():
    for library in (minigrad, torch):
        opt = optimizer(library, [0.1, 0.1])
        scheduler = library.optim.lr_scheduler.LambdaLR(opt, [Decay(0.5), lambda epoch: 1.0])
        state = scheduler.state_dict()
        assert state["lr_lambdas"] == [{"factor": 0.5}, None]
        other = library.optim.lr_scheduler.LambdaLR(opt, [Decay(0.9), lambda epoch: 1.0])
        other.load_state_dict(state)
        assert other.lr_lambdas[0].factor == 0.5 and state["lr_lambdas"] == [{"factor": 0.5}, None]


def test_every_setting_is_drawn():
    """But for the optimizer, which is a test's own, and last_epoch, of which the next test is."""
    for name in SETTINGS:
        lengths = {"total_steps", "epochs", "steps_per_epoch"} if name == "OneCycleLR" else set()
        drawn = {*SETTINGS[name]} | lengths
        known = {*inspect.signature(getattr(torch.optim.lr_scheduler, name)).parameters}
        assert known - drawn == {"optimizer", "last_epoch"}


@given(data=st.data())
def test_going_on_by_last_epoch(data):
    make = data.draw(schedules(1, [*SETTINGS]))
    epoch = data.draw(st.integers(0, 12))
    results = []
    for library in (minigrad, torch):
        opt, lib = optimizer(library), library.optim.lr_scheduler
        make(lib, opt)                          # notes the rates to begin with
        opt.param_groups[0]["lr"] = 0.01
        scheduler, seen = make(lib, opt, last_epoch=epoch), []
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
    "no function": lambda lib, opt: lib.MultiplicativeLR(opt, 3),
    "factor": lambda lib, opt: lib.ConstantLR(opt, 1.5),
    "start": lambda lib, opt: lib.LinearLR(opt, 0),
    "end": lambda lib, opt: lib.LinearLR(opt, 1, 2),
    "T_0": lambda lib, opt: lib.CosineAnnealingWarmRestarts(opt, 0),
    "T_mult": lambda lib, opt: lib.CosineAnnealingWarmRestarts(opt, 1, 1.5),
    "eta_min": lambda lib, opt: lib.CosineAnnealingWarmRestarts(opt, 1, 1, "0"),
    "negative epoch": lambda lib, opt: lib.CosineAnnealingWarmRestarts(opt, 1).step(-1),
    "cyclic of no optimizer": lambda lib, opt: lib.CyclicLR(3, 1, 2),
    "lengths": lambda lib, opt: lib.CyclicLR(opt, [1, 2], 2),
    "mode": lambda lib, opt: lib.CyclicLR(opt, 1, 2, mode="square"),
    "nothing to cycle": lambda lib, opt: lib.CyclicLR(no_momentum(opt), 1, 2),
    "one cycle, nothing": lambda lib, opt: lib.OneCycleLR(opt, 1),
    "one cycle of no optimizer": lambda lib, opt: lib.OneCycleLR(None, 1, 10),
    "total_steps": lambda lib, opt: lib.OneCycleLR(opt, 1, 0),
    "epochs": lambda lib, opt: lib.OneCycleLR(opt, 1, epochs=1.5, steps_per_epoch=2),
    "steps": lambda lib, opt: lib.OneCycleLR(opt, 1, epochs=1, steps_per_epoch=-2),
    "pct_start": lambda lib, opt: lib.OneCycleLR(opt, 1, 10, pct_start=2.0),
    "strategy": lambda lib, opt: lib.OneCycleLR(opt, 1, 10, anneal_strategy="up"),
    "a step too many": lambda lib, opt: too_many(lib.OneCycleLR(opt, 1, 10), opt),
    "no schedulers": lambda lib, opt: lib.SequentialLR(opt, [], []),
    "nothing chained": lambda lib, opt: lib.ChainedScheduler([]),
    "milestones": lambda lib, opt: lib.SequentialLR(opt, [lib.StepLR(opt, 1)], [1]),
    "no scheduler": lambda lib, opt: lib.SequentialLR(opt, [3], []),
    "another's": lambda lib, opt: lib.SequentialLR(opt, [lib.StepLR(copy.deepcopy(opt), 1)], []),
    "plateau chained": lambda lib, opt: lib.ChainedScheduler([lib.ReduceLROnPlateau(opt)]),
    "plateau's factor": lambda lib, opt: lib.ReduceLROnPlateau(opt, factor=1.0),
    "plateau's mode": lambda lib, opt: lib.ReduceLROnPlateau(opt, "up"),
    "threshold mode": lambda lib, opt: lib.ReduceLROnPlateau(opt, threshold_mode="up"),
    "plateau's bounds": lambda lib, opt: lib.ReduceLROnPlateau(opt, min_lr=[0, 0]),
    "plateau of nothing": lambda lib, opt: lib.ReduceLROnPlateau(None),
    "no get_lr": lambda lib, opt: lib.LRScheduler(opt),
}


def no_momentum(opt):
    opt.defaults = {}
    return opt


def too_many(scheduler, opt):
    for _ in range(11):
        opt.step()
        scheduler.step()


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


def in_both(run):
    """What `run(library, schedulers, optimizer)` gives in minigrad and in torch, with its warnings' texts."""
    found = []
    for library in (minigrad, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            opt = optimizer(library, [0.1, 0.3])
            opt.step()
            result = run(library, library.optim.lr_scheduler, opt)
        found.append((result, [str(warning.message) for warning in caught]))
    return found


@given(data=st.data())
def test_closed_form_of_an_epoch(data):
    make = data.draw(schedules(2, [*CHAINABLE, "LambdaLR"]))
    epochs = data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=4))

    def jump(library, lib, opt):
        scheduler, seen = make(lib, opt), []
        opt.step()
        for epoch in epochs:
            scheduler.step(epoch)
            seen.append((scheduler.last_epoch, scheduler.get_last_lr()))
        return seen

    ours, theirs = in_both(jump)
    assert ours == theirs and len(ours[1]) == len(epochs)


@given(start=count, times=st.integers(1, 3), epochs=st.lists(st.floats(0, 60), max_size=6))
def test_warm_restarts_between_epochs(start, times, epochs):
    def jump(library, lib, opt):
        scheduler, seen = lib.CosineAnnealingWarmRestarts(opt, start, times), []
        for epoch in [*epochs, None, None, 3]:
            scheduler.step(epoch)
            seen.append((scheduler.T_cur, scheduler.T_i, scheduler.get_last_lr()))
        return seen, scheduler.state_dict()

    ours, theirs = in_both(jump)
    assert ours == theirs and ours[1] == []


@given(data=st.data())
def test_plateaus(data):
    metrics = data.draw(st.lists(st.floats(-2, 2), min_size=20, max_size=20))
    settings = data.draw(st.fixed_dictionaries({
        "mode": st.sampled_from(["min", "max"]), "factor": st.floats(0.1, 0.9), "patience": st.integers(0, 3),
        "threshold": st.floats(0, 0.1), "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 3), "min_lr": st.sampled_from([0, 0.05, [0.01, 0.2]]),
        "eps": st.sampled_from([1e-8, 0.01])}))

    def follow(library, lib, opt):
        scheduler, seen = lib.ReduceLROnPlateau(opt, **settings), []
        for number, metric in enumerate(metrics):
            scheduler.step(library.tensor(metric, dtype=library.float64) if number % 2 else metric)
            seen.append((scheduler.get_last_lr(), scheduler.in_cooldown))
            if number == 9:
                state = scheduler.state_dict()
                scheduler = lib.ReduceLROnPlateau(opt)
                scheduler.load_state_dict(state)
        scheduler.step(0.5, epoch=7)
        return seen, scheduler.state_dict()

    ours, theirs = in_both(follow)
    assert ours == theirs


def test_plateau_with_a_group_added():
    def grow(library, lib, opt):
        found = []
        for bounds in (0.25, [0.0, 0.0]):
            scheduler = lib.ReduceLROnPlateau(opt, patience=0, min_lr=bounds)
            opt.add_param_group({"params": [library.ones(1, requires_grad=True)], "lr": 1.0})
            try:
                for _ in range(3):
                    scheduler.step(1.0)
                found.append(scheduler.state_dict())
            except (RuntimeError, ValueError) as error:
                found.append((type(error), str(error).split("\n")[0]))
            del opt.param_groups[2:]
        return found

    ours, theirs = in_both(grow)
    assert ours == theirs and ours[0][1][0] is RuntimeError


@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_betas_cycle_where_there_is_no_momentum(name):
    settings = {"CyclicLR": {"base_lr": [0.01, 0.1], "max_lr": [1, 2], "step_size_up": 3},
                "OneCycleLR": {"max_lr": [1, 2], "epochs": 4, "steps_per_epoch": 5}}[name]

    def cycle(library, lib, opt):
        opt = library.optim.Adam([{"params": p} for p in (library.ones(1, requires_grad=True),
                                                          library.ones(2, requires_grad=True))])
        scheduler, seen = getattr(lib, name)(opt, **settings), []
        for _ in range(19):
            opt.step()
            scheduler.step()
            seen.append([(group["lr"], group["betas"]) for group in opt.param_groups])
        return seen, opt.state_dict(), scheduler.state_dict()

    ours, theirs = in_both(cycle)
    assert ours == theirs and ours[1] == []


def test_a_scale_of_ones_own():
    def scale(library, lib, opt):
        scheduler = lib.CyclicLR(opt, 0.1, 1, 3, scale_fn=Decay(0.5), scale_mode="iterations")
        state, seen = scheduler.state_dict(), []
        other = lib.CyclicLR(opt, 0.1, 1, 3, scale_fn=Decay(0.9), mode="none")
        other.load_state_dict(copy.deepcopy(state))
        for _ in range(9):
            opt.step()
            other.step()
            seen.append(other.get_last_lr())
        return state, seen, lib.CyclicLR(opt, 0.1, 1, scale_fn=lambda x: 1.0).state_dict()

    ours, theirs = in_both(scale)
    assert ours == theirs


@pytest.mark.parametrize("name, settings", [
    ("StepLR", {"step_size": 2}), ("LinearLR", {}), ("CosineAnnealingLR", {"T_max": 5}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9 ** epoch}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9})])
def test_a_rate_that_is_a_tensor_is_filled(name, settings):
    def fill(library, lib, opt):
        opt = library.optim.SGD([library.ones(1, requires_grad=True)], lr=library.tensor(0.5), momentum=0.9)
        rate, seen = opt.param_groups[0]["lr"], []
        scheduler = getattr(lib, name)(opt, **settings)
        for _ in range(6):
            opt.step()
            scheduler.step()
            seen.append(float(scheduler.get_last_lr()[0]))
        assert opt.param_groups[0]["lr"] is rate and scheduler.get_last_lr()[0] is not rate
        return seen, float(rate)

    (ours, _), (theirs, _) = in_both(fill)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6) and ours[1] == ours[0][-1]
