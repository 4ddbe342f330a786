"""How near a growing set of source classes comes to each target: a curve for each method."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from fgtl.reports.figures import BAD, GOOD, INK, MUTED, shorten, styled

_COLUMNS = 3


@dataclass(frozen=True, eq=False)
class Curve:
    """Earth mover's distance of the first 1, 2, ... classes of a list from a target.

    Attributes:
        label: how the list was made.
        sizes: (P,) how many classes.
        emd: (P,) their distance.
    """

    label: str
    sizes: NDArray[np.int64]
    emd: NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """One target: its curves, and the distance of all source classes (how many) together."""

    target: str
    curves: Sequence[Curve]
    whole: float
    classes: int


@styled
def distance_curves(panels: Sequence[Panel]) -> Figure:
    """A panel for each target, distances from one zero-free scale each; a ring marks where a curve is lowest."""
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4.6 * columns if columns > 1 else 6.4, 3.3 * rows), layout="constrained")
    for place, panel in enumerate(panels):
        _draw(figure.add_subplot(rows, columns, place + 1), panel)
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    for curve, colour in zip(panel.curves, (GOOD, BAD), strict=False):
        lowest = int(curve.emd.argmin())
        axes.plot(curve.sizes, curve.emd, color=colour, label=f"{curve.label}, lowest at {curve.sizes[lowest]:,}")
        axes.plot(curve.sizes[lowest], curve.emd[lowest], "o", color=colour, markersize=6, markerfacecolor="none")
    axes.axhline(panel.whole, color=MUTED, linewidth=1, linestyle=(0, (2, 3)), label=f"all {panel.classes:,} classes")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(shorten(panel.target, 40), color=INK, fontsize=10, loc="left")
    axes.set_xlabel("source classes")
    axes.set_ylabel("EMD to the target")
    axes.grid(axis="y")
    axes.legend(loc="best")
