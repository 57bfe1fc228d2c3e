"""L-BFGS: Newton's direction from the last steps and changes of the gradient, with a line search."""
from collections import namedtuple

import numpy as np

from ..backends.arrays import is_array
from ..engine.core import TensorBase, enable_grad, plain, touch, wrap
from .optimizer import Optimizer, check
from .rule import check_settings

# A step of length `t` along the direction, and what is there; slope: the loss's along the direction.
Point = namedtuple("Point", "t loss gradient slope")


def lowest_of_cubic(a, b, least, largest):
    """Where, within [least, largest], the cubic through two points with their slopes is lowest; the middle
    where it has no minimum (Nocedal and Wright 2006, equation 3.59)."""
    a, b = (a, b) if a.t <= b.t else (b, a)
    middle = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = middle**2 - a.slope * b.slope
    if not square >= 0:
        return (least + largest) / 2.0
    root = np.sqrt(square)
    t = b.t - (b.t - a.t) * ((b.slope + root - middle) / (b.slope - a.slope + 2 * root))
    return min(max(t, least), largest)


def strong_wolfe(evaluate, t, start, reach, most):
    """A point with a loss low enough and a slope flat enough, and how often `evaluate(t)`, which gives the
    Point there, was called: `most` + 1 times at most (Nocedal and Wright 2006, algorithms 3.5 and 3.6).

    t: the first guess. start: the Point at 0. reach: the direction's largest element, so that brackets that
    move no parameter by 1e-9 end the search.
    """
    def too_high(point):
        return point.loss > start.loss + 1e-4 * point.t * start.slope

    def flat(point):
        return abs(point.slope) <= -0.9 * start.slope

    previous, point, tries = start, evaluate(t), 0
    while tries < most:                         # walk out until a minimum lies behind
        if too_high(point) or (tries > 1 and point.loss >= previous.loss):
            break
        if flat(point):
            return point, tries + 1
        if point.slope >= 0:
            break
        t = lowest_of_cubic(previous, point, point.t + 0.01 * (point.t - previous.t), point.t * 10)
        previous, point, tries = point, evaluate(t), tries + 1
    bracket = [previous if tries < most else start, point]
    low = 0 if bracket[0].loss <= bracket[1].loss else 1
    stalled = found = False
    while not found and tries < most:           # close in on it
        least, largest = sorted(point.t for point in bracket)
        if (largest - least) * reach < 1e-9:
            break
        t = lowest_of_cubic(*bracket, least, largest)
        margin = 0.1 * (largest - least)
        near = min(largest - t, t - least) < margin
        if near and (stalled or t >= largest or t <= least):
            t = largest - margin if abs(t - largest) < abs(t - least) else least + margin
            near = False
        stalled = near
        point, tries = evaluate(t), tries + 1
        if too_high(point) or point.loss >= bracket[low].loss:
            bracket[1 - low] = point
            low = 0 if bracket[0].loss <= bracket[1].loss else 1
        else:
            found = flat(point)
            if not found and point.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
                bracket[1 - low] = bracket[low]
            bracket[low] = point
    return bracket[low], tries + 1


def newton_direction(gradient, changes, moves, inverses, scale):
    """−H · gradient, with H the inverse Hessian's estimate from `moves`, the `changes` of the gradient that
    they made and 1 / (move · change); and the coefficients on the way (the two-loop recursion)."""
    direction, weights = -gradient, [None] * len(moves)
    for i in reversed(range(len(moves))):
        weights[i] = moves[i].dot(direction) * inverses[i]
        direction -= weights[i] * changes[i]
    direction *= scale
    for i, move in enumerate(moves):
        direction += (weights[i] - changes[i].dot(direction) * inverses[i]) * move
    return direction, weights


def _bare(value):
    """State as arrays and NumPy scalars, which round in the arithmetic as 0-dimensional tensors do."""
    if isinstance(value, list):
        return [_bare(part) for part in value]
    return plain(value)[()] if isinstance(value, TensorBase) else value


def _boxed(value):
    """State as tensors, as torch's state dict has it."""
    if isinstance(value, list):
        return [_boxed(part) for part in value]
    return wrap(value) if isinstance(value, np.generic) or is_array(value) else value


class LBFGS(Optimizer):
    """Newton's direction by the limited-memory BFGS method (torch.optim.LBFGS; Liu and Nocedal 1989).

    A step makes up to max_iter iterations with up to max_eval calls (by default 1.25 · max_iter) of the
    closure. It ends where no gradient is above tolerance_grad, or where the loss or every parameter changes
    by no more than tolerance_change. history_size: how many past iterations are remembered. line_search_fn:
    "strong_wolfe", or None for steps of length lr, the first shorter. Raises ValueError for a negative lr or
    several groups, RuntimeError for another line search.
    """

    def __init__(self, params, lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-7, tolerance_change=1e-9,
                 history_size=100, line_search_fn=None):
        defaults = {"lr": lr, "max_iter": max_iter,
                    "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                    "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change,
                    "history_size": history_size, "line_search_fn": line_search_fn}
        check_settings(defaults, "lr")
        super().__init__(params, defaults)
        check(len(self.param_groups) == 1, "LBFGS doesn't support per-parameter options (parameter groups)",
              "Pass one list of parameters.")

    def _gradient(self):
        return np.concatenate([
            np.zeros_like(plain(param)).reshape(-1) if param.gradient is None
            else plain(param.gradient).reshape(-1) for param in self.param_groups[0]["params"]])

    def _move(self, t, direction):
        """Add `t` times the direction, or, t None, go back to what `direction` holds."""
        at = 0
        for param in self.param_groups[0]["params"]:
            array = plain(param)
            part = direction[at:at + array.size].reshape(array.shape)
            if t is None:
                array[...] = part
            else:
                array += t * part
            touch(param)
            at += array.size

    def _evaluate(self, closure):
        """What `closure` returns, the number that it is, and the gradient."""
        with enable_grad():
            loss = closure()
        return loss, loss.item() if isinstance(loss, TensorBase) else float(loss), self._gradient()

    def _search(self, closure, t, direction, start, most):
        params = self.param_groups[0]["params"]
        before = np.concatenate([plain(param).reshape(-1) for param in params])

        def evaluate(t):
            self._move(t, direction)
            _, loss, gradient = self._evaluate(closure)
            self._move(None, before)
            return Point(t, loss, gradient, gradient.dot(direction))

        return strong_wolfe(evaluate, t, start, np.abs(direction).max(), most)

    def step(self, closure):
        """Iterate; `closure` computes the loss and its gradients. Returns the loss before the step."""
        group, = self.param_groups
        lr, tolerance_change = _bare(group["lr"]), group["tolerance_change"]
        search = group["line_search_fn"]
        state = self.state[group["params"][0]]
        first_loss, loss, gradient = self._evaluate(closure)
        evaluations = 1
        state["func_evals"] = state.get("func_evals", 0) + 1
        state.setdefault("n_iter", 0)
        if np.abs(gradient).max() <= group["tolerance_grad"]:
            return first_loss
        names = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")
        direction, t, changes, moves, inverses, scale, previous, previous_loss = (
            _bare(state.get(name)) for name in names)
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction, changes, moves, inverses, scale = -gradient, [], [], [], 1
            else:
                change, move = gradient - previous, direction * t
                curvature = change.dot(move)
                if curvature > 1e-10:
                    if len(changes) == group["history_size"]:
                        del changes[0], moves[0], inverses[0]
                    changes.append(change)
                    moves.append(move)
                    inverses.append(1.0 / curvature)
                    scale = curvature / change.dot(change)
                direction, weights = newton_direction(gradient, changes, moves, inverses, scale)
                state.setdefault("al", [None] * group["history_size"])[:len(weights)] = _boxed(weights)
            previous, previous_loss = gradient, loss
            t = min(1.0, 1.0 / np.abs(gradient).sum()) * lr if state["n_iter"] == 1 else lr
            slope = gradient.dot(direction)
            if slope > -tolerance_change:
                break
            calls = 0
            if search is not None:
                if search != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported\nPass it, or None.")
                (t, loss, gradient, _), calls = self._search(
                    closure, t, direction, Point(0, loss, gradient, slope), group["max_eval"] - evaluations)
            self._move(t, direction)
            if search is None and iteration != group["max_iter"]:
                _, loss, gradient = self._evaluate(closure)
                calls = 1
            evaluations += calls
            state["func_evals"] += calls
            if (evaluations >= group["max_eval"] or np.abs(gradient).max() <= group["tolerance_grad"]
                    or np.abs(direction * t).max() <= tolerance_change
                    or abs(loss - previous_loss) < tolerance_change):
                break
        found = direction, t, changes, moves, inverses, scale, previous, previous_loss
        state.update({name: _boxed(value) for name, value in zip(names, found, strict=True)})
        return first_loss
