"""`load` of torch.save's files: the same tensors, shared memory shared, and no file that does harm."""

# zipfile's and pickletools' codecs: imported here, so that no load is seen to import them.
import encodings.cp437
import encodings.raw_unicode_escape  # noqa: F401
import io
import os
import pickle
import pickletools
import random
import sys
import tracemalloc
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import safetensors.numpy
import torch

import minigrad
import torch_backend

LIBRARIES = pytest.mark.parametrize("B", [minigrad, torch_backend], ids=["minigrad", "torch"])
FULL = os.environ.get("HYPOTHESIS_PROFILE") == "full"
MUTANTS = 10_000 if FULL else 300
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "bfloat16"]


def saved(value, **options):
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def loaded(B, data, *arguments, **options):
    return B.load(io.BytesIO(data), *arguments, **options)


def plain(value):
    """Tensors as (dtype, shape, strides, requires_grad, class, bytes), containers with their types."""
    if hasattr(value, "requires_grad"):
        bare = value.detach()
        values = bare.view(torch.int16) if bare.dtype is torch.bfloat16 else bare
        array = np.ascontiguousarray(values.numpy())
        return (str(value.dtype), tuple(value.shape), value.stride(), value.requires_grad,
                type(value).__name__, array.tobytes())
    if isinstance(value, dict):
        metadata = getattr(value, "_metadata", None)
        return type(value).__name__, [(key, plain(item)) for key, item in value.items()], plain(metadata)
    if isinstance(value, (list, tuple, set)) and type(value).__name__ != "Size":
        return type(value).__name__, [plain(item) for item in value]
    return repr(value)


def assert_same(B, value, **options):
    assert plain(loaded(B, saved(value), **options)) == plain(value)


def network(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        OrderedDict(body=torch.nn.Linear(3, 4), norm=torch.nn.BatchNorm1d(4), head=torch.nn.Linear(4, 2)))


def trained():
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "best": 0.25}


@LIBRARIES
def test_checkpoints(B, tmp_path):
    assert_same(B, trained())
    torch.save(trained(), tmp_path / "run.pt")
    found = B.load(tmp_path / "run.pt")
    model = B.nn.Sequential(
        OrderedDict(body=B.nn.Linear(3, 4), norm=B.nn.BatchNorm1d(4), head=B.nn.Linear(4, 2)))
    model.load_state_dict(found["model"])
    optimizer = B.optim.Adam(model.parameters())
    optimizer.load_state_dict(found["optimizer"])
    assert plain(model.state_dict()) == plain(trained()["model"])
    assert optimizer.param_groups[0]["lr"] == 0.1


@LIBRARIES
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_in_every_layout(B, name):
    dtype = getattr(torch, name)
    x = torch.arange(24).to(dtype).reshape(2, 3, 4)
    assert_same(B, [x, x.transpose(0, 2), x[1], x[:, 1:, ::2], x[1, 1, 1], x[:0], x[..., :1].expand(2, 3, 4),
                    torch.zeros(3, 0, 2, dtype=dtype), torch.tensor(1, dtype=dtype)])
    assert loaded(B, saved(dtype)) is getattr(B, name)


@LIBRARIES
def test_containers_and_numbers(B):
    values = [None, True, -1, 255, 65536, 2**70, -(2**70), 1.5, float("inf"), 1 + 2j, "text ü\ud800",
              b"a\xff", bytearray(b"b"), {1, "a"}, torch.Size([2, 3]), torch.Size([]), torch.device("cpu"),
              (), [], {}, {1: 2, None: 3, (1, "a"): 4}, (1, (2, (3, [4]))), (1,), (1, 2), (1, 2, 3, 4),
              OrderedDict(a=1), Counter([4, 2, 4]), Counter()]
    assert_same(B, values)
    again = loaded(B, saved([[], (twice := [1]), twice]))
    assert again[1] is again[2]


@LIBRARIES
def test_parameters_and_requires_grad(B):
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    assert_same(B, [torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(2)), frozen])


@LIBRARIES
def test_shared_storages_share_memory_again(B):
    base = torch.arange(12.0)
    one, row, turned = loaded(B, saved([base, base[3:6], base.view(3, 4).t()]))
    one[4] = 99.0
    assert row.tolist() == [3, 99, 5] and turned[0, 1].item() == 99
    if B is minigrad:
        assert row._version == turned._version == one._version == 1
    weight = torch.nn.Parameter(torch.ones(3))
    first, second = loaded(B, saved({"encoder": weight, "decoder": weight})).values()
    assert first is second
    with B.no_grad():
        (first * 1).sum()
        first.add_(1)


@LIBRARIES
def test_map_location(B):
    data = saved(torch.ones(2))
    for device in ("cpu", B.device("cpu")):
        assert loaded(B, data, device).device.type == "cpu"
    assert loaded(B, data, weights_only=False).tolist() == [1, 1]


def test_dtypes_that_minigrad_lacks():
    for value in (torch.ones(1, dtype=torch.complex64), torch.ones(1, dtype=torch.uint16), torch.uint16):
        with pytest.raises(NotImplementedError, match=r"has no|not supported"):
            loaded(minigrad, saved(value))
        assert plain(loaded(torch_backend, saved(value))) == plain(value)


def test_bfloat16_without_ml_dtypes(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(NotImplementedError, match="bfloat16 needs the package ml_dtypes"):
        loaded(minigrad, saved(torch.ones(2, dtype=torch.bfloat16)))


# -- what is refused ---------------------------------------------------------------------------------


def rebuilt(data, **members):
    """The archive with other members (None: left out), its checksums right again."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            content = members.pop(name.partition("/")[2], old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name, content in members.items():
            new.writestr(f"archive/{name}", content)
    return stream.getvalue()


def with_pickle(program):
    return rebuilt(saved(torch.ones(4)), **{"data.pkl": program})


class Reduced:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


# Where an attacker would put a call: alone, in containers, as a key, in the state of a call that is allowed.
def places(bomb):
    ordered = OrderedDict()
    ordered.hidden = bomb
    return [bomb, [1, bomb], {"a": {"b": (bomb,)}}, {"state": [bomb] * 2}, {bomb: 1}, ordered,
            Reduced(OrderedDict, bomb), Reduced(bytearray, bomb), Reduced(torch.Size, bomb),
            Reduced(Counter, bomb), Reduced(Counter, {1: bomb}),
            Reduced(torch._utils._rebuild_parameter, bomb, True, OrderedDict()),
            Reduced(torch._utils._rebuild_parameter, torch.ones(1), True, bomb)]


def attacks(folder):
    command = f"touch {folder}/canary"
    calls = [Reduced(os.system, command), Reduced(eval, f"open('{folder}/canary', 'w')"),
             Reduced(exec, f"open('{folder}/canary', 'w')"), Reduced(os.mkdir, f"{folder}/canary"),
             Reduced(getattr, "text", "join"), Reduced(__import__, "os"),
             Reduced(torch.load, f"{folder}/other"), Reduced(torch.hub.load, "a/b", "c")]
    values = [value for call in calls for value in places(call)]
    archives = [saved(value) for value in values]
    programs = [pickle.dumps(call, protocol) for call in calls for protocol in range(6)]
    programs += [
        f"cos\nsystem\n(S'{command}'\ntR.".encode(), f"(S'{command}'\nios\nsystem\n.".encode(),
        f"(cos\nsystem\nS'{command}'\no.".encode(), b"\x80\x02\x82\x01.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.", b"\x80\x02ctorch\nFloatStorage\n.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}(X\x0b\x00\x00\x00__globals__}ub.",
        b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemscos\nsystem\nsb.",
        b"\x80\x02ccollections\nOrderedDict\n)\x81.", b"\x80\x02ctorch.nn.parameter\nParameter\n)\x81.",
        b"\x80\x02cminigrad\nload\n.", b"\x80\x02c__builtin__\ngetattr\n.", b"\x80\x02ctorch\nload\n.",
    ]
    return archives + [with_pickle(program) for program in programs] + programs


@pytest.fixture
def watched(monkeypatch):
    """A list of what Python itself reports while it is on: code that is compiled or run, processes, files."""
    watch = Watch()
    yield watch
    watch.on = False


class Watch:
    EVENTS = ("exec", "compile", "open", "import", "os.", "subprocess.", "socket.", "pickle.", "shutil.")

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self.hook)

    def hook(self, event, arguments):
        if self.on and event.startswith(self.EVENTS):
            self.seen.append((event, arguments))

    def load(self, B, data):
        self.on = True
        try:
            return loaded(B, data)
        finally:
            self.on = False


@LIBRARIES
def test_attacks_are_refused_and_never_run(B, tmp_path, watched):
    loaded(B, saved(trained()))
    files = attacks(tmp_path)
    assert len(files) > 200
    for data in files:
        with pytest.raises((pickle.UnpicklingError, RuntimeError), match=r"load.*\n"):
            watched.load(B, data)
    assert watched.seen == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("weights_only", [True, False])
def test_the_refusal_says_what_and_that_nothing_ran(weights_only):
    with pytest.raises(pickle.UnpicklingError) as caught:
        loaded(minigrad, saved([1, Reduced(os.system, "true")]), weights_only=weights_only)
    first, second = str(caught.value).splitlines()
    assert first.startswith("Weights only load failed. ") and "GLOBAL posix.system" in first
    assert "no code of the file was run" in second
    with pytest.raises(pickle.UnpicklingError, match="GLOBAL eval was not"):
        loaded(minigrad, saved(Reduced(eval, "1")))


@LIBRARIES
def test_whole_modules_and_arrays_are_refused(B):
    for value in (network(), np.ones(2), torch.ones(2).untyped_storage(), torch.nn.functional.relu,
                  torch.ones(2).to_sparse(), frozenset([1]), range(3), network):
        with pytest.raises(pickle.UnpicklingError, match=r"Weights only load failed\."):
            loaded(B, saved(value))


@LIBRARIES
def test_older_formats_are_refused_by_name(B):
    data = saved({"a": torch.ones(2)}, _use_new_zipfile_serialization=False)
    with pytest.raises(pickle.UnpicklingError, match=r"before PyTorch 1\.6.*torch\.load\(file, weights_only"):
        loaded(B, data)
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), stream)
    with pytest.raises(pickle.UnpicklingError, match="TorchScript"):
        loaded(B, stream.getvalue())


def tensor_program(offset, size, stride, count=4, kind="Float"):
    """The pickle of one tensor that views storage 0 of 4 float32 values."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value.stands_for if isinstance(value, Storage) else None

    class Storage:
        stands_for = ("storage", getattr(torch, f"{kind}Storage"), "0", "cpu", count)

    stream = io.BytesIO()
    Pickler(stream, 2).dump(
        Reduced(torch._utils._rebuild_tensor_v2, Storage(), offset, size, stride, False, OrderedDict()))
    return stream.getvalue()


@LIBRARIES
@pytest.mark.parametrize("claim", [
    {"size": (5,)}, {"offset": 4}, {"offset": -1}, {"size": (2,), "stride": (-1,)}, {"size": (-1,)},
    {"size": (3,), "stride": (2,)}, {"size": (2, 2)}, {"count": 10**12}, {"count": 3}, {"kind": "Double"},
    {"size": (2**62,)}, {"size": (2**40,), "stride": (2**40,)}, {"size": (2**62, 2**62), "stride": (0, 0)},
    {"size": (2.0,)}, {"size": "ab"}, {"size": (1,) * 70, "stride": (1,) * 70}, {"offset": 2**70},
    {"offset": None}, {"count": "4"}, {"size": (True,)},
])  # fmt: skip
def test_claims_beyond_the_file(B, claim):
    claim = {"offset": 0, "size": (4,), "stride": (1,), **claim}
    data = with_pickle(tensor_program(**claim))
    tracemalloc.start()
    try:
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            loaded(B, data)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_the_tensor_program_is_right():
    data = with_pickle(tensor_program(1, (3,), (1,)))
    assert loaded(minigrad, data).tolist() == [1, 1, 1]


def nested_tuples(depth, wrapped):
    """A program of `depth` tuples, each of the one before, twice."""
    return b"\x80\x02" + wrapped[0] + b"K\x01q\x00" + b"h\x00\x86q\x00" * depth + wrapped[1]


@LIBRARIES
@pytest.mark.parametrize("program", [
    nested_tuples(200, (b"}", b"K\x01s.")),                             # as a key
    nested_tuples(200, (b"c__builtin__\nset\n](", b"e\x85R.")),         # in a set
    nested_tuples(200, (b"ctorch\ndevice\n", b"\x85R.")),
    nested_tuples(200, (b"ctorch\nSize\n", b"\x85R.")),
    nested_tuples(200, (b"(X\x07\x00\x00\x00storage", b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ.")),
    nested_tuples(200, (b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n", b"X\x03\x00\x00\x00cpuK\x04tQ.")),
    nested_tuples(100_000, (b"}", b"K\x01s.")),                         # deep: Python's hash would crash
    b"\x80\x02c__builtin__\nbytearray\n\x8a\x06\x00\x00\x00\x00\x00\x01\x85R.",       # 2**40 bytes
    b"\x80\x02\x8b\xff\xff\xff\x7f.", b"\x80\x02X\xff\xff\xff\xff.", b"\x80\x02r\xff\xff\xff\xff.",
    b"\x80\x02" + b"]" * 100 + b".", b"\x80\x02", b"", b".", b"\x80\x02(.", b"\x80\x02e.", b"\x80\x02R.",
])  # fmt: skip
def test_programs_made_to_hang_or_exhaust(B, program):
    with pytest.raises((RuntimeError, pickle.UnpicklingError)):
        loaded(B, with_pickle(program))


@pytest.mark.filterwarnings("error")
def test_warnings_as_errors():
    with pytest.raises(pickle.UnpicklingError, match="makes no sense: DeprecationWarning"):
        loaded(minigrad, with_pickle(b"\x80\x02S'\\q'\n."))


def test_deep_nesting_loads():
    value = loaded(minigrad, with_pickle(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."))
    for _ in range(99_999):
        [value] = value
    assert value == []


@LIBRARIES
def test_archives_that_torch_never_writes(B):
    good = saved({"a": torch.ones(4), "b": torch.zeros(4)})
    compressed, doubled = io.BytesIO(), io.BytesIO(good)
    with zipfile.ZipFile(compressed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in zipfile.ZipFile(io.BytesIO(good)).namelist():
            archive.writestr(name, zipfile.ZipFile(io.BytesIO(good)).read(name))
    with zipfile.ZipFile(doubled, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("archive/data.pkl", b"\x80\x02K\x01.")
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("other", "")
    files = [compressed.getvalue(), doubled.getvalue(), empty.getvalue()]
    files += [rebuilt(good, **{"data/0": content}) for content in (None, b"\0" * 15)]
    for data in (*files, rebuilt(good, **{"data.pkl": None})):
        with pytest.raises(RuntimeError, match="load: the file is damaged"):
            loaded(B, data)
    with pytest.raises(NotImplementedError, match="big-endian"):
        loaded(B, rebuilt(good, byteorder=b"big"))


# -- mutated files -----------------------------------------------------------------------------------

PAYLOADS = [b"cos\nsystem\nX\x04\x00\x00\x00true\x85R", b"c__builtin__\neval\nX\x01\x00\x00\x001\x85R",
            b"cposix\nsystem\n", b"c__builtin__\ngetattr\n", b"}(X\x05\x00\x00\x00__doc__Nub", b"\x81", b"b",
            b"Q", b"ctorch._utils\n_rebuild_tensor_v2\n", b"R", b"0", b"2", b"N", b"(", b"\x86",
            b"e", b"u", b"s"]


def edited_pickle(program, chance):
    """A pickle with opcodes put in, left out, doubled, or with another argument."""
    places = [position for _, _, position in pickletools.genops(program)] + [len(program)]
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(1, len(places) - 2)
        start, end = places[at], places[at + 1]
        here, attack = program[start:end], chance.choice(PAYLOADS)
        other = here[:-1] + bytes([chance.randrange(256)])
        piece = chance.choice([attack + here, attack, b"", here * 2, other])
        program = program[:start] + piece + program[end:]
        places = [p for p in places if p <= start]
        if len(places) < 4:
            break
    return program


def mutated(data, chance):
    """(what was done, the file with damage)."""
    kind = chance.choice(["bits", "bytes", "cut", "splice", "members", "pickle", "pickle bytes", "content"])
    changed, names = bytearray(data), None
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
        names = list(members)
    if kind == "cut":
        return kind, data[:chance.randrange(len(data))]
    if kind == "splice":
        start, end, to = (chance.randrange(len(data)) for _ in range(3))
        return kind, data[:to] + data[start:min(end, start + 200)] + data[to + chance.randrange(3):]
    if kind == "members" and names:
        first, second = chance.sample(names, 2)
        return kind, rebuilt(data, **{first: members[second], second: members[first]})
    if kind == "pickle" and names:
        return kind, rebuilt(data, **{"data.pkl": edited_pickle(members["data.pkl"], chance)})
    if kind == "pickle bytes" and names:
        program = bytearray(members["data.pkl"])
        for _ in range(chance.randint(1, 4)):
            program[chance.randrange(len(program))] = chance.randrange(256)
        return kind, rebuilt(data, **{"data.pkl": bytes(program)})
    if kind == "content" and names:
        name = chance.choice(names)
        return kind, rebuilt(data, **{name: members[name][:chance.randrange(1 + len(members[name]))]})
    for _ in range(chance.randint(1, 8)):
        where = chance.randrange(len(changed))
        bit = changed[where] ^ 1 << chance.randrange(8)
        changed[where] = bit if kind == "bits" else chance.randrange(256)
    return "bytes", bytes(changed)


def is_plain(B, value):
    """Tensors, containers and numbers, whatever they say."""
    if isinstance(value, dict):
        return all(is_plain(B, item) for item in value.values())
    if isinstance(value, (list, tuple, set)):
        return all(is_plain(B, item) for item in value)
    if isinstance(value, B.Tensor):
        return plain(value) is not None         # every element can be read
    numbers = bool, int, float, complex
    return isinstance(value, (type(None), *numbers, str, bytes, bytearray, B.dtype, B.device))


def originals():
    base = torch.arange(6.0)
    views = {"base": base, "row": base[2:4], "turned": base.view(2, 3).t(), "half": torch.ones(3).half(),
             "flags": torch.tensor([True, False]), "scalar": torch.tensor(2), "empty": torch.zeros(0, 2)}
    return [trained(), views, [torch.nn.Parameter(torch.ones(2)), 1.5, "text", (1, None)]]


@pytest.mark.parametrize(("B", "format", "share"), [
    (minigrad, "torch", 1), (minigrad, "safetensors", 1), (torch_backend, "torch", 10),
    (torch_backend, "safetensors", 10)])
def test_mutated_checkpoints(B, format, share, tmp_path, watched, monkeypatch):
    """No crash, no code run, no memory beyond the file's; a documented error each, or a right load."""
    monkeypatch.chdir(tmp_path)
    files = []
    for value in originals():
        stream = io.BytesIO()
        (torch.save if format == "torch" else torch_backend.save)(value, stream)
        files.append((stream.getvalue(), plain(loaded(B, stream.getvalue()))))
    chance, outcomes = random.Random(7), {}
    tracemalloc.start()
    try:
        for number in range(MUTANTS // share):
            data, right = files[number % len(files)]
            kind, mutant = mutated(data, chance)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                value = watched.load(B, mutant)
            except (RuntimeError, pickle.UnpicklingError, EOFError) as error:   # as `load` documents
                outcome = type(error).__name__
                assert "load" in str(error) or outcome == "EOFError", repr(error)
                if isinstance(error, RecursionError):
                    raise
            else:
                outcome = "loaded"
                # What changes bytes is noticed by the checksums; a well-made archive is taken at its word.
                assert plain(value) == right if kind in ("bytes", "cut", "splice") else is_plain(B, value)
            assert tracemalloc.get_traced_memory()[1] - before < 20 * len(data) + 100_000
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    finally:
        tracemalloc.stop()
    assert watched.seen == [] and list(tmp_path.iterdir()) == []
    if share == 1:
        assert outcomes["RuntimeError"] > 50
        assert format != "torch" or outcomes["UnpicklingError"] > 20 and outcomes["loaded"] > 10


def test_safetensors_that_claim_too_much():
    data = safetensors.numpy.save({"x": np.zeros(4, np.float32)})
    for old, new in ((b"[4]", b"[9]"), (b"[0,16]", b"[0,99]"), (b'"F32"', b'"F64"')):
        assert old in data
        with pytest.raises(RuntimeError, match="load: the file is damaged"):
            loaded(minigrad, data.replace(old, new))
