"""In-place ops, hooks and modes where they meet."""
from . import MECHANICS, VIEWS, corner, leaf, refused, square

INPLACE = MECHANICS + "#in-place-operations-with-autograd"
INFERENCE = MECHANICS + "#inference-mode"


@corner(INPLACE)
def a_hook_sees_the_old_value(B, say):
    """A hook of a tensor that was then written in place: it stays with the value of before."""
    x = leaf(B)
    y = x * 2
    y.register_hook(lambda g: say("before", g))
    y.mul_(10)
    y.register_hook(lambda g: say("after", g))
    (y * 3).sum().backward()
    say(x.grad)


@corner(INPLACE)
def a_hook_of_a_base_written_through_a_view(B, say):
    x = square(B)
    y = x * 1
    y.register_hook(lambda g: say("base", g))
    y[0].mul_(5)
    y.register_hook(lambda g: say("later", g))
    y.sum().backward()
    say(x.grad)


@corner(INPLACE)
def in_place_inside_a_hook(B, say):
    x = leaf(B)
    y = x * 2
    y.register_hook(lambda g: g.mul_(3))
    y.sum().backward()
    say(x.grad)


@corner(INPLACE)
def zeroing_a_gradient_between_walks(B, say):
    x = leaf(B)
    for _ in range(3):
        (x * x).sum().backward()
        say(x.grad)
        x.grad.zero_()
    kept = x.grad
    (x * x).sum().backward()
    say(kept is x.grad, kept)


@corner(INPLACE)
def in_place_with_itself(B, say):
    x = leaf(B)
    y = x * 1
    y.add_(y)
    y.sub_(y * 0.5)
    y.div_(y.detach().clone() * 2)
    y.sum().backward()
    say(y, x.grad, y._version)


@corner(INPLACE)
def in_place_under_no_grad_of_a_result(B, say):
    x = leaf(B)
    y = x * 2
    with B.no_grad():
        y.mul_(100)
    y.sum().backward()
    say(y, x.grad, y.grad_fn.name())
    z = (x * x).exp()
    with B.no_grad():
        z.zero_()
    refused(say, z.sum().backward)


@corner(VIEWS)
def views_across_modes(B, say):
    x = square(B)
    with B.no_grad():
        row = x[0]
        detached = x.detach()[0]
    say(row.is_leaf, detached.requires_grad)
    refused(say, lambda: x.mul_(2))
    with B.no_grad():
        row.mul_(2)
    say(x, x._version, row._version)
    say((x * 1)[0].data.requires_grad)


@corner(VIEWS)
def a_leaf_view_in_place(B, say):
    x = square(B)
    refused(say, lambda: x[0].mul_(2))
    refused(say, lambda: x.t().add_(1))
    refused(say, lambda: x.view(-1).zero_())
    with B.no_grad():
        x.view(-1).zero_()
    say(x, x.grad_fn)


@corner(VIEWS)
def assigning_into_a_view_of_a_view(B, say):
    x = B.zeros(2, 3, 2)
    w = leaf(B, 1.0, 2.0)
    x[1][0] = w
    x.transpose(0, 1)[2, 0] = w * 3
    x[..., 0][0, 0] = w[0]
    say(x, x.grad_fn.name())
    (x * B.arange(12.0).view(2, 3, 2)).sum().backward()
    say(w.grad)


@corner(VIEWS)
def a_view_read_after_its_base_was_written(B, say):
    x = leaf(B)
    y = x * 1
    view = y[1:]
    say(view.grad_fn.name())
    y.mul_(2)
    say(view.detach(), view.requires_grad)
    view.sum().backward()
    say(x.grad)


@corner(VIEWS)
def swapped_data(B, say):
    x = leaf(B)
    y = (x * 3).exp().sum() * 0 + (x * 3).sum()
    x.data = B.tensor([10.0, 20.0, 30.0])
    y.backward()
    say(x, x.grad, x._version)
    refused(say, lambda: setattr(x, "data", B.tensor([1, 2, 3])))


@corner(INFERENCE)
def inference_and_in_place(B, say):
    x = leaf(B)
    with B.inference_mode():
        y = x * 2
        y.add_(1)
        z = y[0]
        z.mul_(3)
        say(y, y.requires_grad, y.is_leaf, z.is_leaf)
        say((y * y).sum())
    say(y.clone().requires_grad_().requires_grad)


@corner(INFERENCE)
def inference_over_a_leaf(B, say):
    x = leaf(B)
    with B.inference_mode():
        x.add_(1)
        say(x, x.requires_grad)
        say(x.detach().requires_grad, (x * 1).requires_grad)
    (x * 2).sum().backward()
    say(x.grad)


@corner(INFERENCE)
def inference_as_decorator_and_nested(B, say):
    x = leaf(B)

    @B.inference_mode()
    def f():
        return (x * 2).requires_grad, B.is_grad_enabled(), B.is_inference_mode_enabled()

    @B.inference_mode(False)
    def g():
        return (x * 2).requires_grad, B.is_grad_enabled(), B.is_inference_mode_enabled()

    say(f(), g())
    with B.no_grad():
        say(f(), g(), B.is_grad_enabled())
    with B.inference_mode():
        say(f(), g())
        with B.inference_mode(False), B.no_grad():
            say((x * 2).requires_grad)
    say(B.is_inference_mode_enabled(), B.is_grad_enabled())


@corner("generated/torch.Tensor.register_hook.html")
def hooks_in_a_loop_over_layers(B, say):
    x = leaf(B)
    seen = []
    y = x
    for k in range(4):
        y = y * (k + 1)
        y.register_hook(lambda g, k=k: seen.append((k, g[0].item())))
    y.sum().backward()
    say(seen)


@corner("generated/torch.Tensor.register_hook.html")
def a_hook_of_one_output_of_several(B, say):
    x = square(B)
    a, b, c = x.unbind(1)
    b.register_hook(lambda g: say(g))
    (a * 2 + b + c).sum().backward()
    say(x.grad)


@corner("generated/torch.Tensor.register_hook.html")
def hooks_and_create_graph(B, say):
    x = leaf(B)
    x.register_hook(lambda g: g * x)
    y = (x ** 3).sum()
    g, = B.autograd.grad(y, x, create_graph=True)
    say(g, g.requires_grad)
    say(B.autograd.grad(g.sum(), x))


@corner("generated/torch.Tensor.retain_grad.html")
def retained_through_a_write(B, say):
    x = leaf(B)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    (y * y).sum().backward()
    say(y.grad, x.grad, y.retains_grad)


@corner("autograd.html#torch.autograd.Function")
def a_function_and_hooks(B, say):
    class Double(B.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            say("backward", g, B.is_grad_enabled())
            return g * 2

    x = leaf(B)
    y = Double.apply(x)
    y.register_hook(lambda g: g + 1)
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 10,))
    y.grad_fn.register_hook(lambda into, out: say("after", into, out))
    x.register_hook(lambda g: say("leaf", g))
    y.sum().backward()
    say(x.grad)


@corner("autograd.html#torch.autograd.Function")
def a_function_under_the_modes(B, say):
    class Twice(B.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            say(B.is_grad_enabled(), x.requires_grad, ctx.needs_input_grad)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = leaf(B)
    for mode in (B.no_grad(), B.enable_grad(), B.inference_mode()):
        with mode:
            y = Twice.apply(x)
            say(y.requires_grad, y.grad_fn is None)
