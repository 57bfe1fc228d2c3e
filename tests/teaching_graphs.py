"""Recordings of small programs, for the tests of the time machine: what a teacher would show first, and what
is large or odd."""

import random

import minigrad
from minigrad import nn

F = nn.functional


def scalar(dtype=minigrad.float32):
    x = minigrad.tensor(2.0, dtype=dtype, requires_grad=True)
    y = minigrad.tensor(3.0, dtype=dtype, requires_grad=True)
    with minigrad.record("z = (x + y) · (y − 2)") as trace:
        z = (x + y) * (y - 2)
        z.backward()
    return trace


def counter_example():
    """`a` is used twice: its node must wait for both cotangents."""
    x = minigrad.tensor(3.0, requires_grad=True)
    with minigrad.record("Why the order matters") as trace:
        a = x * x
        b = a + 1
        c = a * b
        c.backward()
    return trace


class Xor:
    """A program that can be run with and without being recorded; `watch` sees every loss before its walk."""

    def __init__(self):
        minigrad.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
        self.optimizer = minigrad.optim.SGD(self.model.parameters(), lr=0.3)
        self.inputs = minigrad.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        self.targets = minigrad.tensor([[0.0], [1.0], [1.0], [0.0]])

    def train(self, steps, watch=lambda loss: None):
        model, optimizer, inputs, targets = self.model, self.optimizer, self.inputs, self.targets
        for _ in range(steps):
            optimizer.zero_grad()
            output = model(inputs)
            loss = F.mse_loss(output, targets)
            watch(loss)
            loss.backward()
            optimizer.step()


def mlp(steps=6):
    program = Xor()
    with minigrad.record("An MLP learns XOR") as trace:
        program.train(steps)
    return trace


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, image):
        image = F.max_pool2d(F.relu(self.conv1(image)), 2)
        image = F.max_pool2d(F.relu(self.conv2(image)), 2)
        hidden = F.relu(self.fc1(image.flatten(1)))
        hidden = F.relu(self.fc2(hidden))
        return self.fc3(hidden)


def lenet(steps=8, batch=16):
    minigrad.manual_seed(0)
    model = LeNet()
    optimizer = minigrad.optim.SGD(model.parameters(), lr=0.05)
    rows, columns = minigrad.arange(28).reshape(28, 1), minigrad.arange(28)
    middle = minigrad.randint(8, 20, (batch, 2, 1, 1))
    distance = (rows - middle[:, :1]) ** 2 + (columns - middle[:, 1:]) ** 2
    images = minigrad.exp(-(distance.sqrt() - 6) ** 2 / 4)      # rings, as handwritten as can be had here
    labels = minigrad.randint(0, 10, (batch,))
    with minigrad.record("LeNet") as trace:
        for _ in range(steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
    return trace


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(x + y)


def residual():
    minigrad.manual_seed(0)
    stem, block = nn.Conv2d(1, 4, 3, padding=1), Block(4)
    images = minigrad.randn(2, 1, 8, 8)
    with minigrad.record("A residual block") as trace:
        h = stem(images)
        loss = block(h).square().mean()
        loss.backward()
    return trace


def recurrent():
    minigrad.manual_seed(0)
    cell = nn.RNNCell(3, 4)
    inputs = minigrad.randn(3, 2, 3)
    with minigrad.record("A recurrent cell") as trace:
        h = minigrad.zeros(2, 4)
        loss = minigrad.zeros(())
        for x in inputs:
            h = cell(x, h)
            loss = loss + h.square().sum()
        loss.backward()
    return trace


def chain(length=5000):
    x = minigrad.tensor(1.0, requires_grad=True)
    with minigrad.record("5,000 operations") as trace:
        y = x
        for k in range(length):
            y = y * 0.999 if k % 2 else y + 0.001
        y.backward()
    return trace


def tangle(operations=700, leaves=90):
    """Values used again and again, far away, and many leaves."""
    choose = random.Random(0)
    values = [minigrad.tensor(k / leaves, requires_grad=True) for k in range(leaves)]
    with minigrad.record("A tangle") as trace:
        total = sum(values[1:], values[0])
        values.append(total)
        for _ in range(operations):
            values.append((choose.choice(values[-300:]) * 0.5 + choose.choice(values[-60:])).tanh())
        (values[-1] + values[-2]).backward()
    return trace


class Twice(minigrad.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


def odd():
    """Several walks over what graphs can hold besides plain operations."""
    weight = minigrad.tensor([[1.0, 2.0, -3.0], [4.0, float("nan"), 6.0]], requires_grad=True)
    empty = minigrad.zeros(0, 3, requires_grad=True)
    table = nn.Embedding(5, 3)
    with minigrad.record("Odd ones") as trace:
        left, right = weight.split([1, 2], 1)
        first = Twice.apply(left).sum() + (right * right).sum() + empty.sum()
        index = minigrad.tensor([0, 2, 2])
        second = table(index)[:, 1:].max() + F.cross_entropy(table(index), minigrad.tensor([0, 1, 2]))
        values, _ = weight.max(1)
        third = minigrad.where(weight > 0, weight, weight.exp()).cumsum(0).mean()
        written = weight.clone()
        written[0] = 7
        written[:, 1] *= 2
        (first + second + values.sum() + third + weight.half().float().sum() + written.sum()).backward()
        x = minigrad.tensor([2.0, 3.0], dtype=minigrad.float64, requires_grad=True)
        [g] = minigrad.autograd.grad((x**3).sum(), [x], create_graph=True)
        (g * g).sum().backward()
        x.sum().backward()
        huge = minigrad.tensor(1e30, requires_grad=True)
        (huge * huge * 0.5 + 1e-30 * huge).backward()
        (minigrad.ones(3, requires_grad=True) * 2).backward(minigrad.tensor([1.0, 2.0, 3.0]))
    return trace
