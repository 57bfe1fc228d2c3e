"""The engine beyond single ops: long chains, memory, fan-out, torch's texts, defects known from elsewhere."""
import gc
import sys
import time
import weakref

import numpy as np
import pytest
import torch

import minigrad
from minigrad.engine.walk import reachable

BOTH = pytest.mark.parametrize("B", [torch, minigrad], ids=["torch", "minigrad"])


def told(call, B):
    """The type and the first line of what a call raises."""
    with pytest.raises(Exception) as caught:
        call(B)
    return caught.type, str(caught.value).split("\n", 1)[0]


def leaf(B, *values, dtype="float64"):
    return B.tensor(list(values), dtype=getattr(B, dtype), requires_grad=True)


# Size and memory
def test_a_chain_of_100_000_nodes_runs_and_is_freed():
    """No recursion anywhere: forward, both walks, and the release of the graph, in a small stack."""
    limit = sys.getrecursionlimit()
    x = leaf(minigrad, 1.0, 2.0)
    y = x
    for _ in range(100_000):
        y = y * 1.00001
    sys.setrecursionlimit(150)
    try:
        y.sum().backward(retain_graph=True)
        (g,) = minigrad.autograd.grad(y.sum(), x, create_graph=True)
        del y
    finally:
        sys.setrecursionlimit(limit)
    np.testing.assert_allclose(x.grad.numpy(), [1.00001 ** 100_000] * 2, rtol=1e-9)
    np.testing.assert_array_equal(x.grad.numpy(), g.detach().numpy())


def small_network(x, weight, bias, note):
    hidden = note(minigrad.relu(note(x @ weight) + bias))
    hidden = note(hidden / (1 + note(minigrad.exp(-hidden))).sum(1, keepdim=True))
    left, right = hidden.split(2, 1)
    shares = note(minigrad.softmax(note(minigrad.cat([right, left], 1)), 1))
    return note((shares[:, 1] * hidden.max(1)[0]).mean())


def saved_by(*results):
    """Weak references to the arrays that the graph of these tensors keeps."""
    nodes = reachable([result.grad_fn for result in results]).values()
    saved = [value for node in nodes for value in node.saved or ()]
    return [weakref.ref(value) for value in saved if isinstance(value, np.ndarray)]


@pytest.mark.parametrize("backward", ["none", "plain", "retained", "recorded"])
def test_everything_dies_with_the_loss(backward):
    """With the collector off: reference counts alone free a graph, walked or not. No cycle holds an array."""
    living = []

    def note(tensor):
        living.append(weakref.ref(tensor))
        living.append(weakref.ref(tensor.array))
        return tensor

    random = np.random.default_rng(0)
    x, weight, bias = (minigrad.from_numpy(random.normal(size=s)).requires_grad_()
                       for s in ((5, 3), (3, 4), (4,)))
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        loss = small_network(x, weight, bias, note)
        living += saved_by(loss)
        if backward == "recorded":
            grads = [note(g) for g in minigrad.autograd.grad(loss, [x, weight, bias], create_graph=True)]
            living += saved_by(*grads)
            grads.clear()
        elif backward != "none":
            loss.backward(retain_graph=backward == "retained")
        assert len(living) > 20
        del loss
        leaves = [id(t.array) for t in (x, weight, bias)]
        assert [ref() for ref in living if ref() is not None and id(ref()) not in leaves] == []
    finally:
        if enabled:
            gc.enable()


def test_a_ladder_of_diamonds_is_walked_once():
    """2 ** 200 paths, 400 nodes: a walk that follows paths would never end."""
    x = leaf(minigrad, 1.0)
    y = x
    for _ in range(200):
        y = y * 0.5 + y * 0.5
    start = time.monotonic()
    y.sum().backward()
    assert x.grad.item() == 1.0
    assert time.monotonic() - start < 60        # a guard against the exponential, not a measure of speed


def test_fan_out_adds_in_torchs_order():
    """Equal to the bit: a value used many times accumulates in the order in which torch accumulates."""
    values = np.random.default_rng(1).normal(size=50)
    grads = []
    for B in (torch, minigrad):
        x = B.from_numpy(values.copy()).requires_grad_()
        y = x * 1.1
        total = y * 0.3
        for k in range(20):
            total = total * y + y * (k / 7)
        total.backward(B.from_numpy(values[::-1].copy()))
        grads.append(x.grad.numpy())
    np.testing.assert_array_equal(grads[1], grads[0])


# torch's texts
REFUSED = {
    "second backward": lambda B: [y.backward() for y in [leaf(B, 1.0, 2.0).exp().sum()] * 2],
    "second backward, grad": lambda B: [B.autograd.grad(y, x) for x in [leaf(B, 2.0)]
                                        for y in [(x * x).sum()] * 2],
    "non-scalar": lambda B: (leaf(B, 1.0, 2.0) * 2).backward(),
    "no graph": lambda B: B.ones(2).sum().backward(),
    "leaf in place": lambda B: leaf(B, 1.0).add_(1),
    "leaf zeroed": lambda B: leaf(B, 1.0).zero_(),
    "leaf assigned": lambda B: leaf(B, 1.0).__setitem__(0, 2.0),
    "modified": lambda B: [(y.exp(), y) for x in [leaf(B, 1.0, 2.0)] for y in [x * 2] for z in [y * y]
                           for _ in [y.add_(1)] for _ in [z.sum().backward()]],
    "modified result": lambda B: [None for x in [leaf(B, 1.0, 2.0)] for y in [x.exp()] for _ in [y.mul_(2)]
                                  for _ in [y.sum().backward()]],
    "modified constant": lambda B: [None for c in [B.ones(2)]
                                    for y in [leaf(B, 1.0, 2.0, dtype="float32") * c]
                                    for _ in [c.add_(1)] for _ in [y.sum().backward()]],
    "integers": lambda B: B.tensor([1, 2], requires_grad=True),
    "integers later": lambda B: B.tensor([1, 2]).requires_grad_(),
    "integers by attribute": lambda B: setattr(B.tensor([1, 2]), "requires_grad", True),
    "bools": lambda B: B.tensor([True], requires_grad=True),
    "zeros of integers": lambda B: B.zeros(2, dtype=B.int64, requires_grad=True),
    "unused": lambda B: B.autograd.grad(leaf(B, 1.0).sum(), leaf(B, 2.0)),
    "not required": lambda B: B.autograd.grad(leaf(B, 1.0).sum(), B.ones(1)),
    "shape of gradient": lambda B: (leaf(B, 1.0, 2.0) * 2).backward(B.ones(3, dtype=B.float64)),
    "numpy of grad": lambda B: leaf(B, 1.0).numpy(),
    "non-leaf off": lambda B: (leaf(B, 1.0) * 2).requires_grad_(False),
    "bool of many": lambda B: bool(B.ones(2)),
    "item of many": lambda B: B.ones(2).item(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_have_torchs_words(name):
    assert told(REFUSED[name], minigrad) == told(REFUSED[name], torch)


@BOTH
def test_a_second_backward_is_legal_where_nothing_was_saved(B):
    x = leaf(B, 1.0, 2.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


@BOTH
def test_in_place_is_legal_where_nothing_was_saved(B):
    x = leaf(B, 1.0, 2.0)
    a = x * 3
    b = a + 1
    a.add_(1)
    b.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert a.tolist() == [4.0, 7.0]


@BOTH
def test_assignment_stops_the_gradient_there(B):
    x = leaf(B, 1.0, 2.0, 3.0)
    y = x * 1
    y[0] = 5
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0]


@BOTH
def test_modes_nest_and_decorate(B):
    x = leaf(B, 1.0)

    @B.no_grad()
    def frozen():
        return x * 2

    assert not frozen().requires_grad
    with B.no_grad():
        with B.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
        with B.set_grad_enabled(True):
            assert B.is_grad_enabled()
    assert (x * 2).requires_grad
    assert (x * 2).detach().is_leaf


@BOTH
def test_retain_grad_and_leaves(B):
    x = leaf(B, 3.0)
    y = x * x
    y.retain_grad()
    z = y * 2
    z.sum().backward()
    assert (y.grad.item(), x.grad.item()) == (2.0, 12.0)
    assert (x.is_leaf, y.is_leaf, y.detach().is_leaf) == (True, False, True)


# Defects that other libraries have had, one small test each
@BOTH
def test_indexing_has_a_gradient(B):
    x = B.from_numpy(np.arange(6.0).reshape(2, 3)).requires_grad_()
    (x[1, :2] * B.tensor([2.0, 3.0], dtype=B.float64) + x[B.tensor([0, 0])].sum()).sum().backward()
    assert x.grad.tolist() == [[4.0, 4.0, 4.0], [2.0, 3.0, 0.0]]


@BOTH
def test_a_weight_used_twice_adds_up(B):
    w = B.from_numpy(np.array([[1.0, 2.0], [3.0, 4.0]])).requires_grad_()
    x = B.ones(1, 2, dtype=B.float64)
    (x @ w @ w).sum().backward()
    assert w.grad.tolist() == [[7.0, 11.0], [9.0, 13.0]]


@BOTH
def test_permute_goes_back_by_the_inverse(B):
    x = B.from_numpy(np.arange(24.0).reshape(2, 3, 4)).requires_grad_()
    g = np.random.default_rng(2).normal(size=(4, 2, 3))
    x.permute(2, 0, 1).backward(B.from_numpy(g))
    np.testing.assert_array_equal(x.grad.numpy(), g.transpose(1, 2, 0))


@BOTH
def test_mean_over_dims_divides_by_their_sizes(B):
    x = B.ones(2, 3, 4, dtype=B.float64, requires_grad=True)
    x.mean((0, 1)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((2, 3, 4), 1 / 6), rtol=1e-15)


@BOTH
def test_a_rule_leaves_its_cotangent_alone(B):
    x, y = leaf(B, 1.0, 2.0), leaf(B, 3.0, 4.0)
    g = B.tensor([1.0, -2.0], dtype=B.float64)
    for result in (x * y, x - y, B.relu(x) / y, B.maximum(x, y), B.cat([x, y])[1:3]):
        result.backward(g)
        assert g.tolist() == [1.0, -2.0]


@BOTH
def test_softmax_shifts_each_row_by_its_own_maximum(B):
    rows = B.tensor([[1000.0, 1001.0], [-1000.0, -1001.0]], dtype=B.float64)
    np.testing.assert_allclose(B.softmax(rows, 1).numpy()[:, 0], [0.2689414213699951, 0.7310585786300049],
                               rtol=1e-15)


@BOTH
def test_requires_grad_false_switches_off(B):
    x = leaf(B, 1.0).requires_grad_(False)
    assert not x.requires_grad
    assert not (x * 2).requires_grad


@BOTH
def test_a_second_backward_adds_only_its_own(B):
    """Cotangents live in the walk: nothing stale is added the second time."""
    x = leaf(B, 2.0)
    y = x * x
    z = (y * y).sum()
    z.backward(retain_graph=True)
    assert x.grad.item() == 32.0
    z.backward()
    assert x.grad.item() == 64.0


@BOTH
def test_power_of_zero_keeps_the_graph(B):
    x = leaf(B, 0.0, 2.0)
    y = x ** 0
    assert y.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


@BOTH
def test_an_unused_output_is_no_obstacle(B):
    x = leaf(B, 1.0, 5.0, 3.0)
    first, _ = x.reshape(1, 3).max(1)
    (first + x.split([1, 2])[0]).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]


@BOTH
def test_grads_do_not_share_memory(B):
    """`x + y` hands the same cotangent to both: their `.grad` are still arrays of their own."""
    x, y = leaf(B, 1.0), leaf(B, 2.0)
    (x + y).sum().backward()
    x.grad.mul_(10)
    assert y.grad.item() == 1.0


def test_parameter_order_does_not_depend_on_the_hash_seed():
    layers = minigrad.nn.Sequential(minigrad.nn.Linear(2, 3), minigrad.nn.BatchNorm1d(3),
                                    minigrad.nn.Linear(3, 1))
    assert [name for name, _ in layers.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias",
                                                               "2.weight",
                                                               "2.bias"]


@BOTH
@pytest.mark.parametrize("side", [2, 256])          # of a size to lie in reused memory, too
def test_grads_do_not_share_memory_with_what_a_nodes_hook_saw_or_gave(B, side):
    def grads(hook, on):
        x, y = (B.ones(side, side, requires_grad=True) for _ in range(2))
        z = x * y if on == "register_hook" else x + y
        getattr(z.grad_fn, on)(hook)
        z.sum().backward()
        x.grad.mul_(10)
        return y.grad[0, 0].item()

    seen = []
    assert grads(lambda given: (given[0] * 2,), "register_prehook") == 2
    assert grads(lambda given, _: (given[0], given[0]), "register_hook") == 1
    grads(lambda given, _: seen.append(given[0]), "register_hook")
    assert seen[0][0, 0].item() == 1
