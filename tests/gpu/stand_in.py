"""A stand-in for CuPy on machines without a GPU: NumPy computes, CuPy's rules apply.

Only names and keywords that the CuPy of `cupy_names.json` has are there, and elementwise functions give the
dtypes of its loops; NumPy arrays are refused as operands, arrays never turn into NumPy's by themselves,
results without dimensions are arrays, indices out of range wrap, and every read from the device is counted in
`reads`. It proves nothing about rounding, speed, kernels or order in time: those need a GPU.
"""
import contextlib
import math
import operator
import sys
import types

import numpy as np

from .rules import (
    COUNTING,
    METHODS,
    NAMES,
    PLAIN,
    ROOFED,
    SCALARS,
    UFUNCS,
    Refused,
    as_loop,
    check,
    check_addable,
    multiplied,
    refuse_sorting,
)
from .runtime import OFFERED, POOL

reads = [0]


def read():
    """Note that the host waits for a value of the device's."""
    reads[0] += 1


def unbox(value):
    """NumPy's array inside one of the stand-in's. Raises for NumPy arrays, which CuPy does not take."""
    if isinstance(value, ndarray):
        return value._array
    if isinstance(value, np.ndarray):
        raise Refused("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, (tuple, list)):
        return type(value)([unbox(part) for part in value])
    return value


def root(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def box(value, *sources):
    """Results as the stand-in's arrays; one that is a view of a source's memory has that as its base."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = np.asarray(value)
        base = None
        if not value.flags.owndata:
            with contextlib.suppress(ValueError):
                value.flags.writeable = True    # NumPy's diagonals and broadcast views are not
            memory = root(value)
            base = next((s for s in sources if isinstance(s, ndarray) and root(s._array) is memory), None)
        return ndarray(value, base if base is None or base.base is None else base.base)
    if isinstance(value, (tuple, list)) and any(isinstance(part, (np.ndarray, np.generic)) for part in value):
        return (tuple if isinstance(value, tuple) else list)([box(part, *sources) for part in value])
    return value


def is_mask(part):
    return getattr(part, "dtype", None) == np.bool_


def wrapped(index, shape):
    """An index whose integers in arrays are in range, as CuPy makes them; and does it hold a mask?"""
    parts = list(index) if isinstance(index, tuple) else [index]
    used = sum([part.ndim if is_mask(part) else 1 for part in parts
                if part is not None and part is not Ellipsis])
    dim, masks = 0, 0
    for place, part in enumerate(parts):
        if isinstance(part, (list, np.ndarray)) and not isinstance(part, ndarray):
            raise Refused(f"an index holds {type(part)}")
        part = parts[place] = unbox(part)
        if part is Ellipsis:
            dim += len(shape) - used
        elif is_mask(part):
            masks, dim = masks + 1, dim + part.ndim
        elif isinstance(part, np.ndarray):
            parts[place] = part % max(1, shape[dim]) if part.dtype.kind in "iu" else part
            dim += 1
        elif part is not None:
            dim += 1
    if masks > 1:
        raise NotImplementedError("CuPy takes one boolean array in an index")
    return tuple(parts) if isinstance(index, tuple) else parts[0], bool(masks)


class Flags:
    """CuPy's flags: three of NumPy's, and no `writeable`."""

    def __init__(self, array):
        self.c_contiguous, self.f_contiguous = array.flags.c_contiguous, array.flags.f_contiguous
        self.owndata = array.flags.owndata


class ndarray:
    """cupy.ndarray: what the names file lists of it, over a NumPy array."""
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, array, base=None):
        self._array, self.base = array, base

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()` to "
                        "construct a NumPy array explicitly.")

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **named):
        if method != "__call__" or not hasattr(cupy, ufunc.__name__):
            return NotImplemented
        if out is not None:
            (named["out"],) = out
        return getattr(cupy, ufunc.__name__)(*inputs, **named)

    def __array_function__(self, function, kinds, args, named):
        place = cupy
        for part in function.__module__.split(".")[1:]:
            place = getattr(place, part, None)
        if getattr(place, function.__name__, None) is None:
            return NotImplemented
        return getattr(place, function.__name__)(*args, **named)

    def __getattr__(self, name):
        if name not in NAMES["ndarray"]:
            raise AttributeError(f"'cupy.ndarray' object has no attribute '{name}'")
        known, value = NAMES["ndarray"][name], getattr(self._array, name)
        if not callable(value):
            return box(value, self)

        def method(*args, **named):
            check(f"cupy.ndarray.{name}", known, args, named)
            if name in COUNTING:
                read()
            if name == "take":
                named["mode"] = "wrap"
            refuse_sorting(name, self)
            result = value(*unbox(args), **{key: unbox(part) for key, part in named.items()})
            if isinstance(named.get("out"), ndarray):
                return named["out"]
            if name == "clip":
                bounds = {"min": None, "max": None} | dict(zip(("min", "max"), args)) | named
                result = as_loop(name, result, (self._array, *unbox([*bounds.values()])))
            return box(result, self)
        return method

    shape = property(lambda self: self._array.shape)
    flags = property(lambda self: Flags(self._array))
    device = property(lambda self: types.SimpleNamespace(id=0))
    data = property(lambda self: types.SimpleNamespace(ptr=self._array.ctypes.data))

    def get(self, stream=None, order="C", out=None, blocking=True):
        read()
        return np.array(self._array, order=order)

    def set(self, array, stream=None):
        self._array[...] = array

    def item(self):
        read()
        return self._array.item()

    def tolist(self):
        read()
        return self._array.tolist()

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return self._array.__dlpack__(max_version=max_version)

    def __dlpack_device__(self):
        return 2, 0

    def __reduce__(self):
        return array, (self.get(),)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __len__(self):
        return len(self._array)

    def __iter__(self):
        return iter([self[k] for k in range(len(self))])

    def __getitem__(self, index):
        index, counts = wrapped(index, self._array.shape)
        reads[0] += counts
        return box(self._array[index], self)

    def __setitem__(self, index, value):
        index, counts = wrapped(index, self._array.shape)
        value = unbox(value)
        reads[0] += counts and np.ndim(value) > 0
        self._array[index] = value


def operand(value):
    if not isinstance(value, (ndarray, *SCALARS)):
        unbox(value)
        raise Refused(f"Unsupported type {type(value)}")
    return unbox(value)


def unary(name):
    compute = getattr(operator, name)
    return lambda self: box(as_loop(UFUNCS.get(name, name), compute(self._array), (self._array,)))


def binary(name, reflected):
    compute = getattr(operator, name)

    def method(self, other):
        a, b = self._array, operand(other)
        pair = (b, a) if reflected else (a, b)
        if name == "matmul":
            return box(compute(*pair).astype(multiplied(*pair)))
        return box(as_loop(UFUNCS.get(name, name), compute(*pair), pair))
    return method


def augmented(name):
    compute = getattr(operator, name)

    def method(self, other):
        compute(self._array, operand(other))
        return self
    return method


def converted(kind):
    def method(self):
        read()
        return kind(self._array)
    return method


for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    _word = {"and": "and_", "or": "or_"}.get(_name, _name)
    setattr(ndarray, f"__{_name}__", binary(_word, False))
    setattr(ndarray, f"__r{_name}__", binary(_word, True))
    setattr(ndarray, f"__i{_name}__", augmented(f"i{_name}"))
for _name in "eq ne lt le gt ge".split():
    setattr(ndarray, f"__{_name}__", binary(_name, False))
for _name in "neg pos abs invert".split():
    setattr(ndarray, f"__{_name}__", unary(_name))
for _name, _kind in {"bool": bool, "int": int, "float": float, "complex": complex, "index": operator.index,
                     "repr": repr, "str": str}.items():
    setattr(ndarray, f"__{_name}__", converted(_kind))
ndarray.__name__ = ndarray.__qualname__ = "ndarray"
ndarray.__module__ = "cupy"


class Ufunc:
    """A ufunc with the methods that CuPy has."""

    def __init__(self, name, ufunc, known):
        self.__name__, self.ufunc, self.known = name, ufunc, known

    def __call__(self, *args, **named):
        check(f"cupy.{self.__name__}", self.known, args, named)
        given = [operand(value) for value in args[:self.ufunc.nin]]
        dtype = multiplied(*given) if self.__name__ == "matmul" else None
        result = self.ufunc(*unbox(args), **{key: unbox(value) for key, value in named.items()})
        out = named.get("out", args[self.ufunc.nin] if len(args) > self.ufunc.nin else None)
        if out is None and named.get("dtype") is None:
            result = as_loop(self.__name__, result, given) if dtype is None else result.astype(dtype)
        return box(result) if out is None else out

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__ not in METHODS.get(name, ()):
            raise NotImplementedError(f"cupy.{self.__name__} has no {name}")
        method = getattr(self.ufunc, name)

        def call(*args, **named):
            if name == "at":
                check_addable(args[0])
            return box(method(*unbox(args), **{key: unbox(value) for key, value in named.items()}))
        return call


class Module(types.ModuleType):
    """A module of CuPy's: the names of the file, each NumPy's of the same name or one of `own`."""

    def __init__(self, name, twin=None, **own):
        super().__init__(name)
        self.__dict__["_names"], self.__dict__["_twin"] = NAMES.get(name, {}), twin
        self.__path__ = []
        for key, value in own.items():
            setattr(self, key, value)

    def __getattr__(self, name):
        if name not in self._names or not hasattr(self._twin, name):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}' (stand-in of CuPy "
                                 f"{NAMES['version']})")
        known, value = self._names[name], getattr(self._twin, name)
        if isinstance(value, np.ufunc):
            made = Ufunc(name, value, known)
        elif known is None or isinstance(value, type):
            made = value
        else:
            made = function(f"{self.__name__}.{name}", name, value, known)
        setattr(self, name, made)
        return made


def function(where, name, compute, known):
    def call(*args, **named):
        check(where, known, args, named)
        if name in COUNTING or name == "where" and len(args) == 1 or (
                where.startswith("cupy.linalg.") and SETTINGS["linalg"] == "raise"):
            read()
        given = dict(named)
        if name == "take":
            given["mode"] = "wrap"
        if name == "take_along_axis":
            array, index, axis = (*args, given.pop("axis", None))[:3]
            return box(compute(unbox(array), unbox(index) % max(1, array.shape[axis]), axis))
        refuse_sorting(name, *args)
        out = given.get("out")
        result = compute(*unbox(args), **{key: unbox(value) for key, value in given.items()})
        if isinstance(out, ndarray):
            return out
        if name in ("tril", "triu"):            # cupy.where with a number of the array's own dtype
            result = as_loop("where", result, (np.True_, args[0]._array, args[0].dtype.type(0)))
        elif name in ROOFED and len(args) > 1:
            result = as_loop(name, result, unbox(args))
        if isinstance(result, (bool, int, float)) and name not in PLAIN:
            result = np.asarray(result)
        return box(result, *args)
    call.__name__ = name
    return call


# What differs from NumPy's function of the same name ------------------------------------------------------

def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    given = obj._array if isinstance(obj, ndarray) else obj if isinstance(obj, np.ndarray) else unbox(obj)
    return ndarray(np.array(given, dtype, order=order, ndmin=ndmin))


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    if isinstance(a, ndarray) and not copy:
        made = np.asarray(a._array, dtype, order=order)
        return a if made is a._array else box(made, a)
    return array(a, dtype, order=order or "K")


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get(order=order) if isinstance(a, ndarray) else np.asarray(a)


def from_dlpack(array, *, device=None, copy=None):
    return array if isinstance(array, ndarray) else ndarray(np.from_dlpack(array))


def scatter_add(a, slices, value):
    check_addable(a)
    index, _ = wrapped(slices, a.shape)
    np.add.at(a._array, index, unbox(value))


def elementwise(compute):
    def call(x):
        z = np.vectorize(compute, otypes=[float])(x._array) if x.size else x._array
        return box(as_loop(compute.__name__, z.reshape(x.shape), (x._array,)))
    return call


SETTINGS = {"linalg": "ignore"}


@contextlib.contextmanager
def errstate(**settings):
    """cupyx.errstate: with linalg="raise", decompositions wait to learn how they went."""
    before = dict(SETTINGS)
    SETTINGS.update(settings)
    try:
        yield
    finally:
        SETTINGS.update(before)


cuda = Module("cupy.cuda", **OFFERED)
linalg = Module("cupy.linalg", np.linalg, LinAlgError=np.linalg.LinAlgError)
tricks = Module("cupy.lib.stride_tricks", np.lib.stride_tricks)
lib = types.ModuleType("cupy.lib")
lib.stride_tricks, lib.__path__ = tricks, []
cupy = Module("cupy", np, ndarray=ndarray, array=array, asarray=asarray, asnumpy=asnumpy, linalg=linalg,
              from_dlpack=from_dlpack, cuda=cuda, lib=lib, get_default_memory_pool=lambda: POOL,
              __version__=NAMES["version"])
special = Module("cupyx.scipy.special", erf=elementwise(math.erf), erfc=elementwise(math.erfc))
scipy = types.ModuleType("cupyx.scipy")
scipy.special, scipy.__path__ = special, []
cupyx = Module("cupyx", scatter_add=scatter_add, scipy=scipy, errstate=errstate)
MODULES: dict = {"cupy": cupy, "cupy.linalg": linalg, "cupy.cuda": cuda, "cupy.lib": lib,
           "cupy.lib.stride_tricks": tricks, "cupyx": cupyx, "cupyx.scipy": scipy,
           "cupyx.scipy.special": special}


@contextlib.contextmanager
def installed():
    """Meanwhile `import cupy` gives the stand-in, and minigrad's CuPy backend is built on it."""
    from minigrad import backends
    from minigrad.backends import arrays
    from minigrad.generator import on_gpu

    def clear():
        for name in [*sys.modules]:
            if name in MODULES or name.startswith("minigrad.backends.cupy"):
                del sys.modules[name]
        vars(backends).pop("cupy", None)
        arrays.TYPES.discard(ndarray)
        on_gpu.clear()

    before = {name: sys.modules[name] for name in MODULES if name in sys.modules}
    clear()
    sys.modules.update(MODULES)
    try:
        yield cupy
    finally:
        clear()
        sys.modules.update(before)
