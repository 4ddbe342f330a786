"""One picture of the set: the bird in its scene, photographed, with its box and its fifteen part points."""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from fgtl.data.synth.anatomy import Skeleton, build_skeleton
from fgtl.data.synth.backdrop import blend
from fgtl.data.synth.canvas import SUPERSAMPLE, Canvas
from fgtl.data.synth.curves import Points
from fgtl.data.synth.individual import (
    Camera,
    draw_camera,
    draw_frame,
    draw_light,
    draw_palette,
    draw_pose,
    draw_tone,
    place,
    stream,
)
from fgtl.data.synth.painter import Painter, Placement
from fgtl.data.synth.plumage import draw_bird
from fgtl.data.synth.scene import Scene, Spot, build_scene
from fgtl.data.synth.species import PART_NAMES, Family, Species
from fgtl.data.synth.textures import SIDE, crop, noise, window
from fgtl.datasets.sample import Box, PartPoint

Pixels = npt.NDArray[np.float32]
# Reserve around the bird on its canvas, pixels of the image.
MARGIN = 6


@dataclass(frozen=True)
class Drawing:
    """A finished picture: bytes of the JPEG file, its (width, height), the box of what is seen of the bird, parts."""

    jpeg: bytes
    size: tuple[int, int]
    box: Box
    parts: tuple[PartPoint, ...]


def draw(species: Species, seed: int, image_id: int, image_size: int) -> Drawing:
    """Draw one image.

    The surroundings, the pose, the light and all other chance are functions of (seed, image id, family): another
    class of the family with the same id gives the same picture but for the one part.

    Args:
        species: the class.
        seed: of the whole set.
        image_id: CUB image id, 1, 2, ...
        image_size: short side in pixels.
    """
    family = species.family
    frame = draw_frame(stream(seed, image_id, "frame"), image_size)
    skeleton = build_skeleton(family.plan, draw_pose(stream(seed, image_id, "pose"), family.plan))
    placement = place(stream(seed, image_id, "place"), skeleton, frame, _reserve(skeleton, family))
    rgb, coverage = _draw_bird(species, skeleton, placement, frame, seed, image_id)
    scene = build_scene(family.plan.stance, frame, _spot(skeleton, placement, family), stream(seed, image_id, "scene"))
    coverage = _sink(coverage, scene)
    back = _mirror(scene, rgb, coverage)
    picture = back + (rgb - back) * coverage[..., None]
    blend(picture, scene.front)
    hidden = np.asarray(scene.front.getchannel("A"), np.float32) / np.float32(255)
    rng = stream(seed, image_id, "camera")
    jpeg = _photograph(picture, draw_camera(rng), rng)
    return Drawing(jpeg, frame, _box(coverage), _parts(skeleton, placement, coverage, hidden))


def _reserve(skeleton: Skeleton, family: Family) -> Points:
    """Points that enclose the bird in whichever variant of its family."""
    plan = skeleton.plan
    length, half = plan.tail
    tail = skeleton.tail([(1.07 * length, 2.1 * half), (1.07 * length, -2.1 * half)])
    beak = skeleton.head([(0.88 + plan.beak[0], -0.2), (0.88 + plan.beak[0], 0.1)])
    crest = skeleton.head([(-1.35, 1.6)]) if family.trait == "crown" else np.empty((0, 2))
    feet = np.vstack([leg[2] for leg in skeleton.legs]) + np.array([0.0, -0.05]) if plan.leg else np.empty((0, 2))
    return np.vstack([skeleton.outline, tail, beak, crest, feet, skeleton.wing([(1.0, 0.0)])])


def _draw_bird(
    species: Species, skeleton: Skeleton, placement: Placement, frame: tuple[int, int], seed: int, image_id: int
) -> tuple[Pixels, Pixels]:
    """(H, W, 3) colour and (H, W) coverage of the bird in the whole frame."""
    points = placement(_reserve(skeleton, species.family))
    low = np.maximum(np.floor(points.min(axis=0)).astype(int) - MARGIN, 0)
    high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + MARGIN, frame)
    width, height = (int(side) for side in high - low)
    canvas = Canvas(
        (width * SUPERSAMPLE, height * SUPERSAMPLE),
        placement.scale * SUPERSAMPLE,
        draw_light(stream(seed, image_id, "light")),
    )
    palette = draw_palette(stream(seed, image_id, "palette"), skeleton.plan)
    detail = stream(seed, image_id, "detail")
    tone = draw_tone(stream(seed, image_id, "tone"))
    painter = Painter(canvas, skeleton, palette, tone, placement, (int(low[0]), int(low[1])), detail)
    draw_bird(painter, species.look, stream(seed, image_id, "marks"))
    rgb, coverage = np.zeros((frame[1], frame[0], 3), np.float32), np.zeros((frame[1], frame[0]), np.float32)
    window = (slice(low[1], low[1] + height), slice(low[0], low[0] + width))
    rgb[window], coverage[window] = canvas.rendered()
    return rgb, coverage


def _spot(skeleton: Skeleton, placement: Placement, family: Family) -> Spot:
    points = placement(_reserve(skeleton, family))
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    feet = placement(np.stack([leg[2] for leg in skeleton.legs]))
    level = placement(np.array([0.0, -0.52 * skeleton.plan.depth]))[1]
    return Spot(feet, (float(x0), float(y0), float(x1), float(y1)), placement.facing, placement.scale, float(level))


def _sink(coverage: Pixels, scene: Scene) -> Pixels:
    """Coverage without what is under water; the water line rises and falls a little along the hull."""
    if scene.water_line is None:
        return coverage
    height, width = coverage.shape
    wave = np.sin(np.arange(width) / 9.0) * 0.8 + np.sin(np.arange(width) / 23.0) * 1.2
    above = np.clip(scene.water_line + wave[None] - np.arange(height)[:, None], 0, 1)
    return (coverage * above).astype(np.float32)


def _mirror(scene: Scene, rgb: Pixels, coverage: Pixels) -> Pixels:
    """The background with the bird's reflection below the mirror line, broken by ripples."""
    if scene.mirror_line is None or not scene.mirrored:
        return scene.back
    height, width = coverage.shape
    line = min(height - 1, max(0, round(scene.mirror_line)))
    rows = np.arange(line, height)
    source = 2 * line - 1 - rows
    rows, source = rows[source >= 0], source[source >= 0]
    if not len(rows):
        return scene.back
    sway = crop(noise(1.0, 1.0, 4), (len(rows), 1), (line, 17), (2.0, 1.0))[:, 0] - 0.5
    columns = np.clip(np.arange(width)[None] + (sway * (2 + 0.10 * (rows - line)))[:, None], 0, width - 1).astype(int)
    fade = scene.mirrored * np.linspace(1, 0.25, len(rows), dtype=np.float32)[:, None]
    alpha = (coverage[source[:, None], columns] * fade)[..., None]
    back = scene.back.copy()
    back[rows] += (rgb[source[:, None], columns] * 0.8 - back[rows]) * alpha
    # The hull's dark line on the water and a bright one below it.
    if scene.water_line is not None:
        touching = coverage[max(0, line - 3)][None] * np.array([0.45, 0.35, 0.15], np.float32)[:, None]
        rim = back[line : line + 3]
        rim *= 1 - touching[: len(rim), :, None]
    return back


def _photograph(picture: Pixels, camera: Camera, rng: np.random.Generator) -> bytes:
    """Exposure, contrast, colour, softness and noise, then JPEG."""
    mean = float(picture.mean())
    gain = np.array([1 + camera.warmth, 1.0, 1 - camera.warmth], np.float32) * camera.exposure
    # Saturation mixes each channel with the grey; contrast and gain scale it: all one matrix and an offset.
    tone = np.eye(3, dtype=np.float32) * camera.saturation + np.float32((1 - camera.saturation) / 3)
    toned = picture @ (tone * camera.contrast * gain) + mean * np.float32(1 - camera.contrast) * gain
    image = Image.fromarray(np.clip(toned, 0, 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(camera.blur))
    start = rng.integers(0, SIDE, 2)
    grain = window(_film_grain(), (int(start[0]), int(start[1])), picture.shape[:2])
    noisy = np.asarray(image).astype(np.int16) + (grain * np.int16(round(camera.grain * 8)) >> 8)
    buffer = BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=camera.quality)
    return buffer.getvalue()


@lru_cache
def _film_grain() -> npt.NDArray[np.int16]:
    """(SIDE, SIDE, 3) noise of standard deviation about 32, three quarters of it common to the channels."""
    layers = [noise(0.1, 1.0, seed) - 0.5 for seed in range(20, 24)]
    return np.stack([118 * (0.8 * layers[0] + 0.5 * layer) for layer in layers[1:]], axis=2).astype(np.int16)


def _box(coverage: Pixels) -> Box:
    rows, columns = np.flatnonzero(coverage.max(axis=1) > 0.5), np.flatnonzero(coverage.max(axis=0) > 0.5)
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _parts(skeleton: Skeleton, placement: Placement, coverage: Pixels, hidden: Pixels) -> tuple[PartPoint, ...]:
    """All fifteen in CUB's order; (0, 0) and not visible where the part is turned away, under water or covered."""
    near, far = ("right", "left") if placement.facing > 0 else ("left", "right")
    seen = dict(skeleton.points)
    for part in ("wing", "leg"):
        seen[f"{near} {part}"] = seen.pop(part)
    # A head that looks back shows its other side.
    seen[f"{near if skeleton.pose.head_squeeze > 0 else far} eye"] = seen.pop("eye")
    seen[f"{far} leg"] = seen.pop("far leg")
    found = []
    for name in PART_NAMES:
        x, y = placement(seen[name]) if name in seen else (-1.0, -1.0)
        row, column = int(y), int(x)
        inside = 0 <= row < coverage.shape[0] and 0 <= column < coverage.shape[1]
        visible = inside and coverage[row, column] > 0.5 and hidden[row, column] < 0.5
        found.append(
            PartPoint(name, round(float(x), 1), round(float(y), 1), True)
            if visible
            else PartPoint(name, 0.0, 0.0, False)
        )
    return tuple(found)
