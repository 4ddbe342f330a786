"""A list of images in one CSV, TSV or JSONL file, with named columns:

path                     relative to the folder of the list, or absolute and below it
label                    class names, or whole numbers from 0 without a gap in all rows
split                    train | training, val | valid | validation | dev, test | testing; without it, a seeded test split
id                       unique; without it, the path
xmin,ymin,xmax,ymax      a box in pixels of the image, half-open; may be empty
box                      the same as one text, "<xmin> <ymin> <xmax> <ymax>"; a list of four numbers in JSONL
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fgtl.console import warn
from fgtl.converters import READERS
from fgtl.converters.checks import check_counts, check_options
from fgtl.converters.division import OPTIONS, divided
from fgtl.converters.split_words import SPLIT_OF
from fgtl.converters.table_files import ENDINGS, Columns, Row, read_rows
from fgtl.converters.tables import Line, listed_path, number, require_all, require_files
from fgtl.datasets import Box, Card, Sample
from fgtl.downloads import Tree
from fgtl.errors import DataError

_SIDES = ("xmin", "ymin", "xmax", "ymax")
_COLUMNS = Columns(
    needed=("path", "label"),
    others=("split", "id", "box", *_SIDES),
    aliases={
        **dict.fromkeys(("filename", "file_name", "file", "filepath", "image", "image_path"), "path"),
        **dict.fromkeys(("class", "class_name", "category", "species"), "label"),
    },
)
_KNOWN = frozenset((*_COLUMNS.needed, *_COLUMNS.others))


class _Entry(NamedTuple):
    """What is kept of a row; `line` is its number."""

    line: int
    path: str
    label: str
    split: str | None
    id: str | None
    box: tuple[Box, ...]


@READERS.register("table")
def read_table(card: Card, tree: Tree) -> Iterator[Sample]:
    """Samples in the order of the rows. Columns of other names are ignored, with one warning.

    Classes are sorted by name; where all labels are whole numbers, these are the classes and their names. Without a
    column `split`, a seeded share of each class becomes the test split (`fgtl.converters.division`).

    Memory: the file, some 500 bytes a row, and the samples.

    Options: `table`, the file's name, needed where there are several; `test_fraction` and `seed` of the division.

    Raises:
        DataError: with file and line: a column is missing, a cell cannot be read, a path or id is there twice, labels
            have a gap, boxes are no pixels, a class has no training image, an image does not exist, or not what the
            card says.
    """
    check_options(card, ("table", *OPTIONS))
    name = _find_table(card, tree)
    entries = _read_entries(tree, name)
    where = tree.where(name)
    _require_pixels(entries, where)
    labels = _number_labels(entries, where)
    samples = [
        Sample(
            id=entry.path if entry.id is None else entry.id,
            path=entry.path,
            label=labels[entry.label],
            class_name=entry.label,
            split=entry.split or "train",
            boxes=entry.box,
        )
        for entry in entries
    ]
    lines = {entry.path: entry.line for entry in entries}
    if entries and entries[0].split is None:
        samples = divided(card, samples)
    _require_trained(samples, where)
    require_all(card, tree, lines, lambda path: f"{where} line {lines[path]}")
    check_counts(card, samples, len(labels), where)
    yield from samples


def _find_table(card: Card, tree: Tree) -> str:
    there = [name for name in tree.list().files if name.lower().endswith(ENDINGS) and not name.startswith(".")]
    if "table" in card.options:
        require_files(card, tree, [card.options["table"]])
        return card.options["table"]
    if len(there) != 1:
        raise DataError(
            f"{tree.where()} holds {len(there)} lists: {', '.join(there) or 'no .csv, .tsv or .jsonl file'}.",
            fix="Give the list itself as --data_dir, or name it in a card with options.table.",
        )
    return there[0]


def _read_entries(tree: Tree, name: str) -> list[_Entry]:
    """All rows; either all or none have a split, and an id."""
    entries: list[_Entry] = []
    unknown: dict[str, int] = {}
    by_path: dict[str, int] = {}
    by_id: dict[str, int] = {}
    for line, row in read_rows(tree, name, _COLUMNS):
        entry = _entry(tree, line, row)
        for what, seen, key in (("the image", by_path, entry.path), ("the id", by_id, entry.id)):
            if key is not None and seen.setdefault(key, line.number) != line.number:
                raise line.error(f"{what} {key!r} is already on line {seen[key]}")
        for column in row.keys() - _KNOWN:
            unknown.setdefault(column, line.number)
        if entries:
            for column in ("split", "id"):
                if (getattr(entry, column) is None) != (getattr(entries[0], column) is None):
                    raise line.error(f"only some rows have the column {column!r}", expected="all, or none.")
        entries.append(entry)
    if not entries:
        raise DataError(f"{tree.where(name)} has no rows.", expected="a line with the columns' names, and rows.")
    if unknown:
        warn(f"{tree.where(name)}: the columns {', '.join(map(repr, sorted(unknown)))} are ignored.")
    return entries


def _entry(tree: Tree, line: Line, row: Row) -> _Entry:
    for column in ("path", "label", "id"):
        if row.get(column) == "":
            raise line.error(f"the {column} is empty")
    split = row.get("split")
    if split is not None and split.lower() not in SPLIT_OF:
        raise line.error(f"split {split!r}", expected=f"one of {', '.join(SPLIT_OF)}.")
    return _Entry(
        line.number,
        listed_path(tree, line, row["path"]),
        row["label"],
        None if split is None else SPLIT_OF[split.lower()],
        row.get("id"),
        _box(line, row),
    )


def _box(line: Line, row: Row) -> tuple[Box, ...]:
    if row.keys().isdisjoint(("box", *_SIDES)):
        return ()
    texts = row.get("box", "").split()
    sides = [row[side] for side in _SIDES if row.get(side)]
    if texts and sides:
        raise line.error("a box, and its sides too", expected="one of the two.")
    if not texts and not sides:
        return ()
    if len(texts or sides) != len(_SIDES):
        raise line.error(f"a box of {len(texts or sides)} numbers", expected=f"four: {', '.join(_SIDES)}.")
    x0, y0, x1, y1 = (number(line, text, side) for text, side in zip(texts or sides, _SIDES, strict=True))
    if x0 >= x1 or y0 >= y1:
        raise line.error(f"a box from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g})", expected="xmin < xmax and ymin < ymax.")
    return (Box(x0, y0, x1, y1),)


def _require_pixels(entries: Sequence[_Entry], where: str) -> None:
    """DataError when all boxes lie within 0 and 1: shares of the image, as YOLO and TFDS write them."""
    boxes = [box for entry in entries for box in entry.box]
    if boxes and all(min(box.x0, box.y0) >= 0 and max(box.x1, box.y1) <= 1 for box in boxes):
        raise DataError(
            f"{where}: no box reaches beyond 1, from {boxes[0].x0:g} {boxes[0].y0:g} {boxes[0].x1:g} {boxes[0].y1:g} on.",
            expected="boxes in pixels, not in shares of the image.",
            fix="Multiply xmin and xmax by the width of the image, ymin and ymax by its height.",
        )


def _number_labels(entries: Sequence[_Entry], where: str) -> dict[str, int]:
    """Label as written -> class."""
    written = {entry.label for entry in entries}
    if not all(label.isascii() and label.removeprefix("-").isdigit() and len(label) <= 9 for label in written):
        return {label: place for place, label in enumerate(sorted(written))}
    labels = {label: int(label) for label in written}
    there = set(labels.values())
    lowest = min(there)
    absent = next((label for label in range(len(there)) if label not in there), None)
    if absent is not None or lowest < 0:
        raise DataError(
            f"{where} has labels from {lowest} to {max(there)}"
            + (f", but none is {absent}." if absent is not None else "."),
            expected=f"labels from 0 without a gap, 0 to {len(there) - 1} for {len(there)} classes.",
            fix="Write names instead of numbers to have them numbered.",
        )
    if len(there) < len(written):
        raise DataError(f"{where} writes the same number in two ways, as 1 and 01.", expected="one.")
    return labels


def _require_trained(samples: Sequence[Sample], where: str) -> None:
    trained = {sample.label for sample in samples if sample.split == "train"}
    if not trained:
        counts = Counter(sample.split for sample in samples)
        raise DataError(
            f"{where} has no training images, only {' and '.join(f'{n:,} {split}' for split, n in counts.items())}.",
            expected="rows with the split train.",
            fix="Without the column split, a test split is made.",
        )
    untrained = [sample for sample in samples if sample.label not in trained]
    if untrained:
        raise DataError(
            f"{where}: the class {untrained[0].class_name!r} has no training image.", expected="every class in train."
        )
