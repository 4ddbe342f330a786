"""What a ranking comes to, in a sentence or two: what to start from, who says so, and how sure that is."""

import math

from fgtl.reports.headline import percent
from fgtl.reports.intervals import wilson_interval
from fgtl.reports.rank_table import Column, Ranking

# Those of `Ranking.columns` that are accuracies of held-out images; the one that says most first.
_MEASURES = ("logistic", "ridge", "knn")


def verdict(ranking: Ranking) -> str:
    """The sentences; of a single candidate only that there is nothing to compare."""
    best = ranking.order[0]
    name = ranking.names[best]
    if len(ranking.names) < 2:
        return f"{name} is the only one: there is nothing to compare it with."
    if ranking.what == "sources":
        return _nearest(ranking)
    return f"Start from {name}: {_who(ranking, best)}. {_how_sure(ranking, best)}{_measured_best(ranking)}"


def difference_interval(right: int, others_right: int, count: int) -> tuple[float, float]:
    """95 % interval of the difference of two shares of `count` images, from Wilson's intervals of both.

    Newcombe, Interval estimation for the difference between independent proportions (1998), method 10. Both are of the
    same images, which makes the true interval narrower.
    """
    one, other = right / count, others_right / count
    (low, high), (least, most) = wilson_interval(right, count), wilson_interval(others_right, count)
    return one - other - math.hypot(one - low, most - other), one - other + math.hypot(high - one, other - least)


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
    """The held-out accuracies of the first and of the best of the others, and the interval of their difference."""
    column = _measure(ranking, best)
    if column is None or not ranking.held_out:
        return "How sure that is was not measured: no score of held-out images is among --scores."
    shares = {row: value for row, value in enumerate(column.values) if value is not None}
    one, count = shares.pop(best), ranking.held_out
    rival = max(shares, key=lambda row: shares[row])
    other = shares[rival]
    low, high = difference_interval(round(one * count), round(other * count), count)
    figures = f"{100 * (one - other):+.1f} points, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
    sure = "More than chance" if low > 0 else "So the two disagree" if high < 0 else "That may be chance"
    return (
        f"Of {count:,} training images held out its {column.title} is right on {percent(one)}, that of "
        f"{ranking.names[rival]} on {percent(other)} ({figures}). {sure}."
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
        if column and column.values[best] is not None and sum(value is not None for value in column.values) > 1:
            return column
    return None
