"""Functions that make functions: `grad(f)`, `vjp`, `jacrev(f)`, ... over pure functions of tensors
(torch.func).

Arguments and results may be tensors or tuples, lists and dicts of them. Each call differentiates copies of
its own of the arguments, views of the originals where these need a gradient themselves. So the transforms
nest: `grad(grad(f))`; a level is recorded only where someone further out, or a captured parameter, needs it.
"""
import functools

import numpy as np

from ..autograd import grad as _grad
from ..autograd.functional import stacked, unit_vectors
from ..engine.core import TensorBase, enable_grad, mode, wrap
from ..engine.walk import reachable
from ..tensor import Tensor

__all__ = ["grad", "grad_and_value", "hessian", "jacrev", "vjp"]


UNSUPPORTED = {"vmap", "jvp", "jacfwd", "linearize", "functionalize", "functional_call", "stack_module_state"}


def __getattr__(name):
    if name in UNSUPPORTED:
        raise NotImplementedError(f"torch.func.{name} is not supported.\nThere are {', '.join(__all__)}.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _leaves(tree):
    """The values in a tree of tuples, lists and dicts, in order."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in _leaves(value)]
    if isinstance(tree, (tuple, list)):
        return [leaf for value in tree for leaf in _leaves(value)]
    return [tree]


def _mapped(function, tree):
    """The tree with `function` of each value in its place."""
    if isinstance(tree, dict):
        return type(tree)((key, _mapped(function, value)) for key, value in tree.items())
    if isinstance(tree, (tuple, list)):
        values = [_mapped(function, value) for value in tree]
        return type(tree)(*values) if hasattr(tree, "_fields") else type(tree)(values)
    return function(tree)


def _filled(tree, values):
    values = iter(values)
    return _mapped(lambda _: next(values), tree)


class _Level:
    """One call of a transform: its own copies of the arguments it differentiates, and what came of them."""

    def __init__(self, name, func, args, kwargs, argnums, has_aux):
        self.outer = mode.on
        args, positions = list(args), _positions(argnums, len(args))
        for k in positions:
            args[k] = _mapped(self._own, args[k])
        self.inputs = args[positions[0]] if isinstance(argnums, int) else tuple([args[k] for k in positions])
        with enable_grad():
            self.output, self.aux = func(*args, **kwargs), None
        if has_aux:
            if not (isinstance(self.output, tuple) and len(self.output) == 2):
                raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if "
                                   "has_aux is True\nReturn what to differentiate, then anything else.")
            self.output, self.aux = self.output
        self.parts = _leaves(self.output)
        # Does anyone but this level need a gradient? The graph then has leaves of theirs.
        own = {id(x) for x in _leaves(self.inputs)}
        nodes = reachable([x.node for x in self.parts if isinstance(x, TensorBase) and x.node is not None])
        self.recorded = self.outer and any(isinstance(edge, TensorBase) and id(edge) not in own
                                           for node in nodes.values() for edge in node.edges)

    def _own(self, x):
        if not isinstance(x, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}\nPass tensors.")
        return x.view_as(x) if x.requires_grad and self.outer else x.detach().requires_grad_()

    def gradients(self, cotangents, recorded):
        """d(output · cotangents)/d(inputs), in the form of the inputs; zeros where nothing flows."""
        inputs = _leaves(self.inputs)
        pairs = [(part, g) for part, g in zip(self.parts, cotangents) if part.requires_grad]
        with enable_grad():
            found = _grad([part for part, _ in pairs], inputs, [g for _, g in pairs], retain_graph=True,
                          create_graph=recorded, materialize_grads=True) if pairs else \
                [wrap(np.zeros_like(x.array)) for x in inputs]
        return _filled(self.inputs, found)

    def released(self, tree):
        """A result without this level's graph, if nobody else needs it."""
        return tree if self.recorded else _mapped(lambda x: x.detach() if isinstance(x, Tensor) else x, tree)


def _positions(argnums, count):
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}\n"
                           "Give the positions of the arguments to differentiate.")
    positions = []
    for k in argnums if isinstance(argnums, tuple) else (argnums,):
        if not -count <= k < count:
            raise RuntimeError(f"Got argnum={k}, but only {count} positional inputs\nPass it by position.")
        positions.append(k % count)
    if not positions:
        raise RuntimeError("argnums must be non-empty\nGive the positions of the arguments to differentiate.")
    if len(set(positions)) < len(positions):
        raise RuntimeError(f"argnums elements must be unique, got {tuple(positions)}\nName each once.")
    return positions


def grad_and_value(func, argnums=0, has_aux=False):
    """A function that gives (gradient, value) of a scalar `func` with respect to the arguments at `argnums`
    (torch.func.grad_and_value); with has_aux, where func returns (value, aux), it gives (gradient, (value,
    aux)).

    Raises RuntimeError where func does not return a tensor of no dimensions, and for `argnums` out of range.
    """
    @functools.wraps(func)
    def transformed(*args, **kwargs):
        name = "grad_and_value(f)(*args)"
        level = _Level(name, func, args, kwargs, argnums, has_aux)
        value = level.output
        if not isinstance(value, Tensor):
            raise RuntimeError(f"{name}: Expected f(*args) to return a Tensor, got {type(value)}\nReturn a "
                               "scalar tensor.")
        if value.dim():
            raise RuntimeError(f"{name}: Expected f(*args) to return a scalar Tensor, got tensor with "
                               f"{value.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs "
                               "instead?\nReduce it to a scalar.")
        gradient = level.gradients([wrap(np.ones_like(value.array))], level.recorded)
        value = level.released(value)
        return gradient, (value, level.released(level.aux)) if has_aux else value
    return transformed


def grad(func, argnums=0, has_aux=False):
    """A function that gives the gradient of a scalar `func` with respect to the arguments at `argnums`
    (torch.func.grad); with has_aux it gives (gradient, aux). See `grad_and_value`."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def transformed(*args, **kwargs):
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient
    return transformed


def vjp(func, *primals, has_aux=False):
    """(func(*primals), a function from cotangents of the results to a tuple of gradients of the primals)
    (torch.func.vjp); with has_aux, where func returns (results, aux), aux comes third."""
    level = _checked_level("vjp(f, *primals)", func, primals, tuple(range(len(primals))), has_aux)

    def vjp_fn(cotangents, retain_graph=True, create_graph=None):
        given = _leaves(cotangents)
        if len(given) != len(level.parts):
            raise RuntimeError("Expected pytree structure of cotangents to be the same as pytree structure "
                               f"of outputs to the function. cotangents: {len(given)} tensors, primal "
                               f"output: {len(level.parts)} tensors\nPass one for each result.")
        recorded = level.recorded or (mode.on and any(g.requires_grad for g in given))
        return level.gradients(given, recorded if create_graph is None else create_graph)

    results = level.released(level.output)
    return (results, vjp_fn, level.released(level.aux)) if has_aux else (results, vjp_fn)


def _checked_level(name, func, args, argnums, has_aux):
    level = _Level(name, func, args, {}, argnums, has_aux)
    if not level.parts or level.output is None:
        raise RuntimeError(f"{name}: Expected f to be a function that has non-empty output (got output = "
                           f"{level.parts})\nReturn tensors.")
    for part in level.parts:
        if not isinstance(part, Tensor):
            raise RuntimeError(f"{name}: expected f(*primals) to return only tensors, got unsupported type "
                               f"{type(part)}\nReturn tensors, and other things as aux.")
        if not part.is_floating_point():
            raise RuntimeError("vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got "
                               f"Tensor with dtype {part.dtype}\nConvert it, or return it as aux.")
    return level


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None):
    """A function that gives the Jacobian of `func`, by one walk per element of the results: for each result
    the form of the inputs at `argnums`, with tensors of shape (*result shape, *input shape)
    (torch.func.jacrev). `chunk_size` changes nothing."""
    @functools.wraps(func)
    def transformed(*args):
        level = _checked_level("vjp(f, *primals)", func, args, argnums, has_aux)
        inputs = _leaves(level.inputs)
        columns = [[[] for _ in inputs] for _ in level.parts]
        for k, units in unit_vectors(level.parts):
            for column, g in zip(columns[k], _leaves(level.gradients(units, level.recorded))):
                column.append(g)
        blocks = [_filled(level.inputs, [stacked(column, part, x) for column, x in zip(row, inputs)])
                  for row, part in zip(columns, level.parts)]
        jacobian = _filled(level.output, blocks)
        return (jacobian, level.released(level.aux)) if has_aux else jacobian
    return transformed


def hessian(func, argnums=0):
    """A function that gives the Hessian: the Jacobian of the Jacobian (torch.func.hessian)."""
    return jacrev(jacrev(func, argnums), argnums)
