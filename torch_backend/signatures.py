"""Holds minigrad's signatures against torch's: which names, parameters, positions and defaults differ.

Python functions are asked for their signature. torch's built-in ones have none to ask for; theirs are read
from the stub files in torch's wheel, where one function may have several overloads. One signature of minigrad
answers for all overloads of torch: it must accept every parameter of each, know no others, give defaults that
torch gives, and take its positional parameters in the order of at least one.
"""

from __future__ import annotations

import ast
import functools
import inspect
import pathlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch

EMPTY = inspect.Parameter.empty
ANY = object()  # a default that the stub leaves out ("...") or writes as an expression
POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY
VARIABLE = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
NAMED = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD
# Where the public names are: in minigrad and, under the same path, in torch.
ROOMS = ["", "Tensor", "nn", "nn.functional", "nn.init", "nn.utils", "optim", "optim.lr_scheduler",
         "utils.data", "autograd", "Generator", "nn.Module"]  # fmt: skip
STUBS = {"": "_C/_VariableFunctions.pyi", "Tensor": "_C/__init__.pyi", "nn.functional": "_C/_nn.pyi",
         "Generator": "_C/__init__.pyi"}  # fmt: skip
CLASSES = {"Tensor": "TensorBase", "Generator": "Generator", "nn.Module": "Module"}


def public_names(room: Any) -> list[str]:
    """The public names of a module or a class, without the modules that hang on it."""
    names = getattr(room, "__all__", None) or [name for name in dir(room) if not name.startswith("_")]
    return [name for name in names if not isinstance(getattr(room, name), ModuleType)]


def at(root: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        root = getattr(root, name)
    return root


def differences(minigrad: Any) -> Iterator[tuple[str, str]]:
    """Every (name, what differs) between ``minigrad`` and the installed torch; names with their room's."""
    for path in ROOMS:
        ours_room, theirs_room = at(minigrad, path), at(torch, path)
        for name in public_names(ours_room):
            dotted = f"{path}.{name}".lstrip(".")
            ours = getattr(ours_room, name)
            if not hasattr(theirs_room, name):
                # Below the top, a name from elsewhere is one that a module has imported for its own use.
                imported = getattr(ours, "__module__", path) not in (path, ours_room.__name__)
                if not (path and isinstance(ours_room, ModuleType) and imported):
                    yield dotted, "torch has no such name"
                continue
            theirs = getattr(theirs_room, name)
            if callable(ours) != callable(theirs):
                yield dotted, "callable in only one of the two"
            elif callable(ours):
                method = path in CLASSES
                signature = _plain(inspect.signature(ours), method)
                for found in compare(signature, torch_signatures(path, name, theirs)):
                    yield dotted, found


def torch_signatures(path: str, name: str, theirs: Callable[..., Any]) -> list[inspect.Signature]:
    """torch's signatures of one name; empty if it documents none."""
    try:
        found = [inspect.signature(theirs)]
    except (TypeError, ValueError):
        found = [_signature(node) for node in _stubs(path).get(name, [])]
    return [_plain(signature, path in CLASSES) for signature in found]


def _plain(signature: inspect.Signature, method: bool) -> inspect.Signature:
    """Of a method: the signature without its first parameter, whatever that is called."""
    return signature.replace(parameters=list(signature.parameters.values())[method:])


@functools.cache
def _stubs(path: str) -> dict[str, list[ast.FunctionDef]]:
    """The functions of a room's stub file by name: those of the module, or those of the class."""
    if path not in STUBS:
        return {}
    tree: Any = ast.parse((pathlib.Path(torch.__file__).parent / STUBS[path]).read_text())
    bodies = [tree.body]
    if path in CLASSES:
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        bodies = [node.body for node in classes if node.name == CLASSES[path]]
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in (node for body in bodies for node in body):
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


def _signature(node: ast.FunctionDef) -> inspect.Signature:
    kind, arguments = inspect.Parameter, node.args
    ordered = [*arguments.posonlyargs, *arguments.args]
    defaults = [EMPTY] * (len(ordered) - len(arguments.defaults)) + [_value(d) for d in arguments.defaults]
    # The stubs call a number in the place of `input` self.
    names = ["input" if argument.arg == "self" else argument.arg for argument in ordered]
    found = [kind(n, kind.POSITIONAL_OR_KEYWORD, default=d) for n, d in zip(names, defaults, strict=True)]
    if arguments.vararg:
        found.append(kind(arguments.vararg.arg, kind.VAR_POSITIONAL))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        value = EMPTY if default is None else _value(default)
        found.append(kind(argument.arg, kind.KEYWORD_ONLY, default=value))
    return inspect.Signature(found)


def _value(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return ANY
    return ANY if value is ... else value


def compare(ours: inspect.Signature, theirs: list[inspect.Signature]) -> list[str]:
    """What differs between our signature and the overloads of torch, a short phrase each."""
    known = {name: None for overload in theirs for name in overload.parameters}
    have = ours.parameters
    kinds = {parameter.kind for parameter in have.values()}
    if not theirs or {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds:
        return []
    found = [f"lacks {name}" for name in known if name not in have and not _reaches(name, theirs, kinds)]
    found += [f"adds {name}" for name, p in have.items() if name not in known and p.kind not in VARIABLE]
    for name in have:
        defaults = [overload.parameters[name].default for overload in theirs if name in overload.parameters]
        if len(defaults) == len(theirs) and not any(_same(have[name].default, value) for value in defaults):
            found.append(f"{name} {_shown(have[name].default)}, in torch {_shown(defaults[0])}")
    order, orders = _order(ours), [_order(overload) for overload in theirs]
    if not any(all(a == b for a, b in zip(order, other, strict=False)) for other in orders):
        found.append(f"order ({', '.join(order)}), in torch ({', '.join(orders[0])})")
    return found


def _reaches(name: str, theirs: list[inspect.Signature], kinds: set[Any]) -> bool:
    """Whether a parameter that we do not name comes in through *args or **kwargs."""
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return all(o.parameters[name].kind not in NAMED for o in theirs if name in o.parameters)
    return inspect.Parameter.VAR_KEYWORD in kinds


def _same(ours: Any, theirs: Any) -> bool:
    """Equal defaults: the same value, or the same dtype or device of either library."""
    return theirs is ANY or ours is theirs or ours == theirs or str(ours) == str(theirs)


def _shown(default: Any) -> str:
    return "required" if default is EMPTY else f"= {default!r}"


def _order(signature: inspect.Signature) -> list[str]:
    return [name for name, parameter in signature.parameters.items() if parameter.kind in POSITIONAL]
