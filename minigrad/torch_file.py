"""Reading the files of torch.save: a zip archive of raw storages and one pickle that says how they are used.

A pickle is a program for a stack machine. Python's own machine can call any function of any module; the one
below knows the opcodes that torch.save writes, and of functions only those of `_Reader.functions`, which
build tensors and plain containers. Nothing else in a file has a meaning, so nothing else can happen; and no
file can claim more memory than it has bytes. Tensors that shared a storage share memory again.

After torch/serialization.py and torch/_weights_only_unpickler.py.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np

from .serialization import Tensors, counts

# PyTorch's dtypes: the name of the storage class (None: only ever untyped), and how values lie in the file.
# NumPy has no bfloat16: two opaque bytes.
DTYPES = {
    "float64": ("Double", "f8"), "float32": ("Float", "f4"), "float16": ("Half", "f2"),
    "bfloat16": ("BFloat16", "V2"), "int64": ("Long", "i8"), "int32": ("Int", "i4"), "int16": ("Short", "i2"),
    "int8": ("Char", "i1"), "uint8": ("Byte", "u1"), "bool": ("Bool", "?"), "uint64": (None, "u8"),
    "uint32": (None, "u4"), "uint16": (None, "u2"), "complex64": ("ComplexFloat", "c8"),
    "complex128": ("ComplexDouble", "c16"),
}  # fmt: skip
SCALARS = (type(None), bool, int, float, complex, str, bytes)
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
# Opcodes whose argument is the value.
LITERALS = {"BININT", "BININT1", "BININT2", "BINFLOAT", "BINUNICODE", "LONG1", "SHORT_BINSTRING"}
CONTAINERS = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
# What a wrong argument in a file may raise on its way through Python and NumPy; warnings may be errors.
NONSENSE = (ValueError, TypeError, LookupError, AttributeError, OverflowError, Warning)


class _Storage(NamedTuple):
    """Bytes that tensors view (None: a storage class by itself), and the NumPy dtype of their values."""

    content: Any
    dtype: str | None  # None: untyped


def refused(reason: str) -> UnpicklingError:
    """The error of torch.load for a file that holds more than data."""
    return UnpicklingError(
        f"Weights only load failed. {reason}\n"
        "no code of the file was run: only tensors, plain containers, numbers and texts are loaded"
    )


def damaged(reason: str) -> RuntimeError:
    """The error for a file whose bytes are not what they were."""
    return RuntimeError(
        f"load: the file is damaged, or none that save or torch.save wrote ({reason})\n"
        "nothing was loaded; use another copy of the file"
    )


def read(data: bytes, library: Any, device: Any) -> Any:
    """What torch.save put into ``data``, with the tensors of ``library`` (see `serialization.Library`).

    Raises RuntimeError for a damaged archive, pickle.UnpicklingError for content that is refused, and
    NotImplementedError for a dtype that the library lacks.
    """
    reader = _Reader(data, library, device)
    program = reader.member("data.pkl")
    try:
        value = reader.run(program)
        reader.check(value)
    except NONSENSE as error:
        reason = str(error).partition("\n")[0]
        raise refused(f"Its pickle makes no sense: {type(error).__name__}: {reason}") from error
    return value


class _Reader:
    """One archive, and the machine that runs its pickle."""

    def __init__(self, data: bytes, library: Any, device: Any) -> None:
        self.library, self.make, self.left = library, Tensors(library, device).make, len(data)
        self.storages: dict[str, np.ndarray] = {}
        module = library.module
        self.functions: dict[str, Callable[..., Any]] = {
            "torch._utils _rebuild_tensor": self.tensor,
            "torch._utils _rebuild_tensor_v2": self.tensor,
            "torch._utils _rebuild_tensor_v3": self.tensor_of_dtype,
            "torch._utils _rebuild_parameter": self.parameter,
            "collections OrderedDict": self.ordered,
            "collections Counter": lambda found: Counter(_as(dict, found)),
            "torch Size": lambda sizes: module.Size(counts(sizes)),
            "torch device": lambda *place: module.device(":".join([str(_key(part)) for part in place])),
            "_codecs encode": lambda text, encoding: _as(str, text).encode("latin1"),
            "__builtin__ bytearray": lambda content=b"": bytearray(_as(bytes, content)),
            "__builtin__ complex": lambda real, imag: complex(_as(float, real), _as(float, imag)),
            "__builtin__ set": lambda items: {_key(item) for item in items},
        }
        self.storage_classes = {
            f"torch {name}Storage": _Storage(None, code) for name, code in DTYPES.values() if name
        }
        self.storage_classes["torch.storage UntypedStorage"] = _Storage(None, None)
        try:
            self.archive = zipfile.ZipFile(io.BytesIO(data))
            names = self.archive.namelist()
            self.folder = next(n for n in names if n.count("/") == 1 and n.endswith("/data.pkl"))[:-8]
            if len(set(names)) < len(names):
                raise zipfile.BadZipFile("two members have one name")
        except StopIteration:
            raise damaged("it has no data.pkl") from None
        except (zipfile.BadZipFile, RuntimeError, *NONSENSE) as error:
            raise damaged(str(error)) from error
        if f"{self.folder}constants.pkl" in names:
            raise refused("This is a TorchScript archive, which is a program.")
        if f"{self.folder}byteorder" in names and self.member("byteorder") != b"little":
            raise NotImplementedError("load: the file's numbers are in big-endian order")

    def member(self, name: str) -> bytearray:
        """The bytes of one member, its checksum verified. All together are at most as many as the file's."""
        try:
            info = self.archive.getinfo(self.folder + name)
            if info.compress_type != zipfile.ZIP_STORED:
                raise zipfile.BadZipFile(f"{info.filename} is compressed, which torch.save never does")
            self.left -= info.file_size
            if self.left < 0:
                raise zipfile.BadZipFile("its members claim more bytes than it has")
            return bytearray(self.archive.read(info))
        except (zipfile.BadZipFile, RuntimeError, OSError, EOFError, *NONSENSE) as error:
            raise damaged(str(error)) from error

    # -- the machine -------------------------------------------------------------------------------

    def run(self, program: bytearray) -> Any:
        """The value that a pickle builds."""
        stack: list[Any] = []
        marks: list[int] = []
        memo: dict[int, Any] = {}

        def since_mark() -> list[Any]:
            position = marks.pop()
            items = stack[position:]
            del stack[position:]
            return items

        argument: Any
        for opcode, argument, _ in pickletools.genops(bytes(program)):
            name = opcode.name
            if name in ("BINGET", "LONG_BINGET"):
                stack.append(memo[argument])
            elif name in ("BINPUT", "LONG_BINPUT"):
                memo[argument] = stack[-1]
            elif name in LITERALS:
                stack.append(argument)
            elif name in CONSTANTS:
                stack.append(CONSTANTS[name])
            elif name in CONTAINERS:
                stack.append(CONTAINERS[name]())
            elif name == "MARK":
                marks.append(len(stack))
            elif name == "TUPLE":
                items = since_mark()
                stack.append(tuple(items))
            elif name in TUPLES:
                items = [stack.pop() for _ in range(TUPLES[name])]
                stack.append(tuple(reversed(items)))
            elif name in ("APPEND", "APPENDS"):
                items = [stack.pop()] if name == "APPEND" else since_mark()
                list.extend(stack[-1], items)
            elif name in ("SETITEM", "SETITEMS"):
                items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else since_mark()
                _fill(_as(dict, stack[-1]), zip(items[::2], items[1::2], strict=True))
            elif name == "GLOBAL":
                stack.append(self.named(argument))
            elif name == "BINPERSID":
                stack.append(self.storage(*stack.pop()))
            elif name == "REDUCE":
                arguments = stack.pop()
                stack.append(self.call(stack.pop(), arguments))
            elif name == "BUILD":
                self.build(stack.pop(), stack[-1])
            elif name == "STOP":
                [value] = stack
            elif name != "PROTO":
                raise refused(f"Unsupported operand {opcode.name}: torch.save never writes it.")
        return value

    def named(self, name: str) -> Any:
        """What a GLOBAL stands for: one of the few functions, a storage class, or a dtype."""
        name = name.replace("builtins ", "__builtin__ ")
        if name in self.functions:
            return self.functions[name]
        if name in self.storage_classes:
            return self.storage_classes[name]
        module, _, short = name.partition(" ")
        if module == "torch" and short in DTYPES:
            if not hasattr(self.library.module, short):
                raise NotImplementedError(f"load: {self.library.module.__name__} has no dtype {short}")
            return getattr(self.library.module, short)
        shown = f"{module}.{short}".replace("__builtin__.", "")
        raise refused(f"Unsupported global: GLOBAL {shown} was not an allowed global by default.")

    def call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(function, (FunctionType, MethodType)):  # only `named` puts such on the stack
            raise refused(f"It calls a {type(function).__name__}.")
        try:
            return function(*_as(tuple, arguments))
        except NotImplementedError:
            raise
        except RuntimeError as error:  # the library's own, for a device or a gradient that cannot be
            raise ValueError(str(error)) from error

    def build(self, state: Any, instance: Any) -> None:
        """A state_dict() has its modules' versions in an attribute; nothing else may have a state."""
        if type(instance) is not OrderedDict or type(state) is not dict or set(state) - {"_metadata"}:
            raise refused(f"It sets attributes of a {type(instance).__name__}.")
        vars(instance).update(state)

    def check(self, value: Any) -> None:
        """Raises UnpicklingError where functions or storages were left in the result."""
        module = self.library.module
        data = (*SCALARS, bytearray, module.Tensor, module.Size, module.dtype, module.device)
        unseen, seen = [value], set()
        while unseen:
            value = unseen.pop()
            if id(value) in seen or isinstance(value, data):
                continue
            seen.add(id(value))
            if isinstance(value, dict):
                unseen += [*value.values(), vars(value) if isinstance(value, OrderedDict) else None]
            elif type(value) in (list, tuple, set):
                unseen += value
            else:
                raise refused(f"It holds a {type(value).__name__}, which is no data.")

    # -- what the functions build ------------------------------------------------------------------

    def storage(self, kind: str, storage_class: _Storage, key: str, location: str, count: int) -> _Storage:
        """The storage behind a persistent id; tensors that name the same one share it."""
        dtype = _as(_Storage, storage_class).dtype
        if _as(str, key) not in self.storages:
            self.storages[key] = np.frombuffer(self.member(f"data/{key}"), np.uint8)
        content = self.storages[key]
        if _as(int, count) * np.dtype(dtype or "u1").itemsize != content.size:
            raise damaged(f"storage {key} has {content.size} bytes, its tensors claim {count} values")
        return _Storage(content, dtype)

    def tensor(self, storage: _Storage, offset: int, size: Any, stride: Any, requires_grad: bool = False,
               hooks: Any = None, metadata: Any = None) -> Any:  # fmt: skip
        """A view of a storage, offset and stride counted in values."""
        if metadata:
            raise refused("It holds a tensor with conjugate or negative bits.")
        content, dtype = storage.content, np.dtype(_as(str, storage.dtype))
        if dtype.kind == "b":
            np.minimum(content, 1, out=content)
        offset, *steps = [n * dtype.itemsize for n in counts((offset, *stride))]
        # NumPy holds sizes and steps against the length of the buffer.
        tensor = self.make(np.ndarray(counts(size), dtype, content, offset, steps))
        return tensor.requires_grad_() if requires_grad else tensor

    def tensor_of_dtype(self, storage: _Storage, offset: int, size: Any, stride: Any, requires_grad: bool,
                        hooks: Any, dtype: Any, metadata: Any = None) -> Any:  # fmt: skip
        code = DTYPES[str(_as(self.library.module.dtype, dtype)).removeprefix("torch.")][1]
        return self.tensor(storage._replace(dtype=code), offset, size, stride, requires_grad, hooks, metadata)

    def parameter(self, data: Any, requires_grad: bool, hooks: Any) -> Any:
        return self.library.module.nn.Parameter(data, requires_grad=bool(requires_grad))

    def ordered(self, pairs: Any = ()) -> OrderedDict[Any, Any]:
        return _fill(OrderedDict(), pairs)


def _fill(target: Any, pairs: Any) -> Any:
    for key, item in pairs:
        target[_key(key)] = item
    return target


# Values of a file are never hashed, shown or compared before their type is known: of tuples in tuples, each
# twice in the next, that would take for ever.
def _key(value: Any) -> Any:
    """A key: a scalar, or a tuple of scalars."""
    for part in value if type(value) is tuple else (value,):
        if not isinstance(part, SCALARS):
            raise refused(f"It has a {type(part).__name__} as a key.")
    return value


def _as(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value
