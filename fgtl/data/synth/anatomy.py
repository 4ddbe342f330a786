"""The skeleton of one individual: local frames, outlines and the fifteen part points, from a plan and a pose."""

import math
from dataclasses import dataclass

import numpy as np

from fgtl.data.synth.curves import Frame, Points, closed_curve
from fgtl.data.synth.plans import Plan


@dataclass(frozen=True)
class Pose:
    """How an individual holds itself. Angles in radians; all shared by the classes of a family."""

    pitch: float
    neck_rise: float
    head_pitch: float
    head_squeeze: float  # foreshortening of the head; negative when it is turned to look back
    body_squeeze: float
    plumpness: float
    tail_swing: float
    wing_droop: float
    stride: float
    facing: int  # 1 looks to the right of the image (its right side is seen), -1 to the left


@dataclass(frozen=True)
class Skeleton:
    """Frames and outlines in bird units (x towards the beak's side, y up), before scaling into an image.

    Attributes:
        body, head, wing, tail: local frames. Body unit 1 = its length; head unit 1 = the head's radius;
            wing x runs from the shoulder (0) to the tip (1), y up; tail x from its root to its end.
        outline: body with head, closed.
        legs: near then far: (joints, 2) from the belly to the foot.
        points: part centres; "eye", "leg" and "wing" are the side that is seen, "far leg" the other leg.
    """

    plan: Plan
    pose: Pose
    body: Frame
    head: Frame
    wing: Frame
    tail: Frame
    outline: Points
    legs: tuple[Points, ...]
    points: dict[str, Points]


def build_skeleton(plan: Plan, pose: Pose) -> Skeleton:
    """Put the parts together; the body's centre is at (0, 0)."""
    body = Frame((0.0, 0.0), pose.pitch, 1.0, 1.0)
    depth = plan.depth * pose.plumpness
    # The neck starts at the shoulders and rises freely of the body's pitch.
    shoulders = body((0.34, depth * 0.38))
    reach = plan.neck + 0.35 * plan.head
    centre = shoulders + reach * np.array([math.cos(pose.neck_rise), math.sin(pose.neck_rise)])
    looks_back = pose.head_squeeze < 0
    if looks_back:
        centre = centre - (0.35 * plan.head, 0.0)
    head = Frame(centre, -pose.head_pitch if looks_back else pose.head_pitch, plan.head, pose.head_squeeze)
    wing = Frame(body((0.36, depth * 0.22)), pose.pitch + math.pi + pose.wing_droop, plan.wing, 1.0, -1)
    tail = Frame(
        body((-0.44, depth * 0.12)), pose.pitch + math.pi + math.radians(plan.tail_drop) + pose.tail_swing, 1.0, 1.0, -1
    )
    legs = _legs(plan, pose, body, depth)
    outline = _outline(body, head, depth, looks_back)
    points = {
        "back": body((-0.05, depth * 0.86)),
        "belly": body((-0.02, -depth * 0.80)),
        "breast": body((0.36, -depth * 0.52)),
        "crown": head((-0.02, 0.86)),
        "forehead": head((0.74, 0.46)),
        "eye": head((0.24, 0.20)),
        "nape": head((-0.88, 0.10)),
        "throat": head((0.45, -0.72)),
        "beak": head((0.92 + 0.5 * plan.beak[0], -0.06)),
        "wing": wing((0.42, -0.02)),
        "tail": tail((0.62 * plan.tail[0], 0.0)),
        "leg": _middle(legs[0]),
        "far leg": _middle(legs[1]),
    }
    return Skeleton(plan, pose, body, head, wing, tail, outline, legs, points)


def _outline(body: Frame, head: Frame, depth: float, looks_back: bool) -> Points:
    upper = head([(0.90, 0.10), (0.78, 0.50), (0.40, 0.88), (-0.10, 1.0), (-0.62, 0.78), (-0.93, 0.22)])
    back = body([(0.26, depth * 0.93), (0.0, depth * 1.0), (-0.26, depth * 0.74), (-0.46, depth * 0.36)])
    under = body(
        [(-0.54, 0.0), (-0.44, -depth * 0.34), (-0.25, -depth * 0.78), (0.03, -depth * 1.0), (0.28, -depth * 0.86)]
    )
    front = body([(0.46, -depth * 0.34)])
    chin = head([(0.30, -0.90), (0.72, -0.52), (0.90, -0.24)])
    if looks_back:  # round the head the other way: nape, crown, forehead, chin, and down to the back
        nape = head([(-0.80, -0.45)])
        return closed_curve(np.vstack([nape, upper[::-1], chin[::-1], back, under, front]))
    return closed_curve(np.vstack([upper, back, under, front, chin]))


def _legs(plan: Plan, pose: Pose, body: Frame, depth: float) -> tuple[Points, ...]:
    """Near and far leg: hip (inside the body), heel, foot; all feet on one level, or on the trunk's bark."""
    if plan.stance == "trunk":
        near = body([(0.06, -depth * 0.6), (0.02, -depth - 0.02), (0.15, -depth - plan.leg)])
        far = body([(-0.16, -depth * 0.6), (-0.20, -depth * 0.9), (-0.08, -depth - plan.leg)])
        return near, far
    # Balance: the feet stand below the body's centre, a stride apart.
    hip = body((-0.06, -depth * 0.55))
    ground = body((0.0, -depth))[1] - plan.leg
    heel_height = ground + plan.leg * (0.52 if plan.leg > 0.45 else 0.72)
    stance = 0.06 + 0.10 * math.sin(pose.pitch)
    legs = []
    for sign in (1.0, -1.0):
        foot = np.array([hip[0] + stance + sign * pose.stride, ground])
        heel = np.array([(hip[0] + foot[0]) / 2 - 0.05, heel_height])
        legs.append(np.stack([hip + np.array([sign * pose.stride * 0.3, 0.0]), heel, foot]))
    return tuple(legs)


def _middle(leg: Points) -> Points:
    return leg[1] * 0.55 + leg[2] * 0.45
