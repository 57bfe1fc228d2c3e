"""Which samples (by op, or by their own name) exercise the rows of the registry that have no public name."""
import minigrad.linalg
import minigrad.nn.functional  # noqa: F401 - rows of layers and losses: nn is imported when used

COVERED_BY: dict[str, tuple[str, ...]] = {
    # indexing: slices, arrays, and the ops that spread a cotangent back
    "take": ("getitem", "split", "chunk"), "select": ("getitem",), "put": ("getitem",), "pick": ("getitem",),
    "drop": ("getitem",), "scatter_zeros": ("gather",), "select_add": ("index_select",),
    "index_put": ("setitem.arrays",), "windows_sum": ("windows", "windows_sum.fold"),
    # pointwise
    "contiguous": ("contiguous", "clone"), "alias": ("softmax", "log_softmax", "logsumexp"),
    "scale": ("add", "sub"),
    "zeros_like": ("sign", "floor"), "pow_number": ("pow",), "within": ("clamp",), "clamp_low": ("clamp",),
    "clamp_high": ("clamp",), "clamp_between": ("clamp",), "fill": ("fill_",),
    "copy": ("copy_",), "erase": ("setitem.views",), "copy_slices": ("setitem.views",),
    # shapes, reductions, products
    "t": ("transpose",), "spread": ("sum", "mean"), "indicator": ("amax", "max"), "max_dim": ("max",),
    "min_dim": ("min",), "prod_others": ("prod",), "mv": ("matmul.vectors",), "dot": ("matmul.vectors",),
    # layers and losses: what gradients are made of
    "relu_backward": ("relu",),
    "touching": ("leaky_relu", "hardtanh"), "gelu_tanh": ("gelu",), "gelu_backward": ("gelu",),
    "log_sigmoid": ("binary_cross_entropy_with_logits",),
    "conv2d_input_grad": ("conv2d",), "conv2d_weight_grad": ("conv2d",),
    "max_pool2d_backward": ("max_pool2d",), "max_pool2d_gather": ("max_pool2d.backward",),
    "max_pool2d_positions": ("max_pool2d", "max_pool2d.indices"), "avg_pool2d_backward": ("avg_pool2d",),
    "adaptive_avg_pool2d_backward": ("adaptive_avg_pool2d",), "batch_norm_backward": ("batch_norm",),
    "batch_norm_eval": ("batch_norm",), "layer_norm_backward": ("layer_norm",),
    "attention_backward": ("attention",),
    "cross_entropy_backward": ("cross_entropy",),
    "binary_cross_entropy_backward": ("binary_cross_entropy",), "cumprod_backward": ("cumprod",),
    "cofactors": ("det",), "lower": ("cholesky",), "on_axis": ("cholesky",),
}


def samples_of(op: str) -> list:
    """The samples that exercise a row of the registry."""
    from .samples import SAMPLES
    names = COVERED_BY.get(op, (op,))
    return [sample for sample in SAMPLES.values() if sample.op in names or sample.name in names]
