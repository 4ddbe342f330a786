"""Rank pre-trained models for a target by scores of their features, or sources by their distance from it.

Only the rows that are given are looked at: whoever calls leaves the test split out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.agreement import FEWEST_FOR_INTERVAL, agreement
from fgtl.analysis.domain import Domain
from fgtl.analysis.emd import emd
from fgtl.analysis.gamma import PAPER_GAMMA, similarity_of
from fgtl.analysis.h_score import plain_h_score_of, shrunk_h_score_of
from fgtl.analysis.held_out import right_of_held_out
from fgtl.analysis.leep import leep
from fgtl.analysis.logme import logme_of
from fgtl.analysis.moments import moments_of
from fgtl.analysis.nce import nce
from fgtl.errors import InputError, UsageError
from fgtl.features.feature_set import Features
from fgtl.reports.rank_table import Column, Ranking

# With fewer rows a dimension than this the plain H-score rises by itself.
_ROWS_A_DIMENSION = 10
H_SCORES = ("auto", "shrunk", "plain")
# Those that are of all rows; the others are accuracies of held-out ones.
_OF_ALL_ROWS = ("logme", "h_score", "leep", "nce")
TITLES = {
    "logme": "LogME",
    "h_score": "H-score",
    "leep": "LEEP",
    "nce": "NCE",
    "knn": "kNN",
    "ridge": "ridge probe",
    "logistic": "logistic probe",
}
ABOUT = {
    "logme": "LogME: log evidence of a Bayesian linear model, a row and a class.",
    "h_score": "H-score: spread of the class means, measured by the spread of the features.",
    "leep": "LEEP: log likelihood of the labels by way of the source classifier's probabilities.",
    "nce": "NCE: the same by way of its most probable class.",
    "knn": "kNN: accuracy of the nearest neighbours on a held-out fifth of these images.",
    "ridge": "Ridge probe: accuracy of a closed-form linear classifier on the same fifth.",
    "logistic": "Logistic probe: accuracy of a logistic regression on the same fifth.",
}


@dataclass(frozen=True, eq=False)
class Candidate:
    """A pre-trained model, as its features of the target's training images.

    Attributes:
        name: for people.
        train: N rows.
        probabilities: (N, Z) of the model's own classifier for the same rows; None where it has none.
        details: how images are shown to it, for people.
    """

    name: str
    train: Features
    probabilities: NDArray[np.float32] | None = None
    details: str = ""


def rank_models(
    target: str,
    candidates: Sequence[Candidate],
    scores: Sequence[str],
    by: str = "logme",
    h_score: str = "auto",
    advance: Callable[[int], object] = lambda scores: None,
) -> Ranking:
    """Score all candidates.

    Args:
        target: name of the target.
        candidates: one or more, features of the same images.
        scores: keys of `TITLES`.
        by: one of them, that gives the order.
        h_score: "plain"; "shrunk"; "auto" is shrunk for all where one candidate has fewer than 10 rows a dimension.
        advance: called with 1 after each score of each candidate.

    Raises:
        InputError: no candidate, an unknown score, or candidates with other images or labels than the first.
        DataError: see `moments_of`, `leep`, `right_of_held_out`.
        UsageError: no candidate has the score that is to give the order.

    Cost: see the scores; the moments are gathered once for LogME and H-score. Memory: that of the largest candidate.
    """
    if not candidates or by not in scores or not {*scores} <= TITLES.keys() or h_score not in H_SCORES:
        raise InputError(
            f"{len(candidates)} candidates, scores {', '.join(scores) or 'none'}, by {by}, H-score {h_score}.",
            expected=f"one candidate or more, scores of {', '.join(TITLES)}, H-score one of {', '.join(H_SCORES)}.",
        )
    _check_same_images(candidates)
    if by in ("leep", "nce") and all(one.probabilities is None for one in candidates):
        # Known before anything is computed.
        raise _nobody_has(by)
    few = any(len(one.train) < _ROWS_A_DIMENSION * one.train.features.shape[1] for one in candidates)
    shrunk = h_score == "shrunk" or (h_score == "auto" and few)
    # One candidate at a time: the next one's D x D matrices take the place of this one's.
    found = [_scores_of(candidate, scores, advance, shrunk=shrunk) for candidate in candidates]
    if all(row[by].value is None for row in found):
        raise _nobody_has(by)
    columns = []
    for key in scores:
        values = tuple(row[key].value for row in found)
        # A score that nobody has is no column.
        if any(value is not None for value in values):
            title = f"{TITLES[key]}, shrunk" if key == "h_score" and shrunk else TITLES[key]
            right = tuple(row[key].right for row in found) if key not in _OF_ALL_ROWS else ()
            columns.append(Column(key, title, values, about=ABOUT[key], right=right))
    first = candidates[0].train
    return Ranking(
        what="pre-trained models",
        target=target,
        images=len(first),
        classes=len(np.unique(first.labels)),
        names=tuple(one.name for one in candidates),
        details=tuple(f"{one.details}, {one.train.features.shape[1]:,}-d".removeprefix(", ") for one in candidates),
        columns=tuple(columns),
        by=by,
    )


def _nobody_has(by: str) -> UsageError:
    return UsageError(
        f"None of the feature sets has {TITLES[by]}.",
        expected="for LEEP and NCE probabilities of the model's own classifier, otherwise images to hold out.",
        fix="fgtl extract --run_dir makes features with probabilities; or choose another --by.",
    )


@dataclass(frozen=True, eq=False)
class _Score:
    """Of one candidate; with `right`, which held-out images it is the share of."""

    value: float | None
    right: NDArray[np.bool_] | None = None


def _scores_of(
    candidate: Candidate, scores: Sequence[str], advance: Callable[[int], object], *, shrunk: bool
) -> dict[str, _Score]:
    by_moments = {"logme": logme_of, "h_score": shrunk_h_score_of if shrunk else plain_h_score_of}
    by_source = {"leep": leep, "nce": nce}
    labels, found = candidate.train.labels, dict[str, _Score]()
    moments = moments_of(candidate.train.features, labels) if by_moments.keys() & {*scores} else None
    for key in scores:
        if moments is not None and key in by_moments:
            found[key] = _Score(by_moments[key](moments))
        elif key in by_source:
            known = candidate.probabilities
            found[key] = _Score(None if known is None else by_source[key](known, labels))
        else:
            right = right_of_held_out(candidate.train, key)
            found[key] = _Score(None if right is None else float(right.mean()), right)
        advance(1)
    return found


def _check_same_images(candidates: Sequence[Candidate]) -> None:
    """Raise InputError where somebody's images or labels are not the first one's, in whatever order."""
    first, *others = (_labels_by_id(one.train) for one in candidates)
    for one, found in zip(candidates[1:], others, strict=True):
        if found != first:
            raise InputError(
                f"{one.name} has other images or labels than {candidates[0].name}.",
                expected="features of the same images.",
            )


def _labels_by_id(rows: Features) -> dict[str, int]:
    return dict(zip(rows.ids.tolist(), rows.labels.tolist(), strict=True))


def rank_sources(target: Domain, sources: Sequence[Domain]) -> Ranking:
    """The sources by their earth mover's distance from the target; exp(-0.01 EMD) is the paper's similarity.

    Raises:
        InputError: features of different dimensions.
    """
    found = [emd(source, target).distance for source in sources]
    similar = [float(value) for value in similarity_of(found, PAPER_GAMMA)]
    return Ranking(
        what="sources",
        target=target.name,
        images=round(target.images),
        classes=len(target),
        names=tuple(one.name for one in sources),
        details=tuple(f"{len(one):,} classes, {one.images:,.0f} images" for one in sources),
        columns=(
            Column("emd", "EMD", tuple(found), higher=False, about="EMD: earth mover's distance of the class means."),
            Column("similarity", "similarity", tuple(similar), about="Similarity: exp(-0.01 EMD) (Cui et al. 2018)."),
        ),
        by="emd",
    )


def with_measured(ranking: Ranking, accuracies: Sequence[float | None], where: str, seed: int = 0) -> Ranking:
    """The ranking beside measured accuracies, and how far each score agrees with them.

    Args:
        ranking: without accuracies.
        accuracies: of each candidate, 0 to 1; None where it was not measured.
        where: which accuracy it is, for people.
        seed: of the resamples.
    """
    known = sum(value is not None for value in accuracies)
    if known < 2:
        note = f"Measured ({where}) are fewer than two candidates: there is no order that a score could agree with."
        return replace(ranking, measured=tuple(accuracies), measured_where=where, notes=(*ranking.notes, note))
    columns = []
    for column in ranking.columns:
        signed = [None if value is None else column.signed(value) for value in column.values]
        columns.append(replace(column, agreement=agreement(signed, accuracies, seed)))
    note = f"Weighted Kendall tau: 1 for the same order as {where}, -1 for the reverse; the best candidates weigh most."
    if known < 3:
        note += f" Of {known} candidates it says whether the order is right, and nothing about how sure that is."
    elif known < FEWEST_FOR_INTERVAL:
        note += f" {known} candidates are too few for an interval; p is the share of random orders that agree as well."
    return replace(
        ranking,
        columns=tuple(columns),
        measured=tuple(accuracies),
        measured_where=where,
        notes=(*ranking.notes, note),
    )
