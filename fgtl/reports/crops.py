"""A sheet of pictures as the network sees them, for TensorBoard and the report."""

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fgtl.errors import InputError, expect_rank
from fgtl.reports.figures import INK, shorten

_GAP, _LINE = 8, 20
_SMALLEST, _LARGEST = 96, 224


def crops_figure(images: np.ndarray, names: Sequence[str], *, columns: int = 8, most: int = 32) -> bytes:
    """PNG of a grid of images with their class names below.

    Args:
        images: (N, S, S, 3) uint8 or float, 0..255. Shown at 96 to 224 px.
        names: N captions (class names, or labels as text).
        columns: images in a row.
        most: no more than this many images are drawn.

    Raises:
        InputError: `images` is not (N, H, W, 3), or the number of names differs.
    """
    images = np.asarray(images)
    expect_rank(images, 4, "images", "(N, S, S, 3)")
    if images.shape[-1] != 3 or not len(images) or len(names) != len(images):
        raise InputError(
            f"images has shape {images.shape}, with {len(names)} names.", expected="(N, S, S, 3), N > 0, and N names."
        )
    images, names = images[:most], [str(name) for name in names[:most]]
    side = int(np.clip(images.shape[1], _SMALLEST, _LARGEST))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (_GAP + columns * (side + _GAP), _GAP + rows * (side + _LINE + _GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    pixels = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    for place, (picture, name) in enumerate(zip(pixels, names, strict=True)):
        x = _GAP + place % columns * (side + _GAP)
        y = _GAP + place // columns * (side + _LINE + _GAP)
        sheet.paste(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS), (x, y))
        draw.text((x, y + side + 3), shorten(name, side // 7), fill=INK, font=_font())
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


@cache
def _font() -> ImageFont.FreeTypeFont:
    # Matplotlib's copy: it covers Latin, Greek and Cyrillic, which Pillow's built-in face does not.
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), 11)
