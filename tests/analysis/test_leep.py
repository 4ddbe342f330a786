"""LEEP against the formula in loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.analysis import leep as module
from fgtl.analysis.leep import leep
from fgtl.errors import DataError, InputError


def slow_leep(theta: np.ndarray, labels: np.ndarray) -> float:
    total = 0.0
    for row, label in zip(theta, labels, strict=True):
        likely = 0.0
        for source in range(theta.shape[1]):
            mass = theta[:, source].sum()
            if mass > 0:
                likely += theta[labels == label, source].sum() / mass * row[source]
        total += np.log(likely)
    return total / len(labels)


def drawn(seed: int, rows: int, sources: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 4], generator.integers(0, 5, rows - 2)]).astype(np.int32)
    theta = generator.dirichlet(np.full(sources, 0.2), size=rows)
    return theta, labels


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 30), st.integers(1, 6))
def test_equals_the_formula(seed: int, rows: int, sources: int) -> None:
    theta, labels = drawn(seed, rows, sources)
    assert leep(theta, labels) == pytest.approx(slow_leep(theta, labels), rel=1e-9, abs=1e-12)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    theta, labels = drawn(1, 50, 4)
    whole = leep(theta, labels)
    monkeypatch.setattr(module, "_BLOCK_ROWS", 7)
    assert leep(theta, labels) == pytest.approx(whole, rel=1e-12)


def test_a_source_that_knows_the_classes_has_zero_and_one_that_knows_nothing_their_entropy() -> None:
    labels = np.arange(40, dtype=np.int32) % 4
    assert leep(np.eye(4)[labels], labels) == pytest.approx(0.0)
    assert leep(np.full((40, 4), 0.25), labels) == pytest.approx(-np.log(4))


@pytest.mark.parametrize("spoil", [-0.5, 3.0, np.nan])
def test_rows_that_are_no_probabilities_are_named(spoil: float) -> None:
    theta, labels = drawn(2, 9, 3)
    theta[5, 1] = spoil
    with pytest.raises(DataError, match="Row 5 of the probabilities"):
        leep(theta, labels)


def test_one_class_and_other_shapes_are_refused() -> None:
    theta, labels = drawn(3, 9, 3)
    with pytest.raises(DataError, match="one class"):
        leep(theta, np.zeros_like(labels))
    with pytest.raises(InputError, match="a label a row"):
        leep(theta, labels[:-1])
