"""Probes of several feature sets side by side: rows with intervals, and tests where the test images are the same."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from operator import itemgetter
from typing import Any

import numpy as np

from fgtl.console import table
from fgtl.reports.metrics import Evaluation
from fgtl.reports.paired import holm, mcnemar, paired_bootstrap

# Confusions named on the terminal.
_CONFUSED = 3
TITLES = {"logistic": "logistic regression", "ridge": "ridge", "knn": "kNN"}


@dataclass(frozen=True)
class Classified:
    """One classifier on one feature set.

    Attributes:
        features: the feature set, for people.
        classifier: a key of `TITLES`.
        setting: what was chosen, for people: "C 0.0316, standardised".
        validation: accuracy on the validation images that it was chosen by; None where nothing was chosen.
        tried: (name of the value, value, standardised, validation accuracy) of every setting.
        evaluation: on the test images.
        right: (N,) bool, of the test images in order of their ids; None where the ids are not those of the first set.
    """

    features: str
    classifier: str
    setting: str
    validation: float | None
    tried: tuple[tuple[str, float, bool, float], ...]
    evaluation: Evaluation
    right: np.ndarray | None

    @property
    def chosen(self) -> tuple[str, float, bool, float] | None:
        """The one of `tried` that was taken: of equal ones the first. None where nothing was chosen."""
        return max(self.tried, key=itemgetter(3), default=None)

    @property
    def name(self) -> str:
        """For people."""
        return f"{TITLES[self.classifier]} on {self.features}"


@dataclass(frozen=True)
class Shots:
    """Accuracy of one feature set with so many training images a class: of each draw, and their mean's interval."""

    features: str
    shots: int
    each: tuple[float, ...]
    interval: tuple[float, float] | None

    @property
    def mean(self) -> float:
        """Over the draws."""
        return float(np.mean(self.each))


@dataclass(frozen=True)
class Difference:
    """Two rows with the same classifier on the same images: McNemar's test and a paired bootstrap."""

    one: int
    other: int
    difference: float
    interval: tuple[float, float]
    p: float
    corrected: float | None


@dataclass(frozen=True)
class ProbeTable:
    """What `fgtl probe` found.

    Attributes:
        dataset: name, for people.
        split: split expression of the test images.
        images: of "train", "validation" and "test".
        rows: best first.
        few: few-shot results.
        differences: between sets, for each classifier.
        notes: what a reader must know.
    """

    dataset: str
    split: str
    images: dict[str, int]
    rows: tuple[Classified, ...]
    few: tuple[Shots, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        rows = [
            {
                "features": row.features,
                "classifier": row.classifier,
                "setting": row.setting,
                "chosen": None if row.chosen is None else list(row.chosen),
                "validation": row.validation,
                "tried": [list(one) for one in row.tried],
                "evaluation": row.evaluation.as_dict(),
            }
            for row in self.rows
        ]
        few = [asdict(one) | {"mean": one.mean} for one in self.few]
        differences = [asdict(one) for one in self.differences]
        plain = {name: getattr(self, name) for name in ("dataset", "split", "images", "notes")}
        return plain | {"rows": rows, "few": few, "differences": differences}


def probe_table(
    dataset: str,
    split: str,
    images: dict[str, int],
    rows: Sequence[Classified],
    few: Sequence[Shots] = (),
    notes: Sequence[str] = (),
    seed: int = 0,
) -> ProbeTable:
    """Order the rows, and test every pair of sets with the same classifier and the same test images."""
    ordered = sorted(rows, key=lambda row: -row.evaluation.top1)
    found = []
    for i, j in combinations(range(len(ordered)), 2):
        one, other = ordered[i], ordered[j]
        if one.classifier != other.classifier or one.right is None or other.right is None:
            continue
        differences = one.right.astype(np.float64) - other.right
        interval = paired_bootstrap(differences, seed)
        p = mcnemar(one.right, other.right)[2]
        found.append((i, j, float(differences.mean()), interval, p))
    corrected = holm([one[-1] for one in found])
    return ProbeTable(
        dataset=dataset,
        split=split,
        images=images,
        rows=tuple(ordered),
        few=tuple(few),
        differences=tuple(Difference(*one, value) for one, value in zip(found, corrected, strict=True)),
        notes=tuple(notes),
    )


def as_text(probes: ProbeTable) -> str:
    """The tables that `fgtl probe` prints."""
    parts = [table(*cells(probes))]
    if probes.few:
        parts.append(table(*few_cells(probes)))
    if probes.differences:
        parts.append(table(*difference_cells(probes)))
    return "\n\n".join([*parts, *confused_lines(probes), *probes.notes])


def best_of_each(probes: ProbeTable) -> list[Classified]:
    """The best row of each feature set, best first."""
    best: dict[str, Classified] = {}
    for row in probes.rows:
        best.setdefault(row.features, row)
    return list(best.values())


def confused_lines(probes: ProbeTable) -> list[str]:
    """For the best row of each feature set, which classes it takes for which."""
    lines = []
    for row in best_of_each(probes):
        names = [one.name for one in row.evaluation.per_class]
        pairs = [
            f"{names[one.true]} taken for {names[one.predicted]}, {one.images:,} ({100 * one.share:.0f} %)"
            for one in row.evaluation.most_confused(_CONFUSED)
        ]
        if pairs:
            lines.append(f"Most often wrong, {row.name}: {'; '.join(pairs)}.")
    return lines


def as_csv(probes: ProbeTable) -> str:
    """One line a row, with a header; shares as fractions."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["features", "classifier", "setting", "images", "top1", "low", "high", "top5", "mean_class", "validation"]
    )
    for row in probes.rows:
        found = row.evaluation
        figures = [found.count, found.top1, *found.top1_interval, found.top5, found.mean_class]
        validation = "" if row.validation is None else row.validation
        writer.writerow([row.features, row.classifier, row.setting, *figures, validation])
    return text.getvalue()


def cells(probes: ProbeTable) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the accuracies."""
    header = ["features", "classifier", "setting", "top-1", "95 % interval", "top-5", "mean class", "validation"]
    rows = []
    for row in probes.rows:
        found = row.evaluation
        figures = [f"{found.top1:.6f}", _interval(found.top1_interval), f"{found.top5:.4f}", f"{found.mean_class:.4f}"]
        validation = "" if row.validation is None else f"{row.validation:.4f}"
        rows.append([row.features, TITLES[row.classifier], row.setting, *figures, validation])
    return header, rows


def few_cells(probes: ProbeTable) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the accuracies with few images."""
    header = ["features", "images a class", "draws", "top-1, mean", "95 %, over draws"]
    rows = [
        [one.features, str(one.shots), str(len(one.each)), f"{one.mean:.4f}", _interval(one.interval)]
        for one in probes.few
    ]
    return header, rows


def difference_cells(probes: ProbeTable) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the tests."""
    header = ["difference of", "to", "classifier", "top-1", "95 % interval", "p, corrected"]
    rows = []
    for one in probes.differences:
        first, second = probes.rows[one.one], probes.rows[one.other]
        p = one.p if one.corrected is None else one.corrected
        figures = [f"{one.difference:+.4f}", f"{one.interval[0]:+.4f} to {one.interval[1]:+.4f}"]
        shown = "< 0.0001" if p < 0.0001 else f"{p:.4f}"
        rows.append([first.features, second.features, TITLES[first.classifier], *figures, shown])
    return header, rows


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
