"""Mixed precision: what computes in which dtype, the scaler of losses; torch's, by name and by number."""
from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, same_error

import minigrad

torch = pytest.importorskip("torch")
pytest.importorskip("ml_dtypes")

# Whether operands are float32 (T) or of the low dtype (L), what comes out is decided by the function.
CALLS: dict[str, Any] = {
    "linear": lambda B, T, L: B.nn.functional.linear(T(2, 3), L(4, 3), T(4)),
    "matrices": lambda B, T, L: T(2, 3) @ L(3, 2),
    "vectors": lambda B, T, L: T(3) @ T(3),
    "mm": lambda B, T, L: T(2, 3).mm(L(3, 2)),
    "bmm": lambda B, T, L: B.bmm(L(2, 2, 3), T(2, 3, 2)),
    "mv": lambda B, T, L: B.mv(T(2, 3), T(3)),
    "dot": lambda B, T, L: B.dot(T(3), T(3)),
    "addmm": lambda B, T, L: B.addmm(T(2, 2), T(2, 3), L(3, 2)),
    "baddbmm": lambda B, T, L: B.baddbmm(T(1, 2, 2), T(1, 2, 3), T(1, 3, 2)),
    "addbmm": lambda B, T, L: B.addbmm(T(2, 2), T(1, 2, 3), T(1, 3, 2)),
    "inner": lambda B, T, L: B.inner(T(2, 3), T(2, 3)),
    "tensordot": lambda B, T, L: B.tensordot(T(2, 3), T(3, 2), 1),
    "einsum": lambda B, T, L: B.einsum("ij,jk->ik", T(2, 3), L(3, 2)),
    "conv1d": lambda B, T, L: B.nn.functional.conv1d(T(1, 2, 5), T(2, 2, 3), L(2)),
    "conv2d": lambda B, T, L: B.nn.functional.conv2d(T(1, 2, 5, 5), L(2, 2, 3, 3)),
    "conv_transpose1d": lambda B, T, L: B.nn.functional.conv_transpose1d(T(1, 2, 5), T(2, 2, 3), T(2)),
    "conv_transpose2d": lambda B, T, L: B.nn.functional.conv_transpose2d(L(1, 2, 5, 5), T(2, 2, 3, 3)),
    "prelu": lambda B, T, L: B.nn.functional.prelu(T(2), T(1)),
    "attention": lambda B, T, L: B.nn.functional.scaled_dot_product_attention(
        T(1, 2, 3), L(1, 2, 3), L(1, 2, 3)),
    "softmax": lambda B, T, L: B.softmax(L(2, 3), -1),
    "layer_norm": lambda B, T, L: B.nn.functional.layer_norm(L(2, 3), (3,), T(3), T(3)),
    "batch_norm": lambda B, T, L: B.nn.functional.batch_norm(L(4, 3), T(3), T(3), T(3), T(3), True),
    "gelu": lambda B, T, L: B.nn.functional.gelu(L(3)),
    "exp": lambda B, T, L: L(3).exp(),
    "sum": lambda B, T, L: L(3).sum(),
    "add": lambda B, T, L: L(3) + T(3),
    "cat": lambda B, T, L: B.cat([L(2), T(2)]),
    "prod": lambda B, T, L: L(3).prod(),
    "trace": lambda B, T, L: L(2, 2).trace(),
    "norm": lambda B, T, L: L(3).norm(),
    "cdist": lambda B, T, L: B.cdist(L(2, 3), T(2, 3)),
    "inverse": lambda B, T, L: B.linalg.inv(T(2, 2) + 3 * B.eye(2)),
    "cross_entropy": lambda B, T, L: B.nn.functional.cross_entropy(L(2, 3), B.tensor([0, 1])),
    "nll_loss": lambda B, T, L: B.nn.functional.nll_loss(L(2, 3), B.tensor([0, 1]), T(3)),
    "mse_loss": lambda B, T, L: B.nn.functional.mse_loss(L(3), T(3)),
    "l1_loss": lambda B, T, L: B.nn.functional.l1_loss(L(3), L(3)),
    "smooth_l1_loss": lambda B, T, L: B.nn.functional.smooth_l1_loss(T(3), L(3)),
    "huber_loss": lambda B, T, L: B.nn.functional.huber_loss(T(3), L(3)),
    "binary_cross_entropy": lambda B, T, L: B.nn.functional.binary_cross_entropy(L(3) / 2, T(3) / 2),
    "with_logits": lambda B, T, L: B.nn.functional.binary_cross_entropy_with_logits(L(3), L(3)),
    "kl_div": lambda B, T, L: B.nn.functional.kl_div(L(3), L(3), reduction="sum"),
    "margin_ranking_loss": lambda B, T, L: B.nn.functional.margin_ranking_loss(L(3), L(3), L(3)),
    "hinge_embedding_loss": lambda B, T, L: B.nn.functional.hinge_embedding_loss(L(3), L(3)),
    "cosine_embedding_loss": lambda B, T, L: B.nn.functional.cosine_embedding_loss(
        L(2, 3), L(2, 3), B.ones(2)),
    "triplet_margin_loss": lambda B, T, L: B.nn.functional.triplet_margin_loss(L(2, 3), L(2, 3), T(2, 3)),
    "doubles": lambda B, T, L: B.nn.functional.linear(T(2, 3).double(), T(4, 3).double()),
    "lstm": lambda B, T, L: B.nn.LSTM(3, 4)(T(2, 1, 3))[1][1],
    "gru": lambda B, T, L: B.nn.GRU(3, 4)(T(2, 1, 3))[0],
    "rnn": lambda B, T, L: B.nn.RNN(3, 4)(T(2, 1, 3))[0],
    "multihead": lambda B, T, L: B.nn.MultiheadAttention(4, 2)(T(2, 1, 4), T(2, 1, 4), T(2, 1, 4))[0],
}


@pytest.mark.parametrize(("name", "low"), [
    (name, low) for name in CALLS for low in ("bfloat16", "float16")
    if (name, low) != ("lstm", "float16")])     # which torch has not on a CPU
def test_dtypes_and_values(name: str, low: str) -> None:
    found = []
    for B in BACKENDS:
        B.manual_seed(0)
        random = np.random.default_rng(0)

        def single(*shape: int, B: Any = B, random: Any = random) -> Any:
            return B.from_numpy(random.uniform(0.1, 1, shape).astype("float32"))

        def lowest(*shape: int, B: Any = B, single: Any = single) -> Any:
            return single(*shape).to(getattr(B, low))

        with B.amp.autocast("cpu", dtype=getattr(B, low)):
            result = CALLS[name](B, single, lowest)
        found.append((str(result.dtype), result.detach().float().numpy()))
    (kind, ours), (their_kind, theirs) = found
    assert kind == their_kind
    # Sums of numbers below 1, rounded to 8 bits (or 11) in another order: a few units in the last place.
    close = 2e-2 if low == "bfloat16" else 3e-3
    np.testing.assert_allclose(ours, theirs, rtol=close, atol=close)


def model(B: Any) -> Any:
    B.manual_seed(1)
    return B.nn.Sequential(B.nn.Linear(6, 8), B.nn.LayerNorm(8), B.nn.ReLU(), B.nn.Linear(8, 3))


@pytest.mark.parametrize("scaled", [False, True])
def test_training(scaled: bool) -> None:
    """Weights and their gradients stay float32; a scale that is a power of two changes no digit."""
    found = []
    for B in BACKENDS:
        net = model(B)
        optimizer = B.optim.SGD(net.parameters(), lr=0.5)
        scaler = B.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=4, enabled=scaled)
        x, losses = B.randn(16, 6), []
        for _ in range(10):
            optimizer.zero_grad()
            with B.autocast(device_type="cpu"):
                out = net(x)
                loss = B.nn.functional.cross_entropy(out, B.arange(16) % 3)
            assert out.dtype is B.bfloat16 and loss.dtype is B.float32
            scaler.scale(loss).backward()
            assert all(p.grad.dtype is B.float32 for p in net.parameters())
            scaler.unscale_(optimizer)
            B.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())
        found.append((losses, scaler.get_scale()))
    assert found[0][1] == found[1][1] == (2.0**12 if scaled else 1.0)
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=2e-2)
    assert found[0][0][-1] < found[0][0][0]


def test_a_weight_is_cast_once() -> None:
    """Used twice, a weight's gradients meet in the low dtype, as torch's; without the cache in float32."""
    for cached in (True, False):
        found = []
        for B in BACKENDS:
            weight = B.ones(1, 1, requires_grad=True)
            x = B.tensor([[1.0]]), B.tensor([[2.0**-9]])
            with B.amp.autocast("cpu", cache_enabled=cached):
                loss = sum((one @ weight).float().sum() for one in x)
            loss.backward()
            found.append(weight.grad.item())
        assert found[0] == found[1] == (1.0 if cached else 1.0 + 2.0**-9)


def test_contexts_nest_and_end() -> None:
    for B in BACKENDS:
        a = B.ones(2, 2)

        @B.autocast("cpu", dtype=B.float16)
        def product(a: Any = a) -> Any:
            return a @ a

        with B.amp.autocast("cpu"):
            assert (a @ a).dtype is B.bfloat16
            with B.amp.autocast("cpu", enabled=False):
                assert (a @ a).dtype is B.float32
                assert product().dtype is B.float16
            assert (a @ a).dtype is B.bfloat16
        assert (a @ a).dtype is B.float32
        with pytest.raises(ValueError, match="stop"), B.amp.autocast("cpu"):
            raise ValueError("stop")
        assert (a @ a).dtype is B.float32
        assert B.amp.is_autocast_available("cpu") and B.amp.is_autocast_available("cuda")


def test_refusals() -> None:
    same_error(lambda B: B.amp.autocast(3))
    same_error(lambda B: B.amp.autocast("gpu"))
    same_error(lambda B: B.autocast("cpu")(3))
    messages = []
    for B in BACKENDS:
        with pytest.warns(UserWarning, match="target dtype is not supported") as caught:
            context = B.amp.autocast("cpu", dtype=B.float32)
        messages.append([str(caught[0].message), caught[0].filename])
        with context:
            assert (B.ones(2, 2) @ B.ones(2, 2)).dtype is B.float32
    assert messages[0] == messages[1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_its_names_warn_and_change_nothing() -> None:
    for name in ("autocast", "GradScaler"):
        messages = []
        for B in BACKENDS:
            with pytest.warns() as caught:
                getattr(B.cuda.amp, name)()
            messages.append([(w.category, str(w.message), w.filename) for w in caught])
            with pytest.warns(UserWarning, match="CUDA is not available"):
                made = getattr(B.amp, name)("cuda")
        assert [m[:2] for m in messages[0]] == [m[:2] for m in messages[1]]
        assert messages[0][0] == messages[1][0]
        if name == "GradScaler":
            assert not made.is_enabled() and made.state_dict() == {}
            loss = minigrad.ones(1)
            assert made.scale(loss) is loss


def test_the_scale_falls_and_grows() -> None:
    found = []
    for B in BACKENDS:
        weight = B.ones(2, requires_grad=True)
        optimizer = B.optim.SGD([weight], lr=0.1)
        scaler, seen = B.amp.GradScaler("cpu", 8.0, 3.0, 0.25, 2), []
        for factor in (1.0, float("inf"), 1.0, 1.0, 1.0, float("nan"), 1.0, 1.0):
            weight.grad = None
            scaler.scale([(weight * factor).sum(), (weight.sum(),)])[0].backward()
            scaler.step(optimizer)
            scaler.update()
            seen.append((scaler.get_scale(), weight.tolist(), scaler.state_dict()))
        scaler.update(5.0)
        scaler.set_growth_factor(4.0)
        other = B.amp.GradScaler("cpu")
        other.load_state_dict(scaler.state_dict())
        again = pickle.loads(pickle.dumps(scaler))
        seen += [other.state_dict(), again.state_dict(), other.get_growth_factor(),
                 other.get_backoff_factor()]
        found.append(seen)
    assert found[0] == found[1]


def step_twice(B: Any, scaler: Any, optimizer: Any) -> None:
    scaler.step(optimizer)
    scaler.step(optimizer)


def unscale_late(B: Any, scaler: Any, optimizer: Any) -> None:
    scaler.step(optimizer)
    scaler.unscale_(optimizer)


SCALER_ERRORS: dict[str, Any] = {
    "twice": step_twice, "late": unscale_late,
    "unscaled twice": lambda B, scaler, optimizer: [scaler.unscale_(optimizer) for _ in range(2)],
    "no step": lambda B, scaler, optimizer: scaler.update(),
    "closure": lambda B, scaler, optimizer: scaler.step(optimizer, closure=lambda: 1),
    "not begun": lambda B, scaler, optimizer: B.amp.GradScaler("cpu").step(optimizer),
    "not begun, unscale": lambda B, scaler, optimizer: B.amp.GradScaler("cpu").unscale_(optimizer),
    "not begun, update": lambda B, scaler, optimizer: B.amp.GradScaler("cpu").update(),
    "no tensor": lambda B, scaler, optimizer: scaler.scale(3),
    "growth": lambda B, scaler, optimizer: B.amp.GradScaler("cpu", growth_factor=1.0),
    "backoff": lambda B, scaler, optimizer: B.amp.GradScaler("cpu", backoff_factor=1.0),
    "new scale": lambda B, scaler, optimizer: scaler.update(B.ones(2)),
    "empty state": lambda B, scaler, optimizer: scaler.load_state_dict({}),
    "pickled midway": lambda B, scaler, optimizer: [scaler.unscale_(optimizer), pickle.dumps(scaler)],
}


@pytest.mark.parametrize("case", SCALER_ERRORS)
def test_errors_of_the_scaler(case: str) -> None:
    def run(B: Any) -> None:
        weight = B.ones(2, requires_grad=True)
        scaler, optimizer = B.amp.GradScaler("cpu"), B.optim.SGD([weight])
        scaler.scale(weight.sum()).backward()
        SCALER_ERRORS[case](B, scaler, optimizer)
    same_error(run)


def test_half_gradients_are_refused() -> None:
    def run(B: Any) -> None:
        weight = B.ones(2, dtype=B.float16, requires_grad=True)
        scaler = B.amp.GradScaler("cpu")
        scaler.scale(weight.sum())
        weight.grad = B.ones(2, dtype=B.float16)
        scaler.unscale_(B.optim.SGD([weight]))
    same_error(run)


def test_bfloat16_of_tensors_and_modules() -> None:
    for B in BACKENDS:
        assert B.ones(2).bfloat16().dtype is B.bfloat16
        assert B.nn.Linear(2, 2).bfloat16().weight.dtype is B.bfloat16


def test_without_ml_dtypes_the_error_says_so() -> None:
    program = ("import sys; sys.modules['ml_dtypes'] = None\nimport minigrad as torch\n"
               "a = torch.ones(1, 1)\n"
               "with torch.autocast('cpu', dtype=torch.float16): print((a @ a).dtype)\n"
               "with torch.autocast('cpu'): pass")
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout == "torch.float16\n"
    assert "NotImplementedError: bfloat16 needs the ml_dtypes package.\nInstall it with" in run.stderr


@pytest.mark.parametrize("low", ["bfloat16", "float16"])
def test_a_linear_layer_in_half_precision_is_rounded_once(low: str) -> None:
    """Bias and all: the same bits as torch's, but where the order of a sum decides."""
    found = []
    for B in BACKENDS:
        B.manual_seed(0)
        x, weight, bias = (B.randn(*shape).to(getattr(B, low)) for shape in ((60, 32), (30, 32), (30,)))
        found.append(B.nn.functional.linear(x, weight, bias).float().numpy())
    assert (found[0] != found[1]).mean() < 2e-3
