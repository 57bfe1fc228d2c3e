"""Tensors beyond their operators: made of data, shared with NumPy, and torch's old constructors."""

import subprocess
import sys

import numpy as np
import pytest
from tensor_pairs import check, table

import minigrad


@table("""
    B.tensor(1)
    B.tensor(1.5)
    B.tensor(True)
    B.tensor([])
    B.tensor([[]])
    B.tensor([[], []])
    B.tensor(())
    B.tensor([1, 2])
    B.tensor([1, 2.5])
    B.tensor([True, False])
    B.tensor([True, 2])
    B.tensor([True, 2.5])
    B.tensor((1, 2))
    B.tensor([(1, 2), [3, 4]])
    B.tensor(range(3))
    B.tensor([range(3), range(3)])
    B.tensor(np.ones(2))
    B.tensor(np.ones(2, np.float32))
    B.tensor(np.float32(2))
    B.tensor(np.float64(2))
    B.tensor(np.int32(2))
    B.tensor(np.bool_(True))
    B.tensor([np.float32(2), np.float32(3)])
    B.tensor([np.float64(2), np.float64(3)])
    B.tensor([np.int32(2)])
    B.tensor([np.int8(2), 3])
    B.tensor([np.float32(2), 3])
    B.tensor([np.ones(2, np.float32), np.zeros(2)])
    B.tensor([np.ones(2, np.int32), np.zeros(2, np.int32)])
    B.tensor(np.arange(6).reshape(2, 3).T)
    B.tensor(np.array(3))
    B.tensor(np.array(["a"]))
    B.tensor(np.array([None]))
    B.tensor(np.ones(2, ">f4"))
    B.tensor([1, 2], dtype=B.float64)
    B.tensor([1.7, -2.7], dtype=B.int64)
    B.tensor([1.7, 0.0], dtype=B.bool)
    B.tensor([1, 2], dtype=B.uint8)
    B.tensor([300, 2], dtype=B.uint8)
    B.tensor([-1, 2], dtype=B.uint8)
    B.tensor([1.5, 2], dtype=B.uint8)
    B.tensor(300, dtype=B.uint8)
    B.tensor([1.5, 2.5], dtype=B.float16)
    B.tensor([1e300], dtype=B.float32)
    B.tensor([70000.0], dtype=B.float16)
    B.tensor(1, dtype=B.float32)
    B.tensor(1.5, requires_grad=True)
    B.tensor([1.5, 2], requires_grad=True)
    B.tensor([1, 2], requires_grad=True)
    B.tensor(True, requires_grad=True)
    B.tensor([B.tensor(1.0), B.tensor(2.0)])
    B.tensor([B.tensor(1), B.tensor(2)])
    B.tensor([B.tensor(1.0), 2])
    B.tensor([2, B.tensor(1.0)])
    B.tensor([B.tensor(1), 2.5])
    B.tensor([[B.tensor(1.0)], [B.tensor(2.0)]])
    B.tensor([B.tensor([1.0])])
    B.tensor([B.tensor([1.0]), B.tensor([2.0])])
    B.tensor([B.tensor([1.0, 2.0])])
    B.tensor([B.tensor([1.0, 2.0]), B.tensor([3.0, 4.0])])
    B.tensor([B.tensor([1, 2]), B.tensor([3, 4])])
    B.tensor([B.tensor(1.0, dtype=B.float64), B.tensor(2.0)])
    B.tensor(B.tensor([1.0, 2.0]))
    B.tensor(B.tensor([1.0, 2.0], requires_grad=True))
    B.tensor(B.tensor([1.0, 2.0]), requires_grad=True)
    B.tensor(B.tensor([1, 2]), dtype=B.float64)
    B.tensor([1, [2]])
    B.tensor([[1, 2], [3]])
    B.tensor([[1, 2], 3])
    B.tensor([[[1], [2]], [[1], [2, 3]]])
    B.tensor("a")
    B.tensor("abc")
    B.tensor(["a"])
    B.tensor([1, "a"])
    B.tensor([["a", "b"]])
    B.tensor(None)
    B.tensor([None])
    B.tensor([1, None])
    B.tensor([1.5, None])
    B.tensor({})
    B.tensor({1: 2})
    B.tensor({1, 2})
    B.tensor(object())
    B.tensor(1, 2)
    B.tensor([1], dtype="float32")
    B.tensor([1], dtype=float)
    B.tensor([1], dtype=int)
    B.tensor([1.5], dtype=bool)
    B.tensor([1], dtype=np.float32)
    B.tensor(2**63)
    B.tensor(2**63 - 1)
    B.tensor([2**63])
    B.tensor(-2**63)
    B.tensor([2**70])
    B.tensor(2**70, dtype=B.float64)
    B.tensor([1], device="cpu")
    B.tensor([1], device=B.device("cpu"))
    B.tensor([1], device="cpu:0").device
    B.tensor([1.0], requires_grad=1)
    B.tensor(float("nan"))
    B.tensor([float("inf"), -float("inf")])
    B.tensor([300], dtype=B.int8)
    B.tensor([2**40], dtype=B.int32)
    B.tensor([1e20], dtype=B.int64)
    B.tensor([-1.5], dtype=B.uint8)
    B.tensor([-255], dtype=B.uint8)
    B.tensor([-256], dtype=B.uint8)
    B.tensor([float("nan")], dtype=B.int64)
    B.tensor([1.5, [2]])
    B.tensor([[1], [[2]]])
    B.tensor(np.array([300]), dtype=B.uint8)
    B.tensor(b"ab")
    B.tensor(bytearray(b"ab"))
    B.tensor([range(2), [3, 4]])
    B.tensor([[1], []])
    B.tensor([[[]], [[]]])
""")
def test_data(program):
    """`tensor`: which data give which dtype, and what is refused."""
    check(program)


@table("""
    B.as_tensor([1, 2])
    B.as_tensor(1.5)
    B.as_tensor(np.ones(2))
    a = np.ones(2); x = B.as_tensor(a); a[0] = 5; x
    a = np.ones(2); x = B.as_tensor(a, dtype=B.float32); a[0] = 5; x
    x = B.ones(2); B.as_tensor(x) is x
    x = B.ones(2); B.as_tensor(x, dtype=B.float64)
    x = B.ones(2, requires_grad=True); B.as_tensor(x)
    B.as_tensor("a")
    B.as_tensor(np.float32(2))
    B.as_tensor([np.float32(2)])
    B.as_tensor(2, dtype=B.float16)
    B.as_tensor(2, dtype=float)
    a = np.ones(2); x = B.from_numpy(a); a[0] = 5; x
    a = np.ones(2); x = B.from_numpy(a); x[0] = 5; a
    a = np.ones((2, 3)).T; B.from_numpy(a)
    a = np.arange(10)[::2]; B.from_numpy(a)
    a = np.arange(10)[::-1]; B.from_numpy(a)
    B.from_numpy(np.array(5))
    B.from_numpy([1])
    B.from_numpy(5)
    B.from_numpy(np.float32(5))
    B.from_numpy(np.array(["a"]))
    B.from_numpy(np.ones(2, ">f4"))
    B.from_numpy(np.ones(2, bool))
    B.from_numpy(np.broadcast_to(np.ones(2), (3, 2))).shape
    B.from_numpy(np.zeros((0, 3)))
    B.from_numpy(None)
""")
def test_arrays(program):
    """`as_tensor` and `from_numpy`."""
    check(program)


@table("""
    x = B.ones(2); a = x.numpy(); a[0] = 7; x
    x = B.ones(2); a = x.numpy(); x[0] = 7; a
    x = B.ones(2); a = x.numpy(); x.add_(1); a
    x = B.ones(2, requires_grad=True); x.numpy()
    x = B.ones(2, requires_grad=True); x.detach().numpy()
    x = B.ones(2, requires_grad=True); x.numpy(force=True)
    x = B.ones(2, requires_grad=True); np.asarray(x)
    x = B.ones(2); np.asarray(x)
    x = B.ones(2); np.array(x)
    x = B.ones(2); np.array(x, dtype=np.int32)
    x = B.ones(2); a = np.asarray(x); a[0] = 3; x
    x = B.ones(2); a = np.array(x); a[0] = 3; x
    np.exp(B.ones(2))
    np.ones(2) + B.ones(2)
    np.ones(2) * B.ones(2)
    np.float64(2) * B.ones(2)
    B.ones(2) * np.float64(2)
    B.ones(2) + np.ones(2)
    B.ones(2) + np.ones(2, np.float32)
    B.ones(2, dtype=B.int64) * np.float64(2)
    B.ones(2) * np.int64(3)
    B.ones(3, 2).t().numpy()
    B.ones(2).t().numpy()
    B.tensor(3.0).numpy()
    B.tensor(3).item()
    B.tensor(3.5).item()
    B.tensor(True).item()
    B.tensor([[3.5]]).item()
    B.ones(2).item()
    B.ones(0).item()
    B.tensor(0.1).item()
    B.tensor(0.1, dtype=B.float16).item()
    B.tensor(7, dtype=B.uint8).item()
    B.tensor([[1, 2], [3, 4]]).tolist()
    B.tensor(1.5).tolist()
    B.tensor([0.1]).tolist()
    B.tensor([True]).tolist()
    B.zeros(0, 2).tolist()
    B.zeros(2, 0).tolist()
    B.ones(2, requires_grad=True).tolist()
    B.tensor(1.0, requires_grad=True).item()
""")
def test_numpy(program):
    """To NumPy and back: shared memory, mixed operands, numbers."""
    check(program)


@table("""
    B.Tensor([1, 2])
    B.Tensor([[1, 2], [3, 4]])
    B.Tensor(2, 3).shape
    B.Tensor(2, 3).dtype
    B.Tensor()
    B.Tensor(2).shape
    B.Tensor(1.5)
    B.Tensor("a")
    B.Tensor((1, 2))
    B.Tensor([])
    B.Tensor(np.ones(2))
    B.Tensor(np.ones(2, np.float32))
    B.Tensor(B.ones(2))
    B.Tensor(B.ones(2, dtype=B.float64))
    B.Tensor(B.Size([2, 3])).shape
    B.Tensor([True])
    B.Tensor(True)
    B.Tensor(None)
    B.Tensor(range(3))
    B.Tensor(2, "a")
    B.Tensor(-1)
    B.LongTensor([1, 2])
    B.LongTensor([1.5, 2])
    B.LongTensor(2).dtype
    B.LongTensor(np.array([1, 2]))
    B.LongTensor(np.array([1.5, 2]))
    B.LongTensor(B.tensor([1, 2]))
    B.LongTensor()
    B.LongTensor(3, 2).shape
    B.LongTensor(range(3))
    B.FloatTensor([1, 2])
    B.FloatTensor([[1, 2]])
    B.FloatTensor(2, 2).shape
    B.FloatTensor(1.5)
    B.FloatTensor(np.ones(2))
    B.FloatTensor(np.ones(2, np.float32))
    B.DoubleTensor([1])
    B.IntTensor([1])
    B.ByteTensor([1, 2])
    B.BoolTensor([True, False])
    B.BoolTensor([1, 0])
    B.HalfTensor([1, 2])
    B.ShortTensor([1])
    B.CharTensor([1])
    isinstance(B.ones(1), B.FloatTensor)
    isinstance(B.ones(1), B.LongTensor)
    isinstance(B.tensor([1]), B.LongTensor)
    isinstance(B.tensor([1]), B.Tensor)
    isinstance(B.ones(1), B.Tensor)
    issubclass(B.FloatTensor, object)
    B.FloatTensor.dtype
    B.is_tensor(B.ones(1)), B.is_tensor(1)
""")
def test_legacy(program):
    """torch's old constructors."""
    check(program)


def test_an_array_that_is_not_writable_warns_and_shares():
    array = np.ones(2)
    array.flags.writeable = False
    minigrad.set_warn_always(True)
    with pytest.warns(UserWarning, match="not writable"):
        x = minigrad.from_numpy(array)
    minigrad.set_warn_always(False)
    assert x.data_ptr() == array.ctypes.data


WARNING_TWICE = """
import sys, warnings, numpy as np
B = __import__(sys.argv[1])
read_only, scalar, leaf = np.ones(2), B.ones(()), B.ones(1, requires_grad=True)
read_only.flags.writeable = False
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as caught:
    for _ in range(2):
        float(leaf), scalar.T, scalar.mT, B.ones(3, 2, 1).T, B.from_numpy(read_only), B.tensor([np.ones(2)])
    print(B.is_warn_always_enabled())
    B.set_warn_always(True)
    for _ in range(2):
        float(leaf)
    try:
        B.set_warn_always(1)
    except RuntimeError as error:
        print(str(error).splitlines()[0])
for warning in caught:
    print(str(warning.message).partition(" (Triggered")[0], warning.filename == "<string>")
"""


def test_what_torch_warns_of_once_in_a_process():
    said = [subprocess.run([sys.executable, "-c", WARNING_TWICE, library], capture_output=True, text=True,
                           check=True).stdout for library in ("minigrad", "torch")]
    assert said[0] == said[1] and said[0].count("requires_grad=True") == 3 and "not writable" in said[0]
