"""Weighted tau against the definition in loops, and what is said of few candidates."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import weightedtau

from fgtl.analysis.agreement import FEWEST_FOR_INTERVAL, agreement, weighted_tau
from fgtl.errors import InputError


def slow_tau(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over the two rankings of sum w sign sign / sum w, w = 1 / (r_i + 1) + 1 / (r_j + 1); no ties."""
    values = []
    for ranking in (x, y):
        rank = np.argsort(np.argsort(-ranking))
        total = weight = 0.0
        for i, j in itertools.combinations(range(len(x)), 2):
            w = 1 / (rank[i] + 1) + 1 / (rank[j] + 1)
            total += w * np.sign(x[i] - x[j]) * np.sign(y[i] - y[j])
            weight += w
        values.append(total / weight)
    return float(np.mean(values))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 6))
def test_equals_the_definition(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.permutation(count).astype(float), generator.permutation(count).astype(float)
    found = agreement(x.tolist(), y.tolist())
    assert found.tau == pytest.approx(slow_tau(x, y), abs=1e-12)
    assert found.candidates == count


def test_with_ties_it_is_that_of_scipy() -> None:
    generator = np.random.default_rng(1)
    for count in (3, 6, 12):
        x, y = generator.integers(0, 5, (2, count)).astype(float)
        assert weighted_tau(x, y) == pytest.approx(weightedtau(x, y).statistic, abs=1e-12)


def test_p_counts_all_orders_of_few_candidates() -> None:
    assert agreement([1.0, 2.0, 3.0], [0.5, 0.6, 0.7]).p == pytest.approx(1 / 6)
    assert agreement([3.0, 2.0, 1.0], [0.5, 0.6, 0.7]).p == 1
    assert agreement([1.0, 2.0], [0.5, 0.6]).p is None


def test_an_interval_needs_candidates_enough_and_holds_the_value() -> None:
    generator = np.random.default_rng(0)
    accuracies = generator.random(20)
    scores = accuracies + generator.normal(size=20) * 0.2
    found = agreement(scores.tolist(), accuracies.tolist())
    assert found.low is not None and found.high is not None and found.tau is not None
    assert -1 <= found.low < found.tau < found.high <= 1
    assert found.p == pytest.approx(1 / 2000, abs=5e-3)
    assert agreement(accuracies.tolist(), accuracies.tolist()).low is None
    few = FEWEST_FOR_INTERVAL - 1
    assert agreement(scores[:few].tolist(), accuracies[:few].tolist()).low is None


def test_candidates_without_either_are_left_out() -> None:
    found = agreement([1.0, None, 2.0, 3.0], [0.1, 0.2, None, 0.3])
    assert (found.tau, found.candidates) == (1.0, 2)


@pytest.mark.parametrize(
    ("scores", "accuracies"), [([], []), ([1.0], [0.5]), ([1.0, 1.0], [0.5, 0.6]), ([1.0, 2.0], [0.5, 0.5])]
)
def test_where_nothing_can_be_ordered_there_is_no_tau(scores: list[float], accuracies: list[float]) -> None:
    assert agreement(scores, accuracies).tau is None


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="as many of each"):
        agreement([1.0], [0.5, 0.6])
