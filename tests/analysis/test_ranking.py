"""Rankings of models and of sources: order, which H-score, what is missing, and what was measured."""

from dataclasses import replace

import numpy as np
import pytest

from fgtl.analysis.domain import domain
from fgtl.analysis.h_score import h_score
from fgtl.analysis.held_out import right_of_held_out
from fgtl.analysis.leep import leep
from fgtl.analysis.logme import logme
from fgtl.analysis.nce import nce
from fgtl.analysis.ranking import Candidate, rank_models, rank_sources, with_measured
from fgtl.errors import InputError, UsageError
from fgtl.features.feature_set import Features
from fgtl.reports.rank_table import as_text

ALL = ("logme", "h_score", "leep", "nce")
LABELS = np.arange(90, dtype=np.int32) % 3


def candidate(name: str, spread: float, *, dim: int = 6, sure: float | None = None) -> Candidate:
    """Features whose classes lie `spread` apart; a classifier that is right with probability `sure`."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(90, dim)) + spread * generator.normal(size=(3, dim))[LABELS]
    rows = Features(features.astype(np.float32), LABELS, np.array([f"{i}" for i in range(90)]), ("a", "b", "c"))
    known = None if sure is None else np.where(np.eye(3)[LABELS], sure, (1 - sure) / 2).astype(np.float32)
    return Candidate(name, rows, known)


def test_the_scores_are_those_of_the_functions_and_the_best_is_first() -> None:
    models = [candidate("poor", 0.2, sure=0.4), candidate("good", 2.0, sure=0.9)]
    found = rank_models("birds", models, ALL, h_score="plain")
    assert [found.names[row] for row in found.order] == ["good", "poor"]
    assert (found.images, found.classes, found.target) == (90, 3, "birds")
    expected = {
        "logme": [logme(one.train.features, LABELS) for one in models],
        "h_score": [h_score(one.train.features, LABELS, shrunk=False) for one in models],
        "leep": [leep(one.probabilities, LABELS) for one in models],
        "nce": [nce(one.probabilities, LABELS) for one in models],
    }
    for column in found.columns:
        assert list(column.values) == expected[column.key]


@pytest.mark.parametrize(("dim", "title"), [(6, "H-score"), (12, "H-score, shrunk")])
def test_the_h_score_is_shrunk_for_all_where_one_has_few_rows(dim: int, title: str) -> None:
    models = [candidate("narrow", 1.0), candidate("wide", 1.0, dim=dim)]
    column = rank_models("birds", models, ("h_score",), by="h_score").first
    assert column.title == title
    assert column.values[0] == h_score(models[0].train.features, LABELS, shrunk=dim == 12)


def test_a_score_that_some_lack_puts_them_last_and_one_that_all_lack_is_no_column() -> None:
    models = [candidate("no classifier", 2.0), candidate("classifier", 0.5, sure=0.5)]
    found = rank_models("birds", models, ALL, by="leep")
    assert [found.names[row] for row in found.order] == ["classifier", "no classifier"]
    none = rank_models("birds", models[:1], ALL)
    assert [column.key for column in none.columns] == ["logme", "h_score"]
    with pytest.raises(UsageError, match="None of the feature sets has LEEP"):
        rank_models("birds", models[:1], ALL, by="leep")


def test_accuracies_on_held_out_images_are_scores_too() -> None:
    models = [candidate("poor", 0.2), candidate("good", 5.0)]
    found = rank_models("birds", models, ("knn", "ridge", "logistic"), by="ridge")
    assert [found.names[row] for row in found.order] == ["good", "poor"]
    for column in found.columns:
        right = right_of_held_out(models[1].train, column.key)
        assert right is not None and column.values[1] == right.mean()
        np.testing.assert_array_equal(column.right[1], right)
    assert found.held_out == 18


def test_candidates_of_other_images_are_refused_and_another_order_is_not() -> None:
    one, other = candidate("one", 2.0), candidate("other", 2.0)
    shuffled = replace(other, train=other.train.take(np.random.default_rng(0).permutation(90)))
    found = rank_models("birds", [one, shuffled], ("knn",), by="knn")
    np.testing.assert_array_equal(*found.columns[0].right)
    with pytest.raises(InputError, match="other has other images or labels than one"):
        rank_models("birds", [one, replace(other, train=other.train.take(np.arange(89)))], ("logme",))


@pytest.mark.parametrize(
    "words", [{"scores": ("luck",), "by": "luck"}, {"by": "nce", "scores": ("leep",)}, {"h_score": "no"}]
)
def test_unknown_scores_are_refused(words: dict[str, object]) -> None:
    with pytest.raises(InputError, match="scores of logme"):
        rank_models("birds", [candidate("one", 1.0)], **{"scores": ALL, **words})  # type: ignore[arg-type]


def test_sources_are_ranked_by_distance_nearest_first() -> None:
    target = domain(np.array([[0.0, 0.0]]), [3.0], "target")
    near, far = (domain(np.array([[3.0, 4.0]]) * scale, [7.0], f"{scale}") for scale in (1, 2))
    found = rank_sources(target, [far, near])
    assert [found.names[row] for row in found.order] == ["1", "2"]
    assert found.first.values == (pytest.approx(10), pytest.approx(5))
    assert found.columns[1].values[1] == pytest.approx(np.exp(-0.05))


def test_agreement_knows_that_a_distance_is_better_when_small() -> None:
    target = domain(np.zeros((1, 2)), [1.0], "target")
    sources = [domain(np.array([[float(x), 0.0]]), [1.0], f"{x}") for x in (1, 2, 3)]
    found = with_measured(rank_sources(target, sources), [0.9, 0.8, 0.7], "top-1")
    assert [column.agreement.tau for column in found.columns if column.agreement] == [1.0, 1.0]
    assert "too few for an interval" in found.notes[-1]
    two = with_measured(rank_sources(target, sources), [0.9, None, 0.7], "top-1")
    assert "Of 2 candidates" in two.notes[-1]


@pytest.mark.parametrize("accuracies", [[0.9, None], [None, None]])
def test_fewer_than_two_accuracies_have_no_order_to_agree_with(accuracies: list[float | None]) -> None:
    target = domain(np.zeros((1, 2)), [1.0], "target")
    sources = [domain(np.array([[x, 0.0]]), [1.0], f"{x}") for x in (1.0, 2.0)]
    found = with_measured(rank_sources(target, sources), accuracies, "top-1")
    assert found.measured == tuple(accuracies) and not any(column.agreement for column in found.columns)
    assert found.notes[-1] == (
        "Measured (top-1) are fewer than two candidates: there is no order that a score could agree with."
    )
    assert "tau" not in as_text(found)


@pytest.mark.parametrize("by", ["leep", "nce"])
def test_an_order_that_needs_a_source_classifier_is_refused_before_anything_is_computed(by: str) -> None:
    labels = np.arange(20, dtype=np.int32) % 2
    images = Features(np.eye(20, 4, dtype=np.float32), labels, np.arange(20).astype(str), ("a", "b"))
    done: list[int] = []
    with pytest.raises(UsageError, match="None of the feature sets has"):
        rank_models("birds", [Candidate("net", images)], ["logme", by], by, advance=done.append)
    assert not done
