"""What carries the bird, in focus: branches, trunks, meadow, shore and water, drawn over a backdrop."""

import math

import numpy as np

from fgtl.data.synth.backdrop import RGB, Mood, Picture, ramp
from fgtl.data.synth.curves import Points
from fgtl.data.synth.textures import SIDE, crop, noise, smooth_crop

BARKS = (
    ((58, 46, 38), (112, 94, 78), (164, 146, 126)),
    ((74, 70, 66), (128, 122, 114), (184, 178, 170)),
    ((66, 44, 30), (124, 86, 58), (178, 136, 98)),
    ((62, 64, 52), (112, 112, 90), (160, 158, 132)),
)


def draw_branch(back: Picture, spine: Points, widths: Points, rng: np.random.Generator, lit: float = -0.5) -> None:
    """A branch along `spine` (N, 2) pixels, monotone in x, of full `widths` (N,) pixels: bark, round shading.

    `lit` is the side the light comes from: -1 above, 1 below.
    """
    height, width = back.shape[:2]
    x = np.arange(width, dtype=np.float32)
    y = np.interp(x, spine[:, 0], spine[:, 1]).astype(np.float32)
    half = (np.interp(x, spine[:, 0], widths) / 2).astype(np.float32)
    # Bumps of the bark, the same along the whole thickness.
    bumps = crop(noise(1.1, 1.0, 4), (1, width), (rng.uniform(0, SIDE), rng.uniform(0, SIDE)), (1, 1.0))[0]
    half = half * (0.92 + 0.16 * bumps)
    top, bottom = max(0, int((y - half).min()) - 1), min(height, int((y + half).max()) + 2)
    if bottom <= top:
        return
    rows = np.arange(top, bottom, dtype=np.float32)[:, None]
    across = (rows - y) / np.maximum(half, 0.5)
    inside = (x >= spine[0, 0]) & (x <= spine[-1, 0])
    alpha = np.clip((1 - np.abs(across)) * half + 0.5, 0, 1) * inside
    grain = crop(noise(0.9, 4.0, 6), alpha.shape, (rng.uniform(0, SIDE), rng.uniform(0, SIDE)), (1.6, 1.0))
    round_ = np.sqrt(np.clip(1 - across**2, 0, 1))
    shade = 0.30 + 0.55 * round_ + 0.30 * across * lit
    colour = ramp(grain * 0.9 + 0.05, BARKS[rng.integers(len(BARKS))]) * shade[..., None]
    back[top:bottom] += (colour - back[top:bottom]) * alpha[..., None]


def draw_trunk(back: Picture, edge: float, side: int, lean: float, rng: np.random.Generator) -> None:
    """A trunk whose near edge runs through x = `edge` at half height and which fills the picture's `side` (1 right)."""
    height, width = back.shape[:2]
    y = np.arange(height, dtype=np.float32)
    bumps = crop(noise(1.9, 1.0, 8), (height, 1), (rng.uniform(0, SIDE), rng.uniform(0, SIDE)), (0.7, 1))[:, 0]
    line = edge + lean * (y - height / 2) + (bumps - 0.5) * 7
    thickness = width * rng.uniform(0.34, 0.60)
    across = ((np.arange(width, dtype=np.float32)[None] - line[:, None]) * side) / thickness
    alpha = np.clip(across * thickness + 0.5, 0, 1) * np.clip((1 - across) * thickness + 0.5, 0, 1)
    start = (rng.uniform(0, SIDE), rng.uniform(0, SIDE))
    # Fissures run up the trunk: the stretched noise is read with rows and columns swapped.
    fissures = smooth_crop(noise(1.7, 3.0, 9), (width, height), start, 1.6).T
    grain = crop(noise(0.6, 2.0, 6), (width, height), start[::-1], (1.0, 1.2)).T
    ridges = 1 - np.abs(fissures * 2 - 1)
    round_ = np.sqrt(np.clip(1 - (2 * across - 1) ** 2, 0, 1))
    value = 0.30 + 0.30 * fissures - 0.55 * ridges**6 + 0.40 * (grain - 0.5) + 0.16
    colour = ramp(value, BARKS[rng.integers(len(BARKS))]) * (0.40 + 0.62 * round_)[..., None]
    if rng.random() < 0.6:  # lichen
        patches = crop(noise(1.6, 1.0, 10), (height, width), start, (1.0, 1.0))
        amount = np.clip((patches - 0.72) * 6, 0, 0.55) * (0.5 + grain * 0.5)
        colour += (np.array((158, 168, 138), np.float32) * round_[..., None] - colour) * amount[..., None]
    back += (colour - back) * alpha[..., None]


def draw_ground(back: Picture, horizon: float, rng: np.random.Generator, colours: Mood, grit: float) -> None:
    """A plane from the `horizon` (pixel row) down: earth, litter, sand or short grass; blurred at the far end."""
    height, width = back.shape[:2]
    first = max(0, math.floor(horizon))
    rows = height - first
    if rows < 2:
        return
    depth = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    texture = _receding(noise(1.2, 1.6, 11), rows, width, rng, 1.0)
    fine = _receding(noise(0.35, 1.5, 12), rows, width, rng, 2.2)
    value = 0.52 + (texture - 0.5) * 0.62 + (fine - 0.5) * grit * np.clip(depth * 2.2, 0.1, 1)
    colour = ramp(value, colours[:3]) * (0.92 + 0.10 * depth)[..., None]
    # The far edge melts into the backdrop.
    alpha = np.clip(np.arange(rows, dtype=np.float32) / max(5.0, 0.06 * height), 0, 1)[:, None, None]
    back[first:] += (colour - back[first:]) * alpha


def _receding(tile: Picture, rows: int, width: int, rng: np.random.Generator, zoom: float) -> Picture:
    """A tile seen on a plane that recedes: rows are packed more densely, and columns with them, towards the top."""
    near = np.linspace(0.25, 1.0, rows)
    v = (rng.uniform(0, SIDE) + np.cumsum(1 / near) * zoom).astype(np.int32) % SIDE
    offsets = (np.arange(width, dtype=np.float32) - width / 2) * zoom
    columns = offsets[None] / near[:, None].astype(np.float32) + np.float32(rng.uniform(0, SIDE) + 64 * SIDE)
    # A power of two: the remainder is a bit mask, also of what was to the left of the tile.
    return tile[v[:, None], columns.astype(np.int32) & (SIDE - 1)]


def draw_water(back: Picture, horizon: float, rng: np.random.Generator, mood: Mood, sky_colour: RGB) -> None:
    """A pond from the `horizon` down: the bank mirrored at the far end, ripples that catch the sky nearer."""
    height, width = back.shape[:2]
    first = max(0, math.floor(horizon))
    rows = height - first
    if rows < 2:
        return
    depth = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    swell = _receding(noise(2.4, 7.0, 13), rows, width, rng, 0.8)
    ripple = _receding(noise(2.0, 9.0, 14), rows, width, rng, 2.0)
    clarity = rng.uniform(0.25, 0.75)
    mirror = np.clip(depth * rng.uniform(0.3, 0.9) + clarity, 0, 1)
    wavelet = _receding(noise(1.5, 7.0, 15), rows, width, rng, 1.6)
    # Crests are narrow and bright, troughs wide and dark.
    crest = 0.40 * swell**2 + 0.25 * ripple**2 + rng.uniform(0.2, 0.5) * wavelet**2
    value = np.clip(mirror * 0.62 + (crest - 0.32) * rng.uniform(0.5, 0.9), 0, 1)
    deep = tuple(0.5 * np.array(mood.dark) + 0.2 * np.array(mood.middle) + (6, 12, 18))
    middle = tuple(0.40 * np.array(mood.middle) + 0.32 * np.array(sky_colour))
    colour = ramp(value, (deep, middle, tuple(0.90 * np.array(sky_colour))))
    # The water's edge is as far out of focus as the bank behind it.
    alpha = np.clip(np.arange(rows, dtype=np.float32) / 9, 0, 1)[:, None, None]
    back[first:] += (colour - back[first:]) * (alpha * alpha * (3 - 2 * alpha))


def contact_shadow(back: Picture, centre: tuple[float, float], radii: tuple[float, float], strength: float) -> None:
    """A soft dark ellipse under the bird."""
    height, width = back.shape[:2]
    y0, y1 = max(0, int(centre[1] - 3 * radii[1])), min(height, int(centre[1] + 3 * radii[1]) + 1)
    x0, x1 = max(0, int(centre[0] - 3 * radii[0])), min(width, int(centre[0] + 3 * radii[0]) + 1)
    if y1 <= y0 or x1 <= x0:
        return
    y = (np.arange(y0, y1, dtype=np.float32)[:, None] - centre[1]) / radii[1]
    x = (np.arange(x0, x1, dtype=np.float32)[None] - centre[0]) / radii[0]
    back[y0:y1, x0:x1] *= 1 - strength * np.exp(-(x * x + y * y))[..., None]
