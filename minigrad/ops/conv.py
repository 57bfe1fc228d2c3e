"""Convolution and its two gradients: a closed family, each one's rules are the other two.

x is (N, C, H, W), weight (O, C / groups, h, w), bias (O,) or None. `geometry` is (stride, padding, dilation,
groups); stride and dilation are pairs, padding is a pair of numbers or of (before, after) pairs.
"""
from ..engine.op import op
from .reduce import sum

conv2d = op("conv2d", lambda xp, x, weight, bias, *, geometry: xp.conv2d(x, weight, bias, *geometry),
            grads=(lambda g, weight, x_shape, geometry:
                   conv2d_input_grad(g, weight, shape=x_shape, geometry=geometry),
                   lambda g, x, weight_shape, geometry:
                   conv2d_weight_grad(g, x, shape=weight_shape, geometry=geometry),
                   lambda g: sum(g, dim=(0, 2, 3))),
            formula=("x ⋆ W + b", "ḡ ⋆ W turned", "Σ over pixels of ḡ · patch", "Σ over pixels of ḡ"),
            torch_node="ConvolutionBackward0", layout=True)
conv2d_input_grad = op("conv2d_input_grad", lambda xp, y, weight, *, shape, geometry:
                       xp.conv2d_input_grad(y, weight, shape, *geometry),
                       grads=(lambda g, weight, geometry: conv2d(g, weight, None, geometry=geometry),
                              lambda g, y, weight_shape, geometry:
                              conv2d_weight_grad(y, g, shape=weight_shape, geometry=geometry)),
                       formula=("y ⋆ W turned", "ḡ ⋆ W", "Σ over pixels of y · patch of ḡ"),
                       torch_node="ConvolutionBackwardBackward0", layout=True)
conv2d_weight_grad = op("conv2d_weight_grad", lambda xp, y, x, *, shape, geometry:
                        xp.conv2d_weight_grad(y, x, shape, *geometry),
                        grads=(lambda g, x, geometry: conv2d(x, g, None, geometry=geometry),
                               lambda g, y, x_shape, geometry:
                               conv2d_input_grad(y, g, shape=x_shape, geometry=geometry)),
                        formula=("Σ over pixels of y · patch", "x ⋆ ḡ", "y ⋆ ḡ turned"),
                        torch_node="ConvolutionBackwardBackward0", layout=True)
