"""Sequences of different lengths: padded to one length, or packed step by step (torch.nn.utils.rnn)."""
from collections import namedtuple
from collections.abc import Iterable

import numpy as np

from ...backends.arrays import beside, host
from ...engine.core import TensorBase, plain, wrap
from ...ops import create
from ...ops import index_public as ip
from ...ops import shape_public as s
from ..arguments import need

__all__ = ["PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence",
           "unpack_sequence", "unpad_sequence"]

CONVERSIONS = ("cpu", "cuda", "double", "float", "half", "long", "int", "short", "char", "byte", "pin_memory")
_Packed = namedtuple("_Packed", "data batch_sizes sorted_indices unsorted_indices")


class PackedSequence(_Packed):
    """Sequences step by step, the longest first (torch.nn.utils.rnn.PackedSequence).

    data (Σ lengths, ...): the first elements of all, then the second of those that have one, ...
    batch_sizes: how many there are of each step. sorted_indices, unsorted_indices: how the batch was sorted,
    None if it was.
    """

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None and sorted_indices is not None:
            unsorted_indices = invert_permutation(sorted_indices)
        return _Packed.__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """With the data converted as by Tensor.to."""
        return self._replace(data=self.data.to(*args, **kwargs))

    def __getattr__(self, name):
        if name == "is_cuda":
            return self.data.is_cuda
        need(name in CONVERSIONS, "'PackedSequence' object has no attribute '{}'\n"
             "It has a tensor's conversions.", name, error=AttributeError)
        return lambda: self._replace(data=getattr(self.data, name)())


def invert_permutation(permutation):
    """The permutation that undoes it, None for None (torch.nn.utils.rnn.invert_permutation)."""
    return permutation if permutation is None else wrap(np.argsort(plain(permutation)))


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """A PackedSequence of the first `lengths[n]` steps of each sequence (torch.nn.utils.rnn).

    input (T, N, ...), or (N, T, ...) with batch_first; lengths: ints, or a Tensor of them. enforce_sorted:
    they must fall; otherwise the batch is sorted. Raises RuntimeError for lengths that do not fit.
    """
    lengths = host(plain(lengths)) if isinstance(lengths, TensorBase) else np.asarray(lengths)
    need(lengths.ndim == 1, "'lengths' argument should be a 1D CPU int64 tensor, but got {}D cpu Long "
         "tensor\nGive one length per sequence.", lengths.ndim)
    order = None
    if not enforce_sorted:
        sorting = np.argsort(-lengths, kind="stable")
        order, lengths = wrap(beside(sorting, input.array)), lengths[sorting]
        input = ip.index_select(input, 0 if batch_first else 1, order)
    steps = s.transpose(input, 0, 1) if batch_first else input
    need(len(lengths) == steps.shape[1], "Expected `len(lengths)` to be equal to batch_size, but got {} "
         "(batch_size={})\nGive one length per sequence.", len(lengths), steps.shape[1])
    need(len(lengths) and lengths[-1] > 0, "Length of all samples has to be greater than 0, but found an "
         "element in 'lengths' that is <= 0\nLeave empty sequences out.")
    need((np.diff(lengths) <= 0).all(), "`lengths` array must be sorted in decreasing order when "
         "`enforce_sorted` is True. You can pass `enforce_sorted=False` to pack_padded_sequence and/or "
         "pack_sequence to sidestep this requirement if you do not need ONNX exportability.\n"
         "Sort the sequences by length.")
    need(lengths[0] <= steps.shape[0], "Expected lengths to be at most {}, but got {}\nPad the sequences.",
         steps.shape[0], lengths[0])
    sizes = [int((lengths > t).sum()) for t in range(lengths[0])]
    return PackedSequence(s.cat([steps[t, :n] for t, n in enumerate(sizes)]), wrap(np.array(sizes)), order)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """(sequences padded to the longest or to total_length, (T, N, ...) or batches first; their lengths)
    (torch.nn.utils.rnn)."""
    sizes = sequence.batch_sizes.tolist()
    need(total_length is None or total_length >= len(sizes), "Expected total_length to be at least the "
         "length of the longest sequence in input, but got total_length={} and max sequence length being {}\n"
         "Ask for more.", total_length, len(sizes), error=ValueError)
    width, rest = sizes[0], tuple(sequence.data.shape[1:])
    parts = []
    for part in s.split(sequence.data, sizes):
        missing = width - part.shape[0]
        filler = create.full((missing, *rest), padding_value, dtype=part.dtype, device=part.device)
        parts.append(s.cat([part, filler]) if missing else part)
    for _ in range((total_length or 0) - len(sizes)):
        parts.append(create.full((width, *rest), padding_value, dtype=sequence.data.dtype,
                                 device=sequence.data.device))
    padded = s.stack(parts)
    lengths = wrap((np.array(sizes)[:, None] > np.arange(width)).sum(0))
    if sequence.unsorted_indices is not None:
        padded = ip.index_select(padded, 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return s.transpose(padded, 0, 1) if batch_first else padded, lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Tensors (Lₙ, ...) stacked as (T, N, ...) or (N, T, ...), the shorter ones padded
    (torch.nn.utils.rnn)."""
    need(padding_side in ("left", "right"), "Expected padding_side to be one of left or right, but got {}.\n"
         "Choose one.", padding_side)
    need(isinstance(sequences, Iterable), "pad_sequence: Expected iterable for input sequences, but got arg "
         "of type: {}\nPass a list of tensors.", type(sequences))
    sequences = list(sequences)
    need(sequences, "received an empty list of sequences\nPass one or more.")
    longest, parts = max([len(x) for x in sequences]), []
    for x in sequences:
        filler = create.full((longest - len(x), *x.shape[1:]), padding_value, dtype=x.dtype, device=x.device)
        parts.append(s.cat([x, filler] if padding_side == "right" else [filler, x]))
    return s.stack(parts, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences without their padding, as a list (torch.nn.utils.rnn)."""
    rows = padded_sequences if batch_first else s.transpose(padded_sequences, 0, 1)
    return [row[:n] for row, n in zip(s.unbind(rows), lengths.tolist())]


def pack_sequence(sequences, enforce_sorted=True):
    """A PackedSequence of tensors (Lₙ, ...) (torch.nn.utils.rnn)."""
    return pack_padded_sequence(pad_sequence(sequences), [len(x) for x in sequences],
                                enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The sequences that were packed, as a list (torch.nn.utils.rnn)."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
