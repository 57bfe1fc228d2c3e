"""Apple's GPUs, which no backend computes on (torch.backends.mps)."""


def is_available():
    """Can tensors be on such a GPU? (torch.backends.mps.is_available)"""
    return False


def is_built():
    """Is there a backend for them? (torch.backends.mps.is_built)"""
    return False
