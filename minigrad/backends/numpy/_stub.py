import numpy as np
def sum(x, axis=None, keepdims=False):
    return np.asarray(np.add.reduce(x, axis=axis, keepdims=keepdims))
def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True)); return e / e.sum(axis, keepdims=True)
def log_softmax(x, axis):
    x = x - x.max(axis, keepdims=True); return x - np.log(np.exp(x).sum(axis, keepdims=True))
def logsumexp(x, axis, keepdims=False):
    m = x.max(axis, keepdims=True); z = m + np.log(np.exp(x-m).sum(axis, keepdims=True)); return z if keepdims else z.squeeze(axis)
def scatter_add(shape, dim, index, src):
    out = np.zeros(shape, src.dtype)
    ix = list(np.ogrid[tuple(slice(n) for n in index.shape)]); ix[dim] = index
    np.add.at(out, tuple(ix), src); return out
def select_add(shape, dim, index, src):
    out = np.zeros(shape, src.dtype); np.add.at(out, (slice(None),)*dim + (index,), src); return out
import math
erf = np.vectorize(math.erf)
