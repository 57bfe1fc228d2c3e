"""Training steps on the CuPy backend: the NumPy backend's losses, and no read from the GPU inside a step."""
import contextlib

import numpy as np
import pytest
from gpu import places, stand_in

import minigrad
from benchmarks import gpu
from benchmarks.workloads import WORKLOADS, Step

pytestmark = pytest.mark.gpu
BATCH = {"resnet18": 2, "cnn-seed": 2, "vit-tiny": 2, "gpt-tiny": 2}


@pytest.fixture(autouse=True)
def _cuda(request):
    with places.cuda(request):
        yield
    minigrad.set_default_dtype(minigrad.float32)


def losses(workload, device, dtype="float64", count=3, within=contextlib.nullcontext):
    step = Step(minigrad, WORKLOADS[workload], BATCH.get(workload, 8), dtype, device)
    found = []
    for _ in range(count):
        before = stand_in.reads[0]
        with within():
            loss = step()
        assert stand_in.reads[0] == before, "the step waited for the GPU"
        found.append(loss.item())
    return found


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_the_gpu_benchmark_runs(precision, tmp_path, monkeypatch, capsys):
    for name, value in {"LOSSES": 2, "WARM_UP": 1, "BLOCKS": 2, "BLOCK_SECONDS": 0, "BATCH": 4}.items():
        monkeypatch.setattr(gpu, name, value)
    monkeypatch.setenv("CUPY_TF32", "0")
    for library, device in (("minigrad", "cuda"), ("torch", "cpu")):
        gpu.main(["steps", "--library", library, "--precision", precision, "--device", device, "--workloads",
                  "mlp-small", "cnn-mnist", "--out", str(tmp_path / f"{library}.json")])
    capsys.readouterr()
    gpu.main(["table", str(tmp_path)])
    shown = capsys.readouterr().out
    assert shown.count(f"| {precision} |") == 2 and "differ" not in shown and "Error" not in shown, shown


def test_the_gpu_benchmark_compiles(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "WORKLOADS", {name: WORKLOADS[name] for name in ("logreg", "mlp-small")})
    monkeypatch.setenv("CUPY_TF32", "0")
    gpu.main(["compile"])
    shown = capsys.readouterr().out
    assert shown.count('"loss": ') == 4 and "error" not in shown, shown


@pytest.mark.parametrize("workload", WORKLOADS)
def test_steps_equal_numpys_and_read_nothing(workload):
    np.testing.assert_allclose(losses(workload, "cuda"), losses(workload, "cpu"), rtol=1e-9)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_steps_in_bfloat16_are_near_float32s_and_read_nothing(workload):
    pytest.importorskip("ml_dtypes")
    low = losses(workload, "cuda", "float32", 2, lambda: minigrad.autocast("cuda", dtype=minigrad.bfloat16))
    np.testing.assert_allclose(low, losses(workload, "cpu", "float32", 2), rtol=2**-5)


# Schedulers, clipping, scaling ------------------------------------------------------------------------------

RATES = {
    "LambdaLR": lambda S, o: S.LambdaLR(o, lambda k: 0.9 ** k),
    "MultiplicativeLR": lambda S, o: S.MultiplicativeLR(o, lambda k: 0.9),
    "StepLR": lambda S, o: S.StepLR(o, 2), "MultiStepLR": lambda S, o: S.MultiStepLR(o, [1, 3]),
    "ConstantLR": lambda S, o: S.ConstantLR(o, 0.5, 2), "LinearLR": lambda S, o: S.LinearLR(o),
    "ExponentialLR": lambda S, o: S.ExponentialLR(o, 0.9), "PolynomialLR": lambda S, o: S.PolynomialLR(o),
    "CosineAnnealingLR": lambda S, o: S.CosineAnnealingLR(o, 5),
    "CosineAnnealingWarmRestarts": lambda S, o: S.CosineAnnealingWarmRestarts(o, 2),
    "CyclicLR": lambda S, o: S.CyclicLR(o, 0.01, 0.1, 2), "OneCycleLR": lambda S, o: S.OneCycleLR(o, 0.1, 6),
    "ReduceLROnPlateau": lambda S, o: S.ReduceLROnPlateau(o, patience=0),
    "SequentialLR": lambda S, o: S.SequentialLR(o, [S.StepLR(o, 1), S.ExponentialLR(o, 0.5)], [2]),
    "ChainedScheduler": lambda S, o: S.ChainedScheduler([S.StepLR(o, 1), S.ExponentialLR(o, 0.5)]),
}


def test_every_scheduler_is_tried():
    there = {name for name, kind in vars(minigrad.optim.lr_scheduler).items() if isinstance(kind, type)
             and hasattr(kind, "step") and not name.startswith("_")}
    assert there - {"LRScheduler", "Optimizer"} == set(RATES)


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("rate", [float, minigrad.tensor])
def test_schedulers_rule_steps_on_the_gpu(name, rate):
    """With the rate a number, and a tensor without dimensions on the CPU."""
    def run(device):
        x = minigrad.ones(3, device=device, requires_grad=True)
        optimizer = minigrad.optim.SGD([x], lr=rate(0.1), momentum=0.9)
        scheduler, before = RATES[name](minigrad.optim.lr_scheduler, optimizer), stand_in.reads[0]
        for _ in range(5):
            optimizer.zero_grad()
            (x * x).sum().backward()
            optimizer.step()
            scheduler.step(*[1.0] * (name == "ReduceLROnPlateau"))
        assert stand_in.reads[0] == before, "a scheduler waited for the GPU"
        return x.tolist()
    np.testing.assert_allclose(run("cuda"), run("cpu"), rtol=1e-6)


@pytest.mark.parametrize("foreach", [None, True, False])
@pytest.mark.parametrize("norm", [1.0, 2.0, float("inf")])
def test_clipping_reads_nothing(norm, foreach):
    def run(device):
        tensors = [minigrad.arange(1.0, 4.0, device=device).requires_grad_() for _ in range(2)]
        sum([(x * x).sum() for x in tensors]).backward()
        before = stand_in.reads[0]
        total = minigrad.nn.utils.clip_grad_norm_(tensors, 1.0, norm, foreach=foreach)
        minigrad.nn.utils.clip_grad_value_(tensors, 0.3)
        assert stand_in.reads[0] == before, "clipping waited for the GPU"
        assert total.is_cuda == (device == "cuda")
        return [total.item(), *tensors[0].grad.tolist()]
    np.testing.assert_allclose(run("cuda"), run("cpu"), rtol=1e-6)


@pytest.mark.parametrize("bad", [False, True])
def test_the_scaler_on_the_gpu(bad):
    """It asks once a step whether a gradient is infinite, as torch's does; such a step is left out."""
    def run(device):
        x = minigrad.ones(3, device=device, requires_grad=True)
        optimizer = minigrad.optim.SGD([x], lr=0.1)
        scaler = minigrad.amp.GradScaler(device, init_scale=2.0**10, growth_interval=2)
        for k in range(4):
            optimizer.zero_grad()
            scaler.scale((x * x).sum() * (float("inf") if bad and k == 1 else 1.0)).backward()
            before = stand_in.reads[0]
            scaler.unscale_(optimizer)
            minigrad.nn.utils.clip_grad_norm_([x], 1.0)
            scaler.step(optimizer)
            scaler.update()
            assert stand_in.reads[0] - before <= 1
        return [scaler.get_scale(), *x.tolist()]
    np.testing.assert_allclose(run("cuda"), run("cpu"), rtol=1e-6)
