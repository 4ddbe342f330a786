"""A seeded test split for data sets that come without one."""

import dataclasses
import hashlib
from collections.abc import Sequence

from fgtl.datasets import Card, Sample
from fgtl.errors import DataError

OPTIONS = ("test_fraction", "seed")


def held_out(card: Card, ids: Sequence[str]) -> set[str]:
    """Which images of one class are for testing: round(`test_fraction` x N) of them, at least one, but never all.

    They are the first by the hash of (seed, id), so that adding images moves few others.

    Args:
        card: options `test_fraction` (default 0.2; 0 for none) and `seed` (default 0).
        ids: of all images of the class.

    Raises:
        DataError: `test_fraction` is not a number from 0 to below 1.
    """
    fraction, seed = _fraction(card), card.options.get("seed", "0")
    count = min(max(round(fraction * len(ids)), 1 if fraction else 0), len(ids) - 1)
    return set(sorted(ids, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())[:count])


def divided(card: Card, samples: Sequence[Sample]) -> list[Sample]:
    """The samples in their order, `held_out` ones of each class in the test split and all others in train."""
    ids: dict[int, list[str]] = {}
    for sample in samples:
        ids.setdefault(sample.label, []).append(sample.id)
    chosen = {image for of_class in ids.values() for image in held_out(card, of_class)}
    splits = ("test" if sample.id in chosen else "train" for sample in samples)
    return [
        sample if sample.split == split else dataclasses.replace(sample, split=split)
        for sample, split in zip(samples, splits, strict=True)
    ]


def _fraction(card: Card) -> float:
    text = card.options.get("test_fraction", "0.2")
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction < 1:
        raise DataError(f"The card {card.name} has test_fraction = {text!r}.", expected="a number from 0 to below 1.")
    return fraction
