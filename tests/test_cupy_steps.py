"""Training steps on the CuPy backend: the NumPy backend's losses, and no read from the GPU inside a step."""
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


def losses(workload, device):
    step = Step(minigrad, WORKLOADS[workload], BATCH.get(workload, 8), "float64", device)
    found = []
    for _ in range(3):
        before = stand_in.reads[0]
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


@pytest.mark.parametrize("workload", WORKLOADS)
def test_steps_equal_numpys_and_read_nothing(workload):
    np.testing.assert_allclose(losses(workload, "cuda"), losses(workload, "cpu"), rtol=1e-9)
