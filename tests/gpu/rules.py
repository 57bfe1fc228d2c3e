"""The rules of CuPy that the stand-in keeps: which keywords a function has, what it computes in which dtype,
what it refuses, and after what it waits for the device."""
import functools
import json
from pathlib import Path

import numpy as np

NAMES = json.loads((Path(__file__).parent / "cupy_names.json").read_text())
SCALARS = (bool, int, float, complex, np.generic)
ADDABLE = ("int32", "float16", "float32", "float64", "uint32", "uint64")     # what atomicAdd is there for
ROOFED = ("where", "clip")              # functions that are a ufunc within
# ufunc methods that CuPy has: of all others the name is there, but calling it raises.
METHODS = {"at": ("add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"),
           "reduce": ("add", "multiply"), "accumulate": ("add", "multiply"), "reduceat": ("add",)}
# Their results' shapes depend on values, so CuPy waits for the device and reads the count.
COUNTING = set("""
    nonzero flatnonzero argwhere unique unique_all unique_counts unique_inverse unique_values bincount choose
    compress extract place array_equal allclose trim_zeros histogram histogram2d histogramdd delete ix_ in1d
    isin setdiff1d setxor1d union1d intersect1d ravel_multi_index unravel_index nanmax nanmin percentile
    quantile average gradient tobytes tofile dump dumps""".split())
# Functions whose results are Python's in CuPy, too; those of all others are arrays without dimensions.
PLAIN = {"ndim", "size", "isscalar", "can_cast", "may_share_memory", "shares_memory", "iscomplexobj",
         "isrealobj", "isfortran"}
# CuPy sorts no bfloat16.
UNSORTED = {"sort", "argsort", "partition", "argpartition", "lexsort", "unique"}
# The ufunc that an operator is, where it has another name.
UFUNCS = {"sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide",
          "mod": "remainder", "pow": "power", "and_": "bitwise_and", "or_": "bitwise_or",
          "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift", "eq": "equal",
          "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
          "neg": "negative", "pos": "positive", "abs": "absolute"}


class Refused(TypeError):
    """What CuPy would not accept."""


def check(where, known, args, named):
    """Raises where a call has a keyword, or more positional arguments, than CuPy's function."""
    if known is None or "..." in known:
        return
    known = known.removeprefix("ufunc: ").split(", ")
    if not any(name.startswith("**") for name in known):
        for name in named:
            if name not in known:
                raise Refused(f"{where}() got an unexpected keyword argument '{name}' (CuPy has {known})")
    if not any(name.startswith("*") and name != "*" for name in known):
        positional = known[:known.index("*")] if "*" in known else known
        if len(args) > len([name for name in positional if name not in ("/", "")]):
            raise Refused(f"{where}() takes {positional}, not {len(args)} positional arguments")


@functools.lru_cache
def dtype_of(character):
    if character != "E":
        return np.dtype(character)
    import ml_dtypes
    return np.dtype(ml_dtypes.bfloat16)


def rank(dtype):
    """bool, integers, floating point, as CuPy orders them: what is unknown, such as bfloat16, is last."""
    return {"b": 0, "i": 1, "u": 1, "f": 2}.get(dtype.kind, 3)


@functools.lru_cache
def loop(name, kinds):
    """The result dtypes of the first of a function's loops that its operands, dtypes or Python's types of
    numbers, can be cast to, as CuPy chooses it."""
    arrays = [kind for kind in kinds if isinstance(kind, np.dtype)]
    numbers = [np.dtype(kind) for kind in kinds if not isinstance(kind, np.dtype)]
    weak = arrays and numbers and max(map(rank, arrays)) >= max(map(rank, numbers))

    def fits(kind, wanted):
        wanted = dtype_of(wanted)
        return np.can_cast(np.dtype(kind), wanted) or (
            weak and not isinstance(kind, np.dtype) and np.result_type(kind(0), wanted) == wanted)

    for types in NAMES["loops"][name].split():
        operands, results = types.split("->")
        if all([fits(kind, wanted) for kind, wanted in zip(kinds, operands)]):
            return [dtype_of(character) for character in results]
    raise Refused(f"Wrong type ({kinds}) of arguments for cupy_{name}")


def as_loop(name, result, operands):
    """The result of an elementwise function, in the dtype of CuPy's loop."""
    if name not in NAMES["loops"]:
        return result
    if name == "clip":
        if operands[0].dtype.kind not in "fiu" and any([bound is None for bound in operands[1:3]]):
            raise Refused(f"Unsupported type {type(None)}: CuPy clips {operands[0].dtype} on both sides only")
        operands = [operands[0] if bound is None else bound for bound in operands[:3]]
    if name == "where":
        operands = (operands[0].astype(bool), *operands[1:])
    found = loop(name, tuple([part.dtype if hasattr(part, "dtype") else type(part) for part in operands]))
    parts = [part.astype(dtype) if part.dtype != dtype else part
             for part, dtype in zip(result if isinstance(result, tuple) else (result,), found)]
    return tuple(parts) if isinstance(result, tuple) else parts[0]


def multiplied(x, y):
    """Raises where cupy.matmul does, for batches of bfloat16; else the dtype of its result."""
    dtype = np.result_type(x, y)
    if max(np.ndim(x), np.ndim(y)) > 2 and dtype.kind == "V":
        raise Refused("CuPy multiplies no batches of bfloat16")
    return dtype


def check_addable(array):
    if array.dtype.name not in ADDABLE:
        raise Refused(f"cupyx.scatter_add only supports {', '.join(ADDABLE)}, not {array.dtype}")


def refuse_sorting(name, array=None, *rest):
    """Raises where CuPy does not sort."""
    if name in UNSORTED and array.dtype.kind == "V":
        raise NotImplementedError(f"Sorting arrays with dtype {array.dtype} is not supported")
