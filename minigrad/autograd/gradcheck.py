"""Gradients against finite differences: `gradcheck` and `gradgradcheck` (torch.autograd.gradcheck).

The analytic Jacobian comes from walks with unit cotangents, the numeric one from central differences, (f(x +
εe) − f(x − εe)) / 2ε. A random cotangent and a zero one are walked too. fast_mode compares uᵀJv for random
directions u and v instead: one number for each output and input. """
import math
import warnings

import numpy as np

from ..backends.arrays import beside, host
from ..engine.backward import grad
from ..engine.core import enable_grad, plain, wrap
from ..engine.walk import reachable
from ..tensor import Tensor
from .functional import unit_vectors

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(RuntimeError):
    """The gradients are wrong, or could not be checked (torch.autograd.gradcheck.GradcheckError)."""


def _outputs(func, inputs):
    """The results of `func` that are differentiable, recorded."""
    with enable_grad():
        outputs = func(*inputs)
    return [out for out in (outputs if isinstance(outputs, (tuple, list)) else (outputs,))
            if isinstance(out, Tensor) and out.requires_grad]


class _Check:
    """One check: the function, its inputs, and the tolerance."""

    def __init__(self, func, inputs, eps, atol, rtol, nondet_tol, dtypes):
        self.func, self.inputs, self.eps, self.atol, self.rtol = func, inputs, eps, atol, rtol
        self.nondet_tol, self.dtypes = nondet_tol, dtypes
        self.places = [k for k, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
        self.wanted = [inputs[k] for k in self.places]
        self.outputs = _outputs(func, inputs)
        self.random = np.random.default_rng(0)
        self.largest = 0.0

    def walked(self, cotangents):
        """The gradients of all inputs, from one walk."""
        cotangents = [g.to(out.device) for g, out in zip(cotangents, self.outputs)]
        grads = grad(self.outputs, self.wanted, cotangents, retain_graph=True, allow_unused=True)
        for g, x in zip(grads, self.wanted):
            if g is not None and g.shape != x.shape:
                raise GradcheckError("Analytical gradient has incorrect size\nA gradient has its input's "
                                     "shape.")
            if g is not None and self.dtypes and g.dtype != x.dtype:
                raise GradcheckError("Gradient has dtype mismatch\nA gradient has its input's dtype.")
        return [np.zeros(x.array.shape) if g is None else host(plain(g)).astype(np.float64)
                for g, x in zip(grads, self.wanted)]

    def twice(self, cotangents):
        """As `walked`, twice, and held to give the same."""
        first, second = self.walked(cotangents), self.walked(cotangents)
        if any(np.abs(a - b).max(initial=0) > self.nondet_tol for a, b in zip(first, second)):
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                "times gives different values, although analytical gradient matches numerical gradient.The "
                f"tolerance for nondeterminism was {self.nondet_tol}.\nA rule must depend on nothing else, "
                "and write nothing.")
        return first

    def moved(self, x, step, direction):
        """All results at `x + step · direction`."""
        array = plain(x)
        before = array.copy()
        try:
            array += beside(np.asarray(step * direction), array)
            with enable_grad():
                return [host(plain(out)).astype(np.float64) for out in _outputs(self.func, self.inputs)]
        finally:
            array[...] = before

    def slopes(self, x, direction):
        """The central difference of each result along a direction."""
        after, before = self.moved(x, self.eps, direction), self.moved(x, -self.eps, direction)
        return [(a - b) / (2 * self.eps) for a, b in zip(after, before)]

    def allowed(self, numeric):
        return self.atol + self.rtol * np.abs(numeric)

    def compare(self, output, j, analytic, numeric, fast=False):
        """Raises GradcheckError where the Jacobian of one output by one input, as a matrix, is not the same
        twice."""
        error = np.abs(analytic - numeric)
        wrong = ~(error <= self.allowed(numeric)) & ~(np.isnan(analytic) & np.isnan(numeric))
        self.largest = max(self.largest, *(np.abs(m).max(initial=0) for m in (analytic, numeric)))
        if wrong.any():
            raise GradcheckError(self.report(output, j, analytic, numeric, np.where(wrong, error, -1), fast))

    def report(self, output, j, analytic, numeric, error, fast):
        """torch's words, then the worst entry and what decided."""
        worst = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape)
        a, n = float(analytic[worst]), float(numeric[worst])
        x, out = self.wanted[j], self.outputs[output]
        place_in = tuple(map(int, np.unravel_index(worst[0], x.shape))) if not fast else "·u"
        place_out = tuple(map(int, np.unravel_index(worst[1], out.shape))) if not fast else "·v"
        names = [node.name() for _, node in sorted(reachable([out.grad_fn]).items(), reverse=True) if node.op]
        text = (f"Jacobian mismatch for output {output} with respect to input {self.places[j]},\n"
                f"numerical:{wrap(numeric)}\nanalytical:{wrap(analytic)}\n\n"
                f"{int((error != -1).sum())} of {error.size} entries differ. The worst, "
                f"output{list(place_out)} by input{list(place_in)}: analytic {a:.10g}, numeric {n:.10g}, "
                f"error {abs(a - n):.4g}.\n"
                f"What decides: |analytic - numeric| <= atol + rtol * |numeric| = {self.allowed(n):.4g}.\n"
                f"The rules in question, last first: "
                f"{', '.join(names[:8])}{', ...' if len(names) > 8 else ''}.")
        if not fast:
            text += self.kink(x, place_in, output, place_out)
        if any(t.array.dtype != np.float64 for t in self.wanted):
            text += "\nThe inputs are not all float64: differences of this size may be rounding. Use float64."
        return text

    def kink(self, x, place_in, output, place_out):
        """A word on the function where its slopes to the left and to the right differ."""
        direction = np.zeros(x.shape)
        direction[place_in] = 1
        here, after, before = [float(self.moved(x, step, direction)[output][place_out])
                               for step in (0, self.eps, -self.eps)]
        right, left = (after - here) / self.eps, (here - before) / self.eps
        if not abs(right - left) > 1e-2 * max(abs(right), abs(left)):
            return ""
        return (f"\nThe function has a kink or a jump there (slope {left:.4g} to the left, {right:.4g} to "
                "the right): check it elsewhere.")

    def slow(self):
        """Every entry of every Jacobian, then one random cotangent: a walk is linear in it."""
        rows = [[[] for _ in self.wanted] for _ in self.outputs]
        for i, units in unit_vectors(self.outputs):
            for row, g in zip(rows[i], self.twice(units)):
                row.append(g.ravel())
        for j, x in enumerate(self.wanted):
            directions = np.eye(x.numel()).reshape(x.numel(), *x.shape)
            columns = [[slope.ravel() for slope in self.slopes(x, direction)] for direction in directions]
            for i, out in enumerate(self.outputs):
                analytic = np.array(rows[i][j]).reshape(out.numel(), x.numel()).T
                numeric = np.array([column[i] for column in columns]).reshape(x.numel(), out.numel())
                self.compare(i, j, analytic, numeric)
        vs = [self.random.normal(size=out.shape) for out in self.outputs]
        walked = self.twice([wrap(v.astype(out.array.dtype)) for v, out in zip(vs, self.outputs)])
        for j, g in enumerate(walked):
            parts = [v.ravel() @ np.array(rows[i][j]).reshape(out.numel(), g.size)
                     for i, (v, out) in enumerate(zip(vs, self.outputs))]
            scale = sum(np.abs(p).max(initial=0) for p in parts)
            slack = self.atol + self.rtol * scale
            if not np.allclose(g.ravel(), sum(parts), rtol=self.rtol, atol=slack, equal_nan=True):
                raise GradcheckError(
                    f"backward not multiplied by grad_output\nThe gradient of input {self.places[j]} for a "
                    "random cotangent is not the sum of those for its elements.")

    def fast(self):
        for j, x in enumerate(self.wanted):
            u = _unit(self.random, x.shape)
            slopes = self.slopes(x, u)
            for i, out in enumerate(self.outputs):
                v = _unit(self.random, out.shape)
                zeros = [wrap(np.zeros_like(o.array)) for o in self.outputs]
                zeros[i] = wrap(v.astype(out.array.dtype))
                analytic = np.array([[np.sum(self.twice(zeros)[j] * u)]])
                self.compare(i, j, analytic, np.array([[np.sum(slopes[i] * v)]]), fast=True)

    def zero(self):
        """A cotangent of zeros gives zeros."""
        for g in self.walked([wrap(np.zeros_like(out.array)) for out in self.outputs]):
            if not (g == 0).all():
                raise GradcheckError("backward not multiplied by grad_output\nA cotangent of zeros gave "
                                     f"{g.ravel()[np.argmax(np.abs(g))]:.4g}.")


def _unit(random, shape):
    v = random.normal(size=shape)
    return v / max(math.sqrt(float(np.sum(v * v))), 1e-300)


def _checked_inputs(inputs):
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    differentiable = [(k, x) for k, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    for k, x in differentiable:
        if x.array.dtype != np.float64:
            warnings.warn(f"Input #{k} requires gradient and is not a double precision floating point or "
                          "complex. This check will likely fail if all the inputs are not of double "
                          "precision floating point or complex. ", stacklevel=4)
        if x.numel() > 1 and 0 in x.stride():
            raise RuntimeError(f"The {k}th input has a dimension with stride 0. gradcheck only supports "
                               "inputs that are non-overlapping to be able to compute the numerical "
                               "gradients correctly. You should call .contiguous on the input before passing "
                               "it to gradcheck.\nOr clone it.")
    if not differentiable:
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of them "
                         "have requires_grad=True.\nMake inputs with requires_grad=True.")
    return inputs


def _refuse(**asked):
    for name, value in asked.items():
        if value:
            raise NotImplementedError(f"gradcheck: {name} is not supported.\nLeave it out.")


def gradcheck(func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0,
              check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
              check_batched_forward_grad=False, check_forward_ad=False, check_backward_ad=True,
              fast_mode=False, masked=None):
    """True if the gradients of `func` at `inputs` are those of finite differences (torch.autograd.gradcheck).

    func: gives a Tensor or a tuple of them. inputs: its arguments; those that require grad, best in float64,
    are checked. Entries agree within atol + rtol · |numeric|. Else raises GradcheckError, whose text has the
    place, both values and what decided, or gives False with raise_exception=False. Unlike torch, it refuses a
    vacuous check, where every derivative is below atol: any rule would pass. fast_mode: random directions;
    exact places only where they fail. """
    _refuse(check_batched_grad=check_batched_grad, check_batched_forward_grad=check_batched_forward_grad,
            check_forward_ad=check_forward_ad)
    if not check_backward_ad:
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True\n"
                             "Leave check_backward_ad out.")
    inputs = _checked_inputs(inputs)
    try:
        check = _Check(func, inputs, eps, atol, rtol, nondet_tol, check_grad_dtypes)
        if fast_mode:
            try:
                check.fast()
            except GradcheckError:
                check.slow()                    # which entries? None alone, if this passes
                raise
        else:
            check.slow()
        if not check.largest > atol:
            raise GradcheckError(f"This check is vacuous: no derivative is above atol = {atol:g}, so any "
                                 "rule would pass\nChoose other inputs, scale the function, or give a "
                                 "smaller atol.")
        check.zero()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3,
                  gen_non_contig_grad_outputs=False, raise_exception=True, nondet_tol=0.0,
                  check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False,
                  check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False, masked=False):
    """As `gradcheck`, for the gradients of `func` as functions of its inputs and of `grad_outputs`, which are
    drawn at random unless given (torch.autograd.gradgradcheck)."""
    _refuse(check_fwd_over_rev=check_fwd_over_rev, gen_non_contig_grad_outputs=gen_non_contig_grad_outputs)
    inputs = _checked_inputs(inputs)
    outputs = _outputs(func, inputs)
    if grad_outputs is None:
        random = np.random.default_rng(0)
        drawn = [random.normal(size=out.shape).astype(out.array.dtype) for out in outputs]
        grad_outputs = tuple([wrap(beside(values, out.array)).requires_grad_()
                              for values, out in zip(drawn, outputs)])
    grad_outputs = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)

    def first(*given):
        xs, gs = given[:len(inputs)], given[len(inputs):]
        wanted = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        return tuple([g for g in grad(_outputs(func, xs), wanted, gs, create_graph=True, allow_unused=True)
                      if g is not None])
    return gradcheck(first, inputs + grad_outputs, eps=eps, atol=atol, rtol=rtol, nondet_tol=nondet_tol,
                     raise_exception=raise_exception, check_undefined_grad=check_undefined_grad,
                     check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
                     fast_mode=fast_mode)
