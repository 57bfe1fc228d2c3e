"""What programs ask before they choose a device (torch.cuda): there is none."""


def is_available():
    """Is there a GPU to compute on? (torch.cuda.is_available)"""
    return False


def device_count():
    """How many GPUs there are (torch.cuda.device_count)."""
    return 0


def manual_seed_all(seed):
    """Seed every GPU's stream; without one there is nothing to do (torch.cuda.manual_seed_all)."""


manual_seed = manual_seed_all


def empty_cache():
    """Give cached GPU memory back; without a GPU there is none (torch.cuda.empty_cache)."""


def synchronize(device=None):
    """Wait until a GPU is done (torch.cuda.synchronize). Raises torch's error: there is none."""
    from ..device import available
    available("cuda")


def __getattr__(name):
    if name == "amp":                           # with nn; only when asked for
        import importlib
        return importlib.import_module(f"{__name__}.amp")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
