"""What a classifier that never saw an image says of it, with a C that says it honestly."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.out_of_fold import out_of_fold
from fgtl.analysis.scaling import Scaling
from fgtl.errors import UsageError
from fgtl.features.feature_set import Features

# For rows of length 1: what a few dozen images a class ask for, of features that fit them badly or well.
TRIED = (10.0, 100.0)
# A class whose image is the only one gets probability 0 from the others.
_LEAST = 1e-6


def unit_rows(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, D) with rows of length 1, so that one C means the same for every network."""
    return Scaling(normalise=True, factors=None)(np.asarray(features))


def confidence(
    train: Features,
    c: float = 0.0,
    folds: int = 5,
    seed: int = 0,
    tried: Sequence[float] = TRIED,
    advance: Callable[[int], object] = lambda fits: None,
) -> tuple[NDArray[np.float32], float]:
    """Out-of-fold probabilities of logistic regression on unit rows.

    Args:
        train: N images of two classes or more.
        c: C; 0 for the one of `tried` with the least mean -log p(label), out of fold. Confident learning compares
            probabilities with their class's mean: one that is over-sure of everything is of little use there.
        folds: 2 to N.
        seed: of the folds.
        tried: what C is chosen from.
        advance: called with 1 after each fit.

    Returns:
        (N, K) float32, and C.

    Raises:
        UsageError: fewer images than folds, or a single class.

    Cost: `folds` fits for each C.
    """
    if len(train) < folds or len(np.unique(train.labels)) < 2:
        raise UsageError(
            f"{len(train):,} images of {len(np.unique(train.labels)):,} class(es) are too few for {folds} folds.",
            expected="at least one image a fold, and two classes.",
        )
    features, classes = unit_rows(train.features), len(train.class_names)
    best: tuple[float, NDArray[np.float32], float] | None = None
    for value in [c] if c else tried:
        found = out_of_fold(features, train.labels, classes, value, folds, seed, advance)
        own = found[np.arange(len(train)), train.labels].astype(np.float64)
        loss = float(-np.log(np.maximum(own, _LEAST)).mean())
        if best is None or loss < best[0]:
            best = loss, found, value
    if best is None:
        raise UsageError("No C was given.", expected="at least one.")
    return best[1], best[2]
