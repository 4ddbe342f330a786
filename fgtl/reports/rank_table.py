"""A ranking of pre-trained models, or of sources, by several scores: as a table for people and programs."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fgtl.console import table
from fgtl.reports.figures import shorten
from fgtl.reports.headline import percent

# Keys of scores that are shares of images, written as such.
SHARES = ("knn", "ridge", "logistic")


@dataclass(frozen=True)
class Agreement:
    """How far a score orders the candidates as their measured accuracies do.

    Attributes:
        tau: weighted Kendall tau, -1 to 1; None where it is not defined.
        low, high: 95 % interval over candidates; None where they are too few.
        p: chance that a random order agrees as well or better; None where there are fewer than three.
        candidates: that have both.
    """

    tau: float | None
    low: float | None
    high: float | None
    p: float | None
    candidates: int


@dataclass(frozen=True)
class Column:
    """One score of all candidates.

    Attributes:
        key: "logme".
        title: "LogME".
        values: of each candidate, None where it cannot be had.
        higher: the higher the better; of a distance the reverse.
        agreement: with the measured accuracies, None without any.
        about: one sentence for people.
        right: of an accuracy of held-out images, which of them each candidate gets right: (H,) bool, all in one order,
            None where the value is; empty for other scores.
    """

    key: str
    title: str
    values: tuple[float | None, ...]
    higher: bool = True
    agreement: Agreement | None = None
    about: str = ""
    right: tuple[NDArray[np.bool_] | None, ...] = field(default=(), compare=False, repr=False)

    @property
    def places(self) -> tuple[int | None, ...]:
        """Of each candidate, 1 for the best; equal values share a place."""
        known = [self.signed(value) for value in self.values if value is not None]
        return tuple(
            None if value is None else 1 + sum(other > self.signed(value) for other in known) for value in self.values
        )

    def signed(self, value: float) -> float:
        """The value so that more is better."""
        return value if self.higher else -value


@dataclass(frozen=True)
class Ranking:
    """Candidates with their scores, best first by one of them.

    Attributes:
        what: "pre-trained models" or "sources".
        target: name of the target data set.
        images, classes: of the target that were looked at; no test image is among them.
        names: of the candidates.
        details: a line about each, such as its dimensions.
        columns: the scores.
        by: key of the score that gives the order.
        measured: accuracy of each candidate, None where it is not known; empty without any.
        measured_where: which accuracy it is.
        seed: of the resamples.
        notes: what a reader must know.
    """

    what: str
    target: str
    images: int
    classes: int
    names: tuple[str, ...]
    details: tuple[str, ...]
    columns: tuple[Column, ...]
    by: str
    measured: tuple[float | None, ...] = ()
    measured_where: str = ""
    seed: int = 0
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Column:
        """The score that gives the order."""
        return next(column for column in self.columns if column.key == self.by)

    @property
    def order(self) -> list[int]:
        """Positions of the candidates, best first; those without the score last, equal ones as they were given."""
        column = self.first

        def place(row: int) -> tuple[bool, float]:
            value = column.values[row]
            return value is None, 0.0 if value is None else -column.signed(value)

        return sorted(range(len(self.names)), key=place)

    @property
    def held_out(self) -> int:
        """How many of the images the accuracies among the scores are of; 0 where there are none."""
        return max((len(one) for column in self.columns for one in column.right if one is not None), default=0)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: everything, candidates best first."""
        rows = [
            {
                "place": place,
                "name": self.names[row],
                "details": self.details[row],
                "scores": {column.key: column.values[row] for column in self.columns},
                "measured": self.measured[row] if self.measured else None,
            }
            for place, row in enumerate(self.order, 1)
        ]
        facts = {
            name: getattr(self, name)
            for name in ("what", "target", "images", "classes", "by", "measured_where", "held_out")
        }
        agreements = {column.key: asdict(column.agreement) for column in self.columns if column.agreement}
        return {"schema": 1, **facts, "candidates": rows, "agreement": agreements, "notes": list(self.notes)}


def as_csv(ranking: Ranking) -> str:
    """A line for each candidate, best first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["place", "name", "details", *(column.key for column in ranking.columns), "measured"])
    for place, row in enumerate(ranking.order, 1):
        values = [column.values[row] for column in ranking.columns]
        values.append(ranking.measured[row] if ranking.measured else None)
        shown = ["" if value is None else value for value in values]
        writer.writerow([place, ranking.names[row], ranking.details[row], *shown])
    return text.getvalue()


def as_text(ranking: Ranking) -> str:
    """The tables that `fgtl rank` prints."""
    parts = [table(*rank_cells(ranking))]
    if any(column.agreement for column in ranking.columns):
        parts.append(table(*agreement_cells(ranking)))
    return "\n\n".join([*parts, *ranking.notes])


def rank_cells(ranking: Ranking) -> tuple[list[str], list[list[str]]]:
    """Header and rows; a value is followed by its place where that is not the row's."""
    header = [ranking.what, "details", *(column.title for column in ranking.columns)]
    header += ["measured"] if ranking.measured else []
    rows = []
    for place, row in enumerate(ranking.order, 1):
        cells = [f"{place}. {shorten(ranking.names[row], 64)}", ranking.details[row]]
        cells += [_cell(column, row, place) for column in ranking.columns]
        if ranking.measured:
            value = ranking.measured[row]
            cells.append("" if value is None else percent(value))
        rows.append(cells)
    return header, rows


def agreement_cells(ranking: Ranking) -> tuple[list[str], list[list[str]]]:
    """Header and rows: each score's agreement with what was measured, the best first."""
    header = ["score", "weighted tau", "95 % interval", "p, by chance", "candidates"]
    known = [(column.title, column.agreement) for column in ranking.columns if column.agreement]
    known.sort(key=lambda one: 2.0 if one[1].tau is None else -one[1].tau)
    return header, [[title, *_agreement(found)] for title, found in known]


def _agreement(found: Agreement) -> list[str]:
    tau = "" if found.tau is None else f"{found.tau:+.3f}"
    interval = "" if found.low is None or found.high is None else f"{found.low:+.3f} to {found.high:+.3f}"
    return [tau, interval, "" if found.p is None else f"{found.p:.3f}", f"{found.candidates}"]


def _cell(column: Column, row: int, place: int) -> str:
    value, own = column.values[row], column.places[row]
    if value is None:
        return ""
    text = percent(value) if column.key in SHARES else f"{value:.4g}"
    return text if own == place else f"{text} ({own})"


def names_of(words: Sequence[str]) -> tuple[str, ...]:
    """The words with a number behind those that come more than once."""
    numbers = [words[: place + 1].count(word) for place, word in enumerate(words)]
    return tuple(
        word if words.count(word) == 1 else f"{word} #{number}" for word, number in zip(words, numbers, strict=True)
    )
