"""Hooks of tensors, nodes and leaves; what a node shows."""
from . import MECHANICS, corner, leaf, refused, square

HOOK = "generated/torch.Tensor.register_hook.html"
AFTER = "generated/torch.Tensor.register_post_accumulate_grad_hook.html"
NODE = "generated/torch.autograd.graph.Node.register_hook.html"
PREHOOK = "generated/torch.autograd.graph.Node.register_prehook.html"
RETAIN = "generated/torch.Tensor.retain_grad.html"
ORDER = MECHANICS + "#backward-hooks-execution"


@corner(HOOK)
def a_hook_replaces(B, say):
    x = leaf(B)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: say("second sees", g))
    y.sum().backward()
    say(x.grad)


@corner(HOOK)
def hooks_are_checked(B, say):
    def grows(g):
        return B.ones(4)

    def converts(g):
        return g.double()

    for hook in (grows, converts, lambda g: 3):
        for make in (lambda x: x, lambda x: x * 2):
            t = make(leaf(B))
            t.register_hook(hook)
            refused(say, (t * 1).sum().backward)
    refused(say, lambda: B.ones(2).register_hook(print))


@corner(ORDER)
def order_over_the_graph(B, say):
    a, b = leaf(B), leaf(B)
    y = a * 2
    z = b * y
    for name, t in {"a": a, "b": b, "y": y, "z": z}.items():
        t.register_hook(lambda g, name=name: say(name))
    z.sum().backward()


@corner(ORDER)
def order_over_three_leaves(B, say):
    a, b, c = leaf(B), leaf(B), leaf(B)
    for name, t in {"c": c, "a": a, "b": b}.items():
        t.register_hook(lambda g, name=name: say(name))
    (B.stack([a, b, c]).sum() + (c * 2).sum()).backward()


@corner(ORDER)
def order_around_a_node(B, say):
    x = leaf(B)
    y = x * 3
    y.retain_grad()
    y.grad_fn.register_prehook(lambda gs: say("before", gs))
    y.grad_fn.register_hook(lambda into, out: say("after", into[0], out))
    y.register_hook(lambda g: say("tensor", g))
    y.register_hook(lambda g: g * 10)
    (y * y).sum().backward()
    say(y.grad, x.grad)


@corner(ORDER)
def order_around_a_leaf(B, say):
    x = leaf(B)
    y = x * 2
    end = y.grad_fn.next_functions[0][0]
    end.register_hook(lambda into, out: say("after the node", into, out, x.grad))
    end.register_prehook(lambda out: say("before the node", x.grad))
    x.register_hook(lambda g: say("tensor", x.grad))
    x.register_post_accumulate_grad_hook(lambda p: say("accumulated", p is x, p.grad))
    y.sum().backward()


@corner(AFTER)
def after_accumulation(B, say):
    x = leaf(B)
    handle = x.register_post_accumulate_grad_hook(lambda p: say(p.grad))
    (x * x).sum().backward()
    (x * 2).sum().backward()
    handle.remove()
    (x * 2).sum().backward()
    say(x.grad)
    say(B.autograd.grad((x * 3).sum(), x))
    refused(say, lambda: (x * 2).register_post_accumulate_grad_hook(print))
    refused(say, lambda: B.ones(2).register_post_accumulate_grad_hook(print))


@corner(AFTER)
def a_step_inside_backward(B, say):
    a, b = leaf(B), leaf(B)

    def step(p):
        with B.no_grad():
            p.sub_(0.5 * p.grad)
        p.grad = None

    for p in (a, b):
        p.register_post_accumulate_grad_hook(step)
    (a * 2 + b * 3).sum().backward()
    say(a, b, a.grad, b.grad)


@corner(HOOK)
def a_hook_that_raises(B, say):
    for position in range(3):
        a, b = leaf(B), leaf(B)
        y = a * 2
        z = b * y

        def fails(g):
            raise KeyError("no")

        (a, b, y)[position].register_hook(fails)
        b.register_hook(lambda g: None)
        refused(say, z.sum().backward)
        say(a.grad, b.grad, B.is_grad_enabled())


@corner(HOOK)
def handles(B, say):
    x = leaf(B)
    first = x.register_hook(lambda g: say(1))
    x.register_hook(lambda g: say(2))
    (x * 2).sum().backward()
    first.remove()
    first.remove()
    (x * 2).sum().backward()
    with x.register_hook(lambda g: say(3)):
        (x * 2).sum().backward()
    (x * 2).sum().backward()


@corner(HOOK)
def a_hook_that_removes_itself(B, say):
    x = leaf(B)
    handle = []

    def once(g):
        say("once")
        handle[0].remove()

    handle.append(x.register_hook(once))
    x.register_hook(lambda g: say("always"))
    (x * 2).sum().backward()
    (x * 2).sum().backward()


@corner(HOOK)
def hooks_added_on_the_way(B, say):
    x = leaf(B)
    y = x * 2
    z = y * 2
    z.register_hook(lambda g: say("first", y.register_hook(lambda g: say("late")) is None))
    z.sum().backward()


@corner(HOOK)
def what_a_hook_keeps_is_its_own(B, say):
    kept, x = [], leaf(B)
    x.register_hook(kept.append)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    say(kept, x.grad, kept[0] is x.grad)


@corner(HOOK)
def hooks_and_recording(B, say):
    x = leaf(B)
    x.register_hook(lambda g: say(g.requires_grad, B.is_grad_enabled()))
    (x * x).sum().backward()
    (x * x).sum().backward(create_graph=True)
    y = x * x
    y.register_hook(lambda g: g * 2)
    g, = B.autograd.grad(y.sum(), x, create_graph=True)
    say(g.detach(), B.autograd.grad(g.sum(), x))


@corner(HOOK)
def hooks_under_grad(B, say):
    x = leaf(B)
    y = x * 2
    z = y * y
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g * 100)
    say(B.autograd.grad(z.sum(), [y, x], retain_graph=True))
    say(B.autograd.grad(z.sum(), [y], retain_graph=True))
    say(B.autograd.grad(z.sum(), [x]), x.grad)


@corner(PREHOOK)
def prehooks_under_grad(B, say):
    x = leaf(B)
    y = x * 2
    z = y * y
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 10,))
    say(B.autograd.grad(z.sum(), [y], retain_graph=True))
    say(B.autograd.grad(z.sum(), [y, x]))


@corner("generated/torch.Tensor.backward.html")
def hooks_under_inputs(B, say):
    a, b = leaf(B), leaf(B)
    y = a * b
    for name, t in {"a": a, "b": b, "y": y}.items():
        t.register_hook(lambda g, name=name: say(name))
    a.register_post_accumulate_grad_hook(lambda p: say("accumulated"))
    y.sum().backward(inputs=[a])
    say(a.grad, b.grad)


@corner(HOOK)
def hooks_of_roots(B, say):
    x = B.tensor(2.0, requires_grad=True)
    x.register_hook(lambda g: g * 3)
    x.backward()
    y = x * 5
    y.register_hook(lambda g: g * 7)
    y.backward()
    say(x.grad)


@corner(HOOK)
def a_hook_stays_with_the_value(B, say):
    x = leaf(B)
    y = x * 2
    y.register_hook(lambda g: say("before the write", g))
    y.mul_(3)
    y.register_hook(lambda g: say("after", g))
    y.sum().backward()
    say(x.grad)


@corner(HOOK)
def a_hook_walks_too(B, say):
    x = leaf(B)
    y = x * 2

    def inner(g):
        with B.enable_grad():
            z = leaf(B)
            (z * 3).sum().backward()
        say(z.grad)

    y.register_hook(inner)
    y.sum().backward()
    say(x.grad)


@corner(NODE)
def node_hooks_replace(B, say):
    a, b = leaf(B), leaf(B)
    y = a * b
    y.grad_fn.register_prehook(lambda out: (out[0] * 10,))
    y.grad_fn.register_hook(lambda into, out: (into[0] + 1, into[1] * 2))
    y.sum().backward()
    say(a.grad, b.grad)


@corner(NODE)
def node_hooks_are_checked(B, say):
    wrong = (lambda *gs: gs[0][0], lambda *gs: (gs[0][0], None), lambda *gs: (3,), lambda *gs: (B.ones(2),))
    for hook in wrong:
        for register in ("register_hook", "register_prehook"):
            y = leaf(B).exp()
            getattr(y.grad_fn, register)(hook)
            refused(say, y.sum().backward)


@corner(PREHOOK)
def prehooks_of_several_outputs(B, say):
    x = leaf(B)
    p, q, _ = x.unbind()
    say(p.grad_fn is q.grad_fn)
    p.grad_fn.register_prehook(lambda gs: say(gs))
    p.grad_fn.register_hook(lambda into, out: say(into, out))
    (p * 2).backward()
    say(x.grad)


@corner(RETAIN)
def retained_gradients(B, say):
    x = leaf(B)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    z = y.sum()
    z.backward(retain_graph=True)
    say(y.grad, y.retains_grad, x.retains_grad)
    z.backward()
    say(y.grad, (x * 2).grad)
    x.retain_grad()
    refused(say, lambda: B.ones(2).retain_grad())


@corner(RETAIN)
def retained_after_a_write(B, say):
    x = leaf(B)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    say(y.grad, x.grad)


@corner(RETAIN)
def retained_with_graph(B, say):
    x = leaf(B)
    y = x * x
    y.retain_grad()
    (y * y).sum().backward(create_graph=True)
    say(y.grad.requires_grad, y.grad.detach())


@corner("generated/torch.autograd.graph.Node.next_functions.html")
def next_functions(B, say):
    x = leaf(B)
    p, q, _ = x.unbind()
    z = p * q
    say([(f.name(), k) for f, k in z.grad_fn.next_functions])
    end, place = p.grad_fn.next_functions[0]
    say(end.name(), place, end.variable is x, end.next_functions, type(end).__name__)
    y = x * B.ones(3)
    say(y.grad_fn.next_functions[1])
    y = x * x
    say(y.grad_fn.next_functions[0] == y.grad_fn.next_functions[1])


@corner("generated/torch.autograd.graph.Node.name.html")
def names(B, say):
    x, y = square(B), square(B)
    for t in (x + y, x - y, x * 2, x / y, -x, x ** 2, x.exp(), x.sum(), x.mean(), x.t(), x @ y.t(), x[0],
              x.view(6), x.relu(), x.tanh(), x.sigmoid(), x.clone(), x.unsqueeze(0), x.expand(1, 2, 3),
              x.abs(), x.sqrt(), x.log(), x.permute(1, 0), x.transpose(0, 1), B.cat([x, y]), B.stack([x, y]),
              B.where(x > 2, x, y), x.double(), x.reshape(3, 2), x.unbind()[0], x.split(1)[0]):
        say(t.grad_fn.name())
