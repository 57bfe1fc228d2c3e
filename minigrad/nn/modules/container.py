"""Modules that hold modules or parameters: Sequential; lists and dicts of either."""
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from operator import index as as_index

from ...tensor import Tensor
from ..arguments import need
from ..parameter import Parameter
from .module import Module, indented


def _pairs(kind, named, what):
    """(name, value) pairs, of a mapping or given as they are. Raises torch's TypeErrors and ValueError."""
    need(isinstance(named, Iterable), "{}.update should be called with an iterable of key/value pairs, but "
         "got {}\nPass a dict of {}.", kind, type(named).__name__, what, error=TypeError)
    if isinstance(named, (Mapping, ModuleDict, ParameterDict)):
        return named.items()
    pairs = list(named)
    for place, pair in enumerate(pairs):
        element = f"{kind.replace('sD', 'D')} update sequence element #{place}"
        need(isinstance(pair, Iterable), "{} should be Iterable; is{}\nPass pairs.", element,
             type(pair).__name__, error=TypeError)
        need(len(pair) == 2, "{} has length {}; 2 is required\nPass pairs of a name and a value.", element,
             len(pair), error=ValueError)
    return pairs


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

    def __mul__(self, other):
        need(isinstance(other, int), "unsupported operand type(s) for *: {} and {}\nPass an int.",
             type(self), type(other), error=TypeError)
        need(other > 0, "Non-positive multiplication factor {} for {}\nPass 1 or more.", other, type(self),
             error=ValueError)
        return Sequential(*[*self] * other)

    __rmul__ = __mul__

    def insert(self, index, module):
        """Put a module before the one at `index`; returns self."""
        need(isinstance(module, Module), "module should be of type: {}\nPass a Module.", Module,
             error=AssertionError)
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
        for name, module in _pairs("ModuleDict", modules, "modules"):
            self[name] = module


class _Parameters(Module):
    """What ParameterList and ParameterDict share: tensors become parameters, other things are kept as they
    are."""

    def _put(self, key, value):
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value)
        setattr(self, key, value)

    def _described(self, kind, pairs):
        lines = []
        for key, value in pairs:
            what = f"Object of type: {type(value).__name__}"
            if isinstance(value, Tensor):
                name = "Parameter" if isinstance(value, Parameter) else "Tensor"
                size = "x".join(map(str, value.shape))
                what = f"{name} containing: [{kind(value)} of size {size}]"
            lines.append(f"  ({key}): {what}")
        return "\n".join(lines)

    def __call__(self, *args, **kwargs):
        raise RuntimeError(f"{self._get_name()} should not be called.\nIt only holds parameters.")


class ParameterList(_Parameters):
    """A list of parameters, each registered; tensors become parameters (torch.nn.ParameterList)."""

    def __init__(self, values=None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _key(self, index):
        index = as_index(index)
        need(-self._size <= index < self._size, "index {} is out of range\nThere are {} values.", index,
             self._size, error=IndexError)
        return str(index % self._size)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)([self[k] for k in range(*idx.indices(self._size))])
        return getattr(self, self._key(idx))

    def __setitem__(self, idx, param):
        self._put(self._key(idx), param)

    def __len__(self):
        return self._size

    def __iter__(self):
        return iter([self[k] for k in range(self._size)])

    def __iadd__(self, parameters):
        return self.extend(parameters)

    def append(self, value):
        """Add a value at the end; returns self."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values):
        """Add values at the end; returns self."""
        need(isinstance(values, Iterable) and not isinstance(values, Tensor), "ParameterList.extend should "
             "be called with an iterable, but got {}\nPass a list of parameters.", type(values).__name__,
             error=TypeError)
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self):
        return self._described(lambda value: value.dtype, enumerate(self))


class ParameterDict(_Parameters):
    """A dict of parameters, each registered; tensors become parameters (torch.nn.ParameterDict). Plain dicts
    are taken in sorted order, as torch does."""

    def __init__(self, parameters=None):
        super().__init__()
        self._keys = {}
        if parameters is not None:
            self.update(parameters)

    @staticmethod
    def _check_key(key):
        need(isinstance(key, str), "Index given to ParameterDict cannot be used as a key as it is not a "
             "string (type is '{}'). Open an issue on github if you need non-string keys.\nUse str(key).",
             type(key).__name__, error=TypeError)

    def __getitem__(self, key):
        self._check_key(key)
        return getattr(self, key)

    def __setitem__(self, key, value):
        self._check_key(key)
        self._keys[key] = None
        self._put(key, value)

    def __delitem__(self, key):
        del self._keys[key]
        delattr(self, key)

    def __len__(self):
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __reversed__(self):
        return reversed(self._keys)

    def __contains__(self, key):
        return key in self._keys

    def copy(self):
        """Another ParameterDict of the same parameters."""
        return ParameterDict(list(self.items()))

    def setdefault(self, key, default=None):
        """The value at `key`, which becomes `default` where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def get(self, key, default=None):
        """The value at `key`, or `default`."""
        return self[key] if key in self else default

    def clear(self):
        """Take everything out."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key):
        """Take one value out and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self):
        """Take the last (name, value) out and return it."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def fromkeys(self, keys, default=None):
        """A ParameterDict with `default` at every key."""
        return ParameterDict([(key, default) for key in keys])

    def keys(self):
        """The names."""
        return self._keys.keys()

    def items(self):
        """(name, value) pairs."""
        return ((key, self[key]) for key in self._keys)

    def values(self):
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters):
        """Add the values of a mapping, or of (name, value) pairs."""
        pairs = _pairs("ParametersDict", parameters, "parameters")
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs = sorted(pairs)
        for key, value in pairs:
            self[key] = value

    def __or__(self, other):
        joined = self.copy()
        joined.update(other)
        return joined

    def __ror__(self, other):
        return other.copy() | self

    def __ior__(self, other):
        self.update(other)
        return self

    def extra_repr(self):
        return self._described(lambda value: value.type(), self.items())
