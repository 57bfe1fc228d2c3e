"""Every fast path against its plain definition, in precision one size up (float32 in float64, float64 in
long double): odd sizes and empty batches, every layout of memory, 1, 2 and 4 threads, both providers.

What is allowed: 4 epsilon of the size of the terms. A sum of n terms has an error of at most n/2 epsilon of
Σ |terms|; added up in blocks, as BLAS and NumPy do, and with signs and roundings at random, it is about one
epsilon of that at any n (partial sums grow as √n, Σ |terms| as n). Where more is allowed a row says why.
"""
import functools
import zlib
from typing import Any, NamedTuple

import definitions as plain
import numpy as np
import pytest
from kernel_ways import (  # noqa: F401 - fixtures that every test here uses
    DTYPES,
    LAYOUTS,
    close,
    lay_out,
    provider,
    small_work_goes_to_the_pool_too,
    two_threads,
)

import minigrad
from minigrad.backends import numpy as xp
from minigrad.backends.numpy import threads
from minigrad.engine.core import wrap

COUNTS = (1, 2, 4)

class Case(NamedTuple):
    """ours(*operands) -> arrays; exact(*operands) -> [(value, size of its terms)] in the operands' dtype;
    theirs(torch, *operands) -> torch's tensors for the same."""
    shapes: tuple                       # of operands; (n, shape): whole numbers below n
    ours: Any
    exact: Any
    theirs: Any
    ulps: tuple = (4,)                  # for each result; the last for those after it


def slopes(torch, z, operands, g):
    """The result and its gradients, by torch."""
    return [z, *torch.autograd.grad(z, operands, g)]


# Convolution ----------------------------------------------------------------------------------------------
CONVS = {                               # x, w, stride, padding, dilation, groups
    "3×3, odd": ((2, 3, 7, 9), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "3×3, batch 1": ((1, 20, 9, 7), (12, 20, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "3×3, batch 0": ((0, 20, 9, 7), (12, 20, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "no padding": ((3, 8, 8, 6), (5, 8, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    "1 channel": ((5, 1, 11, 13), (16, 1, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "stride": ((3, 6, 9, 10), (4, 6, 3, 3), (2, 3), (1, 0), (1, 1), 1),
    "stride beyond the kernel": ((2, 6, 11, 9), (4, 6, 2, 2), (3, 4), (0, 1), (1, 1), 1),
    "stride, batch 0": ((0, 6, 9, 10), (4, 6, 3, 3), (2, 3), (1, 0), (1, 1), 1),
    "dilation": ((2, 4, 9, 11), (6, 4, 3, 2), (1, 1), (2, 1), (2, 3), 1),
    "dilation and stride": ((2, 4, 9, 11), (6, 4, 3, 3), (2, 2), (2, 2), (2, 2), 1),
    "groups": ((3, 6, 7, 8), (9, 2, 3, 3), (1, 1), (1, 1), (1, 1), 3),
    "groups, stride, dilation": ((3, 6, 9, 8), (4, 3, 3, 2), (2, 1), (2, 1), (2, 1), 2),
    "groups, batch 0": ((0, 6, 7, 8), (9, 2, 3, 3), (1, 1), (1, 1), (1, 1), 3),
    "depthwise, batch 1": ((1, 5, 8, 7), (5, 1, 3, 3), (1, 1), (1, 1), (1, 1), 5),
    "1×1": ((3, 30, 5, 7), (40, 30, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    "1×1, batch 1, few out": ((1, 30, 5, 7), (2, 30, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    "1×1, batch 0": ((0, 30, 5, 7), (40, 30, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    "1×1, stride": ((3, 10, 7, 8), (8, 10, 1, 1), (2, 3), (0, 0), (1, 1), 1),
    "1×1, padding": ((2, 30, 3, 4), (8, 30, 1, 1), (1, 1), (2, 1), (1, 1), 1),
    "1×1, groups": ((2, 6, 5, 4), (9, 2, 1, 1), (1, 1), (0, 0), (1, 1), 3),
    "kernel larger than the image": ((2, 3, 3, 2), (4, 3, 5, 7), (1, 1), (2, 3), (1, 1), 1),
    "kernel far larger, one pixel": ((3, 4, 1, 1), (5, 4, 3, 5), (1, 1), (1, 2), (1, 1), 1),
    "kernel larger, stride, dilation": ((2, 30, 2, 3), (3, 30, 3, 3), (2, 1), (3, 3), (3, 2), 1),
    "padding beyond the kernel": ((2, 2, 5, 5), (4, 2, 3, 3), (1, 1), (4, 5), (1, 1), 1),
    "the kernel is the image": ((4, 7, 5, 3), (6, 7, 5, 3), (1, 1), (0, 0), (1, 1), 1),
    "several chunks": ((5, 40, 20, 19), (48, 40, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "bands of one image": ((1, 32, 60, 61), (36, 32, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    "patches, chunks": ((3, 40, 20, 18), (24, 40, 5, 3), (1, 1), (2, 1), (1, 1), 1),
}


def convolution(x_shape, w_shape, *how):
    size = plain.conv_size(x_shape, w_shape[2:], *how[:3])

    def ours(x, w, b, g):
        return (xp.conv2d(x, w, b, *how), xp.conv2d_input_grad(g, w, x_shape, *how),
                xp.conv2d_weight_grad(g, x, w_shape, *how))

    def exact(x, w, b, g):
        return list(zip(*([plain.conv2d(x, w, b, *how), plain.conv2d_input_grad(g, w, x_shape, *how),
                           plain.conv2d_weight_grad(g, x, w_shape, *how)]
                          for x, w, b, g in ((x, w, b, g), map(abs, (x, w, b, g))))))

    return Case((x_shape, w_shape, w_shape[:1], (x_shape[0], w_shape[0], *size)), ours, exact,
                lambda torch, x, w, b, g: slopes(torch, torch.conv2d(x, w, b, *how), (x, w), g))


# Pooling --------------------------------------------------------------------------------------------------
POOLS = {                               # x, kernel, stride, padding
    "2×2": ((3, 4, 8, 6), (2, 2), (2, 2), (0, 0)),
    "2×2, odd": ((2, 5, 7, 9), (2, 2), (2, 2), (0, 0)),
    "2×2, batch 1": ((1, 5, 8, 6), (2, 2), (2, 2), (0, 0)),
    "2×2, batch 0": ((0, 5, 8, 6), (2, 2), (2, 2), (0, 0)),
    "overlap": ((3, 2, 9, 8), (3, 3), (2, 1), (1, 1)),
    "overlap, batch 1": ((1, 2, 9, 8), (3, 3), (2, 1), (1, 1)),
    "overlap, batch 0": ((0, 2, 9, 8), (3, 3), (2, 1), (1, 1)),
    "stride beyond the kernel": ((2, 3, 11, 10), (2, 1), (3, 4), (0, 0)),
    "window larger than the image": ((3, 4, 3, 2), (5, 4), (1, 1), (2, 2)),
    "one pixel": ((2, 3, 1, 1), (1, 1), (1, 1), (0, 0)),
    "the image": ((3, 5, 5, 3), (5, 3), (5, 3), (0, 0)),
}


def max_pooling(x_shape, *how):
    def ours(x, g):
        z, indices = xp.max_pool2d(x, *how)
        return z, xp.max_pool2d_backward(g, indices, x_shape, *how)

    def exact(x, g):
        z, x_grad = plain.max_pool2d(x, g, *how)
        return [(z, 0 * z), (x_grad, plain.max_pool2d(x, abs(g), *how)[1])]

    return Case((x_shape, (*x_shape[:2], *plain.conv_size(x_shape, *how, (1, 1)))), ours, exact,
                lambda torch, x, g: slopes(torch, torch.max_pool2d(x, *how), x, g))


def avg_pooling(x_shape, *how):
    return Case((x_shape, (*x_shape[:2], *plain.conv_size(x_shape, *how, (1, 1)))),
                lambda x, g: (xp.avg_pool2d(x, *how), xp.avg_pool2d_backward(g, x_shape, *how)),
                lambda x, g: list(zip(plain.avg_pool2d(x, g, *how), plain.avg_pool2d(abs(x), abs(g), *how))),
                lambda torch, x, g: slopes(torch, torch.nn.functional.avg_pool2d(x, *how), x, g))


# Normalisation --------------------------------------------------------------------------------------------
def batch_normalisation(shape):
    channels, axes = (1, shape[1], *[1] * (len(shape) - 2)), (0, *range(2, len(shape)))

    def ours(x, g, w, b):
        z, mean, _, invstd = xp.batch_norm(x, w, b, 1e-5)
        return z, mean, invstd, *xp.batch_norm_backward(g, x, w, mean, invstd)

    def exact(x, g, w, b):
        return [(v.reshape(-1) if v.size == shape[1] else v, s.reshape(-1) if s.size == shape[1] else s)
                for v, s in plain.normalised(x, g, w.reshape(channels), b.reshape(channels), axes, axes)]

    def theirs(torch, x, g, w, b):
        z, mean, invstd = torch.native_batch_norm(x, w, b, None, None, True, 0.1, 1e-5)
        return [z, mean, invstd, *torch.autograd.grad(z, (x, w, b), g)]

    # The kernel takes its own mean and variance, rounded, and one pass of squares: twice a sum's error.
    return Case((shape, shape, shape[1:2], shape[1:2]), ours, exact, theirs, (4, 4, 4, 8))


def batch_evaluation(shape):
    channels, axes = (1, shape[1], *[1] * (len(shape) - 2)), (0, *range(2, len(shape)))

    def ours(x, g, w, b, mean, root):
        invstd = 1 / root                       # above 0, as the root of a variance is
        return (xp.batch_norm_apply(x, w, b, mean, invstd),
                *xp.batch_norm_backward(g, x, w, mean, invstd, training=False))

    def exact(x, g, w, b, mean, root):
        w, b, mean, invstd = (v.reshape(channels) for v in (w, b, mean, 1 / root))
        unit, lengths = (x - mean) * invstd, (abs(x) + abs(mean)) * abs(invstd)
        return [(unit * w + b, lengths * abs(w) + abs(b)), (g * invstd * w, abs(g * invstd * w)),
                ((g * unit).sum(axes), (abs(g) * lengths).sum(axes)), (g.sum(axes), abs(g).sum(axes))]

    def theirs(torch, x, g, w, b, mean, root):
        w, b, mean, root = (v.detach().reshape(channels).requires_grad_() for v in (w, b, mean, root))
        z, *grads = slopes(torch, (x - mean) / root * w + b, (x, w, b), g)
        return [z, *[v.flatten() if v.numel() == shape[1] else v for v in grads]]

    return Case((shape, shape, *[shape[1:2]] * 4), ours, exact, theirs)


def layer_normalisation(shape, dims):
    axes, lead = tuple(range(len(shape) - dims, len(shape))), tuple(range(len(shape) - dims))

    def ours(x, g, w, b):
        z, mean, rstd = xp.layer_norm(x, dims, w, b, 1e-5)
        return z, mean, rstd, *xp.layer_norm_backward(g, x, dims, w, mean, rstd)

    def theirs(torch, x, g, w, b):
        z, mean, rstd = torch.native_layer_norm(x, shape[-dims:], w, b, 1e-5)
        return [z, mean, rstd, *torch.autograd.grad(z, (x, w, b), g)]

    return Case((shape, shape, shape[-dims:], shape[-dims:]), ours,
                lambda x, g, w, b: plain.normalised(x, g, w, b, axes, lead), theirs, (4, 4, 4, 8))


# Softmax, losses, activations, products -------------------------------------------------------------------
def softmax(shape, axis):
    return Case((shape,), lambda x: (xp.softmax(x, axis), xp.log_softmax(x, axis), xp.logsumexp(x, axis)),
                lambda x: plain.softmax(x, axis),
                lambda torch, x: [x.softmax(axis), x.log_softmax(axis), x.logsumexp(axis)], (1, 2, 2))


def operation(shapes, exact, call, ulps=(4,)):
    """A case of call(library, *operands), the last shape being the result's cotangent's."""

    def ours(*arrays):
        *tensors, g = [wrap(array).requires_grad_(array.dtype.kind == "f") for array in arrays]
        z = call(minigrad, *tensors)
        z.backward(g.detach())
        return z.detach().numpy(), *(tensor.grad.numpy() for tensor in tensors if tensor.requires_grad)

    def theirs(torch, *tensors):
        *tensors, g = tensors
        return slopes(torch, call(torch, *tensors), [v for v in tensors if v.requires_grad], g)

    return Case(shapes, ours, exact, theirs, ulps)


def cross_entropy(rows, classes):
    return operation(((rows, classes), (classes, (rows,)), ()), plain.cross_entropy,
                     lambda B, x, target: B.nn.functional.cross_entropy(x, target), (2,))


def attention(lead, rows, columns, width, causal):
    q, k = (*lead, rows, width), (*lead, columns, width)
    return operation((q, k, k, q), functools.partial(plain.attention, causal=causal), lambda B, q, k, v:
                     B.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal))


def gelu(shape):
    return Case((shape, shape), lambda x, g: (xp.gelu(x), xp.gelu_backward(g, x)), plain.gelu,
                lambda torch, x, g: slopes(torch, torch.nn.functional.gelu(x), x, g))


def relu(shape):
    return Case((shape, shape), lambda x, g: (xp.relu(x), xp.relu_backward(g, xp.relu(x))),
                lambda x, g: [(np.maximum(x, 0), 0 * x), (g * (x > 0), 0 * x)],
                lambda torch, x, g: slopes(torch, torch.relu(x), x, g))


def product(*shapes):
    return Case(shapes, lambda x, y: (np.asarray(xp.matmul(x, y)),),
                lambda x, y: [(np.asarray(x @ y), np.asarray(abs(x) @ abs(y)))],
                lambda torch, x, y: [x @ y])


def linear(rows, inputs, outputs):
    def exact(x, w, b, g):
        pairs = ((x, w, b, g), tuple(map(abs, (x, w, b, g))))
        return list(zip(*((x @ w.T + b, g @ w, g.T @ x, g.sum(0)) for x, w, b, g in pairs)))

    return operation(((rows, inputs), (outputs, inputs), (outputs,), (rows, outputs)), exact,
                     lambda B, x, w, b: B.nn.functional.linear(x, w, b))


def embedding(rows, width, index_shape):
    def exact(index, w, g):
        spread, g = (index.reshape(-1, 1) == np.arange(rows)).astype(w.dtype).T, g.reshape(-1, width)
        return [(w[index], 0 * w[index]), (spread @ g, spread @ abs(g))]

    return operation(((rows, index_shape), (rows, width), (*index_shape, width)), exact,
                     lambda B, index, w: B.nn.functional.embedding(index, w))


def sums(shape, axis):
    return Case((shape,), lambda x: (xp.sum(x, axis),), lambda x: [(x.sum(axis), abs(x).sum(axis))],
                lambda torch, x: [x.sum(axis)])


IMAGES = [(4, 3, 5, 7), (1, 6, 3, 5), (7, 16, 6, 5), (9, 2, 1, 1)]
CASES = {
    **{f"convolution: {name}": convolution(*row) for name, row in CONVS.items()},
    **{f"max pooling: {name}": max_pooling(*row) for name, row in POOLS.items()},
    **{f"average pooling: {name}": avg_pooling(*row) for name, row in POOLS.items()},
    **{f"batch norm {s}": batch_normalisation(s)
       for s in [*IMAGES, (8, 5), (300, 7), (3, 5, 11), (6, 20, 30, 31)]},
    **{f"batch norm, evaluation {s}": batch_evaluation(s)
       for s in [*IMAGES, (8, 5), (3, 5, 11), (0, 5, 3, 2)]},
    **{f"layer norm {s}, {n}": layer_normalisation(s, n)
       for s, n in [((4, 7), 1), ((1, 64), 1), ((2, 3, 5), 2), ((5, 9, 33), 1), ((3, 700), 1), ((40, 65), 1),
                    ((3, 2, 4, 5), 3), ((0, 6), 1)]},
    **{f"softmax {s}, {axis}": softmax(s, axis)
       for s, axis in [((4, 9), 1), ((1, 10), 1), ((9, 4), 0), ((3, 4, 5), 1), ((64, 33), -1), ((5, 700), 1),
                       ((2, 3, 4, 6), -1), ((2, 3, 4, 6), 1), ((0, 3), 1), ((7, 1), 1)]},
    **{f"cross-entropy {n, c}": cross_entropy(n, c)
       for n, c in [(1, 10), (5, 7), (64, 65), (500, 11), (3, 1000)]},
    **{f"attention {lead}, {n}×{m}×{e}{', causal' * c}": attention(lead, n, m, e, c)
       for lead, n, m, e, c in [((2, 3), 5, 7, 4, False), ((1, 1), 9, 9, 16, True), ((3, 2), 33, 33, 8, True),
                                ((2, 4), 64, 65, 32, False), ((0, 2), 5, 5, 4, True),
                                ((1, 2), 1, 6, 3, False), ((1, 2), 150, 150, 16, True),
                                ((1, 1), 70, 200, 24, False), ((2, 1), 40, 33, 8, True)]},
    **{f"gelu {s}": gelu(s) for s in [(5,), (1, 1), (3, 4, 5), (2, 3, 4, 5), (70, 129), (0, 4)]},
    **{f"relu {s}": relu(s) for s in [(5,), (3, 4, 5), (2, 3, 4, 5), (3, 16, 40, 41), (0, 4)]},
    **{f"matmul {a} {b}": product(a, b)
       for a, b in [((3, 4), (4, 5)), ((1, 700), (700, 90)), ((90, 200), (200, 33)), ((33, 200), (200, 190)),
                    ((7, 50, 70), (70, 40)), ((12, 40, 61), (12, 61, 50)), ((1, 40, 60), (1, 60, 50)),
                    ((2, 3, 40, 60), (2, 3, 60, 50)), ((40, 60), (12, 60, 50)), ((3000,), (3000,)),
                    ((200, 300), (300,)), ((0, 40), (40, 50)), ((40, 0), (0, 50)), ((0, 4, 5), (0, 5, 6))]},
    **{f"linear {n, i, o}": linear(n, i, o)
       for n, i, o in [(1, 784, 10), (33, 65, 40), (130, 60, 200), (0, 5, 3)]},
    **{f"embedding {n, e} {s}": embedding(n, e, s)
       for n, e, s in [(7, 5, (4, 11)), (65, 16, (3, 1)), (3, 2, (0,))]},
    **{f"sum {s}, {axis}": sums(s, axis)
       for s, axis in [((9001,), None), ((900, 90), 0), ((90, 900), 1), ((20, 31, 17), 1), ((3, 700, 40), 1),
                       ((4, 5, 9, 61), (0, 2, 3)), ((4, 5, 9, 61), (1, 3)), ((0, 3), 0)]},
}  # fmt: skip


def draw(case, dtype):
    """The operands of a case: always the same numbers, float32's rounded."""
    random = np.random.default_rng(zlib.crc32(repr(case.shapes).encode()))
    found = []
    for shape in case.shapes:
        if shape and isinstance(shape[-1], tuple):
            found.append(random.integers(0, shape[0], shape[1]))
        else:
            found.append(np.asarray(random.standard_normal(shape)).astype(dtype))
    return found


@functools.cache
def wanted(name, dtype):
    """[(value, size of its terms)], worked out in wider precision and rounded to dtype."""
    case, wider = CASES[name], np.longdouble if dtype is np.float64 else np.float64
    operands = [v.astype(wider) if v.dtype.kind == "f" else v for v in draw(case, dtype)]
    return [(value.astype(dtype), np.asarray(size, dtype)) for value, size in case.exact(*operands)]


def laid_out(operand, layout):
    images = layout != "channels_last" or operand.ndim == 4 and operand.dtype.kind == "f"
    return lay_out(operand, layout) if operand.ndim and images else operand


def check(name, dtype, layout):
    """Run the case; hold its results to the definition and its operands to what they were; give the
    results."""
    case = CASES[name]
    operands = [laid_out(operand, layout) for operand in draw(case, dtype)]
    before = [operand.copy() for operand in operands]
    results = case.ours(*operands)
    for was, operand in zip(before, operands):
        np.testing.assert_array_equal(was, operand)
    for place, (result, (value, size)) in enumerate(zip(results, wanted(name, dtype), strict=True)):
        ulps = case.ulps[min(place, len(case.ulps) - 1)]
        try:
            close(result if result.ndim == value.ndim else np.squeeze(result), value, size, ulps)
        except AssertionError as error:
            where = f"result {place}, {layout}, {threads.get_num_threads()} threads"
            raise AssertionError(f"{where}: {error}") from None
    return [np.array(result) for result in results]


def is_large(case):
    return sum(np.prod(shape) for shape in case.shapes if not (shape and isinstance(shape[-1], tuple))) > 1e5


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_every_layout_and_thread_count(name, dtype):
    layouts = LAYOUTS[1:2] if is_large(CASES[name]) else LAYOUTS[1:]
    for count in COUNTS:
        minigrad.set_num_threads(count)
        first, again = check(name, dtype, "plain"), check(name, dtype, "plain")
        assert [a.tobytes() for a in first] == [a.tobytes() for a in again], f"not the same on {count}"
        for layout in layouts if count != 1 else layouts[:1]:
            check(name, dtype, layout)

