"""The four files of the paper: what is written is read, and other programs find what they expect."""

from pathlib import Path

import numpy as np
import pytest

from fgtl.errors import DataError, UsageError
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.paper_files import read_paper_files, write_paper_files
from fgtl.features.writing import write_feature_set


def feature_set(folder: Path, splits: list[int]) -> FeatureSet:
    count = len(splits)
    features = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    ids = np.array([f"bird {row}" for row in range(count)])
    rows = Features(features, np.arange(count, dtype=np.int32) % 2, ids, ("a", "b"))
    return write_feature_set(folder, rows, np.uint8(splits), Extractor("x"), dataset="cub_200")


def test_train_and_test_become_the_four_files(tmp_path: Path) -> None:
    found = feature_set(tmp_path / "set", [0, 0, 0, 2, 2])
    written = write_paper_files(found, tmp_path / "paper")
    assert [path.name for path in written] == [
        "cub_200_feature_train.npy",
        "cub_200_label_train.npy",
        "cub_200_feature_val.npy",
        "cub_200_label_val.npy",
    ]
    features, labels = np.load(written[2]), np.load(written[3])
    np.testing.assert_array_equal(features, found.features[3:])
    assert (features.dtype, labels.dtype, labels.tolist()) == (np.float32, np.int32, [1, 0])
    assert sorted(path.name for path in (tmp_path / "paper").iterdir()) == sorted(path.name for path in written)


@pytest.mark.parametrize("splits", [[0, 0, 2, 2, 2], [0, 0, 1, 2, 2], [0, 0, 0, 1, 1]])
def test_what_is_written_is_read(tmp_path: Path, splits: list[int]) -> None:
    found = feature_set(tmp_path / "set", splits)
    write_paper_files(found, tmp_path / "paper")
    rows, read, name = read_paper_files(tmp_path / "paper")
    np.testing.assert_array_equal(rows.features, found.features)
    np.testing.assert_array_equal(rows.labels, found.labels)
    # The paper's val is a test split: alone it is read as one.
    assert read.tolist() == (splits if 2 in splits else [2 if split == 1 else split for split in splits])
    assert name == "cub_200"


def test_one_of_several_data_sets_is_named(tmp_path: Path) -> None:
    found = feature_set(tmp_path / "set", [0, 0, 2])
    for name in ("cub_200", "nabirds"):
        write_paper_files(found, tmp_path / "paper", name)
    with pytest.raises(UsageError, match=r"--dataset=cub_200\|nabirds"):
        read_paper_files(tmp_path / "paper")
    assert read_paper_files(tmp_path / "paper", "nabirds")[2] == "nabirds"
    with pytest.raises(DataError, match="no aircraft_feature_train.npy; of: cub_200, nabirds"):
        read_paper_files(tmp_path / "paper", "aircraft")


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    write_paper_files(feature_set(tmp_path / "set", [0, 0, 2]), tmp_path / "paper")
    (tmp_path / "paper" / "cub_200_label_val.npy").unlink()
    with pytest.raises(DataError, match=r"no file .*cub_200_label_val\.npy"):
        read_paper_files(tmp_path / "paper")
    with pytest.raises(DataError, match=r"no <dataset>_feature_train\.npy"):
        read_paper_files(tmp_path / "set")
