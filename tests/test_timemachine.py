"""`minigrad.record`: what is written down is what the engine did, and recording changes none of it."""

import base64
import json
import random
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
import teaching_graphs as graphs
from gpu import places
from test_insight_trace import cotangents, run

import minigrad
from minigrad import nn
from minigrad.autograd import anomaly_mode
from minigrad.engine import backward, core, hooks, walk
from minigrad.timemachine.page import as_script
from minigrad.timemachine.summary import Summary, thinned
from minigrad.utils.checkpoint import checkpoint
from torch_backend.parity import SAMPLES, draw_case

F = nn.functional
SETS = {"f4": np.float32, "f8": np.float64, "i4": np.int32}


def engine_state():
    """Everything that a recording replaces."""
    return [vars(module)[name] for module, names in (
        (walk, "walk run_watched run_rules add_to_leaf explain tick"), (backward, "walk add_to_leaf"),
        (core, "tick")) for name in names.split()] + [
        core.TensorBase.__dict__["node"], hooks.watching[0], anomaly_mode.noting[0], core.hooked[0]]


class Net(nn.Module):
    """Convolution, batch norm, dropout, broadcasting, several outputs of one op, in-place writes."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.3)
        self.first, self.second = nn.Linear(18, 8), nn.Linear(18, 8)
        self.scale = nn.Parameter(minigrad.ones(8))

    def forward(self, x):
        x = self.drop(self.norm(self.conv(x)).relu_())
        left, right = x.flatten(1).split(18, 1)[:2]
        return (self.first(left).tanh_() * self.scale + self.second(right)).square().mean()


def train(dtype):
    """All that three steps of training leave behind, as bytes."""
    minigrad.manual_seed(1)
    model = Net().to(dtype)
    optimizer = minigrad.optim.Adam(model.parameters(), lr=0.01)
    seen = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = model(minigrad.randn(5, 1, 5, 5, dtype=dtype))
        loss.backward()
        seen += [loss.detach(), *[p.grad.clone() for p in model.parameters()]]
        optimizer.step()
    seen += [*model.state_dict().values(), minigrad.get_rng_state()]
    return [tensor.numpy().tobytes() for tensor in seen]


@pytest.mark.parametrize("dtype", [minigrad.float32, minigrad.float64])
def test_training_is_the_same_to_the_bit(dtype):
    expected = train(dtype)
    with minigrad.record() as trace:
        found = train(dtype)
    assert found == expected
    assert len(trace.steps) == 3 and all("wrong" in step for step in trace.steps)


def twice_differentiated():
    x = minigrad.tensor([0.5, -1.5, 2.0], dtype=minigrad.float64, requires_grad=True)
    y = (x.exp() * x.sin() + F.softmax(x, 0)).sum()
    [first] = minigrad.autograd.grad(y, [x], create_graph=True)
    first.square().sum().backward()
    return first, x.grad


def test_second_derivatives_are_the_same_to_the_bit():
    expected = twice_differentiated()
    with minigrad.record() as trace:
        found = twice_differentiated()
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.detach().numpy().tobytes() == theirs.detach().numpy().tobytes()
    one, two = trace.steps
    [returned] = one["right"]["grads"]
    assert returned["after"] is None            # autograd.grad writes no .grad
    assert np.array_equal(elements(trace, returned["g"]), expected[0].detach().numpy())
    [written] = two["right"]["grads"]
    assert np.array_equal(elements(trace, written["after"]), expected[1].numpy())
    assert len(two["nodes"]) > len(one["nodes"])


def test_user_code_runs_as_often_as_without():
    calls = []

    class Double(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            calls.append("forward")
            return x * 2

        @staticmethod
        def backward(ctx, g):
            calls.append("backward")
            return g * 2

    def run():
        calls.clear()
        x = minigrad.tensor([1.0, 2.0], requires_grad=True)
        y = Double.apply(x)
        y.register_hook(lambda g: calls.append("tensor"))
        y.grad_fn.register_prehook(lambda g: calls.append("before"))
        x.register_hook(lambda g: calls.append("leaf") or g * 3)
        x.register_post_accumulate_grad_hook(lambda x: calls.append("written"))
        z = checkpoint(lambda y: calls.append("computed") or y.sin(), y, use_reentrant=False)
        z.sum().backward()
        return x.grad.tolist(), list(calls)

    before = core.hooked[0]
    try:
        expected = run()
        with minigrad.record() as trace:
            assert run() == expected
            y = Double.apply(minigrad.ones(2, requires_grad=True))
            y.sum().backward()
    finally:
        core.hooked[0] = before
    # Where hooks pack what is saved the graph is not looked at; rules of the user's are not run once more.
    assert len(trace.steps) == 1 and "wrong" not in trace.steps[0]
    assert trace.steps[0]["walk"] == 1 and len(trace.history.losses) == 2
    assert trace.steps[0]["right"]["grads"][0]["after"] is not None


def test_the_engine_is_put_back():
    state = engine_state()
    with minigrad.record():
        assert engine_state() != state
        with pytest.raises(RuntimeError, match="a recording is running already\nLeave"):
            minigrad.record().__enter__()
    assert engine_state() == state
    with pytest.raises(ValueError, match="the user's"), minigrad.record():
        raise ValueError("the user's")
    assert engine_state() == state
    x = minigrad.ones(2, requires_grad=True)
    with minigrad.record() as trace:
        loss = (x * x).sum()
        loss.backward()
        with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
            loss.backward()
    assert engine_state() == state and len(trace.steps) == 1


def test_a_failing_walk_says_what_it_says_without(recwarn):
    x = minigrad.ones(2, requires_grad=True)
    with minigrad.record():
        y = x.exp()
        y.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()
    assert not recwarn.list


def test_nothing_of_it_is_imported_unasked():
    program = "import sys, minigrad; print([m for m in sys.modules if 'timemachine' in m or 'insight' in m])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_other_threads_are_left_alone():
    def work():
        x = minigrad.ones(3, requires_grad=True)
        (x * 2).sum().backward()
        results.append(x.grad.tolist())

    results = []
    with minigrad.record() as trace:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert results == [[2.0, 2.0, 2.0]] and not trace.steps


# What is written down --------------------------------------------------------------------------------------


def elements(trace, place):
    """A tensor of the page, where all its elements are kept."""
    data = trace.table.entries[place].as_data(4096)
    if "number" in data:
        return np.float64(data["number"])
    assert data["counts"] == data["shape"]
    return np.frombuffer(base64.b64decode(data["sample"]), "<" + data["kind"]).reshape(data["shape"])


def watched(loss, seen):
    """Let hooks note what each node is given and gives, in the order of the walk."""
    nodes, unseen = {}, [loss.node]
    while unseen:
        node = unseen.pop()
        if node.number not in nodes:
            nodes[node.number] = node
            unseen += [edge for edge in node.edges if isinstance(edge, core.Node)]
    for node in nodes.values():
        node.register_hook(lambda sent, given: seen.append(
            ([g.numpy().copy() for g in given], [g.numpy().copy() for g in sent if g is not None])))


def test_every_cotangent_is_what_hooks_see():
    seen, before = [], core.hooked[0]
    try:
        program = graphs.Xor()
        program.train(2, lambda loss: watched(loss, seen))
    finally:
        core.hooked[0] = before
    trace = graphs.mlp(2)
    events = [event for step in trace.steps for event in step["right"]["events"]]
    assert len(events) == len(seen) == 8
    for event, (given, sent) in zip(events, seen, strict=True):
        assert [elements(trace, g).tolist() for g in event["g"]] == [g.tolist() for g in given]
        assert [elements(trace, s["g"]).tolist() for s in event["sends"]] == [g.tolist() for g in sent]


def test_values_sums_and_gradients_of_the_scalar_example():
    trace = graphs.scalar()
    [step] = trace.steps
    names = [node["name"] for node in step["nodes"]]
    assert [node["kind"] for node in step["nodes"]] == ["leaf", "leaf", "op", "op", "op"]
    ops = {node["op"]: node for node in step["nodes"] if node["kind"] == "op"}
    assert [(ops[name]["named"], ops[name]["numbers"]) for name in ("add", "sub")] == [
        ("x + y", "2 + 3"), ("y − 2", "3 − 2")]
    assert ops["mul"]["numbers"] == "5 · 1" and elements(trace, ops["mul"]["results"][0]) == 5
    line = (ops["sub"]["place"]["line"], ops["sub"]["place"]["function"])
    assert line == (ops["add"]["place"]["line"], "scalar")
    sends = [(names[send["to"][0]], float(elements(trace, send["g"])),
              float(elements(trace, send["sum"])) if "sum" in send else None)
             for event in step["right"]["events"] for send in event["sends"]]
    assert sends == [(names[2], 1, None), (names[3], 5, None), ("y", 5, None), ("x", 1, None), ("y", 1, 6)]
    grads = {names[grad["leaf"]]: float(elements(trace, grad["after"])) for grad in step["right"]["grads"]}
    assert grads == {"x": 1, "y": 6}


def test_the_wrong_order_loses_what_comes_too_late():
    """c = a (a + 1) with a = x² at x = 3: dc/dx = (2a + 1) 2x = 114; without the path by b: a + 1 = 10 times
    6."""
    trace = graphs.counter_example()
    [step] = trace.steps
    [right], [wrong] = step["right"]["grads"], step["wrong"]["grads"]
    assert (elements(trace, right["after"]), elements(trace, wrong["after"])) == (114, 60)
    lost = [send for event in step["wrong"]["events"] for send in event["sends"] if send.get("lost")]
    assert len(lost) == 1 and elements(trace, lost[0]["g"]) == 9
    assert graphs.scalar().steps[0]["wrong"]["grads"] != [] and graphs.chain(4).steps[0]["wrong"] is True


@pytest.mark.parametrize(("graph", "bad"), [("residual", {"stem.weight", "stem.bias"}), ("recurrent", None)])
def test_the_wrong_order_is_wrong_just_behind_what_is_used_twice(graph, bad):
    trace = getattr(graphs, graph)()
    [step] = trace.steps
    right, wrong = ({step["nodes"][g["leaf"]]["name"]: g["g"] for g in step[order]["grads"]}
                    for order in ("right", "wrong"))
    differing = {name for name in right if right[name] != wrong[name]}
    assert differing == (set(right) if bad is None else bad)


def test_accumulation_into_an_existing_gradient():
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with minigrad.record() as trace:
        for _ in range(2):
            (x * x).sum().backward()
    [grad] = trace.steps[1]["right"]["grads"]
    before, g, after = (elements(trace, grad[name]).tolist() for name in ("before", "g", "after"))
    assert (before, g, after) == ([2.0, 4.0], [2.0, 4.0], [4.0, 8.0])


def test_parameters_move_and_the_loss_falls():
    program, moved, losses = graphs.Xor(), [], []

    def watch(loss):
        losses.append(loss.item())
        moved.append([p.detach().numpy().copy() for p in program.model.parameters()])

    program.train(6, watch)
    moved.append([p.detach().numpy() for p in program.model.parameters()])
    trace = graphs.mlp()
    history = trace.history.as_data()
    assert history["losses"] == losses and losses[-1] < losses[0]
    by_shape = {entry.array.shape: k for k, entry in enumerate(program.model.parameters())}
    for parameter in history["parameters"]:
        values = [elements(trace, place) for place in parameter["values"]]
        k = by_shape[values[0].shape]
        for step, value in enumerate(values):
            assert np.array_equal(value, moved[step][k])
            size = np.linalg.norm(value.astype(np.float64)) if value.size > 1 else value.item()
            assert parameter["sizes"][step] == size


def test_of_walks_beyond_the_detail_only_loss_and_sizes_are_kept():
    program = graphs.Xor()
    with minigrad.record(detail=2) as trace:
        program.train(5)
    history = trace.history.as_data()
    assert len(trace.steps) == 2 and len(history["losses"]) == 5
    for parameter in history["parameters"]:
        assert len(parameter["sizes"]) == 6 and [p is None for p in parameter["values"]] == [
            False, False, True, True, True, False]


# The summary of a tensor -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [
    (), (1,), (7,), (5000,), (3, 4), (300, 200), (8, 6, 24, 24), (40, 3, 2, 100)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_a_sample_is_elements_of_the_tensor(shape, dtype):
    array = np.random.default_rng(0).normal(0, 9, shape).astype(dtype)
    summary = Summary(array)
    data = summary.as_data(500)
    if shape == ():
        assert data["number"] == array.item()
        return
    sample = np.frombuffer(base64.b64decode(data["sample"]), SETS[data["kind"]]).reshape(data["counts"])
    assert 1 <= sample.size <= 500
    taken = array[np.ix_(*[np.arange(count) * step for count, step in zip(data["counts"], data["steps"])])]
    assert np.array_equal(sample, taken)
    again, steps = thinned(*thinned(array, [1] * array.ndim, 2000), 500)
    assert np.array_equal(again, taken) and steps == data["steps"]
    wide = array.astype(np.float64)
    assert (data["range"], data["mean"]) == ([wide.min(), wide.max()], wide.mean())
    assert data["norm"] == pytest.approx(np.linalg.norm(wide.ravel()), rel=1e-14)
    assert data["zeros"] == (wide == 0).sum()
    if wide.size > 1:
        assert sum(data["histogram"]) == wide.size


def test_what_is_not_finite_is_counted_and_kept_out_of_the_statistics():
    data = Summary(np.array([np.nan, np.inf, -np.inf, 1.0, 3.0])).as_data(100)
    assert data["nonfinite"] == 3 and data["range"] == [1, 3] and data["mean"] == 2
    assert sum(data["histogram"]) == 2
    assert Summary(np.array(np.nan)).as_data(9)["number"] == "nan"
    assert "range" not in Summary(np.array([np.nan, np.inf])).as_data(9)
    assert Summary(np.zeros((0, 3))).as_data(9)["shape"] == [0, 3]
    assert Summary(np.array([1e308, -1e308])).as_data(9)["range"] == [-1e308, 1e308]


# The file --------------------------------------------------------------------------------------------------


def data_of(page):
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    return json.loads(found.group(1))


def test_the_file_is_one_and_small_enough(tmp_path):
    path = tmp_path / "lenet.html"
    trace = graphs.lenet()
    trace.save(path)
    page = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 2_000_000
    assert not re.search(r'(src|href)\s*=\s*["\']?(https?:)?//', page) and "@import" not in page
    assert "Permission is hereby granted" in page and len(data_of(page)["steps"]) == 8
    trace.save(path, limit=700_000)
    assert path.stat().st_size < 800_000


def test_names_and_lines_cannot_break_out_of_the_page():
    evil = "</script><script>broken()</script><!-- @style@ \u2028 "
    x = minigrad.ones(2, requires_grad=True)
    model = nn.Sequential()
    model.add_module("<img src=x onerror=broken()>", nn.Linear(2, 1))
    with minigrad.record(evil) as trace:
        (model(x) * 2).sum().backward()  # </script><script>broken()</script>
    page = trace.html()
    plain = graphs.scalar().html()
    assert page.count("<script") == plain.count("<script") == 3
    assert page.count("</script") == plain.count("</script") == 3
    assert "<img" not in page and page.count("<!--") == 1
    data = data_of(page)
    assert data["title"] == evil
    assert any("</script><script>broken()" in line for line in data["sources"][0]["lines"].values())
    assert data["sources"][0]["name"] == "test_timemachine.py"


def test_without_a_walk_there_is_nothing_to_save(tmp_path):
    with minigrad.record() as trace:
        minigrad.ones(2, requires_grad=True) * 2
    for detail in (0, -1, "all"):
        with pytest.raises(ValueError, match=r"record: detail is .*\nIt is how many"):
            minigrad.record(detail=detail)
    with pytest.raises(RuntimeError, match="nothing was recorded\nCall backward"):
        trace.save(tmp_path / "never.html")


# Every op ---------------------------------------------------------------------------------------------------


def walked_back(sample, case, gradients=None):
    """(outputs, leaves, the cotangents sent) of a case that was run and walked back; None where it raises."""
    found = run(sample, case)
    if found is None or not found[0]:
        return None
    outputs, inputs = found
    gradients = gradients or cotangents(outputs)
    minigrad.autograd.backward(outputs, gradients)
    return outputs, inputs, gradients


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_op_is_recorded_and_not_disturbed(name):
    sample, choose = SAMPLES[name], random.Random(name)
    for attempt in range(4):
        dtype = sample.dtypes[attempt % len(sample.dtypes)]
        category = sample.categories[attempt % len(sample.categories)]
        case = draw_case(sample, dtype, category, lambda options: choose.choice(list(options)))
        state = minigrad.get_rng_state()
        plain = walked_back(sample, case)
        minigrad.set_rng_state(state)
        with minigrad.record() as trace:
            recorded = walked_back(sample, case, plain and plain[2])
        if plain is None:
            assert recorded is None
            continue
        for ours, theirs in zip(recorded[0], plain[0], strict=True):
            assert ours.detach().numpy().tobytes() == theirs.detach().numpy().tobytes()
        for ours, theirs in zip(recorded[1], plain[1], strict=True):
            assert (ours.grad is None) == (theirs.grad is None)
            assert ours.grad is None or ours.grad.numpy().tobytes() == theirs.grad.numpy().tobytes()
        if all(tensor.is_leaf for tensor in recorded[0]):
            assert not trace.steps              # `to` the same dtype: there is nothing to walk
            continue
        step = trace.steps[-1]                  # some samples walk themselves
        written = {step["nodes"][grad["leaf"]]["name"]: grad["after"] for grad in step["right"]["grads"]}
        left = [tensor.grad.numpy() for tensor in recorded[1] if tensor.grad is not None]
        assert len(left) == sum(after is not None for after in written.values())
        kept = sorted(trace.table.add(array) for array in left)
        assert kept == sorted(after for after in written.values() if after is not None)
        assert json.loads(as_script(trace.steps)) == json.loads(json.dumps(trace.steps))
        return


@pytest.mark.gpu
def test_tensors_on_a_gpu_are_recorded_as_those_on_the_cpu(request):
    def train(device):
        minigrad.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).to(device)
        x, y = minigrad.randn(4, 2).to(device), minigrad.randn(4, 1).to(device)
        with minigrad.record() as trace:
            F.mse_loss(model(x), y).backward()
        return model, trace

    with places.cuda(request):
        (model, trace), (_, expected) = train("cuda"), train("cpu")
        assert all(parameter.grad.is_cuda for parameter in model.parameters())
        for ours, theirs in zip(trace.steps[0]["nodes"], expected.steps[0]["nodes"], strict=True):
            assert [ours[name] for name in ("name", "kind", "shapes")] == [
                theirs[name] for name in ("name", "kind", "shapes")]
            assert elements(trace, ours["results"][0]) == pytest.approx(
                elements(expected, theirs["results"][0]), rel=1e-5, abs=1e-7)
        assert data_of(trace.html())["history"]["losses"] == pytest.approx(expected.history.losses, rel=1e-5)
