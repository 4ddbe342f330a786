"""The bird's own canvas: colour, coverage and shading layers on a crop, drawn enlarged and reduced at the end."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter
from scipy import ndimage

from fgtl.data.synth.curves import Points
from fgtl.data.synth.textures import noise, plumage_texture, window

SUPERSAMPLE = 2
RGB = tuple[float, float, float]
Stencil = tuple[Image.Image, tuple[int, int]]


@dataclass(frozen=True)
class Light:
    """Direction towards the light (x right, y down, z to the viewer; unit length) and the share of ambient light."""

    direction: tuple[float, float, float]
    ambient: float


class Canvas:
    """Albedo, coverage and shade of a bird, on a crop of the image enlarged SUPERSAMPLE times.

    Args:
        size: (width, height) of the enlarged crop.
        scale: canvas pixels per bird unit.
        light: where the light comes from.
    """

    def __init__(self, size: tuple[int, int], scale: float, light: Light) -> None:
        self.size, self.scale, self.light = size, scale, light
        self.albedo = Image.new("RGB", size)
        self.coverage = Image.new("L", size, 0)
        self.shade = Image.new("L", size, 128)
        self.brush = ImageDraw.Draw(self.albedo)

    def stencil(self, outline: Points, softness: float = 0.0, ragged: bool = False) -> Stencil:
        """Coverage (L) of a polygon in canvas pixels and its corner; `softness` (bird units) blurs its edge.

        `ragged` breaks a soft edge up into feathers.
        """
        blur = softness * self.scale
        pad = math.ceil(2.5 * blur) + 1
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - pad, 0)
        high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + pad, self.size)
        if (high <= low).any():
            return Image.new("L", (1, 1), 0), (0, 0)
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        # What will be blurred much need not be drawn fine.
        coarse = 1 if blur < 3 else 2 if blur < 8 else 4
        mask = Image.new("L", (-(-size[0] // coarse), -(-size[1] // coarse)), 0)
        ImageDraw.Draw(mask).polygon(((outline - low) / coarse).ravel().tolist(), fill=255)
        if blur > 0.4:
            # Two box blurs look like a Gaussian here and cost less.
            box = ImageFilter.BoxBlur(blur / coarse)
            mask = mask.filter(box).filter(box)
        if coarse > 1:
            whole = (0, 0, size[0] / coarse, size[1] / coarse)
            mask = mask.resize(size, Image.Resampling.BILINEAR, box=whole)
        if ragged:
            mask = _break_up(mask, low)
        return mask, (int(low[0]), int(low[1]))

    def whole(self, stencil: Stencil) -> Image.Image:
        """A stencil as a coverage of the whole canvas, to clip by."""
        mask = Image.new("L", self.size, 0)
        mask.paste(*stencil)
        return mask

    def tint(self, stencil: Stencil, colour: RGB, strength: float = 1.0, clip: Image.Image | None = None) -> None:
        """Colour what is there already, inside `clip` (a coverage of the whole canvas) if given."""
        mask, corner = self._clipped(stencil, clip)
        if strength < 1:
            mask = mask.point(_levels(0.0, strength))
        self.albedo.paste(_rgb(colour), _box(mask, corner), mask)

    def cover(self, stencil: Stencil, colour: RGB, shade: Image.Image | int = 128) -> None:
        """Put a new layer on top: colour, coverage and shade (a level, or an image as large as the stencil)."""
        mask, corner = stencil
        box = _box(mask, corner)
        self.albedo.paste(_rgb(colour), box, mask)
        self.shade.paste(shade, box, mask)
        self.coverage.paste(255, box, mask)

    def darken(self, stencil: Stencil, strength: float, clip: Image.Image | None = None) -> None:
        """Cast a shadow on what is there: shade is multiplied by 1 - strength * coverage."""
        mask, corner = self._clipped(stencil, clip)
        box = _box(mask, corner)
        factor = mask.point(_levels(255.0, -strength))
        self.shade.paste(ImageChops.multiply(self.shade.crop(box), factor), box)

    def relief(self, stencil: Stencil, bulge: float, smoothness: float) -> Image.Image:
        """Shade (L, 128 = albedo as it is) of the polygon blown up like a cushion and lit by the light.

        Args:
            bulge: how far the middle stands out against the edge, 0 flat, 1 round.
            smoothness: blur of the surface in bird units.
        """
        mask, _ = stencil
        factor = 4
        small = np.asarray(mask.reduce(factor), np.float32) / 255
        padded = np.pad(small, 2)
        depth = ndimage.distance_transform_edt(padded > 0.5)
        radius = max(float(depth.max()), 1.0)
        height = radius * np.sqrt(np.clip(1 - (1 - depth / radius) ** 2, 0, None)) * bulge
        height = ndimage.gaussian_filter(height, smoothness * self.scale / factor)
        dy, dx = np.gradient(height)
        lx, ly, lz = self.light.direction
        lit = (lz - lx * dx - ly * dy) / np.sqrt(1 + dx * dx + dy * dy)
        ambient = self.light.ambient
        # A facet square to the light keeps its albedo; the sky fills the shadows from above.
        value = ambient + (1 - ambient) * np.clip(0.25 + 0.75 * lit, 0, 1.15) + 0.10 * np.clip(-dy, -1, 1)
        level = np.clip(128 * 1.08 * value, 0, 255)[2:-2, 2:-2].astype(np.uint8)
        return Image.fromarray(level).resize(mask.size, Image.Resampling.BILINEAR)

    def texture(self, kind: str, angle: float, zoom: float, strength: float, clip: Stencil) -> None:
        """Modulate the shade by a feather texture of `zoom` enlargement inside `clip`."""
        mask, corner = clip
        box = _box(mask, corner)
        tile = plumage_texture(kind, angle, (mask.size[1], mask.size[0]), zoom)
        weight = np.asarray(mask, np.float32) * (strength / 255)
        shade = np.asarray(self.shade.crop(box), np.float32) * (1 + weight * (tile * 2 - 1))
        self.shade.paste(Image.fromarray(np.clip(shade, 0, 255).astype(np.uint8)), box)

    def line(self, points: Points, width: float, colour: RGB, shade: int = 128) -> None:
        """A line through canvas points, `width` in bird units, as a layer on top."""
        path = points.ravel().tolist()
        pixels = max(1, round(width * self.scale))
        for layer, fill in ((self.albedo, _rgb(colour)), (self.shade, shade), (self.coverage, 255)):
            ImageDraw.Draw(layer).line(path, fill=fill, width=pixels)

    def rendered(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """(H, W, 3) colour 0..255 and (H, W) coverage 0..1 at the image's own size (colour not premultiplied)."""
        # Premultiplied while it shrinks: what lies outside the bird must not bleed into its edge.
        layers = Image.merge("RGBA", (*self.albedo.split(), self.coverage)).convert("RGBa").reduce(SUPERSAMPLE)
        pixels = np.asarray(layers, np.float32)
        coverage = pixels[..., 3] / np.float32(255)
        shade = np.asarray(self.shade.reduce(SUPERSAMPLE), np.float32) / np.float32(128)
        rgb = pixels[..., :3] * (shade / np.maximum(coverage, 1 / 255))[..., None]
        # Highlights roll off instead of clipping.
        np.copyto(rgb, 225 + 30 * np.tanh((rgb - 225) / 30), where=rgb > 225)
        return rgb, coverage

    def _clipped(self, stencil: Stencil, clip: Image.Image | None) -> Stencil:
        mask, corner = stencil
        return (mask if clip is None else ImageChops.multiply(mask, clip.crop(_box(mask, corner)))), corner


@lru_cache
def _levels(offset: float, factor: float) -> list[int]:
    """Lookup table of offset + factor * level."""
    return [round(offset + factor * level) for level in range(256)]


def _break_up(mask: Image.Image, corner: npt.NDArray[np.int_]) -> Image.Image:
    """Move a soft edge in and out by noise; the slope is such that 0 stays 0 and 255 stays 255."""
    grain = window(_edge_noise(), (int(corner[1]), int(corner[0])), (mask.size[1], mask.size[0]))
    value = np.asarray(mask).astype(np.int16) * 9 // 5 + grain
    return Image.fromarray(np.clip(value, 0, 255).astype(np.uint8))


@lru_cache
def _edge_noise() -> npt.NDArray[np.int16]:
    """Periodic noise of -204 ... 0: with a slope of 1.8, levels 0 and 255 are mapped to at most 0 and at least 255."""
    return (-204 * noise(0.8, 2.0, 3)).astype(np.int16)


def _box(mask: Image.Image, corner: tuple[int, int]) -> tuple[int, int, int, int]:
    return (corner[0], corner[1], corner[0] + mask.size[0], corner[1] + mask.size[1])


def _rgb(colour: RGB) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, round(channel))) for channel in colour)
    return red, green, blue
