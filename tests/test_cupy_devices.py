"""Tensors, modules, optimizers and checkpoints on "cuda", and between it and the CPU."""
import copy
import io
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from gpu import places, stand_in

import minigrad
from minigrad.cli import main
from minigrad.utils.data import DataLoader, TensorDataset

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.gpu
nn, F = minigrad.nn, minigrad.nn.functional
DIFFERENT = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"


@pytest.fixture(autouse=True)
def _cuda(request):
    with places.cuda(request):
        yield


def on(device, *shape, **how):
    return minigrad.arange(1.0, 1.0 + int(np.prod(shape)), device=device, **how).reshape(shape)


# Where tensors are ------------------------------------------------------------------------------------------

def test_what_a_tensor_says_of_its_device():
    x = minigrad.tensor([1.0, 2.0], device="cuda")
    assert x.is_cuda and x.device == minigrad.device("cuda:0") and str(x.device) == "cuda:0"
    assert repr(x) == "tensor([1., 2.], device='cuda:0')"
    assert repr(x.requires_grad_() * 2) == "tensor([2., 4.], device='cuda:0', grad_fn=<MulBackward0>)"
    assert repr(x.cpu().detach()) == "tensor([1., 2.])" and not x.cpu().is_cuda
    assert f"{minigrad.tensor(1.5, device='cuda'):.2f}" == "1.50"
    assert x.detach().tolist() == [1.0, 2.0] and x[1].item() == 2.0
    assert x.detach().data_ptr() and x.stride() == (1,)


@pytest.mark.parametrize("move", [
    lambda x: x.to("cuda"), lambda x: x.cuda(), lambda x: x.to(minigrad.device("cuda", 0)), lambda x: x.to(0),
    lambda x: x.to(device="cuda"), lambda x: x.to("cuda", minigrad.float32), lambda x: x.cuda(0),
    lambda x: x.to(minigrad.ones((), device="cuda")),
])
def test_ways_to_the_gpu(move):
    x = on("cpu", 2, 3)
    y = move(x)
    assert y.is_cuda and not x.is_cuda and y.dtype is minigrad.float32
    assert y.cpu().tolist() == x.tolist() and move(y) is y and y.to("cpu") is not y and x.cpu() is x


@pytest.mark.parametrize("make", [
    lambda B, d: B.zeros(2, 3, device=d), lambda B, d: B.ones(2, device=d),
    lambda B, d: B.full((2,), 7, device=d), lambda B, d: B.full_like(B.ones(2, device=d), 3.0),
    lambda B, d: B.arange(5, device=d), lambda B, d: B.arange(0.0, 1.0, 0.3, device=d),
    lambda B, d: B.linspace(0, 1, 5, device=d), lambda B, d: B.eye(3, device=d),
    lambda B, d: B.tensor([[1, 2], [3, 4]], device=d), lambda B, d: B.as_tensor([1.5], device=d),
    lambda B, d: B.as_tensor(np.ones(3), device=d), lambda B, d: B.tensor(np.ones(2), device=d),
    lambda B, d: B.zeros_like(B.ones(2, device=d)), lambda B, d: B.ones_like(B.ones(2, device=d)),
    lambda B, d: B.ones(3, device=d).new_zeros(2), lambda B, d: B.ones(3, device=d).new_tensor([1, 2]),
    lambda B, d: B.ones(3, device=d).new_full((2,), 5), lambda B, d: B.ones(3).new_ones(2, device=d),
    lambda B, d: B.zeros_like(B.ones(2), device=d), lambda B, d: B.as_tensor(B.ones(2), device=d),
])
def test_tensors_are_made_where_asked(make):
    found, want = make(minigrad, "cuda"), make(torch, "cpu")
    assert found.is_cuda and str(found.dtype) == str(want.dtype) and found.tolist() == want.tolist()


def test_the_default_device():
    minigrad.set_default_device("cuda")
    try:
        assert minigrad.get_default_device() == minigrad.device("cuda:0")
        assert minigrad.zeros(2).is_cuda and minigrad.tensor(1.0).is_cuda and nn.Linear(2, 3).weight.is_cuda
        assert not minigrad.from_numpy(np.ones(2)).is_cuda
    finally:
        minigrad.set_default_device("cpu")
    assert not minigrad.zeros(2).is_cuda


@pytest.mark.parametrize("meet", [
    lambda x, y: x + y, lambda x, y: y + x, lambda x, y: x @ y.T, lambda x, y: minigrad.cat([x, y]),
    lambda x, y: minigrad.where(x > 0, x, y), lambda x, y: x.add_(y), lambda x, y: y.add_(x),
    lambda x, y: F.mse_loss(x, y), lambda x, y: F.linear(x, y), lambda x, y: minigrad.maximum(y, x),
    lambda x, y: x.matmul(y.sum(0)), lambda x, y: y + x.sum(), lambda x, y: y.sum().add_(x.sum()),
    lambda x, y: x.gather(0, y.long() * 0), lambda x, y: minigrad.stack([y, x]),
])
def test_devices_do_not_meet(meet):
    x, y = on("cuda", 2, 2), on("cpu", 2, 2)
    meet(on("cpu", 2, 2), on("cpu", 2, 2))      # on one device there is nothing wrong with it
    with pytest.raises(RuntimeError) as caught:
        meet(x, y)
    assert str(caught.value).splitlines()[0] == DIFFERENT


def test_a_cpu_tensor_without_dimensions_meets_any_device():
    x = on("cuda", 3).requires_grad_()
    number = minigrad.tensor(2.0, dtype=minigrad.float64, requires_grad=True)
    z = (x * number + minigrad.tensor(1)).sum()
    z.backward()
    assert z.is_cuda and z.dtype is minigrad.float32 and z.item() == 15.0
    assert x.grad.is_cuda and x.grad.tolist() == [2.0] * 3
    assert not number.grad.is_cuda and number.grad.dtype is minigrad.float64 and number.grad.item() == 6.0
    x.data.mul_(number.detach())
    assert x.tolist() == [2.0, 4.0, 6.0]
    x.data.clamp_(max=5)
    assert minigrad.where(x > 2, x, 0.0).tolist() == [0.0, 4.0, 5.0]


def test_gradients_go_back_through_moves():
    x = on("cpu", 4).requires_grad_()
    y = (x.cuda() * 3).exp().cpu() + x
    assert repr(x.cuda().grad_fn).startswith("<ToCopyBackward0")
    g, = minigrad.autograd.grad(y.sum(), x, create_graph=True)
    second, = minigrad.autograd.grad(g.sum(), x)
    want = torch.arange(1.0, 5.0, requires_grad=True)
    first, = torch.autograd.grad(((want * 3).exp() + want).sum(), want, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), first.detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(second.numpy(), torch.autograd.grad(first.sum(), want)[0].numpy(), rtol=1e-6)
    with pytest.raises(RuntimeError, match="grad_output"):
        (x.cuda() * 2).backward(minigrad.ones(4))


def test_gradients_are_checked_on_the_gpu():
    x = on("cuda", 2, 3, dtype=minigrad.float64).requires_grad_()
    weight = on("cuda", 3, dtype=minigrad.float64).requires_grad_()
    assert minigrad.autograd.gradcheck(lambda x, w: (x * w).tanh().sum(1), (x, weight))
    assert minigrad.autograd.gradcheck(lambda x: x.exp(), (x,), fast_mode=True)
    assert minigrad.autograd.gradgradcheck(lambda x: (x * x).sum(), (x,))

    class Wrong(minigrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        minigrad.autograd.gradcheck(Wrong.apply, (x,))


def test_mixed_precision_on_the_gpu():
    def run(device):
        net = model().to(device)
        optimizer = minigrad.optim.AdamW(net.parameters(), lr=1e-2)
        scaler = minigrad.amp.GradScaler("cuda", enabled=device == "cuda")
        losses = []
        for _ in range(3):
            optimizer.zero_grad()
            images, labels = batch(device)
            with minigrad.autocast(device, dtype=minigrad.bfloat16):
                loss = F.cross_entropy(net(images), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        return losses
    pytest.importorskip("ml_dtypes")
    np.testing.assert_allclose(run("cuda"), run("cpu"), rtol=0.02)


def test_numpy_refuses_as_torch_does():
    x = on("cuda", 2)
    text = ("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
            "memory first.")
    for call in (x.numpy, lambda: np.asarray(x)):
        with pytest.raises(TypeError) as caught:
            call()
        assert str(caught.value).splitlines()[0] == text
    assert x.numpy(force=True).tolist() == [1.0, 2.0]


def test_in_place_writes_are_noticed():
    x = on("cuda", 3).requires_grad_()
    y = x * 1
    z = y.exp()
    y[0] = 5.0
    assert y._version == 1 and y.tolist() == [5.0, 2.0, 3.0]
    z.sum().backward()                          # exp saved its result, which was not written
    y = x * 1
    z = y * y
    y.view(3).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_copies_between_devices():
    x, y = on("cpu", 2, 2), minigrad.zeros(2, 2, device="cuda")
    y.copy_(x)
    assert y.tolist() == x.tolist()
    y[0] = minigrad.tensor([7.0, 8.0])
    y[1, 1] = minigrad.tensor(9.0)
    x.copy_(y)
    assert x.tolist() == [[7.0, 8.0], [3.0, 9.0]]
    z = copy.deepcopy(y)
    assert z.is_cuda and z.tolist() == y.tolist() and pickle.loads(pickle.dumps(y)).is_cuda


def test_indices_of_the_cpu_serve_tensors_on_the_gpu():
    x = on("cuda", 3, 4)
    mask = minigrad.tensor([True, False, True])
    assert x[minigrad.tensor([2, 0])].tolist() == x.cpu()[minigrad.tensor([2, 0])].tolist()
    assert x[mask].tolist() == x[mask.cuda()].tolist() == x.cpu()[mask].tolist()
    assert x[minigrad.tensor(1, device="cuda")].tolist() == x.cpu()[1].tolist()
    x[mask.cuda()] = 0.0
    assert x.sum().item() == 26.0
    y, columns = x.cpu(), minigrad.tensor([True, False, False, True])
    assert x[mask, minigrad.tensor([0, 3])].tolist() == y[mask, minigrad.tensor([0, 3])].tolist()
    columns[3] = False
    columns[2] = True
    assert x[mask, columns].tolist() == y[mask, columns].tolist()
    x[mask, columns] = 7.0
    y[mask, columns] = 7.0
    assert x.tolist() == y.tolist()
    with pytest.raises(RuntimeError, match="indices should be either on cpu or on the same device"):
        x.cpu()[minigrad.tensor([0], device="cuda")]


# What is out of range ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("wrong", [
    lambda i: F.cross_entropy(minigrad.zeros(2, 3, device="cuda"), i),
    lambda i: F.nll_loss(minigrad.zeros(2, 3, device="cuda"), i), lambda i: on("cuda", 3, 2)[i],
    lambda i: F.embedding(i, on("cuda", 3, 2)), lambda i: on("cuda", 3).gather(0, i),
    lambda i: on("cuda", 3).index_select(0, i), lambda i: on("cuda", 3).scatter_add(0, i, on("cuda", 2)),
    lambda i: on("cuda", 3).index_add(0, i, on("cuda", 2)), lambda i: on("cuda", 3).take(i),
    lambda i: on("cuda", 3).scatter(0, i, 1.0), lambda i: on("cuda", 3).index_fill(0, i, 1.0),
    lambda i: on("cuda", 3).index_copy(0, i, on("cuda", 2)),
])
@pytest.mark.parametrize("bad", [3, -4])
def test_out_of_range_raises_at_the_next_read(wrong, bad):
    wrong(minigrad.tensor([0, 2], device="cuda"))
    minigrad.cuda.synchronize()
    result = wrong(minigrad.tensor([0, bad], device="cuda"))
    with pytest.raises(RuntimeError, match="device-side assert") as caught:
        result.sum().item()
    assert "bound" in str(caught.value) or "range" in str(caught.value)
    assert on("cuda", 2).sum().item() == 3.0   # said once
    wrong(minigrad.tensor([0, bad], device="cuda"))
    with pytest.raises(RuntimeError, match="device-side assert"):
        minigrad.cuda.synchronize()


def test_labels_may_be_ignored():
    scores, labels = on("cpu", 3, 2), minigrad.tensor([0, -100, 1])
    for how in ({}, {"reduction": "sum"}, {"label_smoothing": 0.1}, {"weight": minigrad.tensor([1.0, 3.0])}):
        moved = {key: value.cuda() if key == "weight" else value for key, value in how.items()}
        x = scores.cuda().requires_grad_()
        loss = F.cross_entropy(x, labels.cuda(), **moved)
        loss.backward()
        y = scores.clone().requires_grad_()
        want = F.cross_entropy(y, labels, **how)
        want.backward()
        np.testing.assert_allclose(loss.item(), want.item(), rtol=1e-6)
        np.testing.assert_allclose(x.grad.cpu().numpy(), y.grad.numpy(), atol=1e-6)


# Modules, optimizers, files ---------------------------------------------------------------------------------

def model():
    minigrad.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(36, 5))


def batch(device):
    random = np.random.default_rng(4)
    images = minigrad.from_numpy(random.standard_normal((6, 1, 8, 8)).astype(np.float32))
    return images.to(device), minigrad.from_numpy(random.integers(0, 5, 6)).to(device)


def test_modules_move():
    net = model()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net(batch("cpu")[0]).sum().backward()
    first = net[0].weight
    assert net.to("cuda") is net and net[0].weight is first and first.is_cuda and first.grad.is_cuda
    assert all(value.is_cuda for value in net.state_dict().values())
    assert net[1].num_batches_tracked.dtype is minigrad.int64
    assert net.to(minigrad.float64)[5].weight.is_cuda and net[5].weight.dtype is minigrad.float64
    net.float().cpu()
    for name, value in net.state_dict().items():
        if "running" not in name and "tracked" not in name:
            assert value.tolist() == before[name].tolist()
    assert net.cuda()[5].bias.is_cuda


OPTIMIZERS = [("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}), ("Adam", {"lr": 0.01}),
              ("AdamW", {"lr": 0.01, "amsgrad": True}), ("Adamax", {}), ("NAdam", {}), ("RAdam", {}),
              ("Adagrad", {"lr": 0.05}), ("Adadelta", {}), ("RMSprop", {"momentum": 0.5, "centered": True}),
              ("ASGD", {}), ("Rprop", {}), ("SGD", {"lr": 0.05, "weight_decay": 0.1, "maximize": True})]


def steps(name, settings, device, count=3):
    net = model().to(device)
    optimizer = getattr(minigrad.optim, name)(net.parameters(), **settings)
    found = []
    for _ in range(count):
        optimizer.zero_grad()
        images, labels = batch(device)
        before = stand_in.reads[0]
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        assert stand_in.reads[0] == before, "the step waited for the GPU"
        found.append(loss.item())
    return found, net, optimizer


@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS)
def test_optimizers_step_as_on_the_cpu(name, settings):
    found, net, _ = steps(name, settings, "cuda")
    want, _, _ = steps(name, settings, "cpu")
    np.testing.assert_allclose(found, want, rtol=2e-4)
    assert all(value.is_cuda for value in net.parameters())


def test_lbfgs_steps_as_on_the_cpu():
    def run(device):
        x = on(device, 4).requires_grad_()
        optimizer = minigrad.optim.LBFGS([x], line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            loss = ((x - 3) ** 4).sum() + (x * x).sum()
            loss.backward()
            return loss
        optimizer.step(closure)
        return x.tolist()
    np.testing.assert_allclose(run("cuda"), run("cpu"), rtol=1e-5)


@pytest.mark.parametrize(("source", "target"), [("cuda", "cpu"), ("cpu", "cuda"), ("cuda", "cuda")])
def test_checkpoints_travel(source, target):
    _, net, optimizer = steps("Adam", {"lr": 0.01}, source, 2)
    file = io.BytesIO()
    minigrad.save({"model": net.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    state = minigrad.load(file, map_location=target)
    assert all(value.is_cuda == (target == "cuda") for value in state["model"].values())
    file.seek(0)
    state = minigrad.load(file)                 # on the CPU: loading into a module or optimizer moves it
    other = model().to(target)
    other.load_state_dict(state["model"])
    again = minigrad.optim.Adam(other.parameters(), lr=0.01)
    again.load_state_dict(state["optimizer"])
    held = again.state_dict()["state"][0]
    assert held["exp_avg"].is_cuda == (target == "cuda") and not held["step"].is_cuda
    for network, stepper in ((net, optimizer), (other, again)):
        images, labels = batch(network[0].weight.device)
        stepper.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        stepper.step()
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(places.array_of(a), places.array_of(b), atol=2e-6)


def test_the_command_trains_on_the_gpu(tmp_path, monkeypatch, capsys):
    """`minigrad train --backend cupy`: the NumPy backend's numbers where nothing is drawn in the step; with
    dropout, which draws from the GPU's stream, a resumed run equals one that was not interrupted."""
    monkeypatch.chdir(tmp_path)
    plain = ["train", "--batch-size", "512", "--epochs"]
    assert main([*plain, "1", "--model", "mlp", "--backend", "cupy", "numpy", "--out", "mlp"]) == 0
    shown = capsys.readouterr().out
    assert float(re.search(r"difference in loss +(\S+)", shown)[1]) < 1e-12
    cnn = ["--model", "cnn", "--backend", "cupy", "--out"]
    assert main([*plain, "2", *cnn, "whole"]) == main([*plain, "1", *cnn, "half"]) == 0
    assert main(["train", "--epochs", "2", "--resume", "half/cupy/last.safetensors", "--out", "half"]) == 0
    whole, half = (json.loads(Path(name, "history.json").read_text())["backends"]["cupy"]
                   for name in ("whole", "half"))
    assert whole["step_losses"] == half["step_losses"]


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_tied_tensors_stay_tied(target):
    weight = nn.Parameter(on("cuda", 2, 3))
    file = io.BytesIO()
    minigrad.save({"tied": [weight, weight, weight.detach()], "other": weight + 1, "row": weight[0]}, file)
    file.seek(0)
    loaded = minigrad.load(file, map_location=target)
    (first, second, third), other = loaded["tied"], loaded["other"]
    assert first is second is not third and type(first) is nn.Parameter and first.device.type == target
    third.zero_()
    assert first.tolist() == [[0, 0, 0]] * 2 and other.tolist() == [[2, 3, 4], [5, 6, 7]]
    assert loaded["row"].tolist() == [1, 2, 3]


def test_a_loader_feeds_the_gpu(recwarn):
    loader = DataLoader(TensorDataset(*batch("cpu")), batch_size=2, shuffle=True, pin_memory=True)
    minigrad.manual_seed(1)
    found = [labels.to("cuda", non_blocking=True).tolist() for _, labels in loader]
    minigrad.manual_seed(1)
    assert found == [labels.tolist() for _, labels in loader]
    assert not [warning for warning in recwarn if "pin_memory" in str(warning.message)]


def test_dlpack_shares_memory():
    x = on("cuda", 2, 3)
    y = minigrad.utils.dlpack.from_dlpack(x)
    assert y.is_cuda and y.tolist() == x.tolist() and x.__dlpack_device__() == (2, 0)
    y.mul_(2)
    assert x.tolist() == y.tolist()


@pytest.mark.parametrize("use", [
    lambda d: nn.utils.rnn.pad_sequence([on(d, 3), on(d, 2)]),
    lambda d: nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_sequence([on(d, 3, 2), on(d, 2, 2)]))[0],
    lambda d: F.affine_grid(on(d, 1, 2, 3), (1, 1, 2, 1), align_corners=False),
    lambda d: F.grid_sample(on(d, 1, 1, 2, 2), on(d, 1, 2, 2, 2) / 9, align_corners=False),
    lambda d: F.interpolate(on(d, 1, 1, 2, 2), scale_factor=2, mode="bilinear"),
    lambda d: F.one_hot(on(d, 2).long(), 4), lambda d: F.scaled_dot_product_attention(*[on(d, 1, 3, 2)] * 3,
                                                                                      is_causal=True),
    lambda d: F.cross_entropy(on(d, 2, 3), on(d, 2).long()), lambda d: F.unfold(on(d, 1, 1, 3, 3), 2),
    lambda d: minigrad.quantile(on(d, 4), 0.3), lambda d: minigrad.histc(on(d, 4), 3),
    lambda d: minigrad.cdist(on(d, 2, 3), on(d, 4, 3)), lambda d: minigrad.bincount(on(d, 3).long()),
    lambda d: minigrad.mode(on(d, 3))[0], lambda d: minigrad.unique_consecutive(on(d, 3)),
    lambda d: nn.LSTM(3, 2).to(d)(on(d, 4, 3))[0].detach() * 0, lambda d: nn.GRU(3, 2).to(d)(
        on(d, 4, 3))[0].detach() * 0,
    lambda d: nn.MultiheadAttention(4, 2).to(d)(*[on(d, 3, 4)] * 3)[0].detach() * 0,
    lambda d: nn.LazyBatchNorm1d().to(d)(on(d, 3, 2)).detach(), lambda d: minigrad.cov(on(d, 2, 3)),
    lambda d: minigrad.linalg.lstsq(on(d, 3, 1), on(d, 3, 1))[0],
    lambda d: nn.LazyLinear(2).to(d)(on(d, 3, 2)).detach() * 0,
    lambda d: nn.LazyConv2d(2, 1).to(d)(on(d, 1, 3, 2, 2)).detach() * 0,
    lambda d: minigrad.nn.utils.parameters_to_vector(nn.Linear(2, 1).to(d).parameters()).detach() * 0,
    lambda d: minigrad.autograd.functional.jacobian(lambda x: x * x, on(d, 2)),
    lambda d: minigrad.cumulative_trapezoid(on(d, 4)), lambda d: minigrad.searchsorted(on(d, 4), on(d, 2)),
])
def test_what_a_function_makes_is_where_its_operands_are(use):
    """The default device being the CPU, and the tensors not on it."""
    found, want = use("cuda"), use("cpu")
    assert found.is_cuda and not want.is_cuda
    np.testing.assert_allclose(found.cpu().numpy(), want.numpy(), rtol=1e-5)
