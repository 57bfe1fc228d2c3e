"""The names that printed tensors give their nodes are torch's."""
import pytest

import minigrad

torch = pytest.importorskip("torch")

CALLS = [
    lambda B, F, x: x.sum(), lambda B, F, x: x.sum(0), lambda B, F, x: x.mean((0, 1)),
    lambda B, F, x: x.prod(1),
    lambda B, F, x: x.max(), lambda B, F, x: x.max(0)[0], lambda B, F, x: x.min(), lambda B, F, x: x.median(),
    lambda B, F, x: x.median(0)[0], lambda B, F, x: x.sort()[0], lambda B, F, x: x.topk(1)[0],
    lambda B, F, x: x.kthvalue(1)[0], lambda B, F, x: x.norm(p=1), lambda B, F, x: x.norm(p=3),
    lambda B, F, x: B.nansum(x), lambda B, F, x: x[:, None], lambda B, F, x: x[0, None],
    lambda B, F, x: x[..., 0], lambda B, F, x: x[:1, :], lambda B, F, x: x.unsqueeze(0).squeeze(),
    lambda B, F, x: x.unsqueeze(0).squeeze(0), lambda B, F, x: x.squeeze((0, 1)),
    lambda B, F, x: x.repeat(2, 2),
    lambda B, F, x: x.tile((2, 2)), lambda B, F, x: 1 - x, lambda B, F, x: 2 / x, lambda B, F, x: 2**x,
    lambda B, F, x: B.addmm(x, B.ones(2, 2), B.ones(2, 3)), lambda B, F, x: B.addcmul(x, x, x),
    lambda B, F, x: B.lerp(x, x, 0.5), lambda B, F, x: B.cross(x, x), lambda B, F, x: B.cdist(x, x),
    lambda B, F, x: B.roll(x, 1), lambda B, F, x: B.index_add(x, 0, B.tensor([0]), B.ones(1, 3)),
    lambda B, F, x: B.masked_select(x, x > 0), lambda B, F, x: x.clamp_min(0), lambda B, F, x: F.celu(x),
    lambda B, F, x: F.linear(x, B.ones(4, 3)), lambda B, F, x: F.linear(x, B.ones(4, 3), B.ones(4)),
    lambda B, F, x: F.linear(x[None], B.ones(4, 3)), lambda B, F, x: F.smooth_l1_loss(x, B.ones(2, 3)),
    lambda B, F, x: F.huber_loss(x, B.ones(2, 3)), lambda B, F, x: F.mse_loss(x, B.ones(2, 3)),
    lambda B, F, x: F.binary_cross_entropy(x, B.ones(2, 3)), lambda B, F, x: F.l1_loss(x, B.ones(2, 3)),
    lambda B, F, x: F.binary_cross_entropy_with_logits(x, B.ones(2, 3)), lambda B, F, x: F.pad(x, (1, 1)),
    lambda B, F, x: F.cross_entropy(x, B.tensor([0, 1])), lambda B, F, x: F.group_norm(x[None], 2),
    lambda B, F, x: F.conv1d(x[None], B.ones(1, 2, 1)), lambda B, F, x: F.max_pool1d(x[None], 2),
    lambda B, F, x: F.glu(x.reshape(3, 2)),
]


@pytest.mark.parametrize("call", CALLS)
def test_the_name_is_torchs(call):
    ours, theirs = [call(B, B.nn.functional, B.ones(2, 3, requires_grad=True)).grad_fn.name()
                    for B in (minigrad, torch)]
    assert ours == theirs


def test_a_renamed_node_walks_and_keeps_its_op():
    x = minigrad.ones(2, 3, requires_grad=True)
    y = x.sum(0)
    assert type(y.grad_fn).op is type(x.sum().grad_fn).op and "SumBackward1" in repr(y)
    y.backward(minigrad.tensor([1.0, 2.0, 3.0]))
    assert x.grad.tolist() == [[1.0, 2.0, 3.0]] * 2
