"""Module against torch's: members, walks over the tree, state dicts, hooks, conversion, text, copies."""
from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, array, close, copy_parameters, error_of, same_bits, same_error

import minigrad

torch = pytest.importorskip("torch")


def network(B: Any) -> Any:
    """A tree with every kind of member: shared modules, None members, buffers that are not saved."""
    class Block(B.nn.Module):
        def __init__(self, size: int) -> None:
            super().__init__()
            self.norm = B.nn.LayerNorm(size)
            self.linear = B.nn.Linear(size, size)
            self.register_buffer("mask", B.ones(size))
            self.register_buffer("scratch", B.zeros(2), persistent=False)
            self.register_parameter("gain", None)

        def forward(self, x: Any) -> Any:
            return x + self.linear(self.norm(x)) * self.mask

    class Network(B.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = B.nn.Parameter(B.ones(()))
            self.blocks = B.nn.ModuleList([Block(4) for _ in range(3)])
            self.tied = self.blocks[0].linear
            self.nothing = None
            self.extra = B.nn.ModuleDict({"out": B.nn.Linear(4, 2), "drop": B.nn.Dropout(0.1)})
            self.late = B.nn.Parameter(B.zeros(3), requires_grad=False)

        def forward(self, x: Any, scale: float = 1.0) -> Any:
            for block in self.blocks:
                x = block(x)
            return self.extra["out"](x) * self.scale * scale

        def extra_repr(self) -> str:
            return "two\nlines"
    B.manual_seed(0)
    return Network()


def test_names_and_order() -> None:
    ours, theirs = (network(B) for B in BACKENDS)
    for what in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [n for n, _ in getattr(ours, what)()] == [n for n, _ in getattr(theirs, what)()]
    for what in ("named_parameters", "named_buffers", "named_modules"):
        for options in ({"prefix": "net"}, {"remove_duplicate": False}):
            names = [[n for n, _ in getattr(net, what)(**options)] for net in (ours, theirs)]
            assert names[0] == names[1]
    assert [n for n, _ in ours.named_parameters(recurse=False)] == ["scale", "late"]
    for what in ("parameters", "buffers", "modules", "children"):
        assert len(list(getattr(ours, what)())) == len(list(getattr(theirs, what)()))
    assert repr(ours) == repr(theirs)
    assert set(dir(ours)) >= {"scale", "blocks", "late", "forward"}


def test_state_dict_crosses_both_ways() -> None:
    ours, theirs = (network(B) for B in BACKENDS)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    for source, target, B in ((theirs, ours, minigrad), (ours, theirs, torch)):
        for parameter in source.parameters():
            parameter.data += 1
        copy_parameters(source, target, B)
        for name, value in source.state_dict().items():
            same_bits(name, target.state_dict()[name], value)
        close("forward", ours(minigrad.from_numpy(x)), theirs(torch.from_numpy(x)), 1e-6)


def test_state_dict_shares_memory_and_loading_copies() -> None:
    net = network(minigrad)
    state = net.state_dict()
    assert not any(tensor.requires_grad for tensor in state.values())
    state["scale"].fill_(7.0)
    assert net.scale.item() == 7.0
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert list(net.state_dict(prefix="a.", destination={})) == ["a." + key for key in state]
    parameter = net.scale
    net.load_state_dict({k: minigrad.zeros_like(v) for k, v in state.items()})
    assert net.scale is parameter
    assert parameter.item() == 0
    given = {k: minigrad.ones_like(v) for k, v in state.items()}
    net.load_state_dict(given, assign=True)
    assert net.scale is not parameter
    assert isinstance(net.scale, minigrad.nn.Parameter)
    assert not net.late.requires_grad
    given["scale"].fill_(3.0)
    assert net.scale.item() == 3.0


def _wrong_states(net: Any, B: Any) -> list[dict[str, Any]]:
    state = dict(net.state_dict())
    missing = {k: v for k, v in state.items() if not k.startswith("extra")}
    return [missing, state | {"other.weight": B.ones(1)},
            missing | {"scale.x": B.ones(1), "unknown": B.ones(1)},
            state | {"scale": B.ones(2), "tied.bias": B.ones(4, 1)}, state | {"scale": 5},
            missing | {"scale": B.ones(3), "blocks.7.linear.bias": B.ones(1)}]


@pytest.mark.parametrize("which", range(6))
def test_state_dict_errors_word_for_word(which: int) -> None:
    texts = []
    for B in BACKENDS:
        net = network(B)
        with pytest.raises(RuntimeError) as caught:
            net.load_state_dict(_wrong_states(net, B)[which])
        texts.append(str(caught.value))
    assert texts[0] == texts[1]


def test_state_dict_loose() -> None:
    reports = []
    for B in BACKENDS:
        net = network(B)
        found = net.load_state_dict(_wrong_states(net, B)[2], strict=False)
        reports.append((repr(found), found.missing_keys, found.unexpected_keys))
    assert reports[0] == reports[1]
    same_error(lambda B: B.nn.Linear(1, 1).load_state_dict(5))
    scalar = minigrad.nn.Module()
    scalar.gain = minigrad.nn.Parameter(minigrad.ones(()))
    scalar.load_state_dict({"gain": minigrad.tensor([4.0])})        # torch 0.3 saved scalars so
    assert scalar.gain.item() == 4.0


def test_extra_state() -> None:
    for B in BACKENDS:
        class Counted(B.nn.Module):
            count = 0

            def get_extra_state(self) -> Any:
                return {"count": self.count}

            def set_extra_state(self, state: Any) -> None:
                self.count = state["count"]
        first, second = Counted(), Counted()
        first.count = 5
        assert list(first.state_dict()) == ["_extra_state"]
        second.load_state_dict(first.state_dict())
        assert second.count == 5
        with pytest.raises(RuntimeError, match="Missing key"):
            second.load_state_dict({})


class TestMembers:
    def test_attributes(self) -> None:
        nn, net = minigrad.nn, minigrad.nn.Linear(2, 3)
        weight = net.weight
        net.weight = nn.Parameter(minigrad.zeros(3, 2))
        assert list(net.state_dict()) == ["weight", "bias"]
        assert net.weight is not weight
        net.bias = None
        assert list(net.state_dict()) == ["weight"]
        net.extra = nn.ReLU()
        net.extra = nn.Parameter(minigrad.ones(1))          # a module's name goes to a parameter
        assert list(net.children()) == []
        assert "extra" in dict(net.named_parameters())
        del net.extra
        assert not hasattr(net, "extra")
        net.plain = 5
        net.plain = nn.Identity()
        assert "plain" not in net.__dict__
        net.register_buffer("held", minigrad.ones(2), persistent=False)
        net.held = minigrad.zeros(2)
        assert next(net.buffers()) is net.held
        assert "held" not in net.state_dict()
        del net.held
        assert list(net.buffers()) == []

    @pytest.mark.parametrize("call", [
        lambda B, net: setattr(net, "weight", B.ones(2)), lambda B, net: setattr(net, "weight", 5),
        lambda B, net: setattr(net, "child", 5), lambda B, net: setattr(net, "held", "text"),
        lambda B, net: net.register_parameter("weight2", B.ones(2)),
        lambda B, net: net.register_parameter("a.b", None),
        lambda B, net: net.register_parameter("", None),
        lambda B, net: net.register_parameter("forward", None),
        lambda B, net: net.register_parameter(5, None),
        lambda B, net: net.register_buffer("weight", B.ones(1)),
        lambda B, net: net.register_buffer("x", 5), lambda B, net: net.register_buffer("x.y", None),
        lambda B, net: net.add_module("x", 5), lambda B, net: net.add_module("weight", B.nn.Identity()),
        lambda B, net: net.add_module("a.b", B.nn.Identity()),
        lambda B, net: net.add_module(3, B.nn.Identity()),
        lambda B, net: net.get_submodule("child.none"), lambda B, net: net.get_submodule("weight"),
        lambda B, net: net.get_parameter("child.weight.x"), lambda B, net: net.get_parameter("child"),
        lambda B, net: net.get_buffer("weight"), lambda B, net: net.absent,
        lambda B, net: delattr(net, "absent"),
        lambda B, net: net.train("yes"), lambda B, net: net.to(B.int64),
        lambda B, net: B.nn.Module(5), lambda B, net: B.nn.Module(size=5), lambda B, net: B.nn.Module()(1),
        lambda B, net: B.nn.Parameter(B.tensor([1])), lambda B, net: B.nn.Parameter([1.0]),
        lambda B, net: net.register_parameter("made", _non_leaf(B)),
    ])
    def test_errors(self, call: Any) -> None:
        def run(B: Any) -> None:
            net = B.nn.Linear(2, 2)
            net.child = B.nn.Linear(1, 1)
            net.register_buffer("held", B.ones(1))
            call(B, net)
        ours, theirs = error_of(run, minigrad), error_of(run, torch)
        assert ours == theirs or (ours[0] == theirs[0] == "AttributeError" and ours[1].startswith(theirs[1]))

    def test_before_the_constructor(self) -> None:
        for value in (lambda B: B.nn.Parameter(B.ones(1)), lambda B: B.nn.ReLU()):
            def assign(B: Any, value: Any = value) -> None:
                class Early(B.nn.Module):
                    def __init__(self) -> None:
                        self.member = value(B)
                Early()
            same_error(assign)
        for method in ("register_buffer", "register_parameter"):
            def register(B: Any, method: str = method) -> None:
                class Early(B.nn.Module):
                    def __init__(self) -> None:
                        getattr(self, method)("x", None)
                Early()
            same_error(register)

    def test_getters(self) -> None:
        net = network(minigrad)
        assert net.get_submodule("") is net
        assert net.get_submodule("blocks.1.norm") is net.blocks[1].norm
        assert net.get_parameter("blocks.1.norm.weight") is net.blocks[1].norm.weight
        assert net.get_buffer("blocks.2.mask") is net.blocks[2].mask

    def test_call_super_init(self) -> None:
        for B in BACKENDS:
            class Mixed:
                def __init__(self, size: int) -> None:
                    self.size = size

            class Both(B.nn.Module, Mixed):
                call_super_init = True
            assert Both(size=4).size == 4


def _non_leaf(B: Any) -> Any:
    made = B.nn.Parameter(B.ones(1))
    with B.no_grad():
        made.mul_(2)
    other = B.ones(1, requires_grad=True) * 2
    result = B.nn.Parameter(B.ones(1))
    result.requires_grad_(False)
    result.mul_(other)
    return result


class TestHooks:
    def test_order_arguments_and_results(self) -> None:
        logs = []
        for B in BACKENDS:
            log: list[Any] = []
            net = B.nn.Linear(2, 2, bias=False)
            with B.no_grad():
                net.weight.fill_(1.0)

            def note(name: str, log: list[Any] = log, change: Any = None) -> Any:
                def hook(module: Any, *given: Any) -> Any:
                    log.append((name, type(module).__name__, len(given)))
                    return change(*given) if change else None
                return hook
            handles = [net.register_forward_pre_hook(note("a")),
                       net.register_forward_pre_hook(note("b", change=lambda args: args[0] * 2)),
                       net.register_forward_pre_hook(note("c"), prepend=True),
                       net.register_forward_pre_hook(note("d", change=lambda args, kwargs: (args, kwargs)),
                                                     with_kwargs=True),
                       net.register_forward_hook(note("e", change=lambda args, out: out + 1)),
                       net.register_forward_hook(note("f"), prepend=True, with_kwargs=True)]
            log.append(net(B.ones(1, 2)).tolist())
            handles[1].remove()
            handles[1].remove()
            log.append(net(B.ones(1, 2)).tolist())
            for handle in handles:
                handle.remove()
            log.append(net(B.ones(1, 2)).tolist())
            logs.append(log)
        assert logs[0] == logs[1]

    def test_wrong_results(self) -> None:
        def call(B: Any) -> None:
            net = B.nn.Identity()
            net.register_forward_pre_hook(lambda module, args, kwargs: 5, with_kwargs=True)
            net(B.ones(1))
        same_error(call)

    def test_refusals_name_what_they_refuse(self) -> None:
        net = minigrad.nn.Identity()
        for call, name in ((lambda B: net.register_backward_hook(print), "register_backward_hook"),
                           (lambda B: net.compile(), "compile")):
            kind, text = error_of(call, minigrad)
            assert kind == "NotImplementedError"
            assert name in text


class TestConversion:
    def test_dtypes(self) -> None:
        for convert in (lambda net, B: net.double(), lambda net, B: net.half(),
                        lambda net, B: net.to(B.float64),
                        lambda net, B: net.to("cpu", B.float64), lambda net, B: net.to(dtype=B.float64),
                        lambda net, B: net.to(B.ones(1).double()), lambda net, B: net.to("cpu"),
                        lambda net, B: net.cpu(),
                        lambda net, B: net.double().float(), lambda net, B: net.type(B.float64)):
            described = []
            for B in BACKENDS:
                net = B.nn.Sequential(B.nn.Linear(2, 2), B.nn.BatchNorm1d(2))
                net(B.ones(3, 2)).sum().backward()
                parameters = list(net.parameters())
                assert convert(net, B) is net
                assert all(a is b for a, b in zip(parameters, net.parameters(), strict=True))
                described.append([(k, str(v.dtype)) for k, v in net.state_dict().items()]
                                 + [str(p.grad.dtype) for p in net.parameters()])
            assert described[0] == described[1]

    def test_no_gpu(self) -> None:
        with pytest.raises(RuntimeError, match=r"cuda|NVIDIA driver"):
            minigrad.nn.Linear(1, 1).cuda()

    def test_modes_and_gradients(self) -> None:
        net = network(minigrad)
        assert net.eval() is net
        assert not any(module.training for module in net.modules())
        assert all(module.training for module in net.train().modules())
        net(minigrad.ones(2, 4)).sum().backward()
        assert net.scale.grad is not None
        net.zero_grad(set_to_none=False)
        assert net.scale.grad.item() == 0
        net.zero_grad()
        assert net.scale.grad is None
        net.requires_grad_(False)
        assert not any(p.requires_grad for p in net.parameters())
        seen: list[str] = []
        assert net.apply(lambda module: seen.append(type(module).__name__)) is net
        assert seen[-1] == "Network"


class TestParameter:
    def test_text_and_identity(self) -> None:
        for make in (lambda B: B.nn.Parameter(B.ones(2, 2)), lambda B: B.nn.Parameter(),
                     lambda B: B.nn.Parameter(
                B.ones(2).double(), requires_grad=False), lambda B: B.nn.Parameter(B.tensor([1, 2]), False)):
            ours, theirs = (make(B) for B in BACKENDS)
            assert repr(ours) == repr(theirs)
            assert isinstance(ours, minigrad.Tensor)
        with minigrad.no_grad():
            assert minigrad.nn.Parameter(minigrad.ones(1)).requires_grad
        data = minigrad.ones(3)
        parameter = minigrad.nn.Parameter(data)
        data.fill_(2.0)
        assert parameter.tolist() == [2.0] * 3
        assert type(parameter * 1) is minigrad.Tensor
        leaf = minigrad.nn.Parameter(minigrad.ones(2, requires_grad=True) * 2)
        assert leaf.is_leaf

    def test_attributes_survive_copies(self) -> None:
        parameter = minigrad.nn.Parameter(minigrad.ones(2))
        parameter.group = "decay"
        parameter.sum().backward()
        for B in BACKENDS:
            theirs = B.nn.Parameter(B.ones(2))
            theirs.group = "decay"
            theirs.sum().backward()
            made = copy.deepcopy(theirs)
            assert (hasattr(made, "group"), made.grad, made.requires_grad, type(made)) == \
                (False, None, True, B.nn.Parameter)
        back = pickle.loads(pickle.dumps(parameter))
        assert (type(back), back.group, back.requires_grad, back.tolist()) == (minigrad.nn.Parameter, "decay",
                                                                               True,
                                                                               [1.0, 1.0])


def test_copies_of_modules() -> None:
    net = minigrad.nn.Sequential(minigrad.nn.Linear(3, 3), minigrad.nn.BatchNorm1d(3),
                                 minigrad.nn.Linear(3, 3))
    net[2].weight = net[0].weight                       # tied
    for made in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(made) == repr(net)
        assert made[2].weight is made[0].weight
        assert made[0].weight is not net[0].weight
        for name, value in net.state_dict().items():
            same_bits(name, made.state_dict()[name], value)
        made[0].weight.data.fill_(0.0)
    assert array(net[0].weight).any()


class TestContainers:
    def test_sequential(self) -> None:
        texts = []
        for B in BACKENDS:
            nn = B.nn
            net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
            log = [len(net), repr(net[1]), repr(net[-1]), repr(net[:2]), [repr(m) for m in net]]
            net[1] = nn.Tanh()
            log.append(repr(net.append(nn.Sigmoid())))
            log.append(repr(net.insert(1, nn.Identity())))
            log.append(repr(net.extend([nn.ReLU(), nn.ReLU()])))
            log.append(repr(net.pop(0)))
            del net[-1]
            log.append(repr(net))
            del net[1:3]
            log += [repr(net), list(net.state_dict()), repr(net + nn.Sequential(nn.ReLU()))]
            net += nn.Sequential(nn.Tanh())
            log += [repr(net), repr(nn.Sequential()),
                    repr(nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Sequential(nn.Tanh())))[1:])]
            texts.append(log)
        assert texts[0] == texts[1]

    def test_lists_and_dicts(self) -> None:
        texts = []
        for B in BACKENDS:
            nn = B.nn
            modules = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU()])
            log: list[Any] = [repr(modules), len(modules), repr(modules[1:]), repr(modules[-1])]
            modules.append(nn.ReLU()).extend([nn.Tanh()])
            modules.insert(0, nn.Sequential(nn.Tanh(), nn.Identity()))
            modules[1] = nn.Sigmoid()
            modules += [nn.GELU()]
            log += [repr(modules), repr(modules + [nn.ReLU()]), list(modules.state_dict()),
                    repr(modules.pop(2))]
            del modules[0]
            log += [repr(modules), repr(nn.ModuleList())]
            named = nn.ModuleDict({"a": nn.ReLU()})
            named["b"] = nn.Linear(1, 1)
            named.update([("c", nn.Tanh()), ("a", nn.Sigmoid())])
            named.update(nn.ModuleDict({"d": nn.Identity()}))
            log += [repr(named), list(named), list(named.keys()), "b" in named, len(named),
                    repr(named.pop("b")),
                    [k for k, _ in named.items()], [repr(m) for m in named.values()]]
            named.clear()
            log += [repr(named), len(named)]
            texts.append(log)
        assert texts[0] == texts[1]

    @pytest.mark.parametrize("call", [
        lambda nn: nn.Sequential(nn.ReLU())[1], lambda nn: nn.Sequential(5),
        lambda nn: nn.Sequential(nn.ReLU()) + 5,
        lambda nn: nn.Sequential().insert(2, nn.ReLU()), lambda nn: nn.ModuleList([5]),
        lambda nn: nn.ModuleList([])[0],
        lambda nn: nn.ModuleList(5), lambda nn: nn.ModuleList([nn.ReLU()])(1),
        lambda nn: nn.ModuleDict({"a": 5}),
        lambda nn: nn.ModuleDict()["a"], lambda nn: nn.ModuleDict(5),
        lambda nn: nn.ModuleDict({"a.b": nn.ReLU()}),
    ])
    def test_errors(self, call: Any) -> None:
        ours, theirs = (error_of(lambda B: call(B.nn), B) for B in BACKENDS)
        ours, theirs = ((kind, text.replace("minigrad.", "torch.")) for kind, text in (ours, theirs))
        assert ours == theirs
