"""What every reader checks in the end: the samples against the card."""

from collections import Counter
from collections.abc import Iterable, Sequence

from fgtl.datasets import SPLITS, Card, Sample
from fgtl.errors import DataError, did_you_mean


def check_options(card: Card, known: Iterable[str]) -> None:
    """DataError when the card has an option that its layout's reader does not know."""
    for key in card.options:
        if key not in known:
            raise DataError(
                f"The card {card.name} has the option {key!r}, which the layout {card.layout!r} does not know.",
                expected=f"{', '.join(known) or 'no options'}.",
                fix=did_you_mean(key, known),
            )


def check_counts(card: Card, samples: Sequence[Sample], classes: int, where: str) -> None:
    """DataError, with both numbers, when classes or images of a split are not as many as the card says.

    Args:
        card: with `classes` and `images`, where they are fixed.
        samples: everything the reader found.
        classes: how many classes the reader found.
        where: what was read, for the message (`Tree.where`).
    """
    found = Counter(sample.split for sample in samples)
    if not found["train"]:
        raise DataError(f"{where} has no training images.", fix=card.where_from())
    pairs = [("classes", card.classes, classes)] if card.classes is not None else []
    if card.images:
        pairs += [(f"{split} images", card.images.get(split, 0), found[split]) for split in SPLITS]
    wrong = [(what, said, there) for what, said, there in pairs if said != there]
    if wrong:
        raise DataError(
            f"{where} does not agree with the card {card.name}: "
            + ", ".join(f"{there:,} {what} instead of {said:,}" for what, said, there in wrong)
            + ".",
            expected=", ".join(f"{said:,} {what}" for what, said, _ in pairs) + ".",
            fix="For a part of the data set give --subset, which takes the counts as they are.",
        )
