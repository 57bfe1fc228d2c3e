"""Run programs written for another library by its name: after `alias("torch")`, `import torch` gives
minigrad, and `from torch.utils.data import DataLoader` gives minigrad's; `from torchvision import datasets`
works after `alias("torchvision", "minigrad.vision")`."""
import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec

PACKAGE = __name__.partition(".")[0]

__all__ = ["alias"]


class _Alias(MetaPathFinder, Loader):
    """Finds `name.a.b` as minigrad.a.b itself; by the package's path alone Python would run its files a
    second time."""

    def __init__(self, name, package):
        self.name, self.package = name, package

    def find_spec(self, fullname, path=None, target=None):
        if not fullname.startswith(self.name + "."):
            return None
        original = find_spec(self.package + fullname[len(self.name):])
        return original and ModuleSpec(fullname, self, loader_state=original)

    def create_module(self, spec):
        return importlib.import_module(spec.loader_state.name)

    def exec_module(self, module):
        module.__spec__ = module.__spec__.loader_state      # the import put the alias's there


def alias(name="torch", package=PACKAGE):
    """Make `name` and all below it stand for minigrad, or a package in it, in every later import of this
    process; returns what it stands for.

    Raises ImportError where something else was imported by that name.
    """
    module = importlib.import_module(package)
    if sys.modules.setdefault(name, module) is not module:
        raise ImportError(f"{name} is imported already\nCall alias() before anything imports it.")
    if not any(isinstance(finder, _Alias) and finder.name == name for finder in sys.meta_path):
        sys.meta_path.insert(0, _Alias(name, package))
    return module
