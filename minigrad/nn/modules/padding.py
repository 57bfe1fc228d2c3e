"""Signals and images lengthened at their ends, by torch's many names. `layer.py` says how to write one."""
from .. import functional as F
from ..arguments import need
from .layer import Layer

__all__ = ["CircularPad1d", "CircularPad2d", "ConstantPad1d", "ConstantPad2d", "ReflectionPad1d",
           "ReflectionPad2d", "ReplicationPad1d", "ReplicationPad2d", "ZeroPad1d", "ZeroPad2d"]
WHAT = {1: "signals: a number, or (left, right)", 2: "images: a number, or (left, right, top, bottom)"}


class _Pad(Layer, shows="padding"):
    _value = None

    def __init__(self, padding):
        self._keep({"padding": self._sides(padding)})

    def _sides(self, padding):
        return tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * (2 * self._count)

    def forward(self, input):
        dims, count = input.array.ndim, self._count
        need(self._mode != "circular" or dims in (count + 1, count + 2), "expected {}D or {}D input (got {}D "
             "input)\nThe batch is optional.", count + 1, count + 2, dims, error=ValueError)
        return F.pad(input, self.padding, self._mode, self._value)


def _pads(kind, mode, text):
    made = []
    for count, what in WHAT.items():
        name = f"{kind}Pad{count}d"
        made.append(type(name, (_Pad,), {"_mode": mode, "_count": count, "__module__": __name__,
                                         "__doc__": f"{text} {what} (torch.nn.{name})."}))
    return made


ZeroPad1d, ZeroPad2d = _pads("Zero", "constant", "Zeros around")
ReflectionPad1d, ReflectionPad2d = _pads("Reflection", "reflect", "Mirrored at their ends")
ReplicationPad1d, ReplicationPad2d = _pads("Replication", "replicate", "With their ends repeated,")
CircularPad1d, CircularPad2d = _pads("Circular", "circular", "Continued from the other end,")


class ConstantPad1d(_Pad, shows="padding=, value="):
    """A value around signals (torch.nn.ConstantPad1d)."""
    _mode, _count = "constant", 1

    def __init__(self, padding, value):
        padding = self._sides(padding)
        self._keep(locals())

    _value = property(lambda self: self.value)


class ConstantPad2d(ConstantPad1d):
    """A value around images (torch.nn.ConstantPad2d)."""
    _count = 2
