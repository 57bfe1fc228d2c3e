"""Random variables that programs draw from and weigh samples by (torch.distributions): what policies and
latent spaces need."""
import functools
import math

import numpy as np

from .engine.core import enable_grad, no_grad
from .limits import finfo
from .nn import functional as F
from .nn.arguments import need
from .ops import create
from .ops import elementary_public as ep
from .ops import pick_public as pk
from .ops import public as f
from .ops import shape_public as s
from .ops.kinds import is_number
from .size import Size
from .tensor import Tensor

__all__ = ["Bernoulli", "Categorical", "Distribution", "Normal", "Uniform", "kl_divergence"]


def _broadcast(*values):
    """Tensors and numbers as tensors of one shape; numbers take the first tensor's dtype and device."""
    known = [isinstance(value, Tensor) or is_number(value) for value in values]
    need(all(known), "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
         "__torch_function__.\nPass tensors or numbers.", error=ValueError)
    like = next((value for value in values if isinstance(value, Tensor)), None)
    how = {} if like is None else {"dtype": like.dtype, "device": like.device}
    made = [value if isinstance(value, Tensor) else create.tensor(float(value), **how) for value in values]
    s.check_broadcast(made[0].shape, made[-1].shape)
    shape = np.broadcast_shapes(*[value.shape for value in made])
    return [s.expand(value, *shape) if value.shape != shape else value for value in made]


# What parameters and values must be: torch's name of it, and which elements are.

def _between(low, high):
    text = f"Interval(lower_bound={_bound(low)}, upper_bound={_bound(high)})"
    return text, lambda x: (low <= x) & (x <= high)


def _bound(value):
    return value if is_number(value) or value.ndim else value.item()


REAL = "Real()", lambda x: x == x
POSITIVE = "GreaterThan(lower_bound=0.0)", lambda x: x > 0
BOOLEAN = "Boolean()", lambda x: (x == 0) | (x == 1)
VECTOR = "IndependentConstraint(Real(), 1)", lambda x: (x == x).all(-1)
SIMPLEX = "Simplex()", lambda x: (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < 1e-6)


class Distribution:
    """A random variable; `sample(sample_shape)` draws, without gradient, tensors of sample_shape +
    batch_shape (torch.distributions.Distribution). Its values are single numbers, so event_shape is empty.

    validate_args: False to leave parameters and values unchecked. Raises ValueError for those that are out of
    range.
    """
    event_shape, has_rsample, _checks = Size(), False, True

    def _begin(self, batch_shape, validate_args, **constraints):
        self.batch_shape = Size(batch_shape)
        self._named = [*constraints]
        if validate_args is not None:
            self._checks = validate_args
        for name, (wanted, holds) in constraints.items() if self._checks else ():
            value = self.__dict__.get(name)     # only what was given
            if value is not None:
                need(bool(holds(value).all()), "Expected parameter {} ({} of shape {}) of distribution {} to "
                     "satisfy the constraint {}, but found invalid values:\n{}", name, type(value).__name__,
                     str(tuple(value.shape)), str(self), wanted, str(value), error=ValueError)

    def _check(self, value):
        if not self._checks:
            return
        need(isinstance(value, Tensor), "The value argument to log_prob must be a Tensor\nMake one of it.",
             error=ValueError)
        fit = zip(reversed(value.shape), reversed(self.batch_shape))
        need(all([1 in pair or pair[0] == pair[1] for pair in fit]), "Value is not broadcastable with "
             "batch_shape+event_shape: {} vs {}.\nTheir last sizes agree or are 1.", str(value.shape),
             str(self.batch_shape), error=ValueError)
        wanted, holds = self._support
        kind, shape = type(value).__name__, str(tuple(value.shape))
        need(bool(holds(value).all()), "Expected value argument ({} of shape {}) to be within the support "
             "({}) of the distribution {}, but found invalid values:\n{}", kind, shape, wanted, str(self),
             str(value), error=ValueError)

    def _extended(self, sample_shape):
        return Size((*sample_shape, *self.batch_shape))

    def __repr__(self):
        shown = {name: self.__dict__[name] for name in self._named if name in self.__dict__}
        return type(self).__name__ + "(" + ", ".join(
            f"{name}: {value if value.numel() == 1 else value.size()}" for name, value in shown.items()) + ")"

    def sample(self, sample_shape=()):
        """Draw, without gradient (Distribution.sample)."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape=()):
        """Draw so that gradients flow into the parameters (Distribution.rsample). Raises NotImplementedError
        for discrete variables."""
        raise NotImplementedError(f"{type(self).__name__}.rsample is not supported.\n"
                                  "Use sample and log_prob.")

    @property
    def stddev(self):
        """The standard deviation (Distribution.stddev)."""
        return self.variance.sqrt()

    def perplexity(self):
        """e to the entropy (Distribution.perplexity)."""
        return self.entropy().exp()


class Normal(Distribution):
    """Numbers around `loc` that spread by `scale`, tensors or numbers (torch.distributions.Normal)."""
    has_rsample, _support = True, REAL

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = _broadcast(loc, scale)
        self._begin(self.loc.shape, validate_args, loc=REAL, scale=POSITIVE)

    mean = mode = property(lambda self: self.loc, doc="The mean.")
    stddev = property(lambda self: self.scale, doc="The standard deviation.")
    variance = property(lambda self: self.scale.pow(2), doc="The variance.")

    def sample(self, sample_shape=()):
        """Draw, without gradient (Normal.sample)."""
        shape = self._extended(sample_shape)
        with no_grad():
            return create.normal(self.loc.expand(shape), self.scale.expand(shape))

    def rsample(self, sample_shape=()):
        """loc + ε · scale, ε standard normal (Normal.rsample)."""
        shape = self._extended(sample_shape)
        zero, one = (create.full(shape, value, dtype=self.loc.dtype, device=self.loc.device)
                     for value in (0.0, 1.0))
        return self.loc + create.normal(zero, one) * self.scale

    def log_prob(self, value):
        """The logarithm of the density at `value` (Normal.log_prob)."""
        self._check(value)
        return -((value - self.loc) ** 2) / (2 * self.scale**2) - self.scale.log() - math.log(
            math.sqrt(2 * math.pi))

    def cdf(self, value):
        """The probability of less than `value` (Normal.cdf)."""
        self._check(value)
        return 0.5 * (1 + f.erf((value - self.loc) * self.scale.reciprocal() / math.sqrt(2)))

    def entropy(self):
        """½ + ½ ln 2π + ln scale (Normal.entropy)."""
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Uniform(Distribution):
    """Numbers from `low` to below `high`, all equally likely (torch.distributions.Uniform)."""
    has_rsample = True

    def __init__(self, low, high, validate_args=None):
        self.low, self.high = _broadcast(low, high)
        below = f"LessThan(upper_bound={_bound(self.high)})", lambda x: x < self.high
        self._support = _between(self.low, self.high)
        self._begin(self.low.shape, validate_args, low=below, high=REAL)

    mean = property(lambda self: (self.high + self.low) / 2, doc="The mean.")
    stddev = property(lambda self: (self.high - self.low) / 12**0.5, doc="The standard deviation.")
    variance = property(lambda self: (self.high - self.low).pow(2) / 12, doc="The variance.")

    def rsample(self, sample_shape=()):
        """low + r · (high − low), r from 0 to 1 (Uniform.rsample)."""
        drawn = create.rand(self._extended(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + drawn * (self.high - self.low)

    def log_prob(self, value):
        """−ln(high − low), or −inf outside (Uniform.log_prob)."""
        self._check(value)
        inside = self.low.le(value).type_as(self.low) * self.high.gt(value).type_as(self.low)
        return f.log(inside) - f.log(self.high - self.low)

    def entropy(self):
        """ln(high − low) (Uniform.entropy)."""
        return f.log(self.high - self.low)


def _once(function):
    """A property that is computed once, with its graph, wherever it is asked for first."""
    return functools.cached_property(enable_grad(function))


class _Discrete(Distribution):
    """Probabilities, or logits, given as either; the other one is computed when asked for."""

    def _one_of(self, probs, logits):
        need((probs is None) != (logits is None), "Either `probs` or `logits` must be specified, but not "
             "both.\nPass one of the two.", error=ValueError)
        return ("probs", probs) if logits is None else ("logits", logits)

    def _clamped(self):
        eps = finfo(self.probs.dtype).eps
        return self.probs.clamp(eps, 1 - eps)


class Bernoulli(_Discrete):
    """1 with probability `probs`, else 0; or by `logits`, the logarithms of the odds
    (torch.distributions.Bernoulli)."""
    _support = BOOLEAN

    def __init__(self, probs=None, logits=None, validate_args=None):
        name, value = self._one_of(probs, logits)
        self.__dict__[name], = _broadcast(value)
        self._begin(self.__dict__[name].shape, validate_args, probs=_between(0.0, 1.0), logits=REAL)

    @_once
    def probs(self):
        """The probability of 1."""
        return f.sigmoid(self.logits)

    @_once
    def logits(self):
        """ln(p / (1 − p))."""
        clamped = self._clamped()
        return f.log(clamped) - ep.log1p(-clamped)

    mean = property(lambda self: self.probs, doc="The mean.")
    variance = property(lambda self: self.probs * (1 - self.probs), doc="The variance.")

    def sample(self, sample_shape=()):
        """Zeros and ones (Bernoulli.sample)."""
        with no_grad():
            return pk.bernoulli(self.probs.expand(self._extended(sample_shape)))

    def log_prob(self, value):
        """The logarithm of the probability of `value` (Bernoulli.log_prob)."""
        self._check(value)
        logits, value = _broadcast(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        """−Σ p ln p (Bernoulli.entropy)."""
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")


class Categorical(_Discrete):
    """Numbers 0 to K − 1, by their probabilities (..., K) or by logits, neither of which need to be
    normalised (torch.distributions.Categorical)."""

    def __init__(self, probs=None, logits=None, validate_args=None):
        name, value = self._one_of(probs, logits)
        need(value.dim() > 0, "`{}` parameter must be at least one-dimensional.\n"
             "There is a number per class.", name, error=ValueError)
        self.__dict__[name] = value = value / value.sum(-1, keepdim=True) if name == "probs" else \
            value - value.logsumexp(-1, keepdim=True)
        self._classes = value.shape[-1]
        last = self._classes - 1
        self._support = f"IntegerInterval(lower_bound=0, upper_bound={last})", \
            lambda x: (x % 1 == 0) & (x >= 0) & (x <= last)
        self._begin(value.shape[:-1], validate_args, probs=SIMPLEX, logits=VECTOR)

    @_once
    def probs(self):
        """The probabilities, which sum to 1."""
        return F.softmax(self.logits, dim=-1)

    @_once
    def logits(self):
        """The logarithms of the probabilities."""
        return f.log(self._clamped())

    mean = variance = property(lambda self: create.full(
        self.batch_shape, math.nan, dtype=self.probs.dtype, device=self.probs.device),
                               doc="nan: classes have none.")
    mode = property(lambda self: self.probs.argmax(-1), doc="The likeliest class.")

    def sample(self, sample_shape=()):
        """int64 class numbers (Categorical.sample)."""
        rows = self.probs.detach().reshape(-1, self._classes)
        drawn = pk.multinomial(rows, math.prod(sample_shape), True)
        return s.t(drawn).reshape(self._extended(sample_shape))

    def log_prob(self, value):
        """The logarithm of the probability of class `value` (Categorical.log_prob)."""
        self._check(value)
        shape = np.broadcast_shapes(value.shape, self.batch_shape)
        scores = self.logits.expand(*shape, self._classes)
        return scores.gather(-1, value.long().expand(shape).unsqueeze(-1)).squeeze(-1)

    def entropy(self):
        """−Σ p ln p (Categorical.entropy)."""
        return -(self.logits.clamp(min=finfo(self.logits.dtype).min) * self.probs).sum(-1)


# Divergences ------------------------------------------------------------------------------------------------

def _normals(p, q):
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


def _infinite(term, impossible, certain):
    """A term of a sum: infinite where q says never, 0 where p does."""
    term = term.masked_fill(impossible, math.inf)
    return term.masked_fill(certain, 0)


def _bernoullis(p, q):
    one = p.probs * (F.softplus(-q.logits) - F.softplus(-p.logits))
    none = (1 - p.probs) * (F.softplus(q.logits) - F.softplus(p.logits))
    return _infinite(one, q.probs == 0, p.probs == 0) + _infinite(none, q.probs == 1, p.probs == 1)


def _categoricals(p, q):
    return _infinite(p.probs * (p.logits - q.logits), q.probs == 0, p.probs == 0).sum(-1)


def _uniforms(p, q):
    outside = (q.low > p.low) | (q.high < p.high)
    return f.log((q.high - q.low) / (p.high - p.low)).masked_fill(outside, math.inf)


_KL = {Normal: _normals, Bernoulli: _bernoullis, Categorical: _categoricals, Uniform: _uniforms}


def kl_divergence(p, q):
    """Σ p ln(p / q) (torch.distributions.kl_divergence). Raises NotImplementedError for two of different
    kinds."""
    need(type(p) is type(q) and type(p) in _KL, "No KL(p || q) is implemented for p type {} and q type {}\n"
         "Estimate it by samples and log_prob.", type(p).__name__, type(q).__name__,
         error=NotImplementedError)
    return _KL[type(p)](p, q)
