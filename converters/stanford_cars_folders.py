"""Stanford Cars as mirrors have sorted it: a folder per class, named as the class, in train/ and test/.

train/<class name>/*.jpg, test/<class name>/*.jpg       "Ram C/V Cargo Van Minivan 2012" is in "Ram C-V Cargo ..."
anno_train.csv, anno_test.csv                           <file>,<x1>,<y1>,<x2>,<y2>,<class from 1>; some mirrors have them

Sorted folders are in another order than the official classes, so labels come from the official list of names.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from fgtl.console import warn
from fgtl.converters.pixel_boxes import box_from_one
from fgtl.converters.tables import Line, enter, integer, number, read_lines
from fgtl.datasets import Box, Card, Sample
from fgtl.downloads import Tree
from fgtl.downloads.names import ends_like_an_image
from fgtl.errors import DataError, did_you_mean

_TOPS = ("", "car_data/", "car_data/car_data/")


def find_folders(tree: Tree, splits: list[str]) -> dict[str, str]:
    """Split -> its folder; empty when the first split has none."""
    for top in _TOPS:
        if tree.is_folder(f"{top}{splits[0]}"):
            return {split: f"{top}{split}" for split in splits}
    return {}


def read_folders(card: Card, tree: Tree, folders: Mapping[str, str], names: list[str]) -> list[Sample]:
    """Samples sorted by path, training before test.

    Args:
        card: for messages.
        tree: with the folders of `find_folders`.
        folders: split -> folder.
        names: the official class names in label order.

    Raises:
        DataError: a folder is none of the classes, or an annotation does not fit.
    """
    if not names:
        raise DataError(
            f"{tree.where()} holds folders by class, whose labels devkit/cars_meta.mat or the card would tell.",
            expected="devkit/cars_meta.mat, or the option class_names on the card.",
        )
    labels = {_key(name): label for label, name in enumerate(names)}
    samples = []
    for split, folder in folders.items():
        boxes = _read_boxes(tree, f"anno_{split}.csv", len(names))
        for path in filter(ends_like_an_image, tree.walk(folder)):
            name = str(PurePosixPath(path).relative_to(folder).parent)
            if _key(name) not in labels:
                raise DataError(
                    f"{tree.where(path)} lies in {name!r}, which is no class of {card.title or card.name}.",
                    expected="a folder named as the class.",
                    fix=did_you_mean(name, names),
                )
            label = labels[_key(name)]
            box = _box_of(boxes, path, label)
            samples.append(Sample(path, path, label, names[label], split, boxes=(box,) if box else ()))
    if "boxes" in card.annotations and not all(sample.boxes for sample in samples):
        warn(f"{tree.where()}: not every image has a box; folders by class come without unless anno_*.csv are there.")
    return samples


def _key(name: str) -> str:
    """What is left of a class name in a folder's name, whatever was put in place of "/" and blanks."""
    return re.sub(r"[\W_]+", "", name).lower()


def _read_boxes(tree: Tree, file: str, classes: int) -> dict[str, tuple[Line, Box, int]]:
    """File name -> (its line, its box, its label); empty when there is no such list."""
    if not tree.is_file(file):
        return {}
    lines: dict[str, Line] = {}
    found: dict[str, tuple[Line, Box, int]] = {}
    for line in read_lines(tree, file):
        name, *texts = (text.strip() for text in line.text.split(","))
        if len(texts) != 5:
            raise line.error(f"{line.text!r} cannot be read", expected="<file>,<x1>,<y1>,<x2>,<y2>,<class>.")
        enter(lines, name, line, "the image")
        label = integer(line, texts[4], "class")
        if not 1 <= label <= classes:
            raise line.error(f"class {label}", expected=f"1 to {classes:,}.")
        x0, y0, x1, y1 = (number(line, text, "the box's side") for text in texts[:4])
        found[name] = (line, box_from_one(line, x0, y0, x1, y1), label - 1)
    return found


def _box_of(boxes: Mapping[str, tuple[Line, Box, int]], path: str, label: int) -> Box | None:
    name = PurePosixPath(path).name
    if name not in boxes:
        return None
    line, box, annotated = boxes[name]
    if annotated != label:
        raise line.error(f"class {annotated + 1}, but {path!r} lies in the folder of class {label + 1}")
    return box
