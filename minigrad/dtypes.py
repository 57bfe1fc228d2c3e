"""Element types: torch's names and torch's promotion, over NumPy's dtypes.

NumPy promotes by size alone (float32 with int64 gives float64); torch promotes by *category* (bool < int <
float): a dimensioned tensor outranks a 0-d one, which outranks a Python number, and only within a category
does size decide.
The table lives here; `engine/promote.py` is the only place that asks it.
"""
import numpy as np


class dtype:
    """An element type, as `torch.dtype`: compares by identity and prints with torch's name.

    Attributes: `name` ("float32"), `numpy` (the NumPy dtype), `itemsize` (bytes), `is_floating_point`,
    `is_signed`,
    `is_complex` (always False), `category` (0 bool, 1 integer, 2 floating point).
    """
    __slots__ = ("name", "numpy", "itemsize", "is_floating_point", "is_signed", "is_complex", "category",
                 "legacy_name")

    def __init__(self, name, numpy_dtype, category, legacy_name):
        self.name = name
        self.numpy = np.dtype(numpy_dtype)
        self.itemsize = self.numpy.itemsize
        self.category = category
        self.is_floating_point = category == 2
        self.is_signed = name not in ("bool", "uint8")
        self.is_complex = False
        self.legacy_name = legacy_name          # "Float", as torch's error texts say

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return (_by_name, (self.name,))


def _by_name(name):
    return BY_NAME[name]


bool = dtype("bool", np.bool_, 0, "Bool")
uint8 = dtype("uint8", np.uint8, 1, "Byte")
int8 = dtype("int8", np.int8, 1, "Char")
int16 = short = dtype("int16", np.int16, 1, "Short")
int32 = int = dtype("int32", np.int32, 1, "Int")
int64 = long = dtype("int64", np.int64, 1, "Long")
float16 = half = dtype("float16", np.float16, 2, "Half")
float32 = float = dtype("float32", np.float32, 2, "Float")
float64 = double = dtype("float64", np.float64, 2, "Double")
ALL = (bool, uint8, int8, int16, int32, int64, float16, float32, float64)
BY_NAME = {d.name: d for d in ALL}
FROM_NUMPY = {d.numpy: d for d in ALL}

# What NumPy type each torch spelling names; bfloat16 joins where ml_dtypes is installed (see `__getattr__`).
PUBLIC = ("bool", "uint8", "int8", "int16", "short", "int32", "int", "int64", "long", "float16", "half",
          "float32", "float", "float64", "double")
_COMPLEX = ("complex32", "complex64", "complex128", "chalf", "cfloat", "cdouble")


def __getattr__(name):
    """bfloat16 is made when first asked for, so that importing the library never imports ml_dtypes."""
    if name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            raise NotImplementedError(
                "bfloat16 needs the ml_dtypes package.\nInstall it with: pip install ml_dtypes") from None
        made = globals()["bfloat16"] = dtype("bfloat16", ml_dtypes.bfloat16, 2, "BFloat16")
        BY_NAME["bfloat16"] = FROM_NUMPY[made.numpy] = made
        return made
    if name in _COMPLEX:
        raise NotImplementedError(f"torch.{name} is not supported.\nUse a floating point dtype.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def from_numpy(numpy_dtype):
    """The dtype for a NumPy dtype. Raises torch's TypeError for those that tensors cannot hold."""
    found = FROM_NUMPY.get(numpy_dtype)
    if found is not None:
        return found
    if numpy_dtype.name == "bfloat16":
        return __getattr__("bfloat16")
    if numpy_dtype.kind == "c":
        raise NotImplementedError(f"torch.{numpy_dtype.name} is not supported.\nUse a floating point dtype.")
    raise TypeError(
        f"can't convert np.ndarray of type {numpy_dtype.type.__module__}.{numpy_dtype.type.__name__}. The "
        "only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, "
        "int8, uint64, uint32, uint16, uint8, and bool.\nConvert the array first, for example with "
        ".astype(np.float32).")


def promote(a, b):
    """The dtype that holds both `a` and `b` (torch.promote_types)."""
    if a is b:
        return a
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.category == 1 and uint8 in (a, b):
        other = b if a is uint8 else a
        return int16 if other is int8 else other
    if a.itemsize == b.itemsize:                # float16 with bfloat16
        return float32
    return a if a.itemsize > b.itemsize else b


_default = float32


def get_default_dtype():
    """The dtype of tensors made from Python floats (torch.get_default_dtype)."""
    return _default


def set_default_dtype(d):
    """Set it to a floating point dtype; raises TypeError for others (torch.set_default_dtype)."""
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type\n"
                        "Pass float16, float32 or float64.")
    _default = d
