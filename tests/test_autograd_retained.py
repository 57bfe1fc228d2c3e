"""retain_grad beside `inputs=` and writes through views; views made under no_grad: both libraries agree."""
import pytest

import minigrad

torch = pytest.importorskip("torch")


def said(function):
    try:
        return function()
    except RuntimeError as error:
        return str(error).split("\n")[0]


def inputs_that_retain(B):
    x = B.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward(inputs=[y, x])
    return y.grad.tolist(), x.grad.tolist()


def a_write_through_a_view(B):
    x = B.ones(2, requires_grad=True)
    y = x * 1
    y.retain_grad()
    y[:1].mul_(2)
    (y * y).sum().backward()
    return y.grad.tolist(), x.grad.tolist()


def views_made_in_no_grad(B):
    x = B.ones(6, requires_grad=True)
    y, z = x * 2, B.zeros(2, 3)
    with B.no_grad():
        of_node, of_leaf, free = y.view(2, 3), x[:2], z[0]
    found = [said(lambda: of_node.mul_(2)), said(lambda: of_leaf.mul_(2)), said(lambda: of_node[0].mul_(2)),
             free.mul_(2).tolist(), said(lambda: free.add_(x[:3]))]
    with B.no_grad():
        return *found, free.add_(1).tolist(), of_leaf.mul_(3).tolist(), x.tolist()


def a_failed_backward_twice(B):
    """What a failed walk had freed on its way to the write that failed is there for the next."""
    t = B.ones(2, 3, requires_grad=True) * 2
    view = t[...]
    view.tanh_()
    with B.no_grad():
        view += view
    return [said(lambda: view.sum().backward())[:90] for _ in range(3)]


@pytest.mark.parametrize("program", [a_failed_backward_twice, inputs_that_retain, a_write_through_a_view,
                                     views_made_in_no_grad])
def test_both_say_the_same(program):
    assert program(minigrad) == program(torch)
