"""Checkpoints: the same numbers as without, and as torch's; random numbers drawn again; memory."""
import contextlib
import importlib
import tracemalloc
import warnings

import numpy as np
import pytest
import torch

import minigrad

REENTRANT = pytest.mark.parametrize("reentrant", [False, True])


def tools(B):
    return importlib.import_module(f"{B.__name__}.utils.checkpoint")


def leaf(B, *values):
    return B.tensor(list(values or (1.0, 2.0, 3.0)), dtype=B.float64, requires_grad=True)


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value.tolist() if hasattr(value, "tolist") else value


def run(case, B):
    """What a case gives, or the type and first line of its error; and its warnings' first words."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = plain(case(B, lambda f, *args, **kw: tools(B).checkpoint(f, *args, **kw)))
        except (RuntimeError, TypeError, ValueError) as error:
            result = type(error).__name__, str(error).split("\n", 1)[0]
    return result, [str(w.message)[:50] for w in caught]


def body(x, w):
    return (x * w).exp().sin() * x


def gradients(B, ck, **kw):
    x, w = leaf(B), leaf(B, 0.5, 0.25, 2.0)
    y = ck(body, x, w, **kw)
    name = y.grad_fn.name()
    y.sum().backward()
    return name, y.detach(), x.grad, w.grad


def by_grad(B, ck):
    x, w = leaf(B), leaf(B)
    return B.autograd.grad(ck(lambda x: body(x, w), x, use_reentrant=False).sum(), [x, w])


def captured_only(B, ck, reentrant=False):
    w = leaf(B)
    y = ck(lambda x: body(x, w), B.ones(3, dtype=B.float64), use_reentrant=reentrant)
    if y.requires_grad:
        y.sum().backward()
    return y.requires_grad, w.grad


def second(B, ck):
    x = leaf(B)
    g, = B.autograd.grad(ck(lambda x: (x * x).sin() * x, x, use_reentrant=False).sum(), x, create_graph=True)
    g.sum().backward()
    return g.detach(), x.grad


def walked_twice(B, ck, retain=False):
    x = leaf(B)
    y = ck(lambda x: (x * x).exp(), x, use_reentrant=False).sum()
    y.backward(retain_graph=retain)
    y.backward()
    return x.grad


def runs(B, ck):
    seen, x = [], leaf(B)

    def f(x):
        seen.append(B.is_grad_enabled())
        return x.exp().exp()
    y = ck(f, x, use_reentrant=False)
    before = len(seen)
    y.sum().backward()
    return before, seen


def nested(B, ck):
    x = leaf(B)

    def inner(x):
        return x.exp().sin()
    ck(lambda x: ck(inner, x * x, use_reentrant=False).cos(), x, use_reentrant=False).sum().backward()
    return x.grad


def in_place(B, ck):
    """Memory written while the function runs again is younger than the graph, which must not take offence."""
    x = leaf(B)

    def f(x):
        y = x * 2
        y.add_(1)
        mask = B.zeros(3, dtype=B.float64)
        mask[1:] = 2.0
        return (y * mask).sin() * y
    ck(f, x, use_reentrant=False).sum().backward()
    return x.grad


def drawn(B, ck, reentrant):
    """The mask of the second run is that of the first; numbers drawn since are not disturbed."""
    B.manual_seed(3)
    x = leaf(B, *range(40))

    def f(x):
        return (x * B.nn.functional.dropout(B.ones_like(x), 0.5)).sin()
    y = ck(f, x, use_reentrant=reentrant)
    between = B.rand(2)
    y.sum().backward()
    return y.detach(), x.grad, between, B.rand(2)


def another_count(B, ck):
    seen, x = [], leaf(B)

    def f(x):
        seen.append(1)
        return x.exp() if len(seen) > 1 else x.exp().exp()
    ck(f, x, use_reentrant=False).sum().backward()


def another_shape(B, ck):
    seen, x = [], leaf(B)

    def f(x):
        seen.append(1)
        return (x[:len(seen)] * 2).exp().sum()
    ck(f, x, use_reentrant=False).backward()


def structures(B, ck):
    x = leaf(B)
    a, b, c = ck(lambda x: (x.exp(), {"a": [x.sin()]}, 5), x, use_reentrant=False)
    (a + b["a"][0]).sum().backward()
    return x.grad, c


def parts(B, ck):
    x = leaf(B)

    def f(x):
        a, b, c = x.unbind()
        return a * b * c.exp()
    ck(f, x, use_reentrant=False).backward()
    return x.grad


def own_function(B, ck):
    class Square(B.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.factor = 2
            return x * x

        @staticmethod
        def backward(ctx, g):
            x, = ctx.saved_tensors
            return g * ctx.factor * x
    x = leaf(B)
    y = ck(lambda x: Square.apply(x.sin()), x, use_reentrant=False)
    g, = B.autograd.grad(y.sum(), x, create_graph=True)
    (g * g).sum().backward()
    return g.detach(), x.grad


def unrecorded(B, ck):
    with B.no_grad():
        return ck(lambda x: x * x, leaf(B), use_reentrant=False).requires_grad


def contexts(B, ck):
    seen, x = [], leaf(B)

    @contextlib.contextmanager
    def noted(name):
        seen.append(name)
        yield
    y = ck(lambda x: x * x, x, use_reentrant=False, context_fn=lambda: (noted("first"), noted("second")))
    y.sum().backward()
    return seen


def in_parts(B, ck, reentrant, segments=2):
    x = leaf(B)
    y = tools(B).checkpoint_sequential([B.sin, B.exp, lambda x: x * x, B.cos, B.tanh], segments, x,
                                       use_reentrant=reentrant)
    y.sum().backward()
    return y.detach(), x.grad


CASES = {
    "gradients": lambda B, ck: gradients(B, ck, use_reentrant=False),
    "gradients, reentrant": lambda B, ck: gradients(B, ck, use_reentrant=True),
    "neither said": gradients,
    "grad": by_grad,
    "captured": captured_only,
    "captured, reentrant": lambda B, ck: captured_only(B, ck, True),
    "second derivative": second,
    "walked twice": walked_twice,
    "walked twice, retained": lambda B, ck: walked_twice(B, ck, True),
    "runs": runs,
    "nested": nested,
    "in place": in_place,
    "drawn again": lambda B, ck: drawn(B, ck, False),
    "drawn again, reentrant": lambda B, ck: drawn(B, ck, True),
    "another count": another_count,
    "another shape": another_shape,
    "structures": structures,
    "parts": parts,
    "own function": own_function,
    "unrecorded": unrecorded,
    "contexts": contexts,
    "keywords": lambda B, ck: ck(lambda x, k: x * k, leaf(B), k=3, use_reentrant=False).detach(),
    "keywords, reentrant": lambda B, ck: ck(lambda x, k: x * k, leaf(B), k=3, use_reentrant=True),
    "nothing to differentiate": lambda B, ck:
        ck(lambda x: x.detach() * 2, leaf(B), use_reentrant=True).sum().backward(),
    "sequential": lambda B, ck: in_parts(B, ck, False),
    "sequential, reentrant": lambda B, ck: in_parts(B, ck, True, 3),
}


@pytest.mark.parametrize("name", CASES)
def test_as_torch(name):
    ours, theirs = run(CASES[name], minigrad), run(CASES[name], torch)
    if isinstance(theirs[0], (list, float)):
        def flat(value):
            return [f for v in value for f in flat(v)] if isinstance(value, list) else [value]
        for a, b in zip(flat(ours[0]), flat(theirs[0]), strict=True):
            assert a == pytest.approx(b, rel=1e-14) if isinstance(b, float) else a == b
        assert ours[1] == theirs[1]
    else:
        assert ours == theirs


@REENTRANT
def test_bits_are_those_without(reentrant):
    def gradient(ck):
        x = leaf(minigrad, *np.linspace(-2, 2, 50))
        ck(lambda x: (x.exp() * x.sin()).tanh() * x, x).sum().backward()
        return x.grad.tolist()
    assert gradient(lambda f, x: tools(minigrad).checkpoint(f, x, use_reentrant=reentrant)) == \
        gradient(lambda f, x: f(x))


def peak(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def halves(functions, x):
    """Checkpoints inside checkpoints."""
    if len(functions) < 17:
        for function in functions:
            x = function(x)
        return x
    half = len(functions) // 2
    x = tools(minigrad).checkpoint(lambda x: halves(functions[:half], x), x, use_reentrant=False)
    return halves(functions[half:], x)


@pytest.mark.parametrize("way", ["sequential", "sequential, reentrant", "nested"])
def test_memory_of_a_chain_of_1000(way):
    """Without: what a thousand operations saved. In √n parts: about 2√n of it. Nested: about log n."""
    x = minigrad.ones(20_000, requires_grad=True)
    functions = [minigrad.sin] * 1000
    one = x.array.nbytes
    if way == "nested":
        used = peak(lambda: halves(functions, x).sum().backward())
        assert used < 50 * one
    else:
        used = peak(lambda: tools(minigrad).checkpoint_sequential(
            functions, 32, x, use_reentrant="reentrant" in way).sum().backward())
        assert used < 100 * one
    checked, x.grad = x.grad, None
    y = x
    for function in functions:
        y = function(y)
    y.sum().backward()
    np.testing.assert_array_equal(checked.numpy(), x.grad.numpy())


def test_what_was_dropped_is_dropped():
    """After forward the segment keeps its arguments only."""
    x = minigrad.ones(50_000, requires_grad=True)
    functions = [minigrad.sin] * 40
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        y = tools(minigrad).checkpoint(lambda x: [x := f(x) for f in functions][-1], x, use_reentrant=False)
        kept = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert kept < 3 * x.array.nbytes
    y.sum().backward()


def test_debug_is_refused_by_name():
    with pytest.raises(NotImplementedError, match="debug"):
        tools(minigrad).checkpoint(minigrad.sin, leaf(minigrad), use_reentrant=False, debug=True)
