"""Correlations of similarity with transfer: against SciPy, and whether intervals and p values mean what they say."""

import numpy as np
import pytest
from scipy import stats

from fgtl.errors import InputError
from scripts.experiment_similarity.association import (
    STATISTICS,
    associate,
    kendall,
    mean_spearman,
    pearson,
    pooled_pearson,
    spearman,
    specific_pearson,
)


def tables(sources: int = 9, targets: int = 3, seed: int = 0, effect: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(sources, targets))
    return x, effect * x + rng.normal(size=(sources, targets))


@pytest.mark.parametrize(
    ("ours", "scipys"), [(spearman, stats.spearmanr), (kendall, stats.kendalltau), (pearson, stats.pearsonr)]
)
def test_correlations_in_each_target_are_scipys_ties_included(ours, scipys):
    x, y = tables(effect=0.5)
    x[3], y[5, 1] = x[4], y[6, 1]
    expected = [scipys(x[:, t], y[:, t])[0] for t in range(3)]
    assert ours(x, y) == pytest.approx(expected, abs=1e-12)


def test_known_numbers():
    similarity = np.array([[0.1], [0.2], [0.3], [0.4], [0.5]])
    accuracy = np.array([[0.2], [0.1], [0.4], [0.3], [0.5]])
    # Rank differences 1, 1, 1, 1, 0: 1 - 6 * 4 / (5 * 24); two of ten pairs are out of order.
    assert spearman(similarity, accuracy) == pytest.approx([0.8])
    assert kendall(similarity, accuracy) == pytest.approx([0.6])


def test_pooled_pearson_ignores_how_hard_targets_are():
    x, y = tables(effect=1.0)
    offsets = np.array([0.0, 50.0, -20.0])
    centred = [(one - one.mean(axis=0)).ravel() for one in (x, y)]
    assert pooled_pearson(x, y) == pytest.approx(stats.pearsonr(*centred)[0])
    assert pooled_pearson(x, y + offsets) == pytest.approx(pooled_pearson(x, y))


def test_the_specific_one_ignores_how_good_a_net_is_everywhere():
    x, y = tables(effect=0.3)
    scaled = [(one - one.mean(axis=0)) / one.std(axis=0) for one in (x, y)]
    left = [np.array([row - row.mean() for row in one]).ravel() for one in scaled]
    assert specific_pearson(x, y) == pytest.approx(stats.pearsonr(*left)[0])
    good_everywhere = np.repeat(np.arange(9.0)[:, None], 3, axis=1)
    assert np.isnan(specific_pearson(x, good_everywhere))


@pytest.mark.parametrize("statistic", STATISTICS.values(), ids=STATISTICS)
def test_many_tables_at_once_give_what_each_gives(statistic):
    pairs = [tables(seed=seed) for seed in range(4)]
    together = statistic(*(np.stack(one) for one in zip(*pairs, strict=True)))
    assert together == pytest.approx([float(statistic(x, y)) for x, y in pairs])


def test_a_perfect_order_has_an_interval_of_1_and_the_exact_p():
    x = np.arange(5.0)[:, None]
    found = associate(mean_spearman, x, x**3, resamples=4000)
    assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))
    # Of the 120 orders of five, this one and its reverse are as far from 0.
    assert found.p == pytest.approx(2 / 120, abs=0.006)
    # Five times the same source: 5 of 5^5 resamples.
    assert found.undefined == pytest.approx(5 / 5**5, abs=0.002)


def test_sources_are_the_units_copies_of_a_target_add_no_certainty():
    x, y = tables(sources=10, targets=1, effect=1.0)
    one = associate(mean_spearman, x, y, resamples=2000)
    many = associate(mean_spearman, np.repeat(x, 6, axis=1), np.repeat(y, 6, axis=1), resamples=2000)
    assert (many.low, many.high, many.p) == pytest.approx((one.low, one.high, one.p))


def test_without_an_association_few_intervals_leave_0_out_and_few_p_are_small():
    found = [associate(mean_spearman, *tables(12, 3, seed), resamples=200, seed=seed) for seed in range(150)]
    assert np.mean([one.low > 0 or one.high < 0 for one in found]) < 0.15
    assert 0.005 < np.mean([one.p < 0.05 for one in found]) < 0.12


def test_the_same_seed_gives_the_same_interval():
    x, y = tables(effect=1.0)
    assert associate(mean_spearman, x, y, resamples=300) == associate(mean_spearman, x, y, resamples=300)


def test_a_target_of_equal_accuracies_leaves_it_undefined_and_says_so():
    x, y = tables(sources=7)
    # The mean of seven times 0.1 is not 0.1.
    y[:, 1] = 0.1
    assert np.isnan(pearson(x, y)).tolist() == [False, True, False]
    found = associate(mean_spearman, x, y, resamples=50)
    assert (found.value, found.low, found.p, found.undefined) == (None, None, None, 1)


@pytest.mark.parametrize(
    ("shape", "other", "bad"), [((5, 2), (5, 3), 0.0), ((2, 2), (2, 2), 0.0), ((5, 2), (5, 2), np.nan)]
)
def test_says_what_came(shape, other, bad):
    with pytest.raises(InputError, match="Tables of|not finite"):
        associate(mean_spearman, np.ones(shape), np.full(other, bad))
