import math

import numpy as np
import pytest

from fgtl.errors import InputError
from fgtl.reports.intervals import mean_interval


def test_students_interval_of_three_seeds_by_hand():
    # t(0.975, 2) = 4.302653; s = 0.01; half = 4.302653 * 0.01 / sqrt(3).
    low, high = mean_interval([0.79, 0.80, 0.81])
    assert (low, high) == pytest.approx((0.8 - 0.0430265 / math.sqrt(3), 0.8 + 0.0430265 / math.sqrt(3)), abs=1e-7)


def test_the_interval_covers_the_true_mean_in_95_of_100_draws():
    rng = np.random.default_rng(0)
    draws = rng.normal(0.7, 0.02, (2000, 3))
    covered = sum(low <= 0.7 <= high for low, high in map(mean_interval, draws))
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


def test_one_run_has_no_spread():
    with pytest.raises(InputError, match="at least 2"):
        mean_interval([0.8])
