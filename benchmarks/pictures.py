"""Generated photographs for the benchmarks: JPEGs with a photograph's size in bytes, the same ones every time."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_pictures(folder: Path, count: int, *, width: int = 500, height: int = 375, quality: int = 90) -> list[Path]:
    """Write `count` JPEGs (4:2:0, about 50 kB at the default size) named 00000.jpg and so on; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(_picture(number, width, height)).save(path, quality=quality, subsampling="4:2:0")
        paths.append(path)
    return paths


def _picture(seed: int, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8: random fields from coarse to fine with a natural image's falling spectrum."""
    generator = np.random.default_rng(seed)
    total = np.full((height, width, 3), 128.0, np.float32)
    for cell, strength in ((125, 60.0), (40, 30.0), (12, 16.0), (4, 9.0), (1, 5.0)):
        small = strength * generator.standard_normal((height // cell + 1, width // cell + 1, 3), np.float32)
        if cell == 1:
            total += small[:height, :width]
            continue
        for channel in range(3):
            field = Image.fromarray(small[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            total[..., channel] += np.asarray(field)
    return np.clip(total, 0, 255).astype(np.uint8)
