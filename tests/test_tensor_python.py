"""Tensors as Python's own things: conversions, attributes, operators, protocols, forms of a call."""

from tensor_pairs import check, table


@table("""
    x = B.tensor([1.7, -2.7]); x.long()
    x = B.tensor([1.7, -2.7]); x.int(), x.short(), x.char(), x.bool(), x.half(), x.float(), x.double()
    x = B.tensor([1.7, 2.7]); x.byte()
    x = B.ones(2); x.float() is x
    x = B.ones(2); x.to(B.float32) is x
    x = B.ones(2); x.to(B.float32, copy=True) is x
    x = B.ones(2); x.to("cpu") is x
    x = B.ones(2); x.cpu() is x
    x = B.ones(2); x.to(B.device("cpu")) is x
    x = B.ones(2); x.to("cpu", B.float64)
    x = B.ones(2); x.to(B.device("cpu"), B.float64, True)
    x = B.ones(2); x.to(device="cpu", dtype=B.int64)
    x = B.ones(2); x.to(B.float64, non_blocking=True)
    x = B.ones(2); x.to(B.ones(1, dtype=B.int32))
    x = B.ones(2); x.to()
    x = B.ones(2); x.to(None)
    x = B.ones(2); x.to("meow")
    x = B.ones(2); x.to([1])
    x = B.ones(2); x.to(float)
    x = B.ones(2); x.to(dtype="float32")
    x = B.ones(2); x.to(np.float32)
    x = B.ones(2, requires_grad=True); x.to(B.float64)
    x = B.ones(2, requires_grad=True); x.to(B.int64)
    x = B.ones(2, requires_grad=True); x.long()
    x = B.ones(2, 3).t(); x.double()
    x = B.ones(3).expand(2, 3); x.double()
    x = B.ones(2, 6)[:, ::2]; x.double()
    x = B.ones(2); x.type()
    x = B.tensor([1]); x.type()
    x = B.tensor([True]); x.type()
    x = B.ones(2, dtype=B.float16); x.type()
    x = B.ones(2); x.type(B.float64)
    x = B.ones(2); x.type("torch.DoubleTensor")
    x = B.ones(2); x.type("torch.LongTensor")
    x = B.ones(2); x.type(B.LongTensor)
    x = B.ones(2); x.type(B.FloatTensor) is x
    x = B.ones(2); x.type(dtype=B.int32)
    x = B.ones(2); x.type("float")
    x = B.ones(2); x.type("torch.FooTensor")
    x = B.ones(2); x.type(int)
    x = B.ones(2); x.type(float)
    x = B.ones(2); x.type_as(B.tensor([1]))
    x = B.ones(2); x.type_as(1)
    B.tensor([float("nan"), float("inf")]).bool()
    B.tensor([0.0, -0.0, 0.5]).bool()
    B.tensor([True, False]).float()
    B.tensor([True, False]).long()
    B.tensor([300, -1]).byte()
    B.tensor([3e9]).to(B.float16)
    B.tensor([1, 2]).to(B.bool)
""")
def test_conversions(program):
    """Other dtypes and devices."""
    check(program)


@table("""
    x = B.ones(2, 3); x.shape, x.size(), x.size(0), x.size(-1), x.dim(), x.ndim, x.numel(), x.nelement()
    x = B.ones(2, 3); x.ndimension()
    x = B.ones(2, 3); x.size(2)
    x = B.ones(2, 3); x.size("a")
    x = B.ones(2, 3); x.size(dim=1)
    x = B.tensor(1.0); x.shape, x.size(), x.dim(), x.numel()
    x = B.tensor(1.0); x.size(0)
    x = B.ones(2, 3); type(x.shape).__name__, type(x.size()).__name__, type(x.shape[:1]).__name__
    x = B.ones(2, 3); type(x.shape[0]).__name__
    x = B.ones(2, 3); repr(x.shape), str(x.size()), x.shape == (2, 3), x.shape == [2, 3], x.shape.numel()
    x = B.ones(2, 3); hash(x.shape) == hash((2, 3))
    x = B.ones(2, 3); x.shape + (1,), (1,) + x.shape, x.shape * 2, [*x.shape]
    B.Size([1, 2]), B.Size((1, 2))[0], B.Size(()).numel(), B.Size()
    B.Size([1, "a"])
    B.Size([1.5])
    B.Size(5)
    B.Size([1, 2]) + B.Size([3])
    B.Size([1, 2]) + [3]
    B.Size([2, 3]).index(3), B.Size([2, 3]).count(2), len(B.Size([2, 3]))
    x = B.ones(2, 3); x.stride(), x.stride(0), x.stride(-1)
    x = B.ones(2, 3); x.stride(5)
    x = B.ones(2, 3); x.t().stride(), x.t().is_contiguous(), x.is_contiguous(), x[:, 1:].is_contiguous()
    x = B.ones(2, 3); x[1:].is_contiguous()
    x = B.ones(2, 3); x.itemsize, x.element_size(), x.nbytes, x.is_floating_point(), x.is_cuda, x.device.type
    x = B.ones(2, 3); x.data_ptr() == x[0].data_ptr(), x[1].data_ptr() - x.data_ptr()
    x = B.ones(2); x.is_leaf, x.grad_fn, x.grad, x.requires_grad, x._version
    x = B.ones(2, requires_grad=True); y = x * 2; y.is_leaf, y.requires_grad, type(y.grad_fn).__name__
    x = B.ones(2, requires_grad=True); y = x * 2; y.grad_fn.name()
    x = B.tensor([1]); x.is_floating_point(), x.dtype, x.dtype.is_floating_point, x.dtype.itemsize
    x = B.tensor([1]); x.dtype.is_signed
    B.float32 is B.float, B.int64 is B.long, B.float64 is B.double, B.int32 is B.int, B.float16 is B.half
    B.int16 is B.short
    repr(B.float32), str(B.int64), B.float32 == B.float, B.float32 == B.float64, B.float32 == "float32"
    hash(B.float32) == hash(B.float)
    B.float32 in [B.float64], B.float32 in {B.float: 1}
    B.device("cpu"), str(B.device("cpu")), B.device("cpu") == B.device("cpu"), B.device("cpu") == "cpu"
    B.device("cpu").index
    B.device("cuda:1"), B.device("cuda", 1), str(B.device("cuda:1")), B.device("cuda").index
    B.device("cuda:1").index
    B.device("nowhere")
    B.device(1.5)
    B.device(None)
    B.device("cpu:0") == B.device("cpu")
    B.device("cuda:x")
    B.ones(2, device="cpu").device
    B.ones(2).device == B.device("cpu")
    str(B.ones(2).device)
    B.cuda.is_available(), B.cuda.device_count()
    B.device("cuda" if B.cuda.is_available() else "cpu")
    B.pi, B.inf, B.e, B.nan
""")
def test_attributes(program):
    """What a tensor says of itself; Size, dtype, device."""
    check(program)


@table("""
    bool(B.tensor(1)), bool(B.tensor(0.0)), bool(B.tensor([[2]])), bool(B.tensor(False))
    bool(B.ones(2))
    bool(B.ones(0))
    not B.tensor([1.0])
    B.tensor(1) and 5
    if_ = 1 if B.tensor(2) > 1 else 0; if_
    float(B.tensor(1)), float(B.tensor([1.5])), int(B.tensor(1.7)), int(B.tensor([[3]])), int(B.tensor(True))
    complex(B.tensor(1.5))
    float(B.ones(2))
    int(B.ones(2))
    float(B.ones(2, requires_grad=True).sum())
    int(B.tensor(float("nan")))
    int(B.tensor(float("inf")))
    len(B.ones(3, 2)), len(B.ones(0))
    len(B.tensor(1))
    list(B.tensor([1, 2]))
    list(B.ones(2, 2))
    list(B.tensor(1))
    [x.item() for x in B.tensor([1.5, 2.5])]
    a, b = B.tensor([1, 2]); a + b
    a, b = B.tensor([1, 2, 3]); a
    1 in B.tensor([1, 2]), 3 in B.tensor([1, 2]), B.tensor(2) in B.tensor([1, 2]), 1.0 in B.ones(2, 2)
    "a" in B.ones(2)
    None in B.ones(2)
    [1] in B.ones(2)
    range(B.tensor(3))
    [10, 20, 30][B.tensor(1)]
    [10, 20, 30][B.tensor(1.0)]
    [10, 20, 30][B.tensor([1, 2])]
    "a" * B.tensor(2)
    round(B.tensor(1.5))
    round(B.tensor(1.2345), 2)
    abs(B.tensor([-1, 2]))
    -B.tensor([1, 2])
    +B.tensor([1, 2])
    ~B.tensor([True, False])
    ~B.tensor([1, 2])
    ~B.tensor([1.0])
    divmod(B.tensor(5), 2)
    B.tensor([5, -5]) // 2
    B.tensor([5.5, -5.5]) // 2
    B.tensor([5, -5]) % 3
    B.tensor([5.5, -5.5]) % 3
    7 // B.tensor([2, 3])
    7 % B.tensor([2, 3])
    B.tensor([5, 6]) // B.tensor([2, 0])
    B.tensor([5, 6]) % 0
    B.tensor([5.0, 6]) // 0
    B.tensor([5, -5, 7]) // B.tensor([2, 2, -2])
    B.tensor([5, -5, 7]) % B.tensor([2, 2, -2])
    B.tensor([5, 6]) // 2.5
    B.tensor([True]) // 2
    x = B.tensor([5, 6]); x //= 2; x
    x = B.tensor([5, 6]); x %= 4; x
    B.floor_divide(B.tensor([5, -5]), 2)
    B.remainder(B.tensor([5.5, -5.5]), 2)
    B.div(B.tensor([5.5, -5.5]), 2, rounding_mode="floor")
    B.div(B.tensor([5.5, -5.5]), 2, rounding_mode="trunc")
    B.div(B.tensor([5, -5]), 2, rounding_mode="trunc")
    B.div(B.tensor([5, -5]), 2, rounding_mode="floor")
    B.div(B.ones(2), 2, rounding_mode="up")
    f"{B.tensor(1.5):.2f}", f"{B.tensor(3):d}", f"{B.tensor(3):5d}", f"{B.tensor(1.5)}", f"{B.tensor([1.5])}"
    f"{B.tensor([1.5]):.2f}"
    f"{B.tensor([1.5, 2]):.2f}"
    f"{B.tensor(1.5):d}"
    "%d" % B.tensor(3), "%.3f" % B.tensor(1.5), "%s" % B.tensor(3)
    "{:.1f}".format(B.tensor(2.25)), format(B.tensor(2.0), ""), str(B.tensor([1, 2])), repr(B.tensor(1.5))
    f"{B.tensor(1.5, requires_grad=True):.2f}"
    x = B.ones(2); {x: 1}[x]
    x = B.ones(2); x == x, x != x, x is x
    B.ones(2) == None, B.ones(2) != None
    B.ones(2) == "a", B.ones(2) != "a"
    B.ones(2) == [1, 1]
    B.ones(2) < None
    B.ones(2) < "a"
    B.ones(2) + "a"
    B.ones(2) + None
    B.ones(2) + [1, 2]
    "a" + B.ones(2)
    None * B.ones(2)
    [1] + B.ones(2)
    B.ones(2) - "a"
    B.ones(2) * "a"
    B.ones(2) / "a"
    B.ones(2) ** "a"
    "a" ** B.ones(2)
    B.ones(2) @ 3
    3 @ B.ones(2)
    B.ones(2) @ [1, 2]
    B.ones(2) & 1
    B.tensor([1, 3]) & 1, B.tensor([1, 2]) | 1, B.tensor([1, 2]) ^ 3, 1 & B.tensor([1, 2]), 5 | B.tensor([2])
    1 ^ B.tensor([3])
    B.tensor([True]) & True, B.tensor([True, False]) | B.tensor([False, False])
    B.tensor([True]) & "a"
    1 / B.tensor([2, 4]), 1 - B.tensor([2, 4]), 2 ** B.tensor([2, 4]), 2 * B.tensor([2, 4]), 2 + B.tensor([1])
    2.5 ** B.tensor([2, 4])
    True + B.tensor([1, 2]), True * B.tensor([1.5])
    1 < B.tensor([0, 2]), 1 >= B.tensor([0, 2]), 1 == B.tensor([1, 2]), 1.5 != B.tensor([1, 2])
    import copy; x = B.ones(2, requires_grad=True); y = copy.deepcopy(x); y, y is x
    import copy; x = B.ones(2, 3).t(); copy.deepcopy(x)
    import copy; x = B.ones(2); y = copy.copy(x); y[0] = 5; x
    import copy; x = B.ones(2, requires_grad=True) * 2; copy.deepcopy(x)
    import copy; x = B.ones(2, requires_grad=True); (x * 2).sum().backward(); copy.deepcopy(x).grad
    import copy; x = B.ones(2); d = copy.deepcopy({"a": x, "b": x}); d["a"] is d["b"]
    import pickle; x = B.tensor([[1, 2]]); pickle.loads(pickle.dumps(x))
    import pickle; x = B.ones(2, requires_grad=True); pickle.loads(pickle.dumps(x))
    import pickle; x = B.ones(2, requires_grad=True) * 2; pickle.loads(pickle.dumps(x))
    import pickle; pickle.loads(pickle.dumps(B.float32)) is B.float32
    import pickle; pickle.loads(pickle.dumps(B.Size([1, 2]))), pickle.loads(pickle.dumps(B.device("cpu")))
    B.tensor([5.5, -5.5]) // B.tensor([2.0, 0.0])
    7.5 // B.tensor([2, 3])
    7.5 % B.tensor([2, -3])
    B.tensor([7.5, -7.5]).remainder(B.tensor([2.0, 2.0]))
    B.tensor([7, -7]).floor_divide(2)
    B.tensor([True]) // B.tensor([True])
    x = B.tensor([3.0], requires_grad=True); y = x % 2; y.backward(); x.grad
    B.ones(2) // "a"
    B.floor_divide(B.ones(2), "a")
    x = B.ones(2, requires_grad=True); B.div(x, 3, rounding_mode="floor").sum().backward(); x.grad
    B.tensor([1, 2]).floor_divide_(2.5)
""")
def test_protocols(program):
    """bool, int, len, iteration, format, operators with strangers, copies, pickles."""
    check(program)


@table("""
    x = B.arange(6.0).reshape(2, 3); x.sum(), x.sum(0), x.sum(-1), x.sum((0, 1)), x.sum([0])
    x = B.arange(6.0).reshape(2, 3); x.sum(dim=1, keepdim=True), B.sum(x), B.sum(x, 1)
    x = B.arange(6.0).reshape(2, 3); B.sum(x, dim=(0,), keepdim=True)
    x = B.arange(6.0).reshape(2, 3); x.max(), x.max(1), x.max(dim=0), x.max(1, keepdim=True), x.min()
    x = B.arange(6.0).reshape(2, 3); x.min(0), x.max(0)[0], x.max(0).values, x.max(0).indices
    x = B.arange(6.0).reshape(2, 3); repr(x.max(1)), str(x.min(0))
    x = B.arange(6.0).reshape(2, 3); v, i = x.max(1); v, i
    x = B.arange(6.0).reshape(2, 3); x.mean(), x.mean(0), x.std(), x.var(), x.std(0), x.var(1, unbiased=False)
    x = B.arange(6.0).reshape(2, 3); x.std(unbiased=False), x.var(1, False), x.std(False)
    x = B.arange(6.0).reshape(2, 3); x.std(0, True, True)
    x = B.arange(6.0).reshape(2, 3); x.argmax(), x.argmax(1), x.argmin(0), x.argmax(dim=1, keepdim=True)
    x = B.arange(6.0).reshape(2, 3); x.amax(1), x.amin((0, 1)), x.prod(), x.prod(1)
    x = B.arange(6.0).reshape(2, 3); x.any(), x.all(), x.any(1), (x > 2).all(0)
    x = B.arange(6.0).reshape(2, 3); (x > 2).any(dim=1, keepdim=True), (x > 2).sum(), (x > 2).float().mean()
    x = B.arange(6.0).reshape(2, 3); x.norm(), x.norm(1), x.norm(dim=1), x.norm(2, 1), x.norm(p=float("inf"))
    x = B.arange(6.0).reshape(2, 3); B.norm(x), B.norm(x, dim=0, keepdim=True), x.norm(p=1, dim=(0, 1))
    x = B.arange(6.0).reshape(2, 3); x.softmax(1), x.log_softmax(-1), B.softmax(x, 0)
    x = B.arange(6.0).reshape(2, 3); B.softmax(x, dim=1, dtype=B.float64), x.logsumexp(1), x.softmax(dim=-1)
    x = B.arange(6.0).reshape(2, 3); x.sum(axis=1), x.sum(axis=0, keepdims=True), x.mean(axis=-1)
    x = B.arange(6.0).reshape(2, 3); x.max(axis=1)[0], B.cat([x, x], axis=1).shape, x.argmax(axis=1)
    x = B.arange(6.0).reshape(2, 3); B.stack([x], axis=0).shape
    B.tensor([1, 2]).sum(), B.tensor([True, True]).sum(), B.tensor([1, 2], dtype=B.int32).sum()
    B.tensor([1, 2], dtype=B.uint8).prod(), B.tensor([1.0]).half().sum()
    B.tensor([1, 2]).mean()
    B.tensor([1, 2]).std()
    B.tensor([1, 2]).softmax(0)
    B.tensor([1, 2]).float().mean(), B.tensor([1, 2]).mean(dtype=B.float32)
    B.tensor([1, 2]).sum(dtype=B.float64)
    B.tensor([]).sum(), B.tensor([]).mean(), B.tensor([]).prod(), B.zeros(0, 3).sum(0), B.zeros(0, 3).mean(0)
    B.zeros(2, 0).max(0).values.shape
    B.tensor([]).max()
    B.tensor([]).argmax()
    B.tensor(3.0).sum(0), B.tensor(3.0).max(0), B.tensor(3.0).mean(-1), B.tensor(3.0).softmax(0)
    B.tensor(3.0).argmax(), B.tensor(3.0).std()
    B.max(B.tensor([1, 5]), B.tensor([3, 2])), B.min(B.tensor([1, 5]), B.tensor([3, 2]))
    B.tensor([1, 5]).max(B.tensor([3, 2])), B.maximum(B.tensor(1), B.tensor(2.0))
    B.clamp(B.tensor([1, 5]), 2, 4), B.clamp(B.tensor([1.0, 5.0]), max=2), B.tensor([1, 5]).clamp(min=2.5)
    B.clamp(B.tensor([1, 5]), min=B.tensor(2)), B.tensor([1.0, 5]).clip(2)
    B.exp(B.tensor([0, 1])), B.sqrt(B.tensor(4)), B.sigmoid(B.tensor([0])), B.tanh(B.tensor(0))
    B.abs(B.tensor([-1, 2])), B.sign(B.tensor([-2.0, 0, 3])), B.floor(B.tensor([1.5]))
    B.round(B.tensor([0.5, 1.5, 2.5]))
    B.round(B.tensor([1.2345, 2.5678]), decimals=2), B.tensor([1.5, -1.5]).round(), B.tensor([1, 2]).floor()
    B.isnan(B.tensor([float("nan"), 1])), B.isfinite(B.tensor([float("inf"), 1])), B.isinf(B.tensor([1]))
    B.add(B.ones(2), 1), B.add(B.ones(2), B.ones(2), alpha=2), B.sub(B.ones(2), 1), B.mul(B.ones(2), 3)
    B.div(B.ones(2), 2), B.pow(B.tensor([2, 3]), 2), B.pow(2, B.tensor([1, 2])), B.tensor([2.0]).pow(0.5)
    B.matmul(B.ones(2, 3), B.ones(3)), B.ones(2, 3) @ B.ones(3, 2), B.mm(B.ones(2, 3), B.ones(3, 1))
    B.bmm(B.ones(2, 2, 3), B.ones(2, 3, 1)), B.dot(B.arange(3), B.arange(3)), B.mv(B.ones(2, 3), B.ones(3))
    B.eq(B.tensor([1, 2]), 1), B.tensor([1, 2]).eq(B.tensor([1, 3])), B.ne(B.ones(2), 1), B.lt(B.ones(2), 2)
    B.tensor([1]).ge(1), B.logical_and(B.tensor([True]), B.tensor([False])), B.logical_not(B.tensor([0, 1]))
    (B.tensor([1, 2, 3]) == B.tensor([1, 5, 3])).sum().item()
    (B.tensor([1, 2]) == B.tensor([1, 2])).all().item()
    B.result_type(B.ones(1), 1), B.result_type(B.tensor([1]), 1.5)
    B.result_type(B.tensor(1), B.tensor([1.0])), B.promote_types(B.int32, B.float16), B.result_type(1, 2.0)
    B.result_type(True, 1)
    B.set_default_dtype(B.float32)
    B.set_default_dtype(B.int64)
    B.is_grad_enabled()
    B.ones(2, 2).sum(dim=0, axis=1)
    B.ones(2, 2).unbind(axis=0)
    B.ones(2, 2).index_select(axis=0, index=B.tensor([0]))
    B.ones(2, 1).squeeze(axis=1)
    B.ones(2).sum(B.tensor(0))
    B.ones(2, 2).mean((0, 1), True)
    B.ones(2, 2).amax(axis=0, keepdims=True)
""")
def test_calls(program):
    """The forms in which functions and methods are called."""
    check(program)


@table("""
    B.set_num_threads(0)
    B.set_num_threads(-1)
    B.set_num_threads("a")
    B.set_num_threads(1.5)
    B.set_num_threads(True)
    B.set_num_threads(B.get_num_threads())
""")
def test_threads(program):
    """`set_num_threads` takes positive ints only."""
    check(program)


@table("""
    x = B.ones(2); out = B.zeros(2); B.exp(x, out=out) is out, out
    x = B.ones(2); B.add(x, x, out=x)
    B.sum(B.ones(2, 3), 0, out=B.zeros(3))
    B.sum(B.ones(2, 3), 0, out=B.zeros(3, dtype=B.float64))
    B.sum(B.ones(2, 3), 0, out=B.zeros(3, dtype=B.int64))
    B.sum(B.ones(2, 3), 0, out=B.zeros(4))
    B.sum(B.ones(2, 3), 0, out=B.zeros(0))
    B.sum(B.ones(2, 3), 0, dtype=B.float64, out=B.zeros(3))
    B.max(B.ones(2, 3), 0, out=(B.zeros(3), B.zeros(3, dtype=B.int64)))[1]
    B.max(B.ones(2, 3), 0, out=(B.zeros(3), B.zeros(3)))
    B.max(B.ones(2, 3), 0, out=B.zeros(3))
    B.sub(B.ones(2), 3, out=B.zeros(2, dtype=B.float64))
    B.exp(B.ones(2), out=B.zeros(2, dtype=B.int64))
    B.eq(B.ones(2), 1, out=B.zeros(2))
    B.mm(B.ones(2, 2), B.ones(2, 2), out=B.zeros(2, 2, dtype=B.float64))
    B.exp(B.ones(2), out=1)
    B.exp(B.ones(2), out=(B.ones(2),))
    B.exp(B.ones(2, requires_grad=True), out=B.zeros(2))
    B.exp(B.ones(2), out=B.zeros(2, requires_grad=True))
    B.cat([B.ones(2, requires_grad=True)], out=B.zeros(2))
    y = B.zeros(2); B.no_grad()(lambda: B.exp(B.ones(2, requires_grad=True), out=y))()
    y = B.zeros(2); v = y._version; z = B.exp(B.ones(2), out=y); y._version > v
    B.zeros(2, 3, out=B.ones(2, 3, dtype=B.int64))
    B.full((2,), 1.5, out=B.zeros(2, dtype=B.int64))
    B.eye(2, out=B.ones(0))
    B.arange(3, out=B.zeros(3))
    B.nonzero(B.ones(2), out=B.zeros(0, dtype=B.int64))
    B.stack([B.ones(2), B.ones(2)], out=B.zeros(2, 2))
    x = B.arange(6.); B.add(x[1:], x[:-1], out=x[1:])
    x = B.arange(6.); B.cat([x[:2], x[2:4]], out=x[:4])
    x = B.arange(6.); B.sum(x, 0, out=x[0]); x
    B.add(B.ones(3), 1, out=B.ones(1).expand(3))
    x = B.arange(6.); B.add(B.ones(3), 1, out=x[2:4]); x
    x = B.arange(6.); B.add(B.ones(2), 1, out=x[::2]); x
    B.abs(B.ones(2), out=B.zeros(2, dtype=B.float64))
    B.index_select(B.ones(2), 0, B.tensor([0]), out=B.zeros(1, dtype=B.float64))
    B.sort(B.ones(2), out=(B.zeros(2, dtype=B.float64), B.zeros(2, dtype=B.int64)))
    B.any(B.ones(2), 0, out=B.zeros((), dtype=B.float64))
    B.any(B.ones(2), 0, out=B.zeros((), dtype=B.uint8))
""")
def test_out(program):
    """`out=`: written into, resized, and refused, as torch does."""
    check(program)


@table("""
    B.xlogy(2, B.ones(2))
    B.xlogy(0, B.tensor([0.0, -1.0]))
    B.allclose(B.tensor([2**53]), B.tensor([2**53 + 1]), rtol=0, atol=0)
    B.logit(B.tensor([0.25, 0.5, 0.75]), eps=0.6)
    x = B.tensor([0.0, 1.0], requires_grad=True); B.atan2(x, x.detach()).sum().backward(); x.grad
    B.cross(B.ones(3, dtype=B.int64), B.ones(3), 0)
    B.cross(B.ones(3), B.ones(2, 2), 0)
    B.cdist(B.ones(2, 3), B.ones(2, 3), -1)
    B.cdist(B.ones(3), B.ones(2, 3))
    B.tensordot(B.ones(2, 2), B.ones(2, 2), ([0, 0], [0, 1]))
    B.einsum("ij->ii", B.ones(2, 2))
    B.addmm(B.ones(2, 2), B.ones(2, 2).double(), B.ones(2, 2).double())
    B.addr(B.ones(2, 2, dtype=B.int64), B.ones(2), B.ones(2))
""")
def test_edges(program):
    """Where functions of two tensors end: at 0, at numbers too long for floats, and at what they refuse."""
    check(program)


@table("""
    B.ones(2, 3).transpose("a", 1)
    B.transpose(B.ones(2, 3), "a", 1)
    B.ones(2, 3).transpose(0)
    B.transpose(B.ones(2, 3), 0, 1, 2)
    B.unsqueeze(B.ones(2), 1.0)
    B.unsqueeze(B.ones(2), True)
    B.unsqueeze(B.ones(2))
    B.unsqueeze()
    B.unsqueeze(B.ones(2), 1, foo=2)
    B.unsqueeze(B.ones(2), 1, dim=2)
    B.unsqueeze(B.ones(2), axis=1)
    B.unsqueeze(B.ones(2), axis=1, dim=1)
    B.ones(2).unsqueeze(dim="a")
    B.flatten(B.ones(2, 2), 0, "a")
    B.ones(2, 3).sum((0, "a"))
    B.ones(2, 3).sum(["a"])
    B.ones(2, 3).sum(0, 1)
    B.ones(2, 3).sum(keepdim=1)
    B.ones(2, 3).sum(0, keepdim="a")
    B.ones(2, 3).sum(0, dtype=1)
    B.amax(B.ones(2, 3), 0, 1)
    B.amax(B.ones(2, 3), ["a"])
    B.amax(input=1)
    B.ones(2).add("a")
    B.ones(2).add(1, alpha="a")
    B.add(B.ones(2), None)
    B.add(B.ones(2), other="a")
    B.ones(2).mul("a")
    B.ones(2).mul()
    B.ones(2).mm(1)
    B.ones(2).tril(1.5)
    B.ones(2).chunk("a")
    B.ones(2).softmax("a")
    B.ones(2).softmax(0, "a")
    B.ones(2).gather(0, 1)
    B.ones(2).argmax(0, "a")
    B.ones(2).max(0, "a")
    B.ones(2).max("a")
    B.squeeze(B.ones(2), "a")
    B.stack(B.ones(2))
    B.stack([B.ones(2)], "a")
    B.cat([B.ones(2), 1])
    B.cat([B.ones(2)], 0, 1)
    B.ones(2).round(decimals="a")
    B.ones(2).masked_fill(1, 1)
    B.ones(2).add_("a")
    B.ones(2).clamp_("a")
    B.ones(2).uniform_("a")
    B.ones(2).reshape(2.5, 1)
    B.ones(2).view(2.5, 1)
    B.ones(2).reshape()
    B.reshape(B.ones(2), 2, 1)
    B.zeros(2, size=(1,))
    B.zeros(2.5, 1)
    B.zeros((1, 2.5))
    B.zeros(2, True).shape
    B.zeros(2, foo=1)
    B.arange(1, "a")
    B.rand(2, 2.5)
    B.numel(1)
""")
def test_wrong_arguments(program):
    """Types, counts and names of arguments, in functions and in methods."""
    check(program)
