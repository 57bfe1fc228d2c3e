"""What optimizers do to bare arrays, in place; CuPy's arrays, too, answer to NumPy's functions."""
import numpy as np


def average(mean, g, weight):
    """mean ← mean + weight · (g − mean), from the end that is nearer (torch.lerp); returns scratch memory."""
    scratch = g - mean
    if weight < 0.5:
        scratch *= weight
        mean += scratch
    else:
        scratch *= 1 - weight
        np.subtract(g, scratch, out=mean)
    return scratch


def average_square(square, g, beta, scratch):
    """square ← beta · square + (1 − beta) · g²."""
    square *= beta
    np.multiply(g, 1 - beta, out=scratch)
    scratch *= g
    square += scratch


def adapt(x, g, mean, square, peak, betas, eps, rate):
    """Adam: mean and square take in g and g², x ← x − rate · mean / (√square + eps); given `peak`, it takes
    the largest square, and the root is its."""
    scratch = average(mean, g, 1 - betas[0])
    average_square(square, g, betas[1], scratch)
    if peak is not None:
        square = np.maximum(peak, square, out=peak)
    np.sqrt(square, out=scratch)
    scratch += eps
    np.divide(mean, scratch, out=scratch)
    scratch *= rate
    x -= scratch
