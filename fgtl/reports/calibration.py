"""Whether confidence can be believed: predictions in bins of equal confidence. numpy only."""

from dataclasses import dataclass

import numpy as np

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions whose confidence lies in (low, high]; the two means are None when there are none."""

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


def reliability_bins(confidence: np.ndarray, correct: np.ndarray) -> tuple[ReliabilityBin, ...]:
    """15 bins of equal width over (0, 1], as Guo et al. 2017 draw them.

    Args:
        confidence: (N,) float, the probability of each prediction.
        correct: (N,) bool.
    """
    confidence = np.clip(confidence.astype(np.float64), 0.0, 1.0)
    edges = np.linspace(0.0, 1.0, CALIBRATION_BINS + 1)
    # Bins are open below: a confidence equal to an edge belongs to the bin that ends there.
    home = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, CALIBRATION_BINS - 1)
    images = np.bincount(home, minlength=CALIBRATION_BINS)
    confident = np.bincount(home, weights=confidence, minlength=CALIBRATION_BINS)
    right = np.bincount(home, weights=correct, minlength=CALIBRATION_BINS)
    return tuple(
        ReliabilityBin(
            low=float(edges[b]),
            high=float(edges[b + 1]),
            images=int(images[b]),
            confidence=float(confident[b] / images[b]) if images[b] else None,
            accuracy=float(right[b] / images[b]) if images[b] else None,
        )
        for b in range(CALIBRATION_BINS)
    )
