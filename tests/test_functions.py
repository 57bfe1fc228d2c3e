"""Functions written in others, against torch: values and dtypes of all, first and second gradients of many.
What has a row in the registry is drawn by test_parity.py as well."""

import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
RANDOM = np.random.default_rng(0)
X, Y, V, SQUARE = (RANDOM.standard_normal(shape) for shape in ((3, 4, 5), (4, 5), (6,), (4, 4)))
WHOLE = RANDOM.integers(0, 4, (3, 4))
NAN = np.array([1.0, np.nan, 2.0, 0.5])

# name: (B, t) -> result(s), where t(array) makes a tensor of an array.
VALUES = {
    "sort": lambda B, t: [
        *B.sort(t(X), 0, descending=True),
        *B.sort(t(WHOLE)),
        *B.sort(t(WHOLE), descending=True),
    ],
    "sort of one": lambda B, t: [*B.sort(t(np.array(2.0)))],
    "argsort": lambda B, t: [B.argsort(t(X)), t(X).argsort(1, True)],
    "topk": lambda B, t: [*B.topk(t(X), 2), *t(X).topk(3, 1, largest=False)],
    "kthvalue": lambda B, t: [*B.kthvalue(t(X), 2), *t(X).kthvalue(3, 1, keepdim=True)],
    "median": lambda B, t: [B.median(t(X)), *B.median(t(X), 1), *t(X).median(0, keepdim=True)],
    "median of nan": lambda B, t: [B.median(t(NAN)), *B.median(t(NAN), 0)],
    "aminmax": lambda B, t: [*B.aminmax(t(X)), *B.aminmax(t(X), dim=1, keepdim=True)],
    "unique": lambda B, t: [
        B.unique(t(WHOLE)),
        *B.unique(t(WHOLE), return_inverse=True, return_counts=True),
        *B.unique(t(WHOLE), return_counts=True, dim=0),
    ],
    "searchsorted": lambda B, t: [
        B.searchsorted(t(np.array([1.0, 3, 5])), t(X)),
        B.searchsorted(t(np.array([1.0, 3, 5])), 3.0, right=True),
        B.bucketize(t(WHOLE), t(np.array([1, 3, 5]))),
    ],
    "searchsorted with nan": lambda B, t: [
        B.searchsorted(t(np.array(row)), t(np.array([np.nan, np.inf, 5, 3, 2, 0])), right=right)
        for row in ([1, 3, np.nan], [1, np.nan], [1.0, 2, 3, np.nan, np.nan], [1.0, 2, 3])
        for right in (False, True)
    ],
    "searchsorted by a sorter, of none": lambda B, t: [
        B.searchsorted(t(Y), t(X[0]), sorter=B.argsort(t(Y))),
        B.searchsorted(B.ones(2, 0), B.ones(2, 3)),
        B.searchsorted(B.ones(0, 2), B.ones(0, 3)),
    ],
    "nan is unlike itself": lambda B, t: [*B.unique(t(NAN[[0, 1, 1]]), return_inverse=True)],
    "bincount of weights, of none": lambda B, t: [
        B.bincount(t(WHOLE[0]), t(WHOLE[1])),
        B.bincount(t(WHOLE[0, :0]), t(V[:0]), minlength=3),
    ],
    "of one": lambda B, t: [B.argsort(t(np.array(3.0))), B.diff(t(V), 0, prepend=t(V))],
    "biased": lambda B, t: [*B.var_mean(t(V), False), *B.std_mean(t(V), True)],
    "bincount": lambda B, t: [B.bincount(t(WHOLE[0]), minlength=6), B.bincount(t(WHOLE[0]), t(Y[:, 0]))],
    "cumsum": lambda B, t: [B.cumsum(t(X), 1), t(WHOLE).cumsum(-1), B.cumprod(t(WHOLE), -1)],
    "running halves": lambda B, t: [
        B.cumsum(B.full((3000,), 0.1, dtype=B.float16), 0),
        B.cumprod(B.full((30,), 1.1, dtype=B.float16), 0),
    ],
    "diff": lambda B, t: [B.diff(t(X)), B.diff(t(X), 2, 1), B.diff(t(V), prepend=t(V[:2])), B.diff(t(V > 0))],
    "counts": lambda B, t: [
        B.count_nonzero(t(WHOLE)),
        B.count_nonzero(t(WHOLE), 1),
        B.nansum(t(NAN)),
        B.nanmean(t(NAN)),
    ],
    "spread and mean": lambda B, t: [
        *B.var_mean(t(X)),
        *B.std_mean(t(X), 1, keepdim=True),
        *B.var_mean(t(X), (0, 1), correction=0),
    ],
    "flip": lambda B, t: [B.flip(t(X), (0, 2)), t(X).flip(1), B.fliplr(t(Y)), B.flipud(t(Y))],
    "roll": lambda B, t: [B.roll(t(X), 2), t(X).roll((1, -1), (0, 2))],
    "repeat": lambda B, t: [
        t(Y).repeat(2, 1, 3),
        t(Y).repeat(1, 1),
        B.tile(t(Y), (2,)),
        t(V).repeat((2, 2)),
        B.repeat_interleave(t(Y), 2),
        B.repeat_interleave(t(Y), t(np.array([1, 0, 2, 1])), 0),
    ],
    "repeat of one": lambda B, t: [
        t(np.array(1.0)).repeat(3).add_(t(V[:3])),
        t(np.array(1.0)).repeat(1).add_(1),
        B.tensor(B.ones(1, 1).repeat(3, 1).stride()),
        B.repeat_interleave(t(np.array([1, 0, 2]))),
    ],
    "tensor_split by name": lambda B, t: [
        *B.tensor_split(t(V), B.tensor(4)),
        *B.tensor_split(t(V), indices=(1, 4)),
        *t(V).tensor_split(sections=4),
    ],
    "meshgrid": lambda B, t: [
        *B.meshgrid(t(V), t(Y[0]), indexing="ij"),
        *B.meshgrid(t(V), t(Y[0]), t(Y[1]), indexing="xy"),
    ],
    "dimensions": lambda B, t: [
        B.swapaxes(t(X), 0, 2),
        B.movedim(t(X), 0, 2),
        B.movedim(t(X), (0, 2), (1, 0)),
        t(X).unflatten(2, (5, -1)),
        B.unflatten(t(X), 1, (2, 2)),
    ],
    "narrow": lambda B, t: [B.narrow(t(X), 1, 1, 2), t(X).narrow(1, -3, 2), B.select(t(X), 1, -1)],
    "broadcast": lambda B, t: [B.broadcast_to(t(Y), (3, 4, 5)), *B.broadcast_tensors(t(Y), t(X))],
    "stacks": lambda B, t: [f([t(v), t(v)]) for f in (B.hstack, B.vstack, B.dstack) for v in (V, Y, X)],
    "tensor_split": lambda B, t: [
        *B.tensor_split(t(V), 4),
        *t(V).tensor_split((1, 4)),
        *B.tensor_split(t(X), 3, 1),
    ],
    "diagonals": lambda B, t: [
        B.diagonal(t(X)),
        t(X).diagonal(1, 1, 2),
        B.diag_embed(t(Y), -1, 0, 2),
        B.diag(t(V), 1),
        B.diag(t(SQUARE), -1),
        t(SQUARE).trace(),
    ],
    "triangles": lambda B, t: [B.tril_indices(3, 4), B.triu_indices(3, 4, 1)],
    "picked": lambda B, t: [
        B.masked_select(t(X), t(Y) > 0),
        B.take(t(Y), t(np.array([[0, 3], [5, -1]]))),
        B.take_along_dim(t(X), t(np.array([[[0], [1], [2], [0]]])), 2),
        B.argwhere(t(WHOLE)),
    ],
    "written": lambda B, t: [
        B.scatter(t(Y), 0, t(np.array([[0, 2, 1]])), 2.5),
        B.index_add(t(X), 1, t(np.array([0, 2])), t(X[:, :2]), alpha=2),
        B.index_fill(t(X), 1, t(np.array([0, 2])), 7),
        t(X).index_copy_(0, t(np.array([0, 2])), t(X[:2] * 2)),
    ],
    "written, of one": lambda B, t: [
        f(t(np.array(1.5)), 0, t(np.array([0])), s)
        for f, s in (
            (B.index_add, t(np.array(2.5))),
            (B.index_copy, t(np.array([2.5]))),
            (B.index_fill, 4),
            (B.scatter, 5),
        )
    ],
    "written and read by an index without dimensions": lambda B, t: [
        t(V).scatter_add(0, t(np.array(2)), t(np.array(5.0))),
        t(V).scatter_add_(0, t(np.array(2)), t(np.array([5.0]))),
        t(V).scatter(0, t(np.array(2)), t(np.array(5.0))),
        t(V).scatter_(0, t(np.array(2)), 5.0),
        t(V).scatter_reduce(0, t(np.array([2])), t(np.array(5.0)), "prod"),
        t(V).gather(0, t(np.array(2))),
    ],
    "isin": lambda B, t: [
        B.isin(t(WHOLE), t(WHOLE[0])),
        B.isin(t(V), t(V[1:3]), invert=True),
        B.isin(t(WHOLE), 2),
        B.isin(t(NAN), t(NAN)),
    ],
    "at least": lambda B, t: [
        *[f(t(v)) for f in (B.atleast_1d, B.atleast_2d, B.atleast_3d) for v in (np.array(1.5), V, Y, X)],
        *B.atleast_2d([t(V), t(X)]),
        *B.atleast_3d(t(V), t(Y)),
    ],
    "cut": lambda B, t: [
        *B.hsplit(t(V), 3),
        *t(X).hsplit(2),
        *B.vsplit(t(Y), [1, 2]),
        *B.dsplit(t(X), (2,)),
        *B.split_with_sizes(t(V), [2, 4]),
        *t(V).unsafe_chunk(3),
        *t(V).unsafe_split(3),
    ],
    "turned and combined": lambda B, t: [
        *[B.rot90(t(X), k, (0, 2)) for k in (-1, 0, 1, 2, 3, 5)],
        B.block_diag(t(Y), t(V), t(np.array(2.5))),
        B.cartesian_prod(t(V), t(Y[0])),
        B.combinations(t(V), 3),
        B.combinations(t(V), with_replacement=True),
        B.column_stack([t(Y), t(Y[:, 0])]),
        t(X).ravel(),
    ],
    "reduced where written": lambda B, t: [
        *[
            f(t(v), 0, t(np.array([0, 2, 0])), t(v[:3] * 2), reduce, include_self=own)
            for f in (B.index_reduce,)
            for v in (X, WHOLE.astype(float))
            for reduce in ("prod", "mean", "amax", "amin")
            for own in (True, False)
        ],
        *[
            t(kind).scatter_reduce(0, t(np.array([0, 0])), t(kind[:2] * kind[:2]), reduce, include_self=own)
            for kind in (np.array([True, False, True]), np.array([3, -5, 7]), np.array([3, 5, 7], np.uint8))
            for reduce in ("sum", "prod", "amax", "amin")
            for own in (True, False)
        ],
    ],
    "put": lambda B, t: [
        B.index_put(t(Y), (t(np.array([0, 2])),), t(Y[1])),
        B.index_put(t(Y), (t(np.array([0, 0])), t(np.array([1, 1]))), t(V[:2]), True),
        t(Y).index_put_((t(Y > 0),), t(np.array(2.5))),
        t(Y).index_put_((t(np.array([0, 0])),), t(Y[:2]), accumulate=True),
        t(Y).put(t(np.array([[0, -1]])), t(V[:2])),
        t(Y).put_(t(np.array([3, 3])), t(V[:2]), True),
        B.masked_scatter(t(Y), t(Y > 0), t(X)),
        t(X).masked_scatter_(t(X[0] > 0), t(X * 2)),
    ],
    "shapes changed in place": lambda B, t: [
        t(V).unsqueeze_(0),
        t(V[None]).squeeze_(),
        t(Y).t_(),
        t(X).transpose_(0, 2),
        t(X).swapaxes_(0, 1),
        B.sin_(t(V)),
        t(V).multiply_(2).clip_(-1, 1).negative_(),
        t(WHOLE).bitwise_and_(6),
    ],
    "written at the end, wrapped": lambda B, t: [
        B.index_fill(t(X), 1, t(np.array([-1, 0])), 7),
        B.zeros(3, dtype=B.uint8).index_fill_(0, t(np.array([1])), -1),
        B.zeros(3, dtype=B.uint8).scatter_(0, t(np.array([1])), -1),
        B.index_add(t(WHOLE), 0, t(np.array([0])), t(WHOLE[:1]), alpha=1.5),
    ],
    "close": lambda B, t: [
        B.isclose(t(NAN), t(NAN + 1e-9), equal_nan=True),
        B.isposinf(t(V)),
        B.nan_to_num(t(NAN), 9),
    ],
    "mixed": lambda B, t: [
        B.lerp(t(V), t(V * 2), 0.3),
        B.lerp(t(V), t(V * 2), t(V)),
        B.addcmul(t(V), t(V), t(V), value=2),
        B.addcdiv(t(V), t(V), t(V), value=2),
        B.float_power(t(abs(V)), 3),
        B.deg2rad(t(V)),
    ],
    "in place": lambda B, t: [
        t(V).lerp_(t(V * 2), 0.5),
        t(V).square_(),
        t(V).expm1_(),
        t(X).tril_(),
        t(V).fmod_(0.3),
    ],
}

# name: (B, x, y) -> a result that depends on both; shapes of x and y.
GRADIENTS = {
    "outer": (lambda B, x, y: B.outer(x, y), (3,), (4,)),
    "inner": (lambda B, x, y: B.inner(x, y), (2, 3), (4, 3)),
    "tensordot": (lambda B, x, y: B.tensordot(x, y), (2, 3, 4), (3, 4, 5)),
    "tensordot of pairs": (lambda B, x, y: B.tensordot(x, y, dims=([0, 2], [2, 0])), (2, 3, 4), (4, 5, 2)),
    "tensordot of none": (lambda B, x, y: B.tensordot(x, y, 0), (2,), (3,)),
    "addmm": (lambda B, x, y: B.addmm(x[0], x, y, beta=0.5, alpha=2), (3, 3), (3, 3)),
    "addmv": (lambda B, x, y: B.addmv(y, x, y), (3, 3), (3,)),
    "baddbmm": (lambda B, x, y: B.baddbmm(x, x, y, alpha=3), (2, 3, 3), (2, 3, 3)),
    "addr": (lambda B, x, y: B.addr(x, y, y), (3, 3), (3,)),
    "addbmm": (lambda B, x, y: B.addbmm(x[0], x, y), (2, 3, 3), (2, 3, 3)),
    "cross": (lambda B, x, y: B.cross(x, y, dim=1), (4, 3), (4, 3)),
    "kron": (lambda B, x, y: B.kron(x, y), (2, 3), (4, 2)),
    "kron of different dimensions": (lambda B, x, y: B.kron(x, y), (3,), (2, 2)),
    "sort": (lambda B, x, y: B.sort(x * y, 1)[0], (3, 4), (4,)),
    "median": (lambda B, x, y: B.median(x * y, 1)[0], (3, 4), (4,)),
    "cumprod": (lambda B, x, y: B.cumprod(x * y, 1), (3, 4), (4,)),
    "cumprod with zeros": (lambda B, x, y: B.cumprod(x * (x > 0) + y * 0, 1), (3, 4), (4,)),
    "diff": (lambda B, x, y: B.diff(x * y, 2), (3, 4), (4,)),
    "roll": (lambda B, x, y: B.roll(x, (1, 2), (0, 1)) * y, (3, 4), (4,)),
    "repeat": (lambda B, x, y: x.repeat(2, 1) * y, (3, 4), (4,)),
    "repeat_interleave": (lambda B, x, y: B.repeat_interleave(x, 2, 0) * y, (3, 4), (4,)),
    "diagonal": (lambda B, x, y: B.diagonal(x, 0, 1, 2) * y, (2, 3, 3), (3,)),
    "take_along_dim": (lambda B, x, y: B.take_along_dim(x, x.argmax(1, keepdim=True), 1) * y, (3, 4), (4,)),
    "scatter": (lambda B, x, y: B.scatter(x, 1, x.argmax(1, keepdim=True), y[:, :1]), (3, 4), (3, 4)),
    "index_add": (lambda B, x, y: B.index_add(x, 0, x.argmax()[None] * 0, y), (3, 4), (1, 4)),
    "meshgrid": (lambda B, x, y: B.meshgrid(x, y, indexing="xy")[0] * y[0], (3,), (4,)),
    "index_put": (lambda B, x, y: B.index_put(x, (x.argmax(1) % 3,), y[:3]), (3, 4), (3, 4)),
    "index_put, added": (lambda B, x, y: B.index_put(x, (x.argmax(1) % 2,), y, True), (3, 4), (3, 4)),
    "put": (lambda B, x, y: x.put(B.tensor([0, -1]), y[0, :2]), (3, 4), (3, 4)),
    "masked_scatter": (lambda B, x, y: B.masked_scatter(x, x > 0, y), (3, 4), (3, 4)),
    "masked_scatter_": (lambda B, x, y: (x * 1).masked_scatter_(x[0] > 0, y), (3, 4), (3, 4)),
    "index_reduce": (lambda B, x, y: x.index_reduce(0, x[0].argsort() % 3, y, "prod"), (3, 4), (4, 4)),
    "scatter_reduce of others": (
        lambda B, x, y: x.scatter_reduce(0, y.argsort(0) // 2, y, "mean", include_self=False),
        (3, 4),
        (4, 4),
    ),
    "clamp_min_": (lambda B, x, y: (x * 1).clamp_min_(y), (3, 4), (4,)),
    "atan2_": (lambda B, x, y: (x * 1).atan2_(y), (3, 4), (4,)),
    "addmm without its product": (lambda B, x, y: B.addmm(x[0], x, y, alpha=0) + y, (3, 3), (3, 3)),
    "einsum by numbers": (lambda B, x, y: B.einsum(x, [0, 1], y, [1, 30], [30, 0]), (2, 3), (3, 4)),
    "number / tensor": (lambda B, x, y: 3 / (x * y), (3, 4), (4,)),
    "median of all": (lambda B, x, y: B.median(x * y) * x, (3, 3), (3,)),
    "block_diag": (lambda B, x, y: B.block_diag(x, y, x[0]), (2, 3), (3, 2)),
    "cartesian_prod": (lambda B, x, y: B.cartesian_prod(x, y), (2,), (3,)),
    "unsqueeze_": (lambda B, x, y: (x * y).unsqueeze_(1).mul_(y).transpose_(0, 2), (3, 4), (4,)),
    "views older than unsqueeze_": (lambda B, x, y: older_views(x * 1, y), (3, 4), (4,)),
    **{
        text: (lambda B, x, y, text=text: B.einsum(text, x, y), *shapes)
        for text, *shapes in (
            ("ij,jk->ik", (2, 3), (3, 4)),
            ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
            ("i,j", (3,), (4,)),
            ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
            ("ij,ij->", (2, 3), (2, 3)),
            ("ij,kj", (2, 3), (4, 3)),
            ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
            ("bi,bi->b", (3, 4), (3, 4)),
            ("iij,j->i", (3, 3, 2), (2,)),
            ("i...,i->...", (3, 2, 4), (3,)),
            ("ij,k->ki", (2, 3), (4,)),
        )
    },
}


def older_views(x, y):
    """Views made before the tensor's shape changed in place see what is written to it after."""
    row, corner = x[1], x[:2, :2]
    x.t_().mul_(y.unsqueeze(1))
    corner.mul_(2)
    return row.sum() * corner + x[:2, :2]


def flat(results):
    return [part for one in results for part in (flat(one) if isinstance(one, tuple) else [one])]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", VALUES)
def test_values(name, dtype):
    def maker(B):
        return lambda array: B.from_numpy(array.astype(dtype) if array.dtype.kind == "f" else array.copy())

    ours, theirs = (flat(VALUES[name](B, maker(B))) for B in (minigrad, torch))
    assert len(ours) == len(theirs)
    close = 16 * np.finfo(dtype).eps
    for one, other in zip(ours, theirs):
        assert (tuple(one.shape), str(one.dtype)) == (tuple(other.shape), str(other.dtype))
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=close, atol=close)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    function, *shapes = GRADIENTS[name]
    arrays = [np.random.default_rng(5).standard_normal(shape) for shape in shapes]
    found = []
    for B in (minigrad, torch):
        leaves = [B.from_numpy(array.copy()).requires_grad_() for array in arrays]
        z = function(B, *leaves)
        cotangent = B.from_numpy(np.linspace(0.5, 1.5, z.numel()).reshape(tuple(z.shape)))
        first = B.autograd.grad(z * z, leaves, cotangent, create_graph=True)
        second = B.autograd.grad(sum((g * g).sum() for g in first), leaves)
        found.append([v.detach().numpy() for v in (z, *first, *second)])
    for ours, theirs in zip(*found):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11)


def test_drawing_follows_torchs_stream():
    results = []
    for B in (minigrad, torch):
        B.manual_seed(3)
        rows = B.tensor([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]])
        results.append(
            [
                B.multinomial(rows[0], 2),
                B.multinomial(rows, 5, replacement=True),
                B.multinomial(rows, 1),
                B.bernoulli(B.rand(4, 5)),
                B.bernoulli(B.zeros(7), 0.3),
            ]
        )
    for ours, theirs in zip(*results):
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize(
    "call",
    [
        lambda B: B.einsum("ij,jk", B.ones(2, 3)),
        lambda B: B.einsum("ij->k", B.ones(2, 3)),
        lambda B: B.einsum("ij,jk", B.ones(2, 3), B.ones(2, 3)),
        lambda B: B.einsum("ijk", B.ones(2, 3)),
        lambda B: B.tensordot(B.ones(2, 3), B.ones(2, 3), 1),
        lambda B: B.outer(B.ones(2, 2), B.ones(2)),
        lambda B: B.addmm(B.ones(7), B.ones(2, 3), B.ones(3, 4)),
        lambda B: B.multinomial(B.ones(2), 3),
        lambda B: B.multinomial(B.tensor([-1.0, 2.0]), 1),
        lambda B: B.ones(2, 3).repeat(2),
        lambda B: B.narrow(B.ones(3), 0, 2, 2),
        lambda B: B.movedim(B.ones(2, 3), (0, 1), (0,)),
        lambda B: B.unflatten(B.ones(6), 0, (4, -1)),
        lambda B: B.broadcast_tensors(B.ones(2), B.ones(3)),
        lambda B: B.tensor_split(B.ones(3), 0),
        lambda B: B.diag(B.ones(2, 2, 2)),
        lambda B: B.trace(B.ones(2)),
        lambda B: B.masked_select(B.ones(2), B.ones(2)),
        lambda B: B.meshgrid(),
        lambda B: B.cross(B.ones(2), B.ones(2)),
        lambda B: B.isclose(B.ones(2), B.ones(2).double()),
        lambda B: B.repeat_interleave(B.ones(3), B.tensor([1, 2])),
        lambda B: B.ones(2, requires_grad=True).lerp_(B.ones(2), 0.5),
        lambda B: B.bincount(B.tensor([-1])),
        lambda B: B.roll(B.tensor(1.0), 1, 0),
        lambda B: B.narrow(B.tensor(1.0), 0, 0, 1),
        lambda B: B.tensor_split(B.tensor(1.0), 3),
        lambda B: B.meshgrid(B.ones(2), B.ones(2).long()),
        lambda B: B.meshgrid(B.ones(2, 2), B.ones(2)),
        lambda B: B.meshgrid(B.ones(2), B.ones(2), indexing="zz"),
        lambda B: B.bincount(B.tensor([True])),
        lambda B: B.bincount(B.tensor([1]), B.tensor([1, 2])),
        lambda B: B.bincount(B.tensor([1]), minlength=-1),
        lambda B: B.searchsorted(B.ones(2), B.ones(2), side="foo"),
        lambda B: B.searchsorted(B.ones(2), B.ones(2), side="left", right=True),
        lambda B: B.searchsorted(B.ones(2), B.ones(2), sorter=B.tensor([1, 2])),
        lambda B: B.median(B.ones(0, 2), 0),
        lambda B: B.median(B.tensor([True])),
        lambda B: B.diff(B.ones(3), n=-1),
        lambda B: B.diff(B.tensor(1.0)),
        lambda B: B.index_add(B.ones(2, 3), 0, B.tensor([0, 1]), B.ones(1, 3)),
        lambda B: B.index_add(B.ones(2, 3), 0, B.tensor([0, -1]), B.ones(2, 3)),
        lambda B: B.index_add(B.ones(2, 3), 0, B.tensor([0, 1]), B.ones(2, 3).long()),
        lambda B: B.index_copy(B.ones(2, 3), 0, B.tensor([0, 1]), B.ones(1, 3)),
        lambda B: B.index_copy(B.ones(2, 3), 0, B.tensor([0, 1]), B.ones(2, 2)),
        lambda B: B.index_copy(B.ones(2, 3), 0, B.tensor([0, -1]), B.ones(2, 3)),
        lambda B: B.index_copy(B.ones(2, 3), 0, B.tensor([0, 1]), B.ones(2, 3).long()),
        lambda B: B.index_fill(B.ones(2, 3), 0, B.tensor([0, 2]), 2.0),
        lambda B: B.index_fill(B.zeros(3, dtype=B.uint8), 0, B.tensor([0]), 300),
        lambda B: B.take(B.arange(4), B.tensor([0.0, 1])),
        lambda B: B.take_along_dim(B.ones(2, 3), B.tensor([0]), 1),
        lambda B: B.isin(B.tensor([True]), B.tensor([True])),
        lambda B: B.isin(1, 2),
        lambda B: B.einsum(B.ones(2), [53]),
        lambda B: B.einsum("i"),
        lambda B: B.einsum("i1", B.ones(2, 2)),
        lambda B: B.einsum("i->.", B.ones(2)),
        lambda B: B.addr(B.tensor([[1]]), B.tensor([1]), B.tensor([1]), beta=0.5),
        lambda B: B.mm(B.tensor([[True]]), B.tensor([[True]])),
        lambda B: B.clamp(B.ones(2), 0.0, B.ones(2)),
        lambda B: B.nanmean(B.tensor([1])),
        lambda B: B.kthvalue(B.tensor([True]), 1),
        lambda B: B.bucketize(B.ones(2), B.ones(2, 2)),
        lambda B: B.diff(B.ones(2, 3), prepend=B.ones(3, 3)),
        lambda B: B.ones(2).scatter_add(0, B.tensor([0]), B.ones(1, 1)),
        lambda B: B.ones(2).view_as(1),
        lambda B: B.index_put(B.ones(3), (B.tensor([0]),), B.tensor(2)),
        lambda B: B.index_put(B.ones(3), (B.tensor([7]),), B.tensor(2.0)),
        lambda B: B.index_put(B.ones(3), B.tensor([0]), B.tensor(2.0)),
        lambda B: B.index_put(B.ones(3), (B.tensor([0, 1]),), B.ones(3)),
        lambda B: B.ones(3).put(B.tensor([0, 7]), B.ones(2)),
        lambda B: B.ones(3).put(B.tensor([0, 1]), B.ones(1)),
        lambda B: B.ones(3).put(B.tensor([0, 1]), B.tensor([1, 2])),
        lambda B: B.ones(3).put(B.tensor([0.0]), B.ones(1)),
        lambda B: B.ones(3).masked_scatter(B.ones(3) > 0, B.ones(2)),
        lambda B: B.ones(3).masked_scatter(B.ones(3) > 0, B.tensor([1, 2, 3])),
        lambda B: B.ones(3).masked_scatter(B.ones(3), B.ones(3)),
        lambda B: B.ones(3).index_reduce(0, B.tensor([0, 0]), B.ones(2), "sum"),
        lambda B: B.ones(3).index_reduce(0, B.tensor([0, 0]), B.ones(3), "prod"),
        lambda B: B.ones(3).index_reduce(0, B.tensor([0, 7]), B.ones(2), "prod"),
        lambda B: B.ones(2, requires_grad=True).unsqueeze_(0),
        lambda B: B.ones(2, requires_grad=True)[:1].unsqueeze_(0),
        lambda B: B.ones(2, 3, 4).t_(),
        lambda B: B.hsplit(B.tensor(1.0), 2),
        lambda B: B.hsplit(B.ones(3), 2),
        lambda B: B.vsplit(B.ones(3), 3),
        lambda B: B.dsplit(B.ones(3, 3), 3),
        lambda B: B.rot90(B.ones(3)),
        lambda B: B.rot90(B.ones(3, 3), 1, (0, 0)),
        lambda B: B.rot90(B.ones(3, 3), 1, (0,)),
        lambda B: B.block_diag(B.ones(1, 2, 3)),
        lambda B: B.cartesian_prod(B.ones(1, 2)),
        lambda B: B.combinations(B.ones(1, 2)),
        lambda B: B.combinations(B.ones(2), -1),
        lambda B: B.atleast_1d(1.0),
    ],
)
def test_refusals(call):
    errors = []
    for B in (minigrad, torch):
        with pytest.raises(Exception) as caught:
            call(B)
        errors.append((caught.type, str(caught.value).split("\n")[0]))
    assert errors[0][0] is errors[1][0], errors
