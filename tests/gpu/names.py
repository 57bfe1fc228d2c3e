"""Writes `cupy_names.json`: what an installed CuPy offers, by name and parameter. Needs CuPy, but no GPU.

    python tests/gpu/names.py > tests/gpu/cupy_names.json

Per module {name: parameters}, a text such as "a, axis, out" for what can be called, "ufunc: ..." for
ufuncs, and None for constants, types and modules. `ndarray` stands among the modules. Where a signature is
nowhere to be read the parameters are "...": any. `loops` has the types that elementwise functions compute in,
in the order in which they are tried, "e->e f->f", by NumPy's characters ("E" is bfloat16), complex ones left
out.
"""
import importlib
import inspect
import json
import re
import sys

MODULES = ("cupy", "cupy.linalg", "cupy.random", "cupy.cuda", "cupy.lib.stride_tricks", "cupyx",
           "cupyx.scipy.special")
# What Python's syntax calls; the rest of an array's special methods are the class's own business.
# Functions that are a ufunc under another roof: where it is.
ROOFS = {"where": ("cupy._sorting.search", "_where_ufunc"), "clip": ("cupy._core._routines_math", "clip")}
SPECIAL = "__dlpack__ __dlpack_device__ __copy__ __deepcopy__ __reduce__".split()


def parameters(thing):
    """A callable's parameters as a text, read from its signature, or from the first line of its help."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return documented(thing)
    found, positional_only = [], False
    for parameter in signature.parameters.values():
        if positional_only and parameter.kind is not parameter.POSITIONAL_ONLY:
            found.append("/")
        positional_only = parameter.kind is parameter.POSITIONAL_ONLY
        if parameter.kind is parameter.KEYWORD_ONLY and not any(p.startswith("*") for p in found):
            found.append("*")
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        found.append(stars + parameter.name)
    return ", ".join(found + ["/"] * positional_only)


def documented(thing):
    first = (getattr(thing, "__doc__", None) or "").partition("\n")[0].replace("\\", "")
    match = re.match(r"[\w.]+\((.*)\)( ->.*)?$", first)
    if match is None:
        return "..."
    names = [re.sub(r"^\w+ (?=\w)", "", part.strip()).partition("=")[0] for part in match[1].split(",")]
    return ", ".join(name for name in names if name and name != "self")


def described(owner, names):
    """{name: what it is} of those public names of a module or class."""
    found = {}
    for name in sorted(names):
        try:
            thing = getattr(owner, name)
        except Exception as error:  # noqa: BLE001 - some need a driver to be looked at
            print(f"{name}: {error}", file=sys.stderr)
            continue
        kind = type(thing).__name__
        if kind in ("ufunc", "_GUFunc") or hasattr(thing, "_ufunc_name"):
            found[name] = f"ufunc: {parameters(thing)}"
        elif inspect.ismodule(thing) or isinstance(thing, type) or not callable(thing):
            found[name] = None
        else:
            found[name] = parameters(thing)
    return found


def loops(modules):
    """{function: its types} of all ufuncs, and of the functions that are one within."""
    ufuncs = {name: getattr(importlib.import_module(room), inner) for name, (room, inner) in ROOFS.items()}
    for module in (modules["cupyx.scipy.special"], modules["cupy"]):
        ufuncs.update((name, thing) for name, thing in vars(module).items()
                      if type(thing).__name__ == "ufunc" and name not in ROOFS)
    return {name: " ".join([types for types in ufuncs[name].types if not set(types) & set("FDV")])
            for name in sorted(ufuncs)}


def tables():
    """What the installed CuPy offers."""
    import cupy
    modules = {name: importlib.import_module(name) for name in MODULES}
    found = {name: described(module, [n for n in dir(module) if not n.startswith("_")])
              for name, module in modules.items()}
    array = cupy.ndarray
    found["ndarray"] = described(array, [n for n in dir(array) if not n.startswith("_") or n in SPECIAL])
    return {"version": cupy.__version__, **found, "loops": loops(modules)}


if __name__ == "__main__":
    print(json.dumps(tables(), indent=1))
