"""Random programs on torch and minigrad side by side: views, in-place writes, walks; each step ends equal.

Compared after every step, for every tensor alive: values, shape, gradient, `requires_grad`, `is_leaf`,
`_version`; and of every call that fails, the error's type and first line.
"""
import re
from collections import Counter

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

import minigrad

EXAMPLES = {25: 25, 200: 2000}                  # by the profile's own number
LIBRARIES = (torch, minigrad)
SHAPES = st.sampled_from([(2, 3), (3,), (2, 1), (), (2, 2, 3)])
NUMBERS = st.sampled_from([0.5, -1.0, 2, 0])
BINARY = {"add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
          "maximum": lambda x, y: (x > y) * x + (x <= y) * y, "ratio": lambda x, y: x / (y * y + 1)}
UNARY = {"neg": lambda x: -x, "tanh": lambda x: x.tanh(), "relu": lambda x: x.relu(),
         "half": lambda x: x * 0.5, "exp": lambda x: (-x.abs()).exp(), "sqrt": lambda x: (x.abs() + 1).sqrt(),
         "mean": lambda x: x.mean(0), "sum": lambda x: x.sum(), "clone": lambda x: x.clone(),
         "square": lambda x: x ** 2, "picked": lambda x: x[[0, 0]]}
VIEWS = {"view": lambda x: x.view(-1), "view as rows": lambda x: x.view(-1, 1), "alias": lambda x: x[...],
         "transpose": lambda x: x.transpose(0, -1), "expand": lambda x: x.expand(2, *x.shape),
         "split": lambda x: x.split(1), "unbind": lambda x: x.unbind(), "first": lambda x: x[0],
         "last column": lambda x: x[..., -1], "slice": lambda x: x[:2], "stepped": lambda x: x[..., ::2],
         "unsqueeze": lambda x: x.unsqueeze(0), "squeeze": lambda x: x.squeeze(0),
         "detach": lambda x: x.detach()}
IN_PLACE = {"add_": lambda x, y: x.add_(y), "sub_": lambda x, y: x.sub_(y), "mul_": lambda x, y: x.mul_(y),
            "copy_": lambda x, y: x.copy_(y if y is not x else y.clone()),
            "div_": lambda x, y: x.div_(y * y + 2), "+=": lambda x, y: x.__iadd__(y),
            "set": lambda x, y: x.__setitem__(0, y[0].clone()),
            "set all": lambda x, y: x.__setitem__(..., y.clone()),
            "set slice": lambda x, y: x.__setitem__(slice(1, None), y[:1].clone())}
WRITES = {"zero_": lambda x, n: x.zero_(), "fill_": lambda x, n: x.fill_(n), "mul_": lambda x, n: x.mul_(n),
          "tanh_": lambda x, n: x.tanh_(), "relu_": lambda x, n: x.relu_(),
          "set": lambda x, n: x.__setitem__(0, n), "set picked": lambda x, n: x.__setitem__([0, 0], n),
          "neg_": lambda x, n: x.neg_(), "clamp_": lambda x, n: x.clamp_(-0.5, 0.5)}


class Programs(RuleBasedStateMachine):
    """Each tensor of the bundle is a pair, (torch's, minigrad's)."""

    tensors = Bundle("tensors")
    drawn: Counter[str] = Counter()             # what the programs of this process have done

    def __init__(self):
        super().__init__()
        self.alive = []
        self.dead = []                          # torch's tensors that are not to be used any more
        self.largest = 1.0                      # of all values that the program has met

    def both(self, what, call, *pairs):
        """Run on both sides; errors must be the same. Gives the pair of results, or None after errors."""
        if what != "look" and any(pair[0] is dead for pair in pairs for dead in self.dead):
            return None
        results, errors = [], []
        for side, B in enumerate(LIBRARIES):
            try:
                results.append(call(B, *(pair[side] for pair in pairs)))
            except (RuntimeError, IndexError, TypeError, ValueError) as error:
                # Which of two saved values is named first; how often it was written (minigrad counts writes
                # to memory, also those before it was saved); nodes' names (torch's say which overload).
                text = str(error).split("\n", 1)[0]
                for detail in (r"\[torch.DoubleTensor \[.* instead", r"(?<=Output )\d of \w+"):
                    text = re.sub(detail, "", text)
                errors.append((type(error), text))
        for text in ("its base or another view of its base", "moved into the graph interior"):
            if any(text in found for _, found in errors):       # one error of several: which is met first
                errors = [(kind, "") for kind, _ in errors]
        assert len(results) in (0, 2), (what, errors, results)
        assert errors[:1] == errors[1:], (what, errors)
        self.drawn[what if results else f"{what}, refused"] += 1
        return tuple(results) if results else None

    def keep(self, *pairs):
        for pair in pairs:
            if all(pair[0] is not old[0] for old in self.alive):
                self.alive.append(pair)
        return multiple(*pairs)

    def made(self, pair):
        return multiple() if pair is None or pair[0] is None else self.keep(pair)

    @rule(target=tensors, shape=SHAPES, seed=st.integers(0, 99), needs=st.booleans())
    def leaf(self, shape, seed, needs):
        values = np.asarray(np.random.default_rng(seed).uniform(-1, 1, shape))
        return self.made(self.both("leaf", lambda B: B.from_numpy(values.copy()).requires_grad_(needs)))

    @rule(target=tensors, name=st.sampled_from(sorted(BINARY)), x=tensors, y=tensors)
    def binary(self, name, x, y):
        return self.made(self.both(name, lambda B, x, y: BINARY[name](x, y), x, y))

    @rule(target=tensors, name=st.sampled_from(sorted(UNARY)), x=tensors)
    def unary(self, name, x):
        return self.made(self.both(name, lambda B, x: UNARY[name](x), x))

    @rule(target=tensors, name=st.sampled_from(sorted(VIEWS)), x=tensors)
    def view(self, name, x):
        pair = self.both(name, lambda B, x: VIEWS[name](x), x)
        if pair is None:
            return multiple()
        if x[0]._base is not None:
            self.drawn["view of a view"] += 1
        return self.keep(pair) if isinstance(pair[0], torch.Tensor) else self.keep(*zip(*pair, strict=True))

    def written(self, name, x, call, *others):
        """An in-place call; `place` says what is written, as torch sees it."""
        shared = sum(memory(x) == memory(other) for other in self.alive)
        place = "a view" if x[0]._base is not None else "a base" if shared > 1 else "a tensor alone"
        self.both(f"{name} in {place}{', recorded' if x[0].requires_grad else ''}", call, x, *others)

    @rule(name=st.sampled_from(sorted(IN_PLACE)), x=tensors, y=tensors, recording=st.booleans())
    def in_place(self, name, x, y, recording):
        if x[0] is not y[0] and memory(x) == memory(y) and not all(z.is_contiguous() for z in (x[0], y[0])):
            return                              # torch looks for overlaps only between dense tensors

        def call(B, x, y):
            with B.set_grad_enabled(recording):
                return IN_PLACE[name](x, y)

        self.written("operand", x, call, y)

    @rule(name=st.sampled_from(sorted(WRITES)), x=tensors, number=NUMBERS, recording=st.booleans())
    def write(self, name, x, number, recording):
        if name in ("set picked", "fill_", "zero_") and 0 in x[0].stride():
            return                              # torch warns that it will refuse it, or cannot walk back

        def call(B, x):
            with B.set_grad_enabled(recording):
                return WRITES[name](x, number)

        self.written("number", x, call)

    @rule(x=tensors, retain=st.booleans())
    def backward(self, x, retain):
        def call(B, x):
            weights = B.from_numpy(np.linspace(0.5, 1.5, x.numel()).reshape(tuple(x.shape)))
            return (x * weights).sum().backward(retain_graph=retain)

        if self.both("backward", call, x) is None:      # torch may have reached some leaves before that
            for pair in self.alive:
                self.both("forget", lambda B, x: setattr(x, "grad", None), pair)

    @rule(target=tensors, x=tensors, y=tensors)
    def gradient(self, x, y):
        """A recorded gradient is a tensor like any other. Not with respect to a view that was written: torch
        may have given it a new node, and misses paths through the old one."""
        if y[0]._base is not None and y[0]._version:
            return multiple()

        def call(B, x, y):
            found = B.autograd.grad((x * x).sum(), y, create_graph=True, allow_unused=True)[0]
            return None if found is None else found.clone()     # torch counts its own writes, too

        return self.made(self.both("gradient", call, x, y))

    @rule(x=tensors)
    def forget_gradient(self, x):
        self.both("forget", lambda B, x: setattr(x, "grad", None), x)

    @rule(x=tensors, needs=st.booleans())
    def ask_for_gradient(self, x, needs):
        """Not of views or a tensor with views: torch looks a view's `requires_grad` up at its base."""
        if x[0]._base is None and all(other._base is not x[0] for other, _ in self.alive):
            self.both("requires_grad_", lambda B, x: x.requires_grad_(needs), x)

    @rule(x=consumes(tensors))
    def drop(self, x):
        self.alive = [pair for pair in self.alive if pair[0] is not x[0]]

    @invariant()
    def all_is_equal(self):
        for pair in self.alive:
            found = self.both("look", lambda B, x: (x.is_leaf, x.requires_grad, x._version), pair)
            self.same(*pair)
            if found is None:                   # one of several views, whose memory was written
                self.dead.append(pair[0])
                continue
            assert found[0] == found[1], found
            theirs, ours = pair
            if theirs.is_leaf:
                assert (ours.grad is None) == (theirs.grad is None), (ours.grad, theirs.grad)
                if theirs.grad is not None:
                    self.same(theirs.grad, ours.grad)

    def same(self, theirs, ours):
        """Equal but for rounding: a few ulps of the largest value met, which may have cancelled."""
        got, want = ours.detach().numpy(), theirs.detach().numpy()
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        largest = np.abs(want[np.isfinite(want)]).max(initial=0.0)
        self.largest = max(self.largest, largest)
        np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11 * largest + 1e-15 * self.largest)


def memory(pair):
    return pair[0].untyped_storage().data_ptr()


def test_a_look_under_no_grad_keeps_a_views_history():
    """A view whose base was written gets its node anew when next used, whatever the mode then."""
    for B in LIBRARIES:
        x = B.tensor([1.0, 2.0], requires_grad=True)
        y = x * 1
        view = y[0]
        y.mul_(3)
        with B.no_grad():
            assert not (view + 1).requires_grad
        assert view.requires_grad
        view.backward()
        assert x.grad.tolist() == [3.0, 0.0]


def test_programs():
    examples = EXAMPLES[settings().max_examples]
    Programs.drawn.clear()
    run_state_machine_as_test(Programs, settings=settings(max_examples=examples))
    wanted = {*BINARY, *UNARY, *VIEWS, "leaf", "view of a view", "backward", "gradient", "requires_grad_"}
    for place in ("a view", "a base", "a tensor alone"):
        wanted |= {f"{kind} in {place}{recorded}" for kind in ("operand", "number") for recorded in
                   ("", ", recorded", ", recorded, refused")}
    wanted |= {"backward, refused", "gradient, refused", "requires_grad_, refused", "look, refused"}
    if examples >= 1000:
        assert {what for what in wanted if Programs.drawn[what] < 20} == set()
