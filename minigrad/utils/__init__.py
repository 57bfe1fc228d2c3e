"""Tools beside the tensors (torch.utils)."""
from . import alias, checkpoint, data, dlpack

__all__ = ["alias", "checkpoint", "data", "dlpack"]
