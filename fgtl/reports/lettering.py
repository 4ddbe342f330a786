"""Text on pictures: a typeface that has the letters, and as much of a name as fits.

The usual face is DejaVu Sans, which comes with Matplotlib: Latin, Greek, Cyrillic and more, but no Chinese, Japanese or
Korean. For a text with other letters the fonts of the machine are searched. When none has them, each becomes "?":
a row of equal boxes would look like a name.
"""

import re
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.font_manager import findSystemFonts
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

Face = ImageFont.FreeTypeFont
_ELLIPSIS = "…"


def face(text: str, size: int, *, bold: bool = False) -> Face:
    """A face of `size` pixels that can draw `text` (after `drawable`)."""
    return _loaded(_file_for(frozenset(text)) or _usual(bold), size)


def drawable(text: str) -> str:
    """`text` in one line, with "?" for what no installed face can draw and for control characters."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))
    if _file_for(frozenset(line)) is not None or not _missing(frozenset(line)):
        return line
    # No single face has all of it: keep what the usual one has.
    return "".join("?" if ord(letter) not in _coverage(_usual(False)) else letter for letter in line)


def fitted(text: str, width: int, size: int) -> str:
    """`drawable(text)`, cut in its middle to at most `width` pixels: look-alikes often differ at the end."""
    line = drawable(text)
    font = face(line, size)
    if font.getlength(line) <= width:
        return line
    low, high = 0, len(line)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if font.getlength(_cut(line, middle)) <= width else (low, middle)
    return _cut(line, low)


def wrapped(text: str, width: int, size: int) -> list[str]:
    """`drawable(text)` in lines of at most `width` pixels, broken behind blanks, slashes, dashes and underscores."""
    lines = [""]
    for piece in re.findall(r"[^\s/_-]*[\s/_-]?", drawable(text)):
        if lines[-1] and face(lines[-1] + piece, size).getlength((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [fitted(line, width, size) for line in lines if line.strip()]


def _cut(line: str, letters: int) -> str:
    tail = letters // 2
    return f"{line[: letters - tail].rstrip()}{_ELLIPSIS}{line[len(line) - tail :].lstrip()}"


@cache
def _usual(bold: bool) -> str:
    return str(Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVuSans{'-Bold' if bold else ''}.ttf"))


def _missing(letters: frozenset[str]) -> frozenset[str]:
    return frozenset(letter for letter in letters if ord(letter) not in _coverage(_usual(False)))


def _file_for(letters: frozenset[str]) -> str | None:
    """The first font of the machine that has all `letters`; None when the usual face does, or no font has."""
    return _search(letters) if _missing(letters) else None


@cache
def _search(letters: frozenset[str]) -> str | None:
    wanted = np.array(sorted(map(ord, letters)), np.uint32)
    for file in _fonts():
        points = _points(file)
        if len(points) and (points[np.searchsorted(points, wanted).clip(max=len(points) - 1)] == wanted).all():
            return file
    return None


@cache
def _fonts() -> tuple[str, ...]:
    """Files of the machine's fonts, upright sans-serif ones first, in an order that does not depend on the disk's."""

    def rank(file: str) -> tuple[bool, bool, str]:
        name = Path(file).name.lower()
        return ("sans" not in name and "gothic" not in name, "regular" not in name, name)

    return tuple(sorted(findSystemFonts(), key=rank))


@cache
def _points(file: str) -> np.ndarray:
    """Sorted code points of a font: an array, since the dicts of all fonts would take 100 MB."""
    try:
        return np.array(sorted(FT2Font(file).get_charmap()), np.uint32)
    except (OSError, RuntimeError):  # a font that FreeType cannot read
        return np.zeros(0, np.uint32)


@cache
def _coverage(file: str) -> frozenset[int]:
    return frozenset(FT2Font(file).get_charmap())


@cache
def _loaded(file: str, size: int) -> Face:
    return ImageFont.truetype(file, size)
