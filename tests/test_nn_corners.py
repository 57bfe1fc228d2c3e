"""Modules, optimizers and schedulers at their corners: each expression gives the same in minigrad and torch:
a value with its types and order, the warnings on the way, or the type and first line of an error."""
from __future__ import annotations

import copy
import importlib
import pickle
import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from nn_pairs import BACKENDS, array

torch = pytest.importorskip("torch")

MODULES = """
vars(nn.Hardtanh(-2, 3)) | vars(nn.ReLU6()) | nn.Hardtanh(min_value=-2, max_value=3)
vars(nn.PairwiseDistance(1)) | vars(nn.RNN(3, 4)) | vars(nn.RNN(3, 4, 2, "relu", bidirectional=True))
nn.LSTM(3, 4, batch_first=1) | nn.LayerNorm(()) | nn.LayerNorm(()).double()(x.sum()) | nn.AvgPool1d([3])
vars(nn.AvgPool1d([3], [2], [1])) | nn.ModuleDict([("a",)]) | nn.ModuleDict([1]) | nn.ModuleDict(1)
nn.ParameterDict([("a",)]) | nn.ParameterDict([1]) | nn.ParameterDict(1)
nn.ParameterDict({"b": torch.ones(2), "a": torch.ones(1)}) | net * 2 | 2 * net | (net * 3)[2] is net[0]
net.insert(1, nn.Tanh()) | net.insert(9, nn.Tanh())
change(net, lambda m: m.set_submodule("2.a", nn.Tanh()))
change(net, lambda m: m.set_submodule("0", nn.Tanh())) | net.set_submodule("", nn.Tanh())
net.set_submodule("0", 3) | net.set_submodule("9.a", nn.Tanh())
net.set_submodule("9", nn.Tanh(), strict=True) | net.set_submodule("0.weight", nn.Tanh())
hasattr(net, "set_submodule") | change(net, lambda m: m.set_submodule("0", nn.Tanh(), strict=True))
buffers(torch).state_dict() | dict(buffers(torch).named_buffers())
copy.deepcopy(buffers(torch)).state_dict() | nn.Buffer(torch.ones(2))
isinstance(nn.Buffer(torch.ones(2)), torch.Tensor) | nn.Buffer()
loaded(net, {"0.weight": torch.ones(3, 2, dtype=torch.int64)}, True)
loaded(net, {"0.weight": torch.ones(3, 2, dtype=torch.int64)}, False) | old_hook(net, False)
old_hook(net, True) | isinstance(nn.InstanceNorm1d(2), nn.modules.batchnorm._BatchNorm)
isinstance(nn.BatchNorm1d(2), nn.modules.batchnorm._BatchNorm) | nn.InstanceNorm2d(3)(x)
"""
# Arguments of a MultiheadAttention of 4 features and 2 heads: three places, two samples, four sources.
ATTENTION = """
q, k, k[:3] | q, k[0], k[0] | q[0], k, k | q, k, k, x | q, k, k, x[0] | q, k, k, torch.ones(2, 4).long()
q, k, k, None, True, torch.ones(2, 2).double() | q, k, k, None, True, torch.ones(3, 3, 4).double()
q, k, k, None, True, torch.ones(1, 1, 3, 4).double() | q, k, k, None, True, torch.ones(3, 4).long()
q[:, 0], k[:, 0], k[:, 0], None, True, torch.ones(3, 4).double() | q[:, 0], k[:, 0], k[:, 0], x[0] > 0
q[:, 0], k[:, 0], k[:, 0], torch.ones(4, 1) > 0
q[:, 0], k[:, 0], k[:, 0], None, True, torch.ones(2, 3, 4).double()
q, k, k, torch.ones(2, 4) < 0, True, torch.tril(torch.ones(3, 4)).double()
q, k, k, None, True, None, True, True | q, k, k, None, False, torch.ones(3, 4) < 0, True, True
q, k, k, None, True, torch.ones(3, 4) < 0, True, True
"""
# `rows` (3, 4) and `image` (2, 3, 4, 5) are float64.
FUNCTIONS = """
F.channel_shuffle(rows, 3) | F.channel_shuffle(image, 0) | F.channel_shuffle(image, 2)
F.channel_shuffle(3, 2) | F.channel_shuffle(image, 3) | F.channel_shuffle(image[:0], 3) | nn.ChannelShuffle(3)
F.local_response_norm(rows, 2) | F.local_response_norm(image[:0], 2) | F.local_response_norm(image[:, 0], 3)
F.local_response_norm(image[:, 0], 0) | F.local_response_norm(image, 2)
nn.LocalResponseNorm(2, k=3) | F.local_response_norm(image[None], 2)
F.conv1d(rows, torch.ones(2, 3, 2, 2).double()) | F.conv1d(rows, torch.ones(3, 2).double())
F.conv1d(rows, torch.ones(2, 3, 2).double(), stride=1.5)
F.conv1d(rows, torch.ones(2, 3, 2).double(), padding=(1, 2))
F.conv1d(rows, torch.ones(2, 3, 2).double(), padding=1.5)
F.conv1d(rows, torch.ones(3, 3, 2).double(), groups=2) | F.conv1d(rows, None)
F.conv1d(rows, torch.ones(2, 3, 2).double(), stride=-1)
F.conv1d(rows, torch.ones(2, 3, 2).double(), dilation=0)
F.conv1d(rows, torch.ones(2, 3, 2).double(), padding=-1)
F.conv1d(rows, torch.ones(2, 3, 2).double(), groups=0)
F.conv_transpose1d(rows, torch.ones(3, 2, 2).double(), stride=(1, 2))
F.conv_transpose1d(rows, torch.ones(3, 2, 2, 2).double())
F.conv_transpose1d(rows, torch.ones(3, 2, 2).double(), torch.ones(3).double())
F.conv_transpose1d(rows, torch.ones(3, 2, 2).double(), padding=9)
F.conv_transpose1d(rows, torch.ones(3, 2, 2).double(), output_padding=2)
F.conv_transpose1d(rows, torch.ones(3, 2, 2).double(), dilation=0) | F.max_pool1d(rows, (2, 2))
F.max_pool1d(rows, 2.0) | F.max_pool1d(rows, 2, (1, 1)) | F.avg_pool1d(rows, 2, (1, 1))
F.avg_pool1d(rows, 2.0) | F.avg_pool1d(rows, 2, 0) | F.avg_pool1d(rows, 2, padding=2)
F.max_pool1d(rows[0], 2) | F.avg_pool1d(rows, 9) | F.avg_pool1d(rows, 2, padding=-1)
F.adaptive_avg_pool1d(rows, 2.0) | F.conv1d(rows, torch.ones(2, 3, 2).double(), torch.ones(2))
F.avg_pool1d(rows, 0) | F.avg_pool1d(rows[None, None], 2) | F.max_pool1d(rows[None, None], 2)
F.max_pool1d(rows, 2, padding=(1, 1)) | F.max_pool1d(rows, 2, dilation=(1, 1)) | F.avg_pool1d(None, 2)
F.max_pool1d(None, 2) | F.conv2d(image, torch.ones(2, 3, 2).double())
F.conv2d(image, torch.ones(2, 3, 2, 2, 2).double()) | F.conv2d(image, torch.ones(2, 3).double())
F.conv_transpose2d(image, torch.ones(3, 2, 2).double())
F.conv_transpose2d(image, torch.ones(3, 2).double())
F.conv_transpose2d(image, torch.ones(3, 2, 2, 2, 2).double())
F.conv_transpose2d(image[0, 0], torch.ones(3, 2, 2, 2).double())
F.conv_transpose2d(image, torch.ones(3, 2, 2, 2).double(), stride=1.5)
F.conv_transpose2d(image, torch.ones(3, 2, 2, 2).double(), dilation=0)
F.conv_transpose2d(image, torch.ones(3, 2, 2, 2).double(), stride=0, padding=-1)
F.conv2d(image, torch.ones(3, 3, 2, 2).double(), stride=0, padding=-1, groups=0)
F.conv2d(image, torch.ones(3, 3, 2, 2).double(), dilation=0, groups=2)
F.conv2d(image, torch.ones(3, 3, 2, 2).double(), torch.ones(2).double(), groups=3)
F.conv_transpose2d(image, torch.ones(2, 2, 2, 2).double(), groups=3)
F.conv_transpose2d(image, torch.ones(3, 2, 2, 2).double(), torch.ones(3).double(), dilation=0)
F.conv_transpose2d(image, torch.ones(3, 2, 2, 2).double(), torch.ones(3).double(), output_padding=3)
F.conv_transpose2d(image, torch.ones(3, 2, 2, 2), torch.ones(2).double(), padding=9)
F.conv_transpose2d(image, torch.ones(3, 2, 2, 2), output_padding=-1)
F.conv_transpose2d(image, torch.ones(3, 2, 2, 2).double(), torch.ones(2)) | F.conv_transpose2d(image, None)
F.conv_transpose2d(3, None) | F.conv2d(image, torch.ones(3, 2).double(), dilation=0)
F.layer_norm(rows.float(), (4, ), torch.ones(4).double())
F.layer_norm(rows.half(), (4, ), torch.ones(4).double()) | F.layer_norm(rows, (4, ), torch.ones(4))
F.batch_norm(rows.float(), torch.ones(4).double(), torch.ones(4).double())
F.batch_norm(rows.half(), torch.ones(4).double(), torch.ones(4).double())
F.layer_norm(rows.float(), (4, ), torch.ones(4).half())
F.batch_norm(rows, None, None, torch.ones(4), training=True)
F.batch_norm(rows.float(), None, None, torch.ones(4).half(), training=True) | F.rms_norm(rows, (2.0, ))
F.rms_norm(rows, 3) | F.rms_norm(rows, ("a", )) | F.layer_norm(rows, ("a", )) | F.layer_norm(rows, (True, ))
F.pad(rows, "a") | F.pad(rows, None) | F.pad(rows[:,:0], (1, 1), "reflect")
F.pad(rows[:,:0], (1, 1), "circular") | F.pad(rows[:,:0], (0, 0), "replicate")
F.pad(rows[None,:,:0], (1, 1), "replicate") | F.pad(rows[None, None][:,:,:0], (1, 1, 1, 1), "replicate")
F.pad(rows[None, None][:,:,:0], (1, 1, 1, 1), "reflect") | F.pad(rows, (-5, 1)) | F.pad(rows, (-2, -3))
F.pad(rows, (-2, -2)) | F.pad(rows, (-5, 3), "replicate") | F.pad(rows, (-5, 3), "reflect")
F.pad(rows, (1, 1), value=None) | F.pad(rows, (1, 1), value=torch.tensor(2.))
F.pad(rows, (1, 1), value=[1]) | F.pad(rows, (1, 1), 3)
F.scaled_dot_product_attention(rows, rows, rows.float())
F.scaled_dot_product_attention(rows[0], rows, rows)
F.scaled_dot_product_attention(rows[None], rows[None], rows[None], enable_gqa=True)
F.scaled_dot_product_attention(rows, rows, rows, enable_gqa=True)
F.scaled_dot_product_attention(image, image[:, :2], image[:, :2], enable_gqa=True)
F.scaled_dot_product_attention(image[:, :2], image[:, :1], image[:, :1], enable_gqa=True)
F.scaled_dot_product_attention(rows, rows, None) | F.scaled_dot_product_attention(rows, rows[:,:3], rows)
F.scaled_dot_product_attention(rows, rows, rows[:2])
F.scaled_dot_product_attention(rows, rows, rows, attn_mask=3)
F.scaled_dot_product_attention(rows, rows, rows, attn_mask=rows)
F.interpolate(rows[None], size=3, recompute_scale_factor=True)
F.interpolate(rows[None], size=3, recompute_scale_factor=False)
F.interpolate(rows[None], scale_factor=-1.) | F.group_norm(rows, -1) | F.group_norm(rows, 2.0)
F.group_norm(rows, 2, torch.ones(4).float()) | nn.utils.get_total_norm([rows, image])
nn.utils.get_total_norm([rows], 1, True) | nn.utils.get_total_norm([])
nn.utils.get_total_norm([rows / 0], error_if_nonfinite=True) | clipped(torch, rows, 1.0, torch.tensor(2.0))
clipped(torch, rows, 3.0, torch.tensor(2.0)) | R.pack_sequence([rows]).float()
R.pack_sequence([rows]).half().data | R.pack_sequence([rows]).is_cuda | R.pack_sequence([rows]).cpu()
R.pad_sequence([]) | R.pad_sequence(3) | R.pad_sequence(each for each in rows)
R.pack_padded_sequence(image[0], 3) | hasattr(R.pack_sequence([rows]), "nonsense")
"""
RECURRENT = """
nn.GRU(3, 4).double()(q3, zeros[0, 0, :4]) | nn.GRU(3, 4).double()(q3[:, 0], zeros[:1, :1, :4])
nn.LSTM(3, 4).double()(q3, (zeros[0, 0, :4],) * 2)
nn.LSTM(3, 4).double()(q3[:, 0], (zeros[:1, :1, :4],) * 2)
nn.RNN(3, 4).double()(q3[None]) | nn.LSTM(3, 4).double()(q3[None]) | nn.GRU(3, 4).double()(q3[0, 0])
nn.LSTM(3, 4).double()(q3, [zeros[:1, :2, :4], zeros[:1, :2, :4]]) | nn.GRU(3, 4).double()(q3[:, 0])
nn.GRU(2, 4).double()(R.pack_padded_sequence(q3, [3, 2]))
nn.LSTM(2, 4).double()(R.pack_padded_sequence(q3, [3, 2]))
nn.LSTM(3, 4).double()(q3, (zeros[:1, :2, :3],) * 2)
nn.ConvTranspose2d(2, 1, 3, stride=2).double()(zeros[None], output_size=(18, 8))
nn.ConvTranspose2d(2, 1, 3, stride=2).double()(zeros[None], output_size=[8, 8])
"""
OPTIMIZERS = """
step(optim.SGD(model.named_parameters(), lr=.1), model) | step(optim.Adam(model.named_parameters()), model)
optim.SGD([("a", w), w]) | optim.SGD([{"params": [("a", w)]}]).state_dict() | optim.SGD([("a", 3)])
optim.SGD([("a", w)]).add_param_group({"params": [v]})
optim.SGD([w]).add_param_group({"params": [("v", v)]}) | renamed(optim, [("a", w)], [("b", v)])
renamed(optim, [w], [("b", v)]) | renamed(optim, [("a", w)], [v]) | optim.swa_utils.get_ema_avg_fn(2)
optim.swa_utils.get_ema_multi_avg_fn(-1) | averaged(torch) | averaged(torch, use_buffers=True)
averaged(torch, avg_fn=optim.swa_utils.get_ema_avg_fn(.9))
averaged(torch, multi_avg_fn=optim.swa_utils.get_ema_multi_avg_fn(.7), use_buffers=True)
averaged(torch, multi_avg_fn=optim.swa_utils.get_swa_multi_avg_fn())
averaged(torch, avg_fn=max, multi_avg_fn=max) | optim.swa_utils.SWALR(sgd, .05, 3, "up")
optim.swa_utils.SWALR(sgd, .05, -3) | optim.swa_utils.SWALR(sgd, [1, 2, 3])
optim.swa_utils.SWALR(sgd, .05).get_lr() | optim.swa_utils.SWALR(sgd, .05, 2.5)
optim.swa_utils.update_bn([], net) | annealed(torch, .05, 0) | annealed(torch, [.05, .2], 1, "linear")
annealed(torch, [.05, .2], 5) | annealed(torch, .05, 5, "linear") | all_hooks(torch)
kept(s.LambdaLR(sgd, lambda epoch: 1.0)) | kept(s.MultiplicativeLR(sgd, Half()))
kept(s.CyclicLR(sgd, .01, .1, 2)) | kept(s.CyclicLR(sgd, .01, .1, 2, scale_fn=Half()))
kept(s.ReduceLROnPlateau(sgd)) | kept(s.OneCycleLR(sgd, .1, 20))
kept(s.SequentialLR(sgd, [s.StepLR(sgd, 2), s.ExponentialLR(sgd, .9)], [3]))
kept(s.CosineAnnealingLR(sgd, 9)) | kept(s.ChainedScheduler([s.StepLR(sgd, 2), s.LambdaLR(sgd, Half())]))
kept(s.CosineAnnealingWarmRestarts(sgd, 3)) | kept(s.StepLR(sgd, 3)) | kept(s.MultiStepLR(sgd, [2]))
kept(s.ConstantLR(sgd)) | kept(s.LinearLR(sgd))
"""


def expressions(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split(" | ")]


class Half:
    """A callable object, whose attributes a state dict holds."""
    share = 0.5

    def __init__(self) -> None:
        self.own = 3

    def __call__(self, epoch: int) -> float:
        return self.share


def change(module: Any, how: Any) -> Any:
    return how(module), module


def buffers(B: Any) -> Any:
    module = B.nn.Module()
    module.kept, module.dropped = B.nn.Buffer(B.ones(2)), B.nn.Buffer(B.zeros(3), persistent=False)
    return module


def loaded(module: Any, changed: Any, assign: bool) -> Any:
    state = {**module.state_dict(), **changed}
    try:
        return module.load_state_dict(state, assign=assign), module.state_dict()
    except RuntimeError as error:               # after the first line, ours says what to do as well
        return str(error).partition("Only Tensors")[0]


def old_hook(module: Any, with_module: bool) -> Any:
    seen: list[Any] = []
    module._register_load_state_dict_pre_hook(
        lambda *given: seen.append([type(part).__name__ for part in given]), with_module=with_module)
    module.load_state_dict(module.state_dict())
    return seen


def step(optimizer: Any, model: Any) -> Any:
    for parameter in model.parameters():
        parameter.grad = parameter.detach() + 1
    optimizer.step()
    return optimizer.state_dict(), repr(optimizer), model.state_dict()


def renamed(optim: Any, source: Any, target: Any) -> Any:
    """A state dict with other names, or none, taken up."""
    optimizer = optim.SGD(target)
    optimizer.load_state_dict(optim.SGD(source).state_dict())
    return optimizer.state_dict()


def clipped(B: Any, rows: Any, *settings: Any) -> Any:
    weights = [B.ones(3, 4, dtype=B.float64), B.ones(2)]
    weights[0].grad = rows
    return B.nn.utils.clip_grads_with_norm_(weights, *settings), rows


def averaged(B: Any, **options: Any) -> Any:
    random = np.random.default_rng(0)

    def batch() -> Any:
        return B.from_numpy(random.standard_normal((5, 2)))

    model = B.nn.Sequential(B.nn.Linear(2, 3), B.nn.BatchNorm1d(3)).double()
    average = B.optim.swa_utils.AveragedModel(model, **options)
    for _ in range(4):
        for parameter in model.parameters():
            parameter.data.add_(B.from_numpy(random.standard_normal(tuple(parameter.shape))))
        model(batch())
        average.update_parameters(model)
    before = copy.deepcopy(average.state_dict())
    B.optim.swa_utils.update_bn([batch(), [batch(), 3]], average)
    return before, average.state_dict(), repr(average), average.training, average(batch()).detach()


def annealed(B: Any, *settings: Any) -> Any:
    weights = B.ones(1), B.ones(2)
    optimizer = B.optim.SGD([{"params": weights[0], "lr": 0.5}, {"params": weights[1], "lr": 0.1}])
    B.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    scheduler, rates = B.optim.swa_utils.SWALR(optimizer, *settings), []
    for _ in range(8):
        optimizer.step()
        scheduler.step()
        rates.append(scheduler.get_last_lr())
    other = B.optim.swa_utils.SWALR(optimizer, 0.3)
    other.load_state_dict(scheduler.state_dict())
    other.step()
    return rates, scheduler.state_dict(), other.get_last_lr(), list(optimizer.param_groups[0])


def all_hooks(B: Any) -> Any:
    seen: list[Any] = []
    room = importlib.import_module(f"{B.__name__}.optim.optimizer")
    before = room.register_optimizer_step_pre_hook(lambda *given: seen.append("all before"))
    after = room.register_optimizer_step_post_hook(lambda *given: seen.append("all after"))
    optimizer = B.optim.SGD([B.ones(1)])
    optimizer.register_step_pre_hook(lambda *given: seen.append("before"))
    optimizer.register_step_post_hook(lambda *given: seen.append("after"))
    optimizer.step()
    before.remove()
    after.remove()
    optimizer.step()
    optimizer.register_step_pre_hook(lambda *given: 3)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of .*, but got 3"):
        optimizer.step()
    return seen


def kept(scheduler: Any) -> Any:
    """A state dict, its order with it, and what a scheduler that takes it up goes on with."""
    for _ in range(3):
        scheduler.step(*([1.0] if type(scheduler).__name__ == "ReduceLROnPlateau" else []))
    state = scheduler.state_dict()
    copied = copy.copy(scheduler)
    copied.load_state_dict(pickle.loads(pickle.dumps(state)))
    return state, copied.state_dict(), copied.get_last_lr()


def plain(value: Any, B: Any) -> Any:
    """A value of either library as Python's own, with the types and the order that count."""
    if isinstance(value, B.Tensor):
        return str(value.dtype), tuple(value.shape), value.requires_grad, array(value).tolist()
    if isinstance(value, dict):
        hidden = isinstance(value.get("training"), bool)        # of a module's attributes the public ones
        pairs = [(plain(k, B), plain(v, B)) for k, v in value.items() if not (hidden and str(k)[0] == "_")]
        return sorted(pairs, key=str) if hidden else pairs
    if isinstance(value, (list, tuple)):
        return [plain(part, B) for part in value]
    if isinstance(value, (bool, int, float, str, type(None))):
        return value
    return repr(value) if isinstance(value, B.nn.Module) else type(value).__name__


def outcome(text: str, B: Any, more: Any) -> Any:
    B.manual_seed(0)
    random = np.random.default_rng(1)
    names = {"torch": B, "nn": B.nn, "F": B.nn.functional, "R": B.nn.utils.rnn, "optim": B.optim,
             "s": B.optim.lr_scheduler, "copy": copy, "OrderedDict": OrderedDict,
             "model": B.nn.Linear(2, 3).double(),
             "net": B.nn.Sequential(B.nn.Linear(2, 3), B.nn.ReLU(), B.nn.Sequential()).double(),
             **{name: B.from_numpy(random.standard_normal(shape)) for name, shape in
                {"x": (2, 3, 4), "q": (3, 2, 4), "k": (4, 2, 4), "w": (2,), "v": (2,), "rows": (3, 4),
                 "image": (2, 3, 4, 5)}.items()}, **globals()}
    names |= {"torch": B, **more(B, names)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = plain(eval(text, names), B)
        except Exception as error:              # noqa: BLE001 - whichever it is, torch raises it too
            first, _, advice = str(error.args[0] if error.args else "").partition("\n")
            assert B is torch or advice or isinstance(error, (IndexError, AttributeError)), first
            found = type(error).__name__, first
    said = [(warning.category, str(warning.message)) for warning in caught]
    return found, [each for each in said if each[0] in (UserWarning, FutureWarning)]


def same(text: str, more: Any = lambda B, names: {}) -> None:
    ours, theirs = (outcome(text, B, more) for B in BACKENDS)
    assert ours[1] == theirs[1]
    assert approximate(ours[0]) == theirs[0]


def approximate(value: Any) -> Any:
    """Numbers equal to 1e-12, which sums in another order may differ by."""
    if isinstance(value, (list, tuple)):
        return type(value)([approximate(part) for part in value])
    return pytest.approx(value, rel=1e-12, abs=1e-15, nan_ok=True) if isinstance(value, float) else value


@pytest.mark.parametrize("text", expressions(MODULES))
def test_modules(text: str) -> None:
    same(text)


@pytest.mark.parametrize("given", expressions(ATTENTION))
def test_attention(given: str) -> None:
    same(f"attention({given})", lambda B, names: {"attention": B.nn.MultiheadAttention(4, 2).double()})


@pytest.mark.parametrize("text", expressions(FUNCTIONS))
def test_functions(text: str) -> None:
    same(text)


@pytest.mark.parametrize("text", expressions(RECURRENT))
def test_recurrent(text: str) -> None:
    same(text, lambda B, names: {"q3": names["q"][:, :, :3], "zeros": B.zeros(2, 3, 5, dtype=B.float64)})


@pytest.mark.parametrize("text", expressions(OPTIMIZERS))
def test_optimizers(text: str) -> None:
    def more(B: Any, names: Any) -> Any:
        groups = [{"params": [names["w"]]}, {"params": [names["v"]], "lr": 0.3}]
        sgd = B.optim.SGD(groups, lr=0.2, momentum=0.5)
        sgd.step()
        return {"sgd": sgd}
    same(text, more)
