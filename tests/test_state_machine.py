"""Random programs on torch and minigrad side by side: graphs, in-place writes, walks; each step ends equal.

In-place operations act on tensors that are no views; `detach` shares memory, so a write through it is seen.
"""
import re

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

import minigrad

LIBRARIES = (torch, minigrad)
SHAPES = st.sampled_from([(2, 3), (3,), (2, 1), ()])
NUMBERS = st.sampled_from([0.5, -1.0, 2, 0])
BINARY = {"add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
          "maximum": lambda x, y: (x > y) * x + (x <= y) * y, "ratio": lambda x, y: x / (y * y + 1)}
UNARY = {"neg": lambda x: -x, "tanh": lambda x: x.tanh(), "relu": lambda x: x.relu(),
         "half": lambda x: x * 0.5, "exp": lambda x: (-x.abs()).exp(), "sqrt": lambda x: (x.abs() + 1).sqrt(),
         "mean": lambda x: x.mean(0),
         "sum": lambda x: x.sum(), "clone": lambda x: x.clone(), "detach": lambda x: x.detach(),
         "square": lambda x: x ** 2, "row": lambda x: x.reshape(-1)[:2] * 1}
IN_PLACE = {"add_": lambda x, y: x.add_(y), "sub_": lambda x, y: x.sub_(y), "mul_": lambda x, y: x.mul_(y),
            "copy_": lambda x, y: x.copy_(y), "div_": lambda x, y: x.div_(y * y + 2),
            "+=": lambda x, y: x.__iadd__(y), "alpha": lambda x, y: x.add_(y, alpha=2)}
WRITES = {"zero_": lambda x, n: x.zero_(), "fill_": lambda x, n: x.fill_(n), "mul_": lambda x, n: x.mul_(n),
          "tanh_": lambda x, n: x.tanh_(), "relu_": lambda x, n: x.relu_(),
          "set": lambda x, n: x.__setitem__(0, n), "neg_": lambda x, n: x.neg_(),
          "clamp_": lambda x, n: x.clamp_(-0.5, 0.5)}


class Programs(RuleBasedStateMachine):
    """Each tensor of the bundle is a pair, (torch's, minigrad's)."""

    tensors = Bundle("tensors")

    def __init__(self):
        super().__init__()
        self.alive = []

    def both(self, call, *pairs):
        """Run on both sides; errors must be the same. Gives the pair of results, or None after errors."""
        results, errors = [], []
        for side, B in enumerate(LIBRARIES):
            try:
                results.append(call(B, *(pair[side] for pair in pairs)))
            except (RuntimeError, IndexError, TypeError, ValueError) as error:
                # minigrad counts the writes to memory, not those before a value was saved.
                text = re.sub(r"expected version \d+", "expected version ?", str(error).split("\n", 1)[0])
                errors.append((type(error), text))
        assert len(results) in (0, 2), (errors, results)
        assert errors[:1] == errors[1:]
        return tuple(results) if results else None

    def keep(self, pair):
        if pair is None or pair[0] is None:
            return multiple()
        if all(pair[0] is not old[0] for old in self.alive):
            self.alive.append(pair)
        return pair

    @rule(target=tensors, shape=SHAPES, seed=st.integers(0, 99), needs=st.booleans())
    def leaf(self, shape, seed, needs):
        values = np.asarray(np.random.default_rng(seed).uniform(-1, 1, shape))
        return self.keep(self.both(lambda B: B.from_numpy(values.copy()).requires_grad_(needs)))

    @rule(target=tensors, name=st.sampled_from(sorted(BINARY)), x=tensors, y=tensors)
    def binary(self, name, x, y):
        return self.keep(self.both(lambda B, x, y: BINARY[name](x, y), x, y))

    @rule(target=tensors, name=st.sampled_from(sorted(UNARY)), x=tensors)
    def unary(self, name, x):
        return self.keep(self.both(lambda B, x: UNARY[name](x), x))

    @rule(name=st.sampled_from(sorted(IN_PLACE)), x=tensors, y=tensors, recording=st.booleans())
    def in_place(self, name, x, y, recording):
        def call(B, x, y):
            with B.set_grad_enabled(recording):
                return IN_PLACE[name](x, y)

        self.both(call, x, y)

    @rule(name=st.sampled_from(sorted(WRITES)), x=tensors, number=NUMBERS, recording=st.booleans())
    def write(self, name, x, number, recording):
        def call(B, x):
            with B.set_grad_enabled(recording):
                return WRITES[name](x, number)

        self.both(call, x)

    @rule(x=tensors, retain=st.booleans())
    def backward(self, x, retain):
        def call(B, x):
            weights = B.from_numpy(np.linspace(0.5, 1.5, x.numel()).reshape(tuple(x.shape)))
            return (x * weights).sum().backward(retain_graph=retain)

        if self.both(call, x) is None:      # torch may have reached some leaves before that
            for pair in self.alive:
                self.both(lambda B, x: setattr(x, "grad", None), pair)

    @rule(target=tensors, x=tensors, y=tensors)
    def gradient(self, x, y):
        """A recorded gradient is a tensor like any other."""
        def call(B, x, y):
            return B.autograd.grad((x * x).sum(), y, create_graph=True, allow_unused=True)[0]

        return self.keep(self.both(call, x, y))

    @rule(x=tensors)
    def forget_gradient(self, x):
        self.both(lambda B, x: setattr(x, "grad", None), x)

    @rule(x=tensors, needs=st.booleans())
    def ask_for_gradient(self, x, needs):
        self.both(lambda B, x: x.requires_grad_(needs), x)

    @rule(x=consumes(tensors))
    def drop(self, x):
        self.alive = [pair for pair in self.alive if pair[0] is not x[0]]

    @invariant()
    def all_is_equal(self):
        for theirs, ours in self.alive:
            assert (ours.is_leaf, ours.requires_grad, ours._version) == (
                theirs.is_leaf, theirs.requires_grad, theirs._version)
            assert tuple(ours.shape) == tuple(theirs.shape)
            same(ours, theirs)
            if theirs.is_leaf:
                assert (ours.grad is None) == (theirs.grad is None)
                if theirs.grad is not None:
                    same(ours.grad, theirs.grad)


def same(ours, theirs):
    want = theirs.detach().numpy()
    largest = np.abs(want[np.isfinite(want)]).max(initial=1e-30)
    np.testing.assert_allclose(ours.detach().numpy(), want, rtol=1e-11, atol=1e-11 * largest)


TestPrograms = Programs.TestCase
