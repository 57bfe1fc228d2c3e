"""Parameter: the tensor that a module learns."""
from ..engine.core import new, plain, wrap
from ..tensor import Tensor, _become


class Parameter(Tensor):
    """A tensor that, assigned to a Module's attribute, becomes one of its parameters (torch.nn.Parameter).

    data: Tensor, whose memory it shares; None for an empty one. requires_grad: True unless said otherwise,
    under `no_grad` too. Unlike a plain Tensor it takes attributes of one's own. Raises RuntimeError for
    integers that would need a gradient.
    """

    _prefix = Tensor._prefix

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise AttributeError(f"'{type(data).__name__}' object has no attribute 'detach'\nPass a Tensor.")
        if requires_grad and not data.is_floating_point():
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients\n"
                               "Convert it first, for example with .float(), or pass requires_grad=False.")
        return _become(new(cls), wrap(plain(data), bool(requires_grad)))

    def __deepcopy__(self, memo):
        memo[id(self)] = copied = type(self)(wrap(plain(self).copy(order="K")), self.needs)
        return copied

    def __reduce__(self):
        return (*super().__reduce__(), self.__dict__)

    def __repr__(self, *, tensor_contents=None):
        return "Parameter containing:\n" + super().__repr__()
