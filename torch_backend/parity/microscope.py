"""The microscope: one training step on minigrad and on torch, and the first op at which they part.

    found = compare_step(lambda B: B.nn.Sequential(B.nn.Linear(4, 8), B.nn.GELU(), B.nn.Linear(8, 3)), (x, y))
    print(found)            # "all 5 ops agree ..." or "first difference: gelu in 1 (GELU), gradient ..."

Both graphs are recorded op by op, with values and with the gradient that every op sends to every operand
(`watch.py`). torch names its nodes and so does minigrad, the same way: ops are paired by module path and node
name. What may differ is what rounding explains: torch's own step is repeated with weights and inputs moved by
one ulp.
"""
from __future__ import annotations

import ast
import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import torch

import minigrad
import torch_backend

from .compare import array_of
from .page import largest, shown, ulps
from .watch import Op, Runner, Step, flows, minigrad_edges, torch_edges, ways

NOISES = 3                  # how often torch's step is repeated from weights and inputs moved by one ulp
CONDITION = 16              # a result may be off by so many ulp, and by so many times what that does to it
# Ops with places where several answers are right: equal elements, or a corner at 0 or at a bound.
TIES = ("max", "min", "sort", "topk", "relu", "abs", "clamp", "sign", "round", "floor", "ceil", "hard")


@dataclass
class Finding:
    """What the microscope saw; `str()` of it is the report.

    `op` is None where all agree, else minigrad's name of the first op that differs; `module` is the path of
    the module that ran it. `what`: "value", "dtype", "shape", "gradient", "missing gradient", "accumulated
    gradient" or "updated weight"; `operand`: the operand whose gradient it is. `ulp`: how far off, in ulp of
    the largest element.
    """

    op: str | None = None
    node: str = ""
    module: str = ""
    what: str = ""
    operand: str = ""
    ulp: float | None = None
    cause: str = ""
    detail: str = ""
    compared: int = 0
    unpaired: list[str] = field(default_factory=list)
    largest_value: float | None = None
    largest_gradient: float | None = None

    def __bool__(self) -> bool:
        return self.op is not None

    def __str__(self) -> str:
        more = f"; without a counterpart: {', '.join(self.unpaired)}" if self.unpaired else ""
        if not self:
            return (f"all {self.compared} ops agree: values within {shown(self.largest_value)} ulp, "
                    f"gradients within {shown(self.largest_gradient)} ulp{more}")
        of = f" of {self.operand}" if self.operand else ""
        return (f"first difference: {self.op} ({self.node}) in {self.module or 'the loss'}\n"
                f"  {self.what}{of}, off by {shown(self.ulp)} ulp: {self.detail}\n"
                f"  likely cause: {self.cause}\n  {self.compared} ops were compared{more}")


def compare_step(model: Any, batch: Any, loss: Callable[[Any, Any, Any], Any] | None = None,
                 optimizer: Callable[[Any, Any], Any] | None = None, *, seed: int = 0,
                 ulp: float | None = None) -> Finding:
    """One step of a model on both libraries, from the same weights, inputs and random numbers.

    model: a function from the library to a module, or a minigrad module made of `minigrad.nn`'s own classes
    (it is copied, not changed). batch: an array or tensor, or a tuple of them, of which the last is the
    target. loss: a function (library, output, target) that gives a scalar; by default cross entropy for a
    target of integers, the mean squared error for one of floats; without a target, a random cotangent is sent
    back. optimizer: a function (library, parameters); its step is compared as well. ulp: report the first op
    that is off by more than so many ulp (0: by a bit); by default what rounding cannot explain.

    Raises TypeError for a module of a class of one's own (give a function), and for what is no batch.
    """
    ours, theirs = _models(model, seed)
    arrays = [np.array(array_of(x) if hasattr(x, "detach") else x)
              for x in (batch if isinstance(batch, (tuple, list)) else (batch,))]
    if any(array.dtype == object for array in arrays):
        raise TypeError("compare_step: a batch is an array or tensor, or a tuple of them")
    run = Runner(arrays, loss, optimizer, seed)
    got, want = run.minigrad(ours), run.torch(theirs)
    noises = [] if ulp is not None else [run.torch(theirs, number) for number in range(1, NOISES + 1)]
    return _Comparison(got, want, noises, ulp, dict(ours.named_modules())).finding


# -- two models that are one -------------------------------------------------------------------------


def _models(model: Any, seed: int) -> tuple[Any, Any]:
    if isinstance(model, minigrad.nn.Module):
        ours = copy.deepcopy(model)
        theirs = _on_torch(ours, "")
        for parameter in ours.parameters():
            theirs = theirs.to(getattr(torch, parameter.dtype.name))
            break
    elif callable(model):
        made = []
        for B in (minigrad, torch_backend):
            B.manual_seed(seed)
            made.append(model(B))
        ours, theirs = made
    else:
        raise TypeError("compare_step: a model is a minigrad module, or a function from the library to one")
    torch_backend.copy_module_weights(ours, theirs)
    return ours, theirs.train(ours.training)


def _on_torch(module: Any, path: str) -> Any:
    """torch's module of the same class, made by the same call: what `extra_repr` shows are its arguments."""
    name = type(module).__name__
    if type(module) is not getattr(minigrad.nn, name, None):
        raise TypeError(f"compare_step: {path or 'the model'} is a {name}, which is no class of minigrad.nn\n"
                        "Give a function that makes the model: lambda B: Model(B)")
    made = getattr(torch.nn, name)
    children = {key: _on_torch(child, f"{path}.{key}".lstrip(".")) for key, child in module.named_children()}
    if name in ("Sequential", "ModuleDict"):
        result = made(OrderedDict(children))
    elif name == "ModuleList":
        result = made(children.values())
    else:
        call: Any = ast.parse(f"{name}({module.extra_repr()})", mode="eval").body
        keywords = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
        result = made(*map(ast.literal_eval, call.args), **keywords)
    return result.train(module.training)


# -- the comparison ----------------------------------------------------------------------------------


class _Comparison:
    def __init__(self, got: Step, want: Step, noises: list[Step], ulp: float | None,
                 modules: dict[str, Any]) -> None:
        self.got, self.want, self.ulp, self.modules = got, want, ulp, modules
        ours, theirs = [op.like for op in got.ops], [op.like for op in want.ops]
        self.noises = [noise for noise in noises if [op.like for op in noise.ops] == theirs]
        self.pairs: list[tuple[int, int]] = []
        for a, b, size in SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks():
            self.pairs += [(a + k, b + k) for k in range(size)]
        self._pair_hidden()
        paired = {a for a, _ in self.pairs}
        self.finding = Finding(compared=len(self.pairs), unpaired=[
            f"{name} in {self._module(path)}" for k, (path, name, _) in enumerate(ours) if k not in paired])
        self._values() or self._gradients() or self._leaves()

    def _pair_hidden(self) -> None:
        """Pair ops that are made inside one of torch's functions, so that only their nodes are seen, by name
        and by what they feed: the products inside `linear`, for one."""
        ours = {op.key: number for number, op in enumerate(self.got.ops)}
        mine, theirs = [{step.ops[pair[side]].key for pair in self.pairs}
                        for side, step in enumerate((self.got, self.want))]
        unseen = list(self.pairs)
        while unseen:
            a, b = unseen.pop()
            for edge in minigrad_edges(self.got.ops[a].made_by):
                if edge is None or edge[1] is None or edge[0] in mine or edge[0] not in ours:
                    continue
                below = self.got.ops[ours[edge[0]]]
                for way in ways(self.want, self.want.ops[b].node, below, theirs):
                    for step in (self.want, *self.noises):
                        node, output = step.ops[b].node, 0
                        for place in way:
                            (_, output), node = torch_edges(node)[place]
                        step.ops.append(Op(below.path, node, output, None))
                    mine.add(below.key)
                    theirs.add(self.want.ops[-1].key)
                    self.pairs.append((ours[below.key], len(self.want.ops) - 1))
                    unseen.append(self.pairs[-1])
                    break

    def _module(self, path: str) -> str:
        module = self.modules.get(path)
        return path if module is None else f"{path or 'the model'} ({type(module).__name__})"

    def _values(self) -> bool:
        for a, b in self.pairs:
            op, theirs = self.got.ops[a], self.want.ops[b].value
            noises = [noise.ops[b].value for noise in self.noises]
            if theirs is not None and self._differs("value", op, op.value, theirs, noises):
                return True
        return False

    def _gradients(self) -> bool:
        """From the loss back: the first op that was sent the same and sends something else."""
        labels: list[dict[Any, Any]] = []
        steps = [(self.got, 0), (self.want, 1), *[(noise, 1) for noise in self.noises]]
        for step, side in steps:
            numbers = {step.ops[pair[side]].key: number for number, pair in enumerate(self.pairs)}
            labels.append(dict(step.leaves) | numbers)
        for a, b in sorted(self.pairs, key=lambda pair: -self.got.ops[pair[0]].node.number):
            op = self.got.ops[a]
            sides = [flows(step, step.ops[b if side else a], label, torch_edges if side else minigrad_edges)
                     for (step, side), label in zip(steps, labels)]
            for label in dict.fromkeys([*sides[0], *sides[1]]):
                ours, theirs, *moved = [side.get(label, (None, None)) for side in sides]
                if ours[0] is None or theirs[0] is None:
                    some = next(g for g in (ours[0], theirs[0]) if g is not None)
                    if not some.any():
                        continue            # None on one side, zeros on the other: the same gradient
                operand = self._operand(ours[1]) if ours[1] else self._receiver(label)
                receiver = None if isinstance(label, str) else self.got.ops[self.pairs[label][0]].value
                noises = [noise for noise, _ in moved]
                if self._differs("gradient", op, ours[0], theirs[0], noises, operand, receiver):
                    return True
        return False

    def _operand(self, sender: tuple[Any, int]) -> str:
        node, place = sender
        names = getattr(node.op, "operands", ())
        return names[place] if place < len(names) else f"operand {place}"

    def _receiver(self, label: Any) -> str:
        return label if isinstance(label, str) else self.got.ops[self.pairs[label][0]].made_by.name()

    def _leaves(self) -> bool:
        for what, attribute in (("accumulated gradient", "grads"), ("updated weight", "stepped")):
            ours, theirs = getattr(self.got, attribute), getattr(self.want, attribute)
            for name in ours:
                noises = [getattr(noise, attribute)[name] for noise in self.noises]
                if ours[name] is None and theirs[name] is None:
                    continue
                if self._differs(what, None, ours[name], theirs[name], noises, name):
                    return True
        return False

    def _differs(self, what: str, op: Op | None, got: Any, want: Any, noises: list[Any], operand: str = "",
                 receiver: Any = None) -> bool:
        """Enter the finding, if the two differ."""
        found = self.finding
        error = None if got is None or want is None else ulps(got, want)
        if got is None or want is None:
            what, detail = f"missing {what}", f"{'minigrad' if got is None else 'torch'} has none"
        elif got.dtype != want.dtype:
            what, detail = "dtype", f"{got.dtype} against torch's {want.dtype}"
        elif got.shape != want.shape:
            what, detail = "shape", f"{got.shape} against torch's {want.shape}"
        else:
            if what == "value":
                found.largest_value = largest([found.largest_value, error])
            elif what == "gradient":
                found.largest_gradient = largest([found.largest_gradient, error])
            if _explained(got, want, noises) if self.ulp is None or error is None else error <= self.ulp:
                return False
            detail = _worst(got, want)
        found.what, found.operand, found.ulp, found.detail = what, operand, error, detail
        if op is None:
            module, _, found.operand = operand.rpartition(".")
            found.op = found.node = "optimizer" if "weight" in what else "AccumulateGrad"
            found.module = self._module(module)
        else:
            found.op, found.node = op.made_by.op.name, op.made_by.name()
            found.module = self._module(op.path)
        found.cause = _cause(what, found.op or "", got, want, receiver)
        return True


def _explained(got: np.ndarray, want: np.ndarray, noises: list[Any]) -> bool:
    """Is the difference one of rounding? By how far torch itself is off after rounding elsewhere."""
    if want.dtype.kind != "f":
        return bool((got == want).all())
    with np.errstate(all="ignore"):
        ours, theirs = got.astype(np.float64), want.astype(np.float64)
        finite = np.isfinite(theirs)
        allowed = float(np.finfo(want.dtype).eps) * np.abs(theirs[finite]).max(initial=0)
        for noise in noises:
            if noise is not None and noise.shape == want.shape:
                moved = np.abs(noise.astype(np.float64) - theirs)
                allowed = max(allowed, moved[np.isfinite(moved)].max(initial=0))
        near = np.where(finite, np.abs(ours - theirs) <= CONDITION * allowed, ours == theirs)
        return bool((near | np.isnan(ours) & np.isnan(theirs)).all())


def _worst(got: np.ndarray, want: np.ndarray) -> str:
    with np.errstate(all="ignore"):
        off = np.abs(got.astype(np.float64) - want.astype(np.float64))
    off = np.where(np.isnan(off), np.inf, off)
    place = tuple(map(int, np.unravel_index(np.argmax(off), off.shape)))
    many = np.count_nonzero(off > off.max() / 1e3)
    return (f"{got[place]:.9g} against torch's {want[place]:.9g} at {list(place)}, "
            f"{many} of {off.size} elements")


def _cause(what: str, name: str, got: Any, want: Any, receiver: np.ndarray | None) -> str:
    """A guess, from how large the difference is and where."""
    if what in ("dtype", "shape") or what.startswith("missing"):
        return {"dtype": "dtype promotion", "shape": "a wrong shape"}.get(what, "a path that is not followed")
    with np.errstate(all="ignore"):
        off = np.abs(got.astype(np.float64) - want.astype(np.float64))
        scale = np.abs(want.astype(np.float64)).max(initial=0) or 1.0
    if receiver is not None and receiver.shape == off.shape and any(tie in name for tie in TIES):
        distinct, counts = np.unique(receiver, return_counts=True)
        if np.isin(receiver[off > off.max() / 1e3], [0, *distinct[counts > 1]]).all():
            return "tie (equal elements, or a corner of the function: several gradients are right)"
    relative = float(np.nanmax(off) / scale) if off.size and not np.isnan(off).all() else np.inf
    eps = float(np.finfo(want.dtype).eps) if want.dtype.kind == "f" else 0.0
    if relative <= eps * 8 * np.sqrt(max(off.size, 16)):
        return "accumulation order (the same terms added in another order)"
    for lower in (np.float32, np.float16):
        if eps < float(np.finfo(lower).eps) and relative <= 64 * float(np.finfo(lower).eps):
            return f"precision (as if computed in {np.dtype(lower).name})"
    return "a wrong value" if what == "value" else "a wrong rule" if what == "gradient" else f"a wrong {what}"
