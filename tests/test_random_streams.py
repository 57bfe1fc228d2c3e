"""minigrad.random against torch's CPU generator: equal values, equal state afterwards, equal errors.

Every comparison is bit for bit and of the whole array.
"""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_pairs import (
    FLOATS,
    INTEGERS,
    SEEDS,
    assert_equal,
    assert_same_state,
    check,
    needs_avx2,
    numpy_dtype,
    outcome,
    pair,
)

import minigrad
from minigrad import random as mr

torch = pytest.importorskip("torch")

SIZES = (0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 1000)
BOUNDS = ((0, 1), (0, 10), (-5, 7), (3, 100), (-128, 128), (0, 2**11), (-2**15, 2**15), (0, 2**24),
          (-2**24, 2**24), (0, 2**28 - 1), (0, 2**28), (-2**28, 2**28), (0, 2**32), (5, 2**40),
          (-2**63, 2**63 - 1))

@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("size", SIZES)
def test_rand(size, name):
    check(lambda g: mr.uniform(g, (size,), numpy_dtype(name)),
          lambda g: torch.rand(size, generator=g, dtype=getattr(torch, name)))


@needs_avx2
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("low, high", [(-1, 1), (-0.3, 0.3), (0.1, 0.7), (-2.5, 10.25), (3, 3), (-1e-3, 1e4),
                                       (0, 2)])
def test_uniform(low, high, name):
    check(lambda g: mr.uniform(g, (20, 50), numpy_dtype(name), low, high),
          lambda g: torch.empty(20, 50, dtype=getattr(torch, name)).uniform_(low, high, generator=g))


@needs_avx2
@given(seed=st.integers(-2**63, 2**64 - 1), name=st.sampled_from(FLOATS), data=st.data())
def test_uniform_with_any_bounds(seed, name, data):
    # Within 1e-200 and 1e299, where the rounding error of a product is a float64 too.
    limit = {"float16": 3e4, "bfloat16": 1e38, "float32": 1e38, "float64": 1e299}[name]
    bounds = (st.floats(-limit, limit) | st.floats(-2, 2)).map(lambda b: b if abs(b) > 1e-200 else 0.0)
    low, high = sorted([data.draw(bounds), data.draw(bounds)])
    check(lambda g: mr.uniform(g, (64,), numpy_dtype(name), low, high),
          lambda g: torch.empty(64, dtype=getattr(torch, name)).uniform_(low, high, generator=g), [seed])


@needs_avx2
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("size", SIZES)
def test_randn(size, name):
    check(lambda g: mr.normal(g, (size,), numpy_dtype(name)),
          lambda g: torch.randn(size, generator=g, dtype=getattr(torch, name)))


@needs_avx2
@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("size", [3, 16, 100, 4097])
@pytest.mark.parametrize("mean, std", [(0, 0.02), (2, 3), (-1.5, 0.1), (1e3, 1e-3), (5, 0), (0.1, 1)])
def test_normal(mean, std, size, name):
    check(lambda g: mr.normal(g, (size,), numpy_dtype(name), mean, std),
          lambda g: torch.empty(size, dtype=getattr(torch, name)).normal_(mean, std, generator=g))


@needs_avx2
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_normal_of_many_values(name):
    """Longer than one piece of work."""
    check(lambda g: mr.normal(g, (200_003,), numpy_dtype(name), 0.5, 2.0),
          lambda g: torch.empty(200_003, dtype=getattr(torch, name)).normal_(0.5, 2.0, generator=g), [3])


@pytest.mark.parametrize("name", FLOATS + INTEGERS)
@pytest.mark.parametrize("low, high", BOUNDS)
def test_integers(low, high, name):
    smallest, largest = mr._integer_range(numpy_dtype(name))
    if low < smallest or high - 1 > largest:
        generator = mr.Generator()
        with pytest.raises(RuntimeError, match="is out of bounds"):
            mr.integers(generator, low, high, (3,), numpy_dtype(name))
        return
    check(lambda g: mr.integers(g, low, high, (7, 11), numpy_dtype(name)),
          lambda g: torch.randint(low, high, (7, 11), generator=g, dtype=getattr(torch, name)))


@pytest.mark.parametrize("name", FLOATS + INTEGERS)
@pytest.mark.parametrize("low", [0, 1, -100, -2**63])
def test_integers_up_to_the_largest(low, name):
    if low < mr._integer_range(numpy_dtype(name))[0]:
        pytest.skip("not a value of the type")
    if name == "bool" and low == 1:
        pytest.skip("one value: nothing is random")
    check(lambda g: mr.integers(g, low, None, (50,), numpy_dtype(name)),
          lambda g: torch.empty(50, dtype=getattr(torch, name)).random_(low, None, generator=g))


@pytest.mark.parametrize("name", FLOATS + INTEGERS)
@pytest.mark.parametrize("size", SIZES)
def test_random_full(size, name):
    check(lambda g: mr.random_full(g, (size,), numpy_dtype(name)),
          lambda g: torch.empty(size, dtype=getattr(torch, name)).random_(generator=g))


@pytest.mark.parametrize("name", FLOATS + INTEGERS[1:])
@pytest.mark.parametrize("size", SIZES)
def test_permutation(size, name):
    if size == 1000 and name in ("uint8", "int8"):
        pytest.skip("not a length of the type")
    check(lambda g: mr.permutation(g, size, numpy_dtype(name)),
          lambda g: torch.randperm(size, generator=g, dtype=getattr(torch, name)))


@pytest.mark.parametrize("size", [100_000, 300_000])
def test_long_permutation(size):
    check(lambda g: mr.permutation(g, size, np.dtype(np.int64)),
          lambda g: torch.randperm(size, generator=g), [5])


@pytest.mark.parametrize("name", FLOATS + INTEGERS)
@pytest.mark.parametrize("p", [0, 0.1, 0.5, 0.9, 1])
def test_bernoulli(p, name):
    check(lambda g: mr.bernoulli(g, (333,), numpy_dtype(name), p),
          lambda g: torch.empty(333, dtype=getattr(torch, name)).bernoulli_(p, generator=g))


@pytest.mark.parametrize("name", FLOATS)
def test_bernoulli_tensor(name):
    p = torch.rand(40, 25, generator=torch.Generator().manual_seed(9)).to(getattr(torch, name))
    array = p.view(torch.int16).numpy().view(numpy_dtype(name)) if p.element_size() == 2 else p.numpy()
    check(lambda g: mr.bernoulli_tensor(g, array), lambda g: torch.bernoulli(p, generator=g))
    check(lambda g: mr.bernoulli_tensor(g, array, np.dtype(np.int32)),
          lambda g: torch.empty(40, 25, dtype=torch.int32).bernoulli_(p, generator=g))
    check(lambda g: mr.bernoulli_tensor(g, array.T), lambda g: torch.bernoulli(p.t(), generator=g))


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("rate", [1.0, 0.3, 7.0])
def test_exponential(rate, name):
    check(lambda g: mr.exponential(g, (500,), numpy_dtype(name), rate),
          lambda g: torch.empty(500, dtype=getattr(torch, name)).exponential_(rate, generator=g))


DRAWS = {
    "rand": (lambda g, n: mr.uniform(g, (n,), np.dtype("float32")), lambda g, n: torch.rand(n, generator=g)),
    "rand64": (lambda g, n: mr.uniform(g, (n,), np.dtype("float64")),
               lambda g, n: torch.rand(n, generator=g, dtype=torch.float64)),
    "randn": (lambda g, n: mr.normal(g, (n,), np.dtype("float32")), lambda g, n: torch.randn(n, generator=g)),
    "randn64": (lambda g, n: mr.normal(g, (n,), np.dtype("float64")),
                lambda g, n: torch.randn(n, generator=g, dtype=torch.float64)),
    "randn16": (lambda g, n: mr.normal(g, (n,), np.dtype("float16")),
                lambda g, n: torch.randn(n, generator=g, dtype=torch.float16)),
    "randint": (lambda g, n: mr.integers(g, 0, 10, (n,), np.dtype("int64")),
                lambda g, n: torch.randint(10, (n,), generator=g)),
    "randint64": (lambda g, n: mr.integers(g, 0, 2**40, (n,), np.dtype("int64")),
                  lambda g, n: torch.randint(2**40, (n,), generator=g)),
    "random_": (lambda g, n: mr.random_full(g, (n,), np.dtype("int64")),
                lambda g, n: torch.empty(n, dtype=torch.int64).random_(generator=g)),
    "randperm": (lambda g, n: mr.permutation(g, n, np.dtype("int64")),
                 lambda g, n: torch.randperm(n, generator=g)),
    "bernoulli_": (lambda g, n: mr.bernoulli(g, (n,), np.dtype("float32"), 0.3),
                   lambda g, n: torch.empty(n).bernoulli_(0.3, generator=g)),
}


@needs_avx2
@given(seed=st.sampled_from(SEEDS) | st.integers(-2**63, 2**64 - 1),
       steps=st.lists(st.tuples(st.sampled_from([*sorted(DRAWS), "restore"]),
                                st.integers(0, 40) | st.just(650)), max_size=12))
def test_any_sequence_of_draws(seed, steps):
    """Samplers share a stream, and the sine that waits in the generator; states travel both ways."""
    generator, reference = pair(seed)
    for name, size in steps:
        if name == "restore":
            other = mr.Generator()
            other._set_state_array(reference.get_state().numpy())
            reference.set_state(torch.from_numpy(generator._get_state_array()))
            generator = other
        else:
            ours, theirs = DRAWS[name]
            assert_equal(ours(generator, size), theirs(reference, size))
        assert_same_state(generator, reference)


F32, F16, I64, U8 = (np.dtype(name) for name in ("float32", "float16", "int64", "uint8"))
NAN = float("nan")
BAD_CALLS = [
    (lambda g: mr.uniform(g, (3,), F32, 2, 1), lambda: torch.empty(3).uniform_(2, 1)),
    (lambda g: mr.uniform(g, (3,), F32, NAN, 1), lambda: torch.empty(3).uniform_(NAN, 1)),
    (lambda g: mr.uniform(g, (3,), F16, 0, 1e6),
     lambda: torch.empty(3, dtype=torch.float16).uniform_(0, 1e6)),
    (lambda g: mr.uniform(g, (3,), F32, -3e38, 3e38), lambda: torch.empty(3).uniform_(-3e38, 3e38)),
    (lambda g: mr.uniform(g, (3,), I64), lambda: torch.rand(3, dtype=torch.int64)),
    (lambda g: mr.normal(g, (3,), F32, 0, -1), lambda: torch.empty(3).normal_(0, -1)),
    (lambda g: mr.normal(g, (3,), F32, 0, NAN), lambda: torch.empty(3).normal_(0, NAN)),
    (lambda g: mr.normal(g, (3,), I64), lambda: torch.randn(3, dtype=torch.int64)),
    (lambda g: mr.integers(g, 5, 5, (3,), I64), lambda: torch.randint(5, 5, (3,))),
    (lambda g: mr.integers(g, 5, 3, (3,), I64), lambda: torch.randint(5, 3, (3,))),
    (lambda g: mr.integers(g, 0, 300, (3,), U8), lambda: torch.randint(0, 300, (3,), dtype=torch.uint8)),
    (lambda g: mr.integers(g, -1, 5, (3,), U8), lambda: torch.randint(-1, 5, (3,), dtype=torch.uint8)),
    (lambda g: mr.integers(g, 0, 3, (3,), np.dtype(bool)),
     lambda: torch.randint(0, 3, (3,), dtype=torch.bool)),
    (lambda g: mr.permutation(g, -1, I64), lambda: torch.randperm(-1)),
    (lambda g: mr.permutation(g, 300, U8), lambda: torch.randperm(300, dtype=torch.uint8)),
    (lambda g: mr.permutation(g, 2050, F16), lambda: torch.randperm(2050, dtype=torch.float16)),
    (lambda g: mr.permutation(g, 2**24 + 2, F32),
     lambda: torch.randperm(2**24 + 2, dtype=torch.float32)),
    (lambda g: mr.permutation(g, 2, np.dtype(bool)), lambda: torch.randperm(2, dtype=torch.bool)),
    (lambda g: mr.bernoulli(g, (3,), F32, 1.5), lambda: torch.empty(3).bernoulli_(1.5)),
    (lambda g: mr.bernoulli(g, (3,), F32, NAN), lambda: torch.empty(3).bernoulli_(NAN)),
    (lambda g: mr.bernoulli_tensor(g, np.array([1.5])),
     lambda: torch.bernoulli(torch.tensor([1.5]).double())),
    (lambda g: mr.bernoulli_tensor(g, np.array([1])), lambda: torch.bernoulli(torch.tensor([1]))),
    (lambda g: mr.exponential(g, (3,), F32, 0), lambda: torch.empty(3).exponential_(0)),
    (lambda g: mr.exponential(g, (3,), I64), lambda: torch.empty(3, dtype=torch.int64).exponential_()),
]


@pytest.mark.parametrize("case", range(len(BAD_CALLS)))
def test_bad_calls(case):
    ours, theirs = BAD_CALLS[case]
    found = outcome(lambda: ours(mr.Generator()))
    assert found == outcome(theirs)
    assert isinstance(found, tuple)


@pytest.mark.parametrize("name, largest", [("uint8", 256), ("int8", 128), ("float16", 2049)])
def test_longest_permutation_of_a_type(name, largest):
    check(lambda g: mr.permutation(g, largest, numpy_dtype(name)),
          lambda g: torch.randperm(largest, generator=g, dtype=getattr(torch, name)), [1])


# ---- memory order -----------------------------------------------------------------------------

LAYOUTS = {
    "transposed": lambda: torch.empty(6, 7).t(),
    "channels last": lambda: torch.empty(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "permuted": lambda: torch.empty(2, 3, 4, 5).permute(2, 0, 3, 1),
    "every other": lambda: torch.empty(10, 12)[::2, 1::3],
    "every other, transposed": lambda: torch.empty(10, 12)[::2, 1::3].t(),
    "with ones": lambda: torch.empty(1, 6, 1, 7).permute(3, 0, 1, 2),
    "one column": lambda: torch.empty(8, 5)[:, :1],
    "contiguous": lambda: torch.empty(4, 5),
    "0-d": lambda: torch.empty(()),
    "empty": lambda: torch.empty(3, 0).t(),
}


@needs_avx2
@pytest.mark.parametrize("layout", LAYOUTS)
def test_filling_tensors_that_are_not_contiguous(layout):
    target = LAYOUTS[layout]()
    generator, reference = pair(11)
    for _ in range(2):
        draws = mr.normal(generator, tuple(target.shape), np.dtype("float32"),
                          contiguous=target.is_contiguous())
        assert_equal(mr.in_memory_order(draws, tuple(target.shape), target.stride()),
                     target.normal_(generator=reference))
        draws = mr.uniform(generator, tuple(target.shape), np.dtype("float32"))
        assert_equal(mr.in_memory_order(draws, tuple(target.shape), target.stride()),
                     target.uniform_(generator=reference))
    assert_same_state(generator, reference)


# Public draws: the tensor `x` to fill, the module m of it.
FILLS = {
    "uniform_": lambda x, m: x.uniform_(-1, 2), "normal_": lambda x, m: x.normal_(1, 2),
    "bernoulli_": lambda x, m: x.bernoulli_(0.3), "exponential_": lambda x, m: x.exponential_(2),
    "bernoulli_ of a tensor": lambda x, m: x.bernoulli_(m.full(x.shape[-1:], 0.3)),
    "bernoulli_ of a 0-d tensor": lambda x, m: x.bernoulli_(m.tensor(0.3)),
    "bernoulli_ of a float64 tensor": lambda x, m: x.bernoulli_(m.full(x.shape, 0.3, dtype=m.float64)),
    "randn_like": lambda x, m: m.randn_like(x), "rand_like": lambda x, m: m.rand_like(x),
}
VIEWS = {
    "transposed": lambda x: x.t(), "columns": lambda x: x[:, :6], "every other": lambda x: x.flatten()[::2],
    "permuted": lambda x: x.reshape(4, 3, 5).permute(1, 2, 0), "contiguous": lambda x: x,
}


@needs_avx2
@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("fill", FILLS)
def test_drawing_into_views(fill, view, name):
    results = []
    for module in (torch, minigrad):
        module.manual_seed(7)
        whole = module.zeros(6, 10, dtype=getattr(module, name))
        drawn = FILLS[fill](VIEWS[view](whole), module)
        results.append([drawn.numpy(), whole.numpy(), module.rand(2).numpy()])
    for theirs, ours in zip(*results):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
@pytest.mark.parametrize("layout", [*LAYOUTS, "expanded", "overlapping"])
def test_dropout_mask(layout, name):
    shared = {"expanded": torch.ones(3, 1, 5).expand(3, 4, 5), "overlapping": torch.ones(9).unfold(0, 7, 1)}
    x = shared[layout] if layout in shared else LAYOUTS[layout]().fill_(1)
    x = x.to(getattr(torch, name))                              # float32 keeps its strides, gaps and all
    for p in (0.0, 0.1, 0.5, 0.3, 1.0):
        torch.manual_seed(21)
        generator = mr.Generator().manual_seed(21)
        theirs = torch.nn.functional.dropout(x, p)
        ours = mr.dropout_mask(generator, tuple(x.shape), p, x.stride())
        np.testing.assert_array_equal(ours, theirs.numpy() != 0)
        assert_same_state(generator, torch.default_generator)


def test_memory_order_is_that_of_empty_like():
    for layout in LAYOUTS.values():
        x = layout()
        draws = mr.in_memory_order(np.arange(x.numel()), tuple(x.shape), x.stride())
        theirs = torch.arange(x.numel()).as_strided(x.shape, torch.empty_like(x).stride())
        np.testing.assert_array_equal(draws, theirs.numpy())


# ---- what torch's modules draw ----------------------------------------------------------------

def seeded(seed):
    """torch's default generator and one of ours, equally seeded."""
    torch.manual_seed(seed)
    return mr.Generator().manual_seed(seed)


@needs_avx2
@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("make, fan_in", [
    (lambda **kw: torch.nn.Linear(7, 5, **kw), 7),
    (lambda **kw: torch.nn.Conv2d(3, 4, 3, **kw), 27),
    (lambda **kw: torch.nn.Conv2d(4, 6, (2, 3), groups=2, **kw), 12),
    (lambda **kw: torch.nn.Conv1d(4, 6, 5, **kw), 20),
])
def test_weights_of_linear_and_convolution(make, fan_in, name):
    """kaiming_uniform_ with a = sqrt(5): the gain, over sqrt(fan_in), times sqrt(3), in this order."""
    generator = seeded(13)
    module = make(dtype=getattr(torch, name))
    bound = np.sqrt(3.0) * (np.sqrt(2.0 / (1 + np.sqrt(5.0) ** 2)) / np.sqrt(fan_in))
    assert_equal(mr.uniform(generator, tuple(module.weight.shape), numpy_dtype(name), -bound, bound),
                 module.weight.detach())
    bound = 1 / np.sqrt(fan_in)
    assert_equal(mr.uniform(generator, tuple(module.bias.shape), numpy_dtype(name), -bound, bound),
                 module.bias.detach())
    assert_same_state(generator, torch.default_generator)


@needs_avx2
def test_weights_of_embedding():
    generator = seeded(14)
    module = torch.nn.Embedding(10, 3, padding_idx=2)
    weight = mr.normal(generator, (10, 3), np.dtype("float32"))
    weight[2] = 0
    assert_equal(weight, module.weight.detach())


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_order_of_a_data_loader(shuffle, own):
    generator = seeded(15)
    reference = torch.default_generator
    if own:
        generator, reference = pair(16)
    loader = torch.utils.data.DataLoader(range(20), 4, shuffle=shuffle, generator=reference if own else None)
    for _ in range(2):
        theirs = torch.cat(list(loader)).tolist()
        mr.random_full(generator, (), np.dtype("int64"))        # the base seed, for workers
        order = list(range(20))
        if shuffle:
            shuffler = generator
            if not own:
                shuffler = mr.Generator().manual_seed(int(mr.random_full(generator, (), np.dtype("int64"))))
            order = mr.permutation(shuffler, 20, np.dtype("int64")).tolist()
            if own:                                             # a second one, of which none is used
                mr.permutation(shuffler, 20, np.dtype("int64"))
        assert theirs == order
        assert_same_state(generator, reference)


def test_sampler_with_replacement():
    """Draws of 32 at a time, the last one short, which a single call for all of them equals."""
    generator, reference = pair(20)
    sampler = torch.utils.data.RandomSampler(range(50), True, 70, generator=reference)
    assert list(sampler) == mr.integers(generator, 0, 50, (70,), np.dtype("int64")).tolist()
    assert_same_state(generator, reference)


def test_random_split():
    generator, reference = pair(17)
    parts = torch.utils.data.random_split(range(10), [3, 7], generator=reference)
    assert parts[0].indices + parts[1].indices == mr.permutation(generator, 10, np.dtype("int64")).tolist()


@needs_avx2
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_normal_of_tensors(name):
    generator, reference = pair(18)
    mean = torch.arange(20, dtype=getattr(torch, name))
    std = torch.linspace(0.5, 3, 20, dtype=getattr(torch, name))
    ours = mr.normal(generator, (20,), numpy_dtype(name)) * std.numpy() + mean.numpy()
    assert_equal(ours, torch.normal(mean, std, generator=reference))


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_multinomial(name):
    p = torch.rand(6, 9, generator=torch.Generator().manual_seed(1), dtype=getattr(torch, name))
    generator, reference = pair(19)
    race = p.numpy() / mr.exponential(generator, (6, 9), numpy_dtype(name))
    assert_equal(race.argmax(1, keepdims=True), torch.multinomial(p, 1, generator=reference))
    race = p.numpy() / mr.exponential(generator, (6, 9), numpy_dtype(name))
    assert_equal(np.argsort(-race, 1)[:, :4], torch.multinomial(p, 4, generator=reference))
    cumulated = np.cumsum(p.numpy(), 1, dtype=numpy_dtype(name))
    cumulated = cumulated / cumulated[:, -1:]
    u = generator.u53(6 * 30).reshape(6, 30)
    ours = np.stack([np.searchsorted(row, draws) for row, draws in zip(cumulated, u, strict=True)])
    assert_equal(ours, torch.multinomial(p, 30, replacement=True, generator=reference))
    assert_same_state(generator, reference)
