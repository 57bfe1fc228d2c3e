"""Recorded walks, the memory of gradients, and views that are stale or made in another mode."""
from . import MECHANICS, VIEWS, corner, leaf, refused


@corner("generated/torch.Tensor.backward.html")
def a_recorded_gradient_is_its_own_memory(B, say):
    a, b = leaf(B), leaf(B)
    cotangent = B.ones(3)
    (a + b).backward(cotangent, create_graph=True)
    with B.no_grad():
        a.grad.add_(5)
    say(a.grad, b.grad, cotangent, a.grad.stride())
    x = leaf(B)
    x.sum().backward(create_graph=True)
    x.grad.zero_()
    say(x.grad, x.grad.is_leaf)
    x.grad = None
    (x * x).sum().backward(create_graph=True)
    say(x.grad, B.autograd.grad(x.grad.sum(), x))


@corner("generated/torch.Tensor.retain_grad.html")
def a_recorded_gradient_kept_is_its_own_memory(B, say):
    x = leaf(B)
    y, z = x * x, x * 3
    y.retain_grad()
    z.retain_grad()
    cotangent = leaf(B)
    (y + z).backward(cotangent, create_graph=True)
    with B.no_grad():
        y.grad.mul_(7)
    say(y.grad.detach(), z.grad.detach(), cotangent)


@corner("generated/torch.Tensor.backward.html")
def inputs_that_are_no_leaves_keep_their_gradient(B, say):
    x = leaf(B)
    y = x * 2
    z = (y * y).sum()
    z.backward(inputs=[y], retain_graph=True)
    say(y.retains_grad, y.grad, x.grad)
    z.backward()
    say(y.grad, x.grad)
    with B.no_grad():
        (x * x).sum()
    w = (x * x).sum()
    with B.no_grad():
        x.grad = None
        w.backward(inputs=[x], create_graph=True)
    say(x.grad.requires_grad)


@corner(VIEWS)
def views_of_what_was_written_since(B, say):
    for use in (lambda v, x: v.backward(B.ones(3)), lambda v, x: say(B.autograd.grad((v * 2).sum(), v)),
                lambda v, x: say(B.autograd.grad((x * 2).sum(), v, allow_unused=True)),
                lambda v, x: (v.retain_grad(), (x * 2).sum().backward(inputs=[x])),
                lambda v, x: (v * 2).sum().backward(inputs=[v])):
        x, base = leaf(B), B.zeros(3)
        view = base.view(3)
        base.add_(x)
        use(view, x)
        say(x.grad, view.requires_grad)


@corner("generated/torch.autograd.grad_mode.inference_mode.html")
def detached_in_inference_mode(B, say):
    x = leaf(B)
    with B.inference_mode():
        y = x.detach()
        z = (x * 2).detach()
    say(y.is_inference(), z.is_inference())
    y.add_(1)
    say(x, x._version)
    refused(say, lambda: z.add_(1))


@corner(MECHANICS)
def a_hook_after_a_recorded_gradient(B, say):
    x = leaf(B)
    x.register_post_accumulate_grad_hook(lambda p: say(p.grad.requires_grad, p.grad.grad_fn is None))
    (x * x).sum().backward(create_graph=True)
    (x * x).sum().backward()


@corner(VIEWS)
def single_elements_are_views_too(B, say):
    for one in (lambda x: x.select(0, 1), lambda x: B.select(x, -1, 1), lambda x: x[1],
                lambda x: x.unbind()[1], lambda x: x.split(1)[1][0], lambda x: x[1:2].squeeze(),
                lambda x: x[1:2].view(()), lambda x: x.view(1, 3).select(0, 0).select(0, 1),
                lambda x: x.narrow(0, 1, 1).reshape(())):
        x = leaf(B)
        h, w = x * 1, B.zeros(3)
        one(w).add_(7)
        say(w, w._version)
        if one(h).grad_fn.name().startswith("Select"):
            one(h).mul_(5)
            h.sum().backward()
            say(h, x.grad)
