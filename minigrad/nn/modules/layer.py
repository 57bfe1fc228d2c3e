"""Layer: the base of the modules that nn offers. It keeps, passes on and prints a constructor's arguments.

A module is a class line, a docstring and a constructor:

    class Softplus(Layer, calls=F.softplus, shows="beta=, threshold="):
        \"\"\"ln(1 + eᵝˣ) / β (torch.nn.Softplus).\"\"\"

        def __init__(self, beta=1.0, threshold=20.0):
            self._keep(locals())

`calls`: the function that `forward` is. It gets the inputs, and by name each of its parameters that is an
argument of the constructor, an attribute of the class, or `training`. A module without arguments needs no
constructor; one that computes more defines `forward` itself. A loss is a `Loss`, which knows torch's old
flags and keeps class weights as buffers.

`shows`: what `repr` shows, in order. `name` its value alone, `name=` its name too, `name=!` with quotes, and
`name?` name and value where it is not the constructor's default (a pair of defaults counts as that). A
parameter's value is whether it is there.

With weights: `_keep`, then `_learn`, which makes the parameters and calls `reset_parameters`. `Drawn` draws
them as torch draws Linear's and Conv's, `Affine` begins with ones and zeros as normalisations do.
"""
import inspect
import math

from ...engine.core import TensorBase
from ...ops import create
from .. import init
from ..losses import reduction_of
from ..parameter import Parameter
from .module import Module

# What of a constructor's arguments becomes no attribute, beside those with a leading underscore.
NOT_KEPT = {"self", "bias", "device", "dtype", "size_average", "reduce"}


class Layer(Module):
    """A module of nn; see above for its class's keywords."""
    _calls, _passed, _shows, _usual = None, (), (), {}

    def __init_subclass__(cls, calls=None, shows=None, **rest):
        super().__init_subclass__(**rest)
        arguments = inspect.signature(cls.__init__).parameters
        cls._usual = cls._usual | {name: argument.default for name, argument in arguments.items()}
        if calls is not None:
            cls._calls = staticmethod(calls)
            has = {*arguments, "training"} - NOT_KEPT
            cls._passed = [name for name in inspect.signature(calls).parameters
                           if name in has or hasattr(cls, name)]
            if not cls._passed:
                cls.forward = staticmethod(calls)
        if shows is not None:
            cls._shows = shows.split(", ")

    def _keep(self, arguments):
        """Begin the module; of `arguments` those of its constructor become attributes."""
        super().__init__()
        self.__dict__.update({name: value for name, value in arguments.items()
                              if name in self._usual and name not in NOT_KEPT and name[0] != "_"})

    def _learn(self, device, dtype, **sizes):
        """Parameters of these sizes, None where none is wanted, with their first values."""
        for name, size in sizes.items():
            self.register_parameter(name, None if size is None else Parameter(
                create.empty(size, device=device, dtype=dtype)))
        self.reset_parameters()

    def forward(self, *inputs, **named):
        return self._calls(*inputs, **named, **{name: getattr(self, name) for name in self._passed})

    def extra_repr(self):
        return ", ".join([text for text in map(self._described, self._shows) if text])

    def _described(self, how):
        name = how.rstrip("?=!")
        value = getattr(self, name)
        if name in self._parameters or isinstance(value, TensorBase):
            value = value is not None
        if how.endswith("?"):
            usual = self._usual.get(name, 0)
            same = value == usual or isinstance(value, tuple) and {*value} == {usual}
            return "" if same else f"{name}={value}"
        return f"{name}={value!r}" if how.endswith("!") else f"{name}={value}" if how != name else str(value)


class Loss(Layer):
    """A loss; `forward(input, target)`."""

    def _keep(self, arguments):
        flags = arguments.get("size_average"), arguments.get("reduce")
        if flags != (None, None):
            arguments["reduction"] = reduction_of(*flags, arguments["reduction"])
        weights = {name: arguments.pop(name) for name in ("weight", "pos_weight") if name in arguments}
        super()._keep(arguments)
        for name, weight in weights.items():
            self.register_buffer(name, weight)


class Drawn(Layer):
    """A weight and perhaps a bias, drawn as torch draws them."""

    def reset_parameters(self):
        """Draw the weights anew: uniform ± 1/√fan_in, weight first."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)


class Affine(Layer):
    """A weight of ones and a bias of zeros, where wanted."""

    def reset_parameters(self):
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)
