"""Functions of torch.special that other rooms have under the same or another name."""
from .ops.elementary_public import erfc, exp2, expm1, log1p, logit, xlogy
from .ops.public import erf, round
from .ops.public import sigmoid as expit
from .ops.reduce_public import log_softmax, logsumexp, softmax

__all__ = ["erf", "erfc", "exp2", "expit", "expm1", "log1p", "log_softmax", "logit", "logsumexp", "round",
           "softmax", "xlogy"]
