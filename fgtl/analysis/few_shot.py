"""Accuracy with a handful of training images a class: ridge on a few draws of them."""

from dataclasses import dataclass

import numpy as np

from fgtl.analysis.ridge import RidgePath
from fgtl.data.splits import ranks_in_class
from fgtl.features.feature_set import Features
from fgtl.reports.intervals import mean_interval

# With one image a class nothing is left to choose by, so the penalty is the mean eigenvalue, for any number of shots.
PENALTY = 1.0


@dataclass(frozen=True)
class FewShot:
    """Accuracy with so many images a class.

    Attributes:
        shots: images a class.
        each: top-1 accuracy of each draw.
        interval: Student's 95 % of the mean over the draws; None of a single draw.
        short: classes that had fewer images, and gave all.
    """

    shots: int
    each: tuple[float, ...]
    interval: tuple[float, float] | None
    short: int

    @property
    def mean(self) -> float:
        """Over the draws."""
        return float(np.mean(self.each))


def few_shot(train: Features, test: Features, shots: int, seeds: int, seed: int = 0) -> FewShot:
    """Fit ridge on `shots` images of each class, `seeds` times, each time on others.

    Which images are drawn depends on (seed, id) only, so two feature sets of one data set are given the same ones.
    Source: the few-shot evaluation of big_vision (1, 5, 10 shots, three seeds, closed form).
    """
    classes = len(train.class_names)
    sizes = np.unique(train.labels, return_counts=True)[1]
    each = []
    for draw in range(seeds):
        ranks, _ = ranks_in_class(train, seed, f"few-shot {draw}")
        chosen = train.take(np.flatnonzero(ranks < shots))
        path = RidgePath(np.asarray(chosen.features), chosen.labels, classes)
        scores = next(path.scores(np.asarray(test.features), (PENALTY,)))
        each.append(float(np.mean(scores.argmax(axis=1) == test.labels)))
    interval = mean_interval(each) if seeds > 1 else None
    return FewShot(shots, tuple(each), interval, int(np.sum(sizes < shots)))
