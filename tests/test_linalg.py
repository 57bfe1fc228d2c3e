"""minigrad.linalg against torch.linalg: values, first and second gradients, refusals."""
import numpy as np
import pytest

import minigrad

torch = pytest.importorskip("torch")
RANDOM = np.random.default_rng(0)
A, B2, V = (RANDOM.standard_normal(shape) for shape in ((2, 3, 3), (2, 3, 2), (2, 3)))
S = A @ A.transpose(0, 2, 1) + np.eye(3)

# name: (B, leaf, t) -> result; the leaf's values.
CASES = {
    "inv": (lambda B, a, t: B.linalg.inv(a), A),
    "inv of one": (lambda B, a, t: B.linalg.inv(a), A[0]),
    "det": (lambda B, a, t: B.linalg.det(a), A),
    "slogdet": (lambda B, a, t: B.linalg.slogdet(a).logabsdet, A),
    "solve": (lambda B, a, t: B.linalg.solve(a, t(B2)), A),
    "solve for vectors": (lambda B, a, t: B.linalg.solve(a, t(V)), A),
    "solve for one vector": (lambda B, a, t: B.linalg.solve(a, t(V[0])), A[0]),
    "solve from the left": (lambda B, a, t: B.linalg.solve(a, t(A), left=False), S),
    "solve, its right side": (lambda B, a, t: B.linalg.solve(t(S), a), B2),
    "cholesky": (lambda B, a, t: B.linalg.cholesky(a @ a.mT + t(np.eye(3))), A),
    "cholesky, upper": (lambda B, a, t: B.linalg.cholesky(a, upper=True), S),
    "matrix_power": (lambda B, a, t: B.linalg.matrix_power(a, 3), A),
    "matrix_power of 0": (lambda B, a, t: B.linalg.matrix_power(a, 0) * a, A),
    "matrix_power of the inverse": (lambda B, a, t: B.linalg.matrix_power(a, -2), S),
    "multi_dot": (lambda B, a, t: B.linalg.multi_dot([a[0], a[1], a[0]]), A),
    "matrix_norm": (lambda B, a, t: B.linalg.matrix_norm(a), A),
    "matrix_norm 1": (lambda B, a, t: B.linalg.matrix_norm(a, 1), A),
    "matrix_norm -inf": (lambda B, a, t: B.linalg.matrix_norm(a, -float("inf"), keepdim=True), A),
    "vector_norm": (lambda B, a, t: B.linalg.vector_norm(a, 3, (0, 1)), A),
    "norm": (lambda B, a, t: B.linalg.norm(a), A),
    "norm 1 of a matrix": (lambda B, a, t: B.linalg.norm(a, 1), A[0]),
    "cross": (lambda B, a, t: B.linalg.cross(a, t(V)), V),
    "eigvalsh": (lambda B, a, t: B.linalg.eigvalsh(a @ a.mT), A),
    "eigh": (lambda B, a, t: B.linalg.eigh(a)[1][0] ** 2, S),
    "svdvals": (lambda B, a, t: B.linalg.svdvals(a), B2),
    "svd, left alone": (lambda B, a, t: B.linalg.svd(a, False)[0] ** 2, B2),
    "qr of more columns": (lambda B, a, t: B.linalg.qr(a.mT)[1], B2),
    "lstsq": (lambda B, a, t: B.linalg.lstsq(a, t(V)[0])[0], B2[0]),
    "lstsq, its residuals": (lambda B, a, t: B.linalg.lstsq(a, t(A), driver="gelsd")[1], B2),
    "lstsq of more columns": (lambda B, a, t: B.linalg.lstsq(a.mT, a[:, :2])[0], B2),
    "solve_triangular": (lambda B, a, t: B.linalg.solve_triangular(a, t(B2), upper=True), A),
    "solve_triangular from the left": (
        lambda B, a, t: B.linalg.solve_triangular(a, t(A), upper=False, left=False, unitriangular=True), A),
    "cond": (lambda B, a, t: B.linalg.cond(a), A),
    "cond -2": (lambda B, a, t: B.linalg.cond(a, -2), A),
    "norm nuc": (lambda B, a, t: B.linalg.norm(a, "nuc"), A[0]),
    "matrix_norm 2": (lambda B, a, t: B.linalg.matrix_norm(a, 2, (0, 2), True), A),
    "matrix_norm -2": (lambda B, a, t: B.linalg.matrix_norm(a, -2), A),
    "vecdot": (lambda B, a, t: B.linalg.vecdot(a, t(V[0])), V),
    "diagonal": (lambda B, a, t: B.linalg.diagonal(a, offset=1), A),
    "pinv of hermitian": (lambda B, a, t: B.linalg.pinv(a + a.mT, hermitian=True), A),
    "pinv with a limit": (lambda B, a, t: a.pinverse(0.5), A),
    "logdet": (lambda B, a, t: B.logdet(a @ a.mT) * a.slogdet()[1], A),
    "top": (lambda B, a, t: a.inverse() @ B.inverse(a) * a.det() + a.matrix_power(2) + B.matrix_exp(a), A[0]),
    "cholesky, top": (lambda B, a, t: a.cholesky(upper=True) + B.cholesky(a), S),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_torch(name):
    function, values = CASES[name]
    found = []
    for B in (minigrad, torch):
        leaf = B.from_numpy(values.copy()).requires_grad_()
        z = function(B, leaf, lambda array, B=B: B.from_numpy(array.copy()))
        cotangent = B.from_numpy(np.linspace(0.5, 1.5, z.numel()).reshape(tuple(z.shape)))
        (first,) = B.autograd.grad(z * z, leaf, cotangent, create_graph=True)
        (second,) = B.autograd.grad((first * first).sum(), leaf)
        found.append([v.detach().numpy() for v in (z, first, second)])
    for ours, theirs in zip(*found):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


def test_the_slope_of_a_determinant_that_is_0():
    """Its cofactors; torch gives 0 where a pivot is 0."""
    singular = A[0] @ np.diag([1.0, 2.0, 0.0])
    leaf = minigrad.from_numpy(singular).requires_grad_()
    minigrad.linalg.det(leaf).backward()
    minors = [[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(singular, i, 0), j, 1)) for j in range(3)]
              for i in range(3)]
    np.testing.assert_allclose(leaf.grad.numpy(), minors, rtol=1e-12, atol=1e-12)


def test_values_without_gradient():
    for name in ("eigvalsh", "svdvals"):
        ours, theirs = (getattr(B.linalg, name)(B.from_numpy(S)).numpy() for B in (minigrad, torch))
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    low = np.outer(np.arange(1.0, 5), np.arange(1.0, 4)) + 1e-3 * np.eye(4, 3)
    for how in ({}, {"tol": 0.1}, {"rtol": 0.1}, {"atol": 1e-4, "rtol": 1e-6}):
        ours, theirs = (B.linalg.matrix_rank(B.from_numpy(low), **how) for B in (minigrad, torch))
        assert ours.item() == theirs.item() and str(ours.dtype) == str(theirs.dtype)
    dependent = np.outer(np.arange(1.0, 5), np.arange(1.0, 4))
    for driver in ("gelsd", "gelsy", "gelss"):
        ours, theirs = (B.linalg.lstsq(B.from_numpy(dependent), B.from_numpy(low), driver=driver)
                        for B in (minigrad, torch))
        for one, other in zip(ours, theirs):
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-10, atol=1e-12)
    for B in (minigrad, torch):
        U, S_, V_ = B.svd(B.from_numpy(low), compute_uv=False)
        assert (U.shape, S_.shape, V_.shape, U.sum().item()) == ((4, 4), (3,), (3, 3), 0)
    sign, _ = minigrad.linalg.slogdet(minigrad.from_numpy(A))
    assert sign.tolist() == torch.linalg.slogdet(torch.from_numpy(A)).sign.tolist()


@pytest.mark.parametrize("call", [
    lambda B: B.linalg.inv(B.zeros(2, 2)), lambda B: B.linalg.inv(B.ones(2, 3)),
    lambda B: B.linalg.inv(B.ones(2)),
    lambda B: B.linalg.cholesky(-B.eye(2)), lambda B: B.linalg.solve(B.zeros(2, 2), B.ones(2)),
    lambda B: B.linalg.det(B.ones(2, 2, dtype=B.int64)), lambda B: B.linalg.multi_dot([B.ones(2)]),
    lambda B: B.linalg.cond(B.ones(2)), lambda B: B.linalg.solve_triangular(B.eye(2), B.ones(2), upper=True),
    lambda B: B.linalg.matrix_norm(B.ones(2)), lambda B: B.linalg.matrix_norm(B.ones(2, 2), 3),
    lambda B: B.linalg.matrix_rank(B.ones(2)), lambda B: B.linalg.matrix_rank(B.ones(2, 2).long()),
    lambda B: B.linalg.solve(B.eye(2), B.ones(2).double()),
    lambda B: B.linalg.vecdot(B.ones(2), B.ones(2).long()),
    lambda B: B.linalg.multi_dot([B.ones(1, 2, 2), B.ones(2)]),
    lambda B: B.linalg.matrix_norm(B.ones(2, 2), dim=(1,)), lambda B: B.linalg.norm(B.ones(2).long()),
    lambda B: B.logdet(B.ones(2)), lambda B: B.linalg.matrix_exp(B.ones(2)),
    lambda B: B.linalg.svd(B.eye(2, requires_grad=True))[0].mul_(2).sum().backward(),
])
def test_refusals(call):
    errors = []
    for B in (minigrad, torch):
        with pytest.raises(RuntimeError) as caught:
            call(B)
        errors.append((caught.type.__name__, str(caught.value).split("\n")[0]))
    assert errors[0] == errors[1]
