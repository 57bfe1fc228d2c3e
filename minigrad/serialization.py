"""`save` and `load`: tensors and containers of them, in the safetensors file format.

A file is one safetensors file (https://github.com/huggingface/safetensors): eight bytes that give the length
of a JSON header, the header (name, dtype, shape and place of every tensor), then the tensors' bytes. A state
dict keeps its own keys as names, so any program that reads safetensors opens it. What the format has no word
for (the containers, numbers and texts around the tensors) is JSON in the header's metadata:

    "format": "minigrad", "minigrad.structure": JSON, "minigrad.crc32": checksum of structure and tensors

Loading builds plain values and tensors and nothing else: no code in a file is ever run, whatever it holds.
A tensor that occurs twice, or two tensors that share memory (tied weights), are stored twice and come back
as two. The files of torch.save are read too, by `torch_file.py`.

The format knows no tensor library: a `Library` says how one's tensors become arrays and back. minigrad's is
at the end of this file, PyTorch's in `torch_backend/serialization.py`, so either reads what the other wrote.
"""

from __future__ import annotations

import base64
import json
import math
import os
import zlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import IO, Any, NamedTuple

import numpy as np

from .atomic import replace_file

FILE = str | os.PathLike[str] | IO[bytes]

# NumPy has no bfloat16, so inside this module its arrays are two opaque bytes per value.
BFLOAT16 = np.dtype("V2")
DTYPES = {
    "F64": "<f8", "I64": "<i8", "U64": "<u8", "C64": "<c8", "F32": "<f4", "I32": "<i4", "U32": "<u4",
    "F16": "<f2", "I16": "<i2", "U16": "<u2", "BF16": "V2", "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip
BUILT_IN = (float, bytes, tuple, dict, OrderedDict, Counter)
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}


class Library(NamedTuple):
    """What the format must know of a tensor library."""

    module: ModuleType  # where Tensor, Size, dtype, device, nn.Parameter and the dtypes' names live
    to_array: Callable[[Any], np.ndarray]  # a tensor's values on the CPU; bfloat16 as BFLOAT16
    from_array: Callable[[np.ndarray], Any]  # a tensor on the CPU, free to share the array's memory

    def tensor(self, array: np.ndarray) -> Any:
        try:
            return self.from_array(array)
        except TypeError as error:
            raise NotImplementedError(f"{self.module.__name__} has no tensors of {array.dtype}") from error


# -- containers to JSON and back -------------------------------------------------------------------


class _Structure:
    """A value as JSON, and a value from JSON; its tensors stand beside, by name."""

    def __init__(self, library: Library, arrays: dict[str, np.ndarray], device: Any = None) -> None:
        self.library, self.arrays = library, arrays
        self.unfinished: set[int] = set()
        module = library.module
        # kind: the type of its values; what is written for a value; what is read from that. The first kind
        # that fits counts: a Size is a tuple, and a scalar of NumPy's may be a float.
        self.kinds: dict[str, tuple[Any, Callable[..., Any], Callable[..., Any]]] = {
            "tensor": (module.Tensor, lambda tensor, path: self.keep(library.to_array(tensor), path),
                       lambda name: _tensor(self.arrays[name], library, device)),
            "array": (np.ndarray, self.keep, lambda name: _plain(self.arrays[name])),
            "scalar": (np.generic, lambda scalar, path: self.keep(np.asarray(scalar), path),
                       lambda name: _plain(self.arrays[name])[()]),
            "size": (module.Size, lambda size, path: list(size), module.Size),
            "dtype": (module.dtype, lambda dtype, path: str(dtype).removeprefix("torch."),
                      lambda name: _dtype(name, module)),
            "device": (module.device, lambda device, path: str(device), module.device),
            "float": (float, lambda value, path: repr(value), float),
            "bytes": (bytes, lambda content, path: base64.b64encode(content).decode(),
                      lambda text: base64.b64decode(text, validate=True)),
            "tuple": (tuple, self.items, lambda items: tuple(map(self.unpack, items))),
            "dict": (dict, self.pairs, lambda pairs: {self.unpack(k): self.unpack(v) for k, v in pairs}),
            "ordered": (OrderedDict, self.pairs,
                        lambda pairs: OrderedDict((self.unpack(k), self.unpack(v)) for k, v in pairs)),
            "counter": (Counter, self.pairs,
                        lambda pairs: Counter({self.unpack(k): self.unpack(v) for k, v in pairs})),
        }  # fmt: skip

    def pack(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        if value is None or type(value) in (bool, int, str) or type(value) is float and math.isfinite(value):
            return value
        if type(value) is list:
            return self.items(value, path)
        for kind, (known, write, _) in self.kinds.items():
            # Of Python's own types no subclass: it would come back as something else.
            if type(value) is known or known not in BUILT_IN and isinstance(value, known):
                packed = {kind: write(value, path)}
                if kind == "tensor" and value.requires_grad:
                    packed["requires_grad"] = True
                if kind == "tensor" and isinstance(value, self.library.module.nn.Parameter):
                    packed["parameter"] = True
                if kind == "ordered" and hasattr(value, "_metadata"):
                    # A state_dict() carries its modules' versions in this attribute.
                    packed["metadata"] = self.pack(value._metadata, (*path, "_metadata"))
                return packed
        raise TypeError(
            f"save: cannot store the {type(value).__name__} at {_place(path)}\n"
            "save stores tensors, arrays, numbers, strings, bytes, None, and lists, tuples and dicts of "
            "them; of a module or an optimizer, save its state_dict()"
        )

    @contextmanager
    def inside(self, container: Any, path: tuple[str, ...]) -> Iterator[None]:
        if id(container) in self.unfinished:
            raise ValueError(f"save: the {type(container).__name__} at {_place(path)} contains itself")
        self.unfinished.add(id(container))
        yield
        self.unfinished.remove(id(container))

    def items(self, value: Any, path: tuple[str, ...]) -> list[Any]:
        with self.inside(value, path):
            return [self.pack(item, (*path, str(index))) for index, item in enumerate(value)]

    def pairs(self, value: Any, path: tuple[str, ...]) -> list[list[Any]]:
        for key in value:
            if type(key) not in (str, int, float, bool, type(None)):
                raise TypeError(
                    f"save: cannot store the key {key!r} of the dict at {_place(path)}\n"
                    "keys are strings, numbers or None"
                )
        with self.inside(value, path):
            return [[self.pack(key), self.pack(item, (*path, str(key)))] for key, item in value.items()]

    def keep(self, array: np.ndarray, path: tuple[str, ...]) -> str:
        """Takes an array in, under its path (with a number where that is taken), and returns the name."""
        array = _opaque(array)
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        if array.dtype not in CODES:
            raise NotImplementedError(
                f"save: the file format has no dtype {array.dtype} (the value at {_place(path)})\n"
                f"convert it to one of {', '.join(np.dtype(d).name for d in DTYPES.values() if d != 'V2')}"
            )
        # UTF-8 has no lone surrogates, and the format keeps one name for itself.
        wanted = ".".join(path).encode("utf-8", "replace").decode() or "tensor"
        name, number = wanted, 1
        while name in self.arrays or name == "__metadata__":
            number += 1
            name = f"{wanted}~{number}"
        self.arrays[name] = array
        return name

    def unpack(self, packed: Any) -> Any:
        """The value that `pack` turned into ``packed``."""
        if isinstance(packed, list):
            return [self.unpack(item) for item in packed]
        if not isinstance(packed, dict):
            return packed
        kind, content = next(iter(packed.items()))
        value = self.kinds[kind][2](content)
        if "parameter" in packed:
            return self.library.module.nn.Parameter(value, requires_grad="requires_grad" in packed)
        if "requires_grad" in packed:
            value.requires_grad_()
        if "metadata" in packed:
            value._metadata = self.unpack(packed["metadata"])
        return value


def _place(path: tuple[str, ...]) -> str:
    return ".".join(path) or "the top"


def _tensor(array: np.ndarray, library: Library, device: Any) -> Any:
    tensor = library.tensor(array)
    return tensor if device is None else tensor.to(device)


def _plain(array: np.ndarray) -> np.ndarray:
    """A file's array as NumPy users know it."""
    return array.view(_bfloat16()) if array.dtype == BFLOAT16 else array


def _opaque(array: np.ndarray) -> np.ndarray:
    """The array as this module's own code has it; the inverse of `_plain`."""
    return array.view(BFLOAT16) if array.dtype.name == "bfloat16" else array


def _dtype(name: str, module: ModuleType) -> Any:
    dtype = getattr(module, name)
    if not isinstance(dtype, module.dtype):
        raise ValueError(f"{name} is no dtype")
    return dtype


def _bfloat16() -> np.dtype:
    try:
        import ml_dtypes
    except ImportError:
        raise NotImplementedError(
            "bfloat16 needs the package ml_dtypes\npip install ml_dtypes, or save the tensor as float32"
        ) from None
    return np.dtype(ml_dtypes.bfloat16)


# -- the file format -------------------------------------------------------------------------------


def _checksum(structure: str, arrays: dict[str, np.ndarray]) -> str:
    """Covers what the format itself cannot check: the bytes of the tensors, and which is called what."""
    checksum = zlib.crc32(structure.encode())
    for name in sorted(arrays):
        array = arrays[name]
        checksum = zlib.crc32(f"{name}:{CODES[array.dtype]}:{array.shape}".encode(), checksum)
        checksum = zlib.crc32(_bytes(array), checksum)
    return f"{checksum:08x}"


def _bytes(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _write(value: Any, stream: IO[bytes], library: Library) -> None:
    packer = _Structure(library, {})
    structure = json.dumps(packer.pack(value), allow_nan=False, separators=(",", ":"))
    # Widest values first, so that every tensor starts at a multiple of its value's size.
    arrays = dict(sorted(packer.arrays.items(), key=lambda pair: -pair[1].itemsize))
    checksum = _checksum(structure, arrays)
    metadata = {"format": "minigrad", "minigrad.structure": structure, "minigrad.crc32": checksum}
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": CODES[array.dtype], "shape": array.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little") + text)
    for array in arrays.values():
        stream.write(_bytes(array))


def _read(data: bytes, library: Library, device: Any) -> Any:
    from minigrad import torch_file

    if not data:
        raise EOFError("Ran out of input\nthe file is empty: nothing was saved in it")
    if data[:4] == b"PK\x03\x04":
        return torch_file.read(data, library, device)
    from safetensors import SafetensorError, deserialize

    try:
        views = sorted(deserialize(data), key=lambda pair: pair[0])
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    except (SafetensorError, ValueError, RecursionError) as error:
        if (data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05") or data[257:262] == b"ustar":
            raise torch_file.refused(
                "This is a pickle by itself, as torch.save wrote it before PyTorch 1.6, and no zip archive. "
                "Load it in PyTorch with torch.load(file, weights_only=True) and save it again."
            ) from error
        raise torch_file.damaged(str(error)) from error
    for name, view in views:
        if view["dtype"] not in DTYPES:
            raise NotImplementedError(f"load: the dtype {view['dtype']} of {name} is not supported")
    arrays = {
        name: np.frombuffer(view["data"], dtype=DTYPES[view["dtype"]]).reshape(view["shape"])
        for name, view in views
    }
    structure, checksum = metadata.get("minigrad.structure"), metadata.get("minigrad.crc32")
    if metadata.get("format") != "minigrad" and not any("minigrad" in name for name in metadata):
        # Another program's file: its tensors by name.
        return {name: _tensor(array, library, device) for name, array in arrays.items()}
    if structure is None or _checksum(structure, arrays) != checksum:
        raise torch_file.damaged("its checksum does not match")
    try:
        return _Structure(library, arrays, device).unpack(json.loads(structure))
    except (ValueError, TypeError, LookupError, AttributeError, StopIteration, RecursionError) as error:
        raise torch_file.damaged(f"{type(error).__name__}: {error}") from error


# -- files -----------------------------------------------------------------------------------------


_NO_FILE = "expected 'f' to be string, path, or a file-like object with a '{}' attribute"


def save_with(library: Library, value: Any, f: FILE) -> None:
    """`save` for the tensors of ``library``."""
    if isinstance(f, (str, os.PathLike)):
        with replace_file(f) as stream:
            _write(value, stream, library)
    elif hasattr(f, "write"):
        _write(value, f, library)
    else:
        raise AttributeError(_NO_FILE.format("write"))


def load_with(library: Library, f: FILE, map_location: Any) -> Any:
    """`load` for the tensors of ``library``."""
    if map_location is not None and not isinstance(map_location, (str, library.module.device)):
        raise NotImplementedError("load: map_location is None, a device or a device's name")
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as stream:
            return _read(stream.read(), library, map_location)
    if hasattr(f, "read"):
        return _read(f.read(), library, map_location)
    raise AttributeError(_NO_FILE.format("read"))


# -- minigrad's tensors ----------------------------------------------------------------------------


def minigrad_library() -> Library:
    """minigrad's side of the format."""
    import minigrad

    def to_array(tensor: Any) -> np.ndarray:
        return _opaque(tensor.detach().cpu().numpy())

    def from_array(array: np.ndarray) -> Any:
        return minigrad.from_numpy(_plain(array))

    return Library(minigrad, to_array, from_array)


def save(obj: Any, f: FILE) -> None:
    """Writes ``obj`` to the file ``f``: a path, or a stream opened for binary writing.

    ``obj`` is a tensor of any dtype and shape, an array, number, string, bytes, None, dtype, device or Size,
    or a list, tuple, dict, OrderedDict or Counter of these, to any depth; of a Module or an Optimizer, save
    its ``state_dict()``. A path is written atomically: a kill at any moment leaves the old file or the new
    one (see `atomic.replace_file`).

    Raises TypeError for anything else, NotImplementedError for a dtype that the format lacks, ValueError for
    a container that contains itself, and OSError when the file cannot be written.

    After torch.save; the file format is safetensors instead of pickle.
    """
    save_with(minigrad_library(), obj, f)


def load(f: FILE, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Returns what `save` wrote to ``f``: a path, or a stream opened for binary reading.

    Files of other programs in the safetensors format come back as a dict of tensors. What torch.save wrote
    (since PyTorch 1.6) loads too, if it is made of tensors, parameters, numbers, texts, dtypes, and plain
    containers of them: then tensors that shared memory share it again. Tensors are put on ``map_location`` (a
    device or its name), the CPU by default. ``weights_only`` is there because torch.load has it: no code in a
    file is ever run, so both values do the same.

    Raises RuntimeError for a damaged file, EOFError for an empty one, pickle.UnpicklingError for a file of
    torch.save that holds more than data or has the older format, NotImplementedError for a dtype that the
    library lacks, and OSError when the file cannot be read.

    After torch.load.
    """
    return load_with(minigrad_library(), f, map_location)
