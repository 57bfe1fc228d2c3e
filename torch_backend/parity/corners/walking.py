"""Leaves, walks, `autograd.grad`, modes."""
import threading

from . import MECHANICS, corner, leaf, refused

# Leaves, and what may be changed about them


@corner("generated/torch.Tensor.is_leaf.html")
def leaves(B, say):
    x = leaf(B)
    for t in (x, x * 1, x.detach(), B.ones(2), x[0], x.clone(), B.ones(2) * 2, x.double(), x.float()):
        say(t.is_leaf, t.requires_grad, t.grad_fn is None)


@corner("generated/torch.Tensor.requires_grad_.html")
def switching_off(B, say):
    x = leaf(B)
    y = x * 2
    refused(say, lambda: y.requires_grad_(False))
    x.requires_grad_(False)
    say(x.requires_grad, y.requires_grad, (x * 2).requires_grad)
    y.sum().backward()
    say(x.grad)


@corner("generated/torch.Tensor.requires_grad_.html")
def integers_cannot_require_grad(B, say):
    refused(say, lambda: B.tensor([1, 2], requires_grad=True))
    refused(say, lambda: B.tensor([1, 2]).requires_grad_())
    refused(say, lambda: setattr(B.tensor([True]), "requires_grad", True))


@corner("generated/torch.Tensor.grad.html")
def assigning_grad(B, say):
    x = leaf(B)
    refused(say, lambda: setattr(x, "grad", 3))
    refused(say, lambda: setattr(x, "grad", B.ones(2)))
    refused(say, lambda: setattr(x, "grad", B.ones(3, dtype=B.float64)))
    refused(say, lambda: setattr(x, "grad", x))
    x.grad = B.ones(3)
    (x * 2).sum().backward()
    say(x.grad)


@corner("generated/torch.Tensor.grad.html")
def grad_is_added_in_place(B, say):
    x = leaf(B)
    (x * 2).sum().backward()
    kept = x.grad
    (x * 3).sum().backward()
    say(kept is x.grad, kept, kept._version)


@corner("generated/torch.Tensor.backward.html")
def a_gradient_is_its_own_memory(B, say):
    x, y, seed = leaf(B), leaf(B), B.ones(3)
    (x + y).backward(seed)
    seed.zero_()
    x.grad.add_(1)
    say(x.grad, y.grad)


# Walking


@corner("generated/torch.autograd.backward.html")
def no_scalar(B, say):
    refused(say, lambda: (leaf(B) * 2).backward())
    refused(say, lambda: (leaf(B) * 2).backward(B.ones(2)))
    refused(say, lambda: B.ones(1).backward())
    refused(say, lambda: leaf(B).sum().detach().backward())


@corner("generated/torch.autograd.backward.html")
def several_roots(B, say):
    x = leaf(B)
    y, z = (x * 2).sum(), x * x
    B.autograd.backward([y, z], [None, B.tensor([1.0, 0.0, 10.0])])
    say(x.grad)
    refused(say, lambda: B.autograd.backward([y, z], [None]))
    refused(say, lambda: B.autograd.backward([y.detach()]))


@corner("generated/torch.Tensor.backward.html")
def a_leaf_is_its_own_root(B, say):
    x = B.tensor(3.0, requires_grad=True)
    x.backward()
    x.backward(B.tensor(5.0))
    say(x.grad, x.grad_fn)


@corner(MECHANICS)
def walked_twice(B, say):
    x = leaf(B)
    y = (x * x).sum()
    y.backward()
    refused(say, y.backward)
    say(x.grad)


@corner(MECHANICS)
def walked_twice_with_nothing_saved(B, say):
    x = leaf(B)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    say(x.grad)


@corner(MECHANICS)
def walked_twice_in_part(B, say):
    x = leaf(B)
    shared = x.exp()
    first, second = (shared * 2).sum(), (shared + 1).sum()
    first.backward()
    refused(say, second.backward)


@corner("generated/torch.Tensor.backward.html")
def retained(B, say):
    x = leaf(B)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    say(x.grad)
    refused(say, y.backward)


@corner("generated/torch.Tensor.backward.html")
def create_graph_keeps(B, say):
    x = leaf(B)
    y = (x * x * x).sum()
    y.backward(create_graph=True)
    say(x.grad.detach(), x.grad.requires_grad)
    first, x.grad = x.grad, None
    first.sum().backward()
    say(x.grad)
    x.grad = None
    y.backward()
    say(x.grad)


@corner("generated/torch.Tensor.backward.html")
def inputs_only(B, say):
    a, b = leaf(B), leaf(B)
    y = a * b
    z = (y * y).sum()
    z.backward(inputs=[a], retain_graph=True)
    say(a.grad, b.grad)
    z.backward(inputs=[y], retain_graph=True)
    say(y.grad, a.grad)
    refused(say, lambda: z.backward(inputs=[]))


@corner(MECHANICS)
def diamonds(B, say):
    x = B.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    say(x.grad)


@corner(MECHANICS)
def where_hides_no_nan(B, say):
    x = leaf(B, 0.0, 4.0)
    B.where(x > 0, x.sqrt(), B.zeros(2)).sum().backward()
    say(x.grad)


@corner(MECHANICS)
def kinks(B, say):
    for f in (B.abs, B.relu, lambda x: x.clamp(0, 1), lambda x: x.max(), lambda x: B.maximum(x, -x), B.sqrt):
        x = leaf(B, 0.0, 0.0)
        f(x).sum().backward()
        say(x.grad)


# torch.autograd.grad


@corner("generated/torch.autograd.grad.html")
def unused_inputs(B, say):
    x, z = leaf(B), leaf(B)
    y = (x * 2).sum()
    refused(say, lambda: B.autograd.grad(y, [x, z], retain_graph=True))
    say(B.autograd.grad(y, [x, z], allow_unused=True, retain_graph=True))
    say(B.autograd.grad(y, [z, x], materialize_grads=True, retain_graph=True))
    refused(say, lambda: B.autograd.grad(y, [z], materialize_grads=True, allow_unused=False))
    say(x.grad, z.grad)


@corner("generated/torch.autograd.grad.html")
def several_outputs(B, say):
    x, z = leaf(B), leaf(B)
    outputs = [x * z, x.exp().sum()]
    say(B.autograd.grad(outputs, [x, z], [B.ones(3), None], retain_graph=True))
    refused(say, lambda: B.autograd.grad(outputs, x, [B.ones(3)], retain_graph=True))
    refused(say, lambda: B.autograd.grad(outputs, x, [B.ones(2), None], retain_graph=True))
    say(B.autograd.grad(outputs, x, (B.ones(3), B.tensor(2.0))))


@corner("generated/torch.autograd.grad.html")
def by_intermediates(B, say):
    x = leaf(B)
    y = x * 2
    z = y * y
    say(B.autograd.grad(z.sum(), [y, x, z], retain_graph=True, allow_unused=True))
    say(B.autograd.grad(z.sum(), y))
    refused(say, lambda: B.autograd.grad(z.sum(), B.ones(3)))


@corner("generated/torch.autograd.grad.html")
def by_itself(B, say):
    x = leaf(B)
    y = x.sum()
    say(B.autograd.grad(y, y), B.autograd.grad(x, x, B.tensor([3.0, 2.0, 1.0])))


@corner("generated/torch.autograd.grad.html")
def nothing_is_accumulated(B, say):
    x = leaf(B)
    say(B.autograd.grad((x * x).sum(), x), x.grad)


@corner("generated/torch.autograd.grad.html")
def second_and_third(B, say):
    x = leaf(B)
    g = x ** 4
    for _ in range(3):
        g, = B.autograd.grad(g.sum(), x, create_graph=True)
        say(g.detach(), g.requires_grad)
    g, = B.autograd.grad((x * 2).sum(), x, create_graph=True)
    say(g)
    refused(say, lambda: B.autograd.grad(g.sum(), x))


@corner("generated/torch.autograd.grad.html")
def gradient_penalty(B, say):
    w, x = leaf(B), leaf(B, 2.0, 1.0, 0.5)
    g, = B.autograd.grad((w * x).tanh().sum(), x, create_graph=True)
    (g * g).sum().backward()
    say(w.grad.double().mul(1e4).round(), x.grad.double().mul(1e4).round())


@corner("generated/torch.autograd.grad.html")
def freed_by_grad(B, say):
    x = leaf(B)
    y = (x * x).sum()
    B.autograd.grad(y, x)
    refused(say, lambda: B.autograd.grad(y, x))


# Modes


@corner("generated/torch.no_grad.html")
def modes_nest(B, say):
    x = leaf(B)
    with B.no_grad():
        say((x * 2).requires_grad, B.is_grad_enabled())
        with B.enable_grad():
            say((x * 2).requires_grad)
            with B.set_grad_enabled(False):
                say((x * 2).requires_grad)
        say((x * 2).requires_grad)
    say((x * 2).requires_grad)


@corner("generated/torch.set_grad_enabled.html")
def mode_by_call(B, say):
    B.set_grad_enabled(False)
    say(B.is_grad_enabled(), (leaf(B) * 2).grad_fn)
    B.set_grad_enabled(True)
    say(B.is_grad_enabled())


@corner("generated/torch.no_grad.html")
def mode_after_an_error(B, say):
    def inside():
        with B.no_grad():
            raise KeyError("inside")

    refused(say, inside)
    say(B.is_grad_enabled())


@corner("generated/torch.no_grad.html")
def mode_as_decorator(B, say):
    @B.no_grad()
    def unrecorded(x):
        """Doubles."""
        return x * 2

    @B.enable_grad()
    def recorded(x):
        return x * 2

    say(unrecorded(leaf(B)).requires_grad, unrecorded.__name__, unrecorded.__doc__)
    with B.no_grad():
        say(recorded(leaf(B)).requires_grad, B.is_grad_enabled())


@corner("generated/torch.no_grad.html")
def mode_of_a_generator(B, say):
    @B.no_grad()
    def steps():
        say("inside", B.is_grad_enabled())
        yield 1
        say("inside", B.is_grad_enabled())

    for _ in steps():
        say("outside", B.is_grad_enabled())


@corner(MECHANICS)
def modes_are_per_thread(B, say):
    seen = []
    with B.no_grad():
        def run():
            seen.append((B.is_grad_enabled(), (leaf(B) * 2).requires_grad))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        say(seen, B.is_grad_enabled())


@corner("generated/torch.no_grad.html")
def factories_ask_for_gradients_themselves(B, say):
    with B.no_grad():
        x = B.ones(2, requires_grad=True)
    say(x.requires_grad, (x * 2).requires_grad)


@corner("generated/torch.autograd.grad_mode.inference_mode.html")
def inference(B, say):
    x = leaf(B)
    with B.inference_mode():
        y = x * 2
        say(B.is_inference_mode_enabled(), B.is_grad_enabled(), y.requires_grad, y.grad_fn)
        with B.inference_mode(False):
            say(B.is_inference_mode_enabled(), B.is_grad_enabled())
    say(B.is_inference_mode_enabled(), B.inference_mode()(lambda: (x * 2).requires_grad)())


@corner("generated/torch.autograd.grad_mode.inference_mode.html")
def inference_tensors(B, say):
    plain, w = B.ones(3), leaf(B)
    with B.inference_mode():
        x = B.arange(3.0)
        y, part = x + 1, x[1:]
        x.add_(1)
        say([t.is_inference() for t in (x, y, part, plain, plain * 2, plain.view(3, 1), B.zeros(2))])
        with B.enable_grad():
            say((w * 2).requires_grad)
        with B.inference_mode(False):
            say((w * 2).requires_grad, (plain * 2).is_inference())
    say([t.is_inference() for t in (x.view(3, 1), x.detach(), x.data, x.clone(), x.exp(), x + plain,
                                    x.double(), x.float(), B.stack([x, x]), plain.copy_(x))])
    say((x + w).requires_grad, (x.clone() * w).grad_fn is not None, B.is_inference(x))
    for call in (lambda: x * w, lambda: w * part.sum(), lambda: x.add_(1), lambda: part.mul_(2),
                 lambda: x._version, lambda: x.requires_grad_(), lambda: x.sum().backward(),
                 lambda: B.nn.functional.linear(x, B.ones(2, 3, requires_grad=True)),
                 lambda: B.add(plain, plain, out=y), lambda: x.normal_(), lambda: B.where(x > 1, x, w),
                 lambda: B.exp(w.mul(1.0)).mul(y)):
        refused(say, call)


@corner(MECHANICS)
def modes_and_the_walk(B, say):
    x = leaf(B)
    y = (x * x).sum()
    with B.no_grad():
        y.backward(retain_graph=True)
        g, = B.autograd.grad(y, x, create_graph=True)
    say(x.grad, g.requires_grad)
