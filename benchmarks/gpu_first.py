"""The first things to check on a GPU, before any kernel is written for it; each is on its own.

    python -m benchmarks.gpu_first --out first_things.json

a  cuDNN's convolution by raw pointers: its result and its time against torch's, channels-last, bfloat16
b  what a call of its Python frontend costs the host
c  own cuBLAS handle and workspace, and a RawKernel, captured in one CUDA graph with a memory pool of its own
d  the description of this GPU that cuDNN makes plans for without one
e  what a launch costs: ufunc, ElementwiseKernel, RawKernel
f  batch norm: the plan that the heuristics put first, against the best of all

a, b, d and f need nvidia-cudnn-frontend 1.22 to 1.25 and the cuDNN that torch came with.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# CUDA's language, and the types to compile it for; a test compiles each without a GPU.
AXPY = r"""
template <typename T> __global__ void axpy(const T a, const T* x, T* y, const int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = y[i] + a * x[i];
}
"""
ELEMENT = "y = y + a * x"  # what CuPy puts into a kernel of its own
AROUND = f"template <typename T> __global__ void element(const T a, const T x, T& y) {{ {ELEMENT}; }}"
SOURCES = {"axpy": (AXPY, ("axpy<float>", "axpy<double>")),
           "element": (AROUND, ("element<float>", "element<double>"))}  # fmt: skip
X, W = (128, 64, 56, 56), (64, 64, 3, 3)


def seconds(call: Callable[[], Any], wait: Callable[[], Any], count: int = 50) -> tuple[float, float]:
    """What a call costs the host, and what it takes until it is done."""
    for _ in range(5):
        call()
    wait()
    start = time.perf_counter()
    for _ in range(count):
        call()
    host = time.perf_counter() - start
    wait()
    return host / count, (time.perf_counter() - start) / count


def wait() -> None:
    import cupy

    cupy.cuda.Device().synchronize()


def channels_last(shape: tuple[int, ...]) -> list[int]:
    """Strides, in elements, of (N, C, H, W) in NHWC memory."""
    _, c, h, w = shape
    return [h * w * c, 1, w * c, c]


def graph(cudnn: Any, handle: Any) -> Any:
    bf16, single = cudnn.data_type.BFLOAT16, cudnn.data_type.FLOAT
    return cudnn.pygraph(io_data_type=bf16, intermediate_data_type=single, compute_data_type=single,
                         handle=handle)  # fmt: skip


def built(cudnn: Any, g: Any, every: bool = False) -> Any:
    g.validate()
    g.build_operation_graph()
    g.create_execution_plans([cudnn.heur_mode.A, cudnn.heur_mode.FALLBACK])
    g.check_support()
    g.build_plans(*[cudnn.build_plan_policy.ALL] if every else [])
    return g


def convolution() -> dict[str, Any]:
    """a and b."""
    import cudnn
    import cupy
    import torch

    x = torch.randn(X, device="cuda", dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    w = torch.randn(W, device="cuda", dtype=torch.bfloat16).to(memory_format=torch.channels_last)
    y = torch.empty_like(x)
    handle = cudnn.create_handle()
    g = graph(cudnn, handle)
    image, kernel = (g.tensor(name=name, dim=list(shape), stride=channels_last(shape))
                     for name, shape in (("x", X), ("w", W)))  # fmt: skip
    out = g.conv_fprop(image=image, weight=kernel, padding=[1, 1], stride=[1, 1], dilation=[1, 1])
    out.set_output(True).set_data_type(cudnn.data_type.BFLOAT16).set_dim(list(X)).set_stride(channels_last(X))
    built(cudnn, g)
    room = cupy.empty(max(1, g.get_workspace_size()), "u1")
    pack = {image.get_uid(): x.data_ptr(), kernel.get_uid(): w.data_ptr(), out.get_uid(): y.data_ptr()}
    torch.cuda.synchronize()
    host, total = seconds(lambda: g.execute(pack, room.data.ptr, handle=handle), wait)
    torch.backends.cudnn.benchmark = True
    want = torch.nn.functional.conv2d(x, w, padding=1)
    _, torchs = seconds(lambda: torch.nn.functional.conv2d(x, w, padding=1), torch.cuda.synchronize)
    worst = ((y.float() - want.float()).abs().max() / want.float().abs().max()).item()
    return {"relative difference": worst, "seconds": total, "torch's seconds": torchs, "host seconds": host}


def capture() -> dict[str, Any]:
    """c."""
    import cupy
    from cuda.pathfinder import load_nvidia_dynamic_lib

    blas, handle, n = ctypes.CDLL(load_nvidia_dynamic_lib("cublas").abs_path), ctypes.c_void_p(), 512
    axpy = cupy.RawModule(code=AXPY, name_expressions=SOURCES["axpy"][1]).get_function("axpy<float>")
    pool, stream = cupy.cuda.MemoryPool(), cupy.cuda.Stream(non_blocking=True)
    one, zero = ctypes.c_float(1), ctypes.c_float(0)

    def ok(status: int) -> None:
        if status:
            raise RuntimeError(f"cuBLAS status {status}")

    with cupy.cuda.using_allocator(pool.malloc), stream:
        room = cupy.empty(32 << 20, "u1")
        ok(blas.cublasCreate_v2(ctypes.byref(handle)))
        ok(blas.cublasSetStream_v2(handle, ctypes.c_void_p(stream.ptr)))
        ok(blas.cublasSetWorkspace_v2(handle, ctypes.c_void_p(room.data.ptr), ctypes.c_size_t(room.nbytes)))
        x, y = (cupy.random.default_rng(k).random((n, n), dtype=cupy.float32) for k in range(2))
        z = cupy.empty((n, n), cupy.float32)

        def step() -> None:
            a, b, c = (ctypes.c_void_p(array.data.ptr) for array in (y, x, z))  # row-major: yᵀ xᵀ
            ok(blas.cublasSgemm_v2(handle, 0, 0, n, n, n, ctypes.byref(one), a, n, b, n, ctypes.byref(zero),
                                   c, n))  # fmt: skip
            axpy((n * n // 256,), (256,), (cupy.float32(2), x, z, cupy.int32(n * n)))

        step()
        stream.synchronize()
        stream.begin_capture()
        step()
        captured = stream.end_capture()
        z.fill(0)
        captured.launch(stream)
        stream.synchronize()
        worst = float(abs(z - (x @ y + 2 * x)).max() / abs(z).max())
        eager = seconds(step, stream.synchronize)
        replay = seconds(lambda: captured.launch(stream), stream.synchronize)
    return {"relative difference": worst, "eager seconds": eager, "replayed seconds": replay}


def description() -> dict[str, Any]:
    """d."""
    import cudnn

    return {"device": str(cudnn.create_device_properties(0).serialize())}


def launches() -> dict[str, Any]:
    """e: (host, in all) seconds."""
    import cupy

    x = cupy.ones(1024, cupy.float32)
    y = x.copy()
    element = cupy.ElementwiseKernel("T a, T x", "T y", ELEMENT, "axpy_elementwise")
    raw = cupy.RawModule(code=AXPY, name_expressions=SOURCES["axpy"][1]).get_function("axpy<float>")
    two, n = cupy.float32(2), cupy.int32(1024)
    return {"ufunc": seconds(lambda: cupy.add(x, y, out=y), wait, 1000),
            "ElementwiseKernel": seconds(lambda: element(two, x, y), wait, 1000),
            "RawKernel": seconds(lambda: raw((4,), (256,), (two, x, y, n)), wait, 1000)}  # fmt: skip


def batch_norm_plans() -> dict[str, Any]:
    """f: seconds of each plan of training batch norm, the heuristics' first at the front."""
    import cudnn
    import cupy
    import torch

    handle, channel = cudnn.create_handle(), (1, X[1], 1, 1)
    bf16, single = cudnn.data_type.BFLOAT16, cudnn.data_type.FLOAT
    g = graph(cudnn, handle)
    operands = [g.tensor(name="input", dim=list(X), stride=channels_last(X), data_type=bf16)]
    for name in ("scale", "bias", "in_running_mean", "in_running_var"):
        operands.append(g.tensor(name=name, dim=list(channel), stride=channels_last(channel),
                                 data_type=single))  # fmt: skip
    for name in ("epsilon", "momentum"):
        operands.append(g.tensor(name=name, dim=[1] * 4, stride=[1] * 4, is_pass_by_value=True,
                                 data_type=single))  # fmt: skip
    results = g.batchnorm(**{tensor.get_name(): tensor for tensor in operands})
    for k, tensor in enumerate(results):
        shape = channel if k else X
        tensor.set_output(True).set_data_type(single if k else bf16)
        tensor.set_dim(list(shape)).set_stride(channels_last(shape))
    built(cudnn, g, every=True)
    kept, pack = [], {}
    for k, tensor in enumerate([*operands, *results]):  # the numbers are on the CPU, 0.5 each
        large, number = k in (0, len(operands)), k in (5, 6)
        kept.append(torch.full([1] * 4 if number else X if large else channel, 0.5,
                               device="cpu" if number else "cuda",
                               dtype=torch.bfloat16 if large else torch.float32))  # fmt: skip
        kept[-1] = kept[-1].to(memory_format=torch.channels_last)
        pack[tensor.get_uid()] = kept[-1] if number else kept[-1].data_ptr()
    room = cupy.empty(max(1, g.get_workspace_size()), "u1")
    return {"seconds": [seconds(lambda k=k: g.execute_plan_at_index(pack, room.data.ptr, k, handle=handle),
                                wait)[1] for k in range(g.get_execution_plan_count())]}  # fmt: skip


CHECKS = {"a, b: convolution": convolution, "c: capture": capture, "d: description": description,
          "e: launches": launches, "f: batch norm": batch_norm_plans}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args(arguments).out
    found: dict[str, Any] = {}
    for name, run in CHECKS.items():
        try:
            found[name] = run()
        except Exception as error:  # noqa: BLE001 - that it fails, and how, is what is to be learnt
            found[name] = {"error": f"{type(error).__name__}: {error}"}
        print(name, json.dumps(found[name]), flush=True)
        out.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
