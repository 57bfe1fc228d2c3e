"""Parity with torch, driven by the registry: every op × dtype on drawn cases, bad calls, categories met."""
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad.engine import REGISTRY, walk
from torch_backend.parity import SAMPLES, Sample, check, check_bad, compare, defects, draw_case, shares
from torch_backend.parity.compare import Mismatch
from torch_backend.parity.coverage import COVERED_BY, samples_of
from torch_backend.parity.run import top_up

# NumPy warns where torch computes on silently; minigrad silences its own rooms, which pytest undoes.
pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning")]
BAD_CALLS = [(name, number) for name, sample in SAMPLES.items() for number in range(len(sample.bad))]


@pytest.fixture(autouse=True)
def _strict(monkeypatch):
    """In tests a cotangent of another dtype or shape than its edge's is a bug, not a cast."""
    monkeypatch.setattr(walk, "strict", True)


@st.composite
def cases(draw, sample: Sample, dtype: str, category: str):
    return draw_case(sample, dtype, category, lambda options: draw(st.sampled_from(options)))


@pytest.mark.parametrize(("name", "dtype"), [(s.name, dtype) for s in SAMPLES.values() for dtype in s.dtypes])
def test_equals_torch(name: str, dtype: str) -> None:
    """Values, metadata, gradients by both walks, second gradients, untouched inputs; every category drawn."""
    sample, counts = SAMPLES[name], Counter()
    for category, share in shares(sample, dtype, settings().max_examples):
        @settings(max_examples=share)
        @given(cases(sample, dtype, category))
        def one(case):
            counts.update(compare(sample, case, minigrad))

        one()
    assert defects(sample, dtype, top_up(sample, dtype, minigrad, counts)) == []


@pytest.mark.parametrize(("name", "number"), BAD_CALLS)
def test_refuses_as_torch_does(name: str, number: int) -> None:
    check_bad(SAMPLES[name].bad[number], minigrad)


@pytest.mark.parametrize("op", sorted(REGISTRY))
def test_every_row_has_samples_and_bad_calls(op: str) -> None:
    """An op without a public face is covered by the samples of the ops that are made of it."""
    rows = samples_of(op)
    assert rows, f"{op} has no sample: add one, or say in COVERED_BY what exercises it"
    assert sum(len(other.bad) for other in SAMPLES.values() if other.op in {row.op for row in rows}) >= 3


def test_coverage_table_is_current() -> None:
    assert set(COVERED_BY) <= set(REGISTRY), "names of ops that are no more"
    known = {name for sample in SAMPLES.values() for name in (sample.op, sample.name)}
    assert {name for names in COVERED_BY.values() for name in names} <= known


# The harness itself: what it must refuse.
class Twisted:
    """minigrad with one public function replaced."""

    def __init__(self, **replaced):
        self._replaced = replaced

    def __getattr__(self, name):
        return self._replaced.get(name, getattr(minigrad, name))


@pytest.mark.parametrize(("op", "wrong"), [
    ("exp", lambda x: minigrad.exp(x) * (1 + 1e-14)),                   # a value off by some 45 ulps
    ("exp", lambda x: minigrad.exp(x).float()),                         # another dtype
    ("exp", lambda x: minigrad.exp(x).reshape(*x.shape, 1)),            # another shape
    ("exp", lambda x: minigrad.exp(x.detach())),                        # no gradient
    ("exp", lambda x: minigrad.exp(x) + (x - x.detach()) * 1e-11),      # a gradient off by 1e-11
    ("exp", lambda x: minigrad.exp(x.detach()) * (1 + x - x.detach())),  # first right, second gradient wrong
])
def test_the_comparison_sees(op, wrong):
    sample = SAMPLES[op]
    with pytest.raises(Mismatch):
        check(sample, "float64", Twisted(**{op: wrong}), 60)


def test_a_touched_input_is_seen():
    def wrong(x):
        result = minigrad.exp(x)
        x.detach().numpy()[...] = 0
        return result

    with pytest.raises(Mismatch):
        check(SAMPLES["exp"], "float64", Twisted(exp=wrong), 60)


def test_a_vacuous_run_is_refused():
    """Gradients that are all 0 prove nothing, unless the derivative is 0 by construction."""
    sample = SAMPLES["exp"]
    assert defects(sample, "float64", Counter(example=25, plain=25, asked=20, first=0, second=20))
    counts = Counter(example=9, asked=9, first=9, second=9)
    assert any("never drawn" in defect for defect in defects(sample, "float64", counts))
