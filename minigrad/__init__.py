"""minigrad: tensors and automatic differentiation from scratch, with PyTorch's API and PyTorch's numbers.

    import minigrad as torch
    x = torch.tensor([2.0], requires_grad=True)
    (x * x).backward()
    x.grad                                      # tensor([4.])
"""
import math as _math
import warnings as _warnings

# NumPy warns of overflow, division by zero and nan where torch computes on silently. One filter for our own
# rooms costs nothing; `errstate` around every op would cost more than the op.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"minigrad\.")

from . import dtypes as _dtypes  # noqa: E402
from . import linalg, random  # noqa: E402
from .backends.numpy.threads import get_num_threads, set_num_threads  # noqa: E402
from .device import device, layout, strided  # noqa: E402
from .dtypes import dtype, get_default_dtype, set_default_dtype  # noqa: E402
from .engine.core import enable_grad, is_grad_enabled, no_grad, set_grad_enabled  # noqa: E402
from .engine.promote import result_type as _result_type  # noqa: E402
from .limits import finfo, iinfo  # noqa: E402
from .ops import create as _create  # noqa: E402
from .ops.arrange_public import *  # noqa: E402
from .ops.create import (  # noqa: E402
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    zeros,
    zeros_like,
)
from .ops.elementary_public import *  # noqa: E402
from .ops.index_public import *  # noqa: E402
from .ops.inplace_public import TOP as _IN_PLACE  # noqa: E402
from .ops.pick_public import *  # noqa: E402
from .ops.pieces_public import *  # noqa: E402
from .ops.product_public import *  # noqa: E402
from .ops.public import *  # noqa: E402
from .ops.reduce_public import *  # noqa: E402
from .ops.shape_public import *  # noqa: E402
from .ops.sort_public import *  # noqa: E402
from .ops.statistics_public import *  # noqa: E402
from .printing import set_printoptions  # noqa: E402
from .random import (  # noqa: E402  # noqa: E402
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .tensor import LEGACY as _LEGACY  # noqa: E402
from .tensor import Size, Tensor  # noqa: E402

__version__ = "0.1.0"
backend_name = "numpy"                          # what reports call this library; the twin says "torch"
tensor = _create.tensor                         # importing the room `tensor` has taken the function's name
pi, e, inf, nan = _math.pi, _math.e, _math.inf, _math.nan

# The generator stands below the tensors; here it learns to give its states as torch does.
Generator.state_to_tensor = staticmethod(from_numpy)  # type: ignore[arg-type]

globals().update(_LEGACY)
globals().update(linalg.TOP | _IN_PLACE)
for _name in _dtypes.PUBLIC:
    globals()[_name] = getattr(_dtypes, _name)

# Rooms above the core, and names that live in them: imported when first asked for.
_LAZY = {"amp", "autograd", "backends", "cuda", "distributed", "distributions", "func", "lightning", "nn",
         "optim", "serialization", "special", "utils", "vision"}
_LAZY_NAMES = {
    "autograd": "inference_mode is_inference is_inference_mode_enabled set_anomaly_enabled "
                "is_anomaly_enabled is_anomaly_check_nan_enabled",
    "nn.distances": "cosine_similarity pairwise_distance",
    "serialization": "save load", "utils.dlpack": "from_dlpack", "run": "Run", "amp": "autocast",
    "insight.explain": "explain", "insight.notes": "tracing", "insight.picture": "draw",
    "insight.summary": "summary", "timemachine": "record",
    "once": "set_warn_always is_warn_always_enabled",
    "switches": "use_deterministic_algorithms are_deterministic_algorithms_enabled "
                "is_deterministic_algorithms_warn_only_enabled set_float32_matmul_precision "
                "get_float32_matmul_precision set_default_device get_default_device compile",
}
_WHERE = {name: room for room, names in _LAZY_NAMES.items() for name in names.split()}


def __dir__():
    return sorted({*globals(), *_LAZY, *_WHERE})


def __getattr__(name):
    if name in _LAZY or name in _WHERE:
        import importlib
        room = importlib.import_module(f"{__name__}.{_WHERE.get(name, name)}")
        return getattr(room, name) if name in _WHERE else room
    if name == "bfloat16":
        return _dtypes.bfloat16
    if name in _dtypes._COMPLEX:
        raise NotImplementedError(f"torch.{name} is not supported.\nUse a floating point dtype.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def is_tensor(obj):
    """Is it a Tensor? (torch.is_tensor)"""
    return isinstance(obj, Tensor)


def result_type(tensor, other):
    """The dtype in which two tensors or numbers meet (torch.result_type)."""
    return _result_type(tensor, other)


def promote_types(type1, type2):
    """The smallest dtype that holds both (torch.promote_types)."""
    return _dtypes.promote(type1, type2)
