"""The reader of NABirds' layout: sparse class ids, uuids, and a tree of classes (whole lists: test_official_lists)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.data.records import RecordSet
from fgtl.datasets import Box, Card, PartPoint, Sample
from fgtl.downloads import FolderTree, Tree
from fgtl.errors import DataError

CARD = Card("small", "nabirds", annotations=("boxes", "parts", "hierarchy"))
IDS = [f"0000139e-21dc-4d0c-bfe1-4cae3c85c82{number}" for number in range(4)]
CLASS_IDS = ["817", "295", "817", "900"]
LISTS = {
    "images.txt": [f"{uuid} {node:0>4}/{uuid.replace('-', '')}.jpg" for uuid, node in zip(IDS, CLASS_IDS, strict=True)],
    "image_class_labels.txt": [f"{uuid} {node}" for uuid, node in zip(IDS, CLASS_IDS, strict=True)],
    "train_test_split.txt": [f"{uuid} {split}" for uuid, split in zip(IDS, "1101", strict=True)],
    "classes.txt": [
        "0 Birds",
        "1 Ducks, Geese, and Swans",
        "179 Common Eider",
        "295 Common Eider  (Adult male)",
        "817 Oak Titmouse",
        "900 Merlin",
        "901 Merlin",
        "1010 Never Seen",
    ],
    "hierarchy.txt": ["1 0", "179 1", "295 179", "901 0", "900 901", "817 0", "1010 0"],
    "bounding_boxes.txt": [f"{uuid} {number} 2 10 7" for number, uuid in enumerate(IDS)],
    "parts/parts.txt": ["0 bill", "1 left eye"],
    "parts/part_locs.txt": [f"{uuid} {part} {part + 3} 4 {part}" for uuid in IDS for part in (0, 1)],
}


@pytest.fixture
def root(tmp_path: Path, write: Callable[..., None]) -> Path:
    top = tmp_path / "nabirds"
    write(top / "images", *(line.split()[1] for line in LISTS["images.txt"]))
    (top / "parts").mkdir()
    for name, lines in LISTS.items():
        (top / name).write_text("\n".join(lines) + "\n")
    return top


def read(root: Path, card: Card = CARD) -> list[Sample]:
    return list(READERS["nabirds"](card, FolderTree(root)))


def test_labels_rank_the_ids_that_have_images_and_names_lead_from_the_root_to_the_leaf(root: Path) -> None:
    samples = read(root)
    assert samples[1] == Sample(
        id=IDS[1],
        path=f"images/0295/{IDS[1].replace('-', '')}.jpg",
        label=0,
        class_name="Common Eider (Adult male)",
        split="train",
        boxes=(Box(1, 2, 11, 9),),
        parts=(PartPoint("bill", 3, 4, False), PartPoint("left eye", 4, 4, True)),
        hierarchy=("Birds", "Ducks, Geese, and Swans", "Common Eider", "Common Eider (Adult male)"),
    )
    assert [sample.label for sample in samples] == [1, 0, 1, 2]
    assert [sample.split for sample in samples] == ["train", "train", "test", "train"]
    # A leaf may be called as the species above it.
    assert samples[3].hierarchy == ("Birds", "Merlin", "Merlin")


def test_a_folder_without_parts_boxes_and_hierarchy_is_read_by_a_card_that_does_not_ask_for_them(root: Path) -> None:
    files = {"hierarchy": "hierarchy.txt", "boxes": "bounding_boxes.txt", "parts": "parts/parts.txt"}
    for annotation, name in files.items():
        (root / name).unlink()
        with pytest.raises(DataError, match=f"{name} does not exist"):
            read(root, Card("small", "nabirds", annotations=(annotation,)))
    (root / "parts/part_locs.txt").unlink()
    sample = read(root, Card("small", "nabirds"))[0]
    assert (sample.boxes, sample.parts, sample.hierarchy) == ((), (), ())


def test_windows_line_ends_and_byte_order_marks_do_not_matter(root: Path) -> None:
    plain = read(root)
    for name, lines in LISTS.items():
        (root / name).write_bytes(b"\xef\xbb\xbf" + "\r\n\r\n".join(lines).encode() + b"\r\n")
    assert read(root) == plain


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("images.txt", IDS[1], IDS[0], r"images\.txt line 2: image id '0000139e.*0' is already on line 1"),
        ("image_class_labels.txt", f"{IDS[2]} 817", "", r"class_labels\.txt has no line for image 0000139e.*2"),
        ("image_class_labels.txt", f"{IDS[2]} 817", f"{IDS[2]} 818", r"line 3: class id 818 is not in classes\.txt"),
        ("classes.txt", "817 Oak", "295 Oak", r"classes\.txt line 5: class id 295 is already on line 4"),
        ("classes.txt", "817 Oak Titmouse", "817 Merlin", r"classes\.txt line 6: the class 'Merlin' is already"),
        ("classes.txt", "817 Oak Titmouse", "817", r"classes\.txt line 5: '817' cannot be read"),
        ("hierarchy.txt", "295 179", "295", r"hierarchy\.txt line 3: '295' cannot be read"),
        ("hierarchy.txt", "295 179", "295 x", r"hierarchy\.txt line 3: class id 'x' is not a whole number"),
        ("hierarchy.txt", "295 179", "295 178", r"hierarchy\.txt line 3: class id 178 is not in classes\.txt"),
        ("hierarchy.txt", "295 179", "179 0", r"hierarchy\.txt line 3: the parent of class 179 is already on line 2"),
        ("hierarchy.txt", "1 0", "1 295", r"hierarchy\.txt line 1: class 295 is above itself"),
        ("hierarchy.txt", "817 0", "817 817", r"hierarchy\.txt line 6: class 817 is above itself"),
        ("parts/part_locs.txt", f"{IDS[0]} 1", f"{IDS[0]} 2", r"part_locs\.txt line 2: part id 2 is not in parts\.txt"),
    ],
)
def test_a_wrong_line_is_named(root: Path, file: str, old: str, new: str, message: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read(root)


def test_it_is_read_from_the_archive_as_it_came(root: Path, packed: Callable[..., Tree]) -> None:
    tree = packed("nabirds", root.parent, {"nabirds.tar.gz": [root.name]})
    assert list(READERS["nabirds"](CARD, tree)) == read(root)


def test_it_converts_with_names_boxes_parts_and_hierarchy(root: Path, converted: Callable[..., RecordSet]) -> None:
    records = converted(root, "nabirds")
    assert (records.counts, len(records.class_names)) == ({"train": 3, "test": 1}, 3)
    assert records.part_names == ("bill", "left eye")
    (example,) = (records.select("test").example(0),)
    assert example["image/class/text"] == [b"Oak Titmouse"]
    assert example["image/class/hierarchy"] == [b"Birds", b"Oak Titmouse"]
    assert example["image/object/bbox/xmin"] == pytest.approx([2 / 20])
