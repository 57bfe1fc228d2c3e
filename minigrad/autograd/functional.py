"""Jacobians, Hessians and their products with vectors, of functions of tensors (torch.autograd.functional).

In all of them `inputs` is a Tensor or a tuple of them, the positional arguments of `func`, and what comes
back has the same form. create_graph: the results can be differentiated again. strict: raise RuntimeError
where otherwise zeros stand for a gradient that does not exist. """
import numpy as np

from .. import stack
from ..engine.backward import grad
from ..engine.core import enable_grad, is_grad_enabled, plain, set_grad_enabled, wrap
from ..tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _refuse(text, advice):
    raise RuntimeError(f"{text}\n{advice}")


def _tuple(value, argument, name):
    """(was it a tuple?, a tuple of Tensors)."""
    given = value if isinstance(value, tuple) else (value,)
    for k, element in enumerate(given):
        if not isinstance(element, Tensor):
            which = f"value at index {k}" if isinstance(value, tuple) else f"given {argument}"
            raise TypeError(f"The {argument} given to {name} must be either a Tensor or a tuple of Tensors "
                            f"but the {which} has type {type(element)}.\nPass tensors.")
    return isinstance(value, tuple), given


def _copies(tensors, create_graph, needs=True):
    """Tensors of our own, so that what the function captured is told apart from what it is given."""
    return tuple([x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_(needs)
                  for x in tensors])


def _evaluate(func, inputs, name, create_graph, strict):
    is_tuple, inputs = _tuple(inputs, "inputs", name)
    inputs = _copies(inputs, create_graph)
    several, outputs = _tuple(func(*inputs), "outputs of the user-provided function", name)
    for k, out in enumerate(outputs):
        if strict and not out.requires_grad:
            _refuse(f"Output {k} of the user-provided function does not require gradients. The outputs must "
                    "be computed in a differentiable manner from the input when running in strict mode.",
                    "Compute it from the inputs, or leave strict out.")
    return is_tuple, inputs, several, outputs


def _vector(v, like, is_tuple, create_graph, name, what):
    """The checked vector, None where the scalar `like` needs none."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            _refuse(f"The vector v can only be None if the {what} a single Tensor with a single element.",
                    "Pass v.")
        return None
    v = _copies(_tuple(v, "v", name)[1], create_graph, False)
    if len(v) != len(like):
        _refuse(f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}." if is_tuple else
                "The given v should contain a single Tensor.", "Pass one tensor for each.")
    for k, (given, wanted) in enumerate(zip(v, like)):
        if given.shape != wanted.shape:
            _refuse(f"{f'Entry {k} in ' if is_tuple else ''}v has invalid size: should be {wanted.size()} "
                    f"but got {given.size()}.", "It has the shape of what it is multiplied with.")
    return v


def _grads(outputs, inputs, v=None, create_graph=True, retain_graph=None):
    """As `grad`, with None for every gradient that does not exist."""
    pairs = [(out, g) for out, g in zip(outputs, v or [None] * len(outputs)) if out is not None and out.needs]
    if not pairs:
        return (None,) * len(inputs)
    outputs, v = zip(*pairs)
    return grad(outputs, inputs, v, retain_graph, create_graph, allow_unused=True)


def _zeros(like, requires_grad=False):
    return wrap(np.zeros_like(plain(like))).requires_grad_(requires_grad)


def _complete(grads, like, strict, create_graph):
    """Zeros for the gradients that do not exist, unless strict."""
    for k, g in enumerate(grads):
        if strict and (g is None or (create_graph and not g.requires_grad)):
            _refuse(f"The {'output' if g is None else 'jacobian'} of the user-provided function is "
                    f"independent of input {k}. This is not allowed in strict "
                    f"mode{'.' if g is None else ' when create_graph=True.'}",
                    "Make the function depend on it, or leave strict out.")
    return tuple([_zeros(x) if g is None else g for g, x in zip(grads, like)])


def _given_back(tensors, several, create_graph):
    tensors = tuple([x if create_graph else x.detach() for x in tensors])
    return tensors if several else tensors[0]


def _product(name, func, inputs, v, create_graph, strict):
    """(func(*inputs), vᵀJ, Jv, vᵀH or Hv), by the function's name."""
    of_hessian = name in ("vhp", "hvp")
    with enable_grad():
        func = _scalar(func, name) if of_hessian else func
        is_tuple, inputs, several, outputs = _evaluate(func, inputs, name, create_graph, strict)
        if name == "vjp":
            v = _vector(v, outputs, several, create_graph, name, "user-provided function returns")
        else:
            v = _vector(v, inputs, is_tuple, create_graph, name, "input to the user-provided function is")
        roots, at = _grads(outputs, inputs) if of_hessian else outputs, inputs
        if name in ("jvp", "hvp"):              # uᵀJ is linear in u: its gradient with respect to u gives Jv
            at = tuple([_zeros(x, True) for x in (inputs if of_hessian else outputs)])
            roots = _grads(roots, inputs, at)
    with set_grad_enabled(create_graph or is_grad_enabled()):
        grads = _grads(roots, at, v, create_graph)
        product = _complete(grads, outputs if name == "jvp" else inputs, strict, create_graph)
    form = several if name == "jvp" else is_tuple
    return _given_back(outputs, several, create_graph), _given_back(product, form, create_graph)


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), vᵀJ) with the Jacobian J at `inputs`; v has the shapes of the results and may be left
    out for a scalar (torch.autograd.functional.vjp)."""
    return _product("vjp", func, inputs, v, create_graph, strict)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), Jv), v with the shapes of the inputs (torch.autograd.functional.jvp). Differentiates
    twice: uᵀJ is linear in u, so Jv is the gradient of (uᵀJ)v with respect to u."""
    return _product("jvp", func, inputs, v, create_graph, strict)


def unit_vectors(tensors):
    """For every element of every tensor: its tensor's number, and cotangents that are 1 there and 0
    elsewhere."""
    for k, tensor in enumerate(tensors):
        for place in np.ndindex(tensor.array.shape):
            units = [_zeros(x) for x in tensors]
            units[k].array[place] = 1
            yield k, tuple(units)


def stacked(rows, out, x):
    """The rows of a Jacobian as one Tensor of shape (*out.shape, *x.shape)."""
    return stack(rows).view((*out.array.shape, *x.array.shape))


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The Jacobian of `func`: a Tensor of shape (*output shape, *input shape), or a tuple over outputs of
    tuples over inputs of them (torch.autograd.functional.jacobian). One walk per output element; `vectorize`
    changes nothing.

    Raises NotImplementedError for strategy="forward-mode".
    """
    if strategy != "reverse-mode":
        raise NotImplementedError(f"jacobian: there is no strategy {strategy!r}.\nUse 'reverse-mode'.")
    with enable_grad():
        is_tuple, inputs, several, outputs = _evaluate(func, inputs, "jacobian", create_graph, strict)
        columns = [[[] for _ in inputs] for _ in outputs]
        for k, units in unit_vectors(outputs):
            grads = _grads(outputs[k:k + 1], inputs, units[k:k + 1], create_graph, True)
            for column, g in zip(columns[k], _complete(grads, inputs, strict, create_graph)):
                column.append(g)
        rows = [[stacked(column, out, x) for column, x in zip(parts, inputs)]
                for parts, out in zip(columns, outputs)]
        rows = [_given_back(row, is_tuple, create_graph) for row in rows]
    return tuple(rows) if several else rows[0]


def _scalar(func, name):
    """`func`, held to return one tensor of one element."""
    def checked(*inputs):
        out = func(*inputs)
        if isinstance(out, tuple):
            _refuse(f"The function given to {name} should return a single Tensor",
                    "Return the one to differentiate.")
        if _tuple(out, "outputs of the user-provided function", name)[1][0].numel() != 1:
            _refuse(f"The Tensor returned by the function given to {name} should contain a single element",
                    "Reduce it to a scalar.")
        return out.squeeze() if name == "hessian" else out
    return checked


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False,
            outer_jacobian_strategy="reverse-mode"):
    """The Hessian of a scalar `func`: a Tensor of shape (*input shape, *input shape), or tuples over inputs
    of them (torch.autograd.functional.hessian). Arguments as for `jacobian`."""
    is_tuple, inputs = _tuple(inputs, "inputs", "hessian")
    rows = jacobian(lambda *xs: jacobian(_scalar(func, "hessian"), xs, create_graph=True, strict=strict),
                    inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return rows if is_tuple else rows[0][0]


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), vᵀH) with the Hessian H of a scalar `func`; v has the shapes of the inputs
    (torch.autograd.functional.vhp)."""
    return _product("vhp", func, inputs, v, create_graph, strict)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """(func(*inputs), Hv), the same as `vhp`, by torch's longer way (torch.autograd.functional.hvp)."""
    return _product("hvp", func, inputs, v, create_graph, strict)
