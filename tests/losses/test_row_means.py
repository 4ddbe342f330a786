"""The weighted mean over a batch."""

import numpy as np
import pytest

from fgtl.losses.row_means import weighted_mean


def test_rows_count_by_their_weights() -> None:
    values = np.array([1.0, 5.0, 100.0], "float32")
    assert float(weighted_mean(values)) == pytest.approx(106 / 3)
    assert float(weighted_mean(values, np.array([3.0, 1.0, 0.0]))) == pytest.approx(2.0)


def test_a_batch_of_padding_has_mean_zero() -> None:
    assert float(weighted_mean(np.ones(3, "float32"), np.zeros(3))) == 0.0
