"""Module: a tree of parameters, buffers and children around a `forward` (torch.nn.Module)."""
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

from ..engine.core import no_grad
from ..tensor import RemovableHandle, Tensor
from .parameter import Parameter

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    __slots__ = ()

    def __repr__(self):
        return super().__repr__() if self.missing_keys or self.unexpected_keys else "<All keys matched successfully>"


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


class Module:
    """The base class of networks and layers (torch.nn.Module).

    Assigning a Parameter, a Module or, by `register_buffer`, a Tensor as an attribute makes it part of the tree; all
    iterators and the state dict go in the order of assignment. Subclasses call `super().__init__()` first and define
    `forward`; calling the module runs it, and the hooks around it.
    """
    training: bool
    _version = 1
    call_super_init = False

    def __init__(self, *args, **kwargs):
        if not self.call_super_init and kwargs:
            raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                            f"'{next(iter(kwargs))}'\nModule's own constructor takes no arguments.")
        if not self.call_super_init and args:
            raise TypeError(f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were "
                            "given\nModule's own constructor takes no arguments.")
        self.__dict__.update(training=True, _parameters={}, _buffers={}, _non_persistent_buffers_set=set(), _modules={},
                             _forward_hooks={}, _forward_pre_hooks={})
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *input):
        """What the module computes. Raises NotImplementedError until a subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function\n'
                                  "Define forward(self, ...) in the subclass.")

    def __call__(self, *args, **kwargs):
        if self._forward_hooks or self._forward_pre_hooks:
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    # Hooks -------------------------------------------------------------------------------------------------------

    def _call_with_hooks(self, args, kwargs):
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            changed = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if changed is None:
                continue
            if not with_kwargs:
                args = changed if isinstance(changed, tuple) else (changed,)
            elif isinstance(changed, tuple) and len(changed) == 2:
                args, kwargs = changed
            else:
                raise RuntimeError("forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                                   f"{changed}.\nIt was registered with with_kwargs=True.")
        result = self.forward(*args, **kwargs)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            changed = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            result = result if changed is None else changed
        return result

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call `hook(module, args)`, or `hook(module, args, kwargs)`, before every forward; what it returns replaces
        the arguments. Returns a handle whose `remove()` takes it out (Module.register_forward_pre_hook)."""
        return _add_hook(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call `hook(module, args, output)`, or `hook(module, args, kwargs, output)`, after every forward; what it
        returns replaces the output. Returns a handle whose `remove()` takes it out (Module.register_forward_hook)."""
        if always_call:
            raise NotImplementedError("register_forward_hook: always_call is not supported.\n"
                                      "Catch the error around the call of the module.")
        return _add_hook(self._forward_hooks, (hook, with_kwargs), prepend)

    # Members -----------------------------------------------------------------------------------------------------

    def _check_name(self, kind, name, members):
        if members not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call\n"
                                 "Begin __init__ with super().__init__().")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}\nPass a name.")
        if hasattr(self, name) and name not in self.__dict__[members]:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def register_buffer(self, name, tensor, persistent=True):
        """A tensor that belongs to the module but is not learned, such as running statistics (Module.register_buffer).

        persistent: is it part of the state dict? Raises TypeError for what is neither Tensor nor None, KeyError for
        names that are taken, empty or dotted.
        """
        self._check_name("buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None "
                            "required)\nMake a tensor of it.")
        self._buffers[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def register_parameter(self, name, param):
        """Add a Parameter, or None where there might be one (Module.register_parameter). Errors as `register_buffer`'s,
        and ValueError for a tensor made by an operation."""
        self._check_name("parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None "
                            "required)\nWrap the tensor in nn.Parameter.")
        if param is not None and param.node is not None:
            raise ValueError(f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                             f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                             "forward() method.\nOr detach it first.")
        self._parameters[name] = param

    def add_module(self, name, module):
        """Add a child (Module.add_module). Raises TypeError for what is no Module, KeyError as `register_buffer`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass\nPass a Module.")
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
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _forget(self, name, kept):
        """`name` is about to join `kept`: take it out of everywhere else."""
        for members in (self.__dict__, self._parameters, self._buffers, self._modules):
            if members is not kept:
                members.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __setattr__(self, name, value):
        own = self.__dict__
        if isinstance(value, (Parameter, Module)):
            kind, members = ("parameters", "_parameters") if isinstance(value, Parameter) else ("module", "_modules")
            if members not in own:
                raise AttributeError(f"cannot assign {kind} before Module.__init__() call\n"
                                     "Begin __init__ with super().__init__().")
            self._forget(name, own[members])
            if members == "_parameters":
                self.register_parameter(name, value)
            else:
                self._modules[name] = value
            return
        for members, what, wanted in (("_parameters", "parameter", "torch.nn.Parameter or"),
                                      ("_modules", "child module", "torch.nn.Module or"),
                                      ("_buffers", "buffer", "torch.nn.Buffer, torch.Tensor or")):
            if name in own.get(members, ()):
                if value is not None and not (what == "buffer" and isinstance(value, Tensor)):
                    raise TypeError(f"cannot assign '{typename(value)}' as {what} '{name}' ({wanted} None expected)\n"
                                    "Delete the attribute first to give its name to something else.")
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
        """The module at a dotted path; "" is this one (Module.get_submodule). Raises AttributeError off the tree."""
        module = self
        for name in target.split(".") if target else ():
            found = _get(module, name)
            if not isinstance(found, Module):
                raise AttributeError(f"`{name}` is not an nn.Module\nThe path names modules, parted by dots.")
            module = found
        return module

    def get_parameter(self, target):
        """The parameter at a dotted path (Module.get_parameter). Raises AttributeError off the tree."""
        path, _, name = target.rpartition(".")
        found = _get(self.get_submodule(path), name)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter\nSee named_parameters() for the names.")
        return found

    def get_buffer(self, target):
        """The buffer at a dotted path (Module.get_buffer). Raises AttributeError off the tree."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = _get(module, name)
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer\nSee named_buffers() for the names.")
        return found

    # Walking the tree --------------------------------------------------------------------------------------------

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
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate=True):
        """This module and all below, each once (Module.modules)."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self):
        """(name, module) of the direct children, each once (Module.named_children)."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """The direct children, each once (Module.children)."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, members, prefix, recurse, remove_duplicate):
        seen = set()
        tree = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in tree:
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
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted path, buffer), each once (Module.named_buffers)."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """The buffers, each once (Module.buffers)."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def apply(self, fn):
        """Call `fn` on every module below, then on this one; returns self (Module.apply)."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode=True):
        """Set training mode (or leave it) here and below: dropout and batch norm differ in it (Module.train)."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean\nPass True or False.")
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

    # Conversion --------------------------------------------------------------------------------------------------

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
        """Parameters and buffers in another floating point dtype, on another device, or as `tensor` is (Module.to).

        Integer buffers keep their dtype. Raises TypeError for dtypes that are not floating point.
        """
        wanted = Tensor().to(*args, **kwargs)   # reads the arguments and checks the device
        named = any(a is wanted.dtype for a in (*args, *kwargs.values())) or any(isinstance(a, Tensor) for a in args)
        if not named:
            return self._apply(lambda tensor: tensor)
        if not wanted.is_floating_point():
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired "
                            f"dtype={wanted.dtype}\nParameters are floating point.")
        return self._apply(lambda tensor: tensor.to(wanted.dtype) if tensor.is_floating_point() else tensor)

    def float(self):
        """Floating point parameters and buffers as float32 (Module.float)."""
        return self._apply(lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)

    def double(self):
        """Floating point parameters and buffers as float64 (Module.double)."""
        return self._apply(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)

    def half(self):
        """Floating point parameters and buffers as float16 (Module.half)."""
        return self._apply(lambda tensor: tensor.half() if tensor.is_floating_point() else tensor)

    def type(self, dst_type):
        """All parameters and buffers as `dst_type`, a dtype or one of torch's type names (Module.type)."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def cpu(self):
        """To the CPU (Module.cpu)."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device=None):
        """To a GPU (Module.cuda). Raises RuntimeError where there is none."""
        return self._apply(lambda tensor: tensor.cuda(device))

    # State -------------------------------------------------------------------------------------------------------

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        for members in (self._parameters, self._buffers):
            for name, tensor in members.items():
                if tensor is not None and (members is self._parameters or name not in self._non_persistent_buffers_set):
                    destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if hasattr(self, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """Every parameter and persistent buffer by its dotted path, sharing memory (Module.state_dict).

        A subclass with `get_extra_state()` adds what it returns. `_metadata` holds the modules' versions.
        """
        if args:
            warnings.warn("Positional args are being deprecated, use kwargs instead.", FutureWarning, stacklevel=2)
            destination, prefix, keep_vars = (*args, *(destination, prefix, keep_vars)[len(args):])
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = {"version": self._version}
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return destination

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        """Load this module's own tensors; what goes wrong is noted in the three lists."""
        own = {name: tensor for name, tensor in (*self._parameters.items(), *self._buffers.items())
               if tensor is not None and name not in self._non_persistent_buffers_set}
        for name, tensor in own.items():
            key = prefix + name
            if key not in state_dict:
                missing_keys.append(key)
                continue
            given = state_dict[key]
            if not isinstance(given, Tensor):
                error_msgs.append(f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object '
                                  f"from checkpoint but received {type(given)}")
                continue
            if given.shape == (1,) and not tensor.shape:
                given = given[0]
            if given.shape != tensor.shape:
                error_msgs.append(f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, the "
                                  f"shape in current model is {tensor.shape}.")
            elif not local_metadata.get("assign_to_params_buffers", False):
                with no_grad():
                    tensor.copy_(given)
            elif isinstance(tensor, Parameter) and not isinstance(given, Parameter):
                setattr(self, name, Parameter(given, tensor.requires_grad))
            else:
                setattr(self, name, given.requires_grad_(tensor.requires_grad))
        extra = prefix + EXTRA_STATE
        if hasattr(self, "set_extra_state"):
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            else:
                missing_keys.append(extra)
        for key in state_dict:
            first, _, rest = key[len(prefix):].partition(".")
            if key.startswith(prefix) and first not in (self._modules if rest else own) and not (
                    key == extra and hasattr(self, "set_extra_state")):
                unexpected_keys.append(key)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy parameters and buffers from a state dict, or with `assign` take over its tensors (Module.load_state_dict).

        Returns (missing_keys, unexpected_keys). Raises TypeError for what is no mapping, RuntimeError listing all shapes
        that differ and, if strict, all keys missing or unexpected.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.\nPass what state_dict() gave.")
        metadata = getattr(state_dict, "_metadata", {})
        missing, unexpected, errors = [], [], []

        def load(module, state, prefix):
            local = dict(metadata.get(prefix[:-1], {}))
            if assign:
                local["assign_to_params_buffers"] = True
            module._load_from_state_dict(state, prefix, local, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {key: value for key, value in state.items() if key.startswith(below)}, below)

        load(self, dict(state_dict), "")
        for what, keys in (("Missing", missing), ("Unexpected", unexpected)) if strict else ():
            if keys:
                quoted = ", ".join(f'"{key}"' for key in keys)
                errors.insert(what == "Unexpected" and bool(missing), f"{what} key(s) in state_dict: {quoted}. ")
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        return _IncompatibleKeys(missing, unexpected)

    # Text --------------------------------------------------------------------------------------------------------

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """What `repr` shows in the brackets beside the children; for subclasses to define (Module.extra_repr)."""
        return ""

    def __repr__(self):
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {indented(repr(module))}" for name, module in self._modules.items()]
        if len(extra) <= 1 and not children:
            return f"{self._get_name()}({''.join(extra)})"
        return f"{self._get_name()}(\n  " + "\n  ".join(extra + children) + "\n)"


def _get(module, name):
    if not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`\nIt is no member of that module.")
    return getattr(module, name)


def _add_hook(hooks, entry, prepend):
    handle = RemovableHandle(hooks, entry)
    if prepend:
        before = {key: hooks[key] for key in hooks if key != handle.id}
        hooks.clear()
        hooks.update({handle.id: entry, **before})
    return handle


def _refused(name):
    def method(self, *args, **kwargs):
        raise NotImplementedError(f"Module.{name} is not supported.\nForward hooks and Tensor.register_hook are.")
    method.__name__, method.__qualname__ = name, f"Module.{name}"
    return method


for _name in ("register_full_backward_hook", "register_full_backward_pre_hook", "register_backward_hook",
              "register_state_dict_post_hook", "register_state_dict_pre_hook", "register_load_state_dict_pre_hook",
              "register_load_state_dict_post_hook", "compile", "share_memory", "to_empty"):
    setattr(Module, _name, _refused(_name))
