"""The layout of CUB-200-2011: numbered images, and one list for each thing that is known of them.

images.txt               <image id> <path below images/>
image_class_labels.txt   <image id> <class id>
train_test_split.txt     <image id> <1 train, 0 test>
classes.txt              <class id> <name>
bounding_boxes.txt       <image id> <x> <y> <width> <height>            needed when the card has "boxes"
parts/parts.txt          <part id> <name>                               both needed when the card has "parts"
parts/part_locs.txt      <image id> <part id> <x> <y> <1 visible>
"""

from collections.abc import Iterator
from pathlib import Path

from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
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
from fgtl.errors import DataError

_LISTS = ["images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"]
_BOXES = "bounding_boxes.txt"
_PARTS = ["parts/parts.txt", "parts/part_locs.txt"]


@READERS.register("cub")
def read_cub(card: Card, root: Path) -> Iterator[Sample]:
    """Samples in the order of images.txt; label = class id - 1; the class name is the official one.

    Args:
        card: option `folder`: what the archive unpacks to; `root` may be this folder or its parent.
        root: the download.

    Raises:
        DataError: with file and line: something is missing, inconsistent, or not what the card says.
    """
    check_options(card, ("folder",))
    folder = _find_folder(card, root)
    has_boxes = "boxes" in card.annotations or (folder / _BOXES).is_file()
    has_parts = "parts" in card.annotations or any((folder / name).is_file() for name in _PARTS)
    require_files(card, folder, _LISTS + [_BOXES] * has_boxes + _PARTS * has_parts)

    images, paths = _read_images(folder)
    classes = _read_names(folder / "classes.txt", "class")
    labels = _read_labels(folder, images, len(classes))
    splits = _read_splits(folder, images)
    boxes = _read_boxes(folder, images) if has_boxes else {}
    parts = _read_parts(card, folder, images) if has_parts else {}
    require_images(card, folder / "images", {path: images[image] for image, path in paths.items()})
    samples = [
        Sample(
            id=str(image),
            path=folder / "images" / path,
            label=labels[image],
            class_name=classes[labels[image]],
            split=splits[image],
            boxes=(boxes[image],) if has_boxes else (),
            parts=parts.get(image, ()),
        )
        for image, path in paths.items()
    ]
    check_counts(card, samples, len(classes), folder)
    yield from samples


def _find_folder(card: Card, root: Path) -> Path:
    inner = root / card.options.get("folder", "")
    return root if (root / _LISTS[0]).is_file() or not (inner / _LISTS[0]).is_file() else inner


def _read_images(folder: Path) -> tuple[dict[int, Line], dict[int, str]]:
    """(image id -> its line, image id -> path below images/) of images.txt."""
    lines: dict[int, Line] = {}
    owners: dict[str, Line] = {}
    paths: dict[int, str] = {}
    for line in read_lines(folder / "images.txt"):
        image, (text,) = _numbered(line, 1, "<image id> <path>")
        enter(lines, image, line, "image id")
        paths[image] = below_root(line, text)
        enter(owners, paths[image], line, "the image")
    return lines, paths


def _read_names(file: Path, what: str) -> list[str]:
    """Names by id - 1 of a list whose ids must be 1, 2, ... without a gap."""
    lines: dict[int, Line] = {}
    owners: dict[str, Line] = {}
    names: dict[int, str] = {}
    for line in read_lines(file):
        key, (name,) = _numbered(line, 1, f"<{what} id> <name>")
        enter(lines, key, line, f"{what} id")
        enter(owners, name, line, f"the {what}")
        names[key] = name
    for key, line in lines.items():
        if not 1 <= key <= len(names):
            raise line.error(f"{what} id {key} in a list of {len(names):,}", expected=f"ids from 1 to {len(names):,}.")
    return [names[key] for key in sorted(names)]


def _read_labels(folder: Path, images: dict[int, Line], classes: int) -> dict[int, int]:
    labels: dict[int, int] = {}
    for image, line, (text,) in _of_each_image(folder / "image_class_labels.txt", images, 1, "<image id> <class id>"):
        label = integer(line, text, "class id")
        if not 1 <= label <= classes:
            raise line.error(f"class id {label} is not in classes.txt", expected=f"1 to {classes:,}.")
        labels[image] = label - 1
    return labels


def _read_splits(folder: Path, images: dict[int, Line]) -> dict[int, str]:
    splits: dict[int, str] = {}
    for image, line, (text,) in _of_each_image(folder / "train_test_split.txt", images, 1, "<image id> <1 or 0>"):
        if text not in ("0", "1"):
            raise line.error(f"split {text!r} of image {image}", expected="1 (train) or 0 (test).")
        splits[image] = "train" if text == "1" else "test"
    return splits


def _read_boxes(folder: Path, images: dict[int, Line]) -> dict[int, Box]:
    boxes: dict[int, Box] = {}
    form = "<image id> <x> <y> <width> <height>"
    for image, line, texts in _of_each_image(folder / _BOXES, images, 4, form):
        x, y, width, height = (
            number(line, text, what) for text, what in zip(texts, ("x", "y", "width", "height"), strict=True)
        )
        if width <= 0 or height <= 0:
            raise line.error(f"a box of {width:g} x {height:g} pixels")
        boxes[image] = Box(x, y, x + width, y + height)
    return boxes


def _read_parts(card: Card, folder: Path, images: dict[int, Line]) -> dict[int, tuple[PartPoint, ...]]:
    """All parts of every image, in the order of parts.txt; an image must have a line for each."""
    names = _read_names(folder / _PARTS[0], "part")
    if card.part_names and tuple(names) != card.part_names:
        raise DataError(
            f"{folder / _PARTS[0]} names other parts than the card {card.name}: {', '.join(names)}.",
            expected=f"{', '.join(card.part_names)}.",
        )
    points: dict[int, dict[int, PartPoint]] = {image: {} for image in images}
    for line in read_lines(folder / _PARTS[1]):
        image, (part_text, x, y, visible) = _numbered(line, 4, "<image id> <part id> <x> <y> <visible>")
        _require_known(image, images, line)
        part = integer(line, part_text, "part id")
        if not 1 <= part <= len(names):
            raise line.error(f"part id {part} is not in parts.txt", expected=f"1 to {len(names)}.")
        if part in points[image]:
            raise line.error(f"a second line for part {part} of image {image}")
        if visible not in ("0", "1"):
            raise line.error(f"visible = {visible!r}", expected="1 or 0.")
        point = PartPoint(names[part - 1], number(line, x, "x"), number(line, y, "y"), visible == "1")
        points[image][part] = point
    for image, found in points.items():
        if len(found) < len(names):
            absent = next(part for part in range(1, len(names) + 1) if part not in found)
            raise DataError(
                f"{folder / _PARTS[1]} has no line for part {absent} ({names[absent - 1]}) of image {image}.",
                expected=f"{len(images) * len(names):,} lines, one for each part of each image.",
            )
    return {image: tuple(found[part] for part in sorted(found)) for image, found in points.items()}


def _of_each_image(
    file: Path, images: dict[int, Line], values: int, form: str
) -> Iterator[tuple[int, Line, list[str]]]:
    """(image id, line, the other words) of a list that must name every image of images.txt exactly once."""
    seen: dict[int, Line] = {}
    for line in read_lines(file):
        image, texts = _numbered(line, values, form)
        _require_known(image, images, line)
        enter(seen, image, line, "image id")
        yield image, line, texts
    absent = [image for image in images if image not in seen]
    if absent:
        raise DataError(
            f"{file} has no line for image {absent[0]} ({images[absent[0]].where}).",
            expected=f"{len(images):,} images as in images.txt; {len(seen):,} are there.",
        )


def _numbered(line: Line, values: int, form: str) -> tuple[int, list[str]]:
    """The id and the other `values` words of a line; a single value may hold blanks."""
    first, *others = line.text.split(maxsplit=1)
    texts = others if values == 1 else " ".join(others).split()
    if len(texts) != values:
        raise line.error(f"{line.text!r} cannot be read", expected=f"{form}.")
    return integer(line, first, "the id"), texts


def _require_known(image: int, images: dict[int, Line], line: Line) -> None:
    if image not in images:
        raise line.error(f"image id {image} is not in images.txt")
