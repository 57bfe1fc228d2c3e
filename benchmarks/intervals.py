"""What two series of timings allow to be said: medians, ratios with a bootstrap interval, verdicts.

A series is a list of launches (one process each), each a list of turns: seconds per step. Turns of one
process resemble one another more than those of two (memory layout, hash seeds), so launches are drawn first,
then turns.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

Series = list[list[float]]

LEVEL = 0.95
MARGIN = 0.02  # two processes of the same code may differ by so much: no winner is named within it
RESAMPLES = 4000
# A machine is noisy when the control's middle half spreads further than this, or its slow turns are so slow.
SPREAD_LIMIT, WORST_LIMIT = 0.06, 1.5


def values(series: Series) -> np.ndarray:
    return np.array([value for launch in series for value in launch])


def median(series: Series) -> float:
    return float(np.median(values(series)))


def spread(series: Series) -> float:
    """The middle half's width, as a share of the median."""
    low, middle, high = np.percentile(values(series), (25, 50, 75))
    return float((high - low) / middle) if middle else 0.0


def summary(series: Series) -> dict[str, object]:
    return {"median": median(series), "spread": spread(series), "series": series}


@dataclass(frozen=True)
class Ratio:
    """A ratio of medians with its bootstrap interval; under 1 the first series is faster."""

    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """faster, slower, or no difference shown: never a winner where the interval touches 1 ± MARGIN."""
        if self.high < 1 - MARGIN:
            return "faster"
        return "slower" if self.low > 1 + MARGIN else "no difference shown"

    def against(self, goal: float) -> str:
        """met, missed, or open: the interval has the goal inside."""
        return "met" if self.high <= goal else "missed" if self.low > goal else "open"

    def __str__(self) -> str:
        return f"{self.ratio:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def record(self) -> dict[str, object]:
        return {**asdict(self), "level": LEVEL, "verdict": self.verdict}


def _draws(
    shape: tuple[int, int], random: np.random.Generator, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    launches, turns = shape
    chosen = random.integers(0, launches, (resamples, launches, 1))
    return chosen, random.integers(0, turns, (resamples, launches, turns))


def _medians(series: np.ndarray, draws: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.median(series[draws].reshape(len(draws[0]), -1), axis=1)


def _interval(estimate: float, resampled: np.ndarray) -> Ratio:
    low, high = np.quantile(resampled, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Ratio(float(estimate), float(low), float(high))


def paired_ratio(first: Series, second: Series, resamples: int = RESAMPLES, seed: int = 0) -> Ratio:
    """first / second, measured in turns: turn i of both ran side by side and is drawn for both together.

    What slows the machine for a while slows both, and cancels.
    """
    a, b = np.array(first), np.array(second)
    if a.shape != b.shape:
        raise ValueError(f"series that took turns have one shape, not {a.shape} and {b.shape}")
    draws = _draws(a.shape, np.random.default_rng(seed), resamples)
    return _interval(np.median(a) / np.median(b), _medians(a, draws) / _medians(b, draws))


def ratio_of_ratios(
    new: tuple[Series, Series | None],
    old: tuple[Series, Series | None],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Ratio:
    """new / old of one candidate in two runs, each divided by its reference first where both have one."""
    random = np.random.default_rng(seed)

    def level(run: tuple[Series, Series | None]) -> tuple[float, np.ndarray]:
        own = np.array(run[0])
        draws = _draws(own.shape, random, resamples)
        centre, resampled = np.median(own), _medians(own, draws)
        if run[1] is not None:
            reference = np.array(run[1])
            centre, resampled = centre / np.median(reference), resampled / _medians(reference, draws)
        return float(centre), resampled

    if new[1] is None or old[1] is None:
        new, old = (new[0], None), (old[0], None)
    (now, now_resampled), (then, then_resampled) = level(new), level(old)
    return _interval(now / then, now_resampled / then_resampled)


def noise(control: Series, before: tuple[Series, ...]) -> dict[str, object]:
    """What the control says of the machine. `before[i]`: the control's turns just before candidate i's.

    The control's work is always the same, so whatever its turns differ by is the machine.
    """
    all_turns = values(control)
    worst = float(np.percentile(all_turns, 95) / all_turns.min())
    reasons = []
    if spread(control) > SPREAD_LIMIT:
        reasons.append(f"its middle half spreads over {spread(control):.0%}")
    if worst > WORST_LIMIT:
        reasons.append(f"its slow turns take {worst:.2f} × its best")
    for i in range(1, len(before)):
        uneven = paired_ratio(before[i], before[0])
        if uneven.verdict != "no difference shown":
            reasons.append(
                f"it ran {uneven.verdict} before candidate {i + 1} than before the first: {uneven}"
            )
    return {"spread": spread(control), "slow/best": worst, "noisy": bool(reasons), "reasons": reasons}
