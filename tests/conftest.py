"""Hypothesis profiles, and the tests that run only under the deep one.

HYPOTHESIS_PROFILE=ci (the default) draws 25 examples, the same ones every time; =full draws 200 and runs the
tests marked `full` too.
"""

import os

# Each of xdist's workers has a core to itself: more threads than cores wait for one another far longer
# than they compute. Set before anything imports NumPy or torch; processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")

# A shared or busy machine must not turn a slow example into a failure.
common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("ci", max_examples=25, derandomize=True, **common)
settings.register_profile("full", max_examples=200, **common)
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PROFILE == "full":
        return
    for item in items:
        if item.get_closest_marker("full"):
            item.add_marker(pytest.mark.skip(reason="runs under HYPOTHESIS_PROFILE=full"))
