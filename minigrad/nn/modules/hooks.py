"""Hooks of modules: functions of the user's that see, and may replace, what goes into a module and comes out.

In torch's order, and in each step the hooks of all modules (`register_module_...`) before the module's own:

    a call      forward pre-hooks; forward; forward hooks (those with always_call after an error, too)
    a walk      full backward pre-hooks, with the gradients of the outputs; the walk through the module; full
                backward hooks, with those of the positional inputs as well
    state_dict  pre-hooks; the module's own tensors and its children's; post-hooks. load_state_dict the same.

A module without hooks pays for one look at two empty dicts.
"""
import warnings
from collections import OrderedDict, namedtuple

from ...engine.core import RemovableHandle

everywhere: OrderedDict = OrderedDict()         # the hooks of all modules: {number: (kind, hook)}
_Forward = namedtuple("_Forward", "function with_kwargs always_call", defaults=(False,))


def _add(hooks, kind, hook, prepend=False):
    """Register a hook of a kind in `everywhere` or a module's `_hooks`; gives its handle."""
    handle = RemovableHandle(hooks, (kind, hook))
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def hooks_of(module, kind):
    """The hooks of a kind that a module has."""
    return [hook for own in (everywhere, module._hooks) for what, hook in own.values() if what == kind]


def call_with_hooks(module, args, kwargs):
    """`module.forward` with the hooks around it."""
    result, called = None, []
    try:
        for hook, with_kwargs, _ in hooks_of(module, "forward_pre"):
            args, kwargs = _changed(args, kwargs, hook, module, with_kwargs)
        before, after = hooks_of(module, "backward_pre"), hooks_of(module, "backward")
        watched = None
        if before or after:
            from .backward_hooks import BackwardHooks  # which imports all of autograd
            watched = BackwardHooks(module, before, after)
            args = watched.enter(args)
        result = module.forward(*args, **kwargs)
        for hook in hooks_of(module, "forward"):
            called.append(hook)
            result = _seen(hook, module, args, kwargs, result)
        return result if watched is None else watched.leave(result)
    except Exception:
        for hook in hooks_of(module, "forward"):
            if hook.always_call and not any([hook is other for other in called]):
                try:
                    result = _seen(hook, module, args, kwargs, result)
                except Exception as error:      # noqa: BLE001 - the first error is the one to be raised
                    warnings.warn("module forward hook with ``always_call=True`` raised an exception that "
                                  f"was silenced as another error was raised in forward: {error}",
                                  stacklevel=3)
        raise


def _changed(args, kwargs, hook, module, with_kwargs):
    """The arguments as a forward pre-hook leaves them."""
    if not with_kwargs:
        given = hook(module, args)
        return args if given is None else given if isinstance(given, tuple) else (given,), kwargs
    given = hook(module, args, kwargs)
    if given is not None and not (isinstance(given, tuple) and len(given) == 2):
        raise RuntimeError("forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                           f"{given}.\nIt was registered with with_kwargs=True.")
    return given or (args, kwargs)


def _seen(hook, module, args, kwargs, result):
    """The result as a forward hook leaves it."""
    given = hook.function(module, args, kwargs, result) if hook.with_kwargs else \
        hook.function(module, args, result)
    return result if given is None else given


class Hooked:
    """The third of Module that takes hooks. Each method gives a handle, whose `remove()` takes the hook out
    again."""

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call `hook(module, args)`, or `hook(module, args, kwargs)`, before every forward; what it returns
        replaces the arguments (Module.register_forward_pre_hook)."""
        return _add(self._hooks, "forward_pre", _Forward(hook, with_kwargs), prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call `hook(module, args, output)`, or `hook(module, args, kwargs, output)`, after every forward;
        what it returns replaces the output (Module.register_forward_hook). always_call: after one that
        raised, too, with None as output."""
        return _add(self._hooks, "forward", _Forward(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call `hook(module, grad_output)` when the gradients of the outputs, a tuple, have come; the tuple
        it returns replaces them (Module.register_full_backward_pre_hook)."""
        return _add(self._hooks, "backward_pre", hook, prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call `hook(module, grad_input, grad_output)` when the gradients of the positional inputs are there;
        the tuple it returns replaces them (Module.register_full_backward_hook).

        None stands where there is no tensor. Where no input needs a gradient it is called when those of the
        outputs are there. Inputs and outputs must not be written in place meanwhile.
        """
        return _add(self._hooks, "backward", hook, prepend)

    def register_state_dict_pre_hook(self, hook):
        """Call `hook(module, prefix, keep_vars)` before the module's part of every `state_dict()`
        (Module.register_state_dict_pre_hook)."""
        return _add(self._hooks, "state_dict_pre", hook)

    def register_state_dict_post_hook(self, hook):
        """Call `hook(module, state_dict, prefix, local_metadata)` after the module's part of every
        `state_dict()`; it may change the dict (Module.register_state_dict_post_hook)."""
        return _add(self._hooks, "state_dict", hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)` before the module's part of every `load_state_dict()`
        (Module.register_load_state_dict_pre_hook)."""
        return _add(self._hooks, "load_state_dict_pre", hook)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        """The older form of `register_load_state_dict_pre_hook`; without `module`, unless told."""
        return _add(self._hooks, "load_state_dict_pre", hook if with_module else lambda _, *rest: hook(*rest))

    def register_load_state_dict_post_hook(self, hook):
        """Call `hook(module, incompatible_keys)` after the module's part of every `load_state_dict()`; it may
        change the two lists (Module.register_load_state_dict_post_hook)."""
        return _add(self._hooks, "load_state_dict", hook)


# Of all modules ---------------------------------------------------------------------------------------------

def register_module_forward_pre_hook(hook):
    """`register_forward_pre_hook` of all modules (torch.nn.modules.module)."""
    return _add(everywhere, "forward_pre", _Forward(hook, False))


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """`register_forward_hook` of all modules (torch.nn.modules.module)."""
    return _add(everywhere, "forward", _Forward(hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook):
    """`register_full_backward_pre_hook` of all modules (torch.nn.modules.module)."""
    return _add(everywhere, "backward_pre", hook)


def register_module_full_backward_hook(hook):
    """`register_full_backward_hook` of all modules (torch.nn.modules.module)."""
    return _add(everywhere, "backward", hook)
