"""The plug-in's selector: points ranked by how sure their classifier is, without labels."""

from dataclasses import dataclass
from typing import Any

from keras import ops


@dataclass(frozen=True)
class Kept:
    """The points of a level that are kept.

    Attributes:
        index: (B, s) int32, the points in rank order, most confident first; of equal ones the first.
        confidence: (B, s) float32, theirs.
        all_confidence: (B, S) float32, of every point.
    """

    index: Any
    confidence: Any
    all_confidence: Any

    def dropped(self) -> Any:
        """(B, S) bool: the points that are not kept."""
        # What ties with the last kept point is kept up to that point, since of equal ones the first are: no second
        # sorting, and nothing of size (B, S, s).
        bar, last = self.confidence[:, -1:], self.index[:, -1:]
        place = ops.arange(self.all_confidence.shape[1], dtype="int32")[None]
        kept = (self.all_confidence > bar) | ((self.all_confidence == bar) & (place <= last))
        return ops.logical_not(kept)


def select(logits: Any, count: int) -> Kept:
    """Keep the points whose most probable class has the highest probability. No gradient passes through the ranking.

    Args:
        logits: (B, S, K) float; ranked in float32, since in half precision points tie.
        count: s < S, the same in every image.

    Cost: one top-k for the batch; memory B * S * K floats for the softmax.
    """
    logits = ops.stop_gradient(ops.cast(logits, "float32"))
    confidence = ops.max(ops.softmax(logits, axis=-1), axis=-1)
    kept, index = ops.top_k(confidence, count)
    return Kept(ops.cast(index, "int32"), kept, confidence)
