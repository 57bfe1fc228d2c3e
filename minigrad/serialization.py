"""`save` and `load`: tensors and containers of them, in the safetensors file format.

A file is one safetensors file (https://github.com/huggingface/safetensors): eight bytes that give the length
of a JSON header, the header (name, dtype, shape and place of every tensor), then the tensors' bytes. A state
dict keeps its own keys as names, so any program that reads safetensors opens it. What the format has no word
for (the containers, numbers and texts around the tensors) is JSON in the header's metadata:

    "format": "minigrad", "minigrad.structure": JSON, "minigrad.crc32": checksum of structure and tensors

Loading builds plain values and tensors and nothing else: no code in a file is ever run, whatever it holds.
A tensor that occurs twice comes back as one tensor; tensors that overlap in memory (tied weights, a tensor
and its views) are stored once, under the name of the first that is all of that memory, and overlap again. Of
those on a GPU only tensors of the same place and shape do. The files of torch.save are read too, by
`torch_file.py`.

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
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

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


class Tensors:
    """Makes tensors of arrays, on the CPU or on ``device``; what is one piece of memory here is one there."""

    def __init__(self, library: Library, device: Any) -> None:
        self.library, self.device = library, device
        self.moved: dict[Any, Any] = {}

    def make(self, array: np.ndarray) -> Any:
        tensor = self.library.tensor(array)
        if self.device is None:
            return tensor
        place = array.__array_interface__["data"], array.shape, array.strides, array.dtype.str
        if place not in self.moved:
            self.moved[place] = tensor.to(self.device)
        return self.moved[place].detach()


# -- containers to JSON and back -------------------------------------------------------------------


class _Structure:
    """A value as JSON, and a value from JSON; its tensors stand beside, by name."""

    def __init__(self, library: Library, arrays: dict[str, np.ndarray], device: Any = None) -> None:
        self.library, self.arrays, self.make = library, arrays, Tensors(library, device).make
        self.unfinished: set[int] = set()
        self.packed: dict[int, dict[str, Any]] = {}  # of each tensor, by its id
        self.copied: dict[Any, np.ndarray] = {}  # from a GPU, by their place there
        self.unpacked: dict[str, Any] = {}  # tensors by name
        module = library.module
        # kind: the type of its values; what is written for a value; what is read from that. The first kind
        # that fits counts: a Size is a tuple, and a scalar of NumPy's may be a float.
        self.kinds: dict[str, tuple[Any, Callable[..., Any], Callable[..., Any]]] = {
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
            "dict": (dict, self.pairs, self.unpack_pairs),
            "ordered": (OrderedDict, self.pairs, lambda pairs: OrderedDict(self.unpack_pairs(pairs))),
            "counter": (Counter, self.pairs, lambda pairs: Counter(self.unpack_pairs(pairs))),
        }  # fmt: skip

    def pack(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        if value is None or type(value) in (bool, int, str) or type(value) is float and math.isfinite(value):
            return value
        if type(value) is list:
            return self.items(value, path)
        if isinstance(value, self.library.module.Tensor):
            return self.pack_tensor(value, path)
        for kind, (known, write, _) in self.kinds.items():
            # Of Python's own types no subclass: it would come back as something else.
            if type(value) is known or known not in BUILT_IN and isinstance(value, known):
                packed = {kind: write(value, path)}
                if kind == "ordered" and hasattr(value, "_metadata"):
                    # A state_dict() carries its modules' versions in this attribute.
                    packed["metadata"] = self.pack(value._metadata, (*path, "_metadata"))
                return packed
        raise TypeError(
            f"save: cannot store the {type(value).__name__} at {_place(path)}\n"
            "save stores tensors, arrays, numbers, strings, bytes, None, and lists, tuples and dicts of "
            "them; of a module or an optimizer, save its state_dict()"
        )

    def pack_tensor(self, tensor: Any, path: tuple[str, ...]) -> dict[str, Any]:
        if id(tensor) not in self.packed:
            packed: dict[str, Any] = {"tensor": self.keep(self.array_of(tensor), path)}
            if tensor.requires_grad:
                packed["requires_grad"] = True
            if isinstance(tensor, self.library.module.nn.Parameter):
                packed["parameter"] = True
            self.packed[id(tensor)] = packed
        return self.packed[id(tensor)]

    def array_of(self, tensor: Any) -> np.ndarray:
        """Its values on the CPU, the same array for tensors that are the same elsewhere."""
        if tensor.device.type == "cpu":
            return self.library.to_array(tensor)
        place = tensor.device, tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype
        if place not in self.copied:
            self.copied[place] = self.library.to_array(tensor)
        return self.copied[place]

    def share(self) -> None:
        """Of tensors that overlap in memory keeps one array, of which the others become views."""
        spans = {name: byte_bounds(self.arrays[name])
                 for name in (packed["tensor"] for packed in self.packed.values()) if self.arrays[name].size}
        groups: list[list[str]] = []
        reached = 0
        for name in sorted(spans, key=spans.__getitem__):
            start, end = spans[name]
            if start >= reached:
                groups.append([])
            groups[-1].append(name)
            reached = max(reached, end)
        views = {}
        for group in groups:
            start, end = spans[group[0]]
            if len(group) > 1 or self.arrays[group[0]].nbytes > end - start:  # an expanded tensor claims more
                views.update(self.merge(group, spans))
        for packed in self.packed.values():
            if packed["tensor"] in views:
                packed["view"] = views[packed["tensor"]]

    def merge(self, group: list[str], spans: dict[str, tuple[int, int]]) -> dict[str, Any]:
        """Keeps, for arrays that overlap, the first that is all of their memory, else that memory as it lies.
        Returns what the others are of it, by name."""
        start, end = spans[group[0]][0], max(spans[name][1] for name in group)
        whole = next((name for name in group
                      if spans[name] == (start, end) and self.arrays[name].flags.c_contiguous), None)
        base = whole or group[0]
        memory = self.arrays[base] if whole else _memory(self.arrays[base], end - start)
        arrays = {name: self.arrays.pop(name) for name in group if name != whole}
        self.arrays[base] = memory
        return {name: [base, CODES[array.dtype], spans[name][0] - start, array.shape, array.strides]
                for name, array in arrays.items()}

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
        if kind == "tensor":
            return self.unpack_tensor(content, packed)
        value = self.kinds[kind][2](content)
        if "metadata" in packed:
            value._metadata = self.unpack(packed["metadata"])
        return value

    def unpack_pairs(self, pairs: list[list[Any]]) -> dict[Any, Any]:
        return {self.unpack(key): self.unpack(value) for key, value in pairs}

    def unpack_tensor(self, name: str, packed: dict[str, Any]) -> Any:
        if name not in self.unpacked:
            tensor = self.make(self.view(*packed["view"]) if "view" in packed else self.arrays[name])
            if "parameter" in packed:
                tensor = self.library.module.nn.Parameter(tensor, requires_grad="requires_grad" in packed)
            elif "requires_grad" in packed:
                tensor.requires_grad_()
            self.unpacked[name] = tensor
        return self.unpacked[name]

    def view(self, base: str, code: str, offset: int, shape: list[int], strides: list[int]) -> np.ndarray:
        memory = self.arrays[base].reshape(-1).view(np.uint8)
        offset, *steps = counts([offset, *strides])
        # NumPy holds sizes and steps against the length of the memory.
        return np.ndarray(counts(shape), DTYPES[code], memory, offset, steps)


def counts(values: Any) -> tuple[int, ...]:
    """Sizes, steps or offsets from a file. Raises ValueError for what cannot be any."""
    if not isinstance(values, (tuple, list)) or any(type(n) is not int or n < 0 for n in values):
        raise ValueError("sizes, steps and offsets are whole numbers of at least 0")
    return tuple(values)


def _memory(first: np.ndarray, size: int) -> np.ndarray:
    """``size`` bytes of memory as they lie, from the first element of an array on."""
    dtype = np.dtype(np.uint8) if size % first.itemsize else first.dtype
    start = as_strided(first, (1,), (first.itemsize,)).view(dtype)
    return as_strided(start, (size // dtype.itemsize,), (dtype.itemsize,))


def _place(path: tuple[str, ...]) -> str:
    return ".".join(path) or "the top"


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
    packed = packer.pack(value)
    packer.share()
    structure = json.dumps(packed, allow_nan=False, separators=(",", ":"))
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
        return {name: Tensors(library, device).make(array) for name, array in arrays.items()}
    if structure is None or _checksum(structure, arrays) != checksum:
        raise torch_file.damaged("its checksum does not match")
    try:
        return _Structure(library, arrays, device).unpack(json.loads(structure))
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, StopIteration,
            RecursionError) as error:  # fmt: skip
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
    its ``state_dict()``. Tensors that overlap in memory (tied weights, views) will do so again.
    A path is written atomically: a kill at any moment leaves the old file or the new one (see
    `atomic.replace_file`).

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
