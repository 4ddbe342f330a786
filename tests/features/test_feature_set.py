"""Feature sets on disk: what is written is what is read, and nothing damaged or unfinished is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import fgtl
from fgtl.errors import DataError, InputError, UsageError
from fgtl.features import feature_set as feature_set_module
from fgtl.features import meta as meta_module
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.writing import write_feature_set

SPLITS = np.array([0] * 6 + [1] * 2 + [2] * 4, np.uint8)
EXTRACTOR = Extractor("mobilenet_v2", "ab" * 32, input_size=160, eval_crop=0.875)


def rows(seed: int = 0) -> Features:
    features = np.random.default_rng(seed).normal(size=(12, 5)).astype(np.float32)
    ids = np.array([f"bird {i}.jpg" for i in range(12)])
    return Features(features, np.arange(12, dtype=np.int32) % 3, ids, ("wren", "tit", "owl"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_feature_set(tmp_path / "set", rows(), SPLITS, EXTRACTOR, dataset="birds", manifest_sha256="cd" * 32)
    return tmp_path / "set"


def test_what_is_written_is_read(folder: Path) -> None:
    found = FeatureSet.open(folder)
    assert (len(found), found.dim, found.class_names) == (12, 5, ("wren", "tit", "owl"))
    np.testing.assert_array_equal(found.features, rows().features)
    np.testing.assert_array_equal(found.labels, rows().labels)
    np.testing.assert_array_equal(found.ids, rows().ids)
    np.testing.assert_array_equal(found.splits, SPLITS)
    assert found.meta.extractor == EXTRACTOR
    assert (found.meta.dataset, found.counts) == ("birds", {"train": 6, "validation": 2, "test": 4})
    assert found.probabilities is None


def test_features_are_a_read_only_map(folder: Path) -> None:
    found = FeatureSet.open(folder)
    assert isinstance(found.features, np.memmap)
    assert isinstance(found.part("train").features, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found.features[0, 0] = 1


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [("train", range(6)), ("train[:50%]", range(3)), ("test+train[4:]", [8, 9, 10, 11, 4, 5]), ("validation", [6, 7])],
)
def test_splits_are_taken_as_of_a_record_set(folder: Path, expression: str, wanted: list[int]) -> None:
    part = FeatureSet.open(folder).part(expression)
    np.testing.assert_array_equal(part.ids, rows().ids[list(wanted)])
    np.testing.assert_array_equal(part.features, rows().features[list(wanted)])


@pytest.mark.parametrize("expression", ["tset", "train[", "train+train[:1]", "train[:0]"])
def test_expressions_that_mean_nothing_are_refused(folder: Path, expression: str) -> None:
    with pytest.raises(UsageError):
        FeatureSet.open(folder).part(expression)


def test_a_split_that_is_not_there_names_the_set_and_those_that_are(folder: Path) -> None:
    found = FeatureSet.open(folder)
    with pytest.raises(UsageError, match=rf"{re.escape(str(folder))}: There is no split 'tset'") as error:
        found.part("tset")
    assert f"one of: {', '.join(found.counts)}." in str(error.value)


def test_the_key_names_the_question_and_the_extractor_what_may_be_compared(tmp_path: Path, folder: Path) -> None:
    meta = FeatureSet.open(folder).meta
    other = write_feature_set(tmp_path / "other", rows(1), SPLITS, EXTRACTOR, manifest_sha256="ef" * 32).meta
    assert meta.key != other.key
    assert meta.extractor.key == other.extractor.key
    assert json.loads((folder / "meta.json").read_text())["key"] == meta.key


@pytest.mark.parametrize("name", ["features", "labels", "ids", "splits"])
def test_a_file_that_was_cut_short_is_named(folder: Path, name: str) -> None:
    path = folder / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=f"{re.escape(str(path))} has [0-9,]+ bytes"):
        FeatureSet.open(folder)


@pytest.mark.parametrize("name", ["features", "labels", "ids", "splits"])
def test_a_changed_file_is_named(folder: Path, name: str) -> None:
    path = folder / f"{name}.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{re.escape(str(path))} was changed"):
        FeatureSet.open(folder)


def test_without_meta_it_is_not_finished(folder: Path, tmp_path: Path) -> None:
    (folder / "meta.json").unlink()
    with pytest.raises(DataError, match="not a finished feature set"):
        FeatureSet.open(folder)
    with pytest.raises(DataError, match="is not a feature set"):
        FeatureSet.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"rows": None, "files": {}},
        {"extractor": {"back": 1}},
        {"class_names": 3},
        {"files": {"ids": {}}},
    ],
)
def test_a_meta_that_is_not_ours_is_no_traceback(folder: Path, change: dict[str, object]) -> None:
    path = folder / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=re.escape(str(path))):
        FeatureSet.open(folder)


def test_nothing_is_left_where_a_number_is_not_finite(tmp_path: Path) -> None:
    bad = rows()
    bad.features[7, 2] = np.nan
    with pytest.raises(DataError, match=r"bird 7\.jpg \(row 7\) are not finite"):
        write_feature_set(tmp_path / "set", bad, SPLITS, EXTRACTOR)
    assert not list(tmp_path.iterdir())


def test_labels_without_a_class_and_ids_that_come_twice_are_refused(tmp_path: Path) -> None:
    bad = rows()
    bad.labels[3] = 3
    with pytest.raises(DataError, match=r"Row 3 \(bird 3\.jpg\) has the label 3"):
        write_feature_set(tmp_path / "set", bad, SPLITS, EXTRACTOR)
    bad = rows()
    bad.ids[3] = bad.ids[1]
    with pytest.raises(DataError, match=r"bird 1\.jpg comes 2 times"):
        write_feature_set(tmp_path / "set", bad, SPLITS, EXTRACTOR)


def test_features_too_large_to_read_every_time_are_told_by_their_size_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "features.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    for module in (meta_module, feature_set_module):
        monkeypatch.setattr(module, "READ_WHOLE", 100)
    assert len(FeatureSet.open(folder)) == len(rows())
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match="bytes"):
        FeatureSet.open(folder)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("labels", np.linspace(0, 1, 10), "labels is float64"),
        ("ids", np.array([b"a"] * 10), r"ids is \|S1"),
        ("ids", np.array([None] * 10), "ids is object"),
        ("features", np.ones((10, 4), int), "features is int64"),
    ],
)
def test_arrays_of_another_kind_are_refused_before_anything_is_written(
    tmp_path: Path, name: str, value: np.ndarray, message: str
) -> None:
    given = {field: getattr(rows(), field) for field in ("features", "labels", "ids", "class_names")}
    count = len(rows())
    wrong = Features(**(given | {name: np.resize(value, (count, *value.shape[1:]))}))
    with pytest.raises(InputError, match=message):
        write_feature_set(tmp_path / "set", wrong, SPLITS, EXTRACTOR)
    assert not list(tmp_path.iterdir())


def test_a_number_that_becomes_infinite_in_float32_is_not_written(tmp_path: Path) -> None:
    given = rows()
    wrong = Features(given.features.astype(np.float64) * 1e60, given.labels, given.ids, given.class_names)
    with pytest.raises(DataError, match="not finite"):
        write_feature_set(tmp_path / "set", wrong, SPLITS, EXTRACTOR)


def test_probabilities_have_a_name_each(tmp_path: Path) -> None:
    columns = np.full((len(rows()), 2), 0.5, np.float32)
    with pytest.raises(InputError, match="1 source classes"):
        write_feature_set(tmp_path / "set", rows(), SPLITS, EXTRACTOR, probabilities=columns, source_classes=("a",))


def test_some_classes_are_a_data_set_of_their_own() -> None:
    labels = np.array([2, 0, 1, 2, 0], np.int32)
    whole = Features(np.eye(5, dtype=np.float32), labels, np.array([*"abcde"]), ("wren", "owl", "tit", "kite"))
    some = whole.of_classes([2, 3, 0])
    assert some.class_names == ("tit", "kite", "wren")
    assert some.labels.tolist() == [0, 2, 0, 2] and some.labels.dtype == np.int32
    assert some.ids.tolist() == [*"abde"]
    np.testing.assert_array_equal(some.features, np.eye(5)[[0, 1, 3, 4]])
    for wrong, message in (([4], "no class 4"), ([-1], "no class -1"), ([1, 1], "twice")):
        with pytest.raises(InputError, match=message):
            whole.of_classes(wrong)


def test_a_feature_set_is_at_the_door_of_the_package() -> None:
    assert fgtl.FeatureSet is FeatureSet
    assert {"FeatureSet", "RecordSet", "build_backbone"} <= {*fgtl.__all__}


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ("imagenet", "mobilenet_v2, imagenet"),
        ("mobilenet_v2_inat_birds_notop.weights.h5", "mobilenet_v2_inat_birds"),
        ("run birds", "mobilenet_v2, run birds"),
        ("", "mobilenet_v2"),
    ],
)
def test_a_network_is_called_by_its_weights(tmp_path: Path, weights: str, name: str) -> None:
    question = {"weights": weights} if weights else {}
    splits = np.zeros(len(rows()), np.uint8)
    found = write_feature_set(tmp_path / "set", rows(), splits, Extractor("mobilenet_v2"), question=question)
    assert found.meta.network == name
