"""The class of the graph's nodes, and the names of torch.autograd.graph that are not supported."""
from ..engine.core import Node

__all__ = ["Node"]

UNSUPPORTED = {"GradientEdge", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks",
               "get_gradient_edge", "increment_version", "register_multi_grad_hook", "save_on_cpu",
               "saved_tensors_hooks"}


def __getattr__(name):
    if name in UNSUPPORTED:
        raise NotImplementedError(f"torch.autograd.graph.{name} is not supported.\n"
                                  "See Tensor.register_hook and utils.checkpoint.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
