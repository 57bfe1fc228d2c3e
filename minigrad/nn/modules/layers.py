"""The layers: parameters with torch's first values, and a forward that calls nn.functional."""
import math
from numbers import Integral

from ...engine.core import no_grad
from ...ops import create
from .. import functional as F
from .. import init, losses, spatial
from ..parameter import Parameter
from .module import Module


def _parameter(made, *size, device, dtype):
    """An unfilled Parameter of `size`; where `made` is False, None in its place."""
    return Parameter(create.empty(*size, device=device, dtype=dtype)) if made else None


def _pair(value):
    return (value, value) if not isinstance(value, (tuple, list)) else tuple(value)


def _unusual(text, **attributes):
    """`text` and those attributes, given as name=(value, usual value), that are not as usual."""
    return text + "".join(", "
                          f"{name}={value}" for name, (value, usual) in attributes.items() if value != usual)


class Identity(Module):
    """Gives its input; takes and ignores any arguments (torch.nn.Identity)."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return input


class Flatten(Module):
    """Dimensions start_dim to end_dim made one; the batch stays by default (torch.nn.Flatten)."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input):
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


# With weights -----------------------------------------------------------------------------------------------

class _Weighted(Module):
    """A weight and perhaps a bias, drawn as torch draws them."""

    def _make(self, weight_size, bias, device, dtype):
        self.weight = _parameter(True, *weight_size, device=device, dtype=dtype)
        self.register_parameter("bias", _parameter(bias, weight_size[0], device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Draw the weights anew: uniform ± 1/√fan_in, weight first."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)


class Linear(_Weighted):
    """x · Wᵀ + b over the last dimension (torch.nn.Linear).

    (..., in_features) -> (..., out_features); weight (out_features, in_features), bias (out_features,).
    """

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self._make((out_features, in_features), bias, device, dtype)

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return (f"in_features={self.in_features}, out_features={self.out_features}, "
                f"bias={self.bias is not None}")


class Conv2d(_Weighted):
    """Cross-correlation with learned kernels (torch.nn.Conv2d).

    (N, in_channels, H, W) -> (N, out_channels, H', W'), the batch optional; weight (out_channels, in_channels
    / groups, h, w). kernel_size, stride, padding, dilation: a number or a pair; padding also "same" or
    "valid"; padding_mode "zeros", "reflect", "replicate" or "circular".
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
                 bias=True, padding_mode="zeros", device=None, dtype=None):
        super().__init__()
        stride, dilation, kernel_size = _pair(stride), _pair(dilation), _pair(kernel_size)
        if groups <= 0:
            raise ValueError("groups must be a positive integer\nPass 1 for all channels together.")
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{'in' if in_channels % groups else 'out'}_channels must be divisible by "
                             "groups\nEvery group has as many channels.")
        if isinstance(padding, str) and padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of { {'same', 'valid'} }\n"
                             "Or pass numbers.")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions\n"
                             "Give the padding in numbers.")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError("padding_mode must be one of "
                             f"{ {'zeros', 'reflect', 'replicate', 'circular'} }, but got "
                             f"padding_mode='{padding_mode}'\nThe usual one is 'zeros'.")
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.padding = padding if isinstance(padding, str) else _pair(padding)
        self.padding_mode = padding_mode
        self._make((out_channels, in_channels // groups, *kernel_size), bias, device, dtype)

    def forward(self, input):
        padding = self.padding
        if self.padding_mode != "zeros":
            pairs = spatial.same(self.kernel_size, self.dilation) if padding == "same" else \
                [(n, n) for n in ((0, 0) if padding == "valid" else padding)]
            input = F.pad(input, [n for pair in pairs[::-1] for n in pair], mode=self.padding_mode)
            padding = 0
        return F.conv2d(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self):
        text = (f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
                f"stride={self.stride}")
        return _unusual(text, padding=(self.padding, (0, 0)), dilation=(self.dilation, (1, 1)),
                        groups=(self.groups, 1), bias=(self.bias is not None, True),
                        padding_mode=(self.padding_mode, "zeros"))


class Embedding(Module):
    """A table of rows, looked up by number (torch.nn.Embedding).

    Integers of any shape -> that shape and embedding_dim. padding_idx: a row of zeros that is not learned.
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0,
                 scale_grad_by_freq=False, sparse=False, _weight=None, _freeze=False, device=None,
                 dtype=None):
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise AssertionError("Padding_idx must be within num_embeddings\nIt names a row of the table.")
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.sparse = scale_grad_by_freq, sparse
        if _weight is None:
            self.weight = _parameter(True, num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.reset_parameters()
        elif _weight.shape != (num_embeddings, embedding_dim):
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim\n"
                                 "It has a row per index.")
        else:
            self.weight = Parameter(_weight)
        self.weight.requires_grad_(not _freeze)

    def reset_parameters(self):
        """Draw the table anew from the standard normal distribution."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0

    def forward(self, input):
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
                           self.scale_grad_by_freq, self.sparse)

    def extra_repr(self):
        return _unusual(f"{self.num_embeddings}, {self.embedding_dim}", padding_idx=(self.padding_idx, None),
                        max_norm=(self.max_norm, None), norm_type=(self.norm_type, 2),
                        scale_grad_by_freq=(self.scale_grad_by_freq, False), sparse=(self.sparse, False))

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None, max_norm=None, norm_type=2.0,
                        scale_grad_by_freq=False, sparse=False):
        """A table that holds a given 2-D Tensor, by default not learned
        (torch.nn.Embedding.from_pretrained)."""
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional\n"
                                 "It has a row per index.")
        return cls(*embeddings.shape, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                   embeddings, freeze)


# Normalisation ----------------------------------------------------------------------------------------------

class _Affine(Module):
    """A weight of ones and a bias of zeros, where wanted."""

    def _make(self, size, weight, bias, device, dtype):
        self.register_parameter("weight", _parameter(weight, *size, device=device, dtype=dtype))
        self.register_parameter("bias", _parameter(weight and bias, *size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self):
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class _BatchNorm(_Affine):
    _version = 2                                # since which state dicts count batches

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True,
                 device=None, dtype=None, *, bias=True):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        like, track = {"device": device, "dtype": dtype}, track_running_stats
        self.register_buffer("running_mean", create.zeros(num_features, **like) if track else None)
        self.register_buffer("running_var", create.ones(num_features, **like) if track else None)
        self.register_buffer("num_batches_tracked", create.tensor(0, device=device) if track else None)
        self._make((num_features,), affine, bias, device, dtype)

    def reset_running_stats(self):
        """Forget the running statistics."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        """Forget the running statistics; weight 1, bias 0."""
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input):
        if input.array.ndim not in self._dims:
            raise ValueError(f"expected {' or '.join(f'{n}D' for n in self._dims)} input (got "
                             f"{input.array.ndim}D input)\nThe input is (N, C, ...).")
        factor, track = self.momentum or 0.0, self.track_running_stats
        if self.training and track and self.num_batches_tracked is not None:
            self.num_batches_tracked.array += 1
            if self.momentum is None:           # the plain mean over all batches
                factor = 1.0 / float(self.num_batches_tracked)
        mean, var = (self.running_mean, self.running_var) if track or not self.training else (None, None)
        batch = self.training or (mean is None and var is None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, batch, factor, self.eps)

    def extra_repr(self):
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}")

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") in (None, 1) and self.track_running_stats:
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L) (torch.nn.BatchNorm1d; Ioffe & Szegedy 2015).

    momentum: the share of each batch in the running statistics; None for the plain mean over all batches.
    """
    _dims = 2, 3


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W) (torch.nn.BatchNorm2d; Ioffe & Szegedy 2015). As BatchNorm1d."""
    _dims = (4,)


class LayerNorm(_Affine):
    """Normalisation of every sample over its last dimensions, of `normalized_shape` (torch.nn.LayerNorm; Ba
    et al. 2016)."""

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None,
                 dtype=None):
        super().__init__()
        number = isinstance(normalized_shape, Integral)
        self.normalized_shape = (normalized_shape,) if number else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, bias, device, dtype)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
                f"bias={self.bias is not None}")


class Dropout(Module):
    """In training, elements zeroed with probability p and the others divided by 1 − p (torch.nn.Dropout;
    Srivastava et al. 2014)."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        F.check_probability(p)
        self.p, self.inplace = p, inplace

    def forward(self, input):
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


# Without weights --------------------------------------------------------------------------------------------

class ReLU(Module):
    """max(x, 0) (torch.nn.ReLU)."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.relu(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """1 / (1 + e⁻ˣ) (torch.nn.Sigmoid)."""

    def forward(self, input):
        return F.sigmoid(input)


class Tanh(Module):
    """tanh x (torch.nn.Tanh)."""

    def forward(self, input):
        return F.tanh(input)


class GELU(Module):
    """x · Φ(x), or its approximation by "tanh" (torch.nn.GELU; Hendrycks & Gimpel 2016)."""

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Softmax(Module):
    """exp(x) / Σ exp(x) over `dim` (torch.nn.Softmax)."""

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """x − ln Σ exp(x) over `dim` (torch.nn.LogSoftmax)."""

    def forward(self, input):
        return F.log_softmax(input, self.dim, _stacklevel=5)


class MaxPool2d(Module):
    """The largest of each window (torch.nn.MaxPool2d); arguments as nn.functional.max_pool2d's."""

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1, return_indices=False,
                 ceil_mode=False):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input):
        return F.max_pool2d(input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
                            self.return_indices)

    def extra_repr(self):
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"dilation={self.dilation}, ceil_mode={self.ceil_mode}")


class AvgPool2d(Module):
    """The mean of each window (torch.nn.AvgPool2d); arguments as nn.functional.avg_pool2d's."""

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                 divisor_override=None):
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input):
        return F.avg_pool2d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                            self.count_include_pad, self.divisor_override)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """Averages to `output_size`, a number or a pair, None for the input's own
    (torch.nn.AdaptiveAvgPool2d)."""

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def forward(self, input):
        return F.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self):
        return f"output_size={self.output_size}"


# Losses -----------------------------------------------------------------------------------------------------

class _Loss(Module):
    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        old = size_average is not None or reduce is not None
        self.reduction = losses.reduction_of(size_average, reduce, reduction) if old else reduction


class L1Loss(_Loss):
    """|x − y|, reduced (torch.nn.L1Loss)."""

    def forward(self, input, target):
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """(x − y)², reduced (torch.nn.MSELoss)."""

    def forward(self, input, target):
        return F.mse_loss(input, target, reduction=self.reduction)


class NLLLoss(_Loss):
    """Minus the log-probability of each target (torch.nn.NLLLoss); arguments as nn.functional.nll_loss's."""

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index,
                          reduction=self.reduction)


class CrossEntropyLoss(_Loss):
    """Minus the log-softmax of the scores at each target (torch.nn.CrossEntropyLoss); arguments as
    nn.functional.cross_entropy's."""

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                 label_smoothing=0.0):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(input, target, self.weight, ignore_index=self.ignore_index,
                               reduction=self.reduction, label_smoothing=self.label_smoothing)


class BCEWithLogitsLoss(_Loss):
    """Cross-entropy of two classes from scores (torch.nn.BCEWithLogitsLoss); arguments as
    nn.functional.binary_cross_entropy_with_logits's."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(input, target, self.weight, reduction=self.reduction,
                                                  pos_weight=self.pos_weight)
