"""The models of the workloads, each written once against `B` (minigrad or torch_backend)."""

from __future__ import annotations

from typing import Any


def logistic_regression(B: Any) -> Any:
    """One affine map: 784 pixels to 10 classes."""
    return B.nn.Linear(784, 10)


def mlp(B: Any, hidden: int) -> Any:
    """784 pixels, two hidden layers with ReLU, 10 classes."""
    nn = B.nn
    return nn.Sequential(
        nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10)
    )


def _stage(B: Any, inputs: int, outputs: int) -> list[Any]:
    nn = B.nn
    return [nn.Conv2d(inputs, outputs, 3, 1, 1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2, 2, 0)]


def mnist_cnn(B: Any) -> Any:
    """Two stages of 16 and 32 channels on 1×28×28, then one affine map."""
    nn = B.nn
    return nn.Sequential(*_stage(B, 1, 16), *_stage(B, 16, 32), nn.Flatten(), nn.Linear(32 * 7 * 7, 10))


def classifier(B: Any) -> Any:
    """A course's classifier as it is often written: three stages, three affine maps, 11 classes."""
    nn = B.nn

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cnn = nn.Sequential(*_stage(B, 3, 64), *_stage(B, 64, 128), *_stage(B, 128, 512))
            self.fc = nn.Sequential(
                nn.Linear(512 * 4 * 4, 1024), nn.ReLU(), nn.Linear(1024, 32), nn.ReLU(), nn.Linear(32, 11)
            )

        def forward(self, x: Any) -> Any:
            out = self.cnn(x)
            out = out.reshape(out.size()[0], -1)  # `view` would refuse channels_last
            return self.fc(out)

    return Classifier()


def resnet18(B: Any) -> Any:
    """ResNet-18 (He et al., 2015) in its form for 32×32 images: a 3×3 stem and no first pooling."""
    nn = B.nn

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU()
            same = stride == 1 and inputs == outputs
            shortcut = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]
            self.shortcut = nn.Identity() if same else nn.Sequential(*shortcut)

        def forward(self, x: Any) -> Any:
            out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            return self.relu(out + self.shortcut(x))

    widths = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
    widths += [(128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, 1, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        *[Block(*width) for width in widths],
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


def _transformer_blocks(B: Any, depth: int, width: int, heads: int, length: int, causal: bool) -> Any:
    """Pre-norm blocks. Attention is the library's fused one where it has it, else its definition."""
    nn, functional = B.nn, B.nn.functional
    fused = getattr(functional, "scaled_dot_product_attention", None)

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.future = B.triu(B.ones(length, length), diagonal=1) > 0 if causal and not fused else None

        def forward(self, x: Any) -> Any:
            n, each = x.shape[0], width // heads
            q, k, v = self.qkv(x).reshape(n, length, 3, heads, each).permute(2, 0, 3, 1, 4).unbind(0)
            if fused:
                mixed = fused(q, k, v, is_causal=causal)
            else:
                scores = (q @ k.transpose(-2, -1)) * each**-0.5
                if causal:
                    scores = scores.masked_fill(self.future, float("-inf"))
                mixed = functional.softmax(scores, dim=-1) @ v
            return self.out(mixed.transpose(1, 2).reshape(n, length, width))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.attention, self.norm2 = nn.LayerNorm(width), Attention(), nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x))
            return x + self.mlp(self.norm2(x))

    return nn.Sequential(*[Block() for _ in range(depth)])


def vision_transformer(
    B: Any, size: int = 32, patch: int = 4, width: int = 128, depth: int = 4, heads: int = 4
) -> Any:
    """ViT (Dosovitskiy et al., 2020): patches as tokens, learned positions, the mean token classified."""
    nn, length = B.nn, (size // patch) ** 2

    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, width, patch, patch)
            self.positions = nn.Parameter(B.zeros(1, length, width))
            self.blocks = _transformer_blocks(B, depth, width, heads, length, causal=False)
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

        def forward(self, x: Any) -> Any:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            return self.head(self.norm(self.blocks(tokens + self.positions)).mean(dim=1))

    return ViT()


def gpt(
    B: Any, vocabulary: int = 65, context: int = 64, width: int = 128, depth: int = 4, heads: int = 4
) -> Any:
    """GPT (Radford et al., 2019) over characters; gives the logits of all places as rows."""
    nn = B.nn

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(vocabulary, width)
            self.positions = nn.Parameter(B.zeros(1, context, width))
            self.blocks = _transformer_blocks(B, depth, width, heads, context, causal=True)
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, index: Any) -> Any:
            x = self.blocks(self.tokens(index) + self.positions)
            return self.head(self.norm(x)).reshape(-1, vocabulary)

    return GPT()
