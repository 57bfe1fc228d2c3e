"""`summary`: a model's layers, the shapes of their outputs, parameters, floating point operations, memory."""
from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import minigrad

from ..ops import attention, conv, linalg
from ..run import evaluating

HEAD = "Layer (type:depth-number)", "Output shape", "Params", "FLOPs"


def _product(x: Any, y: Any, *rest: Any, out: Any) -> int:
    return 2 * math.prod(out.shape) * x.shape[-1]


def _convolution(x: Any, weight: Any, *rest: Any, out: Any) -> int:
    return 2 * math.prod(out.shape) * math.prod(weight.shape[1:])


def _transposed(y: Any, weight: Any, *rest: Any, out: Any) -> int:
    return 2 * math.prod(y.shape) * math.prod(weight.shape[1:])


def _attention(q: Any, k: Any, v: Any, *, out: Any) -> int:
    return 2 * math.prod(q.shape[:-1]) * k.shape[-2] * (q.shape[-1] + v.shape[-1])


# What is counted, as torch.utils.flop_counter does: products and sums of matrix products and convolutions.
FORMULAS = {linalg.mm: _product, linalg.bmm: _product, linalg.linear: _product, conv.conv2d: _convolution,
            conv.conv2d_input_grad: _transposed, attention.attention: _attention}


class Counter:
    """While it is entered, `get_total_flops()` says what the operators have done."""

    def __enter__(self) -> Counter:
        self.total = 0
        for op, formula in FORMULAS.items():
            op.apply = self._counting(op.apply, formula)
        return self

    def _counting(self, apply: Any, formula: Any) -> Any:
        def counting(operands: Any, attrs: Any) -> Any:
            out, extras = apply(operands, attrs)
            self.total += formula(*operands, out=out)
            return out, extras
        return counting

    def __exit__(self, *error: Any) -> None:
        for op in FORMULAS:
            del op.apply

    def get_total_flops(self) -> int:
        return self.total


@dataclass
class Row:
    """One call of a layer: `params` are its own, without its children's; so are `flops`."""
    name: str
    kind: str
    depth: int
    shape: list[int] | None = None
    params: int = 0
    flops: int = 0
    output_bytes: int = 0
    leaf: bool = True
    again: bool = False


@dataclass
class Summary:
    """What `summary` found; printed as a table. Sizes are in bytes."""
    rows: list[Row]
    total_params: int
    trainable_params: int
    total_flops: int
    input_bytes: int
    output_bytes: int
    param_bytes: int

    def __str__(self) -> str:
        table, numbers = [HEAD], {}
        for row in self.rows:
            numbers[row.depth] = numbers.get(row.depth, 0) + 1
            label = f"{'│   ' * (row.depth - 1)}├── " * bool(row.depth) + row.kind
            label += f": {row.depth}-{numbers[row.depth]}" * bool(row.depth)
            params = "(again)" if row.again and row.params else f"{row.params:,}" if row.params else "--"
            flops = f"{row.flops:,}" if row.flops else "--"
            table.append((label, str(row.shape or "--"), params, flops))
        widths = [max(len(row[column]) for row in table) for column in range(4)]
        line = "=" * (sum(widths) + 6)
        lines = ["  ".join([f"{row[0]:{widths[0]}}", f"{row[1]:{widths[1]}}", f"{row[2]:>{widths[2]}}",
                            f"{row[3]:>{widths[3]}}"]) for row in table]
        sizes = {"Input": self.input_bytes, "Layers' outputs": self.output_bytes, "Params": self.param_bytes}
        sizes["Total"] = sum(sizes.values())
        return "\n".join([
            line, lines[0], line, *lines[1:], line,
            f"Total params: {self.total_params:,}", f"Trainable params: {self.trainable_params:,}",
            f"Non-trainable params: {self.total_params - self.trainable_params:,}",
            f"Total FLOPs: {self.total_flops:,}", line,
            *(f"{name} (MB): {size / 1e6:.2f}" for name, size in sizes.items()), line])

    __repr__ = __str__


def _tensors(value: Any, library: Any) -> Iterator[Any]:
    """Those in a tensor, or in tuples, lists and dicts of them."""
    if isinstance(value, library.Tensor):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part, library)


def _bytes(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@contextmanager
def _watched(model: Any, library: Any, counter: Any) -> Iterator[list[Row]]:
    """The rows of the calls that the model's modules get inside the context."""
    rows: list[Row] = []
    stack: list[tuple[Row, int, int]] = []      # open calls: the row, the count at its start, its children's
    seen: set[int] = set()
    handles = []

    def before(name: str, module: Any, args: Any) -> None:
        own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        row = Row(name, type(module).__name__, len(stack), params=own, again=id(module) in seen)
        seen.add(id(module))
        if stack:
            stack[-1][0].leaf = False
        rows.append(row)
        stack.append((row, counter.get_total_flops(), 0))

    def after(module: Any, args: Any, output: Any) -> None:
        row, start, inner = stack.pop()
        flops = counter.get_total_flops() - start
        row.flops = flops - inner
        if stack:
            parent, begun, others = stack[-1]
            stack[-1] = parent, begun, others + flops
        outputs = list(_tensors(output, library))
        row.shape, row.output_bytes = list(outputs[0].shape) if outputs else None, _bytes(outputs)

    for name, module in model.named_modules():
        named = partial(before, name)
        handles += [module.register_forward_pre_hook(named), module.register_forward_hook(after)]
    try:
        yield rows
    finally:
        for handle in handles:
            handle.remove()


def summary_with(library: Any, counter: Any, model: Any, input: Any) -> Summary:
    """`summary` for a library's modules; counter: its flop counter, not yet entered."""
    arguments = input if isinstance(input, (tuple, list)) else (input,)
    if not isinstance(model, library.nn.Module) or not list(_tensors(arguments, library)):
        raise TypeError(f"summary(model, input): got {type(model).__name__} and {type(input).__name__}\n"
                        "Pass a module and its input: a tensor, or a tuple of what forward takes.")
    # In evaluation mode it leaves no trace, as in running statistics.
    with library.no_grad(), evaluating(model), counter, _watched(model, library, counter) as rows:
        model(*arguments)
    parameters = list(model.parameters())       # each once, though several layers share it
    return Summary(
        rows, sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad),
        counter.get_total_flops(), _bytes(_tensors(arguments, library)),
        sum(row.output_bytes for row in rows if row.leaf), _bytes(parameters))


def summary(model: Any, input: Any) -> Summary:
    """A table of the layers that `model(input)` calls: output shapes, parameters, floating point operations.

    input: a tensor, or a tuple of what `forward` takes. The model runs once, in evaluation mode and without a
    graph, and is left as it was. FLOPs: two for each product that matrix products and convolutions add up, as
    torch.utils.flop_counter has it (biases, activations and normalizations are not counted); a layer's are
    those of its own operations, without its children's, and so are its parameters. Memory: of the input, of
    the outputs of all layers without children (what training keeps, about), and of the parameters.

    Returns a `Summary`: `rows`, `total_params`, `trainable_params`, `total_flops`, `input_bytes`,
    `output_bytes`, `param_bytes`. Raises TypeError for what is no module or no tensor. (After the package
    torchinfo.)
    """
    return summary_with(minigrad, Counter(), model, input)
