"""The files of a choice of source classes: lists that `fgtl convert --classes` takes, and who chose what."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fgtl.console import table
from fgtl.errors import DataError
from fgtl.reports.figures import shorten


@dataclass(frozen=True)
class Chosen:
    """One source class as one target chose it.

    Attributes:
        source: data set of the class.
        label, name, images: of the class in it.
        target: who chose it.
        rank: 1 is the first.
        distance: of the class alone from the target.
        emd: distance of the set up to this class from the target; None where it was not measured.
    """

    source: str
    label: int
    name: str
    images: int
    target: str
    rank: int
    distance: float
    emd: float | None


@dataclass(frozen=True)
class Summary:
    """What one target chose: classes; distance of the farthest alone, of the chosen, of the nearest first few, of all."""

    target: str
    classes: int
    farthest: float
    emd: float
    lowest: float
    lowest_at: int
    whole: float


def as_text(summaries: Sequence[Summary], chosen: int, classes: int) -> str:
    """The table that `fgtl select` prints."""
    header = ["target", "classes", "EMD", f"of all {classes:,} classes", "lowest", "with the first"]
    rows = [
        [
            shorten(one.target, 40),
            f"{one.classes:,}",
            *(f"{value:.4g}" for value in (one.emd, one.whole, one.lowest)),
            f"{one.lowest_at:,}",
        ]
        for one in summaries
    ]
    return (
        f"{table(header, rows)}\n\n{chosen:,} of {classes:,} source classes are chosen. EMD: of the chosen classes to "
        "the target, the smaller the nearer; lowest: of so many first ones of the list."
    )


def as_csv(rows: Sequence[Chosen]) -> str:
    """One line for each class and target that chose it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["source", "label", "name", "images", "target", "rank", "distance", "emd"])
    for row in rows:
        values = asdict(row)
        writer.writerow(["" if value is None else value for value in values.values()])
    return text.getvalue()


def as_dict(rows: Sequence[Chosen], summaries: Sequence[Summary], method: str, extractor: str) -> dict[str, Any]:
    """For JSON: how it was chosen, a summary of each target, and the rows."""
    return {
        "schema": 1,
        "method": method,
        "extractor": extractor,
        "targets": [asdict(one) for one in summaries],
        "chosen": [asdict(row) for row in rows],
    }


def class_list(source: str, labels: Sequence[int], names: Sequence[str]) -> str:
    """A class a line, for `fgtl convert --classes`: smaller labels first, each class by its name.

    Args:
        source: name of the data set.
        labels: of the chosen classes.
        names: of all its classes.

    Raises:
        DataError: a chosen class shares its name with another, or its name cannot stand in a list.
    """
    often = Counter(names)
    chosen = [names[label] for label in sorted(labels)]
    for name in chosen:
        if often[name] > 1:
            raise DataError(f"{often[name]} classes of {source} are called {name!r}.", expected="names that differ.")
        if name != name.strip() or len(name.splitlines()) != 1:
            raise DataError(f"The class name {name!r} of {source} cannot stand on a line of its own.")
    return "".join(f"{name}\n" for name in chosen)
