"""Every CUDA source is compiled, for each of its types, for an A100 (sm_80) and an H100 (sm_90): NVRTC needs
no GPU."""
import ctypes
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import gpu_first

ROOT = Path(__file__).parent.parent
# File by file, what holds sources: a name in the file -> {name: (source, its instances)}.
KNOWN = {"benchmarks/gpu_first.py": gpu_first.SOURCES}
CASES = [(source, instance, arch) for sources in KNOWN.values() for source, instances in sources.values()
         for instance in instances for arch in ("sm_80", "sm_90")]


@pytest.fixture(scope="module")
def nvrtc():
    package = find_spec("nvidia")
    for place in package.submodule_search_locations if package else ():
        for library in sorted(Path(place).rglob("libnvrtc.so.*")):
            return ctypes.CDLL(str(library))
    pytest.fail("the package nvidia-cuda-nvrtc is not installed: it belongs to minigrad[dev]")


def compiled(nvrtc, source, instance, arch):
    """The log of a failed compilation, None where it went well."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"source.cu", 0, None, None) == 0
    try:
        assert nvrtc.nvrtcAddNameExpression(program, instance.encode()) == 0
        options = (ctypes.c_char_p * 2)(f"--gpu-architecture={arch}".encode(), b"--std=c++17")
        if nvrtc.nvrtcCompileProgram(program, 2, options) == 0:
            nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
            assert size.value > 0
            return None
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        return log.value.decode()
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


@pytest.mark.parametrize(("source", "instance", "arch"), CASES)
def test_compiles(nvrtc, source, instance, arch):
    assert compiled(nvrtc, source, instance, arch) is None


def test_an_error_is_found(nvrtc):
    assert "expected a" in compiled(nvrtc, gpu_first.AXPY.replace(";", "", 1), "axpy<float>", "sm_90")


def test_no_source_is_left_out():
    """CUDA's language is written only where the table above says, and in minigrad itself not at all yet. Who
    adds a place adds its source to the table, then counts it here."""
    words = re.compile(r"__global__|(?:Raw|Elementwise|Reduction)(?:Kernel|Module)\(|cupyx\.jit|cupy\.fuse|"
                       r"cupyx\.rsqrt|#include <cuda|loadModule")
    found = {str(path.relative_to(ROOT)): len(words.findall(path.read_text(encoding="utf-8")))
             for room in ("minigrad", "benchmarks", "torch_backend") for path in (ROOT / room).rglob("*.py")}
    assert {path: places for path, places in found.items() if places} == {"benchmarks/gpu_first.py": 5}
    assert set(KNOWN) == {"benchmarks/gpu_first.py"}
