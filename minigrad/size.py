"""The sizes of a tensor: torch's tuple of its own."""
import math

from .ops.kinds import type_name
from .ops.signature import need


class Size(tuple):
    """A tensor's sizes, as `torch.Size`: a tuple with `numel()`."""

    def __new__(cls, iterable=()):
        made = tuple.__new__(cls, iterable)
        for place, size in enumerate(made):
            need(hasattr(size, "__index__"), "torch.Size() takes an iterable of 'int' (item {} is '{}')\n"
                 "Sizes are ints.", place, type_name(size), error=TypeError)
        return made

    def __repr__(self):
        return f"torch.Size({list(self)})"

    def numel(self):
        """The number of elements of a tensor of this size."""
        return math.prod(self)

    def __getitem__(self, key):
        found = tuple.__getitem__(self, key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other):
        need(isinstance(other, tuple), "can only concatenate tuple (not {}) to torch.Size\nPass a tuple.",
             type_name(other), error=TypeError)
        return Size(tuple.__add__(self, other))

    def __radd__(self, other):
        return Size(tuple.__add__(other, self))

    def __mul__(self, times):
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__
