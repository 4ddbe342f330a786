"""Beak, tail, legs and eye, with the variants by which classes differ."""

import math

import numpy as np

from fgtl.data.synth.canvas import RGB
from fgtl.data.synth.curves import Points, closed_curve, ellipse, open_curve, ribbon
from fgtl.data.synth.painter import Painter, mix

# Upper edge and lower edge of each beak shape, in (lengths, depths) from the base at (0, 0) to the tip at (1, ~0);
# the gape runs between them.
BEAKS = {
    "thin": (((0, 0.5), (0.35, 0.36), (0.75, 0.16)), (1.0, -0.04), ((0.7, -0.20), (0.3, -0.34), (0, -0.42)),
        (0.5, 0.0)),
    "stout": (((0, 0.52), (0.35, 0.46), (0.78, 0.26)), (1.0, -0.12), ((0.72, -0.28), (0.3, -0.40), (0, -0.46)),
        (0.5, 0.02)),
    "hooked": (((0, 0.5), (0.4, 0.46), (0.85, 0.30)), (1.0, -0.30), ((0.8, -0.22), (0.35, -0.38), (0, -0.46)),
        (0.5, 0.0)),
    "cone": (((0, 0.56), (0.4, 0.36), (0.78, 0.10)), (1.0, -0.06), ((0.7, -0.24), (0.3, -0.46), (0, -0.52)),
        (0.5, -0.06)),
    "chisel": (((0, 0.48), (0.45, 0.34), (0.85, 0.14)), (1.0, 0.0), ((0.8, -0.16), (0.4, -0.34), (0, -0.44)),
        (0.5, 0.0)),
    "long": (((0, 0.55), (0.3, 0.34), (0.75, 0.16)), (1.0, -0.16), ((0.75, -0.22), (0.3, -0.32), (0, -0.46)),
        (0.5, 0.0)),
    "spatula": (((0, 0.62), (0.32, 0.22), (0.72, 0.12), (0.92, 0.10)), (1.0, -0.06), ((0.92, -0.20), (0.6, -0.24),
        (0, -0.40)), (0.55, -0.08)),
}  # fmt: skip
# Beak variant -> colour of the beak and of its tip.
BEAK_COLOURS: dict[str, tuple[RGB, RGB]] = {
    "yellow": ((216, 186, 62), (206, 176, 60)),
    "black": ((46, 44, 44), (38, 36, 36)),
    "tipped": ((216, 186, 62), (36, 34, 34)),
    "orange": ((222, 112, 44), (210, 102, 42)),
}
LEG_COLOURS: dict[str, RGB] = {
    "yellow": (214, 176, 58), "black": (52, 48, 46), "red": (188, 82, 58), "green": (126, 140, 88),
}  # fmt: skip


def draw_beak(painter: Painter, variant: str) -> None:
    """Both mandibles, a lit culmen, the gape and a nostril."""
    plan, head, palette = painter.skeleton.plan, painter.skeleton.head, painter.palette
    colour, tip_colour = map(painter.worn, BEAK_COLOURS.get(variant, (palette["beak"], palette["beak"])))
    upper, tip, lower, gape = BEAKS[plan.beak_shape]

    def place(points: object) -> Points:
        return np.asarray(head(np.asarray(points, float) * plan.beak + (0.86, -0.06)))

    outline = place(closed_curve([(-0.12, 0.3), *upper, tip, *lower, (-0.12, -0.3)], 6))
    canvas = painter.canvas
    stencil = canvas.stencil(painter.pixels(outline))
    canvas.cover(stencil, colour, canvas.relief(stencil, 0.8, 0.008))
    clip = canvas.coverage
    if tip_colour != colour:
        end = place([(0.66, 0.7), (1.2, 0.7), (1.2, -0.7), (0.60, -0.7)])
        canvas.tint(canvas.stencil(painter.pixels(end), 0.006), tip_colour, 1.0, canvas.whole(stencil))
    else:
        shadow = place([(-0.1, -0.05), gape, tip, *lower])
        canvas.tint(canvas.stencil(painter.pixels(shadow)), mix(colour, (0, 0, 0), 0.16), 0.9, clip)
    painter.stroke(place(open_curve([(-0.1, -0.10), gape, (0.94, tip[1])], 4)), 0.007, mix(colour, (15, 10, 8), 0.6))
    painter.stroke(place([(0.20, 0.16), (0.30, 0.12)]), 0.009, mix(colour, (15, 10, 8), 0.65))
    shine = open_curve([(0.05, upper[0][1] * 0.72), (upper[1][0], upper[1][1] * 0.72), (0.7, upper[2][1] * 0.6)], 4)
    painter.stroke(place(shine), 0.008, mix(colour, (255, 255, 255), 0.28))


def draw_tail(painter: Painter, variant: str) -> None:
    """A folded fan of feathers: square, forked, square with white sides, or square with white tips."""
    plan, frame, palette, canvas = painter.skeleton.plan, painter.skeleton.tail, painter.palette, painter.canvas
    length, half = plan.tail
    spread = half * 1.35
    count = 6
    order = sorted(range(count), key=lambda k: -abs(k - (count - 1) / 2))
    for k in order:
        side = 2 * k / (count - 1) - 1
        reach = length * (1.06 if variant == "forked" else 1.0)
        reach *= 1 - 0.40 * (1 - abs(side)) ** 1.1 if variant == "forked" else 1 - 0.05 * abs(side)
        end = side * spread * (1.30 if variant == "forked" else 1.0)
        width = half * 0.62
        outline = closed_curve(
            [(-0.06, side * half * 0.5 + width * 0.4), (reach * 0.6, side * half * 0.9 + width * 0.52),
                (reach - 0.03, end + width * 0.5),
             (reach, end + width * 0.12), (reach - 0.015, end - width * 0.42),
                 (reach * 0.6, side * half * 0.9 - width * 0.5),
             (-0.06, side * half * 0.5 - width * 0.4)], 5,
        )  # fmt: skip
        shade = 128 - round(22 * abs(side)) if k % 2 else 120 - round(18 * abs(side))
        colour = mix(palette["tail"], palette["edge"], 0.10 * (k % 2))
        canvas.cover(canvas.stencil(painter.pixels(frame(outline))), mix(colour, palette["edge"], 0.35), shade)
        canvas.cover(canvas.stencil(painter.pixels(frame(outline * (0.992, 1) - (0, width * 0.07)))), colour, shade)
        if variant == "edged" and abs(side) > 0.9:
            strip = outline[outline[:, 0] > 0.18 * length]
            painter.polygon(frame(strip), (240, 238, 232))
        if variant == "tipped":
            painter.polygon(frame(outline[outline[:, 0] > reach - 0.16 * length]), (240, 238, 232))
        painter.stroke(frame([(0.0, side * half * 0.5), (reach * 0.96, end)]), 0.004, mix(colour, (10, 8, 8), 0.4))


def draw_leg(painter: Painter, leg: Points, variant: str, shade: int) -> None:
    """One leg from the belly to the foot with its toes; `shade` is darker for the far one."""
    plan = painter.skeleton.plan
    if not plan.leg:
        return
    colour = painter.worn(LEG_COLOURS.get(variant, painter.palette["leg"]))
    width = plan.leg_width
    canvas = painter.canvas
    hip, heel, foot = leg
    if plan.leg > 0.45:  # a wader's bare thigh
        canvas.line(painter.pixels([hip, heel]), width * 0.9, colour, shade)
    canvas.line(painter.pixels([heel, foot]), width, colour, shade)
    knob = ellipse(heel, (width * 0.68, width * 0.72))
    canvas.cover(canvas.stencil(painter.pixels(knob)), colour, shade - 8)
    for toe in _toes(painter, foot):
        canvas.line(painter.pixels(toe), width * 0.72, colour, shade - 6)
    lit = np.array([heel, foot]) + np.array([width * 0.2, 0.0])
    painter.stroke(lit, width * 0.25, mix(colour, (255, 255, 255), 0.22))


def _toes(painter: Painter, foot: Points) -> list[Points]:
    plan = painter.skeleton.plan
    span = 0.10 if plan.leg < 0.45 else 0.14
    if plan.stance == "trunk":
        up = painter.skeleton.body.angle
        forward = np.array([math.cos(up), math.sin(up)]) * span
        return [
            np.stack([foot, foot + forward]),
            np.stack([foot, foot + forward * 0.9 + (0.03, 0)]),
            np.stack([foot, foot - forward * 0.6]),
        ]
    if plan.stance == "perch":  # wrapped around the twig
        ends = [(0.055, -0.03), (0.08, -0.01), (0.03, -0.05), (-0.055, -0.02)]
    else:
        ends = [(span, -0.012), (span * 0.75, -0.045), (span * 0.85, 0.018), (-span * 0.5, -0.01)]
    # Each toe arches a little before it touches.
    arches = [np.array([0.5 * x, max(y, 0.0) + 0.012]) for x, y in ends]
    return [open_curve([foot, foot + arch, foot + end], 4) for arch, end in zip(arches, ends, strict=True)]


def draw_thigh(painter: Painter) -> None:
    """The feathered thigh of the near leg, of which what sticks out below the belly is seen."""
    plan = painter.skeleton.plan
    if not plan.leg:
        return
    hip, heel, _ = painter.skeleton.legs[0]
    end = heel * 0.8 + hip * 0.2 if plan.leg < 0.45 else heel * 0.45 + hip * 0.55
    spine = open_curve([hip, (hip + end) / 2 + (0.015, 0.0), end], 4)
    outline = ribbon(spine, np.linspace(0.17, plan.leg_width * 1.3, len(spine)))
    canvas = painter.canvas
    stencil = canvas.stencil(painter.pixels(outline), 0.012)
    canvas.cover(stencil, painter.palette["flank"], 96)


def draw_eye(painter: Painter, variant: str) -> None:
    """Eye ring variants (vireos), then the eye with its highlight."""
    plan, head, palette = painter.skeleton.plan, painter.skeleton.head, painter.palette
    centre, size = np.array([0.24, 0.20]), plan.eye
    pale = (242, 240, 230)
    if variant in ("ringed", "spectacled"):
        painter.polygon(head(ellipse(centre, (size * 1.75, size * 1.75))), pale)
    if variant == "spectacled":
        lores = closed_curve([(0.95, 0.18), (0.6, 0.36), (0.2, 0.42), (0.2, 0.1), (0.6, 0.12), (0.92, 0.02)], 4)
        painter.polygon(head(lores), pale)
    if variant == "browed":
        brow = closed_curve([(0.92, 0.26), (0.5, 0.52), (-0.1, 0.58), (-0.75, 0.30), (-0.1, 0.40), (0.5, 0.36)], 5)
        painter.polygon(head(brow), pale)
    painter.polygon(head(ellipse(centre, (size * 1.16, size * 1.16))), mix(palette["eye"], palette["face"], 0.25))
    painter.polygon(head(ellipse(centre, (size, size))), palette["eye"])
    painter.polygon(
        head(ellipse(centre - (0.0, size * 0.25), (size * 0.7, size * 0.55))), mix(palette["eye"], (120, 70, 40), 0.35)
    )
    painter.polygon(head(ellipse(centre, (size * 0.55, size * 0.55))), (10, 8, 8))
    light = painter.canvas.light.direction
    sideways = light[0] * painter.placement.facing * (1 if painter.skeleton.pose.head_squeeze > 0 else -1)
    offset = np.array([sideways, -light[1]]) * size * 0.42
    painter.polygon(head(ellipse(centre + offset + (0, 0.02), (size * 0.26, size * 0.26))), (250, 250, 250))
