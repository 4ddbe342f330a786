"""Shares over images and their intervals."""

import numpy as np
import pytest

from fgtl.analysis.hit_tallies import Tally, rates_of
from fgtl.reports.intervals import wilson_interval


def tally(hits: list[float], points: list[float]) -> Tally:
    return Tally(np.array(hits, float), np.array(points, float))


def test_the_share_is_of_all_points_not_the_mean_over_images() -> None:
    (rate,) = rates_of([tally([1, 0], [1, 9])], 0)
    assert rate.value == pytest.approx(0.1)


def test_of_one_point_an_image_the_interval_is_near_wilsons() -> None:
    hits = np.random.default_rng(0).random(1000) < 0.3
    (rate,) = rates_of([Tally(hits.astype(float), np.ones(1000))], 0)
    low, high = wilson_interval(int(hits.sum()), 1000)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=0.004), pytest.approx(high, abs=0.004))


def test_points_of_one_image_that_go_together_are_no_more_evidence_than_one() -> None:
    """Fifteen parts an image, all hit or all missed: as wide as one part an image."""
    hits = (np.random.default_rng(1).random(400) < 0.5).astype(float)
    one, fifteen = rates_of([Tally(hits, np.ones(400)), Tally(15 * hits, np.full(400, 15.0))], 0)
    assert fifteen.high - fifteen.low == pytest.approx(one.high - one.low)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(100):
        points = rng.integers(1, 10, 150)
        easy = rng.beta(2, 3, 150)
        hits = rng.binomial(points, easy).astype(float)
        (rate,) = rates_of([Tally(hits, points.astype(float))], trial)
        covered += rate.low <= 0.4 <= rate.high
    # Fewer than 88 of 100 has a chance of one in a thousand.
    assert covered >= 88


@pytest.mark.parametrize(("hits", "expected"), [([0, 0, 0], (0, 3)), ([2, 1, 3], (3, 3))])
def test_where_all_images_agree_the_interval_is_wilsons_over_images(hits: list[float], expected: tuple) -> None:
    rate, less = rates_of([tally(hits, [2, 1, 3]), tally([-hit for hit in hits], [2, 1, 3])], 0)
    low, high = wilson_interval(*expected)
    assert (rate.low, rate.high) == (low, high)
    assert (less.low, less.high) == ((-high, -low) if any(hits) else (low, high))


def test_no_difference_anywhere_may_be_one_of_either_sign() -> None:
    none = Tally(np.zeros(7), np.ones(7), signed=True)
    (rate,) = rates_of([none.plus(none)], 0)
    assert rate.value == 0 and rate.high == wilson_interval(0, 7)[1] and rate.low == -rate.high


def test_a_single_image_says_little() -> None:
    (rate,) = rates_of([tally([3, 0], [10, 0])], 0)
    assert rate.low < 0.01 < 0.7 < rate.high and rate.value == 0.3


def test_a_rare_part_that_most_resamples_miss_has_an_interval() -> None:
    (rate,) = rates_of([tally([1, 0, *[0] * 50], [1, 1, *[0] * 50])], 0)
    assert 0 <= rate.low <= rate.value == 0.5 <= rate.high <= 1


def test_a_difference_keeps_its_sign() -> None:
    rng = np.random.default_rng(3)
    (rate,) = rates_of([Tally(rng.normal(-0.2, 0.1, 300), np.ones(300))], 0)
    assert -0.25 < rate.low < rate.value < rate.high < -0.15


def test_nothing_asked_nothing_answered() -> None:
    assert rates_of([], 0) == []
