"""The images of a source or target: small pixels for the nets, features of the common extractor for the distance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.similarity import Collection
from fgtl.data.knobs import ViewKnobs
from fgtl.data.records import RecordSet
from fgtl.data.splits import ranks_in_class
from fgtl.errors import DataError
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.meta import SPLITS
from scripts.experiment_similarity.design import Classes

_TEST = SPLITS.index("test")


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a record set of which classes take part.

    Attributes:
        features: (N, D) of the common extractor, with labels and ids.
        test: (N,) bool, images of the test split.
        ranks: (N,) int64, place of an image in its class, by a hash of its id.
        pixels: (N, S, S, 3) uint8; none where no net is left to train.
    """

    features: Features
    test: NDArray[np.bool_]
    ranks: NDArray[np.int64]
    pixels: NDArray[np.uint8] | None

    def rows(self, label: int) -> NDArray[np.int64]:
        """Its images of a class, in the order of their ranks."""
        own = np.flatnonzero(self.features.labels == label)
        return own[np.argsort(self.ranks[own])]


@dataclass(frozen=True, eq=False)
class Part:
    """Some images of one source or target; its classes are numbered from 0.

    Attributes:
        features: n images in the common extractor.
        pixels: (n, S, S, 3) uint8; none where no net is left to train.
        collection: the same images as one domain, by record set.
        record_sets: where they are from, named as in the design.
    """

    features: Features
    pixels: NDArray[np.uint8] | None
    collection: Collection
    record_sets: tuple[str, ...]


def load_images(records: RecordSet, found: FeatureSet, classes: list[str], size: int | None) -> Images:
    """The images of some classes of a record set.

    Args:
        records: the record set.
        found: features of its images.
        classes: names of the classes.
        size: side of the small pixels, whole images squeezed to squares; None: no pixels.

    Memory: 3 * size^2 bytes an image, and its features.
    """
    labels = [records.class_names.index(word) for word in classes]
    rows = np.flatnonzero(np.isin(found.labels, labels))
    features = Features(found.features[rows], found.labels[rows], found.ids[rows], found.class_names)
    pixels = None if size is None else _pixels(records, features.ids, size)
    ranks, _ = ranks_in_class(features, 0, "experiment_similarity")
    return Images(features, found.splits[rows] == _TEST, ranks, pixels)


def _pixels(records: RecordSet, ids: NDArray[np.str_], size: int) -> NDArray[np.uint8]:
    from fgtl.data.views import evaluation_batches

    every = records.select("+".join(split for split in SPLITS if records.counts.get(split)))
    row_of = {word: row for row, word in enumerate(every.ids.tolist())}
    selection = every.take([row_of[word] for word in ids.tolist()])
    batches = evaluation_batches(selection, ViewKnobs(image_size=size, eval_crop=1.0))
    seen = [np.rint(images.numpy()).astype(np.uint8) for images, _, _ in batches]
    return np.concatenate(seen)[: len(selection)]


def source_parts(name: str, classes: Classes, images: Mapping[str, Images], per_class: int) -> tuple[Part, Part]:
    """(training, validation) images of a source: the first `per_class` of each class by rank, and all others.

    The official split plays no part, as no class of a source is tested on.

    Raises:
        DataError: a class has no image left to validate with.
    """
    found = _by_class(classes, images)
    for one in found:
        if len(one.rows) <= per_class:
            raise DataError(
                f"{one.word} of {one.place} has {len(one.rows)} images.",
                expected=f"more than the {per_class} to train with.",
                fix="A smaller --images_per_class, or another design.",
            )
    train = [one.keep(one.rows[:per_class]) for one in found]
    return _part(name, train, images), _part(name, [one.keep(one.rows[per_class:]) for one in found], images)


def target_parts(name: str, classes: Classes, images: Mapping[str, Images]) -> tuple[Part, Part]:
    """(training, test) images of a target, as the record set splits them; a validation split belongs to training.

    Raises:
        DataError: a class has no images in one of them.
    """
    found = _by_class(classes, images)
    tested = [images[one.place].test[one.rows] for one in found]
    for one, test in zip(found, tested, strict=True):
        if test.all() or not test.any():
            raise DataError(
                f"{one.word} of {one.place} has {np.sum(~test)} training and {np.sum(test)} test images.",
                expected="some of both, in a target.",
            )
    train = [one.keep(one.rows[~test]) for one, test in zip(found, tested, strict=True)]
    held = [one.keep(one.rows[test]) for one, test in zip(found, tested, strict=True)]
    return _part(name, train, images), _part(name, held, images)


@dataclass(frozen=True, eq=False)
class _Class:
    """Rows of a class (`word`) in the images of a record set (`place`)."""

    place: str
    word: str
    rows: NDArray[np.int64]

    def keep(self, rows: NDArray[np.int64]) -> "_Class":
        return replace(self, rows=rows)


def _by_class(classes: Classes, images: Mapping[str, Images]) -> list[_Class]:
    labels = {place: images[place].features.class_names.index for place in classes}
    return [
        _Class(place, word, images[place].rows(labels[place](word)))
        for place, words in classes.items()
        for word in words
    ]


def _part(name: str, chosen: Sequence[_Class], images: Mapping[str, Images]) -> Part:
    places = list(dict.fromkeys(one.place for one in chosen))
    taken = [images[one.place].features.take(one.rows) for one in chosen]
    features = Features(
        np.concatenate([one.features for one in taken]),
        np.repeat(np.arange(len(taken), dtype=np.int32), [len(one) for one in taken]),
        np.array([f"{one.place}/{word}" for one in chosen for word in images[one.place].features.ids[one.rows]]),
        tuple(f"{one.place}/{one.word}" for one in chosen),
    )
    pixels = [every[one.rows] for one in chosen if (every := images[one.place].pixels) is not None]
    domain = tuple(
        images[place].features.take(np.concatenate([one.rows for one in chosen if one.place == place]))
        for place in places
    )
    return Part(features, np.concatenate(pixels) if pixels else None, Collection(name, domain), tuple(places))
