"""Multinomial logistic regression with an L2 penalty: scikit-learn's optimum, a whole path of C at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.descent import Descent
from fgtl.analysis.eigenbasis import Eigenbasis
from fgtl.errors import DataError, InputError, expect_rank

# 45 values from 1e-6 to 1e5, evenly spaced on a log scale (DINOv2's evaluation with logistic regression).
SWEEP = tuple(float(c) for c in np.logspace(-6, 5, 45))
TOLERANCE = 1e-7
MOST_ITERATIONS = 1000


@dataclass(frozen=True, eq=False)
class LogisticModel:
    """A fitted classifier.

    Attributes:
        weights: (D, P) float32, for features as they were given.
        intercept: (P,) float32.
        present: (P,) int64, ascending: the labels that had training images; no other is ever predicted.
        classes: K, labels are 0..K-1.
        c: C.
        objective: C sum_i loss_i + 1/2 |W|^2 that was reached; with two classes scikit-learn's binomial form of it.
        iterations: of the descent from where it began.
        converged: False where the limit of iterations came first.
    """

    weights: NDArray[np.float32]
    intercept: NDArray[np.float32]
    present: NDArray[np.int64]
    classes: int
    c: float
    objective: float
    iterations: int
    converged: bool

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, P): of the present classes."""
        return features @ self.weights + self.intercept

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """(N,) labels."""
        return self.present[self.logits(features).argmax(axis=1)]

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, K), rows sum to 1; 0 for classes that had no training image."""
        logits = self.logits(features)
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        spread = np.zeros((len(features), self.classes), np.float32)
        spread[:, self.present] = logits
        return spread


def fit_logistic(
    features: NDArray[np.float32],
    labels: NDArray[np.integer],
    classes: int,
    c: float = 1.0,
    tolerance: float = TOLERANCE,
    most_iterations: int = MOST_ITERATIONS,
) -> LogisticModel:
    """Minimise C sum_i -ln p_i(label_i) + 1/2 |W|^2, p = softmax(x W + b), b not penalised.

    The objective of scikit-learn's LogisticRegression with its default solver, which for two classes is binomial:
    one weight vector, C sum_i ln(1 + exp(-y f)) + 1/2 |w|^2.

    Args:
        features: (N, D) float32, finite; used as they are, not standardised.
        labels: (N,) int, 0 <= label < K.
        classes: K.
        c: C > 0, the inverse strength of the penalty.
        tolerance: relative to the objective, see `Descent.minimise`.
        most_iterations: each costs two products with the features.

    Raises:
        DataError: a feature is not finite, or all labels are equal.
        InputError: the arrays do not fit each other, or C is not positive.

    Memory: a copy of the features, `Eigenbasis` and `Descent`.
    """
    return next(logistic_path(features, labels, classes, (c,), tolerance, most_iterations))


def logistic_path(
    features: NDArray[np.float32],
    labels: NDArray[np.integer],
    classes: int,
    values: Sequence[float] = SWEEP,
    tolerance: float = TOLERANCE,
    most_iterations: int = MOST_ITERATIONS,
) -> Iterator[LogisticModel]:
    """The models of several C, in ascending order, each started from what the ones before it taught.

    The objective that is reached is within some 1e-7 of the minimum, relative to it. Where the classes can all but be
    separated and C is so large that the objective is decided in the last digits of float32 (in trials from C = 1e4 on,
    with fewer columns than classes or columns of very different scales) it is within some 1e-4.

    Arguments, errors and memory as for `fit_logistic`.
    """
    ordered = sorted(float(c) for c in values)
    if not ordered or not ordered[0] > 0 or not np.isfinite(ordered[-1]):
        raise InputError(f"C is {ordered or 'not given'}.", expected="positive numbers.")
    _check(features, labels, classes)
    present, targets = np.unique(labels, return_inverse=True)
    basis = Eigenbasis.fit(features)
    descent = Descent(basis.design(features), targets, len(present))
    # Two opposite weight vectors of half the length each: half the penalty of the one that their difference is.
    halved = 2 if len(present) == 2 else 1
    # Features divided by u have weights u times as large: the same objective, times u^2, at u^2 C.
    square = basis.unit**2
    for c in ordered:
        own = c * square / halved
        iterations, converged = descent.minimise(own, tolerance, most_iterations)
        weights, intercept = basis.linear(descent.weights)
        yield LogisticModel(
            weights=weights,
            intercept=intercept,
            present=present.astype(np.int64),
            classes=classes,
            c=c,
            objective=halved / square * descent.objective(own),
            iterations=iterations,
            converged=converged,
        )


def _check(features: NDArray[np.float32], labels: NDArray[np.integer], classes: int) -> None:
    expect_rank(features, 2, "features", "(N, D)")
    expect_rank(labels, 1, "labels", "(N,)")
    if len(features) != len(labels) or not len(labels):
        raise InputError(f"{len(features)} rows of features and {len(labels)} labels.", expected="N >= 1 of both.")
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(f"Labels lie in {labels.min()}..{labels.max()}.", expected=f"0..{classes - 1}.")
    if labels.min() == labels.max():
        raise DataError(
            f"All {len(labels):,} training images have the label {labels[0]}.", expected="two classes or more."
        )
    if not np.isfinite(features).all():
        row = int(np.argmin(np.isfinite(features).all(axis=1)))
        raise DataError(f"Row {row:,} of the features is not finite.", expected="numbers, no NaN or infinity.")
