"""What several functions of nn check of their arguments, in torch's words."""
from ..ops.arguments import dtype_of
from ..tensor import Tensor


def need_float(kernel, input):
    """Raises torch's NotImplementedError for integers and bools, naming its kernel."""
    if input.array.dtype.kind in "biu":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtype_of(input).legacy_name}'\n"
                                  "Convert it first, for example with .float().")


def need_attribute(value, name):
    """What Python says in torch's functions that call a method of their argument."""
    if not isinstance(value, Tensor):
        raise AttributeError(f"'{type(value).__name__}' object has no attribute '{name}'\nPass a Tensor.")
