"""From files of other programs to a feature set, alone or beside the record set whose images they are about."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fgtl.data.convert import convert
from fgtl.data.plan import ConvertKnobs
from fgtl.data.records import RecordSet
from fgtl.datasets import Card
from fgtl.downloads import FolderTree
from fgtl.errors import DataError, UsageError
from fgtl.features.find import find_feature_sets
from fgtl.features.importing import ImportKnobs, import_feature_set
from fgtl.features.paper_files import write_paper_files

COUNT = 9


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> RecordSet:
    """Nine images of three classes, six to train on."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(COUNT):
        path = root / ("train" if number < 6 else "test") / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (9 * number, 90, 30)).save(path)
    folder = tmp_path_factory.mktemp("records") / "photos"
    convert(Card("photos", "folder"), FolderTree(root), folder, ConvertKnobs(num_shards=1, workers=1))
    return RecordSet.open(folder)


def files(folder: Path, **arrays: Any) -> dict[str, Any]:
    """Knobs that name files with these arrays."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return {f"import_{name}": (str(folder / f"{name}.npy"),) for name in arrays} | {"import_name": "dinov2_vits14"}


def shuffled(records: RecordSet) -> tuple[np.ndarray, dict[str, Any]]:
    """An order, and features (row of the record set in each place), labels and ids in that order."""
    images = records.select("train+test")
    order = np.random.default_rng(3).permutation(COUNT)
    features = np.repeat(order[:, None], 4, axis=1).astype(np.float32)
    return order, {"features": features, "labels": images.labels[order], "ids": images.ids[order]}


def test_files_alone_become_a_set(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    (tmp_path / "names.txt").write_text("wren\ntit\nowl\n")
    knobs = ImportKnobs(
        **files(tmp_path, features=features, labels=np.array([0, 1, 1, 0])), import_classes=tmp_path / "names.txt"
    )
    found = import_feature_set(knobs, "birds", None, tmp_path / "set")
    np.testing.assert_array_equal(found.features, features)
    assert (found.class_names, found.counts) == (("wren", "tit", "owl"), {"train": 4})
    assert (found.meta.extractor.backbone, found.meta.dataset) == ("dinov2_vits14", "birds")


def test_rows_of_a_record_set_are_brought_into_its_order(records: RecordSet, tmp_path: Path) -> None:
    _, arrays = shuffled(records)
    found = import_feature_set(ImportKnobs(**files(tmp_path, **arrays)), "", records, None)
    images = records.select("train+test")
    np.testing.assert_array_equal(found.features[:, 0], np.arange(COUNT))
    np.testing.assert_array_equal(found.ids, images.ids)
    np.testing.assert_array_equal(found.labels, images.labels)
    assert found.counts == {"train": 6, "test": 3}
    assert (found.class_names, found.meta.manifest_sha256) == (records.class_names, records.manifest_sha256)
    assert find_feature_sets([f"{records.folder}@dinov2_vits14"])[0].folder == found.folder
    with pytest.raises(UsageError, match="is there already"):
        import_feature_set(ImportKnobs(**files(tmp_path, **arrays)), "", records, None)


def test_a_record_set_knows_the_labels(records: RecordSet, tmp_path: Path) -> None:
    _, arrays = shuffled(records)
    del arrays["labels"]
    found = import_feature_set(ImportKnobs(**files(tmp_path, **arrays)), "", records, tmp_path / "set")
    np.testing.assert_array_equal(found.labels, records.select("train+test").labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: {"labels": (arrays["labels"] + 1) % 3}, "9 rows have another label than the record set"),
        (lambda arrays: {"labels": arrays["labels"] + 1}, r"are 1 to 3(.|\n)*Subtract 1\.$"),
        (lambda arrays: {"ids": np.char.add(arrays["ids"], "x")}, "9 of the 9 images .* have no row, 9 of the 9 rows"),
        (lambda arrays: {name: array[1:] for name, array in arrays.items()}, "1 of the 9 images .* have no row, 0 of"),
        (
            lambda arrays: {name: np.concatenate([array, array[:1]]) for name, array in arrays.items()},
            "1 of the 10 rows no image",
        ),
    ],
)
def test_rows_that_are_not_those_of_the_record_set_are_refused(
    records: RecordSet, tmp_path: Path, change: Any, message: str
) -> None:
    _, arrays = shuffled(records)
    with pytest.raises(DataError, match=message):
        import_feature_set(ImportKnobs(**files(tmp_path, **arrays | change(arrays))), "", records, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_not_a_number_names_the_row_and_leaves_nothing(tmp_path: Path) -> None:
    features = np.ones((4, 3), np.float16)
    features[2, 1] = np.inf
    knobs = ImportKnobs(**files(tmp_path, features=features, labels=np.zeros(4, int)))
    with pytest.raises(DataError, match=r"train 2 \(row 2\) are not finite"):
        import_feature_set(knobs, "", None, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_label_beyond_the_class_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("wren\ntit\n")
    arrays = files(tmp_path, features=np.ones((3, 2), np.float32), labels=np.array([0, 1, 2]))
    with pytest.raises(DataError, match=r"Row 2 \(train 2\) has the label 2(.|\n)*0 to 1"):
        import_feature_set(ImportKnobs(**arrays, import_classes=tmp_path / "names.txt"), "", None, tmp_path / "set")


def test_the_papers_files_come_in_and_go_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 5), ("val", 3)):
        np.save(tmp_path / f"cub_200_feature_{part}.npy", rng.normal(size=(count, 4)).astype(np.float32))
        np.save(tmp_path / f"cub_200_label_{part}.npy", np.arange(count, dtype=np.int32) % 3)
    knobs = ImportKnobs(import_paper=tmp_path, import_name="inception_v3_iNat_299")
    found = import_feature_set(knobs, "", None, tmp_path / "set")
    assert (found.counts, found.meta.dataset) == ({"train": 5, "test": 3}, "cub_200")
    for path in write_paper_files(found, tmp_path / "again"):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"import_name": ""}, "import_name is missing"),
        ({"import_labels": ()}, "import_labels is missing"),
        ({"import_labels": ("a.npy", "b.npy")}, "1 in --import_features, 2 in --import_labels"),
        ({"import_split": ("tset",)}, "--import_split=tset is no split"),
        ({"import_paper": Path("x")}, "--import_features with --import_paper"),
        ({"output": None}, "output_dir is missing"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(tmp_path: Path, knobs: dict[str, Any], message: str) -> None:
    given = files(tmp_path, features=np.ones((2, 2), np.float32), labels=np.zeros(2, int)) | knobs
    output = given.pop("output", tmp_path / "set")
    with pytest.raises(UsageError, match=message):
        import_feature_set(ImportKnobs(**given), "", None, output)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"import_ids": ()}, "nobody can tell which row"),
        ({"import_classes": Path("x")}, "--import_classes with --records"),
        ({"import_split": ("test",)}, "--import_split with --records"),
        (
            {"import_features": (), "import_labels": (), "import_ids": (), "import_paper": Path("x")},
            "--import_paper with",
        ),
    ],
)
def test_what_a_record_set_knows_is_not_given_twice(
    records: RecordSet, tmp_path: Path, knobs: dict[str, Any], message: str
) -> None:
    given = files(tmp_path, **shuffled(records)[1]) | knobs
    with pytest.raises(UsageError, match=message):
        import_feature_set(ImportKnobs(**given), "", records, None)
