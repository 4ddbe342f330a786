"""Photographs beside their nearest neighbours: a picture of rows, or a page that shows the same."""

import base64
import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from fgtl.errors import DataError
from fgtl.reports.contact_sheet import small_picture
from fgtl.reports.figures import BAD, GOOD, INK, MUTED, PAPER
from fgtl.reports.lettering import face, fitted
from fgtl.reports.pages import environment
from fgtl.reports.photo_rows import Row, Shown

SIDE = 150
_GAP, _LETTERS, _LINE, _FRAME = 14, 12, 17, 4
_PALE = "#eef0f2"


def as_png(rows: Sequence[Row], headings: tuple[str, str] = ("query", "nearest first")) -> bytes:
    """The rows below each other: the query, a gap, its neighbours. Right ones are framed blue, wrong ones vermilion.

    Args:
        rows: one or more.
        headings: above the queries, and above their neighbours.

    Memory: 100 kB a photograph.
    """
    across, down = SIDE + _GAP, SIDE + 2 * _LINE + _GAP + 4
    columns = 1 + max(len(row.neighbours) for row in rows)
    sheet = Image.new("RGB", (2 * _GAP + columns * across, 2 * _GAP + _LINE + len(rows) * down), PAPER)
    draw = ImageDraw.Draw(sheet)
    wide = max(1, columns - 1) * across - _GAP
    for x, text, width in zip((_GAP, 2 * _GAP + across), headings, (SIDE, wide), strict=True):
        fits = fitted(text, width, _LETTERS)
        draw.text((x, _GAP), fits, fill=MUTED, font=face(fits, _LETTERS))
    for place, row in enumerate(rows):
        y = _GAP + _LINE + 6 + place * down
        _draw(sheet, _GAP, y, row.query)
        for column, shown in enumerate(row.neighbours):
            _draw(sheet, 2 * _GAP + (column + 1) * across, y, shown)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def as_html(rows: Sequence[Row], title: str, facts: Sequence[tuple[str, str]]) -> str:
    """A self-contained page; `facts` are names and values under its title."""
    pictures = {id(shown): as_uri(shown.data) for row in rows for shown in (row.query, *row.neighbours)}
    return (
        environment()
        .get_template("neighbours.html")
        .render(rows=rows, title=title, facts=facts, picture=lambda shown: pictures[id(shown)])
    )


def as_uri(data: bytes, side: int = 2 * SIDE) -> str:
    """An image file as a data URI of a JPEG of at most `side` pixels; "" when there is none, or it cannot be decoded."""
    picture = _picture(data, side)
    if picture is None:
        return ""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def _picture(data: bytes, side: int) -> Image.Image | None:
    try:
        return small_picture(data, side) if data else None
    except DataError:
        # One unreadable picture is worth an empty frame; `fgtl verify` is what says what is wrong with it.
        return None


def _draw(sheet: Image.Image, x: int, y: int, shown: Shown) -> None:
    draw = ImageDraw.Draw(sheet)
    box = (x, y, x + SIDE - 1, y + SIDE - 1)
    draw.rectangle(box, fill=_PALE)
    picture = _picture(shown.data, SIDE)
    if picture is None:
        draw.text(
            (x + SIDE / 2, y + SIDE / 2), "no picture", fill=MUTED, font=face("no picture", _LETTERS), anchor="mm"
        )
    else:
        sheet.paste(picture, (x + (SIDE - picture.width) // 2, y + (SIDE - picture.height) // 2))
    if shown.right is not None:
        outer = (x - _FRAME, y - _FRAME, x + SIDE - 1 + _FRAME, y + SIDE - 1 + _FRAME)
        draw.rectangle(outer, outline=GOOD if shown.right else BAD, width=_FRAME)
    if shown.said:
        # Not by colour alone: who cannot tell the frames apart reads it.
        said = shown.said if shown.right is None else f"{'✓' if shown.right else '✗'} {shown.said}"
        font = face(said, _LETTERS)
        left, top, right, bottom = draw.textbbox((x + 6, y + SIDE - 8), said, font=font, anchor="ls")
        draw.rectangle((left - 4, top - 3, right + 4, bottom + 3), fill=INK)
        draw.text((x + 6, y + SIDE - 8), said, fill=PAPER, font=font, anchor="ls")
    for line, (text, colour) in enumerate(((shown.name, INK), (shown.note, MUTED))):
        fits = fitted(text, SIDE, _LETTERS)
        draw.text((x, y + SIDE + _FRAME + 2 + line * _LINE), fits, fill=colour, font=face(fits, _LETTERS))
