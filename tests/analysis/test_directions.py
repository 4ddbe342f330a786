"""The quasi-Newton direction, against BFGS with a whole matrix, at other C than the steps were made at."""

import numpy as np
import pytest

from fgtl.analysis.directions import SOLUTIONS, Directions


def slow_direction(pairs: list, gradient: np.ndarray, c: float, guess: np.ndarray) -> np.ndarray:
    """-H g with the inverse BFGS update (Nocedal & Wright 2006, equation 6.17), on the flattened weights.

    It starts from the guess at the inverse, on the weights whose rows sum to 0, in size as the last pair says.
    """
    size, penalised = gradient.size, np.ones(gradient.shape)
    penalised[-1] = 0
    inverse = np.zeros((size, size))
    for row, own in enumerate(guess):
        at = slice(row * len(own), (row + 1) * len(own))
        inverse[at, at] = np.diag(own) - np.outer(own, own) / own.sum()
    made = [(s.ravel().astype("float64"), (c * y + penalised * s).ravel().astype("float64")) for s, y in pairs]
    if made:
        s, y = made[-1]
        inverse *= s @ y / (y @ inverse @ y)
    for s, y in made:
        rho = 1 / (s @ y)
        left = np.eye(size) - rho * np.outer(s, y)
        inverse = left @ inverse @ left.T + rho * np.outer(s, s)
    return -(inverse @ gradient.ravel()).reshape(gradient.shape)


@pytest.mark.parametrize("kept", [0, 1, 3])
@pytest.mark.parametrize("c", [0.1, 5.0])
def test_equals_bfgs_with_a_whole_matrix_for_any_c(kept: int, c: float) -> None:
    rng = np.random.default_rng(0)
    known = Directions(3, (8, 5), 3)
    curvature = rng.normal(size=(5, 5))
    curvature = curvature @ curvature.T
    pairs = []
    for _ in range(kept):
        step = rng.normal(size=(5, 3)).astype("float32")
        pairs.append((step, (curvature @ step).astype("float32")))
        known.add_step(*pairs[-1], np.zeros((8, 3), "float32"))
    gradient, guess = rng.normal(size=(5, 3)).astype("float32"), rng.uniform(0.1, 3, (5, 3)).astype("float32")
    found = known.newton_like(gradient, c, guess)
    np.testing.assert_allclose(found, slow_direction(pairs, gradient, c, guess), rtol=1e-3, atol=1e-5)


def test_a_direction_that_nothing_holds_is_not_gone() -> None:
    """The same for all classes changes no probability: the guess alone, however large, does not go there."""
    known, guess = Directions(3, (8, 2), 3), np.array([[1, 1, 1], [1e12, 1e9, 1]], "float32")
    found = known.newton_like(np.array([[1, 2, 3], [1, 2, -3]], "float32"), 1.0, guess)
    assert np.abs(found.sum(axis=1)).max() <= 1e-3 * np.abs(found).max()


def test_the_oldest_step_makes_room() -> None:
    known, step = Directions(2, (3, 2), 1), np.ones((2, 1), "float32")
    for size in (1, 2, 3):
        known.add_step(size * step, step, np.zeros((3, 1), "float32"))
    assert sorted(known.steps[SOLUTIONS:, 0, 0].tolist()) == [2, 3]


def test_a_solution_is_kept_with_its_differences() -> None:
    known = Directions(1, (3, 2), 1)
    for size in (1, 4, 9):
        known.add_solution(np.full((2, 1), size, "float32"), np.full((3, 1), -size, "float32"))
    assert known.steps[:SOLUTIONS, 0, 0].tolist() == [9, 5, 2]
    assert known.images[:SOLUTIONS, 0, 0].tolist() == [-9, -5, -2]
