"""A photograph with the boxes that were picked and the annotated parts that they hit and miss."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fgtl.errors import DataError
from fgtl.reports.contact_sheet import small_picture

# More than these hide the picture.
MOST_BOXES = 16
SIDE = 440
_DARK, _BEST, _LATER, _HIT, _MISSED, _DECIDES = "#101418", "#ffd23f", "#fff3c4", "#36c9ff", "#ff595e", "#ffffff"
# A dot, twice as large as its edge.
_RADIUS = 6


@dataclass(frozen=True, eq=False)
class Marked:
    """Boxes on a picture and what they hit.

    Attributes:
        boxes: (K, 4) float32, best first, in pixels of the stored image.
        points: (P, 2), (x, y) of the visible parts.
        hit: (P,) bool, whether one of the boxes holds the point.
        deciding: (P,) bool, whether the part tells the class from its look-alikes.
    """

    boxes: NDArray[np.float32]
    points: NDArray[np.float64]
    hit: NDArray[np.bool_]
    deciding: NDArray[np.bool_]

    @property
    def said(self) -> str:
        """How many parts are hit, for people."""
        text = f"{int(self.hit.sum())} of {len(self.hit)} parts hit"
        if self.deciding.any():
            text += ", the deciding one too" if self.hit[self.deciding].any() else ", the deciding one missed"
        return text


@dataclass(frozen=True, eq=False)
class HitPicture:
    """An image with the regions' boxes and with random ones of equal size.

    Attributes:
        data: its image file.
        name: its class.
        id: of the record.
        size: (height, width) of the stored image, pixels.
        picked, random: the boxes of the regions, and random ones.
    """

    data: bytes
    name: str
    id: str
    size: tuple[int, int]
    picked: Marked
    random: Marked


def picture_uri(shown: HitPicture, marked: Marked) -> str:
    """A data URI of the marked picture as JPEG; "" when the image cannot be decoded."""
    try:
        picture = small_picture(shown.data, SIDE)
    except DataError:
        # A picture less; `fgtl verify` is what says what is wrong with a record.
        return ""
    draw_marks(picture, shown.size, marked)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85, subsampling=0, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def draw_marks(picture: Image.Image, size: tuple[int, int], marked: Marked) -> None:
    """Draw boxes, best last and thickest, and part points, on an RGB picture of an image of `size`, in place.

    A part that is hit is a dot, one that is missed a cross; around a deciding part there is a ring.
    """
    draw = ImageDraw.Draw(picture)
    scales = np.array([picture.width / size[1], picture.height / size[0]])
    boxes = marked.boxes * np.tile(scales, 2)
    for rank in range(len(boxes) - 1, -1, -1):
        x0, y0, x1, y1 = boxes[rank].tolist()
        corners = (x0, y0, max(x1 - 1, x0), max(y1 - 1, y0))
        thick, colour = (3, _BEST) if rank == 0 else (2, _LATER)
        draw.rectangle(corners, outline=_DARK, width=thick + 2)
        inner = (corners[0] + 1, corners[1] + 1, max(corners[2] - 1, x0 + 1), max(corners[3] - 1, y0 + 1))
        draw.rectangle(inner, outline=colour, width=thick)
    for (x, y), hit, decides in zip(marked.points * scales, marked.hit, marked.deciding, strict=True):
        if decides:
            _ring(draw, x, y)
        (_dot if hit else _cross)(draw, x, y)


def _dot(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    for radius, colour in ((_RADIUS, _DARK), (_RADIUS - 2, _HIT)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _cross(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    reach = _RADIUS - 1
    for width, colour in ((6, _DARK), (3, _MISSED)):
        for sign in (1, -1):
            draw.line((x - reach, y - sign * reach, x + reach, y + sign * reach), fill=colour, width=width)


def _ring(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    for radius, colour, width in ((_RADIUS + 7, _DARK, 5), (_RADIUS + 6, _DECIDES, 3)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=width)
