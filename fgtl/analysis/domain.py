"""A domain: the means of its classes in feature space, each weighted by its images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import DataError, InputError, UsageError, expect_rank
from fgtl.features.class_means import class_means
from fgtl.features.feature_set import Features


@dataclass(frozen=True, eq=False)
class Domain:
    """Classes as weighted points {(c_i, w_i)} (Cui et al. 2018, section 4.1).

    Attributes:
        name: for people.
        means: (m, D) float, mean feature of each class; m >= 1.
        weights: (m,) float64, images of each class; positive. Only their proportions matter.
        class_names: (m,).
        labels: (m,) int, of the classes in their data set.
        parts: (m,) int, which of the joined data sets a class is of; 0 for all where there is one.
        without_images: classes that were left out because no image is of them.
        too_few: classes that were left out because they have too few images.

    Raises:
        InputError: the arrays do not fit each other, or a weight is not a positive number.
        DataError: a mean is not finite.
    """

    name: str
    means: NDArray[np.floating]
    weights: NDArray[np.float64]
    class_names: tuple[str, ...]
    labels: NDArray[np.int64]
    parts: NDArray[np.int64]
    without_images: int = 0
    too_few: int = 0

    def __post_init__(self) -> None:
        expect_rank(self.means, 2, f"means of {self.name}", "(m, D)")
        expect_rank(self.weights, 1, f"weights of {self.name}", "(m,)")
        lengths = {len(column) for column in (self.means, self.weights, self.class_names, self.labels, self.parts)}
        if len(lengths) > 1 or not self.means.size:
            raise InputError(
                f"{self.name}: means {self.means.shape}, weights {self.weights.shape}, "
                f"{len(self.class_names)} class names.",
                expected="one row, weight and name of each class, and at least one class.",
            )
        wrong = np.flatnonzero(~(np.isfinite(self.weights) & (self.weights > 0)))
        if len(wrong):
            raise InputError(
                f"{self.name}: the class {self.class_names[wrong[0]]} has the weight {self.weights[wrong[0]]:g}.",
                expected="a positive number of images; leave classes without images out.",
            )
        bad = np.flatnonzero(~np.isfinite(self.means).all(axis=1))
        if len(bad):
            raise DataError(
                f"{self.name}: the mean of the class {self.class_names[bad[0]]} is not finite.",
                expected="features without NaN and infinity.",
            )

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def images(self) -> float:
        """All images of its classes."""
        return float(self.weights.sum())

    @property
    def shares(self) -> NDArray[np.float64]:
        """(m,) p_i = w_i / sum(w)."""
        return self.weights / self.weights.sum()


def domain(
    means: NDArray[np.floating], weights: Sequence[float] | NDArray[np.floating], name: str = "domain"
) -> Domain:
    """The domain of class means and image counts that are at hand.

    Args:
        means: (m, D), mean feature of each class.
        weights: (m,) images of each class, positive; only their proportions matter.
        name: for people.

    Raises:
        InputError, DataError: see `Domain`.
    """
    rows = np.arange(len(means))
    names = tuple(f"class {row}" for row in rows)
    return Domain(name, np.asarray(means), np.asarray(weights, np.float64), names, rows, np.zeros_like(rows))


def domain_of(features: Features, name: str, *, min_images: int = 0) -> Domain:
    """The domain of a data set's images: arithmetic mean of the raw features of each class, and how many it has.

    Args:
        features: N images. Classes without an image are left out and counted.
        name: for people.
        min_images: classes with fewer images are left out and counted; the paper's sources: 200.

    Raises:
        InputError: labels and features do not fit each other, or there are none.
        DataError: a feature is not finite.
        UsageError: no class is left.

    Cost: one pass over the features.
    """
    means, counts, labels = class_means(features.features, features.labels)
    classes = len(features.class_names)
    wrong = np.flatnonzero((features.labels < 0) | (features.labels >= classes))
    if len(wrong):
        raise InputError(
            f"{name}: row {wrong[0]:,} has the label {features.labels[wrong[0]]}.",
            expected=f"0 to {classes - 1}, as there are {classes:,} class names.",
        )
    made = Domain(
        name=name,
        means=means,
        weights=counts.astype(np.float64),
        class_names=tuple(features.class_names[label] for label in labels),
        labels=labels.astype(np.int64),
        parts=np.zeros(len(labels), np.int64),
        without_images=classes - len(labels),
    )
    return at_least(made, min_images)


def at_least(whole: Domain, min_images: int) -> Domain:
    """The domain without the classes that have fewer than `min_images` images.

    Raises:
        UsageError: no class is left.
    """
    kept = whole.weights >= min_images
    if kept.all():
        return whole
    if not kept.any():
        raise UsageError(
            f"All {len(whole):,} classes of {whole.name} have fewer than {min_images} images.",
            expected=f"some with as many; its largest has {whole.weights.max():,.0f}.",
            fix="A smaller --min_images leaves some.",
        )
    return Domain(
        name=whole.name,
        means=whole.means[kept],
        weights=whole.weights[kept],
        class_names=tuple(name for name, keep in zip(whole.class_names, kept, strict=True) if keep),
        labels=whole.labels[kept],
        parts=whole.parts[kept],
        without_images=whole.without_images,
        too_few=whole.too_few + int(np.count_nonzero(~kept)),
    )


def joined(domains: Sequence[Domain], name: str) -> Domain:
    """Several domains as one: their classes side by side with their raw counts, as the paper joins ImageNet and iNat.

    Raises:
        InputError: none, or features of different dimensions.
    """
    if len({one.means.shape[1] for one in domains}) != 1:
        sizes = ", ".join(f"{one.name} {one.means.shape[1]:,}" for one in domains)
        raise InputError(f"Domains of different dimensions: {sizes or 'none'}.", expected="features of one extractor.")
    firsts = np.cumsum([0, *(int(one.parts.max()) + 1 for one in domains)])
    return Domain(
        name=name,
        means=np.concatenate([one.means for one in domains]),
        weights=np.concatenate([one.weights for one in domains]),
        class_names=tuple(class_name for one in domains for class_name in one.class_names),
        labels=np.concatenate([one.labels for one in domains]),
        parts=np.concatenate([one.parts + first for one, first in zip(domains, firsts, strict=False)]),
        without_images=sum(one.without_images for one in domains),
        too_few=sum(one.too_few for one in domains),
    )
