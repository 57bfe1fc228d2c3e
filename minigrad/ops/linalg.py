"""Matrix products."""
from ..engine.op import op
from .shape import t, transpose

mm = op("mm", lambda xp, x, y: xp.matmul(x, y), grads=(lambda g, y: mm(g, t(y)), lambda g, x: mm(t(x), g)),
        formula=("x · y", "ḡ · yᵀ", "xᵀ · ḡ"))
bmm = op("bmm", lambda xp, x, y: xp.matmul(x, y),
         grads=(lambda g, y: bmm(g, transpose(y, dim0=-2, dim1=-1)),
                lambda g, x: bmm(transpose(x, dim0=-2, dim1=-1), g)),
         formula=("x · y per batch", "ḡ · yᵀ", "xᵀ · ḡ"))
mv = op("mv", lambda xp, x, y: xp.matmul(x, y), grads=(lambda g, y: g[:, None] * y, lambda g, x: mv(t(x), g)),
        formula=("x · y", "ḡ ⊗ y", "xᵀ · ḡ"))
dot = op("dot", lambda xp, x, y: xp.asarray(xp.matmul(x, y)), grads=(lambda g, y: g * y, lambda g, x: g * x),
         formula=("Σ x y", "ḡ · y", "ḡ · x"))


def _linear(xp, x, weight, bias):
    if x.itemsize == 2 and bias is not None:    # half precision is rounded once, with the bias
        wide = [part.astype("float32") for part in (x, weight, bias)]
        return _linear(xp, *wide).astype(x.dtype)
    return xp.matmul(x, weight.T, bias)


# The bias comes in by broadcasting, so the walk sums its cotangent over the rows.
linear = op("linear", _linear, grads=(lambda g, weight: mm(g, weight), lambda g, x: mm(t(g), x), lambda g: g),
            formula=("x · Wᵀ + b", "ḡ · W", "ḡᵀ · x", "Σ ḡ over rows"), torch_node="AddmmBackward0")
