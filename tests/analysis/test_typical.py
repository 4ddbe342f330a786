"""The image that stands for a class."""

import numpy as np
import pytest

from fgtl.analysis.typical import typical_row
from fgtl.errors import InputError
from fgtl.features.feature_set import Features


def test_it_is_the_one_nearest_to_the_mean() -> None:
    rows = np.array([[0, 0], [9, 9], [1, 1], [2, 2], [5, 5]], np.float32)
    features = Features(rows, np.array([1, 0, 1, 1, 0], np.int32), np.arange(5).astype(str), ("a", "b", "c"))
    assert typical_row(features, 1) == 2
    assert typical_row(features, 0) == 1
    with pytest.raises(InputError, match="class 2 has no image"):
        typical_row(features, 2)
