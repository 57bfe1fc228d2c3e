"""What a gradient rule may contain, checked on the source of every rule in the registry.

A rule runs on bare arrays and on Tensors. So: operators, indexing, calls of ops and helpers, `.shape`; no
methods (`.sum .max .view` differ between NumPy and torch), no `xp`, no `float()` or `if` on data, nothing in
place: a rule never writes to its cotangent or to a saved value.
"""
import ast
import inspect
from pathlib import Path

import pytest

import minigrad
from minigrad.engine import REGISTRY

READABLE = {"shape", "ndim", "dtype"}
CONVERSIONS = {"float", "int", "bool", "complex"}


class Rules:
    """The rules of one source file: lambdas and functions given to `op(..., grads=, joint=)`."""

    def __init__(self, source: str):
        tree = ast.parse(source)
        # What is imported as a module is no value: `math.prod(x.shape)`, an op of another file.
        self.modules = {(alias.asname or alias.name) for n in tree.body
                        if isinstance(n, (ast.Import, ast.ImportFrom))
                        for alias in n.names}
        self.functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
        self.found = [(name, rule, attributes) for call in ast.walk(tree) if _is_row(call)
                      for name, rule, attributes in self._of(call)]

    def _of(self, call: ast.Call):
        name = call.args[0].value if isinstance(call.args[0], ast.Constant) else ast.unparse(call.args[0])
        forward = self._resolve(call.args[1]) if len(call.args) > 1 else None
        attributes = set()
        if forward:
            plain = forward.args.args
            defaults = plain[len(plain) - len(forward.args.defaults):]
            attributes = {a.arg for a in (*forward.args.kwonlyargs, *defaults)}
        for keyword in call.keywords:
            if keyword.arg in ("grads", "joint"):
                parts = keyword.value.elts if isinstance(keyword.value, ast.Tuple) else [keyword.value]
                for part in parts:
                    rule = self._resolve(part)
                    if rule is not None:
                        yield name, rule, attributes

    def _resolve(self, node: ast.AST):
        if isinstance(node, ast.Lambda):
            return node
        return self.functions.get(node.id) if isinstance(node, ast.Name) else None

    def offences(self) -> list[str]:
        found = []
        for name, rule, attributes in self.found:
            data = {a.arg for a in _parameters(rule)
                    if a.arg not in attributes | {"needs"} and not a.arg.endswith(("_shape", "_shapes"))}
            found += [f"{name}, line {line}: {what}" for line, what in self.check(rule, data, set())]
        return found

    def check(self, rule: ast.AST, data: set[str], seen: set[str]):
        """(line, offence) pairs in a rule, or in a helper of this file that it hands data to."""
        data = _with_locals(rule, data)
        for node in ast.walk(rule):
            if isinstance(node, ast.Attribute):
                if node.attr not in READABLE and _data_in(node.value, data):
                    yield node.lineno, f".{node.attr}: methods differ between arrays and Tensors"
            elif isinstance(node, ast.Name) and node.id in ("xp", "np", "numpy"):
                yield node.lineno, f"{node.id}: a rule knows no array library"
            elif isinstance(node, (ast.AugAssign, ast.Delete)) and _data_in(node.target, data):
                yield node.lineno, "in place"
            elif isinstance(node, ast.Assign) and any(
                    isinstance(t, ast.Subscript) and _data_in(t.value, data) for t in node.targets):
                yield node.lineno, "writes into a value"
            elif isinstance(node, (ast.If, ast.IfExp, ast.While)) and _branches_on(node.test, data):
                yield node.lineno, "branches on data"
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in CONVERSIONS and any(_data_in(a, data) for a in node.args):
                    yield node.lineno, f"{node.func.id}() of data"
                helper = self.functions.get(node.func.id)
                if helper is not None and helper.name not in seen:
                    yield from self.check(helper, _handed_on(node, helper, data), seen | {helper.name})


def _with_locals(rule: ast.AST, data: set[str]) -> set[str]:
    """`data` and the local names that are bound to values that depend on it."""
    data = set(data)
    for node in ast.walk(rule):
        pairs = []
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, (ast.For, ast.comprehension)):
            over = node.iter
            if isinstance(over, ast.Call) and ast.unparse(over.func) == "zip":
                pairs = list(zip(node.target.elts, over.args, strict=True))
            elif not (isinstance(over, ast.Call) and ast.unparse(over.func) == "enumerate"):
                pairs = [(node.target, over)]
            else:
                pairs = [(node.target.elts[1], over.args[0])]
        for target, value in pairs:
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                bound = [t for t, v in zip(target.elts, value.elts, strict=True) if _data_in(v, data)]
            else:
                bound = [target] if _data_in(value, data) else []
            data |= {n.id for t in bound for n in ast.walk(t) if isinstance(n, ast.Name)}
    return data


def _branches_on(test: ast.AST, data: set[str]) -> bool:
    """Does a condition look at values? Whether a list is empty depends on what was let into it alone."""
    if isinstance(test, ast.ListComp):
        return any(_data_in(condition, data) for part in test.generators for condition in part.ifs)
    if isinstance(test, (ast.UnaryOp, ast.BoolOp)):
        return any(_branches_on(child, data) for child in ast.iter_child_nodes(test))
    return _data_in(test, data)


def _is_row(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "op" and bool(node.args)


def _parameters(function) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs,
            *([function.args.vararg] if function.args.vararg else [])]


def _data_in(node: ast.AST, data: set[str]) -> bool:
    """Does an expression depend on values (not on shapes or types, nor on whether something is None)?"""
    if isinstance(node, ast.Attribute) and node.attr in READABLE:
        return False
    if isinstance(node, ast.Compare) and all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops):
        return False
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("len", "isinstance"):
        return False
    if isinstance(node, ast.Name):
        return node.id in data
    return any(_data_in(child, data) for child in ast.iter_child_nodes(node))


def _handed_on(call: ast.Call, helper: ast.FunctionDef, data: set[str]) -> set[str]:
    names = [a.arg for a in (*helper.args.posonlyargs, *helper.args.args)]
    return ({name for name, value in zip(names, call.args, strict=False) if _data_in(value, data)}
            | {k.arg for k in call.keywords if k.arg and _data_in(k.value, data)})


def source_files() -> set[Path]:
    return {Path(inspect.getsourcefile(rule)) for row in REGISTRY.values() for rule in row.grads if rule}


def test_rules_keep_to_the_rules() -> None:
    root = Path(minigrad.__file__).parent
    offences = {str(path.relative_to(root)): Rules(path.read_text(encoding="utf-8")).offences()
                for path in sorted(source_files())}
    assert {path: found for path, found in offences.items() if found} == {}


def test_every_rule_was_read() -> None:
    """No rule escapes by being made in a way that the reading does not know."""
    read = {path: Rules(path.read_text(encoding="utf-8")).found for path in source_files()}
    lines = {path: [(rule.lineno, rule.end_lineno) for _, rule, _ in found] for path, found in read.items()}
    missed = [f"{name}.{rule.__name__}" for name, row in REGISTRY.items() for rule in row.grads if rule
              and not any(first <= rule.__code__.co_firstlineno <= last
                          for first, last in lines[Path(inspect.getsourcefile(rule))])]
    assert missed == []


@pytest.mark.parametrize(("rule", "offence"), [
    ("lambda g, x: g * x.sum()", "methods"), ("lambda g, x: (g * x).T", "methods"),
    ("lambda g, x: xp.exp(x)", "xp"),
    ("lambda g, x: g if x > 0 else 0", "branches"), ("lambda g, x: g * float(x)", "float"),
    ("lambda g, x: helper(g, 2)", "in place"), ("lambda g, x: writer(x)", "writes"),
])
def test_the_lint_sees(rule: str, offence: str) -> None:
    source = ("def helper(a, b):\n    a *= b\n    return a\n\ndef writer(a):\n    a[0] = 1\n    return a\n\n"
              f"row = op('row', lambda xp, x, *, dim: x, grads=({rule},))\n")
    assert offence in " ".join(Rules(source).offences())


@pytest.mark.parametrize("rule", ["lambda g, x, dim: g * x if dim else g",
                                  "lambda g, x: g[..., None] * math.prod(x.shape)",
                                  "lambda g, x_shape: g / x_shape[0] if len(x_shape) else g"])
def test_the_lint_allows(rule: str) -> None:
    assert Rules(f"row = op('row', lambda xp, x, *, dim: x, grads=({rule},))").offences() == []
