"""Sample: one labelled image as a reader found it on disk."""

from dataclasses import dataclass

from fgtl.downloads import Place

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Box:
    """Object box in pixels of the image file as stored there: half-open, x to the right, y down."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class PartPoint:
    """A named part's centre in pixels of the image file; `visible` is False where the part is hidden."""

    name: str
    x: float
    y: float
    visible: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a data set.

    Attributes:
        id: unique in the data set: the official image id where there is one, else the path below the root.
        path: the image file's name below the top of the download (`fgtl.downloads.Tree`).
        label: zero-based class index.
        class_name: the class as a person reads it.
        split: "train", "validation" or "test", as officially given.
        boxes: object boxes, possibly none.
        parts: part points in the data set's own order, possibly none.
        hierarchy: names from the root of the taxonomy to the class, possibly none.
        place: where the bytes lie when `path` is not a file of the tree (a record of another tool's shard).
    """

    id: str
    path: str
    label: int
    class_name: str
    split: str
    boxes: tuple[Box, ...] = ()
    parts: tuple[PartPoint, ...] = ()
    hierarchy: tuple[str, ...] = ()
    place: Place | None = None
