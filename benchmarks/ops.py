"""In a worker: single operations of the registry, on the parity harness's samples drawn large.

The calls come from `torch_backend.parity`, so this part needs PyTorch even where only minigrad is timed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

from .worker import Context, Task

SIZES = (2**10, 2**16, 2**20)  # elements of an operand: in the first cache, in the second, in memory

NO_GRADIENT = "nothing to differentiate"


def _images(d: Any) -> Any:
    """(4, 16, side, side), of about the elements asked for."""
    side = max(8, math.isqrt(d.elements // 64))
    return d.tensor((4, 16, side, side))


def _scores(d: Any) -> Any:
    return [d.tensor((d.edge, d.edge)), d.index((d.edge,), d.edge)], {}


# Samples whose shapes the drawer does not choose: what to draw instead.
_DRAWS: dict[str, Any] = {
    "conv2d": lambda d: ([_images(d), d.tensor((16, 16, 3, 3)), d.tensor((16,))], {"padding": 1}),
    "max_pool2d": lambda d: ([_images(d)], {"kernel_size": 2}),
    "avg_pool2d": lambda d: ([_images(d)], {"kernel_size": 2}),
    "adaptive_avg_pool2d": lambda d: ([_images(d)], {"output_size": 1}),
    "batch_norm": lambda d: ([_images(d), None, None, d.tensor((16,)), d.tensor((16,))], {"training": True}),
    "embedding": lambda d: (
        [d.index((d.elements // 64,), 1000), d.tensor((1000, 64))],
        {"padding_idx": None},
    ),
    "cross_entropy": _scores,
    "nll_loss": _scores,
    "bmm": lambda d: ([d.tensor((4, d.edge // 2, d.edge // 2)) for _ in range(2)], {}),
    "index_select": lambda d: ([d.tensor((d.edge, d.edge)), d.index((d.edge,), d.edge)], {"dim": 0}),
    "gather": lambda d: ([d.tensor((d.edge, d.edge)), d.index((d.edge, d.edge), d.edge)], {"dim": 1}),
}


def _drawer(elements: int, dtype: str) -> Any:
    """A drawer that takes the first of every choice, and shapes of `elements` elements."""
    from torch_backend.parity.draw import PLAIN, Drawer

    class Large(Drawer):
        def __init__(self) -> None:
            super().__init__(lambda options: options[0], dtype, PLAIN)
            self.elements, self.edge = elements, math.isqrt(elements)

        def shape(self, low: int = 0, high: int = 4, empty: bool = True) -> tuple[int, ...]:
            dims = min(max(low, 2), high)
            return {1: (elements,), 2: (self.edge, self.edge)}.get(dims, (4, self.edge // 4, self.edge))

        def side(self, low: int = 1, high: int = 4) -> int:
            return self.edge

        def pair(self, low: float = -2.0, high: float = 2.0, **how: Any) -> Any:
            return [self.tensor(self.shape(), low, high, **how) for _ in range(2)]

    return Large()


def samples(context: Context, only: list[str]) -> list[str]:
    """A sample for every row of the registry and one for every composition; `only` where it is not empty."""
    from minigrad.engine import REGISTRY
    from torch_backend.parity.coverage import samples_of
    from torch_backend.parity.samples import SAMPLES

    first = {found[0].name for found in map(samples_of, REGISTRY) if found}
    composed = {s.name for s in SAMPLES.values() if s.op not in REGISTRY and "." not in s.name}
    unknown = sorted(set(only) - first - composed)
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(sorted(first | composed))}")
    return sorted(set(only) or first | composed)


def operation(context: Context, sample: str, elements: int, backward: bool) -> Task:
    """The forward call, or forward and backward, on operands of about `elements` elements."""
    from torch_backend.parity.draw import Operand, flatten
    from torch_backend.parity.samples import SAMPLES

    B, chosen = context.B, SAMPLES[sample]
    if sample in _DRAWS:
        chosen = replace(chosen, draw=_DRAWS[sample])
    dtype = "float32" if "float32" in chosen.dtypes else chosen.dtypes[0]
    operands, attributes = chosen.draw(_drawer(elements, dtype))
    drawn = max((operand.values.size for operand in flatten(operands)), default=0)
    made: dict[int, Any] = {}  # the same operand twice is one tensor passed twice

    def make(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return type(value)(map(make, value))
        if not isinstance(value, Operand):
            return value
        if id(value) not in made:
            tensor = B.from_numpy(value.build()).to(context.device)
            made[id(value)] = tensor.requires_grad_(backward and value.grad)
        return made[id(value)]

    call = partial(chosen.call, B, *map(make, operands), **attributes)
    leaves = [tensor for tensor in made.values() if tensor.requires_grad]
    result = call()
    if not backward:
        return Task(call, check=lambda: _summary(call()), facts={"elements": drawn})
    place, output = _differentiable(result)
    if output is None:
        raise NotImplementedError(NO_GRADIENT)
    cotangent = B.ones_like(output).detach()

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        output = call()
        (output if place is None else output[place]).backward(cotangent)
        return output

    def check() -> list[float]:
        step()
        return [number for leaf in leaves if leaf.grad is not None for number in _summary(leaf.grad)]

    return Task(step, check=check, facts={"elements": drawn})


def _differentiable(result: Any) -> tuple[int | None, Any]:
    """The first output that has a gradient, and its place among several."""
    if not isinstance(result, (list, tuple)):
        return None, result if getattr(result, "requires_grad", False) else None
    for place, output in enumerate(result):
        if getattr(output, "requires_grad", False):
            return place, output
    return None, None


def _summary(result: Any) -> list[float]:
    """A number that differs when results do: the mean size, added up over several tensors."""
    if isinstance(result, (list, tuple)):
        return [sum(number for part in result for number in _summary(part))]
    if not hasattr(result, "detach"):
        return [float(result)]
    values = result.detach().double()
    return [values.abs().mean().item()] if result.numel() else [0.0]
