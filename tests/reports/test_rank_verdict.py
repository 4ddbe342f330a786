"""The sentence of a ranking: what to start from, who says so, how sure that is."""

from dataclasses import replace

import pytest

from fgtl.reports.rank_table import Column, Ranking
from fgtl.reports.rank_verdict import difference_interval, verdict

LOGME = Column("logme", "LogME", (0.1, 0.3, 0.2))
RIDGE = Column("ridge", "ridge probe", (0.5, 0.9, 0.6))
KNN = Column("knn", "kNN", (0.95, 0.7, 0.6))
RANKING = Ranking("pre-trained models", "birds", 1000, 50, ("a", "b", "c"), ("64-d",) * 3, (LOGME, RIDGE), "logme")


def test_all_scores_agree_and_the_best_of_the_others_is_the_rival() -> None:
    said = verdict(replace(RANKING, held_out=200))
    assert said.startswith("Start from b: first by all 2 scores. Of 200 training images held out its ridge probe is")
    assert "right on 90.0\xa0%, that of c on 60.0\xa0% (+30.0 points, 95 % interval +" in said
    assert said.endswith("More than chance.")


def test_scores_that_disagree_are_named_and_few_images_prove_nothing() -> None:
    said = verdict(replace(RANKING, columns=(LOGME, replace(RIDGE, values=(0.6, 0.7, 0.6)), KNN), held_out=10))
    assert "Start from b: first by LogME, ridge probe; kNN says a." in said and said.endswith("That may be chance.")
    said = verdict(replace(RANKING, columns=(LOGME, KNN), held_out=1000))
    assert "that of a on 95.0\xa0% (-25.0 points" in said and said.endswith("So the two disagree.")


def test_what_was_measured_stands_last_and_what_was_not_is_said() -> None:
    said = verdict(replace(RANKING, columns=(LOGME,), measured=(0.8, None, 0.4), measured_where="top-1"))
    assert "first by LogME. How sure that is was not measured" in said
    assert said.endswith("Measured (top-1), the best is a, 80.0\xa0%.")


def test_a_candidate_without_the_score_says_nothing() -> None:
    scores = (replace(LOGME, values=(None, 0.3, None)), replace(RIDGE, values=(None, 0.9, None)))
    assert "was not measured" in verdict(replace(RANKING, columns=scores, held_out=100))


def test_one_candidate_is_compared_with_nothing() -> None:
    alone = replace(RANKING, names=("a",), details=("",), columns=(replace(LOGME, values=(0.1,)),))
    assert verdict(alone) == "a is the only one: there is nothing to compare it with."


def test_the_nearest_source_comes_with_the_next() -> None:
    emd = Column("emd", "EMD", (7.0, 9.0, 8.0), higher=False)
    said = verdict(replace(RANKING, what="sources", columns=(emd,), by="emd"))
    assert said.startswith("Nearest to birds: a, EMD 7; then c, 8.")


def test_the_interval_of_a_difference_is_newcombes() -> None:
    """Equal shares have 0 in the middle; otherwise the formula, with Wilson's bounds worked out by hand."""
    low, high = difference_interval(56, 56, 70)
    assert low == pytest.approx(-high)
    one, other = difference_interval(56, 42, 70)
    # 56 / 70: 0.6918 to 0.8769; 42 / 70: 0.4828 to 0.7071.
    assert one == pytest.approx(0.2 - (0.1082**2 + 0.1071**2) ** 0.5, abs=2e-3)
    assert other == pytest.approx(0.2 + (0.0769**2 + 0.1172**2) ** 0.5, abs=2e-3)
