"""Training on several machines is not there; programs ask before they use it (torch.distributed)."""


def is_available():
    """Can processes train together? (torch.distributed.is_available)"""
    return False


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    raise NotImplementedError(f"torch.distributed.{name} is not supported.\n"
                              "Ask torch.distributed.is_available() first, and train in one process.")
