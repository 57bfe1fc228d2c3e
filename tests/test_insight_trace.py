"""`tracing` and `collect`: every number written down is the engine's own, and looking changes nothing."""

import gc
import random
import weakref

import numpy as np
import pytest
from gpu import places

import minigrad
from minigrad.autograd import anomaly_mode
from minigrad.engine import core, op, walk
from minigrad.insight.notes import note_of, tracing
from minigrad.insight.trace import collect
from minigrad.utils.checkpoint import checkpoint
from torch_backend.parity import SAMPLES, draw_case
from torch_backend.parity.compare import leaves
from torch_backend.parity.draw import Operand

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning"),
              pytest.mark.filterwarnings("ignore::UserWarning")]
nn = minigrad.nn
# Samples of which cases must be walked; others may have no gradient.
WALKED = set("""
    add sub mul div pow exp log sqrt tanh sigmoid relu abs where clamp maximum sum mean var
    amax prod softmax log_softmax logsumexp matmul linear conv2d max_pool2d avg_pool2d
    batch_norm layer_norm cross_entropy mse_loss gather scatter_add index_select embedding cat
    stack split unbind permute expand cumsum""".split())


def built(case):
    """A case's arguments as minigrad's, and those that need a gradient."""
    known = {}

    def build(operands):
        if isinstance(operands, (list, tuple)):
            return type(operands)(build(part) for part in operands)
        if not isinstance(operands, Operand):
            return operands
        if id(operands) not in known:
            tensor = minigrad.from_numpy(operands.build(operands.values))
            known[id(operands)] = tensor.requires_grad_() if operands.grad else tensor
        return known[id(operands)]

    return build(case.operands), [tensor for tensor in known.values() if tensor.requires_grad]


def run(sample, case):
    """(outputs in the graph, leaves) of a case, or None where it raises."""
    arguments, inputs = built(case)
    try:
        result = sample.call(minigrad, *arguments, **case.attributes)
    except Exception:  # noqa: BLE001 - a case may be one of errors; those are not walked
        return None
    return [t for t in leaves(result) if isinstance(t, minigrad.Tensor) and t.requires_grad], inputs


def cotangents(outputs):
    draw = np.random.default_rng(3)
    return [minigrad.from_numpy(np.asarray(draw.uniform(-1.5, 1.5, tuple(t.shape)))).to(t.dtype)
            for t in outputs]


def equal(ours, theirs):
    if ours is None or theirs is None:
        return ours is theirs
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_op_is_written_down_as_the_engine_computes_it(name):
    """Noted results, operands and all sums equal the engine's to the bit, with `tracing` and without."""
    sample, walked = SAMPLES[name], 0
    choose = random.Random(name)
    for attempt in range(10):
        dtype = sample.dtypes[attempt % len(sample.dtypes)]
        category = sample.categories[attempt % len(sample.categories)]
        case = draw_case(sample, dtype, category, lambda options: choose.choice(list(options)))
        state = minigrad.get_rng_state()
        plain = run(sample, case)
        if plain is None or not plain[0]:
            continue
        minigrad.set_rng_state(state)
        with tracing():
            outputs, inputs = run(sample, case)
        gradients = cotangents(outputs)
        trace, without = collect(outputs, gradients), collect(plain[0], gradients)
        assert trace.noted and not any(inputs_.gradient for inputs_ in inputs)
        for step, other in zip(trace.steps, without.steps, strict=True):
            assert step.op == other.op
            for value, bare in zip([*step.operands, *step.results], [*other.operands, *other.results]):
                if bare.kind != "constant" and bare.array is not None:
                    assert equal(np.asarray(value.array), np.asarray(bare.array)), (step.op, value, bare)
            for send, second in zip(step.sends, other.sends, strict=True):
                assert equal(send.raw, second.raw) and equal(send.cotangent, second.cotangent)
        for outputs_, inputs_, found in ((outputs, inputs, trace), (*plain, without)):
            minigrad.autograd.backward(outputs_, gradients)
            leaf_of = {id(leaf.value.tensor): leaf for leaf in found.leaves}
            for tensor in inputs_:
                leaf = leaf_of.get(id(tensor))
                got = None if leaf is None else leaf.after
                assert equal(got, None if tensor.grad is None else tensor.grad.numpy())
        walked += 1
        if walked == 2:
            return
    assert walked or name not in WALKED


def test_the_samples_that_must_be_walked_are_there():
    assert set(SAMPLES) >= WALKED


def test_a_program_traced_is_the_same_program():
    def program():
        minigrad.manual_seed(4)
        model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2),
                              nn.Dropout(0.3), nn.Flatten(), nn.Linear(27, 4))
        optimizer = minigrad.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(3):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(minigrad.randn(6, 1, 8, 8)), minigrad.arange(6) % 4)
            if core.tick is not anomaly_mode._counting:
                collect(loss)
            loss.backward()
            optimizer.step()
        return [loss, *model.parameters()]

    plain = program()
    with tracing():
        traced = program()
    for ours, theirs in zip(plain, traced, strict=True):
        assert ours.detach().numpy().tobytes() == theirs.detach().numpy().tobytes()


def test_outside_nothing_is_exchanged():
    counting = core.tick
    with tracing():
        assert core.tick is op.tick is walk.tick is not counting
        with tracing():
            pass
        assert core.tick is not counting
    assert core.tick is op.tick is walk.tick is counting
    assert not nn.modules.hooks.everywhere and anomaly_mode.noting == [None]
    x = minigrad.ones(1, requires_grad=True)
    assert note_of((x * x).grad_fn) is None and type((x * x).node.number) is int


def test_the_context_ends_after_an_error():
    counting = core.tick
    with pytest.raises(RuntimeError), tracing():
        nn.Linear(3, 2)(minigrad.ones(1, 4))
    assert core.tick is counting and not nn.modules.hooks.everywhere


def test_anomaly_mode_and_tracing_go_together():
    x = minigrad.tensor([0.0], requires_grad=True)
    with tracing():
        with minigrad.autograd.detect_anomaly():
            y = x * 2
        z = y.sqrt()
    assert note_of(y.grad_fn) is not None and note_of(z.grad_fn) is not None
    assert hasattr(y.node.number, "forward_lines") and not hasattr(z.node.number, "forward_lines")
    with minigrad.autograd.detect_anomaly(), tracing():
        w = x * 2
    assert hasattr(w.node.number, "forward_lines") and note_of(w.grad_fn) is not None
    assert core.tick is anomaly_mode._counting


def test_what_is_collected_of_a_step():
    x = minigrad.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    bias = minigrad.tensor([10.0, 20.0], requires_grad=True)
    with tracing():
        out = ((x + bias) * x).sum()
    total, product, added = collect(out, variables={"x": x, "bias": bias, "out": out}).steps
    assert [step.op for step in (total, product, added)] == ["sum", "mul", "add"]
    assert product.formula == "x · y" and product.gradient_formulas == ("ḡ · y", "ḡ · x")
    assert [value.name for value in product.operands] == ["t1", "x"] and total.results[0].name == "out"
    to_bias = added.sends[1]
    assert to_bias.raw.tolist() == [[1, 2], [3, 4]] and to_bias.summed == (0,)
    assert to_bias.cotangent.tolist() == [4, 6] and to_bias.formula == "ḡ"
    [leaf] = [leaf for leaf in collect(out).leaves if leaf.value.tensor is x]
    assert [arrival.source for arrival in leaf.arrivals] == [(product.number, 1), (added.number, 0)]
    assert (leaf.arrivals[-1].total == leaf.arrivals[0].cotangent + leaf.arrivals[1].cotangent).all()
    assert added.place.file == __file__ and added.place.function == "test_what_is_collected_of_a_step"
    assert "out = ((x + bias) * x).sum()" in added.place.text
    if added.place.span:                        # Python 3.11 tells columns
        assert added.place.expression == "x + bias" and product.place.expression == "(x + bias) * x"


def test_modules_and_parameters_are_named():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 3)

        def forward(self, x):
            return x + self.inner(x).tanh()

    model = nn.Sequential(Block(), nn.Linear(3, 1))
    with tracing():
        y = model(minigrad.ones(2, 3)).sum()
    trace = collect(y, variables={"model": model})
    paths = [(step.op, step.module) for step in trace.forward]
    assert paths == [("linear", "Sequential.0.inner"), ("tanh", "Sequential.0"), ("add", "Sequential.0"),
                     ("linear", "Sequential.1"), ("sum", "")]
    assert trace.forward[0].modules == (("Sequential", "Sequential"), ("Sequential.0", "Block"),
                                        ("Sequential.0.inner", "Linear"))
    assert [leaf.value.name for leaf in trace.leaves] == [
        "model[0].inner.weight", "model[0].inner.bias", "model[1].weight", "model[1].bias"]


def test_names_are_of_one_value_each():
    def net(x):
        x = x * 2
        x = x.exp()
        return x + x

    with tracing():
        y = net(minigrad.tensor([1.0], requires_grad=True))
    names = [value.name for value in collect(y).values.values() if value.kind != "constant"]
    assert len(set(names)) == len(names) == 4 and "" not in names


def test_values_are_those_at_the_time():
    """Later writes, in place and through `.data`, do not reach what was noted."""
    w = minigrad.tensor([2.0], requires_grad=True)
    with tracing():
        first = w + 1
        w.data.mul_(5)
        second = w + 1
        h = second * 1
        h.add_(7)
        out = (first + h).sum()
    values = {step.op + str(k): [np.asarray(v.array).tolist() for v in (*step.operands, *step.results)]
              for k, step in enumerate(collect(out).forward)}
    assert values["add0"][2] == [3.0] and values["add1"] == [[10.0], 1, [11.0]]
    assert values["add3"] == [[11.0], 7, [18.0]]


def test_hooks_functions_views_and_several_outputs_as_backward_has_them():
    class Twice(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    def program(x):
        a, b = x.split(2)
        a.register_hook(lambda g: g * 3)
        t = Twice.apply(a)
        t.grad_fn.register_prehook(lambda gs: (gs[0] + 1,))
        t.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 2,))
        y = x.clone()
        y[0] = 5.0
        c = checkpoint(lambda v: (v * v).exp(), b, use_reentrant=False)
        values, _ = (t + b).max(0)
        return values.sum() + y.prod() + c.sum()

    for traced in (False, True):
        x = minigrad.tensor([0.5, -0.25, 0.75, 1.5], dtype=minigrad.float64, requires_grad=True)
        x.register_hook(lambda g: g / 7)
        if traced:
            with tracing():
                out = program(x)
        else:
            out = program(x)
        trace = collect(out)
        assert x.grad is None and trace.steps[0].reached
        assert any(step.hooked for step in trace.steps)
        again = collect(out)
        out.backward()
        assert equal(trace.leaves[0].after, x.grad.numpy()) and equal(again.leaves[0].after, x.grad.numpy())


def test_retained_gradients_are_not_filled():
    x = minigrad.tensor([2.0], requires_grad=True)
    y = x * x
    y.retain_grad()
    z = y * 3
    collect(z)
    assert y.grad is None and x.grad is None
    z.backward()
    assert y.grad.tolist() == [3.0] and x.grad.tolist() == [12.0]
    assert collect(x * 2).leaves[0].before.tolist() == [12.0]
    assert collect(x * 2).leaves[0].after.tolist() == [14.0]


def test_errors_are_those_of_backward():
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        collect(y)
    with pytest.raises(RuntimeError, match="does not require grad"):
        collect(minigrad.ones(1))
    with pytest.raises(TypeError, match="expected a Tensor, got float"):
        collect(1.0)
    y.sum().backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        collect(y.sum())
    z = x.exp()
    with minigrad.no_grad():
        z.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        collect(z.sum())
    assert minigrad.is_grad_enabled()


def test_a_walk_that_has_been_walked():
    class Cube(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.saved_tensors[0] ** 2

    x = minigrad.ones(2, requires_grad=True)
    for function in (minigrad.exp, Cube.apply):
        out = function(x).sum()
        out.backward()
        with pytest.raises(RuntimeError, match=r"(?s)a second time.*Look at a walk before backward\(\)"):
            collect(out)
    kept = Cube.apply(x).sum()
    kept.backward(retain_graph=True)
    [saved] = collect(kept).steps[-1].saved
    assert (saved.name, saved.nbytes, saved.readers) == ("saved_tensors[0]", 8, ["all"])


def test_a_long_graph():
    """As long as networks are deep: every step is found by its number, not by a search."""
    x = minigrad.ones(1, requires_grad=True)
    with tracing():
        y = x
        for _ in range(2000):
            y = y + x
    trace = collect(y)
    assert len(trace.steps) == 2000 and len(trace.arrivals(trace.leaves[0].value)) == 2001
    assert trace.step(trace.steps[7].number) is trace.steps[7]
    with pytest.raises(KeyError):
        trace.step(-1)
    assert trace.leaves[0].after.tolist() == [2001.0]
    text = str(minigrad.explain(y, names={"x": x}))
    assert "more …" not in text and "x.grad = " in text


def test_on_a_gpu(request):
    with places.cuda(request):
        x = minigrad.tensor([[1.0, -2.0], [0.5, 3.0]], device="cuda", requires_grad=True)
        bias = minigrad.tensor([0.5, 1.0], device="cuda", requires_grad=True)
        with tracing():
            out = ((x + bias).relu() * x).sum()
        trace = collect(out)
        arrays = [value.array for value in trace.values.values()] + [leaf.after for leaf in trace.leaves]
        assert all(type(array) is np.ndarray for array in arrays)
        assert any(step.saved for step in trace.steps)
        text = str(minigrad.explain(out))
        out.backward()
        for leaf in trace.leaves:
            assert leaf.after.tobytes() == leaf.value.tensor.grad.cpu().numpy().tobytes()
        assert "bias.grad = [0.5, 3.5]" not in text and "bias.grad = [1.5, 3]" in text
        assert collect((x * 2).sum()).leaves[0].before.tolist() == x.grad.tolist()


def test_a_noted_graph_dies_with_its_tensors():
    gc.disable()
    try:
        x = minigrad.ones(3, requires_grad=True)
        with tracing():
            y = nn.Linear(3, 2)(x * 2).sum()
        gone = weakref.ref(note_of(y.grad_fn).session)
        trace = collect(y)
        del trace, y
        assert gone() is None
    finally:
        gc.enable()
