"""Tensors over memory: indices read and written, views, in-place operations, gradients' rules."""

from tensor_pairs import check, table


@table("""
    x = B.arange(24).reshape(2, 3, 4); x[0], x[-1], x[1, 2], x[1, 2, 3], x[..., 0], x[:, 1], x[:, :, ::2]
    x = B.arange(24).reshape(2, 3, 4); x[:, 1:], x[0, ..., 1]
    x = B.arange(24).reshape(2, 3, 4); x[None], x[:, None], x[..., None], x[None, ..., None], x[0, None, 1]
    x = B.arange(24).reshape(2, 3, 4); x[None, None]
    x = B.arange(24).reshape(2, 3, 4); x[()], x[...], x[:]
    x = B.arange(10); x[2:8:3], x[-3:], x[:-7], x[5:2], x[20:], x[-20:3], x[::4], x[1::2]
    x = B.arange(10); x[::-1]
    x = B.arange(10); x[::0]
    x = B.arange(10); x[5:2:-1]
    x = B.arange(10); x[10]
    x = B.arange(10); x[-11]
    x = B.arange(10); x[1, 2]
    x = B.arange(6).reshape(2, 3); x[0, 3]
    x = B.arange(6).reshape(2, 3); x[0, 0, 0]
    x = B.arange(6).reshape(2, 3); x[[0, 1]]
    x = B.arange(6).reshape(2, 3); x[[0, 1], [1, 2]]
    x = B.arange(6).reshape(2, 3); x[[True, False]]
    x = B.arange(6).reshape(2, 3); x[(0, 1)]
    x = B.arange(6).reshape(2, 3); x[[0]], x[[-1]], x[[]]
    x = B.arange(6).reshape(2, 3); x[B.tensor([0, 1])], x[B.tensor([[0, 1], [1, 0]])], x[:, B.tensor([2, 0])]
    x = B.arange(6).reshape(2, 3); x[B.tensor(1)], x[B.tensor(1), B.tensor(2)], x[:, B.tensor(1)]
    x = B.arange(6).reshape(2, 3); x[B.tensor([1])]
    x = B.arange(6).reshape(2, 3); x[B.tensor([0, 1]), B.tensor([2, 0])]
    x = B.arange(6).reshape(2, 3); x[B.tensor([[0], [1]]), B.tensor([2, 0])]
    x = B.arange(6).reshape(2, 3); x[np.array([0, 1])], x[np.array(1)], x[np.int64(1)]
    x = B.arange(6).reshape(2, 3); x[np.array([True, False])], x[:, np.array([0, 2])]
    x = B.arange(6).reshape(2, 3); x[x > 2], x[(x > 2) & (x < 5)], x[x > 100], x[B.tensor([True, False])]
    x = B.arange(6).reshape(2, 3); x[:, B.tensor([True, False, True])]
    x = B.arange(6).reshape(2, 3); x[True], x[False], x[True, 0], x[None, True], x[B.tensor(True)]
    x = B.arange(6).reshape(2, 3); x[B.tensor(False)]
    x = B.arange(6).reshape(2, 3); x[B.tensor([1, 0], dtype=B.uint8)]
    x = B.arange(6).reshape(2, 3); x[B.tensor([1, 0], dtype=B.int32)]
    x = B.arange(6).reshape(2, 3); x[B.tensor([1, 0], dtype=B.int8)]
    x = B.arange(6).reshape(2, 3); x[B.tensor([1, 0], dtype=B.int16)]
    x = B.arange(6).reshape(2, 3); x[B.tensor([1.0])]
    x = B.arange(6).reshape(2, 3); x[1.0]
    x = B.arange(6).reshape(2, 3); x[{}]
    x = B.arange(6).reshape(2, 3); x[1:"a"]
    x = B.arange(6).reshape(2, 3); x[1.5:]
    x = B.arange(6).reshape(2, 3); x[B.tensor(1):]
    x = B.arange(6).reshape(2, 3); x[:, B.tensor(0):B.tensor(2)]
    x = B.arange(6).reshape(2, 3); x[B.tensor([0, 5])]
    x = B.arange(6).reshape(2, 3); x[B.tensor([0, -3])]
    x = B.arange(6).reshape(2, 3); x[[0, 1], [0, 1, 2]]
    x = B.arange(6).reshape(2, 3); x[B.tensor([True, False, True])]
    x = B.arange(6).reshape(2, 3); x[:, B.tensor([True, False])]
    x = B.arange(6).reshape(2, 3); x[B.ones(2, 3, 1) > 0]
    x = B.arange(6).reshape(2, 3); x[B.ones(3, 2) > 0]
    x = B.tensor(5); x[()], x[...], x[None], x[True], x[False]
    x = B.tensor(5); x[0]
    x = B.tensor(5); x[:]
    x = B.tensor(5); x[[0]]
    x = B.arange(24).reshape(2, 3, 4); x[[0, 1], :, [1, 2]], x[:, [0, 1], [1, 2]], x[[0], :, 1]
    x = B.arange(24).reshape(2, 3, 4); x[0, :, [1, 2]], x[[0, 1], None, [1, 2]]
    x = B.arange(24).reshape(2, 3, 4); x[..., [0, 1]], x[[0, 1], ...], x[[1], ..., [0]]
    x = B.arange(24).reshape(2, 3, 4); x[:, [[0, 1], [2, 0]]], x[:, [0, 1], 2]
    x = B.arange(24).reshape(2, 3, 4); x[x[:, :, 0] > 4], x[:, x[0, :, 0] > 3], x[0, x[0] > 5], x[x > 5].shape
    x = B.arange(24).reshape(2, 3, 4); x[[True, False], :, [True, False, True, True]]
    x = B.arange(24).reshape(2, 3, 4); x[1, [True, False, True]], x[1, [True, False, True], 2]
    x = B.zeros(0, 3); x[0]
    x = B.zeros(0, 3); x[:], x[[]], x[:, 1], x[x > 0]
    x = B.arange(6.0).reshape(2, 3); y = x[0]; y[1] = 7; x
    x = B.arange(6.0).reshape(2, 3); y = x[:, 1:]; y += 10; x
    x = B.arange(6.0).reshape(2, 3); y = x[[0]]; y[0, 1] = 7; x
    x = B.arange(6.0).reshape(2, 3); y = x.t(); y[0] = 7; x
    x = B.arange(6.0); y = x.view(2, 3); y[1] = 0; x
    x = B.arange(6.0); y = x.reshape(2, 3); y.zero_(); x
    x = B.arange(6.0).reshape(2, 3); a, b = x.unbind(); a.zero_(); x
    x = B.arange(6.0); a, b = x.split(3); a.fill_(9); x
    x = B.arange(6.0); x[::2].mul_(10); x
    x = B.arange(6.0).reshape(2, 3); x.t()[0].zero_(); x
    x = B.arange(6.0).reshape(2, 3); x[0].is_contiguous(), x[:, 0].is_contiguous(), x[:, :1].is_contiguous()
    x = B.arange(6.0).reshape(2, 3); x[None].stride(), x[:, None].stride(), x[..., None].stride()
""")
def test_read(program):
    """`x[index]`."""
    check(program)


@table("""
    x = B.zeros(2, 3); x[0] = 1; x
    x = B.zeros(2, 3); x[0, 1] = 1.5; x
    x = B.zeros(2, 3); x[:, 1] = B.tensor([1.0, 2.0]); x
    x = B.zeros(2, 3); x[...] = 5; x
    x = B.zeros(2, 3); x[:] = B.arange(3); x
    x = B.zeros(2, 3); x[x == 0] = 4; x
    x = B.zeros(2, 3); x[B.tensor([True, False])] = 4; x
    x = B.zeros(2, 3); x[[0, 1], [1, 2]] = 4; x
    x = B.zeros(2, 3); x[[0, 1], [1, 2]] = B.tensor([4.0, 5.0]); x
    x = B.zeros(2, 3); x[B.tensor([1])] = B.tensor([4.0, 5.0, 6.0]); x
    x = B.zeros(2, 3); x[1] = [4, 5, 6]; x
    x = B.zeros(2, 3); x[1] = np.array([4, 5, 6]); x
    x = B.zeros(2, 3); x[1] = np.float64(4); x
    x = B.zeros(2, 3); x[1] = (4, 5, 6); x
    x = B.zeros(2, 3); x[1] = True; x
    x = B.zeros(2, 3, dtype=B.int64); x[1] = 2.7; x
    x = B.zeros(2, 3, dtype=B.int64); x[1] = B.tensor([2.7, 1.2, 0.3]); x
    x = B.zeros(2, 3, dtype=B.bool); x[1] = 2; x
    x = B.zeros(2, 3, dtype=B.uint8); x[1] = 300; x
    x = B.zeros(2, 3, dtype=B.uint8); x[1] = -1; x
    x = B.zeros(2, 3); x[1] = 1e300; x
    x = B.zeros(2, 3); x[None] = 3; x
    x = B.zeros(2, 3); x[:, None] = 3; x
    x = B.zeros(2, 3); x[True] = 3; x
    x = B.zeros(2, 3); x[False] = 3; x
    x = B.zeros(2, 3); x[::2, 1:] = 3; x
    x = B.zeros(2, 3); x[0] = B.ones(1, 1, 3); x
    x = B.zeros(2, 3); x[0] = B.ones(2, 3); x
    x = B.zeros(2, 3); x[0] = B.ones(2); x
    x = B.zeros(2, 3); x[[0, 1]] = B.ones(2); x
    x = B.zeros(2, 3); x[x == 0] = B.ones(2); x
    x = B.zeros(2, 3); x[x == 0] = B.arange(6.0); x
    x = B.zeros(2, 3); x[x > 0] = B.tensor([]); x
    x = B.zeros(2, 3); x[5] = 1; x
    x = B.zeros(2, 3); x[[0, 5]] = 1; x
    x = B.zeros(2, 3); x[0] = "a"; x
    x = B.zeros(2, 3); x[0] = None; x
    x = B.zeros(2, 3); x[0] = {}; x
    x = B.zeros(2, 3); x[::-1] = 1; x
    x = B.tensor(5.0); x[()] = 3; x
    x = B.tensor(5.0); x[...] = 3; x
    x = B.tensor(5.0); x[None] = 3; x
    x = B.tensor(5.0); x[0] = 3; x
    x = B.tensor(5.0); x[True] = 3; x
    x = B.zeros(3); x[0] = B.tensor(2.0); x
    x = B.zeros(3); x[0] = B.tensor([2.0]); x
    x = B.zeros(3); x[B.tensor(1)] = 2; x
    x = B.zeros(3); x[B.tensor([0, 0])] = 2; x
    x = B.zeros(3); x[0] += 1; x[1:] *= 2; x[[0, 2]] += 5; x
    x = B.zeros(3); x[x < 1] += 2; x
    x = B.arange(5); x[1:] = x[:-1].clone(); x
    x = B.zeros(2, 3).t(); x[0] = 1; x
    x = B.zeros(2, 2); x[0, 0], x[1, 1] = 1, 2; x
    x = B.zeros(4, 4); x[range(4), range(4)] = 1; x
    x = B.zeros(2, 3); x[:, [0, 2]] = B.tensor([[1.0, 2], [3, 4]]); x
    x = B.zeros(2, 3, 4); x[:, [0, 2], 1] = 7; x.sum(), x[..., 1]
    x = B.zeros(2, 3); x.__setitem__((0, slice(None)), 2); x
    x = B.zeros(2); x._version; x[0] = 1; x._version
""")
def test_assigned(program):
    """`x[index] = value`."""
    check(program)


@table("""
    x = B.ones(2); x.requires_grad_() is x, x.requires_grad
    x = B.ones(2); x.requires_grad = True; x
    x = B.ones(2, requires_grad=True); x.requires_grad_(False); x
    x = B.ones(2, requires_grad=True); x.requires_grad = False; x
    x = B.ones(2, requires_grad=True); y = x * 2; y.requires_grad_(False)
    x = B.ones(2, requires_grad=True); y = x * 2; y.requires_grad = False
    x = B.ones(2, requires_grad=True); y = x * 2; y.requires_grad_(), y.requires_grad
    x = B.tensor([1, 2]); x.requires_grad_()
    x = B.tensor([1, 2]); x.requires_grad = True
    x = B.tensor([True]); x.requires_grad_()
    x = B.tensor([1, 2]); x.requires_grad_(False)
    x = B.ones(2); x.requires_grad = 1; x
    x = B.ones(2); x.requires_grad = None
    x = B.ones(2, requires_grad=True); y = x.detach(); y.requires_grad, y.is_leaf
    x = B.ones(2, requires_grad=True); y = x.detach(); y.data_ptr() == x.data_ptr()
    x = B.ones(2, requires_grad=True); y = x * 2; y.detach_(); y.requires_grad, y.is_leaf, y.grad_fn
    x = B.ones(2, requires_grad=True); x.data
    x = B.ones(2, requires_grad=True); x.data[0] = 5; x, x._version
    x = B.ones(2, requires_grad=True); x.data.add_(1); x._version
    x = B.ones(2, requires_grad=True); x.data = B.zeros(3); x
    x = B.ones(2, requires_grad=True); x.data = B.zeros(3, dtype=B.int64); x
    x = B.ones(2); x.data = B.zeros(3, dtype=B.int64); x
    x = B.ones(2); x.data = 5
    x = B.ones(2); x.data = np.ones(2)
    x = B.ones(2, requires_grad=True); x.grad, (x * x).sum().backward(), x.grad
    x = B.ones(2, requires_grad=True); (x * x).sum().backward(); (x * x).sum().backward(); x.grad
    x = B.ones(2, requires_grad=True); x.grad = B.zeros(2); x.grad
    x = B.ones(2, requires_grad=True); x.grad = None; x.grad
    x = B.ones(2, requires_grad=True); x.grad = 5
    x = B.ones(2, requires_grad=True); x.grad = B.zeros(3)
    x = B.ones(2, requires_grad=True); x.grad = B.zeros(2, dtype=B.float64)
    x = B.ones(2, requires_grad=True); x.grad = x
    x = B.ones(2, requires_grad=True); del x.grad; x.grad
    x = B.ones(2, requires_grad=True); y = x * 2; y.grad
    x = B.ones(2, requires_grad=True); y = x * 2; y.retain_grad(); y.sum().backward(); y.grad, y.retains_grad
    x = B.ones(2, requires_grad=True); y = x * 2; y.retain_grad(); y.sum().backward(); x.grad
    x = B.ones(2); x.retain_grad()
    x = B.ones(2, requires_grad=True); x.retain_grad(); x.retains_grad
    x = B.ones(2, requires_grad=True); x.backward()
    x = B.ones(2); x.sum().backward()
    x = B.ones(2, requires_grad=True); y = x.sum(); y.backward(); y.backward()
    x = B.ones(2, requires_grad=True); y = (x * x).sum(); y.backward(); y.backward()
    x = B.ones(2, requires_grad=True); y = (x * x).sum(); y.backward(retain_graph=True); y.backward(); x.grad
    x = B.ones(2, requires_grad=True); (x * 2).backward(B.tensor([1.0, 3.0])); x.grad
    x = B.ones(2, requires_grad=True); (x * 2).backward(gradient=B.ones(3))
    x = B.ones(2, requires_grad=True); x.register_hook(lambda g: g * 10); (x * 3).sum().backward(); x.grad
    x = B.ones(2); x.register_hook(lambda g: g)
    x = B.ones(2, requires_grad=True); y = x.long(); y.requires_grad
    x = B.ones(2, requires_grad=True); y = x > 0; y.requires_grad
    x = B.ones(2, requires_grad=True); y = x.argmax(); y.requires_grad
    x = B.ones(2, requires_grad=True); v, i = x.max(0); v.requires_grad, i.requires_grad
    x = B.ones(2, requires_grad=True); y = B.zeros(2); y[0] = x[0]; y, y.requires_grad
    x = B.ones(2, requires_grad=True); y = B.zeros(3); y[:2] = x; y.sum().backward(); x.grad
    x = B.ones(2, requires_grad=True); y = x.clone(); y[0] = 5; y.sum().backward(); x.grad
    x = B.ones(2, requires_grad=True); y = x.clone(); y += 1; y *= y; y.sum().backward(); x.grad
    x = B.ones(2, requires_grad=True); x += 1
    x = B.ones(2, requires_grad=True); x[0] = 1
    x = B.ones(2, requires_grad=True); x.zero_()
    x = B.ones(2, requires_grad=True); x.data.zero_(); x
    x = B.ones(3, requires_grad=True); y = x * 2; y[0] = 0; y.sum().backward(); x.grad
    x = B.ones(2, requires_grad=True); y = x.exp(); y.add_(1); y.sum().backward()
    x = B.ones(2, requires_grad=True); y = x + 1; y.add_(1); y.sum().backward(); x.grad
    x = B.ones(2, requires_grad=True); a = B.ones(2); y = x * a; a.add_(1); y.sum().backward()
    x = B.ones(2, requires_grad=True); s = []; h = x.register_hook(s.append); (x * 3).sum().backward(); s[0]
    x = B.ones(2).requires_grad_(); y = x * 2; y.register_hook(lambda g: g * 10); y.sum().backward(); x.grad
""")
def test_rules(program):
    """requires_grad, grad, data, hooks."""
    check(program)


@table("""
    x = B.ones(2); y = x; x += 1; y
    x = B.ones(2); y = x; x = x + 1; y
    x = B.ones(2); x.add_(1) is x, x._version, x.mul_(2)._version, x.sub_(1)._version, x.div_(2)._version
    x = B.ones(2); x.zero_()._version, x.fill_(3)._version
    x = B.ones(2); x.copy_(B.tensor([3, 4])), x._version
    x = B.ones(2, 3); x.copy_(B.arange(3)); x
    x = B.ones(2, 3); x.copy_(B.ones(3, 2))
    x = B.ones(2, dtype=B.int64); x.copy_(B.tensor([1.7, 2.2])); x
    x = B.ones(2, dtype=B.int64); x.add_(1.5)
    x = B.ones(2, dtype=B.int64); x += 1.5
    x = B.ones(2, dtype=B.int64); x.mul_(2); x
    x = B.ones(2, dtype=B.int64); x /= 2
    x = B.ones(2, dtype=B.int64); x.div_(2)
    x = B.ones(2, dtype=B.bool); x.add_(1)
    x = B.ones(2, dtype=B.bool); x += True; x
    x = B.ones(2); x.add_(B.ones(2, dtype=B.float64)); x
    x = B.ones(2, dtype=B.float16); x += B.ones(2); x
    x = B.ones(2); x.add_(B.ones(2, 2))
    x = B.ones(1); x.add_(B.ones(2))
    x = B.ones(2); x.add_(B.ones(3))
    x = B.ones(2, 2); x.add_(B.ones(2)); x
    x = B.ones(2); x.add_(B.ones(2), alpha=3); x
    x = B.ones(2); x.add_(2, alpha=3); x
    x = B.ones(2).expand(3, 2); x.add_(1)
    x = B.ones(2); x.clamp_(2); x
    x = B.ones(2); x.clamp_(min=0, max=0.5); x
    x = B.ones(2); x.clamp_(max=B.tensor([0.0, 5.0])); x
    x = B.ones(2); x.pow_(2), x.exp_(), x.neg_(), x.abs_(), x.sqrt_()
    x = B.ones(2); x **= 2; x -= 1; x /= 3; x
    x = B.ones(2); x.masked_fill_(B.tensor([True, False]), 9); x
    x = B.ones(2); x.fill_(B.tensor(3)); x
    x = B.ones(2); x.fill_("a")
    x = B.ones(2); x.zero_().data_ptr() == x.data_ptr()
    x = B.ones(2); x @= x
    x = B.ones(2, dtype=B.int64); x &= 1; x |= 2; x ^= 1; x
    x = B.tensor([True, False]); x &= B.tensor([True, True]); x
    x = B.ones(2, 3); y = x.t(); y.add_(1); x
    x = B.ones(2, 3); x.t().copy_(B.arange(6.0).reshape(3, 2)); x
    x = B.ones(2); x.requires_grad_(); y = x * 1; y.zero_(); y.sum().backward(); x.grad
""")
def test_in_place(program):
    """In-place operations."""
    check(program)


@table("""
    x = B.ones(2, 3).t(); x.clone().stride(), x.contiguous().stride(), x.clone().is_contiguous()
    x = B.ones(3).expand(2, 3); x.clone().stride(), x.contiguous().stride(), x.stride()
    x = B.ones(2, 3); x.contiguous() is x
    x = B.ones(2, requires_grad=True); y = x.clone(); y.requires_grad, y.is_leaf
    x = B.ones(2, 3, requires_grad=True); y = x.t().contiguous(); y.sum().backward(); x.grad
    x = B.arange(6); x.view(2, 3), x.view(-1), x.view(3, -1), x.view(1, 6, 1), x.view(B.Size([2, 3]))
    x = B.arange(6); x.view((2, 3)), x.view([2, 3])
    x = B.arange(6); x.view(4)
    x = B.arange(6); x.view(-1, -1)
    x = B.arange(6).reshape(2, 3).t(); x.view(6)
    x = B.arange(6).reshape(2, 3).t(); x.reshape(6), x.flatten(), x.reshape(-1, 2)
    x = B.arange(6).reshape(2, 3); x.T, x.mT, x.t(), x.transpose(0, 1), x.permute(1, 0)
    x = B.arange(24).reshape(2, 3, 4); x.mT.shape, x.permute(2, 0, 1).shape, x.permute((2, 0, 1)).stride()
    x = B.arange(24).reshape(2, 3, 4); x.transpose(-1, 0).shape
    x = B.arange(3); x.T, x.t()
    x = B.ones(2, 1, 3, 1); x.squeeze().shape, x.squeeze(1).shape, x.squeeze(0).shape, x.squeeze(-1).shape
    x = B.ones(2, 1, 3, 1); x.squeeze((1, 3)).shape, x.unsqueeze(0).shape, x.unsqueeze(-1).shape
    x = B.ones(2, 3); x.expand(4, 2, 3).shape, x.expand(4, -1, -1).stride()
    x = B.ones(2, 3); x.expand_as(B.ones(5, 2, 3)).shape, x.view_as(B.ones(6)).shape
    x = B.ones(2, 3); x.reshape_as(B.ones(3, 2)).shape
    x = B.ones(2, 3); x.flatten().shape, x.flatten(0).shape, x.flatten(1).shape, x.flatten(0, 1).shape
    x = B.ones(2, 3); B.tensor(1.0).flatten().shape
    x = B.arange(10); [p.tolist() for p in x.split(3)], [p.tolist() for p in x.chunk(3)]
    x = B.arange(10); [p.tolist() for p in x.split([2, 3, 5])], [p.tolist() for p in B.split(x, 4)]
    x = B.arange(6).reshape(2, 3); B.cat([x, x]), B.cat((x, x), 1), B.cat([x, x], dim=-1)
    x = B.arange(6).reshape(2, 3); B.stack([x, x]).shape, B.stack((x, x), -1).shape
    B.cat([B.ones(2), B.ones(2, dtype=B.int64)]), B.cat([B.tensor([1]), B.tensor([1.5])])
    B.stack([B.tensor(1), B.tensor(2.5)])
    B.cat([B.zeros(0), B.ones(2, 2)])
    B.tril(B.ones(3, 3)), B.triu(B.ones(3, 3), 1), B.ones(3, 3).tril(-1), B.ones(2, 3, 3).triu().shape
    B.where(B.tensor([True, False]), 1, 2), B.where(B.tensor([True, False]), 1.0, 2)
    B.where(B.tensor([True, False]), B.tensor([1, 2]), 0.5)
    B.where(B.tensor([True, False, True]))
    B.ones(2).where(B.tensor([True, False]), 5), B.ones(2).where(B.tensor([True, False]), B.zeros(2))
    B.nonzero(B.tensor([0, 1, 2])), B.tensor([[0, 1], [2, 0]]).nonzero()
    B.nonzero(B.tensor([0, 1]), as_tuple=True), B.tensor(5).nonzero(), B.tensor(0).nonzero()
    x = B.arange(6).reshape(2, 3); x.gather(1, B.tensor([[0, 2], [1, 1]])), x.gather(0, B.tensor([[0, 1, 0]]))
    x = B.arange(6).reshape(2, 3); x.index_select(1, B.tensor([2, 0]))
    x = B.zeros(3); x.scatter_add_(0, B.tensor([0, 0, 2]), B.ones(3))
    x = B.zeros(3); x.scatter_add(0, B.tensor([1]), B.ones(3))
    B.nn.functional.one_hot(B.tensor([0, 2, 1])), B.nn.functional.one_hot(B.tensor([0, 1]), 4)
""")
def test_views(program):
    """Copies, views, joining and choosing."""
    check(program)
