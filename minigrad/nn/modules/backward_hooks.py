"""What backward hooks of a module hang on: a node before the module's graph and a node behind it."""
import warnings

import numpy as np

from ...autograd.function import Function
from ...backends.arrays import moved
from ...engine.core import TensorBase, mode, wrap
from ..arguments import need


class BackwardHookFunction(Function):
    """Gives tensors as they are, so that one node sees all their gradients."""

    @staticmethod
    def forward(ctx, *tensors):
        ctx.mark_non_differentiable(*[tensor for tensor in tensors if not tensor.needs])
        return tensors

    @staticmethod
    def backward(ctx, *gs):
        return gs


class BackwardHooks:
    """One call of a module whose gradients are watched."""

    def __init__(self, module, before, after):
        self.module, self.before, self.after = module, before, after
        self.grad_outputs = None                # those of the walk that is in the module now

    def enter(self, args):
        """The positional inputs, to be given to `forward`."""
        self.inputs = len(args)
        # Tensors without gradient: torch shows zeros for them.
        self.constant = {k: (arg.array.shape, arg.array.dtype, arg.device.type) for k, arg in enumerate(args)
                         if isinstance(arg, TensorBase) and not arg.needs}
        args, self.entered = _through(args, self._at_inputs)
        return args

    def leave(self, result):
        """The module's result, to be given to its caller."""
        if not isinstance(result, (TensorBase, tuple)):
            warnings.warn("For backward hooks to be called, module output should be a Tensor or a tuple of "
                          f"Tensors but received {type(result)}", stacklevel=4)
        outputs = result if isinstance(result, tuple) else (result,)
        self.outputs = len(outputs)
        outputs, self.left = _through(outputs, self._at_outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _at_outputs(self, _, grad_outputs):
        gradients = _spread(grad_outputs, self.left, self.outputs)
        for hook in self.before:
            given = hook(self.module, gradients)
            gradients = _replaced(gradients, given, "Backward pre hook", "grad_output")
        if self.entered is None:                # no gradient goes further: all is known
            warnings.warn("Full backward hook is firing when gradients are computed with respect to module "
                          "outputs since no inputs require gradients.", stacklevel=5)
            for hook in self.after:
                given = hook(self.module, (None,) * self.inputs, gradients)
                need(given is None or (isinstance(given, tuple) and {*given} <= {None}), "Backward hook for "
                     "Modules where no input requires gradient should always return None or None for all "
                     "gradients.\nReturn None.")
        else:
            self.grad_outputs = gradients
        return tuple([gradients[k] for k in self.left])

    def _zeros(self, shape, dtype, place):
        return wrap(moved(np.zeros(shape, dtype), place))

    def _at_inputs(self, grad_inputs, _):
        if self.grad_outputs is None:           # came here without passing through the outputs
            return None
        grad_inputs = [self._zeros(*self.constant[k]) if k in self.constant else g
                       for k, g in zip(self.entered, grad_inputs)]
        gradients = _spread(grad_inputs, self.entered, self.inputs)
        for hook in self.after:
            given = hook(self.module, gradients, self.grad_outputs)
            gradients = _replaced(gradients, given, "Backward hook", "grad_input")
        self.grad_outputs = None
        return tuple([None if k in self.constant else gradients[k] for k in self.entered])


def _through(values, seen_by):
    """The tensors among `values` sent through one node, which calls `seen_by`; and their places, or None
    where nothing is recorded."""
    places = [k for k, value in enumerate(values) if isinstance(value, TensorBase)]
    if not (mode.on and any([values[k].needs for k in places])):
        return values, None
    passed = BackwardHookFunction.apply(*[values[k] for k in places])

    def hook(into, out):                        # what torch's texts call it
        return seen_by(into, out)

    next(tensor.grad_fn for tensor in passed if tensor.needs).register_hook(hook)
    made = list(values)
    for k, tensor in zip(places, passed):
        made[k] = tensor
    return tuple(made) if type(values) is tuple else type(values)(*made), places


def _spread(gradients, places, count):
    """The gradients at their places among `count`, None elsewhere."""
    found = dict(zip(places, gradients))
    return tuple([found.get(k) for k in range(count)])


def _replaced(gradients, given, what, which):
    """What a hook has given in the place of gradients; they themselves for None."""
    if given is None:
        return gradients
    need(len(given) == len(gradients), "{} returned an invalid number of {}, got {}, but expected {}\n"
         "Return one for each it is given, or None.", what, which, len(given), len(gradients))
    return given
