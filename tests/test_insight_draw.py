"""`draw`: what the picture says, in every format."""

import re
import sys
from xml.etree import ElementTree

import pytest

import minigrad

pytest.importorskip("pygraphviz", reason="the pictures need pygraphviz: pip install minigrad[draw]")
nn = minigrad.nn


def scalars():
    x = minigrad.tensor([2.0], requires_grad=True)
    y = minigrad.tensor([3.0], requires_grad=True)
    return lambda: (x + y) * (y - 2)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU())

    def forward(self, x):
        return x + self.body(x)


def texts(svg):
    root = ElementTree.fromstring(svg.split("?>", 1)[1])
    return ["".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")]


def frames(dot):
    """The frames by name, and the frame that each one lies in."""
    found, open_ = {}, []
    for line in dot.splitlines():
        if match := re.match(r' *subgraph "cluster_(.*)" {', line):
            found[match[1]] = open_[-1] if open_ else ""
            open_.append(match[1])
        elif line.strip() == "}" and open_:
            open_.pop()
    return found


def test_tensors_operations_values_and_gradients():
    picture = minigrad.draw(scalars(), gradients=True)
    shown = texts(picture.svg)
    for text in ("add", "sub", "mul", "x + y", "x = 2", "y = 3", "t1 = 5", "t2 = 1", "loss = 5", "2",
                 "kept for mul", ".grad = 1", ".grad = 6"):
        assert text in shown, text
    assert sorted(t for t in shown if t in "15")[-5:] == ["1", "1", "1", "5", "5"]
    assert picture.dot.count("shape=ellipse") == 3 and repr(picture) == "<Picture of loss: 3 operations>"
    without = minigrad.draw(scalars())
    assert ".grad" not in without.dot and "dir=back" not in without.dot
    assert picture.dot.count("dir=back") == 5


def test_modules_are_frames_and_inputs_stay_outside():
    block, features = Block(), minigrad.randn(2, 2, 4, 4)
    picture = minigrad.draw(lambda: block(features).sum())
    assert frames(picture.dot) == {"Block": "", "Block.body": "Block", "Block.body.0": "Block.body",
                                   "Block.body.1": "Block.body", "Block.body.2": "Block.body"}
    shown = texts(picture.svg)
    for text in ("Block", "body (Sequential)", "0 (Conv2d)", "1 (BatchNorm2d)", "body[0].weight", "x",
                 "2×2×4×4", "keeps mean, 2 values", "kept for conv2d"):
        assert text in shown, text
    head, _, inside = picture.dot.partition("subgraph")
    assert 'label="x\\n2' in head and 'label="x\\n2' not in inside and "body[0].weight" not in head
    # The same tensor is one box, however often it is used.
    assert picture.dot.count('label="x\\n2') == 1


def test_every_step_and_tensor_is_there_and_joined():
    block = Block()
    picture = minigrad.draw(lambda: block(minigrad.ones(1, 2, 3, 3)).exp().sum())
    boxes = set(re.findall(r"^\s*(\w+) \[", picture.dot, re.M)) - {"graph", "node", "edge"}
    joined = {end for edge in re.findall(r"(\w+) -> (\w+)", picture.dot) for end in edge}
    assert boxes == joined and len([box for box in boxes if box.startswith("op")]) == 6


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "<b>&amp;", "名"])
def test_odd_names_are_shown_as_they_are(name):
    x = minigrad.ones(2, requires_grad=True)
    picture = minigrad.draw((x * 2).sum(), names={name: x})
    shown = texts(picture.svg)
    assert all(part in shown for part in name.split("\n"))


def test_every_format(tmp_path):
    picture = minigrad.draw(scalars())
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG\r\n"), ("dot", b"digraph")):
        picture.save(tmp_path / f"graph.{ending}")
        assert (tmp_path / f"graph.{ending}").read_bytes().startswith(start)
    assert picture._repr_svg_() == picture.svg and "<svg" in picture.svg
    assert minigrad.draw(scalars()).dot.count("\n") == picture.dot.count("\n")
    with pytest.raises(ValueError, match=r"ends in .svg, .png or .dot, not in '.gif'"):
        picture.save(tmp_path / "graph.gif")


def test_nothing_is_changed():
    x = minigrad.tensor([2.0], requires_grad=True)
    z = x * x
    minigrad.draw(z, gradients=True)
    assert x.grad is None
    z.backward()
    assert x.grad.tolist() == [4.0]


def test_without_pygraphviz_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    picture = minigrad.draw(scalars())
    assert picture.dot.startswith("digraph")
    with pytest.raises(ImportError, match=r"needs pygraphviz.*\npip install"):
        picture.svg


def test_several_outputs_functions_and_results():
    class Twice(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = minigrad.ones(4, requires_grad=True)
    with minigrad.tracing():
        first, second = Twice.apply(x).split(2)
    shown = texts(minigrad.draw((first.sum(), second.prod()), gradients=True).svg)
    assert {"Twice", "split", "first", "second", "sum", "prod"} <= set(shown)


def test_wrong_arguments():
    with pytest.raises(TypeError, match="expected a Tensor, got int"):
        minigrad.draw(3)
    with pytest.raises(RuntimeError, match="does not require grad"):
        minigrad.draw(minigrad.ones(1))
