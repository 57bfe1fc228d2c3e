"""Modules that hold modules: Sequential, ModuleList, ModuleDict."""
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from operator import index as as_index

from ..arguments import need
from .module import Module, indented


class _Numbered(Module):
    """What Sequential and ModuleList share: children named "0", "1", ..."""

    def _key(self, index):
        index, size = as_index(index), len(self)
        need(-size <= index < size, "index {} is out of range\nThere are {} modules.", index, size,
             error=IndexError)
        return list(self._modules)[index]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __setitem__(self, idx, module):
        setattr(self, self._key(idx), module)

    def __delitem__(self, idx):
        for key in list(self._modules)[idx] if isinstance(idx, slice) else [self._key(idx)]:
            delattr(self, key)
        self._modules = {str(k): module for k, module in enumerate(self)}

    def append(self, module):
        """Add a module at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        """Add modules at the end; returns self."""
        need(isinstance(modules, Iterable), "{}.extend should be called with an iterable, but got {}\n"
             "Pass a list of modules.", self._get_name(), type(modules).__name__, error=TypeError)
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index, module):
        """Put a module before the one at `index`."""
        kept = list(self)
        kept.insert(index, module)
        self.append(module)                     # checks it
        self._modules.update(zip(map(str, range(len(kept))), kept))

    def pop(self, key):
        """Take the module at an index (or a slice of them) out and return it."""
        taken = self[key]
        del self[key]
        return taken


class Sequential(_Numbered):
    """Modules run one after another (torch.nn.Sequential).

    Made from modules, or from one OrderedDict that names them; indexed by number, a slice gives a Sequential.
    """

    def __init__(self, *args):
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else enumerate(args)
        for name, module in named:
            self.add_module(str(name), module)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return self._modules[self._key(idx)]

    def __add__(self, other):
        return Sequential(*self).__iadd__(other)

    def __iadd__(self, other):
        need(isinstance(other, Sequential), "add operator supports only objects of Sequential class, but {} "
             "is given.\nUse append() for one module.", type(other), error=ValueError)
        return self.extend(other)

    def insert(self, index, module):
        """Put a module before the one at `index`; returns self."""
        need(-len(self) <= index <= len(self), "Index out of range: {}\nThere are {} modules.", index,
             len(self), error=IndexError)
        super().insert(index, module)
        return self

    def forward(self, input):
        """The input sent through all modules in order."""
        for module in self._modules.values():
            input = module(input)
        return input


class ModuleList(_Numbered):
    """A list of modules, each registered as a child (torch.nn.ModuleList). It has no forward."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        return self._modules[self._key(idx)]

    def __add__(self, other):
        return ModuleList([*self, *other])

    def __iadd__(self, modules):
        return self.extend(modules)

    def __repr__(self):
        runs = []                               # [first, last, text]: equal neighbours are shown once
        for k, text in enumerate(map(repr, self)):
            if runs and runs[-1][2] == text:
                runs[-1][1] = k
            else:
                runs.append([k, k, text])
        lines = [f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}" for a, b, text in runs]
        return "\n  ".join([f"{self._get_name()}(", *map(indented, lines)]) + ("\n)" if lines else ")")


class ModuleDict(Module):
    """A dict of modules, each registered as a child, in order of insertion (torch.nn.ModuleDict). It has no
    forward."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def clear(self):
        """Take all modules out."""
        self._modules.clear()

    def pop(self, key):
        """Take one module out and return it."""
        return self._modules.pop(key)

    def keys(self):
        """The names."""
        return self._modules.keys()

    def items(self):
        """(name, module) pairs."""
        return self._modules.items()

    def values(self):
        """The modules."""
        return self._modules.values()

    def update(self, modules):
        """Add the modules of a mapping, or of (name, module) pairs."""
        need(isinstance(modules, Iterable), "ModuleDict.update should be called with an iterable of "
             "key/value pairs, but got {}\nPass a dict of modules.", type(modules).__name__, error=TypeError)
        for name, module in modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules:
            self[name] = module
