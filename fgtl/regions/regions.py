"""Regions: boxes that some method picked in each image of a record set, best first. numpy only."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fgtl.errors import InputError

NO_LEVEL = -1
# Bits of `flags`.
FALLBACK = 1
# Ranks are int16.
MOST_RANKS = 2**15


@dataclass(frozen=True, eq=False)
class Regions:
    """R boxes in N images; rows are sorted by image, then by rank.

    Attributes:
        ids: (N,) unicode, the images, each once; an image may have no region.
        sizes: (N, 2) int32, (height, width) of each stored image, pixels.
        images: (R,) int32, index into `ids`.
        ranks: (R,) int16, 0 for the best of its image, then 1, 2 ... without a gap.
        boxes: (R, 4) float32, [x0, y0, x1, y1] half-open in pixels of the stored image, inside its frame.
        scores: (R,) float32, finite; what they mean is the source's.
        levels: (R,) int8, index into `level_names`; NO_LEVEL where there is none.
        flags: (R,) uint8 of bits; FALLBACK: the method had nothing better to offer.
        level_names: of what the regions were taken from, such as the taps "p2" ... "p5".
        source: what picked them, for people.
        manifest_sha256: of the record set; "" where the boxes were made elsewhere.
        run: the folder of the run that picked them; "" without one.
    """

    ids: NDArray[np.str_]
    sizes: NDArray[np.int32]
    images: NDArray[np.int32]
    ranks: NDArray[np.int16]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    levels: NDArray[np.int8]
    flags: NDArray[np.uint8]
    level_names: tuple[str, ...] = ()
    source: str = ""
    manifest_sha256: str = ""
    run: str = ""

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_images(self)
        _check_boxes(self)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(N,) int64, regions of each image."""
        return np.bincount(self.images, minlength=len(self.ids))

    @property
    def most(self) -> int:
        """Regions of the image that has most of them."""
        return int(self.counts.max(initial=0))

    def best(self, k: int) -> "Regions":
        """The k best regions of each image."""
        return self._picked(self.ranks < k)

    def of_level(self, level: int) -> "Regions":
        """The regions of one level, ranked anew among themselves."""
        return self._picked(self.levels == level)

    def of_images(self, rows: NDArray[np.int64]) -> "Regions":
        """The images at `rows` (M,), each once, in that order, with their regions."""
        place = np.full(len(self.ids), -1, np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        kept = np.flatnonzero(place[self.images] >= 0)
        kept = kept[np.argsort(place[self.images[kept]], kind="stable")]
        columns = {name: getattr(self, name)[kept] for name in ("ranks", "boxes", "scores", "levels", "flags")}
        return replace(self, ids=self.ids[rows], sizes=self.sizes[rows], images=place[self.images[kept]], **columns)

    def with_boxes(self, boxes: NDArray[np.float32], source: str) -> "Regions":
        """The same images and ranks with other boxes (R, 4)."""
        return replace(self, boxes=boxes, source=source)

    def _picked(self, keep: NDArray[np.bool_]) -> "Regions":
        images = self.images[keep]
        columns = {name: getattr(self, name)[keep] for name in ("boxes", "scores", "levels", "flags")}
        return replace(self, images=images, ranks=ranks_of(images), **columns)


def ranks_of(images: NDArray[np.int32]) -> NDArray[np.int16]:
    """(R,) int16: the place of each row among those of its image; `images` (R,) must be sorted.

    Raises:
        InputError: an image has more rows than there are ranks.
    """
    starts = np.flatnonzero(np.diff(images, prepend=-1))
    sizes = np.diff(starts, append=len(images))
    if sizes.max(initial=0) > MOST_RANKS:
        raise InputError(f"An image has {sizes.max():,} regions.", expected=f"at most {MOST_RANKS:,}.")
    return (np.arange(len(images)) - np.repeat(starts, sizes)).astype(np.int16)


def _check_shapes(regions: Regions) -> None:
    images, rows = len(regions.ids), len(regions.images)
    shapes = {"ids": (images,), "sizes": (images, 2), "boxes": (rows, 4)}
    shapes |= dict.fromkeys(("images", "ranks", "scores", "levels", "flags"), (rows,))
    for name, shape in shapes.items():
        found = getattr(regions, name).shape
        if found != shape:
            raise InputError(
                f"{name} has shape {found}.", expected=f"{shape}, for {images:,} images and {rows:,} regions."
            )
    if len(np.unique(regions.ids)) < images:
        raise InputError("An image's id comes twice among the ids.", expected="each id once.")
    if images and regions.sizes.min() < 1:
        raise InputError("An image's stored size is below one pixel.", expected="heights and widths of at least 1.")


def _check_images(regions: Regions) -> None:
    if not len(regions):
        return
    low, high = int(regions.images.min()), int(regions.images.max())
    if low < 0 or high >= len(regions.ids):
        raise InputError(
            f"A region is of image number {low if low < 0 else high:,}.", expected=f"0 to {len(regions.ids) - 1:,}."
        )
    if (np.diff(regions.images) < 0).any() or not np.array_equal(regions.ranks, ranks_of(regions.images)):
        raise InputError(
            "The regions are not in the order of their images and ranks.",
            expected="image after image, and in each the ranks 0, 1, 2 ... without a gap.",
        )
    low, high = int(regions.levels.min()), int(regions.levels.max())
    if low < NO_LEVEL or high >= len(regions.level_names):
        raise InputError(
            f"A region is of level {low if low < NO_LEVEL else high}.",
            expected=f"0 to {len(regions.level_names) - 1} ({', '.join(regions.level_names)}), or {NO_LEVEL} for none.",
        )


def _check_boxes(regions: Regions) -> None:
    boxes, sizes = regions.boxes, regions.sizes[regions.images]
    x0, y0, x1, y1 = boxes.T
    # `not (a < b)`: not-a-number must fail too.
    wrong = ~((x0 >= 0) & (y0 >= 0) & (x0 < x1) & (y0 < y1) & (x1 <= sizes[:, 1]) & (y1 <= sizes[:, 0]))
    if wrong.any():
        row = int(wrong.argmax())
        height, width = sizes[row].tolist()
        corners = ", ".join(f"{value:g}" for value in boxes[row].tolist())
        raise InputError(
            f"The box [{corners}] of {regions.ids[regions.images[row]]} (rank {regions.ranks[row]}) is not in its image.",
            expected=f"0 <= x0 < x1 <= {width} and 0 <= y0 < y1 <= {height}, in pixels of the stored image.",
        )
    bad = ~np.isfinite(regions.scores)
    if bad.any():
        row = int(bad.argmax())
        raise InputError(
            f"The score of {regions.ids[regions.images[row]]}, rank {regions.ranks[row]}, is {regions.scores[row]}.",
            expected="a finite number.",
        )
