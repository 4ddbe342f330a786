"""The reader of the Oxford-IIIT Pet data set, on files in the official form."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fgtl.converters import READERS
from fgtl.datasets import Card, Sample, load_card
from fgtl.downloads import FolderTree, Tree
from fgtl.errors import DataError

CARD = Card("small", "oxford_pet", levels={"breed": 0, "species": 0}, level="breed")
TRAINVAL = ["Abyssinian_100 1 1 1", "american_bulldog_10 2 2 1", "Bengal_7 3 1 2"]
TEST = ["american_bulldog_9 2 2 1", "Abyssinian_2 1 1 1"]


@pytest.fixture
def root(tmp_path: Path, write: Callable[..., None]) -> Path:
    write(tmp_path, *(f"images/{line.split()[0]}.jpg" for line in TRAINVAL + TEST))
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/trainval.txt").write_text("\n".join(TRAINVAL) + "\n")
    (tmp_path / "annotations/test.txt").write_text("\n".join(TEST) + "\n")
    header = "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n"
    (tmp_path / "annotations/list.txt").write_text(header + "\n".join(TRAINVAL + TEST) + "\n")
    return tmp_path


def read(root: Path, card: Card = CARD) -> list[Sample]:
    return list(READERS["oxford_pet"](card, FolderTree(root)))


def test_samples_have_what_the_lists_say(root: Path) -> None:
    samples = read(root)
    assert samples[1] == Sample(
        id="american_bulldog_10",
        path="images/american_bulldog_10.jpg",
        label=1,
        class_name="american bulldog",
        split="train",
        hierarchy=("dog", "american bulldog"),
    )
    assert [(sample.id, sample.label, sample.split) for sample in samples[2:]] == [
        ("Bengal_7", 2, "train"),
        ("american_bulldog_9", 1, "test"),
        ("Abyssinian_2", 0, "test"),
    ]


def test_species_are_two_classes(root: Path) -> None:
    samples = read(root, CARD.at_level("species"))
    assert [(sample.label, sample.class_name) for sample in samples[:2]] == [(0, "cat"), (1, "dog")]
    assert samples[1].hierarchy == ("dog",)


def test_comments_windows_line_ends_and_byte_order_marks_do_not_matter(root: Path) -> None:
    plain = read(root)
    (root / "annotations/trainval.txt").write_bytes(b"\xef\xbb\xbf#Image\r\n" + "\r\n \r\n".join(TRAINVAL).encode())
    assert read(root) == plain


def test_the_whole_set_has_the_counts_of_its_card(lists_only: Callable[[dict[str, str]], Tree]) -> None:
    # 37 classes of 99 or 100 training images and 99 or 100 test images, the first 12 of them cats.
    def lines(count: int, start: int) -> str:
        rows = [(row % 37, start + row) for row in range(count)]
        return "".join(f"Breed_{kind:02d}_{row} {kind + 1} {1 if kind < 12 else 2} 1\n" for kind, row in rows)

    tree = lists_only({"annotations/trainval.txt": lines(3680, 0), "annotations/test.txt": lines(3669, 5000)})
    card = load_card("oxford_pet")
    samples = list(READERS["oxford_pet"](card, tree))
    assert Counter(sample.split for sample in samples) == {"train": 3680, "test": 3669}
    assert {sample.label for sample in samples} == set(range(37))
    species = list(READERS["oxford_pet"](card.at_level("species"), tree))
    assert {sample.label for sample in species} == {0, 1}
    one_less = lists_only({"annotations/trainval.txt": lines(3679, 0), "annotations/test.txt": lines(3669, 5000)})
    with pytest.raises(DataError, match="3,679 train images instead of 3,680"):
        list(READERS["oxford_pet"](card, one_less))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Bengal_7 3 1", r"(?s)trainval\.txt line 3: 'Bengal_7 3 1' cannot be read.*<species> <breed id>"),
        ("Bengal_7 3 1 2 5", "line 3: .* cannot be read"),
        ("Bengal 3 1 2", "line 3: .* cannot be read"),
        ("Bengal_7 three 1 2", "line 3: class id 'three' is not a whole number"),
        ("Bengal_7 3 0 2", "line 3: species '0'"),
        ("Bengal_7 2 1 2", "line 3: class 2 is cat Bengal here and dog american bulldog further up"),
        ("Bengal_7 4 1 2", "annotations: no image of class 3, but of class 4"),
        ("Bengal_7 0 1 2", "annotations: no image of class 3, but of class 2"),
        ("../Bengal_7 3 1 2", r"line 3: .* leads out of"),
        ("Abyssinian_100 1 1 1", r"line 3: the image .* is already on line 1"),
        ("Bengal_8 3 1 2", r"(?s)line 3: .*Bengal_8\.jpg' does not exist.*5 images; 4 are there"),
        ("Abyssinian_7 3 1 2", "the classes 1 and 3 are both called 'Abyssinian'"),
    ],
)
def test_a_wrong_line_is_named(root: Path, line: str, message: str) -> None:
    (root / "annotations/trainval.txt").write_text("\n".join([*TRAINVAL[:2], line]) + "\n")
    with pytest.raises(DataError, match=message):
        read(root)


def test_a_missing_list_is_named_with_the_official_page(root: Path) -> None:
    (root / "annotations/test.txt").unlink()
    with pytest.raises(DataError, match=r"(?s)test\.txt does not exist.*vgg/data/pets.*annotations\.tar\.gz"):
        read(root, load_card("oxford_pet"))


def test_bytes_that_are_not_utf8_are_named(root: Path) -> None:
    (root / "annotations/trainval.txt").write_bytes(b"Abyssinian_100 1 1 1\nCaf\xe9_1 2 1 1\n")
    with pytest.raises(DataError, match=r"trainval\.txt line 2 is not UTF-8"):
        read(root)
