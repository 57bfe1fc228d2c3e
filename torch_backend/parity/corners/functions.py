"""`autograd.Function` and anomaly mode."""
import warnings

from . import MECHANICS, corner, first_line, leaf, refused

EXTENDING = "notes/extending.html"
FUNCTION = "generated/torch.autograd.Function.{}.html"
CONTEXT = "generated/torch.autograd.function.FunctionCtx.{}.html"


def made(B, forward, backward, name="Made"):
    """A Function of two functions."""
    methods = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(name, (B.autograd.Function,), methods)


def saving(*tensors, result):
    """A forward that saves some of its operands, or what it gives (`None`)."""
    def forward(ctx, x):
        z = result(x)
        ctx.save_for_backward(*[z if t is None else x for t in tensors])
        return z
    return forward


@corner(EXTENDING)
def a_function(B, say):
    x = leaf(B)
    y = made(B, lambda ctx, x: x * 2, lambda ctx, g: g * 20).apply(x)
    y.sum().backward()
    say(y, y.grad_fn.name(), type(y.grad_fn).__name__, x.grad)
    with B.no_grad():
        say(made(B, lambda ctx, x: x * 2, None).apply(x).grad_fn)


@corner(FUNCTION.format("backward"))
def too_many_gradients_or_few(B, say):
    two = made(B, lambda ctx, x, y: x * y, lambda ctx, g: g)
    refused(say, two.apply(leaf(B), leaf(B)).sum().backward)
    one = made(B, lambda ctx, x: x * 2, lambda ctx, g: (g, g))
    refused(say, one.apply(leaf(B)).sum().backward)
    x = leaf(B)
    made(B, lambda ctx, x: x * 2, lambda ctx, g: (g * 2, None, None)).apply(x).sum().backward()
    say(x.grad)


@corner(FUNCTION.format("backward"))
def gradients_of_the_wrong_kind(B, say):
    for wrong in (3.0, [1.0], "g", B.ones(4), B.tensor(2.0)):
        y = made(B, lambda ctx, x: x * 2, lambda ctx, g, wrong=wrong: wrong).apply(leaf(B))
        refused(say, y.sum().backward)
    y = made(B, lambda ctx, x, k: x * k, lambda ctx, g: (g, g)).apply(leaf(B), 3)
    refused(say, y.sum().backward)


@corner(FUNCTION.format("backward"))
def gradients_that_are_fitted(B, say):
    for fitting in (B.ones(4, 3), B.ones(3, dtype=B.float64)):
        x = leaf(B)
        made(B, lambda ctx, x: x * 2, lambda ctx, g, fitting=fitting: fitting).apply(x).sum().backward()
        say(x.grad)
    x = leaf(B)
    made(B, lambda ctx, x, y: x * y, lambda ctx, g: (g, B.ones(9))).apply(x, B.ones(3)).sum().backward()
    say(x.grad)


@corner(FUNCTION.format("forward"))
def results_that_are_no_tensors(B, say):
    x = leaf(B)
    say(made(B, lambda ctx, x: 5, None).apply(x), made(B, lambda ctx, x: [x * 2], None).apply(x))
    y, five, nothing = made(B, lambda ctx, x: (x * 2, 5, None), lambda ctx, g, h, k: g * 2).apply(x)
    y.sum().backward()
    say(five, nothing, x.grad)


@corner(FUNCTION.format("forward"))
def an_input_returned(B, say):
    x = leaf(B)
    y = made(B, lambda ctx, x: x, lambda ctx, g: g * 3).apply(x)
    y.sum().backward()
    say(y is x, y.data_ptr() == x.data_ptr(), y.grad_fn.name(), x.grad)


@corner(FUNCTION.format("forward"))
def a_view_returned(B, say):
    turned = made(B, lambda ctx, x: x.view(3, 1), lambda ctx, g: g.view(3) * 3)
    y = turned.apply(leaf(B) * 1)
    refused(say, lambda: y.mul_(2))
    x = leaf(B)
    base = x * 1
    y = turned.apply(base)
    y.sum().backward()
    say(x.grad)
    base.mul_(2)
    refused(say, lambda: (y * 2).sum().backward())


@corner(FUNCTION.format("forward"))
def one_result_twice(B, say):
    def forward(ctx, x):
        y = x * 2
        return y, y

    x = leaf(B)
    a, b = made(B, forward, lambda ctx, g, h: g + 10 * h).apply(x)
    (a + b).sum().backward()
    say(a is b, x.grad)


@corner(CONTEXT.format("save_for_backward"))
def saved_and_changed(B, say):
    keeps = made(B, saving(1, result=lambda x: x * 2), lambda ctx, g: g * ctx.saved_tensors[0])
    x = leaf(B)
    h = x * 1
    y = keeps.apply(h)
    h.mul_(2)
    h.mul_(2)
    refused(say, y.sum().backward)
    y = keeps.apply(x)
    with B.no_grad():
        x.mul_(2)
    refused(say, y.sum().backward)


@corner(CONTEXT.format("save_for_backward"))
def saved_and_freed(B, say):
    keeps = made(B, saving(1, result=lambda x: x * 2), lambda ctx, g: g * ctx.saved_tensors[0])
    y = keeps.apply(leaf(B)).sum()
    y.backward()
    refused(say, y.backward)
    x = leaf(B)
    y = made(B, lambda ctx, x: x * 2, lambda ctx, g: g * 2).apply(x).sum()
    y.backward()
    y.backward()
    say(x.grad)
    y = made(B, lambda ctx, x: x * 2, lambda ctx, g: g * len(ctx.saved_tensors)).apply(x).sum()
    y.backward()
    refused(say, y.backward)


@corner(CONTEXT.format("save_for_backward"))
def what_can_be_saved(B, say):
    def forward(ctx, x):
        ctx.save_for_backward(None, x)
        say(ctx.saved_tensors)
        return x * 2

    x = leaf(B)
    y = made(B, forward, lambda ctx, g: g * ctx.saved_tensors[1]).apply(x)
    say(y.grad_fn.saved_tensors[1] is x, y.grad_fn.needs_input_grad)
    y.sum().backward()
    say(x.grad)
    refused(say, lambda: made(B, lambda ctx, x: ctx.save_for_backward(3), None).apply(x))


@corner(CONTEXT.format("save_for_backward"))
def attributes_of_the_context(B, say):
    def forward(ctx, x, scale):
        ctx.shape, ctx.dtype, ctx.edges, ctx.saved, ctx.scale = x.shape, x.dtype, 1, 2, scale
        return x * scale

    def backward(ctx, g):
        return g * ctx.scale * ctx.shape[0] * ctx.edges * ctx.saved, None

    x = leaf(B)
    y = made(B, forward, backward).apply(x, 4)
    y.sum().backward()
    say(x.grad, y.grad_fn.scale)


@corner("generated/torch.autograd.Function.html")
def needs_input_grad(B, say):
    def forward(ctx, x, y, k):
        say("forward", ctx.needs_input_grad, B.is_grad_enabled())
        return x * y * k

    def backward(ctx, g):
        say("backward", ctx.needs_input_grad, B.is_grad_enabled(), g.requires_grad)
        return g, None, None

    function = made(B, forward, backward)
    function.apply(leaf(B), B.ones(3), 3).sum().backward()
    function.apply(leaf(B), B.ones(3), 3).sum().backward(create_graph=True)
    with B.no_grad():
        function.apply(leaf(B), leaf(B), 3)


@corner(CONTEXT.format("mark_dirty"))
def dirty(B, say):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    function = made(B, forward, lambda ctx, g: g * 2)
    x = leaf(B)
    h = x * 1
    y = function.apply(h)
    say(y is h, h.grad_fn.name(), h)
    y.sum().backward()
    say(x.grad)
    refused(say, lambda: function.apply(leaf(B)))


@corner(CONTEXT.format("mark_dirty"))
def dirty_and_saved_elsewhere(B, say):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    h = leaf(B) * 1
    z = h * h
    y = made(B, forward, lambda ctx, g: g * 2).apply(h)
    try:
        (z + y).sum().backward()
    except RuntimeError as error:
        say(first_line(error)[:100])

    def elsewhere(ctx, x):
        ctx.mark_dirty(x)
        x.mul_(2)
        return x + 1

    refused(say, lambda: made(B, elsewhere, lambda ctx, g: g).apply(leaf(B) * 1))


@corner(CONTEXT.format("mark_dirty"))
def dirty_views(B, say):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    x = leaf(B)
    base = x * 1
    made(B, forward, lambda ctx, g: g * 20).apply(base[:2])
    base.sum().backward()
    say(x.grad, base)


@corner(CONTEXT.format("mark_dirty"))
def written_but_not_marked(B, say):
    x = leaf(B)
    h = x * 1
    y = made(B, lambda ctx, x: x.mul_(2), lambda ctx, g: g * 2).apply(h)
    y.sum().backward()
    say(y is h, x.grad, h._version)


@corner(CONTEXT.format("mark_non_differentiable"))
def not_differentiable(B, say):
    def forward(ctx, x):
        order, values = x > 1, x * 2
        extra = x + 1
        ctx.mark_non_differentiable(order, extra)
        return values, order, extra, values.long()

    x = leaf(B)
    outputs = made(B, forward, lambda ctx, g, *others: g * 2 + others[1]).apply(x)
    say([o.requires_grad for o in outputs], outputs[2].grad_fn)
    outputs[0].sum().backward()
    say(x.grad)


@corner(CONTEXT.format("set_materialize_grads"))
def missing_gradients(B, say):
    for materialize in (True, False):
        def forward(ctx, x, materialize=materialize):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        def backward(ctx, g, h):
            say(g, h)
            return h

        made(B, forward, backward).apply(leaf(B))[1].sum().backward()


@corner(EXTENDING)
def differentiated_twice(B, say):
    for forward, backward in (
            (saving(1, result=lambda x: x ** 3), lambda ctx, g: g * 3 * ctx.saved_tensors[0] ** 2),
            (saving(None, result=lambda x: x * x), lambda ctx, g: g * 2 * ctx.saved_tensors[0])):
        x = leaf(B)
        g, = B.autograd.grad(made(B, forward, backward).apply(x).sum(), x, create_graph=True)
        g.sum().backward()
        say(g.detach(), x.grad)


@corner(EXTENDING)
def once_differentiable(B, say):
    once = B.autograd.function.once_differentiable
    function = made(B, saving(1, result=lambda x: x * x), once(lambda ctx, g: g * 2 * ctx.saved_tensors[0]))
    x = leaf(B)
    g, = B.autograd.grad(function.apply(x).sum(), x, create_graph=True)
    say(g.requires_grad)
    g, = B.autograd.grad((function.apply(x) * x).sum(), x, create_graph=True)
    refused(say, lambda: (g * x).sum().backward())


@corner("generated/torch.autograd.Function.html")
def instances_and_missing_methods(B, say):
    refused(say, lambda: made(B, lambda ctx, x: x, None)()(leaf(B)))
    refused(say, lambda: type("Empty", (B.autograd.Function,), {}).apply(leaf(B)))
    half = type("Half", (B.autograd.Function,), {"forward": staticmethod(lambda ctx, x: x * 2)})
    refused(say, half.apply(leaf(B)).sum().backward)
    refused(say, lambda: made(B, lambda ctx, x, y: x, None).apply(leaf(B)).shape)
    twice = dict.fromkeys(("backward", "vjp"), staticmethod(lambda ctx, g: g))
    both = type("Both", (half,), twice)
    refused(say, both.apply(leaf(B)).sum().backward)


@corner(EXTENDING)
def setup_context(B, say):
    class Scaled(B.autograd.Function):
        @staticmethod
        def forward(x, scale=2):
            return x * scale

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.scale = inputs[1]
            say(len(inputs), output.requires_grad)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.scale, None

    x = leaf(B)
    Scaled.apply(x, 3).sum().backward()
    Scaled.apply(x, scale=5).sum().backward()
    say(x.grad)


@corner(EXTENDING)
def an_error_in_forward(B, say):
    def forward(ctx, x):
        raise KeyError("no")

    refused(say, lambda: made(B, forward, None).apply(leaf(B)))
    say(B.is_grad_enabled())


@corner(EXTENDING)
def a_saved_tensor_as_gradient_is_copied(B, say):
    x = leaf(B)
    made(B, saving(1, result=lambda x: x * 2), lambda ctx, g: ctx.saved_tensors[0]).apply(x).sum().backward()
    x.grad.add_(1)
    say(x, x.grad)


@corner(EXTENDING)
def straight_through(B, say):
    x = leaf(B, 0.4, 1.6, -2.5)
    y = made(B, lambda ctx, x: x.round(), lambda ctx, g: g).apply(x)
    (y * y).sum().backward()
    say(y, x.grad)


# Anomaly mode

ANOMALY = "autograd.html#anomaly-detection"


def warned(B, call, say):
    """Note the error of a call and the first lines of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        refused(say, call)
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            say(warning.category.__name__, first_line(warning.message).split(" (Triggered")[0])


def hidden_nan(B):
    x = leaf(B, 0.0, 4.0, 9.0)
    return (x.sqrt() * B.tensor([0.0, 1.0, 1.0])).sum()


@corner(ANOMALY)
def anomaly_names_the_node(B, say):
    def run():
        with B.autograd.detect_anomaly():
            hidden_nan(B).backward()

    warned(B, run, say)
    say(B.is_anomaly_enabled())


@corner(ANOMALY)
def anomaly_that_came_late(B, say):
    y = hidden_nan(B)
    with B.autograd.set_detect_anomaly(True):
        warned(B, y.backward, say)


@corner(ANOMALY)
def anomaly_without_nan(B, say):
    with B.autograd.set_detect_anomaly(True, check_nan=False):
        warned(B, lambda: hidden_nan(B).backward(), say)
        say(B.is_anomaly_check_nan_enabled())


@corner(ANOMALY)
def anomaly_of_a_function(B, say):
    def backward(ctx, g):
        raise KeyError("no")

    with B.autograd.set_detect_anomaly(True):
        warned(B, lambda: made(B, lambda ctx, x: x * 2, backward).apply(leaf(B)).sum().backward(), say)


@corner(ANOMALY)
def anomaly_of_modified_memory(B, say):
    with B.autograd.set_detect_anomaly(True):
        y = leaf(B) * 2
        z = y.exp()
        z.add_(1)
        warned(B, z.sum().backward, say)


@corner(ANOMALY)
def anomaly_mode_nests(B, say):
    seen = [B.is_anomaly_enabled()]
    with B.autograd.set_detect_anomaly(True):
        seen.append(B.is_anomaly_enabled())
        with B.autograd.set_detect_anomaly(False):
            seen.append(B.is_anomaly_enabled())
        seen.append(B.is_anomaly_enabled())
    say(seen, B.is_anomaly_enabled())


@corner(MECHANICS + "#saved-tensors")
def saved_by_the_nodes_of_ops(B, say):
    x = leaf(B)
    y = x.exp()
    z = y * x
    say(z.grad_fn._saved_self, z.grad_fn._saved_other is x, y.grad_fn._saved_result)
    z.sum().backward()
    refused(say, lambda: z.grad_fn._saved_self)
