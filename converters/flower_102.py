"""The layout of Oxford Flowers-102: numbered photographs, their labels and the split in two MATLAB files.

jpg/image_00001.jpg ... image_08189.jpg
imagelabels.mat          labels: class 1..102 of image 1, 2, ...
setid.mat                trnid, valid, tstid: the images of training, validation and test

The download has no class names; the card's option `class_names` gives them.
"""

from collections.abc import Iterator

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.class_names import OPTION, names_on_card
from fgtl.converters.mat_files import Entry, read_mat
from fgtl.converters.tables import require_files, require_images
from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError

_LABELS, _SPLITS = "imagelabels.mat", "setid.mat"
_VARIABLES = {"train": "trnid", "validation": "valid", "test": "tstid"}


@READERS.register("flower_102")
def read_flower_102(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in the order of trnid, valid, tstid; label = class - 1; without names a class is called its number.

    Raises:
        DataError: with file and entry: something is missing, inconsistent, or not what the card says.
    """
    check_options(card, (OPTION,))
    require_files(card, tree, [_LABELS, _SPLITS])
    names = names_on_card(card)
    labels = _read_labels(tree, card.classes or len(names))
    classes = card.classes or len(names) or max(labels, default=-1) + 1
    listed: dict[str, Entry] = {}
    samples = []
    for split, number, entry in _read_splits(tree, len(labels)):
        stem = f"image_{number:05d}"
        listed[f"jpg/{stem}.jpg"] = entry
        label = labels[number - 1]
        class_name = names[label] if names else str(label + 1)
        samples.append(Sample(id=stem, path=f"jpg/{stem}.jpg", label=label, class_name=class_name, split=split))
    require_images(card, tree, listed)
    check_counts(card, samples, classes, tree.where())
    yield from samples


def _read_labels(tree: Tree, classes: int) -> list[int]:
    """Zero-based labels of image 1, 2, ...; `classes` is 0 where it is not known."""
    file = read_mat(tree, _LABELS)
    numbers = file.whole_numbers("labels")
    for image, number in enumerate(numbers, start=1):
        if number < 1 or (classes and number > classes):
            raise DataError(
                f"{file.file} entry {image}: class {number}.",
                expected=f"1 to {classes:,}." if classes else "classes from 1.",
            )
    return [number - 1 for number in numbers]


def _read_splits(tree: Tree, images: int) -> list[tuple[str, int, Entry]]:
    """(split, image, its entry); each of the images 1, 2, ... must be in exactly one of the three lists."""
    file = read_mat(tree, _SPLITS)
    seen: dict[int, str] = {}
    found = []
    for split, variable in _VARIABLES.items():
        for position, image in enumerate(file.whole_numbers(variable), start=1):
            entry = Entry(f"{file.file} {variable}", file.name, position, str(image))
            if not 1 <= image <= images:
                raise entry.error(f"image {image} has no label in {_LABELS}", expected=f"1 to {images:,}.")
            if image in seen:
                raise entry.error(f"image {image} is already in {seen[image]}")
            seen[image] = variable
            found.append((split, image, entry))
    absent = [image for image in range(1, images + 1) if image not in seen]
    if absent:
        raise DataError(
            f"{file.file} has image {absent[0]} in none of {', '.join(_VARIABLES.values())}.",
            expected=f"all {images:,} images of {_LABELS}; {len(seen):,} are there.",
        )
    return found
