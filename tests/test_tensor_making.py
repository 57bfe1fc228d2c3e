"""Tensors filled, counted and drawn."""

import numpy as np
import pytest
import torch
from tensor_pairs import check, table

import minigrad


@table("""
    B.zeros(2)
    B.zeros(2, 3)
    B.zeros((2, 3))
    B.zeros([2, 3])
    B.zeros(())
    B.zeros()
    B.zeros(0)
    B.zeros(B.Size([2, 3]))
    B.zeros(B.tensor(2), 3)
    B.zeros(np.int64(2))
    B.zeros(2.0)
    B.zeros("a")
    B.zeros(2, "a")
    B.zeros((2, "a"))
    B.zeros((2, 1.5))
    B.zeros(None)
    B.zeros(-1)
    B.zeros(2, -1)
    B.zeros(2, dtype=B.int64)
    B.zeros(2, dtype=B.bool)
    B.zeros(2, dtype="float32")
    B.zeros(size=(2, 3))
    B.zeros(2, requires_grad=True)
    B.zeros(2, dtype=B.int64, requires_grad=True)
    B.zeros(2, device="cpu")
    B.zeros(2, device="nowhere")
    B.ones(2, 3)
    B.ones(2, dtype=B.bool)
    B.ones(2, dtype=B.float16)
    B.ones(2.5)
    B.ones(True)
    B.empty(2, 3).shape
    B.empty(2, dtype=B.int8).dtype
    B.empty((0, 2))
    B.full((2, 3), 5)
    B.full((2, 3), 5.0)
    B.full((2, 3), True)
    B.full((), 5)
    B.full([2], 5, dtype=B.float64)
    B.full((2,), 1.5, dtype=B.int64)
    B.full((2,), 300, dtype=B.uint8)
    B.full((2,), -1, dtype=B.uint8)
    B.full((2,), float("inf"))
    B.full((2,), B.tensor(5))
    B.full((2,), B.tensor(5.5))
    B.full((2,), np.float32(5))
    B.full((2,), np.int64(5))
    B.full(2, 5)
    B.full((2,), "a")
    B.full((2,), 5, requires_grad=True)
    B.full((2,), 5.0, requires_grad=True)
    B.full((-2,), 5)
    B.full(size=(2,), fill_value=3)
    B.zeros(("a", 2))
    B.ones(2, 3).reshape(2, "a")
    B.ones(2, 3).reshape("a", 2)
    B.ones(2, 3).view(2, "a")
    B.ones(2, 3).view(2.0, 3)
    B.ones(2, 3).reshape()
    B.ones(2, 3).view()
    B.reshape(B.ones(2, 3), "a")
    B.reshape(B.ones(2, 3), 6)
    B.permute(B.ones(2, 3), 1)
    B.ones(2, 3).permute(1, "a")
    B.ones(2, 3).permute(1.0, 0)
    B.zeros((2,), size=(2,))
    B.zeros(size=2)
    B.zeros(2, dtype=float)
    B.full((2,), 1e300, dtype=B.float32)
    B.full((2,), 70000, dtype=B.float16)
    B.full((2,), 1e10, dtype=B.int32)
    B.full((2,), [1])
    B.full((2,), B.tensor([1]))
""")
def test_filled(program):
    """Sizes and fill values."""
    check(program)


@table("""
    x = B.ones(2, 3, dtype=B.float64); B.zeros_like(x)
    x = B.ones(2, 3, dtype=B.int32); B.ones_like(x)
    x = B.ones(2, 3); B.ones_like(x, dtype=B.int64)
    x = B.ones(2, 3).t(); B.zeros_like(x)
    x = B.ones(2, 3).t(); B.ones_like(x)
    x = B.ones(2, 3).t(); B.full_like(x, 2)
    x = B.ones(3).expand(2, 3); B.zeros_like(x)
    x = B.ones(4, 6)[:, ::2]; B.zeros_like(x)
    x = B.ones(2, requires_grad=True); B.zeros_like(x)
    x = B.ones(2); B.zeros_like(x, requires_grad=True)
    B.zeros_like(1.5)
    B.zeros_like([1])
    B.zeros_like(np.ones(2))
    B.full_like(B.ones(2, dtype=B.int64), 2.5)
    B.full_like(B.ones(2), 2)
    B.full_like(B.ones(2, dtype=B.bool), 2)
    B.full_like(1.0, 2)
    B.empty_like(B.ones(2, 3).t()).stride()
    B.rand_like(B.ones(2, 3)).shape
    B.rand_like(B.ones(2, dtype=B.int64))
    B.randn_like(B.ones(2, dtype=B.float64)).dtype
    B.randn_like(B.ones(2, dtype=B.int64))
    B.randint_like(B.ones(2), 5).dtype
    B.randint_like(B.ones(2, dtype=B.int64), 2, 5).dtype
    B.rand_like(1)
""")
def test_like(program):
    """In the likeness of a tensor: dtype and memory order."""
    check(program)


@table("""
    x = B.ones(2, dtype=B.float64); x.new_zeros(3)
    x = B.ones(2, dtype=B.float64); x.new_zeros(3, 2)
    x = B.ones(2, dtype=B.float64); x.new_zeros((3, 2))
    x = B.ones(2, dtype=B.int32); x.new_ones(3)
    x = B.ones(2, dtype=B.int32); x.new_ones(3, dtype=B.float32)
    x = B.ones(2); x.new_ones((3,), requires_grad=True)
    x = B.ones(2, dtype=B.int32); x.new_full((3,), 2.7)
    x = B.ones(2, dtype=B.int32); x.new_full((3,), 2)
    x = B.ones(2); x.new_full((3,), 2)
    x = B.ones(2, dtype=B.int32); x.new_empty(3).dtype
    x = B.ones(2, dtype=B.int32); x.new_empty((3, 2)).shape
    x = B.ones(2); x.new_tensor([1, 2])
    x = B.ones(2, dtype=B.int64); x.new_tensor([1.5, 2])
    x = B.ones(2); x.new_tensor(3)
    x = B.ones(2); x.new_tensor([1, 2], dtype=B.int64)
    x = B.ones(2); x.new_tensor([1, 2], requires_grad=True)
    x = B.ones(2); x.new_tensor(B.ones(2, dtype=B.int64))
    x = B.ones(2); x.new(2, 3).shape
    x = B.ones(2, dtype=B.int64); x.new(2, 3).dtype
    x = B.ones(2); x.new([1, 2])
    x = B.ones(2); x.new().shape
    x = B.ones(2, dtype=B.int64); x.new([1, 2])
    x = B.ones(2); x.new_zeros("a")
    x = B.ones(2); x.new_zeros(-1)
    x = B.ones(2, requires_grad=True); x.new_zeros(2)
""")
def test_new(program):
    """`tensor.new_...`."""
    check(program)


@table("""
    B.arange(5).tolist()
    B.arange(0).tolist()
    B.arange(5.0).tolist()
    B.arange(2.5).tolist()
    B.arange(1, 5).tolist()
    B.arange(1, 5, 2).tolist()
    B.arange(5, 1, -1).tolist()
    B.arange(5, 1, -2).tolist()
    B.arange(1, 2, 0.25).tolist()
    B.arange(0, 1, 0.1).tolist()
    B.arange(0, 1, 0.1, dtype=B.float64).tolist()
    B.arange(5, dtype=B.float32).tolist()
    B.arange(5, dtype=B.int32).tolist()
    B.arange(2.5, dtype=B.int64).tolist()
    B.arange(0.5, 5, dtype=B.int64).tolist()
    B.arange(1, 10, 2.5).tolist()
    B.arange(1, 10, 2.5, dtype=B.int64).tolist()
    B.arange(-5)
    B.arange(5, 1)
    B.arange(1, 5, -1)
    B.arange(1, 5, 0)
    B.arange(5, 5).tolist()
    B.arange(end=5).tolist()
    B.arange(start=1, end=5).tolist()
    B.arange(1, end=5).tolist()
    B.arange(1, 5, step=2).tolist()
    B.arange(B.tensor(3)).tolist()
    B.arange(B.tensor(3.0)).tolist()
    B.arange(np.int64(3)).tolist()
    B.arange(np.float32(3)).tolist()
    B.arange(True).tolist()
    B.arange("a")
    B.arange()
    B.arange(float("nan"))
    B.arange(float("inf"))
    B.arange(0, 3, requires_grad=True)
    B.arange(0.0, 3, requires_grad=True).tolist()
    B.arange(3, dtype=B.bool)
    B.arange(300, dtype=B.uint8)[-1].tolist()
    B.arange(5, dtype=B.float16).tolist()
    B.arange(0, 1, 0.3, dtype=B.float16).tolist()
    B.arange(-1, 1, 0.5).tolist()
    B.arange(1e5, 1e5 + 1, 0.1).tolist()
    B.arange(2**53, 2**53 + 3).tolist()
    B.arange(0, 1000, 0.001)[::9973].tolist()
    B.arange(0, 100, 0.7).tolist()
    B.arange(0, 100, 0.7, dtype=B.float64).tolist()
""")
def test_arange(program):
    """Counting, equal to the bit."""
    check(program)


@table("""
    B.linspace(0, 1, 5).tolist()
    B.linspace(0, 1, 4).tolist()
    B.linspace(0, 1, 7).tolist()
    B.linspace(0, 1, 10).tolist()
    B.linspace(0, 1, 100).tolist()
    B.linspace(-3, 3, 101).tolist()
    B.linspace(-1, 2.5, 37, dtype=B.float64).tolist()
    B.linspace(0, 1, 1).tolist()
    B.linspace(0, 1, 0).tolist()
    B.linspace(0, 1, 2).tolist()
    B.linspace(5, 1, 4).tolist()
    B.linspace(0, 10, 5, dtype=B.int64).tolist()
    B.linspace(0, 10, 4, dtype=B.int64).tolist()
    B.linspace(-10, 10, 7, dtype=B.int32).tolist()
    B.linspace(0, 1, -1)
    B.linspace(0, 1, steps=3).tolist()
    B.linspace(start=0, end=1, steps=3).tolist()
    B.linspace(0, 1, 3.5)
    B.linspace("a", 1, 3)
    B.linspace(B.tensor(0.0), B.tensor(1.0), 3).tolist()
    B.linspace(B.tensor([0.0]), 1, 3)
    B.linspace(0, 1, 3, requires_grad=True).tolist()
    B.linspace(0, 1, 6, dtype=B.float16).tolist()
    B.linspace(-3.14159, 3.14159, 2000).tolist()
    B.linspace(-2 * B.pi, 2 * B.pi, 1001).tolist()
    B.linspace(1e-3, 1e3, 333).tolist()
    B.linspace(0, 1, 5, dtype=B.bool)
""")
def test_linspace(program):
    """Points between bounds, equal to the bit."""
    check(program)


@table("""
    B.eye(3)
    B.eye(2, 3)
    B.eye(3, 2)
    B.eye(0)
    B.eye(2, dtype=B.int64)
    B.eye(2, dtype=B.bool)
    B.eye(-1)
    B.eye(2, -1)
    B.eye(n=2, m=1)
    B.eye(2.5)
    B.eye("a")
    B.eye(2, requires_grad=True)
""")
def test_eye(program):
    """Identity matrices."""
    check(program)


@table("""
    B.rand(2, 3).shape
    B.rand((2, 3)).dtype
    B.rand(2, dtype=B.float64).dtype
    B.rand(2, dtype=B.int64)
    B.rand(-1)
    B.rand("a")
    B.randn(2, 3).shape
    B.randn(2, dtype=B.int64)
    B.randn([2], requires_grad=True).requires_grad
    B.randint(5, (2, 3)).dtype
    B.randint(5, (2, 3)).shape
    B.randint(2, 5, (3,)).dtype
    B.randint(2, 5, (3,), dtype=B.float32).dtype
    B.randint(5, (2,), dtype=B.int32).dtype
    B.randint(5, 5, (2,))
    B.randint(5, 2, (2,))
    B.randint(5)
    B.randint(5, 2)
    B.randint(low=0, high=5, size=(2,)).shape
    B.randint(high=5, size=(2,)).shape
    B.randint(0, 5, [2, 2]).shape
    B.randperm(5).dtype
    B.randperm(0)
    B.randperm(-1)
    B.randperm(5, dtype=B.int32).dtype
    B.randperm(5.0)
    B.manual_seed(3); B.rand(2), B.randn(20), B.randint(100, (3,)), B.randperm(6)
    g = B.Generator(); g.manual_seed(5); B.rand(2, generator=g), B.randn(3, generator=g)
    g = B.Generator(); g.manual_seed(5); B.randint(0, 9, (3,), generator=g), B.randperm(4, generator=g)
    B.manual_seed(3); B.empty(3).uniform_(-1, 1), B.empty(3).normal_(2, 3), B.ones(4).bernoulli_(0.3)
    B.manual_seed(1); B.rand_like(B.ones(2, 3).t()), B.randn_like(B.ones(5, 4).t())
    B.manual_seed(1); B.randint_like(B.ones(2, 3).t(), 9)
    B.manual_seed(1); B.normal(5.0, 2.0, (20,)), B.normal(B.zeros(3), B.ones(3)), B.normal(0, B.ones(2, 1))
    B.manual_seed(1); B.normal(B.zeros(2, 1), B.ones(3)), B.normal(B.ones(17), 2)
    B.normal(0, 1)
    B.normal(0, -1, (2,))
    B.normal(B.zeros(2), B.ones(3))
    B.normal(B.zeros(2), -B.ones(2))
    B.normal(B.zeros(2, dtype=B.int64), 1)
    B.manual_seed(2); B.rand(size=(2,)), B.randn(size=[3])
""")
def test_drawn(program):
    """Drawn tensors: arguments, layout, streams."""
    check(program)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_counting_is_equal_to_the_bit(name):
    """torch fuses and counts in vectors, from both ends: every rounding is the same."""
    random = np.random.default_rng(4)
    ours, theirs = getattr(minigrad, name), getattr(torch, name)
    for _ in range(200):
        start, span, count = random.uniform(-5, 5), random.uniform(-3, 9), int(random.integers(2, 300))
        assert_same(minigrad.linspace(start, start + span, count, dtype=ours),
                    torch.linspace(start, start + span, count, dtype=theirs))
        step = random.choice([0.1, 0.7, 0.001, span / count])
        end = start + step * (count - 0.5)
        assert_same(minigrad.arange(start, end, step, dtype=ours),
                    torch.arange(start, end, step, dtype=theirs))


def assert_same(got, want):
    assert got.tolist() == want.tolist()


def test_the_default_dtype():
    """What it is tells which dtype floats get; only floating point ones may be it."""
    for B in (torch, minigrad):
        B.set_default_dtype(B.float64)
        try:
            made = [B.tensor(1.5), B.zeros(1), B.arange(2.0), B.tensor([1]) / 2, B.tensor([1]).exp(),
                    B.full((1,), 2.0)]
            assert {str(x.dtype) for x in made} == {"torch.float64"}
            assert str(B.tensor([1]).dtype) == "torch.int64" and B.get_default_dtype() is B.float64
        finally:
            B.set_default_dtype(B.float32)
    check("B.set_default_dtype(B.int64)")
