"""Maps and masks drawn over a photograph, and many of them side by side as one sheet."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fgtl.reports.figures import INK, MUTED, PAPER
from fgtl.reports.lettering import face, fitted

# From black over red to pale yellow: what has little lies in the dark.
_COLOURS = np.rint(255 * matplotlib.colormaps["inferno"](np.arange(256))[:, :3]).astype(np.uint8)
_OVER, _DARK, _VEIL = 0.6, 0.3, 0.75
_GAP, _LETTERS, _LINE, _TITLE = 10, 12, 17, 15
_BAR, _NARROWEST = 12, 560


@dataclass(frozen=True, eq=False)
class Panel:
    """The photograph with something drawn over it, and a line below."""

    picture: Image.Image
    note: str = ""


@dataclass(frozen=True)
class Row:
    """Panels side by side, and what they are; where they are maps, what the lightest colour stands for."""

    title: str
    panels: Sequence[Panel]
    largest: float | None = None


def with_map(photo: Image.Image, values: NDArray[np.float32], seen: NDArray[np.bool_]) -> Image.Image:
    """The photograph with a map over it: the lighter, the more; what the network does not see is pale.

    Args:
        photo: RGB.
        values: (height, width) of the photo, 0 to 1.
        seen: (height, width).
    """
    pixels = np.asarray(photo, np.float32)
    colours = _COLOURS[(255 * np.clip(values, 0, 1)).astype(np.uint8)]
    return _veiled(pixels, (1 - _OVER) * pixels + _OVER * colours, seen)


def with_mask(photo: Image.Image, shares: NDArray[np.float32], seen: NDArray[np.bool_]) -> Image.Image:
    """The photograph where a share is 1, and dark where it is 0; what the network does not see is pale.

    Args:
        photo: RGB.
        shares: (height, width) of the photo, 0 to 1.
        seen: (height, width).
    """
    pixels = np.asarray(photo, np.float32)
    return _veiled(pixels, pixels * (_DARK + (1 - _DARK) * shares)[..., None], seen)


def _veiled(pixels: NDArray[np.float32], drawn: NDArray[np.float32], seen: NDArray[np.bool_]) -> Image.Image:
    pale = _VEIL * 255 + (1 - _VEIL) * pixels
    return Image.fromarray(np.rint(np.where(seen[..., None], drawn, pale)).clip(0, 255).astype(np.uint8))


def heat_sheet(
    photo: Image.Image, name: str, lines: Sequence[str], heads: Sequence[tuple[str, str]], rows: Sequence[Row]
) -> Image.Image:
    """One picture of everything: a title, the photograph, and rows of panels of the same size.

    Args:
        photo: as large as each panel's picture.
        name: of the image.
        lines: what is said of it, below the name.
        heads: what stands above each column of panels, in two lines.
        rows: each with a panel for each column.
    """
    across, down = photo.width + _GAP, photo.height + 2 * _LINE + _GAP
    width = max(_GAP + across * (1 + len(heads)), _NARROWEST)
    top = 2 * _GAP + _TITLE + _LINE * (len(lines) + 2)
    sheet = Image.new("RGB", (width, top + down * len(rows) + _GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (_GAP, _GAP), name, width - 2 * _GAP, size=_TITLE)
    for line, text in enumerate(lines):
        _write(draw, (_GAP, 2 * _GAP + _TITLE + line * _LINE), text, width - 2 * _GAP)
    for column, head in enumerate(heads, 1):
        for line, text in enumerate(head):
            corner = (_GAP + column * across, top - (2 - line) * _LINE)
            _write(draw, corner, text, photo.width, MUTED if line else INK)
    sheet.paste(photo, (_GAP, top + _LINE))
    for number, row in enumerate(rows):
        y = top + number * down
        _write(draw, (_GAP + across, y), row.title, width - across - 2 * _GAP)
        for column, panel in enumerate(row.panels, 1):
            sheet.paste(panel.picture, (_GAP + column * across, y + _LINE))
            _write(draw, (_GAP + column * across, y + _LINE + photo.height + 2), panel.note, photo.width, MUTED)
        if row.largest is not None and number:
            _scale(sheet, (_GAP, y + _LINE), (photo.width, photo.height), row.largest)
    return sheet


def _scale(sheet: Image.Image, corner: tuple[int, int], area: tuple[int, int], largest: float) -> None:
    """A bar of the colours with what they stand for, at the right of an area."""
    x, y = corner[0] + area[0] - _BAR, corner[1]
    shades = _COLOURS[np.linspace(255, 0, area[1]).astype(np.uint8)]
    sheet.paste(Image.fromarray(np.repeat(shades[:, None], _BAR, axis=1)), (x, y))
    draw = ImageDraw.Draw(sheet)
    for text, at, anchor in ((f"{largest:.3g}", y, "ra"), ("0", y + area[1], "rd")):
        draw.text((x - 5, at), text, fill=MUTED, font=face(text, _LETTERS), anchor=anchor)


def _write(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, width: int, colour: str = INK, size: int = _LETTERS
) -> None:
    shown = fitted(text, width, size)
    draw.text(corner, shown, fill=colour, font=face(shown, size))
