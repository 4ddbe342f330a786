"""Similarity of a distance, the recorded table of the paper's authors, and the gamma that spreads values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.analysis.gamma import parse_gamma, similarity_of, spreading_gamma
from fgtl.errors import InputError

# EMD / similarity as the authors' notebook printed them: ImageNet, iNat, both; by target.
RECORDED = """
57.532 0.563 42.961 0.651 53.868 0.584
64.492 0.525 61.340 0.542 63.508 0.530
57.993 0.560 62.488 0.535 58.805 0.555
48.044 0.619 55.880 0.572 49.716 0.608
58.717 0.556 61.148 0.543 59.176 0.553
55.595 0.574 37.703 0.686 51.084 0.600
57.349 0.564 62.587 0.535 58.395 0.558
"""


def test_a7_all_21_recorded_similarities() -> None:
    emds, similarities = np.array(RECORDED.split(), float).reshape(-1, 2).T
    assert len(emds) == 21
    np.testing.assert_array_equal(np.round(similarity_of(emds, 0.01), 3), similarities)


@settings(deadline=None)
@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=9))
def test_no_other_gamma_puts_the_ends_further_apart(emds: list[float]) -> None:
    best = spreading_gamma(emds)
    assert best > 0 and np.isfinite(best)

    def spread(gamma: float) -> float:
        values = similarity_of(emds, gamma)
        return float(values.max() - values.min())

    for other in best * np.geomspace(0.01, 100, 41):
        assert spread(best) >= spread(float(other)) - 1e-12


def test_distances_of_0_say_nothing_about_gamma() -> None:
    assert spreading_gamma([0, 50.0]) == pytest.approx(1 / 50)
    assert spreading_gamma([0, 0]) == 0.01


@pytest.mark.parametrize("emds", [[], [-1.0], [np.nan, 1.0], [np.inf]])
def test_what_is_no_distance_is_refused(emds: list[float]) -> None:
    with pytest.raises(InputError):
        spreading_gamma(emds)


def test_gamma_is_a_positive_number_or_auto() -> None:
    assert parse_gamma("auto") is None
    assert parse_gamma("0.01") == 0.01
    for word in ("0", "-1", "nan", "inf", "much", ""):
        with pytest.raises(InputError, match="--gamma="):
            parse_gamma(word)
