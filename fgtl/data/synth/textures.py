"""Periodic noise and feather textures, computed once a process from fixed seeds and then only cropped."""

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Texture = npt.NDArray[np.float32]
SIDE = 512


@lru_cache
def noise(roughness: float, stretch: float = 1.0, seed: int = 0) -> Texture:
    """(SIDE, SIDE) periodic noise in 0..1 with amplitude spectrum 1 / f**roughness.

    Args:
        roughness: 0 is white, 1 like foliage, 2 like clouds.
        stretch: how many times longer the structures are along x than along y.
        seed: which one.
    """
    white = np.random.default_rng([seed, round(100 * roughness)]).standard_normal((SIDE, SIDE))
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    frequency = np.hypot(fx * stretch, fy)
    frequency[0, 0] = math.inf
    tile = np.fft.ifft2(np.fft.fft2(white) / np.maximum(frequency, 2 / SIDE) ** roughness).real
    # Ranks rather than a linear stretch: every tile then uses the whole range evenly.
    tile = (tile - tile.mean()) / tile.std()
    return (0.5 + 0.5 * np.tanh(tile * 0.8)).astype(np.float32)


@lru_cache
def scales() -> Texture:
    """(SIDE, SIDE) overlapping rounded feathers pointing along +x, 16 px wide: dark at the base, a pale edge."""
    length, width = 12.8, 16.0
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    tile = np.zeros((SIDE, SIDE), np.float32)
    front = np.full((SIDE, SIDE), -np.inf, np.float32)
    # Each pixel belongs to the feather whose row starts furthest back among those that cover it.
    for lag in range(3):
        row = np.floor(x / length) - lag
        offset = (row % 2) * width / 2
        across = ((y + offset) % width) / width * 2 - 1
        along = (x - row * length) / (length * 2.2)
        inside = along < np.sqrt(np.maximum(0, 1 - across**2)) * 0.75 + 0.25
        value = 0.25 + 0.65 * along + 0.12 * (np.abs(across) < 0.12)
        fresh = inside & (along > front) & (lag >= 0)
        tile = np.where(fresh, value, tile)
        front = np.where(fresh, along, front)
    return np.clip(tile, 0, 1)


@lru_cache
def _turned(kind: str, sector: int) -> Texture:
    tile = scales() if kind == "scales" else noise(0.55, 5.0, 7)
    wide = Image.fromarray(np.tile(tile, (2, 2)))
    turned = wide.rotate(sector * 15, resample=Image.Resampling.BILINEAR)
    edge = SIDE // 2
    return np.asarray(turned)[edge : edge + SIDE, edge : edge + SIDE]


def plumage_texture(kind: str, angle: float, shape: tuple[int, int], zoom: float) -> Texture:
    """A (height, width) crop of "scales" or "barbs" turned to `angle` (radians), to the nearest 15 degrees."""
    sector = round(math.degrees(angle) / 15) % 24
    return crop(_turned(kind, sector), shape, (0.0, 0.0), (1 / zoom, 1 / zoom))


def window(tile: npt.NDArray[Any], start: tuple[int, int], shape: tuple[int, int]) -> npt.NDArray[Any]:
    """Read a periodic tile (SIDE, SIDE, ...) at every point of `shape` (height, width) from `start` (row, column)."""
    row, column = start[0] % SIDE, start[1] % SIDE
    if row + shape[0] <= SIDE and column + shape[1] <= SIDE:
        return tile[row : row + shape[0], column : column + shape[1]]
    tile = np.take(tile, np.arange(row, row + shape[0]) % SIDE, axis=0)
    return np.take(tile, np.arange(column, column + shape[1]) % SIDE, axis=1)


def crop(tile: Texture, shape: tuple[int, int], start: tuple[float, float], step: tuple[float, float]) -> Texture:
    """Read a periodic tile at (height, width) grid points from `start` (row, column) by `step`: nearest point."""
    rows = (start[0] + step[0] * np.arange(shape[0])).astype(int) % tile.shape[0]
    columns = (start[1] + step[1] * np.arange(shape[1])).astype(int) % tile.shape[1]
    return tile[rows[:, None], columns[None, :]]


def smooth_crop(tile: Texture, shape: tuple[int, int], start: tuple[float, float], zoom: float) -> Texture:
    """The same enlarged `zoom` >= 1 times with bicubic interpolation."""
    small = (math.ceil(shape[0] / zoom) + 1, math.ceil(shape[1] / zoom) + 1)
    part = Image.fromarray(crop(tile, small, start, (1.0, 1.0)))
    return np.asarray(
        part.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=(0, 0, shape[1] / zoom, shape[0] / zoom))
    )
