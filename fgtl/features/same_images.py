"""Several feature sets of the same images: what different networks say of one data set."""

from collections.abc import Sequence

from fgtl.errors import UsageError
from fgtl.features.feature_set import FeatureSet


def check_same_images(sets: Sequence[FeatureSet], split: str) -> None:
    """Raise UsageError unless all sets hold the same images of a split, in whatever order, with the same classes and labels.

    Memory: a mapping of the ids of two sets.
    """
    first = sets[0]
    wanted = _labels_by_id(first, split)
    for other in sets[1:]:
        if other.class_names != first.class_names:
            raise UsageError(_difference(first, other), expected="feature sets of one data set.")
        found = _labels_by_id(other, split)
        if found != wanted:
            differ = sum(found.get(name) != label for name, label in wanted.items()) + len(found.keys() - wanted.keys())
            raise UsageError(
                f"{differ:,} images of {split} are in one of {first.folder} and {other.folder} only, or have other labels.",
                expected="feature sets of the same images.",
            )


def _difference(one: FeatureSet, other: FeatureSet) -> str:
    counts = len(one.class_names), len(other.class_names)
    if counts[0] != counts[1]:
        return f"{one.folder} has {counts[0]:,} classes, {other.folder} has {counts[1]:,}."
    pairs = zip(one.class_names, other.class_names, strict=True)
    label, (name, others) = next((label, pair) for label, pair in enumerate(pairs) if pair[0] != pair[1])
    return (
        f"The {counts[0]:,} classes of {one.folder} and {other.folder} have different names, the first class {label:,}: "
        f"{name!r} and {others!r}."
    )


def _labels_by_id(one: FeatureSet, split: str) -> dict[str, int]:
    rows = one.rows(split)
    return dict(zip(one.ids[rows].tolist(), one.labels[rows].tolist(), strict=True))
