"""Modules with weights: linear, convolution, embedding, normalisation. `layer.py` says how to write one."""
import math
import warnings
from numbers import Integral

from ...engine.core import no_grad
from ...ops import create
from ...ops import shape_public as s
from .. import functional as F
from .. import init
from ..arguments import need
from ..parameter import Parameter
from .layer import Affine, Drawn, Layer

__all__ = ["BatchNorm1d", "BatchNorm2d", "Bilinear", "Embedding", "GroupNorm", "InstanceNorm1d",
           "InstanceNorm2d", "LayerNorm", "Linear", "LocalResponseNorm", "RMSNorm"]


class Linear(Drawn, shows="in_features=, out_features=, bias="):
    """x · Wᵀ + b over the last dimension (torch.nn.Linear).

    (..., in_features) -> (..., out_features); weight (out_features, in_features), bias (out_features,).
    """

    def __init__(self, in_features, out_features, bias=True, device=None, dtype=None):
        self._keep(locals())
        self._learn(device, dtype, weight=(out_features, in_features), bias=(out_features,) if bias else None)

    def forward(self, input):
        return F.linear(input, self.weight, self.bias)


class Bilinear(Layer, shows="in1_features=, in2_features=, out_features=, bias="):
    """Σᵢⱼ x1ᵢ Wₖᵢⱼ x2ⱼ + bₖ over the last dimensions (torch.nn.Bilinear)."""

    def __init__(self, in1_features, in2_features, out_features, bias=True, device=None, dtype=None):
        need(in1_features > 0, "in1_features must be > 0, but got (in1_features={})\nPass a size.",
             in1_features, error=ValueError)
        self._keep(locals())
        self._learn(device, dtype, weight=(out_features, in1_features, in2_features),
                    bias=(out_features,) if bias else None)

    def reset_parameters(self):
        """Draw the weights anew: uniform ± 1/√in1_features, weight first."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1, input2):
        return F.bilinear(input1, input2, self.weight, self.bias)


class Embedding(Layer, shows="num_embeddings, embedding_dim, padding_idx?, max_norm?, norm_type?, "
                             "scale_grad_by_freq?, sparse?"):
    """A table of rows, looked up by number (torch.nn.Embedding).

    Integers of any shape -> that shape and embedding_dim. padding_idx: a row of zeros that is not learned.
    """

    def __init__(self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0,
                 scale_grad_by_freq=False, sparse=False, _weight=None, _freeze=False, device=None,
                 dtype=None):
        need(padding_idx is None or -num_embeddings <= padding_idx < num_embeddings,
             "Padding_idx must be within num_embeddings\nIt names a row of the table.", error=AssertionError)
        padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self._keep(locals())
        size = num_embeddings, embedding_dim
        if _weight is None:
            self._learn(device, dtype, weight=size)
        else:
            need(_weight.shape == size, "Shape of weight does not match num_embeddings and embedding_dim\n"
                 "It has a row per index.", error=AssertionError)
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

    @classmethod
    def from_pretrained(cls, embeddings, freeze=True, padding_idx=None, max_norm=None, norm_type=2.0,
                        scale_grad_by_freq=False, sparse=False):
        """A table that holds a given 2-D Tensor, by default not learned
        (torch.nn.Embedding.from_pretrained)."""
        need(embeddings.dim() == 2, "Embeddings parameter is expected to be 2-dimensional\n"
             "It has a row per index.", error=AssertionError)
        return cls(*embeddings.shape, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                   embeddings, freeze)


# Normalisation ----------------------------------------------------------------------------------------------

class _Norm(Affine, shows="num_features, eps=, momentum=, affine=, bias=, track_running_stats="):
    _version = 2                                # since which state dicts count batches

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True,
                 device=None, dtype=None, *, bias=True):
        self._keep(locals())
        like, track = {"device": device, "dtype": dtype}, track_running_stats
        size = (num_features,) if affine else None
        self.register_buffer("running_mean", create.zeros(num_features, **like) if track else None)
        self.register_buffer("running_var", create.ones(num_features, **like) if track else None)
        self.register_buffer("num_batches_tracked", create.tensor(0, device=device) if track else None)
        self._learn(**like, weight=size, bias=size if bias else None)

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

    def _need_dims(self, dims):
        need(str(dims) in self._dims, "expected {} input (got {}D input)\nThe input is (N, C, ...).",
             self._dims, dims, error=ValueError)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if local_metadata.get("version") in (None, 1) and self.track_running_stats:
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(_Norm):
    def forward(self, input):
        self._need_dims(input.array.ndim)
        factor, track = self.momentum or 0.0, self.track_running_stats
        if self.training and track and self.num_batches_tracked is not None:
            self.num_batches_tracked.array += 1
            if self.momentum is None:           # the plain mean over all batches
                factor = 1.0 / float(self.num_batches_tracked)
        mean, var = (self.running_mean, self.running_var) if track or not self.training else (None, None)
        batch = self.training or (mean is None and var is None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, batch, factor, self.eps)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L) (torch.nn.BatchNorm1d; Ioffe & Szegedy 2015).

    momentum: the share of each batch in the running statistics; None for the plain mean over all batches.
    """
    _dims = "2D or 3D"


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W) (torch.nn.BatchNorm2d; Ioffe & Szegedy 2015). As BatchNorm1d."""
    _dims = "4D"


def _sizes(shape):
    return (shape,) if isinstance(shape, Integral) else tuple(shape)


class LayerNorm(Affine, shows="normalized_shape, eps=, elementwise_affine=, bias="):
    """Normalisation of every sample over its last dimensions, of `normalized_shape` (torch.nn.LayerNorm; Ba
    et al. 2016)."""

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None,
                 dtype=None):
        normalized_shape = _sizes(normalized_shape)
        self._keep(locals())
        size = normalized_shape if elementwise_affine else None
        self._learn(device, dtype, weight=size, bias=size if bias else None)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(Affine, shows="normalized_shape, eps=, elementwise_affine="):
    """Division of every sample's last dimensions, of `normalized_shape`, by the root of their mean square
    (torch.nn.RMSNorm; Zhang & Sennrich 2019)."""
    bias = None

    def __init__(self, normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None):
        normalized_shape = _sizes(normalized_shape)
        self._keep(locals())
        self._learn(device, dtype, weight=normalized_shape if elementwise_affine else None)

    def forward(self, input):
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)


class LocalResponseNorm(Layer, calls=F.local_response_norm, shows="size, alpha=, beta=, k="):
    """Division of every channel by what its neighbours are (torch.nn.LocalResponseNorm; Krizhevsky et al.
    2012)."""

    def __init__(self, size, alpha=0.0001, beta=0.75, k=1.0):
        self._keep(locals())


class GroupNorm(Affine, shows="num_groups, num_channels, eps=, affine=, bias="):
    """Normalisation of every sample over groups of its channels (torch.nn.GroupNorm; Wu & He 2018)."""

    def __init__(self, num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None, *,
                 bias=True):
        need(num_channels % num_groups == 0, "num_channels ({}) must be divisible by num_groups ({})\n"
             "Every group has as many channels.", num_channels, num_groups, error=ValueError)
        self._keep(locals())
        size = (num_channels,) if affine else None
        self._learn(device, dtype, weight=size, bias=size if bias else None)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class _InstanceNorm(_Norm):
    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False,
                 device=None, dtype=None, *, bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input):
        dims, single = input.array.ndim, int(self._dims[0])
        self._need_dims(dims)
        at = dims - single
        channels = input.array.shape[at]
        if channels != self.num_features:
            need(not self.affine, "expected input's size at dim={} to match num_features ({}), but got: {}.\n"
                 "There is a weight per channel.", at, self.num_features, channels, error=ValueError)
            warnings.warn(f"input's size at dim={at} does not match num_features. You can silence this "
                          "warning by not passing in num_features, which is not used because affine=False",
                          stacklevel=2)
        track = self.track_running_stats
        out = F.instance_norm(input if at else s.unsqueeze(input, 0), self.running_mean, self.running_var,
                              self.weight, self.bias, self.training or not track, self.momentum or 0.0,
                              self.eps)
        return out if at else s.squeeze(out, 0)


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of every channel of every sample (N, C, L) or (C, L) (torch.nn.InstanceNorm1d; Ulyanov
    et al. 2016)."""
    _dims = "2D or 3D"


class InstanceNorm2d(_InstanceNorm):
    """Normalisation of every channel of every sample (N, C, H, W) or (C, H, W)
    (torch.nn.InstanceNorm2d). As InstanceNorm1d."""
    _dims = "3D or 4D"
