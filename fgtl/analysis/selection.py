"""Choose source classes for several targets by one of two methods, and follow how near the chosen set comes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fgtl.analysis.domain import Domain
from fgtl.analysis.ground_distance import distances
from fgtl.analysis.marginal_greedy import distances_of_growth, grow
from fgtl.analysis.source_classes import Choice, distances_alone, nearest_classes, union_of
from fgtl.errors import InputError
from fgtl.reports.select_files import Chosen, Summary
from fgtl.reports.select_plot import Curve, Panel

METHODS = ("paper", "marginal")
# Sizes at which the distance of a ranked list is measured.
_POINTS = 40


@dataclass(frozen=True, eq=False)
class Selection:
    """Source classes for several targets.

    Attributes:
        source: the classes there are to choose from.
        method: one of `METHODS`.
        choices: of each target.
        by_paper: for "marginal", what the paper's ranking would choose, to compare; otherwise the choices themselves.
        whole: (T,) earth mover's distance of all source classes from each target.
    """

    source: Domain
    method: str
    choices: tuple[Choice, ...]
    by_paper: tuple[Choice, ...]
    whole: tuple[float, ...]

    @property
    def classes(self) -> NDArray[np.int64]:
        """Positions of the chosen source classes: of all targets together, sorted, each once."""
        return union_of(self.choices)


def select_source_classes(
    source: Domain, targets: Sequence[Domain], sizes: Sequence[int], method: str = "paper"
) -> Selection:
    """Choose the source classes to pre-train on for the targets (Cui et al. 2018, section 4.2).

    Args:
        source: m classes.
        targets: T >= 1 domains, features of the same extractor.
        sizes: (T,) how many classes each target chooses, 1 to m.
        method: "paper" ranks the classes one by one by their distance alone; "marginal" adds the class that makes the
            distance of the whole set smallest, one after the other.

    Raises:
        InputError: not as above.

    Cost: see `nearest_classes` and `grow`; and 41 transport problems a target for the curve.
    """
    if method not in METHODS:
        raise InputError(f"method is {method!r}.", expected=f"one of {', '.join(METHODS)}.")
    if not targets or len(sizes) != len(targets):
        raise InputError(f"{len(targets)} targets, {len(sizes)} sizes.", expected="a size for each target.")
    chosen, ranked, whole = [], [], []
    for target, size in zip(targets, sizes, strict=True):
        costs = distances(source.means, target.means)
        ranked.append(_by_paper(costs, source, target, size))
        chosen.append(_by_growth(costs, source, target, size) if method == "marginal" else ranked[-1])
        everything = np.arange(len(source))
        whole.append(
            float(distances_of_growth(costs, source.weights, target.weights, everything, everything[-1:] + 1)[0])
        )
    return Selection(source, method, tuple(chosen), tuple(ranked), tuple(whole))


def _by_paper(costs: NDArray[np.float64], source: Domain, target: Domain, size: int) -> Choice:
    classes = nearest_classes(costs, target.weights, size)
    sizes = np.unique(np.geomspace(1, size, _POINTS).round().astype(np.int64))
    emd = distances_of_growth(costs, source.weights, target.weights, classes, sizes)
    return Choice(target.name, classes, distances_alone(costs, target.weights)[classes], sizes, emd)


def _by_growth(costs: NDArray[np.float64], source: Domain, target: Domain, size: int) -> Choice:
    growth = grow(costs, source.weights, target.weights, size)
    alone = distances_alone(costs, target.weights)[growth.classes]
    return Choice(target.name, growth.classes, alone, np.arange(1, size + 1), growth.emd)


def chosen_of(selection: Selection, source_names: Sequence[str]) -> list[Chosen]:
    """Who chose what: a row for each target and class, in the order in which they were chosen.

    Args:
        selection: what was chosen.
        source_names: of the data sets that the source joins, in the order of its parts.
    """
    source, rows = selection.source, []
    for choice in selection.choices:
        measured = dict(zip(choice.sizes.tolist(), choice.emd.tolist(), strict=True))
        for rank, (place, distance) in enumerate(
            zip(choice.classes.tolist(), choice.distances.tolist(), strict=True), 1
        ):
            rows.append(
                Chosen(
                    source=source_names[int(source.parts[place])],
                    label=int(source.labels[place]),
                    name=source.class_names[place],
                    images=round(float(source.weights[place])),
                    target=choice.target,
                    rank=rank,
                    distance=distance,
                    emd=measured.get(rank),
                )
            )
    return rows


def summaries_of(selection: Selection) -> list[Summary]:
    """How near each target's choice comes to it."""
    return [
        Summary(
            target=choice.target,
            classes=len(choice.classes),
            farthest=float(choice.distances.max()),
            emd=float(choice.emd[-1]),
            lowest=float(choice.emd.min()),
            lowest_at=choice.nearest_size,
            whole=whole,
        )
        for choice, whole in zip(selection.choices, selection.whole, strict=True)
    ]


def panels_of(selection: Selection) -> list[Panel]:
    """What the picture shows: of each target the paper's curve, and the other method's where that was asked for."""
    panels = []
    for choice, ranked, whole in zip(selection.choices, selection.by_paper, selection.whole, strict=True):
        curves = [Curve("one by one", ranked.sizes, ranked.emd)]
        if choice is not ranked:
            curves.append(Curve("as a set", choice.sizes, choice.emd))
        panels.append(Panel(choice.target, curves, whole, len(selection.source)))
    return panels
