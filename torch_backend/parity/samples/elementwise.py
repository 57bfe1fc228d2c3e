"""Samples of the ops that work element by element: arithmetic, functions, comparisons, logic, conversion."""
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..draw import (
    ALL,
    BROADCAST,
    EDGE,
    FLOATS,
    INTEGERS,
    MIXED,
    NUMBERS,
    PLAIN,
    REPEATED,
    STRIDED,
    TIE,
    ZERO_D,
    ZERO_SIZE,
    Sample,
)

ROWS: list[Sample] = []
ALONE = (PLAIN, ZERO_D, ZERO_SIZE, STRIDED, EDGE)
TOGETHER = (PLAIN, BROADCAST, ZERO_D, ZERO_SIZE, STRIDED, REPEATED, EDGE)
NUMBER_POOL = (2, 0.5, -1.5, 3, True, 1, 0, -1, 300, 2.5e-3)


def at(*kinks: float) -> Callable[..., Any]:
    """A tie: a value sits exactly on a kink."""
    return lambda *arrays, **_: any(np.isin(array, kinks).any() for array in arrays)


def equal(x: np.ndarray, y: np.ndarray, *_: Any, **__: Any) -> Any:
    return np.equal(x, y).any()


def refuses_others(name: str, *rest: Any) -> tuple[Callable[[Any], Any], ...]:
    """What is no tensor is refused by the function: a float, a list, an array, None."""
    return tuple(lambda B, value=value: getattr(B, name)(value, *rest)
                 for value in (1.5, [1.0, 2.0], np.ones(2), None))


def unary(name: str, low: float = -2.0, high: float = 2.0, *, methods: bool = True, bad: tuple[Any, ...] = (),
          **more: Any) -> None:
    """A row for `B.name(x)`, `x.name()` and the in-place `x.name_()`."""
    forms = ("function", "method", "in-place") if methods else ("function",)

    def call(B: Any, x: Any, form: str) -> Any:
        if form == "function":
            return getattr(B, name)(x)
        return getattr(x, name)() if form == "method" else getattr(x.clone(), name + "_")()

    in_place = (lambda B: getattr(B.ones(2, requires_grad=True), name + "_")(),) if methods else ()
    kinks = more.pop("kinks", ())
    if kinks:
        more |= {"tie": at(*kinks), "categories": (*ALONE, TIE)}
    settings = {"categories": ALONE, "elementwise": True, "bad": refuses_others(name) + in_place + bad} | more
    ROWS.append(Sample(name, call, lambda d: ([d.tensor(d.shape(), low, high)], {"form": d.pick(*forms)}),
                       name=name, **settings))


def refused_dtype(name: str, dtype: str) -> Callable[[Any], Any]:
    return lambda B: getattr(B, name)(B.ones(2, dtype=getattr(B, dtype)))


unary("exp", bad=(lambda B: B.ones(2, dtype=B.int64).exp_(),))
unary("log", 0.1, 3.0, bad=(lambda B: B.ones(2, dtype=B.int32).log_(),))
unary("sqrt", 0.1, 3.0)
unary("rsqrt", 0.1, 3.0)
unary("sin")
unary("cos")
unary("tanh", -3.0, 3.0)
unary("sigmoid", -4.0, 4.0)
unary("erf", -3.0, 3.0)
unary("reciprocal", 0.2, 2.0)
unary("abs", kinks=(0,), exact=True)
unary("neg", exact=True, bad=(refused_dtype("neg", "bool"),))
unary("sign", kinks=(0,), flat=True, exact=True)
unary("floor", kinks=(0, 1, 2), flat=True, exact=True, bad=(refused_dtype("floor", "bool"),))
unary("ceil", kinks=(0, 1, 2), flat=True, exact=True, bad=(refused_dtype("ceil", "bool"),))
unary("round", kinks=(0, 1, 2), flat=True, exact=True, bad=(refused_dtype("round", "bool"),))
unary("relu", kinks=(0,), exact=True, bad=(refused_dtype("relu", "bool"),))
for _name in ("isnan", "isfinite", "isinf"):
    unary(_name, methods=False, flat=True, exact=True)
unary("logical_not", flat=True, exact=True, methods=False)
unary("bitwise_not", methods=False, flat=True, exact=True, dtypes=(*INTEGERS, "bool"),
      bad=(refused_dtype("bitwise_not", "float32"),))

ROWS.append(Sample(
    "gelu", lambda B, x, **k: B.nn.functional.gelu(x, **k),
    lambda d: ([d.tensor(d.shape(), -3.0, 3.0)], {"approximate": d.pick("none", "tanh")}), name="gelu",
    dtypes=(*FLOATS, "float16", "int64"), categories=ALONE[:4], twin=True,
    bad=(lambda B: B.nn.functional.gelu(B.ones(2), approximate="fast"), lambda B: B.nn.functional.gelu(1.0),
         lambda B: B.nn.functional.gelu(B.ones(2, dtype=B.int64)))))


# Two operands. Each form of a call meets Python numbers in its own way: on the left, on the right, in place.
def binary(name: str, symbol: Callable[..., Any] | None, *, low: float = -2.0, high: float = 2.0,
           in_place: bool = True, alpha: bool = False, bad: tuple[Any, ...] = (), **more: Any) -> None:
    """A row for `B.name(x, y)`, the operator, Python numbers on either side, and in place."""
    forms = ["function", "method", "number"] + ["in-place"] * in_place
    forms[3:3] = ["operator", "left number"] if symbol else []

    def call(B: Any, x: Any, y: Any, form: str, number: Any, **k: Any) -> Any:
        if form == "operator":
            return symbol(x, y)
        if form == "left number":
            return symbol(number, x)
        if form == "number":
            return getattr(B, name)(x, number, **k)
        if form == "in-place":
            return getattr(x.clone(), name + "_")(y, **k)
        return getattr(B, name)(x, y, **k) if form == "function" else getattr(x, name)(y, **k)

    def draw(d: Any) -> Any:
        k = {"alpha": d.pick(2, -1)} if alpha and d.flag() else {}
        form = d.pick(*forms) if d.category in (PLAIN, EDGE, STRIDED) else d.pick("function", *forms[3:4])
        if form in ("operator", "left number"):
            k = {}
        return d.pair(low, high), {"form": form, "number": d.pick(*NUMBER_POOL), **k}

    common = (lambda B: getattr(B, name)(B.ones(2), B.ones(3)),
              lambda B: getattr(B, name)(B.ones(2, 3), B.ones(2)),
              lambda B: getattr(B, name)(B.ones(2), "a"), lambda B: getattr(B, name)(B.ones(2), None))
    settings = {"categories": TOGETHER, "elementwise": True, "dtypes": (*ALL, MIXED),
                "bad": common + bad} | more
    ROWS.append(Sample(name, call, draw, name=name, **settings))


def in_place_refusals(name: str) -> tuple[Callable[[Any], Any], ...]:
    return (lambda B: getattr(B.ones(2, requires_grad=True), name + "_")(1),
            lambda B: getattr(B.ones(2, dtype=B.int64), name + "_")(1.5),
            lambda B: getattr(B.ones(1), name + "_")(B.ones(2)))


binary("add", operator.add, alpha=True, bad=in_place_refusals("add"))
binary("sub", operator.sub, alpha=True, bad=(*in_place_refusals("sub"),
       lambda B: B.ones(2, dtype=B.bool) - B.ones(2, dtype=B.bool), lambda B: B.ones(2, dtype=B.bool) - True,
       lambda B: B.ones(2) - B.ones(3)))
binary("mul", operator.mul, bad=in_place_refusals("mul"))
binary("div", operator.truediv, low=0.5, high=3.0, bad=in_place_refusals("div"))
binary("maximum", None, in_place=False, tie=equal, categories=(*TOGETHER, TIE), exact=True,
       bad=(lambda B: B.maximum(B.ones(2), 1.0),))
binary("minimum", None, in_place=False, tie=equal, categories=(*TOGETHER, TIE), exact=True,
       bad=(lambda B: B.minimum(B.ones(2), 1.0),))


# Divisions that round: the quotients' slopes are 0.
def _whole_pair(d: Any) -> Any:
    x, y = d.pair(1.0, 9.0)
    if y.values.dtype.kind == "f":      # a quotient that overflows is nan in torch's long loops alone
        y.values = np.where(np.abs(y.values) == np.float32(1e-30), y.values.dtype.type(3), y.values)
    return [x, y], {}


ROWS += [Sample("remainder", lambda B, x, y: B.remainder(x, y), _whole_pair, name="remainder",
                dtypes=(*FLOATS, *INTEGERS), categories=TOGETHER, elementwise=True, ulps=1,
                bad=(lambda B: B.remainder(B.ones(2), B.ones(3)),
                     lambda B: B.remainder(B.ones(2, dtype=B.int64), 0),
                     lambda B: B.remainder(B.ones(2, dtype=B.bool), B.ones(2, dtype=B.bool)))),
         *[Sample(name, lambda B, x, y, mode=mode: B.div(x, y, rounding_mode=mode), _whole_pair, name=name,
                  dtypes=(*FLOATS, *INTEGERS), categories=TOGETHER, elementwise=True, flat=True,
                  bad=(lambda B, mode=mode: B.div(B.ones(2), B.ones(3), rounding_mode=mode),
                       lambda B, mode=mode: B.div(B.ones(2, dtype=B.int64), 0, rounding_mode=mode),
                       lambda B: B.div(B.ones(2), 2, rounding_mode="up")))
           for name, mode in (("floor_divide", "floor"), ("trunc_divide", "trunc"))],
         Sample("floor_quotient", lambda B, x, y: x.detach() // y.detach(), _whole_pair,
                name="floor_quotient", dtypes=(*FLOATS, *INTEGERS), categories=TOGETHER, elementwise=True,
                flat=True, bad=(lambda B: B.ones(2) // B.ones(3), lambda B: B.ones(2, dtype=B.int64) // 0,
                     lambda B: (B.ones(2, requires_grad=True) // 2).sum().backward(),
                     lambda B: (2 // B.ones(2, requires_grad=True)).sum().backward()))]
for _name, _symbol in (("eq", operator.eq), ("ne", operator.ne), ("lt", operator.lt), ("le", operator.le),
                       ("gt", operator.gt), ("ge", operator.ge)):
    binary(_name, _symbol, in_place=False, tie=equal, categories=(*TOGETHER, TIE), flat=True, exact=True)
for _name, _symbol in (("bitwise_left_shift", operator.lshift), ("bitwise_right_shift", operator.rshift)):
    binary(_name, _symbol, in_place=False, flat=True, exact=True, dtypes=INTEGERS)
for _name in ("logical_and", "logical_or", "logical_xor"):
    binary(_name, None, in_place=False, flat=True, exact=True)
for _name, _symbol in (("bitwise_and", operator.and_), ("bitwise_or", operator.or_),
                       ("bitwise_xor", operator.xor)):
    binary(_name, _symbol, in_place=False, flat=True, exact=True, dtypes=(*INTEGERS, "bool", MIXED))


# Powers: three rows, because the domains differ.
def _power(d: Any) -> Any:
    x, y = d.pair(0.2, 2.0)
    return [x, y], {"form": d.pick("function", "operator", "method")}


def _call_power(B: Any, x: Any, y: Any, form: str) -> Any:
    return {"function": lambda: B.pow(x, y), "operator": lambda: x ** y, "method": lambda: x.pow(y)}[form]()


ROWS += [
    Sample("pow", _call_power, _power, name="pow", dtypes=NUMBERS, categories=TOGETHER,
           elementwise=True, bad=(lambda B: B.pow(B.ones(2), B.ones(3)), lambda B: B.pow(B.ones(2), "a"),
                lambda B: B.pow(B.ones(2, dtype=B.int64), -1), lambda B: B.pow(2.0, 3.0),
                lambda B: B.pow(B.ones(2, dtype=B.bool), B.ones(2, dtype=B.bool)))),
    # Forward alone: torch computes the slope in the exponent's own dtype, however narrow.
    Sample("pow", lambda B, x, y, form: _call_power(B, x, y, form).detach(), _power, name="pow.mixed",
           dtypes=(MIXED,), categories=TOGETHER, elementwise=True, flat=True),
    Sample("pow", lambda B, x, n: x ** n,
           lambda d: ([d.tensor(d.shape(), 0.2, 2.0)], {"n": d.pick(2, 3, -1, 0.5, -0.5, 1, 0, 1.7, -2, 4)}),
           name="pow.number", dtypes=(*FLOATS, *INTEGERS), categories=ALONE, elementwise=True, ulps=32),
    Sample("pow", lambda B, x, n: x ** n,
           lambda d: ([d.tensor(d.shape(), -3.0, 3.0)], {"n": d.pick(2, 3, 1, 0, 4, 2.0)}),
           name="pow.negative base",
           dtypes=FLOATS, categories=(PLAIN, TIE, STRIDED), tie=at(0), elementwise=True),
    Sample("pow", lambda B, y, base: base ** y,
           lambda d: ([d.tensor(d.shape(), -2.0, 3.0)], {"base": d.pick(2, 0.5, 3.0, 1, 0)}),
           name="pow.left number", strides=False,
           dtypes=NUMBERS, categories=(PLAIN, TIE, STRIDED, ZERO_D, ZERO_SIZE), tie=at(0), elementwise=True),
]


# Choosing
def _clamp(d: Any) -> Any:
    low, high = d.pick((-1, 1), (None, 1), (-1, None), (0.0, 0.5), (1, -1))
    return [d.tensor(d.shape(), -2.0, 2.0)], {"min": low, "max": high, "method": d.flag()}


def _clamp_tensors(d: Any) -> Any:
    shape = d.shape()
    return [d.tensor(s, -2.0, 2.0) for s in (shape, shape, d.pick(shape, ()))], {}


def _where(d: Any) -> Any:
    x, y = d.pair()
    return [d.tensor(d.pick(x.values.shape, y.values.shape), dtype="bool"), x, y], {}


def _masked_fill(d: Any) -> Any:
    shape = d.shape()
    mask = shape if d.category != BROADCAST or not shape else shape[1:]
    return [d.tensor(shape), d.tensor(mask, dtype="bool")], {"value": d.pick(2, 0.5, -1e9, float("-inf"),
                                                                             True),
                                                             "form": d.pick("masked_fill", "masked_fill_")}


def _bounds_tie(x: np.ndarray, **k: Any) -> Any:
    return np.isin(x, [b for b in (k["min"], k["max"]) if b is not None]).any()


def _call_masked_fill(B: Any, x: Any, mask: Any, value: Any, form: str) -> Any:
    return getattr(x.clone() if form[-1] == "_" else x, form)(mask, value)


ROWS += [
    Sample("clamp", lambda B, x, method, **k: x.clamp(**k) if method else B.clamp(x, **k), _clamp,
           name="clamp", categories=(*ALONE, TIE), tie=_bounds_tie, exact=True,
           bad=(lambda B: B.clamp(B.ones(2)), lambda B: B.clamp(1.0, 0, 1), lambda B: B.clamp(B.ones(2), "a"),
                lambda B: B.ones(2, requires_grad=True).clamp_(0, 1), lambda B: B.ones(2).bool().clamp(False),
                lambda B: B.ones(2).bool().clamp(max=True), lambda B: B.ones(2).bool().clamp_(False, True),
                lambda B: B.ones(2).bool().clamp(B.tensor(False), B.tensor(True)))),
    Sample("clamp", lambda B, x, low, high: B.clamp(x, low, high), _clamp_tensors, name="clamp.tensors",
           dtypes=(*NUMBERS, MIXED), categories=(PLAIN, ZERO_D, ZERO_SIZE, STRIDED, TIE), tie=equal,
           exact=True, bad=(lambda B: B.clamp(B.ones(2), B.ones(3), B.ones(3)),)),
    Sample("clamp", lambda B, x, bound, which: B.clamp(x, **{which: bound}),
           lambda d: (d.pair(), {"which": d.pick("min", "max")}), name="clamp.one tensor",
           dtypes=(*NUMBERS, MIXED),
           categories=(PLAIN, BROADCAST, ZERO_D, ZERO_SIZE, STRIDED, TIE), tie=equal, exact=True),
    Sample("where", lambda B, c, x, y: B.where(c, x, y), _where, name="where", dtypes=(*ALL, MIXED),
           categories=TOGETHER, exact=True, bad=(lambda B: B.where(B.ones(2), B.ones(2), B.ones(2)),
                lambda B: B.where([True], B.ones(1), B.ones(1)),
                lambda B: B.where(B.ones(2, dtype=B.bool), B.ones(3), B.ones(3)),
                lambda B: B.where(B.ones(2, dtype=B.int64), B.ones(2), B.ones(2)))),
    Sample("where", lambda B, c, x, n: B.where(c, n, x),
           lambda d: ([d.tensor((2, 3), dtype="bool"), d.tensor((2, 3))], {"n": d.pick(2, -0.5, True)}),
           name="where.number", dtypes=ALL, categories=(PLAIN, STRIDED), exact=True),
    Sample("masked_fill", _call_masked_fill, _masked_fill, name="masked_fill",
           categories=(PLAIN, BROADCAST, ZERO_D, ZERO_SIZE, STRIDED), exact=True, strides=False,
           bad=(lambda B: B.ones(2).masked_fill(B.ones(2), 0.0),
                lambda B: B.ones(2).masked_fill(B.ones(3) > 0, 0.0),
                lambda B: B.ones(2).masked_fill([True, False], 0.0),
                lambda B: B.ones(2).masked_fill(B.ones(2) > 0, "a"),
                lambda B: B.ones(2).masked_fill(B.ones(2) > 0, B.ones(2)))),
    Sample("masked_fill", lambda B, x, mask, value: x.masked_fill(mask, value),
           lambda d: ([d.tensor((2, 3)), d.tensor((3,), dtype="bool"), d.tensor(())], {}),
           name="masked_fill.tensor", dtypes=ALL, categories=(PLAIN, BROADCAST, STRIDED), exact=True),
]

# Conversion and copies
DTYPE_NAMES = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")


def _call_to(B: Any, x: Any, to: str, form: str) -> Any:
    dtype = getattr(B, to)
    return {"to": lambda: x.to(dtype), "keyword": lambda: x.to(dtype=dtype), "type": lambda: x.type(dtype),
            "device": lambda: x.to("cpu", dtype), "other": lambda: x.to(B.ones(1, dtype=dtype)),
            "type_as": lambda: x.type_as(B.ones(1, dtype=dtype)),
            "copy": lambda: x.to(dtype, copy=True)}[form]()


ROWS += [
    Sample("to", _call_to, lambda d: ([d.tensor(d.shape(), 0.0, 9.0)], {
        "to": d.pick(*DTYPE_NAMES), "form": d.pick("to", "keyword", "type", "device", "other", "type_as",
                                                   "copy")}),
        name="to", categories=(PLAIN, ZERO_D, ZERO_SIZE, STRIDED), exact=True,
        bad=(lambda B: B.ones(2).to([1]), lambda B: B.ones(2).to({}),
             lambda B: B.ones(2).to(np.ones(2)))),
    Sample("to", lambda B, x, form: getattr(x, form)(), lambda d: (
        [d.tensor(d.shape(), 0.0, 9.0)], {"form": d.pick("float", "double", "long", "int", "bool", "half",
                                                         "cpu")}),
        name="to.method", categories=(PLAIN, STRIDED), exact=True),
    Sample("clone", lambda B, x: x.clone(), lambda d: ([d.tensor(d.shape())], {}), name="clone", exact=True,
           bad=(*refuses_others("clone"),)),
    Sample("contiguous", lambda B, x: x.contiguous() * 1, lambda d: ([d.tensor(d.shape())], {}),
           name="contiguous",
           exact=True),
]


# In place, without an op of their own
def _fill(d: Any) -> Any:
    return [d.tensor(d.shape())], {"value": d.pick(2, -0.5, True), "form": d.pick("fill_", "zero_")}


def _copy(d: Any) -> Any:
    x = d.tensor(d.shape())
    y = d.tensor(x.values.shape[1:] if d.category == BROADCAST else x.values.shape)
    return [x, y], {}


ROWS += [
    Sample("fill_", lambda B, x, value, form: getattr(x.clone(), form)(*([value] if form == "fill_" else [])),
           _fill,
           name="fill_", exact=True, flat=True,
           bad=(lambda B: B.ones(2).fill_("a"), lambda B: B.ones(2).fill_(B.ones(2)),
                lambda B: B.ones(2, requires_grad=True).fill_(1),
                lambda B: B.ones(2, requires_grad=True).zero_())),
    Sample("fill_", lambda B, x, value: (x * 1).fill_(value),
           lambda d: ([d.tensor(d.shape()), d.tensor(())], {}),
           name="fill_.tensor", categories=(PLAIN, STRIDED), exact=True),
    Sample("copy_", lambda B, x, y: x.clone().copy_(y), _copy, name="copy_", dtypes=(*ALL, MIXED),
           categories=(PLAIN, BROADCAST, ZERO_D, ZERO_SIZE, STRIDED), exact=True,
           bad=(lambda B: B.ones(2).copy_(B.ones(3)), lambda B: B.ones(2).copy_([1.0, 2.0]),
                lambda B: B.ones(2, requires_grad=True).copy_(B.ones(2)))),
]
