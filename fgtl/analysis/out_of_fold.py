"""What a classifier says of images that it was not trained on, for every image."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.logistic import fit_logistic
from fgtl.errors import InputError


def out_of_fold(
    features: NDArray[np.float32],
    labels: NDArray[np.integer],
    classes: int,
    c: float = 1.0,
    folds: int = 5,
    seed: int = 0,
    advance: Callable[[int], object] = lambda fits: None,
) -> NDArray[np.float32]:
    """Probabilities of each row by a logistic regression fitted on the other folds.

    Each class is spread over the folds evenly. The only image of a class is judged by a classifier that does not know
    the class, which gives it 0.

    Args:
        features: (N, D) float32, used as they are.
        labels: (N,) int, 0 <= label < K.
        classes: K.
        c: C of `fit_logistic`.
        folds: at least 2, at most N.
        seed: of who comes into which fold.
        advance: called with 1 after each fold's fit.

    Returns:
        (N, K) float32, rows sum to 1.

    Raises:
        InputError: folds out of range; and what `fit_logistic` raises.

    Memory: a copy of the features, beside that of `fit_logistic`.
    """
    if not 2 <= folds <= len(labels):
        raise InputError(f"{folds} folds of {len(labels):,} rows.", expected="2 to N.")
    fold = fold_of(labels, folds, seed)
    found = np.empty((len(labels), classes), np.float32)
    for held in range(folds):
        chosen = fold == held
        model = fit_logistic(features[~chosen], labels[~chosen], classes, c)
        found[chosen] = model.probabilities(features[chosen])
        advance(1)
    return found


def fold_of(labels: NDArray[np.integer], folds: int, seed: int) -> NDArray[np.int64]:
    """(N,) int64, the fold of each row: of every class, and in all, as many in one as in another, give or take one."""
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), np.int64)
    # Dealt out class after class without starting anew, so that small classes do not all fill the first folds.
    fold[by_class] = np.arange(len(labels)) % folds
    return fold
