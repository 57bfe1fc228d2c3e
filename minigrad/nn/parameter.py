"""Parameter: the tensor that a module learns."""
from ..engine.core import new, plain, wrap
from ..ops.create import empty
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


class Buffer(Tensor):
    """A tensor that, assigned to a Module's attribute, becomes one of its buffers (torch.nn.Buffer).

    data: Tensor, whose memory it shares. persistent: is it part of the state dict?
    """

    _prefix = Tensor._prefix

    def __new__(cls, data=None, *, persistent=True):
        data = Tensor() if data is None else data
        made = _become(new(cls), wrap(plain(data), data.requires_grad))
        made.persistent = persistent
        return made


class _Uninitialized:
    """A tensor of a lazy module, whose size is not known yet: it has a dtype, and takes others."""
    __slots__ = ()

    @property
    def shape(self):
        """Raises torch's RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
            "`forward` to initialize the parameters before accessing their attributes.\n"
            "Run the module on one batch first.")

    def numel(self):
        """Raises torch's ValueError."""
        raise ValueError(
            "Attempted to use an uninitialized parameter in numel. This error happens when you are using a "
            f"`LazyModule` or explicitly manipulating `torch.nn.parameter.{type(self).__name__}` objects. "
            "When using LazyModules Call `forward` with a dummy batch to initialize the parameters before "
            "calling torch functions\nRun the module on one batch first.")

    __len__ = numel

    def detach(self):
        """Itself."""
        return self

    def to(self, *args, **kwargs):
        """In another dtype, or on another device."""
        moved = wrap(self.array).to(*args, **kwargs)
        return type(self)(self.needs, moved.device, moved.dtype)

    def __deepcopy__(self, memo):
        memo[id(self)] = made = type(self)(self.needs, self.device, self.dtype)
        return made

    def __reduce__(self):
        return type(self), (self.needs, self.device, self.dtype)

    def __repr__(self, *, tensor_contents=None):
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose size is not known yet (torch.nn.parameter.UninitializedParameter)."""

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return Parameter.__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def become(self, other):
        """Be the parameter `other` from now on, as the same object."""
        _become(self, wrap(plain(other), self.needs))
        self.__class__ = Parameter

    def materialize(self, shape, device=None, dtype=None):
        """Be a parameter of this shape, not filled (UninitializedParameter.materialize)."""
        self.become(empty(tuple(shape), dtype=dtype or self.dtype, device=device or self.device))


class UninitializedBuffer(_Uninitialized, Tensor):
    """A buffer whose size is not known yet (torch.nn.parameter.UninitializedBuffer)."""

    _prefix = Tensor._prefix

    def __new__(cls, requires_grad=False, device=None, dtype=None):
        return _become(new(cls), empty(0, device=device, dtype=dtype))
