"""The folded wing: primaries, secondaries, tertials and three rows of coverts, whose tips make the wing bars."""

import numpy as np

from fgtl.data.synth.canvas import RGB
from fgtl.data.synth.curves import Points, closed_curve
from fgtl.data.synth.painter import Painter, mix

OUTLINE = (
    (-0.03, 0.03), (0.06, 0.125), (0.24, 0.185), (0.46, 0.17), (0.66, 0.12), (0.84, 0.055), (1.0, 0.0),
    (0.84, -0.035), (0.64, -0.085), (0.42, -0.145), (0.20, -0.165), (0.04, -0.11),
)  # fmt: skip

# Wing variant -> which covert rows have pale tips, and whether the secondaries form a pale panel.
BARS = {"plain": (), "one bar": ("greater",), "two bars": ("greater", "median"), "panel": ("panel",)}
# A blunt feather, in (lengths, widths): its free edge first, then the tip, then the covered edge.
FEATHER = np.array(
    [(0, 0.30), (0.45, 0.5), (0.86, 0.44), (0.97, 0.22), (1, 0), (0.97, -0.22), (0.86, -0.44), (0.45, -0.5), (0, -0.30)]
)


def draw_wing(painter: Painter, variant: str) -> None:
    """Draw the near wing; `variant` is a key of BARS."""
    frame, palette, canvas = painter.skeleton.wing, painter.palette, painter.canvas
    outline = painter.pixels(frame(closed_curve(OUTLINE)))
    canvas.darken(canvas.stencil(outline + np.array([0.0, 0.022 * canvas.scale]), 0.022), 0.5, canvas.coverage)
    stencil = canvas.stencil(outline)
    canvas.cover(stencil, palette["cover"], canvas.relief(stencil, 0.55, 0.05))
    clip = canvas.coverage
    _flight_feathers(painter)
    if "panel" in BARS[variant]:
        _panel(painter)
    _row(painter, (0.40, 0.160), (0.235, -0.150), 8, 0.20, "greater" in BARS[variant])
    _row(painter, (0.245, 0.175), (0.115, -0.130), 7, 0.15, "median" in BARS[variant])
    lesser = painter.pixels(
        frame(closed_curve([(-0.02, 0.03), (0.08, 0.13), (0.15, 0.15), (0.09, -0.05), (0.04, -0.10)]))
    )
    canvas.tint(canvas.stencil(lesser, 0.012, True), mix(palette["cover"], palette["mantle"], 0.6), 0.9, clip)
    _tertials(painter)
    if "speculum" in palette:
        patch = painter.pixels(
            frame(closed_curve([(0.46, 0.03), (0.68, 0.03), (0.74, -0.01), (0.66, -0.055), (0.48, -0.07)]))
        )
        canvas.tint(canvas.stencil(patch, 0.006), palette["speculum"], 0.95, clip)


def _flight_feathers(painter: Painter) -> None:
    palette = painter.palette
    dark = mix(palette["wing"], (20, 18, 18), 0.18)
    for k in range(6):  # primaries, the longest (lowest) first
        t = k / 5
        root = np.array([0.42 + 0.03 * t, -0.10 + 0.06 * t])
        tip = np.array([1.0 - 0.34 * t**1.15, -0.012 + 0.005 * t])
        outline = _feather(painter, root, tip, 0.050, mix(dark, palette["wing"], 0.5 * t), palette["edge"], 0.55)
        if "bars" in palette:
            _notches(painter, outline, root, tip)
    for k in range(5):  # secondaries
        t = k / 4
        root = np.array([0.30 + 0.02 * t, -0.09 + 0.13 * t])
        tip = np.array([0.72 - 0.02 * t, -0.055 + 0.09 * t])
        outline = _feather(painter, root, tip, 0.062, mix(palette["wing"], dark, 0.3), palette["edge"], 0.7)
        if "bars" in palette:
            _notches(painter, outline, root, tip)


def _notches(painter: Painter, outline: Points, root: Points, tip: Points) -> None:
    """White notches along the free edge: together they make the ladder of a woodpecker's wing."""
    middle = (root + tip) / 2
    outward, tooth = outline[1] - middle, np.array([0.026, 0.0])
    for t in (0.25, 0.5, 0.75):
        centre = root + (tip - root) * t + outward * 0.35
        patch = closed_curve([centre - tooth, centre + outward * 0.6, centre + tooth, centre - outward * 0.7], 3)
        painter.polygon(painter.skeleton.wing(patch), painter.palette["bars"])


def _tertials(painter: Painter) -> None:
    palette = painter.palette
    for t in (0.0, 0.5, 1.0):
        root, tip = np.array([0.30, 0.12 + 0.02 * t]), np.array([0.74 - 0.16 * t, 0.062 + 0.065 * t])
        _feather(painter, root, tip, 0.085, mix(palette["wing"], palette["mantle"], 0.35), palette["edge"], 1.0)


def _row(
    painter: Painter, top: tuple[float, float], bottom: tuple[float, float], count: int, length: float, pale: bool
) -> None:
    """One row of coverts from the back to the lower edge, the upper feather on top; pale tips make a bar."""
    palette = painter.palette
    for t in np.linspace(1, 0, count):
        tip = np.array(top) * (1 - t) + np.array(bottom) * t
        root = tip - (length, -0.01 - 0.03 * t)
        jitter = painter.detail.uniform(-0.10, 0.10)
        colour = mix(palette["cover"], palette["mantle"], 0.25 + jitter)
        outline = _feather(painter, root, tip, 0.066, colour, palette["edge"], 0.6)
        if pale:
            _pale_tip(painter, outline, tip)


def _pale_tip(painter: Painter, outline: Points, tip: Points) -> None:
    keep = closed_curve(outline, 4)
    keep = keep[keep[:, 0] > tip[0] - 0.052]
    if len(keep) > 2:
        painter.polygon(painter.skeleton.wing(keep), (240, 236, 222))


def _panel(painter: Painter) -> None:
    """A white patch across the bases of the secondaries, as in many flycatchers."""
    outline = closed_curve([(0.36, 0.045), (0.62, 0.012), (0.66, -0.025), (0.58, -0.065), (0.38, -0.12), (0.30, -0.10)])
    painter.polygon(painter.skeleton.wing(outline), (238, 234, 222))
    for t in (0.2, 0.45, 0.7):
        line = np.array([(0.32, -0.10 + 0.13 * t), (0.66, -0.06 + 0.09 * t)])
        painter.stroke(painter.skeleton.wing(line), 0.006, painter.palette["wing"])


def _feather(
    painter: Painter, root: Points, tip: Points, width: float, colour: RGB, edge: RGB, edging: float
) -> Points:
    """A blunt feather in wing coordinates, dark at the shaft, its free edge pale; returns its outline."""
    along = tip - root
    forward = along / float(np.hypot(*along))
    side = np.array([-forward[1], forward[0]]) * width
    outline = root + FEATHER[:, :1] * along + FEATHER[:, 1:] * side
    shaft = np.stack([root, tip - along * 0.08])
    pixels = painter.pixels(painter.skeleton.wing(np.vstack([outline, shaft])))
    painter.polygon_at(pixels[:9], colour)
    painter.stroke_at(pixels[3:9], 0.006, mix(colour, (12, 10, 10), 0.5))
    painter.stroke_at(pixels[:6], 0.006, mix(colour, edge, edging))
    painter.stroke_at(pixels[9:], 0.004, mix(colour, (15, 12, 12), 0.35))
    return outline
