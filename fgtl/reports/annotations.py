"""Boxes and part points of a record, and how they are drawn on its picture."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from math import cos, hypot, pi, sin
from typing import Any

from PIL import Image, ImageDraw

from fgtl.data.example import BOX_XMAX, BOX_XMIN, BOX_YMAX, BOX_YMIN, PART_VISIBLE, PART_X, PART_Y
from fgtl.reports.lettering import drawable, face

Area = tuple[float, float, float, float]
Point = tuple[float, float]

# Every mark is bright within a dark border, so that it stands out on snow and in a forest alike.
_DARK, _PILL, _BOX = "#101418", (16, 20, 24, 205), "#ffd23f"
_COLOURS = (
    "#ff595e", "#36c9ff", "#b5e655", "#ff9df0", "#ffa62b", "#5fe3c0",
    "#c49bff", "#fff07c", "#7fa8ff", "#e8c39e", "#ffffff", "#ff8f70", "#c7cedb", "#d98cb3", "#a3b18a",
)  # fmt: skip
_LETTERS, _PAD = 13, 3
# Where a name may stand around its dot: rings of these radii, in pixels.
_RINGS = (26, 38, 54, 74, 98, 126, 160)
_DIRECTIONS = 16


@dataclass(frozen=True)
class Annotations:
    """What a record says about places in its image, in shares of its width and height.

    Attributes:
        boxes: (x0, y0, x1, y1) of each object.
        parts: name -> (x, y) of each part, None where it is not visible; in the data set's order.
    """

    boxes: tuple[Area, ...] = ()
    parts: Mapping[str, Point | None] = field(default_factory=dict)

    @classmethod
    def of(cls, example: Mapping[str, Any], part_names: Sequence[str]) -> "Annotations":
        """Those of a decoded record; `part_names` are the columns of its parts."""
        sides = [[float(value) for value in example.get(key, ())] for key in (BOX_XMIN, BOX_YMIN, BOX_XMAX, BOX_YMAX)]
        columns = [example.get(key, ()) for key in (PART_X, PART_Y, PART_VISIBLE)]
        return cls(
            boxes=tuple(zip(*sides, strict=False)),
            parts={
                name: (float(x), float(y)) if visible else None
                for name, x, y, visible in zip(part_names, *columns, strict=False)
            },
        )


def part_colours(parts: Iterable[str]) -> dict[str, str]:
    """A colour for each part of a data set: the same in all its pictures."""
    return dict(zip(parts, cycle(_COLOURS), strict=False))


def draw_annotations(picture: Image.Image, annotations: Annotations, *, names: bool = True) -> None:
    """Draw boxes and visible parts on an RGB picture, in place.

    Args:
        picture: of any size; the shares are of it.
        names: write the parts' names beside their dots, which needs a picture of some 400 pixels.
    """
    draw = ImageDraw.Draw(picture, "RGBA")
    width, height = picture.size
    thick = 2 if max(width, height) < 400 else 3
    for x0, y0, x1, y1 in annotations.boxes:
        corners = (x0 * width, y0 * height, max(x1 * width - 1, x0 * width), max(y1 * height - 1, y0 * height))
        _rectangle(draw, corners, thick, picture.size)
    dots = {name: (point[0] * width, point[1] * height) for name, point in annotations.parts.items() if point}
    colours = part_colours(annotations.parts)
    texts = {name: drawable(name) for name in dots} if names else {}
    areas = _place_names(texts, dots, picture.size)
    for name, area in areas.items():
        _leader(draw, dots[name], area, colours[name])
    for name, (x, y) in dots.items():
        for radius, colour in ((2 * thick, _DARK), (2 * thick - 2, colours[name])):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    for name, area in areas.items():
        draw.rounded_rectangle(area, radius=4, fill=_PILL)
        corner = (area[0] + _PAD + 1, area[1] + _PAD - 1)
        draw.text(corner, texts[name], fill=colours[name], font=face(texts[name], _LETTERS))


def _rectangle(draw: ImageDraw.ImageDraw, corners: Area, thick: int, size: tuple[int, int]) -> None:
    """A bright frame with a dark line on either side, kept inside the picture where it touches its edge."""
    edge = thick // 2 + 1
    limits = (size[0] - 1 - edge, size[1] - 1 - edge) * 2
    x0, y0, x1, y1 = (min(max(value, edge), limit) for value, limit in zip(corners, limits, strict=True))
    if x0 > x1 or y0 > y1:
        return  # a picture of a few pixels has no room for a frame
    for grow, width, colour in ((edge, thick + 2, _DARK), (edge - 1, thick, _BOX)):
        draw.rectangle((x0 - grow, y0 - grow, x1 + grow, y1 + grow), outline=colour, width=width)


def _leader(draw: ImageDraw.ImageDraw, dot: Point, area: Area, colour: str) -> None:
    near = (min(max(dot[0], area[0]), area[2]), min(max(dot[1], area[1]), area[3]))
    draw.line((dot, near), fill=_DARK, width=4)
    draw.line((dot, near), fill=colour, width=2)


def _place_names(texts: Mapping[str, str], dots: Mapping[str, Point], size: tuple[int, int]) -> dict[str, Area]:
    """Name -> where it is written: near its dot, away from the others, on the outer side of them."""
    placed: dict[str, Area] = {}
    middle = (
        sum(x for x, _ in dots.values()) / max(len(dots), 1),
        sum(y for _, y in dots.values()) / max(len(dots), 1),
    )
    # The outermost ones first: they have room outside, and leave the inner ones theirs.
    for name in sorted(texts, key=lambda name: -hypot(dots[name][0] - middle[0], dots[name][1] - middle[1])):
        placed[name] = min(
            _places(texts[name], dots[name], middle, size), key=lambda place: _crowd(place[1], placed, dots) + place[0]
        )[1]
    return placed


def _places(text: str, dot: Point, middle: Point, size: tuple[int, int]) -> Iterator[tuple[float, Area]]:
    """(cost, area) of every place around the dot: dearer with the distance, and towards the middle of all dots."""
    width = face(text, _LETTERS).getlength(text) + 2 * _PAD + 2
    height = _LETTERS + 2 * _PAD
    outward = (dot[0] - middle[0], dot[1] - middle[1])
    length = hypot(*outward) or 1.0
    for ring in _RINGS:
        for step in range(_DIRECTIONS):
            x, y = cos(2 * pi * step / _DIRECTIONS), sin(2 * pi * step / _DIRECTIONS)
            # The ring is where the text's nearest side lies, so that a long name comes no closer than a short one.
            left = dot[0] + ring * x - width * (1 - x) / 2
            top = dot[1] + ring * y - height * (1 - y) / 2
            left = min(max(left, 1.0), max(size[0] - width - 1, 1.0))
            top = min(max(top, 1.0), max(size[1] - height - 1, 1.0))
            inward = 1 - (x * outward[0] + y * outward[1]) / length
            yield ring / 10 + 4 * inward, (left, top, left + width, top + height)


def _crowd(area: Area, placed: Mapping[str, Area], dots: Mapping[str, Point]) -> float:
    """What an area would hide: other names count most, then dots."""
    x0, y0, x1, y1 = area[0] - 3, area[1] - 3, area[2] + 3, area[3] + 3
    names = sum(x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1 for b in placed.values())
    hidden = sum(x0 - 6 < x < x1 + 6 and y0 - 6 < y < y1 + 6 for x, y in dots.values())
    return 1000 * names + 100 * hidden
