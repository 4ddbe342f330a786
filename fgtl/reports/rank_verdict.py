"""What a ranking comes to, in a sentence or two: what to start from, who says so, and how sure that is."""

import numpy as np

from fgtl.reports.headline import percent
from fgtl.reports.paired import mcnemar, paired_bootstrap
from fgtl.reports.rank_table import Column, Ranking

# Those of `Ranking.columns` that are accuracies of held-out images; the one that says most first.
_MEASURES = ("logistic", "ridge", "knn")
# Of McNemar's test. A bootstrap of few images that all say the same is sure of it.
_LEVEL = 0.05


def verdict(ranking: Ranking) -> str:
    """The sentences; of a single candidate only that there is nothing to compare."""
    best = ranking.order[0]
    name = ranking.names[best]
    if len(ranking.names) < 2:
        return f"{name} is the only one: there is nothing to compare it with."
    if ranking.what == "sources":
        return _nearest(ranking)
    return f"Start from {name}: {_who(ranking, best)}. {_how_sure(ranking, best)}{_measured_best(ranking)}"


def _nearest(ranking: Ranking) -> str:
    first, second = ranking.order[:2]
    near, next_one = ranking.first.values[first], ranking.first.values[second]
    return (
        f"Nearest to {ranking.target}: {ranking.names[first]}, EMD {near:.4g}; then {ranking.names[second]}, "
        f"{next_one:.4g}. fgtl similarity tells how sure that is."
    )


def _who(ranking: Ranking, best: int) -> str:
    """Which scores put the candidate first, and whom the others do."""
    known = [column for column in ranking.columns if column.values[best] is not None]
    agree = [column.title for column in known if column.places[best] == 1]
    if len(agree) == len(known):
        return f"first by {'all ' + str(len(known)) + ' scores' if len(known) > 1 else agree[0]}"
    others = [
        f"{column.title} says {ranking.names[column.places.index(1)]}" for column in known if column.title not in agree
    ]
    return f"first by {', '.join(agree)}; {', '.join(others)}"


def _how_sure(ranking: Ranking, best: int) -> str:
    """The held-out accuracies of the first and of the best of the others, and how sure their difference is.

    Both are of the same images, so they are compared image by image, as `fgtl compare` and `fgtl probe` do it.
    """
    column = _measure(ranking, best)
    if column is None:
        return "How sure that is was not measured: no score of held-out images is among --scores."
    right = {row: one for row, one in enumerate(column.right) if one is not None}
    mine = right.pop(best)
    rival = max(right, key=lambda row: float(right[row].mean()))
    difference = mine.astype(np.float64) - right[rival]
    low, high = paired_bootstrap(difference, ranking.seed)
    p = mcnemar(mine, right[rival])[2]
    shown = "< 0.001" if p < 0.001 else f"{p:.3f}"
    figures = f"{100 * difference.mean():+.1f} points, paired 95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
    sure = "That may be chance"
    if p < _LEVEL and not low <= 0 <= high:
        sure = "More than chance" if low > 0 else "So the two disagree"
    return (
        f"Of {len(mine):,} training images held out its {column.title} is right on {percent(mine.mean())}, that of "
        f"{ranking.names[rival]} on {percent(right[rival].mean())} ({figures}, McNemar p {shown}). {sure}."
    )


def _measured_best(ranking: Ranking) -> str:
    known = {row: value for row, value in enumerate(ranking.measured) if value is not None}
    if not known:
        return ""
    row = max(known, key=lambda row: known[row])
    return f" Measured ({ranking.measured_where}), the best is {ranking.names[row]}, {percent(known[row])}."


def _measure(ranking: Ranking, best: int) -> Column | None:
    """The column that says most, of those that the candidate and another one have."""
    columns = {column.key: column for column in ranking.columns}
    for key in _MEASURES:
        column = columns.get(key)
        known = [row for row, right in enumerate(column.right) if right is not None] if column else []
        if best in known and len(known) > 1:
            return column
    return None
