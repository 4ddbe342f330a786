"""Contact sheet: many records of a record set side by side, with their class names; and which ones to show."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from fgtl.data.example import IMAGE
from fgtl.data.image_files.policy import BadImage, inspect
from fgtl.data.records import Selection
from fgtl.errors import DataError, UsageError, did_you_mean
from fgtl.reports.annotations import Annotations, draw_annotations
from fgtl.reports.figures import INK, MUTED, PAPER
from fgtl.reports.lettering import face, fitted

SIDE = 168
_GAP, _LETTERS, _LINE = 10, 12, 17
_FRAME, _NO_PICTURE = "#eef0f2", "#c9ced4"


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet.

    Attributes:
        picture: at most SIDE x SIDE pixels; None when the record is damaged.
        name: the first line below.
        note: the second line, in grey.
        damage: why there is no picture.
    """

    picture: Image.Image | None
    name: str
    note: str = ""
    damage: str = ""


def sheet_of(
    selection: Selection, *, count: int, columns: int = 8, seed: int = 0, annotations: bool = False
) -> tuple[Image.Image, dict[str, str]]:
    """Contact sheet of at most `count` records, as many of each class as of the others.

    Args:
        selection: the records to choose from.
        count: how many are shown.
        columns: pictures in a row.
        seed: which are chosen.
        annotations: draw boxes and part points.

    Returns:
        The sheet, and id -> reason for each damaged record on it, which is a grey tile.
    """
    rows = spread_over_classes(selection.labels, count, seed)
    damaged: dict[str, str] = {}

    def tiles() -> Iterator[Tile]:
        for row in rows.tolist():
            tile = tile_of(selection, row, annotations=annotations)
            if tile.picture is None:
                damaged[str(selection.ids[row])] = tile.damage
            yield tile

    return draw_sheet(tiles(), count=len(rows), columns=columns), damaged


def of_classes(selection: Selection, words: Sequence[str]) -> Selection:
    """The records of the classes that the words name; all records when there are no words.

    A word is a class's whole name; or else its label; or else a part of the names of some classes, in any case.

    Raises:
        UsageError: a word names no class, or the selection has no record of those classes.
    """
    names = selection.records.class_names
    labels = {label for word in words for label in labels_named(word, names)}
    picked = selection.take(np.isin(selection.labels, sorted(labels))) if words else selection
    if not len(picked):
        raise UsageError(
            f"No selected record is of the class {' or '.join(words)}.", expected="another split or class."
        )
    return picked


def labels_named(word: str, names: Sequence[str]) -> list[int]:
    """The labels of the classes that a word names, see `of_classes`; UsageError when there are none."""
    if word in names:
        return [label for label, name in enumerate(names) if name == word]
    if word.isdecimal() and int(word) < len(names):
        return [int(word)]
    found = [label for label, name in enumerate(names) if word.lower() in name.lower()]
    if not word or not found:
        raise UsageError(
            f"No class is called {word!r}.",
            expected=f"the name, the label (0 to {len(names) - 1:,}) or a part of the names of some classes.",
            fix=did_you_mean(word, names) or did_you_mean(word.title(), _words(names)),
        )
    return found


def _words(names: Sequence[str]) -> list[str]:
    """What class names such as "002.Laysan_Albatross" are made of: any of it names a class."""
    return sorted({part.title() for name in names for part in re.findall(r"[^\W\d_]{3,}", name)})


def draw_sheet(tiles: Iterable[Tile], *, count: int, columns: int = 8) -> Image.Image:
    """The tiles in rows, each picture whole on a pale square.

    Args:
        tiles: `count` of them; taken one by one, so that a generator keeps only one picture in memory.
        count: how many there are.
        columns: tiles in a row.

    Memory: the sheet, 110 kB a tile.
    """
    columns = min(columns, count)
    across, down = SIDE + _GAP, SIDE + 2 * _LINE + _GAP + 4
    sheet = Image.new("RGB", (_GAP + columns * across, _GAP + -(-count // columns) * down), PAPER)
    for place, tile in enumerate(tiles):
        _draw_tile(sheet, _GAP + place % columns * across, _GAP + place // columns * down, tile)
    return sheet


def tile_of(selection: Selection, position: int, note: str = "", *, annotations: bool = False) -> Tile:
    """A record as a tile: its picture, its class and a note; a damaged record gives a tile without picture.

    Args:
        selection: where the record is.
        position: its place there.
        note: the second line; by default the record's id.
        annotations: draw boxes and part points.
    """
    records = selection.records
    name = records.class_names[int(selection.labels[position])]
    note = note or str(selection.ids[position])
    try:
        example = selection.example(position)
        picture = small_picture(stored_image(example), SIDE)
    except DataError as error:
        return Tile(None, name, note, str(error))
    if annotations:
        draw_annotations(picture, Annotations.of(example, records.part_names), names=False)
    return Tile(picture, name, note)


def stored_image(example: Mapping[str, Any]) -> bytes:
    """The image file in a decoded record; DataError when it holds none."""
    if not example.get(IMAGE):
        raise DataError(f"The record has no {IMAGE}.")
    return example[IMAGE][0]


def small_picture(data: bytes, side: int) -> Image.Image:
    """An image file -> RGB, made as large as fits into `side` x `side` pixels.

    Raises:
        DataError: it is not an image, or cannot be decoded.
    """
    inspect(data, max_pixels=2**40)
    try:
        with Image.open(io.BytesIO(data)) as image:
            # The JPEG decoder can skip most of the work when the result is small.
            image.draft("RGB", (side, side))
            return ImageOps.contain(image.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
    # A damaged file can make a plugin raise anything (SyntaxError, struct.error, zlib.error, ...).
    except Exception as error:
        raise BadImage(f"It cannot be decoded: {str(error).rstrip('.') or type(error).__name__}.") from None


def spread_over_classes(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows of at most `count` records, as many of each class as of the others, drawn by `seed`.

    With more classes than `count`, evenly spaced ones are taken; where a class runs out, the others fill up.

    Args:
        labels: (N,) int.

    Returns:
        (min(count, N),) int64, in the order of the classes.

    Cost: two sorts of N numbers.
    """
    drawn = np.random.default_rng(seed).permutation(len(labels))
    by_class = drawn[np.argsort(labels[drawn], kind="stable")]
    starts = np.flatnonzero(np.diff(labels[by_class], prepend=-1))
    turn = np.arange(len(labels)) - np.repeat(starts, np.diff(starts, append=len(labels)))
    # Every class's first record, then every class's second one, ...
    by_turn = by_class[np.argsort(turn, kind="stable")]
    ends = np.cumsum(np.bincount(turn))
    whole = np.searchsorted(ends, count, side="right")
    taken = ends[whole - 1] if whole else 0
    rows = by_turn[:taken]
    if whole < len(ends) and taken < count:
        rest = by_turn[taken : ends[whole]]
        rows = np.concatenate([rows, rest[evenly(len(rest), count - taken)]])
    return rows[np.argsort(labels[rows], kind="stable")]


def evenly(length: int, count: int) -> np.ndarray:
    """`count` of the places 0 ... `length` - 1, evenly spaced; all of them when there are fewer."""
    count = min(count, length)
    return (2 * np.arange(count) + 1) * length // (2 * max(count, 1))


def _draw_tile(sheet: Image.Image, x: int, y: int, tile: Tile) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((x, y, x + SIDE - 1, y + SIDE - 1), fill=_FRAME if tile.picture else _NO_PICTURE)
    if tile.picture:
        sheet.paste(tile.picture, (x + (SIDE - tile.picture.width) // 2, y + (SIDE - tile.picture.height) // 2))
    else:
        draw.text((x + SIDE / 2, y + SIDE / 2), "damaged", fill=INK, font=face("damaged", _LETTERS + 2), anchor="mm")
    for line, (text, colour) in enumerate(((tile.name, INK), (tile.note, MUTED))):
        shown = fitted(text, SIDE, _LETTERS)
        draw.text((x, y + SIDE + 4 + line * _LINE), shown, fill=colour, font=face(shown, _LETTERS))
