"""`minigrad.explain`: a walk as a derivation that a person can follow, and answers to what learners ask."""
from __future__ import annotations

import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import numpy as np

from ..nn import Module
from . import expression, questions
from .notes import TENSOR, tracing, user_frame
from .page import Page, Section
from .trace import Leaf, Send, Step, Trace, Value, collect
from .wording import (
    array_text,
    fill,
    name_of,
    names_of,
    number,
    number_of,
    one_element,
    shape_text,
    symbols_of,
)

UNKNOWN = ("Source lines, modules and some constants are not known: make the graph inside "
           "`with minigrad.tracing():`, or give a function, as in explain(lambda: loss_of(x)).")
_SHAPES = {"linear", "mm", "bmm", "mv", "conv2d"}       # their formulas are read with shapes put in


def explain(loss: Any, gradient: Any = None, *, names: Mapping[str, Any] | None = None,
            **numbers: Any) -> Explanation:
    """What `loss.backward()` does, step by step, with every number; nothing is changed by it.

        print(minigrad.explain(loss))
        print(minigrad.explain(lambda: criterion(model(x), y)))
        print(minigrad.explain("z = (x + y) * (y - 2)", x=2, y=3))

    loss: a Tensor (or several) that requires grad, before its `backward()`; a function without arguments that
    gives one, which is run inside `tracing()`, so that source lines and modules are known; or arithmetic as
    text, with a number or a list for every name. gradient: the cotangents to begin with, optional for
    scalars. names: what to call tensors and modules; by default the caller's variables are looked through.

    Returns an Explanation: its `str()` is the text, `rich.print` shows it in colours, `markdown()` is for
    pages, `trace` the objects. Raises TypeError for what is no tensor, ValueError for none at all and for
    text that is no arithmetic, and backward's RuntimeErrors. minigrad's own: torch has no such function.
    """
    if isinstance(loss, str):
        return explain_expression(loss, numbers)
    if numbers:
        raise TypeError(f"explain() got an unexpected keyword argument '{next(iter(numbers))}'\n"
                        "Numbers for names go with arithmetic as text.")
    caller = user_frame(sys._getframe(1))
    return Explanation(*traced(loss, gradient, names, caller),
                       caller.f_code.co_filename if caller is not None else "")


def traced(loss: Any, gradient: Any, names: Mapping[str, Any] | None,
           caller: FrameType | None) -> tuple[Trace, Mapping[str, Any]]:
    """The walk from a loss, or from what a function gives when run inside `tracing()`, and the variables:
    `names`, or those of the caller."""
    if callable(loss) and not isinstance(loss, TENSOR):
        with tracing():
            loss = loss()
    if not (names is None or isinstance(names, Mapping)):
        raise TypeError(f"names must be a dict, not {type(names).__name__}\n"
                        "Give what to call each tensor, as {'x': x}, or leave it out.")
    variables = variables_of(caller) if names is None else names
    return collect(loss, gradient, variables), variables


def explain_expression(text: str, numbers: Mapping[str, Any]) -> Explanation:
    """Explain arithmetic, given as text, at the point given by `numbers`. Raises ValueError as
    `expression.evaluate` does."""
    result, variables = expression.evaluate(text, numbers)
    return Explanation(collect(result, None, variables), variables, "")


def variables_of(frame: FrameType | None) -> dict[str, Any]:
    """The tensors and modules that a frame's names stand for, its own names first."""
    if frame is None:
        return {}
    return {name: held for name, held in {**frame.f_globals, **frame.f_locals}.items()
            if isinstance(held, (TENSOR, Module))}


class Explanation(Page):
    """A derivation. `trace`: all of it as objects. `why(tensor)`: why its `.grad` is None. `flow()`,
    `memory()`, `path(tensor)`: the learner's questions as objects (see questions.py)."""

    def __init__(self, trace: Trace, variables: Mapping[str, Any] | None = None, file: str = "") -> None:
        super().__init__()
        self.trace, self.variables, self.file = trace, dict(variables or {}), file
        self.root = trace.roots[0].name if len(trace.roots) == 1 else "L"
        self.places = {step.number: place for place, step in enumerate(trace.forward, 1)}
        self._forward()
        self._backward()
        self._gradients()
        self._answers()

    def __repr__(self) -> str:
        return f"<Explanation of {self.root}: {len(self.trace.steps)} steps>"

    # What learners ask --------------------------------------------------------------------------------------

    def why(self, tensor: Any) -> str:
        """Why a tensor's `.grad` is None, or what it is or will be."""
        name = next((name for name, held in self.variables.items() if held is tensor), "")
        return questions.why(self.trace, tensor, name, self.file)

    def flow(self) -> questions.Flow:
        """Where the gradient vanishes, explodes, dies or turns nan first."""
        return questions.flow(self.trace)

    def memory(self) -> list[questions.Held]:
        """What is kept for the walk, and for whom."""
        return questions.memory(self.trace)

    def path(self, tensor: Any) -> questions.Path | None:
        """By which way the most gradient comes to a leaf."""
        for leaf in self.trace.leaves:
            if leaf.value.tensor is tensor:
                return questions.heaviest_path(self.trace, leaf.value)
        return None

    # The derivation -----------------------------------------------------------------------------------------

    def _bar(self, value: Value) -> str:
        return f"∂{self.root}/∂{value.name}"

    def _title(self, step: Step) -> list[tuple[str, str]]:
        """`z = t1 · t2`, with what the formula leaves out behind it."""
        symbols = symbols_of(step)
        right = fill(step.formula, names_of({k: v for k, v in symbols.items() if k != "z"}))
        shown = right.split()
        left = ", ".join(value.name for value in step.results)
        missing = [name_of(value) for value in step.operands if value.kind != "constant"
                   and not any(value.name in word for word in shown)]
        of = f"   (of {', '.join(missing)})" if missing and len(step.operands) <= 4 else ""
        return [("name", left), ("", " = "), ("formula", right), ("", of)]

    def _place(self, step: Step) -> tuple[str, str]:
        if step.place is None:
            return "place", f"{step.op}, {step.node}" + (f", in {step.module}" if step.module else "")
        where = "" if step.place.file.startswith("<expression") else f", {step.place}"
        text = step.place.expression or step.place.text
        module, kind = step.modules[-1] if step.modules else ("", "")
        module = f", in {module}" + (f" ({kind})" if kind != module else "") if module else ""
        return "place", f"{step.op}{module}{where}" + (f"  {text}" if text else "")

    def _forward(self) -> None:
        section = self.section(f"Forward: how {self._roots()} was computed")
        leaves = [leaf.value for leaf in self.trace.leaves]
        for value in leaves:
            section.add(("name", value.name), " = ", ("number", array_text(value.array)), self._kind(value),
                        level=1)
        for step in self.trace.forward:
            result = step.results[0]
            symbols = {k: v for k, v in symbols_of(step).items() if k != "z"}
            parts: list[Any] = [f"{self.places[step.number]}.  ", *self._title(step)]
            if len(step.results) == 1:
                filled = self._numbers(step, step.formula, symbols)
                if filled not in ("", parts[3][1], array_text(result.array)):
                    parts += [" = ", ("formula", filled)]
                parts += [" = ", ("number", array_text(result.array))]
            section.add(*parts)
            if len(step.results) == 1 and result.array is not None:
                element = one_element(step, step.formula, symbols, np.asarray(result.array))
                if element:
                    section.add(element, level=1)
            for value in step.results if len(step.results) > 1 else []:
                section.add(("name", value.name), " = ", ("number", array_text(value.array)), level=1)
            section.add(self._place(step), level=1)
        if not self.trace.noted:
            section.add(("note", UNKNOWN))

    def _kind(self, value: Value) -> str:
        return f"   leaf of shape {value.shape}" if value.shape else "   leaf"

    def _roots(self) -> str:
        return " and ".join(value.name for value in self.trace.roots)

    def _numbers(self, step: Step, formula: str, symbols: Mapping[str, Any]) -> str:
        """The formula with numbers; of a product of matrices with their shapes; else '' where it holds
        tensors."""
        used = {letter: thing for letter, thing in symbols.items()
                if fill(formula, {letter: "\0"}) != formula}
        texts = {letter: number_of(thing) for letter, thing in used.items()}
        if not texts or "?" in texts.values() or (step.op not in _SHAPES and any(
                text.startswith("[") for text in texts.values())):
            return ""
        return fill(formula, texts)

    def _backward(self) -> None:
        section = self.section(f"Backward: from {self._roots()} to the leaves, the youngest step first")
        for root in self.trace.roots:
            start = [a for a in self.trace.arrivals(root) if a.source is None]
            ones = all(np.all(a.cotangent == 1) for a in start)
            section.add("The walk begins with ", ("name", self._bar(root)), " = ",
                        ("number", array_text(start[0].cotangent)), "." if ones else ", the gradient given.")
        section.add("In a rule ḡ is what comes in, z the step's own result, x and y its first and second "
                    "operand, whatever your variables are called.")
        if self.root == "L":
            section.add("L is the sum of all results, each times the gradient given for it.")
        for step in self.trace.steps:
            section.add(f"{self.places[step.number]}.  ", *self._title(step))
            if not step.reached:
                section.add(("note", "no gradient comes here: its rules do not run"), level=1)
                continue
            self._incoming(section, step)
            if step.hooked:
                section.add(("note", "hooks of yours see what passes here, and may have changed it"), level=1)
            for send in step.sends:
                self._send(section, step, send)
            self._silent(section, step)

    def _incoming(self, section: Section, step: Step) -> None:
        for value, arrivals, g in zip(step.results, step.arrivals, step.cotangents):
            if g is None:
                section.add("nothing comes for ", ("name", value.name), level=1)
                continue
            parts: list[Any] = [("name", self._bar(value)), " = "]
            if len(arrivals) > 1:
                parts += [self._sum(arrivals), " = "]
            section.add(*parts, ("number", array_text(g)),
                        "   complete: all that use it have sent" if len(arrivals) > 1 else "", level=1)

    def _sum(self, arrivals: list[Any]) -> str:
        terms = []
        for arrival in arrivals:
            text = array_text(arrival.cotangent) if arrival.cotangent.size == 1 else \
                (f"{self._origin(arrival.source)}" if arrival.source else "the given")
            terms.append(f"({text})" if text.startswith("−") and terms else text)
        return " + ".join(terms)

    def _origin(self, source: tuple[int, int]) -> str:
        return f"[what step {self.places[source[0]]} sent]"

    def _send(self, section: Section, step: Step, send: Send) -> None:
        symbols = symbols_of(step)
        came = [(value, g) for value, g in zip(step.results, step.cotangents) if g is not None]
        names = names_of(symbols)
        values: dict[str, Any] = dict(symbols)
        if len(came) == 1:
            names["ḡ"], values["ḡ"] = self._bar(came[0][0]), came[0][1]
        parts: list[Any] = ["to ", ("name", send.to.name), ":  "]
        formula = send.formula
        if send.summed and formula.startswith("Σ ḡ"):       # that sum is the un-broadcast, which follows
            formula = "ḡ"
        if not formula:
            parts.append(f"{self._bar(send.to)} as the backward() of {step.op} gives it")
        else:
            named, filled = fill(formula, names), self._numbers(step, formula, values)
            parts += [("formula", formula)]
            parts += [" = ", ("formula", named)] if named != formula else []
            if filled and filled != named and filled != array_text(send.raw):
                parts += [" = ", ("formula", filled)]
        section.add(*parts, " = ", ("number", array_text(send.raw)), level=1)
        element = one_element(step, formula, values, send.raw) if formula else ""
        if element:
            section.add(element, level=2)
        if send.summed is not None:
            dims = f"dimension {send.summed[0]}" if len(send.summed) == 1 else \
                f"dimensions {', '.join(map(str, send.summed))}"
            how = f"summed over {dims}, along which it was repeated" if send.summed else "reshaped"
            section.add(f"un-broadcast: {send.to.name} has shape {send.to.shape}, what was sent "
                        f"{send.raw.shape}; {how}: ", ("number", array_text(send.cotangent)), level=2)
        self._running_sum(section, step, send)

    def _running_sum(self, section: Section, step: Step, send: Send) -> None:
        arrivals = self.trace.arrivals(send.to)
        if len(arrivals) < 2:
            return
        here = next(k for k, arrival in enumerate(arrivals) if arrival.source == (step.number, send.operand))
        users = f"{send.to.name} is used {len(arrivals)} times; "
        if not here:
            section.add(("note", f"{users}sum so far: {array_text(arrivals[0].total)}"), level=2)
            return
        before, now = array_text(arrivals[here - 1].total), array_text(arrivals[here].total)
        added = array_text(send.cotangent)
        if send.cotangent.size == 1:
            added = f"({added})" if added.startswith("−") else added
            now = f"{before} + {added} = {now}"
        section.add(("note", f"{users}sum so far: {now}"), level=2)

    def _silent(self, section: Section, step: Step) -> None:
        """Operands that get nothing."""
        sent = {send.operand for send in step.sends}
        quiet = [name_of(value) for k, value in enumerate(step.operands)
                 if k not in sent and value.dtype != "None" and name_of(value) != "?"]
        if quiet:
            asks = "it asks" if len(quiet) == 1 else "they ask"
            section.add(f"to {', '.join(quiet)}:  nothing, {asks} for no gradient", level=1)

    def _gradients(self) -> None:
        section = self.section("The gradients, as backward() leaves them")
        for leaf in self.trace.leaves:
            self._leaf(section, leaf)

    def _leaf(self, section: Section, leaf: Leaf) -> None:
        value, arrivals = leaf.value, leaf.arrivals
        parts: list[Any] = [("name", f"{value.name}.grad"), " = "]
        if leaf.after is None:
            section.add(*parts, ("number", "None"), f"   {questions.why(self.trace, value.tensor)}")
            return
        if len(arrivals) > 1 and np.size(leaf.after) == 1:
            parts += [self._sum(arrivals), " = "]
        total = arrivals[-1].total if arrivals else leaf.after
        if leaf.before is None:
            section.add(*parts, ("number", array_text(leaf.after)))
            return
        section.add(*parts, ("number", array_text(total)), " added to the ", array_text(leaf.before),
                    " that was there (zero_grad() was not called): ", ("number", array_text(leaf.after)))

    def _answers(self) -> None:
        section = self.section("What learners ask")
        self._answer_why(section)
        self._answer_paths(section)
        self._answer_flow(section)
        self._answer_memory(section)

    def _answer_why(self, section: Section) -> None:
        absent = [(name, tensor) for name, tensor in questions.absent(self.trace, self.variables)
                  if tensor.dtype.is_floating_point or tensor.needs]
        modules = [(name, held) for name, held in self.variables.items() if isinstance(held, Module)]
        known = {id(leaf.value.tensor) for leaf in self.trace.leaves if leaf.arrivals}
        for top, module in modules:
            absent += [(f"{top}.{path}", parameter) for path, parameter in module.named_parameters()
                       if id(parameter) not in known and parameter.gradient is None
                       and not any(parameter is other for _, other in absent)]
        section.add("Whose .grad stays None, and why?")
        for name, tensor in absent[:20]:
            section.add(questions.why(self.trace, tensor, name, self.file), level=1)
        if len(absent) > 20:
            section.add(f"... and {len(absent) - 20} more; see explanation.why(tensor)", level=1)
        if not absent:
            section.add("Nobody's: every tensor at hand gets one.", level=1)

    def _answer_paths(self, section: Section) -> None:
        section.add("Which path sends the most gradient?")
        for leaf in self.trace.leaves:
            path = questions.heaviest_path(self.trace, leaf.value)
            if path is None:
                continue
            names = [value.name for value in path.values]
            if len(names) > 12:
                names = [*names[:6], f"… {len(names) - 10} more …", *names[-4:]]
            way = " ← ".join(names)
            share = np.prod(path.shares)
            alone = "its only way" if all(len(self.trace.arrivals(v)) == 1 for v in path.values) else \
                f"{share:.0%} of the size of all that came, junction by junction"
            section.add(("name", way), f"   {alone}", level=1)

    def _answer_flow(self, section: Section) -> None:
        flow, section_lines = self.flow(), []
        section.add("Where does the gradient vanish, explode or turn nan first?")
        for label, step in (("nan or inf first appears in forward", flow.nan_forward),
                            ("nan or inf first appears in backward", flow.nan_backward),
                            ("ends: all that this step sends is 0", flow.dead),
                            (f"vanishes: this step sends less than {questions.VANISHED:g} of what the walk "
                             "began with", flow.vanished),
                            (f"explodes: this step sends more than {questions.EXPLODED:g} times what the "
                             "walk began with", flow.exploded)):
            if step is not None:
                section_lines.append(f"{label}: step {self.places[step.number]}, "
                                     f"{step.results[0].name} ({step.op})"
                                     + (f" in {step.module}" if step.module else "")
                                     + (f", {step.place}" if step.place else ""))
        for line in section_lines or ["Nowhere: all sizes are in range."]:
            section.add(line, level=1)
        sizes = flow.sizes
        if len(sizes) > 15:
            by_size = sorted(sizes, key=lambda size: size[2])
            section.add("the five steps that send least, and the five that send most:", level=1)
            sizes = [*by_size[:5], *by_size[-5:]]
        for step, came, sent, zeros in sizes:
            section.add(f"step {self.places[step.number]}, {step.op}: rms {number(came)} comes in, "
                        f"{number(sent)} goes out" + (f"; {zeros:.0%} of what comes in is 0"
                                                      if zeros >= 0.25 else ""), level=2)

    def _answer_memory(self, section: Section) -> None:
        held = self.memory()
        extra = sum(h.nbytes for h in held if h.extra)
        section.add("What is kept in memory until the walk comes by, and for whom?")
        for one in held[:12]:
            keepers = "; ".join(
                f"{step.op} (step {self.places[step.number]})"
                + ("" if readers == ["all"] else f" for the gradient of {_called(step, readers)}")
                for step, _, readers in one.keepers[:4])
            own = f", {one.read:,} of them read" if one.read < one.nbytes else ""
            own += "" if one.extra else ", a leaf's own memory"
            step, read, _ = one.keepers[0]
            name = one.value or ("a constant" if read in step.operand_names else read)
            section.add(("name", name), f"  {one.nbytes:,} bytes ({shape_text(one.shape)}{own}): {keepers}",
                        level=1)
        if len(held) > 12:
            section.add(f"... and {len(held) - 12} smaller ones", level=1)
        section.add(f"{extra:,} bytes are kept for the walk alone." if held else
                    "Nothing: no rule reads a value.", level=1)


def _called(step: Step, readers: list[str]) -> str:
    """Operands by the names of their values."""
    return ", ".join(name_of(value) for name, value in zip(step.operand_names, step.operands)
                     if name in readers)
