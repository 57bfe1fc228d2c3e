"""Modules that learn how many features or channels come in from the first input they see
(torch.nn.Lazy...)."""
import inspect

from ...ops import create
from ..arguments import need
from ..parameter import UninitializedBuffer, UninitializedParameter
from .convolution import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .learned import BatchNorm1d, BatchNorm2d, Linear

__all__ = ["LazyBatchNorm1d", "LazyBatchNorm2d", "LazyConv1d", "LazyConv2d", "LazyConvTranspose1d",
           "LazyConvTranspose2d", "LazyLinear"]
_UNKNOWN = (UninitializedBuffer, UninitializedParameter)


class Lazy:
    """A module of `_kind` without the size that is its first argument. Its weights are drawn, and its class
    becomes `_kind`, at the first forward; a state dict may bring their sizes before."""

    def __init__(self, *args, **named):
        given = inspect.signature(self._kind).bind(0, *args, **named).arguments
        super().__init__(**given)
        given.pop(self._size)
        self._given = given
        for name in ("running_mean", "running_var"):
            if self._buffers.get(name) is not None:
                self._buffers[name] = UninitializedBuffer(False, dtype=self._buffers[name].dtype)
        self._inferring = self.register_forward_pre_hook(Lazy._infer)

    def _learn(self, device, dtype, **sizes):
        for name, size in sizes.items():
            self.register_parameter(name, None if size is None else UninitializedParameter(
                True, device, dtype))

    def has_uninitialized_params(self):
        """Are there weights without a size?"""
        return any([isinstance(tensor, _UNKNOWN) for _, tensor in self._saved()])

    def _infer(self, inputs):
        """Before the first forward: the weights."""
        shape = inputs[0].shape
        count = getattr(self, "_count", None)
        need(count is None or len(shape) in (count + 1, count + 2), "Expected {}D (unbatched) or {}D "
             "(batched) input to {}, but got input of size: torch.Size({})\nImages are (N, C, H, W), "
             "signals (N, C, L).", (count or 0) + 1, (count or 0) + 2, type(self).__name__, tuple(shape))
        size = shape[self._at if count is None else len(shape) - count - 1]
        if self.has_uninitialized_params():
            unknown = [tensor for _, tensor in self._saved() if isinstance(tensor, _UNKNOWN)]
            full = self._kind(size, **{**self._given, "dtype": unknown[0].dtype, "device": unknown[0].device})
            for name, tensor in full._buffers.items():
                if isinstance(self._buffers[name], _UNKNOWN):
                    self._buffers[name] = tensor
            for name, tensor in full._parameters.items():
                if isinstance(self._parameters[name], _UNKNOWN):
                    self._parameters[name].become(tensor)
        self._inferring.remove()
        del self._inferring, self._given
        setattr(self, self._size, size)
        self.__class__ = self._kind

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        for name, tensor in self._saved():
            given = state_dict.get(prefix + name, tensor)
            if isinstance(tensor, _UNKNOWN):
                if isinstance(given, _UNKNOWN):
                    state_dict[prefix + name] = tensor
                elif name in self._buffers:
                    self._buffers[name] = create.empty(given.shape, dtype=tensor.dtype,
                                                       device=tensor.device)
                else:
                    tensor.materialize(given.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _lazy(kind, at):
    first, *rest = inspect.signature(kind).parameters.values()

    def make(self, *args, **named):
        Lazy.__init__(self, *args, **named)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    make.__signature__ = inspect.Signature([own, *rest])
    name = f"Lazy{kind.__name__}"
    text = f"{kind.__name__} that takes {first.name} from the first input (torch.nn.{name})."
    return type(name, (Lazy, kind), {"__init__": make, "__doc__": text, "_kind": kind, "_at": at,
                                     "_size": first.name, "__module__": __name__})


LazyLinear = _lazy(Linear, -1)
LazyConv1d, LazyConv2d = _lazy(Conv1d, 1), _lazy(Conv2d, 1)
LazyConvTranspose1d, LazyConvTranspose2d = _lazy(ConvTranspose1d, 1), _lazy(ConvTranspose2d, 1)
LazyBatchNorm1d, LazyBatchNorm2d = _lazy(BatchNorm1d, 1), _lazy(BatchNorm2d, 1)
