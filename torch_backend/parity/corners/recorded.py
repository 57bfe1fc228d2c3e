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


OTHER_MODES = ("no_grad", "inference_mode")


@corner("generated/torch.no_grad.html")
def views_made_where_nothing_is_recorded(B, say):
    for mode in OTHER_MODES:
        for source in (leaf(B), leaf(B) * 1, (leaf(B) * 1).view(3), B.ones(3)):
            for view in (lambda x: x.view(3), lambda x: x[:2], lambda x: x.split(1)[1],
                         lambda x: x.unbind()[0]):
                with getattr(B, mode)():
                    v = view(source)
                    say(v.requires_grad, v.is_leaf, v.grad_fn, v.detach().requires_grad)
                say(v, v.is_leaf, (v * 2).requires_grad, v.view(-1).requires_grad)
                refused(say, lambda v=v: v.add_(1))
                refused(say, lambda v=v: v.view(-1).add_(1))
                refused(say, lambda v=v: v.view(-1).unbind()[0].add_(1))
                refused(say, lambda v=v: v.numpy())
                refused(say, lambda v=v: (v * 2).sum().backward())
                refused(say, lambda v=v: v.sum().backward(inputs=[v]))
                say(v.grad)


@corner("generated/torch.no_grad.html")
def views_made_where_nothing_is_recorded_then_written(B, say):
    for mode in OTHER_MODES:
        for source in (leaf(B), leaf(B) * 1, B.ones(3)):
            with getattr(B, mode)():
                v, w = source.view(3), source[:2]
                v.add_(1)
                say((v * 2).requires_grad)
            say(v, w, v.requires_grad, w.requires_grad)
            for use in (lambda x: x * 2, lambda x: x.is_leaf, lambda x: x.grad_fn, lambda x: x.exp(),
                        lambda x: x.view(-1), lambda x: x.add_(1), lambda x: B.cat([x, x])):
                refused(say, lambda use=use, w=w: use(w))
            with B.no_grad():
                say(w * 2)


@corner(VIEWS)
def one_of_several_views_whose_base_was_written(B, say):
    base = leaf(B) * 1
    view = base.split(1)[0]
    base.mul_(2)
    say(view.requires_grad, view, view.detach())
    refused(say, lambda: view.grad_fn)


@corner(VIEWS)
def given_another_shape_where_nothing_is_recorded(B, say):
    for mode in OTHER_MODES:
        for change in (lambda x: x.t_(), lambda x: x.unsqueeze_(0), lambda x: x.transpose_(0, 1),
                       lambda x: x.unsqueeze_(2).squeeze_()):
            p = B.arange(6.0).view(2, 3).clone().requires_grad_()
            with getattr(B, mode)():
                change(p)
            say(p.requires_grad, p.is_leaf, p._version, p.shape)
            (p * B.arange(6.0).view(p.shape)).sum().backward()
            say(p.grad)
            x = leaf(B, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
            v = (x * 1).view(2, 3)
            with getattr(B, mode)():
                change(v)
            say(v.requires_grad, v.is_leaf, v.shape)
            (v * B.arange(6.0).view(v.shape)).sum().backward()
            say(x.grad)
    x = leaf(B, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0).view(2, 3)
    h = x * 1
    with B.no_grad():
        h.t_()
    say(h.requires_grad, h.grad_fn.name())
    refused(say, lambda: (h * 2).sum().backward())


@corner("generated/torch.autograd.grad.html")
def arguments_that_are_refused(B, say):
    x, n = leaf(B), B.ones(3)
    s, of = (x * 1).sum(), B.autograd
    for call in (lambda: s.backward(inputs=[n]), lambda: s.backward(inputs=[x, n]),
                 lambda: s.backward(inputs=3), lambda: s.backward(inputs=[3]), lambda: s.backward(inputs=[]),
                 lambda: n.backward(B.ones(2)), lambda: n.backward(), lambda: n.backward(B.ones(3)),
                 lambda: s.backward(5), lambda: of.grad(n, x), lambda: of.grad([s, n], [x]),
                 lambda: of.grad([s, n], [x], [None, B.ones(3)]), lambda: of.backward([s, n]),
                 lambda: of.backward([s, n], [None]), lambda: of.grad(s, n), lambda: of.grad(s, 3),
                 lambda: of.grad(3, x), lambda: of.grad(s, []), lambda: of.grad(s, [3]),
                 lambda: of.grad(s, x, [5]), lambda: of.backward([])):
        refused(say, call)


@corner("generated/torch.Tensor.register_hook.html")
def hooks_off_the_way_are_not_called(B, say):
    for wanted in ("u", "v", "a", "b", "c", "uv", "ac"):
        for backward in (False, True)[:1 + (wanted in ("u", "v", "uv"))]:
            t = {"u": leaf(B), "v": leaf(B)}
            t["a"], t["b"] = t["u"] * 2, t["v"] * t["v"]
            t["c"] = t["a"] * t["b"]
            t["b"].retain_grad()
            for name, x in t.items():
                x.register_hook(lambda g, name=name: say("tensor", name, g))
            t["c"].grad_fn.register_hook(lambda into, out: say("node", into, out))
            inputs = [t[name] for name in wanted]
            if backward:
                t["c"].sum().backward(inputs=inputs)
            else:
                say(B.autograd.grad(t["c"].sum(), inputs))
            say(t["u"].grad, t["v"].grad, t["b"].grad)


@corner("generated/torch.autograd.Function.html")
def a_function_that_records_nothing(B, say):
    function = type("Same", (B.autograd.Function,), {"forward": staticmethod(lambda ctx, x: x)})
    x = B.ones(2, 3)
    y = function.apply(x)
    say(y is x, y.data_ptr() == x.data_ptr(), y.requires_grad)
    x.t_()
    say(y.shape)
    with B.no_grad():
        y = function.apply(leaf(B))
    say(y.requires_grad, y.is_leaf)


@corner("generated/torch.Tensor.register_hook.html")
def hooks_on_views_that_no_graph_has(B, say):
    with B.no_grad():
        v = leaf(B).view(3)
        v.add_(1)
    refused(say, lambda: v.register_hook(print))
    v = leaf(B)
    with B.no_grad():
        w = v.view(3)
    say(B.autograd.grad((w * v).sum(), [v, w], allow_unused=True))
    refused(say, lambda: B.autograd.grad((w * v).sum(), w))


@corner(VIEWS)
def results_that_are_no_views(B, say):
    of = B.nn.functional
    for call in (lambda x: x.max(0)[0], lambda x: x.min(-1, keepdim=True)[0], lambda x: x.amax(0),
                 lambda x: x.sum(), lambda x: x.sort()[0], lambda x: x.cumsum(0), lambda x: x.repeat(1),
                 lambda x: of.pixel_shuffle(x.view(1, 1, 1), 1), lambda x: of.dropout(x, 0.0),
                 lambda x: of.pixel_unshuffle(x.view(1, 1, 1), 1), lambda x: of.unfold(x.view(1, 1, 1), 1),
                 lambda x: of.pixel_shuffle(x.expand(4).clone().view(4, 1, 1), 2)):
        x = B.tensor(2.0)
        result = call(x)
        result.zero_()
        say(x, x._version)
        leaf = B.tensor(2.0, requires_grad=True)
        call(leaf).sum().backward()
        say(leaf.grad)
