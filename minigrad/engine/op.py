"""What an operator is: one row with its forward, its gradient rules and its formula; and how calling it is
recorded.

    mul = op("mul", lambda x, y: x * y, grads=(lambda g, y: g * y, lambda g, x: g * x),
             formula=("x · y", "ḡ · y", "ḡ · x"), torch_node="MulBackward0")

**The rules' parameter names say what is kept** for the walk: `g` is the cotangent that comes in, `z` the
result, an operand's name its value, `<operand>_shape` its shape, an attribute's name that attribute, and a
name in `extras` what forward handed out beside the result. Only what the rules of operands that need a
gradient name is saved.

A rule is written once and serves twice: on bare arrays in the first-order walk (an op called on bare arrays
gives a bare array, nothing is boxed), and on Tensors when the walk itself is recorded (`create_graph=True`).
"""
import functools
import inspect
from types import FunctionType

import numpy as np

from .. import backends, dtypes
from ..backends.arrays import TYPES, is_array
from . import errors
from .core import (
    INFERENCE,
    Node,
    TensorBase,
    mode,
    new,
    paused,
    plain,
    repeats,
    reveal,
    settle,
    tensor_class,
    tick,
    wrap,
)
from .devices import on_one_device
from .promote import meet
from .views import Unrecorded, refresh

REGISTRY = {}
_NOTHING = (None, None, None)   # what an op of two operands saves where no rule reads a value
_NUMBERS = (float, int, type(None))
_FAST = (np.dtype(np.float32), np.dtype(np.float64))


class _Implementations(dict):
    """array type -> forward bound to that type's backend; filled in when a type is first seen."""

    def __init__(self, name, forward, takes_namespace):
        self.name, self.forward, self.takes_namespace = name, forward, takes_namespace

    def __missing__(self, kind):
        bound = self.forward
        if self.takes_namespace:
            bound = functools.partial(bound, backends.namespace(kind))
        if kind is np.ndarray:
            bound = backends.UFUNCS.get(self.name, bound)
        self[kind] = bound
        return bound


def _parameters(function):
    """(names of operands, {attribute: default}, may there be any number of operands?), read off the code:
    `inspect.signature` takes ten times as long, which importing would show."""
    code, given = function.__code__, function.__defaults__ or ()
    plain = code.co_argcount - len(given)
    named = code.co_varnames[plain:code.co_argcount + code.co_kwonlyargcount]
    defaults = dict.fromkeys(named) | dict(zip(named, given)) | (function.__kwdefaults__ or {})
    variadic = bool(code.co_flags & inspect.CO_VARARGS)
    rest = code.co_varnames[code.co_argcount + code.co_kwonlyargcount:][:variadic]
    return code.co_varnames[:plain] + rest, defaults, variadic


class Op:
    """A differentiable operator. Made by `op`, `joint` rules included; see the module's text.

    `operands`: names of the positional parameters of forward. `defaults`: its attributes. `names`: what the
    rules read.
    `reads[i]`: positions in `names` that rule i takes.
    """

    def __init__(self, name, forward, grads, formula, torch_node, extras, promote, layout, pointwise, view,
                 twin, outputs, joint):
        operands, defaults, self.variadic = _parameters(forward)
        takes_namespace = operands[0] == "xp"
        self.operands, self.defaults = operands[takes_namespace:], defaults
        self.name, self.forward, self.grads, self.formula = name, forward, grads, formula
        self.extras, self.promote, self.layout, self.view, self.twin = extras, promote, layout, view, twin
        self.pointwise = layout if pointwise is None else pointwise
        self.outputs, self.joint = outputs, joint
        self.impl = _Implementations(name, forward, takes_namespace)
        self.node_class = type(torch_node, (Node,), {"__slots__": (), "op": self})
        for name, kept in (("result", "z"), *zip(("self", "other"), self.operands)):
            shown = property(lambda node, kept=kept: reveal[0](node, kept))
            setattr(self.node_class, f"_saved_{name}", shown)
        self.names, self.reads = [*self.operands, "z"], []
        for position, rule in enumerate(grads):
            wanted = _parameters(rule)[0][1 + joint:] if rule else ()
            for read in wanted:
                self._check_read(read)
                if read not in self.names:
                    self.names.append(read)
            self.reads.append(tuple(self.names.index(read) for read in wanted))
            if isinstance(rule, FunctionType):  # so that tracebacks and profiles name it
                label = f"{name}.grad" if joint else f"{name}.grad_{self.operands[position]}"
                rule.__code__ = rule.__code__.replace(co_name=label)
                rule.__name__ = rule.__qualname__ = label
        self.names = tuple(self.names)
        self.tensors = len(self.operands) + 1   # the first of `names`: operands' values and the result
        # For the walk: each rule, what it reads, and whether that is elements (which a walk frees) or only
        # shapes.
        holding = {*self.names[:self.tensors], *self.extras, "index", "steps"} - {
            "x_dtype", "x_place", "source_dtype"}
        self.steps = tuple([(rule, reads, any(self.names[k] in holding for k in reads))
                            for rule, reads in zip(self.grads, self.reads)])
        self.plans = {}                         # needs mask -> what to save

    def _check_read(self, read):
        known = (*self.operands, *self.extras, *self.defaults, "z", *(f"{o}_shape" for o in self.operands),
                 *(f"{o}_shapes" for o in self.operands))
        if read not in known:
            raise TypeError(f"{self.name}: a rule reads {read!r}, which is none of {known}")

    def __repr__(self):
        return f"<op {self.name}>"

    def __call__(self, *operands, **attrs):
        """The dual entry, for rules and for the public functions: Tensors in, a recorded Tensor out; bare
        in, bare out."""
        kind = type(operands[0])
        if kind is not np.ndarray:              # the walk's usual case needs no look at the others
            for operand in operands:
                if isinstance(operand, TensorBase):
                    return self.apply(operands, attrs)[0]
                if kind in _NUMBERS:
                    kind = type(operand)
        z = self.impl[kind](*operands, **attrs)
        return z[0] if self.extras else z

    def full(self, *operands, **attrs):
        """As `__call__` on Tensors, giving (result, extras as bare arrays)."""
        return self.apply(operands, attrs)

    def apply(self, operands, attrs):
        """Promote, run forward, record where recording is on. Returns (Tensor, extras)."""
        if self.promote is not None:
            operands = meet(operands, _to_op[0], floating=self.promote == "float")
        recording = not paused[0] or mode.on
        arrays, edges, mask, bit, first, unsaved, unusual = [], [], 0, 1, None, (), False
        for operand in operands:
            edge = None
            if isinstance(operand, TensorBase):
                array = operand.array
                if type(array) is not np.ndarray:
                    unusual = unusual or not isinstance(array, np.ndarray)      # on another device
                    if not self.layout:
                        array = plain(operand)
                if first is None:
                    first = array
                if recording:
                    if operand.view_of is not None:
                        refresh(operand)
                        if operand.view_of is INFERENCE:
                            unsaved = (*unsaved, array)
                    if operand.needs:
                        mask |= bit
                        edge = operand.node or operand
            else:
                array = operand
            arrays.append(array)
            edges.append(edge)
            bit <<= 1
        if unusual and (met := on_one_device(self, operands, _to_op[0])) is not None:
            return self.apply(met, attrs)
        if first.dtype.itemsize == 2 and self._rounds(first.dtype.kind):
            z = self._rounded_once(first.dtype, arrays, attrs)
        else:
            try:
                z = self.impl[type(first)](*arrays, **attrs)
            except ValueError as error:
                errors.explain_shapes(self.name, arrays, error)
        if self.extras:
            z, extras = z[0], z[1:]
        else:
            extras = ()
        if not self.view:
            if self.pointwise:
                z = after_expanding(settle(z), arrays)
            elif type(z) in TYPES and not z.flags.c_contiguous:
                z = z.copy()
        out = self._record(arrays, attrs, z, extras, edges, mask)
        if unsaved:
            errors.check_inference((out[0] if self.outputs else out).node, unsaved)
        return self._as_view(out, operands, attrs) if self.view else out, extras

    def _rounds(self, kind):
        """Does this op compute in float32 what it gets in half precision? NumPy would mix bfloat16 with
        Python's numbers as float64."""
        return kind in "fV" and self.promote is not None or (
            kind == "V" and not self.view and self is not _to_op[0])

    def _rounded_once(self, low, arrays, attrs):
        """Half precision computes in float32 and rounds once at the end, as torch does on a CPU."""
        wide = [a.astype(np.float32) if is_array(a) and a.dtype == low else a for a in arrays]
        try:
            z = self.impl[next(type(a) for a in wide if is_array(a))](*wide, **attrs)
        except ValueError as error:
            errors.explain_shapes(self.name, arrays, error)
        results = [a.astype(low) if getattr(a, "dtype", None) == np.float32 else a
                   for a in (z if self.extras or self.outputs else (z,))]
        if self.extras and self.promote is None:        # those of kernels stay wide
            results[1:] = z[1:]
        return tuple(results) if self.extras or self.outputs else results[0]

    def _record(self, arrays, attrs, z, extras, edges, mask):
        """Wrap forward's result, with a node where the operands in `mask` need a gradient."""
        plan = None
        if mask:
            dtype = (z[0] if self.outputs else z).dtype
            if dtype in _FAST or dtypes.from_numpy(dtype).is_floating_point:    # none flows into integers
                plan = self.plans[mask] if mask in self.plans else self.plan(mask)
        if not plan:
            return tuple([wrap(part) for part in z]) if self.outputs else wrap(z)
        node = self.node_class()
        node.number = tick()
        node.hooks = None
        node.attrs = attrs
        node.edges = tuple(edges)
        node.dtype = dtype
        if self.outputs:
            node.shape = tuple([part.shape for part in z])
            out = tuple([wrap(part, True, _pick(node, index, part)) for index, part in enumerate(z)])
        else:
            out = wrap(z, True, node)
            z = out.array
            node.shape = z.shape
        held = *arrays, z, *extras
        node.saved = tuple([None if step is None else held[step] if type(step) is int else step(arrays, attrs)
                            for step in plan])
        return out

    def _as_view(self, out, operands, attrs):
        source = operands[0]
        parts = out if self.outputs else (out,)
        if source.view_of is INFERENCE:
            for part in parts:
                part.view_of = INFERENCE
            return out
        base, steps, seen = source.view_of or (source, None, source.node)
        if base is not None and (paused[0] and not mode.on or type(seen) is Unrecorded):
            seen = Unrecorded(seen, self)
            for part in parts:                  # torch looks it up at the base, though no graph leads there
                part.needs = part.needs or base.needs
        for index, part in enumerate(parts):
            part.view_of = base, (steps, self, attrs, index if self.outputs else None), seen
        return out

    def keeps(self, mask):
        """Which of `names` the rules of the operands in `mask` read."""
        rules = range(1) if self.joint else [i for i in range(len(self.reads)) if mask >> i & 1]
        read = {k for i in rules for k in self.reads[i]}
        return tuple([k in read for k in range(len(self.names))])

    def plan(self, mask):
        """How to save what a node keeps, made once per mask: for each of `names` a position among operands,
        result and extras, a function of (arrays, attrs), or None. Nothing at all where no operand in `mask`
        has a rule."""
        plan, handed_out = [], ("z", *self.extras)
        for name, keep in zip(self.names, self.keeps(mask)):
            if not keep:
                plan.append(None)
            elif name in self.operands:
                plan.append(self.operands.index(name))
            elif name in handed_out:            # counted from the end: operands may be any number
                plan.append(handed_out.index(name) - len(handed_out))
            elif name in self.defaults:
                plan.append(lambda arrays, attrs, name=name: attrs.get(name, self.defaults[name]))
            elif name.endswith("_shapes"):
                plan.append(lambda arrays, attrs: tuple([a.shape for a in arrays]))
            else:
                where = self.operands.index(name.removesuffix("_shape"))
                plan.append(lambda arrays, attrs, where=where: getattr(arrays[where], "shape", ()))
        flows = self.joint or self.variadic or any(
            rule and mask >> i & 1 for i, rule in enumerate(self.grads))
        self.plans[mask] = tuple(plan) if flows else ()
        return self.plans[mask]


class Pick(Node):
    """One output of a node with several: hands its cotangent to slot `attrs` of that node."""
    __slots__ = ()


def _pick(node, index, part):
    pick = new(Pick)
    pick.edges, pick.saved, pick.attrs = (node,), (), index
    pick.number, pick.shape, pick.dtype, pick.hooks = tick(), part.shape, part.dtype, None
    return pick


_to_op = [None]


def op(name, forward, grads=(), formula=(), torch_node=None, *, extras=(), promote=None, layout=False,
       pointwise=None, view=False, twin=None, outputs=False, joint=None):
    """Define an operator and enter it in the registry.

    grads: one rule per operand (None: no gradient flows there). joint: instead, one rule `(g, needs, ...)`
    that gives the cotangents of all operands as a tuple. extras: names of what forward returns after the
    result.
    promote: "same" brings operands to a common dtype first, "float" to a floating one. layout: True where
    forward works on any memory layout and may be handed a kernel's private one. pointwise (default: as
    layout): the result lies in memory as its operands do; that of other ops is row-major. view: the
    result shares memory with the first operand.
    twin: a pure function of the operands (as Tensors) that defines a fused op; it gives the second
    derivatives.
    outputs: forward returns a tuple of results, and the rule gets a tuple of cotangents.
    """
    rules = (joint,) if joint else tuple(grads)
    torch_node = torch_node or "".join(part.capitalize() for part in name.split("_")) + "Backward0"
    made = Op(name, forward, rules, tuple(formula), torch_node, tuple(extras), promote, layout, pointwise,
              view, twin, outputs, bool(joint))
    if name in REGISTRY:
        raise ValueError(f"there is an op named {name!r} already")
    REGISTRY[name] = made
    if name == "to":
        _to_op[0] = made
    return made


def after_expanding(z, arrays):
    """torch's memory order for a pointwise result of expanded operands: row-major, where NumPy follows their
    strides."""
    if z.flags.c_contiguous:
        return z
    expanded = any([is_array(a) and repeats(a) for a in arrays])
    return z.copy() if expanded else z


def unary(made):
    """The fast entry of a pointwise op of one operand: float32 and float64 in one function, the rest by
    `Op.apply`."""
    impl, node_class, records = made.impl, made.node_class, bool(made.grads)
    keep_x, keep_z = made.keeps(1)
    fast32, fast64 = _FAST
    ndarray = np.ndarray
    direct = impl[ndarray]

    def call(x):
        x_array = x.array
        dtype = x_array.dtype
        if dtype is not fast32 and dtype is not fast64:
            return made.apply((x,), {})[0]
        z = direct(x_array) if type(x_array) is ndarray else impl[type(x_array)](x_array)
        if type(z) is not ndarray:
            z = settle(z)
        if x.view_of is not None:
            if x.view_of is INFERENCE:
                return made.apply((x,), {})[0]
            refresh(x)
            z = after_expanding(z, (x_array,))
        out = new(tensor_class[0])
        out.array = z
        out.gradient = out.view_of = out.extras = None
        if x.needs and records and (not paused[0] or mode.on):
            out.node = node = node_class()
            out.needs = True
            node.number = tick()
            node.hooks = None
            node.shape = z.shape
            node.dtype = dtype
            node.edges = (x.node or x,)
            node.saved = (x_array if keep_x else None, z if keep_z else None)
        else:
            out.node, out.needs = None, False
            if paused[0] and mode.inference:
                out.view_of = INFERENCE
        return out
    return call


def _odd_operand(y, arrays):
    """An operand that is neither a Tensor nor a plain number, made one of them; NotImplemented where it
    cannot be."""
    if isinstance(y, (TensorBase, bool, int, float)):
        return y
    if isinstance(y, (np.number, np.bool_)):    # NumPy's scalars count as Python's numbers
        return y.item()
    return wrap(y) if arrays and isinstance(y, np.ndarray) else NotImplemented


def binary(made, otherwise=None, arrays=True):
    """The fast entry of a pointwise op of two operands, for Tensor's operators: the same floating dtype and
    backend, or a Python number, in one function; everything else by `otherwise` or `Op.apply`. Gives
    NotImplemented for operands that are no tensors or numbers, as Python's operators want it.

    What `Op.record` does in a loop stands here unrolled: most of what recording costs is Python's calls.
    """
    impl = made.impl
    node_class, records = made.node_class, bool(made.grads)
    left, right, both = [keeps if any(keeps) else None for keeps in map(made.keeps, (1, 2, 3))]
    fast32, fast64 = _FAST
    ndarray = np.ndarray
    direct = impl[ndarray]

    def slow(x, y):
        y = _odd_operand(y, arrays)
        if y is NotImplemented:
            return y
        return otherwise(x, y) if otherwise else made.apply((x, y), {})[0]

    def call(x, y):
        kind = type(y)
        x_array = x.array
        dtype, array_kind = x_array.dtype, type(x_array)
        if kind is float or kind is int:
            y_array, y_needs, viewed = y, False, x.view_of
        else:
            try:
                y_array = y.array
            except AttributeError:
                return slow(x, y)
            if dtype is not y_array.dtype or array_kind is not type(y_array):
                return slow(x, y)
            viewed = x.view_of or y.view_of
            if viewed is not None and y.view_of is not None:
                refresh(y)
            y_needs = y.needs
        if dtype is not fast32 and dtype is not fast64:
            return slow(x, y)
        try:
            z = (direct if array_kind is ndarray else impl[array_kind])(x_array, y_array)
        except ValueError as error:
            errors.explain_shapes(made.name, (x_array, y_array), error)
        if type(z) is not ndarray:
            z = settle(z)
        if viewed is not None:
            if x.view_of is INFERENCE or viewed is INFERENCE or getattr(y, "view_of", None) is INFERENCE:
                return slow(x, y)
            if x.view_of is not None:
                refresh(x)
            z = after_expanding(z, (x_array, y_array))
        out = new(tensor_class[0])
        out.array = z
        out.gradient = out.view_of = out.extras = None
        if (y_needs or x.needs) and records and (not paused[0] or mode.on):
            out.node = node = node_class()
            out.needs = True
            node.number = tick()                # one by one: four names in one assignment cost a tuple
            node.hooks = None
            node.shape = z.shape
            node.dtype = dtype
            if not y_needs:
                node.edges = (x.node or x, None)
                keep = left
            elif x.needs:
                node.edges = (x.node or x, y.node or y)
                keep = both
            else:
                node.edges = (None, y.node or y)
                keep = right
            if keep is None:
                node.saved = _NOTHING
            else:
                keep_x, keep_y, keep_z = keep
                node.saved = (x_array if keep_x else None, y_array if keep_y else None, z if keep_z else None)
        else:
            out.node, out.needs = None, False
            if paused[0] and mode.inference:
                out.view_of = INFERENCE
        return out
    return call
