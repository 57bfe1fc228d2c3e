"""torch's products of tensors: sums of products by letters (einsum), outer and inner products, distances."""
import math

import numpy as np

from ..engine.autocast import product, widened
from ..engine.errors import check_broadcast, wrap_dim
from ..engine.promote import result_type
from . import pointwise as p
from . import reduce_public as rp
from . import shape_public as sp
from .arguments import cast
from .arrange_public import diagonal, roll
from .kinds import Float, Int, Number, Tensor
from .signature import need, torch_function

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"        # of einsum's equations


@torch_function
def outer(input: Tensor, vec2: Tensor, *, out=None):
    """All products of two vectors' elements, (n, m) (torch.outer)."""
    for name, x in (("self", input), ("vec2", vec2)):
        need(x.array.ndim == 1, "outer: Expected 1-D argument {}, but got {}-D\nFlatten it.", name,
             x.array.ndim)
    return sp.unsqueeze(input, 1) * vec2


@torch_function
@product
def inner(input: Tensor, other: Tensor, *, out=None):
    """Sums of products over the last dimensions (torch.inner)."""
    x, y = input.array.shape, other.array.shape
    if not x or not y:
        return input * other
    need(x[-1] == y[-1], "inner() the last dimension must match on both input tensors but got shapes {} and "
         "{}\nCut or transpose one of them.", list(x), list(y))
    return tensordot(input, other, ([-1], [-1]))


def tensordot(a, b, dims=2, out=None):
    """Sums of products over pairs of dimensions: the last of `a` with the first of `b`, `dims` of them, or
    those listed (torch.tensordot)."""
    if isinstance(dims, int):
        need(dims >= 0, "tensordot expects dims >= 0, but got dims={}\nPass 0 or more.", dims)
        dims = list(range(-dims, 0)), list(range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    need(len(first) == len(second), "both dimension lists should have same length\nPair the dimensions.")
    one, two = ([wrap_dim(d, x.array.ndim) for d in found] for x, found in ((a, first), (b, second)))
    for found in (one, two):
        for d in found:
            need(found.count(d) == 1, "dim {} appears multiple times in the list of dims\nName it once.", d)
    for m, n in zip(one, two):
        x, y = a.array.shape[m], b.array.shape[n]
        need(x == y or 1 in (x, y), "contracted dimensions need to match, but first has size {} in dim {} "
             "and second has size {} in dim {}\nTheir sizes must agree.", x, m, y, n)
    letters = iter(range(a.array.ndim + b.array.ndim))
    left = [next(letters) for _ in range(a.array.ndim)]
    right = [left[one[two.index(d)]] if d in two else next(letters) for d in range(b.array.ndim)]
    kept = [x for d, x in enumerate(left) if d not in one] + [x for d, x in enumerate(right) if d not in two]
    return _contract([(a, left), (b, right)], kept)


def _contract(terms, kept):
    """Σ over all letters not in `kept` of the product of terms, (tensor, a letter for each dimension)."""
    x, names = terms[0]
    for k, (y, others) in enumerate(terms[1:], 2):
        later = {*kept, *[name for _, rest in terms[k:] for name in rest]}
        x, names = _product(x, names, y, others, later)
    gone = [d for d, name in enumerate(names) if name not in kept]
    if gone:
        x = rp.sum(x, tuple(gone))
        names = [name for name in names if name in kept]
    return sp.permute(x, tuple([names.index(name) for name in kept])) if names != kept else x


def _product(x, left, y, right, later):
    """Two terms made one by a batched matrix product: letters of both that come later are the batch, letters
    of both that do not are summed, the others are rows and columns."""
    sizes = dict(zip([*left, *right], [*x.array.shape, *y.array.shape]))
    sizes |= {name: n for name, n in zip(left, x.array.shape) if n != 1}       # sizes of 1 broadcast
    shared = [name for name in left if name in right]
    batch = [name for name in shared if name in later]
    summed = [name for name in shared if name not in later]
    rows, columns = ([name for name in names if name not in shared] for names in (left, right))

    def sorted_as(z, names, order, shape):
        z = sp.permute(z, tuple([names.index(name) for name in order]))
        full = tuple([sizes[name] for name in order])
        return sp.reshape(sp.expand(z, full) if z.array.shape != full else z, shape)
    count = [math.prod([sizes[name] for name in names]) for names in (batch, rows, summed, columns)]
    x = sorted_as(x, left, batch + rows + summed, (count[0], count[1], count[2]))
    y = sorted_as(y, right, batch + summed + columns, (count[0], count[2], count[3]))
    names = batch + rows + columns
    return sp.reshape(sp.bmm(x, y), tuple([sizes[name] for name in names])), names


def einsum(*args):
    """The sum of products that an equation names, as "bij,bjk->bik" (torch.einsum).

    Letters name dimensions; those of the result come after "->", or are all that occur once, in alphabetic
    order; a letter twice in one term takes the diagonal; "..." stands for dimensions that broadcast. Raises
    RuntimeError where letters and shapes do not fit.
    """
    need(len(args) > 1, "einsum(): must specify the equation string and at least one operand, or at least "
         "one operand and its subscripts list\nWrite the equation first.", error=ValueError)
    if not isinstance(args[0], str):
        args = _in_letters(args)
    equation, tensors = args[0], args[1:]
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    for place, letter in enumerate(equation):
        need(letter in LETTERS or letter in " ,.->", "einsum(): invalid subscript given at index {} in "
             "the equation string, subscripts must be in [a-zA-Z]\nUse letters.", place)
    inputs, arrow, result = equation.replace(" ", "").partition("->")
    parts = inputs.split(",")
    need(len(parts) >= len(tensors), "einsum(): more operands were provided than specified in the equation\n"
         "Write one term for each tensor.")
    need(len(parts) <= len(tensors), "einsum(): fewer operands were provided than specified in the equation\n"
         "Pass one tensor for each term.")
    terms, most = [], 0
    for place, (text, x) in enumerate(zip(parts, tensors)):
        named = text.replace("...", "")
        free = x.array.ndim - len(named)
        need(free >= 0 and (free == 0 or "..." in text), "einsum(): the number of subscripts in the equation "
             "({}) does not match the number of dimensions ({}) for operand {} and no ellipsis was given\n"
             "Write a letter for each dimension.", len(named), x.array.ndim, place)
        most = max(most, free)
        before, _, after = text.partition("...")
        names = [*before, *([f".{k}" for k in range(free, 0, -1)] if "..." in text else []), *after]
        terms.append(_diagonals(x, names))
    sizes = {}
    for place, (x, names) in enumerate(terms):
        for name, n in zip(names, x.array.shape):
            need(sizes.setdefault(name, n) in (n, 1) or n == 1, "einsum(): subscript {} has size {} for "
                 "operand {} which does not broadcast with previously seen size {}\n"
                 "Sizes of one letter agree.", name, n, place, sizes[name])
            sizes[name] = max(sizes[name], n)
    dots = [f".{k}" for k in range(most, 0, -1)]
    if arrow:
        before, found, after = result.partition("...")
        kept = [*before, *(dots if found else []), *after]
        for name in kept:
            need(name != ".", "einsum(): found '.' for output that is not part of any ellipsis (...)\n"
                 "Write three dots.")
            need(kept.count(name) == 1, "einsum(): output subscript {} appears more than once in the output\n"
                 "Name it once.", name)
            need(name in sizes, "einsum(): output subscript {} does not appear in the equation for any input "
                 "operand\nUse letters of the inputs.", name)
    else:
        letters = inputs.replace(".", "").replace(",", "")
        kept = dots + sorted([c for c in set(letters) if letters.count(c) == 1])
    return _contract(terms, kept)


def _in_letters(args):
    """einsum's other form, `einsum(x, [0, 1], y, [1, 2], [0, 2])`, with an equation."""
    lists = [*args[1::2], *([args[-1]] if len(args) % 2 else [])]

    def lettered(numbers):
        for number in numbers:
            need(number is Ellipsis or 0 <= number < 52, "einsum(): subscript in subscript list is not "
                 "within the valid range [0, 52)\nNumber the dimensions from 0.", error=ValueError)
        return "".join(["..." if n is Ellipsis else LETTERS[(n + 26) % 52] for n in numbers])
    texts = [lettered(numbers) for numbers in lists]
    result = "->" + texts.pop() if len(args) % 2 else ""
    return ",".join(texts) + result, *args[:len(texts) * 2:2]


def _diagonals(x, names):
    """A term in which no letter occurs twice."""
    for name in [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            x = diagonal(x, 0, first, second)
            names = [n for d, n in enumerate(names) if d not in (first, second)] + [name]
    return x, names


# Sums with products -----------------------------------------------------------------------------------------

def _added(input, product, beta, alpha):
    """beta · input + alpha · product; with beta = 0 the input's nan do not count."""
    if product.array.dtype.kind in "iu":        # torch cuts such factors off
        beta, alpha = int(beta), int(alpha)
    need(input.dtype is product.dtype, "self and mat2 must have the same dtype, but got {} and {}\n"
         "Convert one.", input, product)
    product = product if alpha == 1 else product * alpha
    sp.expand(input, product.array.shape)       # torch's error where it does not fit
    if not alpha:                               # then its nan do not count either
        product = p.masked_fill(product, np.True_, 0)
    if not beta:
        return product + p.masked_fill(input, np.True_, 0) if input.requires_grad else product
    return product + (input if beta == 1 else input * beta)


@torch_function
@product
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Number = 1, alpha: Number = 1, out=None):
    """beta · input + alpha · mat1 · mat2 (torch.addmm)."""
    return _added(input, sp.mm(mat1, mat2), beta, alpha)


@torch_function
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Number = 1, alpha: Number = 1, out=None):
    """beta · input + alpha · mat · vec (torch.addmv)."""
    return _added(input, sp.mv(mat, vec), beta, alpha)


@torch_function
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Number = 1, alpha: Number = 1, out=None):
    """beta · input + alpha · all products of vec1's and vec2's elements (torch.addr)."""
    product = outer(vec1, vec2)
    common = result_type(input, product).numpy
    for name, value in (("beta", beta), ("alpha", alpha)):
        need(common.kind not in "iu" or not isinstance(value, float), "For integral input tensors, argument "
             "{} must not be a floating point number.\nPass an int.", name)
    return _added(cast(input, common), cast(product, common), beta, alpha)


@torch_function
@product
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1, out=None):
    """beta · input + alpha · batch1 · batch2, matrix by matrix (torch.baddbmm)."""
    return _added(input, sp.bmm(batch1, batch2), beta, alpha)


@torch_function
@product
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Number = 1, alpha: Number = 1, out=None):
    """beta · input + alpha · the sum of the products of matrices (torch.addbmm)."""
    return _added(input, rp.sum(sp.bmm(batch1, batch2), 0), beta, alpha)


# Distances and others ---------------------------------------------------------------------------------------

@torch_function
def cross(input: Tensor, other: Tensor, dim: Int = None, *, out=None):
    """The vector product of 3 components along `dim`, by default the first dimension of size 3
    (torch.cross)."""
    need(input.array.ndim == other.array.ndim, "linalg.cross: inputs must have the same number of "
         "dimensions.\nAdd dimensions of 1.")
    check_broadcast(input.array.shape, other.array.shape)
    need(input.array.dtype == other.array.dtype, "expected scalar type {} but found {}\nConvert one.",
         input, other)
    shape = np.broadcast_shapes(input.array.shape, other.array.shape)
    if dim is None:
        need(3 in shape, "no dimension of size 3 in input\nName the dimension of the components.")
        dim = shape.index(3)
    dim = wrap_dim(dim, len(shape))
    sizes = input.array.shape[dim], other.array.shape[dim]
    need(sizes == (3, 3), "linalg.cross: inputs dimension {} must have length 3. Got {} and {}\n"
         "Vectors have three components.", dim, *sizes)
    x, y = (lambda z: roll(z, -1, dim)), (lambda z: roll(z, -2, dim))
    return x(input) * y(other) - y(input) * x(other)


@torch_function
def dist(input: Tensor, other: Tensor, p: Float = 2):
    """The p-norm of the difference (torch.dist)."""
    return rp.norm(input - other, p)


@torch_function
@widened
def cdist(x1: Tensor, x2: Tensor, p: Float = 2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """p-norm distances between all rows of x1 (..., n, d) and of x2 (..., m, d): (..., n, m)
    (torch.cdist)."""
    for name, x in (("X1", x1), ("X2", x2)):
        need(x.array.ndim > 1, "cdist only supports at least 2D tensors, {} got: {}D\nAdd a dimension.", name,
             x.array.ndim)
        need(x.dtype.is_floating_point, "cdist only supports floating-point dtypes, {} got: {}\nConvert it.",
             name, x)
    need(x1.dtype is x2.dtype, "expected scalar type {} but found {}\nConvert one.", x1, x2)
    need(p >= 0, "cdist only supports non-negative p values\nPass 0 or more.")
    sizes = x1.array.shape[-1], x2.array.shape[-1]
    need(sizes[0] == sizes[1], "X1 and X2 must have the same number of columns. X1: {} X2: {}\n"
         "Points have the same number of coordinates.", *sizes)
    return rp.norm(sp.unsqueeze(x1, -2) - sp.unsqueeze(x2, -3), p, -1)


@torch_function
def kron(input: Tensor, other: Tensor, *, out=None):
    """The Kronecker product: every element of `input` times `other` (torch.kron)."""
    ndim = max(input.array.ndim, other.array.ndim)
    x, y = (sp.reshape(z, (1,) * (ndim - z.array.ndim) + z.array.shape) for z in (input, other))
    apart = [sp.reshape(z, sum([(n, 1) if first else (1, n) for n in z.array.shape], ()))
             for first, z in ((True, x), (False, y))]
    return sp.reshape(apart[0] * apart[1], tuple([m * n for m, n in zip(x.array.shape, y.array.shape)]))


__all__ = [
    "outer", "inner", "tensordot", "einsum", "addmm", "addmv", "baddbmm", "addr", "addbmm", "cross", "dist",
    "cdist", "kron",
]
