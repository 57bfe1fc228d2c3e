"""Devices: `"cpu"` is NumPy, `"cuda"` an NVIDIA GPU through CuPy."""
from .backends.arrays import cupy_room, place_of

_kind = lambda value: type(value).__name__      # noqa: E731  (`type` is a parameter below)


class device:
    """Where a tensor's elements are, as `torch.device`: `type` ("cpu", "cuda") and `index` (int or None).

    Made from "cpu", "cuda", "cuda:1", another device, or a type and an index. Raises RuntimeError for other
    text.
    """
    __slots__ = ("type", "index")

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        if isinstance(type, int):
            type, index = "cuda", type
        if not isinstance(type, str):
            raise TypeError(f"device() received an invalid combination of arguments - got ({_kind(type)}), "
                            "but expected one of:\na device's name, a number, or another device.")
        name, _, number = type.partition(":")
        if name not in ("cpu", "cuda") or (number and not number.isdigit()):
            known = "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, " \
                "vulkan, mps, meta, hpu, mtia, privateuseone"
            raise RuntimeError(("Invalid device string: "
                                f"'{type}'" if name in known.split(", ") or not name.isalpha() else
                                f"Expected one of {known} device type at start of device string: {name}") +
                               "\nUse 'cpu', 'cuda' or 'cuda:0'.")
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self):
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return (device, (str(self),))


class layout:
    """How the elements of a tensor lie in memory, as `torch.layout`. There is `strided` alone."""
    __slots__ = ()

    def __repr__(self):
        return "torch.strided"


strided = layout()
CPU, GPU = device("cpu"), device("cuda", 0)
default = [CPU]                                 # where tensors are made unless said otherwise


def available(wanted):
    """The device asked for, None being the CPU. Raises RuntimeError where this machine has none, and
    NotImplementedError for a GPU but the first."""
    if wanted is None:
        return CPU
    wanted = wanted if isinstance(wanted, device) else device(wanted)
    if wanted.type == "cpu":
        return CPU
    count = cupy_room().device_count()
    if wanted.index is not None and wanted.index >= count:
        raise RuntimeError(f"CUDA error: invalid device ordinal\nThere are {count} GPUs, counted from 0.")
    if wanted.index:
        raise NotImplementedError("tensors on any GPU but the first are not supported.\nLet the process see "
                                  "one GPU, by CUDA_VISIBLE_DEVICES.")
    return GPU


def device_of(array):
    """Where the elements of an array are."""
    return CPU if place_of(array) == "cpu" else GPU
