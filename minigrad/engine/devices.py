"""Operands on different devices: a tensor of the CPU without dimensions goes along to the GPU, as torch's."""
from ..backends.arrays import place_of
from .core import TensorBase

DIFFERENT = ("Expected all tensors to be on the same device, but found at least two devices, cuda:0 and "
             "cpu!\nMove one of them with .to(device).")


def on_one_device(made, operands, to):
    """The operands of op `made` where those on a GPU are; None where all are on one device already. Raises
    torch's RuntimeError for tensors that cannot go along."""
    places = {place_of(o.array) for o in operands if isinstance(o, TensorBase)}
    if len(places) == 1:
        return None
    met = []
    for operand in operands:
        if isinstance(operand, TensorBase) and place_of(operand.array) == "cpu":
            if operand.array.ndim or not made.pointwise:
                raise RuntimeError(DIFFERENT)
            operand = to(operand, dtype=operand.array.dtype, place="cuda")
        met.append(operand)
    return met


def check_one_device(first, *others):
    """Raises torch's RuntimeError unless all tensors are on one device; None stands for no tensor."""
    place = place_of(first.array)
    for other in others:
        if other is not None and place_of(other.array) != place:
            raise RuntimeError(DIFFERENT)
