"""Anomaly mode, hooks and Functions beyond what torch shows too: source lines, places, memory, cost when
off."""
import contextlib
import gc
import itertools
import threading
import warnings
import weakref

import numpy as np
import pytest

import minigrad
from minigrad.autograd import Function, detect_anomaly, set_detect_anomaly
from minigrad.engine import core, hooks, op, walk


def leaf(*values):
    return minigrad.tensor(list(values or (1.0, 2.0, 3.0)), requires_grad=True)


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def told(call):
    """The error's text, and the texts of the warnings."""
    with warnings.catch_warnings(record=True) as caught, pytest.raises(RuntimeError) as error:
        warnings.simplefilter("always")
        call()
    return str(error.value), [str(w.message) for w in caught if issubclass(w.category, UserWarning)]


# Anomaly mode
def test_the_first_nan_and_the_forward_line():
    with set_detect_anomaly(True):
        x = minigrad.tensor([[1.0, 4.0], [9.0, 0.0]], requires_grad=True)
        y = x.sqrt() * minigrad.tensor([[1.0, 1.0], [1.0, 0.0]])     # here
        error, (warning,) = told(y.sum().backward)
    assert error.split("\n") == ["Function 'SqrtBackward0' returned nan values in its 0th output.",
                                 "The first nan is at index (1, 1) of (2, 2)."]
    assert warning.startswith("Error detected in SqrtBackward0. Traceback of forward call that caused the "
                              "error:\n")
    assert warning.rstrip().endswith("# here") and __file__ in warning
    assert "minigrad/engine" not in warning.replace("\\", "/")


def test_modified_memory_tells_both_lines():
    with set_detect_anomaly(True):
        x = leaf()
        y = x * 2
        z = y.exp() * y         # saved
        y.mul_(3)               # written
        error, (warning,) = told(z.sum().backward)
    saved, written = error.split("\n")[-2:]
    assert saved.startswith("It was saved by ") and saved.endswith("# saved")
    assert written.startswith("and written in place by ") and written.endswith("# written")
    assert "Good luck!" in error and "# saved" in warning
    with set_detect_anomaly(True):
        x = leaf()
        z = x * x
        with minigrad.no_grad():
            x.add_(1)           # written unrecorded
        error, _ = told(z.sum().backward)
    assert error.endswith("# written unrecorded")


def test_a_second_derivative_tells_what_induced_it():
    with set_detect_anomaly(True):
        x = leaf(1.0, 0.0)
        y = x ** 1.5                                                    # forward
        g, = minigrad.autograd.grad(y.sum(), x, create_graph=True)      # first walk
        error, (caused, induced) = told((g * minigrad.tensor([1.0, 0.0])).sum().backward)
    assert error.startswith("Function 'PowBackward0' returned nan")
    assert caused.rstrip().endswith("# first walk")
    assert induced.startswith("\n\nPrevious calculation was induced by PowBackward0.")
    assert induced.rstrip().endswith("# forward")


def test_anomaly_mode_leaves_no_trace():
    counting = core.tick
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with detect_anomaly():
            assert op.tick is not counting
            assert hasattr((leaf() * 2).grad_fn.number, "place")
    assert core.tick is op.tick is walk.tick is counting and hooks.watching == [None]
    assert type((leaf() * 2).grad_fn.number) is int
    x = leaf(0.0)
    x.sqrt().sum().backward()
    (x.sqrt() * 0).sum().backward()
    assert np.isnan(x.grad.numpy()).all()


def test_anomaly_mode_changes_no_number():
    def run():
        x = leaf(0.3, 0.7, -1.2)
        y = minigrad.softmax(x * x.sin(), 0)
        parts = (y * y.exp()).unbind()
        g, = minigrad.autograd.grad(parts[0] + 2 * parts[2], x, create_graph=True)
        (g * g).sum().backward()
        return g.tolist(), x.grad.tolist()
    plain = run()
    with set_detect_anomaly(True):
        assert run() == plain


# Memory
def arrays_of(node):
    return [weakref.ref(value) for value in node.saved if isinstance(value, np.ndarray)]


def test_a_functions_graph_is_freed_without_the_collector(no_collector):
    class Both(Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.extra = minigrad.ones(5)
            z = x * y
            ctx.save_for_backward(x, y, z)
            return z, z + 1

        @staticmethod
        def backward(ctx, g, h):
            x, y, z = ctx.saved_tensors
            return (g + h) * y * z, (g + h) * x * z

    x = leaf()
    h = x * 1
    a, b = Both.apply(h, x)
    node = weakref.ref(a.grad_fn)
    extra = weakref.ref(a.grad_fn.extra)
    middle = weakref.ref(h.array)
    del h, a
    b.sum().backward()
    assert middle() is None, "saved tensors are freed by the walk"
    assert node() is not None
    del b
    assert node() is None and extra() is None


def test_a_function_that_writes_in_place_is_freed_without_the_collector(no_collector):
    class Tripled(Function):
        @staticmethod
        def forward(ctx, x):
            order = x > 1
            ctx.mark_dirty(x)
            ctx.mark_non_differentiable(order)
            return x.mul_(3), order

        @staticmethod
        def backward(ctx, g, _):
            return g * 3

    x = leaf()
    y, order = Tripled.apply(x * 1)
    held = weakref.ref(y.array)
    y.sum().backward()
    del y
    assert held() is None and x.grad.tolist() == [3.0] * 3
    y, order = Tripled.apply(x * 1)
    other = weakref.ref(order.array)
    del order
    assert other() is None and y.requires_grad


def test_hooks_keep_no_graph(no_collector):
    x = leaf()
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: None)
    y.grad_fn.register_prehook(lambda g: None)
    y.grad_fn.register_hook(lambda a, b: None)
    x.register_hook(lambda g: None)
    held = weakref.ref(y)
    memory = weakref.ref(y.array)
    y.sum().backward()
    del y
    assert held() is None and memory() is None


def test_gradients_are_written_and_freed_on_the_way():
    """A hook after accumulation that drops `.grad` sees each leaf before the walk has gone on."""
    leaves = [leaf() for _ in range(6)]
    alive = []

    def drop(p):
        alive.append(sum(q.grad is not None for q in leaves))
        p.grad = None
    for p in leaves:
        p.register_post_accumulate_grad_hook(drop)
    y = leaves[0]
    for p in leaves[1:]:
        y = y * p
    y.sum().backward()
    assert alive == [1] * 6


# Hooks against each other, at random
@pytest.mark.parametrize("seed", range(8))
def test_hooks_do_not_change_unhooked_gradients(seed):
    """A graph with observing hooks everywhere gives the same bits, in both walks."""
    random = np.random.default_rng(seed)

    def run(observe):
        xs = [minigrad.tensor(row.tolist(), dtype=minigrad.float64, requires_grad=True) for row in values]
        pool, seen = list(xs), []
        for a, b, kind in program:
            z = [lambda p, q: p * q, lambda p, q: p + q, lambda p, q: p.sin() * q[:1],
                 lambda p, q: minigrad.stack(list(p.unbind())[::-1]) - q][kind](pool[a], pool[b])
            if observe:
                z.register_hook(lambda g: seen.append(g))
                z.grad_fn.register_hook(lambda into, out: seen.append(into))
                z.grad_fn.register_prehook(lambda out: seen.append(out))
            pool.append(z)
        if observe:
            for x in xs:
                x.register_hook(lambda g: seen.append(g))
        grads = minigrad.autograd.grad(pool[-1].sum(), xs, create_graph=True, allow_unused=True)
        total = sum((g * g).sum() for g in grads if g is not None)
        if isinstance(total, minigrad.Tensor) and total.requires_grad:
            total.backward(retain_graph=True)
        pool[-1].sum().backward()
        assert bool(seen) == observe
        return [g if g is None else g.tolist() for g in (*grads, *(x.grad for x in xs))]

    values = random.normal(size=(3, 4))
    program = [tuple(random.integers([3 + k, 3 + k, 4]).tolist()) for k in range(8)]
    assert run(False) == run(True)


def test_modes_in_threads():
    """Recording, inference mode and anomaly parents are each thread's own."""
    found = []

    def work(flag):
        for _ in itertools.repeat(None, 50):
            with minigrad.set_grad_enabled(flag), minigrad.inference_mode(not flag):
                found.append((leaf() * 2).requires_grad is flag and
                             minigrad.is_inference_mode_enabled() is not flag)
    threads = [threading.Thread(target=work, args=(bool(k % 2),)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 300 and minigrad.is_grad_enabled() and core.paused == [0]


def test_inference_mode_of_a_generator():
    @minigrad.inference_mode()
    def steps():
        yield (leaf() * 2).requires_grad
        yield (leaf() * 2).requires_grad
    assert list(steps()) == [False, False] and minigrad.is_grad_enabled()


@pytest.mark.parametrize("name", ["disable_saved_tensors_hooks", "register_multi_grad_hook"])
def test_what_is_missing_is_named(name):
    with pytest.raises(NotImplementedError, match=name):
        getattr(minigrad.autograd.graph, name)
    assert isinstance((leaf() * 2).grad_fn, minigrad.autograd.graph.Node)


def test_what_is_saved_on_the_cpu():
    torch = pytest.importorskip("torch")
    found = []
    for B in (minigrad, torch):
        x = B.linspace(1, 2, 3, dtype=B.float64).requires_grad_()
        with B.autograd.graph.save_on_cpu(pin_memory=False):
            z = (x * x).exp() * x
        found.append(B.autograd.grad(z.sum(), x)[0].tolist())
    assert found[0] == pytest.approx(found[1], rel=1e-13)


# Size
def test_100_000_nodes_with_views():
    """Views of views, and ops between views: linear, without recursion, with hooks and in anomaly mode's walk
    too."""
    import sys
    limit = sys.getrecursionlimit()
    x = minigrad.ones(4, dtype=minigrad.float64, requires_grad=True)
    sys.setrecursionlimit(200)
    try:
        y = x * 3
        for k in range(60_000):
            y = y.view(2, 2) if k % 2 == 0 else y.view(4)
        for k in range(20_000):
            y = (y * 1.0).view(2, 2) if k % 2 == 0 else (y * 1.0).view(4)
        y.register_hook(lambda g: g)
        y.sum().backward()
        del y
        base = x * 2
        row = base.view(2, 2)[1]
        for _ in range(2_000):
            row.mul_(1.0)
        base.sum().backward()
    finally:
        sys.setrecursionlimit(limit)
    assert x.grad.tolist() == [5.0] * 4


# Saved tensors
def test_packing_costs_nothing_outside_and_leaves_no_trace():
    slot = core.Node.__dict__["saved"]
    hooked = minigrad.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t)
    with pytest.raises(KeyError), hooked:
        with hooked:
            assert core.Node.__dict__["saved"] is not slot
        raise KeyError
    assert core.Node.__dict__["saved"] is slot
    assert type((leaf() * 2).exp().grad_fn).__mro__[1] is core.Node


def test_packed_graphs_die_by_reference_count(no_collector):
    with minigrad.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        y = leaf().exp().exp()
    freed = weakref.ref(y)
    node = weakref.ref(y.grad_fn.edges[0]) if hasattr(y.grad_fn, "__weakref__") else None
    del y
    assert freed() is None and (node is None or node() is None)
    assert not [o for o in gc.get_objects() if type(o).__name__ == "Packed"]


def test_every_op_of_a_model_can_be_packed():
    """Saved to bytes and back, with an in-place op, a checkpoint, and a fused layer or two: the same bits."""
    import io

    def pack(tensor):
        stream = io.BytesIO()
        minigrad.save(tensor.detach(), stream)
        return stream.getvalue()

    def gradients(hooks):
        minigrad.manual_seed(0)
        nn = minigrad.nn
        first = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.MaxPool2d(2))
        last = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(27, 4), nn.LayerNorm(4), nn.GELU())
        x = minigrad.randn(2, 1, 8, 8)
        with hooks:
            y = first(x)
            y.mul_(2)
            y = minigrad.utils.checkpoint.checkpoint(last, y, use_reentrant=False)
            loss = minigrad.nn.functional.cross_entropy(y, minigrad.tensor([0, 1]))
        loss.backward()
        return [p.grad.tolist() for m in (first, last) for p in m.parameters()]

    hooks = minigrad.autograd.graph.saved_tensors_hooks(pack, lambda b: minigrad.load(io.BytesIO(b)))
    assert gradients(hooks) == gradients(contextlib.nullcontext())
