"""The layout of Food-101: 101 dishes, 1,000 photographs each.

meta/classes.txt                <class>, one a line: the names of the folders
meta/labels.txt                 what a person calls them, in the same order; may be absent
meta/train.txt, meta/test.txt   <class>/<image>, without an ending
images/<class>/<image>.jpg

The .json files beside the lists say the same and are not read.
"""

from collections.abc import Iterator

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.tables import Line, below_root, enter, read_lines, require_files, require_images
from fgtl.datasets import Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError

_CLASSES, _NAMES = "meta/classes.txt", "meta/labels.txt"
_LISTS = {"meta/train.txt": "train", "meta/test.txt": "test"}


@READERS.register("food_101")
def read_food_101(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in the order of train.txt, then test.txt; label = place of the class among the sorted ones.

    The id is the image as listed, "<class>/<image>".

    Raises:
        DataError: with file and line: something is missing, inconsistent, or not what the card says.
    """
    check_options(card, ())
    require_files(card, tree, [_CLASSES, *_LISTS])
    classes = _read_unique(tree, _CLASSES)
    names = _read_names(tree, classes)
    labels = {name: label for label, name in enumerate(sorted(classes))}
    images: dict[str, Line] = {}
    samples = []
    for file, split in _LISTS.items():
        for line in read_lines(tree, file):
            image = below_root(line, line.text)
            folder = image.partition("/")[0]
            if folder not in labels or folder == image:
                raise line.error(f"{image!r} is no image of a class in classes.txt", expected="<class>/<image>.")
            path = f"images/{image}.jpg"
            enter(images, path, line, "the image")
            samples.append(Sample(image, path, labels[folder], names[folder], split))
    require_images(card, tree, images)
    check_counts(card, samples, len(labels), tree.where())
    yield from samples


def _read_unique(tree: Tree, file: str) -> list[str]:
    seen: dict[str, Line] = {}
    for line in read_lines(tree, file):
        enter(seen, line.text, line, "the class")
    return list(seen)


def _read_names(tree: Tree, classes: list[str]) -> dict[str, str]:
    """Class -> what a person calls it."""
    if not tree.is_file(_NAMES):
        return {name: name.replace("_", " ") for name in classes}
    names = _read_unique(tree, _NAMES)
    if len(names) != len(classes):
        raise DataError(
            f"{tree.where(_NAMES)} names {len(names):,} classes.",
            expected=f"{len(classes):,}, one for each line of classes.txt.",
        )
    return dict(zip(classes, names, strict=True))
