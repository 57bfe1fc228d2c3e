"""Pooling over (N, C, H, W). A pool and the op that takes its cotangent back are a closed pair: each is the
other's rule."""
from ..engine.op import op

# `window`: (kernel, stride, padding, dilation, ceil_mode), pairs but for the last. The indices are the
# kernels' own: torch's are made of them by `max_pool2d_positions`.
max_pool2d = op("max_pool2d", lambda xp, x, *, window: xp.max_pool2d(x, *window),
                grads=(lambda g, indices, x_shape, window:
                       max_pool2d_backward(g, indices, shape=x_shape, window=window),),
                extras=("indices",), formula=("max of each window", "ḡ at the maximum"),
                torch_node="MaxPool2DWithIndicesBackward0", layout=True)
max_pool2d_backward = op("max_pool2d_backward", lambda xp, y, indices, *, shape, window:
                         xp.max_pool2d_backward(y, indices, shape, *window),
                         grads=(lambda g, indices, window:
                                max_pool2d_gather(g, indices, window=window), None),
                         formula=("y at the maxima, else 0", "ḡ at the maxima", "–"),
                         torch_node="MaxPool2DWithIndicesBackwardBackward0", layout=True)
max_pool2d_gather = op("max_pool2d_gather", lambda xp, x, indices, *, window:
                       xp.max_pool2d_gather(x, indices, *window),
                       grads=(lambda g, indices, x_shape, window:
                              max_pool2d_backward(g, indices, shape=x_shape, window=window), None),
                       formula=("x at the maxima", "ḡ at the maxima, else 0", "–"), layout=True)
max_pool2d_positions = op("max_pool2d_positions", lambda xp, indices, *, shape, window:
                          xp.max_pool2d_positions(indices, shape, *window),
                          formula=("torch's indices",), layout=True)
# `window`: (kernel, stride, padding, ceil_mode, count_include_pad, divisor_override).
avg_pool2d = op("avg_pool2d", lambda xp, x, *, window: xp.avg_pool2d(x, *window),
                grads=(lambda g, x_shape, window: avg_pool2d_backward(g, shape=x_shape, window=window),),
                formula=("mean of each window", "ḡ / n over the window"), torch_node="AvgPool2DBackward0",
                layout=True)
avg_pool2d_backward = op("avg_pool2d_backward", lambda xp, y, *, shape, window:
                         xp.avg_pool2d_backward(y, shape, *window),
                         grads=(lambda g, window: avg_pool2d(g, window=window),),
                         formula=("y / n over the window", "mean of each window of ḡ"),
                         torch_node="AvgPool2DBackwardBackward0", layout=True)


def _means(xp, x, size, out):
    """The out × size matrix that averages `size` pixels into `out` bins, which share pixels where one does
    not divide the other."""
    matrix = xp.zeros((out, size), x.dtype)
    for k in range(out):
        start, stop = k * size // out, -((k + 1) * size // -out)
        matrix[k, start:stop] = 1 / (stop - start)
    return matrix


def _adaptive(xp, x, *, size):
    rows, columns = _means(xp, x, x.shape[-2], size[0]), _means(xp, x, x.shape[-1], size[1])
    z = xp.matmul(rows, xp.matmul(x, columns.T))
    if not xp.isfinite(z).all():                # nan and infinities stay in their bins
        for k in range(size[0] * size[1]):
            row, column = k // size[1], k % size[1]
            part = x[..., rows[row] > 0, :][..., columns[column] > 0]
            z[..., row, column] = part.mean((-2, -1))
    return z


def _adaptive_backward(xp, y, *, shape):
    rows, columns = _means(xp, y, shape[-2], y.shape[-2]), _means(xp, y, shape[-1], y.shape[-1])
    return xp.matmul(rows.T, xp.matmul(y, columns))


adaptive_avg_pool2d = op("adaptive_avg_pool2d", _adaptive,
                         grads=(lambda g, x_shape: adaptive_avg_pool2d_backward(g, shape=x_shape),),
                         formula=("mean of each bin", "ḡ / n over the bin"),
                         torch_node="AdaptiveAvgPool2DBackward0")
adaptive_avg_pool2d_backward = op("adaptive_avg_pool2d_backward", _adaptive_backward,
                                  grads=(lambda g, y_shape: adaptive_avg_pool2d(g, size=y_shape[-2:]),),
                                  formula=("y / n over the bin", "mean of each bin of ḡ"),
                                  torch_node="AdaptiveAvgPool2DBackwardBackward0")
