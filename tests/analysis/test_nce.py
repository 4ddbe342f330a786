"""NCE against the conditional entropy in loops, and against LEEP where the two must agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fgtl.analysis.leep import leep
from fgtl.analysis.nce import nce


def slow_nce(theta: np.ndarray, labels: np.ndarray) -> float:
    said = theta.argmax(axis=1)
    total = 0.0
    for source in set(said.tolist()):
        for label in set(labels.tolist()):
            joint = np.mean((said == source) & (labels == label))
            if joint:
                total += joint * np.log(joint / np.mean(said == source))
    return total


def drawn(seed: int, rows: int, sources: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 4], generator.integers(0, 5, rows - 2)]).astype(np.int32)
    return generator.dirichlet(np.full(sources, 0.2), size=rows), labels


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 30), st.integers(1, 6))
def test_equals_the_formula(seed: int, rows: int, sources: int) -> None:
    theta, labels = drawn(seed, rows, sources)
    assert nce(theta, labels) == pytest.approx(slow_nce(theta, labels), rel=1e-9, abs=1e-12)


def test_of_a_source_that_is_always_sure_it_is_leep() -> None:
    theta, labels = drawn(1, 60, 4)
    sure = np.eye(4)[theta.argmax(axis=1)]
    assert nce(sure, labels) == pytest.approx(leep(sure, labels), rel=1e-9)


def test_it_is_zero_where_the_source_class_decides_the_label() -> None:
    labels = np.arange(40, dtype=np.int32) % 4
    assert nce(np.eye(8)[labels + 4 * (np.arange(40) > 20)], labels) == pytest.approx(0.0)
