"""Small data sets on disk, in the three layouts."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

CLASSES = ["001.Robin", "002.Song_Thrush", "003.Wren"]
PARTS = ["beak", "left wing"]


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (20, 10), "brown").save(output, "JPEG")
    return output.getvalue()


@pytest.fixture
def write(jpeg: bytes) -> Callable[..., None]:
    """Write images, making their folders."""

    def write_images(root: Path, *names: str) -> None:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(jpeg)

    return write_images


@pytest.fixture
def cub(tmp_path: Path, write: Callable[..., None]) -> Path:
    """CUB's layout: 3 classes, 6 images (ids 10, 20, ... 60), the odd ones of each class for training."""
    root = tmp_path / "CUB_200_2011"
    names = [f"{CLASSES[row // 2]}/bird number {row}.jpg" for row in range(6)]
    write(root / "images", *names)
    ids = [10 * (row + 1) for row in range(6)]
    lists = {
        "images.txt": [f"{image} {name}" for image, name in zip(ids, names, strict=True)],
        "image_class_labels.txt": [f"{image} {row // 2 + 1}" for row, image in enumerate(ids)],
        "train_test_split.txt": [f"{image} {(row + 1) % 2}" for row, image in enumerate(ids)],
        "classes.txt": [f"{row + 1} {name}" for row, name in enumerate(CLASSES)],
        "bounding_boxes.txt": [f"{image} {row}.5 1.0 10.0 8.0" for row, image in enumerate(ids)],
        "parts/parts.txt": [f"{row + 1} {name}" for row, name in enumerate(PARTS)],
        "parts/part_locs.txt": [
            f"{image} {part} {image / 10} {part}.0 {part % 2}" for image in ids for part in range(1, len(PARTS) + 1)
        ],
    }
    for name, rows in lists.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("\n".join(rows) + "\n")
    return root
