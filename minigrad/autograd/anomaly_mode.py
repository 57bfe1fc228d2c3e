"""Anomaly mode: which operation's gradient fails, the source lines that made it, and where the first nan is.

Off, it costs nothing: what is switched is the function that numbers nodes. In anomaly mode a node's number
also remembers the lines that were running, as does the number of an in-place write; the walk looks at every
result. """
import sys
import traceback
import warnings
from pathlib import Path

from ..engine import core, hooks, op, walk
from . import function

_PACKAGE = str(Path(__file__).parents[1])
_counting = core.tick
_check_nan = [True]
noting: list = [None]                           # what numbers nodes instead, see count_by


class _Traced(int):
    """A creation number that knows the source lines it came from, and in whose gradient it was made, if
    any."""

    def forward_lines(self):
        """The traceback as text, down to the user's line: this package's own frames are left out at its
        end."""
        frames = list(self.frames)
        while len(frames) > 1 and frames[-1].filename.startswith(_PACKAGE):
            frames.pop()
        return "".join(traceback.format_list(frames))

    def place(self):
        """The user's line, in short."""
        frames = [f for f in self.frames if not f.filename.startswith(_PACKAGE)] or list(self.frames)
        return f"{frames[-1].filename}, line {frames[-1].lineno}: {frames[-1].line}"


def _traced_tick():
    number = _Traced(_counting())
    frames = traceback.walk_stack(sys._getframe(1))
    number.frames = traceback.StackSummary.extract(frames, lookup_lines=False)[::-1]
    node = hooks.evaluating.node
    number.parent = None if node is None else (node.name(), node.number)
    return number


def set_anomaly_enabled(enabled, check_nan=True):
    """Switch anomaly mode for the process (torch.set_anomaly_enabled)."""
    _check_nan[0] = bool(check_nan)
    hooks.watching[0] = _check_nan[0] if enabled else None
    count_by(noting[0])


def current_tick():
    """What numbers nodes in the mode that is on."""
    return _traced_tick if hooks.watching[0] is not None else _counting


def count_by(tick):
    """Number nodes by `tick`, which is to ask `current_tick()` for the number; None: by that itself."""
    noting[0] = tick
    for module in (core, op, walk, function):
        module.tick = tick or current_tick()


def is_anomaly_enabled():
    """Is anomaly mode on? (torch.is_anomaly_enabled)"""
    return hooks.watching[0] is not None


def is_anomaly_check_nan_enabled():
    """Does anomaly mode look for nan? (torch.is_anomaly_check_nan_enabled)"""
    return _check_nan[0]


class set_detect_anomaly:
    """Switch anomaly mode: as a function for good, as a context manager until its end.

    In this mode an error in `backward` comes with a warning that holds the traceback of the forward call that
    made the failing node, and with `check_nan` a gradient that is nan raises RuntimeError there. For
    debugging: slow. (torch.autograd.set_detect_anomaly) """

    def __init__(self, mode, check_nan=True):
        self._before = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self):
        pass

    def __exit__(self, *exc):
        set_anomaly_enabled(*self._before)


class detect_anomaly(set_detect_anomaly):
    """A context manager that switches anomaly mode on; see `set_detect_anomaly`
    (torch.autograd.detect_anomaly)."""

    def __init__(self, check_nan=True):
        self._before, self._check_nan = (is_anomaly_enabled(), is_anomaly_check_nan_enabled()), check_nan
        warnings.warn("Anomaly Detection has been enabled. This mode will increase the runtime and should "
                      "only be enabled for debugging.", stacklevel=2)

    def __enter__(self):
        set_anomaly_enabled(True, self._check_nan)
