"""The reader of FGVC-Aircraft's layout, on files written as its documentation describes them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.data.records import RecordSet
from fgtl.datasets import Box, Card, Sample, load_card
from fgtl.downloads import FolderTree, Tree
from fgtl.errors import DataError, UsageError

CARD = Card(
    "small",
    "aircraft",
    annotations=("boxes", "hierarchy"),
    levels={"variant": 0, "family": 0, "manufacturer": 0},
    level="variant",
)
# Image -> split, variant, family, manufacturer.
IMAGES = {
    "1025794": ("train", "707-320", "Boeing 707", "Boeing"),
    "0056978": ("train", "F/A-18", "F/A-18", "McDonnell Douglas"),
    "0481847": ("val", "727-200", "Boeing 727", "Boeing"),
    "0034309": ("test", "F/A-18", "F/A-18", "McDonnell Douglas"),
}
NAMES = {
    "variants.txt": ["707-320", "727-200", "F/A-18"],
    "families.txt": ["Boeing 707", "Boeing 727", "F/A-18"],
    "manufacturers.txt": ["Boeing", "McDonnell Douglas"],
}


@pytest.fixture
def root(tmp_path: Path, write: Callable[..., None]) -> Path:
    data = tmp_path / "fgvc-aircraft-2013b/data"
    write(data / "images", *(f"{image}.jpg" for image in IMAGES))
    for name, names in NAMES.items():
        (data / name).write_text("\n".join(names) + "\n")
    for column, level in enumerate(("variant", "family", "manufacturer"), start=1):
        for split in ("train", "val", "test"):
            lines = [f"{image} {words[column]}\n" for image, words in IMAGES.items() if words[0] == split]
            (data / f"images_{level}_{split}.txt").write_text("".join(lines))
    (data / "images_box.txt").write_text("".join(f"{image} 3 1 18 10\n" for image in IMAGES) + "9999999 1 1 2 2\n")
    return data.parent


def read(root: Path, card: Card = CARD) -> list[Sample]:
    return list(READERS["aircraft"](card, FolderTree(root)))


def test_samples_have_what_the_lists_say(root: Path) -> None:
    samples = read(root)
    assert samples[1] == Sample(
        id="0056978",
        path="data/images/0056978.jpg",
        label=2,
        class_name="F/A-18",
        split="train",
        boxes=(Box(2, 0, 18, 10),),
        hierarchy=("McDonnell Douglas", "F/A-18", "F/A-18"),
    )
    assert [(sample.id, sample.split) for sample in samples[2:]] == [("0481847", "validation"), ("0034309", "test")]


@pytest.mark.parametrize(
    ("level", "labels", "hierarchy"),
    [
        ("variant", [0, 2, 1, 2], ("Boeing", "Boeing 727", "727-200")),
        ("family", [0, 2, 1, 2], ("Boeing", "Boeing 727")),
        ("manufacturer", [0, 1, 0, 1], ("Boeing",)),
    ],
)
def test_the_level_says_what_a_class_is(root: Path, level: str, labels: list[int], hierarchy: tuple[str, ...]) -> None:
    samples = read(root, CARD.at_level(level))
    assert [sample.label for sample in samples] == labels
    assert samples[2].hierarchy == hierarchy
    assert samples[2].class_name == hierarchy[-1]


def test_an_unknown_level_is_a_usage_error(root: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)level 'model'.*manufacturer, family, variant"):
        read(root, Card("small", "aircraft", level="model"))


def test_the_content_of_data_alone_is_read_too(root: Path) -> None:
    assert [sample.path for sample in read(root / "data")] == [f"images/{image}.jpg" for image in IMAGES]


def test_boxes_and_the_lists_of_other_levels_are_needed_only_when_the_card_says_so(root: Path) -> None:
    plain = Card("small", "aircraft", level="variant")
    assert read(root, plain) == read(root)
    for annotation, name in (("boxes", "images_box.txt"), ("hierarchy", "images_family_val.txt")):
        (root / "data" / name).unlink()
        with pytest.raises(DataError, match=f"{name} does not exist"):
            read(root, Card("small", "aircraft", annotations=(annotation,)))
    assert {(sample.boxes, sample.hierarchy) for sample in read(root, plain)} == {((), ())}


def test_windows_line_ends_and_byte_order_marks_do_not_matter(root: Path) -> None:
    plain = read(root)
    for file in root.glob("data/*.txt"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"  \r\n\r\n"))
    assert read(root) == plain


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("variants.txt", "727-200", "707-320", r"variants\.txt line 2: the variant '707-320' is already on line 1"),
        ("variants.txt", "F/A-18", "F-18", r"(?s)variant_train\.txt line 2: .*F/A-18.* cannot be read.*variants\.txt"),
        ("images_variant_train.txt", "1025794 707-320", "1025794", r"variant_train\.txt line 1: '1025794' cannot"),
        ("images_variant_test.txt", "0034309", "1025794", r"test\.txt line 1: image id '1025794' is already on line 1"),
        ("images_variant_val.txt", "0481847", "0481848", r"variant_val\.txt line 1: image 0481848 has no manufacturer"),
        ("images_family_train.txt", "Boeing 707", "Boing", r"(?s)family_train\.txt line 1: .*families\.txt"),
        ("images_manufacturer_test.txt", "0034309", "0034308", r"variant_test\.txt line 1: .* has no manufacturer"),
        ("images_box.txt", "0481847 3 1", "0481847 3", r"images_box\.txt line 3: .* cannot be read"),
        ("images_box.txt", "0481847 3 1", "0481847 x 1", r"images_box\.txt line 3: xmin 'x' is not a number"),
        ("images_box.txt", "0481847 3 1", "0481847 0 1", r"(?s)images_box\.txt line 3: a box from \(0, 1\).*from 1"),
        (
            "images_box.txt",
            "0481847 3 1",
            "0481847 30 1",
            r"images_box\.txt line 3: a box from \(30, 1\) to \(18, 10\)",
        ),
        ("images_box.txt", "0481847", "1025794", r"images_box\.txt line 3: image id '1025794' is already on line 1"),
        (
            "images_box.txt",
            "0481847",
            "0481849",
            r"images_box\.txt has no line for image 0481847 \(.*val\.txt line 1\)",
        ),
    ],
)
def test_a_wrong_line_is_named(root: Path, file: str, old: str, new: str, message: str) -> None:
    text = (root / "data" / file).read_text()
    assert old in text
    (root / "data" / file).write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read(root)


def test_an_image_id_cannot_lead_out_of_the_folder(root: Path) -> None:
    for file in root.glob("data/images_*.txt"):
        file.write_text(file.read_text().replace("0481847", "../../../1"))
    with pytest.raises(DataError, match=r"images_variant_val\.txt line 1: .* leads out of"):
        read(root)


def test_a_missing_image_and_wrong_counts_are_told(root: Path) -> None:
    with pytest.raises(DataError, match="3 classes instead of 100, 2 train images instead of 3,334"):
        read(root, load_card("aircraft"))
    (root / "data/images/0481847.jpg").unlink()
    with pytest.raises(DataError, match=r"(?s)variant_val\.txt line 1: .*0481847\.jpg' does not exist.*4 images; 3"):
        read(root)


def test_it_is_read_from_the_archive_as_it_came(root: Path, packed: Callable[..., Tree]) -> None:
    tree = packed("aircraft", root.parent, {"fgvc-aircraft-2013b.tar.gz": [root.name]})
    assert list(READERS["aircraft"](CARD, tree)) == read(root)


def test_it_converts_with_boxes_and_hierarchy(root: Path, converted: Callable[..., RecordSet]) -> None:
    records = converted(root, "aircraft")
    assert (records.counts, records.class_names) == (
        {"train": 2, "validation": 1, "test": 1},
        ("707-320", "727-200", "F/A-18"),
    )
    example = records.select("test").example(0)
    assert example["image/class/hierarchy"] == [b"McDonnell Douglas", b"F/A-18", b"F/A-18"]
    assert example["image/object/bbox/xmin"] == pytest.approx([2 / 20])
    assert example["image/object/bbox/ymax"] == [1.0]
