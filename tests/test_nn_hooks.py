"""Hooks of modules on both libraries: the same program, what every hook saw and when, the gradients after."""
from __future__ import annotations

import copy
import gc
import pickle
import warnings
import weakref
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, error_of, same_error

import minigrad

torch = pytest.importorskip("torch")
Pair = namedtuple("Pair", "first second")


def shown(value: Any) -> Any:
    """Values as both libraries can say them: tensors by what they hold."""
    if isinstance(value, (minigrad.Tensor, torch.Tensor)):
        return str(value.dtype)[6:], tuple(value.shape), np.round(value.detach().numpy(), 12).tolist()
    if isinstance(value, (tuple, list)):
        return type(value).__name__, [shown(part) for part in value]
    return {key: shown(part) for key, part in value.items()} if isinstance(value, dict) else value


def both(program: Any) -> list[Any]:
    """`program(B, say)` says the same on both libraries, warnings included; gives what it said."""
    logs = []
    for B in BACKENDS:
        B.manual_seed(0)
        log: list[Any] = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            program(B, lambda *said, log=log: log.append([shown(part) for part in said]))
        log += [str(w.message).split(" See ")[0] for w in caught]
        logs.append(log)
    assert logs[0] == logs[1]
    return logs[0]


def numbers(B: Any, *shape: int, need: bool = True) -> Any:
    count = int(np.prod(shape))
    return B.linspace(-1.0, 1.0, count, dtype=B.float64).view(*shape).clone().requires_grad_(need)


def watch(module: Any, say: Any, name: str, **change: Any) -> list[Any]:
    """Every kind of hook on a module; `change`: what each kind returns."""
    def hook(kind: str) -> Any:
        def called(module: Any, *seen: Any) -> Any:
            say(name, kind, type(module).__name__, *seen)
            return change[kind](*seen) if kind in change else None
        return called
    return [module.register_forward_pre_hook(hook("before")), module.register_forward_hook(hook("after")),
            module.register_full_backward_pre_hook(hook("gradients come")),
            module.register_full_backward_hook(hook("gradients leave"))]


def test_a_network() -> None:
    def program(B: Any, say: Any) -> None:
        net = B.nn.Sequential(B.nn.Linear(3, 4), B.nn.Tanh(), B.nn.Linear(4, 2)).double()
        handles = watch(net, say, "net") + [h for k, m in enumerate(net) for h in watch(m, say, f"layer {k}")]
        for need in (True, False):
            x = numbers(B, 2, 3, need=need)
            x.register_hook(lambda g: say("x", g)) if need else None
            net[0].weight.register_hook(lambda g: say("weight", g))
            net(x).pow(2).sum().backward()
            say(x.grad, [p.grad for p in net.parameters()])
        for handle in handles:
            handle.remove()
            handle.remove()
        net(x).sum().backward()
        with B.no_grad():
            say(net(x))
    assert len(both(program)) > 40


def test_replaced_values() -> None:
    def program(B: Any, say: Any) -> None:
        net = B.nn.Linear(3, 2).double()
        watch(net, say, "one", before=lambda args: args[0] * 2, after=lambda args, out: (out + 1, out * 2))
        watch(net, say, "two", **{"gradients come": lambda g: (g[0] * 10, g[1] * 100),
                                  "gradients leave": lambda into, out: (into[0] + 1,)})
        watch(net, say, "three", **{"gradients come": lambda g: [g[0] + 1, g[1]]})
        x = numbers(B, 2, 3)
        first, second = net(x)
        (first * second).sum().backward()
        say(x.grad, net.weight.grad, net.bias.grad)
    both(program)


def test_order_and_prepend() -> None:
    def program(B: Any, say: Any) -> None:
        net = B.nn.Linear(2, 2).double()
        every = B.nn.modules.module
        handles = []
        for name in "abc":
            def hook(*seen: Any, name: str = name) -> None:
                say(name, len(seen))
            first = name == "b"
            handles += [net.register_forward_pre_hook(hook, prepend=first),
                        net.register_forward_pre_hook(hook, with_kwargs=True),
                        net.register_forward_hook(hook, prepend=first),
                        net.register_forward_hook(hook, with_kwargs=True, prepend=first),
                        net.register_full_backward_hook(hook, prepend=first),
                        net.register_full_backward_pre_hook(hook, first)]

        def common(*seen: Any) -> None:
            say("every module", type(seen[0]).__name__, len(seen))
        handles += [every.register_module_forward_pre_hook(common),
                    every.register_module_forward_hook(common),
                    every.register_module_forward_hook(common, with_kwargs=True),
                    every.register_module_full_backward_pre_hook(common),
                    every.register_module_full_backward_hook(common)]
        try:
            B.nn.Sequential(net, B.nn.ReLU())(numbers(B, 1, 2)).sum().backward()
        finally:
            for handle in handles[2:]:
                handle.remove()
        net(numbers(B, 1, 2)).sum().backward()
        with handles[0]:
            pass
        say(len(net.state_dict()), "end")
        net(numbers(B, 1, 2))
    both(program)


def several(B: Any) -> Any:
    """Takes and gives tensors that need gradients, others, integers, and what is no tensor."""
    class Several(B.nn.Module):
        form: Any = tuple

        def forward(self, x: Any, y: Any, z: Any, k: Any = 3, *, w: Any = None) -> Any:
            result = (x * y + (0 if w is None else w), z, x.detach() * 2, k, (x * 3).sum())
            return result if self.form is tuple else self.form(*result[:2])
    return Several()


def test_arguments_of_every_kind() -> None:
    def program(B: Any, say: Any) -> None:
        net = several(B)
        watch(net, say, "several")
        x, y, w = numbers(B, 2, 2), numbers(B, 2, 2, need=False), numbers(B, 2, 2)
        for use in ((0,), (4,), (0, 4)):
            for value in (x, w):
                value.grad = None
            out = net(x, y, B.tensor([1, 2]), "text", w=w)
            say([type(part).__name__ for part in out], [getattr(p, "requires_grad", None) for p in out])
            sum(out[k].sum() for k in use).backward()
            say(x.grad, w.grad)
        net.form = Pair
        out = net(x, y, B.tensor([1, 2]))
        say(type(out).__name__)
        out.first.sum().backward()
    both(program)


def test_outputs_that_are_no_tensors() -> None:
    def program(B: Any, say: Any) -> None:
        class Lists(B.nn.Module):
            def forward(self, x: Any) -> Any:
                return [x * 2]
        net = Lists()
        watch(net, say, "lists")
        x = numbers(B, 2)
        net(x)[0].sum().backward()
        say(x.grad)
    both(program)


def test_walks_of_every_kind() -> None:
    """A kept graph walked twice, a recorded walk and the walk through it, `grad`, two calls of one module."""
    def program(B: Any, say: Any) -> None:
        net = B.nn.Linear(2, 2).double()
        watch(net, say, "net")
        x = numbers(B, 3, 2)
        out = net(net(x)).pow(3).sum()
        out.backward(retain_graph=True)
        out.backward()
        say(x.grad)
        g, = B.autograd.grad(net(x).pow(3).sum(), [x], create_graph=True)
        say("between", g)
        g.pow(2).sum().backward()
        say(x.grad, net.weight.grad)
        say(B.autograd.grad(net(x).sum(), [net.weight]))
    both(program)


def test_first_order_as_without_hooks() -> None:
    """Hooks that only look change no bit of a gradient."""
    for B in BACKENDS:
        grads = []
        for looks in (False, True):
            B.manual_seed(1)
            net = B.nn.Sequential(B.nn.Linear(5, 4), B.nn.GELU(), B.nn.LayerNorm(4))
            for module in net.modules():
                if looks:
                    watch(module, lambda *_: None, "")
            net(B.randn(3, 5, requires_grad=True)).pow(2).sum().backward()
            grads.append([p.grad.numpy().tobytes() for p in net.parameters()])
        assert grads[0] == grads[1]


def test_always_call() -> None:
    def program(B: Any, say: Any) -> None:
        class Fails(B.nn.Module):
            def forward(self, x: Any) -> Any:
                raise ValueError("forward")
        net = Fails()

        def hook(name: str, fails: bool = False) -> Any:
            def called(module: Any, *seen: Any) -> Any:
                say(name, seen)
                if fails:
                    raise KeyError(name)
                return name
            return called
        every = B.nn.modules.module.register_module_forward_hook(hook("every"), always_call=True)
        net.register_forward_hook(hook("not after errors"))
        net.register_forward_hook(hook("a"), always_call=True)
        net.register_forward_hook(hook("b"), always_call=True, with_kwargs=True, prepend=True)
        try:
            with pytest.raises(ValueError, match="forward"):
                net(1)
            with pytest.raises(TypeError):
                net(1, y=2)
        finally:
            every.remove()
        fine = B.nn.Identity()
        fine.register_forward_hook(hook("once"), always_call=True)
        fine.register_forward_hook(hook("raises", True))
        fine.register_forward_hook(hook("late"), always_call=True)
        with pytest.raises(KeyError):
            fine(5)
        quiet = Fails()
        quiet.register_forward_hook(hook("silenced", True), always_call=True)
        with pytest.raises(ValueError, match="forward"):
            quiet(1)
    assert "silenced as another" in both(program)[-1]


def _backward(B: Any, kind: str, hook: Any, need: bool = True) -> Any:
    net = B.nn.Linear(2, 2)
    getattr(net, f"register_full_backward_{kind}")(hook)
    return net(B.ones(1, 2, requires_grad=need)).sum().backward()


@pytest.mark.parametrize("call", [
    lambda B: _backward(B, "hook", lambda m, i, o: (i[0], None)),
    lambda B: _backward(B, "pre_hook", lambda m, o: ()),
    lambda B: _backward(B, "hook", lambda m, i, o: (B.ones(3),)),
    lambda B: _backward(B, "hook", lambda m, i, o: (i[0].double(),)),
    lambda B: _backward(B, "hook", lambda m, i, o: 5),
    lambda B: _backward(B, "hook", lambda m, i, o: (5,)),
    lambda B: _backward(B, "pre_hook", lambda m, o: (B.ones(3),)),
    lambda B: _backward(B, "hook", lambda m, i, o: (B.ones(1, 2),), need=False),
    lambda B: _in_place(B, "input"), lambda B: _in_place(B, "output"),
    lambda B: _state(B, "register_state_dict_post_hook", lambda *a: {}).state_dict(),
    lambda B: _state(B, "register_load_state_dict_post_hook", lambda *a: {}).load_state_dict({}, False),
])
@pytest.mark.filterwarnings("ignore:Full backward hook")
def test_errors(call: Any) -> None:
    if error_of(call, torch)[0] == "TypeError":             # Python's own, of what cannot be measured
        assert error_of_type(call, minigrad) == "TypeError"
    else:
        same_error(call)


def error_of_type(call: Any, B: Any) -> str:
    with pytest.raises(Exception) as caught:
        call(B)
    return caught.type.__name__


def _in_place(B: Any, where: str) -> None:
    class Writes(B.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.add_(1) if where == "input" else x * 2
    net = Writes()
    net.register_full_backward_hook(lambda *_: None)
    out = net(B.ones(2, requires_grad=True) * 1)
    out.mul_(2)


def _state(B: Any, name: str, hook: Any) -> Any:
    net = B.nn.Linear(1, 1)
    getattr(net, name)(hook)
    return net


def test_no_hook_fires_without_gradients() -> None:
    def program(B: Any, say: Any) -> None:
        net = B.nn.Linear(2, 2).double().requires_grad_(False)
        watch(net, say, "net")
        out = net(numbers(B, 1, 2, need=False))
        say(out.requires_grad)
        with B.no_grad():
            net(numbers(B, 1, 2))
    both(program)


def test_state_dict_hooks() -> None:
    def program(B: Any, say: Any) -> None:
        net = B.nn.Sequential(B.nn.Linear(1, 1), B.nn.BatchNorm1d(1)).double()
        with B.no_grad():
            for p in net.parameters():
                p.fill_(2.0)
        for name, module in net.named_modules():
            def before(m: Any, prefix: str, keep: Any, name: str = name) -> None:
                say(name, "before", type(m).__name__, prefix, keep)

            def after(m: Any, state: Any, prefix: str, data: Any, name: str = name) -> None:
                say(name, "after", type(m).__name__, list(state), prefix, data)
                state[prefix + "extra"] = B.ones(1)

            def loading(m: Any, state: Any, prefix: str, data: Any, *rest: Any, name: str = name) -> None:
                say(name, "loading", type(m).__name__, sorted(state), prefix, *rest)
                state.pop(prefix + "extra", None)

            def loaded(m: Any, keys: Any, name: str = name) -> None:
                say(name, "loaded", type(m).__name__, keys.missing_keys, keys.unexpected_keys)
                keys.unexpected_keys.clear()
            module.register_state_dict_pre_hook(before)
            module.register_state_dict_post_hook(after)
            module.register_load_state_dict_pre_hook(loading)
            module.register_load_state_dict_post_hook(loaded)
        state = net.state_dict(keep_vars=True)
        say(state)
        say(repr(net.load_state_dict(state)))
    both(program)


def test_hooks_travel_with_copies_and_graphs_die() -> None:
    net = minigrad.nn.Linear(2, 2)
    seen: list[Any] = []
    net.register_full_backward_hook(lambda *given: seen.append(len(given)))
    copied = copy.deepcopy(net)
    copied(minigrad.ones(1, 2, requires_grad=True)).sum().backward()
    assert seen == [3]
    plain = minigrad.nn.Linear(2, 2)
    plain.register_forward_hook(print)
    assert pickle.loads(pickle.dumps(plain))._hooks
    gc.collect()
    gc.disable()
    try:
        out = net(minigrad.ones(1, 2, requires_grad=True) * 1)
        node = weakref.ref(out)
        out.sum().backward()
        del out
        assert node() is None
    finally:
        gc.enable()
