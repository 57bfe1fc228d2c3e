"""Recurrent modules: a step from state to state, as cells, and over sequences in layers and directions."""
import math
import warnings

from ...engine.autocast import entered, lowered
from ...ops import index_public as ip
from ...ops import public as f
from ...ops import shape_public as s
from ...ops.arguments import dtype_of
from .. import functional as F
from .. import init
from ..arguments import need
from .layer import Layer

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNCell"]


# A step: what the input gives (already linear), the state, a tuple, and the state's own weights -> new state.

def _elman(activation):
    def step(given, state, weight, bias):
        return (activation(given + F.linear(state[0], weight, bias)),)
    return step


def _lstm(given, state, weight, bias):
    i, forget, g, o = s.chunk(given + F.linear(state[0], weight, bias), 4, -1)
    cell = f.sigmoid(forget) * state[1] + f.sigmoid(i) * f.tanh(g)
    return f.sigmoid(o) * f.tanh(cell), cell


def _gru(given, state, weight, bias):
    r, z, n = s.chunk(given, 3, -1)
    own_r, own_z, own_n = s.chunk(F.linear(state[0], weight, bias), 3, -1)
    n = f.tanh(n + f.sigmoid(r + own_r) * own_n)
    return ((state[0] - n) * f.sigmoid(z + own_z) + n,)


# What a step is, and how many gates of hidden_size its weights hold.
STEPS = {"RNN_TANH": (_elman(f.tanh), 1), "RNN_RELU": (_elman(f.relu), 1), "LSTM": (_lstm, 4),
         "GRU": (_gru, 3)}


class _Recurrent(Layer):
    def reset_parameters(self):
        """Draw all weights anew: uniform ± 1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _given(self, hx):
        """The states that were given, as a tuple."""
        return () if hx is None else tuple(hx) if self.mode == "LSTM" else (hx,)

    def _state(self, given, like, shape):
        """The first states: those given, or zeros."""
        return given or (like.new_zeros(shape),) * (2 if self.mode == "LSTM" else 1)


class _Cell(_Recurrent):

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        self._keep(locals())
        self.bias = bias
        rows = STEPS[self.mode][1] * hidden_size
        self._learn(device, dtype, weight_ih=(rows, input_size), weight_hh=(rows, hidden_size),
                    bias_ih=(rows,) if bias else None, bias_hh=(rows,) if bias else None)

    def forward(self, input, hx=None):
        name, dims = self._get_name(), input.array.ndim
        need(dims in (1, 2), "{}: Expected input to be 1D or 2D, got {}D instead\nIt is (N, input_size).",
             name, dims, error=ValueError)
        state = self._state(self._given(hx), input, (*input.array.shape[:-1], self.hidden_size))
        for place, part in enumerate(state):
            what = "hidden" if len(state) == 1 else f"hx[{place}]"
            need(part.array.ndim in (1, 2), "{}: Expected {} to be 1D or 2D, got {}D instead\n"
                 "It is (N, hidden_size).", name, what, part.array.ndim, error=ValueError)
        need(input.array.shape[-1] == self.input_size, "input has inconsistent input_size: got {} expected "
             "{}\nThe last dimension are the features.", input.array.shape[-1], self.input_size)
        for place, part in enumerate(state):
            batch, width = part.array.shape[:-1], part.array.shape[-1]
            if dims == 2:
                found = part.array.shape[0]
                need(found == input.array.shape[0], "Input batch size {} doesn't match hidden{} batch size "
                     "{}\nThere is one state per sample.", input.array.shape[0], place, found)
            elif batch:                         # torch puts a batch of one around both
                width = batch[0]
            need(width == self.hidden_size, "hidden{} has inconsistent hidden_size: got {}, expected {}\n"
                 "It is (N, hidden_size).", place, width, self.hidden_size)
        given = F.linear(input, self.weight_ih, self.bias_ih)
        state = STEPS[self.mode][0](given, state, self.weight_hh, self.bias_hh)
        return state if len(state) == 2 else state[0]


class RNNCell(_Cell, shows="input_size, hidden_size, bias?, nonlinearity?"):
    """h′ = tanh(W x + b + U h + c), or relu of it (torch.nn.RNNCell; Elman 1990).

    (N, input_size), h (N, hidden_size) or None for zeros -> h′; the batch is optional.
    """

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    @property
    def mode(self):
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        need(nonlinearity in ("tanh", "relu"), "Unknown nonlinearity: {}\nUse 'tanh' or 'relu'.",
             nonlinearity)
        return f"RNN_{nonlinearity.upper()}"


class LSTMCell(_Cell, shows="input_size, hidden_size, bias?"):
    """One step of an LSTM: input and (h, c), or None for zeros -> (h′, c′) (torch.nn.LSTMCell; Hochreiter &
    Schmidhuber 1997)."""
    mode = "LSTM"


class GRUCell(_Cell, shows="input_size, hidden_size, bias?"):
    """One step of a GRU: input and h, or None for zeros -> h′ (torch.nn.GRUCell; Cho et al. 2014)."""
    mode = "GRU"


class _Layers(_Recurrent, shows="input_size, hidden_size, num_layers?, bias?, batch_first?, dropout?, "
                                "bidirectional?"):
    _usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, proj_size=0, device=None, dtype=None):
        need(not proj_size, "proj_size is not supported.\nProject with a Linear.", error=NotImplementedError)
        need(not isinstance(dropout, bool) and 0 <= dropout <= 1, "dropout should be a number in range [0, "
             "1] representing the probability of an element being zeroed\nPass a probability.",
             error=ValueError)
        if dropout > 0 and num_layers == 1:
            warnings.warn("dropout option adds dropout after all but last recurrent layer, so non-zero "
                          f"dropout expects num_layers greater than 1, but got dropout={dropout} and "
                          f"num_layers={num_layers}", stacklevel=3)
        sized = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        need(isinstance(batch_first, bool), "batch_first should be of type bool, got: {}\n"
             "Pass True or False.", type(batch_first).__name__, error=TypeError)
        for name, size in sized.items():
            need(isinstance(size, int), "{} should be of type int, got: {}\nSizes are ints.", name,
                 type(size).__name__, error=TypeError)
            need(size > 0, "{} must be greater than zero\nPass 1 or more.", name, error=ValueError)
        dropout = float(dropout)
        self._keep(locals())
        self.bias = bias
        rows, sizes = STEPS[self.mode][1] * hidden_size, {}
        for layer in range(num_layers):
            width = hidden_size * (1 + bidirectional) if layer else input_size
            for end in ("", "_reverse")[:1 + bidirectional]:
                sizes |= {f"weight_ih_l{layer}{end}": (rows, width),
                          f"weight_hh_l{layer}{end}": (rows, hidden_size)}
                if bias:
                    sizes |= {f"bias_ih_l{layer}{end}": (rows,), f"bias_hh_l{layer}{end}": (rows,)}
        self._learn(device, dtype, **sizes)

    @property
    def all_weights(self):
        """The parameters of each layer, or of each direction of it, as lists
        (torch.nn.RNNBase.all_weights).
        """
        weights = list(self._parameters.values())
        size = 4 if self.bias else 2
        return [weights[start:start + size] for start in range(0, len(weights), size)]

    def flatten_parameters(self):
        """Nothing: it is about memory on GPUs (torch.nn.RNNBase.flatten_parameters)."""

    def _run(self, steps, sizes, state, end):
        """One direction of a layer over (T, N, features), or over packed steps (Σ sizes, features): its
        outputs and last state."""
        step, back = STEPS[self.mode][0], end.endswith("_reverse")
        weights = [getattr(self, f"{name}_l{end}", None)
                   for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]
        given, outputs = F.linear(steps, *weights[:2]), []
        given = s.unbind(given, 0) if sizes is None else s.split(given, sizes)
        for part in given[::-1] if back else given:
            count = part.shape[0]
            if count == state[0].shape[0]:
                state, out = (step(part, state, *weights[2:]),) * 2
            else:                               # shorter sequences have ended, or not yet begun
                out = step(part, tuple([h[:count] for h in state]), *weights[2:])
                state = tuple([s.cat([new, old[count:]]) for new, old in zip(out, state)])
            outputs.append(out[0])
        return (s.stack if sizes is None else s.cat)(outputs[::-1] if back else outputs, 0), state

    def forward(self, input, hx=None):
        if isinstance(input, tuple):
            return self._forward_packed(input, hx)
        name, dims, given = type(self).__name__, input.array.ndim, self._given(hx)
        need(dims in (2, 3), "{}: Expected input to be 2D or 3D, got {}D {}instead\n"
             "It is (T, N, input_size).", name, dims, "tensor " * (name == "RNN"), error=ValueError)
        dtype = dtype_of(self.weight_ih_l0)
        single, batch_at = dims == 2, 0 if self.batch_first else 1
        if any([h.array.ndim != dims for h in given]):
            found = ", ".join([f"{h.array.ndim}-D" for h in given])
            raise RuntimeError(f"For {'unbatched' if single else 'batched'} {dims}-D input, hx"
                               f"{' and cx' * (len(given) == 2)} should also be {dims}-D but got " +
                               (f"({found}) tensors" if len(given) == 2 else f"{found} tensor") +
                               "\nStates have a batch where the input has one.")
        if single:
            input, given = s.unsqueeze(input, batch_at), tuple([s.unsqueeze(h, 1) for h in given])
        need(dtype_of(input) is dtype, "RNN input dtype ({0}) does not match weight dtype ({1}). Convert "
             "input: input.to({1}), or convert model: model.to({0})\nDo one of them.", dtype_of(input), dtype,
             error=ValueError)
        self._need_features(input)
        if entered[0] and self.mode == "LSTM":  # whose cell torch takes to be one product
            input, *given = lowered(input, *given)
        x = s.transpose(input, 0, 1) if self.batch_first else input
        first = self._first(given, input, input.array.shape[batch_at])
        need(x.array.shape[0] > 0, "Expected sequence length to be larger than 0 in RNN\n"
             "There is no step to take.")
        x, last = self._layers(x, None, first)
        x = s.transpose(x, 0, 1) if self.batch_first else x
        if single:
            x, last = s.squeeze(x, batch_at), [s.squeeze(part, 1) for part in last]
        return x, tuple(last) if len(last) == 2 else last[0]

    def _need_features(self, input):
        need(input.array.shape[-1] == self.input_size, "input.size(-1) must be equal to input_size. Expected "
             "{}, got {}\nThe last dimension are the features.", self.input_size, input.array.shape[-1])

    def _forward_packed(self, input, hx):
        """`forward` of a PackedSequence; the states are in the order of the unsorted batch."""
        data, sizes, order, back = input
        if hx is not None or self.mode != "LSTM":       # torch leaves it to the product there
            self._need_features(data)
        first = self._first(self._given(hx), data, sizes.tolist()[0])
        if order is not None and hx is not None:
            first = tuple([ip.index_select(part, 1, order) for part in first])
        x, last = self._layers(data, sizes.tolist(), first)
        if back is not None:
            last = [ip.index_select(part, 1, back) for part in last]
        return type(input)(x, sizes, order, back), tuple(last) if len(last) == 2 else last[0]

    def _first(self, given, like, batch):
        """The first state of all layers and directions, checked."""
        shape = self.num_layers * (1 + self.bidirectional), batch, self.hidden_size
        first = self._state(given, like, shape)
        for place, part in enumerate(first):
            which = "hidden" if len(first) == 1 else f"hidden[{place}]"
            need(part.array.shape == shape, "Expected {} size {}, got {}\nIt is (layers · directions, N, "
                 "hidden_size).", which, str(shape), part)
        return first

    def _layers(self, x, sizes, first):
        """All layers, one after the other; the last one's outputs and the last states of all."""
        ways, ends = 1 + self.bidirectional, []
        for layer in range(self.num_layers):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            runs = [self._run(x, sizes, tuple([part[layer * ways + way] for part in first]),
                              f"{layer}{'_reverse' * way}") for way in range(ways)]
            x = s.cat([run[0] for run in runs], -1) if ways == 2 else runs[0][0]
            ends += [run[1] for run in runs]
        return x, [s.stack(parts, 0) for parts in zip(*ends)]


class RNN(_Layers):
    """Layers of h′ = tanh(W x + b + U h + c), or relu of it, over sequences (torch.nn.RNN; Elman 1990).

    (T, N, input_size), or (N, T, input_size) with batch_first, the batch optional; h (layers · directions, N,
    hidden_size) or None for zeros -> outputs of the last layer, and the last h.
    """

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True,
                 batch_first=False, dropout=0.0, bidirectional=False, device=None, dtype=None):
        need(nonlinearity in ("tanh", "relu"), "Unknown nonlinearity '{}'. Select from 'tanh' or 'relu'.\n"
             "Use one of these.", nonlinearity, error=ValueError)
        object.__setattr__(self, "mode", f"RNN_{nonlinearity.upper()}")
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
                         device=device, dtype=dtype)
        self.nonlinearity = nonlinearity


class LSTM(_Layers):
    """Long short-term memory over sequences (torch.nn.LSTM; Hochreiter & Schmidhuber 1997). As RNN, with (h,
    c) for h."""
    mode = "LSTM"


class GRU(_Layers):
    """Gated recurrent units over sequences (torch.nn.GRU; Cho et al. 2014). As RNN."""
    mode = "GRU"
