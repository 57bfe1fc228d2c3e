"""Running one piece of code on minigrad and on torch, and holding the results together."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
BACKENDS = (minigrad, torch)


def array(tensor: Any) -> np.ndarray:
    return np.array(tensor.detach().numpy(force=True))


def close(what: str, ours: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    """Equal to `tolerance` of the largest value; same shape, dtype and need of a gradient."""
    assert (ours is None) == (theirs is None), what
    if ours is None:
        return
    described = [(str(t.dtype), tuple(t.shape), t.requires_grad) for t in (ours, theirs)]
    assert described[0] == described[1], what
    a, b = array(ours), array(theirs)
    scale = np.abs(b[np.isfinite(b)]).max(initial=1e-30) if b.dtype.kind == "f" else 0
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=what)


def same_bits(what: str, ours: Any, theirs: Any) -> None:
    a, b = array(ours), array(theirs)
    assert (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes(), what


def error_of(call: Any, B: Any) -> tuple[str, str]:
    """Type and first line of what a call raises; it must raise, and ours must say what to do in a second
    line."""
    with pytest.raises(Exception) as caught:
        call(B)
    first, _, advice = str(caught.value).partition("\n")
    if B is minigrad and not isinstance(caught.value, (KeyError, AttributeError)):      # Python's own texts
        assert advice, f"no advice after {first!r}"
    return caught.type.__name__, first


def same_error(call: Any) -> None:
    assert error_of(call, minigrad) == error_of(call, torch)


def copy_parameters(source: Any, target: Any, B: Any) -> None:
    """Give module `target` of library B the numbers that `source` holds, through NumPy."""
    target.load_state_dict({k: B.from_numpy(array(v)) for k, v in source.state_dict().items()})


def run_layer(B: Any, layer: Any, arrays: list[np.ndarray], seed: int = 0) -> dict[str, Any]:
    """Forward, first gradients by both walks and second gradients, for random cotangents."""
    random = np.random.default_rng(seed)
    inputs = [B.from_numpy(a.copy()) for a in arrays]
    for tensor in inputs:
        if tensor.is_floating_point():
            tensor.requires_grad_()
    wanted = [t for t in inputs if t.requires_grad] + list(layer.parameters())
    out = layer(*inputs)
    cotangent = B.from_numpy(np.asarray(random.uniform(0.5, 1.5, tuple(out.shape)) *
                                        random.choice([-1.0, 1.0], tuple(out.shape)))).requires_grad_()
    found = {"result": out}
    plain = B.autograd.grad(out, wanted, cotangent.detach(), retain_graph=True)
    recorded = B.autograd.grad(out, wanted, cotangent, create_graph=True)
    for index, (quick, slow) in enumerate(zip(plain, recorded, strict=True)):
        found[f"gradient {index}"] = quick
        close(f"the recorded walk, {index}", slow.detach(), quick)
    weighted = B.zeros((), dtype=B.float64)
    for g in recorded:
        weighted = weighted + (g * B.from_numpy(np.asarray(random.standard_normal(tuple(g.shape))))).sum()
    second = B.autograd.grad(weighted, [*wanted, cotangent], allow_unused=True)
    for index, (g, like) in enumerate(zip(second, [*wanted, cotangent], strict=True)):
        found[f"second gradient {index}"] = B.zeros_like(like).detach() if g is None else g.detach()
    found |= {f"buffer {name}": buffer for name, buffer in layer.named_buffers()}
    return found


def same_layer(build: Any, arrays: list[np.ndarray], tolerance: float = 1e-12, seed: int = 0) -> None:
    """A float64 layer of both libraries, with the same parameters and inputs, gives the same of
    everything."""
    torch.manual_seed(seed)
    minigrad.manual_seed(seed)
    theirs, ours = build(torch).double(), build(minigrad).double()
    copy_parameters(theirs, ours, minigrad)
    want, got = run_layer(torch, theirs, arrays, seed), run_layer(minigrad, ours, arrays, seed)
    assert want.keys() == got.keys()
    for name in want:
        close(name, got[name], want[name], tolerance)
    gradients = [array(value) for name, value in want.items() if name.startswith("gradient")]
    assert any(np.abs(g).max(initial=0) > 1e-6 for g in gradients)
