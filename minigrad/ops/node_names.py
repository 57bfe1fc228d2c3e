"""What torch calls the node of a function that is written in several ops here, or that it knows in several
forms: so that a printed tensor and an error name the same."""
import functools

from ..engine.op import Pick

_NODES = """
    masked_select:MaskedSelect take:Take addmm:Addmm addmv:Addmv baddbmm:Baddbmm addbmm:Addbmm addr:Addr
    addcmul:Addcmul addcdiv:Addcdiv nan_to_num:NanToNum deg2rad:Deg2Rad rad2deg:Rad2Deg
    cross:LinalgCross kron:UnsafeView trace:Trace diag_embed:DiagEmbed cdist:Cdist dist:Dist tile:Repeat
    clamp_min:ClampMin clamp_max:ClampMax nansum:Nansum kthvalue:Kthvalue sort:Sort topk:Topk
    norm:LinalgVectorNorm roll:Roll index_add:IndexAdd index_fill:IndexFill index_copy:IndexCopy"""
NODES = {name: f"{node}Backward0" for name, node in [pair.split(":") for pair in _NODES.split()]}


@functools.cache
def _named(kind, name):
    return type(name, (kind,), {"__slots__": ()})


def renamed(result, name):
    """The result of a function, a tensor or a tuple of them, with its nodes under that name."""
    for part in result if isinstance(result, tuple) else (result,):
        node = part.node
        if node is not None and type(node) is not Pick and type(node).__name__ != name:
            node.__class__ = _named(type(node), name)
    return result


def under_torchs_name(function):
    """The function, or, where torch calls its node otherwise, one that says so."""
    name = NODES.get(function.__name__)
    if name is None:
        return function

    def run(*args, **named):
        return renamed(function(*args, **named), name)
    return run


def shown_as(name):
    """Decorates a function whose node torch calls so."""
    def decorate(function):
        @functools.wraps(function)
        def run(*args, **named):
            return renamed(function(*args, **named), name)
        return run
    return decorate
