"""Figures of what only some runs have: classes by their training images, levels of a taxonomy, watched checkpoints."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from fgtl.reports.figures import BAD, GOOD, INK, MUTED, PALE, percent_axis, shorten, single_axes, styled
from fgtl.reports.head_tail import HeadTail
from fgtl.reports.hierarchy import HierarchyResult
from fgtl.reports.history import History
from fgtl.reports.metrics import Evaluation

# Up to so many groups of classes of nearly equal training images are averaged, for the line through the dots.
_STEPS = 8


@styled
def by_training_images(evaluation: Evaluation, parts: HeadTail) -> Figure:
    """Accuracy of each class over its training images; the line is the mean of classes with about as many."""
    figure, axes = single_axes(4.4, 3.0)
    points = [
        (max(count, 0.5), one.accuracy, count >= parts.head_images)
        for count, one in zip(parts.training, evaluation.per_class, strict=True)
        if one.accuracy is not None
    ]
    counts, accuracies = (np.array([point[k] for point in points], np.float64) for k in (0, 1))
    head = np.array([point[2] for point in points])
    for members, colour, name in ((head, GOOD, "head"), (~head, BAD, "tail")):
        if members.any():
            axes.plot(counts[members], accuracies[members], "o", color=colour, markersize=3.5, alpha=0.55, label=name)
    order = np.array_split(np.argsort(counts, kind="stable"), min(_STEPS, len(counts)))
    axes.plot(
        [np.exp(np.mean(np.log(counts[rows]))) for rows in order],
        [accuracies[rows].mean() for rows in order],
        color=INK,
        linewidth=1.4,
        label="mean",
    )
    if head.any() and not head.all():
        axes.axvline(parts.head_images, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "0")
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.set(xlabel="training images of the class", ylabel="accuracy", ylim=(-0.04, 1.04))
    percent_axis(axes.yaxis)
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2, handlelength=1.4)
    return figure


@styled
def levels(result: HierarchyResult) -> Figure:
    """Accuracy at each level of the taxonomy, from the root down."""
    figure, axes = single_axes(4.4, 0.6 + 0.32 * len(result.levels))
    places = np.arange(len(result.levels))[::-1]
    axes.barh(places, 1.0, color=PALE, alpha=0.18, height=0.68)
    axes.barh(places, [one.accuracy for one in result.levels], color=GOOD, height=0.68)
    for place, one in zip(places, result.levels, strict=True):
        axes.text(1.02, place, f"{100 * one.accuracy:.1f} %", va="center", fontsize=8, color=MUTED)
    last = len(result.levels) - 1
    names = [f"{one.groups:,} {'classes' if place == last else 'groups'}" for place, one in enumerate(result.levels)]
    axes.set_yticks(places, names, fontsize=8, color=INK)
    axes.set(xlim=(0, 1.14))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    percent_axis(axes.xaxis)
    axes.tick_params(axis="both", length=0)
    axes.spines[:].set_visible(False)
    return figure


@styled
def checkpoints(watched: Mapping[str, History]) -> Figure:
    """Top-1 accuracy of the checkpoints that `fgtl evaluate --watch` saw, over the epochs; a line for each split."""
    figure, axes = single_axes(3.7, 2.7)
    # Validation has the colour that it has in the other curves.
    ordered = sorted(watched.items(), key=lambda item: not item[0].startswith("validation"))
    for colour, (name, history) in zip((GOOD, BAD, PALE, MUTED), ordered, strict=False):
        axes.plot(*history.series("top1"), color=colour, marker="o", markersize=3, label=shorten(name))
    axes.set(xlabel="epoch", ylabel="top-1 accuracy")
    percent_axis(axes.yaxis)
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2, handlelength=1.4)
    return figure
