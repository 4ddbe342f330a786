"""The reader of the iNaturalist competitions, on lists in the official form of each year."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fgtl.converters import READERS
from fgtl.datasets import Box, Card, Sample, load_card
from fgtl.downloads import FolderTree, Tree
from fgtl.errors import DataError

CATEGORIES = [("Aves", "Turdus merula"), ("Plantae", "Betula lenta"), ("Aves", "Junco hyemalis hyemalis")]
TRAIN = [(0, "Aves/Turdus merula/0a.jpg", 0), (5, "Plantae/Betula lenta/0b.jpg", 1), (6, "Aves/Junco/0c.jpg", 2)]
VAL = [(9, "Aves/Turdus merula/0d.jpg", 0)]
OPTIONS = {
    "train": "train2017.json",
    "validation": "val2017.json",
    "categories": "categories.json",
    "train_boxes": "train_2017_bboxes.json",
}
LEVELS = dict.fromkeys(("species", "supercategory", "genus", "class"), 0)
CARD = Card("small", "inat", options=OPTIONS, levels=LEVELS, level="species")


def coco(rows: list[tuple[int, str, int]], categories: list[dict[str, Any]]) -> dict[str, Any]:
    """A list as the competitions publish it; the keys that are not read are there too."""
    return {
        "info": {"year": 2017, "version": "1", "date_created": "2017-03-15"},
        "images": [
            {"id": number, "width": 800, "height": 600, "file_name": file, "license": 1, "rights_holder": "Anna"}
            for number, file, _ in rows
        ],
        "licenses": [{"id": 1, "name": "by-nc", "url": "https://example.org"}],
        "annotations": [
            {"id": 7 * number, "image_id": number, "category_id": category} for number, _, category in rows
        ],
        "categories": categories,
    }


def plain_categories() -> list[dict[str, Any]]:
    return [{"id": number, "name": name, "supercategory": above} for number, (above, name) in enumerate(CATEGORIES)]


@pytest.fixture
def root(tmp_path: Path, write: Callable[..., None]) -> Path:
    for name, rows in (("train2017.json", TRAIN), ("val2017.json", VAL)):
        listed = [(number, f"train_val_images/{file}", category) for number, file, category in rows]
        write(tmp_path, *(file for _, file, _ in listed))
        (tmp_path / name).write_text(json.dumps(coco(listed, plain_categories())))
    return tmp_path


def read(root: Path, card: Card = CARD) -> list[Sample]:
    return list(READERS["inat"](card, FolderTree(root)))


def change(file: Path, alter: Callable[[Any], Any]) -> None:
    content = json.loads(file.read_text())
    file.write_text(json.dumps(alter(content) or content))


def test_samples_have_what_the_lists_say(root: Path) -> None:
    samples = read(root)
    assert samples[1] == Sample(
        id="train_val_images/Plantae/Betula lenta/0b.jpg",
        path="train_val_images/Plantae/Betula lenta/0b.jpg",
        label=1,
        class_name="Betula lenta",
        split="train",
        hierarchy=("Plantae", "Betula lenta"),
    )
    assert [(sample.label, sample.split) for sample in samples] == [
        (0, "train"),
        (1, "train"),
        (2, "train"),
        (0, "validation"),
    ]


def test_ids_are_the_lines_of_the_papers_mini_validation_list(root: Path) -> None:
    # "train_val_images/<super>/<Genus species[ subspecies]>/<hash>.jpg", blanks included.
    assert "train_val_images/Plantae/Betula lenta/0b.jpg" in {sample.id for sample in read(root)}


def test_supercategories_are_classes_of_their_own_level(root: Path) -> None:
    samples = read(root, CARD.at_level("supercategory"))
    assert [(sample.label, sample.class_name, sample.hierarchy) for sample in samples[:3]] == [
        (0, "Aves", ("Aves",)),
        (1, "Plantae", ("Plantae",)),
        (0, "Aves", ("Aves",)),
    ]


def test_category_ids_with_gaps_are_numbered_in_their_order(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train2017.json", "val2017.json"):
        content = json.loads((root / name).read_text())
        for entry in [*content["annotations"], *content["categories"]]:
            key = "category_id" if "category_id" in entry else "id"
            entry[key] = {0: 40, 1: 10, 2: 30}[entry[key]]
        (root / name).write_text(json.dumps(content))
    assert [sample.label for sample in read(root)] == [2, 0, 1, 2]
    assert "have gaps; labels are their order" in capsys.readouterr().err


def test_boxes_of_2017_are_read_where_their_list_is_there(root: Path) -> None:
    assert not any(sample.boxes for sample in read(root))
    boxes = coco([(77, "train_val_images/Aves/Junco/0c.jpg", 2)], plain_categories())
    boxes["annotations"] = [
        {"id": 1, "image_id": 77, "category_id": 2, "bbox": [10, 20.5, 30, 40], "area": 600.0, "iscrowd": 0},
        {"id": 2, "image_id": 77, "category_id": 2, "bbox": [1, 2, 3, 4], "area": 6.0, "iscrowd": 0},
    ]
    (root / "train_2017_bboxes.json").write_text(json.dumps(boxes))
    samples = read(root)
    assert samples[2].boxes == (Box(10, 20.5, 40, 60.5), Box(1, 2, 4, 6))
    assert not samples[0].boxes
    for wrong in ([1, 2, 3], [1, 2, 3, "x"], [1, 2, 3, float("inf")], None, 7):
        boxes["annotations"][0]["bbox"] = wrong
        (root / "train_2017_bboxes.json").write_text(json.dumps(boxes))
        with pytest.raises(DataError, match=r"bboxes\.json: an annotation of the image id 77 cannot be read"):
            read(root)


def taxon(number: int, name: str, *ranks: str) -> dict[str, Any]:
    keys = ("kingdom", "phylum", "class", "order", "family", "genus")
    return {"id": number, "name": name, "supercategory": "Birds", **dict(zip(keys, ranks, strict=True))}


TAXA = [
    taxon(0, "Turdus merula", "Animalia", "Chordata", "Aves", "Passeriformes", "Turdidae", "Turdus"),
    taxon(1, "Morus alba", "Plantae", "Tracheophyta", "Magnoliopsida", "Rosales", "Moraceae", "Morus"),
    taxon(2, "Morus bassanus", "Animalia", "Chordata", "Aves", "Suliformes", "Sulidae", "Morus"),
]


def test_since_2018_the_hierarchy_has_seven_ranks_and_each_is_a_level(root: Path) -> None:
    (root / "categories.json").write_text(json.dumps(TAXA))
    samples = read(root)
    assert samples[0].hierarchy == (
        *("Animalia", "Chordata", "Aves", "Passeriformes", "Turdidae", "Turdus"),
        "Turdus merula",
    )
    assert [sample.class_name for sample in samples[:3]] == ["Turdus merula", "Morus alba", "Morus bassanus"]
    classes = read(root, CARD.at_level("class"))
    assert [(sample.label, sample.class_name) for sample in classes[:3]] == [
        (0, "Aves"),
        (1, "Magnoliopsida"),
        (0, "Aves"),
    ]
    genera = read(root, CARD.at_level("genus"))
    assert [sample.label for sample in genera[:3]] == [0, 2, 1]
    assert genera[1].class_name.endswith("Moraceae / Morus"), "a genus of birds and one of plants share the name"


def test_a_level_that_the_list_does_not_know_is_refused(root: Path) -> None:
    with pytest.raises(DataError, match=r"the category 0 \(Turdus merula\) has no genus"):
        read(root, CARD.at_level("genus"))


def test_other_categories_than_the_lists_are_refused(root: Path) -> None:
    (root / "categories.json").write_text(json.dumps(TAXA[:2]))
    with pytest.raises(DataError, match="the category 2 is missing"):
        read(root)
    (root / "categories.json").write_text(json.dumps([*TAXA, {**TAXA[0], "id": 3}]))
    with pytest.raises(DataError, match="the category 3 is not in the lists"):
        read(root)
    (root / "categories.json").write_text(json.dumps({"categories": TAXA}))
    with pytest.raises(DataError, match=r"categories\.json is no list of categories"):
        read(root)


def test_a_byte_order_mark_and_indented_json_are_read(root: Path) -> None:
    plain = read(root)
    for name in ("train2017.json", "val2017.json"):
        text = json.dumps(json.loads((root / name).read_text()), indent=1).replace("\n", "\r\n")
        (root / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(root) == plain


def test_characters_outside_the_basic_plane_are_read_however_they_are_written(root: Path) -> None:
    categories = [{"id": number, "name": name} for number, name in enumerate(["\U0001f426", "a", "b"])]
    for ascii_only in (True, False):
        (root / "categories.json").write_text(json.dumps(categories, ensure_ascii=ascii_only), encoding="utf-8")
        assert read(root)[0].class_name == "\U0001f426"


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda c: c["annotations"].pop(), r"no annotation is of the image '.*0c\.jpg' \(id 6\)"),
        (lambda c: c["images"].pop(), r"(?s)an annotation is of the image id 6, which is not among .*its 2 images"),
        (lambda c: c["images"][1].update(id=0), r"the image id 0 stands for '.*0a\.jpg' and '.*0b\.jpg'"),
        (lambda c: c["images"][1].update(file_name=c["images"][0]["file_name"]), r"0a\.jpg' is listed twice"),
        (lambda c: c["annotations"].append({"image_id": 0, "category_id": 1}), "id 0 has the categories 0 and 1"),
        (lambda c: c["annotations"][0].update(category_id=8), "is of the category 8, which is not in its categories"),
        (lambda c: c["annotations"][0].update(category_id="0"), "entry 0 of annotations cannot be read"),
        (lambda c: c["annotations"][0].pop("category_id") and None, "entry 0 of annotations cannot be read"),
        (lambda c: c["images"][0].update(id=True), "entry 0 of images cannot be read"),
        (lambda c: c["images"][0].update(file_name=7), "entry 0 of images cannot be read"),
        (lambda c: c["images"][0].pop("file_name") and None, "entry 0 of images cannot be read"),
        (lambda c: c["images"][0].update(file_name="../a.jpg"), r"'\.\./a\.jpg' does not name a file below"),
        (lambda c: c["images"][0].update(file_name="/a.jpg"), "does not name a file below"),
        (lambda c: c["images"][0].update(file_name="a\0.jpg"), "does not name a file below"),
        (lambda c: c["images"][0].update(file_name="b/a.jpg"), r"(?s)'b/a\.jpg' does not exist.*3 images; 2 are there"),
        (lambda c: c["categories"].pop(), "is of the category 2, which is not in its categories|category 2"),
        (lambda c: c["categories"].append(c["categories"][0]), "the category 0 is there twice"),
        (lambda c: c["categories"][0].pop("name") and None, "a category cannot be read"),
        (lambda c: c["categories"][0].update(name="Wren"), r"(?s)val2017\.json: the category 0 is called 'Turdus"),
        (lambda c: c.pop("categories") and None, "has no list of categories"),
        (lambda c: c.update(images={}), "has no list of images"),
        (lambda c: [c], "has no list of images"),
    ],
)
def test_what_is_wrong_in_a_list_is_named(root: Path, alter: Callable[[Any], Any], message: str) -> None:
    content = json.loads((root / "train2017.json").read_text())
    altered = alter(content)
    (root / "train2017.json").write_text(json.dumps(altered if isinstance(altered, list) else content))
    with pytest.raises(DataError, match=message):
        read(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON, line 1 column 1"),
        ("<html>\nNot found</html>", "is not JSON, line 1 column 1"),
        ('{"images": [\n{"id": 0,', "is not JSON, line 2 column .*It ends too early"),
        ('{"images": [\n{"id": 0, "file_na', "is not JSON, line 2 column .*It ends too early"),
        ('{"images": []} {', "is not JSON, line 1 column 16: Extra data"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"a": ' * 100_000, "is nested too deeply"),
        ('{"images": [],\n"a": "\\ud83d!"}', r"line 2 has half a character, \\ud83d"),
        ('{"images": [],\n"a": "\\uDE00"}', r"line 2 has half a character, \\uDE00"),
        (f'{{"images": [{{"id": {"9" * 5000}}}]}}', "cannot be read: Exceeds the limit"),
    ],
)
def test_what_is_no_json_is_named_with_its_line(root: Path, text: str, message: str) -> None:
    (root / "train2017.json").write_text(text)
    with pytest.raises(DataError, match=rf"(?s)train2017\.json.*{message}"):
        read(root)


def test_a_list_cut_off_anywhere_is_an_error(root: Path) -> None:
    whole = (root / "val2017.json").read_bytes()
    for length in range(0, len(whole), 17):
        (root / "val2017.json").write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"val2017\.json"):
            read(root)


def test_bytes_that_are_not_utf8_are_an_error(root: Path) -> None:
    (root / "val2017.json").write_bytes((root / "val2017.json").read_bytes().replace(b"Anna", b"Ann\xe9"))
    with pytest.raises(DataError, match=r"val2017\.json is not UTF-8"):
        read(root)


def test_missing_lists_are_named_with_the_official_page(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)train2017\.json does not exist.*inat_comp.*26,836,398 bytes"):
        read(tmp_path, load_card("inat2017"))


@pytest.mark.parametrize(("name", "supers"), [("inat2017", 13), ("inat2018", 14)])
def test_a_whole_set_has_the_counts_of_its_card(
    name: str, supers: int, lists_only: Callable[[dict[str, str]], Tree], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundredth of the images, as the card says them; all the classes."""
    card = load_card(name)
    classes = card.classes or 0
    categories = [
        {"id": number, "name": f"Genus species{number}", "supercategory": f"super {number % supers}"}
        for number in range(classes)
    ]
    images = {split: max(count // 100, classes) for split, count in card.images.items()}
    lists, start = {}, 0
    for split, count in images.items():
        rows = [(start + row, f"images/{start + row}.jpg", row % classes) for row in range(count)]
        lists[card.options[split]] = json.dumps(coco(rows, categories))
        start += count
    small = Card(
        name, "inat", classes=classes, images=images, levels=card.levels, level=card.level, options=card.options
    )
    samples = list(READERS["inat"](small, lists_only(lists)))
    assert Counter(sample.split for sample in samples) == images
    assert {sample.label for sample in samples} == set(range(classes))
    at_super = list(READERS["inat"](small.at_level("supercategory"), lists_only(lists)))
    assert {sample.label for sample in at_super} == set(range(supers))
