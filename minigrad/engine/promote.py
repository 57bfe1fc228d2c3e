"""torch's type promotion, in one place: which dtype operands meet in, and the recorded `to` that takes them
there."""
import numpy as np

from .. import dtypes
from .core import TensorBase


def _combine(higher, lower):
    """torch's `combine_categories`: what the weaker kind of operand adds to the stronger one."""
    if higher is None or lower is None:
        return higher or lower
    if higher.is_floating_point:
        return higher
    if higher is dtypes.bool or lower.is_floating_point:
        return dtypes.promote(higher, lower)
    return higher


def number_dtype(number):
    """The dtype that a Python (or NumPy) number counts as."""
    if isinstance(number, (bool, np.bool_)):
        return dtypes.bool
    if isinstance(number, (int, np.integer)):
        return dtypes.int64
    if isinstance(number, (complex, np.complexfloating)):
        raise NotImplementedError("complex numbers are not supported.\nUse real numbers.")
    return dtypes.get_default_dtype()


def result_type(*operands):
    """The dtype in which tensors and numbers meet (torch.result_type): dimensioned tensors outrank 0-d ones,
    which outrank numbers; within a rank the wider type wins."""
    dimensioned = zero_d = number = None
    for operand in operands:
        if isinstance(operand, TensorBase):
            d = dtypes.from_numpy(operand.array.dtype)
            if operand.array.ndim:
                dimensioned = d if dimensioned is None else dtypes.promote(dimensioned, d)
            else:
                zero_d = d if zero_d is None else dtypes.promote(zero_d, d)
        elif operand is not None:
            d = number_dtype(operand)
            number = d if number is None else dtypes.promote(number, d)
    return _combine(dimensioned, _combine(zero_d, number))


def as_number(number, d):
    """A Python number ready to meet arrays of dtype `d`: integers wrap as in C, as torch does; floats stay
    Python's (NumPy rounds them to the array's dtype)."""
    if d.category == 2:
        return float(number)
    if d.category == 0:
        return bool(number)
    number = int(number)
    if not -2**63 <= number < 2**64:
        raise RuntimeError("value cannot be converted to type int64_t without overflow\n"
                           "Use a number that fits in 64 bits.")
    bits = 8 * d.itemsize
    number &= (1 << bits) - 1
    if d.is_signed and number >> (bits - 1):
        number -= 1 << bits
    return number


def meet(operands, to, floating=False):
    """Operands brought to their common dtype before forward: tensors by a recorded `to`, numbers by rounding.

    floating: integers become the default float first (division, exp, ...).
    """
    first = getattr(operands[0], "array", None)
    if first is not None and (first.dtype.kind == "f" or not floating):
        if all([isinstance(o, TensorBase) and o.array.dtype is first.dtype for o in operands]):
            return operands                     # the usual case
    common = result_type(*operands)
    if floating and not common.is_floating_point:
        common = dtypes.get_default_dtype()
    met = []
    for operand in operands:
        if isinstance(operand, TensorBase):
            met.append(operand if operand.array.dtype == common.numpy else to(operand, dtype=common.numpy))
        else:
            met.append(None if operand is None else as_number(operand, common))
    return met
