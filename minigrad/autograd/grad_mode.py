"""The modes of recording, by the names of torch.autograd.grad_mode."""
import functools

from ..engine.core import enable_grad, mode, new, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]


class inference_mode(no_grad):
    """Switch recording off as `no_grad` does, for code whose results need no gradient later either: a context
    manager and a decorator (torch.inference_mode). `inference_mode(False)` switches recording on.

    What is made inside is marked (`Tensor.is_inference`): outside, no graph may save it and nothing may write
    to it.
    """

    def __new__(cls, mode=True):
        made = new(cls)
        made._state, made._before, made._flags = not callable(mode) and not mode, [], []
        return made(mode) if callable(mode) else made

    def __enter__(self):
        self._flags.append(mode.inference)
        mode.inference = not self._state        # first: while it is on, recording cannot be
        super().__enter__()

    def __exit__(self, *exc):
        mode.inference = self._flags.pop()
        super().__exit__(*exc)

    def __call__(self, function):
        recorded = super().__call__(function)   # knows about generators

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with self:
                return recorded(*args, **kwargs)
        return wrapped


def is_inference(input):
    """Was the tensor made in inference mode? (torch.is_inference)"""
    return input.is_inference()


def is_inference_mode_enabled():
    """Is inference mode on in this thread? (torch.is_inference_mode_enabled)"""
    return mode.inference
