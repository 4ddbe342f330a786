"""One record as a picture: the image large with its boxes and parts, and everything else that the record says."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from fgtl.data.example import FILENAME, FORMAT, HIERARCHY, ORIGINAL_HEIGHT, ORIGINAL_WIDTH
from fgtl.data.records import RecordSet, Selection
from fgtl.errors import DataError, UsageError, did_you_mean
from fgtl.reports.annotations import Annotations, draw_annotations, part_colours
from fgtl.reports.contact_sheet import small_picture, stored_image
from fgtl.reports.figures import INK, MUTED, PAPER
from fgtl.reports.lettering import face, fitted, wrapped

_LARGEST, _SMALLEST, _ENLARGED = 900, 400, 4
_PANEL, _MARGIN = 330, 20
_LETTERS, _TITLE, _INDENT = 13, 17, 76
# Ids that are looked through for the one that was meant.
_SIMILAR = 20_000


@dataclass(frozen=True)
class Found:
    """Where a record is: its split, and its position among the split's records."""

    split: str
    selection: Selection
    position: int


def find_record(records: RecordSet, id: str) -> Found:
    """Look an id up in every split.

    Raises:
        UsageError: no record has it; the message names a similar one.
    """
    known: list[str] = []
    for split, count in records.counts.items():
        if not count:
            continue
        selection = records.select(split)
        (rows,) = np.nonzero(selection.ids == id)
        if len(rows):
            return Found(split, selection, int(rows[0]))
        holding = selection.ids[np.char.find(selection.ids, id) >= 0] if id else selection.ids[:0]
        known = [*holding[:1].tolist(), *known, *selection.ids[: _SIMILAR - len(known)].tolist()]
    near = did_you_mean(id, known) or (f"For example {known[0]!r}." if known else "")
    raise UsageError(f"{records.folder} has no record with the id {id!r}.", expected="an id of the set.", fix=near)


def record_picture(found: Found) -> Image.Image:
    """Draw a record.

    Raises:
        DataError: the record is damaged, or its image cannot be decoded.
    """
    selection, position = found.selection, found.position
    try:
        example = selection.example(position)
        size = int(max(selection.heights[position], selection.widths[position]))
        side = int(np.clip(_ENLARGED * size, _SMALLEST, _LARGEST))
        picture = small_picture(stored_image(example), side)
    except DataError as error:
        folder = selection.records.folder
        raise DataError(
            f"The record {selection.ids[position]} of {folder} cannot be shown: {error}",
            fix=f"python -m fgtl verify --check=decode --records {folder} names every damaged record.",
        ) from None
    annotations = Annotations.of(example, selection.records.part_names)
    draw_annotations(picture, annotations)
    return _beside(picture, _panel(found, example, annotations))


def facts_of(found: Found, example: dict[str, Any]) -> dict[str, str]:
    """What there is to say about a record besides its class: fact -> text."""
    selection, position = found.selection, found.position
    boxes = Annotations.of(example, ()).boxes
    width, height = int(selection.widths[position]), int(selection.heights[position])
    facts = {
        "id": str(selection.ids[position]),
        "label": str(int(selection.labels[position])),
        "hierarchy": " / ".join(map(_text, example.get(HIERARCHY, ()))),
        "split": found.split,
        "image": f"{width} x {height} px, {' '.join(map(_text, example.get(FORMAT, ())))}",
        "original": " x ".join(
            str(int(example[key][0])) for key in (ORIGINAL_WIDTH, ORIGINAL_HEIGHT) if key in example
        ),
        "bytes": f"{len(stored_image(example)):,}",
        "file": " ".join(map(_text, example.get(FILENAME, ()))),
        "boxes": "; ".join(_corners(box, width, height) for box in boxes),
        "shard": selection.shard_paths[int(selection.shards[position])].name,
        "offset": f"{int(selection.offsets[position]):,}",
    }
    return {fact: text for fact, text in facts.items() if text}


def _panel(found: Found, example: dict[str, Any], annotations: Annotations) -> Image.Image:
    """Class, facts and the list of the parts, one below the other."""
    name = found.selection.records.class_names[int(found.selection.labels[found.position])]
    rows: list[_Row] = [_Row(line, INK, _TITLE) for line in wrapped(name, _PANEL, _TITLE)]
    for fact, text in facts_of(found, example).items():
        lines = wrapped(text, _PANEL - _INDENT, _LETTERS)
        rows += [
            _Row(line, INK, _LETTERS, indent=_INDENT, before="" if number else fact)
            for number, line in enumerate(lines)
        ]
    if annotations.parts:
        colours, hidden = (
            part_colours(annotations.parts),
            [one for one, point in annotations.parts.items() if not point],
        )
        rows.append(_Row(f"{len(colours) - len(hidden)} of {len(colours)} parts visible", INK, _LETTERS, above=10))
        rows += [
            _Row(fitted(part, _PANEL - 20, _LETTERS), INK, _LETTERS, indent=20, dot=colours[part])
            for part, point in annotations.parts.items()
            if point
        ]
        hidden_text = f"not visible: {', '.join(hidden)}" if hidden else ""
        rows += [_Row(line, MUTED, _LETTERS) for line in wrapped(hidden_text, _PANEL, _LETTERS)]
    panel = Image.new("RGB", (_PANEL, sum(row.height for row in rows)), PAPER)
    draw, y = ImageDraw.Draw(panel), 0
    for row in rows:
        row.draw(draw, y)
        y += row.height
    return panel


@dataclass(frozen=True)
class _Row:
    """A line of the panel: a text, with a fact's name or a coloured dot in front of it."""

    text: str
    colour: str
    size: int
    indent: int = 0
    before: str = ""
    dot: str = ""
    above: int = 0

    @property
    def height(self) -> int:
        return self.size + 6 + self.above

    def draw(self, draw: ImageDraw.ImageDraw, y: int) -> None:
        y += self.above
        bold = self.size == _TITLE
        draw.text((self.indent, y), self.text, fill=self.colour, font=face(self.text, self.size, bold=bold))
        if self.before:
            draw.text((0, y), self.before, fill=MUTED, font=face(self.before, self.size))
        if self.dot:
            draw.ellipse((2, y + 3, 13, y + 14), fill=INK)
            draw.ellipse((4, y + 5, 11, y + 12), fill=self.dot)


def _beside(picture: Image.Image, panel: Image.Image) -> Image.Image:
    height = max(picture.height, panel.height) + 2 * _MARGIN
    page = Image.new("RGB", (picture.width + panel.width + 3 * _MARGIN, height), PAPER)
    page.paste(picture, (_MARGIN, _MARGIN))
    page.paste(panel, (picture.width + 2 * _MARGIN, _MARGIN))
    return page


def _corners(box: tuple[float, float, float, float], width: int, height: int) -> str:
    x0, y0, x1, y1 = (round(share * side) for share, side in zip(box, (width, height) * 2, strict=True))
    return f"x {x0}-{x1}, y {y0}-{y1}"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
