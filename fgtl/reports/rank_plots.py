"""The scores of all candidates side by side; against their measured accuracies where there are any."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fgtl.reports.figures import GOOD, INK, MUTED, PALE, percent_axis, shorten, styled
from fgtl.reports.rank_table import SHARES, Column, Ranking

_COLUMNS = 3


@styled
def score_panels(ranking: Ranking) -> Figure:
    """A panel a score. Candidates are numbered as in the table; below, what the numbers mean."""
    columns = min(_COLUMNS, len(ranking.columns))
    rows = math.ceil(len(ranking.columns) / columns)
    names = [f"{place}  {shorten(ranking.names[row], 90)}" for place, row in enumerate(ranking.order, 1)]
    panel = 2.7 if ranking.measured else 0.9 + 0.26 * len(names)
    key = 0.3 + 0.19 * len(names)
    figure = Figure(figsize=(max(3.1 * columns, 8.4), panel * rows + key), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(panel * rows, key), squeeze=False).ravel()
    for half in (top, bottom):
        half.set_facecolor("none")
    for place, column in enumerate(ranking.columns):
        axes = top.add_subplot(rows, columns, place + 1)
        (_scatter if ranking.measured else _dots)(axes, ranking, column)
    bottom.text(0.02, 0.95, "\n".join(names), va="top", color=INK, fontsize=8.5, linespacing=1.5)
    return figure


def _scatter(axes: Axes, ranking: Ranking, column: Column) -> None:
    """Score against measured accuracy; the places of the table beside the dots."""
    for place, row in enumerate(ranking.order, 1):
        x, y = column.values[row], ranking.measured[row]
        if x is not None and y is not None:
            axes.plot([x], [y], "o", color=GOOD, markersize=7)
            axes.annotate(f"{place}", (x, y), xytext=(6, 4), textcoords="offset points", color=INK, fontsize=8.5)
    if not column.higher:
        axes.invert_xaxis()
    axes.margins(0.18)
    axes.set_ylabel("measured accuracy")
    percent_axis(axes.yaxis)
    tau = column.agreement.tau if column.agreement else None
    _title(axes, column, "" if tau is None else f", tau {tau:+.2f}")
    axes.grid()


def _dots(axes: Axes, ranking: Ranking, column: Column) -> None:
    """A line for each candidate, in the order of the table."""
    places = np.arange(len(ranking.names), 0, -1)
    for height, row in zip(places, ranking.order, strict=True):
        value = column.values[row]
        if value is not None:
            best = column.places[row] == 1
            axes.plot([value], [height], "o", color=GOOD if best else PALE, markersize=7)
    if not column.higher:
        axes.invert_xaxis()
    axes.set_yticks(places, [f"{place}" for place in range(1, len(places) + 1)], color=INK)
    axes.set_ylim(0.4, len(places) + 0.6)
    axes.margins(x=0.15)
    axes.tick_params(axis="both", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid()
    _title(axes, column, "")


def _title(axes: Axes, column: Column, more: str) -> None:
    axes.set_title(f"{column.title}{more}", color=INK, fontsize=10, loc="left")
    axes.set_xlabel("lower is better, to the right" if not column.higher else "higher is better", color=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    if column.key in SHARES:
        percent_axis(axes.xaxis)
