"""One individual and its photograph: pose, colours, light, framing and camera, all independent of its class.

Every draw comes from a stream of (seed, image id, purpose), and no stream is shared by two purposes: a class that
draws a few spots more than another changes nothing else in its picture.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np

from fgtl.data.synth.anatomy import Pose, Skeleton
from fgtl.data.synth.canvas import RGB, Light
from fgtl.data.synth.curves import Points
from fgtl.data.synth.painter import Placement
from fgtl.data.synth.plans import Plan


def stream(seed: int, image_id: int, purpose: str) -> np.random.Generator:
    """Random numbers of one purpose ("pose", "scene") for one image."""
    return np.random.default_rng([seed, image_id, zlib.crc32(purpose.encode())])


@dataclass(frozen=True)
class Camera:
    """How the photograph was taken.

    Attributes:
        exposure, contrast, saturation: factors around 1.
        warmth: share by which red gains and blue loses.
        blur: standard deviation in pixels.
        grain: standard deviation of the noise, of 255.
        quality: of the JPEG file.
    """

    exposure: float
    contrast: float
    saturation: float
    warmth: float
    blur: float
    grain: float
    quality: int


def draw_frame(rng: np.random.Generator, image_size: int) -> tuple[int, int]:
    """(width, height): the short side is `image_size`, the long one up to a quarter longer, mostly landscape."""
    long = round(image_size * rng.uniform(1.0, 1.25))
    return (long, image_size) if rng.random() < 0.8 else (image_size, long)


def draw_pose(rng: np.random.Generator, plan: Plan) -> Pose:
    """A pose within the plan's ranges; half of the birds look to the left."""
    # Now and then a bird looks back over its shoulder; on a trunk it would look at nothing but the sky.
    looks_back = rng.random() < 0.14 and plan.stance != "trunk"
    return Pose(
        pitch=math.radians(rng.uniform(*plan.pitch)),
        neck_rise=math.radians(rng.uniform(*plan.neck_rise)),
        head_pitch=float(np.clip(rng.normal(0.02, 0.13), -0.32, 0.35)),
        head_squeeze=rng.uniform(0.84, 1.0) * (-1 if looks_back else 1),
        body_squeeze=rng.uniform(0.78, 1.0),
        plumpness=rng.uniform(0.93, 1.10),
        tail_swing=float(np.clip(rng.normal(0, 0.09), -0.22, 0.22)),
        wing_droop=rng.normal(-0.02, 0.035),
        stride=rng.uniform(0.03, 0.085),
        facing=1 if rng.random() < 0.5 else -1,
    )


def draw_palette(rng: np.random.Generator, plan: Plan) -> dict[str, RGB]:
    """The plan's colours as this individual wears them: a common tone, and a little of its own for each region."""
    common = rng.normal(1, 0.05) * rng.normal(1, 0.025, 3)
    palette: dict[str, RGB] = {}
    for region, colour in sorted(plan.palette.items()):
        red, green, blue = np.clip(np.array(colour) * common * rng.normal(1, 0.035), 0, 250)
        palette[region] = (float(red), float(green), float(blue))
    return palette


def draw_tone(rng: np.random.Generator) -> RGB:
    """By how much this individual's variant colours differ from the species', per channel."""
    red, green, blue = rng.normal(1, 0.07) * rng.normal(1, 0.04, 3)
    return float(red), float(green), float(blue)


def draw_light(rng: np.random.Generator) -> Light:
    """Sun from above at either side, from hard to overcast."""
    direction = np.array([rng.uniform(-0.75, 0.75), -rng.uniform(0.45, 0.95), rng.uniform(0.55, 0.9)])
    x, y, z = direction / np.linalg.norm(direction)
    return Light((float(x), float(y), float(z)), rng.uniform(0.40, 0.66))


def draw_camera(rng: np.random.Generator) -> Camera:
    """Exposure, white balance, sharpness and noise."""
    return Camera(
        exposure=float(np.clip(rng.normal(1.05, 0.12), 0.75, 1.32)),
        contrast=float(np.clip(rng.normal(1.0, 0.10), 0.78, 1.25)),
        saturation=float(np.clip(rng.normal(0.98, 0.13), 0.6, 1.3)),
        warmth=float(np.clip(rng.normal(0.0, 0.055), -0.13, 0.13)),
        blur=abs(rng.normal(0.0, 0.45)) + 0.15,
        grain=rng.uniform(0.5, 4.5),
        quality=int(rng.integers(86, 95)),
    )


def place(rng: np.random.Generator, skeleton: Skeleton, frame: tuple[int, int], reserve: Points) -> Placement:
    """Where and how large the bird is: the whole bird in the frame, near the middle rather than at the edge.

    Args:
        rng: random numbers.
        skeleton: gives facing and foreshortening.
        frame: (width, height) of the image in pixels.
        reserve: (N, 2) bird points that must be inside, the same for all classes of the family.
    """
    pose = skeleton.pose
    unit = Placement((0.0, 0.0), 1.0, pose.facing, pose.body_squeeze)
    points = unit(reserve)
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low
    scale = float(min(np.array(frame) * 0.94 / size)) * rng.uniform(0.76, 1.0)
    # The middle of the free margin is favoured, as people frame a bird.
    share = np.clip(rng.normal(0.5, 0.2, 2), 0.05, 0.95)
    free = np.array(frame) - size * scale
    x, y = free * share - low * scale
    return Placement((float(x), float(y)), scale, pose.facing, pose.body_squeeze)
