"""What nodes save: hooks that pack it. What nodes show, and zeros for gradients that are none."""
from . import corner, leaf, refused, square

SAVED = "autograd.html#torch.autograd.graph.saved_tensors_hooks"


@corner(SAVED)
def saved_tensors_are_packed(B, say):
    a, b = leaf(B), leaf(B, 4.0, 5.0, 6.0)

    def pack(x):
        say("pack", x, x.requires_grad, x.is_leaf, B.is_grad_enabled())
        return x * 2

    def unpack(x):
        say("unpack", x)
        return x / 2

    with B.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = (a * b).exp()
        z = y.sum() + (a + 1).sum()
    say("walk")
    z.backward()
    say(a.grad, b.grad)


@corner(SAVED)
def saved_as_anything(B, say):
    store = []
    x = leaf(B)

    def pack(x):
        store.append(x.tolist())
        return len(store) - 1

    with B.autograd.graph.saved_tensors_hooks(pack, lambda k: B.tensor(store[k]) * 10):
        y = x * x * 3
    (y.sum() + (x * x).sum()).backward()
    say(x.grad, store)


@corner(SAVED)
def packing_nests(B, say):
    x = leaf(B, 0.1, 0.2)

    def hooks(name):
        return B.autograd.graph.saved_tensors_hooks(
            lambda t: say(name, t) or t, lambda t: say("un", name) or t)

    with hooks("outer"):
        y = x.exp()
        with hooks("inner"):
            y = y.exp()
        y = y * y
    y.sum().backward()
    say(x.grad)


@corner(SAVED)
def packing_goes_wrong(B, say):
    x = leaf(B)
    graph = B.autograd.graph
    with graph.saved_tensors_hooks(lambda t: t.tolist(), lambda t: t):
        y = x.exp().sum()
    refused(say, y.backward)

    def write(t):
        return t.add_(1)

    with graph.saved_tensors_hooks(write, lambda t: t):
        refused(say, lambda: (x * 1).exp())

    def fails(t):
        raise KeyError("no")

    with graph.saved_tensors_hooks(fails, lambda t: t):
        refused(say, x.exp)
        say((x + 1).requires_grad)
    with graph.saved_tensors_hooks(lambda t: t, fails):
        y = x.exp().sum()
    refused(say, y.backward)
    say((x * x).sum().item())


@corner(SAVED)
def packed_memory_may_change(B, say):
    x = leaf(B)
    with B.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        y = x * 2
        z = (y * y).sum()
    y.data.zero_()
    with B.no_grad():
        x.add_(1)
    z.backward()
    say(x.grad)


@corner(SAVED)
def packed_and_walked_twice(B, say):
    x = leaf(B)
    with B.autograd.graph.saved_tensors_hooks(lambda t: t * 1, lambda t: t):
        y = (x * x * x).sum()
    g, = B.autograd.grad(y, x, create_graph=True)
    say(g, B.autograd.grad(g.sum(), x))
    y.backward()
    say(x.grad)
    refused(say, y.backward)


@corner(SAVED)
def functions_are_packed(B, say):
    class Cube(B.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x ** 3

        @staticmethod
        def backward(ctx, g):
            x, = ctx.saved_tensors
            return 3 * x ** 2 * g

    x = leaf(B)
    with B.autograd.graph.saved_tensors_hooks(lambda t: say("pack", t) or t, lambda t: say("unpack", t) or t):
        y = Cube.apply(x).sum()
    y.backward()
    with B.autograd.graph.saved_tensors_hooks(lambda t: t + 1, lambda t: t * 2):
        y = Cube.apply(x).sum()
    g, = B.autograd.grad(y, x, create_graph=True)
    say(x.grad, g, B.autograd.grad(g.sum(), x))


@corner(SAVED)
def packing_is_per_thread(B, say):
    import threading
    x = leaf(B)
    seen = []
    with B.autograd.graph.saved_tensors_hooks(lambda t: seen.append(1) or t, lambda t: t):
        thread = threading.Thread(target=lambda: (x * x).exp())
        thread.start()
        thread.join()
    say(seen)


@corner("generated/torch.autograd.grad.html")
def materialized(B, say):
    x, unused, whole = leaf(B), leaf(B, 1.0), B.ones(2, dtype=B.float64, requires_grad=True)
    y = (x * x).sum()
    say(B.autograd.grad(y, (x, unused, whole), retain_graph=True, materialize_grads=True))
    say(B.autograd.grad(y, (x, unused), retain_graph=True, allow_unused=True, materialize_grads=True))
    refused(say, lambda: B.autograd.grad(y, x, allow_unused=False, materialize_grads=True))
    zeros = B.autograd.grad(y, unused, retain_graph=True, create_graph=True, materialize_grads=True)[0]
    say(zeros, zeros.requires_grad)
    refused(say, lambda: B.autograd.grad(y, unused))


@corner("generated/torch.autograd.graph.Node.next_functions.html")
def next_functions_of_many_ops(B, say):
    x, i = square(B), B.tensor([0, 1])
    constant = B.ones(2, 3)
    made = [x + x, x * constant, constant / x, x.sum(), x.mean(), x.t(), x[0], x[i], x.view(6), x.split(1)[1],
            B.cat([x, constant, x]), B.stack([x, x]), x @ x.t(), x.max(1)[0],
            B.nn.functional.softmax(x, 1), x.clone(), x.expand(2, 2, 3),
            x.double(), x ** 2, x.var(), B.nn.functional.relu(x), B.maximum(x, constant)]
    for y in made:
        node = y.grad_fn
        say(node.name(), [(n and n.name(), k) for n, k in node.next_functions])
