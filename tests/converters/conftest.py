"""Small data sets on disk, and whole sets' lists without their images."""

import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from fgtl.commands.app import main
from fgtl.converters.detect import card_for
from fgtl.data.records import RecordSet
from fgtl.downloads import Listing, Place, Tree

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


class ListsOnly(Tree):
    """Lists in memory among images that are all said to be there: for proofs on the counts of whole data sets."""

    def __init__(self, lists: dict[str, str]) -> None:
        self._lists = lists

    def where(self, name: str = "") -> str:
        return f"lists/{name}"

    def is_file(self, name: str) -> bool:
        return name in self._lists or name.lower().endswith((".jpg", ".jpeg"))

    def is_folder(self, name: str) -> bool:
        return False

    def state(self, name: str) -> tuple[int, int]:
        return len(self.read(name)), 0

    def read(self, name: str) -> bytes:
        return self._lists[name].encode()

    def list(self, folder: str = "") -> Listing:
        return Listing(files=tuple(sorted(self._lists)))

    def walk(self, folder: str = "") -> Iterator[str]:
        yield from sorted(self._lists)

    def place(self, name: str) -> Place:
        return Place(name)


@pytest.fixture
def lists_only() -> Callable[[dict[str, str]], Tree]:
    return ListsOnly


@pytest.fixture
def converted(tmp_path: Path) -> Callable[[Path, str], RecordSet]:
    """`fgtl convert` and `fgtl verify` of a data set in some layout, as a user would."""

    def convert(root: Path, layout: str) -> RecordSet:
        card, records = tmp_path / "small.toml", tmp_path / "records"
        card.write_text(f'schema = 1\nname = "small"\nlayout = "{layout}"\n')
        words = [f"--dataset={card}", f"--data_dir={root}", f"--output_dir={records}", "--workers=1"]
        assert main(["convert", *words]) == 0
        assert main(["verify", f"--records={records}"]) == 0
        return RecordSet.open(records)

    return convert


@pytest.fixture
def packed(tmp_path: Path) -> Callable[[str, Path, dict[str, list[str]]], Tree]:
    """What a card's reader gets from a folder with the official archives as they came."""

    def pack(dataset: str, root: Path, archives: dict[str, list[str]]) -> Tree:
        folder = tmp_path / "downloaded"
        folder.mkdir()
        for name, members in archives.items():
            if name in members:
                shutil.copy(root / name, folder)
                continue
            with tarfile.open(folder / name, "w" if name.endswith(".tar") else "w:gz") as archive:
                for member in members:
                    archive.add(root / member, member)
        return card_for(dataset, folder)[1]

    return pack
