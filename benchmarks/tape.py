"""In a worker: what recording costs. Tensors are tiny, so that nearly all of the time is the tape's."""

from __future__ import annotations

from typing import Any

from .worker import Context, Task


def _small(context: Context) -> list[Any]:
    B = context.B
    return [
        B.tensor([v, 2 * v], dtype=B.float32, device=context.device, requires_grad=True) for v in (0.5, 1.5)
    ]


def record(context: Context) -> Task:
    """One multiplication of two small tensors that require gradients; the result is dropped at once."""
    a, b = _small(context)

    def step() -> None:
        _ = a * b

    return Task(step, check=lambda: (a * b).tolist())


def record_kept(context: Context) -> Task:
    """The same, the result kept until the next call has made its own: memory that was just freed is not used
    again at once, which PyTorch's small objects gain from and ours do not."""
    a, b = _small(context)
    return Task(lambda: a * b, lambda result: result.sum().item(), lambda: (a * b).tolist())


def unrecorded(context: Context) -> Task:
    """The same where nothing requires gradients: what is left is calling the library."""
    a, b = (tensor.detach() for tensor in _small(context))
    return Task(lambda: a * b, lambda result: result.sum().item(), lambda: (a * b).tolist())


def chain(context: Context, length: int) -> Task:
    """`length` operations one after the other, then backward through all of them."""
    start, factor = _small(context)
    factor = (factor * 0 + 1).detach()  # values grow by 1 a pair, which float32 holds for 2**24 of them

    def step() -> Any:
        start.grad = None
        x = start
        for _ in range(length // 2):
            x = x * factor + factor
        x.sum().backward()
        return x

    def check() -> list[float]:
        result = step()
        return [*result.tolist(), *start.grad.tolist()]

    return Task(step, lambda x: x.sum().item(), check, {"nodes": length + 1})
