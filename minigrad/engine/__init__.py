"""The engine: the bare tensor, recording, the walk, modes, in-place."""
from .op import REGISTRY

__all__ = ["REGISTRY"]
