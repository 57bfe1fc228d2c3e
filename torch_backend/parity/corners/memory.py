"""In-place writes, views, copies, and other libraries' arrays."""
import copy
import pickle

import numpy as np

from . import MECHANICS, VIEWS, corner, leaf, refused, square

# In place, and the versions of memory


@corner(MECHANICS)
def a_leaf_in_place(B, say):
    x = leaf(B)
    refused(say, lambda: x.add_(1))
    refused(say, lambda: x.zero_())
    refused(say, lambda: x[0].mul_(2))
    refused(say, lambda: x.view(3, 1).add_(1))
    refused(say, lambda: x.__setitem__(0, 5.0))
    with B.no_grad():
        x.add_(1)
        x[0] = 7.0
    say(x, x._version)


@corner(MECHANICS)
def a_saved_value_in_place(B, say):
    for change in (lambda y: y.add_(1), lambda y: y.__setitem__(0, 1.0), lambda y: y.detach().mul_(2)):
        x = leaf(B)
        y = x * 2
        z = y.exp() * y
        change(y)
        refused(say, z.sum().backward)


@corner(MECHANICS)
def a_saved_result_in_place(B, say):
    for f in (B.exp, B.tanh, B.sigmoid, B.sqrt):
        y = f(leaf(B))
        y.mul_(2)
        refused(say, y.sum().backward)


@corner(MECHANICS)
def what_nobody_saved_in_place(B, say):
    x = leaf(B)
    y = x + 1
    y.mul_(3)
    y.sub_(1)
    y.sum().backward()
    say(x.grad, y, y._version)


@corner(MECHANICS)
def a_parameter_updated_before_the_walk(B, say):
    x, w = leaf(B), leaf(B)
    y = (x * w).sum()
    with B.no_grad():
        w.sub_(0.5)
    refused(say, y.backward)


@corner(MECHANICS)
def data_is_not_watched(B, say):
    x, w = leaf(B), leaf(B)
    y = (x * w).sum()
    w.data.sub_(0.5)
    y.backward()
    say(x.grad, w.grad, w._version)


@corner("generated/torch.Tensor.detach.html")
def detached_shares(B, say):
    x = leaf(B)
    d = x.detach()
    d[0] = 9.0
    say(x, d.requires_grad, d.grad_fn, x._version, d._version, d.data_ptr() == x.data_ptr())


@corner("generated/torch.Tensor.detach_.html")
def detach_in_place(B, say):
    x = leaf(B)
    y = x * 2
    z = y + y
    y.detach_()
    z.sum().backward()
    say(y.is_leaf, y.requires_grad, x.grad)
    refused(say, lambda: x.view(3)[0].detach_())


@corner(MECHANICS)
def versions(B, say):
    x = B.zeros(4)
    view = x[1:]
    view.add_(1)
    x.mul_(2)
    x[0] = 3.0
    say(x._version, view._version, x.clone()._version, x.view(2, 2)._version, x)


@corner(MECHANICS)
def in_place_keeps_the_right_half(B, say):
    x = leaf(B)
    y = x * 1
    y[1:] *= x[1:]
    y[0] = 5.0
    y.sum().backward()
    say(x.grad, y.grad_fn.name())


@corner(MECHANICS)
def operand_and_target_in_one(B, say):
    x = leaf(B)
    y = x * 1
    y.mul_(x).add_(y.detach())
    y.sum().backward()
    say(x.grad, y)


@corner(MECHANICS)
def in_place_does_not_grow_or_convert(B, say):
    refused(say, lambda: B.ones(3).add_(B.ones(2, 3)))
    refused(say, lambda: B.ones(3, dtype=B.int64).add_(1.5))
    refused(say, lambda: B.ones(1, 3).expand(2, 3).add_(1))
    refused(say, lambda: B.ones(3).add_(B.ones(2)))


@corner("generated/torch.Tensor.copy_.html")
def copying_into_part(B, say):
    x, y = leaf(B), square(B)
    z = y * 1
    z[0].copy_(x)
    (z * z).sum().backward()
    say(x.grad, y.grad)


# Views


@corner(VIEWS)
def a_view_in_place(B, say):
    x = square(B)
    base = x * 1
    row = base[0]
    row.mul_(3)
    (base * base).sum().backward()
    say(x.grad, base, row.detach(), base.grad_fn.name(), row.requires_grad, base._version)


@corner(VIEWS)
def the_base_in_place(B, say):
    x = square(B)
    base = x * 1
    row, turned = base[0], base.t()
    base.mul_(x)
    say(row.detach(), turned.detach(), row.requires_grad)
    (row.sum() + (turned * turned).sum()).backward()
    say(x.grad)


@corner(VIEWS)
def a_constant_base_joins_the_graph(B, say):
    x = leaf(B)
    base = B.zeros(2, 3)
    row, flat = base[1], base.view(6)
    row.add_(x)
    say(base.requires_grad, flat.requires_grad, flat.grad_fn is None)
    (flat * flat).sum().backward()
    say(x.grad)


@corner(VIEWS)
def views_of_views(B, say):
    x = square(B)
    base = x * 2
    row = base[0]
    part = row[1:]
    part.mul_(5)
    row.add_(1)
    (base * x.detach()).sum().backward()
    say(x.grad, base, row.detach(), part.detach())


@corner(VIEWS)
def transposed_and_stepped(B, say):
    x = square(B)
    base = x * 2
    base.t()[1:].mul_(x.t()[1:])
    base[:, ::2].add_(x[:, ::2])
    (base * base).sum().backward()
    say(x.grad, base)


@corner(VIEWS)
def masks_are_copies_until_assigned(B, say):
    x = square(B)
    base = x * 2
    picked = base[base > 4]
    picked.mul_(100)
    base[base > 8] = 0.0
    (base.sum() + picked.sum()).backward()
    say(x.grad, base.detach())


@corner(VIEWS)
def assigning_tensors(B, say):
    x, y = square(B), leaf(B)
    base = x * 1
    base[1] = y * 2
    base[0, 0] = y[2]
    base[:, 1] = 7.0
    (base * base).sum().backward()
    say(x.grad, y.grad, base)


@corner(VIEWS)
def assigning_by_integers(B, say):
    x = leaf(B, 1.0, 2.0, 3.0, 4.0)
    base = x * 1
    base[B.tensor([0, 2])] = base[B.tensor([3, 1])] * 10
    base.sum().backward()
    say(x.grad, base.detach())


@corner(VIEWS)
def several_views_of_one_call(B, say):
    for make in (lambda b: b.split(1), lambda b: b.unbind(), lambda b: b.chunk(2)):
        base = square(B) * 1
        parts = make(base)
        refused(say, lambda parts=parts: parts[0].mul_(2))
        refused(say, lambda parts=parts: parts[1][0].mul_(2))


@corner(VIEWS)
def several_views_without_gradients(B, say):
    base = B.ones(2, 3)
    first, second = base.unbind()
    first.mul_(2)
    second.add_(first)
    say(base, base._version)


@corner(VIEWS)
def a_view_made_without_recording(B, say):
    x = square(B)
    base = x * 1
    with B.no_grad():
        row = base[0]
    say(row.grad_fn)
    with B.no_grad():
        row.mul_(2)
    base.sum().backward()
    say(x.grad, base)


@corner(VIEWS)
def a_saved_view_in_place(B, say):
    base = square(B) * 1
    row = base[0]
    y = row * row
    base.add_(1)
    refused(say, y.sum().backward)


@corner(VIEWS)
def a_saved_base_through_a_view(B, say):
    base = square(B) * 1
    y = base * base
    base[0].zero_()
    refused(say, y.sum().backward)


@corner(VIEWS)
def expanded_memory(B, say):
    x = leaf(B)
    wide = (x * 1).expand(2, 3)
    refused(say, lambda: wide.mul_(2))
    wide.sum().backward()
    say(x.grad)


@corner(VIEWS)
def no_op_views(B, say):
    x = leaf(B)
    for y in (x.view(3), x.reshape(3), x.expand(3), x.contiguous(), x.to(B.float32), x[:], x.detach()):
        say(y is x, y.data_ptr() == x.data_ptr(), y.requires_grad)


@corner(VIEWS)
def second_derivatives_through_views(B, say):
    x = square(B)
    base = x * 2
    base.view(3, 2)[0].mul_(2)
    g, = B.autograd.grad((base * base * base).sum(), x, create_graph=True)
    say(g.detach())
    g.sum().backward()
    say(x.grad)


@corner("generated/torch.Tensor.index_put_.html")
def one_place_written_twice(B, say):
    x = leaf(B)
    base = B.zeros(2)
    base[B.tensor([0, 0])] = x[:2] * 1
    base.sum().backward()
    say(base.requires_grad)


# Copies


@corner("notes/serialization.html")
def deep_copies(B, say):
    x = leaf(B)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    y.grad.zero_()
    with B.no_grad():
        y.add_(1)
    say(x, x.grad, y, y.grad, y.is_leaf)
    refused(say, lambda: copy.deepcopy(x * 2))
    both = copy.deepcopy([x, x])
    say(both[0] is both[1])


@corner("notes/serialization.html")
def pickled(B, say):
    x = leaf(B)
    y = pickle.loads(pickle.dumps(x))
    say(y, y.is_leaf, y.grad, y.data_ptr() == x.data_ptr())
    for t in (B.tensor(3), B.tensor([True]), B.ones(2, 3).t(), B.zeros(0, 2), B.ones(2, dtype=B.float64)):
        again = pickle.loads(pickle.dumps(t))
        say(again, again.dtype, again.shape)
    refused(say, lambda: copy.copy(x).add_(1))


@corner("generated/torch.Tensor.clone.html")
def clones(B, say):
    x = leaf(B)
    y = x.clone()
    y.mul_(2)
    (y * y).sum().backward()
    say(x, x.grad, y.detach())


# NumPy


@corner("generated/torch.Tensor.numpy.html")
def numpy_shares(B, say):
    x = B.zeros(3)
    array = x.numpy()
    array[0] = 5
    x[1] = 7
    say(x, array, x._version)
    refused(say, leaf(B).numpy)
    refused(say, lambda: np.asarray(leaf(B)))
    say(leaf(B).detach().numpy(), leaf(B).numpy(force=True))


@corner("generated/torch.from_numpy.html")
def from_numpy_shares(B, say):
    array = np.arange(3.0)
    x = B.from_numpy(array)
    array[0] = 9
    x.add_(1)
    say(x, array, B.tensor(array).dtype, B.as_tensor(array).data_ptr() == x.data_ptr())
    refused(say, lambda: B.from_numpy([1, 2]))
    refused(say, lambda: B.from_numpy(np.array(["a"])))


@corner("generated/torch.from_dlpack.html")
def dlpack(B, say):
    x = B.arange(6.0).view(2, 3)
    array = np.from_dlpack(x)
    x[0, 0] = 9.0
    say(array, array.dtype)
    source = np.arange(4, dtype=np.float32)
    y = B.from_dlpack(source)
    source[0] = 7
    say(y, y.dtype, B.from_dlpack(x).data_ptr() == x.data_ptr(), x.__dlpack_device__()[0])
    say(np.from_dlpack(x.t()).strides, np.from_dlpack(B.tensor(3)), np.from_dlpack(B.tensor([True])))
    refused(say, leaf(B).__dlpack__)


@corner("generated/torch.Tensor.numpy.html")
def arithmetic_with_arrays(B, say):
    array, x = np.array([1.0, 2.0, 3.0], np.float32), B.ones(3)
    say(x + array, x * array)
    for call in (lambda: array * x, lambda: array + x, lambda: B.exp(array)):
        try:
            call()
            say("no error")
        except Exception as error:  # noqa: BLE001
            say(type(error).__name__)
    say(x * np.float32(2), x + np.int64(3), (x * np.float64(2)).dtype, np.asarray(x), np.array([x[0]]).dtype)
