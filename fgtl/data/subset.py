"""A part of a data set: chosen classes, so many training images a class, without or tested on images of a list."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from fgtl.console import warn
from fgtl.data.chosen_classes import chosen_labels
from fgtl.data.image_lists import listed_ids, listed_images, with_test_split, without
from fgtl.data.splits import hash_order
from fgtl.datasets import Card, Sample
from fgtl.errors import DataError
from fgtl.knobs import Knobs, flag


@dataclass(frozen=True)
class SubsetKnobs(Knobs):
    """Which part of the data set."""

    classes: str = flag("", "only these: names or labels with commas between, or a text file with one a line (@FILE)")
    max_per_class: int = flag(0, "training images of a class to keep, by hash of (seed, id); 0 = all", low=0)
    exclude: Path | None = flag(None, "text file of image ids to leave out, one a line, such as fgtl audit writes")
    test_list: Path | None = flag(None, "text file of image paths: these become the test split, all others training")


@dataclass(frozen=True)
class Subset:
    """What is left of a data set.

    Attributes:
        card: without the official counts where they no longer hold.
        samples: in the reader's order; labels 0 ... K-1 when classes were chosen.
        settings: what was asked for, None where nothing was; lists by the sha256 of what they say (one entry a line), not by
            their files' names.
    """

    card: Card
    samples: Sequence[Sample]
    settings: Mapping[str, Any]


def subset(card: Card, samples: Sequence[Sample], knobs: SubsetKnobs, seed: int) -> Subset:
    """Apply the test list, leave out what is excluded, choose the classes, then thin out the training images.

    A function of the samples as a set, the lists' content and the seed. Chosen classes keep their names and official
    order, and are numbered anew without gaps. The training images kept with a smaller `max_per_class` are among those
    kept with a larger one; evaluation splits stay whole.

    Cost: a pass over the samples for each thing asked for; only samples whose label or split changes are copied
    (some 5 us each). Memory: some 40 bytes a sample besides the samples.

    Raises:
        UsageError: a class that does not exist on the command line, or a test list beside an official test split.
        DataError: with file and line: a list names something twice, or something that is not there. No training
            image is left.
    """
    settings: dict[str, Any] = {"classes": None, "max_per_class": knobs.max_per_class or None, "test_list": None}
    if knobs.test_list is not None:
        listed = listed_images(knobs.test_list)
        samples = with_test_split(card, samples, listed)
        settings["test_list"] = {"images": len(listed), "sha256": _digest(listed)}
    if knobs.exclude is not None:
        excluded = listed_ids(knobs.exclude)
        samples = without(card, samples, excluded)
        if excluded:
            # Not None otherwise: sets that were written before this could be asked for have other plans then.
            settings["exclude"] = {"images": len(excluded), "sha256": _digest(excluded)}
    if knobs.classes:
        names = {sample.label: sample.class_name for sample in samples}
        labels = chosen_labels(card, names, knobs.classes)
        samples = _of_classes(samples, labels)
        settings["classes"] = {"chosen": len(labels), "sha256": _digest(names[label] for label in labels)}
        card = replace(card, classes=len(labels))
    if knobs.max_per_class:
        samples = _thinned(samples, knobs.max_per_class, seed)
    if any(settings.values()):
        card = replace(card, images={})
        _check_trained(card, samples)
    return Subset(card, samples, settings)


def _digest(entries: Iterable[str]) -> str:
    """Hex digest of a file with these lines: of a plain list, what `sha256sum` prints."""
    text = "".join(f"{entry}\n" for entry in entries)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _of_classes(samples: Sequence[Sample], labels: Sequence[int]) -> list[Sample]:
    new = {old: label for label, old in enumerate(labels)}
    return [
        sample if sample.label == new[sample.label] else replace(sample, label=new[sample.label])
        for sample in samples
        if sample.label in new
    ]


def _thinned(samples: Sequence[Sample], most: int, seed: int) -> list[Sample]:
    """At most `most` training images of each class, those that come first by hash."""
    labels = np.fromiter(
        (sample.label if sample.split == "train" else -1 for sample in samples), np.int64, len(samples)
    )
    by_label = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[by_label], prepend=-1))
    keep = np.ones(len(samples), bool)
    for rows in np.split(by_label, starts)[1:]:
        if len(rows) > most:
            order = hash_order(seed, "max_per_class", [samples[row].id for row in rows.tolist()])
            keep[rows[order[most:]]] = False
    return list(compress(samples, keep.tolist()))


def _check_trained(card: Card, samples: Sequence[Sample]) -> None:
    """DataError without any training image; only a warning for a class without: retrieval tests on unseen classes."""
    trained = Counter({sample.label: 0 for sample in samples})
    trained.update(sample.label for sample in samples if sample.split == "train")
    lacking = sorted(label for label, images in trained.items() if not images)
    if len(lacking) == len(trained):
        raise DataError(
            f"No training image of {card.title or card.name} is left.",
            expected="some in the classes that are chosen, and on neither list of images.",
        )
    if lacking:
        warn(f"{card.title or card.name}: {len(lacking):,} of {len(trained):,} classes have no training image now.")
