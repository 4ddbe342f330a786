"""Feature sets of the same images are told from others, whatever the order of their rows."""

from pathlib import Path

import numpy as np
import pytest

from fgtl.errors import UsageError
from fgtl.features.extractor import Extractor
from fgtl.features.feature_set import Features, FeatureSet
from fgtl.features.same_images import check_same_images
from fgtl.features.writing import write_feature_set


def written(folder: Path, ids: str, labels: list[int], names: tuple[str, ...] = ("wren", "owl")) -> FeatureSet:
    """A set with one letter for each image's id; the last image is a test image."""
    rows = Features(np.ones((len(ids), 2), np.float32), np.array(labels, np.int32), np.array([*ids]), names)
    splits = np.array([0] * (len(ids) - 1) + [2], np.uint8)
    return write_feature_set(folder, rows, splits, Extractor(folder.name), dataset="birds")


def test_the_order_and_other_splits_do_not_matter(tmp_path: Path) -> None:
    check_same_images(
        [written(tmp_path / "a", "xyzt", [0, 1, 0, 1]), written(tmp_path / "b", "zyxu", [0, 1, 0, 0])], "train"
    )


@pytest.mark.parametrize(
    ("ids", "labels", "names", "message"),
    [
        ("xywt", [0, 1, 0, 1], ("wren", "owl"), "2 images of train"),
        ("xyt", [0, 1, 1], ("wren", "owl"), "1 images of train"),
        ("xyzt", [0, 0, 0, 1], ("wren", "owl"), "1 images of train"),
        (
            "xyzt",
            [0, 1, 0, 1],
            ("wren", "tit"),
            "The 2 classes of .*different names, the first class 1: 'owl' and 'tit'",
        ),
        ("xyzt", [0, 1, 0, 1], ("wren", "owl", "tit"), "a has 2 classes, .*b has 3"),
    ],
)
def test_others_are_refused(tmp_path: Path, ids: str, labels: list[int], names: tuple[str, ...], message: str) -> None:
    sets = [written(tmp_path / "a", "xyzt", [0, 1, 0, 1]), written(tmp_path / "b", ids, labels, names)]
    with pytest.raises(UsageError, match=message):
        check_same_images(sets, "train")
