"""The bird as a whole: layers from back to front, and the regions and markings of its body and head."""

import numpy as np
from PIL import Image

from fgtl.data.synth.canvas import RGB, Stencil
from fgtl.data.synth.curves import Points, closed_curve, ellipse
from fgtl.data.synth.limbs import draw_beak, draw_eye, draw_leg, draw_tail, draw_thigh
from fgtl.data.synth.painter import Painter, mix
from fgtl.data.synth.species import Look
from fgtl.data.synth.wing import draw_wing

# (region, outline, softness in body lengths), painted in this order; body outlines in (body lengths, body depths).
REGIONS = (
    ("flank", ((0.20, -0.10), (-0.10, -0.20), (-0.42, -0.15), (-0.40, -0.50), (-0.15, -0.62), (0.15, -0.55)), 0.05),
    ("belly", ((0.24, -0.62), (-0.05, -0.62), (-0.40, -0.40), (-0.46, -0.9), (-0.2, -1.3), (0.2, -1.3)), 0.05),
    ("vent", ((-0.34, -0.36), (-0.60, 0.05), (-0.70, -0.3), (-0.4, -0.9)), 0.03),
    ("breast", ((0.62, 0.30), (0.34, 0.10), (0.16, -0.30), (0.12, -0.80), (0.22, -1.2), (0.56, -0.9),
        (0.75, -0.2)), 0.05),
    ("mantle", ((0.44, 0.62), (0.22, 0.22), (-0.15, 0.10), (-0.42, 0.20), (-0.55, 0.6), (-0.2, 1.4), (0.3, 1.4)), 0.04),
    ("rump", ((-0.30, 0.40), (-0.42, 0.02), (-0.60, 0.0), (-0.62, 0.5), (-0.4, 0.9)), 0.03),
)  # fmt: skip
HEAD_REGIONS = (
    ("face", ((0.95, 0.25), (0.6, 0.5), (-0.1, 0.5), (-0.65, 0.3), (-0.75, -0.3), (-0.35, -0.75), (0.3, -0.68),
        (0.8, -0.5), (1.1, -0.1)), 0.030),
    ("nape", ((-0.35, 0.85), (-0.45, 0.2), (-0.55, -0.5), (-0.75, -1.1), (-1.25, -1.0), (-1.4, 0.0),
        (-1.0, 0.9)), 0.030),
    ("throat", ((1.1, -0.22), (0.6, -0.34), (0.05, -0.58), (-0.12, -1.0), (0.3, -1.35), (0.9, -1.0),
        (1.15, -0.6)), 0.022),
    ("crown", ((1.02, 0.18), (0.65, 0.42), (0.1, 0.55), (-0.45, 0.48), (-0.9, 0.30), (-1.2, 0.5), (-0.8, 1.2),
        (0.2, 1.4), (1.0, 1.0)), 0.022),
)  # fmt: skip
CROWNS = {"red": (196, 40, 34), "black": (36, 34, 38), "gold": (226, 178, 48), "crest": (36, 34, 38)}
THROATS = {"black": (38, 34, 34), "white": (242, 240, 234), "rufous": (164, 84, 46)}


def draw_bird(painter: Painter, look: Look, marks: np.random.Generator) -> None:
    """Draw all layers.

    Args:
        painter: canvas, skeleton, colours.
        look: the class.
        marks: random numbers for markings that only some variants have, so that the others' picture does not
            depend on how many were drawn.
    """
    near, far = painter.skeleton.legs
    draw_leg(painter, far, look.legs, 92)
    draw_tail(painter, look.tail)
    draw_thigh(painter)
    if painter.skeleton.plan.leg > 0.45:
        draw_leg(painter, near, look.legs, 124)
    _body(painter, look, marks)
    draw_beak(painter, look.beak)
    draw_eye(painter, look.eye)
    draw_wing(painter, look.wing)
    if painter.skeleton.plan.leg <= 0.45:
        draw_leg(painter, near, look.legs, 122)


def _body(painter: Painter, look: Look, marks: np.random.Generator) -> None:
    canvas, skeleton, palette, plan = painter.canvas, painter.skeleton, painter.palette, painter.skeleton.plan
    if look.crown == "crest":
        _crest(painter)
    outline = painter.pixels(skeleton.outline)
    stencil = canvas.stencil(outline)
    canvas.cover(stencil, palette["breast"], canvas.relief(stencil, 0.92, 0.045))
    clip = canvas.whole(stencil)
    for name, points, softness in REGIONS:
        shape = skeleton.body(closed_curve(np.array(points) * (1, plan.depth * skeleton.pose.plumpness), 5))
        canvas.tint(canvas.stencil(painter.pixels(shape), softness, True), palette[name], 1.0, clip)
    _breast(painter, look.breast, marks, clip)
    # No breast colour may show between the ragged regions of the head.
    whole_head = painter.pixels(skeleton.head(ellipse((-0.05, 0.02), (1.05, 1.05))))
    canvas.tint(canvas.stencil(whole_head, 0.02), palette["face"], 1.0, clip)
    for name, ring, softness in HEAD_REGIONS:
        shape = painter.pixels(skeleton.head(closed_curve(ring, 5)))
        colour = palette[name]
        if name == "crown" and look.crown in CROWNS:
            colour = painter.worn(CROWNS[look.crown])
        if name == "throat" and look.throat in THROATS:
            colour = painter.worn(THROATS[look.throat])
        canvas.tint(canvas.stencil(shape, softness, True), colour, 1.0, clip)
    for mark in plan.marks:
        shape = (skeleton.head if mark.frame == "head" else skeleton.body)(closed_curve(mark.outline, 5))
        canvas.tint(canvas.stencil(painter.pixels(shape), mark.softness, True), palette[mark.colour], 0.95, clip)
    if "collar" in palette:
        band = skeleton.head(
            closed_curve(
                [
                    (0.75, -1.02),
                    (0.1, -1.16),
                    (-0.9, -0.92),
                    (-1.35, -0.62),
                    (-1.4, -0.85),
                    (-0.9, -1.14),
                    (0.1, -1.38),
                    (0.72, -1.22),
                ],
                4,
            )
        )
        canvas.tint(canvas.stencil(painter.pixels(band), 0.008), palette["collar"], 1.0, clip)
    _feathers(painter, stencil)


def _feathers(painter: Painter, stencil: Stencil) -> None:
    """Barbs all over, scale-like feathers on the upper side."""
    canvas, skeleton, plan = painter.canvas, painter.skeleton, painter.skeleton.plan
    # The textures point along +x; body feathers point to the tail, and the image's y runs down.
    angle = np.pi - skeleton.body.angle if painter.placement.facing < 0 else skeleton.body.angle + np.pi
    canvas.texture("barbs", angle, canvas.scale / 210, 0.16, stencil)
    upper = skeleton.body(
        closed_curve(np.array([(0.50, 0.75), (0.3, 0.15), (-0.5, 0.05), (-0.6, 0.9), (0.0, 1.5)]) * (1, plan.depth), 5)
    )
    mask, corner = canvas.stencil(painter.pixels(upper), 0.03)
    canvas.texture("scales", angle, canvas.scale / 330, plan.scaly, (mask, corner))


def _crest(painter: Painter) -> None:
    canvas, head = painter.canvas, painter.skeleton.head
    outline = closed_curve(
        [(0.6, 0.6), (0.1, 1.12), (-0.55, 1.50), (-1.30, 1.55), (-0.95, 1.05), (-0.85, 0.5), (-0.4, 0.2)], 6
    )
    stencil = canvas.stencil(painter.pixels(head(outline)))
    canvas.cover(stencil, painter.worn(CROWNS["crest"]), 120)


def _breast(painter: Painter, variant: str, marks: np.random.Generator, clip: Image.Image) -> None:
    """Markings of the breast variants: spots, streaks, a band, or none; and the streaks a whole family wears."""
    plan = painter.skeleton.plan
    dark = mix(painter.palette["mantle"], (30, 22, 18), 0.55)
    if plan.streaky:
        _dashes(painter, marks, dark, strength=0.55 * plan.streaky)
    if variant == "streaked":
        _dashes(painter, marks, dark, strength=0.95)
    if variant == "spotted":
        for x, y in _scatter(marks, 34):
            size = marks.uniform(0.014, 0.024)
            outline = painter.skeleton.body(
                ellipse((x, y * plan.depth), (size * 1.25, size), marks.uniform(-0.5, 0.5), 10)
            )
            painter.polygon(outline, dark)
    if variant == "banded":
        band = [
            (0.64, 0.10),
            (0.47, 0.02),
            (0.32, -0.28),
            (0.22, -0.62),
            (0.16, -1.25),
            (0.30, -1.25),
            (0.40, -0.75),
            (0.50, -0.50),
            (0.66, -0.30),
        ]
        shape = painter.skeleton.body(closed_curve(np.array(band) * (1, plan.depth), 5))
        painter.canvas.tint(painter.canvas.stencil(painter.pixels(shape), 0.012, True), dark, 0.95, clip)


def _scatter(marks: np.random.Generator, count: int) -> Points:
    """Jittered grid points over the breast and the upper belly, (N, 2) in (body lengths, depths)."""
    u, v = np.meshgrid(np.linspace(0, 1, 7), np.linspace(0, 1, 6))
    u = u + (np.arange(6) % 2)[:, None] * 0.08
    x = 0.50 - 0.46 * v - 0.06 * u + marks.normal(0, 0.014, u.shape)
    y = -0.02 - 0.98 * u - 0.12 * v + marks.normal(0, 0.03, u.shape)
    points = np.stack([x, y], axis=-1).reshape(-1, 2)
    return points[marks.permutation(len(points))[:count]]


def _dashes(painter: Painter, marks: np.random.Generator, colour: RGB, strength: float) -> None:
    plan = painter.skeleton.plan
    for x, y in _scatter(marks, 36):
        length = marks.uniform(0.045, 0.075)
        outline = painter.skeleton.body(
            ellipse((x, y * plan.depth), (length, 0.0085), -0.25 + marks.normal(0, 0.12), 10)
        )
        painter.polygon(outline, mix(painter.palette["breast"], colour, strength))
