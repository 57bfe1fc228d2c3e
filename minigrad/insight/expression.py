"""Arithmetic given as text, computed on tensors. It is parsed and every node of it is looked at; nothing of
it is ever run as Python: numbers, names that have a value, + − * / **, brackets, and calls of functions named
here are all there is."""
from __future__ import annotations

import ast
import itertools
import linecache
import math
from collections.abc import Mapping
from typing import Any

import minigrad

from .notes import TENSOR, Place, tracing

LONGEST, DEEPEST = 2000, 100                    # characters, and brackets in brackets
_ONE = ("abs acos acosh asin asinh atan atanh cos cosh erf exp expm1 log log10 log1p log2 mean neg prod "
        "reciprocal relu rsqrt sigmoid sin sinh sqrt square sum tan tanh")
_TWO = "atan2 dot hypot logaddexp maximum minimum pow"
# name: how many arguments
FUNCTIONS = {**dict.fromkeys(_ONE.split(), 1), **dict.fromkeys(_TWO.split(), 2)}
CONSTANTS = {"pi": math.pi}
_OPERATORS = {ast.Add: lambda a, b: a + b, ast.Sub: lambda a, b: a - b, ast.Mult: lambda a, b: a * b,
              ast.Div: lambda a, b: a / b, ast.Pow: lambda a, b: a ** b}
_SIGNS = {ast.USub: lambda a: -a, ast.UAdd: lambda a: a}
_numbers = itertools.count(1)


def evaluate(text: str, numbers: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The value of arithmetic such as "z = (x + y) * (y - 2)", recorded, and all its variables as tensors.

    text: an expression, or assignments parted by ";" or line ends, of which the last is the result. numbers:
    for each name a number, or a list of numbers; they become float64 leaves. Raises ValueError, with one
    line, for text that is anything else, names without a value, values without a name, and what is no real
    number.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the expression has {len(text)} characters, more than {LONGEST}")
    try:
        statements = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "too deeply nested"
        raise ValueError(f"this is no arithmetic: {reason}") from None
    if not statements:
        raise ValueError("the expression is empty")
    variables = {name: _leaf(name, value) for name, value in numbers.items()}
    file = f"<expression {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, [f"{line}\n" for line in text.strip().splitlines()], file)
    with tracing() as session:
        reader = _Reader(dict(variables), session, file)
        for statement in statements:
            result = reader.statement(statement)
    unused = set(variables) - reader.read
    if unused:
        raise ValueError(f"{min(unused)} does not occur in the expression")
    if not isinstance(result, TENSOR) or not result.requires_grad:
        raise ValueError("there is nothing to differentiate: no variable occurs in the expression")
    if result.numel() != 1:
        raise ValueError(f"the result has {result.numel()} elements: put sum(...) or mean(...) around it")
    named = any(held is result for held in reader.names.values())
    return result, reader.names if named else {**reader.names, "result": result}


def _leaf(name: str, value: Any) -> Any:
    if not name.isidentifier() or name in FUNCTIONS:
        raise ValueError(f"{name!r} cannot be the name of a variable")
    try:
        leaf = minigrad.tensor(value, dtype=minigrad.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise ValueError(f"the value of {name} is no number and no list of numbers") from None
    return leaf.requires_grad_()


class _Reader:
    def __init__(self, names: dict[str, Any], session: tracing, file: str) -> None:
        self.names, self.session, self.file = names, session, file
        self.read: set[str] = set()

    def statement(self, node: ast.stmt) -> Any:
        if isinstance(node, ast.Expr):
            return self.value(node.value, 0)
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, self.value(node.value, 0)
            if name in FUNCTIONS or name in self.names:
                raise ValueError(f"{name} has a value already")
            self.names[name] = value
            return value
        raise ValueError("only expressions and assignments to a name are arithmetic")

    def value(self, node: ast.expr, depth: int) -> Any:
        """The value of a part. Raises ValueError for whatever is not listed here."""
        if depth > DEEPEST:
            raise ValueError("the expression is too deeply nested")
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            plain: Any = node.value
            return self._real(lambda: plain if abs(plain) < 2**53 else float(plain))
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = self.value(node.left, depth + 1), self.value(node.right, depth + 1)
            return self._run(node, _OPERATORS[type(node.op)], left, right)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _SIGNS:
            return self._run(node, _SIGNS[type(node.op)], self.value(node.operand, depth + 1))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._call(node, node.func.id, depth)
        raise ValueError(f"{_shown(node)} is no arithmetic: there are numbers, names, + - * / **, brackets "
                         "and functions such as exp(x)")

    def _name(self, name: str) -> Any:
        if name in self.names:
            self.read.add(name)
            return self.names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        raise ValueError(f"{name} has no value: add {name}=NUMBER")

    def _call(self, node: ast.Call, name: str, depth: int) -> Any:
        if name not in FUNCTIONS:
            raise ValueError(f"there is no function {name}: there are {', '.join(sorted(FUNCTIONS))}")
        if node.keywords or len(node.args) != FUNCTIONS[name]:
            many = "two arguments" if FUNCTIONS[name] == 2 else "one argument"
            raise ValueError(f"{name} takes {many}")
        given = [self.value(part, depth + 1) for part in node.args]
        tensors = [value if isinstance(value, TENSOR) else minigrad.tensor(value, dtype=minigrad.float64)
                   for value in given]
        return self._run(node, getattr(minigrad, name), *tensors)

    def _run(self, node: ast.expr, function: Any, *values: Any) -> Any:
        """A function of numbers and tensors; what it records is noted as made by this part of the text."""
        # Plain numbers stay bounded: 9**9**9 overflows as a float, and is not computed as an integer.
        if not any(isinstance(value, TENSOR) for value in values):
            return self._real(lambda: function(*map(float, values)))
        span = node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0
        self.session.place = Place(self.file, node.lineno, "", span)
        try:
            return function(*values)
        except (RuntimeError, ValueError, TypeError) as error:
            raise ValueError(f"{_shown(node)}: {str(error).splitlines()[0]}") from None

    def _real(self, compute: Any) -> float | int:
        try:
            value = compute()
        except OverflowError:
            raise ValueError("a number in the expression is too large") from None
        except ZeroDivisionError:
            raise ValueError("a number in the expression is divided by 0") from None
        if isinstance(value, complex) or not math.isfinite(value):
            raise ValueError("a number in the expression is not real and finite")
        return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _shown(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 40 else text[:37] + "..."
