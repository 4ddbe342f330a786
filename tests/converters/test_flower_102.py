"""The reader of Oxford Flowers-102's layout (its real lists: test_official_lists)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from fgtl.converters import READERS
from fgtl.data.records import RecordSet
from fgtl.datasets import Card, Sample, load_card
from fgtl.downloads import FolderTree, Tree
from fgtl.errors import DataError

CARD = Card("small", "flower_102", classes=2, options={"class_names": "pink primrose\ncolt's foot"})
LABELS = [2, 1, 1, 2, 1]
SPLITS = {"trnid": [4, 2], "valid": [1], "tstid": [3, 5]}


@pytest.fixture
def root(tmp_path: Path, write: Callable[..., None]) -> Path:
    folder = tmp_path / "flowers"
    write(folder, *(f"jpg/image_{number:05d}.jpg" for number in range(1, 6)))
    savemat(folder / "imagelabels.mat", {"labels": np.array([LABELS], np.uint8)})
    savemat(folder / "setid.mat", {name: np.array([ids], np.uint16) for name, ids in SPLITS.items()})
    return folder


def read(root: Path, card: Card = CARD) -> list[Sample]:
    return list(READERS["flower_102"](card, FolderTree(root)))


def test_samples_have_what_the_files_say(root: Path) -> None:
    samples = read(root)
    assert samples[0] == Sample("image_00004", "jpg/image_00004.jpg", 1, "colt's foot", "train")
    assert [(sample.id[-1], sample.label, sample.split) for sample in samples[1:]] == [
        ("2", 0, "train"),
        ("1", 1, "validation"),
        ("3", 0, "test"),
        ("5", 0, "test"),
    ]


def test_without_names_a_class_is_called_its_number(root: Path) -> None:
    assert [sample.class_name for sample in read(root, Card("small", "flower_102"))] == ["2", "1", "2", "1", "1"]


@pytest.mark.parametrize(
    ("file", "variables", "message"),
    [
        ("imagelabels.mat", {"labels": [2, 1, 0, 2, 1]}, r"(?s)imagelabels\.mat entry 3: class 0.*1 to 2"),
        ("imagelabels.mat", {"labels": [2, 1, 3, 2, 1]}, r"imagelabels\.mat entry 3: class 3"),
        ("imagelabels.mat", {"labels": [2, 1, 1, 2]}, r"setid\.mat tstid entry 2: image 5 has no label"),
        ("imagelabels.mat", {"labels": [2, 1, 1.5, 2, 1]}, r"labels is numbers of shape \(1, 5\)"),
        ("imagelabels.mat", {"labels": [2, 1, np.nan, 2, 1]}, r"labels is numbers of shape \(1, 5\)"),
        ("imagelabels.mat", {"label": LABELS}, r"imagelabels\.mat has no variable 'labels', only label"),
        ("imagelabels.mat", {"labels": "roses"}, r"labels is text 'roses'"),
        ("imagelabels.mat", {"labels": np.ones((2, 3))}, r"labels is numbers of shape \(2, 3\)"),
        ("setid.mat", {**SPLITS, "tstid": [3, 0]}, r"setid\.mat tstid entry 2: image 0 has no label"),
        ("setid.mat", {**SPLITS, "tstid": [3, 4]}, r"setid\.mat tstid entry 2: image 4 is already in trnid"),
        ("setid.mat", {**SPLITS, "tstid": [3, 3]}, r"setid\.mat tstid entry 2: image 3 is already in tstid"),
        ("setid.mat", {**SPLITS, "tstid": [3]}, r"(?s)image 5 in none of trnid, valid, tstid.*4 are there"),
        ("setid.mat", {"trnid": [1], "tstid": [2]}, r"setid\.mat has no variable 'valid', only trnid, tstid"),
    ],
)
def test_a_wrong_entry_is_named(root: Path, file: str, variables: dict[str, object], message: str) -> None:
    savemat(root / file, variables)
    with pytest.raises(DataError, match=message):
        read(root)


def test_missing_files_and_images_are_told_with_the_archives(root: Path) -> None:
    (root / "jpg/image_00003.jpg").unlink()
    with pytest.raises(DataError, match=r"(?s)setid\.mat tstid entry 1: 'jpg/image_00003\.jpg' does not.*5 images; 4"):
        read(root)
    (root / "setid.mat").unlink()
    with pytest.raises(DataError, match=r"(?s)setid\.mat does not exist.*setid\.mat should have 14,989 bytes"):
        read(root, load_card("flower_102"))


def test_wrong_counts_are_told(root: Path) -> None:
    card = Card("small", "flower_102", classes=2, images={"train": 2, "validation": 1, "test": 9})
    with pytest.raises(DataError, match="2 test images instead of 9"):
        read(root, card)


@pytest.mark.parametrize(
    ("names", "message"), [("rose", "1 lines in class_names"), ("rose\nrose", "names the class 'rose' twice")]
)
def test_wrong_names_on_the_card_are_told(root: Path, names: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(root, Card("small", "flower_102", classes=2, options={"class_names": names}))


def test_it_is_read_from_the_archive_as_it_came(root: Path, packed: Callable[..., Tree]) -> None:
    files = {name: [name] for name in ("imagelabels.mat", "setid.mat")}
    tree = packed("flower_102", root, {"102flowers.tgz": ["jpg"], **files})
    assert list(READERS["flower_102"](CARD, tree)) == read(root)


def test_it_converts(root: Path, converted: Callable[..., RecordSet]) -> None:
    records = converted(root, "flower_102")
    assert (records.counts, records.class_names) == ({"train": 2, "validation": 1, "test": 2}, ("1", "2"))
    assert records.select("validation").example(0)["image/id"] == [b"image_00001"]
