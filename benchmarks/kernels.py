"""In a worker: single kernels of minigrad for the roofline, and this machine's own ceilings.

A kernel's operations are those of its definition, and its bytes those of operands and results, each read or
written once; what it does beyond that (patches, transforms, further passes) shows as distance to the roof. By
tiles a convolution multiplies 2.25 times less than its definition, so it may lie above it.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .backends import BACKENDS
from .worker import Context

CALLS, SECONDS = 7, 0.1  # of each kernel: the best of so many calls, and as many more as fit into the time
IN_CACHE, IN_MEMORY = 1 << 19, 1 << 25  # bytes that each thread copies


def best(function: Callable[[], Any], times: int = CALLS, seconds: float = 0.0) -> float:
    """Seconds of the quickest of so many calls, or of those that fit into `seconds`."""
    shortest, end = float("inf"), time.perf_counter() + seconds
    while times > 0 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        shortest, times = min(shortest, time.perf_counter() - start), times - 1
    return shortest


def peaks(context: Context, dtype: str, threads: int) -> dict[str, float]:
    """What this machine reaches on so many threads: the best of some products, on BLAS's threads and on ours;
    copies in the cache and beyond it."""
    from minigrad.backends import numpy as xp

    found = {"flops/s": 0.0}
    for n, multiply in itertools.product((512, 1024), (np.matmul, xp.matmul)):
        square = np.ones((n, n), dtype)
        seconds = best(functools.partial(multiply, square, square), CALLS, SECONDS)
        found["flops/s"] = max(found["flops/s"], 2.0 * n**3 / seconds)
    with ThreadPoolExecutor(threads) as pool:
        for name, size in (("cached bytes/s", IN_CACHE), ("bytes/s", IN_MEMORY)):
            pairs = [(np.zeros(size, np.uint8), np.ones(size, np.uint8)) for _ in range(threads)]
            often = max(1, IN_MEMORY // size // 4)

            def copy(pair: tuple[np.ndarray, np.ndarray], often: int = often) -> None:
                for _ in range(often):
                    np.copyto(*pair)

            def copies(pairs: list[Any] = pairs) -> None:
                list(pool.map(copy, pairs))

            found[name] = 2.0 * size * often * threads / best(copies, CALLS, SECONDS)
    return found


class Kernel(NamedTuple):
    """`call(*arrays)`, arrays of `shapes`; `flops` of the definition. way: by "patches" or by "tiles"."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    call: Callable[..., Any]
    flops: float
    way: str = ""


def kernels(xp: Any) -> Iterator[Kernel]:
    """The kernels that the workloads' steps spend their time in, at sizes of theirs."""
    for n in (128, 512, 1024):
        yield Kernel(f"matmul {n}", ((n, n), (n, n)), xp.matmul, 2.0 * n**3)
    x_shape, w_shape, how = (16, 64, 32, 32), (64, 64, 3, 3), ((1, 1), (1, 1))
    flops = 2.0 * prod(x_shape) * w_shape[0] * 9
    for way in ("patches", "tiles"):
        yield Kernel("conv forward", (x_shape, w_shape),
                     lambda x, w: xp.conv2d(x, w, None, *how), flops, way)  # fmt: skip
        yield Kernel("conv input grad", (x_shape, w_shape),
                     lambda g, w: xp.conv2d_input_grad(g, w, x_shape, *how), flops, way)  # fmt: skip
        yield Kernel("conv weight grad", (x_shape, x_shape),
                     lambda g, x: xp.conv2d_weight_grad(g, x, w_shape, *how), flops, way)  # fmt: skip
    yield Kernel("conv 1×1", (x_shape, (128, 64, 1, 1)), xp.conv2d, 2.0 * prod(x_shape) * 128)
    images, each = (32, 64, 32, 32), 32.0 * 64 * 32 * 32
    statistics = [np.zeros(64, np.float32), np.ones(64, np.float32)]
    channel = (64,)
    yield Kernel("batch norm", (images, channel, channel),
                 lambda x, w, b: xp.batch_norm(x, w, b, 1e-5), 7 * each)  # fmt: skip
    yield Kernel("batch norm backward", (images, images, channel),
                 lambda g, x, w: xp.batch_norm_backward(g, x, w, *statistics), 9 * each)  # fmt: skip
    yield Kernel("max pool 2×2", (images,), lambda x: xp.max_pool2d(x, (2, 2), (2, 2)), each)
    indices = xp.max_pool2d(np.zeros(images, np.float32), (2, 2), (2, 2))[1]
    yield Kernel("max pool backward", ((32, 64, 16, 16),),
                 lambda g: xp.max_pool2d_backward(g, indices, images, (2, 2), (2, 2)), each)  # fmt: skip
    yield Kernel("relu", (images,), xp.relu, each)
    yield Kernel("relu backward", (images, images), xp.relu_backward, each)
    tokens, wide = (2048, 128), (2048, 512)
    yield Kernel("layer norm", (tokens, (128,), (128,)), lambda x, w, b: xp.layer_norm(x, 1, w, b, 1e-5),
                 7.0 * prod(tokens))  # fmt: skip
    yield Kernel("softmax", ((128, 64, 64),), lambda x: xp.softmax(x, -1), 4.0 * 128 * 64 * 64)
    yield Kernel("gelu", (wide,), xp.gelu, 20.0 * prod(wide))
    yield Kernel("gelu backward", (wide, wide), xp.gelu_backward, 30.0 * prod(wide))


@contextmanager
def _going_by(way: str) -> Iterator[None]:
    """Convolutions go by patches, or by tiles, whatever would be quicker; "": as they would."""
    from minigrad.backends.numpy import winograd

    before = winograd.fits
    if way:
        winograd.fits = lambda *question: way == "tiles"  # type: ignore[assignment]
    try:
        yield
    finally:
        winograd.fits = before


def _images(x: np.ndarray) -> np.ndarray:
    """In the layout in which kernels hand images to one another."""
    from minigrad.backends.numpy.layout import channels_last

    if x.ndim < 4 or x.shape[2] <= 3:
        return x
    return channels_last(np.ascontiguousarray(x.transpose(0, 2, 3, 1)))


def _results(result: Any) -> list[np.ndarray]:
    parts = result if isinstance(result, tuple) else (result,)
    return [part for part in parts if isinstance(part, np.ndarray)]


def measured(context: Context, dtype: str, threads: int) -> dict[str, Any]:
    """Each kernel's seconds, operations and bytes, and the optimizer's step; and the ceilings."""
    if BACKENDS[context.name].is_torch or context.device != "cpu":
        raise NotImplementedError("the roofline is of minigrad's kernels on the CPU")
    from minigrad.backends import numpy as xp

    random, rows = np.random.default_rng(0), []
    for kernel in kernels(xp):
        arrays = [_images(random.standard_normal(shape).astype(dtype)) for shape in kernel.shapes]
        with _going_by(kernel.way):
            moved = sum(array.nbytes for array in (*arrays, *_results(kernel.call(*arrays))))
            seconds = best(lambda: kernel.call(*arrays), CALLS, SECONDS)  # noqa: B023 - called here and now
        name = f"{kernel.name}, {kernel.way}" if kernel.way else kernel.name
        rows.append({"kernel": name, "seconds": seconds, "flops": kernel.flops, "bytes": moved})
    rows.append(_optimizer(context.B, dtype))
    found = peaks(context, dtype, threads)
    products = [row["flops"] / row["seconds"] for row in rows if row["kernel"].startswith("matmul")]
    return {"kernels": rows, "peaks": found | {"flops/s": max(found["flops/s"], *products)}}


def _optimizer(B: Any, dtype: str) -> dict[str, Any]:
    """SGD with momentum on 4 million weights: two products and two sums each; three read, two written."""
    parameter = B.nn.Parameter(B.zeros(1 << 22, dtype=getattr(B, dtype)))
    parameter.grad = B.ones_like(parameter).detach()
    optimizer = B.optim.SGD([parameter], lr=1e-3, momentum=0.9)
    count = parameter.numel()
    seconds = best(optimizer.step, CALLS, SECONDS)
    return {"kernel": "SGD step", "seconds": seconds, "flops": 4.0 * count,
            "bytes": 5 * count * parameter.itemsize}  # fmt: skip
