"""The switches of a library that is not there: programs set them, nothing reads them
(torch.backends.cudnn)."""
enabled = True
benchmark = False
deterministic = False
allow_tf32 = True
benchmark_limit = 10


def is_available():
    """Is cuDNN there? (torch.backends.cudnn.is_available)"""
    return False


def version():
    """Its version: None, as it is not there (torch.backends.cudnn.version)."""
