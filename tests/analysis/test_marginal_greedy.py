"""The lazy greedy set against plain greedy, which solves every problem there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from fgtl.analysis import marginal_greedy
from fgtl.analysis.ground_distance import distances
from fgtl.analysis.marginal_greedy import distances_of_growth, grow
from fgtl.errors import InputError


def slow_emd(costs: np.ndarray, source: np.ndarray, target: np.ndarray) -> float:
    """The linear programme as it stands, by HiGHS."""
    m, n = costs.shape
    rows, columns = np.kron(np.eye(m), np.ones(n)), np.kron(np.ones(m), np.eye(n))
    wanted = np.concatenate([source / source.sum(), target / target.sum()])
    return float(linprog(costs.ravel(), A_eq=np.concatenate([rows, columns]), b_eq=wanted).fun)


def slow_greedy(costs: np.ndarray, source: np.ndarray, target: np.ndarray, k: int) -> tuple[list[int], list[float]]:
    chosen: list[int] = []
    curve: list[float] = []
    for _ in range(k):
        values = {}
        for candidate in set(range(len(costs))) - set(chosen):
            rows = [*chosen, candidate]
            values[candidate] = slow_emd(costs[rows], source[rows], target)
        best = min(values.values())
        chosen.append(min(candidate for candidate, value in values.items() if value <= best + 1e-9))
        curve.append(best)
    return chosen, curve


def drawn(seed: int, m: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(3, 4)) * 3
    means = centres[generator.integers(0, 3, m)] + generator.normal(size=(m, 4))
    targets = centres[generator.integers(0, 2, n)] + generator.normal(size=(n, 4))
    weights = generator.integers(1, 200, m).astype(float), generator.integers(1, 40, n).astype(float)
    return distances(means, targets), *weights


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 10), st.integers(1, 6))
def test_finds_the_set_of_plain_greedy(seed: int, m: int, n: int) -> None:
    costs, source, target = drawn(seed, m, n)
    found = grow(costs, source, target, m)
    classes, curve = slow_greedy(costs, source, target, m)
    assert found.classes.tolist() == classes
    np.testing.assert_allclose(found.emd, curve, rtol=1e-8)


def test_ties_go_to_the_smaller_position() -> None:
    costs, source, target = drawn(3, 6, 4)
    twice = grow(np.concatenate([costs, costs]), np.concatenate([source, source]), target, 6)
    backwards = grow(np.concatenate([costs, costs[::-1]]), np.concatenate([source, source[::-1]]), target, 1)
    assert twice.classes[0] < 6 and backwards.classes[0] == twice.classes[0]
    for place, found in enumerate(twice.classes.tolist()):
        assert found < 6 or found - 6 in twice.classes[:place]


def test_few_of_the_problems_are_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    costs, source, target = drawn(4, 300, 40)
    found = grow(costs, source, target, 40)
    assert found.solved < 0.05 * 40 * 300
    # With only the newest bound it solves more, and finds the same.
    monkeypatch.setattr(marginal_greedy, "_CUTS", 1)
    other = grow(costs, source, target, 40)
    np.testing.assert_array_equal(other.classes, found.classes)
    assert other.solved > found.solved


def test_no_bound_is_above_the_distance() -> None:
    """What laziness rests on, for every candidate and bound: nothing that is passed over could have been better."""
    costs, source, target = drawn(5, 12, 5)
    shares = target / target.sum()
    cuts = marginal_greedy._Cuts(costs, source, shares)
    generator = np.random.default_rng(0)
    for _ in range(20):
        cuts.add(generator.normal(size=5) * 3)
        cuts.add(marginal_greedy._solve(costs, source, shares, generator.permutation(12)[:4])[1])
    for size in (1, 3, 7):
        chosen = generator.permutation(12)[:size].tolist()
        bounds = cuts.bounds(chosen)
        for candidate in set(range(12)) - set(chosen):
            rows = [*chosen, candidate]
            assert bounds[candidate] <= slow_emd(costs[rows], source[rows], target) + 1e-9


def test_the_set_is_nearer_than_the_ranked_list_and_ends_where_all_classes_are() -> None:
    costs, source, target = drawn(6, 30, 8)
    found = grow(costs, source, target, 30)
    ranked = np.argsort(costs @ target)
    sizes = np.array([2, 5, 10, 30])
    others = distances_of_growth(costs, source, target, ranked, sizes)
    assert (found.emd[sizes - 1] <= others + 1e-9).all()
    assert found.emd[-1] == pytest.approx(others[-1]) == pytest.approx(slow_emd(costs, source, target))


def test_sizes_that_cannot_be_are_refused() -> None:
    costs, source, target = drawn(7, 3, 2)
    with pytest.raises(InputError, match="1 to 3"):
        grow(costs, source, target, 4)


@pytest.mark.parametrize("weights", [[1.0, 0.0, 2.0], [1.0, -1.0, 2.0], [1.0, np.nan, 2.0], [1.0, 2.0]])
def test_source_weights_that_are_not_positive_or_do_not_fit_are_refused(weights: list[float]) -> None:
    costs, _, target = drawn(7, 3, 2)
    with pytest.raises(InputError, match="m weights > 0"):
        grow(costs, np.array(weights), target, 2)
