"""How torch takes arguments: one decorator that reads a public function's signature and does the checking.

    @torch_function
    def unsqueeze(input: Tensor, dim: Int):
        return s.unsqueeze(input, dim=wrap_dim(dim, input.array.ndim + 1))

The annotations are kinds (kinds.py): what torch calls them, and how a value becomes one. The function then
gets values of these kinds only, and torch's TypeErrors, NumPy's names `axis` and `keepdims`, and `out=` are
seen to here. A call whose types passed once unchanged is known and goes straight through.
"""
import functools
import math
import operator
import warnings

import numpy as np

from .. import dtypes
from ..engine.core import TensorBase, mode, owner, plain, touch
from ..engine.inplace import check_cast, check_inference, check_overlap, check_repeats
from ..random import C_NAMES
from .kinds import USUAL, Dims, Tensor, Unfit, need_kind, type_name
from .node_names import under_torchs_name

# Functions that torch's parser knows in several forms, and the counts of arguments that fit more than one:
# there it lists them all, while with a single form left its error is precise.
FORMS: dict = dict.fromkeys(
    "eq ne lt le gt ge pow clamp where masked_fill var std any all fill_ bitwise_and bitwise_or bitwise_xor "
    "linspace logspace view floor_divide remainder normal pow_ clamp_ masked_fill_ floor_divide_ remainder_ "
    "xlogy fmod float_power lerp addcmul addcdiv clamp_min clamp_max linalg_pinv linalg_matrix_rank "
    "bitwise_left_shift bitwise_right_shift".split(),
    range(9))
FORMS |= {"arange": (0, 2, 3), "eye": (2,), "sort": (2, 3, 4)}
FORMS |= dict.fromkeys("sum mean prod max min squeeze".split(), (0, 2))
SPELLINGS = {"axis": "dim", "keepdims": "keepdim"}
CALLED = {("arange", "start"): "end", ("randint", "low"): "high"}     # what torch calls a lone first argument
# Functions that torch writes into an `out` of the result's dtype only, and what it says of another: {0} and
# {1} are the two dtypes' names as torch.FloatTensor has them, {2} and {3} as C has them.
_EXPECTED = "Expected out tensor to have dtype {2}, but got {3} instead"
EXACT: dict = dict.fromkeys(
    "mm bmm mv dot matmul gather scatter_add tril triu softmax log_softmax argmax argmin max min norm "
    "nonzero sort topk".split(), _EXPECTED)
EXACT |= dict.fromkeys("abs neg sign floor ceil round trunc frac clamp clamp_min clamp_max".split(),
                       "Found dtype {1} but expected {0}")
EXACT |= {"nan_to_num": "nan_to_num: dtype of out: {1} should be same as input: {0}",
          "index_select": "index_select(): self and result must have the same scalar type",
          "any": "any only supports bool tensor for result, got: {1}",
          "all": "all only supports bool tensor for result, got: {1}"}
# Functions that have read all of their tensors before they write into `out`: there it may overlap them.
READ_FIRST = set(
    "sum mean prod max min amax amin argmax argmin any all var std norm logsumexp softmax log_softmax tril "
    "triu mm bmm mv dot matmul inner tensordot addmm addmv baddbmm addbmm".split())


def refuse(name, *given, **named):
    """Raise torch's TypeError for arguments that fit no form of a function."""
    said = [type_name(v) for v in given]
    said += [f"{key}={type_name(v)}" for key, v in named.items()] + [""] * (not given and bool(named))
    raise TypeError(f"{name}() received an invalid combination of arguments - got ({', '.join(said)}), but "
                    f"expected one of:\nthe forms in minigrad.{name}'s help.")


def need(condition, text, *values, error=RuntimeError):
    """Raises `error` unless the condition holds. text: torch's, then what to do on a line of its own, with {}
    for the values, which are put in only when it is raised: shapes as lists, a tensor as its dtype's name."""
    if not condition:
        raise error(text.format(*[[*value] if isinstance(value, tuple) else value.dtype.legacy_name
                                  if isinstance(value, TensorBase) else value for value in values]))


def returned(name, *fields):
    """A class of torch's named tuples, `torch.return_types.<name>`. (`namedtuple` would compile a text for
    each of them, a twentieth of what importing takes.)"""
    def text(self):
        parts = ",\n".join([f"{field}={value!r}" for field, value in zip(fields, self)])
        return f"torch.return_types.{name}(\n{parts})"
    return type(name, (tuple,), {
        "__slots__": (), "_fields": fields, "__new__": lambda cls, *values: tuple.__new__(cls, values),
        "__getnewargs__": lambda self: (*self,), "__repr__": text,
        **{field: property(operator.itemgetter(place)) for place, field in enumerate(fields)}})


@functools.cache
def _parameters(function):
    """What is read from a function once, for itself and for the method it becomes."""
    read = getattr(function, "__wrapped__", function)           # under what casts its tensors
    code, defaults = read.__code__, read.__defaults__ or ()
    positional = code.co_varnames[:code.co_argcount]
    names = code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]
    kinds = {key: function.__annotations__.get(key, USUAL.get(key)) for key in names}
    values = [*zip(positional[::-1], defaults[::-1]), *(read.__kwdefaults__ or {}).items()]
    last = kinds[positional[-1]] if 0 < len(positional) < 3 else None
    return {"positional": positional, "names": names, "kinds": kinds,
            "required": positional[:code.co_argcount - len(defaults)],
            "optional": {key for key, value in values if value is None},
            # where sizes may be spread over the last arguments: after how many others
            "lead": len(positional) - 1 if last is not None and last.spreads else None}


class Signature:
    """What a function's parameters are called, their kinds and defaults, and the types known to fit."""

    def __init__(self, function, method=False):
        self.__dict__.update(_parameters(function))
        self.function, self.method = function, method
        self.name = function.__name__
        self.spreads = self.lead == method
        self.known = set()

    def checked(self, args, named):
        """The value of `out`, and all others by name, checked and converted."""
        given = self.bind(args, named)
        out = given.pop("out", None)
        passed = out is None
        for position, (key, value) in enumerate(given.items(), 1 - self.method):
            kind = self.kinds[key]
            if kind is None or value is None and key in self.optional:
                continue
            try:
                converted = given[key] = kind.convert(value)
            except Unfit as unfit:
                broken = str(unfit).startswith("failed")
                if not broken and self.forms(args, named):
                    refuse(self.name, *args[self.method:], **named)
                by_place = position + self.method <= len(args) and not broken
                said = CALLED.get((self.name, key), key.rstrip("_"))
                need_kind(kind, self.name, value, said, by_place and position)
            passed = passed and (converted is value and type(value) is not list or
                                 kind is Dims and type(value) is tuple)     # `as_dims` looks into it again
        if passed and given.keys() >= named.keys() and len(given) == len(args) + len(named):
            self.known.add((*map(type, args), *named, *map(type, named.values())))
        return out, given

    def bind(self, args, named):
        """Arguments by name. Raises torch's TypeErrors for too many, unknown or missing ones."""
        count, first = len(args) - self.method, self.method
        if self.spreads and count and hasattr(args[first], "__index__") and args[first] is not True:
            args = (*args[:first], args[first:])
        if len(args) > len(self.positional):
            most = len(self.positional) - self.method
            least = len(self.required) - self.method
            if self.forms(args, named):
                refuse(self.name, *args[first:], **named)
            raise TypeError(f"{self.name}() takes {f'from {least} to {most}' if least < most else most} "
                            f"positional argument{'s' * (most != 1 or least < most)} but {count} were given\n"
                            f"Pass {most} at most.")
        given = dict(zip(self.positional, args))
        for key, value in named.items():
            name = key
            if key not in self.kinds:
                name = SPELLINGS.get(key)
                if name not in self.kinds or name in named:
                    raise TypeError(f"{self.name}() got an unexpected keyword argument '{key}'\n"
                                    f"It takes {', '.join(self.names)}.")
            if name in given:
                raise TypeError(f"{self.name}() got multiple values for argument '{name}'\nPass it once.")
            given[name] = value
        missing = [f'"{key}"' for key in self.required if key not in given]
        if missing:
            if self.forms(args, named):
                refuse(self.name, *args[first:], **named)
            raise TypeError(f"{self.name}() missing {len(missing)} required positional argument"
                            f"{'s' * (len(missing) == 1)}: {', '.join(missing)}\nPass it.")     # torch's s
        return given

    def forms(self, args, named):
        """Does torch know more than one form for that many arguments?"""
        return len(args) + len(named) in FORMS.get(self.name, ())

    def write(self, out, given):
        """The function's result written into `out`: a tensor, or a tuple of them for several results."""
        several = isinstance(out, (tuple, list))
        outs = out if several else (out,)
        if not all([isinstance(one, TensorBase) for one in outs]):
            need_kind(Tensor, self.name, out, "out", 0)
        if mode.on and any([isinstance(v, TensorBase) and v.needs for value in (*given.values(), outs)
                            for v in (value if isinstance(value, (tuple, list)) else (value,))]):
            raise RuntimeError(f"{self.name}(): functions with out=... arguments don't support automatic "
                               "differentiation, but one of the arguments requires grad.\n"
                               "Use the returned tensor, or no_grad().")
        exact = EXACT.get(self.name)
        if "dtype" in self.kinds and "dtype" not in self.positional:    # computed in the dtype of `out`
            exact = _EXPECTED if given.setdefault("dtype", outs[0].dtype) is not None else None
        result = self.function(**given)
        if isinstance(result, TensorBase):
            need_kind(Tensor, self.name, out, "out", 0)
        elif not several:
            refuse(self.name, *given.values(), out=out)
        inputs = [] if self.name in READ_FIRST else [
            v.array for value in given.values()
            for v in (value if isinstance(value, (tuple, list)) else (value,)) if isinstance(v, TensorBase)]
        for one, value in zip(outs, result if several else (result,)):
            write_into(one, value, exact, inputs)
        return type(result)(*out) if several else out


def write_into(out, result, exact, inputs):
    """Write `result` into the tensor `out`, resized where it must be.

    exact: torch's text for an `out` of another dtype, None where the result is converted; inputs: the arrays
    that `out` may not overlap. Raises torch's RuntimeErrors where its dtype or its memory does not do."""
    found = out.dtype
    if exact and found is not result.dtype and (result.dtype, found) != (dtypes.bool, dtypes.uint8):
        pair = result.dtype, found
        said = exact.format(*[d.legacy_name for d in pair], *[C_NAMES[d.numpy.name] for d in pair])
        raise RuntimeError(f"{said}\nConvert the result instead.")
    check_cast(result.dtype, out, False)
    check_inference(out)
    target = plain(out)
    check_repeats(target)
    for array in inputs:
        check_overlap(target, array)
    shape = result.array.shape
    if out.array.shape != shape:
        if out.array.size:
            warnings.warn(
                "An output with one or more elements was resized since it had shape "
                f"{list(out.array.shape)}, which does not match the required output shape {list(shape)}. "
                "This behavior is deprecated, and in a future PyTorch release outputs will not be resized "
                "unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, "
                "inplace, to zero elements with t.resize_(0).", UserWarning, stacklevel=5)
        out.array = _resized(target, shape)
    np.copyto(out.array, result.array, casting="unsafe")
    touch(out)


def _resized(array, shape):
    """An array of another shape at the same place in memory, so that views go on sharing it; a new one where
    that memory does not hold it."""
    memory = owner(array)
    start = array.ctypes.data - memory.ctypes.data
    size = math.prod(shape) * array.itemsize
    if array.size and memory.flags.c_contiguous and start + size <= memory.nbytes:
        return np.ndarray(shape, array.dtype, memory, start)
    return np.empty(shape, array.dtype)


_INTS = {int}


def torch_function(function, method=False):
    """Let `function` take its arguments as torch's functions do, by the kinds it is annotated with; see the
    module's text. method: as a method of Tensor, where errors count positions without the tensor."""
    signature = Signature(function, method)
    run = signature.function = under_torchs_name(function)
    known, bind, spreads, lead = signature.known, signature.checked, signature.spreads, signature.lead

    def call(*args, **named):
        if named:
            key = (*map(type, args), *named, *map(type, named.values()))
        elif len(args) == 1:                    # spelled out: `map` costs more than all the rest
            key = (type(args[0]),)
        elif len(args) == 2:
            key = type(args[0]), type(args[1])
        elif len(args) == 3:
            key = type(args[0]), type(args[1]), type(args[2])
        else:
            key = (*map(type, args),)
        if key in known:
            try:
                return run(*args, **named)
            except Unfit:                       # a function looks into sequences itself
                pass
        out, given = bind(args, named)
        return run(**given) if out is None else signature.write(out, given)

    def shaping(*args, **named):
        """`f(x, sizes)`, most often with plain ints."""
        sizes = args[lead:]
        found = sizes[0] if len(sizes) == 1 and type(sizes[0]) is tuple else sizes
        if not named and {*map(type, found)} == _INTS and (spreads or found is not sizes):
            if not lead or isinstance(args[0], TensorBase):
                return run(*args[:lead], found)
        out, given = bind(args, named)
        return run(**given) if out is None else signature.write(out, given)

    return functools.wraps(function)(call if lead is None else shaping)


def torch_method(function):
    """As `torch_function`, for what torch has as a method only."""
    return torch_function(function, True)


def as_method(function):
    """A public function as a method of Tensor."""
    return torch_function(function.__wrapped__, True) if hasattr(function, "__wrapped__") else function


def family(make, text, direct=False, **said):
    """Functions that differ in their names only: `make(name)` of each, and `text` with the words for it as
    its help. direct: they check their arguments themselves."""
    made = []
    for name, words in said.items():
        function = make(name)
        function.__name__ = function.__qualname__ = name
        function.__doc__ = f"{text.replace('{}', words)} (torch.{name})."
        made.append(function if direct else torch_function(function))
    return made
