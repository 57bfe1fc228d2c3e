"""The text of a tensor equals torch's, character for character."""
import contextlib
import inspect
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import printing

torch = pytest.importorskip("torch")

EXAMPLES = settings(max_examples=max(300, settings.default.max_examples))
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "float32", "float64")
try:
    import ml_dtypes
except ImportError:
    NUMPY_TYPES = {}
else:
    NUMPY_TYPES = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}
    FLOATS += ("bfloat16",)
NUMPY_TYPES.update((name, np.dtype(name)) for name in ("bool", *INTEGERS, "float16", "float32", "float64"))
INFINITY, NAN = math.inf, math.nan


def as_torch(array, dtype_name):
    """A torch tensor of the same elements, its memory its own."""
    plain = array.copy(order="C")
    if dtype_name == "bfloat16":
        return torch.from_numpy(plain.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(plain)


@contextlib.contextmanager
def both_print_with(**changes):
    torch.set_printoptions(**changes)
    try:
        with printing.printoptions(**changes):
            yield
    finally:
        torch.set_printoptions(profile="default")


@contextlib.contextmanager
def default_dtype(name):
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


# Each mix makes another decision of the formatter likely: whole numbers, scientific notation by ratio, size
# and smallness, odd ones out, and arbitrary bit patterns (subnormals among them).
FLOAT_MIXES = st.sampled_from([
    st.integers(-1200, 1200).map(float),
    st.floats(-10, 10),
    st.floats(1.0, 999.0, width=16),
    st.sampled_from([0.0, -0.0, 1.0, -2.0, INFINITY, -INFINITY, NAN]),
    st.sampled_from([0.0, -0.0, 0.5, 100.25, INFINITY, -INFINITY, NAN]),
    st.sampled_from([0.0, -0.0, INFINITY, -INFINITY, NAN]),
    st.sampled_from([1.0, 1000.0, 1000.5, 1001.0, 0.0]),
    st.sampled_from([1e8, 1.0e8 + 1, 1e8 - 0.5, 2e5, 2.5e5]),
    st.sampled_from([1e-4, 9.9e-5, 1.1e-4, 5e-2]),
    st.sampled_from([6e4, -65504.0, 6e-8, 0.1]),
    st.sampled_from([0.99995, 0.00005, 9.99995, 99.99995, -0.00001, 0.125]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-1e-300, 1e-300),
]).flatmap(lambda mix: mix)


def values_of(dtype_name):
    if dtype_name == "bool":
        return st.booleans()
    if dtype_name in INTEGERS:
        limits = np.iinfo(dtype_name)
        whole = st.integers(int(limits.min), int(limits.max))
        return whole | st.integers(max(-12, int(limits.min)), 12)
    return FLOAT_MIXES


SHAPES = (st.just(()) | st.lists(st.integers(0, 9), max_size=4).map(tuple) | st.tuples(st.integers(1, 60))
          | st.sampled_from([(1001,), (1000,), (8, 126), (2, 501), (501, 2), (7, 6, 30), (6, 7, 30), (7, 150),
                             (1, 1, 1200), (3, 4, 5, 20), (6, 6, 6, 6), (2, 3, 4, 5, 10), (10, 0, 200)]))
LAYOUTS = ("contiguous", "transposed", "every second", "reversed")


def laid_out(array, layout):
    """The same elements in other strides."""
    if layout == "transposed":
        return array.T.copy().T
    if layout == "every second" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "reversed" and array.ndim:
        return array[::-1].copy()[::-1]
    return array


@st.composite
def arrays(draw, names=("bool", *INTEGERS, *FLOATS), shapes=SHAPES):
    """`(array, dtype_name)`. A few drawn values are dealt over the whole shape: big ones stay cheap."""
    name = draw(st.sampled_from(names))
    shape = draw(shapes)
    pool = draw(st.lists(values_of(name), min_size=1, max_size=8))
    with np.errstate(over="ignore"):
        pool = np.array(pool, np.float64 if name in FLOATS else None).astype(NUMPY_TYPES[name])
    dealt = np.random.default_rng(draw(st.integers(0, 99))).integers(len(pool), size=shape)
    return laid_out(np.asarray(pool[dealt]), draw(st.sampled_from(LAYOUTS))), name


@EXAMPLES
@given(arrays())
@example((np.float32([1.0, 1e4]), "float32"))
@example((np.float32([[0.0, NAN], [INFINITY, -0.0]]), "float32"))
@example((np.float64([1e308, 5e-324]), "float64"))
def test_text_equals_torch(case):
    array, name = case
    assert printing.tensor_text(array, dtype_name=name) == repr(as_torch(array, name))


@EXAMPLES
@given(arrays(names=FLOATS), st.sampled_from(["leaf", "clone", "view", "parameter"]), st.sampled_from(FLOATS))
def test_gradient_suffixes_and_default_dtype(case, kind, default):
    array, name = case
    with default_dtype(default):
        tensor = as_torch(array, name).requires_grad_()
        details = {"dtype_name": name, "default_dtype_name": default, "requires_grad": True}
        if kind == "parameter":
            text = "Parameter containing:\n" + printing.tensor_text(array, **details)
            assert text == repr(torch.nn.Parameter(tensor))
            return
        if kind != "leaf":
            tensor = tensor.clone() if kind == "clone" else tensor.unsqueeze(0).view_as(tensor)
            details["grad_fn_name"] = type(tensor.grad_fn).__name__
        assert printing.tensor_text(array, **details) == repr(tensor)


OPTIONS = st.fixed_dictionaries({}, optional={
    "precision": st.integers(0, 9),
    "threshold": st.sampled_from([0, 1, 5, 20, 200, 1000, INFINITY]),
    "edgeitems": st.integers(0, 5),
    "linewidth": st.integers(1, 200),
    "profile": st.sampled_from(["default", "short", "full", "unknown"]),
    "sci_mode": st.sampled_from([None, True, False]),
})


@EXAMPLES
@given(arrays(), OPTIONS)
def test_print_options(case, changes):
    array, name = case
    with both_print_with(**changes):
        assert printing.tensor_text(array, dtype_name=name) == repr(as_torch(array, name))


@given(st.lists(OPTIONS, max_size=4))
def test_a_sequence_of_options_leaves_the_same_state(calls):
    before = printing.get_printoptions()
    with printing.printoptions(), both_print_with():
        for changes in calls:
            torch.set_printoptions(**changes)
            printing.set_printoptions(**changes)
            assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
    assert printing.get_printoptions() == before


def test_options_come_back_after_an_error():
    before = printing.get_printoptions()
    with pytest.raises(KeyError), printing.printoptions(precision=7, sci_mode=True):
        raise KeyError
    assert printing.get_printoptions() == before


def test_set_printoptions_has_torch_signature():
    assert str(inspect.signature(printing.set_printoptions)) == str(inspect.signature(torch.set_printoptions))
    assert printing.get_printoptions() == torch._tensor_str.get_printoptions()


@EXAMPLES
@given(arrays(shapes=st.just(())),
       st.sampled_from(["", ".2f", "8.3e", "d", ">10", "+", "x", ",", ".1%", "s", "q", "5.f"]))
def test_format_of_a_number(case, spec):
    array, name = case
    ours = outcome(printing.format_value, array, spec, lambda: "unused")
    assert ours == outcome(format, as_torch(array, name), spec)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:
        return type(error), str(error)


@pytest.mark.parametrize(("shape", "type_name"), [((1,), "Tensor"), ((2, 3), "Tensor"), ((0,), "Tensor"),
                                                  ((), "Parameter"), ((2,), "Parameter")])
def test_format_of_anything_else(shape, type_name):
    array = np.ones(shape, np.float32)
    tensor = as_torch(array, "float32")
    if type_name == "Parameter":
        tensor = torch.nn.Parameter(tensor)
    assert printing.format_value(array, "", lambda: "the text", type_name) == "the text"
    with pytest.raises(TypeError) as theirs:
        format(tensor, ".2f")
    with pytest.raises(TypeError) as ours:
        printing.format_value(array, ".2f", lambda: "the text", type_name)
    first, advice = str(ours.value).split("\n")
    assert first == str(theirs.value)
    assert ".item()" in advice


# ---- a table to read -------------------------------------------------------------------------------

TABLE = [
    ("float32", 1.5, "tensor(1.5000)"),
    ("float32", 3, "tensor(3.)"),
    ("float32", -0.0, "tensor(-0.)"),
    ("float32", NAN, "tensor(nan)"),
    ("float32", [0.1, 0.2], "tensor([0.1000, 0.2000])"),
    ("float32", [1, 2], "tensor([1., 2.])"),
    ("float32", [1, NAN, -INFINITY], "tensor([1., nan, -inf])"),
    ("float32", [NAN, 0.5, INFINITY], "tensor([   nan, 0.5000,    inf])"),
    ("float32", [0, NAN], "tensor([0., nan])"),
    ("float32", [0.001, 2], "tensor([1.0000e-03, 2.0000e+00])"),
    ("float32", [1, 1000], "tensor([   1., 1000.])"),
    ("float32", [1, 1001], "tensor([1.0000e+00, 1.0010e+03])"),
    ("float32", 1e8, "tensor(100000000.)"),
    ("float64", 100000001, "tensor(1.0000e+08, dtype=torch.float64)"),
    ("float32", 16777217, "tensor(16777216.)"),
    ("float32", 1e-45, "tensor(1.4013e-45)"),
    ("float64", [1, 2], "tensor([1., 2.], dtype=torch.float64)"),
    ("float16", [0.1, 100], "tensor([9.9976e-02, 1.0000e+02], dtype=torch.float16)"),
    ("float16", [0.5, 65504], "tensor([5.0000e-01, 6.5504e+04], dtype=torch.float16)"),
    ("bool", [True, False], "tensor([ True, False])"),
    ("bool", True, "tensor(True)"),
    ("int64", [1, -20], "tensor([  1, -20])"),
    ("int32", [[1], [2]], "tensor([[1],\n        [2]], dtype=torch.int32)"),
    ("uint8", 255, "tensor(255, dtype=torch.uint8)"),
    ("float32", [], "tensor([])"),
    ("int64", [], "tensor([], dtype=torch.int64)"),
    ("bool", [], "tensor([], dtype=torch.bool)"),
    ("float32", [[], []], "tensor([], size=(2, 0))"),
    ("float64", [[]], "tensor([], size=(1, 0), dtype=torch.float64)"),
    ("float32", [[[1]], [[2]]], "tensor([[[1.]],\n\n        [[2.]]])"),
    ("float32", np.zeros(1001), "tensor([0., 0., 0.,  ..., 0., 0., 0.])"),
    ("int64", np.arange(20),
     "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n        18, 19])"),
    ("int64", np.arange(1400).reshape(7, 200),
     "tensor([[   0,    1,    2,  ...,  197,  198,  199],\n"
     "        [ 200,  201,  202,  ...,  397,  398,  399],\n"
     "        [ 400,  401,  402,  ...,  597,  598,  599],\n"
     "        ...,\n"
     "        [ 800,  801,  802,  ...,  997,  998,  999],\n"
     "        [1000, 1001, 1002,  ..., 1197, 1198, 1199],\n"
     "        [1200, 1201, 1202,  ..., 1397, 1398, 1399]])"),
]


@pytest.mark.parametrize(("name", "values", "expected"), TABLE)
def test_table(name, values, expected):
    array = np.array(values, NUMPY_TYPES[name])
    assert repr(as_torch(array, name)) == expected
    assert printing.tensor_text(array, dtype_name=name) == expected


@pytest.mark.parametrize(("details", "expected"), [
    ({"device": "cuda:0"}, "tensor([1., 2.], device='cuda:0')"),
    ({"device": "cuda:1", "requires_grad": True}, "tensor([1., 2.], device='cuda:1', requires_grad=True)"),
    ({"device": "cuda:0", "dtype_name": "float64", "grad_fn_name": "MulBackward0"},
     "tensor([1., 2.], device='cuda:0', dtype=torch.float64, grad_fn=<MulBackward0>)"),
    ({"device": "cuda:0", "dtype_name": "bfloat16", "grad_fn_name": "AddmmBackward0"},
     "tensor([1., 2.], device='cuda:0', dtype=torch.bfloat16,\n       grad_fn=<AddmmBackward0>)"),
    ({"prefix": "Named("}, "Named([1., 2.])"),
    ({"prefix": "Named(", "grad_fn_name": "AVeryLongNameOfANodeThatDoesNotFitBesideTheElementsBackward0"},
     "Named([1., 2.],\n      grad_fn=<AVeryLongNameOfANodeThatDoesNotFitBesideTheElementsBackward0>)"),
])
def test_device_and_prefix(details, expected):
    details = {"dtype_name": "float32", **details}
    assert printing.tensor_text(np.float64([1, 2]), **details) == expected


def test_subclass_prefix_equals_torch():
    class Measured(torch.Tensor):
        pass

    array = np.linspace(0, 1, 40).reshape(2, 20)
    tensor = torch.from_numpy(array).as_subclass(Measured)
    assert printing.tensor_text(array, dtype_name="float64", prefix="Measured(") == repr(tensor)


def test_repr_of_subclasses_equals_torch():
    texts = []
    for library in (minigrad, torch):
        measured = type("Measured", (library.Tensor,), {})
        texts.append([repr(measured([1.0, 2.0])), repr(library.nn.Parameter(library.ones(2, 2)))])
    assert texts[0] == texts[1]


def test_only_the_edges_of_a_summarised_tensor_are_read():
    # A trillion elements that share one number in memory: anything that touched them all would never end.
    row = np.arange(6, dtype=np.float32)
    array = np.broadcast_to(row[:, None, None], (6, 10**6, 10**6))
    tensor = torch.from_numpy(row)[:, None, None].expand(6, 10**6, 10**6)
    assert printing.tensor_text(array, dtype_name="float32") == repr(tensor)


def test_the_array_is_left_alone():
    array = np.random.default_rng(0).standard_normal((30, 40))
    before = array.copy()
    array.flags.writeable = False
    printing.tensor_text(array, dtype_name="float64")
    np.testing.assert_array_equal(array, before)
