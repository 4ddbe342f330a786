"""A panel a target: similarity against transfer, a dot a source."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fgtl.reports.figures import BAD, GOOD, INK, MUTED, PALE, percent_axis, shorten, styled
from scripts.experiment_similarity.association import Association
from scripts.experiment_similarity.results import Tables

_COLUMNS = 2


@styled
def transfer_panels(tables: Tables, found: Mapping[str, Association]) -> Figure:
    """Sources are numbered; below, what the numbers mean. Bars: lowest and highest net of a source."""
    rows = math.ceil(len(tables.targets) / _COLUMNS)
    names = [f"{place}  {shorten(name, 60)}" for place, name in enumerate(tables.sources, 1)]
    key = 0.3 + 0.19 * math.ceil(len(names) / _COLUMNS)
    figure = Figure(figsize=(10, 3.5 * rows + key), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(3.5 * rows, key), squeeze=False).ravel()
    for place, target in enumerate(tables.targets):
        axes = top.add_subplot(rows, _COLUMNS, place + 1)
        _panel(axes, tables, place)
        rho = found[f"Spearman, {target}"].value
        axes.set_title(f"{target}{'' if rho is None else f', Spearman {rho:+.2f}'}", color=INK, fontsize=10, loc="left")
    half = math.ceil(len(names) / _COLUMNS)
    for column in range(_COLUMNS):
        shown = "\n".join(names[column * half : (column + 1) * half])
        bottom.text(0.03 + 0.4 * column, 0.97, shown, va="top", color=INK, fontsize=8.5, linespacing=1.5)
    for row, (colour, meaning) in enumerate(
        ((GOOD, "of the target's record set"), (PALE, "half of it"), (BAD, "of others"))
    ):
        bottom.text(0.82, 0.9 - 0.19 * row / key, f"● {meaning}", va="top", color=colour, fontsize=8.5)
    bottom.text(0.82, 0.9 - 0.57 / key, "| its nets,  - - untrained", va="top", color=MUTED, fontsize=8.5)
    return figure


def _panel(axes: Axes, tables: Tables, place: int) -> None:
    home = set(list(tables.targets.values())[place])
    for row, sets in enumerate(tables.sources.values()):
        x, nets = tables.similarity[row, place], tables.accuracy[row, place]
        colour = GOOD if set(sets) <= home else PALE if home & set(sets) else BAD
        axes.plot([x, x], [nets.min(), nets.max()], "-", color=colour, linewidth=1)
        axes.plot([x], [nets.mean()], "o", color=colour, markersize=6)
    _number(axes, tables.similarity[:, place], tables.transfer[:, place])
    axes.axhline(float(np.mean(tables.untrained[place])), color=MUTED, linewidth=1, linestyle="--")
    axes.margins(0.1)
    axes.set_xlabel("similarity", color=MUTED)
    axes.set_ylabel("accuracy on the target")
    percent_axis(axes.yaxis)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid()


def _number(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    """The sources' numbers, right of their dots; left where a dot above or below is about as far to the right."""
    width, height = np.ptp(x) or 1.0, np.ptp(y) or 1.0
    on_left: dict[int, bool] = {}
    for row in np.argsort(y).tolist():
        close = [one for one in on_left if abs(x[one] - x[row]) < 0.06 * width and abs(y[one] - y[row]) < 0.07 * height]
        on_left[row] = bool(close) and not on_left[close[-1]]
        axes.annotate(
            f"{row + 1}",
            (x[row], y[row]),
            xytext=(-5 if on_left[row] else 5, 3),
            textcoords="offset points",
            ha="right" if on_left[row] else "left",
            color=INK,
            fontsize=8,
        )
