"""save and load: what goes in comes out, other programs read it, and no fault loses a file or runs code."""

import fcntl
import io
import json
import math
import os
import pickle
import random
import resource
import subprocess
import sys
import time
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import minigrad
import torch_backend
from minigrad.atomic import replace_file

LIBRARIES = pytest.mark.parametrize("B", [minigrad, torch_backend], ids=["minigrad", "torch"])
ROOT = Path(__file__).parent.parent
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "bfloat16"]


def bits(tensor):
    """A tensor's bytes: nan and -0.0 count."""
    if isinstance(tensor, torch.Tensor) and tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return tensor.detach().numpy().tobytes()


def assert_same(B, got, want):
    assert type(got) is type(want)
    if isinstance(want, B.Tensor):
        assert (got.dtype, got.shape, got.requires_grad) == (want.dtype, want.shape, want.requires_grad)
        assert bits(got) == bits(want)
    elif isinstance(want, (np.ndarray, np.generic)):
        assert (got.dtype, got.shape, got.tobytes()) == (want.dtype, want.shape, want.tobytes())
    elif isinstance(want, dict):
        assert [(type(key), key) for key in got] == [(type(key), key) for key in want]
        for key in want:
            assert_same(B, got[key], want[key])
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for ours, theirs in zip(got, want, strict=True):
            assert_same(B, ours, theirs)
    elif isinstance(want, float):
        assert repr(got) == repr(want)  # which tells -0.0 from 0.0 and finds nan equal to nan
    else:
        assert got == want


def round_trip(B, value):
    stream = io.BytesIO()
    B.save(value, stream)
    stream.seek(0)
    return B.load(stream)


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from([name for name in DTYPES if name != "bfloat16"]))
    shape = draw(st.sampled_from([(), (0,), (1,), (7,), (2, 3), (3, 0, 2), (2, 1, 4)]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    bits = generator.integers(0, 2 if dtype == "bool" else 256, math.prod(shape) * 8, np.uint8)
    array = bits.view(dtype)[: math.prod(shape)].reshape(shape)
    return array.T if draw(st.booleans()) else array


def trees(B):
    keys = st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))
    leaves = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5),
        arrays(), arrays().map(lambda array: array.ravel()[0] if array.size else array),
        arrays().map(lambda array: B.from_numpy(array.copy())),
        st.sampled_from([B.float32, B.int64, B.Size([2, 3]), B.Size([]), B.device("cpu")]),
    )  # fmt: skip
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.lists(inner, max_size=4).map(tuple),
            st.dictionaries(keys, inner, max_size=4),
            st.dictionaries(keys, inner, max_size=4).map(OrderedDict),
            st.dictionaries(keys, st.integers(), max_size=4).map(Counter),
        ),
        max_leaves=12,
    )


@LIBRARIES
@given(st.data())
def test_what_goes_in_comes_out(B, data):
    tree = data.draw(trees(B))
    assert_same(B, round_trip(B, tree), tree)


@LIBRARIES
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype(B, name):
    values = [0.0, -0.0, 1.5, 2.0] if "float" in name else [0, 1, 1, 0]
    tensor = B.tensor(values, dtype=getattr(B, name)).reshape(2, 2)
    for value in (tensor, tensor.t(), tensor[0, 0], tensor[:0]):
        assert_same(B, round_trip(B, value), value)
    assert round_trip(B, {"dtype": tensor.dtype})["dtype"] is tensor.dtype


@LIBRARIES
def test_special_floats_and_integers(B):
    values = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.79e308, 0.1, 2**70, -(2**63), True]
    assert_same(B, round_trip(B, values), values)
    tensor = B.tensor([math.nan, math.inf, -math.inf, -0.0, 1e-45])
    assert_same(B, round_trip(B, tensor), tensor)


@LIBRARIES
def test_requires_grad_parameters_and_graphs(B):
    leaf = B.ones(2, requires_grad=True)
    tensors = {"leaf": leaf, "result": leaf * 2, "parameter": B.nn.Parameter(B.zeros(3)), "plain": B.ones(1)}
    tensors["frozen"] = B.nn.Parameter(B.zeros(3), requires_grad=False)
    loaded = round_trip(B, tensors)
    assert [tensor.requires_grad for tensor in loaded.values()] == [True, True, True, False, False]
    assert [type(tensor) for tensor in loaded.values()] == [type(tensor) for tensor in tensors.values()]
    assert all(tensor.is_leaf for tensor in loaded.values())
    loaded["plain"].add_(1)  # the memory is the tensor's own, and writable


VIEWS = [lambda x: x, lambda x: x.detach(), lambda x: x[3:9], lambda x: x[8:], lambda x: x[::2],
         lambda x: x[1::3], lambda x: x.view(3, 4), lambda x: x.view(3, 4).t(), lambda x: x.view(4, 3)[:, 1],
         lambda x: x[5], lambda x: x[2:3].expand(4), lambda x: x.view(3, 2, 2).transpose(0, 2)[1:],
         lambda x: x[:0], lambda x: x.clone()]  # fmt: skip


@LIBRARIES
@given(picks=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(VIEWS)), max_size=6),
       dtype=st.sampled_from(["float32", "int64", "bool", "bfloat16"]))  # fmt: skip
@example(picks=[(0, VIEWS[10]), (1, VIEWS[0])], dtype="float32")
def test_what_overlaps_in_memory_overlaps_again(B, picks, dtype):
    bases = [(B.arange(12) % 2 * (seed + 1)).to(getattr(B, dtype)) for seed in range(2)]
    tensors = [view(bases[base]) for base, view in picks]
    stream = io.BytesIO()
    B.save(tensors, stream)
    loaded = B.load(io.BytesIO(stream.getvalue()))
    # Whatever is written to one shows in the others as it did.
    for place, (got, want) in enumerate(zip(loaded, tensors, strict=True)):
        for number, (ours, theirs) in enumerate(zip(loaded, tensors, strict=True)):
            assert (ours is got) == (theirs is want)
            assert_same(B, ours, theirs)
            assert bits(ours.contiguous()) == bits(theirs.contiguous()), number
        index = (0,) * want.dim()
        if want.numel():
            got[index] = want[index] = place + 2 if dtype != "bool" else place % 2
    owned = sum(base.numel() * base.element_size() for base in bases)
    copies = sum(view(bases[base]).numel() for base, view in picks if view in VIEWS[-2:])
    assert len(stream.getvalue()) < 400 + 250 * len(picks) + owned + copies * 8


@LIBRARIES
def test_tied_weights_are_stored_once_under_their_first_name(B):
    model = B.nn.Sequential(OrderedDict(encoder=B.nn.Linear(40, 40), decoder=B.nn.Linear(40, 40)))
    model.decoder.weight = model.encoder.weight
    stream = io.BytesIO()
    B.save(model.state_dict(), stream)
    names = safetensors.numpy.load(stream.getvalue())
    assert set(names) == {"encoder.weight", "encoder.bias", "decoder.bias"}
    loaded = B.load(io.BytesIO(stream.getvalue()))
    assert list(loaded) == list(model.state_dict())
    loaded["encoder.weight"].zero_()
    assert not loaded["decoder.weight"].any()
    weight = model.encoder.weight
    first, second, third = round_trip(B, [weight, model.decoder.weight, weight.detach()])
    assert first is second and first is not third and type(first) is B.nn.Parameter and first.requires_grad
    assert type(third) is B.Tensor and not third.requires_grad and third.data_ptr() == first.data_ptr()


@LIBRARIES
def test_views_of_one_memory_count_its_changes_together(B):
    base = B.arange(12.0)
    one, row, turned = round_trip(B, [base, base[3:6], base.view(3, 4).t()])
    one[4] = 99.0
    assert row.tolist() == [3, 99, 5] and turned[0, 1].item() == 99
    if B is minigrad:
        assert row._version == turned._version == one._version == 1


@LIBRARIES
def test_a_file_from_before_tensors_shared_memory(B):
    from minigrad.serialization import _checksum

    arrays = {"encoder": np.ones(3), "decoder": np.ones(3)}
    text = json.dumps({"dict": [[name, {"tensor": name}] for name in arrays]})
    metadata = {"format": "minigrad", "minigrad.structure": text, "minigrad.crc32": _checksum(text, arrays)}
    loaded = B.load(io.BytesIO(safetensors.numpy.save(arrays, metadata)))
    loaded["encoder"].zero_()
    assert loaded["decoder"].tolist() == [1, 1, 1]


def test_what_is_shared_is_shared_on_another_device():
    base = torch.arange(6.0)
    for save in (torch.save, torch_backend.save):
        stream = io.BytesIO()
        save({"a": base, "b": base.detach(), "c": base + 1, "row": base[1:]}, stream)
        loaded = torch_backend.load(io.BytesIO(stream.getvalue()), map_location="meta")
        a, b, c, _ = (tensor.untyped_storage()._cdata for tensor in loaded.values())
        assert a == b != c and {tensor.device.type for tensor in loaded.values()} == {"meta"}


def network(B, seed=0):
    B.manual_seed(seed)
    return B.nn.Sequential(
        OrderedDict(body=B.nn.Linear(3, 4), norm=B.nn.BatchNorm1d(4), head=B.nn.Linear(4, 2, bias=False))
    )


def trained(B, seed=0):
    model = network(B, seed)
    optimizer = B.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        (model(B.randn(5, 3)) ** 2).sum().backward()
        optimizer.step()
    return model, optimizer


@LIBRARIES
def test_modules_and_optimizers(B, tmp_path):
    model, optimizer = trained(B)
    B.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "run.safetensors")
    loaded = B.load(str(tmp_path / "run.safetensors"))
    assert_same(B, loaded["optimizer"], optimizer.state_dict())
    assert loaded["model"]._metadata == model.state_dict()._metadata
    other, other_optimizer = trained(B, seed=1)
    other.load_state_dict(loaded["model"])
    other_optimizer.load_state_dict(loaded["optimizer"])
    assert_same(B, other.state_dict(), model.state_dict())
    assert_same(B, other_optimizer.state_dict(), optimizer.state_dict())


@LIBRARIES
def test_plain_safetensors_opens_a_state_dict(B, tmp_path):
    state_dict = network(B).state_dict()
    B.save(state_dict, tmp_path / "model.safetensors")
    with safetensors.safe_open(tmp_path / "model.safetensors", framework="numpy") as file:
        assert set(file.keys()) == set(state_dict)
        assert file.metadata()["format"] == "minigrad"
        for name, tensor in state_dict.items():
            np.testing.assert_array_equal(file.get_tensor(name), tensor.numpy(), strict=True)


@LIBRARIES
def test_names_in_a_nested_file(B):
    stream = io.BytesIO()
    one = B.ones(1)
    value = {"model": {"a.b": one}, "model.a": {"b": one * 2}, "list": [one + 1, (one + 2,)], "": one + 3}
    value["__metadata__"] = one + 4
    B.save(value, stream)
    names = set(safetensors.numpy.load(stream.getvalue()))
    assert names == {"model.a.b", "model.a.b~2", "list.0", "list.1.0", "tensor", "__metadata__~2"}
    assert_same(B, round_trip(B, value), value)
    assert_same(B, round_trip(B, {"\ud800": one}), {"\ud800": one})


@LIBRARIES
def test_files_of_other_programs(B, tmp_path):
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(3)}
    safetensors.numpy.save_file(arrays, tmp_path / "other.safetensors", metadata={"format": "pt"})
    loaded = B.load(tmp_path / "other.safetensors")
    assert_same(B, loaded, {"b": B.tensor(3), "w": B.arange(6, dtype=B.float32).reshape(2, 3)})


@pytest.mark.parametrize("source, target", [(minigrad, torch_backend), (torch_backend, minigrad)])
def test_either_library_reads_the_others_files(source, target, tmp_path):
    model, optimizer = trained(source)
    value = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    value["half"] = source.ones(2, dtype=source.bfloat16)
    source.save(value, tmp_path / "run.safetensors")
    loaded = target.load(tmp_path / "run.safetensors")
    for name, tensor in value["model"].items():
        assert bits(loaded["model"][name]) == bits(tensor)
    assert bits(loaded["half"]) == bits(value["half"])
    copy = network(target, seed=2)
    copy.load_state_dict(loaded["model"])
    copy_optimizer = target.optim.SGD(copy.parameters(), lr=1.0)
    copy_optimizer.load_state_dict(loaded["optimizer"])
    assert copy_optimizer.param_groups[0]["momentum"] == 0.9


@LIBRARIES
def test_map_location(B, tmp_path):
    B.save([B.ones(2)], tmp_path / "one")
    assert B.load(tmp_path / "one", map_location="cpu")[0].device.type == "cpu"
    assert B.load(tmp_path / "one", B.device("cpu"), weights_only=False)[0].device.type == "cpu"
    with pytest.raises(NotImplementedError, match="map_location"):
        B.load(tmp_path / "one", map_location=lambda storage, location: storage)


@LIBRARIES
@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda B: {"a": [1, lambda: 0]}, TypeError, r"cannot store the function at a\.1"),
        (lambda B: {"model": B.nn.Linear(1, 1)}, TypeError, "save its state_dict()"),
        (lambda B: {1, 2}, TypeError, "cannot store the set at the top"),
        (lambda B: {(1, 2): 3}, TypeError, "keys are strings, numbers or None"),
        (lambda B: {"x": np.array(["text"])}, NotImplementedError, "has no dtype <U4"),
        (lambda B: {"x": np.zeros(2, np.complex128)}, NotImplementedError, "has no dtype complex128"),
    ],
)
def test_what_cannot_be_saved(B, make, error, text, tmp_path):
    B.save(1, tmp_path / "file")
    with pytest.raises(error, match=text.replace("(", r"\(").replace(")", r"\)")):
        B.save(make(B), tmp_path / "file")
    assert B.load(tmp_path / "file") == 1
    assert os.listdir(tmp_path) == ["file"]


@LIBRARIES
def test_a_container_that_contains_itself(B):
    value = [1]
    value.append({"again": value})
    with pytest.raises(ValueError, match=r"the list at 1\.again contains itself"):
        B.save(value, io.BytesIO())
    twice = [1]
    assert round_trip(B, [twice, twice]) == [[1], [1]]


@LIBRARIES
@pytest.mark.parametrize("call", [lambda B: B.save(1, 3), lambda B: B.load(3)])
def test_what_is_no_file(B, call):
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
        call(B)


# -- what is not a file of ours ----------------------------------------------------------------------


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (self.target,)


@LIBRARIES
@pytest.mark.parametrize("weights_only", [True, False])
def test_pickles_are_refused_and_never_run(B, weights_only, tmp_path):
    for protocol in range(6):
        data = pickle.dumps(Bomb(str(tmp_path / "exploded")), protocol)
        with pytest.raises((pickle.UnpicklingError, RuntimeError), match=r"\n.*(was run|another copy)"):
            B.load(io.BytesIO(data), weights_only=weights_only)
    assert not (tmp_path / "exploded").exists()


def saved(B):
    stream = io.BytesIO()
    weights = OrderedDict(weight=B.arange(12).reshape(3, 4), bias=B.ones(3))
    value = {"model": weights, "epoch": 3, "rows": [0.5]}
    B.save(value, stream)
    return value, stream.getvalue()


@LIBRARIES
def test_truncated_files(B):
    _, data = saved(B)
    with pytest.raises(EOFError, match="Ran out of input"):
        B.load(io.BytesIO())
    for length in range(1, len(data)):
        with pytest.raises(RuntimeError, match="load: the file is damaged"):
            B.load(io.BytesIO(data[:length]))
    with pytest.raises(RuntimeError, match="load: the file is damaged"):
        B.load(io.BytesIO(data + b"\0"))


@LIBRARIES
@given(st.data())
def test_mutated_files(B, data):
    """Any change is noticed, or changes nothing."""
    value, original = saved(B)
    mutated = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(mutated) - 1))
        mutated[position] = data.draw(st.integers(0, 255) | st.sampled_from(list(b'{}[]",:0n \xff')))
    try:
        loaded = B.load(io.BytesIO(bytes(mutated)))
    except (RuntimeError, pickle.UnpicklingError, NotImplementedError) as error:
        assert "load" in str(error)
    else:
        assert_same(B, loaded, value)


@LIBRARIES
@given(st.binary(max_size=200))
def test_random_bytes(B, data):
    with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError)):
        B.load(io.BytesIO(data))


@LIBRARIES
@given(st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=3), st.sampled_from(["weight", "cpu", "float32"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(
            ["tensor", "parameter", "array", "scalar", "size", "dtype", "device", "tuple", "dict", "ordered",
             "counter", "float", "bytes", "metadata", "view", "?"]), inner, max_size=2)),
))  # fmt: skip
def test_structures_that_save_never_writes(B, structure):
    """A well-formed file with a valid checksum but nonsense inside still loads, or is an error of ours."""
    from minigrad.serialization import _checksum

    arrays, text = {"weight": np.ones(2)}, json.dumps(structure)
    metadata = {"minigrad.structure": text, "minigrad.crc32": _checksum(text, arrays)}
    try:
        B.load(io.BytesIO(safetensors.numpy.save(arrays, metadata)))
    except RuntimeError as error:
        assert "load: the file is damaged" in str(error) or "device" in str(error).lower()


def test_deep_nesting_is_no_crash():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(RecursionError):
        torch_backend.save(value, io.BytesIO())


def test_dtypes_that_a_library_lacks():
    data = safetensors.numpy.save({"x": np.zeros(2, np.complex64)})
    assert torch_backend.load(io.BytesIO(data))["x"].dtype == torch.complex64
    with pytest.raises(NotImplementedError, match="complex64"):
        minigrad.load(io.BytesIO(data))


def test_bfloat16_without_ml_dtypes(monkeypatch):
    stream = io.BytesIO()
    torch_backend.save(torch.ones(2, dtype=torch.bfloat16), stream)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(NotImplementedError, match="bfloat16 needs the package ml_dtypes"):
        minigrad.load(io.BytesIO(stream.getvalue()))
    assert torch_backend.load(io.BytesIO(stream.getvalue())).tolist() == [1, 1]


# -- faults ------------------------------------------------------------------------------------------


class Fault(BaseException):
    """Not an Exception: cleaning up must not depend on the kind."""


@pytest.mark.parametrize("fault", [Fault, OSError(28, "No space left on device"), KeyboardInterrupt])
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_fault_at_any_step_keeps_the_old_file(step, fault, tmp_path, monkeypatch):
    path = tmp_path / "file"
    torch_backend.save({"old": torch.ones(3)}, path)

    def fail(*args, **kwargs):
        raise fault

    where = "builtins" if step == "open" else "os"
    with monkeypatch.context() as patched, pytest.raises((Fault, OSError, KeyboardInterrupt)) as caught:
        patched.setattr(f"{where}.{step}", fail)
        torch_backend.save({"new": torch.zeros(3)}, path)
    if isinstance(caught.value, OSError):
        assert "No space left on device; nothing was saved" in str(caught.value)
        assert str(path) in str(caught.value)
    assert os.listdir(tmp_path) == ["file"]
    assert list(torch_backend.load(path)) == ["old"]


def test_a_fault_while_writing_keeps_the_old_file(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(Fault), replace_file(tmp_path / "file") as stream:
        stream.write(b"ne")
        stream.flush()
        assert (tmp_path / "file").read_bytes() == b"old"
        raise Fault
    assert os.listdir(tmp_path) == ["file"] and (tmp_path / "file").read_bytes() == b"old"


def test_a_full_disk(tmp_path):
    """The kernel stops the write half-way: a limit on the size of files stands for the end of the disk."""
    path = tmp_path / "file"
    torch_backend.save({"old": torch.ones(3)}, path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large; nothing was saved"):
            torch_backend.save({"new": torch.zeros(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == ["file"]
    assert list(torch_backend.load(path)) == ["old"]


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda folder: folder / "missing" / "file", FileNotFoundError),
        (lambda folder: folder, IsADirectoryError),
        (lambda folder: folder / "plain" / "file", NotADirectoryError),
        (lambda folder: "/proc/file", OSError),
    ],
)
def test_places_that_cannot_be_written(make, error, tmp_path):
    (tmp_path / "plain").write_text("")
    with pytest.raises(error, match="nothing was saved"):
        torch_backend.save(1, make(tmp_path))
    assert os.listdir(tmp_path) == ["plain"]


def test_devices_links_and_permissions(tmp_path):
    with pytest.raises(OSError, match="No space left on device"):
        torch_backend.save(torch.zeros(100_000), "/dev/full")
    torch_backend.save(1, os.devnull)
    assert not os.path.isfile(os.devnull)
    (tmp_path / "target").write_text("")
    (tmp_path / "link").symlink_to("target")
    torch_backend.save(2, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and torch_backend.load(tmp_path / "target") == 2
    (tmp_path / "plain").write_text("")
    torch_backend.save(3, tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode


# The child saves an array, so the names of a tensor library are of no account, and it is spared its import.
SAVE_FOREVER = """
import itertools, sys, types
import numpy as np
from minigrad import serialization
names = types.SimpleNamespace(Tensor=(), Size=(), dtype=(), device=())
for number in itertools.count():
    value = np.full(200_000 + 50_000 * (number % 2), number)
    serialization.save_with(serialization.Library(names, None, None), value, sys.argv[1])
    if number == 0:
        print("ready", flush=True)
"""


@pytest.mark.parametrize("rounds", [4, pytest.param(100, marks=pytest.mark.full)])
def test_kill_at_random_moments(rounds, tmp_path):
    path = tmp_path / "file"
    chance, found = random.Random(rounds), 0
    for _ in range(rounds):
        child = subprocess.Popen([sys.executable, "-c", SAVE_FOREVER, path], cwd=ROOT, stdout=subprocess.PIPE)
        try:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.05))
        finally:
            child.kill()
            child.communicate()
        loaded = torch_backend.load(path)
        assert loaded.size == 200_000 + 50_000 * (loaded[0] % 2) and (loaded == loaded[0]).all()
        found += bool(list(tmp_path.glob(".minigrad-*.tmp")))
    if rounds == 100:  # some kills did fall into a save
        assert found
    torch_backend.save(1, path)
    assert os.listdir(tmp_path) == ["file"]


KILLED_AT_STEP = """
import os, signal, sys
from minigrad.atomic import replace_file
step, when, path = sys.argv[1:]
real = getattr(os, step)
def kill(*args):
    if when == "after":
        real(*args)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(os, step, kill)
with replace_file(path) as stream:
    stream.write(b"new" * 100_000)
"""


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_at_every_step(step, when, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    command = [sys.executable, "-c", KILLED_AT_STEP, step, when, tmp_path / "file"]
    assert subprocess.run(command, cwd=ROOT).returncode == -9
    expected = b"new" * 100_000 if (step, when) == ("replace", "after") else b"old"
    assert (tmp_path / "file").read_bytes() == expected


SAVE_AND_WAIT = """
import sys
from minigrad.atomic import replace_file
with replace_file(sys.argv[1]) as stream:
    stream.write(b"slow")
    stream.flush()
    print("ready", flush=True)
    sys.stdin.readline()
"""


def test_parts_of_killed_writers_are_removed_and_those_of_living_ones_never(tmp_path):
    def writer():
        child = subprocess.Popen([sys.executable, "-c", SAVE_AND_WAIT, tmp_path / "slow"], cwd=ROOT,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout.readline() == b"ready\n"
        return child

    with writer() as living, writer() as killed:
        killed.kill()
        killed.wait()
        (tmp_path / ".minigrad-notes").write_text("of another's")
        assert len(list(tmp_path.glob(".minigrad-*.tmp"))) == 2
        torch_backend.save(1, tmp_path / "file")
        assert len(list(tmp_path.glob(".minigrad-*.tmp"))) == 1
        with replace_file(tmp_path / "here") as stream:  # this process's own, too
            torch_backend.save(2, tmp_path / "file")
            stream.write(b"here")
        living.communicate(b"\n")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "here", "slow", ".minigrad-notes"}
    assert (tmp_path / "slow").read_bytes() == b"slow" and (tmp_path / "here").read_bytes() == b"here"


def test_a_part_that_is_taken_for_a_leftover_before_it_is_locked(tmp_path, monkeypatch):
    lock, locked = fcntl.flock, []

    def remove_first(stream, how):
        if not locked:
            os.unlink(stream.name)
        locked.append(stream.name)
        lock(stream, how)

    monkeypatch.setattr(fcntl, "flock", remove_first)
    torch_backend.save(1, tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"] and torch_backend.load(tmp_path / "file") == 1
    assert len(set(locked)) == 2
