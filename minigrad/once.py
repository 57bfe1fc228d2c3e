"""Warnings that torch gives once in a process, wherever they come from and whatever the filters say."""
import warnings

_given: set[str] = set()
_always = [False]


def warn_once(text, stacklevel):
    """Warns, if it has not done so with this text before. stacklevel: as warnings.warn's, of the caller."""
    if text not in _given or _always[0]:
        warnings.warn(text, UserWarning, stacklevel=stacklevel + 1)
        _given.add(text)                        # not where a filter made an error of it


def set_warn_always(b):
    """True: warn every time, for debugging and tests (torch.set_warn_always). Raises RuntimeError for what is
    no bool."""
    if not isinstance(b, bool):
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}\nPass True or False.")
    _always[0] = b


def is_warn_always_enabled():
    """Do such warnings come every time? (torch.is_warn_always_enabled)"""
    return _always[0]
