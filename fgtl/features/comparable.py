"""Features can be compared only where one extractor made them."""

from collections.abc import Sequence

from fgtl.errors import UsageError
from fgtl.features.feature_set import FeatureSet


def check_comparable(sets: Sequence[FeatureSet]) -> None:
    """Raise UsageError, with what differs, unless all sets were made by one extractor."""
    first = sets[0]
    ours = first.meta.extractor.as_dict()
    for other in sets[1:]:
        theirs = other.meta.extractor.as_dict()
        different = [
            f"{name} {_short(ours[name])} and {_short(theirs[name])}" for name in ours if ours[name] != theirs[name]
        ]
        if first.dim != other.dim:
            different.append(f"{first.dim:,} and {other.dim:,} numbers an image")
        if different:
            raise UsageError(
                f"{first.folder} and {other.folder} were made by different extractors: {'; '.join(different)}.",
                expected="features of one extractor; distances in another one's space mean something else.",
                fix="Extract both with the same --backbone, --weights, --image_size and --tap.",
            )


def _short(value: object) -> str:
    """A digest by its beginning; anything else whole."""
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text or "none"
