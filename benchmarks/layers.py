"""In a worker: convolution over the layer shapes of ResNet-18 and VGG-16 on 224×224 images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .worker import Context, Task

BATCH = 4


@dataclass(frozen=True)
class Layer:
    """A convolution of `size` × `size` images, padded so that stride 1 keeps their size."""

    inputs: int
    outputs: int
    size: int
    kernel: int = 3
    stride: int = 1

    @property
    def name(self) -> str:
        stride = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.kernel}×{self.kernel}{stride} {self.inputs}→{self.outputs} @{self.size}"

    def flops(self, batch: int) -> int:
        """Multiplications and additions of the forward pass; each of the two gradients takes as many."""
        pixels = batch * (self.size // self.stride) ** 2
        return 2 * pixels * self.outputs * self.inputs * self.kernel**2


LAYERS = {
    "ResNet-18": (
        Layer(3, 64, 224, 7, 2), Layer(64, 64, 56), Layer(64, 128, 56, 3, 2), Layer(64, 128, 56, 1, 2),
        Layer(128, 128, 28), Layer(128, 256, 28, 3, 2), Layer(128, 256, 28, 1, 2), Layer(256, 256, 14),
        Layer(256, 512, 14, 3, 2), Layer(256, 512, 14, 1, 2), Layer(512, 512, 7),
    ),
    "VGG-16": (
        Layer(3, 64, 224), Layer(64, 64, 224), Layer(64, 128, 112), Layer(128, 128, 112), Layer(128, 256, 56),
        Layer(256, 256, 56), Layer(256, 512, 28), Layer(512, 512, 28), Layer(512, 512, 14),
    ),
}  # fmt: skip


def convolution(
    context: Context,
    layer: dict[str, int],
    batch: int,
    dtype: str,
    backward: bool,
    options: dict[str, bool] | None = None,
) -> Task:
    """The forward pass, or forward, input gradient and weight gradient."""
    B, shape = context.B, Layer(**layer)
    B.manual_seed(0)
    sides = (batch, shape.inputs, shape.size, shape.size)
    x = B.randn(*sides, dtype=getattr(B, dtype)).to(context.device)
    weight = B.randn(shape.outputs, shape.inputs, shape.kernel, shape.kernel, dtype=x.dtype).to(
        context.device
    )
    if options and options.get("channels_last"):
        x, weight = (tensor.to(memory_format=B.channels_last) for tensor in (x, weight))
    if backward:
        x, weight = x.requires_grad_(), weight.requires_grad_()

    def forward() -> Any:
        return B.nn.functional.conv2d(x, weight, stride=shape.stride, padding=shape.kernel // 2)

    cotangent = B.ones_like(forward()).detach()

    def step() -> Any:
        x.grad = weight.grad = None
        z = forward()
        z.backward(cotangent)
        return z

    def check() -> list[float]:
        if not backward:
            return [forward().abs().mean().item()]
        step()
        return [tensor.abs().mean().item() for tensor in (x.grad, weight.grad)]

    facts = {"flops": shape.flops(batch) * (3 if backward else 1)}
    return Task(step if backward else forward, check=check, facts=facts)
