"""Small data sets and record sets for the tests of this room."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.datasets import Box, Card, PartPoint, Sample
from fgtl.downloads import FolderTree

# For pictures.py: pytest's importlib mode leaves the tests' folders out of the path.
sys.path.insert(0, str(Path(__file__).parent))

PART_NAMES = ("beak", "tail")


def jpeg(seed, size=(24, 16)):
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=60)
    return buffer.getvalue()


@pytest.fixture
def samples(tmp_path):
    """(tree, samples): 11 training and 7 test images of 3 classes, with boxes and parts."""
    root = tmp_path / "download"
    root.mkdir()
    listed = []
    for number in range(18):
        path = root / f"{number:02d}.jpg"
        path.write_bytes(jpeg(number))
        label = number % 3
        split = "train" if number < 11 else "test"
        parts = (PartPoint("beak", 6, 4, True), PartPoint("tail", 0, 0, False))
        listed.append(Sample(f"id{number}", path.name, label, f"bird {label}", split, (Box(6, 4, 18, 12),), parts))
    return FolderTree(root), listed


@pytest.fixture
def image_folder(tmp_path):
    """A folder per class under train/ and test/: 3 classes, 11 training and 7 test images."""
    root = tmp_path / "photos"
    for number in range(18):
        split = "train" if number < 11 else "test"
        path = root / split / f"class {number % 3}" / f"{number:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    return root


@pytest.fixture
def converted(image_folder, tmp_path):
    """The record set of `image_folder`: two shards a split."""
    convert(
        Card("photos", "folder"), FolderTree(image_folder), tmp_path / "records", ConvertKnobs(num_shards=2, workers=1)
    )
    return RecordSet.open(tmp_path / "records")


@pytest.fixture
def content():
    """A function: folder -> {relative path: bytes} of every file below."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return read
