"""What lies behind the bird, out of focus: foliage with bokeh, sky, far banks; and the neutral things that distract."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from fgtl.data.synth.curves import closed_curve, ellipse, open_curve
from fgtl.data.synth.textures import SIDE, crop, noise

Picture = npt.NDArray[np.float32]
RGB = tuple[float, float, float]


class Mood(NamedTuple):
    """Dark, middle and bright colour of a vegetation, and the colour of the highlights between the leaves."""

    dark: RGB
    middle: RGB
    bright: RGB
    light: RGB


MOODS = (
    Mood((28, 44, 24), (72, 104, 46), (142, 168, 82), (214, 226, 170)),  # summer leaves
    Mood((18, 34, 28), (48, 78, 56), (96, 128, 90), (186, 208, 190)),  # deep shade
    Mood((58, 50, 28), (128, 110, 56), (190, 168, 92), (238, 224, 168)),  # late summer grass
    Mood((62, 38, 22), (140, 88, 44), (204, 144, 72), (244, 212, 150)),  # autumn
    Mood((70, 78, 84), (128, 138, 142), (176, 186, 190), (228, 234, 238)),  # mist
    Mood((52, 44, 40), (108, 96, 86), (162, 150, 136), (220, 212, 200)),  # bare twigs
    Mood((34, 52, 60), (84, 118, 122), (150, 178, 172), (222, 234, 226)),  # blue-green water side
    Mood((54, 62, 30), (122, 138, 62), (180, 192, 104), (232, 236, 176)),  # spring
)
# Those whose leaves can be seen in focus.
LEAFY = tuple(MOODS[k] for k in (0, 1, 2, 3, 7))
SKIES = (
    ((92, 142, 198), (196, 216, 232)),
    ((124, 164, 206), (222, 230, 236)),
    ((168, 180, 192), (222, 224, 224)),
    ((140, 158, 182), (240, 216, 190)),
)


def ramp(values: npt.NDArray[np.floating[Any]], colours: tuple[RGB, ...]) -> Picture:
    """(H, W) values in 0..1 to (H, W, 3) along evenly spaced colours."""
    table = np.array(colours, np.float32)
    grid = np.linspace(0, 1, 256)
    lookup = np.stack([np.interp(grid, np.linspace(0, 1, len(table)), table[:, c]) for c in range(3)], axis=1)
    return lookup.astype(np.float32)[np.clip(values * 255, 0, 255).astype(np.uint8)]


def foliage(size: tuple[int, int], rng: np.random.Generator, mood: Mood, blur: float = 1.0) -> Picture:
    """Vegetation far out of focus: (H, W, 3) in 0..255; `size` is (width, height). Drawn small: it is blurred."""
    width, height = size[0] // 2 + 1, size[1] // 2 + 1
    zoom = rng.uniform(0.6, 1.3)
    start = (rng.uniform(0, SIDE), rng.uniform(0, SIDE))
    coarse = crop(noise(1.7, 1.0, 1), (height, width), start, (zoom, zoom))
    fine = crop(noise(1.1, 1.0, 2), (height, width), start[::-1], (1.4, 1.4))
    top_light = np.linspace(rng.uniform(-0.05, 0.25), rng.uniform(-0.2, 0.05), height, dtype=np.float32)[:, None]
    base = ramp(coarse * 0.8 + fine * 0.25 - 0.05 + top_light, mood[:3])
    image = Image.fromarray(base.astype(np.uint8))
    _soft_shapes(image, rng, mood)
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(2.0, 4.5) * blur))
    _bokeh(image, rng, mood)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR), np.float32)


def _soft_shapes(image: Image.Image, rng: np.random.Generator, mood: Mood) -> None:
    """Leaves and stems that the blur will melt."""
    draw = ImageDraw.Draw(image)
    width, height = image.size
    for _ in range(rng.integers(10, 34)):
        centre = rng.uniform((0, 0), (width, height))
        long = rng.uniform(4, 15)
        colour = np.array(mood[rng.integers(0, 3)]) * rng.normal(1, 0.14) * rng.normal(1, 0.03, 3)
        draw.polygon(
            _path(ellipse(centre, (long, long * rng.uniform(0.25, 0.6)), rng.uniform(0, 3.2), 12)), fill=_rgb(colour)
        )
    for _ in range(rng.integers(0, 5)):
        a, b = rng.uniform((-20, -20), (width + 20, height + 20)), rng.uniform((-20, -20), (width + 20, height + 20))
        colour = np.array(mood.dark) * rng.uniform(0.8, 1.6)
        draw.line([*map(float, a), *map(float, b)], fill=_rgb(colour), width=int(rng.integers(1, 5)))


def _bokeh(image: Image.Image, rng: np.random.Generator, mood: Mood) -> None:
    """Discs of confusion of bright gaps, faint, with a slightly brighter rim."""
    if rng.random() < 0.35:
        return
    layer = Image.new("L", image.size, 0)
    radius = rng.uniform(3, 9)
    middle, spread = rng.uniform((0, 0), image.size), min(image.size) * rng.uniform(0.3, 0.7)
    for _ in range(rng.integers(4, 26)):
        x, y = rng.normal(middle, spread)
        r = radius * rng.uniform(0.7, 1.25)
        level = int(rng.uniform(25, 95))
        ImageDraw.Draw(layer).ellipse([x - r, y - r, x + r, y + r], fill=level, outline=min(255, int(level * 1.35)))
    layer = layer.filter(ImageFilter.GaussianBlur(0.8))
    image.paste(_rgb(np.array(mood.light)), (0, 0), layer)


def sky(size: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A sky that brightens downwards, with thin clouds."""
    width, height = size
    top, bottom = SKIES[rng.integers(len(SKIES))]
    start = (rng.uniform(0, SIDE), rng.uniform(0, SIDE))
    clouds = crop(noise(1.9, 2.2, 5), (height // 2 + 1, width // 2 + 1), start, (1.0, 1.0))
    gradient = np.linspace(0, 1, height // 2 + 1, dtype=np.float32)[:, None]
    amount = np.clip((clouds - rng.uniform(0.4, 0.75)) * 2.2, 0, 0.8)
    base = ramp(np.broadcast_to(gradient, clouds.shape), (top, bottom))
    image = Image.fromarray((base + (np.float32(244) - base) * amount[..., None]).astype(np.uint8))
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR), np.float32)


def add_distractors(back: Picture, rng: np.random.Generator, mood: Mood, floor: float) -> None:
    """Blurred twigs, berries, flowers or a far bird above the line `floor` (pixels), drawn into `back`."""
    height, width = back.shape[:2]
    if floor < 0.25 * height:
        return
    layer = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    for kind in rng.choice(["twig", "twig", "berries", "flowers", "bird", "none", "none", "none"], 2):
        place = rng.uniform((0.05 * width, 0.08 * height), (0.95 * width, max(floor - 10, 0.2 * height)))
        if kind == "twig":
            path = open_curve([place, place + rng.normal(0, 50, 2), place + rng.normal(0, 110, 2)], 6)
            colour = np.array(mood.dark) * rng.uniform(0.9, 1.7)
            draw.line(_path(path), fill=(*_rgb(colour), 220), width=int(rng.integers(2, 6)))
        elif kind in ("berries", "flowers"):
            hue = np.array(
                ((176, 40, 44), (214, 120, 40), (230, 226, 236), (196, 130, 190), (228, 200, 70))[rng.integers(5)]
            )
            for _ in range(rng.integers(4, 11)):
                x, y = place + rng.normal(0, 16, 2)
                r = rng.uniform(2.5, 6)
                draw.ellipse([x - r, y - r, x + r, y + r], fill=(*_rgb(hue * rng.uniform(0.75, 1.15)), 230))
        elif kind == "bird":
            _far_bird(draw, place, rng, mood)
    blur = rng.uniform(1.8, 3.6)
    small = layer.reduce(2).filter(ImageFilter.GaussianBlur(blur / 2)) if layer.getbbox() else layer
    blend(back, small.resize((width, height), Image.Resampling.BILINEAR))


def _far_bird(draw: ImageDraw.ImageDraw, place: npt.NDArray[np.float64], rng: np.random.Generator, mood: Mood) -> None:
    """A small bird of no particular kind on a stem, in the colours of the surroundings."""
    size, side = rng.uniform(24, 40), rng.choice([-1, 1])
    outline = closed_curve(
        [(0.62, 0.42), (0.44, 0.62), (0.2, 0.52), (0.0, 0.28), (-0.45, 0.0), (-1.05, -0.42), (-0.95, -0.52),
         (-0.35, -0.34), (0.1, -0.40), (0.42, -0.16), (0.56, 0.2)], 4,
    )  # fmt: skip
    points = outline * (size * side, -size) + place
    stem = np.array(mood.dark) * rng.uniform(1.0, 1.5)
    y = place[1] + 0.42 * size
    draw.line(
        [place[0] - 2.4 * size, y + rng.normal(0, 9), place[0] + 2.4 * size, y + rng.normal(0, 9)],
        fill=(*_rgb(stem), 220),
        width=3,
    )
    draw.polygon(_path(points), fill=(*_rgb(np.array(mood.middle) * rng.uniform(0.5, 0.8)), 240))
    belly = ellipse(place + np.array([0.12 * size * side, 0.16 * size]), (0.34 * size, 0.2 * size), 0.6 * side)
    draw.polygon(_path(belly), fill=(*_rgb(np.array(mood.bright) * rng.uniform(0.7, 1.0)), 220))
    draw.polygon(
        _path(np.array([(0.6, 0.5), (0.82, 0.42), (0.6, 0.36)]) * (size * side, -size) + place), fill=(*_rgb(stem), 240)
    )


def blend(back: Picture, layer: Image.Image) -> None:
    """Composite an RGBA layer over `back` in place."""
    box = layer.getbbox()
    if box is None:
        return
    pixels = np.asarray(layer.crop(box), np.float32)
    under = back[box[1] : box[3], box[0] : box[2]]
    under += (pixels[..., :3] - under) * (pixels[..., 3:] / 255)


def _path(points: npt.ArrayLike) -> list[float]:
    return np.asarray(points).ravel().tolist()


def _rgb(colour: npt.ArrayLike) -> tuple[int, int, int]:
    red, green, blue = (int(channel) for channel in np.clip(np.asarray(colour), 0, 255))
    return red, green, blue
