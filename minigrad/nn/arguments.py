"""What several functions of nn check of their arguments, in torch's words."""
from ..engine.core import TensorBase
from ..ops.arguments import dtype_of
from ..ops.kinds import is_number, type_name


def need(condition, text, *values, error=RuntimeError):
    """Raises `error` unless the condition holds. text: torch's, then what to do on a line of its own, with {}
    for the values, which are put in only when it is raised: shapes as lists, tensors by their shapes."""
    if not condition:
        values = [value.array.shape if isinstance(value, TensorBase) else value for value in values]
        raise error(text.format(*[[*value] if isinstance(value, tuple) else value for value in values]))


def need_float(kernel, input):
    """Raises torch's NotImplementedError for integers and bools, naming its kernel."""
    need(input.array.dtype.kind not in "biu", "\"{}\" not implemented for '{}'\n"
         "Convert it first, for example with .float().", kernel, dtype_of(input).legacy_name,
         error=NotImplementedError)


def need_attribute(value, name):
    """What Python says in torch's functions that call a method of their argument."""
    need(isinstance(value, TensorBase), "'{}' object has no attribute '{}'\nPass a Tensor.",
         type(value).__name__, name, error=AttributeError)


def need_dtype(input, other):
    """Raises torch's RuntimeError where a weight has another dtype than the input."""
    need(input.array.dtype == other.array.dtype, "expected scalar type {} but found {}\n"
         "Convert one of them with .to(dtype).", dtype_of(input).legacy_name, dtype_of(other).legacy_name)


def need_number(name, value, argument, position):
    """Raises torch's TypeError where an argument is no number."""
    need(is_number(value), "{}(): argument '{}' (position {}) must be Number, not {}\nPass a number.",
         name, argument, position, type_name(value), error=TypeError)
