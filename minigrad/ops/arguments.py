"""Arguments as torch's functions take them, checked once for all: torch's errors, then the ops' own form."""
import numpy as np

from .. import dtypes
from ..engine.core import TensorBase, wrap
from ..engine.errors import wrap_dim


def need_tensor(name, value, argument="input", position=1):
    """Raises torch's TypeError where `value` is no Tensor."""
    if not isinstance(value, TensorBase):
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, not "
                        f"{type(value).__name__}\nMake one with minigrad.tensor(...).")


def is_number(value):
    return isinstance(value, (int, float, np.number, np.bool_))


def dtype_of(x):
    return dtypes.from_numpy(x.array.dtype)


def into(out, result):
    """What the `out=` argument asks for: the result written into `out`, which is returned."""
    if out is None:
        return result
    raise NotImplementedError("the out= argument is not supported.\nUse the returned tensor, or out.copy_(...).")


def as_dims(dim, ndim):
    """`dim` as users give it (None, int, sequence) -> None or a tuple counted from the front."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return None
    given = dim if isinstance(dim, (tuple, list)) else (dim,)
    found = tuple([wrap_dim(d, ndim) for d in given])
    if len(set(found)) != len(found):
        twice = next(d for d in found if found.count(d) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims\nName each dimension once.")
    return found if ndim else None


def other_operand(name, other, position=2):
    """The second operand: a Tensor or a Python number; NumPy scalars count as Python numbers."""
    if isinstance(other, TensorBase) or type(other) in (int, float, bool):
        return other
    if isinstance(other, (np.number, np.bool_)):
        return other.item()
    if isinstance(other, complex):
        raise NotImplementedError("complex numbers are not supported.\nUse real numbers.")
    raise TypeError(f"{name}(): argument 'other' (position {position}) must be Tensor, not {type(other).__name__}\n"
                    "Pass a tensor or a number.")


def as_tensor_like(number, d):
    return wrap(np.asarray(number, d.numpy))


def c_name(d):
    """C++'s name of a dtype, as torch's texts say it."""
    return {"float32": "float", "float64": "double", "float16": "at::Half", "bool": "bool"}.get(d.name, d.name + "_t")
