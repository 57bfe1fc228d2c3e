"""Module: a tree of parameters, buffers and children around a `forward` (torch.nn.Module)."""
from collections import OrderedDict

from ... import dtypes
from ...device import device
from ...engine.core import no_grad
from ...tensor import Tensor
from ..arguments import need
from ..parameter import Buffer, Parameter
from .hooks import (  # noqa: F401  (the names of torch.nn.modules.module)
    Hooked,
    call_with_hooks,
    everywhere,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)
from .state import Stateful


def typename(value):
    """What torch's messages call the type of `value`: 'torch.FloatTensor', 'int', 'package.Class'."""
    if isinstance(value, Tensor):
        return value.type()
    named = value if hasattr(value, "__qualname__") else type(value)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "builtins") else f"{module}.{named.__qualname__}"


def indented(text):
    """Every line but the first moved by two spaces."""
    return text.replace("\n", "\n  ")


class Module(Stateful, Hooked):
    """The base class of networks and layers (torch.nn.Module).

    Assigning a Parameter, a Module or, by `register_buffer`, a Tensor as an attribute makes it part of the
    tree; all iterators and the state dict go in the order of assignment. Subclasses call `super().__init__()`
    first and define `forward`; calling the module runs it, and the hooks around it.
    """
    training: bool
    call_super_init = False

    def __init__(self, *args, **kwargs):
        if not self.call_super_init:
            none, name = "\nModule's own constructor takes no arguments.", type(self).__name__
            need(not kwargs, "{}.__init__() got an unexpected keyword argument '{}'" + none, name, *kwargs,
                 error=TypeError)
            need(not args, "{}.__init__() takes 1 positional argument but {} were given" + none, name,
                 len(args) + 1, error=TypeError)
        self.__dict__.update(training=True, _parameters={}, _buffers={}, _non_persistent_buffers_set=set(),
                             _modules={}, _hooks=OrderedDict())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *input):
        """What the module computes. Raises NotImplementedError until a subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" '
                                  "function\nDefine forward(self, ...) in the subclass.")

    def __call__(self, *args, **kwargs):
        if self._hooks or everywhere:
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # Members ------------------------------------------------------------------------------------------------

    def _check_name(self, kind, name, members):
        self._check_begun(kind, members)
        need(isinstance(name, str), "{} name should be a string. Got {}\nPass a name.", kind, typename(name),
             error=TypeError)
        need(not hasattr(self, name) or name in self.__dict__[members], "attribute '{}' already exists", name,
             error=KeyError)
        need("." not in name, '{} name can\'t contain "."' + ", got: {}" * (kind == "module"), kind, name,
             error=KeyError)
        need(name, '{} name can\'t be empty string ""', kind, error=KeyError)

    def _check_begun(self, kind, members):
        need(members in self.__dict__, "cannot assign {} before Module.__init__() call\n"
             "Begin __init__ with super().__init__().", kind, error=AttributeError)

    def register_buffer(self, name, tensor, persistent=True):
        """A tensor that belongs to the module but is not learned, such as running statistics
        (Module.register_buffer).

        persistent: is it part of the state dict? Raises TypeError for what is neither Tensor nor None,
        KeyError for names that are taken, empty or dotted.
        """
        self._check_name("buffer", name, "_buffers")
        need(tensor is None or isinstance(tensor, Tensor), "cannot assign '{}' object to buffer '{}' (torch "
             "Tensor or None required)\nMake a tensor of it.", typename(tensor), name, error=TypeError)
        self._buffers[name] = tensor
        unsaved = self._non_persistent_buffers_set
        (unsaved.discard if persistent else unsaved.add)(name)

    def register_parameter(self, name, param):
        """Add a Parameter, or None where there might be one (Module.register_parameter). Errors as
        `register_buffer`'s, and ValueError for a tensor made by an operation."""
        self._check_name("parameter", name, "_parameters")
        need(param is None or isinstance(param, Parameter), "cannot assign '{}' object to parameter '{}' "
             "(torch.nn.Parameter or None required)\nWrap the tensor in nn.Parameter.", typename(param), name,
             error=TypeError)
        need(param is None or param.node is None, "Cannot assign non-leaf Tensor to parameter '{0}'. Model "
             "parameters must be created explicitly. To express '{0}' as a function of another Tensor, "
             "compute the value in the forward() method.\nOr detach it first.", name, error=ValueError)
        self._parameters[name] = param

    def add_module(self, name, module):
        """Add a child (Module.add_module). Raises TypeError for what is no Module, KeyError as
        `register_buffer`."""
        need(module is None or isinstance(module, Module), "{} is not a Module subclass\nPass a Module.",
             typename(module), error=TypeError)
        self._check_name("module", name, "_modules")
        self._modules[name] = module

    def register_module(self, name, module):
        """Another name of `add_module` (Module.register_module)."""
        self.add_module(name, module)

    def __getattr__(self, name):                # only asked for names that the instance's own dict has not
        own = self.__dict__
        for members in ("_parameters", "_buffers", "_modules"):
            if members in own and name in own[members]:
                return own[members][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'\n"
                             "It is no parameter, buffer or child; and they are there only after "
                             "super().__init__().")

    def _forget(self, name, kept):
        """`name` is about to join `kept`: take it out of everywhere else."""
        for members in (self.__dict__, self._parameters, self._buffers, self._modules):
            if members is not kept:
                members.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __setattr__(self, name, value):
        own = self.__dict__
        if isinstance(value, Buffer):
            self._forget(name, own["_buffers"])
            self.register_buffer(name, value, value.persistent)
            return
        if isinstance(value, (Parameter, Module)):
            learned = isinstance(value, Parameter)
            kind, members = ("parameters", "_parameters") if learned else ("module", "_modules")
            self._check_begun(kind, members)
            self._forget(name, own[members])
            if learned:
                self.register_parameter(name, value)
            else:
                self._modules[name] = value
            return
        for members, what, wanted in (("_parameters", "parameter", "torch.nn.Parameter or"),
                                      ("_modules", "child module", "torch.nn.Module or"),
                                      ("_buffers", "buffer", "torch.nn.Buffer, torch.Tensor or")):
            if name in own.get(members, ()):
                need(value is None or (what == "buffer" and isinstance(value, Tensor)),
                     "cannot assign '{}' as {} '{}' ({} None expected)\n"
                     "Delete the attribute first to give its name to something else.",
                     typename(value), what, name, wanted, error=TypeError)
                own[members][name] = value
                return
        object.__setattr__(self, name, value)

    def __delattr__(self, name):
        for members in (self._parameters, self._buffers, self._modules):
            if name in members:
                del members[name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self):
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted(name for name in names if not name[0].isdigit())

    def get_submodule(self, target):
        """The module at a dotted path; "" is this one (Module.get_submodule). Raises AttributeError off the
        tree."""
        module = self
        for name in target.split(".") if target else ():
            module = module._member(name, "an nn.Module", lambda found: isinstance(found, Module))
        return module

    def set_submodule(self, target, module, strict=False):
        """Put a module at a dotted path; strict: in the place of another (Module.set_submodule). Raises
        AttributeError off the tree, ValueError for no path and for what is no Module."""
        need(target, "Cannot set the submodule without a target name!\nPass a path.", error=ValueError)
        need(isinstance(module, Module), "`module` is not an nn.Module, found {}\nPass a Module.",
             type(module), error=ValueError)
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent.get_submodule(name)          # raises for what is no module
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The parameter at a dotted path (Module.get_parameter). Raises AttributeError off the tree."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        return module._member(name, "an nn.Parameter", lambda found: isinstance(found, Parameter))

    def get_buffer(self, target):
        """The buffer at a dotted path (Module.get_buffer). Raises AttributeError off the tree."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        return module._member(name, "a buffer", lambda found: name in module._buffers)

    def _member(self, name, kind, is_one):
        need(hasattr(self, name), "{} has no attribute `{}`\nA path is names of members, parted by dots.",
             self._get_name(), name, error=AttributeError)
        found = getattr(self, name)
        need(is_one(found), "`{}` is not {}\nSee named_modules(), named_parameters() and named_buffers().",
             name, kind, error=AttributeError)
        return found

    # Walking the tree ---------------------------------------------------------------------------------------

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(dotted path, module) for this module and all below, each once (Module.named_modules)."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate=True):
        """This module and all below, each once (Module.modules)."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def named_children(self):
        """(name, module) of the direct children, each once (Module.named_children)."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """The direct children, each once (Module.children)."""
        return (module for _, module in self.named_children())

    def _named_members(self, members, prefix, recurse, remove_duplicate):
        seen = set()
        tree = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in tree if recurse else [(prefix, self)]:
            for name, member in module.__dict__[members].items():
                if member is None or member in seen:
                    continue
                if remove_duplicate:
                    seen.add(member)
                yield f"{path}.{name}" if path else name, member

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted path, parameter), each once, in order of definition (Module.named_parameters)."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        """The parameters, each once, in order of definition (Module.parameters)."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted path, buffer), each once (Module.named_buffers)."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """The buffers, each once (Module.buffers)."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def apply(self, fn):
        """Call `fn` on every module below, then on this one; returns self (Module.apply)."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode=True):
        """Set training mode (or leave it) here and below: dropout and batch norm differ in it
        (Module.train)."""
        need(isinstance(mode, bool), "training mode is expected to be boolean\nPass True or False.",
             error=ValueError)
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """Set evaluation mode here and below: `train(False)` (Module.eval)."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Set requires_grad of all parameters (Module.requires_grad_)."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters, or fill them with zeros (Module.zero_grad)."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.gradient = None
            elif parameter.gradient is not None:
                parameter.gradient.detach_().zero_()

    # Conversion ---------------------------------------------------------------------------------------------

    def _apply(self, fn, recurse=True):
        """Put `fn(tensor)` in the place of every parameter's memory, its gradient's, and every buffer."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    parameter.data = fn(parameter)
                    if parameter.gradient is not None:
                        parameter.gradient.data = fn(parameter.gradient)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """Parameters and buffers in another floating point dtype, on another device, or as a given tensor is
        (Module.to).

        Integer buffers keep their dtype. Raises TypeError for dtypes that are not floating point.
        """
        place = Tensor().to(*args, **kwargs).device     # raises for what are no dtypes or devices
        given = (*args, *kwargs.values())
        dtype = next((a.dtype if isinstance(a, Tensor) else a for a in given
                      if isinstance(a, (Tensor, dtypes.dtype))), None)
        moves = any([isinstance(a, (Tensor, str, device)) or type(a) is int for a in given])
        need(dtype is None or dtype.is_floating_point, "nn.Module.to only accepts floating point or complex "
             "dtypes, but got desired dtype={}\nParameters are floating point.", dtype, error=TypeError)
        if dtype is None and not moves:
            return self
        return self._apply(lambda tensor: tensor.to(
            place if moves else tensor.device, dtype if tensor.is_floating_point() else None))

    def bfloat16(self):
        """Floating point parameters and buffers as bfloat16 (Module.bfloat16)."""
        return self.to(dtypes.bfloat16)

    def type(self, dst_type):
        """All parameters and buffers as `dst_type`, a dtype or one of torch's type names (Module.type)."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def cpu(self):
        """To the CPU (Module.cpu)."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device=None):
        """To a GPU (Module.cuda). Raises RuntimeError where there is none."""
        return self._apply(lambda tensor: tensor.cuda(device))

    # Text ---------------------------------------------------------------------------------------------------

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """What `repr` shows in the brackets beside the children; for subclasses to define
        (Module.extra_repr)."""
        return ""

    def __repr__(self):
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        if len(extra) <= 1 and not children:
            return f"{self._get_name()}({''.join(extra)})"
        return f"{self._get_name()}(\n  " + "\n  ".join(extra + children) + "\n)"


def _refused(name):
    def method(self, *args, **kwargs):
        raise NotImplementedError(f"Module.{name} is not supported.\n"
                                  "Full backward hooks are.")
    method.__name__, method.__qualname__ = name, f"Module.{name}"
    return method


def _converter(dtype):
    def method(self):
        return self.to(dtype)
    method.__name__ = dtype.legacy_name.lower()
    method.__doc__ = f"Floating point parameters and buffers as {dtype.name} (Module.{method.__name__})."
    return method


for _name, _dtype in {"float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16}.items():
    setattr(Module, _name, _converter(_dtype))
for _name in ("register_backward_hook", "compile", "share_memory", "to_empty"):
    setattr(Module, _name, _refused(_name))
