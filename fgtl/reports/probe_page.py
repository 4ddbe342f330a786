"""One self-contained page of probes: accuracies, what they were chosen by, few shots, confusions."""

from dataclasses import dataclass
from itertools import cycle

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from fgtl.reports.confusion import confusion_matrix
from fgtl.reports.figures import BAD, GOOD, INK, MUTED, PALE, percent_axis, shorten, single_axes, styled, to_svg
from fgtl.reports.headline import percent
from fgtl.reports.pages import environment
from fgtl.reports.probe_table import (
    TITLES,
    Classified,
    ProbeTable,
    best_of_each,
    cells,
    difference_cells,
    few_cells,
)

_COLOURS = (GOOD, BAD, PALE, MUTED, INK)
# Inches, a line of a legend.
_LINE = 0.2
_VALUES = {"c": "C, weaker penalty to the right", "penalty": "penalty, a share of the mean eigenvalue", "k": "k"}


@dataclass(frozen=True)
class Confusion:
    """The confusions of one row."""

    row: Classified
    picture: Markup
    pairs: tuple[tuple[str, str, int, float], ...]


def as_html(probes: ProbeTable) -> str:
    """The page as text; it loads nothing and runs nothing."""
    dots = to_svg(dot_plot(probes), "Top-1 accuracy of each classifier on each feature set, with 95 % intervals")
    return (
        environment()
        .get_template("probe.html")
        .render(
            probes=probes,
            best=probes.rows[0],
            title=TITLES,
            dots=dots,
            choice=to_svg(choice_plot(probes), "Validation accuracy of every setting that was tried")
            if any(row.tried for row in probes.rows)
            else "",
            few=to_svg(few_plot(probes), "Accuracy with few training images a class") if probes.few else "",
            tables=[cells(probes), few_cells(probes), difference_cells(probes)],
            confusions=[_confusion(row) for row in best_of_each(probes)],
        )
    )


@styled
def dot_plot(probes: ProbeTable, title: str = "") -> Figure:
    """Top-1 accuracy of each row with its interval, best first; a title where nothing else says what it is."""
    figure, axes = single_axes(7.2, 1.0 + 0.38 * len(probes.rows))
    places = np.arange(len(probes.rows))[::-1]
    for place, row in zip(places, probes.rows, strict=True):
        low, high = row.evaluation.top1_interval
        axes.plot([low, high], [place, place], color=GOOD, linewidth=2.2, alpha=0.55)
        axes.plot([row.evaluation.top1], [place], "o", color=GOOD, markersize=8)
        axes.annotate(
            percent(row.evaluation.top1), (high, place), xytext=(8, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(places, [shorten(row.name, 58) for row in probes.rows], color=INK)
    low = min(row.evaluation.top1_interval[0] for row in probes.rows)
    high = max(row.evaluation.top1_interval[1] for row in probes.rows)
    margin = max(0.06 * (high - low), 0.004)
    # Room for the figures at the right.
    axes.set(xlim=(low - margin, high + margin + 0.16 * (high - low + 2 * margin)), ylim=(-0.6, len(places) - 0.4))
    axes.set_xlabel("top-1 accuracy on the test images, 95 % interval")
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    percent_axis(axes.xaxis)
    axes.grid(axis="x")
    axes.tick_params(axis="both", length=0)
    axes.spines[:].set_visible(False)
    return figure


@styled
def choice_plot(probes: ProbeTable) -> Figure:
    """Validation accuracy over the settings, a panel a classifier, a colour a feature set; a ring is what was taken."""
    rows = [row for row in probes.rows if row.tried]
    kinds = list(dict.fromkeys(row.classifier for row in rows))
    colours = _colours(probes)
    figure = Figure(figsize=(7.2, 2.7 * len(kinds) + _LINE * len(colours)), layout="constrained")
    panels = np.atleast_1d(figure.subplots(len(kinds), 1))
    for axes, kind in zip(panels, kinds, strict=True):
        for row in (row for row in rows if row.classifier == kind):
            colour = colours[row.features]
            for standardised in dict.fromkeys(one[2] for one in row.tried):
                points = sorted((value, share) for _, value, how, share in row.tried if how is standardised)
                axes.plot(*zip(*points, strict=True), color=colour, linestyle="--" if standardised else "-")
            if row.chosen is not None:
                _, value, _, share = row.chosen
                axes.plot([value], [share], "o", color=colour, markersize=9, mfc="none", markeredgewidth=1.6)
        _log_axis(axes)
        axes.set(xlabel=_VALUES[_name_of_setting(rows, kind)], ylabel="validation accuracy")
        axes.set_title(TITLES[kind], loc="left", fontsize=10, color=INK)
        percent_axis(axes.yaxis)
        axes.grid(axis="y")
    _name_colours(figure, colours, dashed=any(one[2] for row in rows for one in row.tried))
    return figure


def _name_colours(figure: Figure, colours: dict[str, str], *, dashed: bool = False) -> None:
    """A line for each feature set below the panels, where long names have room and hide nothing."""
    lines = [Line2D([], [], color=colour, label=shorten(name, 90)) for name, colour in colours.items()]
    if dashed:
        lines.append(Line2D([], [], color=INK, linestyle="--", label="dashed: standardised"))
    figure.legend(handles=lines, loc="outside lower left")


def _colours(probes: ProbeTable) -> dict[str, str]:
    """A colour for each feature set, the same in every figure."""
    sets = dict.fromkeys(row.features for row in probes.rows)
    return dict(zip(sets, cycle(_COLOURS), strict=False))


def _name_of_setting(rows: list[Classified], kind: str) -> str:
    return next(row.tried[0][0] for row in rows if row.classifier == kind)


@styled
def few_plot(probes: ProbeTable, title: str = "") -> Figure:
    """Accuracy over the training images a class; strokes are the draws. A title where nothing else says what it is."""
    colours = _colours(probes)
    figure, axes = single_axes(7.2, 3.0 + _LINE * len(colours))
    for features, colour in colours.items():
        own = sorted((one for one in probes.few if one.features == features), key=lambda one: one.shots)
        axes.plot([one.shots for one in own], [one.mean for one in own], "o-", color=colour)
        for one in own:
            axes.plot(np.full(len(one.each), one.shots), one.each, "_", color=colour, markersize=9)
    shots = sorted({one.shots for one in probes.few})
    _log_axis(axes)
    axes.set_xticks(shots)
    axes.set(xlabel="training images a class", ylabel="top-1 accuracy")
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    percent_axis(axes.yaxis)
    axes.grid(axis="y")
    _name_colours(figure, colours)
    return figure


def _log_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    # Matplotlib writes powers as formulas, and these figures have none.
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())


def _confusion(row: Classified) -> Confusion:
    found = row.evaluation
    names = [one.name for one in found.per_class]
    pairs = tuple((names[one.true], names[one.predicted], one.images, one.share) for one in found.most_confused(10))
    about = f"Confusion matrix of {row.name}"
    return Confusion(row, to_svg(confusion_matrix(found, together=True), about), pairs)
