"""Bar chart of similarities: a group for each target, a bar with its interval for each source."""

from itertools import groupby

import numpy as np
from matplotlib.figure import Figure

from fgtl.reports.figures import GOOD, INK, MUTED, PALE, shorten, single_axes, styled
from fgtl.reports.similarity_rows import SimilarityTable

_BAR, _GAP = 0.3, 0.18


@styled
def similarity_bars(similarities: SimilarityTable) -> Figure:
    """Similarity of each source to each target with its 95 % interval; the most similar source of a target is blue."""
    groups = [(target, list(rows)) for target, rows in groupby(similarities.rows, key=lambda row: row.target)]
    height = _BAR * len(similarities.rows) + (_BAR + _GAP) * len(groups)
    figure, axes = single_axes(7.6, height + 0.7)
    top, ticks, names = 0.0, [], []
    for target, rows in groups:
        axes.text(0, top + _BAR / 2, shorten(target, 60), va="center", fontsize=10, fontweight="bold", color=INK)
        for number, row in enumerate(rows, 1):
            place = top + _BAR * (number + 0.5)
            axes.barh(place, row.similarity, height=0.8 * _BAR, color=PALE if number > 1 else GOOD)
            low, high = row.similarity_interval or (row.similarity, row.similarity)
            axes.plot([low, high], [place, place], color=INK, linewidth=1.6, solid_capstyle="butt")
            axes.annotate(
                f"{row.similarity:.3f} · EMD {row.emd:.4g}",
                (max(high, row.similarity), place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                color=MUTED,
            )
            ticks.append(place)
            names.append(shorten(row.source, 34))
        top += _BAR * (len(rows) + 1) + _GAP
    axes.set_yticks(ticks, names, color=INK)
    axes.set(xlim=(0, 1.32), ylim=(top - _GAP + 0.05, -0.05), xlabel="similarity, 95 % interval over images")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(axis="x")
    axes.tick_params(axis="both", length=0)
    axes.spines[:].set_visible(False)
    return figure
