"""Features made elsewhere: what is sound is taken as it is, and whatever is wrong with a file is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fgtl.errors import DataError
from fgtl.features.foreign import ForeignPart, read_features, read_foreign, read_npy


def saved(path: Path, array: Any) -> Path:
    np.save(path, array, allow_pickle=True)
    return path


def part(folder: Path, split: str = "train", rows: int = 4, dim: int = 3, **other: Any) -> ForeignPart:
    features = np.random.default_rng(len(split)).normal(size=(rows, dim))
    arrays = {"features": features.astype("float32"), "labels": np.arange(rows) % 3} | other
    files = {name: saved(folder / f"{split}_{name}.npy", array) for name, array in arrays.items()}
    return ForeignPart(files["features"], files["labels"], split, files.get("ids"))


def test_one_file_stays_a_memory_map(tmp_path: Path) -> None:
    one = part(tmp_path)
    rows, splits = read_foreign([one])
    assert isinstance(rows.features, np.memmap)
    np.testing.assert_array_equal(rows.features, np.load(one.features))
    assert rows.labels.tolist() == [0, 1, 2, 0]
    assert rows.ids.tolist() == ["train 0", "train 1", "train 2", "train 3"]
    assert rows.class_names == ("class 0", "class 1", "class 2")
    assert splits.tolist() == [0, 0, 0, 0]


def test_parts_come_in_the_order_of_the_splits(tmp_path: Path) -> None:
    test, train = part(tmp_path, "test", 2, ids=np.array(["x", "y"])), part(tmp_path, "train", 3)
    rows, splits = read_foreign([test, train], ("a", "b", "c"))
    assert rows.ids.tolist() == ["train 0", "train 1", "train 2", "x", "y"]
    assert splits.tolist() == [0, 0, 0, 2, 2]
    np.testing.assert_array_equal(rows.features, np.concatenate([np.load(train.features), np.load(test.features)]))
    assert rows.class_names == ("a", "b", "c")


def test_ids_may_be_lines_of_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("böse.jpg\nb c.jpg\n\n", encoding="utf-8")
    one = part(tmp_path, rows=2)
    rows, _ = read_foreign([ForeignPart(one.features, one.labels, "train", tmp_path / "ids.txt")])
    assert rows.ids.tolist() == ["böse.jpg", "b c.jpg"]


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_floats_are_converted_and_that_is_said(
    tmp_path: Path, dtype: str, capsys: pytest.CaptureFixture[str]
) -> None:
    values = np.random.default_rng(0).normal(size=(3, 2)).astype(dtype)
    found = read_features(saved(tmp_path / "x.npy", values))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.astype("float32"))
    assert f"holds {dtype}: converted to float32" in capsys.readouterr().out


@pytest.mark.parametrize(
    "array", [np.ones(3), np.ones((2, 2, 2)), np.ones((3, 2), int), np.ones((0, 4)), np.array("a")]
)
def test_what_is_no_table_of_floats_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"expected|Expected floats of shape \(N, D\)"):
        read_features(saved(tmp_path / "x.npy", array))


def test_python_objects_are_not_unpickled(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Python objects(.|\n)*np.save"):
        read_npy(saved(tmp_path / "x.npy", np.array([{"a": 1}, None], object)))
    (tmp_path / "y.npy").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(DataError, match="Python objects"):
        read_npy(tmp_path / "y.npy")


def test_files_that_are_missing_cut_short_or_archives_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*gone\.npy"):
        read_npy(tmp_path / "gone.npy")
    path = saved(tmp_path / "short.npy", np.ones((9, 9)))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"short\.npy"):
        read_npy(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"short\.npy"):
        read_npy(path)
    np.savez(tmp_path / "x.npz", a=np.ones(2))
    with pytest.raises(DataError, match="several arrays"):
        read_npy(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(3), r"shape \(3,\)(.|\n)*\(4,\)"),
        (np.zeros((4, 1), int), r"shape \(4, 1\)"),
        (np.zeros(4), "float64"),
        (np.array([0, 1, -1, 0]), "row 2: the label -1"),
        (np.array([0, 1, 0, 2**40]), "row 3: the label"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(tmp_path: Path, labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_foreign([part(tmp_path, labels=labels)])


def test_labels_counted_from_1_are_refused_unless_names_tell_that_class_0_exists(tmp_path: Path) -> None:
    parts = [part(tmp_path, labels=np.array([1, 2, 3, 1])), part(tmp_path, "test", 2, labels=np.array([3, 2]))]
    with pytest.raises(DataError, match=r"train_labels\.npy, .* are 1 to 3(.|\n)*from 0(.|\n)*Subtract 1; or.* all 4"):
        read_foreign(parts)
    with pytest.raises(DataError, match=r"Subtract 1\.$"):
        read_foreign(parts, ("wren", "tit", "owl"))
    rows, _ = read_foreign(parts, ("none", "wren", "tit", "owl"))
    assert rows.labels.tolist() == [1, 2, 3, 1, 3, 2]
    # One part alone may be without class 0.
    rows, _ = read_foreign([part(tmp_path), parts[1]])
    assert rows.class_names[3] == "class 3"


def test_ids_of_another_number_or_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 3 ids"):
        read_foreign([part(tmp_path, ids=np.array(["a", "b", "c"]))])
    with pytest.raises(DataError, match="int64"):
        read_foreign([part(tmp_path, ids=np.arange(4))])


def test_parts_of_two_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"test_features\.npy has 5 numbers a row(.|\n)*one network"):
        read_foreign([part(tmp_path), part(tmp_path, "test", dim=5)])
