import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc

from fgtl.errors import InputError
from fgtl.reports.paired import holm, mcnemar, paired_bootstrap, welch


def slow_mcnemar(first: int, second: int) -> float:
    """Twice the smaller binomial tail at 1/2, at most 1."""
    n = first + second
    tail = sum(math.comb(n, k) for k in range(min(first, second) + 1)) / 2**n
    return min(1.0, 2 * tail)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_is_the_two_sided_binomial_test_on_the_images_they_disagree_about(rows):
    one, other = np.array(rows).T
    first, second, p = mcnemar(one, other)
    assert (first, second) == (sum(a and not b for a, b in rows), sum(b and not a for a, b in rows))
    assert p == pytest.approx(slow_mcnemar(first, second))
    assert mcnemar(other, one) == (second, first, pytest.approx(p))


def test_mcnemar_by_hand():
    # 1 against 9: 2 * (C(10,0) + C(10,1)) / 2^10 = 22 / 1024.
    one = np.array([True] * 1 + [False] * 9 + [True] * 20)
    other = np.array([False] * 1 + [True] * 9 + [True] * 20)
    assert mcnemar(one, other) == (1, 9, pytest.approx(22 / 1024))


def slow_bootstrap(differences: np.ndarray, resamples: int) -> tuple[float, float]:
    """Images drawn one by one."""
    rng = np.random.default_rng(1)
    means = [rng.choice(differences, len(differences)).mean() for _ in range(resamples)]
    return tuple(np.quantile(means, [0.025, 0.975]))


def test_the_bootstrap_agrees_with_drawing_images_one_by_one():
    rng = np.random.default_rng(0)
    differences = rng.choice([-1.0, -1 / 3, 0.0, 1 / 3, 1.0], 400, p=[0.05, 0.1, 0.6, 0.1, 0.15])
    assert paired_bootstrap(differences, 3) == pytest.approx(slow_bootstrap(differences, 4000), abs=0.006)


def test_the_bootstrap_is_seeded_and_holds_the_mean():
    differences = np.random.default_rng(2).normal(0, 1, 50)
    assert paired_bootstrap(differences, 5) == paired_bootstrap(differences, 5)
    assert paired_bootstrap(differences, 5) != paired_bootstrap(differences, 6)
    low, high = paired_bootstrap(differences, 5)
    assert low <= differences.mean() <= high
    assert paired_bootstrap(np.zeros(9), 0) == (0, 0)
    with pytest.raises(InputError, match="no images"):
        paired_bootstrap(np.zeros(0), 0)


def test_welch_by_hand():
    # Means 2 and 5, variances 1 and 4, 3 each: t = -3 / sqrt(1/3 + 4/3), df = (5/3)^2 / ((1/9 + 16/9) / 2) = 50 / 17.
    # The two tails of Student's t are the incomplete beta function of df / (df + t^2).
    t2, df = 9 / (5 / 3), 50 / 17
    assert welch([1, 2, 3], [3, 5, 7]) == pytest.approx(betainc(df / 2, 1 / 2, df / (df + t2)))
    assert welch([1, 1], [2, 2]) is None
    with pytest.raises(InputError, match="at least 2"):
        welch([1], [1, 2])


def slow_holm(p_values: list[float]) -> list[float]:
    """max over j <= rank of (m - j + 1) p_(j), looked up for each value."""
    ordered = sorted(p_values)
    m = len(ordered)
    return [max(min(1.0, (m - j) * ordered[j]) for j in range(ordered.index(p) + 1)) for p in p_values]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8, unique=True))
def test_holm_equals_its_definition(p_values):
    assert holm(p_values) == pytest.approx(slow_holm(p_values))


def test_holm_by_hand_leaves_out_what_was_not_tested():
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([None]) == [None]
