"""The labels that an audit doubts: who judged them and how well, the list, and the first ones with pictures."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fgtl.commands.audit_sets import Audited, examples_of
from fgtl.console import Progress, say
from fgtl.features.feature_set import Features
from fgtl.files import write_atomically
from fgtl.reports.headline import percent

if TYPE_CHECKING:
    from fgtl.analysis.label_errors import Suspects
    from fgtl.reports.audit_page import Labels, Suspect


@dataclass(frozen=True, eq=False)
class Judged:
    """What a classifier says of images that it never saw.

    Attributes:
        rows: the images that were judged: those of classes with two or more.
        alone: images that are the only one of their class; no classifier of the others can know it.
        suspects: places in `rows`.
        right: share of `rows` whose label the classifier finds most probable.
        c, folds: of the classifier.
    """

    rows: Features
    alone: int
    suspects: "Suspects"
    right: float
    c: float
    folds: int

    @property
    def how(self) -> str:
        """How it was decided, and how far to trust it."""
        return (
            f"Confident learning: a classifier fitted on the other {self.folds - 1} of {self.folds} folds finds another "
            "class more probable, as sure of it as it is of that class's own images on average. It agrees with "
            f"{percent(self.right)} of the labels; the fewer, the more of its doubts are its own mistakes."
            + (f" {self.alone:,} images that are the only one of their class were not judged." if self.alone else "")
        )


def judge(train: Features, c: float, folds: int, seed: int) -> Judged | None:
    """Look for wrong labels; None, and a line that says so, where every class has a single image.

    Raises:
        UsageError: fewer images than folds, or a single class.
    """
    from fgtl.analysis.confidence import TRIED, confidence
    from fgtl.analysis.label_errors import find_label_errors

    kept = np.bincount(train.labels, minlength=len(train.class_names))[train.labels] > 1
    if len(train) and not kept.any():
        say(f"Labels were not judged: each of the {len(train):,} training images is the only one of its class.")
        return None
    rows = train if kept.all() else train.take(kept)
    with Progress("judge labels", folds * (1 if c else len(TRIED)), unit="fits") as progress:
        probabilities, used = confidence(rows, c, folds, seed, advance=progress.advance)
    right = float((probabilities.argmax(axis=1) == rows.labels).mean())
    return Judged(rows, int((~kept).sum()), find_label_errors(probabilities, rows.labels), right, used, folds)


def labels_of(home: Audited, judged: Judged, output: Path, most: int) -> "Labels":
    """Print and list them all; the first `most` for the page, with pictures."""
    from fgtl.reports.audit_page import Labels

    path, suspects = output.with_name(f"{output.stem}-labels.csv"), judged.suspects
    write_atomically(path, _as_csv(judged.rows, suspects))
    say(
        f"{len(suspects):,} of {len(judged.rows):,} training labels are doubtful to a classifier that agrees with "
        f"{percent(judged.right)} of them -> {path}"
    )
    return Labels(len(suspects), len(judged.rows), _shown(home, judged, most), judged.how, str(path))


def _shown(home: Audited, judged: Judged, most: int) -> "tuple[Suspect, ...]":
    from fgtl.reports.audit_page import Suspect

    suspects, rows = judged.suspects, judged.rows
    places = range(min(most, len(suspects)))
    beside = {
        place: [
            examples_of(rows, int(label), int(suspects.rows[place]), 2)
            for label in (suspects.given[place], suspects.suggested[place])
        ]
        for place in places
    }
    wanted = {int(suspects.rows[place]) for place in places} | {
        row for pair in beside.values() for examples in pair for row in examples
    }
    photographs = home.shown(str(rows.ids[row]) for row in wanted)
    return tuple(
        Suspect(
            photographs(rows, int(suspects.rows[place])),
            rows.class_names[suspects.given[place]],
            rows.class_names[suspects.suggested[place]],
            float(suspects.given_probability[place]),
            float(suspects.suggested_probability[place]),
            *(tuple(photographs(rows, row) for row in examples) for examples in beside[place]),
        )
        for place in places
    )


def _as_csv(rows: Features, suspects: "Suspects") -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "label", "suggested", "label_probability", "suggested_probability"])
    for row, given, other, one, two in zip(
        suspects.rows,
        suspects.given,
        suspects.suggested,
        suspects.given_probability,
        suspects.suggested_probability,
        strict=True,
    ):
        names = rows.class_names
        writer.writerow([rows.ids[row], names[given], names[other], f"{one:.4f}", f"{two:.4f}"])
    return text.getvalue()
