"""Leaves, needles, blades and stems in focus, around and in front of the bird."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from fgtl.data.synth.backdrop import Mood
from fgtl.data.synth.curves import Frame, Points, closed_curve, open_curve, ribbon

ENLARGED = 2


class Foreground:
    """An RGBA layer drawn twice as large as the picture."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._layer = Image.new("RGBA", (size[0] * ENLARGED, size[1] * ENLARGED), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._layer)
        self._empty = True

    def leaf(
        self, root: npt.ArrayLike, angle: float, length: float, colour: npt.ArrayLike, width: float = 0.42
    ) -> None:
        """A leaf from its stalk's `root` (pixels): two halves of different light and a midrib."""
        frame = Frame(root, angle, length)
        tint = np.asarray(colour, float)
        half = np.array([(0.08, 0.0), (0.3, 0.5 * width), (0.6, 0.46 * width), (0.85, 0.2 * width), (1.0, 0.0)])
        upper = open_curve(half, 5)
        self.polygon(frame(np.vstack([upper, [(0.5, -0.03)]])), tint * 1.10 + 6)
        self.polygon(frame(np.vstack([upper * (1, -1), [(0.5, 0.02)]])), tint * 0.86)
        self._line(frame(open_curve([(0, 0), (0.5, 0.015), (0.97, 0)], 4)), max(1.0, length * 0.03), tint * 0.7 + 22)
        for x in (0.3, 0.46, 0.62):
            for side in (1, -1):
                self._line(frame([(x, 0), (x + 0.13, side * 0.30 * width)]), 0.6, tint * 0.82 + 10)

    def blade(
        self, root: npt.ArrayLike, angle: float, length: float, bend: float, width: float, colour: npt.ArrayLike
    ) -> None:
        """A blade of grass that tapers and bends."""
        spine = Frame(root, angle, length)(open_curve([(0, 0), (0.5, bend * 0.35), (1.0, bend)], 6))
        self.polygon(ribbon(spine, np.linspace(width, width * 0.12, len(spine))), np.asarray(colour, float))

    def stem(self, path: Points, widths: npt.ArrayLike, colour: npt.ArrayLike) -> None:
        """A thin twig with a lit upper side."""
        tint = np.asarray(colour, float)
        self.polygon(ribbon(path, widths), tint * 0.8)
        self._line(
            path - (0, np.mean(np.asarray(widths)) * 0.2),
            max(0.7, float(np.mean(np.asarray(widths))) * 0.35),
            tint * 1.2,
        )

    def finished(self, blur: float = 0.0) -> Image.Image:
        """RGBA at the picture's size, out of focus by `blur` pixels."""
        if self._empty:
            return Image.new("RGBA", self.size, (0, 0, 0, 0))
        image = self._layer.reduce(ENLARGED)
        return image.filter(ImageFilter.BoxBlur(blur)) if blur > 0.2 else image

    def polygon(self, points: Points, colour: npt.ArrayLike) -> None:
        """Fill a polygon given in pixels of the picture."""
        self._empty = False
        self._draw.polygon((points * ENLARGED).ravel().tolist(), fill=_rgba(colour))

    def _line(self, points: Points, width: float, colour: npt.ArrayLike) -> None:
        path = (np.asarray(points) * ENLARGED).ravel().tolist()
        self._draw.line(path, fill=_rgba(colour), width=max(1, round(width * ENLARGED)))


def _rgba(colour: npt.ArrayLike) -> tuple[int, int, int, int]:
    red, green, blue = (int(channel) for channel in np.clip(np.asarray(colour), 0, 255))
    return red, green, blue, 255


def leaf_colour(rng: np.random.Generator, mood: Mood) -> npt.NDArray[np.float64]:
    """A leaf of the mood, individually jittered."""
    share = rng.uniform(0.2, 0.9)
    return (
        (np.array(mood.middle) * (1 - share) + np.array(mood.bright) * share)
        * rng.normal(1, 0.09)
        * rng.normal(1, 0.03, 3)
    )


def leafy_twig(
    layer: Foreground, start: npt.ArrayLike, angle: float, length: float, rng: np.random.Generator, mood: Mood
) -> None:
    """A twig from `start` with leaves to both sides, thinning towards its end."""
    bend = rng.normal(0, 0.15)
    spine = Frame(start, angle, length)(open_curve([(0, 0), (0.5, bend * 0.4), (1.0, bend)], 6))
    layer.stem(spine, np.linspace(max(1.2, length * 0.03), 0.8, len(spine)), (104, 84, 64))
    size = length * rng.uniform(0.30, 0.48)
    slim = rng.uniform(0.34, 0.6)
    for k, t in enumerate(np.linspace(0.2, 1.0, rng.integers(3, 7))):
        root = spine[round(t * (len(spine) - 1))]
        side = 1 if k % 2 else -1
        turn = angle + side * rng.uniform(0.4, 1.0) * (t < 0.98)
        layer.leaf(root, turn, size * rng.uniform(0.75, 1.1), leaf_colour(rng, mood), slim)


def tuft(
    layer: Foreground, root: npt.ArrayLike, height: float, count: int, rng: np.random.Generator, mood: Mood
) -> None:
    """Blades of grass fanning out of one root, upwards (image y runs down)."""
    for _ in range(count):
        angle = -math.pi / 2 + rng.normal(0, 0.30)
        offset = np.array([rng.normal(0, height * 0.12), 0.0])
        bend = rng.normal(0, 0.25)
        layer.blade(
            np.asarray(root) + offset,
            angle,
            height * rng.uniform(0.5, 1.1),
            bend,
            max(1.3, height * rng.uniform(0.025, 0.05)),
            leaf_colour(rng, mood),
        )


def pebble(
    layer: Foreground, centre: npt.ArrayLike, radius: float, colour: npt.ArrayLike, rng: np.random.Generator
) -> None:
    """A stone with a lit top."""
    tint = np.asarray(colour, float)
    ring = [(math.cos(a), math.sin(a) * 0.55) for a in np.linspace(0, 2 * math.pi, 7, endpoint=False)]
    shape = closed_curve(np.array(ring) * rng.uniform(0.8, 1.15, (7, 1)), 4)
    layer.polygon(shape * radius + np.asarray(centre, float), tint * 0.7)
    layer.polygon(shape * radius * (0.86, 0.72) + np.asarray(centre, float) - (0, radius * 0.12), tint)
