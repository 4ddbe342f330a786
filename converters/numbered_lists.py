"""Lists keyed by image id, one for each thing that is known of an image, as CUB-200-2011 and NABirds have them.

images.txt               <image id> <path below images/>
image_class_labels.txt   <image id> <class id>
train_test_split.txt     <image id> <1 train, 0 test>
classes.txt              <class id> <name>
bounding_boxes.txt       <image id> <x> <y> <width> <height>            needed when the card has "boxes"
parts/parts.txt          <part id> <name>                               both needed when the card has "parts"
parts/part_locs.txt      <image id> <part id> <x> <y> <1 visible>

Image ids are any words: CUB counts, NABirds has uuids. Class and part ids are whole numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fgtl.converters.tables import (
    Line,
    below_root,
    enter,
    integer,
    number,
    read_lines,
    require_files,
    require_images,
)
from fgtl.datasets import Box, Card, PartPoint, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError

CLASSES = "classes.txt"
_LISTS = ["images.txt", "image_class_labels.txt", "train_test_split.txt", CLASSES]
_BOXES = "bounding_boxes.txt"
_PARTS = ["parts/parts.txt", "parts/part_locs.txt"]


@dataclass(frozen=True)
class Category:
    """What a class id of the lists means: the fields of `Sample` that all its images share."""

    label: int
    class_name: str
    hierarchy: tuple[str, ...] = ()


@dataclass(frozen=True)
class NumberedLists:
    """Everything but the meaning of the class ids, by image id in the order of images.txt.

    Attributes:
        paths: names below the tree's top.
        class_ids: as listed; each is in classes.txt.
        splits: "train" or "test".
        boxes, parts: empty when the data set has none.
    """

    paths: Mapping[str, str]
    class_ids: Mapping[str, int]
    splits: Mapping[str, str]
    boxes: Mapping[str, Box]
    parts: Mapping[str, tuple[PartPoint, ...]]

    def samples(self, categories: Mapping[int, Category]) -> list[Sample]:
        """A sample for each image, in the order of images.txt."""
        return [
            Sample(
                id=image,
                path=path,
                label=categories[self.class_ids[image]].label,
                class_name=categories[self.class_ids[image]].class_name,
                split=self.splits[image],
                boxes=(self.boxes[image],) if self.boxes else (),
                parts=self.parts.get(image, ()),
                hierarchy=categories[self.class_ids[image]].hierarchy,
            )
            for image, path in self.paths.items()
        ]


def read_numbered_lists(card: Card, tree: Tree, class_ids: Mapping[int, object]) -> NumberedLists:
    """Read every list but classes.txt, and see that each image is there.

    Args:
        card: which of boxes and parts must be there; without being required they are read where they are.
        tree: the lists lie at its top.
        class_ids: the ids that image_class_labels.txt may use.

    Raises:
        DataError: with file and line: something is missing, twice there or cannot be read.
    """
    has_boxes = "boxes" in card.annotations or tree.is_file(_BOXES)
    has_parts = "parts" in card.annotations or any(tree.is_file(name) for name in _PARTS)
    require_files(card, tree, _LISTS + [_BOXES] * has_boxes + _PARTS * has_parts)
    images, paths = _read_images(tree)
    lists = NumberedLists(
        paths=paths,
        class_ids=_read_class_ids(tree, images, class_ids),
        splits=_read_splits(tree, images),
        boxes=_read_boxes(tree, images) if has_boxes else {},
        parts=_read_parts(card, tree, images) if has_parts else {},
    )
    require_images(card, tree, {path: images[image] for image, path in paths.items()})
    return lists


def read_names(card: Card, tree: Tree, file: str, what: str) -> dict[int, tuple[Line, str]]:
    """id -> (its line, its name) of a list "<id> <name>", in the order of the ids; names may repeat.

    Raises:
        DataError: there is no such file, an id is there twice, or a line cannot be read.
    """
    require_files(card, tree, [file])
    lines: dict[int, Line] = {}
    names: dict[int, tuple[Line, str]] = {}
    for line in read_lines(tree, file):
        text, (name,) = _words(line, 1, f"<{what} id> <name>")
        key = integer(line, text, f"{what} id")
        enter(lines, key, line, f"{what} id")
        names[key] = (line, name)
    return dict(sorted(names.items()))


def distinct(names: Mapping[int, tuple[Line, str]], what: str) -> dict[int, str]:
    """id -> name; DataError naming the line of a name that an earlier id has."""
    owners: dict[str, Line] = {}
    for line, name in names.values():
        enter(owners, name, line, f"the {what}")
    return {key: name for key, (_, name) in names.items()}


def _read_images(tree: Tree) -> tuple[dict[str, Line], dict[str, str]]:
    """(image id -> its line, image id -> path of the image) of images.txt."""
    lines: dict[str, Line] = {}
    owners: dict[str, Line] = {}
    paths: dict[str, str] = {}
    for line in read_lines(tree, "images.txt"):
        image, (text,) = _words(line, 1, "<image id> <path>")
        enter(lines, image, line, "image id")
        paths[image] = f"images/{below_root(line, text)}"
        enter(owners, paths[image], line, "the image")
    return lines, paths


def _read_class_ids(tree: Tree, images: dict[str, Line], known: Mapping[int, object]) -> dict[str, int]:
    found: dict[str, int] = {}
    for image, line, (text,) in _of_each_image(tree, "image_class_labels.txt", images, 1, "<image id> <class id>"):
        found[image] = integer(line, text, "class id")
        if found[image] not in known:
            expected = f"one of its ids, {min(known):,} to {max(known):,}." if known else ""
            raise line.error(f"class id {text} is not in {CLASSES}", expected=expected)
    return found


def _read_splits(tree: Tree, images: dict[str, Line]) -> dict[str, str]:
    splits: dict[str, str] = {}
    for image, line, (text,) in _of_each_image(tree, "train_test_split.txt", images, 1, "<image id> <1 or 0>"):
        if text not in ("0", "1"):
            raise line.error(f"split {text!r} of image {image}", expected="1 (train) or 0 (test).")
        splits[image] = "train" if text == "1" else "test"
    return splits


def _read_boxes(tree: Tree, images: dict[str, Line]) -> dict[str, Box]:
    boxes: dict[str, Box] = {}
    form = "<image id> <x> <y> <width> <height>"
    for image, line, texts in _of_each_image(tree, _BOXES, images, 4, form):
        x, y, width, height = (
            number(line, text, what) for text, what in zip(texts, ("x", "y", "width", "height"), strict=True)
        )
        if width <= 0 or height <= 0:
            raise line.error(f"a box of {width:g} x {height:g} pixels")
        boxes[image] = Box(x, y, x + width, y + height)
    return boxes


def _read_parts(card: Card, tree: Tree, images: dict[str, Line]) -> dict[str, tuple[PartPoint, ...]]:
    """All parts of every image, in the order of their ids; an image must have a line for each."""
    names = distinct(read_names(card, tree, _PARTS[0], "part"), "part")
    if card.part_names and tuple(names.values()) != card.part_names:
        raise DataError(
            f"{tree.where(_PARTS[0])} names other parts than the card {card.name}: {', '.join(names.values())}.",
            expected=f"{', '.join(card.part_names)}.",
        )
    points: dict[str, dict[int, PartPoint]] = {image: {} for image in images}
    for line in read_lines(tree, _PARTS[1]):
        image, (part_text, x, y, visible) = _words(line, 4, "<image id> <part id> <x> <y> <visible>")
        _require_known(image, images, line)
        part = integer(line, part_text, "part id")
        if part not in names:
            raise line.error(f"part id {part} is not in parts.txt", expected=f"{', '.join(map(str, names))}.")
        if part in points[image]:
            raise line.error(f"a second line for part {part} of image {image}")
        if visible not in ("0", "1"):
            raise line.error(f"visible = {visible!r}", expected="1 or 0.")
        point = PartPoint(names[part], number(line, x, "x"), number(line, y, "y"), visible == "1")
        points[image][part] = point
    for image, found in points.items():
        if len(found) < len(names):
            absent = next(part for part in names if part not in found)
            raise DataError(
                f"{tree.where(_PARTS[1])} has no line for part {absent} ({names[absent]}) of image {image}.",
                expected=f"{len(images) * len(names):,} lines, one for each part of each image.",
            )
    return {image: tuple(found[part] for part in names) for image, found in points.items()}


def _of_each_image(
    tree: Tree, file: str, images: dict[str, Line], values: int, form: str
) -> Iterator[tuple[str, Line, list[str]]]:
    """(image id, line, the other words) of a list that must name every image of images.txt exactly once."""
    seen: dict[str, Line] = {}
    for line in read_lines(tree, file):
        image, texts = _words(line, values, form)
        _require_known(image, images, line)
        enter(seen, image, line, "image id")
        yield image, line, texts
    absent = [image for image in images if image not in seen]
    if absent:
        raise DataError(
            f"{tree.where(file)} has no line for image {absent[0]} ({images[absent[0]].where}).",
            expected=f"{len(images):,} images as in images.txt; {len(seen):,} are there.",
        )


def _words(line: Line, values: int, form: str) -> tuple[str, list[str]]:
    """The id and the other `values` words of a line; a single value may hold blanks."""
    first, *others = line.text.split(maxsplit=1)
    texts = others if values == 1 else " ".join(others).split()
    if len(texts) != values:
        raise line.error(f"{line.text!r} cannot be read", expected=f"{form}.")
    return first, texts


def _require_known(image: str, images: dict[str, Line], line: Line) -> None:
    if image not in images:
        raise line.error(f"image id {image} is not in images.txt")
