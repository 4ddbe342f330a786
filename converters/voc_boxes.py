"""Boxes of objects in XML files as PASCAL VOC has them.

<annotation> ... <object><name>..</name><bndbox><xmin>..</xmin><ymin>..</ymin><xmax>..</xmax><ymax>..</ymax></bndbox>
</object> ... </annotation>
"""

import math
from xml.etree import ElementTree

from fgtl.downloads import Tree
from fgtl.errors import DataError

# An annotation has about 1 kB; nobody draws a thousand boxes on a photograph.
_MAX_BYTES = 2**20
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_voc_boxes(tree: Tree, name: str) -> list[tuple[float, float, float, float]]:
    """(xmin, ymin, xmax, ymax) of each object, as written; what they count from differs between data sets.

    Raises:
        DataError: there is no such file, it is not such XML, declares anything, or has no object with a box.
    """
    where = tree.where(name)
    if tree.size(name) > _MAX_BYTES:
        raise DataError(
            f"{where} has {tree.size(name):,} bytes.", expected=f"an annotation below {_MAX_BYTES:,} bytes."
        )
    try:
        # As text, so that the encoding which the file claims does not matter.
        text = tree.read(name).decode("utf-8-sig")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            # Entities can grow without bounds or lead to other files; an annotation needs none.
            raise DataError(f"{where} declares a document type.", expected="plain XML without declarations.")
        root = ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{where} is not XML: {error}.", expected="an annotation with <object> and <bndbox>.") from None
    boxes = [_box(where, element) for element in root.iter("bndbox")]
    if not boxes:
        raise DataError(f"{where} has no object with a box.", expected="at least one <object> with <bndbox>.")
    return boxes


def _box(where: str, element: ElementTree.Element) -> tuple[float, float, float, float]:
    values = []
    for side in _SIDES:
        text = element.findtext(side, "").strip()
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(f"{where}: {side} {text!r} is not a number.", expected=f"{', '.join(_SIDES)} in <bndbox>.")
        values.append(value)
    x0, y0, x1, y1 = values
    if x1 < x0 or y1 < y0:
        raise DataError(f"{where}: a box from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}).", expected="min before max.")
    return x0, y0, x1, y1
