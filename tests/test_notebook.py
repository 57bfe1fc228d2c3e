"""Tensors in notebooks: well-formed, self-contained, escaped, with repr's text."""

from html.parser import HTMLParser

import pytest

import minigrad


class Page(HTMLParser):
    """The text of each element, and that every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.tags = [], {}, []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.setdefault(self.open[-1], []).append(data)


def parts(tensor):
    page = Page(tensor._repr_html_())
    assert set(page.tags) == {"div", "pre"}
    return "".join(page.texts["div"]), "".join(page.texts["pre"])


leaf = minigrad.ones(2, 3, dtype=minigrad.float64, requires_grad=True)
used = minigrad.ones(2, requires_grad=True)
used.sum().backward()


@pytest.mark.parametrize("tensor, head", [
    (minigrad.tensor([1.5, -2.0]), "Tensor · shape [2] · torch.float32"),
    (minigrad.tensor(3), "Tensor · shape [] · torch.int64"),
    (minigrad.zeros(0, 3), "Tensor · shape [0, 3] · torch.float32"),
    (leaf, "Tensor · shape [2, 3] · torch.float64 · requires_grad, grad None"),
    (used, "Tensor · shape [2] · torch.float32 · requires_grad, grad is there"),
    (leaf * 2, "Tensor · shape [2, 3] · torch.float64 · grad_fn MulBackward0"),
    (minigrad.nn.Parameter(minigrad.ones(1)),
     "Parameter · shape [1] · torch.float32 · requires_grad, grad None"),
    (minigrad.randn(100, 100), "Tensor · shape [100, 100] · torch.float32"),
])  # fmt: skip
def test_what_is_shown(tensor, head):
    assert parts(tensor) == (head, repr(tensor))


def test_it_is_small_and_escaped():
    assert len(minigrad.randn(1000, 1000)._repr_html_()) < 2000
    text = (leaf * 2)._repr_html_()
    assert "grad_fn=&lt;MulBackward0&gt;" in text and "<MulBackward0>" not in text

    class Sub(minigrad.nn.Parameter):
        pass

    Sub.__name__ = "<script>"
    assert "<script>" not in Sub(minigrad.ones(1))._repr_html_()
