"""Random numbers of torch's CPU generator, to the bit: one seed gives torch's weights, shuffles and masks.

Both count with MT19937.  A *word* is its next 32-bit output, r64 two words (the high one first),
u24 = (word mod 2^24) / 2^24, u53 = (r64 mod 2^53) / 2^53.  What each sampler draws:

    uniform           u53 for float64, else u24; then one fused multiply-add, u · (high − low) + low
    normal, n ≥ 16    n uniforms in blocks of 16 (8 radii, 8 angles); unless 16 divides n, 16 more redo the
                      last 16 values (and 16-bit types draw none for the incomplete block before that)
    normal, else      (n < 16, or not contiguous) u53 a, b for two values: √(−2 log1p(−b)) times cos 2πa, then
                      sin 2πa; a sine left over waits in the generator
    integers          range below 2^28: word mod range; else r64 mod range
    random_full       r64 for int64 and float64, else word; mod largest + 1 (floats: mod 2^digits + 1)
    permutation       n − 1 words: swap i with i + word mod (n − i), from the front
    bernoulli         u53 < p;  bernoulli_tensor: u53 < p for a float64 p, else u24 < p
    exponential       −1/λ log1p(−u53)
    dropout_mask      u53 < 1 − p, in the memory order of the input; p = 0 and p = 1 draw nothing

    Linear, Conv      weight: uniform(±√3 · gain / √fan_in), gain = √(2 / (1 + √5²)); then bias:
                      uniform(±1/√fan_in).  Embedding: normal, the padding row zeroed afterwards
    iter(DataLoader)  a base seed (random_full int64) even without shuffle; a shuffle without generator= then
                      draws one more to seed a Generator of its own, with generator= uses that one: it takes a
                      permutation, and a second one, unused, when the first is exhausted
    random_split      permutation(sum of lengths)
    normal(mean, std) of tensors: normal(0, 1), times std, plus mean
    multinomial       one sample or no replacement: argmax or topk of p / exponential; else u53 per sample

Samplers take NumPy dtypes and return bare arrays in C order; `in_memory_order` lays draws out as torch does
for tensors that are not contiguous.  Measured on torch 2.13, x86-64 with AVX2: without that torch rounds
`uniform` and the float32 `normal` otherwise, and older torch drew Bernoulli numbers from MKL on Intel CPUs.
"""
import math

import numpy as np

from .backends.arrays import cupy_room
from .box_muller import D, F, box_muller, fma, libm
from .dtypes import from_numpy
from .generator import (  # noqa: F401  (the names of torch.random)
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

# What torch's messages call the types; binary digits and largest value of the floating point ones.
C_NAMES = {"bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int",
           "int32": "int", "int64": "long int", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
           "float32": "float", "float64": "double"}
DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
LARGEST = {"float16": 65504.0, "bfloat16": 2.0**128 - 2.0**120, "float32": 2.0**128 - 2.0**104,
           "float64": float(np.finfo(D).max)}


def stream(generator=None, place="cpu"):
    """The generator to draw from on "cpu" or "cuda": the one given, else the default one. Raises torch's
    RuntimeError for one of another device."""
    if generator is None:
        return default_generator if place == "cpu" else cupy_room().gpu_generator()
    _need(generator.device == place, f"Expected a '{place}' device type for generator but found "
          f"'{generator.device}'", "Make one with Generator(device).")
    return generator


def uniform(gen, shape, dtype, low=0.0, high=1.0):
    """rand, uniform_: floats in [low, high)."""
    _need_float(dtype, "check_uniform_bounds")
    whole = (low, high) == (0, 1)
    if not whole:
        _check_bounds(dtype, low, high)
    n, compute = math.prod(shape), D if dtype == D else F
    u = gen.u53(n) if dtype == D else gen.u24(n)
    if not whole:
        u = fma(u, compute(high) - compute(low), compute(low))
    elif dtype == compute:
        return u.reshape(shape)
    values = u.astype(dtype)
    values[values == dtype.type(high)] = dtype.type(low)        # where rounding reached the open end
    return values.reshape(shape)


def _check_bounds(dtype, low, high):
    known = from_numpy(dtype)
    largest = LARGEST[known.name]
    for name, bound in (("from", low), ("to", high)):
        _need(abs(bound) <= largest, f"{name} is out of bounds for {C_NAMES[known.name]}",
              "Pass finite bounds.")
    _need(low <= high, f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}",
          "Swap the bounds.")
    _need(high - low <= largest, f"uniform_ expects to-from <= std::numeric_limits<{known.legacy_name}>::max("
          f"), but found to={high:g} and from={low:g} which result in to-from to exceed the limit",
          "Bring the bounds closer together.")


def normal(gen, shape, dtype, mean=0.0, std=1.0, contiguous=True):
    """randn, normal_; `contiguous=False`: what torch writes, in memory order, to a tensor that is not."""
    _need_float(dtype, "normal_kernel_cpu")
    _need(std >= 0, f"normal expects std >= 0.0, but found std {std:g}", "Pass zero or more.")
    n = math.prod(shape)
    if gen.device != "cpu":
        return (gen.normal_pairs(n) * std + mean).astype(dtype).reshape(shape)
    if n < 16 or not contiguous:
        return _cast(fma(gen.normal_pairs(n), D(std), D(mean)), dtype).reshape(shape)
    whole, tail = n - n % 16, 16 if n % 16 else 0
    first = whole if dtype.itemsize == 2 else n
    u, compute = (gen.u53(first + tail), D) if dtype == D else (gen.u24(first + tail), F)
    if tail:
        u = np.concatenate([u[:whole], u[first:]])
    values = np.empty(len(u), dtype)
    for start in range(0, len(u), 16384):                       # pieces that stay in the processor's cache
        piece = slice(start, start + 16384)
        values[piece] = box_muller(u[piece], compute(mean), compute(std))
    if tail:
        values = np.concatenate([values[:n - 16], values[whole:]])
    return values.reshape(shape)


def integers(gen, low, high, shape, dtype):
    """randint, random_(low, high): integers in [low, high); `high=None`: up to the largest of `dtype`.

    Raises RuntimeError for bounds that `dtype` cannot hold exactly (torch only warns, for a float type).
    """
    known, (smallest, largest) = from_numpy(dtype), _integer_range(dtype)
    high = largest + 1 if high is None else high
    _need(low < high, f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}",
          "Leave at least one integer to draw.")
    for name, value in (("from", low), ("to - 1", high - 1)):
        _need(smallest <= value <= largest, f"{name} is out of bounds for {C_NAMES[known.name]}",
              f"{known.name} holds every integer from {smallest} to {largest}.")
    n, span = math.prod(shape), high - low
    if span == 2**64:
        return gen.words64(n).view(np.int64).reshape(shape)
    draws = (gen.words64 if span >= 2**28 else gen.words)(n) % np.uint64(span)
    return _cast(draws.view(np.int64) + np.int64(low), dtype).reshape(shape)


def random_full(gen, shape, dtype):
    """random_(): integers from 0 to the largest of `dtype`; for a float type, to 2^digits."""
    draw = gen.words64 if dtype.itemsize == 8 else gen.words
    return _cast(draw(math.prod(shape)) % np.uint64(_integer_range(dtype)[1] + 1), dtype).reshape(shape)


def permutation(gen, n, dtype):
    """randperm: the integers from 0 to n − 1, shuffled."""
    _need(n >= 0, f"Trying to create tensor with negative dimension {n}: [{n}]", "Pass a length.")
    if dtype.kind == "b":
        raise NotImplementedError("\"randperm\" not implemented for 'Bool'\nUse an integer dtype.")
    most = _integer_range(dtype)[1] + 1
    if dtype.kind == "f":
        limit = most if dtype.itemsize == 2 else f"2^{DIGITS[dtype.name]}+1"
        _need(n <= most, f"n cannot be greater than {limit} for {from_numpy(dtype).legacy_name} type.",
              "Use a wider dtype.")
    elif dtype.name != "bfloat16":                              # whose precision torch does not check
        _need(n <= most, f"value cannot be converted to type {dtype}_t without overflow",
              "Use a wider dtype.")
    if gen.device != "cpu":
        return _cast(np.argsort(gen.words64(n)), dtype)
    order, left = list(range(n)), np.arange(n, 1, -1, dtype=np.uint64)
    for i, step in enumerate((gen.words(len(left)) % left).tolist()):
        order[i], order[i + step] = order[i + step], order[i]
    return _cast(np.array(order, np.int64), dtype)


def bernoulli(gen, shape, dtype, p):
    """bernoulli_(p): 1 with probability `p`, a number."""
    _need(0 <= p <= 1, f"bernoulli_ expects p to be in [0, 1], but got p={p:g}", "Pass a probability.")
    return (gen.u53(math.prod(shape)) < p).astype(dtype).reshape(shape)


def bernoulli_tensor(gen, p, dtype=None, strides=None):
    """bernoulli(p): 1 with probability `p`, a float array; of its dtype, or of `dtype`. Drawn in C order, or
    in the memory order of a result of these `strides`."""
    _need_float(p.dtype, "bernoulli_tensor_cpu_p_")
    _need(np.all((p >= 0) & (p <= 1)), "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could "
          "this error message be improved?  If so, please report an enhancement request to PyTorch.)",
          "Pass probabilities.")
    u = gen.u53(p.size) if p.dtype == D else gen.u24(p.size)
    return (in_memory_order(u, p.shape, strides) < p.astype(u.dtype)).astype(dtype or p.dtype)


def dropout_mask(gen, shape, p, strides=None):
    """What dropout of probability `p` keeps (bool), drawn and laid out like an input of these `strides`."""
    if p == 0 or p == 1:
        keep = np.full(shape, p == 0)
        return keep if gen.device == "cpu" else cupy_room().asarray(keep)
    return in_memory_order(bernoulli(gen, shape, np.dtype(bool), 1 - p), shape, strides)


def exponential(gen, shape, dtype, lambd=1.0):
    """exponential_: waiting times at rate `lambd`."""
    if dtype.name not in DIGITS:
        raise RuntimeError("Exponential distribution is a continuous probability distribution. dtype must be "
                           f"a floating point but you specified {from_numpy(dtype).legacy_name}\n"
                           "Use a floating point dtype.")
    _need(lambd > 0, f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}", "Pass more than 0.")
    return _cast(-1.0 / lambd * libm(math.log1p, -gen.u53(math.prod(shape))), dtype).reshape(shape)


def multinomial(gen, weights, n, replacement=False):
    """multinomial: `n` positions drawn with odds proportional to `weights`, for each row of them."""
    invalid, advice = "invalid multinomial distribution", "Pass finite weights, none below 0 and one above."
    if n == 1 or not replacement:
        _need(np.all(np.isfinite(weights) & (weights >= 0)),
              "probability tensor contains either `inf`, `nan` or element < 0", advice)
        _need(n <= weights.shape[-1],
              "cannot sample n_sample > prob_dist.size(-1) samples without replacement", "Draw fewer.")
        _need(np.all(weights.sum(-1) > 0), f"{invalid} (sum of probabilities <= 0)", advice)
        odds = -weights / exponential(gen, weights.shape, weights.dtype)
        return np.argsort(odds, -1, kind="stable")[..., :n]
    _need(np.all(weights >= 0), f"{invalid} (encountering probability entry < 0)", advice)
    _need(weights.max() < np.inf, f"{invalid} (encountering probability entry = infinity or NaN)", advice)
    _need(np.all(weights.sum(-1) > 0), f"{invalid} (sum of probabilities <= 0)", advice)
    rows = np.cumsum(weights, -1).reshape(-1, weights.shape[-1])
    draws = gen.u53(len(rows) * n).reshape(-1, n)
    found = [np.searchsorted(row / row[-1], u) for row, u in zip(rows, draws)]
    return np.stack(found).reshape(*weights.shape[:-1], n)


def in_memory_order(draws, shape, strides=None):
    """`draws` as an array of `shape`, met in turn by its dense memory, whose dimensions nest as in `strides`.

    That is the layout of torch's `empty_like`; `strides=None` means C order.
    """
    if strides is None:
        return draws.reshape(shape)
    order = list(range(len(shape)))[::-1]                       # dimensions, innermost first
    for at in range(1, len(order)):
        for j in range(at - 1, -1, -1):                         # torch's insertion sort: 0 is unknown
            inner, outer = order[j], order[at]
            if 0 in (strides[inner], strides[outer]):
                continue
            if strides[inner] < strides[outer]:
                break
            if strides[inner] > strides[outer] or shape[inner] > shape[outer]:
                order[j], order[at], at = outer, inner, j
    order.reverse()
    return draws.reshape([shape[d] for d in order]).transpose(np.argsort(order).tolist())


def _integer_range(dtype):
    """The smallest and the largest integer that `dtype` holds with all between."""
    known = from_numpy(dtype)
    if known.is_floating_point:
        return -2**DIGITS[known.name], 2**DIGITS[known.name]
    return (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


def _cast(values, dtype):
    """To `dtype`; to 16-bit floats by way of float32, as torch's conversions go."""
    if dtype.itemsize == 2 and from_numpy(dtype).is_floating_point:
        values = values.astype(F)
    return values.astype(dtype, copy=False)


def _need(condition, message, advice):
    if not condition:
        raise RuntimeError(f"{message}\n{advice}")


def _need_float(dtype, kernel):
    known = from_numpy(dtype)
    if not known.is_floating_point:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{known.legacy_name}'\n"
                                  "Use a floating point dtype.")
