"""finfo and iinfo: torch's numbers, text and errors; lists as indices mean what they mean in torch."""
import pytest

import minigrad

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(("limits", "name"), [
    *[("finfo", name) for name in ("float16", "float32", "float64", "bfloat16")],
    *[("iinfo", name) for name in ("uint8", "int8", "int16", "int32", "int64")]])
def test_limits_are_torchs(limits, name):
    if name == "bfloat16":
        pytest.importorskip("ml_dtypes")
    ours, theirs = (getattr(B, limits)(getattr(B, name)) for B in (minigrad, torch))
    assert repr(ours) == repr(theirs)
    more = ("eps", "tiny", "resolution") if limits == "finfo" else ()
    for field in ("bits", "dtype", "max", "min", *more):
        assert getattr(ours, field) == getattr(theirs, field), field


def test_other_kinds_are_refused():
    for limits, dtype in (("finfo", "int32"), ("iinfo", "float32")):
        texts = []
        for B in (minigrad, torch):
            with pytest.raises(TypeError) as caught:
                getattr(B, limits)(getattr(B, dtype))
            texts.append(str(caught.value).split("\n")[0])
        assert texts[0] == texts[1]


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
def test_a_list_that_holds_sequences_stands_for_a_tuple():
    found = []
    for B in (minigrad, torch):
        x = B.arange(9).view(3, 3)
        rows = [x[index].tolist() for index in (
            [[0, 1], [1, 0]], [slice(0, 2), 1], [None, 0], [..., 0], [0, 2], [True, False, True],
            [B.tensor([0, 1]), B.tensor([1, 0])])]
        x[[[0, 1], [1, 0]]] = 7
        with pytest.raises(IndexError, match="too many indices for tensor of dimension 1"):
            B.arange(4)[[[1, 2], [3, 4]]]
        found.append([*rows, x.tolist()])
    assert found[0] == found[1]
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        minigrad.arange(9).view(3, 3)[[[0], [1]]]
