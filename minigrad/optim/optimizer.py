"""What every optimizer shares: parameter groups, a state per parameter, hooks, and the state dict."""
import functools
import warnings
from collections import defaultdict
from copy import deepcopy

from ..engine.core import TensorBase, enable_grad
from ..tensor import RemovableHandle

_pre_hooks: dict = {}                           # of all optimizers
_post_hooks: dict = {}


def check(condition, message, advice):
    """Raises ValueError, torch's line first, unless `condition`."""
    if not condition:
        raise ValueError(f"{message}\n{advice}")


def _with_hooks(step):
    """`step` with the hooks around it; schedulers learn here that it was called."""
    @functools.wraps(step)
    def stepped(*args, **kwargs):
        self = args[0]
        self._opt_called = True
        for hook in [*_pre_hooks.values(), *self._pre_hooks.values()]:
            given = hook(self, args, kwargs)
            if given is not None and not (isinstance(given, tuple) and len(given) == 2):
                raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                                   f"{given}.\nThat is what a hook before the step may return.")
            args, kwargs = given or (args, kwargs)
        loss = step(*args, **kwargs)
        for hook in [*self._post_hooks.values(), *_post_hooks.values()]:
            hook(self, args, kwargs)
        return loss
    return stepped


def register_optimizer_step_pre_hook(hook):
    """`Optimizer.register_step_pre_hook` of all optimizers (torch.optim.optimizer)."""
    return RemovableHandle(_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """`Optimizer.register_step_post_hook` of all optimizers (torch.optim.optimizer)."""
    return RemovableHandle(_post_hooks, hook)


class Optimizer:
    """Updates parameters from their gradients (torch.optim.Optimizer).

    params: Tensors or (name, Tensor) pairs, or dicts of "params" and settings of their own. defaults: the
    settings of groups that give none. `param_groups` is a list of dicts, `state` has a dict per parameter. A
    subclass has `_update(group)`, or a `step` as for torch. Raises TypeError or ValueError for what cannot be
    optimized.
    """

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "step" in vars(cls):
            cls.step = _with_hooks(cls.step)

    def __init__(self, params, defaults):
        if isinstance(params, TensorBase):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or "
                            f"dicts, but got {params.type()}\nPut it into a list.")
        self.defaults, self.state, self.param_groups = defaults, defaultdict(dict), []
        self._pre_hooks, self._post_hooks = {}, {}
        moments = "before state", "after state", "before load", "after load"
        self._state_hooks = {moment: {} for moment in moments}
        groups = list(params)
        check(groups, "optimizer got an empty parameter list", "A used-up iterator is empty: pass a list.")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __setstate__(self, state):
        vars(self).update(state)
        for group in self.param_groups:         # settings that the state's writer did not know
            group.update({**self.defaults, **group})

    def __repr__(self):
        text = ""
        for number, group in enumerate(self.param_groups):
            settings = [f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params"]
            text += f"\nParameter Group {number}\n" + "".join(settings)
        return f"{type(self).__name__} ({text})"

    def add_param_group(self, param_group):
        """Add a dict with "params" and, where they differ from the defaults, settings."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}\nPut it into one.")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError("optimizer parameters need to be organized in ordered collections, but the "
                            "ordering of tensors in sets will change between runs. Please use a list instead."
                            "\nThe state dict numbers parameters by their order.")
        params = [params] if isinstance(params, TensorBase) else list(params)
        names = [param[0] for param in params if isinstance(param, tuple)]
        if names:
            check(len(names) == len(params), "all optimizer params should be with/without names. Some param "
                  "names are missing", "Pass model.named_parameters().")
            params, param_group["param_names"] = [param for _, param in params], names
        for param in params:
            if not isinstance(param, TensorBase):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is "
                                f"{str(type(param))[8:-2]}\nPass model.parameters().")
            check(param.is_leaf or param.retains_grad, "can't optimize a non-leaf Tensor",
                  "Optimize the tensor that it was computed from, or detach it.")
        if len(set(params)) < len(params):
            warnings.warn("optimizer contains a parameter group with duplicate parameters; in future, this "
                          "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                          "information", stacklevel=3)
        for group in self.param_groups:
            check(("param_names" in group) == ("param_names" in param_group),
                  "all optimizer param groups should be with/without names. cannot add param group "
                  f"{'with' if names else 'without'} names to the optimizer", "Name all parameters, or none.")
            check(set(params).isdisjoint(group["params"]),
                  "some parameters appear in more than one parameter group", "Leave each in one group.")
        param_group.update({**self.defaults, **param_group, "params": params})
        self.param_groups.append(param_group)

    @_with_hooks
    def step(self, closure=None):
        """Update every parameter that has a gradient.

        closure: optionally computes the loss and its gradients again; what it returns is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._update(group)
        return loss

    def _update(self, group):
        raise NotImplementedError(f"{type(self).__name__}.step\nA subclass has step, or _update(group).")

    def zero_grad(self, set_to_none=True):
        """Drop the gradients, or, with set_to_none=False, fill them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.gradient = None
                elif param.gradient is not None:
                    param.gradient.detach_().zero_()

    def state_dict(self):
        """{"state": {number: a parameter's state}, "param_groups": [...]} as torch's, tensors not copied."""
        for hook in [*self._state_hooks["before state"].values()]:
            hook(self)
        numbers, groups, first = {}, [], 0
        for group in self.param_groups:
            numbers.update({param: number for number, param in enumerate(group["params"], first)})
            first += len(group["params"])
            groups.append({name: value for name, value in group.items() if name != "params"})
            groups[-1]["params"] = [numbers[param] for param in group["params"]]
        state = {numbers.get(key, key): value for key, value in self.state.items()}
        found = {"state": state, "param_groups": groups}
        for hook in [*self._state_hooks["after state"].values()]:
            changed = hook(self, found)
            found = found if changed is None else changed
        return found

    def load_state_dict(self, state_dict):
        """Take up what `state_dict` gave, here or in torch; floating point state gets its parameter's dtype.

        Raises ValueError where groups differ in number or length.
        """
        state_dict = state_dict.copy()
        for hook in [*self._state_hooks["before load"].values()]:
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups, owners, state = deepcopy(state_dict["param_groups"]), {}, defaultdict(dict)
        check(len(groups) == len(self.param_groups),
              "loaded state dict has a different number of parameter groups", "Make the same groups first.")
        for own, group in zip(self.param_groups, groups, strict=True):
            check(len(own["params"]) == len(group["params"]), "loaded state dict contains a parameter group "
                  "that doesn't match the size of optimizer's group", "Make the same groups first.")
            owners.update(zip(group["params"], own["params"], strict=True))
            group["params"] = own["params"]
            if "param_names" in own:
                group.setdefault("param_names", own["param_names"])
        for key, value in state_dict["state"].items():
            state[owners.get(key, key)] = _fitted(value, owners[key]) if key in owners else value
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in [*self._state_hooks["after load"].values()]:
            hook(self)

    def register_step_pre_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` before each step; it may return other (args, kwargs)."""
        return RemovableHandle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return RemovableHandle(self._post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` before each `state_dict`; with `prepend`, before the hooks there are."""
        return self._register("before state", hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` after each `state_dict`; it may return another."""
        return self._register("after state", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` before each load, with a shallow copy; it may return another."""
        return self._register("before load", hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` after each load."""
        return self._register("after load", hook, prepend)

    def _register(self, when, hook, prepend):
        hooks = self._state_hooks[when]
        present = dict(hooks) if prepend else {}
        handle = RemovableHandle(hooks, hook)
        for key, value in present.items():      # taken out and put back, they follow the new one
            del hooks[key]
            hooks[key] = value
        return handle


def _fitted(value, param, name=None):
    """A loaded value with its tensors in the dtype of `param`, and where it is, except the count of steps."""
    if isinstance(value, TensorBase) and name != "step":
        return value.to(param.device, param.dtype if param.is_floating_point() else None)
    if isinstance(value, dict):
        return {key: _fitted(part, param, key) for key, part in value.items()}
    return [_fitted(part, param) for part in value] if isinstance(value, list) else value
