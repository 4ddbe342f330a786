"""The table of a probe: figures as they are published, tests only where the images are the same."""

import numpy as np
import pytest

from fgtl.reports.metrics import evaluate_predictions
from fgtl.reports.paired import mcnemar
from fgtl.reports.probe_table import Classified, as_csv, as_text, probe_table


def row(features: str, right: np.ndarray, classifier: str = "ridge", *, comparable: bool = True) -> Classified:
    """Two classes, of which the second is never given."""
    probabilities = np.tile([0.9, 0.1], (len(right), 1))
    evaluation = evaluate_predictions(probabilities, np.where(right, 0, 1), ("wren", "crow"))
    return Classified(features, classifier, "penalty 1", 0.5, (), evaluation, right if comparable else None)


def test_5209_of_5794_right_prints_0_899033() -> None:
    table = probe_table("cub_200", "test", {}, [row("iNat", np.arange(5794) < 5209)])
    assert "0.899033" in as_text(table)
    assert float(as_csv(table).splitlines()[1].split(",")[4]) == pytest.approx(5209 / 5794)


def test_rows_are_best_first_and_sets_are_tested_within_a_classifier() -> None:
    rng = np.random.default_rng(0)
    good, poor = rng.random(200) < 0.9, rng.random(200) < 0.5
    rows = [row("poor", poor), row("good", good), row("poor", poor, "knn"), row("good", good, "knn")]
    table = probe_table("birds", "test", {}, rows)
    assert [one.features for one in table.rows] == ["good", "good", "poor", "poor"]
    assert len(table.differences) == 2
    for one in table.differences:
        assert table.rows[one.one].classifier == table.rows[one.other].classifier
        assert one.difference == pytest.approx(good.mean() - poor.mean())
        assert one.interval[0] < one.difference < one.interval[1]
        assert one.p == pytest.approx(mcnemar(good, poor)[2]) and one.corrected == pytest.approx(2 * one.p)


def test_other_images_are_not_tested() -> None:
    right = np.arange(20) < 12
    assert not probe_table("birds", "test", {}, [row("one", right), row("two", right, comparable=False)]).differences
