"""Bar chart of similarities: a group for each target, a bar with its interval for each source."""

from collections.abc import Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator

from fgtl.reports.figures import GOOD, INK, MUTED, PALE, shorten, single_axes, styled
from fgtl.reports.similarity_rows import SimilarityTable

_BAR, _GAP = 0.3, 0.18
# Points, before and behind what is written at the end of a bar.
_SPACE = 9


@styled
def similarity_bars(similarities: SimilarityTable, title: str = "") -> Figure:
    """Similarity of each source to each target with its 95 % interval; the most similar source of a target is blue."""
    groups = [(target, list(rows)) for target, rows in groupby(similarities.rows, key=lambda row: row.target)]
    height = _BAR * len(similarities.rows) + (_BAR + _GAP) * len(groups)
    figure, axes = single_axes(7.6, height + 0.7)
    top, ticks, names, said = 0.0, [], [], []
    for target, rows in groups:
        axes.text(0, top + _BAR / 2, shorten(target, 60), va="center", fontsize=10, fontweight="bold", color=INK)
        for number, row in enumerate(rows, 1):
            place = top + _BAR * (number + 0.5)
            axes.barh(place, row.similarity, height=0.8 * _BAR, color=PALE if number > 1 else GOOD)
            low, high = row.similarity_interval or (row.similarity, row.similarity)
            axes.plot([low, high], [place, place], color=INK, linewidth=1.6, solid_capstyle="butt")
            said.append(
                axes.annotate(
                    f"{row.similarity:.3f} · EMD {row.emd:.4g}",
                    (max(high, row.similarity), place),
                    xytext=(6, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8.5,
                    color=MUTED,
                )
            )
            ticks.append(place)
            names.append(shorten(row.source, 34))
        top += _BAR * (len(rows) + 1) + _GAP
    axes.set_yticks(ticks, names, color=INK)
    what = "similarity, 95 % interval over images" if similarities.resamples else "similarity"
    axes.set(xlim=(0, 1), ylim=(top - _GAP + 0.05, -0.05), xlabel=what)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.grid(axis="x")
    axes.tick_params(axis="both", length=0)
    axes.spines[:].set_visible(False)
    _fit(figure, axes, said)
    return figure


def _fit(figure: Figure, axes: Axes, said: Sequence[Annotation]) -> None:
    """As long an axis as the bars and what is written behind them need."""
    figure.draw_without_rendering()
    wide = axes.get_window_extent().width
    # Letters keep their width while the axis grows: an end x and w pixels of letters need x + w / wide * limit.
    room = [(one.xy[0], one.get_window_extent().width + _SPACE * figure.dpi / 72) for one in said]
    limit = max(x / (1 - min(letters / wide, 0.8)) for x, letters in room) or 1.0
    axes.set_xlim(0, limit)
    # A similarity is 1 at most.
    axes.set_xticks([tick for tick in MaxNLocator(6).tick_values(0, min(limit, 1)) if tick <= min(limit, 1)])
