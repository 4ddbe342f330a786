"""What a linear classifier's test accuracy becomes when training images that repeat test images are left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.confidence import unit_rows
from fgtl.analysis.logistic import fit_logistic
from fgtl.analysis.near_duplicates import Pair
from fgtl.errors import DataError
from fgtl.features.feature_set import Features


@dataclass(frozen=True)
class Counts:
    """Right answers among some test images, with all training images and without the repeated ones."""

    images: int
    before: int
    after: int


@dataclass(frozen=True)
class Effect:
    """On all test images; on those that a training image repeats; on the others."""

    every: Counts
    repeated: Counts
    others: Counts


def effect_of_duplicates(
    train: Features,
    test: Features,
    pairs: Sequence[Pair],
    c: float,
    advance: Callable[[int], object] = lambda fits: None,
) -> Effect:
    """Fit logistic regression on all training rows, and on those without the first photograph of each pair.

    The test images stay: whoever leaves out training images can still compare with everybody's numbers.

    Args:
        train: (N, D) features.
        test: (M, D).
        pairs: rows of `train` and `test`.
        c: C of both fits, for rows of length 1.
        advance: called with 1 after each fit.

    Raises:
        DataError: every training image is a repeated one.

    Cost: two fits.
    """
    kept = np.ones(len(train), bool)
    kept[[pair.one for pair in pairs]] = False
    if not kept.any():
        raise DataError("Every training image is in the test split too.", expected="a split of different images.")
    found = []
    for rows in (np.ones(len(train), bool), kept):
        found.append(_right(train.take(rows), test, c))
        advance(1)
    before, after = found
    repeated = np.zeros(len(test), bool)
    repeated[[pair.other for pair in pairs]] = True
    every = np.ones(len(test), bool)
    return Effect(*(_counts(before, after, among) for among in (every, repeated, ~repeated)))


def _right(train: Features, test: Features, c: float) -> NDArray[np.bool_]:
    model = fit_logistic(unit_rows(train.features), train.labels, len(train.class_names), c)
    right: NDArray[np.bool_] = model.predict(unit_rows(test.features)) == test.labels
    return right


def _counts(before: NDArray[np.bool_], after: NDArray[np.bool_], among: NDArray[np.bool_]) -> Counts:
    return Counts(int(among.sum()), int((before & among).sum()), int((after & among).sum()))
