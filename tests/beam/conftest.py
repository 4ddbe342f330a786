"""Data sets for conversions on Beam. No hypothesis, SciPy or TensorFlow here: this environment has none."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.downloads.archives import open_archive


def picture(number, ending="jpg", mode="RGB"):
    pixels = np.random.default_rng(number).integers(0, 255, (40, 60, 3), np.uint8)
    output = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(output, {"jpg": "JPEG", "png": "PNG", "webp": "WebP"}[ending])
    return output.getvalue()


@pytest.fixture
def photos(tmp_path):
    """A folder per class: 60 images, some of them greyscale, CMYK, palette or WebP."""
    root = tmp_path / "photos"
    kinds = [("jpg", "RGB"), ("jpg", "L"), ("jpg", "CMYK"), ("png", "P"), ("webp", "RGB"), ("png", "RGB")]
    for number in range(60):
        ending, mode = kinds[number % len(kinds)]
        path = root / ("test" if number % 3 else "train") / f"class {number % 4}" / f"{number:02d}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number, ending, mode))
    return root


@pytest.fixture
def birds(tmp_path):
    """CUB's layout with boxes and parts: 20 images of 4 classes."""
    root = tmp_path / "birds"
    names = [f"{1 + number % 4:03d}.Bird_{number % 4}/{number}.jpg" for number in range(20)]
    for number, name in enumerate(names):
        (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "images" / name).write_bytes(picture(number))
    (root / "parts").mkdir()
    rows = {
        "images": [f"{number} {name}" for number, name in enumerate(names, 1)],
        "image_class_labels": [f"{number} {1 + (number - 1) % 4}" for number in range(1, 21)],
        "train_test_split": [f"{number} {number % 2}" for number in range(1, 21)],
        "classes": [f"{label} {label:03d}.Bird_{label - 1}" for label in range(1, 5)],
        "bounding_boxes": [f"{number} {number}.5 2.0 20.0 30.0" for number in range(1, 21)],
        "parts/parts": ["1 beak", "2 left wing"],
        "parts/part_locs": [
            f"{number} {part} {number}.25 {part} {part % 2}" for number in range(1, 21) for part in (1, 2)
        ],
    }
    for name, lines in rows.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(params=["folder", "cub", "tar.gz"])
def source(request, photos, birds, tmp_path):
    """A function: -> (card, tree), for each kind of source; a tree that is opened anew remembers no unpacked files."""
    if request.param == "folder":
        return lambda: (Card("photos", "folder"), FolderTree(photos))
    card = Card("birds", "cub", annotations=("boxes", "parts"))
    if request.param == "cub":
        return lambda: (card, FolderTree(birds))
    archive = tmp_path / "birds.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(birds, ".")
    return lambda: (card, open_archive(archive))


@pytest.fixture
def content():
    """A function: folder -> {relative path: bytes} of every file below."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return read
