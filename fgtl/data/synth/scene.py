"""The surroundings of a bird by its stance: perch, ground, shore, trunk or water, with what stands in front of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fgtl.data.synth.backdrop import LEAFY, MOODS, SKIES, Mood, Picture, add_distractors, blend, foliage, sky
from fgtl.data.synth.curves import Points, open_curve
from fgtl.data.synth.foreground import Foreground, leaf_colour, leafy_twig, pebble, tuft
from fgtl.data.synth.ground import contact_shadow, draw_branch, draw_ground, draw_trunk, draw_water

EARTHS = (
    Mood((62, 48, 34), (116, 92, 66), (168, 140, 106), (220, 200, 170)),
    Mood((48, 56, 26), (96, 108, 48), (146, 156, 82), (210, 220, 150)),
    Mood((74, 54, 34), (138, 98, 58), (188, 144, 92), (226, 196, 150)),
    Mood((88, 82, 74), (136, 128, 116), (180, 172, 158), (220, 214, 204)),
)
SANDS = (
    Mood((128, 110, 86), (180, 160, 128), (214, 198, 168), (238, 228, 206)),
    Mood((92, 84, 74), (134, 124, 110), (172, 162, 146), (214, 208, 196)),
    Mood((118, 100, 84), (160, 138, 116), (198, 178, 154), (228, 214, 196)),
)


@dataclass(frozen=True)
class Spot:
    """What the scene must know of the bird: `feet` (2, 2) pixels near then far, its `box` (x0, y0, x1, y1), `facing`,
    pixels per bird unit `scale`, and `level`, the row of its water line."""

    feet: Points
    box: tuple[float, float, float, float]
    facing: int
    scale: float
    level: float


@dataclass(frozen=True)
class Scene:
    """`back` (H, W, 3) float 0..255 behind the bird; `front` RGBA before it; the row of the `water_line`, and how
    strongly the bird is `mirrored` in water or on wet sand below the row `mirror_line`."""

    back: Picture
    front: Image.Image
    water_line: float | None = None
    mirror_line: float | None = None
    mirrored: float = 0.0


def build_scene(stance: str, size: tuple[int, int], spot: Spot, rng: np.random.Generator) -> Scene:
    """Draw the surroundings for a stance; `size` is (width, height)."""
    return _BUILDERS[stance](size, spot, rng)


def _perch(size: tuple[int, int], spot: Spot, rng: np.random.Generator) -> Scene:
    mood = MOODS[rng.integers(len(MOODS))]
    back = sky(size, rng) if rng.random() < 0.22 else foliage(size, rng, mood)
    add_distractors(back, rng, mood, size[1])
    middle = spot.feet.mean(axis=0)
    thickness = spot.scale * rng.uniform(0.07, 0.19)
    slope = math.tan(rng.uniform(-0.20, 0.20))
    x = np.linspace(-10, size[0] + 10, 7)
    y = middle[1] + thickness * 0.40 + slope * (x - middle[0]) + rng.normal(0, size[1] * 0.012, 7)
    # Exactly under the feet the branch must be where they are.
    knots = np.stack([x, y], axis=1)
    knots = np.vstack([knots[np.abs(x - middle[0]) > 30], [(middle[0], middle[1] + thickness * 0.40)]])
    spine = open_curve(knots[np.argsort(knots[:, 0])], 6)
    growth = rng.choice([-1, 1])
    widths = thickness * (1 + growth * np.linspace(-0.3, 0.3, len(spine)))
    behind, before = Foreground(size), Foreground(size)
    for _ in range(rng.integers(0, 4)):
        _twig_on(behind, spine, spot, rng, mood)
    blend(back, behind.finished(rng.uniform(0, 0.7)))
    draw_branch(back, spine, widths, rng)
    if rng.random() < 0.6:
        _twig_on(before, spine, spot, rng, mood)
    _occlude(before, size, spot, rng, mood)
    return Scene(back, before.finished(rng.uniform(0, 0.8)))


def _twig_on(layer: Foreground, spine: Points, spot: Spot, rng: np.random.Generator, mood: Mood) -> None:
    root = spine[rng.integers(1, len(spine) - 1)]
    up = rng.choice([-1, -1, 1])
    leafy_twig(layer, root, up * rng.uniform(0.5, 2.6), spot.scale * rng.uniform(0.35, 0.75), rng, _leafy(rng, mood))


def _leafy(rng: np.random.Generator, mood: Mood) -> Mood:
    """The mood itself where it is one of leaves, otherwise one that is."""
    other = LEAFY[rng.integers(len(LEAFY))]
    return mood if mood in LEAFY else other


def _occlude(layer: Foreground, size: tuple[int, int], spot: Spot, rng: np.random.Generator, mood: Mood) -> None:
    """With nearly even odds a leafy twig that covers a small part of the bird anywhere."""
    chance = rng.random()
    x0, y0, x1, y1 = spot.box
    target = rng.uniform((x0, y0), (x1, y1))
    if chance < 0.30:
        turn = rng.uniform(0, 2 * math.pi)
        length = spot.scale * rng.uniform(0.30, 0.55)
        start = target - length * 0.8 * np.array([math.cos(turn), math.sin(turn)])
        leafy_twig(layer, start, turn, length, rng, _leafy(rng, mood))
    elif chance < 0.46:
        # A twig that comes in from outside and ends a little beyond the point, with a leaf or two.
        turn = rng.uniform(0, 2 * math.pi)
        reach = np.array([math.cos(turn), math.sin(turn)])
        bend = rng.normal(0, 0.12 * max(size), 2)
        end = target + reach * spot.scale * rng.uniform(0.05, 0.3)
        path = open_curve([target - reach * max(size), target - reach * 0.4 * max(size) + bend, end], 8)
        width = spot.scale * rng.uniform(0.016, 0.034)
        layer.stem(path, np.linspace(1.5, 0.5, len(path)) * width, np.array((104, 88, 70)) * rng.normal(1, 0.12))
        for side in (-1, 1)[: rng.integers(0, 3)]:
            layer.leaf(
                end,
                turn + side * rng.uniform(0.1, 0.7),
                spot.scale * rng.uniform(0.10, 0.2),
                leaf_colour(rng, _leafy(rng, mood)),
            )


def _ground(size: tuple[int, int], spot: Spot, rng: np.random.Generator) -> Scene:
    mood = MOODS[rng.integers(len(MOODS))]
    earth = EARTHS[rng.integers(len(EARTHS))]
    back = foliage(size, rng, mood, 1.2)
    foot = float(spot.feet[:, 1].max())
    horizon = foot - size[1] * rng.uniform(0.10, 0.45)
    add_distractors(back, rng, mood, horizon)
    draw_ground(back, horizon, rng, earth, rng.uniform(0.3, 0.8))
    behind, before = Foreground(size), Foreground(size)
    green = _leafy(rng, mood)
    for _ in range(rng.integers(2, 9)):
        root = rng.uniform((0, max(horizon, foot - 30)), (size[0], foot))
        tuft(behind, root, spot.scale * rng.uniform(0.12, 0.42), int(rng.integers(4, 10)), rng, green)
    _litter(behind, size, foot, rng)
    blend(back, behind.finished(rng.uniform(0.3, 1.1)))
    middle = spot.feet.mean(axis=0)
    contact_shadow(back, (middle[0], foot + 2), (spot.scale * 0.34, spot.scale * 0.05), rng.uniform(0.25, 0.5))
    for _ in range(rng.integers(1, 7)):
        root = rng.uniform((0, foot + 4), (size[0], max(foot + 6, size[1] + 6)))
        tuft(before, root, spot.scale * rng.uniform(0.10, 0.34), int(rng.integers(3, 8)), rng, green)
    if rng.random() < 0.4:
        root = np.array([rng.uniform(spot.box[0], spot.box[2]), foot + rng.uniform(4, 16)])
        tuft(before, root, spot.scale * rng.uniform(0.5, 1.05), int(rng.integers(2, 5)), rng, green)
    elif rng.random() < 0.5:
        _occlude(before, size, spot, rng, mood)
    return Scene(back, before.finished(rng.uniform(0, 0.8)))


def _litter(layer: Foreground, size: tuple[int, int], foot: float, rng: np.random.Generator) -> None:
    """Fallen leaves and stones, smaller farther away."""
    for _ in range(rng.integers(0, 16)):
        y = rng.uniform(foot - 24, size[1] + 4)
        near = 0.5 + (y - foot + 24) / (size[1] - foot + 30)
        place = np.array([rng.uniform(0, size[0]), y])
        if rng.random() < 0.65:
            layer.leaf(
                place,
                rng.uniform(-0.5, 0.5) + rng.choice([0, math.pi]),
                near * rng.uniform(9, 17),
                leaf_colour(rng, MOODS[3]),
                0.34,
            )
        else:
            pebble(layer, place, near * rng.uniform(2.5, 6), np.array((132, 126, 118)) * rng.uniform(0.7, 1.2), rng)


def _shore(size: tuple[int, int], spot: Spot, rng: np.random.Generator) -> Scene:
    mood = MOODS[rng.integers(len(MOODS))]
    sand = SANDS[rng.integers(len(SANDS))]
    foot = float(spot.feet[:, 1].max())
    back = sky(size, rng) if rng.random() < 0.3 else foliage(size, rng, mood, 1.4)
    bank = foot - size[1] * rng.uniform(0.40, 0.95)
    edge = foot - size[1] * rng.uniform(0.05, 0.30)
    add_distractors(back, rng, mood, bank)
    draw_water(back, bank, rng, mood, SKIES[rng.integers(len(SKIES))][1])
    wading = rng.random() < 0.35
    if not wading:
        draw_ground(back, edge, rng, sand, rng.uniform(0.25, 0.6))
    layer, before = Foreground(size), Foreground(size)
    for _ in range(0 if wading else rng.integers(3, 14)):
        place = rng.uniform((0, edge + 6), (size[0], size[1]))
        near = 0.35 + 0.8 * (place[1] - edge) / (size[1] - edge + 1)
        pebble(layer, place, near * rng.uniform(2, 8), np.array((140, 132, 122)) * rng.uniform(0.6, 1.3), rng)
    blend(back, layer.finished(0.5))
    middle = spot.feet.mean(axis=0)
    if not wading:
        contact_shadow(back, (middle[0], foot + 1), (spot.scale * 0.26, spot.scale * 0.035), rng.uniform(0.25, 0.5))
    for _ in range(rng.integers(0, 3)):
        root = np.array([rng.uniform(0, size[0]), size[1] + 4.0])
        tuft(before, root, spot.scale * rng.uniform(0.25, 0.8), int(rng.integers(2, 6)), rng, _leafy(rng, mood))
    if rng.random() < 0.4:
        _occlude(before, size, spot, rng, mood)
    mirrored = rng.uniform(0.3, 0.5) if wading else rng.uniform(0.0, 0.22)
    return Scene(back, before.finished(rng.uniform(0, 0.9)), None, foot, mirrored)


def _trunk(size: tuple[int, int], spot: Spot, rng: np.random.Generator) -> Scene:
    mood = MOODS[rng.integers(len(MOODS))]
    back = sky(size, rng) if rng.random() < 0.12 else foliage(size, rng, mood)
    add_distractors(back, rng, mood, size[1])
    # The trunk leans as the two feet do.
    near, far = spot.feet
    lean = float(np.clip((near[0] - far[0]) / min(near[1] - far[1], -1.0), -0.4, 0.4))
    middle = spot.feet.mean(axis=0)
    edge = middle[0] - lean * (middle[1] - size[1] / 2) - spot.facing * 0.02 * spot.scale
    draw_trunk(back, float(edge), spot.facing, lean, rng)
    before = Foreground(size)
    for _ in range(rng.integers(0, 3)):
        corner = np.array([rng.choice([0, size[0]]), rng.uniform(0, size[1])])
        turn = math.atan2(size[1] / 2 - corner[1], size[0] / 2 - corner[0]) + rng.normal(0, 0.4)
        leafy_twig(before, corner, turn, spot.scale * rng.uniform(0.3, 0.6), rng, _leafy(rng, mood))
    _occlude(before, size, spot, rng, mood)
    return Scene(back, before.finished(rng.uniform(0, 0.8)))


def _water(size: tuple[int, int], spot: Spot, rng: np.random.Generator) -> Scene:
    mood = MOODS[rng.integers(len(MOODS))]
    back = foliage(size, rng, mood, 1.4)
    horizon = spot.level - size[1] * rng.uniform(0.22, 0.75)
    add_distractors(back, rng, mood, horizon)
    draw_water(back, horizon, rng, mood, SKIES[rng.integers(len(SKIES))][1])
    before = Foreground(size)
    for _ in range(rng.integers(0, 3)):
        root = np.array([rng.uniform(0, size[0]), size[1] + 6.0])
        tuft(before, root, size[1] * rng.uniform(0.3, 0.8), int(rng.integers(2, 5)), rng, _leafy(rng, mood))
    if rng.random() < 0.55:
        _occlude(before, size, spot, rng, mood)
    return Scene(back, before.finished(rng.uniform(0, 0.9)), spot.level, spot.level, rng.uniform(0.35, 0.6))


_BUILDERS: dict[str, Callable[[tuple[int, int], Spot, np.random.Generator], Scene]] = {
    "perch": _perch,
    "ground": _ground,
    "shore": _shore,
    "trunk": _trunk,
    "water": _water,
}
