"""Sample: one labelled image as a reader found it on disk."""

from dataclasses import dataclass
from pathlib import Path

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Box:
    """Object box in pixels of the image file as stored there: half-open, x to the right, y down."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class PartPoint:
    """A named part's centre in pixels of the image file; `visible` is False where the part is hidden."""

    name: str
    x: float
    y: float
    visible: bool


@dataclass(frozen=True)
class Sample:
    """One image of a data set.

    Attributes:
        id: unique in the data set: the official image id where there is one, else the path below the root.
        path: the image file.
        label: zero-based class index.
        class_name: the class as a person reads it.
        split: "train", "validation" or "test", as officially given.
        boxes: object boxes, possibly none.
        parts: part points in the data set's own order, possibly none.
        hierarchy: names from the root of the taxonomy to the class, possibly none.
    """

    id: str
    path: Path
    label: int
    class_name: str
    split: str
    boxes: tuple[Box, ...] = ()
    parts: tuple[PartPoint, ...] = ()
    hierarchy: tuple[str, ...] = ()
