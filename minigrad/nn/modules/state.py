"""State dicts: a module's tensors by name, out of it and into it again."""
import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

from ...engine.core import no_grad
from ...tensor import Tensor
from ..arguments import need
from ..parameter import Parameter
from .hooks import hooks_of

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    __slots__ = ()

    def __repr__(self):
        return super().__repr__() if any(self) else "<All keys matched successfully>"


class Stateful:
    """The half of Module that saves and loads. A subclass that raises `_version` can tell old state dicts."""
    _version = 1

    def _saved(self):
        """(name, tensor) of this module's own parameters and persistent buffers."""
        unsaved = self._non_persistent_buffers_set
        return [(name, tensor) for name, tensor in (*self._parameters.items(), *self._buffers.items())
                if tensor is not None and name not in unsaved]

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        for name, tensor in self._saved():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if hasattr(self, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """Every parameter and persistent buffer by its dotted path, sharing memory (Module.state_dict).

        A subclass with `get_extra_state()` adds what it returns. `_metadata` holds the modules' versions.
        """
        if args:
            warnings.warn("Positional args are being deprecated, use kwargs instead. Refer to "
                          "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module."
                          "state_dict for details.", FutureWarning, stacklevel=2)
            given = [*args, *[destination, prefix, keep_vars][len(args):]]
            destination, prefix, keep_vars = given
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in hooks_of(self, "state_dict_pre"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in hooks_of(self, "state_dict"):
            need(hook(self, destination, prefix, metadata) is None, "state_dict post-hook must return None\n"
                 "Change the dict it is given.")
        return destination

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
                              error_msgs):
        """Load this module's own tensors; what goes wrong is noted in the three lists."""
        for hook in hooks_of(self, "load_state_dict_pre"):
            hook(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = dict(self._saved())
        for name, tensor in own.items():
            key = prefix + name
            if key not in state_dict:
                missing_keys.append(key)
                continue
            given = state_dict[key]
            if not isinstance(given, Tensor):
                error_msgs.append(f'While copying the parameter named "{key}", expected torch.Tensor or '
                                  f"Tensor-like object from checkpoint but received {type(given)}")
                continue
            if given is tensor:
                continue
            if given.shape == (1,) and not tensor.shape:
                given = given[0]
            if given.shape != tensor.shape:
                error_msgs.append(f"size mismatch for {key}: copying a param with shape {given.shape} from "
                                  f"checkpoint, the shape in current model is {tensor.shape}.")
                continue
            try:
                if not local_metadata.get("assign_to_params_buffers", False):
                    with no_grad():
                        tensor.copy_(given)
                elif isinstance(tensor, Parameter) and not isinstance(given, Parameter):
                    setattr(self, name, Parameter(given, tensor.requires_grad))
                else:
                    setattr(self, name, given.requires_grad_(tensor.requires_grad))
            except RuntimeError as error:
                error_msgs.append(f'While copying the parameter named "{key}", whose dimensions in the model '
                                  f"are {tensor.shape} and whose dimensions in the checkpoint are "
                                  f"{given.shape}, an exception occurred : {error.args}.")
        extra, takes_extra = prefix + EXTRA_STATE, hasattr(self, "set_extra_state")
        if takes_extra and extra in state_dict:
            self.set_extra_state(state_dict[extra])
        elif takes_extra:
            missing_keys.append(extra)
        for key in state_dict:
            first, _, rest = key[len(prefix):].partition(".")
            known = self._modules if rest else {EXTRA_STATE} | own.keys() if takes_extra else own
            if key.startswith(prefix) and first not in known:
                unexpected_keys.append(key)

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy parameters and buffers from a state dict, or with `assign` take over its tensors
        (Module.load_state_dict).

        Returns (missing_keys, unexpected_keys). Raises TypeError for what is no mapping, RuntimeError listing
        all shapes that differ and, if strict, all keys missing or unexpected.
        """
        need(isinstance(state_dict, Mapping), "Expected state_dict to be dict-like, got {}.\n"
             "Pass what state_dict() gave.", type(state_dict), error=TypeError)
        metadata = getattr(state_dict, "_metadata", {})
        errors, found = [], _IncompatibleKeys([], [])
        missing, unexpected = found

        def load(module, state, prefix):
            local = {**metadata.get(prefix[:-1], {}), "assign_to_params_buffers": assign}
            module._load_from_state_dict(state, prefix, local, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {key: value for key, value in state.items() if key.startswith(below)}, below)
            for hook in hooks_of(module, "load_state_dict"):
                need(hook(module, found) is None, "Hooks registered with "
                     "``register_load_state_dict_post_hook`` are not expected to return new values, if "
                     "incompatible_keys need to be modified, it should be done inplace.\nReturn None.",
                     error=AssertionError)

        load(self, OrderedDict(state_dict), "")
        wrong = {"Missing": missing, "Unexpected": unexpected} if strict else {}
        errors = [f"{what} key(s) in state_dict: " + ", ".join(f'"{key}"' for key in keys) + ". "
                  for what, keys in wrong.items() if keys] + errors
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n"
                               "\t" + "\n\t".join(errors))
        return found
