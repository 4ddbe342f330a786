"""Generated photographs for the benchmarks: JPEGs with a photograph's size in bytes, the same ones every time."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

_MEMORY = Path("/dev/shm")


@contextmanager
def scratch_folder(mib: int) -> Iterator[Path]:
    """Yield a temporary folder: in memory where that has room for `mib`, so that no disk is measured; else on disk."""
    in_memory = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > mib << 20
    with tempfile.TemporaryDirectory(dir=_MEMORY if in_memory else None) as folder:
        yield Path(folder)


def write_pictures(folder: Path, count: int, *, first: int = 0, width: int = 500, height: int = 375) -> list[Path]:
    """Write `count` JPEGs (4:2:0, about 50 kB at the default size) named by their number; return their paths.

    Each number, from `first` on, has a picture of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(first, first + count):
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(_picture(number, width, height)).save(path, quality=90, subsampling="4:2:0")
        paths.append(path)
    return paths


def write_variants(folder: Path, pictures: Sequence[bytes], numbers: range) -> None:
    """Write one JPEG a number: the given ones in turn, made different by a comment that holds the number.

    A hundred times faster than drawing as many; no two files are equal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture = pictures[number % len(pictures)]
        comment = b"\xff\xfe\x00\x0a%08d" % number
        (folder / f"{number:06d}.jpg").write_bytes(picture[:2] + comment + picture[2:])


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
