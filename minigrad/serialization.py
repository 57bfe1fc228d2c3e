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
import errno
import json
import math
import os
import secrets
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import IO, Any, NamedTuple

import numpy as np

FILE = str | os.PathLike[str] | IO[bytes]

# NumPy has no bfloat16, so inside this module its arrays are two opaque bytes per value.
BFLOAT16 = np.dtype("V2")
DTYPES = {
    "F64": "<f8", "I64": "<i8", "U64": "<u8", "C64": "<c8", "F32": "<f4", "I32": "<i4", "U32": "<u4",
    "F16": "<f2", "I16": "<i2", "U16": "<u2", "BF16": "V2", "I8": "i1", "U8": "u1", "BOOL": "?",
}  # fmt: skip
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


class _Packer:
    """Turns a value into JSON, and collects its tensors under flat names."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.arrays: dict[str, np.ndarray] = {}
        self.unfinished: set[int] = set()

    def pack(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        module = self.library.module
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if type(value) is bytes:
            return {"bytes": base64.b64encode(value).decode()}
        if isinstance(value, module.Tensor):
            packed: dict[str, Any] = {"tensor": self.keep(self.library.to_array(value), path)}
            if value.requires_grad:
                packed["requires_grad"] = True
            if isinstance(value, module.nn.Parameter):
                packed["parameter"] = True
            return packed
        if isinstance(value, np.ndarray):
            return {"array": self.keep(value, path)}
        if isinstance(value, np.generic):
            return {"scalar": self.keep(np.asarray(value), path)}
        if isinstance(value, module.Size):
            return {"size": list(value)}
        if isinstance(value, module.dtype):
            return {"dtype": str(value).removeprefix("torch.")}
        if isinstance(value, module.device):
            return {"device": str(value)}
        if type(value) in (list, tuple, dict, OrderedDict):
            if id(value) in self.unfinished:
                raise ValueError(f"save: the {type(value).__name__} at {_place(path)} contains itself")
            self.unfinished.add(id(value))
            container = self.pack_container(value, path)
            self.unfinished.remove(id(value))
            return container
        raise TypeError(
            f"save: cannot store the {type(value).__name__} at {_place(path)}\n"
            "save stores tensors, arrays, numbers, strings, bytes, None, and lists, tuples and dicts of "
            "them; of a module or an optimizer, save its state_dict()"
        )

    def pack_container(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, (list, tuple)):
            items = [self.pack(item, (*path, str(index))) for index, item in enumerate(value)]
            return items if type(value) is list else {"tuple": items}
        pairs = []
        for key, item in value.items():
            if type(key) not in (str, int, float, bool, type(None)):
                raise TypeError(
                    f"save: cannot store the key {key!r} of the dict at {_place(path)}\n"
                    "keys are strings, numbers or None"
                )
            pairs.append([self.pack(key), self.pack(item, (*path, str(key)))])
        if type(value) is dict:
            return {"dict": pairs}
        packed: dict[str, Any] = {"ordered": pairs}
        if hasattr(value, "_metadata"):  # a state_dict() carries its modules' versions in this attribute
            packed["metadata"] = self.pack(value._metadata, (*path, "_metadata"))
        return packed

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


def _place(path: tuple[str, ...]) -> str:
    return ".".join(path) or "the top"


def _unpack(packed: Any, arrays: dict[str, np.ndarray], library: Library, device: Any) -> Any:
    """The value that `_Packer.pack` turned into ``packed``."""
    module = library.module

    def unpack(packed: Any) -> Any:
        if isinstance(packed, list):
            return [unpack(item) for item in packed]
        if not isinstance(packed, dict):
            return packed
        kind, content = next(iter(packed.items()))
        if kind == "float":
            return float(content)
        if kind == "bytes":
            return base64.b64decode(content, validate=True)
        if kind == "tensor":
            tensor = _tensor(arrays[content], library, device)
            if "parameter" in packed:
                return module.nn.Parameter(tensor, requires_grad="requires_grad" in packed)
            return tensor.requires_grad_() if "requires_grad" in packed else tensor
        if kind == "array":
            return _plain(arrays[content])
        if kind == "scalar":
            return _plain(arrays[content])[()]
        if kind == "size":
            return module.Size(content)
        if kind == "dtype":
            return _dtype(content, module)
        if kind == "device":
            return module.device(content)
        if kind == "tuple":
            return tuple(unpack(content))
        if kind == "dict":
            return {unpack(key): unpack(item) for key, item in content}
        if kind == "ordered":
            ordered = OrderedDict((unpack(key), unpack(item)) for key, item in content)
            if "metadata" in packed:
                ordered._metadata = unpack(packed["metadata"])  # type: ignore[attr-defined]
            return ordered
        raise ValueError(f"unknown kind {kind!r}")

    return unpack(packed)


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
    packer = _Packer(library)
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
        return _unpack(json.loads(structure), arrays, library, device)
    except (ValueError, TypeError, LookupError, AttributeError, StopIteration, RecursionError) as error:
        raise torch_file.damaged(f"{type(error).__name__}: {error}") from error


# -- files -----------------------------------------------------------------------------------------


@contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A binary stream whose content becomes the file ``path`` at once and whole, when the block ends.

    Until then the old file stands as it was: an exception, a full disk, a kill or a power cut at any moment
    leaves the old content or the new, never a part. (After a kill `.minigrad-*.tmp` may remain beside it.)

    Raises OSError, of the type that the system's error has, when the file cannot be written.
    """
    target = os.path.realpath(os.fspath(path))
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, f".minigrad-{secrets.token_hex(8)}.tmp")
    try:
        if os.path.isdir(target):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as stream:  # a device or a pipe: there is nothing to keep, nor to replace
                yield stream
            return
        try:
            with open(temporary, "xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
    except OSError as error:
        reason = f"{error.strerror or error}; nothing was saved, what the file held before is untouched"
        raise OSError(error.errno, reason, os.fspath(path)) from error
    if os.name == "posix":  # elsewhere a folder cannot be opened, and its journal keeps the rename
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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
    or a list, tuple, dict or OrderedDict of these, to any depth; of a Module or an Optimizer, save its
    ``state_dict()``. A path is written atomically: a kill at any moment leaves the old file or the new one
    (see `replace_file`).

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
