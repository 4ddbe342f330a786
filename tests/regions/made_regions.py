"""Regions for the tests of this room (`from made_regions import ...`)."""

import numpy as np

from fgtl.regions.regions import NO_LEVEL, Regions, ranks_of


def regions_of(boxes: list[list[list[float]]], height: int = 40, width: int = 60, **more: object) -> Regions:
    """The boxes of each image, best first; all images are of one size."""
    images = np.repeat(np.arange(len(boxes), dtype=np.int32), [len(own) for own in boxes])
    rows = len(images)
    values: dict = {
        "ids": np.array([f"image {row}" for row in range(len(boxes))]),
        "sizes": np.full((len(boxes), 2), (height, width), np.int32),
        "images": images,
        "ranks": ranks_of(images),
        "boxes": np.array([box for own in boxes for box in own], np.float32).reshape(rows, 4),
        "scores": -np.arange(rows, dtype=np.float32),
        "levels": np.full(rows, NO_LEVEL, np.int8),
        "flags": np.zeros(rows, np.uint8),
    }
    return Regions(**(values | more))


def some_regions(seed: int, images: int = 7, most: int = 5) -> Regions:
    """Random boxes with corners on whole and half pixels, of images of different sizes; some without any."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 40, (images, 2)).astype(np.int32)
    counts = rng.integers(0, most + 1, images)
    counts[0] = most
    owner = np.repeat(np.arange(images, dtype=np.int32), counts)
    frames = sizes[owner][:, ::-1]
    first = rng.integers(0, 2 * frames - 1) / 2
    last = first + 0.5 + rng.integers(0, 2 * (frames - first)) / 2
    rows = len(owner)
    return Regions(
        ids=np.array([f"é{row}" for row in range(images)]),
        sizes=sizes,
        images=owner,
        ranks=ranks_of(owner),
        boxes=np.concatenate([first, np.minimum(last, frames)], axis=1).astype(np.float32),
        scores=rng.normal(size=rows).astype(np.float32),
        levels=rng.integers(-1, 2, rows).astype(np.int8),
        flags=rng.integers(0, 2, rows).astype(np.uint8),
        level_names=("p4", "p5"),
        source="a test",
        manifest_sha256="ab" * 32,
        run="runs/one",
    )
