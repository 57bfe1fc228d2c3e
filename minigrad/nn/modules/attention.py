"""Attention and Transformers (Vaswani et al. 2017). `layer.py` says how to write a module."""
import copy
import math
import warnings

import numpy as np

from ...engine.core import wrap
from ...ops import create
from ...ops import reduce_public as rp
from ...ops import shape_public as s
from .. import functional as F
from .. import init
from ..arguments import need
from ..parameter import Parameter
from .container import ModuleList
from .learned import LayerNorm, Linear
from .module import Module
from .plain import Dropout

__all__ = ["MultiheadAttention", "Transformer", "TransformerDecoder", "TransformerDecoderLayer",
           "TransformerEncoder", "TransformerEncoderLayer"]


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear under the name that torch prints for an attention's last projection."""


def _added(mask, like):
    """A mask as numbers to add to the scores: where a bool mask is true nothing is seen."""
    if mask is None or mask.array.dtype != bool:
        return mask
    return wrap(np.where(mask.array, -np.inf, 0).astype(like.array.dtype))


def _check_masks(query, key, value, key_padding_mask, attn_mask):
    """Raises torch's AssertionErrors for dimensions and dtypes, and warns where two masks differ in kind."""
    dims = query.dim()
    kind = f"For {'batched (3-D)' if dims == 3 else 'unbatched (2-D)'} `query`, expected "
    need(key.dim() == value.dim() == dims, kind + "`key` and `value` to be {}-D but found {}-D and {}-D "
         "tensors respectively\nThey have the query's dimensions.", dims, key.dim(), value.dim(),
         error=AssertionError)
    masks = {"key_padding_mask": (key_padding_mask, f" or {dims - 1}-D"),
             "attn_mask": (attn_mask, ", 2-D or 3-D")}
    for name, (mask, fits) in masks.items():
        if mask is not None:
            need(f"{mask.dim()}-D" in fits, kind + "`{}` to be `None`{} but found {}-D tensor instead\n"
                 "Reshape it.", name, fits, mask.dim(), error=AssertionError)
            need(mask.array.dtype.kind not in "iu", "only bool and floating types of {} are supported\n"
                 "Convert it with .bool().", name, error=AssertionError)
    if key_padding_mask is not None and attn_mask is not None and key_padding_mask.dtype != attn_mask.dtype:
        warnings.warn("Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type "
                      "for both instead.", stacklevel=4)


class MultiheadAttention(Module):
    """Attention in several heads at once (torch.nn.MultiheadAttention).

    query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim), with batch_first (N, L, ...), or without N
    -> (output as query, weights (N, L, S), averaged over the heads, or None). key_padding_mask (N, S) and
    attn_mask (L, S) or (N · heads, L, S): bool, True is not seen, or numbers added to the scores. add_bias_kv
    and add_zero_attn raise NotImplementedError.
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False,
                 kdim=None, vdim=None, batch_first=False, device=None, dtype=None):
        need(embed_dim > 0 and num_heads > 0, "embed_dim and num_heads must be greater than 0, got "
             "embed_dim={} and num_heads={} instead\nPass sizes.", embed_dim, num_heads, error=ValueError)
        if add_bias_kv or add_zero_attn:
            raise NotImplementedError("MultiheadAttention: add_bias_kv and add_zero_attn are not supported.\n"
                                      "Leave them out.")
        super().__init__()
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.dropout, self.batch_first = dropout, batch_first
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.head_dim = embed_dim // num_heads
        need(self.head_dim * num_heads == embed_dim, "embed_dim must be divisible by num_heads\n"
             "Every head has as many features.", error=AssertionError)
        like = {"device": device, "dtype": dtype}
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(create.empty(3 * embed_dim, embed_dim, **like))
            for name in "qkv":
                self.register_parameter(f"{name}_proj_weight", None)
        else:
            for name, size in zip("qkv", (embed_dim, self.kdim, self.vdim)):
                weight = Parameter(create.empty(embed_dim, size, **like))
                self.register_parameter(f"{name}_proj_weight", weight)
            self.register_parameter("in_proj_weight", None)
        in_bias = Parameter(create.empty(3 * embed_dim, **like)) if bias else None
        self.register_parameter("in_proj_bias", in_bias)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, **like)
        self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self):
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)

    def _projected(self, query, key, value):
        weights = s.chunk(self.in_proj_weight, 3) if self._qkv_same_embed_dim else \
            (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        biases = (None,) * 3 if self.in_proj_bias is None else s.chunk(self.in_proj_bias, 3)
        if query is key is value and self._qkv_same_embed_dim:         # one product for all three
            return s.chunk(F.linear(query, self.in_proj_weight, self.in_proj_bias), 3, -1)
        return [F.linear(x, weight, bias) for x, weight, bias in zip((query, key, value), weights, biases)]

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):
        need(query.dim() in (2, 3), "query should be unbatched 2D or batched 3D tensor but received {}-D "
             "query tensor\nIt is (L, N, embed_dim).", query.dim(), error=AssertionError)
        need(not is_causal or attn_mask is not None,
             "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
             "`generate_square_subsequent_mask` to create this mask.\nPass the mask too.")
        batched, same = query.dim() == 3, query is key is value
        _check_masks(query, key, value, key_padding_mask, attn_mask)
        if not batched:
            query, key, value = (s.unsqueeze(x, 0) for x in (query, key, value))
            if key_padding_mask is not None:
                key_padding_mask = s.unsqueeze(key_padding_mask, 0)
        elif not self.batch_first:
            query, key, value = (s.transpose(x, 0, 1) for x in (query, key, value))
        need(query.shape[-1] == self.embed_dim, "was expecting embedding dimension of {}, but got {}\n"
             "The query's last dimension is embed_dim.", self.embed_dim, query.shape[-1],
             error=AssertionError)
        need(key.shape == value.shape or not self._qkv_same_embed_dim, "key shape torch.Size({}) does not "
             "match value shape torch.Size({})\nThey are pairs.",
             *[(x.shape[1], x.shape[0], x.shape[2]) for x in (key, value)], error=AssertionError)
        if same:
            key = value = query
        (n, length, _), sources, heads = query.shape, key.shape[1], self.num_heads
        q, k, v = (s.transpose(s.reshape(x, (n, -1, heads, self.head_dim)), 1, 2)
                   for x in self._projected(query, key, value))
        hidden = is_causal and key_padding_mask is None and not need_weights    # as torch: the hint alone
        mask = None if hidden else _added(attn_mask, query)
        if mask is not None:
            fits = (length, sources) if mask.dim() == 2 else (n * heads, length, sources)
            need(mask.shape == fits, "The shape of the {}D attn_mask is {}, but should be {}.\n"
                 "It has a place for each query and key.", mask.dim(), str(mask.shape), str(fits))
            mask = s.reshape(mask, (n, heads, length, sources)) if mask.dim() == 3 else mask
        if key_padding_mask is not None:
            for at, size in enumerate((n, sources)):
                found = key_padding_mask.shape[at]
                need(found == size, "Expected key_padded_mask.shape[{}] to be {}, but got {}\nIt is (N, S).",
                     at, size, found, error=AssertionError)
            padding = s.reshape(_added(key_padding_mask, query), (n, 1, 1, sources))
            mask = padding if mask is None else mask + padding
        dropout = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = s.matmul(q * math.sqrt(1 / self.head_dim), s.transpose(k, -2, -1))
            weights = rp.softmax(scores if mask is None else scores + mask, -1)
            if dropout:
                weights = F.dropout(weights, dropout)
            mixed = s.matmul(weights, v)
            weights = rp.mean(weights, 1) if average_attn_weights else weights
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, mask, dropout, hidden)
        # In this order, whatever batch_first: dropout draws its mask in the order of memory.
        out = self.out_proj(s.reshape(s.permute(mixed, (2, 0, 1, 3)), (length, n, self.embed_dim)))
        if not batched:
            return s.squeeze(out, 1), weights if weights is None else s.squeeze(weights, 0)
        return s.transpose(out, 0, 1) if self.batch_first else out, weights


def _activation(activation):
    """A function, or the function of that name."""
    if not isinstance(activation, str):
        return activation
    need(activation in ("relu", "gelu"), "activation should be relu/gelu, not {}\nOr pass a function.",
         activation)
    return {"relu": F.relu, "gelu": F.gelu}[activation]


class _Block(Module):
    """What encoder and decoder layers share: attention, two linear layers, a norm and a dropout for each."""

    def _make(self, parts, d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
              norm_first, bias, like):
        super().__init__()
        for name in parts:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first,
                                                   **like))
        self.linear1 = Linear(d_model, dim_feedforward, bias, **like)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **like)
        self.norm_first, count = norm_first, len(parts) + 1
        for k in range(1, count + 1):
            setattr(self, f"norm{k}", LayerNorm(d_model, layer_norm_eps, bias=bias, **like))
        for k in range(1, count + 1):
            setattr(self, f"dropout{k}", Dropout(dropout))
        self.activation = _activation(activation)

    def _feed(self, x):
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _through(self, x, *parts):
        """x + dropout(part(norm(x))) part after part, or norm(x + dropout(part(x)))."""
        for k, part in enumerate(parts, 1):
            norm, dropout = getattr(self, f"norm{k}"), getattr(self, f"dropout{k}")
            x = x + dropout(part(norm(x))) if self.norm_first else norm(x + dropout(part(x)))
        return x


class TransformerEncoderLayer(_Block):
    """Self-attention and two linear layers, with residuals and norms (torch.nn.TransformerEncoderLayer).

    src (S, N, d_model), or (N, S, d_model) with batch_first -> the same. norm_first: norms before the parts.
    """

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu,
                 layer_norm_eps=1e-5, batch_first=False, norm_first=False, bias=True, device=None,
                 dtype=None):
        self._make(("self_attn",), d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps,
                   batch_first, norm_first, bias, {"device": device, "dtype": dtype})

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        def attend(x):
            return self.self_attn(x, x, x, src_key_padding_mask, False, src_mask)[0]
        return self._through(src, attend, self._feed)


class TransformerDecoderLayer(_Block):
    """Self-attention, attention to a memory and two linear layers (torch.nn.TransformerDecoderLayer).

    tgt (T, N, d_model), memory (S, N, d_model), or batches first -> as tgt.
    """

    def __init__(self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation=F.relu,
                 layer_norm_eps=1e-5, batch_first=False, norm_first=False, bias=True, device=None,
                 dtype=None):
        self._make(("self_attn", "multihead_attn"), d_model, nhead, dim_feedforward, dropout, activation,
                   layer_norm_eps, batch_first, norm_first, bias, {"device": device, "dtype": dtype})

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None, tgt_is_causal=False, memory_is_causal=False):
        def attend(x):
            return self.self_attn(x, x, x, tgt_key_padding_mask, False, tgt_mask)[0]

        def look(x):
            return self.multihead_attn(x, memory, memory, memory_key_padding_mask, False, memory_mask)[0]
        return self._through(tgt, attend, look, self._feed)


def _clones(layer, count):
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """A stack of copies of a layer, and a norm (torch.nn.TransformerEncoder)."""

    def __init__(self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True):
        super().__init__()
        self.layers, self.num_layers, self.norm = _clones(encoder_layer, num_layers), num_layers, norm

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """A stack of copies of a layer, and a norm (torch.nn.TransformerDecoder)."""

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers, self.num_layers, self.norm = _clones(decoder_layer, num_layers), num_layers, norm

    def forward(self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
                memory_key_padding_mask=None, tgt_is_causal=None, memory_is_causal=False):
        for layer in self.layers:
            tgt = layer(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder of the source and a decoder of the target (torch.nn.Transformer).

    src (S, N, d_model), tgt (T, N, d_model), or batches first -> as tgt.
    """

    def __init__(self, d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6,
                 dim_feedforward=2048, dropout=0.1, activation=F.relu, custom_encoder=None,
                 custom_decoder=None, layer_norm_eps=1e-5, batch_first=False, norm_first=False,
                 bias=True, device=None, dtype=None):
        super().__init__()
        like = {"device": device, "dtype": dtype}
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
                   norm_first, bias)
        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*options, **like), num_encoder_layers,
            LayerNorm(d_model, layer_norm_eps, bias=bias, **like))
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*options, **like), num_decoder_layers,
            LayerNorm(d_model, layer_norm_eps, bias=bias, **like))
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self):
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(self, src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None,
                tgt_key_padding_mask=None, memory_key_padding_mask=None, src_is_causal=None,
                tgt_is_causal=None, memory_is_causal=False):
        batched = src.dim() == 3
        need(not batched or src.shape[1 - self.batch_first] == tgt.shape[1 - self.batch_first],
             "the batch number of src and tgt must be equal\nThey are pairs.")
        need(src.shape[-1] == self.d_model == tgt.shape[-1],
             "the feature number of src and tgt must be equal to d_model\nEmbed both in d_model features.")
        memory = self.encoder(src, src_mask, src_key_padding_mask)
        return self.decoder(tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)

    @staticmethod
    def generate_square_subsequent_mask(sz, device=None, dtype=None):
        """(sz, sz): 0 on and below the diagonal, −∞ above: each place sees those before it."""
        return s.triu(create.full((sz, sz), -math.inf, dtype=dtype, device=device), 1)
