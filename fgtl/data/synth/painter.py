"""What every part of the bird is drawn with: the canvas, the individual's colours, and the way to canvas pixels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fgtl.data.synth.anatomy import Skeleton
from fgtl.data.synth.canvas import RGB, SUPERSAMPLE, Canvas
from fgtl.data.synth.curves import Points


@dataclass(frozen=True)
class Placement:
    """Bird units to pixels: x mirrored for a bird that looks left and squeezed for one that is turned a little.

    Attributes:
        origin: image pixel of the bird's (0, 0).
        scale: pixels per bird unit.
        facing: 1 right, -1 left.
        squeeze: foreshortening of x.
    """

    origin: tuple[float, float]
    scale: float
    facing: int
    squeeze: float

    def __call__(self, points: npt.ArrayLike) -> Points:
        """Image pixels of bird points (N, 2) or (2,)."""
        factors = np.array([self.scale * self.facing * self.squeeze, -self.scale])
        return np.asarray(points, float) * factors + self.origin


@dataclass(frozen=True)
class Painter:
    """One individual on its canvas.

    Attributes:
        canvas, skeleton, placement: where and what is drawn.
        palette: the colours of this individual.
        tone: by how much the colours of its variant differ from their names', per channel.
        corner: pixel of the image at which the canvas has its corner.
        detail: random numbers for details that all classes share.
    """

    canvas: Canvas
    skeleton: Skeleton
    palette: dict[str, RGB]
    tone: RGB
    placement: Placement
    corner: tuple[int, int]
    detail: np.random.Generator

    def pixels(self, points: npt.ArrayLike) -> Points:
        """Canvas pixels of bird points."""
        return (self.placement(points) - self.corner) * SUPERSAMPLE

    def worn(self, colour: RGB) -> RGB:
        """A variant's colour as this individual wears it."""
        red, green, blue = (channel * factor for channel, factor in zip(colour, self.tone, strict=True))
        return red, green, blue

    def polygon(self, points: Points, colour: RGB) -> None:
        """Colour a hard-edged polygon (bird points) where the bird already is: no new coverage, no new shade."""
        self.polygon_at(self.pixels(points), colour)

    def stroke(self, points: npt.ArrayLike, width: float, colour: RGB) -> None:
        """Colour a line (bird points, `width` in bird units) where the bird already is."""
        self.stroke_at(self.pixels(points), width, colour)

    def polygon_at(self, pixels: Points, colour: RGB) -> None:
        """`polygon` for points that are canvas pixels already."""
        self.canvas.brush.polygon(pixels.ravel().tolist(), fill=rounded(colour))

    def stroke_at(self, pixels: Points, width: float, colour: RGB) -> None:
        """`stroke` for points that are canvas pixels already."""
        thickness = max(1, round(width * self.canvas.scale))
        self.canvas.brush.line(pixels.ravel().tolist(), fill=rounded(colour), width=thickness)


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """`first` with a `share` (0..1) of `second`."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def rounded(colour: RGB) -> tuple[int, int, int]:
    """The colour as Pillow wants it."""
    red, green, blue = (min(255, max(0, round(channel))) for channel in colour)
    return red, green, blue
