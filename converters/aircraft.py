"""The layout of FGVC-Aircraft: lists of images and their names at three levels.

fgvc-aircraft-2013b/data/                                   or the content of data/ alone
    images/<seven digits>.jpg
    variants.txt, families.txt, manufacturers.txt           a name a line
    images_<level>_<train, val, test>.txt                   <image id> <name, which may hold blanks>
    images_box.txt                                          <image id> <xmin> <ymin> <xmax> <ymax>, counted from 1,
                                                            inclusive; needed when the card has "boxes"

The level is the card's (--level): variant, family or manufacturer. The lower 20 rows of each image are a banner with
the copyright; they are kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.pixel_boxes import box_from_one
from fgtl.converters.tables import Line, below_root, enter, number, read_lines, require_files, require_images
from fgtl.datasets import Box, Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError, UsageError

# From the root of the hierarchy down.
_LEVELS = {"manufacturer": "manufacturers.txt", "family": "families.txt", "variant": "variants.txt"}
_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_BOXES = "images_box.txt"


@dataclass(frozen=True, slots=True)
class _Named:
    """An image in one of a level's three lists."""

    line: Line
    split: str
    label: int
    name: str


@READERS.register("aircraft")
def read_aircraft(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in list order, train before val before test; label = line in the level's list of names.

    The hierarchy goes from the manufacturer down to the level that is the class.

    Raises:
        DataError: with file and line: something is missing, inconsistent, or not what the card says.
        UsageError: the card's level is none of the three.
    """
    check_options(card, ())
    level = card.level or "variant"
    if level not in _LEVELS:
        raise UsageError(f"The card {card.name} has the level {level!r}.", expected=f"one of {', '.join(_LEVELS)}.")
    top = "data/" if tree.is_folder("data") else ""
    chain = list(_LEVELS)[: list(_LEVELS).index(level) + 1]
    files = [file for name in chain for file in _files(top, name)]
    if "hierarchy" not in card.annotations and not all(map(tree.is_file, files)):
        chain, files = [], _files(top, level)
    has_boxes = "boxes" in card.annotations or tree.is_file(top + _BOXES)
    require_files(card, tree, files + [top + _BOXES] * has_boxes)

    classes, images = _read_level(tree, top, level)
    ancestry = [_names_of_all(tree, top, name, images) for name in chain]
    boxes = _read_boxes(tree, top + _BOXES, images) if has_boxes else {}
    paths = {image: f"{top}images/{below_root(named.line, image)}.jpg" for image, named in images.items()}
    require_images(card, tree, {paths[image]: named.line for image, named in images.items()})
    samples = [
        Sample(
            id=image,
            path=paths[image],
            label=named.label,
            class_name=named.name,
            split=named.split,
            boxes=(boxes[image],) if has_boxes else (),
            hierarchy=tuple(names[image] for names in ancestry),
        )
        for image, named in images.items()
    ]
    check_counts(card, samples, classes, tree.where())
    yield from samples


def _files(top: str, level: str) -> list[str]:
    return [top + _LEVELS[level], *(f"{top}images_{level}_{split}.txt" for split in _SPLITS.values())]


def _read_level(tree: Tree, top: str, level: str) -> tuple[int, dict[str, _Named]]:
    """(number of classes, image id -> what the level's lists say), in list order."""
    names_file, *lists = _files(top, level)
    owners: dict[str, Line] = {}
    labels: dict[str, int] = {}
    for line in read_lines(tree, names_file):
        enter(owners, line.text, line, f"the {level}")
        labels[line.text] = len(labels)
    lines: dict[str, Line] = {}
    images: dict[str, _Named] = {}
    for split, file in zip(_SPLITS, lists, strict=True):
        for line in read_lines(tree, file):
            image, _, name = line.text.partition(" ")
            if name.strip() not in labels:
                raise line.error(
                    f"{line.text!r} cannot be read", expected=f"<image id> <{level}>, one of those in {names_file}."
                )
            enter(lines, image, line, "image id")
            images[image] = _Named(line, split, labels[name.strip()], name.strip())
    return len(labels), images


def _names_of_all(tree: Tree, top: str, level: str, images: Mapping[str, _Named]) -> dict[str, str]:
    """Image id -> its name at a level; every image must have one."""
    _, named = _read_level(tree, top, level)
    for image, listed in images.items():
        if image not in named:
            raise listed.line.error(f"image {image} has no {level}", expected=f"it in an images_{level}_ list.")
    return {image: named[image].name for image in images}


def _read_boxes(tree: Tree, file: str, images: Mapping[str, _Named]) -> dict[str, Box]:
    """The box of each image, half-open and from 0; boxes of other images are not of interest."""
    lines: dict[str, Line] = {}
    boxes: dict[str, Box] = {}
    for line in read_lines(tree, file):
        image, *texts = line.text.split()
        if len(texts) != 4:
            raise line.error(f"{line.text!r} cannot be read", expected="<image id> <xmin> <ymin> <xmax> <ymax>.")
        enter(lines, image, line, "image id")
        x0, y0, x1, y1 = (
            number(line, text, side) for text, side in zip(texts, ("xmin", "ymin", "xmax", "ymax"), strict=True)
        )
        boxes[image] = box_from_one(line, x0, y0, x1, y1)
    absent = [image for image in images if image not in boxes]
    if absent:
        raise DataError(
            f"{tree.where(file)} has no line for image {absent[0]} ({images[absent[0]].line.where}).",
            expected=f"{len(images):,} images; {len(images) - len(absent):,} of them are there.",
        )
    return boxes
