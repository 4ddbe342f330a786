"""The sentence of a ranking: what to start from, who says so, how sure that is."""

from dataclasses import replace

import numpy as np
import pytest

from fgtl.reports.paired import mcnemar, paired_bootstrap
from fgtl.reports.rank_table import Column, Ranking
from fgtl.reports.rank_verdict import verdict


def held_out(key: str, title: str, counts: tuple[int | None, ...], images: int) -> Column:
    """An accuracy: of the images each candidate gets the first so many right."""
    right = tuple(None if count is None else np.arange(images) < count for count in counts)
    return Column(key, title, tuple(None if count is None else count / images for count in counts), right=right)


LOGME = Column("logme", "LogME", (0.1, 0.3, 0.2))
RIDGE = held_out("ridge", "ridge probe", (100, 180, 120), 200)
RANKING = Ranking("pre-trained models", "birds", 1000, 50, ("a", "b", "c"), ("64-d",) * 3, (LOGME, RIDGE), "logme")


def test_all_scores_agree_and_the_best_of_the_others_is_the_rival() -> None:
    said = verdict(RANKING)
    assert said.startswith("Start from b: first by all 2 scores. Of 200 training images held out its ridge probe is")
    assert "right on 90.0\xa0%, that of c on 60.0\xa0% (+30.0 points, paired 95 % interval +" in said
    assert said.endswith("More than chance.")


def test_scores_that_disagree_are_named_and_few_images_prove_nothing() -> None:
    ridge, knn = held_out("ridge", "ridge probe", (6, 7, 6), 10), held_out("knn", "kNN", (950, 700, 600), 1000)
    said = verdict(replace(RANKING, columns=(LOGME, ridge, knn)))
    assert "Start from b: first by LogME, ridge probe; kNN says a." in said and said.endswith("That may be chance.")
    said = verdict(replace(RANKING, columns=(LOGME, knn)))
    assert "that of a on 95.0\xa0% (-25.0 points" in said and said.endswith("So the two disagree.")


def test_what_was_measured_stands_last_and_what_was_not_is_said() -> None:
    said = verdict(replace(RANKING, columns=(LOGME,), measured=(0.8, None, 0.4), measured_where="top-1"))
    assert "first by LogME. How sure that is was not measured" in said
    assert said.endswith("Measured (top-1), the best is a, 80.0\xa0%.")


def test_a_candidate_without_the_score_says_nothing() -> None:
    scores = (replace(LOGME, values=(None, 0.3, None)), held_out("ridge", "ridge probe", (None, 90, None), 100))
    assert "was not measured" in verdict(replace(RANKING, columns=scores))


def test_one_candidate_is_compared_with_nothing() -> None:
    alone = replace(RANKING, names=("a",), details=("",), columns=(replace(LOGME, values=(0.1,)),))
    assert verdict(alone) == "a is the only one: there is nothing to compare it with."


def test_the_nearest_source_comes_with_the_next() -> None:
    emd = Column("emd", "EMD", (7.0, 9.0, 8.0), higher=False)
    said = verdict(replace(RANKING, what="sources", columns=(emd,), by="emd"))
    assert said.startswith("Nearest to birds: a, EMD 7; then c, 8.")


@pytest.mark.parametrize(("wrong", "chance"), [(slice(0, 20), False), (slice(10, 30), True)])
def test_the_difference_is_taken_image_by_image(wrong: slice, chance: bool) -> None:
    """90 and 80 of 100 images: sure where the second gets no image right alone, not where it does so with ten."""
    first, second = np.ones(100, bool), np.ones(100, bool)
    first[:10], second[wrong] = False, False
    ridge = Column("ridge", "ridge probe", (0.8, 0.9, 0.1), right=(second, first, np.arange(100) < 10))
    said = verdict(replace(RANKING, columns=(LOGME, ridge), seed=5))
    low, high = paired_bootstrap(first.astype(float) - second, 5)
    p = mcnemar(first, second)[2]
    assert f"(+10.0 points, paired 95 % interval {100 * low:+.1f} to {100 * high:+.1f}, McNemar p " in said
    assert said.endswith("That may be chance." if chance else "More than chance.") and (p > 0.05) == chance


def test_three_images_that_all_say_the_same_prove_nothing() -> None:
    """Every resample of them is the same: the interval alone would be sure."""
    said = verdict(replace(RANKING, columns=(LOGME, held_out("knn", "kNN", (0, 3, 0), 3))))
    assert "+100.0 to +100.0, McNemar p 0.250). That may be chance." in said
