"""The open-world setting: few classes are known, and few of their images labelled; other classes are for testing.

Images fall into four parts (Smooth-AP and its self-training by pseudo-labels use them on iNaturalist 2018):
L_in    labelled images of the known classes,
U_in    unlabelled images of the same classes,
U_out   unlabelled images of other training classes,
test    images of classes that training never sees.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from fgtl.data.splits import hash_order
from fgtl.datasets import SPLITS, Sample
from fgtl.errors import DataError, UsageError
from fgtl.knobs import LARGEST_SEED, Knobs, flag

STRATA = ("folder", "taxonomy", "none")


@dataclass(frozen=True)
class OpenWorldKnobs(Knobs):
    """Who is known, labelled, and tested on."""

    seed: int = flag(0, "which classes and images are drawn", low=0, high=LARGEST_SEED)
    pool: tuple[str, ...] = flag(SPLITS, "official splits whose images are divided", choices=SPLITS)
    test_share: float = flag(
        0.3, "share of the classes of each group held out for testing, rounded up (iNat-2018: 2,452)", low=0, high=0.9
    )
    strata: str = flag(
        "folder",
        "groups of classes: by the folder above the class folder, the top of the taxonomy, or none",
        choices=STRATA,
    )
    known_one_in: int = flag(6, "one in so many training classes is known (iNat-2018: 948 of 5,690)", low=1)
    labelled_share: float = flag(
        0.612, "share of each known class's images that is labelled (from 29,011 of 47,414)", low=0.0, high=1.0
    )
    min_labelled: int = flag(2, "labelled images that each known class has at least", low=1)
    min_images: int = flag(3, "images a class needs; those with fewer are left out", low=2)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_images <= self.min_labelled:
            raise UsageError(
                f"--min_images={self.min_images} and --min_labelled={self.min_labelled}.",
                expected="more images than labelled ones, so that a known class has an unlabelled image too.",
            )


class Listed(NamedTuple):
    """One image: its path below the data root, its id, and its true label in the data set."""

    path: str
    id: str
    label: int


@dataclass(frozen=True)
class OpenWorld:
    """The four parts, each by (label, path). What training may know is `labelled_as`; `true_label` is for measuring."""

    labelled: tuple[Listed, ...]
    unlabelled_known: tuple[Listed, ...]
    unlabelled_unknown: tuple[Listed, ...]
    test: tuple[Listed, ...]

    @property
    def train(self) -> tuple[Listed, ...]:
        """L_in, then U_in, then U_out: the order that the original code counts on."""
        return self.labelled + self.unlabelled_known + self.unlabelled_unknown

    def labelled_as(self) -> dict[str, int]:
        """Image id -> label of L_in, and of nothing else."""
        return {image.id: image.label for image in self.labelled}

    def true_label(self) -> dict[str, int]:
        """Image id -> label of every image, the test images' too. Only for measuring."""
        return {image.id: image.label for image in self.train + self.test}


def divide(samples: Iterable[Sample], knobs: OpenWorldKnobs) -> OpenWorld:
    """Draw the test classes, the known classes, and their labelled images.

    * Of each group of n classes, ceil(test_share * n) are test classes; classes alone in their group form one together.
      With iNaturalist 2018, whose images lie in <super category>/<class>, this gives the 5,690 / 2,452 classes of the
      published split. (Derived from these sums: which classes it holds out was not published with a rule.)
    * Of the N training classes, floor(N / known_one_in) are known, but at least one.
    * Of a known class's n images, round(labelled_share * n) are labelled, but at least `min_labelled` and at most n - 1.

    Drawn first are those whose hash of (seed, class name or image id) is smallest: adding one moves few others. (So
    iNaturalist 2018 with its true names, categories.json, is another draw than without.)
    The samples' order plays no part.

    Memory: a path, an id and a label an image.

    Raises:
        DataError: no class has enough images, none is left for training, or two classes have one name.
    """
    images: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.split in knobs.pool:
            images[sample.label].append(sample)
    images = {
        label: sorted(images[label], key=lambda sample: sample.path)
        for label in sorted(images)
        if len(images[label]) >= knobs.min_images
    }
    names = _names(images)
    tested = _test_classes(images, names, knobs)
    trained = [label for label in images if label not in tested]
    if not trained:
        raise DataError(
            f"No class is left for training: {len(images):,} have {knobs.min_images} images or more, and "
            f"{len(tested):,} of them are held out for testing.",
            fix="Lower --min_images or --test_share, or choose other groups (--strata).",
        )
    known = set(_drawn(trained, names, max(1, len(trained) // knobs.known_one_in), knobs.seed, "known classes"))
    parts: dict[str, list[Listed]] = {"labelled": [], "unlabelled_known": [], "unlabelled_unknown": [], "test": []}
    for label, listed in images.items():
        chosen = _labelled(listed, knobs) if label in known else set()
        for sample in listed:
            part = "test" if label in tested else "unlabelled_unknown"
            if label in known:
                part = "labelled" if sample.id in chosen else "unlabelled_known"
            parts[part].append(Listed(sample.path, sample.id, label))
    return OpenWorld(**{part: tuple(listed) for part, listed in parts.items()})


def _names(images: Mapping[int, Sequence[Sample]]) -> dict[int, str]:
    names = {label: listed[0].class_name for label, listed in images.items()}
    owners: dict[str, int] = {}
    for label, name in names.items():
        if owners.setdefault(name, label) != label:
            raise DataError(f"The labels {owners[name]} and {label} are both called {name!r}.", expected="two names.")
    return names


def _test_classes(images: Mapping[int, Sequence[Sample]], names: Mapping[int, str], knobs: OpenWorldKnobs) -> set[int]:
    groups: dict[str, list[int]] = defaultdict(list)
    for label, listed in images.items():
        groups[_group(listed[0], knobs.strata)].append(label)
    # Otherwise sub-folders inside the class folders would make every class a group, and hold out all of them.
    alone = [label for labels in groups.values() if len(labels) == 1 for label in labels]
    # As it is written: 0.3 of 10 classes are 3, whatever the float nearest to 0.3 is.
    share = Fraction(str(knobs.test_share))
    return {
        label
        for labels in (alone, *(labels for labels in groups.values() if len(labels) > 1))
        for label in _drawn(labels, names, math.ceil(share * len(labels)), knobs.seed, "test classes")
    }


def _group(sample: Sample, strata: str) -> str:
    if strata == "taxonomy":
        return sample.hierarchy[0] if sample.hierarchy else ""
    return "/".join(sample.path.split("/")[:-2]) if strata == "folder" else ""


def _drawn(labels: Sequence[int], names: Mapping[int, str], count: int, seed: int, purpose: str) -> list[int]:
    order = hash_order(seed, purpose, [names[label] for label in labels])
    return [labels[place] for place in order[:count]]


def _labelled(images: Sequence[Sample], knobs: OpenWorldKnobs) -> set[str]:
    """Ids of a known class's labelled images."""
    share = Fraction(str(knobs.labelled_share))
    wanted = math.floor(share * len(images) + Fraction(1, 2))
    count = min(max(wanted, knobs.min_labelled), len(images) - 1)
    order = hash_order(knobs.seed, "labelled", [sample.id for sample in images])
    return {images[place].id for place in order[:count]}
