"""Distances, and the losses made of them, as modules. `layer.py` says how to write one."""
from .. import functional as F
from ..arguments import need
from .layer import Layer, Loss

__all__ = ["BCELoss", "CosineEmbeddingLoss", "CosineSimilarity", "HingeEmbeddingLoss", "HuberLoss",
           "KLDivLoss", "MarginRankingLoss", "PairwiseDistance", "SmoothL1Loss", "TripletMarginLoss"]


class CosineSimilarity(Layer, calls=F.cosine_similarity):
    """x1 · x2 / (‖x1‖ ‖x2‖) over `dim` (torch.nn.CosineSimilarity)."""

    def __init__(self, dim=1, eps=1e-8):
        self._keep(locals())


class PairwiseDistance(Layer):
    """‖x1 − x2 + eps‖ₚ over the last dimension (torch.nn.PairwiseDistance)."""

    def __init__(self, p=2.0, eps=1e-6, keepdim=False):
        self._keep({"eps": eps, "keepdim": keepdim})
        self.norm = p

    def forward(self, x1, x2):
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class BCELoss(Loss, calls=F.binary_cross_entropy):
    """Cross-entropy of two classes from probabilities (torch.nn.BCELoss)."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        self._keep(locals())


class SmoothL1Loss(Loss, calls=F.smooth_l1_loss):
    """Squares up to beta, then a line (torch.nn.SmoothL1Loss; Girshick 2015)."""

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        self._keep(locals())


class HuberLoss(Loss, calls=F.huber_loss):
    """Squares up to delta, then a line (torch.nn.HuberLoss; Huber 1964)."""

    def __init__(self, reduction="mean", delta=1.0):
        self._keep(locals())


class KLDivLoss(Loss, calls=F.kl_div):
    """y (ln y − x) of log-probabilities x and probabilities y (torch.nn.KLDivLoss)."""

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        self._keep(locals())


class HingeEmbeddingLoss(Loss, calls=F.hinge_embedding_loss):
    """x where the target is 1, max(0, margin − x) where it is −1 (torch.nn.HingeEmbeddingLoss)."""

    def __init__(self, margin=1.0, size_average=None, reduce=None, reduction="mean"):
        self._keep(locals())


class MarginRankingLoss(Loss, calls=F.margin_ranking_loss):
    """max(0, margin − y (x1 − x2)) (torch.nn.MarginRankingLoss)."""

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        self._keep(locals())


class CosineEmbeddingLoss(MarginRankingLoss, calls=F.cosine_embedding_loss):
    """1 − cos(x1, x2) where the target is 1, max(0, cos − margin) where it is −1
    (torch.nn.CosineEmbeddingLoss)."""


class TripletMarginLoss(Loss, calls=F.triplet_margin_loss):
    """max(0, margin + d(anchor, positive) − d(anchor, negative)) (torch.nn.TripletMarginLoss)."""

    def __init__(self, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None,
                 reduction="mean"):
        need(margin > 0, "TripletMarginLoss: expected margin to be greater than 0, got {} instead\n"
             "The usual one is 1.", margin, error=ValueError)
        self._keep(locals())
